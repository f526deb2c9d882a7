//! The veil over a segment: its bytes are encrypted (ChaCha20, RFC 8439) under a key that stands in a small file beside it. To
//! destroy a segment it is enough to write over its key.
//!
//! It keeps nobody from reading who has the folder, and proves nothing: records have their checksums, and what has to be believed
//! is sealed.
//!
//! Invariant: no byte of a key's stream is used twice. Each segment has a key of its own, only the process that created it writes
//! it, and no place of it is written twice.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use chacha20::ChaCha20;
use chacha20::cipher::{KeyIvInit as _, StreamCipher as _, StreamCipherSeek as _};
use ring::digest::{SHA256, digest};
use ring::rand::{SecureRandom as _, SystemRandom};

use crate::regular;

/// With what the file of a veiled segment begins, in the clear: the header of a segment of version 2, without a payload. A program of
/// before there were veils takes it for what a newer one wrote, and leaves it. What follows is the segment, from its first byte on.
pub(super) const MARK: [u8; 18] = *b"PREAUJNL\x02\0\0\0\0\0\xe3\x9c\x95\xc6";
/// With what a key's file begins.
const FIRST_LINE: &str = "PREAU SEGMENT KEY 1\n";
const KEY_BYTES: usize = 32;
/// Of a key's hash so many bytes stand after it: damage is told from another key.
const CHECK_BYTES: usize = 4;
/// The key and its check stand there so often: what a disk does to one of them costs no segment.
const COPIES: usize = 2;
/// A key's file has no more.
const FILE_BYTES_MAX: u64 = 256;
const MODE: u32 = 0o600;
/// The extension of a key's file that is being written.
pub(super) const PART_EXTENSION: &str = "key.part";

/// The key of a segment.
pub(super) struct Veil([u8; KEY_BYTES]);

impl Veil {
    /// A new one, in a file that is not there yet; durable once its folder is.
    pub(super) fn create(path: &Path) -> io::Result<Self> {
        let mut key = [0; KEY_BYTES];
        SystemRandom::new().fill(&mut key).map_err(|_| io::Error::other("there is no randomness"))?;
        if path.try_exists()? {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        let veil = Self(key);
        veil.put(path)?;
        Ok(veil)
    }

    /// Writes it into its file, which is never there by half; durable once its folder is.
    pub(super) fn put(&self, path: &Path) -> io::Result<()> {
        let part = path.with_extension(PART_EXTENSION);
        let mut options = OpenOptions::new();
        let options = options.write(true).create(true).truncate(true).mode(MODE);
        let written = options.custom_flags(regular::FLAGS).open(&part).and_then(|mut file| {
            file.write_all(self.write().as_bytes())?;
            file.sync_all()
        });
        written.and_then(|()| fs::rename(&part, path)).inspect_err(|_| drop(fs::remove_file(&part)))
    }

    /// That of a file; `None` where there is none.
    pub(super) fn find(path: &Path) -> io::Result<Option<Self>> {
        let file = match regular::open(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            file => file?,
        };
        let mut bytes = Vec::new();
        file.take(FILE_BYTES_MAX).read_to_end(&mut bytes)?;
        Self::read(&bytes).map(Some).ok_or_else(|| unreadable("the key of a segment is damaged"))
    }

    fn write(&self) -> String {
        let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
        let copy = format!("{}\n{}\n", hex(&self.0), hex(&check(&self.0)));
        format!("{FIRST_LINE}{}", copy.repeat(COPIES))
    }

    /// The first copy whose check fits. Each has its place: damage before it moves nothing, and that of the first line costs nothing.
    fn read(bytes: &[u8]) -> Option<Self> {
        const COPY_BYTES: usize = 2 * (KEY_BYTES + CHECK_BYTES) + 2;
        bytes.get(FIRST_LINE.len()..)?.chunks(COPY_BYTES).take(COPIES).find_map(|copy| {
            let mut lines = std::str::from_utf8(copy).ok()?.lines();
            let (key, sum) = (from_hex::<KEY_BYTES>(lines.next()?)?, from_hex::<CHECK_BYTES>(lines.next()?)?);
            (check(&key) == sum).then_some(Self(key))
        })
    }

    /// Puts the veil over bytes of the segment from this place on, or takes it away.
    pub(super) fn cover(&self, offset: u64, bytes: &mut [u8]) -> io::Result<()> {
        // The key is for one segment: it needs no other number beside it.
        let mut stream = ChaCha20::new(&self.0.into(), &[0; 12].into());
        let beyond = |_| io::Error::other("a segment has no such place");
        stream.try_seek(offset).map_err(beyond)?;
        stream.try_apply_keystream(bytes).map_err(beyond)
    }
}

fn unreadable(why: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, why)
}

fn check(key: &[u8; KEY_BYTES]) -> [u8; CHECK_BYTES] {
    let hash = digest(&SHA256, key);
    hash.as_ref().first_chunk().copied().unwrap_or_default()
}

fn from_hex<const N: usize>(text: &str) -> Option<[u8; N]> {
    let mut bytes = [0; N];
    if text.len() != 2 * N || !text.is_ascii() {
        return None;
    }
    for (byte, place) in bytes.iter_mut().zip((0..).step_by(2)) {
        *byte = u8::from_str_radix(text.get(place..place + 2)?, 16).ok()?;
    }
    Some(bytes)
}

/// Whether a segment has a veil, by its mark.
pub(super) fn is_veiled(path: &Path) -> io::Result<bool> {
    let mut mark = Vec::new();
    regular::open(path)?.take(MARK.len() as u64).read_to_end(&mut mark)?;
    Ok(mark == MARK)
}

/// A segment that is read, veiled or not.
#[derive(Debug)]
pub struct SegmentReader {
    file: io::Take<File>,
    veil: Option<Veil>,
    position: u64,
}

impl SegmentReader {
    /// Opens a segment with its key, where it has one. Earlier boxes wrote none.
    pub(super) fn open(path: &Path, key: &Path, bytes_max: u64) -> io::Result<Self> {
        let mut file = regular::open(path)?;
        let mut mark = Vec::new();
        Read::by_ref(&mut file).take(MARK.len() as u64).read_to_end(&mut mark)?;
        // What is shorter was cut off before anything was in it, and so may its key have been. Or it is just being made.
        let (found, bytes_max) = if mark.len() < MARK.len() {
            (Ok(None), mark.len() as u64)
        } else {
            (Veil::find(key), bytes_max)
        };
        let veil = match found {
            Ok(None) if mark == MARK => Err(unreadable("the key of a segment is gone")),
            found => found,
        };
        // Where somebody erases it at this moment, it is simply gone.
        let veil = veil.or_else(|error| fs::metadata(path).and(Err(error)))?;
        if veil.is_none() {
            file.seek(SeekFrom::Start(0))?;
        }
        Ok(Self { file: file.take(bytes_max), veil, position: 0 })
    }
}

impl Read for SegmentReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read(buffer)?;
        if let (Some(veil), Some(bytes)) = (&self.veil, buffer.get_mut(..read)) {
            veil.cover(self.position, bytes)?;
        }
        self.position = self.position.saturating_add(read as u64);
        Ok(read)
    }
}

impl std::fmt::Debug for Veil {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Veil").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The file of a key as boxes write it.
    const GOLDEN: &str = concat!(
        "PREAU SEGMENT KEY 1\n",
        "0707070707070707070707070707070707070707070707070707070707070707\n4bb06f8e\n",
        "0707070707070707070707070707070707070707070707070707070707070707\n4bb06f8e\n",
    );

    fn read(bytes: &[u8]) -> Option<[u8; KEY_BYTES]> {
        Veil::read(bytes).map(|veil| veil.0)
    }

    #[test]
    fn a_key_is_read_as_it_was_written() {
        let key = [7; KEY_BYTES];
        assert_eq!(Veil(key).write(), GOLDEN);
        assert_eq!(read(GOLDEN.as_bytes()), Some(key));
    }

    /// Nor does damage make another key of it.
    #[test]
    fn no_bit_of_its_file_costs_a_key() {
        let key = [7; KEY_BYTES];
        for place in 0..GOLDEN.len() {
            for bit in 0..8 {
                let mut bytes = GOLDEN.as_bytes().to_vec();
                bytes[place] ^= 1 << bit;
                assert_eq!(read(&bytes), Some(key), "bit {bit} of byte {place}");
            }
            assert!(read(&GOLDEN.as_bytes()[..place]).is_none_or(|found| found == key), "{place} bytes");
        }
        assert_eq!(read(&GOLDEN.replace("4bb06f8e", "4bb06f8f").into_bytes()), None, "neither fits");
        assert_eq!(read(&[0; 168]), None, "written over");
    }
}
