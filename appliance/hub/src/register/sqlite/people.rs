//! The people of the register, in SQLite.

use std::collections::BTreeSet;

use model::{Failures, PersonName, Timestamp};
use people::{CodeKey, CodeStep, PaperHash, StoredSecret, TokenHash};
use rusqlite::{OptionalExtension as _, Row, Transaction, params};

use super::{SqliteRegister, stored};
use crate::register::RegisterError;
use crate::register::people::{
    Act, Count, Credentials, Duty, FAILURES_MAX, KNOWN_MAX, MEMBERS_MAX, Member, MemberId, SESSIONS_MAX,
    SessionState, Staff,
};

/// A new step of the schema.
pub(super) const STEP: &str = "CREATE TABLE member (
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
       BEGIN SELECT raise(ABORT, 'acts are not removed'); END;";
/// What is read of somebody.
const COLUMNS: &str = "member.id, member.name, duties, has_first_secret, code_key IS NOT NULL, disabled_ms";

impl Staff for SqliteRegister {
    fn add_member(
        &self,
        name: &PersonName,
        duties: &BTreeSet<Duty>,
        secret: &StoredSecret,
    ) -> Result<MemberId, RegisterError> {
        self.write(|transaction| {
            let count: u32 = transaction.query_row("SELECT count(*) FROM member", (), |row| row.get(0))?;
            let duties: Vec<&str> = duties.iter().map(|duty| duty.as_str()).collect();
            let sql = "INSERT INTO member (name, name_key, duties, secret, has_first_secret, step)
                       VALUES (?1, ?2, ?3, ?4, 1, 0) ON CONFLICT DO NOTHING RETURNING id";
            let row = params![name.as_str(), key(name), duties.join(","), secret.as_phc()];
            let added = transaction.query_row(sql, row, |row| row.get::<_, i64>(0)).optional()?;
            let id = added.filter(|_| count < MEMBERS_MAX).ok_or(RegisterError::Taken)?;
            Ok(MemberId(id.unsigned_abs()))
        })
    }

    fn members(&self) -> Result<Vec<Member>, RegisterError> {
        self.list(&format!("SELECT {COLUMNS} FROM member ORDER BY name_key"), (), read_member)
    }

    fn find_member(&self, name: &PersonName) -> Result<Option<Credentials>, RegisterError> {
        let sql = format!("SELECT {COLUMNS}, secret, code_key, step FROM member WHERE name_key = ?1");
        let found = self.connection().query_row(&sql, [key(name)], |row| {
            Ok(Credentials {
                member: read_member(row)?,
                secret: StoredSecret::from_phc(row.get(6)?),
                key: row.get::<_, Option<String>>(7)?.and_then(|text| CodeKey::parse(&text)),
                step: CodeStep(row.get::<_, i64>(8)?.unsigned_abs()),
            })
        });
        Ok(found.optional()?)
    }

    fn reset_member(&self, of: MemberId, secret: &StoredSecret) -> Result<(), RegisterError> {
        self.write(|transaction| {
            let sql = "UPDATE member SET secret = ?2, has_first_secret = 1, code_key = NULL WHERE id = ?1";
            transaction.execute(sql, (stored(of.0), secret.as_phc()))?;
            transaction.execute("DELETE FROM paper WHERE member = ?1", [stored(of.0)])?;
            end_sessions(transaction, of)
        })
    }

    fn disable_member(&self, of: MemberId, now: Timestamp) -> Result<(), RegisterError> {
        self.write(|transaction| {
            let sql = "UPDATE member SET disabled_ms = ?2 WHERE id = ?1 AND disabled_ms IS NULL";
            transaction.execute(sql, (stored(of.0), now.unix_ms()))?;
            end_sessions(transaction, of)
        })
    }

    fn keep_secret(&self, of: MemberId, secret: &StoredSecret) -> Result<(), RegisterError> {
        self.write(|transaction| {
            let sql = "UPDATE member SET secret = ?2, has_first_secret = 0 WHERE id = ?1";
            transaction.execute(sql, (stored(of.0), secret.as_phc()))?;
            end_sessions(transaction, of)
        })
    }

    fn keep_key(
        &self,
        of: MemberId,
        new: &CodeKey,
        step: CodeStep,
        papers: &[PaperHash],
    ) -> Result<bool, RegisterError> {
        self.write(|transaction| {
            let sql = "UPDATE member SET code_key = ?2, step = ?3 WHERE id = ?1 AND code_key IS NULL";
            if transaction.execute(sql, (stored(of.0), new.reveal(), stored(step.0)))? == 0 {
                return Ok(false);
            }
            transaction.execute("DELETE FROM paper WHERE member = ?1", [stored(of.0)])?;
            for paper in papers {
                transaction.execute("INSERT INTO paper VALUES (?1, ?2)", (stored(of.0), &paper.0[..]))?;
            }
            Ok(true)
        })
    }

    fn spend_step(&self, of: MemberId, step: CodeStep) -> Result<bool, RegisterError> {
        let sql = "UPDATE member SET step = ?2 WHERE id = ?1 AND step < ?2";
        self.write(|transaction| Ok(transaction.execute(sql, (stored(of.0), stored(step.0)))? == 1))
    }

    fn spend_paper(&self, of: MemberId, paper: PaperHash) -> Result<bool, RegisterError> {
        let sql = "DELETE FROM paper WHERE member = ?1 AND hash = ?2";
        self.write(|transaction| Ok(transaction.execute(sql, (stored(of.0), &paper.0[..]))? == 1))
    }

    fn open_session(
        &self,
        of: MemberId,
        token: TokenHash,
        network: &str,
        now: Timestamp,
    ) -> Result<(), RegisterError> {
        self.write(|transaction| {
            let row = (&token.0[..], stored(of.0), network, now.unix_ms());
            transaction.execute("INSERT INTO session VALUES (?1, ?2, ?3, ?4, ?4)", row)?;
            let sql = "DELETE FROM session WHERE member = ?1 AND token NOT IN
                       (SELECT token FROM session WHERE member = ?1 ORDER BY used_ms DESC, began_ms DESC LIMIT ?2)";
            transaction.execute(sql, (stored(of.0), SESSIONS_MAX))?;
            let sql = "INSERT INTO known SELECT name_key, ?2, ?3 FROM member WHERE id = ?1
                       ON CONFLICT (name_key, network) DO UPDATE SET at_ms = ?3";
            transaction.execute(sql, (stored(of.0), network, now.unix_ms()))?;
            let sql = "DELETE FROM known WHERE name_key = (SELECT name_key FROM member WHERE id = ?1) AND network NOT IN
                       (SELECT network FROM known WHERE name_key = (SELECT name_key FROM member WHERE id = ?1)
                        ORDER BY at_ms DESC LIMIT ?2)";
            Ok(transaction.execute(sql, (stored(of.0), KNOWN_MAX)).map(drop)?)
        })
    }

    fn find_session(&self, token: TokenHash) -> Result<Option<SessionState>, RegisterError> {
        let sql = format!(
            "SELECT {COLUMNS}, network, began_ms, used_ms FROM session JOIN member ON member.id = session.member
             WHERE token = ?1 AND disabled_ms IS NULL"
        );
        let found = self.connection().query_row(&sql, [&token.0[..]], |row| {
            Ok(SessionState {
                member: read_member(row)?,
                network: row.get(6)?,
                began: Timestamp::from_unix_ms(row.get(7)?),
                used: Timestamp::from_unix_ms(row.get(8)?),
            })
        });
        Ok(found.optional()?)
    }

    fn touch_session(&self, token: TokenHash, now: Timestamp) -> Result<(), RegisterError> {
        let sql = "UPDATE session SET used_ms = ?2 WHERE token = ?1";
        self.write(|transaction| Ok(transaction.execute(sql, (&token.0[..], now.unix_ms())).map(drop)?))
    }

    fn end_session(&self, token: TokenHash) -> Result<(), RegisterError> {
        let sql = "DELETE FROM session WHERE token = ?1";
        self.write(|transaction| Ok(transaction.execute(sql, [&token.0[..]]).map(drop)?))
    }

    fn is_known(&self, name: &PersonName, network: &str) -> Result<bool, RegisterError> {
        let sql = "SELECT EXISTS (SELECT 1 FROM known WHERE name_key = ?1 AND network = ?2)";
        Ok(self.connection().query_row(sql, (key(name), network), |row| row.get(0))?)
    }

    fn failures(&self, of: &str) -> Result<Failures, RegisterError> {
        let sql = "SELECT count, last_ms FROM failure WHERE name = ?1";
        Ok(self.connection().query_row(sql, [of], read_failures).optional()?.unwrap_or_default())
    }

    fn add_failure(&self, counts: &[Count], now: Timestamp) -> Result<(), RegisterError> {
        self.write(|transaction| {
            for Count { of, watch } in counts {
                let sql = "SELECT count, last_ms FROM failure WHERE name = ?1";
                let before = transaction.query_row(sql, [of], read_failures).optional()?;
                let after = watch.add(before.unwrap_or_default(), now);
                let sql = "INSERT INTO failure VALUES (?1, ?2, ?3)
                           ON CONFLICT (name) DO UPDATE SET count = ?2, last_ms = ?3";
                transaction.execute(sql, (of, after.count, now.unix_ms()))?;
            }
            let sql = "DELETE FROM failure WHERE name NOT IN
                       (SELECT name FROM failure ORDER BY last_ms DESC, name LIMIT ?1)";
            Ok(transaction.execute(sql, [FAILURES_MAX]).map(drop)?)
        })
    }

    fn forget_failures(&self, of: &[&str]) -> Result<(), RegisterError> {
        self.write(|transaction| {
            for name in of {
                transaction.execute("DELETE FROM failure WHERE name = ?1", [name])?;
            }
            Ok(())
        })
    }

    fn note_act(&self, act: &Act) -> Result<(), RegisterError> {
        let Act { at, author, network, deed, about } = act;
        let sql = "INSERT INTO act (at_ms, author, network, deed, about) VALUES (?1, ?2, ?3, ?4, ?5)";
        let row = (at.unix_ms(), author, network, deed, about);
        self.write(|transaction| Ok(transaction.execute(sql, row).map(drop)?))
    }

    fn acts(&self, count: u32) -> Result<Vec<Act>, RegisterError> {
        let sql = "SELECT at_ms, author, network, deed, about FROM act ORDER BY id DESC LIMIT ?1";
        self.list(sql, [count], |row| {
            Ok(Act {
                at: Timestamp::from_unix_ms(row.get(0)?),
                author: row.get(1)?,
                network: row.get(2)?,
                deed: row.get(3)?,
                about: row.get(4)?,
            })
        })
    }
}

fn end_sessions(transaction: &Transaction<'_>, of: MemberId) -> Result<(), RegisterError> {
    Ok(transaction.execute("DELETE FROM session WHERE member = ?1", [stored(of.0)]).map(drop)?)
}

/// Under which name somebody is found, however she writes it.
fn key(name: &PersonName) -> String {
    name.as_str().to_lowercase()
}

fn read_failures(row: &Row<'_>) -> rusqlite::Result<Failures> {
    Ok(Failures { count: row.get(0)?, last: Some(Timestamp::from_unix_ms(row.get(1)?)) })
}

fn read_member(row: &Row<'_>) -> rusqlite::Result<Member> {
    let name: String = row.get(1)?;
    let name = name.parse().map_err(|error| {
        rusqlite::Error::FromSqlConversionFailure(
            1,
            rusqlite::types::Type::Text,
            Box::<model::TextError>::new(error),
        )
    })?;
    let duties: String = row.get(2)?;
    Ok(Member {
        id: MemberId(row.get::<_, i64>(0)?.unsigned_abs()),
        name,
        duties: duties.split(',').filter_map(|duty| duty.parse().ok()).collect(),
        has_first_secret: row.get(3)?,
        has_key: row.get(4)?,
        disabled: row.get::<_, Option<i64>>(5)?.map(Timestamp::from_unix_ms),
    })
}
