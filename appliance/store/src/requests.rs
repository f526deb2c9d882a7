//! Requests for sites. A hostile class cannot fill the disk with them, nor bury those of others.

use model::{
    Answer, ClockQuality, DomainName, Layer, LessonId, Machine, NewOverride, Obstacle, Override, OverrideId,
    PersonAct, PersonName, RequestId, RoomName, Scope, SiteRequest, Timestamp,
};
use rusqlite::{OptionalExtension, Params, Row, Transaction, params};

use crate::columns::parse;
use crate::lessons::{find_running, tie_override};
use crate::overrides::{keep_override, one_of};
use crate::people::PersonError;
use crate::person_acts::keep_act;
use crate::{AddOverrideError, LessonError, Store, StoreError};

/// Most open requests of one device: whoever needs more asks by word of mouth.
const OF_A_DEVICE_MAX: u32 = 5;
/// Most open requests of all devices that nobody registered: anybody can make up many such.
const OF_STRANGERS_MAX: u32 = 20;
/// Most open requests of a school: a class of forty that each ask for five sites, twice.
const OPEN_MAX: u32 = 400;
/// Most requests that a page shows, the open ones first.
const SHOWN_MAX: u32 = 500;
/// How long a site that was declined cannot be asked for again by the same room, in milliseconds: a school day.
const DECLINED_MS: i64 = 8 * 3_600_000;
/// How long a request waits for an answer: a week later nobody remembers it.
const OPEN_MS: i64 = 7 * 24 * 3_600_000;
/// How long an answered request is kept: the head looks back on a month.
const KEPT_MS: i64 = 30 * 24 * 3_600_000;
/// How long is kept which devices asked, once they have their answer.
const ASKERS_MS: i64 = 24 * 3_600_000;

const COLUMNS: &str = "id, site, room, reason, category, lifter, asked_ms, answered_by, answered_ms, override, \
                       (SELECT count(*) FROM asker WHERE request = id)";

/// A request that a device makes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewRequest {
    /// The site.
    pub site: DomainName,
    /// The device's room.
    pub room: Option<RoomName>,
    /// What stands against the site.
    pub obstacle: Obstacle,
    /// Who asks.
    pub asker: Machine,
    /// Whether somebody registered the device.
    pub is_registered: bool,
}

impl Store {
    /// Keeps a request. The same site for the same room is the same request, with one device more that asks.
    ///
    /// # Errors
    /// [`AskError`] when there are too many, or the answer is known.
    pub fn ask(
        &mut self,
        new: &NewRequest,
        now: Timestamp,
        clock: ClockQuality,
    ) -> Result<SiteRequest, AskError> {
        self.write(|transaction| {
            if clock == ClockQuality::Synchronised {
                prune(transaction, now)?;
            }
            let place = params![new.site.as_str(), room_key(new.room.as_ref())];
            let declined: Option<i64> = transaction.query_row(
                "SELECT max(answered_ms) FROM request
                 WHERE site = ?1 AND coalesce(room, '') = ?2 AND override IS NULL",
                place,
                |row| row.get(0),
            )?;
            if declined.is_some_and(|at| (now.unix_ms() - at).abs() < DECLINED_MS) {
                return Err(AskError::Declined);
            }
            let open: Option<u32> = transaction
                .query_row(
                    "SELECT id FROM request
                     WHERE site = ?1 AND coalesce(room, '') = ?2 AND answered_ms IS NULL",
                    place,
                    |row| row.get(0),
                )
                .optional()?;
            if let Some(id) = open
                && has_asked(transaction, id, new.asker)?
            {
                return find(transaction, RequestId::new(id))?.ok_or(AskError::Full);
            }
            check_room_left(transaction, new, open.is_some())?;
            let id = match open {
                Some(id) => id,
                None => insert(transaction, new, now)?,
            };
            transaction.execute(
                "INSERT INTO asker (request, machine) VALUES (?1, ?2)",
                params![id, new.asker.to_string()],
            )?;
            find(transaction, RequestId::new(id))?.ok_or(AskError::Full)
        })
    }

    /// The requests of the last month, the open ones first, of these the ones of most devices first.
    ///
    /// # Errors
    /// [`StoreError`] when the file cannot be read.
    pub fn requests(&self) -> Result<Vec<SiteRequest>, StoreError> {
        let order =
            "TRUE ORDER BY answered_ms IS NOT NULL, answered_ms DESC, 11 DESC, asked_ms DESC LIMIT ?1";
        self.select_requests(order, [SHOWN_MAX])
    }

    /// The requests that this device made and remembers, the last first.
    ///
    /// # Errors
    /// [`StoreError`] when the file cannot be read.
    pub fn requests_of(&self, asker: Machine) -> Result<Vec<SiteRequest>, StoreError> {
        let of_asker = "id IN (SELECT request FROM asker WHERE machine = ?1) ORDER BY id DESC LIMIT ?2";
        self.select_requests(of_asker, params![asker.to_string(), SHOWN_MAX])
    }

    /// A request by its number.
    ///
    /// # Errors
    /// [`StoreError`] when the file cannot be read.
    pub fn find_request(&self, id: RequestId) -> Result<Option<SiteRequest>, StoreError> {
        Ok(self.select_requests("id = ?1", [id.number()])?.pop())
    }

    /// Who asked for what is open.
    ///
    /// # Errors
    /// [`StoreError`] when the file cannot be read.
    pub fn open_askers(&self) -> Result<Vec<(RequestId, Machine)>, StoreError> {
        let mut query = self.connection.prepare_cached(
            "SELECT request, machine FROM asker JOIN request ON id = request WHERE answered_ms IS NULL",
        )?;
        let read = |row: &Row<'_>| Ok((RequestId::new(row.get(0)?), parse(1, &row.get::<_, String>(1)?)?));
        let askers = query.query_map((), read)?.collect::<Result<_, _>>()?;
        Ok(askers)
    }

    fn select_requests(&self, rest: &str, values: impl Params) -> Result<Vec<SiteRequest>, StoreError> {
        let mut query =
            self.connection.prepare_cached(&format!("SELECT {COLUMNS} FROM request WHERE {rest}"))?;
        let requests = query.query_map(values, read_request)?.collect::<Result<_, _>>()?;
        Ok(requests)
    }

    /// Answers a request by an override that opens its site, and with it those for what lies under the site. One for
    /// the whole school answers those of all rooms. One for a lesson ends with the lesson.
    ///
    /// # Errors
    /// [`AnswerError`] when there is nothing to answer, or too many overrides stand.
    pub fn grant_request(
        &mut self,
        id: RequestId,
        new: NewOverride,
        lesson: Option<LessonId>,
        clock: ClockQuality,
    ) -> Result<Override, AnswerError> {
        self.change(|transaction| {
            let request = find_open(transaction, id)?;
            let made = keep_override(transaction, new, clock)?;
            if let Some(lesson) = lesson {
                find_running(transaction, lesson, made.made)?;
                tie_override(transaction, lesson, made.id)?;
            }
            let rule = &made.rule;
            let is_for_all = rule.layer == Layer::School && rule.scope == Scope::Everyone;
            transaction.execute(
                "UPDATE request SET answered_ms = ?2, answered_by = ?3, override = ?4
                 WHERE answered_ms IS NULL AND (?5 OR coalesce(room, '') = ?6)
                 AND (site = ?1 OR substr(site, -length(?1) - 1) = '.' || ?1)",
                params![
                    request.site.as_str(),
                    made.made.unix_ms(),
                    rule.author.as_str(),
                    made.id.number(),
                    is_for_all,
                    room_key(request.room.as_ref()),
                ],
            )?;
            Ok(made)
        })
    }

    /// Answers a request by no.
    ///
    /// # Errors
    /// [`AnswerError`] when there is nothing to answer.
    pub fn decline_request(
        &mut self,
        id: RequestId,
        by: &PersonName,
        now: Timestamp,
        act: &PersonAct,
    ) -> Result<SiteRequest, AnswerError> {
        self.write(|transaction| {
            let request = find_open(transaction, id)?;
            transaction.execute(
                "UPDATE request SET answered_ms = ?2, answered_by = ?3 WHERE id = ?1",
                params![id.number(), now.unix_ms(), by.as_str()],
            )?;
            keep_act(transaction, act)?;
            Ok(request)
        })
    }
}

/// Forgets what nobody looks for any more.
pub(crate) fn prune(transaction: &Transaction<'_>, now: Timestamp) -> rusqlite::Result<()> {
    let before = |ms: i64| now.unix_ms().saturating_sub(ms);
    transaction.execute(
        "DELETE FROM request WHERE coalesce(answered_ms, -1) BETWEEN 0 AND ?1
         OR (answered_ms IS NULL AND asked_ms < ?2)",
        [before(KEPT_MS), before(OPEN_MS)],
    )?;
    transaction.execute(
        "DELETE FROM asker WHERE request IN (SELECT id FROM request WHERE answered_ms < ?1)",
        [before(ASKERS_MS)],
    )?;
    Ok(())
}

fn has_asked(transaction: &Transaction<'_>, id: u32, asker: Machine) -> rusqlite::Result<bool> {
    transaction.query_row(
        "SELECT EXISTS (SELECT 1 FROM asker WHERE request = ?1 AND machine = ?2)",
        params![id, asker.to_string()],
        |row| row.get(0),
    )
}

fn check_room_left(transaction: &Transaction<'_>, new: &NewRequest, is_known: bool) -> Result<(), AskError> {
    let count = |rest: &str, values: &[&dyn rusqlite::ToSql]| -> rusqlite::Result<u32> {
        let query = format!("SELECT count(*) FROM request WHERE answered_ms IS NULL {rest}");
        transaction.query_row(&query, values, |row| row.get(0))
    };
    let own = "AND id IN (SELECT request FROM asker WHERE machine = ?1)";
    if count(own, &[&new.asker.to_string()])? >= OF_A_DEVICE_MAX {
        return Err(AskError::TooMany);
    }
    if !new.is_registered {
        // Each stranger who joins a request is a row, too.
        let strangers: u32 = transaction.query_row(
            "SELECT count(*) FROM asker JOIN request ON request = id
             WHERE answered_ms IS NULL AND room IS NULL AND machine NOT IN (SELECT mac FROM device)",
            (),
            |row| row.get(0),
        )?;
        if strangers >= OF_STRANGERS_MAX {
            return Err(AskError::Full);
        }
    }
    if !is_known && count("", &[])? >= OPEN_MAX { Err(AskError::Full) } else { Ok(()) }
}

fn insert(transaction: &Transaction<'_>, new: &NewRequest, now: Timestamp) -> rusqlite::Result<u32> {
    let Obstacle { reason, category, lifter } = &new.obstacle;
    transaction.query_row(
        "INSERT INTO request (site, room, reason, category, lifter, asked_ms)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6) RETURNING id",
        params![
            new.site.as_str(),
            new.room.as_ref().map(RoomName::as_str),
            reason,
            category.as_ref().map(model::Category::as_str),
            lifter.as_str(),
            now.unix_ms(),
        ],
        |row| row.get(0),
    )
}

fn room_key(room: Option<&RoomName>) -> &str {
    room.map_or("", RoomName::as_str)
}

fn find(transaction: &Transaction<'_>, id: RequestId) -> rusqlite::Result<Option<SiteRequest>> {
    let query = format!("SELECT {COLUMNS} FROM request WHERE id = ?1");
    transaction.query_row(&query, [id.number()], read_request).optional()
}

fn find_open(transaction: &Transaction<'_>, id: RequestId) -> Result<SiteRequest, AnswerError> {
    let found = find(transaction, id)?.ok_or(AnswerError::Unknown)?;
    if found.answer.is_some() { Err(AnswerError::Answered) } else { Ok(found) }
}

fn read_request(row: &Row<'_>) -> rusqlite::Result<SiteRequest> {
    let text = |column: usize| row.get::<_, String>(column);
    let maybe = |column: usize| row.get::<_, Option<String>>(column);
    let by = maybe(7)?.map(|by| parse(7, &by)).transpose()?;
    let at = row.get::<_, Option<i64>>(8)?.map(Timestamp::from_unix_ms);
    let granted = row.get::<_, Option<u32>>(9)?.map(OverrideId::new);
    Ok(SiteRequest {
        id: RequestId::new(row.get(0)?),
        site: parse(1, &text(1)?)?,
        room: maybe(2)?.map(|room| parse(2, &room)).transpose()?,
        obstacle: Obstacle {
            reason: text(3)?.into(),
            category: maybe(4)?.map(|category| parse(4, &category)).transpose()?,
            lifter: one_of(5, &text(5)?, [Layer::Commune, Layer::School, Layer::Lesson], Layer::as_str)?,
        },
        asked: Timestamp::from_unix_ms(row.get(6)?),
        askers: row.get(10)?,
        answer: by.zip(at).map(|(by, at)| Answer { by, at, granted }),
    })
}

/// Why a request was not kept.
#[derive(Debug, thiserror::Error)]
pub enum AskError {
    /// The device has asked for [`OF_A_DEVICE_MAX`] sites that nobody answered yet.
    #[error("the device has {OF_A_DEVICE_MAX} open requests")]
    TooMany,
    /// Too many wait for an answer.
    #[error("too many requests are open")]
    Full,
    /// Somebody said no today.
    #[error("the site was declined today")]
    Declined,
    /// The state file could not be written.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Why a request was not answered.
#[derive(Debug, thiserror::Error)]
pub enum AnswerError {
    /// There is none of this number, or it has been forgotten.
    #[error("there is no such request")]
    Unknown,
    /// Somebody was faster.
    #[error("the request is answered already")]
    Answered,
    /// The override could not be made.
    #[error(transparent)]
    Override(#[from] AddOverrideError),
    /// The act could not be kept.
    #[error(transparent)]
    Person(#[from] PersonError),
    /// The lesson that it was granted for does not run.
    #[error(transparent)]
    Lesson(#[from] LessonError),
}

impl From<rusqlite::Error> for AskError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Store(error.into())
    }
}

impl From<rusqlite::Error> for AnswerError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Person(error.into())
    }
}

#[cfg(test)]
mod tests {
    use model::ClockQuality::{Synchronised, Unsynchronised};
    use model::{Mac, PersonDeed, Rule, Topic, Verdict};

    use super::*;
    use crate::people::tests::{at, open};

    const HOUR_MS: i64 = 3_600_000;

    fn new(site: &str, room: Option<&str>, device: u16) -> NewRequest {
        let [high, low] = device.to_be_bytes();
        NewRequest {
            site: site.parse().unwrap(),
            room: room.map(|room| room.parse().unwrap()),
            obstacle: Obstacle {
                reason: "listed".into(),
                category: Some("gambling".parse().unwrap()),
                lifter: Layer::Lesson,
            },
            asker: Machine::Mac(Mac::new([2, 0, 0, 0, high, low])),
            is_registered: room.is_some(),
        }
    }

    fn ask(store: &mut Store, new: &NewRequest, ms: i64) -> Result<SiteRequest, String> {
        store.ask(new, at(ms), Synchronised).map_err(|error| error.to_string())
    }

    fn permit(site: &str, layer: Layer, ms: i64) -> NewOverride {
        let scope =
            if layer == Layer::School { Scope::Everyone } else { Scope::Room("CM2".parse().unwrap()) };
        let rule = Rule {
            layer,
            effect: Verdict::Permit,
            topic: Topic::Site(site.parse().unwrap()),
            scope,
            author: "Mme Martin".parse().unwrap(),
            motive: "exposé".parse().unwrap(),
            from: None,
            until: Some(at(ms + HOUR_MS)),
        };
        NewOverride::new(rule, at(ms)).unwrap()
    }

    fn decline(store: &mut Store, id: RequestId, ms: i64) -> Result<SiteRequest, AnswerError> {
        let by: PersonName = "Mme Martin".parse().unwrap();
        let deed = PersonDeed::Decline { site: "a.example".parse().unwrap(), room: None };
        store.decline_request(id, &by, at(ms), &PersonAct { author: by.clone(), device: None, deed })
    }

    #[test]
    fn the_same_site_of_a_room_is_one_request() {
        let (_folder, mut store) = open();
        let first = ask(&mut store, &new("a.example", Some("CM2"), 1), 0).unwrap();
        assert_eq!((first.askers, first.asked, &first.answer), (1, at(0), &None));
        assert_eq!(ask(&mut store, &new("a.example", Some("CM2"), 1), 5).unwrap(), first, "a second click");
        let second = ask(&mut store, &new("a.example", Some("CM2"), 2), 9).unwrap();
        assert_eq!(second, SiteRequest { askers: 2, ..first });
        let other = ask(&mut store, &new("a.example", Some("CM1"), 3), 9).unwrap();
        assert_ne!(other.id, second.id);
        assert_eq!(store.requests().unwrap(), [second.clone(), other]);
        assert_eq!(store.requests_of(new("a.example", None, 2).asker).unwrap(), [second]);
        assert_eq!(store.requests_of(new("a.example", None, 9).asker).unwrap(), []);
    }

    #[test]
    fn a_hostile_class_buries_nothing() {
        let (_folder, mut store) = open();
        for site in 0..OF_A_DEVICE_MAX {
            ask(&mut store, &new(&format!("s{site}.example"), Some("CM2"), 1), 0).unwrap();
        }
        let more = new("more.example", Some("CM2"), 1);
        assert_eq!(ask(&mut store, &more, 0).unwrap_err(), "the device has 5 open requests");
        for stranger in 0..100 {
            let _outcome = ask(&mut store, &new(&format!("t{stranger}.example"), None, 0x100 + stranger), 0);
        }
        let of_strangers = store.requests().unwrap().iter().filter(|it| it.room.is_none()).count();
        assert_eq!(of_strangers, 20);
        ask(&mut store, &new("real.example", Some("CM1"), 2), 0).unwrap();
        for device in 0..200 {
            for site in 0..5 {
                let site = format!("u{site}.d{device}.example");
                let _outcome = ask(&mut store, &new(&site, Some("CM2"), 0x1000 + device), 0);
            }
        }
        let open = store.requests().unwrap();
        assert_eq!(open.len(), 400);
        // What exists can be joined, and what many ask for comes first.
        let joined = ask(&mut store, &new("real.example", Some("CM1"), 3), 0).unwrap();
        assert_eq!(store.requests().unwrap()[0], joined);
    }

    #[test]
    fn a_grant_opens_and_answers_at_once() {
        let (_folder, mut store) = open();
        let generation = store.generation().unwrap();
        let id = ask(&mut store, &new("a.example", Some("CM2"), 1), 0).unwrap().id;
        let other = ask(&mut store, &new("a.example", Some("CM1"), 2), 0).unwrap().id;
        assert_eq!(store.generation().unwrap(), generation, "a request changes no rule");
        let made =
            store.grant_request(id, permit("a.example", Layer::Lesson, 1), None, Synchronised).unwrap();
        assert_ne!(store.generation().unwrap(), generation);
        assert_eq!(store.overrides().unwrap(), std::slice::from_ref(&made));
        let answer = Answer { by: "Mme Martin".parse().unwrap(), at: at(1), granted: Some(made.id) };
        assert_eq!(store.find_request(id).unwrap().unwrap().answer, Some(answer));
        assert_eq!(store.find_request(other).unwrap().unwrap().answer, None);
        let again = store.grant_request(id, permit("a.example", Layer::Lesson, 2), None, Synchronised);
        assert!(matches!(again, Err(AnswerError::Answered)));
        assert_eq!(store.overrides().unwrap().len(), 1, "all or nothing");
        ask(&mut store, &new("a.example", Some("CM2"), 1), 3).unwrap();
        store.grant_request(other, permit("a.example", Layer::School, 4), None, Synchronised).unwrap();
        assert!(store.requests().unwrap().iter().all(|it| it.answer.is_some()));
    }

    #[test]
    fn a_grant_answers_for_what_lies_under_the_site() {
        let (_folder, mut store) = open();
        let mut ask = |site: &str, room: &str, device: u16| {
            ask(&mut store, &new(site, Some(room), device), 0).unwrap().id
        };
        let site = ask("a.example", "CM2", 1);
        let under = ask("www.a.example", "CM2", 1);
        let others = [ask("ba.example", "CM2", 1), ask("www.a.example", "CM1", 2)];
        assert_eq!(store.open_askers().unwrap().len(), 4);
        store.grant_request(site, permit("a.example", Layer::Lesson, 1), None, Synchronised).unwrap();
        let is_answered = |id: &RequestId| store.find_request(*id).unwrap().unwrap().answer.is_some();
        assert!(is_answered(&site) && is_answered(&under));
        assert!(!others.iter().any(is_answered));
        let asked: Vec<_> = store.open_askers().unwrap().into_iter().map(|(id, _)| id).collect();
        assert_eq!(asked, others);
    }

    #[test]
    fn what_was_declined_is_not_asked_again_today() {
        let (_folder, mut store) = open();
        let asked = new("a.example", Some("CM2"), 1);
        let id = ask(&mut store, &asked, 0).unwrap().id;
        decline(&mut store, id, 1).unwrap();
        assert!(matches!(decline(&mut store, id, 2), Err(AnswerError::Answered)));
        assert!(matches!(decline(&mut store, RequestId::new(9), 2), Err(AnswerError::Unknown)));
        assert_eq!(ask(&mut store, &asked, HOUR_MS).unwrap_err(), "the site was declined today");
        ask(&mut store, &new("a.example", Some("CM1"), 2), HOUR_MS).unwrap();
        ask(&mut store, &asked, 9 * HOUR_MS).unwrap();
        assert_eq!(store.waiting_person_acts(9).unwrap().len(), 1);
    }

    #[test]
    fn what_nobody_looks_for_is_forgotten_by_a_clock_that_is_right() {
        let (_folder, mut store) = open();
        let answered = ask(&mut store, &new("a.example", Some("CM2"), 1), 0).unwrap().id;
        decline(&mut store, answered, 1).unwrap();
        let open = ask(&mut store, &new("b.example", Some("CM2"), 1), 0).unwrap().id;
        let kept =
            |store: &Store| [answered, open].map(|id| store.find_request(id).unwrap().map(|it| it.askers));
        let later = |number: u16| new("c.example", Some("CM1"), number);
        let year = at(9_000 * HOUR_MS);
        store.ask(&later(2), year, Unsynchronised).unwrap();
        assert_eq!(kept(&store), [Some(1), Some(1)]);
        ask(&mut store, &later(3), 25 * HOUR_MS).unwrap();
        assert_eq!(kept(&store), [Some(0), Some(1)]);
        ask(&mut store, &later(4), 8 * 24 * HOUR_MS).unwrap();
        assert_eq!(kept(&store), [Some(0), None]);
        ask(&mut store, &later(5), 31 * 24 * HOUR_MS).unwrap();
        assert_eq!(kept(&store), [None, None]);
    }
}
