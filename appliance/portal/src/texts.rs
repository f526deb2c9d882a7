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

static FRENCH: LazyLock<Bundle> = LazyLock::new(|| read_bundle(Language::French, FRENCH_SOURCE));
static ENGLISH: LazyLock<Bundle> = LazyLock::new(|| read_bundle(Language::English, ENGLISH_SOURCE));

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
    fn bundle(self) -> &'static Bundle {
        match self {
            Self::French => &FRENCH,
            Self::English => &ENGLISH,
        }
    }

    /// The text of a message; its key where there is none.
    pub(crate) fn say(self, key: &str) -> String {
        self.find(key, None).unwrap_or_else(|| key.to_owned())
    }

    /// The text of a message with its variables filled in; its key where there is none.
    pub(crate) fn say_with(self, key: &str, variables: &[(&'static str, &str)]) -> String {
        let mut arguments = FluentArgs::with_capacity(variables.len());
        for &(name, value) in variables {
            arguments.set(name, value);
        }
        self.find(key, Some(&arguments)).unwrap_or_else(|| key.to_owned())
    }

    /// What a category is called, beside the name that technicians know: `jeux d’argent (gambling)`. A
    /// category of a local list has no other name than its own.
    pub(crate) fn name_category(self, category: &Category) -> String {
        let name = category.as_str();
        match self.find(&format!("category-{name}"), None) {
            Some(label) if label == name => label,
            Some(label) => format!("{label} ({name})"),
            None => name.to_owned(),
        }
    }

    fn find(self, key: &str, arguments: Option<&FluentArgs<'_>>) -> Option<String> {
        let bundle = self.bundle();
        let pattern = bundle.get_message(key)?.value()?;
        // A variable that is missing shows as its name; a test fills in every message that pages use.
        let mut errors = Vec::new();
        Some(bundle.format_pattern(pattern, arguments, &mut errors).into_owned())
    }
}

#[cfg(test)]
mod tests;
