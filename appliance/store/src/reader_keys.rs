//! The public keys to which days are sealed, as far as they were made on the pages. The secret ones are on paper, and nowhere here.

use model::{Mac, PersonAct, PersonDeed, PersonName, ReaderRole, Sought, Timestamp};
use rusqlite::{OptionalExtension as _, Row, params};

use crate::columns::parse;
use crate::people::PersonError;
use crate::person_acts::keep_act;
use crate::{Store, StoreError};

/// Most of them: with those of the configuration, fewer than the log of seals takes.
pub const READER_KEYS_MAX: u32 = 16;

/// A key that somebody made on the pages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PageKey {
    /// What days are encrypted to, as age writes it: `age1...`. Whoever keeps it has read it as one.
    pub public: String,
    /// Whose it is.
    pub role: ReaderRole,
    /// By whom it was made.
    pub by: PersonName,
    /// When.
    pub at: Timestamp,
}

impl Store {
    /// All of them, in the order in which they were made.
    ///
    /// # Errors
    /// [`StoreError`] when the file cannot be read.
    pub fn reader_keys(&self) -> Result<Vec<PageKey>, StoreError> {
        let mut query = self
            .connection
            .prepare_cached("SELECT public, role, by, made_ms FROM reader_key ORDER BY made_ms, public")?;
        let keys = query.query_map((), read_key)?.collect::<Result<_, _>>()?;
        Ok(keys)
    }

    /// Has days be sealed to one more key.
    ///
    /// # Errors
    /// [`PersonError::TooMany`], [`PersonError::Unrecorded`]; [`PersonError::Store`] also where it is here already.
    pub fn add_reader_key(&mut self, key: &PageKey, device: Option<Mac>) -> Result<(), PersonError> {
        self.change(|transaction| {
            let count: u32 =
                transaction.query_row("SELECT count(*) FROM reader_key", (), |row| row.get(0))?;
            if count >= READER_KEYS_MAX {
                return Err(PersonError::TooMany);
            }
            transaction.execute(
                "INSERT INTO reader_key (public, role, by, made_ms) VALUES (?1, ?2, ?3, ?4)",
                params![key.public, key.role.as_str(), key.by.as_str(), key.at.unix_ms()],
            )?;
            let deed = PersonDeed::AddReader { words: describe(key.role, &key.public) };
            keep_act(transaction, &PersonAct { author: key.by.clone(), device, deed })
        })
    }

    /// Has days be sealed to a key no more. What is sealed to it stays so.
    ///
    /// # Errors
    /// [`PersonError::Unknown`], [`PersonError::Unrecorded`].
    pub fn remove_reader_key(
        &mut self,
        public: &str,
        (author, device): (&PersonName, Option<Mac>),
    ) -> Result<(), PersonError> {
        self.change(|transaction| {
            let sql = "DELETE FROM reader_key WHERE public = ?1 RETURNING public, role, by, made_ms";
            let gone = transaction.query_row(sql, [public], read_key).optional()?;
            let PageKey { role, public, .. } = gone.ok_or(PersonError::Unknown)?;
            let deed = PersonDeed::RemoveReader { words: describe(role, &public) };
            keep_act(transaction, &PersonAct { author: author.clone(), device, deed })
        })
    }
}

fn describe(role: ReaderRole, public: &str) -> Sought {
    Sought::new(&format!("{role}: {public}"))
}

fn read_key(row: &Row<'_>) -> rusqlite::Result<PageKey> {
    let text = |column: usize| row.get::<_, String>(column);
    Ok(PageKey {
        public: text(0)?,
        role: parse(1, &text(1)?)?,
        by: parse(2, &text(2)?)?,
        at: Timestamp::from_unix_ms(row.get(3)?),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::people::tests::{at, open};

    fn key(number: u32, role: ReaderRole) -> PageKey {
        let by = "Mme Durand".parse().unwrap();
        PageKey { public: format!("age1key{number:02}"), role, by, at: at(i64::from(number)) }
    }

    #[test]
    fn a_key_is_kept_until_somebody_takes_it_away_and_both_are_told() {
        let (folder, mut store) = open();
        let (head, safe) = (key(1, ReaderRole::Head), key(2, ReaderRole::Recovery));
        store.add_reader_key(&head, None).unwrap();
        store.add_reader_key(&safe, None).unwrap();
        assert!(store.add_reader_key(&head, None).is_err(), "it is here already");
        assert_eq!(store.reader_keys().unwrap(), [head.clone(), safe.clone()]);
        // A box that takes this one's place seals to the same.
        let copy = folder.path().join("copy");
        store.write_for_successor(&copy).unwrap();
        assert_eq!(Store::open(&copy).unwrap().reader_keys().unwrap(), [head.clone(), safe.clone()]);
        let by = "M. Petit".parse().unwrap();
        store.remove_reader_key(&head.public, (&by, None)).unwrap();
        let unknown = store.remove_reader_key(&head.public, (&by, None));
        assert!(matches!(unknown, Err(PersonError::Unknown)));
        assert_eq!(store.reader_keys().unwrap(), [safe]);
        let acts = store.waiting_person_acts(9).unwrap();
        let told: Vec<_> =
            acts.iter().map(|waiting| (waiting.act.author.as_str(), &waiting.act.deed)).collect();
        let add = |words: &str| PersonDeed::AddReader { words: Sought::new(words) };
        let remove = PersonDeed::RemoveReader { words: Sought::new("head: age1key01") };
        let expected = [add("head: age1key01"), add("recovery: age1key02"), remove];
        let authors = ["Mme Durand", "Mme Durand", "M. Petit"];
        assert_eq!(told, authors.into_iter().zip(&expected).collect::<Vec<_>>());
    }

    #[test]
    fn a_school_has_so_many() {
        let (_folder, mut store) = open();
        for number in 0..READER_KEYS_MAX {
            store.add_reader_key(&key(number, ReaderRole::Head), None).unwrap();
        }
        let more = store.add_reader_key(&key(99, ReaderRole::Officer), None);
        assert!(matches!(more, Err(PersonError::TooMany)));
    }
}
