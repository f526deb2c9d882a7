//! Parsers of untrusted bytes: what clients on the school's network send, before anybody has judged it.
//!
//! Invariant: pure. Bytes in, values out; no input panics, and no input costs more than its length.

pub mod dns;
pub mod http;
pub mod packet;
pub mod tls;
pub mod wifi;
