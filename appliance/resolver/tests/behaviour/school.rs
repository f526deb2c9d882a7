//! A resolver with a desk and a journal, listening on the loopback, and its clients.

use std::future::Future;
use std::net::{IpAddr, SocketAddr, TcpListener, UdpSocket};
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::thread;
use std::time::Duration;

use access::{Admission, Clock, Desk, Directory, Instant, Neighbours, Recorded, Request};
use hickory_proto::op::{Edns, Message, Query};
use hickory_proto::rr::rdata::opt::{EdnsCode, EdnsOption};
use hickory_proto::rr::{Name, RecordType};
use journal::simulation::{Disk, Faults};
use journal::{Hit, search};
use model::{AccessKind, ClockQuality, Device, Host, Mac, ProfileName, Timestamp};
use pki::{Authority, Identity, Names};
use policy::{Permit, Profile, Rulebook, SafeSearch, Snapshot, Target, YouTube};
use resolver::{Resolver, ServeError, Settings, Sockets, Statistics, Upstream};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream, UdpSocket as Client};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::timeout;

pub(crate) const HOME_V4: &str = "10.77.0.1";
pub(crate) const HOME_V6: &str = "2001:db8:77::1";
/// Longer than any answer may take: clients of the box give up before.
const PATIENCE: Duration = Duration::from_secs(10);

/// The journal's day, which advances with each commit.
struct Day(AtomicI64);

impl Clock for Day {
    fn now(&self) -> Instant {
        let at = Timestamp::from_unix_ms(1_795_392_000_000 + self.0.load(Ordering::SeqCst));
        Instant { at, quality: ClockQuality::Synchronised }
    }
}

/// The network of the devices that the kernel knows: the last byte is that of their hardware address. The first ones are
/// registered.
pub(crate) const KNOWN: [u8; 3] = [127, 77, 0];
/// How many of them are.
pub(crate) const REGISTERED: u8 = 6;

struct Numbered;

impl Neighbours for Numbered {
    fn find_mac(&self, address: IpAddr) -> Option<Mac> {
        match address {
            IpAddr::V4(address) if address.octets().starts_with(&KNOWN) => Some(mac(address.octets()[3])),
            IpAddr::V4(_) | IpAddr::V6(_) => None,
        }
    }
}

fn mac(last: u8) -> Mac {
    Mac::new([2, 0, 0, 0, 0, last])
}

fn directory() -> Directory {
    let device = |number| {
        let name = format!("CM2-{number:02}").parse().unwrap();
        Device { mac: mac(number), name, room: None, profile: ProfileName::unknown() }
    };
    (1..=REGISTERED).map(device).collect()
}

pub(crate) struct School {
    pub(crate) resolver: Resolver,
    pub(crate) desk: Arc<Desk>,
    /// Two UDP sockets and a TCP one.
    pub(crate) udp: [SocketAddr; 2],
    pub(crate) tcp: SocketAddr,
    pub(crate) tls: SocketAddr,
    /// Whom a client that connects by TLS must trust, in DER.
    pub(crate) authority: Vec<u8>,
    disk: Disk,
    day: Arc<Day>,
    stop: Option<oneshot::Sender<()>>,
    running: Option<JoinHandle<Result<(), ServeError>>>,
    is_over: Arc<AtomicBool>,
}

impl School {
    pub(crate) async fn open(upstreams: &[SocketAddr]) -> Self {
        let upstreams = upstreams.iter().copied().map(Upstream::Plain).collect();
        Self::open_with(Settings { upstreams, ..settings() }).await
    }

    pub(crate) async fn open_with(settings: Settings) -> Self {
        let disk = Disk::default();
        let is_over = Arc::new(AtomicBool::new(false));
        let day = Arc::new(Day(AtomicI64::new(0)));
        let desk = Arc::new(desk(disk.clone(), Arc::clone(&day), Arc::clone(&is_over)));
        let resolver = Resolver::new(settings, Arc::clone(&desk)).unwrap();
        let udp = ["127.0.0.1:0", "[::1]:0"].map(|address| UdpSocket::bind(address).unwrap());
        let tcp = TcpListener::bind("127.0.0.1:0").unwrap();
        let addresses = udp.each_ref().map(|socket| socket.local_addr().unwrap());
        let tcp_address = tcp.local_addr().unwrap();
        let tls = TcpListener::bind("127.0.0.1:0").unwrap();
        let tls_address = tls.local_addr().unwrap();
        let identity = identity();
        let (stop, stopped) = oneshot::channel::<()>();
        let tls_config = Some(Arc::new(identity.server_config(&[b"dot"]).unwrap()));
        let sockets = Sockets { udp: udp.into(), tcp: vec![tcp], tls: vec![tls], tls_config };
        let serving = resolver.clone();
        let running =
            tokio::spawn(
                async move { serving.run(sockets, async { stopped.await.unwrap_or_default() }).await },
            );
        let school = Self {
            resolver,
            desk,
            udp: addresses,
            tcp: tcp_address,
            tls: tls_address,
            authority: identity.authority().certificate_der(),
            disk,
            day,
            stop: Some(stop),
            running: Some(running),
            is_over,
        };
        school.wait_until("the journal is open", || school.desk.is_open()).await;
        school
    }

    /// Stops the resolver as the box does.
    pub(crate) async fn close(mut self) {
        self.stop.take().unwrap().send(()).unwrap();
        self.running.take().unwrap().await.unwrap().unwrap();
    }

    pub(crate) async fn fill_disk(&self) {
        self.disk.set_faults(Faults { space_left: Some(0), sync_fails: true, ..Faults::default() });
        // Writing is what shows that the disk is full.
        let mut n = 0;
        while self.desk.is_open() {
            n += 1;
            self.ask(&question(&format!("fill{n}.preau.lan."), RecordType::A)).await;
            drop(self.admit(&format!("fill{n}.example.fr")));
        }
    }

    pub(crate) async fn empty_disk(&self) {
        self.disk.set_faults(Faults::default());
        self.wait_until("the journal is open again", || self.desk.is_open()).await;
    }

    pub(crate) fn admit(&self, name: &str) -> Option<Recorded<Permit>> {
        let target = Target::Host(Host::Name(name.parse().unwrap()));
        let client = "10.77.0.11".parse().unwrap();
        let request = Request { client, kind: AccessKind::Tls, target, destination: None };
        match self.desk.admit(request).ok()? {
            Admission::Permit(permit) => Some(permit),
            Admission::Refusal(_) => None,
        }
    }

    /// The log so far, a line for each DNS access in its order: host, verdict and reason.
    pub(crate) async fn log(&self) -> Vec<String> {
        // What is recorded is on the disk after the next commit but one.
        let committed = self.day.0.load(Ordering::SeqCst) + 2_000;
        self.wait_until("a commit", || self.day.0.load(Ordering::SeqCst) >= committed).await;
        let mut lines = Vec::new();
        search(&self.disk, &journal::Query::default(), |hit| {
            let Hit::Access(found) = hit else { panic!("{hit:?}") };
            let host = found.host.as_ref().map_or("-".to_owned(), ToString::to_string);
            lines.push(format!("{host} {} {}", found.verdict, found.reason.as_str()));
            ControlFlow::Continue(())
        })
        .unwrap();
        lines
    }

    pub(crate) async fn ask(&self, question: &Message) -> Message {
        ask_udp(self.udp[0], question).await
    }

    pub(crate) async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.tcp).await.unwrap()
    }

    /// A TCP connection of the device of [`KNOWN`] with this number.
    pub(crate) async fn connect_from(&self, device: u8) -> TcpStream {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind(address_of(device)).unwrap();
        within(socket.connect(self.tcp)).await.unwrap()
    }

    /// Doors count a batch once it is sent: a client may have its answer before.
    pub(crate) async fn wait_for(&self, expected: Statistics) {
        let what = format!("{expected:?}");
        self.wait_until(&what, || self.resolver.statistics() == expected).await;
    }

    pub(crate) async fn wait_until(&self, what: &str, condition: impl Fn() -> bool) {
        let wait = async {
            while !condition() {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        timeout(PATIENCE, wait).await.unwrap_or_else(|_| panic!("{what}: never"));
    }
}

impl Drop for School {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::SeqCst);
    }
}

/// Where the device of [`KNOWN`] with this number sends from.
pub(crate) fn address_of(device: u8) -> SocketAddr {
    let [a, b, c] = KNOWN;
    ([a, b, c, device], 0).into()
}

/// Settings of a school whose devices may ask as much as tests do.
pub(crate) fn settings() -> Settings {
    let addresses = vec![HOME_V4.parse().unwrap(), HOME_V6.parse().unwrap()];
    Settings { addresses, questions_per_second: 1_000_000, ..Settings::default() }
}

/// The certificate of a box called `preau.lan` at 127.0.0.1, good at any time.
fn identity() -> Arc<Identity> {
    let names = Names::new(["preau.lan".parse().unwrap()], ["127.0.0.1".parse().unwrap()]);
    let clock = || (Timestamp::from_unix_ms(0), ClockQuality::Unset);
    Arc::new(Identity::new(Authority::generate(names.clone()).unwrap(), names, clock))
}

fn desk(disk: Disk, day: Arc<Day>, is_over: Arc<AtomicBool>) -> Desk {
    let (journal, mut writer) = journal::open(disk);
    let writers_day = Arc::clone(&day);
    thread::spawn(move || {
        while !is_over.load(Ordering::SeqCst) {
            writers_day.0.fetch_add(1_000, Ordering::SeqCst);
            // A full disk is one of the tests.
            let _outcome = writer.commit(writers_day.now().at);
            thread::sleep(Duration::from_millis(5));
        }
    });
    let refused = ["adult", "gambling"].map(|category| category.parse().unwrap()).into();
    let safe_search = SafeSearch { engines: true, youtube: YouTube::Strict };
    let profiles = vec![Profile { safe_search, ..Profile::open(ProfileName::unknown(), refused) }];
    let rulebook = Rulebook { profiles, ..Rulebook::default() };
    let snapshot = Snapshot::new(Arc::new(blocklist::builtin()), &rulebook);
    Desk::new(Arc::new(Numbered), day, journal, directory(), snapshot)
}

pub(crate) fn question(name: &str, kind: RecordType) -> Message {
    let mut message = Message::query();
    message.metadata.recursion_desired = true;
    let labels = name.split('.').filter(|label| !label.is_empty()).map(str::as_bytes);
    message.add_query(Query::query(Name::from_labels(labels).unwrap(), kind));
    message
}

pub(crate) fn with_edns(mut question: Message, bytes_max: u16) -> Message {
    let mut edns = Edns::new();
    edns.set_max_payload(bytes_max);
    question.set_edns(edns);
    question
}

pub(crate) async fn ask_udp(server: SocketAddr, question: &Message) -> Message {
    let reply = exchange_bytes(server, &question.to_vec().unwrap()).await.expect("a reply");
    let message = Message::from_vec(&reply).unwrap();
    assert_eq!(message.metadata.id, question.metadata.id);
    message
}

/// Sends a packet; `None` when no reply comes within the patience of a client.
pub(crate) async fn exchange_bytes(server: SocketAddr, packet: &[u8]) -> Option<Vec<u8>> {
    let local = if server.is_ipv4() { "127.0.0.1:0" } else { "[::1]:0" };
    let client = Client::bind(local).await.unwrap();
    client.connect(server).await.unwrap();
    client.send(packet).await.unwrap();
    let mut bytes = vec![0; 65_535];
    let length = timeout(PATIENCE, client.recv(&mut bytes)).await.ok()?.unwrap();
    bytes.truncate(length);
    Some(bytes)
}

pub(crate) async fn send_tcp(stream: &mut (impl AsyncWrite + Unpin), question: &Message) {
    let bytes = question.to_vec().unwrap();
    let length = u16::try_from(bytes.len()).unwrap().to_be_bytes();
    stream.write_all(&[&length[..], &bytes].concat()).await.unwrap();
}

pub(crate) async fn receive_tcp(stream: &mut (impl AsyncRead + Unpin)) -> Message {
    let receive = async {
        let length = stream.read_u16().await.unwrap();
        let mut bytes = vec![0; usize::from(length)];
        stream.read_exact(&mut bytes).await.unwrap();
        Message::from_vec(&bytes).unwrap()
    };
    within(receive).await
}

pub(crate) async fn within<T>(future: impl Future<Output = T>) -> T {
    timeout(PATIENCE, future).await.expect("within a client's patience")
}

/// The answer's data, in its order.
pub(crate) fn data(reply: &Message) -> Vec<String> {
    reply.answers.iter().map(|record| record.data.to_string()).collect()
}

/// The code and the text of the extended error.
pub(crate) fn extended_error(reply: &Message) -> Option<(u16, String)> {
    let option = reply.edns.as_ref()?.option(EdnsCode::from(15))?;
    let EdnsOption::Unknown(15, data) = option else { panic!("{option:?}") };
    let (code, text) = data.split_at(2);
    Some((u16::from_be_bytes([code[0], code[1]]), String::from_utf8(text.to_vec()).unwrap()))
}
