//! The rows of a group: which of them match, and what they say.

use std::ops::ControlFlow;
use std::sync::{Arc, Mutex};

use parquet::column::reader::{ColumnReader, ColumnReaderImpl, get_column_reader};
use parquet::data_type::{ByteArray, ByteArrayType, DataType, Int64Type};
use parquet::file::metadata::ColumnChunkMetaData;
use parquet::file::serialized_reader::SerializedPageReader;
use parquet::schema::types::SchemaDescPtr;

use super::outline::Outline;
use super::pages::{Cells, Pages, Unpacker};
use super::words::Words;
use super::{COLUMN_BYTES_MAX, COLUMNS_MIN, RAW_PLACE, TableError, survive};
use crate::filter::{Filter, Test};
use crate::pieces::Stretch;
use crate::row::{NUMBERS, Number, Row, TEXTS, Text};

/// Rows that are read at once. A row takes some 700 bytes in memory.
pub(super) const BATCH_ROWS: usize = 2_048;

/// Longest text of a cell, in bytes: what people type, and names, are below. A forged file says one long text for each of its
/// rows in a few bytes.
const TEXT_BYTES_MAX: usize = 4 << 10;
/// Longest cell of bytes: pieces of damage are no longer, and records are shorter.
const RAW_BYTES_MAX: usize = 64 << 10;
/// Longest number, with what a page has of numbers beside them.
const NUMBER_BYTES_MAX: usize = 8;
/// What a page has beside a cell: its length, or the number of its word; whether it is there.
const CELL_BYTES: usize = 8;
/// What a page has at least.
const PAGE_BYTES: usize = 1 << 10;
/// Most bytes of rows that are read at once: pieces of damage, all of the longest, and what is said of them.
const BATCH_BYTES_MAX: usize = 160 << 20;

type Unpacking = Arc<Mutex<Unpacker>>;

/// A group of rows whose bytes are in memory.
pub(super) struct Group<'g> {
    outline: &'g Outline,
    schema: SchemaDescPtr,
    bytes: Arc<Stretch>,
    /// Whether what the file says of its columns spares reading them. Whoever wrote it may lie.
    trusts: bool,
}

impl<'g> Group<'g> {
    /// One of which only what is asked for is read, by what its file says of it.
    pub(super) fn new(outline: &'g Outline, schema: &SchemaDescPtr, bytes: Stretch) -> Self {
        Self { outline, schema: Arc::clone(schema), bytes: Arc::new(bytes), trusts: true }
    }

    /// One of which all is read, whatever its file says of it.
    pub(super) fn doubted(outline: &'g Outline, schema: &SchemaDescPtr, bytes: Stretch) -> Self {
        Self { trusts: false, ..Self::new(outline, schema, bytes) }
    }

    fn row_count(&self) -> usize {
        self.outline.rows
    }

    /// Whether no row has a value in the column of this place.
    fn is_empty(&self, place: usize) -> bool {
        self.trusts && self.outline.is_empty(place)
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
                let mut reader = self.numbers(*column as usize, &Unpacker::new())?;
                each_cell(&mut reader, passes, |passes, cell| *passes |= test(cell.copied()))
            }
            Test::Text(column, test) => {
                let place = NUMBERS.len() + *column as usize;
                if self.is_empty(place) {
                    let passes_empty = test(None);
                    passes.iter_mut().for_each(|passes| *passes |= passes_empty);
                    return Ok(());
                }
                self.texts(place, &Unpacker::new())?.test(&**test, passes)
            }
        }
    }

    /// Every row.
    pub(super) fn all(&self) -> Vec<bool> {
        vec![true; self.row_count()]
    }

    /// The rows that tell of accesses of earlier seals.
    pub(super) fn late(&self) -> Result<Vec<bool>, TableError> {
        let read = || read_cells(&mut self.numbers(Number::Of as usize, &Unpacker::new())?, self.row_count());
        let cells = survive(read)?;
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
        let unpacker = Unpacker::new();
        let mut columns = Vec::new();
        for (column, _) in NUMBERS.iter().filter(|(column, _)| !self.is_empty(*column as usize)) {
            columns.push(Column::Number(*column, self.numbers(*column as usize, &unpacker)?));
        }
        for (column, _) in TEXTS {
            let place = NUMBERS.len() + *column as usize;
            if !self.is_empty(place) {
                columns.push(Column::Text(*column, self.texts(place, &unpacker)?));
            }
        }
        if !self.is_empty(RAW_PLACE) {
            columns.push(Column::Raw(self.bytes(RAW_PLACE, RAW_BYTES_MAX, &unpacker)?));
        }
        for place in 0..self.outline.columns.len().saturating_sub(COLUMNS_MIN) {
            columns.push(Column::Made(place, self.numbers(COLUMNS_MIN + place, &unpacker)?));
        }
        Ok(columns)
    }

    fn numbers(&self, place: usize, unpacker: &Unpacking) -> Result<ColumnReaderImpl<Int64Type>, TableError> {
        let column = self.column(place, Cells::Numbers, NUMBER_BYTES_MAX, unpacker)?;
        let ColumnReader::Int64ColumnReader(reader) = column else {
            return Err(TableError::Layout("a column of numbers has something else"));
        };
        Ok(reader)
    }

    fn texts(&self, place: usize, unpacker: &Unpacking) -> Result<Words, TableError> {
        self.pages(place, Cells::Texts, TEXT_BYTES_MAX, unpacker).map(Words::new)
    }

    fn bytes(
        &self,
        place: usize,
        bytes_max: usize,
        unpacker: &Unpacking,
    ) -> Result<ColumnReaderImpl<ByteArrayType>, TableError> {
        let column = self.column(place, Cells::Texts, bytes_max, unpacker)?;
        let ColumnReader::ByteArrayColumnReader(reader) = column else {
            return Err(TableError::Layout("a column of texts has something else"));
        };
        Ok(reader)
    }

    /// The column of this place, of which no cell is longer, as the library reads it.
    fn column(
        &self,
        place: usize,
        cells: Cells,
        bytes_max: usize,
        unpacker: &Unpacking,
    ) -> Result<ColumnReader, TableError> {
        let missing = || TableError::Layout("its columns are others");
        let descriptor = self.schema.columns().get(place).ok_or_else(missing)?;
        let pages = self.pages(place, cells, bytes_max, unpacker)?;
        Ok(get_column_reader(Arc::clone(descriptor), Box::new(pages)))
    }

    /// The pages of the column of this place, of which no cell is longer.
    fn pages(
        &self,
        place: usize,
        cells: Cells,
        bytes_max: usize,
        unpacker: &Unpacking,
    ) -> Result<Pages, TableError> {
        let missing = || TableError::Layout("its columns are others");
        let extent = self.outline.columns.get(place).ok_or_else(missing)?;
        let descriptor = self.schema.columns().get(place).ok_or_else(missing)?;
        let number = |value: u64| i64::try_from(value).map_err(|_| missing());
        // Not compressed, as far as the library knows: `Pages` does that.
        let chunk = ColumnChunkMetaData::builder(Arc::clone(descriptor))
            .set_data_page_offset(number(extent.at)?)
            .set_total_compressed_size(number(extent.bytes)?)
            .build()?;
        let pages = SerializedPageReader::new(Arc::clone(&self.bytes), &chunk, self.row_count(), None)?;
        let page_bytes_max =
            self.row_count().saturating_mul(bytes_max + CELL_BYTES).saturating_add(PAGE_BYTES);
        let page_bytes_max = page_bytes_max.min(COLUMN_BYTES_MAX);
        Ok(Pages::new(Box::new(pages), Arc::clone(unpacker), cells, page_bytes_max))
    }
}

/// A column that is being read.
enum Column {
    Number(Number, ColumnReaderImpl<Int64Type>),
    Text(Text, Words),
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
                let mut rows = rows.iter_mut();
                reader.read(wanted, |cell| {
                    spend(&mut room, cell.map_or(0, <[u8]>::len), TEXT_BYTES_MAX)?;
                    let text = cell.map(std::str::from_utf8).transpose();
                    let text = text.map_err(|_| TableError::Layout("a text is none"))?;
                    rows.next().into_iter().for_each(|row| row.put_text(*column, text));
                    Ok(())
                })?;
            }
            Column::Made(place, reader) => {
                for (row, cell) in rows.iter_mut().zip(read_column(reader, wanted)?) {
                    row.made.get_mut(*place).into_iter().for_each(|made| *made = cell);
                }
            }
            Column::Raw(reader) => {
                for (row, cell) in rows.iter_mut().zip(read_column(reader, wanted)?) {
                    spend(&mut room, cell.as_ref().map_or(0, ByteArray::len), RAW_BYTES_MAX)?;
                    row.raw = cell.map(|cell| cell.data().to_vec());
                }
            }
        }
    }
    Ok(rows)
}

/// Takes the room that a cell of so many bytes needs.
fn spend(room: &mut usize, bytes: usize, bytes_max: usize) -> Result<(), TableError> {
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
