//! Which workspaces the box serves, and to whom.

use std::collections::BTreeSet;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use cache::Family;
use model::{Device, DomainName, ProfileName};
use rustls::pki_types::CertificateDer;
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use seats::Share;
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;

use super::banner::PAGES_MAX;
use super::connection::Entrance;
use super::distrust::Distrust;
use super::doubt::Looks;
use super::favourites::Favourites;
use super::lines::Lines;
use super::pool::Pool;
use super::turnstile::Turnstile;
use super::upload::readers;
use crate::depot::Depot;
use crate::gate::{Caller, Gate};

/// What servers are told that the box speaks (RFC 7301).
const PROTOCOL: &[u8] = b"http/1.1";

/// One online workspace.
#[derive(Clone)]
pub struct Workspace {
    hosts: Vec<DomainName>,
    profiles: BTreeSet<ProfileName>,
    upstream: Option<SocketAddr>,
    client: Arc<ClientConfig>,
    family: Arc<Family>,
}

impl Workspace {
    /// The workspace with these names and all names under them, for devices of these profiles, which trust the box's
    /// authority. `upstream` is where it is when not where its names lead; `authorities` are those that may have signed its
    /// certificate, the public ones where there are none.
    ///
    /// # Errors
    /// [`rustls::Error`] for a certificate that is none.
    pub fn new(
        hosts: Vec<DomainName>,
        profiles: BTreeSet<ProfileName>,
        upstream: Option<SocketAddr>,
        authorities: &[CertificateDer<'static>],
    ) -> Result<Self, rustls::Error> {
        let mut roots = RootCertStore::empty();
        if authorities.is_empty() {
            roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
        }
        for authority in authorities {
            roots.add(authority.clone())?;
        }
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
        let mut client = builder.with_root_certificates(roots).with_no_client_auth();
        client.alpn_protocols = vec![PROTOCOL.to_vec()];
        Ok(Self { hosts, profiles, upstream, client: Arc::new(client), family: Arc::default() })
    }

    /// The same as one of a family: what is what in it.
    #[must_use]
    pub fn of_family(self, family: Family) -> Self {
        Self { family: Arc::new(family), ..self }
    }

    pub(super) fn family(&self) -> &Arc<Family> {
        &self.family
    }

    pub(super) fn upstream(&self) -> Option<SocketAddr> {
        self.upstream
    }

    pub(super) fn client(&self) -> &Arc<ClientConfig> {
        &self.client
    }

    fn has(&self, name: &DomainName) -> bool {
        self.hosts.iter().any(|host| name.is_under(host))
    }

    /// Whether the configuration names this very one.
    pub(super) fn names(&self, name: &DomainName) -> bool {
        self.hosts.contains(name)
    }
}

/// The workspaces that the box serves, and what serving them takes.
pub struct Workspaces {
    list: Vec<Workspace>,
    tls: Arc<ServerConfig>,
    pub(super) distrust: Distrust,
    pub(super) entrance: Entrance,
    pub(super) favourites: Favourites,
    /// What was prepared and is asked for again.
    pub(super) looks: Arc<Looks>,
    pub(super) lines: Lines,
    /// Pages that are changed at this moment.
    pub(super) banners: Arc<Semaphore>,
    /// Uploads that are read for what was typed.
    pub(super) readers: Arc<Turnstile<Share>>,
    /// Bodies that are brought to be kept, by the device for which they are.
    pub(super) fills: Arc<Turnstile<Share>>,
    pub(super) pool: Arc<Pool>,
    pub(super) turnstile: Arc<Turnstile>,
    /// Where what may be kept is kept; `None`: nothing is.
    pub(super) depot: Option<Arc<Depot>>,
}

impl Workspaces {
    /// These workspaces, shown under certificates of `tls`, which speaks HTTP/2 and HTTP/1.1; `depot` keeps what may be
    /// kept. `descriptors_max` is as in
    /// [`Settings`](crate::Settings).
    #[must_use]
    pub fn new(
        list: Vec<Workspace>,
        tls: Arc<ServerConfig>,
        depot: Option<Arc<Depot>>,
        descriptors_max: usize,
    ) -> Self {
        let fills_of_one_max = depot.as_ref().map_or(0, |depot| depot.fills_of_one_max());
        Self {
            list,
            tls,
            distrust: Distrust::default(),
            entrance: Entrance::default(),
            favourites: Favourites::default(),
            looks: Arc::default(),
            lines: Lines::default(),
            banners: Arc::new(Semaphore::new(PAGES_MAX)),
            readers: Arc::new(readers()),
            // How many there are of all, the depot knows.
            fills: Arc::new(Turnstile::new(usize::MAX, fills_of_one_max)),
            pool: Arc::default(),
            turnstile: Arc::new(Turnstile::of_requests(descriptors_max)),
            depot,
        }
    }

    /// The protocols that the box speaks to devices, for the certificates' configuration (RFC 7301).
    pub const PROTOCOLS: [&[u8]; 2] = [b"h2", b"http/1.1"];

    /// Where a workspace's server was when it was last reached, for whoever cannot ask anybody.
    #[must_use]
    pub fn last_addresses(&self, name: &DomainName) -> Vec<IpAddr> {
        let depot = self.depot.as_ref().filter(|_| self.find(name).is_some());
        depot.map_or(vec![], |depot| depot.servers.addresses(name, depot.now()))
    }

    /// Finds out what is kept, beside everything else.
    pub(crate) fn begin_walk(&self) -> Option<JoinHandle<()>> {
        self.depot.as_ref().map(Depot::begin_walk)
    }

    pub(super) fn tls(&self) -> &Arc<ServerConfig> {
        &self.tls
    }

    pub(super) fn find(&self, name: &DomainName) -> Option<&Workspace> {
        self.list.iter().find(|workspace| workspace.has(name))
    }

    /// Whether two names are of the same workspace.
    pub(super) fn are_of_one(&self, one: &DomainName, other: &DomainName) -> bool {
        self.find(one).zip(self.find(other)).is_some_and(|(one, other)| std::ptr::eq(one, other))
    }

    /// Whether a name is one that devices like this one get from the box itself.
    pub(super) fn are_for(&self, name: &DomainName, device: &Device) -> bool {
        self.find(name).is_some_and(|workspace| workspace.profiles.contains(&device.profile))
    }
}

impl fmt::Debug for Workspaces {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hosts = self.list.iter().flat_map(|workspace| &workspace.hosts);
        f.debug_list().entries(hosts).finish()
    }
}

impl Gate {
    /// Whether the box serves this name to this device itself.
    pub(crate) fn serves_workspace(&self, name: &DomainName, caller: &Caller) -> bool {
        let Some(workspaces) = &self.settings().workspaces else { return false };
        let Some(workspace) = workspaces.find(name) else { return false };
        let is_trusting =
            self.device_of(caller).is_some_and(|device| workspace.profiles.contains(&device.profile));
        is_trusting && !workspaces.distrust.holds(self.client_of(caller), name)
    }
}
