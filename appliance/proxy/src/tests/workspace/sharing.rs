//! What a profile says is the same for everybody: one copy for the class, though browsers send cookies with each request and the
//! workspace marks nothing, as entcore does with what its surface is made of.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use cache::Family;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};

use super::keeping::{Client, ask, hear};
use super::origin::{Question, open, reply, unchanged};
use super::street::{Hands, Street};
use crate::Pace;
use crate::tests::school::PATIENCE;

const LINA: &str = "Cookie: oneSessionId=lina-0123456789abcdef\r\n";
const MALO: &str = "Cookie: oneSessionId=malo-0123456789abcdef\r\n";
const SCRIPT: &str = "/assets/app.js";
const SINCE: &str = "Sun, 01 Nov 2026 08:00:00 GMT";
/// The version of a workspace that shows a page in the place of everything.
const MENDED: usize = 99;
/// A class.
const CLASS: usize = 25;
/// How long the server thinks, so that the whole class asks meanwhile.
const THOUGHT: std::time::Duration = std::time::Duration::from_millis(40);

/// What the server was asked.
#[derive(Debug)]
struct Asked {
    who: Option<String>,
    status: u16,
}

/// A school, its server, and what the server was asked.
struct Class {
    street: Arc<Street>,
    server: JoinHandle<()>,
    asked: Arc<Mutex<Vec<Asked>>>,
    /// Of the script.
    version: Arc<AtomicUsize>,
}

impl Class {
    async fn open(folder: &std::path::Path) -> Self {
        let family = Family {
            session_cookies: vec!["oneSessionId".to_owned()],
            for_all: vec!["/assets/**".parse().unwrap()],
            ..Family::default()
        };
        let street = Arc::new(Street::keeping_family(folder, &Hands::new(), family).await);
        let (asked, version) = (Arc::new(Mutex::new(Vec::new())), Arc::new(AtomicUsize::new(1)));
        let (log, current) = (Arc::clone(&asked), Arc::clone(&version));
        let server = open(&street, move |question: &Question| {
            std::thread::sleep(THOUGHT);
            let (status, answer) = answer(question, current.load(Ordering::Relaxed));
            let who = question.account().map(str::to_owned);
            log.lock().unwrap().push(Asked { who, status });
            answer
        });
        Self { street, server, asked, version }
    }

    async fn get(&self, path: &str, fields: &str) -> (String, String) {
        let mut client: Client = self.street.connect().await;
        ask(&mut client, path, fields).await;
        hear(&mut client).await
    }

    /// Has the line fall, and waits until the box knows.
    async fn fall(&self) {
        self.server.abort();
        let start = Instant::now();
        while !self.get("/somewhere", "").await.1.contains("\"status\":503") {
            assert!(start.elapsed() < PATIENCE, "the line does not fall");
            sleep(THOUGHT).await;
        }
    }

    /// What the server was asked since the last time.
    fn asked(&self) -> Vec<Asked> {
        std::mem::take(&mut *self.asked.lock().unwrap())
    }
}

fn script(version: usize) -> String {
    format!("/* version {version} */ ").repeat(5_000)
}

/// The server gives a session to whoever has none.
fn answer(question: &Question, version: usize) -> (u16, Vec<u8>) {
    let account = question.account();
    let cookie = if account.is_none() { "Set-Cookie: oneSessionId=nobody-0123456789abcdef\r\n" } else { "" };
    let path = question.uri.split('?').next().unwrap_or_default();
    let since = if version == 1 { SINCE.to_owned() } else { SINCE.replace("01 Nov", "08 Nov") };
    match (path, account) {
        (SCRIPT, _) if version == MENDED => {
            let fields = "Content-Type: text/html\r\nETag: \"soon\"\r\nCache-Control: max-age=600\r\n";
            (200, reply(question, "200 OK", fields, b"<p>come back later"))
        }
        (SCRIPT, _) if question.field("if-modified-since") == Some(since.as_str()) => {
            (304, unchanged(&format!("Last-Modified: {since}\r\n{cookie}")))
        }
        (SCRIPT, _) => {
            let fields = format!("Content-Type: text/javascript\r\nLast-Modified: {since}\r\n");
            (200, reply(question, "200 OK", &fields, script(version).as_bytes()))
        }
        // Not what the profile takes it for: whoever is not signed in is told to.
        ("/assets/mine.css", Some(account)) => {
            (200, reply(question, "200 OK", "ETag: \"a\"\r\n", format!("of {account}").as_bytes()))
        }
        ("/assets/mine.css", None) => {
            let fields = format!("Location: /auth/login\r\n{cookie}");
            (302, reply(question, "302 Found", &fields, b""))
        }
        ("/assets/asks.css", None) => {
            let fields = "Content-Type: text/html\r\nETag: \"login\"\r\nCache-Control: max-age=600\r\n";
            (200, reply(question, "200 OK", fields, b"<p>sign in"))
        }
        // For all of those that the server lets have it.
        ("/asked", Some("malo")) => (403, reply(question, "403 Forbidden", "", b"not for you")),
        ("/asked", _) => {
            (200, reply(question, "200 OK", "Cache-Control: public, no-cache\r\nETag: \"a\"\r\n", b"lesson"))
        }
        (_, account) => {
            (200, reply(question, "200 OK", "", format!("of {}", account.unwrap_or("nobody")).as_bytes()))
        }
    }
}

/// All of a class at once, each with a session.
async fn open_all(class: &Arc<Class>, expected: &str) {
    let pupils: Vec<_> = (0..CLASS)
        .map(|number| {
            let (class, expected) = (Arc::clone(class), expected.to_owned());
            tokio::spawn(async move {
                let cookie = format!("Cookie: oneSessionId=pupil{number}-0123456789abcdef\r\n");
                let (head, body) = class.get(SCRIPT, &cookie).await;
                assert!(head.starts_with("http/1.1 200 ") && body == expected, "{head}");
                // Nobody's session in place of the pupil's own would sign the pupil out.
                assert!(!head.contains("set-cookie"), "{head}");
            })
        })
        .collect();
    for pupil in pupils {
        pupil.await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_class_costs_one_copy_of_what_is_for_all_and_few_questions() {
    let folder = tempfile::tempdir().unwrap();
    let class = Arc::new(Class::open(folder.path()).await);
    for version in [1, 2] {
        class.version.store(version, Ordering::Relaxed);
        open_all(&class, &script(version)).await;
        let asked = class.asked();
        assert!(asked.iter().all(|it| it.who.is_none()), "a session left the school: {asked:?}");
        let whole = asked.iter().filter(|it| it.status == 200).count();
        assert_eq!(whole, 1, "{asked:?}");
        // Nothing says how long it is right: it is asked for again, and not by each of those who ask at the same time.
        assert!(asked.len() < CLASS, "{} questions", asked.len());
    }
    // A part of it, for one more.
    let (head, body) = class.get(SCRIPT, &format!("{LINA}Range: bytes=3-9\r\n")).await;
    assert!(head.starts_with("http/1.1 206 ") && body == "version", "{head}");
}

/// RFC 9111 section 5.2.2.4: what another one was answered meanwhile is that one's.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_to_be_asked_for_each_time_is_asked_for_by_each() {
    let folder = tempfile::tempdir().unwrap();
    let class = Class::open(folder.path()).await;
    let late = async {
        // While the server thinks.
        sleep(THOUGHT / 4).await;
        class.get("/asked", MALO).await
    };
    let (lina, malo) = tokio::join!(class.get("/asked", LINA), late);
    assert!(lina.0.starts_with("http/1.1 200 ") && lina.1 == "lesson", "{}", lina.0);
    assert!(malo.0.starts_with("http/1.1 403 ") && malo.1 == "not for you", "{}", malo.0);
    assert_eq!(class.asked().len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn where_the_profile_is_wrong_each_gets_what_is_theirs() {
    let folder = tempfile::tempdir().unwrap();
    let class = Class::open(folder.path()).await;
    for path in ["/assets/mine.css", "/assets/asks.css"] {
        for (cookie, name) in [(LINA, "lina"), (MALO, "malo"), (LINA, "lina")] {
            let (head, body) = class.get(path, cookie).await;
            assert!(head.starts_with("http/1.1 200 ") && body == format!("of {name}"), "{path}: {head}");
        }
    }
    // A page that a person opens is asked for as ever.
    class.asked();
    let page = format!("{LINA}Sec-Fetch-Dest: document\r\n");
    assert_eq!(class.get("/assets/page", &page).await.1, "of lina");
    let asked = class.asked();
    assert!(asked.iter().all(|it| it.who.as_deref() == Some("lina")), "{asked:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_line_it_is_here_for_who_never_asked_for_it() {
    let folder = tempfile::tempdir().unwrap();
    let class = Class::open(folder.path()).await;
    assert_eq!(class.get(SCRIPT, LINA).await.1, script(1));
    class.fall().await;
    let (head, body) = class.get(SCRIPT, MALO).await;
    assert!(head.contains("detail=\"stale\"") && body == script(1), "{head}");
}

/// Nothing but the profile says that it is for all.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_used_of_it_is_right_when_the_school_opens() {
    let folder = tempfile::tempdir().unwrap();
    let class = Class::open(folder.path()).await;
    let versioned = format!("{SCRIPT}?v=7");
    for path in [SCRIPT, &versioned] {
        for cookie in [LINA, MALO] {
            assert_eq!(class.get(path, cookie).await.1, script(1), "{path}");
        }
    }
    class.asked();
    // The workspace has a new version, and gives it to nobody in particular.
    class.version.store(2, Ordering::Relaxed);
    let (_stop, stopping) = watch::channel(false);
    let gate = Arc::clone(&class.street.school.gate);
    assert_eq!(gate.refresh_used(Arc::new(Pace::new(1 << 30)), stopping).await, 2);
    let asked = class.asked();
    assert!(asked.len() == 2 && asked.iter().all(|it| it.who.is_none() && it.status == 200), "{asked:?}");
    // The lesson begins, and the line is down.
    class.fall().await;
    for path in [SCRIPT, &versioned] {
        let (head, body) = class.get(path, LINA).await;
        assert!(head.contains("detail=\"stale\"") && body == script(2), "{path}: {head}");
    }
}

/// What a profile takes for static, and is a page to sign in at in the morning, takes nothing away.
#[tokio::test(flavor = "multi_thread")]
async fn an_invitation_to_sign_in_takes_the_place_of_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let class = Class::open(folder.path()).await;
    for cookie in [LINA, MALO] {
        assert_eq!(class.get(SCRIPT, cookie).await.1, script(1));
    }
    class.version.store(MENDED, Ordering::Relaxed);
    let (_stop, stopping) = watch::channel(false);
    let gate = Arc::clone(&class.street.school.gate);
    assert_eq!(gate.refresh_used(Arc::new(Pace::new(1 << 30)), stopping).await, 0);
    class.fall().await;
    let (head, body) = class.get(SCRIPT, LINA).await;
    assert!(head.contains("detail=\"stale\"") && body == script(1), "{head}");
}
