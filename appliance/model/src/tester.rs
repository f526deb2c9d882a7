//! The devices by which the box attacks itself: `preau selftest filter`.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::{Device, DeviceName, Mac, ProfileName};

/// One of the machines that the box makes up to attack itself from the school's side, each judged by a profile of
/// its own. Its number gives it its addresses: they are reserved, so that nobody is taken for it, and it for nobody.
///
/// What it does is recorded like anybody's, under the name of [`Tester::device`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Tester(u8);

/// What the hardware address of every tester begins with: administered locally, and "preau" for short.
const MAC_START: [u8; 5] = [0x02, 0x70, 0x72, 0x65, 0x61];
/// 198.18.0.0/15 is for tests of network machines (RFC 2544): no address of the Internet, and none of a school.
const IPV4_START: [u8; 3] = [198, 18, 112];
/// A unique local prefix (RFC 4193).
const IPV6_PREFIX: [u16; 4] = [0xfd70, 0x7265, 0x6175, 0x7e57];
/// Where the box is on loopback only, so is the tester.
const LOOPBACK_START: [u8; 3] = [127, 77, 0];

impl Tester {
    /// Most testers: a school has some ten profiles, and each of them has two.
    pub const COUNT_MAX: u8 = 64;
    /// What the names of their devices begin with. No registered device has such a name.
    pub const NAME_START: &'static str = "autotest-";
    /// The network of their IPv4 addresses, and how many bits it has.
    pub const IPV4_NETWORK: (Ipv4Addr, u8) = (Ipv4Addr::new(198, 18, 112, 0), 24);
    /// The network of their IPv6 addresses, and how many bits it has.
    pub const IPV6_NETWORK: (Ipv6Addr, u8) = (Ipv6Addr::new(0xfd70, 0x7265, 0x6175, 0x7e57, 0, 0, 0, 0), 64);

    /// The tester of this number, from 1 on; `None` beyond [`Tester::COUNT_MAX`].
    #[must_use]
    pub fn new(number: u8) -> Option<Self> {
        (1..=Self::COUNT_MAX).contains(&number).then_some(Self(number))
    }

    /// The tester who has this address on a box with a firewall, which lets nobody else have it.
    #[must_use]
    pub fn at(address: IpAddr) -> Option<Self> {
        match address {
            IpAddr::V4(address) => Self::after(address, IPV4_START),
            IpAddr::V6(address) => match address.segments() {
                [a, b, c, d, 0, 0, 0, number] if [a, b, c, d] == IPV6_PREFIX => {
                    u8::try_from(number).ok().and_then(Self::new)
                }
                _ => None,
            },
        }
    }

    /// The tester who has this address on a box that serves its own machine only.
    #[must_use]
    pub fn at_loopback(address: IpAddr) -> Option<Self> {
        match address {
            IpAddr::V4(address) => Self::after(address, LOOPBACK_START),
            IpAddr::V6(_) => None,
        }
    }

    fn after(address: Ipv4Addr, start: [u8; 3]) -> Option<Self> {
        let [a, b, c, number] = address.octets();
        if [a, b, c] == start { Self::new(number) } else { None }
    }

    /// The tester of this hardware address.
    #[must_use]
    pub fn of(mac: Mac) -> Option<Self> {
        let [a, b, c, d, e, number] = mac.octets();
        if [a, b, c, d, e] == MAC_START { Self::new(number) } else { None }
    }

    /// Its place among the testers, from 0 on.
    #[must_use]
    pub fn position(self) -> usize {
        usize::from(self.0 - 1)
    }

    /// Its IPv4 address on the school's side.
    #[must_use]
    pub fn ipv4(self) -> Ipv4Addr {
        let [a, b, c] = IPV4_START;
        Ipv4Addr::new(a, b, c, self.0)
    }

    /// Its IPv6 address on the school's side.
    #[must_use]
    pub fn ipv6(self) -> Ipv6Addr {
        let [a, b, c, d] = IPV6_PREFIX;
        Ipv6Addr::new(a, b, c, d, 0, 0, 0, u16::from(self.0))
    }

    /// Its address on loopback.
    #[must_use]
    pub fn loopback(self) -> Ipv4Addr {
        let [a, b, c] = LOOPBACK_START;
        Ipv4Addr::new(a, b, c, self.0)
    }

    /// Its hardware address.
    #[must_use]
    pub fn mac(self) -> Mac {
        let [a, b, c, d, e] = MAC_START;
        Mac::new([a, b, c, d, e, self.0])
    }

    /// The device that it is for policy and journal, with this profile.
    #[must_use]
    pub fn device(self, profile: &ProfileName) -> Device {
        let long = format!("{}{profile}", Self::NAME_START);
        let short = || format!("{}{}", Self::NAME_START, self.0).parse();
        #[expect(
            clippy::expect_used,
            reason = "a short word and a number are a name: a test makes all of them"
        )]
        let name: DeviceName = long.parse().or_else(|_| short()).expect("a name");
        Device { mac: self.mac(), name, room: None, profile: profile.clone() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tester_is_found_by_each_of_its_addresses_and_nobody_else_is() {
        for number in 1..=Tester::COUNT_MAX {
            let tester = Tester::new(number).unwrap();
            assert_eq!(Tester::at(tester.ipv4().into()), Some(tester));
            assert_eq!(Tester::at(tester.ipv6().into()), Some(tester));
            assert_eq!(Tester::at(tester.loopback().into()), None);
            assert_eq!(Tester::at_loopback(tester.loopback().into()), Some(tester));
            assert_eq!(Tester::at_loopback(tester.ipv4().into()), None);
            assert_eq!(Tester::of(tester.mac()), Some(tester));
            assert!(tester.mac().of_a_machine().is_ok());
        }
        for address in
            ["198.18.112.0", "198.18.112.65", "198.18.113.1", "fd70:7265:6175:7e57:1::1", "fd77::1"]
        {
            assert_eq!(Tester::at(address.parse().unwrap()), None, "{address}");
        }
        assert_eq!(Tester::of("02:00:00:00:00:11".parse().unwrap()), None);
        assert_eq!((Tester::new(0), Tester::new(65)), (None, None));
    }

    #[test]
    fn networks_hold_the_addresses() {
        let tester = Tester::new(7).unwrap();
        assert_eq!(tester.ipv4().octets()[..3], Tester::IPV4_NETWORK.0.octets()[..3]);
        assert_eq!(tester.ipv6().segments()[..4], Tester::IPV6_NETWORK.0.segments()[..4]);
    }

    #[test]
    fn its_device_is_told_from_all_others() {
        let device =
            |profile: &str| Tester::new(3).unwrap().device(&profile.parse().unwrap()).name.to_string();
        assert_eq!(device("elementaire"), "autotest-elementaire");
        assert_eq!(device(&"x".repeat(60)), "autotest-3");
    }
}
