//! Traffic through a box, between a classroom's PC and a server of the Internet.

pub mod hello;
pub mod peers;
pub mod server;
pub mod street;
pub mod visitor;

use std::net::Ipv4Addr;

/// The name, and the address, of a server that sends without end.
pub const ENDLESS: (&str, Ipv4Addr) = ("endless.example", Ipv4Addr::new(198, 51, 100, 10));
/// The name, and the address, of a server that answers with [`PAGE_BYTES`] and closes.
pub const SHORT: (&str, Ipv4Addr) = ("short.example", Ipv4Addr::new(198, 51, 100, 11));
/// The Internet's resolver.
pub const RESOLVER: Ipv4Addr = Ipv4Addr::new(198, 51, 100, 53);
/// What a short answer has: a certificate chain and a small page.
pub const PAGE_BYTES: usize = 6_000;
/// HTTPS.
pub const TLS_PORT: u16 = 443;
/// Where an explicit proxy listens, the box's and squid's.
pub const PROXY_PORT: u16 = 3_128;
