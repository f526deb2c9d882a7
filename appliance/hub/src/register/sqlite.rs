//! The register in one SQLite file: nothing to install, and enough for a commune.

use std::fs::OpenOptions;
use std::io;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{Connection, ToSql, Transaction, TransactionBehavior, params_from_iter};

use super::RegisterError;
use super::sql::{Database, Row, Sql, Value};

/// Whoever reads the file can enrol by a code that is not used yet.
const MODE: u32 = 0o600;
/// How long a writer waits for another process: the command line and the hub share the file.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// What makes the schema, step by step; never changed, only added to.
pub(super) const STEPS: &[&str] = &[
    "CREATE TABLE school (uai TEXT PRIMARY KEY, name TEXT NOT NULL, rooms TEXT NOT NULL) STRICT;
     CREATE TABLE code (
       number TEXT PRIMARY KEY, code TEXT, uai TEXT NOT NULL REFERENCES school, is_replacement INTEGER NOT NULL,
       until_ms INTEGER NOT NULL, tries_left INTEGER NOT NULL) STRICT;
     CREATE TABLE box (
       id INTEGER PRIMARY KEY AUTOINCREMENT, uai TEXT NOT NULL REFERENCES school, log_key TEXT NOT NULL,
       version TEXT NOT NULL, enrolled_ms INTEGER NOT NULL, revoked_ms INTEGER, seen_ms INTEGER, health TEXT) STRICT;
     CREATE TABLE certificate (
       fingerprint BLOB PRIMARY KEY, box INTEGER NOT NULL REFERENCES box, until_ms INTEGER NOT NULL) STRICT;
     CREATE TABLE signed (
       box INTEGER NOT NULL REFERENCES box, size INTEGER NOT NULL, note TEXT NOT NULL, at_ms INTEGER NOT NULL,
       PRIMARY KEY (box, size)) STRICT;
     CREATE TABLE file (
       box INTEGER NOT NULL REFERENCES box, hash TEXT NOT NULL, name TEXT NOT NULL, bytes INTEGER NOT NULL,
       until_ms INTEGER NOT NULL, PRIMARY KEY (box, hash)) STRICT;
     CREATE TABLE policy (id INTEGER PRIMARY KEY CHECK (id = 1), serial INTEGER NOT NULL, note TEXT NOT NULL) STRICT;",
    // Of two certificates that are good for as long, the later one has the higher turn. Enrolments under way are anybody's who answers for the
    // hub; an empty text is no answer yet.
    "ALTER TABLE certificate ADD COLUMN turn INTEGER NOT NULL DEFAULT 0;
     UPDATE certificate SET turn = rowid;
     ALTER TABLE box ADD COLUMN is_replacement INTEGER NOT NULL DEFAULT 0;
     CREATE TABLE snapshot (
       turn INTEGER PRIMARY KEY AUTOINCREMENT, box INTEGER NOT NULL REFERENCES box, hash TEXT NOT NULL, bytes INTEGER NOT NULL,
       at_ms INTEGER NOT NULL, UNIQUE (box, hash)) STRICT;
     CREATE TABLE exchange (
       turn INTEGER PRIMARY KEY AUTOINCREMENT, session BLOB NOT NULL UNIQUE, number TEXT NOT NULL, keys BLOB NOT NULL,
       begun_ms INTEGER NOT NULL, asked TEXT NOT NULL, answer TEXT NOT NULL) STRICT;",
    "CREATE TABLE member (
       id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL, name_key TEXT NOT NULL UNIQUE, duties TEXT NOT NULL,
       secret TEXT NOT NULL, has_first_secret INTEGER NOT NULL, code_key TEXT, step INTEGER NOT NULL,
       disabled_ms INTEGER) STRICT;
     CREATE TABLE paper (member INTEGER NOT NULL REFERENCES member, hash BLOB NOT NULL, PRIMARY KEY (member, hash)) STRICT;
     CREATE TABLE session (
       token BLOB PRIMARY KEY, member INTEGER NOT NULL REFERENCES member, network TEXT NOT NULL,
       began_ms INTEGER NOT NULL, used_ms INTEGER NOT NULL) STRICT;
     CREATE TABLE known (
       name_key TEXT NOT NULL, network TEXT NOT NULL, at_ms INTEGER NOT NULL, PRIMARY KEY (name_key, network)) STRICT;
     CREATE TABLE failure (name TEXT PRIMARY KEY, count INTEGER NOT NULL, last_ms INTEGER NOT NULL) STRICT;
     CREATE TABLE act (
       id INTEGER PRIMARY KEY AUTOINCREMENT, at_ms INTEGER NOT NULL, author TEXT NOT NULL, network TEXT NOT NULL,
       deed TEXT NOT NULL, about TEXT NOT NULL) STRICT;
     CREATE TRIGGER act_is_not_changed BEFORE UPDATE ON act
       BEGIN SELECT raise(ABORT, 'acts are not changed'); END;
     CREATE TRIGGER act_is_not_removed BEFORE DELETE ON act
       BEGIN SELECT raise(ABORT, 'acts are not removed'); END;",
    "CREATE TABLE report (
       box INTEGER NOT NULL REFERENCES box, day INTEGER NOT NULL, at_ms INTEGER NOT NULL, health TEXT NOT NULL,
       PRIMARY KEY (box, day)) STRICT;
     CREATE TABLE standing (
       uai TEXT PRIMARY KEY REFERENCES school, level TEXT NOT NULL, since_ms INTEGER NOT NULL,
       is_told INTEGER NOT NULL) STRICT;
     CREATE TABLE alert (
       id INTEGER PRIMARY KEY AUTOINCREMENT, channel TEXT NOT NULL, uai TEXT NOT NULL, subject TEXT NOT NULL,
       body TEXT NOT NULL, made_ms INTEGER NOT NULL, next_ms INTEGER NOT NULL, tries INTEGER NOT NULL,
       ended_ms INTEGER, is_sent INTEGER NOT NULL) STRICT;
     CREATE INDEX alert_due ON alert (ended_ms, next_ms);",
    // The end that was said first of a file stays beside the one that counts.
    "ALTER TABLE file ADD COLUMN first_ms INTEGER NOT NULL DEFAULT 0;
     UPDATE file SET first_ms = until_ms;",
    // Which state a box that enrols takes over, by its hash; an empty text is the newest.
    "ALTER TABLE code ADD COLUMN state TEXT NOT NULL DEFAULT '';
     ALTER TABLE box ADD COLUMN state TEXT NOT NULL DEFAULT '';",
    // What schools ask of the commune, and what it says to each: whoever has changed that gives it another number. An empty answer is none yet, an end of 0
    // none at all; an empty school is all of them.
    "CREATE TABLE sheet (uai TEXT PRIMARY KEY, serial INTEGER NOT NULL) STRICT;
     CREATE TABLE wish (
       id INTEGER PRIMARY KEY AUTOINCREMENT, uai TEXT NOT NULL REFERENCES school, site TEXT NOT NULL, wants TEXT NOT NULL,
       author TEXT NOT NULL, reason TEXT NOT NULL, is_urgent INTEGER NOT NULL, asked_ms INTEGER NOT NULL, came_ms INTEGER NOT NULL,
       answer TEXT NOT NULL, answer_author TEXT NOT NULL, answer_reason TEXT NOT NULL, answered_ms INTEGER NOT NULL,
       UNIQUE (uai, site, asked_ms)) STRICT;
     CREATE TABLE school_rule (
       uai TEXT NOT NULL REFERENCES school, site TEXT NOT NULL, verdict TEXT NOT NULL, author TEXT NOT NULL, reason TEXT NOT NULL,
       until_ms INTEGER NOT NULL, made_ms INTEGER NOT NULL, PRIMARY KEY (uai, site)) STRICT;
     CREATE TABLE content (
       id INTEGER PRIMARY KEY AUTOINCREMENT, uai TEXT NOT NULL, url TEXT NOT NULL, title TEXT NOT NULL, until_ms INTEGER NOT NULL,
       author TEXT NOT NULL, UNIQUE (uai, url)) STRICT;
     CREATE TABLE notice (
       id INTEGER PRIMARY KEY AUTOINCREMENT, made_ms INTEGER NOT NULL, author TEXT NOT NULL, text TEXT NOT NULL) STRICT;",
    // The secret of a code that was used, and by which box with which key: it may not have heard the answer.
    "ALTER TABLE code ADD COLUMN spent TEXT NOT NULL DEFAULT '';
     ALTER TABLE code ADD COLUMN box INTEGER NOT NULL DEFAULT 0;
     ALTER TABLE code ADD COLUMN public_key TEXT NOT NULL DEFAULT '';",
    // Names that the commune owns, and what boxes have had certified for them. An empty chain is none yet.
    "CREATE TABLE web_name (name TEXT PRIMARY KEY, uai TEXT NOT NULL REFERENCES school) STRICT;
     CREATE TABLE web_order (
       uai TEXT PRIMARY KEY REFERENCES school, public_key BLOB NOT NULL, request BLOB NOT NULL, asked_ms INTEGER NOT NULL,
       chain TEXT NOT NULL, until_ms INTEGER NOT NULL) STRICT;",
    // Which box has asked, 0 where that is not known, and when it was tried last to certify what it asks for: how often on that day since 1970.
    "ALTER TABLE web_order ADD COLUMN box INTEGER NOT NULL DEFAULT 0;
     ALTER TABLE web_order ADD COLUMN tried_ms INTEGER NOT NULL DEFAULT 0;
     ALTER TABLE web_order ADD COLUMN tried_day INTEGER NOT NULL DEFAULT 0;
     ALTER TABLE web_order ADD COLUMN tries INTEGER NOT NULL DEFAULT 0;",
    // Releases of the boxes' system, their files, and which school is to have which; an empty school is all of them.
    "CREATE TABLE system_release (version TEXT PRIMARY KEY, added_ms INTEGER NOT NULL) STRICT;
     CREATE TABLE release_file (
       version TEXT NOT NULL, name TEXT NOT NULL, bytes INTEGER NOT NULL, sha256 TEXT NOT NULL,
       PRIMARY KEY (version, name)) STRICT;
     CREATE TABLE release_offer (uai TEXT PRIMARY KEY, version TEXT NOT NULL, at_ms INTEGER NOT NULL) STRICT;",
    // What the commune's provider calls somebody, empty where she has no account there; and by what a session began: 0 her own secret, 1 the provider with a
    // second factor, 2 the provider alone.
    "ALTER TABLE member ADD COLUMN account TEXT NOT NULL DEFAULT '';
     ALTER TABLE session ADD COLUMN proof INTEGER NOT NULL DEFAULT 0;",
    // Since when a school asks for a certificate of its names, and why the last try has failed: a word, empty where none has, and what was said.
    "ALTER TABLE web_order ADD COLUMN since_ms INTEGER NOT NULL DEFAULT 0;
     UPDATE web_order SET since_ms = asked_ms;
     ALTER TABLE web_order ADD COLUMN failure TEXT NOT NULL DEFAULT '';
     ALTER TABLE web_order ADD COLUMN detail TEXT NOT NULL DEFAULT '';",
    // Files that schools have from the hub for their pupils; an empty school is all of them.
    "CREATE TABLE library (
       id INTEGER PRIMARY KEY AUTOINCREMENT, uai TEXT NOT NULL, sha256 TEXT NOT NULL, bytes INTEGER NOT NULL, name TEXT NOT NULL,
       title TEXT NOT NULL, media TEXT NOT NULL, until_ms INTEGER NOT NULL, author TEXT NOT NULL, added_ms INTEGER NOT NULL,
       UNIQUE (uai, sha256)) STRICT;",
    // What the commune decides of the configurations of boxes, each version of it.
    "CREATE TABLE school_configuration (
       uai TEXT NOT NULL REFERENCES school, number INTEGER NOT NULL, text TEXT NOT NULL, author TEXT NOT NULL, made_ms INTEGER NOT NULL,
       PRIMARY KEY (uai, number)) STRICT;",
];

/// A register in a file.
#[derive(Debug)]
pub struct SqliteRegister(Mutex<Connection>);

impl From<rusqlite::Error> for RegisterError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Engine(Box::new(error))
    }
}

impl SqliteRegister {
    /// Opens the file, makes it when it is not there, and brings its schema up to date.
    ///
    /// # Errors
    /// [`RegisterError`]; also where a newer program has written it.
    pub fn open(path: &Path) -> Result<Self, RegisterError> {
        match OpenOptions::new().write(true).create_new(true).mode(MODE).open(path) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
                return Err(RegisterError::Engine(Box::new(error)));
            }
            _ => {}
        }
        let mut connection = Connection::open(path)?;
        connection.busy_timeout(BUSY_TIMEOUT)?;
        connection.pragma_update(None, "journal_mode", "WAL")?;
        // What a hub acknowledged survives a power cut: a box deletes nothing for it, but counts on it.
        connection.pragma_update(None, "synchronous", "FULL")?;
        connection.pragma_update(None, "foreign_keys", true)?;
        connection.pragma_update(None, "secure_delete", true)?;
        migrate(&mut connection)?;
        Ok(Self(Mutex::new(connection)))
    }

    fn connection(&self) -> MutexGuard<'_, Connection> {
        // A panic in the middle has rolled its transaction back.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn migrate(connection: &mut Connection) -> Result<(), RegisterError> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let seen: u32 = transaction.pragma_query_value(None, "user_version", |row| row.get(0))?;
    let known = u32::try_from(STEPS.len()).unwrap_or(u32::MAX);
    if seen > known {
        let message = "a newer preau has written the register: install that one";
        return Err(RegisterError::Engine(message.into()));
    }
    for (step, number) in STEPS.iter().zip(1..=known).filter(|&(_, number)| number > seen) {
        transaction.execute_batch(step)?;
        transaction.pragma_update(None, "user_version", number)?;
    }
    Ok(transaction.commit()?)
}

impl Database for SqliteRegister {
    fn look(&self, sql: &str, values: &[Value]) -> Result<Vec<Row>, RegisterError> {
        rows(&self.connection(), sql, values)
    }

    fn change(
        &self,
        work: &mut dyn FnMut(&mut dyn Sql) -> Result<(), RegisterError>,
    ) -> Result<(), RegisterError> {
        let mut connection = self.connection();
        let mut transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        work(&mut transaction)?;
        Ok(transaction.commit()?)
    }

    fn read(
        &self,
        work: &mut dyn FnMut(&mut dyn Sql) -> Result<(), RegisterError>,
    ) -> Result<(), RegisterError> {
        let mut connection = self.connection();
        // It takes no lock of those who write: another process may, meanwhile.
        let mut transaction = connection.transaction_with_behavior(TransactionBehavior::Deferred)?;
        work(&mut transaction)?;
        Ok(transaction.commit()?)
    }
}

impl Sql for Transaction<'_> {
    fn run(&mut self, sql: &str, values: &[Value]) -> Result<u64, RegisterError> {
        Ok(self.prepare_cached(sql)?.execute(params_from_iter(values))? as u64)
    }

    fn rows(&mut self, sql: &str, values: &[Value]) -> Result<Vec<Row>, RegisterError> {
        rows(self, sql, values)
    }
}

fn rows(connection: &Connection, sql: &str, values: &[Value]) -> Result<Vec<Row>, RegisterError> {
    let mut statement = connection.prepare_cached(sql)?;
    let columns = statement.column_count();
    let found = statement.query_map(params_from_iter(values), |row| {
        (0..columns).map(|column| row.get_ref(column).map(read)).collect::<Result<_, _>>().map(Row)
    })?;
    Ok(found.collect::<Result<_, _>>()?)
}

/// A number with a point is none of ours: it is refused where it is looked at.
fn read(value: ValueRef<'_>) -> Value {
    match value {
        ValueRef::Null | ValueRef::Real(_) => Value::Null,
        ValueRef::Integer(number) => Value::Int(number),
        ValueRef::Text(text) => Value::Text(String::from_utf8_lossy(text).into_owned()),
        ValueRef::Blob(bytes) => Value::Blob(bytes.to_vec()),
    }
}

impl ToSql for Value {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self {
            Self::Null => ValueRef::Null,
            Self::Int(number) => ValueRef::Integer(*number),
            Self::Text(text) => ValueRef::Text(text.as_bytes()),
            Self::Blob(bytes) => ValueRef::Blob(bytes),
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::register::suite;

    #[test]
    fn sqlite_keeps_what_a_register_keeps() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("register.sqlite");
        suite::check(|| Box::new(SqliteRegister::open(&path).unwrap()));
    }

    #[test]
    fn sqlite_keeps_people_and_history() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("register.sqlite");
        let open = || SqliteRegister::open(&path).unwrap();
        crate::register::people::suite::check(&open(), &open());
        let (one, other) = (open(), open());
        crate::register::history::suite::check(&one, &one, &other);
    }

    #[test]
    fn sqlite_keeps_what_schools_ask_and_are_told() {
        let folder = tempfile::tempdir().unwrap();
        let open = || SqliteRegister::open(&folder.path().join("register.sqlite")).unwrap();
        crate::register::wishes::suite::check(&open(), &open());
    }

    #[test]
    fn sqlite_keeps_names_and_what_is_certified() {
        let folder = tempfile::tempdir().unwrap();
        let open = || SqliteRegister::open(&folder.path().join("register.sqlite")).unwrap();
        crate::register::web::suite::check(&open(), &open());
    }

    #[test]
    fn sqlite_keeps_releases_and_what_is_offered() {
        let folder = tempfile::tempdir().unwrap();
        let open = || SqliteRegister::open(&folder.path().join("register.sqlite")).unwrap();
        crate::register::releases::suite::check(&open(), &open());
    }

    #[test]
    fn sqlite_keeps_configurations() {
        let folder = tempfile::tempdir().unwrap();
        let open = || SqliteRegister::open(&folder.path().join("register.sqlite")).unwrap();
        crate::register::configurations::suite::check(&open(), &open());
    }

    #[test]
    fn sqlite_keeps_files_for_pupils() {
        let folder = tempfile::tempdir().unwrap();
        let open = || SqliteRegister::open(&folder.path().join("register.sqlite")).unwrap();
        crate::register::library::suite::check(&open(), &open());
    }

    #[test]
    fn a_newer_register_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("register.sqlite");
        drop(SqliteRegister::open(&path).unwrap());
        Connection::open(&path).unwrap().pragma_update(None, "user_version", 99).unwrap();
        assert!(SqliteRegister::open(&path).is_err());
    }
}
