//! The box's intended state, in one SQLite file.
//!
//! Portal, hub and command line change the intent here, each change in one transaction that also moves the
//! [`Generation`]; reconcilers watch the generation and read the whole intent again when it has moved.
//!
//! Invariant: the only room with SQL for the box's state.

mod adopted_points;
mod adoption_key;
mod columns;
mod commune;
mod configurations;
mod counts;
mod devices;
mod failures;
mod fixed_addresses;
mod forgetting;
mod lessons;
mod letters;
mod library;
mod migrations;
mod overrides;
mod people;
mod person_acts;
mod plans;
mod preparations;
mod reader_keys;
mod readings;
mod releases;
mod reports;
mod requests;
mod sessions;
mod succession;
mod telephones;
mod wifi_keys;

use std::fs::{self, OpenOptions, Permissions};
use std::io;
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, Transaction, TransactionBehavior};

use migrations::migrate;

pub use adopted_points::{ADOPTED_POINTS_MAX, AdoptedPoint, FormerKey};
pub use commune::{CommuneDocument, CommuneError};
pub use devices::{AddDeviceError, Added};
pub use failures::{NameHash, Tally};
pub use fixed_addresses::FixAddressError;
pub use lessons::{LESSONS_MAX, LessonChange, LessonError, WifiUse};
pub use letters::{COMMUNE_REQUESTS_MAX, COMMUNE_REQUESTS_OF_ONE_MAX, CommuneAskError};
pub use migrations::MigrateError;
pub use overrides::{AddOverrideError, EndOverrideError, OVERRIDES_MAX};
pub use people::{NewPerson, PEOPLE_MAX, PersonError};
pub use person_acts::{PERSON_ACTS_MAX, WaitingAct};
pub use plans::PLANS_MAX;
pub use preparations::{PREPARATIONS_MAX, PREPARATIONS_OF_ONE_MAX, PrepareError};
pub use reader_keys::{PageKey, READER_KEYS_MAX};
pub use readings::{Look, OPEN_READINGS_MAX, PageOfReadings, READINGS_MAX, Reader};
pub use reports::REPORTS_OF_ONE_MAX;
pub use requests::{AnswerError, AskError, NewRequest};
pub use sessions::Session;
pub use telephones::{NewTelephone, Second, Telephone};
pub use wifi_keys::{KeyOwner, WIFI_KEYS_MAX, WifiKey, WifiKeyError};

/// How long a writer waits for another process's transaction: a command line and the box share the file.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// Most pages of the write-ahead log before it is taken over into the file, ...
const WAL_PAGES_MAX: u32 = 64;
/// ... and most bytes that it is left with then: what stands there outlives what is deleted.
const WAL_BYTES_MAX: u32 = 0;

/// Who may read the file: it has hashes of secrets, and a PIN is found from its hash in some hours.
const MODE: u32 = 0o600;
/// What SQLite adds to the name for its own files beside it. They are made with the mode of the file.
const COMPANIONS: [&str; 2] = ["-wal", "-shm"];

/// The state file. One connection, one thread at a time.
pub struct Store {
    connection: Connection,
}

/// A state of the intent. Every change moves it; two equal generations of one file are the same intent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Generation(i64);

impl Store {
    /// Opens the state file, makes it when it is not there, and brings its schema up to date.
    ///
    /// # Errors
    /// [`OpenError`] when it cannot be opened, is no state file, or was written by a newer version and is too new for this one.
    pub fn open(path: &Path) -> Result<Self, OpenError> {
        let fail = |source| OpenError::Sqlite { path: path.to_owned(), source };
        make(path).map_err(|source| OpenError::Private { path: path.to_owned(), source })?;
        let mut connection = Connection::open(path).map_err(fail)?;
        connection.busy_timeout(BUSY_TIMEOUT).map_err(fail)?;
        // Write-ahead log: readers are never blocked. Full sync: what a command acknowledged survives a power cut.
        connection.pragma_update(None, "journal_mode", "WAL").map_err(fail)?;
        connection.pragma_update(None, "synchronous", "FULL").map_err(fail)?;
        connection.pragma_update(None, "foreign_keys", true).map_err(fail)?;
        // Who looked for what, and what pupils asked for, is gone once it is deleted: from the pages and from the log.
        connection.pragma_update(None, "secure_delete", true).map_err(fail)?;
        connection.pragma_update(None, "journal_size_limit", WAL_BYTES_MAX).map_err(fail)?;
        connection.pragma_update(None, "wal_autocheckpoint", WAL_PAGES_MAX).map_err(fail)?;
        migrate(&mut connection).map_err(|source| OpenError::Schema { path: path.to_owned(), source })?;
        // It is a state file: whatever it was before, it is private from now on.
        tighten(path).map_err(|source| OpenError::Private { path: path.to_owned(), source })?;
        Ok(Self { connection })
    }

    /// The current state of the intent.
    ///
    /// # Errors
    /// [`StoreError`] when the file cannot be read.
    pub fn generation(&self) -> Result<Generation, StoreError> {
        let generation = self.connection.query_row("SELECT generation FROM intent", (), |row| row.get(0))?;
        Ok(Generation(generation))
    }

    /// Takes the write-ahead log over into the file, and leaves nothing of it: what was deleted stands there still.
    ///
    /// # Errors
    /// [`StoreError`] when the file cannot be written. Where somebody reads it at that moment, something is left until the next
    /// time.
    pub fn settle(&mut self) -> Result<(), StoreError> {
        Ok(self.connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", (), |_| Ok(()))?)
    }

    /// Runs one change of what is no part of the intent: all of it or nothing.
    fn write<T, E: From<rusqlite::Error>>(
        &mut self,
        work: impl FnOnce(&Transaction<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let outcome = work(&transaction)?;
        transaction.commit()?;
        Ok(outcome)
    }

    /// Runs one change of the intent: all of it or nothing, and a new generation.
    fn change<T, E: From<rusqlite::Error>>(
        &mut self,
        work: impl FnOnce(&Transaction<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let outcome = work(&transaction)?;
        transaction.execute("UPDATE intent SET generation = generation + 1", ())?;
        transaction.commit()?;
        Ok(outcome)
    }
}

/// Makes the file, when it is not there: SQLite would have everybody read it.
fn make(path: &Path) -> io::Result<()> {
    match OpenOptions::new().write(true).create_new(true).mode(MODE).open(path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        Ok(_) | Err(_) => Ok(()),
    }
}

fn tighten(path: &Path) -> io::Result<()> {
    let companions = COMPANIONS.iter().map(|end| {
        let mut name = path.as_os_str().to_owned();
        name.push(end);
        PathBuf::from(name)
    });
    for file in std::iter::once(path.to_owned()).chain(companions) {
        match fs::metadata(&file) {
            Ok(metadata) if metadata.permissions().mode() & 0o777 & !MODE != 0 => {
                fs::set_permissions(&file, Permissions::from_mode(MODE))?;
            }
            // One of SQLite's own comes and goes with the connections.
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            Ok(_) | Err(_) => {}
        }
    }
    Ok(())
}

/// Why a state file cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// SQLite cannot open it.
    #[error("cannot open the state file {}", path.display())]
    Sqlite {
        /// The state file.
        path: PathBuf,
        /// What SQLite says.
        source: rusqlite::Error,
    },
    /// It cannot be made, or not be kept from others.
    #[error("cannot make the state file {} or keep others from reading it", path.display())]
    Private {
        /// The state file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// Its schema is newer than this program, or could not be brought up to date.
    #[error("the state file {} does not fit this version of preau", path.display())]
    Schema {
        /// The state file.
        path: PathBuf,
        /// What stands against it.
        source: MigrateError,
    },
}

/// The state file could not be read or written.
#[derive(Debug, thiserror::Error)]
#[error("the state file cannot be used")]
pub struct StoreError(#[from] rusqlite::Error);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_file_is_whole_and_opens_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state.sqlite");
        let first = Store::open(&path).unwrap().generation().unwrap();
        let store = Store::open(&path).unwrap();
        assert_eq!(store.generation().unwrap(), first);
    }

    fn modes(folder: &Path) -> Vec<(String, u32)> {
        let entries = fs::read_dir(folder).unwrap().map(Result::unwrap);
        let mut modes: Vec<_> = entries
            .map(|it| {
                let mode = it.metadata().unwrap().permissions().mode() & 0o777;
                (it.file_name().into_string().unwrap(), mode)
            })
            .collect();
        modes.sort_unstable();
        modes
    }

    #[test]
    fn nobody_else_reads_it() {
        let expected = ["state.sqlite", "state.sqlite-shm", "state.sqlite-wal"];
        let expected = expected.map(|name| (name.to_owned(), 0o600));
        let folder = tempfile::tempdir().unwrap();
        fs::set_permissions(folder.path(), Permissions::from_mode(0o755)).unwrap();
        let path = folder.path().join("state.sqlite");
        let store = Store::open(&path).unwrap();
        assert_eq!(modes(folder.path()), expected);
        // As an earlier version left them.
        for (name, _) in &expected {
            fs::set_permissions(folder.path().join(name), Permissions::from_mode(0o644)).unwrap();
        }
        let _second = Store::open(&path).unwrap();
        assert_eq!(modes(folder.path()), expected);
        drop(store);
    }

    #[test]
    fn a_file_of_a_newer_version_is_refused_where_this_one_cannot_work_with_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state.sqlite");
        let store = Store::open(&path).unwrap();
        store.connection.pragma_update(None, "user_version", 9_999).unwrap();
        assert!(Store::open(&path).is_ok(), "it has only more than this one knows");
        store.connection.execute("UPDATE schema_floor SET works_from = 9998", ()).unwrap();
        assert!(matches!(Store::open(&path), Err(OpenError::Schema { .. })));
    }

    #[test]
    fn another_kind_of_file_is_refused_and_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state.sqlite");
        fs::write(&path, "not a database, but somebody's letter".repeat(50)).unwrap();
        let before = fs::read(&path).unwrap();
        assert!(matches!(Store::open(&path), Err(OpenError::Sqlite { .. })));
        assert_eq!(fs::read(&path).unwrap(), before);
    }
}
