//! The guide of a table, as earlier boxes wrote it in the place of a chart: where its groups of rows and their sieves are, and
//! what each group's bytes hash to. It stands in the file's end, so that whoever has compared that can compare each group by
//! itself.

use std::str::FromStr;

use super::GROUPS_MAX;
use crate::hash::Hash;

/// One line for each group, in their order.
#[derive(Debug, Default)]
pub(crate) struct Guide {
    landmarks: Vec<Landmark>,
}

/// Where a group is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Landmark {
    pub(crate) at: u64,
    pub(crate) bytes: u64,
    pub(crate) hash: Hash,
    pub(crate) sieve_at: u64,
    pub(crate) sieve_bytes: u64,
}

impl Guide {
    /// Its name among what a Parquet file says of itself.
    pub(crate) const KEY: &str = "preau.groups";

    pub(crate) fn read(text: &str) -> Option<Self> {
        let lines = text.lines().take(GROUPS_MAX + 1);
        let landmarks = lines.map(|line| line.parse().ok()).collect::<Option<Vec<_>>>()?;
        Some(Self { landmarks })
    }

    pub(crate) fn len(&self) -> usize {
        self.landmarks.len()
    }

    pub(crate) fn group(&self, place: usize) -> Option<&Landmark> {
        self.landmarks.get(place)
    }

    /// Where the table's end begins, which a search reads first.
    pub(crate) fn tail_at(&self) -> Option<u64> {
        self.landmarks.first().map(|first| first.sieve_at)
    }
}

/// The line says something else.
#[derive(Debug)]
pub(crate) struct WrongLine;

impl FromStr for Landmark {
    type Err = WrongLine;

    fn from_str(line: &str) -> Result<Self, WrongLine> {
        let mut words = line.split(' ');
        let mut next = || words.next().ok_or(WrongLine);
        let number = |word: &str| word.parse::<u64>().map_err(|_| WrongLine);
        let (at, bytes) = (number(next()?)?, number(next()?)?);
        let hash = next()?.parse().map_err(|_| WrongLine)?;
        Ok(Self { at, bytes, hash, sieve_at: number(next()?)?, sieve_bytes: number(next()?)? })
    }
}
