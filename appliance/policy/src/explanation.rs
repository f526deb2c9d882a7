//! How a verdict came about, step by step.

use std::sync::Arc;

use model::{Category, Idle, Narrowing, ProfileName, Ruling, Timestamp, Verdict};

use crate::calendar::Moment;
use crate::decision::{Decision, decide_before};
use crate::profile::Mode;
use crate::{Question, Snapshot};

/// Decides as [`decide`](crate::decide) does, and tells each step on the way.
#[must_use]
pub fn explain(snapshot: &Snapshot, question: Question, now: Option<Timestamp>) -> (Vec<Step>, Decision) {
    let mut steps = Vec::new();
    let decision = decide_before(snapshot, question, now, &mut steps);
    (steps, decision)
}

/// A step on the way to a verdict.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// A list line covers what is asked for; the most specific comes first.
    Line {
        /// The line, without a path.
        entry: String,
        /// The categories in which it stands.
        categories: Vec<Category>,
    },
    /// A rule covers it, and does not count here.
    Idle {
        /// The rule.
        ruling: Arc<Ruling>,
        /// Why it does not count.
        why: Idle,
    },
    /// A rule decides.
    Rule {
        /// What it says.
        effect: Verdict,
        /// The rule.
        ruling: Arc<Ruling>,
    },
    /// A locked category decides.
    Locked {
        /// The category.
        category: Category,
        /// The line that stands in it.
        entry: String,
    },
    /// Nothing stronger has decided: the profile does.
    Profile {
        /// Whose profile.
        name: ProfileName,
        /// What it shows at this time.
        mode: Mode,
        /// The school's time; `None` when the clock is not set.
        moment: Option<Moment>,
    },
    /// It is permitted, and the lesson in the room shows less.
    Narrowed {
        /// How much less.
        narrowing: Narrowing,
    },
}

/// Somebody who wants to know how a verdict comes about.
pub(crate) trait Witness {
    /// Tells a step; it is made only for those who listen.
    fn see(&mut self, step: impl FnOnce() -> Step);
}

/// Nobody listens: the case of every access.
pub(crate) struct Silent;

impl Witness for Silent {
    fn see(&mut self, _: impl FnOnce() -> Step) {}
}

impl Witness for Vec<Step> {
    fn see(&mut self, step: impl FnOnce() -> Step) {
        self.push(step());
    }
}
