//! A table that nobody trusts: whether what a file says of its own rows is so. A search goes by that, and so do other
//! programs: rows that a sieve, a bound or a count denies are in the file, and found by nobody.

use std::collections::HashSet;

use parquet::bloom_filter::Sbbf;
use parquet::file::metadata::ColumnChunkMetaData;
use parquet::file::reader::FileReader as _;
use parquet::file::statistics::Statistics;

use super::{RAW, Table, TableError, survive};
use crate::hash::Hash;
use crate::row::{MADE, NUMBERS, Row, TEXTS};
use crate::sieve::Sieve;

/// What a file says of a group of its rows that is not so. Groups count from 1.
#[derive(Debug, thiserror::Error)]
pub enum GroupFlaw {
    /// It says that a group is elsewhere, or other bytes.
    #[error("group {0} of its rows is not where the guide says, or not what it says")]
    Guide(usize),
    /// The sieve denies a value that a row has.
    #[error("group {group} of its rows: the sieve denies what record {record} has")]
    Sieve {
        /// The group.
        group: usize,
        /// The record.
        record: u64,
    },
    /// The bounds of a column deny a value that a row has, or the count of its empty cells is another.
    #[error("group {group} of its rows: what it says of the column {column} is not so: {what}")]
    Column {
        /// The group.
        group: usize,
        /// The column.
        column: &'static str,
        /// What is not so.
        what: &'static str,
    },
}

/// A cell, as the library compares them.
enum Cell<'r> {
    Number(i64),
    Bytes(&'r [u8]),
}

impl Table {
    /// Reads all rows, whatever the file says of them, and tells what it says wrongly. Some rows of a group are in memory at once.
    ///
    /// # Errors
    /// [`TableError`].
    pub(crate) fn doubt(
        &self,
        mut find: impl FnMut(GroupFlaw),
        mut each: impl FnMut(&Row),
    ) -> Result<(), TableError> {
        for place in 0..self.group_count() {
            let group = place + 1;
            let mut sieve = self.doubt_guide(place, &mut find)?;
            let metadata = self.reader.metadata().row_groups().get(place);
            let columns = metadata.into_iter().flat_map(|group| group.columns());
            let mut columns: Vec<ColumnDoubt<'_>> = columns.map(ColumnDoubt::new).collect();
            self.read_batches(place, |rows| {
                let denied = sieve.as_ref().and_then(|sieve| sieve.denied(&rows)).map(Row::sequence);
                if let Some(record) = denied {
                    find(GroupFlaw::Sieve { group, record });
                    // One row of a group is enough.
                    sieve = None;
                }
                for ((name, cells), column) in columns_of(&rows).zip(&mut columns) {
                    column.name = name;
                    column.take(self, &cells)?;
                }
                rows.iter().for_each(&mut each);
                Ok(())
            })?;
            for column in &columns {
                let flaw = |what| GroupFlaw::Column { group, column: column.name, what };
                column.flaw().map(flaw).into_iter().for_each(&mut find);
            }
        }
        Ok(())
    }

    /// Compares what the guide says of a group's bytes, and reads its sieve, where there is one.
    fn doubt_guide(
        &self,
        place: usize,
        find: &mut impl FnMut(GroupFlaw),
    ) -> Result<Option<Sieve>, TableError> {
        let Some(landmark) = self.guide.group(place) else { return Ok(None) };
        // What is not in memory as a whole is compared when it is read.
        let bytes = self.pieces.tail(landmark.at, landmark.bytes).filter(|_| self.pieces.is_whole());
        if bytes.is_some_and(|bytes| Hash::of(&bytes) != landmark.hash) {
            find(GroupFlaw::Guide(place + 1));
        }
        let Some(bytes) = self.pieces.tail(landmark.sieve_at, landmark.sieve_bytes) else {
            find(GroupFlaw::Guide(place + 1));
            return Ok(None);
        };
        survive(|| Ok(Sieve::read(&bytes)?)).map(Some)
    }

    /// Whether Parquet's own filter of a column denies a value that a row has.
    fn denies(&self, column: &ColumnChunkMetaData, cells: &[Option<Cell<'_>>]) -> Result<bool, TableError> {
        let Some(filter) = Sbbf::read_from_column_chunk(column, &self.pieces)? else { return Ok(false) };
        let has = |cell: &Cell<'_>| match cell {
            Cell::Number(number) => filter.check(number),
            Cell::Bytes(bytes) => filter.check(*bytes),
        };
        Ok(!cells.iter().flatten().all(has))
    }
}

/// The columns of rows, in the order of the table, with their names.
fn columns_of(rows: &[Row]) -> impl Iterator<Item = (&'static str, Vec<Option<Cell<'_>>>)> {
    let numbers = NUMBERS.iter().map(move |(column, name)| {
        (*name, rows.iter().map(|row| row.number(*column).map(Cell::Number)).collect())
    });
    let texts = TEXTS.iter().map(move |(column, name)| {
        let cells = rows.iter().map(|row| row.text(*column).map(|text| Cell::Bytes(text.as_bytes())));
        (*name, cells.collect())
    });
    let raw = rows.iter().map(|row| row.raw.as_deref().map(Cell::Bytes)).collect();
    let made = MADE.iter().enumerate().map(move |(place, name)| {
        (*name, rows.iter().map(|row| row.made.get(place).copied().flatten().map(Cell::Number)).collect())
    });
    numbers.chain(texts).chain([(RAW, raw)]).chain(made)
}

/// What the rows of a group, as far as they are read, tell of what its file says of a column. It may say nothing: then nobody
/// goes by it.
struct ColumnDoubt<'t> {
    column: &'t ColumnChunkMetaData,
    name: &'static str,
    empty: u64,
    is_outside: bool,
    is_denied: bool,
}

impl<'t> ColumnDoubt<'t> {
    fn new(column: &'t ColumnChunkMetaData) -> Self {
        Self { column, name: "", empty: 0, is_outside: false, is_denied: false }
    }

    fn take(&mut self, table: &Table, cells: &[Option<Cell<'_>>]) -> Result<(), TableError> {
        self.empty += cells.iter().filter(|cell| cell.is_none()).count() as u64;
        let statistics = self.column.statistics();
        self.is_outside = self.is_outside || statistics.is_some_and(|bounds| !is_within(bounds, cells));
        self.is_denied = self.is_denied || survive(|| table.denies(self.column, cells))?;
        Ok(())
    }

    fn flaw(&self) -> Option<&'static str> {
        let count = self.column.statistics().and_then(Statistics::null_count_opt);
        if self.column.column_index_offset().is_some() {
            Some("it has an index of pages, and no box writes one")
        } else if count.is_some_and(|count| count != self.empty) {
            Some("it counts other empty cells than there are")
        } else if self.is_outside {
            Some("its bounds deny a value")
        } else {
            self.is_denied.then_some("its bloom filter denies a value")
        }
    }
}

/// Whether all cells are within the bounds of their column.
fn is_within(statistics: &Statistics, cells: &[Option<Cell<'_>>]) -> bool {
    let is_within = |cell: &Cell<'_>| match (statistics, cell) {
        (Statistics::Int64(bounds), Cell::Number(number)) => {
            bounds.min_opt().is_none_or(|min| min <= number)
                && bounds.max_opt().is_none_or(|max| number <= max)
        }
        (_, Cell::Bytes(bytes)) => {
            statistics.min_bytes_opt().is_none_or(|min| min <= *bytes)
                && statistics.max_bytes_opt().is_none_or(|max| *bytes <= max)
        }
        // Bounds of another kind than the column's.
        (_, Cell::Number(_)) => false,
    };
    cells.iter().flatten().all(is_within)
}

impl Sieve {
    /// The first row with a value that the sieve denies.
    fn denied<'r>(&self, rows: &'r [Row]) -> Option<&'r Row> {
        let mut known = HashSet::new();
        rows.iter().find(|row| !self.has_all(row, &mut known))
    }
}
