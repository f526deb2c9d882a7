//! What the box does by itself at its time, and somebody wants at once: asked for on a page, done by whoever does it anyway.
//!
//! Invariant: nothing here starts anything, and what is asked for twice is done once.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use portal::{Chore, ChoreLine, ChoreState};

/// What may be asked for at this moment, and how far each is. Whoever does one offers it, takes it, and says when it is over.
#[derive(Debug, Default)]
pub(crate) struct Chores(Mutex<BTreeMap<Chore, ChoreState>>);

impl Chores {
    /// Says whether there is something to do. What is under way stays.
    pub(crate) fn offer(&self, chore: Chore, is_there: bool) {
        let mut states = self.lock();
        if is_there {
            states.entry(chore).or_insert(ChoreState::Free);
        } else if states.get(&chore) != Some(&ChoreState::Running) {
            states.remove(&chore);
        }
    }

    /// How far one is; `None` where there is nothing of the kind to do.
    pub(crate) fn state(&self, chore: Chore) -> Option<ChoreState> {
        self.lock().get(&chore).copied()
    }

    /// All of them.
    pub(crate) fn list(&self) -> Vec<ChoreLine> {
        self.lock().iter().map(|(&chore, &state)| ChoreLine { chore, state }).collect()
    }

    /// Somebody wants one at once. Whether there is something to do.
    pub(crate) fn ask(&self, chore: Chore) -> bool {
        let mut states = self.lock();
        let Some(state) = states.get_mut(&chore) else { return false };
        if matches!(state, ChoreState::Free | ChoreState::Failed) {
            *state = ChoreState::Asked;
        }
        true
    }

    /// Whether somebody wants one: from now on it is under way.
    pub(crate) fn take(&self, chore: Chore) -> bool {
        let mut states = self.lock();
        let is_asked = states.get(&chore) == Some(&ChoreState::Asked);
        if is_asked {
            states.insert(chore, ChoreState::Running);
        }
        is_asked
    }

    /// One begins, whoever wanted it.
    pub(crate) fn begin(&self, chore: Chore) {
        self.lock().insert(chore, ChoreState::Running);
    }

    /// One is over.
    pub(crate) fn end(&self, chore: Chore, is_good: bool) {
        self.lock().insert(chore, if is_good { ChoreState::Free } else { ChoreState::Failed });
    }

    /// One that tells by itself what became of it is under way, or is not.
    pub(crate) fn follow(&self, chore: Chore, is_running: bool) {
        match (self.state(chore), is_running) {
            (Some(ChoreState::Running), false) => self.end(chore, true),
            (Some(ChoreState::Free | ChoreState::Failed), true) => self.begin(chore),
            _ => {}
        }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<Chore, ChoreState>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_asked_for_is_taken_once() {
        let chores = Chores::default();
        assert!(!chores.ask(Chore::Sync) && chores.list().is_empty(), "there is no hub");
        chores.offer(Chore::Sync, true);
        assert!(!chores.take(Chore::Sync), "nobody wants it");
        assert!(chores.ask(Chore::Sync) && chores.ask(Chore::Sync));
        assert_eq!(chores.state(Chore::Sync), Some(ChoreState::Asked));
        chores.offer(Chore::Sync, true);
        assert!(chores.take(Chore::Sync) && !chores.take(Chore::Sync));
        assert!(chores.ask(Chore::Sync), "as she wants it");
        assert!(!chores.take(Chore::Sync), "it is under way");
        chores.end(Chore::Sync, false);
        assert_eq!(chores.state(Chore::Sync), Some(ChoreState::Failed));
        assert!(chores.ask(Chore::Sync) && chores.take(Chore::Sync), "it is tried again");
    }

    #[test]
    fn what_is_gone_is_not_offered_but_what_runs_is_told() {
        let chores = Chores::default();
        chores.offer(Chore::HeldList, true);
        chores.ask(Chore::HeldList);
        chores.offer(Chore::HeldList, false);
        assert!(chores.list().is_empty() && !chores.take(Chore::HeldList));
        chores.offer(Chore::Lists, true);
        chores.begin(Chore::Lists);
        chores.offer(Chore::Lists, false);
        let line = ChoreLine { chore: Chore::Lists, state: ChoreState::Running };
        assert_eq!(chores.list(), [line]);
    }

    #[test]
    fn what_runs_by_itself_is_followed() {
        let chores = Chores::default();
        chores.follow(Chore::Selftest, true);
        assert_eq!(chores.state(Chore::Selftest), None, "it is not offered");
        chores.offer(Chore::Selftest, true);
        chores.follow(Chore::Selftest, true);
        assert_eq!(chores.state(Chore::Selftest), Some(ChoreState::Running));
        chores.follow(Chore::Selftest, false);
        assert_eq!(chores.state(Chore::Selftest), Some(ChoreState::Free));
        chores.ask(Chore::Selftest);
        chores.follow(Chore::Selftest, false);
        assert_eq!(chores.state(Chore::Selftest), Some(ChoreState::Asked), "it has not begun");
    }
}
