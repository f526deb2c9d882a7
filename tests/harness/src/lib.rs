//! A school in network namespaces, for the lab and the whole-box tests.
//!
//! ```text
//!  pc1 ───┐
//!  pc2 ───┤ switch ├──lan0 appliance wan0── internet   authoritative DNS, HTTP and HTTPS servers,
//!  tablet ┘                                            also at 8.8.8.8
//! ```
//!
//! Each machine is a network namespace and a mount namespace with its own `/etc/resolv.conf` and `/etc/hosts`;
//! its programs are the host's. All of it lives in one process-id namespace that ends with the process that
//! holds the [`Lab`], however that ends: no process, interface, rule or file stays behind. The host's network
//! is never touched, and no privilege is needed: an ordinary user gets a user namespace.
//!
//! Addresses: the school has 10.77.0.0/24 and fd77::/64; the Internet has documentation addresses (RFC 5737,
//! RFC 3849), because the box rightly refuses private ones. The Internet knows the way back to the school's
//! addresses, so a packet that slips past the box gets an answer and is seen.
//!
//! ```no_run
//! # fn main() -> anyhow::Result<()> {
//! let lab = harness::Lab::new()?;
//! let output = lab.pc1.run(&["curl", "--silent", "http://mediatheque.example/"])?;
//! println!("{}", output.stdout);
//! # Ok(())
//! # }
//! ```

mod appliance;
mod authority;
mod internet;
mod lab;
mod machine;
mod name_server;
mod namespaces;
mod object_store;
mod patience;
mod pebble;
mod postgres;
pub mod random;
mod school;
mod site;

pub use appliance::{Appliance, WIFI_WITHOUT_RADIO, preau_binary, usual_configuration};
pub use lab::Lab;
pub use machine::{Machine, Output, Service};
pub use name_server::NameServer;
pub use object_store::ObjectStore;
pub use patience::wait_until;
pub use pebble::Pebble;
pub use postgres::Postgres;
pub use school::{
    APPLIANCE_IPV4, APPLIANCE_IPV6, FOREIGN_RESOLVER_IPV4, FOREIGN_RESOLVER_IPV6, PC1_MAC, PC2_MAC,
    RESOLVER_IPV4, RESOLVER_IPV6, TABLET_MAC, WAN_IPV4, WAN_IPV6,
};
pub use site::{BIG_FILE_BYTES, Site, sites};
