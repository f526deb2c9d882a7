//! Hardware addresses.

use std::fmt;
use std::str::FromStr;

/// An EUI-48 hardware address, written `02:00:00:00:00:11`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Mac([u8; 6]);

impl Mac {
    /// The address of these six octets, in transmission order.
    #[must_use]
    pub fn new(octets: [u8; 6]) -> Self {
        Self(octets)
    }

    /// The six octets, in transmission order.
    #[must_use]
    pub fn octets(self) -> [u8; 6] {
        self.0
    }
}

impl FromStr for Mac {
    type Err = MacError;

    /// Accepts pairs of hexadecimal digits joined by `:` or `-`, in either case.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut octets = [0; 6];
        let mut pairs = text.split([':', '-']);
        for octet in &mut octets {
            let pair = pairs.next().filter(|pair| pair.len() == 2).ok_or(MacError)?;
            let is_hexadecimal = pair.bytes().all(|byte| byte.is_ascii_hexdigit());
            *octet = u8::from_str_radix(pair, 16).ok().filter(|_| is_hexadecimal).ok_or(MacError)?;
        }
        if pairs.next().is_some() { Err(MacError) } else { Ok(Self(octets)) }
    }
}

impl fmt::Display for Mac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, e, g] = self.0;
        write!(f, "{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{g:02x}")
    }
}

/// The text is not six pairs of hexadecimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a MAC address: six pairs of hexadecimal digits, as in 02:00:00:00:00:11")]
pub struct MacError;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_form_for_every_spelling() {
        for text in ["0A:1b:2C:3d:4E:5f", "0a-1b-2c-3d-4e-5f"] {
            assert_eq!(text.parse::<Mac>().unwrap().to_string(), "0a:1b:2c:3d:4e:5f");
        }
    }

    #[test]
    fn other_texts_are_refused() {
        for text in ["", "0a:1b:2c:3d:4e", "0a:1b:2c:3d:4e:5f:60", "0a1b2c3d4e5f", "+a:1b:2c:3d:4e:5f"] {
            assert_eq!(text.parse::<Mac>(), Err(MacError), "{text:?}");
        }
    }
}
