//! What a box tells of the self-test of its filter: an own look at whether a way around it is open.

use serde::{Deserialize, Serialize};

/// Most names of attacks that are told: whoever needs all of them looks at the box.
pub const SELFTEST_NAMES_MAX: usize = 8;
/// Most letters of a name: the longest that there is has thirty.
const NAME_LENGTH_MAX: usize = 64;

/// What became of the last self-test of a box that is over, by whatever hand.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SelftestHealth {
    /// When it began, in milliseconds since 1970.
    pub at_ms: i64,
    /// `closed`: no way around is open; `open`: one is; `unproven`: it was not seen that what is permitted passes; `cut`: it did not come to its end.
    pub outcome: String,
    /// Since when no self-test has shown that all is closed: when the first of those without a good one behind them began. Nothing where the last is good.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since_ms: Option<i64>,
    /// Attacks that did not get through.
    pub passed: u32,
    /// Those that did.
    pub failed: u32,
    /// Those that could not be made.
    pub untested: u32,
    /// The names of some that did; [`SELFTEST_NAMES_MAX`] at most.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub names: Vec<String>,
}

impl SelftestHealth {
    /// Nothing around the filter is open.
    pub const CLOSED: &str = "closed";
    /// Something is.
    pub const OPEN: &str = "open";
    /// It was not seen that what is permitted passes: a refusal may have had reasons of its own.
    pub const UNPROVEN: &str = "unproven";
    /// It did not come to its end.
    pub const CUT: &str = "cut";

    /// Whether it is what people may be shown.
    #[must_use]
    pub fn is_right(&self) -> bool {
        let is_name = |name: &String| {
            (1..=NAME_LENGTH_MAX).contains(&name.len()) && name.bytes().all(|byte| byte.is_ascii_graphic())
        };
        [Self::CLOSED, Self::OPEN, Self::UNPROVEN, Self::CUT].contains(&self.outcome.as_str())
            && self.names.len() <= SELFTEST_NAMES_MAX
            && self.names.iter().all(is_name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Health, read_json};

    #[test]
    fn a_box_that_is_older_tells_none_and_one_that_is_newer_may_tell_more() {
        let old: Health = read_json(br#"{"version":"0.1.0","now_ms":5,"clock":"synchronised"}"#).unwrap();
        assert_eq!(old.selftest, None);
        assert!(!serde_json::to_string(&old).unwrap().contains("selftest"));
        let line = r#"{"at_ms":7,"outcome":"open","since_ms":6,"passed":40,"failed":1,"untested":2,"names":["dns-tcp"],"later":1}"#;
        let read: SelftestHealth = read_json(line.as_bytes()).unwrap();
        assert_eq!((read.since_ms, read.failed, read.is_right()), (Some(6), 1, true));
        let again = serde_json::to_string(&Health { selftest: Some(read.clone()), ..old }).unwrap();
        assert_eq!(read_json::<Health>(again.as_bytes()).unwrap().selftest, Some(read));
    }

    #[test]
    fn what_nobody_may_be_shown_is_not_right() {
        let check = |change: fn(&mut SelftestHealth), expected: bool| {
            let mut health = SelftestHealth { outcome: "cut".to_owned(), ..SelftestHealth::default() };
            change(&mut health);
            assert_eq!(health.is_right(), expected, "{health:?}");
        };
        check(|_| {}, true);
        check(|it| it.outcome = "well".to_owned(), false);
        check(|it| it.names = vec!["dns-tcp".to_owned(); SELFTEST_NAMES_MAX], true);
        check(|it| it.names = vec!["dns-tcp".to_owned(); SELFTEST_NAMES_MAX + 1], false);
        for name in ["", "a b", "\u{1b}[2J", &"x".repeat(NAME_LENGTH_MAX + 1)] {
            let health = SelftestHealth {
                outcome: "open".to_owned(),
                names: vec![name.to_owned()],
                ..SelftestHealth::default()
            };
            assert!(!health.is_right(), "{name:?}");
        }
    }
}
