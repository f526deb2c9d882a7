//! Files that boxes fetch in the night and keep for pupils: what there is, which schools have it, and a form for more.

use askama::Template;
use model::{LIBRARY_FILE_BYTES_MAX, Timestamp};
use replication::{LibraryHealth, School};

use super::bar::Bar;
use super::frame::{Frame, Place, render};
use crate::fleet::Sight;
use crate::register::library::Held;

#[derive(Template)]
#[template(path = "library.html")]
struct View<'a> {
    frame: Frame<'a>,
    files: Vec<FileLine>,
    schools: Vec<(String, String)>,
    limit: String,
    may_act: bool,
}

/// A file.
struct FileLine {
    id: u64,
    title: String,
    name: String,
    school: String,
    until: String,
    author: String,
    /// In how many of the schools it is.
    here: String,
    tone: &'static str,
    /// Schools that do not have it, and why.
    missing: Vec<MissingLine>,
}

struct MissingLine {
    uai: String,
    name: String,
    why: String,
}

/// The page.
pub(crate) fn library(place: Place<'_>, bar: Bar, files: &[Held], sights: &[Sight], may_act: bool) -> String {
    let mut schools: Vec<&School> = sights.iter().map(|sight| &sight.school).collect();
    schools.sort_by(|one, other| one.name.cmp(&other.name));
    let limit = (LIBRARY_FILE_BYTES_MAX >> 20).to_string();
    render(&View {
        files: files.iter().map(|held| describe(place, held, sights)).collect(),
        schools: schools.iter().map(|school| (school.uai.clone(), school.name.clone())).collect(),
        limit: place.say_with("library-limit", &[("size", &limit)]),
        may_act,
        frame: Frame::new(place, Some(bar)),
    })
}

fn describe(place: Place<'_>, held: &Held, sights: &[Sight]) -> FileLine {
    let Held { id, uai, file, author, .. } = held;
    let is_for =
        |sight: &&Sight| sight.present.is_some() && uai.as_ref().is_none_or(|uai| *uai == sight.school.uai);
    let (mut all, mut missing) = (0_usize, Vec::new());
    for sight in sights.iter().filter(is_for) {
        all += 1;
        let library = sight.health.as_ref().and_then(|health| health.library.as_ref());
        if library.is_some_and(|library| library.has(&file.sha256)) {
            continue;
        }
        missing.push(MissingLine {
            uai: sight.school.uai.clone(),
            name: sight.school.name.clone(),
            why: place.say(explain(library)),
        });
    }
    let here = all.saturating_sub(missing.len());
    let name = |uai: &String| {
        let school = sights.iter().find(|sight| sight.school.uai == *uai);
        school.map_or_else(|| uai.clone(), |sight| sight.school.name.clone())
    };
    let size = (file.bytes >> 20).max(1).to_string();
    FileLine {
        id: *id,
        title: file.title.to_string(),
        name: place.say_with("library-name", &[("name", file.name.as_str()), ("size", &size)]),
        school: uai.as_ref().map_or_else(|| place.say("content-all"), name),
        until: place.day(Timestamp::from_unix_ms(file.until.unix_ms().saturating_sub(1))),
        author: author.clone(),
        here: place.say_with("library-here", &[("here", &here.to_string()), ("all", &all.to_string())]),
        tone: if missing.is_empty() { "good" } else { "warning" },
        missing,
    }
}

/// Why a school does not have a file, as far as its box told last.
fn explain(library: Option<&LibraryHealth>) -> &'static str {
    match library.and_then(|library| library.trouble.as_deref()) {
        Some(LibraryHealth::NO_ROOM) => "library-no-room",
        Some(LibraryHealth::DAMAGED) => "library-damaged",
        Some(_) | None => "library-coming",
    }
}
