//! The overrides as the running box keeps them: what happens to one is in the journal first, and then in the policy.
//!
//! ```text
//! store: made --> journal: make --durable--> store: noted --> in force (a permit; a refusal was at once)
//! store: ended, or its time is up --> journal: take-back, run-out --durable--> store: noted, forgotten here
//! ```
//! A crash between the journal and the note has the act recorded again at the next start: twice, never not at all.

use access::Instant;
use journal::{Journal, Sequence, Unrecorded};
use model::{Deed, Override, OverrideId, Rule, Timestamp};
use store::{Store, StoreError};

/// The overrides whose end is not recorded yet.
#[derive(Default)]
pub(crate) struct Overrides {
    open: Vec<Override>,
    /// Acts that the journal accepted, and the store has not noted.
    accepted: Vec<Accepted>,
    /// Those that were in force at the last look, each with its end, which a lesson may move; `None` before the first one. The
    /// policy that a box begins with was made before it, and somebody may have taken back a rule in between.
    in_force: Option<Vec<(OverrideId, Option<Timestamp>)>>,
    is_failure_told: bool,
}

struct Accepted {
    id: OverrideId,
    deed: Deed,
    sequence: Sequence,
}

#[derive(Debug, thiserror::Error)]
enum KeepError {
    #[error(transparent)]
    Journal(#[from] Unrecorded),
    #[error("its record cannot be noted")]
    Store(#[from] StoreError),
}

impl Overrides {
    /// What the store says now.
    pub(crate) fn replace(&mut self, open: Vec<Override>) {
        self.open = open;
    }

    /// The rules in force.
    pub(crate) fn rules(&self) -> impl Iterator<Item = &Rule> {
        self.open.iter().filter(|it| it.is_in_force()).map(|it| &it.rule)
    }

    /// Notes what is recorded by now, and records what has happened. Returns whether other rules may be in force than
    /// after the last time: the first time, always.
    pub(crate) fn keep(&mut self, store: &mut Store, journal: &Journal, now: Instant) -> bool {
        let noted = self.note(store, journal);
        let recorded = self.record(journal, now);
        self.tell(noted.and(recorded));
        let in_force: Vec<_> =
            self.open.iter().filter(|it| it.is_in_force()).map(|it| (it.id, it.rule.until)).collect();
        let before = self.in_force.replace(in_force);
        before != self.in_force
    }

    /// Notes the acts that the journal has made durable, also where the store cannot.
    fn note(&mut self, store: &mut Store, journal: &Journal) -> Result<(), KeepError> {
        let mut outcome = Ok(());
        self.accepted.retain(|Accepted { id, deed, sequence }| {
            if !journal.is_durable(*sequence) {
                return true;
            }
            if let Some(it) = self.open.iter_mut().find(|it| it.id == *id) {
                it.note_recorded(deed);
            }
            match store.mark_recorded(*id, deed) {
                Ok(()) => {
                    tracing::info!(override_id = %id, deed = deed.as_str(), "an override changes the policy");
                    false
                }
                Err(error) => {
                    outcome = Err(error.into());
                    true
                }
            }
        });
        outcome
    }

    /// Hands to the journal what has happened: of each override one act at a time, so that they stand in order.
    fn record(&mut self, journal: &Journal, now: Instant) -> Result<(), KeepError> {
        for it in &self.open {
            if self.accepted.iter().any(|accepted| accepted.id == it.id) {
                continue;
            }
            if let Some(act) = it.unrecorded_act(now.plausible()) {
                let sequence = journal.record_act(now.at, now.quality, &act)?;
                self.accepted.push(Accepted { id: it.id, deed: act.deed, sequence });
            }
        }
        Ok(())
    }

    /// A failure is told once, until all is well again.
    fn tell(&mut self, outcome: Result<(), KeepError>) {
        let is_told = std::mem::replace(&mut self.is_failure_told, outcome.is_err());
        if let Err(error) = outcome
            && !is_told
        {
            let error = anyhow::Error::from(error);
            tracing::error!("an override waits, because it cannot be recorded: {error:#}");
        }
    }
}

#[cfg(test)]
mod tests {
    use std::ops::ControlFlow;

    use journal::simulation::{Disk, Faults};
    use journal::{Hit, Query, Writer};
    use model::{ClockQuality, Layer, NewOverride, Scope, Topic, Verdict};

    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_unix_ms((1_795_422_600 + seconds) * 1_000)
    }

    fn instant(seconds: i64) -> Instant {
        Instant { at: at(seconds), quality: ClockQuality::Synchronised }
    }

    /// A box: its store, its journal's disk, and what it holds while it runs.
    struct Appliance {
        _folder: tempfile::TempDir,
        store: Store,
        disk: Disk,
        run: Run,
    }

    struct Run {
        journal: Journal,
        writer: Writer<Disk>,
        overrides: Overrides,
    }

    impl Run {
        fn new(disk: &Disk) -> Self {
            let (journal, mut writer) = journal::open(disk.clone());
            writer.commit(at(0)).unwrap();
            Self { journal, writer, overrides: Overrides::default() }
        }
    }

    impl Appliance {
        fn new() -> Self {
            let folder = tempfile::tempdir().unwrap();
            let store = Store::open(&folder.path().join("state.sqlite")).unwrap();
            let disk = Disk::default();
            Self { _folder: folder, store, run: Run::new(&disk), disk }
        }

        /// Somebody makes an override at second 0, for this many seconds.
        fn make(&mut self, effect: Verdict, seconds: i64) -> OverrideId {
            let rule = Rule {
                layer: Layer::Lesson,
                effect,
                topic: Topic::Site("casino.example".parse().unwrap()),
                scope: Scope::Room("CM2".parse().unwrap()),
                author: "Mme Martin".parse().unwrap(),
                motive: "exposé".parse().unwrap(),
                from: None,
                until: Some(at(seconds)),
            };
            let new = NewOverride::new(rule, at(0)).unwrap();
            self.store.add_override(new, ClockQuality::Synchronised).unwrap().id
        }

        fn end(&mut self, id: OverrideId) {
            self.store.end_override(id, &"M. Petit".parse().unwrap(), at(1)).unwrap();
        }

        /// A round of the keeper: whether the policy has to change, and how many rules are in force.
        fn look(&mut self, seconds: i64) -> (bool, usize) {
            let Run { journal, overrides, .. } = &mut self.run;
            overrides.replace(self.store.open_overrides().unwrap());
            let has_changed = overrides.keep(&mut self.store, journal, instant(seconds));
            (has_changed, overrides.rules().count())
        }

        fn commit(&mut self) {
            // Where the disk fails, the door shuts: that is what is tested.
            let _outcome = self.run.writer.commit(at(0));
        }

        /// The process is killed: what was not on the disk is gone.
        fn crash(&mut self) {
            self.disk.cut_power(0);
            self.run = Run::new(&self.disk);
        }

        fn deeds(&self) -> Vec<&'static str> {
            let mut deeds = Vec::new();
            journal::search(&self.disk, &Query::default(), |hit| {
                if let Hit::Act(found) = hit {
                    deeds.push(found.act.deed.as_str());
                }
                ControlFlow::Continue(())
            })
            .unwrap();
            deeds
        }
    }

    #[test]
    fn a_permit_is_recorded_then_in_force_then_over() {
        let mut it = Appliance::new();
        it.make(Verdict::Permit, 60);
        assert_eq!(it.look(1), (true, 0), "the first look");
        assert_eq!(it.look(1), (false, 0), "not durable yet");
        it.commit();
        assert_eq!(it.look(2), (true, 1));
        assert_eq!(it.look(59), (false, 1));
        // From its end on the rule itself says no; it leaves the policy with its record.
        assert_eq!(it.look(60), (false, 1));
        it.commit();
        assert_eq!(it.look(60), (true, 0));
        assert_eq!(it.look(30), (false, 0), "a clock that is set back revives nothing");
        assert_eq!(it.deeds(), ["make", "run-out"]);
    }

    #[test]
    fn a_refusal_waits_for_nobody_and_its_end_for_the_record() {
        let mut it = Appliance::new();
        let id = it.make(Verdict::Refuse, 60);
        assert_eq!(it.look(1), (true, 1));
        it.commit();
        it.look(1);
        it.end(id);
        assert_eq!(it.look(2), (false, 1));
        it.commit();
        assert_eq!(it.look(2), (true, 0));
        assert_eq!(it.deeds(), ["make", "take-back"]);
    }

    #[test]
    fn a_permit_that_is_taken_back_ends_at_once() {
        let mut it = Appliance::new();
        let id = it.make(Verdict::Permit, 60);
        it.look(1);
        it.commit();
        assert_eq!(it.look(1), (true, 1));
        it.end(id);
        assert_eq!(it.look(2), (true, 0));
        it.commit();
        it.look(2);
        assert_eq!(it.deeds(), ["make", "take-back"]);
    }

    #[test]
    fn without_a_journal_nothing_is_opened() {
        let mut it = Appliance::new();
        it.disk.set_faults(Faults { space_left: Some(0), ..Faults::default() });
        it.commit();
        it.make(Verdict::Permit, 60);
        it.make(Verdict::Refuse, 60);
        assert_eq!(it.look(1), (true, 1), "the refusal");
        it.disk.set_faults(Faults::default());
        it.commit();
        assert_eq!(it.look(2), (false, 1));
        it.commit();
        assert_eq!(it.look(3), (true, 2));
    }

    /// A box begins with the rules that stand; somebody takes one back before it looks for the first time.
    #[test]
    fn what_is_taken_back_while_the_box_starts_is_over() {
        let mut it = Appliance::new();
        let id = it.make(Verdict::Permit, 60);
        it.look(1);
        it.commit();
        assert_eq!(it.look(1), (true, 1));
        it.crash();
        it.run.overrides.replace(it.store.open_overrides().unwrap());
        assert_eq!(it.run.overrides.rules().count(), 1, "the policy that the box begins with");
        it.end(id);
        assert_eq!(it.look(2), (true, 0));
    }

    #[test]
    fn a_crash_loses_no_act_and_an_end_counts_while_the_box_was_down() {
        let mut it = Appliance::new();
        it.make(Verdict::Permit, 60);
        it.look(1);
        it.crash();
        assert_eq!(it.deeds(), [""; 0], "it was not durable, and so not in force");
        it.look(2);
        it.commit();
        it.crash();
        assert_eq!(it.look(3), (true, 0), "durable, but nobody noted it: once more");
        it.commit();
        assert_eq!(it.look(3), (true, 1));
        it.crash();
        assert_eq!(it.look(4), (true, 1), "in force from the start");
        it.crash();
        it.look(3_600);
        it.commit();
        assert_eq!(it.look(3_600), (true, 0));
        assert_eq!(it.deeds(), ["make", "make", "run-out"]);
    }
}
