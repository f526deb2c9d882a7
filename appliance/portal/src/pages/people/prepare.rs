//! What a teacher has the box fetch before a lesson.

use askama::Template;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use model::{Person, PreparationStage, RoomName, Timestamp};

use super::bar::Bar;
use crate::pages::Place;
use crate::pages::frame::{Frame, render};
use crate::{Language, LibraryLine, PreparationLine, library_path};

const MEGABYTE: u64 = 1_000_000;

/// Shows what is prepared, how far it is, and a form for more.
#[derive(Clone, Copy, Debug)]
pub struct PreparePage<'a> {
    /// Where the page is shown.
    pub place: &'a Place,
    /// Who is signed in.
    pub person: &'a Person,
    /// What she has the box prepare.
    pub lines: &'a [PreparationLine],
    /// What the commune wants to be here for pupils.
    pub library: &'a [LibraryLine],
    /// The rooms that she may choose from.
    pub rooms: &'a [RoomName],
    /// The day that the form begins with.
    pub tomorrow: Option<Date>,
    /// The token of the forms.
    pub token: &'a str,
}

#[derive(Template)]
#[template(path = "people/prepare.html")]
struct View<'a> {
    frame: Frame<'a>,
    bar: Bar<'a>,
    lines: Vec<Line>,
    ready: String,
    is_coming: bool,
    library: Vec<LibraryView>,
    rooms: &'a [RoomName],
    tomorrow: String,
    token: &'a str,
}

struct Line {
    number: u32,
    title: String,
    url: String,
    facts: String,
    state: String,
    tone: &'static str,
}

/// A file from the commune.
struct LibraryView {
    /// Where it is opened; nothing while it comes.
    path: Option<String>,
    title: String,
    facts: String,
    state: String,
    tone: &'static str,
}

impl PreparePage<'_> {
    /// The HTTP status of the page.
    pub const STATUS: u16 = 200;
    /// Where the page is, and where something is asked for.
    pub const PATH: &'static str = "/enseignant/preparation";
    /// Where something is given up.
    pub const REMOVE_PATH: &'static str = "/enseignant/preparation/retirer";

    /// The whole page.
    #[must_use]
    pub fn render(&self, language: Language) -> String {
        let ready = self.lines.iter().filter(|it| it.preparation.stage == PreparationStage::Here).count();
        let [count, all] = [ready, self.lines.len()].map(|count| u64::try_from(count).unwrap_or(u64::MAX));
        let [ready, all] = [count, all].map(|count| language.group_digits(count));
        render(&View {
            frame: Frame::new(self.place, language),
            bar: Bar::new(language, self.person, self.token, Self::PATH),
            lines: self.lines.iter().map(|line| describe(language, &self.place.timezone, line)).collect(),
            ready: language.say_counted("prepare-ready", count, &[("ready", &ready), ("all", &all)]),
            is_coming: self.lines.iter().any(|line| line.progress.is_some()),
            library: self
                .library
                .iter()
                .map(|line| describe_file(language, &self.place.timezone, line))
                .collect(),
            rooms: self.rooms,
            tomorrow: self.tomorrow.map(|day| day.to_string()).unwrap_or_default(),
            token: self.token,
        })
    }
}

fn describe(language: Language, zone: &TimeZone, line: &PreparationLine) -> Line {
    let wanted = &line.preparation.wanted;
    let day = name_day(language, zone, wanted.until);
    let room = match &wanted.room {
        Some(room) => language.say_with("wish-room", &[("room", room.as_str())]),
        None => language.say("prepare-all-rooms"),
    };
    let (state, tone) = tell_stage(language, line);
    Line {
        number: line.preparation.id.number(),
        title: wanted.title.to_string(),
        url: wanted.place.to_string(),
        facts: [day, room, wanted.by.to_string()].join(" · "),
        state,
        tone,
    }
}

fn describe_file(language: Language, zone: &TimeZone, line: &LibraryLine) -> LibraryView {
    let LibraryLine { file, here, has_no_room } = line;
    let megabytes = |bytes: u64| language.group_digits(bytes.div_ceil(MEGABYTE));
    let (path, state, tone) = match *here {
        here if here >= file.bytes => (Some(library_path(file)), language.say("prepare-here"), "good"),
        _ if *has_no_room => (None, language.say("prepare-file-full"), "bad"),
        0 => (None, language.say("prepare-file-waiting"), "neutral"),
        here => {
            let variables = [("done", &*megabytes(here)), ("all", &*megabytes(file.bytes))];
            (None, language.say_with("prepare-coming-of", &variables), "warning")
        }
    };
    let size = language.say_with("prepare-file-size", &[("size", &megabytes(file.bytes))]);
    let facts = [name_day(language, zone, file.until), file.name.to_string(), size].join(" · ");
    LibraryView { path, title: file.title.to_string(), facts, state, tone }
}

/// The day that ends then.
fn name_day(language: Language, zone: &TimeZone, until: Timestamp) -> String {
    let last = jiff::Timestamp::from_millisecond(until.unix_ms().saturating_sub(1)).ok();
    let day = last.map(|last| last.to_zoned(zone.clone()).strftime("%d/%m").to_string()).unwrap_or_default();
    language.say_with("prepare-for", &[("day", &day)])
}

fn tell_stage(language: Language, line: &PreparationLine) -> (String, &'static str) {
    if let Some((done, all)) = line.progress {
        let megabytes = |bytes: u64| language.group_digits(bytes.div_ceil(MEGABYTE));
        let state = match all {
            0 => language.say("prepare-coming"),
            all => {
                let variables = [("done", &*megabytes(done)), ("all", &*megabytes(all))];
                language.say_with("prepare-coming-of", &variables)
            }
        };
        return (state, "warning");
    }
    let (key, tone) = match line.preparation.stage {
        PreparationStage::Waiting => ("prepare-waiting", "neutral"),
        PreparationStage::Here => ("prepare-here", "good"),
        PreparationStage::Closed => ("prepare-closed", "neutral"),
        PreparationStage::Refused => ("prepare-refused", "bad"),
        PreparationStage::Personal => ("prepare-personal", "bad"),
        PreparationStage::NotShared => ("prepare-not-shared", "bad"),
        PreparationStage::Missing => ("prepare-missing", "bad"),
        PreparationStage::Full => ("prepare-full", "bad"),
        PreparationStage::Elsewhere => ("prepare-elsewhere", "bad"),
    };
    (language.say(key), tone)
}
