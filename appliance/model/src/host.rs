//! What a client asks for: a name, or an address written out.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};

use crate::{DomainName, DomainNameError};

/// The host part of a request, without a port.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Host {
    /// A domain name.
    Name(DomainName),
    /// An IP literal: `192.0.2.1`, `2001:db8::1` or `[2001:db8::1]`.
    Address(IpAddr),
}

impl Host {
    /// Reads a host as it stands in a URL or a `Host` field (RFC 9110 section 7.2), without a port.
    ///
    /// # Errors
    /// [`HostError`] when it is neither an address nor a domain name.
    pub fn parse(text: &str) -> Result<Self, HostError> {
        if let Some(literal) = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            return literal.parse::<Ipv6Addr>().map(Self::from).map_err(|_| HostError::Literal);
        }
        if let Ok(address) = text.parse::<IpAddr>() {
            return Ok(Self::from(address));
        }
        Ok(Self::Name(DomainName::parse(text)?))
    }

    /// The name, where there is one.
    #[must_use]
    pub fn name(&self) -> Option<&DomainName> {
        match self {
            Self::Name(name) => Some(name),
            Self::Address(_) => None,
        }
    }
}

impl From<IpAddr> for Host {
    fn from(address: IpAddr) -> Self {
        Self::Address(address.to_canonical())
    }
}

impl From<Ipv6Addr> for Host {
    fn from(address: Ipv6Addr) -> Self {
        Self::from(IpAddr::V6(address))
    }
}

impl From<DomainName> for Host {
    fn from(name: DomainName) -> Self {
        Self::Name(name)
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => name.fmt(f),
            Self::Address(address) => address.fmt(f),
        }
    }
}

/// Why a text is not a host.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HostError {
    /// Brackets around something else than an IPv6 address.
    #[error("not an IPv6 address between the brackets")]
    Literal,
    /// Neither an address nor a name.
    #[error("neither an IP address nor a host name: {0}")]
    Name(#[from] DomainNameError),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_in_one_form() {
        let check = |text: &str, expected: &str| assert_eq!(Host::parse(text).unwrap().to_string(), expected);
        check("192.0.2.1", "192.0.2.1");
        check("[2001:DB8::1]", "2001:db8::1");
        check("2001:db8::1", "2001:db8::1");
        check("::ffff:192.0.2.1", "192.0.2.1");
        check("Example.com.", "example.com");
    }

    #[test]
    fn broken_hosts_are_refused() {
        for text in ["", "[example.com]", "1.2.3", "2130706433", "a/b"] {
            assert!(Host::parse(text).is_err(), "{text:?}");
        }
    }
}
