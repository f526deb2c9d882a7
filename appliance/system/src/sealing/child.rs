//! Sealing as a child process of the lowest priority: the classroom never waits for it.

use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use jiff::tz::TimeZone;
use journal::{SegmentId, Source};
use model::ClockQuality;

use super::day;
use crate::clock::monotonic;
use crate::segments::Directory;

/// This very program, also after its file was replaced by another version.
const PROGRAM: &str = "/proc/self/exe";
/// The exit status of a child that met another one that seals (`EX_TEMPFAIL` of sysexits.h): nothing failed.
pub const BUSY_STATUS: u8 = 75;
/// One that is not over then is ended: what it has sealed stays, and the next one goes on.
const DURATION_MAX: Duration = Duration::from_hours(1);
/// The pause after the first failure; each further one doubles it ...
const PAUSE: Duration = Duration::from_mins(1);
/// ... up to this.
const PAUSE_MAX: Duration = Duration::from_hours(1);
/// More doublings than it takes to get there.
const DOUBLINGS_MAX: u32 = 16;

/// Seals whenever there is something, and deletes what is past its time: at the start, when a day of the school or a segment
/// is over.
#[derive(Debug)]
pub struct Sealer {
    program: OsString,
    arguments: Vec<OsString>,
    data: PathBuf,
    time_zone: TimeZone,
    running: Option<Running>,
    /// What there was to seal when it was last sealed.
    done: Option<Occasion>,
    not_before: Option<Instant>,
    failures: u32,
}

/// What there is to seal: another day, or another segment, is another occasion. So is a clock that is known at last: what is
/// past its time goes only then.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Occasion {
    day: String,
    is_time_known: bool,
    newest: Option<SegmentId>,
}

#[derive(Debug)]
struct Running {
    child: Child,
    occasion: Occasion,
    since: Instant,
}

impl Sealer {
    /// `arguments` make this program seal the data folder in the background.
    #[must_use]
    pub fn new(arguments: Vec<OsString>, data: &Path, time_zone: TimeZone) -> Self {
        Self {
            program: PROGRAM.into(),
            arguments,
            data: data.to_owned(),
            time_zone,
            running: None,
            done: None,
            not_before: None,
            failures: 0,
        }
    }

    /// Does what is to be done: called every ten seconds or so. Never waits.
    pub fn keep(&mut self, now: access::Instant) {
        self.keep_child();
        let is_too_early = self.not_before.is_some_and(|not_before| monotonic() < not_before);
        if self.running.is_some() || is_too_early {
            return;
        }
        // What cannot be listed is told by whoever writes it.
        let Ok(segments) = Directory::new(&self.data).list() else { return };
        let (day, newest) = (day(now.at, &self.time_zone), segments.last().copied());
        let occasion = Occasion { day, is_time_known: now.quality == ClockQuality::Synchronised, newest };
        if self.done.as_ref() != Some(&occasion) {
            self.start(occasion);
        }
    }

    fn start(&mut self, occasion: Occasion) {
        #[expect(clippy::disallowed_methods, reason = "this room runs programs")]
        let mut command = Command::new(&self.program);
        match command.args(&self.arguments).stdin(Stdio::null()).stdout(Stdio::null()).spawn() {
            Ok(child) => self.running = Some(Running { child, occasion, since: monotonic() }),
            Err(error) => {
                tracing::error!(%error, "sealing cannot be started");
                self.pause();
            }
        }
    }

    fn keep_child(&mut self) {
        let Some(running) = &mut self.running else { return };
        match running.child.try_wait() {
            Ok(None) if monotonic().saturating_duration_since(running.since) < DURATION_MAX => {}
            Ok(Some(status)) => self.judge(status),
            Ok(None) | Err(_) => {
                self.end_child();
                tracing::error!("sealing took too long, or cannot be watched");
                self.pause();
            }
        }
    }

    fn judge(&mut self, status: ExitStatus) {
        let Some(Running { occasion, .. }) = self.running.take() else { return };
        if status.success() {
            (self.done, self.not_before, self.failures) = (Some(occasion), None, 0);
            tracing::info!("what was finished of the journal is sealed");
            return;
        }
        // It has said on standard error what went wrong.
        if status.code() != Some(i32::from(BUSY_STATUS)) {
            tracing::error!(%status, "the journal could not be sealed; nothing is lost, it is tried again");
        }
        self.pause();
    }

    fn pause(&mut self) {
        let doublings = self.failures.min(DOUBLINGS_MAX);
        let pause = PAUSE.saturating_mul(1 << doublings).min(PAUSE_MAX);
        self.failures = self.failures.saturating_add(1);
        self.not_before = monotonic().checked_add(pause);
    }

    fn end_child(&mut self) {
        let Some(mut running) = self.running.take() else { return };
        let ended: io::Result<ExitStatus> = running.child.kill().and_then(|()| running.child.wait());
        if let Err(error) = ended {
            tracing::warn!(%error, "a process that seals cannot be ended");
        }
    }
}

impl Drop for Sealer {
    fn drop(&mut self) {
        self.end_child();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY_MS: i64 = 86_400_000;

    fn at(unix_ms: i64, quality: ClockQuality) -> access::Instant {
        access::Instant { at: model::Timestamp::from_unix_ms(unix_ms), quality }
    }

    fn sealer(data: &Path, script: &str) -> Sealer {
        let arguments = vec!["-c".into(), script.into(), data.into()];
        let mut sealer = Sealer::new(arguments, data, TimeZone::UTC);
        sealer.program = "sh".into();
        sealer
    }

    fn count(data: &Path) -> usize {
        std::fs::read_to_string(data.join("runs")).map_or(0, |runs| runs.lines().count())
    }

    fn keep_until(sealer: &mut Sealer, now: i64, is_there: impl Fn(&Sealer) -> bool) {
        while !is_there(sealer) {
            sealer.keep(at(now, ClockQuality::Synchronised));
            std::thread::yield_now();
        }
    }

    #[test]
    fn each_day_and_each_segment_is_sealed_once() {
        let data = tempfile::tempdir().unwrap();
        std::fs::create_dir(data.path().join("journal")).unwrap();
        let mut sealer = sealer(data.path(), "echo run >> \"$0/runs\"");
        let mut check = |now: i64, runs: usize| {
            keep_until(&mut sealer, now, |sealer| sealer.running.is_none() && count(data.path()) == runs);
            for _ in 0..3 {
                sealer.keep(at(now, ClockQuality::Synchronised));
                assert!(sealer.running.is_none(), "nothing new at {now}");
            }
        };
        check(0, 1);
        check(DAY_MS - 1, 1);
        check(DAY_MS, 2);
        std::fs::write(data.path().join("journal/segment-00000000000000000007.pjs"), "").unwrap();
        check(DAY_MS, 3);
    }

    #[test]
    fn a_clock_that_is_known_at_last_is_an_occasion() {
        let data = tempfile::tempdir().unwrap();
        let mut sealer = sealer(data.path(), "echo run >> \"$0/runs\"");
        for (quality, runs) in [(ClockQuality::Unsynchronised, 1), (ClockQuality::Synchronised, 2)] {
            while sealer.running.is_some() || count(data.path()) < runs {
                sealer.keep(at(0, quality));
                std::thread::yield_now();
            }
        }
    }

    #[test]
    fn a_failure_is_tried_again_after_a_pause() {
        let data = tempfile::tempdir().unwrap();
        let mut sealer = sealer(data.path(), "echo run >> \"$0/runs\"; exit 1");
        keep_until(&mut sealer, 0, |sealer| sealer.failures == 1);
        sealer.keep(at(0, ClockQuality::Synchronised));
        assert!(sealer.running.is_none(), "not at once");
        sealer.not_before = None;
        keep_until(&mut sealer, 0, |sealer| sealer.failures == 2);
        assert_eq!(count(data.path()), 2);
    }
}
