//! Ties between what the clock showed and the true time.
//!
//! A box that starts without the time marks its records, and they keep what its clock showed. When the time comes, a record
//! says so: what the clock would show without it, and what it is. The difference is that of all records since the clock was
//! set the last time, or since the box was started.

use model::{ClockQuality, Timestamp};
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

/// All ties that are known: the true times of records that were made without the time.
#[derive(Clone, Debug, Default)]
pub struct Reckoning {
    /// In the order of sequences.
    ties: Vec<ClockTie>,
}

impl Reckoning {
    /// From these ties, in any order; one that is told twice counts once.
    #[must_use]
    pub fn new(mut ties: Vec<ClockTie>) -> Self {
        ties.sort_unstable_by_key(|tie| tie.sequence);
        ties.dedup_by_key(|tie| tie.sequence);
        Self { ties }
    }

    /// When a record was really made; `None` where its own time is the best there is. A clock that no time server had set
    /// was tied, in turn, to a later one.
    #[must_use]
    pub fn reckon(&self, sequence: Sequence, at: Timestamp, clock: ClockQuality) -> Option<Timestamp> {
        let (mut sequence, mut at_ms, mut clock, mut is_tied) = (sequence, at.unix_ms(), clock, false);
        let from = self.ties.partition_point(|tie| tie.sequence <= sequence);
        for tie in self.ties.get(from..)? {
            if clock == ClockQuality::Synchronised || sequence < tie.since {
                break;
            }
            at_ms = at_ms.saturating_add(tie.at.unix_ms().saturating_sub(tie.before.unix_ms()));
            (sequence, clock, is_tied) = (tie.sequence, tie.clock, true);
        }
        is_tied.then(|| Timestamp::from_unix_ms(at_ms))
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
        let reckoning = Reckoning::new(vec![
            // Set by hand, and then by a time server, which puts it right by a second.
            tie(12, 15, 100_100, 101_100, Synchronised),
            tie(5, 11, 100, 100_000, Unsynchronised),
        ]);
        let check = |sequence: u64, at: i64, clock: ClockQuality, expected: Option<i64>| {
            let found = reckoning.reckon(Sequence::new(sequence), Timestamp::from_unix_ms(at), clock);
            assert_eq!(found.map(Timestamp::unix_ms), expected, "{sequence}");
        };
        check(4, 90, Unset, None);
        check(5, 50, Unset, Some(50 + 99_900));
        check(10, 99, Unset, Some(99 + 99_900));
        check(12, 100_050, Unsynchronised, Some(101_050));
        check(12, 100_050, Synchronised, None);
        check(16, 200_000, Unsynchronised, None);
    }

    #[test]
    fn ties_follow_each_other() {
        use ClockQuality::{Synchronised, Unset, Unsynchronised};
        let reckoning = Reckoning::new(vec![
            tie(5, 11, 100, 100_000, Unsynchronised),
            tie(11, 15, 100_100, 101_100, Synchronised),
        ]);
        let found = reckoning.reckon(Sequence::new(7), Timestamp::from_unix_ms(60), Unset);
        assert_eq!(found, Some(Timestamp::from_unix_ms(60 + 99_900 + 1_000)));
    }
}
