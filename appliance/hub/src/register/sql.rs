//! SQL as both engines understand it: what stands between the register's questions and a database.
//!
//! Invariant: a question has its values as `?1`, `?2`, each a [`Value`]; numbers are 64 bits, truth is 0 or 1, nothing is ever null but in an answer.

use super::RegisterError;

/// A value of a question, or of an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Value {
    /// Nothing: in answers alone.
    Null,
    /// A number.
    Int(i64),
    /// A text.
    Text(String),
    /// Bytes.
    Blob(Vec<u8>),
}

impl From<i64> for Value {
    fn from(number: i64) -> Self {
        Self::Int(number)
    }
}

impl From<u32> for Value {
    fn from(number: u32) -> Self {
        Self::Int(i64::from(number))
    }
}

impl From<bool> for Value {
    fn from(is: bool) -> Self {
        Self::Int(i64::from(is))
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<&[u8]> for Value {
    fn from(bytes: &[u8]) -> Self {
        Self::Blob(bytes.to_vec())
    }
}

/// The values of a question, in their order.
macro_rules! values {
    ($($value:expr),* $(,)?) => { &[$($crate::register::sql::Value::from($value)),*] };
}
pub(crate) use values;

/// A row of an answer.
#[derive(Clone, Debug)]
pub(crate) struct Row(pub(crate) Vec<Value>);

impl Row {
    /// A number.
    pub(crate) fn int(&self, column: usize) -> Result<i64, RegisterError> {
        self.find_int(column)?.ok_or_else(|| wrong(column))
    }

    /// A number, where there is one.
    pub(crate) fn find_int(&self, column: usize) -> Result<Option<i64>, RegisterError> {
        match self.0.get(column) {
            Some(Value::Int(number)) => Ok(Some(*number)),
            Some(Value::Null) => Ok(None),
            Some(Value::Text(_) | Value::Blob(_)) | None => Err(wrong(column)),
        }
    }

    /// A number that is none below zero.
    pub(crate) fn count(&self, column: usize) -> Result<u64, RegisterError> {
        u64::try_from(self.int(column)?).map_err(|_| wrong(column))
    }

    /// A small number.
    pub(crate) fn small(&self, column: usize) -> Result<u32, RegisterError> {
        u32::try_from(self.int(column)?).map_err(|_| wrong(column))
    }

    /// Yes or no.
    pub(crate) fn is(&self, column: usize) -> Result<bool, RegisterError> {
        Ok(self.int(column)? != 0)
    }

    /// A text.
    pub(crate) fn text(&self, column: usize) -> Result<String, RegisterError> {
        self.find_text(column)?.ok_or_else(|| wrong(column))
    }

    /// A text, where there is one.
    pub(crate) fn find_text(&self, column: usize) -> Result<Option<String>, RegisterError> {
        match self.0.get(column) {
            Some(Value::Text(text)) => Ok(Some(text.clone())),
            Some(Value::Null) => Ok(None),
            Some(Value::Int(_) | Value::Blob(_)) | None => Err(wrong(column)),
        }
    }

    /// Bytes.
    pub(crate) fn blob(&self, column: usize) -> Result<Vec<u8>, RegisterError> {
        match self.0.get(column) {
            Some(Value::Blob(bytes)) => Ok(bytes.clone()),
            Some(Value::Null | Value::Int(_) | Value::Text(_)) | None => Err(wrong(column)),
        }
    }

    /// What is spelled in a text.
    pub(crate) fn parse<T: std::str::FromStr>(&self, column: usize) -> Result<T, RegisterError> {
        self.text(column)?.parse().map_err(|_| wrong(column))
    }
}

fn wrong(column: usize) -> RegisterError {
    RegisterError::Engine(format!("column {column} of the register is not what it was written as").into())
}

/// A transaction that is open.
pub(crate) trait Sql {
    /// Changes rows; how many.
    fn run(&mut self, sql: &str, values: &[Value]) -> Result<u64, RegisterError>;
    /// The rows of an answer; also of a change that returns some.
    fn rows(&mut self, sql: &str, values: &[Value]) -> Result<Vec<Row>, RegisterError>;

    /// The first row, where there is one.
    fn row(&mut self, sql: &str, values: &[Value]) -> Result<Option<Row>, RegisterError> {
        Ok(self.rows(sql, values)?.into_iter().next())
    }
}

/// A database.
pub(crate) trait Database: Send + Sync {
    /// Asks one question.
    fn look(&self, sql: &str, values: &[Value]) -> Result<Vec<Row>, RegisterError>;
    /// Does all of it or nothing, as if nobody else did anything meanwhile. It may be done again where somebody did.
    fn change(
        &self,
        work: &mut dyn FnMut(&mut dyn Sql) -> Result<(), RegisterError>,
    ) -> Result<(), RegisterError>;
    /// Asks several questions about one moment. Nothing is changed, and nobody is kept waiting.
    fn read(
        &self,
        work: &mut dyn FnMut(&mut dyn Sql) -> Result<(), RegisterError>,
    ) -> Result<(), RegisterError>;
}

/// The same with what the work brought.
pub(crate) fn change<T>(
    database: &impl Database,
    mut work: impl FnMut(&mut dyn Sql) -> Result<T, RegisterError>,
) -> Result<T, RegisterError> {
    let mut brought = None;
    database.change(&mut |sql| {
        brought = Some(work(sql)?);
        Ok(())
    })?;
    brought.ok_or_else(undone)
}

/// What several questions about one moment brought.
pub(crate) fn read<T>(
    database: &impl Database,
    mut work: impl FnMut(&mut dyn Sql) -> Result<T, RegisterError>,
) -> Result<T, RegisterError> {
    let mut brought = None;
    database.read(&mut |sql| {
        brought = Some(work(sql)?);
        Ok(())
    })?;
    brought.ok_or_else(undone)
}

fn undone() -> RegisterError {
    RegisterError::Engine("the work was not done".into())
}

/// One change of one kind of rows; how many.
pub(crate) fn run(database: &impl Database, sql: &str, values: &[Value]) -> Result<u64, RegisterError> {
    change(database, |open| open.run(sql, values))
}
