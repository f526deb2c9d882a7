//! The state as another box gets it, which takes this one's place.

use std::path::Path;

use rusqlite::Connection;

use crate::migrations::{MigrateError, migrate};
use crate::{BUSY_TIMEOUT, Store, StoreError, make};

/// What another box has no use for. Sessions are with this one, as are tries that failed; what people did waits for this one's journal, and who read
/// it has read this one's. Rules stand in no journal of the other's yet: it records them before they open anything. Keys of telephones are no hashes: whoever
/// reads them computes the codes. People make their telephones known to the other box, by their secrets.
const LEAVE: &str = "DELETE FROM session;
     DELETE FROM failure;
     DELETE FROM person_act;
     DELETE FROM reading;
     DELETE FROM paper_code;
     UPDATE person SET code_key = NULL, code_step = 0 WHERE code_key IS NOT NULL;
     UPDATE override SET is_start_recorded = FALSE WHERE ended_ms IS NULL;";

/// What somebody has entered: where none of it is, the state is nobody's.
const ENTERED: &str = "SELECT EXISTS (SELECT 1 FROM device) OR EXISTS (SELECT 1 FROM override) OR EXISTS (SELECT 1 FROM person)
     OR EXISTS (SELECT 1 FROM lesson) OR EXISTS (SELECT 1 FROM lesson_plan) OR EXISTS (SELECT 1 FROM wifi_key)
     OR EXISTS (SELECT 1 FROM fixed_address) OR EXISTS (SELECT 1 FROM preparation) OR EXISTS (SELECT 1 FROM commune_policy)
     OR EXISTS (SELECT 1 FROM commune_request)";

/// What SQLite has of tables, indices, triggers and views.
const SCHEMA: &str = "SELECT type, name, tbl_name, sql FROM sqlite_schema ORDER BY type, name";

impl Store {
    /// Writes the state to `path`, where no file is, as the box needs it that takes this one's place. It is one moment's, while others write.
    ///
    /// # Errors
    /// [`StoreError`] when it cannot be written. What is at `path` then is nothing.
    pub fn write_for_successor(&self, path: &Path) -> Result<(), StoreError> {
        let text = path.to_str().ok_or_else(|| rusqlite::Error::InvalidPath(path.to_owned()))?;
        // Whatever SQLite would make of it: it has hashes of secrets.
        make(path).map_err(|_| rusqlite::Error::InvalidPath(path.to_owned()))?;
        self.connection.execute("VACUUM INTO ?1", [text])?;
        let copy = Connection::open(path)?;
        copy.busy_timeout(BUSY_TIMEOUT)?;
        copy.pragma_update(None, "journal_mode", "DELETE")?;
        copy.pragma_update(None, "foreign_keys", true)?;
        copy.pragma_update(None, "secure_delete", true)?;
        copy.execute_batch(LEAVE)?;
        Ok(copy.execute_batch("VACUUM")?)
    }

    /// Whether nobody has entered anything yet.
    ///
    /// # Errors
    /// [`StoreError`] when the file cannot be read.
    pub fn is_blank(&self) -> Result<bool, StoreError> {
        let entered: bool = self.connection.query_row(ENTERED, (), |row| row.get(0))?;
        Ok(!entered)
    }

    /// Whether the file has the tables and indices that this program makes, and nothing besides: a trigger or a view in a state that comes from
    /// elsewhere would do on this box what somebody else has thought of.
    ///
    /// # Errors
    /// [`StoreError`] when the file cannot be read.
    pub fn has_own_schema(&self) -> Result<bool, StoreError> {
        let mut own = Connection::open_in_memory()?;
        migrate(&mut own).map_err(|error| match error {
            MigrateError::Sqlite(error) => error,
            // It knows its own steps.
            MigrateError::Newer { .. } => rusqlite::Error::InvalidQuery,
        })?;
        // A number of steps that this program does not know would keep it from its own ones to come.
        let count = |connection: &Connection| -> rusqlite::Result<u32> {
            connection.pragma_query_value(None, "user_version", |row| row.get(0))
        };
        let has_own_steps = count(&self.connection)? == count(&own)?;
        Ok(has_own_steps && read_schema(&self.connection)? == read_schema(&own)?)
    }

    /// Whether all of the file is as SQLite wrote it.
    ///
    /// # Errors
    /// [`StoreError`] when the file cannot be read.
    pub fn is_whole(&self) -> Result<bool, StoreError> {
        let said: String = self.connection.query_row("PRAGMA quick_check(1)", (), |row| row.get(0))?;
        Ok(said == "ok")
    }
}

/// All that a file has beside rows, in one order.
fn read_schema(connection: &Connection) -> rusqlite::Result<Vec<[Option<String>; 4]>> {
    let mut statement = connection.prepare(SCHEMA)?;
    let rows = statement.query_map((), |row| Ok([row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?]))?;
    rows.collect()
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn count(path: &Path, table: &str) -> u32 {
        let connection = Connection::open(path).unwrap();
        connection.query_row(&format!("SELECT count(*) FROM {table}"), (), |row| row.get(0)).unwrap()
    }

    #[test]
    fn what_no_preau_has_put_into_a_state_is_found() {
        for foreign in [
            "CREATE TRIGGER later AFTER INSERT ON device BEGIN DELETE FROM override; END",
            "CREATE VIEW people AS SELECT * FROM person",
            "CREATE TABLE more (x)",
            "DROP INDEX wifi_key_owner",
            "ALTER TABLE device ADD COLUMN more TEXT",
            "PRAGMA user_version = 9999",
        ] {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("state.sqlite");
            let store = Store::open(&path).unwrap();
            assert!(store.has_own_schema().unwrap());
            store.connection.execute_batch(foreign).unwrap();
            assert!(!Store::open(&path).unwrap().has_own_schema().unwrap(), "{foreign}");
        }
    }

    #[test]
    fn what_a_successor_needs_goes_and_nothing_of_what_was_with_this_box() {
        let folder = tempfile::tempdir().unwrap();
        let (path, copy) = (folder.path().join("state.sqlite"), folder.path().join("copy"));
        let store = Store::open(&path).unwrap();
        assert!(store.is_blank().unwrap() && store.is_whole().unwrap());
        store
            .connection
            .execute_batch(
                "INSERT INTO device VALUES ('02:00:00:00:00:11', 'CM2-01', 'CM2', 'elementaire');
                 INSERT INTO person (name, name_key, role, secret, has_first_secret, made_ms)
                     VALUES ('Mme Durand', 'mme durand', 'head', 'x', 0, 1);
                 UPDATE person SET code_key = 'KEY-OF-HER-TELEPHONE', code_step = 7;
                 INSERT INTO paper_code (person, hash) VALUES (1, CAST('HASH-OF-A-CODE-ON-PAPER-32-BYTES' AS BLOB));
                 INSERT INTO wifi_key (room, passphrase, made_ms) VALUES ('CM2', 'canari-tilleul', 1);
                 INSERT INTO session VALUES (zeroblob(32), 1, 'MACHINE-OF-HERS', 1, 1);
                 INSERT INTO failure VALUES (0, 'DEVICE-THAT-FAILED', 3, 1);
                 INSERT INTO person_act (author, deed) VALUES ('Mme Durand', 'WAITING-DEED');
                 INSERT INTO reading (author, purpose, detail, with_people, opened_ms, until_ms)
                     VALUES ('Mme Durand', 'x', 'WHOM-SHE-SOUGHT', 0, 1, 2);",
            )
            .unwrap();
        let rule = "INSERT INTO override (layer, effect, topic_kind, topic, scope_kind, author, motive, made_ms, ended_ms,
                        ended_by, is_start_recorded)
                    VALUES ('school', 'permit', 'site', ?1, 'everyone', 'Mme Durand', 'x', 1, ?2, ?3, TRUE)";
        store.connection.execute(rule, ("a.example", None::<i64>, None::<&str>)).unwrap();
        store.connection.execute(rule, ("b.example", 5, "Mme Durand")).unwrap();
        assert!(!store.is_blank().unwrap());

        store.write_for_successor(&copy).unwrap();
        for (table, expected) in
            [("device", 1), ("person", 1), ("wifi_key", 1), ("override", 2), ("session", 0), ("failure", 0)]
        {
            assert_eq!(count(&copy, table), expected, "{table}");
        }
        assert_eq!((count(&copy, "person_act"), count(&copy, "reading")), (0, 0));
        assert_eq!((count(&copy, "paper_code"), count(&path, "paper_code")), (0, 1));
        let recorded = "SELECT is_start_recorded FROM override ORDER BY id";
        let connection = Connection::open(&copy).unwrap();
        let recorded: Vec<bool> = connection
            .prepare(recorded)
            .unwrap()
            .query_map((), |row| row.get(0))
            .unwrap()
            .map(Result::unwrap)
            .collect();
        assert_eq!(
            recorded,
            [false, true],
            "what is in force is recorded anew; what has ended stays recorded"
        );
        let bytes = fs::read(&copy).unwrap();
        for gone in [
            "MACHINE-OF-HERS",
            "DEVICE-THAT-FAILED",
            "WAITING-DEED",
            "WHOM-SHE-SOUGHT",
            "KEY-OF-HER-TELEPHONE",
            "HASH-OF-A-CODE-ON-PAPER-32-BYTES",
        ] {
            assert!(!bytes.windows(gone.len()).any(|part| part == gone.as_bytes()), "{gone}");
        }
        let opened = Store::open(&copy).unwrap();
        assert!(opened.is_whole().unwrap() && opened.has_own_schema().unwrap());
        drop(opened);
        assert_eq!(count(&path, "session"), 1, "this box goes on");
        // Nothing new, the same copy.
        let again = folder.path().join("again");
        store.write_for_successor(&again).unwrap();
        assert_eq!(fs::read(&again).unwrap(), bytes);
    }
}
