//! The policy in force, and what it is made of. Two threads keep a part of it each: the lists, and the overrides.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use access::Desk;
use blocklist::Index;
use model::{Lesson, Rule};
use policy::{Rulebook, Snapshot};

/// What a policy is made of.
pub(crate) struct Parts {
    pub(crate) index: Arc<Index>,
    /// What the configuration says.
    pub(crate) rulebook: Rulebook,
    /// The rules that people of the school made, those in force.
    pub(crate) overrides: Vec<Rule>,
    /// The lessons that they give.
    pub(crate) lessons: Vec<Lesson>,
}

impl Parts {
    /// The parts as they are now, as a policy.
    pub(crate) fn freeze(&self) -> Snapshot {
        let mut rulebook = self.rulebook.clone();
        rulebook.rules.extend(self.overrides.iter().cloned());
        rulebook.lessons.clone_from(&self.lessons);
        Snapshot::new(Arc::clone(&self.index), &rulebook)
    }
}

/// Whoever changes a part has the desk follow. A policy is made and put in force under one lock: the last lists and
/// the last rules are in force together, whoever came last.
pub(crate) struct InForce {
    parts: Mutex<Parts>,
    desk: Arc<Desk>,
}

impl InForce {
    /// The policy of `desk`, which was made of `parts`.
    pub(crate) fn new(parts: Parts, desk: Arc<Desk>) -> Self {
        Self { parts: Mutex::new(parts), desk }
    }

    /// Puts other lists in force.
    pub(crate) fn swap_index(&self, index: Arc<Index>) {
        self.change(|parts| parts.index = index);
    }

    /// Puts other rules of the school in force, and other lessons.
    pub(crate) fn swap_decided(&self, overrides: Vec<Rule>, lessons: Vec<Lesson>) {
        self.change(|parts| (parts.overrides, parts.lessons) = (overrides, lessons));
    }

    fn change(&self, change: impl FnOnce(&mut Parts)) {
        let mut parts = self.lock();
        change(&mut parts);
        self.desk.swap_policy(parts.freeze());
    }

    /// A part is replaced whole, so the parts are right even after a panic elsewhere.
    fn lock(&self) -> MutexGuard<'_, Parts> {
        self.parts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;
    use std::thread;

    use access::{Clock, Directory, Instant, Neighbours};
    use blocklist::builtin;
    use journal::simulation::Disk;
    use model::{ClockQuality, Layer, Mac, Scope, Timestamp, Topic, Verdict};

    use super::*;

    struct Nobody;

    impl Neighbours for Nobody {
        fn find_mac(&self, _: IpAddr) -> Option<Mac> {
            None
        }
    }

    impl Clock for Nobody {
        fn now(&self) -> Instant {
            Instant { at: Timestamp::from_unix_ms(0), quality: ClockQuality::Unset }
        }
    }

    /// A rule on a category that no list has: the policy tells of it.
    fn rule(number: u32) -> Rule {
        Rule {
            layer: Layer::School,
            effect: Verdict::Refuse,
            topic: Topic::Category(format!("absent-{number}").parse().unwrap()),
            scope: Scope::Everyone,
            author: "Mme Martin".parse().unwrap(),
            motive: "exposé".parse().unwrap(),
            from: None,
            until: None,
        }
    }

    #[test]
    fn the_last_lists_and_the_last_rules_are_in_force_together() {
        let (rulebook, overrides, lessons) = (Rulebook::default(), vec![], vec![]);
        let parts = Parts { index: Arc::new(builtin()), rulebook, overrides, lessons };
        let (journal, _writer) = journal::open(Disk::default());
        let (neighbours, clock) = (Arc::new(Nobody), Arc::new(Nobody));
        let desk = Arc::new(Desk::new(neighbours, clock, journal, Directory::default(), parts.freeze()));
        let in_force = InForce::new(parts, Arc::clone(&desk));
        for last in 0..100 {
            let index = Arc::new(builtin());
            thread::scope(|scope| {
                scope.spawn(|| in_force.swap_index(Arc::clone(&index)));
                scope.spawn(|| in_force.swap_decided(vec![rule(last)], vec![]));
            });
            let policy = desk.policy();
            assert!(std::ptr::eq(policy.index(), &raw const *index), "the lists of round {last}");
            let missing: Vec<_> = policy.missing_categories().iter().map(ToString::to_string).collect();
            assert_eq!(missing, [format!("absent-{last}")]);
        }
    }
}
