//! Where the attacker stands.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use model::DomainName;

/// An address where no server is (RFC 5737): whoever is reached there has taken the connection.
pub(crate) const NOWHERE_IPV4: Ipv4Addr = Ipv4Addr::new(203, 0, 113, 77);
/// The same (RFC 3849).
pub(crate) const NOWHERE_IPV6: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0x7e57, 0, 0, 0, 0, 0x77);

/// The box, as the attacker's machine sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The box's IPv4 address.
    pub ipv4: Ipv4Addr,
    /// Its IPv6 address, where the school has IPv6.
    pub ipv6: Option<Ipv6Addr>,
    /// Its doors.
    pub doors: Doors,
    /// Whether packets for any address meet the box's firewall. On loopback they do not: then the doors are attacked
    /// where they are.
    pub has_firewall: bool,
    /// The name of the box's own pages.
    pub own_name: DomainName,
}

/// Where the box listens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Doors {
    /// DNS.
    pub dns: u16,
    /// The gate for TLS.
    pub tls: u16,
    /// The gate for HTTP.
    pub http: u16,
    /// The explicit proxy.
    pub proxy: u16,
    /// The pages, on loopback.
    pub portal: u16,
    /// The pages by TLS, on loopback.
    pub portal_tls: u16,
}

impl Place {
    /// The box's addresses.
    pub(crate) fn addresses(&self) -> impl Iterator<Item = IpAddr> {
        [Some(IpAddr::V4(self.ipv4)), self.ipv6.map(IpAddr::V6)].into_iter().flatten()
    }

    /// The addresses by which the box is meant, and nobody else.
    #[must_use]
    pub fn own_addresses(&self) -> Vec<IpAddr> {
        let loopback = (!self.has_firewall).then_some(IpAddr::V6(Ipv6Addr::LOCALHOST));
        self.addresses().chain(loopback).collect()
    }

    /// The resolver that devices are given.
    pub(crate) fn dns(&self) -> SocketAddr {
        (self.ipv4, if self.has_firewall { 53 } else { self.doors.dns }).into()
    }

    /// A server of `https` somewhere in the Internet; on loopback, the door itself.
    pub(crate) fn https(&self) -> SocketAddr {
        if self.has_firewall { (NOWHERE_IPV4, 443).into() } else { (self.ipv4, self.doors.tls).into() }
    }

    /// A server of `http` somewhere in the Internet; on loopback, the door itself.
    pub(crate) fn http(&self) -> SocketAddr {
        if self.has_firewall { (NOWHERE_IPV4, 80).into() } else { (self.ipv4, self.doors.http).into() }
    }

    /// The explicit proxy.
    pub(crate) fn proxy(&self) -> SocketAddr {
        (self.ipv4, self.doors.proxy).into()
    }
}
