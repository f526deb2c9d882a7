//! Failures to sign in, as they are counted.

use model::{Failures, Mac, PersonAct, PersonId, PersonName, Timestamp};
use rusqlite::{OptionalExtension, Row, Transaction, params};

use crate::people::{PersonError, key};
use crate::person_acts::keep_act;
use crate::{Store, StoreError};

/// Most counts of failures: those of a hundred people on some forty devices each. Of more, the lowest go first, then the
/// oldest: whoever makes up names pushes out no count that somebody waits for.
const FAILURES_MAX: u32 = 4_096;
/// What stands for all names in the counts of failures.
const EVERYBODY: i64 = 0;

/// What stands for all devices where somebody never signed in.
const STRANGE_DEVICES: &str = "*";
/// Most devices that somebody is known to sign in on: as many as she has sessions. The one of the earliest sign-in goes
/// first. On each of them a class that takes it over has guesses of its own.
const FAMILIAR_MAX: u32 = 5;

/// A name as failures are counted by it, whether somebody bears it or not: whoever tries names must not learn by
/// waiting which of them exist. What was typed there may be a secret, and is not kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct NameHash(i64);

impl NameHash {
    /// Of a name, in any case of its letters.
    #[must_use]
    pub fn of(name: &PersonName) -> Self {
        Self::of_text(&key(name))
    }

    /// Of a number that stands for nobody who may be chosen by it.
    #[must_use]
    pub fn of_number(id: PersonId) -> Self {
        // No name has a control character.
        Self::of_text(&format!("\0{id}"))
    }

    fn of_text(text: &str) -> Self {
        let [a, b, c, d, e, f, g, h, ..] = *blake3::hash(text.as_bytes()).as_bytes();
        Self(i64::from_le_bytes([a, b, c, d, e, f, g, h]))
    }
}

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Tally {
    /// All names on a device that is registered, or on all others: anybody can make up many.
    Device(Option<Mac>),
    /// One name on such a device.
    Pair(NameHash, Option<Mac>),
    /// One name on all devices where its bearer never signed in.
    Name(NameHash),
}

impl Tally {
    /// The name, where it is of one.
    #[must_use]
    pub fn name(self) -> Option<NameHash> {
        match self {
            Self::Device(_) => None,
            Self::Pair(name, _) | Self::Name(name) => Some(name),
        }
    }

    fn key(self) -> i64 {
        self.name().map_or(EVERYBODY, |NameHash(name)| name)
    }

    fn device(self) -> String {
        match self {
            Self::Device(device) | Self::Pair(_, device) => device_key(device),
            Self::Name(_) => STRANGE_DEVICES.to_owned(),
        }
    }
}

impl Store {
    /// The failures of a count.
    ///
    /// # Errors
    /// [`StoreError`] when the file cannot be read.
    pub fn failures(&self, tally: Tally) -> Result<Failures, StoreError> {
        let mut query = self
            .connection
            .prepare_cached("SELECT count, last_ms FROM failure WHERE person = ?1 AND device = ?2")?;
        let read = |row: &Row<'_>| {
            Ok(Failures { count: row.get(0)?, last: Some(Timestamp::from_unix_ms(row.get(1)?)) })
        };
        let found = query.query_row(params![tally.key(), tally.device()], read).optional()?;
        Ok(found.unwrap_or_default())
    }

    /// Whether somebody is known to sign in on a device that is registered, or on any other.
    ///
    /// # Errors
    /// [`StoreError`] when the file cannot be read.
    pub fn is_familiar(&self, person: PersonId, device: Option<Mac>) -> Result<bool, StoreError> {
        let mut query = self
            .connection
            .prepare_cached("SELECT EXISTS (SELECT 1 FROM familiar WHERE person = ?1 AND device = ?2)")?;
        Ok(query.query_row(params![person.number(), device_key(device)], |row| row.get(0))?)
    }

    /// Keeps counts of failures, and the act of the last one.
    ///
    /// # Errors
    /// [`PersonError::Unrecorded`].
    pub fn keep_failures(
        &mut self,
        counts: &[(Tally, Failures)],
        act: Option<&PersonAct>,
    ) -> Result<(), PersonError> {
        self.write(|transaction| {
            for (tally, failures) in counts {
                keep_count(transaction, *tally, *failures)?;
            }
            transaction.execute(
                "DELETE FROM failure WHERE (person, device) IN
                 (SELECT person, device FROM failure ORDER BY count DESC, last_ms DESC LIMIT -1 OFFSET ?1)",
                [FAILURES_MAX],
            )?;
            act.map_or(Ok(()), |act| keep_act(transaction, act))
        })
    }
}

fn keep_count(
    transaction: &Transaction<'_>,
    tally: Tally,
    Failures { count, last }: Failures,
) -> rusqlite::Result<()> {
    let Some(last) = last else { return Ok(()) };
    transaction.execute(
        "INSERT INTO failure (person, device, count, last_ms) VALUES (?1, ?2, ?3, ?4)
         ON CONFLICT (person, device) DO UPDATE SET count = excluded.count, last_ms = excluded.last_ms",
        params![tally.key(), tally.device(), count, last.unix_ms()],
    )?;
    Ok(())
}

/// Notes that somebody signed in on a device. No clock says which was the last.
pub(crate) fn note_familiar(
    transaction: &Transaction<'_>,
    person: PersonId,
    device: Option<Mac>,
) -> rusqlite::Result<()> {
    transaction.execute(
        "INSERT INTO familiar (person, device, turn)
         SELECT ?1, ?2, coalesce(max(turn), 0) + 1 FROM familiar WHERE person = ?1
         ON CONFLICT (person, device) DO UPDATE SET turn = excluded.turn",
        params![person.number(), device_key(device)],
    )?;
    transaction.execute(
        "DELETE FROM familiar WHERE person = ?1 AND device NOT IN
         (SELECT device FROM familiar WHERE person = ?1 ORDER BY turn DESC LIMIT ?2)",
        params![person.number(), FAMILIAR_MAX],
    )?;
    Ok(())
}

/// Forgets a count.
pub(crate) fn forget_count(transaction: &Transaction<'_>, tally: Tally) -> rusqlite::Result<()> {
    transaction.execute(
        "DELETE FROM failure WHERE person = ?1 AND device = ?2",
        params![tally.key(), tally.device()],
    )?;
    Ok(())
}

/// Forgets every count of a name.
pub(crate) fn forget_name(transaction: &Transaction<'_>, name: &PersonName) -> rusqlite::Result<()> {
    let NameHash(name) = NameHash::of(name);
    transaction.execute("DELETE FROM failure WHERE person = ?1", [name])?;
    Ok(())
}

/// All devices that nobody registered are one.
pub(crate) fn device_key(device: Option<Mac>) -> String {
    device.map(|mac| mac.to_string()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use model::{Machine, Role};

    use super::*;
    use crate::Second;
    use crate::people::tests::{add, at, open};

    fn mac(last: u8) -> Mac {
        Mac::new([2, 0, 0, 0, 0, last])
    }

    fn failures(count: u32) -> Failures {
        Failures { count, last: Some(at(i64::from(count))) }
    }

    fn hash(name: &str) -> NameHash {
        NameHash::of(&name.parse().unwrap())
    }

    #[test]
    fn failures_are_counted_by_name_and_device_and_end_with_a_sign_in() {
        let (_folder, mut store) = open();
        let person = add(&mut store, "Mme Martin", Role::Teacher, &[]);
        let name = hash("MME martin");
        let (here, elsewhere) = (Some(mac(0x11)), Some(mac(0x12)));
        for device in [here, elsewhere, None] {
            let counts = [(Tally::Pair(name, device), failures(3)), (Tally::Device(device), failures(5))];
            store.keep_failures(&counts, None).unwrap();
        }
        let place = (Machine::Mac(mac(0x11)), here);
        store.begin_session(&[1; 32], (&person, "$first$", &Second::Nothing), place, at(10)).unwrap();
        let count = |tally| store.failures(tally).unwrap().count;
        assert_eq!(count(Tally::Pair(name, here)), 0);
        assert_eq!((count(Tally::Device(here)), count(Tally::Pair(name, elsewhere))), (5, 3));
        assert_eq!((count(Tally::Pair(name, None)), count(Tally::Pair(hash("M. Petit"), here))), (3, 0));
        store.reset_person(person.id, "x", at(0), (&"M. Petit".parse().unwrap(), None)).unwrap();
        let count = |tally| store.failures(tally).unwrap().count;
        assert_eq!((count(Tally::Pair(name, elsewhere)), count(Tally::Device(elsewhere))), (0, 5));
    }

    #[test]
    fn a_sign_in_makes_a_device_familiar_and_few_are() {
        let (_folder, mut store) = open();
        let person = add(&mut store, "Mme Martin", Role::Teacher, &[]);
        for (token, last) in [0x11, 0x12, 0x13, 0x14, 0x11, 0x15, 0x16].into_iter().enumerate() {
            let place = (Machine::Mac(mac(last)), Some(mac(last)));
            let token = [u8::try_from(token).unwrap(); 32];
            store.begin_session(&token, (&person, "$first$", &Second::Nothing), place, at(0)).unwrap();
        }
        let familiar = (0x11..0x18).filter(|last| store.is_familiar(person.id, Some(mac(*last))).unwrap());
        assert_eq!(familiar.collect::<Vec<_>>(), [0x11, 0x13, 0x14, 0x15, 0x16]);
        assert!(!store.is_familiar(person.id, None).unwrap());
        assert!(!store.is_familiar(PersonId::new(9), Some(mac(0x11))).unwrap());
    }

    #[test]
    fn counts_of_failures_are_few_and_made_up_names_push_out_none_that_counts() {
        let (_folder, mut store) = open();
        let watched = Tally::Pair(hash("Mme Martin"), None);
        store.keep_failures(&[(watched, failures(6))], None).unwrap();
        let number = |id| Tally::Pair(NameHash::of_number(PersonId::new(id)), None);
        let counts: Vec<_> = (1..=FAILURES_MAX + 10)
            .map(|id| (number(id), Failures { count: 1, last: Some(at(1_000 + i64::from(id))) }))
            .collect();
        store.keep_failures(&counts, None).unwrap();
        let kept: u32 =
            store.connection.query_row("SELECT count(*) FROM failure", (), |row| row.get(0)).unwrap();
        assert_eq!(kept, FAILURES_MAX);
        assert_eq!(store.failures(number(11)).unwrap().count, 0);
        assert_eq!(store.failures(watched).unwrap().count, 6);
    }
}
