//! Named services: what the school needs of the Internet beside the web.

use std::fmt;
use std::str::FromStr;

use crate::AccessKind;
use crate::text::{TextError, check_identifier, name_type};

name_type! {
    /// The name of a service that the school uses beside the web: `imaps`, `visio`. Small letters, digits, `-` and `_`;
    /// at most 64 characters.
    ServiceName, check_identifier, TextError
}

/// A protocol with ports.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Transport {
    /// TCP.
    Tcp,
    /// UDP.
    Udp,
}

impl Transport {
    /// The word that configuration files and rulesets use.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Tcp => "tcp",
            Self::Udp => "udp",
        }
    }

    /// The kind of an access that goes past the doors by it.
    #[must_use]
    pub fn kind(self) -> AccessKind {
        match self {
            Self::Tcp => AccessKind::Tcp,
            Self::Udp => AccessKind::Udp,
        }
    }

    /// Its number in IP headers.
    #[must_use]
    pub fn number(self) -> u8 {
        match self {
            Self::Tcp => 6,
            Self::Udp => 17,
        }
    }

    /// The one with this number.
    #[must_use]
    pub fn of_number(number: u8) -> Option<Self> {
        [Self::Tcp, Self::Udp].into_iter().find(|transport| transport.number() == number)
    }
}

/// Ports from a first to a last one, both included; never port 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PortRange {
    first: u16,
    last: u16,
}

impl PortRange {
    /// From `first` to `last`; `None` the wrong way round, or with port 0.
    #[must_use]
    pub fn new(first: u16, last: u16) -> Option<Self> {
        (0 < first && first <= last).then_some(Self { first, last })
    }

    /// The first of them.
    #[must_use]
    pub fn first(self) -> u16 {
        self.first
    }

    /// Whether the port is one of them.
    #[must_use]
    pub fn contains(self, port: u16) -> bool {
        (self.first..=self.last).contains(&port)
    }

    /// Whether the two have a port in common.
    #[must_use]
    pub fn overlaps(self, other: Self) -> bool {
        self.first <= other.last && other.first <= self.last
    }
}

impl fmt::Display for PortRange {
    /// As nftables and configuration files write it: `993`, `10000-20000`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.first == self.last { self.first.fmt(f) } else { write!(f, "{}-{}", self.first, self.last) }
    }
}

impl FromStr for PortRange {
    type Err = PortRangeError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let number = |text: &str| {
            let is_plain = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
            text.parse::<u16>().ok().filter(|_| is_plain).ok_or(PortRangeError)
        };
        let (first, last) = text.split_once('-').unwrap_or((text, text));
        Self::new(number(first)?, number(last)?).ok_or(PortRangeError)
    }
}

/// The text is no port.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a port from 1 to 65535, nor a range such as 10000-20000")]
pub struct PortRangeError;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_and_ranges() {
        for text in ["1", "993", "10000-20000", "65535"] {
            assert_eq!(text.parse::<PortRange>().unwrap().to_string(), text);
        }
        assert_eq!("993-993".parse::<PortRange>().unwrap().to_string(), "993");
        for text in ["", "0", "0-5", "5-4", "65536", "+5", "5-", "-5", "1-2-3", " 5", "imaps"] {
            assert_eq!(text.parse::<PortRange>(), Err(PortRangeError), "{text:?}");
        }
    }

    #[test]
    fn ranges_overlap_where_they_share_a_port() {
        let range = |text: &str| text.parse::<PortRange>().unwrap();
        for (one, other, expected) in
            [("10-20", "20-30", true), ("10-20", "21", false), ("10-20", "15", true), ("5", "5", true)]
        {
            assert_eq!(range(one).overlaps(range(other)), expected, "{one} {other}");
            assert_eq!(range(other).overlaps(range(one)), expected, "{other} {one}");
        }
        assert!(range("10-20").contains(10) && range("10-20").contains(20) && !range("10-20").contains(21));
    }
}
