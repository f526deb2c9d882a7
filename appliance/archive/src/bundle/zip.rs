//! ZIP archives (PKWARE's APPNOTE.TXT 6.3) of one kind: nothing compressed, no remarks, one time for all, in one piece.
//!
//! A program that reads any archive passes over much that may be changed unseen: times, flags, what stands between the
//! files. Here an archive is read by writing it again: each of its bytes is what this module would have written, or the
//! archive is refused.

use std::io::{self, Read, Seek, SeekFrom, Write};

use crc32fast::hash;

/// Most files of an archive: the seals of a year, ten a day, and their files.
const FILES_MAX: usize = 8_192;
/// Longest name of a file, in bytes.
const NAME_BYTES_MAX: usize = 128;
/// Most bytes of a file: no sealed file has more.
const FILE_BYTES_MAX: u32 = 256 << 20;
/// Most bytes of an archive: larger ones would need another format, which not every program reads.
const ARCHIVE_BYTES_MAX: u64 = u32::MAX as u64 - (64 << 20);
/// 1980-01-01, 00:00: the earliest that the format has. When an archive was made stands in its manifest.
const DATE: u16 = (1 << 5) | 1;
/// Version 1.0 of the format suffices; names are ASCII.
const VERSION: u16 = 10;
const LOCAL: u32 = 0x0403_4b50;
const CENTRAL: u32 = 0x0201_4b50;
const END: u32 = 0x0605_4b50;
/// How long the fixed parts are.
const LOCAL_BYTES: usize = 30;
const CENTRAL_BYTES: usize = 46;
const END_BYTES: usize = 22;

/// An archive that cannot be written.
#[derive(Debug, thiserror::Error)]
pub enum ZipError {
    /// It would be too large.
    #[error("it would be larger than 4 GB: take a shorter time, or do without the whole sealed files")]
    Large,
    /// It cannot be written.
    #[error("it cannot be written")]
    Io(#[from] io::Error),
}

/// What the archive says of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Entry {
    name: String,
    crc: u32,
    bytes: u32,
    offset: u32,
}

impl Entry {
    /// What both headers say.
    fn common(&self) -> Vec<u8> {
        let mut common = Vec::new();
        for value in [VERSION, 0, 0, 0, DATE] {
            common.extend(value.to_le_bytes());
        }
        for value in [self.crc, self.bytes, self.bytes] {
            common.extend(value.to_le_bytes());
        }
        common.extend(u16::try_from(self.name.len()).unwrap_or(u16::MAX).to_le_bytes());
        common.extend([0; 2]);
        common
    }

    fn local(&self) -> Vec<u8> {
        [&LOCAL.to_le_bytes(), self.common().as_slice(), self.name.as_bytes()].concat()
    }

    fn central(&self) -> Vec<u8> {
        let (version, rest) = (VERSION.to_le_bytes(), [0; 10]);
        let offset = self.offset.to_le_bytes();
        let begin = [&CENTRAL.to_le_bytes()[..], &version, &self.common(), &rest, &offset];
        [&begin.concat(), self.name.as_bytes()].concat()
    }
}

/// An archive that is being written.
pub(crate) struct ZipWriter<W> {
    output: W,
    entries: Vec<Entry>,
    written: u64,
}

impl<W: Write> ZipWriter<W> {
    pub(crate) fn new(output: W) -> Self {
        Self { output, entries: Vec::new(), written: 0 }
    }

    /// Adds a file.
    pub(crate) fn add(&mut self, name: &str, bytes: &[u8]) -> Result<(), ZipError> {
        let length = u32::try_from(bytes.len()).ok().filter(|bytes| *bytes <= FILE_BYTES_MAX);
        let offset = u32::try_from(self.written).map_err(|_| ZipError::Large)?;
        let is_large = self.written + bytes.len() as u64 > ARCHIVE_BYTES_MAX;
        let (Some(length), false) = (length, is_large || self.entries.len() >= FILES_MAX) else {
            return Err(ZipError::Large);
        };
        let entry = Entry { name: name.to_owned(), crc: hash(bytes), bytes: length, offset };
        let header = entry.local();
        self.output.write_all(&header)?;
        self.output.write_all(bytes)?;
        self.written += (header.len() + bytes.len()) as u64;
        self.entries.push(entry);
        Ok(())
    }

    /// Writes the end.
    pub(crate) fn finish(mut self) -> Result<W, ZipError> {
        let offset = u32::try_from(self.written).map_err(|_| ZipError::Large)?;
        self.output.write_all(&directory(&self.entries, offset))?;
        self.output.flush()?;
        Ok(self.output)
    }
}

/// What follows the files: what there is, and where.
fn directory(entries: &[Entry], offset: u32) -> Vec<u8> {
    let mut directory: Vec<u8> = entries.iter().flat_map(Entry::central).collect();
    let length = u32::try_from(directory.len()).unwrap_or(u32::MAX);
    let count = u16::try_from(entries.len()).unwrap_or(u16::MAX).to_le_bytes();
    let parts = [
        &END.to_le_bytes()[..],
        &[0; 4],
        &count,
        &count,
        &length.to_le_bytes(),
        &offset.to_le_bytes(),
        &[0; 2],
    ];
    directory.extend(parts.concat());
    directory
}

/// These bytes are no archive as this module writes them.
#[derive(Debug, thiserror::Error)]
pub enum Unzipped {
    /// Something is not as it should be.
    #[error("byte {at}: {what}")]
    Damaged {
        /// Where.
        at: u64,
        /// What.
        what: &'static str,
    },
    /// It cannot be read.
    #[error("it cannot be read: {0}")]
    Io(#[from] io::Error),
}

/// An archive that is read.
pub(crate) struct ZipReader<R> {
    input: R,
    entries: Vec<Entry>,
}

impl<R: Read + Seek> ZipReader<R> {
    /// Opens an archive whose directory is right, and whose files follow each other without a gap.
    pub(crate) fn open(mut input: R) -> Result<Self, Unzipped> {
        let length = input.seek(SeekFrom::End(0))?;
        let damaged = |at: u64, what: &'static str| Unzipped::Damaged { at, what };
        let end_at =
            length.checked_sub(END_BYTES as u64).ok_or(damaged(0, "it is cut off, or no extract"))?;
        if length > u64::from(u32::MAX) {
            return Err(damaged(0, "it is longer than any extract"));
        }
        let end: [u8; END_BYTES] = read_at(&mut input, end_at)?;
        let offset = u64::from(u32_of(&end, 16));
        let size = end_at.checked_sub(offset).ok_or(damaged(end_at, "its end is damaged, or cut off"))?;
        // Each file takes as much as its fixed part at least.
        if size > (FILES_MAX * (CENTRAL_BYTES + NAME_BYTES_MAX)) as u64 {
            return Err(damaged(end_at, "its end is damaged, or cut off"));
        }
        input.seek(SeekFrom::Start(offset))?;
        let mut bytes = vec![0; usize::try_from(size).unwrap_or(0)];
        input.read_exact(&mut bytes)?;
        let entries = read_directory(&bytes).ok_or(damaged(offset, "its list of files is damaged"))?;
        let offset_again = entries.last().map_or(0, |last| {
            u64::from(last.offset) + (LOCAL_BYTES + last.name.len()) as u64 + u64::from(last.bytes)
        });
        let offset = u32::try_from(offset).unwrap_or(u32::MAX);
        if offset_again != u64::from(offset) || directory(&entries, offset) != [&bytes[..], &end].concat() {
            return Err(damaged(u64::from(offset), "its list of files is damaged"));
        }
        Ok(Self { input, entries })
    }

    /// The names of the files, in their order.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.entries.iter().map(|entry| entry.name.as_str())
    }

    /// The bytes of a file, and whether their checksum is right; `None` where there is none of this name. What was
    /// changed is for a hash to find: a checksum can be changed with it.
    pub(crate) fn read(&mut self, name: &str) -> Result<Option<(Vec<u8>, bool)>, Unzipped> {
        let Some(entry) = self.entries.iter().find(|entry| entry.name == name) else { return Ok(None) };
        let header = entry.local();
        self.input.seek(SeekFrom::Start(entry.offset.into()))?;
        let mut found = vec![0; header.len()];
        self.input.read_exact(&mut found)?;
        if found != header {
            return Err(Unzipped::Damaged {
                at: entry.offset.into(),
                what: "the header of a file is damaged",
            });
        }
        let mut bytes = Vec::new();
        (&mut self.input).take(entry.bytes.into()).read_to_end(&mut bytes)?;
        let is_right = hash(&bytes) == entry.crc;
        Ok(Some((bytes, is_right)))
    }
}

/// What the directory says, where the files stand one after the other from the first byte on.
fn read_directory(mut bytes: &[u8]) -> Option<Vec<Entry>> {
    let mut entries = Vec::new();
    let mut expected = 0_u64;
    while !bytes.is_empty() {
        let fixed: &[u8; CENTRAL_BYTES] = bytes.first_chunk()?;
        let (name_bytes, crc, length, offset) =
            (u16_of(fixed, 28), u32_of(fixed, 16), u32_of(fixed, 20), u32_of(fixed, 42));
        let name = bytes.get(CENTRAL_BYTES..CENTRAL_BYTES + usize::from(name_bytes))?;
        let name = std::str::from_utf8(name).ok().filter(|name| is_name(name))?.to_owned();
        if u64::from(offset) != expected || length > FILE_BYTES_MAX || entries.len() >= FILES_MAX {
            return None;
        }
        if entries.iter().any(|other: &Entry| other.name == name) {
            return None;
        }
        expected += (LOCAL_BYTES + name.len()) as u64 + u64::from(length);
        bytes = bytes.get(CENTRAL_BYTES + name.len()..)?;
        entries.push(Entry { name, crc, bytes: length, offset });
    }
    Some(entries)
}

/// Whether a file may be called so: whoever unpacks it must not write elsewhere.
pub(crate) fn is_name(name: &str) -> bool {
    let is_letter = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'/');
    let is_part = |part: &str| !part.is_empty() && !part.starts_with('.');
    name.len() <= NAME_BYTES_MAX && name.bytes().all(is_letter) && name.split('/').all(is_part)
}

fn read_at<const N: usize>(input: &mut (impl Read + Seek), at: u64) -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    input.seek(SeekFrom::Start(at))?;
    input.read_exact(&mut bytes)?;
    Ok(bytes)
}

fn u16_of(bytes: &[u8], at: usize) -> u16 {
    bytes.get(at..).and_then(<[u8]>::first_chunk).map_or(0, |two| u16::from_le_bytes(*two))
}

fn u32_of(bytes: &[u8], at: usize) -> u32 {
    bytes.get(at..).and_then(<[u8]>::first_chunk).map_or(0, |four| u32::from_le_bytes(*four))
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;

    fn sample() -> Vec<u8> {
        let mut writer = ZipWriter::new(Vec::new());
        for (name, bytes) in [("a.txt", "first"), ("b/c.txt", ""), ("d", "third\n")] {
            writer.add(name, bytes.as_bytes()).unwrap();
        }
        writer.finish().unwrap()
    }

    fn read_all(bytes: &[u8]) -> Result<Vec<(String, Vec<u8>)>, Unzipped> {
        let mut reader = ZipReader::open(Cursor::new(bytes))?;
        let names: Vec<String> = reader.names().map(str::to_owned).collect();
        let read = |name: String| {
            let (bytes, is_right) = reader.read(&name)?.unwrap();
            Ok((name, if is_right { bytes } else { Vec::new() }))
        };
        names.into_iter().map(read).collect()
    }

    #[test]
    fn files_come_back_and_every_other_byte_has_one_value() {
        let bytes = sample();
        let files = read_all(&bytes).unwrap();
        let expected = [("a.txt", "first"), ("b/c.txt", ""), ("d", "third\n")];
        let expected = expected.map(|(name, bytes)| (name.to_owned(), bytes.as_bytes().to_vec()));
        assert_eq!(files, expected);
        for place in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[place] ^= 0x10;
            // A file's own byte is for its hash to find.
            let is_found = read_all(&changed).map_or(true, |found| found != files);
            assert!(is_found, "byte {place}");
            assert!(read_all(&bytes[..place]).is_err(), "cut at {place}");
        }
        let longer = [&bytes[..], b"x"].concat();
        assert!(read_all(&longer).is_err());
        assert!(read_all(&[b"x", &bytes[..]].concat()).is_err());
    }

    #[test]
    fn names_lead_nowhere_else() {
        for wrong in ["", "/a", "a/", "../a", "a/../b", ".a", "a\\b", "é", "a//b", &"a".repeat(129)] {
            assert!(!is_name(wrong), "{wrong}");
        }
        assert!(is_name("scelles/seal-00000000000000000001.parquet.age"));
    }
}
