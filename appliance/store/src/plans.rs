//! The timetable: lessons that begin by themselves each week.

use model::{
    Alteration, LessonPlan, LessonSettings, Mac, NewLesson, PersonAct, PersonDeed, PersonName, PlanId,
    Sought, Timestamp,
};
use rusqlite::{OptionalExtension as _, Row, Transaction, params};

use crate::columns::parse;
use crate::lessons::{join_sites, read_mode};
use crate::person_acts::keep_act;
use crate::{LessonError, Store, StoreError};

/// Most planned lessons: a week of each room of a large school.
pub const PLANS_MAX: u32 = 2_000;
const MINUTE_MS: i64 = 60_000;
/// How long a plan that began does not begin again, in milliseconds: the day, whatever became of its lesson.
const REST_MS: i64 = 20 * 60 * 60 * 1_000;

const COLUMNS: &str = "id, teacher, room, weekday, from_minute, minutes, internet, sites, is_wifi_on";

impl Store {
    /// Keeps a planned lesson.
    ///
    /// # Errors
    /// [`LessonError::TooMany`].
    pub fn add_plan(&mut self, plan: &LessonPlan) -> Result<PlanId, LessonError> {
        self.write(|transaction| put(transaction, plan))
    }

    /// The same, on a device: the journal has that its teacher did.
    ///
    /// # Errors
    /// [`LessonError::TooMany`], [`LessonError::Unrecorded`].
    pub fn plan_lesson(&mut self, plan: &LessonPlan, device: Option<Mac>) -> Result<PlanId, LessonError> {
        self.write(|transaction| {
            let id = put(transaction, plan)?;
            record(transaction, Alteration::PlanLesson, plan, device)?;
            Ok(id)
        })
    }

    /// Forgets a planned lesson of this teacher; the journal has it. Returns whether there was one.
    ///
    /// # Errors
    /// [`LessonError::Unrecorded`], [`LessonError::Store`] when the file cannot be written.
    pub fn remove_plan(
        &mut self,
        id: PlanId,
        teacher: &PersonName,
        device: Option<Mac>,
    ) -> Result<bool, LessonError> {
        self.write(|transaction| {
            let delete =
                format!("DELETE FROM lesson_plan WHERE id = ?1 AND teacher = ?2 RETURNING {COLUMNS}");
            let values = params![id.number(), teacher.as_str()];
            let Some((_, plan)) = transaction.query_row(&delete, values, read_plan).optional()? else {
                return Ok(false);
            };
            record(transaction, Alteration::DropPlan, &plan, device)?;
            Ok(true)
        })
    }

    /// The planned lessons, in the order of the week.
    ///
    /// # Errors
    /// [`StoreError`] when the file cannot be read.
    pub fn plans(&self) -> Result<Vec<(PlanId, LessonPlan)>, StoreError> {
        self.select_plans("TRUE", ())
    }

    fn select_plans(
        &self,
        condition: &str,
        values: impl rusqlite::Params,
    ) -> Result<Vec<(PlanId, LessonPlan)>, StoreError> {
        let query =
            format!("SELECT {COLUMNS} FROM lesson_plan WHERE {condition} ORDER BY weekday, from_minute, id");
        let mut query = self.connection.prepare_cached(&query)?;
        let plans = query.query_map(values, read_plan)?.collect::<Result<_, _>>()?;
        Ok(plans)
    }

    /// Begins the planned lessons that are on at this minute of the week and have not begun today, of teachers who may sign in.
    /// In a room that a colleague has, one waits until it is free, or its own time is over; so it does where a lesson of the
    /// teacher's own goes on in the room and ends before it. Returns how many began.
    ///
    /// # Errors
    /// [`LessonError::Store`], [`LessonError::Unrecorded`].
    pub fn begin_planned(
        &mut self,
        (weekday, minute): (u8, u16),
        now: Timestamp,
    ) -> Result<usize, LessonError> {
        let due = self.select_plans(
            "weekday = ?1 AND from_minute <= ?2 AND from_minute + minutes > ?2
             AND (begun_ms IS NULL OR abs(?3 - begun_ms) > ?4)
             AND teacher IN (SELECT name FROM person WHERE disabled_ms IS NULL)",
            params![weekday, minute, now.unix_ms(), REST_MS],
        )?;
        let mut begun = 0;
        for (id, plan) in due {
            let Some(on) = plan.minutes_on(weekday, minute) else { continue };
            // Time zones differ by whole minutes.
            let start = now.unix_ms().div_euclid(MINUTE_MS) * MINUTE_MS;
            let ms = start + (i64::from(plan.minutes) - i64::from(on)) * MINUTE_MS;
            let until = Timestamp::from_unix_ms(ms);
            let settings = LessonSettings { until, internet: plan.internet, is_wifi_on: plan.is_wifi_on };
            let new = NewLesson::new(plan.teacher, plan.room, now, settings)?;
            match self.start_lesson(new, None, None) {
                // Her lesson before this one was extended: this one is yet to come.
                Ok(lesson) if lesson.from != now && lesson.until < until => continue,
                Ok(_) => begun += 1,
                Err(LessonError::Occupied(_) | LessonError::TooMany) => continue,
                Err(error) => return Err(error),
            }
            let update = "UPDATE lesson_plan SET begun_ms = ?2 WHERE id = ?1";
            self.connection.execute(update, params![id.number(), now.unix_ms()])?;
        }
        Ok(begun)
    }
}

fn put(transaction: &Transaction<'_>, plan: &LessonPlan) -> Result<PlanId, LessonError> {
    let count: u32 = transaction.query_row("SELECT count(*) FROM lesson_plan", (), |row| row.get(0))?;
    if count >= PLANS_MAX {
        return Err(LessonError::TooMany);
    }
    let id = transaction.query_row(
        "INSERT INTO lesson_plan (teacher, room, weekday, from_minute, minutes, internet, sites, is_wifi_on)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) RETURNING id",
        params![
            plan.teacher.as_str(),
            plan.room.as_str(),
            plan.weekday,
            plan.from_minute,
            plan.minutes,
            plan.internet.as_str(),
            join_sites(&plan.internet),
            plan.is_wifi_on,
        ],
        |row| row.get(0),
    )?;
    Ok(PlanId::new(id))
}

/// Keeps for the journal what its teacher did with a planned lesson: in which room, when in the week, how.
fn record(
    transaction: &Transaction<'_>,
    what: Alteration,
    plan: &LessonPlan,
    device: Option<Mac>,
) -> Result<(), LessonError> {
    let (hour, minute) = (plan.from_minute / 60, plan.from_minute % 60);
    let wifi = if plan.is_wifi_on { ", Wi-Fi" } else { "" };
    let words = format!(
        "room {}, day {} of the week, {hour:02}:{minute:02}, {} minutes, Internet {}{wifi}",
        plan.room,
        plan.weekday + 1,
        plan.minutes,
        plan.internet.as_str()
    );
    let deed = PersonDeed::Alter { what, words: Sought::new(&words) };
    Ok(keep_act(transaction, &PersonAct { author: plan.teacher.clone(), device, deed })?)
}

fn read_plan(row: &Row<'_>) -> rusqlite::Result<(PlanId, LessonPlan)> {
    let text = |column: usize| row.get::<_, String>(column);
    let plan = LessonPlan {
        teacher: parse(1, &text(1)?)?,
        room: parse(2, &text(2)?)?,
        weekday: row.get(3)?,
        from_minute: row.get(4)?,
        minutes: row.get(5)?,
        internet: read_mode(6, &text(6)?, &text(7)?)?,
        is_wifi_on: row.get(8)?,
    };
    Ok((PlanId::new(row.get(0)?), plan))
}

#[cfg(test)]
mod tests {
    use model::{InternetMode, Role};

    use super::*;
    use crate::people::tests::{add, at, open};

    const NINE: u16 = 9 * 60;

    fn plan(teacher: &str, room: &str) -> LessonPlan {
        LessonPlan {
            teacher: teacher.parse().unwrap(),
            room: room.parse().unwrap(),
            weekday: 0,
            from_minute: NINE,
            minutes: 55,
            internet: InternetMode::read("list", "vikidia.org").unwrap(),
            is_wifi_on: true,
        }
    }

    /// How many begin some minutes after nine o'clock, so many days after a Monday.
    fn begin(store: &mut Store, day: u8, minutes: u16) -> usize {
        let ms = i64::from(day) * 86_400_000 + i64::from(minutes) * MINUTE_MS + 1_234;
        store.begin_planned((day % 7, NINE + minutes), at(ms)).unwrap()
    }

    #[test]
    fn a_planned_lesson_begins_once_each_week_and_ends_on_time() {
        let (_folder, mut store) = open();
        add(&mut store, "Mme Martin", Role::Teacher, &[]);
        let id = store.add_plan(&plan("Mme Martin", "CM2")).unwrap();
        assert_eq!(store.plans().unwrap(), [(id, plan("Mme Martin", "CM2"))]);
        assert_eq!([begin(&mut store, 1, 3), begin(&mut store, 0, 55)], [0, 0]);
        assert_eq!(begin(&mut store, 0, 3), 1);
        let lesson = store.open_lessons().unwrap().remove(0);
        assert_eq!((lesson.until, lesson.is_wifi_on), (at(55 * MINUTE_MS), true));
        assert_eq!(lesson.internet.as_str(), "list");
        // Its teacher ended it: it does not begin again today, but next week.
        store.end_lesson(lesson.id, at(4 * MINUTE_MS), (&lesson.teacher, None)).unwrap();
        assert_eq!(begin(&mut store, 0, 5), 0);
        assert_eq!(begin(&mut store, 7, 0), 1);
        store.lapse_lessons(at(8 * 86_400_000)).unwrap();
        assert!(!store.remove_plan(id, &"M. Petit".parse().unwrap(), None).unwrap());
        assert!(store.remove_plan(id, &"Mme Martin".parse().unwrap(), None).unwrap());
        assert_eq!(begin(&mut store, 14, 0), 0);
    }

    #[test]
    fn who_plans_and_who_gives_up_is_on_record() {
        let (_folder, mut store) = open();
        let plan = plan("Mme Martin", "CM2");
        let device = Some("02:00:00:00:00:11".parse().unwrap());
        let id = store.plan_lesson(&plan, device).unwrap();
        store.remove_plan(id, &plan.teacher, None).unwrap();
        store.remove_plan(id, &plan.teacher, None).unwrap();
        let acts: Vec<_> = store.waiting_person_acts(9).unwrap().into_iter().map(|it| it.act).collect();
        let words = || Sought::new("room CM2, day 1 of the week, 09:00, 55 minutes, Internet list, Wi-Fi");
        let act = |what, device| {
            let deed = PersonDeed::Alter { what, words: words() };
            PersonAct { author: plan.teacher.clone(), device, deed }
        };
        assert_eq!(acts, [act(Alteration::PlanLesson, device), act(Alteration::DropPlan, None)]);
        assert_eq!(store.plans().unwrap(), []);
    }

    #[test]
    fn an_extended_lesson_puts_the_next_one_off_and_swallows_none() {
        for (minutes, begun) in [(10, [0, 1, 0]), (60, [1, 0, 0])] {
            let (_folder, mut store) = open();
            add(&mut store, "Mme Martin", Role::Teacher, &[]);
            store.add_plan(&plan("Mme Martin", "CM2")).unwrap();
            let until = at(minutes * MINUTE_MS);
            let settings = LessonSettings { until, internet: InternetMode::Closed, is_wifi_on: false };
            let (teacher, room) = ("Mme Martin".parse().unwrap(), "CM2".parse().unwrap());
            let before = NewLesson::new(teacher, room, at(0), settings).unwrap();
            store.start_lesson(before, None, None).unwrap();
            assert_eq!([3, 10, 11].map(|minute| begin(&mut store, 0, minute)), begun, "{minutes}");
            let running = store.open_lessons().unwrap().remove(0);
            assert_eq!(running.until, at(minutes.max(55) * MINUTE_MS));
        }
    }

    #[test]
    fn a_plan_takes_no_room_and_needs_its_teacher() {
        let (_folder, mut store) = open();
        let martin = add(&mut store, "Mme Martin", Role::Teacher, &[]);
        store.add_plan(&plan("Mme Martin", "CM2")).unwrap();
        let settings =
            LessonSettings { until: at(9 * MINUTE_MS), internet: InternetMode::Normal, is_wifi_on: false };
        let (petit, room) = ("M. Petit".parse().unwrap(), "CM2".parse().unwrap());
        let other = NewLesson::new(petit, room, at(0), settings).unwrap();
        store.start_lesson(other, None, None).unwrap();
        assert_eq!(begin(&mut store, 0, 3), 0);
        assert_eq!(begin(&mut store, 0, 10), 1, "the room is free");
        store.lapse_lessons(at(86_400_000)).unwrap();
        store.disable_person(martin.id, at(0), (&martin.name, None)).unwrap();
        assert_eq!(begin(&mut store, 7, 0), 0);
    }
}
