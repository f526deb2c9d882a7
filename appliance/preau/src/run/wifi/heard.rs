//! The access points that were heard, and that nobody has adopted yet. In memory: one that is there says so again.

use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use model::Mac;
use wifi::{AdoptionKey, Announcement};

/// How long one is shown after it was heard last. It says what it is every twenty seconds.
const SHOWN: Duration = Duration::from_mins(2);
/// Most that are remembered: those of a whole school that is equipped in one afternoon.
const HEARD_MAX: usize = 32;

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
    key: Option<AdoptionKey>,
    heard: Mutex<Vec<Heard>>,
}

impl HeardPoints {
    /// What those say that have this key.
    pub(crate) fn new(key: Option<AdoptionKey>) -> Self {
        Self { key, heard: Mutex::default() }
    }

    /// The commune's key.
    pub(crate) fn key(&self) -> Option<&AdoptionKey> {
        self.key.as_ref()
    }

    /// Whether somebody who says this has the key.
    pub(crate) fn believes(&self, announcement: &Announcement, proof: &str) -> bool {
        self.key.as_ref().is_some_and(|key| key.proves(announcement, proof))
    }

    /// Remembers one that is believed.
    pub(crate) fn remember(&self, announcement: Announcement, address: IpAddr, at: Instant) {
        let mut heard = self.lock();
        heard.retain(|other| {
            other.announcement.mac != announcement.mac && at.saturating_duration_since(other.at) < SHOWN
        });
        // The oldest gives way.
        if heard.len() >= HEARD_MAX {
            heard.remove(0);
        }
        heard.push(Heard { announcement, address, at });
    }

    /// Those that were heard in the last minutes, the last first.
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
        for number in 0..40 {
            points.remember(announcement(number), address, later(140));
        }
        assert_eq!(shown(later(140)).len(), HEARD_MAX);
    }
}
