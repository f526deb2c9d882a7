//! The year as the box keeps it: recorded, sealed each night, encrypted to one reader; then the same days in the clear.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use access::Instant;
use anyhow::{Context, Result, bail, ensure};
use archive::{Form, Hash, Identity, Log, Seal, SealedFile, SigningKey, Table};
use jiff::tz::TimeZone;
use journal::{Journal, Writer};
use model::{AccessKind, ClockQuality, Closing, End, LessonId, Reason, Subject, Timestamp, Verdict};
use policy::{Decided, Decision, Question, Rulebook, Snapshot, Target, decide};
use system::sealing::{Manner, day_number, seal};
use system::segments::Directory;
use system::vault::Folder;

use super::school::{DAYS, School, Visit, day_times};
use super::stopwatch::{processor_s, time, written_bytes};

/// Visits between two commits: what a large school does in half a second is less.
const VISITS_A_COMMIT: usize = 2_000;

/// What it took.
#[derive(Clone, Copy, Debug, Default)]
pub struct Cost {
    /// Records: accesses, their ends, repeats.
    pub records: u64,
    /// Rows of sealed tables.
    pub rows: u64,
    /// Processor time of recording and committing, of both ends.
    pub recording_s: f64,
    /// Wall time of the same.
    pub recording_wall_s: f64,
    /// Processor time of sealing.
    pub sealing_s: f64,
    /// Bytes of sealed files.
    pub sealed_bytes: u64,
    /// Bytes that were written to the disk for all of it.
    pub written_bytes: u64,
}

/// A refusal, as the policy would give it with a list of the school's.
struct Refused<'s> {
    subject: &'s Subject,
    host: &'s model::Host,
    kind: AccessKind,
    reason: Reason,
}

impl Decided for Refused<'_> {
    fn verdict(&self) -> Verdict {
        Verdict::Refuse
    }
    fn subject(&self) -> &Subject {
        self.subject
    }
    fn lesson(&self) -> Option<LessonId> {
        None
    }
    fn kind(&self) -> AccessKind {
        self.kind
    }
    fn host(&self) -> Option<&model::Host> {
        Some(self.host)
    }
    fn destination(&self) -> Option<std::net::SocketAddr> {
        None
    }
    fn reason(&self) -> &Reason {
        &self.reason
    }
}

/// Whoever records visits.
pub struct Recorder<'s> {
    school: &'s School,
    policy: Snapshot,
    journal: Journal,
}

impl<'s> Recorder<'s> {
    /// One with a policy that permits what is not listed.
    pub fn new(school: &'s School, journal: Journal) -> Self {
        let policy = Snapshot::new(Arc::new(blocklist::builtin()), &Rulebook::default());
        Self { school, policy, journal }
    }

    /// Judges and records a visit, and its end.
    ///
    /// # Errors
    /// It cannot be recorded.
    pub fn record(&self, visit: &Visit) -> Result<()> {
        let at = Timestamp::from_unix_ms(visit.at_ms);
        let subject = self.school.subjects.get(visit.device).context("no such device")?;
        let host = self.school.hosts.get(visit.host).context("no such host")?;
        if let Some(category) = self.school.category(visit.host) {
            let reason = Reason::Listed { category: category.parse()?, entry: host.to_string().into() };
            let refused = Refused { subject, host, kind: visit.kind, reason };
            self.journal.record(at, ClockQuality::Synchronised, refused)?;
            return Ok(());
        }
        let question = Question {
            subject: subject.clone(),
            kind: visit.kind,
            target: Target::Host(host.clone()),
            destination: None,
        };
        let Decision::Permit(permit) = decide(&self.policy, question, Some(at)) else {
            bail!("{host} is refused")
        };
        let recorded = self.journal.record(at, ClockQuality::Synchronised, permit)?;
        let (bytes_up, bytes_down, duration_ms) = visit.traffic;
        let closing = Closing { bytes_up, bytes_down, duration_ms, peer: None, end: End::Finish };
        let after = i64::try_from(duration_ms).unwrap_or(0);
        self.journal.close(Timestamp::from_unix_ms(visit.at_ms + after), recorded, closing);
        Ok(())
    }
}

/// Records and seals the year in a data folder.
///
/// # Errors
/// It cannot be recorded or sealed.
pub fn make(school: &School, visits: usize, data: &Path, identity: &Identity) -> Result<Cost> {
    let manner = Manner { time_zone: TimeZone::UTC, readers: Some(vec![identity.reader()]), policy: None };
    let before = written_bytes()?;
    let (journal, mut writer) = journal::open(Directory::new(data));
    writer.split_days_by(|at| day_number(at, &TimeZone::UTC));
    writer.commit(Timestamp::from_unix_ms(day_times(0).0))?;
    let recorder = Recorder::new(school, journal);
    let mut cost = Cost::default();
    for day in 0..DAYS {
        let day_visits = school.day(day, visits_of_day(day, visits));
        let start_s = processor_s()?;
        let (recorded, wall_s) = time(|| record_day(&recorder, &mut writer, &day_visits));
        recorded?;
        cost.recording_s += processor_s()? - start_s;
        cost.recording_wall_s += wall_s;
        let next = Timestamp::from_unix_ms(day_times(day + 1).0);
        writer.commit(next)?;
        let start_s = processor_s()?;
        let done = seal(data, &manner, Instant { at: next, quality: ClockQuality::Synchronised })?;
        cost.sealing_s += processor_s()? - start_s;
        for seal in done.sealed {
            cost.records += seal.records;
            cost.rows += seal.file.rows;
            cost.sealed_bytes += seal.file.bytes;
        }
    }
    cost.written_bytes = written_bytes()? - before;
    writer.finish(Timestamp::from_unix_ms(day_times(DAYS).0))?;
    Ok(cost)
}

/// The visits of a day, where the year has so many.
#[must_use]
pub fn visits_of_day(day: usize, visits: usize) -> usize {
    visits * (day + 1) / DAYS - visits * day / DAYS
}

fn record_day(recorder: &Recorder<'_>, writer: &mut Writer<Directory>, visits: &[Visit]) -> Result<()> {
    for some in visits.chunks(VISITS_A_COMMIT) {
        for visit in some {
            recorder.record(visit)?;
        }
        let last = some.last().map_or(0, |visit| visit.at_ms);
        writer.commit(Timestamp::from_unix_ms(last))?;
    }
    Ok(())
}

/// The same sealed days without encryption, in another data folder. Returns the bytes of their files.
///
/// # Errors
/// They cannot be read or written.
pub fn decrypt_all(from: &Path, to: &Path, identity: &Identity) -> Result<u64> {
    let sealed = to.join("sealed");
    fs::create_dir_all(&sealed)?;
    let folder = Folder::new(from);
    let key = SigningKey::of_box([7; 32]).map_err(|_| anyhow::anyhow!("no key"))?;
    let mut log = Log::default();
    let mut bytes = 0;
    let sealed_log = folder.read_log()?;
    let tables = folder.tables(&sealed_log, std::slice::from_ref(identity));
    for seal in sealed_log.seals() {
        let table = tables.read(seal)?.context("it is locked")?;
        let file = SealedFile {
            form: Form::Plain,
            bytes: table.len() as u64,
            hash: Hash::of(&table),
            rows: seal.file.rows,
        };
        let tail = Table::open(table.clone())?.tail(Form::Plain, &table);
        ensure!(tail.is_some(), "a table without a guide");
        bytes += file.bytes;
        log.append(Seal { file, tail, ..seal.clone() }, &key);
        let name = log.last().map(Seal::file_name).unwrap_or_default();
        fs::write(sealed.join(name), &table)?;
    }
    fs::write(sealed.join("log"), log.to_string())?;
    Ok(bytes)
}
