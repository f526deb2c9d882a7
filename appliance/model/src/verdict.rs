//! What was decided, and why.

use std::fmt;

use crate::Category;

/// What the policy says of an access.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Verdict {
    /// It may go out.
    Permit,
    /// It may not.
    Refuse,
}

impl Verdict {
    /// The word that records and command lines use.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Permit => "permit",
            Self::Refuse => "refuse",
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Why a verdict is what it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reason {
    /// No list that the profile refuses has an entry for the host.
    NotListed,
    /// A list that the profile refuses has an entry for the host.
    Listed {
        /// The refused category; the first in alphabetical order where an entry stands in several.
        category: Category,
        /// The list line that matched, for a URL line its host only: records hold no paths.
        entry: Box<str>,
    },
    /// The request itself cannot be judged, or is a way around the filter.
    Fault(Fault),
}

/// Requests that are refused for what they are, whatever host they name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Fault {
    /// A TLS hello without a server name, or an HTTP request without a host.
    Unnamed,
    /// An IP address where a name belongs.
    AddressLiteral,
    /// Something else than TLS on the TLS port.
    NotTls,
    /// A TLS hello or an HTTP head that breaks its protocol.
    Malformed,
    /// A port that web traffic does not use.
    Port,
}

impl Fault {
    /// The word that records use.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unnamed => "unnamed",
            Self::AddressLiteral => "address-literal",
            Self::NotTls => "not-tls",
            Self::Malformed => "malformed",
            Self::Port => "port",
        }
    }
}
