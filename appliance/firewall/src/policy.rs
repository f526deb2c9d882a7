//! The intended state of the firewall.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{IpNet, Ipv4Net};
use model::Mac;

use crate::{Interface, Passage};

/// What a configuration says about the firewall, not yet checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Intent {
    /// The interface of the school's network.
    pub lan: Interface,
    /// The interface of the Internet line.
    pub wan: Interface,
    /// The box's IPv4 address on the school's network.
    pub box_ipv4: Ipv4Addr,
    /// The box's IPv6 address on the school's network; without one, the school has no IPv6 at all.
    pub box_ipv6: Option<Ipv6Addr>,
    /// The networks that clients of the school's network have their addresses in.
    pub networks: Vec<IpNet>,
    /// Networks of the school apart from that one: the box serves them as well, and lets nothing pass between any two.
    pub apart: Vec<Apart>,
    /// Where the box listens.
    pub ports: Ports,
    /// Connections that one device may open in a second, to the box and beyond; [`CONNECTIONS_PER_SECOND`] unless somebody
    /// needs others. Five times as many at once.
    pub connections_per_second: u32,
}

/// A network of the school apart from its first one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Apart {
    /// Its interface.
    pub interface: Interface,
    /// What its clients have their addresses in. It has no IPv6.
    pub network: Ipv4Net,
    /// The box's address there.
    pub address: Ipv4Addr,
}

impl Intent {
    /// The interfaces of all of the school's networks.
    #[must_use]
    pub fn lans(&self) -> Vec<Interface> {
        let apart = self.apart.iter().map(|apart| apart.interface.clone());
        std::iter::once(self.lan.clone()).chain(apart).collect()
    }
}

/// A browser has 256 connections at most; a class behind one access point that hides its tablets has thirty browsers. The
/// queues that all doors share take four times what one device may open at once, and are emptied faster than it goes on.
pub const CONNECTIONS_PER_SECOND: u32 = 200;

/// Where the box listens on its addresses of the school's network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ports {
    /// The resolver, UDP and TCP.
    pub dns: u16,
    /// The resolver by TLS; for the box's own addresses only.
    pub dns_tls: u16,
    /// The gate for redirected HTTP; it serves the portal too.
    pub gate_http: u16,
    /// The gate for redirected TLS.
    pub gate_tls: u16,
    /// The explicit proxy.
    pub explicit_proxy: u16,
}

/// The whole intended state of the firewall. A value of this type compiles to a ruleset that loads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FirewallPolicy {
    intent: Intent,
    /// What services let through; `None` where the school has no services, so that nothing is ever forwarded.
    passages: Option<Vec<Passage>>,
    /// The registered devices.
    devices: BTreeSet<Mac>,
    /// Whether the box gives addresses to devices.
    gives_addresses: bool,
}

impl FirewallPolicy {
    /// Checks what belongs together.
    ///
    /// # Errors
    /// All the contradictions of `intent` at once.
    pub fn new(intent: Intent) -> Result<Self, Vec<PolicyError>> {
        let errors: Vec<_> = contradictions(&intent).collect();
        if errors.is_empty() {
            Ok(Self { intent, passages: None, devices: BTreeSet::new(), gives_addresses: false })
        } else {
            Err(errors)
        }
    }

    /// The state that was checked.
    #[must_use]
    pub fn intent(&self) -> &Intent {
        &self.intent
    }

    /// The same with services that let this through.
    #[must_use]
    pub fn with_passages(self, passages: Vec<Passage>) -> Self {
        Self { passages: Some(passages), ..self }
    }

    /// The same for a school that has registered these devices: what they do is paced apart from what all others do.
    #[must_use]
    pub fn with_devices(self, devices: BTreeSet<Mac>) -> Self {
        Self { devices, ..self }
    }

    /// The same for a box that gives addresses to devices: they may ask for one.
    #[must_use]
    pub fn with_addresses_given(self) -> Self {
        Self { gives_addresses: true, ..self }
    }

    /// Whether the box gives addresses to devices.
    #[must_use]
    pub fn gives_addresses(&self) -> bool {
        self.gives_addresses
    }

    /// The registered devices.
    #[must_use]
    pub fn devices(&self) -> &BTreeSet<Mac> {
        &self.devices
    }

    /// What services let through; `None` where the school has no services.
    #[must_use]
    pub fn passages(&self) -> Option<&[Passage]> {
        self.passages.as_deref()
    }
}

/// Why an [`Intent`] cannot stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PolicyError {
    /// One interface cannot be both.
    #[error("the school's network and the Internet line have the same interface")]
    SameInterface,
    /// One bridge cannot be two.
    #[error("two networks of the school have the same interface")]
    SharedInterface,
    /// The box has to be a neighbour of its clients.
    #[error("the box's address {0} is in none of the school's networks")]
    OutsideNetworks(IpAddr),
    /// Loopback, link-local, multicast and unspecified addresses cannot receive redirected packets.
    #[error("the box's address {0} is not one that clients can reach")]
    Unreachable(IpAddr),
    /// Such a network holds loopback, link-local or multicast addresses, or is the whole Internet.
    #[error("{0} is not a network of clients")]
    NotClients(IpNet),
    /// Of an address in both nobody knows where it is.
    #[error("the networks {0} and {1} overlap")]
    Overlap(IpNet, IpNet),
    /// One port serves two purposes.
    #[error("port {0} has two uses")]
    PortTaken(u16),
    /// Port 0 means any port.
    #[error("port 0 cannot be listened on")]
    PortZero,
}

/// The contradictions of the school's networks, and of the box's addresses in them: a part of what
/// [`FirewallPolicy::new`] checks, for whoever knows no more yet.
#[must_use]
pub fn check_networks(networks: &[IpNet], box_addresses: &[IpAddr]) -> Vec<PolicyError> {
    let strange = networks.iter().filter(|network| !holds_clients(network));
    let strange = strange.map(|network| PolicyError::NotClients(*network));
    let addresses = box_addresses.iter().copied().filter_map(|address| {
        if !is_reachable(address) {
            return Some(PolicyError::Unreachable(address));
        }
        let is_inside = networks.iter().any(|network| network.contains(&address));
        (!is_inside).then_some(PolicyError::OutsideNetworks(address))
    });
    strange.chain(addresses).collect()
}

fn contradictions(intent: &Intent) -> impl Iterator<Item = PolicyError> {
    let lans = intent.lans();
    let with_line = lans.contains(&intent.wan).then_some(PolicyError::SameInterface);
    let is_twice = |(place, lan): (usize, &Interface)| lans.iter().skip(place + 1).any(|other| other == lan);
    let shared = lans.iter().enumerate().any(is_twice).then_some(PolicyError::SharedInterface);
    let interfaces = with_line.into_iter().chain(shared).collect::<Vec<_>>();
    let addresses = std::iter::once(IpAddr::V4(intent.box_ipv4)).chain(intent.box_ipv6.map(IpAddr::V6));
    let networks = check_networks(&intent.networks, &addresses.collect::<Vec<_>>());
    let apart = intent
        .apart
        .iter()
        .flat_map(|apart| check_networks(&[IpNet::V4(apart.network)], &[IpAddr::V4(apart.address)]));
    let apart: Vec<_> = apart.collect();
    interfaces
        .into_iter()
        .chain(networks)
        .chain(apart)
        .chain(overlaps(intent))
        .chain(port_errors(intent.ports))
}

/// Networks of two interfaces that have addresses in common.
fn overlaps(intent: &Intent) -> Vec<PolicyError> {
    let mut seen = intent.networks.clone();
    let mut errors = Vec::new();
    for apart in &intent.apart {
        let own = IpNet::V4(apart.network);
        let other = seen.iter().find(|other| other.contains(&own) || own.contains(*other));
        errors.extend(other.map(|other| PolicyError::Overlap(*other, own)));
        seen.push(own);
    }
    errors
}

fn port_errors(ports: Ports) -> Vec<PolicyError> {
    let Ports { dns, dns_tls, gate_http, gate_tls, explicit_proxy } = ports;
    let mut seen: Vec<u16> = Vec::new();
    let mut errors = Vec::new();
    for port in [dns, dns_tls, gate_http, gate_tls, explicit_proxy] {
        if port == 0 {
            errors.push(PolicyError::PortZero);
        } else if seen.contains(&port) {
            errors.push(PolicyError::PortTaken(port));
        }
        seen.push(port);
    }
    errors
}

fn holds_clients(network: &IpNet) -> bool {
    network.prefix_len() > 0 && is_reachable(network.network())
}

fn is_reachable(address: IpAddr) -> bool {
    let is_link_local = match address {
        IpAddr::V4(address) => address.is_link_local() || address.is_broadcast(),
        IpAddr::V6(address) => address.is_unicast_link_local(),
    };
    !(is_link_local || address.is_loopback() || address.is_multicast() || address.is_unspecified())
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// The school of the lab.
    pub(crate) fn school() -> Intent {
        Intent {
            lan: "lan0".parse().unwrap(),
            wan: "wan0".parse().unwrap(),
            box_ipv4: Ipv4Addr::new(10, 77, 0, 1),
            box_ipv6: Some("fd77::1".parse().unwrap()),
            networks: vec!["10.77.0.0/24".parse().unwrap(), "fd77::/64".parse().unwrap()],
            apart: vec![],
            ports: Ports { dns: 53, dns_tls: 853, gate_http: 8080, gate_tls: 8443, explicit_proxy: 3128 },
            connections_per_second: CONNECTIONS_PER_SECOND,
        }
    }

    /// The same with a network for those who teach.
    pub(crate) fn school_apart() -> Intent {
        let apart = Apart {
            interface: "staff0".parse().unwrap(),
            network: "10.77.8.0/24".parse().unwrap(),
            address: Ipv4Addr::new(10, 77, 8, 1),
        };
        Intent { apart: vec![apart], ..school() }
    }

    #[test]
    fn networks_apart_have_nothing_in_common() {
        let check = |change: &dyn Fn(&mut Intent), expected: &[PolicyError]| {
            let mut intent = school_apart();
            change(&mut intent);
            assert_eq!(FirewallPolicy::new(intent).err().unwrap_or_default(), expected);
        };
        let of = |text: &str| text.parse::<Ipv4Net>().unwrap();
        check(&|_| (), &[]);
        check(&|intent| intent.apart[0].interface = intent.lan.clone(), &[PolicyError::SharedInterface]);
        check(&|intent| intent.apart[0].interface = intent.wan.clone(), &[PolicyError::SameInterface]);
        check(
            &|intent| intent.apart.push(intent.apart[0].clone()),
            &[
                PolicyError::SharedInterface,
                PolicyError::Overlap(IpNet::V4(of("10.77.8.0/24")), IpNet::V4(of("10.77.8.0/24"))),
            ],
        );
        check(
            &|intent| intent.apart[0].network = of("10.77.0.0/16"),
            &[PolicyError::Overlap(IpNet::V4(of("10.77.0.0/24")), IpNet::V4(of("10.77.0.0/16")))],
        );
        let outside = Ipv4Addr::new(10, 77, 9, 1);
        check(
            &|intent| intent.apart[0].address = outside,
            &[PolicyError::OutsideNetworks(IpAddr::V4(outside))],
        );
    }

    fn check(change: impl FnOnce(&mut Intent), expected: &[PolicyError]) {
        let mut intent = school();
        change(&mut intent);
        let errors = FirewallPolicy::new(intent).err().unwrap_or_default();
        assert_eq!(errors, expected);
    }

    #[test]
    fn contradictions_are_reported_all_at_once() {
        let outside = Ipv4Addr::new(192, 168, 1, 1);
        check(|_| (), &[]);
        check(|intent| intent.box_ipv6 = None, &[]);
        check(|intent| intent.wan = intent.lan.clone(), &[PolicyError::SameInterface]);
        check(|intent| intent.ports.gate_http = 0, &[PolicyError::PortZero]);
        check(
            |intent| {
                intent.box_ipv4 = outside;
                intent.box_ipv6 = Some(Ipv6Addr::LOCALHOST);
                intent.ports.explicit_proxy = 53;
                intent.networks.push("::/0".parse().unwrap());
            },
            &[
                PolicyError::NotClients("::/0".parse().unwrap()),
                PolicyError::OutsideNetworks(outside.into()),
                PolicyError::Unreachable(Ipv6Addr::LOCALHOST.into()),
                PolicyError::PortTaken(53),
            ],
        );
    }
}
