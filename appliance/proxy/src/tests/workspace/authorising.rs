//! Files that each has to be authorised for: one body for the class, a small check for each, and what a session may read
//! without the line.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use cache::Family;
use tokio::io::AsyncReadExt as _;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};

use super::keeping::{Client, ask, hear};
use super::origin::{Question, impersonate, open, reply, unchanged};
use super::street::{Hands, Street};
use crate::tests::school::PATIENCE;

const LINA: &str = "Cookie: oneSessionId=lina-0123456789abcdef\r\n";
const MALO: &str = "Cookie: oneSessionId=malo-0123456789abcdef\r\n";
const NORA: &str = "Cookie: oneSessionId=nora-0123456789abcdef\r\n";
const TEXT: &str = "La photosynthese, lecon du matin. ";
const PATH: &str = "/workspace/document/7f3a-11";

fn family() -> Family {
    Family {
        session_cookies: vec!["oneSessionId".to_owned()],
        files: vec!["/workspace/document/*".parse().unwrap()],
        signatures: vec!["timestamp".to_owned(), "signature".to_owned()],
        log_out: vec!["/auth/logout".parse().unwrap()],
        offline_days: 7,
        ..Family::default()
    }
}

/// Longer than a block.
fn lesson(version: usize) -> Vec<u8> {
    TEXT.replace("lecon", &format!("lecon {version}")).repeat(1_000).into_bytes()
}

/// How the server behaves.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Manner {
    /// It compares the tag, as entcore does.
    Compares,
    /// It sends everything again.
    SendsAll,
}

/// A school, its server, and what the server did.
struct Class {
    street: Arc<Street>,
    server: JoinHandle<()>,
    version: Arc<AtomicUsize>,
    /// Who was answered, and with which status.
    told: Arc<Mutex<Vec<(String, u16)>>>,
}

impl Class {
    async fn open(folder: &Path, hands: &Arc<Hands>, manner: Manner) -> Self {
        let street = Arc::new(Street::keeping_family(folder, hands, family()).await);
        let (version, told) = (Arc::new(AtomicUsize::new(1)), Arc::new(Mutex::new(Vec::new())));
        let (current, log) = (Arc::clone(&version), Arc::clone(&told));
        let server = open(&street, move |question: &Question| {
            let (status, answer) = answer(question, current.load(Ordering::Relaxed), manner);
            let account = question.account().unwrap_or("nobody").to_owned();
            log.lock().unwrap().push((account, status));
            answer
        });
        Self { street, server, version, told }
    }

    async fn get(&self, fields: &str) -> (String, String) {
        self.get_path(PATH, fields).await
    }

    async fn get_path(&self, path: &str, fields: &str) -> (String, String) {
        let mut client: Client = self.street.connect().await;
        ask(&mut client, path, fields).await;
        hear(&mut client).await
    }

    fn count(&self, status: u16) -> usize {
        self.told.lock().unwrap().iter().filter(|(_, told)| *told == status).count()
    }

    /// Whoever asks after that is not answered by this server any more.
    async fn stop(&mut self) {
        self.server.abort();
        assert!((&mut self.server).await.unwrap_err().is_cancelled());
    }

    /// Cuts the line, and waits until that is known.
    async fn cut(&self) {
        self.server.abort();
        let start = Instant::now();
        while !self.get_path("/somewhere", "").await.1.contains("\"status\":503") {
            assert!(start.elapsed() < PATIENCE, "the line does not fall");
        }
    }
}

/// A file with a bare identifier as its tag, for Lina and Malo, who are told their names; Nora may not see it.
fn answer(question: &Question, version: usize, manner: Manner) -> (u16, Vec<u8>) {
    let account = question.account().unwrap_or("nobody");
    let is_signed = question.uri.contains("signature=right");
    if !["lina", "malo"].contains(&account) && !is_signed {
        return (403, reply(question, "403 Forbidden", "", b"no"));
    }
    let tag = format!("7f3a-11-{version}");
    let fields = format!("ETag: {tag}\r\nX-Account: {account}\r\n");
    if manner == Manner::Compares && question.field("if-none-match") == Some(&tag) {
        return (304, unchanged(&fields));
    }
    let fields = format!("Content-Type: application/pdf\r\n{fields}");
    (200, reply(question, "200 OK", &fields, &lesson(version)))
}

fn text(version: usize) -> String {
    String::from_utf8(lesson(version)).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_class_costs_one_body_and_a_small_check_each() {
    let (folder, hands) = (tempfile::tempdir().unwrap(), Hands::new());
    let class = Arc::new(Class::open(folder.path(), &hands, Manner::Compares).await);
    let pupils: Vec<_> = (0..25)
        .map(|number| {
            let class = Arc::clone(&class);
            tokio::spawn(async move {
                let account = if number % 2 == 0 { "lina" } else { "malo" };
                let (head, body) =
                    class.get(&format!("Cookie: oneSessionId={account}-{number:016}\r\n")).await;
                assert!(body == text(1), "{head}");
                assert!(head.contains(&format!("x-account: {account}\r\n")), "{head}");
                assert!(head.contains("content-type: application/pdf\r\n"), "{head}");
            })
        })
        .collect();
    for pupil in pupils {
        pupil.await.unwrap();
    }
    assert_eq!((class.count(200), class.count(304)), (1, 24));
}

#[tokio::test(flavor = "multi_thread")]
async fn who_may_not_see_it_gets_no_byte_of_it() {
    let (folder, hands) = (tempfile::tempdir().unwrap(), Hands::new());
    let class = Class::open(folder.path(), &hands, Manner::Compares).await;
    assert_eq!(class.get(LINA).await.1, text(1));
    for fields in [NORA, "", "Cookie: oneSessionId=malo\r\nRange: bytes=0-9\r\nAuthorization: Basic eA==\r\n"]
    {
        let (head, body) = class.get(fields).await;
        let is_malo = fields.contains("malo");
        assert!(is_malo || (head.starts_with("http/1.1 403 ") && body == "no"), "{fields}: {head}");
        assert!(!head.contains("lina"), "{head}");
    }
    // Credentials are between client and server: all of it came from there.
    assert_eq!(class.count(200), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_sends_all_again_is_cut_short() {
    let (folder, hands) = (tempfile::tempdir().unwrap(), Hands::new());
    let class = Class::open(folder.path(), &hands, Manner::SendsAll).await;
    assert_eq!(class.get(LINA).await.1, text(1));
    let (head, body) = class.get(MALO).await;
    assert!(head.contains("fwd-status=200") && head.contains("detail=\"authorised\""), "{head}");
    assert!(head.contains("x-account: malo\r\n") && body == text(1), "{head}");
    assert!(class.get(NORA).await.0.starts_with("http/1.1 403 "));
}

#[tokio::test(flavor = "multi_thread")]
async fn another_version_is_another_file() {
    let (folder, hands) = (tempfile::tempdir().unwrap(), Hands::new());
    let class = Class::open(folder.path(), &hands, Manner::Compares).await;
    assert_eq!(class.get(LINA).await.1, text(1));
    class.version.store(2, Ordering::Relaxed);
    let (head, body) = class.get(MALO).await;
    assert!(head.contains("stored") && body == text(2), "{head}");
    let (head, body) = class.get(LINA).await;
    assert!(head.contains("detail=\"authorised\"") && body == text(2), "{head}");
    // A part of it, and what the client knows already.
    let (head, body) = class.get(&format!("{LINA}Range: bytes=20000-20009\r\n")).await;
    assert!(head.starts_with("http/1.1 206 ") && body == text(2)[20_000..20_010], "{head}");
    let (head, _) = class.get(&format!("{LINA}If-None-Match: 7f3a-11-2\r\n")).await;
    assert!(head.starts_with("http/1.1 304 ") && head.contains("x-account: lina"), "{head}");
    assert_eq!(class.count(200), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_with_a_signature_is_checked_with_each_use() {
    let (folder, hands) = (tempfile::tempdir().unwrap(), Hands::new());
    let class = Class::open(folder.path(), &hands, Manner::Compares).await;
    let link = |time: u32, signature: &str| format!("/media/a.pdf?timestamp={time}&signature={signature}");
    assert_eq!(class.get_path(&link(1, "right"), "").await.1, text(1));
    assert_eq!(class.get_path(&link(2, "right"), "").await.1, text(1));
    assert_eq!((class.count(200), class.count(304)), (1, 1));
    assert!(class.get_path(&link(1, "wrong"), "").await.0.starts_with("http/1.1 403 "));
}

/// Waits until so many ledgers are there.
async fn await_ledgers(folder: &Path, count: usize) {
    let start = Instant::now();
    let ledgers = || {
        let files = all_files(folder);
        files.iter().filter(|path| path.extension().is_some_and(|extension| extension == "ledger")).count()
    };
    while ledgers() != count {
        assert!(start.elapsed() < PATIENCE, "{} ledgers", ledgers());
        sleep(Duration::from_millis(10)).await;
    }
}

fn all_files(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { all_files(&path) } else { vec![path] }).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_line_a_session_reads_what_it_was_granted_and_nobody_else_does() {
    let (folder, hands) = (tempfile::tempdir().unwrap(), Hands::new());
    let class = Class::open(folder.path(), &hands, Manner::Compares).await;
    class.get(LINA).await;
    await_ledgers(folder.path(), 1).await;
    class.cut().await;
    let (head, body) = class.get(LINA).await;
    assert!(head.contains("detail=\"offline\"") && !head.contains("x-account") && body == text(1), "{head}");
    let (head, body) = class.get(&format!("{LINA}Range: bytes=20000-20009\r\n")).await;
    assert!(head.starts_with("http/1.1 206 ") && body == text(1)[20_000..20_010], "{head}");
    for other in [MALO, NORA, "", "Cookie: oneSessionId=lina-0123456789abcdee\r\n"] {
        let (head, body) = class.get(other).await;
        assert!(head.starts_with("http/1.1 503 ") && !body.contains("lecon"), "{other}: {head}");
    }
    assert!(class.get_path("/workspace/document/other", LINA).await.0.starts_with("http/1.1 503 "));
    // It has an end.
    hands.advance(7 * 24 * 60 * 60);
    assert!(class.get(LINA).await.0.starts_with("http/1.1 503 "));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_disk_alone_tells_nothing_and_with_the_cookie_it_does_after_a_restart() {
    let (folder, hands) = (tempfile::tempdir().unwrap(), Hands::new());
    let mut class = Class::open(folder.path(), &hands, Manner::Compares).await;
    class.get(LINA).await;
    await_ledgers(folder.path(), 1).await;
    class.stop().await;
    drop(class);
    let files = all_files(folder.path());
    assert!(files.iter().any(|path| path.extension().is_some_and(|extension| extension == "secret")));
    for path in files {
        let bytes = std::fs::read(&path).unwrap();
        let name = path.file_name().unwrap().to_str().unwrap();
        for word in
            ["photosynthese", "workspace", "7f3a", "ent.test", "lina", "0123456789abcdef", "application"]
        {
            // Which ENT the school has is no secret.
            let is_told = word == "ent.test" && name == "servers";
            assert!(
                is_told || !bytes.windows(word.len()).any(|part| part == word.as_bytes()),
                "{word} in {path:?}"
            );
            assert!(!name.contains(word), "{path:?}");
        }
    }
    let class = Class::open(folder.path(), &hands, Manner::Compares).await;
    class.cut().await;
    assert!(class.get(MALO).await.0.starts_with("http/1.1 503 "));
    let (head, body) = class.get(LINA).await;
    assert!(head.contains("detail=\"offline\"") && body == text(1), "{head}");
    assert!(
        class.get(MALO).await.0.starts_with("http/1.1 503 "),
        "that it is in memory now helps nobody else"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn with_the_line_what_a_session_was_granted_is_not_fetched_again_after_a_restart() {
    let (folder, hands) = (tempfile::tempdir().unwrap(), Hands::new());
    let mut class = Class::open(folder.path(), &hands, Manner::Compares).await;
    class.get(LINA).await;
    await_ledgers(folder.path(), 1).await;
    class.stop().await;
    drop(class);
    let class = Class::open(folder.path(), &hands, Manner::Compares).await;
    assert_eq!(class.get(LINA).await.1, text(1));
    // From then on it is there for whom the server lets have it.
    assert_eq!(class.get(MALO).await.1, text(1));
    assert_eq!((class.count(200), class.count(304)), (0, 2));
}

#[tokio::test(flavor = "multi_thread")]
async fn who_signs_out_leaves_nothing_to_read() {
    let (folder, hands) = (tempfile::tempdir().unwrap(), Hands::new());
    let class = Class::open(folder.path(), &hands, Manner::Compares).await;
    class.get(LINA).await;
    class.get(MALO).await;
    await_ledgers(folder.path(), 2).await;
    class.get_path("/auth/logout?callback=/", LINA).await;
    await_ledgers(folder.path(), 1).await;
    class.cut().await;
    assert!(class.get(LINA).await.0.starts_with("http/1.1 503 "));
    assert_eq!(class.get(MALO).await.1, text(1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_false_certificate_is_no_line_that_is_down() {
    let (folder, hands) = (tempfile::tempdir().unwrap(), Hands::new());
    let mut class = Class::open(folder.path(), &hands, Manner::Compares).await;
    class.get(LINA).await;
    await_ledgers(folder.path(), 1).await;
    // Before it is known that the server is not trusted: those who come then are led past the box.
    let mut client = class.street.connect().await;
    class.stop().await;
    let stranger = impersonate(&class.street);
    ask(&mut client, PATH, LINA).await;
    let (head, body) = hear(&mut client).await;
    assert!(head.starts_with("http/1.1 502 ") && !body.contains("lecon"), "{head}");
    stranger.abort();
}

/// The only file of pupils.
fn find_secret(folder: &Path) -> PathBuf {
    let is_secret = |path: &PathBuf| path.extension().is_some_and(|extension| extension == "secret");
    all_files(folder).into_iter().find(is_secret).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_goes_by_when_it_was_granted_last() {
    let (folder, hands) = (tempfile::tempdir().unwrap(), Hands::new());
    let class = Class::open(folder.path(), &hands, Manner::Compares).await;
    let await_noted = async || {
        let modified = || std::fs::metadata(find_secret(folder.path())).unwrap().modified().unwrap();
        let start = Instant::now();
        while modified() != hands.system_time() {
            assert!(start.elapsed() < PATIENCE, "the file goes by another time");
            sleep(Duration::from_millis(10)).await;
        }
    };
    class.get(LINA).await;
    await_noted().await;
    // Another session, a month later.
    hands.advance(30 * 24 * 60 * 60);
    class.get(MALO).await;
    await_noted().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_is_damaged_on_the_disk_is_fetched_again() {
    let (folder, hands) = (tempfile::tempdir().unwrap(), Hands::new());
    let class = Class::open(folder.path(), &hands, Manner::Compares).await;
    class.get(LINA).await;
    await_ledgers(folder.path(), 1).await;
    let secret = find_secret(folder.path());
    let mut bytes = std::fs::read(&secret).unwrap();
    bytes[20_000] ^= 1;
    std::fs::write(&secret, bytes).unwrap();
    // Half of it was sent when that was found, or was about to be, its head as well: this transfer breaks off, and never shows a
    // wrong byte.
    let mut client = class.street.connect().await;
    ask(&mut client, PATH, LINA).await;
    let mut heard = Vec::new();
    let _broken = tokio::time::timeout(PATIENCE, client.read_to_end(&mut heard)).await.unwrap();
    let heard = String::from_utf8(heard).unwrap();
    let (_, body) = heard.split_once("\r\n\r\n").unwrap_or_default();
    assert!(body.len() < text(1).len() && text(1).starts_with(body), "{} bytes", body.len());
    let (head, body) = class.get(LINA).await;
    assert!(head.contains("stored") && body == text(1), "{head}");
    assert_eq!(class.count(200), 2);
}
