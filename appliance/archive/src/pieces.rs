//! A sealed file in pieces: the library sees no byte of it that was not compared with what is signed.

use std::cell::RefCell;
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::sync::{Mutex, PoisonError};

use bytes::{Bytes, buf};
use parquet::errors::ParquetError;
use parquet::file::reader::{ChunkReader, Length};

use crate::crypt::{Identity, PIECE_BYTES, PieceKey};
use crate::hash::Hash;
use crate::seal::{Form, Seal, Tail};
use crate::table::TableError;

/// Most bytes of a file that is read at once: no sealed file, nor a piece of one, is larger.
const BYTES_MAX: u64 = 256 << 20;
/// What is read of the beginning of an encrypted file at once: its header, which has some hundred bytes for each reader.
const HEADER_BYTES: usize = 2 << 10;

/// Most rooms that a thread keeps for what it reads next, ...
const ROOMS_MAX: usize = 8;
/// ... and most bytes of each: a group of rows is shorter.
const ROOM_BYTES_MAX: usize = 1 << 20;

thread_local! {
    /// Rooms that nobody uses any more. Each file needs some: from the system they come as pages that have to be filled with zeros first.
    static ROOMS: RefCell<Vec<Vec<u8>>> = const { RefCell::new(Vec::new()) };
}

/// Room for bytes that are read. It goes back to the thread that drops it.
struct Room(Vec<u8>);

impl Room {
    /// Room for so many bytes, whatever was in it before.
    fn new(length: u64) -> Result<Self, TableError> {
        let length = bounded(length)?;
        let mut bytes = ROOMS.with_borrow_mut(Vec::pop).unwrap_or_default();
        bytes.resize(length, 0);
        Ok(Self(bytes))
    }

    fn into_bytes(self) -> Bytes {
        Bytes::from_owner(self)
    }
}

impl AsRef<[u8]> for Room {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        let bytes = std::mem::take(&mut self.0);
        let keep = |rooms: &RefCell<Vec<Vec<u8>>>| {
            let mut rooms = rooms.borrow_mut();
            if bytes.capacity() <= ROOM_BYTES_MAX && rooms.len() < ROOMS_MAX {
                rooms.push(bytes);
            }
        };
        // A thread that ends keeps nothing.
        ROOMS.try_with(keep).ok();
    }
}

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
    /// The end, and what stands before it in the same piece: that was compared and decrypted with it.
    around: Option<Stretch>,
    /// Where the rest is; nowhere for a table that is in memory as a whole.
    rest: Option<Mutex<Rest>>,
}

impl Pieces {
    /// All of a table.
    pub(crate) fn whole(table: Vec<u8>) -> Self {
        Self { tail: Stretch { at: 0, bytes: Bytes::from(table) }, around: None, rest: None }
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
        let mut room = Room::new(tail.bytes)?;
        read_at(&file, file_at, &mut room.0)?;
        if Hash::of(&room.0) != tail.hash {
            return Err(TableError::Changed);
        }
        let bytes = room.into_bytes();
        let file = Box::new(file);
        let mut sealed = SealedBytes { file, length, tail_at: file_at, tail: bytes.clone(), position: 0 };
        match seal.file.form {
            Form::Plain => {
                let rest = Some(Rest::new(sealed, None));
                Ok(Some(Self { tail: Stretch { at: tail.at, bytes }, around: None, rest }))
            }
            Form::Encrypted => {
                let header = BufReader::with_capacity(HEADER_BYTES, &mut sealed);
                let Some(key) = PieceKey::unlock(header, identities)? else { return Ok(None) };
                Self::open_encrypted(sealed, key, tail.at).map(Some)
            }
        }
    }

    fn open_encrypted(sealed: SealedBytes, key: PieceKey, tail_at: u64) -> Result<Self, TableError> {
        let length = key.table_bytes(sealed.length).and_then(|bytes| bytes.checked_sub(tail_at));
        let length = length.ok_or(TableError::Changed)?;
        let around = sealed.decrypt(&key, tail_at, length)?;
        let tail = around.part(tail_at, length).ok_or(TableError::Changed)?;
        // Bytes before the end that the seal's hash is not for were compared with nothing.
        let is_compared = key.place_of(tail_at / PIECE_BYTES).is_some_and(|at| at >= sealed.tail_at);
        let around = is_compared.then_some(around);
        Ok(Self { tail, around, rest: Some(Rest::new(sealed, Some(key))) })
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
        let around = self.around.as_ref().unwrap_or(&self.tail);
        if let Some(part) = around.part(at, length) {
            return Ok(part);
        }
        let rest = self.rest.as_ref().ok_or(TableError::Layout("something points beyond its end"))?;
        rest.lock().unwrap_or_else(PoisonError::into_inner).read(at, length)
    }
}

/// The way to what is not in memory.
struct Rest {
    sealed: SealedBytes,
    /// What decrypts it, where it is encrypted.
    key: Option<PieceKey>,
    /// The pieces that were decrypted last: a group of rows begins in the one in which the group before it ends.
    last: Option<Stretch>,
}

impl Rest {
    fn new(sealed: SealedBytes, key: Option<PieceKey>) -> Mutex<Self> {
        Mutex::new(Self { sealed, key, last: None })
    }

    /// Some bytes of the table.
    fn read(&mut self, at: u64, length: u64) -> Result<Stretch, TableError> {
        let Some(key) = &self.key else {
            let mut room = Room::new(length)?;
            self.sealed.fill(at, &mut room.0)?;
            return Ok(Stretch { at, bytes: room.into_bytes() });
        };
        if let Some(part) = self.last.as_ref().and_then(|last| last.part(at, length)) {
            return Ok(part);
        }
        let until = at.checked_add(length).ok_or(TableError::Changed)?;
        let first = at / PIECE_BYTES * PIECE_BYTES;
        let known = self.last.take().and_then(|last| from(last.at, &last.bytes, first)).unwrap_or_default();
        let known = known.slice(..known.len() - known.len() % usize::try_from(PIECE_BYTES).unwrap_or(1));
        let known = Stretch { at: first, bytes: known };
        let next = self.sealed.decrypt(key, known.len(), until.saturating_sub(known.len()))?;
        let pieces = if known.bytes.is_empty() { next } else { known.and(&next)? };
        let part = pieces.part(at, length).ok_or(TableError::Changed)?;
        self.last = Some(pieces);
        Ok(part)
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

fn read_at(file: &dyn FileBytes, at: u64, into: &mut [u8]) -> Result<(), TableError> {
    match file.read_at(at, into) {
        Ok(()) => Ok(()),
        // It was cut.
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Err(TableError::Changed),
        Err(error) => Err(error.into()),
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
struct SealedBytes {
    file: Box<dyn FileBytes>,
    length: u64,
    tail_at: u64,
    tail: Bytes,
    position: u64,
}

impl SealedBytes {
    /// Fills the buffer with the bytes from this place on.
    fn fill(&self, at: u64, into: &mut [u8]) -> Result<(), TableError> {
        let before = usize::try_from(self.tail_at.saturating_sub(at)).unwrap_or(usize::MAX);
        let (into_file, into_tail) = into.split_at_mut(before.min(into.len()));
        if !into_file.is_empty() {
            read_at(&*self.file, at, into_file)?;
        }
        if !into_tail.is_empty() {
            let tail = from(self.tail_at, &self.tail, at.max(self.tail_at));
            let tail = tail.as_ref().and_then(|tail| tail.get(..into_tail.len()));
            into_tail.copy_from_slice(tail.ok_or(TableError::Changed)?);
        }
        Ok(())
    }

    /// Whole pieces of the table, in which these bytes are.
    fn decrypt(&self, key: &PieceKey, at: u64, length: u64) -> Result<Stretch, TableError> {
        let first = at / PIECE_BYTES;
        let end = at.checked_add(length).ok_or(TableError::Changed)?.div_ceil(PIECE_BYTES).max(first + 1);
        let places = key.place_of(first).zip(key.place_of(end));
        let (start, end) = places.ok_or(TableError::Changed)?;
        let sealed_bytes = end.min(self.length).checked_sub(start).ok_or(TableError::Changed)?;
        let mut room = Room::new(sealed_bytes)?;
        self.fill(start, &mut room.0)?;
        let opened = key.open(first, self.length, &mut room.0)?;
        room.0.truncate(opened);
        Ok(Stretch { at: first * PIECE_BYTES, bytes: room.into_bytes() })
    }
}

impl Read for SealedBytes {
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

impl Seek for SealedBytes {
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

#[cfg(test)]
mod tests {
    use std::sync::LazyLock;

    use journal::Tally;
    use proptest::prelude::*;

    use super::*;
    use crate::crypt::{encrypt, sealed_tail_bytes};
    use crate::seal::SealedFile;

    /// A table of four pieces, the last one short; encrypted to two readers, of whom the second one reads it.
    static FILES: LazyLock<(Vec<u8>, Vec<u8>, Identity)> = LazyLock::new(|| {
        let length = 3 * u32::try_from(PIECE_BYTES).unwrap() + 5_000;
        let table: Vec<u8> = (0..length).map(|at| at.wrapping_mul(2_654_435_761).to_le_bytes()[3]).collect();
        let reader = Identity::generate();
        let file = encrypt(&table, &[Identity::generate().reader(), reader.reader()]).unwrap();
        (table, file, reader)
    });

    /// A seal whose search begins at this place of the table.
    fn seal(form: Form, file: &[u8], at: u64, bytes: u64) -> Seal {
        let sealed = SealedFile { form, bytes: file.len() as u64, hash: Hash::of(file), rows: 0 };
        let hash = Hash::of(&file[file.len() - usize::try_from(bytes).unwrap()..]);
        let seal = Seal::new(&Tally::default(), 0, (1, 1), "2026-11-23".to_owned(), sealed);
        Seal { tail: Some(Tail { at, bytes, hash }), ..seal }
    }

    fn open(form: Form, at: u64) -> Pieces {
        let (table, file, reader) = &*FILES;
        let (file, bytes) = match form {
            Form::Plain => (table, table.len() as u64 - at),
            Form::Encrypted => (file, sealed_tail_bytes(table.len() as u64, at)),
        };
        let seal = seal(form, file, at, bytes);
        Pieces::open(&seal, file.clone(), std::slice::from_ref(reader)).unwrap().unwrap()
    }

    proptest! {
        /// In whatever order, beginning wherever.
        #[test]
        fn each_part_is_what_was_sealed(
            form in prop::sample::select(vec![Form::Plain, Form::Encrypted]),
            at in any::<prop::sample::Index>(),
            parts in prop::collection::vec((any::<prop::sample::Index>(), 0..150_000_usize), 1..8),
        ) {
            let table = &FILES.0;
            let pieces = open(form, at.index(table.len()) as u64);
            prop_assert_eq!(pieces.length(), table.len() as u64);
            for (start, length) in parts {
                let start = start.index(table.len());
                let end = table.len().min(start + length);
                let part = pieces.read_uncompared(start as u64, (end - start) as u64).unwrap();
                prop_assert_eq!(part.at(), start as u64);
                prop_assert!(part.bytes()[..] == table[start..end], "{}..{}", start, end);
            }
            prop_assert!(pieces.read_uncompared(table.len() as u64 - 1, 2).is_err(), "beyond the end");
        }
    }

    /// What stands before the end in its piece is believed where the seal's hash is for it, and nowhere else.
    #[test]
    fn what_was_not_compared_is_read_again() {
        let (table, file, reader) = &*FILES;
        let (length, at) = (table.len() as u64, table.len() as u64 - 100);
        let whole = sealed_tail_bytes(length, at);
        for (bytes, is_compared) in [(whole, true), (whole - 1, false), (200, false)] {
            let seal = seal(Form::Encrypted, file, at, bytes);
            let pieces = Pieces::open(&seal, file.clone(), std::slice::from_ref(reader)).unwrap().unwrap();
            assert_eq!(pieces.around.is_some(), is_compared, "{bytes} bytes");
            assert_eq!(pieces.tail().bytes()[..], table[table.len() - 100..], "{bytes} bytes");
        }
    }
}
