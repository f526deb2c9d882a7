//! Records that were accepted and are on their way to the disk.

use std::num::NonZeroU32;
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use model::{ClockQuality, Closing, End, Timestamp};

use crate::clock::ClockEntry;
use crate::entry::{
    ACT_BYTES_MAX, ClosingEntry, Entry, HEAD_BYTES_MAX, NOTE_BYTES_MAX, RepeatEntry, encode_head,
};
use crate::fold::{Fold, Folds, QueuedRepeat};
use crate::journal::Unrecorded;

/// Most bytes that wait for the writer: some 6,000 records, which a whole school makes in a minute. The writer
/// is woken at half of it, so only a stuck disk fills it. There are two such buffers.
pub(crate) const QUEUE_BYTES_MAX: usize = 512 << 10;
/// From here on whoever can wait for the writer does, so that nobody is refused: the last quarter is for those who cannot.
const CROWDED_BYTES: usize = QUEUE_BYTES_MAX / 4 * 3;
/// Room beyond [`QUEUE_BYTES_MAX`] for closings alone, which nobody can refuse: about 3,000 of them.
pub(crate) const CLOSINGS_BYTES_MAX: usize = 128 << 10;
/// Longest time that an accepted record may wait for the disk: a disk that hangs for longer must not go on
/// collecting promises. Ten times a commit interval, for flash memory that tidies itself up.
pub const STALL_MAX: Duration = Duration::from_secs(5);
/// Most permitted accesses that wait for their closing. Several times what the gate can have open; beyond, the
/// oldest are given up and stay without one.
pub(crate) const OPEN_ACCESSES_MAX: usize = 16_384;
/// Buffers above this size are given back once they are empty, so that a burst does not hold memory.
const BUFFER_BYTES_KEPT: usize = 128 << 10;
/// What a buffer starts with: the records of a quiet classroom between two commits.
const BUFFER_BYTES_MIN: usize = 4 << 10;

/// What the recording end and the writer share.
#[derive(Default)]
pub(crate) struct Shared {
    queue: Mutex<Queue>,
    wake: OnceLock<Box<dyn Fn() + Send + Sync>>,
    uptime: OnceLock<Box<dyn Fn() -> Duration + Send + Sync>>,
}

impl Shared {
    pub(crate) fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn set_wake(&self, wake: Box<dyn Fn() + Send + Sync>) {
        // A second writer thread for one writer cannot be: the first hook is the right one.
        self.wake.set(wake).ok();
    }

    pub(crate) fn set_uptime(&self, uptime: Box<dyn Fn() -> Duration + Send + Sync>) {
        self.uptime.set(uptime).ok();
    }

    /// Until it is told, no time passes.
    pub(crate) fn uptime(&self) -> Duration {
        self.uptime.get().map_or(Duration::ZERO, |uptime| uptime())
    }

    pub(crate) fn wake_writer(&self) {
        if let Some(wake) = self.wake.get() {
            wake();
        }
    }
}

/// Whether records are accepted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Door {
    /// The writer has not opened it yet, or cannot write.
    #[default]
    Shut,
    /// The disk has room for all that the queue can hold.
    Open,
    /// The writer is gone.
    Gone,
}

/// The queue itself.
#[derive(Default)]
pub(crate) struct Queue {
    door: Door,
    pending: Pending,
    folds: Folds,
    /// Every record below this number is on the disk.
    durable_below: u64,
    /// The first record by the clock as it is.
    clock_since: u64,
}

/// Records that wait for the writer.
#[derive(Default)]
struct Pending {
    /// Encoded records, each after its length (2 bytes, little-endian).
    frames: Vec<u8>,
    next_sequence: u64,
    /// Counts the swaps, so that a fold knows whether its repeat is still here.
    batch: u64,
    /// On the clock that is never set: an hour that a time server corrects is not one of waiting.
    waiting_since: Option<Duration>,
    /// Something else than DNS is among them.
    has_connections: bool,
    /// The writer was told that it should not wait.
    is_pressing: bool,
}

/// An access that the queue accepted.
pub(crate) struct Accepted {
    pub(crate) sequence: u64,
    /// The queue has become half full: the writer should not wait for its interval to end.
    pub(crate) is_pressing: bool,
}

impl Queue {
    /// Whether the writer writes, as far as is known.
    pub(crate) fn is_writable(&self, uptime: Duration) -> bool {
        self.door == Door::Open && !self.pending.is_stalled(uptime)
    }

    /// Whether what waits for the writer leaves little room. Of no concern where nothing is written: waiting does not help then.
    pub(crate) fn is_crowded(&self, uptime: impl FnOnce() -> Duration) -> bool {
        self.pending.frames.len() >= CROWDED_BYTES && self.is_writable(uptime())
    }

    /// Accepts an access, given by its encoded body; one that may be folded stands for so many.
    pub(crate) fn accept(
        &mut self,
        at: Timestamp,
        clock: ClockQuality,
        body: &[u8],
        foldable: Option<NonZeroU32>,
        uptime: Duration,
    ) -> Result<Accepted, Unrecorded> {
        if !self.is_writable(uptime) {
            return Err(Unrecorded::Unwritable);
        }
        let sequence = if let Some(times) = foldable {
            self.fold(at, clock, body, times)?
        } else {
            self.pending.has_connections = true;
            self.pending.push_access(at, clock, body)?
        };
        self.pending.waiting_since.get_or_insert(uptime);
        Ok(Accepted { sequence, is_pressing: self.pending.begins_to_press() })
    }

    /// Counts accesses on the record that they repeat, or makes a record that later ones can repeat.
    fn fold(
        &mut self,
        at: Timestamp,
        clock: ClockQuality,
        body: &[u8],
        times: NonZeroU32,
    ) -> Result<u64, Unrecorded> {
        if let Some(fold) = self.folds.find(body, at) {
            *fold = self.pending.push_repeat(fold.again(at, times.get()))?;
            return Ok(fold.of);
        }
        let mut fold = Fold::first(self.pending.push_access(at, clock, body)?, at);
        if times > NonZeroU32::MIN {
            fold = self.pending.push_repeat(fold.again(at, times.get() - 1))?;
        }
        self.folds.insert(body, fold);
        Ok(fold.of)
    }

    /// Accepts an act.
    pub(crate) fn accept_act<'a>(
        &mut self,
        encode: impl FnOnce(u64) -> Entry<'a>,
        uptime: Duration,
    ) -> Result<u64, Unrecorded> {
        if !self.is_writable(uptime) {
            return Err(Unrecorded::Unwritable);
        }
        let entry = encode(self.pending.next_sequence);
        let mut buffer = [0; ACT_BYTES_MAX];
        let payload = postcard::to_slice(&entry, &mut buffer).map_err(|_| Unrecorded::Unwritable)?;
        let sequence = self.pending.push(QUEUE_BYTES_MAX, payload, &[])?;
        self.pending.waiting_since.get_or_insert(uptime);
        Ok(sequence)
    }

    /// Accepts that the clock was set: what is accepted from here on is by the new one.
    pub(crate) fn accept_clock(
        &mut self,
        at: Timestamp,
        clock: ClockQuality,
        before: Timestamp,
        uptime: Duration,
    ) -> Result<u64, Unrecorded> {
        let since = self.clock_since;
        let (at_ms, before_ms) = (at.unix_ms(), before.unix_ms());
        let entry =
            |sequence| Entry::Clock(ClockEntry { sequence, since, at_ms, clock: clock.into(), before_ms });
        let sequence = self.accept_act(entry, uptime)?;
        self.clock_since = sequence;
        Ok(sequence)
    }

    /// Accepts the end of an access. It may be lost where the closings' own room is full: the access is then
    /// closed as cut at the next start. True when the queue has become half full by it.
    pub(crate) fn accept_closing(&mut self, at: Timestamp, of: u64, closing: Closing) -> bool {
        if self.door == Door::Gone {
            return false;
        }
        let entry = Entry::Closing(ClosingEntry {
            sequence: self.pending.next_sequence,
            of,
            at_ms: at.unix_ms(),
            end: closing.end.into(),
            bytes_up: closing.bytes_up,
            bytes_down: closing.bytes_down,
            duration_ms: closing.duration_ms,
            peer: closing.peer,
        });
        let mut buffer = [0; NOTE_BYTES_MAX];
        self.pending.has_connections = true;
        if let Ok(payload) = postcard::to_slice(&entry, &mut buffer) {
            self.pending.push(QUEUE_BYTES_MAX + CLOSINGS_BYTES_MAX, payload, &[]).ok();
        }
        self.pending.begins_to_press()
    }

    /// Closes an access whose end nobody saw.
    pub(crate) fn accept_cut(&mut self, at: Timestamp, of: u64) {
        let cut = Closing { bytes_up: 0, bytes_down: 0, duration_ms: 0, peer: None, end: End::Cut };
        self.accept_closing(at, of, cut);
    }

    /// Hands all that waits to the writer, whose empty buffer takes its place.
    pub(crate) fn swap(&mut self, now: Timestamp, batch: &mut Batch) {
        std::mem::swap(&mut self.pending.frames, &mut batch.frames);
        batch.next_sequence = self.pending.next_sequence;
        self.pending.batch = self.pending.batch.wrapping_add(1);
        self.pending.waiting_since = None;
        self.pending.is_pressing = false;
        batch.has_connections = std::mem::take(&mut self.pending.has_connections);
        self.folds.sweep(now);
    }

    /// Goes on counting from where earlier runs stopped.
    pub(crate) fn resume(&mut self, next_sequence: u64) {
        self.pending.next_sequence = next_sequence;
        self.durable_below = next_sequence;
        self.clock_since = next_sequence;
    }

    pub(crate) fn set_door(&mut self, door: Door) {
        self.door = door;
    }

    pub(crate) fn durable_below(&self) -> u64 {
        self.durable_below
    }

    pub(crate) fn set_durable_below(&mut self, sequence: u64) {
        self.durable_below = sequence;
    }
}

impl Pending {
    fn push_access(&mut self, at: Timestamp, clock: ClockQuality, body: &[u8]) -> Result<u64, Unrecorded> {
        let mut buffer = [0; HEAD_BYTES_MAX];
        let head =
            encode_head(self.next_sequence, at, clock, &mut buffer).map_err(|_| Unrecorded::Unwritable)?;
        self.push(QUEUE_BYTES_MAX, head, body)
    }

    /// Writes how often an access has happened: over the last repeat, if that one is still here.
    fn push_repeat(&mut self, fold: Fold) -> Result<Fold, Unrecorded> {
        let queued = fold.repeat.filter(|repeat| repeat.batch == self.batch);
        let entry = Entry::Repeat(RepeatEntry {
            sequence: queued.map_or(self.next_sequence, |repeat| repeat.sequence),
            of: fold.of,
            count: fold.count,
            last_ms: fold.last_at.unix_ms(),
        });
        let mut buffer = [0; NOTE_BYTES_MAX];
        let payload = postcard::to_slice(&entry, &mut buffer).map_err(|_| Unrecorded::Unwritable)?;
        if let Some(repeat) = queued {
            let place = self.frames.get_mut(repeat.offset..repeat.offset + payload.len());
            place.ok_or(Unrecorded::Unwritable)?.copy_from_slice(payload);
            return Ok(fold);
        }
        let sequence = self.push(QUEUE_BYTES_MAX, payload, &[])?;
        let offset = self.frames.len() - payload.len();
        Ok(fold.with_repeat(QueuedRepeat { batch: self.batch, offset, sequence }))
    }

    fn push(&mut self, bytes_max: usize, head: &[u8], rest: &[u8]) -> Result<u64, Unrecorded> {
        let length = head.len() + rest.len();
        let frame_bytes = size_of::<u16>() + length;
        let prefix = u16::try_from(length).map_err(|_| Unrecorded::Unwritable)?.to_le_bytes();
        if self.frames.len() + frame_bytes > bytes_max {
            return Err(Unrecorded::QueueFull);
        }
        let next = self.next_sequence.checked_add(1).ok_or(Unrecorded::Unwritable)?;
        self.make_room(frame_bytes);
        self.frames.extend(prefix);
        self.frames.extend(head);
        self.frames.extend(rest);
        Ok(std::mem::replace(&mut self.next_sequence, next))
    }

    /// Doubles the buffer where it is too small, but never beyond what it may hold.
    fn make_room(&mut self, bytes: usize) {
        let (length, capacity) = (self.frames.len(), self.frames.capacity());
        if capacity - length < bytes {
            let doubled = (capacity * 2).clamp(BUFFER_BYTES_MIN, QUEUE_BYTES_MAX + CLOSINGS_BYTES_MAX);
            let target = doubled.max(length + bytes);
            self.frames.reserve_exact(target - length);
        }
    }

    /// Whether half of the queue is taken, for the first time since the writer took what was in it.
    fn begins_to_press(&mut self) -> bool {
        let is_pressing = self.frames.len() >= QUEUE_BYTES_MAX / 2;
        is_pressing && !std::mem::replace(&mut self.is_pressing, is_pressing)
    }

    fn is_stalled(&self, uptime: Duration) -> bool {
        self.waiting_since.is_some_and(|since| uptime.saturating_sub(since) > STALL_MAX)
    }
}

/// What the writer took from the queue.
#[derive(Default)]
pub(crate) struct Batch {
    frames: Vec<u8>,
    /// The number after the last record.
    pub(crate) next_sequence: u64,
    /// Something else than DNS is among them: records that open or close accesses.
    pub(crate) has_connections: bool,
}

impl Batch {
    pub(crate) fn is_empty(&self) -> bool {
        self.frames.is_empty()
    }

    /// The encoded records, in order.
    pub(crate) fn records(&self) -> impl Iterator<Item = &[u8]> {
        let mut rest = self.frames.as_slice();
        std::iter::from_fn(move || {
            let (length, after) = rest.split_first_chunk::<2>()?;
            let (payload, after) = after.split_at_checked(usize::from(u16::from_le_bytes(*length)))?;
            rest = after;
            Some(payload)
        })
    }

    pub(crate) fn clear(&mut self) {
        if self.frames.capacity() > BUFFER_BYTES_KEPT {
            self.frames = Vec::new();
        }
        self.frames.clear();
    }
}
