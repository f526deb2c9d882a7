//! The name of a network.

use std::fmt;
use std::str::FromStr;

/// Longest name, in bytes (IEEE 802.11-2020 section 9.4.2.2).
const SSID_BYTES_MAX: usize = 32;

/// The name by which a network announces itself: readable text, because it is read by a class.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Ssid(Box<str>);

impl Ssid {
    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Ssid {
    type Err = SsidError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.is_empty() {
            return Err(SsidError::Empty);
        }
        if text.len() > SSID_BYTES_MAX {
            return Err(SsidError::Long);
        }
        if text.chars().any(char::is_control) {
            return Err(SsidError::Control);
        }
        if text.trim() != text {
            return Err(SsidError::Space);
        }
        Ok(Self(text.into()))
    }
}

impl fmt::Display for Ssid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Why a text is not the name of a network.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SsidError {
    /// No name: in a beacon, a network that hides.
    #[error("a network has a name")]
    Empty,
    /// A beacon has no room for it.
    #[error("the name of a network is longer than {SSID_BYTES_MAX} bytes")]
    Long,
    /// No device shows it.
    #[error("the name of a network has a control character")]
    Control,
    /// Nobody sees it, and nobody types it.
    #[error("the name of a network begins or ends with a space")]
    Space,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_short_and_legible() {
        let check = |text: &str, expected: Result<(), SsidError>| {
            assert_eq!(text.parse::<Ssid>().map(|_| ()), expected, "{text:?}");
        };
        check("preau-7", Ok(()));
        check(&"é".repeat(16), Ok(()));
        check(&"é".repeat(17), Err(SsidError::Long));
        check("", Err(SsidError::Empty));
        check("a\u{7}", Err(SsidError::Control));
        check(" a", Err(SsidError::Space));
    }
}
