//! One search over what is sealed and what is not.
//!
//! ```text
//! log: seals of that time -> readers, each a sealed file at a time -> batches of rows, in order -> joined -> given out
//! ```
//! What is found is given out while later files are still read; nothing more is read once nobody wants it.

mod clockwork;
mod passed;
mod readers;

use std::cell::OnceCell;
use std::error::Error;
use std::io;
use std::ops::ControlFlow;

use journal::{
    Found, Hit, Listed, Query, Reckoning, SearchError, SegmentId, Source, Summary, Tally, harvest,
    read_clock_ties, read_late, search_reckoned,
};

use crate::filter::Filter;
use crate::frames::Frames;
use crate::log::Log;
use crate::reading::Sealed;
use crate::retention::Field;
use crate::row::Row;
use crate::seal::{Form, Seal};
use crate::search::passed::Passed;
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
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Searched {
    /// In segments.
    pub segments: Summary,
    /// Sealed files that were read.
    pub seals_read: usize,
    /// Sealed files that may have something, but are encrypted to others.
    pub seals_locked: usize,
    /// Sealed files that cannot be read.
    pub seals_unreadable: usize,
    /// Sealed days of which who it was is deleted, where somebody or something of that kind is looked for: it is not found there.
    pub seals_nameless: usize,
    /// The seals for which segments stood that nobody has signed.
    pub from_segments: Vec<u64>,
}

/// Searches seals and segments. `open` gives the table of a seal; `None` where it is encrypted to others. Ends early when
/// `each` breaks. Where others may seal meanwhile, `source` is [`Listed`] before the log is read: what was sealed in between
/// is in one of them at least.
///
/// What is sealed is read where it was sealed: a segment is anybody's who can write a file. Only where a seal cannot be
/// opened, segments that it was made of and that are still there stand for it. A segment that could not be read when what came after it
/// was sealed is read in its place, as what is not sealed yet.
///
/// # Errors
/// [`SearchError`]; whatever else cannot be read is told.
pub fn search<S: Source>(
    log: &Log,
    open: impl Fn(&Seal) -> Result<Option<Table>, OpenError> + Sync,
    source: &S,
    query: &Query,
    each: impl FnMut(FoundAnywhere) -> ControlFlow<()>,
) -> Result<Searched, SearchError> {
    search_by(log, open, source, query, Hearsay::Heard, each)
}

/// The same for evidence: nothing that is not sealed says anything of what is, and a segment that was passed over is told as one that
/// cannot be read.
///
/// # Errors
/// As [`search`].
pub fn search_signed<S: Source>(
    log: &Log,
    open: impl Fn(&Seal) -> Result<Option<Table>, OpenError> + Sync,
    source: &S,
    query: &Query,
    each: impl FnMut(FoundAnywhere) -> ControlFlow<()>,
) -> Result<Searched, SearchError> {
    search_by(log, open, source, query, Hearsay::Ignored, each)
}

/// Why a table cannot be opened.
type OpenError = Box<dyn Error + Send + Sync>;

/// What becomes of what unsealed records say of sealed ones: their ends, repeats and true times.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Hearsay {
    Heard,
    Ignored,
}

fn search_by<S: Source>(
    log: &Log,
    open: impl Fn(&Seal) -> Result<Option<Table>, OpenError> + Sync,
    source: &S,
    query: &Query,
    hearsay: Hearsay,
    mut each: impl FnMut(FoundAnywhere) -> ControlFlow<()>,
) -> Result<Searched, SearchError> {
    // Listed once: a segment that is sealed and removed while seals are read is told as one that cannot be read.
    let through = log.through_segment();
    let listed = Listed::new(source).map_err(SearchError::List)?;
    let source = &listed.without(|segment| segment.number() <= through && is_gone(source, segment));
    let segments = source.list().map_err(SearchError::List)?;
    let seals: Vec<&Seal> = readable(log).collect();
    let (filter, frames) = (Filter::from(query), Frames::new(log.leaves()));
    let mut readers = Readers::new(&seals, &open, &filter, &frames, |seal| frames.may_have(seal, query));
    if hearsay == Hearsay::Heard && readers.may_ask_segments() {
        read_clock_ties(source, &segments, |tie| readers.note_tie(tie));
    }
    let waiting = OnceCell::new();
    let before = log.through().saturating_add(1);
    let joiner = Joiner { readers: &readers, source, segments: &segments, before, hearsay, waiting };
    let stead = Stead { source, segments: &segments, query, joiner: &joiner };
    let mut searched =
        Searched { seals_nameless: count_nameless(log, &seals, &frames, query), ..Searched::default() };
    let mut passed = Passed::new(log, source, query, hearsay, (segments.as_slice(), seals.as_slice()));
    let flow = readers.run(|place, batch| {
        let known = || seals.get(place).map_or_else(Reckoning::default, |seal| readers.known_of(place, seal));
        passed.give_up_to(place, known, &mut each)?;
        match (batch, seals.get(place)) {
            (Ok(rows), _) => rows.into_iter().try_for_each(|row| joiner.take(place, row, &mut each)),
            (Err(End::Read), _) | (Err(_), None) => {
                searched.seals_read += 1;
                ControlFlow::Continue(())
            }
            (Err(end), Some(seal)) => {
                let known = readers.known_of(place, seal);
                let (flow, is_whole) = stead.search(place, seal, known, &mut each);
                if stead.has(seal) {
                    searched.from_segments.push(seal.number);
                }
                match end {
                    _ if is_whole => {}
                    End::Locked | End::Read => searched.seals_locked += 1,
                    End::Unreadable(error) => {
                        searched.seals_unreadable += 1;
                        if flow.is_continue() {
                            return each(FoundAnywhere::Unreadable { seal: seal.number, error });
                        }
                    }
                }
                flow
            }
        }
    });
    let known = || frames.reckoning_after_all();
    if flow.is_continue() && passed.give_up_to(usize::MAX, known, &mut each).is_continue() {
        let rest = segments.iter().copied().filter(|segment| segment.number() > through).collect();
        searched.segments = search_waiting(&Listed::of(source, rest), query, known(), before, &mut each)?;
    }
    passed.count(&mut searched.segments);
    Ok(searched)
}

/// Searches segments that are not sealed yet.
fn search_waiting<S: Source>(
    source: &S,
    query: &Query,
    known: Reckoning,
    before: u64,
    each: &mut impl FnMut(FoundAnywhere) -> ControlFlow<()>,
) -> Result<Summary, SearchError> {
    search_reckoned(source, query, known, |hit| match number_of(&hit) {
        // A segment that pretends to be new.
        Some(number) if number < before => ControlFlow::Continue(()),
        Some(_) | None => each(FoundAnywhere::Hit(Box::new(hit))),
    })
}

/// Whether a search would read what anybody can read of sealed days: their plain sealed files, and not the segments beside them.
///
/// # Errors
/// The segments cannot be listed.
pub fn reads_plain_seals<S: Source>(log: &Log, source: &S, query: &Query) -> io::Result<bool> {
    let (segments, frames) = (source.list()?, Frames::new(log.leaves()));
    let is_read = |seal: &Seal| seal.file.form == Form::Plain && frames.may_have(seal, query);
    Ok(readable(log).any(|seal| is_read(seal) && segments_of(seal, &segments).is_none()))
}

/// The seals that may have something of what is asked for: by the times of their records, and for those that were made without
/// the time, by when the log leaves it open that they were.
pub fn seals_that_may_have<'l>(log: &'l Log, query: &Query) -> impl Iterator<Item = &'l Seal> {
    let frames = Frames::new(log.leaves());
    log.seals().filter(move |seal| frames.may_have(seal, query))
}

/// Of how many seals that may have something who it was is deleted, where that is what is asked for.
fn count_nameless(log: &Log, seals: &[&Seal], frames: &Frames, query: &Query) -> usize {
    let Query { device, room, lesson, person, .. } = query;
    if device.is_none() && room.is_none() && lesson.is_none() && person.is_none() {
        return 0;
    }
    let deleted = log.expiries();
    let is_nameless =
        |seal: &&&Seal| deleted.contains_key(&(seal.number, Field::Who)) && frames.may_have(seal, query);
    seals.iter().filter(is_nameless).count()
}

/// The seals that are not deleted: what was, when its time was over, is nowhere to be read.
fn readable(log: &Log) -> impl Iterator<Item = &Seal> {
    let deleted = log.expiries();
    log.seals().filter(move |seal| !seal.is_deleted(&deleted))
}

/// The segments that a seal was made of, where all of them are still there.
fn segments_of(seal: &Seal, segments: &[SegmentId]) -> Option<Vec<SegmentId>> {
    let (first, last) = seal.segments;
    let own: Vec<SegmentId> =
        segments.iter().copied().filter(|it| (first..=last).contains(&it.number())).collect();
    let count = last.checked_sub(first)?.checked_add(1)?;
    (own.len() as u64 == count).then_some(own)
}

/// The number of a record.
fn number_of(hit: &Hit) -> Option<u64> {
    match hit {
        Hit::Access(found) => Some(found.sequence.number()),
        Hit::Act(found) => Some(found.sequence.number()),
        Hit::Person(found) => Some(found.sequence.number()),
        Hit::Damage(_) | Hit::Unreadable { .. } => None,
    }
}

/// Whether a segment was removed since it was listed.
pub(crate) fn is_gone<S: Source>(source: &S, segment: SegmentId) -> bool {
    source.open(segment).is_err_and(|error| error.kind() == io::ErrorKind::NotFound)
}

/// What stands for seals that cannot be opened: their segments. Those of a day that is under way stay, so that the box can be
/// searched without anybody's key.
struct Stead<'s, 'j, S, O> {
    source: &'s S,
    segments: &'s [SegmentId],
    query: &'s Query,
    joiner: &'s Joiner<'j, S, O>,
}

impl<S: Source, O> Stead<'_, '_, S, O> {
    fn has(&self, seal: &Seal) -> bool {
        segments_of(seal, self.segments).is_some()
    }

    /// Gives out what the segments have of a seal. Returns whether these are all its records.
    fn search(
        &self,
        place: usize,
        seal: &Seal,
        known: Reckoning,
        each: &mut impl FnMut(FoundAnywhere) -> ControlFlow<()>,
    ) -> (ControlFlow<()>, bool) {
        let Some(own) = segments_of(seal, self.segments) else { return (ControlFlow::Continue(()), false) };
        let (after, through) = seal.sequences;
        let source = Listed::of(self.source, own.clone());
        let mut flow = ControlFlow::Continue(());
        let searched = search_reckoned(&source, self.query, known, |hit| {
            let is_own = number_of(&hit).is_none_or(|number| after < number && number <= through);
            if is_own {
                flow = self.joiner.give(place, hit, each);
            }
            flow
        });
        let tally = harvest(&source, &own, after, |_| {});
        let is_whole = tally.is_ok_and(|tally| is_all(&tally, seal)) && searched.is_ok();
        (flow, is_whole)
    }
}

/// Whether what was counted in segments is what was sealed of them.
pub(crate) fn is_all(tally: &Tally, seal: &Seal) -> bool {
    (tally.records, tally.last_sequence, tally.times, tally.clocks)
        == (seal.records, seal.sequences.1, seal.times, seal.clocks)
}

/// Joins to accesses what is said of them later.
struct Joiner<'s, S, O> {
    readers: &'s Readers<'s, O>,
    source: &'s S,
    segments: &'s [SegmentId],
    /// What is not below this stands in segments, too.
    before: u64,
    hearsay: Hearsay,
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
        match sealed {
            Sealed::Late(_) => ControlFlow::Continue(()),
            Sealed::Other(row) => each(FoundAnywhere::Other(row)),
            Sealed::Hit(hit) => self.give(place, *hit, each),
        }
    }

    fn give(
        &self,
        place: usize,
        hit: Hit,
        each: &mut impl FnMut(FoundAnywhere) -> ControlFlow<()>,
    ) -> ControlFlow<()> {
        let hit = match hit {
            Hit::Access(found) => Hit::Access(self.join(place, found)),
            hit @ Hit::Act(_)
            | hit @ Hit::Person(_)
            | hit @ Hit::Damage(_)
            | hit @ Hit::Unreadable { .. } => hit,
        };
        each(FoundAnywhere::Hit(Box::new(hit)))
    }

    fn join(&self, place: usize, mut found: Box<Found>) -> Box<Found> {
        self.readers.news_after(place).for_each(|news| news.join(&mut found));
        if self.hearsay == Hearsay::Heard && place + LATE_SEALS >= self.readers.count() {
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
