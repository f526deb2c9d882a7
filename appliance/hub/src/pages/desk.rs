//! What concerns all schools: the commune's rules, who was told of what, and what was done.

use askama::Template;
use model::Timestamp;
use replication::{CommunePolicy, CommuneRule};

use super::bar::Bar;
use super::frame::{Frame, Place, render};
use crate::fleet::Sight;
use crate::policy::Contrary;
use crate::register::history::Alert;
use crate::register::people::Act;
use crate::register::wishes::SchoolRule;

#[derive(Template)]
#[template(path = "rules.html")]
struct RulesView<'a> {
    frame: Frame<'a>,
    serial: u64,
    made: String,
    rules: Vec<RuleLine>,
    applied: Vec<Applied>,
    schools: usize,
    may_act: bool,
    asked: Option<Asked>,
}

struct RuleLine {
    site: String,
    verdict: String,
    tone: &'static str,
    reason: String,
    author: String,
    until: String,
}

/// The number by which a school's box works.
struct Applied {
    uai: String,
    name: String,
    serial: String,
    word: String,
    tone: &'static str,
}

/// A rule that somebody wants to add, and what is known of it before.
struct Asked {
    verdict: String,
    word: String,
    site: String,
    reason: String,
    days: String,
    notes: Vec<String>,
}

/// A rule that somebody wants to add.
pub(crate) struct Wanted<'a> {
    pub(crate) rule: &'a CommuneRule,
    pub(crate) days: &'a str,
    /// What rules of single schools say to the contrary of it.
    pub(crate) contrary: &'a Contrary,
}

/// The commune's rules, and by which of their numbers each school works.
pub(crate) fn rules(
    place: Place<'_>,
    bar: Bar,
    policy: &CommunePolicy,
    sights: &[Sight],
    may_act: bool,
    wanted: Option<&Wanted<'_>>,
) -> String {
    let until = |at: Option<i64>| match at {
        Some(at) => place.moment(Timestamp::from_unix_ms(at)),
        None => place.say("rules-for-good"),
    };
    let line = |rule: &CommuneRule| RuleLine {
        site: rule.site.clone(),
        verdict: place.say(&format!("rules-{}", rule.verdict)),
        tone: if rule.verdict == "permit" { "good" } else { "bad" },
        reason: rule.reason.clone(),
        author: rule.author.clone(),
        until: until(rule.until_ms),
    };
    let applied = sights.iter().filter(|sight| sight.present.is_some()).map(|sight| {
        let serial = sight.health.as_ref().and_then(|health| health.policy_serial);
        let (key, tone) = match serial {
            Some(serial) if serial == policy.serial => ("rules-applied", "good"),
            Some(_) => ("rules-behind", "warning"),
            None => ("rules-silent", "neutral"),
        };
        Applied {
            uai: sight.school.uai.clone(),
            name: sight.school.name.clone(),
            serial: serial.map_or_else(|| "–".to_owned(), |serial| serial.to_string()),
            word: place.say(key),
            tone,
        }
    });
    let applied: Vec<Applied> = applied.collect();
    let asked = wanted.map(|Wanted { rule, days, contrary }| Asked {
        verdict: rule.verdict.clone(),
        word: place.say(&format!("rules-{}", rule.verdict)),
        site: rule.site.clone(),
        reason: rule.reason.clone(),
        days: (*days).to_owned(),
        notes: [foresee(place, policy, rule, applied.len()), warn(place, sights, contrary)].concat(),
    });
    render(&RulesView {
        serial: policy.serial,
        made: if policy.serial == 0 {
            String::new()
        } else {
            place.moment(Timestamp::from_unix_ms(policy.made_ms))
        },
        rules: policy.rules.iter().map(line).collect(),
        schools: applied.len(),
        applied,
        may_act,
        asked,
        frame: Frame::new(place, Some(bar)),
    })
}

/// What the hub knows of a rule before it is there: how many schools take it, and what stands of the same name already. What their
/// pupils ask for, it does not know.
fn foresee(place: Place<'_>, policy: &CommunePolicy, rule: &CommuneRule, schools: usize) -> Vec<String> {
    let covers = |above: &str, below: &str| {
        below.strip_suffix(above).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
    };
    let mut notes = vec![place.say_with("rules-reach", &[("number", &schools.to_string())])];
    for other in &policy.rules {
        let verdict = place.say(&format!("rules-{}", other.verdict));
        let variables = [("site", other.site.as_str()), ("verdict", verdict.as_str())];
        let key =
            match (other.site == rule.site, covers(&other.site, &rule.site), covers(&rule.site, &other.site))
            {
                (true, ..) => "rules-replaces",
                (_, true, _) => "rules-under",
                (_, _, true) => "rules-above",
                _ => continue,
            };
        notes.push(place.say_with(key, &variables));
    }
    notes
}

/// Which rules of single schools go with it, and which stay and count under its name.
fn warn(place: Place<'_>, sights: &[Sight], contrary: &Contrary) -> Vec<String> {
    let say = |key: &str, SchoolRule { uai, rule }: &SchoolRule| {
        let school = sights.iter().find(|sight| sight.school.uai == *uai).map(|sight| &sight.school.name);
        let verdict = place.say(&format!("rules-{}", rule.verdict));
        let school = school.unwrap_or(uai).as_str();
        place.say_with(key, &[("school", school), ("site", &rule.site), ("verdict", &verdict)])
    };
    let gone = contrary.same.iter().map(|own| say("rules-lifts", own));
    gone.chain(contrary.below.iter().map(|own| say("rules-stays", own))).collect()
}

#[derive(Template)]
#[template(path = "alerts.html")]
struct AlertsView<'a> {
    frame: Frame<'a>,
    channels: Vec<String>,
    lines: Vec<AlertLine>,
}

struct AlertLine {
    when: String,
    subject: String,
    channel: String,
    state: String,
    tone: &'static str,
}

/// Who was told of what.
pub(crate) fn alerts(place: Place<'_>, bar: Bar, channels: &[&str], alerts: &[Alert]) -> String {
    let line = |alert: &Alert| {
        let (key, tone) = match (alert.ended, alert.is_sent) {
            (Some(_), true) => ("alerts-sent", "good"),
            (Some(_), false) => ("alerts-given-up", "bad"),
            (None, _) => ("alerts-waiting", "warning"),
        };
        AlertLine {
            when: place.moment(alert.made),
            subject: alert.new.subject.clone(),
            channel: place.say(&format!("alerts-{}", alert.new.channel.as_str())),
            state: place.say_with(key, &[("number", &alert.tries.to_string())]),
            tone,
        }
    };
    render(&AlertsView {
        frame: Frame::new(place, Some(bar)),
        channels: channels.iter().map(|channel| place.say(&format!("alerts-{channel}"))).collect(),
        lines: alerts.iter().map(line).collect(),
    })
}

#[derive(Template)]
#[template(path = "acts.html")]
struct ActsView<'a> {
    frame: Frame<'a>,
    lines: Vec<ActLine>,
    older: Option<u64>,
}

struct ActLine {
    when: String,
    author: String,
    network: String,
    deed: String,
    about: String,
}

/// What was done, by whom; before which number there is more.
pub(crate) fn acts(place: Place<'_>, bar: Bar, acts: &[(u64, Act)], older: Option<u64>) -> String {
    let line = |(_, act): &(u64, Act)| ActLine {
        when: place.moment(act.at),
        author: act.author.clone(),
        network: act.network.clone(),
        deed: place.say(&format!("deed-{}", act.deed)),
        about: act.about.clone(),
    };
    render(&ActsView { frame: Frame::new(place, Some(bar)), lines: acts.iter().map(line).collect(), older })
}
