//! The pages of a column: none makes the library take more room than the rows of a group may need.
//!
//! A forged page says in its header how many values it has, and how long it is once it is decompressed; the library makes room
//! for all of that before it reads the first byte. So it is given pages as if nothing were compressed, and they are
//! decompressed here, within limits.

use std::cell::RefCell;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use parquet::basic::Encoding;
use parquet::column::page::{Page, PageMetadata, PageReader};
use parquet::errors::{ParquetError, Result};
use zstd::bulk::Decompressor;
use zstd::zstd_safe::get_frame_content_size;

use super::{COLUMN_BYTES_MAX, GROUP_ROWS_MAX};

/// Most bytes of all pages of a group that are decompressed at once: a column of damage, all of the longest, and what is said of it.
const GROUP_BYTES_MAX: usize = COLUMN_BYTES_MAX + (64 << 20);
/// Most values of a block of numbers, and most parts of it: the box's have 256 and 4, and a decoder makes room for each part.
const BLOCK_VALUES_MAX: u64 = 1 << 16;
const BLOCK_PARTS_MAX: u64 = 512;

thread_local! {
    /// One for all groups that a thread reads: to make one takes as long as to decompress some columns of a group.
    static DECOMPRESSOR: RefCell<Option<Decompressor<'static>>> = const { RefCell::new(None) };
}

/// What the cells of a column are, which says how its pages are encoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cells {
    Numbers,
    /// Texts, or bytes: with a dictionary as long as that is shorter.
    Texts,
}

impl Cells {
    /// Whether a box encodes such cells so, this one or any before it. With other encodings a page may have numbers in it by which
    /// the library makes room.
    fn may_be(self, encoding: Encoding) -> bool {
        match self {
            Self::Numbers => encoding == Encoding::DELTA_BINARY_PACKED,
            Self::Texts => matches!(encoding, Encoding::PLAIN | Encoding::RLE_DICTIONARY),
        }
    }
}

/// Decompresses the pages of a group.
pub(super) struct Unpacker {
    /// Bytes that may still come.
    left: usize,
}

impl Unpacker {
    pub(super) fn new() -> Arc<Mutex<Self>> {
        Arc::new(Mutex::new(Self { left: GROUP_BYTES_MAX }))
    }

    /// What was compressed in these bytes, at most so long.
    fn unpack(&mut self, bytes: &[u8], bytes_max: usize) -> Result<Bytes> {
        let length = get_frame_content_size(bytes).ok().flatten();
        let length = length.and_then(|length| usize::try_from(length).ok());
        let length = length.filter(|length| *length <= bytes_max.min(self.left));
        let length = length.ok_or_else(|| wrong("a page is longer than its rows can be"))?;
        let unpacked = DECOMPRESSOR.with_borrow_mut(|kept| -> Result<Vec<u8>> {
            let decompressor = match kept {
                Some(decompressor) => decompressor,
                None => kept.insert(Decompressor::new()?),
            };
            Ok(decompressor.decompress(bytes, length)?)
        })?;
        if unpacked.len() != length {
            return Err(wrong("a page is shorter than it says"));
        }
        self.left -= length;
        Ok(Bytes::from(unpacked))
    }
}

fn wrong(what: &str) -> ParquetError {
    ParquetError::General(what.to_owned())
}

/// The pages of a column, as they come.
pub(super) struct Pages {
    pages: Box<dyn PageReader>,
    unpacker: Arc<Mutex<Unpacker>>,
    cells: Cells,
    /// How long one can be.
    bytes_max: usize,
}

impl Pages {
    /// Takes pages as they are in the file.
    pub(super) fn new(
        pages: Box<dyn PageReader>,
        unpacker: Arc<Mutex<Unpacker>>,
        cells: Cells,
        bytes_max: usize,
    ) -> Self {
        Self { pages, unpacker, cells, bytes_max }
    }

    /// Decompresses a page, and looks at what it says of itself. No page has more values than a group has rows.
    fn check(&self, page: Option<Page>) -> Result<Option<Page>> {
        let Some(page) = page else { return Ok(None) };
        if usize::try_from(page.num_values()).map_or(true, |values| values > GROUP_ROWS_MAX) {
            return Err(wrong("a page has more values than there are rows"));
        }
        let mut unpacker = self.unpacker.lock().unwrap_or_else(PoisonError::into_inner);
        match page {
            Page::DictionaryPage { buf, num_values, encoding, is_sorted } => {
                if encoding != Encoding::PLAIN {
                    return Err(wrong("a dictionary is encoded as no box does it"));
                }
                let buf = unpacker.unpack(&buf, self.bytes_max)?;
                Ok(Some(Page::DictionaryPage { buf, num_values, encoding, is_sorted }))
            }
            Page::DataPage {
                buf,
                num_values,
                encoding,
                def_level_encoding,
                rep_level_encoding,
                statistics,
            } => {
                let levels = [def_level_encoding, rep_level_encoding];
                if !self.cells.may_be(encoding) || levels != [Encoding::RLE; 2] {
                    return Err(wrong("a page is encoded as no box does it"));
                }
                let buf = unpacker.unpack(&buf, self.bytes_max)?;
                if encoding == Encoding::DELTA_BINARY_PACKED {
                    check_numbers(&buf).ok_or_else(|| wrong("a page of numbers is none of the box's"))?;
                }
                Ok(Some(Page::DataPage {
                    buf,
                    num_values,
                    encoding,
                    def_level_encoding,
                    rep_level_encoding,
                    statistics,
                }))
            }
            Page::DataPageV2 { .. } => Err(wrong("a page is laid out as no box does it")),
        }
    }
}

/// Looks at the beginning of a page of numbers: after the levels, which have their length before them, stand three numbers.
fn check_numbers(page: &[u8]) -> Option<()> {
    let (length, rest) = page.split_first_chunk::<4>()?;
    let mut rest = rest.get(usize::try_from(u32::from_le_bytes(*length)).ok()?..)?;
    if rest.is_empty() {
        // Of no value at all.
        return Some(());
    }
    let (values, parts, count) = (varint(&mut rest)?, varint(&mut rest)?, varint(&mut rest)?);
    let is_right = values <= BLOCK_VALUES_MAX
        && parts <= BLOCK_PARTS_MAX
        && usize::try_from(count).ok()? <= GROUP_ROWS_MAX;
    is_right.then_some(())
}

/// A number in groups of seven bits, the lowest first.
pub(super) fn varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut number = 0;
    for shift in (0..64).step_by(7) {
        let (byte, rest) = bytes.split_first()?;
        *bytes = rest;
        number |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(number);
        }
    }
    None
}

impl Iterator for Pages {
    type Item = Result<Page>;

    fn next(&mut self) -> Option<Self::Item> {
        self.get_next_page().transpose()
    }
}

impl PageReader for Pages {
    fn get_next_page(&mut self) -> Result<Option<Page>> {
        let page = self.pages.get_next_page()?;
        self.check(page)
    }

    fn peek_next_page(&mut self) -> Result<Option<PageMetadata>> {
        self.pages.peek_next_page()
    }

    fn skip_next_page(&mut self) -> Result<()> {
        self.pages.skip_next_page()
    }

    fn supports_deferred_dictionary(&self) -> bool {
        self.pages.supports_deferred_dictionary()
    }

    fn take_deferred_dictionary(&mut self) -> Result<Option<Page>> {
        let page = self.pages.take_deferred_dictionary()?;
        self.check(page)
    }

    fn at_record_boundary(&mut self) -> Result<bool> {
        self.pages.at_record_boundary()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A column of one page, which comes first or after it was skipped.
    struct One(Option<Page>);

    impl Iterator for One {
        type Item = Result<Page>;

        fn next(&mut self) -> Option<Self::Item> {
            self.0.take().map(Ok)
        }
    }

    impl PageReader for One {
        fn get_next_page(&mut self) -> Result<Option<Page>> {
            Ok(self.0.take())
        }

        fn peek_next_page(&mut self) -> Result<Option<PageMetadata>> {
            Ok(None)
        }

        fn skip_next_page(&mut self) -> Result<()> {
            Ok(())
        }

        fn supports_deferred_dictionary(&self) -> bool {
            true
        }

        fn take_deferred_dictionary(&mut self) -> Result<Option<Page>> {
            Ok(self.0.take())
        }
    }

    fn pages(cells: Cells, page: Page, bytes_max: usize) -> Pages {
        Pages::new(Box::new(One(Some(page))), Unpacker::new(), cells, bytes_max)
    }

    fn pack(bytes: &[u8]) -> Bytes {
        Bytes::from(zstd::bulk::compress(bytes, 3).unwrap())
    }

    fn dictionary(num_values: u32, buf: Bytes) -> Page {
        Page::DictionaryPage { buf, num_values, encoding: Encoding::PLAIN, is_sorted: false }
    }

    fn data(encoding: Encoding, buf: Bytes) -> Page {
        let levels = Encoding::RLE;
        Page::DataPage {
            buf,
            num_values: 7,
            encoding,
            def_level_encoding: levels,
            rep_level_encoding: levels,
            statistics: None,
        }
    }

    #[test]
    fn a_dictionary_is_no_longer_than_a_group() {
        let check = |num_values: u32, expected: bool| {
            let page = || pages(Cells::Texts, dictionary(num_values, pack(b"words")), 5);
            assert_eq!(page().get_next_page().is_ok(), expected, "{num_values}");
            assert_eq!(page().take_deferred_dictionary().is_ok(), expected, "{num_values}, skipped");
            assert!(page().supports_deferred_dictionary());
        };
        let most = u32::try_from(GROUP_ROWS_MAX).unwrap();
        check(most, true);
        check(most + 1, false);
        check(u32::MAX, false);
    }

    #[test]
    fn a_page_is_no_longer_than_its_rows_can_be() {
        let check = |what: &str, buf: Bytes, expected: Option<&[u8]>| {
            let page = pages(Cells::Texts, data(Encoding::PLAIN, buf), 1_000).get_next_page();
            let found = page.ok().flatten().map(|page| page.buffer().clone());
            assert_eq!(found.as_deref(), expected, "{what}");
        };
        check("as it should be", pack(&[7; 1_000]), Some(&[7; 1_000]));
        check("nothing", pack(b""), Some(b""));
        check("too long", pack(&[7; 1_001]), None);
        check("a bomb", pack(&vec![0; 64 << 20]), None);
        check("two in one", [pack(&[7; 600]), pack(&[7; 600])].concat().into(), None);
        check("not compressed", Bytes::from_static(b"words"), None);
        let mut long = pack(&[7; 1_000]).to_vec();
        long.truncate(long.len() - 1);
        check("cut", long.into(), None);
    }

    #[test]
    fn all_pages_of_a_group_have_a_limit_together() {
        let unpacker = Unpacker::new();
        unpacker.lock().unwrap().left = 1_500;
        let take = || {
            let page = One(Some(data(Encoding::PLAIN, pack(&[7; 1_000]))));
            Pages::new(Box::new(page), Arc::clone(&unpacker), Cells::Texts, 1_000).get_next_page().is_ok()
        };
        assert_eq!([take(), take()], [true, false]);
    }

    #[test]
    fn numbers_are_as_the_box_writes_them() {
        let check = |what: &str, numbers: &[u8], expected: bool| {
            // Levels of two bytes.
            let page = [&[2, 0, 0, 0, 3, 3], numbers].concat();
            let page = data(Encoding::DELTA_BINARY_PACKED, pack(&page));
            assert_eq!(pages(Cells::Numbers, page, 1_000).get_next_page().is_ok(), expected, "{what}");
        };
        check("no value", &[], true);
        check("a block of 256 in 4 parts, 7 values", &[0x80, 2, 4, 7, 0], true);
        check("a block of billions", &[0x80, 0x80, 0x80, 0x80, 0x80, 1, 4, 7], false);
        check("as many parts", &[0x80, 2, 0x80, 0x80, 0x80, 0x80, 1, 7], false);
        check("as many values", &[0x80, 2, 4, 0x80, 0x80, 0x80, 0x80, 1], false);
        check("cut", &[0x80], false);
        check("endless", &[0xff; 20], false);
    }

    /// What other encodings say of lengths, the library makes room for: here 2^33 of them, in a few bytes.
    #[test]
    fn pages_are_encoded_as_boxes_do_it() {
        let lengths = [2, 0, 0, 0, 3, 3, 0x80, 2, 4, 0x80, 0x80, 0x80, 0x80, 0x20, 0];
        let check = |cells: Cells, encoding: Encoding, expected: bool| {
            let page = pages(cells, data(encoding, pack(&lengths)), 1_000).get_next_page();
            assert_eq!(page.is_ok(), expected, "{cells:?} as {encoding:?}");
        };
        check(Cells::Texts, Encoding::PLAIN, true);
        check(Cells::Texts, Encoding::RLE_DICTIONARY, true);
        for encoding in [
            Encoding::DELTA_LENGTH_BYTE_ARRAY,
            Encoding::DELTA_BYTE_ARRAY,
            Encoding::DELTA_BINARY_PACKED,
            Encoding::BYTE_STREAM_SPLIT,
            Encoding::RLE,
        ] {
            check(Cells::Texts, encoding, false);
            check(Cells::Numbers, encoding, false);
        }
        check(Cells::Numbers, Encoding::PLAIN, false);
        check(Cells::Numbers, Encoding::RLE_DICTIONARY, false);
        for (definition, repetition) in [(Encoding::PLAIN, Encoding::RLE), (Encoding::RLE, Encoding::PLAIN)] {
            let page = Page::DataPage {
                buf: pack(b"words"),
                num_values: 7,
                encoding: Encoding::PLAIN,
                def_level_encoding: definition,
                rep_level_encoding: repetition,
                statistics: None,
            };
            assert!(pages(Cells::Texts, page, 1_000).get_next_page().is_err(), "levels");
        }
    }
}
