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
