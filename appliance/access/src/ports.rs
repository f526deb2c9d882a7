//! What the desk and the doors need of the world.

use std::future::Future;
use std::net::IpAddr;
use std::pin::Pin;

use journal::Recorded;
use model::{ClockQuality, Mac, Timestamp};
use policy::Permit;

use crate::Screened;

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

impl Instant {
    /// The time, if it can be a time at all: rules with a beginning or an end do not count by a clock that shows
    /// 1970.
    #[must_use]
    pub fn plausible(self) -> Option<Timestamp> {
        match self.quality {
            ClockQuality::Synchronised | ClockQuality::Unsynchronised => Some(self.at),
            ClockQuality::Unset => None,
        }
    }
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
#[derive(Debug, thiserror::Error)]
pub enum ResolveError {
    /// The name does not exist, or has no address.
    #[error("the name has no address")]
    NoAddress,
    /// No upstream resolver answered.
    #[error("no upstream resolver answered")]
    Unreachable,
    /// The name leads to what is not permitted, or nowhere but inside.
    #[error("the name leads to what is not permitted")]
    Screened(Box<Screened>),
}

impl From<Screened> for ResolveError {
    fn from(screened: Screened) -> Self {
        Self::Screened(Box::new(screened))
    }
}
