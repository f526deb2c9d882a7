//! Nights of boxes, as fast as they go: by the box's own client, with the times of its steps.

#![expect(clippy::disallowed_methods, reason = "a benchmark measures real time")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use replication::{About, Catalogue, CommunePolicy, Health, Snapshot};
use sync::{HubFolder, Intake, Limits, Night, NightReport, Standing, Step, SyncError, Watch};
use system::clock::now;

use super::template::Template;
use crate::random::Random;

/// Bytes of a box's state that packing does not make smaller: people, devices, lessons of a large school.
const STATE_BYTES: usize = 100_000;
/// What the client calls it while it goes.
const STATE: &str = "the box's state";
/// How often a night is tried.
const TRIES_MAX: u32 = 3;
/// What a box waits at most where it is told to come again later: a minute in a real night.
const LATER: Duration = Duration::from_millis(100);

/// What nights took.
#[derive(Clone, Debug, Default)]
pub struct Nights {
    /// How many there were.
    pub count: usize,
    /// All of them, by the clock on the wall, in seconds.
    pub wall_s: f64,
    /// Each step's times in milliseconds, from the least on, by the step's name.
    pub steps: BTreeMap<&'static str, Vec<f64>>,
    /// Tries that failed.
    pub failures: u32,
    /// Nights that came to nothing.
    pub given_up: usize,
    /// Bytes of sealed files that went.
    pub file_bytes: u64,
}

impl Nights {
    /// The time under which a share of a step's times is, in milliseconds.
    #[must_use]
    pub fn quantile(&self, step: &str, share: f64) -> f64 {
        let times = self.steps.get(step).map(Vec::as_slice).unwrap_or_default();
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            clippy::cast_precision_loss,
            reason = "a place in a list"
        )]
        let place = ((times.len() as f64 * share) as usize).min(times.len().saturating_sub(1));
        times.get(place).copied().unwrap_or_default()
    }

    fn add(&mut self, other: &Self) {
        for (step, times) in &other.steps {
            self.steps.entry(step).or_default().extend(times);
        }
        self.count += other.count;
        self.failures += other.failures;
        self.given_up += other.given_up;
        self.file_bytes += other.file_bytes;
    }
}

/// Runs a night of each box, so many at a time, and begins none after that long. A box that has none in three tries is given up.
///
/// # Errors
/// The disk fails, or a box is nobody's.
pub fn run(
    boxes: &[PathBuf],
    template: &Template,
    night: usize,
    (at_once, longest): (usize, Duration),
) -> Result<Nights> {
    boxes.iter().try_for_each(|data| template.give(night, data))?;
    let (next, all) = (AtomicUsize::new(0), Mutex::new(Ok(Nights::default())));
    let begun = Instant::now();
    thread::scope(|scope| {
        for _ in 0..at_once {
            scope.spawn(|| {
                while begun.elapsed() < longest
                    && let Some(data) = boxes.get(next.fetch_add(1, Ordering::SeqCst))
                {
                    let outcome = run_one(data);
                    let mut all = all.lock().unwrap_or_else(PoisonError::into_inner);
                    match (&mut *all, outcome) {
                        (Ok(all), Ok(one)) => all.add(&one),
                        (all, Err(error)) => *all = Err(error),
                        (Err(_), Ok(_)) => {}
                    }
                }
            });
        }
    });
    let mut nights = all.into_inner().unwrap_or_else(PoisonError::into_inner)?;
    nights.wall_s = begun.elapsed().as_secs_f64();
    nights.steps.values_mut().for_each(|times| times.sort_by(f64::total_cmp));
    Ok(nights)
}

fn run_one(data: &Path) -> Result<Nights> {
    let folder = HubFolder::new(data);
    let _lock = folder.lock()?;
    let mut nights = Nights::default();
    let mut simulated = Simulated { policy: None };
    for _ in 0..TRIES_MAX {
        let mut stopwatch = Stopwatch { last: Instant::now(), steps: BTreeMap::new() };
        let outcome = go(data, &folder, &mut simulated, &mut stopwatch);
        nights.steps.append(&mut stopwatch.steps);
        match outcome {
            Ok(report) => {
                nights.count = 1;
                nights.file_bytes += report.bytes;
                return Ok(nights);
            }
            Err(error @ (SyncError::Disk { .. } | SyncError::NotEnrolled | SyncError::Damaged(_))) => {
                return Err(error).with_context(|| data.display().to_string());
            }
            Err(_) => nights.failures += 1,
        }
    }
    nights.given_up = 1;
    Ok(nights)
}

/// Tries a night of one box once, with all that it has sealed.
///
/// # Errors
/// It was cut, or the hub or the disk fails; the next try goes on.
pub fn attempt(data: &Path) -> Result<NightReport, SyncError> {
    let folder = HubFolder::new(data);
    let _lock = folder.lock()?;
    let mut stopwatch = Stopwatch { last: Instant::now(), steps: BTreeMap::new() };
    go(data, &folder, &mut Simulated { policy: None }, &mut stopwatch)
}

fn go(
    data: &Path,
    folder: &HubFolder,
    simulated: &mut Simulated,
    stopwatch: &mut Stopwatch,
) -> Result<NightReport, SyncError> {
    let health = Health { version: "0.1.0".to_owned(), now_ms: now().unix_ms(), ..health() };
    let limits = Limits { bytes_per_second: u64::from(u32::MAX) };
    Night { data, folder, health, limits, now: now() }.run(simulated, stopwatch)
}

fn health() -> Health {
    Health {
        clock: "synchronised".to_owned(),
        up_s: Some(86_400),
        disk_free_bytes: Some(90 << 30),
        disk_bytes: Some(120 << 30),
        memory_free_bytes: Some(6 << 30),
        memory_bytes: Some(8 << 30),
        temperature_c: Some(48),
        ..Health::default()
    }
}

/// A box of which there is nothing but what it says.
struct Simulated {
    policy: Option<Standing>,
}

impl Intake for Simulated {
    fn standing(&mut self) -> Result<Option<Standing>, SyncError> {
        Ok(self.policy.clone())
    }

    fn take_policy(&mut self, policy: &CommunePolicy, signer: &str) -> Result<(), SyncError> {
        self.policy = Some(Standing { serial: policy.serial, signer: signer.to_owned() });
        Ok(())
    }

    /// Another one each night: what was sealed is in it.
    fn snapshot(&mut self, about: About, catalogue: Catalogue) -> Result<Snapshot, SyncError> {
        let mut random = Random::new(about.box_id);
        let state = (0..STATE_BYTES / 8).flat_map(|_| random.draw().to_le_bytes()).collect();
        Ok(Snapshot { about, state, configuration: None, authority: None, catalogue })
    }
}

/// Notes how long each step takes, from the end of the one before; the first has the handshake in it.
struct Stopwatch {
    last: Instant,
    steps: BTreeMap<&'static str, Vec<f64>>,
}

impl Watch for Stopwatch {
    fn report(&mut self, step: Step<'_>) {
        let name = match step {
            Step::Health => "health",
            Step::Renewed => "renewed",
            Step::Log(_) => "log",
            Step::Policy(_) => "policy",
            Step::Sheet(_) => "sheet",
            Step::Requests(_) => "requests",
            Step::Web(_) => "web",
            Step::Release(_) => "release",
            Step::Library(_) => "library",
            Step::File { name: STATE, .. } => "state",
            // Its pieces were counted.
            Step::Snapshot => return,
            Step::File { .. } => "file",
        };
        self.steps.entry(name).or_default().push(self.last.elapsed().as_secs_f64() * 1e3);
        self.last = Instant::now();
    }

    /// The night is virtual: nobody waits for the pace of a line, which is none, and for a hub that has too much to do some moments.
    fn pause(&mut self, time: Duration) -> bool {
        thread::sleep(time.min(LATER));
        true
    }
}
