//! What the commune decides for all its schools.

use std::collections::BTreeSet;
use std::str::FromStr;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use model::{Category, DomainName, Layer, Motive, PersonName, Timestamp, Verdict};
use policy::{Rule, Scope, Topic};
use toml_span::{DeserError, Deserialize, Value};

use super::super::section::Section;
use crate::default_profiles::locked_categories;

/// `[commune]`.
pub(super) struct CommuneKeys {
    pub(super) locked: BTreeSet<Category>,
    pub(super) exceptions: Vec<Exception>,
}

impl Default for CommuneKeys {
    fn default() -> Self {
        Self { locked: locked_categories(), exceptions: vec![] }
    }
}

impl<'de> Deserialize<'de> for CommuneKeys {
    fn deserialize(value: &mut Value<'de>) -> Result<Self, DeserError> {
        let mut table = Section::open(value)?;
        let locked = if table.contains("locked") {
            table.parse_list("locked").into_iter().collect()
        } else {
            locked_categories()
        };
        let exceptions = table.optional("exception").unwrap_or_default();
        table.close(Some(Self { locked, exceptions }))
    }
}

/// `[[commune.exception]]`.
pub(super) struct Exception {
    rule: Rule,
    /// Its last day.
    until: Option<Date>,
}

impl Exception {
    /// The rule, which ends with its last day in the time zone of the school; `None` past the end of the calendar.
    pub(super) fn finish(self, zone: &TimeZone) -> Option<Rule> {
        let Some(until) = self.until else { return Some(self.rule) };
        let end = until.tomorrow().ok()?.to_zoned(zone.clone()).ok()?.timestamp();
        Some(Rule { until: Some(Timestamp::from_unix_ms(end.as_millisecond())), ..self.rule })
    }
}

impl<'de> Deserialize<'de> for Exception {
    fn deserialize(value: &mut Value<'de>) -> Result<Self, DeserError> {
        let mut table = Section::open(value)?;
        let site = table.required_parse::<Site>("site");
        let effect = if table.contains("verdict") {
            table.parse::<Effect>("verdict").map(|Effect(verdict)| verdict)
        } else {
            Some(Verdict::Permit)
        };
        let author = table.required_parse::<PersonName>("author");
        let motive = table.required_spanned::<String>("reason").and_then(|text| {
            let motive = text.value.parse::<Motive>();
            motive.map_err(|error| table.reject(text.span, error.to_string())).ok()
        });
        let until = table.parse::<LastDay>("until").map(|LastDay(date)| date);
        let rule = || {
            Some(Rule {
                layer: Layer::Commune,
                effect: effect?,
                topic: Topic::Site(site?.0),
                scope: Scope::Everyone,
                author: author?,
                motive: motive?,
                from: None,
                until: None,
            })
        };
        table.close(rule().map(|rule| Self { rule, until }))
    }
}

/// A day, as the overrides' `--until` takes it.
struct LastDay(Date);

impl FromStr for LastDay {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse().map(Self).map_err(|_| "a day is written as 2027-07-05")
    }
}

struct Effect(Verdict);

impl FromStr for Effect {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Verdict::find(text).map(Self).ok_or("a verdict is `permit` or `refuse`")
    }
}

/// A name that one organisation has: never a whole top-level domain.
pub(super) struct Site(pub(super) DomainName);

impl FromStr for Site {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let name: DomainName = text.parse().map_err(|error: model::DomainNameError| error.to_string())?;
        if name.as_str().contains('.') {
            Ok(Self(name))
        } else {
            Err("a top-level domain is nobody's site".to_owned())
        }
    }
}
