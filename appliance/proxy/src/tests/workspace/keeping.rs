//! What is kept, for whom, and for how long.

use std::sync::Arc;

use tokio::io::AsyncReadExt as _;
use tokio::net::TcpStream;
use tokio_rustls::{client, server};

use super::origin::{Question, impersonate, open, reply, unchanged};
use super::street::{Hands, SHARE_BYTES, Street};
use crate::tests::raw::{pattern, read_exactly, read_head, read_to_end, read_until, send};
use crate::tests::school::{PATIENCE, expect_no_dial};

pub(super) type Client = client::TlsStream<TcpStream>;
pub(super) type Server = server::TlsStream<TcpStream>;

pub(super) const PUBLIC: &str = "Cache-Control: public, max-age=60\r\nETag: \"a\"\r\n";

pub(super) async fn ask(client: &mut Client, path: &str, fields: &str) {
    send(client, format!("GET {path} HTTP/1.1\r\nHost: ent.test\r\n{fields}\r\n")).await;
}

pub(super) async fn tell(server: &mut Server, fields: &str, body: &str) {
    let length = body.len();
    send(server, format!("HTTP/1.1 200 OK\r\n{fields}Content-Length: {length}\r\n\r\n{body}")).await;
}

/// The next answer: its head in small letters, and its body.
pub(super) async fn hear(client: &mut Client) -> (String, String) {
    let (head, body) = hear_bytes(client).await;
    (head, String::from_utf8(body).unwrap())
}

/// The same where the body is no text.
pub(super) async fn hear_bytes(client: &mut Client) -> (String, Vec<u8>) {
    let head = read_head(client).await.to_lowercase();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap_or("0");
    let body = read_exactly(client, length.parse().unwrap()).await;
    (head, body)
}

/// Asks for `/x` a first time, and has the server answer.
pub(super) async fn bring(street: &Street, asked: &str, answered: &str, body: &str) -> (Client, Server) {
    let mut client = street.connect().await;
    ask(&mut client, "/x", asked).await;
    let mut server = street.accept().await;
    read_head(&mut server).await;
    tell(&mut server, answered, body).await;
    assert_eq!(hear(&mut client).await.1, body);
    (client, server)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_for_all_is_asked_for_once() {
    let (folder, hands) = (tempfile::tempdir().unwrap(), Hands::new());
    let street = Street::keeping(folder.path(), &hands).await;
    let (mut client, _server) = bring(&street, "Cookie: s=1\r\n", PUBLIC, "hello").await;
    hands.advance(7);
    // Another pupil.
    ask(&mut client, "/x", "Cookie: s=2\r\n").await;
    let (head, body) = hear(&mut client).await;
    assert!(head.starts_with("http/1.1 200 ok\r\n") && head.contains("age: 7\r\n"), "{head}");
    assert!(head.contains("cache-status: preau;hit;ttl=53\r\n") && body == "hello", "{head}");
    ask(&mut client, "/x", "If-None-Match: \"a\"\r\n").await;
    let (head, body) = hear(&mut client).await;
    assert!(head.starts_with("http/1.1 304 ") && body.is_empty(), "{head}");
    for (range, status, expected) in [
        ("bytes=1-2", "206", "el"),
        ("bytes=-2", "206", "lo"),
        ("bytes=9-", "416", ""),
        ("bytes=x", "200", "hello"),
    ] {
        ask(&mut client, "/x", &format!("Range: {range}\r\n")).await;
        let (head, body) = hear(&mut client).await;
        assert!(head.starts_with(&format!("http/1.1 {status} ")) && body == expected, "{range}: {head}");
    }
    ask(&mut client, "/x", "Range: bytes=0-0,3-4\r\n").await;
    let (head, body) = hear(&mut client).await;
    assert!(head.contains("content-type: multipart/byteranges; boundary="), "{head}");
    assert!(body.contains("Content-Range: bytes 3-4/5\r\n\r\nlo\r\n"), "{body}");
    expect_no_dial(&street.site).await;
    // Each is an access, whoever answered.
    assert_eq!(street.school.log().len(), 8);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_answers_one_pupil_is_for_no_other() {
    let (folder, hands) = (tempfile::tempdir().unwrap(), Hands::new());
    let street = Street::keeping(folder.path(), &hands).await;
    for fields in [
        "ETag: 0e4c2f\r\n",
        "Cache-Control: max-age=600\r\n",
        "Cache-Control: public, max-age=60\r\nSet-Cookie: s=2\r\n",
    ] {
        let (mut client, mut server) = bring(&street, "Cookie: s=1\r\n", fields, "lina").await;
        ask(&mut client, "/x", "Cookie: s=2\r\n").await;
        assert!(read_head(&mut server).await.contains("Cookie: s=2\r\n"));
        tell(&mut server, fields, "malo").await;
        let (head, body) = hear(&mut client).await;
        assert!(body == "malo" && head.contains("cache-status: preau;fwd=uri-miss"), "{head}");
        // Nothing of it is on the disk.
        drop((client, server));
        let files = walk(folder.path());
        assert!(files.is_empty(), "{files:?}");
        street.school.log();
        hands.advance(1);
    }
}

/// What a server is told of another host or another method would be in answers that the class gets.
#[tokio::test(flavor = "multi_thread")]
async fn nobody_asks_another_question_in_the_place_of_the_class() {
    let (folder, hands) = (tempfile::tempdir().unwrap(), Hands::new());
    let street = Arc::new(Street::keeping(folder.path(), &hands).await);
    let _serving = open(&street, |question: &Question| {
        let host = question.field("x-forwarded-host").or_else(|| question.field("x-original-host"));
        let is_emptied = question.field("x-http-method-override").is_some();
        let page = if is_emptied { String::new() } else { format!("from {}", host.unwrap_or("ent.test")) };
        reply(question, "200 OK", PUBLIC, page.as_bytes())
    });
    let mut pupil = street.connect().await;
    let hosts = ["X-Forwarded-Host", "X-Original-Host"].map(|name| format!("{name}: evil.test\r\n"));
    let method = "X-HTTP-Method-Override: HEAD\r\n".to_owned();
    for (number, claim) in hosts.into_iter().chain([method]).enumerate() {
        for fields in [claim.as_str(), ""] {
            ask(&mut pupil, &format!("/{number}"), fields).await;
            assert_eq!(hear(&mut pupil).await.1, "from ent.test", "{claim}");
        }
    }
}

/// Fields that a request names away are not heard by the server, which then answers something else than it does to those who say them.
#[tokio::test(flavor = "multi_thread")]
async fn nobody_answers_the_class_with_what_was_not_asked() {
    let (folder, hands) = (tempfile::tempdir().unwrap(), Hands::new());
    let street = Arc::new(Street::keeping(folder.path(), &hands).await);
    let _serving = open(&street, |question: &Question| {
        let page = question.field("accept").map_or("data", |_| "page");
        let host = question.field("host").unwrap_or_default();
        let text = if question.uri == "/host" { host } else { page };
        reply(question, "200 OK", &format!("{PUBLIC}Vary: Accept\r\n"), text.as_bytes())
    });
    let mut pupil = street.connect().await;
    ask(&mut pupil, "/x", "Accept: text/html\r\nConnection: Accept\r\n").await;
    assert_eq!(hear(&mut pupil).await.1, "data");
    ask(&mut pupil, "/x", "Accept: text/html\r\n").await;
    assert_eq!(hear(&mut pupil).await.1, "page");
    // Nor by another spelling of the server's name.
    let port = street.port;
    send(&mut pupil, format!("GET /host HTTP/1.1\r\nHost: ENT.test.:{port}\r\n\r\n")).await;
    assert_eq!(hear(&mut pupil).await.1, "ent.test");
}

/// What one pupil wants, or is told, is no reason to ask the server for each of the class.
#[tokio::test(flavor = "multi_thread")]
async fn nobody_keeps_the_class_from_having_one_copy() {
    let (folder, hands) = (tempfile::tempdir().unwrap(), Hands::new());
    let street = Arc::new(Street::keeping(folder.path(), &hands).await);
    let _serving = open(&street, |question: &Question| match question.account() {
        Some("malo") => reply(question, "403 Forbidden", "", b"not for you"),
        Some(_) | None => reply(question, "200 OK", PUBLIC, b"lesson"),
    });
    let mut pupil = street.connect().await;
    let refused = "Cookie: oneSessionId=malo-0123456789abcdef\r\n";
    for (path, fields) in [("/x", "Cache-Control: no-store\r\n"), ("/y", refused)] {
        ask(&mut pupil, path, fields).await;
        let (head, _) = hear(&mut pupil).await;
        assert!(!head.contains("stored"), "{head}");
        ask(&mut pupil, path, "").await;
        let (head, body) = hear(&mut pupil).await;
        assert!(head.contains("stored") && body == "lesson", "{path} {head}");
    }
}

/// A HEAD with a cookie tells nothing of what those get who have none, and what is private by now is asked for by each.
#[tokio::test(flavor = "multi_thread")]
async fn what_one_pupil_is_told_of_it_is_not_told_to_others() {
    let (folder, hands) = (tempfile::tempdir().unwrap(), Hands::new());
    let street = Arc::new(Street::keeping(folder.path(), &hands).await);
    let _serving = open(&street, |question: &Question| {
        let account = question.account().unwrap_or("nobody");
        let own = format!("X-Account: {account}\r\nCache-Control: max-age=60\r\n");
        match (question.uri.as_str(), question.field("if-none-match")) {
            ("/taken-back", Some(_)) => unchanged("ETag: \"a\"\r\nCache-Control: private, max-age=60\r\n"),
            ("/taken-back", None) => reply(question, "200 OK", PUBLIC, b"hello"),
            _ => reply(question, "200 OK", &own, b"hello"),
        }
    });
    let mut pupil = street.connect().await;
    ask(&mut pupil, "/x", "").await;
    hear(&mut pupil).await;
    let cookie = "Cookie: oneSessionId=lina-0123456789abcdef\r\n";
    send(&mut pupil, format!("HEAD /x HTTP/1.1\r\nHost: ent.test\r\n{cookie}\r\n")).await;
    assert!(read_head(&mut pupil).await.to_lowercase().contains("x-account: lina\r\n"));
    ask(&mut pupil, "/x", "").await;
    let (head, _) = hear(&mut pupil).await;
    assert!(head.contains("preau;hit") && head.contains("x-account: nobody\r\n"), "{head}");
    ask(&mut pupil, "/taken-back", "").await;
    hear(&mut pupil).await;
    hands.advance(61);
    for _ in 0..2 {
        ask(&mut pupil, "/taken-back", "").await;
        let (head, body) = hear(&mut pupil).await;
        assert!(head.contains("fwd-status=304") && body == "hello", "{head}");
    }
}

/// RFC 9213. The box's own field stands above what is for all caches; those of other caches are nobody's.
#[tokio::test(flavor = "multi_thread")]
async fn only_what_speaks_to_the_box_is_heard() {
    let (folder, hands) = (tempfile::tempdir().unwrap(), Hands::new());
    let street = Street::keeping(folder.path(), &hands).await;
    let mut client = street.connect().await;
    ask(&mut client, "/0", "Surrogate-Capability: x=\"Surrogate/1.0 ESI/1.0\"\r\n").await;
    let mut server = street.accept().await;
    let head = read_head(&mut server).await.to_lowercase();
    assert!(!head.contains("surrogate"), "the box announces nothing, and nobody in its name: {head}");
    tell(&mut server, "Cache-Control: no-store\r\n", "first").await;
    hear(&mut client).await;
    let own = "Cache-Control: no-store\r\nPreau-Cache-Control: public, max-age=60\r\n";
    for (number, (fields, is_kept)) in [
        (own, true),
        ("Cache-Control: public, max-age=60\r\nPreau-Cache-Control: no-store\r\n", false),
        ("CDN-Cache-Control: public, max-age=60\r\n", false),
        ("Cache-Control: no-store\r\nCDN-Cache-Control: public, max-age=60\r\n", false),
        ("Surrogate-Control: max-age=60\r\n", false),
        ("Cache-Control: no-store\r\nSurrogate-Control: public, max-age=60\r\n", false),
        ("Cache-Control: public, max-age=60\r\nSurrogate-Control: no-store\r\n", true),
        ("Cache-Control: public, max-age=60\r\nCDN-Cache-Control: no-store\r\n", true),
    ]
    .into_iter()
    .enumerate()
    {
        let path = format!("/{}", number + 1);
        ask(&mut client, &path, "").await;
        read_head(&mut server).await;
        tell(&mut server, fields, "one").await;
        assert_eq!(hear(&mut client).await.1, "one");
        ask(&mut client, &path, "").await;
        if !is_kept {
            read_head(&mut server).await;
            tell(&mut server, fields, "two").await;
        }
        let (head, body) = hear(&mut client).await;
        assert_eq!(body, if is_kept { "one" } else { "two" }, "{fields}{head}");
    }
}

pub(super) fn walk(folder: &std::path::Path) -> Vec<std::path::PathBuf> {
    let folders =
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).filter(|path| path.is_dir());
    folders.flat_map(|folder| std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path())).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_stale_is_asked_for_by_what_is_known_of_it() {
    let (folder, hands) = (tempfile::tempdir().unwrap(), Hands::new());
    let street = Street::keeping(folder.path(), &hands).await;
    let (mut client, mut server) = bring(&street, "", PUBLIC, "hello").await;
    hands.advance(61);
    ask(&mut client, "/x", "").await;
    let head = read_head(&mut server).await;
    assert!(head.to_lowercase().contains("if-none-match: \"a\"\r\n"), "{head}");
    send(&mut server, "HTTP/1.1 304 Not Modified\r\nETag: \"a\"\r\nCache-Control: public, max-age=5\r\n\r\n")
        .await;
    let (head, body) = hear(&mut client).await;
    assert!(
        head.contains("cache-status: preau;fwd=stale;fwd-status=304;ttl=5\r\n") && body == "hello",
        "{head}"
    );
    ask(&mut client, "/x", "").await;
    assert!(hear(&mut client).await.0.contains("preau;hit"));
    // Another version takes its place.
    hands.advance(6);
    ask(&mut client, "/x", "").await;
    read_head(&mut server).await;
    tell(&mut server, "Cache-Control: public, max-age=60\r\nETag: \"b\"\r\n", "world").await;
    assert_eq!(hear(&mut client).await.1, "world");
    ask(&mut client, "/x", "").await;
    let (head, body) = hear(&mut client).await;
    assert!(head.contains("preau;hit") && body == "world", "{head}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_304_about_another_version_brings_that_one() {
    let (folder, hands) = (tempfile::tempdir().unwrap(), Hands::new());
    let street = Street::keeping(folder.path(), &hands).await;
    let (mut client, mut server) = bring(&street, "", PUBLIC, "hello").await;
    hands.advance(61);
    ask(&mut client, "/x", "").await;
    read_head(&mut server).await;
    send(&mut server, "HTTP/1.1 304 Not Modified\r\nETag: \"b\"\r\n\r\n").await;
    let head = read_head(&mut server).await.to_lowercase();
    assert!(!head.contains("if-none-match"), "{head}");
    tell(&mut server, "Cache-Control: public, max-age=60\r\nETag: \"b\"\r\n", "world").await;
    assert_eq!(hear(&mut client).await.1, "world");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_end_of_what_is_not_here_is_the_servers() {
    let (folder, hands) = (tempfile::tempdir().unwrap(), Hands::new());
    let street = Street::keeping(folder.path(), &hands).await;
    let mut client = street.connect().await;
    ask(&mut client, "/x", "Range: bytes=-2\r\n").await;
    let mut server = street.accept().await;
    assert!(read_head(&mut server).await.contains("Range: bytes=-2\r\n"));
    send(
        &mut server,
        "HTTP/1.1 206 Partial Content\r\nContent-Range: bytes 3-4/5\r\nContent-Length: 2\r\n\r\nlo",
    )
    .await;
    let (head, body) = hear(&mut client).await;
    assert!(head.starts_with("http/1.1 206 ") && body == "lo", "{head}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_makes_what_is_kept_invalid() {
    let (folder, hands) = (tempfile::tempdir().unwrap(), Hands::new());
    let street = Street::keeping(folder.path(), &hands).await;
    let (mut client, mut server) = bring(&street, "", PUBLIC, "hello").await;
    send(&mut client, "POST /x HTTP/1.1\r\nHost: ent.test\r\nContent-Length: 3\r\n\r\nnew").await;
    read_until(&mut server, "new").await;
    send(&mut server, "HTTP/1.1 204 No Content\r\n\r\n").await;
    let head = read_head(&mut client).await;
    assert!(head.contains("cache-status: preau;fwd=bypass\r\n"), "{head}");
    ask(&mut client, "/x", "").await;
    read_head(&mut server).await;
    tell(&mut server, PUBLIC, "newer").await;
    assert_eq!(hear(&mut client).await.1, "newer");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_stale_is_not_served_for_a_false_certificate() {
    let (folder, hands) = (tempfile::tempdir().unwrap(), Hands::new());
    let street = Arc::new(Street::keeping(folder.path(), &hands).await);
    let (mut client, server) = bring(&street, "", PUBLIC, "hello").await;
    drop(server);
    let stranger = impersonate(&street);
    hands.advance(61);
    ask(&mut client, "/x", "").await;
    let (head, body) = hear(&mut client).await;
    assert!(head.starts_with("http/1.1 502 ") && body != "hello", "{head}");
    stranger.abort();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_stale_helps_out_where_it_may() {
    let (folder, hands) = (tempfile::tempdir().unwrap(), Hands::new());
    let street = Street::keeping(folder.path(), &hands).await;
    let (mut client, server) = bring(&street, "", PUBLIC, "hello").await;
    drop(server);
    let Street { site, school, own, public, port } = street;
    drop(site);
    hands.advance(61);
    ask(&mut client, "/x", "").await;
    let (head, body) = hear(&mut client).await;
    assert!(
        head.contains("cache-status: preau;hit;ttl=-1;detail=\"stale\"\r\n") && body == "hello",
        "{head}"
    );
    ask(&mut client, "/y", "").await;
    assert!(read_head(&mut client).await.starts_with("HTTP/1.1 503 "));
    drop((school, own, public, port));
}

/// RFC 5861 section 3: what is stale serves the class while it is asked for again, once.
#[tokio::test(flavor = "multi_thread")]
async fn while_it_is_asked_for_again_all_are_served_and_the_server_is_asked_once() {
    const CLASS: usize = 25;
    let (folder, hands) = (tempfile::tempdir().unwrap(), Hands::new());
    let street = Street::keeping(folder.path(), &hands).await;
    let fields = "Cache-Control: public, max-age=60, stale-while-revalidate=600\r\nETag: \"a\"\r\n";
    let (mut client, mut server) = bring(&street, "", fields, "hello").await;
    hands.advance(70);
    for _ in 0..CLASS {
        let mut pupil = street.connect().await;
        ask(&mut pupil, "/x", "").await;
        let (head, body) = hear(&mut pupil).await;
        assert!(head.contains("cache-status: preau;hit;ttl=-10\r\n") && body == "hello", "{head}");
    }
    // On the connection that stands, and on no other one.
    let asked = read_head(&mut server).await.to_lowercase();
    assert!(asked.contains("if-none-match: \"a\"\r\n"), "{asked}");
    expect_no_dial(&street.site).await;
    send(&mut server, format!("HTTP/1.1 304 Not Modified\r\n{fields}\r\n")).await;
    let start = tokio::time::Instant::now();
    loop {
        ask(&mut client, "/x", "").await;
        let (head, body) = hear(&mut client).await;
        assert!(head.contains("preau;hit") && body == "hello", "{head}");
        if head.contains("ttl=60") {
            break;
        }
        assert!(start.elapsed() < PATIENCE, "what the server said is not heard: {head}");
    }
    // Nobody has asked a second time.
    let more = tokio::time::timeout(std::time::Duration::from_millis(200), server.read_u8()).await;
    assert!(more.is_err(), "{more:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_must_be_asked_for_is_not_served_without() {
    let (folder, hands) = (tempfile::tempdir().unwrap(), Hands::new());
    let street = Street::keeping(folder.path(), &hands).await;
    let strict = "Cache-Control: public, max-age=60, must-revalidate\r\nETag: \"a\"\r\n";
    let (mut client, mut server) = bring(&street, "", strict, "hello").await;
    hands.advance(61);
    ask(&mut client, "/x", "").await;
    read_head(&mut server).await;
    send(&mut server, "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n").await;
    assert!(read_head(&mut client).await.starts_with("HTTP/1.1 503 "));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_kept_is_there_after_a_restart_and_a_damaged_piece_is_fetched_again() {
    let (folder, hands) = (tempfile::tempdir().unwrap(), Hands::new());
    let body = String::from_utf8(vec![b'a'; 40_000]).unwrap();
    {
        let mut street = Street::keeping(folder.path(), &hands).await;
        let (client, server) = bring(&street, "", PUBLIC, &body).await;
        await_record(folder.path()).await;
        drop((client, server));
        street.school.stop().await;
    }
    let street = Street::keeping(folder.path(), &hands).await;
    let mut client = street.connect().await;
    ask(&mut client, "/x", "").await;
    let (head, heard) = hear(&mut client).await;
    assert!(head.contains("preau;hit") && heard == body, "{head}");
    expect_no_dial(&street.site).await;

    let file =
        walk(folder.path()).into_iter().find(|path| path.extension().is_some_and(|it| it == "body")).unwrap();
    let mut bytes = std::fs::read(&file).unwrap();
    bytes[20_000] ^= 1;
    std::fs::write(&file, bytes).unwrap();
    ask(&mut client, "/x", "").await;
    let mut server = street.accept().await;
    let head = read_head(&mut server).await.to_lowercase();
    assert!(head.contains("range: bytes=16384-32767\r\n") && head.contains("if-range: \"a\"\r\n"), "{head}");
    let piece = &body[16_384..32_768];
    send(
        &mut server,
        "HTTP/1.1 206 Partial Content\r\nETag: \"a\"\r\nContent-Range: bytes 16384-32767/40000\r\n",
    )
    .await;
    send(&mut server, format!("Content-Length: 16384\r\n\r\n{piece}")).await;
    assert!(hear(&mut client).await.1 == body);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_asked_for_again_and_again_is_in_memory_as_it_was_checked() {
    let (folder, hands) = (tempfile::tempdir().unwrap(), Hands::new());
    let street = Street::keeping(folder.path(), &hands).await;
    let body: String = ('a'..='z').cycle().take(40_000).collect();
    let (mut client, _server) = bring(&street, "", PUBLIC, &body).await;
    await_record(folder.path()).await;
    for _ in 0..2 {
        ask(&mut client, "/x", "").await;
        assert!(hear(&mut client).await.1 == body);
    }
    let file =
        walk(folder.path()).into_iter().find(|path| path.extension().is_some_and(|it| it == "body")).unwrap();
    let mut bytes = std::fs::read(&file).unwrap();
    bytes[20_000] ^= 1;
    std::fs::write(&file, bytes).unwrap();
    for (range, expected) in
        [("", &body[..]), ("Range: bytes=0-9\r\n", &body[..10]), ("Range: bytes=19999-\r\n", &body[19_999..])]
    {
        ask(&mut client, "/x", range).await;
        let (head, heard) = hear(&mut client).await;
        assert!(head.contains("preau;hit") && heard == expected, "{range}: {head}");
    }
    // Its head is looked up as ever.
    hands.advance(61);
    ask(&mut client, "/x", "Cache-Control: only-if-cached\r\n").await;
    assert!(read_head(&mut client).await.starts_with("HTTP/1.1 504 "));
    expect_no_dial(&street.site).await;
}

pub(super) async fn await_record(folder: &std::path::Path) {
    let start = tokio::time::Instant::now();
    while !walk(folder).iter().any(|path| path.extension().is_some_and(|it| it == "record")) {
        assert!(start.elapsed() < PATIENCE, "nothing is kept");
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_power_cut_leaves_nothing_that_is_served() {
    let (folder, hands) = (tempfile::tempdir().unwrap(), Hands::new());
    {
        let street = Street::keeping(folder.path(), &hands).await;
        let mut client = street.connect().await;
        ask(&mut client, "/x", "").await;
        let mut server = street.accept().await;
        read_head(&mut server).await;
        send(&mut server, format!("HTTP/1.1 200 OK\r\n{PUBLIC}Content-Length: 100000\r\n\r\nhello")).await;
        read_until(&mut client, "hello").await;
    }
    assert_eq!(walk(folder.path()).len(), 1, "half a body");
    // The next start is a little later than the file.
    let now_ms = std::fs::metadata(&walk(folder.path())[0]).unwrap().modified().unwrap();
    let now_ms = now_ms.duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    let hands = Hands::new();
    hands.advance(i64::try_from(now_ms).unwrap() + 60 - 1_795_942_800);
    let street = Street::keeping(folder.path(), &hands).await;
    let start = tokio::time::Instant::now();
    while !walk(folder.path()).is_empty() {
        assert!(start.elapsed() < PATIENCE, "it is not cleared away");
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    let (_client, _server) = bring(&street, "", PUBLIC, "whole").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_too_large_passes_through() {
    let (folder, hands) = (tempfile::tempdir().unwrap(), Hands::new());
    let street = Street::keeping(folder.path(), &hands).await;
    let mut client = street.connect().await;
    ask(&mut client, "/x", "Connection: close\r\n").await;
    let mut server = street.accept().await;
    read_head(&mut server).await;
    let length = SHARE_BYTES / 4 + 1;
    send(&mut server, format!("HTTP/1.1 200 OK\r\n{PUBLIC}Content-Length: {length}\r\n\r\nbegin")).await;
    let head = read_head(&mut client).await;
    assert!(head.contains("detail=\"no-room\""), "{head}");
    assert_eq!(read_exactly(&mut client, 5).await, b"begin");
    drop(server);
    assert!(read_to_end_of(&mut client).await.is_empty());
    assert!(walk(folder.path()).is_empty());
}

/// S3-FIFO: what comes once, however much it is, takes nothing from what the class uses again and again.
#[tokio::test(flavor = "multi_thread")]
async fn big_downloads_do_not_push_out_the_documents_of_the_class() {
    const DOCUMENTS: usize = 8;
    /// Each is a little less than one thing may be; together they are more than there is room for.
    const FILMS: usize = 7;
    let (folder, hands) = (tempfile::tempdir().unwrap(), Hands::new());
    let street = Arc::new(Street::keeping(folder.path(), &hands).await);
    let film = pattern(12 << 20);
    assert!(u64::try_from(FILMS * film.len()).unwrap() > SHARE_BYTES);
    let _serving = open(&street, move |question: &Question| {
        let is_film = question.uri.starts_with("/film/");
        reply(question, "200 OK", PUBLIC, if is_film { &film } else { b"lesson" })
    });
    let mut pupil = street.connect().await;
    for number in (0..DOCUMENTS).chain(0..DOCUMENTS) {
        ask(&mut pupil, &format!("/document/{number}"), "").await;
        assert_eq!(hear(&mut pupil).await.1, "lesson");
    }
    for number in 0..FILMS {
        ask(&mut pupil, &format!("/film/{number}"), "").await;
        assert_eq!(hear_bytes(&mut pupil).await.1.len(), 12 << 20);
    }
    // What was too much is gone.
    let length = |path: std::path::PathBuf| path.metadata().map_or(0, |metadata| metadata.len());
    let bytes = || walk(folder.path()).into_iter().map(length).sum::<u64>();
    let start = tokio::time::Instant::now();
    while bytes() > SHARE_BYTES {
        assert!(start.elapsed() < PATIENCE, "{} bytes", bytes());
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    for number in 0..DOCUMENTS {
        ask(&mut pupil, &format!("/document/{number}"), "").await;
        let (head, body) = hear(&mut pupil).await;
        assert!(head.contains("preau;hit") && body == "lesson", "{number}: {head}");
    }
}

/// What comes until the connection breaks.
async fn read_to_end_of(client: &mut Client) -> Vec<u8> {
    let mut bytes = Vec::new();
    let _outcome = tokio::time::timeout(PATIENCE, client.read_to_end(&mut bytes)).await.unwrap();
    bytes
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_without_a_length_is_kept_too() {
    let (folder, hands) = (tempfile::tempdir().unwrap(), Hands::new());
    let street = Street::keeping(folder.path(), &hands).await;
    let mut client = street.connect().await;
    ask(&mut client, "/x", "").await;
    let mut server = street.accept().await;
    read_head(&mut server).await;
    send(&mut server, format!("HTTP/1.1 200 OK\r\n{PUBLIC}Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n"))
        .await;
    read_until(&mut client, "hello\r\n").await;
    send(&mut server, "6\r\n world\r\n0\r\n\r\n").await;
    read_until(&mut client, "0\r\n\r\n").await;
    ask(&mut client, "/x", "Connection: close\r\n").await;
    let heard = String::from_utf8(read_to_end(&mut client).await.unwrap()).unwrap();
    assert!(heard.contains("preau;hit") && heard.ends_with("hello world"), "{heard}");
}
