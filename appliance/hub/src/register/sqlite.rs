//! The register in one SQLite file: nothing to install, and enough for a commune.

mod history;
mod people;

use std::fs::OpenOptions;
use std::io;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use archive::Hash;
use model::Timestamp;
use replication::{CodeError, CodeNumber, School};
use rusqlite::{Connection, OptionalExtension as _, Row, Transaction, TransactionBehavior, params};

use super::{
    BoxId, BoxState, CERTIFICATES_MAX, CodeState, Fingerprint, NewBox, NewCode, OpenCode, Register,
    RegisterError, SIGNED_MAX, StoredFile, TRIES_MAX,
};

/// Whoever reads the file can enrol by a code that is not used yet.
const MODE: u32 = 0o600;
/// How long a writer waits for another process: the command line and the hub share the file.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// What makes the schema, step by step; never changed, only added to.
const STEPS: &[&str] = &["CREATE TABLE school (uai TEXT PRIMARY KEY, name TEXT NOT NULL, rooms TEXT NOT NULL) STRICT;
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
     CREATE TABLE policy (id INTEGER PRIMARY KEY CHECK (id = 1), serial INTEGER NOT NULL, note TEXT NOT NULL) STRICT;", people::STEP, history::STEP];
/// What is read of a box.
const BOX_COLUMNS: &str = "SELECT box.id, uai, log_key, version, enrolled_ms, revoked_ms, seen_ms, health,
     (SELECT coalesce(max(size), 0) FROM signed WHERE signed.box = box.id) FROM box";

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

    fn write<T>(
        &self,
        work: impl FnOnce(&Transaction<'_>) -> Result<T, RegisterError>,
    ) -> Result<T, RegisterError> {
        let mut connection = self.connection();
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let outcome = work(&transaction)?;
        transaction.commit()?;
        Ok(outcome)
    }

    /// All rows of a question.
    fn list<T>(
        &self,
        sql: &str,
        arguments: impl rusqlite::Params,
        read: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Vec<T>, RegisterError> {
        let connection = self.connection();
        let mut statement = connection.prepare(sql)?;
        let rows = statement.query_map(arguments, read)?;
        Ok(rows.collect::<Result<_, _>>()?)
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

impl Register for SqliteRegister {
    fn put_school(&self, school: &School) -> Result<(), RegisterError> {
        let rooms = serde_json::to_string(&school.rooms).unwrap_or_default();
        let sql = "INSERT INTO school VALUES (?1, ?2, ?3)
                   ON CONFLICT (uai) DO UPDATE SET name = ?2, rooms = ?3";
        self.write(|transaction| {
            Ok(transaction.execute(sql, (&school.uai, &school.name, rooms)).map(drop)?)
        })
    }

    fn schools(&self) -> Result<Vec<School>, RegisterError> {
        self.list("SELECT uai, name, rooms FROM school ORDER BY uai", (), |row| {
            let rooms: String = row.get(2)?;
            let rooms = serde_json::from_str(&rooms).unwrap_or_default();
            Ok(School { uai: row.get(0)?, name: row.get(1)?, rooms })
        })
    }

    fn add_code(&self, code: &NewCode) -> Result<(), RegisterError> {
        self.write(|transaction| {
            let uai = code.uai.as_str();
            let has = |sql: &str| transaction.query_row(sql, [uai], |row| row.get::<_, bool>(0));
            if !has("SELECT EXISTS (SELECT 1 FROM school WHERE uai = ?1)")? {
                return Err(RegisterError::NoSchool(uai.to_owned()));
            }
            let has_box = "SELECT EXISTS (SELECT 1 FROM box WHERE uai = ?1 AND revoked_ms IS NULL)";
            if !code.is_replacement && has(has_box)? {
                return Err(RegisterError::HasBox(uai.to_owned()));
            }
            // One that went astray is worth nothing once there is another.
            transaction.execute("UPDATE code SET code = NULL WHERE uai = ?1", [uai])?;
            let added = transaction.execute(
                "INSERT OR IGNORE INTO code VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
                params![
                    code.code.number().as_str(),
                    code.code.to_string(),
                    uai,
                    code.is_replacement,
                    code.until.unix_ms(),
                    TRIES_MAX
                ],
            )?;
            if added == 1 { Ok(()) } else { Err(RegisterError::Taken) }
        })
    }

    fn find_code(&self, number: &CodeNumber) -> Result<Option<CodeState>, RegisterError> {
        let sql = "SELECT code, uai, until_ms, tries_left FROM code WHERE number = ?1";
        let found = self.connection().query_row(sql, [number.as_str()], |row| {
            let code: Option<String> = row.get(0)?;
            Ok(CodeState {
                code: code.and_then(|code| code.parse().ok()),
                uai: row.get(1)?,
                until: Timestamp::from_unix_ms(row.get(2)?),
                tries_left: row.get(3)?,
            })
        });
        Ok(found.optional()?)
    }

    fn open_codes(&self, now: Timestamp) -> Result<Vec<OpenCode>, RegisterError> {
        let sql = "SELECT number, uai, is_replacement, until_ms, tries_left FROM code
                   WHERE code IS NOT NULL AND tries_left > 0 AND until_ms > ?1 ORDER BY uai, number";
        self.list(sql, [now.unix_ms()], |row| {
            Ok(OpenCode {
                number: read_number(row, 0)?,
                uai: row.get(1)?,
                is_replacement: row.get(2)?,
                until: Timestamp::from_unix_ms(row.get(3)?),
                tries_left: row.get(4)?,
            })
        })
    }

    fn cancel_code(&self, number: &CodeNumber) -> Result<bool, RegisterError> {
        let sql = "UPDATE code SET code = NULL WHERE number = ?1 AND code IS NOT NULL";
        self.write(|transaction| Ok(transaction.execute(sql, [number.as_str()])? == 1))
    }

    fn spend_try(&self, number: &CodeNumber) -> Result<u32, RegisterError> {
        self.write(|transaction| {
            let sql = "UPDATE code SET tries_left = max(tries_left - 1, 0),
                         code = CASE WHEN tries_left > 1 THEN code END
                       WHERE number = ?1 RETURNING tries_left";
            let left = transaction.query_row(sql, [number.as_str()], |row| row.get(0)).optional()?;
            Ok(left.unwrap_or(0))
        })
    }

    fn enrol(&self, number: &CodeNumber, new: &NewBox, now: Timestamp) -> Result<BoxId, RegisterError> {
        self.write(|transaction| {
            let used = transaction.query_row(
                "UPDATE code SET code = NULL
                 WHERE number = ?1 AND code IS NOT NULL AND tries_left > 0 AND until_ms > ?2
                 RETURNING uai, is_replacement",
                (number.as_str(), now.unix_ms()),
                |row| Ok((row.get::<_, String>(0)?, row.get::<_, bool>(1)?)),
            );
            let (uai, is_replacement) = used.optional()?.ok_or(RegisterError::Spent)?;
            if is_replacement {
                let sql = "UPDATE box SET revoked_ms = ?2 WHERE uai = ?1 AND revoked_ms IS NULL";
                transaction.execute(sql, (&uai, now.unix_ms()))?;
            }
            transaction.execute(
                "INSERT INTO box (uai, log_key, version, enrolled_ms) VALUES (?1, ?2, ?3, ?4)",
                (&uai, &new.log_key, &new.version, now.unix_ms()),
            )?;
            let id = transaction.last_insert_rowid();
            transaction.execute(
                "INSERT INTO certificate VALUES (?1, ?2, ?3)",
                (&new.certificate.0[..], id, new.certificate_until.unix_ms()),
            )?;
            Ok(BoxId(id.unsigned_abs()))
        })
    }

    fn add_certificate(
        &self,
        of: BoxId,
        certificate: Fingerprint,
        until: Timestamp,
    ) -> Result<(), RegisterError> {
        self.write(|transaction| {
            let row = (&certificate.0[..], of.key(), until.unix_ms());
            transaction.execute("INSERT INTO certificate VALUES (?1, ?2, ?3)", row)?;
            let sql = "DELETE FROM certificate WHERE box = ?1 AND fingerprint NOT IN
                       (SELECT fingerprint FROM certificate WHERE box = ?1 ORDER BY until_ms DESC, rowid DESC LIMIT ?2)";
            Ok(transaction.execute(sql, (of.key(), CERTIFICATES_MAX)).map(drop)?)
        })
    }

    fn find_box(&self, certificate: Fingerprint) -> Result<Option<BoxState>, RegisterError> {
        let sql =
            format!("{BOX_COLUMNS} JOIN certificate ON certificate.box = box.id WHERE fingerprint = ?1");
        Ok(self.connection().query_row(&sql, [&certificate.0[..]], read_box).optional()?)
    }

    fn boxes(&self) -> Result<Vec<BoxState>, RegisterError> {
        self.list(&format!("{BOX_COLUMNS} ORDER BY uai, box.id"), (), read_box)
    }

    fn revoke(&self, of: BoxId, now: Timestamp) -> Result<bool, RegisterError> {
        let sql = "UPDATE box SET revoked_ms = ?2 WHERE id = ?1 AND revoked_ms IS NULL";
        self.write(|transaction| Ok(transaction.execute(sql, (of.key(), now.unix_ms()))? == 1))
    }

    fn note_health(
        &self,
        of: BoxId,
        version: &str,
        health: &str,
        now: Timestamp,
    ) -> Result<(), RegisterError> {
        let sql = "UPDATE box SET version = ?2, health = ?3, seen_ms = ?4 WHERE id = ?1";
        let row = (of.key(), version, health, now.unix_ms());
        self.write(|transaction| Ok(transaction.execute(sql, row).map(drop)?))
    }

    fn signed(&self, of: BoxId) -> Result<Option<String>, RegisterError> {
        let sql = "SELECT note FROM signed WHERE box = ?1 ORDER BY size DESC LIMIT 1";
        Ok(self.connection().query_row(sql, [of.key()], |row| row.get(0)).optional()?)
    }

    fn keep_signed(
        &self,
        of: BoxId,
        before: u64,
        size: u64,
        note: &str,
        now: Timestamp,
    ) -> Result<bool, RegisterError> {
        self.write(|transaction| {
            let sql = "SELECT coalesce(max(size), 0) FROM signed WHERE box = ?1";
            let found: i64 = transaction.query_row(sql, [of.key()], |row| row.get(0))?;
            if found != stored(before) {
                return Ok(false);
            }
            let sql = "INSERT OR REPLACE INTO signed VALUES (?1, ?2, ?3, ?4)";
            transaction.execute(sql, (of.key(), stored(size), note, now.unix_ms()))?;
            let sql = "DELETE FROM signed WHERE box = ?1 AND size NOT IN
                       (SELECT size FROM signed WHERE box = ?1 ORDER BY size DESC LIMIT ?2)";
            transaction.execute(sql, (of.key(), SIGNED_MAX))?;
            Ok(true)
        })
    }

    fn policy(&self) -> Result<Option<(u64, String)>, RegisterError> {
        let found = self.connection().query_row("SELECT serial, note FROM policy", (), |row| {
            Ok((row.get::<_, i64>(0)?.unsigned_abs(), row.get(1)?))
        });
        Ok(found.optional()?)
    }

    fn keep_policy(&self, before: u64, serial: u64, note: &str) -> Result<bool, RegisterError> {
        self.write(|transaction| {
            let found: Option<i64> =
                transaction.query_row("SELECT serial FROM policy", (), |row| row.get(0)).optional()?;
            if found.unwrap_or(0) != stored(before) || serial <= before {
                return Ok(false);
            }
            transaction
                .execute("INSERT OR REPLACE INTO policy VALUES (1, ?1, ?2)", (stored(serial), note))?;
            Ok(true)
        })
    }

    fn add_file(&self, of: BoxId, file: &StoredFile) -> Result<(), RegisterError> {
        let StoredFile { hash, name, bytes, until } = file;
        let sql = "INSERT OR IGNORE INTO file VALUES (?1, ?2, ?3, ?4, ?5)";
        let row = (of.key(), hash.to_string(), name, stored(*bytes), until.unix_ms());
        self.write(|transaction| Ok(transaction.execute(sql, row).map(drop)?))
    }

    fn files(&self, of: BoxId) -> Result<Vec<StoredFile>, RegisterError> {
        let sql = "SELECT hash, name, bytes, until_ms FROM file WHERE box = ?1 ORDER BY name, hash";
        self.list(sql, [of.key()], |row| {
            let bytes: i64 = row.get(2)?;
            Ok(StoredFile {
                hash: read_hash(row, 0)?,
                name: row.get(1)?,
                bytes: bytes.unsigned_abs(),
                until: Timestamp::from_unix_ms(row.get(3)?),
            })
        })
    }

    fn due_files(&self, now: Timestamp, count: u32) -> Result<Vec<(BoxId, Hash)>, RegisterError> {
        let sql = "SELECT box, hash FROM file WHERE until_ms <= ?1 LIMIT ?2";
        self.list(sql, (now.unix_ms(), count), |row| {
            Ok((BoxId(row.get::<_, i64>(0)?.unsigned_abs()), read_hash(row, 1)?))
        })
    }

    fn forget_file(&self, of: BoxId, hash: Hash) -> Result<(), RegisterError> {
        let row = (of.key(), hash.to_string());
        let sql = "DELETE FROM file WHERE box = ?1 AND hash = ?2";
        self.write(|transaction| Ok(transaction.execute(sql, row).map(drop)?))
    }
}

impl BoxId {
    fn key(self) -> i64 {
        stored(self.0)
    }
}

/// A number as SQLite has it: none comes near its end.
fn stored(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn read_number(row: &Row<'_>, column: usize) -> rusqlite::Result<CodeNumber> {
    let text: String = row.get(column)?;
    text.parse().map_err(|error: CodeError| {
        rusqlite::Error::FromSqlConversionFailure(column, rusqlite::types::Type::Text, Box::new(error))
    })
}

fn read_hash(row: &Row<'_>, column: usize) -> rusqlite::Result<Hash> {
    let text: String = row.get(column)?;
    text.parse().map_err(|error| {
        rusqlite::Error::FromSqlConversionFailure(column, rusqlite::types::Type::Text, Box::new(error))
    })
}

fn read_box(row: &Row<'_>) -> rusqlite::Result<BoxState> {
    let time = |column: usize| -> rusqlite::Result<Option<Timestamp>> {
        Ok(row.get::<_, Option<i64>>(column)?.map(Timestamp::from_unix_ms))
    };
    Ok(BoxState {
        id: BoxId(row.get::<_, i64>(0)?.unsigned_abs()),
        uai: row.get(1)?,
        log_key: row.get(2)?,
        version: row.get(3)?,
        enrolled: Timestamp::from_unix_ms(row.get(4)?),
        revoked: time(5)?,
        seen: time(6)?,
        health: row.get(7)?,
        log_size: row.get::<_, i64>(8)?.unsigned_abs(),
    })
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
    fn a_newer_register_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("register.sqlite");
        drop(SqliteRegister::open(&path).unwrap());
        Connection::open(&path).unwrap().pragma_update(None, "user_version", 99).unwrap();
        assert!(SqliteRegister::open(&path).is_err());
    }
}
