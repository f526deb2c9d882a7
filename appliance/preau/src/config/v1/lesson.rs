//! `[lesson]`: how long a lesson is, and whom it spares.

use std::ops::RangeInclusive;

use model::{LESSON_MINUTES_MAX, LESSON_MINUTES_USUAL, ProfileName};
use policy::Profile;
use toml_span::{DeserError, Deserialize, Spanned, Value};

use crate::config::Lessons;
use crate::config::section::Section;

/// The profiles of the teachers' own devices: what a class is to leave alone, they show it.
const SPARED: [&str; 2] = ["adulte", "projecteur"];
/// A lesson of less is none.
const MINUTES: RangeInclusive<u32> = 5..=LESSON_MINUTES_MAX;

/// Lessons, as far as the file tells.
pub(super) struct LessonKeys {
    minutes: u32,
    spared: Option<Vec<Spanned<ProfileName>>>,
}

impl Default for LessonKeys {
    fn default() -> Self {
        Self { minutes: LESSON_MINUTES_USUAL, spared: None }
    }
}

impl<'de> Deserialize<'de> for LessonKeys {
    fn deserialize(value: &mut Value<'de>) -> Result<Self, DeserError> {
        let mut table = Section::open(value)?;
        let minutes = table.optional_spanned::<u32>("minutes");
        if let Some(found) = minutes.as_ref().filter(|found| !MINUTES.contains(&found.value)) {
            let (least, most) = MINUTES.into_inner();
            table.reject(found.span, format!("a lesson lasts {least} to {most} minutes"));
        }
        let names = table.optional::<Vec<Spanned<String>>>("spared");
        let spared =
            names.map(|names| names.iter().filter_map(|name| read_profile(&mut table, name)).collect());
        let minutes = minutes.map_or(LESSON_MINUTES_USUAL, |found| found.value);
        table.close(Some(Self { minutes, spared }))
    }
}

fn read_profile(table: &mut Section<'_>, name: &Spanned<String>) -> Option<Spanned<ProfileName>> {
    match name.value.parse() {
        Ok(profile) => Some(Spanned::with_span(profile, name.span)),
        Err(error) => {
            table.reject(name.span, format!("`{}`: {error}", name.value));
            None
        }
    }
}

impl LessonKeys {
    /// Compares with what else the file says.
    pub(super) fn check(&self, table: &mut Section<'_>, profiles: &[Profile]) {
        for name in self.spared.iter().flatten() {
            if !profiles.iter().any(|profile| profile.name == name.value) {
                table.reject(name.span, format!("there is no profile `{}`", name.value));
            }
        }
    }

    pub(super) fn finish(self) -> Lessons {
        let Self { minutes, spared } = self;
        let spared = match spared {
            Some(names) => names.into_iter().map(|name| name.value).collect(),
            None => SPARED.iter().filter_map(|name| name.parse().ok()).collect(),
        };
        Lessons { minutes, spared }
    }
}
