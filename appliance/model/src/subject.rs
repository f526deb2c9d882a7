//! Who asks.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use crate::{Device, Mac, RoomName};

/// The one that an access is attributed to. Cloning is cheap: it is done once per access.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Subject {
    /// A registered device.
    Device(Arc<Device>),
    /// Anything else: a subject with a name and a profile of its own, never "nobody".
    Unknown(UnknownDevice),
}

impl Subject {
    /// The room where the device stands, if it is known.
    #[must_use]
    pub fn room(&self) -> Option<&RoomName> {
        match self {
            Self::Device(device) => device.room.as_ref(),
            Self::Unknown(_) => None,
        }
    }

    /// The hardware address, if the neighbour table had one.
    #[must_use]
    pub fn mac(&self) -> Option<Mac> {
        match self {
            Self::Device(device) => Some(device.mac),
            Self::Unknown(unknown) => unknown.mac,
        }
    }
}

impl fmt::Display for Subject {
    /// The name under which the journal knows the subject.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Device(device) => device.name.fmt(f),
            Self::Unknown(unknown) => unknown.fmt(f),
        }
    }
}

/// A device that nobody registered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct UnknownDevice {
    /// Its hardware address; `None` when the kernel's neighbour table has no entry for `address`.
    pub mac: Option<Mac>,
    /// The address that it used.
    pub address: IpAddr,
}

impl UnknownDevice {
    /// The profile of every unknown device, as [`ProfileName::unknown`] and configuration files name it.
    pub const PROFILE: &'static str = "inconnu";
}

impl fmt::Display for UnknownDevice {
    /// `inconnu-02:00:00:00:00:11`, so that one device keeps one name whatever its addresses; without a
    /// hardware address `inconnu-10.77.0.11`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.mac {
            Some(mac) => write!(f, "inconnu-{mac}"),
            None => write!(f, "inconnu-{}", self.address),
        }
    }
}

impl From<UnknownDevice> for Subject {
    fn from(unknown: UnknownDevice) -> Self {
        Self::Unknown(unknown)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ProfileName;

    #[test]
    fn the_unknown_profile_is_an_identifier() {
        assert_eq!(ProfileName::unknown().as_str(), UnknownDevice::PROFILE);
    }

    #[test]
    fn an_unknown_device_is_named_by_what_identifies_it() {
        let address = "10.77.0.11".parse().unwrap();
        let mac = Some("02:00:00:00:00:11".parse().unwrap());
        assert_eq!(UnknownDevice { mac, address }.to_string(), "inconnu-02:00:00:00:00:11");
        assert_eq!(UnknownDevice { mac: None, address }.to_string(), "inconnu-10.77.0.11");
    }
}
