//! The compiled index.

use std::cell::RefCell;
use std::net::{IpAddr, Ipv4Addr};

use model::{Category, DomainName, Host};

use crate::automaton::Automaton;
use crate::catalog::{Catalog, CategoryFacts, SetTable, Value, read_address, read_spelling};
use crate::format::{Layout, OpenError, Section, Verified, verify};
use crate::names::Names;
use crate::path::normalise;
use crate::query::Query;
use crate::set::{CategoryId, CategorySet};

/// A compiled list, checked once when it is opened.
///
/// The large parts stay in the bytes that it is opened on, so that a mapped file takes only the memory of the
/// pages that lookups touch. No bytes make a lookup panic, whatever their checksum says.
pub struct Index {
    bytes: Box<dyn AsRef<[u8]> + Send + Sync>,
    layout: Layout,
    catalog: Catalog,
    sets: SetTable,
    names: Names,
    urls: Automaton,
}

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
    /// The line: `host/path`, in the spelling that is compared.
    pub entry: String,
    /// The categories in which the line stands.
    pub set: CategorySet,
}

/// The line that answers a [`Query`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LineMatch {
    /// The line as it is written in the list.
    pub line: String,
    /// The categories in which the line stands.
    pub set: CategorySet,
}

impl Index {
    /// Checks and opens an index in memory. For a mapped file see [`Index::open_verified`].
    ///
    /// # Errors
    /// [`OpenError`] for anything but a whole, unaltered index of this version.
    pub fn open(bytes: impl AsRef<[u8]> + Send + Sync + 'static) -> Result<Self, OpenError> {
        let verified = verify(bytes.as_ref())?;
        Self::open_verified(bytes, &verified)
    }

    /// Opens an index whose bytes have been verified where reading them all does not keep them in memory.
    ///
    /// # Errors
    /// [`OpenError`] for other bytes than those that were verified, or that no compiler wrote.
    pub fn open_verified(
        bytes: impl AsRef<[u8]> + Send + Sync + 'static,
        verified: &Verified,
    ) -> Result<Self, OpenError> {
        let file = bytes.as_ref();
        let layout = Layout::read(file)?;
        if !verified.covers(file) {
            return Err(OpenError::Altered);
        }
        let section = |section| layout.section(file, section);
        let catalog =
            Catalog::read(section(Section::Categories)).ok_or(OpenError::Malformed("categories"))?;
        let sets = SetTable::read(section(Section::Sets), catalog.names.len())
            .ok_or(OpenError::Malformed("sets of categories"))?;
        let names = Names::open(section(Section::Directory), section(Section::Names))
            .ok_or(OpenError::Malformed("names"))?;
        let urls = Automaton::open(section(Section::Urls)).ok_or(OpenError::Malformed("URLs"))?;
        Ok(Self { layout, catalog, sets, names, urls, bytes: Box::new(bytes) })
    }

    /// The categories, in alphabetical order; aliases not among them.
    #[must_use]
    pub fn categories(&self) -> &[Category] {
        &self.catalog.names
    }

    /// What the list says of a category.
    #[must_use]
    pub fn category_facts(&self, id: CategoryId) -> Option<&CategoryFacts> {
        self.catalog.facts.get(id.rank())
    }

    /// The category of this name, also by an alias (`porn` for `adult`).
    #[must_use]
    pub fn category_id(&self, name: &str) -> Option<CategoryId> {
        self.catalog.find(name)
    }

    /// Every line that covers the name, the most specific first. Does not allocate when there is none.
    #[must_use]
    pub fn match_name<'n>(&self, name: &'n DomainName) -> Vec<NameMatch<'n>> {
        let mut found = Vec::new();
        self.find_name(name, |entry, value| found.push(NameMatch { entry, set: self.sets.set_of(value) }));
        found.reverse();
        found
    }

    /// The names of all domain lines in any of these categories, in alphabetical order. Reads the whole index: for a
    /// question that somebody asks by hand, never for an access.
    #[must_use]
    pub fn names_in(&self, categories: CategorySet) -> Vec<DomainName> {
        let is_wanted = |value| !self.sets.set_of(value).intersection(categories).is_empty();
        let names = self.names.list(self.section(Section::Names), is_wanted);
        let mut names: Vec<_> = names.iter().filter_map(|name| DomainName::parse(name).ok()).collect();
        names.sort_unstable();
        names
    }

    /// At most so many names of domain lines in each category, by its rank: enough to try it out. Reads the whole index
    /// once: for nobody who waits for an access.
    #[must_use]
    pub fn some_names(&self, count_max: usize) -> Vec<Vec<DomainName>> {
        let mut found = vec![Vec::new(); self.categories().len()];
        let counts = RefCell::new(vec![0; found.len()]);
        let is_wanted = |value| {
            let mut counts = counts.borrow_mut();
            let mut is_wanted = false;
            for id in self.sets.set_of(value).iter() {
                if let Some(count) = counts.get_mut(id.rank()).filter(|count| **count < count_max) {
                    *count += 1;
                    is_wanted = true;
                }
            }
            is_wanted
        };
        let names = self.names.list(self.section(Section::Names), is_wanted);
        for name in names.iter().filter_map(|name| DomainName::parse(name).ok()) {
            let set = self.match_name(&name).first().map(|line| line.set).unwrap_or_default();
            for id in set.iter() {
                let place: Option<&mut Vec<_>> = found.get_mut(id.rank());
                place
                    .into_iter()
                    .filter(|names| names.len() < count_max)
                    .for_each(|it| it.push(name.clone()));
            }
        }
        found
    }

    /// The categories of an IPv4 line; an empty set where there is none.
    #[must_use]
    pub fn match_address(&self, address: Ipv4Addr) -> CategorySet {
        let found = read_address(self.section(Section::Addresses), address);
        found.map(|value| self.sets.set_of(value)).unwrap_or_default()
    }

    /// Every URL line that is a prefix of `host` + `path_and_query`, the longest first, however path and query
    /// are spelled (RFC 3986 section 6.2.2).
    #[must_use]
    pub fn match_url(&self, host: &Host, path_and_query: &str) -> Vec<UrlMatch> {
        let mut found = Vec::new();
        self.find_url(host, path_and_query, |entry, value| {
            found.push(UrlMatch { entry, set: self.sets.set_of(value) });
        });
        found.reverse();
        found
    }

    /// The line that says most of what is asked: for a URL the longest URL line, else the most specific
    /// domain or address line.
    #[must_use]
    pub fn find(&self, query: &Query) -> Option<LineMatch> {
        match query {
            Query::Host(host) => self.find_host(host),
            Query::Url { host, path_and_query } => {
                let mut longest = None;
                self.find_url(host, path_and_query, |entry, value| longest = Some((entry, value)));
                longest.map(|(entry, value)| self.line_of(value, &entry)).or_else(|| self.find_host(host))
            }
        }
    }

    fn find_host(&self, host: &Host) -> Option<LineMatch> {
        match host {
            Host::Name(name) => {
                let mut most_specific = None;
                self.find_name(name, |entry, value| most_specific = Some((entry, value)));
                most_specific.map(|(entry, value)| self.line_of(value, entry))
            }
            Host::Address(IpAddr::V4(address)) => {
                let value = read_address(self.section(Section::Addresses), *address)?;
                Some(self.line_of(value, &address.to_string()))
            }
            Host::Address(IpAddr::V6(_)) => None,
        }
    }

    fn line_of(&self, value: Value, entry: &str) -> LineMatch {
        let line =
            read_spelling(self.section(Section::Spellings), value.spelling).unwrap_or(entry).to_owned();
        LineMatch { line, set: self.sets.set_of(value) }
    }

    /// Meets every line that covers the name, the least specific first.
    fn find_name<'n>(&self, name: &'n DomainName, meet: impl FnMut(&'n str, Value)) {
        self.names.find(self.section(Section::Directory), self.section(Section::Names), name.as_str(), meet);
    }

    /// Meets every URL line that the URL begins with, the shortest first.
    fn find_url(&self, host: &Host, path_and_query: &str, mut meet: impl FnMut(String, Value)) {
        let mut walk = self.urls.walk(self.section(Section::Urls));
        let mut url = host.to_string();
        if url.bytes().try_for_each(|byte| walk.step(byte)).is_none() {
            return;
        }
        let host_bytes = url.len();
        url.push_str(&normalise(path_and_query));
        for (at, byte) in url.bytes().enumerate().skip(host_bytes) {
            if walk.step(byte).is_none() {
                return;
            }
            if let (Some(value), Some(entry)) = (walk.value().and_then(Value::of_number), url.get(..=at)) {
                meet(entry.to_owned(), value);
            }
        }
    }

    fn section(&self, section: Section) -> &[u8] {
        self.layout.section((*self.bytes).as_ref(), section)
    }
}
