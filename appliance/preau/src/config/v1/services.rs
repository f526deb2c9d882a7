//! The `[[service]]` tables.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::str::FromStr;

use firewall::testers_networks;
use ipnet::IpNet;
use model::{DomainName, PortRange, ProfileName, ServiceName, UnknownDevice};
use policy::{Profile, Service};
use selftest::Zone;
use toml_span::value::ValueInner;
use toml_span::{DeserError, Deserialize, Span, Spanned, Value};

use super::line::Line;
use crate::config::section::Section;

/// Most services: each is a few rules that the firewall looks at for each packet that is no web.
const SERVICES_MAX: usize = 32;
/// Most hosts, networks and ranges of ports of one: what its documentation lists.
const PARTS_MAX: usize = 64;
/// Longest purpose, in characters: a line that people read.
const PURPOSE_CHARACTERS_MAX: usize = 120;
/// Ports that the doors have: DNS, HTTP, TLS, DNS over TLS. A service there would be a way around them.
const DOOR_PORTS: [u16; 4] = [53, 80, 443, 853];
/// The largest networks that one service has: more of the Internet is no service.
const PREFIX_LENGTH_MIN: (u8, u8) = (8, 20);

/// The services, as far as the file tells.
pub(super) struct ServicesKeys {
    services: Vec<ServiceKeys>,
    span: Option<Span>,
}

/// One service, as far as the file tells: parts that are wrong are left out.
struct ServiceKeys {
    span: Span,
    name: Option<ServiceName>,
    purpose: Option<String>,
    tcp: Vec<PortRange>,
    udp: Vec<PortRange>,
    hosts: Vec<DomainName>,
    networks: Vec<IpNet>,
    profiles: BTreeSet<ProfileName>,
}

impl ServicesKeys {
    pub(super) fn read(table: &mut Section<'_>) -> Self {
        let found = table.tables("service", read_service);
        let span = found.as_ref().map(|found| found.span);
        let services = found.map(|found| found.value).unwrap_or_default();
        if let Some(span) = span.filter(|_| services.len() > SERVICES_MAX) {
            table.reject(span, format!("more than {SERVICES_MAX} services"));
        }
        Self { services, span }
    }

    /// Compares with what else the file says.
    pub(super) fn check(
        &self,
        table: &mut Section<'_>,
        profiles: &[Profile],
        own_name: Option<&DomainName>,
        line: Option<&Line>,
    ) {
        if let Some(span) = self.span.filter(|_| line.is_none()) {
            table.reject(span, "a service goes from [lan] to [wan]: on loopback there is none");
        }
        let school = line.map(Line::networks).unwrap_or_default();
        let mut seen: Vec<&ServiceName> = Vec::new();
        for service in &self.services {
            let span = service.span;
            if let Some(name) = &service.name {
                if seen.contains(&name) {
                    table.reject(span, format!("the service `{name}` is described twice"));
                }
                seen.push(name);
            }
            for name in &service.profiles {
                if !profiles.iter().any(|profile| profile.name == *name) {
                    table.reject(span, format!("there is no profile `{name}`"));
                }
            }
            for host in &service.hosts {
                if own_name.is_some_and(|own| host.is_under(own)) {
                    table.reject(span, format!("`{host}` is the box itself: a service is beyond the line"));
                }
            }
            for network in &service.networks {
                let is_inside = |own: &IpNet| own.contains(network) || network.contains(own);
                if school.iter().any(is_inside) {
                    table.reject(span, format!("`{network}` is in the school: a service is beyond the line"));
                }
            }
        }
    }

    pub(super) fn finish(self) -> Option<Vec<Service>> {
        let service = |keys: ServiceKeys| {
            let ServiceKeys { span: _, name, purpose, tcp, udp, hosts, networks, profiles } = keys;
            Some(Service { name: name?, purpose: purpose?, tcp, udp, hosts, networks, profiles })
        };
        self.services.into_iter().map(service).collect()
    }
}

fn read_service(table: &mut Section<'_>) -> ServiceKeys {
    let span = table.span();
    let name = table.required_parse::<ServiceName>("name");
    let purpose = table.required_spanned::<String>("purpose").and_then(|text| {
        let purpose = text.value.trim().to_owned();
        let length = purpose.chars().count();
        let is_shown =
            (1..=PURPOSE_CHARACTERS_MAX).contains(&length) && !purpose.chars().any(char::is_control);
        if !is_shown {
            let message = format!(
                "the purpose is a line of 1 to {PURPOSE_CHARACTERS_MAX} characters, which people read"
            );
            table.reject(text.span, message);
        }
        is_shown.then_some(purpose)
    });
    let has_reach = table.is_filled("hosts") || table.is_filled("networks");
    let has_ports = table.is_filled("tcp") || table.is_filled("udp");
    let (tcp, udp) = (read_ports(table, "tcp"), read_ports(table, "udp"));
    let hosts: Vec<ServiceHostKey> = table.parse_list("hosts");
    let networks: Vec<ServiceNetwork> = table.parse_list("networks");
    let networks: Vec<IpNet> = networks.into_iter().map(|ServiceNetwork(network)| network).collect();
    let has_profiles = table.is_filled("profiles");
    let profiles: Vec<ServiceProfile> = table.parse_list("profiles");
    for (is_there, message) in [
        (has_ports, "a service needs `tcp` or `udp`: its ports"),
        (has_reach, "a service needs `hosts` or `networks`: where it is"),
        (has_profiles, "a service needs `profiles`: whose devices may use it"),
        (hosts.len().max(networks.len()) <= PARTS_MAX, "a service has 64 hosts and 64 networks at most"),
        (is_small(&networks), "the networks of a service are together larger than the largest one may be"),
    ] {
        if !is_there {
            table.reject(span, message);
        }
    }
    ServiceKeys {
        span,
        name,
        purpose,
        tcp,
        udp,
        hosts: hosts.into_iter().map(|ServiceHostKey(name)| name).collect(),
        networks,
        profiles: profiles.into_iter().map(|ServiceProfile(name)| name).collect(),
    }
}

/// Ports and ranges that do not overlap, which is all that nft takes in a set.
fn read_ports(table: &mut Section<'_>, key: &'static str) -> Vec<PortRange> {
    let ports: Vec<Spanned<PortKey>> = table.optional(key).unwrap_or_default();
    if ports.len() > PARTS_MAX {
        table.reject(table.span(), format!("`{key}` has more than {PARTS_MAX} ports and ranges"));
    }
    let mut ranges: Vec<PortRange> = Vec::new();
    for Spanned { value: PortKey(text), span } in ports {
        let range = match text.parse::<PortRange>() {
            Ok(range) => range,
            Err(error) => {
                table.reject(span, format!("`{text}`: {error}"));
                continue;
            }
        };
        if let Some(port) = DOOR_PORTS.into_iter().find(|port| range.contains(*port)) {
            let message = format!("`{range}`: port {port} belongs to the box, which filters what goes there");
            table.reject(span, message);
        } else if let Some(other) = ranges.iter().find(|other| other.overlaps(range)) {
            table.reject(span, format!("`{range}` overlaps `{other}`"));
        } else {
            ranges.push(range);
        }
    }
    ranges
}

/// What stands for a port: a number, or a text with a port or a range.
struct PortKey(String);

impl<'de> Deserialize<'de> for PortKey {
    fn deserialize(value: &mut Value<'de>) -> Result<Self, DeserError> {
        Ok(Self(match value.take() {
            ValueInner::Integer(number) => number.to_string(),
            ValueInner::String(text) => text.into_owned(),
            ValueInner::Boolean(value) => value.to_string(),
            // With its point: 993.0 is no port.
            ValueInner::Float(value) => format!("{value:?}"),
            ValueInner::Array(_) | ValueInner::Table(_) => String::new(),
        }))
    }
}

/// The name of a machine: never a whole top-level domain.
struct ServiceHostKey(DomainName);

impl FromStr for ServiceHostKey {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let name: DomainName = text.parse().map_err(|error: model::DomainNameError| error.to_string())?;
        if !name.as_str().contains('.') {
            Err("the whole name of a machine, as imap.example.fr".to_owned())
        } else if policy::is_way_around(&name) {
            Err("a way around the filter: nobody can open it".to_owned())
        } else if Zone::holds(&name) {
            Err("a name of the box's self-test, which leads nowhere".to_owned())
        } else {
            Ok(Self(name))
        }
    }
}

/// A network that a service is in.
struct ServiceNetwork(IpNet);

impl FromStr for ServiceNetwork {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let network = match text.parse::<IpAddr>() {
            Ok(address) => IpNet::from(address),
            Err(_) => text.parse::<IpNet>().map_err(|error| error.to_string())?,
        };
        if network.trunc() != network {
            return Err(format!("it has host bits: the network is {}", network.trunc()));
        }
        let (v4, v6) = PREFIX_LENGTH_MIN;
        let shortest = if network.addr().is_ipv4() { v4 } else { v6 };
        if network.prefix_len() < shortest {
            return Err(format!("larger than any service: /{shortest} at most"));
        }
        if is_special(network.addr()) {
            return Err("no network of servers".to_owned());
        }
        if testers_networks().iter().any(|testers| testers.contains(&network) || network.contains(testers)) {
            return Err("the box's self-test has its devices there".to_owned());
        }
        Ok(Self(network))
    }
}

/// Whether these networks have together no more addresses than the largest one may have.
fn is_small(networks: &[IpNet]) -> bool {
    // In parts of the whole: each bit of a prefix halves it.
    let (ipv4, ipv6) = PREFIX_LENGTH_MIN;
    let part = |network: &IpNet| 1_u128 << (128 - u32::from(network.prefix_len()).max(1));
    let is_small = |is_ipv4: bool, shortest: u8| {
        let of_family = networks.iter().filter(|network| network.addr().is_ipv4() == is_ipv4);
        let all = IpNet::aggregate(&of_family.copied().collect());
        all.iter().map(part).sum::<u128>() <= 1_u128 << (128 - u32::from(shortest))
    };
    is_small(true, ipv4) && is_small(false, ipv6)
}

/// Loopback, link-local, multicast and the like.
fn is_special(address: IpAddr) -> bool {
    let is_of_link = match address {
        IpAddr::V4(address) => {
            address.is_link_local() || address.octets().first().is_some_and(|first| *first >= 224)
        }
        IpAddr::V6(address) => address.is_unicast_link_local() || address.to_ipv4().is_some(),
    };
    is_of_link || address.is_loopback() || address.is_unspecified() || address.is_multicast()
}

/// A profile of registered devices.
struct ServiceProfile(ProfileName);

impl FromStr for ServiceProfile {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let name: ProfileName = text.parse().map_err(|error: model::TextError| error.to_string())?;
        match name.as_str() {
            UnknownDevice::PROFILE => {
                Err("a service is for registered devices: the firewall knows them by their hardware address"
                    .to_owned())
            }
            _ => Ok(Self(name)),
        }
    }
}
