//! Access points that were plugged in, and that somebody adopted on the pages.

use std::fmt;
use std::net::IpAddr;

use model::{AccessPointName, Mac, PersonAct, PersonDeed, PersonName, RoomName, Sought, Timestamp};
use rusqlite::{Row, params};

use crate::columns::parse;
use crate::people::PersonError;
use crate::person_acts::keep_act;
use crate::{Store, StoreError};

/// Most of them: each has a thread of the box's, and a school has about as many rooms.
pub const ADOPTED_POINTS_MAX: u32 = 32;

/// An access point that somebody adopted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AdoptedPoint {
    /// What the box calls it.
    pub name: AccessPointName,
    /// The hardware address of its wire.
    pub mac: Mac,
    /// The room that it serves.
    pub room: RoomName,
    /// Its radio, as its configuration calls it.
    pub radio: String,
    /// The number of its channel.
    pub channel: u8,
    /// Where it answered last.
    pub address: IpAddr,
    /// The SHA-256 of its certificate.
    pub certificate: [u8; 32],
    /// By whom it was adopted.
    pub by: PersonName,
    /// When.
    pub at: Timestamp,
    /// The key that it was prepared with, where the box has drawn another one since. Adopting it gives it none.
    pub former_key: Option<FormerKey>,
}

/// A key by which an access point proved itself, in hexadecimal digits, and which counts for nothing else any more. In no log.
#[derive(Clone, PartialEq, Eq)]
pub struct FormerKey(String);

impl FormerKey {
    /// The key.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for FormerKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FormerKey(…)")
    }
}

impl Store {
    /// All of them, by name.
    ///
    /// # Errors
    /// [`StoreError`] when the file cannot be read.
    pub fn adopted_points(&self) -> Result<Vec<AdoptedPoint>, StoreError> {
        let mut query = self.connection.prepare_cached(
            "SELECT name, mac, room, radio, channel, address, certificate, by, adopted_ms, former_key FROM adopted_point ORDER BY name",
        )?;
        let points = query.query_map((), read_point)?.collect::<Result<_, _>>()?;
        Ok(points)
    }

    /// Adopts an access point, in place of what was known of the same machine: its certificate is a new one once somebody has reset it.
    ///
    /// # Errors
    /// [`PersonError::TooMany`], [`PersonError::Unrecorded`]; [`PersonError::Store`] also where another machine bears the name.
    pub fn adopt_point(&mut self, point: &AdoptedPoint, device: Option<Mac>) -> Result<(), PersonError> {
        self.change(|transaction| {
            transaction.execute("DELETE FROM adopted_point WHERE mac = ?1", [point.mac.to_string()])?;
            let count: u32 =
                transaction.query_row("SELECT count(*) FROM adopted_point", (), |row| row.get(0))?;
            if count >= ADOPTED_POINTS_MAX {
                return Err(PersonError::TooMany);
            }
            transaction.execute(
                "INSERT INTO adopted_point (name, mac, room, radio, channel, address, certificate, by, adopted_ms)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
                params![
                    point.name.as_str(),
                    point.mac.to_string(),
                    point.room.as_str(),
                    point.radio,
                    point.channel,
                    point.address.to_string(),
                    point.certificate,
                    point.by.as_str(),
                    point.at.unix_ms(),
                ],
            )?;
            let digits: String = point.certificate.iter().map(|byte| format!("{byte:02x}")).collect();
            let words = Sought::new(&format!("{}: {}, room {}, {digits}", point.name, point.mac, point.room));
            let deed = PersonDeed::AdoptPoint { words };
            keep_act(transaction, &PersonAct { author: point.by.clone(), device, deed })
        })
    }

    /// Notes where an access point answers now. Whether there is one with this certificate.
    ///
    /// # Errors
    /// [`StoreError`] when the file cannot be written.
    pub fn move_point(
        &mut self,
        mac: Mac,
        certificate: &[u8; 32],
        address: IpAddr,
    ) -> Result<bool, StoreError> {
        let points = self.adopted_points()?;
        let Some(known) = points.iter().find(|point| point.mac == mac && point.certificate == *certificate)
        else {
            return Ok(false);
        };
        if known.address != address {
            self.change(|transaction| {
                transaction.execute(
                    "UPDATE adopted_point SET address = ?2 WHERE mac = ?1",
                    params![mac.to_string(), address.to_string()],
                )?;
                Ok::<_, StoreError>(())
            })?;
        }
        Ok(true)
    }

    /// Has the box drive an access point no more.
    ///
    /// # Errors
    /// [`PersonError::Unknown`], [`PersonError::Unrecorded`].
    pub fn release_point(
        &mut self,
        name: &AccessPointName,
        (author, device): (&PersonName, Option<Mac>),
    ) -> Result<(), PersonError> {
        self.change(|transaction| {
            let gone = transaction.execute("DELETE FROM adopted_point WHERE name = ?1", [name.as_str()])?;
            if gone == 0 {
                return Err(PersonError::Unknown);
            }
            let deed = PersonDeed::ReleasePoint { words: Sought::new(name.as_str()) };
            keep_act(transaction, &PersonAct { author: author.clone(), device, deed })
        })
    }
}

fn read_point(row: &Row<'_>) -> rusqlite::Result<AdoptedPoint> {
    let text = |column: usize| row.get::<_, String>(column);
    Ok(AdoptedPoint {
        name: parse(0, &text(0)?)?,
        mac: parse(1, &text(1)?)?,
        room: parse(2, &text(2)?)?,
        radio: text(3)?,
        channel: row.get(4)?,
        address: parse(5, &text(5)?)?,
        certificate: row.get(6)?,
        by: parse(7, &text(7)?)?,
        at: Timestamp::from_unix_ms(row.get(8)?),
        former_key: row.get::<_, Option<String>>(9)?.map(FormerKey),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::people::tests::{at, open};

    fn point(number: u8) -> AdoptedPoint {
        AdoptedPoint {
            name: format!("borne-{number:02}").parse().unwrap(),
            mac: Mac::new([2, 0xaa, 0, 0, 0, number]),
            room: "CM2".parse().unwrap(),
            radio: "radio0".to_owned(),
            channel: 36,
            address: IpAddr::from([10, 77, 0, number]),
            certificate: [number; 32],
            by: "M. Petit".parse().unwrap(),
            at: at(0),
            former_key: None,
        }
    }

    #[test]
    fn an_access_point_is_adopted_moved_and_released() {
        let (_folder, mut store) = open();
        let before = store.generation().unwrap();
        store.adopt_point(&point(1), None).unwrap();
        assert_eq!(store.adopted_points().unwrap(), [point(1)]);
        assert_ne!(store.generation().unwrap(), before, "its keeper hears of it");
        let elsewhere = IpAddr::from([10, 77, 0, 99]);
        assert!(!store.move_point(point(1).mac, &[9; 32], elsewhere).unwrap(), "another machine");
        assert!(!store.move_point(point(2).mac, &[1; 32], elsewhere).unwrap());
        assert!(store.move_point(point(1).mac, &[1; 32], elsewhere).unwrap());
        assert_eq!(store.adopted_points().unwrap(), [AdoptedPoint { address: elsewhere, ..point(1) }]);
        let reset = AdoptedPoint { certificate: [7; 32], ..point(1) };
        store.adopt_point(&reset, None).unwrap();
        assert_eq!(store.adopted_points().unwrap(), [reset], "one machine is one access point");
        let by = "M. Petit".parse().unwrap();
        store.release_point(&point(1).name, (&by, None)).unwrap();
        let unknown = store.release_point(&point(1).name, (&by, None)).unwrap_err();
        assert!(matches!(unknown, PersonError::Unknown) && store.adopted_points().unwrap().is_empty());
        let acts = store.waiting_person_acts(9).unwrap();
        let deeds: Vec<_> = acts.iter().map(|waiting| waiting.act.deed.as_str()).collect();
        assert_eq!(deeds, ["adopt-point", "adopt-point", "release-point"]);
        assert!(matches!(&acts[0].act.deed, PersonDeed::AdoptPoint { words }
            if words.as_str().starts_with("borne-01: 02:aa:00:00:00:01, room CM2, 0101")));
    }

    /// What was adopted goes on with the key that it has; what is adopted anew has the one that counts.
    #[test]
    fn another_key_leaves_those_that_were_adopted_the_one_before() {
        let (_folder, mut store) = open();
        let by = "M. Petit".parse().unwrap();
        store.adopt_point(&point(1), None).unwrap();
        let none = store.renew_adoption_key("b2", at(1), (&by, None)).unwrap_err();
        assert!(matches!(none, PersonError::Unknown), "it has drawn none");
        assert_eq!(store.adopted_points().unwrap(), [point(1)]);
        store.keep_adoption_key("a1", at(0)).unwrap();
        let formers = |store: &Store| -> Vec<Option<String>> {
            let points = store.adopted_points().unwrap().into_iter();
            points.map(|point| point.former_key.map(|key| key.reveal().to_owned())).collect()
        };
        store.renew_adoption_key("b2", at(1), (&by, None)).unwrap();
        assert_eq!(store.adoption_key().unwrap().as_deref(), Some("b2"));
        assert_eq!(formers(&store), [Some("a1".to_owned())]);
        store.adopt_point(&point(2), None).unwrap();
        store.renew_adoption_key("c3", at(2), (&by, None)).unwrap();
        assert_eq!(formers(&store), [Some("a1".to_owned()), Some("b2".to_owned())], "each has its own");
        store.adopt_point(&point(1), None).unwrap();
        assert_eq!(formers(&store), [None, Some("b2".to_owned())]);
        let acts = store.waiting_person_acts(9).unwrap();
        let renewed = acts.iter().filter(|waiting| waiting.act.deed.as_str() == "renew-adoption-key");
        assert_eq!(renewed.count(), 2);
        assert!(!format!("{acts:?} {:?}", store.adopted_points().unwrap()).contains("b2"), "it is in no log");
    }

    #[test]
    fn a_school_has_so_many() {
        let (_folder, mut store) = open();
        for number in 0..32 {
            store.adopt_point(&point(number), None).unwrap();
        }
        assert!(matches!(store.adopt_point(&point(99), None), Err(PersonError::TooMany)));
        store.adopt_point(&point(7), None).unwrap();
    }
}
