//! What of the workspaces is used most: it is looked at once more before the school opens.
//!
//! Invariant: it knows what is for all, never who used it; of the devices, only the address of the last one, by whose rules, as
//! they are then, it is asked for.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use cache::Key;
use model::Mac;

/// What is counted at once: more than a school opens in a day.
const COUNTED_MAX: usize = 4_096;
/// What is looked at once more: some minutes of a night.
const TOLD_MAX: usize = 200;
/// Longest path that is counted: a longer one is a program's.
const PATH_BYTES_MAX: usize = 512;
/// Fewer uses are nobody's habit.
const USES_MIN: u32 = 2;

/// Uses since they were last taken.
#[derive(Default)]
pub(super) struct Favourites(Mutex<HashMap<Key, Uses>>);

struct Uses {
    count: u32,
    /// The last one.
    device: Mac,
    /// Whether another one has used it, too.
    is_shared: bool,
}

impl Favourites {
    /// Something that is for all is used by this device. A query may have somebody's secret in it: it counts only in what `is_static`,
    /// which is asked for as nobody, and has its version there.
    pub(super) fn note(&self, key: &Key, device: Option<Mac>, is_static: bool) {
        let path = key.path_and_query();
        let is_counted = path.len() <= PATH_BYTES_MAX && (is_static || !path.contains('?'));
        let Some(device) = device.filter(|_| is_counted) else { return };
        let mut counted = self.lock();
        if let Some(uses) = counted.get_mut(key) {
            uses.count = uses.count.saturating_add(1);
            uses.is_shared |= uses.device != device;
            uses.device = device;
            return;
        }
        if counted.len() >= COUNTED_MAX {
            counted.retain(|_, uses| uses.count >= USES_MIN);
        }
        if counted.len() >= COUNTED_MAX {
            counted.retain(|_, uses| uses.is_shared);
        }
        if counted.len() < COUNTED_MAX {
            counted.insert(key.clone(), Uses { count: 1, device, is_shared: false });
        }
    }

    /// The most used, the first one first; counting begins anew. What several devices have used comes before what one has: names
    /// that one makes up, and asks for again and again, take nobody's place.
    pub(super) fn take(&self) -> Vec<(Key, Mac)> {
        let mut used: Vec<_> = self.lock().drain().filter(|(_, uses)| uses.count >= USES_MIN).collect();
        used.sort_by(|(key, uses), (other, others)| {
            let rank = |it: &Uses| (it.is_shared, it.count);
            rank(others).cmp(&rank(uses)).then_with(|| key.cmp(other))
        });
        used.into_iter().take(TOLD_MAX).map(|(key, uses)| (key, uses.device)).collect()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Key, Uses>> {
        // Each count is whole.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_used_come_first_and_the_list_has_an_end() {
        let device: Mac = "02:00:00:00:00:11".parse().unwrap();
        let key = |path: &str| Key::new("ent.example", path).unwrap();
        let favourites = Favourites::default();
        let note = |path: &str, times: usize| {
            (0..times).for_each(|_| favourites.note(&key(path), Some(device), false));
        };
        for number in 0..2 * COUNTED_MAX {
            note(&format!("/once/{number}"), 1);
        }
        note("/twice", 2);
        note("/often", 5);
        note("/secret?token=1", 9);
        note(&format!("/{}", "a".repeat(PATH_BYTES_MAX)), 9);
        favourites.note(&key("/stranger"), None, true);
        (0..3).for_each(|_| favourites.note(&key("/assets/app.js?v=7"), Some(device), true));
        let taken: Vec<_> = favourites.take().into_iter().map(|(key, _)| key).collect();
        assert_eq!(taken, [key("/often"), key("/assets/app.js?v=7"), key("/twice")]);
        assert!(favourites.take().is_empty());
        for number in 0..TOLD_MAX + 5 {
            note(&format!("/{number}"), 2);
        }
        assert_eq!(favourites.take().len(), TOLD_MAX);
    }

    #[test]
    fn names_that_one_makes_up_take_nobodys_place() {
        let [lina, malo, rude] = [1, 2, 3].map(|last| Mac::new([2, 0, 0, 0, 0, last]));
        let key = |path: &str| Key::new("ent.example", path).unwrap();
        let favourites = Favourites::default();
        let note_for_class = |path: &str| {
            [lina, malo].into_iter().for_each(|device| favourites.note(&key(path), Some(device), true));
        };
        note_for_class("/before.js");
        for number in 0..COUNTED_MAX {
            for _ in 0..3 {
                favourites.note(&key(&format!("/app.js?x={number}")), Some(rude), true);
            }
        }
        note_for_class("/after.js");
        let taken: Vec<_> = favourites.take().into_iter().take(2).collect();
        assert_eq!(taken, [(key("/after.js"), malo), (key("/before.js"), malo)]);
    }
}
