//! What passes: all of HTTP/1.1, byte for byte where it is the ENT's.

use super::street::Street;
use crate::tests::raw::{pattern, read_exactly, read_head, read_until, send};

#[tokio::test(flavor = "multi_thread")]
async fn a_request_and_its_answer_pass_byte_for_byte() {
    let street = Street::open().await;
    let mut client = street.connect().await;
    let head = "GET /Chemin/%c3%a9?q=a%20b&c HTTP/1.1\r\nX-First: 1\r\nHost: ENT.test\r\ncookie: a=1; b=2\r\n\
                Range: bytes=1-2\r\nIf-None-Match: 0e4c2f\r\n\r\n";
    send(&mut client, head).await;
    let mut server = street.accept().await;
    assert_eq!(read_head(&mut server).await, head);
    let response = "HTTP/1.1 206 Partial Content\r\nServer: x\r\nsEt-cookie: a=1; HttpOnly\r\nsEt-cookie: b=2\r\n\
                    ETag: 0e4c2f\r\nContent-Range: bytes 1-2/5\r\nContent-Length: 2\r\n\r\nel";
    send(&mut server, response).await;
    assert_eq!(read_until(&mut client, "\r\n\r\nel").await, response);
    street.school.expect_log(&["http ent.test permit finish 0/2"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redirect_a_form_and_a_304_pass_on_one_connection() {
    let street = Street::open().await;
    let mut client = street.connect().await;
    send(&mut client, "POST /login HTTP/1.1\r\nHost: ent.test\r\nContent-Length: 9\r\n\r\nuser=lina").await;
    let mut server = street.accept().await;
    assert!(read_until(&mut server, "user=lina").await.starts_with("POST /login HTTP/1.1\r\n"));
    let redirect = "HTTP/1.1 302 Found\r\nLocation: https://ent.test/home\r\nSet-Cookie: s=1\r\nContent-Length: 0\r\n\r\n";
    send(&mut server, redirect).await;
    assert_eq!(read_head(&mut client).await, redirect);
    send(&mut client, "GET /home HTTP/1.1\r\nHost: ent.test\r\nIf-None-Match: \"a\"\r\n\r\n").await;
    // The connection that stands is used again.
    assert!(read_head(&mut server).await.starts_with("GET /home "));
    let unchanged = "HTTP/1.1 304 Not Modified\r\nETag: \"a\"\r\n\r\n";
    send(&mut server, unchanged).await;
    assert_eq!(read_head(&mut client).await, unchanged);
    // Also for another device.
    let mut other = street.connect().await;
    send(&mut other, "GET /other HTTP/1.1\r\nHost: ent.test\r\n\r\n").await;
    assert!(read_head(&mut server).await.starts_with("GET /other "));
    let log = ["http ent.test permit finish 9/0", "http ent.test permit finish 0/0", "http ent.test permit"];
    street.school.expect_log(&log).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn events_arrive_as_they_are_sent_and_trailers_after_them() {
    let street = Street::open().await;
    let mut client = street.connect().await;
    send(&mut client, "GET /events HTTP/1.1\r\nHost: ent.test\r\nConnection: TE\r\nTE: trailers\r\n\r\n")
        .await;
    let mut server = street.accept().await;
    let received = read_head(&mut server).await;
    assert!(received.to_lowercase().contains("te: trailers\r\n"), "{received}");
    send(&mut server, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n").await;
    read_head(&mut client).await;
    for event in ["data: 1\n\n", "data: 2\n\n"] {
        send(&mut server, format!("{:x}\r\n{event}\r\n", event.len())).await;
        read_until(&mut client, event).await;
    }
    send(&mut server, "0\r\nX-Sum: 3\r\n\r\n").await;
    let end = read_until(&mut client, "\r\n\r\n").await.to_lowercase();
    assert!(end.ends_with("0\r\nx-sum: 3\r\n\r\n"), "{end}");
    street.school.expect_log(&["http ent.test permit finish 0/18"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_asks_first_is_told_to_send_and_a_long_upload_passes() {
    let street = Street::open().await;
    let mut client = street.connect().await;
    let upload = pattern(3_000_001);
    let head = format!(
        "PUT /doc HTTP/1.1\r\nHost: ent.test\r\nContent-Length: {}\r\nExpect: 100-continue\r\n\r\n",
        upload.len()
    );
    send(&mut client, head).await;
    let mut server = street.accept().await;
    read_head(&mut server).await;
    assert_eq!(read_head(&mut client).await, "HTTP/1.1 100 Continue\r\n\r\n");
    let (arrived, ()) =
        tokio::join!(read_exactly(&mut server, upload.len()), async { send(&mut client, &upload).await });
    assert!(arrived == upload, "the upload is damaged");
    send(&mut server, "HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n").await;
    assert!(read_head(&mut client).await.starts_with("HTTP/1.1 201 Created\r\n"));
    street.school.expect_log(&["http ent.test permit finish 3000001/0"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_websocket_is_carried_both_ways_and_closed_once() {
    let street = Street::open().await;
    let mut client = street.connect().await;
    let asks = "GET /ws HTTP/1.1\r\nHost: ent.test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
                Sec-WebSocket-Key: x\r\n\r\n";
    send(&mut client, asks).await;
    let mut server = street.accept().await;
    let received = read_head(&mut server).await;
    assert!(received.to_lowercase().contains("upgrade: websocket\r\n"), "{received}");
    let agreed =
        "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\nwelcome";
    send(&mut server, agreed).await;
    assert!(read_until(&mut client, "\r\n\r\nwelcome").await.starts_with("HTTP/1.1 101 "));
    send(&mut client, "ping").await;
    assert_eq!(read_exactly(&mut server, 4).await, b"ping");
    send(&mut server, "pong").await;
    assert_eq!(read_exactly(&mut client, 4).await, b"pong");
    drop((client, server));
    let start = tokio::time::Instant::now();
    while !street.school.log().iter().any(|line| line.ends_with(" 4/11")) {
        assert!(start.elapsed() < crate::tests::school::PATIENCE, "{:?}", street.school.log());
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_switch_that_nobody_asked_for_is_not_passed_on() {
    let street = Street::open().await;
    let mut client = street.connect().await;
    send(&mut client, "GET / HTTP/1.1\r\nHost: ent.test\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n")
        .await;
    let mut server = street.accept().await;
    assert!(!read_head(&mut server).await.to_lowercase().contains("upgrade"));
    send(&mut server, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n")
        .await;
    assert!(read_head(&mut client).await.starts_with("HTTP/1.1 502 "));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_that_is_answered_before_its_end_holds_nobody_up() {
    let street = Street::open().await;
    let mut slow = street.connect().await;
    send(&mut slow, "POST /x HTTP/1.1\r\nHost: ent.test\r\nContent-Length: 9\r\n\r\nabc").await;
    let mut server = street.accept().await;
    read_until(&mut server, "abc").await;
    send(&mut server, "HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n").await;
    assert!(read_head(&mut slow).await.starts_with("HTTP/1.1 401 "));
    // The connection to the server is not free before the rest has gone, which may take an hour.
    let mut other = street.connect().await;
    send(&mut other, "GET /y HTTP/1.1\r\nHost: ent.test\r\n\r\n").await;
    let mut second = street.accept().await;
    assert!(read_head(&mut second).await.starts_with("GET /y "));
}
