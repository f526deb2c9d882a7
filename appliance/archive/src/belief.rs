//! Whether a clock is believed, and when what is sealed was really recorded: by what the log says of times.
//!
//! What is deleted stays deleted. A clock without a battery that begins in 1970 deletes nothing; one that a fault, or
//! somebody, sets a year ahead must not delete a year. So only a clock that a time server disciplines is believed, and after
//! a leap not before it has gone on from there for days.
//!
//! Invariant: what is said here follows from the log alone: whoever verifies a copy comes to the same.

use model::{ClockQuality, Timestamp};

use crate::leaf::Leaf;
use crate::retention::DAY_MS;
use crate::seal::Seal;

/// The longest time without an entry after which the clock is believed at once: the summer holidays.
pub const LEAP_DAYS_MAX: i64 = 70;
/// How long a clock has to go on after a longer one.
pub const CONFIRMATION_DAYS: i64 = 3;

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
}

/// What is believed of the clock, entry by entry.
#[derive(Clone, Copy, Debug, Default)]
pub struct Belief {
    /// The last time that was believed.
    known: Option<Timestamp>,
    /// Where a clock leapt to.
    leapt_to: Option<Timestamp>,
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
            ClockQuality::Synchronised => {
                let known = self.known.unwrap_or(Timestamp::from_unix_ms(0));
                Err(Doubt::Leap { days: at.unix_ms().saturating_sub(known.unix_ms()) / DAY_MS })
            }
        }
    }

    /// Whether a leap to about this time was noted already: nothing is gained by noting it again.
    #[must_use]
    pub fn waits_for(&self, at: Timestamp) -> bool {
        self.leapt_to.is_some_and(|to| at >= to && days(to, at) <= LEAP_DAYS_MAX)
    }

    pub(crate) fn note(&mut self, (at, clock): (Timestamp, ClockQuality)) {
        if clock != ClockQuality::Synchronised {
            return;
        }
        if self.is_near(at) || self.is_confirmed(at) {
            *self = Self { known: Some(at), leapt_to: None };
        } else if !self.waits_for(at) {
            self.leapt_to = Some(at);
        }
    }

    /// A step back is believed: it deletes nothing.
    fn is_near(&self, at: Timestamp) -> bool {
        self.known.is_some_and(|known| days(known, at) <= LEAP_DAYS_MAX)
    }

    fn is_confirmed(&self, at: Timestamp) -> bool {
        self.leapt_to.is_some_and(|to| (CONFIRMATION_DAYS..=LEAP_DAYS_MAX).contains(&days(to, at)))
    }
}

fn days(from: Timestamp, to: Timestamp) -> i64 {
    to.unix_ms().saturating_sub(from.unix_ms()) / DAY_MS
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
    /// Those of a seal with this number among the leaves. What the log says of times after `now` was wrong, and what it
    /// says of this moment bounds nothing. A clock that stepped back behind what was believed bounds nothing either: one
    /// night of it would make a year due.
    #[must_use]
    pub fn of<'l>(leaves: impl Iterator<Item = &'l Leaf>, number: u64, now: Timestamp) -> Self {
        let (mut bounds, mut belief) = (Self::default(), Belief::default());
        let mut reached = None;
        for leaf in leaves {
            let (made, clock) = leaf.made();
            belief.note((made, clock));
            if clock != ClockQuality::Synchronised || made >= now {
                continue;
            }
            let is_back = reached.is_some_and(|reached| made < reached);
            reached = reached.max(belief.known.filter(|known| *known < now));
            if leaf.number() >= number {
                if is_back {
                    continue;
                }
                bounds.not_after = Some(bounds.not_after.map_or(made, |before| before.min(made)));
            } else if let Some(latest) = leaf.seal().and_then(latest_certain) {
                bounds.not_before = bounds.not_before.max(Some(latest.min(made)));
            }
        }
        bounds
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

/// The time of the last record of a seal, where there can be no doubt about it.
fn latest_certain(seal: &Seal) -> Option<Timestamp> {
    let [_, alone, unset] = seal.clocks;
    seal.times.filter(|_| alone == 0 && unset == 0).map(|(_, latest)| latest)
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
    }

    #[test]
    fn a_clock_on_its_own_is_not_believed() {
        let belief = after(&[0, 3]);
        assert_eq!(belief.check((day(4), ClockQuality::Unsynchronised)), Err(Doubt::Alone));
        assert_eq!(belief.check((Timestamp::from_unix_ms(0), ClockQuality::Unset)), Err(Doubt::Unset));
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
