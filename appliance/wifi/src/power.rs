//! How loud a radio is.

use std::fmt;

/// What a radio sends at most, in dBm. Enough for a room: what is heard in the street is what somebody in the street can try.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Power(u8);

impl Power {
    /// The most, in dBm: what the rules of the air allow an access point in 2.4 GHz (ETSI EN 300 328: 100 mW), and less than they do on
    /// channels 36 to 48 (ETSI EN 301 893: 200 mW).
    const DBM_MAX: u8 = 20;
    /// Half of the most: a classroom, and a wall or two.
    const DBM_USUAL: u8 = 17;

    /// The power of so many dBm.
    ///
    /// # Errors
    /// [`PowerError`].
    pub fn new(dbm: u8) -> Result<Self, PowerError> {
        if (1..=Self::DBM_MAX).contains(&dbm) { Ok(Self(dbm)) } else { Err(PowerError) }
    }

    /// In dBm, as OpenWrt takes it.
    #[must_use]
    pub fn dbm(self) -> u8 {
        self.0
    }

    /// In hundredths of a dBm, as the kernel takes it.
    #[must_use]
    pub fn hundredths(self) -> u32 {
        u32::from(self.0) * 100
    }
}

impl Default for Power {
    fn default() -> Self {
        Self(Self::DBM_USUAL)
    }
}

impl fmt::Display for Power {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// No power that a radio of a room has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "a radio's power is 1 to 20 dBm: 17 for a room, 20 is what the rules of the air allow on all its channels"
)]
pub struct PowerError;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_radio_is_no_louder_than_the_rules_of_the_air_allow() {
        let check = |dbm: u8, expected: Option<u32>| {
            assert_eq!(Power::new(dbm).map(Power::hundredths).ok(), expected, "{dbm}");
        };
        check(0, None);
        check(1, Some(100));
        check(20, Some(2_000));
        check(21, None);
        assert_eq!(Power::default().to_string(), "17");
    }
}
