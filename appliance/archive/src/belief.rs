//! Whether a clock is believed: by what the log says of times.
//!
//! What is deleted stays deleted. A clock without a battery that begins in 1970 deletes nothing; one that a fault, or
//! somebody, sets a year ahead must not delete a year. So only a clock that a time server disciplines is believed, and after
//! a leap not before it has gone on from there for days. Small leaps one after the other are one: they are measured from the
//! last time that was confirmed.
//!
//! Invariant: what is said here follows from the log alone: whoever verifies a copy comes to the same.

use model::{ClockQuality, Timestamp};

use crate::leaf::Leaf;
use crate::retention::DAY_MS;

/// How far beyond the last time that was confirmed the clock is believed at once: the summer holidays.
pub const LEAP_DAYS_MAX: i64 = 70;
/// How long a clock has to go on after a longer one.
pub const CONFIRMATION_DAYS: i64 = 3;
/// The longest time between two entries of a clock that goes on: a box makes one each night, but for a long weekend.
const STEP_DAYS_MAX: i64 = 7;

/// Why a clock is not believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Doubt {
    /// It was never set.
    #[error("the clock was never set")]
    Unset,
    /// No time server disciplines it.
    #[error("no time server disciplines the clock")]
    Alone,
    /// It has leapt.
    #[error(
        "the clock is {days} days after the last time that the log knows: it is believed once it has gone on from here for \
         {CONFIRMATION_DAYS} days, or when somebody vouches for it (preau journal expire --now)"
    )]
    Leap {
        /// By how much.
        days: i64,
    },
    /// Somebody vouches for a time that is far from all that the log knows.
    #[error(
        "the time that was given is {days} days after the last entry of the log: say --far as well where that is meant, and not \
         another year"
    )]
    Far {
        /// By how much.
        days: i64,
    },
}

/// What is believed of the clock, entry by entry.
#[derive(Clone, Copy, Debug, Default)]
pub struct Belief {
    /// The last time that was believed.
    known: Option<Timestamp>,
    /// The last time to which the clock had gone on for days.
    confirmed: Option<Timestamp>,
    /// How the clock goes on, believed or not.
    run: Option<Run>,
}

/// Entries that follow each other at the pace of a box that is on.
#[derive(Clone, Copy, Debug)]
struct Run {
    first: Timestamp,
    last: Timestamp,
}

impl Run {
    fn goes_on_at(&self, at: Timestamp) -> bool {
        at >= self.last && days(self.last, at) <= STEP_DAYS_MAX
    }
}

impl Belief {
    /// What is believed after these leaves.
    pub fn after<'l>(leaves: impl Iterator<Item = &'l Leaf>) -> Self {
        let mut belief = Self::default();
        leaves.for_each(|leaf| belief.note(leaf.made()));
        belief
    }

    /// Whether a clock that shows this is believed.
    ///
    /// # Errors
    /// [`Doubt`].
    pub fn check(&self, (at, clock): (Timestamp, ClockQuality)) -> Result<(), Doubt> {
        match clock {
            ClockQuality::Unset => Err(Doubt::Unset),
            ClockQuality::Unsynchronised => Err(Doubt::Alone),
            ClockQuality::Synchronised if self.is_near(at) || self.is_confirmed(at) => Ok(()),
            ClockQuality::Synchronised => Err(Doubt::Leap { days: self.days_to(at) }),
        }
    }

    /// Whether a leap to about this time was noted already: nothing is gained by noting it again.
    #[must_use]
    pub fn waits_for(&self, at: Timestamp) -> bool {
        self.run.is_some_and(|run| run.goes_on_at(at))
    }

    pub(crate) fn note(&mut self, (at, clock): (Timestamp, ClockQuality)) {
        if clock != ClockQuality::Synchronised {
            return;
        }
        // A step back is believed: it deletes nothing.
        if self.known.is_some_and(|known| at < known) {
            let confirmed = self.confirmed.map(|confirmed| confirmed.min(at));
            *self = Self { known: Some(at), confirmed, run: Some(Run { first: at, last: at }) };
            return;
        }
        let (is_near, is_confirmed) = (self.is_near(at), self.is_confirmed(at));
        let first = self.run.filter(|run| run.goes_on_at(at)).map_or(at, |run| run.first);
        self.run = Some(Run { first, last: at });
        if is_near || is_confirmed {
            self.known = Some(at);
        }
        if is_confirmed {
            self.confirmed = Some(at);
        }
    }

    fn is_near(&self, at: Timestamp) -> bool {
        self.confirmed.is_some_and(|confirmed| days(confirmed, at) <= LEAP_DAYS_MAX)
    }

    fn is_confirmed(&self, at: Timestamp) -> bool {
        self.run.is_some_and(|run| run.goes_on_at(at) && days(run.first, at) >= CONFIRMATION_DAYS)
    }

    /// How many days this is after the last time that is known.
    pub(crate) fn days_to(&self, at: Timestamp) -> i64 {
        days(self.known.unwrap_or(Timestamp::from_unix_ms(0)), at)
    }
}

/// How many days a time is after the last of these leaves that was made by a clock that was set.
pub(crate) fn days_after_last<'l>(leaves: impl DoubleEndedIterator<Item = &'l Leaf>, at: Timestamp) -> i64 {
    let last = leaves.rev().map(Leaf::made).find(|(_, clock)| *clock != ClockQuality::Unset);
    last.map_or(0, |(made, _)| days(made, at))
}

/// Whether a time for which somebody vouches is near what the log knows: a slip of the pen must not delete a year.
///
/// # Errors
/// [`Doubt::Far`].
pub fn check_vouched<'l>(
    leaves: impl DoubleEndedIterator<Item = &'l Leaf>,
    at: Timestamp,
) -> Result<(), Doubt> {
    let days = days_after_last(leaves, at);
    if days > LEAP_DAYS_MAX { Err(Doubt::Far { days }) } else { Ok(()) }
}

/// Whole days between two times; below 0 where the second is before the first.
pub(crate) fn days(from: Timestamp, to: Timestamp) -> i64 {
    to.unix_ms().saturating_sub(from.unix_ms()) / DAY_MS
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(day: i64) -> Timestamp {
        // 2026-11-23 00:00:00 UTC.
        Timestamp::from_unix_ms(1_795_392_000_000 + day * DAY_MS)
    }

    fn after(days: &[i64]) -> Belief {
        let mut belief = Belief::default();
        days.iter().for_each(|number| belief.note((day(*number), ClockQuality::Synchronised)));
        belief
    }

    #[test]
    fn only_a_clock_that_goes_on_is_believed() {
        let check = |days: &[i64], at: i64, expected: Result<(), Doubt>| {
            let found = after(days).check((day(at), ClockQuality::Synchronised));
            assert_eq!(found, expected, "{days:?} then {at}");
        };
        let known = [0, 1, 3];
        check(&known, 4, Ok(()));
        check(&known, 3 + LEAP_DAYS_MAX, Ok(()));
        check(&known, 400, Err(Doubt::Leap { days: 397 }));
        check(&[0, 1, 3, 400], 401, Err(Doubt::Leap { days: 398 }));
        check(&[0, 1, 3, 400], 403, Ok(()));
        check(&[0, 1, 3, 400, 401, 403], 404, Ok(()));
        // Leaps one after the other confirm nothing.
        check(&[0, 1, 3, 400, 800, 1_200], 1_201, Err(Doubt::Leap { days: 1_198 }));
        // It came back: the leap was none.
        check(&[0, 1, 3, 400, 4], 5, Ok(()));
        check(&[0, 1, 3, 400, 4], 403, Err(Doubt::Leap { days: 399 }));
        check(&[], 0, Err(Doubt::Leap { days: day(0).unix_ms() / DAY_MS }));
        check(&[0], 3, Ok(()));
        // Leaps that are each short enough are measured together, until the clock has gone on after the last.
        check(&[0, 1, 3, 72], 141, Err(Doubt::Leap { days: 69 }));
        check(&[0, 1, 3, 72, 141, 210, 279, 348], 417, Err(Doubt::Leap { days: 345 }));
        check(&[0, 1, 3, 72, 73, 75], 141, Ok(()));
        check(&[0, 1, 3, 72, 70, 71, 73], 143, Ok(()));
        // Nor are they confirmed by a step back between them.
        check(&[0, 1, 3, 72, 71, 140], 139, Err(Doubt::Leap { days: 68 }));
    }

    #[test]
    fn a_clock_on_its_own_is_not_believed() {
        let belief = after(&[0, 3]);
        assert_eq!(belief.check((day(4), ClockQuality::Unsynchronised)), Err(Doubt::Alone));
        assert_eq!(belief.check((Timestamp::from_unix_ms(0), ClockQuality::Unset)), Err(Doubt::Unset));
    }
}
