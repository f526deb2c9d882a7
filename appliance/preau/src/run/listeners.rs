//! Every socket of the box, bound before anything is served: a port that is taken is told at once.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, UdpSocket};

use system::sockets::{BindError, Presence};
use system::supervisor::Supervisor;

use crate::config::Config;

/// The sockets of all doors.
pub(crate) struct Listeners {
    pub(crate) dns_udp: Vec<UdpSocket>,
    pub(crate) dns_tcp: Vec<TcpListener>,
    /// None where the box has no certificate to show.
    pub(crate) dns_tls: Vec<TcpListener>,
    pub(crate) tls: Vec<TcpListener>,
    pub(crate) http: Vec<TcpListener>,
    pub(crate) proxy: Vec<TcpListener>,
    pub(crate) portal: TcpListener,
    /// None where the box has no certificate to show.
    pub(crate) portal_tls: Option<TcpListener>,
    /// Where the doors are, IPv4 first.
    pub(crate) addresses: Vec<IpAddr>,
}

impl Listeners {
    /// Binds every door on every address of the box that `config` has; those that need a certificate where there is one.
    /// Sockets of an earlier run, which `supervisor` has kept, are taken over.
    pub(crate) fn bind(
        config: &Config,
        has_certificate: bool,
        supervisor: &Supervisor,
    ) -> Result<Self, BindError> {
        let (addresses, presence) = door_addresses(config);
        let tcp = |port: u16| -> Result<Vec<TcpListener>, BindError> {
            addresses.iter().map(|&ip| supervisor.listen_tcp(SocketAddr::new(ip, port), presence)).collect()
        };
        let udp =
            addresses.iter().map(|&ip| supervisor.bind_udp(SocketAddr::new(ip, config.dns.port), presence));
        let portal = |port: u16| {
            supervisor.listen_tcp(SocketAddr::new(Ipv4Addr::LOCALHOST.into(), port), Presence::Required)
        };
        let listeners = Self {
            dns_udp: udp.collect::<Result<_, _>>()?,
            dns_tcp: tcp(config.dns.port)?,
            dns_tls: if has_certificate { tcp(config.dns.tls_port)? } else { vec![] },
            tls: tcp(config.gate.tls_port)?,
            http: tcp(config.gate.http_port)?,
            proxy: tcp(config.gate.proxy_port)?,
            portal: portal(config.portal.port)?,
            portal_tls: if has_certificate { Some(portal(config.portal.tls_port)?) } else { None },
            addresses,
        };
        supervisor.close_the_rest();
        Ok(listeners)
    }
}

/// The box's own addresses on the school's network, or those of loopback that the machine has.
pub(crate) fn door_addresses(config: &Config) -> (Vec<IpAddr>, Presence) {
    match &config.network {
        Some(network) => {
            let intent = network.firewall.intent();
            let ipv6 = intent.box_ipv6.map(IpAddr::V6);
            (std::iter::once(IpAddr::V4(intent.box_ipv4)).chain(ipv6).collect(), Presence::Awaited)
        }
        None => {
            let ipv6 = IpAddr::V6(Ipv6Addr::LOCALHOST);
            let has_ipv6 = UdpSocket::bind(SocketAddr::new(ipv6, 0)).is_ok();
            let ipv4 = IpAddr::V4(Ipv4Addr::LOCALHOST);
            (std::iter::once(ipv4).chain(has_ipv6.then_some(ipv6)).collect(), Presence::Required)
        }
    }
}
