//! A look at the clock now and then: whether it was set.

use std::time::Instant;

use model::{ClockQuality, Timestamp};

/// A clock that is put right by less than this was not set: a time server steers it.
const STEP_MS_MIN: u64 = 1_000;

/// What the clock showed when somebody last looked, and when that was by the one that is never set.
#[derive(Clone, Copy, Debug)]
pub struct ClockWatch {
    seen: access::Instant,
    at: Instant,
}

/// The clock was set, or is known to be right at last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    /// What it shows.
    pub now: access::Instant,
    /// What it would show had it not been set.
    pub before: Timestamp,
}

impl ClockWatch {
    /// From here on.
    #[must_use]
    pub fn new(now: access::Instant, at: Instant) -> Self {
        Self { seen: now, at }
    }

    /// Whether the clock was set since, by at least a second, or was brought under a time server's hand.
    #[must_use]
    pub fn look(&self, now: access::Instant, at: Instant) -> Option<Step> {
        let elapsed = at.saturating_duration_since(self.at).as_millis();
        let elapsed_ms = i64::try_from(elapsed).unwrap_or(i64::MAX);
        let before = Timestamp::from_unix_ms(self.seen.at.unix_ms().saturating_add(elapsed_ms));
        let is_set = now.at.unix_ms().abs_diff(before.unix_ms()) >= STEP_MS_MIN;
        let is_known =
            now.quality == ClockQuality::Synchronised && self.seen.quality != ClockQuality::Synchronised;
        (is_set || is_known).then_some(Step { now, before })
    }

    /// Takes the clock as it is: nothing happened, or it is on record.
    pub fn accept(&mut self, now: access::Instant, at: Instant) {
        *self = Self::new(now, at);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::clock::monotonic;

    #[test]
    fn a_clock_that_is_set_is_seen() {
        use ClockQuality::{Synchronised, Unset, Unsynchronised};
        let instant = |ms: i64, quality| access::Instant { at: Timestamp::from_unix_ms(ms), quality };
        let start = monotonic();
        let check = |from: (i64, ClockQuality), to: (i64, ClockQuality), expected: Option<i64>| {
            let watch = ClockWatch::new(instant(from.0, from.1), start);
            let later = start.checked_add(Duration::from_secs(10)).unwrap();
            let step = watch.look(instant(to.0, to.1), later);
            assert_eq!(step.map(|step| step.before.unix_ms()), expected, "{from:?} {to:?}");
        };
        check((5_000, Unset), (15_000, Unset), None);
        check((5_000, Synchronised), (15_900, Synchronised), None);
        check((5_000, Unset), (1_800_000_000_000, Synchronised), Some(15_000));
        check((5_000, Synchronised), (3_000, Synchronised), Some(15_000));
        check((5_000, Unsynchronised), (15_002, Synchronised), Some(15_000));
        check((5_000, Synchronised), (15_000, Unsynchronised), None);
    }
}
