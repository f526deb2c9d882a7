//! Rows as CSV (RFC 4180), as a French spreadsheet opens it: UTF-8 with a mark, semicolons.
//!
//! A pupil chooses the names of hosts that he asks for. What a spreadsheet would take for a formula is text here.

use std::io;

use csv::{Terminator, WriterBuilder};

use crate::row::{MADE, NUMBERS, Number, Row, TEXTS};
use crate::table::is_time;

/// What tells spreadsheets that the text is UTF-8.
const MARK: &str = "\u{feff}";
/// What spreadsheets begin a formula with (OWASP, CSV Injection).
const FORMULA_BEGINS: [char; 6] = ['=', '+', '-', '@', '\t', '\r'];

/// A text that is being written.
pub(crate) struct CsvWriter {
    writer: csv::Writer<Vec<u8>>,
    /// Whether it has the columns that extracts of the first version have not.
    has_made: bool,
}

impl CsvWriter {
    /// That of an extract, with the names of the columns.
    pub(crate) fn of_extract() -> io::Result<Self> {
        Self::new(true)
    }

    /// That of an extract of the first version.
    pub(crate) fn of_first_version() -> io::Result<Self> {
        Self::new(false)
    }

    fn new(has_made: bool) -> io::Result<Self> {
        let mut builder = WriterBuilder::new();
        builder.delimiter(b';').terminator(Terminator::CRLF);
        let mut writer = builder.from_writer(MARK.as_bytes().to_vec());
        let names = NUMBERS.iter().map(|(_, name)| *name).chain(TEXTS.iter().map(|(_, name)| *name));
        writer.write_record(names.chain(MADE.into_iter().filter(|_| has_made)))?;
        Ok(Self { writer, has_made })
    }

    /// Adds a row.
    pub(crate) fn push(&mut self, row: &Row) -> io::Result<()> {
        let number = |column: Number| match row.number(column) {
            Some(value) if is_time(column) => tell_time(value),
            Some(value) => value.to_string(),
            None => String::new(),
        };
        let numbers = NUMBERS.iter().map(|(column, _)| number(*column));
        let texts = TEXTS.iter().map(|(column, _)| disarm(row.text(*column).unwrap_or_default()));
        let made =
            row.made.into_iter().filter(|_| self.has_made).map(|at| at.map_or_else(String::new, tell_time));
        Ok(self.writer.write_record(numbers.chain(texts).chain(made))?)
    }

    /// The whole text.
    pub(crate) fn finish(self) -> io::Result<Vec<u8>> {
        self.writer.into_inner().map_err(|error| io::Error::other(error.error().to_string()))
    }
}

/// RFC 3339 in UTC; a time that no calendar has is given in milliseconds since 1970.
pub(crate) fn tell_time(unix_ms: i64) -> String {
    match jiff::Timestamp::from_millisecond(unix_ms) {
        Ok(time) => format!("{time:.3}"),
        Err(_) => unix_ms.to_string(),
    }
}

/// A text that no spreadsheet computes: an apostrophe stands before what would be a formula, as spreadsheets write it.
fn disarm(text: &str) -> String {
    if text.starts_with(FORMULA_BEGINS) { format!("'{text}") } else { text.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_cell_is_a_formula() {
        for (text, expected) in [
            ("=cmd|' /C calc'!A0", "'=cmd|' /C calc'!A0"),
            ("@sum", "'@sum"),
            ("+1", "'+1"),
            ("-x.example", "'-x.example"),
            ("\tx", "'\tx"),
            ("a=b", "a=b"),
            ("", ""),
        ] {
            assert_eq!(disarm(text), expected);
        }
    }
}
