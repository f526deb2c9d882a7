//! What the desk and the doors need of the world.

use std::future::Future;
use std::net::IpAddr;
use std::pin::Pin;

use journal::Recorded;
use model::{ClockQuality, Mac, Timestamp};
use policy::Permit;

/// The box's clock, read once per access.
pub trait Clock: Send + Sync {
    /// The time, and how far to trust it.
    fn now(&self) -> Instant;
}

/// One reading of the clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Instant {
    /// The time.
    pub at: Timestamp,
    /// How far to trust it.
    pub quality: ClockQuality,
}

/// The kernel's neighbour table (ARP and NDP): which hardware address uses an IP address.
pub trait Neighbours: Send + Sync {
    /// The hardware address behind `address`; `None` when the kernel knows none. Answers within microseconds.
    fn find_mac(&self, address: IpAddr) -> Option<Mac>;
}

/// The addresses of a permitted host, as the box itself resolves it.
pub trait Resolve: Send + Sync {
    /// Resolves the host that `permit` stands for. IPv4 and IPv6 addresses, in the order to try them; never
    /// empty.
    fn resolve<'a>(&'a self, permit: &'a Recorded<Permit>) -> Addresses<'a>;
}

/// The future of [`Resolve::resolve`].
pub type Addresses<'a> = Pin<Box<dyn Future<Output = Result<Vec<IpAddr>, ResolveError>> + Send + 'a>>;

/// Why a permitted host has no address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ResolveError {
    /// The name does not exist, or has no address.
    #[error("the name has no address")]
    NoAddress,
    /// No upstream resolver answered.
    #[error("no upstream resolver answered")]
    Unreachable,
}
