//! Requests and open sites, as lines of a page.

use model::{Layer, Override, Scope, SiteRequest, Timestamp, Topic, Verdict};

use super::CommunePage;
use crate::pages::Place;
use crate::pages::frame::name_host;
use crate::pages::reason::{format_time, name_minute};
use crate::{Hold, Language, Wish};

const MINUTE_MS: u64 = 60_000;

/// A request that waits for an answer.
pub(super) struct OpenWish {
    pub(super) id: u32,
    pub(super) site: String,
    pub(super) facts: String,
    pub(super) obstacle: String,
    /// Whether the one who looks may open it.
    pub(super) can_open: bool,
    /// The lesson for which she may.
    pub(super) lesson: Option<u32>,
    /// Where she asks the commune, which alone can open it.
    pub(super) commune: Option<String>,
}

/// A request that was answered.
pub(super) struct PastWish {
    pub(super) site: String,
    pub(super) facts: String,
    pub(super) answer: String,
}

/// A rule of hers that stands.
pub(super) struct StandingRule {
    pub(super) id: u32,
    pub(super) site: String,
    pub(super) facts: String,
    pub(super) motive: String,
}

/// The line of an open request for somebody who decides on this layer.
pub(super) fn describe_open(language: Language, place: &Place, wish: &Wish, layer: Layer) -> OpenWish {
    let SiteRequest { id, site, .. } = &wish.request;
    OpenWish {
        id: id.number(),
        site: name_host(&site.clone().into()),
        facts: tell_facts(language, place, &wish.request),
        obstacle: tell_obstacle(language, wish, layer),
        can_open: matches!(wish.hold, Hold::By(lifter) if lifter >= layer),
        lesson: None,
        commune: matches!(wish.hold, Hold::By(Layer::Commune))
            .then(|| format!("{}?{}={site}", CommunePage::PATH, CommunePage::SITE_QUERY)),
    }
}

/// Where it was asked for, by how many devices, since when.
fn tell_facts(language: Language, place: &Place, request: &SiteRequest) -> String {
    let room = match &request.room {
        Some(room) => language.say_with("wish-room", &[("room", room.as_str())]),
        None => language.say("wish-no-room"),
    };
    let count = language.group_digits(request.askers.into());
    let askers = match request.askers {
        0 => None,
        1 => Some(language.say("wish-asker")),
        _ => Some(language.say_with("wish-askers", &[("count", &count)])),
    };
    let asked = tell_moment(language, place, request.asked);
    std::iter::once(room).chain(askers).chain(asked).collect::<Vec<_>>().join(" · ")
}

fn tell_moment(language: Language, place: &Place, at: Timestamp) -> Option<String> {
    let format = match language {
        Language::French => "%d/%m\u{a0}%H:%M",
        Language::English => "%m-%d\u{a0}%H:%M",
    };
    format_time(&place.timezone, at, format)
}

/// An end. What ends at midnight lasts the whole day before, and people say that day.
fn tell_end(language: Language, place: &Place, until: Timestamp) -> Option<String> {
    if format_time(&place.timezone, until, "%H%M%S")? != "000000" {
        return tell_moment(language, place, until);
    }
    let format = match language {
        Language::French => "%d/%m/%Y",
        Language::English => "%Y-%m-%d",
    };
    let last = Timestamp::from_unix_ms(until.unix_ms().saturating_sub(1));
    let day = format_time(&place.timezone, last, format)?;
    Some(language.say_with("wish-day", &[("day", &day)]))
}

/// What stands against the site now, and who can do something about it.
fn tell_obstacle(language: Language, wish: &Wish, layer: Layer) -> String {
    let category = wish.request.obstacle.category.as_ref().map(|category| {
        language.say_with("wish-category", &[("category", &language.name_category(category))])
    });
    let hold = match (wish.hold, layer) {
        (Hold::Open, _) => Some("wish-open"),
        (Hold::By(Layer::Commune), _) => Some("wish-commune"),
        (Hold::By(Layer::School), Layer::Lesson) => Some("wish-school"),
        (Hold::By(Layer::School | Layer::Lesson), _) => None,
        (Hold::Lesson, _) => Some("wish-lesson"),
        (Hold::Nobody, _) => Some("wish-nobody"),
    };
    category.into_iter().chain(hold.map(|key| language.say(key))).collect::<Vec<_>>().join(" ")
}

/// The line of an answered request.
pub(super) fn describe_past(
    language: Language,
    place: &Place,
    wish: &Wish,
    now: Option<Timestamp>,
) -> PastWish {
    PastWish {
        site: name_host(&wish.request.site.clone().into()),
        facts: tell_facts(language, place, &wish.request),
        answer: tell_answer(language, place, &wish.request, wish.granted.as_ref(), now).unwrap_or_default(),
    }
}

/// What was answered; `None` while nothing was.
pub(in crate::pages) fn tell_answer(
    language: Language,
    place: &Place,
    request: &SiteRequest,
    granted: Option<&Override>,
    now: Option<Timestamp>,
) -> Option<String> {
    let answer = request.answer.as_ref()?;
    let by = answer.by.as_str();
    let at = name_minute(&place.timezone, answer.at).unwrap_or_default();
    if answer.granted.is_none() {
        return Some(language.say_with("wish-declined", &[("by", by), ("at", &at)]));
    }
    let until = granted.filter(|granted| !granted.is_over(now)).map(|granted| granted.rule.until);
    Some(match until {
        None => language.say_with("wish-closed-again", &[("by", by)]),
        Some(None) => language.say_with("wish-granted", &[("by", by)]),
        Some(Some(until)) => {
            let until = tell_end(language, place, until).unwrap_or_default();
            language.say_with("wish-granted-until", &[("by", by), ("until", &until)])
        }
    })
}

/// The line of a rule that stands.
pub(super) fn describe_rule(
    language: Language,
    place: &Place,
    it: &Override,
    now: Option<Timestamp>,
) -> StandingRule {
    let rule = &it.rule;
    let site = match &rule.topic {
        Topic::Site(site) => name_host(&site.clone().into()),
        Topic::Category(category) => language.name_category(category),
    };
    let effect = match rule.effect {
        Verdict::Permit => language.say("wish-rule-permit"),
        Verdict::Refuse => language.say("wish-rule-refuse"),
    };
    let scope = match &rule.scope {
        Scope::Everyone => language.say("wish-everyone"),
        Scope::Profile(profile) => language.say_with("wish-profile", &[("profile", profile.as_str())]),
        Scope::Room(room) => language.say_with("wish-room", &[("room", room.as_str())]),
        Scope::Device(mac) => language.say_with("wish-device", &[("device", &mac.to_string())]),
    };
    let facts = [effect, scope, tell_left(language, place, rule.until, now)];
    StandingRule {
        id: it.id.number(),
        site,
        facts: facts.join(" · "),
        motive: language
            .say_with("wish-motive", &[("author", rule.author.as_str()), ("motive", rule.motive.as_str())]),
    }
}

/// How long a rule has to go: minutes while they are few, else its end.
fn tell_left(language: Language, place: &Place, until: Option<Timestamp>, now: Option<Timestamp>) -> String {
    const HOURS_TWO_MS: u64 = 120 * MINUTE_MS;
    let Some(until) = until else { return language.say("wish-endless") };
    let moment = tell_end(language, place, until).unwrap_or_default();
    match now.map(|now| until.ms_since(now)) {
        Some(left) if left < HOURS_TWO_MS => {
            let minutes = language.group_digits(left.div_ceil(MINUTE_MS));
            let hour = name_minute(&place.timezone, until).unwrap_or_default();
            language.say_with("wish-left", &[("minutes", &minutes), ("until", &hour)])
        }
        _ => language.say_with("wish-until", &[("until", &moment)]),
    }
}
