//! Two accounts, on one PC and on two, and every trick by which a cache hands one's answer to the other. The server marks
//! each answer with whom it is for; no byte with another one's mark may arrive. The seeds are fixed: what fails, fails again.

use std::sync::Arc;

use cache::Family;

use super::keeping::Client;
use super::origin::{Question, open, reply, unchanged};
use super::street::{Hands, Street};
use crate::tests::raw::{read_exactly, read_head, send};

const STEPS: usize = 250;
const ACCOUNTS: [&str; 2] = ["zelie", "yvann"];

/// Where accounts are told apart. `OWNER` stands for a name: only that one may see it.
const PLACES: [&str; 11] = [
    "/userbook/api/person",
    "/timeline",
    "/avatar/me.png",
    "/workspace/document/mine",
    "/workspace/document/OWNER-1",
    "/workspace/document/class-1",
    "/media/OWNER.mp4",
    "/public/logo.png",
    "/workspace/documents",
    // The profile says of these that they are the same for all, and is wrong.
    "/assets/theme.css",
    "/assets/OWNER.css",
];
/// What is put behind a path, so that one reader takes it for something else than another does.
const TRICKS: [&str; 16] = [
    "",
    "",
    "",
    "/x.css",
    "%2fx.css",
    "%2Fx.css",
    ";x.css",
    "%3bx.css",
    "?x.css",
    "%00.css",
    "%23.css",
    "%3f.css",
    "/..%2fx.css",
    "//x.js",
    "?cb=1",
    "?timestamp=1&signature=OWNER",
];
/// What servers say of their answers; `TAG` is one that no other answer has.
const MARKS: [&str; 12] = [
    "ETag: TAG\r\n",
    "ETag: \"TAG\"\r\n",
    "ETag: W/\"TAG\"\r\n",
    "Last-Modified: Sun, 01 Nov 2026 08:00:00 GMT\r\nETag: \"TAG\"\r\n",
    "Cache-Control: protected\r\nExpires: 0\r\n",
    "Cache-Control: max-age=600\r\nETag: \"TAG\"\r\n",
    "Cache-Control: private, max-age=600\r\nETag: TAG\r\n",
    "Cache-Control: no-cache\r\nETag: TAG\r\n",
    "Cache-Control: max-age=600, must-revalidate\r\nVary: Cookie\r\nETag: \"TAG\"\r\n",
    "Vary: Accept-Language\r\nETag: TAG\r\n",
    "Cache-Control: max-age=600, stale-while-revalidate=600\r\nETag: \"TAG\"\r\n",
    "Set-Cookie: XSRF-TOKEN=ACCOUNT; Path=/\r\nETag: \"TAG\"\r\nCache-Control: max-age=600\r\n",
];
/// What clients send besides.
const WISHES: [&str; 12] = [
    "",
    // The server hears no cookie, and answers nobody.
    "Connection: Cookie\r\n",
    "Range: bytes=0-9\r\n",
    "Range: bytes=5-\r\n",
    "Range: bytes=-7\r\n",
    "Range: bytes=0-1,4-6\r\n",
    "Cache-Control: only-if-cached\r\n",
    "Cache-Control: max-stale\r\n",
    "Authorization: Bearer token\r\n",
    "Accept-Language: fr\r\nAccept: text/html\r\n",
    "If-None-Match: *\r\n",
    "X-Forwarded-Host: evil.test\r\n",
];

/// A generator of numbers (xorshift): the same seed, the same numbers.
struct Dice(u64);

impl Dice {
    fn throw(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 33).unwrap() % sides
    }

    fn pick<'t>(&mut self, texts: &[&'t str]) -> &'t str {
        texts[self.throw(texts.len())]
    }
}

fn family() -> Family {
    Family {
        session_cookies: vec!["oneSessionId".to_owned()],
        files: vec!["/workspace/document/*".parse().unwrap(), "/media/*".parse().unwrap()],
        signatures: vec!["timestamp".to_owned(), "signature".to_owned()],
        for_all: vec!["/assets/**".parse().unwrap()],
        log_out: vec!["/auth/logout".parse().unwrap()],
        offline_days: 7,
        ..Family::default()
    }
}

/// The server. What an answer says of its being kept depends on where it is, and on nothing else.
fn answer(question: &Question, seed: u64) -> Vec<u8> {
    let account = question.account().unwrap_or("nobody");
    let owner = ACCOUNTS.into_iter().find(|name| question.uri.contains(name));
    if owner.is_some_and(|owner| owner != account) {
        return reply(question, "403 Forbidden", &format!("X-Account: {account}\r\n"), b"not for you");
    }
    // What is one for all is marked so; the rest is made for who asks.
    let is_shared = question.uri.contains("/class-") || question.uri.contains("/public/");
    let whose = if is_shared { "everyone" } else { account };
    let place = question.uri.split('?').next().unwrap_or_default();
    let hash = place.bytes().fold(seed, |hash, byte| hash.wrapping_mul(31).wrapping_add(byte.into()));
    let mark = MARKS[usize::try_from(hash % 12).unwrap()];
    let mark = if question.uri.starts_with("/public/") {
        "Cache-Control: public, max-age=60\r\nETag: \"TAG\"\r\n"
    } else {
        mark
    };
    let tag = format!("{:x}-{}", hash, whose.len() * 7 + usize::from(whose.as_bytes()[0]));
    let fields = mark.replace("TAG", &tag).replace("ACCOUNT", account);
    // Who says that an answer is for all says so of its fields, but for the cookies of a 304.
    let told = if question.uri.starts_with("/public/") { "everyone" } else { account };
    let known = question.field("if-none-match").unwrap_or_default();
    if known.contains(&tag) {
        return unchanged(&format!("X-Account: {told}\r\nSet-Cookie: XSRF-TOKEN={account}\r\n{fields}"));
    }
    let kind = if place.contains("/api/") { "application/json" } else { "application/pdf" };
    // An answer to POST says that it is what is there from then on. Names in it would be told from nobody's.
    let has_other = ACCOUNTS.iter().any(|name| *name != account && question.uri.contains(name));
    let is_of_place = question.method == "POST" && !has_other;
    let of_place =
        if is_of_place { format!("Content-Location: {}\r\n", question.uri) } else { String::new() };
    let fields = format!("X-Account: {told}\r\nContent-Type: {kind}\r\n{of_place}{fields}");
    // Marked at both ends and in between, so that any part shows whose it is.
    reply(question, "200 OK", &fields, format!("[{whose}]").repeat(400).as_bytes())
}

/// One request of an account, and its answer: head and body, as text.
async fn ask(client: &mut Client, dice: &mut Dice, account: &str) -> (String, String) {
    let method = dice.pick(&["GET", "GET", "GET", "GET", "HEAD", "POST", "OPTIONS"]);
    let path = [dice.pick(&PLACES), dice.pick(&TRICKS)].concat().replace("OWNER", dice.pick(&ACCOUNTS));
    let cookie = match dice.throw(8) {
        0 => String::new(),
        1 => format!("Cookie: theme=blue\r\nCookie: oneSessionId={account}-0123456789abcdef\r\n"),
        _ => format!("Cookie: oneSessionId={account}-0123456789abcdef; authenticated=true\r\n"),
    };
    let wish = dice.pick(&WISHES);
    let request =
        format!("{method} {path} HTTP/1.1\r\nHost: ent.test\r\n{cookie}{wish}Content-Length: 0\r\n\r\n");
    send(client, &request).await;
    let head = read_head(client).await;
    let small = head.to_lowercase();
    let length = small.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap_or("0");
    let has_body = method != "HEAD" && !small.starts_with("http/1.1 304 ");
    let length = if has_body { length.parse().unwrap() } else { 0 };
    let body = String::from_utf8(read_exactly(client, length).await).unwrap();
    (format!("{request}{head}"), body)
}

async fn check(street: &Street, client: &mut Client, dice: &mut Dice, seed: u64) {
    let number = dice.throw(2);
    let (account, other) = (ACCOUNTS[number], ACCOUNTS[1 - number]);
    let (talk, body) = ask(client, dice, account).await;
    let head = talk.split_once("\r\n\r\n").map_or("", |(_, head)| head);
    // A part may be a few letters: whatever it is, it is none of the other one's.
    let is_foreign = |text: &str| text.contains(&other[..3]);
    assert!(!is_foreign(head) && !is_foreign(&body), "seed {seed}: {talk}{body}");
    street.school.log();
}

/// On one PC, whose browser keeps its connection while another pupil signs in; and on two.
async fn play(seed: u64, has_two: bool) {
    let (folder, hands) = (tempfile::tempdir().unwrap(), Hands::new());
    let street = Arc::new(Street::keeping_family(folder.path(), &hands, family()).await);
    let server = open(&street, move |question: &Question| answer(question, seed));
    let mut dice = Dice(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
    let mut clients = vec![street.connect().await];
    if has_two {
        clients.push(street.connect_from([127, 77, 0, 1]).await);
    }
    for step in 0..STEPS {
        let client = step % clients.len();
        check(&street, &mut clients[client], &mut dice, seed).await;
        hands.advance(i64::try_from(dice.throw(40)).unwrap());
    }
    // Without the line, too: the first ones wait until that is known.
    server.abort();
    for step in 0..STEPS / 2 {
        let client = step % clients.len();
        let lost = check(&street, &mut clients[client], &mut dice, seed);
        lost.await;
        hands.advance(i64::try_from(dice.throw(40)).unwrap());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_of_one_account_reaches_another_on_one_pc() {
    for seed in 1..=4 {
        play(seed, false).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_of_one_account_reaches_another_on_two_pcs() {
    for seed in 5..=8 {
        play(seed, true).await;
    }
}
