//! A sealed table: rows as an Apache Parquet file with zstd, in the order in which they were recorded.
//!
//! Each group of rows has the least and the greatest value of each column, and bloom filters of devices and hosts: a
//! search reads the columns that it asks about, in the groups that may have something, and the rest of the rows that
//! match only.

use std::ops::ControlFlow;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use bytes::Bytes;
use journal::{HarvestError, Late, SegmentId, Source, Tally, harvest};
use parquet::basic::{
    Compression, Encoding, LogicalType, Repetition, TimeUnit, Type as PhysicalType, ZstdLevel,
};
use parquet::column::reader::{ColumnReader, ColumnReaderImpl};
use parquet::data_type::{ByteArray, ByteArrayType, DataType, Int64Type};
use parquet::errors::ParquetError;
use parquet::file::metadata::{RowGroupMetaData, SortingColumn};
use parquet::file::properties::{EnabledStatistics, ReaderProperties, WriterProperties};
use parquet::file::reader::{FileReader, RowGroupReader};
use parquet::file::serialized_reader::{ReadOptionsBuilder, SerializedFileReader};
use parquet::file::statistics::Statistics;
use parquet::file::writer::{SerializedFileWriter, SerializedRowGroupWriter};
use parquet::schema::types::{ColumnPath, Type};

use crate::filter::Filter;
use crate::reading::Sealed;
use crate::row::{NUMBERS, Number, Row, TEXTS, Text};

/// Rows of a group: what is decoded at once, by the writer and by a search. A reader takes no larger ones: a forged file
/// can promise any number of rows in a few bytes.
const GROUP_ROWS: usize = 32_768;
/// Most groups of a file that is read: what a sealed file of the largest size has, many times over.
const GROUPS_MAX: usize = 4_096;
/// Most distinct values that a bloom filter is made for; fewer make it smaller.
const BLOOM_VALUES_MAX: u64 = GROUP_ROWS as u64;
/// How often a bloom filter says wrongly that a group may have a value.
const BLOOM_FALSE: f64 = 0.01;
/// zstd's default. Higher ones take twice the time for a twentieth of the size.
const ZSTD_LEVEL: i32 = 3;
/// The column of bytes, after those of numbers and of texts.
const RAW: &str = "raw";
const RAW_PLACE: usize = NUMBERS.len() + TEXTS.len();
/// Columns with bloom filters.
const BLOOMS: [Text; 4] = [Text::Device, Text::Mac, Text::Host, Text::Site];
/// What the file says of who wrote it. Without a version: the same records give the same bytes.
const CREATED_BY: &str = "preau";

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
    let rows = writer.count;
    Ok((writer.finish()?, rows, tally))
}

/// A table that is being written.
pub(crate) struct TableWriter {
    writer: SerializedFileWriter<Vec<u8>>,
    rows: Vec<Row>,
    count: u64,
}

impl TableWriter {
    pub(crate) fn new() -> Result<Self, TableError> {
        let schema = Arc::new(schema()?);
        let writer = SerializedFileWriter::new(Vec::new(), schema, Arc::new(properties()?))?;
        Ok(Self { writer, rows: Vec::new(), count: 0 })
    }

    pub(crate) fn push(&mut self, row: Row) -> Result<(), TableError> {
        self.rows.push(row);
        self.count += 1;
        if self.rows.len() >= GROUP_ROWS { self.write_group() } else { Ok(()) }
    }

    /// The whole file.
    pub(crate) fn finish(mut self) -> Result<Vec<u8>, TableError> {
        self.write_group()?;
        Ok(self.writer.into_inner()?)
    }

    fn write_group(&mut self) -> Result<(), TableError> {
        if self.rows.is_empty() {
            return Ok(());
        }
        let rows = std::mem::take(&mut self.rows);
        let mut group = self.writer.next_row_group()?;
        for (column, _) in NUMBERS {
            write_column::<Int64Type>(&mut group, &rows, |row| row.number(*column))?;
        }
        for (column, _) in TEXTS {
            write_column::<ByteArrayType>(&mut group, &rows, |row| row.text(*column).map(ByteArray::from))?;
        }
        write_column::<ByteArrayType>(&mut group, &rows, |row| row.raw.clone().map(ByteArray::from))?;
        group.close()?;
        Ok(())
    }
}

fn write_column<T: DataType>(
    group: &mut SerializedRowGroupWriter<'_, Vec<u8>>,
    rows: &[Row],
    value: impl Fn(&Row) -> Option<T::T>,
) -> Result<(), TableError> {
    let mut column = group.next_column()?.ok_or(TableError::Layout("it has too few columns"))?;
    let cells: Vec<_> = rows.iter().map(value).collect();
    let levels: Vec<i16> = cells.iter().map(|cell| cell.is_some().into()).collect();
    let values: Vec<T::T> = cells.into_iter().flatten().collect();
    column.typed::<T>().write_batch(&values, Some(&levels), None)?;
    column.close()?;
    Ok(())
}

fn schema() -> Result<Type, ParquetError> {
    let optional = |name: &str, physical: PhysicalType, logical: Option<LogicalType>| {
        let column = Type::primitive_type_builder(name, physical);
        column.with_repetition(Repetition::OPTIONAL).with_logical_type(logical).build().map(Arc::new)
    };
    let mut columns = Vec::new();
    for (column, name) in NUMBERS {
        let instant = LogicalType::timestamp(true, TimeUnit::MILLIS);
        columns.push(optional(name, PhysicalType::INT64, is_time(*column).then_some(instant))?);
    }
    for (_, name) in TEXTS {
        columns.push(optional(name, PhysicalType::BYTE_ARRAY, Some(LogicalType::String))?);
    }
    columns.push(optional(RAW, PhysicalType::BYTE_ARRAY, None)?);
    Type::group_type_builder("journal").with_fields(columns).build()
}

pub(crate) fn is_time(column: Number) -> bool {
    match column {
        Number::Time | Number::LastTime | Number::Until | Number::EndTime | Number::From => true,
        Number::Sequence
        | Number::Of
        | Number::BytesUp
        | Number::BytesDown
        | Number::DurationMs
        | Number::Count
        | Number::Override
        | Number::Segment
        | Number::Offset => false,
    }
}

fn properties() -> Result<WriterProperties, ParquetError> {
    let mut properties = WriterProperties::builder()
        .set_created_by(CREATED_BY.to_owned())
        .set_compression(Compression::ZSTD(ZstdLevel::try_new(ZSTD_LEVEL)?))
        .set_max_row_group_row_count(Some(GROUP_ROWS))
        .set_statistics_enabled(EnabledStatistics::Chunk)
        .set_offset_index_disabled(true)
        .set_sorting_columns(Some(vec![SortingColumn {
            column_idx: 0,
            descending: false,
            nulls_first: false,
        }]))
        .set_column_dictionary_enabled(ColumnPath::from(RAW), false)
        .set_column_statistics_enabled(ColumnPath::from(RAW), EnabledStatistics::None);
    for (_, name) in NUMBERS {
        let column = ColumnPath::from(*name);
        properties = properties
            .set_column_dictionary_enabled(column.clone(), false)
            .set_column_encoding(column, Encoding::DELTA_BINARY_PACKED);
    }
    for (_, name) in TEXTS.iter().filter(|(column, _)| BLOOMS.contains(column)) {
        let column = ColumnPath::from(*name);
        properties = properties
            .set_column_bloom_filter_max_ndv(column.clone(), BLOOM_VALUES_MAX)
            .set_column_bloom_filter_fpp(column, BLOOM_FALSE);
    }
    Ok(properties.build())
}

/// A table that is read.
pub struct Table {
    reader: SerializedFileReader<Bytes>,
}

impl Table {
    /// Opens a file.
    ///
    /// # Errors
    /// [`TableError`] where it is no sealed table.
    pub fn open(file: Vec<u8>) -> Result<Self, TableError> {
        survive(|| Self::open_unguarded(file))
    }

    fn open_unguarded(file: Vec<u8>) -> Result<Self, TableError> {
        let properties = ReaderProperties::builder().set_read_bloom_filter(true).build();
        let options = ReadOptionsBuilder::new().with_reader_properties(properties).build();
        let reader = SerializedFileReader::new_with_options(Bytes::from(file), options)?;
        let metadata = reader.metadata();
        if metadata.num_row_groups() > GROUPS_MAX {
            return Err(TableError::Layout("it has too many groups of rows"));
        }
        let is_group_too_large = |group: &RowGroupMetaData| {
            usize::try_from(group.num_rows()).map_or(true, |rows| rows > GROUP_ROWS)
        };
        if metadata.row_groups().iter().any(is_group_too_large) {
            return Err(TableError::Layout("a group has too many rows"));
        }
        let columns = metadata.file_metadata().schema_descr().columns();
        let names =
            NUMBERS.iter().map(|(_, name)| name).chain(TEXTS.iter().map(|(_, name)| name)).chain([&RAW]);
        if !columns.iter().map(|column| column.name()).eq(names.copied()) {
            return Err(TableError::Layout("its columns are others"));
        }
        Ok(Self { reader })
    }

    /// How many rows there are.
    #[must_use]
    pub fn row_count(&self) -> u64 {
        let groups = self.reader.metadata().row_groups().iter();
        groups.map(|group| u64::try_from(group.num_rows()).unwrap_or(0)).sum()
    }

    /// Gives out the rows that match, in their order, until `each` breaks.
    ///
    /// # Errors
    /// [`TableError`].
    pub fn search(
        &self,
        filter: &Filter,
        mut each: impl FnMut(Sealed) -> ControlFlow<()>,
    ) -> Result<ControlFlow<()>, TableError> {
        for place in 0..self.reader.metadata().num_row_groups() {
            let group = survive(|| Ok(self.reader.get_row_group(place)?))?;
            if !may_match(&*group, filter) {
                continue;
            }
            let rows = read_group(&*group, None, Columns::Asked(filter))?;
            let is_match: Vec<bool> = rows.iter().map(|row| filter.matches(row)).collect();
            drop(rows);
            if !is_match.contains(&true) {
                continue;
            }
            for row in read_group(&*group, Some(&is_match), Columns::All)? {
                if each(Sealed::of(row)).is_break() {
                    return Ok(ControlFlow::Break(()));
                }
            }
        }
        Ok(ControlFlow::Continue(()))
    }

    /// Gives out all rows as they are.
    ///
    /// # Errors
    /// [`TableError`].
    pub(crate) fn each_row(&self, mut each: impl FnMut(Row)) -> Result<(), TableError> {
        for place in 0..self.reader.metadata().num_row_groups() {
            let group = survive(|| Ok(self.reader.get_row_group(place)?))?;
            read_group(&*group, None, Columns::All)?.into_iter().for_each(&mut each);
        }
        Ok(())
    }

    /// Gives out what is said of accesses of earlier seals.
    ///
    /// # Errors
    /// [`TableError`].
    pub fn read_late(&self, mut each: impl FnMut(Late)) -> Result<(), TableError> {
        for place in 0..self.reader.metadata().num_row_groups() {
            let group = survive(|| Ok(self.reader.get_row_group(place)?))?;
            let of = group.metadata().column(Number::Of as usize).statistics();
            if of.and_then(Statistics::null_count_opt) == u64::try_from(group.metadata().num_rows()).ok() {
                continue;
            }
            let rows = read_group(&*group, None, Columns::Of)?;
            let is_late: Vec<bool> = rows.iter().map(|row| row.number(Number::Of).is_some()).collect();
            for row in read_group(&*group, Some(&is_late), Columns::All)? {
                if let Sealed::Late(late) = Sealed::of(row) {
                    each(late);
                }
            }
        }
        Ok(())
    }
}

/// Whether statistics and bloom filters leave it open that a group has matching rows.
fn may_match(group: &dyn RowGroupReader, filter: &Filter) -> bool {
    let bounds = |column: Number| match group.metadata().column(column as usize).statistics() {
        Some(Statistics::Int64(bounds)) => Some((*bounds.min_opt()?, *bounds.max_opt()?)),
        Some(_) | None => None,
    };
    let may_have = |column: Text, value: &str| {
        let filter = group.get_column_bloom_filter(NUMBERS.len() + column as usize);
        filter.is_none_or(|filter| filter.check(value))
    };
    filter.may_match(bounds(Number::Time), bounds(Number::LastTime), may_have)
}

/// Which columns are read.
#[derive(Clone, Copy)]
enum Columns<'f> {
    All,
    /// Those that a filter asks for.
    Asked(&'f Filter),
    /// What tells an access that something is said of.
    Of,
}

impl Columns<'_> {
    fn has_number(self, column: Number) -> bool {
        match self {
            Self::All => true,
            Self::Asked(filter) => filter.asks_number(column),
            Self::Of => column == Number::Of,
        }
    }

    fn has_text(self, column: Text) -> bool {
        match self {
            Self::All => true,
            Self::Asked(filter) => filter.asks_text(column),
            Self::Of => false,
        }
    }
}

/// The library panics over some damaged bytes. None that the box sealed are such, but whoever searches a copy may be given
/// anything.
fn survive<T>(read: impl FnOnce() -> Result<T, TableError>) -> Result<T, TableError> {
    catch_unwind(AssertUnwindSafe(read)).unwrap_or(Err(TableError::Layout("its bytes make no sense")))
}

fn read_group(
    group: &dyn RowGroupReader,
    wanted: Option<&[bool]>,
    columns: Columns<'_>,
) -> Result<Vec<Row>, TableError> {
    survive(|| decode_group(group, wanted, columns))
}

/// Reads rows of a group: all, or those that are wanted; with these columns only.
fn decode_group(
    group: &dyn RowGroupReader,
    wanted: Option<&[bool]>,
    columns: Columns<'_>,
) -> Result<Vec<Row>, TableError> {
    let count = usize::try_from(group.metadata().num_rows()).unwrap_or(0);
    let all = vec![true; count];
    let wanted = wanted.unwrap_or(&all);
    let mut rows = vec![Row::default(); wanted.iter().filter(|wanted| **wanted).count()];
    for (place, (column, _)) in
        NUMBERS.iter().enumerate().filter(|(_, (column, _))| columns.has_number(*column))
    {
        let ColumnReader::Int64ColumnReader(reader) = group.get_column_reader(place)? else {
            return Err(TableError::Layout("a column of numbers has something else"));
        };
        let cells = read_column(reader, wanted)?;
        rows.iter_mut().zip(cells).for_each(|(row, cell)| row.put_number(*column, cell));
    }
    for (place, (column, _)) in TEXTS.iter().enumerate().filter(|(_, (column, _))| columns.has_text(*column))
    {
        for (row, cell) in rows.iter_mut().zip(read_bytes(group, NUMBERS.len() + place, wanted)?) {
            let text = cell.as_ref().map(|cell| std::str::from_utf8(cell.data())).transpose();
            let text = text.map_err(|_| TableError::Layout("a text is none"))?;
            row.put_text(*column, text);
        }
    }
    if matches!(columns, Columns::All) {
        for (row, cell) in rows.iter_mut().zip(read_bytes(group, RAW_PLACE, wanted)?) {
            row.raw = cell.map(|cell| cell.data().to_vec());
        }
    }
    Ok(rows)
}

fn read_bytes(
    group: &dyn RowGroupReader,
    place: usize,
    wanted: &[bool],
) -> Result<Vec<Option<ByteArray>>, TableError> {
    let ColumnReader::ByteArrayColumnReader(reader) = group.get_column_reader(place)? else {
        return Err(TableError::Layout("a column of texts has something else"));
    };
    read_column(reader, wanted)
}

/// The cells of the wanted rows of a column.
fn read_column<T: DataType>(
    mut reader: ColumnReaderImpl<T>,
    wanted: &[bool],
) -> Result<Vec<Option<T::T>>, TableError> {
    let mut cells = Vec::new();
    for run in wanted.chunk_by(|one, other| one == other) {
        if run.first() != Some(&true) {
            reader.skip_records(run.len())?;
            continue;
        }
        let (mut levels, mut values) = (Vec::new(), Vec::new());
        let (read, _, _) = reader.read_records(run.len(), Some(&mut levels), None, &mut values)?;
        if read != run.len() {
            return Err(TableError::Layout("a column ends before the others"));
        }
        let mut values = values.into_iter();
        cells.extend(levels.into_iter().map(|level| if level == 1 { values.next() } else { None }));
    }
    Ok(cells)
}
