//! One search over what is sealed and what is not.

use std::collections::HashMap;
use std::error::Error;
use std::ops::ControlFlow;

use journal::{Found, Hit, Late, Query, SearchError, SegmentId, Source, Summary, inspect, read_late};

use crate::filter::Filter;
use crate::log::Log;
use crate::reading::Sealed;
use crate::row::Row;
use crate::seal::Seal;
use crate::table::Table;

/// In how many seals after the time that is asked for the ends of accesses are looked for: a week and more.
const LATE_SEALS: usize = 8;

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

/// Searches seals and segments. `read` gives the table of a seal; `None` where it is encrypted to others. Ends early when
/// `each` breaks.
///
/// # Errors
/// [`SearchError`]; whatever else cannot be read is told.
pub fn search<S: Source>(
    log: &Log,
    read: impl Fn(&Seal) -> Result<Option<Vec<u8>>, Box<dyn Error + Send + Sync>>,
    source: &S,
    query: &Query,
    mut each: impl FnMut(FoundAnywhere) -> ControlFlow<()>,
) -> Result<Searched, SearchError> {
    let segments = source.list().map_err(SearchError::List)?;
    let waiting_from = waiting_from(source, &segments);
    let mut searched = Searched::default();
    let seals: Vec<&Seal> = log.seals().filter(|seal| seal.sequences.0 + 1 < waiting_from).collect();
    let mut wanted =
        seals.iter().enumerate().filter(|(_, seal)| may_have(seal, query)).map(|(place, _)| place);
    if let Some(first) = wanted.next() {
        let last = wanted.next_back().unwrap_or(first);
        let mut scan = Scan { late: HashMap::new(), before: waiting_from, each: &mut each };
        for seal in seals.iter().take(last + 1 + LATE_SEALS).skip(first + 1) {
            if let Ok(Some(bytes)) = read(seal)
                && let Ok(table) = Table::open(bytes)
            {
                // What cannot be read is told below, where it may have something.
                table.read_late(|late| scan.note(late)).ok();
            }
        }
        read_late(source, &segments, waiting_from, |late| scan.note(late));
        let filter = Filter::from(query);
        let range = seals.get(first..=last).unwrap_or_default();
        for seal in range.iter().filter(|seal| may_have(seal, query)) {
            if scan.read(seal, &read, &filter, &mut searched).is_break() {
                return Ok(searched);
            }
        }
    }
    searched.segments = journal::search(source, query, |hit| each(FoundAnywhere::Hit(Box::new(hit))))?;
    Ok(searched)
}

/// The first record that stands in a segment. Segments that are sealed stay for a while, so that the box can be searched
/// without anybody's key.
fn waiting_from<S: Source>(source: &S, segments: &[SegmentId]) -> u64 {
    let first = segments.iter().find_map(|segment| inspect(source, *segment).ok().flatten());
    first.map_or(u64::MAX, |first| first.next_sequence)
}

/// Whether a seal may have something, by its times.
pub(crate) fn may_have(seal: &Seal, query: &Query) -> bool {
    // Without times it has damage only.
    let Some((earliest, latest)) = seal.times else { return true };
    query.from.is_none_or(|from| latest >= from) && query.to.is_none_or(|to| earliest < to)
}

struct Scan<'e, F> {
    late: HashMap<u64, Vec<Late>>,
    /// What is not below this stands in segments, too.
    before: u64,
    each: &'e mut F,
}

impl<F: FnMut(FoundAnywhere) -> ControlFlow<()>> Scan<'_, F> {
    fn note(&mut self, late: Late) {
        self.late.entry(late.of.number()).or_default().push(late);
    }

    fn read(
        &mut self,
        seal: &Seal,
        read: &impl Fn(&Seal) -> Result<Option<Vec<u8>>, Box<dyn Error + Send + Sync>>,
        filter: &Filter,
        searched: &mut Searched,
    ) -> ControlFlow<()> {
        let table = match read(seal) {
            Ok(Some(bytes)) => Table::open(bytes).map_err(Into::into),
            Ok(None) => {
                searched.seals_locked += 1;
                return ControlFlow::Continue(());
            }
            Err(error) => Err(error),
        };
        let outcome =
            table.and_then(|table| table.search(filter, |sealed| self.take(sealed)).map_err(Into::into));
        match outcome {
            Ok(flow) => {
                searched.seals_read += 1;
                flow
            }
            Err(error) => {
                searched.seals_unreadable += 1;
                (self.each)(FoundAnywhere::Unreadable { seal: seal.number, error })
            }
        }
    }

    fn take(&mut self, sealed: Sealed) -> ControlFlow<()> {
        let hit = match sealed {
            Sealed::Late(_) => return ControlFlow::Continue(()),
            Sealed::Other(row) => return (self.each)(FoundAnywhere::Other(row)),
            Sealed::Hit(hit) => hit,
        };
        let hit = match *hit {
            Hit::Access(found) if found.sequence.number() >= self.before => return ControlFlow::Continue(()),
            Hit::Access(found) => Hit::Access(self.join(found)),
            Hit::Act(found) if found.sequence.number() >= self.before => return ControlFlow::Continue(()),
            Hit::Person(found) if found.sequence.number() >= self.before => return ControlFlow::Continue(()),
            hit @ Hit::Act(_)
            | hit @ Hit::Person(_)
            | hit @ Hit::Damage(_)
            | hit @ Hit::Unreadable { .. } => hit,
        };
        (self.each)(FoundAnywhere::Hit(Box::new(hit)))
    }

    fn join(&self, mut found: Box<Found>) -> Box<Found> {
        for late in self.late.get(&found.sequence.number()).into_iter().flatten() {
            late.join(&mut found);
        }
        found
    }
}
