//! The segment that is being written.

use std::io;

use crate::format::BlockBuilder;
use crate::queue::{Batch, CLOSINGS_BYTES_MAX, QUEUE_BYTES_MAX};
use crate::{Active, SegmentId};

/// A segment ends at this size, in bytes: small enough to be read at a start in a blink.
const SEGMENT_BYTES_MAX: u64 = 64 << 20;
/// Disk space that is reserved at once, in bytes.
const RESERVATION_BYTES: u64 = 4 << 20;
/// Space that must be free beside the reservation, in bytes. On a full disk the box cannot keep its other
/// promises, and somebody has to act: the web closes while all that was accepted still has its place.
const FREE_BYTES_MIN: u64 = 256 << 10;
/// Disk space that is always reserved ahead, in bytes: for the batch that the writer holds and for the one that
/// may gather meanwhile. Block headers and checksums are paid by the third part.
const RESERVATION_BYTES_MIN: u64 = 3 * (QUEUE_BYTES_MAX + CLOSINGS_BYTES_MAX) as u64;

/// The segment that is being written, up to its last durable block.
pub(crate) struct Segment<A> {
    pub(crate) id: SegmentId,
    file: A,
    day: i64,
    header_bytes: u64,
    durable_bytes: u64,
    reserved_bytes: u64,
}

impl<A: Active> Segment<A> {
    /// Starts a segment of this day in an empty file: with its header durable and space for the first batches.
    pub(crate) fn start(id: SegmentId, mut file: A, day: i64, header: &[u8]) -> io::Result<Self> {
        let header_bytes = header.len() as u64;
        let reserved_bytes = header_bytes + RESERVATION_BYTES;
        file.reserve(0, reserved_bytes)?;
        file.write_at(0, header)?;
        file.sync()?;
        Ok(Self { id, file, day, header_bytes, durable_bytes: header_bytes, reserved_bytes })
    }

    /// Whether it holds no durable record.
    pub(crate) fn is_empty(&self) -> bool {
        self.durable_bytes == self.header_bytes
    }

    /// Whether another segment should follow: it is large enough, or of another day than today.
    pub(crate) fn is_over(&self, today: i64) -> bool {
        self.durable_bytes >= SEGMENT_BYTES_MAX || today != self.day
    }

    /// Checks that what was made durable is still there for readers.
    pub(crate) fn check_in_place(&self) -> io::Result<()> {
        self.file.check_in_place(self.durable_bytes)
    }

    /// Puts back what readers need beside it, where somebody took it away.
    pub(crate) fn keep_readable(&self) -> io::Result<()> {
        self.file.keep_readable()
    }

    /// Reserves space for all that the queue may accept until the next time. Fails on a full disk, too, though
    /// the space be reserved.
    pub(crate) fn reserve(&mut self) -> io::Result<()> {
        if self.reserved_bytes.saturating_sub(self.durable_bytes) < RESERVATION_BYTES_MIN {
            self.file.reserve(self.durable_bytes, RESERVATION_BYTES)?;
            self.reserved_bytes = self.durable_bytes + RESERVATION_BYTES;
        }
        if self.file.free_bytes()? < FREE_BYTES_MIN { Err(io::ErrorKind::StorageFull.into()) } else { Ok(()) }
    }

    /// Writes a batch after the last durable block. Returns the length to [`Self::commit`]. After a failure the segment has to be
    /// given up: what may be there is not written over.
    pub(crate) fn append(&mut self, batch: &Batch, first_sequence: u64) -> io::Result<u64> {
        let mut end = self.durable_bytes;
        let mut block = BlockBuilder::new(first_sequence);
        for payload in batch.records() {
            if !block.has_room(payload.len()) {
                let next = BlockBuilder::new(block.next_sequence());
                end = self.write(end, std::mem::replace(&mut block, next))?;
            }
            block.push(payload);
        }
        if block.is_empty() { Ok(end) } else { self.write(end, block) }
    }

    fn write(&mut self, offset: u64, block: BlockBuilder) -> io::Result<u64> {
        let bytes = block.finish();
        self.file.write_at(offset, &bytes)?;
        Ok(offset + bytes.len() as u64)
    }

    /// Makes what was written durable.
    pub(crate) fn commit(&mut self, end: u64) -> io::Result<()> {
        self.file.sync()?;
        self.durable_bytes = end;
        Ok(())
    }
}
