//! What the hub's pages and letters say, in each language: one Fluent file a language.

use std::sync::LazyLock;

use portal::shared::Texts;

const FRENCH_SOURCE: &str = include_str!("texts/fr.ftl");
const ENGLISH_SOURCE: &str = include_str!("texts/en.ftl");

/// The texts.
pub(crate) static TEXTS: LazyLock<Texts> = LazyLock::new(|| Texts::read(FRENCH_SOURCE, ENGLISH_SOURCE));

#[cfg(test)]
mod tests;
