//! A table that is written.

use std::sync::Arc;

use parquet::basic::{
    Compression, Encoding, LogicalType, Repetition, TimeUnit, Type as PhysicalType, ZstdLevel,
};
use parquet::data_type::{ByteArray, ByteArrayType, DataType, Int64Type};
use parquet::errors::ParquetError;
use parquet::file::metadata::{KeyValue, SortingColumn};
use parquet::file::properties::{EnabledStatistics, WriterProperties, WriterPropertiesBuilder};
use parquet::file::writer::{SerializedFileWriter, SerializedRowGroupWriter};
use parquet::schema::types::{ColumnPath, Type};

use super::chart::Chart;
use super::outline::Outline;
use super::{GROUP_ROWS, RAW, TableError};
use crate::hash::Hash;
use crate::pieces::BLOCK_BYTES;
use crate::row::{MADE, NUMBERS, Number, Row, TEXTS, Text};
use crate::sieve::SievesWriter;

/// Most distinct values that a bloom filter is made for; fewer make it smaller.
const BLOOM_VALUES_MAX: u64 = GROUP_ROWS as u64;
/// How often a bloom filter says wrongly that a group may have a value.
const BLOOM_FALSE: f64 = 0.01;
/// zstd's default. Higher ones take twice the time for a twentieth of the size.
const ZSTD_LEVEL: i32 = 3;
/// Columns with bloom filters, for other programs: ours asks the sieves.
const BLOOMS: [Text; 4] = [Text::Device, Text::Mac, Text::Host, Text::Site];
/// What the file says of who wrote it. Without a version: the same records give the same bytes.
const CREATED_BY: &str = "preau";

/// A table that is being written.
pub(crate) struct TableWriter {
    writer: SerializedFileWriter<Vec<u8>>,
    /// Columns beside those of a sealed table.
    more: &'static [&'static str],
    rows: Vec<Row>,
    count: u64,
    groups: Vec<Outline>,
    sieves: SievesWriter,
}

impl TableWriter {
    /// A sealed table.
    pub(crate) fn new() -> Result<Self, TableError> {
        Self::with_columns(&[], properties()?)
    }

    /// One that does not tell the bounds of a column, as somebody may forge it.
    #[cfg(test)]
    pub(crate) fn without_bounds(column: &str) -> Result<Self, TableError> {
        let nothing = EnabledStatistics::None;
        Self::with_columns(
            &[],
            properties()?.set_column_statistics_enabled(ColumnPath::from(column), nothing),
        )
    }

    /// The table of an extract.
    pub(crate) fn of_extract() -> Result<Self, TableError> {
        Self::with_columns(&MADE, properties()?)
    }

    fn with_columns(
        more: &'static [&'static str],
        properties: WriterPropertiesBuilder,
    ) -> Result<Self, TableError> {
        let schema = Arc::new(schema(more)?);
        let writer = SerializedFileWriter::new(Vec::new(), schema, Arc::new(properties.build()))?;
        let (rows, groups, sieves) = (Vec::new(), Vec::new(), SievesWriter::default());
        Ok(Self { writer, more, rows, count: 0, groups, sieves })
    }

    /// How many rows there are up to now.
    pub(crate) fn row_count(&self) -> u64 {
        self.count
    }

    pub(crate) fn push(&mut self, row: Row) -> Result<(), TableError> {
        self.rows.push(row);
        self.count += 1;
        if self.rows.len() >= GROUP_ROWS { self.write_group() } else { Ok(()) }
    }

    /// The whole file.
    pub(crate) fn finish(mut self) -> Result<Vec<u8>, TableError> {
        self.write_group()?;
        let sieves_at = self.writer.bytes_written() as u64;
        let (sieves, bytes) = self.sieves.write();
        self.writer.write_all(&bytes).and_then(|()| self.writer.flush()).map_err(ParquetError::from)?;
        let blocks = self.writer.inner().chunks(usize::try_from(BLOCK_BYTES).unwrap_or(usize::MAX));
        let blocks = blocks.map(Hash::of).collect();
        let chart = Chart { groups: std::mem::take(&mut self.groups), sieves_at, sieves, blocks };
        let text = chart.to_string();
        // A chart that says something else than was written would hide rows.
        if Chart::read(text.as_bytes(), u64::MAX).as_ref() != Some(&chart) {
            return Err(TableError::Layout("its chart is not read as it was written"));
        }
        self.writer.append_key_value_metadata(KeyValue::new(Chart::KEY.to_owned(), text));
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
        for place in 0..self.more.len() {
            write_column::<Int64Type>(&mut group, &rows, |row| row.made.get(place).copied().flatten())?;
        }
        self.groups.push(Outline::of(&*group.close()?)?);
        self.sieves.push(&rows);
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

pub(super) fn schema(more: &[&str]) -> Result<Type, ParquetError> {
    let optional = |name: &str, physical: PhysicalType, logical: Option<LogicalType>| {
        let column = Type::primitive_type_builder(name, physical);
        column.with_repetition(Repetition::OPTIONAL).with_logical_type(logical).build().map(Arc::new)
    };
    let instant = || LogicalType::timestamp(true, TimeUnit::MILLIS);
    let mut columns = Vec::new();
    for (column, name) in NUMBERS {
        columns.push(optional(name, PhysicalType::INT64, is_time(*column).then(instant))?);
    }
    for (_, name) in TEXTS {
        columns.push(optional(name, PhysicalType::BYTE_ARRAY, Some(LogicalType::String))?);
    }
    columns.push(optional(RAW, PhysicalType::BYTE_ARRAY, None)?);
    for name in more {
        columns.push(optional(name, PhysicalType::INT64, Some(instant()))?);
    }
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

fn properties() -> Result<WriterPropertiesBuilder, ParquetError> {
    let mut properties = WriterProperties::builder()
        .set_created_by(CREATED_BY.to_owned())
        .set_compression(Compression::ZSTD(ZstdLevel::try_new(ZSTD_LEVEL)?))
        .set_max_row_group_row_count(Some(GROUP_ROWS))
        .set_data_page_row_count_limit(GROUP_ROWS)
        .set_write_batch_size(GROUP_ROWS)
        .set_statistics_enabled(EnabledStatistics::Chunk)
        .set_offset_index_disabled(true)
        .set_sorting_columns(Some(vec![SortingColumn {
            column_idx: 0,
            descending: false,
            nulls_first: false,
        }]))
        .set_column_dictionary_enabled(ColumnPath::from(RAW), false)
        .set_column_statistics_enabled(ColumnPath::from(RAW), EnabledStatistics::None);
    for name in NUMBERS.iter().map(|(_, name)| name).chain(&MADE) {
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
    Ok(properties)
}
