//! The intended firewall, compiled to one nftables ruleset.
//!
//! A [`FirewallPolicy`] is the whole intended state: who is the school's network, where the doors listen. From
//! it, [`compile`] computes table `inet preau` entire; `system` applies it in one transaction and reads it
//! back. Nobody adds a rule to a table that stands: a rule that is not computed here does not exist.
//!
//! What the ruleset promises:
//! - from the school's network, packets reach the box's resolver, gate and explicit proxy, and nothing else;
//!   everything else is refused at once, so that no program waits for a timeout;
//! - a question to any resolver, and a page of any server, lands on the box, over IPv4 and IPv6;
//! - from the line, nothing comes in but answers;
//! - nothing is ever forwarded but flows of the services that the school names, each device to its destinations only, and
//!   only while the box runs; so it holds whatever the kernel's forwarding switch says;
//! - of what is refused, the box is told, within a pace for each device; made-up hardware addresses take nothing of that of a
//!   registered device, nor of the pace at which it may ask for an address.
//!
//! Invariant: pure. The same policy gives the same text, byte for byte.

mod compile;
mod interface;
mod leases;
mod notes;
mod passage;
mod policy;
mod ruleset;

pub use compile::{compile, testers_networks};
pub use interface::{Interface, InterfaceError};
pub use notes::{HASTY_SETS, UNNOTED_SETS};
pub use passage::{FLOWS_OF_DEVICE_MAX, Passage};
pub use policy::{Apart, CONNECTIONS_PER_SECOND, FirewallPolicy, Intent, PolicyError, Ports, check_networks};
pub use ruleset::{NOTES_GROUP, OPEN_PROTOCOLS, OPEN_SET, ROUTED_MARK, Ruleset, TABLE};
