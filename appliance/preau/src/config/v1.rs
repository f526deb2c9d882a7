//! Version 1 of the configuration file. `docs/configuration.md` describes it key by key.
//!
//! Every table is read as far as it can be read, whatever is wrong in it or in another; then the tables are compared,
//! as far as they are known. So one reading tells every mistake.

mod dhcp;
mod dns;
mod family;
mod filter;
mod journal;
mod lesson;
mod line;
mod lists;
mod portal;
mod profiles;
mod selftest;
mod services;
mod wifi;
mod workspace;

use std::ops::RangeInclusive;
use std::str::FromStr;

use firewall::Ports;
use ipnet::IpNet;
use model::Uai;
use policy::{Calendar, Holidays};
use toml_span::{DeserError, Deserialize, Spanned, Value};

use self::dhcp::DhcpKeys;
use self::dns::DnsKeys;
use self::filter::CommuneKeys;
use self::journal::JournalKeys;
use self::lesson::LessonKeys;
use self::line::Line;
use self::lists::ListsKeys;
pub(super) use self::lists::read_ca_file;
use self::portal::PortalKeys;
use self::profiles::Profiles;
use self::selftest::SelftestKeys;
use self::services::ServicesKeys;
use self::wifi::WifiKeys;
use self::workspace::{WorkspaceKeys, check_profiles, read_cache};
use super::halves::{blank_own, merge};
use super::report::{Problem, problems};
use super::section::{Port, Section};
use super::{Config, Contact, Filter, Gate, School};

/// The only version so far.
const VERSION: u32 = 1;

pub(super) fn read(text: &str) -> Result<Config, Vec<Problem>> {
    let decided = blank_own(text);
    let mut document = toml_span::parse(text).map_err(|error| problems(text, error.into()))?;
    let mut is_workspace_sent = false;
    if let Some(decided) = &decided {
        let decided = toml_span::parse(decided).map_err(|error| problems(text, error.into()))?;
        is_workspace_sent = decided.has_key("ent");
        merge(&mut document, decided);
    }
    let File(mut config) = File::deserialize(&mut document).map_err(|errors| problems(text, errors))?;
    config.filter.is_workspace_sent = is_workspace_sent;
    Ok(config)
}

/// The whole file.
struct File(Config);

impl<'de> Deserialize<'de> for File {
    fn deserialize(value: &mut Value<'de>) -> Result<Self, DeserError> {
        let mut table = Section::open(value)?;
        check_version(&mut table);
        let school = table.required::<School>("school");
        let line = Line::read(&mut table);
        let dhcp = DhcpKeys::read(&mut table);
        let dns = DnsKeys::read(&mut table, line.is_some());
        let gate = GateKeys::read(&mut table);
        let portal = PortalKeys::read(&mut table);
        let ListsKeys { index, source } = table.optional("lists").unwrap_or_default();
        let JournalKeys { readers, policy } = JournalKeys::read(&mut table);
        let Profiles(profiles) = table.optional("profile").unwrap_or_default();
        let services = ServicesKeys::read(&mut table);
        let CommuneKeys { locked, exceptions } = table.optional("commune").unwrap_or_default();
        let workspaces = table.optional::<Vec<WorkspaceKeys>>("ent").unwrap_or_default();
        let selftest = table.optional::<SelftestKeys>("selftest").unwrap_or_default();
        let lesson = table.optional::<LessonKeys>("lesson").unwrap_or_default();
        let (cache_bytes_max, prepare_bytes_per_second) = read_cache(&mut table);
        let wifi = WifiKeys::read(&mut table);
        check_profiles(&mut table, &workspaces, &profiles);
        let (pages, pages_tls) = (portal.port, portal.tls_port);
        let ports = [dns.port, dns.tls_port, gate.tls, gate.http, gate.explicit, pages, pages_tls];
        check_ports(&mut table, ports);
        dns.check_upstreams(&mut table, line.as_ref());
        services.check(&mut table, &profiles, portal.name.as_ref(), line.as_ref());
        selftest.check(&mut table, &profiles);
        lesson.check(&mut table, &profiles);
        let bridges = line.as_ref().map(Line::bridges).unwrap_or_default();
        wifi.check(&mut table, school.as_ref(), &profiles, &bridges);
        let ports = gate.ports(dns.port, dns.tls_port);
        let leases = dhcp.and_then(|dhcp| dhcp.check(&mut table, line.as_ref()));
        let network = match line {
            Some(line) => line.check(&mut table, ports, gate.connections_per_second, leases).map(Some),
            None => Some(None),
        };
        let config = || {
            let school = school?;
            let rules = exceptions.into_iter().map(|exception| exception.finish(&school.timezone));
            let rules = rules.collect::<Option<_>>()?;
            Some(Config {
                school,
                network: network?,
                dns: dns.finish()?,
                gate: gate.finish()?,
                portal: portal.finish()?,
                list_index: index,
                list_source: source,
                selftest: selftest.finish(),
                lessons: lesson.finish(),
                journal_readers: readers,
                journal_policy: policy,
                filter: Filter {
                    profiles,
                    locked,
                    rules,
                    workspace: workspaces.iter().flat_map(|keys| keys.hosts.iter().cloned()).collect(),
                    is_workspace_sent: false,
                    services: services.finish()?,
                },
                wifi: wifi.finish()?,
                cache_bytes_max,
                prepare_bytes_per_second,
                served_workspaces: workspaces.into_iter().filter_map(WorkspaceKeys::finish).collect(),
            })
        };
        table.close(config()).map(Self)
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

/// Two doors on one port cannot both open. Told where the file gives the port: of two defaults no two are the same.
fn check_ports(table: &mut Section<'_>, ports: [Option<Port>; 7]) {
    let mut seen: Vec<Port> = Vec::new();
    for port in ports.into_iter().flatten() {
        let twin = seen.iter().find(|other| other.number == port.number);
        if let Some(span) = twin.and_then(|twin| port.span.or(twin.span)) {
            table.reject(span, format!("the port {} is given to two services of the box", port.number));
        }
        seen.push(port);
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
        let contacts = read_contacts(&mut table);
        let holidays = table.parse_list::<Holidays>("holidays");
        let school = name.zip(timezone).map(|(name, timezone)| {
            let calendar = Calendar::new(timezone.clone(), holidays);
            Self { name: name.value, uai, timezone, calendar, helpdesk, contacts }
        });
        table.close(school)
    }
}

/// Whom DNS answers name: more would fill them.
fn read_contacts(school: &mut Section<'_>) -> Vec<Contact> {
    const CONTACTS_MAX: usize = 3;
    let contacts = school.parse_list::<Contact>("contacts");
    if contacts.len() > CONTACTS_MAX {
        school.reject(
            school.span(),
            format!("more than {CONTACTS_MAX} contacts: DNS answers have no room for them"),
        );
    }
    contacts
}

struct GateKeys {
    tls: Option<Port>,
    http: Option<Port>,
    explicit: Option<Port>,
    private_networks: Vec<IpNet>,
    connections_per_second: u32,
}

/// Connections that a device may be allowed in a second: a page needs dozens; a million is more than the box takes, so that
/// nothing is limited.
const CONNECTIONS_PER_SECOND: RangeInclusive<u32> = 50..=1_000_000;

impl GateKeys {
    fn read(table: &mut Section<'_>) -> Self {
        let read = table.table("gate", |gate| {
            let Gate { tls_port, http_port, proxy_port, .. } = Gate::default();
            let private_networks = gate.parse_list::<PrivateNetwork>("private_networks");
            Self {
                tls: gate.port("tls_port", tls_port),
                http: gate.port("http_port", http_port),
                explicit: gate.port("proxy_port", proxy_port),
                private_networks: private_networks
                    .into_iter()
                    .map(|PrivateNetwork(network)| network)
                    .collect(),
                connections_per_second: read_connections_per_second(gate),
            }
        });
        read.map_or_else(Self::default, |keys| keys.value)
    }

    /// The ports that the firewall has to know.
    fn ports(&self, dns: Option<Port>, dns_tls: Option<Port>) -> Option<Ports> {
        Some(Ports {
            dns: dns?.number,
            dns_tls: dns_tls?.number,
            gate_http: self.http?.number,
            gate_tls: self.tls?.number,
            explicit_proxy: self.explicit?.number,
        })
    }

    fn finish(self) -> Option<Gate> {
        Some(Gate {
            tls_port: self.tls?.number,
            http_port: self.http?.number,
            proxy_port: self.explicit?.number,
            private_networks: self.private_networks,
        })
    }
}

fn read_connections_per_second(gate: &mut Section<'_>) -> u32 {
    let connections = gate.optional_spanned::<u32>("connections_per_second");
    if let Some(found) = connections.as_ref().filter(|found| !CONNECTIONS_PER_SECOND.contains(&found.value)) {
        let (least, most) = CONNECTIONS_PER_SECOND.into_inner();
        gate.reject(found.span, format!("a number of connections from {least} to {most}"));
    }
    connections.map_or(firewall::CONNECTIONS_PER_SECOND, |found| found.value)
}

impl Default for GateKeys {
    fn default() -> Self {
        let Gate { tls_port, http_port, proxy_port, private_networks } = Gate::default();
        let port = |number| Some(Port { number, span: None });
        Self {
            tls: port(tls_port),
            http: port(http_port),
            explicit: port(proxy_port),
            private_networks,
            connections_per_second: firewall::CONNECTIONS_PER_SECOND,
        }
    }
}

impl Default for Gate {
    fn default() -> Self {
        Self { tls_port: 8443, http_port: 8080, proxy_port: 3128, private_networks: vec![] }
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
