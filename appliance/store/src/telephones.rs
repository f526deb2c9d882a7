//! What somebody shows beside her secret: a code of her telephone's, or one on paper.

use model::{Mac, Person, PersonAct, PersonDeed, PersonId, PersonName};
use rusqlite::{OptionalExtension, Row, Transaction, params};

use crate::people::{PersonError, check_credential, find};
use crate::person_acts::keep_act;
use crate::{Store, StoreError};

/// A telephone that shows codes.
#[derive(Clone, PartialEq, Eq)]
pub struct Telephone {
    /// The letters of its key. Whoever has them computes the codes.
    pub key: String,
    /// The half minute of the last code that counted.
    pub step: i64,
    /// How many codes on paper are left.
    pub papers: u32,
}

/// A telephone that is to be made known.
#[derive(Clone, Copy)]
pub struct NewTelephone<'a> {
    /// The letters of its key.
    pub key: &'a str,
    /// The half minute of the code by which it was shown to be there: that one counts no more.
    pub step: i64,
    /// The hashes of the codes on paper that go with it.
    pub papers: &'a [[u8; 32]],
}

/// What somebody showed beside her secret.
#[derive(Clone, PartialEq, Eq)]
pub enum Second {
    /// Nothing: she has no telephone.
    Nothing,
    /// A code of the telephone with this key.
    Step {
        /// Its key.
        key: String,
        /// The half minute of the last code that had counted when it was judged.
        last: i64,
        /// Its own half minute.
        step: i64,
    },
    /// A code on paper, by its hash.
    Paper([u8; 32]),
    /// A session of hers, in whose place another one begins.
    Session,
}

impl Store {
    /// Somebody's telephone; `None` where she has none.
    ///
    /// # Errors
    /// [`StoreError`] when the file cannot be read.
    pub fn find_telephone(&self, id: PersonId) -> Result<Option<Telephone>, StoreError> {
        let mut query = self.connection.prepare_cached(
            "SELECT code_key, code_step, (SELECT count(*) FROM paper_code WHERE person = id) FROM person
             WHERE id = ?1 AND code_key IS NOT NULL",
        )?;
        let read = |row: &Row<'_>| Ok(Telephone { key: row.get(0)?, step: row.get(1)?, papers: row.get(2)? });
        Ok(query.query_row([id.number()], read).optional()?)
    }

    /// Whether a code on paper is hers, and was not used.
    ///
    /// # Errors
    /// [`StoreError`] when the file cannot be read.
    pub fn has_paper_code(&self, id: PersonId, hash: &[u8; 32]) -> Result<bool, StoreError> {
        let mut query = self
            .connection
            .prepare_cached("SELECT EXISTS (SELECT 1 FROM paper_code WHERE person = ?1 AND hash = ?2)")?;
        Ok(query.query_row(params![id.number(), hash], |row| row.get(0))?)
    }

    /// Makes a telephone known, in place of the one before, a code of which was shown (`second`). All her sessions end, those that
    /// somebody began by her secret alone among them. `secret` is the PHC string that she has now.
    ///
    /// # Errors
    /// [`PersonError::Replaced`], [`PersonError::Unrecorded`].
    pub fn keep_telephone(
        &mut self,
        (person, secret): (&Person, &str),
        new: NewTelephone<'_>,
        second: &Second,
        device: Option<Mac>,
    ) -> Result<(), PersonError> {
        let id = person.id.number();
        self.write(|transaction| {
            check_credential(transaction, person.id, secret)?;
            spend(transaction, person.id, second)?;
            transaction.execute(
                "UPDATE person SET code_key = ?2, code_step = ?3 WHERE id = ?1",
                params![id, new.key, new.step],
            )?;
            transaction.execute("DELETE FROM paper_code WHERE person = ?1", [id])?;
            for hash in new.papers {
                transaction
                    .execute("INSERT INTO paper_code (person, hash) VALUES (?1, ?2)", params![id, hash])?;
            }
            transaction.execute("DELETE FROM session WHERE person = ?1", [id])?;
            let author = person.name.clone();
            keep_act(transaction, &PersonAct { author, device, deed: PersonDeed::AddTelephone })
        })
    }

    /// Somebody's telephone and her codes on paper count no more, and her sessions end: she signs in by her secret alone, and makes
    /// another telephone known.
    ///
    /// # Errors
    /// [`PersonError::Unknown`] also where she has none, [`PersonError::Unrecorded`].
    pub fn remove_telephone(
        &mut self,
        id: PersonId,
        (author, device): (&PersonName, Option<Mac>),
    ) -> Result<Person, PersonError> {
        self.write(|transaction| {
            let changed = transaction.execute(
                "UPDATE person SET code_key = NULL, code_step = 0 WHERE id = ?1 AND code_key IS NOT NULL",
                [id.number()],
            )?;
            if changed == 0 {
                return Err(PersonError::Unknown);
            }
            transaction.execute("DELETE FROM paper_code WHERE person = ?1", [id.number()])?;
            transaction.execute("DELETE FROM session WHERE person = ?1", [id.number()])?;
            let person = find(transaction, id)?;
            let deed = PersonDeed::RemoveTelephone { name: person.name.clone() };
            keep_act(transaction, &PersonAct { author: author.clone(), device, deed })?;
            Ok(person)
        })
    }
}

/// Has what was shown count no more. Whoever shows nothing has no telephone; of two who show the same code, one is right.
pub(crate) fn spend(transaction: &Transaction<'_>, id: PersonId, second: &Second) -> Result<(), PersonError> {
    let counts = match second {
        Second::Session => true,
        Second::Nothing => transaction.query_row(
            "SELECT EXISTS (SELECT 1 FROM person WHERE id = ?1 AND code_key IS NULL)",
            [id.number()],
            |row| row.get(0),
        )?,
        Second::Step { key, last, step } => {
            let changed = transaction.execute(
                "UPDATE person SET code_step = ?4 WHERE id = ?1 AND code_key = ?2 AND code_step = ?3",
                params![id.number(), key, last, step],
            )?;
            changed == 1
        }
        Second::Paper(hash) => {
            let changed = transaction.execute(
                "DELETE FROM paper_code WHERE person = ?1 AND hash = ?2",
                params![id.number(), hash],
            )?;
            changed == 1
        }
    };
    if counts { Ok(()) } else { Err(PersonError::Replaced) }
}

#[cfg(test)]
mod tests {
    use model::{Machine, Role};

    use super::*;
    use crate::people::tests::{add, at, open};

    const KEY: &str = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";

    fn keep(store: &mut Store, person: &Person, second: &Second) -> Result<(), PersonError> {
        let new = NewTelephone { key: KEY, step: 7, papers: &[[1; 32], [2; 32]] };
        store.keep_telephone((person, "$first$"), new, second, None)
    }

    fn begin(store: &mut Store, person: &Person, token: u8, second: &Second) -> Result<(), PersonError> {
        let place = (Machine::Mac(Mac::new([2, 0, 0, 0, 0, 1])), None);
        store.begin_session(&[token; 32], (person, "$first$", second), place, at(0))
    }

    fn code(last: i64, step: i64) -> Second {
        Second::Step { key: KEY.to_owned(), last, step }
    }

    fn deeds(store: &Store) -> Vec<String> {
        let acts = store.waiting_person_acts(99).unwrap();
        acts.iter().map(|waiting| waiting.act.deed.as_str().to_owned()).collect()
    }

    #[test]
    fn what_was_shown_counts_once() {
        let (_folder, mut store) = open();
        let person = add(&mut store, "M. Petit", Role::Technician, &[]);
        begin(&mut store, &person, 1, &Second::Nothing).unwrap();
        keep(&mut store, &person, &Second::Nothing).unwrap();
        assert_eq!(store.find_session(&[1; 32]).unwrap(), None, "begun by the secret alone");
        let telephone =
            |store: &Store| store.find_telephone(person.id).unwrap().map(|it| (it.step, it.papers));
        assert_eq!(telephone(&store), Some((7, 2)));
        let is_wrong = |outcome| assert!(matches!(outcome, Err(PersonError::Replaced)));
        is_wrong(begin(&mut store, &person, 2, &Second::Nothing));
        begin(&mut store, &person, 2, &code(7, 8)).unwrap();
        is_wrong(begin(&mut store, &person, 3, &code(7, 8)));
        is_wrong(begin(&mut store, &person, 3, &Second::Step { key: "x".to_owned(), last: 8, step: 9 }));
        assert!(store.has_paper_code(person.id, &[1; 32]).unwrap());
        begin(&mut store, &person, 3, &Second::Paper([1; 32])).unwrap();
        is_wrong(begin(&mut store, &person, 4, &Second::Paper([1; 32])));
        assert!(!store.has_paper_code(person.id, &[1; 32]).unwrap());
        assert_eq!(telephone(&store), Some((8, 1)));
        assert!(store.find_session(&[3; 32]).unwrap().unwrap().person.has_telephone);
        let expected = ["add-person", "sign-in", "add-telephone", "sign-in", "sign-in-by-paper"];
        assert_eq!(deeds(&store), expected);
    }

    #[test]
    fn another_telephone_takes_its_place_with_a_code_and_is_removed_by_somebody() {
        let (_folder, mut store) = open();
        let person = add(&mut store, "M. Petit", Role::Technician, &[]);
        let by: PersonName = "Mme Petit".parse().unwrap();
        let none = store.remove_telephone(person.id, (&by, None)).unwrap_err();
        assert!(matches!(none, PersonError::Unknown));
        keep(&mut store, &person, &Second::Nothing).unwrap();
        assert!(matches!(keep(&mut store, &person, &Second::Nothing), Err(PersonError::Replaced)));
        keep(&mut store, &person, &Second::Paper([1; 32])).unwrap();
        assert_eq!(store.find_telephone(person.id).unwrap().unwrap().papers, 2, "new ones");
        begin(&mut store, &person, 1, &code(7, 8)).unwrap();
        store.reset_person(person.id, "$first$", at(1), (&by, None)).unwrap();
        assert!(store.find_telephone(person.id).unwrap().is_some(), "a card is no telephone");
        assert!(!store.remove_telephone(person.id, (&by, None)).unwrap().has_telephone);
        assert!(!store.has_paper_code(person.id, &[1; 32]).unwrap());
        begin(&mut store, &person, 2, &Second::Nothing).unwrap();
        assert_eq!(deeds(&store).iter().filter(|deed| *deed == "remove-telephone").count(), 1);
    }
}
