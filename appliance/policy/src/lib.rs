//! The decision point: who may go where, now, and why.
//!
//! Invariant: pure. [`decide`] reads nothing but its arguments, and only this room makes a [`Permit`] or a
//! [`Refusal`]: a decision is a value that proves itself.

mod calendar;
mod decision;
mod evasion;
mod explanation;
mod judgement;
mod profile;
mod question;
mod safe_search;
mod service;
mod snapshot;
#[cfg(test)]
mod tests;

/// The nouns of rules.
pub use model::{Idle, Rule, Scope, Topic};

pub use calendar::{Calendar, Holidays, HolidaysError, Moment, TimeOfDay, TimeOfDayError};
pub use decision::{
    Claim, Decided, Decision, Denial, Finding, Permit, Refusal, decide, screen, still_permits,
};
pub use evasion::is_way_around;
pub use explanation::{Step, explain};
pub use profile::{Days, Hours, Mode, ModeError, Profile, Season, SeasonError};
pub use question::{Question, Target};
pub use safe_search::{SafeSearch, YouTube, YouTubeError};
pub use service::{Service, ServiceHost};
pub use snapshot::{Rulebook, Snapshot, Standing};
