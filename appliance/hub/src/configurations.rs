//! What the commune decides of the configuration of a school's box: kept by versions, said with the school's sheet.
//!
//! What may stand in it, the program that has the box's own parser says: a hub keeps nothing that a box would not take.

use std::fmt;

use model::Uai;

/// A mistake in what somebody has written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// From 1 on.
    pub line: usize,
    /// From 1 on, in characters.
    pub column: usize,
    /// What is wrong, in French.
    pub french: String,
    /// The same in English.
    pub english: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.line, self.column, self.english)
    }
}

/// Looks for mistakes in what was written for a school: all of them, by their places.
pub type Check = fn(&str, &Uai) -> Result<(), Vec<Fault>>;

/// What a browser or an editor has sent, as it is kept: lines end with `\n` alone, the last one too.
#[must_use]
pub fn tidy(text: &str) -> String {
    let text = text.replace("\r\n", "\n");
    match text.trim_end() {
        "" => String::new(),
        kept => format!("{kept}\n"),
    }
}

/// The text of one school as another one may have it: without the line of its national identifier.
#[must_use]
pub fn without_school(text: &str) -> String {
    let is_own = |line: &&str| {
        let rest = line.trim_start().strip_prefix("uai");
        rest.is_some_and(|rest| rest.trim_start().starts_with('='))
    };
    text.split_inclusive('\n').filter(|line| !is_own(line)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_school_has_another_identifier() {
        let text = "[school]\n uai = \"0750655E\"\nname = \"uai = 1\"\n";
        assert_eq!(without_school(text), "[school]\nname = \"uai = 1\"\n");
    }

    #[test]
    fn lines_end_as_a_box_reads_them() {
        assert_eq!(tidy("a = 1\r\nb = 2"), "a = 1\nb = 2\n");
        assert_eq!((tidy("a = 1\n\n\n").as_str(), tidy(" \r\n").as_str()), ("a = 1\n", ""));
    }
}
