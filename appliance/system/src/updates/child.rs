//! Updates as child processes: what they take of memory and processor is not the box's.

use std::ffi::OsString;
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use model::Timestamp;

use super::plan::{PAUSE, later};
use super::{Failure, LockError, Outcome, Places, Plan, State};
use crate::clock::monotonic;

/// This very program, also after its file was replaced by another version.
const PROGRAM: &str = "/proc/self/exe";
/// The exit status of an update in the background that met another one (`EX_TEMPFAIL` of sysexits.h): nothing failed,
/// and the other one says what became of it.
pub const BUSY_STATUS: u8 = 75;
/// An update that is not over then is ended: what has arrived stays, and the next one goes on.
const DURATION_MAX: Duration = Duration::from_hours(2);
/// How far the clock may be set, back or forth, before everything is planned anew: what time servers correct day by day is
/// less.
const STEP_MS_MAX: u64 = 60_000;

/// Starts an update when it is time, and tells what became of the last one.
pub struct Updater {
    pub(super) program: OsString,
    arguments: Vec<OsString>,
    places: Places,
    plan: Plan,
    planned: Planned,
    running: Option<Running>,
    state: Option<State>,
    stamp: Option<Stamp>,
}

/// What was planned, and when by both clocks.
struct Planned {
    at: Timestamp,
    since: Instant,
    next: Option<Timestamp>,
}

impl Planned {
    fn new(at: Timestamp, next: Option<Timestamp>) -> Self {
        Self { at, since: monotonic(), next }
    }

    /// Whether the clock was set since: then a moment that was planned by it is another one. A box without a battery
    /// begins in 1970, and would find every moment long past as soon as it knows the time.
    fn is_moved(&self, now: Timestamp) -> bool {
        later(self.at, self.since.elapsed()).unix_ms().abs_diff(now.unix_ms()) > STEP_MS_MAX
    }
}

/// A child process.
struct Running {
    child: Child,
    /// The state before it.
    before: Option<Stamp>,
    since: Instant,
}

/// What tells one state file from the next: each is a new file.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Stamp {
    inode: u64,
    modified_ns: (i64, i64),
}

impl Updater {
    /// Plans the first update. `arguments` make this program carry one out in the background.
    #[must_use]
    pub fn new(arguments: Vec<OsString>, places: Places, plan: Plan, now: Timestamp) -> Self {
        let state = State::read(&places);
        let stamp = read_stamp(&places);
        let (program, planned) = (PROGRAM.into(), Planned::new(now, None));
        let mut updater = Self { program, arguments, places, plan, planned, running: None, state, stamp };
        updater.plan(now);
        updater
    }

    /// Does what is to be done at `now`: called every second or so. Never waits. Whether the state has changed.
    pub fn keep(&mut self, now: Timestamp) -> bool {
        self.keep_child(now);
        let is_changed = self.read_state();
        if is_changed || self.planned.is_moved(now) {
            self.plan(now);
        }
        if self.running.is_none() && self.planned.next.is_some_and(|next| now >= next) {
            self.start(now);
        }
        is_changed
    }

    /// What became of the last update, by whomever it was made.
    #[must_use]
    pub fn state(&self) -> Option<&State> {
        self.state.as_ref()
    }

    /// Whether this box is updating its lists at the moment.
    #[must_use]
    pub fn is_running(&self) -> bool {
        self.running.is_some()
    }

    /// Somebody wants an update now. One that runs will do.
    pub fn hurry(&mut self, now: Timestamp) {
        if self.running.is_none() {
            self.planned = Planned::new(now, Some(now));
        }
    }

    /// When the next update begins, one that runs has begun; `None` while the box cannot know when night is.
    #[must_use]
    pub fn next(&self) -> Option<Timestamp> {
        self.planned.next
    }

    fn plan(&mut self, now: Timestamp) {
        let state = self.state.as_ref();
        let next = self.plan.next(now, state, self.places.has_list(state));
        self.planned = Planned::new(now, next);
    }

    fn start(&mut self, now: Timestamp) {
        #[expect(clippy::disallowed_methods, reason = "this room runs programs")]
        let mut command = Command::new(&self.program);
        let child = command.args(&self.arguments).stdin(Stdio::null()).stdout(Stdio::null()).spawn();
        match child {
            Ok(child) => {
                let before = self.stamp;
                self.running = Some(Running { child, before, since: monotonic() });
            }
            Err(error) => self.note_failure(now, &format!("the update cannot be started: {error}")),
        }
    }

    /// Takes leave of a child that ended, and ends one that takes too long.
    fn keep_child(&mut self, now: Timestamp) {
        let Some(running) = &mut self.running else { return };
        match running.child.try_wait() {
            Ok(None) if monotonic().saturating_duration_since(running.since) < DURATION_MAX => {}
            Ok(None) => {
                self.end_child();
                self.note_failure(now, "the update took too long");
            }
            Ok(Some(status)) => {
                let before = running.before;
                self.running = None;
                self.judge(status, before, now);
            }
            Err(error) => {
                self.end_child();
                self.note_failure(now, &format!("the update cannot be watched: {error}"));
            }
        }
    }

    /// A child that came to an end by itself has written what became of it: in another file, whatever time stands in it.
    fn judge(&mut self, status: ExitStatus, before: Option<Stamp>, now: Timestamp) {
        if read_stamp(&self.places) != before && State::read(&self.places).is_some() {
            return;
        }
        if status.code() == Some(i32::from(BUSY_STATUS)) {
            return self.wait_for_another(now);
        }
        match status.signal() {
            Some(signal) => self.note_failure(now, &format!("the update was ended by signal {signal}")),
            None => self.note_failure(now, &format!("the update ended without a word ({status})")),
        }
    }

    /// Somebody else updates the lists, or accepts one: the state that they write is planned with. Should they end
    /// without a word, this box tries again.
    fn wait_for_another(&mut self, now: Timestamp) {
        self.planned = Planned::new(now, Some(later(now, PAUSE)));
    }

    fn note_failure(&mut self, now: Timestamp, detail: &str) {
        let lock = self.places.lock();
        if matches!(lock, Err(LockError::Busy)) {
            tracing::warn!("{detail}; another update of the lists is running");
            return self.wait_for_another(now);
        }
        let before = State::read(&self.places).unwrap_or_default();
        let after = before.after_failure(now, None, Failure::Ended, detail);
        let written = lock.and_then(|_lock| after.clone().write(&self.places));
        if let Err(error) = written {
            // Nobody can read it there; the pauses between attempts grow all the same.
            let error = super::describe(&error);
            tracing::error!("{detail}; and the state of the lists cannot be written: {error}");
        }
        self.state = Some(after);
        self.plan(now);
    }

    fn end_child(&mut self) {
        let Some(mut running) = self.running.take() else { return };
        let ended = running.child.kill().and_then(|()| running.child.wait());
        if let Err(error) = ended {
            tracing::warn!(%error, "an update of the lists cannot be ended");
        }
    }

    /// Reads the state when its file is another one.
    fn read_state(&mut self) -> bool {
        let stamp = read_stamp(&self.places);
        if stamp == self.stamp {
            return false;
        }
        self.stamp = stamp;
        self.state = State::read(&self.places);
        true
    }
}

impl Drop for Updater {
    fn drop(&mut self) {
        self.end_child();
    }
}

impl State {
    /// Says in the log of the box what became of an update.
    pub fn tell(&self) {
        let detail = self.detail.as_deref().unwrap_or_default();
        match self.outcome {
            Some(Outcome::Updated) => tracing::info!("a new list has come from the mirror"),
            Some(Outcome::Unchanged) => tracing::info!("the mirror has no newer list"),
            Some(Outcome::Accepted) => tracing::info!("the list that was held back is accepted"),
            Some(Outcome::Held) => {
                let losses = self.held.iter().flat_map(super::Held::losses).map(|loss| loss.to_string());
                let losses = losses.collect::<Vec<_>>().join("; ");
                tracing::error!("the new list is held back, it lost too much: {losses}");
            }
            Some(Outcome::Failed(Failure::Disk)) => tracing::error!("the lists cannot be updated: {detail}"),
            Some(Outcome::Failed(_)) => tracing::warn!("the lists could not be updated: {detail}"),
            None => {}
        }
    }
}

fn read_stamp(places: &Places) -> Option<Stamp> {
    let metadata: io::Result<_> = fs::metadata(State::path(places));
    let metadata = metadata.ok()?;
    Some(Stamp { inode: metadata.ino(), modified_ns: (metadata.mtime(), metadata.mtime_nsec()) })
}
