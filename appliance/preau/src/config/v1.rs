//! Version 1 of the configuration file. `docs/configuration.md` describes it key by key.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::PathBuf;
use std::str::FromStr;

use firewall::{FirewallPolicy, Intent, Interface, Ports};
use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use model::{Category, DomainName, ProfileName, Uai};
use policy::Profile;
use toml_span::{DeserError, Deserialize, Spanned, Value};

use super::report::{Problem, problems};
use super::section::{Section, Side, mistake};
use super::{Config, Dns, Gate, Network, Portal, School, Upstream};
use crate::default_profiles::default_profiles;

/// The only version so far.
const VERSION: u32 = 1;
/// The port of DNS on a school's network (RFC 1035 section 4.2).
const DNS_PORT: u16 = 53;
/// The port of DNS over TLS (RFC 7858 section 3.1).
const DNS_OVER_TLS_PORT: u16 = 853;
/// The port of DNS on loopback, where no privilege is needed to open it.
const DNS_PORT_ON_LOOPBACK: u16 = 5300;
/// Most upstream resolvers: more only delay the moment when all have failed.
const UPSTREAMS_MAX: usize = 8;

pub(super) fn read(text: &str) -> Result<Config, Vec<Problem>> {
    let mut document = toml_span::parse(text).map_err(|error| problems(text, error.into()))?;
    let File(config) = File::deserialize(&mut document).map_err(|errors| problems(text, errors))?;
    Ok(config)
}

/// The whole file.
struct File(Config);

impl<'de> Deserialize<'de> for File {
    fn deserialize(value: &mut Value<'de>) -> Result<Self, DeserError> {
        let mut table = Section::open(value)?;
        check_version(&mut table);
        let school = table.required::<School>("school");
        let line = read_line(&mut table);
        let on_loopback = matches!(line, Some(None));
        let DnsKeys { port, upstreams } = table.optional("dns").unwrap_or_default();
        let port = port.unwrap_or(if on_loopback { DNS_PORT_ON_LOOPBACK } else { DNS_PORT });
        let gate = table.optional::<Gate>("gate").unwrap_or_default();
        let PortalKeys(portal) = table.optional("portal").unwrap_or_default();
        let ListsKeys { index } = table.optional("lists").unwrap_or_default();
        let Profiles(profiles) = table.optional("profile").unwrap_or_default();
        check_ports(&mut table, [port, gate.tls_port, gate.http_port, gate.proxy_port, portal.port]);
        let dns = Dns { port, upstreams };
        let network = match line {
            None => None,
            Some(None) => Some(None),
            Some(Some(line)) => build_network(&mut table, line, &dns, &gate).map(Some),
        };
        let config = school.zip(network).map(|(school, network)| Config {
            school,
            network,
            dns,
            gate,
            portal,
            list_index: index,
            profiles,
        });
        table.close(config).map(Self)
    }
}

fn check_version(table: &mut Section<'_>) {
    match table.required_spanned::<u32>("version") {
        Some(version) if version.value != VERSION => {
            let message =
                format!("version {} of the file is not known to this preau, {VERSION} is", version.value);
            table.reject(version.span, message);
        }
        Some(_) | None => {}
    }
}

/// Two doors on one port cannot both open.
fn check_ports(table: &mut Section<'_>, mut ports: [u16; 5]) {
    ports.sort_unstable();
    for pair in ports.windows(2) {
        if let [a, b] = pair
            && a == b
        {
            table.reject(table.span(), format!("the port {a} is given to two services of the box"));
        }
    }
}

impl<'de> Deserialize<'de> for School {
    fn deserialize(value: &mut Value<'de>) -> Result<Self, DeserError> {
        let mut table = Section::open(value)?;
        let name = table.required_spanned::<String>("name");
        if let Some(name) = name.as_ref().filter(|name| name.value.trim().is_empty()) {
            table.reject(name.span, "the school's name is empty");
        }
        let uai = table.parse::<Uai>("uai");
        let timezone = table.optional_spanned::<String>("timezone");
        let timezone = timezone.unwrap_or_else(|| Spanned::new("Europe/Paris".to_owned()));
        let timezone = table.find_timezone(&timezone);
        let helpdesk = table.optional("helpdesk");
        let school =
            name.zip(timezone).map(|(name, timezone)| Self { name: name.value, uai, timezone, helpdesk });
        table.close(school)
    }
}

/// `[lan]` and `[wan]`.
struct Line {
    lan: Spanned<LanKeys>,
    wan: WanKeys,
}

/// Outer `None`: there are mistakes. Inner `None`: neither `[lan]` nor `[wan]`, so loopback only.
fn read_line(table: &mut Section<'_>) -> Option<Option<Line>> {
    let written = (table.contains("lan"), table.contains("wan"));
    let lan = table.optional_spanned::<LanKeys>("lan");
    let wan = table.optional::<WanKeys>("wan");
    match written {
        (false, false) => return Some(None),
        (true, true) => {}
        (true, false) | (false, true) => {
            table
                .reject(table.span(), "[lan] and [wan] go together: a box has both, a demonstration neither");
        }
    }
    Some(Some(Line { lan: lan?, wan: wan? }))
}

/// What the firewall says against the whole stands at `[lan]`.
fn build_network(table: &mut Section<'_>, line: Line, dns: &Dns, gate: &Gate) -> Option<Network> {
    let Spanned { value: lan, span } = line.lan;
    let networks = [Some(IpNet::V4(lan.ipv4.network)), lan.ipv6.map(|side| IpNet::V6(side.network))];
    let intent = Intent {
        lan: lan.interface,
        wan: line.wan.interface,
        box_ipv4: lan.ipv4.address,
        box_ipv6: lan.ipv6.map(|side| side.address),
        networks: networks.into_iter().flatten().collect(),
        ports: Ports {
            dns: dns.port,
            gate_http: gate.http_port,
            gate_tls: gate.tls_port,
            explicit_proxy: gate.proxy_port,
        },
    };
    match FirewallPolicy::new(intent) {
        Ok(firewall) => Some(Network { firewall, wan_ipv6: line.wan.ipv6 }),
        Err(errors) => {
            errors.into_iter().for_each(|error| table.reject(span, error.to_string()));
            None
        }
    }
}

struct LanKeys {
    interface: Interface,
    ipv4: Side<Ipv4Net, Ipv4Addr>,
    ipv6: Option<Side<Ipv6Net, Ipv6Addr>>,
}

impl<'de> Deserialize<'de> for LanKeys {
    fn deserialize(value: &mut Value<'de>) -> Result<Self, DeserError> {
        let mut table = Section::open(value)?;
        let interface = table.required_parse::<Interface>("interface");
        let ipv4 = table.side::<Ipv4Net, _>("ipv4_network", "ipv4_address");
        let ipv6 = table.side::<Ipv6Net, _>("ipv6_network", "ipv6_address");
        if ipv4.is_none() && !table.has_mistakes() {
            table.reject(value.span, "[lan] needs `ipv4_network` and `ipv4_address`");
        }
        table.close(interface.zip(ipv4).map(|(interface, ipv4)| Self { interface, ipv4, ipv6 }))
    }
}

struct WanKeys {
    interface: Interface,
    ipv6: bool,
}

impl<'de> Deserialize<'de> for WanKeys {
    fn deserialize(value: &mut Value<'de>) -> Result<Self, DeserError> {
        let mut table = Section::open(value)?;
        let interface = table.required_parse::<Interface>("interface");
        let ipv6 = table.optional("ipv6").unwrap_or(true);
        table.close(interface.map(|interface| Self { interface, ipv6 }))
    }
}

#[derive(Default)]
struct DnsKeys {
    port: Option<u16>,
    upstreams: Vec<Upstream>,
}

impl<'de> Deserialize<'de> for DnsKeys {
    fn deserialize(value: &mut Value<'de>) -> Result<Self, DeserError> {
        let mut table = Section::open(value)?;
        let port = table.port("port");
        let upstreams = table.optional_spanned::<Vec<Upstream>>("upstream");
        if let Some(found) = upstreams.as_ref().filter(|found| found.value.len() > UPSTREAMS_MAX) {
            table.reject(found.span, format!("more than {UPSTREAMS_MAX} upstreams"));
        }
        let upstreams = upstreams.map(|found| found.value).unwrap_or_default();
        table.close(Some(Self { port, upstreams }))
    }
}

impl<'de> Deserialize<'de> for Upstream {
    fn deserialize(value: &mut Value<'de>) -> Result<Self, DeserError> {
        let mut table = Section::open(value)?;
        let address = table.required_parse::<IpAddr>("address");
        let port = table.port("port");
        let tls_name = table.parse::<DomainName>("tls_name");
        let ca_file = table.optional_spanned::<String>("ca_file");
        if let Some(file) = ca_file.as_ref().filter(|_| tls_name.is_none()) {
            table.reject(file.span, "`ca_file` has a meaning only with `tls_name`");
        }
        let port = port.unwrap_or(if tls_name.is_some() { DNS_OVER_TLS_PORT } else { DNS_PORT });
        let ca_file = ca_file.map(|file| PathBuf::from(file.value));
        table.close(address.map(|address| Self { address, port, tls_name, ca_file }))
    }
}

impl Default for Gate {
    fn default() -> Self {
        Self { tls_port: 8443, http_port: 8080, proxy_port: 3128, private_networks: vec![] }
    }
}

impl<'de> Deserialize<'de> for Gate {
    fn deserialize(value: &mut Value<'de>) -> Result<Self, DeserError> {
        let mut table = Section::open(value)?;
        let default = Self::default();
        let tls_port = table.port("tls_port").unwrap_or(default.tls_port);
        let http_port = table.port("http_port").unwrap_or(default.http_port);
        let proxy_port = table.port("proxy_port").unwrap_or(default.proxy_port);
        let private_networks = table.parse_list::<PrivateNetwork>("private_networks");
        let private_networks = private_networks.into_iter().map(|PrivateNetwork(network)| network).collect();
        table.close(Some(Self { tls_port, http_port, proxy_port, private_networks }))
    }
}

/// A network inside one of the private ones: loopback, link-local and the like are never reached.
struct PrivateNetwork(IpNet);

/// RFC 1918, RFC 6598 and RFC 4193.
const PRIVATE_NETWORKS: [&str; 5] =
    ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "fc00::/7"];

impl FromStr for PrivateNetwork {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let network: IpNet = text.parse().map_err(|error: ipnet::AddrParseError| error.to_string())?;
        let mut private = PRIVATE_NETWORKS.iter().filter_map(|network| network.parse::<IpNet>().ok());
        if private.any(|whole| whole.contains(&network)) {
            Ok(Self(network))
        } else {
            Err(format!("not a private network: inside one of {}", PRIVATE_NETWORKS.join(", ")))
        }
    }
}

struct PortalKeys(Portal);

impl Default for PortalKeys {
    fn default() -> Self {
        #[expect(clippy::expect_used, reason = "the constant is a domain name: a test parses it")]
        let name = "preau.lan".parse().expect("a domain name");
        Self(Portal { name, port: 8000 })
    }
}

impl<'de> Deserialize<'de> for PortalKeys {
    fn deserialize(value: &mut Value<'de>) -> Result<Self, DeserError> {
        let mut table = Section::open(value)?;
        let Self(default) = Self::default();
        let name = table.parse::<DomainName>("name").unwrap_or(default.name);
        let port = table.port("port").unwrap_or(default.port);
        table.close(Some(Self(Portal { name, port })))
    }
}

#[derive(Default)]
struct ListsKeys {
    index: Option<PathBuf>,
}

impl<'de> Deserialize<'de> for ListsKeys {
    fn deserialize(value: &mut Value<'de>) -> Result<Self, DeserError> {
        let mut table = Section::open(value)?;
        let index = table.optional::<String>("index").map(PathBuf::from);
        table.close(Some(Self { index }))
    }
}

/// The profiles of the file, over the built-in ones: a name that stands in both is the file's.
struct Profiles(Vec<Profile>);

impl Default for Profiles {
    fn default() -> Self {
        Self(default_profiles())
    }
}

impl<'de> Deserialize<'de> for Profiles {
    fn deserialize(value: &mut Value<'de>) -> Result<Self, DeserError> {
        let written = Vec::<Spanned<ProfileKeys>>::deserialize(value)?;
        let Self(mut profiles) = Self::default();
        let mut errors = Vec::new();
        let mut seen: Vec<ProfileName> = Vec::new();
        for Spanned { value: ProfileKeys(profile), span } in written {
            if seen.contains(&profile.name) {
                errors.push(mistake(span, format!("the profile `{}` is described twice", profile.name)));
            }
            seen.push(profile.name.clone());
            profiles.retain(|other| other.name != profile.name);
            profiles.push(profile);
        }
        if errors.is_empty() { Ok(Self(profiles)) } else { Err(DeserError { errors }) }
    }
}

struct ProfileKeys(Profile);

impl<'de> Deserialize<'de> for ProfileKeys {
    fn deserialize(value: &mut Value<'de>) -> Result<Self, DeserError> {
        let mut table = Section::open(value)?;
        let name = table.required_parse::<ProfileName>("name");
        let refused = table.parse_list::<Category>("refused").into_iter().collect();
        table.close(name.map(|name| Self(Profile { name, refused })))
    }
}
