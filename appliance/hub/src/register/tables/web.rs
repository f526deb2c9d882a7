//! Names that the commune owns, and what was certified for them.

use model::{DomainName, Timestamp, Uai};
use replication::limits::WEB_NAMES_MAX;

use crate::register::RegisterError;
use crate::register::sql::{Database, Row, change, run, values};
use crate::register::web::{Web, WebOrder};

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
        let sql = "SELECT uai, public_key, request, asked_ms, chain, until_ms FROM web_order ORDER BY uai";
        let read = |row: &Row| {
            let chain = Some(row.text(4)?).filter(|chain| !chain.is_empty());
            let until = Timestamp::from_unix_ms(row.int(5)?);
            Ok(WebOrder {
                uai: row.text(0)?,
                public_key: row.blob(1)?,
                request: row.blob(2)?,
                asked: Timestamp::from_unix_ms(row.int(3)?),
                made: chain.map(|chain| (chain, until)),
            })
        };
        self.look(sql, &[])?.iter().map(read).collect()
    }

    fn put_web_request(
        &self,
        uai: &str,
        public_key: &[u8],
        request: &[u8],
        now: Timestamp,
    ) -> Result<(), RegisterError> {
        let sql = "INSERT INTO web_order (uai, public_key, request, asked_ms, chain, until_ms) VALUES (?1, ?2, ?3, ?4, '', 0)
                   ON CONFLICT (uai) DO UPDATE SET public_key = excluded.public_key, request = excluded.request,
                     asked_ms = excluded.asked_ms, chain = '', until_ms = 0";
        run(self, sql, values![uai, public_key, request, now.unix_ms()]).map(drop)
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
