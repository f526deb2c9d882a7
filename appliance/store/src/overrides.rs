//! The overrides that people of the school made.

use model::{
    ClockQuality, Deed, Ended, Layer, NewOverride, Override, OverrideId, PersonName, Rule, Scope, Timestamp,
    Topic, Verdict,
};
use rusqlite::{Connection, OptionalExtension, Row, Transaction, params};

use crate::columns::{parse, unknown};
use crate::{Store, StoreError};

/// Most overrides that may stand at a time: twenty for each room of a large school. Each costs every access a little.
pub const OVERRIDES_MAX: u32 = 500;
/// How long an override is kept after its end, in milliseconds: a year, as long as the access log that names it.
const KEPT_MS: i64 = 365 * 24 * 60 * 60 * 1_000;

const COLUMNS: &str = "id, layer, effect, topic_kind, topic, scope_kind, scope, author, motive, from_ms, until_ms, \
                       made_ms, ended_ms, ended_by, is_start_recorded, is_end_recorded, is_commune";

impl Store {
    /// Every override that is kept, the oldest first: those in force, those that are over for less than a year.
    ///
    /// # Errors
    /// [`StoreError`] when the file cannot be read.
    pub fn overrides(&self) -> Result<Vec<Override>, StoreError> {
        self.select_overrides("TRUE")
    }

    /// The overrides whose end is not in the journal yet, the oldest first: all that can be in force.
    ///
    /// # Errors
    /// [`StoreError`] when the file cannot be read.
    pub fn open_overrides(&self) -> Result<Vec<Override>, StoreError> {
        self.select_overrides("NOT is_end_recorded")
    }

    fn select_overrides(&self, condition: &str) -> Result<Vec<Override>, StoreError> {
        Ok(select_overrides(&self.connection, condition)?)
    }

    /// Keeps an override. With a synchronised `clock`, it forgets those that ended more than a year before this one
    /// was made: a clock that runs on its own may show any year, and would have all of them forgotten.
    ///
    /// # Errors
    /// [`AddOverrideError::TooMany`] when [`OVERRIDES_MAX`] stand.
    pub fn add_override(
        &mut self,
        new: NewOverride,
        clock: ClockQuality,
    ) -> Result<Override, AddOverrideError> {
        self.change(|transaction| keep_override(transaction, new, clock))
    }

    /// Takes an override back. Whether the journal has its end is another matter ([`Store::mark_recorded`]).
    ///
    /// # Errors
    /// [`EndOverrideError`] when there is none of this number, or it is over already.
    pub fn end_override(
        &mut self,
        id: OverrideId,
        by: &PersonName,
        now: Timestamp,
    ) -> Result<Override, EndOverrideError> {
        self.change(|transaction| {
            let found = transaction
                .query_row(
                    &format!("SELECT {COLUMNS} FROM override WHERE id = ?1"),
                    [id.number()],
                    read_override,
                )
                .optional()?;
            let mut found = found.ok_or(EndOverrideError::Unknown(id))?;
            if found.rule.layer == Layer::Commune {
                return Err(EndOverrideError::Commune(id));
            }
            if found.is_over(Some(now)) {
                return Err(EndOverrideError::Over(id));
            }
            transaction.execute(
                "UPDATE override SET ended_ms = ?2, ended_by = ?3 WHERE id = ?1",
                params![id.number(), now.unix_ms(), by.as_str()],
            )?;
            // What a teacher closed, and the commune was not told of yet, that need not look at any more.
            transaction.execute(
                "DELETE FROM commune_request WHERE site = ?2 AND author = ?3 AND wants = 'refuse' AND is_urgent
                 AND sent_ms IS NULL AND answer IS NULL AND EXISTS (SELECT 1 FROM report WHERE override = ?1)",
                params![id.number(), found.rule.topic.as_str(), found.rule.author.as_str()],
            )?;
            found.ended = Some(Ended { at: now, by: by.clone() });
            Ok(found)
        })
    }

    /// Notes that the journal has the beginning or the end of an override. This is no change of the intent: the
    /// generation stays.
    ///
    /// # Errors
    /// [`StoreError`] when the file cannot be written.
    pub fn mark_recorded(&mut self, id: OverrideId, deed: &Deed) -> Result<(), StoreError> {
        let mark = match deed {
            Deed::Make => "UPDATE override SET is_start_recorded = TRUE WHERE id = ?1",
            Deed::TakeBack { .. } | Deed::RunOut => {
                "UPDATE override SET is_end_recorded = TRUE WHERE id = ?1"
            }
        };
        self.connection.execute(mark, [id.number()])?;
        Ok(())
    }
}

/// The overrides that a condition holds for, the oldest first.
pub(crate) fn select_overrides(connection: &Connection, condition: &str) -> rusqlite::Result<Vec<Override>> {
    let query = format!("SELECT {COLUMNS} FROM override WHERE {condition} ORDER BY id");
    let mut query = connection.prepare_cached(&query)?;
    query.query_map((), read_override)?.collect()
}

/// [`Store::add_override`], as a part of a transaction.
pub(crate) fn keep_override(
    transaction: &Transaction<'_>,
    new: NewOverride,
    clock: ClockQuality,
) -> Result<Override, AddOverrideError> {
    let now = new.made();
    if clock == ClockQuality::Synchronised {
        prune(transaction, now)?;
    }
    let standing: u32 = transaction.query_row(
        "SELECT count(*) FROM override
         WHERE ended_ms IS NULL AND (until_ms IS NULL OR until_ms > ?1) AND NOT is_end_recorded AND NOT is_commune",
        [now.unix_ms()],
        |row| row.get(0),
    )?;
    if standing >= OVERRIDES_MAX {
        return Err(AddOverrideError::TooMany);
    }
    let id = insert(transaction, &new)?;
    Ok(new.keep(id))
}

/// Forgets what has been over for a year.
pub(crate) fn prune(transaction: &Transaction<'_>, now: Timestamp) -> rusqlite::Result<()> {
    let horizon = now.unix_ms().saturating_sub(KEPT_MS);
    transaction.execute(
        "DELETE FROM override WHERE is_end_recorded AND coalesce(ended_ms, until_ms) < ?1",
        [horizon],
    )?;
    Ok(())
}

pub(crate) fn insert(transaction: &Transaction<'_>, new: &NewOverride) -> rusqlite::Result<OverrideId> {
    let rule = new.rule();
    let topic_kind = match &rule.topic {
        Topic::Site(_) => "site",
        Topic::Category(_) => "category",
    };
    let (scope_kind, scope) = match &rule.scope {
        Scope::Everyone => ("everyone", None),
        Scope::Profile(profile) => ("profile", Some(profile.to_string())),
        Scope::Room(room) => ("room", Some(room.to_string())),
        Scope::Device(mac) => ("device", Some(mac.to_string())),
    };
    transaction.query_row(
        "INSERT INTO override (layer, effect, topic_kind, topic, scope_kind, scope, author, motive,
                               from_ms, until_ms, made_ms, is_commune)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)
         RETURNING id",
        params![
            stored_layer(rule.layer).as_str(),
            rule.effect.as_str(),
            topic_kind,
            rule.topic.as_str(),
            scope_kind,
            scope,
            rule.author.as_str(),
            rule.motive.as_str(),
            rule.from.map(Timestamp::unix_ms),
            rule.until.map(Timestamp::unix_ms),
            new.made().unix_ms(),
            rule.layer == Layer::Commune,
        ],
        |row| row.get(0).map(OverrideId::new),
    )
}

/// The commune's rules stand among those of the school, with a mark: the column's words are older than them.
fn stored_layer(layer: Layer) -> Layer {
    if layer == Layer::Commune { Layer::School } else { layer }
}

fn read_override(row: &Row<'_>) -> rusqlite::Result<Override> {
    let text = |column: usize| row.get::<_, String>(column);
    let time = |column: usize| row.get::<_, Option<i64>>(column).map(|ms| ms.map(Timestamp::from_unix_ms));
    let by = row.get::<_, Option<String>>(13)?.map(|by| parse(13, &by)).transpose()?;
    Ok(Override {
        id: OverrideId::new(row.get(0)?),
        rule: Rule {
            layer: match row.get(16)? {
                true => Layer::Commune,
                false => one_of(1, &text(1)?, [Layer::School, Layer::Lesson], Layer::as_str)?,
            },
            effect: one_of(2, &text(2)?, [Verdict::Permit, Verdict::Refuse], Verdict::as_str)?,
            topic: read_topic(&text(3)?, &text(4)?)?,
            scope: read_scope(&text(5)?, &row.get::<_, Option<String>>(6)?.unwrap_or_default())?,
            author: parse(7, &text(7)?)?,
            motive: parse(8, &text(8)?)?,
            from: time(9)?,
            until: time(10)?,
        },
        made: Timestamp::from_unix_ms(row.get(11)?),
        ended: time(12)?.zip(by).map(|(at, by)| Ended { at, by }),
        is_start_recorded: row.get(14)?,
        is_end_recorded: row.get(15)?,
    })
}

pub(crate) fn one_of<T: Copy, const N: usize>(
    column: usize,
    text: &str,
    values: [T; N],
    word: fn(T) -> &'static str,
) -> rusqlite::Result<T> {
    let found = values.into_iter().find(|value| word(*value) == text);
    found.ok_or_else(|| unknown(column, format!("`{text}` is not a word of this column")))
}

fn read_topic(kind: &str, topic: &str) -> rusqlite::Result<Topic> {
    match kind {
        "site" => parse(4, topic).map(Topic::Site),
        "category" => parse(4, topic).map(Topic::Category),
        other => Err(unknown(3, format!("`{other}` is no kind of topic"))),
    }
}

fn read_scope(kind: &str, scope: &str) -> rusqlite::Result<Scope> {
    match kind {
        "everyone" => Ok(Scope::Everyone),
        "profile" => parse(6, scope).map(Scope::Profile),
        "room" => parse(6, scope).map(Scope::Room),
        "device" => parse(6, scope).map(Scope::Device),
        other => Err(unknown(5, format!("`{other}` is no kind of scope"))),
    }
}

/// Why an override was not kept.
#[derive(Debug, thiserror::Error)]
pub enum AddOverrideError {
    /// Nobody can see through so many.
    #[error("{OVERRIDES_MAX} overrides stand already: take back those that nobody needs")]
    TooMany,
    /// The state file could not be written.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Why an override was not taken back.
#[derive(Debug, thiserror::Error)]
pub enum EndOverrideError {
    /// There is none, or it has been forgotten.
    #[error("there is no override {0}")]
    Unknown(OverrideId),
    /// Its time was up, or somebody took it back before.
    #[error("the override {0} is over already")]
    Over(OverrideId),
    /// The commune made it.
    #[error("the override {0} is the commune's: its hub takes it back")]
    Commune(OverrideId),
    /// The state file could not be written.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<rusqlite::Error> for AddOverrideError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Store(error.into())
    }
}

impl From<rusqlite::Error> for EndOverrideError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Store(error.into())
    }
}

#[cfg(test)]
mod tests {
    use model::ClockQuality::{Synchronised, Unsynchronised};

    use super::*;

    const NOW: i64 = 1_795_422_600_000;
    const DAY_MS: i64 = 86_400_000;

    fn at(ms: i64) -> Timestamp {
        Timestamp::from_unix_ms(NOW + ms)
    }

    fn rule(topic: Topic, scope: Scope, until: Option<Timestamp>) -> Rule {
        Rule {
            layer: Layer::School,
            effect: Verdict::Refuse,
            topic,
            scope,
            author: "Mme Martin".parse().unwrap(),
            motive: "exposé sur les jeux".parse().unwrap(),
            from: None,
            until,
        }
    }

    fn site(until: Option<Timestamp>) -> Rule {
        rule(Topic::Site("casino.example".parse().unwrap()), Scope::Everyone, until)
    }

    fn new(rule: Rule, now: Timestamp) -> NewOverride {
        NewOverride::new(rule, now).unwrap()
    }

    struct School {
        folder: tempfile::TempDir,
    }

    impl School {
        fn new() -> Self {
            Self { folder: tempfile::tempdir().unwrap() }
        }

        /// Opened anew each time: what is kept outlives the process.
        fn store(&self) -> Store {
            Store::open(&self.folder.path().join("state.sqlite")).unwrap()
        }

        fn add(&self, rule: Rule, ms: i64) -> Override {
            self.store().add_override(new(rule, at(ms)), Synchronised).unwrap()
        }
    }

    #[test]
    fn overrides_come_back_as_they_went_in() {
        let school = School::new();
        let category = Topic::Category("gambling".parse().unwrap());
        let lesson = Rule {
            layer: Layer::Lesson,
            effect: Verdict::Permit,
            ..rule(category.clone(), Scope::Room("CM2".parse().unwrap()), Some(at(60_000)))
        };
        let added = [
            school.add(site(None), 0),
            school.add(lesson, 1),
            school.add(rule(category.clone(), Scope::Profile("adulte".parse().unwrap()), Some(at(5))), 2),
            school.add(rule(category, Scope::Device("02:00:00:00:00:11".parse().unwrap()), None), 3),
        ];
        assert_eq!(added.each_ref().map(|added| added.id.number()), [1, 2, 3, 4]);
        assert_eq!(school.store().overrides().unwrap(), added);
        assert_eq!(school.store().open_overrides().unwrap(), added);
    }

    #[test]
    fn a_change_moves_the_generation_and_a_mark_does_not() {
        let school = School::new();
        let mut store = school.store();
        let mut seen = vec![store.generation().unwrap()];
        let id = store.add_override(new(site(None), at(0)), Synchronised).unwrap().id;
        seen.push(store.generation().unwrap());
        store.end_override(id, &"M. Petit".parse().unwrap(), at(1)).unwrap();
        seen.push(store.generation().unwrap());
        assert!(seen.windows(2).all(|pair| pair[0] != pair[1]), "{seen:?}");
        store.mark_recorded(id, &Deed::Make).unwrap();
        assert_eq!(store.generation().unwrap(), seen[2]);
    }

    #[test]
    fn an_override_is_taken_back_once_and_kept_with_who_did() {
        let school = School::new();
        let by: PersonName = "M. Petit".parse().unwrap();
        let end = |number: u32, ms: i64| {
            let ended = school.store().end_override(OverrideId::new(number), &by, at(ms));
            ended.map(drop).map_err(|error| error.to_string())
        };
        let made = school.add(site(Some(at(1_000))), 0);
        assert_eq!(end(9, 0), Err("there is no override 9".to_owned()));
        assert_eq!(end(1, 1_000), Err("the override 1 is over already".to_owned()));
        assert_eq!(end(1, 500), Ok(()));
        assert_eq!(end(1, 501), Err("the override 1 is over already".to_owned()));
        let ended = Override { ended: Some(Ended { at: at(500), by: by.clone() }), ..made };
        assert_eq!(school.store().overrides().unwrap(), [ended]);
    }

    #[test]
    fn what_the_journal_has_is_noted() {
        let school = School::new();
        let id = school.add(site(Some(at(1_000))), 0).id;
        let marks = || {
            let kept = school.store().overrides().unwrap();
            (
                kept[0].is_start_recorded,
                kept[0].is_end_recorded,
                school.store().open_overrides().unwrap().len(),
            )
        };
        assert_eq!(marks(), (false, false, 1));
        school.store().mark_recorded(id, &Deed::Make).unwrap();
        assert_eq!(marks(), (true, false, 1));
        school.store().mark_recorded(id, &Deed::RunOut).unwrap();
        assert_eq!(marks(), (true, true, 0));
    }

    #[test]
    fn numbers_are_never_used_again_and_old_ends_are_forgotten_after_a_year() {
        let school = School::new();
        let recorded = school.add(site(Some(at(1_000))), 0).id;
        school.store().mark_recorded(recorded, &Deed::RunOut).unwrap();
        let stays = school.add(site(None), 0).id;
        let unrecorded = school.add(site(Some(at(1_000))), 0).id;
        let kept = || school.store().overrides().unwrap().iter().map(|it| it.id.number()).collect::<Vec<_>>();
        let before = school.add(site(None), 365 * DAY_MS).id;
        assert_eq!(kept(), [recorded, stays, unrecorded, before].map(OverrideId::number));
        let after = school.add(site(None), 365 * DAY_MS + 2_000).id;
        assert_eq!(kept(), [stays, unrecorded, before, after].map(OverrideId::number));
        assert_eq!(after.number(), 5);
    }

    #[test]
    fn a_clock_that_nobody_set_has_nothing_forgotten() {
        let school = School::new();
        let ended = school.add(site(Some(at(1_000))), 0).id;
        school.store().mark_recorded(ended, &Deed::RunOut).unwrap();
        let in_ten_years = new(site(None), at(3_650 * DAY_MS));
        school.store().add_override(in_ten_years, Unsynchronised).unwrap();
        school.add(site(None), 2_000);
        assert_eq!(school.store().overrides().unwrap().iter().filter(|it| it.id == ended).count(), 1);
    }

    #[test]
    fn there_is_a_limit_to_what_stands() {
        let school = School::new();
        let mut store = school.store();
        let first = store.add_override(new(site(Some(at(1_000))), at(0)), Synchronised).unwrap().id;
        for _ in 1..OVERRIDES_MAX {
            store.add_override(new(site(None), at(0)), Synchronised).unwrap();
        }
        let full = |store: &mut Store, ms: i64| {
            matches!(
                store.add_override(new(site(None), at(ms)), Synchronised),
                Err(AddOverrideError::TooMany)
            )
        };
        assert!(full(&mut store, 999));
        assert!(!full(&mut store, 1_000), "the first one is over");
        assert!(full(&mut store, 1_000));
        assert!(store.overrides().unwrap().iter().any(|it| it.id == first), "what is over stays");
    }
}
