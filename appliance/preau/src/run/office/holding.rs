//! Legal holds through the head's page: what must not be deleted, and who says so.

use std::net::IpAddr;
use std::time::Duration;

use archive::{Fact, Hold, Lift};
use model::{Motive, Person, PersonAct, PersonDeed};
use portal::{Held, NewHold, Trouble};
use system::clock::keep_pace;
use system::sealing::{self, HoldError, SealingError};
use system::vault::Folder;

use super::Office;
use crate::hold_command::{describe_hold, describe_lift};

/// A page says at once that the box seals: it would keep one of the few threads that answer.
pub(super) const PATIENCE: Duration = Duration::ZERO;

impl Office {
    /// All holds that there ever were, the last first.
    pub(super) fn list_holds(&self) -> Result<Vec<Held>, Trouble> {
        let log = Folder::new(&self.data).log_so_far().map_err(|_| Trouble::Unavailable)?;
        let mut holds: Vec<Held> = Vec::new();
        for statement in log.statements() {
            match &statement.fact {
                Fact::Hold(hold) => holds.push(Held {
                    number: statement.number,
                    since: statement.at,
                    from: hold.from,
                    to: hold.to,
                    device: hold.device.as_ref().map(ToString::to_string),
                    author: hold.author.clone(),
                    reason: hold.reason.clone(),
                    lifted: None,
                }),
                Fact::Lift(lift) => {
                    let lifted = Some((statement.at, lift.author.clone(), lift.reason.clone()));
                    let held = holds.iter_mut().find(|held| held.number == lift.hold);
                    held.into_iter().for_each(|held| held.lifted.clone_from(&lifted));
                }
                Fact::Expiry(_)
                | Fact::Unsealed(_)
                | Fact::Policy(_)
                | Fact::Approval(_)
                | Fact::Readers(_)
                | Fact::Clock => {}
            }
        }
        holds.reverse();
        Ok(holds)
    }

    pub(super) fn hold_journal(
        &self,
        client: IpAddr,
        person: &Person,
        new: &NewHold,
    ) -> Result<u64, Trouble> {
        if !person.role.holds_journal() {
            return Err(Trouble::Denied);
        }
        let device = new.device.as_ref().map(|device| device.as_str().parse());
        let device = device.transpose().map_err(|_| Trouble::Field)?;
        let (author, reason) = (person.name.clone(), new.reason.clone());
        let hold = Hold { from: new.from, to: new.to, device, author, reason };
        if let Some((number, deed)) = self.find_unnoted_hold(person, &hold)? {
            return self.note_sealed(client, person, deed).map(|()| number);
        }
        let now = keep_pace(&self.data, self.clock.now());
        let number = sealing::add_hold(&self.data, now, hold.clone(), PATIENCE)
            .map_err(|error| self.name_hold_trouble(error))?;
        let words = describe_hold(number, &hold, &self.zone);
        self.note_sealed(client, person, PersonDeed::PlaceHold { words })?;
        Ok(number)
    }

    pub(super) fn free_journal(
        &self,
        client: IpAddr,
        person: &Person,
        number: u64,
        reason: &Motive,
    ) -> Result<(), Trouble> {
        if !person.role.holds_journal() {
            return Err(Trouble::Denied);
        }
        let lift = Lift { hold: number, author: person.name.clone(), reason: reason.clone() };
        let deed = PersonDeed::LiftHold { words: describe_lift(&lift) };
        let now = keep_pace(&self.data, self.clock.now());
        match sealing::lift_hold(&self.data, now, lift.clone(), PATIENCE) {
            // It may be in the log, and the record of it have failed.
            Err(HoldError::None(_)) if self.is_lifted(&lift)? && !self.is_noted(person, &deed)? => {}
            lifted => lifted.map_err(|error| self.name_hold_trouble(error))?,
        }
        self.note_sealed(client, person, deed)
    }

    /// The same hold, in force, with its record, where it cannot be shown that there is one: whoever tries again places no second.
    fn find_unnoted_hold(&self, person: &Person, hold: &Hold) -> Result<Option<(u64, PersonDeed)>, Trouble> {
        let log = Folder::new(&self.data).log_so_far().map_err(|_| Trouble::Unavailable)?;
        for (number, _) in log.holds().into_iter().filter(|(_, (_, held))| *held == hold) {
            let deed = PersonDeed::PlaceHold { words: describe_hold(number, hold, &self.zone) };
            if !self.is_noted(person, &deed)? {
                return Ok(Some((number, deed)));
            }
        }
        Ok(None)
    }

    /// Whether the log has this end of a hold.
    fn is_lifted(&self, lift: &Lift) -> Result<bool, Trouble> {
        let log = Folder::new(&self.data).log_so_far().map_err(|_| Trouble::Unavailable)?;
        let is_it = |fact: &Fact| matches!(fact, Fact::Lift(other) if other == lift);
        Ok(log.statements().any(|statement| is_it(&statement.fact)))
    }

    /// For the journal. The log of seals has it already.
    pub(super) fn note_sealed(
        &self,
        client: IpAddr,
        person: &Person,
        deed: PersonDeed,
    ) -> Result<(), Trouble> {
        let device = self.identify(client).machine.mac();
        let act = PersonAct { author: person.name.clone(), device, deed };
        self.write(|store| store.keep_done_act(&act))
    }

    fn name_hold_trouble(&self, error: HoldError) -> Trouble {
        match error {
            // The night's sealing is under way.
            HoldError::Sealing(SealingError::Busy) => Trouble::Busy,
            HoldError::Window => Trouble::Window,
            HoldError::TooMany => Trouble::Full,
            HoldError::None(_) => Trouble::Unknown,
            error @ (HoldError::Sealing(_) | HoldError::Io(_)) => self.tell(error),
        }
    }
}
