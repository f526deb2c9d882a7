//! The ENT through a cache, between a classroom and the ENT's server: what is measured, and what must hold.

pub mod client;
pub mod conformance;
pub mod contender;
pub mod fall;
pub mod herd;
pub mod load;
pub mod origin;
pub mod peers;
pub mod stage;
pub mod start;
pub mod suite;
pub mod vouching;

use std::net::Ipv4Addr;

/// The name of the ENT.
pub const NAME: &str = "ent.example";
/// Where devices reach it: what stands between takes their connections.
pub const DOOR: Ipv4Addr = Ipv4Addr::new(198, 51, 100, 30);
/// Where its server is.
pub const ORIGIN: Ipv4Addr = Ipv4Addr::new(198, 51, 100, 31);
/// HTTPS.
pub const TLS_PORT: u16 = 443;
/// Plain HTTP, for Varnish, which does not speak TLS towards servers.
pub const PLAIN_PORT: u16 = 80;
