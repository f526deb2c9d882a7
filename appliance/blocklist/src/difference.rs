//! Differences between two states of an archive: what a box fetches instead of the whole, once it has one.
//!
//! A difference is one frame of Zstandard (RFC 8878) that leans on the older state, unpacked, as on a dictionary without a form:
//! `zstd -d --long=28 --patch-from=OLD` reads it as well. A list of 4.6 million names that changes by four thousand costs some
//! 80 kB. The [`DifferenceSheet`] beside the archive says which there are.

use std::collections::BTreeMap;
use std::io::{self, BufRead, Read, Write};

use serde::{Deserialize, Serialize};
use zstd::stream::read::Decoder;
use zstd::stream::write::Encoder;

/// Differences reach so far back in what was read and written: what is unpacked of an archive has at most so many bytes, and
/// reading one takes as much memory (UT1 has 150 MB).
const REACH_LOG: u32 = 28;
/// More does not make it smaller, and costs five times as long.
const LEVEL: i32 = 3;
/// Bytes read at a time.
const BUFFER_BYTES: usize = 64 * 1024;
/// Most bytes of a sheet: that of a mirror which keeps hundreds of differences.
pub const DIFFERENCE_SHEET_BYTES_MAX: u64 = 64 * 1024;
/// Most differences that are taken from one sheet.
const DIFFERENCES_MAX: usize = 400;

/// What an archive is, unpacked, in whatever way it is packed: the BLAKE3 checksum of the tar file.
pub type ContentSum = blake3::Hash;

/// Makes the difference from `old` to `new`, both unpacked.
///
/// # Errors
/// [`io::ErrorKind::FileTooLarge`] where a difference cannot reach over them: then there is none. The writer's.
pub fn make_difference(old: &[u8], new: &[u8], difference: impl Write) -> io::Result<()> {
    if old.len().max(new.len()) as u64 > 1 << REACH_LOG {
        return Err(io::Error::new(
            io::ErrorKind::FileTooLarge,
            "no difference reaches over so large a list",
        ));
    }
    let mut encoder = Encoder::with_ref_prefix(difference, LEVEL, old)?;
    encoder.window_log(REACH_LOG)?;
    encoder.long_distance_matching(true)?;
    encoder.include_checksum(true)?;
    encoder.set_pledged_src_size(Some(new.len() as u64))?;
    encoder.write_all(new)?;
    encoder.finish().map(drop)
}

/// Writes what `difference` makes of `old`, and tells what that is. It is the list of somebody only if this is the sum that
/// the sheet says.
///
/// # Errors
/// A difference that is damaged, or leads to more than `bytes_max` bytes; the reader's and the writer's.
pub fn apply_difference(
    old: &[u8],
    difference: impl BufRead,
    bytes_max: u64,
    mut new: impl Write,
) -> io::Result<ContentSum> {
    let mut decoder = Decoder::with_ref_prefix(difference, old)?;
    decoder.window_log_max(REACH_LOG)?;
    let mut decoder = decoder.take(bytes_max + 1);
    let mut buffer = vec![0; BUFFER_BYTES];
    let mut sum = blake3::Hasher::new();
    loop {
        let count = decoder.read(&mut buffer)?;
        let Some(chunk) = buffer.get(..count).filter(|chunk| !chunk.is_empty()) else { break };
        sum.update(chunk);
        if sum.count() > bytes_max {
            return Err(io::Error::new(io::ErrorKind::FileTooLarge, "the difference leads to too much"));
        }
        new.write_all(chunk)?;
    }
    Ok(sum.finalize())
}

/// What lies beside an archive of a mirror, as JSON: what the archive is, and the differences that lead to it
/// (`docs/formats.md`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DifferenceSheet {
    /// The MD5 checksum of the archive as it is published, in hexadecimal digits.
    md5: String,
    /// What it is, unpacked.
    content: String,
    /// The files of differences, by what they lead from.
    from: BTreeMap<String, String>,
}

#[derive(Serialize, Deserialize)]
#[serde(tag = "preau-differences")]
enum File {
    #[serde(rename = "v1")]
    V1(DifferenceSheet),
}

impl DifferenceSheet {
    /// The sheet of an archive with this MD5 checksum and content.
    #[must_use]
    pub fn new(md5: [u8; 16], content: ContentSum) -> Self {
        let md5 = md5.iter().map(|byte| format!("{byte:02x}")).collect();
        Self { md5, content: content.to_string(), from: BTreeMap::new() }
    }

    /// Adds the difference in `file`, which lies beside the sheet.
    #[must_use]
    pub fn with(mut self, from: ContentSum, file: &str) -> Self {
        self.from.insert(from.to_string(), file.to_owned());
        self
    }

    /// Reads a sheet.
    ///
    /// # Errors
    /// [`SheetError`] for everything that is none.
    pub fn parse(bytes: &[u8]) -> Result<Self, SheetError> {
        let File::V1(sheet) = serde_json::from_slice(bytes)?;
        let is_sum = |text: &String| ContentSum::from_hex(text).is_ok();
        let sums_fit = is_sum(&sheet.content) && sheet.from.keys().all(is_sum);
        let files_fit = sheet.from.len() <= DIFFERENCES_MAX && sheet.from.values().all(|file| is_plain(file));
        if sums_fit && files_fit { Ok(sheet) } else { Err(SheetError::Content) }
    }

    /// The bytes of the sheet.
    ///
    /// # Errors
    /// None that a sheet can have: those of JSON.
    pub fn to_bytes(&self) -> Result<Vec<u8>, SheetError> {
        Ok(serde_json::to_vec_pretty(&File::V1(self.clone()))?)
    }

    /// The MD5 checksum of the archive as the mirror publishes it.
    #[must_use]
    pub fn md5(&self) -> &str {
        &self.md5
    }

    /// Whether this is the archive's content.
    #[must_use]
    pub fn is_of(&self, content: ContentSum) -> bool {
        ContentSum::from_hex(&self.content).is_ok_and(|own| own == content)
    }

    /// The file that leads from this content to the archive's.
    #[must_use]
    pub fn file_from(&self, content: ContentSum) -> Option<&str> {
        self.from.get(content.to_hex().as_str()).map(String::as_str)
    }
}

/// A name that leads nowhere else, on the mirror and on the disk.
fn is_plain(file: &str) -> bool {
    let is_fit = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    (1..=255).contains(&file.len()) && !file.starts_with('.') && file.bytes().all(is_fit)
}

/// Why something is no sheet.
#[derive(Debug, thiserror::Error)]
pub enum SheetError {
    /// It is no JSON of this form.
    #[error("it is no sheet of differences")]
    Form(#[from] serde_json::Error),
    /// Sums or names in it cannot be.
    #[error("sums or names of files in it cannot be")]
    Content,
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn make(old: &[u8], new: &[u8]) -> Vec<u8> {
        let mut difference = Vec::new();
        make_difference(old, new, &mut difference).unwrap();
        difference
    }

    fn apply(old: &[u8], difference: &[u8], bytes_max: u64) -> io::Result<Vec<u8>> {
        let mut new = Vec::new();
        let sum = apply_difference(old, difference, bytes_max, &mut new)?;
        assert_eq!(sum, blake3::hash(&new));
        Ok(new)
    }

    fn list(names: impl Iterator<Item = usize>) -> Vec<u8> {
        names
            .map(|number| format!("site-{}.example\n", number * 7_919 % 1_000_003))
            .collect::<String>()
            .into()
    }

    #[test]
    fn few_changes_of_many_names_are_few_bytes() {
        let (old, new) = (list(0..100_000), list((0..100_500).filter(|number| number % 1_000 != 3)));
        let difference = make(&old, &new);
        assert!(difference.len() * 200 < new.len(), "{} of {} bytes", difference.len(), new.len());
        assert_eq!(apply(&old, &difference, new.len() as u64).unwrap(), new);
        let too_much = apply(&old, &difference, new.len() as u64 - 1).unwrap_err();
        assert_eq!(too_much.kind(), io::ErrorKind::FileTooLarge);
    }

    #[test]
    fn a_difference_from_something_else_never_leads_there() {
        let (old, new) = (list(0..10_000), list(5..10_005));
        let difference = make(&old, &new);
        let others = [list(1..10_001), Vec::new(), old[..100_000].to_vec()];
        assert!(others.iter().all(|other| apply(other, &difference, 1 << 20).map_or(true, |it| it != new)));
        for length in [0, 1, 10, difference.len() / 2, difference.len() - 1] {
            assert!(apply(&old, &difference[..length], 1 << 20).map_or(true, |it| it != new), "{length}");
        }
    }

    #[test]
    fn what_other_tools_make_is_read() {
        // Without a checksum, and with another reach: as `zstd --patch-from` writes it.
        let (old, new) = (list(0..5_000), list(2..5_002));
        let mut encoder = Encoder::with_ref_prefix(Vec::new(), 1, &old[..]).unwrap();
        encoder.write_all(&new).unwrap();
        assert_eq!(apply(&old, &encoder.finish().unwrap(), 1 << 20).unwrap(), new);
    }

    #[test]
    fn a_sheet_says_which_differences_there_are() {
        let [one, two, three] = [b"one", b"two", b"333"].map(|it| blake3::hash(it));
        let sheet = DifferenceSheet::new([0xab; 16], three).with(one, "1.zst").with(two, "2.zst");
        let read = DifferenceSheet::parse(&sheet.to_bytes().unwrap()).unwrap();
        assert_eq!(read, sheet);
        assert_eq!(read.md5(), "ab".repeat(16));
        assert!(read.is_of(three) && !read.is_of(one));
        assert_eq!((read.file_from(two), read.file_from(three)), (Some("2.zst"), None));
    }

    /// The form of sheets: what boxes of this version read.
    #[test]
    fn a_sheet_is_written_as_ever() {
        let [one, two] = [b"one", b"two"].map(|it| blake3::hash(it));
        let sheet = DifferenceSheet::new([0xab; 16], two).with(one, "blacklists.tar.gz.1-2.zst");
        let golden = include_str!("../testdata/differences-v1.json");
        assert_eq!(String::from_utf8(sheet.to_bytes().unwrap()).unwrap(), golden.trim_end());
    }

    #[test]
    fn what_leads_elsewhere_is_no_sheet() {
        let sum = blake3::hash(b"");
        let text = |file: &str| {
            format!(r#"{{"preau-differences":"v1","md5":"","content":"{sum}","from":{{"{sum}":"{file}"}}}}"#)
        };
        assert!(DifferenceSheet::parse(text("a-1_b.zst").as_bytes()).is_ok());
        let long = "a".repeat(256);
        for file in ["", "..", ".hidden", "a/b", "a\\\\b", "https:", "é", "a b", &long] {
            assert!(DifferenceSheet::parse(text(file).as_bytes()).is_err(), "{file}");
        }
        assert!(DifferenceSheet::parse(text("a").replace(&sum.to_string(), "ab").as_bytes()).is_err());
        assert!(DifferenceSheet::parse(text("a").replace("v1", "v2").as_bytes()).is_err());
        assert!(DifferenceSheet::parse(b"<html>").is_err());
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn a_difference_leads_from_the_one_to_the_other(
            old in prop::collection::vec(any::<u8>(), 0..5_000), new in prop::collection::vec(any::<u8>(), 0..5_000),
        ) {
            prop_assert_eq!(apply(&old, &make(&old, &new), new.len() as u64).unwrap(), new);
        }

        #[test]
        fn rubbish_is_an_error_or_somethings_else(
            old in prop::collection::vec(any::<u8>(), 0..500), rubbish in prop::collection::vec(any::<u8>(), 0..500),
        ) {
            let new = apply(&old, &rubbish, 10_000);
            prop_assert!(new.map_or(true, |new| new.len() <= 10_000));
        }
    }
}
