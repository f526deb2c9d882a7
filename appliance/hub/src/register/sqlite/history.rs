//! The history of schools, in SQLite.

use model::Timestamp;
use rusqlite::{OptionalExtension as _, Row, Transaction};

use super::{SqliteRegister, stored};
use crate::register::history::{
    ALERTS_MAX, Alert, Channel, History, Kept, Level, NewAlert, REPORT_DAYS_MAX, Report, SignedState,
};
use crate::register::{BoxId, RegisterError};

/// A new step of the schema.
pub(super) const STEP: &str = "CREATE TABLE report (
       box INTEGER NOT NULL REFERENCES box, day INTEGER NOT NULL, at_ms INTEGER NOT NULL, health TEXT NOT NULL,
       PRIMARY KEY (box, day)) STRICT;
     CREATE TABLE standing (
       uai TEXT PRIMARY KEY REFERENCES school, level TEXT NOT NULL, since_ms INTEGER NOT NULL,
       is_told INTEGER NOT NULL) STRICT;
     CREATE TABLE alert (
       id INTEGER PRIMARY KEY AUTOINCREMENT, channel TEXT NOT NULL, uai TEXT NOT NULL, subject TEXT NOT NULL,
       body TEXT NOT NULL, made_ms INTEGER NOT NULL, next_ms INTEGER NOT NULL, tries INTEGER NOT NULL,
       ended_ms INTEGER, is_sent INTEGER NOT NULL) STRICT;
     CREATE INDEX alert_due ON alert (ended_ms, next_ms);";
const DAY_MS: i64 = 86_400_000;
const ALERT_COLUMNS: &str = "id, channel, uai, subject, body, made_ms, tries, ended_ms, is_sent";

impl History for SqliteRegister {
    fn keep_report(&self, of: BoxId, report: &Report) -> Result<(), RegisterError> {
        let day = report.at.unix_ms().div_euclid(DAY_MS);
        self.write(|transaction| {
            let sql = "INSERT INTO report VALUES (?1, ?2, ?3, ?4)
                       ON CONFLICT (box, day) DO UPDATE SET at_ms = ?3, health = ?4";
            transaction.execute(sql, (stored(of.0), day, report.at.unix_ms(), &report.health))?;
            let sql = "DELETE FROM report WHERE box = ?1 AND day <= ?2";
            let last = day.saturating_sub(REPORT_DAYS_MAX);
            Ok(transaction.execute(sql, (stored(of.0), last)).map(drop)?)
        })
    }

    fn reports(&self, of: BoxId, since: Timestamp) -> Result<Vec<Report>, RegisterError> {
        let sql = "SELECT at_ms, health FROM report WHERE box = ?1 AND at_ms >= ?2 ORDER BY at_ms";
        self.list(sql, (stored(of.0), since.unix_ms()), |row| {
            Ok(Report { at: Timestamp::from_unix_ms(row.get(0)?), health: row.get(1)? })
        })
    }

    fn standings(&self) -> Result<Vec<Kept>, RegisterError> {
        self.list("SELECT uai, level, since_ms, is_told FROM standing ORDER BY uai", (), |row| {
            let level: String = row.get(1)?;
            Ok(Kept {
                uai: row.get(0)?,
                level: level.parse().unwrap_or(Level::Idle),
                since: Timestamp::from_unix_ms(row.get(2)?),
                is_told: row.get(3)?,
            })
        })
    }

    fn keep_standing(
        &self,
        before: Option<&Kept>,
        new: &Kept,
        alerts: &[NewAlert],
        now: Timestamp,
    ) -> Result<bool, RegisterError> {
        self.write(|transaction| {
            let row = (&new.uai, new.level.as_str(), new.since.unix_ms(), new.is_told);
            let kept = match before {
                None => {
                    let sql = "INSERT INTO standing VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO NOTHING";
                    transaction.execute(sql, row)?
                }
                Some(before) => {
                    let sql = "UPDATE standing SET level = ?2, since_ms = ?3, is_told = ?4
                               WHERE uai = ?1 AND level = ?5 AND is_told = ?6";
                    let (uai, level, since, is_told) = row;
                    let row = (uai, level, since, is_told, before.level.as_str(), before.is_told);
                    transaction.execute(sql, row)?
                }
            };
            if kept == 1 {
                alerts.iter().try_for_each(|alert| insert(transaction, alert, now))?;
            }
            Ok(kept == 1)
        })
    }

    fn add_alert(&self, alert: &NewAlert, now: Timestamp) -> Result<(), RegisterError> {
        self.write(|transaction| insert(transaction, alert, now))
    }

    fn take_alerts(&self, now: Timestamp, until: Timestamp, count: u32) -> Result<Vec<Alert>, RegisterError> {
        self.write(|transaction| {
            let sql = format!(
                "UPDATE alert SET next_ms = ?2, tries = tries + 1 WHERE id IN
                   (SELECT id FROM alert WHERE ended_ms IS NULL AND next_ms <= ?1 ORDER BY id LIMIT ?3)
                 RETURNING {ALERT_COLUMNS}"
            );
            let mut statement = transaction.prepare(&sql)?;
            let rows = statement.query_map((now.unix_ms(), until.unix_ms(), count), read_alert)?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
    }

    fn postpone_alert(&self, id: u64, until: Timestamp) -> Result<(), RegisterError> {
        let sql = "UPDATE alert SET next_ms = ?2 WHERE id = ?1 AND ended_ms IS NULL";
        self.write(|transaction| Ok(transaction.execute(sql, (stored(id), until.unix_ms())).map(drop)?))
    }

    fn end_alert(&self, id: u64, is_sent: bool, now: Timestamp) -> Result<(), RegisterError> {
        self.write(|transaction| {
            let sql = "UPDATE alert SET ended_ms = ?2, is_sent = ?3 WHERE id = ?1";
            transaction.execute(sql, (stored(id), now.unix_ms(), is_sent))?;
            let sql = "DELETE FROM alert WHERE ended_ms IS NOT NULL AND id NOT IN
                       (SELECT id FROM alert ORDER BY id DESC LIMIT ?1)";
            Ok(transaction.execute(sql, [ALERTS_MAX]).map(drop)?)
        })
    }

    fn alerts(&self, count: u32) -> Result<Vec<Alert>, RegisterError> {
        let sql = format!("SELECT {ALERT_COLUMNS} FROM alert ORDER BY id DESC LIMIT ?1");
        self.list(&sql, [count], read_alert)
    }

    fn signed_states(&self, of: BoxId, count: u32) -> Result<Vec<SignedState>, RegisterError> {
        let sql = "SELECT size, at_ms, note FROM signed WHERE box = ?1 ORDER BY size DESC LIMIT ?2";
        self.list(sql, (stored(of.0), count), read_signed)
    }

    fn signed_state(&self, of: BoxId, size: u64) -> Result<Option<SignedState>, RegisterError> {
        let sql = "SELECT size, at_ms, note FROM signed WHERE box = ?1 AND size = ?2";
        Ok(self.connection().query_row(sql, (stored(of.0), stored(size)), read_signed).optional()?)
    }
}

fn insert(transaction: &Transaction<'_>, alert: &NewAlert, now: Timestamp) -> Result<(), RegisterError> {
    let NewAlert { channel, uai, subject, body } = alert;
    let sql = "INSERT INTO alert (channel, uai, subject, body, made_ms, next_ms, tries, is_sent)
               VALUES (?1, ?2, ?3, ?4, ?5, ?5, 0, 0)";
    let row = (channel.as_str(), uai, subject, body, now.unix_ms());
    Ok(transaction.execute(sql, row).map(drop)?)
}

fn read_alert(row: &Row<'_>) -> rusqlite::Result<Alert> {
    let channel: String = row.get(1)?;
    let channel = Channel::ALL.into_iter().find(|one| one.as_str() == channel).unwrap_or(Channel::Mail);
    Ok(Alert {
        id: row.get::<_, i64>(0)?.unsigned_abs(),
        new: NewAlert { channel, uai: row.get(2)?, subject: row.get(3)?, body: row.get(4)? },
        made: Timestamp::from_unix_ms(row.get(5)?),
        tries: row.get(6)?,
        ended: row.get::<_, Option<i64>>(7)?.map(Timestamp::from_unix_ms),
        is_sent: row.get(8)?,
    })
}

fn read_signed(row: &Row<'_>) -> rusqlite::Result<SignedState> {
    Ok(SignedState {
        size: row.get::<_, i64>(0)?.unsigned_abs(),
        at: Timestamp::from_unix_ms(row.get(1)?),
        note: row.get(2)?,
    })
}
