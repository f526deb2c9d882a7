//! Who is served by the box, and whose connection is carried through untouched.

use tokio::io::AsyncReadExt;

use super::street::{Street, shake_hands};
use crate::tests::raw::{ask_once, connect, connect_from, hello, read_exactly, read_head, send};
use crate::tests::school::accept;

#[tokio::test(flavor = "multi_thread")]
async fn a_device_that_does_not_have_the_certificate_sees_the_workspace_itself() {
    let street = Street::open().await;
    let mut client = connect_from([127, 0, 0, 2], street.door()).await;
    let sent = hello("ent.test");
    send(&mut client, &sent).await;
    let mut server = accept(&street.site).await;
    assert_eq!(read_exactly(&mut server, sent.len()).await, sent);
    street.school.expect_log(&["tls ent.test permit"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn other_sites_are_never_decrypted() {
    let street = Street::open().await;
    for name in ["bank.test", "xent.test", "test"] {
        let mut client = connect(street.door()).await;
        let sent = hello(name);
        send(&mut client, &sent).await;
        let mut server = accept(&street.site).await;
        assert_eq!(read_exactly(&mut server, sent.len()).await, sent, "{name}");
    }
}

/// A browser with certificates of its own, on a PC whose system trusts the box.
#[tokio::test(flavor = "multi_thread")]
async fn a_program_that_refuses_the_box_gets_the_workspace_itself_from_then_on() {
    let street = Street::open().await;
    let public = street.public.certificate();
    let stream = connect(street.door()).await;
    assert!(shake_hands(stream, &public, "ent.test", b"http/1.1").await.is_err());
    let start = tokio::time::Instant::now();
    loop {
        let stream = connect(street.door()).await;
        let answering = async {
            let _server = street.accept().await;
            std::future::pending::<()>().await;
        };
        let shaken = tokio::select! {
            shaken = shake_hands(stream, &public, "ent.test", b"http/1.1") => shaken,
            () = answering => unreachable!(),
        };
        if shaken.is_ok() {
            break;
        }
        assert!(start.elapsed() < crate::tests::school::PATIENCE, "it gets the box's certificate for ever");
    }
}

/// A server that forgets an intermediate certificate which browsers fetch by themselves.
#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_the_box_refuses_is_left_to_the_browser() {
    let street = Street::with_stranger().await;
    let mut client = street.connect().await;
    send(&mut client, "GET / HTTP/1.1\r\nHost: ent.test\r\n\r\n").await;
    let mut refused = accept(&street.site).await;
    let acceptor = tokio_rustls::TlsAcceptor::from(street.public.tls(&[]));
    let mut bytes = Vec::new();
    let _outcome = refused.peek(&mut [0; 1]).await;
    assert!(acceptor.accept(&mut refused).await.is_err());
    let _rest = refused.read_to_end(&mut bytes).await;
    drop(refused);
    assert!(read_head(&mut client).await.starts_with("HTTP/1.1 502 "));
    let mut client = connect(street.door()).await;
    let sent = hello("ent.test");
    send(&mut client, &sent).await;
    let mut server = accept(&street.site).await;
    assert_eq!(read_exactly(&mut server, sent.len()).await, sent);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_explicit_proxy_leads_there_too() {
    let street = Street::open().await;
    let mut client = connect(street.school.explicit).await;
    let target = format!("ent.test:{}", street.port);
    send(&mut client, format!("CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n\r\n")).await;
    assert!(read_head(&mut client).await.starts_with("HTTP/1.1 200 "));
    let mut client = shake_hands(client, &street.own.certificate(), "ent.test", b"http/1.1").await.unwrap();
    send(&mut client, "GET / HTTP/1.1\r\nHost: ent.test\r\n\r\n").await;
    let mut server = street.accept().await;
    read_head(&mut server).await;
    send(&mut server, "HTTP/1.1 204 No Content\r\n\r\n").await;
    assert!(read_head(&mut client).await.starts_with("HTTP/1.1 204 "));
    let log = ["connect ent.test permit finish 0/0", "http ent.test permit finish 0/0"];
    street.school.expect_log(&log).await;
}

/// What is not encrypted is as it was.
#[tokio::test(flavor = "multi_thread")]
async fn plain_http_is_as_it_was() {
    let street = Street::with(|settings| settings.ports.http = settings.ports.tls).await;
    let asking =
        ask_once(street.school.http, "GET / HTTP/1.1\r\nHost: ent.test\r\nConnection: close\r\n\r\n");
    let serving = async {
        let mut server = accept(&street.site).await;
        read_head(&mut server).await;
        send(&mut server, "HTTP/1.1 204 No Content\r\n\r\n").await;
    };
    let (answer, ()) = tokio::join!(asking, serving);
    assert!(answer.starts_with("HTTP/1.1 204 "), "{answer}");
}
