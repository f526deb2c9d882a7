//! The text of a document that is signed: a first line that says what it is, then JSON.

use serde::Serialize;
use serde::de::DeserializeOwned;

pub(crate) fn write(first_line: &str, content: &impl Serialize) -> String {
    format!("{first_line}\n{}\n", serde_json::to_string(content).unwrap_or_default())
}

/// What a text says; `None` where it is another document, or none.
pub(crate) fn read<T: DeserializeOwned>(first_line: &str, text: &str) -> Option<T> {
    let json = text.strip_prefix(first_line)?.strip_prefix('\n')?.strip_suffix('\n')?;
    serde_json::from_str(json).ok()
}
