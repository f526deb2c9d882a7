//! What the resolver is told.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use arc_swap::ArcSwap;
use model::{DomainName, Host};
use rustls::pki_types::CertificateDer;

use crate::explanation::Explanation;
use crate::rate::QUESTIONS_PER_SECOND;

/// Memory for kept answers unless told otherwise, in bytes. Measured with names of 30 letters: 119,000 answers of one
/// address, or 94,000 of an alias and two addresses.
pub const CACHE_BYTES_MAX: u64 = 18 * 1024 * 1024;

/// Tells whether an address lies inside: the box itself, the school, loopback, a private network that nobody has named
/// and the like. No name of the Internet leads a client there. Asked for each address of a new answer.
pub type IsInward = Arc<dyn Fn(IpAddr) -> bool + Send + Sync>;

/// The addresses of services' hosts that the firewall lets through at the moment. Whoever may use a service is told these
/// and no others.
pub type ServiceAddresses = Arc<ArcSwap<HashMap<DomainName, Vec<IpAddr>>>>;

/// Where a host was when the box last reached it, for those few that have something kept here to read: what clients are told
/// while nobody answers for the name.
pub type LastAddresses = Arc<dyn Fn(&DomainName) -> Vec<IpAddr> + Send + Sync>;

/// A zone that the box answers for as if it were an upstream: the whole message, as bytes, that a name of it gets for
/// a type; `None` for all other names. What it says is sifted and screened like what comes from outside.
pub type OwnZone = Arc<dyn Fn(&DomainName, u16) -> Option<Vec<u8>> + Send + Sync>;

/// Everything that the resolver has to know of its place.
#[derive(Clone)]
pub struct Settings {
    /// The box's addresses on the school's network: where blocked names lead, so that the block page shows.
    pub addresses: Vec<IpAddr>,
    /// Names of the box itself; the first is what its addresses point back to.
    pub own_names: Vec<DomainName>,
    /// Whom to ask, the preferred ones first. With none, every name beyond the box fails.
    pub upstreams: Vec<Upstream>,
    /// Certificates of authorities that may vouch for [`Upstream::Tls`], beside those of the public web: those
    /// of a commune that runs its own resolver.
    pub extra_roots: Vec<CertificateDer<'static>>,
    /// Whether the Internet line has IPv6: without it, the doors are told IPv4 addresses only.
    pub ipv6: bool,
    /// Memory for kept answers, in bytes.
    pub cache_bytes_max: u64,
    /// Questions that one device may ask in each second; ten times as many at once. What it asks beyond that gets no
    /// answer.
    pub questions_per_second: u32,
    /// Whether a firewall marks what devices send by UDP. Then it is worth a warning when the kernel does not tell the
    /// marks: whoever forges an address would be taken for its owner.
    pub expects_marks: bool,
    /// Which addresses no answer may lead to.
    pub is_inward: IsInward,
    /// Whom refusals name, for clients that ask.
    pub explanation: Explanation,
    /// What is told of services' hosts.
    pub service_addresses: ServiceAddresses,
    /// The zone by which the box attacks itself.
    pub own_zone: OwnZone,
    /// Where hosts are while nobody can be asked.
    pub last_addresses: LastAddresses,
}

impl Default for Settings {
    /// No address, no upstream, no firewall, the name `preau.lan`; it does not know what lies inside.
    fn default() -> Self {
        Self {
            addresses: Vec::new(),
            own_names: DomainName::parse("preau.lan").into_iter().collect(),
            upstreams: Vec::new(),
            extra_roots: Vec::new(),
            ipv6: true,
            cache_bytes_max: CACHE_BYTES_MAX,
            questions_per_second: QUESTIONS_PER_SECOND,
            expects_marks: false,
            is_inward: Arc::new(|_| false),
            explanation: Explanation::default(),
            service_addresses: ServiceAddresses::default(),
            own_zone: Arc::new(|_, _| None),
            last_addresses: Arc::new(|_| Vec::new()),
        }
    }
}

/// A recursive resolver that the box forwards to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Upstream {
    /// DNS over UDP, and over TCP where an answer is too long.
    Plain(SocketAddr),
    /// DNS over TLS (RFC 7858).
    Tls {
        /// Where it listens, usually on port 853.
        address: SocketAddr,
        /// The name or address that its certificate must carry.
        server: Host,
    },
}

impl std::fmt::Display for Upstream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Plain(address) => write!(f, "{address}"),
            Self::Tls { address, server } => write!(f, "{address} (TLS, {server})"),
        }
    }
}
