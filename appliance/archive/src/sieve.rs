//! A sieve: what a group of rows may have of the values that are searched for.
//!
//! It is a split-block Bloom filter, as Parquet has them, over more than one column: a host with all names above it, so
//! that a search for the names under a name asks it too, and devices in small letters.
//!
//! The sieves of a table lie side by side, block by block: of each group the first block, then of each group the second.
//!
//! ```text
//! value -> hash -> number of a block -> that block of all groups, in one piece -> the groups that may have it
//! ```
//! So one question reads some hundred bytes, however many groups there are.

use std::collections::HashSet;

use parquet::bloom_filter::Sbbf;
use parquet::errors::ParquetError;
use twox_hash::XxHash64;

use crate::row::{Row, Text, record, scope};

/// Bits for each value of the group that has most of them: it is said wrongly once in two hundred times that a group may have one.
const VALUE_BITS: usize = 12;
/// Most values that they are made for: beyond, they say so more often. Of 4,096 rows of a school there are some five thousand.
const VALUES_MAX: usize = 1 << 14;
/// A block is eight words of 32 bits, of which a value has one each.
pub(crate) const BLOCK_BYTES: usize = 32;
/// What makes eight numbers of one (Parquet's BloomFilter.md).
const SALT: [u32; 8] =
    [0x47b6_137b, 0x4497_4d91, 0x8824_ad5b, 0xa2b7_289d, 0x7054_95c7, 0x2df1_424b, 0x9efc_4947, 0x5c6b_fb31];
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

/// The sieves of a table that is being written.
#[derive(Default)]
pub(crate) struct SievesWriter {
    /// The hashes of each group's values.
    groups: Vec<HashSet<u64>>,
}

impl SievesWriter {
    /// Takes the rows of the next group.
    pub(crate) fn push(&mut self, rows: &[Row]) {
        let values: HashSet<(Trait, &str)> = rows.iter().flat_map(values).collect();
        let hashes = values.iter().flat_map(keys).map(|key| hash(&key));
        self.groups.push(hashes.collect());
    }

    /// Their bytes, and how many blocks each has.
    pub(crate) fn write(&self) -> (Sieves, Vec<u8>) {
        let most = self.groups.iter().map(HashSet::len).max().unwrap_or(0).min(VALUES_MAX);
        let blocks = (most * VALUE_BITS).div_ceil(8 * BLOCK_BYTES).max(1);
        let sieves = Sieves { groups: self.groups.len(), blocks };
        let mut bytes = vec![0; blocks * sieves.row_bytes()];
        for (group, hashes) in self.groups.iter().enumerate() {
            for hash in hashes {
                let start = sieves.row(*hash) * sieves.row_bytes() + group * BLOCK_BYTES;
                for (place, bit) in bits(*hash) {
                    bytes.get_mut(start + place).into_iter().for_each(|byte| *byte |= bit);
                }
            }
        }
        (sieves, bytes)
    }
}

/// How the sieves of a table lie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Sieves {
    pub(crate) groups: usize,
    /// Blocks that each has: at least one.
    pub(crate) blocks: usize,
}

impl Sieves {
    /// How long they are in all; `None` for what cannot be.
    pub(crate) fn length(self) -> Option<u64> {
        let bytes = self.groups.checked_mul(BLOCK_BYTES)?.checked_mul(self.blocks)?;
        u64::try_from(bytes).ok()
    }

    /// Where among their bytes the blocks of a value are, and how many bytes that is.
    pub(crate) fn blocks_of(self, hash: u64) -> (u64, u64) {
        let bytes = self.row_bytes() as u64;
        (bytes.saturating_mul(self.row(hash) as u64), bytes)
    }

    fn row_bytes(self) -> usize {
        self.groups.saturating_mul(BLOCK_BYTES)
    }

    /// The number of a value's block.
    fn row(self, hash: u64) -> usize {
        let row = (u128::from(hash >> 32) * self.blocks as u128) >> 32;
        usize::try_from(row).unwrap_or(0)
    }
}

/// Whether a group may have a value, by the blocks of that value of all groups.
pub(crate) fn may_have(blocks: &[u8], group: usize, hash: u64) -> bool {
    let block = blocks.get(group * BLOCK_BYTES..).unwrap_or_default();
    bits(hash).all(|(place, bit)| block.get(place).is_some_and(|byte| byte & bit != 0))
}

/// What a value is asked for by; a host stands for all names under it, a device is in small letters.
pub(crate) fn hash_of(of: Trait, value: &str) -> u64 {
    let value = if of == Trait::Host { names(value).last().unwrap_or(value) } else { value };
    hash(&key(of, value))
}

/// The hashes of all that a row may be searched by.
pub(crate) fn hashes_of(row: &Row) -> impl Iterator<Item = u64> {
    values(row).flat_map(|value| keys(&value)).map(|key| hash(&key))
}

fn hash(key: &str) -> u64 {
    XxHash64::oneshot(0, key.as_bytes())
}

/// The bits of a value in its block: which byte, and which of its bits.
fn bits(hash: u64) -> impl Iterator<Item = (usize, u8)> {
    let low = u32::try_from(hash & u64::from(u32::MAX)).unwrap_or(0);
    SALT.into_iter().enumerate().map(move |(word, salt)| {
        let bit = low.wrapping_mul(salt) >> 27;
        (4 * word + (bit >> 3) as usize, 1 << (bit & 7))
    })
}

/// What a group may have, as earlier boxes wrote it: one after the other, each as long as its group needed.
pub(crate) struct Sieve(Sbbf);

impl Sieve {
    pub(crate) fn read(bytes: &[u8]) -> Result<Self, ParquetError> {
        let filter = Sbbf::from_bytes(bytes)?;
        // The library divides by their number.
        if filter.num_blocks() == 0 {
            return Err(ParquetError::General("a sieve has no blocks".to_owned()));
        }
        Ok(Self(filter))
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

    /// Which groups may have a host.
    fn groups_with(groups: &[Vec<Row>], host: &str) -> Vec<usize> {
        let mut writer = SievesWriter::default();
        groups.iter().for_each(|rows| writer.push(rows));
        let (sieves, bytes) = writer.write();
        assert_eq!(sieves.length(), Some(bytes.len() as u64));
        let hash = hash_of(Trait::Host, host);
        let (at, length) = sieves.blocks_of(hash);
        let at = usize::try_from(at).unwrap();
        let blocks = &bytes[at..at + usize::try_from(length).unwrap()];
        (0..groups.len()).filter(|group| may_have(blocks, *group, hash)).collect()
    }

    #[test]
    fn each_group_has_what_its_rows_have() {
        let groups: Vec<Vec<Row>> = (0..20)
            .map(|group| (0..200).map(|row| access_of(&format!("h{row}.g{group}.example.fr"))).collect())
            .collect();
        for group in [0, 7, 19] {
            assert_eq!(groups_with(&groups, &format!("h3.g{group}.example.fr")), [group]);
            assert_eq!(groups_with(&groups, &format!("g{group}.example.fr")), [group]);
        }
        assert_eq!(groups_with(&groups, "example.fr").len(), 20);
        assert!(groups_with(&groups, "example.org").is_empty());
        assert!(groups_with(&[], "example.org").is_empty());
    }

    /// Other programs' filters are made so: a block of ours has the bits of one of Parquet's.
    #[test]
    fn a_block_is_one_of_parquets() {
        let mut filter = Sbbf::new_with_num_of_bytes(BLOCK_BYTES);
        filter.insert("hfr");
        let mut expected = Vec::new();
        filter.write_bitset(&mut expected).unwrap();
        let mut block = vec![0; BLOCK_BYTES];
        bits(hash("hfr")).for_each(|(place, bit)| block[place] |= bit);
        assert_eq!(block, expected);
    }

    #[test]
    fn names_of_many_labels_cost_no_more_than_others() {
        let long = |number: usize| format!("{}h{number}.ecole.fr", "a.".repeat(120));
        let rows: Vec<Row> = (0..2_000).map(|number| access_of(&long(number))).collect();
        let mut writer = SievesWriter::default();
        writer.push(&rows);
        // Eight names each, six of them of its own, and twelve bits a name.
        assert!(writer.write().1.len() < 64 << 10);
        let may_have = |host: &str| !groups_with(std::slice::from_ref(&rows), host).is_empty();
        for host in
            [long(7), "fr".to_owned(), "h7.ecole.fr".to_owned(), "a.a.a.a.a.a.a.a.h7.ecole.fr".to_owned()]
        {
            assert!(may_have(&host), "{host}");
        }
        let others = (2_000..2_100).filter(|number| may_have(&format!("a.a.a.a.a.a.a.a.h{number}.ecole.fr")));
        assert!(others.count() < 10, "and it tells others apart");
    }
}
