//! Devices of one network on bridges apart: hostapd puts each into the bridge that its key says.
//!
//! No frame has a tag (IEEE 802.1Q): the number only ties a key to a line of hostapd's file of bridges, and a line to an interface that
//! the kernel makes for it (`AP_VLAN` of nl80211), with a group key of its own.

use model::ProfileName;

/// The number of the first bridge apart: 1 is what some drivers take for none.
const FIRST: u16 = 2;

/// A bridge apart, for the devices of some profiles.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Apart {
    /// Whose devices.
    pub profiles: Vec<ProfileName>,
    /// The bridge.
    pub bridge: String,
}

/// The number by which hostapd knows a bridge apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Vlan(u16);

impl Vlan {
    /// That of the bridge at this place.
    #[must_use]
    pub fn at(place: usize) -> Option<Self> {
        u16::try_from(place).ok().and_then(|place| FIRST.checked_add(place)).map(Self)
    }

    /// The number.
    #[must_use]
    pub const fn number(self) -> u16 {
        self.0
    }

    /// The bridge of a profile's devices, among those apart; `None`: the network's usual one.
    #[must_use]
    pub fn of(profile: &ProfileName, apart: &[Apart]) -> Option<Self> {
        apart.iter().position(|apart| apart.profiles.contains(profile)).and_then(Self::at)
    }
}

/// hostapd's file of bridges: number, interface to be made, bridge (`hostapd.vlan`).
#[must_use]
pub fn render_vlans(interface: &str, bridges: &[String]) -> String {
    let lines = bridges.iter().enumerate().filter_map(|(place, bridge)| {
        let number = Vlan::at(place)?.number();
        Some(format!("{number} {interface}.{number} {bridge}\n"))
    });
    lines.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const VLANS: &str = include_str!("../../../firmware-config/hostapd/hostapd.vlans");

    #[test]
    fn bridges_are_lines_with_the_numbers_of_their_keys() {
        let apart = |profile: &str, bridge: &str| Apart {
            profiles: vec![profile.parse().unwrap()],
            bridge: bridge.to_owned(),
        };
        let apart = [apart("adulte", "br-adultes"), apart("invite", "br-invites")];
        let bridges: Vec<_> = apart.iter().map(|apart| apart.bridge.clone()).collect();
        assert_eq!(render_vlans("wlan0", &bridges), VLANS);
        let number = |profile: &str| Vlan::of(&profile.parse().unwrap(), &apart).map(Vlan::number);
        assert_eq!([number("adulte"), number("invite"), number("elementaire")], [Some(2), Some(3), None]);
        assert_eq!(render_vlans("wlan0", &[]), "");
    }
}
