//! A sealed file in pieces: the library sees no byte of it that was not compared with what is signed.

use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::sync::{Mutex, PoisonError};

use bytes::{Bytes, buf};
use parquet::errors::ParquetError;
use parquet::file::reader::{ChunkReader, Length};

use crate::crypt::{CryptError, Identity, unlock};
use crate::hash::Hash;
use crate::seal::{Form, Seal, Tail};
use crate::table::TableError;

/// Most bytes of a file that is read at once: no sealed file, nor a piece of one, is larger.
const BYTES_MAX: u64 = 256 << 20;
/// What is read of the beginning of an encrypted file at once: its header, which has some hundred bytes for each reader.
const HEADER_BYTES: usize = 2 << 10;

/// A sealed file, wherever it lies.
pub trait FileBytes: Send {
    /// Fills the buffer with the bytes from this place on.
    ///
    /// # Errors
    /// They are not there, or cannot be read.
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<()>;
}

impl FileBytes for Vec<u8> {
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        let start = usize::try_from(offset).ok();
        let part = start.and_then(|start| self.get(start..start.checked_add(buffer.len())?));
        buffer.copy_from_slice(part.ok_or(io::ErrorKind::UnexpectedEof)?);
        Ok(())
    }
}

/// How many bytes of a file one hash of its chart is for: less than age decrypts at once, so that no byte more than is needed
/// is compared.
pub(crate) const BLOCK_BYTES: u64 = 16 << 10;

/// A part of a table that is in memory, and was compared.
#[derive(Clone, Debug)]
pub(crate) struct Stretch {
    at: u64,
    bytes: Bytes,
}

/// A table of which the end is in memory, and the way to the rest.
pub(crate) struct Pieces {
    tail: Stretch,
    /// Where the rest is; nowhere for a table that is in memory as a whole.
    plain: Option<Mutex<Box<dyn Plain>>>,
}

/// A table, decrypted where it was encrypted.
pub(crate) trait Plain: Read + Seek + Send {}

impl<T: Read + Seek + Send> Plain for T {}

impl Pieces {
    /// All of a table.
    pub(crate) fn whole(table: Vec<u8>) -> Self {
        Self::new(0, Bytes::from(table), None)
    }

    /// The end of a sealed table, and the way to the rest; `None` where it is encrypted to others.
    pub(crate) fn open(
        seal: &Seal,
        file: impl FileBytes + 'static,
        identities: &[Identity],
    ) -> Result<Option<Self>, TableError> {
        if seal.file.form == Form::Encrypted && identities.is_empty() {
            return Ok(None);
        }
        let length = seal.file.bytes;
        // A seal of before there were tails.
        let tail = seal.tail.unwrap_or(Tail { at: 0, bytes: length, hash: seal.file.hash });
        let file_at = length.checked_sub(tail.bytes).ok_or(TableError::Changed)?;
        let bytes = read_range(&file, file_at, tail.bytes)?;
        if Hash::of(&bytes) != tail.hash {
            return Err(TableError::Changed);
        }
        let bytes = Bytes::from(bytes);
        let sealed = SealedBytes { file, length, tail_at: file_at, tail: bytes.clone(), position: 0 };
        match seal.file.form {
            Form::Plain => Ok(Some(Self::new(tail.at, bytes, Some(Box::new(sealed))))),
            Form::Encrypted => {
                let reader = BufReader::with_capacity(HEADER_BYTES, sealed);
                let Some(mut plain) = unlock(reader, identities)? else { return Ok(None) };
                let mut bytes = Vec::new();
                plain.seek(SeekFrom::Start(tail.at)).map_err(decrypt_error)?;
                plain.by_ref().take(BYTES_MAX).read_to_end(&mut bytes).map_err(decrypt_error)?;
                Ok(Some(Self::new(tail.at, Bytes::from(bytes), Some(Box::new(plain)))))
            }
        }
    }

    fn new(at: u64, bytes: Bytes, plain: Option<Box<dyn Plain>>) -> Self {
        Self { tail: Stretch { at, bytes }, plain: plain.map(Mutex::new) }
    }

    /// Whether all of it is in memory.
    pub(crate) fn is_whole(&self) -> bool {
        self.tail.at == 0
    }

    /// How long the table is.
    pub(crate) fn length(&self) -> u64 {
        self.tail.len()
    }

    /// The table's end.
    pub(crate) fn tail(&self) -> &Stretch {
        &self.tail
    }

    /// Some bytes that have this hash.
    pub(crate) fn read(&self, at: u64, length: u64, hash: Hash) -> Result<Stretch, TableError> {
        if let Some(part) = self.tail.part(at, length) {
            return Ok(part);
        }
        let stretch = self.read_uncompared(at, length)?;
        if Hash::of(&stretch.bytes) == hash { Ok(stretch) } else { Err(TableError::Changed) }
    }

    /// Some bytes, of which each whole block is compared. The last block is as long as what all the hashes are for, `end` bytes.
    pub(crate) fn read_blocks(
        &self,
        at: u64,
        length: u64,
        (hashes, end): (&[Hash], u64),
    ) -> Result<Stretch, TableError> {
        if let Some(part) = self.tail.part(at, length) {
            return Ok(part);
        }
        let beyond = || TableError::Layout("something reaches beyond what is compared");
        let first = at / BLOCK_BYTES;
        let until = at.checked_add(length).filter(|until| *until <= end).ok_or_else(beyond)?;
        let start = first.saturating_mul(BLOCK_BYTES);
        let stop = until.div_ceil(BLOCK_BYTES).saturating_mul(BLOCK_BYTES).min(end);
        let blocks = self.read_uncompared(start, stop.saturating_sub(start))?;
        let hashes = usize::try_from(first).ok().and_then(|first| hashes.get(first..)).ok_or_else(beyond)?;
        let pieces = blocks.bytes.chunks(usize::try_from(BLOCK_BYTES).unwrap_or(usize::MAX));
        let mut hashes = hashes.iter();
        for piece in pieces {
            let hash = hashes.next().ok_or_else(beyond)?;
            if Hash::of(piece) != *hash {
                return Err(TableError::Changed);
            }
        }
        blocks.part(at, length).ok_or_else(beyond)
    }

    /// Some bytes that nobody compares here: for whoever compares the whole file.
    pub(crate) fn read_uncompared(&self, at: u64, length: u64) -> Result<Stretch, TableError> {
        if let Some(part) = self.tail.part(at, length) {
            return Ok(part);
        }
        let plain = self.plain.as_ref().ok_or(TableError::Layout("something points beyond its end"))?;
        let mut bytes = vec![0; bounded(length)?];
        let mut plain = plain.lock().unwrap_or_else(PoisonError::into_inner);
        plain.seek(SeekFrom::Start(at)).map_err(decrypt_error)?;
        plain.read_exact(&mut bytes).map_err(decrypt_error)?;
        Ok(Stretch { at, bytes: Bytes::from(bytes) })
    }
}

impl Stretch {
    /// Where it begins in the table.
    pub(crate) fn at(&self) -> u64 {
        self.at
    }

    /// Its bytes.
    pub(crate) fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// The part of it from this place of the table on, so long.
    pub(crate) fn part(&self, at: u64, length: u64) -> Option<Self> {
        let rest = from(self.at, &self.bytes, at)?;
        let length = usize::try_from(length).ok()?;
        (length <= rest.len()).then(|| Self { at, bytes: rest.slice(..length) })
    }

    /// This, and what follows it.
    pub(crate) fn and(self, next: &Self) -> Result<Self, TableError> {
        if self.len() != next.at {
            return Err(TableError::Layout("its end is elsewhere"));
        }
        Ok(Self { at: self.at, bytes: Bytes::from([&*self.bytes, &*next.bytes].concat()) })
    }
}

/// The part of a piece from this place on, where the place is in it.
fn from(piece_at: u64, piece: &Bytes, at: u64) -> Option<Bytes> {
    let start = usize::try_from(at.checked_sub(piece_at)?).ok()?;
    (start <= piece.len()).then(|| piece.slice(start..))
}

fn bounded(length: u64) -> Result<usize, TableError> {
    let bounded = usize::try_from(length).ok().filter(|_| length <= BYTES_MAX);
    bounded.ok_or(TableError::Layout("a piece of it is too long"))
}

fn read_range(file: &impl FileBytes, at: u64, length: u64) -> Result<Vec<u8>, TableError> {
    let mut bytes = vec![0; bounded(length)?];
    match file.read_at(at, &mut bytes) {
        Ok(()) => Ok(bytes),
        // It was cut.
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Err(TableError::Changed),
        Err(error) => Err(error.into()),
    }
}

/// The library says that something was not encrypted so as an error of reading.
fn decrypt_error(error: io::Error) -> TableError {
    if error.kind() == io::ErrorKind::InvalidData {
        CryptError::Decrypt(error.to_string()).into()
    } else if error.kind() == io::ErrorKind::UnexpectedEof {
        TableError::Changed
    } else {
        error.into()
    }
}

/// As long as the table up to its end: places are those of the table.
impl Length for Stretch {
    fn len(&self) -> u64 {
        self.at.saturating_add(self.bytes.len() as u64)
    }
}

impl ChunkReader for Stretch {
    type T = buf::Reader<Bytes>;

    fn get_read(&self, start: u64) -> Result<Self::T, ParquetError> {
        let bytes = from(self.at, &self.bytes, start);
        let missing = || ParquetError::EOF("something points to where nothing was read".to_owned());
        bytes.map(bytes::Buf::reader).ok_or_else(missing)
    }

    fn get_bytes(&self, start: u64, length: usize) -> Result<Bytes, ParquetError> {
        let missing = || ParquetError::EOF("something reaches beyond what was read".to_owned());
        self.part(start, length as u64).map(|part| part.bytes).ok_or_else(missing)
    }
}

/// The bytes of a sealed file; those of its end from memory, where they were compared.
struct SealedBytes<F> {
    file: F,
    length: u64,
    tail_at: u64,
    tail: Bytes,
    position: u64,
}

impl<F: FileBytes> Read for SealedBytes<F> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let room = buffer.len() as u64;
        let length = if let Some(tail) = from(self.tail_at, &self.tail, self.position) {
            let length = tail.len().min(buffer.len());
            let (into, from) = (buffer.get_mut(..length), tail.get(..length));
            into.zip(from).map_or(0, |(into, from)| {
                into.copy_from_slice(from);
                length
            })
        } else {
            let until_tail = self.tail_at.min(self.length).saturating_sub(self.position);
            let length = usize::try_from(until_tail.min(room)).unwrap_or(0);
            let Some(into) = buffer.get_mut(..length) else { return Ok(0) };
            self.file.read_at(self.position, into)?;
            length
        };
        self.position = self.position.saturating_add(length as u64);
        Ok(length)
    }
}

impl<F: FileBytes> Seek for SealedBytes<F> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let position = match to {
            SeekFrom::Start(position) => Some(position),
            SeekFrom::Current(by) => self.position.checked_add_signed(by),
            SeekFrom::End(by) => self.length.checked_add_signed(by),
        };
        self.position = position.ok_or(io::ErrorKind::InvalidInput)?;
        Ok(self.position)
    }
}
