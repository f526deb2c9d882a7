//! What schools ask of the commune, and the rules of single schools.

use askama::Template;
use model::{Answered, Timestamp};
use replication::{CommuneRule, School};

use super::bar::Bar;
use super::frame::{Frame, Place, render};
use crate::register::wishes::{SchoolRule, Wish};

/// Requests that a page shows: those that wait, and a month of answers.
pub(crate) const SHOWN_MAX: u32 = 300;

#[derive(Template)]
#[template(path = "wishes.html")]
struct View<'a> {
    frame: Frame<'a>,
    open: Vec<OpenLine>,
    past: Vec<PastLine>,
    rules: Vec<RuleLine>,
    may_act: bool,
}

/// A request that waits.
struct OpenLine {
    id: u64,
    site: String,
    wants: String,
    is_urgent: bool,
    uai: String,
    school: String,
    reason: String,
    author: String,
    came: String,
    /// Which schools' rules go where it is answered for all.
    lifts: Vec<String>,
}

/// One that was answered.
struct PastLine {
    site: String,
    school: String,
    answer: String,
    tone: &'static str,
    reason: String,
    author: String,
    at: String,
}

/// A rule of one school.
struct RuleLine {
    uai: String,
    school: String,
    site: String,
    verdict: String,
    tone: &'static str,
    reason: String,
    author: String,
    until: String,
}

/// The page.
pub(crate) fn wishes(
    place: Place<'_>,
    bar: Bar,
    schools: &[School],
    wishes: &[Wish],
    rules: &[SchoolRule],
    may_act: bool,
) -> String {
    let name = |uai: &str| {
        schools.iter().find(|school| school.uai == uai).map_or_else(|| uai.to_owned(), |it| it.name.clone())
    };
    let wanted = |wants: &str| place.say(if wants == "refuse" { "wishes-close" } else { "wishes-open" });
    let lifts = |wish: &Wish| -> Vec<String> {
        let is_contrary =
            |rule: &CommuneRule| rule.site == wish.request.site && rule.verdict != wish.request.wants;
        let contrary = rules.iter().filter(|own| is_contrary(&own.rule));
        contrary.map(|own| place.say_with("wishes-lifts", &[("school", &name(&own.uai))])).collect()
    };
    let open = wishes.iter().filter(|wish| wish.answer.is_none()).map(|wish| OpenLine {
        id: wish.id,
        site: wish.request.site.clone(),
        wants: wanted(&wish.request.wants),
        is_urgent: wish.request.is_urgent,
        uai: wish.uai.clone(),
        school: name(&wish.uai),
        reason: wish.request.reason.clone(),
        author: wish.request.author.clone(),
        came: place.moment(wish.came),
        lifts: lifts(wish),
    });
    let past = wishes.iter().filter_map(|wish| {
        let answer = wish.answer.as_ref()?;
        let is_no = answer.answered == Answered::No;
        Some(PastLine {
            site: wish.request.site.clone(),
            school: name(&wish.uai),
            answer: place.say_with(
                &format!("wishes-{}", answer.answered.as_str()),
                &[("what", &wanted(&wish.request.wants))],
            ),
            tone: if is_no { "neutral" } else { "good" },
            reason: answer.reason.clone(),
            author: answer.author.clone(),
            at: place.moment(answer.at),
        })
    });
    let rules = rules.iter().map(|SchoolRule { uai, rule }| RuleLine {
        uai: uai.clone(),
        school: name(uai),
        site: rule.site.clone(),
        verdict: place.say(&format!("rules-{}", rule.verdict)),
        tone: if rule.verdict == "permit" { "good" } else { "bad" },
        reason: rule.reason.clone(),
        author: rule.author.clone(),
        until: match rule.until_ms {
            Some(at) => place.moment(Timestamp::from_unix_ms(at)),
            None => place.say("rules-for-good"),
        },
    });
    render(&View {
        open: open.collect(),
        past: past.collect(),
        rules: rules.collect(),
        may_act,
        frame: Frame::new(place, Some(bar)),
    })
}
