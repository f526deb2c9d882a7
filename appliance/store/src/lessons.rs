//! Lessons. Each beginning, change and end keeps its act for the journal in the same transaction, and undoes with the end what
//! the lesson changed.

use model::{
    ClockQuality, InternetMode, Lesson, LessonEnd, LessonEnding, LessonId, LessonSettings, Mac, NewLesson,
    NewOverride, Override, OverrideId, PersonAct, PersonDeed, PersonId, PersonName, RoomName, Timestamp,
    UnfitLesson,
};
use rusqlite::{OptionalExtension, Params, Row, Transaction, params};

use crate::columns::{parse, unknown};
use crate::overrides::{keep_override, one_of};
use crate::people::PersonError;
use crate::person_acts::{keep_act, keep_closing_act};
use crate::readings::Reader;
use crate::{AddOverrideError, Store, StoreError};

/// Most lessons that run at a time: more than a school has rooms.
pub const LESSONS_MAX: u32 = 200;
/// Most lessons that are kept, those that are over included: whoever begins and ends them all day fills no disk.
const KEPT_MAX: u32 = 50_000;

const COLUMNS: &str =
    "id, teacher, room, from_ms, until_ms, internet, sites, is_wifi_on, ended_ms, ended_how, ended_by";

/// What is to be different of a lesson from now on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LessonChange {
    /// Another end.
    pub until: Option<Timestamp>,
    /// Another mode.
    pub internet: Option<InternetMode>,
    /// Wi-Fi or none.
    pub is_wifi_on: Option<bool>,
}

/// A time during which a room had its Wi-Fi: a line of the register.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WifiUse {
    /// For which lesson.
    pub lesson: LessonId,
    /// In which room.
    pub room: RoomName,
    /// When it was switched on.
    pub on: Timestamp,
    /// By whom.
    pub on_by: PersonName,
    /// When it was switched off, and by whom: the lesson's teacher where its time was up.
    pub off: Option<(Timestamp, PersonName)>,
}

impl Store {
    /// Begins a lesson. Its teacher takes over the room from the lesson `takes_over`, if it is still the one that runs there;
    /// a lesson of her own in this room goes on as it is. Of too many that are over, the oldest are forgotten.
    ///
    /// # Errors
    /// [`LessonError::Occupied`] by a colleague's lesson, [`LessonError::TooMany`], [`LessonError::Unrecorded`].
    pub fn start_lesson(
        &mut self,
        new: NewLesson,
        takes_over: Option<LessonId>,
        device: Option<Mac>,
    ) -> Result<Lesson, LessonError> {
        self.change(|transaction| {
            let now = new.from();
            prune(transaction)?;
            lapse(transaction, now)?;
            if let Some(other) =
                find_one(transaction, "room = ?1 AND ended_ms IS NULL", [new.room().as_str()])?
            {
                let is_own = other.teacher == *new.teacher();
                if is_own && other.is_running(Some(now)) {
                    return Ok(other);
                }
                // One that has not begun by this clock, which was set back, is nobody's any more.
                if other.is_running(Some(now)) && takes_over != Some(other.id) {
                    return Err(LessonError::Occupied(Box::new(other)));
                }
                let how = if is_own { LessonEnding::Hand } else { LessonEnding::TakeOver };
                finish(transaction, &other, (now, how), (new.teacher(), device))?;
            }
            let open: u32 =
                transaction
                    .query_row("SELECT count(*) FROM lesson WHERE ended_ms IS NULL", (), |row| row.get(0))?;
            if open >= LESSONS_MAX {
                return Err(LessonError::TooMany);
            }
            let lesson = insert(transaction, new)?;
            let (settings, author) = (Box::new(lesson.settings()), lesson.teacher.clone());
            let deed = PersonDeed::StartLesson { lesson: lesson.id, room: lesson.room.clone(), settings };
            keep_act(transaction, &PersonAct { author, device, deed })?;
            if lesson.is_wifi_on {
                switch_on(transaction, lesson.id, (now, &lesson.teacher))?;
            }
            Ok(lesson)
        })
    }

    /// Has a lesson go on in another way. What was opened for it ends with it, also when it is extended.
    ///
    /// # Errors
    /// [`LessonError::Unknown`], [`LessonError::Over`], [`LessonError::Unfit`], [`LessonError::Unrecorded`].
    pub fn change_lesson(
        &mut self,
        id: LessonId,
        change: LessonChange,
        now: Timestamp,
        (by, device): Reader<'_>,
    ) -> Result<Lesson, LessonError> {
        self.change(|transaction| {
            let before = find_running(transaction, id, now)?;
            let settings = LessonSettings {
                until: change.until.unwrap_or(before.until),
                internet: change.internet.unwrap_or_else(|| before.internet.clone()),
                is_wifi_on: change.is_wifi_on.unwrap_or(before.is_wifi_on),
            };
            if settings == before.settings() {
                return Ok(before);
            }
            let after = before.clone().change(settings.clone(), now)?;
            transaction.execute(
                "UPDATE lesson SET until_ms = ?2, internet = ?3, sites = ?4, is_wifi_on = ?5 WHERE id = ?1",
                params![
                    id.number(),
                    after.until.unix_ms(),
                    after.internet.as_str(),
                    join_sites(&after.internet),
                    after.is_wifi_on,
                ],
            )?;
            move_overrides(transaction, &before, after.until)?;
            match (before.is_wifi_on, after.is_wifi_on) {
                (false, true) => switch_on(transaction, id, (now, by))?,
                (true, false) => switch_off(transaction, id, (now, by))?,
                (false, false) | (true, true) => {}
            }
            let (room, settings) = (after.room.clone(), Box::new(settings));
            let deed = PersonDeed::ChangeLesson { lesson: id, room, settings };
            keep_act(transaction, &PersonAct { author: by.clone(), device, deed })?;
            Ok(after)
        })
    }

    /// Ends a lesson before its time, also where there is no room for the act.
    ///
    /// # Errors
    /// [`LessonError::Unknown`], [`LessonError::Over`].
    pub fn end_lesson(
        &mut self,
        id: LessonId,
        now: Timestamp,
        by: Reader<'_>,
    ) -> Result<Lesson, LessonError> {
        self.change(|transaction| {
            let lesson = find(transaction, id)?.ok_or(LessonError::Unknown(id))?;
            if lesson.ended.is_some() {
                return Err(LessonError::Over(id));
            }
            finish(transaction, &lesson, (now, LessonEnding::Hand), by)?;
            find(transaction, id)?.ok_or(LessonError::Unknown(id))
        })
    }

    /// Ends the lessons whose time is up. Returns how many.
    ///
    /// # Errors
    /// [`StoreError`] when the file cannot be written.
    pub fn lapse_lessons(&mut self, now: Timestamp) -> Result<usize, StoreError> {
        let overdue: bool = self.connection.query_row(
            "SELECT EXISTS (SELECT 1 FROM lesson WHERE ended_ms IS NULL AND until_ms <= ?1)",
            [now.unix_ms()],
            |row| row.get(0),
        )?;
        if overdue {
            Ok(self.change(|transaction| lapse(transaction, now)).map_err(StoreError)?)
        } else {
            Ok(0)
        }
    }

    /// The lessons whose end is not noted: all that can run.
    ///
    /// # Errors
    /// [`StoreError`] when the file cannot be read.
    pub fn open_lessons(&self) -> Result<Vec<Lesson>, StoreError> {
        self.select_lessons("ended_ms IS NULL ORDER BY id", ())
    }

    /// The lessons, the last first, at most `limit` of them.
    ///
    /// # Errors
    /// [`StoreError`] when the file cannot be read.
    pub fn lessons(&self, limit: u32) -> Result<Vec<Lesson>, StoreError> {
        self.select_lessons("TRUE ORDER BY id DESC LIMIT ?1", [limit])
    }

    /// The last lesson that this teacher began in this room.
    ///
    /// # Errors
    /// [`StoreError`] when the file cannot be read.
    pub fn last_lesson(&self, teacher: &PersonName, room: &RoomName) -> Result<Option<Lesson>, StoreError> {
        let last = "teacher = ?1 AND room = ?2 ORDER BY id DESC LIMIT 1";
        Ok(self.select_lessons(last, [teacher.as_str(), room.as_str()])?.pop())
    }

    /// The lessons that ran, or were to run, within a time, in one room or in all, the last first, at most `limit` of them.
    ///
    /// # Errors
    /// [`StoreError`] when the file cannot be read.
    pub fn lessons_within(
        &self,
        (from, to): (Option<Timestamp>, Option<Timestamp>),
        room: Option<&RoomName>,
        limit: u32,
    ) -> Result<Vec<Lesson>, StoreError> {
        let ms = |at: Option<Timestamp>, other: i64| at.map_or(other, Timestamp::unix_ms);
        self.select_lessons(
            "until_ms > ?1 AND from_ms < ?2 AND (?3 IS NULL OR room = ?3) ORDER BY from_ms DESC, id DESC LIMIT ?4",
            params![ms(from, i64::MIN), ms(to, i64::MAX), room.map(RoomName::as_str), limit],
        )
    }

    /// The lesson that had a room at a time.
    ///
    /// # Errors
    /// [`StoreError`] when the file cannot be read.
    pub fn find_lesson_at(&self, room: &RoomName, at: Timestamp) -> Result<Option<Lesson>, StoreError> {
        let around = "room = ?1 AND from_ms <= ?2 AND until_ms > ?2 ORDER BY id DESC";
        let lessons = self.select_lessons(around, params![room.as_str(), at.unix_ms()])?;
        Ok(lessons.into_iter().find(|lesson| at < lesson.end()))
    }

    /// A lesson by its number.
    ///
    /// # Errors
    /// [`StoreError`] when the file cannot be read.
    pub fn find_lesson(&self, id: LessonId) -> Result<Option<Lesson>, StoreError> {
        Ok(self.select_lessons("id = ?1", [id.number()])?.pop())
    }

    fn select_lessons(&self, rest: &str, values: impl Params) -> Result<Vec<Lesson>, StoreError> {
        let mut query =
            self.connection.prepare_cached(&format!("SELECT {COLUMNS} FROM lesson WHERE {rest}"))?;
        let lessons = query.query_map(values, read_lesson)?.collect::<Result<_, _>>()?;
        Ok(lessons)
    }

    /// Keeps an override that ends with a lesson: its end must be the lesson's.
    ///
    /// # Errors
    /// [`LessonError::Over`] where the lesson is, [`LessonError::Override`].
    pub fn permit_in_lesson(
        &mut self,
        id: LessonId,
        new: NewOverride,
        clock: ClockQuality,
    ) -> Result<Override, LessonError> {
        self.change(|transaction| {
            find_running(transaction, id, new.made())?;
            let made = keep_override(transaction, new, clock)?;
            tie_override(transaction, id, made.id)?;
            Ok(made)
        })
    }

    /// The overrides that end with a lesson.
    ///
    /// # Errors
    /// [`StoreError`] when the file cannot be read.
    pub fn overrides_of(&self, id: LessonId) -> Result<Vec<OverrideId>, StoreError> {
        let query = "SELECT override FROM lesson_override WHERE lesson = ?1 ORDER BY override";
        let mut query = self.connection.prepare_cached(query)?;
        let overrides = query.query_map([id.number()], |row| row.get(0).map(OverrideId::new))?;
        Ok(overrides.collect::<Result<_, _>>()?)
    }

    /// The register of Wi-Fi, the last use first, at most `limit` of them.
    ///
    /// # Errors
    /// [`StoreError`] when the file cannot be read.
    pub fn wifi_uses(&self, limit: u32) -> Result<Vec<WifiUse>, StoreError> {
        let mut query = self.connection.prepare_cached(
            "SELECT lesson, room, on_ms, on_by, off_ms, off_by FROM wifi_use JOIN lesson ON lesson.id = lesson
             ORDER BY wifi_use.id DESC LIMIT ?1",
        )?;
        let uses = query.query_map([limit], read_use)?.collect::<Result<_, _>>()?;
        Ok(uses)
    }

    /// Remembers the room in which somebody teaches now. This is no change of the intent.
    ///
    /// # Errors
    /// [`StoreError`] when the file cannot be written.
    pub fn remember_room(&mut self, id: PersonId, room: &RoomName) -> Result<(), StoreError> {
        let update = "UPDATE person SET room_now = ?2 WHERE id = ?1 AND room_now IS NOT ?2";
        self.connection.execute(update, params![id.number(), room.as_str()])?;
        Ok(())
    }

    /// The room that is remembered of somebody.
    ///
    /// # Errors
    /// [`StoreError`] when the file cannot be read.
    pub fn remembered_room(&self, id: PersonId) -> Result<Option<RoomName>, StoreError> {
        let query = "SELECT room_now FROM person WHERE id = ?1";
        let room: Option<Option<String>> =
            self.connection.query_row(query, [id.number()], |row| row.get(0)).optional()?;
        Ok(room.flatten().map(|room| parse(0, &room)).transpose()?)
    }
}

/// Ties an override to the lesson that it ends with.
pub(crate) fn tie_override(
    transaction: &Transaction<'_>,
    lesson: LessonId,
    id: OverrideId,
) -> rusqlite::Result<()> {
    let insert = "INSERT INTO lesson_override (lesson, override) VALUES (?1, ?2)";
    transaction.execute(insert, [lesson.number(), id.number()])?;
    Ok(())
}

/// The lesson of this number, where it runs.
pub(crate) fn find_running(
    transaction: &Transaction<'_>,
    id: LessonId,
    now: Timestamp,
) -> Result<Lesson, LessonError> {
    let lesson = find(transaction, id)?.ok_or(LessonError::Unknown(id))?;
    if lesson.is_running(Some(now)) { Ok(lesson) } else { Err(LessonError::Over(id)) }
}

/// The sites of a list as a column has them.
pub(crate) fn join_sites(internet: &InternetMode) -> String {
    match internet {
        InternetMode::List(sites) => sites.to_string(),
        InternetMode::Normal | InternetMode::WorkspaceOnly | InternetMode::Closed => String::new(),
    }
}

/// The mode of a column, with the sites of the one after it.
pub(crate) fn read_mode(column: usize, word: &str, sites: &str) -> rusqlite::Result<InternetMode> {
    InternetMode::read(word, sites).map_err(|error| unknown(column, error))
}

fn find(transaction: &Transaction<'_>, id: LessonId) -> rusqlite::Result<Option<Lesson>> {
    find_one(transaction, "id = ?1", [id.number()])
}

fn find_one(
    transaction: &Transaction<'_>,
    condition: &str,
    values: impl Params,
) -> rusqlite::Result<Option<Lesson>> {
    let query = format!("SELECT {COLUMNS} FROM lesson WHERE {condition}");
    transaction.query_row(&query, values, read_lesson).optional()
}

fn insert(transaction: &Transaction<'_>, new: NewLesson) -> rusqlite::Result<Lesson> {
    let settings = new.settings();
    let id = transaction.query_row(
        "INSERT INTO lesson (teacher, room, from_ms, until_ms, internet, sites, is_wifi_on)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) RETURNING id",
        params![
            new.teacher().as_str(),
            new.room().as_str(),
            new.from().unix_ms(),
            settings.until.unix_ms(),
            settings.internet.as_str(),
            join_sites(&settings.internet),
            settings.is_wifi_on,
        ],
        |row| row.get(0).map(LessonId::new),
    )?;
    Ok(new.keep(id))
}

/// Ends what is overdue, at its time.
fn lapse(transaction: &Transaction<'_>, now: Timestamp) -> rusqlite::Result<usize> {
    let query = format!("SELECT {COLUMNS} FROM lesson WHERE ended_ms IS NULL AND until_ms <= ?1");
    let overdue: Vec<Lesson> = {
        let mut query = transaction.prepare(&query)?;
        query.query_map([now.unix_ms()], read_lesson)?.collect::<Result<_, _>>()?
    };
    for lesson in &overdue {
        finish(transaction, lesson, (lesson.until, LessonEnding::Time), (&lesson.teacher, None))?;
    }
    Ok(overdue.len())
}

/// Ends a lesson, and all that it changed.
fn finish(
    transaction: &Transaction<'_>,
    lesson: &Lesson,
    (at, ending): (Timestamp, LessonEnding),
    (by, device): Reader<'_>,
) -> rusqlite::Result<()> {
    let id = lesson.id;
    transaction.execute(
        "UPDATE lesson SET ended_ms = ?2, ended_how = ?3, ended_by = ?4 WHERE id = ?1",
        params![id.number(), at.unix_ms(), ending.as_str(), by.as_str()],
    )?;
    // Of those whose time is up the time tells.
    transaction.execute(
        "UPDATE override SET ended_ms = ?2, ended_by = ?3
         WHERE id IN (SELECT override FROM lesson_override WHERE lesson = ?1)
         AND ended_ms IS NULL AND NOT is_end_recorded AND until_ms > ?2",
        params![id.number(), at.unix_ms(), by.as_str()],
    )?;
    switch_off(transaction, id, (at, by))?;
    let deed = PersonDeed::EndLesson { lesson: id, room: lesson.room.clone(), ending };
    keep_closing_act(transaction, &PersonAct { author: by.clone(), device, deed })
}

/// What was opened for a lesson ends with it, whenever that is.
fn move_overrides(transaction: &Transaction<'_>, before: &Lesson, until: Timestamp) -> rusqlite::Result<()> {
    transaction.execute(
        "UPDATE override SET until_ms = ?3 WHERE id IN (SELECT override FROM lesson_override WHERE lesson = ?1)
         AND ended_ms IS NULL AND NOT is_end_recorded AND until_ms = ?2",
        params![before.id.number(), before.until.unix_ms(), until.unix_ms()],
    )?;
    Ok(())
}

fn switch_on(
    transaction: &Transaction<'_>,
    id: LessonId,
    (at, by): (Timestamp, &PersonName),
) -> rusqlite::Result<()> {
    transaction.execute(
        "INSERT INTO wifi_use (lesson, on_ms, on_by) VALUES (?1, ?2, ?3)",
        params![id.number(), at.unix_ms(), by.as_str()],
    )?;
    Ok(())
}

fn switch_off(
    transaction: &Transaction<'_>,
    id: LessonId,
    (at, by): (Timestamp, &PersonName),
) -> rusqlite::Result<()> {
    transaction.execute(
        "UPDATE wifi_use SET off_ms = ?2, off_by = ?3 WHERE lesson = ?1 AND off_ms IS NULL",
        params![id.number(), at.unix_ms(), by.as_str()],
    )?;
    Ok(())
}

/// Forgets the oldest of too many, whatever the clock shows. What is old otherwise goes with all else that is.
fn prune(transaction: &Transaction<'_>) -> rusqlite::Result<()> {
    transaction.execute(
        "DELETE FROM lesson WHERE ended_ms IS NOT NULL AND id <= (SELECT max(id) FROM lesson) - ?1",
        [KEPT_MAX],
    )?;
    Ok(())
}

fn read_lesson(row: &Row<'_>) -> rusqlite::Result<Lesson> {
    let text = |column: usize| row.get::<_, String>(column);
    let time = |column: usize| row.get(column).map(Timestamp::from_unix_ms);
    let ended = match row.get::<_, Option<i64>>(8)? {
        None => None,
        Some(ms) => Some(LessonEnd {
            at: Timestamp::from_unix_ms(ms),
            how: one_of(9, &text(9)?, LessonEnding::ALL, LessonEnding::as_str)?,
            by: parse(10, &text(10)?)?,
        }),
    };
    Ok(Lesson {
        id: LessonId::new(row.get(0)?),
        teacher: parse(1, &text(1)?)?,
        room: parse(2, &text(2)?)?,
        from: time(3)?,
        until: time(4)?,
        internet: read_mode(5, &text(5)?, &text(6)?)?,
        is_wifi_on: row.get(7)?,
        ended,
    })
}

fn read_use(row: &Row<'_>) -> rusqlite::Result<WifiUse> {
    let text = |column: usize| row.get::<_, String>(column);
    let off = match row.get::<_, Option<i64>>(4)? {
        None => None,
        Some(ms) => Some((Timestamp::from_unix_ms(ms), parse(5, &text(5)?)?)),
    };
    Ok(WifiUse {
        lesson: LessonId::new(row.get(0)?),
        room: parse(1, &text(1)?)?,
        on: Timestamp::from_unix_ms(row.get(2)?),
        on_by: parse(3, &text(3)?)?,
        off,
    })
}

/// Why a lesson was not begun, changed or ended.
#[derive(Debug, thiserror::Error)]
pub enum LessonError {
    /// A colleague has the room.
    #[error("{} has the room: take it over from the lesson {}", .0.teacher, .0.id)]
    Occupied(Box<Lesson>),
    /// More than a school has rooms.
    #[error("{LESSONS_MAX} lessons run already")]
    TooMany,
    /// There is none, or it has been forgotten.
    #[error("there is no lesson {0}")]
    Unknown(LessonId),
    /// It does not run any more.
    #[error("the lesson {0} is over")]
    Over(LessonId),
    /// It cannot have this end.
    #[error(transparent)]
    Unfit(#[from] UnfitLesson),
    /// The journal has taken no act for a long time.
    #[error("the journal takes no records: nothing can be changed")]
    Unrecorded,
    /// The override could not be made.
    #[error(transparent)]
    Override(#[from] AddOverrideError),
    /// The state file could not be written.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<rusqlite::Error> for LessonError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Store(error.into())
    }
}

impl From<PersonError> for LessonError {
    fn from(error: PersonError) -> Self {
        match error {
            PersonError::Store(error) => Self::Store(error),
            // The others are of people, and no act is of them.
            PersonError::Unrecorded
            | PersonError::NameTaken(_)
            | PersonError::TooMany
            | PersonError::Unknown
            | PersonError::Replaced => Self::Unrecorded,
        }
    }
}

#[cfg(test)]
mod tests;
