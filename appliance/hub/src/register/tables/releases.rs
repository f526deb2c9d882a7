//! Releases of the boxes' system, and which school is to have which.

use archive::Hash;
use model::{Release, ReleaseArch, ReleaseFile, ReleaseKey, ReleaseVersion, Timestamp, Uai};

use super::stored;
use super::wishes::{SPARE_BYTES, check_length, raise};
use crate::register::RegisterError;
use crate::register::releases::{HeldRelease, Offer, RELEASES_MAX, Releases};
use crate::register::sql::{Database, Row, Sql, change, read, values};

// In `system_release` and `release_file`, a release is told by its key, which for a PC is its version; what is offered is a version, for
// each kind of machine that there is a release of it for.

/// What concerns all schools.
const ALL: &str = "";

impl<D: Database> Releases for D {
    fn add_release(&self, release: &Release, now: Timestamp) -> Result<bool, RegisterError> {
        change(self, |open| {
            if let Some(found) = read_release(open, release.key())? {
                return Ok(found == *release);
            }
            let mut held = 0;
            for row in open.rows("SELECT version FROM system_release", &[])? {
                held += u32::from(read_key(&row)?.is_some_and(|key| key.arch == release.arch()));
            }
            if held >= RELEASES_MAX {
                return Ok(false);
            }
            let key = release.key().to_string();
            let sql = "INSERT INTO system_release (version, added_ms) VALUES (?1, ?2)";
            open.run(sql, values![&*key, now.unix_ms()])?;
            for ReleaseFile { name, bytes, sha256 } in release.files() {
                let sql = "INSERT INTO release_file (version, name, bytes, sha256) VALUES (?1, ?2, ?3, ?4)";
                open.run(sql, values![&*key, &**name, stored(*bytes), &**sha256])?;
            }
            // Who is to have this version for another kind of machine already is to have it for this one.
            let sql = "SELECT uai FROM release_offer WHERE version = ?1";
            for row in open.rows(sql, values![release.version().to_string()])? {
                raise(open, &row.text(0)?, now)?;
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
                let Some(key) = read_key(&row)? else { continue };
                let release = read_release(open, &key)?;
                held.extend(release.map(|release| HeldRelease { release, added }));
            }
            Ok(held)
        })?;
        held.sort_by(|HeldRelease { release: one, .. }, HeldRelease { release: other, .. }| {
            (other.version(), one.arch()).cmp(&(one.version(), other.arch()))
        });
        Ok(held)
    }

    fn release_file(&self, key: &str, name: &str) -> Result<Option<(Hash, u64)>, RegisterError> {
        let sql = "SELECT sha256, bytes FROM release_file WHERE version = ?1 AND name = ?2";
        let rows = self.look(sql, values![key, name])?;
        rows.first().map(|row| Ok((row.parse(0)?, row.count(1)?))).transpose()
    }

    fn offer_release(
        &self,
        version: &ReleaseVersion,
        uai: Option<&Uai>,
        now: Timestamp,
    ) -> Result<bool, RegisterError> {
        let (keys, version, uai) = (keys(version), version.to_string(), uai.map_or(ALL, Uai::as_str));
        change(self, |open| {
            let mut is_held = false;
            for key in &keys {
                is_held |= read_release(open, key)?.is_some();
            }
            if !is_held {
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
        let keys = keys(version);
        change(self, |open| {
            let sql = "DELETE FROM release_offer WHERE version = ?1 RETURNING uai";
            let told = open.rows(sql, values![version.to_string()])?;
            for row in told {
                raise(open, &row.text(0)?, now)?;
            }
            let (mut gone, mut was_there): (Vec<Hash>, u64) = (Vec::new(), 0);
            for key in keys.each_ref().map(ReleaseKey::to_string) {
                let sql = "DELETE FROM release_file WHERE version = ?1 RETURNING sha256";
                for row in open.rows(sql, values![&*key])? {
                    let hash = row.parse(0)?;
                    if !gone.contains(&hash) {
                        gone.push(hash);
                    }
                }
                was_there += open.run("DELETE FROM system_release WHERE version = ?1", values![&*key])?;
            }
            if was_there == 0 {
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

/// The releases that a school is to have, for each kind of machine: the higher one of its own and of that of all.
pub(super) fn offered(open: &mut dyn Sql, uai: &str) -> Result<Vec<Release>, RegisterError> {
    let sql = "SELECT uai, version, at_ms FROM release_offer WHERE uai IN ('', ?1)";
    let offers: Vec<Offer> =
        open.rows(sql, values![uai])?.iter().map(read_offer).collect::<Result<_, _>>()?;
    let mut found = Vec::new();
    for arch in ReleaseArch::ALL {
        let mut highest: Option<Release> = None;
        for Offer { version, .. } in &offers {
            let release = read_release(open, &ReleaseKey { version: version.clone(), arch })?;
            let is_higher = |it: &Release| highest.as_ref().is_none_or(|one| one.version() < it.version());
            highest = release.filter(is_higher).or(highest);
        }
        found.extend(highest);
    }
    Ok(found)
}

/// What releases of a version are told by.
fn keys(version: &ReleaseVersion) -> [ReleaseKey; 2] {
    ReleaseArch::ALL.map(|arch| ReleaseKey { version: version.clone(), arch })
}

/// `None` where it is none of this program's time.
fn read_key(row: &Row) -> Result<Option<ReleaseKey>, RegisterError> {
    Ok(row.text(0)?.parse().ok())
}

fn read_offer(row: &Row) -> Result<Offer, RegisterError> {
    Ok(Offer {
        uai: Some(row.text(0)?).filter(|uai| !uai.is_empty()),
        version: row.parse(1)?,
        at: Timestamp::from_unix_ms(row.int(2)?),
    })
}

/// A release as it was added; `None` where there is none.
fn read_release(open: &mut dyn Sql, key: &ReleaseKey) -> Result<Option<Release>, RegisterError> {
    let sql = "SELECT name, bytes, sha256 FROM release_file WHERE version = ?1 ORDER BY name";
    let file = |row: &Row| Ok(ReleaseFile { name: row.text(0)?, bytes: row.count(1)?, sha256: row.text(2)? });
    let files = open
        .rows(sql, values![key.to_string()])?
        .iter()
        .map(file)
        .collect::<Result<Vec<_>, RegisterError>>()?;
    let release = Release::new(key.version.clone(), files).ok();
    Ok(release.filter(|release| release.arch() == key.arch))
}
