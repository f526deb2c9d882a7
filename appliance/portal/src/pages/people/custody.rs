//! The part of the journal's page that tells who can read what is sealed, and how long what is kept.

use model::{Person, Timestamp};

use super::journal::name_moment;
use crate::pages::Place;
use crate::{Custody, Language};

/// Names under the numbers that are shown: an officer and her successors. The log has all.
const APPROVALS_SHOWN_MAX: usize = 8;

/// What the page shows of it.
pub(super) struct CustodyView {
    pub(super) readers_lead: String,
    pub(super) readers: Vec<String>,
    pub(super) rows: Vec<(String, String)>,
    pub(super) facts: Vec<String>,
    pub(super) settling: Option<String>,
    pub(super) may_sign: bool,
    pub(super) entry: u64,
}

impl CustodyView {
    pub(super) fn new(language: Language, place: &Place, person: &Person, custody: &Custody) -> Self {
        let moment = |at: Timestamp| name_moment(language, place, at);
        let readers_lead = match (custody.readers.is_empty(), custody.readers_since) {
            (true, _) => language.say("kept-readers-none"),
            (false, Some(since)) => language.say_with("kept-readers-since", &[("at", &moment(since))]),
            (false, None) => language.say("kept-readers"),
        };
        let days = |days: u32| language.say_with("kept-days", &[("count", &days.to_string())]);
        let row = |kind: &crate::KeptField| {
            let shown = match kind.settled_days == kind.days {
                true => days(kind.days),
                false => {
                    let facts = [("count", kind.days.to_string()), ("now", kind.settled_days.to_string())];
                    language.say_with(
                        "kept-days-settling",
                        &facts.each_ref().map(|(key, it)| (*key, it.as_str())),
                    )
                }
            };
            (language.say(name_kind(kind.word)), shown)
        };
        let decided = match (&custody.signed, custody.kept_since) {
            (Some(name), Some(since)) => {
                let facts = [("name", name.as_str()), ("at", &moment(since))];
                language.say_with("kept-decided", &facts)
            }
            (_, _) => language.say("kept-default"),
        };
        let approvals = custody.approvals.iter().take(APPROVALS_SHOWN_MAX).map(|(name, at)| {
            language.say_with("kept-signed", &[("name", name.as_str()), ("at", &moment(*at))])
        });
        let unsigned = custody.approvals.is_empty().then(|| language.say("kept-unsigned"));
        let has_signed = custody.approvals.iter().any(|(name, _)| *name == person.name);
        Self {
            readers_lead,
            readers: custody.readers.clone(),
            rows: custody.kept.iter().map(row).collect(),
            facts: [decided].into_iter().chain(approvals).chain(unsigned).collect(),
            settling: custody.settles.map(|at| language.say_with("kept-settling", &[("at", &moment(at))])),
            may_sign: person.role.signs_retention() && !has_signed,
            entry: custody.entry.unwrap_or(0),
        }
    }
}

/// The text that names a kind of field.
fn name_kind(word: &str) -> &'static str {
    match word {
        "who" => "kept-kind-who",
        "destination" => "kept-kind-destination",
        "traffic" => "kept-kind-traffic",
        "acts" => "kept-kind-acts",
        _ => "kept-kind-access",
    }
}
