//! The texts of a column, read from its pages where they lie.
//!
//! ```text
//! dictionary: word, word, ...      data: is there a text? for each row | number of its word, for each that has one
//! ```
//! A word is compared once, however many rows have it, and nothing is made for a row that nobody wants: the library makes a text with a
//! counter of its users for each row of a group, of which a search wants one or two.

use std::ops::Range;

use bytes::Bytes;
use parquet::basic::Encoding;
use parquet::column::page::{Page, PageReader as _};

use super::TableError;
use super::pages::{Pages, varint};

/// Most bits of the number of a word.
const WIDTH_MAX: usize = 32;
/// Bits of ones that are counted at once.
const COUNTED_BITS: usize = 32;

/// A column of texts that is being read.
pub(super) struct Words {
    pages: Pages,
    dictionary: Option<Dictionary>,
    page: Option<DataPage>,
}

/// The words of a column, in one piece, and where each is.
struct Dictionary {
    bytes: Bytes,
    words: Vec<Range<usize>>,
}

impl Dictionary {
    fn read(bytes: Bytes, count: usize) -> Option<Self> {
        let (mut at, mut words) = (0, Vec::new());
        for _ in 0..count {
            let word = text_at(&bytes, at)?;
            at = word.end;
            words.push(word);
        }
        Some(Self { bytes, words })
    }

    fn word(&self, number: u32) -> Option<&[u8]> {
        let place = self.words.get(usize::try_from(number).ok()?)?;
        self.bytes.get(place.clone())
    }
}

/// Where the text is whose length stands at this place.
fn text_at(bytes: &[u8], at: usize) -> Option<Range<usize>> {
    let (length, rest) = bytes.get(at..)?.split_first_chunk::<4>()?;
    let length = usize::try_from(u32::from_le_bytes(*length)).ok()?;
    let start = at.checked_add(4)?;
    (length <= rest.len()).then(|| start..start.saturating_add(length))
}

/// A page of rows.
struct DataPage {
    /// Rows that are still to come.
    left: usize,
    /// One for each row that has a text.
    levels: Packed,
    texts: Texts,
}

enum Texts {
    /// The numbers of their words.
    Numbers(Packed),
    /// Themselves, and where the next one is: once a dictionary has become too long.
    Plain(Bytes, usize),
}

impl DataPage {
    fn read(bytes: &Bytes, rows: usize, encoding: Encoding) -> Option<Self> {
        let levels = text_at(bytes, 0)?;
        let texts = bytes.slice(levels.end..);
        let texts = if encoding == Encoding::PLAIN {
            Texts::Plain(texts, 0)
        } else {
            let width = usize::from(texts.first().copied().unwrap_or(0));
            Texts::Numbers(Packed::new(texts.slice(texts.len().min(1)..), width)?)
        };
        Some(Self { left: rows, levels: Packed::new(bytes.slice(levels), 1)?, texts })
    }

    /// Passes over rows.
    fn skip(&mut self, rows: usize) -> Option<()> {
        self.left = self.left.checked_sub(rows)?;
        let mut texts = self.levels.skip(rows)?;
        match &mut self.texts {
            Texts::Numbers(numbers) => {
                numbers.skip(texts)?;
            }
            Texts::Plain(bytes, at) => {
                while texts > 0 {
                    *at = text_at(bytes, *at)?.end;
                    texts -= 1;
                }
            }
        }
        Some(())
    }

    /// The text of the next row.
    fn next<'t>(&'t mut self, dictionary: Option<&'t Dictionary>) -> Option<Option<&'t [u8]>> {
        self.left = self.left.checked_sub(1)?;
        let (level, _) = self.levels.take(1)?;
        if level != 1 {
            return Some(None);
        }
        match &mut self.texts {
            Texts::Numbers(numbers) => {
                let (number, _) = numbers.take(1)?;
                dictionary?.word(number).map(Some)
            }
            Texts::Plain(bytes, at) => {
                let text = text_at(bytes, *at)?;
                *at = text.end;
                bytes.get(text).map(Some)
            }
        }
    }
}

impl Words {
    pub(super) fn new(pages: Pages) -> Self {
        Self { pages, dictionary: None, page: None }
    }

    /// The page of the next row.
    fn page(&mut self) -> Result<(&mut DataPage, Option<&Dictionary>), TableError> {
        let wrong = || TableError::Layout("a page of texts makes no sense");
        while self.page.as_ref().is_none_or(|page| page.left == 0) {
            let page = self.pages.get_next_page()?;
            match page.ok_or(TableError::Layout("a column ends before the others"))? {
                Page::DictionaryPage { buf, num_values, .. } if self.dictionary.is_none() => {
                    let count = usize::try_from(num_values).map_err(|_| wrong())?;
                    self.dictionary = Some(Dictionary::read(buf, count).ok_or_else(wrong)?);
                }
                Page::DataPage { buf, num_values, encoding, .. } => {
                    let rows = usize::try_from(num_values).map_err(|_| wrong())?;
                    self.page = Some(DataPage::read(&buf, rows, encoding).ok_or_else(wrong)?);
                }
                Page::DictionaryPage { .. } | Page::DataPageV2 { .. } => return Err(wrong()),
            }
        }
        Ok((self.page.as_mut().ok_or_else(wrong)?, self.dictionary.as_ref()))
    }

    /// Notes which of the next rows pass a test.
    pub(super) fn test(
        &mut self,
        test: &dyn Fn(Option<&[u8]>) -> bool,
        mut passes: &mut [bool],
    ) -> Result<(), TableError> {
        let wrong = || TableError::Layout("a page of texts ends before its rows");
        let passes_empty = test(None);
        let mut verdicts: Option<Vec<bool>> = None;
        while !passes.is_empty() {
            let (page, dictionary) = self.page()?;
            let count = page.left.min(passes.len());
            let (now, later) = std::mem::take(&mut passes).split_at_mut(count);
            passes = later;
            let is_by_number = matches!(page.texts, Texts::Numbers(_));
            if let Some(dictionary) = dictionary.filter(|_| is_by_number) {
                let words = dictionary.words.iter();
                let judge = || words.map(|word| test(dictionary.bytes.get(word.clone()))).collect();
                let verdicts = verdicts.get_or_insert_with(judge);
                page.judge(verdicts, passes_empty, now).ok_or_else(wrong)?;
            } else {
                for passes in now {
                    *passes |= test(page.next(dictionary).ok_or_else(wrong)?);
                }
            }
        }
        Ok(())
    }

    /// Gives out the texts of the wanted ones of the next rows.
    pub(super) fn read(
        &mut self,
        wanted: &[bool],
        mut each: impl FnMut(Option<&[u8]>) -> Result<(), TableError>,
    ) -> Result<(), TableError> {
        let wrong = || TableError::Layout("a page of texts ends before its rows");
        for run in wanted.chunk_by(|one, other| one == other) {
            let is_wanted = run.first() == Some(&true);
            let mut left = run.len();
            while left > 0 {
                let (page, dictionary) = self.page()?;
                let count = left.min(page.left);
                left -= count;
                if is_wanted {
                    for _ in 0..count {
                        each(page.next(dictionary).ok_or_else(wrong)?)?;
                    }
                } else {
                    page.skip(count).ok_or_else(wrong)?;
                }
            }
        }
        Ok(())
    }
}

impl DataPage {
    /// Notes which of the next rows pass, by what is known of each word.
    fn judge(&mut self, verdicts: &[bool], passes_empty: bool, mut rows: &mut [bool]) -> Option<()> {
        if !passes_empty && !verdicts.contains(&true) {
            return self.skip(rows.len());
        }
        self.left = self.left.checked_sub(rows.len())?;
        let Texts::Numbers(numbers) = &mut self.texts else { return None };
        while !rows.is_empty() {
            let (level, count) = self.levels.take(rows.len())?;
            let (mut now, later) = std::mem::take(&mut rows).split_at_mut(count);
            rows = later;
            if level != 1 {
                now.iter_mut().for_each(|passes| *passes |= passes_empty);
                continue;
            }
            while !now.is_empty() {
                let (number, count) = numbers.take(now.len())?;
                let verdict = *verdicts.get(usize::try_from(number).ok()?)?;
                let (some, others) = std::mem::take(&mut now).split_at_mut(count);
                some.iter_mut().for_each(|passes| *passes |= verdict);
                now = others;
            }
        }
        Some(())
    }
}

/// Numbers as Parquet packs them: runs of the same one, and groups of eight in as many bits each.
struct Packed {
    bytes: Bytes,
    /// Where the next run begins.
    at: usize,
    /// Bits of a number.
    width: usize,
    run: Run,
}

enum Run {
    Same { number: u32, left: usize },
    Bits { at: usize, left: usize },
}

impl Run {
    fn left(&self) -> usize {
        match self {
            Self::Same { left, .. } | Self::Bits { left, .. } => *left,
        }
    }
}

impl Packed {
    fn new(bytes: Bytes, width: usize) -> Option<Self> {
        (width <= WIDTH_MAX).then_some(Self { bytes, at: 0, width, run: Run::Same { number: 0, left: 0 } })
    }

    /// Goes to the next run where this one has ended. Returns how many numbers it has left.
    fn advance(&mut self) -> Option<usize> {
        while self.run.left() == 0 {
            let mut rest = self.bytes.get(self.at..)?;
            let before = rest.len();
            let header = varint(&mut rest)?;
            let start = self.at.checked_add(before.checked_sub(rest.len())?)?;
            let count = usize::try_from(header >> 1).ok()?;
            let is_same = header & 1 == 0;
            let length = if is_same { self.width.div_ceil(8) } else { count.checked_mul(self.width)? };
            let own = rest.get(..length)?;
            self.run = if is_same {
                let number = own.iter().rev().fold(0, |number: u32, byte| (number << 8) | u32::from(*byte));
                Run::Same { number, left: count }
            } else {
                Run::Bits { at: start.checked_mul(8)?, left: count.checked_mul(8)? }
            };
            self.at = start.checked_add(length)?;
        }
        Some(self.run.left())
    }

    /// The next number, and how many times it comes one after the other, as far as that is known: at most so many times.
    fn take(&mut self, most: usize) -> Option<(u32, usize)> {
        let count = self.advance()?.min(most);
        match &mut self.run {
            Run::Same { number, left } => {
                *left -= count;
                Some((*number, count))
            }
            Run::Bits { at, left } => {
                let start = *at;
                *at += self.width;
                *left -= 1;
                Some((u32::try_from(self.bits(start, self.width)).ok()?, 1))
            }
        }
    }

    /// Passes over numbers. Returns how many of them were one, where they have a single bit.
    fn skip(&mut self, mut count: usize) -> Option<usize> {
        let mut ones = 0;
        while count > 0 {
            let some = self.advance()?.min(count);
            count -= some;
            match &mut self.run {
                Run::Same { number, left } => {
                    *left -= some;
                    ones += if *number == 1 { some } else { 0 };
                }
                Run::Bits { at, left } => {
                    let start = *at;
                    *at += some * self.width;
                    *left -= some;
                    if self.width == 1 {
                        ones += self.count_ones(start, some);
                    }
                }
            }
        }
        Some(ones)
    }

    fn count_ones(&self, start: usize, count: usize) -> usize {
        let ones = |done| self.bits(start + done, COUNTED_BITS.min(count - done)).count_ones() as usize;
        (0..count).step_by(COUNTED_BITS).map(ones).sum()
    }

    /// Some bits, the lowest first: at most 32.
    fn bits(&self, at: usize, width: usize) -> u64 {
        let rest = self.bytes.get(at / 8..).unwrap_or_default();
        let window = match rest.first_chunk::<8>() {
            Some(eight) => u64::from_le_bytes(*eight),
            None => rest.iter().rev().fold(0, |window: u64, byte| (window << 8) | u64::from(*byte)),
        };
        (window >> (at % 8)) & ((1_u64 << width) - 1)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// As other programs pack numbers: each run is a number that comes so many times, or groups of eight.
    fn pack(runs: &[(bool, Vec<u32>)], width: usize) -> (Vec<u8>, Vec<u32>) {
        let (mut bytes, mut numbers) = (Vec::new(), Vec::new());
        let write_varint = |bytes: &mut Vec<u8>, mut number: usize| {
            while number >= 0x80 {
                bytes.push(u8::try_from(number & 0x7f).unwrap() | 0x80);
                number >>= 7;
            }
            bytes.push(u8::try_from(number).unwrap());
        };
        let mask = u32::try_from((1_u64 << width) - 1).unwrap();
        for (is_same, run) in runs {
            let run: Vec<u32> = run.iter().map(|number| number & mask).collect();
            if *is_same {
                let number = run.first().copied().unwrap_or(0);
                write_varint(&mut bytes, run.len() << 1);
                bytes.extend(&number.to_le_bytes()[..width.div_ceil(8)]);
                numbers.extend(run.iter().map(|_| number));
                continue;
            }
            let whole = run.len() / 8 * 8;
            write_varint(&mut bytes, (whole / 8) << 1 | 1);
            let mut bits = Vec::new();
            for number in &run[..whole] {
                bits.extend((0..width).map(|bit| number >> bit & 1 == 1));
                numbers.push(*number);
            }
            let byte =
                |bits: &[bool]| bits.iter().rev().fold(0, |byte: u8, bit| (byte << 1) | u8::from(*bit));
            bytes.extend(bits.chunks(8).map(byte));
        }
        (bytes, numbers)
    }

    fn read_all(mut packed: Packed, count: usize) -> Option<Vec<u32>> {
        let mut numbers = Vec::new();
        while numbers.len() < count {
            let (number, times) = packed.take(count - numbers.len())?;
            numbers.extend(std::iter::repeat_n(number, times));
        }
        Some(numbers)
    }

    /// The example of the format's own description: 0 to 7 in three bits each.
    #[test]
    fn numbers_are_packed_as_parquet_describes_it() {
        let packed = || Packed::new(Bytes::from_static(&[0x03, 0x88, 0xc6, 0xfa]), 3).unwrap();
        assert_eq!(read_all(packed(), 8).unwrap(), [0, 1, 2, 3, 4, 5, 6, 7]);
        assert_eq!(read_all(packed(), 9), None, "there are eight");
        let mut rest = packed();
        rest.skip(5).unwrap();
        assert_eq!(read_all(rest, 3).unwrap(), [5, 6, 7]);
        assert!(Packed::new(Bytes::new(), 33).is_none());
    }

    proptest! {
        #[test]
        fn numbers_are_read_as_they_were_packed(
            runs in prop::collection::vec((any::<bool>(), prop::collection::vec(any::<u32>(), 0..70)), 0..6),
            width in 0..=32_usize,
            cut in any::<prop::sample::Index>(),
            skipped in any::<prop::sample::Index>(),
        ) {
            let (bytes, numbers) = pack(&runs, width);
            let packed = || Packed::new(Bytes::from(bytes.clone()), width).unwrap();
            prop_assert_eq!(read_all(packed(), numbers.len()), Some(numbers.clone()));
            prop_assert_eq!(read_all(packed(), numbers.len() + 1), None);
            let skipped = skipped.index(numbers.len() + 1);
            let mut rest = packed();
            let ones = rest.skip(skipped);
            prop_assert!(ones.is_some());
            if width == 1 {
                prop_assert_eq!(ones, Some(numbers[..skipped].iter().filter(|number| **number == 1).count()));
            }
            prop_assert_eq!(read_all(rest, numbers.len() - skipped), Some(numbers[skipped..].to_vec()));
            // What is cut ends, and never with another number.
            let cut = cut.index(bytes.len() + 1);
            let mut short = Packed::new(Bytes::from(bytes[..cut].to_vec()), width).unwrap();
            let mut read = 0;
            while read < numbers.len() && let Some((number, times)) = short.take(numbers.len() - read) {
                prop_assert!(numbers[read..read + times].iter().all(|expected| *expected == number));
                read += times;
            }
        }

        /// Whatever stands there.
        #[test]
        fn damaged_pages_end(bytes in prop::collection::vec(any::<u8>(), 0..200), rows in 0..300_usize) {
            for encoding in [Encoding::PLAIN, Encoding::RLE_DICTIONARY] {
                let dictionary = Dictionary::read(Bytes::from(bytes.clone()), 3);
                let page = || DataPage::read(&Bytes::from(bytes.clone()), rows, encoding);
                if let Some(mut page) = page() {
                    while page.left > 0 && page.next(dictionary.as_ref()).is_some() {}
                }
                if let Some(mut page) = page() {
                    page.skip(rows);
                }
                if let Some(mut page) = page() {
                    page.judge(&[true, false], false, &mut vec![false; rows]);
                }
            }
        }
    }
}
