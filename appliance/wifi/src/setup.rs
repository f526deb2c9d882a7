//! What an access point is given: the network of its room, with its keys.

use std::fmt;

use crate::{Channel, Country, DeviceKey, Passphrase, Power, Security, Ssid};

/// The network that an access point serves, silent or not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setup {
    /// The network's name.
    pub ssid: Ssid,
    /// How devices prove that they have a key.
    pub security: Security,
    /// The room's key; `None` where each device has its own.
    pub passphrase: Option<Passphrase>,
    /// Every key, computed, each under the name by which the access point knows it.
    pub keys: Vec<DeviceKey>,
    /// The channel.
    pub channel: Channel,
    /// Whose rules of the air the radio keeps to.
    pub country: Country,
    /// How loud the radio is.
    pub power: Power,
    /// Whether stations reach each other: on a guest network they do not.
    pub isolates_stations: bool,
    /// Bridges apart that keys put their devices into, in the order of their numbers.
    pub bridges: Vec<String>,
}

/// What hostapd serves to devices: the name, and where it offers WPA3, the key that all have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Served {
    /// The network's name.
    pub ssid: Ssid,
    /// WPA3's key. It knows no other than the one of all: who has a key of its own joins by WPA2.
    pub sae: Option<Passphrase>,
}

impl Setup {
    /// What hostapd serves of it.
    #[must_use]
    pub fn served(&self) -> Served {
        let sae = match self.security {
            Security::Wpa2 => None,
            Security::Transition => self.passphrase.clone(),
        };
        Served { ssid: self.ssid.clone(), sae }
    }
}

/// What tells one state of an access point from another: a hash, because the state has keys in it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Stamp([u8; 32]);

impl Stamp {
    /// The stamp of what was written, or read back.
    #[must_use]
    pub fn of(text: &str) -> Self {
        Self(*blake3::hash(text.as_bytes()).as_bytes())
    }
}

impl fmt::Debug for Stamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [first, second, third, ..] = self.0;
        write!(f, "Stamp({first:02x}{second:02x}{third:02x}…)")
    }
}

/// What an access point is with a setup: the two parts of it that change apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamps {
    /// Everything but the keys. Another one is taken in silence only.
    pub setup: Stamp,
    /// The keys. Others are taken while devices are joined, and those whose key has gone are thrown out.
    pub keys: Stamp,
}
