//! What pages say, in each language: one Fluent file a language.

use std::sync::LazyLock;

use fluent_bundle::concurrent::FluentBundle;
use fluent_bundle::{FluentArgs, FluentResource};
use model::Category;
use unic_langid::LanguageIdentifier;

use crate::Language;

type Bundle = FluentBundle<FluentResource>;

const FRENCH_SOURCE: &str = include_str!("texts/fr.ftl");
const ENGLISH_SOURCE: &str = include_str!("texts/en.ftl");

static TEXTS: LazyLock<Texts> = LazyLock::new(|| Texts::read(FRENCH_SOURCE, ENGLISH_SOURCE));

/// What a program's pages say, in each language.
pub struct Texts {
    french: Bundle,
    english: Bundle,
}

impl Texts {
    /// Reads the embedded files.
    #[must_use]
    pub fn read(french: &str, english: &str) -> Self {
        Self {
            french: read_bundle(Language::French, french),
            english: read_bundle(Language::English, english),
        }
    }

    /// The text of a message with its variables filled in; its key where there is none.
    #[must_use]
    pub fn say(&self, language: Language, key: &str, variables: &[(&'static str, &str)]) -> String {
        let arguments = collect(variables);
        let arguments = Some(&arguments).filter(|_| !variables.is_empty());
        self.find(language, key, arguments).unwrap_or_else(|| key.to_owned())
    }

    /// The same of a message that says one thing otherwise than several: it chooses by the number `$count`.
    fn say_counted(
        &self,
        language: Language,
        key: &str,
        count: u64,
        variables: &[(&'static str, &str)],
    ) -> String {
        let mut arguments = collect(variables);
        arguments.set("count", count);
        self.find(language, key, Some(&arguments)).unwrap_or_else(|| key.to_owned())
    }

    fn find(&self, language: Language, key: &str, arguments: Option<&FluentArgs<'_>>) -> Option<String> {
        let bundle = match language {
            Language::French => &self.french,
            Language::English => &self.english,
        };
        let pattern = bundle.get_message(key)?.value()?;
        // A variable that is missing shows as its name; a test fills in every message that pages use.
        let mut errors = Vec::new();
        Some(bundle.format_pattern(pattern, arguments, &mut errors).into_owned())
    }
}

/// Variables are texts: a room of the name 007 is no seven.
fn collect<'v>(variables: &[(&'static str, &'v str)]) -> FluentArgs<'v> {
    let mut arguments = FluentArgs::with_capacity(variables.len());
    for &(name, value) in variables {
        arguments.set(name, value);
    }
    arguments
}

/// Reads an embedded file. What a broken file still holds is kept: a page with a hole is better than none,
/// and a test reads both files strictly.
fn read_bundle(language: Language, source: &str) -> Bundle {
    let resource = match FluentResource::try_new(source.to_owned()) {
        Ok(resource) | Err((resource, _)) => resource,
    };
    let identifier: LanguageIdentifier = language.tag().parse().unwrap_or_default();
    let mut bundle = Bundle::new_concurrent(vec![identifier]);
    // Pages isolate what people chose with <bdi>; the marks would travel along when text is copied.
    bundle.set_use_isolating(false);
    bundle.add_resource_overriding(resource);
    bundle
}

impl Language {
    /// The text of a message; its key where there is none.
    pub(crate) fn say(self, key: &str) -> String {
        TEXTS.say(self, key, &[])
    }

    /// The text of a message with its variables filled in; its key where there is none.
    pub(crate) fn say_with(self, key: &str, variables: &[(&'static str, &str)]) -> String {
        TEXTS.say(self, key, variables)
    }

    /// The text of a message that is said otherwise of one thing than of several, with its variables filled in.
    pub(crate) fn say_counted(self, key: &str, count: u64, variables: &[(&'static str, &str)]) -> String {
        TEXTS.say_counted(self, key, count, variables)
    }

    /// What a category is called, beside the name that technicians know: `jeux d’argent (gambling)`. A
    /// category of a local list has no other name than its own.
    pub(crate) fn name_category(self, category: &Category) -> String {
        let name = category.as_str();
        match TEXTS.find(self, &format!("category-{name}"), None) {
            Some(label) if label == name => label,
            Some(label) => format!("{label} ({name})"),
            None => name.to_owned(),
        }
    }
}

#[cfg(test)]
mod tests;
