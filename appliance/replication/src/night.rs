//! When a box syncs: once a night, each at its own minute, so that a thousand of them never come at once.

use ring::digest::{SHA256, digest};

/// How long the night's window is: from half past one, when lists and self-test have their own times, to half past four.
pub const WINDOW_MINUTES: u32 = 180;
/// The first minute of the window, after midnight.
const FIRST_MINUTE: u32 = 90;
const MINUTE_MS: i64 = 60_000;
const DAY_MS: i64 = 86_400_000;
/// Longest pause after a night that failed: the line may be back in the morning.
const PAUSE_MINUTES_MAX: i64 = 120;
/// The first pause, doubled with each failure.
const PAUSE_MINUTES: i64 = 5;

/// The night of one box. Times are milliseconds on the school's own clock, its time zone included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Night {
    minute: u32,
}

impl Night {
    /// Of the box with this name: the same minute each night, and no two schools' alike but by chance.
    #[must_use]
    pub fn of(name: &str) -> Self {
        let hash = digest(&SHA256, name.as_bytes());
        let number = hash.as_ref().iter().take(4).fold(0_u32, |number, byte| number << 8 | u32::from(*byte));
        Self { minute: FIRST_MINUTE + number % WINDOW_MINUTES }
    }

    /// Hour and minute at which it is due.
    #[must_use]
    pub fn time(self) -> (u32, u32) {
        (self.minute / 60, self.minute % 60)
    }

    /// Whether to sync now. A night that was missed is made up for at once: a box that is switched off at night has its nights by
    /// day. After a failure it waits, longer each time.
    #[must_use]
    pub fn is_due(
        self,
        now_ms: i64,
        succeeded_ms: Option<i64>,
        failures: u32,
        tried_ms: Option<i64>,
    ) -> bool {
        let since_try = tried_ms.map(|tried| now_ms.saturating_sub(tried));
        let pause = pause_minutes(failures).saturating_mul(MINUTE_MS);
        // A clock that was set back has no say in it.
        if failures > 0 && since_try.is_some_and(|since| (0..pause).contains(&since)) {
            return false;
        }
        let Some(succeeded) = succeeded_ms.filter(|succeeded| *succeeded <= now_ms) else { return true };
        succeeded < self.last_before(now_ms)
    }

    /// The last moment at which it was due.
    fn last_before(self, now_ms: i64) -> i64 {
        let due = i64::from(self.minute) * MINUTE_MS;
        let days = now_ms.saturating_sub(due).div_euclid(DAY_MS);
        days.saturating_mul(DAY_MS).saturating_add(due)
    }
}

fn pause_minutes(failures: u32) -> i64 {
    let doubled = failures.checked_sub(1).and_then(|times| PAUSE_MINUTES.checked_shl(times.min(8)));
    doubled.unwrap_or(0).min(PAUSE_MINUTES_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_school_has_a_minute_in_the_window() {
        let nights: Vec<Night> = (0..3_000).map(|number| Night::of(&format!("{number:07}X"))).collect();
        let mut counts = vec![0_u32; 181];
        for night in &nights {
            counts[usize::try_from(night.minute - FIRST_MINUTE).unwrap()] += 1;
        }
        assert_eq!(counts[180], 0, "the window is over");
        assert!(counts.iter().max() < Some(&45), "3,000 schools come 17 a minute: {counts:?}");
        assert_eq!(Night::of("0750655E"), Night::of("0750655E"));
    }

    #[test]
    fn a_night_is_due_once_and_made_up_for() {
        let night = Night { minute: 120 };
        let at = |day: i64, hour: i64, minute: i64| day * DAY_MS + (hour * 60 + minute) * MINUTE_MS;
        let check = |now: i64, succeeded: Option<i64>, expected: bool| {
            assert_eq!(night.is_due(now, succeeded, 0, succeeded), expected, "{now} {succeeded:?}");
        };
        check(at(10, 14, 0), None, true);
        check(at(10, 14, 0), Some(at(10, 2, 0)), false);
        check(at(11, 1, 59), Some(at(10, 2, 0)), false);
        check(at(11, 2, 0), Some(at(10, 2, 0)), true);
        // By hand in the afternoon is no night.
        check(at(11, 2, 0), Some(at(10, 16, 0)), true);
        check(at(41, 9, 0), Some(at(11, 2, 0)), true);
        check(at(10, 14, 0), Some(at(99, 2, 0)), true);
    }

    #[test]
    fn after_a_failure_it_waits_longer_each_time() {
        let night = Night { minute: 120 };
        let due = |failures: u32, minutes: i64| {
            night.is_due(20 * DAY_MS + minutes * MINUTE_MS, None, failures, Some(20 * DAY_MS))
        };
        for (failures, minutes) in [(1, 5), (2, 10), (3, 20), (5, 80), (6, 120), (40, 120), (u32::MAX, 120)] {
            assert!(!due(failures, minutes - 1), "{failures}");
            assert!(due(failures, minutes), "{failures}");
        }
        assert!(night.is_due(0, None, 3, Some(DAY_MS)), "the clock was set back");
    }
}
