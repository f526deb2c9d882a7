//! The first message of a TLS client, and the alerts that answer it.
//!
//! The gate needs one thing of a `ClientHello`: the server name. It never decrypts, so this reader follows
//! RFC 8446 (and RFC 5246 where a client is older) just far enough to find that name with certainty: whatever
//! a server could read in two ways is an error here.
//!
//! Encrypted ClientHello (extension 0xfe0d) is not looked at: every current browser sends a meaningless one
//! (GREASE), and what the box decides on is the outer name in any case.

mod alert;
mod cursor;
mod hello;
mod reader;

pub use alert::Alert;
pub use hello::{ClientHello, HelloError};
pub use reader::{HELLO_BYTES_MAX, HelloReader, RECORD_BYTES_MAX, STREAM_BYTES_MAX};
