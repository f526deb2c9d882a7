//! Texts of lines, each a word, a space and a value: what leaves of the log are written in.

use std::fmt::{self, Write as _};
use std::str::FromStr;

/// What stands where there is nothing.
const NOTHING: &str = "-";

/// A text that is read line by line. What has two spellings is refused: a leaf is written as it was read.
pub(crate) struct Lines<'t> {
    rest: &'t str,
}

/// A line that is missing, or says something else: its first word.
pub(crate) type WrongLine = &'static str;

impl<'t> Lines<'t> {
    pub(crate) fn new(text: &'t str) -> Self {
        Self { rest: text }
    }

    /// The next line, without its end.
    pub(crate) fn next(&mut self) -> Option<&'t str> {
        let (line, rest) = self.rest.split_once('\n')?;
        self.rest = rest;
        Some(line)
    }

    /// Whether nothing is left.
    pub(crate) fn is_at_end(&self) -> bool {
        self.rest.is_empty()
    }

    /// Whether the next line begins with this word.
    pub(crate) fn is_next(&self, name: &str) -> bool {
        self.rest.strip_prefix(name).is_some_and(|rest| rest.starts_with(' '))
    }

    pub(crate) fn read<T>(
        &mut self,
        name: &'static str,
        read: impl FnOnce(&'t str) -> Option<T>,
    ) -> Result<T, WrongLine> {
        let line = self.next().and_then(|line| line.strip_prefix(name)?.strip_prefix(' '));
        line.and_then(read).ok_or(name)
    }

    pub(crate) fn value<T: FromStr + fmt::Display>(&mut self, name: &'static str) -> Result<T, WrongLine> {
        self.read(name, parse)
    }

    pub(crate) fn optional<T: FromStr + fmt::Display>(
        &mut self,
        name: &'static str,
    ) -> Result<Option<T>, WrongLine> {
        self.read(name, |text| if text == NOTHING { Some(None) } else { parse(text).map(Some) })
    }
}

/// A value in its one spelling.
pub(crate) fn parse<T: FromStr + fmt::Display>(text: &str) -> Option<T> {
    let value: T = text.parse().ok()?;
    let mut again = String::new();
    write!(again, "{value}").ok()?;
    (again == text).then_some(value)
}

/// A value, or what stands where there is none.
pub(crate) struct Optional<T>(pub(crate) Option<T>);

impl<T: fmt::Display> fmt::Display for Optional<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Some(value) => value.fmt(f),
            None => f.write_str(NOTHING),
        }
    }
}
