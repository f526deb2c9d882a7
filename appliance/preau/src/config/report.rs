//! Mistakes in a configuration file, and where they are.

use std::fmt;
use std::path::PathBuf;

use toml_span::{DeserError, Error, ErrorKind, Span};

/// One mistake.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Problem {
    /// From 1 on.
    pub(crate) line: usize,
    /// From 1 on, in characters.
    pub(crate) column: usize,
    /// What is wrong, and what is accepted.
    pub(crate) message: String,
}

/// Why a configuration cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConfigError {
    /// The file cannot be read.
    #[error("cannot read the configuration file {}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// The file has mistakes: all of them, in the order of the file.
    #[error("{}", render(path, problems))]
    Wrong {
        /// The file.
        path: PathBuf,
        /// The mistakes.
        problems: Vec<Problem>,
    },
}

fn render(path: &std::path::Path, problems: &[Problem]) -> String {
    let lines = problems.iter().map(|problem| format!("{}:{problem}", path.display()));
    lines.collect::<Vec<_>>().join("\n")
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.line, self.column, self.message)
    }
}

/// The mistakes of one reading, in the order of the file.
pub(super) fn problems(text: &str, errors: DeserError) -> Vec<Problem> {
    let mut problems: Vec<_> = errors.errors.into_iter().flat_map(|error| locate(text, error)).collect();
    problems.sort();
    problems.dedup();
    problems
}

/// One error can stand for several unknown keys; each gets its own place.
fn locate(text: &str, error: Error) -> Vec<Problem> {
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "the parser's own errors: their Display is one plain sentence"
    )]
    match error.kind {
        ErrorKind::UnexpectedKeys { keys, expected } => keys
            .into_iter()
            .map(|(key, span)| {
                let known = expected.join(", ");
                problem_at(text, span, format!("unknown key `{key}`; known here: {known}"))
            })
            .collect(),
        ErrorKind::Custom(message) => vec![problem_at(text, error.span, message.into_owned())],
        ErrorKind::MissingField(key) => {
            vec![problem_at(text, error.span, format!("the key `{key}` is missing here"))]
        }
        ErrorKind::OutOfRange(kind) => {
            vec![problem_at(text, error.span, format!("the number does not fit here ({kind})"))]
        }
        _ => vec![problem_at(text, error.span, error.to_string())],
    }
}

fn problem_at(text: &str, span: Span, message: String) -> Problem {
    let (line, column) = place_of(text, span);
    Problem { line, column, message }
}

/// The line and the column at which something begins, from 1 on.
pub(super) fn place_of(text: &str, span: Span) -> (usize, usize) {
    let before = text.get(..span.start).unwrap_or(text);
    let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
    let column = before.get(line_start..).map_or(0, |start| start.chars().count()) + 1;
    (before.matches('\n').count() + 1, column)
}
