//! What is prepared and cut is gone on with another time, by the box that began it or by one that starts anew.

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use tokio::runtime::Runtime;
use tokio::sync::watch;
use tokio::time::{sleep, timeout};

use super::keeping::{ask, hear_bytes};
use super::origin::{self, Question, reply, unchanged};
use super::preparing::wanted;
use super::street::{Hands, Street};
use crate::tests::raw::pattern;
use crate::tests::school::PATIENCE;
use crate::{Pace, Preparation, Progress};

const PUBLIC: &str = "Cache-Control: public, max-age=60\r\n";
const BYTES: usize = 1_000_000;
/// So many come before the line is silent.
const COME: usize = 300_000;

/// The film under this tag: its beginning and then silence, or the part that is asked for.
fn answer(question: &Question, tag: &str) -> Vec<u8> {
    let film = pattern(BYTES);
    let fields = format!("{PUBLIC}ETag: \"{tag}\"\r\n");
    let own = format!("\"{tag}\"");
    let asked = question.field("range").filter(|_| question.field("if-range") == Some(&own));
    let start =
        asked.map(|range| range.strip_prefix("bytes=").unwrap().split('-').next().unwrap().to_owned());
    match start.map(|start| start.parse::<usize>().unwrap()) {
        Some(start) => {
            let part = format!("{fields}Content-Range: bytes {start}-{}/{BYTES}\r\n", BYTES - 1);
            reply(question, "206 Partial Content", &part, film.get(start..).unwrap())
        }
        None => {
            let head = format!("HTTP/1.1 200 OK\r\n{fields}Content-Length: {BYTES}\r\n\r\n");
            [head.as_bytes(), film.get(..COME).unwrap()].concat()
        }
    }
}

/// Prepares the film until the line is silent; then it is seven o'clock.
async fn begin(street: &Street) {
    let (progress, (stop, stopping)) = (Arc::new(Progress::default()), watch::channel(false));
    let (gate, pace) = (Arc::clone(&street.school.gate), Arc::new(Pace::new(1 << 30)));
    let preparing = tokio::spawn(gate.prepare(wanted("/film"), pace, Arc::clone(&progress), stopping));
    let coming = async {
        while progress.read().0 < u64::try_from(COME - cache::BLOCK_BYTES).unwrap() {
            sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(PATIENCE, coming).await.unwrap();
    stop.send_replace(true);
    assert_eq!(preparing.await.unwrap().preparation, Preparation::Later);
}

async fn go_on(street: &Street, bytes_per_second: u64) -> Preparation {
    let (_stop, stopping) = watch::channel(false);
    let (gate, pace) = (Arc::clone(&street.school.gate), Arc::new(Pace::new(bytes_per_second)));
    gate.prepare(wanted("/film"), pace, Arc::default(), stopping).await.preparation
}

/// The same again until it is here: a transfer that was told to end takes a moment.
async fn go_on_to_the_end(street: &Street) {
    let going = async {
        while go_on(street, 1 << 30).await != Preparation::Here {
            sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(PATIENCE, going).await.unwrap();
    let mut client = street.connect().await;
    ask(&mut client, "/film", "").await;
    let (head, film) = hear_bytes(&mut client).await;
    assert!(head.contains("preau;hit") && film == pattern(BYTES), "{head}");
}

/// How often the film was asked for from its beginning, and from later on.
#[derive(Default)]
struct Asked(std::sync::Mutex<(u32, u32)>);

impl Asked {
    fn note(&self, question: &Question) {
        let mut counts = self.0.lock().unwrap();
        match question.field("range") {
            None => counts.0 += 1,
            Some(range) => {
                let start = range.strip_prefix("bytes=").unwrap().split('-').next().unwrap();
                assert!(start.parse::<usize>().unwrap() + 2 * cache::BLOCK_BYTES >= COME, "{range}");
                counts.1 += 1;
            }
        }
    }

    fn read(&self) -> (u32, u32) {
        *self.0.lock().unwrap()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_cut_is_gone_on_with_the_next_time() {
    let (folder, hands, asked) = (tempfile::tempdir().unwrap(), Hands::new(), Arc::new(Asked::default()));
    let street = Arc::new(Street::keeping(folder.path(), &hands).await);
    let noted = Arc::clone(&asked);
    let _serving = origin::open(&street, move |question: &Question| {
        noted.note(question);
        answer(question, "a")
    });
    begin(&street).await;
    go_on_to_the_end(&street).await;
    assert_eq!(asked.read(), (1, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_cut_by_a_power_cut_is_gone_on_with_after_it() {
    let (folder, hands, asked) = (tempfile::tempdir().unwrap(), Hands::new(), Arc::new(Asked::default()));
    let before = async {
        let street = Arc::new(Street::keeping(folder.path(), &hands).await);
        let noted = Arc::clone(&asked);
        let _serving = origin::open(&street, move |question: &Question| {
            noted.note(question);
            answer(question, "a")
        });
        begin(&street).await;
    };
    // A power cut ends all that is under way: it had a runtime of its own.
    thread::scope(|scope| {
        let run = scope.spawn(|| {
            let runtime = Runtime::new().unwrap();
            runtime.block_on(before);
            runtime.shutdown_timeout(PATIENCE);
        });
        run.join().unwrap();
    });
    let street = Arc::new(Street::keeping(folder.path(), &hands).await);
    let noted = Arc::clone(&asked);
    let _serving = origin::open(&street, move |question: &Question| {
        noted.note(question);
        answer(question, "a")
    });
    go_on_to_the_end(&street).await;
    assert_eq!(asked.read(), (1, 1));
    // What was known of its parts goes once the record of the whole is on the disk, a moment after the last byte.
    let is_left = || {
        let all = super::keeping::walk(folder.path());
        all.iter().any(|path| path.extension().is_some_and(|it| it == "parts"))
    };
    let going = async {
        while is_left() {
            sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(PATIENCE, going).await.expect("it is whole, and its parts are told of still");
}

/// The box writes two files, one after the other: a power cut may come between them.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_whole_stays_though_it_is_told_to_be_a_part_as_well() {
    let (folder, hands) = (tempfile::tempdir().unwrap(), Hands::new());
    let files = |kind: &str| -> Vec<_> {
        let all = super::keeping::walk(folder.path()).into_iter();
        all.filter(|path| path.extension().is_some_and(|it| it == kind)).collect()
    };
    let (path, parts) = {
        let street = Arc::new(Street::keeping(folder.path(), &hands).await);
        let serving = origin::open(&street, |question: &Question| answer(question, "a"));
        begin(&street).await;
        let path = files("parts").pop().unwrap();
        let parts = std::fs::read(&path).unwrap();
        go_on_to_the_end(&street).await;
        let noting = async {
            while files("record").is_empty() || !files("parts").is_empty() {
                sleep(Duration::from_millis(5)).await;
            }
        };
        timeout(PATIENCE, noting).await.unwrap();
        serving.abort();
        (path, parts)
    };
    std::fs::write(&path, parts).unwrap();
    {
        let street = Arc::new(Street::keeping(folder.path(), &hands).await);
        assert_eq!(go_on(&street, 1 << 30).await, Preparation::Here);
        assert_eq!(files("body").len(), 1);
    }
    // Nobody answers, and nobody has to.
    let street = Arc::new(Street::keeping(folder.path(), &hands).await);
    let mut client = street.connect().await;
    ask(&mut client, "/film", "").await;
    let (head, film) = hear_bytes(&mut client).await;
    assert!(head.contains("preau;hit") && film == pattern(BYTES), "{head}");
}

#[tokio::test(flavor = "multi_thread")]
async fn another_version_begins_anew() {
    let (folder, hands) = (tempfile::tempdir().unwrap(), Hands::new());
    let street = Arc::new(Street::keeping(folder.path(), &hands).await);
    let is_new = Arc::new(std::sync::atomic::AtomicBool::new(false));
    let changes = Arc::clone(&is_new);
    let _serving = origin::open(&street, move |question: &Question| {
        if changes.load(std::sync::atomic::Ordering::Relaxed) {
            reply(question, "200 OK", &format!("{PUBLIC}ETag: \"b\"\r\n"), &pattern(BYTES))
        } else {
            answer(question, "a")
        }
    });
    begin(&street).await;
    is_new.store(true, std::sync::atomic::Ordering::Relaxed);
    // Also where it is asked for again before anything is gone on with.
    hands.advance(3_600);
    go_on_to_the_end(&street).await;
}

/// At the pace of the night it would take a minute, and whoever opens it would ask for all of it.
#[tokio::test(flavor = "multi_thread")]
async fn who_opens_what_is_gone_on_with_gets_it_as_it_comes() {
    let (folder, hands, asked) = (tempfile::tempdir().unwrap(), Hands::new(), Arc::new(Asked::default()));
    let street = Arc::new(Street::keeping(folder.path(), &hands).await);
    let noted = Arc::clone(&asked);
    let _serving = origin::open(&street, move |question: &Question| {
        if question.field("if-none-match").is_some() {
            return unchanged(&format!("{PUBLIC}ETag: \"a\"\r\n"));
        }
        noted.note(question);
        answer(question, "a")
    });
    begin(&street).await;
    hands.advance(3_600);
    let preparing = tokio::spawn({
        let street = Arc::clone(&street);
        async move {
            while go_on(&street, 10_000).await != Preparation::Here {
                sleep(Duration::from_millis(20)).await;
            }
        }
    });
    let going = async {
        while asked.read().1 == 0 {
            sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(PATIENCE, going).await.unwrap();
    let mut client = street.connect().await;
    ask(&mut client, "/film", "").await;
    let (head, film) = hear_bytes(&mut client).await;
    assert!(film == pattern(BYTES), "{head}");
    assert_eq!(asked.read().0, 1);
    timeout(PATIENCE, preparing).await.unwrap().unwrap();
}
