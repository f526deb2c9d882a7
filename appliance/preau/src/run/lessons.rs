//! The lessons as the running box keeps them: those that run are a part of the policy, and end at their minute.
//!
//! A lesson only narrows, so it waits for no record: its acts are kept in the transaction that begins, changes or ends it, and
//! the journal has them a moment later. Where it takes none, the web is closed in any case.

use access::Instant;
use model::Lesson;
use policy::Moment;
use store::{Store, StoreError};

/// The lessons whose end is not noted yet.
#[derive(Default)]
pub(crate) struct Lessons {
    open: Vec<Lesson>,
    /// Those that the policy had at the last look; `None` before the first one.
    in_force: Option<Vec<Lesson>>,
    /// That lessons cannot be ended.
    is_failure_told: bool,
    /// That planned ones cannot begin: it is tried once a minute, and the other many times meanwhile.
    is_plan_failure_told: bool,
    /// The minute of the week at which planned lessons were looked for.
    looked: Option<(u8, u16)>,
}

impl Lessons {
    /// What the store says now.
    pub(crate) fn replace(&mut self, open: Vec<Lesson>) {
        self.open = open;
    }

    /// Those that belong to the policy; whether one runs at a time is told by the time.
    pub(crate) fn open(&self) -> &[Lesson] {
        &self.open
    }

    /// Ends the lessons whose time is up. Returns whether others belong to the policy than after the last time: the first time,
    /// always.
    pub(crate) fn keep(&mut self, store: &mut Store, now: Instant) -> bool {
        if let Some(now) = now.plausible() {
            // Those that ended are read with the next look. Until then, and also where this fails, the time ends them.
            let outcome: Result<usize, StoreError> = store.lapse_lessons(now);
            if let Some(error) = first_failure(&mut self.is_failure_told, outcome) {
                tracing::error!("lessons do not end in the state file: {error:#}");
            }
        }
        if self.in_force.as_ref() == Some(&self.open) {
            return false;
        }
        self.in_force = Some(self.open.clone());
        true
    }

    /// Begins the planned lessons whose time has come, once a minute, but in the holidays. What begins is read with the next
    /// look.
    pub(crate) fn begin_planned(&mut self, store: &mut Store, now: Instant, moment: &Moment) {
        let Some(at) = now.plausible() else { return };
        let place = (moment.weekday.to_monday_zero_offset().unsigned_abs(), moment.time.minutes());
        if moment.is_holiday || self.looked == Some(place) {
            return;
        }
        self.looked = Some(place);
        let outcome = store.begin_planned(place, at);
        if let Ok(lessons @ 1..) = outcome {
            tracing::info!(lessons, "planned lessons have begun");
        }
        if let Some(error) = first_failure(&mut self.is_plan_failure_told, outcome) {
            tracing::error!("planned lessons do not begin: {error:#}");
        }
    }
}

/// A failure that is to be told: once, until all is well again.
fn first_failure<T>(
    is_told: &mut bool,
    outcome: Result<T, impl Into<anyhow::Error>>,
) -> Option<anyhow::Error> {
    let was_told = std::mem::replace(is_told, outcome.is_err());
    outcome.err().filter(|_| !was_told).map(Into::into)
}

#[cfg(test)]
mod tests {
    use model::{ClockQuality, InternetMode, LessonSettings, NewLesson, Timestamp};

    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_unix_ms((1_795_422_600 + seconds) * 1_000)
    }

    fn instant(seconds: i64, quality: ClockQuality) -> Instant {
        Instant { at: at(seconds), quality }
    }

    #[test]
    fn a_planned_lesson_begins_in_its_minute_but_in_no_holidays() {
        use jiff::civil::Weekday;
        use model::{LessonPlan, Role};
        let folder = tempfile::tempdir().unwrap();
        let mut store = Store::open(&folder.path().join("state.sqlite")).unwrap();
        let (name, by) = ("Mme Martin", "ligne de commande".parse().unwrap());
        let person = store::NewPerson { name: name.parse().unwrap(), role: Role::Teacher, rooms: vec![] };
        store.add_person(&person, "$first$", at(0), (&by, None)).unwrap();
        let plan = LessonPlan {
            teacher: person.name,
            room: "CM2".parse().unwrap(),
            weekday: 1,
            from_minute: 540,
            minutes: 55,
            internet: InternetMode::WorkspaceOnly,
            is_wifi_on: false,
        };
        store.add_plan(&plan).unwrap();
        let mut lessons = Lessons::default();
        let mut look = |minute: &str, is_holiday: bool| {
            let moment = Moment { weekday: Weekday::Tuesday, time: minute.parse().unwrap(), is_holiday };
            lessons.begin_planned(&mut store, instant(1, ClockQuality::Synchronised), &moment);
            store.open_lessons().unwrap().len()
        };
        assert_eq!([look("08:59", false), look("09:00", true), look("09:00", false)], [0, 0, 1]);
    }

    /// Nine by the school's clock is nine before and after the night in which that clock is changed, and no lesson begins in between
    /// where that is a holiday.
    #[test]
    fn a_weekly_lesson_skips_the_holidays_and_keeps_its_hour_when_the_clock_changes() {
        use jiff::tz::TimeZone;
        use model::{LessonPlan, Role};
        let folder = tempfile::tempdir().unwrap();
        let mut store = Store::open(&folder.path().join("state.sqlite")).unwrap();
        let by = "ligne de commande".parse().unwrap();
        let name = "Mme Martin".parse().unwrap();
        let person = store::NewPerson { name, role: Role::Teacher, rooms: vec![] };
        store.add_person(&person, "$first$", at(0), (&by, None)).unwrap();
        let plan = LessonPlan {
            teacher: person.name,
            room: "CM2".parse().unwrap(),
            weekday: 1,
            from_minute: 540,
            minutes: 55,
            internet: InternetMode::WorkspaceOnly,
            is_wifi_on: true,
        };
        store.add_plan(&plan).unwrap();
        let autumn = "2026-10-17/2026-11-01".parse().unwrap();
        let calendar = policy::Calendar::new(TimeZone::get("Europe/Paris").unwrap(), vec![autumn]);
        let utc = |at: Timestamp| jiff::Timestamp::from_millisecond(at.unix_ms()).unwrap().to_string();
        let (mut lessons, mut begun) = (Lessons::default(), Vec::new());
        for day in ["2026-10-13", "2026-10-20", "2026-10-27", "2026-11-03", "2027-03-23", "2027-03-30"] {
            let dawn: jiff::Timestamp = format!("{day}T06:30:00Z").parse().unwrap();
            for minute in 0..180 {
                let now = Timestamp::from_unix_ms(dawn.as_millisecond() + minute * 60_000);
                store.lapse_lessons(now).unwrap();
                let instant = Instant { at: now, quality: ClockQuality::Synchronised };
                lessons.begin_planned(&mut store, instant, &calendar.moment(now));
                for lesson in store.open_lessons().unwrap() {
                    let times = format!("{} {}", utc(lesson.from), utc(lesson.until));
                    if begun.last() != Some(&times) {
                        begun.push(times);
                    }
                }
            }
        }
        let summer = |day: &str| format!("{day}T07:00:00Z {day}T07:55:00Z");
        let winter = |day: &str| format!("{day}T08:00:00Z {day}T08:55:00Z");
        let expected =
            [summer("2026-10-13"), winter("2026-11-03"), winter("2027-03-23"), summer("2027-03-30")];
        assert_eq!(begun, expected);
    }

    #[test]
    fn a_failure_is_told_once_until_all_is_well() {
        let mut is_told = false;
        let mut tell = |outcome: Result<(), &'static str>| {
            first_failure(&mut is_told, outcome.map_err(anyhow::Error::msg)).is_some()
        };
        let told = [Err("full"), Err("full"), Ok(()), Err("full")].map(&mut tell);
        assert_eq!(told, [true, false, false, true]);
    }

    #[test]
    fn a_lesson_ends_by_itself_and_the_policy_follows_each_change_once() {
        use ClockQuality::{Synchronised, Unset};
        let folder = tempfile::tempdir().unwrap();
        let mut store = Store::open(&folder.path().join("state.sqlite")).unwrap();
        let mut lessons = Lessons::default();
        let mut look = |store: &mut Store, now: Instant| {
            lessons.replace(store.open_lessons().unwrap());
            (lessons.keep(store, now), lessons.open().len())
        };
        assert_eq!(look(&mut store, instant(0, Synchronised)), (true, 0), "the first look");
        let settings = LessonSettings { until: at(60), internet: InternetMode::Closed, is_wifi_on: true };
        let (teacher, room) = ("Mme Martin".parse().unwrap(), "CM2".parse().unwrap());
        let new = NewLesson::new(teacher, room, at(0), settings).unwrap();
        store.start_lesson(new, None, None).unwrap();
        assert_eq!(look(&mut store, instant(1, Synchronised)), (true, 1));
        assert_eq!(look(&mut store, instant(59, Synchronised)), (false, 1));
        // Who knows what time it is.
        assert_eq!(look(&mut store, instant(9_999, Unset)), (false, 1));
        assert_eq!(look(&mut store, instant(60, Synchronised)), (false, 1));
        assert_eq!(look(&mut store, instant(60, Synchronised)), (true, 0));
        let deeds: Vec<_> =
            store.waiting_person_acts(9).unwrap().iter().map(|it| it.act.deed.as_str()).collect();
        assert_eq!(deeds, ["start-lesson", "end-lesson"]);
    }
}
