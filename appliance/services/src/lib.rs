//! Named services: where they are, who may pass, which flows are under way, and what was refused past the doors.
//!
//! The firewall lets packets of services through by itself; this room says which, and has each flow on record:
//!
//! - [`Names`] keeps the addresses of services' hosts. What a client is told, and what the firewall lets through, comes
//!   from there.
//! - [`plan`] computes the firewall's passages from what the policy permits to each device now.
//! - [`Flows`] records a flow when the kernel tells of its beginning, has it ended when the policy no longer permits it, and
//!   closes its record when it is over.
//! - [`Refusals`] records what the firewall refused, and counts what is too much to be recorded.
//!
//! Invariant: pure. What the kernel says comes in as values; what the kernel must do goes out as values.

mod flow;
mod flows;
mod names;
mod passages;
mod refusals;

pub use flow::{FlowKey, News, Sighting, Stage};
pub use flows::{FLOWS_MAX, Flows, Order};
pub use names::{ADDRESSES_MAX, Names, Resolution, ServiceAddresses};
pub use passages::plan;
pub use refusals::{Refusals, RefusedPacket};
