//! The TLS and HTTP enforcement point: the gate.
//!
//! Three doors: redirected TLS (the server name decides), redirected HTTP (every request decides) and an
//! explicit proxy (requests, and `CONNECT` with the hello inside it). What is permitted is resolved and dialled
//! by the box itself, never where the client's packets were bound for, and carried byte for byte. The gate
//! never decrypts; only the school's online workspace (ENT) does the box serve itself, to devices that trust its
//! certificate for that.
//!
//! Invariant: nothing is dialled without a `Recorded<Permit>`, and each permit is closed exactly once, however
//! its connection ends. The one exception is the box's own portal, which is not the web.

mod alert;
mod depot;
mod destinations;
mod dial;
mod front;
mod gate;
mod hello;
mod http;
mod pages;
mod passage;
mod pipe;
mod relay;
mod seats;
mod settings;
mod tls;
mod workspace;

pub use depot::{Depot, DepotSettings};
pub use destinations::{Destinations, Forbidden};
pub use front::Callers;
pub use gate::{Doors, Gate};
pub use pages::{Delivery, KeptPage, Outage, Page, Pages, Typed, Unreachable};
pub use settings::{Portal, Ports, Settings, Timeouts};
pub use workspace::{Pace, Preparation, Progress, Settled, Wanted, Workspace, Workspaces};

#[cfg(test)]
mod tests;
