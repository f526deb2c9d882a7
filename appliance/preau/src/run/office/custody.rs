//! Who can read what is sealed, and how long what is kept: by the log's own entries, which nobody changes unseen.

use std::net::IpAddr;
use std::ops::ControlFlow;

use archive::{Chronicle, Field, Readers, Retention, SETTLED_DAYS, after, settled};
use journal::{Hit, Kind, Query};
use model::{Person, PersonAct, PersonDeed, Sought};
use portal::{Custody, KeptField, Trouble};
use system::clock::keep_pace;
use system::sealing::{self, ApprovalError, SealingError};
use system::segments::Directory;
use system::vault::Folder;

use super::Office;
use super::holding::PATIENCE;

impl Office {
    pub(super) fn describe_custody(&self) -> Result<Custody, Trouble> {
        let log = Folder::new(&self.data).log_so_far().map_err(|_| Trouble::Unavailable)?;
        let now = self.clock.now().at;
        let (readers, entry) = (log.readers_entry(), log.policy_entry());
        let policy = log.policy();
        let retention = policy.map_or_else(Retention::default, |policy| policy.retention);
        let settled = settled(log.leaves(), &Chronicle::new(log.leaves(), now), now);
        let kept = Field::ALL.map(|field| KeptField {
            word: field.as_str(),
            days: retention.days(field),
            settled_days: settled.days(field),
        });
        Ok(Custody {
            readers: log.readers().map(Readers::keys).unwrap_or_default(),
            readers_since: readers.map(|entry| entry.at),
            kept: kept.to_vec(),
            entry: entry.map(|entry| entry.number),
            kept_since: entry.map(|entry| entry.at),
            signed: policy.and_then(|policy| policy.signed.clone()),
            approvals: log.approvals().map(|(entry, approval)| (approval.author.clone(), entry.at)).collect(),
            settles: entry.filter(|_| settled != retention).map(|entry| after(entry.at, SETTLED_DAYS)),
        })
    }

    pub(super) fn approve_retention(
        &self,
        client: IpAddr,
        person: &Person,
        entry: u64,
    ) -> Result<(), Trouble> {
        if !person.role.signs_retention() {
            return Err(Trouble::Denied);
        }
        let entry = Some(entry).filter(|entry| *entry > 0);
        let now = keep_pace(&self.data, self.clock.now());
        let signed = sealing::approve(&self.data, now, entry, &person.name, PATIENCE);
        let signed = signed.map_err(|error| match error {
            // The night's sealing is under way.
            ApprovalError::Sealing(SealingError::Busy) => Trouble::Busy,
            ApprovalError::Other => Trouble::Unknown,
            error @ (ApprovalError::Sealing(_) | ApprovalError::Io(_)) => self.tell(error),
        })?;
        let deed =
            PersonDeed::SignRetention { words: Sought::new(&describe_retention(&signed.retention, entry)) };
        // Her name may be in the log, and the record of it have failed.
        if signed.before.is_some() && self.is_noted(person, &deed)? {
            return Ok(());
        }
        self.note_sealed(client, person, deed)
    }

    /// Whether it can be shown that what somebody did is a record, or waits to be one. Of days that are sealed it cannot, without a key:
    /// then it is noted again. It may stand there twice; it must not stand nowhere.
    pub(super) fn is_noted(&self, person: &Person, deed: &PersonDeed) -> Result<bool, Trouble> {
        let is_same = |act: &PersonAct| act.author == person.name && act.deed == *deed;
        let waiting = self.write(|store| store.waiting_person_acts(u32::MAX))?;
        let mut is_noted = waiting.iter().any(|waiting| is_same(&waiting.act));
        if is_noted {
            return Ok(true);
        }
        let query = Query { kind: Some(Kind::Act), ..Query::default() };
        let searched = journal::search(&Directory::new(&self.data), &query, |hit| {
            is_noted = is_noted || matches!(&hit, Hit::Person(found) if is_same(&found.act));
            if is_noted { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        });
        searched.map_err(|_| Trouble::Unavailable)?;
        Ok(is_noted)
    }
}

/// The numbers that are signed, in one line.
fn describe_retention(retention: &Retention, entry: Option<u64>) -> String {
    let days = Field::ALL.map(|field| format!("{} {}", field.as_str(), retention.days(field)));
    let entry = entry.map_or_else(String::new, |entry| format!(" (entry {entry})"));
    format!("{}{entry}", days.join(", "))
}
