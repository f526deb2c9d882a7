//! A lesson that somebody looks for, as a command line names it.

use std::path::Path;

use anyhow::{Context, bail};
use jiff::tz::TimeZone;
use model::{Lesson, LessonId, RoomName, Timestamp};
use store::Store;
use system::segments::Directory;

use crate::data_folder::STATE_FILE;
use crate::times;

/// How long after a lesson something of it may still be recorded, in milliseconds: its end is noted within a minute.
const AFTER_MS: i64 = 300_000;

/// A lesson.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SoughtLesson {
    /// Its number, which each of its records has.
    pub(crate) id: LessonId,
    /// When it was, where the state file was asked and knows it: by the clock that the box had then, which may have been wrong.
    pub(crate) window: Option<(Timestamp, Timestamp)>,
}

impl SoughtLesson {
    /// The lesson of this number, or the one that had a room at a time: `CM2 2026-11-23 09:30`. A copy of a folder is only read: by a number,
    /// its state file is left alone.
    pub(crate) fn find(text: &str, data: &Path, zone: &TimeZone) -> anyhow::Result<Self> {
        if let Ok(id) = text.trim().parse::<LessonId>() {
            let is_box = Directory::new(data).is_in_use() && data.join(STATE_FILE).is_file();
            let lesson = if is_box { open(data)?.find_lesson(id)? } else { None };
            return Ok(Self { id, window: lesson.as_ref().map(window) });
        }
        let (room, at) = read_place(text, zone)?;
        let lesson = open(data)?.find_lesson_at(&room, at)?;
        let lesson =
            lesson.with_context(|| format!("no lesson that is remembered had {room} at that time"))?;
        Ok(Self { id: lesson.id, window: Some(window(&lesson)) })
    }
}

fn open(data: &Path) -> anyhow::Result<Store> {
    let file = data.join(STATE_FILE);
    if !file.is_file() {
        bail!("there is no {}: give the lesson's number, which `--acts` tells", file.display());
    }
    Ok(Store::open(&file)?)
}

fn window(lesson: &Lesson) -> (Timestamp, Timestamp) {
    (lesson.from, Timestamp::from_unix_ms(lesson.end().unix_ms().saturating_add(AFTER_MS)))
}

/// A room and a time. The name of a room may have spaces; a time has one at most.
fn read_place(text: &str, zone: &TimeZone) -> anyhow::Result<(RoomName, Timestamp)> {
    let text = text.trim();
    let split = |place: usize| {
        let (room, time) = text.split_at_checked(place)?;
        let room: RoomName = room.trim().parse().ok()?;
        Some((room, times::parse_start(time, zone).ok()?))
    };
    let spaces: Vec<usize> = text.rmatch_indices(' ').map(|(place, _)| place).take(2).collect();
    let found = spaces.into_iter().rev().find_map(split);
    found.with_context(|| {
        format!("`{text}` is no lesson: write its number, or room and moment, as 'CM2 2026-11-23 09:30'")
    })
}

#[cfg(test)]
mod tests {
    use model::{InternetMode, LessonSettings, NewLesson};

    use super::*;

    fn zone() -> TimeZone {
        TimeZone::get("Europe/Paris").unwrap()
    }

    fn at(text: &str) -> Timestamp {
        times::parse_start(text, &zone()).unwrap()
    }

    #[test]
    fn a_lesson_is_named_by_its_number_or_by_its_room_and_a_moment() {
        let folder = tempfile::tempdir().unwrap();
        let find = |text: &str| SoughtLesson::find(text, folder.path(), &zone());
        let wrong = |text: &str, expected: &str| {
            let error = format!("{:#}", find(text).unwrap_err());
            assert!(error.contains(expected), "{text}: {error}");
        };
        let seven = SoughtLesson { id: LessonId::new(7), window: None };
        assert_eq!(find(" 7 ").unwrap(), seven, "a folder without a box");
        wrong("Salle info 2026-11-23 09:40", "which `--acts` tells");
        assert!(!folder.path().join(STATE_FILE).exists(), "who looks makes no state");
        let mut store = Store::open(&folder.path().join(STATE_FILE)).unwrap();
        let (from, until) = (at("2026-11-23 09:30"), at("2026-11-23 10:25"));
        let settings = LessonSettings { until, internet: InternetMode::Normal, is_wifi_on: false };
        let new =
            NewLesson::new("Mme Martin".parse().unwrap(), "Salle info".parse().unwrap(), from, settings);
        let id = store.start_lesson(new.unwrap(), None, None).unwrap().id;
        let window = Some((from, at("2026-11-23 10:30")));
        for text in ["Salle info 2026-11-23 09:40", "  Salle info  2026-11-23T09:30:00+01:00 "] {
            assert_eq!(find(text).unwrap(), SoughtLesson { id, window }, "{text}");
        }
        assert_eq!(find("7").unwrap(), seven, "a copy is left alone");
        wrong("Salle info 2026-11-23 10:25", "had Salle info at that time");
        wrong("CM2 2026-11-23 09:40", "had CM2 at that time");
        for text in ["", "Histoire", "2026-11-23 09:40", "CM2 09:40"] {
            wrong(text, "is no lesson");
        }
    }
}
