//! The school's network as a PC meets it that somebody plugs in: a port of the bridge, with a machine at its other end that is not
//! there.
//!
//! Invariant: the port and the machine go with the process, however that ends.

mod lease;
mod overhear;
mod pc;

pub use lease::{Lease, LeaseError};
pub use overhear::OverhearError;
pub use pc::{Bridge, Network, Pc};
