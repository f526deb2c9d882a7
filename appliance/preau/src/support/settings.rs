//! The configuration without what people have named.

use toml_span::Value;
use toml_span::value::{Table, ValueInner};

use crate::config::Halves;

/// Texts that are words of the configuration itself, by table and key. All others are names, addresses or secrets, or may
/// be.
const WORDS: [&str; 13] = [
    "school.timezone",
    "selftest.at",
    "profile.mode",
    "profile.youtube",
    "profile.hours.days",
    "profile.hours.from",
    "profile.hours.to",
    "profile.hours.mode",
    "ent.family",
    "wifi.country",
    "wifi.network.keys",
    "wifi.network.security",
    "access_point.kind",
];
/// What stands for a text that is not shown.
const HIDDEN: &str = "(a text)";

/// A line for each setting, those that the commune decides below the box's own; `None` where the text is no TOML.
pub(super) fn describe(text: &str) -> Option<String> {
    let Halves { own, commune } = Halves::split(text);
    let described = describe_half(&own)?;
    let Some((number, commune)) = commune else { return Some(described) };
    Some(format!("{described}decided by the commune ({number}):\n{}", describe_half(&commune)?))
}

fn describe_half(text: &str) -> Option<String> {
    let mut root = toml_span::parse(text).ok()?;
    let ValueInner::Table(table) = root.take() else { return None };
    let mut lines = Vec::new();
    describe_table(&mut lines, &Path::default(), table);
    Some(lines.into_iter().map(|line| line + "\n").collect())
}

/// Where a value stands.
#[derive(Clone, Default)]
struct Path {
    /// As it is shown: `profile[2].mode`.
    shown: String,
    /// Without numbers: `profile.mode`.
    keys: String,
}

impl Path {
    fn join(&self, key: &str) -> Self {
        let join = |before: &str| if before.is_empty() { key.to_owned() } else { format!("{before}.{key}") };
        Self { shown: join(&self.shown), keys: join(&self.keys) }
    }

    fn number(&self, number: usize) -> Self {
        Self { shown: format!("{}[{number}]", self.shown), keys: self.keys.clone() }
    }
}

fn describe_table(lines: &mut Vec<String>, path: &Path, table: Table<'_>) {
    for (key, mut value) in table {
        describe_value(lines, &path.join(&key.name), &mut value);
    }
}

fn describe_value(lines: &mut Vec<String>, path: &Path, value: &mut Value<'_>) {
    let is_word = WORDS.contains(&path.keys.as_str());
    let shown = match value.take() {
        ValueInner::Table(table) => return describe_table(lines, path, table),
        ValueInner::Array(values) if values.iter().any(is_table) => {
            for (mut value, number) in values.into_iter().zip(1..) {
                describe_value(lines, &path.number(number), &mut value);
            }
            return;
        }
        ValueInner::Array(values) if is_word => {
            values.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(", ")
        }
        ValueInner::Array(values) => format!("(a list of {})", values.len()),
        ValueInner::String(text) if is_word => text.into_owned(),
        ValueInner::String(_) => HIDDEN.to_owned(),
        ValueInner::Integer(number) => number.to_string(),
        ValueInner::Float(number) => number.to_string(),
        ValueInner::Boolean(truth) => truth.to_string(),
    };
    lines.push(format!("{} = {shown}", path.shown));
}

fn is_table(value: &Value<'_>) -> bool {
    value.as_table().is_some()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::join;

    const EXAMPLE: &str = include_str!("../../../../docs/preau.example.toml");

    /// Every text of the example, with the place where it stands.
    fn texts(path: &Path, value: &mut Value<'_>, found: &mut Vec<(String, String)>) {
        match value.take() {
            ValueInner::Table(table) => {
                for (key, mut value) in table {
                    texts(&path.join(&key.name), &mut value, found);
                }
            }
            ValueInner::Array(values) => {
                for mut value in values {
                    texts(path, &mut value, found);
                }
            }
            ValueInner::String(text) => found.push((path.keys.clone(), text.into_owned())),
            ValueInner::Integer(_) | ValueInner::Float(_) | ValueInner::Boolean(_) => {}
        }
    }

    /// Each text of a whole configuration becomes a word that must not come out, unless it is one of its own words.
    #[test]
    fn no_text_comes_out_that_is_not_a_word_of_the_configuration() {
        let mut all = Vec::new();
        texts(&Path::default(), &mut toml_span::parse(EXAMPLE).unwrap(), &mut all);
        assert!(all.len() > 60, "the example has all kinds of settings");
        let mut example = EXAMPLE.to_owned();
        let hidden = all.iter().filter(|(keys, _)| !WORDS.contains(&keys.as_str()));
        for (_, text) in hidden {
            example = example.replace(&format!("\"{text}\""), &format!("\"canari {text}\""));
        }
        assert!(example.matches("canari").count() > 50);
        let shown = describe(&example).unwrap();
        assert!(!shown.contains("canari"), "{shown}");
        for expected in [
            "lesson.minutes = 45",
            "profile[2].mode = white-list",
            "access_point[1].kind = openwrt",
            "school.name = (a text)",
            "profile[1].refused = (a list of 4)",
            "dhcp.lease_minutes = 240",
            "profile[2].hours[1].days = sat, sun",
        ] {
            assert!(shown.contains(expected), "{expected}: {shown}");
        }
    }

    #[test]
    fn what_is_no_toml_is_not_shown() {
        assert_eq!(describe("canari = "), None);
    }

    #[test]
    fn what_the_commune_decides_is_told_apart() {
        let (own, commune) = ("[school]\nname = \"canari\"\n", Some((7, "[lesson]\nminutes = 45\n")));
        let shown = describe(&join(own, commune)).unwrap();
        let expected = "school.name = (a text)\ndecided by the commune (7):\nlesson.minutes = 45\n";
        assert_eq!(shown, expected);
    }
}
