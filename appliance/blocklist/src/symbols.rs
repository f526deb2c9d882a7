//! Names in fewer bytes: a table of at most 256 symbols of one to eight characters, trained on the list, and names
//! as the codes of symbols (the idea of FSST: Boncz, Neumann, Leis, VLDB 2020).
//!
//! A name is compared with codes symbol by symbol, so that the first one tells most names apart.

use std::cmp::Reverse;
use std::collections::HashMap;

use crate::format::ByteReader;

/// Longest symbol: what one comparison of words takes.
const SYMBOL_BYTES_MAX: usize = 8;
/// A code is one byte.
const SYMBOLS_MAX: usize = 256;
/// What names are made of ([`model::DomainName`]). Each of these is a symbol, so that every name has codes.
const ALPHABET: &[u8] = b"-.0123456789_abcdefghijklmnopqrstuvwxyz";
/// Names that are enough to train a table on: all of 4.6 million make names 0.2 % shorter, in 30 times the time.
pub(crate) const SAMPLE_NAMES: usize = 16 * 1024;
/// Rounds of training; a symbol can double its length in each, and later ones gain nothing.
const ROUNDS: usize = 8;

/// A few characters, the first one in the lowest byte.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
struct Symbol {
    text: u64,
    length: usize,
}

impl Symbol {
    /// The symbol of a text; `None` of none and of a long one.
    fn new(text: &[u8]) -> Option<Self> {
        let length = text.len();
        (1..=SYMBOL_BYTES_MAX).contains(&length).then(|| Self { text: first_word(text), length })
    }

    /// Both, one after the other; `None` where that is too long.
    fn join(self, next: Self) -> Option<Self> {
        let length = self.length + next.length;
        let text = self.text | next.text.checked_shl(u8::BITS * u32::try_from(self.length).ok()?)?;
        (length <= SYMBOL_BYTES_MAX).then_some(Self { text, length })
    }

    /// What follows the symbol in `name`; `None` where the name does not begin with it.
    #[inline]
    fn strip(self, name: &[u8]) -> Option<&[u8]> {
        let others = 8 * (SYMBOL_BYTES_MAX - self.length);
        if (first_word(name) ^ self.text) << others == 0 { name.get(self.length..) } else { None }
    }

    fn bytes(self) -> impl Iterator<Item = u8> {
        self.text.to_le_bytes().into_iter().take(self.length)
    }
}

/// The first eight bytes, as many as there are.
#[inline]
fn first_word(text: &[u8]) -> u64 {
    match text.first_chunk() {
        Some(word) => u64::from_le_bytes(*word),
        None => text.iter().rev().fold(0, |word, &byte| word << u8::BITS | u64::from(byte)),
    }
}

/// A table of symbols; a code is a place in it.
pub(crate) struct Symbols(Vec<Symbol>);

impl Symbols {
    /// The symbols that make names like these short.
    pub(crate) fn train(names: &[&[u8]]) -> Self {
        let letters: Vec<_> = ALPHABET.iter().filter_map(|letter| Symbol::new(&[*letter])).collect();
        let mut symbols = Self(letters.clone());
        for _ in 0..ROUNDS {
            let gains = count_gains(&Encoder::new(&symbols), names);
            let mut ranked: Vec<_> = gains.into_iter().filter(|(symbol, _)| symbol.length > 1).collect();
            ranked.sort_unstable_by_key(|&(symbol, gain)| (Reverse(gain), symbol));
            let ranked = ranked.into_iter().map(|(symbol, _)| symbol);
            symbols = Self(letters.iter().copied().chain(ranked).take(SYMBOLS_MAX).collect());
        }
        symbols
    }

    /// Whether these are the codes of the name.
    #[inline]
    pub(crate) fn spell(&self, codes: &[u8], name: &[u8]) -> bool {
        let strip = |rest, &code: &u8| self.0.get(usize::from(code))?.strip(rest);
        codes.iter().try_fold(name, strip).is_some_and(<[u8]>::is_empty)
    }

    /// The name that these are the codes of.
    pub(crate) fn read_name(&self, codes: &[u8]) -> Option<String> {
        let mut name = Vec::new();
        for &code in codes {
            name.extend(self.0.get(usize::from(code))?.bytes());
        }
        String::from_utf8(name).ok()
    }

    /// Their number, then each with its length before it.
    pub(crate) fn write(&self) -> Vec<u8> {
        let mut table = (self.0.len() as u64).to_le_bytes().to_vec();
        for symbol in &self.0 {
            table.extend(u8::try_from(symbol.length));
            table.extend(symbol.bytes());
        }
        table
    }

    /// Reads a table; `None` where it is not one.
    pub(crate) fn read(reader: &mut ByteReader<'_>) -> Option<Self> {
        let count = usize::try_from(reader.u64()?).ok().filter(|&count| count <= SYMBOLS_MAX)?;
        (0..count).map(|_| Symbol::new(reader.text()?.as_bytes())).collect::<Option<_>>().map(Self)
    }
}

/// How many bytes of the names each symbol stands for, and would each two that follow each other if they were one.
fn count_gains(encoder: &Encoder, names: &[&[u8]]) -> HashMap<Symbol, usize> {
    let mut gains = HashMap::new();
    for name in names {
        let mut before: Option<Symbol> = None;
        for (_, symbol) in encoder.split(name) {
            let joined = before.and_then(|before| before.join(symbol));
            for symbol in [Some(symbol), joined].into_iter().flatten() {
                *gains.entry(symbol).or_default() += symbol.length;
            }
            before = Some(symbol);
        }
    }
    gains
}

/// Writes names as codes: from the left, always the longest symbol.
pub(crate) struct Encoder {
    /// By their first byte, the longest first, with their codes.
    symbols: Vec<Vec<(Symbol, u8)>>,
}

impl Encoder {
    pub(crate) fn new(table: &Symbols) -> Self {
        let mut symbols = vec![Vec::new(); usize::from(u8::MAX) + 1];
        for (&symbol, code) in table.0.iter().zip(0..=u8::MAX) {
            let first = symbol.bytes().next().map(usize::from).and_then(|first| symbols.get_mut(first));
            first.into_iter().for_each(|list| list.push((symbol, code)));
        }
        symbols.iter_mut().for_each(|list| list.sort_by_key(|(symbol, _)| Reverse(symbol.length)));
        Self { symbols }
    }

    /// Adds the codes of a name; `None` where it has a character that no name has.
    pub(crate) fn encode(&self, name: &[u8], codes: &mut Vec<u8>) -> Option<()> {
        let mut length = 0;
        for (code, symbol) in self.split(name) {
            codes.push(code);
            length += symbol.length;
        }
        (length == name.len()).then_some(())
    }

    fn split<'a>(&'a self, mut name: &'a [u8]) -> impl Iterator<Item = (u8, Symbol)> + 'a {
        std::iter::from_fn(move || {
            let list = self.symbols.get(usize::from(*name.first()?))?;
            list.iter().find_map(|&(symbol, code)| {
                name = symbol.strip(name)?;
                Some((code, symbol))
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    fn train(names: &[String]) -> Symbols {
        Symbols::train(&names.iter().map(|name| name.as_bytes()).collect::<Vec<_>>())
    }

    fn encode(symbols: &Symbols, name: &str) -> Option<Vec<u8>> {
        let mut codes = Vec::new();
        Encoder::new(symbols).encode(name.as_bytes(), &mut codes)?;
        Some(codes)
    }

    #[test]
    fn frequent_texts_are_symbols() {
        let names: Vec<_> = (0..1_000).map(|n| format!("casino-{n}.example.com")).collect();
        let symbols = train(&names);
        let codes = encode(&symbols, "casino-7x.example.com").unwrap();
        assert!(codes.len() < 8, "{} codes", codes.len());
        assert_eq!(encode(&symbols, "casino é"), None);
    }

    #[test]
    fn broken_tables_are_refused() {
        let table = train(&["www.example.com".to_owned()]).write();
        let read = |table: &[u8]| Symbols::read(&mut ByteReader(table)).map(|symbols| symbols.write());
        assert_eq!(read(&table), Some(table.clone()));
        for length in 0..table.len() {
            assert_eq!(read(&table[..length]), None, "{length} bytes");
        }
        for wrong in
            [&b"\x01\0\0\0\0\0\0\0\0"[..], b"\x01\0\0\0\0\0\0\0\x09123456789", b"\x01\x01\0\0\0\0\0\0"]
        {
            assert_eq!(read(wrong), None, "{wrong:?}");
        }
    }

    proptest! {
        #[test]
        fn codes_spell_their_name_and_no_other(
            names in vec("[ab]{0,12}[a-z0-9._-]{1,6}", 1..20),
            others in vec("[ab]{0,12}[a-z0-9._-]{1,6}", 20),
        ) {
            let symbols = train(&names);
            for name in names.iter().chain(&others) {
                let codes = encode(&symbols, name).unwrap();
                prop_assert!(codes.len() <= name.len());
                for other in names.iter().chain(&others) {
                    prop_assert_eq!(symbols.spell(&codes, other.as_bytes()), name == other, "{} {}", name, other);
                }
            }
        }

        #[test]
        fn any_table_and_codes_are_read_in_bounds(
            table in vec(vec(any::<u8>(), 1..9), 0..20),
            codes in vec(0..24_u8, 0..20),
            name in vec(any::<u8>(), 0..40),
        ) {
            let symbols = Symbols(table.iter().filter_map(|text| Symbol::new(text)).collect());
            let text = codes.iter().map(|&code| table.get(usize::from(code)).cloned());
            let text = text.collect::<Option<Vec<_>>>().map(|texts| texts.concat());
            prop_assert_eq!(symbols.spell(&codes, &name), text.as_ref() == Some(&name));
            prop_assert!(text.is_none_or(|text| symbols.spell(&codes, &text)));
        }
    }
}
