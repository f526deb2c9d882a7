//! How fast records are taken in: by one thread that judges and records, and one that makes them durable.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, ScopedJoinHandle};
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use journal::Journal;
use model::Timestamp;
use system::segments::Directory;

use super::box_year::Recorder;
use super::school::{School, Visit, day_times};
use super::stopwatch::{processor_s, time, written_bytes};

/// Pauses of a recording thread while the queue leaves little room, as doors make them.
const PAUSE: Duration = Duration::from_micros(200);
/// Attempts at one record: ten seconds of a full queue.
const ATTEMPTS_MAX: u32 = 50_000;
/// Visits that the classroom repeats.
const CLASSROOM_VISITS: usize = 20_000;
/// Between two accesses of the classroom beside it: a thousand a second, which is a school that opens its browsers.
const CLASSROOM_PACE: Duration = Duration::from_millis(1);

/// What was measured.
#[derive(Clone, Debug)]
pub struct Ingest {
    /// Visits that were judged, recorded and made durable. Most have an end besides, which is a record, too.
    pub visits: u64,
    /// Processor time of all threads.
    pub processor_s: f64,
    /// Wall time.
    pub wall_s: f64,
    /// How long each access of the classroom waited until it was judged and recorded, from the shortest. None without a classroom.
    pub waits: Vec<Duration>,
}

impl Ingest {
    /// The wait, in milliseconds, that this share of accesses did not exceed.
    #[must_use]
    pub fn wait_ms(&self, thousandths: usize) -> f64 {
        let place = (self.waits.len() * thousandths / 1_000).min(self.waits.len().saturating_sub(1));
        self.waits.get(place).map_or(0.0, |wait| wait.as_secs_f64() * 1e3)
    }
}

/// Records visits as fast as it goes, and beside them, where a classroom is served, what it visits at its own pace, through the
/// same journal.
///
/// # Errors
/// The journal cannot be written.
pub fn measure(school: &School, visits: usize, has_classroom: bool, data: &Path) -> Result<Ingest> {
    let visits = school.day(0, visits);
    let of_classroom = if has_classroom { school.day(1, CLASSROOM_VISITS) } else { Vec::new() };
    let (journal, mut writer) = journal::open(Directory::new(data));
    let now = Timestamp::from_unix_ms(day_times(0).0);
    writer.commit(now)?;
    let (is_taken_in, is_over) = (AtomicBool::new(false), AtomicBool::new(false));
    let before = processor_s()?;
    let (outcome, wall_s) = time(|| {
        thread::scope(|scope| -> Result<Vec<Duration>> {
            let committing = scope.spawn(|| -> Result<()> {
                while !is_over.load(Ordering::Acquire) {
                    writer.commit(now)?;
                    thread::park_timeout(Duration::from_millis(500));
                }
                Ok(writer.finish(now)?)
            });
            let writer_thread = committing.thread().clone();
            journal.wake_writer_by(move || writer_thread.unpark());
            let classroom = has_classroom
                .then(|| scope.spawn(|| serve_classroom(school, &of_classroom, &journal, &is_taken_in)));
            let recorder = Recorder::new(school, journal.clone());
            let recorded = visits.iter().try_for_each(|visit| record(&recorder, &journal, visit));
            is_taken_in.store(true, Ordering::Release);
            let waits = classroom.map_or_else(|| Ok(Vec::new()), joined);
            is_over.store(true, Ordering::Release);
            committing.thread().unpark();
            joined(committing)?;
            recorded?;
            waits
        })
    });
    let mut waits = outcome?;
    waits.sort_unstable();
    Ok(Ingest {
        visits: (visits.len() + waits.len()) as u64,
        processor_s: processor_s()? - before,
        wall_s,
        waits,
    })
}

/// Records the visits of another day, one at a time, until the others are taken in. Returns how long each one waited.
#[expect(clippy::disallowed_methods, reason = "a benchmark measures real time")]
fn serve_classroom(
    school: &School,
    visits: &[Visit],
    journal: &Journal,
    is_over: &AtomicBool,
) -> Result<Vec<Duration>> {
    let recorder = Recorder::new(school, journal.clone());
    let (mut waits, mut due) = (Vec::new(), Instant::now());
    for visit in visits.iter().cycle() {
        if is_over.load(Ordering::Acquire) {
            break;
        }
        // Counted from when it was due: what comes late because the one before it waited has waited, too.
        thread::sleep(due.saturating_duration_since(Instant::now()));
        record(&recorder, journal, visit)?;
        waits.push(due.elapsed());
        due += CLASSROOM_PACE;
    }
    Ok(waits)
}

/// Records a visit once there is room, as doors do.
fn record(recorder: &Recorder<'_>, journal: &Journal, visit: &Visit) -> Result<()> {
    let mut attempts = 0;
    loop {
        if !journal.is_crowded() && recorder.record(visit).is_ok() {
            return Ok(());
        }
        attempts += 1;
        ensure!(attempts < ATTEMPTS_MAX, "the journal takes no record");
        thread::park_timeout(PAUSE);
    }
}

fn joined<T>(thread: ScopedJoinHandle<'_, Result<T>>) -> Result<T> {
    thread.join().unwrap_or_else(|_| Err(anyhow::anyhow!("a thread broke down")))
}

/// Bytes that are written to the disk for each visit at the box's own rhythm, whatever little there is: an hour of a school
/// day with so many visits, with a commit every half second.
///
/// # Errors
/// The journal cannot be written.
pub fn measure_rhythm(school: &School, visits_of_day: usize, data: &Path) -> Result<f64> {
    const COMMIT_MS: i64 = 500;
    const HOUR_MS: i64 = 3_600_000;
    let (start, _) = day_times(0);
    let visits = school.day(0, visits_of_day);
    let hour: Vec<_> = visits.iter().take_while(|visit| visit.at_ms < start + HOUR_MS).collect();
    let (journal, mut writer) = journal::open(Directory::new(data));
    writer.commit(Timestamp::from_unix_ms(start))?;
    let recorder = Recorder::new(school, journal);
    let before = written_bytes()?;
    for some in hour.chunk_by(|one, other| one.at_ms / COMMIT_MS == other.at_ms / COMMIT_MS) {
        some.iter().try_for_each(|visit| recorder.record(visit))?;
        writer.commit(Timestamp::from_unix_ms(some.last().map_or(start, |visit| visit.at_ms)))?;
    }
    let written = written_bytes()? - before;
    writer.finish(Timestamp::from_unix_ms(start + HOUR_MS))?;
    ensure!(!hour.is_empty(), "nobody visits anything");
    Ok(f64::from(u32::try_from(written / 1_000)?) * 1e3 / f64::from(u32::try_from(hour.len())?))
}
