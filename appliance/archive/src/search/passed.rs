//! Segments that could not be read when what came after them was sealed: no key was there, or the disk did not give them back. Since then
//! nobody can seal them: numbers of records only go up in the log.
//!
//! Invariant: of such a segment nothing is given out that is sealed.

use std::collections::VecDeque;
use std::ops::ControlFlow;

use journal::{Hit, Listed, Query, Reckoning, SegmentId, Source, Summary, search_reckoned};

use super::{FoundAnywhere, Hearsay, number_of};
use crate::log::Log;
use crate::seal::Seal;

/// Those that are left to be read.
pub(super) struct Passed<'s, S> {
    log: &'s Log,
    source: &'s S,
    query: &'s Query,
    hearsay: Hearsay,
    /// Oldest first, each with the place of the first seal that is after it.
    left: VecDeque<(usize, SegmentId)>,
    summary: Summary,
}

impl<'s, S: Source> Passed<'s, S> {
    /// Those among the segments, and where they are among the seals.
    pub(super) fn new(
        log: &'s Log,
        source: &'s S,
        query: &'s Query,
        hearsay: Hearsay,
        (segments, seals): (&[SegmentId], &[&Seal]),
    ) -> Self {
        let through = log.through_segment();
        let is_passed =
            |segment: &&SegmentId| segment.number() <= through && !log.accounts_for(segment.number());
        let place = |segment: &SegmentId| {
            let later = seals.iter().position(|seal| seal.segments.1 >= segment.number());
            (later.unwrap_or(seals.len()), *segment)
        };
        let left = segments.iter().filter(is_passed).map(place).collect();
        Self { log, source, query, hearsay, left, summary: Summary::default() }
    }

    /// Gives out what stands before the seal of this place. `known` is what is known of times there.
    pub(super) fn give_up_to(
        &mut self,
        place: usize,
        known: impl Fn() -> Reckoning,
        each: &mut impl FnMut(FoundAnywhere) -> ControlFlow<()>,
    ) -> ControlFlow<()> {
        while let Some((_, segment)) = self.left.front().copied().filter(|(before, _)| *before <= place) {
            self.left.pop_front();
            self.give(segment, known(), each)?;
        }
        ControlFlow::Continue(())
    }

    /// Adds what was read.
    pub(super) fn count(&self, summary: &mut Summary) {
        summary.segments_read += self.summary.segments_read;
        summary.segments_unreadable += self.summary.segments_unreadable;
        summary.found += self.summary.found;
    }

    fn give(
        &mut self,
        segment: SegmentId,
        known: Reckoning,
        each: &mut impl FnMut(FoundAnywhere) -> ControlFlow<()>,
    ) -> ControlFlow<()> {
        let (log, hearsay) = (self.log, self.hearsay);
        let source = Listed::of(self.source, vec![segment]);
        let mut flow = ControlFlow::Continue(());
        let mut is_told = false;
        let searched = search_reckoned(&source, self.query, known, |hit| {
            // Records may be written twice.
            if number_of(&hit).is_some_and(|number| !log.may_lack(number, number)) {
                return ControlFlow::Continue(());
            }
            if hearsay == Hearsay::Heard {
                flow = each(FoundAnywhere::Hit(Box::new(hit)));
                return flow;
            }
            is_told = true;
            let error = "it could not be read when what came after it was sealed".into();
            flow = each(FoundAnywhere::Hit(Box::new(Hit::Unreadable { segment, error })));
            ControlFlow::Break(())
        });
        let Summary { segments_read, segments_unreadable, found } = searched.unwrap_or_default();
        if is_told {
            self.summary.segments_unreadable += 1;
        } else {
            self.summary.segments_read += segments_read;
            self.summary.segments_unreadable += segments_unreadable;
            self.summary.found += found;
        }
        flow
    }
}
