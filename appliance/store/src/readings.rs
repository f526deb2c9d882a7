//! Readings of the journal. What each one did is kept for the journal in the transaction that does it: what cannot be
//! recorded is not read.

use model::{
    Mac, PersonAct, PersonDeed, PersonName, Reading, ReadingEnd, ReadingId, ReadingTerms, Sought, Timestamp,
};
use rusqlite::{OptionalExtension, Row, Transaction, params};

use crate::columns::{parse, unknown};
use crate::people::{PersonError, key};
use crate::person_acts::{keep_act, keep_closing_act};
use crate::{Store, StoreError};

/// Most readings of the pages that are kept, and as many of commands: a command line that reads a thousand times pushes no
/// reading of the head's out. Of more the oldest closed ones go first: the journal has them.
pub const READINGS_MAX: u32 = 4_096;
/// Most readings that are open at once: a head, an officer and their substitutes have one each.
pub const OPEN_READINGS_MAX: u32 = 8;

/// The columns of a reading, as [`read_reading`] takes them.
const COLUMNS: &str = "id, author, machine, purpose, detail, from_ms, to_ms, target, with_people, opened_ms, until_ms, \
    closed_ms, closed_how, searches, exports, card_by, whole_exports";
/// The readings of commands, which are over as they begin, and those of the pages.
const COMMANDS: &str = "until_ms = opened_ms";
const PAGES: &str = "until_ms <> opened_ms";
/// How long before a reading a card of its opener is told with it, in milliseconds: a day.
const CARD_MS: i64 = 24 * 3_600_000;

/// Somebody, and on which device; `None` on the box's own command line.
pub type Reader<'a> = (&'a PersonName, Option<Mac>);

impl Store {
    /// Opens a reading that lasts until a time.
    ///
    /// # Errors
    /// [`PersonError::TooMany`] open ones, [`PersonError::Unrecorded`].
    pub fn open_reading(
        &mut self,
        terms: &ReadingTerms,
        (opened, until): (Timestamp, Timestamp),
        reader: Reader<'_>,
    ) -> Result<Reading, PersonError> {
        self.write(|transaction| {
            let is_open = "SELECT count(*) FROM reading WHERE closed_ms IS NULL";
            let open: u32 = transaction.query_row(is_open, (), |row| row.get(0))?;
            if open >= OPEN_READINGS_MAX {
                return Err(PersonError::TooMany);
            }
            let id = insert(transaction, terms, (opened, until), reader)?;
            note_card(transaction, id, reader.0, opened)?;
            let terms = Box::new(terms.clone());
            keep_act(transaction, &act(reader, PersonDeed::OpenReading { reading: id, terms, until }))?;
            prune(transaction)?;
            find(transaction, id)
        })
    }

    /// Notes a reading that is over with the command that it is for: opened, used and ended at once.
    ///
    /// # Errors
    /// [`PersonError::Unrecorded`].
    pub fn note_command(
        &mut self,
        terms: &ReadingTerms,
        now: Timestamp,
        (look, sought): (Look, &Sought),
        reader: Reader<'_>,
    ) -> Result<ReadingId, PersonError> {
        self.write(|transaction| {
            let reading = insert(transaction, terms, (now, now), reader)?;
            let open = PersonDeed::OpenReading { reading, terms: Box::new(terms.clone()), until: now };
            keep_act(transaction, &act(reader, open))?;
            count_look(transaction, reading, look)?;
            keep_act(transaction, &act(reader, look.deed(reading, sought)))?;
            close(transaction, reading, (now, ReadingEnd::Hand), reader)?;
            prune(transaction)?;
            Ok(reading)
        })
    }

    /// The readings, the last first, at most `limit` of them.
    ///
    /// # Errors
    /// [`StoreError`] when the file cannot be read.
    pub fn readings(&self, limit: u32) -> Result<Vec<Reading>, StoreError> {
        let query = format!("SELECT {COLUMNS} FROM reading ORDER BY id DESC LIMIT ?1");
        let mut query = self.connection.prepare_cached(&query)?;
        let readings = query.query_map([limit], |row| read_reading(row, 0))?.collect::<Result<_, _>>()?;
        Ok(readings)
    }

    /// A page of the list of readings: those before a number, at most `limit` of them; the first page has all that are open,
    /// too. Looks of commands after the box itself are told by their times alone.
    ///
    /// # Errors
    /// [`StoreError`] when the file cannot be read.
    pub fn page_of_readings(
        &self,
        before: Option<ReadingId>,
        limit: u32,
    ) -> Result<PageOfReadings, StoreError> {
        let last = before.map_or(i64::MAX, |id| id.number().into());
        let list = |filter: &str, last: i64, limit: u32| -> Result<Vec<Reading>, StoreError> {
            let query =
                format!("SELECT {COLUMNS} FROM reading WHERE {filter} AND id < ?1 ORDER BY id DESC LIMIT ?2");
            let mut query = self.connection.prepare_cached(&query)?;
            Ok(query
                .query_map([last, limit.into()], |row| read_reading(row, 0))?
                .collect::<Result<_, _>>()?)
        };
        let closed =
            list("closed_ms IS NOT NULL AND purpose <> 'maintenance'", last, limit.saturating_add(1))?;
        let has_more = closed.len() > usize::try_from(limit).unwrap_or(usize::MAX);
        let closed = closed.into_iter().take(usize::try_from(limit).unwrap_or(usize::MAX));
        let open =
            if before.is_none() { list("closed_ms IS NULL", last, OPEN_READINGS_MAX)? } else { vec![] };
        let readings: Vec<Reading> = open.into_iter().chain(closed).collect();
        let next = readings.last().map(|reading| reading.id).filter(|_| has_more);
        let first = next.map_or(0, |id| i64::from(id.number()));
        let mut routine = self.connection.prepare_cached(
            "SELECT opened_ms FROM reading WHERE purpose = 'maintenance' AND closed_ms IS NOT NULL AND id < ?1 AND id > ?2
             ORDER BY id DESC",
        )?;
        let routine = routine
            .query_map([last, first], |row| row.get(0).map(Timestamp::from_unix_ms))?
            .collect::<Result<_, _>>()?;
        let count = |filter: &str| {
            let query = format!("SELECT count(*) FROM reading WHERE {filter}");
            self.connection.query_row(&query, (), |row| row.get::<_, u32>(0))
        };
        let total = count("purpose <> 'maintenance'")?;
        let is_full = [COMMANDS, PAGES].into_iter().try_fold(false, |is_full, kind| {
            Ok::<_, rusqlite::Error>(is_full || count(kind)? >= READINGS_MAX)
        })?;
        Ok(PageOfReadings { readings, routine, total, next, is_full })
    }

    /// A reading by its number.
    ///
    /// # Errors
    /// [`StoreError`] when the file cannot be read.
    pub fn find_reading(&self, id: ReadingId) -> Result<Option<Reading>, StoreError> {
        let query = format!("SELECT {COLUMNS} FROM reading WHERE id = ?1");
        Ok(self.connection.query_row(&query, [id.number()], |row| read_reading(row, 0)).optional()?)
    }

    /// Which of these readings are closed.
    ///
    /// # Errors
    /// [`StoreError`] when the file cannot be read.
    pub fn closed_readings(&self, among: &[ReadingId]) -> Result<Vec<ReadingId>, StoreError> {
        let mut query =
            self.connection.prepare_cached("SELECT 1 FROM reading WHERE id = ?1 AND closed_ms IS NULL")?;
        let mut closed = Vec::new();
        for id in among {
            if !query.exists([id.number()])? {
                closed.push(*id);
            }
        }
        Ok(closed)
    }

    /// Notes what somebody looks for within a reading, before she sees anything.
    ///
    /// # Errors
    /// [`PersonError::Unknown`] where it is closed, [`PersonError::Unrecorded`].
    pub fn note_search(
        &mut self,
        id: ReadingId,
        sought: &Sought,
        reader: Reader<'_>,
    ) -> Result<(), PersonError> {
        self.note_look(id, (Look::Search, sought), reader)
    }

    /// Notes what somebody takes with her, before she has anything; `is_whole` where the sealed files of its time go along.
    ///
    /// # Errors
    /// As [`Store::note_search`].
    pub fn note_export(
        &mut self,
        id: ReadingId,
        (sought, is_whole): (&Sought, bool),
        reader: Reader<'_>,
    ) -> Result<(), PersonError> {
        self.note_look(id, (Look::export(is_whole), sought), reader)
    }

    fn note_look(
        &mut self,
        id: ReadingId,
        (look, sought): (Look, &Sought),
        reader: Reader<'_>,
    ) -> Result<(), PersonError> {
        self.write(|transaction| {
            count_look(transaction, id, look)?;
            keep_act(transaction, &act(reader, look.deed(id, sought)))
        })
    }

    /// Ends a reading, also where there is no room for the act. Returns whether it was open.
    ///
    /// # Errors
    /// [`StoreError`] when the file cannot be written.
    pub fn close_reading(
        &mut self,
        id: ReadingId,
        now: Timestamp,
        reader: Reader<'_>,
    ) -> Result<bool, StoreError> {
        let closed = self
            .write(|transaction| close(transaction, id, (now, ReadingEnd::Hand), reader))
            .map_err(StoreError)?;
        Ok(closed)
    }

    /// Ends the readings whose time is over, and those of which somebody else says so. Returns which.
    ///
    /// # Errors
    /// [`StoreError`] when the file cannot be written.
    pub fn lapse_readings(
        &mut self,
        now: Timestamp,
        others: &[ReadingId],
    ) -> Result<Vec<ReadingId>, StoreError> {
        let query = format!("SELECT {COLUMNS} FROM reading WHERE closed_ms IS NULL");
        let open: Vec<Reading> = {
            let mut query = self.connection.prepare_cached(&query)?;
            query.query_map((), |row| read_reading(row, 0))?.collect::<Result<_, _>>()?
        };
        let over: Vec<Reading> = open
            .into_iter()
            .filter(|reading| !reading.is_open(now) || others.contains(&reading.id))
            .collect();
        if over.is_empty() {
            return Ok(Vec::new());
        }
        self.write(|transaction| -> rusqlite::Result<()> {
            for reading in &over {
                let reader = (&reading.author, reading.machine);
                close(transaction, reading.id, (now, ReadingEnd::Time), reader)?;
            }
            Ok(())
        })?;
        Ok(over.into_iter().map(|reading| reading.id).collect())
    }
}

/// A page of the list of readings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PageOfReadings {
    /// The readings, the last first.
    pub readings: Vec<Reading>,
    /// When commands looked after the box itself between the first and the last of them.
    pub routine: Vec<Timestamp>,
    /// How many readings are kept, those looks aside.
    pub total: u32,
    /// Before which number the next page begins; `None` where there is no more.
    pub next: Option<ReadingId>,
    /// Whether older ones may be gone, because there were too many.
    pub is_full: bool,
}

/// What is done within a reading.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Look {
    /// Something is looked for.
    Search,
    /// Something is taken away.
    Export,
    /// Something is taken away, and the sealed files of its time with it: they are everybody's.
    WholeExport,
}

impl Look {
    /// That of an extract, with the sealed files of its time or without.
    #[must_use]
    pub fn export(is_whole: bool) -> Self {
        if is_whole { Self::WholeExport } else { Self::Export }
    }

    fn deed(self, reading: ReadingId, sought: &Sought) -> PersonDeed {
        let sought = sought.clone();
        match self {
            Self::Search => PersonDeed::SearchJournal { reading, sought },
            Self::Export | Self::WholeExport => PersonDeed::ExportJournal { reading, sought },
        }
    }
}

/// Counts a look of an open reading.
fn count_look(transaction: &Transaction<'_>, id: ReadingId, look: Look) -> Result<(), PersonError> {
    let update = match look {
        Look::Search => "UPDATE reading SET searches = searches + 1 WHERE id = ?1 AND closed_ms IS NULL",
        Look::Export => "UPDATE reading SET exports = exports + 1 WHERE id = ?1 AND closed_ms IS NULL",
        Look::WholeExport => {
            "UPDATE reading SET exports = exports + 1, whole_exports = whole_exports + 1
             WHERE id = ?1 AND closed_ms IS NULL"
        }
    };
    if transaction.execute(update, [id.number()])? == 0 { Err(PersonError::Unknown) } else { Ok(()) }
}

fn act((author, device): Reader<'_>, deed: PersonDeed) -> PersonAct {
    PersonAct { author: author.clone(), device, deed }
}

fn insert(
    transaction: &Transaction<'_>,
    terms: &ReadingTerms,
    (opened, until): (Timestamp, Timestamp),
    (author, machine): Reader<'_>,
) -> rusqlite::Result<ReadingId> {
    let id = transaction.query_row(
        "INSERT INTO reading (author, machine, purpose, detail, from_ms, to_ms, target, with_people, opened_ms, until_ms)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10) RETURNING id",
        params![
            author.as_str(),
            machine.map(|mac| mac.to_string()),
            terms.purpose.as_str(),
            terms.detail.as_str(),
            terms.from.map(Timestamp::unix_ms),
            terms.to.map(Timestamp::unix_ms),
            terms.target.as_ref().map(model::Target::as_str),
            terms.with_people,
            opened.unix_ms(),
            until.unix_ms(),
        ],
        |row| row.get(0),
    )?;
    Ok(ReadingId::new(id))
}

/// Notes with a reading who made a card in its opener's name shortly before, unless she did so herself.
fn note_card(
    transaction: &Transaction<'_>,
    id: ReadingId,
    opener: &PersonName,
    opened: Timestamp,
) -> rusqlite::Result<()> {
    transaction.execute(
        "UPDATE reading SET card_by =
             (SELECT card_by FROM person WHERE name_key = ?2 AND card_by <> name AND abs(?3 - card_ms) < ?4)
         WHERE id = ?1",
        params![id.number(), key(opener), opened.unix_ms(), CARD_MS],
    )?;
    Ok(())
}

fn close(
    transaction: &Transaction<'_>,
    id: ReadingId,
    (now, end): (Timestamp, ReadingEnd),
    reader: Reader<'_>,
) -> rusqlite::Result<bool> {
    let changed = transaction.execute(
        "UPDATE reading SET closed_ms = ?2, closed_how = ?3 WHERE id = ?1 AND closed_ms IS NULL",
        params![id.number(), now.unix_ms(), end.as_str()],
    )?;
    if changed > 0 {
        keep_closing_act(transaction, &act(reader, PersonDeed::CloseReading { reading: id, end }))?;
    }
    Ok(changed > 0)
}

/// Ends the readings of somebody who may not sign in any more, or for whom a new card was made.
pub(crate) fn close_readings_of(
    transaction: &Transaction<'_>,
    author: &PersonName,
    now: Timestamp,
    by: Reader<'_>,
) -> rusqlite::Result<()> {
    let open: Vec<ReadingId> = {
        let mut query =
            transaction.prepare_cached("SELECT id FROM reading WHERE author = ?1 AND closed_ms IS NULL")?;
        query.query_map([author.as_str()], |row| row.get(0).map(ReadingId::new))?.collect::<Result<_, _>>()?
    };
    open.into_iter().try_for_each(|id| close(transaction, id, (now, ReadingEnd::Hand), by).map(drop))
}

fn prune(transaction: &Transaction<'_>) -> rusqlite::Result<()> {
    // One that an act waits for stays: the act is told with its words.
    for kind in [COMMANDS, PAGES] {
        let delete = format!(
            "DELETE FROM reading WHERE {kind} AND closed_ms IS NOT NULL
             AND id NOT IN (SELECT reading FROM person_act WHERE reading IS NOT NULL)
             AND id <= (SELECT id FROM reading WHERE {kind} ORDER BY id DESC LIMIT 1 OFFSET ?1)"
        );
        transaction.prepare_cached(&delete)?.execute([READINGS_MAX])?;
    }
    Ok(())
}

fn find(transaction: &Transaction<'_>, id: ReadingId) -> Result<Reading, PersonError> {
    let query = format!("SELECT {COLUMNS} FROM reading WHERE id = ?1");
    let found = transaction.query_row(&query, [id.number()], |row| read_reading(row, 0)).optional()?;
    found.ok_or(PersonError::Unknown)
}

fn read_reading(row: &Row<'_>, first: usize) -> rusqlite::Result<Reading> {
    let at = |place: usize| first + place;
    let text = |place: usize| row.get::<_, String>(at(place));
    let time = |place: usize| row.get::<_, i64>(at(place)).map(Timestamp::from_unix_ms);
    let machine = row.get::<_, Option<String>>(at(2))?;
    let closed = match (row.get::<_, Option<i64>>(at(11))?, row.get::<_, Option<String>>(at(12))?) {
        (Some(ms), Some(how)) => {
            let end = ReadingEnd::read(&how);
            let end = end.ok_or_else(|| unknown(at(12), format!("`{how}` is no end")))?;
            Some((Timestamp::from_unix_ms(ms), end))
        }
        (_, _) => None,
    };
    Ok(Reading {
        id: ReadingId::new(row.get(at(0))?),
        author: parse(at(1), &text(1)?)?,
        machine: machine.map(|text| parse::<Mac>(at(2), &text)).transpose()?,
        terms: read_terms(row, at(3))?,
        opened: time(9)?,
        until: time(10)?,
        closed,
        searches: row.get(at(13))?,
        exports: row.get(at(14))?,
        whole_exports: row.get(at(16))?,
        card_by: row.get::<_, Option<String>>(at(15))?.map(|name| parse(at(15), &name)).transpose()?,
    })
}

/// The terms of a reading, whose columns begin with this one.
pub(crate) fn read_terms(row: &Row<'_>, first: usize) -> rusqlite::Result<ReadingTerms> {
    let time =
        |place: usize| row.get::<_, Option<i64>>(first + place).map(|ms| ms.map(Timestamp::from_unix_ms));
    let target = row.get::<_, Option<String>>(first + 4)?;
    // An act whose reading is gone has none: that is told as what it is.
    let text = |column: usize| row.get::<_, Option<String>>(column).map(Option::unwrap_or_default);
    Ok(ReadingTerms {
        purpose: parse(first, &text(first)?)?,
        detail: parse(first + 1, &text(first + 1)?)?,
        from: time(2)?,
        to: time(3)?,
        target: target.map(|text| parse(first + 4, &text)).transpose()?,
        with_people: row.get::<_, Option<bool>>(first + 5)?.unwrap_or(false),
    })
}

#[cfg(test)]
mod tests {
    use model::{PersonId, Purpose, Role};

    use super::*;
    use crate::PERSON_ACTS_MAX;
    use crate::people::tests::{add, at, open};

    const HOUR_MS: i64 = 3_600_000;

    fn terms() -> ReadingTerms {
        ReadingTerms {
            purpose: Purpose::Complaint,
            detail: "plainte de la famille Petit".parse().unwrap(),
            from: Some(at(-HOUR_MS)),
            to: Some(at(0)),
            target: Some("CM2-04".parse().unwrap()),
            with_people: true,
        }
    }

    fn head() -> PersonName {
        "Mme Durand".parse().unwrap()
    }

    fn deeds(store: &Store) -> Vec<PersonDeed> {
        store.waiting_person_acts(100).unwrap().into_iter().map(|it| it.act.deed).collect()
    }

    #[test]
    fn a_reading_and_all_that_it_does_waits_for_the_journal() {
        let (_folder, mut store) = open();
        let (head, machine) = (head(), Some("02:00:00:00:00:11".parse().unwrap()));
        let reader = (&head, machine);
        let until = at(HOUR_MS);
        let reading = store.open_reading(&terms(), (at(0), until), reader).unwrap();
        assert_eq!((&reading.terms, reading.opened, reading.until), (&terms(), at(0), until));
        let sought = Sought::new("host casino.example");
        store.note_search(reading.id, &sought, reader).unwrap();
        store.note_search(reading.id, &sought, reader).unwrap();
        store.note_export(reading.id, (&sought, false), reader).unwrap();
        store.note_export(reading.id, (&sought, true), reader).unwrap();
        assert!(store.close_reading(reading.id, at(5), reader).unwrap());
        assert!(!store.close_reading(reading.id, at(6), reader).unwrap(), "once");
        let id = reading.id;
        let search = PersonDeed::SearchJournal { reading: id, sought: sought.clone() };
        let export = PersonDeed::ExportJournal { reading: id, sought: sought.clone() };
        let expected = [
            PersonDeed::OpenReading { reading: id, terms: Box::new(terms()), until },
            search.clone(),
            search,
            export.clone(),
            export,
            PersonDeed::CloseReading { reading: id, end: ReadingEnd::Hand },
        ];
        assert_eq!(deeds(&store), expected);
        let kept = store.readings(9).unwrap().remove(0);
        assert_eq!((kept.searches, kept.closed), (2, Some((at(5), ReadingEnd::Hand))));
        assert_eq!((kept.exports, kept.whole_exports), (2, 1), "what was everybody's is counted apart");
        assert_eq!(store.find_reading(id).unwrap(), Some(kept));
        assert!(matches!(store.note_search(id, &sought, reader), Err(PersonError::Unknown)), "it is closed");
        assert!(
            matches!(store.note_export(id, (&sought, true), reader), Err(PersonError::Unknown)),
            "it is closed"
        );
    }

    #[test]
    fn a_reading_tells_of_a_card_that_somebody_else_made_shortly_before() {
        let (_folder, mut store) = open();
        let head = add(&mut store, "Mme Durand", Role::Head, &[]);
        let begin = |store: &mut Store, ms: i64| {
            let open = store.open_reading(&terms(), (at(ms), at(ms + HOUR_MS)), (&head.name, None)).unwrap();
            store.close_reading(open.id, at(ms), (&head.name, None)).unwrap();
            open.card_by.map(|by| by.to_string())
        };
        assert_eq!(begin(&mut store, CARD_MS - 1).as_deref(), Some("M. Petit"));
        assert_eq!(begin(&mut store, CARD_MS), None);
        store.reset_person(head.id, "x", at(CARD_MS), (&head.name, None)).unwrap();
        assert_eq!(begin(&mut store, CARD_MS), None, "she made it herself");
        store.reset_person(head.id, "x", at(CARD_MS), (&"M. Bob".parse().unwrap(), None)).unwrap();
        assert_eq!(begin(&mut store, CARD_MS + 1).as_deref(), Some("M. Bob"));
    }

    /// Also one that stands behind as many later ones as any list shows.
    #[test]
    fn a_new_card_ends_readings_as_a_closed_access_does() {
        let by: PersonName = "M. Bob".parse().unwrap();
        let ends: [fn(&mut Store, PersonId, &PersonName); 2] = [
            |store, id, by| drop(store.reset_person(id, "x", at(5), (by, None)).unwrap()),
            |store, id, by| drop(store.disable_person(id, at(5), (by, None)).unwrap()),
        ];
        for end in ends {
            let (_folder, mut store) = open();
            let (head, other) = (head(), "M. Petit".parse().unwrap());
            let id = add(&mut store, head.as_str(), Role::Head, &[]).id;
            let mut begin = |who: &PersonName| {
                store.open_reading(&terms(), (at(0), at(HOUR_MS)), (who, None)).unwrap().id
            };
            let (hers, of_another) = (begin(&head), begin(&other));
            for _ in 0..250 {
                store
                    .note_command(&terms(), at(1), (Look::Search, &Sought::new("-")), (&other, None))
                    .unwrap();
            }
            end(&mut store, id, &by);
            assert_eq!(store.closed_readings(&[hers, of_another]).unwrap(), [hers]);
            let closed = PersonDeed::CloseReading { reading: hers, end: ReadingEnd::Hand };
            let last = store.waiting_person_acts(9_999).unwrap().pop().unwrap().act;
            assert_eq!((last.author, last.deed), (by.clone(), closed));
        }
    }

    #[test]
    fn a_thousand_commands_hide_no_reading() {
        let (_folder, mut store) = open();
        let (head, bob) = (head(), "ligne de commande".parse().unwrap());
        let begin = |store: &mut Store, is_over: bool| {
            let id = store.open_reading(&terms(), (at(0), at(HOUR_MS)), (&head, None)).unwrap().id;
            if is_over {
                store.close_reading(id, at(1), (&head, None)).unwrap();
            }
            id
        };
        let command = |store: &mut Store, purpose: Purpose, ms: i64| {
            let terms = ReadingTerms { purpose, ..terms() };
            store.note_command(&terms, at(ms), (Look::Search, &Sought::new("-")), (&bob, None)).unwrap()
        };
        let (open, first) = (begin(&mut store, false), begin(&mut store, true));
        for _ in 0..150 {
            command(&mut store, Purpose::Maintenance, 2);
        }
        let last = begin(&mut store, true);
        command(&mut store, Purpose::Maintenance, 3);
        let ids = |page: &PageOfReadings| page.readings.iter().map(|it| it.id).collect::<Vec<_>>();
        let page = store.page_of_readings(None, 100).unwrap();
        assert_eq!((ids(&page), page.routine.len()), (vec![open, last, first], 151));
        assert_eq!((page.total, page.next, page.is_full), (3, None, false));
        // With a reason, each stands alone: on pages.
        for _ in 0..3 {
            command(&mut store, Purpose::Incident, 4);
        }
        let page = store.page_of_readings(None, 2).unwrap();
        assert_eq!((page.readings.len(), page.total, page.routine), (3, 6, vec![]));
        assert_eq!(page.readings[0].id, open, "in any case");
        let page = store.page_of_readings(page.next, 2).unwrap();
        assert_eq!((page.readings[1].id, page.routine), (last, vec![at(3)]));
        let page = store.page_of_readings(page.next, 2).unwrap();
        assert_eq!((ids(&page), page.routine.len(), page.next), (vec![first], 150, None));
    }

    #[test]
    fn commands_push_no_reading_of_the_pages_out() {
        let (_folder, mut store) = open();
        let head = head();
        let id = store.open_reading(&terms(), (at(0), at(HOUR_MS)), (&head, None)).unwrap().id;
        store.close_reading(id, at(1), (&head, None)).unwrap();
        let row = "INSERT INTO reading (author, purpose, detail, with_people, opened_ms, until_ms, closed_ms, closed_how)
            VALUES ('x', 'incident', 'x', FALSE, 5, 5, 5, 'hand')";
        store.write(|work| (0..READINGS_MAX + 9).try_for_each(|_| work.execute(row, ()).map(drop))).unwrap();
        while let Some(waiting) = store.waiting_person_acts(1).unwrap().pop() {
            store.forget_person_act(waiting.number).unwrap();
        }
        store.note_command(&terms(), at(2), (Look::Search, &Sought::new("-")), (&head, None)).unwrap();
        assert!(store.find_reading(id).unwrap().is_some());
        let page = store.page_of_readings(None, 1).unwrap();
        assert_eq!((page.total, page.is_full), (READINGS_MAX + 1, true));
    }

    #[test]
    fn a_command_is_noted_at_once_or_not_at_all() {
        let (_folder, mut store) = open();
        let head = head();
        let sought = Sought::new("host casino.example");
        let id = store.note_command(&terms(), at(0), (Look::Export, &sought), (&head, None)).unwrap();
        let kept = store.find_reading(id).unwrap().unwrap();
        assert_eq!((kept.searches, kept.exports, kept.closed), (0, 1, Some((at(0), ReadingEnd::Hand))));
        let words: Vec<_> = deeds(&store).iter().map(PersonDeed::as_str).collect();
        assert_eq!(words, ["open-reading", "export-journal", "close-reading"]);
        let full = (0..=PERSON_ACTS_MAX).try_for_each(|_| {
            store.note_command(&terms(), at(0), (Look::Search, &sought), (&head, None)).map(drop)
        });
        assert!(matches!(full, Err(PersonError::Unrecorded)));
        assert!(store.readings(9_999).unwrap().iter().all(|reading| reading.searches + reading.exports == 1));
    }

    #[test]
    fn a_reading_lapses_at_its_end() {
        let (_folder, mut store) = open();
        let head = head();
        let first = store.open_reading(&terms(), (at(0), at(HOUR_MS)), (&head, None)).unwrap();
        let second = store.open_reading(&terms(), (at(0), at(2 * HOUR_MS)), (&head, None)).unwrap();
        assert_eq!(store.lapse_readings(at(HOUR_MS - 1), &[]).unwrap(), []);
        assert_eq!(store.lapse_readings(at(HOUR_MS), &[]).unwrap(), [first.id]);
        assert_eq!(store.lapse_readings(at(HOUR_MS), &[]).unwrap(), []);
        assert_eq!(
            store.lapse_readings(at(5), &[second.id]).unwrap(),
            [second.id],
            "a steadier clock says so"
        );
        let expected = PersonDeed::CloseReading { reading: first.id, end: ReadingEnd::Time };
        assert_eq!(deeds(&store)[2], expected);
    }

    #[test]
    fn nothing_is_read_that_cannot_be_recorded() {
        let (_folder, mut store) = open();
        let head = head();
        let reading = store.open_reading(&terms(), (at(0), at(HOUR_MS)), (&head, None)).unwrap();
        let sought = Sought::new("-");
        let full =
            (0..=PERSON_ACTS_MAX).try_for_each(|_| store.note_search(reading.id, &sought, (&head, None)));
        assert!(matches!(full, Err(PersonError::Unrecorded)));
        let searches = store.find_reading(reading.id).unwrap().unwrap().searches;
        assert_eq!(searches, PERSON_ACTS_MAX - 1, "what was refused does not count");
        let another = store.open_reading(&terms(), (at(0), at(HOUR_MS)), (&head, None));
        assert!(matches!(another, Err(PersonError::Unrecorded)));
        assert_eq!(store.readings(9).unwrap().len(), 1);
        assert!(store.close_reading(reading.id, at(1), (&head, None)).unwrap(), "an end is never held up");
    }

    #[test]
    fn readings_are_bounded_and_forgotten() {
        let (_folder, mut store) = open();
        let head = head();
        for _ in 0..OPEN_READINGS_MAX {
            store.open_reading(&terms(), (at(0), at(HOUR_MS)), (&head, None)).unwrap();
        }
        let more = store.open_reading(&terms(), (at(0), at(HOUR_MS)), (&head, None));
        assert!(matches!(more, Err(PersonError::TooMany)));
        store.lapse_readings(at(HOUR_MS), &[]).unwrap();
        while let Some(waiting) = store.waiting_person_acts(1).unwrap().pop() {
            store.forget_person_act(waiting.number).unwrap();
        }
        const YEAR_MS: i64 = 365 * 24 * HOUR_MS;
        store.forget_old(at(HOUR_MS + YEAR_MS)).unwrap();
        assert_eq!(store.readings(99).unwrap().len(), 8);
        store.forget_old(at(HOUR_MS + YEAR_MS + 1)).unwrap();
        assert_eq!(store.readings(99).unwrap(), []);
        let waits = store.open_reading(&terms(), (at(0), at(HOUR_MS)), (&head, None)).unwrap();
        store.lapse_readings(at(HOUR_MS), &[]).unwrap();
        store.forget_old(at(2 * YEAR_MS)).unwrap();
        assert_eq!(store.readings(99).unwrap().len(), 1, "its acts are not told yet");
        while let Some(waiting) = store.waiting_person_acts(1).unwrap().pop() {
            store.forget_person_act(waiting.number).unwrap();
        }
        store.forget_old(at(2 * YEAR_MS)).unwrap();
        assert_eq!(store.find_reading(waits.id).unwrap(), None);
        let unset = Timestamp::from_unix_ms(60_000);
        let lost = store.open_reading(&terms(), (unset, unset), (&head, None)).unwrap();
        store.lapse_readings(unset, &[]).unwrap();
        while let Some(waiting) = store.waiting_person_acts(1).unwrap().pop() {
            store.forget_person_act(waiting.number).unwrap();
        }
        store.forget_old(at(0)).unwrap();
        assert!(store.find_reading(lost.id).unwrap().is_some(), "nobody knows how old it is");
        let next = store.open_reading(&terms(), (at(0), at(HOUR_MS)), (&head, None)).unwrap();
        assert!(next.id.number() > OPEN_READINGS_MAX, "no number is used again");
    }
}
