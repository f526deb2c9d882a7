//! Many at once.

use std::sync::Arc;
use std::time::Duration;

use access::Request;
use model::{AccessKind, Host};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use policy::Target;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::raw::{ask_once, connect, connect_from, hello, read_exactly, send};
use super::school::{PATIENCE, School, accept, site};

/// Each connection of a test needs up to four descriptors, two of them the test's own.
fn raise_descriptors() {
    let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE).unwrap();
    setrlimit(Resource::RLIMIT_NOFILE, hard, hard).unwrap();
    assert!(hard >= 16_384, "these tests need 16,384 descriptors: ulimit -Hn");
}

/// Echoes what each client says, until it has said all.
async fn echo(site: TcpListener) {
    loop {
        let (stream, _) = site.accept().await.unwrap();
        tokio::spawn(async move {
            let (mut reader, mut writer) = stream.into_split();
            drop(tokio::io::copy(&mut reader, &mut writer).await);
        });
    }
}

async fn echoed(mut client: TcpStream, name: &str) -> TcpStream {
    let sent = hello(name);
    send(&mut client, &sent).await;
    assert_eq!(read_exactly(&mut client, sent.len()).await, sent);
    client
}

#[tokio::test(flavor = "multi_thread")]
async fn five_hundred_honest_connections_of_one_address() {
    raise_descriptors();
    let (site, port) = site().await;
    let echo = tokio::spawn(echo(site));
    let school = School::before(port).await;
    // All are open before the first says a word, and all stay open.
    let mut silent = Vec::new();
    for _ in 0..500 {
        silent.push(connect(school.tls).await);
    }
    let mut talking = JoinSet::new();
    for client in silent {
        talking.spawn(echoed(client, "class.test"));
    }
    let clients = timeout(PATIENCE, talking.join_all()).await.expect("some are never served");
    assert_eq!(clients.len(), 500);
    assert_eq!(school.log().len(), 500);
    drop(clients);
    let sent = hello("class.test").len();
    let closed = format!("tls class.test permit finish {sent}/{sent}");
    school.expect_log(&[closed.as_str(); 500]).await;
    echo.abort();
}

#[tokio::test(flavor = "multi_thread")]
async fn two_thousand_that_never_finish_their_hello_stop_nobody() {
    raise_descriptors();
    let (site, port) = site().await;
    let echo = tokio::spawn(echo(site));
    let school = Arc::new(School::before(port).await);
    for door in [school.tls, school.http, school.explicit] {
        let mut slow = Vec::new();
        for _ in 0..2000 {
            let stream = connect(door).await;
            // An evicted one may be gone before it has said its word.
            drop(stream.try_write(if door == school.tls { &[22, 3][..] } else { b"GET" }));
            slow.push(stream.into_std());
        }
        // The same PC, and at another door too.
        for _ in 0..20 {
            let client = connect(school.tls).await;
            timeout(PATIENCE, echoed(client, "honest.test")).await.expect("an honest one waits");
        }
        drop(slow);
    }
    assert!(school.log().iter().filter(|line| line.starts_with("tls honest.test permit")).count() == 60);
    echo.abort();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gate_with_few_descriptors_keeps_serving() {
    raise_descriptors();
    let (site, port) = site().await;
    let echo = tokio::spawn(echo(site));
    let school = School::with(|settings, _| {
        settings.ports.tls = port;
        settings.descriptors_max = 512;
    })
    .await;
    let mut slow = Vec::new();
    for _ in 0..600 {
        slow.push(connect(school.tls).await);
        let client = connect(school.tls).await;
        drop(timeout(PATIENCE, echoed(client, "honest.test")).await.expect("an honest one waits"));
    }
    echo.abort();
}

/// Whether what is said on a carried connection still comes back.
async fn is_carried(client: &mut TcpStream) -> bool {
    let echo = async {
        client.write_all(b"x").await?;
        client.read_u8().await
    };
    timeout(PATIENCE, echo).await.expect("a connection hangs").is_ok()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_device_that_holds_connections_leaves_others_their_share() {
    raise_descriptors();
    const GREEDY: [u8; 4] = [127, 0, 0, 1];
    const MODEST: [u8; 4] = [127, 0, 0, 2];
    let (site, port) = site().await;
    let echo = tokio::spawn(echo(site));
    // Room for 90 connections, 66 of one device.
    let school = School::with(|settings, _| {
        settings.ports.tls = port;
        settings.descriptors_max = 512;
    })
    .await;
    let mut held = Vec::new();
    let mut modest = Vec::new();
    for _ in 0..80 {
        held.push(echoed(connect_from(GREEDY, school.tls).await, "held.test").await);
    }
    for _ in 0..40 {
        modest.push(echoed(connect_from(MODEST, school.tls).await, "modest.test").await);
    }
    for client in &mut modest {
        assert!(is_carried(client).await, "a device with fewer connections lost one");
    }
    let mut still_held = Vec::new();
    for client in &mut held {
        still_held.push(is_carried(client).await);
    }
    // The longest idle went first.
    assert_eq!(still_held, [[false; 30].as_slice(), &[true; 50]].concat());
    let log = school.log();
    let aborted = log.iter().filter(|line| line.starts_with("tls held.test permit abort ")).count();
    assert_eq!((log.len(), aborted), (120, 30));
    echo.abort();
}

#[tokio::test(flavor = "multi_thread")]
async fn more_slow_readers_than_pipes() {
    raise_descriptors();
    const BYTES: usize = 3 << 20;
    let (site, port) = site().await;
    // Eight pipes.
    let school = School::with(|settings, _| {
        settings.ports.tls = port;
        settings.descriptors_max = 512;
    })
    .await;
    let sent = super::raw::pattern(BYTES);
    let mut writing = JoinSet::new();
    let mut clients = Vec::new();
    let readers = 2 * crate::seats::Limits::of(512).pipes.min(20);
    for _ in 0..readers {
        let mut client = connect(school.tls).await;
        let hello = hello("slow.test");
        send(&mut client, &hello).await;
        let mut server = accept(&site).await;
        read_exactly(&mut server, hello.len()).await;
        let bytes = sent.clone();
        writing.spawn(async move { send(&mut server, &bytes).await });
        clients.push(client);
    }
    for client in &mut clients {
        assert!(read_exactly(client, BYTES).await == sent, "other bytes");
    }
    writing.join_all().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_asks_faster_than_the_disk_writes_has_all_wait_and_nobody_refused() {
    let (_site, port) = site().await;
    let school = School::before(port).await;
    school.stop_committing();
    let host: Host = "class.test".parse::<model::DomainName>().unwrap().into();
    let ask = || Request {
        client: [127, 77, 0, 9].into(),
        kind: AccessKind::Tls,
        target: Target::Host(host.clone()),
        destination: None,
    };
    while school.desk.admit(ask()).is_ok() {}

    let door = school.http;
    let asking = async move {
        ask_once(door, "GET / HTTP/1.1\r\nHost: adult.preau.test\r\nConnection: close\r\n\r\n").await
    };
    let mut asking = tokio::spawn(asking);
    assert!(timeout(Duration::from_millis(100), &mut asking).await.is_err(), "it does not wait");
    school.commit();
    let answer = timeout(PATIENCE, asking).await.expect("it waits for ever").unwrap();
    assert!(answer.starts_with("HTTP/1.1 403 "), "{answer}");
}
