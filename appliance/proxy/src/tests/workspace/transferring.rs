//! One transfer for the class: every byte once, whoever comes, leaves or jumps, and whatever the line does.

use std::sync::Arc;

use tokio::io::AsyncReadExt as _;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::{client, server};

use super::keeping::PUBLIC;
use super::street::{Hands, Street};
use crate::tests::raw::{pattern, read_exactly, read_head, send};
use crate::tests::school::{PATIENCE, expect_no_dial};

type Client = client::TlsStream<TcpStream>;
type Server = server::TlsStream<TcpStream>;

/// Larger than what a reader waits for, so that a jump to the end is one.
const LENGTH: usize = 2_000_003;

async fn open(folder: &tempfile::TempDir) -> (Arc<Street>, Arc<Vec<u8>>) {
    let street = Street::keeping(folder.path(), &Hands::new()).await;
    (Arc::new(street), Arc::new(pattern(LENGTH)))
}

async fn ask(street: &Street, fields: &str) -> Client {
    let mut client = street.connect().await;
    send(&mut client, format!("GET /video HTTP/1.1\r\nHost: ent.test\r\nCookie: s=1\r\n{fields}\r\n")).await;
    client
}

async fn begin(server: &mut Server, tag: &str) {
    let head = format!("HTTP/1.1 200 OK\r\nCache-Control: public, max-age=60\r\nETag: \"{tag}\"\r\n");
    send(server, format!("{head}Content-Length: {LENGTH}\r\n\r\n")).await;
}

async fn begin_part(server: &mut Server, tag: &str, first: usize, last: usize) {
    let head =
        format!("HTTP/1.1 206 Partial Content\r\nCache-Control: public, max-age=60\r\nETag: \"{tag}\"\r\n");
    let range =
        format!("Content-Range: bytes {first}-{last}/{LENGTH}\r\nContent-Length: {}\r\n", last + 1 - first);
    send(server, format!("{head}{range}\r\n")).await;
}

/// What the server is asked for: the value of a field, in small letters.
async fn asked(server: &mut Server, field: &str) -> Option<String> {
    let head = read_head(server).await.to_lowercase();
    head.lines().find_map(|line| Some(line.strip_prefix(field)?.strip_prefix(": ")?.to_owned()))
}

async fn expect(client: &mut Client, status: &str, bytes: &[u8]) {
    let head = read_head(client).await;
    assert!(head.starts_with(&format!("HTTP/1.1 {status} ")), "{head}");
    assert!(read_exactly(client, bytes.len()).await == bytes, "other bytes");
}

#[tokio::test(flavor = "multi_thread")]
async fn fifty_cold_clients_cost_one_transfer() {
    let folder = tempfile::tempdir().unwrap();
    let (street, video) = open(&folder).await;
    let clients: Vec<_> = (0..50)
        .map(|number| {
            let (street, video) = (Arc::clone(&street), Arc::clone(&video));
            tokio::spawn(async move {
                // Full requests, beginnings, and pieces of the middle.
                let (range, status, span) = match number % 3 {
                    0 => (String::new(), "200", 0..LENGTH),
                    1 => ("Range: bytes=0-\r\n".to_owned(), "206", 0..LENGTH),
                    _ => (
                        format!("Range: bytes={}-{}\r\n", number * 7, number * 900),
                        "206",
                        number * 7..number * 900 + 1,
                    ),
                };
                let mut client = ask(&street, &range).await;
                expect(&mut client, status, &video[span]).await;
            })
        })
        .collect();
    let mut server = street.accept().await;
    assert_eq!(asked(&mut server, "range").await, None);
    begin(&mut server, "a").await;
    send(&mut server, &video[..]).await;
    for client in clients {
        timeout(PATIENCE, client).await.unwrap().unwrap();
    }
    expect_no_dial(&street.site).await;
    let permits = street.school.log();
    assert_eq!(permits.len(), 50, "an access for each");
}

#[tokio::test(flavor = "multi_thread")]
async fn bytes_reach_every_client_as_they_come_and_a_leaver_holds_nobody_up() {
    let folder = tempfile::tempdir().unwrap();
    let (street, video) = open(&folder).await;
    let mut leader = ask(&street, "").await;
    let mut server = street.accept().await;
    read_head(&mut server).await;
    begin(&mut server, "a").await;
    send(&mut server, &video[..10]).await;
    expect(&mut leader, "200", &video[..10]).await;
    let mut other = ask(&street, "").await;
    expect(&mut other, "200", &video[..10]).await;
    drop(leader);
    // Nobody but a slow one is left, who does not read at all.
    let slow = ask(&street, "").await;
    send(&mut server, &video[10..]).await;
    assert!(read_exactly(&mut other, LENGTH - 10).await == video[10..]);
    let mut late = ask(&street, "Range: bytes=1000000-1000009\r\n").await;
    expect(&mut late, "206", &video[1_000_000..1_000_010]).await;
    drop(slow);
    expect_no_dial(&street.site).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_jump_to_the_end_is_answered_at_once_and_nothing_comes_twice() {
    let folder = tempfile::tempdir().unwrap();
    let (street, video) = open(&folder).await;
    let mut leader = ask(&street, "").await;
    let mut server = street.accept().await;
    read_head(&mut server).await;
    begin(&mut server, "a").await;
    send(&mut server, &video[..100_000]).await;
    expect(&mut leader, "200", &video[..100_000]).await;
    // The line is slow: the rest has not come when somebody wants the end.
    let first = 1_900_000;
    let mut jumper = ask(&street, &format!("Range: bytes={first}-\r\n")).await;
    let mut second = street.accept().await;
    let head = read_head(&mut second).await.to_lowercase();
    let start = first - first % 16_384;
    assert!(head.contains(&format!("range: bytes={start}-{}\r\n", LENGTH - 1)), "{head}");
    assert!(head.contains("if-range: \"a\"\r\n") && head.contains("cookie: s=1\r\n"), "{head}");
    begin_part(&mut second, "a", start, LENGTH - 1).await;
    send(&mut second, &video[start..]).await;
    expect(&mut jumper, "206", &video[first..]).await;
    // The leader's transfer ends where the other one began.
    send(&mut server, &video[100_000..start]).await;
    assert!(read_exactly(&mut leader, LENGTH - 100_000).await == video[100_000..]);
    expect_no_dial(&street.site).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cold_jump_is_asked_for_first_and_the_rest_behind_it() {
    let folder = tempfile::tempdir().unwrap();
    let (street, video) = open(&folder).await;
    let first = 1_900_000;
    let start = first - first % 16_384;
    let mut jumper = ask(&street, &format!("Range: bytes={first}-{}\r\n", first + 9)).await;
    let mut server = street.accept().await;
    assert_eq!(asked(&mut server, "range").await, Some(format!("bytes={start}-")));
    begin_part(&mut server, "a", start, LENGTH - 1).await;
    send(&mut server, &video[start..first + 10]).await;
    expect(&mut jumper, "206", &video[first..first + 10]).await;
    send(&mut server, &video[first + 10..]).await;
    // The connection that is free brings what is before.
    assert_eq!(asked(&mut server, "range").await, Some(format!("bytes=0-{}", start - 1)));
    begin_part(&mut server, "a", 0, start - 1).await;
    send(&mut server, &video[..start]).await;
    let mut other = ask(&street, "").await;
    expect(&mut other, "200", &video).await;
    expect_no_dial(&street.site).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transfer_that_is_cut_goes_on_unseen() {
    let folder = tempfile::tempdir().unwrap();
    let (street, video) = open(&folder).await;
    let mut client = ask(&street, "").await;
    let mut server = street.accept().await;
    read_head(&mut server).await;
    begin(&mut server, "a").await;
    send(&mut server, &video[..700_001]).await;
    expect(&mut client, "200", &video[..700_001]).await;
    drop(server);
    // The first attempt to go on fails as well.
    drop(street.accept().await);
    let mut server = street.accept().await;
    let head = read_head(&mut server).await.to_lowercase();
    assert!(head.contains(&format!("range: bytes=700001-{}\r\n", LENGTH - 1)), "{head}");
    assert!(head.contains("if-range: \"a\"\r\n"), "{head}");
    begin_part(&mut server, "a", 700_001, LENGTH - 1).await;
    send(&mut server, &video[700_001..]).await;
    assert!(read_exactly(&mut client, LENGTH - 700_001).await == video[700_001..]);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_versions_are_never_put_together() {
    let folder = tempfile::tempdir().unwrap();
    let (street, video) = open(&folder).await;
    let mut client = ask(&street, "").await;
    let mut server = street.accept().await;
    read_head(&mut server).await;
    begin(&mut server, "a").await;
    send(&mut server, &video[..700_001]).await;
    expect(&mut client, "200", &video[..700_001]).await;
    drop(server);
    let mut server = street.accept().await;
    read_head(&mut server).await;
    // It is another one by now.
    begin(&mut server, "b").await;
    let mut rest = Vec::new();
    let _broken = timeout(PATIENCE, client.read_to_end(&mut rest)).await.unwrap();
    assert!(rest.is_empty(), "bytes of another version");
    drop(server);
    let mut client = ask(&street, "").await;
    let mut server = street.accept().await;
    assert_eq!(asked(&mut server, "range").await, None);
    begin(&mut server, "b").await;
    let other: Vec<u8> = video.iter().rev().copied().collect();
    send(&mut server, &other).await;
    expect(&mut client, "200", &other).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_strong_validator_a_cut_is_a_cut() {
    let folder = tempfile::tempdir().unwrap();
    let (street, video) = open(&folder).await;
    let mut client = ask(&street, "").await;
    let mut server = street.accept().await;
    read_head(&mut server).await;
    let head = "HTTP/1.1 200 OK\r\nCache-Control: public, max-age=60\r\nETag: W/\"a\"\r\n";
    send(&mut server, format!("{head}Content-Length: {LENGTH}\r\n\r\n")).await;
    send(&mut server, &video[..50_000]).await;
    expect(&mut client, "200", &video[..50_000]).await;
    drop(server);
    let mut rest = Vec::new();
    let _broken = timeout(PATIENCE, client.read_to_end(&mut rest)).await.unwrap();
    assert!(rest.is_empty());
    expect_no_dial(&street.site).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_knows_no_parts_does_not_cost_the_class_its_video() {
    let folder = tempfile::tempdir().unwrap();
    let (street, video) = open(&folder).await;
    let mut leader = ask(&street, "").await;
    let mut server = street.accept().await;
    read_head(&mut server).await;
    begin(&mut server, "a").await;
    send(&mut server, &video[..100_000]).await;
    expect(&mut leader, "200", &video[..100_000]).await;
    let mut jumper = ask(&street, "Range: bytes=1900000-1900009\r\n").await;
    let mut second = street.accept().await;
    read_head(&mut second).await;
    begin(&mut second, "a").await;
    send(&mut server, &video[100_000..]).await;
    assert!(read_exactly(&mut leader, LENGTH - 100_000).await == video[100_000..]);
    expect(&mut jumper, "206", &video[1_900_000..1_900_010]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_private_video_can_be_jumped_about_in() {
    let folder = tempfile::tempdir().unwrap();
    let (street, video) = open(&folder).await;
    let mut client = ask(&street, "Range: bytes=100000-100009\r\n").await;
    let mut server = street.accept().await;
    assert_eq!(asked(&mut server, "range").await, Some("bytes=98304-".to_owned()));
    let head = "HTTP/1.1 206 Partial Content\r\nETag: 0e4c2f\r\n";
    let range =
        format!("Content-Range: bytes 98304-{}/{LENGTH}\r\nContent-Length: {}", LENGTH - 1, LENGTH - 98_304);
    send(&mut server, format!("{head}{range}\r\n\r\n")).await;
    send(&mut server, &video[98_304..110_000]).await;
    expect(&mut client, "206", &video[100_000..100_010]).await;
    // From then on its requests pass as they are.
    let mut client = ask(&street, "Range: bytes=5-9\r\n").await;
    let mut server = street.accept().await;
    assert_eq!(asked(&mut server, "range").await, Some("bytes=5-9".to_owned()));
    send(&mut server, format!("{head}Content-Range: bytes 5-9/{LENGTH}\r\nContent-Length: 5\r\n\r\n")).await;
    send(&mut server, &video[5..10]).await;
    expect(&mut client, "206", &video[5..10]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_device_leaves_others_room_for_what_they_bring() {
    const OF_DEVICE: usize = 48;
    let (folder, hands) = (tempfile::tempdir().unwrap(), Hands::new());
    let street = Street::keeping(folder.path(), &hands).await;
    let mut under_way = Vec::new();
    for number in 0..=OF_DEVICE + 1 {
        // The last one asks at another PC.
        let is_other = number > OF_DEVICE;
        let mut client =
            if is_other { street.connect_from([127, 77, 0, 1]).await } else { street.connect().await };
        send(&mut client, format!("GET /{number} HTTP/1.1\r\nHost: ent.test\r\n\r\n")).await;
        let mut server = street.accept().await;
        read_head(&mut server).await;
        // It does not come to its end.
        send(&mut server, format!("HTTP/1.1 200 OK\r\n{PUBLIC}Content-Length: 9\r\n\r\nfilm")).await;
        let head = read_head(&mut client).await;
        let expected = if number == OF_DEVICE { "detail=\"share\"" } else { "stored" };
        assert!(head.contains(expected), "{number}: {head}");
        under_way.push((client, server));
    }
}
