//! What shall be here before anybody asks.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use cache::Family;
use model::{Device, DomainName, ProfileName, Timestamp};
use ring::digest;
use tokio::sync::watch;
use tokio::time::{Instant, sleep};

use super::keeping::{Client, ask, hear_bytes};
use super::origin::{self, Question, reply, unchanged};
use super::street::{Hands, SHARE_BYTES, Street};
use crate::tests::raw::{pattern, read_until, send};
use crate::tests::school::{PATIENCE, PC};
use crate::{Pace, Preparation, Progress, Settled, Wanted};

const PUBLIC: &str = "Cache-Control: public, max-age=60\r\nETag: \"a\"\r\n";

fn device(profile: &str) -> Arc<Device> {
    let profile: ProfileName = profile.parse().unwrap();
    Arc::new(Device { mac: PC, name: "CM2-01".parse().unwrap(), room: None, profile })
}

pub(super) fn wanted(path: &str) -> Wanted {
    let (host, device) = ("ent.test".parse().unwrap(), device("elementaire"));
    Wanted { host, path: path.to_owned(), tag: None, digest: None, device, until: None }
}

async fn prepare(street: &Street, wanted: Wanted) -> (Preparation, (u64, u64)) {
    let progress = Arc::new(Progress::default());
    let (_stop, stopping) = watch::channel(false);
    let (gate, pace) = (Arc::clone(&street.school.gate), Arc::new(Pace::new(1 << 30)));
    let outcome = gate.prepare(wanted, pace, Arc::clone(&progress), stopping).await;
    (outcome.preparation, progress.read())
}

/// A film for all, a page for who is signed in, a page that sets a cookie, something very long, and a film that needs no pupil.
fn answer(question: &Question) -> Vec<u8> {
    match question.uri.as_str() {
        "/film" if question.field("if-none-match").is_some() => unchanged(PUBLIC),
        "/film" => reply(question, "200 OK", PUBLIC, &pattern(100_000)),
        "/mine" => reply(question, "302 Found", "Location: /login\r\n", b""),
        "/login" => reply(question, "200 OK", &format!("{PUBLIC}Content-Type: text/html\r\n"), b"who?"),
        "/old" => reply(question, "301 Moved Permanently", "Location: https://ent.test/newer\r\n", b""),
        "/newer" => reply(question, "302 Found", "Location: /film#1\r\n", b""),
        "/signed" => reply(question, "302 Found", "Location: /film?until=1\r\n", b""),
        "/abroad" => reply(question, "302 Found", "Location: https://other.test/film\r\n", b""),
        // Another workspace of the box's, as far as it knows one.
        "/beside" => reply(question, "302 Found", "Location: //media.ent.example/film\r\n", b""),
        "/course/1" => reply(question, "302 Found", "Location: ../film\r\n", b""),
        "/circle" => reply(question, "301 Moved Permanently", "Location: /circle\r\n", b""),
        "/greeting" => reply(question, "200 OK", &format!("{PUBLIC}Set-Cookie: a=1\r\n"), b"hello"),
        "/anonymous" => reply(question, "200 OK", "Cache-Control: max-age=60\r\n", b"hello"),
        "/long" => {
            let length = SHARE_BYTES / 2 + 1;
            format!("HTTP/1.1 200 OK\r\n{PUBLIC}Content-Length: {length}\r\n\r\n").into_bytes()
        }
        "/trouble" => reply(question, "503 Service Unavailable", "", b""),
        _ => reply(question, "404 Not Found", "", b""),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_prepared_is_here_when_the_class_asks() {
    let (folder, hands) = (tempfile::tempdir().unwrap(), Hands::new());
    let street = Arc::new(Street::keeping(folder.path(), &hands).await);
    let serving = origin::open(&street, answer);
    assert_eq!(prepare(&street, wanted("/film")).await, (Preparation::Here, (100_000, 100_000)));
    // It is an access of the device, as any other.
    street.school.expect_log(&["http ent.test permit finish 0/0"]).await;
    // The next night it is asked for again, and has not changed.
    hands.advance(3_600);
    assert_eq!(prepare(&street, wanted("/film")).await.0, Preparation::Here);
    serving.abort();
    let mut pupil = street.connect().await;
    send(&mut pupil, "GET /film HTTP/1.1\r\nHost: ent.test\r\nCookie: s=1\r\n\r\n").await;
    let head = read_until(&mut pupil, "\r\n\r\n").await;
    assert!(head.contains("preau;hit;ttl=60"), "{head}");
}

/// Yesterday's most used things are right when the school opens, and asked for by what is known of them.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_used_most_is_looked_at_before_the_school_opens() {
    let (folder, hands) = (tempfile::tempdir().unwrap(), Hands::new());
    let street = Arc::new(Street::keeping(folder.path(), &hands).await);
    let asked = Arc::new(Mutex::new(Vec::new()));
    let noted = Arc::clone(&asked);
    let serving = origin::open(&street, move |question: &Question| {
        let known = question.field("if-none-match").map(str::to_owned);
        noted.lock().unwrap().push((question.uri.clone(), known));
        answer(question)
    });
    let mut pupil = street.connect().await;
    for path in ["/film", "/film", "/film?who=lina", "/film?who=lina", "/trouble", "/trouble"] {
        ask(&mut pupil, path, "Cookie: s=1\r\n").await;
        hear_bytes(&mut pupil).await;
    }
    asked.lock().unwrap().clear();
    // The next morning, at five.
    hands.advance(20 * 3_600);
    let look = || {
        let (gate, pace) = (Arc::clone(&street.school.gate), Arc::new(Pace::new(1 << 30)));
        let (stop, stopping) = watch::channel(false);
        async move {
            let here = gate.refresh_used(pace, stopping).await;
            drop(stop);
            here
        }
    };
    assert_eq!(look().await, 1, "what is for all, and has nobody's query");
    assert_eq!(*asked.lock().unwrap(), [("/film".to_owned(), Some("\"a\"".to_owned()))]);
    assert_eq!(look().await, 0, "counting began anew");
    // The school opens, and the line is down.
    serving.abort();
    ask(&mut pupil, "/film", "Cookie: s=1\r\n").await;
    let (head, film) = hear_bytes(&mut pupil).await;
    assert!(head.contains("preau;hit;ttl=60") && film == pattern(100_000), "{head}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_prepared_says_why() {
    let (folder, hands) = (tempfile::tempdir().unwrap(), Hands::new());
    let street = Arc::new(Street::keeping(folder.path(), &hands).await);
    let _serving = origin::open(&street, answer);
    for (path, expected) in [
        ("/mine", Preparation::Personal),
        ("/greeting", Preparation::Personal),
        ("/anonymous", Preparation::Personal),
        ("/signed", Preparation::Personal),
        ("/abroad", Preparation::NotShared),
        ("/beside", Preparation::NotShared),
        ("/course/1", Preparation::Here),
        ("/circle", Preparation::Personal),
        ("/long", Preparation::Full),
        ("/trouble", Preparation::Later),
        ("/nothing", Preparation::Missing),
    ] {
        assert_eq!(prepare(&street, wanted(path)).await.0, expected, "{path}");
    }
    let elsewhere = Wanted { host: "other.test".parse().unwrap(), ..wanted("/film") };
    assert_eq!(prepare(&street, elsewhere).await.0, Preparation::Elsewhere);
    let refused = Wanted { host: super::street::REFUSED.parse().unwrap(), ..wanted("/film") };
    assert_eq!(prepare(&street, refused).await.0, Preparation::Refused);
}

#[tokio::test(flavor = "multi_thread")]
async fn where_the_workspace_leads_to_a_place_of_its_own_it_is_followed() {
    let (folder, hands) = (tempfile::tempdir().unwrap(), Hands::new());
    let street = Arc::new(Street::keeping(folder.path(), &hands).await);
    let _serving = origin::open(&street, answer);
    let (_stop, stopping) = watch::channel(false);
    let (gate, pace) = (Arc::clone(&street.school.gate), Arc::new(Pace::new(1 << 30)));
    let settled = gate.prepare(wanted("/old"), pace, Arc::default(), stopping).await;
    let place = Some("https://ent.test/film".parse().unwrap());
    assert_eq!(settled, Settled { preparation: Preparation::Here, place });
    street.school.expect_log(&["http ent.test permit finish 0/0"; 3]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_here_stays_until_the_new_one_is_whole() {
    let (folder, hands) = (tempfile::tempdir().unwrap(), Hands::new());
    let street = Arc::new(Street::keeping(folder.path(), &hands).await);
    let _serving = origin::open(&street, |question| {
        let is_asked_again = question.field("if-none-match").is_some();
        match question.uri.as_str() {
            // The line is cut.
            "/film" if is_asked_again => {
                let fields = "Cache-Control: public, max-age=60\r\nTransfer-Encoding: chunked\r\n";
                format!("HTTP/1.1 200 OK\r\n{fields}\r\n5\r\nhello\r\nno chunk\r\n").into_bytes()
            }
            // The workspace is being mended.
            "/page" if is_asked_again => reply(question, "200 OK", "Cache-Control: max-age=60\r\n", b"soon"),
            "/news" if is_asked_again => {
                reply(question, "200 OK", "Cache-Control: public, max-age=60\r\nETag: \"b\"\r\n", b"new")
            }
            _ => reply(question, "200 OK", PUBLIC, &pattern(100_000)),
        }
    });
    for path in ["/film", "/page", "/news"] {
        assert_eq!(prepare(&street, wanted(path)).await.0, Preparation::Here, "{path}");
    }
    hands.advance(3_600);
    let until = Timestamp::from_unix_ms(access::Clock::now(&*hands).at.unix_ms() + 3_600_000);
    let host = "ent.test".parse().unwrap();
    for (path, expected) in [("/film", Preparation::Later), ("/page", Preparation::Personal)] {
        assert_eq!(prepare(&street, wanted(path)).await.0, expected, "{path}");
        assert!(street.school.gate.has_ready(&host, path, until).await, "{path}");
    }
    assert_eq!(prepare(&street, wanted("/news")).await, (Preparation::Here, (3, 3)));
    assert!(!street.school.gate.has_ready(&host, "/nothing", until).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_class_would_not_get_is_not_here() {
    let (folder, hands) = (tempfile::tempdir().unwrap(), Hands::new());
    let street = Arc::new(Street::keeping(folder.path(), &hands).await);
    let _serving = origin::open(&street, |question| {
        let fields = match question.uri.as_str() {
            "/strict" => "Cache-Control: public, max-age=60, must-revalidate\r\n",
            "/asked" => "Cache-Control: public, max-age=86400, no-cache\r\nETag: \"a\"\r\n",
            "/long" => "Cache-Control: public, max-age=86400, must-revalidate\r\n",
            "/tongues" => "Cache-Control: public, max-age=60\r\nVary: Accept-Language\r\n",
            "/codings" => "Cache-Control: public, max-age=60\r\nVary: Accept-Encoding\r\n",
            "/events" => "Cache-Control: public, max-age=60\r\nContent-Type: text/event-stream\r\n",
            _ => "Cache-Control: public, max-age=60\r\n",
        };
        reply(question, "200 OK", fields, b"hello")
    });
    let until = Some(Timestamp::from_unix_ms(access::Clock::now(&*hands).at.unix_ms() + 3_600_000));
    for (path, expected) in [
        ("/strict", Preparation::NotShared),
        ("/asked", Preparation::NotShared),
        ("/long", Preparation::Here),
        ("/tongues", Preparation::NotShared),
        ("/codings", Preparation::Here),
        ("/events", Preparation::NotShared),
        ("/film", Preparation::Here),
    ] {
        assert_eq!(prepare(&street, Wanted { until, ..wanted(path) }).await.0, expected, "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_says_no_length_has_an_end_all_the_same() {
    let (folder, hands) = (tempfile::tempdir().unwrap(), Hands::new());
    let street = Arc::new(Street::keeping(folder.path(), &hands).await);
    let _serving = origin::open(&street, |question| {
        let bytes = if question.uri == "/long" { SHARE_BYTES / 4 + (1 << 20) } else { 100_000 };
        let bytes = pattern(usize::try_from(bytes).unwrap());
        let fields = format!("{PUBLIC}Transfer-Encoding: chunked\r\n");
        let head = format!("HTTP/1.1 200 OK\r\n{fields}\r\n{:x}\r\n", bytes.len());
        [head.as_bytes(), bytes.as_slice(), &b"\r\n0\r\n\r\n"[..]].concat()
    });
    assert_eq!(prepare(&street, wanted("/long")).await.0, Preparation::Full);
    assert_eq!(prepare(&street, wanted("/short")).await.0, Preparation::Here);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_manifest_says_what_it_must_be() {
    let (folder, hands) = (tempfile::tempdir().unwrap(), Hands::new());
    let street = Arc::new(Street::keeping(folder.path(), &hands).await);
    let _serving = origin::open(&street, answer);
    let hash = |bytes: &[u8]| digest::digest(&digest::SHA256, bytes).as_ref().try_into().ok();
    let right = Wanted { digest: hash(&pattern(100_000)), tag: Some("\"a\"".to_owned()), ..wanted("/film") };
    assert_eq!(prepare(&street, right.clone()).await.0, Preparation::Here);
    let other = Wanted { tag: Some("\"b\"".to_owned()), ..right.clone() };
    assert_eq!(prepare(&street, other).await.0, Preparation::Different);
    let other = Wanted { digest: hash(b"another film"), ..right.clone() };
    assert_eq!(prepare(&street, other).await.0, Preparation::Different);
    assert_eq!(prepare(&street, right).await.0, Preparation::Here, "the workspace says that it is right");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_pinned_stays_whatever_comes() {
    let (folder, hands) = (tempfile::tempdir().unwrap(), Hands::new());
    let street = Arc::new(Street::keeping(folder.path(), &hands).await);
    let _serving = origin::open(&street, |question| match question.uri.as_str() {
        "/film" => answer(question),
        _ => reply(question, "200 OK", PUBLIC, &pattern(12 << 20)),
    });
    street.school.gate.pin(&[("ent.test".parse().unwrap(), "/film".to_owned())]);
    assert_eq!(prepare(&street, wanted("/film")).await.0, Preparation::Here);
    for number in 0..7 {
        // Twice: what is used again is worth more than what nobody has used yet.
        for _ in 0..2 {
            assert_eq!(prepare(&street, wanted(&format!("/{number}"))).await.0, Preparation::Here);
        }
    }
    let mut pupil = street.connect().await;
    send(&mut pupil, "GET /film HTTP/1.1\r\nHost: ent.test\r\nCookie: s=1\r\n\r\n").await;
    let head = read_until(&mut pupil, "\r\n\r\n").await;
    assert!(head.contains("preau;hit"), "{head}");
}

/// The line may fall at any moment: somebody opens it again, and what comes takes the place of what is here only when it is whole.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_pinned_stays_until_what_a_pupil_asks_for_is_whole() {
    let (folder, hands) = (tempfile::tempdir().unwrap(), Hands::new());
    let street = Arc::new(Street::keeping(folder.path(), &hands).await);
    let _serving = origin::open(&street, |question| {
        if question.field("if-none-match").is_none() {
            return answer(question);
        }
        // Nothing comes after that.
        let fields = "Cache-Control: public, max-age=60\r\nETag: \"b\"\r\nContent-Length: 100000\r\n";
        format!("HTTP/1.1 200 OK\r\n{fields}\r\nhello").into_bytes()
    });
    let host: DomainName = "ent.test".parse().unwrap();
    street.school.gate.pin(&[(host.clone(), "/film".to_owned())]);
    assert_eq!(prepare(&street, wanted("/film")).await.0, Preparation::Here);
    hands.advance(3_600);
    let until = Timestamp::from_unix_ms(access::Clock::now(&*hands).at.unix_ms() + 1_000);
    for _ in 0..2 {
        let mut pupil = street.connect().await;
        ask(&mut pupil, "/film", "Cache-Control: no-cache\r\n").await;
        read_until(&mut pupil, "hello").await;
        assert!(street.school.gate.has_ready(&host, "/film", until).await);
    }
}

/// Sends a form, or does away with something, and reads what that is answered with.
async fn change(pupil: &mut Client, method: &str, path: &str, status: u16) {
    let fields = "Host: ent.test\r\nCookie: s=1\r\nContent-Length: 1\r\n";
    send(pupil, format!("{method} {path} HTTP/1.1\r\n{fields}\r\nx")).await;
    let (head, _) = hear_bytes(pupil).await;
    assert!(head.starts_with(&format!("http/1.1 {status} ")), "{head}");
}

/// Asks until the answer is such a one: what brings it about takes a moment.
async fn await_answer(pupil: &mut Client, path: &str, fields: &str, is_it: impl Fn(&str) -> bool) -> Vec<u8> {
    let start = Instant::now();
    loop {
        ask(pupil, path, fields).await;
        let (head, body) = hear_bytes(pupil).await;
        if is_it(&head) {
            return body;
        }
        assert!(start.elapsed() < PATIENCE, "{path}: {head}");
        sleep(Duration::from_millis(10)).await;
    }
}

/// A form to its address, answered with a redirection, as workspaces do with any form: the server is asked at once, and not when
/// somebody wants it.
#[tokio::test(flavor = "multi_thread")]
async fn what_a_form_may_have_changed_is_looked_at_at_once() {
    let (folder, hands) = (tempfile::tempdir().unwrap(), Hands::new());
    let street = Arc::new(Street::keeping(folder.path(), &hands).await);
    let asked = Arc::new(Mutex::new(Vec::new()));
    let noted = Arc::clone(&asked);
    let _serving = origin::open(&street, move |question: &Question| {
        let (is_known, is_somebody) =
            (question.field("if-none-match").is_some(), question.field("cookie").is_some());
        noted.lock().unwrap().push((question.method.clone(), is_known, is_somebody));
        match question.method.as_str() {
            "POST" => reply(question, "303 See Other", "Location: /\r\n", b""),
            _ => answer(question),
        }
    });
    street.school.gate.pin(&[("ent.test".parse().unwrap(), "/film".to_owned())]);
    assert_eq!(prepare(&street, wanted("/film")).await.0, Preparation::Here);
    let mut pupil = street.connect().await;
    change(&mut pupil, "POST", "/film", 303).await;
    // Who wants nothing that is not here makes nobody ask.
    let is_hit = |head: &str| head.contains("preau;hit;ttl=60");
    let film = await_answer(&mut pupil, "/film", "Cache-Control: only-if-cached\r\n", is_hit).await;
    assert!(film == pattern(100_000));
    let expected = [("GET", false, false), ("POST", false, true), ("GET", true, false)];
    let expected = expected.map(|(method, is_known, is_somebody)| (method.to_owned(), is_known, is_somebody));
    assert_eq!(*asked.lock().unwrap(), expected);
}

/// A pupil sends forms to what is prepared, the workspace has no time to say that it is right still, and the line falls.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_prepared_is_not_taken_away_by_forms() {
    let (folder, hands) = (tempfile::tempdir().unwrap(), Hands::new());
    let street = Arc::new(Street::keeping_family(folder.path(), &hands, Family::default()).await);
    let has_changed = AtomicBool::new(false);
    let serving = origin::open(&street, move |question: &Question| {
        let is_changed = has_changed.load(Ordering::Relaxed);
        match (question.method.as_str(), question.uri.as_str()) {
            ("POST" | "DELETE", _) => {
                has_changed.store(true, Ordering::Relaxed);
                let status = if question.method == "POST" { "303 See Other" } else { "200 OK" };
                reply(question, status, "Location: /elsewhere\r\n", b"")
            }
            (_, "/gone") if is_changed => reply(question, "410 Gone", "", b""),
            _ if is_changed => reply(question, "503 Service Unavailable", "", b""),
            _ => reply(question, "200 OK", PUBLIC, &pattern(100_000)),
        }
    });
    let pinned = ["/film", "/gone", "/deleted"];
    let place = |path: &str| -> (DomainName, String) { ("ent.test".parse().unwrap(), path.to_owned()) };
    street.school.gate.pin(&pinned.map(place));
    for path in pinned.into_iter().chain(["/page"]) {
        assert_eq!(prepare(&street, wanted(path)).await.0, Preparation::Here, "{path}");
    }
    let mut pupil = street.connect().await;
    for path in ["/film", "/gone", "/page"] {
        change(&mut pupil, "POST", path, 303).await;
    }
    change(&mut pupil, "DELETE", "/deleted", 200).await;
    // The server's word on it comes without anybody's asking: it has to be had before the line falls.
    let until = Timestamp::from_unix_ms(access::Clock::now(&*hands).at.unix_ms() + 1_000);
    let (host, start) = ("ent.test".parse().unwrap(), Instant::now());
    while street.school.gate.has_ready(&host, "/gone", until).await {
        assert!(start.elapsed() < PATIENCE, "it is not asked for again");
        sleep(Duration::from_millis(10)).await;
    }
    assert!(street.school.gate.has_ready(&host, "/film", until).await);
    serving.abort();
    let is_outage = |head: &str| head.starts_with("http/1.1 503 ") && head.contains("/problem+json");
    await_answer(&mut pupil, "/somewhere", "", is_outage).await;
    let is_stale = |head: &str| head.contains("detail=\"stale\"");
    assert!(await_answer(&mut pupil, "/film", "", is_stale).await == pattern(100_000));
    for path in ["/gone", "/deleted", "/page"] {
        await_answer(&mut pupil, path, "", is_outage).await;
    }
}
