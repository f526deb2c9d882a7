//! The keys of the rooms' Wi-Fi, and the files by which devices join.

use std::net::IpAddr;

use model::{Alteration, Person, PersonAct, PersonDeed, Sought};
use portal::{JoinFile, KeyBearer, RoomKeys, Trouble};
use store::{KeyOwner, StoreError};
use wifi::{KeyPolicy, Network, Passphrase, RoomNetwork, end_of_school_year};

use super::Office;
use crate::join_files::JoinDesk;

impl Office {
    pub(super) fn list_networks(&self) -> Result<Vec<RoomKeys>, Trouble> {
        let (keys, lessons) =
            self.work(|store| Ok::<_, StoreError>((store.wifi_keys()?, store.open_lessons()?)))?;
        let now = self.clock.now().plausible();
        let networks = self.points.networks.iter().map(|network| {
            let of_room = keys.iter().filter(|key| serves(network, &key.owner));
            let mut of_room: Vec<_> = of_room.map(|key| (key.owner.device.clone(), key.made)).collect();
            of_room.sort();
            RoomKeys {
                room: network.room.clone(),
                ssid: network.ssid.as_str().to_owned(),
                is_in_lesson: lessons.iter().any(|it| it.room == network.room && it.is_running(now)),
                keys: of_room,
            }
        });
        Ok(networks.collect())
    }

    /// Nobody has a key of which the journal does not have that she took it.
    pub(super) fn take_join_file(
        &self,
        client: IpAddr,
        person: &Person,
        bearer: &KeyBearer,
        kind: JoinFile,
    ) -> Result<Vec<u8>, Trouble> {
        let (network, owner) = self.find_network(bearer)?;
        let keys = self.work(|store| store.wifi_keys())?;
        let key = keys.into_iter().find(|key| key.owner == owner).ok_or(Trouble::Unknown)?;
        let passphrase: Passphrase = key.passphrase.parse().map_err(|_| Trouble::Unavailable)?;
        let served = Network { ssid: network.ssid.clone(), passphrase, security: network.security };
        let now = self.clock.now().plausible();
        let removal = now.and_then(|now| end_of_school_year(now, &self.zone));
        let written = self
            .join_desk
            .find_trust(&self.data)
            .and_then(|trust| self.join_desk.write(kind, &served, trust.as_ref(), removal));
        let bytes = written.map_err(|error| {
            tracing::error!("a file by which devices join cannot be made: {error:#}");
            Trouble::Unavailable
        })?;
        let (author, device) = self.author(client, person);
        let words = Sought::new(&format!("{}: {}", owner.describe(), kind.as_str()));
        let deed = PersonDeed::Alter { what: Alteration::TakeWifiKey, words };
        let act = PersonAct { author: author.clone(), device, deed };
        self.write(|store| store.keep_done_act(&act))?;
        Ok(bytes)
    }

    pub(super) fn replace_wifi_key(
        &self,
        client: IpAddr,
        person: &Person,
        bearer: &KeyBearer,
    ) -> Result<(), Trouble> {
        let (_, owner) = self.find_network(bearer)?;
        let key = Passphrase::draw(&self.random).map_err(|_| Trouble::Unavailable)?;
        let (now, author) = (self.clock.now().at, self.author(client, person));
        self.write(|store| store.renew_wifi_key(&owner, key.reveal(), now, author))
    }

    fn find_network(&self, bearer: &KeyBearer) -> Result<(&RoomNetwork, KeyOwner), Trouble> {
        let owner = KeyOwner { room: bearer.room.clone(), device: bearer.device.clone() };
        let network = self.points.networks.iter().find(|network| serves(network, &owner));
        Ok((network.ok_or(Trouble::Unknown)?, owner))
    }

    /// The same office with what stands in files for devices.
    pub(crate) fn with_join_desk(self, join_desk: JoinDesk) -> Self {
        Self { join_desk, ..self }
    }
}

/// Whether a key opens the network: where each device has its own, there is none of the room.
fn serves(network: &RoomNetwork, owner: &KeyOwner) -> bool {
    network.room == owner.room && (network.keys == KeyPolicy::Device) == owner.device.is_some()
}
