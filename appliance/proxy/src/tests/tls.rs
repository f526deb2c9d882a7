//! The TLS door.

use std::io::ErrorKind;
use std::time::Duration;

use journal::simulation::Faults;
use model::{Layer, Verdict};
use policy::{Rule, Scope, Topic};
use socket2::SockRef;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::raw::{alert_code, connect, cut_into_records, hello, pattern, read_exactly, read_to_end, send};
use super::school::{School, accept, expect_no_dial, policy, site};

const ANSWER: &[u8] = b"a server's answer";

#[tokio::test(flavor = "multi_thread")]
async fn an_allowed_name_is_carried_untouched_and_closed_once() {
    let (site, port) = site().await;
    let school = School::before(port).await;
    let mut client = connect(school.tls).await;
    let sent = hello("WWW.Allowed.test");
    send(&mut client, &sent).await;
    let mut server = accept(&site).await;
    assert_eq!(read_exactly(&mut server, sent.len()).await, sent);
    send(&mut server, ANSWER).await;
    assert_eq!(read_exactly(&mut client, ANSWER.len()).await, ANSWER);
    school.expect_log(&["tls www.allowed.test permit"]).await;

    drop(server);
    assert_eq!(read_to_end(&mut client).await.unwrap(), b"");
    drop(client);
    school
        .expect_log(&[&format!("tls www.allowed.test permit finish {}/{}", sent.len(), ANSWER.len())])
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hello_in_pieces_is_put_together() {
    let (site, port) = site().await;
    let school = School::before(port).await;
    let whole = cut_into_records(&hello("pieces.test"), 3);
    let mut client = connect(school.tls).await;
    for piece in whole.chunks(4) {
        send(&mut client, piece).await;
        tokio::task::yield_now().await;
    }
    send(&mut client, b"early").await;
    let mut server = accept(&site).await;
    let expected = [&whole[..], b"early"].concat();
    assert_eq!(read_exactly(&mut server, expected.len()).await, expected);
    school.expect_log(&["tls pieces.test permit"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn refused_names_and_faults_get_their_alert_and_one_record() {
    let (site, port) = site().await;
    let broken = {
        let mut bytes = hello("x.test");
        bytes[9] = 9;
        bytes
    };
    let huge = [&[22, 3, 1, 0x40, 0, 1, 0, 0x70, 0][..], &[0; 100]].concat();
    let nameless = {
        let mut bytes = hello("x.test");
        bytes[53] = 99;
        bytes
    };
    let cases: [(Vec<u8>, u8, &str); 9] = [
        (hello("adult.preau.test"), 49, "tls adult.preau.test refuse adult"),
        (hello("www.Gambling.preau.test"), 49, "tls www.gambling.preau.test refuse gambling"),
        (hello("192.0.2.7"), 47, "tls 192.0.2.7 refuse address-literal"),
        (hello("2001:db8::7"), 47, "tls 2001:db8::7 refuse address-literal"),
        (hello("not a name"), 47, "tls - refuse malformed"),
        (nameless, 109, "tls - refuse unnamed"),
        (broken, 50, "tls - refuse malformed"),
        (huge, 22, "tls - refuse malformed"),
        (vec![22, 3, 1, 0, 0], 50, "tls - refuse malformed"),
    ];
    for (bytes, code, record) in cases {
        let school = School::before(port).await;
        let mut client = connect(school.tls).await;
        // More than the gate reads: the alert must arrive all the same.
        send(&mut client, [&bytes[..], &[0; 9000]].concat()).await;
        let answer = read_to_end(&mut client).await.unwrap();
        assert_eq!(alert_code(&answer), code, "{record}");
        school.expect_log(&[record]).await;
    }
    expect_no_dial(&site).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_tls_is_reset() {
    let (_site, port) = site().await;
    for bytes in [&b"GET / HTTP/1.1\r\n\r\n"[..], b"SSH-2.0-x\r\n", &[0x80, 0x2e, 1, 3, 1]] {
        let school = School::before(port).await;
        let mut client = connect(school.tls).await;
        send(&mut client, bytes).await;
        assert_eq!(read_to_end(&mut client).await.unwrap_err().kind(), ErrorKind::ConnectionReset);
        school.expect_log(&["tls - refuse not-tls"]).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn silence_is_not_an_access_but_half_a_hello_is() {
    let (_site, port) = site().await;
    let school = School::before(port).await;
    let mut silent = connect(school.tls).await;
    silent.shutdown().await.unwrap();
    assert_eq!(read_to_end(&mut silent).await.unwrap(), b"");

    let mut half = connect(school.tls).await;
    send(&mut half, &hello("half.test")[..40]).await;
    half.shutdown().await.unwrap();
    assert_eq!(alert_code(&read_to_end(&mut half).await.unwrap()), 50);
    school.expect_log(&["tls - refuse malformed"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hello_that_does_not_come_to_an_end_is_cut_off() {
    let (_site, port) = site().await;
    let school = School::with(|settings, _| {
        settings.ports.tls = port;
        settings.timeouts.hello = Duration::from_secs(1);
    })
    .await;
    let mut silent = connect(school.tls).await;
    let mut half = connect(school.tls).await;
    send(&mut half, &hello("half.test")[..40]).await;
    assert_eq!(read_to_end(&mut silent).await.unwrap(), b"");
    assert_eq!(alert_code(&read_to_end(&mut half).await.unwrap()), 50);
    school.expect_log(&["tls - refuse malformed"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn half_close_passes_both_ways() {
    let (site, port) = site().await;
    let school = School::before(port).await;
    let mut client = connect(school.tls).await;
    let sent = hello("half-close.test");
    send(&mut client, &sent).await;
    client.shutdown().await.unwrap();
    let mut server = accept(&site).await;
    assert_eq!(read_to_end(&mut server).await.unwrap(), sent);
    send(&mut server, ANSWER).await;
    drop(server);
    assert_eq!(read_to_end(&mut client).await.unwrap(), ANSWER);
    school.expect_log(&[&format!("tls half-close.test permit finish {}/{}", sent.len(), ANSWER.len())]).await;
}

/// A connection through the gate: the client's end and the server's.
async fn carried(school: &School, site: &tokio::net::TcpListener) -> (TcpStream, TcpStream, usize) {
    let mut client = connect(school.tls).await;
    let sent = hello("carried.test");
    send(&mut client, &sent).await;
    let mut server = accept(site).await;
    assert_eq!(read_exactly(&mut server, sent.len()).await, sent);
    (client, server, sent.len())
}

fn reset(stream: TcpStream) {
    SockRef::from(&stream).set_linger(Some(Duration::ZERO)).unwrap();
    drop(stream);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reset_passes_both_ways() {
    for is_from_client in [true, false] {
        let (site, port) = site().await;
        let school = School::before(port).await;
        let (client, server, sent) = carried(&school, &site).await;
        let (broken, mut other) = if is_from_client { (client, server) } else { (server, client) };
        reset(broken);
        assert_eq!(read_to_end(&mut other).await.unwrap_err().kind(), ErrorKind::ConnectionReset);
        school.expect_log(&[&format!("tls carried.test permit abort {sent}/0")]).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_idle_connection_is_given_up() {
    let (site, port) = site().await;
    let school = School::with(|settings, _| {
        settings.ports.tls = port;
        settings.timeouts.idle = Duration::from_millis(500);
    })
    .await;
    let mut client = connect(school.tls).await;
    let sent = hello("idle.test");
    send(&mut client, &sent).await;
    let mut server = accept(&site).await;
    for stream in [&mut client, &mut server] {
        assert_eq!(read_to_end(stream).await.unwrap_err().kind(), ErrorKind::ConnectionReset);
    }
    school.expect_log(&[&format!("tls idle.test permit abort {}/0", sent.len())]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_gate_never_dials_itself_nor_the_school() {
    for (name, host) in [
        ("self.test", "self.test"),
        ("LAN.test", "lan.test"),
        ("box.test", "box.test"),
        ("metadata.test", "metadata.test"),
    ] {
        // The web's port is that of each of the gate's own doors in turn.
        for door in 0..3 {
            let school = School::with(|settings, doors| settings.ports.tls = doors[door].port()).await;
            let mut client = connect(school.tls).await;
            send(&mut client, hello(name)).await;
            assert_eq!(alert_code(&read_to_end(&mut client).await.unwrap()), 49);
            school.expect_log(&[&format!("tls {host} permit forbidden 0/0")]).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_site_that_does_not_answer_looks_as_it_would_without_the_box() {
    let (site, port) = site().await;
    drop(site);
    for name in ["closed.test", "nowhere.test"] {
        let school = School::before(port).await;
        let mut client = connect(school.tls).await;
        send(&mut client, hello(name)).await;
        assert_eq!(read_to_end(&mut client).await.unwrap_err().kind(), ErrorKind::ConnectionReset);
        school.expect_log(&[&format!("tls {name} permit unreachable 0/0")]).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_next_address_is_tried() {
    let (site, port) = site().await;
    let school = School::before(port).await;
    let mut client = connect(school.tls).await;
    send(&mut client, hello("halfdead.test")).await;
    let _server = accept(&site).await;
    school.expect_log(&["tls halfdead.test permit"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_web_closes_with_the_journal_and_reopens() {
    let (site, port) = site().await;
    let school = School::before(port).await;
    school.set_faults(Faults { space_left: Some(0), sync_fails: true, ..Faults::default() });
    for name in ["allowed.test", "adult.preau.test", "192.0.2.1"] {
        let mut client = connect(school.tls).await;
        send(&mut client, hello(name)).await;
        assert_eq!(alert_code(&read_to_end(&mut client).await.unwrap()), 80);
    }
    expect_no_dial(&site).await;
    school.set_faults(Faults::default());
    let mut client = connect(school.tls).await;
    send(&mut client, hello("again.test")).await;
    let _server = accept(&site).await;
    school.expect_log(&["tls again.test permit"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_becomes_forbidden_is_closed_and_the_rest_goes_on() {
    let (site, port) = site().await;
    let school = School::with(|settings, _| settings.ports.tls = port).await;
    let (mut client, mut server, sent) = carried(&school, &site).await;
    let mut other = connect(school.tls).await;
    send(&mut other, hello("other.test")).await;
    let mut other_server = accept(&site).await;
    school.desk.swap_policy(policy(vec![close("carried.test")]));
    for stream in [&mut client, &mut server] {
        assert_eq!(read_to_end(stream).await.unwrap_err().kind(), ErrorKind::ConnectionReset);
    }
    school.expect_log(&[&format!("tls carried.test permit lapse {sent}/0"), "tls other.test permit"]).await;
    send(&mut other_server, b"still here").await;
    assert_eq!(read_exactly(&mut other, 10).await, b"still here");
    // An hour later the same is open again.
    school.desk.swap_policy(policy(vec![]));
    carried(&school, &site).await;
}

/// A teacher closes a site.
pub(super) fn close(site: &str) -> Rule {
    Rule {
        layer: Layer::Lesson,
        effect: Verdict::Refuse,
        topic: Topic::Site(site.parse().unwrap()),
        scope: Scope::Everyone,
        author: "Mme Martin".parse().unwrap(),
        motive: "fin de la recherche".parse().unwrap(),
        from: None,
        until: None,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_open_when_the_box_stops_is_cut() {
    let (site, port) = site().await;
    let mut school = School::with(|settings, _| {
        settings.ports.tls = port;
        settings.timeouts.drain = Duration::from_millis(200);
    })
    .await;
    let (mut client, mut server, sent) = carried(&school, &site).await;
    let mut silent = connect(school.tls).await;
    school.stop().await;
    // Neither side may take what it has for the whole.
    for stream in [&mut client, &mut server, &mut silent] {
        assert_eq!(read_to_end(stream).await.unwrap_err().kind(), ErrorKind::ConnectionReset);
    }
    assert!(TcpStream::connect(school.tls).await.is_err());
    school.expect_log(&[&format!("tls carried.test permit cut {sent}/0")]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_megabytes_arrive_as_they_were_sent() {
    const BYTES: usize = 100 << 20;
    let (site, port) = site().await;
    let school = School::before(port).await;
    let (client, server, sent) = carried(&school, &site).await;
    let (down, up) = (pattern(BYTES), pattern(BYTES / 4));
    let (mut client_in, mut client_out) = client.into_split();
    let (mut server_in, mut server_out) = server.into_split();
    let exchange = async {
        tokio::join!(
            async {
                server_out.write_all(&down).await.unwrap();
                server_out.shutdown().await.unwrap();
            },
            async {
                client_out.write_all(&up).await.unwrap();
                client_out.shutdown().await.unwrap();
            },
            compare(&mut client_in, &down),
            compare(&mut server_in, &up),
        )
    };
    timeout(Duration::from_secs(120), exchange).await.expect("the transfer hangs");
    school.expect_log(&[&format!("tls carried.test permit finish {}/{BYTES}", sent + BYTES / 4)]).await;
}

async fn compare(stream: &mut tokio::net::tcp::OwnedReadHalf, expected: &[u8]) {
    use tokio::io::AsyncReadExt;
    let mut buffer = vec![0; 1 << 16];
    let mut at = 0;
    loop {
        let count = stream.read(&mut buffer).await.unwrap();
        if count == 0 {
            break;
        }
        assert!(buffer[..count] == expected[at..at + count], "other bytes within {count} from {at}");
        at += count;
    }
    assert_eq!(at, expected.len());
}
