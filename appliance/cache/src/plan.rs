//! Which bytes to ask the server for, and when to wait for those that are on their way.
//!
//! One fill owns the way to the server, for all readers of a body. Each of its streams brings bytes in order; a reader who
//! jumps ahead of all of them gets a stream of its own, which ends where bytes are held or on their way already. So every byte
//! is asked for once.

use crate::span::{Span, SpanMap};

/// Streams of one body at once. A class that jumps about in one video is served by some of them; the others wait for one
/// to come by, or to end.
pub const STREAMS_MAX: usize = 4;
/// A reader waits for a stream that is so many bytes before it, rather than to ask for them again: on a line of 8 Mbit/s they
/// come within an eighth of a second, about as long as another request takes.
pub const NEAR_BYTES: u64 = 128 * 1024;

/// Bytes that are on their way: from where the stream is, to where it ends.
pub type Stream = Span;

/// What a reader who needs a byte has to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// The bytes from it up to this one are there.
    Read(u64),
    /// They come by themselves.
    Wait,
    /// Ask for these.
    Fetch(Span),
    /// All bytes up to the end are there.
    End,
}

/// The state of a body whose length is known.
#[derive(Clone, Copy, Debug)]
pub struct Situation<'m> {
    /// Its length.
    pub length: u64,
    /// What is held.
    pub held: &'m SpanMap,
    /// What is on its way.
    pub streams: &'m [Stream],
    /// Whether the server can be asked for a part: it has a strong validator and knows ranges.
    pub is_divisible: bool,
}

impl Situation<'_> {
    /// What a reader does who is at `at` and wants bytes up to `end`.
    #[must_use]
    pub fn step(&self, at: u64, end: u64) -> Step {
        let end = end.min(self.length);
        if at >= end {
            return Step::End;
        }
        let until = self.held.held_until(at);
        if until > at {
            return Step::Read(until.min(end));
        }
        let is_near = |stream: &&Stream| stream.start() <= at && at < stream.end();
        let coming = self.streams.iter().filter(is_near).map(|stream| at - stream.start()).min();
        match coming {
            Some(before) if before <= NEAR_BYTES || !self.may_open() => Step::Wait,
            None if !self.may_open() && !self.streams.is_empty() => Step::Wait,
            // A stream that comes by later will find these bytes, and end before them.
            Some(_) | None => Step::Fetch(self.gap(at)),
        }
    }

    /// What to ask for when no reader waits: the first bytes that neither are held nor on their way. `None` once there are
    /// none.
    #[must_use]
    pub fn rest(&self) -> Option<Span> {
        if !self.may_open() {
            return None;
        }
        let mut known = self.held.clone();
        self.streams.iter().for_each(|stream| known.insert(*stream));
        known.missing(Span::new(0, self.length)?).first().copied()
    }

    /// Where a stream at `at` ends: at bytes that are held, or at the place of another stream.
    #[must_use]
    pub fn gap(&self, at: u64) -> Span {
        let held = self.held.next_held(at).unwrap_or(self.length);
        let ahead = self.streams.iter().map(|stream| stream.start()).filter(|start| *start > at).min();
        let end = held.min(ahead.unwrap_or(self.length)).min(self.length);
        // A byte is missing at `at`, so this is one byte at least.
        Span::new(at, end.max(at.saturating_add(1))).unwrap_or_else(|| unit(at))
    }

    fn may_open(&self) -> bool {
        let is_first = self.streams.is_empty();
        is_first || (self.is_divisible && self.streams.len() < STREAMS_MAX)
    }
}

fn unit(at: u64) -> Span {
    let start = at.min(u64::MAX - 1);
    Span::new(start, start + 1).unwrap_or_else(|| unit(0))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn span(start: u64, end: u64) -> Span {
        Span::new(start, end).unwrap()
    }

    fn holding(spans: &[(u64, u64)]) -> SpanMap {
        let mut map = SpanMap::default();
        spans.iter().for_each(|(start, end)| map.insert(span(*start, *end)));
        map
    }

    const MEGA: u64 = 1_000_000;

    #[test]
    fn a_cold_seek_is_asked_for_at_once_and_the_rest_behind_it() {
        let held = holding(&[(0, MEGA)]);
        let leader = [span(MEGA, 50 * MEGA)];
        let situation = Situation { length: 50 * MEGA, held: &held, streams: &leader, is_divisible: true };
        assert_eq!(situation.step(0, 50 * MEGA), Step::Read(MEGA));
        assert_eq!(situation.step(MEGA, 50 * MEGA), Step::Wait);
        assert_eq!(situation.step(MEGA + 1_000, 50 * MEGA), Step::Wait);
        assert_eq!(situation.step(49 * MEGA, 50 * MEGA), Step::Fetch(span(49 * MEGA, 50 * MEGA)));
        assert_eq!(situation.step(50 * MEGA, 60 * MEGA), Step::End);
        assert_eq!(situation.rest(), None);
        // The next one who seeks waits for the first's stream, or stops before it.
        let two = [leader[0], span(49 * MEGA, 50 * MEGA)];
        let situation = Situation { streams: &two, ..situation };
        assert_eq!(situation.step(49 * MEGA + 5, 50 * MEGA), Step::Wait);
        assert_eq!(situation.step(40 * MEGA, 50 * MEGA), Step::Fetch(span(40 * MEGA, 49 * MEGA)));
    }

    #[test]
    fn what_cannot_be_divided_comes_in_one_stream() {
        let held = holding(&[(0, MEGA)]);
        let leader = [span(MEGA, 50 * MEGA)];
        let situation = Situation { length: 50 * MEGA, held: &held, streams: &leader, is_divisible: false };
        assert_eq!(situation.step(49 * MEGA, 50 * MEGA), Step::Wait);
        let many = [MEGA, 10 * MEGA, 20 * MEGA, 30 * MEGA].map(|start| span(start, start + MEGA));
        let crowded = Situation { streams: &many, is_divisible: true, ..situation };
        assert_eq!(crowded.step(49 * MEGA, 50 * MEGA), Step::Wait);
    }

    #[test]
    fn what_was_left_out_is_filled() {
        let held = holding(&[(0, 10), (40, 50)]);
        let situation = Situation { length: 60, held: &held, streams: &[], is_divisible: true };
        assert_eq!(situation.rest(), Some(span(10, 40)));
        let one = [span(10, 40)];
        assert_eq!(Situation { streams: &one, ..situation }.rest(), Some(span(50, 60)));
        let whole = holding(&[(0, 60)]);
        assert_eq!(Situation { held: &whole, ..situation }.rest(), None);
    }

    proptest! {
        /// Readers who start anywhere, in any order, get all that they want, and no byte is fetched twice.
        #[test]
        fn every_byte_is_fetched_once(
            readers in prop::collection::vec((0_u64..1_000, 1_u64..1_000), 1..12),
            turns in prop::collection::vec(0_usize..16, 0..200),
            is_divisible: bool,
        ) {
            const LENGTH: u64 = 1_000;
            let (mut held, mut streams) = (SpanMap::default(), Vec::<Stream>::new());
            let mut readers: Vec<(u64, u64)> = readers.iter().map(|(at, count)| (*at, at + count)).collect();
            let mut fetched = 0;
            for turn in turns.into_iter().chain((0..16).cycle().take(60_000)) {
                if readers.is_empty() {
                    break;
                }
                if let Some(stream) = streams.get(turn).copied() {
                    // A stream brings seven bytes, and stops at what is held.
                    let stop = held.next_held(stream.start()).unwrap_or(LENGTH).min(stream.end());
                    let upto = (stream.start() + 7).min(stop);
                    if let Some(piece) = Span::new(stream.start(), upto) {
                        fetched += piece.len();
                        held.insert(piece);
                    }
                    let stop = held.next_held(upto).unwrap_or(LENGTH).min(stream.end());
                    match Span::new(upto, stop) {
                        Some(left) => streams[turn] = left,
                        None => drop(streams.remove(turn)),
                    }
                }
                let place = turn % readers.len();
                let (at, end) = readers[place];
                let situation = Situation { length: LENGTH, held: &held, streams: &streams, is_divisible };
                match situation.step(at, end) {
                    Step::Read(upto) => readers[place].0 = upto,
                    Step::End => drop(readers.remove(place)),
                    Step::Wait => prop_assert!(!streams.is_empty()),
                    Step::Fetch(span) => streams.push(span),
                }
            }
            prop_assert!(readers.is_empty());
            prop_assert_eq!(fetched, held.held_bytes());
        }
    }
}
