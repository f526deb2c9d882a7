//! A sieve: what a group of rows may have of the values that are searched for.
//!
//! It is a split-block Bloom filter, as Parquet has them, over more than one column: a host with all names above it, so
//! that a search for the names under a name asks it too, and devices in small letters.

use std::collections::HashSet;

use parquet::bloom_filter::Sbbf;
use parquet::errors::ParquetError;

use crate::row::{Row, Text, record, scope};

/// How often it says wrongly that a group may have a value.
const FALSE_SHARE: f64 = 0.005;
/// Most values that it is made for: beyond, it says so more often. Of 32,768 rows, each with a host of its own of four
/// labels, there are not more.
const VALUES_MAX: u64 = 1 << 18;

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
        let keys: HashSet<String> = values.into_iter().flat_map(keys).collect();
        let count = u64::try_from(keys.len()).unwrap_or(VALUES_MAX).clamp(1, VALUES_MAX);
        let mut filter = Sbbf::new_with_ndv_fpp(count, FALSE_SHARE)?;
        keys.iter().for_each(|key| filter.insert(key.as_str()));
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
        self.0.check(key(of, value).as_str())
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

fn keys((of, value): (Trait, &str)) -> Vec<String> {
    match of {
        Trait::Host => {
            let above = value.match_indices('.').filter_map(|(dot, _)| value.get(dot + 1..));
            [value].into_iter().chain(above).map(|name| key(of, name)).collect()
        }
        Trait::Device => vec![key(of, &value.to_lowercase())],
        Trait::Mac | Trait::Room | Trait::Lesson | Trait::Person | Trait::Category => vec![key(of, value)],
    }
}
