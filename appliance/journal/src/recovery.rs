//! What earlier runs left behind.

use std::collections::BTreeSet;
use std::io;
use std::ops::ControlFlow;

use crate::entry::{Entry, Turn};
use crate::queue::OPEN_ACCESSES_MAX;
use crate::reader::{Damage, Piece, ReadError, read_segment};
use crate::{SegmentId, Storage};

/// How far the numbers jump over a segment whose end the disk does not give back: more records than a segment
/// can hold, so that no number stands for two records.
const UNREADABLE_JUMP: u64 = 1 << 24;

/// What the writer found at its start.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Recovery {
    /// Accesses that the last run left open, and that are now closed as cut.
    pub cut_accesses: usize,
    /// What could not be read in the last run's last segment. The end of it is normal after a crash.
    pub damages: Vec<Damage>,
    /// Segments that the disk did not give back to their end.
    pub unreadable: Vec<SegmentId>,
}

/// Where the writer goes on.
#[derive(Debug, Default)]
pub(crate) struct Resumption {
    pub(crate) next_segment: Option<SegmentId>,
    pub(crate) next_sequence: u64,
    /// Up to which number records may be missed; those from here on up to the next were promised to nobody.
    pub(crate) promised_below: u64,
    pub(crate) open: OpenAccesses,
    pub(crate) recovery: Recovery,
}

/// Permitted accesses that have no closing yet.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct OpenAccesses(BTreeSet<u64>);

impl OpenAccesses {
    /// Notes what a record says of open accesses.
    pub(crate) fn apply(&mut self, entry: &Entry<'_>) {
        match entry.turn() {
            Some(Turn::Opening(access)) => self.insert(access),
            Some(Turn::Closing(access)) => self.remove(access),
            None => {}
        }
    }

    /// An access is over.
    pub(crate) fn remove(&mut self, access: u64) {
        self.0.remove(&access);
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = u64> {
        self.0.iter().copied()
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// An access will need a closing.
    pub(crate) fn insert(&mut self, sequence: u64) {
        self.0.insert(sequence);
        if self.0.len() > OPEN_ACCESSES_MAX {
            self.0.pop_first();
        }
    }
}

impl FromIterator<u64> for OpenAccesses {
    fn from_iter<I: IntoIterator<Item = u64>>(sequences: I) -> Self {
        let mut open = Self::default();
        sequences.into_iter().for_each(|sequence| open.insert(sequence));
        open
    }
}

/// Reads the last segment with a header, and those after it that have none: the header says what was open
/// before.
///
/// # Errors
/// The storage cannot be read or belongs to another writer; a newer program wrote the last segment.
pub(crate) fn recover<S: Storage>(storage: &mut S) -> io::Result<Resumption> {
    storage.acquire()?;
    let segments = storage.list()?;
    let start = find_start(storage, &segments)?;
    let mut resumption = Resumption { next_sequence: 1, promised_below: 1, ..Resumption::default() };
    resumption.next_segment = segments.last().map(|last| last.next());
    for &segment in segments.get(start..).unwrap_or_default() {
        let is_empty = resumption.read(storage, segment)?;
        // Only tidying up: what fails now is tried again at the next start.
        if is_empty {
            storage.remove(segment).ok()
        } else {
            storage.end(segment).ok()
        };
    }
    resumption.recovery.cut_accesses = resumption.open.len();
    let floor = storage.floor();
    let above = floor.sequence.saturating_add(1);
    resumption.next_sequence = resumption.next_sequence.max(above);
    resumption.promised_below = resumption.promised_below.max(above);
    if floor.segment > 0 {
        let next = SegmentId::new(floor.segment).next();
        resumption.next_segment = resumption.next_segment.max(Some(next));
    }
    Ok(resumption)
}

/// The place of the last segment that has a header.
fn find_start<S: Storage>(storage: &S, segments: &[SegmentId]) -> io::Result<usize> {
    for (place, &segment) in segments.iter().enumerate().rev() {
        let mut has_header = false;
        read(storage, segment, |piece| {
            has_header = matches!(piece, Piece::Header(_));
            ControlFlow::Break(())
        })?;
        if has_header {
            return Ok(place);
        }
    }
    Ok(0)
}

/// Reads a segment. Returns whether the disk gave it back to its end.
fn read<S: Storage>(
    storage: &S,
    segment: SegmentId,
    each: impl FnMut(Piece<'_>) -> ControlFlow<()>,
) -> io::Result<bool> {
    let outcome = match storage.open(segment) {
        Ok(source) => read_segment(segment, source, each),
        Err(error) => Err(error.into()),
    };
    match outcome {
        Ok(_) => Ok(true),
        Err(ReadError::Io(_)) => Ok(false),
        Err(error @ ReadError::Version(_)) => Err(io::Error::new(io::ErrorKind::Unsupported, error)),
    }
}

impl Resumption {
    /// Reads one segment. Returns whether it holds nothing at all beside its header.
    fn read<S: Storage>(&mut self, storage: &S, segment: SegmentId) -> io::Result<bool> {
        let mut is_empty = true;
        let is_whole = read(storage, segment, |piece| {
            is_empty &= matches!(piece, Piece::Header(_));
            self.apply(piece);
            ControlFlow::Continue(())
        })?;
        if !is_whole {
            self.next_sequence = self.next_sequence.saturating_add(UNREADABLE_JUMP);
            self.promised_below = self.next_sequence;
            self.recovery.unreadable.push(segment);
        }
        Ok(is_whole && is_empty)
    }

    fn apply(&mut self, piece: Piece<'_>) {
        match piece {
            Piece::Header(header) => {
                self.next_sequence = self.next_sequence.max(header.next_sequence);
                self.promised_below = self.promised_below.max(header.promised_below);
                self.open = header.open.into_iter().collect();
            }
            // The header counts the records that are damaged, too: their numbers are taken. Those of an incomplete
            // block are not: the bytes are not there, and will not come back.
            Piece::Block(block) => self.go_above(block.next_sequence()),
            Piece::Entry(entry, _) => {
                self.go_above(entry.sequence().saturating_add(1));
                self.open.apply(&entry);
            }
            Piece::Damage(damage) | Piece::Unknown { place: damage, .. } => {
                self.recovery.damages.push(damage);
            }
        }
    }

    /// Notes that there are records below this number.
    fn go_above(&mut self, next: u64) {
        self.next_sequence = self.next_sequence.max(next);
        self.promised_below = self.promised_below.max(next);
    }
}
