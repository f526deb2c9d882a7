//! How an access point is told what to do, and asked what it is: a port that other rooms fill, one for each kind.

use crate::setup::{Setup, Stamps};
use crate::{Event, Reality, Station, Step};

/// Whoever speaks to one access point.
pub trait Drive: Send {
    /// What the access point is once it has this setup.
    fn stamps(&self, setup: &Setup) -> Stamps;

    /// What it is, read back from itself; `setup` is what it should be, where that is known.
    ///
    /// # Errors
    /// [`DriveError`]: then nobody knows.
    fn look(&mut self, setup: Option<&Setup>) -> Result<Reality, DriveError>;

    /// Has it do one step. Whether it did is told by the next look.
    ///
    /// # Errors
    /// [`DriveError`]: it may have been done all the same.
    fn apply(&mut self, step: Step, setup: Option<&Setup>) -> Result<(), DriveError>;

    /// The devices that have joined.
    ///
    /// # Errors
    /// [`DriveError`].
    fn stations(&mut self) -> Result<Vec<Station>, DriveError>;

    /// What it told unasked since the last call. Never waits.
    fn take_events(&mut self) -> Vec<Event>;
}

/// Why an access point did not do as it was told, or not answer.
#[derive(Debug, thiserror::Error)]
pub enum DriveError {
    /// Nobody answers.
    #[error("it does not answer")]
    Silent(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// It answers, and not as it should.
    #[error("it refuses: {0}")]
    Refused(String),
    /// What it needs on this machine is missing or cannot be written.
    #[error("it cannot be set up on this machine")]
    Unfit(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// It was given nothing to serve.
    #[error("there is nothing to serve")]
    Unset,
}
