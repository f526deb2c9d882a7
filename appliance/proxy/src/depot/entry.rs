//! What is kept of one key.

use std::borrow::Borrow;
use std::cmp::Reverse;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ::http::HeaderMap;
use cache::{Kept, Key, Stored, VARIANTS_MAX};

use super::body::Body;

/// A response that is kept or on its way: its head, and its body. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Object {
    pub(crate) stored: Arc<Stored>,
    pub(crate) body: Arc<Body>,
}

impl Borrow<Stored> for Object {
    fn borrow(&self) -> &Stored {
        &self.stored
    }
}

/// When a response takes the place of what is there for the same requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Succession {
    /// As it begins to come.
    AtOnce,
    /// When it has come whole: until then, and where it never does, what is there whole stays.
    OnceWhole,
}

/// The responses of one key.
pub(super) struct Entry {
    pub(super) name: u128,
    pub(super) key: Key,
    /// It has a file that each has to be authorised for: no record names it.
    pub(super) is_secret: bool,
    objects: Mutex<Vec<Object>>,
}

impl Entry {
    pub(super) fn new(name: u128, key: Key, objects: Vec<Object>) -> Self {
        Self { name, key, is_secret: false, objects: Mutex::new(objects) }
    }

    /// A file that each has to be authorised for.
    pub(super) fn secret(name: u128, key: Key, object: Object) -> Self {
        Self { name, key, is_secret: true, objects: Mutex::new(vec![object]) }
    }

    /// Those that can be used: one whose transfer failed cannot.
    pub(super) fn objects(&self) -> Vec<Object> {
        let mut objects = self.lock();
        objects.retain(|object| !object.body.has_failed());
        // A part is nothing beside something whole.
        let is_outdone = |part: &Object| {
            let is_better =
                |other: &Object| other.body.whole_length().is_some() && other.stored.vary == part.stored.vary;
            part.body.is_resting() && objects.iter().any(is_better)
        };
        objects.iter().filter(|object| !is_outdone(object)).cloned().collect()
    }

    /// What was left for later of what such a request asks for.
    pub(super) fn part(&self, request: &HeaderMap) -> Option<Object> {
        let objects = self.lock();
        let is_part = |object: &&Object| object.body.is_resting() && object.stored.vary.matches(request);
        objects.iter().rev().find(is_part).cloned()
    }

    /// Adds a response, in place of those for the same requests or beside them. What has to leave for it is given back.
    pub(super) fn add(&self, object: Object, succession: Succession) -> Vec<Object> {
        let mut objects = self.lock();
        let is_alike = |other: &Object| other.stored.vary == object.stored.vary;
        let is_replaced = |other: &Object| {
            let gives_way = succession == Succession::AtOnce || other.body.whole_length().is_none();
            other.body.has_failed() || (gives_way && is_alike(other))
        };
        let (mut replaced, kept): (Vec<_>, Vec<_>) = objects.drain(..).partition(is_replaced);
        *objects = kept;
        if objects.len() >= VARIANTS_MAX {
            let place = find_leaving(&objects, &object);
            replaced.push(objects.remove(place));
        }
        objects.push(object);
        replaced
    }

    /// A response has come whole: those before it for the same requests are taken away, and given back.
    pub(super) fn settle(&self, body: &Arc<Body>) -> Vec<Object> {
        let mut objects = self.lock();
        let Some(place) = objects.iter().position(|object| Arc::ptr_eq(&object.body, body)) else {
            return vec![];
        };
        let rest = objects.split_off(place);
        let is_replaced =
            |other: &Object| rest.first().is_some_and(|object| object.stored.vary == other.stored.vary);
        let (replaced, kept): (Vec<_>, Vec<_>) = objects.drain(..).partition(is_replaced);
        *objects = kept;
        objects.extend(rest);
        replaced
    }

    /// Gives a response another head than it had in `known`. One that was changed meanwhile stays invalid: what the server says of it
    /// may be from before.
    pub(super) fn update(&self, known: &Object, mut stored: Stored) -> Option<Object> {
        let mut objects = self.lock();
        let object = objects.iter_mut().find(|object| Arc::ptr_eq(&object.body, &known.body))?;
        if object.stored.validity > known.stored.validity {
            stored.validity = stored.validity.max(object.stored.validity);
        }
        object.stored = Arc::new(stored);
        Some(object.clone())
    }

    /// Gives all responses other heads.
    pub(super) fn update_all(&self, change: impl Fn(&Stored) -> Stored) {
        for object in self.lock().iter_mut() {
            object.stored = Arc::new(change(&object.stored));
        }
    }

    /// Takes a response away.
    pub(super) fn remove(&self, body: &Arc<Body>) {
        self.lock().retain(|object| !Arc::ptr_eq(&object.body, body));
    }

    /// Whether the body of this number is one of its responses'.
    pub(super) fn has(&self, number: u64) -> bool {
        self.lock().iter().any(|object| object.body.number() == number)
    }

    /// What a record of it says: those that are there whole.
    pub(super) fn kept(&self) -> Vec<Kept> {
        let objects = self.lock();
        let kept = objects.iter().filter_map(|object| {
            let length = object.body.whole_length()?;
            Some(Kept { stored: (*object.stored).clone(), body: object.body.number(), length })
        });
        kept.collect()
    }

    /// What of it is not there whole, and is gone on with.
    pub(super) fn parts(&self) -> Vec<Kept> {
        let objects = self.lock();
        let parts = objects.iter().filter(|object| {
            let is_whole = object.body.whole_length().is_some();
            object.body.keeps_parts() && !is_whole && !object.body.has_failed()
        });
        let note = |object: &Object| {
            let length = object.body.length()?;
            Some(Kept { stored: (*object.stored).clone(), body: object.body.number(), length })
        };
        parts.filter_map(note).collect()
    }

    /// Whether something of it is on its way still.
    pub(super) fn is_arriving(&self) -> bool {
        let is_coming = |object: &Object| {
            let is_whole = object.body.whole_length().is_some();
            !is_whole && !object.body.has_failed() && !object.body.is_resting()
        };
        self.lock().iter().any(is_coming)
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Object>> {
        // Objects come and go whole.
        self.objects.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Which of so many variants leaves for another one: the oldest, but none that this one may not take the place of yet, nor what most
/// browsers say. First one that nobody but the device has read that this one is for, then one of those of the device that has most of
/// such: somebody who says what nobody else does would push out what the class gets.
fn find_leaving(objects: &[Object], new: &Object) -> usize {
    let is_other = |other: &Object| other.stored.vary != new.stored.vary;
    let is_odd = |other: &Object| is_other(other) && !other.stored.vary.is_usual();
    let is_of_one = |other: &Object| is_odd(other) && !other.body.is_shared();
    let is_own = |other: &Object| is_of_one(other) && other.body.reader() == new.body.reader();
    let count_alike = |one: &Object| {
        let is_alike = |other: &&Object| is_of_one(other) && other.body.reader() == one.body.reader();
        objects.iter().filter(is_alike).count()
    };
    let of_one = objects.iter().enumerate().filter(|(_, other)| is_of_one(other));
    let crowding = of_one.max_by_key(|(place, other)| (count_alike(other), Reverse(*place)));
    let own = objects.iter().position(is_own).or_else(|| crowding.map(|(place, _)| place));
    let odd = own.or_else(|| objects.iter().position(is_odd));
    odd.or_else(|| objects.iter().position(is_other)).unwrap_or(0)
}
