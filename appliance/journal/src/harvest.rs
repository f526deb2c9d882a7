//! All that some segments hold, for whoever keeps it in another form.
//!
//! A search joins what later records say of an access, and leaves out what it does not understand. Here nothing is left
//! out: what belongs to an access of an earlier harvest comes by itself, and so do records of a newer program and bytes
//! that are damaged.

use std::collections::HashMap;
use std::io::{self, Read};
use std::ops::ControlFlow;

use model::{AccessKind, ClockQuality, Closing, Timestamp, Verdict};

use crate::clock::ClockTie;
use crate::entry::{ClosingEntry, Entry, RepeatEntry};
use crate::fold::{FOLD_WINDOW_MS, may_fold};
use crate::format::Header;
use crate::found::{Ended, join_closing, join_repeat, read_access, read_act};
use crate::person::read_person_act;
use crate::reader::{Damage, Piece, ReadError, read_segment};
use crate::{Found, FoundAct, FoundPersonAct, SegmentId, Sequence, Source};

/// The clock may be corrected by this much, in milliseconds, without being called set back: threads that record at once
/// do not queue in the order of their times.
const SET_BACK_MS_MIN: u64 = 1_000;

/// What a segment says of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SegmentInfo {
    /// Its number, which its file should have, too.
    pub segment: u64,
    /// When it was created.
    pub created: Timestamp,
    /// Above the number of every record in earlier segments.
    pub next_sequence: u64,
    /// The same of those that were promised to be there: it is less where a disk refused records. These are written again in this segment,
    /// or were lost with the run of the box.
    pub promised_below: u64,
}

/// What stands in segments, in the order of sequences; damage in the order of bytes.
#[derive(Debug)]
pub enum Harvested {
    /// An access, with what these segments say of its end and its repeats.
    Access(Box<Found>),
    /// An act on the rules.
    Act(Box<FoundAct>),
    /// What somebody did besides making rules.
    Person(Box<FoundPersonAct>),
    /// What is said of an access that stands in none of these segments.
    Late(Late),
    /// That the clock was set.
    Clock(ClockTie),
    /// A whole record that this program does not understand: a newer one wrote it.
    Unknown {
        /// The record's number.
        sequence: u64,
        /// Its bytes.
        payload: Vec<u8>,
    },
    /// Bytes that hold no whole record, the incomplete end of a segment among them.
    Damaged {
        /// Where.
        damage: Damage,
        /// The bytes.
        bytes: Vec<u8>,
    },
}

/// What is said later of an access.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Late {
    /// The number of the record that says it.
    pub sequence: Sequence,
    /// The access.
    pub of: Sequence,
    /// What.
    pub news: News,
}

/// What can be said later of an access.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum News {
    /// How it ended.
    End(Ended),
    /// How often it has happened, and when for the last time.
    Repeat {
        /// All accesses that the record stands for.
        count: u32,
        /// The last one.
        last_at: Timestamp,
    },
}

impl Late {
    /// Notes on an access what is said of it, where that can be.
    pub fn join(&self, found: &mut Found) {
        match self.news {
            News::End(ended) if can_end(found, &ended) => {
                found.ended.get_or_insert(ended);
            }
            News::Repeat { count, last_at } if can_repeat(found, last_at) => {
                found.count = found.count.max(count);
                found.last_at = found.last_at.max(last_at);
            }
            News::End(_) | News::Repeat { .. } => {}
        }
    }
}

/// Most bytes in a millisecond: ten gigabits a second, which no school has.
const BYTES_PER_MS_MAX: u64 = 1_250_000;
/// What is short is not measured so well.
const DURATION_ERROR_MS: u64 = 60_000;

/// Whether an access can have ended so: what was refused has no end, nor has a DNS question.
fn can_end(found: &Found, ended: &Ended) -> bool {
    let Closing { bytes_up, bytes_down, duration_ms, .. } = ended.closing;
    let bytes_max = duration_ms.saturating_add(DURATION_ERROR_MS).saturating_mul(BYTES_PER_MS_MAX);
    found.verdict == Verdict::Permit
        && found.kind != AccessKind::Dns
        && bytes_up.saturating_add(bytes_down) <= bytes_max
}

/// Whether an access can have been repeated then: what folds does so within its window.
fn can_repeat(found: &Found, last_at: Timestamp) -> bool {
    may_fold(found.kind, found.verdict) && last_at.ms_since(found.at) <= FOLD_WINDOW_MS
}

/// Whether something may still be said of how an access ended: one that has no end, and of a kind that has.
#[must_use]
pub fn may_end(found: &Found) -> bool {
    found.ended.is_none() && found.verdict == Verdict::Permit && found.kind != AccessKind::Dns
}

/// Whether an access may have been repeated from this time on.
#[must_use]
pub fn may_repeat_since(found: &Found, first: Timestamp) -> bool {
    can_repeat(found, first)
}

/// What was harvested, counted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Records, closings and repeats among them.
    pub records: u64,
    /// The lowest sequence; `None` where there is no record.
    pub first_sequence: Option<u64>,
    /// The highest sequence; that from which on was harvested where there is no record.
    pub last_sequence: u64,
    /// The earliest and the latest time in a record.
    pub times: Option<(Timestamp, Timestamp)>,
    /// Records by the quality of their clock: synchronised, unsynchronised, unset. Closings and repeats have none.
    pub clocks: [u64; 3],
    /// How far the clock was set back between two records, at most, in milliseconds.
    pub set_back_ms: u64,
    /// Segments that the disk did not give back to their end.
    pub unreadable: Vec<SegmentId>,
}

/// Nothing can be harvested.
#[derive(Debug, thiserror::Error)]
pub enum HarvestError {
    /// A newer program wrote a segment.
    #[error("{segment} has format version {version}: a newer Préau wrote it")]
    Version {
        /// The segment.
        segment: SegmentId,
        /// The version.
        version: u16,
    },
    /// Damaged bytes cannot be read again.
    #[error("{segment} cannot be read")]
    Read {
        /// The segment.
        segment: SegmentId,
        /// Why.
        #[source]
        source: io::Error,
    },
}

/// Reads what a segment says of itself; `None` where its header is damaged.
///
/// # Errors
/// It cannot be read, or a newer program wrote it.
pub fn inspect<S: Source>(source: &S, segment: SegmentId) -> io::Result<Option<SegmentInfo>> {
    let mut info = None;
    let outcome = read_segment(segment, source.open(segment)?, |piece| {
        if let Piece::Header(header) = piece {
            let created = Timestamp::from_unix_ms(header.created_ms);
            let Header { segment, next_sequence, promised_below, .. } = header;
            info = Some(SegmentInfo { segment, created, next_sequence, promised_below });
        }
        ControlFlow::Break(())
    });
    match outcome {
        Ok(_) => Ok(info),
        Err(ReadError::Io(error)) => Err(error),
        Err(error @ ReadError::Version(_)) => Err(io::Error::new(io::ErrorKind::Unsupported, error)),
    }
}

/// Whether bytes have anything of a segment: its header, a block or a record, also of a newer program. Reads up to the first of them.
///
/// # Errors
/// They cannot be read.
pub fn is_segment(bytes: impl Read) -> io::Result<bool> {
    let outcome = read_segment(SegmentId::FIRST, bytes, |piece| match piece {
        Piece::Damage(_) => ControlFlow::Continue(()),
        Piece::Header(_) | Piece::Block(_) | Piece::Entry(..) | Piece::Unknown { .. } => {
            ControlFlow::Break(())
        }
    });
    match outcome {
        Ok(flow) => Ok(flow.is_break()),
        Err(ReadError::Version(_)) => Ok(true),
        Err(ReadError::Io(error)) => Err(error),
    }
}

/// Reads everything with a sequence above `after` from segments, which follow each other. Reads them twice.
///
/// # Errors
/// [`HarvestError`]. A segment that the disk does not give back to its end is no error, but is told in the tally.
pub fn harvest<S: Source>(
    source: &S,
    segments: &[SegmentId],
    after: u64,
    mut each: impl FnMut(Harvested),
) -> Result<Tally, HarvestError> {
    let mut joins = Joins { seen: after, ..Joins::default() };
    for &segment in segments {
        // What cannot be read is told by the second reading.
        read(source, segment, |piece| joins.note(&piece))?;
    }
    let tally = Tally { last_sequence: after, ..Tally::default() };
    let mut gatherer = Gatherer { joins, tally, last_at: None, each: &mut each };
    for &segment in segments {
        let mut damages = Vec::new();
        let is_whole = read(source, segment, |piece| gatherer.take(piece, &mut damages))?;
        for damage in damages {
            let bytes = read_damaged(source, damage)
                .map_err(|source| HarvestError::Read { segment: damage.segment, source })?;
            (gatherer.each)(Harvested::Damaged { damage, bytes });
        }
        if !is_whole {
            gatherer.tally.unreadable.push(segment);
        }
    }
    Ok(gatherer.tally)
}

/// Reads what is said of accesses with sequences below `before`: those that are kept elsewhere. What cannot be read is
/// passed over.
pub fn read_late<S: Source>(source: &S, segments: &[SegmentId], before: u64, mut each: impl FnMut(Late)) {
    for &segment in segments {
        let outcome = read(source, segment, |piece| match piece {
            Piece::Entry(Entry::Closing(closing), _) if closing.of < before => each(late_end(&closing)),
            Piece::Entry(Entry::Repeat(repeat), _) if repeat.of < before => each(late_repeat(&repeat)),
            Piece::Entry(..)
            | Piece::Header(_)
            | Piece::Block(_)
            | Piece::Unknown { .. }
            | Piece::Damage(_) => {}
        });
        outcome.ok();
    }
}

/// Reads what ties the clock to the true time. What cannot be read is passed over.
pub fn read_clock_ties<S: Source>(source: &S, segments: &[SegmentId], mut each: impl FnMut(ClockTie)) {
    for &segment in segments {
        let outcome = read(source, segment, |piece| {
            if let Piece::Entry(Entry::Clock(entry), _) = piece {
                each(ClockTie::from(&entry));
            }
        });
        outcome.ok();
    }
}

/// Reads a segment. Returns whether the disk gave it back to its end.
fn read<S: Source>(
    source: &S,
    segment: SegmentId,
    mut each: impl FnMut(Piece<'_>),
) -> Result<bool, HarvestError> {
    let outcome = match source.open(segment) {
        Ok(reader) => read_segment(segment, reader, |piece| {
            each(piece);
            ControlFlow::Continue(())
        }),
        Err(error) => Err(ReadError::Io(error)),
    };
    match outcome {
        Ok(_) => Ok(true),
        Err(ReadError::Io(_)) => Ok(false),
        Err(ReadError::Version(version)) => Err(HarvestError::Version { segment, version }),
    }
}

fn read_damaged<S: Source>(source: &S, damage: Damage) -> io::Result<Vec<u8>> {
    let mut reader = source.open(damage.segment)?;
    io::copy(&mut reader.by_ref().take(damage.offset), &mut io::sink())?;
    let mut bytes = Vec::new();
    reader.take(damage.bytes).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// What later records say of accesses. Some hundred bytes for each: segments are harvested a few at a time.
#[derive(Default)]
struct Joins {
    closings: HashMap<u64, ClosingEntry>,
    repeats: HashMap<u64, RepeatEntry>,
    /// The highest sequence that was read: what is not above it was written twice.
    seen: u64,
}

impl Joins {
    fn note(&mut self, piece: &Piece<'_>) {
        let Piece::Entry(entry, _) = piece else { return };
        if entry.sequence() <= self.seen {
            return;
        }
        self.seen = entry.sequence();
        match entry {
            Entry::Closing(closing) => {
                self.closings.entry(closing.of).or_insert(*closing);
            }
            Entry::Repeat(repeat) => {
                // Counts only grow: the last one is the highest.
                self.repeats.insert(repeat.of, *repeat);
            }
            Entry::Access(_) | Entry::Act(_) | Entry::Person(_) | Entry::Clock(_) => {}
        }
    }

    /// Joins to an access all that is said of it.
    fn join(&mut self, found: &mut Found) {
        if let Some(closing) = self.closings.remove(&found.sequence.number()) {
            join_closing(found, &closing);
        }
        if let Some(repeat) = self.repeats.remove(&found.sequence.number()) {
            join_repeat(found, &repeat);
        }
    }
}

struct Gatherer<'e, F> {
    joins: Joins,
    tally: Tally,
    /// The time of the last record that has one.
    last_at: Option<Timestamp>,
    each: &'e mut F,
}

impl<F: FnMut(Harvested)> Gatherer<'_, F> {
    fn take(&mut self, piece: Piece<'_>, damages: &mut Vec<Damage>) {
        let entry = match piece {
            Piece::Header(_) | Piece::Block(_) => return,
            Piece::Damage(damage) => return damages.push(damage),
            Piece::Unknown { sequence, payload, .. } => {
                if self.count(sequence) {
                    (self.each)(Harvested::Unknown { sequence, payload: payload.to_vec() });
                }
                return;
            }
            Piece::Entry(entry, _) => entry,
        };
        let sequence = entry.sequence();
        if !self.count(sequence) {
            return;
        }
        let known = match &entry {
            Entry::Access(access) => read_access(access).map(|mut found| {
                self.note_time(found.at, Some(found.clock));
                self.joins.join(&mut found);
                Harvested::Access(Box::new(found))
            }),
            Entry::Act(act) => read_act(act).map(|found| {
                self.note_time(found.at, Some(found.clock));
                Harvested::Act(Box::new(found))
            }),
            Entry::Person(act) => read_person_act(act).map(|found| {
                self.note_time(found.at, Some(found.clock));
                Harvested::Person(Box::new(found))
            }),
            Entry::Clock(entry) => {
                let tie = ClockTie::from(entry);
                self.note_time(tie.at, Some(tie.clock));
                Some(Harvested::Clock(tie))
            }
            Entry::Closing(closing) => {
                self.note_time(Timestamp::from_unix_ms(closing.at_ms), None);
                let is_left = self.joins.closings.get(&closing.of) == Some(closing);
                match is_left {
                    true => Some(Harvested::Late(late_end(closing))),
                    false => return,
                }
            }
            Entry::Repeat(repeat) => {
                self.note_time(Timestamp::from_unix_ms(repeat.last_ms), None);
                let is_left = self.joins.repeats.get(&repeat.of) == Some(repeat);
                match is_left {
                    true => Some(Harvested::Late(late_repeat(repeat))),
                    false => return,
                }
            }
        };
        // A text that this program would not write is kept as it is.
        let as_it_is = || Harvested::Unknown { sequence, payload: encode(&entry) };
        (self.each)(known.unwrap_or_else(as_it_is));
    }

    /// Counts a record; whether it is one that was not read before.
    fn count(&mut self, sequence: u64) -> bool {
        if sequence <= self.tally.last_sequence {
            return false;
        }
        self.tally.last_sequence = sequence;
        self.tally.first_sequence.get_or_insert(sequence);
        self.tally.records += 1;
        true
    }

    fn note_time(&mut self, at: Timestamp, clock: Option<ClockQuality>) {
        let (earliest, latest) = self.tally.times.unwrap_or((at, at));
        self.tally.times = Some((earliest.min(at), latest.max(at)));
        let [synchronised, unsynchronised, unset] = &mut self.tally.clocks;
        match clock {
            Some(ClockQuality::Synchronised) => *synchronised += 1,
            Some(ClockQuality::Unsynchronised) => *unsynchronised += 1,
            Some(ClockQuality::Unset) => *unset += 1,
            // A repeat may bear the time of an access that was recorded long before it.
            None => return,
        }
        let back_ms = self.last_at.map_or(0, |last| last.ms_since(at));
        if back_ms >= SET_BACK_MS_MIN {
            self.tally.set_back_ms = self.tally.set_back_ms.max(back_ms);
        }
        self.last_at = Some(at);
    }
}

/// A record that was just read, as it was read: it fits where it came from.
fn encode(entry: &Entry<'_>) -> Vec<u8> {
    postcard::to_stdvec(entry).unwrap_or_default()
}

fn late_end(entry: &ClosingEntry) -> Late {
    let closing = Closing {
        bytes_up: entry.bytes_up,
        bytes_down: entry.bytes_down,
        duration_ms: entry.duration_ms,
        peer: entry.peer,
        end: entry.end.into(),
    };
    let ended = Ended::new(Timestamp::from_unix_ms(entry.at_ms), closing);
    let (sequence, of) = (Sequence::new(entry.sequence), Sequence::new(entry.of));
    Late { sequence, of, news: News::End(ended) }
}

fn late_repeat(entry: &RepeatEntry) -> Late {
    let news = News::Repeat { count: entry.count, last_at: Timestamp::from_unix_ms(entry.last_ms) };
    Late { sequence: Sequence::new(entry.sequence), of: Sequence::new(entry.of), news }
}
