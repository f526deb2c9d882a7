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

/// Different names and devices: few enough to be in the processor's cache, as an access that was just parsed is.
const NAMES: usize = 5_000;
const DEVICES: usize = 30;
/// How often each name is asked for by each thread.
const ROUNDS: usize = 100;

fn main() {
    for threads in [1, 2] {
        report("one record each", AccessKind::Tls, threads);
        report("mostly repeats", AccessKind::Dns, threads);
    }
}

fn report(what: &str, kind: AccessKind, threads: usize) {
    let asked = Arc::new(Asked::all(kind));
    let disk = Disk::default();
    let (journal, mut writer) = open(disk.clone());
    writer.commit(at(0)).unwrap_or_else(|error| fail(&error));
    let stop = Arc::new(AtomicBool::new(false));
    let committer = commit_until(writer, Arc::clone(&stop));
    let start = now();
    let workers: Vec<_> = (0..threads)
        .map(|_| {
            let (journal, asked) = (journal.clone(), Arc::clone(&asked));
            std::thread::spawn(move || record_all(&journal, &asked))
        })
        .collect();
    let recording: Duration = workers.into_iter().filter_map(|worker| worker.join().ok()).sum();
    let elapsed = start.elapsed();
    stop.store(true, Ordering::Release);
    if let Ok(writer) = committer.join() {
        writer.finish(at(1)).unwrap_or_else(|error| fail(&error));
    }
    let records = NAMES * ROUNDS * threads;
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
        "{what}, {threads} thread(s): {} ns of processor time, {} ns elapsed, {} bytes a record; \
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

/// Records everything, and returns the processor time that this took.
fn record_all(journal: &Journal, asked: &[Asked]) -> Duration {
    let start = processor_time();
    for asked in asked.iter().cycle().take(NAMES * ROUNDS) {
        while journal.record(at(1), ClockQuality::Synchronised, asked.clone()).is_err() {
            std::thread::sleep(Duration::from_millis(1));
        }
    }
    processor_time().saturating_sub(start)
}

/// What this thread has used of a processor: other work on the machine does not count.
fn processor_time() -> Duration {
    let statistics = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let nanoseconds = statistics.split(' ').next().and_then(|text| text.parse().ok());
    Duration::from_nanos(nanoseconds.unwrap_or(0))
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
    fn all(kind: AccessKind) -> Vec<Self> {
        let devices: Vec<_> = (0..DEVICES).filter_map(device).map(Arc::new).collect();
        let subjects = devices.iter().cloned().map(Subject::Device).cycle();
        let hosts =
            (0..NAMES).filter_map(|number| Host::parse(&format!("www.site{number}.example.com")).ok());
        subjects.zip(hosts).map(|(subject, host)| Self { kind, subject, host: Arc::new(host) }).collect()
    }
}

fn device(number: usize) -> Option<Device> {
    Some(Device {
        mac: "02:00:00:00:00:11".parse().ok()?,
        name: format!("CM2-{number:02}").parse().ok()?,
        room: Some("CM2".parse().ok()?),
        profile: "elementaire".parse().ok()?,
    })
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
    fn lesson(&self) -> Option<model::LessonId> {
        None
    }
    fn reason(&self) -> &Reason {
        &Reason::NotListed
    }
}
