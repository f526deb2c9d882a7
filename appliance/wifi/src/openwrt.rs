//! OpenWrt's configuration for a network of the box, as `uci` has it: sections with options.
//!
//! Source: openwrt.org, "Wi-Fi /etc/config/wireless".

use std::collections::BTreeMap;

use crate::setup::{Setup, Stamp, Stamps};
use crate::{Passphrase, Security};

/// Options of a section.
pub type Options = BTreeMap<String, String>;

/// The section's option by which an access point knows when it shall be silent at the latest, in seconds since 1970 UTC: its own
/// watchdog reads it.
pub const UNTIL_OPTION: &str = "preau_until";

/// What an access point with OpenWrt is given: options of its radio, and the section of the box's own network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wireless {
    /// Options of the radio's section.
    pub radio: Options,
    /// The section of the network, but for whether it sends.
    pub network: Options,
}

/// The name of the section of the box's own network on this radio.
#[must_use]
pub fn section_name(radio: &str) -> String {
    format!("preau_{radio}")
}

/// What a radio is given for this setup; `None` without a key that all devices of the room have: keys for each device are not the
/// same in two releases of OpenWrt.
#[must_use]
pub fn render_openwrt(setup: &Setup, radio: &str) -> Option<Wireless> {
    let passphrase: &Passphrase = setup.passphrase.as_ref()?;
    let encryption = match setup.security {
        Security::Wpa2 => "psk2+ccmp",
        Security::Transition => "sae-mixed",
    };
    let flag = |is_on: bool| if is_on { "1" } else { "0" };
    let network = [
        ("device", radio),
        ("mode", "ap"),
        ("network", "lan"),
        ("ssid", setup.ssid.as_str()),
        ("encryption", encryption),
        ("key", passphrase.reveal()),
        ("ieee80211w", "1"),
        ("hidden", "0"),
        ("isolate", flag(setup.isolates_stations)),
        ("wps_pushbutton", "0"),
    ];
    let radio = [
        ("channel", setup.channel.to_string()),
        ("country", setup.country.to_string()),
        ("txpower", setup.power.to_string()),
        // The radio may send; its network tells whether it does.
        ("disabled", "0".to_owned()),
    ];
    let own = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
    Some(Wireless {
        radio: radio.into_iter().map(|(name, value)| (name.to_owned(), value)).collect(),
        network: network.into_iter().map(own).collect(),
    })
}

/// The stamps of what was given, or of what was read back: of the options that the box sets, no others.
#[must_use]
pub fn stamp_openwrt(wireless: &Wireless) -> Stamps {
    let Wireless { radio, network } = wireless;
    let line = |(name, value): (&String, &String)| format!("{name}={value:?}\n");
    let text: String = radio.iter().map(line).chain(network.iter().map(line)).collect();
    // The key is one of the options: another one is another setup.
    Stamps { setup: Stamp::of(&text), keys: Stamp::of("") }
}

/// The options that the box sets, as they were read: what is missing is missing.
#[must_use]
pub fn select(expected: &Wireless, radio: &Options, network: &Options) -> Wireless {
    let of = |expected: &Options, read: &Options| -> Options {
        expected.keys().filter_map(|name| Some((name.clone(), read.get(name)?.clone()))).collect()
    };
    Wireless { radio: of(&expected.radio, radio), network: of(&expected.network, network) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::joining::samples::{hostile, usual};
    use crate::lint::{Place, check};
    use crate::{Channel, Country, Network, Power};

    fn setup(network: Network) -> Setup {
        Setup {
            ssid: network.ssid,
            security: network.security,
            passphrase: Some(network.passphrase),
            keys: vec![],
            channel: Channel::new(36).unwrap(),
            country: Country::FRANCE,
            power: Power::default(),
            isolates_stations: false,
            bridges: vec![],
        }
    }

    /// As the access point's own file shows it.
    fn show(wireless: &Wireless) -> String {
        let line = |(name, value): (&String, &String)| format!("\toption {name} '{value}'\n");
        let radio: String = wireless.radio.iter().map(line).collect();
        let network: String = wireless.network.iter().map(line).collect();
        format!(
            "config wifi-device 'radio0'\n{radio}\nconfig wifi-iface 'preau_radio0'\n{network}\toption disabled '1'\n"
        )
    }

    /// What technicians find in the access point's file.
    #[test]
    fn a_room() {
        let wireless = render_openwrt(&setup(usual()), "radio0").unwrap();
        assert_eq!(show(&wireless), include_str!("../../../firmware-config/openwrt/wireless.example"));
        let transition = Network { security: Security::Transition, ..usual() };
        for network in [usual(), transition] {
            let text = show(&render_openwrt(&setup(network), "radio0").unwrap());
            assert_eq!(check(&text, &Place::default()), Ok(vec![]), "{text}");
        }
    }

    #[test]
    fn what_is_read_back_is_what_was_given_or_is_not() {
        let given = render_openwrt(&setup(hostile()), "radio0").unwrap();
        let (mut radio, mut network) = (given.radio.clone(), given.network.clone());
        radio.insert("htmode".to_owned(), "HE20".to_owned());
        network.insert("disabled".to_owned(), "1".to_owned());
        assert_eq!(stamp_openwrt(&select(&given, &radio, &network)), stamp_openwrt(&given));
        network.remove("ieee80211w");
        assert_ne!(stamp_openwrt(&select(&given, &radio, &network)), stamp_openwrt(&given));
        network = given.network.clone();
        network.insert("encryption".to_owned(), "none".to_owned());
        assert_ne!(stamp_openwrt(&select(&given, &radio, &network)), stamp_openwrt(&given));
    }

    #[test]
    fn a_key_for_each_device_is_not_for_openwrt() {
        assert_eq!(render_openwrt(&Setup { passphrase: None, ..setup(usual()) }, "radio0"), None);
    }
}
