//! A configuration file in two halves: the box's own, and below a line of its own what the commune decides.
//!
//! ```text
//! version = 1                             whatever people of this box have written, letter by letter
//! …
//! # preau: what the commune decides from here on; number 1795392000
//! [school]                                what the hub has sent, letter by letter
//! …
//! ```
//!
//! Both are TOML by themselves. A key of the lower half stands in the place of the same key of the upper one; tables are joined key by key, lists
//! (`[[ent]]`, `[[wifi.network]]`) are replaced whole. What the commune takes back is as it was before it said anything.

use toml_span::Value;
use toml_span::value::ValueInner;

/// The line between the halves, before its number.
const LINE: &str = "# preau: what the commune decides from here on; number ";

/// The two halves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Halves<'t> {
    /// The box's own.
    pub(crate) own: &'t str,
    /// The number and the text of what the commune decides, where it does.
    pub(crate) commune: Option<(u64, &'t str)>,
}

impl<'t> Halves<'t> {
    /// Takes a file apart.
    pub(crate) fn split(text: &'t str) -> Self {
        let mut start = 0;
        for line in text.split_inclusive('\n') {
            let end = start + line.len();
            let number = line.strip_prefix(LINE).and_then(|rest| rest.trim_end().parse().ok());
            if let Some(number) = number {
                let own = text.get(..start).unwrap_or_default();
                return Self { own, commune: Some((number, text.get(end..).unwrap_or_default())) };
            }
            start = end;
        }
        Self { own: text, commune: None }
    }

    /// Puts them together.
    pub(crate) fn join(self) -> String {
        let Self { own, commune } = self;
        let Some((number, commune)) = commune else { return own.to_owned() };
        let gap = if own.is_empty() || own.ends_with('\n') { "" } else { "\n" };
        format!("{own}{gap}{LINE}{number}\n{commune}")
    }
}

/// The same text with blanks in the place of its upper half: what is found in it stands where it stands in the whole.
pub(super) fn blank_own(text: &str, commune: &str) -> String {
    let above = text.len().saturating_sub(commune.len());
    let blank = |byte: u8| if byte == b'\n' { '\n' } else { ' ' };
    let mut blanked: String = text.bytes().take(above).map(blank).collect();
    blanked.push_str(commune);
    blanked
}

/// Puts what the commune decides in the place of what the box has of its own.
pub(super) fn merge<'de>(own: &mut Value<'de>, mut commune: Value<'de>) {
    match (own.take(), commune.take()) {
        (ValueInner::Table(mut table), ValueInner::Table(decided)) => {
            for (key, value) in decided {
                match table.get_mut(key.name.as_ref()) {
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
            for commune in [None, Some((5, "")), Some((u64::MAX, "[school]\nname = \"É\"\n"))] {
                let halves = Halves { own, commune };
                assert_eq!(Halves::split(&halves.join()), halves);
            }
        }
        // The last line of somebody's own file may have no end.
        let joined = Halves { own: "version = 1", commune: Some((5, "a = 1")) }.join();
        assert_eq!(Halves::split(&joined), Halves { own: "version = 1\n", commune: Some((5, "a = 1")) });
        let other = format!("{LINE}of somebody\n{}5\n", LINE.trim_start_matches('#'));
        assert_eq!(Halves::split(&other).commune, None, "another comment");
    }

    #[test]
    fn what_is_below_stands_where_it_stood() {
        let text = Halves { own: "é = 1\n", commune: Some((5, "à = 2\n")) }.join();
        let blanked = blank_own(&text, "à = 2\n");
        assert_eq!((blanked.len(), blanked.find('à')), (text.len(), text.find('à')));
        assert_eq!(blanked.matches('\n').count(), 3);
        assert!(toml_span::parse(&blanked).is_ok_and(|value| !value.has_key("é") && value.has_key("à")));
    }
}
