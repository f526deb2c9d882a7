//! `[[ent]]`: an online workspace.

use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;

use cache::Family;
use model::{DomainName, ProfileName};
use policy::Profile;
use rustls::pki_types::CertificateDer;
use toml_span::{DeserError, Deserialize, Span, Value};

use super::family::read_family;
use super::filter::Site;
use crate::config::Workspace;
use crate::config::files::read_authorities;
use crate::config::section::Section;

/// Kept where the file does not say how much: some weeks of a school's videos, and little of a box's disk.
const CACHE_GIB: u64 = 10;
/// Kept at most: a terabyte, which is more than the disk of a box.
const CACHE_GIB_MAX: u64 = 1024;
/// What prepared lessons take of the line where the file does not say how much: the half of a poor one, so that whoever works
/// late notices nothing.
const PREPARE_MBIT: u64 = 4;
/// More than any line of a school.
const PREPARE_MBIT_MAX: u64 = 10_000;
/// The port of HTTPS.
const PORT: u16 = 443;

/// One workspace, as far as the file tells.
pub(super) struct WorkspaceKeys {
    pub(super) hosts: Vec<DomainName>,
    /// Empty: the box passes it through.
    profiles: Vec<ProfileName>,
    upstream: Option<SocketAddr>,
    authorities: Vec<CertificateDer<'static>>,
    family: Family,
    span: Span,
}

impl WorkspaceKeys {
    /// The workspace, where the box serves it to somebody.
    pub(super) fn finish(self) -> Option<Workspace> {
        let Self { hosts, profiles, upstream, authorities, family, span: _ } = self;
        let profiles: std::collections::BTreeSet<_> = profiles.into_iter().collect();
        let is_served = !profiles.is_empty();
        is_served.then_some(Workspace { hosts, profiles, upstream, authorities, family })
    }
}

impl<'de> Deserialize<'de> for WorkspaceKeys {
    fn deserialize(value: &mut Value<'de>) -> Result<Self, DeserError> {
        let mut table = Section::open(value)?;
        let hosts: Vec<Site> = table.parse_list("hosts");
        if hosts.is_empty() && !table.has_mistakes() {
            table.reject(table.span(), "a workspace needs `hosts`: the names that it is reached by");
        }
        let profiles: Vec<ProfileName> = table.parse_list("served_to");
        for key in ["upstream", "ca_file", "family", "family_file"] {
            if profiles.is_empty() && table.contains(key) && !table.has_mistakes() {
                table.reject(table.span(), format!("`{key}` has a meaning only with `served_to`"));
            }
        }
        let upstream = table.parse::<Place>("upstream").map(|Place(place)| place);
        let authorities = match table.path("ca_file") {
            None => vec![],
            Some(file) => read_authorities(&file.value).unwrap_or_else(|error| {
                table.reject(file.span, format!("`{}`: {error}", file.value.display()));
                vec![]
            }),
        };
        let family = read_family(&mut table);
        let span = table.span();
        let hosts = hosts.into_iter().map(|Site(name)| name).collect();
        table.close(Some(Self { hosts, profiles, upstream, authorities, family, span }))
    }
}

/// A workspace is served to devices that trust the box. Those that nobody registered do not.
pub(super) fn check_profiles(table: &mut Section<'_>, workspaces: &[WorkspaceKeys], profiles: &[Profile]) {
    for WorkspaceKeys { profiles: served, span, .. } in workspaces {
        for name in served {
            if *name == ProfileName::unknown() {
                let message =
                    format!("`served_to` cannot be `{name}`: nobody has given these devices the certificate");
                table.reject(*span, message);
            } else if !profiles.iter().any(|profile| profile.name == *name) {
                table.reject(*span, format!("`served_to` names the profile `{name}`, which there is not"));
            }
        }
    }
}

/// `[ent_cache]`: how many bytes of the workspaces are kept, and how many a second come for lessons that are prepared.
pub(super) fn read_cache(table: &mut Section<'_>) -> (u64, u64) {
    let read = table.table("ent_cache", |cache| {
        let gib = read_up_to(cache, "gib", (CACHE_GIB, 0), CACHE_GIB_MAX, "GiB");
        (gib, read_up_to(cache, "prepare_mbit", (PREPARE_MBIT, 1), PREPARE_MBIT_MAX, "Mbit/s"))
    });
    let (gib, mbit) = read.map_or((CACHE_GIB, PREPARE_MBIT), |keys| keys.value);
    (gib << 30, mbit * 1_000_000 / 8)
}

fn read_up_to(
    cache: &mut Section<'_>,
    key: &'static str,
    (usual, least): (u64, u64),
    most: u64,
    unit: &str,
) -> u64 {
    let read = cache.optional_spanned::<u64>(key);
    if let Some(found) = read.as_ref().filter(|found| !(least..=most).contains(&found.value)) {
        cache.reject(found.span, format!("a number of {unit} from {least} to {most}"));
    }
    read.map_or(usual, |found| found.value.clamp(least, most))
}

/// An address, with or without a port.
struct Place(SocketAddr);

impl FromStr for Place {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let with_port = text.parse::<SocketAddr>();
        let place = with_port.or_else(|_| text.parse::<IpAddr>().map(|ip| SocketAddr::new(ip, PORT)));
        place.map(Self).map_err(|_| "an address, with or without a port, as 192.0.2.7 or [2001:db8::7]:8443")
    }
}
