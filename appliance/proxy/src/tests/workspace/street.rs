//! A school that serves `ent.test`, the server of that name, and devices.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use access::{Clock, Directory, Instant};
use cache::Family;
use model::{ClockQuality, Device, Mac, Timestamp};
use pki::{Authority, Identity, Names};
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;
use tokio_rustls::{TlsAcceptor, TlsConnector, client, server};

use crate::tests::raw::{connect, connect_from};
use crate::tests::school::{PATIENCE, PC, School, accept, site};
use crate::{Depot, DepotSettings, Settings, Workspace, Workspaces};

/// A name that the policy refuses, among those that the box serves.
pub(super) const REFUSED: &str = "adult.preau.test";

/// The box's certificates, or a server's.
pub(super) struct Vouched {
    identity: Arc<Identity>,
}

impl Vouched {
    /// An authority for these names.
    pub(super) fn new(names: &[&str]) -> Self {
        let names = Names::new(names.iter().map(|name| name.parse().unwrap()), []);
        let authority = Authority::generate(names.clone()).unwrap();
        let clock = || (Timestamp::from_unix_ms(0), ClockQuality::Unset);
        Self { identity: Arc::new(Identity::new(authority, names, clock)) }
    }

    pub(super) fn certificate(&self) -> CertificateDer<'static> {
        self.identity.authority().certificate_der().into()
    }

    pub(super) fn tls(&self, protocols: &[&[u8]]) -> Arc<ServerConfig> {
        Arc::new(self.identity.server_config(protocols).unwrap())
    }
}

/// Bytes that a school of these tests keeps.
pub(super) const SHARE_BYTES: u64 = 64 << 20;

/// A clock that a test sets.
pub(super) struct Hands(AtomicI64);

impl Hands {
    pub(super) fn new() -> Arc<Self> {
        // 2026-11-29 09:00 UTC.
        Arc::new(Self(AtomicI64::new(1_795_942_800_000)))
    }

    pub(super) fn advance(&self, seconds: i64) {
        self.0.fetch_add(seconds * 1_000, Ordering::Relaxed);
    }

    /// As files have it.
    pub(super) fn system_time(&self) -> SystemTime {
        UNIX_EPOCH + Duration::from_millis(self.0.load(Ordering::Relaxed).try_into().unwrap())
    }
}

impl Clock for Hands {
    fn now(&self) -> Instant {
        let at = Timestamp::from_unix_ms(self.0.load(Ordering::Relaxed));
        Instant { at, quality: ClockQuality::Synchronised }
    }
}

/// All of it.
pub(super) struct Street {
    pub(super) school: School,
    pub(super) site: TcpListener,
    pub(super) port: u16,
    /// Who vouches for the box.
    pub(super) own: Vouched,
    /// Who vouches for the workspace's server.
    pub(super) public: Vouched,
}

impl Street {
    pub(super) async fn open() -> Self {
        Self::with(|_| {}).await
    }

    pub(super) async fn with(adjust: impl FnOnce(&mut Settings)) -> Self {
        let public = Vouched::new(&["ent.test"]);
        Self::of(adjust, &public.certificate(), public, None).await
    }

    /// A school that keeps what may be kept in this folder.
    pub(super) async fn keeping(folder: &Path, hands: &Arc<Hands>) -> Self {
        let (public, depot) = (Vouched::new(&["ent.test"]), open_depot(folder, hands));
        Self::of(|_| {}, &public.certificate(), public, Some(depot)).await
    }

    /// The same for a workspace of a family, whose line is watched.
    pub(super) async fn keeping_family(folder: &Path, hands: &Arc<Hands>, family: Family) -> Self {
        let public = Vouched::new(&["ent.test"]);
        let depot = open_depot(folder, hands);
        let watch = |settings: &mut Settings| settings.timeouts.silence = Some(cache::SILENCE);
        Self::of_family(watch, &public.certificate(), public, Some(depot), family).await
    }

    /// A school whose box trusts another authority than the server's.
    pub(super) async fn with_stranger() -> Self {
        Self::of(|_| {}, &Vouched::new(&["ent.test"]).certificate(), Vouched::new(&["ent.test"]), None).await
    }

    async fn of(
        adjust: impl FnOnce(&mut Settings),
        trusted: &CertificateDer<'static>,
        public: Vouched,
        depot: Option<Arc<Depot>>,
    ) -> Self {
        Self::of_family(adjust, trusted, public, depot, Family::default()).await
    }

    async fn of_family(
        adjust: impl FnOnce(&mut Settings),
        trusted: &CertificateDer<'static>,
        public: Vouched,
        depot: Option<Arc<Depot>>,
        family: Family,
    ) -> Self {
        let (site, port) = site().await;
        let own = Vouched::new(&["preau.lan", "ent.test", REFUSED]);
        let profile: model::ProfileName = "elementaire".parse().unwrap();
        let pc = Device { mac: PC, name: "CM2-01".parse().unwrap(), room: None, profile: profile.clone() };
        let mac = Mac::new([2, 0, 0, 0, 0, 1]);
        let second = Device { mac, name: "CM2-02".parse().unwrap(), ..pc.clone() };
        let directory: Directory = [pc, second].into_iter().collect();
        let hosts = vec!["ent.test".parse().unwrap(), REFUSED.parse().unwrap()];
        let authorities = [trusted.clone()];
        let workspace =
            Workspace::new(hosts, [profile].into(), None, &authorities).unwrap().of_family(family);
        let tls = own.tls(&Workspaces::PROTOCOLS);
        let school = School::of(directory, |settings, _| {
            settings.ports.tls = port;
            // A test that counts connections does not count on probes.
            settings.timeouts.silence = None;
            settings.workspaces = Some(Arc::new(Workspaces::new(vec![workspace], tls, depot, 1 << 16)));
            adjust(settings);
        })
        .await;
        Self { school, site, port, own, public }
    }

    /// A device's connection to the box, which trusts the box.
    pub(super) async fn connect(&self) -> client::TlsStream<TcpStream> {
        let stream = connect(self.school.tls).await;
        shake_hands(stream, &self.own.certificate(), "ent.test", b"http/1.1").await.unwrap()
    }

    /// The same of another device: `127.77.0.1` is the second PC.
    pub(super) async fn connect_from(&self, from: [u8; 4]) -> client::TlsStream<TcpStream> {
        let stream = connect_from(from, self.school.tls).await;
        shake_hands(stream, &self.own.certificate(), "ent.test", b"http/1.1").await.unwrap()
    }

    /// The next connection to the server.
    pub(super) async fn accept(&self) -> server::TlsStream<TcpStream> {
        let stream = accept(&self.site).await;
        let acceptor = TlsAcceptor::from(self.public.tls(&[b"h2", b"http/1.1"]));
        let stream = timeout(PATIENCE, acceptor.accept(stream)).await.unwrap().unwrap();
        assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"http/1.1"[..]));
        stream
    }

    /// Where requests are for.
    pub(super) fn door(&self) -> SocketAddr {
        self.school.tls
    }
}

fn open_depot(folder: &Path, hands: &Arc<Hands>) -> Arc<Depot> {
    let settings =
        DepotSettings { folder: folder.to_owned(), bytes_max: SHARE_BYTES, descriptors_max: 1 << 16 };
    Arc::new(Depot::open(&settings, Arc::clone(hands) as Arc<dyn Clock>).unwrap())
}

/// A TLS handshake that trusts one authority.
pub(super) async fn shake_hands(
    stream: TcpStream,
    trusted: &CertificateDer<'static>,
    name: &str,
    protocol: &[u8],
) -> std::io::Result<client::TlsStream<TcpStream>> {
    let mut roots = RootCertStore::empty();
    roots.add(trusted.clone()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder =
        ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let mut config = builder.with_root_certificates(roots).with_no_client_auth();
    config.alpn_protocols = vec![protocol.to_vec()];
    let name = ServerName::try_from(name.to_owned()).unwrap();
    timeout(PATIENCE, TlsConnector::from(Arc::new(config)).connect(name, stream)).await.unwrap()
}
