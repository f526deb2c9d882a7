//! The people of the register.

use std::collections::BTreeSet;

use model::{Failures, PersonName, Timestamp};
use people::{CodeKey, CodeStep, PaperHash, StoredSecret, TokenHash};

use super::stored;
use crate::register::RegisterError;
use crate::register::people::{
    Act, Count, Credentials, Duty, FAILURES_MAX, KNOWN_MAX, MEMBERS_MAX, Member, MemberId, Proof,
    SESSIONS_MAX, SessionState, Staff,
};
use crate::register::sql::{Database, Row, Sql, change, run, values};

/// What is read of somebody.
const COLUMNS: &str = "member.id, member.name, duties, has_first_secret,
     CASE WHEN code_key IS NULL THEN 0 ELSE 1 END, disabled_ms, account";

impl<D: Database> Staff for D {
    fn add_member(
        &self,
        name: &PersonName,
        duties: &BTreeSet<Duty>,
        secret: &StoredSecret,
    ) -> Result<MemberId, RegisterError> {
        let duties: Vec<&str> = duties.iter().map(|duty| duty.as_str()).collect();
        let duties = duties.join(",");
        change(self, |open| {
            let count = open.row("SELECT count(*) FROM member", &[])?.map_or(Ok(0), |row| row.small(0))?;
            let sql = "INSERT INTO member (name, name_key, duties, secret, has_first_secret, step)
                       VALUES (?1, ?2, ?3, ?4, 1, 0) ON CONFLICT DO NOTHING RETURNING id";
            let added = open.row(sql, values![name.as_str(), key(name), duties.as_str(), secret.as_phc()])?;
            let added = added.filter(|_| count < MEMBERS_MAX).ok_or(RegisterError::Taken)?;
            Ok(MemberId(added.count(0)?))
        })
    }

    fn members(&self) -> Result<Vec<Member>, RegisterError> {
        let rows = self.look(&format!("SELECT {COLUMNS} FROM member ORDER BY name_key"), &[])?;
        rows.iter().map(read_member).collect()
    }

    fn find_member(&self, name: &PersonName) -> Result<Option<Credentials>, RegisterError> {
        let sql = format!("SELECT {COLUMNS}, secret, code_key, step FROM member WHERE name_key = ?1");
        let rows = self.look(&sql, values![key(name)])?;
        let read = |row: &Row| {
            Ok(Credentials {
                member: read_member(row)?,
                secret: StoredSecret::from_phc(row.text(7)?),
                key: row.find_text(8)?.and_then(|text| CodeKey::parse(&text)),
                step: CodeStep(row.count(9)?),
            })
        };
        rows.first().map(read).transpose()
    }

    fn find_account(&self, account: &str) -> Result<Option<Member>, RegisterError> {
        let sql = format!("SELECT {COLUMNS} FROM member WHERE account = ?1 AND disabled_ms IS NULL");
        // An empty one is nobody's.
        let rows = if account.is_empty() { vec![] } else { self.look(&sql, values![account_key(account)])? };
        rows.first().map(read_member).transpose()
    }

    fn set_account(&self, of: MemberId, account: Option<&str>) -> Result<(), RegisterError> {
        let account = account.map(account_key).unwrap_or_default();
        change(self, |open| {
            let sql = "SELECT count(*) FROM member WHERE account = ?1 AND account <> '' AND id <> ?2";
            let others = open.row(sql, values![account.as_str(), stored(of.0)])?;
            if others.map_or(Ok(false), |row| row.is(0))? {
                return Err(RegisterError::Taken);
            }
            let sql = "UPDATE member SET account = ?2 WHERE id = ?1";
            open.run(sql, values![stored(of.0), account.as_str()])?;
            end_sessions(open, of)
        })
    }

    fn reset_member(&self, of: MemberId, secret: &StoredSecret) -> Result<(), RegisterError> {
        change(self, |open| {
            let sql = "UPDATE member SET secret = ?2, has_first_secret = 1, code_key = NULL WHERE id = ?1";
            open.run(sql, values![stored(of.0), secret.as_phc()])?;
            open.run("DELETE FROM paper WHERE member = ?1", values![stored(of.0)])?;
            end_sessions(open, of)
        })
    }

    fn disable_member(&self, of: MemberId, now: Timestamp) -> Result<(), RegisterError> {
        change(self, |open| {
            let sql = "UPDATE member SET disabled_ms = ?2 WHERE id = ?1 AND disabled_ms IS NULL";
            open.run(sql, values![stored(of.0), now.unix_ms()])?;
            end_sessions(open, of)
        })
    }

    fn keep_secret(&self, of: MemberId, secret: &StoredSecret) -> Result<(), RegisterError> {
        change(self, |open| {
            let sql = "UPDATE member SET secret = ?2, has_first_secret = 0 WHERE id = ?1";
            open.run(sql, values![stored(of.0), secret.as_phc()])?;
            end_sessions(open, of)
        })
    }

    fn keep_key(
        &self,
        of: MemberId,
        new: &CodeKey,
        step: CodeStep,
        papers: &[PaperHash],
    ) -> Result<bool, RegisterError> {
        change(self, |open| {
            let sql = "UPDATE member SET code_key = ?2, step = ?3 WHERE id = ?1 AND code_key IS NULL";
            if open.run(sql, values![stored(of.0), new.reveal(), stored(step.0)])? == 0 {
                return Ok(false);
            }
            open.run("DELETE FROM paper WHERE member = ?1", values![stored(of.0)])?;
            for paper in papers {
                open.run(
                    "INSERT INTO paper (member, hash) VALUES (?1, ?2)",
                    values![stored(of.0), &paper.0[..]],
                )?;
            }
            end_sessions(open, of)?;
            Ok(true)
        })
    }

    fn spend_step(&self, of: MemberId, step: CodeStep) -> Result<bool, RegisterError> {
        let sql = "UPDATE member SET step = ?2 WHERE id = ?1 AND step < ?2";
        Ok(run(self, sql, values![stored(of.0), stored(step.0)])? == 1)
    }

    fn spend_paper(&self, of: MemberId, paper: PaperHash) -> Result<bool, RegisterError> {
        let sql = "DELETE FROM paper WHERE member = ?1 AND hash = ?2";
        Ok(run(self, sql, values![stored(of.0), &paper.0[..]])? == 1)
    }

    fn open_session(
        &self,
        of: MemberId,
        token: TokenHash,
        proof: Proof,
        network: &str,
        now: Timestamp,
    ) -> Result<(), RegisterError> {
        change(self, |open| {
            let sql = "INSERT INTO session (token, member, network, began_ms, used_ms, proof) VALUES (?1, ?2, ?3, ?4, ?4, ?5)";
            open.run(sql, values![&token.0[..], stored(of.0), network, now.unix_ms(), proof.number()])?;
            let sql = "DELETE FROM session WHERE member = ?1 AND token NOT IN
                       (SELECT token FROM session WHERE member = ?1 ORDER BY used_ms DESC, began_ms DESC LIMIT ?2)";
            open.run(sql, values![stored(of.0), SESSIONS_MAX])?;
            if proof == Proof::ProviderAlone {
                return Ok(());
            }
            let sql = "INSERT INTO known (name_key, network, at_ms) SELECT name_key, ?2, ?3 FROM member WHERE id = ?1
                       ON CONFLICT (name_key, network) DO UPDATE SET at_ms = ?3";
            open.run(sql, values![stored(of.0), network, now.unix_ms()])?;
            let sql = "DELETE FROM known WHERE name_key = (SELECT name_key FROM member WHERE id = ?1) AND network NOT IN
                       (SELECT network FROM known WHERE name_key = (SELECT name_key FROM member WHERE id = ?1)
                        ORDER BY at_ms DESC LIMIT ?2)";
            open.run(sql, values![stored(of.0), KNOWN_MAX]).map(drop)
        })
    }

    fn find_session(&self, token: TokenHash) -> Result<Option<SessionState>, RegisterError> {
        let sql = format!(
            "SELECT {COLUMNS}, network, began_ms, used_ms, proof FROM session JOIN member ON member.id = session.member
             WHERE token = ?1 AND disabled_ms IS NULL"
        );
        let rows = self.look(&sql, values![&token.0[..]])?;
        let read = |row: &Row| {
            Ok(SessionState {
                member: read_member(row)?,
                network: row.text(7)?,
                began: Timestamp::from_unix_ms(row.int(8)?),
                used: Timestamp::from_unix_ms(row.int(9)?),
                proof: read_proof(row.small(10)?)?,
            })
        };
        rows.first().map(read).transpose()
    }

    fn touch_session(&self, token: TokenHash, now: Timestamp) -> Result<(), RegisterError> {
        let sql = "UPDATE session SET used_ms = ?2 WHERE token = ?1";
        run(self, sql, values![&token.0[..], now.unix_ms()]).map(drop)
    }

    fn end_session(&self, token: TokenHash) -> Result<(), RegisterError> {
        run(self, "DELETE FROM session WHERE token = ?1", values![&token.0[..]]).map(drop)
    }

    fn is_known(&self, name: &PersonName, network: &str) -> Result<bool, RegisterError> {
        let sql = "SELECT count(*) FROM known WHERE name_key = ?1 AND network = ?2";
        self.look(sql, values![key(name), network])?.first().map_or(Ok(false), |row| row.is(0))
    }

    fn failures(&self, of: &str) -> Result<Failures, RegisterError> {
        let rows = self.look("SELECT count, last_ms FROM failure WHERE name = ?1", values![of])?;
        rows.first().map_or(Ok(Failures::default()), read_failures)
    }

    fn add_failure(&self, counts: &[Count], now: Timestamp) -> Result<(), RegisterError> {
        change(self, |open| {
            for Count { of, watch } in counts {
                let sql = "SELECT count, last_ms FROM failure WHERE name = ?1";
                let before = open.row(sql, values![of.as_str()])?;
                let before = before.as_ref().map_or(Ok(Failures::default()), read_failures)?;
                let after = watch.add(before, now);
                let sql = "INSERT INTO failure (name, count, last_ms) VALUES (?1, ?2, ?3)
                           ON CONFLICT (name) DO UPDATE SET count = ?2, last_ms = ?3";
                open.run(sql, values![of.as_str(), after.count, now.unix_ms()])?;
            }
            let sql = "DELETE FROM failure WHERE name NOT IN
                       (SELECT name FROM failure ORDER BY last_ms DESC, name LIMIT ?1)";
            open.run(sql, values![FAILURES_MAX]).map(drop)
        })
    }

    fn forget_failures(&self, of: &[&str]) -> Result<(), RegisterError> {
        change(self, |open| {
            for name in of {
                open.run("DELETE FROM failure WHERE name = ?1", values![*name])?;
            }
            Ok(())
        })
    }

    fn note_act(&self, act: &Act) -> Result<(), RegisterError> {
        let Act { at, author, network, deed, about } = act;
        let sql = "INSERT INTO act (at_ms, author, network, deed, about) VALUES (?1, ?2, ?3, ?4, ?5)";
        run(self, sql, values![at.unix_ms(), &**author, &**network, &**deed, &**about]).map(drop)
    }

    fn acts(&self, before: Option<u64>, count: u32) -> Result<Vec<(u64, Act)>, RegisterError> {
        let sql =
            "SELECT id, at_ms, author, network, deed, about FROM act WHERE id < ?1 ORDER BY id DESC LIMIT ?2";
        let rows = self.look(sql, values![before.map_or(i64::MAX, stored), count])?;
        let read = |row: &Row| {
            let act = Act {
                at: Timestamp::from_unix_ms(row.int(1)?),
                author: row.text(2)?,
                network: row.text(3)?,
                deed: row.text(4)?,
                about: row.text(5)?,
            };
            Ok((row.count(0)?, act))
        };
        rows.iter().map(read).collect()
    }
}

fn end_sessions(open: &mut dyn Sql, of: MemberId) -> Result<(), RegisterError> {
    open.run("DELETE FROM session WHERE member = ?1", values![stored(of.0)]).map(drop)
}

/// Under which name somebody is found, however she writes it.
fn key(name: &PersonName) -> String {
    name.as_str().to_lowercase()
}

/// Under what somebody's account is found: an address in any case of its letters from A to Z, anything else letter by letter. Other letters have
/// small ones that are somebody else's: the sign of kelvin is a k.
fn account_key(account: &str) -> String {
    if account.contains('@') { account.to_ascii_lowercase() } else { account.to_owned() }
}

fn read_proof(number: u32) -> Result<Proof, RegisterError> {
    let found = Proof::ALL.into_iter().find(|proof| proof.number() == number);
    found.ok_or_else(|| RegisterError::Engine("a session began by something that is not known".into()))
}

fn read_failures(row: &Row) -> Result<Failures, RegisterError> {
    Ok(Failures { count: row.small(0)?, last: Some(Timestamp::from_unix_ms(row.int(1)?)) })
}

fn read_member(row: &Row) -> Result<Member, RegisterError> {
    Ok(Member {
        id: MemberId(row.count(0)?),
        name: row.parse(1)?,
        duties: row.text(2)?.split(',').filter_map(|duty| duty.parse().ok()).collect(),
        has_first_secret: row.is(3)?,
        has_key: row.is(4)?,
        disabled: row.find_int(5)?.map(Timestamp::from_unix_ms),
        account: Some(row.text(6)?).filter(|account| !account.is_empty()),
    })
}
