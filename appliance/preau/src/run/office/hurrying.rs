//! What the box does by itself at its time, and somebody has it do at once.
//!
//! Invariant: who wanted it is on record before it is asked for.

use std::net::IpAddr;
use std::sync::Arc;

use model::{Alteration, ClockQuality, Person, PersonAct, PersonDeed, Sought};
use portal::{Chore, ChoreState, SelftestRun, Trouble};
use selftest::State;

use super::Office;
use crate::run::chores::Chores;
use crate::{data_folder, selftest_command};

impl Office {
    pub(super) fn hurry_chore(&self, client: IpAddr, person: &Person, chore: Chore) -> Result<(), Trouble> {
        match self.chores.state(chore).ok_or(Trouble::Unknown)? {
            // The second click of a double one.
            ChoreState::Asked | ChoreState::Running => return Ok(()),
            ChoreState::Free | ChoreState::Failed => {}
        }
        // No certificate of a server can be judged without the time.
        let needs_clock = matches!(chore, Chore::Sync | Chore::Lists);
        if needs_clock && self.clock.now().quality == ClockQuality::Unset {
            return Err(Trouble::NoClock);
        }
        let (author, device) = self.author(client, person);
        let deed = PersonDeed::Alter { what: Alteration::DoNow, words: Sought::new(chore.as_str()) };
        let act = PersonAct { author: author.clone(), device, deed };
        self.write(|store| store.keep_done_act(&act))?;
        if self.chores.ask(chore) { Ok(()) } else { Err(Trouble::Unknown) }
    }

    pub(super) fn find_last_selftest(&self) -> Result<SelftestRun, Trouble> {
        let runs = data_folder::selftest_results(&self.data).list();
        let last = runs.iter().find(|run| run.state != State::Running).ok_or(Trouble::Unknown)?;
        Ok(selftest_command::report(last, &self.zone, None))
    }

    /// The same office of a box on which these may be asked for.
    pub(crate) fn with_chores(self, chores: &Arc<Chores>) -> Self {
        Self { chores: Arc::clone(chores), ..self }
    }
}
