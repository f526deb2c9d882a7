//! A sealed table: rows as an Apache Parquet file with zstd, in the order in which they were recorded.
//!
//! ```text
//! group of rows, group of rows, ...   each: columns, Parquet's own bloom filters
//! sieves                              of all groups, side by side
//! footer                              schema, bounds of columns; last the chart of all this, which a search reads first
//! ```
//! A search reads the chart, then the blocks of the sieves that tell of what it looks for, then the groups that may have
//! something: first the columns that it asks about, then the rest of the rows that match. Parquet's footer is for other
//! programs, and for whoever verifies.

mod chart;
mod doubt;
mod group;
mod guide;
mod outline;
mod pages;
mod probe;
mod words;
mod writer;

use std::io;
use std::ops::ControlFlow;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, OnceLock};

use journal::{ClockTie, HarvestError, Late, SegmentId, Source, Tally, harvest};
use parquet::errors::ParquetError;
use parquet::file::metadata::{ParquetMetaData, ParquetMetaDataReader};
use parquet::schema::types::{SchemaDescPtr, SchemaDescriptor};

use crate::crypt::{CryptError, Identity, sealed_tail_bytes};
use crate::filter::Filter;
use crate::hash::Hash;
use crate::pieces::{FileBytes, Pieces, Stretch};
use crate::reading::{Sealed, clock_tie};
use crate::row::{MADE, NUMBERS, Number, Row, TEXTS, Tell};
use crate::seal::{Form, Seal, Tail};
use crate::table::chart::Chart;
pub use crate::table::doubt::GroupFlaw;
use crate::table::group::Group;
use crate::table::guide::Guide;
use crate::table::outline::Outline;
use crate::table::probe::Probe;
pub(crate) use crate::table::writer::{TableWriter, is_time};

/// Rows of a group that is written: what a search reads, compares, decrypts and decodes for a single one. Smaller groups make
/// files larger: each has dictionaries of its own.
const GROUP_ROWS: usize = 4_096;
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
/// How many columns a sealed table has; that of an extract has some more.
const COLUMNS_MIN: usize = RAW_PLACE + 1;

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
    let tally = harvest_rows(source, segments, after, |row| writer.push(row))?;
    let rows = writer.row_count();
    Ok((writer.finish()?, rows, tally))
}

/// Has all that segments hold above a sequence pushed, row by row, as long as that succeeds. Returns what was counted.
pub(crate) fn harvest_rows<S: Source>(
    source: &S,
    segments: &[SegmentId],
    after: u64,
    mut push: impl FnMut(Row) -> Result<(), TableError>,
) -> Result<Tally, TableError> {
    let mut outcome = Ok(());
    let tally = harvest(source, segments, after, |harvested| {
        for row in Row::of(&harvested) {
            if outcome.is_ok() {
                outcome = push(row);
            }
        }
    })?;
    outcome.map(|()| tally)
}

/// A table that is read.
pub struct Table {
    pieces: Pieces,
    schema: SchemaDescPtr,
    groups: Vec<Outline>,
    chart: Option<Chart>,
    /// Nothing but in tables of before there were charts.
    guide: Guide,
    /// Where what a search reads first begins.
    tail_at: Option<u64>,
}

impl Table {
    /// Opens a table that is in memory.
    ///
    /// # Errors
    /// [`TableError`] where it is no sealed table.
    pub fn open(table: Vec<u8>) -> Result<Self, TableError> {
        survive(|| Self::open_by_footer(Pieces::whole(table)))
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
        let tail = pieces.tail();
        match Chart::read(tail.bytes(), tail.at()) {
            Some(chart) => Self::open_by_chart(pieces, chart).map(Some),
            None => survive(|| Self::open_by_footer(pieces)).map(Some),
        }
    }

    fn open_by_chart(pieces: Pieces, chart: Chart) -> Result<Self, TableError> {
        let columns = chart.groups.first().map_or(COLUMNS_MIN, |group| group.columns.len());
        if chart.groups.iter().any(|group| group.columns.len() != columns) {
            return Err(TableError::Layout("its columns are others"));
        }
        let (schema, tail_at) = (schema_of(columns - COLUMNS_MIN)?, Some(pieces.tail().at()));
        let groups = chart.groups.clone();
        Ok(Self { pieces, schema, groups, chart: Some(chart), guide: Guide::default(), tail_at })
    }

    fn open_by_footer(pieces: Pieces) -> Result<Self, TableError> {
        let metadata = read_footer(pieces.tail())?;
        let groups = outline(&metadata)?;
        let said = metadata.file_metadata().key_value_metadata().into_iter().flatten();
        let said =
            |key: &str| said.clone().find(|said| said.key == key).and_then(|said| said.value.as_deref());
        let guide = Guide::read(said(Guide::KEY).unwrap_or_default()).unwrap_or_default();
        let is_guided = guide.len() == groups.len() || (guide.len() == 0 && pieces.is_whole());
        let text = said(Chart::KEY);
        if !is_guided || (text.is_some() && !pieces.is_whole()) {
            return Err(TableError::Layout("its guide is to other groups"));
        }
        let (mut chart, mut tail_at) = (None, guide.tail_at());
        if let Some(text) = text {
            // Nothing but a chart, word for word, is looked for: what repeats itself would be found slowly.
            let is_chart =
                Chart::read(text.as_bytes(), u64::MAX).is_some_and(|chart| chart.to_string() == text);
            let at = is_chart.then(|| find_last(pieces.tail().bytes(), text.as_bytes())).flatten();
            let at = at.and_then(|at| u64::try_from(at).ok());
            chart = at.and_then(|at| Chart::read(text.as_bytes(), at));
            tail_at = at;
            if chart.as_ref().is_none_or(|chart| chart.groups.len() != groups.len()) {
                return Err(TableError::Layout("its chart is of other groups"));
            }
        }
        let schema = metadata.file_metadata().schema_descr_ptr();
        Ok(Self { pieces, schema, groups, chart, guide, tail_at })
    }

    /// How many rows there are.
    #[must_use]
    pub fn row_count(&self) -> u64 {
        self.groups.iter().map(|group| u64::try_from(group.rows).unwrap_or(0)).sum()
    }

    /// All rows of a group, by its place, whatever the file says of them; `None` after the last one.
    pub(crate) fn read_rows(&self, place: usize) -> Result<Option<Vec<Row>>, TableError> {
        let Some(outline) = self.groups.get(place) else { return Ok(None) };
        let mut rows = Vec::new();
        self.read_batches(place, outline, |batch| {
            rows.extend(batch);
            Ok(())
        })?;
        Ok(Some(rows))
    }

    /// The same, of which only some are in memory at once.
    fn read_batches(
        &self,
        place: usize,
        outline: &Outline,
        mut each: impl FnMut(Vec<Row>) -> Result<(), TableError>,
    ) -> Result<(), TableError> {
        let group = Group::doubted(outline, &self.schema, self.load(place, outline)?);
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
        let at = self.tail_at?;
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
        let probe = Probe::new(&self.pieces, self.chart.as_ref(), &self.guide);
        for (place, outline) in self.groups.iter().enumerate() {
            let tell = tell.filter(|_| !outline.is_certain);
            // What clocks showed that were not right bounds nothing.
            let is_within = || {
                let bounds = [Number::Time, Number::LastTime].map(|column| outline.bounds(column));
                // Damage has no time.
                let has_damage = !outline.is_empty(Number::Offset as usize);
                filter.may_be_within(bounds[0], bounds[1]) || (has_damage && filter.is_open())
            };
            if (tell.is_none() && !is_within()) || !probe.may_match(place, outline, filter)? {
                continue;
            }
            let group = Group::new(outline, &self.schema, self.load(place, outline)?);
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
        for (place, outline) in self.groups.iter().enumerate() {
            self.read_batches(place, outline, |rows| {
                rows.into_iter().for_each(&mut each);
                Ok(())
            })?;
        }
        Ok(())
    }

    /// Between which numbers the accesses of earlier seals are of which something is said here.
    pub(crate) fn told_of(&self) -> Vec<(u64, u64)> {
        let told = self.groups.iter().filter(|group| !group.is_empty(Number::Of as usize));
        let bounds = told.map(|group| group.bounds(Number::Of));
        bounds
            .map(|bounds| {
                bounds.map_or((0, u64::MAX), |(least, greatest)| {
                    (least.cast_unsigned(), greatest.cast_unsigned())
                })
            })
            .collect()
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
        for (place, outline) in self.groups.iter().enumerate() {
            if outline.is_empty(Number::Of as usize) {
                continue;
            }
            let group = Group::new(outline, &self.schema, self.load(place, outline)?);
            let flow: ControlFlow<()> = group.read(&group.late()?, |row| {
                each(row);
                ControlFlow::Continue(())
            })?;
            debug_assert!(flow.is_continue());
        }
        Ok(())
    }

    /// The columns of a group.
    fn load(&self, place: usize, outline: &Outline) -> Result<Stretch, TableError> {
        let (at, bytes) = outline.extent();
        match (&self.chart, self.guide.group(place)) {
            _ if self.pieces.is_whole() => Ok(self.pieces.tail().clone()),
            (Some(chart), _) => self.pieces.read_blocks(at, bytes, chart.compared()?),
            (None, Some(landmark)) => self.pieces.read(landmark.at, landmark.bytes, landmark.hash),
            (None, None) => Err(TableError::Layout("nothing tells where a group is")),
        }
    }
}

/// What the footer says in which a table's end ends.
fn read_footer(end: &Stretch) -> Result<ParquetMetaData, TableError> {
    let metadata = ParquetMetaDataReader::new().parse_and_finish(end)?;
    if metadata.num_row_groups() > GROUPS_MAX {
        return Err(TableError::Layout("it has too many groups of rows"));
    }
    let columns = metadata.file_metadata().schema_descr().columns();
    let names = NUMBERS.iter().map(|(_, name)| name).chain(TEXTS.iter().map(|(_, name)| name)).chain([&RAW]);
    let made = MADE.iter().take(columns.len().saturating_sub(COLUMNS_MIN));
    if !columns.iter().map(|column| column.name()).eq(names.chain(made).copied()) {
        return Err(TableError::Layout("its columns are others"));
    }
    Ok(metadata)
}

fn outline(metadata: &ParquetMetaData) -> Result<Vec<Outline>, TableError> {
    metadata.row_groups().iter().map(Outline::of).collect()
}

/// The columns of a table, with so many of an extract's own.
fn schema_of(made: usize) -> Result<SchemaDescPtr, TableError> {
    static SEALED: OnceLock<SchemaDescPtr> = OnceLock::new();
    if let Some(schema) = SEALED.get().filter(|_| made == 0) {
        return Ok(Arc::clone(schema));
    }
    let more = MADE.get(..made).ok_or(TableError::Layout("its columns are others"))?;
    let schema = Arc::new(SchemaDescriptor::new(Arc::new(writer::schema(more)?)));
    if made == 0 {
        SEALED.set(Arc::clone(&schema)).ok();
    }
    Ok(schema)
}

/// Where bytes stand for the last time.
fn find_last(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    let first = wanted.first()?;
    let last = bytes.len().checked_sub(wanted.len())?;
    (0..=last).rev().find(|at| {
        bytes.get(*at) == Some(first) && bytes.get(*at..).is_some_and(|rest| rest.starts_with(wanted))
    })
}

/// The library panics over some damaged bytes. None that the box sealed are such, but whoever searches a copy may be given
/// anything.
fn survive<T>(read: impl FnOnce() -> Result<T, TableError>) -> Result<T, TableError> {
    catch_unwind(AssertUnwindSafe(read)).unwrap_or(Err(TableError::Layout("its bytes make no sense")))
}
