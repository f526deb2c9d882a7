//! Ties between what the clock showed and the true time.
//!
//! A box that starts without the time marks its records, and they keep what its clock showed. When the time comes, a record
//! says so: what the clock would show without it, and what it is. The difference is that of all records since the clock was
//! set the last time, or since the box was started.

use model::{ClockQuality, Timestamp, When};
use serde::{Deserialize, Serialize};

use crate::Sequence;
use crate::codes::ClockCode;

/// The clock was set, or is known to be right from now on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ClockEntry {
    pub(crate) sequence: u64,
    /// The first record by the clock as it was before.
    pub(crate) since: u64,
    pub(crate) at_ms: i64,
    pub(crate) clock: ClockCode,
    /// What it would show by now had it not been set.
    pub(crate) before_ms: i64,
}

/// A tie: for records of one run of the clock, how far it was from the next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClockTie {
    /// The number of the record that says it.
    pub sequence: Sequence,
    /// The first record that it is about; the last one is before `sequence`.
    pub since: Sequence,
    /// What the clock showed then.
    pub at: Timestamp,
    /// How far to trust that.
    pub clock: ClockQuality,
    /// What the clock would have shown without being set.
    pub before: Timestamp,
}

impl From<&ClockEntry> for ClockTie {
    fn from(entry: &ClockEntry) -> Self {
        Self {
            sequence: Sequence::new(entry.sequence),
            since: Sequence::new(entry.since),
            at: Timestamp::from_unix_ms(entry.at_ms),
            clock: entry.clock.into(),
            before: Timestamp::from_unix_ms(entry.before_ms),
        }
    }
}

/// All that is known of the true times of records that were made without the time.
#[derive(Clone, Debug, Default)]
pub struct Reckoning {
    /// In the order of sequences.
    ties: Vec<ClockTie>,
    /// When all of the records were made at the earliest, and at the latest.
    bounds: (Option<Timestamp>, Option<Timestamp>),
    /// The last record that is sealed, where that makes a difference.
    sealed: Option<Sequence>,
}

impl Reckoning {
    /// From these ties, in any order; one that is told twice counts once.
    #[must_use]
    pub fn new(mut ties: Vec<ClockTie>) -> Self {
        ties.sort_unstable_by_key(|tie| tie.sequence);
        ties.dedup_by_key(|tie| tie.sequence);
        Self { ties, bounds: (None, None), sealed: None }
    }

    /// The same for records that were made between these times.
    #[must_use]
    pub fn within(self, not_before: Option<Timestamp>, not_after: Option<Timestamp>) -> Self {
        Self { bounds: (not_before, not_after), ..self }
    }

    /// The same where ties above this number are sealed by nobody: anybody can write such a one, and what it says has to be
    /// possible, by whatever clock.
    #[must_use]
    pub fn doubting(self, above: Sequence) -> Self {
        Self { sealed: Some(above), ..self }
    }

    /// What both know.
    #[must_use]
    pub fn and(mut self, other: &Self) -> Self {
        self.extend(&other.ties);
        self
    }

    /// Takes more ties.
    pub fn extend(&mut self, ties: &[ClockTie]) {
        self.ties.extend_from_slice(ties);
        self.ties.sort_unstable_by_key(|tie| tie.sequence);
        self.ties.dedup_by_key(|tie| tie.sequence);
    }

    /// When a record was made. What a clock on its own shows is right unless the bounds say otherwise; a clock that was
    /// never set is wrong.
    #[must_use]
    pub fn when(&self, sequence: Sequence, at: Timestamp, clock: ClockQuality) -> When {
        if clock == ClockQuality::Synchronised {
            return When::Shown(at);
        }
        let (not_before, not_after) = self.bounds;
        let is_possible = |at: Timestamp| {
            not_before.is_none_or(|before| before <= at) && not_after.is_none_or(|after| at <= after)
        };
        match self.follow(sequence, at, clock) {
            Some((at, ClockQuality::Synchronised, tie)) if !self.is_doubted(sequence, tie) => {
                When::Reckoned(at)
            }
            Some((at, ClockQuality::Synchronised | ClockQuality::Unsynchronised, _)) if is_possible(at) => {
                When::Reckoned(at)
            }
            None if clock == ClockQuality::Unsynchronised && is_possible(at) => When::Shown(at),
            Some(_) | None => When::between(not_before, not_after),
        }
    }

    /// Whether a record is sealed, and the tie that says when it was made is not.
    fn is_doubted(&self, sequence: Sequence, tie: Sequence) -> bool {
        self.sealed.is_some_and(|sealed| sequence <= sealed && sealed < tie)
    }

    /// Whether more ties would make no difference to when a record was made.
    #[must_use]
    pub fn is_settled(&self, sequence: Sequence, at: Timestamp, clock: ClockQuality) -> bool {
        clock == ClockQuality::Synchronised
            || matches!(self.follow(sequence, at, clock), Some((_, ClockQuality::Synchronised, _)))
    }

    /// When a record was really made, and how far the clock is to be trusted that says so; `None` where its own time is the
    /// best there is. A clock that no time server had set was tied, in turn, to a later one: the last of them is told, too.
    fn follow(
        &self,
        sequence: Sequence,
        at: Timestamp,
        clock: ClockQuality,
    ) -> Option<(Timestamp, ClockQuality, Sequence)> {
        let (mut sequence, mut at_ms, mut clock, mut is_tied) = (sequence, at.unix_ms(), clock, false);
        let from = self.ties.partition_point(|tie| tie.sequence <= sequence);
        for tie in self.ties.get(from..)? {
            if clock == ClockQuality::Synchronised || sequence < tie.since {
                break;
            }
            at_ms = at_ms.saturating_add(tie.at.unix_ms().saturating_sub(tie.before.unix_ms()));
            (sequence, clock, is_tied) = (tie.sequence, tie.clock, true);
        }
        is_tied.then(|| (Timestamp::from_unix_ms(at_ms), clock, sequence))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tie(since: u64, sequence: u64, before: i64, at: i64, clock: ClockQuality) -> ClockTie {
        let (since, sequence) = (Sequence::new(since), Sequence::new(sequence));
        ClockTie {
            sequence,
            since,
            at: Timestamp::from_unix_ms(at),
            clock,
            before: Timestamp::from_unix_ms(before),
        }
    }

    #[test]
    fn records_without_the_time_get_it_from_the_tie_of_their_run() {
        use ClockQuality::{Synchronised, Unset, Unsynchronised};
        let mut reckoning = Reckoning::new(vec![
            // Set by hand, and then by a time server, which puts it right by a second.
            tie(12, 15, 100_100, 101_100, Synchronised),
        ]);
        let time = Timestamp::from_unix_ms;
        let (shown, reckoned) = (|ms| When::Shown(time(ms)), |ms| When::Reckoned(time(ms)));
        let unknown = When::Between(None, None);
        assert_eq!(reckoning.when(Sequence::new(5), time(50), Unset), unknown);
        assert!(!reckoning.is_settled(Sequence::new(5), time(50), Unset));
        reckoning.extend(&[tie(5, 11, 100, 100_000, Unsynchronised)]);
        let check = |sequence: u64, at: i64, clock: ClockQuality, expected: When, is_settled: bool| {
            let record = (Sequence::new(sequence), time(at), clock);
            assert_eq!(reckoning.when(record.0, record.1, record.2), expected, "{sequence}");
            assert_eq!(reckoning.is_settled(record.0, record.1, record.2), is_settled, "{sequence}");
        };
        check(4, 90, Unset, unknown, false);
        check(5, 50, Unset, reckoned(50 + 99_900), false);
        check(10, 99, Unset, reckoned(99 + 99_900), false);
        check(12, 100_050, Unsynchronised, reckoned(101_050), true);
        check(12, 100_050, Synchronised, shown(100_050), true);
        check(16, 200_000, Unsynchronised, shown(200_000), false);
    }

    #[test]
    fn ties_follow_each_other() {
        use ClockQuality::{Synchronised, Unset, Unsynchronised};
        let reckoning = Reckoning::new(vec![
            tie(5, 11, 100, 100_000, Unsynchronised),
            tie(11, 15, 100_100, 101_100, Synchronised),
        ]);
        let found = reckoning.when(Sequence::new(7), Timestamp::from_unix_ms(60), Unset);
        assert_eq!(found, When::Reckoned(Timestamp::from_unix_ms(60 + 99_900 + 1_000)));
    }

    #[test]
    fn a_clock_that_bounds_contradict_is_wrong() {
        use ClockQuality::{Unset, Unsynchronised};
        let time = Timestamp::from_unix_ms;
        let bounds = (Some(time(1_000)), Some(time(2_000)));
        let reckoning = Reckoning::default().within(bounds.0, bounds.1);
        let when = |at, clock| reckoning.when(Sequence::new(1), time(at), clock);
        assert_eq!(when(1_500, Unsynchronised), When::Shown(time(1_500)));
        for (at, clock) in [(999, Unsynchronised), (2_001, Unsynchronised), (1_500, Unset)] {
            assert_eq!(when(at, clock), When::Between(bounds.0, bounds.1), "{at} {clock}");
        }
        // A tie that nobody has sealed says what it likes of what is sealed; of what is not, it is as good as that.
        let told = |at| {
            let tie = tie(1, 9, 100, at, ClockQuality::Synchronised);
            let known = Reckoning::new(vec![tie]).within(bounds.0, bounds.1).doubting(Sequence::new(5));
            [2, 7].map(|record| known.when(Sequence::new(record), time(100), Unset))
        };
        assert_eq!(told(1_500), [When::Reckoned(time(1_500)); 2]);
        assert_eq!(told(900_000), [When::Between(bounds.0, bounds.1), When::Reckoned(time(900_000))]);
        // A clock that was set by hand, years off.
        let tied = Reckoning::new(vec![tie(1, 5, 100, 900_000, Unsynchronised)]).within(bounds.0, bounds.1);
        assert_eq!(tied.when(Sequence::new(2), time(50), Unset), When::Between(bounds.0, bounds.1));
    }
}
