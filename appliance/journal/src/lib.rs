//! The access log: one record per access, durable within a second, readable after any power cut.
//!
//! Invariant: pure. Segments are kept by a [`Storage`]; time is an argument.

use model::{ClockQuality, Closing, Timestamp};
use policy::{Decided, Permit};

/// The number of a record: they count up by one from 1, over all segments of a box.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Sequence(u64);

/// A decision that the journal's writer has accepted. Enforcement points act on nothing else.
#[derive(Debug)]
pub struct Recorded<D> {
    decision: D,
    sequence: Sequence,
}

impl<D> Recorded<D> {
    /// The decision.
    pub fn decision(&self) -> &D {
        &self.decision
    }
}

/// The access could not be recorded, so it must not happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unrecorded {
    /// The disk is full or failing: the web is closed until it can be written again.
    #[error("the journal cannot be written")]
    Unwritable,
    /// More accesses than the writer can take.
    #[error("the journal's queue is full")]
    QueueFull,
}

/// The recording end of the journal; clones share it.
#[derive(Clone)]
pub struct Journal {}

impl Journal {
    /// Records a decision.
    ///
    /// # Errors
    /// [`Unrecorded`]: the access must be refused.
    pub fn record<D: Decided>(
        &self,
        _at: Timestamp,
        _clock: ClockQuality,
        _decision: D,
    ) -> Result<Recorded<D>, Unrecorded> {
        Err(Unrecorded::Unwritable)
    }

    /// Records how a permitted access ended.
    pub fn close(&self, _at: Timestamp, _access: Recorded<Permit>, _closing: Closing) {}

    /// Whether records are accepted at the moment.
    #[must_use]
    pub fn is_writable(&self) -> bool {
        false
    }
}
