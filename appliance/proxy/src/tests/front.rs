//! TLS for the box itself.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::io::AsyncReadExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

use super::raw::{
    alert_code, connect, connect_from, hello, on_loopback, read_exactly, read_head, read_to_end, read_until,
    send,
};
use super::school::{KNOWN, PATIENCE, School, accept, expect_no_dial, listen, site};
use crate::Portal;

/// A gate with a portal that speaks TLS, as far as the gate can tell, and the port of all servers.
async fn open() -> (School, TcpListener, u16) {
    let (front, _) = site().await;
    let (site, port) = site().await;
    let address = front.local_addr().unwrap();
    let school = School::with(|settings, _| {
        settings.ports.tls = port;
        let names = vec!["preau.lan".parse().unwrap()];
        let tls_address = Some(on_loopback(address.port()));
        settings.portal = Some(Portal { names, address: on_loopback(9), tls_address });
    })
    .await;
    drop(site);
    (school, front, port)
}

async fn expect_carried(front: &TcpListener, client: &mut TcpStream, sent: &[u8]) -> TcpStream {
    let mut portal = accept(front).await;
    assert_eq!(read_exactly(&mut portal, sent.len()).await, sent);
    send(&mut portal, b"answer").await;
    assert_eq!(read_exactly(client, 6).await, b"answer");
    portal
}

#[tokio::test(flavor = "multi_thread")]
async fn the_name_of_the_box_leads_to_the_portal_which_learns_who_comes() {
    let (school, front, _) = open().await;
    let mut client = connect(school.tls).await;
    let sent = hello("Preau.LAN");
    send(&mut client, &sent).await;
    let portal = expect_carried(&front, &mut client, &sent).await;
    let end = portal.peer_addr().unwrap();
    assert_eq!(school.gate.callers().find(end), Some(client.local_addr().unwrap().ip()));
    drop(client);
    let mut portal = portal;
    assert_eq!(read_to_end(&mut portal).await.unwrap(), b"");
    drop(portal);
    while school.gate.callers().find(end).is_some() {
        tokio::task::yield_now().await;
    }
    // Nothing left the box.
    school.expect_log(&[]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn other_names_are_accesses_as_ever() {
    let (school, front, _) = open().await;
    for (name, expected) in [("bet365.com", 49), ("xpreau.lan", 0)] {
        let mut client = connect(school.tls).await;
        send(&mut client, &hello(name)).await;
        let answer = read_to_end(&mut client).await.unwrap_or_default();
        if expected > 0 {
            assert_eq!(alert_code(&answer), expected, "{name}");
        }
    }
    expect_no_dial(&front).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_explicit_proxy_leads_there_too() {
    let (school, front, port) = open().await;
    for host in ["preau.lan", "10.77.0.1"] {
        let mut client = connect(school.explicit).await;
        send(&mut client, format!("CONNECT {host}:{port} HTTP/1.1\r\nHost: {host}:{port}\r\n\r\n")).await;
        assert!(read_head(&mut client).await.starts_with("HTTP/1.1 200 "));
        let sent = hello("preau.lan");
        send(&mut client, &sent).await;
        expect_carried(&front, &mut client, &sent).await;
    }
    school.expect_log(&[]).await;
    // Whoever says the box's name and means another's is judged by what he means.
    let mut client = connect(school.explicit).await;
    send(&mut client, format!("CONNECT preau.lan:{port} HTTP/1.1\r\n\r\n")).await;
    assert!(read_head(&mut client).await.starts_with("HTTP/1.1 200 "));
    send(&mut client, &hello("bet365.com")).await;
    assert_eq!(alert_code(&read_to_end(&mut client).await.unwrap()), 49);
    school.expect_log(&["tls bet365.com refuse gambling"]).await;
    expect_no_dial(&front).await;
}

/// A portal in clear that answers each request and closes nothing, and how many connections it has.
async fn plain_portal() -> (u16, Arc<AtomicUsize>, JoinHandle<()>) {
    let listener = listen().await;
    let port = listener.local_addr().unwrap().port();
    let open = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&open);
    let serving = tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let count = Arc::clone(&count);
            count.fetch_add(1, Ordering::Relaxed);
            tokio::spawn(async move {
                let mut request = Vec::new();
                while let Ok(1..) = stream.read_buf(&mut request).await {
                    if request.ends_with(b"\r\n\r\n") {
                        request.clear();
                        send(&mut stream, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").await;
                    }
                }
                count.fetch_sub(1, Ordering::Relaxed);
            });
        }
    });
    (port, open, serving)
}

/// So many connections of a device of [`KNOWN`], each of which has got a page in clear.
async fn visit(school: &School, device: u8, count: usize) -> Vec<TcpStream> {
    let [a, b, c] = KNOWN;
    let mut clients = Vec::new();
    for _ in 0..count {
        let mut client = connect_from([a, b, c, device], school.http).await;
        send(&mut client, "GET / HTTP/1.1\r\nHost: preau.lan\r\n\r\n").await;
        read_until(&mut client, "ok").await;
        clients.push(client);
    }
    clients
}

async fn wait_for(open: &AtomicUsize, expected: usize) {
    let settled = async {
        while open.load(Ordering::Relaxed) != expected {
            sleep(Duration::from_millis(10)).await;
        }
    };
    let waited = timeout(PATIENCE, settled).await;
    assert!(waited.is_ok(), "{} connections, not {expected}", open.load(Ordering::Relaxed));
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_in_clear_and_by_tls_are_one_share_of_each_device() {
    let (front, _) = site().await;
    let tls_address = Some(on_loopback(front.local_addr().unwrap().port()));
    let (port, open, serving) = plain_portal().await;
    let school = School::with(|settings, _| {
        // Nobody is idle for too long, however slow the machine is.
        settings.timeouts.http_head = Duration::from_secs(3_600);
        let names = vec!["preau.lan".parse().unwrap()];
        settings.portal = Some(Portal { names, address: on_loopback(port), tls_address });
    })
    .await;
    // Each newcomer is served, at the cost of its own device.
    let mut first = visit(&school, 1, 100).await;
    wait_for(&open, 32).await;
    // The other registered one has its own share, by TLS too, and keeps it.
    let second = visit(&school, 2, 20).await;
    let [a, b, c] = KNOWN;
    let mut client = connect_from([a, b, c, 2], school.tls).await;
    let sent = hello("preau.lan");
    send(&mut client, &sent).await;
    let portal = expect_carried(&front, &mut client, &sent).await;
    wait_for(&open, 52).await;
    // However many hardware addresses somebody makes up: they share one share.
    let mut made_up = Vec::new();
    for device in 3..=52 {
        made_up.extend(visit(&school, device, 4).await);
    }
    wait_for(&open, 52 + 128).await;
    // Whoever lost his connection has another with his next request.
    send(&mut first[0], "GET / HTTP/1.1\r\nHost: preau.lan\r\n\r\n").await;
    read_until(&mut first[0], "ok").await;
    wait_for(&open, 52 + 128).await;
    drop((made_up, second, first));
    wait_for(&open, 0).await;
    assert_eq!(school.gate.callers().find(portal.peer_addr().unwrap()), Some([127, 77, 0, 2].into()));
    serving.abort();
}

/// What is left of a connection in the portal's queue is nobody's, and never the next one's.
#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_was_cut_is_never_taken_for_another() {
    let (school, front, _) = open().await;
    let sent = hello("preau.lan");
    let mut cut = connect(school.tls).await;
    send(&mut cut, &sent).await;
    let before = accept(&front).await.peer_addr().unwrap();
    assert!(before.ip().is_loopback());
    socket2::SockRef::from(&cut).set_linger(Some(Duration::ZERO)).unwrap();
    drop(cut);
    while school.gate.callers().find(before).is_some() {
        tokio::task::yield_now().await;
    }
    for _ in 0..50 {
        let mut client = connect(school.tls).await;
        send(&mut client, &sent).await;
        let end = accept(&front).await.peer_addr().unwrap();
        assert_ne!(end.ip(), before.ip());
    }
}
