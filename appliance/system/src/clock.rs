//! The clock, and how far to trust it. Nothing else in the house reads one.

mod pace;
mod watch;

use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use model::{ClockQuality, Timestamp};

pub(crate) use pace::Uptime;
pub use pace::{check_pace, keep_pace};
pub use watch::{ClockWatch, Step};

/// 2026-11-01T00:00:00Z: no box was built before, so a clock that shows less was never set.
const EARLIEST_PLAUSIBLE: Timestamp = Timestamp::from_unix_ms(1_793_491_200_000);

/// How long one answer of the kernel about synchronisation is good for. The kernel itself needs minutes to
/// notice that a time server is gone; one system call per access would be a waste.
const SYNCHRONISATION_FRESH_MS: u64 = 10_000;

/// The kernel's real-time clock.
#[derive(Debug)]
pub struct SystemClock {
    asked_at: AtomicI64,
    is_synchronised: AtomicBool,
}

impl SystemClock {
    /// The clock.
    #[must_use]
    pub fn new() -> Self {
        Self { asked_at: AtomicI64::new(i64::MIN), is_synchronised: AtomicBool::new(false) }
    }

    fn quality(&self, at: Timestamp) -> ClockQuality {
        if !is_set(at) {
            return ClockQuality::Unset;
        }
        // Threads that race here ask the kernel twice, which is harmless. A clock that was set back asks again
        // too: its distance from the last question is not small either.
        let asked_at = self.asked_at.load(Ordering::Relaxed);
        if at.unix_ms().abs_diff(asked_at) >= SYNCHRONISATION_FRESH_MS {
            self.is_synchronised.store(is_synchronised(), Ordering::Relaxed);
            self.asked_at.store(at.unix_ms(), Ordering::Relaxed);
        }
        if self.is_synchronised.load(Ordering::Relaxed) {
            ClockQuality::Synchronised
        } else {
            ClockQuality::Unsynchronised
        }
    }
}

impl Default for SystemClock {
    fn default() -> Self {
        Self::new()
    }
}

impl access::Clock for SystemClock {
    fn now(&self) -> access::Instant {
        let at = now();
        access::Instant { at, quality: self.quality(at) }
    }
}

/// The time, to the millisecond.
#[must_use]
pub fn now() -> Timestamp {
    #[expect(clippy::disallowed_methods, reason = "this module is where the clock is read")]
    let time = SystemTime::now();
    let unix_ms = match time.duration_since(UNIX_EPOCH) {
        Ok(after) => i64::try_from(after.as_millis()).unwrap_or(i64::MAX),
        Err(before) => i64::try_from(before.duration().as_millis()).map_or(i64::MIN, |ms| -ms),
    };
    Timestamp::from_unix_ms(unix_ms)
}

/// Whether a clock that shows this was ever set.
pub(crate) fn is_set(at: Timestamp) -> bool {
    at >= EARLIEST_PLAUSIBLE
}

/// A clock that only goes forward, to measure how long something took.
#[must_use]
pub fn monotonic() -> std::time::Instant {
    #[expect(clippy::disallowed_methods, reason = "this module is where the clock is read")]
    std::time::Instant::now()
}

/// Whether a time server disciplines the kernel's clock (adjtimex(2), STA_UNSYNC).
fn is_synchronised() -> bool {
    #[expect(unsafe_code, reason = "no crate of the house wraps adjtimex(2)")]
    let (state, status) = {
        // SAFETY: timex is plain integers, for which zero is a value; modes 0 only reads, into our own struct.
        unsafe {
            let mut timex: libc::timex = std::mem::zeroed();
            (libc::adjtimex(&raw mut timex), timex.status)
        }
    };
    state >= 0 && state != libc::TIME_ERROR && status & libc::STA_UNSYNC == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_was_never_set_is_not_trusted() {
        let clock = SystemClock::new();
        let day_ms = 86_400_000;
        assert_eq!(clock.quality(Timestamp::from_unix_ms(3 * day_ms)), ClockQuality::Unset);
        assert_eq!(clock.quality(Timestamp::from_unix_ms(-day_ms)), ClockQuality::Unset);
        assert_ne!(clock.quality(EARLIEST_PLAUSIBLE), ClockQuality::Unset);
    }

    #[test]
    fn the_kernel_is_asked_again_only_after_a_while() {
        let clock = SystemClock::new();
        let at = |ms| Timestamp::from_unix_ms(EARLIEST_PLAUSIBLE.unix_ms() + ms);
        let first = clock.quality(at(50_000));
        clock.is_synchronised.store(first != ClockQuality::Synchronised, Ordering::Relaxed);
        assert_ne!(clock.quality(at(50_001)), first, "too early: the remembered answer stands");
        assert_eq!(clock.quality(at(60_000)), first, "asked again");
        clock.is_synchronised.store(first != ClockQuality::Synchronised, Ordering::Relaxed);
        assert_eq!(clock.quality(at(0)), first, "asked again after the clock was set back");
    }
}
