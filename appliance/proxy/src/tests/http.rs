//! The HTTP doors.

use std::time::Duration;

use journal::simulation::Faults;
use socket2::SockRef;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use super::raw::{
    ask_once, connect, on_loopback, pattern, read_exactly, read_head, read_to_end, read_until, send,
};
use super::school::{School, accept, expect_no_dial, listen, site};
use crate::Portal;

/// A school from which a page of `a.test` was asked for: the client's end, and the server's, which has read the head.
async fn asked() -> (School, TcpStream, TcpStream) {
    let (site, port) = site().await;
    let school = School::before(port).await;
    let mut client = connect(school.http).await;
    send(&mut client, "GET / HTTP/1.1\r\nHost: a.test\r\n\r\n").await;
    let mut server = accept(&site).await;
    read_head(&mut server).await;
    (school, client, server)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_and_its_response_pass_byte_for_byte() {
    let (site, port) = site().await;
    let school = School::before(port).await;
    let mut client = connect(school.http).await;
    let head = "GET /Chemin/%c3%a9?q=a%20b&c HTTP/1.1\r\nX-First: 1\r\nHost: WWW.Example.test\r\ncookie: a=1; b=2\r\n\
                ACCEPT: */*\r\nX-First: 2\r\n";
    send(&mut client, format!("{head}Connection: keep-alive\r\n\r\n")).await;
    let mut server = accept(&site).await;
    let received = read_head(&mut server).await;
    // The values of one field stand together, which RFC 9110 section 5.3 allows.
    let expected = "GET /Chemin/%c3%a9?q=a%20b&c HTTP/1.1\r\nX-First: 1\r\nX-First: 2\r\nHost: WWW.Example.test\r\n\
                    cookie: a=1; b=2\r\nACCEPT: */*\r\n\r\n";
    assert_eq!(received, expected);

    let response = "HTTP/1.1 299 Presque Bien\r\nServer: x\r\nsEt-cookie: a\r\nsEt-cookie: b\r\nContent-Length: 5\r\n\r\nhello";
    send(&mut server, response).await;
    assert_eq!(read_until(&mut client, "hello").await, response);
    school.expect_log(&["http www.example.test permit finish 0/5"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn each_request_of_a_connection_is_decided() {
    let (site, port) = site().await;
    let school = School::before(port).await;
    for door in [school.http, school.explicit] {
        let mut client = connect(door).await;
        send(&mut client, "GET / HTTP/1.1\r\nHost: one.test\r\n\r\n").await;
        let mut server = accept(&site).await;
        read_head(&mut server).await;
        send(&mut server, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").await;
        read_until(&mut client, "ok").await;

        send(&mut client, "GET /x HTTP/1.1\r\nHost: adult.preau.test\r\nAccept-Language: fr\r\n\r\n").await;
        let head = read_head(&mut client).await;
        assert!(head.starts_with("HTTP/1.1 403 Forbidden\r\n"), "{head}");
        assert!(head.contains("cache-control: no-store\r\n"), "{head}");
        read_until(&mut client, "refused adult.preau.test fr\n").await;

        // The same server again, on the connection that stands.
        send(&mut client, "GET /again HTTP/1.1\r\nHost: one.test\r\n\r\n").await;
        assert!(read_head(&mut server).await.starts_with("GET /again "));
        send(&mut server, "HTTP/1.1 204 No Content\r\n\r\n").await;
        read_head(&mut client).await;

        // Another server: another connection.
        send(&mut client, "GET / HTTP/1.1\r\nHost: two.test\r\n\r\n").await;
        let mut other = accept(&site).await;
        assert!(read_head(&mut other).await.contains("Host: two.test"));
    }
    let one_door = [
        "http one.test permit finish 0/2",
        "http adult.preau.test refuse adult",
        "http one.test permit finish 0/0",
        "http two.test permit abort 0/0",
    ];
    school.expect_log(&[one_door, one_door].concat()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_that_name_no_single_host_are_refused_with_a_page() {
    let (site, port) = site().await;
    let cases = [
        ("GET / HTTP/1.1", "400", "http - refuse unnamed"),
        ("GET / HTTP/1.0", "400", "http - refuse unnamed"),
        ("GET / HTTP/1.1\r\nHost:", "400", "http - refuse unnamed"),
        ("GET / HTTP/1.1\r\nHost: a.test\r\nHost: adult.preau.test", "400", "http - refuse malformed"),
        ("GET http://a.test/ HTTP/1.1\r\nHost: b.test", "400", "http - refuse malformed"),
        ("GET http://a.test@adult.preau.test/ HTTP/1.1", "400", "http - refuse malformed"),
        ("GET / HTTP/1.1\r\nHost: a.test@adult.preau.test", "400", "http - refuse malformed"),
        ("GET / HTTP/1.1\r\nHost: a.test:http", "400", "http - refuse malformed"),
        ("GET https://a.test/ HTTP/1.1\r\nHost: a.test", "400", "http - refuse malformed"),
        (
            "POST / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked, chunked",
            "400",
            "http a.test refuse malformed",
        ),
        (
            "POST / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: gzip\r\nTransfer-Encoding: chunked",
            "400",
            "http a.test refuse malformed",
        ),
        ("GET / HTTP/1.1\r\nHost: a.test, adult.preau.test", "400", "http - refuse malformed"),
        ("GET / HTTP/1.1\r\nHost: a.test#@adult.preau.test", "400", "http - refuse malformed"),
        ("GET / HTTP/1.1\r\nHost: a..test", "400", "http - refuse malformed"),
        ("GET / HTTP/1.1\r\nHost: a.test:25", "403", "http a.test refuse port"),
        ("GET / HTTP/1.1\r\nHost: 192.0.2.1", "403", "http 192.0.2.1 refuse address-literal"),
        ("GET / HTTP/1.1\r\nHost: [2001:db8::1]", "403", "http 2001:db8::1 refuse address-literal"),
        ("GET http://www.adult.preau.test/ HTTP/1.1", "403", "http www.adult.preau.test refuse adult"),
    ];
    for (head, status, record) in cases {
        let school = School::before(port).await;
        let answer = ask_once(school.http, &format!("{head}\r\nConnection: close\r\n\r\n")).await;
        assert!(answer.split(' ').nth(1) == Some(status), "{head}: {answer}");
        assert!(answer.contains("refused "), "{head}: {answer}");
        school.expect_log(&[record]).await;
    }
    expect_no_dial(&site).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn bodies_stream_both_ways() {
    const BYTES: usize = 20 << 20;
    let (site, port) = site().await;
    let school = School::before(port).await;
    let bytes = pattern(BYTES);
    let mut client = connect(school.http).await;
    send(&mut client, format!("POST /up HTTP/1.1\r\nHost: a.test\r\nContent-Length: {BYTES}\r\n\r\n")).await;
    let mut server = accept(&site).await;
    read_head(&mut server).await;
    // The server hears the first bytes before the client has sent the last.
    send(&mut client, &bytes[..1000]).await;
    assert!(read_exactly(&mut server, 1000).await == bytes[..1000]);
    tokio::join!(send(&mut client, &bytes[1000..]), async {
        assert!(read_exactly(&mut server, BYTES - 1000).await == bytes[1000..]);
    });
    send(&mut server, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n").await;
    read_head(&mut client).await;
    tokio::join!(
        async {
            send(&mut server, format!("{BYTES:x}\r\n")).await;
            send(&mut server, &bytes).await;
            send(&mut server, "\r\n0\r\n\r\n").await;
        },
        async {
            assert!(read_chunked(&mut client).await == bytes, "other bytes");
        }
    );
    school.expect_log(&[&format!("http a.test permit finish {BYTES}/{BYTES}")]).await;
}

async fn read_chunked(stream: &mut TcpStream) -> Vec<u8> {
    let mut bytes = Vec::new();
    loop {
        let line = read_until(stream, "\r\n").await;
        let length = usize::from_str_radix(line.trim(), 16).unwrap();
        bytes.extend(read_exactly(stream, length).await);
        assert_eq!(read_exactly(stream, 2).await, b"\r\n");
        if length == 0 {
            return bytes;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn responses_without_a_body_keep_their_length_field() {
    let (site, port) = site().await;
    let school = School::before(port).await;
    let mut client = connect(school.http).await;
    let cases = [
        ("HEAD", "HTTP/1.1 200 OK\r\nContent-Length: 12345\r\n\r\n"),
        ("GET", "HTTP/1.1 304 Not Modified\r\nETag: \"x\"\r\n\r\n"),
        ("DELETE", "HTTP/1.1 204 No Content\r\n\r\n"),
    ];
    let mut server = None;
    for (method, response) in cases {
        send(&mut client, format!("{method} / HTTP/1.1\r\nHost: a.test\r\n\r\n")).await;
        let server = match &mut server {
            Some(server) => server,
            none => none.insert(accept(&site).await),
        };
        assert!(read_head(server).await.starts_with(method));
        send(server, response).await;
        assert_eq!(read_head(&mut client).await, response);
    }
    school.expect_log(&["http a.test permit finish 0/0"; 3]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_old_client_gets_an_old_answer() {
    let (site, port) = site().await;
    let school = School::before(port).await;
    let mut client = connect(school.http).await;
    send(&mut client, "GET / HTTP/1.0\r\nHost: a.test\r\n\r\n").await;
    client.shutdown().await.unwrap();
    let mut server = accept(&site).await;
    assert!(read_head(&mut server).await.starts_with("GET / HTTP/1.1\r\n"));
    send(&mut server, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n").await;
    let answer = String::from_utf8(read_to_end(&mut client).await.unwrap()).unwrap();
    assert_eq!(answer, "HTTP/1.0 200 OK\r\n\r\nabc");
    school.expect_log(&["http a.test permit finish 0/3"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_without_a_length_ends_with_its_connection() {
    let (school, mut client, mut server) = asked().await;
    send(&mut server, "HTTP/1.0 200 OK\r\n\r\nabc").await;
    drop(server);
    assert!(read_head(&mut client).await.starts_with("HTTP/1.1 200 OK\r\n"));
    assert_eq!(read_chunked(&mut client).await, b"abc");
    school.expect_log(&["http a.test permit finish 0/3"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_response_that_is_cut_off_is_cut_off() {
    let (school, mut client, mut server) = asked().await;
    send(&mut server, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc").await;
    read_until(&mut client, "abc").await;
    drop(server);
    assert!(read_to_end(&mut client).await.unwrap_or_default().is_empty());
    school.expect_log(&["http a.test permit abort 0/3"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_leaves_is_noted() {
    let (school, mut client, mut server) = asked().await;
    send(&mut server, "HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\n\r\nabc").await;
    read_until(&mut client, "abc").await;
    SockRef::from(&client).set_linger(Some(Duration::ZERO)).unwrap();
    drop(client);
    // The server writes until it hears of it.
    while server.write_all(&[0; 4096]).await.is_ok() {}
    let start = tokio::time::Instant::now();
    while !school.log()[0].starts_with("http a.test permit abort 0/") {
        assert!(start.elapsed() < Duration::from_secs(10), "{:?}", school.log());
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_closed_between_two_requests_is_asked_anew() {
    let (site, port) = site().await;
    let school = School::before(port).await;
    let mut client = connect(school.http).await;
    for _ in 0..3 {
        send(&mut client, "GET / HTTP/1.1\r\nHost: a.test\r\n\r\n").await;
        let mut server = accept(&site).await;
        read_head(&mut server).await;
        send(&mut server, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").await;
        drop(server);
        read_until(&mut client, "ok").await;
    }
    school.expect_log(&["http a.test permit finish 0/2"; 3]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_asks_whether_to_send_is_told() {
    let (site, port) = site().await;
    let school = School::before(port).await;
    let mut client = connect(school.http).await;
    let head = |host: &str| {
        format!("PUT / HTTP/1.1\r\nHost: {host}\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n")
    };
    send(&mut client, head("a.test")).await;
    assert_eq!(read_head(&mut client).await, "HTTP/1.1 100 Continue\r\n\r\n");
    send(&mut client, "abc").await;
    let mut server = accept(&site).await;
    read_head(&mut server).await;
    assert_eq!(read_exactly(&mut server, 3).await, b"abc");
    send(&mut server, "HTTP/1.1 204 No Content\r\n\r\n").await;
    read_head(&mut client).await;

    send(&mut client, head("adult.preau.test")).await;
    assert!(read_head(&mut client).await.starts_with("HTTP/1.1 403 "));
    school.expect_log(&["http a.test permit finish 3/0", "http adult.preau.test refuse adult"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_upload_still_hears_why() {
    let (_site, port) = site().await;
    let school = School::before(port).await;
    let mut client = connect(school.http).await;
    send(&mut client, "POST / HTTP/1.1\r\nHost: adult.preau.test\r\nContent-Length: 200000\r\n\r\n").await;
    send(&mut client, pattern(200_000)).await;
    assert!(read_head(&mut client).await.starts_with("HTTP/1.1 403 "));
    read_until(&mut client, "refused adult.preau.test -\n").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_websocket_is_carried_and_no_other_upgrade() {
    let (site, port) = site().await;
    let school = School::before(port).await;
    let mut client = connect(school.http).await;
    let head = "GET /chat HTTP/1.1\r\nHost: ws.test\r\nConnection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n\r\n";
    send(&mut client, [head.as_bytes(), b"first"].concat()).await;
    let mut server = accept(&site).await;
    let received = read_head(&mut server).await.to_ascii_lowercase();
    assert!(
        received.contains("connection: upgrade\r\n") && received.contains("upgrade: websocket\r\n"),
        "{received}"
    );
    let agreed = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n";
    send(&mut server, [agreed.as_bytes(), b"second"].concat()).await;
    assert!(read_head(&mut client).await.starts_with("HTTP/1.1 101 "));
    assert_eq!(read_exactly(&mut server, 5).await, b"first");
    assert_eq!(read_exactly(&mut client, 6).await, b"second");
    drop((client, server));
    school.expect_log(&["http ws.test permit finish 5/6"]).await;

    let mut client = connect(school.http).await;
    send(&mut client, "GET / HTTP/1.1\r\nHost: h2.test\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: x\r\n\r\n").await;
    let mut server = accept(&site).await;
    assert_eq!(read_head(&mut server).await, "GET / HTTP/1.1\r\nHost: h2.test\r\n\r\n");
    // A server that switches all the same is not believed.
    send(&mut server, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n")
        .await;
    assert!(read_head(&mut client).await.starts_with("HTTP/1.1 502 "));
    read_until(&mut client, "unreachable h2.test\n").await;
    school.expect_log(&["http ws.test permit finish 5/6", "http h2.test permit abort 0/0"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_for_the_box_go_to_its_portal_and_are_no_accesses() {
    let portal = listen().await;
    let address = portal.local_addr().unwrap();
    let school = School::with(|settings, _| {
        let names = vec!["preau.lan".parse().unwrap()];
        settings.portal = Some(Portal { names, address: on_loopback(address.port()), tls_address: None });
    })
    .await;
    for (target, host) in [
        ("/a", "preau.lan"),
        ("http://PREAU.lan/a", "preau.lan"),
        ("/a", "10.77.0.1"),
        ("/a", "preau.lan:8080"),
    ] {
        let mut client = connect(school.explicit).await;
        send(
            &mut client,
            format!("GET {target} HTTP/1.1\r\nHost: {host}\r\nX-Forwarded-For: 1.2.3.4\r\n\r\n"),
        )
        .await;
        let mut server = accept(&portal).await;
        let head = read_head(&mut server).await.to_ascii_lowercase();
        assert!(head.starts_with("get /a ") && head.contains("x-forwarded-for: 127.0.0.1\r\n"), "{head}");
        assert!(!head.contains("1.2.3.4"), "{head}");
        send(&mut server, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").await;
        read_until(&mut client, "ok").await;
    }
    school.expect_log(&[]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_closed_web_and_a_dead_site_have_their_pages() {
    let (site, port) = site().await;
    let school = School::before(port).await;
    school.set_faults(Faults { space_left: Some(0), sync_fails: true, ..Faults::default() });
    for host in ["a.test", "adult.preau.test", "a b"] {
        let answer =
            ask_once(school.http, &format!("GET / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"))
                .await;
        assert!(answer.starts_with("HTTP/1.1 503 ") && answer.ends_with("closed\n"), "{answer}");
        assert!(answer.contains("retry-after: 30\r\n"), "{answer}");
    }
    expect_no_dial(&site).await;
    school.set_faults(Faults::default());
    drop(site);
    for (host, record) in [
        ("dead.test", "http dead.test permit unreachable 0/0"),
        ("nowhere.test", "http nowhere.test permit unreachable 0/0"),
        ("lan.test", "http lan.test permit forbidden 0/0"),
    ] {
        let answer =
            ask_once(school.http, &format!("GET / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"))
                .await;
        assert!(
            answer.starts_with("HTTP/1.1 502 ") && answer.ends_with(&format!("unreachable {host}\n")),
            "{answer}"
        );
        let start = tokio::time::Instant::now();
        while school.log().last().map(String::as_str) != Some(record) {
            assert!(start.elapsed() < Duration::from_secs(10), "{:?}", school.log());
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_keeps_silent_is_given_up() {
    let (site, port) = site().await;
    let school = School::with(|settings, _| {
        settings.ports.http = port;
        settings.timeouts.response = Duration::from_millis(200);
    })
    .await;
    let mut client = connect(school.http).await;
    send(&mut client, "GET / HTTP/1.1\r\nHost: mute.test\r\n\r\n").await;
    let _server = accept(&site).await;
    assert!(read_head(&mut client).await.starts_with("HTTP/1.1 504 "));
    read_until(&mut client, "unreachable mute.test\n").await;
    school.expect_log(&["http mute.test permit abort 0/0"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_head_is_given_up_without_a_record() {
    let (_site, port) = site().await;
    let school = School::with(|settings, _| {
        settings.ports.http = port;
        settings.timeouts.http_head = Duration::from_millis(200);
    })
    .await;
    let mut client = connect(school.http).await;
    send(&mut client, "GET / HTT").await;
    drop(read_to_end(&mut client).await);
    school.expect_log(&[]).await;
}
