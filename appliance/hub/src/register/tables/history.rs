//! The history of schools.

use model::Timestamp;

use super::stored;
use crate::register::history::{
    ALERTS_MAX, Alert, Channel, History, Kept, Level, NewAlert, REPORT_DAYS_MAX, Report, SignedState,
};
use crate::register::sql::{Database, Row, Sql, change, run, values};
use crate::register::{BoxId, RegisterError};

const DAY_MS: i64 = 86_400_000;
const ALERT_COLUMNS: &str = "id, channel, uai, subject, body, made_ms, tries, ended_ms, is_sent";

impl<D: Database> History for D {
    fn keep_report(&self, of: BoxId, report: &Report) -> Result<(), RegisterError> {
        let day = report.at.unix_ms().div_euclid(DAY_MS);
        change(self, |open| {
            let sql = "INSERT INTO report (box, day, at_ms, health) VALUES (?1, ?2, ?3, ?4)
                       ON CONFLICT (box, day) DO UPDATE SET at_ms = ?3, health = ?4";
            open.run(sql, values![of.key(), day, report.at.unix_ms(), report.health.as_str()])?;
            let last = day.saturating_sub(REPORT_DAYS_MAX);
            open.run("DELETE FROM report WHERE day <= ?1", values![last]).map(drop)
        })
    }

    fn reports(&self, of: BoxId, since: Timestamp) -> Result<Vec<Report>, RegisterError> {
        let sql = "SELECT at_ms, health FROM report WHERE box = ?1 AND at_ms >= ?2 ORDER BY at_ms";
        let rows = self.look(sql, values![of.key(), since.unix_ms()])?;
        let read = |row: &Row| Ok(Report { at: Timestamp::from_unix_ms(row.int(0)?), health: row.text(1)? });
        rows.iter().map(read).collect()
    }

    fn standings(&self) -> Result<Vec<Kept>, RegisterError> {
        let rows = self.look("SELECT uai, level, since_ms, is_told FROM standing ORDER BY uai", &[])?;
        let read = |row: &Row| {
            Ok(Kept {
                uai: row.text(0)?,
                level: row.text(1)?.parse().unwrap_or(Level::Idle),
                since: Timestamp::from_unix_ms(row.int(2)?),
                is_told: row.is(3)?,
            })
        };
        rows.iter().map(read).collect()
    }

    fn keep_standing(
        &self,
        before: Option<&Kept>,
        new: &Kept,
        alerts: &[NewAlert],
        now: Timestamp,
    ) -> Result<bool, RegisterError> {
        let (uai, level, since) = (new.uai.as_str(), new.level.as_str(), new.since.unix_ms());
        change(self, |open| {
            let kept = match before {
                None => {
                    let sql = "INSERT INTO standing (uai, level, since_ms, is_told) VALUES (?1, ?2, ?3, ?4)
                               ON CONFLICT DO NOTHING";
                    open.run(sql, values![uai, level, since, new.is_told])?
                }
                Some(before) => {
                    let sql = "UPDATE standing SET level = ?2, since_ms = ?3, is_told = ?4
                               WHERE uai = ?1 AND level = ?5 AND is_told = ?6";
                    let known = (before.level.as_str(), before.is_told);
                    open.run(sql, values![uai, level, since, new.is_told, known.0, known.1])?
                }
            };
            if kept == 1 {
                alerts.iter().try_for_each(|alert| insert(open, alert, now))?;
            }
            Ok(kept == 1)
        })
    }

    fn add_alert(&self, alert: &NewAlert, now: Timestamp) -> Result<(), RegisterError> {
        change(self, |open| insert(open, alert, now))
    }

    fn take_alerts(
        &self,
        by: &[Channel],
        now: Timestamp,
        until: Timestamp,
        count: u32,
    ) -> Result<Vec<Alert>, RegisterError> {
        if by.is_empty() {
            return Ok(Vec::new());
        }
        // The program's own words: nothing in them has to be quoted.
        let words: Vec<String> = by.iter().map(|channel| format!("'{}'", channel.as_str())).collect();
        let sql = format!(
            "UPDATE alert SET next_ms = ?2, tries = tries + 1 WHERE id IN
               (SELECT id FROM alert WHERE ended_ms IS NULL AND next_ms <= ?1 AND channel IN ({})
                ORDER BY id LIMIT ?3)
             RETURNING {ALERT_COLUMNS}",
            words.join(", ")
        );
        let mut taken = change(self, |open| {
            let rows = open.rows(&sql, values![now.unix_ms(), until.unix_ms(), count])?;
            rows.iter().map(read_alert).collect::<Result<Vec<Alert>, RegisterError>>()
        })?;
        // What a change returns has no order.
        taken.sort_by_key(|alert| alert.id);
        Ok(taken)
    }

    fn postpone_alert(&self, id: u64, until: Timestamp) -> Result<(), RegisterError> {
        let sql = "UPDATE alert SET next_ms = ?2 WHERE id = ?1 AND ended_ms IS NULL";
        run(self, sql, values![stored(id), until.unix_ms()]).map(drop)
    }

    fn end_alert(&self, id: u64, is_sent: bool, now: Timestamp) -> Result<(), RegisterError> {
        change(self, |open| {
            let sql = "UPDATE alert SET ended_ms = ?2, is_sent = ?3 WHERE id = ?1";
            open.run(sql, values![stored(id), now.unix_ms(), is_sent])?;
            let sql = "DELETE FROM alert WHERE ended_ms IS NOT NULL AND id NOT IN
                       (SELECT id FROM alert ORDER BY id DESC LIMIT ?1)";
            open.run(sql, values![ALERTS_MAX]).map(drop)
        })
    }

    fn alerts(&self, count: u32) -> Result<Vec<Alert>, RegisterError> {
        let sql = format!("SELECT {ALERT_COLUMNS} FROM alert ORDER BY id DESC LIMIT ?1");
        self.look(&sql, values![count])?.iter().map(read_alert).collect()
    }

    fn signed_states(&self, of: BoxId, count: u32) -> Result<Vec<SignedState>, RegisterError> {
        let sql = "SELECT size, at_ms, note FROM signed WHERE box = ?1 ORDER BY size DESC LIMIT ?2";
        self.look(sql, values![of.key(), count])?.iter().map(read_signed).collect()
    }

    fn signed_state(&self, of: BoxId, size: u64) -> Result<Option<SignedState>, RegisterError> {
        let sql = "SELECT size, at_ms, note FROM signed WHERE box = ?1 AND size = ?2";
        self.look(sql, values![of.key(), stored(size)])?.first().map(read_signed).transpose()
    }
}

pub(super) fn insert(open: &mut dyn Sql, alert: &NewAlert, now: Timestamp) -> Result<(), RegisterError> {
    let NewAlert { channel, uai, subject, body } = alert;
    let sql = "INSERT INTO alert (channel, uai, subject, body, made_ms, next_ms, tries, is_sent)
               VALUES (?1, ?2, ?3, ?4, ?5, ?5, 0, 0)";
    open.run(sql, values![channel.as_str(), &**uai, &**subject, &**body, now.unix_ms()]).map(drop)
}

fn read_alert(row: &Row) -> Result<Alert, RegisterError> {
    let channel = row.text(1)?;
    let channel = Channel::ALL.into_iter().find(|one| one.as_str() == channel).unwrap_or(Channel::Mail);
    Ok(Alert {
        id: row.count(0)?,
        new: NewAlert { channel, uai: row.text(2)?, subject: row.text(3)?, body: row.text(4)? },
        made: Timestamp::from_unix_ms(row.int(5)?),
        tries: row.small(6)?,
        ended: row.find_int(7)?.map(Timestamp::from_unix_ms),
        is_sent: row.is(8)?,
    })
}

fn read_signed(row: &Row) -> Result<SignedState, RegisterError> {
    Ok(SignedState { size: row.count(0)?, at: Timestamp::from_unix_ms(row.int(1)?), note: row.text(2)? })
}
