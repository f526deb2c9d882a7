//! A range of addresses for devices.

use std::fmt;
use std::net::{AddrParseError, Ipv4Addr};
use std::str::FromStr;

/// Addresses from a first to a last one, both included: `10.77.0.100-10.77.0.199`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pool {
    first: Ipv4Addr,
    last: Ipv4Addr,
}

impl Pool {
    /// The first address.
    #[must_use]
    pub fn first(self) -> Ipv4Addr {
        self.first
    }

    /// The last address.
    #[must_use]
    pub fn last(self) -> Ipv4Addr {
        self.last
    }

    /// How many there are.
    #[must_use]
    pub fn count(self) -> u32 {
        self.last.to_bits().saturating_sub(self.first.to_bits()).saturating_add(1)
    }

    /// Whether this is one of them.
    #[must_use]
    pub fn contains(self, address: Ipv4Addr) -> bool {
        (self.first..=self.last).contains(&address)
    }
}

impl FromStr for Pool {
    type Err = PoolError;

    fn from_str(text: &str) -> Result<Self, PoolError> {
        let (first, last) = text.split_once('-').ok_or(PoolError::NoRange)?;
        let (first, last) = (first.trim().parse()?, last.trim().parse()?);
        if first <= last { Ok(Self { first, last }) } else { Err(PoolError::Backwards) }
    }
}

impl fmt::Display for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.first, self.last)
    }
}

/// The text is no range of addresses.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PoolError {
    /// There is one address, or none.
    #[error("a range of addresses is written as 10.77.0.100-10.77.0.199")]
    NoRange,
    /// The last comes before the first.
    #[error("the last address comes before the first")]
    Backwards,
    /// One of them is none.
    #[error("not an IPv4 address")]
    Address(#[from] AddrParseError),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_is_read_and_printed_alike() {
        let pool: Pool = "10.77.0.100-10.77.0.199".parse().unwrap();
        assert_eq!((pool.to_string().as_str(), pool.count()), ("10.77.0.100-10.77.0.199", 100));
        assert!(pool.contains(pool.first()) && pool.contains(pool.last()));
        assert!(!pool.contains("10.77.0.99".parse().unwrap()));
        assert_eq!("0.0.0.0-255.255.255.255".parse::<Pool>().unwrap().count(), u32::MAX);
    }

    #[test]
    fn what_is_no_range_is_refused() {
        assert_eq!("10.77.0.100".parse::<Pool>(), Err(PoolError::NoRange));
        assert_eq!("10.77.0.9-10.77.0.8".parse::<Pool>(), Err(PoolError::Backwards));
        for text in ["10.77.0.9-", "-", "10.77.0.9-10.77.0.256", "fd77::1-fd77::2"] {
            assert!(matches!(text.parse::<Pool>(), Err(PoolError::Address(_))), "{text}");
        }
    }
}
