//! Names that the commune owns, and what was certified for them.

use model::{DomainName, Timestamp, Uai};
use replication::limits::WEB_NAMES_MAX;

use crate::register::sql::{Database, Row, change, run, values};
use crate::register::web::{
    AGAIN_MS, DETAIL_LENGTH_MAX, FORGOTTEN_MS, TRIES_A_DAY_MAX, Web, WebFailure, WebOrder,
};
use crate::register::{BoxId, RegisterError};

const DAY_MS: i64 = 86_400_000;
/// What is read of a request.
const ORDER_COLUMNS: &str = "SELECT uai, public_key, request, asked_ms, chain, until_ms,
     (SELECT count(*) FROM box WHERE box.id = web_order.box AND box.revoked_ms IS NOT NULL),
     since_ms, tried_ms, tried_day, tries, failure, detail FROM web_order";

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
        let sql = format!("{ORDER_COLUMNS} ORDER BY uai");
        self.look(&sql, &[])?.iter().map(read_order).collect()
    }

    fn pending_web_orders(&self) -> Result<Vec<WebOrder>, RegisterError> {
        let sql = format!(
            "{ORDER_COLUMNS} WHERE chain = '' AND EXISTS (SELECT 1 FROM web_name WHERE web_name.uai = web_order.uai)
               AND NOT EXISTS (SELECT 1 FROM box WHERE box.id = web_order.box AND box.revoked_ms IS NOT NULL) ORDER BY uai"
        );
        self.look(&sql, &[])?.iter().map(read_order).collect()
    }

    fn put_web_request(
        &self,
        uai: &str,
        by: BoxId,
        public_key: &[u8],
        request: &[u8],
        now: Timestamp,
    ) -> Result<(), RegisterError> {
        let sql = "INSERT INTO web_order (uai, box, public_key, request, asked_ms, since_ms, chain, until_ms) VALUES (?1, ?2, ?3, ?4, ?5, ?5, '', 0)
                   ON CONFLICT (uai) DO UPDATE SET box = excluded.box, public_key = excluded.public_key, request = excluded.request,
                     asked_ms = excluded.asked_ms, chain = '', until_ms = 0,
                     since_ms = CASE WHEN web_order.chain = '' AND web_order.asked_ms > ?6 THEN web_order.since_ms ELSE excluded.since_ms END";
        let forgotten = now.unix_ms().saturating_sub(FORGOTTEN_MS);
        run(self, sql, values![uai, by.key(), public_key, request, now.unix_ms(), forgotten]).map(drop)
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

    fn note_web_failure(
        &self,
        uai: &str,
        public_key: &[u8],
        failure: WebFailure,
        detail: &str,
    ) -> Result<bool, RegisterError> {
        let sql = "UPDATE web_order SET failure = ?3, detail = ?4 WHERE uai = ?1 AND public_key = ?2 AND chain = ''";
        // What a program has said goes to a terminal, and into a text of PostgreSQL's, which takes no zero.
        let plain = |letter: char| if letter.is_control() { ' ' } else { letter };
        let detail: String = detail.chars().map(plain).take(DETAIL_LENGTH_MAX).collect();
        Ok(run(self, sql, values![uai, public_key, failure.as_str(), detail])? == 1)
    }

    fn keep_web_chain(
        &self,
        uai: &str,
        public_key: &[u8],
        chain: &str,
        until: Timestamp,
    ) -> Result<bool, RegisterError> {
        let sql = "UPDATE web_order SET chain = ?3, until_ms = ?4, failure = '', detail = '' WHERE uai = ?1 AND public_key = ?2";
        Ok(run(self, sql, values![uai, public_key, chain, until.unix_ms()])? == 1)
    }
}

fn read_order(row: &Row) -> Result<WebOrder, RegisterError> {
    let chain = Some(row.text(4)?).filter(|chain| !chain.is_empty());
    let until = Timestamp::from_unix_ms(row.int(5)?);
    let (tried_ms, tried_day, tries) = (row.int(8)?, row.int(9)?, row.int(10)?);
    let tried =
        (tries > 0).then(|| (Timestamp::from_unix_ms(tried_ms), next_try(tried_ms, tried_day, tries)));
    // A word that is not known is a newer hub's.
    let detail = row.text(12)?;
    let failure = WebFailure::find(&row.text(11)?).map(|failure| (failure, detail));
    Ok(WebOrder {
        uai: row.text(0)?,
        public_key: row.blob(1)?,
        request: row.blob(2)?,
        is_revoked: row.int(6)? > 0,
        asked: Timestamp::from_unix_ms(row.int(3)?),
        since: Timestamp::from_unix_ms(row.int(7)?),
        tried,
        failure,
        made: chain.map(|chain| (chain, until)),
    })
}

/// From when on [`Web::claim_web_request`] gives another try.
fn next_try(tried_ms: i64, tried_day: i64, tries: i64) -> Timestamp {
    let is_spent = tries >= i64::from(TRIES_A_DAY_MAX);
    let tomorrow = if is_spent { tried_day.saturating_add(1).saturating_mul(DAY_MS) } else { i64::MIN };
    Timestamp::from_unix_ms(tried_ms.saturating_add(AGAIN_MS).max(tomorrow))
}
