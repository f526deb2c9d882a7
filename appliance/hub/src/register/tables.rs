//! The register in tables, whichever engine keeps them: each question is asked here, once for all.

mod configurations;
mod history;
mod library;
mod people;
mod releases;
mod web;
mod wishes;

use archive::Hash;
use model::Timestamp;
use replication::{CodeNumber, School};

use self::wishes::put_policy;
use super::sql::{Database, Row, Sql, change, run, values};
use super::{
    BoxId, BoxState, CERTIFICATES_MAX, CodeState, EXCHANGES_MAX, Exchange, Fingerprint, NewBox, NewCode,
    NewPolicy, OpenCode, Register, RegisterError, SIGNED_MAX, StoredFile, StoredSnapshot, TRIES_MAX, Unheard,
};

const DAY_MS: i64 = 86_400_000;
/// What is read of a box.
const BOX_COLUMNS: &str =
    "SELECT box.id, box.uai, log_key, version, enrolled_ms, revoked_ms, seen_ms, health,
     (SELECT coalesce(max(size), 0) FROM signed WHERE signed.box = box.id) FROM box";

impl<D: Database> Register for D {
    fn put_school(&self, school: &School) -> Result<(), RegisterError> {
        let rooms = serde_json::to_string(&school.rooms).unwrap_or_default();
        let sql = "INSERT INTO school VALUES (?1, ?2, ?3)
                   ON CONFLICT (uai) DO UPDATE SET name = excluded.name, rooms = excluded.rooms";
        run(self, sql, values![&*school.uai, &*school.name, rooms]).map(drop)
    }

    fn schools(&self) -> Result<Vec<School>, RegisterError> {
        let rows = self.look("SELECT uai, name, rooms FROM school ORDER BY uai", &[])?;
        let read = |row: &Row| {
            let rooms = serde_json::from_str(&row.text(2)?).unwrap_or_default();
            Ok(School { uai: row.text(0)?, name: row.text(1)?, rooms })
        };
        rows.iter().map(read).collect()
    }

    fn add_code(&self, code: &NewCode) -> Result<(), RegisterError> {
        change(self, |open| {
            let uai = code.uai.as_str();
            if !has(open, "SELECT count(*) FROM school WHERE uai = ?1", uai)? {
                return Err(RegisterError::NoSchool(uai.to_owned()));
            }
            let has_box = "SELECT count(*) FROM box WHERE uai = ?1 AND revoked_ms IS NULL";
            if !code.is_replacement && has(open, has_box, uai)? {
                return Err(RegisterError::HasBox(uai.to_owned()));
            }
            // One that went astray is worth nothing once there is another.
            open.run("UPDATE code SET code = NULL, spent = '' WHERE uai = ?1", values![uai])?;
            let added = open.run(
                "INSERT INTO code (number, code, uai, is_replacement, until_ms, tries_left)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT DO NOTHING",
                values![
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
        let sql = "SELECT code, code.uai, until_ms, tries_left, code.is_replacement, spent, box.id, public_key, log_key
                   FROM code LEFT JOIN box ON box.id = code.box AND revoked_ms IS NULL AND seen_ms IS NULL WHERE number = ?1";
        let rows = self.look(sql, values![number.as_str()])?;
        let read = |row: &Row| {
            Ok(CodeState {
                code: row.find_text(0)?.and_then(|code| code.parse().ok()),
                uai: row.text(1)?,
                until: Timestamp::from_unix_ms(row.int(2)?),
                tries_left: row.small(3)?,
                is_replacement: row.is(4)?,
                unheard: read_unheard(row)?,
            })
        };
        rows.first().map(read).transpose()
    }

    fn open_codes(&self, now: Timestamp) -> Result<Vec<OpenCode>, RegisterError> {
        let sql = "SELECT number, uai, is_replacement, until_ms, tries_left FROM code
                   WHERE code IS NOT NULL AND tries_left > 0 AND until_ms > ?1 ORDER BY uai, number";
        let read = |row: &Row| {
            Ok(OpenCode {
                number: row.parse(0)?,
                uai: row.text(1)?,
                is_replacement: row.is(2)?,
                until: Timestamp::from_unix_ms(row.int(3)?),
                tries_left: row.small(4)?,
            })
        };
        self.look(sql, values![now.unix_ms()])?.iter().map(read).collect()
    }

    fn cancel_code(&self, number: &CodeNumber) -> Result<bool, RegisterError> {
        let sql = "UPDATE code SET code = NULL, spent = '' WHERE number = ?1 AND code IS NOT NULL";
        Ok(run(self, sql, values![number.as_str()])? == 1)
    }

    fn choose_state(&self, number: &CodeNumber, state: Hash) -> Result<bool, RegisterError> {
        let sql = "UPDATE code SET state = ?2
                   WHERE number = ?1 AND code IS NOT NULL AND is_replacement = 1 AND EXISTS
                     (SELECT 1 FROM snapshot JOIN box ON box.id = snapshot.box WHERE hash = ?2 AND box.uai = code.uai)";
        Ok(run(self, sql, values![number.as_str(), state.to_string()])? == 1)
    }

    fn spend_try(&self, number: &CodeNumber) -> Result<u32, RegisterError> {
        let sql = "UPDATE code SET tries_left = CASE WHEN tries_left > 1 THEN tries_left - 1 ELSE 0 END,
                     code = CASE WHEN tries_left > 1 THEN code END,
                     spent = CASE WHEN tries_left > 1 THEN spent ELSE '' END
                   WHERE number = ?1 RETURNING tries_left";
        change(self, |open| open.row(sql, values![number.as_str()])?.map_or(Ok(0), |row| row.small(0)))
    }

    fn enrol(&self, number: &CodeNumber, new: &NewBox, now: Timestamp) -> Result<BoxId, RegisterError> {
        change(self, |open| {
            let used = open.row(
                "UPDATE code SET code = NULL, spent = code
                 WHERE number = ?1 AND code IS NOT NULL AND tries_left > 0 AND until_ms > ?2
                 RETURNING uai, is_replacement, state",
                values![number.as_str(), now.unix_ms()],
            )?;
            let used = used.ok_or(RegisterError::Spent)?;
            let (uai, is_replacement, state) = (used.text(0)?, used.is(1)?, used.text(2)?);
            if is_replacement {
                let sql = "UPDATE box SET revoked_ms = ?2 WHERE uai = ?1 AND revoked_ms IS NULL";
                open.run(sql, values![&*uai, now.unix_ms()])?;
            }
            let made = open.row(
                "INSERT INTO box (uai, log_key, version, enrolled_ms, is_replacement, state)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6) RETURNING id",
                values![&*uai, &*new.log_key, &*new.version, now.unix_ms(), is_replacement, state],
            )?;
            let of = BoxId(made.ok_or(RegisterError::Spent)?.count(0)?);
            insert_certificate(open, of, new.certificate, new.certificate_until)?;
            let sql = "UPDATE code SET box = ?2, public_key = ?3 WHERE number = ?1";
            open.run(sql, values![number.as_str(), of.key(), Hash::of(&new.public_key).to_string()])?;
            Ok(of)
        })
    }

    fn add_certificate(
        &self,
        of: BoxId,
        certificate: Fingerprint,
        until: Timestamp,
    ) -> Result<(), RegisterError> {
        change(self, |open| {
            insert_certificate(open, of, certificate, until)?;
            let sql = "DELETE FROM certificate WHERE box = ?1 AND fingerprint NOT IN
                       (SELECT fingerprint FROM certificate WHERE box = ?1 ORDER BY until_ms DESC, turn DESC LIMIT ?2)";
            open.run(sql, values![of.key(), CERTIFICATES_MAX]).map(drop)
        })
    }

    fn find_box(&self, certificate: Fingerprint) -> Result<Option<BoxState>, RegisterError> {
        let sql =
            format!("{BOX_COLUMNS} JOIN certificate ON certificate.box = box.id WHERE fingerprint = ?1");
        self.look(&sql, values![&certificate.0[..]])?.first().map(read_box).transpose()
    }

    fn boxes(&self) -> Result<Vec<BoxState>, RegisterError> {
        self.look(&format!("{BOX_COLUMNS} ORDER BY uai, box.id"), &[])?.iter().map(read_box).collect()
    }

    fn revoke(&self, of: BoxId, now: Timestamp) -> Result<bool, RegisterError> {
        let sql = "UPDATE box SET revoked_ms = ?2 WHERE id = ?1 AND revoked_ms IS NULL";
        Ok(run(self, sql, values![of.key(), now.unix_ms()])? == 1)
    }

    fn note_health(
        &self,
        of: BoxId,
        version: &str,
        health: &str,
        now: Timestamp,
    ) -> Result<(), RegisterError> {
        let sql = "UPDATE box SET version = ?2, health = ?3, seen_ms = ?4 WHERE id = ?1";
        run(self, sql, values![of.key(), version, health, now.unix_ms()]).map(drop)
    }

    fn signed(&self, of: BoxId) -> Result<Option<String>, RegisterError> {
        let sql = "SELECT note FROM signed WHERE box = ?1 ORDER BY size DESC LIMIT 1";
        self.look(sql, values![of.key()])?.first().map(|row| row.text(0)).transpose()
    }

    fn keep_signed(
        &self,
        of: BoxId,
        before: u64,
        size: u64,
        note: &str,
        now: Timestamp,
    ) -> Result<bool, RegisterError> {
        change(self, |open| {
            let sql = "SELECT coalesce(max(size), 0) FROM signed WHERE box = ?1";
            let found = open.row(sql, values![of.key()])?.map_or(Ok(0), |row| row.int(0))?;
            if found != stored(before) {
                return Ok(false);
            }
            let sql = "INSERT INTO signed VALUES (?1, ?2, ?3, ?4)
                       ON CONFLICT (box, size) DO UPDATE SET note = excluded.note, at_ms = excluded.at_ms";
            open.run(sql, values![of.key(), stored(size), note, now.unix_ms()])?;
            let sql = "DELETE FROM signed WHERE box = ?1 AND size NOT IN
                       (SELECT size FROM signed WHERE box = ?1 ORDER BY size DESC LIMIT ?2)";
            open.run(sql, values![of.key(), SIGNED_MAX])?;
            Ok(true)
        })
    }

    fn policy(&self) -> Result<Option<(u64, String)>, RegisterError> {
        let rows = self.look("SELECT serial, note FROM policy", &[])?;
        rows.first().map(|row| Ok((row.count(0)?, row.text(1)?))).transpose()
    }

    fn keep_policy(&self, new: &NewPolicy<'_>) -> Result<Option<Vec<String>>, RegisterError> {
        change(self, |open| put_policy(open, new))
    }

    fn add_file(
        &self,
        of: BoxId,
        file: &StoredFile,
        soonest: Timestamp,
    ) -> Result<Option<u64>, RegisterError> {
        let StoredFile { hash, name, bytes, until } = file;
        let hash = hash.to_string();
        change(self, |open| {
            let known = "SELECT until_ms FROM file WHERE box = ?1 AND hash = ?2";
            if open.row(known, values![of.key(), &*hash])?.is_none() {
                let sql = "INSERT INTO file (box, hash, name, bytes, until_ms, first_ms) VALUES (?1, ?2, ?3, ?4, ?5, ?5)";
                let row = values![of.key(), &*hash, &**name, stored(*bytes), until.unix_ms()];
                return open.run(sql, row).map(|_| None);
            }
            let sql = "UPDATE file SET until_ms = ?3 WHERE box = ?1 AND hash = ?2 AND until_ms > ?3";
            let until = (*until).max(soonest).unix_ms();
            if open.run(sql, values![of.key(), &*hash, until])? == 0 {
                return Ok(None);
            }
            let sql = "SELECT count(*) FROM file WHERE box = ?1 AND until_ms < first_ms";
            open.row(sql, values![of.key()])?.map(|row| row.count(0)).transpose()
        })
    }

    fn hold_file(&self, of: BoxId, hash: Hash, until: Timestamp) -> Result<(), RegisterError> {
        let sql =
            "UPDATE file SET until_ms = ?3, first_ms = CASE WHEN first_ms < ?3 THEN ?3 ELSE first_ms END
                   WHERE box = ?1 AND hash = ?2 AND until_ms < ?3";
        run(self, sql, values![of.key(), hash.to_string(), until.unix_ms()]).map(drop)
    }

    fn files(&self, of: BoxId) -> Result<Vec<StoredFile>, RegisterError> {
        let sql = "SELECT hash, name, bytes, until_ms FROM file WHERE box = ?1 ORDER BY name, hash";
        let read = |row: &Row| {
            Ok(StoredFile {
                hash: row.parse(0)?,
                name: row.text(1)?,
                bytes: row.count(2)?,
                until: Timestamp::from_unix_ms(row.int(3)?),
            })
        };
        self.look(sql, values![of.key()])?.iter().map(read).collect()
    }

    fn due_files(&self, now: Timestamp, count: u32) -> Result<Vec<(BoxId, Hash)>, RegisterError> {
        let sql = "SELECT file.box, hash FROM file JOIN box ON box.id = file.box
                   WHERE CASE WHEN revoked_ms IS NULL THEN until_ms ELSE first_ms END <= ?1 LIMIT ?2";
        self.look(sql, values![now.unix_ms(), count])?.iter().map(read_place).collect()
    }

    fn forget_file(&self, of: BoxId, hash: Hash) -> Result<(), RegisterError> {
        let sql = "DELETE FROM file WHERE box = ?1 AND hash = ?2";
        run(self, sql, values![of.key(), hash.to_string()]).map(drop)
    }

    fn add_snapshot(&self, of: BoxId, snapshot: &StoredSnapshot) -> Result<(), RegisterError> {
        let StoredSnapshot { hash, bytes, at } = snapshot;
        let sql =
            "INSERT INTO snapshot (box, hash, bytes, at_ms) VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO NOTHING";
        run(self, sql, values![of.key(), hash.to_string(), stored(*bytes), at.unix_ms()]).map(drop)
    }

    fn last_snapshot(&self, of: BoxId) -> Result<Option<StoredSnapshot>, RegisterError> {
        let sql =
            "SELECT hash, bytes, at_ms FROM snapshot WHERE box = ?1 ORDER BY at_ms DESC, turn DESC LIMIT 1";
        let read = |row: &Row| {
            let at = Timestamp::from_unix_ms(row.int(2)?);
            Ok(StoredSnapshot { hash: row.parse(0)?, bytes: row.count(1)?, at })
        };
        self.look(sql, values![of.key()])?.first().map(read).transpose()
    }

    fn snapshots(&self, uai: &str) -> Result<Vec<(BoxId, StoredSnapshot)>, RegisterError> {
        let sql = "SELECT snapshot.box, hash, bytes, at_ms FROM snapshot JOIN box ON box.id = snapshot.box
                   WHERE box.uai = ?1 ORDER BY at_ms DESC, turn DESC";
        let read = |row: &Row| {
            let (of, hash) = read_place(row)?;
            Ok((of, StoredSnapshot { hash, bytes: row.count(2)?, at: Timestamp::from_unix_ms(row.int(3)?) }))
        };
        self.look(sql, values![uai])?.iter().map(read).collect()
    }

    fn surplus_snapshots(&self, of: BoxId, kept: u32) -> Result<Vec<(BoxId, Hash)>, RegisterError> {
        let school = "FROM snapshot JOIN box ON box.id = snapshot.box
                      WHERE box.uai = (SELECT uai FROM box WHERE id = ?1)";
        let sql = format!(
            "SELECT snapshot.box, hash {school}
             AND turn NOT IN (SELECT turn {school} ORDER BY at_ms DESC, turn DESC LIMIT 1)
             AND turn NOT IN (SELECT min(turn) {school} GROUP BY at_ms / ?3 ORDER BY max(at_ms) DESC LIMIT ?2)
             AND hash NOT IN (SELECT state FROM code WHERE code IS NOT NULL)
             AND hash NOT IN (SELECT state FROM box WHERE revoked_ms IS NULL)"
        );
        self.look(&sql, values![of.key(), kept, DAY_MS])?.iter().map(read_place).collect()
    }

    fn forget_snapshot(&self, of: BoxId, hash: Hash) -> Result<(), RegisterError> {
        let sql = "DELETE FROM snapshot WHERE box = ?1 AND hash = ?2";
        run(self, sql, values![of.key(), hash.to_string()]).map(drop)
    }

    fn has_snapshot(&self, of: BoxId, hash: Hash) -> Result<bool, RegisterError> {
        let sql = "SELECT count(*) FROM snapshot WHERE box = ?1 AND hash = ?2";
        self.look(sql, values![of.key(), hash.to_string()])?.first().map_or(Ok(false), |row| row.is(0))
    }

    fn inheritance(&self, of: BoxId) -> Result<Option<(BoxId, Hash)>, RegisterError> {
        let sql = "SELECT snapshot.box, hash FROM snapshot JOIN box ON box.id = snapshot.box
                   JOIN box heir ON heir.uai = box.uai AND heir.id > box.id
                   WHERE heir.id = ?1 AND heir.is_replacement = 1 AND heir.state IN ('', hash)
                     AND (SELECT count(*) FROM snapshot own WHERE own.box = ?1) = 0
                   ORDER BY at_ms DESC, turn DESC LIMIT 1";
        self.look(sql, values![of.key()])?.first().map(read_place).transpose()
    }

    fn put_exchange(
        &self,
        session: &[u8],
        exchange: &Exchange,
        stale: Timestamp,
    ) -> Result<(), RegisterError> {
        change(self, |open| {
            open.run("DELETE FROM exchange WHERE begun_ms <= ?1", values![stale.unix_ms()])?;
            // Nobody asks again by a code whose time is over, or whose box has spoken since.
            let sql = "UPDATE code SET spent = '' WHERE spent <> '' AND (until_ms <= ?1 OR box IN
                         (SELECT id FROM box WHERE seen_ms IS NOT NULL OR revoked_ms IS NOT NULL))";
            open.run(sql, values![exchange.begun.unix_ms()])?;
            let Exchange { number, keys, begun, asked, answer } = exchange;
            let sql = "INSERT INTO exchange (session, number, keys, begun_ms, asked, answer) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
                       ON CONFLICT DO NOTHING";
            let row = values![session, number.as_str(), &keys[..], begun.unix_ms(), &**asked, &**answer];
            open.run(sql, row)?;
            // With more of them, the oldest gives way.
            let sql = "DELETE FROM exchange WHERE turn NOT IN (SELECT turn FROM exchange ORDER BY turn DESC LIMIT ?1)";
            open.run(sql, values![EXCHANGES_MAX]).map(drop)
        })
    }

    fn take_exchange(&self, session: &[u8]) -> Result<Option<Exchange>, RegisterError> {
        let sql = "DELETE FROM exchange WHERE session = ?1 RETURNING number, keys, begun_ms, asked, answer";
        let read = |row: Row| {
            let begun = Timestamp::from_unix_ms(row.int(2)?);
            let (number, keys) = (row.parse(0)?, row.blob(1)?);
            Ok(Exchange { number, keys, begun, asked: row.text(3)?, answer: row.text(4)? })
        };
        change(self, |open| open.row(sql, values![session])?.map(read).transpose())
    }
}

impl BoxId {
    fn key(self) -> i64 {
        stored(self.0)
    }
}

/// A number as databases have it: none comes near its end.
fn stored(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn has(open: &mut dyn Sql, sql: &str, uai: &str) -> Result<bool, RegisterError> {
    open.row(sql, values![uai])?.map_or(Ok(false), |row| row.is(0))
}

/// Of two that are good for as long, the later one has the higher turn.
fn insert_certificate(
    open: &mut dyn Sql,
    of: BoxId,
    certificate: Fingerprint,
    until: Timestamp,
) -> Result<(), RegisterError> {
    let sql = "INSERT INTO certificate (fingerprint, box, until_ms, turn)
               SELECT ?1, ?2, ?3, coalesce(max(turn), 0) + 1 FROM certificate WHERE box = ?2";
    open.run(sql, values![&certificate.0[..], of.key(), until.unix_ms()]).map(drop)
}

/// The columns that tell of one are behind those of the code.
fn read_unheard(row: &Row) -> Result<Option<Unheard>, RegisterError> {
    let (Ok(code), Some(id)) = (row.text(5)?.parse(), row.find_int(6)?) else { return Ok(None) };
    let id = BoxId(u64::try_from(id).unwrap_or_default());
    Ok(Some(Unheard { code, id, public_key: row.parse(7)?, log_key: row.text(8)? }))
}

fn read_place(row: &Row) -> Result<(BoxId, Hash), RegisterError> {
    Ok((BoxId(row.count(0)?), row.parse(1)?))
}

fn read_box(row: &Row) -> Result<BoxState, RegisterError> {
    let time = |column: usize| -> Result<Option<Timestamp>, RegisterError> {
        Ok(row.find_int(column)?.map(Timestamp::from_unix_ms))
    };
    Ok(BoxState {
        id: BoxId(row.count(0)?),
        uai: row.text(1)?,
        log_key: row.text(2)?,
        version: row.text(3)?,
        enrolled: Timestamp::from_unix_ms(row.int(4)?),
        revoked: time(5)?,
        seen: time(6)?,
        health: row.find_text(7)?,
        log_size: row.count(8)?,
    })
}
