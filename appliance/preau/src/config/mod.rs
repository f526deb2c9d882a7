//! The configuration: one TOML file, strict, every mistake reported at once with its place.
//!
//! The file is read by [`v1`] into [`Config`], whose values cannot be wrong any more. Without a file the
//! embedded `default.toml` is read the same way: a box on loopback that changes nothing on its machine.

mod certificates;
mod commune;
mod contact;
mod files;
mod halves;
mod hub;
mod line_file;
mod provider;
mod report;
mod section;
mod stick;
mod v1;

use std::collections::BTreeSet;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};

use archive::ReaderKey;
use cache::Family;
use firewall::{FirewallPolicy, Interface};
use ipnet::IpNet;
use jiff::tz::TimeZone;
use model::{Category, DomainName, ProfileName, Tester, Uai};
use policy::{Calendar, Profile, Rule, Rulebook, Service};
use rustls::pki_types::CertificateDer;
use system::sealing::Manner;
use system::selftest::PlanTime;
use wifi::lint::Place;
use wifi::{AccessPoint, Country, Power, RoomNetwork};

use crate::default_profiles::refused_to_all;
use crate::list_source::ListSource;

pub(crate) use certificates::{Certifier, ProofsBy};
pub(crate) use commune::{check_decided, check_sent};
pub(crate) use contact::Contact;
pub(crate) use files::read_file_up_to;
pub(crate) use halves::{Halves, join, number_of};
pub(crate) use hub::HubConfig;
pub(crate) use line_file::LineChoice;
pub(crate) use report::{ConfigError, Problem};
pub(crate) use stick::StickFile;

const EMBEDDED: &str = include_str!("default.toml");

/// A whole, valid configuration.
#[derive(Clone, Debug)]
pub(crate) struct Config {
    /// The school.
    pub(crate) school: School,
    /// The school's network and its line; `None`: loopback only, no change to the machine.
    pub(crate) network: Option<Network>,
    /// The DNS door.
    pub(crate) dns: Dns,
    /// The TLS and HTTP doors.
    pub(crate) gate: Gate,
    /// The box's own pages.
    pub(crate) portal: Portal,
    /// The compiled list; `None`: `lists.idx` in the data folder.
    pub(crate) list_index: Option<PathBuf>,
    /// Where new lists come from; `None`: nothing is fetched.
    pub(crate) list_source: Option<ListSource>,
    /// How the box attacks itself.
    pub(crate) selftest: Selftest,
    /// What holds for every lesson.
    pub(crate) lessons: Lessons,
    /// To whom sealed files of the journal are encrypted; nobody: they are not.
    pub(crate) journal_readers: Option<Vec<ReaderKey>>,
    /// How long what of the journal is kept, and who has decided so.
    pub(crate) journal_policy: archive::Policy,
    /// What is refused and permitted.
    pub(crate) filter: Filter,
    /// The online workspaces that the box serves; the others it passes through.
    pub(crate) served_workspaces: Vec<Workspace>,
    /// How much of them it keeps on its disk, in bytes; 0: nothing.
    pub(crate) cache_bytes_max: u64,
    /// Bytes a second, at most, that what is prepared for a lesson takes of the line.
    pub(crate) prepare_bytes_per_second: u64,
    /// The school's Wi-Fi.
    pub(crate) wifi: Wifi,
}

/// The school's Wi-Fi: what of it the box switches.
#[derive(Clone, Debug, Default)]
pub(crate) struct Wifi {
    /// Whose rules of the air radios keep to.
    pub(crate) country: Country,
    /// How loud radios are.
    pub(crate) power: Power,
    /// A radio of the box in monitor mode, which hears whether the others send.
    pub(crate) listener: Option<Interface>,
    /// The commune's key, by which the box believes access points that are plugged in.
    pub(crate) adoption_key: Option<::wifi::AdoptionKey>,
    /// Why there is none where the file names one: a box begins without it, `preau check` says so.
    pub(crate) adoption_key_fault: Option<String>,
    /// The networks of the rooms; of each room one.
    pub(crate) networks: Vec<RoomNetwork>,
    /// The access points, each of a room that has a network.
    pub(crate) access_points: Vec<AccessPoint>,
}

/// What commune and school have decided on the filter.
#[derive(Clone, Debug)]
pub(crate) struct Filter {
    /// The filter profiles, the one of unknown devices among them.
    pub(crate) profiles: Vec<Profile>,
    /// The categories that nobody in the school can open.
    pub(crate) locked: BTreeSet<Category>,
    /// The commune's named exceptions.
    pub(crate) rules: Vec<Rule>,
    /// The names of the school's online workspaces.
    pub(crate) workspace: Vec<DomainName>,
    /// Whether the hub has sent them.
    pub(crate) is_workspace_sent: bool,
    /// What may be used beside the web.
    pub(crate) services: Vec<Service>,
}

/// What holds for every lesson.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Lessons {
    /// How long a lesson is where its teacher says nothing else, in minutes.
    pub(crate) minutes: u32,
    /// The profiles whose devices see as much during a lesson as otherwise.
    pub(crate) spared: BTreeSet<ProfileName>,
}

/// An online workspace (ENT) that the box serves to some of its devices.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Workspace {
    /// The names that it is reached by, each with all names under it.
    pub(crate) hosts: Vec<DomainName>,
    /// The profiles whose devices trust the box's certificate authority.
    pub(crate) profiles: BTreeSet<ProfileName>,
    /// Where it is; `None`: where its names lead.
    pub(crate) upstream: Option<SocketAddr>,
    /// The authorities that may have signed its certificate, where it is not a public one.
    pub(crate) authorities: Vec<CertificateDer<'static>>,
    /// What is what in it.
    pub(crate) family: Family,
}

/// The school, as pages and records name it.
#[derive(Clone, Debug)]
pub(crate) struct School {
    /// What people call it.
    pub(crate) name: String,
    /// Its national identifier.
    pub(crate) uai: Option<Uai>,
    /// Where days begin.
    pub(crate) timezone: TimeZone,
    /// Its time and its holidays.
    pub(crate) calendar: Calendar,
    /// How to reach the commune's IT service: a telephone number, an address. Pages show it.
    pub(crate) helpdesk: Option<String>,
    /// The same for programs that show a refusal.
    pub(crate) contacts: Vec<Contact>,
}

/// The school's network and its line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Network {
    /// Interfaces, networks and the box's own addresses, as the firewall takes them.
    pub(crate) firewall: FirewallPolicy,
    /// Whether the line carries IPv6.
    pub wan_ipv6: bool,
    /// The same network, for the programs that give addresses.
    pub(crate) school: addressing::School,
    /// What the box is on a line without DHCP, where the file says so.
    pub(crate) fixed_line: Option<addressing::FixedLine>,
}

/// The DNS door.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Dns {
    /// The port, UDP and TCP.
    pub(crate) port: u16,
    /// The port of DNS over TLS.
    pub(crate) tls_port: u16,
    /// Where permitted names are asked for; empty: the resolvers that the system names.
    pub(crate) upstreams: Vec<Upstream>,
    /// Questions that one device may ask in each second.
    pub(crate) questions_per_second: u32,
}

/// A resolver that the box asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Upstream {
    /// Its address.
    pub(crate) address: IpAddr,
    /// Its port: 53, or 853 with `tls_name`.
    pub(crate) port: u16,
    /// With a name, the box speaks DNS over TLS (RFC 7858) and checks the certificate for that name.
    pub(crate) tls_name: Option<DomainName>,
    /// The authorities that may have signed the certificate, where it is not a public one.
    pub(crate) authorities: Vec<CertificateDer<'static>>,
}

/// The TLS and HTTP doors.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Gate {
    /// Where redirected TLS connections arrive.
    pub(crate) tls_port: u16,
    /// Where redirected HTTP connections arrive.
    pub(crate) http_port: u16,
    /// The explicit proxy.
    pub(crate) proxy_port: u16,
    /// Private networks beyond the line that the gate may dial: the commune's own servers.
    pub(crate) private_networks: Vec<IpNet>,
}

/// The box's own pages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Portal {
    /// The name under which the school's network finds them.
    pub(crate) name: DomainName,
    /// The port on 127.0.0.1.
    pub(crate) port: u16,
    /// The port on 127.0.0.1 for TLS.
    pub(crate) tls_port: u16,
    /// The school's own charter.
    pub(crate) charter: Option<portal::CharterText>,
    /// Who is responsible for the log.
    pub(crate) controller: Option<String>,
    /// How to reach the data protection officer.
    pub(crate) officer: Option<String>,
    /// Whose people show a code of their telephone beside their secret.
    pub(crate) telephones: Vec<model::Role>,
}

impl Portal {
    /// The name of every box, whatever else it is called: nobody is locked out by another name, which a hub may have sent.
    pub(crate) fn usual_name() -> Option<DomainName> {
        "preau.lan".parse().ok()
    }

    /// The names under which the pages are found, the one that they say themselves first.
    pub(crate) fn names(&self) -> Vec<DomainName> {
        let usual = Self::usual_name().filter(|usual| *usual != self.name);
        std::iter::once(self.name.clone()).chain(usual).collect()
    }
}

/// How the box attacks itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Selftest {
    /// A site that is permitted to all: that it passes shows that the box is alive.
    pub(crate) site: DomainName,
    /// When, each night; `None`: at a moment of the school's own.
    pub(crate) at: Option<PlanTime>,
    /// The profiles of pupils; `None`: those that registered devices have, and that of unknown devices, but `adulte`.
    pub(crate) profiles: Option<Vec<ProfileName>>,
}

impl School {
    /// What the names of networks must not tell.
    pub(crate) fn place(&self) -> Place {
        let uai = self.uai.as_ref().map(Uai::as_str);
        Place::new([Some(self.name.as_str()), uai].into_iter().flatten())
    }
}

impl Config {
    /// The profile of each tester: every profile has one tester, and then every profile has another one. The box and its
    /// self-test read the same list here.
    pub(crate) fn tester_profiles(&self) -> impl Iterator<Item = &ProfileName> {
        let profiles = || self.filter.profiles.iter().map(|profile| &profile.name).take(self.testers_each());
        profiles().chain(profiles())
    }

    /// How many profiles have testers.
    pub(crate) fn testers_each(&self) -> usize {
        self.filter.profiles.len().min(usize::from(Tester::COUNT_MAX / 2))
    }

    /// Reads the configuration file at `path`.
    ///
    /// # Errors
    /// [`ConfigError`] with every mistake in it.
    pub(crate) fn load(path: &Path) -> Result<Self, ConfigError> {
        let text = files::read_file(path)
            .and_then(|bytes| String::from_utf8(bytes).map_err(io::Error::other))
            .map_err(|source| ConfigError::Unreadable { path: path.to_owned(), source })?;
        Self::parse(&text).map_err(|problems| ConfigError::Wrong { path: path.to_owned(), problems })
    }

    /// Reads `path`, or the embedded default where there is no path.
    ///
    /// # Errors
    /// [`ConfigError`] with every mistake in it.
    pub(crate) fn load_or_default(path: Option<&Path>) -> Result<Self, ConfigError> {
        match path {
            Some(path) => Self::load(path),
            None => Self::parse(EMBEDDED)
                .map_err(|problems| ConfigError::Wrong { path: "default.toml".into(), problems }),
        }
    }

    /// What the configuration says of the filter.
    pub(crate) fn rulebook(&self) -> Rulebook {
        let Filter { profiles, locked, rules, workspace, is_workspace_sent, services } = self.filter.clone();
        Rulebook {
            profiles,
            locked,
            rules,
            workspace,
            barred: is_workspace_sent.then(refused_to_all),
            services,
            // Those under way are the state file's.
            lessons: Vec::new(),
            spared: self.lessons.spared.clone(),
            calendar: self.school.calendar.clone(),
        }
    }

    /// How the journal is sealed. The embedded default says nothing of its readers, nor for how long.
    pub(crate) fn sealing(&self, file: Option<&Path>) -> Manner {
        let readers = file.and_then(|_| self.journal_readers.clone());
        let policy = file.map(|_| self.journal_policy.clone());
        Manner { time_zone: self.school.timezone.clone(), readers, policy }
    }

    /// Reads the text of a configuration.
    ///
    /// # Errors
    /// Every mistake in it.
    pub(crate) fn parse(text: &str) -> Result<Self, Vec<Problem>> {
        v1::read(text)
    }
}

#[cfg(test)]
mod tests;
