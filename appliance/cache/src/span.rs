//! Spans of bytes, and which of them are held.

use std::fmt;

/// Bytes from `start` up to `end`, which is not in it. Never empty.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span {
    start: u64,
    end: u64,
}

impl Span {
    /// `None` where there is nothing in it.
    #[must_use]
    pub fn new(start: u64, end: u64) -> Option<Self> {
        (start < end).then_some(Self { start, end })
    }

    /// Its first byte.
    #[must_use]
    pub fn start(self) -> u64 {
        self.start
    }

    /// The byte after its last one.
    #[must_use]
    pub fn end(self) -> u64 {
        self.end
    }

    /// How many bytes.
    #[expect(clippy::len_without_is_empty, reason = "a span is never empty")]
    #[must_use]
    pub fn len(self) -> u64 {
        self.end - self.start
    }

    /// What both have.
    #[must_use]
    pub fn intersect(self, other: Self) -> Option<Self> {
        Self::new(self.start.max(other.start), self.end.min(other.end))
    }
}

impl fmt::Debug for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}..{}", self.start, self.end)
    }
}

/// Which bytes of a body are held.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SpanMap {
    /// In order; between two of them at least one byte is missing.
    held: Vec<Span>,
}

impl SpanMap {
    /// Holds these bytes, too.
    pub fn insert(&mut self, span: Span) {
        let first = self.held.partition_point(|held| held.end < span.start);
        let last = self.held.partition_point(|held| held.start <= span.end);
        let touched = self.held.get(first..last).unwrap_or_default();
        let start = touched.first().map_or(span.start, |held| held.start.min(span.start));
        let end = touched.last().map_or(span.end, |held| held.end.max(span.end));
        self.held.splice(first..last.max(first), [Span { start, end }]);
    }

    /// Does not hold these bytes any more.
    pub fn remove(&mut self, span: Span) {
        let held = std::mem::take(&mut self.held);
        let kept = held.into_iter().flat_map(|held| {
            let before = Span::new(held.start, held.end.min(span.start));
            let after = Span::new(held.start.max(span.end), held.end);
            [before, after].into_iter().flatten()
        });
        self.held = kept.collect();
    }

    /// The byte from which on something is missing, at or after `from`.
    #[must_use]
    pub fn held_until(&self, from: u64) -> u64 {
        let place = self.held.partition_point(|held| held.end <= from);
        self.held.get(place).filter(|held| held.start <= from).map_or(from, |held| held.end)
    }

    /// The first byte at or after `from` that is held.
    #[must_use]
    pub fn next_held(&self, from: u64) -> Option<u64> {
        let place = self.held.partition_point(|held| held.end <= from);
        self.held.get(place).map(|held| held.start.max(from))
    }

    /// Whether all of it is held.
    #[must_use]
    pub fn holds(&self, span: Span) -> bool {
        self.held_until(span.start) >= span.end
    }

    /// What is missing of a span.
    #[must_use]
    pub fn missing(&self, span: Span) -> Vec<Span> {
        let mut missing = Vec::new();
        let mut from = span.start;
        while from < span.end {
            let until = self.held_until(from);
            if until == from {
                let next = self.next_held(from).map_or(span.end, |next| next.min(span.end));
                missing.extend(Span::new(from, next));
                from = next;
            } else {
                from = until;
            }
        }
        missing
    }

    /// How many bytes are held.
    #[must_use]
    pub fn held_bytes(&self) -> u64 {
        self.held.iter().map(|span| span.len()).sum()
    }

    /// The spans that are held, in order.
    #[must_use]
    pub fn spans(&self) -> &[Span] {
        &self.held
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    fn span(start: u64, end: u64) -> Span {
        Span::new(start, end).unwrap()
    }

    #[test]
    fn spans_that_touch_are_one() {
        let mut map = SpanMap::default();
        map.insert(span(10, 20));
        map.insert(span(30, 40));
        assert_eq!(map.missing(span(0, 50)), [span(0, 10), span(20, 30), span(40, 50)]);
        map.insert(span(20, 30));
        assert_eq!(map.spans(), [span(10, 40)]);
        assert!(map.holds(span(10, 40)) && !map.holds(span(9, 40)) && !map.holds(span(10, 41)));
        assert_eq!((map.held_until(10), map.held_until(40), map.next_held(0)), (40, 40, Some(10)));
    }

    proptest! {
        /// The map says what a set of bytes would say.
        #[test]
        fn a_map_is_a_set_of_bytes(
            spans in prop::collection::vec((0_u64..64, 1_u64..16, 0_u8..4), 0..20),
            asked in (0_u64..64, 1_u64..32),
        ) {
            let (mut map, mut bytes) = (SpanMap::default(), BTreeSet::new());
            for (start, length, kind) in spans {
                if kind == 0 {
                    map.remove(span(start, start + length));
                    bytes.retain(|byte| !(start..start + length).contains(byte));
                } else {
                    map.insert(span(start, start + length));
                    bytes.extend(start..start + length);
                }
            }
            prop_assert_eq!(map.held_bytes(), bytes.len() as u64);
            let asked = span(asked.0, asked.0 + asked.1);
            let missing: BTreeSet<u64> =
                map.missing(asked).into_iter().flat_map(|span| span.start()..span.end()).collect();
            let expected: BTreeSet<u64> =
                (asked.start()..asked.end()).filter(|byte| !bytes.contains(byte)).collect();
            prop_assert_eq!(map.holds(asked), missing.is_empty());
            prop_assert_eq!(missing, expected);
            let apart = map.spans().windows(2).all(|pair| pair[0].end() < pair[1].start());
            prop_assert!(apart);
        }
    }
}
