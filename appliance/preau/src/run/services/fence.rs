//! Keeps the firewall as intended: the configuration's, with the passages of services as the policy has them now.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use firewall::{FirewallPolicy, Passage};
use portal::Firewall;
use system::clock::monotonic;
use system::nft::{Cause, FirewallKeeper, Floods, Outcome};

use super::{Services, floods, lock};
use crate::run::board::Board;

/// How often the intent is computed: what the policy closes is closed within two looks.
const LOOK_PERIOD: Duration = Duration::from_millis(500);
/// How often the table is compared with the intent when that has not changed: somebody may have changed the table. Where there
/// are services, it is missed within a second.
const TABLE_PERIOD: Duration = Duration::from_secs(10);
/// How soon it is tried again after a failure: nft is a program, and runs for some milliseconds each time.
const RETRY_PERIOD: Duration = Duration::from_secs(2);

/// The firewall, and what it follows from.
pub(crate) struct Fence {
    pub(crate) keeper: FirewallKeeper,
    /// What the configuration says; `None` on loopback.
    pub(crate) policy: Option<FirewallPolicy>,
    pub(crate) has_services: bool,
    pub(crate) services: Arc<Services>,
    pub(crate) board: Arc<Board>,
}

/// What was last tried to put in force.
struct Attempt {
    passages: Vec<Passage>,
    at: Instant,
    is_applied: bool,
}

impl Attempt {
    /// Whether it is time for another.
    fn is_over(&self, passages: &[Passage]) -> bool {
        let age = monotonic().duration_since(self.at);
        match self.is_applied {
            true => self.passages != passages || age >= TABLE_PERIOD,
            false => age >= RETRY_PERIOD,
        }
    }
}

impl Fence {
    /// Keeps until it is told to stop, and gives the firewall back as it stands.
    pub(crate) fn keep(mut self, stopped: &Receiver<()>) -> FirewallKeeper {
        let mut last: Option<Attempt> = None;
        let mut is_complete = false;
        while stopped.recv_timeout(LOOK_PERIOD) == Err(RecvTimeoutError::Timeout) {
            let Some(policy) = self.policy.clone() else { continue };
            // A device that is new has its own pace at the next look at the table.
            let policy = policy.with_devices(self.services.registered());
            is_complete |= self.services.has_tried_names();
            let names = self.services.names();
            let passages = ::services::plan(&self.services.desk, &names);
            let answers = names.answers();
            drop(names);
            let is_missed = self.services.is_table_missed.swap(false, Ordering::AcqRel);
            if is_missed || last.as_ref().is_none_or(|last| last.is_over(&passages)) {
                let intent = if self.has_services { policy.with_passages(passages.clone()) } else { policy };
                let had_failed = last.is_some_and(|last| !last.is_applied);
                let is_applied = self.apply(&intent, had_failed);
                last = Some(Attempt { passages, at: monotonic(), is_applied });
                self.tell_floods();
            }
            let is_applied = last.as_ref().is_some_and(|last| last.is_applied);
            *lock(&self.services.fenced) = (is_applied && is_complete).then(monotonic);
            if is_applied && **self.services.told.load() != answers {
                self.services.told.store(Arc::new(answers));
            }
        }
        self.keeper
    }

    /// Whether the table stands as intended now. A failure is told once, until all is well again.
    fn apply(&mut self, intent: &FirewallPolicy, had_failed: bool) -> bool {
        match self.keeper.ensure_open(intent, self.services.open_for()) {
            Ok(outcome) => {
                self.board.show_firewall(Firewall::Applied);
                match outcome {
                    Outcome::Replaced(Cause::Altered) => {
                        tracing::error!("somebody changed the firewall: it is put right");
                    }
                    Outcome::Replaced(Cause::Removed) => {
                        tracing::error!("somebody removed the firewall: it is put back");
                    }
                    Outcome::Replaced(Cause::Intent) => {
                        tracing::debug!("the firewall follows devices and services");
                    }
                    Outcome::Replaced(Cause::Start) | Outcome::Kept => {}
                }
                true
            }
            Err(error) => {
                self.board.show_firewall(Firewall::Failed);
                if !had_failed {
                    tracing::error!("the firewall is not as intended: {:#}", anyhow::Error::from(error));
                }
                false
            }
        }
    }

    /// Told now and then, however many there are: the log must not be flooded by whoever floods the box.
    fn tell_floods(&mut self) {
        let floods = self.keeper.take_floods();
        floods::tell(&floods.hasty, &self.services.desk);
        if floods != Floods::default() {
            self.services.give_floods(floods);
        }
    }
}
