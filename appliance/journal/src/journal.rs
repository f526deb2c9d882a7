//! The recording end.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use model::{AccessKind, Act, ClockQuality, Closing, PersonAct, Timestamp};
use policy::{Decided, Permit};

use crate::entry::{ActEntry, BODY_BYTES_MAX, Entry, encode_body};
use crate::fold::may_fold;
use crate::person::PersonEntry;
use crate::queue::Shared;
use crate::{Sequence, Storage, Writer};

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

    /// The number of the record that stands for the access: for a folded repeat, the first one's.
    pub fn sequence(&self) -> Sequence {
        self.sequence
    }
}

/// The access could not be recorded, so it must not happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unrecorded {
    /// The disk is full, failing or hanging: the web is closed until it can be written again.
    #[error("the journal cannot be written")]
    Unwritable,
    /// More accesses than the writer can take.
    #[error("the journal's queue is full")]
    QueueFull,
}

/// Opens the journal of a storage: the end that records and the end that writes.
///
/// Nothing is read yet, and nothing is accepted, until the writer's first commit succeeds: a box whose disk is
/// full starts, with its web closed.
pub fn open<S: Storage>(storage: S) -> (Journal, Writer<S>) {
    let shared = Arc::new(Shared::default());
    (Journal { shared: Arc::clone(&shared) }, Writer::new(storage, shared))
}

/// The recording end of the journal; clones share it.
#[derive(Clone)]
pub struct Journal {
    shared: Arc<Shared>,
}

impl Journal {
    /// Records a decision: encodes it and queues it, without waiting for the disk. It is durable once the
    /// writer has committed, within a second.
    ///
    /// A DNS question that repeats a recorded one, by the same subject for the same name with the same verdict
    /// and reason within [`FOLD_WINDOW_MS`](crate::FOLD_WINDOW_MS), is counted on the first record. So is a packet that
    /// is refused past the doors, bound for the same destination.
    ///
    /// # Errors
    /// [`Unrecorded`]: the access must be refused.
    pub fn record<D: Decided>(
        &self,
        at: Timestamp,
        clock: ClockQuality,
        decision: D,
    ) -> Result<Recorded<D>, Unrecorded> {
        self.record_times(at, clock, decision, NonZeroU32::MIN)
    }

    /// The same for what has happened so many times. Of a connection, which is one, the number does not count.
    ///
    /// # Errors
    /// As [`Journal::record`].
    pub fn record_times<D: Decided>(
        &self,
        at: Timestamp,
        clock: ClockQuality,
        decision: D,
        times: NonZeroU32,
    ) -> Result<Recorded<D>, Unrecorded> {
        let mut buffer = [0; BODY_BYTES_MAX];
        let body = encode_body(&decision, &mut buffer).map_err(|_| Unrecorded::Unwritable)?;
        let folds = may_fold(decision.kind(), decision.verdict());
        let uptime = self.shared.uptime();
        let accepted = self.shared.lock().accept(at, clock, body, folds.then_some(times), uptime)?;
        if accepted.is_pressing {
            self.shared.wake_writer();
        }
        Ok(Recorded { decision, sequence: Sequence::new(accepted.sequence) })
    }

    /// Records an act, and has the writer commit at once: somebody waits for what follows from it. It is durable
    /// once [`Journal::is_durable`] says so.
    ///
    /// # Errors
    /// [`Unrecorded`]: what the act opens must stay closed.
    pub fn record_act(&self, at: Timestamp, clock: ClockQuality, act: &Act) -> Result<Sequence, Unrecorded> {
        self.record_pressing(|sequence| Entry::Act(ActEntry::new(sequence, at, clock, act)))
    }

    /// Records what somebody did besides making rules, and has the writer commit at once.
    ///
    /// # Errors
    /// [`Unrecorded`]: it has to be recorded later.
    pub fn record_person_act(
        &self,
        at: Timestamp,
        clock: ClockQuality,
        act: &PersonAct,
    ) -> Result<Sequence, Unrecorded> {
        self.record_pressing(|sequence| Entry::Person(PersonEntry::new(sequence, at, clock, act)))
    }

    /// Records that the clock was set, or is known to be right from now on: `before` is what it would show had it not been set.
    ///
    /// # Errors
    /// [`Unrecorded`]: it has to be recorded later.
    pub fn record_clock(
        &self,
        at: Timestamp,
        clock: ClockQuality,
        before: Timestamp,
    ) -> Result<Sequence, Unrecorded> {
        let uptime = self.shared.uptime();
        self.shared.lock().accept_clock(at, clock, before, uptime).map(Sequence::new)
    }

    fn record_pressing<'a>(&self, encode: impl FnOnce(u64) -> Entry<'a>) -> Result<Sequence, Unrecorded> {
        let uptime = self.shared.uptime();
        let sequence = self.shared.lock().accept_act(encode, uptime)?;
        self.shared.wake_writer();
        Ok(Sequence::new(sequence))
    }

    /// Records how a permitted access ended. A DNS question is over with its answer and needs no closing.
    pub fn close(&self, at: Timestamp, access: Recorded<Permit>, closing: Closing) {
        let Recorded { decision, sequence } = access;
        self.close_kind(at, decision.kind(), sequence, closing);
    }

    pub(crate) fn close_kind(&self, at: Timestamp, kind: AccessKind, access: Sequence, closing: Closing) {
        if kind != AccessKind::Dns {
            let is_pressing = self.shared.lock().accept_closing(at, access.number(), closing);
            if is_pressing {
                self.shared.wake_writer();
            }
        }
    }

    /// Whether records are accepted at the moment.
    #[must_use]
    pub fn is_writable(&self) -> bool {
        let uptime = self.shared.uptime();
        self.shared.lock().is_writable(uptime)
    }

    /// Whether more waits for the disk than it takes in a while: who can wait a moment before the next record should. Never where
    /// nothing can be written.
    #[must_use]
    pub fn is_crowded(&self) -> bool {
        self.shared.lock().is_crowded(|| self.shared.uptime())
    }

    /// Whether this record, and every one before it, survives a power cut.
    #[must_use]
    pub fn is_durable(&self, record: Sequence) -> bool {
        record.number() < self.shared.lock().durable_below()
    }

    /// Sets what is called when the queue has become half full: the writer's thread should commit at once.
    /// The first call counts.
    pub fn wake_writer_by(&self, wake: impl Fn() + Send + Sync + 'static) {
        self.shared.set_wake(Box::new(wake));
    }

    /// Sets the clock by which a hanging disk is noticed ([`STALL_MAX`](crate::STALL_MAX)): one that only goes
    /// forward, at an even pace. Until the first call, which counts, none is noticed.
    pub fn measure_waiting_by(&self, uptime: impl Fn() -> Duration + Send + Sync + 'static) {
        self.shared.set_uptime(Box::new(uptime));
    }
}
