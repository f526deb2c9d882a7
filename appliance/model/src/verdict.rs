//! What was decided, and why.

use std::fmt;
use std::sync::Arc;

use crate::{Category, DomainName, Narrowing, PersonName, ServiceName, Timestamp};

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

    /// The verdict of this word; `None` where it is none.
    #[must_use]
    pub fn find(word: &str) -> Option<Self> {
        [Self::Permit, Self::Refuse].into_iter().find(|verdict| verdict.as_str() == word)
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
    /// No list that counts for the profile has an entry for the host.
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
    /// A list that the profile permits has an entry for the host, at least as specific as any refused one.
    WhiteListed {
        /// The permitted category.
        category: Category,
        /// The list line that matched.
        entry: Box<str>,
    },
    /// The host belongs to the school's online workspace (ENT).
    Workspace {
        /// The name of the workspace that covers the host.
        entry: Box<str>,
    },
    /// The profile shows only what its white lists or the workspace have, and the host is not among them.
    NotWhiteListed,
    /// The profile shows nothing at this time.
    ClosedHours,
    /// A list that the commune has locked has an entry for the host.
    Locked {
        /// The locked category.
        category: Category,
        /// The list line that matched.
        entry: Box<str>,
    },
    /// Somebody decided on this site or category by name.
    Ruled(Arc<Ruling>),
    /// A service that the school names has the host, and the device's profile may use it.
    Service(ServiceName),
    /// The lesson in the device's room shows less of the web than otherwise, and the host is not among it.
    Narrowed(Narrowing),
}

impl Reason {
    /// Who may lift a refusal for this reason; `None` where nobody can: the request itself is wrong, or a lesson has closed
    /// all, whatever the site.
    #[must_use]
    pub fn lifter(&self) -> Option<Layer> {
        match self {
            Self::Fault(_) | Self::Narrowed(Narrowing::Closed) => None,
            Self::Locked { .. } => Some(Layer::Commune),
            Self::Ruled(ruling) => Some(ruling.layer),
            Self::NotListed
            | Self::Listed { .. }
            | Self::WhiteListed { .. }
            | Self::Workspace { .. }
            | Self::NotWhiteListed
            | Self::ClosedHours
            | Self::Service(_)
            | Self::Narrowed(Narrowing::List | Narrowing::Workspace) => Some(Layer::Lesson),
        }
    }

    /// The category of the list that decided; `None` where no list did.
    #[must_use]
    pub fn category(&self) -> Option<&Category> {
        match self {
            Self::Listed { category, .. }
            | Self::WhiteListed { category, .. }
            | Self::Locked { category, .. } => Some(category),
            Self::NotListed
            | Self::Fault(_)
            | Self::Workspace { .. }
            | Self::NotWhiteListed
            | Self::ClosedHours
            | Self::Ruled(_)
            | Self::Service(_)
            | Self::Narrowed(_) => None,
        }
    }

    /// The site that a host belongs to that was refused for this reason: what a list or a rule names, else what somebody
    /// registered. The labels before it are whatever a pupil types, and would stand on the projector.
    #[must_use]
    pub fn site_of(&self, host: &DomainName) -> Option<DomainName> {
        let entry = match self {
            Self::Listed { entry, .. } | Self::Locked { entry, .. } => Some(entry),
            Self::Ruled(ruling) => Some(&ruling.entry),
            Self::NotListed
            | Self::Fault(_)
            | Self::WhiteListed { .. }
            | Self::Workspace { .. }
            | Self::NotWhiteListed
            | Self::ClosedHours
            | Self::Service(_)
            | Self::Narrowed(_) => None,
        };
        let entry = entry.and_then(|entry| DomainName::parse(entry).ok());
        // An entry may be a category's, or another name's to which this one leads.
        let entry = entry.filter(|entry| host.is_under(entry) && !entry.is_public_suffix());
        entry.or_else(|| host.registrable())
    }

    /// The word that records and command lines use.
    #[must_use]
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::NotListed => "not-listed",
            Self::Listed { .. } => "listed",
            Self::Fault(fault) => fault.as_str(),
            Self::WhiteListed { .. } => "white-listed",
            Self::Workspace { .. } => "workspace",
            Self::NotWhiteListed => "not-white-listed",
            Self::ClosedHours => "closed-hours",
            Self::Locked { .. } => "locked",
            Self::Ruled(ruling) => match ruling.layer {
                Layer::Commune => "commune-rule",
                Layer::School => "school-rule",
                Layer::Lesson => "lesson-rule",
            },
            Self::Service(_) => "service",
            Self::Narrowed(Narrowing::List) => "lesson-list",
            Self::Narrowed(Narrowing::Workspace) => "lesson-ent",
            Self::Narrowed(Narrowing::Closed) => "lesson-closed",
        }
    }
}

/// A rule that somebody made, as far as a verdict tells of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ruling {
    /// On whose authority.
    pub layer: Layer,
    /// The site or the category that the rule names.
    pub entry: Box<str>,
    /// Who made it.
    pub author: PersonName,
    /// When it ends; `None` for a rule that stays until somebody takes it back.
    pub until: Option<Timestamp>,
}

/// On whose authority a rule stands, the strongest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Layer {
    /// The commune's: for all its schools, by configuration.
    Commune,
    /// The head's: for the school.
    School,
    /// A teacher's: for a room or a device, with an end.
    Lesson,
}

impl Layer {
    /// The word that records and command lines use.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Commune => "commune",
            Self::School => "school",
            Self::Lesson => "lesson",
        }
    }
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
    /// A name that programs ask for to find out whether they may go around the network's filter.
    Evasion,
    /// More different names under one domain than any site has: data that leaves hidden in questions.
    Tunnel,
    /// A public name that leads to the box, the school's network or another place inside (DNS rebinding).
    Inward,
    /// QUIC, which hides from the gate what TLS shows it: browsers do without.
    Quic,
    /// DNS over TLS to another resolver than the box.
    DnsOverTls,
    /// DNS over QUIC.
    DnsOverQuic,
    /// A port that no service of the school has.
    NoService,
    /// The port of a service, at an address that is none of it: the box itself resolved no such address.
    Elsewhere,
    /// A service that the device's profile may not use.
    NotForProfile,
    /// A service that was closed at this moment: the device opened too many connections, or the box had just begun.
    Unready,
    /// A protocol that is neither TCP nor UDP: ping, tunnels.
    Protocol,
    /// More refused packets than are recorded one by one.
    Flood,
}

impl Fault {
    /// Every fault.
    pub const ALL: [Self; 17] = [
        Self::Unnamed,
        Self::AddressLiteral,
        Self::NotTls,
        Self::Malformed,
        Self::Port,
        Self::Evasion,
        Self::Tunnel,
        Self::Inward,
        Self::Quic,
        Self::DnsOverTls,
        Self::DnsOverQuic,
        Self::NoService,
        Self::Elsewhere,
        Self::NotForProfile,
        Self::Unready,
        Self::Protocol,
        Self::Flood,
    ];

    /// The word that records use.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unnamed => "unnamed",
            Self::AddressLiteral => "address-literal",
            Self::NotTls => "not-tls",
            Self::Malformed => "malformed",
            Self::Port => "port",
            Self::Evasion => "evasion",
            Self::Tunnel => "tunnel",
            Self::Inward => "inward",
            Self::Quic => "quic",
            Self::DnsOverTls => "dns-over-tls",
            Self::DnsOverQuic => "dns-over-quic",
            Self::NoService => "no-service",
            Self::Elsewhere => "elsewhere",
            Self::NotForProfile => "not-for-profile",
            Self::Unready => "unready",
            Self::Protocol => "protocol",
            Self::Flood => "flood",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_has_a_category_where_a_list_decided() {
        let (category, entry) = (|| "games".parse().unwrap(), || "example.fr".into());
        let listed = [
            Reason::Listed { category: category(), entry: entry() },
            Reason::WhiteListed { category: category(), entry: entry() },
            Reason::Locked { category: category(), entry: entry() },
        ];
        for reason in listed {
            assert_eq!(reason.category().map(Category::as_str), Some("games"), "{reason:?}");
        }
        for reason in [Reason::NotListed, Reason::NotWhiteListed, Reason::Workspace { entry: entry() }] {
            assert_eq!(reason.category(), None, "{reason:?}");
        }
    }

    #[test]
    fn a_refused_site_has_none_of_the_labels_that_somebody_typed() {
        let check = |reason: &Reason, host: &str, expected: Option<&str>| {
            let found = reason.site_of(&host.parse().unwrap());
            assert_eq!(found.as_ref().map(DomainName::as_str), expected, "{reason:?} {host}");
        };
        let category = || "games".parse().unwrap();
        let listed = |entry: &str| Reason::Listed { category: category(), entry: entry.into() };
        let typed = "mme-martin-est-bete.jeux.example.fr";
        check(&listed("jeux.example.fr"), typed, Some("jeux.example.fr"));
        check(&listed("example.fr"), typed, Some("example.fr"));
        let locked = Reason::Locked { category: category(), entry: "example.fr".into() };
        check(&locked, typed, Some("example.fr"));
        // A line of a name that the host leads to, a category, a suffix.
        for entry in ["casino.example", "games", "fr"] {
            check(&listed(entry), typed, Some("example.fr"));
            let author = "M. Bernard".parse().unwrap();
            let ruling = Ruling { layer: Layer::School, entry: entry.into(), author, until: None };
            check(&Reason::Ruled(Arc::new(ruling)), typed, Some("example.fr"));
        }
        let tunnel = Reason::Fault(Fault::Tunnel);
        for reason in [Reason::NotWhiteListed, Reason::ClosedHours, Reason::Narrowed(Narrowing::List), tunnel]
        {
            check(&reason, typed, Some("example.fr"));
            check(&reason, "gouv.fr", None);
        }
    }
}
