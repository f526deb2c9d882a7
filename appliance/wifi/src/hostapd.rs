//! hostapd's configuration for a network of the box: what [`lint`](crate::lint) finds no fault with.

use std::fmt::Write as _;

use crate::{Country, Passphrase, Pmk, Served, Ssid, Vlan};

/// A network that hostapd serves on a radio of the box.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Radio {
    /// The wireless interface, as `wlan0`.
    pub interface: String,
    /// The bridge of the school's network that stations are put into; without one, the interface stands alone.
    pub bridge: Option<String>,
    /// The channel.
    pub channel: Channel,
    /// Whose rules of the air it keeps to.
    pub country: Country,
    /// Whether stations reach each other: on a guest network they do not.
    pub isolates_stations: bool,
    /// Where hostapd listens for what it is told.
    pub control_folder: String,
    /// The file of bridges apart; without one, all stations are in the same bridge.
    pub vlans_file: Option<String>,
}

/// Devices that a radio takes at a time: two classes, with their teachers. One more could flood the list of stations, or starve the
/// others of the air.
const STATIONS_MAX: u32 = 80;

/// A channel on which a network starts within a second: none with radar.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Channel(u8);

/// A channel that a lesson would wait for, or that there is not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "a room's channel is one of 1 to 13, or of 36, 40, 44, 48: on the others the radio listens for a minute first"
)]
pub struct ChannelError;

impl Channel {
    const TWO_GHZ: std::ops::RangeInclusive<u8> = 1..=13;
    const FIVE_GHZ: [u8; 4] = [36, 40, 44, 48];

    /// The channel of this number.
    ///
    /// # Errors
    /// [`ChannelError`].
    pub fn new(number: u8) -> Result<Self, ChannelError> {
        let is_quick = Self::TWO_GHZ.contains(&number) || Self::FIVE_GHZ.contains(&number);
        if is_quick { Ok(Self(number)) } else { Err(ChannelError) }
    }

    /// The number.
    #[must_use]
    pub const fn number(self) -> u8 {
        self.0
    }

    /// hostapd's word for the band.
    fn mode(self) -> &'static str {
        if Self::TWO_GHZ.contains(&self.0) { "g" } else { "a" }
    }
}

impl std::fmt::Display for Channel {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

impl std::str::FromStr for Channel {
    type Err = ChannelError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse().map_err(|_| ChannelError).and_then(Self::new)
    }
}

/// The key of one device, or of all that have none of their own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeviceKey {
    /// By which name events and the station's list know it.
    pub name: String,
    /// The key.
    pub pmk: Pmk,
    /// The bridge apart that its devices are put into.
    pub vlan: Option<Vlan>,
}

/// `hostapd.conf`. The radio is silent until it is told to send (`start_disabled`), also after each start. WPA2's keys are
/// in `keys_file`, computed already: hostapd would stand still for seconds over a class set of passphrases. WPA3 has
/// the network's own key.
#[must_use]
pub fn render_hostapd(served: &Served, radio: &Radio, keys_file: &str) -> String {
    let mut text = String::new();
    let mut line = |key: &str, value: &str| {
        // Writing to a text never fails.
        let _written = writeln!(text, "{key}={value}");
    };
    line("interface", &radio.interface);
    if let Some(bridge) = &radio.bridge {
        line("bridge", bridge);
    }
    line("driver", "nl80211");
    line("ctrl_interface", &radio.control_folder);
    line("country_code", radio.country.as_str());
    line("ieee80211d", "1");
    line("hw_mode", radio.channel.mode());
    line("channel", &radio.channel.to_string());
    line("ieee80211n", "1");
    line("wmm_enabled", "1");
    // Written as hexadecimal digits, a name cannot be anything else than a name.
    line("ssid2", &hex(served.ssid.as_str().as_bytes()));
    line("utf8_ssid", "1");
    line("auth_algs", "1");
    line("wpa", "2");
    line("rsn_pairwise", "CCMP");
    line("group_cipher", "CCMP");
    line("ieee80211w", "1");
    match &served.sae {
        None => line("wpa_key_mgmt", "WPA-PSK WPA-PSK-SHA256"),
        Some(passphrase) => {
            line("wpa_key_mgmt", "WPA-PSK WPA-PSK-SHA256 SAE");
            line("sae_require_mfp", "1");
            // Not `sae_password`, where a `|` in the key begins something else.
            line("wpa_passphrase", passphrase.reveal());
        }
    }
    line("wpa_psk_file", keys_file);
    if let Some(vlans_file) = &radio.vlans_file {
        // Whoever's key has no number is put into the usual bridge.
        line("dynamic_vlan", "1");
        line("vlan_file", vlans_file);
    }
    line("wps_state", "0");
    line("ignore_broadcast_ssid", "0");
    line("max_num_sta", &STATIONS_MAX.to_string());
    line("ap_isolate", if radio.isolates_stations { "1" } else { "0" });
    line("start_disabled", "1");
    text
}

/// The file of keys: one a line, for any hardware address, because tablets make theirs up.
#[must_use]
pub fn render_keys(keys: &[DeviceKey]) -> String {
    let line = |key: &DeviceKey| {
        let vlan = key.vlan.map(|vlan| format!("vlanid={} ", vlan.number())).unwrap_or_default();
        format!("keyid={} {vlan}00:00:00:00:00:00 {}\n", key.name, key.pmk.reveal_hex())
    };
    keys.iter().map(line).collect()
}

impl DeviceKey {
    /// The key of a device from its passphrase.
    #[must_use]
    pub fn new(name: &str, passphrase: &Passphrase, ssid: &Ssid) -> Self {
        Self { name: name.to_owned(), pmk: passphrase.pmk(ssid), vlan: None }
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::joining::samples::{hostile, usual};
    use crate::lint::{Place, check};
    use crate::{Network, Security};

    /// What technicians read: the very files that the box writes for a room.
    const WPA2: &str = include_str!("../../../firmware-config/hostapd/wpa2.conf");
    const TRANSITION: &str = include_str!("../../../firmware-config/hostapd/transition.conf");
    const KEYS: &str = include_str!("../../../firmware-config/hostapd/hostapd.keys");

    fn radio() -> Radio {
        Radio {
            interface: "wlan0".to_owned(),
            bridge: Some("br0".to_owned()),
            channel: Channel::new(36).unwrap(),
            country: Country::FRANCE,
            isolates_stations: false,
            control_folder: "/run/hostapd".to_owned(),
            vlans_file: None,
        }
    }

    fn render(network: &Network) -> String {
        render_hostapd(&network.served(), &radio(), "/run/preau/keys")
    }

    #[test]
    fn a_room() {
        assert_eq!(render(&usual()), WPA2);
        assert_eq!(render(&Network { security: Security::Transition, ..usual() }), TRANSITION);
        let key = DeviceKey::new("k7", &usual().passphrase, &usual().ssid);
        assert_eq!(render_keys(&[key.clone(), DeviceKey { name: "k8".to_owned(), ..key }]), KEYS);
    }

    #[test]
    fn a_room_with_a_bridge_apart() {
        let radio = Radio { vlans_file: Some("/run/preau/vlans".to_owned()), ..radio() };
        let text = render_hostapd(&usual().served(), &radio, "/run/preau/keys");
        assert_eq!(text, include_str!("../../../firmware-config/hostapd/apart.conf"));
        assert_eq!(check(&text, &Place::default()), Ok(vec![]), "{text}");
        let key = DeviceKey::new("k7", &usual().passphrase, &usual().ssid);
        let apart = DeviceKey { name: "k8".to_owned(), vlan: Vlan::at(0), ..key.clone() };
        let keys = include_str!("../../../firmware-config/hostapd/apart.keys");
        assert_eq!(render_keys(&[key, apart]), keys);
    }

    #[test]
    fn the_box_does_what_it_asks_of_others() {
        for network in [usual(), Network { security: Security::Transition, ..usual() }] {
            let text = render(&network);
            assert_eq!(check(&text, &Place::default()), Ok(vec![]), "{text}");
        }
    }

    /// A line end in a name or a key would be a setting of its own.
    #[test]
    fn a_name_is_nothing_but_a_name() {
        let text = render(&hostile());
        assert!(text.contains("\nssid2=3c613b623a22c3a95c2c27263e\n"), "{text}");
        assert!(text.lines().all(|line| line.split_once('=').is_some_and(|(key, _)| {
            key.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
        })));
    }

    #[test]
    fn channels_that_a_lesson_waits_for_are_none() {
        for number in [1, 6, 13, 36, 48] {
            assert!(Channel::new(number).is_ok(), "{number}");
        }
        for number in [0, 14, 34, 52, 100, 165] {
            assert_eq!(Channel::new(number), Err(ChannelError), "{number}");
        }
        assert_eq!("auto".parse::<Channel>(), Err(ChannelError));
    }
}
