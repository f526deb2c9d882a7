//! How schools were: reports of their boxes, since when a school is as it is, and who was told. A port beside the register.

use std::fmt;
use std::str::FromStr;

use model::Timestamp;

use super::{BoxId, RegisterError};

#[cfg(test)]
pub(crate) mod suite;

/// How long reports of boxes are kept, in days: a year and the holidays.
pub const REPORT_DAYS_MAX: i64 = 400;
/// Alerts that are kept once they are over.
pub const ALERTS_MAX: u32 = 5_000;

/// How a school is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// It has no box yet.
    Idle,
    /// All is well.
    Green,
    /// Somebody should look at it.
    Amber,
    /// Somebody has to.
    Red,
}

impl Level {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Idle, Self::Green, Self::Amber, Self::Red];

    /// The word of the register and of what goes to programs.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Idle => "idle",
            Self::Green => "green",
            Self::Amber => "amber",
            Self::Red => "red",
        }
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Level {
    type Err = LevelError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|level| level.as_str() == text).ok_or(LevelError)
    }
}

/// The text is no level's word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a level: idle, green, amber or red")]
pub struct LevelError;

/// What a box said of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// When it did.
    pub at: Timestamp,
    /// A `replication::Health` in JSON.
    pub health: String,
}

/// How a school is, and since when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    /// The school.
    pub uai: String,
    /// How it is.
    pub level: Level,
    /// Since when.
    pub since: Timestamp,
    /// What was told last: red or not.
    pub is_told: bool,
}

/// A way by which people are told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Channel {
    /// A letter.
    Mail,
    /// A call of another program.
    Webhook,
}

impl Channel {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::Mail, Self::Webhook];

    /// The word of the register.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Mail => "mail",
            Self::Webhook => "webhook",
        }
    }
}

/// Something that people are to be told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewAlert {
    /// How.
    pub channel: Channel,
    /// About which school.
    pub uai: String,
    /// In a line.
    pub subject: String,
    /// All of it: a letter's text, or JSON.
    pub body: String,
}

/// The same, once it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alert {
    /// Its number.
    pub id: u64,
    /// What is told.
    pub new: NewAlert,
    /// Since when.
    pub made: Timestamp,
    /// How often it was tried, this time among them.
    pub tries: u32,
    /// When it was sent, or given up.
    pub ended: Option<Timestamp>,
    /// Whether it was sent.
    pub is_sent: bool,
}

/// A checkpoint of a box's log that the hub has signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedState {
    /// How many entries the log had.
    pub size: u64,
    /// When it was signed.
    pub at: Timestamp,
    /// The note, with both signatures.
    pub note: String,
}

/// The history. Each call is one transaction; any number of hubs may work on one register.
pub trait History: Send + Sync {
    /// Keeps what a box said, in the place of what it said earlier on the same day. What is older than [`REPORT_DAYS_MAX`] goes, of
    /// every box: one that is revoked says nothing more.
    ///
    /// # Errors
    /// [`RegisterError`]; so with all that follow.
    fn keep_report(&self, of: BoxId, report: &Report) -> Result<(), RegisterError>;
    /// What a box said since a time, in order.
    fn reports(&self, of: BoxId, since: Timestamp) -> Result<Vec<Report>, RegisterError>;
    /// How all schools are, by their identifiers.
    fn standings(&self) -> Result<Vec<Kept>, RegisterError>;
    /// Keeps how a school is, with what people are to be told of it, where it still is as `before` says; whether it does.
    fn keep_standing(
        &self,
        before: Option<&Kept>,
        new: &Kept,
        alerts: &[NewAlert],
        now: Timestamp,
    ) -> Result<bool, RegisterError>;
    /// Keeps what people are to be told.
    fn add_alert(&self, alert: &NewAlert, now: Timestamp) -> Result<(), RegisterError>;
    /// Takes alerts that are due and go by one of these ways, at most `count`, in the order in which they were kept: nobody else gets them
    /// before `until`. Those of other ways wait for whoever has these.
    fn take_alerts(
        &self,
        by: &[Channel],
        now: Timestamp,
        until: Timestamp,
        count: u32,
    ) -> Result<Vec<Alert>, RegisterError>;
    /// Puts one back that could not be sent.
    fn postpone_alert(&self, id: u64, until: Timestamp) -> Result<(), RegisterError>;
    /// Ends one: it was sent, or given up. The oldest beyond [`ALERTS_MAX`] that are over go.
    fn end_alert(&self, id: u64, is_sent: bool, now: Timestamp) -> Result<(), RegisterError>;
    /// The last alerts, at most `count`; the latest first.
    fn alerts(&self, count: u32) -> Result<Vec<Alert>, RegisterError>;
    /// The checkpoints of a box that the hub has signed, at most `count`; the longest first.
    fn signed_states(&self, of: BoxId, count: u32) -> Result<Vec<SignedState>, RegisterError>;
    /// The one of a size.
    fn signed_state(&self, of: BoxId, size: u64) -> Result<Option<SignedState>, RegisterError>;
}
