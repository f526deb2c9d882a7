//! Addresses that registered devices have for good.

use std::net::Ipv4Addr;

use model::{DeviceName, Mac};
use rusqlite::{OptionalExtension, Row, params};

use crate::columns::parse;
use crate::{Store, StoreError};

impl Store {
    /// Every device that has one, by hardware address.
    ///
    /// # Errors
    /// [`StoreError`] when the file cannot be read.
    pub fn fixed_addresses(&self) -> Result<Vec<(Mac, Ipv4Addr)>, StoreError> {
        let mut query = self.connection.prepare_cached("SELECT mac, ipv4 FROM fixed_address ORDER BY mac")?;
        let addresses = query.query_map((), read_address)?.collect::<Result<_, _>>()?;
        Ok(addresses)
    }

    /// Gives a registered device this address for good, in place of the one that it had.
    ///
    /// # Errors
    /// [`FixAddressError`] when there is no such device, or another one has the address.
    pub fn fix_address(&mut self, mac: Mac, address: Ipv4Addr) -> Result<(), FixAddressError> {
        self.change(|transaction| {
            let is_known = transaction
                .query_row("SELECT 1 FROM device WHERE mac = ?1", [mac.to_string()], |_| Ok(()))
                .optional()?;
            if is_known.is_none() {
                return Err(FixAddressError::Unknown(mac));
            }
            let bearer: Option<String> = transaction
                .query_row(
                    "SELECT name FROM device JOIN fixed_address USING (mac) WHERE ipv4 = ?1 AND mac <> ?2",
                    params![address.to_string(), mac.to_string()],
                    |row| row.get(0),
                )
                .optional()?;
            if let Some(bearer) = bearer {
                return Err(FixAddressError::Taken { address, device: parse(0, &bearer)? });
            }
            transaction.execute(
                "INSERT INTO fixed_address (mac, ipv4) VALUES (?1, ?2)
                 ON CONFLICT (mac) DO UPDATE SET ipv4 = excluded.ipv4",
                params![mac.to_string(), address.to_string()],
            )?;
            Ok(())
        })
    }

    /// Lets a device have any address again. `None` when it had none for good.
    ///
    /// # Errors
    /// [`StoreError`] when the file cannot be written.
    pub fn release_address(&mut self, mac: Mac) -> Result<Option<Ipv4Addr>, StoreError> {
        self.change(|transaction| {
            let address = transaction
                .query_row(
                    "DELETE FROM fixed_address WHERE mac = ?1 RETURNING mac, ipv4",
                    [mac.to_string()],
                    read_address,
                )
                .optional()?;
            Ok(address.map(|(_, address)| address))
        })
    }
}

fn read_address(row: &Row<'_>) -> rusqlite::Result<(Mac, Ipv4Addr)> {
    Ok((parse(0, &row.get::<_, String>(0)?)?, parse(1, &row.get::<_, String>(1)?)?))
}

/// Why a device was not given an address.
#[derive(Debug, thiserror::Error)]
pub enum FixAddressError {
    /// Nobody registered it: who has which address would mean nothing.
    #[error("{0} is not registered")]
    Unknown(Mac),
    /// Two devices of one address could not be told apart, and neither would work.
    #[error("{address} is the address of {device}")]
    Taken {
        /// The address.
        address: Ipv4Addr,
        /// The device that has it.
        device: DeviceName,
    },
    /// The state file could not be written.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<rusqlite::Error> for FixAddressError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Store(error.into())
    }
}

#[cfg(test)]
mod tests {
    use model::Device;
    use tempfile::TempDir;

    use super::*;

    const MACS: [&str; 2] = ["02:00:00:00:00:11", "02:00:00:00:00:12"];

    fn mac(number: usize) -> Mac {
        MACS[number].parse().unwrap()
    }

    fn address(text: &str) -> Ipv4Addr {
        text.parse().unwrap()
    }

    /// A school with two PCs.
    fn school() -> (TempDir, Store) {
        let folder = tempfile::tempdir().unwrap();
        let mut store = Store::open(&folder.path().join("state.sqlite")).unwrap();
        for (number, name) in ["CM2-01", "CM2-02"].into_iter().enumerate() {
            let profile = "elementaire".parse().unwrap();
            let device = Device { mac: mac(number), name: name.parse().unwrap(), room: None, profile };
            store.add_device(&device).unwrap();
        }
        (folder, store)
    }

    #[test]
    fn a_device_has_the_address_that_it_was_given_last() {
        let (_folder, mut store) = school();
        let start = store.generation().unwrap();
        store.fix_address(mac(0), address("10.77.0.21")).unwrap();
        store.fix_address(mac(1), address("10.77.0.22")).unwrap();
        store.fix_address(mac(0), address("10.77.0.23")).unwrap();
        let expected = [(mac(0), address("10.77.0.23")), (mac(1), address("10.77.0.22"))];
        assert_eq!(store.fixed_addresses().unwrap(), expected);
        assert_ne!(store.generation().unwrap(), start);
        assert_eq!(store.release_address(mac(0)).unwrap(), Some(address("10.77.0.23")));
        assert_eq!(store.release_address(mac(0)).unwrap(), None);
        assert_eq!(store.fixed_addresses().unwrap(), expected[1..]);
    }

    #[test]
    fn no_two_devices_have_one_and_strangers_none() {
        let (_folder, mut store) = school();
        store.fix_address(mac(0), address("10.77.0.21")).unwrap();
        let before = store.generation().unwrap();
        let taken = store.fix_address(mac(1), address("10.77.0.21")).unwrap_err();
        assert_eq!(taken.to_string(), "10.77.0.21 is the address of CM2-01");
        let stranger = "02:00:00:00:00:99".parse().unwrap();
        let unknown = store.fix_address(stranger, address("10.77.0.29")).unwrap_err();
        assert!(matches!(unknown, FixAddressError::Unknown(_)), "{unknown}");
        assert_eq!(store.generation().unwrap(), before);
        // The same device again is no conflict.
        store.fix_address(mac(0), address("10.77.0.21")).unwrap();
    }

    #[test]
    fn a_device_that_is_forgotten_leaves_its_address() {
        let (_folder, mut store) = school();
        store.fix_address(mac(0), address("10.77.0.21")).unwrap();
        store.remove_device(mac(0)).unwrap();
        assert_eq!(store.fixed_addresses().unwrap(), []);
        store.fix_address(mac(1), address("10.77.0.21")).unwrap();
    }
}
