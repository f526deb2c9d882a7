//! The listed names: in buckets, compressed, compared byte for byte.
//!
//! Invariant: any bytes are read in bounds, and no lookup of a name reads more than [`BUCKET_NAMES_MAX`] others.

use crate::catalog::Value;
use crate::compiler::BuildError;
use crate::directory::{Directory, DirectoryWriter, NameHash, NameKey};
use crate::format::ByteReader;
use crate::symbols::{Encoder, Symbols};

/// Most names of a bucket: ten times as many as there are on average, which no list of millions comes near by
/// chance. One that somebody made to slow lookups down is refused.
const BUCKET_NAMES_MAX: usize = 240;
/// The low bits of an entry's first byte are the number of its codes, or this where a byte of its own has it.
const LONG: u8 = 0b1_1111;
/// The high bits of an entry's first byte are the number of its set, or this where a byte after the codes has it.
const SET_APART: u8 = 6;
/// Or this where set and spelling are after the codes.
const VALUE_APART: u8 = 7;
/// An entry of no codes ends a bucket.
const END: u8 = 0;

/// Opened names; all but the symbols stays in the index's bytes.
pub(crate) struct Names {
    symbols: Symbols,
    /// Where the entries begin in the section.
    entries: usize,
}

impl Names {
    /// Checks the sections of directory and names; `None` where they are not.
    pub(crate) fn open(directory: &[u8], section: &[u8]) -> Option<Self> {
        Directory::open(directory)?;
        let mut reader = ByteReader(section);
        let symbols = Symbols::read(&mut reader)?;
        Some(Self { symbols, entries: section.len() - reader.0.len() })
    }

    /// Meets every listed name that is `name` or above it, as the part of `name` that it is, the least specific
    /// first. The sections are those that were opened.
    pub(crate) fn find<'n>(
        &self,
        directory: &[u8],
        section: &[u8],
        name: &'n str,
        mut meet: impl FnMut(&'n str, Value),
    ) {
        let Some(directory) = Directory::open(directory) else { return };
        let mut look_up = |hash: NameHash, start| {
            let Some(bucket) = directory.find(hash.key()) else { return };
            let Some(entry) = name.get(start..) else { return };
            if let Some(value) = self.find_in_bucket(section, bucket, entry.as_bytes()) {
                meet(entry, value);
            }
        };
        let mut hash = NameHash::default();
        for (at, byte) in name.bytes().enumerate().rev() {
            if byte == b'.' {
                look_up(hash, at + 1);
            }
            hash.add(byte);
        }
        look_up(hash, 0);
    }

    /// The names whose values are wanted, in no order. Reads the whole section.
    pub(crate) fn list(&self, section: &[u8], is_wanted: impl Fn(Value) -> bool) -> Vec<String> {
        let mut reader = ByteReader(section.get(self.entries..).unwrap_or_default());
        let mut names = Vec::new();
        // Each reading takes a byte at least, the ends of buckets included.
        while !reader.0.is_empty() {
            let entry = read_entry(&mut reader).filter(|(_, value)| is_wanted(*value));
            names.extend(entry.and_then(|(codes, _)| self.symbols.read_name(codes)));
        }
        names
    }

    fn find_in_bucket(&self, section: &[u8], bucket: usize, name: &[u8]) -> Option<Value> {
        let mut reader = ByteReader(section.get(self.entries.checked_add(bucket)?..)?);
        for _ in 0..BUCKET_NAMES_MAX {
            let (codes, value) = read_entry(&mut reader)?;
            if self.symbols.spell(codes, name) {
                return Some(value);
            }
        }
        None
    }
}

/// The codes and the value of the next name in a bucket; `None` at its end.
fn read_entry<'s>(reader: &mut ByteReader<'s>) -> Option<(&'s [u8], Value)> {
    let head = reader.u8()?;
    let length = match head & LONG {
        END => return None,
        LONG => reader.u8()?,
        length => length,
    };
    let codes = reader.bytes(usize::from(length))?;
    let value = match head >> LONG.count_ones() {
        VALUE_APART => Value { set: reader.array().map(u16::from_le_bytes)?, spelling: reader.u32()? },
        SET_APART => Value { set: u16::from(reader.u8()?), spelling: 0 },
        set => Value { set: u16::from(set), spelling: 0 },
    };
    Some((codes, value))
}

/// Compiles the sections.
pub(crate) struct NamesWriter {
    symbols: Symbols,
    encoder: Encoder,
    /// In the order in which they came.
    entries: Vec<u8>,
    places: Vec<Place>,
}

/// Where a name's entry is.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Place {
    key: NameKey,
    start: u32,
    length: u16,
}

impl NamesWriter {
    /// For names like those of the sample.
    pub(crate) fn new(sample: &[&[u8]]) -> Self {
        let symbols = Symbols::train(sample);
        Self { encoder: Encoder::new(&symbols), symbols, entries: Vec::new(), places: Vec::new() }
    }

    /// Adds a name, which was not added before.
    pub(crate) fn add(&mut self, name: &[u8], value: Value) -> Result<(), BuildError> {
        let start = self.entries.len();
        let mut codes = Vec::with_capacity(name.len());
        self.encoder.encode(name, &mut codes).ok_or(BuildError::TooLarge)?;
        let length = u8::try_from(codes.len()).map_err(|_| BuildError::TooLarge)?;
        let (class, apart) = match (value.spelling, value.set.to_le_bytes()) {
            (0, [set, 0]) if set < SET_APART => (set, vec![]),
            (0, [set, 0]) => (SET_APART, vec![set]),
            (spelling, set) => (VALUE_APART, [&set[..], &spelling.to_le_bytes()].concat()),
        };
        self.entries.push(class << LONG.count_ones() | length.min(LONG));
        self.entries.extend((length >= LONG).then_some(length));
        self.entries.extend(codes);
        self.entries.extend(apart);
        let length = self.entries.len() - start;
        self.places.push(Place {
            key: NameHash::of(name).key(),
            start: u32::try_from(start).map_err(|_| BuildError::TooLarge)?,
            length: u16::try_from(length).map_err(|_| BuildError::TooLarge)?,
        });
        Ok(())
    }

    /// The sections of directory and names.
    pub(crate) fn finish(mut self) -> Result<[Vec<u8>; 2], BuildError> {
        self.places.sort_unstable();
        let mut directory = DirectoryWriter::new(self.places.len());
        let mut section = self.symbols.write();
        let symbols_bytes = section.len();
        section.reserve(self.entries.len() + directory.count());
        let mut places = self.places.as_slice();
        for _ in 0..directory.count() {
            let start = u32::try_from(section.len() - symbols_bytes).map_err(|_| BuildError::TooLarge)?;
            let count = places.iter().take_while(|place| directory.is_next(place.key)).count();
            if count > BUCKET_NAMES_MAX {
                return Err(BuildError::TooLarge);
            }
            let (bucket, rest) = places.split_at_checked(count).unwrap_or_default();
            places = rest;
            for place in bucket {
                let start = usize::try_from(place.start).unwrap_or(usize::MAX);
                let entry = self.entries.get(start..).and_then(|rest| rest.get(..usize::from(place.length)));
                section.extend_from_slice(entry.unwrap_or_default());
            }
            section.push(END);
            directory.add(start, bucket.iter().map(|place| place.key));
        }
        Ok([directory.finish(), section])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(names: &[(String, Value)]) -> [Vec<u8>; 2] {
        let mut writer = NamesWriter::new(&names.iter().map(|(name, _)| name.as_bytes()).collect::<Vec<_>>());
        names.iter().for_each(|(name, value)| writer.add(name.as_bytes(), *value).unwrap());
        writer.finish().unwrap()
    }

    fn find(sections: &[Vec<u8>; 2], name: &str) -> Vec<(String, Value)> {
        let [directory, section] = sections;
        let mut found = Vec::new();
        let names = Names::open(directory, section).unwrap();
        names.find(directory, section, name, |entry, value| found.push((entry.to_owned(), value)));
        found
    }

    #[test]
    fn names_come_back_with_their_values() {
        for count in [0, 1, 2, 24, 25, 5_000] {
            let long = |n: usize| "x1-".repeat(n % 70);
            let set = |n: usize| u16::try_from(n * 13).unwrap();
            let value =
                |n: usize| Value { set: set(n), spelling: if n.is_multiple_of(5) { 70_000 } else { 0 } };
            let names: Vec<_> =
                (0..count).map(|n| (format!("{}site-{n}.example", long(n)), value(n))).collect();
            let sections = write(&names);
            for expected in &names {
                let (name, expected) = (&expected.0, std::slice::from_ref(expected));
                assert_eq!(find(&sections, name), expected, "{name} of {count}");
                assert_eq!(find(&sections, &format!("a.b.{name}")), expected, "{name} of {count}");
                assert_eq!(find(&sections, &format!("a{name}")), [], "{name} of {count}");
            }
            let [directory, section] = &sections;
            let mut listed =
                Names::open(directory, section).unwrap().list(section, |value| value.set % 2 == 0);
            let wanted = names.iter().filter(|(_, value)| value.set % 2 == 0);
            let mut wanted: Vec<_> = wanted.map(|(name, _)| name.clone()).collect();
            listed.sort_unstable();
            wanted.sort_unstable();
            assert_eq!(listed, wanted);
        }
    }

    #[test]
    fn every_name_above_is_met_the_least_specific_first() {
        let value = |set| Value { set, spelling: 0 };
        let names = [("fr", 0), ("b.fr", 1), ("a.b.fr", 300), ("c.fr", 3)];
        let sections = write(&names.map(|(name, set)| (name.to_owned(), value(set))));
        let expected =
            [("fr", 0), ("b.fr", 1), ("a.b.fr", 300)].map(|(name, set)| (name.to_owned(), value(set)));
        assert_eq!(find(&sections, "x.a.b.fr"), expected);
    }

    #[test]
    fn few_other_names_pass_the_filter() {
        let value = Value { set: 0, spelling: 0 };
        let names: Vec<_> = (0..50_000).map(|n| (format!("site-{n}.example"), value)).collect();
        let [directory, _] = write(&names);
        let directory = Directory::open(&directory).unwrap();
        let passes = |n: &u32| directory.find(NameHash::of(format!("other-{n}").as_bytes()).key()).is_some();
        let passing = (0..50_000).filter(passes).count();
        assert!(passing < 50_000 / 50, "{passing} of 50000");
    }

    #[test]
    fn buckets_that_somebody_filled_are_refused() {
        let mut writer = NamesWriter::new(&[]);
        let value = Value { set: 0, spelling: 0 };
        (0..=BUCKET_NAMES_MAX).for_each(|_| writer.add(b"example.com", value).unwrap());
        assert!(matches!(writer.finish(), Err(BuildError::TooLarge)));
    }
}
