//! The readings that are open on this box: their keys, in memory alone, and for their time alone.
//!
//! ```text
//!                 opened in the store, recorded
//! (nothing) ------------------------------------> Held: keys, when it ends by the steady clock
//!     ^                                             |
//!     |   ended by hand, by the time, by the end of the process: the keys are wiped
//!     +---------------------------------------------+
//! ```
//! A reading that the store has open, and that has no keys here, is from before a restart: it goes on once its keys are
//! given again.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant as Steady};

use archive::Identity;
use model::{PersonName, Reading, ReadingId, Timestamp};
use system::clock::monotonic;

/// What is held of open readings.
#[derive(Default)]
pub(crate) struct Readings {
    held: Mutex<HashMap<ReadingId, Held>>,
}

struct Held {
    author: PersonName,
    /// The library wipes a secret key when it is dropped.
    identities: Arc<Vec<Identity>>,
    /// By a clock that nobody sets: a reading does not last longer because the time was set back.
    ends: Steady,
}

impl Readings {
    /// Holds the keys of a reading until its end. None are needed for what is not sealed yet.
    pub(crate) fn hold(&self, reading: &Reading, identities: Vec<Identity>, now: Timestamp) {
        let left = Duration::from_millis(reading.until.ms_since(now));
        let held = Held {
            author: reading.author.clone(),
            identities: Arc::new(identities),
            ends: monotonic() + left,
        };
        self.lock().insert(reading.id, held);
    }

    /// The keys of a reading of this person; `None` where they are not here, or its time is over.
    pub(crate) fn keys(&self, id: ReadingId, author: &PersonName) -> Option<Arc<Vec<Identity>>> {
        let held = self.lock();
        let held = held.get(&id).filter(|held| held.author == *author && monotonic() < held.ends)?;
        Some(Arc::clone(&held.identities))
    }

    /// Whether the keys of a reading are here.
    pub(crate) fn has(&self, id: ReadingId) -> bool {
        self.lock().get(&id).is_some_and(|held| monotonic() < held.ends)
    }

    /// Whether the time of a reading is over by the steady clock, and the store may not know it yet.
    pub(crate) fn is_over(&self, id: ReadingId) -> bool {
        self.lock().get(&id).is_some_and(|held| held.ends <= monotonic())
    }

    /// Wipes the keys of a reading.
    pub(crate) fn wipe(&self, id: ReadingId) {
        self.lock().remove(&id);
    }

    /// Wipes the keys of readings whose time is over. Returns which: the store may not know yet, where its clock was set back.
    pub(crate) fn wipe_ended(&self) -> Vec<ReadingId> {
        let now = monotonic();
        let mut held = self.lock();
        let over: Vec<ReadingId> =
            held.iter().filter(|(_, held)| held.ends <= now).map(|(id, _)| *id).collect();
        over.iter().for_each(|id| drop(held.remove(id)));
        over
    }

    /// A map is right even after a panic elsewhere.
    fn lock(&self) -> MutexGuard<'_, HashMap<ReadingId, Held>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use model::{Purpose, ReadingTerms};

    use super::*;

    fn reading(minutes: i64) -> Reading {
        let at = |minute: i64| Timestamp::from_unix_ms(1_795_422_600_000 + minute * 60_000);
        Reading {
            id: ReadingId::new(7),
            author: "Mme Durand".parse().unwrap(),
            machine: None,
            terms: ReadingTerms {
                purpose: Purpose::Incident,
                detail: "essai".parse().unwrap(),
                from: None,
                to: None,
                target: Some("CM2-04".parse().unwrap()),
                with_people: false,
            },
            opened: at(0),
            until: at(minutes),
            closed: None,
            searches: 0,
            exports: 0,
        }
    }

    #[test]
    fn keys_are_held_for_their_reader_and_their_time() {
        let readings = Readings::default();
        let (one, other) = (reading(60), "M. Petit".parse().unwrap());
        assert!(!readings.has(one.id), "as after a restart");
        readings.hold(&one, vec![Identity::generate()], one.opened);
        assert_eq!(readings.keys(one.id, &one.author).unwrap().len(), 1);
        assert!(readings.keys(one.id, &other).is_none());
        assert_eq!(readings.wipe_ended(), []);
        readings.wipe(one.id);
        assert!(readings.keys(one.id, &one.author).is_none());
        // Its time is over as it begins.
        readings.hold(&one, vec![], one.until);
        assert!(readings.keys(one.id, &one.author).is_none() && !readings.has(one.id));
        assert_eq!(readings.wipe_ended(), [one.id]);
        assert_eq!(readings.wipe_ended(), []);
    }
}
