//! The true times of records that were made without the time, wherever what ties them to it is kept.

use journal::{ClockTie, Query, Reckoning, Source, read_clock_ties};

use crate::log::Log;
use crate::seal::Seal;
use crate::table::Table;

/// In how many seals after a record without the time its tie is looked for: the clock of a box that runs is set within
/// days, or not in that run.
const TIE_SEALS: usize = 8;

/// What is known of the true times of records that a query may find. `open` gives the table of a seal, or `None`. Tables are
/// read only where seals have records of a clock that was not known, and soon after.
pub fn reckoning<S: Source>(
    log: &Log,
    open: impl Fn(&Seal) -> Option<Table>,
    source: &S,
    query: &Query,
) -> Reckoning {
    let mut ties: Vec<ClockTie> = Vec::new();
    let deleted = log.expiries();
    let mut wanted = 0;
    for seal in log.seals().filter(|seal| !seal.is_deleted(&deleted)) {
        let [_, alone, unset] = seal.clocks;
        if alone + unset > 0 && may_have(seal, query) {
            wanted = 1 + TIE_SEALS;
        }
        if wanted > 0
            && let Some(table) = open(seal)
        {
            // What cannot be read is told by the search itself.
            table.read_clock_ties(|tie| ties.push(tie)).ok();
        }
        wanted = wanted.saturating_sub(1);
    }
    if let Ok(segments) = source.list() {
        read_clock_ties(source, &segments, |tie| ties.push(tie));
    }
    Reckoning::new(ties)
}

/// Whether a seal may have something, by its times: those of a clock that was not known may be any.
fn may_have(seal: &Seal, query: &Query) -> bool {
    let Some((earliest, latest)) = seal.times else { return false };
    query.from.is_none_or(|from| latest >= from) && query.to.is_none_or(|to| earliest < to)
}
