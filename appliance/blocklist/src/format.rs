//! The index file: header, sections, checksum. `docs/formats.md` describes every byte.

use std::io::{self, Read};
use std::ops::Range;

/// The first bytes of every index.
const MAGIC: [u8; 8] = *b"PREAUIDX";
/// The only version that is read and written.
const VERSION: u32 = 2;
/// Magic, version, number of sections, length of the file.
const HEAD_BYTES: usize = 8 + 4 + 4 + 8;
/// Offset and length.
const SECTION_ENTRY_BYTES: usize = 8 + 8;
/// Header and section table.
const HEADER_BYTES: usize = HEAD_BYTES + SECTION_ENTRY_BYTES * Section::COUNT;
/// Sections begin at multiples of this, after zeros: a line of the processor's cache, which no block of the
/// directory then lies across.
const SECTION_ALIGNMENT: usize = 64;
/// BLAKE3 of all bytes before it ends the file.
const CHECKSUM_BYTES: usize = blake3::OUT_LEN;
/// How much is read at a time: the file is never in memory as a whole while it is checked.
const READ_BYTES: usize = 64 * 1024;

/// The parts of an index, in their order in the file.
#[derive(Clone, Copy)]
pub(crate) enum Section {
    /// Categories with their colours, line counts and aliases.
    Categories,
    /// Sets of categories.
    Sets,
    /// For each bucket of names where it begins, and a filter of it.
    Directory,
    /// The buckets of names.
    Names,
    /// IPv4 addresses.
    Addresses,
    /// The automaton of URLs.
    Urls,
    /// Lines that are not spelled as usual.
    Spellings,
}

impl Section {
    /// How many there are.
    pub(crate) const COUNT: usize = 7;
    const COUNT_BYTES: [u8; 4] = [7, 0, 0, 0];
}

/// Where the sections lie.
pub(crate) struct Layout {
    sections: [Range<usize>; Section::COUNT],
}

impl Layout {
    /// Reads the header; the sections it names are within `file`, in order, without gaps but for alignment.
    pub(crate) fn read(file: &[u8]) -> Result<Self, OpenError> {
        let header = file.first_chunk::<HEADER_BYTES>().ok_or(OpenError::NotAnIndex)?;
        let length = check_header(header)?;
        if u64::try_from(file.len()).ok() != Some(length) {
            return Err(OpenError::Truncated);
        }
        let (entries, _) = header.split_at(HEAD_BYTES).1.as_chunks::<SECTION_ENTRY_BYTES>();
        let mut end = HEADER_BYTES;
        let mut sections = [const { 0..0 }; Section::COUNT];
        for (section, entry) in sections.iter_mut().zip(entries) {
            let [offset, length] = read_entry(entry).ok_or(OpenError::Malformed("section table"))?;
            let start = end.checked_next_multiple_of(SECTION_ALIGNMENT).filter(|start| offset == *start);
            let start = start.ok_or(OpenError::Malformed("section table"))?;
            end = start.checked_add(length).ok_or(OpenError::Malformed("section table"))?;
            *section = start..end;
        }
        if end.checked_add(CHECKSUM_BYTES) != Some(file.len()) {
            return Err(OpenError::Malformed("section table"));
        }
        Ok(Self { sections })
    }

    /// A section of the file whose layout this is.
    pub(crate) fn section<'f>(&self, file: &'f [u8], section: Section) -> &'f [u8] {
        self.sections.get(section as usize).and_then(|range| file.get(range.clone())).unwrap_or_default()
    }
}

/// The proof that a file was read to its end and is the one that was written.
#[derive(Clone, Debug)]
pub struct Verified {
    checksum: [u8; CHECKSUM_BYTES],
}

impl Verified {
    /// Whether this is the proof for these bytes, by the checksum at their end.
    pub(crate) fn covers(&self, file: &[u8]) -> bool {
        file.ends_with(&self.checksum)
    }
}

/// Reads an index file from its beginning to its end and compares it with its checksum.
///
/// # Errors
/// [`OpenError`] for anything but a whole, unaltered index of this version.
pub fn verify(mut file: impl Read) -> Result<Verified, OpenError> {
    let mut header = Vec::with_capacity(HEADER_BYTES);
    file.by_ref().take(HEADER_BYTES as u64).read_to_end(&mut header)?;
    let length = check_header(header.first_chunk::<HEADER_BYTES>().ok_or(OpenError::NotAnIndex)?)?;
    let hashed = length.checked_sub((HEADER_BYTES + CHECKSUM_BYTES) as u64).ok_or(OpenError::Truncated)?;
    let mut hasher = blake3::Hasher::new();
    hasher.update(&header);
    let mut buffer = vec![0; READ_BYTES];
    let mut rest = file.by_ref().take(hashed);
    loop {
        match rest.read(&mut buffer) {
            Ok(0) => break,
            Ok(count) => drop(hasher.update(buffer.get(..count).unwrap_or_default())),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error.into()),
        }
    }
    let mut checksum = Vec::with_capacity(CHECKSUM_BYTES);
    // One byte more than expected: something after the end is an alteration too.
    file.take(CHECKSUM_BYTES as u64 + 1).read_to_end(&mut checksum)?;
    match checksum.len() {
        0..CHECKSUM_BYTES => Err(OpenError::Truncated),
        CHECKSUM_BYTES if hasher.finalize() == *checksum => {
            checksum.try_into().map(|checksum| Verified { checksum }).map_err(|_| OpenError::Altered)
        }
        _ => Err(OpenError::Altered),
    }
}

/// Puts a file together.
pub(crate) fn write(sections: &[Vec<u8>; Section::COUNT]) -> Vec<u8> {
    let mut end = HEADER_BYTES;
    let mut table = Vec::new();
    for section in sections {
        let start = end.next_multiple_of(SECTION_ALIGNMENT);
        table.extend_from_slice(&(start as u64).to_le_bytes());
        table.extend_from_slice(&(section.len() as u64).to_le_bytes());
        end = start + section.len();
    }
    let length = end + CHECKSUM_BYTES;
    let mut file = Vec::with_capacity(length);
    file.extend_from_slice(&MAGIC);
    file.extend_from_slice(&VERSION.to_le_bytes());
    file.extend_from_slice(&Section::COUNT_BYTES);
    file.extend_from_slice(&(length as u64).to_le_bytes());
    file.extend_from_slice(&table);
    for section in sections {
        file.resize(file.len().next_multiple_of(SECTION_ALIGNMENT), 0);
        file.extend_from_slice(section);
    }
    let checksum = blake3::hash(&file);
    file.extend_from_slice(checksum.as_bytes());
    file
}

/// Why bytes are not an index.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// They begin otherwise.
    #[error("not a blocklist index")]
    NotAnIndex,
    /// Written by another version of the program.
    #[error(
        "a blocklist index of format version {found}; this program reads version {VERSION}: build it again"
    )]
    Version {
        /// The version in the header.
        found: u32,
    },
    /// They end too early.
    #[error("the index is truncated")]
    Truncated,
    /// They are not the bytes that were written.
    #[error("the index is altered: its checksum does not match")]
    Altered,
    /// The checksum matches, and yet no compiler wrote it.
    #[error("the index is malformed: {0}")]
    Malformed(&'static str),
    /// They cannot be read.
    #[error("the index cannot be read")]
    Read(#[from] io::Error),
}

/// The length of the whole file, from a header of this version.
fn check_header(header: &[u8; HEADER_BYTES]) -> Result<u64, OpenError> {
    let mut reader = ByteReader(header);
    if reader.array::<8>() != Some(MAGIC) {
        return Err(OpenError::NotAnIndex);
    }
    match reader.u32() {
        Some(VERSION) => {}
        Some(found) => return Err(OpenError::Version { found }),
        None => return Err(OpenError::NotAnIndex),
    }
    if reader.array() != Some(Section::COUNT_BYTES) {
        return Err(OpenError::Altered);
    }
    reader.u64().ok_or(OpenError::NotAnIndex)
}

fn read_entry(entry: &[u8; SECTION_ENTRY_BYTES]) -> Option<[usize; 2]> {
    let mut reader = ByteReader(entry);
    Some([usize::try_from(reader.u64()?).ok()?, usize::try_from(reader.u64()?).ok()?])
}

/// Takes little-endian numbers and short texts off the front of a section.
pub(crate) struct ByteReader<'s>(pub(crate) &'s [u8]);

impl<'s> ByteReader<'s> {
    pub(crate) fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (taken, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(*taken)
    }

    pub(crate) fn u8(&mut self) -> Option<u8> {
        self.array().map(u8::from_le_bytes)
    }

    pub(crate) fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_le_bytes)
    }

    pub(crate) fn u64(&mut self) -> Option<u64> {
        self.array().map(u64::from_le_bytes)
    }

    pub(crate) fn bytes(&mut self, count: usize) -> Option<&'s [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    /// A text of at most 255 bytes after its length.
    pub(crate) fn text(&mut self) -> Option<&'s str> {
        let length = usize::from(self.u8()?);
        std::str::from_utf8(self.bytes(length)?).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file() -> Vec<u8> {
        write(&["a", "bc", "", "def", "", "", "g"].map(|text| text.as_bytes().to_vec()))
    }

    #[test]
    fn sections_come_back() {
        let file = file();
        let layout = Layout::read(&file).unwrap();
        assert!(verify(file.as_slice()).unwrap().covers(&file));
        assert_eq!(layout.section(&file, Section::Categories), b"a");
        assert_eq!(layout.section(&file, Section::Names), b"def");
        assert_eq!(layout.section(&file, Section::Spellings), b"g");
    }

    #[test]
    fn every_truncation_is_refused() {
        let file = file();
        for length in 0..file.len() {
            assert!(verify(&file[..length]).is_err(), "{length} bytes");
            assert!(Layout::read(&file[..length]).is_err(), "{length} bytes");
        }
        let longer = [file.as_slice(), b"x"].concat();
        assert!(matches!(verify(longer.as_slice()), Err(OpenError::Altered)));
    }

    #[test]
    fn every_flipped_bit_is_refused() {
        let file = file();
        for bit in 0..file.len() * 8 {
            let mut altered = file.clone();
            altered[bit / 8] ^= 1 << (bit % 8);
            assert!(verify(altered.as_slice()).is_err(), "bit {bit}");
        }
    }

    #[test]
    fn errors_say_what_is_wrong() {
        let check = |bytes: &[u8], expected: &str| {
            assert!(verify(bytes).unwrap_err().to_string().contains(expected), "{expected}");
        };
        let mut file = file();
        check(b"example.com\n", "not a blocklist index");
        check(&file[..file.len() - 1], "truncated");
        file[HEADER_BYTES] ^= 1;
        check(&file, "altered");
        file[8] = 9;
        check(&file, "format version 9; this program reads version 2: build it again");
    }
}
