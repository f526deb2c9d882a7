//! Whose rules of the air a radio keeps to.

use std::fmt;
use std::str::FromStr;

/// A country or an overseas department, as the kernel's rules of the air name it (ISO 3166-1 alpha-2): `FR`, `RE`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Country([u8; 2]);

impl Country {
    /// France.
    pub const FRANCE: Self = Self(*b"FR");

    /// The two capital letters.
    #[must_use]
    pub fn as_str(&self) -> &str {
        // Two ASCII letters are text.
        str::from_utf8(&self.0).unwrap_or_default()
    }
}

impl Default for Country {
    fn default() -> Self {
        Self::FRANCE
    }
}

impl FromStr for Country {
    type Err = CountryError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.as_bytes() {
            &[first, second] if first.is_ascii_uppercase() && second.is_ascii_uppercase() => {
                Ok(Self([first, second]))
            }
            _ => Err(CountryError),
        }
    }
}

impl fmt::Display for Country {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The text names no country.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a country is two capital letters: FR, or RE, GP, MQ, GF, YT overseas")]
pub struct CountryError;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn countries_are_two_capital_letters() {
        for text in ["FR", "RE"] {
            assert_eq!(text.parse::<Country>().unwrap().to_string(), text);
        }
        for text in ["", "F", "fr", "FRA", "F1", "É"] {
            assert_eq!(text.parse::<Country>(), Err(CountryError), "{text}");
        }
    }
}
