//! What recording and searching cost: `cargo run --release -p journal --features simulation --example journal_cost`.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "its only purpose is to print a measurement")]

use std::net::SocketAddr;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use journal::simulation::Disk;
use journal::{Journal, Query, SegmentId, Source, Writer, open, search};
use model::{AccessKind, ClockQuality, Device, Host, Reason, Subject, Timestamp, Verdict};
use policy::Decided;

/// Different names, so that a second round within the minute folds and a first one does not.
const NAMES: usize = 300_000;

fn main() {
    for threads in [1, 2] {
        let asked =
            Arc::new((0..NAMES).map(|number| Asked::new(AccessKind::Tls, number)).collect::<Vec<_>>());
        report("one record each", threads, &asked, threads);
        let asked = Arc::new(
            (0..NAMES).map(|number| Asked::new(AccessKind::Dns, number % 5_000)).collect::<Vec<_>>(),
        );
        report("mostly repeats", threads, &asked, threads);
    }
}

fn report(what: &str, threads: usize, asked: &Arc<Vec<Asked>>, rounds: usize) {
    let disk = Disk::default();
    let (journal, mut writer) = open(disk.clone());
    writer.commit(at(0)).unwrap_or_else(|error| fail(&error));
    let stop = Arc::new(AtomicBool::new(false));
    let committer = commit_until(writer, Arc::clone(&stop));
    let start = now();
    let workers: Vec<_> = (0..threads)
        .map(|_| {
            let (journal, asked) = (journal.clone(), Arc::clone(asked));
            std::thread::spawn(move || record_all(&journal, &asked))
        })
        .collect();
    let recording: Duration = workers.into_iter().filter_map(|worker| worker.join().ok()).sum();
    let elapsed = start.elapsed();
    stop.store(true, Ordering::Release);
    if let Ok(writer) = committer.join() {
        writer.finish(at(1)).unwrap_or_else(|error| fail(&error));
    }
    let records = asked.len() * rounds;
    let bytes: usize =
        disk.list().unwrap_or_default().iter().map(|id: &SegmentId| disk.bytes(*id).len()).sum();
    let per_record = |time: Duration| time.as_nanos() / records.max(1) as u128;
    let absent = Query { host: Host::parse("absent.example").ok(), ..Query::default() };
    let start = now();
    let none = search(&disk, &absent, |_| ControlFlow::Continue(())).map_or(0, |summary| summary.found);
    let missing = start.elapsed();
    let start = now();
    let found =
        search(&disk, &Query::default(), |_| ControlFlow::Continue(())).map_or(0, |summary| summary.found);
    let searching = start.elapsed();
    println!(
        "{what}, {threads} thread(s): {} ns of a thread, {} ns elapsed, {} bytes a record; \
         search of {found} accesses in {searching:?}, of {none} in {missing:?}",
        per_record(recording),
        per_record(elapsed),
        bytes / records.max(1),
    );
}

fn commit_until(mut writer: Writer<Disk>, stop: Arc<AtomicBool>) -> std::thread::JoinHandle<Writer<Disk>> {
    std::thread::spawn(move || {
        while !stop.load(Ordering::Acquire) {
            writer.commit(at(1)).unwrap_or_else(|error| fail(&error));
            std::thread::sleep(Duration::from_millis(20));
        }
        writer
    })
}

/// Records everything, and returns the time that this took without the waits for a full queue.
fn record_all(journal: &Journal, asked: &[Asked]) -> Duration {
    let mut waited = Duration::ZERO;
    let start = now();
    for asked in asked {
        while journal.record(at(1), ClockQuality::Synchronised, asked.clone()).is_err() {
            let full = now();
            std::thread::sleep(Duration::from_millis(1));
            waited += full.elapsed();
        }
    }
    start.elapsed().saturating_sub(waited)
}

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_unix_ms(1_795_392_000_000 + seconds * 1_000)
}

#[expect(clippy::disallowed_methods, reason = "a measurement is about time")]
fn now() -> Instant {
    Instant::now()
}

fn fail(error: &dyn std::error::Error) {
    eprintln!("{error}");
}

#[derive(Clone)]
struct Asked {
    kind: AccessKind,
    subject: Subject,
    host: Arc<Host>,
}

impl Asked {
    fn new(kind: AccessKind, number: usize) -> Self {
        let parsed = (|| {
            let device = Device {
                mac: "02:00:00:00:00:11".parse().ok()?,
                name: format!("CM2-{:02}", number % 30).parse().ok()?,
                room: Some("CM2".parse().ok()?),
                profile: "elementaire".parse().ok()?,
            };
            let host = Host::parse(&format!("www.site{number}.example.com")).ok()?;
            Some(Self { kind, subject: Subject::Device(Arc::new(device)), host: Arc::new(host) })
        })();
        #[expect(clippy::expect_used, reason = "texts that are right by their form")]
        parsed.expect("a device and a host")
    }
}

impl Decided for Asked {
    fn verdict(&self) -> Verdict {
        Verdict::Permit
    }
    fn subject(&self) -> &Subject {
        &self.subject
    }
    fn kind(&self) -> AccessKind {
        self.kind
    }
    fn host(&self) -> Option<&Host> {
        Some(&self.host)
    }
    fn destination(&self) -> Option<SocketAddr> {
        None
    }
    fn reason(&self) -> &Reason {
        &Reason::NotListed
    }
}
