//! One access, whatever the door: attributed, judged, recorded, in this order.
//!
//! The DNS, TLS and HTTP enforcement points all pass by the [`Desk`], so that no door can forget a step. What
//! they get back is a [`Recorded`] decision: traffic that was not judged or not logged does not compile.
//!
//! Invariant: pure. The neighbour table, the clock and the resolver are ports that other rooms fill.

mod desk;
mod directory;
mod forgeries;
mod misses;
mod ports;
mod refusals;
mod sightings;
mod stations;
mod testers;

pub use desk::{Admission, Attempt, Closed, Desk, Request, Screened};
pub use directory::Directory;
pub use forgeries::Forgeries;
pub use journal::Recorded;
pub use misses::Miss;
pub use ports::{Addresses, Clock, Instant, Neighbours, Resolve, ResolveError};
pub use refusals::Refused;
pub use stations::Stations;
pub use testers::Testers;
