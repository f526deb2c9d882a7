//! What the commune decides of the configuration of each school's box.

use model::{Timestamp, Uai};
use replication::SheetConfiguration;

use super::stored;
use super::wishes::raise;
use crate::register::RegisterError;
use crate::register::configurations::{Configurations, VERSIONS_MAX, Version};
use crate::register::sql::{Database, Row, Sql, change, values};

impl<D: Database> Configurations for D {
    fn configurations(&self, uai: &str) -> Result<Vec<Version>, RegisterError> {
        let sql = "SELECT number, text, author, made_ms FROM school_configuration WHERE uai = ?1 ORDER BY number DESC";
        self.look(sql, values![uai])?.iter().map(read_version).collect()
    }

    fn configured(&self) -> Result<Vec<String>, RegisterError> {
        let rows = self.look("SELECT DISTINCT uai FROM school_configuration ORDER BY uai", &[])?;
        rows.iter().map(|row| row.text(0)).collect()
    }

    fn configure(
        &self,
        uai: &Uai,
        before: u64,
        (text, author): (&str, &str),
        now: Timestamp,
    ) -> Result<Option<u64>, RegisterError> {
        let uai = uai.as_str();
        change(self, |open| {
            let known = open.row("SELECT count(*) FROM school WHERE uai = ?1", values![uai])?;
            if known.map_or(Ok(0), |row| row.count(0))? == 0 {
                return Err(RegisterError::NoSchool(uai.to_owned()));
            }
            let last = "SELECT coalesce(max(number), 0) FROM school_configuration WHERE uai = ?1";
            if highest(open, last, uai)? != before {
                return Ok(None);
            }
            raise(open, uai, now)?;
            let number = highest(open, "SELECT coalesce(max(serial), 0) FROM sheet WHERE uai = ?1", uai)?;
            let sql = "INSERT INTO school_configuration (uai, number, text, author, made_ms) VALUES (?1, ?2, ?3, ?4, ?5)";
            open.run(sql, values![uai, stored(number), text, author, now.unix_ms()])?;
            let surplus = "DELETE FROM school_configuration WHERE uai = ?1 AND number NOT IN
                           (SELECT number FROM school_configuration WHERE uai = ?1 ORDER BY number DESC LIMIT ?2)";
            open.run(surplus, values![uai, VERSIONS_MAX])?;
            Ok(Some(number))
        })
    }
}

/// What a school's box is told.
pub(super) fn decided(open: &mut dyn Sql, uai: &str) -> Result<Option<SheetConfiguration>, RegisterError> {
    let sql = "SELECT number, text FROM school_configuration WHERE uai = ?1 ORDER BY number DESC LIMIT 1";
    let row = open.row(sql, values![uai])?;
    row.map(|row| Ok(SheetConfiguration { number: row.count(0)?, text: row.text(1)? })).transpose()
}

fn highest(open: &mut dyn Sql, sql: &str, uai: &str) -> Result<u64, RegisterError> {
    open.row(sql, values![uai])?.map_or(Ok(0), |row| row.count(0))
}

fn read_version(row: &Row) -> Result<Version, RegisterError> {
    Ok(Version {
        number: row.count(0)?,
        text: row.text(1)?,
        author: row.text(2)?,
        made: Timestamp::from_unix_ms(row.int(3)?),
    })
}
