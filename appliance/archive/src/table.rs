//! A sealed table: rows as an Apache Parquet file with zstd, in the order in which they were recorded.
//!
//! ```text
//! group of rows, group of rows, ...   each: columns, Parquet's own bloom filters
//! sieve, sieve, ...                   one for each group                                \ the tail, which a search
//! footer                              schema, bounds of columns, the guide to all this  / reads first
//! ```
//! A search reads the tail, then the groups that may have something: first the columns that it asks about, then the rest of
//! the rows that match.

mod doubt;
mod group;
mod guide;
mod pages;
mod writer;

use std::io;
use std::ops::ControlFlow;
use std::panic::{AssertUnwindSafe, catch_unwind};

use journal::{ClockTie, HarvestError, Late, SegmentId, Source, Tally, harvest};
use parquet::errors::ParquetError;
use parquet::file::metadata::RowGroupMetaData;
use parquet::file::reader::{FileReader, RowGroupReader};
use parquet::file::serialized_reader::{ReadOptionsBuilder, SerializedFileReader};

use crate::crypt::{CryptError, Identity, sealed_tail_bytes};
use crate::filter::Filter;
use crate::hash::Hash;
use crate::pieces::{FileBytes, Pieces};
use crate::reading::{Sealed, clock_tie};
use crate::row::{MADE, NUMBERS, Number, Row, TEXTS, Tell};
use crate::seal::{Form, Seal, Tail};
use crate::sieve::Sieve;
pub use crate::table::doubt::GroupFlaw;
use crate::table::group::Group;
use crate::table::guide::Guide;
pub(crate) use crate::table::writer::{TableWriter, is_time};

/// Rows of a group that is written: what a search decodes for a single one. Smaller groups make each search read more of
/// every file's end.
const GROUP_ROWS: usize = 16_384;
/// Rows of a page, which a search skips whole where none of them is wanted.
const PAGE_ROWS: usize = 4_096;
/// Most rows of a group that is read, as earlier boxes wrote them: a forged file can promise any number of rows in a few
/// bytes.
const GROUP_ROWS_MAX: usize = 32_768;
/// Most bytes of a column of a group, uncompressed: those of damage, with what it has of them.
const COLUMN_BYTES_MAX: usize = 256 << 20;
/// Most groups of a file that is read: what a sealed file of the largest size has, many times over.
const GROUPS_MAX: usize = 4_096;
/// The column of bytes, after those of numbers and of texts.
const RAW: &str = "raw";
const RAW_PLACE: usize = NUMBERS.len() + TEXTS.len();

/// A table that cannot be written or read.
#[derive(Debug, thiserror::Error)]
pub enum TableError {
    /// The library says so.
    #[error("not a sealed table: {0}")]
    Parquet(#[from] ParquetError),
    /// What should become one cannot be read.
    #[error(transparent)]
    Harvest(#[from] HarvestError),
    /// It is not laid out as one.
    #[error("not a sealed table: {0}")]
    Layout(&'static str),
    /// It is another file, or a part of it is.
    #[error("the file is not what was sealed")]
    Changed,
    /// It cannot be decrypted.
    #[error(transparent)]
    Crypt(#[from] CryptError),
    /// Its file cannot be read.
    #[error("the file cannot be read")]
    Io(#[from] io::Error),
}

/// Writes all that segments hold above a sequence as a table. Returns the file, how many rows it has, and what was counted.
///
/// # Errors
/// [`TableError`].
pub fn write_table<S: Source>(
    source: &S,
    segments: &[SegmentId],
    after: u64,
) -> Result<(Vec<u8>, u64, Tally), TableError> {
    let mut writer = TableWriter::new()?;
    let mut outcome = Ok(());
    let tally = harvest(source, segments, after, |harvested| {
        for row in Row::of(&harvested) {
            if outcome.is_ok() {
                outcome = writer.push(row);
            }
        }
    })?;
    outcome?;
    let rows = writer.row_count();
    Ok((writer.finish()?, rows, tally))
}

/// A table that is read.
pub struct Table {
    pieces: Pieces,
    reader: SerializedFileReader<Pieces>,
    /// Nothing in tables of before there were sieves.
    guide: Guide,
}

impl Table {
    /// Opens a table that is in memory.
    ///
    /// # Errors
    /// [`TableError`] where it is no sealed table.
    pub fn open(table: Vec<u8>) -> Result<Self, TableError> {
        survive(|| Self::open_pieces(Pieces::whole(table)))
    }

    /// Opens a sealed file, of which it reads the end, and later what is asked for; `None` where it is encrypted to others.
    /// All that is read is compared with the seal.
    ///
    /// # Errors
    /// [`TableError`] where it is not what was sealed, or cannot be read.
    pub fn open_sealed(
        seal: &Seal,
        file: impl FileBytes + 'static,
        identities: &[Identity],
    ) -> Result<Option<Self>, TableError> {
        let Some(pieces) = Pieces::open(seal, file, identities)? else { return Ok(None) };
        survive(|| Self::open_pieces(pieces)).map(Some)
    }

    fn open_pieces(pieces: Pieces) -> Result<Self, TableError> {
        let options = ReadOptionsBuilder::new().build();
        let reader = SerializedFileReader::new_with_options(pieces.clone(), options)?;
        let metadata = reader.metadata();
        if metadata.num_row_groups() > GROUPS_MAX {
            return Err(TableError::Layout("it has too many groups of rows"));
        }
        let is_group_too_large = |group: &RowGroupMetaData| {
            usize::try_from(group.num_rows()).map_or(true, |rows| rows > GROUP_ROWS_MAX)
        };
        if metadata.row_groups().iter().any(is_group_too_large) {
            return Err(TableError::Layout("a group has too many rows"));
        }
        let is_column_too_large = |group: &RowGroupMetaData| {
            let bytes_max = i64::try_from(COLUMN_BYTES_MAX).unwrap_or(i64::MAX);
            group.columns().iter().any(|column| column.uncompressed_size() > bytes_max)
        };
        if metadata.row_groups().iter().any(is_column_too_large) {
            return Err(TableError::Layout("a column is too long"));
        }
        let columns = metadata.file_metadata().schema_descr().columns();
        let names =
            NUMBERS.iter().map(|(_, name)| name).chain(TEXTS.iter().map(|(_, name)| name)).chain([&RAW]);
        let made = MADE.iter().take(columns.len().saturating_sub(RAW_PLACE + 1));
        if !columns.iter().map(|column| column.name()).eq(names.chain(made).copied()) {
            return Err(TableError::Layout("its columns are others"));
        }
        let said = metadata.file_metadata().key_value_metadata().into_iter().flatten();
        let text = said.filter(|said| said.key == Guide::KEY).find_map(|said| said.value.as_deref());
        let guide = Guide::read(text.unwrap_or_default()).unwrap_or_default();
        if guide.len() != metadata.num_row_groups() && !(guide.len() == 0 && pieces.is_whole()) {
            return Err(TableError::Layout("its guide is to other groups"));
        }
        Ok(Self { pieces, reader, guide })
    }

    /// How many rows there are.
    #[must_use]
    pub fn row_count(&self) -> u64 {
        let groups = self.reader.metadata().row_groups().iter();
        groups.map(|group| u64::try_from(group.num_rows()).unwrap_or(0)).sum()
    }

    fn group_count(&self) -> usize {
        self.reader.metadata().num_row_groups()
    }

    /// All rows of a group, by its place, whatever the file says of them; `None` after the last one.
    pub(crate) fn read_rows(&self, place: usize) -> Result<Option<Vec<Row>>, TableError> {
        if place >= self.group_count() {
            return Ok(None);
        }
        let mut rows = Vec::new();
        self.read_batches(place, |batch| {
            rows.extend(batch);
            Ok(())
        })?;
        Ok(Some(rows))
    }

    /// The same, of which only some are in memory at once.
    fn read_batches(
        &self,
        place: usize,
        mut each: impl FnMut(Vec<Row>) -> Result<(), TableError>,
    ) -> Result<(), TableError> {
        let reader = self.group(place)?;
        self.load(place)?;
        let group = Group::doubted(&*reader);
        let flow: ControlFlow<()> = group.read_batches(&group.all(), |rows| {
            each(rows)?;
            Ok(ControlFlow::Continue(()))
        })?;
        debug_assert!(flow.is_continue());
        Ok(())
    }

    /// What a seal says of the end of the file that this table, as a whole, became.
    #[must_use]
    pub fn tail(&self, form: Form, file: &[u8]) -> Option<Tail> {
        let at = self.guide.tail_at()?;
        let length = self.pieces.length();
        let bytes = match form {
            Form::Plain => length.checked_sub(at)?,
            Form::Encrypted => sealed_tail_bytes(length, at),
        };
        let start = file.len().checked_sub(usize::try_from(bytes).ok()?)?;
        Some(Tail { at, bytes, hash: Hash::of(file.get(start..)?) })
    }

    /// Gives out the rows that match, in their order, until `each` breaks. Times are what clocks showed.
    ///
    /// # Errors
    /// [`TableError`].
    pub fn search(
        &self,
        filter: &Filter,
        each: impl FnMut(Sealed) -> ControlFlow<()>,
    ) -> Result<ControlFlow<()>, TableError> {
        self.scan(filter, None, each)
    }

    /// The same where something tells when records were made whose clocks were not right.
    pub(crate) fn search_reckoned(
        &self,
        filter: &Filter,
        tell: &Tell<'_>,
        each: impl FnMut(Sealed) -> ControlFlow<()>,
    ) -> Result<ControlFlow<()>, TableError> {
        self.scan(filter, Some(tell), each)
    }

    fn scan(
        &self,
        filter: &Filter,
        tell: Option<&Tell<'_>>,
        mut each: impl FnMut(Sealed) -> ControlFlow<()>,
    ) -> Result<ControlFlow<()>, TableError> {
        for place in 0..self.reader.metadata().num_row_groups() {
            let reader = self.group(place)?;
            let group = Group::new(&*reader);
            let tell = tell.filter(|_| !group.is_certain());
            if !self.may_match(place, &group, filter, tell.is_some())? {
                continue;
            }
            self.load(place)?;
            let wanted = group.screen(filter, tell.is_some())?;
            if !wanted.contains(&true) {
                continue;
            }
            let flow = group.read(&wanted, |row| {
                let when = tell.and_then(|tell| row.when(tell));
                match filter.matches(&row, when) {
                    true => each(Sealed::of(row).made(when)),
                    false => ControlFlow::Continue(()),
                }
            })?;
            if flow.is_break() {
                return Ok(flow);
            }
        }
        Ok(ControlFlow::Continue(()))
    }

    /// Gives out all rows as they are.
    ///
    /// # Errors
    /// [`TableError`].
    pub(crate) fn each_row(&self, mut each: impl FnMut(Row)) -> Result<(), TableError> {
        for place in 0..self.group_count() {
            self.read_batches(place, |rows| {
                rows.into_iter().for_each(&mut each);
                Ok(())
            })?;
        }
        Ok(())
    }

    /// Gives out what is said of accesses of earlier seals.
    ///
    /// # Errors
    /// [`TableError`].
    pub fn read_late(&self, mut each: impl FnMut(Late)) -> Result<(), TableError> {
        self.read_referring(|row| {
            if let Sealed::Late(late) = Sealed::of(row) {
                each(late);
            }
        })
    }

    /// Gives out what ties the clock to the true time.
    ///
    /// # Errors
    /// [`TableError`].
    pub fn read_clock_ties(&self, mut each: impl FnMut(ClockTie)) -> Result<(), TableError> {
        self.read_referring(|row| clock_tie(&row).into_iter().for_each(&mut each))
    }

    /// Gives out the rows that say something of earlier ones.
    fn read_referring(&self, mut each: impl FnMut(Row)) -> Result<(), TableError> {
        for place in 0..self.reader.metadata().num_row_groups() {
            let reader = self.group(place)?;
            let group = Group::new(&*reader);
            if !group.has_late() {
                continue;
            }
            self.load(place)?;
            let flow: ControlFlow<()> = group.read(&group.late()?, |row| {
                each(row);
                ControlFlow::Continue(())
            })?;
            debug_assert!(flow.is_continue());
        }
        Ok(())
    }

    fn group(&self, place: usize) -> Result<Box<dyn RowGroupReader + '_>, TableError> {
        survive(|| Ok(self.reader.get_row_group(place)?))
    }

    /// Brings the bytes of a group into memory.
    fn load(&self, place: usize) -> Result<(), TableError> {
        match self.guide.group(place) {
            Some(landmark) => self.pieces.load(landmark.at, landmark.bytes, landmark.hash),
            None => Ok(()),
        }
    }

    /// Whether bounds and the sieve leave it open that a group has matching rows. What clocks showed that were not right
    /// bounds nothing.
    fn may_match(
        &self,
        place: usize,
        group: &Group<'_>,
        filter: &Filter,
        is_reckoned: bool,
    ) -> Result<bool, TableError> {
        if !is_reckoned && !filter.may_be_within(group.bounds(Number::Time), group.bounds(Number::LastTime)) {
            return Ok(false);
        }
        if !filter.asks_sieve() {
            return Ok(true);
        }
        let Some(landmark) = self.guide.group(place) else { return Ok(true) };
        let bytes = self.pieces.tail(landmark.sieve_at, landmark.sieve_bytes);
        let bytes = bytes.ok_or(TableError::Layout("a sieve is not where the guide says"))?;
        let sieve = survive(|| Ok(Sieve::read(&bytes)?))?;
        Ok(filter.may_match(|of, value| sieve.may_have(of, value)))
    }
}

/// The library panics over some damaged bytes. None that the box sealed are such, but whoever searches a copy may be given
/// anything.
fn survive<T>(read: impl FnOnce() -> Result<T, TableError>) -> Result<T, TableError> {
    catch_unwind(AssertUnwindSafe(read)).unwrap_or(Err(TableError::Layout("its bytes make no sense")))
}
