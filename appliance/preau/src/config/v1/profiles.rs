//! The `[[profile]]` tables.

use std::collections::BTreeSet;

use jiff::civil::Weekday;
use model::{Category, ProfileName};
use policy::{Days, Hours, Mode, Profile, SafeSearch, Season, TimeOfDay, YouTube};
use toml_span::{DeserError, Deserialize, Spanned, Value};

use super::super::section::{Section, mistake};
use crate::default_profiles::default_profiles;

/// The profiles of the file, over the built-in ones: a name that stands in both is the file's.
pub(super) struct Profiles(pub(super) Vec<Profile>);

impl Default for Profiles {
    fn default() -> Self {
        Self(default_profiles())
    }
}

impl<'de> Deserialize<'de> for Profiles {
    fn deserialize(value: &mut Value<'de>) -> Result<Self, DeserError> {
        let written = Vec::<Spanned<ProfileKeys>>::deserialize(value)?;
        let Self(mut profiles) = Self::default();
        let mut errors = Vec::new();
        let mut seen: Vec<ProfileName> = Vec::new();
        for Spanned { value: ProfileKeys(profile), span } in written {
            if seen.contains(&profile.name) {
                errors.push(mistake(span, format!("the profile `{}` is described twice", profile.name)));
            }
            seen.push(profile.name.clone());
            profiles.retain(|other| other.name != profile.name);
            profiles.push(profile);
        }
        if errors.is_empty() { Ok(Self(profiles)) } else { Err(DeserError { errors }) }
    }
}

struct ProfileKeys(Profile);

impl<'de> Deserialize<'de> for ProfileKeys {
    fn deserialize(value: &mut Value<'de>) -> Result<Self, DeserError> {
        let mut table = Section::open(value)?;
        let name = table.required_parse::<ProfileName>("name");
        let mode = read_or(&mut table, "mode", Mode::Open);
        let refused = read_categories(&mut table, "refused");
        let permitted = read_categories(&mut table, "permitted");
        let engines = table.optional("safe_search").unwrap_or(true);
        let youtube = read_or(&mut table, "youtube", YouTube::Strict);
        let hours: Vec<HoursKeys> = table.optional("hours").unwrap_or_default();
        let hours: Vec<Hours> = hours.into_iter().map(|HoursKeys(hours)| hours).collect();
        let is_white_list =
            hours.iter().filter_map(|hours| hours.mode).chain(mode).any(|mode| mode == Mode::WhiteList);
        if is_white_list && permitted.is_empty() {
            table.reject(table.span(), "a white list without `permitted` categories shows nothing");
        }
        let profile = || {
            let safe_search = SafeSearch { engines, youtube: youtube? };
            Some(Profile { name: name?, mode: mode?, refused, permitted, safe_search, hours })
        };
        table.close(profile().map(Self))
    }
}

struct HoursKeys(Hours);

impl<'de> Deserialize<'de> for HoursKeys {
    fn deserialize(value: &mut Value<'de>) -> Result<Self, DeserError> {
        let mut table = Section::open(value)?;
        let days = if table.contains("days") {
            let days = table.parse_list::<Day>("days");
            (!days.is_empty()).then(|| days.into_iter().map(|Day(day)| day).collect())
        } else {
            Some(Days::ALL)
        };
        let season = read_or(&mut table, "season", Season::Always);
        let from = table.required_parse::<TimeOfDay>("from");
        let to = table.required_parse::<TimeOfDay>("to");
        if from.zip(to).is_some_and(|(from, to)| from >= to) {
            let message =
                "these hours end before they begin: hours over midnight are two tables, one up to 24:00";
            table.reject(table.span(), message);
        }
        let mode = table.parse::<Mode>("mode");
        let refused = read_categories(&mut table, "refused");
        let released = read_categories(&mut table, "released");
        if !table.has_mistakes() && mode.is_none() && refused.is_empty() && released.is_empty() {
            table.reject(table.span(), "these hours change nothing: give `mode`, `refused` or `released`");
        }
        let hours =
            || Some(Hours { days: days?, season: season?, from: from?, to: to?, mode, refused, released });
        table.close(hours().map(Self))
    }
}

/// A day of the week, as files name it.
struct Day(Weekday);

impl std::str::FromStr for Day {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let names = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
        let found = Weekday::Monday.cycle_forward().zip(names).find(|(_, name)| *name == text);
        found.map(|(day, _)| Self(day)).ok_or("a day is mon, tue, wed, thu, fri, sat or sun")
    }
}

/// The value of a key, or a default where there is no such key; `None` when it is wrong.
fn read_or<T: std::str::FromStr<Err: std::fmt::Display>>(
    table: &mut Section<'_>,
    key: &'static str,
    default: T,
) -> Option<T> {
    if table.contains(key) { table.parse(key) } else { Some(default) }
}

fn read_categories(table: &mut Section<'_>, key: &'static str) -> BTreeSet<Category> {
    table.parse_list(key).into_iter().collect()
}
