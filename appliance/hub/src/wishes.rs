//! What schools ask of the commune: who is told of what is urgent, and what becomes of an answer.

use archive::SigningKey;
use model::{Answered, Timestamp};
use portal::Language;
use replication::{CommuneRule, SchoolRequest};
use serde_json::json;

use crate::Hub;
use crate::office::Settings;
use crate::pages::Place;
use crate::policy::{Draft, PolicyError, is_in_force, read_policy};
use crate::register::history::{Channel, NewAlert};
use crate::register::wishes::{AnswerRule, Settled, WishAnswer};
use crate::register::{Register, RegisterError};

/// Why a request was not answered.
#[derive(Debug, thiserror::Error)]
pub enum AnswerError {
    /// There is none of this number.
    #[error("there is no request {0}: preau hub request list")]
    Unknown(u64),
    /// Somebody was quicker.
    #[error("the request is answered already")]
    Answered,
    /// A rule of all schools says the contrary of the same site.
    #[error("a rule of all schools says the contrary of this site: take it back first, or answer for all")]
    Contrary,
    /// The rule for all schools cannot be made.
    #[error(transparent)]
    Policy(#[from] PolicyError),
    /// The database fails.
    #[error(transparent)]
    Register(#[from] RegisterError),
}

/// An answer that somebody of the commune gives.
#[derive(Clone, Debug)]
pub struct Decision {
    /// How.
    pub answered: Answered,
    /// Who.
    pub author: String,
    /// Why: the school reads it.
    pub reason: String,
    /// Up to when the site is open, or closed; `None`: for good.
    pub until_ms: Option<i64>,
}

/// Answers a request: with a rule of all schools, with one of its own, or by no. The school reads it within seconds, or in its next night. The schools whose
/// own rule said the contrary of one of all schools: theirs is gone.
///
/// # Errors
/// [`AnswerError`]; nothing has changed then.
pub fn answer(
    register: &dyn Register,
    key: &SigningKey,
    id: u64,
    decision: Decision,
    now: Timestamp,
) -> Result<Vec<String>, AnswerError> {
    let wish = register.find_wish(id)?.ok_or(AnswerError::Unknown(id))?;
    if wish.answer.is_some() {
        return Err(AnswerError::Answered);
    }
    let Decision { answered, author, reason, until_ms } = decision;
    let rule = CommuneRule {
        verdict: wish.request.wants.clone(),
        site: wish.request.site.clone(),
        author: author.clone(),
        reason: reason.clone(),
        until_ms,
    };
    let answer = WishAnswer { answered, author, reason, at: now };
    let policy = read_policy(register)?;
    let settled = match answered {
        Answered::No => register.answer_wish(id, &answer, AnswerRule::Nothing)?,
        Answered::School => {
            let is_contrary =
                |it: &CommuneRule| it.site == rule.site && it.verdict != rule.verdict && is_in_force(it, now);
            if policy.rules.iter().any(is_contrary) {
                return Err(AnswerError::Contrary);
            }
            let own = AnswerRule::School { rule: &rule, policy: policy.serial };
            register.answer_wish(id, &answer, own)?
        }
        Answered::All => {
            let draft = Draft::adding(&policy, key, &rule, now)?;
            register.answer_wish(id, &answer, AnswerRule::All(draft.as_new(Some(&rule), now)))?
        }
    };
    match settled {
        Settled::Done(gone) => Ok(gone),
        Settled::Answered => Err(AnswerError::Answered),
        Settled::Race => Err(PolicyError::Race.into()),
    }
}

/// What people are told of a request, by each way; nothing where it is not urgent.
///
/// # Errors
/// [`RegisterError`].
pub(crate) fn write_alerts(
    hub: &Hub,
    uai: &str,
    request: &SchoolRequest,
) -> Result<Vec<NewAlert>, RegisterError> {
    let Some(office) = hub.office.as_ref().filter(|_| request.is_urgent) else { return Ok(Vec::new()) };
    let school = hub.register.schools()?.into_iter().find(|school| school.uai == uai);
    let name = school.map_or_else(|| uai.to_owned(), |it| it.name);
    let channels = office.settings.channels.iter();
    Ok(channels.map(|channel| write(&office.settings, *channel, (uai, &name), request)).collect())
}

fn write(
    settings: &Settings,
    channel: Channel,
    (uai, name): (&str, &str),
    request: &SchoolRequest,
) -> NewAlert {
    let place =
        Place { commune: &settings.commune, timezone: &settings.timezone, language: Language::French };
    let SchoolRequest { site, wants, author, reason, .. } = request;
    let subject = place.say_with("letter-wish", &[("school", name), ("site", site)]);
    let url = settings.url.as_ref().map(|url| format!("{}/demandes", url.trim_end_matches('/')));
    let body = match channel {
        Channel::Mail => {
            let wanted = place.say(if wants == "refuse" { "wishes-close" } else { "wishes-open" });
            let lines = [
                format!("{name} ({uai})"),
                String::new(),
                format!("- {wanted} {site}"),
                format!("  {reason} ({author})"),
                String::new(),
                url.unwrap_or_default(),
                place.say("letter-end"),
            ];
            lines.join("\n")
        }
        Channel::Webhook => json!({
            "version": 1,
            "event": "request",
            "uai": uai,
            "school": name,
            "site": site,
            "wants": wants,
            "author": author,
            "reason": reason,
            "asked_ms": request.asked_ms,
            "url": url,
        })
        .to_string(),
    };
    NewAlert { channel, uai: uai.to_owned(), subject, body }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture;
    use crate::register::wishes::Came;

    fn request(site: &str, wants: &str) -> SchoolRequest {
        SchoolRequest {
            site: site.to_owned(),
            wants: wants.to_owned(),
            author: "Mme Martin".to_owned(),
            reason: "sortie".to_owned(),
            is_urgent: true,
            asked_ms: 1,
        }
    }

    fn decide(answered: Answered) -> Decision {
        Decision { answered, author: "M. Blanc".to_owned(), reason: "oui".to_owned(), until_ms: None }
    }

    #[test]
    fn an_answer_makes_the_rule_that_it_says() {
        let folder = tempfile::tempdir().unwrap();
        let (hub, _) = fixture::open(folder.path());
        let register = &*hub.register;
        for (site, wants) in [("a.example", "permit"), ("b.example", "refuse"), ("c.example", "permit")] {
            let came = register.add_wish(fixture::UAI, &request(site, wants), &[], fixture::EARLY).unwrap();
            assert_eq!(came, Came::New { is_told: true });
        }
        let answer = |id, answered| answer(register, &hub.witness, id, decide(answered), fixture::EARLY);
        answer(1, Answered::School).unwrap();
        answer(2, Answered::All).unwrap();
        answer(3, Answered::No).unwrap();
        assert!(matches!(answer(3, Answered::All), Err(AnswerError::Answered)));
        assert!(matches!(answer(9, Answered::No), Err(AnswerError::Unknown(9))));
        let rules: Vec<_> = read_policy(register).unwrap().rules;
        assert_eq!(
            (rules.len(), rules[0].site.as_str(), rules[0].verdict.as_str()),
            (1, "b.example", "refuse")
        );
        let sheet = register.sheet(fixture::UAI, fixture::EARLY).unwrap();
        assert_eq!((sheet.rules.len(), sheet.rules[0].site.as_str()), (1, "a.example"));
        let mut answers: Vec<_> =
            sheet.answers.iter().map(|it| (it.site.as_str(), it.answer.as_str())).collect();
        answers.sort_unstable();
        assert_eq!(answers, [("a.example", "school"), ("b.example", "all"), ("c.example", "no")]);
        // What all schools are refused is not opened for one by a word on the same name: the box would have to choose.
        register.add_wish(fixture::UAI, &request("b.example", "permit"), &[], fixture::EARLY).unwrap();
        assert_eq!(register.wishes(9).unwrap().len(), 3, "site and moment are those of before");
        let later = SchoolRequest { asked_ms: 2, ..request("b.example", "permit") };
        register.add_wish(fixture::UAI, &later, &[], fixture::EARLY).unwrap();
        assert!(matches!(answer(4, Answered::School), Err(AnswerError::Contrary)));
        answer(4, Answered::All).unwrap();
        assert_eq!(read_policy(register).unwrap().rules[0].verdict, "permit");
        // The school's own rule gives way to the contrary one of all schools that it asked for.
        let close = SchoolRequest { asked_ms: 3, ..request("a.example", "refuse") };
        register.add_wish(fixture::UAI, &close, &[], fixture::EARLY).unwrap();
        assert_eq!(answer(5, Answered::All).unwrap(), [fixture::UAI]);
        assert_eq!(register.school_rules(fixture::EARLY).unwrap(), []);
    }
}
