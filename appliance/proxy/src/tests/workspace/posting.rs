//! Answers to POST that say that they are what their URI stands for from then on (RFC 9110 section 9.3.3).

use std::path::{Path, PathBuf};

use super::keeping::{Client, Server, ask, hear, tell, walk};
use super::street::{Hands, Street};
use crate::tests::raw::{read_exactly, read_head, send};
use crate::tests::school::{PATIENCE, expect_no_dial};

/// What such an answer says, for `/x`.
const OF_PLACE: &str = "Cache-Control: max-age=60\r\nContent-Location: /x\r\n";

async fn post(client: &mut Client, fields: &str) {
    let head = format!("POST /x HTTP/1.1\r\nHost: ent.test\r\nContent-Type: text/plain\r\n{fields}");
    send(client, format!("{head}Content-Length: 5\r\n\r\n12345")).await;
}

/// The head of a request, and what was posted with it.
async fn take(server: &mut Server) -> String {
    let head = read_head(server).await;
    assert_eq!(read_exactly(server, 5).await, b"12345");
    head
}

/// Waits until a body is on the disk that begins so.
async fn await_body(folder: &Path, expected: &str) {
    let start = tokio::time::Instant::now();
    let is_it = |path: &PathBuf| {
        let is_body = path.extension().is_some_and(|it| it == "body");
        is_body && std::fs::read(path).is_ok_and(|bytes| bytes.starts_with(expected.as_bytes()))
    };
    while !walk(folder).iter().any(is_it) {
        assert!(start.elapsed() < PATIENCE, "it is not kept");
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_posted_answers_those_who_ask_for_it_later() {
    let (folder, hands) = (tempfile::tempdir().unwrap(), Hands::new());
    let street = Street::keeping(folder.path(), &hands).await;
    let mut client = street.connect().await;
    post(&mut client, "").await;
    let mut server = street.accept().await;
    assert!(take(&mut server).await.starts_with("POST /x "));
    tell(&mut server, OF_PLACE, "first").await;
    assert_eq!(hear(&mut client).await.1, "first");
    await_body(folder.path(), "first").await;
    ask(&mut client, "/x", "").await;
    let (head, body) = hear(&mut client).await;
    assert!(head.contains("cache-status: preau;hit;ttl=60\r\n") && body == "first", "{head}");
    // It answered nobody in particular, and is for nobody in particular: with a cookie, the server is asked.
    ask(&mut client, "/x", "Cookie: s=1\r\n").await;
    assert!(read_head(&mut server).await.starts_with("GET /x "));
    tell(&mut server, "Cache-Control: no-store\r\n", "lina").await;
    assert_eq!(hear(&mut client).await.1, "lina");
    // A POST is never answered from what is kept, and what it brings takes the place of what was there before.
    hands.advance(1);
    post(&mut client, "").await;
    assert!(take(&mut server).await.starts_with("POST /x "));
    tell(&mut server, OF_PLACE, "second").await;
    assert_eq!(hear(&mut client).await.1, "second");
    await_body(folder.path(), "second").await;
    ask(&mut client, "/x", "").await;
    let (head, body) = hear(&mut client).await;
    assert!(head.contains("preau;hit") && body == "second", "{head}");
    expect_no_dial(&street.site).await;
    // One that says nothing of it changes it all the same: the server is asked.
    post(&mut client, "").await;
    take(&mut server).await;
    tell(&mut server, "", "third").await;
    assert_eq!(hear(&mut client).await.1, "third");
    ask(&mut client, "/x", "").await;
    assert!(read_head(&mut server).await.starts_with("GET /x "));
}

/// A server that repeats what was typed, and says that it is what everybody gets: it is read again over the connection that posted alone, whatever
/// another one says of itself. Nor does the server hear which one that is.
#[tokio::test(flavor = "multi_thread")]
async fn what_somebody_posts_is_read_by_nobody_else() {
    // Each request that the server gets has a connection of its own.
    const LAST: &str = "Connection: close\r\n";
    const GUESS: &str = "Preau-Poster: 00000000000000000000000000000000\r\n";
    const SAME_PC: [u8; 4] = [127, 0, 0, 1];
    const OTHER_PC: [u8; 4] = [127, 77, 0, 1];
    let (folder, hands) = (tempfile::tempdir().unwrap(), Hands::new());
    let street = Street::keeping(folder.path(), &hands).await;
    let public = format!("{OF_PLACE}Cache-Control: public\r\n");
    let readers = [(SAME_PC, ""), (OTHER_PC, ""), (OTHER_PC, GUESS)];
    let rounds = [OF_PLACE, &public].into_iter().flat_map(|told| readers.map(|reader| (told, reader)));
    for (number, (of_place, (pc, fields))) in rounds.enumerate() {
        let (typed, mut lina) = (format!("typed {number}"), street.connect().await);
        post(&mut lina, GUESS).await;
        let mut server = street.accept().await;
        assert!(!take(&mut server).await.to_lowercase().contains("preau-poster"));
        tell(&mut server, &format!("{LAST}{of_place}"), &typed).await;
        assert_eq!(hear(&mut lina).await.1, typed);
        await_body(folder.path(), &typed).await;
        ask(&mut lina, "/x", "").await;
        let (head, body) = hear(&mut lina).await;
        assert!(head.contains("preau;hit") && body == typed, "{head}");
        assert!(!head.contains("preau-poster"), "{head}");
        hands.advance(1);
        let mut other = street.connect_from(pc).await;
        ask(&mut other, "/x", fields).await;
        let mut server = street.accept().await;
        let asked = read_head(&mut server).await;
        assert!(asked.starts_with("GET /x ") && !asked.to_lowercase().contains("preau-poster"), "{asked}");
        tell(&mut server, &format!("{LAST}Cache-Control: max-age=60\r\n"), "for all").await;
        assert_eq!(hear(&mut other).await.1, "for all");
        // What the server says to a GET is for everybody, and newer.
        for client in [&mut lina, &mut other] {
            ask(client, "/x", "").await;
            let (head, body) = hear(client).await;
            assert!(head.contains("preau;hit") && body == "for all", "{number} {head}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_somebody_in_particular_posts_is_for_nobody_else() {
    let (folder, hands) = (tempfile::tempdir().unwrap(), Hands::new());
    let street = Street::keeping(folder.path(), &hands).await;
    let mut client = street.connect().await;
    ask(&mut client, "/x", "").await;
    let mut server = street.accept().await;
    read_head(&mut server).await;
    tell(&mut server, "Cache-Control: no-store\r\n", "none").await;
    hear(&mut client).await;
    let public = format!("{OF_PLACE}Cache-Control: public\r\n");
    for (asked, answered) in [
        ("Cookie: s=1\r\n", public.clone()),
        ("Authorization: Basic eA==\r\n", public.clone()),
        ("", format!("{public}Set-Cookie: s=2\r\n")),
        ("", format!("{OF_PLACE}Cache-Control: private\r\n")),
        ("", "Cache-Control: max-age=60\r\nContent-Location: /y\r\n".to_owned()),
        ("", "Cache-Control: max-age=60\r\n".to_owned()),
        ("", "Content-Location: /x\r\n".to_owned()),
    ] {
        post(&mut client, asked).await;
        take(&mut server).await;
        tell(&mut server, &answered, "lina").await;
        assert_eq!(hear(&mut client).await.1, "lina");
        ask(&mut client, "/x", "").await;
        assert!(read_head(&mut server).await.starts_with("GET /x "), "{asked}{answered}");
        tell(&mut server, "Cache-Control: no-store\r\n", "none").await;
        assert_eq!(hear(&mut client).await.1, "none", "{asked}{answered}");
        let files = walk(folder.path());
        assert!(files.is_empty(), "{asked}{answered}{files:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_that_post_at_the_same_time_nobody_knows_which_was_last() {
    let (folder, hands) = (tempfile::tempdir().unwrap(), Hands::new());
    let street = Street::keeping(folder.path(), &hands).await;
    let (mut lina, mut malo) = (street.connect().await, street.connect().await);
    post(&mut lina, "").await;
    let mut first = street.accept().await;
    take(&mut first).await;
    post(&mut malo, "").await;
    let mut second = street.accept().await;
    take(&mut second).await;
    tell(&mut first, OF_PLACE, "lina").await;
    assert_eq!(hear(&mut lina).await.1, "lina");
    tell(&mut second, OF_PLACE, "malo").await;
    assert_eq!(hear(&mut malo).await.1, "malo");
    ask(&mut lina, "/x", "").await;
    // Over the connection that was given back last.
    assert!(read_head(&mut second).await.starts_with("GET /x "));
    tell(&mut second, "Cache-Control: no-store\r\n", "now").await;
    assert_eq!(hear(&mut lina).await.1, "now");
    assert!(walk(folder.path()).is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn who_reads_long_does_not_bring_back_what_was_there_before() {
    let (folder, hands) = (tempfile::tempdir().unwrap(), Hands::new());
    let street = Street::keeping(folder.path(), &hands).await;
    let (mut lina, mut malo) = (street.connect().await, street.connect().await);
    post(&mut lina, "").await;
    let mut first = street.accept().await;
    take(&mut first).await;
    send(&mut first, format!("HTTP/1.1 200 OK\r\n{OF_PLACE}Content-Length: 5\r\n\r\nol")).await;
    read_head(&mut lina).await;
    assert_eq!(read_exactly(&mut lina, 2).await, b"ol");
    hands.advance(1);
    ask(&mut malo, "/x", "").await;
    let mut second = street.accept().await;
    assert!(read_head(&mut second).await.starts_with("GET /x "));
    tell(&mut second, "Cache-Control: max-age=60\r\n", "newer").await;
    assert_eq!(hear(&mut malo).await.1, "newer");
    await_body(folder.path(), "newer").await;
    send(&mut first, "der").await;
    assert_eq!(read_exactly(&mut lina, 3).await, b"der");
    // What would be kept is kept within moments.
    for _ in 0..20 {
        ask(&mut malo, "/x", "").await;
        let (head, body) = hear(&mut malo).await;
        assert!(head.contains("preau;hit") && body == "newer", "{head}");
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn half_an_answer_is_not_kept() {
    let (folder, hands) = (tempfile::tempdir().unwrap(), Hands::new());
    let street = Street::keeping(folder.path(), &hands).await;
    let mut client = street.connect().await;
    post(&mut client, "").await;
    let mut server = street.accept().await;
    take(&mut server).await;
    send(&mut server, format!("HTTP/1.1 200 OK\r\n{OF_PLACE}Content-Length: 10\r\n\r\nhalf")).await;
    read_head(&mut client).await;
    assert_eq!(read_exactly(&mut client, 4).await, b"half");
    drop(server);
    drop(client);
    let mut client = street.connect().await;
    ask(&mut client, "/x", "").await;
    let mut server = street.accept().await;
    assert!(read_head(&mut server).await.starts_with("GET /x "));
    assert!(walk(folder.path()).is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_asked_for_before_a_change_and_comes_after_it_is_not_fresh() {
    // The last of a connection: each request has one of its own.
    const LAST: &str = "Connection: close\r\nCache-Control: max-age=60\r\n";
    let (folder, hands) = (tempfile::tempdir().unwrap(), Hands::new());
    let street = Street::keeping(folder.path(), &hands).await;
    let (mut lina, mut malo) = (street.connect().await, street.connect().await);
    ask(&mut malo, "/x", "").await;
    let mut asked = street.accept().await;
    assert!(read_head(&mut asked).await.starts_with("GET /x "));
    post(&mut lina, "").await;
    let mut posted = street.accept().await;
    take(&mut posted).await;
    tell(&mut posted, LAST, "changed").await;
    assert_eq!(hear(&mut lina).await.1, "changed");
    tell(&mut asked, LAST, "before").await;
    assert_eq!(hear(&mut malo).await.1, "before");
    // It may be from before the change: the server is asked once more.
    ask(&mut malo, "/x", "").await;
    let mut again = street.accept().await;
    assert!(read_head(&mut again).await.starts_with("GET /x "));
    tell(&mut again, LAST, "after").await;
    assert_eq!(hear(&mut malo).await.1, "after");
    ask(&mut lina, "/x", "").await;
    let (head, body) = hear(&mut lina).await;
    assert!(head.contains("preau;hit") && body == "after", "{head}");
}
