//! The lists: what the hub has of its mirror, what it serves, and how old each school's is.

use askama::Template;
use model::Timestamp;

use super::bar::Bar;
use super::frame::{Frame, Place, render};
use crate::fleet::Sight;
use crate::lists::ListState;

const KILOBYTE: u64 = 1_000;

#[derive(Template)]
#[template(path = "lists.html")]
struct View<'a> {
    frame: Frame<'a>,
    is_kept: bool,
    facts: Vec<(String, String)>,
    losses: Vec<String>,
    failure: Option<&'a str>,
    differences: Vec<(&'a str, String)>,
    schools: Vec<SchoolLine>,
}

/// The list of a school's box.
struct SchoolLine {
    uai: String,
    name: String,
    since: String,
}

/// The page; `state` is missing where the hub mirrors no lists.
pub(crate) fn lists(place: Place<'_>, bar: Bar, state: Option<&ListState>, sights: &[Sight]) -> String {
    let moment =
        |at: Option<i64>| at.map_or_else(|| "–".to_owned(), |at| place.moment(Timestamp::from_unix_ms(at)));
    let size =
        |bytes: u64| place.say_with("lists-size", &[("number", &bytes.div_ceil(KILOBYTE).to_string())]);
    let fact = |key: &str, value: String| (place.say(key), value);
    let facts = state.map(|state| {
        vec![
            fact("lists-mirror", state.mirror.clone()),
            fact("lists-tried", moment(state.tried_ms)),
            fact("lists-checked", moment(state.checked_ms)),
            fact("lists-published", moment(state.published_ms)),
            fact("lists-bytes", size(state.bytes)),
        ]
    });
    let losses = state.iter().flat_map(|state| &state.losses).map(|(category, before, after)| {
        let (before, after) = (before.to_string(), after.to_string());
        place.say_with("lists-loss", &[("category", category), ("before", &before), ("after", &after)])
    });
    let differences = state.iter().flat_map(|state| &state.differences);
    let schools = sights.iter().filter(|sight| sight.present.is_some()).map(|sight| SchoolLine {
        uai: sight.school.uai.clone(),
        name: sight.school.name.clone(),
        since: moment(sight.health.as_ref().and_then(|health| health.list_ms)),
    });
    render(&View {
        is_kept: state.is_some(),
        facts: facts.unwrap_or_default(),
        losses: losses.collect(),
        failure: state.and_then(|state| state.failure.as_deref()),
        differences: differences.map(|(file, bytes)| (file.as_str(), size(*bytes))).collect(),
        schools: schools.collect(),
        frame: Frame::new(place, Some(bar)),
    })
}
