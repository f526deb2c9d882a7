//! A configuration file in two halves: the box's own, and what the commune decides, which stands in comments of their own.
//!
//! ```text
//! version = 1                             whatever people of this box have written, letter by letter
//! …
//! # preau: what the commune decides; number 1795392000
//! #: [school]                             what the hub has sent, each of its lines behind `#: `
//! #: …
//! ```
//!
//! Both are TOML by themselves. A key that the commune decides stands in the place of the same key of the box's own; tables are joined key by key, lists
//! (`[[ent]]`, `[[wifi.network]]`) are replaced whole. What the commune takes back is as it was before it said anything. A program that does not know of
//! this, as a release to which a box goes back, reads comments, and works by the box's own half.

use toml_span::Value;
use toml_span::value::ValueInner;

/// The line above what the commune decides, before its number.
const LINE: &str = "# preau: what the commune decides; number ";
/// What each of its lines begins with.
pub(super) const BEGINNING: &str = "#: ";

/// The two halves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Halves {
    /// The box's own.
    pub(crate) own: String,
    /// The number and the text of what the commune decides, where it does.
    pub(crate) commune: Option<(u64, String)>,
}

impl Halves {
    /// Takes a file apart.
    pub(crate) fn split(text: &str) -> Self {
        let (mut own, mut decided, mut number) = (String::new(), String::new(), None);
        for line in text.split_inclusive('\n') {
            match (find_number(line), line.strip_prefix(BEGINNING), number) {
                (Some(found), _, _) => number = Some(found),
                (None, Some(line), Some(_)) => decided.push_str(line),
                (None, _, _) => own.push_str(line),
            }
        }
        Self { own, commune: number.map(|number| (number, decided)) }
    }

    /// Puts them together.
    pub(crate) fn join(&self) -> String {
        let commune = self.commune.as_ref().map(|(number, text)| (*number, text.as_str()));
        join(&self.own, commune)
    }
}

/// Puts two halves together.
pub(crate) fn join(own: &str, commune: Option<(u64, &str)>) -> String {
    let Some((number, decided)) = commune else { return own.to_owned() };
    let gap = if own.is_empty() || own.ends_with('\n') { "" } else { "\n" };
    let decided: String = decided.lines().map(|line| format!("{BEGINNING}{line}\n")).collect();
    format!("{own}{gap}{LINE}{number}\n{decided}")
}

/// The number of what the commune decides; `None` where it decides nothing here.
pub(crate) fn number_of(text: &str) -> Option<u64> {
    text.lines().filter_map(find_number).next_back()
}

fn find_number(line: &str) -> Option<u64> {
    line.strip_prefix(LINE)?.trim_end().parse().ok()
}

/// What the commune decides, with blanks in the place of all else: what is found in it stands where it stands in the whole. `None` where it decides
/// nothing.
pub(super) fn blank_own(text: &str) -> Option<String> {
    number_of(text)?;
    let (mut blanked, mut is_below) = (String::with_capacity(text.len()), false);
    for line in text.split_inclusive('\n') {
        is_below |= find_number(line).is_some();
        let decided = line.strip_prefix(BEGINNING).filter(|_| is_below);
        let (others, decided) = decided.map_or((line, ""), |decided| (BEGINNING, decided));
        blanked.extend(others.bytes().map(|byte| if byte == b'\n' { '\n' } else { ' ' }));
        blanked.push_str(decided);
    }
    Some(blanked)
}

/// Puts what the commune decides in the place of what the box has of its own.
pub(super) fn merge<'de>(own: &mut Value<'de>, mut commune: Value<'de>) {
    match (own.take(), commune.take()) {
        (ValueInner::Table(mut table), ValueInner::Table(decided)) => {
            for (key, value) in decided {
                match table.get_mut(&*key.name) {
                    Some(found) => merge(found, value),
                    None => drop(table.insert(key, value)),
                }
            }
            own.set(ValueInner::Table(table));
        }
        (_, decided) => {
            own.set(decided);
            own.span = commune.span;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_taken_apart_as_it_was_put_together() {
        for own in ["", "version = 1\n", "# é\n[school]\nname = \"École\"\n"] {
            for commune in [None, Some((5, "")), Some((u64::MAX, "[school]\n\n#: a\nname = \"É\"\n"))] {
                let commune = commune.map(|(number, text)| (number, text.to_owned()));
                let halves = Halves { own: own.to_owned(), commune };
                let joined = halves.join();
                assert_eq!(Halves::split(&joined), halves);
                assert_eq!(number_of(&joined), halves.commune.map(|(number, _)| number));
            }
        }
        // The last line of somebody's own file may have no end.
        let halves = Halves::split(&join("version = 1", Some((5, "a = 1"))));
        let expected = Halves { own: "version = 1\n".to_owned(), commune: Some((5, "a = 1\n".to_owned())) };
        assert_eq!(halves, expected);
        let other = format!("{LINE}of somebody\n{BEGINNING}a comment like any other\n");
        assert_eq!(Halves::split(&other), Halves { own: other.clone(), commune: None });
        assert_eq!(blank_own(&other), None);
    }

    /// Whoever writes at the end of the file has written it for the box.
    #[test]
    fn what_somebody_adds_below_is_of_the_box() {
        let joined = format!("{}b = 2\n", join("a = 1\n", Some((5, "c = 3\n"))));
        let halves = Halves::split(&joined);
        assert_eq!(
            (halves.own.as_str(), halves.commune),
            ("a = 1\nb = 2\n", Some((5, "c = 3\n".to_owned())))
        );
    }

    #[test]
    fn what_is_decided_stands_where_it_stood() {
        let text = join("\"é\" = 1\n", Some((5, "\"à\" = 2\n")));
        let blanked = blank_own(&text).unwrap();
        assert_eq!((blanked.len(), blanked.find('à')), (text.len(), text.find('à')));
        assert_eq!(blanked.matches('\n').count(), 3);
        assert!(toml_span::parse(&blanked).is_ok_and(|value| !value.has_key("é") && value.has_key("à")));
        // A program that does not know of it.
        assert!(toml_span::parse(&text).is_ok_and(|value| value.has_key("é") && !value.has_key("à")));
    }
}
