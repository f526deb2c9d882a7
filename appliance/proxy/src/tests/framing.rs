//! Where messages end: two readers must never disagree about it.

use tokio::net::{TcpListener, TcpStream};

use super::raw::{ask_once, connect, read_exactly, read_head, read_to_end, read_until, send};
use super::school::{School, accept, expect_no_dial, site};

#[tokio::test(flavor = "multi_thread")]
async fn heads_that_two_readers_would_frame_differently_do_not_pass() {
    let (site, port) = site().await;
    let cases = [
        "POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd",
        "POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: +3\r\n\r\nabc",
        "POST / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
        "POST / HTTP/1.0\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 3, 3\r\n\r\nabc",
        "POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 18446744073709551619\r\n\r\nabc",
        "POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length:\r\n\r\nabc",
        "POST / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a.test\r\n Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding:\x0bchunked\r\n\r\n0\r\n\r\n",
        "GET / HTTP/1.1\r\nHost : a.test\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a.test\rX: y\r\n\r\n",
        "GET / HTTP/1.1\r\nHo\0st: a.test\r\n\r\n",
        "GET /\0 HTTP/1.1\r\nHost: a.test\r\n\r\n",
        "GET / x HTTP/1.1\r\nHost: a.test\r\n\r\n",
        "GET /\r\nHost: a.test\r\n\r\n",
        "GET http:///a.test/ HTTP/1.1\r\nHost: a.test\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a.test\r\n folded: b.test\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a.test\r\nX: a\0b\r\n\r\n",
        "GET / HTTP/9.9\r\nHost: a.test\r\n\r\n",
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        "\u{16}\u{3}\u{1}\0\u{2}hello",
    ];
    for request in cases {
        let school = School::before(port).await;
        let mut client = connect(school.http).await;
        send(&mut client, request).await;
        let answer = read_to_end(&mut client).await.unwrap_or_default();
        assert!(answer.is_empty() || answer.starts_with(b"HTTP/1.1 400"), "{request:?}");
        school.expect_log(&["http - refuse malformed"]).await;
    }
    expect_no_dial(&site).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_lengths_are_made_one() {
    let (site, port) = site().await;
    let school = School::before(port).await;
    let mut client = connect(school.http).await;
    let smuggled = "GET /smuggled HTTP/1.1\r\nHost: adult.preau.test\r\n\r\n";
    let request = format!(
        "POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: {}\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n{smuggled}",
        5 + smuggled.len()
    );
    send(&mut client, request).await;
    let mut server = accept(&site).await;
    let head = read_head(&mut server).await;
    assert!(!head.to_ascii_lowercase().contains("content-length"), "{head}");
    assert_eq!(read_exactly(&mut server, 5).await, b"0\r\n\r\n");
    send(&mut server, "HTTP/1.1 204 No Content\r\n\r\n").await;
    // RFC 9112 section 6.1: the connection ends after such a request.
    assert!(read_head(&mut client).await.to_ascii_lowercase().contains("connection: close"));
    assert!(read_to_end(&mut client).await.unwrap_or_default().is_empty());
    school.expect_log(&["http a.test permit finish 0/0"]).await;
}

/// A client that has asked `a.test` for a page, and the server that has heard it.
async fn asked(school: &School, site: &TcpListener, fields: &str) -> (TcpStream, TcpStream) {
    let mut client = connect(school.http).await;
    send(&mut client, format!("GET / HTTP/1.1\r\nHost: a.test\r\n{fields}\r\n")).await;
    let mut server = accept(site).await;
    read_head(&mut server).await;
    (client, server)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transfer_coding_overrides_a_length_and_ends_its_connection() {
    let (site, port) = site().await;
    let school = School::before(port).await;
    let smuggled = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil";
    for fields in [
        "Content-Length: 5\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding: chunked\r\nContent-Length: 5",
        "Content-Length: 5\r\nContent-Length: 6\r\nTransfer-Encoding: chunked",
    ] {
        let (mut client, mut server) = asked(&school, &site, "").await;
        let response = format!("HTTP/1.1 200 OK\r\n{fields}\r\n\r\n3\r\nabc\r\n0\r\n\r\n");
        send(&mut server, [response.as_str(), smuggled].concat()).await;
        assert_eq!(
            read_head(&mut client).await,
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
            "{fields}"
        );
        assert_eq!(read_exactly(&mut client, 13).await, b"3\r\nabc\r\n0\r\n\r\n", "{fields}");
        // The next request has a connection of its own, and an answer of its own.
        send(&mut client, "GET /next HTTP/1.1\r\nHost: a.test\r\n\r\n").await;
        let mut next = accept(&site).await;
        read_head(&mut next).await;
        send(&mut next, "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ngood").await;
        read_until(&mut client, "\r\n\r\ngood").await;
    }
    school.expect_log(&["http a.test permit finish 0/3", "http a.test permit finish 0/4"].repeat(3)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_length_said_twice_is_said_once() {
    let (site, port) = site().await;
    let school = School::before(port).await;
    for fields in ["Content-Length: 3\r\nContent-Length: 3", "Content-Length: 3, 3"] {
        let (mut client, mut server) = asked(&school, &site, "").await;
        send(&mut server, format!("HTTP/1.1 200 OK\r\n{fields}\r\nX: y\r\n\r\nabc")).await;
        let head = "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nX: y\r\n\r\n";
        assert_eq!(read_until(&mut client, "abc").await, format!("{head}abc"), "{fields}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_response_that_two_readers_would_frame_differently_is_a_page() {
    let (site, port) = site().await;
    let school = School::before(port).await;
    for head in [
        "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 4\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 3, 4\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: +3\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: -3\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 0x3\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n",
        "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length : 3\r\n",
        "HTTP/1.1 200 OK\r\nX: a\r\n folded\r\n",
        "HTTP/1.1 200 OK\r\nX: a\0b\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked, chunked\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: xchunked\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n",
        "HTTP/2.0 200 OK\r\n",
        "ICY 200 OK\r\n",
        "abc",
    ] {
        let (mut client, mut server) = asked(&school, &site, "Connection: close\r\n").await;
        send(&mut server, format!("{head}\r\nabc")).await;
        let answer = String::from_utf8(read_to_end(&mut client).await.unwrap()).unwrap();
        assert!(
            answer.starts_with("HTTP/1.1 502 ") && answer.ends_with("unreachable a.test\n"),
            "{head}: {answer}"
        );
    }
    school.expect_log(&["http a.test permit abort 0/0"; 17]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broken_chunk_breaks_the_response() {
    let (site, port) = site().await;
    let school = School::before(port).await;
    for chunks in [
        "3\r\nabcd\r\n0\r\n\r\n",
        "-3\r\nabc\r\n",
        "10000000000000003\r\nabc",
        "3 3\r\nabc",
        "\r\n",
        "3\nabc",
    ] {
        let (mut client, mut server) = asked(&school, &site, "").await;
        send(&mut server, format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{chunks}")).await;
        let answer = String::from_utf8(read_to_end(&mut client).await.unwrap_or_default()).unwrap();
        assert!(!answer.contains("0\r\n\r\n"), "{chunks:?} ends well: {answer}");
    }
    let log = school.log();
    assert!(log.iter().all(|line| line.starts_with("http a.test permit")), "{log:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn trailers_pass_to_a_client_that_takes_them() {
    let (site, port) = site().await;
    let school = School::before(port).await;
    let head = "HTTP/1.1 200 OK\r\nTrailer: X-Sum, Content-Length\r\nTransfer-Encoding: chunked\r\n\r\n";
    for (fields, passed_on, expected) in [
        ("TE: trailers\r\n", true, "0\r\nx-sum: 1\r\n\r\n"),
        ("TE: deflate;q=0.5, Trailers\r\nConnection: TE\r\n", true, "0\r\nx-sum: 1\r\n\r\n"),
        ("TE: deflate\r\n", false, "0\r\n\r\n"),
        ("", false, "0\r\n\r\n"),
    ] {
        let mut client = connect(school.http).await;
        send(&mut client, format!("GET / HTTP/1.1\r\nHost: a.test\r\n{fields}\r\n")).await;
        let mut server = accept(&site).await;
        let heard = read_head(&mut server).await.to_ascii_lowercase();
        assert_eq!(
            heard.contains("\r\nte: trailers\r\n") && heard.contains("\r\nconnection: te\r\n"),
            passed_on,
            "{heard}"
        );
        assert!(!heard.contains("deflate"), "{heard}");
        // A trailer that nobody declared, and one that would frame the message anew, are left out.
        let trailers = "X-Sum: 1\r\nContent-Length: 99\r\nX-Sudden: 2\r\n";
        send(&mut server, format!("{head}3\r\nabc\r\n0\r\n{trailers}\r\n")).await;
        assert_eq!(read_head(&mut client).await, head);
        assert_eq!(read_exactly(&mut client, 8).await, b"3\r\nabc\r\n");
        assert_eq!(read_head(&mut client).await.to_ascii_lowercase(), expected, "{fields}");
        // The connection goes on.
        send(&mut client, "GET /2 HTTP/1.1\r\nHost: a.test\r\n\r\n").await;
        read_head(&mut server).await;
        send(&mut server, "HTTP/1.1 204 No Content\r\n\r\n").await;
        read_head(&mut client).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_s_trailers_pass() {
    let (site, port) = site().await;
    let school = School::before(port).await;
    let mut client = connect(school.http).await;
    let head = "POST / HTTP/1.1\r\nHost: a.test\r\nTrailer: X-Sum\r\nTransfer-Encoding: chunked\r\n\r\n";
    send(&mut client, format!("{head}3\r\nabc\r\n0\r\nX-Sum: 1\r\nHost: adult.preau.test\r\n\r\n")).await;
    let mut server = accept(&site).await;
    assert_eq!(read_head(&mut server).await, head);
    assert_eq!(read_head(&mut server).await.to_ascii_lowercase(), "3\r\nabc\r\n0\r\nx-sum: 1\r\n\r\n");
    send(&mut server, "HTTP/1.1 204 No Content\r\n\r\n").await;
    read_head(&mut client).await;
    school.expect_log(&["http a.test permit finish 3/0"]).await;
}

/// What a request smuggles must be judged as a request of its own, or never be heard: `body` goes out as the
/// server reads it, and nothing else reaches the server.
#[tokio::test(flavor = "multi_thread")]
async fn chunks_are_written_anew() {
    let (site, port) = site().await;
    let head = "POST / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n";
    for (sent, heard) in [
        // Extensions, which one reader may take for a size, and leading zeros.
        ("3;x=\"0\"\r\nabc\r\n0;y\r\n\r\n", "3\r\nabc\r\n0\r\n\r\n"),
        ("0000003 \r\nabc\r\n00\r\n\r\n", "3\r\nabc\r\n0\r\n\r\n"),
        ("A\r\n0123456789\r\n0\r\n\r\n", "A\r\n0123456789\r\n0\r\n\r\n"),
    ] {
        let school = School::before(port).await;
        let mut client = connect(school.http).await;
        send(&mut client, [head, sent].concat()).await;
        let mut server = accept(&site).await;
        assert_eq!(read_head(&mut server).await, head);
        assert_eq!(String::from_utf8(read_exactly(&mut server, heard.len()).await).unwrap(), heard);
    }
    for broken in [
        "3;x\n\r\nabc\r\n0\r\n\r\n",
        "3\nabc\r\n0\r\n\r\n",
        "3\r\nabc0\r\n\r\n",
        "+3\r\nabc\r\n0\r\n\r\n",
        "0x3\r\nabc\r\n0\r\n\r\n",
        "ffffffffffffffff1\r\nabc\r\n0\r\n\r\n",
        "3\0\r\nabc\r\n0\r\n\r\n",
    ] {
        let school = School::before(port).await;
        let mut client = connect(school.http).await;
        let smuggled = "GET /smuggled HTTP/1.1\r\nHost: adult.preau.test\r\n\r\n";
        send(&mut client, [head, broken, smuggled].concat()).await;
        let mut server = accept(&site).await;
        let heard = read_to_end(&mut server).await.unwrap_or_default();
        let heard = String::from_utf8(heard).unwrap();
        assert!(!heard.contains("smuggled") && !heard.ends_with("0\r\n\r\n"), "{broken:?}: {heard}");
        drop(read_to_end(&mut client).await);
        let log = school.log();
        assert!(log.len() == 1 && log[0].starts_with("http a.test permit"), "{broken:?}: {log:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_follows_a_request_is_judged_as_one() {
    let (site, port) = site().await;
    let second = "GET /second HTTP/1.1\r\nHost: adult.preau.test\r\n\r\n";
    // Each first request ends where its own framing says, whatever it looks like to another reader; with the
    // body that the server hears.
    for (first, body) in [
        ("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n", ""),
        ("POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 0\r\n\r\n", ""),
        ("POST / HTTP/1.1\r\nHost: a.test\r\n\r\n", ""),
        ("POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 3\r\nContent-Length: 3\r\n\r\nabc", "abc"),
        (
            "POST / HTTP/1.1\r\nHost: a.test\r\nX-Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n",
            "0\r\n",
        ),
        ("POST / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: Chunked\r\n\r\n0\r\n\r\n", "0\r\n\r\n"),
        ("GET / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "0\r\n\r\n"),
        // Bare line feeds end lines, as RFC 9112 section 2.2 allows; the server sees none.
        ("GET / HTTP/1.1\nHost: a.test\n\n", ""),
        ("\r\n\r\nGET / HTTP/1.1\r\nHost: a.test\r\n\r\n", ""),
    ] {
        let school = School::before(port).await;
        let mut client = connect(school.http).await;
        send(&mut client, [first, second].concat()).await;
        let mut server = accept(&site).await;
        let head = read_head(&mut server).await;
        assert!(
            head.contains("\r\nHost: a.test\r\n") && head.matches("Content-Length").count() < 2,
            "{head}"
        );
        assert!(!head.replace("\r\n", "").contains(['\r', '\n']), "{head}");
        assert_eq!(read_exactly(&mut server, body.len()).await, body.as_bytes());
        send(&mut server, "HTTP/1.1 204 No Content\r\n\r\n").await;
        assert!(read_head(&mut client).await.starts_with("HTTP/1.1 204 "));
        assert!(read_head(&mut client).await.starts_with("HTTP/1.1 403 "), "{first}");
        drop(client);
        assert!(read_to_end(&mut server).await.unwrap().is_empty(), "{first}: the server hears more");
        let log = school.log();
        assert!(log.len() == 2 && log[1] == "http adult.preau.test refuse adult", "{first}: {log:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_server_has_many_spellings() {
    let (site, port) = site().await;
    for (target, host) in [
        ("/", "A.TEST"),
        ("/", "a.test."),
        ("/", "a.test:"),
        ("/", &format!("a.test:{port}")),
        ("/", " \ta.test\t "),
        ("http://A.test/", "a.TEST"),
        ("HTTP://a.test./", "a.test"),
        (&format!("http://a.test:{port}/"), "a.test"),
    ] {
        let school = School::before(port).await;
        let mut client = connect(school.explicit).await;
        send(&mut client, format!("GET {target} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"))
            .await;
        let mut server = accept(&site).await;
        assert!(read_head(&mut server).await.starts_with("GET / HTTP/1.1\r\n"), "{target} {host}");
        send(&mut server, "HTTP/1.1 204 No Content\r\n\r\n").await;
        drop(read_to_end(&mut client).await);
        school.expect_log(&["http a.test permit finish 0/0"]).await;
    }
    for (target, host) in [
        ("/", "ADULT.preau.test"),
        ("/", "adult.preau.test."),
        ("/", "x.adult.preau.test:"),
        ("/", &format!("adult.preau.test:{port}")),
        ("http://Adult.Preau.Test./", "adult.preau.test"),
        (&format!("http://adult.preau.test:{port}/"), "adult.preau.test"),
    ] {
        let school = School::before(port).await;
        let request = format!("GET {target} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
        let answer = ask_once(school.explicit, &request).await;
        assert!(answer.starts_with("HTTP/1.1 403 "), "{target} {host}: {answer}");
    }
}
