//! Texts of sheets of paper: in both languages, the French one first.

use crate::Language;

/// A text in both languages.
pub(super) struct Twice {
    pub(super) french: String,
    pub(super) english: String,
}

impl Twice {
    pub(super) fn of(text: impl Fn(Language) -> String) -> Self {
        Self { french: text(Language::French), english: text(Language::English) }
    }

    /// What is the same in both.
    pub(super) fn same(text: impl Into<String>) -> Self {
        let text = text.into();
        Self { french: text.clone(), english: text }
    }
}

/// The text of a key.
pub(super) fn say(key: &str) -> Twice {
    Twice::of(|language| language.say(key))
}
