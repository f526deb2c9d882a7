//! What the programs have to know of the school's network.

use std::net::{Ipv4Addr, Ipv6Addr};

use firewall::Interface;
use ipnet::{Ipv4Net, Ipv6Net};

use crate::Pool;

/// The school's network and the box in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct School {
    /// The port towards the school.
    pub lan: Interface,
    /// Its IPv4 network, and the box's address there.
    pub ipv4: (Ipv4Net, Ipv4Addr),
    /// The same for IPv6, where the school has it.
    pub ipv6: Option<(Ipv6Net, Ipv6Addr)>,
    /// What devices are given; `None`: somebody else gives addresses, or they have them by hand.
    pub leases: Option<Leases>,
    /// Networks apart from that one.
    pub apart: Vec<ApartSchool>,
}

/// A network of the school apart from its first one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApartSchool {
    /// The bridge towards it.
    pub interface: Interface,
    /// Its network, and the box's address there.
    pub ipv4: (Ipv4Net, Ipv4Addr),
    /// Addresses for its devices; `None`: they have them by hand.
    pub pool: Option<Pool>,
}

/// What devices are given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Leases {
    /// Addresses for devices that have none of their own.
    pub pool: Pool,
    /// For how long.
    pub minutes: u32,
}

impl School {
    /// All IPv4 networks of the school.
    #[must_use]
    pub fn ipv4_networks(&self) -> Vec<Ipv4Net> {
        let apart = self.apart.iter().map(|apart| apart.ipv4.0);
        std::iter::once(self.ipv4.0).chain(apart).collect()
    }

    /// Whether a device of the school can have this address.
    #[must_use]
    pub fn is_for_devices(&self, address: Ipv4Addr) -> bool {
        let (network, own) = self.ipv4;
        network.contains(&address) && ![own, network.network(), network.broadcast()].contains(&address)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// The school of the lab.
    pub(crate) fn school() -> School {
        let network: Ipv4Net = "10.77.0.0/24".parse().unwrap();
        School {
            lan: "lan0".parse().unwrap(),
            ipv4: (network, "10.77.0.1".parse().unwrap()),
            ipv6: Some(("fd77::/64".parse().unwrap(), "fd77::1".parse().unwrap())),
            leases: Some(Leases { pool: "10.77.0.100-10.77.0.199".parse().unwrap(), minutes: 240 }),
            apart: vec![],
        }
    }

    /// The same with a network for those who teach.
    pub(crate) fn school_apart() -> School {
        let apart = ApartSchool {
            interface: "br-staff".parse().unwrap(),
            ipv4: ("10.77.8.0/24".parse().unwrap(), "10.77.8.1".parse().unwrap()),
            pool: Some("10.77.8.100-10.77.8.199".parse().unwrap()),
        };
        School { apart: vec![apart], ..school() }
    }

    #[test]
    fn some_addresses_are_for_no_device() {
        for (address, expected) in [
            ("10.77.0.2", true),
            ("10.77.0.254", true),
            ("10.77.0.1", false),
            ("10.77.0.0", false),
            ("10.77.0.255", false),
            ("10.77.1.2", false),
        ] {
            assert_eq!(school().is_for_devices(address.parse().unwrap()), expected, "{address}");
        }
    }
}
