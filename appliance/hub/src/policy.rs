//! The commune's policy: what its people change, and how it is signed.

use archive::{Note, SigningKey};
use model::Timestamp;
use replication::limits::POLICY_BYTES_MAX;
use replication::{CommunePolicy, CommuneRule, RULES_MAX};

use crate::register::{Register, RegisterError};

/// Why the policy is as it was.
#[derive(Debug, thiserror::Error)]
pub enum PolicyError {
    /// The rule cannot be one.
    #[error(
        "the rule cannot be one: a site has a name under a public suffix, an author and a reason of 200 letters at most"
    )]
    Rule,
    /// There are many.
    #[error(
        "the commune has {RULES_MAX} rules already, or their words are too long: what is more is a list's matter"
    )]
    TooMany,
    /// Nobody made such a rule.
    #[error("the commune has no rule about {0}")]
    Unknown(String),
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

/// Adds a rule, in the place of the one about the same site.
///
/// # Errors
/// [`PolicyError`]; nothing has changed then.
pub fn add_rule(
    register: &dyn Register,
    key: &SigningKey,
    rule: CommuneRule,
    now: Timestamp,
) -> Result<CommunePolicy, PolicyError> {
    let before = read_policy(register)?;
    let mut rules = before.rules.clone();
    rules.retain(|other| other.site != rule.site);
    rules.push(rule);
    if rules.len() > RULES_MAX {
        return Err(PolicyError::TooMany);
    }
    publish(register, key, &before, rules, now)
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
    let mut rules = before.rules.clone();
    rules.retain(|rule| rule.site != site);
    if rules.len() == before.rules.len() {
        return Err(PolicyError::Unknown(site.to_owned()));
    }
    publish(register, key, &before, rules, now)
}

fn publish(
    register: &dyn Register,
    key: &SigningKey,
    before: &CommunePolicy,
    mut rules: Vec<CommuneRule>,
    now: Timestamp,
) -> Result<CommunePolicy, PolicyError> {
    // What is over is no rule any more.
    rules.retain(|rule| rule.until_ms.is_none_or(|until| until > now.unix_ms()));
    let policy = CommunePolicy { serial: next_serial(before, now), made_ms: now.unix_ms(), rules };
    let text = policy.write();
    CommunePolicy::read(&text).ok_or(PolicyError::Rule)?;
    let note = Note::new(text.clone()).with(key.sign(&text, now)).write();
    // What boxes could not read would close nothing, and could not be taken back.
    Note::read_up_to(&note, POLICY_BYTES_MAX).map_err(|_| PolicyError::TooMany)?;
    let is_kept = register.keep_policy(before.serial, policy.serial, &note)?;
    if is_kept { Ok(policy) } else { Err(PolicyError::Race) }
}

/// By the clock, in seconds: a hub that is put back to an old state gives no number twice.
fn next_serial(before: &CommunePolicy, now: Timestamp) -> u64 {
    let seconds = u64::try_from(now.unix_ms() / 1_000).unwrap_or(0);
    before.serial.saturating_add(1).max(seconds)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::register::sqlite::SqliteRegister;

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
        add_rule(&register, &key, rule("a.example", Some(NOW.unix_ms() + 1)), NOW).unwrap();
        add_rule(&register, &key, rule("b.example", None), NOW).unwrap();
        let later = Timestamp::from_unix_ms(NOW.unix_ms() + 1);
        let policy = add_rule(&register, &key, rule("b.example", None), later).unwrap();
        let serial = u64::try_from(NOW.unix_ms()).unwrap() / 1_000 + 2;
        assert_eq!((policy.serial, policy.rules.len()), (serial, 1), "one is over, the other was said twice");
        let (_, note) = register.policy().unwrap().unwrap();
        assert!(Note::read(&note).unwrap().is_signed_by(key.verifier()));
        assert!(matches!(add_rule(&register, &key, rule("fr", None), NOW), Err(PolicyError::Rule)));
        assert!(matches!(remove_rule(&register, &key, "c.example", NOW), Err(PolicyError::Unknown(_))));
        assert_eq!(remove_rule(&register, &key, "b.example", NOW).unwrap().rules, []);
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
            match add_rule(&register, &key, long, NOW) {
                Ok(_) => added += 1,
                Err(error) => assert!(matches!(error, PolicyError::TooMany), "{error}"),
            }
            assert_eq!(read_policy(&register).unwrap().rules.len(), added);
        }
        assert!((50..RULES_MAX).contains(&added), "{added} rules");
        assert_eq!(remove_rule(&register, &key, "0.example", NOW).unwrap().rules.len(), added - 1);
    }
}
