//! What people did waits in the store until it is durable in the journal.
//!
//! A crash between the two has an act recorded again at the next start: twice, never not at all.

use access::Instant;
use journal::{Journal, Sequence, Unrecorded};
use store::{Store, StoreError};

/// Acts that are handed over in one look: many times what a school does in a quarter of a second.
const AT_ONCE_MAX: u32 = 64;

/// The acts under way to the journal.
#[derive(Default)]
pub(crate) struct PersonActs {
    accepted: Vec<(i64, Sequence)>,
    is_failure_told: bool,
    are_unreadable_told: bool,
}

#[derive(Debug, thiserror::Error)]
enum KeepError {
    #[error(transparent)]
    Journal(#[from] Unrecorded),
    #[error("they cannot be read or noted")]
    Store(#[from] StoreError),
}

impl PersonActs {
    /// Forgets what is durable by now, and hands over what has happened.
    pub(crate) fn keep(&mut self, store: &mut Store, journal: &Journal, now: Instant) {
        let outcome = self.note(store, journal).and_then(|()| self.record(store, journal, now));
        let is_told = std::mem::replace(&mut self.is_failure_told, outcome.is_err());
        if let Err(error) = outcome
            && !is_told
        {
            let error = anyhow::Error::from(error);
            tracing::error!("sign-ins and changes of people wait for their records: {error:#}");
        }
    }

    fn note(&mut self, store: &mut Store, journal: &Journal) -> Result<(), KeepError> {
        while let Some(&(number, sequence)) = self.accepted.first() {
            if !journal.is_durable(sequence) {
                return Ok(());
            }
            store.forget_person_act(number)?;
            self.accepted.remove(0);
        }
        Ok(())
    }

    /// Told once: the process that may write such is another version's, and this one was started after it.
    fn tell_unreadable(&mut self, store: &Store) -> Result<(), StoreError> {
        if !std::mem::replace(&mut self.are_unreadable_told, true) {
            let count = store.count_unreadable_acts()?;
            if count > 0 {
                tracing::warn!(
                    count,
                    "acts of people wait that this version cannot read: install the newer preau"
                );
            }
        }
        Ok(())
    }

    fn record(&mut self, store: &Store, journal: &Journal, now: Instant) -> Result<(), KeepError> {
        self.tell_unreadable(store)?;
        let last = self.accepted.last().map_or(0, |&(number, _)| number);
        let waiting = store.waiting_person_acts(AT_ONCE_MAX)?;
        for waiting in waiting.into_iter().filter(|waiting| waiting.number > last) {
            let sequence = journal.record_person_act(now.at, now.quality, &waiting.act)?;
            self.accepted.push((waiting.number, sequence));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::ops::ControlFlow;

    use journal::simulation::Disk;
    use journal::{Hit, Query};
    use model::{ClockQuality, PersonDeed, Role, Timestamp};
    use store::NewPerson;

    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_unix_ms((1_795_422_600 + seconds) * 1_000)
    }

    fn recorded(disk: &Disk) -> Vec<PersonDeed> {
        let mut deeds = Vec::new();
        journal::search(disk, &Query::default(), |hit| {
            if let Hit::Person(found) = hit {
                deeds.push(found.act.deed);
            }
            ControlFlow::Continue(())
        })
        .unwrap();
        deeds
    }

    #[test]
    fn an_act_is_recorded_once_and_again_only_after_a_crash() {
        let folder = tempfile::tempdir().unwrap();
        let mut store = Store::open(&folder.path().join("state.sqlite")).unwrap();
        let new = NewPerson { name: "Mme Martin".parse().unwrap(), role: Role::Teacher, rooms: vec![] };
        store.add_person(&new, "x", at(0), (&"M. Petit".parse().unwrap(), None)).unwrap();
        let now = Instant { at: at(0), quality: ClockQuality::Synchronised };
        let disk = Disk::default();
        let run = || {
            let (journal, mut writer) = journal::open(disk.clone());
            // Nothing is accepted before the writer has opened the journal.
            PersonActs::default().keep(
                &mut Store::open(&folder.path().join("state.sqlite")).unwrap(),
                &journal,
                now,
            );
            writer.commit(at(0)).unwrap();
            (journal, writer, PersonActs::default())
        };
        let (journal, mut writer, mut acts) = run();
        acts.keep(&mut store, &journal, now);
        acts.keep(&mut store, &journal, now);
        writer.commit(at(1)).unwrap();
        assert_eq!(recorded(&disk).len(), 1);
        // The process is killed before the store notes it.
        drop((journal, writer, acts));
        let (journal, mut writer, mut acts) = run();
        acts.keep(&mut store, &journal, now);
        writer.commit(at(2)).unwrap();
        for _ in 0..3 {
            acts.keep(&mut store, &journal, now);
        }
        assert_eq!(store.waiting_person_acts(9).unwrap(), []);
        assert_eq!(recorded(&disk).len(), 2);
    }
}
