//! Releases of the boxes' system, and which school is to have which.

use archive::Hash;
use model::{Release, ReleaseFile, ReleaseVersion, Timestamp, Uai};

use super::stored;
use super::wishes::{SPARE_BYTES, check_length, raise};
use crate::register::RegisterError;
use crate::register::releases::{HeldRelease, Offer, RELEASES_MAX, Releases};
use crate::register::sql::{Database, Row, Sql, change, read, values};

/// What concerns all schools.
const ALL: &str = "";

impl<D: Database> Releases for D {
    fn add_release(&self, release: &Release, now: Timestamp) -> Result<bool, RegisterError> {
        let version = release.version().to_string();
        change(self, |open| {
            if let Some(found) = read_release(open, &version)? {
                return Ok(found == *release);
            }
            let held =
                open.row("SELECT count(*) FROM system_release", &[])?.map_or(Ok(0), |row| row.count(0))?;
            if held >= u64::from(RELEASES_MAX) {
                return Ok(false);
            }
            let sql = "INSERT INTO system_release (version, added_ms) VALUES (?1, ?2)";
            open.run(sql, values![&*version, now.unix_ms()])?;
            for ReleaseFile { name, bytes, sha256 } in release.files() {
                let sql = "INSERT INTO release_file (version, name, bytes, sha256) VALUES (?1, ?2, ?3, ?4)";
                open.run(sql, values![&*version, &**name, stored(*bytes), &**sha256])?;
            }
            Ok(true)
        })
    }

    fn releases(&self) -> Result<Vec<HeldRelease>, RegisterError> {
        let mut held = read(self, |open| {
            let rows = open.rows("SELECT version, added_ms FROM system_release", &[])?;
            let mut held = Vec::new();
            for row in rows {
                let added = Timestamp::from_unix_ms(row.int(1)?);
                // What is no release any more, somebody has changed there: it is offered to nobody.
                let release = read_release(open, &row.text(0)?)?;
                held.extend(release.map(|release| HeldRelease { release, added }));
            }
            Ok(held)
        })?;
        held.sort_by(|one, other| other.release.version().cmp(one.release.version()));
        Ok(held)
    }

    fn release_file(&self, version: &str, name: &str) -> Result<Option<(Hash, u64)>, RegisterError> {
        let sql = "SELECT sha256, bytes FROM release_file WHERE version = ?1 AND name = ?2";
        let rows = self.look(sql, values![version, name])?;
        rows.first().map(|row| Ok((row.parse(0)?, row.count(1)?))).transpose()
    }

    fn offer_release(
        &self,
        version: &ReleaseVersion,
        uai: Option<&Uai>,
        now: Timestamp,
    ) -> Result<bool, RegisterError> {
        let (version, uai) = (version.to_string(), uai.map_or(ALL, Uai::as_str));
        change(self, |open| {
            if read_release(open, &version)?.is_none() {
                return Ok(false);
            }
            let sql = "INSERT INTO release_offer (uai, version, at_ms) VALUES (?1, ?2, ?3)
                       ON CONFLICT (uai) DO UPDATE SET version = excluded.version, at_ms = excluded.at_ms";
            open.run(sql, values![uai, &*version, now.unix_ms()])?;
            if uai == ALL {
                let sql = "DELETE FROM release_offer WHERE version = ?1 AND uai <> ''";
                open.run(sql, values![&*version])?;
            }
            raise(open, uai, now)?;
            check_length(open, uai, now, SPARE_BYTES)?;
            Ok(true)
        })
    }

    fn offers(&self) -> Result<Vec<Offer>, RegisterError> {
        self.look("SELECT uai, version, at_ms FROM release_offer ORDER BY uai", &[])?
            .iter()
            .map(read_offer)
            .collect()
    }

    fn withdraw_release(
        &self,
        version: &ReleaseVersion,
        now: Timestamp,
    ) -> Result<Option<Vec<Hash>>, RegisterError> {
        let version = version.to_string();
        change(self, |open| {
            let sql = "DELETE FROM release_offer WHERE version = ?1 RETURNING uai";
            let told = open.rows(sql, values![&*version])?;
            for row in told {
                raise(open, &row.text(0)?, now)?;
            }
            let sql = "DELETE FROM release_file WHERE version = ?1 RETURNING sha256";
            let mut gone: Vec<Hash> = open
                .rows(sql, values![&*version])?
                .iter()
                .map(|row| row.parse(0))
                .collect::<Result<_, _>>()?;
            if open.run("DELETE FROM system_release WHERE version = ?1", values![&*version])? == 0 {
                return Ok(None);
            }
            let sql = "SELECT DISTINCT sha256 FROM release_file";
            let left: Vec<Hash> =
                open.rows(sql, &[])?.iter().map(|row| row.parse(0)).collect::<Result<_, _>>()?;
            gone.retain(|hash| !left.contains(hash));
            Ok(Some(gone))
        })
    }

    fn has_release_file(&self, hash: Hash) -> Result<bool, RegisterError> {
        let sql = "SELECT count(*) FROM release_file WHERE sha256 = ?1";
        let rows = self.look(sql, values![hash.to_string()])?;
        rows.first().map_or(Ok(false), |row| Ok(row.count(0)? > 0))
    }
}

/// The release that a school is to have: the higher one of its own and of that of all.
pub(super) fn offered(open: &mut dyn Sql, uai: &str) -> Result<Option<Release>, RegisterError> {
    let sql = "SELECT uai, version, at_ms FROM release_offer WHERE uai IN ('', ?1)";
    let offers: Vec<Offer> =
        open.rows(sql, values![uai])?.iter().map(read_offer).collect::<Result<_, _>>()?;
    match offers.into_iter().map(|offer| offer.version).max() {
        Some(version) => read_release(open, &version.to_string()),
        None => Ok(None),
    }
}

fn read_offer(row: &Row) -> Result<Offer, RegisterError> {
    Ok(Offer {
        uai: Some(row.text(0)?).filter(|uai| !uai.is_empty()),
        version: row.parse(1)?,
        at: Timestamp::from_unix_ms(row.int(2)?),
    })
}

/// A release as it was added; `None` where there is none.
fn read_release(open: &mut dyn Sql, version: &str) -> Result<Option<Release>, RegisterError> {
    let sql = "SELECT name, bytes, sha256 FROM release_file WHERE version = ?1 ORDER BY name";
    let file = |row: &Row| Ok(ReleaseFile { name: row.text(0)?, bytes: row.count(1)?, sha256: row.text(2)? });
    let files =
        open.rows(sql, values![version])?.iter().map(file).collect::<Result<Vec<_>, RegisterError>>()?;
    Ok(version.parse().ok().and_then(|version| Release::new(version, files).ok()))
}
