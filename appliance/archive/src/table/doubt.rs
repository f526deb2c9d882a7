//! A table that nobody trusts: whether what a file says of its own rows is so. A search goes by that, and so do other
//! programs: rows that a sieve, a bound or a count denies are in the file, and found by nobody.

use std::collections::HashSet;
use std::ops::ControlFlow;

use parquet::bloom_filter::Sbbf;
use parquet::file::metadata::{ColumnChunkMetaData, ParquetMetaData};
use parquet::file::statistics::Statistics;

use super::chart::Chart;
use super::group::Group;
use super::outline::{BOUNDED, Outline, bounds_of};
use super::{RAW, Table, TableError, outline, read_footer, survive};
use crate::hash::Hash;
use crate::pieces::{BLOCK_BYTES, Stretch};
use crate::row::{MADE, NUMBERS, Row, TEXTS};
use crate::sieve::{self, Sieve, Sieves};

/// What a file says of a group of its rows that is not so. Groups count from 1.
#[derive(Debug, thiserror::Error)]
pub enum GroupFlaw {
    /// It says that a group is elsewhere, or other bytes, or has other bounds.
    #[error("group {0} of its rows is not where the guide says, or not what it says")]
    Guide(usize),
    /// It says that a part of the file is other bytes.
    #[error("block {0} of the file is not what the chart says")]
    Block(usize),
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
        let footer = self.footer()?;
        let outlines = survive(|| outline(&footer))?;
        if outlines.len() != self.groups.len() {
            find(GroupFlaw::Guide(outlines.len().min(self.groups.len()) + 1));
            return Ok(());
        }
        let sieves = self.doubt_chart(&outlines, &mut find)?;
        for (place, outline) in outlines.iter().enumerate() {
            let group = place + 1;
            let bytes = self.doubt_group(place, outline, &mut find)?;
            let mut sieve = self.sieve_of(place, sieves.as_ref(), &mut find)?;
            let metadata = footer.row_groups().get(place);
            let columns = metadata.into_iter().flat_map(|group| group.columns());
            let has_chart = self.chart.is_some();
            let columns = columns.enumerate().map(|(place, column)| {
                let is_bounded = has_chart && BOUNDED.iter().any(|bounded| *bounded as usize == place);
                ColumnDoubt::new(column, is_bounded)
            });
            let mut columns: Vec<ColumnDoubt<'_>> = columns.collect();
            let doubted = Group::doubted(outline, &self.schema, bytes.clone());
            let flow: ControlFlow<()> = doubted.read_batches(&doubted.all(), |rows| {
                let denied = sieve.as_ref().and_then(|sieve| sieve.denied(&rows)).map(Row::sequence);
                if let Some(record) = denied {
                    find(GroupFlaw::Sieve { group, record });
                    // One row of a group is enough.
                    sieve = None;
                }
                for ((name, cells), column) in columns_of(&rows).zip(&mut columns) {
                    column.name = name;
                    column.take(&bytes, &cells)?;
                }
                rows.iter().for_each(&mut each);
                Ok(ControlFlow::Continue(()))
            })?;
            debug_assert!(flow.is_continue());
            for column in &columns {
                let flaw = |what| GroupFlaw::Column { group, column: column.name, what };
                column.flaw().map(flaw).into_iter().for_each(&mut find);
            }
        }
        Ok(())
    }

    /// The footer, which nobody needs who has a chart.
    fn footer(&self) -> Result<ParquetMetaData, TableError> {
        let tail = self.pieces.tail();
        let end = match self.chart.as_ref().and_then(Chart::end).filter(|_| !self.pieces.is_whole()) {
            Some(end) => {
                let bytes = tail.at().checked_sub(end).ok_or(TableError::Changed)?;
                self.pieces.read_uncompared(end, bytes)?.and(tail)?
            }
            None => tail.clone(),
        };
        survive(|| read_footer(&end))
    }

    /// Compares what the chart says with the footer and with the file, and reads the sieves.
    fn doubt_chart(
        &self,
        outlines: &[Outline],
        find: &mut impl FnMut(GroupFlaw),
    ) -> Result<Option<(Sieves, Stretch)>, TableError> {
        let Some(chart) = &self.chart else { return Ok(None) };
        let others = chart.groups.iter().zip(outlines).enumerate();
        for (place, _) in others.filter(|(_, (charted, outline))| charted != outline) {
            find(GroupFlaw::Guide(place + 1));
        }
        let length = chart.sieves.length().ok_or(TableError::Layout("its sieves are too long"))?;
        let compared = chart.compared()?;
        let sieves = self.pieces.read_blocks(chart.sieves_at, length, compared)?;
        if self.pieces.is_whole() {
            // What is not in memory as a whole is compared when it is read.
            let blocks = self.pieces.read_uncompared(0, compared.1)?;
            let wrong = blocks.bytes().chunks(usize::try_from(BLOCK_BYTES).unwrap_or(usize::MAX));
            let wrong = wrong.zip(compared.0).position(|(block, hash)| Hash::of(block) != *hash);
            wrong.map(|place| GroupFlaw::Block(place + 1)).into_iter().for_each(&mut *find);
        }
        Ok(Some((chart.sieves, sieves)))
    }

    /// The sieve of a group, where there is one.
    fn sieve_of(
        &self,
        place: usize,
        sieves: Option<&(Sieves, Stretch)>,
        find: &mut impl FnMut(GroupFlaw),
    ) -> Result<Option<AnySieve>, TableError> {
        if let Some((sieves, bytes)) = sieves {
            return Ok(Some(AnySieve::Among(*sieves, bytes.clone(), place)));
        }
        let Some(landmark) = self.guide.group(place) else { return Ok(None) };
        let Some(bytes) = self.pieces.tail().part(landmark.sieve_at, landmark.sieve_bytes) else {
            find(GroupFlaw::Guide(place + 1));
            return Ok(None);
        };
        survive(|| Ok(Sieve::read(bytes.bytes())?)).map(|sieve| Some(AnySieve::Own(sieve)))
    }

    /// All bytes of a group, Parquet's filters with them, compared with what the guide says of them, or with their blocks.
    fn doubt_group(
        &self,
        place: usize,
        outline: &Outline,
        find: &mut impl FnMut(GroupFlaw),
    ) -> Result<Stretch, TableError> {
        if let Some(chart) = &self.chart {
            let (at, _) = outline.extent();
            let next = self.groups.get(place + 1).map_or(chart.sieves_at, |next| next.extent().0);
            let bytes = next.checked_sub(at).ok_or(TableError::Layout("its groups are in disorder"))?;
            return self.pieces.read_blocks(at, bytes, chart.compared()?);
        }
        let Some(landmark) = self.guide.group(place) else { return Ok(self.pieces.tail().clone()) };
        // What is not in memory as a whole is compared when it is read.
        let bytes = self.pieces.tail().part(landmark.at, landmark.bytes).filter(|_| self.pieces.is_whole());
        if bytes.is_some_and(|bytes| Hash::of(bytes.bytes()) != landmark.hash) {
            find(GroupFlaw::Guide(place + 1));
        }
        self.load(place, outline)
    }
}

/// The sieve of a group.
enum AnySieve {
    /// As earlier boxes wrote it.
    Own(Sieve),
    /// Among those of all groups.
    Among(Sieves, Stretch, usize),
}

impl AnySieve {
    /// The first row with a value that the sieve denies.
    fn denied<'r>(&self, rows: &'r [Row]) -> Option<&'r Row> {
        match self {
            Self::Own(sieve) => {
                let mut known = HashSet::new();
                rows.iter().find(|row| !sieve.has_all(row, &mut known))
            }
            Self::Among(sieves, bytes, group) => {
                let may_have = |hash: u64| {
                    let (offset, length) = sieves.blocks_of(hash);
                    let blocks = bytes.part(bytes.at().saturating_add(offset), length);
                    blocks.is_some_and(|blocks| sieve::may_have(blocks.bytes(), *group, hash))
                };
                rows.iter().find(|row| !sieve::hashes_of(row).all(may_have))
            }
        }
    }
}

/// Whether Parquet's own filter of a column denies a value that a row has.
fn denies(
    bytes: &Stretch,
    column: &ColumnChunkMetaData,
    cells: &[Option<Cell<'_>>],
) -> Result<bool, TableError> {
    let Some(filter) = Sbbf::read_from_column_chunk(column, bytes)? else { return Ok(false) };
    let has = |cell: &Cell<'_>| match cell {
        Cell::Number(number) => filter.check(number),
        Cell::Bytes(bytes) => filter.check(*bytes),
    };
    Ok(!cells.iter().flatten().all(has))
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
/// goes by it, but for the columns that each file with a chart bounds.
struct ColumnDoubt<'t> {
    column: &'t ColumnChunkMetaData,
    name: &'static str,
    is_bounded: bool,
    values: u64,
    empty: u64,
    is_outside: bool,
    is_denied: bool,
}

impl<'t> ColumnDoubt<'t> {
    fn new(column: &'t ColumnChunkMetaData, is_bounded: bool) -> Self {
        Self { column, name: "", is_bounded, values: 0, empty: 0, is_outside: false, is_denied: false }
    }

    fn take(&mut self, bytes: &Stretch, cells: &[Option<Cell<'_>>]) -> Result<(), TableError> {
        self.values += cells.iter().flatten().count() as u64;
        self.empty += cells.iter().filter(|cell| cell.is_none()).count() as u64;
        let statistics = self.column.statistics();
        self.is_outside = self.is_outside || statistics.is_some_and(|bounds| !is_within(bounds, cells));
        self.is_denied = self.is_denied || survive(|| denies(bytes, self.column, cells))?;
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
        } else if self.is_bounded && self.values > 0 && bounds_of(self.column.statistics()).is_none() {
            Some("it has values and no bounds")
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
