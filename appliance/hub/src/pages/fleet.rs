//! All schools at a glance.

use askama::Template;
use model::Timestamp;

use super::bar::Bar;
use super::frame::{Frame, Place, render};
use super::words::{name_level, sign, tell, tone};
use crate::fleet::Sight;
use crate::register::history::{Kept, Level};

#[derive(Template)]
#[template(path = "fleet.html")]
struct View<'a> {
    frame: Frame<'a>,
    counts: Vec<Counted>,
    rows: Vec<Line>,
    may_add: bool,
}

/// How many schools are so.
struct Counted {
    tone: &'static str,
    sign: &'static str,
    count: usize,
    word: String,
}

/// A school.
struct Line {
    tone: &'static str,
    sign: &'static str,
    word: String,
    uai: String,
    name: String,
    since: String,
    seen: String,
    version: String,
    first: Option<(String, String)>,
    more: usize,
}

/// The page. `standings` say since when schools are as they are.
pub(crate) fn fleet(
    place: Place<'_>,
    bar: Bar,
    sights: &[Sight],
    standings: &[Kept],
    may_add: bool,
) -> String {
    let levels = [Level::Red, Level::Amber, Level::Green, Level::Idle];
    let counts = levels.into_iter().map(|level| Counted {
        tone: tone(level),
        sign: sign(level),
        count: sights.iter().filter(|sight| sight.level() == level).count(),
        word: place.say(&format!("fleet-{level}")),
    });
    let line = |sight: &Sight| {
        let level = sight.level();
        let told = sight.findings.first().map(|finding| tell(place, *finding));
        let moment = |at: Option<Timestamp>| at.map_or_else(|| "–".to_owned(), |at| place.moment(at));
        Line {
            tone: tone(level),
            sign: sign(level),
            word: name_level(place, level),
            uai: sight.school.uai.clone(),
            name: sight.school.name.clone(),
            since: moment(since(sight, standings)),
            seen: moment(sight.present.as_ref().and_then(|state| state.seen)),
            version: sight.present.as_ref().map(|state| state.version.clone()).unwrap_or_default(),
            first: told.map(|told| (told.text, told.remedy)),
            more: sight.findings.len().saturating_sub(1),
        }
    };
    render(&View {
        frame: Frame::new(place, Some(bar)),
        counts: counts.filter(|counted| counted.count > 0).collect(),
        rows: sights.iter().map(line).collect(),
        may_add,
    })
}

/// Since when a school is as it is; `None` where it has changed within the last minute.
pub(super) fn since(sight: &Sight, standings: &[Kept]) -> Option<Timestamp> {
    let kept = standings.iter().find(|kept| kept.uai == sight.school.uai);
    kept.filter(|kept| kept.level == sight.level()).map(|kept| kept.since)
}
