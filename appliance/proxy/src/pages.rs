//! What people see in place of a page: a port that the portal fills.

use std::fmt;

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
    /// A workspace that the box serves cannot be reached: what became of what was sent, and what is there all the same.
    fn outage(&self, outage: &Outage<'_>, accept_language: Option<&str>) -> Page;
    /// What a page of a workspace says of itself, in French, that is so old and may have changed.
    fn stale_notice(&self, age_s: u64) -> String;
}

/// A request that a workspace did not answer.
#[derive(Clone, Copy, Debug)]
pub struct Outage<'a> {
    /// The workspace's name.
    pub host: &'a Host,
    /// What became of what was sent.
    pub delivery: Delivery,
    /// What was typed, where it can be sent again.
    pub typed: Option<&'a Typed>,
    /// Whether files were to be sent: they cannot be shown again.
    pub has_files: bool,
    /// Pages of the workspace that are there, the newest first.
    pub kept: &'a [KeptPage],
    /// Whether the device is the school's: what the box has for the school's devices alone is named to no other.
    pub is_registered: bool,
}

/// What became of what was sent to a workspace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Delivery {
    /// There was nothing to send.
    Nothing,
    /// Nothing of it was sent.
    Unsent,
    /// It broke off before all was sent: it has not arrived.
    Half,
    /// It may have arrived.
    Unknown,
}

/// A form as it was filled in.
#[derive(Clone, PartialEq, Eq)]
pub struct Typed {
    /// Where it was sent to, on the workspace: path and query.
    pub target: String,
    /// Its fields in their order: name and value.
    pub fields: Vec<(String, String)>,
    /// Files that were chosen: they are not kept.
    pub files: Vec<TypedFile>,
    /// Whether it goes as `multipart/form-data`.
    pub is_multipart: bool,
}

/// A file of a form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TypedFile {
    /// The field that it was chosen for.
    pub field: String,
    /// Its name on the device.
    pub name: String,
}

impl fmt::Debug for Typed {
    /// How much, never what: a developer's log is nobody's diary.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Typed").field("fields", &self.fields.len()).finish_non_exhaustive()
    }
}

/// A page or document that the box keeps, and that is for everybody.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptPage {
    /// What it calls itself; its path where it does not.
    pub title: String,
    /// Where it is on the workspace.
    pub path: String,
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
