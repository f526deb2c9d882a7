//! `[selftest]`.

use model::{DomainName, ProfileName};
use system::selftest::PlanTime;
use toml_span::{DeserError, Deserialize, Spanned, Value};

use crate::config::Selftest;
use crate::config::section::Section;

/// A site of the State's schools that no list refuses, and that is always there.
const SITE: &str = "www.education.gouv.fr";

impl<'de> Deserialize<'de> for Selftest {
    fn deserialize(value: &mut Value<'de>) -> Result<Self, DeserError> {
        let mut table = Section::open(value)?;
        let site = match table.contains("site") {
            true => table.parse::<DomainName>("site"),
            false => SITE.parse().ok(),
        };
        let at = table.parse::<PlanTime>("at");
        let profiles = table
            .optional::<Vec<Spanned<String>>>("profiles")
            .map(|names| names.iter().filter_map(|name| parse_profile(&mut table, name)).collect());
        table.close(site.map(|site| Self { site, at, profiles }))
    }
}

fn parse_profile(table: &mut Section<'_>, name: &Spanned<String>) -> Option<ProfileName> {
    match name.value.parse() {
        Ok(profile) => Some(profile),
        Err(error) => {
            table.reject(name.span, format!("`{}`: {error}", name.value));
            None
        }
    }
}

impl Default for Selftest {
    fn default() -> Self {
        #[expect(
            clippy::expect_used,
            reason = "the constant is a name: a test reads a file without the table"
        )]
        let site = SITE.parse().expect("a name");
        Self { site, at: None, profiles: None }
    }
}
