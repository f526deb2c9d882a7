//! The box's certificate authority, and the certificate that the box shows.
//!
//! A device that trusts the authority trusts it for the box's own names and addresses, and for nothing else: its
//! certificate says so itself, in a constraint that whoever does not understand it must refuse (RFC 5280 section
//! 4.2.1.10). What it vouches with lives for days and is made anew long before its end; its key never leaves the
//! memory. docs/decisions/0009 tells why.
//!
//! Invariant: no file, no clock, no socket. The authority comes in and goes out as text, the time as an argument.

mod authority;
mod file;
mod identity;
mod leaf;
mod members;
mod names;
mod web;
mod web_request;

pub use authority::{Authority, PkiError};
pub use file::{BYTES_MAX, Damage};
pub use identity::{Identity, Reading};
pub use leaf::Leaf;
pub use members::{CertifyError, MemberAuthority, MemberKey, Membership};
pub use names::Names;
pub use web::{CHAIN_BYTES_MAX, WebCertificate, WebChain, WebChainError, WebKey};
pub use web_request::is_web_request;
