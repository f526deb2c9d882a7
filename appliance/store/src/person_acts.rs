//! What people did, until the journal has it: kept in the same transaction as what it did.

use model::{
    LessonEnding, LessonId, LessonSettings, Mac, PersonAct, PersonDeed, ReadingEnd, ReadingId, Sought,
    Timestamp,
};
use rusqlite::{Row, Transaction, params};

use crate::columns::{parse, unknown};
use crate::lessons::{join_sites, read_mode};
use crate::overrides::one_of;
use crate::people::PersonError;
use crate::readings::read_terms;
use crate::{Store, StoreError};

/// Most acts that wait for the journal: some days of a school. When it takes none for so long, nobody signs in.
pub const PERSON_ACTS_MAX: u32 = 1_000;
/// How many more wait that close something: as many sessions as a school has at a time, and some people.
const CLOSING_ACTS_MAX: u32 = 200;

/// An act that waits for the journal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WaitingAct {
    /// Its number, for [`Store::forget_person_act`].
    pub number: i64,
    /// The act.
    pub act: PersonAct,
}

impl Store {
    /// The acts that wait, the oldest first, at most `limit` of them. One that this version cannot read keeps no other
    /// back: it waits for the version that wrote it.
    ///
    /// # Errors
    /// [`StoreError`] when the file cannot be read.
    pub fn waiting_person_acts(&self, limit: u32) -> Result<Vec<WaitingAct>, StoreError> {
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        self.read_acts(|acts| acts.filter_map(Result::transpose).take(limit).collect())
    }

    /// How many acts wait that this version cannot read.
    ///
    /// # Errors
    /// [`StoreError`] when the file cannot be read.
    pub fn count_unreadable_acts(&self) -> Result<usize, StoreError> {
        let all = self.read_acts(|acts| acts.collect::<Result<Vec<_>, _>>())?;
        Ok(all.iter().filter(|act| act.is_none()).count())
    }

    fn read_acts<T>(
        &self,
        work: impl FnOnce(&mut dyn Iterator<Item = rusqlite::Result<Option<WaitingAct>>>) -> rusqlite::Result<T>,
    ) -> Result<T, StoreError> {
        let mut query = self.connection.prepare_cached(
            "SELECT act.id, act.author, device, deed, name, role, site, room, act.reading, sought, purpose, detail, from_ms,
                 to_ms, target, with_people, until_ms, lesson, lesson_until_ms, internet, sites, is_wifi_on
             FROM person_act AS act LEFT JOIN reading ON reading.id = act.reading ORDER BY act.id",
        )?;
        let mut acts = query.query_map((), |row| match read_act(row) {
            Err(rusqlite::Error::FromSqlConversionFailure(..)) => Ok(None),
            outcome => outcome.map(Some),
        })?;
        Ok(work(&mut acts)?)
    }

    /// Keeps an act that is done already: it has the room of those that close something. Where that is full, too, whoever did it
    /// hears so, and tries again.
    ///
    /// # Errors
    /// [`PersonError::Unrecorded`]; [`PersonError::Store`] when the file cannot be written.
    pub fn keep_done_act(&mut self, act: &PersonAct) -> Result<(), PersonError> {
        self.write(|transaction| {
            let is_full = count(transaction)? >= PERSON_ACTS_MAX + CLOSING_ACTS_MAX;
            if is_full { Err(PersonError::Unrecorded) } else { Ok(insert(transaction, act)?) }
        })
    }

    /// Forgets an act: the journal has it.
    ///
    /// # Errors
    /// [`StoreError`] when the file cannot be written.
    pub fn forget_person_act(&mut self, number: i64) -> Result<(), StoreError> {
        self.connection.execute("DELETE FROM person_act WHERE id = ?1", [number])?;
        Ok(())
    }
}

/// Keeps an act for the journal, or nothing is done.
pub(crate) fn keep_act(transaction: &Transaction<'_>, act: &PersonAct) -> Result<(), PersonError> {
    let waiting = count(transaction)?;
    if waiting < PERSON_ACTS_MAX { Ok(insert(transaction, act)?) } else { Err(PersonError::Unrecorded) }
}

/// Keeps an act that closes something: it has room of its own, and is done in any case. A journal that is broken holds no
/// session open.
pub(crate) fn keep_closing_act(transaction: &Transaction<'_>, act: &PersonAct) -> rusqlite::Result<()> {
    let waiting = count(transaction)?;
    if waiting < PERSON_ACTS_MAX + CLOSING_ACTS_MAX { insert(transaction, act) } else { Ok(()) }
}

fn count(transaction: &Transaction<'_>) -> rusqlite::Result<u32> {
    transaction.query_row("SELECT count(*) FROM person_act", (), |row| row.get(0))
}

fn insert(transaction: &Transaction<'_>, act: &PersonAct) -> rusqlite::Result<()> {
    let (mut named, mut given, mut asked, mut place) = (None, None, None, None);
    let (mut reading, mut sought) = (None, None);
    match &act.deed {
        PersonDeed::SignIn
        | PersonDeed::FailSignIn
        | PersonDeed::SignOut
        | PersonDeed::ChangeSecret
        | PersonDeed::SignInByPaper
        | PersonDeed::AddTelephone => {}
        PersonDeed::AddPerson { name, role } => (named, given) = (Some(name.as_str()), Some(role.as_str())),
        PersonDeed::ResetPerson { name }
        | PersonDeed::DisablePerson { name }
        | PersonDeed::RemoveTelephone { name } => named = Some(name.as_str()),
        PersonDeed::Decline { site, room } => {
            (asked, place) = (Some(site.as_str()), room.as_ref().map(model::RoomName::as_str));
        }
        // Its words are those of the reading itself.
        PersonDeed::OpenReading { reading: id, .. } => reading = Some(id.number()),
        PersonDeed::SearchJournal { reading: id, sought: what }
        | PersonDeed::ExportJournal { reading: id, sought: what } => {
            (reading, sought) = (Some(id.number()), Some(what.as_str()));
        }
        PersonDeed::PlaceHold { words }
        | PersonDeed::LiftHold { words }
        | PersonDeed::SignRetention { words }
        | PersonDeed::AdoptPoint { words }
        | PersonDeed::ReleasePoint { words }
        | PersonDeed::RegisterDevice { words }
        | PersonDeed::ForgetDevice { words }
        | PersonDeed::AddReader { words }
        | PersonDeed::RemoveReader { words }
        | PersonDeed::InstallRelease { words }
        | PersonDeed::Alter { words, .. } => sought = Some(words.as_str()),
        PersonDeed::CloseReading { reading: id, end } => {
            (reading, sought) = (Some(id.number()), Some(end.as_str()));
        }
        // More of it stands apart, below.
        PersonDeed::StartLesson { room, .. } | PersonDeed::ChangeLesson { room, .. } => {
            place = Some(room.as_str());
        }
        PersonDeed::EndLesson { room, ending, .. } => {
            (place, sought) = (Some(room.as_str()), Some(ending.as_str()));
        }
    }
    transaction.execute(
        "INSERT INTO person_act (author, device, deed, name, role, site, room, reading, sought)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
        params![
            act.author.as_str(),
            act.device.map(|mac| mac.to_string()),
            act.deed.as_str(),
            named,
            given,
            asked,
            place,
            reading,
            sought,
        ],
    )?;
    insert_lesson(transaction, &act.deed)
}

/// What the act that was inserted last tells of a lesson.
fn insert_lesson(transaction: &Transaction<'_>, deed: &PersonDeed) -> rusqlite::Result<()> {
    let Some((lesson, settings)) = deed.lesson() else { return Ok(()) };
    transaction.execute(
        "UPDATE person_act SET lesson = ?1, lesson_until_ms = ?2, internet = ?3, sites = ?4, is_wifi_on = ?5
         WHERE id = last_insert_rowid()",
        params![
            lesson.number(),
            settings.map(|it| it.until.unix_ms()),
            settings.map(|it| it.internet.as_str()),
            settings.map(|it| join_sites(&it.internet)),
            settings.map(|it| it.is_wifi_on),
        ],
    )?;
    Ok(())
}

fn read_act(row: &Row<'_>) -> rusqlite::Result<WaitingAct> {
    let text = |column: usize| row.get::<_, Option<String>>(column).map(Option::unwrap_or_default);
    let device = row.get::<_, Option<String>>(2)?;
    let device = device.map(|text| parse::<Mac>(2, &text)).transpose()?;
    let name = || parse(4, &text(4)?);
    let reading = || row.get(8).map(ReadingId::new);
    let deed = match text(3)?.as_str() {
        "remove-telephone" => PersonDeed::RemoveTelephone { name: name()? },
        "add-person" => PersonDeed::AddPerson { name: name()?, role: parse(5, &text(5)?)? },
        "reset-person" => PersonDeed::ResetPerson { name: name()? },
        "disable-person" => PersonDeed::DisablePerson { name: name()? },
        "decline" => {
            let room = row.get::<_, Option<String>>(7)?;
            let room = room.map(|text| parse(7, &text)).transpose()?;
            PersonDeed::Decline { site: parse(6, &text(6)?)?, room }
        }
        "open-reading" => PersonDeed::OpenReading {
            reading: reading()?,
            terms: Box::new(read_terms(row, 10)?),
            until: Timestamp::from_unix_ms(row.get::<_, Option<i64>>(16)?.unwrap_or(0)),
        },
        "search-journal" => PersonDeed::SearchJournal { reading: reading()?, sought: Sought::new(&text(9)?) },
        "export-journal" => PersonDeed::ExportJournal { reading: reading()?, sought: Sought::new(&text(9)?) },
        "close-reading" => {
            let end = ReadingEnd::read(&text(9)?).ok_or_else(|| unknown(9, "no end of a reading"))?;
            PersonDeed::CloseReading { reading: reading()?, end }
        }
        "start-lesson" => {
            let (lesson, room, settings) = (read_lesson(row)?, parse(7, &text(7)?)?, read_settings(row)?);
            PersonDeed::StartLesson { lesson, room, settings: Box::new(settings) }
        }
        "change-lesson" => {
            let (lesson, room, settings) = (read_lesson(row)?, parse(7, &text(7)?)?, read_settings(row)?);
            PersonDeed::ChangeLesson { lesson, room, settings: Box::new(settings) }
        }
        "end-lesson" => {
            let ending = one_of(9, &text(9)?, LessonEnding::ALL, LessonEnding::as_str)?;
            PersonDeed::EndLesson { lesson: read_lesson(row)?, room: parse(7, &text(7)?)?, ending }
        }
        other => {
            let deed = PersonDeed::read(other, Some(Sought::new(&text(9)?)));
            deed.ok_or_else(|| unknown(3, format!("`{other}` is no deed")))?
        }
    };
    Ok(WaitingAct { number: row.get(0)?, act: PersonAct { author: parse(1, &text(1)?)?, device, deed } })
}

fn read_lesson(row: &Row<'_>) -> rusqlite::Result<LessonId> {
    row.get(17).map(LessonId::new)
}

fn read_settings(row: &Row<'_>) -> rusqlite::Result<LessonSettings> {
    let internet = read_mode(19, &row.get::<_, String>(19)?, &row.get::<_, String>(20)?)?;
    Ok(LessonSettings { until: Timestamp::from_unix_ms(row.get(18)?), internet, is_wifi_on: row.get(21)? })
}

#[cfg(test)]
mod tests {
    use model::{Alteration, InternetMode, Role};

    use super::*;
    use crate::Second;
    use crate::people::tests::{add, at, open};

    #[test]
    fn acts_come_back_in_order_until_they_are_forgotten() {
        let folder = tempfile::tempdir().unwrap();
        let mut store = Store::open(&folder.path().join("state.sqlite")).unwrap();
        let name = || "M. Petit".parse().unwrap();
        let room = || "CM2".parse().unwrap();
        let settings = |mode: &str| LessonSettings {
            until: at(60_000),
            internet: InternetMode::read(mode, "vikidia.org ign.fr").unwrap(),
            is_wifi_on: mode == "list",
        };
        let deeds = [
            PersonDeed::SignIn,
            PersonDeed::FailSignIn,
            PersonDeed::SignOut,
            PersonDeed::ChangeSecret,
            PersonDeed::SignInByPaper,
            PersonDeed::AddTelephone,
            PersonDeed::RemoveTelephone { name: name() },
            PersonDeed::AdoptPoint { words: Sought::new("borne-7: CM2") },
            PersonDeed::ReleasePoint { words: Sought::new("borne-7") },
            PersonDeed::RegisterDevice { words: Sought::new("02:00:00:00:00:11: CM2-04") },
            PersonDeed::ForgetDevice { words: Sought::new("02:00:00:00:00:11: CM2-04") },
            PersonDeed::AddReader { words: Sought::new("head: age1abc") },
            PersonDeed::RemoveReader { words: Sought::new("recovery: age1abc") },
            PersonDeed::InstallRelease { words: Sought::new("1.5.0") },
            PersonDeed::Alter { what: Alteration::ChangeRooms, words: Sought::new("M. Petit: CM2") },
            PersonDeed::AddPerson { name: name(), role: Role::Head },
            PersonDeed::ResetPerson { name: name() },
            PersonDeed::DisablePerson { name: name() },
            PersonDeed::Decline { site: "casino.example".parse().unwrap(), room: None },
            PersonDeed::Decline {
                site: "casino.example".parse().unwrap(),
                room: Some("CM2".parse().unwrap()),
            },
            PersonDeed::StartLesson {
                lesson: LessonId::new(7),
                room: room(),
                settings: Box::new(settings("normal")),
            },
            PersonDeed::ChangeLesson {
                lesson: LessonId::new(7),
                room: room(),
                settings: Box::new(settings("list")),
            },
            PersonDeed::EndLesson { lesson: LessonId::new(7), room: room(), ending: LessonEnding::TakeOver },
        ];
        let acts = deeds.map(|deed| PersonAct {
            author: "Mme Martin".parse().unwrap(),
            device: (deed != PersonDeed::SignOut).then(|| "02:00:00:00:00:11".parse().unwrap()),
            deed,
        });
        for act in &acts {
            store.write(|transaction| keep_act(transaction, act)).unwrap();
        }
        let waiting = store.waiting_person_acts(100).unwrap();
        assert_eq!(waiting.iter().map(|it| it.act.clone()).collect::<Vec<_>>(), acts);
        assert_eq!(store.waiting_person_acts(2).unwrap(), waiting[..2]);
        store.forget_person_act(waiting[0].number).unwrap();
        assert_eq!(store.waiting_person_acts(100).unwrap(), waiting[1..]);
    }

    /// Whoever takes the box along finds nothing of what was sought but in the journal.
    #[test]
    fn what_the_journal_has_is_nowhere_in_the_file() {
        let (folder, mut store) = open();
        let is_left = || {
            let files = ["state.sqlite", "state.sqlite-wal"].map(|name| folder.path().join(name));
            let bytes = files.iter().flat_map(|file| std::fs::read(file).unwrap_or_default());
            bytes.collect::<Vec<u8>>().windows(13).any(|part| part == b"jamais.oublie")
        };
        for number in 0..300 {
            let sought = Sought::new(&format!("host jamais.oublie{number}.example"));
            let deed = PersonDeed::SearchJournal { reading: ReadingId::new(1), sought };
            let act = PersonAct { author: "Mme Martin".parse().unwrap(), device: None, deed };
            store.write(|transaction| keep_act(transaction, &act)).unwrap();
        }
        assert!(is_left(), "it waits");
        for waiting in store.waiting_person_acts(999).unwrap() {
            store.forget_person_act(waiting.number).unwrap();
        }
        store.settle().unwrap();
        assert!(!is_left());
    }

    #[test]
    fn nothing_is_done_that_cannot_be_kept() {
        let folder = tempfile::tempdir().unwrap();
        let mut store = Store::open(&folder.path().join("state.sqlite")).unwrap();
        let act = PersonAct { author: "Mme Martin".parse().unwrap(), device: None, deed: PersonDeed::SignIn };
        let full =
            store.write(|transaction| (0..=PERSON_ACTS_MAX).try_for_each(|_| keep_act(transaction, &act)));
        assert!(matches!(full, Err(PersonError::Unrecorded)));
        assert_eq!(store.waiting_person_acts(1).unwrap(), []);
    }

    #[test]
    fn an_act_of_a_newer_version_keeps_no_other_back() {
        let (_folder, mut store) = open();
        let act = PersonAct { author: "Mme Martin".parse().unwrap(), device: None, deed: PersonDeed::SignIn };
        for deed in ["fly", "sign-in", "", "decline"] {
            let newer = "INSERT INTO person_act (author, deed) VALUES ('M. Petit', ?1)";
            store.connection.execute(newer, [deed]).unwrap();
        }
        store.write(|transaction| keep_act(transaction, &act)).unwrap();
        let numbers = |limit| -> Vec<_> {
            store.waiting_person_acts(limit).unwrap().iter().map(|it| it.number).collect()
        };
        assert_eq!((numbers(9), numbers(1)), (vec![2, 5], vec![2]));
        assert_eq!(store.count_unreadable_acts().unwrap(), 3);
    }

    #[test]
    fn what_closes_something_is_done_without_room_for_its_act() {
        let (_folder, mut store) = open();
        let (teacher, other) = (
            add(&mut store, "Mme Martin", Role::Teacher, &[]),
            add(&mut store, "Mme Petit", Role::Teacher, &[]),
        );
        let place = || (model::Machine::Mac("02:00:00:00:00:11".parse().unwrap()), None);
        for token in 1..=2 {
            store
                .begin_session(&[token; 32], (&teacher, "$first$", &Second::Nothing), place(), at(0))
                .unwrap();
        }
        let act = |deed| PersonAct { author: teacher.name.clone(), device: None, deed };
        let fill = |store: &mut Store, limit: u32| {
            let before = u32::try_from(store.waiting_person_acts(9_999).unwrap().len()).unwrap();
            let sign_in = act(PersonDeed::SignIn);
            store.write(|work| (before..limit).try_for_each(|_| insert(work, &sign_in))).unwrap();
        };
        fill(&mut store, PERSON_ACTS_MAX);
        assert!(matches!(
            store.begin_session(&[3; 32], (&teacher, "$first$", &Second::Nothing), place(), at(0)),
            Err(PersonError::Unrecorded)
        ));
        store.end_session(&[1; 32], Some(&act(PersonDeed::SignOut))).unwrap();
        let last = store.waiting_person_acts(9_999).unwrap().pop().unwrap();
        assert_eq!(last.act.deed, PersonDeed::SignOut, "it has its act");
        fill(&mut store, PERSON_ACTS_MAX + CLOSING_ACTS_MAX);
        store.end_session(&[2; 32], Some(&act(PersonDeed::SignOut))).unwrap();
        assert_eq!([1, 2].map(|token| store.find_session(&[token; 32]).unwrap()), [None, None]);
        store.disable_person(other.id, at(1), (&teacher.name, None)).unwrap();
        assert!(store.find_credential(other.id).unwrap().unwrap().0.disabled.is_some());
        // What stands elsewhere already is not dropped in silence.
        let words = Sought::new("hold 7: plainte");
        let held = act(PersonDeed::PlaceHold { words });
        assert!(matches!(store.keep_done_act(&held), Err(PersonError::Unrecorded)));
        store
            .connection
            .execute("DELETE FROM person_act WHERE id = (SELECT min(id) FROM person_act)", ())
            .unwrap();
        store.keep_done_act(&held).unwrap();
        assert_eq!(store.waiting_person_acts(9_999).unwrap().pop().unwrap().act, held);
    }
}
