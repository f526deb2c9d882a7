//! The families of online workspaces: built-in profiles, and a commune's own in files of their own.

use std::fmt;
use std::path::Path;

use cache::{Family, OFFLINE_DAYS_MAX, PATTERNS_MAX, PathPattern};
use toml_span::{DeserError, Deserialize, Spanned, Value};

use crate::config::files::read_file;
use crate::config::report::{Problem, problems};
use crate::config::section::Section;

/// The built-in profiles, by their names.
const BUILT_IN: [(&str, &str); 9] = [
    ("entcore", ENTCORE),
    ("one", ENTCORE),
    ("beneylu", include_str!("../families/beneylu.toml")),
    ("iconito", include_str!("../families/iconito.toml")),
    ("netecole", include_str!("../families/netecole.toml")),
    ("liberscol", include_str!("../families/liberscol.toml")),
    ("opencartable", include_str!("../families/opencartable.toml")),
    ("scoledge", include_str!("../families/scoledge.toml")),
    ("arthur-et-lila", include_str!("../families/arthur-et-lila.toml")),
];
/// ONE is the best known of those that are built on it.
const ENTCORE: &str = include_str!("../families/entcore.toml");
/// The name of the profile of a workspace that nobody knows.
const GENERIC: &str = "generic";
/// The only version so far.
const VERSION: u32 = 1;

/// `family` and `family_file` of a workspace.
pub(super) fn read_family(table: &mut Section<'_>) -> Family {
    let name = table.optional_spanned::<String>("family");
    let file = table.path("family_file");
    if let (Some(name), Some(_)) = (&name, &file) {
        table.reject(name.span, "either `family` or `family_file`, not both");
    }
    let read = match (name, file) {
        (_, Some(Spanned { value, span })) => load(&value).map_err(|message| (span, message)),
        (Some(Spanned { value, span }), None) => find(&value).map_err(|message| (span, message)),
        (None, None) => Ok(Family::default()),
    };
    read.unwrap_or_else(|(span, message)| {
        table.reject(span, message);
        Family::default()
    })
}

fn find(name: &str) -> Result<Family, String> {
    if name == GENERIC {
        return Ok(Family::default());
    }
    let known = BUILT_IN.iter().find(|(built_in, _)| *built_in == name);
    let names = || BUILT_IN.map(|(name, _)| name).join(", ");
    let (_, text) = known
        .ok_or_else(|| format!("`{name}`: no family that is known; known are {GENERIC}, {}", names()))?;
    parse(text).map_err(|wrong| format!("`{name}`: {}", join(&wrong)))
}

fn load(path: &Path) -> Result<Family, String> {
    let place = path.display();
    let bytes = read_file(path).map_err(|error| format!("`{place}`: {error}"))?;
    let text = String::from_utf8(bytes).map_err(|_| format!("`{place}`: no UTF-8"))?;
    parse(&text).map_err(|wrong| format!("`{place}`: {}", join(&wrong)))
}

fn join(problems: &[Problem]) -> String {
    problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

fn parse(text: &str) -> Result<Family, Vec<Problem>> {
    let mut document = toml_span::parse(text).map_err(|error| problems(text, error.into()))?;
    let File(family) = File::deserialize(&mut document).map_err(|errors| problems(text, errors))?;
    Ok(family)
}

/// A whole profile.
struct File(Family);

impl<'de> Deserialize<'de> for File {
    fn deserialize(value: &mut Value<'de>) -> Result<Self, DeserError> {
        let mut table = Section::open(value)?;
        match table.required_spanned::<u32>("version") {
            Some(version) if version.value != VERSION => {
                table.reject(version.span, format!("this box knows version {VERSION} of a profile"));
            }
            Some(_) | None => {}
        }
        let default = Family::default();
        let days = table.optional_spanned::<u32>("offline_days");
        if let Some(days) = days.as_ref().filter(|days| days.value > OFFLINE_DAYS_MAX) {
            table.reject(days.span, format!("a number of days from 0 to {OFFLINE_DAYS_MAX}"));
        }
        let family = Family {
            session_cookies: names(&mut table, "session_cookies"),
            files: patterns(&mut table, "files"),
            signatures: names(&mut table, "signatures"),
            for_all: patterns(&mut table, "static"),
            log_out: patterns(&mut table, "log_out"),
            has_banner: table.optional("banner").unwrap_or(default.has_banner),
            offline_days: days.map_or(default.offline_days, |days| days.value),
        };
        if family.offline_days > 0 && family.session_cookies.is_empty() {
            table.reject(
                table.span(),
                "`offline_days` needs `session_cookies`: what is read offline is a session's own",
            );
        }
        table.close(Some(Self(family)))
    }
}

fn patterns(table: &mut Section<'_>, key: &'static str) -> Vec<PathPattern> {
    let patterns = table.parse_list::<PathPattern>(key);
    bound(table, key, patterns.len());
    patterns
}

fn names(table: &mut Section<'_>, key: &'static str) -> Vec<String> {
    let names: Vec<Spanned<String>> = table.optional(key).unwrap_or_default();
    bound(table, key, names.len());
    for name in &names {
        let is_name = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.*[]".contains(&byte);
        if name.value.is_empty() || name.value == "*" || !name.value.bytes().all(is_name) {
            table.reject(name.span, format!("`{}`: no name of a cookie or a parameter", name.value));
        }
    }
    names.into_iter().map(|name| name.value).collect()
}

fn bound(table: &mut Section<'_>, key: impl fmt::Display, count: usize) {
    if count > PATTERNS_MAX {
        table.reject(table.span(), format!("`{key}`: {PATTERNS_MAX} at most"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_built_in_profile_is_right() {
        for (name, _) in BUILT_IN {
            let family = find(name).unwrap();
            // Of the others nothing is known, and nothing is made up.
            let is_known = ["entcore", "one", "beneylu", "iconito"].contains(&name);
            assert_eq!(!family.session_cookies.is_empty(), is_known, "{name}");
            assert!(is_known || family == Family::default(), "{name}");
        }
        assert_eq!(find(GENERIC), Ok(Family::default()));
        assert_eq!(find("one"), find("entcore"));
        assert!(find("pronote").unwrap_err().contains("known are generic, entcore, one, beneylu, iconito"));
    }

    #[test]
    fn built_in_profiles_know_the_files_of_their_families() {
        let check = |name: &str, uri: &str, expected: Option<(&str, bool)>| {
            let file = find(name).unwrap().file("ent.example", uri);
            let file = file.as_ref().map(|file| (file.key.path_and_query(), file.is_signed));
            assert_eq!(file, expected, "{name} {uri}");
        };
        check(
            "entcore",
            "/workspace/document/7f3a-11?thumbnail=120x120",
            Some(("/workspace/document/7f3a-11?thumbnail=120x120", false)),
        );
        check("entcore", "/workspace/documents", None);
        check("entcore", "/userbook/api/person", None);
        check("beneylu", "/a/b.mp4?timestamp=17&signature=5a", Some(("/a/b.mp4", true)));
        check("beneylu", "/a/b.mp4?timestamp=17", None);
        check("iconito", "/static/album/1.jpg", None);
        let is_for_all = |name: &str, uri: &str| find(name).unwrap().is_for_all(uri);
        assert!(is_for_all("entcore", "/assets/themes/ode-bootstrap-one/skins/default/theme.css?v=3"));
        assert!(is_for_all("entcore", "/infra/public/js/audioEncoder.js"));
        assert!(!is_for_all("entcore", "/infra/user-preference") && !is_for_all("beneylu", "/assets/a.js"));
    }

    #[test]
    fn mistakes_of_a_profile_are_told_with_their_places() {
        let check = |text: &str, expected: &str| {
            let wrong = join(&parse(text).unwrap_err());
            assert!(wrong.contains(expected), "{text}: {wrong}");
        };
        check("", "the key `version` is missing");
        check("version = 2", "1:11: this box knows version 1");
        check("version = 1\nfiles = ['/**']", "2:11: `/**`: a path is written as");
        check("version = 1\nstatic = ['assets']", "2:12: `assets`: a path is written as");
        check("version = 1\nsession_cookies = ['a b']", "2:21: `a b`: no name");
        check("version = 1\nsignatures = ['*']", "no name");
        check("version = 1\noffline_days = 99", "2:16: a number of days from 0 to 31");
        check("version = 1\noffline_days = 7", "needs `session_cookies`");
        check("version = 1\ndays = 7", "unknown key `days`");
        let many = vec!["'/a'"; PATTERNS_MAX + 1].join(", ");
        check(&format!("version = 1\nlog_out = [{many}]"), "64 at most");
    }
}
