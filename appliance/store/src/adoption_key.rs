//! The key by which access points prove themselves, as far as the box has drawn it for its school. It goes along to a box that takes this one's place,
//! as the keys of the Wi-Fi do: the access points of the school have it.

use model::Timestamp;
use rusqlite::{OptionalExtension as _, params};

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
