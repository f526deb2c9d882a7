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
    /// Whether it was told that its time is over.
    is_told: bool,
}

impl Readings {
    /// Holds the keys of a reading until its end. None are needed for what is not sealed yet.
    pub(crate) fn hold(&self, reading: &Reading, identities: Vec<Identity>, now: Timestamp) {
        let ends = monotonic() + Duration::from_millis(reading.until.ms_since(now));
        let mut all = self.lock();
        // Keys that are given again do not make it longer, whatever the clock was set to meanwhile.
        let ends = all.get(&reading.id).map_or(ends, |before| before.ends.min(ends));
        let held =
            Held { author: reading.author.clone(), identities: Arc::new(identities), ends, is_told: false };
        all.insert(reading.id, held);
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

    /// Wipes the keys of readings whose time is over. Returns which, until each is wiped itself, once the store has it: its
    /// clock may be set back, or it may not be writable. And whether one of them is over since the last time.
    pub(crate) fn wipe_ended(&self) -> (Vec<ReadingId>, bool) {
        let now = monotonic();
        let (mut over, mut is_news) = (Vec::new(), false);
        for (id, held) in self.lock().iter_mut().filter(|(_, held)| held.ends <= now) {
            held.identities = Arc::default();
            is_news |= !held.is_told;
            held.is_told = true;
            over.push(*id);
        }
        (over, is_news)
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
            card_by: None,
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
        assert_eq!(readings.wipe_ended(), (vec![], false));
        readings.wipe(one.id);
        assert!(readings.keys(one.id, &one.author).is_none());
        // Its time is over as it begins.
        readings.hold(&one, vec![], one.until);
        assert!(readings.keys(one.id, &one.author).is_none() && !readings.has(one.id));
        assert_eq!(readings.wipe_ended(), (vec![one.id], true));
        assert_eq!(readings.wipe_ended(), (vec![one.id], false), "the store may not have noted it");
        assert!(readings.is_over(one.id));
        readings.wipe(one.id);
        assert_eq!(readings.wipe_ended(), (vec![], false));
    }

    #[test]
    fn keys_that_are_given_again_make_no_reading_longer() {
        let readings = Readings::default();
        let one = reading(60);
        readings.hold(&one, vec![Identity::generate()], one.until);
        // The clock was set back by an hour.
        readings.hold(&one, vec![Identity::generate()], one.opened);
        assert!(readings.is_over(one.id) && readings.keys(one.id, &one.author).is_none());
    }
}
