//! The decision point: who may go where, now, and why.
//!
//! Invariant: pure. [`decide`] reads nothing but its arguments, and only it makes a [`Permit`] or a
//! [`Refusal`]: a decision is a value that proves itself.

mod decision;
mod profile;
mod question;
mod snapshot;

pub use decision::{Decided, Decision, Permit, Refusal, decide};
pub use profile::Profile;
pub use question::{Question, Target};
pub use snapshot::Snapshot;
