//! HTTP/2, and what is refused.

use std::time::Duration;

use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::time::timeout;

use super::street::{REFUSED, Street, shake_hands};
use crate::tests::raw::{connect, read_head, read_to_end, read_until, send};
use crate::tests::school::{PATIENCE, expect_no_dial, policy};

async fn open_http2(street: &Street) -> http2::SendRequest<Full<Bytes>> {
    let stream = connect(street.door()).await;
    let stream = shake_hands(stream, &street.own.certificate(), "ent.test", b"h2").await.unwrap();
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
    let (sender, connection) = http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
    tokio::spawn(async move {
        let _outcome = connection.await;
    });
    sender
}

fn get(path: &str) -> Request<Full<Bytes>> {
    let request = Request::get(format!("https://ent.test{path}"));
    request.header("cookie", "a=1").header("cookie", "b=2").body(Full::default()).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_of_one_connection_go_side_by_side() {
    let street = Street::open().await;
    let mut sender = open_http2(&street).await;
    let first = tokio::spawn(sender.send_request(get("/first?x")));
    let mut one = street.accept().await;
    let head = read_head(&mut one).await;
    assert!(head.starts_with("GET /first?x HTTP/1.1\r\n") && head.contains("cookie: a=1; b=2\r\n"), "{head}");
    assert!(head.to_lowercase().contains("host: ent.test\r\n"), "{head}");
    let second = tokio::spawn(sender.send_request(get("/second")));
    let mut other = street.accept().await;
    read_head(&mut other).await;
    send(
        &mut other,
        "HTTP/1.1 200 OK\r\nKeep-Alive: timeout=5\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
    )
    .await;
    let answer = timeout(PATIENCE, second).await.unwrap().unwrap().unwrap();
    assert!(answer.headers().get("keep-alive").is_none());
    assert_eq!(answer.into_body().collect().await.unwrap().to_bytes(), "ok");
    send(&mut one, "HTTP/1.1 404 Not Found\r\nContent-Length: 4\r\n\r\nnone").await;
    let answer = timeout(PATIENCE, first).await.unwrap().unwrap().unwrap();
    assert_eq!((answer.status().as_u16(), answer.headers().len()), (404, 1));
    assert_eq!(answer.into_body().collect().await.unwrap().to_bytes(), "none");
    street.school.expect_log(&["http ent.test permit finish 0/4", "http ent.test permit finish 0/2"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_goes_away_ends_what_it_asked_for() {
    let street = Street::open().await;
    let mut sender = open_http2(&street).await;
    let asked = tokio::spawn(sender.send_request(get("/")));
    let mut server = street.accept().await;
    read_head(&mut server).await;
    asked.abort();
    drop(sender);
    let left = timeout(PATIENCE, tokio::io::AsyncReadExt::read_u8(&mut server)).await;
    assert!(left.expect("the server is left waiting").is_err());
    street.school.expect_log(&["http ent.test permit abort 0/0"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_becomes_forbidden_ends_for_all_requests() {
    let street = Street::open().await;
    let mut sender = open_http2(&street).await;
    let mut lines = Vec::new();
    let mut asked = Vec::new();
    for path in ["/a", "/b"] {
        asked.push(tokio::spawn(sender.send_request(get(path))));
        let mut line = street.accept().await;
        read_head(&mut line).await;
        lines.push(line);
    }
    // One of them ends; the other goes on until a teacher closes the site.
    send(&mut lines[1], "HTTP/1.1 204 No Content\r\n\r\n").await;
    let answer = timeout(PATIENCE, asked.pop().unwrap()).await.unwrap().unwrap().unwrap();
    assert_eq!(answer.status(), 204);
    street.school.desk.swap_policy(policy(vec![crate::tests::tls::close("ent.test")]));
    assert!(timeout(PATIENCE, asked.pop().unwrap()).await.unwrap().unwrap().is_err());
    street.school.expect_log(&["http ent.test permit lapse 0/0", "http ent.test permit finish 0/0"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_profile_decides_and_the_page_says_so() {
    let street = Street::open().await;
    let stream = connect(street.door()).await;
    let mut client = shake_hands(stream, &street.own.certificate(), REFUSED, b"http/1.1").await.unwrap();
    send(&mut client, format!("GET / HTTP/1.1\r\nHost: {REFUSED}\r\nAccept-Language: fr\r\n\r\n")).await;
    assert!(read_head(&mut client).await.starts_with("HTTP/1.1 403 Forbidden\r\n"));
    read_until(&mut client, "refused adult.preau.test fr\n").await;
    expect_no_dial(&street.site).await;
    street.school.expect_log(&["http adult.preau.test refuse adult"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_for_another_name_or_in_another_way_go_nowhere() {
    let street = Street::open().await;
    let port = street.port;
    for (request, status) in [
        (format!("GET / HTTP/1.1\r\nHost: {REFUSED}\r\n"), "421"),
        ("GET / HTTP/1.1\r\nHost: bank.test\r\n".to_owned(), "421"),
        ("GET / HTTP/1.1\r\n".to_owned(), "400"),
        ("GET http://ent.test/ HTTP/1.1\r\nHost: ent.test\r\n".to_owned(), "400"),
        ("GET / HTTP/1.1\r\nHost: ent.test:81\r\n".to_owned(), "400"),
        (format!("CONNECT ent.test:{port} HTTP/1.1\r\nHost: ent.test:{port}\r\n"), "400"),
        ("POST / HTTP/1.1\r\nHost: ent.test\r\nTransfer-Encoding: gzip, chunked\r\n".to_owned(), "400"),
    ] {
        let mut client = street.connect().await;
        send(&mut client, format!("{request}Connection: close\r\n\r\n")).await;
        let head = read_head(&mut client).await;
        assert!(head.starts_with(&format!("HTTP/1.1 {status} ")), "{request}: {head}");
    }
    expect_no_dial(&street.site).await;
    assert!(street.school.log().iter().all(|line| line.contains("refuse")), "{:?}", street.school.log());
}

#[tokio::test(flavor = "multi_thread")]
async fn one_device_has_its_share_of_requests() {
    const OF_CLIENT: usize = 64;
    let street = Street::open().await;
    let mut waiting = Vec::new();
    for _ in 0..OF_CLIENT {
        let mut client = street.connect().await;
        send(&mut client, "GET /long HTTP/1.1\r\nHost: ent.test\r\n\r\n").await;
        let mut server = street.accept().await;
        read_head(&mut server).await;
        waiting.push((client, server));
    }
    let mut client = street.connect().await;
    send(&mut client, "GET /more HTTP/1.1\r\nHost: ent.test\r\n\r\n").await;
    let head = read_head(&mut client).await;
    assert!(head.starts_with("HTTP/1.1 503 ") && head.contains("retry-after: 2\r\n"), "{head}");
    drop(waiting);
    let start = tokio::time::Instant::now();
    loop {
        let mut client = street.connect().await;
        send(&mut client, "GET /later HTTP/1.1\r\nHost: ent.test\r\n\r\n").await;
        let mut is_dialled = false;
        if let Ok(mut server) = timeout(Duration::from_millis(500), street.accept()).await {
            is_dialled = read_head(&mut server).await.starts_with("GET /later ");
        }
        if is_dialled {
            break;
        }
        assert!(start.elapsed() < PATIENCE, "the turns are not given back");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_sends_no_head_in_time_is_given_up_and_who_waits_for_an_answer_is_not() {
    let street = Street::with(|settings| settings.timeouts.http_head = Duration::from_secs(1)).await;
    let mut slow = street.connect().await;
    send(&mut slow, "GET /slow HTT").await;
    let mut client = street.connect().await;
    send(&mut client, "GET / HTTP/1.1\r\nHost: ent.test\r\n\r\n").await;
    let mut server = street.accept().await;
    read_head(&mut server).await;
    // It takes longer than a head may.
    drop(read_to_end(&mut slow).await);
    send(&mut server, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").await;
    read_until(&mut client, "\r\n\r\nok").await;
    // Nothing more is asked.
    drop(read_to_end(&mut client).await);
    street.school.expect_log(&["http ent.test permit finish 0/2"]).await;
}

/// Heads that come half-way are the box's memory.
#[tokio::test(flavor = "multi_thread")]
async fn one_device_has_its_share_of_connections() {
    const OF_DEVICE: usize = 128;
    let street = Street::with(|settings| settings.timeouts.http_head = 2 * PATIENCE).await;
    let mut other = street.connect_from([127, 77, 0, 1]).await;
    send(&mut other, "GET /slow HTT").await;
    let mut slow = Vec::new();
    for _ in 0..=OF_DEVICE {
        let mut client = street.connect().await;
        send(&mut client, "GET /slow HTT").await;
        slow.push(client);
    }
    // The one on which nothing has moved for the longest time leaves for the last one, with or without a word.
    drop(read_to_end(&mut slow[0]).await);
    // All others stay, and another device has its own share.
    for client in [&mut other].into_iter().chain(&mut slow[1..3]) {
        send(client, "P/1.1\r\nHost: ent.test\r\n\r\n").await;
        let mut server = street.accept().await;
        assert!(read_head(&mut server).await.starts_with("GET /slow "));
        send(&mut server, "HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n").await;
        assert!(read_head(client).await.starts_with("HTTP/1.1 204 "));
    }
}

/// The names of so many fields.
fn fields(count: usize) -> impl Iterator<Item = String> {
    (0..count).map(|number| format!("x-{number}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_head_has_a_hundred_fields() {
    let street = Street::open().await;
    for (count, is_let_in) in [(100, true), (101, false)] {
        let lines: String = fields(count - 1).map(|name| format!("{name}: 1\r\n")).collect();
        let mut client = street.connect().await;
        send(&mut client, format!("GET /many HTTP/1.1\r\nHost: ent.test\r\n{lines}\r\n")).await;
        if is_let_in {
            let mut server = street.accept().await;
            assert!(read_head(&mut server).await.ends_with(&format!("{lines}\r\n")), "{count}");
            send(&mut server, "HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n").await;
        }
        let (head, status) = (read_head(&mut client).await, if is_let_in { "204" } else { "431" });
        assert!(head.starts_with(&format!("HTTP/1.1 {status} ")), "{count}: {head}");
    }
    expect_no_dial(&street.site).await;
}

/// Cookies come in crumbs by HTTP/2, and are one field.
#[tokio::test(flavor = "multi_thread")]
async fn a_head_has_a_hundred_fields_by_http2_too() {
    let street = Street::open().await;
    for (count, is_let_in) in [(99, true), (100, false)] {
        let mut sender = open_http2(&street).await;
        let mut request = get("/many");
        for name in fields(count) {
            let name: http::HeaderName = name.parse().unwrap();
            request.headers_mut().insert(name, http::HeaderValue::from_static("1"));
        }
        let asked = tokio::spawn(sender.send_request(request));
        if is_let_in {
            let mut server = street.accept().await;
            assert!(read_head(&mut server).await.contains("x-98: 1\r\n"), "{count}");
            send(&mut server, "HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n").await;
        }
        let answer = timeout(PATIENCE, asked).await.unwrap().unwrap().unwrap();
        assert_eq!(answer.status().as_u16(), if is_let_in { 204 } else { 431 }, "{count}");
    }
    expect_no_dial(&street.site).await;
    street.school.expect_log(&["http ent.test permit finish 0/0", "http ent.test refuse malformed"]).await;
}
