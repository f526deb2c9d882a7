//! DNS messages, as far as a forwarder's hot path needs them: strict reading of a query, cheap writing of a
//! reply, and records that are cut out of a message once and copied behind many questions.
//!
//! Everything rarer is left to a full DNS library. Invariant: no bytes make a reader panic, loop or allocate
//! more than the message's own size.

mod codes;
mod name;
mod padding;
mod query;
mod records;
mod reply;

pub use codes::{ErrorText, ExtendedError, RecordType, ResponseCode};
pub use name::{NotADomain, WireName, write_name};
pub use padding::pad;
pub use query::{Edns, Header, Objection, Query, Question};
pub use records::{NotRecords, Records};
pub use reply::{Reply, write_objection};

/// Bytes of a message's header (RFC 1035 section 4.1.1).
const HEADER_BYTES: usize = 12;
/// The class of everything that the Internet uses (RFC 1035 section 3.2.4).
const CLASS_IN: u16 = 1;
