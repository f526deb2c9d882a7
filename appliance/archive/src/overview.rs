//! An overview for the head: what each class asked for on each day, and what was refused to it. Never what one child did.
//!
//! Invariant: no number is told that fewer than [`DEVICES_MIN`] devices have made, nor one from which such a number follows:
//! there are no sums over what is told and what is not.

use std::collections::{BTreeMap, BTreeSet};

use journal::Found;
use model::{RoomName, Verdict};

use crate::words::Details;

/// From so many devices a number must come to be told: with fewer, who knows the class could guess whose it is.
pub const DEVICES_MIN: usize = 5;
/// Most categories that are told of a class: a page, not a list of all that children try.
const CATEGORIES_MAX: usize = 10;
/// Most groups, rooms of a day, that are counted: thirty rooms over three years. Beyond, the search is for a shorter time.
const GROUPS_MAX: usize = 32_768;
/// Most categories of a group that are counted; UT1 has some seventy.
const KINDS_MAX: usize = 512;

/// What a class did on a day.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClassDay {
    /// The day of the school.
    pub day: String,
    /// Its room; `None` for all rooms and devices together that are too few to be told alone.
    pub room: Option<RoomName>,
    /// How often something was asked for.
    pub accesses: u64,
    /// What was refused: categories, or reasons where it was none of a list, and how often; the most frequent first.
    pub refused: Vec<(String, u64)>,
}

/// An overview that is being made.
#[derive(Debug, Default)]
pub struct Overview {
    groups: BTreeMap<(String, Option<RoomName>), Group>,
    uncounted: u64,
}

/// A number, and as many of the devices that made it as it takes to be told.
#[derive(Clone, Debug, Default)]
struct Count {
    number: u64,
    devices: BTreeSet<String>,
}

#[derive(Clone, Debug, Default)]
struct Group {
    accesses: Count,
    refused: BTreeMap<String, Count>,
}

impl Overview {
    /// Counts an access of a day.
    pub fn note(&mut self, day: String, found: &Found) {
        let key = (day, found.room.clone());
        if self.groups.len() >= GROUPS_MAX && !self.groups.contains_key(&key) {
            self.uncounted += 1;
            return;
        }
        let group = self.groups.entry(key).or_default();
        // A hardware address stays when a device gets another name.
        let device = found.mac.map_or_else(|| found.device.clone(), |mac| mac.to_string());
        group.accesses.note(found.count.into(), &device);
        if found.verdict == Verdict::Refuse {
            let category = Details::of(&found.reason).category.unwrap_or_else(|| found.reason.as_str());
            if group.refused.len() < KINDS_MAX || group.refused.contains_key(category) {
                group.refused.entry(category.to_owned()).or_default().note(found.count.into(), &device);
            }
        }
    }

    /// Accesses that were too many to be counted.
    #[must_use]
    pub fn uncounted(&self) -> u64 {
        self.uncounted
    }

    /// What may be told, by day and room; what is too small alone comes together at the end of its day, where that is enough.
    #[must_use]
    pub fn tell(self) -> Vec<ClassDay> {
        let mut told: BTreeMap<String, Vec<ClassDay>> = BTreeMap::new();
        let mut rest: BTreeMap<String, Group> = BTreeMap::new();
        for ((day, room), group) in self.groups {
            // Devices without a room are no class.
            if room.is_some() && group.accesses.is_enough() {
                told.entry(day.clone()).or_default().push(group.tell(day, room));
            } else {
                rest.entry(day).or_default().add(group);
            }
        }
        for (day, group) in rest {
            if group.accesses.is_enough() {
                told.entry(day.clone()).or_default().push(group.tell(day, None));
            }
        }
        told.into_values().flatten().collect()
    }
}

impl Count {
    fn note(&mut self, times: u64, device: &str) {
        self.number = self.number.saturating_add(times);
        if !self.is_enough() && !self.devices.contains(device) {
            self.devices.insert(device.to_owned());
        }
    }

    fn add(&mut self, other: Self) {
        self.number = self.number.saturating_add(other.number);
        for device in other.devices {
            self.note(0, &device);
        }
    }

    fn is_enough(&self) -> bool {
        self.devices.len() >= DEVICES_MIN
    }
}

impl Group {
    fn add(&mut self, other: Self) {
        self.accesses.add(other.accesses);
        for (category, count) in other.refused {
            self.refused.entry(category).or_default().add(count);
        }
    }

    fn tell(self, day: String, room: Option<RoomName>) -> ClassDay {
        let enough = self.refused.into_iter().filter(|(_, count)| count.is_enough());
        let mut refused: Vec<_> = enough.map(|(category, count)| (category, count.number)).collect();
        refused.sort_by(|(one, times), (other, other_times)| other_times.cmp(times).then(one.cmp(other)));
        refused.truncate(CATEGORIES_MAX);
        ClassDay { day, room, accesses: self.accesses.number, refused }
    }
}

#[cfg(test)]
mod tests {
    use journal::Sequence;
    use model::{AccessKind, ClockQuality, Host, Reason, Timestamp, When};
    use proptest::prelude::*;

    use super::*;

    fn found(device: usize, room: Option<&str>, category: Option<&str>, count: u32) -> Found {
        let at = Timestamp::from_unix_ms(0);
        let reason = category
            .map(|category| Reason::Listed { category: category.parse().unwrap(), entry: "a.fr".into() });
        Found {
            sequence: Sequence::new(1),
            at,
            clock: ClockQuality::Synchronised,
            when: When::Shown(at),
            device: format!("d{device}"),
            mac: Some(format!("02:00:00:00:00:{device:02x}").parse().unwrap()),
            room: room.map(|room| room.parse().unwrap()),
            profile: "elementaire".parse().unwrap(),
            lesson: None,
            person: None,
            kind: AccessKind::Dns,
            host: Host::parse("a.fr").ok(),
            destination: None,
            verdict: if reason.is_some() { Verdict::Refuse } else { Verdict::Permit },
            reason: reason.unwrap_or(Reason::NotListed),
            ended: None,
            count,
            last_at: at,
        }
    }

    /// A room, its accesses, its refusals.
    type Told = (String, u64, Vec<(String, u64)>);

    fn tell(accesses: &[Found]) -> Vec<Told> {
        let mut overview = Overview::default();
        accesses.iter().for_each(|found| overview.note("2026-11-23".to_owned(), found));
        let room = |day: &ClassDay| day.room.as_ref().map_or("-".to_owned(), ToString::to_string);
        overview.tell().into_iter().map(|day| (room(&day), day.accesses, day.refused)).collect()
    }

    #[test]
    fn what_few_devices_did_is_not_told() {
        let class =
            |count: usize, room, category| (0..count).map(move |it| found(it, Some(room), category, 2));
        let four: Vec<_> = class(4, "CM1", None).collect();
        assert_eq!(tell(&four), []);
        let mut five: Vec<_> = class(5, "CM2", None).collect();
        assert_eq!(tell(&five), [("CM2".to_owned(), 10, vec![])]);
        five.extend(class(4, "CM2", Some("games")));
        five.extend((0..9).map(|_| found(1, Some("CM2"), Some("adult"), 1)));
        assert_eq!(tell(&five), [("CM2".to_owned(), 27, vec![])], "four devices; one device nine times");
        five.push(found(4, Some("CM2"), Some("games"), 1));
        assert_eq!(tell(&five), [("CM2".to_owned(), 28, vec![("games".to_owned(), 9)])]);
        let rest: Vec<_> = four.iter().cloned().chain([found(9, None, None, 1)]).collect();
        assert_eq!(tell(&rest), [("-".to_owned(), 9, vec![])], "too few alone, enough together");
    }

    proptest! {
        /// Whatever happened: each number that is told is right, and at least five devices made it.
        #[test]
        fn every_number_has_its_devices(
            seeds in prop::collection::vec((0..12_usize, 0..3_usize, 0..4_usize, 1..4_u32), 0..150)
        ) {
            let rooms = [Some("CM1"), Some("CM2"), None];
            let categories = [None, Some("games"), Some("adult"), Some("warez")];
            let accesses: Vec<_> = seeds
                .iter()
                .map(|(device, room, category, count)| found(*device, rooms[*room], categories[*category], *count))
                .collect();
            for (room, number, refused) in tell(&accesses) {
                let of_room: Vec<_> = accesses
                    .iter()
                    .filter(|found| room == "-" || found.room.as_ref().is_some_and(|it| it.as_str() == room))
                    .collect();
                let devices = |some: &[&Found]| some.iter().map(|it| it.mac).collect::<BTreeSet<_>>().len();
                prop_assert!(devices(&of_room) >= DEVICES_MIN);
                let sum = |some: &[&Found]| some.iter().map(|it| u64::from(it.count)).sum::<u64>();
                prop_assert!(room == "-" || number == sum(&of_room));
                for (category, number) in refused {
                    let of_category: Vec<_> = of_room
                        .iter()
                        .copied()
                        .filter(|found| Details::of(&found.reason).category == Some(category.as_str()))
                        .collect();
                    prop_assert!(devices(&of_category) >= DEVICES_MIN, "{}", category);
                    prop_assert!(room == "-" || number == sum(&of_category));
                }
            }
        }
    }
}
