//! Hardware addresses.

use std::fmt;
use std::str::FromStr;

/// An EUI-48 hardware address, written `02:00:00:00:00:11`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Mac([u8; 6]);

impl Mac {
    /// The address of these six octets, in transmission order.
    #[must_use]
    pub const fn new(octets: [u8; 6]) -> Self {
        Self(octets)
    }

    /// The six octets, in transmission order.
    #[must_use]
    pub fn octets(self) -> [u8; 6] {
        self.0
    }

    /// The address itself, if it can be that of one machine (IEEE 802-2014 section 8.2).
    ///
    /// # Errors
    /// [`NotAMachine`], which says what it stands for instead.
    pub fn of_a_machine(self) -> Result<Self, NotAMachine> {
        match self.0 {
            [0, 0, 0, 0, 0, 0] => Err(NotAMachine::Nobody),
            [0xff, 0xff, 0xff, 0xff, 0xff, 0xff] => Err(NotAMachine::Everybody),
            [first, ..] if first & GROUP != 0 => Err(NotAMachine::Group),
            _ => Ok(self),
        }
    }
}

/// The bit of the first octet that tells an address of many machines.
const GROUP: u8 = 1;

/// A hardware address that no machine has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotAMachine {
    /// All zeros: the address of what has none, as programs on the box itself.
    #[error("no machine has this address: it stands for an address that is not known")]
    Nobody,
    /// All ones.
    #[error("no machine has this address: it is the one of all machines at once (broadcast)")]
    Everybody,
    /// Any other address with the group bit.
    #[error("no machine has this address: it is one of a group of machines (multicast)")]
    Group,
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
    fn some_addresses_are_of_no_machine() {
        for (text, expected) in [
            ("02:00:00:00:00:11", None),
            ("00:00:00:00:00:01", None),
            ("fe:ff:ff:ff:ff:ff", None),
            ("00:00:00:00:00:00", Some(NotAMachine::Nobody)),
            ("ff:ff:ff:ff:ff:ff", Some(NotAMachine::Everybody)),
            ("01:00:5e:00:00:01", Some(NotAMachine::Group)),
            ("33:33:00:00:00:01", Some(NotAMachine::Group)),
        ] {
            assert_eq!(text.parse::<Mac>().unwrap().of_a_machine().err(), expected, "{text}");
        }
    }

    #[test]
    fn other_texts_are_refused() {
        for text in ["", "0a:1b:2c:3d:4e", "0a:1b:2c:3d:4e:5f:60", "0a1b2c3d4e5f", "+a:1b:2c:3d:4e:5f"] {
            assert_eq!(text.parse::<Mac>(), Err(MacError), "{text:?}");
        }
    }
}
