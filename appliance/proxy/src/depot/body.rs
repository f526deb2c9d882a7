//! A body that is kept, or on its way.

use std::fs::File;
use std::io;
use std::ops::RangeInclusive;
use std::os::unix::fs::FileExt as _;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use bytes::Bytes;
use cache::{BLOCK_BYTES, FileKey, Sealing, Situation, Span, SpanMap, Step};
use model::Mac;
use ring::digest;
use rustix::io::{ReadWriteFlags, preadv2};
use tokio::sync::watch;

/// Bytes that a reader takes at a time: eight blocks, which make a piece.
pub(super) const READ_BYTES_MAX: u64 = 8 * 16 * 1024;

/// The identity of the next body.
static NEXT: AtomicU64 = AtomicU64::new(0);

/// One response's body.
pub(crate) struct Body {
    number: u64,
    /// No other body of this run has it. A number may: a box without a clock gives those of an earlier run again.
    identity: u64,
    file: File,
    sealing: Sealing,
    /// Whether the server can be asked for parts of it, as far as is known.
    is_divisible: AtomicBool,
    /// Whether what came of it stays where the rest does not come for now.
    keeps_parts: AtomicBool,
    /// Whether it is known what of it is on the disk.
    is_stock_taken: AtomicBool,
    state: Mutex<State>,
    changes: watch::Sender<()>,
    /// Of those who watch it, so many do not read: they wait for its end alone.
    waiting: AtomicUsize,
    /// The device that had it brought, or read it first.
    reader: OnceLock<Mac>,
    /// Whether others have read it, or nobody knows who did.
    is_shared: AtomicBool,
}

#[derive(Default)]
struct State {
    length: Option<u64>,
    /// What is on the disk, in whole blocks.
    held: SpanMap,
    streams: Vec<Live>,
    next: u64,
    has_failed: bool,
    /// How often it was left for later.
    pauses: u64,
}

/// A transfer from the server.
struct Live {
    number: StreamNumber,
    /// From here on nothing is on the disk: the beginning of a block.
    at: u64,
    /// Where it ends at the latest; `None` where nobody knows.
    end: Option<u64>,
    /// What came and is not on the disk yet.
    tail: Vec<u8>,
    /// The server has begun to send what was asked for: others may rely on it.
    is_confirmed: bool,
}

/// Which transfer of a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct StreamNumber(u64);

/// What there is for a reader.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Glance {
    /// These bytes, which came just now.
    Bytes(Bytes),
    /// These are on the disk.
    Held(Span),
    /// They come.
    Wait,
    /// They have to be asked for.
    Fetch(Span),
    /// No more.
    End,
    /// They never come.
    Failed,
}

/// What to do after bytes have come.
pub(crate) struct Progress {
    /// Blocks to put on the disk: the number of the first, and their bytes.
    pub(crate) run: Option<Run>,
    /// The stream has brought all that it should.
    pub(crate) is_over: bool,
}

/// Blocks that follow each other.
pub(crate) struct Run {
    first: u64,
    bytes: Vec<u8>,
}

/// Blocks as they are on the disk.
struct Sealed {
    blocks: RangeInclusive<u64>,
    /// Of the body, where it is known.
    length: Option<u64>,
    /// Where they begin in the file.
    start: u64,
    bytes: Vec<u8>,
}

impl Body {
    /// A body that is there whole.
    pub(super) fn whole(number: u64, file: File, length: u64, is_divisible: bool) -> Arc<Self> {
        let body = Self::arriving(number, file, Some(length), is_divisible);
        body.hold_all(length);
        body
    }

    /// A body of which nothing is there.
    pub(super) fn arriving(number: u64, file: File, length: Option<u64>, is_divisible: bool) -> Arc<Self> {
        Self::new(number, file, Sealing::Checked, length, is_divisible)
    }

    /// A body of which a part is on the disk from before the start: which one is not known before stock is taken.
    pub(super) fn part(number: u64, file: File, length: u64, is_divisible: bool) -> Arc<Self> {
        let body = Self::arriving(number, file, Some(length), is_divisible);
        body.keep_parts();
        body.is_stock_taken.store(false, Ordering::Relaxed);
        body.pause();
        body
    }

    /// The same for a file that each has to be authorised for: it has a name of its own, and no number.
    pub(super) fn whole_secret(file: File, key: FileKey, length: u64, is_divisible: bool) -> Arc<Self> {
        let body = Self::arriving_secret(file, key, length, is_divisible);
        body.hold_all(length);
        body
    }

    /// The same.
    pub(super) fn arriving_secret(file: File, key: FileKey, length: u64, is_divisible: bool) -> Arc<Self> {
        Self::new(0, file, Sealing::Secret(key), Some(length), is_divisible)
    }

    fn new(number: u64, file: File, sealing: Sealing, length: Option<u64>, is_divisible: bool) -> Arc<Self> {
        let state = Mutex::new(State { length, ..State::default() });
        let [is_divisible, keeps_parts, is_stock_taken, is_shared] =
            [is_divisible, false, true, false].map(AtomicBool::new);
        let changes = watch::Sender::default();
        let identity = NEXT.fetch_add(1, Ordering::Relaxed);
        Arc::new(Self {
            number,
            identity,
            file,
            sealing,
            is_divisible,
            keeps_parts,
            is_stock_taken,
            state,
            changes,
            waiting: AtomicUsize::new(0),
            reader: OnceLock::new(),
            is_shared,
        })
    }

    fn hold_all(&self, length: u64) {
        if let Some(all) = Span::new(0, length) {
            self.lock().held.insert(all);
        }
    }

    /// What its blocks are encrypted under, where they are.
    pub(crate) fn file_key(&self) -> Option<&FileKey> {
        match &self.sealing {
            Sealing::Checked => None,
            Sealing::Secret(key) => Some(key),
        }
    }

    /// Bytes of its file, once its length is known.
    pub(super) fn file_bytes(&self) -> u64 {
        self.length().map_or(0, |length| self.sealing.file_bytes(length))
    }

    pub(super) fn number(&self) -> u64 {
        self.number
    }

    /// What it is told from all others by that are in memory, or were.
    pub(super) fn identity(&self) -> u64 {
        self.identity
    }

    /// A device has it brought, or reads it.
    pub(crate) fn note_reader(&self, device: Mac) {
        let first = *self.reader.get_or_init(|| device);
        if first != device && !self.is_shared() {
            self.note_shared();
        }
    }

    /// It is not one device's alone.
    pub(super) fn note_shared(&self) {
        self.is_shared.store(true, Ordering::Relaxed);
    }

    /// Whether it is not one device's alone.
    pub(super) fn is_shared(&self) -> bool {
        self.is_shared.load(Ordering::Relaxed)
    }

    /// The device that had it brought, or read it first.
    pub(super) fn reader(&self) -> Option<Mac> {
        self.reader.get().copied()
    }

    pub(crate) fn is_divisible(&self) -> bool {
        self.is_divisible.load(Ordering::Relaxed)
    }

    /// Its length, where that is known.
    pub(crate) fn length(&self) -> Option<u64> {
        self.lock().length
    }

    /// Its length, once all of it is on the disk.
    pub(crate) fn whole_length(&self) -> Option<u64> {
        let state = self.lock();
        let length = state.length?;
        Span::new(0, length).is_none_or(|all| state.held.holds(all)).then_some(length)
    }

    pub(crate) fn has_failed(&self) -> bool {
        self.lock().has_failed
    }

    /// Waits for all of it to be on the disk; false where it never will be. A transfer has an end in any case.
    pub(crate) async fn await_whole(&self) -> bool {
        self.waiting.fetch_add(1, Ordering::Relaxed);
        let is_whole = self.watch_whole(|_, _| {}).await;
        self.waiting.fetch_sub(1, Ordering::Relaxed);
        is_whole
    }

    /// The same; tells meanwhile how many bytes of it are there, and how many there will be.
    pub(crate) async fn watch_whole(&self, mut tell: impl FnMut(u64, Option<u64>) + Send) -> bool {
        let mut changes = self.changes();
        let pauses = self.pauses();
        loop {
            changes.mark_unchanged();
            let (held, length, has_failed) = {
                let state = self.lock();
                (state.held.held_bytes(), state.length, state.has_failed)
            };
            tell(held, length);
            if self.whole_length().is_some() {
                return true;
            }
            if has_failed || self.pauses() != pauses || changes.changed().await.is_err() {
                return false;
            }
        }
    }

    pub(super) fn changes(&self) -> watch::Receiver<()> {
        self.changes.subscribe()
    }

    /// How many wait for what comes, or read it.
    pub(crate) fn watchers(&self) -> usize {
        self.changes.receiver_count()
    }

    /// Whether nobody reads it at this moment, nor prepares it.
    pub(crate) fn is_unread(&self) -> bool {
        self.changes.receiver_count() <= self.waiting.load(Ordering::Relaxed)
    }

    /// What there is at `at` for a reader who wants bytes up to `end`.
    pub(super) fn glance(&self, at: u64, end: u64) -> Glance {
        let state = self.lock();
        let end = state.length.map_or(end, |length| end.min(length));
        if state.has_failed {
            return Glance::Failed;
        }
        if at >= end {
            return Glance::End;
        }
        if let Some(bytes) = state.streams.iter().find_map(|live| live.read(at, end)) {
            return Glance::Bytes(bytes);
        }
        let start = floor(at);
        let held = state.held.held_until(start).min(end).min(piece_end(start));
        if let Some(span) = Span::new(at, held) {
            return Glance::Held(span);
        }
        match (state.length, state.streams.is_empty()) {
            (None, true) => Glance::Failed,
            (None, false) => Glance::Wait,
            (Some(length), _) => match self.plan(&state, length, |plan| plan.step(start, end)) {
                Step::Fetch(span) => Glance::Fetch(span),
                Step::End => Glance::End,
                // What is to be read was found before.
                Step::Wait | Step::Read(_) => Glance::Wait,
            },
        }
    }

    /// The first span that neither is held nor comes; `None` once there is none, or too much is on its way.
    pub(crate) fn rest(&self) -> Option<Span> {
        let state = self.lock();
        let length = state.length.filter(|_| !state.has_failed)?;
        self.plan(&state, length, |plan| plan.rest())
    }

    /// A transfer of these bytes begins. `None` where they come already.
    pub(crate) fn begin(&self, start: u64, end: Option<u64>) -> Option<StreamNumber> {
        let mut state = self.lock();
        let is_coming = state.streams.iter().any(|live| live.at == start) || state.has_failed;
        if is_coming || !start.is_multiple_of(block_bytes()) {
            return None;
        }
        let number = StreamNumber(state.next);
        state.next += 1;
        state.streams.push(Live { number, at: start, end, tail: Vec::new(), is_confirmed: false });
        Some(number)
    }

    /// The server sends what was asked for. Until then others do not end where this one begins: it may never come.
    pub(crate) fn confirm(&self, number: StreamNumber) {
        if let Some(live) = self.lock().streams.iter_mut().find(|live| live.number == number) {
            live.is_confirmed = true;
        }
    }

    /// The next byte that a transfer should bring, and where it ends. `None` where it is over.
    pub(crate) fn position(&self, number: StreamNumber) -> Option<(u64, Option<u64>)> {
        let state = self.lock();
        let live = state.streams.iter().find(|live| live.number == number)?;
        let next = live.at.saturating_add(u64_of(live.tail.len()));
        let stop = state.stop(live);
        (next < stop).then_some((next, (stop < u64::MAX).then_some(stop)))
    }

    /// Bytes have come. Readers get them at once.
    pub(crate) fn push(&self, number: StreamNumber, bytes: &[u8]) -> Progress {
        let mut state = self.lock();
        let none = Progress { run: None, is_over: true };
        let Some(place) = state.streams.iter().position(|live| live.number == number) else { return none };
        let Some(stop) = state.streams.get(place).map(|live| state.stop(live)) else { return none };
        let Some(live) = state.streams.get_mut(place) else { return none };
        let room = stop.saturating_sub(live.at).saturating_sub(u64_of(live.tail.len()));
        let count = usize::try_from(room).unwrap_or(usize::MAX).min(bytes.len());
        live.tail.extend_from_slice(bytes.get(..count).unwrap_or_default());
        let is_over = live.at.saturating_add(u64_of(live.tail.len())) >= stop;
        let run = live.run(is_over);
        drop(state);
        self.changes.send_replace(());
        Progress { run, is_over }
    }

    /// The server has said all. What is left has to go onto the disk: it is the end of the body.
    pub(crate) fn conclude(&self, number: StreamNumber) -> Option<Run> {
        let state = self.lock();
        state.streams.iter().find(|live| live.number == number)?.run(true)
    }

    /// Puts blocks onto the disk. Blocks the thread.
    pub(crate) fn write(&self, run: &Run) -> io::Result<()> {
        for (block, bytes) in (run.first..).zip(run.bytes.chunks(BLOCK_BYTES)) {
            let sealed = self.sealing.seal(block, bytes).ok_or(io::ErrorKind::InvalidData)?;
            self.file.write_all_at(&sealed, self.sealing.place(block, None).start)?;
        }
        Ok(())
    }

    /// These blocks are on the disk.
    pub(crate) fn settle(&self, number: StreamNumber, run: &Run) {
        let mut state = self.lock();
        let count = u64_of(run.bytes.len());
        let start = run.first.saturating_mul(block_bytes());
        if let Some(span) = Span::new(start, start.saturating_add(count)) {
            state.held.insert(span);
        }
        if let Some(live) = state.streams.iter_mut().find(|live| live.number == number) {
            live.at = live.at.saturating_add(count);
            live.tail.drain(..run.bytes.len().min(live.tail.len()));
        }
        drop(state);
        self.changes.send_replace(());
    }

    /// A transfer is over. Where nobody knew the length, it is known now.
    pub(crate) fn end(&self, number: StreamNumber) {
        let mut state = self.lock();
        if let Some(place) = state.streams.iter().position(|live| live.number == number) {
            let live = state.streams.remove(place);
            state.length.get_or_insert(live.at);
        }
        drop(state);
        self.changes.send_replace(());
    }

    /// A transfer cannot be had. Where another one goes on, all wait for that one: the server does not know parts, or has another
    /// version by now. Otherwise the rest never comes.
    pub(crate) fn give_up(&self, number: StreamNumber) {
        self.is_divisible.store(false, Ordering::Relaxed);
        let mut state = self.lock();
        state.streams.retain(|live| live.number != number);
        // Only one that began at the first byte brings all of it.
        let has_other = state.streams.iter().any(|live| live.end.is_none());
        drop(state);
        if has_other {
            self.changes.send_replace(());
        } else {
            self.fail();
        }
    }

    /// What comes of it stays from now on where the rest does not come for now: it is gone on with later.
    pub(super) fn keep_parts(&self) {
        self.keeps_parts.store(true, Ordering::Relaxed);
    }

    pub(crate) fn keeps_parts(&self) -> bool {
        self.keeps_parts.load(Ordering::Relaxed)
    }

    /// Whether a part of it is here, and nothing of the rest is on its way.
    pub(crate) fn is_resting(&self) -> bool {
        if !self.keeps_parts() || self.whole_length().is_some() {
            return false;
        }
        let state = self.lock();
        state.pauses > 0 && state.streams.is_empty() && !state.has_failed
    }

    /// How often it was left for later: whoever waited for it before waits in vain.
    pub(crate) fn pauses(&self) -> u64 {
        self.lock().pauses
    }

    /// It is left for later: transfers end, readers break off where it ends, and what is here stays.
    pub(crate) fn pause(&self) {
        let mut state = self.lock();
        state.streams.clear();
        state.pauses += 1;
        drop(state);
        self.changes.send_replace(());
    }

    /// A transfer cannot be had for now. With the last one, the body is left for later.
    pub(crate) fn leave(&self, number: StreamNumber) {
        let mut state = self.lock();
        state.streams.retain(|live| live.number != number);
        let is_last = state.streams.is_empty();
        drop(state);
        if is_last {
            self.pause();
        } else {
            self.changes.send_replace(());
        }
    }

    /// Finds out what of it is on the disk, by the checksums. Blocks the thread.
    pub(super) fn take_stock(&self) {
        let Some(length) = self.length().filter(|_| !self.is_stock_taken.load(Ordering::Relaxed)) else {
            return;
        };
        let mut room = Vec::new();
        for block in 0..length.div_ceil(block_bytes()) {
            let place = self.sealing.place(block, Some(length));
            room.clear();
            room.resize(usize::try_from(place.end - place.start).unwrap_or_default(), 0);
            let is_read = self.file.read_exact_at(&mut room, place.start).is_ok();
            let is_right = is_read && self.sealing.open(block, &mut room).is_some();
            let start = block.saturating_mul(block_bytes());
            let span = Span::new(start, start.saturating_add(block_bytes()).min(length));
            if let Some(span) = span.filter(|_| is_right) {
                self.lock().held.insert(span);
            }
        }
        self.is_stock_taken.store(true, Ordering::Relaxed);
    }

    /// The rest never comes: readers break off, so that nobody takes a part for the whole.
    pub(crate) fn fail(&self) {
        let mut state = self.lock();
        state.has_failed = true;
        state.streams.clear();
        drop(state);
        self.changes.send_replace(());
    }

    /// Bytes from the disk, of whole blocks as they were written. A block that is not what was written is not there any more,
    /// and has to be asked for again. Blocks the thread.
    pub(super) fn read(&self, span: Span) -> io::Result<Bytes> {
        let mut sealed = self.sealed(span);
        self.file.read_exact_at(&mut sealed.bytes, sealed.start)?;
        self.open(span, sealed)
    }

    /// The same, where the kernel has all of it in memory: then nobody waits. `None` where the disk has to be asked, or the file
    /// system cannot tell (preadv2(2), `RWF_NOWAIT`).
    pub(super) fn read_at_once(&self, span: Span) -> Option<io::Result<Bytes>> {
        let mut sealed = self.sealed(span);
        let mut room = [io::IoSliceMut::new(&mut sealed.bytes)];
        let count = preadv2(&self.file, &mut room, sealed.start, ReadWriteFlags::NOWAIT).ok()?;
        (count == sealed.bytes.len()).then(|| self.open(span, sealed))
    }

    /// Room for the blocks of a span.
    fn sealed(&self, span: Span) -> Sealed {
        let length = self.length();
        let blocks = span.start() / block_bytes()..=(span.end() - 1) / block_bytes();
        let start = self.sealing.place(*blocks.start(), length).start;
        let end = self.sealing.place(*blocks.end(), length).end;
        let bytes = vec![0; usize::try_from(end - start).unwrap_or_default()];
        Sealed { blocks, length, start, bytes }
    }

    fn open(&self, span: Span, sealed: Sealed) -> io::Result<Bytes> {
        let Sealed { blocks, length, start, mut bytes } = sealed;
        let (first, last) = (*blocks.start(), *blocks.end());
        let mut opened = 0;
        for block in blocks {
            let place = self.sealing.place(block, length);
            let [from, to] =
                [place.start - start, place.end - start].map(|at| usize::try_from(at).unwrap_or(usize::MAX));
            let count = bytes.get_mut(from..to).and_then(|sealed| self.sealing.open(block, sealed));
            let Some(count) = count else { return Err(self.forget(block)) };
            // Blocks move together, over what was added to each.
            if from > opened {
                bytes.copy_within(from..from + count, opened);
            }
            opened += count;
        }
        bytes.truncate(opened);
        let before = usize::try_from(span.start() - first * block_bytes()).unwrap_or_default();
        let end = before.saturating_add(usize::try_from(span.len()).unwrap_or_default());
        if end <= bytes.len() { Ok(Bytes::from(bytes).slice(before..end)) } else { Err(self.forget(last)) }
    }

    /// What is on the disk, compared with a digest (SHA-256, FIPS 180-4). Blocks the thread.
    pub(super) fn has_digest(&self, expected: &[u8; 32]) -> io::Result<bool> {
        let mut context = digest::Context::new(&digest::SHA256);
        let (mut at, length) = (0, self.length().unwrap_or_default());
        while let Some(span) = Span::new(at, length.min(at.saturating_add(READ_BYTES_MAX))) {
            context.update(&self.read(span)?);
            at = span.end();
        }
        Ok(context.finish().as_ref() == expected)
    }

    fn forget(&self, block: u64) -> io::Error {
        tracing::warn!("a block of a workspace's file is damaged on the disk: it is fetched again");
        let mut state = self.lock();
        let start = block.saturating_mul(block_bytes());
        if let Some(span) = Span::new(start, start.saturating_add(block_bytes())) {
            state.held.remove(span);
        }
        state.has_failed |= !self.is_divisible();
        io::ErrorKind::InvalidData.into()
    }

    /// What came and is not on the disk yet counts as held, and a transfer is where its last byte is: a slow disk makes nobody
    /// ask for bytes that are here.
    fn plan<T>(&self, state: &State, length: u64, ask: impl FnOnce(&Situation<'_>) -> T) -> T {
        let mut held = state.held.clone();
        let mut streams = Vec::new();
        for live in &state.streams {
            let front = floor(live.at.saturating_add(u64_of(live.tail.len())));
            if let Some(come) = Span::new(live.at, front) {
                held.insert(come);
            }
            streams.extend(Span::new(front, state.stop(live)));
        }
        ask(&Situation { length, held: &held, streams: &streams, is_divisible: self.is_divisible() })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing panics while it holds the lock; were it so, a stream would come to no end, and readers would break off.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Where a transfer ends: at its own end, at what is on the disk, or at the place of another one.
    fn stop(&self, live: &Live) -> u64 {
        let end = live.end.or(self.length).unwrap_or(u64::MAX);
        let held = self.held.next_held(live.at).unwrap_or(u64::MAX);
        let others = self.streams.iter().filter(|other| other.is_confirmed && other.at > live.at);
        let others = others.map(|other| other.at);
        others.min().unwrap_or(u64::MAX).min(held).min(end)
    }
}

impl Live {
    fn read(&self, at: u64, end: u64) -> Option<Bytes> {
        let from = usize::try_from(at.checked_sub(self.at)?).ok()?;
        let count = usize::try_from(end - at).unwrap_or(usize::MAX);
        let bytes = self.tail.get(from..)?;
        let bytes = bytes.get(..count.min(bytes.len())).filter(|bytes| !bytes.is_empty())?;
        Some(Bytes::copy_from_slice(bytes))
    }

    /// The blocks that are whole; with `is_end` also the last one, which may be short.
    fn run(&self, is_end: bool) -> Option<Run> {
        let whole = self.tail.len() / BLOCK_BYTES * BLOCK_BYTES;
        let count = if is_end { self.tail.len() } else { whole };
        let bytes = self.tail.get(..count).filter(|bytes| !bytes.is_empty())?.to_vec();
        Some(Run { first: self.at / block_bytes(), bytes })
    }
}

/// Where the piece ends that a byte is in: whoever begins in the middle of one reads the same ones from there on as all others.
pub(super) fn piece_end(at: u64) -> u64 {
    (at - at % READ_BYTES_MAX).saturating_add(READ_BYTES_MAX)
}

fn block_bytes() -> u64 {
    u64_of(BLOCK_BYTES)
}

fn floor(at: u64) -> u64 {
    at - at % block_bytes()
}

fn u64_of(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const BLOCK: u64 = BLOCK_BYTES as u64;

    fn body(length: Option<u64>) -> Arc<Body> {
        Body::arriving(1, tempfile::tempfile().unwrap(), length, true)
    }

    fn feed(body: &Body, number: StreamNumber, bytes: &[u8]) -> bool {
        let progress = body.push(number, bytes);
        if let Some(run) = progress.run {
            body.write(&run).unwrap();
            body.settle(number, &run);
        }
        progress.is_over
    }

    #[test]
    fn bytes_are_there_before_they_are_on_the_disk() {
        let body = body(Some(BLOCK + 5));
        let number = body.begin(0, None).unwrap();
        assert_eq!(body.glance(0, u64::MAX), Glance::Wait);
        assert!(!feed(&body, number, b"hello"));
        assert_eq!(body.glance(1, 3), Glance::Bytes(Bytes::from_static(b"el")));
        assert_eq!(body.glance(5, 10), Glance::Wait);
        assert!(!feed(&body, number, &vec![b'x'; BLOCK_BYTES - 5]));
        assert_eq!(body.glance(2, 9), Glance::Held(Span::new(2, 9).unwrap()));
        assert_eq!(body.read(Span::new(3, 7).unwrap()).unwrap(), "loxx");
        assert!(feed(&body, number, b"world, and more than was said"));
        body.end(number);
        assert_eq!(body.whole_length(), Some(BLOCK + 5));
        assert_eq!(body.read(Span::new(BLOCK - 1, BLOCK + 5).unwrap()).unwrap(), "xworld");
        assert_eq!(body.glance(BLOCK + 5, u64::MAX), Glance::End);
    }

    #[test]
    fn a_stream_stops_where_another_one_began() {
        let body = body(Some(4 * BLOCK));
        let first = body.begin(0, None).unwrap();
        // A reader who jumps gets a stream of his own, from the beginning of a block.
        let span = Span::new(2 * BLOCK, 4 * BLOCK).unwrap();
        assert!(!feed(&body, first, b"a"));
        let far = NEAR + 2 * BLOCK;
        assert!(far > 2 * BLOCK);
        let second = body.begin(span.start(), Some(span.end())).unwrap();
        assert_eq!(body.position(first), Some((1, Some(4 * BLOCK))), "nobody relies on what may not come");
        body.confirm(second);
        assert!(body.begin(span.start(), None).is_none(), "it comes already");
        assert!(feed(&body, first, &vec![b'a'; 5 * BLOCK_BYTES]));
        body.end(first);
        assert_eq!(body.position(second), Some((2 * BLOCK, Some(4 * BLOCK))));
        assert!(feed(&body, second, &vec![b'b'; 2 * BLOCK_BYTES]));
        body.end(second);
        assert_eq!(body.whole_length(), Some(4 * BLOCK));
        assert_eq!(body.read(Span::new(2 * BLOCK - 1, 2 * BLOCK + 1).unwrap()).unwrap(), "ab");
    }

    const NEAR: u64 = cache::NEAR_BYTES;

    #[test]
    fn what_waits_for_the_disk_is_not_asked_for() {
        let body = body(Some(100 * BLOCK));
        let number = body.begin(0, None).unwrap();
        let much = vec![b'a'; 20 * BLOCK_BYTES + 5];
        assert!(body.push(number, &much).run.is_some());
        const { assert!(20 * BLOCK > NEAR) };
        assert_eq!(body.glance(20 * BLOCK + 5, u64::MAX), Glance::Wait);
        assert_eq!(body.glance(21 * BLOCK, u64::MAX), Glance::Wait);
        let end = Span::new(90 * BLOCK, 100 * BLOCK).unwrap();
        assert_eq!(body.glance(90 * BLOCK + 5, u64::MAX), Glance::Fetch(end));
    }

    #[test]
    fn who_cannot_jump_waits_for_the_transfer_that_goes_on() {
        let body = body(Some(100 * BLOCK));
        let leader = body.begin(0, None).unwrap();
        let jump = body.begin(90 * BLOCK, Some(100 * BLOCK)).unwrap();
        body.give_up(jump);
        assert_eq!(body.glance(90 * BLOCK, u64::MAX), Glance::Wait);
        assert!(!body.has_failed());
        body.give_up(leader);
        assert!(body.has_failed());
    }

    #[test]
    fn a_body_without_a_length_ends_with_its_stream() {
        let body = body(None);
        let number = body.begin(0, None).unwrap();
        assert!(!feed(&body, number, b"chunked"));
        assert_eq!(body.glance(7, u64::MAX), Glance::Wait);
        let run = body.conclude(number).unwrap();
        body.write(&run).unwrap();
        body.settle(number, &run);
        body.end(number);
        assert_eq!(body.whole_length(), Some(7));
        assert_eq!(body.glance(7, u64::MAX), Glance::End);
        assert_eq!(body.read(Span::new(0, 7).unwrap()).unwrap(), "chunked");
    }

    #[test]
    fn a_flipped_bit_is_never_served() {
        let body = body(Some(2 * BLOCK));
        let number = body.begin(0, None).unwrap();
        assert!(feed(&body, number, &vec![b'a'; 2 * BLOCK_BYTES]));
        body.end(number);
        body.file.write_all_at(b"b", BLOCK + 100).unwrap();
        let all = Span::new(0, 2 * BLOCK).unwrap();
        assert_eq!(body.read(all).unwrap_err().kind(), io::ErrorKind::InvalidData);
        assert_eq!(body.whole_length(), None);
        assert_eq!(body.glance(BLOCK, 2 * BLOCK), Glance::Fetch(Span::new(BLOCK, 2 * BLOCK).unwrap()));
        assert_eq!(body.glance(5, 2 * BLOCK), Glance::Held(Span::new(5, BLOCK).unwrap()));
    }

    #[tokio::test]
    async fn who_waits_for_its_end_alone_does_not_read_it() {
        let body = body(Some(5));
        assert!(body.is_unread());
        let whole = Arc::clone(&body);
        let waiting = tokio::spawn(async move { whole.await_whole().await });
        while body.watchers() == 0 {
            tokio::task::yield_now().await;
        }
        assert!(body.is_unread());
        let reader = body.changes();
        assert!(!body.is_unread());
        drop(reader);
        assert!(body.is_unread());
        body.fail();
        assert!(!waiting.await.unwrap() && body.is_unread());
    }

    #[test]
    fn what_never_comes_breaks_off() {
        let body = body(Some(10));
        let number = body.begin(0, None).unwrap();
        feed(&body, number, b"12345");
        body.fail();
        assert_eq!(body.glance(0, 10), Glance::Failed);
        assert!(body.push(number, b"6").is_over && body.begin(0, None).is_none());
    }
}
