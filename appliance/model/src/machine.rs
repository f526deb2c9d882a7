//! What a device is known by.

use std::fmt;
use std::net::{AddrParseError, IpAddr};
use std::str::FromStr;

use crate::{Mac, Subject, UnknownDevice};

/// A device as the box tells it from another: by its hardware address, or by its IP address where the kernel knows no
/// other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Machine {
    /// Known by its IP address alone: anybody on the network may have sent in its name.
    Address(IpAddr),
    /// Known by its hardware address.
    Mac(Mac),
}

impl Machine {
    /// The machine that a subject is.
    #[must_use]
    pub fn of(subject: &Subject) -> Self {
        match subject {
            Subject::Device(device) => Self::Mac(device.mac),
            Subject::Unknown(UnknownDevice { mac: Some(mac), .. }) => Self::Mac(*mac),
            Subject::Unknown(UnknownDevice { mac: None, address }) => Self::Address(*address),
        }
    }

    /// Its hardware address, where it is known.
    #[must_use]
    pub fn mac(self) -> Option<Mac> {
        match self {
            Self::Mac(mac) => Some(mac),
            Self::Address(_) => None,
        }
    }
}

impl fmt::Display for Machine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address(address) => address.fmt(f),
            Self::Mac(mac) => mac.fmt(f),
        }
    }
}

impl FromStr for Machine {
    type Err = AddrParseError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse().map(Self::Mac).or_else(|_| text.parse().map(Self::Address))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_machine_comes_back_from_its_text() {
        let mac = Some("02:00:00:00:00:11".parse().unwrap());
        for (mac, address, expected) in [
            (mac, "10.77.0.11", "02:00:00:00:00:11"),
            (None, "10.77.0.11", "10.77.0.11"),
            (None, "fd77::11", "fd77::11"),
        ] {
            let machine = Machine::of(&UnknownDevice { mac, address: address.parse().unwrap() }.into());
            assert_eq!(machine.to_string(), expected);
            assert_eq!(expected.parse(), Ok(machine));
        }
        assert!("CM2-01".parse::<Machine>().is_err());
    }
}
