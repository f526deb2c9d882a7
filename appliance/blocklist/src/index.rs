//! The compiled index.

use std::net::Ipv4Addr;

use model::{Category, DomainName, Host};

use crate::set::{CategoryId, CategorySet};

/// A compiled list, checked once at [`Index::open`].
pub struct Index {}

/// A list line that covers a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NameMatch<'n> {
    /// The line, as the part of the name that it covers.
    pub entry: &'n str,
    /// The categories in which the line stands.
    pub set: CategorySet,
}

/// A URL line that covers a URL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UrlMatch {
    /// The line: `host/path`, in lower case.
    pub entry: String,
    /// The categories in which the line stands.
    pub set: CategorySet,
}

/// Why bytes are not an index.
#[derive(Debug, thiserror::Error)]
#[error("x")]
pub struct OpenError;

impl Index {
    /// Checks and opens an index.
    ///
    /// # Errors
    /// [`OpenError`] for anything but a whole, unaltered index of this version.
    pub fn open(_bytes: impl AsRef<[u8]> + Send + Sync + 'static) -> Result<Self, OpenError> {
        Err(OpenError)
    }

    /// The categories, in alphabetical order; aliases not among them.
    #[must_use]
    pub fn categories(&self) -> &[Category] {
        &[]
    }

    /// The category of this name, also by an alias (`porn` for `adult`).
    #[must_use]
    pub fn category_id(&self, _name: &str) -> Option<CategoryId> {
        None
    }

    /// Every line that covers the name, the most specific first. Does not allocate when there is none.
    #[must_use]
    pub fn match_name<'n>(&self, _name: &'n DomainName) -> Vec<NameMatch<'n>> {
        Vec::new()
    }

    /// The categories of an IPv4 line; an empty set where there is none.
    #[must_use]
    pub fn match_address(&self, _address: Ipv4Addr) -> CategorySet {
        CategorySet::default()
    }

    /// Every URL line that is a prefix of `host` + `path_and_query`, the longest first.
    #[must_use]
    pub fn match_url(&self, _host: &Host, _path_and_query: &str) -> Vec<UrlMatch> {
        Vec::new()
    }
}
