//! `preau selftest filter`: the box attacks itself, as a pupil would who looks for a way around the filter.
//!
//! An [`Attack`] is a row of the table: a name, what is sent, what must come back, which record must be in the journal.
//! `system` sends and says what came ([`Seen`]); [`Attack::judge`] compares. A [`Run`] is what became of all of them.
//!
//! Invariant: pure. No socket, no file, no clock.
//! Invariant: nothing passes that was not tried. What must be refused passes only when the box itself was seen to refuse
//! it: silence is no refusal, because the box always answers, and a dead network is silent as well.

mod action;
mod attack;
mod attacks;
mod demand;
mod dns;
mod hello;
mod overheard;
mod place;
mod run;
mod samples;
mod zone;

pub use action::{Action, End, Seen, Transport};
pub use attack::{Attack, ExpectedRecord, Family, Sender};
pub use attacks::{Attacker, Targets, list, needs};
pub use demand::{Outcome, Why};
pub use overheard::{Overheard, Stranger, judge_overheard};
pub use place::{Doors, Place};
pub use run::{RUN_BYTES_MAX, Result, Run, RunError, State, Way, parse};
pub use samples::{Listed, Samples, Subject};
pub use zone::Zone;

#[cfg(test)]
mod tests;
