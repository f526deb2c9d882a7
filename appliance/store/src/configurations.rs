//! What the commune decides of the box's configuration. Whether it is one, and whether it is in force, is for the box to find out.

use model::{CommuneConfiguration, Timestamp};
use rusqlite::{Connection, OptionalExtension as _, Row, Transaction, params};

use crate::{Store, StoreError};

/// Lines that tell of configurations that were taken: some years of a commune that often changes its mind.
const ORDERS_MAX: i64 = 200;

impl Store {
    /// The configuration that the commune wants to be in force; `None` where it has never said anything of it.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn commune_configuration(&self) -> Result<Option<CommuneConfiguration>, StoreError> {
        Ok(read(&self.connection)?)
    }
}

/// Puts what is wanted in the place of what was. A sheet that says nothing of it takes nothing back: an empty text does.
pub(crate) fn take(
    transaction: &Transaction<'_>,
    wanted: Option<&CommuneConfiguration>,
    now: Timestamp,
) -> rusqlite::Result<()> {
    let Some(wanted) = wanted else { return Ok(()) };
    if read(transaction)?.as_ref() == Some(wanted) {
        return Ok(());
    }
    let number = i64::try_from(wanted.number).unwrap_or(i64::MAX);
    transaction.execute(
        "INSERT INTO commune_configuration (id, number, text) VALUES (1, ?1, ?2)
         ON CONFLICT (id) DO UPDATE SET number = excluded.number, text = excluded.text",
        params![number, wanted.text],
    )?;
    let about = number.to_string();
    transaction.execute(
        "INSERT INTO configuration_order (after_order, at_ms, about)
         VALUES ((SELECT coalesce(max(id), 0) FROM commune_order), ?1, ?2)",
        params![now.unix_ms(), about],
    )?;
    transaction.execute(
        "DELETE FROM configuration_order WHERE id <= (SELECT max(id) FROM configuration_order) - ?1",
        [ORDERS_MAX],
    )?;
    Ok(())
}

fn read(connection: &Connection) -> rusqlite::Result<Option<CommuneConfiguration>> {
    let line = |row: &Row<'_>| {
        Ok(CommuneConfiguration { number: row.get::<_, i64>(0)?.unsigned_abs(), text: row.get(1)? })
    };
    connection
        .prepare_cached("SELECT number, text FROM commune_configuration WHERE id = 1")?
        .query_row((), line)
        .optional()
}

#[cfg(test)]
mod tests {
    use model::{ClockQuality, CommuneNotice, CommuneOrderKind, CommuneSheet};

    use super::*;
    use crate::CommuneDocument;

    #[test]
    fn the_last_sheet_that_says_something_of_it_counts() {
        let folder = tempfile::tempdir().unwrap();
        let mut store = Store::open(&folder.path().join("state")).unwrap();
        let at = Timestamp::from_unix_ms(1_795_422_600_000);
        let take = |store: &mut Store, serial: u64, configuration: Option<(u64, &str)>, notice: &str| {
            let document = CommuneDocument { serial, signer: "hub".to_owned() };
            let configuration =
                configuration.map(|(number, text)| CommuneConfiguration { number, text: text.to_owned() });
            let notice =
                CommuneNotice { made: at, author: "M. Blanc".parse().unwrap(), text: notice.to_owned() };
            let sheet = CommuneSheet { configuration, notices: vec![notice], ..CommuneSheet::default() };
            let clock = (at, ClockQuality::Synchronised);
            store.take_commune_sheet(&document, &sheet, &"hub de la commune".parse().unwrap(), clock)
        };
        let found = |store: &Store| store.commune_configuration().unwrap().map(|it| (it.number, it.text));
        assert_eq!(found(&store), None);
        take(&mut store, 3, Some((3, "a = 1\n")), "Lundi").unwrap();
        take(&mut store, 4, Some((3, "a = 1\n")), "Lundi").unwrap();
        assert_eq!(found(&store), Some((3, "a = 1\n".to_owned())));
        take(&mut store, 5, Some((5, "")), "Mardi").unwrap();
        assert!(take(&mut store, 4, Some((3, "a = 1\n")), "Lundi").is_err(), "an old sheet");
        take(&mut store, 6, None, "Mardi").unwrap();
        assert_eq!(found(&store), Some((5, String::new())));
        let orders = store.commune_orders(9).unwrap();
        let told: Vec<_> = orders.iter().map(|order| (order.kind, order.about.as_str())).collect();
        let (notice, configure) = (CommuneOrderKind::Notice, CommuneOrderKind::Configure);
        assert_eq!(
            told,
            [(configure, "5"), (notice, "Mardi (M. Blanc)"), (configure, "3"), (notice, "Lundi (M. Blanc)")],
            "the last first, each once"
        );
    }
}
