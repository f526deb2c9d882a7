//! How the blocks of a body are on the disk: with a checksum, or encrypted under a key of the body's own.
//!
//! Bodies that are for everybody have a checksum. A file that each has to be authorised for is encrypted (ChaCha20-Poly1305,
//! RFC 8439): its key is in the memory of the box while it runs, and in the ledgers of the sessions that may read it.

use std::fmt;
use std::ops::Range;

use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};

use crate::record::{BLOCK_BYTES, block_place, check_block, seal_block};

/// Bytes of a key.
pub const KEY_BYTES: usize = 32;
/// Bytes that the encryption adds to a block: its authentication tag.
const TAG_BYTES: usize = 16;

/// The key of one file: chance, and never that of another one.
#[derive(Clone, PartialEq, Eq)]
pub struct FileKey([u8; KEY_BYTES]);

impl FileKey {
    /// The key of these bytes, which nobody can guess.
    #[must_use]
    pub fn new(bytes: [u8; KEY_BYTES]) -> Self {
        Self(bytes)
    }

    pub(crate) fn bytes(&self) -> &[u8; KEY_BYTES] {
        &self.0
    }

    fn cipher(&self) -> Option<LessSafeKey> {
        UnboundKey::new(&CHACHA20_POLY1305, &self.0).ok().map(LessSafeKey::new)
    }
}

impl fmt::Debug for FileKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FileKey(..)")
    }
}

/// How blocks are written and read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sealing {
    /// As they are, each with its checksum.
    Checked,
    /// Encrypted.
    Secret(FileKey),
}

impl Sealing {
    /// Where the bytes of a block are in the file, with what is added to them. `length` is that of the body, where it is known.
    #[must_use]
    pub fn place(&self, block: u64, length: Option<u64>) -> Range<u64> {
        match self {
            Self::Checked => block_place(block, length),
            Self::Secret(_) => {
                let bytes = u64_of(BLOCK_BYTES);
                let start = block.saturating_mul(u64_of(BLOCK_BYTES + TAG_BYTES));
                let before = block.saturating_mul(bytes);
                let left = length.map_or(bytes, |length| length.saturating_sub(before).min(bytes));
                start..start.saturating_add(left).saturating_add(u64_of(TAG_BYTES))
            }
        }
    }

    /// Bytes of the file of a body of this length.
    #[must_use]
    pub fn file_bytes(&self, length: u64) -> u64 {
        match length.checked_sub(1) {
            None => 0,
            Some(last) => self.place(last / u64_of(BLOCK_BYTES), Some(length)).end,
        }
    }

    /// A block as it is written. `None` where it cannot be encrypted, which does not happen.
    #[must_use]
    pub fn seal(&self, block: u64, bytes: &[u8]) -> Option<Vec<u8>> {
        match self {
            Self::Checked => Some(seal_block(block, bytes)),
            Self::Secret(key) => {
                let mut sealed = bytes.to_vec();
                key.cipher()?.seal_in_place_append_tag(nonce(block), Aad::empty(), &mut sealed).ok()?;
                Some(sealed)
            }
        }
    }

    /// Opens a block that was read, in its place: its bytes are the first ones then, so many. `None` where they are not what was
    /// written there.
    #[must_use]
    pub fn open(&self, block: u64, sealed: &mut [u8]) -> Option<usize> {
        match self {
            Self::Checked => check_block(block, sealed).map(<[u8]>::len),
            Self::Secret(key) => {
                let opened = key.cipher()?.open_in_place(nonce(block), Aad::empty(), sealed);
                opened.ok().map(|bytes| bytes.len())
            }
        }
    }
}

/// The number of the block: a key is for one file, and a block of it is never written with other bytes.
fn nonce(block: u64) -> Nonce {
    let mut bytes = [0; NONCE_LEN];
    if let Some(place) = bytes.first_chunk_mut() {
        *place = block.to_le_bytes();
    }
    Nonce::assume_unique_for_key(bytes)
}

fn u64_of(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret(byte: u8) -> Sealing {
        Sealing::Secret(FileKey::new([byte; KEY_BYTES]))
    }

    fn open(sealing: &Sealing, block: u64, sealed: &[u8]) -> Option<Vec<u8>> {
        let mut sealed = sealed.to_vec();
        let count = sealing.open(block, &mut sealed)?;
        Some(sealed[..count].to_vec())
    }

    #[test]
    fn a_block_is_read_as_it_was_written_and_no_other_way() {
        let bytes = b"Lina a 17 en dictee".to_vec();
        for sealing in [Sealing::Checked, secret(1)] {
            let sealed = sealing.seal(3, &bytes).unwrap();
            assert_eq!(open(&sealing, 3, &sealed), Some(bytes.clone()));
            assert_eq!(open(&sealing, 4, &sealed), None, "in another one's place");
            for place in 0..sealed.len() {
                let mut flipped = sealed.clone();
                flipped[place] ^= 1;
                assert_eq!(open(&sealing, 3, &flipped), None, "{place}");
                assert_eq!(open(&sealing, 3, &sealed[..place]), None, "{place}");
            }
            assert_eq!(open(&sealing, 0, &[0; BLOCK_BYTES]), None, "a hole in the file");
        }
    }

    #[test]
    fn without_the_key_there_is_nothing() {
        let bytes = b"Lina a 17 en dictee".to_vec();
        let sealed = secret(1).seal(0, &bytes).unwrap();
        assert!(!sealed.windows(4).any(|part| part == b"Lina"));
        assert_eq!(open(&secret(2), 0, &sealed), None);
        assert_eq!(format!("{:?}", FileKey::new([7; KEY_BYTES])), "FileKey(..)");
    }

    #[test]
    fn blocks_follow_each_other() {
        let block = u64::try_from(BLOCK_BYTES).unwrap();
        for (sealing, added) in [(Sealing::Checked, 8), (secret(1), 16)] {
            assert_eq!(
                sealing.place(2, Some(2 * block + 5)),
                2 * (block + added)..2 * (block + added) + 5 + added
            );
            assert_eq!(sealing.file_bytes(block + 1), block + added + 1 + added);
            assert_eq!(sealing.file_bytes(0), 0);
        }
    }
}
