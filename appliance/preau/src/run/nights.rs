//! The box's nights at its hub, where it is enrolled at one: each at its own minute, made up for when it was missed.

use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Duration;

use jiff::tz::TimeZone;
use model::{ClockQuality, Timestamp};
use replication::Night;
use sync::{HubFolder, Limits, NightReport, Step, SyncError, Watch};
use system::clock::SystemClock;

use crate::hub_night;

/// How often it is looked whether the night is due: whoever enrols the box sees it at the hub before she has left.
const PERIOD: Duration = Duration::from_secs(10);
/// What a night takes of the line: a megabit a second. A school's day is some megabytes, and lessons may have begun.
const LIMITS: Limits = Limits { bytes_per_second: 125_000 };

/// Keeps the box's nights.
pub(crate) struct Nights {
    data: PathBuf,
    folder: HubFolder,
    time_zone: TimeZone,
    /// What was told last, so that a hub that is away for a month is one line in the log.
    told: Option<String>,
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
    pub(crate) fn new(data: &Path, time_zone: TimeZone) -> Self {
        Self { data: data.to_owned(), folder: HubFolder::new(data), time_zone, told: None }
    }

    /// Keeps them until it is told to stop.
    pub(crate) fn keep(mut self, stopped: &Receiver<()>) {
        loop {
            if stopped.recv_timeout(PERIOD) != Err(RecvTimeoutError::Timeout) {
                return;
            }
            if self.is_due() {
                let outcome = hub_night::sync(&self.data, LIMITS, &mut Stopping(stopped));
                if matches!(outcome, Err(SyncError::Stopped)) {
                    return;
                }
                self.tell(outcome);
            }
        }
    }

    fn is_due(&mut self) -> bool {
        let clock = access::Clock::now(&SystemClock::new());
        // Without the time, no certificate can be judged.
        if clock.quality == ClockQuality::Unset || !self.folder.is_enrolled() {
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

/// What the school's clocks show, in milliseconds.
fn local_ms(unix_ms: i64, zone: &TimeZone) -> i64 {
    let at = Timestamp::from_unix_ms(unix_ms).unix_ms();
    let offset = jiff::Timestamp::from_millisecond(at).map_or(0, |at| zone.to_offset(at).seconds());
    at.saturating_add(i64::from(offset) * 1_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nights_go_by_the_schools_clocks() {
        let zone = TimeZone::get("Indian/Reunion").unwrap();
        assert_eq!(local_ms(0, &zone), 4 * 3_600_000);
        assert_eq!(local_ms(i64::MAX, &zone), i64::MAX);
    }

    #[test]
    fn a_box_that_is_not_enrolled_has_no_nights() {
        let data = tempfile::tempdir().unwrap();
        assert!(!Nights::new(data.path(), TimeZone::UTC).is_due());
    }
}
