//! Difference files: what is to be added to a category and removed from it, beside its whole files.
//!
//! squidGuard's format (`squidGuard -u` reads `domains.diff` and `urls.diff` beside `domains` and `urls`): each
//! line is one of the whole file with a `+` or a `-` before it. The last word on a line counts; what it says goes
//! before the whole file, wherever that stands.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use crate::compiler::BuildError;
use crate::line::{DomainLine, LineError, UrlLine};

/// Most different lines of one file: a list that changes so much is published whole.
const CHANGES_MAX: usize = 1_000_000;

/// A kind of lines, kept together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Table {
    Domains,
    Addresses,
    Urls,
}

/// What becomes of a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    /// It is there, in this spelling; none for the usual one.
    Add(String),
    /// It is not there.
    Remove,
}

/// The changes of one file.
#[derive(Default)]
pub(crate) struct Changes(BTreeMap<(Table, Vec<u8>), Change>);

impl Changes {
    /// Notes a line of `domains.diff`.
    pub(crate) fn add_domain(&mut self, line: &str) -> Result<Result<(), LineError>, BuildError> {
        let read = split_sign(line).and_then(|(is_added, text)| {
            let (table, key, usual) = match DomainLine::parse(text)? {
                DomainLine::Name(name) => {
                    (Table::Domains, name.as_str().as_bytes().to_vec(), name.to_string())
                }
                DomainLine::Address(address) => {
                    (Table::Addresses, address.octets().to_vec(), address.to_string())
                }
            };
            Ok(((table, key), change(is_added, text, &usual)))
        });
        self.note(read)
    }

    /// Notes a line of `urls.diff`.
    pub(crate) fn add_url(&mut self, line: &str) -> Result<Result<(), LineError>, BuildError> {
        let read = split_sign(line).and_then(|(is_added, text)| {
            let url = UrlLine::parse(text)?;
            let key = format!("{}{}", url.host, url.prefix);
            let change = change(is_added, text, &key);
            Ok(((Table::Urls, key.into_bytes()), change))
        });
        self.note(read)
    }

    fn note(
        &mut self,
        read: Result<((Table, Vec<u8>), Change), LineError>,
    ) -> Result<Result<(), LineError>, BuildError> {
        let (key, change) = match read {
            Ok(read) => read,
            Err(error) => return Ok(Err(error)),
        };
        let is_full = self.0.len() >= CHANGES_MAX;
        match self.0.entry(key) {
            Entry::Occupied(mut entry) => drop(entry.insert(change)),
            Entry::Vacant(_) if is_full => return Err(BuildError::TooLarge),
            Entry::Vacant(entry) => drop(entry.insert(change)),
        }
        Ok(Ok(()))
    }

    /// The changes, each line once.
    pub(crate) fn into_iter(self) -> impl Iterator<Item = ((Table, Vec<u8>), Change)> {
        self.0.into_iter()
    }
}

fn split_sign(line: &str) -> Result<(bool, &str), LineError> {
    let (is_added, text) = match (line.strip_prefix('+'), line.strip_prefix('-')) {
        (Some(text), _) => (true, text),
        (None, Some(text)) => (false, text),
        (None, None) => return Err(LineError::Sign),
    };
    Ok((is_added, text.trim()))
}

fn change(is_added: bool, text: &str, usual: &str) -> Change {
    match is_added {
        true if text == usual => Change::Add(String::new()),
        true => Change::Add(text.to_owned()),
        false => Change::Remove,
    }
}
