//! `[selftest]`.

use model::{DomainName, ProfileName};
use policy::Profile;
use system::selftest::PlanTime;
use toml_span::{DeserError, Deserialize, Spanned, Value};

use crate::config::Selftest;
use crate::config::section::Section;

/// A site of the State's schools that no list refuses, and that is always there.
const SITE: &str = "www.education.gouv.fr";

/// The self-test, as far as the file tells.
pub(super) struct SelftestKeys {
    site: DomainName,
    at: Option<PlanTime>,
    profiles: Option<Vec<Spanned<ProfileName>>>,
}

impl<'de> Deserialize<'de> for SelftestKeys {
    fn deserialize(value: &mut Value<'de>) -> Result<Self, DeserError> {
        let mut table = Section::open(value)?;
        let site = match table.contains("site") {
            true => table.parse::<DomainName>("site"),
            false => SITE.parse().ok(),
        };
        let at = table.parse::<PlanTime>("at");
        let names = table.optional_spanned::<Vec<Spanned<String>>>("profiles");
        if let Some(names) = names.as_ref().filter(|names| names.value.is_empty()) {
            table.reject(names.span, "`profiles` is empty: nobody would attack");
        }
        let profiles = names
            .map(|names| names.value.iter().filter_map(|name| parse_profile(&mut table, name)).collect());
        table.close(site.map(|site| Self { site, at, profiles }))
    }
}

impl SelftestKeys {
    /// Compares with what else the file says.
    pub(super) fn check(&self, table: &mut Section<'_>, profiles: &[Profile]) {
        for name in self.profiles.iter().flatten() {
            if !profiles.iter().any(|profile| profile.name == name.value) {
                table.reject(name.span, format!("there is no profile `{}`", name.value));
            }
        }
    }

    pub(super) fn finish(self) -> Selftest {
        let Self { site, at, profiles } = self;
        let profiles = profiles.map(|names| names.into_iter().map(|name| name.value).collect());
        Selftest { site, at, profiles }
    }
}

fn parse_profile(table: &mut Section<'_>, name: &Spanned<String>) -> Option<Spanned<ProfileName>> {
    match name.value.parse() {
        Ok(profile) => Some(Spanned::with_span(profile, name.span)),
        Err(error) => {
            table.reject(name.span, format!("`{}`: {error}", name.value));
            None
        }
    }
}

impl Default for SelftestKeys {
    fn default() -> Self {
        #[expect(
            clippy::expect_used,
            reason = "the constant is a name: a test reads a file without the table"
        )]
        let site = SITE.parse().expect("a name");
        Self { site, at: None, profiles: None }
    }
}
