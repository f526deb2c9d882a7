//! Points in time, and how far to trust them.

use std::fmt;

/// A point in time: milliseconds since 1970-01-01 00:00:00 UTC, leap seconds not counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

impl Timestamp {
    /// The point `unix_ms` milliseconds after the epoch.
    #[must_use]
    pub const fn from_unix_ms(unix_ms: i64) -> Self {
        Self(unix_ms)
    }

    /// Milliseconds since the epoch.
    #[must_use]
    pub const fn unix_ms(self) -> i64 {
        self.0
    }

    /// Milliseconds from `earlier` to this point; 0 when the clock was set back in between.
    #[must_use]
    pub fn ms_since(self, earlier: Self) -> u64 {
        u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0)
    }
}

/// How far a [`Timestamp`] can be trusted: a box without a battery-backed clock may boot in 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ClockQuality {
    /// The kernel's clock is disciplined by a time server.
    Synchronised,
    /// The clock runs on its own: plausible, not proved.
    Unsynchronised,
    /// The clock shows a time before this program was built: certainly wrong.
    Unset,
}

impl ClockQuality {
    /// The word that records and messages use.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Synchronised => "synchronised",
            Self::Unsynchronised => "unsynchronised",
            Self::Unset => "unset",
        }
    }
}

impl fmt::Display for ClockQuality {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// When something was made, as far as that is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// When its own clock says, which nothing contradicts.
    Shown(Timestamp),
    /// When a later record says, which knows how far the clock was from the true time.
    Reckoned(Timestamp),
    /// Its clock was wrong, and nobody knows by how much: not before the first time, where there is one, nor after the
    /// second.
    Between(Option<Timestamp>, Option<Timestamp>),
}

impl When {
    /// Between two times. Where they contradict each other, nothing is known.
    #[must_use]
    pub fn between(not_before: Option<Timestamp>, not_after: Option<Timestamp>) -> Self {
        match (not_before, not_after) {
            (Some(before), Some(after)) if after < before => Self::Between(None, None),
            (not_before, not_after) => Self::Between(not_before, not_after),
        }
    }

    /// The earliest and the latest time that is possible.
    #[must_use]
    pub fn bounds(self) -> (Option<Timestamp>, Option<Timestamp>) {
        match self {
            Self::Shown(at) | Self::Reckoned(at) => (Some(at), Some(at)),
            Self::Between(earliest, latest) => (earliest, latest),
        }
    }

    /// Whether it may have been within a window: from the first time on, and before the second. `lasting_ms` is for how long
    /// it went on.
    #[must_use]
    pub fn may_be_within(self, lasting_ms: u64, (from, to): (Option<Timestamp>, Option<Timestamp>)) -> bool {
        let lasting_ms = i64::try_from(lasting_ms).unwrap_or(i64::MAX);
        let (earliest, latest) = self.bounds();
        let is_late_enough = from.is_none_or(|Timestamp(from)| {
            latest.is_none_or(|Timestamp(latest)| latest.saturating_add(lasting_ms) >= from)
        });
        is_late_enough && to.is_none_or(|to| earliest.is_none_or(|earliest| earliest < to))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_be_within_a_window_is() {
        let at = |ms: Option<i64>| ms.map(Timestamp);
        let check = |when: When, lasting_ms: u64, window: [Option<i64>; 2], expected: bool| {
            let [from, to] = window.map(at);
            assert_eq!(when.may_be_within(lasting_ms, (from, to)), expected, "{when:?} {window:?}");
        };
        for when in [When::Shown(Timestamp(10)), When::Reckoned(Timestamp(10))] {
            check(when, 0, [None, None], true);
            check(when, 0, [Some(10), Some(11)], true);
            check(when, 0, [Some(11), None], false);
            check(when, 1, [Some(11), None], true);
            check(when, 9, [None, Some(10)], false);
        }
        let between = |earliest, latest| When::between(at(earliest), at(latest));
        check(between(None, None), 0, [Some(11), Some(12)], true);
        check(between(Some(10), Some(20)), 0, [Some(15), Some(16)], true);
        check(between(Some(10), Some(20)), 0, [Some(21), None], false);
        check(between(Some(10), Some(20)), 0, [None, Some(10)], false);
        check(between(Some(10), None), 0, [Some(900), None], true);
        assert_eq!(between(Some(20), Some(10)), When::Between(None, None), "they contradict each other");
    }
}
