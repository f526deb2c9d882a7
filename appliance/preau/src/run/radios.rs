//! What is known of the Wi-Fi of each room: whoever drives access points tells it here, and pages show it.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use model::{Mac, RoomName};
use portal::WifiStatus;

/// The rooms with access points of the box's. There are none until somebody tells of one.
#[derive(Debug, Default)]
pub(crate) struct Radios {
    rooms: Mutex<HashMap<RoomName, WifiStatus>>,
    /// The devices that tried with a wrong key in the last minutes, by their registered hardware addresses where these are known.
    wrong_keys: Mutex<HashMap<RoomName, Vec<Mac>>>,
    /// How often something was told that was new.
    news: AtomicU64,
}

impl Radios {
    /// What is known of a room's Wi-Fi from now on.
    pub(crate) fn show(&self, room: &RoomName, status: WifiStatus) {
        if self.lock().insert(room.clone(), status) != Some(status) {
            self.news.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Which devices tried with a wrong key in a room.
    pub(crate) fn show_wrong_keys(&self, room: &RoomName, devices: Vec<Mac>) {
        let mut rooms = self.wrong_keys.lock().unwrap_or_else(PoisonError::into_inner);
        if rooms.get(room).map_or(!devices.is_empty(), |before| *before != devices) {
            rooms.insert(room.clone(), devices);
            self.news.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// The devices that tried with a wrong key in a room.
    pub(crate) fn wrong_keys(&self, room: &RoomName) -> Vec<Mac> {
        let rooms = self.wrong_keys.lock().unwrap_or_else(PoisonError::into_inner);
        rooms.get(room).cloned().unwrap_or_default()
    }

    /// The Wi-Fi of a room.
    pub(crate) fn status(&self, room: &RoomName) -> WifiStatus {
        self.lock().get(room).copied().unwrap_or_default()
    }

    /// What differs whenever something new was told.
    pub(crate) fn pulse(&self) -> u64 {
        self.news.load(Ordering::Relaxed)
    }

    /// A status is replaced whole, so all are right even after a panic elsewhere.
    fn lock(&self) -> MutexGuard<'_, HashMap<RoomName, WifiStatus>> {
        self.rooms.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_room_has_the_status_that_was_told_last() {
        let (radios, room) = (Radios::default(), "CM2".parse().unwrap());
        assert_eq!(radios.status(&room), WifiStatus::None);
        let before = radios.pulse();
        radios.show(&room, WifiStatus::Starting);
        radios.show(&room, WifiStatus::Starting);
        assert_eq!((radios.status(&room), radios.pulse()), (WifiStatus::Starting, before + 1));
        assert_eq!(radios.status(&"CM1".parse().unwrap()), WifiStatus::None);
        let (before, tablet) = (radios.pulse(), Mac::new([2, 0, 0, 0, 0, 7]));
        radios.show_wrong_keys(&room, vec![]);
        assert_eq!(radios.pulse(), before, "nothing new");
        radios.show_wrong_keys(&room, vec![tablet]);
        radios.show_wrong_keys(&room, vec![tablet]);
        assert_eq!((radios.wrong_keys(&room), radios.pulse()), (vec![tablet], before + 1));
    }
}
