//! A box that is in use enrols anew, at another hub or at its own: on a box of the image, its page is the only way.
//!
//! Invariant: who wanted it is on record before any hub hears of it, and the box keeps what it has, whatever the code is for.

use std::net::IpAddr;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;

use model::{Alteration, Person, PersonAct, PersonDeed, Sought};
use portal::{HubFault, HubSeat, JoinStep, JoinTrouble, Setback, Trouble, TypedHub};
use sync::{HubFolder, NightFault, NightState, SyncError};

use super::Office;
use crate::enrolment::{self, Admission};
use crate::run::reception::{Order, setback};

/// What becomes of the code that was typed last.
pub(super) struct Moving(Mutex<JoinStep>);

impl Default for Moving {
    fn default() -> Self {
        Self(Mutex::new(JoinStep::Nothing))
    }
}

impl Moving {
    fn step(&self) -> MutexGuard<'_, JoinStep> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A try; `None` where another one is under way.
    fn begin(this: &Arc<Self>) -> Option<Try> {
        let mut step = this.step();
        if *step == JoinStep::Asking {
            return None;
        }
        *step = JoinStep::Asking;
        Some(Try(Arc::clone(this)))
    }
}

/// A try under way. What ends without a word has failed.
struct Try(Arc<Moving>);

impl Try {
    fn end(&self, step: JoinStep) {
        *self.0.step() = step;
    }
}

impl Drop for Try {
    fn drop(&mut self) {
        let mut step = self.0.step();
        if *step == JoinStep::Asking {
            *step = JoinStep::Failed(Setback::Disk);
        }
    }
}

impl Office {
    pub(super) fn find_seat(&self) -> HubSeat {
        let folder = HubFolder::new(&self.data);
        let identity = folder.read().unwrap_or_else(|error| {
            // Whoever enrols anew puts it right.
            tracing::warn!("where this box is enrolled cannot be read: {:#}", anyhow::Error::from(error));
            None
        });
        let hub = identity.map(|identity| (identity.url.to_string(), identity.enrolled.school.name));
        let NightState { failures, fault, .. } = folder.night();
        HubSeat { hub, failures: (failures, fault.map(tell)), step: *self.moving.step() }
    }

    /// Whoever found her session moves no box: she shows her secret once more. A code that is mistyped counts for nothing.
    pub(super) fn try_hub(
        &self,
        client: IpAddr,
        person: &Person,
        typed: &TypedHub<'_>,
    ) -> Result<(), JoinTrouble> {
        let order = Order::read(typed.code, typed.hub).map_err(JoinTrouble::Typed)?;
        self.check_own(&self.identify(client), person, typed.secret)?;
        let attempt = Moving::begin(&self.moving).ok_or(JoinTrouble::Typed(Setback::Wait))?;
        let (author, device) = self.author(client, person);
        let words = Sought::new(&order.hub.to_string());
        let deed = PersonDeed::Alter { what: Alteration::JoinHub, words };
        let act = PersonAct { author: author.clone(), device, deed };
        if let Err(trouble) = self.write(|store| store.keep_done_act(&act)) {
            attempt.end(JoinStep::Nothing);
            return Err(trouble.into());
        }
        tracing::info!(hub = %order.hub, "a code is tried by which this box enrols anew");
        let data = self.data.clone();
        let started = thread::Builder::new().name("enrolment".to_owned()).spawn(move || {
            attempt.end(match join(&order, &data) {
                Ok(()) => JoinStep::Joined,
                Err(error) => {
                    tracing::warn!("this box does not enrol anew: {error:#}");
                    JoinStep::Failed(setback(&error, false))
                }
            });
        });
        started.map(drop).map_err(|error| {
            tracing::error!(%error, "the system gives no thread to enrol by");
            JoinTrouble::Person(Trouble::Unavailable)
        })
    }
}

/// In the words that pages have.
fn tell(fault: NightFault) -> HubFault {
    match fault {
        NightFault::Silent => HubFault::Silent,
        NightFault::Clock => HubFault::Clock,
        NightFault::Stranger => HubFault::Stranger,
        NightFault::Refused => HubFault::Refused,
        NightFault::Broken => HubFault::Broken,
        NightFault::Disk => HubFault::Disk,
        NightFault::Old => HubFault::Old,
        NightFault::Unsigned => HubFault::Unsigned,
    }
}

/// Enrols as `preau enrol --again` does. A box that was never enrolled, and is in use, takes no other one's place.
fn join(order: &Order, data: &Path) -> anyhow::Result<()> {
    let folder = HubFolder::new(data);
    let _lock = folder.lock()?;
    // Somebody has signed in: there is something that has to stay.
    let standing = (true, folder.is_enrolled());
    match enrolment::enrol(data, &folder, (&order.hub, &order.code), standing)? {
        Admission::Member(identity) => {
            // What became of another hub's nights keeps this one from none.
            folder.keep_night(&NightState::default())?;
            tracing::info!(hub = %identity.url, "this box is enrolled anew");
            Ok(())
        }
        Admission::Heir(_) => Err(SyncError::HasState.into()),
    }
}
