//! Signs of life for whoever supervises the box: given as long as all that serves makes progress.
//!
//! A disk that is full is no reason to end the box, which says so on its pages; a thread that hangs is. Three missing signs are
//! forgiven: a slow disk may hold up the journal for as long.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Duration;

use system::supervisor::Supervisor;
use tokio::runtime::Handle;

/// Gives signs of life.
pub(crate) struct Pulse {
    supervisor: Arc<Supervisor>,
    period: Duration,
    vitals: Vec<Vital>,
}

/// A part whose progress is counted.
pub(crate) struct Vital {
    name: &'static str,
    beats: Arc<AtomicU64>,
    seen: u64,
    /// Where a task has to be run for the next beat; `None` for a part that beats by itself.
    runtime: Option<Handle>,
}

impl Pulse {
    /// `None` where nobody waits for signs.
    pub(crate) fn new(supervisor: &Arc<Supervisor>, vitals: Vec<Vital>) -> Option<Self> {
        let period = supervisor.watch_period()?;
        Some(Self { supervisor: Arc::clone(supervisor), period, vitals })
    }

    /// Looks at every part, and gives a sign when none hangs.
    pub(crate) fn keep(mut self, stopped: &Receiver<()>) {
        while stopped.recv_timeout(self.period) == Err(RecvTimeoutError::Timeout) {
            let hanging = hanging(&mut self.vitals);
            if hanging.is_empty() {
                self.supervisor.tell_alive();
            } else {
                tracing::error!(
                    parts = hanging.join(", "),
                    "parts of the box hang: unless they go on, it is started anew"
                );
            }
        }
    }
}

/// The parts that have made no progress since the last look.
fn hanging(vitals: &mut [Vital]) -> Vec<&'static str> {
    vitals.iter_mut().filter_map(|vital| (!vital.look()).then_some(vital.name)).collect()
}

impl Vital {
    /// A part that counts its own beats.
    pub(crate) fn of_beats(name: &'static str, beats: Arc<AtomicU64>) -> Self {
        // What beat before the first look counts.
        Self { name, beats, seen: 0, runtime: None }
    }

    /// A runtime: it lives when it runs tasks.
    pub(crate) fn of_runtime(name: &'static str, runtime: Handle) -> Self {
        let vital = Self { name, beats: Arc::default(), seen: 0, runtime: Some(runtime) };
        vital.ask();
        vital
    }

    /// Whether there was a beat since the last look.
    fn look(&mut self) -> bool {
        let beats = self.beats.load(Ordering::Relaxed);
        let lives = std::mem::replace(&mut self.seen, beats) != beats;
        if lives {
            // One task at a time: a runtime that hangs gathers none.
            self.ask();
        }
        lives
    }

    fn ask(&self) {
        if let Some(runtime) = &self.runtime {
            let beats = Arc::clone(&self.beats);
            runtime.spawn(async move { beats.fetch_add(1, Ordering::Relaxed) });
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;

    use tokio::runtime::Builder;

    use super::*;

    #[test]
    fn a_part_that_stands_still_is_named() {
        let beats = Arc::new(AtomicU64::new(1));
        let mut vitals = [Vital::of_beats("journal", Arc::clone(&beats))];
        assert!(hanging(&mut vitals).is_empty());
        assert_eq!(hanging(&mut vitals), ["journal"]);
        beats.fetch_add(1, Ordering::Relaxed);
        assert!(hanging(&mut vitals).is_empty());
    }

    #[test]
    fn a_runtime_lives_when_it_runs_tasks_and_gathers_none_when_it_hangs() {
        let runtime = Builder::new_multi_thread().worker_threads(1).build().unwrap();
        let mut vitals = [Vital::of_runtime("gate", runtime.handle().clone())];
        let beats = Arc::clone(&vitals[0].beats);
        let wait = |count| {
            while beats.load(Ordering::Relaxed) < count {
                std::thread::yield_now();
            }
        };
        wait(1);
        assert!(hanging(&mut vitals).is_empty());
        wait(2);
        assert!(hanging(&mut vitals).is_empty());
        wait(3);
        // From now on its only worker waits for this test.
        let (let_go, held) = channel::<()>();
        let (say, hung) = channel();
        runtime.spawn(async move {
            say.send(()).unwrap();
            held.recv().unwrap_err();
        });
        hung.recv().unwrap();
        assert!(hanging(&mut vitals).is_empty(), "the task of the last look had run");
        assert_eq!(hanging(&mut vitals), ["gate"]);
        assert_eq!(hanging(&mut vitals), ["gate"]);
        drop(let_go);
        wait(4);
        assert_eq!(beats.load(Ordering::Relaxed), 4, "it was asked once while it hung");
        assert!(hanging(&mut vitals).is_empty());
    }
}
