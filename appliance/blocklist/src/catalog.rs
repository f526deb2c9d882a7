//! The categories of an index, and the small tables beside its names and URLs.

use model::Category;

use crate::changes::Table;
use crate::format::ByteReader;
use crate::set::{CATEGORIES_MAX, CategoryId, CategorySet};

/// What UT1 means a category for, by the first line of its `usage` file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Colour {
    /// Sites to refuse.
    #[default]
    Black,
    /// Sites to allow.
    White,
}

/// How many lines of a category were accepted, by their kind; a line that stands twice counts twice.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LineCounts {
    /// Names.
    pub domains: u64,
    /// IPv4 addresses.
    pub addresses: u64,
    /// URLs.
    pub urls: u64,
}

impl LineCounts {
    /// The count of one kind.
    pub(crate) fn of(&mut self, table: Table) -> &mut u64 {
        match table {
            Table::Domains => &mut self.domains,
            Table::Addresses => &mut self.addresses,
            Table::Urls => &mut self.urls,
        }
    }
}

/// What an index says of one of its categories.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CategoryFacts {
    /// What it is for.
    pub colour: Colour,
    /// How large it is.
    pub counts: LineCounts,
    /// Other names of it.
    pub aliases: Vec<Category>,
}

impl CategoryFacts {
    /// All its lines.
    #[must_use]
    pub fn lines(&self) -> u64 {
        let LineCounts { domains, addresses, urls } = self.counts;
        domains.saturating_add(addresses).saturating_add(urls)
    }
}

/// The categories in alphabetical order, with what is said of each.
#[derive(Default)]
pub(crate) struct Catalog {
    pub(crate) names: Vec<Category>,
    pub(crate) facts: Vec<CategoryFacts>,
}

impl Catalog {
    /// The category of this name or alias.
    pub(crate) fn find(&self, name: &str) -> Option<CategoryId> {
        let by_name = self.names.binary_search_by(|category| category.as_str().cmp(name)).ok();
        let has_alias = |facts: &CategoryFacts| facts.aliases.iter().any(|alias| alias.as_str() == name);
        by_name.or_else(|| self.facts.iter().position(has_alias)).and_then(CategoryId::new)
    }

    pub(crate) fn write(&self) -> Vec<u8> {
        let mut section = Vec::new();
        section.extend_from_slice(&(self.names.len() as u64).to_le_bytes());
        for (name, facts) in self.names.iter().zip(&self.facts) {
            write_text(&mut section, name.as_str());
            section.push(match facts.colour {
                Colour::Black => 0,
                Colour::White => 1,
            });
            let LineCounts { domains, addresses, urls } = facts.counts;
            [domains, addresses, urls]
                .iter()
                .for_each(|count| section.extend_from_slice(&count.to_le_bytes()));
            section.extend_from_slice(&(facts.aliases.len() as u64).to_le_bytes());
            facts.aliases.iter().for_each(|alias| write_text(&mut section, alias.as_str()));
        }
        section
    }

    /// Reads the section; `None` where it is not one, or its categories are not in order.
    pub(crate) fn read(section: &[u8]) -> Option<Self> {
        let mut reader = ByteReader(section);
        let mut catalog = Self::default();
        let count = reader.u64()?;
        for _ in 0..count {
            catalog.names.push(reader.text()?.parse().ok()?);
            let colour = match reader.u8()? {
                0 => Colour::Black,
                1 => Colour::White,
                _ => return None,
            };
            let (domains, addresses, urls) = (reader.u64()?, reader.u64()?, reader.u64()?);
            let aliases = (0..reader.u64()?).map(|_| reader.text()?.parse().ok()).collect::<Option<_>>()?;
            let counts = LineCounts { domains, addresses, urls };
            catalog.facts.push(CategoryFacts { colour, counts, aliases });
        }
        let is_ordered = catalog.names.is_sorted_by(|a, b| a < b) && catalog.names.len() <= CATEGORIES_MAX;
        (is_ordered && reader.0.is_empty()).then_some(catalog)
    }
}

/// Writes a text of at most 255 bytes after its length: category names have 64.
fn write_text(section: &mut Vec<u8>, text: &str) {
    let bytes = text.as_bytes().iter().take(usize::from(u8::MAX));
    section.push(u8::try_from(bytes.len()).unwrap_or(u8::MAX));
    section.extend(bytes);
}

/// The different sets of categories that lines have: 333 in UT1. A line's value names one by its number.
#[derive(Default)]
pub(crate) struct SetTable {
    sets: Vec<CategorySet>,
}

impl SetTable {
    /// A table of sets, each once.
    pub(crate) fn new(sets: Vec<CategorySet>) -> Self {
        Self { sets }
    }

    /// The set of a line's value; empty where a malformed index names none.
    pub(crate) fn set_of(&self, value: Value) -> CategorySet {
        self.sets.get(usize::from(value.set)).copied().unwrap_or_default()
    }

    pub(crate) fn write(&self) -> Vec<u8> {
        self.sets.iter().flat_map(|set| set.bits().to_le_bytes()).collect()
    }

    /// Reads the section; `None` where it is not one, or names more categories than there are.
    pub(crate) fn read(section: &[u8], category_count: usize) -> Option<Self> {
        let (sets, rest) = section.as_chunks::<16>();
        let sets: Vec<_> =
            sets.iter().map(|bits| CategorySet::from_bits(u128::from_le_bytes(*bits))).collect();
        let is_known = |set: &CategorySet| set.iter().all(|id| id.rank() < category_count);
        (rest.is_empty() && sets.iter().all(is_known)).then_some(Self { sets })
    }
}

/// What is kept with a key, as one number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Value {
    /// The number of the set of categories.
    pub(crate) set: u16,
    /// The number of the spelling, from 1 on; 0 for the usual one.
    pub(crate) spelling: u32,
}

impl Value {
    pub(crate) fn to_number(self) -> u64 {
        u64::from(self.spelling) << u16::BITS | u64::from(self.set)
    }

    pub(crate) fn of_number(number: u64) -> Option<Self> {
        let [a, b, c, d, e, f, 0, 0] = number.to_le_bytes() else { return None };
        Some(Self { set: u16::from_le_bytes([a, b]), spelling: u32::from_le_bytes([c, d, e, f]) })
    }
}

/// The spellings of lines that are not written as usual, one after the other, and before them where each ends.
#[derive(Default)]
pub(crate) struct SpellingsWriter {
    ends: Vec<u32>,
    texts: Vec<u8>,
}

impl SpellingsWriter {
    /// The number of a new spelling; that of the usual one for no text. `None` beyond 4 GiB of them.
    pub(crate) fn add(&mut self, text: &[u8]) -> Option<u32> {
        if text.is_empty() {
            return Some(0);
        }
        self.texts.extend_from_slice(text);
        self.ends.push(u32::try_from(self.texts.len()).ok()?);
        u32::try_from(self.ends.len()).ok()
    }

    pub(crate) fn write(&self) -> Vec<u8> {
        let mut section = (self.ends.len() as u64).to_le_bytes().to_vec();
        self.ends.iter().for_each(|end| section.extend_from_slice(&end.to_le_bytes()));
        section.extend_from_slice(&self.texts);
        section
    }
}

/// The spelling of this number; `None` for the usual one, and for what a malformed index names.
pub(crate) fn read_spelling(section: &[u8], number: u32) -> Option<&str> {
    let index = usize::try_from(number.checked_sub(1)?).ok()?;
    let (count, rest) = section.split_first_chunk()?;
    let ends_bytes = usize::try_from(u64::from_le_bytes(*count)).ok()?.checked_mul(4)?;
    let (ends, texts) = rest.split_at_checked(ends_bytes)?;
    let (ends, _) = ends.as_chunks::<4>();
    let end_at = |index: usize| usize::try_from(u32::from_le_bytes(*ends.get(index)?)).ok();
    let start = index.checked_sub(1).map_or(Some(0), end_at)?;
    std::str::from_utf8(texts.get(start..end_at(index)?)?).ok()
}

/// The value of an IPv4 address in the sorted table of addresses and values.
pub(crate) fn read_address(section: &[u8], address: std::net::Ipv4Addr) -> Option<Value> {
    let (entries, _) = section.as_chunks::<ADDRESS_ENTRY_BYTES>();
    let at = entries.binary_search_by(|[a, b, c, d, ..]| [*a, *b, *c, *d].cmp(&address.octets())).ok()?;
    let [.., a, b, c, d, e, f, g, h] = *entries.get(at)?;
    Value::of_number(u64::from_le_bytes([a, b, c, d, e, f, g, h]))
}

/// Adds an address, whose octets are the key, to the table; they come in order.
pub(crate) fn write_address(section: &mut Vec<u8>, octets: &[u8], value: Value) {
    section.extend_from_slice(octets);
    section.extend_from_slice(&value.to_number().to_le_bytes());
}

/// Four octets, most significant first, and the value.
const ADDRESS_ENTRY_BYTES: usize = 4 + 8;

#[cfg(test)]
mod tests {
    use super::*;

    fn catalog() -> Catalog {
        let facts = |colour, aliases: &[&str]| CategoryFacts {
            colour,
            counts: LineCounts { domains: 1, addresses: 2, urls: 3 },
            aliases: aliases.iter().map(|alias| alias.parse().unwrap()).collect(),
        };
        Catalog {
            names: ["adult", "audio-video", "child"].map(|name| name.parse().unwrap()).to_vec(),
            facts: vec![
                facts(Colour::Black, &["porn", "x"]),
                facts(Colour::Black, &[]),
                facts(Colour::White, &[]),
            ],
        }
    }

    #[test]
    fn categories_come_back() {
        let written = catalog();
        let read = Catalog::read(&written.write()).unwrap();
        assert_eq!((read.names, read.facts), (written.names, written.facts));
    }

    #[test]
    fn categories_are_found_by_name_and_alias() {
        for (name, expected) in [("adult", Some(0)), ("porn", Some(0)), ("child", Some(2)), ("Adult", None)] {
            assert_eq!(catalog().find(name).map(CategoryId::rank), expected, "{name}");
        }
    }

    #[test]
    fn broken_sections_are_refused() {
        let section = catalog().write();
        for length in 0..section.len() {
            assert!(Catalog::read(&section[..length]).is_none(), "{length} bytes");
        }
        let set = CategorySet::from_bits(0b100);
        assert!(SetTable::read(&SetTable::new(vec![set]).write(), 3).is_some());
        assert!(SetTable::read(&SetTable::new(vec![set]).write(), 2).is_none());
        assert!(SetTable::read(&[0; 15], 2).is_none());
    }

    #[test]
    fn spellings_come_back() {
        let mut writer = SpellingsWriter::default();
        let numbers = ["A.fr", "", ".b.fr"].map(|text| writer.add(text.as_bytes()).unwrap());
        assert_eq!(numbers, [1, 0, 2]);
        let section = writer.write();
        for (number, expected) in [(0, None), (1, Some("A.fr")), (2, Some(".b.fr")), (3, None)] {
            assert_eq!(read_spelling(&section, number), expected);
        }
        assert_eq!(read_spelling(&section[..section.len() - 1], 2), None);
        assert_eq!(read_spelling(&[0xff; 8], 1), None);
    }

    #[test]
    fn values_come_back() {
        for (set, spelling) in [(0, 0), (333, 0), (u16::MAX, u32::MAX)] {
            let value = Value { set, spelling };
            assert_eq!(Value::of_number(value.to_number()), Some(value));
        }
        assert_eq!(Value::of_number(u64::MAX), None);
    }

    #[test]
    fn addresses_are_found() {
        let mut section = Vec::new();
        let value = |set| Value { set, spelling: 0 };
        write_address(&mut section, &[9, 0, 0, 1], value(1));
        write_address(&mut section, &[192, 0, 2, 1], value(2));
        let check = |address: &str, expected| {
            assert_eq!(read_address(&section, address.parse().unwrap()), expected, "{address}");
        };
        check("9.0.0.1", Some(value(1)));
        check("192.0.2.1", Some(value(2)));
        check("192.0.2.2", None);
    }
}
