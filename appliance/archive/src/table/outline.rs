//! The outline of a group of rows: where its columns are, and what bounds some of them. It is what a search has to know of a
//! group before it reads it, whether the chart tells or Parquet's footer.

use parquet::basic::Compression;
use parquet::data_type::ByteArray;
use parquet::file::metadata::{ColumnChunkMetaData, RowGroupMetaData};
use parquet::file::statistics::Statistics;

use super::{COLUMN_BYTES_MAX, GROUP_ROWS_MAX, TableError};
use crate::filter::CERTAIN;
use crate::row::{NUMBERS, Number, Text};

/// The columns whose bounds a search goes by.
pub(super) const BOUNDED: [Number; 3] = [Number::Time, Number::LastTime, Number::Of];

/// What a group is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Outline {
    /// How many rows it has.
    pub(super) rows: usize,
    /// Whether the clock was right for all rows that have one.
    pub(super) is_certain: bool,
    /// The least and the greatest value of the columns that are [`BOUNDED`]; `None` where nothing is said.
    pub(super) bounds: [Option<(i64, i64)>; BOUNDED.len()],
    /// Its columns, in the order of the table.
    pub(super) columns: Vec<Extent>,
}

/// Where a column of a group is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Extent {
    pub(super) at: u64,
    pub(super) bytes: u64,
    /// Whether no row has a value in it.
    pub(super) is_empty: bool,
}

impl Outline {
    /// That of a group by the footer of its file. Files that claim more than a box writes are refused.
    pub(super) fn of(group: &RowGroupMetaData) -> Result<Self, TableError> {
        let rows = usize::try_from(group.num_rows()).ok().filter(|rows| *rows <= GROUP_ROWS_MAX);
        let rows = rows.ok_or(TableError::Layout("a group has too many rows"))?;
        let bytes_max = i64::try_from(COLUMN_BYTES_MAX).unwrap_or(i64::MAX);
        if group.columns().iter().any(|column| column.uncompressed_size() > bytes_max) {
            return Err(TableError::Layout("a column is too long"));
        }
        if group.columns().iter().any(|column| !matches!(column.compression(), Compression::ZSTD(_))) {
            return Err(TableError::Layout("a column is compressed as no box does it"));
        }
        let columns = group.columns().iter().map(|column| Extent::of(column, rows)).collect();
        let statistics = |place: usize| group.columns().get(place).and_then(ColumnChunkMetaData::statistics);
        let bounds = BOUNDED.map(|column| bounds_of(statistics(column as usize)));
        let is_certain = is_certain(statistics(NUMBERS.len() + Text::Clock as usize));
        Ok(Self { rows, is_certain, bounds, columns })
    }

    /// The least and the greatest value of a column.
    pub(super) fn bounds(&self, column: Number) -> Option<(i64, i64)> {
        BOUNDED.iter().zip(self.bounds).find(|(of, _)| **of == column).and_then(|(_, bounds)| bounds)
    }

    /// Whether no row has a value in the column of this place.
    pub(super) fn is_empty(&self, place: usize) -> bool {
        self.columns.get(place).is_some_and(|column| column.is_empty)
    }

    /// Whether in a row somebody may have taken back a rule.
    pub(super) fn has_takings(&self) -> bool {
        !self.is_empty(NUMBERS.len() + Text::By as usize)
    }

    /// Where its columns begin, and how many bytes they are.
    pub(super) fn extent(&self) -> (u64, u64) {
        let start = self.columns.iter().map(|column| column.at).min().unwrap_or(0);
        let end = self.columns.iter().map(|column| column.at.saturating_add(column.bytes)).max().unwrap_or(0);
        (start, end.saturating_sub(start))
    }
}

impl Extent {
    fn of(column: &ColumnChunkMetaData, rows: usize) -> Self {
        // The library panics over places below zero.
        let (at, bytes) = column.byte_range();
        let nulls = column.statistics().and_then(Statistics::null_count_opt);
        Self { at, bytes, is_empty: nulls.is_some() && nulls == u64::try_from(rows).ok() }
    }
}

pub(super) fn bounds_of(statistics: Option<&Statistics>) -> Option<(i64, i64)> {
    let Statistics::Int64(bounds) = statistics? else { return None };
    Some((*bounds.min_opt()?, *bounds.max_opt()?))
}

fn is_certain(statistics: Option<&Statistics>) -> bool {
    let Some(Statistics::ByteArray(words)) = statistics else { return false };
    let is_certain = |word: Option<&ByteArray>| word.is_some_and(|word| word.data() == CERTAIN.as_bytes());
    is_certain(words.min_opt()) && is_certain(words.max_opt())
}
