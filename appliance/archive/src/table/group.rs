//! The rows of a group: which of them match, and what they say.

use std::ops::ControlFlow;

use parquet::column::reader::{ColumnReader, ColumnReaderImpl, get_column_reader};
use parquet::data_type::{ByteArray, ByteArrayType, DataType, Int64Type};
use parquet::file::reader::RowGroupReader;
use parquet::file::statistics::Statistics;

use super::pages::Pages;
use super::{RAW_PLACE, TableError, survive};
use crate::filter::{CERTAIN, Filter, Test};
use crate::row::{NUMBERS, Number, Row, TEXTS, Text};

/// Rows that are read at once. A row takes some 700 bytes in memory.
pub(super) const BATCH_ROWS: usize = 2_048;

/// Longest text of a cell, in bytes: what people type, and names, are below. A forged file says one long text for each of its
/// rows in a few bytes.
const TEXT_BYTES_MAX: usize = 4 << 10;
/// Longest cell of bytes: pieces of damage are no longer, and records are shorter.
const RAW_BYTES_MAX: usize = 64 << 10;
/// Most bytes of rows that are read at once: pieces of damage, all of the longest, and what is said of them.
const BATCH_BYTES_MAX: usize = 160 << 20;

/// A group of rows whose bytes are in memory.
pub(super) struct Group<'g> {
    reader: &'g dyn RowGroupReader,
    /// Whether what the file says of its columns spares reading them. Whoever wrote it may lie.
    trusts: bool,
}

impl<'g> Group<'g> {
    /// One of which only what is asked for is read, by what its file says of it.
    pub(super) fn new(reader: &'g dyn RowGroupReader) -> Self {
        Self { reader, trusts: true }
    }

    /// One of which all is read, whatever its file says of it.
    pub(super) fn doubted(reader: &'g dyn RowGroupReader) -> Self {
        Self { reader, trusts: false }
    }

    fn row_count(&self) -> usize {
        usize::try_from(self.reader.metadata().num_rows()).unwrap_or(0)
    }

    /// The least and the greatest value of a column.
    pub(super) fn bounds(&self, column: Number) -> Option<(i64, i64)> {
        let Statistics::Int64(bounds) = self.reader.metadata().column(column as usize).statistics()? else {
            return None;
        };
        Some((*bounds.min_opt()?, *bounds.max_opt()?))
    }

    /// Whether the clock was right for all rows that have one.
    pub(super) fn is_certain(&self) -> bool {
        let place = NUMBERS.len() + Text::Clock as usize;
        let Some(Statistics::ByteArray(words)) = self.reader.metadata().column(place).statistics() else {
            return false;
        };
        let is_certain =
            |word: Option<&ByteArray>| word.is_some_and(|word| word.data() == CERTAIN.as_bytes());
        is_certain(words.min_opt()) && is_certain(words.max_opt())
    }

    /// Whether no row has a value in the column of this place.
    fn is_empty(&self, place: usize) -> bool {
        let statistics = self.reader.metadata().column(place).statistics();
        let nulls = statistics.and_then(Statistics::null_count_opt);
        self.trusts && nulls.is_some() && nulls == u64::try_from(self.row_count()).ok()
    }

    /// Whether a row says something of an access of an earlier seal.
    pub(super) fn has_late(&self) -> bool {
        !self.is_empty(Number::Of as usize)
    }

    /// The rows that may match, as far as single columns tell.
    pub(super) fn screen(&self, filter: &Filter, is_reckoned: bool) -> Result<Vec<bool>, TableError> {
        let mut wanted = vec![true; self.row_count()];
        for tests in filter.conditions(is_reckoned) {
            let mut passes = vec![false; wanted.len()];
            for test in &tests {
                survive(|| self.apply(test, &mut passes))?;
            }
            wanted.iter_mut().zip(passes).for_each(|(wanted, passes)| *wanted &= passes);
            if !wanted.contains(&true) {
                break;
            }
        }
        Ok(wanted)
    }

    /// Notes the rows that pass a test.
    fn apply(&self, test: &Test<'_>, passes: &mut [bool]) -> Result<(), TableError> {
        match test {
            Test::Number(column, test) => {
                let mut reader = self.numbers(*column)?;
                each_cell(&mut reader, passes, |passes, cell| *passes |= test(cell.copied()))
            }
            Test::Text(column, test) => {
                let place = NUMBERS.len() + *column as usize;
                if self.is_empty(place) {
                    let passes_empty = test(None);
                    passes.iter_mut().for_each(|passes| *passes |= passes_empty);
                    return Ok(());
                }
                let mut reader = self.bytes(place)?;
                each_cell(&mut reader, passes, |passes, cell| {
                    *passes = *passes || test(cell.map(ByteArray::data));
                })
            }
        }
    }

    /// Every row.
    pub(super) fn all(&self) -> Vec<bool> {
        vec![true; self.row_count()]
    }

    /// The rows that tell of accesses of earlier seals.
    pub(super) fn late(&self) -> Result<Vec<bool>, TableError> {
        let cells = survive(|| read_cells(&mut self.numbers(Number::Of)?, self.row_count()))?;
        Ok(cells.iter().map(Option::is_some).collect())
    }

    /// Gives out the wanted rows, a batch at a time, until `each` breaks.
    pub(super) fn read<B>(
        &self,
        wanted: &[bool],
        mut each: impl FnMut(Row) -> ControlFlow<B>,
    ) -> Result<ControlFlow<B>, TableError> {
        self.read_batches(wanted, |rows| Ok(rows.into_iter().try_for_each(&mut each)))
    }

    /// The same, with all rows of a batch together.
    pub(super) fn read_batches<B>(
        &self,
        wanted: &[bool],
        mut each: impl FnMut(Vec<Row>) -> Result<ControlFlow<B>, TableError>,
    ) -> Result<ControlFlow<B>, TableError> {
        // What stands after the last one that is wanted needs not even be skipped.
        let count = wanted.iter().rposition(|wanted| *wanted).map_or(0, |last| last + 1);
        let wanted = wanted.get(..count).unwrap_or(wanted);
        let mut columns = survive(|| self.open_columns())?;
        for wanted in wanted.chunks(BATCH_ROWS) {
            let rows = survive(|| read_rows(&mut columns, wanted))?;
            if let ControlFlow::Break(broken) = each(rows)? {
                return Ok(ControlFlow::Break(broken));
            }
        }
        Ok(ControlFlow::Continue(()))
    }

    /// The columns in which a row has a value.
    fn open_columns(&self) -> Result<Vec<Column>, TableError> {
        let mut columns = Vec::new();
        for (column, _) in NUMBERS.iter().filter(|(column, _)| !self.is_empty(*column as usize)) {
            columns.push(Column::Number(*column, self.numbers(*column)?));
        }
        for (column, _) in TEXTS {
            let place = NUMBERS.len() + *column as usize;
            if !self.is_empty(place) {
                columns.push(Column::Text(*column, self.bytes(place)?));
            }
        }
        columns.push(Column::Raw(self.bytes(RAW_PLACE)?));
        for place in 0..self.reader.num_columns().saturating_sub(RAW_PLACE + 1) {
            columns.push(Column::Made(place, self.numbers_at(RAW_PLACE + 1 + place)?));
        }
        Ok(columns)
    }

    fn numbers(&self, column: Number) -> Result<ColumnReaderImpl<Int64Type>, TableError> {
        self.numbers_at(column as usize)
    }

    fn numbers_at(&self, place: usize) -> Result<ColumnReaderImpl<Int64Type>, TableError> {
        let ColumnReader::Int64ColumnReader(reader) = self.column(place)? else {
            return Err(TableError::Layout("a column of numbers has something else"));
        };
        Ok(reader)
    }

    fn bytes(&self, place: usize) -> Result<ColumnReaderImpl<ByteArrayType>, TableError> {
        let ColumnReader::ByteArrayColumnReader(reader) = self.column(place)? else {
            return Err(TableError::Layout("a column of texts has something else"));
        };
        Ok(reader)
    }

    fn column(&self, place: usize) -> Result<ColumnReader, TableError> {
        let pages = Pages::new(self.reader.get_column_page_reader(place)?);
        Ok(get_column_reader(self.reader.metadata().schema_descr().column(place), Box::new(pages)))
    }
}

/// A column that is being read.
enum Column {
    Number(Number, ColumnReaderImpl<Int64Type>),
    Text(Text, ColumnReaderImpl<ByteArrayType>),
    Raw(ColumnReaderImpl<ByteArrayType>),
    /// That of an extract with this place among its own.
    Made(usize, ColumnReaderImpl<Int64Type>),
}

/// The wanted ones of the next rows.
fn read_rows(columns: &mut [Column], wanted: &[bool]) -> Result<Vec<Row>, TableError> {
    let mut rows = vec![Row::default(); wanted.iter().filter(|wanted| **wanted).count()];
    let mut room = BATCH_BYTES_MAX;
    for column in columns {
        match column {
            Column::Number(column, reader) => {
                let cells = read_column(reader, wanted)?;
                rows.iter_mut().zip(cells).for_each(|(row, cell)| row.put_number(*column, cell));
            }
            Column::Text(column, reader) => {
                for (row, cell) in rows.iter_mut().zip(read_column(reader, wanted)?) {
                    spend(&mut room, cell.as_ref(), TEXT_BYTES_MAX)?;
                    let text = cell.as_ref().map(|cell| std::str::from_utf8(cell.data())).transpose();
                    row.put_text(*column, text.map_err(|_| TableError::Layout("a text is none"))?);
                }
            }
            Column::Made(place, reader) => {
                for (row, cell) in rows.iter_mut().zip(read_column(reader, wanted)?) {
                    row.made.get_mut(*place).into_iter().for_each(|made| *made = cell);
                }
            }
            Column::Raw(reader) => {
                for (row, cell) in rows.iter_mut().zip(read_column(reader, wanted)?) {
                    spend(&mut room, cell.as_ref(), RAW_BYTES_MAX)?;
                    row.raw = cell.map(|cell| cell.data().to_vec());
                }
            }
        }
    }
    Ok(rows)
}

/// Takes the room that a cell needs.
fn spend(room: &mut usize, cell: Option<&ByteArray>, bytes_max: usize) -> Result<(), TableError> {
    let bytes = cell.map_or(0, ByteArray::len);
    if bytes > bytes_max {
        return Err(TableError::Layout("a text is too long"));
    }
    *room = room.checked_sub(bytes).ok_or(TableError::Layout("its rows are too long"))?;
    Ok(())
}

/// The cells of the wanted rows of a column.
fn read_column<T: DataType>(
    reader: &mut ColumnReaderImpl<T>,
    wanted: &[bool],
) -> Result<Vec<Option<T::T>>, TableError> {
    let mut cells = Vec::new();
    for run in wanted.chunk_by(|one, other| one == other) {
        if run.first() == Some(&true) {
            cells.extend(read_cells(reader, run.len())?);
        } else {
            reader.skip_records(run.len())?;
        }
    }
    Ok(cells)
}

/// Goes through a column from its beginning, a batch at a time, beside a slice as long as it.
fn each_cell<T: DataType, P>(
    reader: &mut ColumnReaderImpl<T>,
    beside: &mut [P],
    mut each: impl FnMut(&mut P, Option<&T::T>),
) -> Result<(), TableError> {
    let (mut levels, mut values) = (Vec::new(), Vec::new());
    for beside in beside.chunks_mut(BATCH_ROWS) {
        levels.clear();
        values.clear();
        read_records(reader, beside.len(), &mut levels, &mut values)?;
        let mut values = values.iter();
        for (beside, level) in beside.iter_mut().zip(&levels) {
            each(beside, if *level == 1 { values.next() } else { None });
        }
    }
    Ok(())
}

/// The cells of the next rows of a column.
fn read_cells<T: DataType>(
    reader: &mut ColumnReaderImpl<T>,
    count: usize,
) -> Result<Vec<Option<T::T>>, TableError> {
    let (mut levels, mut values) = (Vec::new(), Vec::new());
    read_records(reader, count, &mut levels, &mut values)?;
    let mut values = values.into_iter();
    Ok(levels.into_iter().map(|level| if level == 1 { values.next() } else { None }).collect())
}

/// Reads the levels of the next rows of a column, and the values of those that have one.
fn read_records<T: DataType>(
    reader: &mut ColumnReaderImpl<T>,
    count: usize,
    levels: &mut Vec<i16>,
    values: &mut Vec<T::T>,
) -> Result<(), TableError> {
    let (read, _, _) = reader.read_records(count, Some(levels), None, values)?;
    if read != count {
        return Err(TableError::Layout("a column ends before the others"));
    }
    Ok(())
}
