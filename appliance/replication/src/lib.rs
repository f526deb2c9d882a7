//! What box and hub say to each other.
//!
//! A technician reads a code aloud; the box and the hub prove to each other that both have it, without either telling it
//! ([`exchange`]); then come messages of JSON ([`message`]), once a night ([`night`]). docs/decisions/0024 tells why.
//!
//! Invariant: no file, no clock, no socket. Whatever comes from the other side is bounded before it is believed.

mod code;
mod document;
mod encoded;
mod exchange;
mod library;
pub mod limits;
mod message;
mod night;
mod policy;
mod selftest;
mod sheet;
mod snapshot;
mod web;

pub use code::{CodeError, CodeNumber, EnrolmentCode};
pub use encoded::Encoded;
pub use exchange::{AuthorityHash, BoxExchange, ExchangeError, HubExchange, Keys, SessionName};
pub use library::{LibraryHealth, SheetFile, short_sum};
pub use message::{
    Begin, Begun, CategorySight, ConfigurationDelay, ConfigurationHealth, Enrolled, EnrolmentRequest, Growth,
    Health, Kept, LogState, Proof, Proved, Refusal, ReleaseFailure, ReleaseHealth, School, Signed,
    SnapshotState, read_json,
};
pub use night::{Night, WINDOW_MINUTES};
pub use policy::{CategoryLock, CommunePolicy, CommuneRule, LOCKS_MAX, RULES_MAX, SignedPolicy};
pub use selftest::{SELFTEST_NAMES_MAX, SelftestHealth};
pub use sheet::{
    ANSWERS_MAX, CONTENT_MAX, NOTICE_LENGTH_MAX, NOTICES_MAX, NoRelease, SchoolRequest, SchoolRequests,
    SchoolSheet, SheetAnswer, SheetConfiguration, SheetContent, SheetNotice, SheetRelease, SheetReleaseFile,
    SignedSheet, Tide,
};
pub use snapshot::{About, Catalogue, Catalogued, Snapshot, SnapshotError};
pub use web::{WebRequest, WebState};
