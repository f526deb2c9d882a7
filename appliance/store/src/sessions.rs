//! Sessions of people who signed in.

use model::{Mac, Machine, Person, PersonAct, PersonDeed, PersonId, Timestamp};
use rusqlite::{OptionalExtension, Row, Transaction, params};

use crate::columns::parse;
use crate::failures::{NameHash, Tally, forget_count, note_familiar};
use crate::people::{COLUMNS, PersonError, check_credential, read_person};
use crate::person_acts::{keep_act, keep_closing_act};
use crate::telephones::{Second, spend};
use crate::{Store, StoreError};

/// Most sessions of one person: her PC, the projector's, her phone, and some that she forgot. The oldest goes first.
const SESSIONS_MAX: u32 = 5;
/// How far ahead of the clock a session may have begun, in milliseconds: a step that a time server makes now and then.
const AHEAD_MS: i64 = 60_000;

/// A session, whether it counts still or not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// Whose it is.
    pub person: Person,
    /// On which machine it began: it counts there only.
    pub machine: Machine,
    /// When it began.
    pub began: Timestamp,
    /// When it was used last.
    pub used: Timestamp,
}

impl Store {
    /// Begins a session, known by the hash of its token, and forgets the failures of this person on this device.
    /// `secret` is the PHC string that hers was compared with; `second` was shown beside it, and counts no more.
    ///
    /// # Errors
    /// [`PersonError::Replaced`], [`PersonError::Unrecorded`].
    pub fn begin_session(
        &mut self,
        token_hash: &[u8; 32],
        (person, secret, second): (&Person, &str, &Second),
        (machine, device): (Machine, Option<Mac>),
        now: Timestamp,
    ) -> Result<(), PersonError> {
        self.write(|transaction| {
            check_credential(transaction, person.id, secret)?;
            spend(transaction, person.id, second)?;
            make_room(transaction, person.id, now)?;
            transaction.execute(
                "INSERT INTO session (token_hash, person, machine, began_ms, used_ms)
                 VALUES (?1, ?2, ?3, ?4, ?4)",
                params![token_hash, person.id.number(), machine.to_string(), now.unix_ms()],
            )?;
            note_familiar(transaction, person.id, device)?;
            forget_count(transaction, Tally::Pair(NameHash::of(&person.name), device))?;
            let author = person.name.clone();
            let deed = match second {
                Second::Paper(_) => PersonDeed::SignInByPaper,
                Second::Nothing | Second::Step { .. } | Second::Session => PersonDeed::SignIn,
            };
            keep_act(transaction, &PersonAct { author, device: machine.mac(), deed })
        })
    }

    /// The session of a token; `None` also when the person may no longer sign in.
    ///
    /// # Errors
    /// [`StoreError`] when the file cannot be read.
    pub fn find_session(&self, token_hash: &[u8; 32]) -> Result<Option<Session>, StoreError> {
        let query = format!(
            "SELECT {COLUMNS}, machine, began_ms, used_ms FROM session JOIN person ON id = person
             WHERE token_hash = ?1 AND disabled_ms IS NULL"
        );
        let mut query = self.connection.prepare_cached(&query)?;
        Ok(query.query_row([token_hash], read_session).optional()?)
    }

    /// Notes that a session is used.
    ///
    /// # Errors
    /// [`StoreError`] when the file cannot be written.
    pub fn touch_session(&mut self, token_hash: &[u8; 32], now: Timestamp) -> Result<(), StoreError> {
        self.connection.execute(
            "UPDATE session SET used_ms = ?2 WHERE token_hash = ?1",
            params![token_hash, now.unix_ms()],
        )?;
        Ok(())
    }

    /// Ends a session: `act` is kept, if somebody did so and there is room for it.
    ///
    /// # Errors
    /// [`StoreError`] when the file cannot be written.
    pub fn end_session(&mut self, token_hash: &[u8; 32], act: Option<&PersonAct>) -> Result<(), StoreError> {
        self.write(|transaction| {
            transaction.execute("DELETE FROM session WHERE token_hash = ?1", [token_hash])?;
            act.map_or(Ok(()), |act| Ok(keep_closing_act(transaction, act)?))
        })
    }
}

/// Makes room for a new session. Those of a clock that ran ahead go first: they count no more, and would be the
/// latest for ever.
fn make_room(transaction: &Transaction<'_>, person: PersonId, now: Timestamp) -> rusqlite::Result<()> {
    transaction.execute(
        "DELETE FROM session WHERE person = ?1 AND began_ms > ?2",
        params![person.number(), now.unix_ms().saturating_add(AHEAD_MS)],
    )?;
    transaction.execute(
        "DELETE FROM session WHERE person = ?1 AND token_hash NOT IN
         (SELECT token_hash FROM session WHERE person = ?1 ORDER BY began_ms DESC LIMIT ?2)",
        params![person.number(), SESSIONS_MAX - 1],
    )?;
    Ok(())
}

fn read_session(row: &Row<'_>) -> rusqlite::Result<Session> {
    Ok(Session {
        person: read_person(row)?,
        machine: parse(8, &row.get::<_, String>(8)?)?,
        began: Timestamp::from_unix_ms(row.get(9)?),
        used: Timestamp::from_unix_ms(row.get(10)?),
    })
}

#[cfg(test)]
mod tests {
    use model::Role;

    use super::*;
    use crate::people::tests::{add, at, open};

    fn mac(last: u8) -> Mac {
        Mac::new([2, 0, 0, 0, 0, last])
    }

    fn begin(store: &mut Store, token: u8, person: &Person, ms: i64) {
        let place = (Machine::Mac(mac(0x11)), Some(mac(0x11)));
        store.begin_session(&[token; 32], (person, "$first$", &Second::Nothing), place, at(ms)).unwrap();
    }

    #[test]
    fn a_session_outlives_the_process_until_it_is_ended() {
        let (folder, mut store) = open();
        let person = add(&mut store, "Mme Martin", Role::Teacher, &["CM2"]);
        begin(&mut store, 1, &person, 0);
        store.touch_session(&[1; 32], at(60_000)).unwrap();
        drop(store);
        let mut store = Store::open(&folder.path().join("state.sqlite")).unwrap();
        let expected = Session { person, machine: Machine::Mac(mac(0x11)), began: at(0), used: at(60_000) };
        assert_eq!(store.find_session(&[1; 32]).unwrap(), Some(expected));
        assert_eq!(store.find_session(&[2; 32]).unwrap(), None);
        store.end_session(&[1; 32], None).unwrap();
        assert_eq!(store.find_session(&[1; 32]).unwrap(), None);
    }

    #[test]
    fn a_change_of_the_person_ends_her_sessions_and_nobody_elses() {
        let by = "M. Petit".parse().unwrap();
        let changes: [fn(&mut Store, &Person, &model::PersonName); 3] = [
            |store, person, by| drop(store.disable_person(person.id, at(1), (by, None)).unwrap()),
            |store, person, by| drop(store.reset_person(person.id, "x", at(1), (by, None)).unwrap()),
            |store, person, _| {
                drop(store.change_secret(person.id, ("$first$", "x"), None).unwrap());
            },
        ];
        for change in changes {
            let (_folder, mut store) = open();
            let (one, other) = (
                add(&mut store, "Mme Martin", Role::Teacher, &[]),
                add(&mut store, "M. Bernard", Role::Head, &[]),
            );
            begin(&mut store, 1, &one, 0);
            begin(&mut store, 2, &other, 0);
            change(&mut store, &one, &by);
            assert_eq!(store.find_session(&[1; 32]).unwrap(), None);
            assert!(store.find_session(&[2; 32]).unwrap().is_some());
        }
    }

    #[test]
    fn no_session_begins_with_a_secret_that_was_replaced_meanwhile() {
        let by = "M. Petit".parse().unwrap();
        let changes: [fn(&mut Store, &Person, &model::PersonName); 2] = [
            |store, person, by| drop(store.disable_person(person.id, at(1), (by, None)).unwrap()),
            |store, person, by| drop(store.reset_person(person.id, "$second$", at(1), (by, None)).unwrap()),
        ];
        for change in changes {
            let (_folder, mut store) = open();
            let person = add(&mut store, "Mme Martin", Role::Teacher, &[]);
            change(&mut store, &person, &by);
            let place = (Machine::Mac(mac(0x11)), Some(mac(0x11)));
            let late = store.begin_session(&[1; 32], (&person, "$first$", &Second::Nothing), place, at(2));
            assert!(matches!(late, Err(PersonError::Replaced)));
            assert_eq!(store.waiting_person_acts(9).unwrap().len(), 2, "nobody signed in");
        }
    }

    #[test]
    fn one_person_has_few_sessions() {
        let (_folder, mut store) = open();
        let person = add(&mut store, "Mme Martin", Role::Teacher, &[]);
        for token in 0..7 {
            begin(&mut store, token, &person, i64::from(token));
        }
        let alive = (0..7).filter(|token| store.find_session(&[*token; 32]).unwrap().is_some());
        assert_eq!(alive.collect::<Vec<_>>(), [2, 3, 4, 5, 6]);
    }

    #[test]
    fn a_clock_that_ran_ahead_keeps_nobody_out() {
        let (_folder, mut store) = open();
        let person = add(&mut store, "Mme Martin", Role::Teacher, &[]);
        const YEAR_MS: i64 = 365 * 24 * 3_600_000;
        for token in 0..7 {
            begin(&mut store, token, &person, YEAR_MS + i64::from(token));
        }
        begin(&mut store, 8, &person, 30_000);
        // A few seconds back are what a time server does: both go on.
        begin(&mut store, 9, &person, 0);
        let alive = (0..10).filter(|token| store.find_session(&[*token; 32]).unwrap().is_some());
        assert_eq!(alive.collect::<Vec<_>>(), [8, 9]);
    }
}
