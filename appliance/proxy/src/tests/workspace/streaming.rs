//! What passes by HTTP/2, as `carrying` has it for HTTP/1.1: events, trailers, uploads, redirects and codings, and by which way
//! browsers have their WebSockets.

use std::convert::Infallible;

use bytes::Bytes;
use futures_util::stream;
use http::{HeaderMap, Request, Response};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::client::conn::http2::{self, SendRequest};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::street::{Street, shake_hands};
use crate::tests::raw::{connect, pattern, read_exactly, read_head, send};
use crate::tests::school::PATIENCE;

type Upload = UnsyncBoxBody<Bytes, Infallible>;
type Asked = JoinHandle<hyper::Result<Response<Incoming>>>;

async fn open(street: &Street) -> SendRequest<Upload> {
    let stream = connect(street.door()).await;
    let stream = shake_hands(stream, &street.own.certificate(), "ent.test", b"h2").await.unwrap();
    let (sender, connection) = http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
    tokio::spawn(async move {
        let _outcome = connection.await;
    });
    sender
}

fn nothing() -> Upload {
    Full::new(Bytes::new()).boxed_unsync()
}

/// A body that comes in pieces, as they are sent.
fn fed() -> (mpsc::Sender<Bytes>, Upload) {
    let (feed, pieces) = mpsc::channel::<Bytes>(1);
    let frames = stream::unfold(pieces, |mut pieces| async move {
        let piece = pieces.recv().await?;
        Some((Ok::<_, Infallible>(Frame::data(piece)), pieces))
    });
    (feed, StreamBody::new(frames).boxed_unsync())
}

async fn answer(asked: Asked) -> Response<Incoming> {
    timeout(PATIENCE, asked).await.expect("no answer").unwrap().unwrap()
}

/// Reads until this has come, and not a byte more.
async fn expect_text(body: &mut Incoming, expected: &str) {
    let mut come = Vec::new();
    while come.len() < expected.len() {
        let frame = timeout(PATIENCE, body.frame()).await.expect("it does not come").unwrap().unwrap();
        come.extend_from_slice(&frame.into_data().unwrap());
    }
    assert_eq!(String::from_utf8(come).unwrap(), expected);
}

async fn trailers(body: &mut Incoming) -> HeaderMap {
    loop {
        let frame = timeout(PATIENCE, body.frame()).await.expect("no trailers").unwrap().unwrap();
        match frame.into_trailers() {
            Ok(trailers) => return trailers,
            Err(frame) => assert!(frame.into_data().unwrap().is_empty(), "more of the body"),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn events_arrive_as_they_are_sent_and_trailers_after_them() {
    let street = Street::open().await;
    let mut sender = open(&street).await;
    let request = Request::get("https://ent.test/events").header("te", "trailers");
    let request = request.header("accept", "text/event-stream").body(nothing()).unwrap();
    let asked = tokio::spawn(sender.send_request(request));
    let mut server = street.accept().await;
    let received = read_head(&mut server).await.to_lowercase();
    assert!(received.contains("te: trailers\r\n"), "{received}");
    let head = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\
                Trailer: X-Sum\r\n\r\n";
    send(&mut server, head).await;
    let mut body = answer(asked).await.into_body();
    for event in ["data: 1\n\n", "data: 2\n\n"] {
        send(&mut server, format!("{:x}\r\n{event}\r\n", event.len())).await;
        expect_text(&mut body, event).await;
    }
    send(&mut server, "0\r\nX-Sum: 3\r\n\r\n").await;
    assert_eq!(trailers(&mut body).await["x-sum"], "3");
    street.school.expect_log(&["http ent.test permit finish 0/18"]).await;
}

/// A client that asks first whether to send does not have to be told in HTTP/2, where the server can refuse at any time; it sends
/// after a while (RFC 9110 section 10.1.1). What it sends goes on at once, not when all of it is here.
#[tokio::test(flavor = "multi_thread")]
async fn a_long_upload_passes_as_it_is_sent() {
    let street = Street::open().await;
    let mut sender = open(&street).await;
    let upload = pattern(3_000_001);
    let (feed, body) = fed();
    let request = Request::put("https://ent.test/doc").header("expect", "100-continue");
    let request = request.header("content-length", upload.len()).body(body).unwrap();
    let asked = tokio::spawn(sender.send_request(request));
    let mut server = street.accept().await;
    let head = read_head(&mut server).await.to_lowercase();
    assert!(head.starts_with("put /doc ") && head.contains("content-length: 3000001\r\n"), "{head}");
    let (first, rest) = upload.split_at(10);
    feed.send(Bytes::copy_from_slice(first)).await.unwrap();
    // The rest is not sent before the server has this.
    assert_eq!(read_exactly(&mut server, first.len()).await, first);
    let sending = async {
        for piece in rest.chunks(100_000) {
            feed.send(Bytes::copy_from_slice(piece)).await.unwrap();
        }
        drop(feed);
    };
    let (arrived, ()) = tokio::join!(read_exactly(&mut server, rest.len()), sending);
    assert!(arrived == rest, "the upload is damaged");
    send(&mut server, "HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n").await;
    assert_eq!(answer(asked).await.status(), 201);
    street.school.expect_log(&["http ent.test permit finish 3000001/0"]).await;
}

/// A body without a length is one in chunks for the server.
#[tokio::test(flavor = "multi_thread")]
async fn an_upload_without_a_length_passes() {
    let street = Street::open().await;
    let mut sender = open(&street).await;
    let (feed, body) = fed();
    let request = Request::post("https://ent.test/doc").body(body).unwrap();
    let asked = tokio::spawn(sender.send_request(request));
    feed.send(Bytes::from_static(b"hello")).await.unwrap();
    drop(feed);
    let mut server = street.accept().await;
    let head = read_head(&mut server).await.to_lowercase();
    assert!(head.contains("transfer-encoding: chunked\r\n"), "{head}");
    assert_eq!(read_exactly(&mut server, 15).await, b"5\r\nhello\r\n0\r\n\r\n");
    send(&mut server, "HTTP/1.1 204 No Content\r\n\r\n").await;
    assert_eq!(answer(asked).await.status(), 204);
    street.school.expect_log(&["http ent.test permit finish 5/0"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn redirects_cookies_and_codings_pass() {
    let street = Street::open().await;
    let mut sender = open(&street).await;
    let get = |path: &str| Request::get(format!("https://ent.test{path}")).body(nothing()).unwrap();
    let asked = tokio::spawn(sender.send_request(get("/login")));
    let mut server = street.accept().await;
    read_head(&mut server).await;
    let redirect = "HTTP/1.1 302 Found\r\nLocation: https://ent.test/home\r\nSet-Cookie: s=1; HttpOnly\r\n\
                    Set-Cookie: t=2\r\nContent-Length: 0\r\n\r\n";
    send(&mut server, redirect).await;
    let answered = answer(asked).await;
    let cookies: Vec<_> = answered.headers().get_all("set-cookie").iter().collect();
    assert_eq!(answered.status(), 302);
    assert_eq!(cookies, ["s=1; HttpOnly", "t=2"]);
    assert_eq!(answered.headers()["location"], "https://ent.test/home");
    // Bytes that only who knows the coding can read: they pass as they are, with what they are called.
    let asked = tokio::spawn(sender.send_request(get("/home")));
    read_head(&mut server).await;
    let coded = pattern(40_000);
    let fields = "Content-Encoding: br\r\nVary: Accept-Encoding\r\n";
    send(&mut server, format!("HTTP/1.1 200 OK\r\n{fields}Content-Length: {}\r\n\r\n", coded.len())).await;
    send(&mut server, &coded).await;
    let answered = answer(asked).await;
    assert_eq!(answered.headers()["content-encoding"], "br");
    let come = timeout(PATIENCE, answered.into_body().collect()).await.unwrap().unwrap().to_bytes();
    assert!(come == coded, "it is damaged");
}

/// A browser opens a WebSocket by HTTP/2 where the server says that it knows that (RFC 8441 section 3), and by HTTP/1.1 where it does
/// not. The box does not: what it carries is one connection for one WebSocket, which `carrying` shows.
#[tokio::test(flavor = "multi_thread")]
async fn websockets_are_left_to_connections_of_their_own() {
    const SETTINGS: u8 = 4;
    const MAX_CONCURRENT_STREAMS: u16 = 3;
    const ENABLE_CONNECT_PROTOCOL: u16 = 8;
    let street = Street::open().await;
    let stream = connect(street.door()).await;
    let certificate = street.own.certificate();
    let mut client = shake_hands(stream, &certificate, "ent.test", b"h2").await.unwrap();
    send(&mut client, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0").await;
    // RFC 9113 section 3.4: the first frame of the server, 9 bytes of head, and 6 bytes for each setting.
    let head = read_exactly(&mut client, 9).await;
    assert_eq!((head[0], head[3]), (0, SETTINGS), "{head:?}");
    let settings = read_exactly(&mut client, usize::from(u16::from_be_bytes([head[1], head[2]]))).await;
    let named: Vec<u16> = settings.chunks(6).map(|it| u16::from_be_bytes([it[0], it[1]])).collect();
    assert!(named.contains(&MAX_CONCURRENT_STREAMS), "{named:?}");
    assert!(!named.contains(&ENABLE_CONNECT_PROTOCOL), "{named:?}");
}
