//! How fast records are taken in: by one thread that judges and records, and one that makes them durable.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use anyhow::{Result, ensure};
use model::Timestamp;
use system::segments::Directory;

use super::box_year::Recorder;
use super::school::{School, day_times};
use super::stopwatch::{processor_s, time, written_bytes};

/// Pauses of the recording thread, which a full queue makes wait.
const PAUSE: Duration = Duration::from_micros(200);
/// Attempts at one record: ten seconds of a full queue.
const ATTEMPTS_MAX: u32 = 50_000;

/// What was measured.
#[derive(Clone, Copy, Debug)]
pub struct Ingest {
    /// Visits that were judged, recorded and made durable. Most have an end besides, which is a record, too.
    pub visits: u64,
    /// Processor time of both threads.
    pub processor_s: f64,
    /// Wall time.
    pub wall_s: f64,
}

/// Records visits as fast as it goes.
///
/// # Errors
/// The journal cannot be written.
pub fn measure(school: &School, visits: usize, data: &Path) -> Result<Ingest> {
    let visits = school.day(0, visits);
    let (journal, mut writer) = journal::open(Directory::new(data));
    let now = Timestamp::from_unix_ms(day_times(0).0);
    writer.commit(now)?;
    let recorder = Recorder::new(school, journal.clone());
    let is_over = Arc::new(AtomicBool::new(false));
    let before = processor_s()?;
    let (outcome, wall_s) = time(|| {
        thread::scope(|scope| -> Result<()> {
            let over = Arc::clone(&is_over);
            let committing = scope.spawn(move || -> Result<()> {
                while !over.load(Ordering::Acquire) {
                    writer.commit(now)?;
                    thread::park_timeout(Duration::from_millis(500));
                }
                Ok(writer.finish(now)?)
            });
            let writer_thread = committing.thread().clone();
            journal.wake_writer_by(move || writer_thread.unpark());
            for visit in &visits {
                let mut attempts = 0;
                while let Err(error) = recorder.record(visit) {
                    attempts += 1;
                    ensure!(attempts < ATTEMPTS_MAX, "{error:#}");
                    committing.thread().unpark();
                    thread::park_timeout(PAUSE);
                }
            }
            is_over.store(true, Ordering::Release);
            committing.thread().unpark();
            committing.join().unwrap_or_else(|_| Err(anyhow::anyhow!("the writer broke down")))
        })
    });
    outcome?;
    Ok(Ingest { visits: visits.len() as u64, processor_s: processor_s()? - before, wall_s })
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
