//! TLS for the box itself.

use tokio::net::{TcpListener, TcpStream};

use super::raw::{alert_code, connect, hello, read_exactly, read_head, read_to_end, send};
use super::school::{School, accept, expect_no_dial, site};
use crate::Portal;

/// A gate with a portal that speaks TLS, as far as the gate can tell, and the port of all servers.
async fn open() -> (School, TcpListener, u16) {
    let (front, _) = site().await;
    let (site, port) = site().await;
    let address = front.local_addr().unwrap();
    let school = School::with(|settings, _| {
        settings.ports.tls = port;
        let names = vec!["preau.lan".parse().unwrap()];
        settings.portal =
            Some(Portal { names, address: ([127, 0, 0, 1], 9).into(), tls_address: Some(address) });
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
