//! The access points that were heard, and that nobody has adopted yet. In memory: one that is there says so again.

use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError, TryLockError};
use std::time::{Duration, Instant};

use model::Mac;
use wifi::{AdoptionKey, Announcement};

/// How long one is shown after it was heard last. It says what it is every twenty seconds.
const SHOWN: Duration = Duration::from_mins(2);
/// Most that are remembered: those of a whole school that is equipped in one afternoon.
const HEARD_MAX: usize = 32;
/// Most places that are remembered of one hardware address: the true one's, and those of laptops that say the same.
const PLACES_MAX: usize = 4;
/// How long a machine is not looked at again after a look, each of which may hold a thread of the pages for seconds.
const LOOK_PAUSE: Duration = Duration::from_secs(10);

/// One that was heard.
#[derive(Clone, Debug)]
pub(crate) struct Heard {
    pub(crate) announcement: Announcement,
    pub(crate) address: IpAddr,
    at: Instant,
}

/// What was heard. Nothing, where the box has no key of the commune's.
#[derive(Debug, Default)]
pub(crate) struct HeardPoints {
    key: Mutex<Option<AdoptionKey>>,
    heard: Mutex<Vec<Heard>>,
    /// When machines were looked at last. Held during a look.
    looks: Mutex<Vec<(Mac, Instant)>>,
}

impl HeardPoints {
    /// What those say that have this key.
    pub(crate) fn new(key: Option<AdoptionKey>) -> Self {
        Self { key: Mutex::new(key), ..Self::default() }
    }

    /// The key that counts: the commune's, or the box's own.
    pub(crate) fn key(&self) -> Option<AdoptionKey> {
        self.key.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Another one counts. Whoever was heard by the one before proves nothing any more.
    pub(crate) fn swap_key(&self, key: AdoptionKey) {
        *self.key.lock().unwrap_or_else(PoisonError::into_inner) = Some(key);
        self.lock().clear();
    }

    /// Whether somebody who says this has the key.
    pub(crate) fn believes(&self, announcement: &Announcement, proof: &str) -> bool {
        self.key().is_some_and(|key| key.proves(announcement, proof))
    }

    /// Remembers one that is believed, and where: whoever replays what it says elsewhere does not take its place.
    pub(crate) fn remember(&self, announcement: Announcement, address: IpAddr, at: Instant) {
        let mut heard = self.lock();
        heard.retain(|other| {
            let is_same = other.address == address
                && other.announcement.mac == announcement.mac
                && other.announcement.certificate == announcement.certificate;
            !is_same && at.saturating_duration_since(other.at) < SHOWN
        });
        let of_it = |other: &Heard| other.announcement.mac == announcement.mac;
        let has_many_places = heard.iter().filter(|other| of_it(other)).count() >= PLACES_MAX;
        let is_full = heard.len() >= HEARD_MAX;
        // The oldest gives way.
        let oldest = if has_many_places { heard.iter().position(of_it) } else { is_full.then_some(0) };
        if let Some(oldest) = oldest {
            heard.remove(oldest);
        }
        heard.push(Heard { announcement, address, at });
    }

    /// Looks at a machine; `None` while somebody looks at one, and where this one was looked at just now.
    pub(crate) fn look<T>(&self, mac: Mac, now: Instant, look: impl FnOnce() -> T) -> Option<T> {
        let mut looks = match self.looks.try_lock() {
            Ok(looks) => looks,
            Err(TryLockError::Poisoned(looks)) => looks.into_inner(),
            Err(TryLockError::WouldBlock) => return None,
        };
        looks.retain(|(_, at)| now.saturating_duration_since(*at) < LOOK_PAUSE);
        if looks.iter().any(|(other, _)| *other == mac) {
            return None;
        }
        looks.push((mac, now));
        Some(look())
    }

    /// Those that were heard in the last minutes, the last first; one that was heard in several places stands there for each.
    pub(crate) fn list(&self, now: Instant) -> Vec<Heard> {
        let heard = self.lock();
        let fresh = heard.iter().rev().filter(|it| now.saturating_duration_since(it.at) < SHOWN);
        fresh.cloned().collect()
    }

    /// Somebody has adopted it.
    pub(crate) fn forget(&self, mac: Mac) {
        self.lock().retain(|other| other.announcement.mac != mac);
    }

    /// Each change leaves it whole, so it is right even after a panic elsewhere.
    fn lock(&self) -> MutexGuard<'_, Vec<Heard>> {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn announcement(number: u8) -> Announcement {
        let certificate = format!("{number:02x}").repeat(32);
        Announcement::read(&format!("02:aa:00:00:00:{number:02x}"), &certificate, "radio0:5g").unwrap()
    }

    #[test]
    fn what_was_heard_is_shown_for_a_while() {
        let (points, start) = (HeardPoints::default(), system::clock::monotonic());
        assert!(!points.believes(&announcement(1), &"0".repeat(64)), "without a key nobody is");
        let address = IpAddr::from([10, 77, 0, 21]);
        let later = |seconds: u64| start + Duration::from_secs(seconds);
        points.remember(announcement(1), address, start);
        points.remember(announcement(2), address, later(60));
        let shown = |at: Instant| -> Vec<Mac> {
            points.list(at).into_iter().map(|heard| heard.announcement.mac).collect()
        };
        let [first, second] = [1, 2].map(|number| announcement(number).mac);
        assert_eq!(shown(later(60)), [second, first]);
        assert_eq!(shown(later(121)), [second]);
        points.remember(announcement(2), address, later(130));
        assert_eq!(shown(later(130)), [second], "once");
        points.forget(second);
        assert_eq!(shown(later(130)), []);
        // Somebody says the same elsewhere, often.
        points.remember(announcement(3), address, later(131));
        for last in 30..40 {
            points.remember(announcement(3), IpAddr::from([10, 77, 0, last]), later(132));
        }
        assert_eq!(shown(later(132)).len(), PLACES_MAX);
        points.remember(announcement(3), address, later(133));
        assert_eq!(points.list(later(133)).first().map(|heard| heard.address), Some(address));
        points.forget(announcement(3).mac);
        for number in 0..40 {
            points.remember(announcement(number), address, later(140));
        }
        assert_eq!(shown(later(140)).len(), HEARD_MAX);
    }

    #[test]
    fn one_look_at_a_time_and_at_each_machine_now_and_again() {
        let (points, start) = (HeardPoints::default(), system::clock::monotonic());
        let later = |seconds: u64| start + Duration::from_secs(seconds);
        let [first, second] = [1, 2].map(|number| announcement(number).mac);
        let during = points.look(first, start, || points.look(second, start, || true));
        assert_eq!(during, Some(None), "somebody looks");
        assert_eq!(points.look(first, later(9), || true), None);
        assert_eq!(points.look(second, later(9), || true), Some(true));
        assert_eq!(points.look(first, later(10), || true), Some(true));
    }
}
