//! The lines of a list file, within limits.

use std::io::{self, BufRead, Read};

use crate::line::{LINE_BYTES_MAX, LineError};

/// Characters of a rejected line that are shown: enough to find it.
const EXCERPT_CHARACTERS_MAX: usize = 80;

/// Reads lines one by one; blank lines and comments are skipped, and counted.
pub(crate) struct Lines<R> {
    file: R,
    number: u64,
    bytes: Vec<u8>,
}

/// A line of a file.
pub(crate) struct NumberedLine<'l> {
    /// Its number, from 1 on.
    pub(crate) number: u64,
    /// Its text without the white space around it, or why it has none.
    pub(crate) text: Result<&'l str, LineError>,
}

impl<R: BufRead> Lines<R> {
    pub(crate) fn new(file: R) -> Self {
        Self { file, number: 0, bytes: Vec::new() }
    }

    /// The next line that says something; `None` at the end of the file.
    pub(crate) fn next(&mut self) -> io::Result<Option<NumberedLine<'_>>> {
        loop {
            self.bytes.clear();
            let limit = LINE_BYTES_MAX as u64 + 1;
            if self.file.by_ref().take(limit).read_until(b'\n', &mut self.bytes)? == 0 {
                return Ok(None);
            }
            self.number += 1;
            if self.bytes.len() > LINE_BYTES_MAX && !self.bytes.ends_with(b"\n") {
                self.file.skip_until(b'\n')?;
                break;
            }
            if !says_nothing(&self.bytes) {
                break;
            }
        }
        Ok(Some(NumberedLine { number: self.number, text: read_text(&self.bytes) }))
    }

    /// The beginning of the line that was read last, fit for a terminal.
    pub(crate) fn excerpt(&self) -> String {
        let shown = self.bytes.get(..self.bytes.len().min(4 * EXCERPT_CHARACTERS_MAX)).unwrap_or_default();
        let text = String::from_utf8_lossy(shown);
        text.trim().chars().take(EXCERPT_CHARACTERS_MAX).flat_map(char::escape_debug).collect()
    }
}

fn says_nothing(line: &[u8]) -> bool {
    let line = line.strip_prefix("\u{feff}".as_bytes()).unwrap_or(line).trim_ascii();
    line.is_empty() || line.starts_with(b"#")
}

fn read_text(line: &[u8]) -> Result<&str, LineError> {
    if line.len() > LINE_BYTES_MAX {
        return Err(LineError::TooLong);
    }
    let text = std::str::from_utf8(line).map_err(|_| LineError::NotText)?;
    Ok(text.strip_prefix('\u{feff}').unwrap_or(text).trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(file: &[u8]) -> Vec<(u64, Result<String, LineError>)> {
        let mut lines = Lines::new(file);
        let mut found = Vec::new();
        while let Some(line) = lines.next().unwrap() {
            found.push((line.number, line.text.map(str::to_owned)));
        }
        found
    }

    #[test]
    fn line_ends_blanks_and_comments() {
        let file = "\u{feff}a.fr\r\n\n  \n# note\n b.fr \r\nc.fr".as_bytes();
        let expected = [(1, "a.fr"), (5, "b.fr"), (6, "c.fr")];
        assert_eq!(read(file), expected.map(|(number, text)| (number, Ok(text.to_owned()))));
    }

    #[test]
    fn lines_that_are_not_text_are_told_apart() {
        let long = "a".repeat(LINE_BYTES_MAX + 1);
        let file = [b"\xff.fr\n", long.as_bytes(), b"bcd\n", b"ok.fr\n"].concat();
        let expected =
            [(1, Err(LineError::NotText)), (2, Err(LineError::TooLong)), (3, Ok("ok.fr".to_owned()))];
        assert_eq!(read(&file), expected);
        let just_fits = "a".repeat(LINE_BYTES_MAX);
        assert_eq!(read(just_fits.as_bytes()), [(1, Ok(just_fits.clone()))]);
    }

    #[test]
    fn excerpts_are_short_and_harmless() {
        let file = ["\u{1b}[31m\u{7}", &"é".repeat(200)].concat();
        let mut lines = Lines::new(file.as_bytes());
        assert!(lines.next().unwrap().is_some());
        let excerpt = lines.excerpt();
        assert!(excerpt.starts_with("\\u{1b}[31m\\u{7}é"), "{excerpt}");
        assert!(!excerpt.contains(char::is_control) && excerpt.len() < 300, "{excerpt}");
    }
}
