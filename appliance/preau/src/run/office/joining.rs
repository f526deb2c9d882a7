//! The picture by which tablets join the Wi-Fi of a room.

use model::{Person, RoomName};
use portal::{JoinCode, JoinState, Trouble};
use wifi::joining::qr_svg;
use wifi::{KeyPolicy, Network, RoomNetwork};

use super::Office;

impl Office {
    /// While a lesson that she may change has the Wi-Fi, and no longer: the picture is the key.
    pub(super) fn show_join(&self, person: &Person) -> Result<JoinCode, Trouble> {
        let now = self.describe_room(person)?;
        let is_on = now.is_hers && now.lesson.is_some_and(|lesson| lesson.is_wifi_on);
        let network = self.points.networks.iter().find(|network| Some(&network.room) == now.room.as_ref());
        let state = match network.filter(|_| is_on) {
            None => JoinState::Off,
            Some(network) => match network.keys {
                KeyPolicy::Device => JoinState::OwnKeys,
                KeyPolicy::Room => self.draw_join(network)?,
            },
        };
        Ok(JoinCode { room: now.room, state })
    }

    fn draw_join(&self, network: &RoomNetwork) -> Result<JoinState, Trouble> {
        let keys = self.work(|store| store.wifi_keys())?;
        let is_rooms = |room: &RoomName, has_device: bool| *room == network.room && !has_device;
        let key = keys.iter().find(|key| is_rooms(&key.owner.room, key.owner.device.is_some()));
        // It is drawn as soon as the box knows the time.
        let Some(passphrase) = key.and_then(|key| key.passphrase.parse().ok()) else {
            return Ok(JoinState::Off);
        };
        let network = Network { ssid: network.ssid.clone(), passphrase, security: network.security };
        let drawn = qr_svg(&network).map_err(|_| Trouble::Unavailable)?;
        // Inside a page there is no declaration of XML.
        let picture = drawn.find("<svg").and_then(|place| drawn.get(place..)).unwrap_or_default().to_owned();
        Ok(JoinState::Shown { ssid: network.ssid.as_str().to_owned(), picture })
    }
}
