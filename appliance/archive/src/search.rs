//! One search over what is sealed and what is not.
//!
//! ```text
//! log: seals of that time -> readers, each a sealed file at a time -> batches of rows, in order -> joined -> given out
//! ```
//! What is found is given out while later files are still read; nothing more is read once nobody wants it.

mod readers;

use std::cell::OnceCell;
use std::error::Error;
use std::io;
use std::ops::ControlFlow;

use journal::{Found, Hit, Listed, Query, SearchError, SegmentId, Source, Summary, inspect, read_late};

use crate::filter::Filter;
use crate::log::Log;
use crate::reading::Sealed;
use crate::row::Row;
use crate::seal::{Form, Seal};
use crate::search::readers::{End, LATE_SEALS, News, Readers};
use crate::table::Table;

/// What a search comes across, in the order of sequences.
#[derive(Debug)]
pub enum FoundAnywhere {
    /// What a search in segments comes across, wherever it stands.
    Hit(Box<Hit>),
    /// A sealed record that this program does not understand, or damaged bytes that were sealed as they were.
    Other(Box<Row>),
    /// A sealed file that cannot be read.
    Unreadable {
        /// Its seal.
        seal: u64,
        /// Why.
        error: Box<dyn Error + Send + Sync>,
    },
}

/// What was read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Searched {
    /// In segments.
    pub segments: Summary,
    /// Sealed files that were read.
    pub seals_read: usize,
    /// Sealed files that may have something, but are encrypted to others.
    pub seals_locked: usize,
    /// Sealed files that cannot be read.
    pub seals_unreadable: usize,
}

/// Searches seals and segments. `open` gives the table of a seal; `None` where it is encrypted to others. Ends early when
/// `each` breaks. Where others may seal meanwhile, `source` is [`Listed`] before the log is read: what was sealed in between
/// is in one of them at least.
///
/// # Errors
/// [`SearchError`]; whatever else cannot be read is told.
pub fn search<S: Source>(
    log: &Log,
    open: impl Fn(&Seal) -> Result<Option<Table>, Box<dyn Error + Send + Sync>> + Sync,
    source: &S,
    query: &Query,
    mut each: impl FnMut(FoundAnywhere) -> ControlFlow<()>,
) -> Result<Searched, SearchError> {
    // Listed once: a segment that is sealed and removed while seals are read is told as one that cannot be read.
    let through = log.through_segment();
    let listed = Listed::new(source).map_err(SearchError::List)?;
    let source = &listed.without(|segment| segment.number() <= through && is_gone(source, segment));
    let segments = source.list().map_err(SearchError::List)?;
    let before = waiting_from(source, &segments);
    let seals: Vec<&Seal> = readable(log, before).collect();
    let filter = Filter::from(query);
    let readers = Readers::new(&seals, &open, &filter, |seal| may_have(seal, query));
    let waiting = OnceCell::new();
    let joiner = Joiner { readers: &readers, source, segments: &segments, before, waiting };
    let mut searched = Searched::default();
    let flow = readers.run(|place, batch| match batch {
        Ok(rows) => rows.into_iter().try_for_each(|row| joiner.take(place, row, &mut each)),
        Err(end) => searched.count(seals.get(place).map_or(0, |seal| seal.number), end, &mut each),
    });
    if flow.is_continue() {
        searched.segments = journal::search(source, query, |hit| each(FoundAnywhere::Hit(Box::new(hit))))?;
    }
    Ok(searched)
}

/// Whether a search would read what anybody can read of sealed days: their plain sealed files, and not the segments beside them.
///
/// # Errors
/// The segments cannot be listed.
pub fn reads_plain_seals<S: Source>(log: &Log, source: &S, query: &Query) -> io::Result<bool> {
    let mut seals = readable(log, waiting_from(source, &source.list()?));
    Ok(seals.any(|seal| seal.file.form == Form::Plain && may_have(seal, query)))
}

/// The seals that have records below the first that stands in a segment. What was deleted when its time was over is nowhere
/// to be read.
fn readable(log: &Log, before: u64) -> impl Iterator<Item = &Seal> {
    let deleted = log.expiries();
    log.seals().filter(move |seal| seal.sequences.0.saturating_add(1) < before && !seal.is_deleted(&deleted))
}

/// Whether a segment was removed since it was listed.
fn is_gone<S: Source>(source: &S, segment: SegmentId) -> bool {
    source.open(segment).is_err_and(|error| error.kind() == io::ErrorKind::NotFound)
}

/// The first record that stands in a segment. Segments that are sealed stay for a while, so that the box can be searched
/// without anybody's key.
fn waiting_from<S: Source>(source: &S, segments: &[SegmentId]) -> u64 {
    let first = segments.iter().find_map(|segment| inspect(source, *segment).ok().flatten());
    first.map_or(u64::MAX, |first| first.next_sequence)
}

/// Whether a seal may have something, by its times.
#[must_use]
pub fn may_have(seal: &Seal, query: &Query) -> bool {
    // Without times it has damage only.
    let Some((earliest, latest)) = seal.times else { return true };
    query.from.is_none_or(|from| latest >= from) && query.to.is_none_or(|to| earliest < to)
}

impl Searched {
    /// Counts a sealed file, and tells where it cannot be read.
    fn count(
        &mut self,
        seal: u64,
        end: End,
        each: &mut impl FnMut(FoundAnywhere) -> ControlFlow<()>,
    ) -> ControlFlow<()> {
        match end {
            End::Read => self.seals_read += 1,
            End::Locked => self.seals_locked += 1,
            End::Unreadable(error) => {
                self.seals_unreadable += 1;
                return each(FoundAnywhere::Unreadable { seal, error });
            }
        }
        ControlFlow::Continue(())
    }
}

/// Joins to accesses what is said of them later.
struct Joiner<'s, S, O> {
    readers: &'s Readers<'s, O>,
    source: &'s S,
    segments: &'s [SegmentId],
    /// What is not below this stands in segments, too.
    before: u64,
    /// What segments say of sealed accesses, read once it is asked for.
    waiting: OnceCell<News>,
}

impl<S: Source, O> Joiner<'_, S, O> {
    fn take(
        &self,
        place: usize,
        sealed: Sealed,
        each: &mut impl FnMut(FoundAnywhere) -> ControlFlow<()>,
    ) -> ControlFlow<()> {
        let hit = match sealed {
            Sealed::Late(_) => return ControlFlow::Continue(()),
            Sealed::Other(row) => return each(FoundAnywhere::Other(row)),
            Sealed::Hit(hit) => hit,
        };
        let hit = match *hit {
            Hit::Access(found) if found.sequence.number() >= self.before => return ControlFlow::Continue(()),
            Hit::Access(found) => Hit::Access(self.join(place, found)),
            Hit::Act(found) if found.sequence.number() >= self.before => return ControlFlow::Continue(()),
            Hit::Person(found) if found.sequence.number() >= self.before => return ControlFlow::Continue(()),
            hit @ Hit::Act(_)
            | hit @ Hit::Person(_)
            | hit @ Hit::Damage(_)
            | hit @ Hit::Unreadable { .. } => hit,
        };
        each(FoundAnywhere::Hit(Box::new(hit)))
    }

    fn join(&self, place: usize, mut found: Box<Found>) -> Box<Found> {
        self.readers.news_after(place).for_each(|news| news.join(&mut found));
        if place + LATE_SEALS >= self.readers.count() {
            let gather = || {
                let mut news = News::default();
                read_late(self.source, self.segments, self.before, |late| news.note(late));
                news
            };
            self.waiting.get_or_init(gather).join(&mut found);
        }
        found
    }
}
