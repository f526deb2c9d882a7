//! The keys of the school's Wi-Fi.

use std::fmt;

use model::{Alteration, DeviceName, Mac, PersonAct, PersonDeed, PersonName, RoomName, Sought, Timestamp};
use rusqlite::{OptionalExtension, Row, Transaction, params};

use crate::columns::parse;
use crate::people::PersonError;
use crate::person_acts::keep_act;
use crate::{Store, StoreError};

/// Most keys of a school: some for each of its devices.
pub const WIFI_KEYS_MAX: u32 = 2_000;

/// Whose key it is.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct KeyOwner {
    /// The room whose network it opens.
    pub room: RoomName,
    /// The device that alone has it; `None`: all devices of the room have it.
    pub device: Option<DeviceName>,
}

impl KeyOwner {
    /// What a record says of it.
    #[must_use]
    pub fn describe(&self) -> String {
        match &self.device {
            Some(device) => format!("room {}, {device}", self.room),
            None => format!("room {}", self.room),
        }
    }
}

/// A key. Not in any log.
#[derive(Clone, PartialEq, Eq)]
pub struct WifiKey {
    /// Its number, which no other key ever has.
    pub number: u32,
    /// Whose it is.
    pub owner: KeyOwner,
    /// The key itself.
    pub passphrase: Box<str>,
    /// When it was drawn.
    pub made: Timestamp,
}

impl fmt::Debug for WifiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { number, owner, passphrase: _, made } = self;
        let mut shown = f.debug_struct("WifiKey");
        shown.field("number", number).field("owner", owner).field("made", made).finish_non_exhaustive()
    }
}

/// Why a key was not kept.
#[derive(Debug, thiserror::Error)]
pub enum WifiKeyError {
    /// There is no room for another one.
    #[error("there are {WIFI_KEYS_MAX} keys of the Wi-Fi already: revoke those of devices that have gone")]
    TooMany,
    /// The state file could not be written.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<rusqlite::Error> for WifiKeyError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Store(error.into())
    }
}

impl Store {
    /// Every key, by its number.
    ///
    /// # Errors
    /// [`StoreError`] when the file cannot be read.
    pub fn wifi_keys(&self) -> Result<Vec<WifiKey>, StoreError> {
        let mut query = self
            .connection
            .prepare_cached("SELECT id, room, device, passphrase, made_ms FROM wifi_key ORDER BY id")?;
        let keys = query.query_map((), read_key)?.collect::<Result<_, _>>()?;
        Ok(keys)
    }

    /// Keeps a key for whoever has none; who has one keeps it. Whether it was kept.
    ///
    /// # Errors
    /// [`WifiKeyError`].
    pub fn add_wifi_key(
        &mut self,
        owner: &KeyOwner,
        passphrase: &str,
        now: Timestamp,
    ) -> Result<bool, WifiKeyError> {
        self.change(|transaction| {
            if find(transaction, owner)?.is_some() {
                return Ok(false);
            }
            insert(transaction, owner, passphrase, now)?;
            Ok(true)
        })
    }

    /// Keeps a key in place of the one before, which opens nothing any more.
    ///
    /// # Errors
    /// [`WifiKeyError`].
    pub fn replace_wifi_key(
        &mut self,
        owner: &KeyOwner,
        passphrase: &str,
        now: Timestamp,
    ) -> Result<(), WifiKeyError> {
        self.change(|transaction| {
            if let Some(number) = find(transaction, owner)? {
                transaction.execute("DELETE FROM wifi_key WHERE id = ?1", [number])?;
            }
            insert(transaction, owner, passphrase, now)
        })
    }

    /// The same by somebody, for whoever has one: the journal has it, not the key.
    ///
    /// # Errors
    /// [`PersonError::Unknown`] where there is none, [`PersonError::Unrecorded`].
    pub fn renew_wifi_key(
        &mut self,
        owner: &KeyOwner,
        passphrase: &str,
        now: Timestamp,
        (author, on): (&PersonName, Option<Mac>),
    ) -> Result<(), PersonError> {
        self.change(|transaction| {
            let number = find(transaction, owner)?.ok_or(PersonError::Unknown)?;
            transaction.execute("DELETE FROM wifi_key WHERE id = ?1", [number])?;
            insert(transaction, owner, passphrase, now).map_err(|error| match error {
                WifiKeyError::TooMany => PersonError::TooMany,
                WifiKeyError::Store(error) => PersonError::Store(error),
            })?;
            let words = Sought::new(&owner.describe());
            let deed = PersonDeed::Alter { what: Alteration::RenewWifiKey, words };
            keep_act(transaction, &PersonAct { author: author.clone(), device: on, deed })
        })
    }

    /// Forgets a key: it opens nothing any more. Whether there was one.
    ///
    /// # Errors
    /// [`StoreError`] when the file cannot be written.
    pub fn revoke_wifi_key(&mut self, owner: &KeyOwner) -> Result<bool, StoreError> {
        self.change(|transaction| {
            let number = find(transaction, owner)?;
            if let Some(number) = number {
                transaction.execute("DELETE FROM wifi_key WHERE id = ?1", [number])?;
            }
            Ok(number.is_some())
        })
    }
}

fn find(transaction: &Transaction<'_>, owner: &KeyOwner) -> rusqlite::Result<Option<u32>> {
    let device = owner.device.as_ref().map(DeviceName::as_str);
    transaction
        .query_row(
            "SELECT id FROM wifi_key WHERE room = ?1 AND device IS ?2",
            params![owner.room.as_str(), device],
            |row| row.get(0),
        )
        .optional()
}

fn insert(
    transaction: &Transaction<'_>,
    owner: &KeyOwner,
    passphrase: &str,
    now: Timestamp,
) -> Result<(), WifiKeyError> {
    let count: u32 = transaction.query_row("SELECT count(*) FROM wifi_key", (), |row| row.get(0))?;
    if count >= WIFI_KEYS_MAX {
        return Err(WifiKeyError::TooMany);
    }
    let device = owner.device.as_ref().map(DeviceName::as_str);
    transaction.execute(
        "INSERT INTO wifi_key (room, device, passphrase, made_ms) VALUES (?1, ?2, ?3, ?4)",
        params![owner.room.as_str(), device, passphrase, now.unix_ms()],
    )?;
    Ok(())
}

fn read_key(row: &Row<'_>) -> rusqlite::Result<WifiKey> {
    let device: Option<String> = row.get(2)?;
    let owner = KeyOwner {
        room: parse(1, &row.get::<_, String>(1)?)?,
        device: device.map(|text| parse(2, &text)).transpose()?,
    };
    let passphrase = row.get::<_, String>(3)?.into();
    Ok(WifiKey { number: row.get(0)?, owner, passphrase, made: Timestamp::from_unix_ms(row.get(4)?) })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn owner(device: Option<&str>) -> KeyOwner {
        KeyOwner { room: "CM2".parse().unwrap(), device: device.map(|name| name.parse().unwrap()) }
    }

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_unix_ms(seconds * 1_000)
    }

    fn kept(store: &Store) -> Vec<(u32, Option<String>, String)> {
        let keys = store.wifi_keys().unwrap().into_iter();
        keys.map(|key| (key.number, key.owner.device.map(|it| it.to_string()), key.passphrase.into()))
            .collect()
    }

    #[test]
    fn an_owner_has_one_key_and_a_number_stands_for_one_key_for_ever() {
        let folder = tempfile::tempdir().unwrap();
        let mut store = Store::open(&folder.path().join("state.sqlite")).unwrap();
        let (room, tablet) = (owner(None), owner(Some("tab-07")));
        assert!(store.add_wifi_key(&room, "room-1", at(0)).unwrap());
        assert!(!store.add_wifi_key(&room, "room-2", at(1)).unwrap(), "it has one");
        assert!(store.add_wifi_key(&tablet, "tablet-1", at(2)).unwrap());
        let tab = || Some("tab-07".to_owned());
        assert_eq!(kept(&store), [(1, None, "room-1".to_owned()), (2, tab(), "tablet-1".to_owned())]);
        let before = store.generation().unwrap();
        store.replace_wifi_key(&tablet, "tablet-2", at(3)).unwrap();
        assert_ne!(store.generation().unwrap(), before, "the box has to know");
        assert_eq!(kept(&store)[1], (3, tab(), "tablet-2".to_owned()));
        assert!(store.revoke_wifi_key(&tablet).unwrap());
        assert!(!store.revoke_wifi_key(&tablet).unwrap());
        store.replace_wifi_key(&tablet, "tablet-3", at(4)).unwrap();
        assert_eq!(kept(&store), [(1, None, "room-1".to_owned()), (4, tab(), "tablet-3".to_owned())]);
        let shown = format!("{:?}", store.wifi_keys().unwrap());
        assert!(!shown.contains("room-1") && !shown.contains("tablet-3"), "{shown}");
    }

    #[test]
    fn who_renews_a_key_is_on_record_and_the_key_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let mut store = Store::open(&folder.path().join("state.sqlite")).unwrap();
        let by = "Mme Petit".parse().unwrap();
        let none = store.renew_wifi_key(&owner(Some("tab-07")), "tablet-1", at(0), (&by, None));
        assert!(matches!(none, Err(PersonError::Unknown)), "{none:?}");
        store.add_wifi_key(&owner(Some("tab-07")), "tablet-1", at(0)).unwrap();
        let before = store.generation().unwrap();
        store.renew_wifi_key(&owner(Some("tab-07")), "tablet-2", at(1), (&by, None)).unwrap();
        assert_ne!(store.generation().unwrap(), before, "the box has to know");
        assert_eq!(kept(&store), [(2, Some("tab-07".to_owned()), "tablet-2".to_owned())]);
        let acts: Vec<_> = store.waiting_person_acts(9).unwrap().into_iter().map(|it| it.act).collect();
        let deed =
            PersonDeed::Alter { what: Alteration::RenewWifiKey, words: Sought::new("room CM2, tab-07") };
        assert_eq!(acts, [PersonAct { author: by, device: None, deed }]);
    }

    #[test]
    fn there_is_an_end_to_keys() {
        let folder = tempfile::tempdir().unwrap();
        let mut store = Store::open(&folder.path().join("state.sqlite")).unwrap();
        store
            .write::<_, rusqlite::Error>(|transaction| {
                for number in 0..WIFI_KEYS_MAX {
                    let values = params![format!("tab-{number}")];
                    transaction.execute(
                        "INSERT INTO wifi_key (room, device, passphrase, made_ms) VALUES ('CM1', ?1, '', 0)",
                        values,
                    )?;
                }
                Ok(())
            })
            .unwrap();
        let tablet = owner(Some("tab-07"));
        assert!(matches!(store.add_wifi_key(&tablet, "a", at(0)), Err(WifiKeyError::TooMany)));
        let gone = KeyOwner { room: "CM1".parse().unwrap(), ..owner(Some("tab-7")) };
        assert!(store.revoke_wifi_key(&gone).unwrap());
        assert!(store.add_wifi_key(&tablet, "a", at(0)).unwrap());
    }
}
