//! The key by which access points prove themselves: that of the configuration, or one that the box draws for its school. On a box of the image
//! nobody has a shell to put a file in place.

use std::path::Path;

use anyhow::Context as _;
use ring::rand::{SecureRandom as _, SystemRandom};
use store::Store;
use sync::HubFolder;
use wifi::AdoptionKey;

use crate::config;
use crate::data_folder::STATE_FILE;

/// Bytes of chance in a key.
const KEY_BYTES: usize = 32;

/// The key that counts. One is drawn at the first start of a box that is somebody's and has a network for a room, where the configuration names none: with
/// a key the keys of the Wi-Fi are drawn, too, and a box that has any is no longer fresh. Where the configuration names one that cannot be read, there is
/// none: access points of the commune's do not prove another one.
pub(crate) fn find_key(config: &config::Wifi, data: &Path) -> Option<AdoptionKey> {
    if config.adoption_key.is_some() || config.adoption_key_fault.is_some() {
        return config.adoption_key.clone();
    }
    match find_own(data, !config.networks.is_empty()) {
        Ok(key) => key,
        Err(error) => {
            tracing::error!("the key of access points is not there, and none of them is believed: {error:#}");
            None
        }
    }
}

/// A new key, in hexadecimal digits; `None` where the system gives no chance.
pub(crate) fn draw_key(random: &SystemRandom) -> Option<String> {
    let mut bytes = [0; KEY_BYTES];
    random.fill(&mut bytes).ok()?;
    Some(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

fn find_own(data: &Path, is_needed: bool) -> anyhow::Result<Option<AdoptionKey>> {
    let mut store = Store::open(&data.join(STATE_FILE))?;
    let key = match store.adoption_key()? {
        Some(key) => key,
        None if is_needed && (HubFolder::new(data).is_enrolled() || !store.is_blank()?) => {
            let drawn = draw_key(&SystemRandom::new()).context("the system gives no chance")?;
            let key = store.keep_adoption_key(&drawn, system::clock::now())?;
            tracing::info!("a key for access points is drawn");
            key
        }
        // A fresh box may take another one's place, and has that one's.
        None => return Ok(None),
    };
    Ok(Some(key.parse()?))
}

#[cfg(test)]
mod tests {
    use wifi::{KeyPolicy, RoomNetwork, Security};

    use super::*;

    fn of_rooms(rooms: &[&str]) -> config::Wifi {
        let network = |room: &&str| RoomNetwork {
            room: room.parse().unwrap(),
            ssid: "tilleul".parse().unwrap(),
            keys: KeyPolicy::Room,
            security: Security::Wpa2,
            isolates_stations: false,
            apart: vec![],
        };
        config::Wifi { networks: rooms.iter().map(network).collect(), ..config::Wifi::default() }
    }

    /// The data of a box that is somebody's.
    fn used() -> tempfile::TempDir {
        let data = tempfile::tempdir().unwrap();
        let device = model::Device {
            mac: "02:00:00:00:00:11".parse().unwrap(),
            name: "CM2-01".parse().unwrap(),
            room: None,
            profile: "elementaire".parse().unwrap(),
        };
        Store::open(&data.path().join(STATE_FILE)).unwrap().add_device(&device).unwrap();
        data
    }

    #[test]
    fn a_key_is_drawn_once_a_room_has_a_network_and_stays() {
        let data = tempfile::tempdir().unwrap();
        assert_eq!(find_key(&of_rooms(&["CM2"]), data.path()), None, "a fresh box stays fresh");
        let data = used();
        assert_eq!(find_key(&of_rooms(&[]), data.path()), None);
        let drawn = find_key(&of_rooms(&["CM2"]), data.path()).unwrap();
        assert_eq!(find_key(&of_rooms(&["CM2", "CP"]), data.path()), Some(drawn.clone()));
        assert_eq!(find_key(&of_rooms(&[]), data.path()), Some(drawn), "access points have it");
        let other = used();
        assert_ne!(find_key(&of_rooms(&["CM2"]), other.path()), find_key(&of_rooms(&["CM2"]), data.path()));
    }

    #[test]
    fn that_of_the_configuration_counts_also_where_it_cannot_be_read() {
        let data = used();
        let key: AdoptionKey = "b2".repeat(32).parse().unwrap();
        let named = config::Wifi { adoption_key: Some(key.clone()), ..of_rooms(&["CM2"]) };
        assert_eq!(find_key(&named, data.path()), Some(key));
        let lost = config::Wifi { adoption_key_fault: Some("gone".to_owned()), ..of_rooms(&["CM2"]) };
        assert_eq!(find_key(&lost, data.path()), None);
        let store = Store::open(&data.path().join(STATE_FILE)).unwrap();
        assert_eq!(store.adoption_key().unwrap(), None, "none is drawn for nothing");
    }
}
