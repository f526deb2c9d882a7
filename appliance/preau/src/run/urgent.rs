//! What does not wait for the night, where the box is enrolled at a hub: it listens there for what is new, and brings what is urgent.
//!
//! Two threads: one listens, for some fifty seconds at a time, by one connection; one looks each second whether somebody in the school has something urgent
//! to say. What is heard is a number, after which the box fetches what the hub has signed, by the rules of the night.

use std::io;
use std::path::Path;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread;
use std::time::Duration;

use model::ClockQuality;
use replication::Tide;
use ring::rand::{SecureRandom as _, SystemRandom};
use store::Store;
use sync::{Ear, HubFolder, Intake as _, Letters as _, Standing, Step, SyncError, Watch, send_urgent};
use system::clock::SystemClock;

use crate::hub_night::{State, disk};

/// Between two looks at what somebody has to say.
const LOOK_PERIOD: Duration = Duration::from_secs(1);
/// The pause after a failure, doubled with each to [`PAUSE_MAX`]: a hub that comes back is not met by all its boxes at once.
const PAUSE: Duration = Duration::from_secs(2);
const PAUSE_MAX: Duration = Duration::from_secs(300);
/// Between the word that something is new and the asking for it, at most: three thousand boxes hear it at the same moment.
const SPREAD: Duration = Duration::from_secs(2);
/// Before a box that is not enrolled, or has no clock, looks again.
const IDLE: Duration = Duration::from_secs(10);

/// Waits, until it is told to stop; nothing is shown of what is done.
struct Quiet<'r>(&'r Receiver<()>);

impl Quiet<'_> {
    /// Whether the whole time is over, and nobody wants it to stop.
    fn rest(&self, time: Duration) -> bool {
        self.0.recv_timeout(time) == Err(RecvTimeoutError::Timeout)
    }
}

impl Watch for Quiet<'_> {
    fn report(&mut self, step: Step<'_>) {
        match step {
            Step::Policy(serial) => tracing::info!(serial, "the commune's policy came at once"),
            Step::Sheet(serial) => tracing::info!(serial, "what the commune says to the school came at once"),
            Step::Requests(count) => tracing::info!(count, "the commune was told of urgent requests"),
            Step::Health
            | Step::Renewed
            | Step::Log(_)
            | Step::Web(_)
            | Step::Snapshot
            | Step::Release(_)
            | Step::Library(_)
            | Step::File { .. } => {}
        }
    }

    fn pause(&mut self, time: Duration) -> bool {
        self.rest(time)
    }
}

/// Says what is urgent, until it is told to stop.
pub(crate) fn speak(data: &Path, stopped: &Receiver<()>) {
    let (folder, mut state, mut failures) = (HubFolder::new(data), State::new(data), 0);
    let mut quiet = Quiet(stopped);
    let (mut told, mut kept) = (Told::default(), None);
    while quiet.rest(if failures == 0 { LOOK_PERIOD } else { pause(failures) }) {
        if !can_speak(&folder) || has_urgent(&state, &mut kept).is_ok_and(|is_there| !is_there) {
            continue;
        }
        let sent = match folder.read() {
            Ok(Some(identity)) => send_urgent(&identity, &mut state, &mut quiet).map(drop),
            Ok(None) => Ok(()),
            Err(error) => Err(error),
        };
        failures = told.note(sent, failures);
    }
}

/// Whether somebody has something urgent to say. The state file stays open: it is looked at each second.
fn has_urgent(state: &State, kept: &mut Option<Store>) -> Result<bool, SyncError> {
    let store = match kept.take() {
        Some(store) => store,
        None => state.open()?,
    };
    let waiting = store.waiting_commune_requests(true, 1).map_err(|error| disk(error.into()))?;
    // One that cannot be read is opened anew.
    *kept = Some(store);
    Ok(!waiting.is_empty())
}

/// Listens for what is new, until it is told to stop.
///
/// # Errors
/// The system gives no thread.
pub(crate) fn listen(data: &Path, stopped: &Receiver<()>) -> io::Result<()> {
    // A wait at the hub cannot be broken off. It is done by a thread that nobody waits for: at the box's end, it ends with the process.
    let (ask, asked) = mpsc::channel::<(Ear, Tide)>();
    let (answer, answered) = mpsc::channel();
    thread::Builder::new().name("ear".to_owned()).spawn(move || wait(&asked, &answer))?;
    Listener { folder: HubFolder::new(data), state: State::new(data), ask, answered }.keep(stopped);
    Ok(())
}

/// What an ear heard; it comes back with it.
type Heard = (Ear, Result<Option<Tide>, SyncError>);

fn wait(asked: &Receiver<(Ear, Tide)>, answer: &Sender<Heard>) {
    while let Ok((ear, seen)) = asked.recv() {
        let heard = ear.wait(seen);
        // Nobody listens any more: the box ends.
        if answer.send((ear, heard)).is_err() {
            return;
        }
    }
}

/// Whoever listens.
struct Listener {
    folder: HubFolder,
    state: State,
    ask: Sender<(Ear, Tide)>,
    answered: Receiver<Heard>,
}

impl Listener {
    fn keep(mut self, stopped: &Receiver<()>) {
        let (mut quiet, mut kept, mut failures, mut told) = (Quiet(stopped), None, 0, Told::default());
        loop {
            if !can_speak(&self.folder) {
                if !quiet.rest(IDLE) {
                    return;
                }
                continue;
            }
            let outcome = match self.listen_once(kept.take(), &mut quiet) {
                Err(SyncError::Stopped) => return,
                Ok((ear, is_known)) => {
                    kept = Some(ear);
                    // A hub that knows no such thing is asked now and then: it may become a newer one.
                    if !is_known && !quiet.rest(PAUSE_MAX) {
                        return;
                    }
                    Ok(())
                }
                Err(error) => Err(error),
            };
            failures = told.note(outcome, failures);
            if failures > 0 && !quiet.rest(pause(failures)) {
                return;
            }
        }
    }

    /// One wait, and what is new taken; whether the hub knows of waiting.
    fn listen_once(&mut self, kept: Option<Ear>, quiet: &mut Quiet<'_>) -> Result<(Ear, bool), SyncError> {
        let identity = self.folder.read()?.ok_or(SyncError::NotEnrolled)?;
        let (signer, url) = (identity.enrolled.witness_key.clone(), identity.url.to_string());
        let seen = self.seen(&signer)?;
        let ear = match kept {
            Some(ear) if ear.is_of(&identity) => ear,
            Some(_) | None => Ear::new(identity)?,
        };
        self.ask.send((ear, seen)).map_err(|_| SyncError::Stopped)?;
        let (ear, heard) = loop {
            match self.answered.recv_timeout(LOOK_PERIOD) {
                Ok(heard) => break heard,
                Err(RecvTimeoutError::Timeout) if quiet.rest(Duration::ZERO) => {}
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {
                    return Err(SyncError::Stopped);
                }
            }
        };
        let Some(heard) = heard? else { return Ok((ear, false)) };
        let is_new = heard.is_beyond(seen);
        // Whatever answers how fast: a box asks once in a second at most.
        let pause = if is_new { SPREAD.mul_f64(chance()) } else { LOOK_PERIOD };
        if !quiet.rest(pause) {
            return Err(SyncError::Stopped);
        }
        if is_new {
            ear.take(&mut self.state, quiet)?;
            if heard.is_beyond(self.seen(&signer)?) {
                // What was promised is not there: it is asked for again as after a failure.
                return Err(SyncError::NoHub(url));
            }
        }
        Ok((ear, true))
    }

    /// The numbers of what is here, of this hub.
    fn seen(&mut self, signer: &str) -> Result<Tide, SyncError> {
        let serial = |standing: Option<Standing>| {
            standing.filter(|standing| standing.signer == signer).map_or(0, |standing| standing.serial)
        };
        Ok(Tide { policy: serial(self.state.standing()?), sheet: serial(self.state.sheet()?) })
    }
}

/// Whether there is a hub, and a clock to judge its certificate by.
fn can_speak(folder: &HubFolder) -> bool {
    folder.is_enrolled() && access::Clock::now(&SystemClock::new()).quality != ClockQuality::Unset
}

/// How long to wait after so many failures: half of the time at least, and never the same for two boxes.
fn pause(failures: u32) -> Duration {
    let doubled = PAUSE.saturating_mul(1 << failures.saturating_sub(1).min(10)).min(PAUSE_MAX);
    doubled.mul_f64(0.5 + chance() / 2.0)
}

/// A number between 0 and 1, by chance.
fn chance() -> f64 {
    let mut bytes = [0; 2];
    match SystemRandom::new().fill(&mut bytes) {
        Ok(()) => f64::from(u16::from_be_bytes(bytes)) / f64::from(u16::MAX),
        Err(_) => 1.0,
    }
}

/// What was told last, so that a hub that is away for a month is one line in the log.
#[derive(Default)]
struct Told(Option<String>);

impl Told {
    /// How many failures there are in a row by now.
    fn note(&mut self, outcome: Result<(), SyncError>, failures: u32) -> u32 {
        let Err(error) = outcome else {
            if self.0.take().is_some() {
                tracing::info!("the hub is heard again");
            }
            return 0;
        };
        let error = format!("{:#}", anyhow::Error::from(error));
        if self.0.as_ref() != Some(&error) {
            tracing::warn!("what does not wait for the night: {error}");
        }
        self.0 = Some(error);
        failures.saturating_add(1)
    }
}

#[cfg(test)]
mod tests {
    use model::{NewCommuneRequest, Timestamp, Verdict};

    use super::*;

    #[test]
    fn pauses_grow_and_differ() {
        for (failures, full_s) in [(1, 2), (2, 4), (3, 8), (8, 256), (9, 300), (u32::MAX, 300)] {
            let pauses: Vec<Duration> = (0..50).map(|_| pause(failures)).collect();
            let (half, full) = (Duration::from_secs(full_s) / 2, Duration::from_secs(full_s));
            assert!(pauses.iter().all(|pause| (half..=full).contains(pause)), "{failures}: {pauses:?}");
            assert!(pauses.iter().any(|pause| *pause != pauses[0]), "{failures}: all boxes come at once");
        }
    }

    #[test]
    fn a_box_that_is_not_enrolled_asks_nobody_and_stops_at_once() {
        let data = tempfile::tempdir().unwrap();
        let (stop, stopped) = mpsc::channel();
        drop(stop);
        speak(data.path(), &stopped);
        listen(data.path(), &stopped).unwrap();
        assert!(!can_speak(&HubFolder::new(data.path())));
    }

    #[test]
    fn what_is_urgent_is_seen_in_a_state_file_that_stays_open() {
        let data = tempfile::tempdir().unwrap();
        let (state, mut kept) = (State::new(data.path()), None);
        assert!(!has_urgent(&state, &mut kept).unwrap() && kept.is_some());
        let new = NewCommuneRequest {
            site: "a.example".parse().unwrap(),
            wants: Verdict::Permit,
            author: "Mme Martin".parse().unwrap(),
            motive: "sortie".parse().unwrap(),
            is_urgent: true,
        };
        state.open().unwrap().ask_commune(&new, Timestamp::from_unix_ms(5)).unwrap();
        assert!(has_urgent(&state, &mut kept).unwrap());
    }

    #[test]
    fn a_failure_is_told_once_and_forgotten_with_a_success() {
        let mut told = Told::default();
        assert_eq!(told.note(Err(SyncError::NotEnrolled), 0), 1);
        assert_eq!(told.note(Err(SyncError::NotEnrolled), 1), 2);
        assert_eq!(told.note(Ok(()), 2), 0);
        assert!(told.0.is_none());
    }
}
