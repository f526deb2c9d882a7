//! Where the gate dials, and where it never does.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

/// Which addresses may be dialled. A name on the Internet can lead anywhere: to the box itself, to a machine
/// of the school, to a router of the provider. The gate stands where the firewall would have stopped such a
/// connection, so it stops it itself.
#[derive(Clone, Debug, Default)]
pub struct Destinations {
    own: Vec<IpAddr>,
    school: Vec<IpNet>,
    reachable: Vec<IpNet>,
}

/// Why an address is not dialled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Forbidden {
    /// The box would talk to itself.
    #[error("the address is the box's own")]
    Own,
    /// A machine on the school's network.
    #[error("the address is on the school's network")]
    School,
    /// Loopback, link-local, multicast and other addresses that are no server on the Internet.
    #[error("the address is not on the Internet")]
    Special,
    /// A private network that the configuration does not name.
    #[error("the address is on a private network")]
    Private,
}

impl Destinations {
    /// The box's own addresses, the school's networks, and the private networks that may be reached all the
    /// same: those of the commune, for instance. The last make neither an own address nor the school reachable.
    #[must_use]
    pub fn new(own: &[IpAddr], school: &[IpNet], reachable: &[IpNet]) -> Self {
        Self {
            own: own.iter().map(IpAddr::to_canonical).collect(),
            school: school.to_vec(),
            reachable: reachable.to_vec(),
        }
    }

    /// Whether this is one of the box's own addresses.
    #[must_use]
    pub fn is_own(&self, address: IpAddr) -> bool {
        self.own.contains(&address.to_canonical())
    }

    /// Judges an address.
    ///
    /// # Errors
    /// [`Forbidden`] tells why it is not dialled.
    pub fn check(&self, address: IpAddr) -> Result<(), Forbidden> {
        let address = bare(address);
        if self.is_own(address) {
            return Err(Forbidden::Own);
        }
        let is_in = |networks: &[IpNet]| networks.iter().any(|network| network.contains(&address));
        if is_in(&self.school) {
            return Err(Forbidden::School);
        }
        if is_in(&self.reachable) {
            return Ok(());
        }
        let (special, private) = match address {
            IpAddr::V4(v4) => (is_special_v4(v4), is_private_v4(v4)),
            IpAddr::V6(v6) => (is_special_v6(v6), is_private_v6(v6)),
        };
        match (special, private) {
            (true, _) => Err(Forbidden::Special),
            (false, true) => Err(Forbidden::Private),
            (false, false) => Ok(()),
        }
    }
}

/// The IPv4 address inside an IPv6 address that a translator or a tunnel would send on to it: mapped
/// (RFC 4291), NAT64 (RFC 6052) and 6to4 (RFC 3056).
fn bare(address: IpAddr) -> IpAddr {
    let IpAddr::V6(v6) = address else { return address };
    let embedded = match v6.segments() {
        [0, 0, 0, 0, 0, 0xffff, high, low] | [0x64, 0xff9b, 0, 0, 0, 0, high, low] => Some((high, low)),
        [0x2002, high, low, ..] => Some((high, low)),
        _ => None,
    };
    match embedded {
        Some((high, low)) => IpAddr::V4(Ipv4Addr::from_bits(u32::from(high) << 16 | u32::from(low))),
        None => address,
    }
}

/// RFC 6890's registry: this network, loopback, link-local, protocol assignments, multicast, reserved and
/// broadcast. Its documentation networks lead nowhere, and laboratories play the Internet with them.
const SPECIAL_V4: [Ipv4Net; 5] = [
    Ipv4Net::new_assert(Ipv4Addr::new(0, 0, 0, 0), 8),
    Ipv4Net::new_assert(Ipv4Addr::new(127, 0, 0, 0), 8),
    Ipv4Net::new_assert(Ipv4Addr::new(169, 254, 0, 0), 16),
    Ipv4Net::new_assert(Ipv4Addr::new(192, 0, 0, 0), 24),
    Ipv4Net::new_assert(Ipv4Addr::new(224, 0, 0, 0), 3),
];

/// RFC 1918, and RFC 6598's addresses between a provider and its customers.
const PRIVATE_V4: [Ipv4Net; 4] = [
    Ipv4Net::new_assert(Ipv4Addr::new(10, 0, 0, 0), 8),
    Ipv4Net::new_assert(Ipv4Addr::new(172, 16, 0, 0), 12),
    Ipv4Net::new_assert(Ipv4Addr::new(192, 168, 0, 0), 16),
    Ipv4Net::new_assert(Ipv4Addr::new(100, 64, 0, 0), 10),
];

/// The part of IPv6 where servers live (RFC 4291 section 2.4).
const GLOBAL_V6: Ipv6Net = Ipv6Net::new_assert(Ipv6Addr::new(0x2000, 0, 0, 0, 0, 0, 0, 0), 3);
/// Teredo (RFC 4380): a tunnel to an IPv4 address, and no server uses it.
const TEREDO: Ipv6Net = Ipv6Net::new_assert(Ipv6Addr::new(0x2001, 0, 0, 0, 0, 0, 0, 0), 32);
/// Unique local addresses (RFC 4193).
const PRIVATE_V6: Ipv6Net = Ipv6Net::new_assert(Ipv6Addr::new(0xfc00, 0, 0, 0, 0, 0, 0, 0), 7);

fn is_special_v4(address: Ipv4Addr) -> bool {
    SPECIAL_V4.iter().any(|network| network.contains(&address))
}

fn is_private_v4(address: Ipv4Addr) -> bool {
    PRIVATE_V4.iter().any(|network| network.contains(&address))
}

fn is_special_v6(address: Ipv6Addr) -> bool {
    let is_known = GLOBAL_V6.contains(&address) || PRIVATE_V6.contains(&address);
    !is_known || TEREDO.contains(&address)
}

fn is_private_v6(address: Ipv6Addr) -> bool {
    PRIVATE_V6.contains(&address)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn school() -> Destinations {
        let own = ["10.77.0.1", "198.41.0.4", "fd77::1"].map(|text| text.parse().unwrap());
        let networks = ["10.77.0.0/16", "fd77::/64"].map(|text| text.parse().unwrap());
        let reachable =
            ["10.20.0.0/16", "fd20::/48", "10.77.0.5/32", "10.77.0.1/32"].map(|text| text.parse().unwrap());
        Destinations::new(&own, &networks, &reachable)
    }

    fn check(destinations: &Destinations, address: &str, expected: Result<(), Forbidden>) {
        assert_eq!(destinations.check(address.parse().unwrap()), expected, "{address}");
    }

    #[test]
    fn the_internet_is_reachable() {
        let school = school();
        for address in [
            "93.184.215.14",
            "8.8.8.8",
            "172.15.255.255",
            "172.32.0.0",
            "100.63.0.1",
            "100.128.0.1",
            "2606:4700::1",
            "203.0.113.1",
            "2001:db8::1",
        ] {
            check(&school, address, Ok(()));
        }
    }

    #[test]
    fn the_box_the_school_and_private_networks_are_not() {
        let school = school();
        check(&school, "10.77.0.1", Err(Forbidden::Own));
        check(&school, "198.41.0.4", Err(Forbidden::Own));
        check(&school, "fd77::1", Err(Forbidden::Own));
        check(&school, "10.77.3.2", Err(Forbidden::School));
        check(&school, "fd77::23", Err(Forbidden::School));
        check(&school, "10.77.0.5", Err(Forbidden::School));
        check(&school, "10.20.1.1", Ok(()));
        check(&school, "fd20::1", Ok(()));
        for address in
            ["10.1.2.3", "172.16.0.1", "172.31.255.255", "192.168.1.1", "100.64.0.1", "fc00::1", "fd00::1"]
        {
            check(&school, address, Err(Forbidden::Private));
        }
    }

    #[test]
    fn addresses_of_no_server_are_not() {
        for address in [
            "0.0.0.0",
            "0.1.2.3",
            "127.0.0.1",
            "127.255.0.1",
            "169.254.169.254",
            "224.0.0.1",
            "239.255.255.255",
            "240.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::7f00:1",
            "fe80::1",
            "fec0::1",
            "ff02::1",
            "2001::1",
            "64:ff9b:1::1",
            "100::1",
            "4000::1",
        ] {
            check(&Destinations::default(), address, Err(Forbidden::Special));
        }
    }

    #[test]
    fn an_ipv4_address_is_itself_in_any_dress() {
        let school = school();
        for dress in ["::ffff:", "64:ff9b::"] {
            check(&school, &format!("{dress}10.77.0.1"), Err(Forbidden::Own));
            check(&school, &format!("{dress}10.77.9.9"), Err(Forbidden::School));
            check(&school, &format!("{dress}127.0.0.1"), Err(Forbidden::Special));
            check(&school, &format!("{dress}192.168.0.1"), Err(Forbidden::Private));
            check(&school, &format!("{dress}8.8.8.8"), Ok(()));
        }
        check(&school, "2002:a4d:1::1", Err(Forbidden::Own));
        check(&school, "2002:7f00:1::", Err(Forbidden::Special));
    }

    #[test]
    fn own_addresses_stay_own_whatever_is_reachable() {
        let all = Destinations::new(&["127.0.0.1".parse().unwrap()], &[], &["0.0.0.0/0".parse().unwrap()]);
        check(&all, "127.0.0.1", Err(Forbidden::Own));
        check(&all, "::ffff:127.0.0.1", Err(Forbidden::Own));
        check(&all, "127.0.0.2", Ok(()));
    }
}
