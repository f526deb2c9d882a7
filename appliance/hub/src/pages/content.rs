//! What schools shall have of their workspaces (ENT), and what their people are to read.

use askama::Template;
use model::Timestamp;
use replication::School;

use super::bar::Bar;
use super::frame::{Frame, Place, render};
use crate::fleet::Sight;
use crate::register::wishes::{Content, Notice};

#[derive(Template)]
#[template(path = "content.html")]
struct View<'a> {
    frame: Frame<'a>,
    places: Vec<PlaceLine>,
    schools: Vec<(String, String)>,
    progress: Vec<Progress>,
    notices: Vec<NoticeLine>,
    may_act: bool,
}

/// A place that schools shall have.
struct PlaceLine {
    id: u64,
    title: String,
    url: String,
    school: String,
    until: String,
    author: String,
}

/// How far a school's box is.
struct Progress {
    uai: String,
    name: String,
    here: String,
    tone: &'static str,
}

/// Something to be read.
struct NoticeLine {
    id: u64,
    text: String,
    author: String,
    at: String,
}

/// The page.
pub(crate) fn content(
    place: Place<'_>,
    bar: Bar,
    (contents, notices): (&[Content], &[Notice]),
    sights: &[Sight],
    may_act: bool,
) -> String {
    let mut schools: Vec<&School> = sights.iter().map(|sight| &sight.school).collect();
    schools.sort_by(|one, other| one.name.cmp(&other.name));
    let name = |uai: &str| {
        schools.iter().find(|school| school.uai == uai).map_or_else(|| uai.to_owned(), |it| it.name.clone())
    };
    let places = contents.iter().map(|content| PlaceLine {
        id: content.id,
        title: content.place.title.clone(),
        url: content.place.url.clone(),
        school: content.uai.as_deref().map_or_else(|| place.say("content-all"), name),
        until: place.day(Timestamp::from_unix_ms(content.place.until_ms.saturating_sub(1))),
        author: content.author.clone(),
    });
    let progress = sights.iter().filter_map(|sight| {
        let (here, all) = sight.health.as_ref()?.content?;
        Some(Progress {
            uai: sight.school.uai.clone(),
            name: sight.school.name.clone(),
            here: place.say_with("content-here", &[("here", &here.to_string()), ("all", &all.to_string())]),
            tone: if here == all { "good" } else { "warning" },
        })
    });
    let notices = notices.iter().map(|Notice { id, notice }| NoticeLine {
        id: *id,
        text: notice.text.clone(),
        author: notice.author.clone(),
        at: place.moment(Timestamp::from_unix_ms(notice.made_ms)),
    });
    render(&View {
        places: places.collect(),
        progress: progress.filter(|_| !contents.is_empty()).collect(),
        notices: notices.collect(),
        may_act,
        schools: schools.iter().map(|school| (school.uai.clone(), school.name.clone())).collect(),
        frame: Frame::new(place, Some(bar)),
    })
}
