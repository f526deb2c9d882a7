//! A sieve: what a group of rows may have of the values that are searched for.
//!
//! It is a split-block Bloom filter, as Parquet has them, over more than one column: a host with all names above it, so
//! that a search for the names under a name asks it too, and devices in small letters.

use std::collections::HashSet;
use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};

use parquet::bloom_filter::Sbbf;
use parquet::errors::ParquetError;

use crate::row::{Row, Text, record, scope};

/// How often it says wrongly that a group may have a value.
const FALSE_SHARE: f64 = 0.005;
/// Most values that it is made for: beyond, it says so more often. Of 32,768 rows, each with a host of its own of as many labels
/// as count, there are not more.
const VALUES_MAX: usize = 1 << 18;
/// How many labels of a host count, from the right: a host may have 127, and whoever asks for such names, each with as many names
/// above it, must not make sealing a day take hours. What is longer is asked for by these.
const LABELS_MAX: usize = 8;

/// What a value is. The letter stands before it in the sieve.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Trait {
    Device,
    Mac,
    Room,
    Lesson,
    Person,
    Host,
    Category,
}

impl Trait {
    fn letter(self) -> char {
        match self {
            Self::Device => 'd',
            Self::Mac => 'm',
            Self::Room => 'r',
            Self::Lesson => 'l',
            Self::Person => 'p',
            Self::Host => 'h',
            Self::Category => 'c',
        }
    }
}

/// What a group of rows may have.
pub(crate) struct Sieve(Sbbf);

impl Sieve {
    /// That of these rows.
    pub(crate) fn of(rows: &[Row]) -> Result<Self, ParquetError> {
        let values: HashSet<(Trait, &str)> = rows.iter().flat_map(values).collect();
        // Counted by their hashes: millions of names above names would fill the memory.
        let hash = BuildHasherDefault::<DefaultHasher>::default();
        let mut hashes = HashSet::new();
        for key in values.iter().flat_map(keys) {
            hashes.insert(hash.hash_one(key));
            if hashes.len() >= VALUES_MAX {
                break;
            }
        }
        let mut filter = Sbbf::new_with_ndv_fpp(hashes.len().max(1) as u64, FALSE_SHARE)?;
        values.iter().flat_map(keys).for_each(|key| filter.insert(key.as_str()));
        Ok(Self(filter))
    }

    pub(crate) fn read(bytes: &[u8]) -> Result<Self, ParquetError> {
        let filter = Sbbf::from_bytes(bytes)?;
        // The library divides by their number.
        if filter.num_blocks() == 0 {
            return Err(ParquetError::General("a sieve has no blocks".to_owned()));
        }
        Ok(Self(filter))
    }

    pub(crate) fn write(&self) -> Result<Vec<u8>, ParquetError> {
        let mut bytes = Vec::new();
        self.0.write(&mut bytes)?;
        Ok(bytes)
    }

    /// Whether the group may have this value; a host stands for all names under it, a device is in small letters.
    pub(crate) fn may_have(&self, of: Trait, value: &str) -> bool {
        let value = if of == Trait::Host { names(value).last().unwrap_or(value) } else { value };
        self.0.check(key(of, value).as_str())
    }

    /// Whether all that a row may be searched by is in it. `known` are values that are: rows share most of theirs.
    pub(crate) fn has_all<'r>(&self, row: &'r Row, known: &mut HashSet<(Trait, &'r str)>) -> bool {
        values(row).all(|value| {
            known.contains(&value) || {
                known.insert(value);
                keys(&value).iter().all(|key| self.0.check(key.as_str()))
            }
        })
    }
}

fn key(of: Trait, value: &str) -> String {
    format!("{}{value}", of.letter())
}

/// The values of a row that are searched for.
fn values(row: &Row) -> impl Iterator<Item = (Trait, &str)> {
    let kind = row.text(Text::Record);
    let is_access = kind == Some(record::ACCESS);
    let room = (row.text(Text::Scope) == Some(scope::ROOM)).then(|| row.text(Text::ScopeName)).flatten();
    let columns = [
        (Trait::Device, row.text(Text::Device)),
        (Trait::Mac, row.text(Text::Mac)),
        (Trait::Room, row.text(Text::Room)),
        (Trait::Room, room),
        (Trait::Lesson, row.text(Text::Lesson)),
        (Trait::Person, row.text(Text::Person)),
        // Whoever made the rule that an access fell under did not make the access.
        (Trait::Person, row.text(Text::Author).filter(|_| !is_access)),
        (Trait::Host, row.text(Text::Host)),
        (Trait::Category, row.text(Text::Category)),
    ];
    columns.into_iter().filter_map(|(of, value)| Some((of, value?)))
}

/// A host and the names above it, from the shortest on, as far as labels count.
fn names(host: &str) -> impl Iterator<Item = &str> {
    let above = host.rmatch_indices('.').filter_map(|(dot, _)| host.get(dot + 1..));
    above.chain([host]).take(LABELS_MAX)
}

fn keys(&(of, value): &(Trait, &str)) -> Vec<String> {
    match of {
        Trait::Host => names(value).map(|name| key(of, name)).collect(),
        Trait::Device => vec![key(of, &value.to_lowercase())],
        Trait::Mac | Trait::Room | Trait::Lesson | Trait::Person | Trait::Category => vec![key(of, value)],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn access_of(host: &str) -> Row {
        let mut row = Row::default();
        row.put_text(Text::Record, Some(record::ACCESS));
        row.put_text(Text::Host, Some(host));
        row
    }

    #[test]
    fn names_of_many_labels_cost_no_more_than_others() {
        let long = |number: usize| format!("{}h{number}.ecole.fr", "a.".repeat(120));
        let rows: Vec<Row> = (0..2_000).map(|number| access_of(&long(number))).collect();
        let sieve = Sieve::of(&rows).unwrap();
        // Eight names each, six of them of its own, and some ten bits a name.
        assert!(sieve.write().unwrap().len() < 64 << 10);
        let may_have = |host: &str| sieve.may_have(Trait::Host, host);
        for host in
            [long(7), "fr".to_owned(), "h7.ecole.fr".to_owned(), "a.a.a.a.a.a.a.a.h7.ecole.fr".to_owned()]
        {
            assert!(may_have(&host), "{host}");
        }
        let others = (2_000..3_000).filter(|number| may_have(&format!("a.a.a.a.a.a.a.a.h{number}.ecole.fr")));
        assert!(others.count() < 100, "and it tells others apart");
    }
}
