//! What the commune decides for all its schools.

use std::collections::BTreeSet;
use std::str::FromStr;

use model::{Category, DomainName, Layer, Motive, PersonName, Verdict};
use policy::{Rule, Scope, Topic};
use toml_span::{DeserError, Deserialize, Value};

use super::super::section::Section;
use crate::default_profiles::locked_categories;

/// `[commune]`.
pub(super) struct CommuneKeys {
    pub(super) locked: BTreeSet<Category>,
    pub(super) rules: Vec<Rule>,
}

impl Default for CommuneKeys {
    fn default() -> Self {
        Self { locked: locked_categories(), rules: vec![] }
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
        let exceptions: Vec<ExceptionKeys> = table.optional("exception").unwrap_or_default();
        let rules = exceptions.into_iter().map(|ExceptionKeys(rule)| rule).collect();
        table.close(Some(Self { locked, rules }))
    }
}

/// `[[commune.exception]]`.
struct ExceptionKeys(Rule);

impl<'de> Deserialize<'de> for ExceptionKeys {
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
        table.close(rule().map(Self))
    }
}

struct Effect(Verdict);

impl FromStr for Effect {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let verdicts = [Verdict::Permit, Verdict::Refuse];
        let found = verdicts.into_iter().find(|verdict| verdict.as_str() == text);
        found.map(Self).ok_or("a verdict is `permit` or `refuse`")
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
