//! When what is sealed was really recorded: by what the log says of times.
//!
//! Invariant: what is said here follows from the log alone: whoever verifies a copy comes to the same.

use std::collections::BTreeSet;

use model::{ClockQuality, Timestamp};

use crate::belief::{Belief, CONFIRMATION_DAYS, LEAP_DAYS_MAX, days};
use crate::leaf::Leaf;
use crate::retention::DAY_MS;
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
    let mut believed_later = BTreeSet::new();
    let mut listed = Vec::new();
    for (is_believed, time) in times.into_iter().rev() {
        if is_believed {
            believed_later.insert(time.made);
        }
        if is_believed || has_near(&believed_later, time.made) {
            listed.push(time);
        }
    }
    listed.reverse();
    listed
}

/// Whether one of these times is after another by no more than a clock is believed to leap.
fn has_near(times: &BTreeSet<Timestamp>, at: Timestamp) -> bool {
    // Days are counted as whole ones: less than one before it is none.
    let since = Timestamp::from_unix_ms(at.unix_ms().saturating_sub(DAY_MS - 1));
    times.range(since..).next().is_some_and(|next| days(at, *next) <= LEAP_DAYS_MAX)
}

/// The numbers of the entries that are outlived. In most logs no entry has an earlier time than one before it.
///
/// Times are looked up, not gone over for each entry: a log whose times all contradict each other takes no longer than another.
fn list_outlived(times: &[Time]) -> BTreeSet<u64> {
    if times.is_sorted_by_key(|time| time.made) {
        return BTreeSet::new();
    }
    let mut up_to: BTreeSet<(Timestamp, usize)> =
        times.iter().enumerate().map(|(place, time)| (time.made, place)).collect();
    let highest_up_to: Vec<Timestamp> = times
        .iter()
        .scan(None, |highest, time| {
            *highest = (*highest).max(Some(time.made));
            *highest
        })
        .collect();
    let (mut later, mut outlived) = (BTreeSet::new(), BTreeSet::new());
    for ((place, time), highest) in times.iter().enumerate().zip(highest_up_to).rev() {
        if is_outlived(time.made, (&up_to, highest), &later) {
            outlived.insert(time.number);
        }
        up_to.remove(&(time.made, place));
        later.insert(time.made);
    }
    outlived
}

/// Whether entries after one went on for days at times before it, and for longer than those up to it had at times after theirs: then
/// its clock was ahead, and not theirs behind. Those up to it come with the places of their entries, and with the last of them.
fn is_outlived(
    made: Timestamp,
    (up_to, highest_up_to): (&BTreeSet<(Timestamp, usize)>, Timestamp),
    later: &BTreeSet<Timestamp>,
) -> bool {
    let mut before = later.range(..made);
    let Some(lowest) = before.next() else { return false };
    let went_on = days(*lowest, *before.next_back().unwrap_or(lowest));
    let above = up_to.range((*lowest, usize::MAX)..).next();
    let had_gone_on = above.map_or(0, |(above, _)| days(*above, highest_up_to));
    went_on >= CONFIRMATION_DAYS && went_on > had_gone_on
}

/// The number of the first seal that has this segment, or later ones: what bounds that bounds the segment. One beyond all where there
/// is none.
pub(crate) fn number_about<'l>(mut leaves: impl Iterator<Item = &'l Leaf>, segment: u64) -> u64 {
    let about = leaves.find_map(|leaf| leaf.seal().filter(|seal| seal.segments.1 >= segment));
    about.map_or(u64::MAX, |seal| seal.number)
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

    /// The bounds of a segment that is in no seal, or in one that has not all of it: it was made before what is sealed of later ones.
    #[must_use]
    pub fn of_segment<'l>(
        leaves: impl Iterator<Item = &'l Leaf> + Clone,
        segment: u64,
        now: Timestamp,
    ) -> Self {
        let number = number_about(leaves.clone(), segment);
        Self::of(leaves, number, now)
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
    use proptest::prelude::*;

    use super::*;

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

    /// As it is said: by going over all entries for each.
    fn list_outlived_one_by_one(times: &[Timestamp]) -> Vec<usize> {
        let is_outlived = |place: usize| {
            let (up_to, later) = times.split_at(place + 1);
            let before: Vec<_> = later.iter().filter(|made| **made < times[place]).collect();
            let Some(lowest) = before.iter().min() else { return false };
            let went_on = days(**lowest, **before.iter().max().unwrap());
            let above: Vec<_> = up_to.iter().filter(|made| made > lowest).collect();
            let had_gone_on = days(**above.iter().min().unwrap(), **above.iter().max().unwrap());
            went_on >= CONFIRMATION_DAYS && went_on > had_gone_on
        };
        (0..times.len()).filter(|place| is_outlived(*place)).collect()
    }

    proptest! {
        #[test]
        fn what_is_looked_up_is_what_is_said(hours in prop::collection::vec(0..400_i64, 0..40), at in -30..430_i64) {
            let hour = |hour: i64| Timestamp::from_unix_ms(day(0).unix_ms() + hour * DAY_MS / 24);
            let times: Vec<Timestamp> = hours.iter().map(|it| hour(*it)).collect();
            let entries: Vec<Time> = (0..)
                .zip(&times)
                .map(|(number, made)| Time { number, made: *made, latest: None, is_back: false })
                .collect();
            let outlived: Vec<u64> = list_outlived(&entries).into_iter().collect();
            let expected: Vec<u64> = list_outlived_one_by_one(&times).into_iter().map(|it| it as u64).collect();
            prop_assert_eq!(outlived, expected);
            // Hours by the dozen: leaps of seventy days are among them.
            let far: BTreeSet<Timestamp> = hours.iter().map(|it| hour(it * 12)).collect();
            let is_near = |later: &Timestamp| (0..=LEAP_DAYS_MAX).contains(&days(hour(at * 12), *later));
            prop_assert_eq!(has_near(&far, hour(at * 12)), far.iter().any(is_near));
        }
    }

    /// A log of which each entry contradicts all that follow: gone over one by one, it would take hours.
    #[test]
    fn times_that_all_contradict_each_other_are_soon_looked_at() {
        let times: Vec<Time> = (0..200_000_i64)
            .map(|number| Time {
                number: number.cast_unsigned(),
                made: day(-number),
                latest: None,
                is_back: false,
            })
            .collect();
        assert_eq!(list_outlived(&times).len(), 100_000 - 1);
    }
}
