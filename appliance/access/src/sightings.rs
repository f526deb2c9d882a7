//! When each registered device was seen last: an access of its own is recorded.
//!
//! Noted for every access, so it takes no lock. It is in memory only: after a start, nobody was seen.

use std::collections::HashMap;
use std::sync::atomic::{AtomicI64, Ordering};

use arc_swap::ArcSwap;
use model::{Mac, Subject, Timestamp};

use crate::Directory;

/// A time at which nothing was seen.
const NEVER: i64 = i64::MIN;

/// The sightings of the devices of a directory.
#[derive(Debug, Default)]
pub(crate) struct Sightings(ArcSwap<HashMap<Mac, AtomicI64>>);

impl Sightings {
    /// Notes devices of this directory from now on; of those that stay, what was noted stays.
    pub(crate) fn follow(&self, directory: &Directory) {
        let before = self.0.load();
        let kept = |mac: &Mac| before.get(mac).map_or(NEVER, |at| at.load(Ordering::Relaxed));
        let devices = directory.devices().map(|device| (device.mac, AtomicI64::new(kept(&device.mac))));
        self.0.store(std::sync::Arc::new(devices.collect()));
    }

    pub(crate) fn note(&self, now: Timestamp, subject: &Subject) {
        if let Subject::Device(device) = subject
            && let Some(at) = self.0.load().get(&device.mac)
        {
            at.store(now.unix_ms(), Ordering::Relaxed);
        }
    }

    pub(crate) fn find(&self, mac: Mac) -> Option<Timestamp> {
        let at = self.0.load().get(&mac)?.load(Ordering::Relaxed);
        (at != NEVER).then_some(Timestamp::from_unix_ms(at))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use model::Device;

    use super::*;

    fn device(last: u8) -> Device {
        Device {
            mac: Mac::new([2, 0, 0, 0, 0, last]),
            name: format!("CM2-{last:02}").parse().unwrap(),
            room: None,
            profile: "elementaire".parse().unwrap(),
        }
    }

    #[test]
    fn a_device_is_seen_until_it_is_registered_no_more() {
        let (sightings, at) = (Sightings::default(), Timestamp::from_unix_ms);
        let seen = |sightings: &Sightings| [1, 2].map(|last| sightings.find(device(last).mac));
        let note = |ms: i64, last: u8| sightings.note(at(ms), &Subject::Device(Arc::new(device(last))));
        note(1, 1);
        assert_eq!(seen(&sightings), [None, None], "nobody is registered");
        sightings.follow(&[device(1)].into_iter().collect());
        note(2, 1);
        note(2, 2);
        assert_eq!(seen(&sightings), [Some(at(2)), None]);
        sightings.follow(&[device(1), device(2)].into_iter().collect());
        note(3, 2);
        assert_eq!(seen(&sightings), [Some(at(2)), Some(at(3))]);
        sightings.follow(&[device(2)].into_iter().collect());
        assert_eq!(seen(&sightings), [None, Some(at(3))]);
    }
}
