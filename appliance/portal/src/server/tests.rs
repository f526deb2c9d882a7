use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};

use model::Subject;

use super::*;
use crate::pages::samples;
use crate::{Refused, Status};

mod clerk;
mod enrol;
mod front;
mod journal;
mod keys;
mod lessons;
mod library;
mod people;
mod points;
mod telephones;

/// A box that is well unless it is closed; it knows the device of 10.77.0.11, and refused something to it.
struct Sample {
    is_open: bool,
}

impl StatusSource for Sample {
    fn status(&self) -> Status {
        Status { is_open: self.is_open, ..samples::status() }
    }

    fn identify(&self, client: IpAddr) -> Subject {
        if client.to_string() == "10.77.0.11" { samples::device() } else { samples::unknown() }
    }

    fn recall_refusals(&self, client: IpAddr) -> Vec<Refused> {
        if client.to_string() == "10.77.0.11" { samples::refusals() } else { vec![] }
    }

    fn diagnosis(&self) -> crate::Diagnosis {
        samples::diagnosis()
    }

    fn support(&self) -> Option<String> {
        self.is_open.then(|| "What is said of the box.\n".to_owned())
    }
}

fn start() -> (PortalHandle, SocketAddr) {
    start_box(Sample { is_open: true })
}

fn start_box(sample: Sample) -> (PortalHandle, SocketAddr) {
    start_office(sample, Arc::default())
}

fn start_office(sample: Sample, office: Arc<clerk::Clerk>) -> (PortalHandle, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let own_hosts = vec![samples::host("preau.lan")];
    let settings = Settings { place: samples::place(), own_hosts, notices: Notices::default() };
    let sources = Sources { status: Arc::new(sample), office };
    (spawn(settings, listener, sources, None).unwrap(), address)
}

/// Sends one request head and reads to the end of the connection.
fn exchange(address: SocketAddr, head: &str) -> String {
    exchange_with(address, head, "")
}

/// The same with a body.
fn exchange_with(address: SocketAddr, head: &str, body: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    stream.write_all(format!("{head}\r\nConnection: close\r\n\r\n{body}").as_bytes()).unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    String::from_utf8(answer).unwrap()
}

#[test]
fn requests_are_answered_by_host_method_and_path() {
    let (portal, address) = start();
    let check = |head: &str, status: &str, text: &str| {
        let answer = exchange(address, head);
        assert_eq!(answer.split(' ').nth(1), Some(status), "{head}\n{answer}");
        assert!(answer.contains(text), "{head}\n{answer}");
    };
    check("GET / HTTP/1.1\r\nHost: preau.lan", "200", "Le web est ouvert");
    check("GET / HTTP/1.1\r\nHost: preau.lan\r\nAccept-Language: en", "200", "The web is open");
    check("GET / HTTP/1.1\r\nHost: 127.0.0.1", "200", "02:00:00:00:00:99");
    check("GET / HTTP/1.1\r\nHost: preau.lan\r\nX-Forwarded-For: 10.77.0.11", "200", "CM2-04");
    check("GET http://preau.lan/ HTTP/1.1\r\nHost: evil.example", "200", "Le web est ouvert");
    check("GET /pourquoi HTTP/1.1\r\nHost: preau.lan", "200", "Le filtre n’a rien refusé à cet appareil");
    let device = "Host: preau.lan\r\nX-Forwarded-For: 10.77.0.11";
    check(&format!("GET /pourquoi HTTP/1.1\r\n{device}"), "200", "www.poker.example");
    check(
        &format!("GET /Pourquoi/?a HTTP/1.1\r\n{device}\r\nAccept-Language: en"),
        "200",
        "7 requests refused",
    );
    check("GET /pourquoi/non HTTP/1.1\r\nHost: preau.lan", "404", "Cette page n’existe pas");
    check("GET /pourquoi HTTP/1.1\r\nHost: evil.example", "421", "Cette adresse");
    check("GET /certificat HTTP/1.1\r\nHost: preau.lan", "503", "pas disponible");
    check("GET /certificat/preau.crt HTTP/1.1\r\nHost: preau.lan", "503", "pas disponible");
    check("GET /dns-query?dns=AAAA HTTP/1.1\r\nHost: preau.lan", "403", "que par HTTPS");
    check("GET /charte HTTP/1.1\r\nHost: preau.lan", "200", "Je vais sur Internet quand un adulte");
    check("GET /Mentions/ HTTP/1.1\r\nHost: preau.lan", "200", "365 jours");
    check("GET /nothing HTTP/1.1\r\nHost: preau.lan", "404", "Cette page n’existe pas");
    check("GET /../../etc/passwd HTTP/1.1\r\nHost: preau.lan", "404", "Cette page n’existe pas");
    check("POST / HTTP/1.1\r\nHost: preau.lan\r\nContent-Length: 0", "405", "allow: GET, HEAD");
    check("GET / HTTP/1.1\r\nHost: evil.example", "421", "Cette adresse n’est pas celle du boîtier");
    check("GET http://evil.example/ HTTP/1.1\r\nHost: preau.lan", "421", "Cette adresse");
    check("GET / HTTP/1.0\r\nX-Nothing: 1", "421", "Cette adresse");
    portal.stop().unwrap();
}

/// While the web is closed nothing is on record, so "nothing was refused" would be untrue.
#[test]
fn a_closed_box_says_why_nothing_opens() {
    let (portal, address) = start_box(Sample { is_open: false });
    let answer = exchange(address, "GET /pourquoi HTTP/1.1\r\nHost: preau.lan");
    assert!(answer.starts_with("HTTP/1.1 503 "), "{answer}");
    assert!(answer.contains("retry-after: 30") && answer.contains("Le web est fermé"), "{answer}");
    portal.stop().unwrap();
}

#[test]
fn a_rebound_name_learns_nothing_of_the_school() {
    let (portal, address) = start();
    let answer = exchange(address, "GET / HTTP/1.1\r\nHost: evil.example");
    assert!(!answer.contains("Jaurès") && !answer.contains("preau.lan"), "{answer}");
    portal.stop().unwrap();
}

#[test]
fn every_answer_carries_the_security_fields() {
    let (portal, address) = start();
    for head in ["GET / HTTP/1.1\r\nHost: preau.lan", "PUT /x HTTP/1.1\r\nHost: evil.example"] {
        let answer = exchange(address, head);
        for field in [
            "content-security-policy: default-src 'none'",
            "x-content-type-options: nosniff",
            "referrer-policy: same-origin",
            "cache-control: no-store",
            "content-language: fr",
        ] {
            assert!(answer.contains(field), "{head}: {field}\n{answer}");
        }
    }
    portal.stop().unwrap();
}

#[test]
fn head_has_no_body() {
    let (portal, address) = start();
    let answer = exchange(address, "HEAD / HTTP/1.1\r\nHost: preau.lan");
    assert!(answer.starts_with("HTTP/1.1 200 ") && answer.ends_with("\r\n\r\n"), "{answer}");
    portal.stop().unwrap();
}

#[test]
fn a_stopped_portal_is_gone() {
    let (portal, address) = start();
    // An idle visitor does not hold the stop up.
    let _idle = TcpStream::connect(address).unwrap();
    assert!(portal.is_running());
    portal.stop().unwrap();
    assert!(TcpStream::connect(address).is_err());
}
