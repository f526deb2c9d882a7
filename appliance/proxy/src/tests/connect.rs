//! `CONNECT` at the explicit proxy.

use std::io::ErrorKind;

use tokio::net::TcpStream;

use super::raw::{alert_code, ask_once, connect, hello, read_exactly, read_head, read_to_end, send};
use super::school::{School, accept, expect_no_dial, site};

/// A tunnel to `host`, as far as the gate's consent.
async fn tunnel(school: &School, host: &str, port: u16) -> TcpStream {
    let mut client = connect(school.explicit).await;
    send(&mut client, format!("CONNECT {host}:{port} HTTP/1.1\r\nHost: {host}:{port}\r\n\r\n")).await;
    assert!(read_head(&mut client).await.starts_with("HTTP/1.1 200 "));
    client
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tunnel_to_the_name_inside_is_one_access() {
    let (site, port) = site().await;
    let school = School::before(port).await;
    let mut client = tunnel(&school, "Tunnel.test", port).await;
    let sent = hello("tunnel.TEST");
    send(&mut client, &sent).await;
    let mut server = accept(&site).await;
    assert_eq!(read_exactly(&mut server, sent.len()).await, sent);
    send(&mut server, b"answer").await;
    assert_eq!(read_exactly(&mut client, 6).await, b"answer");
    drop((client, server));
    school.expect_log(&[&format!("connect tunnel.test permit finish {}/6", sent.len())]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hello_that_comes_with_the_request_is_not_lost() {
    let (site, port) = site().await;
    let school = School::before(port).await;
    let mut client = connect(school.explicit).await;
    let sent = hello("eager.test");
    let head = format!("CONNECT eager.test:{port} HTTP/1.1\r\n\r\n");
    send(&mut client, [head.as_bytes(), &sent].concat()).await;
    assert!(read_head(&mut client).await.starts_with("HTTP/1.1 200 "));
    let mut server = accept(&site).await;
    assert_eq!(read_exactly(&mut server, sent.len()).await, sent);
}

#[tokio::test(flavor = "multi_thread")]
async fn another_name_inside_is_an_access_of_its_own() {
    let (site, port) = site().await;
    let school = School::before(port).await;
    let mut client = tunnel(&school, "front.test", port).await;
    send(&mut client, hello("behind.test")).await;
    let _server = accept(&site).await;
    school.expect_log(&["connect front.test permit abort 0/0", "tls behind.test permit"]).await;

    let school = School::before(port).await;
    let mut client = tunnel(&school, "front.test", port).await;
    send(&mut client, hello("adult.preau.test")).await;
    assert_eq!(alert_code(&read_to_end(&mut client).await.unwrap()), 49);
    school.expect_log(&["connect front.test permit abort 0/0", "tls adult.preau.test refuse adult"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_tls_inside_is_reset() {
    let (site, port) = site().await;
    let school = School::before(port).await;
    let mut client = tunnel(&school, "front.test", port).await;
    send(&mut client, b"SSH-2.0-x\r\n").await;
    assert_eq!(read_to_end(&mut client).await.unwrap_err().kind(), ErrorKind::ConnectionReset);
    school.expect_log(&["connect front.test permit abort 0/0", "tls front.test refuse not-tls"]).await;
    expect_no_dial(&site).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tunnel_that_says_nothing_is_one_access() {
    let (_site, port) = site().await;
    let school = School::before(port).await;
    drop(tunnel(&school, "silent.test", port).await);
    school.expect_log(&["connect silent.test permit finish 0/0"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn refused_tunnels_have_a_page_and_one_record() {
    let (_site, port) = site().await;
    let cases = [
        (format!("adult.preau.test:{port}"), "403", "connect adult.preau.test refuse adult"),
        (format!("192.0.2.1:{port}"), "403", "connect 192.0.2.1 refuse address-literal"),
        (format!("[2001:db8::1]:{port}"), "403", "connect 2001:db8::1 refuse address-literal"),
        ("a.test:22".to_owned(), "403", "connect a.test refuse port"),
        ("a.test:25\r\nHost: a.test:25".to_owned(), "403", "connect a.test refuse port"),
    ];
    for (target, status, record) in cases {
        let school = School::before(port).await;
        let (target, fields) = target.split_once("\r\n").unwrap_or((&target, "X: y"));
        let answer = ask_once(
            school.explicit,
            &format!("CONNECT {target} HTTP/1.1\r\n{fields}\r\nConnection: close\r\n\r\n"),
        )
        .await;
        assert!(answer.split(' ').nth(1) == Some(status), "{target}: {answer}");
        assert!(answer.contains("refused "), "{answer}");
        school.expect_log(&[record]).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tunnel_is_not_opened_at_the_redirected_door() {
    let (_site, port) = site().await;
    let school = School::before(port).await;
    let request =
        format!("CONNECT a.test:{port} HTTP/1.1\r\nHost: a.test:{port}\r\nConnection: close\r\n\r\n");
    let answer = ask_once(school.http, &request).await;
    assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
    school.expect_log(&["connect - refuse malformed"]).await;

    let answer = ask_once(
        school.explicit,
        &format!("CONNECT a.test:{port} HTTP/1.1\r\nHost: b.test:{port}\r\nConnection: close\r\n\r\n"),
    )
    .await;
    assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
}
