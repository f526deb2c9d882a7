//! The pages, each a view beside its template.
//!
//! A page borrows what it shows and renders to a whole HTML document. It knows its HTTP status and its
//! language, and nothing else of HTTP.

mod certificate;
mod charter;
mod checks;
mod closed;
mod console;
mod cover;
mod diagnosis;
mod enrol;
pub(crate) mod frame;
mod home;
mod journal;
pub(crate) mod key_picture;
mod legal;
mod notice;
mod outage;
pub mod people;
mod reason;
mod refusal;
mod safe;
mod selftest;
mod twice;
mod unreachable;
mod why;

pub use certificate::Certificate;
pub use charter::Charter;
pub use closed::Closed;
pub use console::{Console, ConsoleLine, ConsoleText};
pub use cover::{CoverFile, CoverPlace, CoverVersion, DeletedKind, ExportCover};
pub use diagnosis::{Finding, diagnose};
pub use enrol::EnrolPage;
pub use frame::{CONTENT_SECURITY_POLICY, LIVE_SECURITY_POLICY, Place};
pub use home::Home;
pub use legal::Legal;
pub use notice::Notice;
pub use outage::{Delivery, Outage, Typed, stale_notice};
pub use refusal::Refusal;
pub use safe::SafeSheet;
pub use selftest::SelftestReport;
pub use unreachable::{Cause, Unreachable};
pub use why::{Asking, Why};

#[cfg(test)]
pub(crate) mod samples;
#[cfg(test)]
mod tests;
