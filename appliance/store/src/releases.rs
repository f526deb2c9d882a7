//! The release of the box's system that the commune wants this school to have.

use model::{CommuneOrderKind, Release, ReleaseFile, ReleaseVersion, Timestamp};
use rusqlite::{Connection, Row, Transaction, params};

use crate::columns::parse;
use crate::letters::keep_order;
use crate::{Store, StoreError};

impl Store {
    /// The release that the commune wants to be here; `None` where it wants none.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn commune_release(&self) -> Result<Option<Release>, StoreError> {
        Ok(read(&self.connection)?)
    }
}

/// Puts what is wanted in the place of what was; what stays is left alone.
pub(crate) fn take(
    transaction: &Transaction<'_>,
    wanted: Option<&Release>,
    now: Timestamp,
) -> rusqlite::Result<()> {
    let before = read(transaction)?;
    if before.as_ref() == wanted {
        return Ok(());
    }
    match (&before, wanted) {
        (_, Some(new)) => {
            keep_order(transaction, now, CommuneOrderKind::Release, &new.version().to_string())?;
        }
        (Some(old), None) => {
            keep_order(transaction, now, CommuneOrderKind::Withdraw, &old.version().to_string())?;
        }
        (None, None) => {}
    }
    transaction.execute("DELETE FROM commune_release", ())?;
    for (release, file) in wanted.iter().flat_map(|it| it.files().iter().map(move |file| (it, file))) {
        transaction.execute(
            "INSERT INTO commune_release (version, name, bytes, sha256) VALUES (?1, ?2, ?3, ?4)",
            params![
                release.version().to_string(),
                file.name,
                i64::try_from(file.bytes).unwrap_or(i64::MAX),
                file.sha256
            ],
        )?;
    }
    Ok(())
}

/// What is no whole release is none: it is taken again with the next sheet.
fn read(connection: &Connection) -> rusqlite::Result<Option<Release>> {
    let mut query = connection
        .prepare_cached("SELECT version, name, bytes, sha256 FROM commune_release ORDER BY name")?;
    let line = |row: &Row<'_>| {
        let version: ReleaseVersion = parse(0, &row.get::<_, String>(0)?)?;
        let bytes = row.get::<_, i64>(2)?.unsigned_abs();
        Ok((version, ReleaseFile { name: row.get(1)?, bytes, sha256: row.get(3)? }))
    };
    let lines: Vec<(ReleaseVersion, ReleaseFile)> =
        query.query_map((), line)?.collect::<rusqlite::Result<_>>()?;
    let version = lines.first().map(|(version, _)| version.clone());
    let files = lines.into_iter().map(|(_, file)| file).collect();
    Ok(version.and_then(|version| Release::new(version, files).ok()))
}

#[cfg(test)]
mod tests {
    use model::{ClockQuality, CommuneSheet};

    use super::*;
    use crate::CommuneDocument;

    fn release(version: &str) -> Release {
        let uuid = "0b1f6c1e-7a55-4c0b-9a86-0d6a4bb1c0de";
        let names = ["root", "verity"].map(|part| format!("preau_{version}_{uuid}.{part}.raw.gz"));
        let others = [format!("preau_{version}.efi"), "SHA256SUMS".to_owned(), "SHA256SUMS.gpg".to_owned()];
        let file = |name: String| ReleaseFile { name, bytes: 5, sha256: "0f".repeat(32) };
        Release::new(version.parse().unwrap(), names.into_iter().chain(others).map(file).collect()).unwrap()
    }

    #[test]
    fn the_last_sheet_says_which_release_is_wanted() {
        let folder = tempfile::tempdir().unwrap();
        let mut store = Store::open(&folder.path().join("state")).unwrap();
        let take = |store: &mut Store, serial: u64, release: Option<Release>| {
            let document = CommuneDocument { serial, signer: "hub".to_owned() };
            let sheet = CommuneSheet { release, ..CommuneSheet::default() };
            let at = (Timestamp::from_unix_ms(1_795_422_600_000), ClockQuality::Synchronised);
            store.take_commune_sheet(&document, &sheet, &"hub de la commune".parse().unwrap(), at)
        };
        assert_eq!(store.commune_release().unwrap(), None);
        take(&mut store, 3, Some(release("1.4.0"))).unwrap();
        take(&mut store, 4, Some(release("1.4.0"))).unwrap();
        assert_eq!(store.commune_release().unwrap(), Some(release("1.4.0")));
        take(&mut store, 5, Some(release("1.10.0"))).unwrap();
        assert!(take(&mut store, 4, Some(release("1.4.0"))).is_err(), "an old sheet");
        assert_eq!(store.commune_release().unwrap(), Some(release("1.10.0")));
        take(&mut store, 6, None).unwrap();
        take(&mut store, 7, None).unwrap();
        assert_eq!(store.commune_release().unwrap(), None);
        let orders = store.commune_orders(9).unwrap();
        let told: Vec<_> = orders.iter().map(|order| (order.kind, order.about.as_str())).collect();
        let (took, gave_up) = (CommuneOrderKind::Release, CommuneOrderKind::Withdraw);
        assert_eq!(
            told,
            [(gave_up, "1.10.0"), (took, "1.10.0"), (took, "1.4.0")],
            "the last first, each once"
        );
        // What somebody has damaged is none.
        take(&mut store, 8, Some(release("1.4.0"))).unwrap();
        store.connection.execute("DELETE FROM commune_release WHERE name = 'SHA256SUMS.gpg'", ()).unwrap();
        assert_eq!(store.commune_release().unwrap(), None);
    }
}
