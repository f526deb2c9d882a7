//! The box's own addresses.

use std::collections::BTreeSet;
use std::io;
use std::net::IpAddr;

use nix::ifaddrs::getifaddrs;
use nix::sys::socket::SockaddrStorage;

/// The addresses of all interfaces at this moment, loopback and link-local ones included.
///
/// The gate refuses to dial them: a client that asks for the box by another name would otherwise make the box
/// talk to itself until it runs out of descriptors.
///
/// # Errors
/// The kernel's error.
pub fn own_addresses() -> io::Result<BTreeSet<IpAddr>> {
    let entries = getifaddrs()?;
    Ok(entries.filter_map(|entry| address_of(&entry.address?)).collect())
}

/// The addresses that an interface has at this moment, each with its netmask; none where there is no such interface.
///
/// # Errors
/// The kernel's error.
pub fn addresses_of(interface: &str) -> io::Result<Vec<(IpAddr, IpAddr)>> {
    let entries = getifaddrs()?.filter(|entry| entry.interface_name == interface);
    Ok(entries
        .filter_map(|entry| Some((address_of(&entry.address?)?, address_of(&entry.netmask?)?)))
        .collect())
}

fn address_of(address: &SockaddrStorage) -> Option<IpAddr> {
    let ipv4 = address.as_sockaddr_in().map(|address| IpAddr::V4(address.ip()));
    ipv4.or_else(|| address.as_sockaddr_in6().map(|address| IpAddr::V6(address.ip())))
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    #[test]
    fn loopback_is_ours_and_documentation_is_not() {
        let addresses = own_addresses().unwrap();
        assert!(addresses.contains(&IpAddr::V4(Ipv4Addr::LOCALHOST)));
        assert!(!addresses.contains(&IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1))));
    }

    #[test]
    fn an_interface_has_its_addresses_with_their_masks() {
        let loopback = (Ipv4Addr::LOCALHOST.into(), Ipv4Addr::new(255, 0, 0, 0).into());
        assert!(addresses_of("lo").unwrap().contains(&loopback));
        assert!(addresses_of("no-such-one").unwrap().is_empty());
    }
}
