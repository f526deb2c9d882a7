//! `preau lesson`.

use std::io::Write;
use std::path::Path;
use std::process::ExitCode;

use access::Clock;
use anyhow::{Context, bail};
use jiff::tz::TimeZone;
use model::{InternetMode, Lesson, LessonEnding, LessonId, LessonSettings, NewLesson, PersonName, Timestamp};
use store::{LessonChange, LessonError, Store};
use system::clock::SystemClock;

use crate::cli::{ChangeArguments, SettingsArguments, StartArguments};
use crate::config::Config;
use crate::data_folder;
use crate::override_command::{find_room, local, open, set};
use crate::times::parse_coming;

/// How many lessons are listed with `--all`: some weeks of a school.
const LISTED_MAX: u32 = 1_000;

/// Begins a lesson. A running box puts it in force.
pub(crate) fn start(arguments: StartArguments) -> anyhow::Result<ExitCode> {
    let StartArguments { room, teacher, settings, take_over, config, data } = arguments;
    let config = Config::load_or_default(config.as_deref())?;
    let zone = &config.school.timezone;
    let now = set(SystemClock::new().now())?;
    let mut store = open(&data_folder::find(data.path.as_deref())?)?;
    let room = find_room(&store, &room)?;
    let until = read_end(&settings, zone, now)?;
    let settings = LessonSettings {
        until: until.unwrap_or_else(|| after(now, u64::from(config.lessons.minutes) * 60_000)),
        internet: read_internet(&settings)?.unwrap_or_default(),
        is_wifi_on: settings.wifi.unwrap_or(false),
    };
    let other = store.open_lessons()?.into_iter().find(|lesson| take_over && lesson.room == room);
    let new = NewLesson::new(teacher, room, now, settings)?;
    let lesson = match store.start_lesson(new, other.map(|lesson| lesson.id), None) {
        Err(LessonError::Occupied(other)) => {
            bail!(
                "{} has the room {} until {}: --take-over takes it",
                other.teacher,
                other.room,
                local(other.until, zone)
            )
        }
        outcome => outcome?,
    };
    tell(&lesson, zone)
}

/// Has a lesson go on in another way.
pub(crate) fn change(arguments: ChangeArguments) -> anyhow::Result<ExitCode> {
    let ChangeArguments { id, author, settings, config, data } = arguments;
    let zone = Config::load_or_default(config.as_deref())?.school.timezone;
    let now = set(SystemClock::new().now())?;
    let change = LessonChange {
        until: read_end(&settings, &zone, now)?,
        internet: read_internet(&settings)?,
        is_wifi_on: settings.wifi,
    };
    let mut store = open(&data_folder::find(data.path.as_deref())?)?;
    tell(&store.change_lesson(id, change, now, (&author, None))?, &zone)
}

/// Ends a lesson before its time.
pub(crate) fn end(data: &Path, id: LessonId, author: &PersonName) -> anyhow::Result<ExitCode> {
    let ended = open(data)?.end_lesson(id, SystemClock::new().now().at, (author, None))?;
    writeln!(std::io::stdout(), "{id}: room {} of {}: ended by {author}", ended.room, ended.teacher)?;
    Ok(ExitCode::SUCCESS)
}

/// Lists the lessons that run, with `all` also those that are over.
pub(crate) fn list(data: &Path, zone: &TimeZone, all: bool) -> anyhow::Result<ExitCode> {
    let now = SystemClock::new().now().plausible();
    let store: Store = open(data)?;
    let lessons = if all { store.lessons(LISTED_MAX)? } else { store.open_lessons()? };
    let mut out = std::io::stdout().lock();
    for it in lessons.iter().filter(|it| all || it.is_running(now)) {
        let (from, until, internet) =
            (local(it.from, zone), local(it.until, zone), describe_internet(&it.internet));
        let wifi = if it.is_wifi_on { "wifi" } else { "-" };
        let state = describe_state(it, now);
        writeln!(
            out,
            "{}\t{}\t{}\t{from}\t{until}\t{internet}\t{wifi}\t{state}",
            it.id, it.room, it.teacher
        )?;
    }
    Ok(ExitCode::SUCCESS)
}

fn tell(lesson: &Lesson, zone: &TimeZone) -> anyhow::Result<ExitCode> {
    let Lesson { id, teacher, room, until, internet, is_wifi_on, .. } = lesson;
    let (until, internet) = (local(*until, zone), describe_internet(internet));
    let wifi = if *is_wifi_on { ", Wi-Fi" } else { "" };
    writeln!(std::io::stdout(), "{id}: room {room} of {teacher}, Internet {internet}{wifi}, until {until}")?;
    Ok(ExitCode::SUCCESS)
}

fn read_end(
    settings: &SettingsArguments,
    zone: &TimeZone,
    now: Timestamp,
) -> anyhow::Result<Option<Timestamp>> {
    if let Some(text) = &settings.until {
        return Ok(Some(parse_coming(text, zone, now).context("--until")?));
    }
    let ms = settings.duration.map(|duration| u64::try_from(duration.as_millis()).unwrap_or(u64::MAX));
    Ok(ms.map(|ms| after(now, ms)))
}

fn after(now: Timestamp, ms: u64) -> Timestamp {
    Timestamp::from_unix_ms(now.unix_ms().saturating_add_unsigned(ms))
}

fn read_internet(settings: &SettingsArguments) -> anyhow::Result<Option<InternetMode>> {
    let Some(word) = &settings.internet else { return Ok(None) };
    let mode = InternetMode::read(word, &settings.site.join(" "))?;
    if mode.sites().is_empty() && !settings.site.is_empty() {
        bail!("--site belongs to --internet list");
    }
    Ok(Some(mode))
}

fn describe_internet(internet: &InternetMode) -> String {
    match internet {
        InternetMode::List(sites) => format!("list ({sites})"),
        InternetMode::Normal | InternetMode::WorkspaceOnly | InternetMode::Closed => {
            internet.as_str().to_owned()
        }
    }
}

fn describe_state(lesson: &Lesson, now: Option<Timestamp>) -> String {
    match &lesson.ended {
        Some(ended) => match ended.how {
            LessonEnding::Hand => format!("ended by {}", ended.by),
            LessonEnding::TakeOver => format!("taken over by {}", ended.by),
            LessonEnding::Time => "over".to_owned(),
        },
        None if lesson.is_running(now) => "running".to_owned(),
        None if now.is_none() => "waiting for a clock".to_owned(),
        None => "over".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;
    use model::Device;

    use super::*;
    use crate::cli::{Cli, Command, LessonCommand};

    fn school() -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        let device = Device {
            mac: "02:00:00:00:00:11".parse().unwrap(),
            name: "CM2-01".parse().unwrap(),
            room: Some("CM2".parse().unwrap()),
            profile: "elementaire".parse().unwrap(),
        };
        open(folder.path()).unwrap().add_device(&device).unwrap();
        folder
    }

    fn type_in(data: &Path, line: &[&str]) -> anyhow::Result<ExitCode> {
        let words = [&["preau", "lesson"], line, &["--data", data.to_str().unwrap()]].concat();
        let Command::Lesson(command) = Cli::try_parse_from(words)?.command else { panic!("{line:?}") };
        match command {
            LessonCommand::Start(arguments) => start(arguments),
            LessonCommand::Change(arguments) => change(arguments),
            LessonCommand::End { id, author, .. } => end(data, id, &author),
            LessonCommand::List { all, .. } => list(data, &TimeZone::UTC, all),
        }
    }

    const MARTIN: [&str; 2] = ["--teacher", "Mme Martin"];

    #[test]
    fn a_lesson_is_what_was_meant() {
        let school = school();
        let kept = || open(school.path()).unwrap().lessons(1).unwrap().remove(0);
        type_in(school.path(), &[&["start", "cm2"], &MARTIN[..]].concat()).unwrap();
        let lesson = kept();
        assert_eq!((lesson.room.as_str(), lesson.until.ms_since(lesson.from)), ("CM2", 55 * 60_000));
        assert_eq!((&lesson.internet, lesson.is_wifi_on), (&InternetMode::Normal, false));
        let by = ["--author", "M. Bernard"];
        let list = [
            "change",
            "1",
            "--internet",
            "list",
            "--site",
            "vikidia.org",
            "--site",
            "ign.fr",
            "--wifi",
            "true",
        ];
        type_in(school.path(), &[&list[..], &by].concat()).unwrap();
        assert_eq!(
            (describe_internet(&kept().internet).as_str(), kept().is_wifi_on),
            ("list (vikidia.org ign.fr)", true)
        );
        type_in(school.path(), &[&["change", "1", "--for", "2h"], &by[..]].concat()).unwrap();
        assert_eq!(kept().internet.sites().len(), 2, "only what is named is changed");
        assert_eq!(describe_state(&kept(), Some(kept().from)), "running");
        type_in(school.path(), &[&["end", "1"], &by[..]].concat()).unwrap();
        assert_eq!(describe_state(&kept(), Some(kept().from)), "ended by M. Bernard");
    }

    #[test]
    fn what_makes_no_sense_is_refused_with_the_reason() {
        let school = school();
        type_in(school.path(), &[&["start", "CM2"], &MARTIN[..]].concat()).unwrap();
        let check = |line: &[&str], expected: &str| {
            let error = format!("{:#}", type_in(school.path(), line).unwrap_err());
            assert!(error.contains(expected), "{line:?}: {error}");
        };
        let start = |rest: &[&'static str]| [&["start", "CM2", "--teacher", "M. Petit"], rest].concat();
        check(&start(&[]), "Mme Martin has the room CM2 until");
        check(&start(&["--for", "9h"]), "a lesson lasts at most 8 hours");
        check(&start(&["--until", "soon"]), "`soon` is not a time");
        check(&start(&["--internet", "list"]), "the list names no site");
        check(&start(&["--internet", "list", "--site", "fr"]), "a public suffix");
        check(&start(&["--internet", "ent", "--site", "ign.fr"]), "--site belongs to --internet list");
        check(&["start", "CM3", "--teacher", "M. Petit"], "rooms with devices: CM2");
        check(&["end", "9", "--author", "M. Petit"], "there is no lesson 9");
        check(&["change", "9", "--author", "M. Petit", "--wifi", "true"], "there is no lesson 9");
        type_in(school.path(), &start(&["--take-over"])).unwrap();
        let lessons = open(school.path()).unwrap().lessons(9).unwrap();
        let states: Vec<_> = lessons.iter().map(|it| describe_state(it, Some(it.from))).collect();
        assert_eq!(states, ["running", "taken over by M. Petit"]);
        check(&["change", "1", "--author", "M. Petit", "--wifi", "true"], "the lesson 1 is over");
    }
}
