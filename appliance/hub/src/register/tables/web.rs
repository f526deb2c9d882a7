//! Names that the commune owns, and what was certified for them.

use model::{DomainName, Timestamp, Uai};
use replication::limits::WEB_NAMES_MAX;

use crate::register::sql::{Database, Row, change, run, values};
use crate::register::web::{AGAIN_MS, TRIES_A_DAY_MAX, Web, WebOrder};
use crate::register::{BoxId, RegisterError};

const DAY_MS: i64 = 86_400_000;

impl<D: Database> Web for D {
    fn web_names(&self) -> Result<Vec<(String, DomainName)>, RegisterError> {
        let rows = self.look("SELECT uai, name FROM web_name ORDER BY uai, name", &[])?;
        rows.iter().map(|row| Ok((row.text(0)?, row.parse(1)?))).collect()
    }

    fn add_web_name(&self, uai: &Uai, name: &DomainName) -> Result<bool, RegisterError> {
        change(self, |open| {
            let counted = open.row("SELECT count(*) FROM web_name WHERE uai = ?1", values![uai.as_str()])?;
            let most = u64::try_from(WEB_NAMES_MAX).unwrap_or(u64::MAX);
            if counted.map_or(Ok(0), |row| row.count(0))? >= most {
                return Ok(false);
            }
            let sql = "INSERT INTO web_name (name, uai) VALUES (?1, ?2) ON CONFLICT DO NOTHING";
            Ok(open.run(sql, values![name.as_str(), uai.as_str()])? == 1)
        })
    }

    fn remove_web_name(&self, name: &DomainName) -> Result<bool, RegisterError> {
        Ok(run(self, "DELETE FROM web_name WHERE name = ?1", values![name.as_str()])? == 1)
    }

    fn web_orders(&self) -> Result<Vec<WebOrder>, RegisterError> {
        let sql = "SELECT uai, public_key, request, asked_ms, chain, until_ms,
                     (SELECT count(*) FROM box WHERE box.id = web_order.box AND box.revoked_ms IS NOT NULL)
                   FROM web_order ORDER BY uai";
        let read = |row: &Row| {
            let chain = Some(row.text(4)?).filter(|chain| !chain.is_empty());
            let until = Timestamp::from_unix_ms(row.int(5)?);
            Ok(WebOrder {
                uai: row.text(0)?,
                public_key: row.blob(1)?,
                request: row.blob(2)?,
                is_revoked: row.int(6)? > 0,
                asked: Timestamp::from_unix_ms(row.int(3)?),
                made: chain.map(|chain| (chain, until)),
            })
        };
        self.look(sql, &[])?.iter().map(read).collect()
    }

    fn put_web_request(
        &self,
        uai: &str,
        by: BoxId,
        public_key: &[u8],
        request: &[u8],
        now: Timestamp,
    ) -> Result<(), RegisterError> {
        let sql = "INSERT INTO web_order (uai, box, public_key, request, asked_ms, chain, until_ms) VALUES (?1, ?2, ?3, ?4, ?5, '', 0)
                   ON CONFLICT (uai) DO UPDATE SET box = excluded.box, public_key = excluded.public_key, request = excluded.request,
                     asked_ms = excluded.asked_ms, chain = '', until_ms = 0";
        run(self, sql, values![uai, by.key(), public_key, request, now.unix_ms()]).map(drop)
    }

    fn claim_web_request(&self, uai: &str, public_key: &[u8], now: Timestamp) -> Result<bool, RegisterError> {
        let (now, day) = (now.unix_ms(), now.unix_ms().div_euclid(DAY_MS));
        // What was tried long after now was tried by another clock.
        let sql = "UPDATE web_order SET tries = CASE WHEN tried_day = ?4 THEN tries + 1 ELSE 1 END, tried_day = ?4, tried_ms = ?3
                   WHERE uai = ?1 AND public_key = ?2 AND chain = '' AND (tried_ms <= ?5 OR tried_ms > ?6) AND (tried_day <> ?4 OR tries < ?7)
                     AND NOT EXISTS (SELECT 1 FROM box WHERE box.id = web_order.box AND box.revoked_ms IS NOT NULL)";
        let (before, after) = (now.saturating_sub(AGAIN_MS), now.saturating_add(AGAIN_MS));
        Ok(run(self, sql, values![uai, public_key, now, day, before, after, TRIES_A_DAY_MAX])? == 1)
    }

    fn keep_web_chain(
        &self,
        uai: &str,
        public_key: &[u8],
        chain: &str,
        until: Timestamp,
    ) -> Result<bool, RegisterError> {
        let sql = "UPDATE web_order SET chain = ?3, until_ms = ?4 WHERE uai = ?1 AND public_key = ?2";
        Ok(run(self, sql, values![uai, public_key, chain, until.unix_ms()])? == 1)
    }
}
