//! Who has to leave when the disk's share is full: S3-FIFO (Yang and others, "FIFO queues are all you need for cache
//! eviction", SOSP 2023).
//!
//! ```text
//!   new --> small queue --used again--> main queue --used since--> main queue, at its end
//!              |                           |
//!              +--never used--> ghost      +--not used--> gone
//!                                 |
//!                 new again <-----+  goes to the main queue at once
//! ```
//!
//! What is used once, as all of one big download, passes through the small queue, and takes nothing from what the class uses.
//! What is pinned stays whether it is used or not, as long as it is no more than its part of the whole.

use std::collections::{HashMap, HashSet, VecDeque};

/// The small queue's part of the whole weight: the tenth of the paper.
const SMALL_PART: u64 = 10;
/// The part of the whole weight that may be pinned: the rest is for what the class uses. What is beyond it is not pinned.
const PINNED_PART: u64 = 2;
/// Uses that are remembered of one object: two bits in the paper, and more makes no difference.
const USES_MAX: u8 = 3;

/// What there is, by whatever names it, and its weight.
#[derive(Debug)]
pub struct Shelf {
    weight_max: u64,
    weight_small: u64,
    weight_main: u64,
    items: HashMap<u128, Item>,
    small: VecDeque<u128>,
    main: VecDeque<u128>,
    /// Names of what left the small queue, the oldest first; as many as there are items, at most.
    ghosts: VecDeque<u128>,
    haunting: HashSet<u128>,
    /// What is pinned first counts first.
    pinned: Vec<u128>,
}

#[derive(Debug)]
struct Item {
    weight: u64,
    uses: u8,
    is_main: bool,
}

impl Shelf {
    /// A shelf that holds this weight.
    #[must_use]
    pub fn new(weight_max: u64) -> Self {
        Self {
            weight_max,
            weight_small: 0,
            weight_main: 0,
            items: HashMap::new(),
            small: VecDeque::new(),
            main: VecDeque::new(),
            ghosts: VecDeque::new(),
            haunting: HashSet::new(),
            pinned: Vec::new(),
        }
    }

    /// Pins these, which need not be there yet, and nothing else. Where they are too much, the first ones count; what is named
    /// more than once, for several rooms, counts once.
    pub fn pin(&mut self, names: Vec<u128>) {
        let mut seen = HashSet::new();
        self.pinned = names.into_iter().filter(|name| seen.insert(*name)).collect();
    }

    /// Pins this one as well.
    pub fn pin_also(&mut self, name: u128) {
        if !self.pinned.contains(&name) {
            self.pinned.push(name);
        }
    }

    /// Whether this one is to stay.
    #[must_use]
    pub fn is_pinned(&self, name: u128) -> bool {
        self.pinned.contains(&name)
    }

    /// Whether something of this weight can be pinned beside what is, or is pinned already.
    #[must_use]
    pub fn has_room_to_pin(&self, name: u128, weight: u64) -> bool {
        let others = self.pinned.iter().filter(|other| **other != name);
        let pinned: u64 = others.filter_map(|other| self.items.get(other)).map(|item| item.weight).sum();
        pinned.saturating_add(weight) <= self.weight_max / PINNED_PART
    }

    /// What must not leave.
    fn staying(&self) -> HashSet<u128> {
        let mut left = self.weight_max / PINNED_PART;
        let mut stays = |name: &&u128| {
            let rest = self.items.get(name).and_then(|item| left.checked_sub(item.weight));
            left = rest.unwrap_or(left);
            rest.is_some()
        };
        self.pinned.iter().filter(|name| stays(name)).copied().collect()
    }

    /// The weight of all that is there.
    #[must_use]
    pub fn weight(&self) -> u64 {
        self.weight_small.saturating_add(self.weight_main)
    }

    /// Puts something there, or gives it another weight. What has to leave for it is given back, and is not there any more.
    pub fn insert(&mut self, name: u128, weight: u64) -> Vec<u128> {
        self.insert_beside(name, weight, &[])
    }

    /// The same; what is in `busy` does not leave, though it be too much for now.
    pub fn insert_beside(&mut self, name: u128, weight: u64, busy: &[u128]) -> Vec<u128> {
        match self.items.get_mut(&name) {
            Some(item) => {
                let sum = if item.is_main { &mut self.weight_main } else { &mut self.weight_small };
                *sum = sum.saturating_sub(item.weight).saturating_add(weight);
                item.weight = weight;
            }
            None => self.add(name, weight),
        }
        let mut evicted = Vec::new();
        let mut staying = if self.weight() > self.weight_max { self.staying() } else { HashSet::new() };
        staying.extend(busy);
        while self.weight() > self.weight_max
            && let Some(name) = self.evict(&staying)
        {
            evicted.push(name);
        }
        evicted
    }

    /// Notes that something is used.
    pub fn touch(&mut self, name: u128) {
        if let Some(item) = self.items.get_mut(&name) {
            item.uses = item.uses.saturating_add(1).min(USES_MAX);
        }
    }

    /// Takes something away.
    pub fn remove(&mut self, name: u128) {
        // Its name stays in its queue, and is passed over there.
        if let Some(item) = self.items.remove(&name) {
            self.lighten(&item);
        }
        // Unless there are too many of these: then the queues are written anew.
        if self.small.len() + self.main.len() > 2 * self.items.len() + 64 {
            let (items, is) = (&self.items, |is_main: bool| move |item: &Item| item.is_main == is_main);
            self.small.retain(|name| items.get(name).is_some_and(is(false)));
            self.main.retain(|name| items.get(name).is_some_and(is(true)));
        }
    }

    fn add(&mut self, name: u128, weight: u64) {
        let is_main = self.haunting.remove(&name);
        let (queue, sum) = if is_main {
            (&mut self.main, &mut self.weight_main)
        } else {
            (&mut self.small, &mut self.weight_small)
        };
        queue.push_back(name);
        *sum = sum.saturating_add(weight);
        self.items.insert(name, Item { weight, uses: 0, is_main });
    }

    fn evict(&mut self, staying: &HashSet<u128>) -> Option<u128> {
        // Each of them comes to its last use within so many steps; then all that is left stays.
        let steps = (self.small.len() + self.main.len()).saturating_mul(usize::from(USES_MAX) + 2);
        for _ in 0..steps {
            let is_small_full = self.weight_small > self.weight_max / SMALL_PART;
            let has_main = !self.main.is_empty();
            let outcome =
                if is_small_full || !has_main { self.pass_small(staying)? } else { self.pass_main(staying)? };
            if outcome.is_some() {
                return outcome;
            }
        }
        None
    }

    /// The first of the small queue goes on to the main queue or leaves. `None`: the queue is empty.
    fn pass_small(&mut self, staying: &HashSet<u128>) -> Option<Option<u128>> {
        let Some(name) = self.small.pop_front() else {
            return if self.main.is_empty() { None } else { self.pass_main(staying) };
        };
        let is_pinned = staying.contains(&name);
        let Some(item) = self.items.get_mut(&name).filter(|item| !item.is_main) else { return Some(None) };
        self.weight_small = self.weight_small.saturating_sub(item.weight);
        if item.uses > 0 || is_pinned {
            (item.uses, item.is_main) = (0, true);
            self.weight_main = self.weight_main.saturating_add(item.weight);
            self.main.push_back(name);
            return Some(None);
        }
        self.items.remove(&name);
        self.haunt(name);
        Some(Some(name))
    }

    fn pass_main(&mut self, staying: &HashSet<u128>) -> Option<Option<u128>> {
        let name = self.main.pop_front()?;
        let is_pinned = staying.contains(&name);
        let Some(item) = self.items.get_mut(&name).filter(|item| item.is_main) else { return Some(None) };
        if item.uses > 0 || is_pinned {
            item.uses = item.uses.saturating_sub(1);
            self.main.push_back(name);
            return Some(None);
        }
        self.weight_main = self.weight_main.saturating_sub(item.weight);
        self.items.remove(&name);
        Some(Some(name))
    }

    fn haunt(&mut self, name: u128) {
        if self.haunting.insert(name) {
            self.ghosts.push_back(name);
        }
        while self.ghosts.len() > self.items.len().max(1) {
            if let Some(oldest) = self.ghosts.pop_front() {
                self.haunting.remove(&oldest);
            }
        }
    }

    fn lighten(&mut self, item: &Item) {
        let sum = if item.is_main { &mut self.weight_main } else { &mut self.weight_small };
        *sum = sum.saturating_sub(item.weight);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn one_big_download_does_not_push_out_what_the_class_uses() {
        let mut shelf = Shelf::new(1_000);
        for name in 0..50 {
            assert_eq!(shelf.insert(name, 10), [0; 0]);
        }
        (0..50).for_each(|name| shelf.touch(name));
        let mut gone = Vec::new();
        for name in 100..10_000 {
            gone.extend(shelf.insert(name, 10));
        }
        assert!(gone.iter().all(|name| *name >= 100), "something that is used had to leave");
        assert!((0..50).all(|name| shelf.items.contains_key(&name)));
    }

    #[test]
    fn what_comes_back_soon_stays() {
        let mut shelf = Shelf::new(100);
        (0..10).for_each(|name| drop(shelf.insert(name, 10)));
        assert_eq!(shelf.insert(10, 10), [0]);
        drop(shelf.insert(0, 10));
        assert!(shelf.items[&0].is_main);
    }

    #[test]
    fn what_is_larger_than_the_shelf_is_not_kept() {
        let mut shelf = Shelf::new(100);
        assert_eq!(shelf.insert(1, 101), [1]);
        assert_eq!(shelf.weight(), 0);
    }

    #[test]
    fn what_is_on_its_way_does_not_leave() {
        let mut shelf = Shelf::new(1_000);
        for name in 0..100 {
            assert_eq!(shelf.insert(name, 10), [0; 0]);
            shelf.touch(name);
        }
        // More than the small queue holds, where nothing else is in it: it would be the first to leave.
        let gone = shelf.insert_beside(200, 250, &[200]);
        assert_eq!(gone.len(), 25);
        assert!(!gone.contains(&200));
        // All of it is busy: it ends all the same.
        let busy: Vec<u128> = (0..300).collect();
        assert_eq!(shelf.insert_beside(201, 10, &busy), [0; 0]);
        assert_eq!(shelf.weight(), 1_010);
        assert!(!shelf.insert(202, 10).is_empty());
        assert!(shelf.weight() <= 1_000);
    }

    #[test]
    fn what_is_pinned_stays_within_its_part() {
        let mut shelf = Shelf::new(1_000);
        // Not there yet.
        shelf.pin(vec![1, 2, 3]);
        for name in [1, 2] {
            assert!(shelf.has_room_to_pin(name, 200));
            assert_eq!(shelf.insert(name, 200), [0; 0]);
        }
        let pass = |shelf: &mut Shelf, first: u128| -> Vec<u128> {
            (first..first + 500).flat_map(|name| shelf.insert(name, 10)).collect()
        };
        let gone = pass(&mut shelf, 100);
        assert!(!gone.contains(&1) && !gone.contains(&2), "nobody used them, and they stay");
        // More than half of the room: the last one is not pinned.
        assert!(!shelf.has_room_to_pin(3, 200) && shelf.has_room_to_pin(2, 300));
        assert!(shelf.is_pinned(2) && !shelf.is_pinned(4));
        let gone: Vec<_> = shelf.insert(3, 200).into_iter().chain(pass(&mut shelf, 1_000)).collect();
        assert!(gone.contains(&3) && !gone.contains(&1) && !gone.contains(&2));
        shelf.pin(vec![2]);
        // What is used takes the place of what is not.
        let mut gone = Vec::new();
        for name in 2_000..2_500 {
            gone.extend(shelf.insert(name, 10));
            shelf.touch(name);
        }
        assert!(gone.contains(&1) && !gone.contains(&2), "the day of the first one is over");
    }

    #[test]
    fn what_is_pinned_for_several_rooms_counts_once() {
        let mut shelf = Shelf::new(1_000);
        shelf.pin(vec![1, 1, 1, 2]);
        assert_eq!([shelf.insert(1, 200), shelf.insert(2, 200)], [[0; 0]; 2]);
        assert!(shelf.has_room_to_pin(3, 100) && !shelf.has_room_to_pin(3, 101));
        let gone: Vec<_> = (100..600).flat_map(|name| shelf.insert(name, 10)).collect();
        assert!(!gone.contains(&1) && !gone.contains(&2), "both are half of it at most");
    }

    proptest! {
        #[test]
        fn nothing_is_lost_and_nothing_is_too_much(
            pinned in prop::collection::vec(0_u128..40, 0..20),
            moves in prop::collection::vec((0_u8..4, 0_u128..40, 1_u64..60), 0..400),
        ) {
            const MAX: u64 = 300;
            let (mut shelf, mut there) = (Shelf::new(MAX), BTreeMap::new());
            shelf.pin(pinned);
            for (kind, name, weight) in moves {
                match kind {
                    0 => {
                        shelf.remove(name);
                        there.remove(&name);
                    }
                    1 => shelf.touch(name),
                    _ => {
                        there.insert(name, weight);
                        for gone in shelf.insert(name, weight) {
                            prop_assert!(there.remove(&gone).is_some());
                        }
                    }
                }
                prop_assert_eq!(shelf.weight(), there.values().sum::<u64>());
                prop_assert!(shelf.weight() <= MAX);
                prop_assert!(shelf.items.len() == there.len());
                prop_assert!(shelf.small.len() + shelf.main.len() <= 2 * there.len() + 200);
            }
        }
    }
}
