//! What people see in place of a page: a port that the portal fills.

use access::Recorded;
use bytes::Bytes;
use model::Host;
use policy::Refusal;

/// A rendered page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// Its media type: `text/html; charset=utf-8`.
    pub content_type: &'static str,
    /// Its bytes.
    pub body: Bytes,
}

/// Renders the pages of the gate, in the language that `accept_language` (the request's field of that name)
/// prefers.
pub trait Pages: Send + Sync {
    /// The site is refused: why, and where to ask.
    fn refusal(&self, refusal: &Recorded<Refusal>, accept_language: Option<&str>) -> Page;
    /// The web is closed, because accesses cannot be recorded.
    fn closed(&self, accept_language: Option<&str>) -> Page;
    /// The site cannot be reached.
    fn unreachable(&self, host: &Host, cause: Unreachable, accept_language: Option<&str>) -> Page;
}

/// Why a permitted site cannot be reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unreachable {
    /// The name does not exist, or has no address.
    NoAddress,
    /// No resolver answered: most often the school's line is down.
    NoResolver,
    /// No address of it answered, or the server broke off.
    NoAnswer,
    /// The name leads where the gate never dials.
    Forbidden,
}
