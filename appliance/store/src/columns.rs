//! Columns of text that become nouns.

use std::str::FromStr;

use rusqlite::types::Type;

/// The noun that stands in a column.
pub(crate) fn parse<T>(column: usize, text: &str) -> rusqlite::Result<T>
where
    T: FromStr,
    T::Err: std::error::Error + Send + Sync + 'static,
{
    text.parse().map_err(|error| unknown(column, error))
}

/// A column has what this program never writes.
pub(crate) fn unknown(
    column: usize,
    error: impl Into<Box<dyn std::error::Error + Send + Sync>>,
) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(column, Type::Text, error.into())
}
