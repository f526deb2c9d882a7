//! The commune's policy: what its people change, and how it is signed.

mod locks;

use archive::{Note, SigningKey};
use model::Timestamp;
use replication::limits::POLICY_BYTES_MAX;
use replication::{CommunePolicy, CommuneRule, LOCKS_MAX, RULES_MAX};

use crate::register::wishes::SchoolRule;
use crate::register::{NewPolicy, Register, RegisterError};

pub use locks::{Reach, Reached, add_lock, known_categories, measure_reach, remove_lock};

/// Why the policy is as it was.
#[derive(Debug, thiserror::Error)]
pub enum PolicyError {
    /// The rule cannot be one.
    #[error(
        "the rule cannot be one: a site has a name under a public suffix, a category one of letters, digits, `-` and `_`; both have an author and a reason of 200 letters at most"
    )]
    Rule,
    /// There are many.
    #[error(
        "the commune has {RULES_MAX} rules or {LOCKS_MAX} locked categories already, or their words are too long: what is more is a list's matter"
    )]
    TooMany,
    /// Nobody made such a rule.
    #[error("the commune has no rule about {0}")]
    Unknown(String),
    /// Nobody locked the category.
    #[error(
        "the commune has not locked the category {0}: what a box's configuration locks stays locked there"
    )]
    Unlocked(String),
    /// Somebody else changed it at the same moment.
    #[error("somebody else has changed the policy at this moment: do it again")]
    Race,
    /// What is there cannot be read.
    #[error("the policy in the register is damaged")]
    Damaged,
    /// The database fails.
    #[error(transparent)]
    Register(#[from] RegisterError),
}

/// The policy as it is; without a rule where nobody made one.
///
/// # Errors
/// [`PolicyError`].
pub fn read_policy(register: &dyn Register) -> Result<CommunePolicy, PolicyError> {
    let Some((_, text)) = register.policy()? else { return Ok(CommunePolicy::default()) };
    let note = Note::read_up_to(&text, POLICY_BYTES_MAX).map_err(|_| PolicyError::Damaged)?;
    CommunePolicy::read(note.text()).ok_or(PolicyError::Damaged)
}

/// A policy with one rule more, and what that did to rules of single schools.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Added {
    /// The policy.
    pub policy: CommunePolicy,
    /// The schools whose own rule said the contrary of the same site: it is gone.
    pub gone: Vec<String>,
}

/// Adds a rule, in the place of the one about the same site. Rules of single schools that say the contrary of that site go with it.
///
/// # Errors
/// [`PolicyError`]; nothing has changed then.
pub fn add_rule(
    register: &dyn Register,
    key: &SigningKey,
    rule: &CommuneRule,
    now: Timestamp,
) -> Result<Added, PolicyError> {
    let draft = Draft::adding(&read_policy(register)?, key, rule, now)?;
    let gone = register.keep_policy(&draft.as_new(Some(rule), now))?.ok_or(PolicyError::Race)?;
    Ok(Added { policy: draft.policy, gone })
}

/// Removes the rule about a site.
///
/// # Errors
/// [`PolicyError`]; nothing has changed then.
pub fn remove_rule(
    register: &dyn Register,
    key: &SigningKey,
    site: &str,
    now: Timestamp,
) -> Result<CommunePolicy, PolicyError> {
    let before = read_policy(register)?;
    let mut next = before.clone();
    next.rules.retain(|rule| rule.site != site);
    if next.rules.len() == before.rules.len() {
        return Err(PolicyError::Unknown(site.to_owned()));
    }
    let draft = Draft::of(&before, key, next, now)?;
    register.keep_policy(&draft.as_new(None, now))?.ok_or(PolicyError::Race)?;
    Ok(draft.policy)
}

/// What rules of single schools say to the contrary of one for all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Contrary {
    /// Of the same site: these go where the rule is made.
    pub same: Vec<SchoolRule>,
    /// Of names under it: these stay, and count there.
    pub below: Vec<SchoolRule>,
}

/// Looks for what schools' own rules say to the contrary of a rule for all.
///
/// # Errors
/// [`RegisterError`].
pub fn find_contrary(
    register: &dyn Register,
    (verdict, site): (&str, &str),
    now: Timestamp,
) -> Result<Contrary, RegisterError> {
    let is_below = |other: &str| other.strip_suffix(site).is_some_and(|rest| rest.ends_with('.'));
    let mut contrary = Contrary::default();
    for own in register.school_rules(now)?.into_iter().filter(|own| own.rule.verdict != verdict) {
        if own.rule.site == site {
            contrary.same.push(own);
        } else if is_below(&own.rule.site) {
            contrary.below.push(own);
        }
    }
    Ok(contrary)
}

/// A policy that is signed, and not yet the commune's.
pub(crate) struct Draft {
    before: u64,
    policy: CommunePolicy,
    note: String,
}

/// Whether a rule is not over: one that is stands in the policy until that changes for something else.
pub(crate) fn is_in_force(rule: &CommuneRule, now: Timestamp) -> bool {
    rule.until_ms.is_none_or(|until| until > now.unix_ms())
}

impl Draft {
    /// With a rule more, in the place of the one about the same site.
    pub(crate) fn adding(
        before: &CommunePolicy,
        key: &SigningKey,
        rule: &CommuneRule,
        now: Timestamp,
    ) -> Result<Self, PolicyError> {
        let mut next = before.clone();
        next.rules.retain(|other| other.site != rule.site);
        next.rules.push(rule.clone());
        if next.rules.len() > RULES_MAX {
            return Err(PolicyError::TooMany);
        }
        Self::of(before, key, next, now)
    }

    /// With what `next` decides, whatever its number.
    fn of(
        before: &CommunePolicy,
        key: &SigningKey,
        mut next: CommunePolicy,
        now: Timestamp,
    ) -> Result<Self, PolicyError> {
        // What is over is no rule any more.
        next.rules.retain(|rule| is_in_force(rule, now));
        let policy = CommunePolicy { serial: next_serial(before, now), made_ms: now.unix_ms(), ..next };
        let text = policy.write();
        CommunePolicy::read(&text).ok_or(PolicyError::Rule)?;
        let note = Note::new(text.clone()).with(key.sign(&text, now)).write();
        // What boxes could not read would close nothing, and could not be taken back.
        Note::read_up_to(&note, POLICY_BYTES_MAX).map_err(|_| PolicyError::TooMany)?;
        Ok(Self { before: before.serial, policy, note })
    }

    /// As the register takes it.
    pub(crate) fn as_new<'d>(&'d self, added: Option<&'d CommuneRule>, at: Timestamp) -> NewPolicy<'d> {
        NewPolicy { before: self.before, serial: self.policy.serial, note: &self.note, added, at }
    }
}

/// By the clock, in seconds: a hub that is put back to an old state gives no number twice.
fn next_serial(before: &CommunePolicy, now: Timestamp) -> u64 {
    let seconds = u64::try_from(now.unix_ms() / 1_000).unwrap_or(0);
    before.serial.saturating_add(1).max(seconds)
}

#[cfg(test)]
mod tests {
    use model::Answered;
    use replication::SchoolRequest;

    use super::*;
    use crate::fixture;
    use crate::register::sqlite::SqliteRegister;
    use crate::register::wishes::{AnswerRule, WishAnswer};

    const NOW: Timestamp = Timestamp::from_unix_ms(1_795_392_000_000);

    fn rule(site: &str, until_ms: Option<i64>) -> CommuneRule {
        CommuneRule {
            verdict: "refuse".to_owned(),
            site: site.to_owned(),
            author: "M. Blanc".to_owned(),
            reason: "faux concours".to_owned(),
            until_ms,
        }
    }

    #[test]
    fn each_change_is_a_signed_document_of_a_higher_number() {
        let folder = tempfile::tempdir().unwrap();
        let register = SqliteRegister::open(&folder.path().join("register")).unwrap();
        let key = SigningKey::of_witness([7; 32]).unwrap();
        assert_eq!(read_policy(&register).unwrap(), CommunePolicy::default());
        add_rule(&register, &key, &rule("a.example", Some(NOW.unix_ms() + 1)), NOW).unwrap();
        add_rule(&register, &key, &rule("b.example", None), NOW).unwrap();
        let later = Timestamp::from_unix_ms(NOW.unix_ms() + 1);
        let policy = add_rule(&register, &key, &rule("b.example", None), later).unwrap().policy;
        let serial = u64::try_from(NOW.unix_ms()).unwrap() / 1_000 + 2;
        assert_eq!((policy.serial, policy.rules.len()), (serial, 1), "one is over, the other was said twice");
        let (_, note) = register.policy().unwrap().unwrap();
        assert!(Note::read(&note).unwrap().is_signed_by(key.verifier()));
        assert!(matches!(add_rule(&register, &key, &rule("fr", None), NOW), Err(PolicyError::Rule)));
        assert!(matches!(remove_rule(&register, &key, "c.example", NOW), Err(PolicyError::Unknown(_))));
        assert_eq!(remove_rule(&register, &key, "b.example", NOW).unwrap().rules, []);
    }

    #[test]
    fn what_schools_own_rules_say_to_the_contrary_goes_and_what_is_below_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let (hub, _) = fixture::open(folder.path());
        let register = &*hub.register;
        let permit = |site: &str| CommuneRule { verdict: "permit".to_owned(), ..rule(site, None) };
        for (asked_ms, site) in (1..).zip(["a.example", "www.a.example", "xa.example"]) {
            let request = SchoolRequest {
                site: site.to_owned(),
                wants: "permit".to_owned(),
                author: "Mme Martin".to_owned(),
                reason: "sortie".to_owned(),
                is_urgent: false,
                asked_ms,
            };
            register.add_wish(fixture::UAI, &request, &[], NOW).unwrap();
            let id = register.wishes(9).unwrap()[0].id;
            let answer = WishAnswer {
                answered: Answered::School,
                author: "M. Blanc".to_owned(),
                reason: "sortie".to_owned(),
                at: NOW,
            };
            let own = AnswerRule::School { rule: &permit(site), policy: 0 };
            register.answer_wish(id, &answer, own).unwrap();
        }
        let sites =
            |rules: &[SchoolRule]| -> Vec<String> { rules.iter().map(|own| own.rule.site.clone()).collect() };
        let refuse = rule("a.example", None);
        let contrary = find_contrary(register, ("refuse", "a.example"), NOW).unwrap();
        assert_eq!(
            (sites(&contrary.same), sites(&contrary.below)),
            (vec!["a.example".to_owned()], vec!["www.a.example".to_owned()])
        );
        assert_eq!(find_contrary(register, ("permit", "a.example"), NOW).unwrap(), Contrary::default());
        let before = register.sheet(fixture::UAI, NOW).unwrap().serial;
        let added = add_rule(register, &hub.witness, &permit("a.example"), NOW).unwrap();
        assert_eq!((added.gone, register.school_rules(NOW).unwrap().len()), (vec![], 3), "it says the same");
        let added = add_rule(register, &hub.witness, &refuse, NOW).unwrap();
        assert_eq!(added.gone, [fixture::UAI]);
        assert_eq!(sites(&register.school_rules(NOW).unwrap()), ["www.a.example", "xa.example"]);
        assert!(register.sheet(fixture::UAI, NOW).unwrap().serial > before, "the box hears of it");
    }

    #[test]
    fn what_boxes_could_not_read_is_not_published() {
        let folder = tempfile::tempdir().unwrap();
        let register = SqliteRegister::open(&folder.path().join("register")).unwrap();
        let key = SigningKey::of_witness([7; 32]).unwrap();
        let mut added = 0;
        for number in 0..RULES_MAX {
            let long =
                CommuneRule { reason: "\u{4e00}".repeat(200), ..rule(&format!("{number}.example"), None) };
            match add_rule(&register, &key, &long, NOW) {
                Ok(_) => added += 1,
                Err(error) => assert!(matches!(error, PolicyError::TooMany), "{error}"),
            }
            assert_eq!(read_policy(&register).unwrap().rules.len(), added);
        }
        assert!((50..RULES_MAX).contains(&added), "{added} rules");
        assert_eq!(remove_rule(&register, &key, "0.example", NOW).unwrap().rules.len(), added - 1);
    }
}
