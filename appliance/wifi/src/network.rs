//! A network that devices join.

use crate::{Passphrase, Served, Ssid};

/// A network and its key, as devices need to know it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Network {
    /// Its name.
    pub ssid: Ssid,
    /// Its key.
    pub passphrase: Passphrase,
    /// How devices prove that they have the key.
    pub security: Security,
}

impl Network {
    /// What hostapd serves of it.
    #[must_use]
    pub fn served(&self) -> Served {
        let sae = match self.security {
            Security::Wpa2 => None,
            Security::Transition => Some(self.passphrase.clone()),
        };
        Served { ssid: self.ssid.clone(), sae }
    }
}

/// How devices prove that they have the key. Nothing older than WPA2 with CCMP is one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Security {
    /// WPA2-PSK with CCMP.
    Wpa2,
    /// WPA3-SAE beside WPA2-PSK, for devices that know no other.
    Transition,
}
