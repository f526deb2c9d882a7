//! For whom an HTTP request is meant (RFC 9110 section 7, RFC 9112 section 3.2).
//!
//! The head itself is read by hyper. What is decided here is which host a request names when it can name one
//! in two places, and that it names exactly one: a request that two servers would read differently is refused.

mod authority;

pub use authority::{Authority, TargetError, find_authority};
