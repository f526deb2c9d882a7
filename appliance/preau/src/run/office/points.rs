//! Access points that were plugged in: heard, adopted, released.

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use model::{AccessPointName, Alteration, Mac, Person, PersonAct, PersonDeed, RoomName, Sought};
use portal::{AdoptedPointLine, HeardPoint, Points, SaidOfPoint, Trouble};
use store::AdoptedPoint;
use system::clock::monotonic;
use system::first_boot;
use system::ubus::see_certificate;
use wifi::{AdoptionKey, Announcement, Channel, KeyPolicy, RoomNetwork};

use super::Office;
use crate::config;
use crate::run::wifi::{HTTPS_PORT, Heard, HeardPoints, draw_key};

/// What the office knows of the Wi-Fi's configuration.
#[derive(Clone)]
pub(crate) struct PointPlan {
    /// Those that were heard.
    pub(crate) heard: Arc<HeardPoints>,
    /// The rooms that an access point of OpenWrt's can serve: all devices there have one key.
    rooms: Vec<RoomName>,
    /// The networks of the rooms.
    pub(super) networks: Vec<RoomNetwork>,
    /// The channels of the access points that the configuration has.
    channels: Vec<Channel>,
    /// Where access points answer by HTTPS.
    pub(super) port: u16,
}

impl Default for PointPlan {
    fn default() -> Self {
        Self { heard: Arc::default(), rooms: vec![], networks: vec![], channels: vec![], port: HTTPS_PORT }
    }
}

impl PointPlan {
    pub(crate) fn new(heard: Arc<HeardPoints>, wifi: &config::Wifi) -> Self {
        let rooms = wifi.networks.iter().filter(|network| network.keys == KeyPolicy::Room);
        Self {
            heard,
            rooms: rooms.map(|network| network.room.clone()).collect(),
            networks: wifi.networks.clone(),
            channels: wifi.access_points.iter().map(|point| point.channel).collect(),
            port: HTTPS_PORT,
        }
    }
}

impl Office {
    /// One that is adopted and says that it is elsewhere now is followed where it shows its certificate there, and no longer where it was:
    /// a laptop that forwards to it is not it. Any other is remembered for a while.
    pub(super) fn hear(&self, client: IpAddr, said: &SaidOfPoint<'_>) -> Result<bool, Trouble> {
        let Some(announcement) = Announcement::read(said.mac, said.certificate, said.radios) else {
            return Ok(false);
        };
        let is_believed = self.points.heard.believes(&announcement, said.proof);
        let adopted = self.work(|store| store.adopted_points())?;
        let is_known = |point: &&AdoptedPoint| {
            point.mac == announcement.mac && point.certificate == announcement.certificate
        };
        let known = adopted.iter().find(is_known);
        // One that was prepared with the key before is followed, and nothing more.
        let is_former = known.is_some_and(|point| has_former_key(point, &announcement, said.proof));
        if !is_believed && !is_former {
            return Ok(false);
        }
        match known {
            None => self.points.heard.remember(announcement, client, monotonic()),
            // What is replayed from elsewhere moves nothing.
            Some(point) if point.address != client => {
                let Announcement { mac, certificate, .. } = announcement;
                let has_moved =
                    || self.shows(client, &certificate) && !self.shows(point.address, &certificate);
                if self.points.heard.look(mac, monotonic(), has_moved) == Some(true) {
                    self.write(|store| store.move_point(mac, &certificate, client))?;
                }
            }
            Some(_) => {}
        }
        Ok(true)
    }

    pub(super) fn list_points(&self) -> Result<Points, Trouble> {
        let adopted = self.work(|store| store.adopted_points())?;
        let heard = self.list_heard().into_iter().map(|heard| HeardPoint {
            mac: heard.announcement.mac,
            address: heard.address,
            certificate: heard.announcement.certificate,
            former: adopted
                .iter()
                .find(|point| point.mac == heard.announcement.mac)
                .map(|point| point.name.clone()),
        });
        let heard = heard.collect();
        let adopted = adopted.into_iter().map(|point| AdoptedPointLine {
            name: point.name,
            mac: point.mac,
            room: point.room,
            by: point.by,
            at: point.at,
            has_former_key: point.former_key.is_some(),
        });
        Ok(Points {
            has_key: self.points.heard.key().is_some(),
            has_files: self.find_own_key()?.is_some(),
            heard,
            adopted: adopted.collect(),
            rooms: self.points.rooms.clone(),
        })
    }

    /// Those that were heard, each once, where it was heard last.
    pub(super) fn list_heard(&self) -> Vec<Heard> {
        let mut seen = BTreeSet::new();
        let mut heard = self.points.heard.list(monotonic());
        heard.retain(|heard| seen.insert(heard.announcement.mac));
        heard
    }

    /// Nothing goes to a machine that does not show the certificate of which it proved to know.
    pub(super) fn adopt(
        &self,
        client: IpAddr,
        person: &Person,
        mac: Mac,
        room: &RoomName,
    ) -> Result<(), Trouble> {
        let mut places = self.points.heard.list(monotonic());
        places.retain(|heard| heard.announcement.mac == mac);
        if places.is_empty() {
            return Err(Trouble::Unknown);
        }
        if !self.points.rooms.contains(room) {
            return Err(Trouble::Field);
        }
        let shows = |heard: &Heard| self.shows(heard.address, &heard.announcement.certificate);
        let heard = places.into_iter().find(shows).ok_or(Trouble::PointSilent)?;
        let others = self.work(|store| store.adopted_points())?;
        let others = others.iter().filter(|other| other.mac != mac);
        let theirs = others.filter_map(|other| Channel::new(other.channel).ok());
        let taken: Vec<_> = self.points.channels.iter().copied().chain(theirs).collect();
        let (radio, channel) = heard.announcement.choose(&taken).ok_or(Trouble::Field)?;
        let digits: String = mac.to_string().chars().filter(|character| *character != ':').collect();
        let point = AdoptedPoint {
            name: format!("borne-{digits}").parse().map_err(|_| Trouble::Field)?,
            mac,
            room: room.clone(),
            radio: radio.to_owned(),
            channel: channel.number(),
            address: heard.address,
            certificate: heard.announcement.certificate,
            by: person.name.clone(),
            at: self.clock.now().at,
            former_key: None,
        };
        let device = self.identify(client).machine.mac();
        self.write(|store| store.adopt_point(&point, device))?;
        self.points.heard.forget(mac);
        Ok(())
    }

    pub(super) fn release(
        &self,
        client: IpAddr,
        person: &Person,
        name: &AccessPointName,
    ) -> Result<(), Trouble> {
        let author = self.author(client, person);
        self.write(|store| store.release_point(name, author))
    }

    /// The files by which an access point from the factory becomes one of this box. The commune's key goes out with the commune's images alone.
    pub(super) fn pack_point_files(&self, client: IpAddr, person: &Person) -> Result<Vec<u8>, Trouble> {
        let key = self.find_own_key()?.ok_or(Trouble::Unknown)?;
        let packed = first_boot::pack(&key).map_err(|error| {
            tracing::error!(%error, "the files of an access point cannot be packed");
            Trouble::Unavailable
        })?;
        let (author, device) = self.author(client, person);
        let words = Sought::new("files of an access point");
        let deed = PersonDeed::Alter { what: Alteration::TakeAdoptionKey, words };
        let act = PersonAct { author: author.clone(), device, deed };
        self.write(|store| store.keep_done_act(&act))?;
        Ok(packed)
    }

    /// Draws another key in the place of the box's own. The commune's is in its images, and stays.
    pub(super) fn replace_adoption_key(&self, client: IpAddr, person: &Person) -> Result<(), Trouble> {
        self.find_own_key()?.ok_or(Trouble::Unknown)?;
        let drawn = draw_key(&self.random).ok_or(Trouble::Unavailable)?;
        let key: AdoptionKey = drawn.parse().map_err(|_| Trouble::Unavailable)?;
        let (now, author) = (self.clock.now().at, self.author(client, person));
        self.write(|store| store.renew_adoption_key(&drawn, now, author))?;
        self.points.heard.swap_key(key);
        Ok(())
    }

    /// The key that the box has drawn, where it is the one that counts.
    fn find_own_key(&self) -> Result<Option<String>, Trouble> {
        let own = self.work(|store| store.adoption_key())?;
        let in_force = self.points.heard.key();
        Ok(own.filter(|own| in_force.is_some() && own.parse::<AdoptionKey>().ok() == in_force))
    }

    /// Whether a machine shows this certificate.
    fn shows(&self, address: IpAddr, certificate: &[u8; 32]) -> bool {
        let place = SocketAddr::new(address, self.points.port);
        see_certificate(place).is_ok_and(|shown| shown == *certificate)
    }

    /// The same office for access points that are plugged in.
    pub(crate) fn with_points(self, points: PointPlan) -> Self {
        Self { points, ..self }
    }
}

/// Whether an access point that is adopted proves itself by the key that it was prepared with, which is no longer the box's.
fn has_former_key(point: &AdoptedPoint, announcement: &Announcement, proof: &str) -> bool {
    let former = point.former_key.as_ref().and_then(|key| key.reveal().parse::<AdoptionKey>().ok());
    former.is_some_and(|key| key.proves(announcement, proof))
}
