//! The registered devices.

use model::{Device, DeviceName, Mac};
use rusqlite::{OptionalExtension, Row, params};

use crate::columns::parse;
use crate::{Store, StoreError};

/// What [`Store::add_device`] did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Added {
    /// The hardware address was not registered.
    New,
    /// It was registered, and is now this device.
    Replaced(Device),
}

impl Store {
    /// Every registered device, by name.
    ///
    /// # Errors
    /// [`StoreError`] when the file cannot be read.
    pub fn devices(&self) -> Result<Vec<Device>, StoreError> {
        let mut query =
            self.connection.prepare_cached("SELECT mac, name, room, profile FROM device ORDER BY name")?;
        let devices = query.query_map((), read_device)?.collect::<Result<_, _>>()?;
        Ok(devices)
    }

    /// Registers a device, or changes what its hardware address stands for.
    ///
    /// # Errors
    /// [`AddDeviceError::NameTaken`] when another device bears the name.
    pub fn add_device(&mut self, device: &Device) -> Result<Added, AddDeviceError> {
        self.change(|transaction| {
            let bearer = transaction
                .query_row(
                    "SELECT mac, name, room, profile FROM device WHERE name = ?1 AND mac <> ?2",
                    params![device.name.as_str(), device.mac.to_string()],
                    read_device,
                )
                .optional()?;
            if let Some(bearer) = bearer {
                return Err(AddDeviceError::NameTaken { name: bearer.name, mac: bearer.mac });
            }
            let before = transaction
                .query_row(
                    "SELECT mac, name, room, profile FROM device WHERE mac = ?1",
                    [device.mac.to_string()],
                    read_device,
                )
                .optional()?;
            transaction.execute(
                "INSERT INTO device (mac, name, room, profile) VALUES (?1, ?2, ?3, ?4)
                 ON CONFLICT (mac) DO UPDATE
                 SET name = excluded.name, room = excluded.room, profile = excluded.profile",
                params![
                    device.mac.to_string(),
                    device.name.as_str(),
                    device.room.as_ref().map(model::RoomName::as_str),
                    device.profile.as_str(),
                ],
            )?;
            Ok(before.map_or(Added::New, Added::Replaced))
        })
    }

    /// Forgets a device: from now on it is an unknown one. `None` when there was none.
    ///
    /// # Errors
    /// [`StoreError`] when the file cannot be written.
    pub fn remove_device(&mut self, mac: Mac) -> Result<Option<Device>, StoreError> {
        self.change(|transaction| {
            let device = transaction
                .query_row(
                    "DELETE FROM device WHERE mac = ?1 RETURNING mac, name, room, profile",
                    [mac.to_string()],
                    read_device,
                )
                .optional()?;
            Ok(device)
        })
    }
}

fn read_device(row: &Row<'_>) -> rusqlite::Result<Device> {
    let room: Option<String> = row.get(2)?;
    Ok(Device {
        mac: parse(0, &row.get::<_, String>(0)?)?,
        name: parse(1, &row.get::<_, String>(1)?)?,
        room: room.map(|text| parse(2, &text)).transpose()?,
        profile: parse(3, &row.get::<_, String>(3)?)?,
    })
}

/// Why a device was not registered.
#[derive(Debug, thiserror::Error)]
pub enum AddDeviceError {
    /// Two devices of one name could not be told apart in the journal.
    #[error("the name {name} is taken by the device {mac}")]
    NameTaken {
        /// The name.
        name: DeviceName,
        /// The device that bears it.
        mac: Mac,
    },
    /// The state file could not be written.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<rusqlite::Error> for AddDeviceError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Store(error.into())
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn device(mac: &str, name: &str, room: Option<&str>) -> Device {
        Device {
            mac: mac.parse().unwrap(),
            name: name.parse().unwrap(),
            room: room.map(|text| text.parse().unwrap()),
            profile: "elementaire".parse().unwrap(),
        }
    }

    fn open(folder: &Path) -> Store {
        Store::open(&folder.join("state.sqlite")).unwrap()
    }

    #[test]
    fn devices_come_back_as_they_went_in() {
        let folder = tempfile::tempdir().unwrap();
        let first = device("02:00:00:00:00:11", "CM2-04", Some("CM2"));
        let second = device("02:00:00:00:00:12", "Tablette 3", None);
        for device in [&second, &first] {
            assert_eq!(open(folder.path()).add_device(device).unwrap(), Added::New);
        }
        assert_eq!(open(folder.path()).devices().unwrap(), [first, second]);
    }

    #[test]
    fn every_change_moves_the_generation_and_a_refused_one_does_not() {
        let folder = tempfile::tempdir().unwrap();
        let mut store = open(folder.path());
        let start = store.generation().unwrap();
        store.add_device(&device("02:00:00:00:00:11", "CM2-04", None)).unwrap();
        let added = store.generation().unwrap();
        assert_ne!(added, start);
        let error = store.add_device(&device("02:00:00:00:00:12", "CM2-04", None)).unwrap_err();
        assert!(matches!(error, AddDeviceError::NameTaken { .. }));
        assert_eq!(store.generation().unwrap(), added);
    }

    #[test]
    fn a_known_address_changes_its_device() {
        let folder = tempfile::tempdir().unwrap();
        let mut store = open(folder.path());
        let before = device("02:00:00:00:00:11", "CM2-04", Some("CM2"));
        let after = device("02:00:00:00:00:11", "CM1-01", Some("CM1"));
        store.add_device(&before).unwrap();
        assert_eq!(store.add_device(&after).unwrap(), Added::Replaced(before));
        assert_eq!(store.devices().unwrap(), [after]);
    }

    #[test]
    fn a_removed_device_is_gone() {
        let folder = tempfile::tempdir().unwrap();
        let mut store = open(folder.path());
        let device = device("02:00:00:00:00:11", "CM2-04", None);
        store.add_device(&device).unwrap();
        assert_eq!(store.remove_device(device.mac).unwrap(), Some(device.clone()));
        assert_eq!(store.remove_device(device.mac).unwrap(), None);
        assert_eq!(store.devices().unwrap(), []);
    }
}
