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
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;

use chacha20::ChaCha20;
use chacha20::cipher::{KeyIvInit as _, StreamCipher as _, StreamCipherSeek as _};
use journal::{SegmentId, is_segment};
use ring::digest::{SHA256, digest};
use ring::rand::{SecureRandom as _, SystemRandom};

use crate::regular;

/// With what the file of a veiled segment begins, in the clear: the header of a segment of version 2, without a payload. A program of
/// before there were veils takes it for what a newer one wrote, and leaves it. What follows is the segment, from its first byte on.
pub(super) const MARK: [u8; 18] = *b"PREAUJNL\x02\0\0\0\0\0\xe3\x9c\x95\xc6";
/// With what a segment of an earlier box begins, which has no veil, whatever lies beside it.
const PLAIN: [u8; 10] = *b"PREAUJNL\x01\0";
/// With what a segment begins under its veil.
const BEGINNING: [u8; 8] = *b"PREAUJNL";
/// With what each copy in a key's file begins.
const FIRST_LINE: &str = "PREAU SEGMENT KEY 2";
/// With what the whole file began before a key was bound to its segment.
const OLD_FIRST_LINE: &str = "PREAU SEGMENT KEY 1\n";
const KEY_BYTES: usize = 32;
/// Of the hash of a key and its segment's number so many bytes stand after it: damage is told from another key.
const CHECK_BYTES: usize = 4;
/// The key stands there so often, each time in a block of its own: what a disk does to one of them costs no segment.
const COPIES: u64 = 2;
/// What a disk loses at once: a sector of 4 KiB, or a part of one.
const BLOCK_BYTES: usize = 4 << 10;
const MODE: u32 = 0o600;
/// The extension of a key's file that is being written.
pub(super) const PART_EXTENSION: &str = "key.part";

/// The key of a segment.
pub(super) struct Veil {
    key: [u8; KEY_BYTES],
    segment: SegmentId,
}

impl Veil {
    /// A new one, in a file that is not there yet; durable once its folder is.
    pub(super) fn create(path: &Path, segment: SegmentId) -> io::Result<Self> {
        let mut key = [0; KEY_BYTES];
        SystemRandom::new().fill(&mut key).map_err(|_| io::Error::other("there is no randomness"))?;
        if path.try_exists()? {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        let veil = Self { key, segment };
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

    /// That of a file, where it is this segment's; `None` where there is no file. Each block is read by itself: the disk may give back
    /// one alone.
    pub(super) fn find(path: &Path, segment: SegmentId) -> io::Result<Option<Self>> {
        let file = match regular::open(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            file => file?,
        };
        let mut refused = None;
        for copy in 0..COPIES {
            let place = copy * BLOCK_BYTES as u64;
            match read_block(&file, place).map(|block| Self::read(&block, segment)) {
                Ok(Some(veil)) => return Ok(Some(veil)),
                Ok(None) => {}
                Err(error) => refused = Some(error),
            }
        }
        Err(refused.unwrap_or_else(|| unreadable("the key of a segment is damaged, or another segment's")))
    }

    fn write(&self) -> String {
        let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
        let (key, sum) = (hex(&self.key), hex(&check(&self.key, Some(self.segment))));
        let copy = format!("{FIRST_LINE}\n{:020}\n{key}\n{sum}\n", self.segment.number());
        let width = BLOCK_BYTES;
        (0..COPIES).map(|_| format!("{copy:<width$}")).collect()
    }

    /// The key of a block, where its check fits: a copy, or a whole file of an earlier box.
    fn read(block: &[u8], segment: SegmentId) -> Option<Self> {
        Self::read_copy(block, segment).or_else(|| Self::read_old(block, segment))
    }

    fn read_copy(block: &[u8], segment: SegmentId) -> Option<Self> {
        // The number is for people, who find the file in a copy: the check has it as well.
        let mut lines = block.split(|byte| *byte == b'\n').map(std::str::from_utf8).skip(2);
        let key = from_hex::<KEY_BYTES>(lines.next()?.ok()?)?;
        let sum = from_hex::<CHECK_BYTES>(lines.next()?.ok()?)?;
        (check(&key, Some(segment)) == sum).then_some(Self { key, segment })
    }

    /// The first pair whose check fits. Each has its place: damage before it moves nothing, and that of the first line costs nothing.
    fn read_old(bytes: &[u8], segment: SegmentId) -> Option<Self> {
        const PAIR_BYTES: usize = 2 * (KEY_BYTES + CHECK_BYTES) + 2;
        const PAIRS: usize = 2;
        bytes.get(OLD_FIRST_LINE.len()..)?.chunks(PAIR_BYTES).take(PAIRS).find_map(|pair| {
            let mut lines = std::str::from_utf8(pair).ok()?.lines();
            let (key, sum) = (from_hex::<KEY_BYTES>(lines.next()?)?, from_hex::<CHECK_BYTES>(lines.next()?)?);
            (check(&key, None) == sum).then_some(Self { key, segment })
        })
    }

    /// Puts the veil over bytes of the segment from this place on, or takes it away.
    pub(super) fn cover(&self, offset: u64, bytes: &mut [u8]) -> io::Result<()> {
        // The key is for one segment: it needs no other number beside it.
        let mut stream = ChaCha20::new(&self.key.into(), &[0; 12].into());
        let beyond = |_| io::Error::other("a segment has no such place");
        stream.try_seek(offset).map_err(beyond)?;
        stream.try_apply_keystream(bytes).map_err(beyond)
    }
}

fn unreadable(why: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, why)
}

/// A block of a key's file, or what there is of it.
fn read_block(file: &File, place: u64) -> io::Result<Vec<u8>> {
    let mut block = vec![0; BLOCK_BYTES];
    let read = file.read_at(&mut block, place)?;
    block.truncate(read);
    Ok(block)
}

/// What stands after a key: of earlier boxes it does not say of which segment that is.
fn check(key: &[u8; KEY_BYTES], segment: Option<SegmentId>) -> [u8; CHECK_BYTES] {
    let mut bound = key.to_vec();
    bound.extend(segment.into_iter().flat_map(|segment| segment.number().to_le_bytes()));
    let hash = digest(&SHA256, &bound);
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
    ///
    /// # Errors
    /// [`io::ErrorKind::InvalidData`] where it has no key that opens it; else the system's error.
    pub(super) fn open(path: &Path, key: &Path, segment: SegmentId, bytes_max: u64) -> io::Result<Self> {
        let mut file = regular::open(path)?;
        let mut mark = Vec::new();
        Read::by_ref(&mut file).take(MARK.len() as u64).read_to_end(&mut mark)?;
        // What is shorter was cut off before anything was in it, and so may its key have been. Or it is just being made.
        let bytes_max = if mark.len() < MARK.len() { mark.len() as u64 } else { bytes_max };
        let veil = if mark.len() < MARK.len() || mark.starts_with(&PLAIN) {
            Ok(None)
        } else {
            match Veil::find(key, segment) {
                Ok(None) if mark == MARK => Err(unreadable("the key of a segment is gone")),
                found => found,
            }
        };
        // Where somebody erases it at this moment, it is simply gone.
        let veil = veil.or_else(|error| fs::metadata(path).and(Err(error)))?;
        let mut reader = Self { file: file.take(bytes_max), veil, position: 0 };
        reader.rewind(bytes_max)?;
        if reader.veil.is_some() {
            reader.check_veil(bytes_max)?;
        }
        Ok(reader)
    }

    /// Under another segment's key all of it would be one torn end: noise, that is taken for what a power cut left.
    fn check_veil(&mut self, bytes_max: u64) -> io::Result<()> {
        let mut beginning = Vec::new();
        Read::by_ref(self).take(BEGINNING.len() as u64).read_to_end(&mut beginning)?;
        self.rewind(bytes_max)?;
        if BEGINNING.starts_with(&beginning) {
            return Ok(());
        }
        // The beginning may be damaged, and all the rest be there.
        let has_any = is_segment(Read::by_ref(self))?;
        self.rewind(bytes_max)?;
        if has_any { Ok(()) } else { Err(unreadable("the key of a segment does not open it")) }
    }

    /// Back to the first byte of the segment, which stands after the mark where there is a veil.
    fn rewind(&mut self, bytes_max: u64) -> io::Result<()> {
        let start = if self.veil.is_some() { MARK.len() as u64 } else { 0 };
        self.file.get_mut().seek(SeekFrom::Start(start))?;
        self.file.set_limit(bytes_max);
        self.position = 0;
        Ok(())
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

    /// The file of a key as earlier boxes wrote it.
    const OLD: &str = concat!(
        "PREAU SEGMENT KEY 1\n",
        "0707070707070707070707070707070707070707070707070707070707070707\n4bb06f8e\n",
        "0707070707070707070707070707070707070707070707070707070707070707\n4bb06f8e\n",
    );
    /// A copy as boxes write it.
    const GOLDEN: &str = concat!(
        "PREAU SEGMENT KEY 2\n00000000000000000042\n",
        "0707070707070707070707070707070707070707070707070707070707070707\n5c8ec449\n",
    );
    const SEGMENT: SegmentId = SegmentId::new(42);

    fn read(bytes: &[u8], segment: SegmentId) -> Option<[u8; KEY_BYTES]> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        fs::write(&path, bytes).unwrap();
        Veil::find(&path, segment).ok().flatten().map(|veil| veil.key)
    }

    #[test]
    fn a_key_is_read_as_it_was_written_by_its_own_segment_alone() {
        let key = [7; KEY_BYTES];
        let written = Veil { key, segment: SEGMENT }.write();
        assert_eq!(written, format!("{GOLDEN:<4096}").repeat(2));
        assert_eq!(read(written.as_bytes(), SEGMENT), Some(key));
        assert_eq!(read(written.as_bytes(), SEGMENT.next()), None);
        assert_eq!(read(OLD.as_bytes(), SEGMENT), Some(key), "of an earlier box");
    }

    /// Nor does damage make another key of it.
    #[test]
    fn no_bit_of_its_file_costs_a_key() {
        let key = [7; KEY_BYTES];
        let written = Veil { key, segment: SEGMENT }.write();
        let check = |text: &str, places: &mut dyn Iterator<Item = usize>| {
            for place in places {
                let mut bytes = text.as_bytes().to_vec();
                bytes[place] ^= 1 << (place % 8);
                assert_eq!(read(&bytes, SEGMENT), Some(key), "byte {place}");
                let cut = read(&text.as_bytes()[..place], SEGMENT);
                assert!(cut.is_none_or(|found| found == key), "{place} bytes");
            }
        };
        check(OLD, &mut (0..OLD.len()));
        check(&written, &mut (0..GOLDEN.len()));
        check(&written, &mut (BLOCK_BYTES..BLOCK_BYTES + GOLDEN.len()));
        let neither = OLD.replace("4bb06f8e", "4bb06f8f");
        assert_eq!(read(neither.as_bytes(), SEGMENT), None, "neither fits");
        assert_eq!(read(&[0; 168], SEGMENT), None, "written over");
    }

    #[test]
    fn one_bad_block_costs_no_key() {
        let key = [7; KEY_BYTES];
        let written = Veil { key, segment: SEGMENT }.write().into_bytes();
        for block in 0..2 {
            let mut bytes = written.clone();
            bytes[block * BLOCK_BYTES..][..BLOCK_BYTES].fill(0);
            assert_eq!(read(&bytes, SEGMENT), Some(key), "block {block}");
        }
        assert_eq!(read(&vec![0; 2 * BLOCK_BYTES], SEGMENT), None, "both");
    }
}
