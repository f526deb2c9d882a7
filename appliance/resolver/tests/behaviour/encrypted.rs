//! The same by TLS, and for another door.

use std::sync::Arc;

use hickory_proto::op::{Message, ResponseCode};
use hickory_proto::rr::RecordType;
use hickory_proto::rr::rdata::opt::EdnsOption;
use resolver::{Settings, Unanswered};
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::school::{
    HOME_V4, School, data, exchange_bytes, question, receive_tcp, send_tcp, settings, with_edns, within,
};
use super::upstream::{Mood, Upstream};

/// A client that trusts the box's authority and expects this name, with these protocols (ALPN).
async fn connect(school: &School, name: &str, protocols: &[&str]) -> std::io::Result<TlsStream<TcpStream>> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from(school.authority.as_slice())).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let mut config = config.with_root_certificates(roots).with_no_client_auth();
    config.alpn_protocols = protocols.iter().map(|protocol| protocol.as_bytes().to_vec()).collect();
    let name = ServerName::try_from(name.to_owned()).unwrap();
    let stream = TcpStream::connect(school.tls).await.unwrap();
    within(TlsConnector::from(Arc::new(config)).connect(name, stream)).await
}

#[tokio::test(flavor = "multi_thread")]
async fn questions_by_tls_are_answered_judged_and_recorded() {
    let upstream = Upstream::start();
    let school = School::open(&[upstream.address]).await;
    // An address as the name: the client then sends none (RFC 6066 section 3).
    for (name, protocols) in [("preau.lan", &["dot"][..]), ("127.0.0.1", &[])] {
        let mut stream = connect(&school, name, protocols).await.unwrap();
        let (first, second) =
            (question("site.example.fr.", RecordType::A), question("bet365.com.", RecordType::A));
        send_tcp(&mut stream, &first).await;
        send_tcp(&mut stream, &second).await;
        let mut replies = [receive_tcp(&mut stream).await, receive_tcp(&mut stream).await];
        // They come as they are ready.
        replies.sort_by_key(|reply| reply.metadata.id != first.metadata.id);
        assert_eq!(replies.each_ref().map(|reply| data(reply).concat()), ["192.0.2.10", HOME_V4]);
    }
    assert!(connect(&school, "other.lan", &[]).await.is_err(), "the certificate is for the box alone");
    assert!(connect(&school, "preau.lan", &["h2"]).await.is_err(), "no HTTP is spoken here");
    let log = school.log().await;
    assert!(log.contains(&"bet365.com refuse listed".to_owned()), "{log:?}");
    school.close().await;
}

/// RFC 7830: whoever pads his question gets a padded reply, where nobody can look inside.
#[tokio::test(flavor = "multi_thread")]
async fn replies_are_padded_where_questions_are() {
    let upstream = Upstream::start();
    let school = School::open(&[upstream.address]).await;
    let padded = |name: &str, has_padding: bool| {
        let mut message = with_edns(question(name, RecordType::A), 1232);
        let padding = EdnsOption::Unknown(12, vec![0; 40]);
        if has_padding {
            message.edns.as_mut().unwrap().options_mut().insert(padding);
        }
        message
    };
    for name in ["site.example.fr.", "bet365.com.", "preau.lan.", "other.example.fr."] {
        let mut stream = connect(&school, "preau.lan", &[]).await.unwrap();
        let mut lengths = Vec::new();
        for has_padding in [true, false] {
            send_tcp(&mut stream, &padded(name, has_padding)).await;
            let length = within(stream.read_u16()).await.unwrap();
            let mut bytes = vec![0; usize::from(length)];
            within(stream.read_exact(&mut bytes)).await.unwrap();
            assert!(Message::from_vec(&bytes).is_ok(), "{name}");
            lengths.push(length);
        }
        assert!(lengths[0] == 468 && lengths[1] < 468, "{name}: {lengths:?}");
        // In the clear it would hide nothing.
        let packet = padded(name, true).to_vec().unwrap();
        assert!(exchange_bytes(school.udp[0], &packet).await.unwrap().len() < 468, "{name}");
    }
    school.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_tls_is_closed() {
    let school = School::open(&[]).await;
    let mut stream = TcpStream::connect(school.tls).await.unwrap();
    send_tcp(&mut stream, &question("preau.lan.", RecordType::A)).await;
    // An alert, and the end.
    let mut bytes = Vec::new();
    let _end = within(stream.read_to_end(&mut bytes)).await;
    assert!(bytes.len() < 100 && bytes.first().is_none_or(|&byte| byte == 0x15), "{bytes:?}");
    school.close().await;
}

/// Agreeing on TLS is work: whoever does nothing else has soon used up what he may ask.
#[tokio::test(flavor = "multi_thread")]
async fn handshakes_count_as_questions() {
    let school = School::open_with(Settings { questions_per_second: 10, ..settings() }).await;
    let mut accepted = 0;
    while connect(&school, "preau.lan", &[]).await.is_ok() {
        accepted += 1;
        assert!(accepted < 1_000, "no end of handshakes");
    }
    assert!(accepted >= 100, "a burst is ten seconds' worth: {accepted}");
    school.wait_until("the excess is counted", || school.resolver.statistics().limited > 0).await;
    school.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn another_door_gets_the_same_answers() {
    let upstream = Upstream::start();
    let school = School::open(&[upstream.address]).await;
    let client = "::ffff:10.77.0.11".parse().unwrap();
    let ask = async |name: &str| {
        let packet = question(name, RecordType::A).to_vec().unwrap();
        let answer = school.resolver.answer(&packet, client).await.unwrap();
        (Message::from_vec(&answer.bytes).unwrap(), answer.lifetime_s)
    };
    let (reply, lifetime_s) = ask("site.example.fr.").await;
    assert_eq!(data(&reply), ["192.0.2.10"]);
    assert!((290..=300).contains(&lifetime_s), "{lifetime_s}");
    let (reply, lifetime_s) = ask("bet365.com.").await;
    assert_eq!((data(&reply).concat().as_str(), lifetime_s), (HOME_V4, 5));
    let (_, lifetime_s) = ask("nowhere.preau.lan.").await;
    assert_eq!(lifetime_s, 60, "a name that does not exist, for the time that its SOA record says");
    upstream.set_mood(Mood::Failing);
    let (reply, lifetime_s) = ask("silent.example.fr.").await;
    assert_eq!((reply.metadata.response_code, lifetime_s), (ResponseCode::ServFail, 0));
    // Nothing, too little, and a reply.
    for packet in [&b""[..], b"GET /", &[0xff; 40]] {
        let outcome = school.resolver.answer(packet, client).await;
        assert_eq!(outcome.unwrap_err(), Unanswered::NotAQuery);
    }
    let log = school.log().await;
    assert!(log.contains(&"bet365.com refuse listed".to_owned()), "{log:?}");
    school.close().await;
}
