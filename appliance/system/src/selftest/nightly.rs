//! The run of each night: when, in which process, and what becomes of one that does not end.

use std::ffi::OsString;
use std::fs;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::str::FromStr;
use std::time::{Duration, Instant};

use jiff::civil::Time;
use jiff::tz::TimeZone;
use jiff::{Span, Zoned};
use model::Timestamp;
use selftest::{Run, State};

use super::Results;
use crate::clock::monotonic;

/// This very program, also after its file was replaced by another version.
const PROGRAM: &str = "/proc/self/exe";
/// Runs begin between five and six o'clock: after the lists' updates, before the first pupil.
const HOUR: i8 = 5;
/// How long the window is: each school has its own moment in it.
const SECONDS: u64 = 3_600;
/// A box that was not tested for so long, because it is switched off at night, does not wait for the next one.
const OLD: Duration = Duration::from_hours(48);
/// After a start, until then: whoever starts the box has other things to look at, and lists may be on their way.
const AFTER_START: Duration = Duration::from_mins(20);
/// A run that is not over then is ended. By itself it ends long before.
const DURATION_MAX: Duration = Duration::from_mins(20);
/// How often the results are looked at, for runs that somebody makes by hand.
const LOOK_PERIOD: Duration = Duration::from_secs(10);
/// How far the clock may go back before everything is planned anew.
const SET_BACK_MS: i64 = 60_000;

/// When a school's box is tested.
#[derive(Clone, Debug)]
pub struct Plan {
    time_zone: TimeZone,
    /// A time of day, with the school's own moment in it.
    at: Time,
}

/// A time of day that somebody chose: `05:30`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PlanTime(Time);

/// The text is no time of day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a time of day is written as 05:30")]
pub struct PlanTimeError;

impl FromStr for PlanTime {
    type Err = PlanTimeError;

    fn from_str(text: &str) -> Result<Self, PlanTimeError> {
        let is_plain = text.len() == 5 && text.bytes().all(|byte| byte.is_ascii_digit() || byte == b':');
        let time = Time::strptime("%H:%M", text).ok().filter(|_| is_plain);
        time.map(Self).ok_or(PlanTimeError)
    }
}

impl Plan {
    /// The plan of a school. `school` is what tells it from others; `at` is the time that somebody chose.
    #[must_use]
    pub fn new(school: &str, at: Option<PlanTime>, time_zone: TimeZone) -> Self {
        let [a, b, c, d, ..] = md5::compute(school).0;
        let number = u64::from(u32::from_le_bytes([a, b, c, d])) % SECONDS;
        let own = i64::try_from(number)
            .ok()
            .and_then(|number| Time::constant(HOUR, 0, 0, 0).checked_add(Span::new().seconds(number)).ok());
        let at = at.map(|PlanTime(at)| at).or(own).unwrap_or(Time::constant(HOUR, 0, 0, 0));
        Self { time_zone, at }
    }

    /// When to run next, as seen at `now`: at the start, and after each run. `last` is when the last run began.
    #[must_use]
    pub fn next(&self, now: Timestamp, last: Option<Timestamp>) -> Timestamp {
        let last = last.filter(|last| *last <= now);
        let night = self.next_night(now).unwrap_or_else(|| later(now, Duration::from_hours(24)));
        if last.is_none_or(|last| now.ms_since(last) > u64::try_from(OLD.as_millis()).unwrap_or(u64::MAX)) {
            return later(now, AFTER_START).min(night);
        }
        night
    }

    fn next_night(&self, now: Timestamp) -> Option<Timestamp> {
        let now_there =
            jiff::Timestamp::from_millisecond(now.unix_ms()).ok()?.to_zoned(self.time_zone.clone());
        let moment = |day: &Zoned| -> Option<Timestamp> {
            let at = day.date().to_datetime(self.at).to_zoned(self.time_zone.clone()).ok()?;
            Some(Timestamp::from_unix_ms(at.timestamp().as_millisecond()))
        };
        let today = moment(&now_there)?;
        if today > now { Some(today) } else { moment(&now_there.checked_add(Span::new().days(1)).ok()?) }
    }
}

fn later(at: Timestamp, by: Duration) -> Timestamp {
    let by = i64::try_from(by.as_millis()).unwrap_or(i64::MAX);
    Timestamp::from_unix_ms(at.unix_ms().saturating_add(by))
}

/// Who makes a run.
#[derive(Clone, Debug)]
pub enum By {
    /// This program, as a child, with these arguments.
    Child(Vec<OsString>),
    /// A service with the privileges for it, which starts when this file is there, and removes it.
    Order(PathBuf),
}

/// Starts a run when it is time, and tells what became of the last one.
pub struct Nightly {
    program: OsString,
    by: By,
    results: Results,
    plan: Plan,
    planned_at: Timestamp,
    next: Timestamp,
    running: Option<(Child, Instant)>,
    /// Whether somebody wants a run before its time.
    is_hurried: bool,
    /// Since when a result is expected of a service.
    ordered: Option<Instant>,
    looked: Option<Instant>,
    last: Option<Run>,
}

impl Nightly {
    /// Plans the first run.
    #[must_use]
    pub fn new(by: By, results: Results, plan: Plan, now: Timestamp) -> Self {
        let last = results.last();
        let next = plan.next(now, last.as_ref().map(Run::started));
        let (program, running, ordered, looked) = (PROGRAM.into(), None, None, None);
        let (planned_at, is_hurried) = (now, false);
        Self { program, by, results, plan, planned_at, next, running, is_hurried, ordered, looked, last }
    }

    /// Does what is to be done at `now`: called every second or so. Never waits. While `is_held` nothing is started.
    /// Whether the last result is another one.
    pub fn keep(&mut self, now: Timestamp, is_held: bool) -> bool {
        let has_ended = self.keep_child();
        self.keep_order();
        let is_set_back = now.unix_ms() < self.planned_at.unix_ms().saturating_sub(SET_BACK_MS);
        if is_set_back {
            self.plan(now);
        }
        if self.running.is_none() && (self.is_hurried || now >= self.next) && !is_held {
            self.is_hurried = false;
            self.start();
            self.plan_after(now);
        }
        self.look(has_ended)
    }

    /// Somebody wants a run now. It begins as soon as nothing holds it; one that is under way will do.
    pub fn hurry(&mut self) {
        self.is_hurried |= !self.is_running();
    }

    /// Whether a run is under way, by whomever it is made, or about to begin.
    #[must_use]
    pub fn is_running(&self) -> bool {
        let is_seen = self.last.as_ref().is_some_and(|last| last.state == State::Running);
        self.is_hurried || self.running.is_some() || self.ordered.is_some() || is_seen
    }

    /// The last run, by whomever it was made; also one that runs.
    #[must_use]
    pub fn last(&self) -> Option<&Run> {
        self.last.as_ref()
    }

    /// When the next run begins.
    #[must_use]
    pub fn next(&self) -> Timestamp {
        self.next
    }

    fn plan(&mut self, now: Timestamp) {
        self.planned_at = now;
        self.next = self.plan.next(now, self.last.as_ref().map(Run::started));
    }

    /// Whatever becomes of this run, the next one is another night's.
    fn plan_after(&mut self, now: Timestamp) {
        self.planned_at = now;
        self.next = self.plan.next(now, Some(now));
    }

    fn start(&mut self) {
        let arguments = match &self.by {
            By::Child(arguments) => arguments,
            By::Order(file) => {
                match fs::write(file, "") {
                    Ok(()) => self.ordered = Some(monotonic()),
                    Err(error) => {
                        tracing::error!(%error, "the box cannot order its self-test by {}", file.display());
                    }
                }
                return;
            }
        };
        #[expect(clippy::disallowed_methods, reason = "this room runs programs")]
        let mut command = Command::new(&self.program);
        let child = command.args(arguments).stdin(Stdio::null()).stdout(Stdio::null()).spawn();
        match child {
            Ok(child) => self.running = Some((child, monotonic())),
            Err(error) => tracing::error!(%error, "the box cannot start its self-test"),
        }
    }

    /// Tells of an order that nobody has carried out.
    fn keep_order(&mut self) {
        if self.ordered.is_some_and(|since| monotonic().saturating_duration_since(since) >= DURATION_MAX) {
            self.ordered = None;
            tracing::error!("the self-test that was ordered has no result: does preau-selftest.path run?");
        }
    }

    /// Takes leave of a child that ended, and ends one that takes too long. Whether there was one.
    fn keep_child(&mut self) -> bool {
        let Some((child, since)) = &mut self.running else { return false };
        match child.try_wait() {
            Ok(None) if monotonic().saturating_duration_since(*since) < DURATION_MAX => return false,
            Ok(None) => {
                tracing::error!("the self-test hung, and was ended");
                self.end_child();
            }
            Ok(Some(status)) => {
                self.running = None;
                if !status.success() && self.results.last() == self.last {
                    tracing::error!(%status, "the self-test could not be made: run `preau selftest filter`");
                }
            }
            Err(error) => {
                tracing::error!(%error, "the self-test cannot be watched");
                self.end_child();
            }
        }
        true
    }

    fn end_child(&mut self) {
        let Some((mut child, _)) = self.running.take() else { return };
        if let Err(error) = child.kill().and_then(|()| child.wait()) {
            tracing::warn!(%error, "a self-test cannot be ended");
        }
    }

    fn look(&mut self, is_urgent: bool) -> bool {
        let now = monotonic();
        let is_due = self.looked.is_none_or(|looked| now.saturating_duration_since(looked) >= LOOK_PERIOD);
        if !is_due && !is_urgent {
            return false;
        }
        self.looked = Some(now);
        let last = self.results.last();
        if last == self.last {
            return false;
        }
        (self.last, self.ordered) = (last, None);
        true
    }
}

impl Drop for Nightly {
    fn drop(&mut self) {
        self.end_child();
    }
}

/// Says in the log of the box what became of a run.
pub fn tell(run: &Run) {
    let [passed, failed, untested] = run.counts();
    match run.state {
        State::Running => {}
        State::Cut => {
            tracing::error!("the last self-test was cut off: it says nothing; run `preau selftest filter`");
        }
        State::Finished if run.is_good() && !run.has_controls() => tracing::warn!(
            passed,
            untested,
            "the self-test has found no way around the filter, but could not try that what is permitted passes"
        ),
        State::Finished if run.is_good() => {
            tracing::info!(passed, untested, "the self-test has found no way around the filter");
        }
        State::Finished => tracing::error!(
            passed,
            failed,
            untested,
            "the self-test has found ways around the filter: `preau selftest history` tells which"
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::selftest::results::tests::run as run_of;

    fn at(text: &str) -> Timestamp {
        Timestamp::from_unix_ms(text.parse::<jiff::Timestamp>().unwrap().as_millisecond())
    }

    fn plan(time: Option<&str>) -> Plan {
        Plan::new("0750001E", time.map(|time| time.parse().unwrap()), TimeZone::get("Europe/Paris").unwrap())
    }

    fn run(started_ms: i64) -> Run {
        run_of(started_ms, State::Finished)
    }

    #[test]
    fn nights_are_the_schools_own() {
        let check = |now: &str, expected: &str| {
            assert_eq!(plan(Some("05:30")).next(at(now), Some(at(now))), at(expected), "{now}");
        };
        check("2026-11-24T08:00:00Z", "2026-11-25T04:30:00Z");
        check("2026-11-24T04:29:59Z", "2026-11-24T04:30:00Z");
        check("2026-11-24T04:30:00Z", "2026-11-25T04:30:00Z");
        check("2026-07-24T08:00:00Z", "2026-07-25T03:30:00Z");
        let now = at("2026-11-24T08:00:00Z");
        let own = plan(None).next(now, Some(now));
        assert!((at("2026-11-25T04:00:00Z")..at("2026-11-25T05:00:00Z")).contains(&own));
        let other = Plan::new("0750002F", None, TimeZone::get("Europe/Paris").unwrap());
        assert_ne!(other.next(now, Some(now)), own);
    }

    #[test]
    fn a_box_that_was_not_tested_for_long_does_not_wait_for_the_night() {
        let now = at("2026-11-24T08:00:00Z");
        let soon = at("2026-11-24T08:20:00Z");
        let night = at("2026-11-25T04:30:00Z");
        let check = |last: Option<&str>, expected| {
            assert_eq!(plan(Some("05:30")).next(now, last.map(at)), expected, "{last:?}");
        };
        check(None, soon);
        check(Some("2026-11-22T07:59:59Z"), soon);
        check(Some("2026-11-22T08:00:00Z"), night);
        // A clock that was set back.
        check(Some("2027-01-01T00:00:00Z"), soon);
        // The night comes first.
        assert_eq!(plan(Some("05:30")).next(at("2026-11-24T04:29:00Z"), None), at("2026-11-24T04:30:00Z"));
    }

    #[test]
    fn times_of_day_are_strict() {
        for text in ["", "5:30", "24:00", "05:60", "05:30:00", "05.30", "+5:30", "demain"] {
            assert_eq!(text.parse::<PlanTime>(), Err(PlanTimeError), "{text}");
        }
    }

    /// A run that the program refuses to make at once ends it, and the next one is another night's.
    #[test]
    fn a_run_is_started_when_it_is_time_and_once() {
        let folder = tempfile::tempdir().unwrap();
        let results = Results::new(folder.path().to_owned());
        let before = at("2026-11-24T04:29:00Z");
        let mut nightly = Nightly::new(By::Child(vec![]), results, plan(Some("05:30")), before);
        nightly.program = "true".into();
        assert!(!nightly.keep(before, false));
        assert!(nightly.running.is_none());
        let night = at("2026-11-24T04:30:00Z");
        nightly.keep(night, true);
        assert!(nightly.running.is_none(), "lists are being updated");
        nightly.keep(night, false);
        assert!(nightly.running.is_some());
        assert_eq!(nightly.next(), at("2026-11-25T04:30:00Z"));
        while nightly.running.is_some() {
            nightly.keep(night, false);
            std::thread::yield_now();
        }
        nightly.keep(night, false);
        assert!(nightly.running.is_none(), "once a night");
    }

    #[test]
    fn a_run_that_somebody_wants_begins_once_nothing_holds_it() {
        let folder = tempfile::tempdir().unwrap();
        let (results, order) = (Results::new(folder.path().join("results")), folder.path().join("order"));
        let day = at("2026-11-24T09:00:00Z");
        let by = By::Order(order.clone());
        let mut nightly = Nightly::new(by, results.clone(), plan(Some("05:30")), day);
        assert!(!nightly.is_running());
        nightly.hurry();
        nightly.keep(day, true);
        assert!(!order.exists() && nightly.is_running(), "lists are being updated");
        nightly.keep(day, false);
        assert!(order.exists() && nightly.is_running());
        fs::remove_file(&order).unwrap();
        nightly.hurry();
        nightly.keep(day, false);
        assert!(!order.exists(), "one that is under way will do");
        assert_eq!(nightly.next(), at("2026-11-25T04:30:00Z"), "the night has its own");
        results.keep(&results.lock().unwrap(), &run(day.unix_ms())).unwrap();
        nightly.looked = None;
        assert!(nightly.keep(day, false) && !nightly.is_running());
        nightly.hurry();
        nightly.keep(day, false);
        assert!(order.exists(), "again");
    }

    #[test]
    fn a_run_is_ordered_when_a_service_makes_it() {
        let folder = tempfile::tempdir().unwrap();
        let (results, order) = (Results::new(folder.path().join("results")), folder.path().join("order"));
        let night = at("2026-11-24T04:30:00Z");
        let plan = plan(Some("05:30"));
        let mut nightly = Nightly::new(By::Order(order.clone()), results, plan, at("2026-11-24T04:29:00Z"));
        nightly.keep(night, false);
        assert!(order.exists() && nightly.running.is_none() && nightly.ordered.is_some());
        fs::remove_file(&order).unwrap();
        nightly.keep(night, false);
        assert!(!order.exists(), "once a night");
    }

    #[test]
    fn a_result_that_somebody_else_made_is_seen() {
        let folder = tempfile::tempdir().unwrap();
        let results = Results::new(folder.path().to_owned());
        let now = at("2026-11-24T08:00:00Z");
        let mut nightly = Nightly::new(By::Child(vec![]), results.clone(), plan(None), now);
        let run = run(1);
        results.keep(&results.lock().unwrap(), &run).unwrap();
        assert!(nightly.keep(now, false));
        assert_eq!(nightly.last(), Some(&run));
        assert!(!nightly.keep(now, false));
    }
}
