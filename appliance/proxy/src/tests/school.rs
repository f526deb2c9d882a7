//! A gate with all that it needs, and its log.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::ops::ControlFlow;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use access::{Addresses, Clock, Desk, Directory, Instant, Neighbours, Recorded, Resolve, ResolveError};
use bytes::Bytes;
use journal::simulation::{Disk, Faults};
use journal::{Found, Hit, Query, Writer, search};
use model::{ClockQuality, Device, Host, Mac, ProfileName, Subject, Timestamp};
use policy::{Decided, Permit, Profile, Refusal, Rule, Rulebook, Snapshot};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

use crate::{Destinations, Doors, Gate, Outage, Page, Pages, Settings, Unreachable};

/// Longer than anything takes that a test waits for, also on a busy machine.
pub(super) const PATIENCE: Duration = Duration::from_secs(30);
const NOW: Timestamp = Timestamp::from_unix_ms(1_795_430_000_000);

/// A running gate and its log.
pub(super) struct School {
    pub(super) tls: SocketAddr,
    pub(super) http: SocketAddr,
    pub(super) explicit: SocketAddr,
    pub(super) desk: Arc<Desk>,
    pub(super) gate: Arc<Gate>,
    disk: Disk,
    writer: Arc<Mutex<Writer<Disk>>>,
    stop: watch::Sender<bool>,
    running: JoinHandle<()>,
    committing: JoinHandle<()>,
}

impl Drop for School {
    fn drop(&mut self) {
        self.running.abort();
        self.committing.abort();
    }
}

impl School {
    /// A gate whose servers all listen on `port` of loopback.
    pub(super) async fn before(port: u16) -> Self {
        Self::with(|settings, _| {
            settings.ports.tls = port;
            settings.ports.http = port;
        })
        .await
    }

    /// A gate with settings of the test's own. `adjust` is also told the gate's doors: TLS, HTTP, explicit.
    pub(super) async fn with(adjust: impl FnOnce(&mut Settings, [SocketAddr; 3])) -> Self {
        Self::of(directory(), adjust).await
    }

    /// The same with registered devices: who comes from `127.0.0.1` has the hardware address [`PC`].
    pub(super) async fn of(
        directory: Directory,
        adjust: impl FnOnce(&mut Settings, [SocketAddr; 3]),
    ) -> Self {
        let listeners = [listen().await, listen().await, listen().await];
        let addresses = listeners.each_ref().map(|listener| listener.local_addr().unwrap());
        let mut settings = Settings { descriptors_max: 1 << 16, ..Settings::default() };
        adjust(&mut settings, addresses);

        let disk = Disk::default();
        let (journal, mut writer) = journal::open(disk.clone());
        writer.commit(NOW).unwrap();
        let snapshot = policy(vec![]);
        let has_pc = matches!(directory.identify(Some(PC), [127, 0, 0, 1].into()), Subject::Device(_));
        let desk = Desk::new(Arc::new(Table { has_pc }), Arc::new(Stopped), journal, directory, snapshot);
        let desk = Arc::new(desk);
        let reachable = ["127.0.0.0/8".parse().unwrap()];
        let destinations = Destinations::new(
            &["10.77.0.1".parse().unwrap()],
            &["10.77.0.0/16".parse().unwrap()],
            &reachable,
        );
        let gate = Arc::new(Gate::new(
            settings,
            destinations,
            Arc::clone(&desk),
            Arc::new(Names::default()),
            Arc::new(Plain),
        ));

        let [tls, http, explicit] = listeners.map(|listener| vec![listener]);
        let (stop, stopping) = watch::channel(false);
        let running = tokio::spawn(Arc::clone(&gate).run(Doors { tls, http, explicit }, stopping));
        let writer = Arc::new(Mutex::new(writer));
        let committing = tokio::spawn(keep_committing(Arc::clone(&writer)));
        let [tls, http, explicit] = addresses;
        Self { tls, http, explicit, desk, gate, disk, writer, stop, running, committing }
    }

    /// Stops the gate, and returns when it has drained.
    pub(super) async fn stop(&mut self) {
        self.stop.send(true).unwrap();
        timeout(PATIENCE, &mut self.running).await.unwrap().unwrap();
    }

    /// From now on nothing is written until the test commits.
    pub(super) fn stop_committing(&self) {
        self.committing.abort();
    }

    pub(super) fn commit(&self) {
        self.writer.lock().unwrap().commit(NOW).unwrap();
    }

    /// Makes the disk fail, or work again.
    pub(super) fn set_faults(&self, faults: Faults) {
        self.disk.set_faults(faults);
        // The door shuts or opens with the commit.
        let _outcome = self.writer.lock().unwrap().commit(NOW);
    }

    /// The log so far, a line for each access: door, host, verdict and reason, and for a closed one its end and
    /// its bytes up and down.
    pub(super) fn log(&self) -> Vec<String> {
        let _outcome = self.writer.lock().unwrap().commit(NOW);
        let mut lines = Vec::new();
        let summary = search(&self.disk, &Query::default(), |hit| {
            match hit {
                Hit::Access(found) => lines.push(line(&found)),
                Hit::Act(_) | Hit::Person(_) | Hit::Damage(_) | Hit::Unreadable { .. } => panic!("{hit:?}"),
            }
            ControlFlow::Continue(())
        });
        assert_eq!(summary.unwrap().found, lines.len());
        lines
    }

    /// Waits until the log is exactly this.
    pub(super) async fn expect_log(&self, expected: &[&str]) {
        let start = tokio::time::Instant::now();
        while self.log() != expected {
            assert!(start.elapsed() < PATIENCE, "log: {:#?}\nexpected: {expected:#?}", self.log());
            sleep(Duration::from_millis(10)).await;
        }
    }
}

/// What the school refuses, with some rules besides.
pub(super) fn policy(rules: Vec<Rule>) -> Snapshot {
    let refused = ["adult", "gambling"].map(|name| name.parse().unwrap()).into();
    let profiles = vec![Profile::open(ProfileName::unknown(), refused)];
    let rulebook = Rulebook { profiles, rules, ..Rulebook::default() };
    Snapshot::new(Arc::new(blocklist::builtin()), &rulebook)
}

fn line(found: &Found) -> String {
    let host = found.host.as_ref().map_or("-".to_owned(), ToString::to_string);
    let reason = if let model::Reason::Listed { category, .. } = &found.reason {
        format!(" {category}")
    } else if found.reason == model::Reason::NotListed {
        String::new()
    } else {
        format!(" {}", found.reason.as_str())
    };
    let ended = found.ended.map_or(String::new(), |ended| {
        let closing = ended.closing;
        format!(" {} {}/{}", closing.end.as_str(), closing.bytes_up, closing.bytes_down)
    });
    format!("{} {host} {}{reason}{ended}", found.kind.as_str(), found.verdict)
}

async fn keep_committing(writer: Arc<Mutex<Writer<Disk>>>) {
    loop {
        sleep(Duration::from_millis(50)).await;
        let _outcome = writer.lock().unwrap().commit(NOW);
    }
}

/// A listening socket on loopback.
pub(super) async fn listen() -> TcpListener {
    TcpListener::bind(("127.0.0.1", 0)).await.unwrap()
}

/// A server's listening socket, and its port.
pub(super) async fn site() -> (TcpListener, u16) {
    let listener = listen().await;
    let port = listener.local_addr().unwrap().port();
    (listener, port)
}

pub(super) async fn accept(site: &TcpListener) -> TcpStream {
    timeout(PATIENCE, site.accept()).await.expect("nobody connects to the site").unwrap().0
}

pub(super) async fn expect_no_dial(site: &TcpListener) {
    assert!(timeout(Duration::from_millis(50), site.accept()).await.is_err(), "something is dialled");
}

/// Names of this test's Internet: `dead.test` has an address that refuses before one that answers.
struct Names(HashMap<&'static str, Vec<&'static str>>);

impl Default for Names {
    fn default() -> Self {
        Self(HashMap::from([
            ("lan.test", vec!["10.77.3.4"]),
            ("box.test", vec!["10.77.0.1", "::ffff:10.77.0.1"]),
            ("metadata.test", vec!["169.254.169.254"]),
            ("halfdead.test", vec!["127.0.0.9", "127.0.0.1"]),
            ("nowhere.test", vec![]),
        ]))
    }
}

impl Resolve for Names {
    fn resolve<'a>(&'a self, permit: &'a Recorded<Permit>) -> Addresses<'a> {
        let host = permit.decision().permitted_host().to_string();
        let addresses = self.0.get(host.as_str()).cloned().unwrap_or(vec!["127.0.0.1"]);
        Box::pin(async move {
            if addresses.is_empty() {
                return Err(ResolveError::NoAddress);
            }
            Ok(addresses.iter().map(|text| text.parse().unwrap()).collect())
        })
    }
}

/// The network of the devices that the kernel knows: the last byte is that of their hardware address. The first two are
/// registered.
pub(super) const KNOWN: [u8; 3] = [127, 77, 0];
/// The hardware address of the one PC.
pub(super) const PC: Mac = Mac::new([2, 0, 0, 0, 0, 0x11]);

struct Table {
    has_pc: bool,
}

impl Neighbours for Table {
    fn find_mac(&self, address: IpAddr) -> Option<Mac> {
        match address {
            IpAddr::V4(address) if address.octets().starts_with(&KNOWN) => Some(mac(address.octets()[3])),
            IpAddr::V4(Ipv4Addr::LOCALHOST) => self.has_pc.then_some(PC),
            IpAddr::V4(_) | IpAddr::V6(_) => None,
        }
    }
}

fn mac(last: u8) -> Mac {
    Mac::new([2, 0, 0, 0, 0, last])
}

fn directory() -> Directory {
    let device = |last| Device {
        mac: mac(last),
        name: format!("PC-{last}").parse().unwrap(),
        room: None,
        profile: ProfileName::unknown(),
    };
    [1, 2].map(device).into_iter().collect()
}

struct Stopped;

impl Clock for Stopped {
    fn now(&self) -> Instant {
        Instant { at: NOW, quality: ClockQuality::Synchronised }
    }
}

/// Pages of a few words.
struct Plain;

impl Plain {
    fn page(text: String) -> Page {
        Page { content_type: "text/plain; charset=utf-8", body: Bytes::from(text) }
    }
}

impl Pages for Plain {
    fn refusal(&self, refusal: &Recorded<Refusal>, accept_language: Option<&str>) -> Page {
        let host = refusal.decision().host().map_or("-".to_owned(), ToString::to_string);
        Self::page(format!("refused {host} {}\n", accept_language.unwrap_or("-")))
    }

    fn closed(&self, _: Option<&str>) -> Page {
        Self::page("closed\n".to_owned())
    }

    fn unreachable(&self, host: &Host, _: Unreachable, _: Option<&str>) -> Page {
        Self::page(format!("unreachable {host}\n"))
    }

    fn stale_notice(&self, age_s: u64) -> String {
        format!("notice {age_s}")
    }

    fn outage(&self, outage: &Outage<'_>, _: Option<&str>) -> Page {
        let fields = outage.typed.map_or(vec![], |typed| typed.fields.clone());
        let files = outage.typed.map_or(vec![], |typed| typed.files.clone());
        let files: String = files.iter().map(|file| format!(" {}={}", file.field, file.name)).collect();
        let kept =
            outage.kept.iter().map(|kept| format!(" [{}]({})", kept.title, kept.path)).collect::<String>();
        Self::page(format!("outage {} {:?} {fields:?}{files}{kept}\n", outage.host, outage.delivery))
    }
}
