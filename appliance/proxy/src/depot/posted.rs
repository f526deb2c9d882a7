//! Answers to requests that change something at a server: one to POST may be kept (RFC 9110 section 9.3.3), where nobody else changed
//! the same meanwhile.
//!
//! Invariant: such an answer is kept only where no other request that may change its key began or was answered between its own
//! beginning and the moment it is on the disk: nobody can tell which of the two the server did last. One that began before and is
//! answered later makes it invalid, as any change does.
//!
//! What was asked for before a change was answered, and comes after that, is from before: it is kept, and invalid from its beginning.

use std::collections::HashMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use cache::{Key, Stored, Validity};
use model::{Mac, Timestamp};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::spawn_blocking;

use super::entry::{Entry, Object, Succession};
use super::stock::{Arrival, Depot};

/// Keys whose last change is remembered: far more than are changed while an answer comes. Beyond, all are forgotten, and what
/// comes just then is not kept.
const CHANGED_MAX: usize = 4_096;
/// Answers that are noted while they pass, at once; others are not kept.
const NOTED_MAX: usize = 16;

/// A change of a key: which one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Change(u64);

/// The moment at which a server is asked.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Moment {
    pub(crate) at: Timestamp,
    /// This change and those after it come later.
    since: Change,
}

/// The last change of each key, by its name.
pub(super) struct Changes {
    state: Mutex<State>,
    places: Arc<Semaphore>,
}

#[derive(Default)]
struct State {
    last: HashMap<u128, Change>,
    /// The last one that was answered.
    answered: HashMap<u128, Change>,
    /// Of those before this one nobody knows any more what they changed.
    forgotten: u64,
    next: u64,
}

impl Default for Changes {
    fn default() -> Self {
        Self { state: Mutex::default(), places: Arc::new(Semaphore::new(NOTED_MAX)) }
    }
}

impl Changes {
    /// A request that may change this is on its way.
    fn begin(&self, name: u128) -> Change {
        self.lock().note([name].into_iter())
    }

    /// It was answered, and changed these. `None` where another one for its own name began or ended since it began.
    fn end(&self, name: u128, begun: Change, changed: impl Iterator<Item = u128>) -> Option<Change> {
        let mut state = self.lock();
        let was_last = state.last.get(&name) == Some(&begun);
        let changed: Vec<u128> = changed.collect();
        let change = state.note(changed.iter().copied());
        state.note_answered(&changed, change);
        was_last.then_some(change)
    }

    /// The number of the change that comes next.
    fn next_change(&self) -> Change {
        Change(self.lock().next)
    }

    /// Whether something that may have changed this was answered since. What is forgotten may have.
    fn is_changed(&self, name: u128, since: Change) -> bool {
        let state = self.lock();
        state.forgotten > since.0 || state.answered.get(&name).is_some_and(|change| change.0 >= since.0)
    }

    /// Whether nothing has changed since.
    fn is_last(&self, name: u128, change: Change) -> bool {
        self.lock().last.get(&name) == Some(&change)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // What is missing of it is taken for changed.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn note(&mut self, names: impl Iterator<Item = u128>) -> Change {
        let change = Change(self.next);
        self.next += 1;
        if self.last.len() >= CHANGED_MAX {
            self.last.clear();
        }
        self.last.extend(names.map(|name| (name, change)));
        change
    }

    fn note_answered(&mut self, names: &[u128], change: Change) {
        if self.answered.len() >= CHANGED_MAX {
            self.answered.clear();
            self.forgotten = change.0;
        }
        self.answered.extend(names.iter().map(|name| (*name, change)));
    }
}

impl Depot {
    /// A request that may change something under a key is on its way.
    pub(crate) fn begin_change(&self, key: &Key) -> Change {
        self.changes.begin(Self::name(key))
    }

    /// It was answered, and changed these. `None` where another one for the same key was on its way meanwhile.
    pub(crate) fn end_change(&self, key: &Key, begun: Change, changed: &[Key]) -> Option<Change> {
        self.changes.end(Self::name(key), begun, changed.iter().map(Self::name))
    }

    /// A server is about to be asked.
    pub(crate) fn moment(&self) -> Moment {
        Moment { at: self.now(), since: self.changes.next_change() }
    }

    /// What the server has said to a question of this moment; invalid where it may be from before a change. A change that is
    /// answered later marks it as all that is there: it is in its entry already.
    pub(super) fn heed_changes(&self, entry: &Entry, object: Object, asked: Moment) -> Object {
        if !self.changes.is_changed(entry.name, asked.since) {
            return object;
        }
        let doubted = object.stored.at_best(Validity::Doubted);
        entry.update(&object, doubted).unwrap_or(object)
    }

    /// A place among the answers that are noted while they pass.
    pub(crate) fn take_note_place(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.changes.places).try_acquire_owned().ok()
    }

    /// Keeps what a change was answered with, all of which has come, unless there was another one since, or somebody has asked for
    /// it meanwhile: whoever posted may have taken long to read.
    /// `poster` is the device of that one.
    pub(crate) async fn keep_posted(
        &self,
        key: &Key,
        stored: Stored,
        bytes: &[u8],
        change: Change,
        poster: Option<Mac>,
    ) {
        let name = Self::name(key);
        if !self.changes.is_last(name, change) || self.has_newer(key, &stored).await {
            return;
        }
        let length = u64::try_from(bytes.len()).ok();
        let arrival = self.receive(key, stored, length, Succession::OnceWhole, None, poster).await;
        let Some(Arrival { entry, object, place: _place }) = arrival else { return };
        // From here on a change marks this response as it does those before it.
        let stream = object.body.begin(0, None).filter(|_| self.changes.is_last(name, change));
        match stream {
            None => object.body.fail(),
            Some(stream) => {
                object.body.confirm(stream);
                let run = object.body.push(stream, bytes).run;
                let writer = Arc::clone(&object.body);
                let writing = spawn_blocking(move || match run {
                    Some(run) => writer.write(&run).map(|()| Some(run)),
                    None => Ok(None),
                });
                match writing.await.map_err(io::Error::other).flatten() {
                    Ok(run) => {
                        if let Some(run) = run {
                            object.body.settle(stream, &run);
                        }
                        object.body.end(stream);
                    }
                    Err(error) => {
                        tracing::warn!(%error, "the ENT's cache cannot write to the disk");
                        object.body.fail();
                    }
                }
            }
        }
        self.finish(&entry, &object).await;
    }

    /// Whether the server was asked for the same after it had said this.
    async fn has_newer(&self, key: &Key, stored: &Stored) -> bool {
        let objects = self.find(key).await.map(|entry| entry.objects()).unwrap_or_default();
        let is_newer =
            |other: &Stored| other.validity == Validity::Standing && other.requested >= stored.received;
        let vary = stored.vary.clone().of_anybody();
        let is_same = |other: &Stored| other.vary.clone().of_anybody() == vary;
        objects.iter().any(|other| is_same(&other.stored) && is_newer(&other.stored))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAMES: [u128; 2] = [1, 2];

    #[test]
    fn the_last_change_is_told_from_those_before() {
        let changes = Changes::default();
        let begun = changes.begin(1);
        let change = changes.end(1, begun, NAMES.into_iter()).unwrap();
        assert!(changes.is_last(1, change) && changes.is_last(2, change));
        assert!(!changes.is_last(1, begun) && !changes.is_last(3, change));
        // What another one says of the same.
        let other = changes.begin(2);
        assert!(changes.is_last(1, change) && !changes.is_last(2, change));
        changes.end(2, other, [1].into_iter()).unwrap();
        assert!(!changes.is_last(1, change));
    }

    #[test]
    fn of_two_at_the_same_time_nobody_knows_which_was_last() {
        let changes = Changes::default();
        let (first, second) = (changes.begin(1), changes.begin(1));
        assert_eq!(changes.end(1, first, [1].into_iter()), None);
        assert_eq!(changes.end(1, second, [1].into_iter()), None);
        // The one that began last ends first: what it brought is worth nothing once the other one has ended.
        let (first, second) = (changes.begin(1), changes.begin(1));
        let change = changes.end(1, second, [1].into_iter()).unwrap();
        assert!(changes.is_last(1, change));
        assert_eq!(changes.end(1, first, [1].into_iter()), None);
        assert!(!changes.is_last(1, change));
    }

    #[test]
    fn what_was_asked_for_before_a_change_is_from_before() {
        let changes = Changes::default();
        let before = changes.next_change();
        let begun = changes.begin(1);
        let while_it_is_on_its_way = changes.next_change();
        assert!(!changes.is_changed(1, before), "nobody has answered");
        changes.end(1, begun, NAMES.into_iter()).unwrap();
        for name in NAMES {
            assert!(changes.is_changed(name, before) && changes.is_changed(name, while_it_is_on_its_way));
            assert!(!changes.is_changed(name, changes.next_change()));
        }
        assert!(!changes.is_changed(3, before));
        // One that changed nothing.
        let (before, begun) = (changes.next_change(), changes.begin(1));
        changes.end(1, begun, [].into_iter());
        assert!(!changes.is_changed(1, before));
        let before = changes.next_change();
        for name in 0..=CHANGED_MAX {
            let name = u128::try_from(name).unwrap() + 10;
            let begun = changes.begin(name);
            changes.end(name, begun, [name].into_iter());
        }
        assert!(changes.is_changed(1, before), "of what is forgotten nobody knows");
        assert!(!changes.is_changed(1, changes.next_change()));
    }

    #[test]
    fn what_is_forgotten_has_changed() {
        let changes = Changes::default();
        let begun = changes.begin(0);
        for name in 1..=CHANGED_MAX {
            changes.begin(u128::try_from(name).unwrap());
        }
        assert_eq!(changes.end(0, begun, [0].into_iter()), None);
        assert!(changes.lock().last.len() <= CHANGED_MAX);
    }
}
