//! How much there is of each thing, for whoever helps from afar: numbers, and nothing of anybody.

use crate::{Store, StoreError};

/// What is counted, and its table.
const TABLES: [(&str, &str); 8] = [
    ("devices", "SELECT count(*) FROM device"),
    ("fixed addresses", "SELECT count(*) FROM fixed_address"),
    ("overrides", "SELECT count(*) FROM override"),
    ("lessons", "SELECT count(*) FROM lesson"),
    ("planned lessons", "SELECT count(*) FROM lesson_plan"),
    ("people", "SELECT count(*) FROM person"),
    ("sessions", "SELECT count(*) FROM session"),
    ("requests", "SELECT count(*) FROM request"),
];

impl Store {
    /// How many there are of each thing.
    ///
    /// # Errors
    /// [`StoreError`] when the file cannot be read.
    pub fn counts(&self) -> Result<Vec<(&'static str, u64)>, StoreError> {
        let count = |(name, query): (&'static str, &str)| {
            let count: i64 = self.connection.query_row(query, (), |row| row.get(0))?;
            Ok((name, count.unsigned_abs()))
        };
        TABLES.into_iter().map(count).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_there_is_is_counted() {
        let folder = tempfile::tempdir().unwrap();
        let mut store = Store::open(&folder.path().join("state.sqlite")).unwrap();
        assert!(store.counts().unwrap().iter().all(|(_, count)| *count == 0));
        let device = model::Device {
            mac: "02:00:00:00:00:11".parse().unwrap(),
            name: "CM2-01".parse().unwrap(),
            room: None,
            profile: "elementaire".parse().unwrap(),
        };
        store.add_device(&device).unwrap();
        assert_eq!(store.counts().unwrap().first(), Some(&("devices", 1)));
    }
}
