//! When what is sealed was really recorded: by what the log says of times.
//!
//! Invariant: what is said here follows from the log alone: whoever verifies a copy comes to the same.

use std::collections::BTreeSet;

use model::{ClockQuality, Timestamp};

use crate::belief::{Belief, CONFIRMATION_DAYS, LEAP_DAYS_MAX, days};
use crate::leaf::Leaf;
use crate::seal::Seal;

/// The times of a log, as far as they bound others.
///
/// What is in doubt bounds nothing: neither an entry whose clock had leapt, unless the clock is believed there later, nor one that
/// later entries contradict. A clock that was ahead for a night would keep a year for another year, one that was behind would
/// make a year due.
#[derive(Clone, Debug)]
pub struct Chronicle {
    times: Vec<Time>,
}

/// The time of an entry.
#[derive(Clone, Copy, Debug)]
struct Time {
    number: u64,
    made: Timestamp,
    /// Of a seal the time of its last record, where there can be no doubt about it.
    latest: Option<Timestamp>,
    /// Whether it was behind what was reached before.
    is_back: bool,
}

impl Chronicle {
    /// What these leaves tell at a moment. What they say of times after it was wrong, and what they say of this moment bounds
    /// nothing.
    #[must_use]
    pub fn new<'l>(leaves: impl Iterator<Item = &'l Leaf>, now: Timestamp) -> Self {
        let mut times = list_believed(leaves, now);
        let outlived = list_outlived(&times);
        times.retain(|time| !outlived.contains(&time.number));
        let mut reached = None;
        for time in &mut times {
            time.is_back = reached.is_some_and(|reached| time.made < reached);
            reached = reached.max(Some(time.made));
        }
        Self { times }
    }

    /// The bounds of a seal with this number among the leaves.
    #[must_use]
    pub fn bounds(&self, number: u64) -> Bounds {
        let (before, after): (Vec<&Time>, Vec<&Time>) =
            self.times.iter().partition(|time| time.number < number);
        let not_before = before.iter().filter_map(|time| time.latest).max();
        let not_after = after.iter().filter(|time| !time.is_back).map(|time| time.made).min();
        Bounds { not_before, not_after }
    }
}

/// The entries of a clock that is believed, then or later.
fn list_believed<'l>(leaves: impl Iterator<Item = &'l Leaf>, now: Timestamp) -> Vec<Time> {
    let mut belief = Belief::default();
    let mut times = Vec::new();
    for leaf in leaves {
        let (made, clock) = leaf.made();
        if clock != ClockQuality::Synchronised || made >= now {
            continue;
        }
        let is_believed = belief.check((made, clock)).is_ok();
        belief.note((made, clock));
        let latest = leaf.seal().and_then(latest_if_certain).map(|latest| latest.min(made));
        times.push((is_believed, Time { number: leaf.number(), made, latest, is_back: false }));
    }
    let mut believed_later = Vec::new();
    let mut listed = Vec::new();
    for (is_believed, time) in times.into_iter().rev() {
        let is_near = |later: &Timestamp| (0..=LEAP_DAYS_MAX).contains(&days(time.made, *later));
        if is_believed {
            believed_later.push(time.made);
            listed.push(time);
        } else if believed_later.iter().any(is_near) {
            listed.push(time);
        }
    }
    listed.reverse();
    listed
}

/// The numbers of the entries that are outlived. Most have no earlier time after them, and are not looked at.
fn list_outlived(times: &[Time]) -> BTreeSet<u64> {
    let mut outlived = BTreeSet::new();
    let mut lowest_later: Option<Timestamp> = None;
    for (place, time) in times.iter().enumerate().rev() {
        let is_contradicted = lowest_later.is_some_and(|lowest| lowest < time.made);
        if is_contradicted && is_outlived(times, place) {
            outlived.insert(time.number);
        }
        lowest_later = Some(lowest_later.map_or(time.made, |lowest| lowest.min(time.made)));
    }
    outlived
}

/// Whether entries after one went on for days at times before it, and for longer than those up to it had at times after theirs: then
/// its clock was ahead, and not theirs behind.
fn is_outlived(times: &[Time], place: usize) -> bool {
    let Some((up_to, later)) = times.split_at_checked(place.saturating_add(1)) else { return false };
    let Some(time) = up_to.last() else { return false };
    let before = later.iter().map(|later| later.made).filter(|made| *made < time.made);
    let Some((lowest, highest)) = ends(before) else { return false };
    let went_on = days(lowest, highest);
    let above = up_to.iter().map(|time| time.made).filter(|made| *made > lowest);
    let had_gone_on = ends(above).map_or(0, |(lowest, highest)| days(lowest, highest));
    went_on >= CONFIRMATION_DAYS && went_on > had_gone_on
}

fn ends(times: impl Iterator<Item = Timestamp>) -> Option<(Timestamp, Timestamp)> {
    times.fold(None, |ends, time| match ends {
        None => Some((time, time)),
        Some((lowest, highest)) => Some((time.min(lowest), time.max(highest))),
    })
}

/// Bounds of the true time, from what the log knows.
///
/// Times in records may be wrong either way. But what a seal has was recorded before the seal was made, and before
/// every later one; and after what earlier seals have.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Bounds {
    not_before: Option<Timestamp>,
    not_after: Option<Timestamp>,
}

impl Bounds {
    /// Those of a seal with this number among the leaves.
    #[must_use]
    pub fn of<'l>(leaves: impl Iterator<Item = &'l Leaf>, number: u64, now: Timestamp) -> Self {
        Chronicle::new(leaves, now).bounds(number)
    }

    /// The bounds of something after all seals.
    #[must_use]
    pub fn after_all<'l>(leaves: impl Iterator<Item = &'l Leaf>, now: Timestamp) -> Self {
        Self::of(leaves, u64::MAX, now)
    }

    /// The time of the last record before it that is certain.
    #[must_use]
    pub fn not_before(&self) -> Option<Timestamp> {
        self.not_before
    }

    /// When the log knows that it was over.
    #[must_use]
    pub fn not_after(&self) -> Option<Timestamp> {
        self.not_after
    }

    /// When the last of some records was made; `None` where nobody can know yet. `clocks` are the records by the quality of
    /// their clock.
    #[must_use]
    pub fn reckon(&self, latest: Option<Timestamp>, [synchronised, alone, _]: [u64; 3]) -> Option<Timestamp> {
        let believed = latest.filter(|_| synchronised > 0 || (alone > 0 && self.not_after.is_none()));
        let time = match (believed, self.not_after) {
            (Some(latest), Some(not_after)) => latest.min(not_after),
            (Some(latest), None) => latest,
            (None, not_after) => not_after?,
        };
        // Where the bounds contradict each other, what is kept longer is right.
        Some(self.not_before.map_or(time, |not_before| not_before.max(time)))
    }
}

/// The time of the last record of a seal all of whose records are certain. A search takes it from seals that have records without the
/// time as well (`Frames`); a deletion goes by this, and cannot be taken back.
fn latest_if_certain(seal: &Seal) -> Option<Timestamp> {
    seal.times.filter(|_| seal.is_certain()).map(|(_, latest)| latest)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::retention::DAY_MS;

    fn day(day: i64) -> Timestamp {
        // 2026-11-23 00:00:00 UTC.
        Timestamp::from_unix_ms(1_795_392_000_000 + day * DAY_MS)
    }

    #[test]
    fn times_are_reckoned_between_bounds() {
        let check =
            |bounds: [Option<i64>; 2], latest: Option<i64>, clocks: [u64; 3], expected: Option<i64>| {
                let [not_before, not_after] = bounds.map(|bound| bound.map(day));
                let found = Bounds { not_before, not_after }.reckon(latest.map(day), clocks);
                assert_eq!(found, expected.map(day), "{bounds:?} {latest:?} {clocks:?}");
            };
        check([None, None], Some(5), [3, 0, 0], Some(5));
        check([Some(4), Some(6)], Some(5), [3, 0, 0], Some(5));
        // A clock years ahead, and one years behind.
        check([Some(4), Some(6)], Some(900), [0, 3, 0], Some(6));
        check([Some(4), Some(6)], Some(-900), [0, 3, 0], Some(6));
        check([Some(4), Some(6)], Some(-900), [1, 3, 0], Some(4));
        check([None, None], Some(5), [0, 3, 0], Some(5));
        // Without the time, nothing is known until somebody knows it.
        check([Some(4), None], Some(-20_000), [0, 0, 3], None);
        check([Some(4), Some(6)], Some(-20_000), [0, 0, 3], Some(6));
        check([None, Some(6)], None, [0, 0, 0], Some(6));
        check([Some(8), Some(6)], Some(7), [3, 0, 0], Some(8));
    }
}
