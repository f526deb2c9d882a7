//! The readings that are open on this box: their keys, in memory alone, and for their time alone.
//!
//! ```text
//!                 opened in the store, recorded
//! (nothing) ------------------------------------> Held: keys, when it ends by the steady clock
//!     ^                                             |
//!     |   ended by hand, by the time, with its reader's access, by the end of the process: the keys are wiped
//!     +---------------------------------------------+
//! ```
//! The keys are the session's that gave them: no other one reads with them, though it be of the same name, and they are
//! wiped when it ends. A reading that the store has open, and that has no keys here, is from before that or before a
//! restart: it goes on once its keys are given again.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant as Steady};

use archive::Identity;
use model::{PersonName, Reading, ReadingId, Timestamp};
use system::clock::monotonic;

/// The hash of a session's token.
pub(crate) type SessionHash = [u8; 32];

/// What is held of open readings.
#[derive(Default)]
pub(crate) struct Readings {
    held: Mutex<HashMap<ReadingId, Held>>,
}

struct Held {
    author: PersonName,
    /// Whose the keys are; `None` once they are wiped.
    session: Option<SessionHash>,
    /// The library wipes a secret key when it is dropped.
    identities: Arc<Vec<Identity>>,
    /// By a clock that nobody sets: a reading does not last longer because the time was set back.
    ends: Steady,
    /// Whether it was told that its time is over.
    is_told: bool,
}

impl Readings {
    /// Holds the keys of a reading for the session that gives them, until its end. None are needed for what is not sealed yet.
    pub(crate) fn hold(
        &self,
        reading: &Reading,
        session: SessionHash,
        identities: Vec<Identity>,
        now: Timestamp,
    ) {
        let ends = monotonic() + Duration::from_millis(reading.until.ms_since(now));
        let mut all = self.lock();
        // Keys that are given again do not make it longer, whatever the clock was set to meanwhile.
        let ends = all.get(&reading.id).map_or(ends, |before| before.ends.min(ends));
        let held = Held {
            author: reading.author.clone(),
            session: Some(session),
            identities: Arc::new(identities),
            ends,
            is_told: false,
        };
        all.insert(reading.id, held);
    }

    /// The keys that a session gave for a reading; `None` where they are not here, or its time is over.
    pub(crate) fn keys(&self, id: ReadingId, session: &SessionHash) -> Option<Arc<Vec<Identity>>> {
        let held = self.lock();
        let held = held.get(&id).filter(|held| held.session == Some(*session) && monotonic() < held.ends)?;
        Some(Arc::clone(&held.identities))
    }

    /// Whether the keys that a session gave for a reading are here.
    pub(crate) fn has(&self, id: ReadingId, session: &SessionHash) -> bool {
        self.keys(id, session).is_some()
    }

    /// Whether the time of a reading is over by the steady clock, and the store may not know it yet.
    pub(crate) fn is_over(&self, id: ReadingId) -> bool {
        self.lock().get(&id).is_some_and(|held| held.ends <= monotonic())
    }

    /// Wipes the keys of a reading.
    pub(crate) fn wipe(&self, id: ReadingId) {
        self.lock().remove(&id);
    }

    /// Wipes the keys that a session gave. When its readings end is still known: keys that are given again make none longer.
    pub(crate) fn wipe_session(&self, session: &SessionHash) {
        for held in self.lock().values_mut().filter(|held| held.session == Some(*session)) {
            (held.session, held.identities) = (None, Arc::default());
        }
    }

    /// Wipes the keys of all readings of somebody, which go on with keys given again.
    pub(crate) fn wipe_keys_of(&self, author: &PersonName) {
        for held in self.lock().values_mut().filter(|held| held.author == *author) {
            (held.session, held.identities) = (None, Arc::default());
        }
    }

    /// The sessions whose keys are here.
    pub(crate) fn sessions(&self) -> Vec<SessionHash> {
        self.lock().values().filter_map(|held| held.session).collect()
    }

    /// Wipes the keys of all readings of somebody.
    pub(crate) fn wipe_of(&self, author: &PersonName) {
        self.lock().retain(|_, held| held.author != *author);
    }

    /// The readings that something is held of.
    pub(crate) fn held(&self) -> Vec<ReadingId> {
        self.lock().keys().copied().collect()
    }

    /// Wipes the keys of readings whose time is over. Returns which, until each is wiped itself, once the store has it: its
    /// clock may be set back, or it may not be writable. And whether one of them is over since the last time.
    pub(crate) fn wipe_ended(&self) -> (Vec<ReadingId>, bool) {
        let now = monotonic();
        let (mut over, mut is_news) = (Vec::new(), false);
        for (id, held) in self.lock().iter_mut().filter(|(_, held)| held.ends <= now) {
            (held.session, held.identities) = (None, Arc::default());
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
            whole_exports: 0,
            card_by: None,
        }
    }

    #[test]
    fn keys_are_held_for_their_reader_and_their_time() {
        let readings = Readings::default();
        let (one, hers, other) = (reading(60), [1; 32], [2; 32]);
        assert!(!readings.has(one.id, &hers), "as after a restart");
        readings.hold(&one, hers, vec![Identity::generate()], one.opened);
        assert_eq!(readings.keys(one.id, &hers).unwrap().len(), 1);
        assert!(readings.keys(one.id, &other).is_none() && !readings.has(one.id, &other));
        readings.wipe_session(&other);
        assert_eq!((readings.has(one.id, &hers), readings.sessions()), (true, vec![hers]));
        let keys = Arc::downgrade(&readings.keys(one.id, &hers).unwrap());
        readings.wipe_session(&hers);
        assert!(!readings.has(one.id, &hers) && readings.sessions().is_empty());
        assert!(keys.upgrade().is_none(), "they are dropped, and so wiped");
        readings.hold(&one, hers, vec![Identity::generate()], one.opened);
        assert_eq!(readings.wipe_ended(), (vec![], false));
        readings.wipe(one.id);
        assert!(readings.keys(one.id, &hers).is_none());
        readings.hold(&one, hers, vec![Identity::generate()], one.opened);
        readings.wipe_of(&"M. Petit".parse().unwrap());
        assert_eq!((readings.has(one.id, &hers), readings.held()), (true, vec![one.id]));
        readings.wipe_of(&one.author);
        assert_eq!((readings.has(one.id, &hers), readings.held()), (false, vec![]));
        // Its time is over as it begins.
        readings.hold(&one, hers, vec![], one.until);
        assert!(readings.keys(one.id, &hers).is_none() && !readings.has(one.id, &hers));
        assert_eq!(readings.wipe_ended(), (vec![one.id], true));
        assert_eq!(readings.wipe_ended(), (vec![one.id], false), "the store may not have noted it");
        assert!(readings.is_over(one.id));
        readings.wipe(one.id);
        assert_eq!(readings.wipe_ended(), (vec![], false));
    }

    #[test]
    fn keys_that_are_given_again_make_no_reading_longer() {
        let readings = Readings::default();
        let (one, hers) = (reading(60), [1; 32]);
        readings.hold(&one, hers, vec![Identity::generate()], one.until);
        readings.wipe_session(&hers);
        // The clock was set back by an hour.
        readings.hold(&one, hers, vec![Identity::generate()], one.opened);
        assert!(readings.is_over(one.id) && readings.keys(one.id, &hers).is_none());
    }
}
