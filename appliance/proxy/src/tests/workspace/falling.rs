//! The line is down: nobody waits to find that out again, what was sent is told honestly, and its return is noticed.

use std::time::Duration;

use cache::Family;
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep, timeout};

use super::keeping::{Client, PUBLIC, ask, bring, hear, tell};
use super::street::{Hands, Street};
use crate::tests::raw::{read_head, send};
use crate::tests::school::{PATIENCE, accept};

/// Less than it takes to find out that the line is down: who is served within it has not waited for that.
const AT_ONCE: Duration = Duration::from_millis(900);
/// For what is stale, once the line is known to be down.
const STALE_WITHIN: Duration = Duration::from_millis(50);

/// A server that takes connections and says nothing, as a line that swallows packets does after the first ones.
async fn swallow(street: &Street) -> Vec<TcpStream> {
    let mut swallowed = Vec::new();
    while let Ok(Ok((stream, _))) = timeout(Duration::from_millis(200), street.site.accept()).await {
        swallowed.push(stream);
    }
    swallowed
}

/// Has something kept go stale, and the line fall.
async fn fall(street: &Street, hands: &Hands) -> Client {
    let (mut client, _silent) = bring(street, "", PUBLIC, "hello").await;
    hands.advance(61);
    let started = Instant::now();
    ask(&mut client, "/x", "").await;
    let swallowing = async {
        loop {
            swallow(street).await;
        }
    };
    let (head, body) = tokio::select! {
        heard = hear(&mut client) => heard,
        () = swallowing => unreachable!(),
    };
    assert!(head.contains("detail=\"stale\"") && body == "hello", "{head}");
    assert!(started.elapsed() >= cache::SILENCE, "a silence is waited for");
    client
}

#[tokio::test(flavor = "multi_thread")]
async fn once_the_line_is_known_to_be_down_nobody_waits() {
    let (folder, hands) = (tempfile::tempdir().unwrap(), Hands::new());
    let street = Street::keeping_family(folder.path(), &hands, Family::default()).await;
    let _first = fall(&street, &hands).await;
    let (mut waits, mut rounds) = (Vec::new(), Vec::new());
    for number in 0..20 {
        let mut client = street.connect().await;
        let started = Instant::now();
        ask(&mut client, "/x", "").await;
        let (head, body) = hear(&mut client).await;
        waits.push(started.elapsed());
        assert!(
            head.contains("age: 61\r\n") && head.contains("detail=\"stale\"") && body == "hello",
            "{head}"
        );
        ask(&mut client, &format!("/never-seen-{number}"), "Accept: text/html\r\n").await;
        let (head, body) = hear(&mut client).await;
        assert!(head.starts_with("http/1.1 503 ") && head.contains("retry-after: 5\r\n"), "{head}");
        assert!(body.starts_with("outage ent.test Nothing "), "{body}");
        rounds.push(started.elapsed());
    }
    // On a machine that is busy some are slow; what waits for something is slow each time.
    rounds.sort();
    assert!(rounds[rounds.len() / 2] < AT_ONCE, "{rounds:?}");
    waits.sort();
    assert!(waits[waits.len() / 4] < STALE_WITHIN, "{waits:?}");
}

/// A time-out is no reason to serve what says that it must be asked for, whatever else it says (RFC 9111 section 5.2.2.2).
#[tokio::test(flavor = "multi_thread")]
async fn what_must_be_asked_for_is_not_served_while_packets_vanish() {
    let (folder, hands) = (tempfile::tempdir().unwrap(), Hands::new());
    let street = Street::keeping_family(folder.path(), &hands, Family::default()).await;
    let strict = "Cache-Control: public, max-age=60, must-revalidate, stale-if-error=600\r\nETag: \"a\"\r\n";
    let (mut client, _silent) = bring(&street, "", strict, "hello").await;
    hands.advance(61);
    // Once it is waited for in vain, and once the line is known to be down.
    for _ in 0..2 {
        ask(&mut client, "/x", "").await;
        let swallowing = async {
            loop {
                swallow(&street).await;
            }
        };
        let (head, body) = tokio::select! {
            heard = hear(&mut client) => heard,
            () = swallowing => unreachable!(),
        };
        assert!(head.starts_with("http/1.1 503 ") && body.contains("\"status\":503"), "{head}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_waits_while_the_line_falls_is_not_left_waiting() {
    let (folder, hands) = (tempfile::tempdir().unwrap(), Hands::new());
    let street = Street::keeping_family(folder.path(), &hands, Family::default()).await;
    let mut clients = Vec::new();
    for number in 0..5 {
        let mut client = street.connect().await;
        ask(&mut client, &format!("/{number}"), "").await;
        clients.push(client);
    }
    for client in &mut clients {
        let (head, body) = hear(client).await;
        assert!(head.starts_with("http/1.1 503 "), "{head}");
        assert!(head.contains("content-type: application/problem+json\r\n"), "{head}");
        assert!(body.contains("\"status\":503"), "{body}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_return_of_the_line_is_noticed() {
    let (folder, hands) = (tempfile::tempdir().unwrap(), Hands::new());
    let street = Street::keeping_family(folder.path(), &hands, Family::default()).await;
    let mut client = fall(&street, &hands).await;
    // The server is back: it takes the probe, whose connection is the next request's.
    let server = loop {
        ask(&mut client, "/x", "").await;
        assert!(hear(&mut client).await.0.contains("detail=\"stale\""));
        let stream = accept(&street.site).await;
        let acceptor = tokio_rustls::TlsAcceptor::from(street.public.tls(&[]));
        if let Ok(Ok(server)) = timeout(Duration::from_secs(1), acceptor.accept(stream)).await {
            break server;
        }
    };
    let mut server = server;
    let started = Instant::now();
    let head = loop {
        ask(&mut client, "/x", "").await;
        // Longer than a request that is sent on takes on a machine that is busy, and less than a silence.
        if let Ok(head) = timeout(Duration::from_millis(700), read_head(&mut server)).await {
            break head;
        }
        assert!(hear(&mut client).await.0.contains("detail=\"stale\""));
        assert!(started.elapsed() < PATIENCE, "its return is not noticed");
    };
    assert!(head.to_lowercase().contains("if-none-match: \"a\"\r\n"), "{head}");
    tell(&mut server, PUBLIC, "fresh").await;
    assert_eq!(hear(&mut client).await.1, "fresh");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_thinks_is_waited_for() {
    let (folder, hands) = (tempfile::tempdir().unwrap(), Hands::new());
    let street = Street::keeping_family(folder.path(), &hands, Family::default()).await;
    let mut client = street.connect().await;
    ask(&mut client, "/slow", "").await;
    let mut server = street.accept().await;
    read_head(&mut server).await;
    // The line is probed meanwhile, and stands.
    let _probe = street.accept().await;
    sleep(cache::PROBE_WAIT + Duration::from_millis(500)).await;
    tell(&mut server, "", "thought").await;
    let (head, body) = hear(&mut client).await;
    assert!(head.starts_with("http/1.1 200 ") && body == "thought", "{head}");
}

const FORM: &str = "Content-Type: application/x-www-form-urlencoded\r\nAccept: text/html\r\n";

async fn post(client: &mut Client, fields: &str, body: &str) {
    let length = body.len();
    let head = format!("POST /forum HTTP/1.1\r\nHost: ent.test\r\n{fields}Content-Length: {length}\r\n\r\n");
    send(client, head + body).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_sent_is_told_to_be_unsent_and_given_back() {
    let (folder, hands) = (tempfile::tempdir().unwrap(), Hands::new());
    let street = Street::keeping_family(folder.path(), &hands, Family::default()).await;
    let mut client = fall(&street, &hands).await;
    let own = format!("{FORM}Sec-Fetch-Site: same-origin\r\n");
    post(&mut client, &own, "titre=No%C3%ABl&texte=a+b").await;
    let (head, body) = hear(&mut client).await;
    assert!(head.starts_with("http/1.1 503 ") && head.contains("cache-control: no-store\r\n"), "{head}");
    assert_eq!(body, "outage ent.test Unsent [(\"titre\", \"Noël\"), (\"texte\", \"a b\")]\n");
    // A page of somebody else's gets nothing to send in the workspace's name.
    let foreign = format!("{FORM}Sec-Fetch-Site: cross-site\r\nOrigin: https://evil.test\r\n");
    post(&mut client, &foreign, "titre=x").await;
    assert_eq!(hear(&mut client).await.1, "outage ent.test Unsent []\n");
    post(&mut client, &own, "login=lina&password=x").await;
    assert_eq!(hear(&mut client).await.1, "outage ent.test Unsent []\n");
    // Nothing of it is on the disk.
    for path in super::keeping::walk(folder.path()) {
        assert!(!String::from_utf8_lossy(&std::fs::read(&path).unwrap()).contains("titre"), "{path:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_an_upload_that_cannot_be_sent_the_text_is_given_back() {
    let (folder, hands) = (tempfile::tempdir().unwrap(), Hands::new());
    let street = Street::keeping_family(folder.path(), &hands, Family::default()).await;
    let mut client = fall(&street, &hands).await;
    // One that is held, and one that is read while it comes.
    for bytes in [10, 300_000] {
        let file = "x".repeat(bytes);
        let body = format!(
            "--b\r\nContent-Disposition: form-data; name=\"titre\"\r\n\r\nNoël\r\n--b\r\nContent-Disposition: form-data; \
             name=\"piece\"; filename=\"volcan.pdf\"\r\n\r\n{file}\r\n--b\r\nContent-Disposition: form-data; \
             name=\"suite\"\r\n\r\n2\r\n--b--\r\n"
        );
        let fields = "Content-Type: multipart/form-data; boundary=b\r\nAccept: text/html\r\nSec-Fetch-Site: same-origin\r\n";
        post(&mut client, fields, &body).await;
        let (head, body) = hear(&mut client).await;
        assert!(head.starts_with("http/1.1 503 "), "{head}");
        let typed = "[(\"titre\", \"Noël\"), (\"suite\", \"2\")] piece=volcan.pdf";
        assert_eq!(body, format!("outage ent.test Unsent {typed}\n"), "{bytes}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_device_that_holds_uploads_open_takes_nobody_elses_text() {
    const UPLOAD: &str = "Content-Type: multipart/form-data; boundary=b\r\nAccept: text/html\r\nSec-Fetch-Site: same-origin\r\n";
    let (folder, hands) = (tempfile::tempdir().unwrap(), Hands::new());
    let street = Street::keeping_family(folder.path(), &hands, Family::default()).await;
    let mut client = fall(&street, &hands).await;
    let mut held = Vec::new();
    for _ in 0..8 {
        let mut held_open = street.connect().await;
        let head = format!(
            "POST /forum HTTP/1.1\r\nHost: ent.test\r\n{UPLOAD}Content-Length: 200000\r\n\r\n--b\r\n"
        );
        send(&mut held_open, head).await;
        held.push(held_open);
    }
    let body = format!(
        "--b\r\nContent-Disposition: form-data; name=\"titre\"\r\n\r\nNoël\r\n--b\r\nContent-Disposition: form-data; \
         name=\"piece\"; filename=\"volcan.pdf\"\r\n\r\n{}\r\n--b--\r\n",
        "x".repeat(200_000)
    );
    // Its own share is taken once the box has looked at what it holds open.
    let started = Instant::now();
    loop {
        post(&mut client, UPLOAD, &body).await;
        if hear(&mut client).await.1 == "outage ent.test Unsent []\n" {
            break;
        }
        assert!(started.elapsed() < PATIENCE, "one device has more than its share");
    }
    let mut other = street.connect_from([127, 77, 0, 1]).await;
    post(&mut other, UPLOAD, &body).await;
    let typed = "[(\"titre\", \"Noël\")] piece=volcan.pdf";
    assert_eq!(hear(&mut other).await.1, format!("outage ent.test Unsent {typed}\n"));
    drop(held);
}

/// More than what buffers on the way to a server hold that does not read.
const LARGE_BYTES: usize = 24 << 20;

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_that_is_cut_half_way_has_not_arrived_and_gives_its_text_back() {
    let (folder, hands) = (tempfile::tempdir().unwrap(), Hands::new());
    let street = Street::keeping_family(folder.path(), &hands, Family::default()).await;
    let mut client = street.connect().await;
    let file = "x".repeat(LARGE_BYTES);
    let body = format!(
        "--b\r\nContent-Disposition: form-data; name=\"titre\"\r\n\r\nNoël\r\n--b\r\nContent-Disposition: form-data; \
         name=\"piece\"; filename=\"volcan.mp4\"\r\n\r\n{file}\r\n--b\r\nContent-Disposition: form-data; \
         name=\"suite\"\r\n\r\n2\r\n--b--\r\n"
    );
    let fields = "Content-Type: multipart/form-data; boundary=b\r\nAccept: text/html\r\nSec-Fetch-Site: same-origin\r\n";
    let sending = async {
        post(&mut client, fields, &body).await;
        hear(&mut client).await
    };
    let falling = async {
        let mut server = street.accept().await;
        read_head(&mut server).await;
        // From here on packets vanish: nothing is read, and nobody answers.
        loop {
            swallow(&street).await;
        }
    };
    let (head, body) = tokio::select! {
        heard = sending => heard,
        () = falling => unreachable!(),
    };
    assert!(head.starts_with("http/1.1 503 "), "{head}");
    let typed = "[(\"titre\", \"Noël\"), (\"suite\", \"2\")] piece=volcan.mp4";
    assert_eq!(body, format!("outage ent.test Half {typed}\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_program_of_a_page_gets_no_page() {
    let (folder, hands) = (tempfile::tempdir().unwrap(), Hands::new());
    let street = Street::keeping_family(folder.path(), &hands, Family::default()).await;
    let mut client = fall(&street, &hands).await;
    for asks in [
        "Sec-Fetch-Dest: empty\r\nAccept: text/html, */*\r\n",
        "Accept: application/json\r\n",
        "Accept: */*\r\n",
    ] {
        let fields = format!("Content-Type: application/json\r\nSec-Fetch-Site: same-origin\r\n{asks}");
        post(&mut client, &fields, "{\"texte\":\"bonjour\"}").await;
        let (head, body) = hear(&mut client).await;
        assert!(head.starts_with("http/1.1 503 ") && head.contains("retry-after: 5\r\n"), "{head}");
        assert!(head.contains("content-type: application/problem+json\r\n"), "{head}");
        assert!(body.contains("nothing was sent") && body.contains("\"status\":503"), "{body}");
        ask(&mut client, "/api/me", asks).await;
        let (head, body) = hear(&mut client).await;
        assert!(head.contains("content-type: application/problem+json\r\n"), "{head}");
        assert!(body.contains("is down") && !body.contains("sent"), "{body}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_on_its_way_when_the_line_broke_may_have_arrived() {
    let street = Street::open().await;
    let mut client = street.connect().await;
    post(&mut client, &format!("{FORM}Sec-Fetch-Site: same-origin\r\n"), "titre=x").await;
    let mut server = street.accept().await;
    let head = read_head(&mut server).await.to_lowercase();
    assert!(head.contains("content-length: 7\r\n"), "{head}");
    drop(server);
    let (head, body) = hear(&mut client).await;
    assert!(head.starts_with("http/1.1 502 "), "{head}");
    assert_eq!(body, "outage ent.test Unknown [(\"titre\", \"x\")]\n");
}

const PAGE: &str = "Cache-Control: public, max-age=60\r\nETag: \"p\"\r\nContent-Type: text/html\r\n";

#[tokio::test(flavor = "multi_thread")]
async fn a_page_that_is_stale_says_so_and_is_told_to_those_who_miss_another() {
    let (folder, hands) = (tempfile::tempdir().unwrap(), Hands::new());
    let page = "<title>Le\u{e7}on 1</title><body>Bonjour";
    {
        let street = Street::keeping_family(folder.path(), &hands, Family::default()).await;
        bring(&street, "Accept: text/html\r\n", PAGE, page).await;
        super::keeping::await_record(folder.path()).await;
    }
    // It is known again after a restart.
    let street = Street::keeping_family(folder.path(), &hands, Family::default()).await;
    hands.advance(61);
    let started = Instant::now();
    let mut client = street.connect().await;
    loop {
        ask(&mut client, "/y", "Accept: text/html\r\n").await;
        let (_, body) = hear(&mut client).await;
        if body == "outage ent.test Nothing [] [Le\u{e7}on 1](/x)\n" {
            break;
        }
        assert!(started.elapsed() < PATIENCE, "{body}");
    }
    // Also for a browser that has it, and for one that goes on with a download.
    for condition in ["", "If-None-Match: \"p\"\r\n", "Range: bytes=3-\r\n"] {
        ask(&mut client, "/x", &format!("Sec-Fetch-Dest: document\r\nAccept: text/html\r\n{condition}"))
            .await;
        let (head, body) = hear(&mut client).await;
        assert!(head.starts_with("http/1.1 200 ") && head.contains("age: 61\r\n"), "{head}");
        assert!(!head.contains("etag") && head.contains("cache-control: no-store\r\n"), "{head}");
        assert!(body.starts_with("<title>Le\u{e7}on 1</title><body><div role=\"status\""), "{body}");
        assert!(body.contains("notice 61") && body.ends_with("Bonjour"), "{body}");
    }
    // A script that fetches it gets it as it is.
    ask(&mut client, "/x", "Sec-Fetch-Dest: empty\r\n").await;
    let (head, body) = hear(&mut client).await;
    assert!(head.contains("etag: \"p\"\r\n") && body == page, "{head}");
}
