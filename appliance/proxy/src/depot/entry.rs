//! What is kept of one key.

use std::borrow::Borrow;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

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
        objects.clone()
    }

    /// Adds a response in place of those for the same requests. What it takes the place of is given back.
    pub(super) fn add(&self, object: Object) -> Vec<Object> {
        let mut objects = self.lock();
        let is_replaced = |other: &Object| other.stored.vary == object.stored.vary || other.body.has_failed();
        let (mut replaced, kept): (Vec<_>, Vec<_>) = objects.drain(..).partition(is_replaced);
        *objects = kept;
        if objects.len() >= VARIANTS_MAX {
            replaced.push(objects.remove(0));
        }
        objects.push(object);
        replaced
    }

    /// Gives a response another head.
    pub(super) fn update(&self, body: &Arc<Body>, stored: Stored) -> Option<Object> {
        let mut objects = self.lock();
        let object = objects.iter_mut().find(|object| Arc::ptr_eq(&object.body, body))?;
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

    /// What a record of it says: those that are there whole.
    pub(super) fn kept(&self) -> Vec<Kept> {
        let objects = self.lock();
        let kept = objects.iter().filter_map(|object| {
            let length = object.body.whole_length()?;
            Some(Kept { stored: (*object.stored).clone(), body: object.body.number(), length })
        });
        kept.collect()
    }

    /// Whether something of it is on its way still.
    pub(super) fn is_arriving(&self) -> bool {
        self.lock().iter().any(|object| object.body.whole_length().is_none() && !object.body.has_failed())
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Object>> {
        // Objects come and go whole.
        self.objects.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
