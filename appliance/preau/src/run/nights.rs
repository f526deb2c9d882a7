//! The box's nights at its hub, where it is enrolled at one: each at its own minute, made up for when it was missed.

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, SystemTime};

use jiff::tz::TimeZone;
use model::{ClockQuality, Timestamp};
use portal::Chore;
use replication::Night;
use sync::{HubFolder, Limits, NightReport, Step, SyncError, Watch};
use system::clock::{SystemClock, now};

use super::chores::Chores;
use crate::hub_night;

/// How often it is looked whether the night is due: whoever enrols the box sees it at the hub before she has left.
const PERIOD: Duration = Duration::from_secs(10);
/// What a night takes of the line: a megabit a second. A school's day is some megabytes, and lessons may have begun.
const LIMITS: Limits = Limits { bytes_per_second: 125_000 };
/// What one that is made up for takes by day: a quarter, beside lessons.
const LIMITS_BY_DAY: Limits = Limits { bytes_per_second: 31_250 };
/// The hours of the day, by the school's clocks.
const DAY_HOURS: Range<i64> = 7..19;
const HOUR_MS: i64 = 3_600_000;
/// Shortest time between two tries, whatever the disk says: a full one keeps nothing of the last.
const PAUSE_MS: u64 = 300_000;

/// Keeps the box's nights.
pub(crate) struct Nights {
    data: PathBuf,
    /// Where the machine's system tells of its releases.
    report: PathBuf,
    folder: HubFolder,
    time_zone: TimeZone,
    /// What was told last, so that a hub that is away for a month is one line in the log.
    told: Option<String>,
    /// When the last try ended, as far as this process knows.
    tried: Option<Timestamp>,
    /// Which enrolment that was.
    enrolment: Option<SystemTime>,
    /// Where somebody asks for one at once.
    chores: Arc<Chores>,
}

/// Whoever ends the box ends a night with the next piece.
struct Stopping<'r>(&'r Receiver<()>);

impl Watch for Stopping<'_> {
    fn report(&mut self, _: Step<'_>) {}

    fn pause(&mut self, time: Duration) -> bool {
        self.0.recv_timeout(time) == Err(RecvTimeoutError::Timeout)
    }
}

impl Nights {
    /// Of the box with this data.
    pub(crate) fn new(data: &Path, report: &Path, time_zone: TimeZone, chores: Arc<Chores>) -> Self {
        let (folder, report) = (HubFolder::new(data), report.to_owned());
        let (data, told, tried, enrolment) = (data.to_owned(), None, None, None);
        Self { data, report, folder, time_zone, told, tried, enrolment, chores }
    }

    /// Keeps them until it is told to stop.
    pub(crate) fn keep(mut self, stopped: &Receiver<()>) {
        loop {
            if stopped.recv_timeout(PERIOD) != Err(RecvTimeoutError::Timeout) {
                return;
            }
            self.chores.offer(Chore::Sync, self.folder.is_enrolled());
            if self.chores.take(Chore::Sync) || self.is_due() {
                self.chores.begin(Chore::Sync);
                let limits = limits_at(local_ms(now().unix_ms(), &self.time_zone));
                let outcome = hub_night::sync(&self.data, &self.report, limits, &mut Stopping(stopped));
                if matches!(outcome, Err(SyncError::Stopped)) {
                    return;
                }
                // Whoever does it by hand sees what comes of it.
                self.chores.end(Chore::Sync, matches!(outcome, Ok(_) | Err(SyncError::Busy)));
                // Where somebody does it by hand, nothing was tried.
                if !matches!(outcome, Err(SyncError::Busy)) {
                    self.tried = Some(now());
                }
                self.tell(outcome);
            }
        }
    }

    fn is_due(&mut self) -> bool {
        let clock = access::Clock::now(&SystemClock::new());
        // Without the time, no certificate can be judged.
        if clock.quality == ClockQuality::Unset || !self.folder.is_enrolled() || self.rests(clock.at) {
            return false;
        }
        let identity = match self.folder.read() {
            Ok(Some(identity)) => identity,
            Ok(None) => return false,
            Err(error) => {
                self.tell(Err(error));
                return false;
            }
        };
        let (state, night) = (self.folder.night(), Night::of(&identity.enrolled.school.uai));
        let local = |unix_ms: i64| local_ms(unix_ms, &self.time_zone);
        let (succeeded, tried) = (state.succeeded_ms.map(local), state.tried_ms.map(local));
        night.is_due(local(clock.at.unix_ms()), succeeded, state.failures, tried)
    }

    /// Whether the last try ended a moment ago. A clock that was set has no say in it; and a hub that the box has just enrolled at was not tried.
    fn rests(&mut self, at: Timestamp) -> bool {
        let enrolment = self.folder.identity_stamp();
        if enrolment != self.enrolment {
            (self.enrolment, self.tried) = (enrolment, None);
        }
        self.tried.is_some_and(|tried| tried <= at && at.ms_since(tried) < PAUSE_MS)
    }

    fn tell(&mut self, outcome: Result<NightReport, SyncError>) {
        let error = match outcome {
            Ok(report) => {
                tracing::info!(?report, "the hub has what it should have");
                self.told = None;
                return;
            }
            // Somebody does it by hand.
            Err(SyncError::Busy) => return,
            Err(error) => format!("{:#}", anyhow::Error::from(error)),
        };
        if self.told.as_ref() != Some(&error) {
            tracing::warn!("the night's exchange with the hub: {error}");
        }
        self.told = Some(error);
    }
}

/// What a night takes of the line that begins when the school's clocks show this.
fn limits_at(local_ms: i64) -> Limits {
    let hour = local_ms.div_euclid(HOUR_MS).rem_euclid(24);
    if DAY_HOURS.contains(&hour) { LIMITS_BY_DAY } else { LIMITS }
}

/// What the school's clocks show, in milliseconds.
pub(crate) fn local_ms(unix_ms: i64, zone: &TimeZone) -> i64 {
    let at = Timestamp::from_unix_ms(unix_ms).unix_ms();
    let offset = jiff::Timestamp::from_millisecond(at).map_or(0, |at| zone.to_offset(at).seconds());
    at.saturating_add(i64::from(offset) * 1_000)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::releases::REPORT;

    #[test]
    fn nights_go_by_the_schools_clocks() {
        let zone = TimeZone::get("Indian/Reunion").unwrap();
        assert_eq!(local_ms(0, &zone), 4 * 3_600_000);
        assert_eq!(local_ms(i64::MAX, &zone), i64::MAX);
    }

    #[test]
    fn lessons_keep_most_of_the_line() {
        let check = |hour: i64, minute: i64, expected: Limits| {
            let at = 20_000 * 24 * HOUR_MS + hour * HOUR_MS + minute * 60_000;
            assert_eq!(limits_at(at), expected, "{hour}:{minute}");
        };
        check(3, 0, LIMITS);
        check(6, 59, LIMITS);
        check(7, 0, LIMITS_BY_DAY);
        check(18, 59, LIMITS_BY_DAY);
        check(19, 0, LIMITS);
        assert_eq!(limits_at(-HOUR_MS), LIMITS);
    }

    #[test]
    fn a_try_is_not_made_again_at_once_though_the_disk_knows_nothing_of_it() {
        let data = tempfile::tempdir().unwrap();
        let mut nights = Nights::new(data.path(), Path::new(REPORT), TimeZone::UTC, Arc::default());
        let at = Timestamp::from_unix_ms;
        assert!(!nights.rests(at(0)));
        nights.tried = Some(at(1_000));
        assert!(nights.rests(at(1_000)) && nights.rests(at(300_999)));
        assert!(!nights.rests(at(301_000)) && !nights.rests(at(0)));
        // The box has enrolled at another hub meanwhile, which nobody has asked for anything yet.
        std::fs::create_dir(data.path().join("hub")).unwrap();
        std::fs::write(data.path().join("hub/identity"), "{}").unwrap();
        assert!(!nights.rests(at(1_001)));
        nights.tried = Some(at(1_002));
        assert!(nights.rests(at(1_003)));
    }

    #[test]
    fn a_box_that_is_not_enrolled_has_no_nights() {
        let data = tempfile::tempdir().unwrap();
        assert!(!Nights::new(data.path(), Path::new(REPORT), TimeZone::UTC, Arc::default()).is_due());
    }
}
