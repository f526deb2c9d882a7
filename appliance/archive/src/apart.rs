//! Records taken apart, so that each kind of field can go at its own time, and put together again to be read.
//!
//! A kind of field that is kept for another time than the access record has a table of its own beside it: the same columns,
//! of which only its own have values, and the sequence by which its rows find theirs.

use journal::{SegmentId, Source, Tally};

use crate::retention::{Field, Retention};
use crate::row::{Number, Row, Text, record};
use crate::table::{Table, TableError, TableWriter, harvest_rows};

/// What stands for who it was when that is deleted.
const DELETED: &str = "deleted";

/// A table, and how many rows it has.
#[derive(Debug)]
pub struct Part {
    /// What it holds: of the access record all that no other part has.
    pub field: Field,
    /// The file.
    pub table: Vec<u8>,
    /// Its rows.
    pub rows: u64,
}

/// Writes all that segments hold above a sequence as tables: the one of the access record, then one for each kind of field
/// that is kept for another time. Returns them, and what was counted.
///
/// # Errors
/// [`TableError`].
pub fn write_apart<S: Source>(
    source: &S,
    segments: &[SegmentId],
    after: u64,
    retention: &Retention,
) -> Result<(Vec<Part>, Tally), TableError> {
    let mut writer = PartsWriter::new(retention)?;
    let tally = harvest_rows(source, segments, after, |row| writer.push(row))?;
    Ok((writer.finish()?, tally))
}

/// Tables that are being written, each with what the others have not.
pub(crate) struct PartsWriter<'r> {
    retention: &'r Retention,
    tables: Vec<(Field, TableWriter, u64)>,
}

impl<'r> PartsWriter<'r> {
    pub(crate) fn new(retention: &'r Retention) -> Result<Self, TableError> {
        let fields = [Field::Access].into_iter().chain(retention.apart());
        let tables: Result<Vec<_>, TableError> =
            fields.map(|field| Ok((field, TableWriter::new()?, 0_u64))).collect();
        Ok(Self { retention, tables: tables? })
    }

    pub(crate) fn push(&mut self, mut row: Row) -> Result<(), TableError> {
        let whole = whole_of(&row, self.retention);
        for (field, writer, rows) in self.tables.iter_mut().rev() {
            // What is left when all else is taken is the access record's.
            let part = match (whole, *field) {
                (Some(whole), field) if whole == field => Some(std::mem::take(&mut row)),
                (Some(_), _) => None,
                (None, Field::Access) => Some(std::mem::take(&mut row)),
                (None, field) => row.take(field),
            };
            if let Some(part) = part {
                *rows += 1;
                writer.push(part)?;
            }
        }
        Ok(())
    }

    pub(crate) fn finish(self) -> Result<Vec<Part>, TableError> {
        let parts = self
            .tables
            .into_iter()
            .map(|(field, writer, rows)| Ok(Part { field, table: writer.finish()?, rows }));
        parts.collect()
    }
}

/// The kind of field that a row is as a whole, where it is not taken apart.
fn whole_of(row: &Row, retention: &Retention) -> Option<Field> {
    let apart = |field: Field| if retention.apart().any(|it| it == field) { field } else { Field::Access };
    match row.text(Text::Record) {
        Some(record::ACT | record::PERSON) => Some(apart(Field::Acts)),
        Some(record::ACCESS | record::CLOSING | record::REPEAT | record::CLOCK) => None,
        // Nobody knows what is in it: it goes with what goes first.
        Some(_) | None => Some(apart(retention.shortest())),
    }
}

impl Row {
    /// Takes the cells of a kind of field out of a row of an access, as a row of their own; `None` where it has none.
    fn take(&mut self, field: Field) -> Option<Self> {
        let (numbers, texts): (&[Number], &[Text]) = match field {
            Field::Who => {
                (&[], &[Text::Device, Text::Mac, Text::Room, Text::Profile, Text::Lesson, Text::Person])
            }
            Field::Destination => (&[], &[Text::Destination, Text::Peer]),
            Field::Traffic => (&[Number::BytesUp, Number::BytesDown, Number::DurationMs], &[]),
            Field::Access | Field::Acts => return None,
        };
        let mut taken = Self::default();
        for column in numbers {
            taken.put_number(*column, self.number(*column));
            self.put_number(*column, None);
        }
        for column in texts {
            taken.put_text(*column, self.text(*column));
            self.put_text(*column, None);
        }
        if taken == Self::default() {
            return None;
        }
        taken.put_number(Number::Sequence, self.number(Number::Sequence));
        Some(taken)
    }

    /// What stands where something was deleted that no access is without.
    fn mark_deleted(&mut self) {
        if self.text(Text::Record) == Some(record::ACCESS) && self.text(Text::Device).is_none() {
            self.put_text(Text::Device, Some(DELETED));
            self.put_text(Text::Profile, Some(DELETED));
        }
    }

    /// Leaves empty what is deleted.
    pub(crate) fn unmark_deleted(&mut self) {
        let is_deleted = |column| self.text(column) == Some(DELETED);
        if is_deleted(Text::Device) && is_deleted(Text::Profile) && self.text(Text::Mac).is_none() {
            self.put_text(Text::Device, None);
            self.put_text(Text::Profile, None);
        }
    }
}

/// Puts tables together that were taken apart: those that are still there. With one table there is nothing to do.
///
/// # Errors
/// [`TableError`] where one of them is no table.
pub fn join_apart(tables: Vec<Vec<u8>>, is_who_apart: bool) -> Result<Vec<u8>, TableError> {
    let tables = match <[Vec<u8>; 1]>::try_from(tables) {
        Ok([table]) if !is_who_apart => return Ok(table),
        Ok([table]) => vec![table],
        Err(tables) => tables,
    };
    let opened: Result<Vec<Rows>, TableError> = tables.into_iter().map(Rows::open).collect();
    let mut opened = opened?;
    let mut writer = TableWriter::new()?;
    while let Some(mut row) = next_row(&mut opened)? {
        row.mark_deleted();
        writer.push(row)?;
    }
    writer.finish()
}

/// The next row of all tables, in the order of sequences; what has none comes where it stands.
fn next_row(tables: &mut [Rows]) -> Result<Option<Row>, TableError> {
    let mut first: Option<u64> = None;
    for table in tables.iter_mut() {
        let Some(row) = table.peek()? else { continue };
        let Some(sequence) = row.number(Number::Sequence) else { return Ok(table.next.take()) };
        let sequence = sequence.cast_unsigned();
        first = Some(first.map_or(sequence, |first| first.min(sequence)));
    }
    let Some(first) = first else { return Ok(None) };
    let mut whole: Option<Row> = None;
    for table in tables {
        if table.next.as_ref().and_then(|row| row.number(Number::Sequence)) != Some(first.cast_signed()) {
            continue;
        }
        whole = match (whole, table.next.take()) {
            (Some(mut whole), Some(part)) => {
                whole.fill(&part);
                Some(whole)
            }
            (whole, part) => whole.or(part),
        };
    }
    Ok(whole)
}

/// The rows of a table one after the other, a group in memory at a time.
struct Rows {
    table: Table,
    group: usize,
    rows: std::vec::IntoIter<Row>,
    next: Option<Row>,
}

impl Rows {
    fn open(table: Vec<u8>) -> Result<Self, TableError> {
        Ok(Self { table: Table::open(table)?, group: 0, rows: Vec::new().into_iter(), next: None })
    }

    fn peek(&mut self) -> Result<Option<&Row>, TableError> {
        while self.next.is_none() {
            self.next = self.rows.next();
            if self.next.is_none() {
                let Some(rows) = self.table.read_rows(self.group)? else { return Ok(None) };
                self.rows = rows.into_iter();
                self.group += 1;
            }
        }
        Ok(self.next.as_ref())
    }
}
