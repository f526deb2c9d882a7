//! Addresses that devices have for good.

use std::fmt::Write as _;
use std::net::Ipv4Addr;

use model::Mac;

use crate::School;

/// The fixed addresses of a school, as dnsmasq reads them (`--dhcp-hostsfile`).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fixed {
    /// A line for each device, in the order of their hardware addresses.
    pub text: String,
    /// Devices that get one of the pool instead.
    pub unusable: Vec<Unusable>,
}

/// An address that no device of this network can have: the network was another one when it was given.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{address} of {mac} is not an address of a device in the school's network")]
pub struct Unusable {
    /// Whose.
    pub mac: Mac,
    /// The address.
    pub address: Ipv4Addr,
}

/// What dnsmasq is to read.
#[must_use]
pub fn plan_fixed(school: &School, addresses: &[(Mac, Ipv4Addr)]) -> Fixed {
    let mut fixed = Fixed::default();
    let mut addresses = addresses.to_vec();
    addresses.sort_unstable();
    for (mac, address) in addresses {
        if school.is_for_devices(address) {
            // Writing to a text cannot fail.
            let _written = writeln!(fixed.text, "{mac},{address}");
        } else {
            fixed.unusable.push(Unusable { mac, address });
        }
    }
    fixed
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::school::tests::school;

    #[test]
    fn a_line_for_each_device_that_can_have_its_address() {
        let entry = |mac: &str, address: &str| (mac.parse().unwrap(), address.parse().unwrap());
        let [second, first, stray] = [
            entry("02:00:00:00:00:12", "10.77.0.22"),
            entry("02:00:00:00:00:11", "10.77.0.21"),
            entry("02:00:00:00:00:13", "192.168.1.5"),
        ];
        let fixed = plan_fixed(&school(), &[second, first, stray]);
        assert_eq!(fixed.text, "02:00:00:00:00:11,10.77.0.21\n02:00:00:00:00:12,10.77.0.22\n");
        assert_eq!(fixed.unusable, [Unusable { mac: stray.0, address: stray.1 }]);
    }

    #[test]
    fn a_school_without_any_has_an_empty_file() {
        assert_eq!(plan_fixed(&school(), &[]), Fixed::default());
    }
}
