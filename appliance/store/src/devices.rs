//! The registered devices.

use model::{Device, DeviceName, Mac, PersonAct, PersonDeed, PersonName, Sought};
use rusqlite::{OptionalExtension, Row, Transaction, params};

use crate::columns::parse;
use crate::people::PersonError;
use crate::person_acts::keep_act;
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
        self.change(|transaction| put(transaction, device))
    }

    /// The same, by somebody: the journal has it with what it was before.
    ///
    /// # Errors
    /// [`AddDeviceError::NameTaken`] when another device bears the name, [`AddDeviceError::Unrecorded`].
    pub fn register_device(
        &mut self,
        device: &Device,
        (author, on): (&PersonName, Option<Mac>),
    ) -> Result<Added, AddDeviceError> {
        self.change(|transaction| {
            let added = put(transaction, device)?;
            let before = match &added {
                Added::New => "new".to_owned(),
                Added::Replaced(before) => format!("before: {}", describe(before)),
            };
            let words = Sought::new(&format!("{}: {}; {before}", device.mac, describe(device)));
            let deed = PersonDeed::RegisterDevice { words };
            keep_act(transaction, &PersonAct { author: author.clone(), device: on, deed })?;
            Ok(added)
        })
    }

    /// Forgets a device: from now on it is an unknown one. `None` when there was none.
    ///
    /// # Errors
    /// [`StoreError`] when the file cannot be written.
    pub fn remove_device(&mut self, mac: Mac) -> Result<Option<Device>, StoreError> {
        self.change(|transaction| Ok(take(transaction, mac)?))
    }

    /// The same, by somebody: the journal has it.
    ///
    /// # Errors
    /// [`PersonError::Unknown`] when there was none, [`PersonError::Unrecorded`].
    pub fn forget_device(
        &mut self,
        mac: Mac,
        (author, on): (&PersonName, Option<Mac>),
    ) -> Result<(), PersonError> {
        self.change(|transaction| {
            let device = take(transaction, mac)?.ok_or(PersonError::Unknown)?;
            let words = Sought::new(&format!("{mac}: {}", describe(&device)));
            let deed = PersonDeed::ForgetDevice { words };
            keep_act(transaction, &PersonAct { author: author.clone(), device: on, deed })
        })
    }
}

fn put(transaction: &Transaction<'_>, device: &Device) -> Result<Added, AddDeviceError> {
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
}

fn take(transaction: &Transaction<'_>, mac: Mac) -> rusqlite::Result<Option<Device>> {
    transaction
        .query_row(
            "DELETE FROM device WHERE mac = ?1 RETURNING mac, name, room, profile",
            [mac.to_string()],
            read_device,
        )
        .optional()
}

/// What a record says of it.
fn describe(device: &Device) -> String {
    let room = device.room.as_ref().map_or_else(|| "no room".to_owned(), |room| format!("room {room}"));
    format!("{}, {room}, profile {}", device.name, device.profile)
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
    /// The journal has taken no act for a long time.
    #[error("the journal takes no records: nothing can be changed")]
    Unrecorded,
    /// The state file could not be written.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<rusqlite::Error> for AddDeviceError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Store(error.into())
    }
}

/// Of keeping an act.
impl From<PersonError> for AddDeviceError {
    fn from(error: PersonError) -> Self {
        if let PersonError::Store(error) = error { Self::Store(error) } else { Self::Unrecorded }
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

    #[test]
    fn what_somebody_does_with_devices_is_kept_for_the_journal() {
        let folder = tempfile::tempdir().unwrap();
        let mut store = open(folder.path());
        let by: PersonName = "M. Petit".parse().unwrap();
        let on = Some(Mac::new([2, 0, 0, 0, 0, 1]));
        let before = device("02:00:00:00:00:11", "CM2-04", Some("CM2"));
        let after = device("02:00:00:00:00:11", "CM1-01", None);
        store.register_device(&before, (&by, on)).unwrap();
        assert_eq!(store.register_device(&after, (&by, on)).unwrap(), Added::Replaced(before));
        let other = device("02:00:00:00:00:12", "CM1-01", None);
        assert!(store.register_device(&other, (&by, on)).is_err(), "the name is taken");
        store.forget_device(after.mac, (&by, on)).unwrap();
        assert!(matches!(store.forget_device(after.mac, (&by, on)), Err(PersonError::Unknown)));
        let told = |words: &str| Sought::new(words);
        let expected = [
            PersonDeed::RegisterDevice {
                words: told("02:00:00:00:00:11: CM2-04, room CM2, profile elementaire; new"),
            },
            PersonDeed::RegisterDevice {
                words: told(
                    "02:00:00:00:00:11: CM1-01, no room, profile elementaire; before: CM2-04, room CM2, profile elementaire",
                ),
            },
            PersonDeed::ForgetDevice {
                words: told("02:00:00:00:00:11: CM1-01, no room, profile elementaire"),
            },
        ];
        let acts = store.waiting_person_acts(9).unwrap();
        assert!(acts.iter().all(|waiting| waiting.act.author == by && waiting.act.device == on));
        let deeds: Vec<_> = acts.into_iter().map(|waiting| waiting.act.deed).collect();
        assert_eq!(deeds, expected);
    }
}
