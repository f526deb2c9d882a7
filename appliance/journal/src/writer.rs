//! The writing end: group commit as a state machine that one thread drives.
//!
//! ```text
//!            first commit                  create, reserve
//! Unrecovered ----------> no segment ----------------------> segment --+
//!                              ^                              ^  |     | append, sync, reserve ahead
//!                              | sync failed, disk failing    |  +-----+
//!                              +------------------------------+  disk full: kept, tried again
//! ```
//! Whenever a commit fails the queue's door is shut: accesses are refused. The batch is kept and tried again at
//! the next commit; the first that succeeds opens the door.

use std::io;
use std::sync::Arc;

use model::Timestamp;

use crate::entry::Turn;
use crate::format::{Header, utc_day};
use crate::queue::{Batch, Door, Shared};
use crate::recovery::{OpenAccesses, Recovery, recover};
use crate::segment::Segment;
use crate::{SegmentId, Storage};

/// Writes the records of one journal. When it is dropped, the journal accepts nothing any more.
pub struct Writer<S: Storage> {
    storage: S,
    shared: Arc<Shared>,
    /// The day of a point in time, as a number.
    day: Box<dyn Fn(Timestamp) -> i64 + Send>,
    recovery: Option<Recovery>,
    segment: Option<Segment<S::Active>>,
    next_segment: SegmentId,
    /// The accesses that are open according to what is on the disk.
    open: OpenAccesses,
    batch: Batch,
    /// The number of the batch's first record.
    batch_sequence: u64,
    /// Earlier segments may hold the batch: a disk that failed to make it durable may still give it back.
    is_batch_written: bool,
    /// Records with lower numbers are there, as far as the disk keeps what it promised. It is below the batch's numbers where an earlier run
    /// was killed before it could write again what a disk had refused.
    promised_below: u64,
}

/// Why records could not be made durable. They are kept, and the journal accepts no others meanwhile.
#[derive(Debug, thiserror::Error)]
pub enum CommitError {
    /// The journal that earlier runs left cannot be taken over.
    #[error("the journal of earlier runs cannot be taken over")]
    Recover(#[source] io::Error),
    /// No segment can be started.
    #[error("{segment} cannot be started")]
    Start {
        /// The new segment.
        segment: SegmentId,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// No disk space is left for what the queue may accept.
    #[error("no space can be reserved in {segment}")]
    Reserve {
        /// The active segment.
        segment: SegmentId,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The file of the active segment is not where it was: records in it are gone.
    #[error("{segment} was removed, moved or cut short by somebody")]
    Lost {
        /// The segment, which is given up.
        segment: SegmentId,
        /// What was found.
        #[source]
        source: io::Error,
    },
    /// What readers need beside the active segment is gone.
    #[error("what is needed to read {segment} was taken away, and cannot be put back")]
    Keep {
        /// The segment, which is kept: it is tried again.
        segment: SegmentId,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// Records cannot be written.
    #[error("{segment} cannot be written")]
    Append {
        /// The active segment.
        segment: SegmentId,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// Records were written, but may not survive a power cut.
    #[error("{segment} cannot be made durable")]
    Sync {
        /// The segment, which is given up.
        segment: SegmentId,
        /// Why.
        #[source]
        source: io::Error,
    },
}

impl<S: Storage> Writer<S> {
    pub(crate) fn new(storage: S, shared: Arc<Shared>) -> Self {
        Self {
            storage,
            shared,
            day: Box::new(utc_day),
            recovery: None,
            segment: None,
            next_segment: SegmentId::FIRST,
            open: OpenAccesses::default(),
            batch: Batch::default(),
            batch_sequence: 0,
            is_batch_written: false,
            promised_below: 0,
        }
    }

    /// Sets which day a point in time is in, by any number: no segment is for two days. Without it, days are UTC's.
    pub fn split_days_by(&mut self, day: impl Fn(Timestamp) -> i64 + Send + 'static) {
        self.day = Box::new(day);
    }

    /// Makes durable all that was recorded up to now. To be called at least twice a second.
    ///
    /// # Errors
    /// [`CommitError`]: the journal accepts nothing until a later call succeeds.
    pub fn commit(&mut self, now: Timestamp) -> Result<(), CommitError> {
        let outcome = self.advance(now);
        self.shared.lock().set_door(if outcome.is_ok() { Door::Open } else { Door::Shut });
        outcome
    }

    /// Commits for the last time, and closes as cut what nobody has closed.
    ///
    /// # Errors
    /// [`CommitError`]: what could not be written is lost.
    pub fn finish(mut self, now: Timestamp) -> Result<(), CommitError> {
        self.shared.lock().set_door(Door::Shut);
        self.advance(now)?;
        self.close_open_accesses(now);
        self.write_waiting(now)?;
        let Some(segment) = self.segment.take() else { return Ok(()) };
        let id = segment.id;
        self.retire(segment).map_err(|source| CommitError::Keep { segment: id, source })
    }

    /// What was found at the start; `None` before the first commit got so far.
    pub fn recovery(&self) -> Option<&Recovery> {
        self.recovery.as_ref()
    }

    fn advance(&mut self, now: Timestamp) -> Result<(), CommitError> {
        if self.recovery.is_none() {
            self.recover(now)?;
        }
        self.write_batch(now)?;
        self.write_waiting(now)?;
        self.give_up_lost_segment()?;
        self.keep_readable()?;
        self.rotate(now);
        let segment = self.active(now)?;
        let id = segment.id;
        segment.reserve().map_err(|source| CommitError::Reserve { segment: id, source })
    }

    fn recover(&mut self, now: Timestamp) -> Result<(), CommitError> {
        let resumption = recover(&mut self.storage).map_err(CommitError::Recover)?;
        self.next_segment = resumption.next_segment.unwrap_or(SegmentId::FIRST);
        self.open = resumption.open;
        self.batch_sequence = resumption.next_sequence;
        self.promised_below = resumption.promised_below;
        self.shared.lock().resume(resumption.next_sequence);
        self.recovery = Some(resumption.recovery);
        self.close_open_accesses(now);
        Ok(())
    }

    fn close_open_accesses(&self, now: Timestamp) {
        let mut queue = self.shared.lock();
        self.open.iter().for_each(|access| queue.accept_cut(now, access));
    }

    fn write_waiting(&mut self, now: Timestamp) -> Result<(), CommitError> {
        self.shared.lock().swap(now, &mut self.batch);
        self.write_batch(now)
    }

    /// Writes the batch and waits until it is durable.
    fn write_batch(&mut self, now: Timestamp) -> Result<(), CommitError> {
        if self.batch.is_empty() {
            return Ok(());
        }
        let closings = self.note_openings();
        let first_sequence = self.batch_sequence;
        self.active(now)?;
        let Some(mut segment) = self.segment.take() else { return Ok(()) };
        let id = segment.id;
        self.is_batch_written = true;
        let end = match segment.append(&self.batch, first_sequence) {
            Ok(end) => end,
            // What it left is not written over, also where the disk was only full: the batch goes into a new segment.
            Err(source) => {
                self.retire(segment).ok();
                return Err(CommitError::Append { segment: id, source });
            }
        };
        // After a failure the kernel may forget what it could not write and report success the next time, so
        // that only a new file can be trusted with the batch.
        if let Err(source) = segment.commit(end) {
            self.retire(segment).ok();
            return Err(CommitError::Sync { segment: id, source });
        }
        self.segment = Some(segment);
        self.settle_batch(closings);
        Ok(())
    }

    /// Notes the accesses of the batch that will need a closing; those that are over with it are given back. DNS questions need none:
    /// a batch of nothing else, which come by the hundred thousand, is not read.
    fn note_openings(&mut self) -> Vec<u64> {
        let mut closings = Vec::new();
        if self.batch.has_connections {
            for turn in self.batch.records().filter_map(Turn::of) {
                match turn {
                    Turn::Opening(access) => self.open.insert(access),
                    Turn::Closing(access) => closings.push(access),
                }
            }
        }
        closings
    }

    fn settle_batch(&mut self, closings: Vec<u64>) {
        closings.into_iter().for_each(|access| self.open.remove(access));
        self.batch.clear();
        self.batch_sequence = self.batch.next_sequence;
        self.promised_below = self.batch_sequence;
        self.is_batch_written = false;
        self.shared.lock().set_durable_below(self.batch_sequence);
    }

    fn active(&mut self, now: Timestamp) -> Result<&mut Segment<S::Active>, CommitError> {
        let segment = match self.segment.take() {
            Some(segment) => segment,
            None => {
                let segment = self.next_segment;
                self.start_segment(now).map_err(|source| CommitError::Start { segment, source })?
            }
        };
        Ok(self.segment.insert(segment))
    }

    fn start_segment(&mut self, now: Timestamp) -> io::Result<Segment<S::Active>> {
        let id = self.next_segment;
        let header = Header {
            segment: id.number(),
            created_ms: now.unix_ms(),
            next_sequence: if self.is_batch_written { self.batch.next_sequence } else { self.batch_sequence },
            open: self.open.iter().collect(),
            promised_below: self.promised_below,
        };
        let header = header.encode().map_err(io::Error::other)?;
        // A number is used once, even if all that is left of it is a file that cannot be removed.
        self.next_segment = id.next();
        let file = self.storage.create(id)?;
        Segment::start(id, file, (self.day)(now), &header).inspect_err(|_| {
            if self.storage.remove(id).is_ok() {
                self.next_segment = id;
            }
        })
    }

    /// Somebody removed, moved or cut the file of the active segment: the next commit starts another.
    fn give_up_lost_segment(&mut self) -> Result<(), CommitError> {
        match self.segment.as_ref().map_or(Ok(()), Segment::check_in_place) {
            Ok(()) => Ok(()),
            Err(source) => {
                let segment = self.segment.take().map_or(self.next_segment, |lost| lost.id);
                Err(CommitError::Lost { segment, source })
            }
        }
    }

    /// Only what is active has what readers need: it is not given up before that is there again.
    fn keep_readable(&self) -> Result<(), CommitError> {
        let Some(segment) = &self.segment else { return Ok(()) };
        segment.keep_readable().map_err(|source| CommitError::Keep { segment: segment.id, source })
    }

    /// Follows a segment that is over by a new one. Where that fails, the old one goes on as long as it can.
    fn rotate(&mut self, now: Timestamp) {
        let is_over = self.segment.as_ref().is_some_and(|segment| segment.is_over((self.day)(now)));
        if is_over
            && let Ok(next) = self.start_segment(now)
            && let Some(old) = self.segment.replace(next)
        {
            self.retire(old).ok();
        }
    }

    /// Ends a segment. Where tidying up fails, the next start finds the same things to tidy.
    ///
    /// # Errors
    /// What readers need beside it is gone, and cannot be put back.
    fn retire(&mut self, segment: Segment<S::Active>) -> io::Result<()> {
        let (id, is_empty) = (segment.id, segment.is_empty());
        if is_empty {
            drop(segment);
            self.storage.remove(id).ok();
            return Ok(());
        }
        // The last look: afterwards nobody has what is needed.
        let kept = segment.keep_readable();
        drop(segment);
        self.storage.end(id).ok();
        kept
    }
}

impl<S: Storage> Drop for Writer<S> {
    fn drop(&mut self) {
        self.shared.lock().set_door(Door::Gone);
    }
}
