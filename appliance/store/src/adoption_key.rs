//! The key by which access points prove themselves, as far as the box has drawn it for its school. It goes along to a box that takes this one's place,
//! as the keys of the Wi-Fi do: the access points of the school have it.

use model::{Alteration, Mac, PersonAct, PersonDeed, PersonName, Sought, Timestamp};
use rusqlite::{OptionalExtension as _, params};

use crate::people::PersonError;
use crate::person_acts::keep_act;
use crate::{Store, StoreError};

impl Store {
    /// The key, in hexadecimal digits; `None` where none was drawn. Not for any log.
    ///
    /// # Errors
    /// [`StoreError`] when the file cannot be read.
    pub fn adoption_key(&self) -> Result<Option<String>, StoreError> {
        let mut query = self.connection.prepare_cached("SELECT key FROM adoption_key WHERE id = 1")?;
        Ok(query.query_row((), |row| row.get(0)).optional()?)
    }

    /// Keeps a key that was drawn, where there is none. Returns the one that counts.
    ///
    /// # Errors
    /// [`StoreError`] when the file cannot be written.
    pub fn keep_adoption_key(&mut self, drawn: &str, at: Timestamp) -> Result<String, StoreError> {
        self.connection.execute(
            "INSERT INTO adoption_key (id, key, drawn_ms) VALUES (1, ?1, ?2) ON CONFLICT (id) DO NOTHING",
            params![drawn, at.unix_ms()],
        )?;
        Ok(self.adoption_key()?.unwrap_or_else(|| drawn.to_owned()))
    }

    /// Another key counts from now on. Access points that are adopted keep the one that they were prepared with, until they are adopted anew. The
    /// journal has who wanted it, not the key.
    ///
    /// # Errors
    /// [`PersonError::Unknown`] where none was drawn, [`PersonError::Unrecorded`].
    pub fn renew_adoption_key(
        &mut self,
        drawn: &str,
        at: Timestamp,
        (author, on): (&PersonName, Option<Mac>),
    ) -> Result<(), PersonError> {
        self.change(|transaction| {
            let kept = transaction.execute(
                "UPDATE adopted_point SET former_key = (SELECT key FROM adoption_key WHERE id = 1)
                 WHERE former_key IS NULL",
                (),
            )?;
            let renewed = transaction.execute(
                "UPDATE adoption_key SET key = ?1, drawn_ms = ?2 WHERE id = 1",
                params![drawn, at.unix_ms()],
            )?;
            if renewed == 0 {
                return Err(PersonError::Unknown);
            }
            let words = Sought::new(&format!("access points that have the one before: {kept}"));
            let deed = PersonDeed::Alter { what: Alteration::RenewAdoptionKey, words };
            keep_act(transaction, &PersonAct { author: author.clone(), device: on, deed })
        })
    }
}

#[cfg(test)]
mod tests {
    use crate::people::tests::{at, open};

    #[test]
    fn the_first_key_stays_and_makes_no_box_somebodys() {
        let (_folder, mut store) = open();
        assert_eq!(store.adoption_key().unwrap(), None);
        assert_eq!(store.keep_adoption_key("a1", at(1)).unwrap(), "a1");
        assert_eq!(store.keep_adoption_key("b2", at(2)).unwrap(), "a1");
        assert_eq!(store.adoption_key().unwrap().as_deref(), Some("a1"));
        assert!(store.is_blank().unwrap(), "a fresh box draws one, and stays fresh");
    }
}
