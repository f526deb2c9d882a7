//! What the commune decides for all its schools: a document that the hub signs, of which each has a higher number than the one before.
//!
//! ```text
//! PREAU POLICY 1
//! {"serial":3,"made_ms":1795392000000,"rules":[...],"locks":[...]}
//!
//! — signature of the hub, as under a checkpoint
//! ```
//!
//! The whole of it stands in each: a box that has missed some is right with the last.

use model::{Category, DomainName, Layer, Motive, PersonName, Rule, Scope, Timestamp, Topic, Verdict};
use serde::{Deserialize, Serialize};

use crate::document;

/// The first line: what it is, and in which version. No log has such a name, so that a policy is no checkpoint.
const FIRST_LINE: &str = "PREAU POLICY 1";
/// Most rules of a commune: what is more is a list's matter.
pub const RULES_MAX: usize = 100;
/// Most categories that a commune locks: the lists have some sixty.
pub const LOCKS_MAX: usize = 64;
/// Highest number of a document: what every database keeps.
pub(crate) const SERIAL_MAX: u64 = i64::MAX.unsigned_abs();

/// What the commune decides.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CommunePolicy {
    /// Its number. A box takes none that is not higher than the one it has.
    pub serial: u64,
    /// When it was made, in milliseconds since 1970.
    pub made_ms: i64,
    /// All rules.
    pub rules: Vec<CommuneRule>,
    /// All categories that it locks. A box that is older than they are takes the rules alone.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub locks: Vec<CategoryLock>,
}

/// A category that the commune refuses to every school, and that nobody there opens. Its own rules are the exceptions.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CategoryLock {
    /// The category, by a name that the lists have.
    pub category: String,
    /// Who decided.
    pub author: String,
    /// Why.
    pub reason: String,
    /// Since when, in milliseconds since 1970.
    pub made_ms: i64,
}

/// A site that the commune opens or closes for every school.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CommuneRule {
    /// `permit` or `refuse`.
    pub verdict: String,
    /// The site, and all names under it.
    pub site: String,
    /// Who decided.
    pub author: String,
    /// Why.
    pub reason: String,
    /// Up to when, in milliseconds since 1970; for good where it is missing.
    pub until_ms: Option<i64>,
}

/// The document, with the signature; none was ever made where it is missing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignedPolicy {
    /// A signed note.
    pub note: Option<String>,
}

impl CommunePolicy {
    /// The text that is signed.
    #[must_use]
    pub fn write(&self) -> String {
        document::write(FIRST_LINE, self)
    }

    /// Reads a text whose signature is right; `None` where it is no policy, or has a rule that cannot be one.
    #[must_use]
    pub fn read(text: &str) -> Option<Self> {
        let policy: Self = document::read(FIRST_LINE, text)?;
        let is_bounded =
            policy.rules.len() <= RULES_MAX && policy.locks.len() <= LOCKS_MAX && policy.serial <= SERIAL_MAX;
        policy.rules().filter(|_| is_bounded)?;
        Some(policy)
    }

    /// The rules and the locks as the filter takes them; `None` where one is none.
    #[must_use]
    pub fn rules(&self) -> Option<Vec<Rule>> {
        let rules = self.rules.iter().map(CommuneRule::read);
        rules.chain(self.locks.iter().map(CategoryLock::read)).collect()
    }
}

impl CategoryLock {
    fn read(&self) -> Option<Rule> {
        Some(Rule {
            layer: Layer::Commune,
            effect: Verdict::Refuse,
            topic: Topic::Category(self.category.parse::<Category>().ok()?),
            scope: Scope::Everyone,
            author: self.author.parse::<PersonName>().ok()?,
            motive: self.reason.parse::<Motive>().ok()?,
            from: None,
            until: None,
        })
    }
}

impl CommuneRule {
    pub(crate) fn read(&self) -> Option<Rule> {
        let site: DomainName = self.site.parse().ok()?;
        if site.is_public_suffix() {
            return None;
        }
        Some(Rule {
            layer: Layer::Commune,
            effect: Verdict::find(&self.verdict)?,
            topic: Topic::Site(site),
            scope: Scope::Everyone,
            author: self.author.parse::<PersonName>().ok()?,
            motive: self.reason.parse::<Motive>().ok()?,
            from: None,
            until: self.until_ms.map(Timestamp::from_unix_ms),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(verdict: &str, site: &str) -> CommuneRule {
        CommuneRule {
            verdict: verdict.to_owned(),
            site: site.to_owned(),
            author: "M. Blanc".to_owned(),
            reason: "faux concours".to_owned(),
            until_ms: None,
        }
    }

    fn policy(rules: Vec<CommuneRule>) -> CommunePolicy {
        CommunePolicy { serial: 3, made_ms: 1_795_392_000_000, rules, locks: vec![] }
    }

    fn lock(category: &str) -> CategoryLock {
        CategoryLock {
            category: category.to_owned(),
            author: "M. Blanc".to_owned(),
            reason: "jeux d’argent".to_owned(),
            made_ms: 1_795_392_000_000,
        }
    }

    #[test]
    fn a_policy_is_read_as_it_was_written() {
        let made = policy(vec![rule("refuse", "concours.example"), rule("permit", "musee.example")]);
        assert_eq!(CommunePolicy::read(&made.write()).as_ref(), Some(&made));
        let rules = made.rules().unwrap();
        assert_eq!(
            (rules[0].layer, rules[0].effect, &rules[0].scope),
            (Layer::Commune, Verdict::Refuse, &Scope::Everyone)
        );
        let golden = include_str!("../testdata/policy-v1.txt");
        let read = CommunePolicy::read(golden).unwrap();
        assert_eq!((read.write().as_str(), read.rules.len(), read.locks.len()), (golden, 2, 1));
    }

    #[test]
    fn a_lock_is_a_rule_of_the_whole_commune_and_one_without_any_says_what_it_said_before() {
        let made =
            CommunePolicy { locks: vec![lock("gambling")], ..policy(vec![rule("permit", "musee.example")]) };
        assert_eq!(CommunePolicy::read(&made.write()).as_ref(), Some(&made));
        let rules = made.rules().unwrap();
        let locked: Vec<_> = rules.iter().map(|rule| rule.locked().map(Category::as_str)).collect();
        assert_eq!(locked, [None, Some("gambling")]);
        let without = CommunePolicy { locks: vec![], ..made }.write();
        assert!(!without.contains("locks"), "{without}");
        // What a hub says that knows no locks.
        assert_eq!(CommunePolicy::read(&without).unwrap().locks, []);
    }

    #[test]
    fn what_is_no_policy_is_not_taken() {
        let check = |made: &CommunePolicy| assert_eq!(CommunePolicy::read(&made.write()), None, "{made:?}");
        check(&policy(vec![rule("open", "musee.example")]));
        check(&policy(vec![rule("permit", "fr")]));
        check(&policy(vec![rule("permit", "not a name")]));
        check(&policy(vec![CommuneRule { reason: String::new(), ..rule("permit", "musee.example") }]));
        check(&policy(vec![rule("permit", "musee.example"); RULES_MAX + 1]));
        check(&CommunePolicy { serial: u64::MAX, ..policy(vec![]) });
        let locking = |locks: Vec<CategoryLock>| CommunePolicy { locks, ..policy(vec![]) };
        check(&locking(vec![lock("jeux d'argent")]));
        check(&locking(vec![CategoryLock { author: String::new(), ..lock("gambling") }]));
        check(&locking(vec![CategoryLock { reason: "é".repeat(201), ..lock("gambling") }]));
        check(&locking(vec![lock("gambling"); LOCKS_MAX + 1]));
        let text = policy(vec![]).write();
        for text in [&text[1..], text.trim_end(), &text.replace("POLICY 1", "POLICY 2"), ""] {
            assert_eq!(CommunePolicy::read(text), None, "{text}");
        }
    }
}
