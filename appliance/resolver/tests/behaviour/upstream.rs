//! An upstream resolver that knows a few names and fails on demand.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::sync::atomic::{AtomicU8, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

use hickory_proto::op::{Message, ResponseCode};
use hickory_proto::rr::rdata::{A, AAAA, CNAME, MX, NULL, SOA, TXT};
use hickory_proto::rr::{Name, RData, Record, RecordType};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

/// How the upstream behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Mood {
    Well,
    Silent,
    Failing,
}

/// The upstream. Its threads end with the test's process.
#[derive(Clone)]
pub(crate) struct Upstream {
    pub(crate) address: SocketAddr,
    mood: Arc<AtomicU8>,
    asked: Arc<AtomicUsize>,
    last: Arc<Mutex<Option<Message>>>,
}

impl Upstream {
    pub(crate) fn start() -> Self {
        // UDP and TCP on one port: another process may have taken the second one.
        let (udp, tcp) = loop {
            let udp = UdpSocket::bind("127.0.0.1:0").unwrap();
            if let Ok(tcp) = TcpListener::bind(udp.local_addr().unwrap()) {
                break (udp, tcp);
            }
        };
        let upstream = Self::new(udp.local_addr().unwrap());
        let of_udp = upstream.clone();
        thread::spawn(move || of_udp.serve_udp(&udp));
        let of_tcp = upstream.clone();
        thread::spawn(move || {
            for stream in tcp.incoming().flatten() {
                let of_stream = of_tcp.clone();
                thread::spawn(move || of_stream.serve_stream(stream));
            }
        });
        upstream
    }

    /// Starts an upstream for DNS over TLS, with a certificate for `dns.example.fr` of the authority that comes
    /// along.
    pub(crate) fn start_tls() -> (Self, CertificateDer<'static>) {
        let tcp = TcpListener::bind("127.0.0.1:0").unwrap();
        let upstream = Self::new(tcp.local_addr().unwrap());
        let (config, authority) = tls_server("dns.example.fr");
        let of_tcp = upstream.clone();
        thread::spawn(move || {
            for stream in tcp.incoming().flatten() {
                let (of_stream, config) = (of_tcp.clone(), Arc::clone(&config));
                thread::spawn(move || {
                    let connection = ServerConnection::new(config).unwrap();
                    of_stream.serve_stream(StreamOwned::new(connection, stream));
                });
            }
        });
        (upstream, authority)
    }

    fn new(address: SocketAddr) -> Self {
        Self { address, mood: Arc::default(), asked: Arc::default(), last: Arc::default() }
    }

    pub(crate) fn set_mood(&self, mood: Mood) {
        self.mood.store(mood as u8, Ordering::SeqCst);
    }

    /// Questions so far, over TCP too.
    pub(crate) fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }

    pub(crate) fn last(&self) -> Message {
        self.last.lock().unwrap().clone().unwrap()
    }

    fn serve_udp(&self, socket: &UdpSocket) {
        let mut bytes = [0; 4096];
        while let Ok((length, peer)) = socket.recv_from(&mut bytes) {
            if let Some(mut reply) = self.reply(&bytes[..length]) {
                if reply.to_vec().unwrap().len() > 1232 {
                    reply.answers.clear();
                    reply.metadata.truncation = true;
                }
                socket.send_to(&reply.to_vec().unwrap(), peer).unwrap();
            }
        }
    }

    fn serve_stream(&self, mut stream: impl Read + Write) {
        let mut length = [0; 2];
        while stream.read_exact(&mut length).is_ok() {
            let mut bytes = vec![0; usize::from(u16::from_be_bytes(length))];
            stream.read_exact(&mut bytes).unwrap();
            if let Some(reply) = self.reply(&bytes) {
                let reply = reply.to_vec().unwrap();
                let length = u16::try_from(reply.len()).unwrap().to_be_bytes();
                stream.write_all(&[&length[..], &reply].concat()).unwrap();
            }
        }
    }

    fn reply(&self, bytes: &[u8]) -> Option<Message> {
        let question = Message::from_vec(bytes).unwrap();
        self.asked.fetch_add(1, Ordering::SeqCst);
        *self.last.lock().unwrap() = Some(question.clone());
        let mood = self.mood.load(Ordering::SeqCst);
        if mood == Mood::Silent as u8 {
            return None;
        }
        let query = question.queries[0].clone();
        let mut reply = question.into_response();
        reply.metadata.authentic_data = true;
        reply.metadata.recursion_available = true;
        if mood == Mood::Failing as u8 {
            reply.metadata.response_code = ResponseCode::ServFail;
            return Some(reply);
        }
        let (code, answers) = answer(query.name(), query.query_type());
        reply.metadata.response_code = code;
        if answers.is_empty() {
            reply.add_authority(soa());
        }
        reply.add_answers(answers);
        Some(reply)
    }
}

fn tls_server(name: &str) -> (Arc<ServerConfig>, CertificateDer<'static>) {
    let mut authority = CertificateParams::default();
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(authority, KeyPair::generate().unwrap()).unwrap();
    let key = KeyPair::generate().unwrap();
    let certificate = CertificateParams::new([name.to_owned()]).unwrap().signed_by(&key, &authority).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(
            vec![certificate.der().clone()],
            PrivatePkcs8KeyDer::from(key.serialize_der()).into(),
        )
        .unwrap();
    (Arc::new(config), authority.der().clone())
}

fn soa() -> Record {
    let [server, mail] = ["ns.example.fr.", "nobody.example.fr."].map(|name| Name::from_ascii(name).unwrap());
    let data = SOA::new(server, mail, 1, 3600, 600, 86400, 60);
    Record::from_rdata(Name::from_ascii("example.fr.").unwrap(), 900, RData::SOA(data))
}

fn answer(name: &Name, kind: RecordType) -> (ResponseCode, Vec<Record>) {
    let text = name.to_lowercase().to_ascii();
    let own = |ttl_s, data| Record::from_rdata(name.clone(), ttl_s, data);
    let v4 = |last| RData::A(A::new(192, 0, 2, last));
    let site = Name::from_ascii("site.example.fr.").unwrap();
    let answers = match (text.as_str(), kind) {
        ("missing.example.fr.", _) => return (ResponseCode::NXDomain, Vec::new()),
        ("alias.example.fr.", _) => {
            vec![own(300, RData::CNAME(CNAME(site.clone()))), Record::from_rdata(site, 300, v4(10))]
        }
        ("cloaked.example.fr." | "short-cloaked.example.fr.", _) => {
            let listed = Name::from_ascii("tracker.bet365.com.").unwrap();
            let ttl_s = if text.starts_with("short") { 1 } else { 300 };
            vec![own(ttl_s, RData::CNAME(CNAME(listed.clone()))), Record::from_rdata(listed, 300, v4(10))]
        }
        ("inward.example.fr.", RecordType::A) => vec![own(300, RData::A(A::new(10, 77, 0, 9)))],
        ("inward.example.fr.", _) => Vec::new(),
        ("mixed.example.fr.", RecordType::A) => {
            vec![own(300, RData::A(A::new(10, 77, 0, 9))), own(300, v4(10))]
        }
        ("ech.example.fr." | "short-ech.example.fr.", RecordType::HTTPS | RecordType::SVCB) => {
            let ttl_s = if text.starts_with("short") { 1 } else { 300 };
            vec![own(ttl_s, service(kind, &name_of("site.example.fr."))), own(ttl_s, signature(kind))]
        }
        ("chained.example.fr.", RecordType::HTTPS | RecordType::SVCB) => {
            let target = name_of("ech.example.fr.");
            let service = Record::from_rdata(target.clone(), 300, service(kind, &Name::root()));
            vec![own(300, RData::CNAME(CNAME(target))), own(300, signature(RecordType::CNAME)), service]
        }
        ("cloaked-service.example.fr.", RecordType::HTTPS) => {
            vec![own(300, service(kind, &name_of("www.bet365.com.")))]
        }
        ("broken-service.example.fr.", _) => {
            let mut rdata = NULL::new();
            rdata.anything = vec![0, 1, 0, 0, 5, 0, 9, 0xfe];
            vec![own(300, RData::Unknown { code: RecordType::HTTPS, rdata })]
        }
        ("forcesafesearch.google.com.", RecordType::A) => vec![own(300, v4(20)), own(300, v4(21))],
        ("fleeting.example.fr.", RecordType::A) => vec![own(0, v4(11))],
        ("short.example.fr.", RecordType::A) => vec![own(1, v4(11))],
        ("v4only.example.fr.", RecordType::A) => vec![own(300, v4(12))],
        ("v4only.example.fr." | "short.example.fr.", _) => Vec::new(),
        (_, RecordType::A) => vec![own(300, v4(10))],
        (_, RecordType::AAAA) => {
            vec![own(300, RData::AAAA(AAAA::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0x10)))]
        }
        (_, RecordType::MX) => vec![own(300, RData::MX(MX::new(10, site)))],
        ("long.example.fr.", RecordType::TXT) => {
            (0..20).map(|n| own(300, RData::TXT(TXT::new(vec![format!("{n:0>200}")])))).collect()
        }
        (_, RecordType::HTTPS) => vec![own(300, https())],
        _ => Vec::new(),
    };
    (ResponseCode::NoError, answers)
}

fn name_of(text: &str) -> Name {
    Name::from_ascii(text).unwrap()
}

/// A record of a service with keys for an Encrypted Client Hello, and with hints.
fn service(kind: RecordType, target: &Name) -> RData {
    use hickory_proto::rr::rdata::svcb::{
        Alpn, EchConfigList, IpHint, Mandatory, SvcParamKey as Key, SvcParamValue as Value,
    };
    use hickory_proto::rr::rdata::{HTTPS, SVCB};
    let hints = [A::new(192, 0, 2, 10), A::new(10, 77, 0, 9)].to_vec();
    let service = SVCB::new(
        1,
        target.clone(),
        vec![
            (Key::Mandatory, Value::Mandatory(Mandatory(vec![Key::EchConfigList]))),
            (Key::Alpn, Value::Alpn(Alpn(vec!["h2".to_owned()]))),
            (Key::Ipv4Hint, Value::Ipv4Hint(IpHint(hints))),
            (Key::EchConfigList, Value::EchConfigList(EchConfigList(vec![0, 2, 0xfe, 0x0d]))),
        ],
    );
    if kind == RecordType::HTTPS { RData::HTTPS(HTTPS(service)) } else { RData::SVCB(service) }
}

/// As much of a signature as says what it covers.
fn signature(covered: RecordType) -> RData {
    let mut rdata = NULL::new();
    rdata.anything = [&u16::from(covered).to_be_bytes()[..], &[13, 3, 0, 0, 1, 44]].concat();
    RData::Unknown { code: RecordType::RRSIG, rdata }
}

fn https() -> RData {
    use hickory_proto::rr::rdata::svcb::{Alpn, SvcParamKey, SvcParamValue};
    use hickory_proto::rr::rdata::{HTTPS, SVCB};
    let alpn = SvcParamValue::Alpn(Alpn(vec!["h2".to_owned()]));
    RData::HTTPS(HTTPS(SVCB::new(1, Name::root(), vec![(SvcParamKey::Alpn, alpn)])))
}
