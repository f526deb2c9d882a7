//! The portal by HTTPS, and names by it.

use std::collections::HashMap;
use std::sync::Mutex;

use model::Timestamp;
use pki::{Identity, Names};
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

use super::*;
use crate::{Answering, NameAnswer, Unanswered};

/// Answers with the question and who asked, for a minute.
struct Echo;

impl AnswerNames for Echo {
    fn answer<'a>(&'a self, question: &'a [u8], client: IpAddr) -> Answering<'a> {
        let answer = match question {
            b"much" => Err(Unanswered::TooMany),
            b"none" => Err(Unanswered::NotAQuery),
            _ => {
                Ok(NameAnswer { message: [question, client.to_string().as_bytes()].concat(), lifetime_s: 60 })
            }
        };
        Box::pin(async move { answer })
    }
}

/// Who the gate says stands behind its connections.
#[derive(Default)]
struct Notes(Mutex<HashMap<SocketAddr, IpAddr>>);

impl Callers for Notes {
    fn find(&self, end: SocketAddr) -> Option<IpAddr> {
        self.0.lock().unwrap().get(&end).copied()
    }
}

/// A portal with a certificate for `preau.lan`, and a client that trusts it.
struct Fixture {
    portal: PortalHandle,
    plain: SocketAddr,
    address: SocketAddr,
    notes: Arc<Notes>,
    client: Arc<ClientConfig>,
}

impl Fixture {
    fn start() -> Self {
        let names = Names::new(["preau.lan".parse().unwrap()], []);
        let clock = || (Timestamp::from_unix_ms(0), ClockQuality::Unset);
        let identity =
            Arc::new(Identity::new(pki::Authority::generate(names.clone()).unwrap(), names, clock));
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from(identity.authority().certificate_der())).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let client =
            ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
        let client = Arc::new(client.with_root_certificates(roots).with_no_client_auth());

        let [plain, tls] = [(); 2].map(|()| TcpListener::bind("127.0.0.1:0").unwrap());
        let [plain_address, address] = [&plain, &tls].map(|listener| listener.local_addr().unwrap());
        let notes = Arc::new(Notes::default());
        let front = Front {
            listener: tls,
            tls: identity.server_config(&[]).unwrap(),
            callers: Arc::clone(&notes) as Arc<dyn Callers>,
            resolver: Arc::new(Echo),
            authority: samples::authority(),
        };
        let settings = Settings {
            place: samples::place(),
            own_hosts: vec![samples::host("preau.lan")],
            notices: Notices::default(),
        };
        let sources =
            Sources { status: Arc::new(Sample { is_open: true }), office: Arc::<clerk::Clerk>::default() };
        let portal = spawn(settings, plain, sources, Some(front)).unwrap();
        Self { portal, plain: plain_address, address, notes, client }
    }

    /// A connection to the portal, of `caller` where there is one.
    fn connect(&self, caller: Option<&str>) -> StreamOwned<ClientConnection, TcpStream> {
        let stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        let end = stream.local_addr().unwrap();
        if let Some(caller) = caller {
            self.notes.0.lock().unwrap().insert(end, caller.parse().unwrap());
        }
        let name = ServerName::try_from("preau.lan").unwrap();
        let connection = ClientConnection::new(Arc::clone(&self.client), name).unwrap();
        StreamOwned::new(connection, stream)
    }

    /// Sends a request to the portal as `caller`, and reads to the end.
    fn exchange(&self, caller: &str, request: &[u8]) -> String {
        let mut stream = self.connect(Some(caller));
        stream.write_all(request).unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        String::from_utf8(answer).unwrap()
    }

    fn get(&self, path: &str, fields: &str) -> String {
        let head = format!("GET {path} HTTP/1.1\r\nHost: preau.lan\r\n{fields}Connection: close\r\n\r\n");
        self.exchange("10.77.0.11", head.as_bytes())
    }

    fn post(&self, media_type: &str, body: &[u8]) -> String {
        let head = format!(
            "POST /dns-query HTTP/1.1\r\nHost: preau.lan\r\nContent-Type: {media_type}\r\n\
             Content-Length: {}\r\nConnection: close\r\n\r\n",
            body.len()
        );
        self.exchange("10.77.0.11", &[head.as_bytes(), body].concat())
    }
}

fn check(answer: &str, status: &str, expected: &str) {
    assert_eq!(answer.split(' ').nth(1), Some(status), "{answer}");
    assert!(answer.contains(expected), "{expected}: {answer}");
}

#[test]
fn the_gate_alone_says_who_asks() {
    let fixture = Fixture::start();
    check(&fixture.get("/", ""), "200", "CM2-04");
    // What a client writes itself proves nothing, though the connection comes from the gate.
    let forged =
        "GET / HTTP/1.1\r\nHost: preau.lan\r\nX-Forwarded-For: 10.77.0.11\r\nConnection: close\r\n\r\n";
    check(&fixture.exchange("10.77.0.99", forged.as_bytes()), "200", "02:00:00:00:00:99");
    check(&fixture.get("/pourquoi", ""), "200", "www.poker.example");
    fixture.portal.stop().unwrap();
}

/// Not even one from the gate's own address: the gate notes whose each of its connections is.
#[test]
fn a_connection_that_is_nobodys_gets_no_answer() {
    let fixture = Fixture::start();
    for path in ["/dns-query?dns=YXNr", "/", "/pourquoi", "/connexion?personne=1"] {
        let mut stream = fixture.connect(None);
        // Several questions at once, as one who leaves before the answers asks them.
        let request = format!("GET {path} HTTP/1.1\r\nHost: preau.lan\r\n\r\n").repeat(3);
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = Vec::new();
        // It is closed on what was not read, which resets.
        let _end = stream.read_to_end(&mut answer);
        let answer = String::from_utf8(answer).unwrap();
        check(&answer, "421", "connection: close");
        assert!(!answer.contains("HTTP/1.1 200"), "{answer}");
    }
    fixture.portal.stop().unwrap();
}

/// A client that breaks off loses its note while the portal still reads what it has sent.
#[test]
fn what_comes_through_a_connection_is_its_callers_to_the_end() {
    let fixture = Fixture::start();
    let mut stream = fixture.connect(Some("10.77.0.11"));
    let mut ask = |fields: &str| {
        let head = format!("GET /dns-query?dns=YXNr HTTP/1.1\r\nHost: preau.lan\r\n{fields}\r\n");
        stream.write_all(head.as_bytes()).unwrap();
        let mut answer = Vec::new();
        while !answer.ends_with(b"ask10.77.0.11") {
            let mut byte = [0];
            stream.read_exact(&mut byte).unwrap();
            answer.push(byte[0]);
        }
    };
    ask("");
    let others = [(fixture.notes.0.lock().unwrap().drain().next().unwrap().0, [10, 77, 0, 99].into())];
    ask("");
    // Not even when somebody else is noted for the same end.
    fixture.notes.0.lock().unwrap().extend(others);
    ask("Connection: close\r\n");
    fixture.portal.stop().unwrap();
}

/// The page in clear, which a pupil could replace, does not say so; whoever trusts the box has heard it by TLS.
#[test]
fn browsers_are_told_by_tls_to_come_by_tls_alone() {
    let fixture = Fixture::start();
    let told = "strict-transport-security: max-age=1814400\r\n";
    for path in ["/", "/connexion?personne=1", "/dns-query"] {
        assert!(fixture.get(path, "").contains(told), "{path}");
    }
    let answer = exchange(fixture.plain, "GET / HTTP/1.1\r\nHost: preau.lan");
    assert!(!answer.contains("strict-transport-security"), "{answer}");
    fixture.portal.stop().unwrap();
}

#[test]
fn secrets_are_typed_by_https_and_the_page_in_clear_leads_there() {
    let fixture = Fixture::start();
    check(&fixture.get("/connexion?personne=1", ""), "200", "name=\"secret\"");
    let head = "GET /connexion HTTP/1.1\r\nHost: preau.lan\r\nX-Forwarded-For: 10.77.0.11";
    let answer = exchange(fixture.plain, head);
    check(&answer, "403", "<a class=\"button\" href=\"https://preau.lan/connexion\">");
    assert!(!answer.contains("<form"), "{answer}");
    fixture.portal.stop().unwrap();
}

#[test]
fn the_certificate_is_offered() {
    let fixture = Fixture::start();
    check(&fixture.get("/certificat", ""), "200", "0A:F3:0A:F3: 0A:F3");
    check(&fixture.get("/Certificat/", "Accept-Language: en\r\n"), "200", "SHA-256 fingerprint");
    let file = fixture.get("/certificat/preau.crt", "");
    check(&file, "200", "content-type: application/x-x509-ca-cert");
    assert!(file.ends_with("\r\n\r\ncertificate"), "{file}");
    fixture.portal.stop().unwrap();
}

#[test]
fn names_are_answered_by_get_and_post() {
    let fixture = Fixture::start();
    let told = [
        "content-type: application/dns-message\r\n",
        "cache-control: private, max-age=60\r\n",
        "ask10.77.0.11",
    ];
    for answer in [
        fixture.get("/dns-query?dns=YXNr", ""),
        fixture.get("/dns-query?a=b&dns=YXNr", "Accept: application/dns-message\r\n"),
        fixture.post("application/dns-message", b"ask"),
        fixture.post("Application/DNS-Message; charset=x", b"ask"),
    ] {
        told.iter().for_each(|expected| check(&answer, "200", expected));
    }
    // One character too few is padded by some.
    check(&fixture.get("/dns-query?dns=YXM%3D", ""), "200", "as10.77.0.11");
    let head = "HEAD /dns-query?dns=YXNr HTTP/1.1\r\nHost: preau.lan\r\nConnection: close\r\n\r\n";
    assert!(fixture.exchange("10.77.0.11", head.as_bytes()).ends_with("\r\n\r\n"));
    fixture.portal.stop().unwrap();
}

#[test]
fn what_is_no_question_is_told() {
    let fixture = Fixture::start();
    for query in ["", "?", "?dns=", "?dns=a", "?dns=+/=", "?dns=%00", "?DNS=YXNr", "?dns=YX Nr"] {
        let answer = fixture.get(&format!("/dns-query{query}").replace(' ', "%20"), "");
        check(&answer, "400", "Il manque une question");
    }
    check(&fixture.get(&format!("/dns-query?dns={}", "A".repeat(5_500)), ""), "414", "trop longue");
    check(&fixture.get("/dns-query?dns=bm9uZQ", ""), "400", "pas une question DNS");
    check(&fixture.get("/dns-query?dns=bXVjaA", ""), "429", "retry-after: 1");
    check(&fixture.post("text/plain", b"ask"), "415", "application/dns-message");
    check(&fixture.post("application/dns-message", &[b'a'; 4_097]), "413", "trop longue");
    let put = "PUT /dns-query HTTP/1.1\r\nHost: preau.lan\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
    check(&fixture.exchange("10.77.0.11", put.as_bytes()), "405", "allow: GET, HEAD, POST");
    let other = "GET /dns-query?dns=YXNr HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n";
    check(&fixture.exchange("10.77.0.11", other.as_bytes()), "421", "que");
    fixture.portal.stop().unwrap();
}
