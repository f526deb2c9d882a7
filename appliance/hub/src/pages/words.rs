//! What there is to say of a school, in the words of people.

use super::frame::Place;
use crate::fleet::{Finding, Uncertified};
use crate::register::history::Level;
use crate::register::web::WebFailure;

/// A finding: what is so, and what to do.
pub(crate) struct Told {
    pub(crate) level: Level,
    pub(crate) text: String,
    pub(crate) remedy: String,
}

/// Says it.
pub(crate) fn tell(place: Place<'_>, finding: Finding) -> Told {
    let number = finding.number().map(|number| number.to_string()).unwrap_or_default();
    let when = match finding {
        Finding::Revoked(at)
        | Finding::NeverCame(at)
        | Finding::Absent { since: at, .. }
        | Finding::Open { since: at, .. }
        | Finding::Untested(at)
        | Finding::Uncertified(Uncertified { since: at, .. }) => place.moment(at),
        Finding::NoBox
        | Finding::Unreadable
        | Finding::Disk(_)
        | Finding::Memory(_)
        | Finding::NoList
        | Finding::List(_)
        | Finding::Certificate(_)
        | Finding::Unsigned(_)
        | Finding::Sealed(_)
        | Finding::Plain(_)
        | Finding::Web(_)
        | Finding::NoClock
        | Finding::Clock(_)
        | Finding::Warm(_)
        | Finding::Policy(_)
        | Finding::Release
        | Finding::Configuration
        | Finding::Selftest(_) => String::new(),
    };
    let why = if let Finding::Uncertified(it) = finding { explain(place, it) } else { String::new() };
    let variables = [("number", number.as_str()), ("when", when.as_str()), ("why", why.as_str())];
    Told {
        level: finding.level(),
        text: place.say_with(&format!("finding-{}", finding.name()), &variables),
        remedy: place.say(&format!("remedy-{}", finding.name())),
    }
}

/// What has failed, when it was tried, and when it is tried again.
fn explain(place: Place<'_>, it: Uncertified) -> String {
    let word = it.failure.map_or("nobody", WebFailure::as_str);
    let why = place.say(&format!("uncertified-{word}"));
    let Some((tried, next)) = it.tried else { return why };
    let (tried, next) = (place.moment(tried), place.moment(next));
    let tries = place.say_with("uncertified-tried", &[("tried", &tried), ("next", &next)]);
    format!("{why} {tries}")
}

/// A level, as a word beside its colour.
pub(crate) fn name_level(place: Place<'_>, level: Level) -> String {
    place.say(&format!("level-{level}"))
}

/// The class that gives a level its colour.
pub(crate) fn tone(level: Level) -> &'static str {
    match level {
        Level::Idle => "neutral",
        Level::Green => "good",
        Level::Amber => "warning",
        Level::Red => "bad",
    }
}

/// The sign that says the same as the colour, for those who do not see it: the path of a picture of 24 by 24.
pub(crate) fn sign(level: Level) -> &'static str {
    match level {
        Level::Idle => "M5 12h14",
        Level::Green => "m5 13 4 4 10-10",
        Level::Amber => "M12 4v10M12 19v.5",
        Level::Red => "M6 6l12 12M18 6 6 18",
    }
}
