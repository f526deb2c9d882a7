//! The people who may sign in. Each change keeps its act for the journal in the same transaction.

use model::{
    Alteration, Mac, MadeCard, Person, PersonAct, PersonDeed, PersonId, PersonName, Role, RoomName, Sought,
    Timestamp,
};
use rusqlite::{OptionalExtension, Row, Transaction, params};

use crate::columns::parse;
use crate::failures::forget_name;
use crate::forgetting::FIRST_BOX_MS;
use crate::person_acts::{keep_act, keep_closing_act};
use crate::readings::close_readings_of;
use crate::{Store, StoreError};

/// Most people, those who may no longer sign in included: some years of a large school.
pub const PEOPLE_MAX: u32 = 500;

pub(crate) const COLUMNS: &str = "id, name, role, made_ms, disabled_ms, has_first_secret, \
    (SELECT group_concat(room, char(10) ORDER BY room) FROM person_room WHERE person = id), code_key IS NOT NULL";

/// Somebody who is to be registered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewPerson {
    /// What colleagues call her.
    pub name: PersonName,
    /// What she is in the school.
    pub role: Role,
    /// Where she teaches; none: anywhere.
    pub rooms: Vec<RoomName>,
}

impl Store {
    /// Everybody who was ever registered, by name.
    ///
    /// # Errors
    /// [`StoreError`] when the file cannot be read.
    pub fn people(&self) -> Result<Vec<Person>, StoreError> {
        let query = format!("SELECT {COLUMNS} FROM person ORDER BY name_key");
        let mut query = self.connection.prepare_cached(&query)?;
        let people = query.query_map((), read_person)?.collect::<Result<_, _>>()?;
        Ok(people)
    }

    /// Somebody by her name, in any case of its letters.
    ///
    /// # Errors
    /// [`StoreError`] when the file cannot be read.
    pub fn find_person(&self, name: &PersonName) -> Result<Option<Person>, StoreError> {
        let query = format!("SELECT {COLUMNS} FROM person WHERE name_key = ?1");
        Ok(self.connection.query_row(&query, [key(name)], read_person).optional()?)
    }

    /// Somebody by her number, with what is kept of her secret: a PHC string.
    ///
    /// # Errors
    /// [`StoreError`] when the file cannot be read.
    pub fn find_credential(&self, id: PersonId) -> Result<Option<(Person, String)>, StoreError> {
        let query = format!("SELECT {COLUMNS}, secret FROM person WHERE id = ?1");
        let read = |row: &Row<'_>| Ok((read_person(row)?, row.get(8)?));
        Ok(self.connection.query_row(&query, [id.number()], read).optional()?)
    }

    /// The last cards of those who may read the journal, made from a time on, the last first: also of those who may no longer
    /// sign in. One that was made while nobody knew the time is among them: it may be as new. So is each officer's as long as she
    /// may sign in: who has made whoever looks after the head is told to all who come later, too.
    ///
    /// # Errors
    /// [`StoreError`] when the file cannot be read.
    pub fn reader_cards(&self, since: Timestamp) -> Result<Vec<MadeCard>, StoreError> {
        let mut query = self.connection.prepare_cached(
            "SELECT name, card_by, card_ms, role FROM person WHERE card_by IS NOT NULL
             AND (card_ms >= ?1 OR card_ms < ?2 OR (role = ?3 AND disabled_ms IS NULL)) ORDER BY card_ms DESC",
        )?;
        let read = |row: &Row<'_>| {
            let text = |column: usize| row.get::<_, String>(column);
            Ok(MadeCard {
                name: parse(0, &text(0)?)?,
                role: parse(3, &text(3)?)?,
                by: parse(1, &text(1)?)?,
                at: Timestamp::from_unix_ms(row.get(2)?),
            })
        };
        let cards = query.query_map(params![since.unix_ms(), FIRST_BOX_MS, Role::Officer.as_str()], read)?;
        let cards: Vec<MadeCard> = cards.collect::<Result<_, _>>()?;
        Ok(cards.into_iter().filter(|card| card.role.reads_journal()).collect())
    }

    /// Registers somebody, with the PHC string of the secret of her card. `author` does so, on `device`.
    ///
    /// # Errors
    /// [`PersonError::NameTaken`], [`PersonError::TooMany`], [`PersonError::Unrecorded`].
    pub fn add_person(
        &mut self,
        new: &NewPerson,
        secret: &str,
        now: Timestamp,
        (author, device): (&PersonName, Option<Mac>),
    ) -> Result<Person, PersonError> {
        self.write(|transaction| {
            let is_taken: bool = transaction.query_row(
                "SELECT EXISTS (SELECT 1 FROM person WHERE name_key = ?1)",
                [key(&new.name)],
                |row| row.get(0),
            )?;
            if is_taken {
                return Err(PersonError::NameTaken(new.name.clone()));
            }
            let count: u32 = transaction.query_row("SELECT count(*) FROM person", (), |row| row.get(0))?;
            if count >= PEOPLE_MAX {
                return Err(PersonError::TooMany);
            }
            let id: u32 = transaction.query_row(
                "INSERT INTO person (name, name_key, role, secret, has_first_secret, made_ms, card_by, card_ms)
                 VALUES (?1, ?2, ?3, ?4, TRUE, ?5, ?6, ?5) RETURNING id",
                params![
                    new.name.as_str(),
                    key(&new.name),
                    new.role.as_str(),
                    secret,
                    now.unix_ms(),
                    author.as_str(),
                ],
                |row| row.get(0),
            )?;
            put_rooms(transaction, PersonId::new(id), &new.rooms)?;
            let deed = PersonDeed::AddPerson { name: new.name.clone(), role: new.role };
            keep_act(transaction, &PersonAct { author: author.clone(), device, deed })?;
            find(transaction, PersonId::new(id))
        })
    }

    /// Gives somebody the secret of a new card. Whoever was signed in under her name no longer is, and her readings of the
    /// journal end: whoever has the card goes on with none of them. Somebody who was disabled may sign in again.
    ///
    /// # Errors
    /// [`PersonError::Unknown`], [`PersonError::Unrecorded`].
    pub fn reset_person(
        &mut self,
        id: PersonId,
        secret: &str,
        now: Timestamp,
        (author, device): (&PersonName, Option<Mac>),
    ) -> Result<Person, PersonError> {
        self.write(|transaction| {
            transaction.execute(
                "UPDATE person SET secret = ?2, has_first_secret = TRUE, disabled_ms = NULL, card_by = ?3, card_ms = ?4
                 WHERE id = ?1",
                params![id.number(), secret, author.as_str(), now.unix_ms()],
            )?;
            transaction.execute("DELETE FROM session WHERE person = ?1", [id.number()])?;
            let person = find(transaction, id)?;
            forget_name(transaction, &person.name)?;
            let deed = PersonDeed::ResetPerson { name: person.name.clone() };
            keep_act(transaction, &PersonAct { author: author.clone(), device, deed })?;
            close_readings_of(transaction, &person.name, now, (author, device))?;
            Ok(person)
        })
    }

    /// Lets somebody sign in no more, and ends her sessions and readings at once, also where there is no room for the act.
    ///
    /// # Errors
    /// [`PersonError::Unknown`].
    pub fn disable_person(
        &mut self,
        id: PersonId,
        now: Timestamp,
        (author, device): (&PersonName, Option<Mac>),
    ) -> Result<Person, PersonError> {
        self.write(|transaction| {
            transaction.execute(
                "UPDATE person SET disabled_ms = ?2 WHERE id = ?1 AND disabled_ms IS NULL",
                params![id.number(), now.unix_ms()],
            )?;
            transaction.execute("DELETE FROM session WHERE person = ?1", [id.number()])?;
            let person = find(transaction, id)?;
            let deed = PersonDeed::DisablePerson { name: person.name.clone() };
            keep_closing_act(transaction, &PersonAct { author: author.clone(), device, deed })?;
            close_readings_of(transaction, &person.name, now, (author, device))?;
            Ok(person)
        })
    }

    /// Gives somebody other rooms; none: anywhere. What she has planned for rooms that are hers no more is given up with them: it
    /// would take them from whoever has them now.
    ///
    /// # Errors
    /// [`PersonError::Unknown`], [`PersonError::Unrecorded`].
    pub fn change_rooms(
        &mut self,
        id: PersonId,
        rooms: &[RoomName],
        (author, device): (&PersonName, Option<Mac>),
    ) -> Result<Person, PersonError> {
        self.write(|transaction| {
            let before = find(transaction, id)?;
            transaction.execute("DELETE FROM person_room WHERE person = ?1", [id.number()])?;
            put_rooms(transaction, id, rooms)?;
            let person = find(transaction, id)?;
            if person.role == Role::Teacher && !person.rooms.is_empty() {
                transaction.execute(
                    "DELETE FROM lesson_plan
                     WHERE teacher = ?2 AND room NOT IN (SELECT room FROM person_room WHERE person = ?1)",
                    params![id.number(), person.name.as_str()],
                )?;
            }
            let (now, then) = (list_rooms(&person.rooms), list_rooms(&before.rooms));
            let words = Sought::new(&format!("{}: {now}; before: {then}", person.name));
            let deed = PersonDeed::Alter { what: Alteration::ChangeRooms, words };
            keep_act(transaction, &PersonAct { author: author.clone(), device, deed })?;
            Ok(person)
        })
    }

    /// Gives somebody the secret that she chose in place of `old`, the PHC string that hers was compared with: a card
    /// that was made meanwhile stays. All her sessions end: she goes on with a new one.
    ///
    /// # Errors
    /// [`PersonError::Replaced`], [`PersonError::Unrecorded`].
    pub fn change_secret(
        &mut self,
        id: PersonId,
        (old, new): (&str, &str),
        device: Option<Mac>,
    ) -> Result<Person, PersonError> {
        self.write(|transaction| {
            check_credential(transaction, id, old)?;
            transaction.execute(
                "UPDATE person SET secret = ?2, has_first_secret = FALSE WHERE id = ?1",
                params![id.number(), new],
            )?;
            transaction.execute("DELETE FROM session WHERE person = ?1", [id.number()])?;
            let person = find(transaction, id)?;
            let author = person.name.clone();
            keep_act(transaction, &PersonAct { author, device, deed: PersonDeed::ChangeSecret })?;
            Ok(person)
        })
    }
}

fn put_rooms(transaction: &Transaction<'_>, id: PersonId, rooms: &[RoomName]) -> rusqlite::Result<()> {
    for room in rooms {
        transaction.execute(
            "INSERT OR IGNORE INTO person_room (person, room) VALUES (?1, ?2)",
            params![id.number(), room.as_str()],
        )?;
    }
    Ok(())
}

/// What a record says of rooms.
fn list_rooms(rooms: &[RoomName]) -> String {
    match rooms {
        [] => "any room".to_owned(),
        rooms => rooms.iter().map(RoomName::as_str).collect::<Vec<_>>().join(", "),
    }
}

/// Two names that differ by the case of their letters are one.
pub(crate) fn key(name: &PersonName) -> String {
    name.as_str().to_lowercase()
}

/// Whether this is still her secret, and she may sign in: between a comparison and what follows from it, somebody may
/// have decided otherwise.
pub(crate) fn check_credential(
    transaction: &Transaction<'_>,
    id: PersonId,
    secret: &str,
) -> Result<(), PersonError> {
    let counts: bool = transaction.query_row(
        "SELECT EXISTS (SELECT 1 FROM person WHERE id = ?1 AND secret = ?2 AND disabled_ms IS NULL)",
        params![id.number(), secret],
        |row| row.get(0),
    )?;
    if counts { Ok(()) } else { Err(PersonError::Replaced) }
}

pub(crate) fn find(transaction: &Transaction<'_>, id: PersonId) -> Result<Person, PersonError> {
    let query = format!("SELECT {COLUMNS} FROM person WHERE id = ?1");
    let found = transaction.query_row(&query, [id.number()], read_person).optional()?;
    found.ok_or(PersonError::Unknown)
}

pub(crate) fn read_person(row: &Row<'_>) -> rusqlite::Result<Person> {
    let text = |column: usize| row.get::<_, String>(column);
    let rooms = row.get::<_, Option<String>>(6)?.unwrap_or_default();
    Ok(Person {
        id: PersonId::new(row.get(0)?),
        name: parse(1, &text(1)?)?,
        role: parse(2, &text(2)?)?,
        rooms: rooms.lines().map(|room| parse(6, room)).collect::<Result<_, _>>()?,
        made: Timestamp::from_unix_ms(row.get(3)?),
        disabled: row.get::<_, Option<i64>>(4)?.map(Timestamp::from_unix_ms),
        has_first_secret: row.get(5)?,
        has_telephone: row.get(7)?,
    })
}

/// Why a change of people or sessions was not made.
#[derive(Debug, thiserror::Error)]
pub enum PersonError {
    /// Two people of one name could not be told apart in the journal.
    #[error("somebody is registered as {0} already")]
    NameTaken(PersonName),
    /// Nobody has so many.
    #[error("{PEOPLE_MAX} people are registered already")]
    TooMany,
    /// There is nobody of this number.
    #[error("there is no such person")]
    Unknown,
    /// The secret that was compared is hers no more, or she may no longer sign in.
    #[error("the secret has been replaced meanwhile")]
    Replaced,
    /// The journal has taken no act for a long time.
    #[error("the journal takes no records: nothing can be changed")]
    Unrecorded,
    /// The state file could not be written.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<rusqlite::Error> for PersonError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Store(error.into())
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn at(ms: i64) -> Timestamp {
        Timestamp::from_unix_ms(1_795_422_600_000 + ms)
    }

    pub(crate) fn open() -> (tempfile::TempDir, Store) {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("state.sqlite")).unwrap();
        (folder, store)
    }

    pub(crate) fn add(store: &mut Store, name: &str, role: Role, rooms: &[&str]) -> Person {
        let rooms = rooms.iter().map(|room| room.parse().unwrap()).collect();
        let new = NewPerson { name: name.parse().unwrap(), role, rooms };
        store.add_person(&new, "$first$", at(0), (&"M. Petit".parse().unwrap(), None)).unwrap()
    }

    fn deeds(store: &Store) -> Vec<&'static str> {
        store.waiting_person_acts(100).unwrap().iter().map(|it| it.act.deed.as_str()).collect()
    }

    #[test]
    fn people_come_back_as_they_went_in() {
        let (_folder, mut store) = open();
        let teacher = add(&mut store, "Mme Martin", Role::Teacher, &["CM2", "CM1"]);
        let head = add(&mut store, "M. Bernard", Role::Head, &[]);
        assert_eq!(teacher.rooms.iter().map(RoomName::as_str).collect::<Vec<_>>(), ["CM1", "CM2"]);
        assert!(teacher.has_first_secret && teacher.disabled.is_none());
        assert_eq!(store.people().unwrap(), [head, teacher.clone()]);
        let found = store.find_person(&"MME martin".parse().unwrap()).unwrap();
        assert_eq!(found, Some(teacher.clone()));
        assert_eq!(store.find_credential(teacher.id).unwrap(), Some((teacher, "$first$".to_owned())));
        assert_eq!(store.find_credential(PersonId::new(9)).unwrap(), None);
    }

    #[test]
    fn names_are_unique_in_any_case() {
        let (_folder, mut store) = open();
        add(&mut store, "Élodie", Role::Teacher, &[]);
        let new = NewPerson { name: "élodie".parse().unwrap(), role: Role::Head, rooms: vec![] };
        let error = store.add_person(&new, "x", at(0), (&"M. Petit".parse().unwrap(), None)).unwrap_err();
        assert!(matches!(error, PersonError::NameTaken(_)), "{error}");
        assert_eq!(deeds(&store), ["add-person"]);
    }

    #[test]
    fn a_card_is_used_once_and_can_be_made_anew() {
        let (_folder, mut store) = open();
        let id = add(&mut store, "Mme Martin", Role::Teacher, &[]).id;
        let by = "M. Petit".parse().unwrap();
        assert!(!store.change_secret(id, ("$first$", "$own$"), None).unwrap().has_first_secret);
        let again = store.change_secret(id, ("$first$", "$other$"), None).unwrap_err();
        assert!(matches!(again, PersonError::Replaced), "the card is used");
        assert!(store.disable_person(id, at(5), (&by, None)).unwrap().disabled == Some(at(5)));
        let disabled = store.change_secret(id, ("$own$", "$other$"), None).unwrap_err();
        assert!(matches!(disabled, PersonError::Replaced));
        assert_eq!(store.find_credential(id).unwrap().unwrap().1, "$own$");
        assert_eq!(store.disable_person(id, at(9), (&by, None)).unwrap().disabled, Some(at(5)));
        let reset = store.reset_person(id, "$second$", at(9), (&by, None)).unwrap();
        assert!(reset.has_first_secret && reset.disabled.is_none());
        assert_eq!(store.find_credential(id).unwrap().unwrap().1, "$second$");
        let unknown = store.reset_person(PersonId::new(9), "x", at(9), (&by, None)).unwrap_err();
        assert!(matches!(unknown, PersonError::Unknown));
        let all = ["add-person", "change-secret", "disable-person", "disable-person", "reset-person"];
        assert_eq!(deeds(&store), all);
    }

    /// In September a teacher has another class: what she planned in her old room does not take it from a colleague.
    #[test]
    fn a_teacher_changes_rooms_and_takes_no_plan_along() {
        let (_folder, mut store) = open();
        let by = "M. Bernard".parse().unwrap();
        let teacher = add(&mut store, "Mme Martin", Role::Teacher, &["CM1", "CM2"]);
        for room in ["CM1", "CM2"] {
            let plan = model::LessonPlan {
                teacher: teacher.name.clone(),
                room: room.parse().unwrap(),
                weekday: 0,
                from_minute: 540,
                minutes: 55,
                internet: model::InternetMode::Normal,
                is_wifi_on: true,
            };
            store.add_plan(&plan).unwrap();
        }
        let rooms: [RoomName; 2] = ["CM2", "CP"].map(|room| room.parse().unwrap());
        let changed = store.change_rooms(teacher.id, &rooms, (&by, None)).unwrap();
        assert_eq!(changed.rooms, rooms);
        let planned: Vec<_> = store.plans().unwrap().into_iter().map(|(_, plan)| plan.room).collect();
        assert_eq!(planned, rooms[..1]);
        assert!(store.change_rooms(teacher.id, &[], (&by, None)).unwrap().rooms.is_empty());
        assert_eq!(store.plans().unwrap().len(), 1, "she teaches anywhere");
        let words: Vec<_> = store.waiting_person_acts(9).unwrap().into_iter().map(|it| it.act.deed).collect();
        let told = Sought::new("Mme Martin: CM2, CP; before: CM1, CM2");
        assert_eq!(words[1], PersonDeed::Alter { what: Alteration::ChangeRooms, words: told });
        let unknown = store.change_rooms(PersonId::new(9), &rooms, (&by, None)).unwrap_err();
        assert!(matches!(unknown, PersonError::Unknown));
    }

    #[test]
    fn cards_of_those_who_read_the_journal_are_known() {
        let (_folder, mut store) = open();
        let by: PersonName = "M. Bernard".parse().unwrap();
        add(&mut store, "Mme Martin", Role::Teacher, &[]);
        let (first, second) =
            (add(&mut store, "Mme Durand", Role::Head, &[]), add(&mut store, "M. Faux", Role::Head, &[]));
        let made = |store: &Store, since: i64| -> Vec<(String, String)> {
            let cards = store.reader_cards(at(since)).unwrap();
            cards.iter().map(|card| (card.name.to_string(), card.by.to_string())).collect()
        };
        let pair = |name: &str, by: &str| (name.to_owned(), by.to_owned());
        assert_eq!(made(&store, 0).len(), 2, "of no teacher");
        store.reset_person(first.id, "x", at(5), (&by, None)).unwrap();
        store.disable_person(second.id, at(6), (&by, None)).unwrap();
        assert_eq!(made(&store, 0), [pair("Mme Durand", "M. Bernard"), pair("M. Faux", "M. Petit")]);
        assert_eq!(made(&store, 1), [pair("Mme Durand", "M. Bernard")]);
        assert_eq!(made(&store, 6), []);
        let unset = Timestamp::from_unix_ms(60_000);
        store.reset_person(second.id, "x", unset, (&by, None)).unwrap();
        assert_eq!(made(&store, 6), [pair("M. Faux", "M. Bernard")], "nobody knows when");
    }

    #[test]
    fn who_has_made_an_officer_is_told_as_long_as_she_may_sign_in() {
        let (_folder, mut store) = open();
        let by: PersonName = "M. Bernard".parse().unwrap();
        let officer = add(&mut store, "Mme Lefort", Role::Officer, &[]);
        let others = [("Mme Durand", Role::Head), ("Mme Petit", Role::Technician), ("M. Roy", Role::Teacher)];
        for (name, role) in others {
            let id = add(&mut store, name, role, &[]).id;
            store.reset_person(id, "x", at(5), (&by, None)).unwrap();
        }
        store.reset_person(officer.id, "x", at(5), (&by, None)).unwrap();
        let made = |store: &Store, since: i64| -> Vec<(String, Role)> {
            let cards = store.reader_cards(at(since)).unwrap();
            assert!(cards.iter().all(|card| card.by == by));
            cards.iter().map(|card| (card.name.to_string(), card.role)).collect()
        };
        assert_eq!(made(&store, 6), [("Mme Lefort".to_owned(), Role::Officer)], "a year later, too");
        assert_eq!(made(&store, 5).len(), 2, "lately, of the head too");
        store.disable_person(officer.id, at(7), (&by, None)).unwrap();
        assert_eq!(made(&store, 6), []);
        assert_eq!(made(&store, 5).len(), 2, "she may have read until a moment ago");
    }
}
