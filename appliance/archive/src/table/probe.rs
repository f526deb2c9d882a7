//! Which groups of a table may have what is looked for, by its sieves.

use std::cell::RefCell;
use std::collections::HashMap;

use super::chart::Chart;
use super::guide::Guide;
use super::outline::Outline;
use super::{TableError, survive};
use crate::filter::Filter;
use crate::pieces::{Pieces, Stretch};
use crate::sieve::{self, Sieve, Trait};

/// One question, asked of group after group.
pub(super) struct Probe<'t> {
    pieces: &'t Pieces,
    chart: Option<&'t Chart>,
    guide: &'t Guide,
    /// The blocks of each value that was asked for, of all groups.
    blocks: RefCell<HashMap<u64, Stretch>>,
}

impl<'t> Probe<'t> {
    pub(super) fn new(pieces: &'t Pieces, chart: Option<&'t Chart>, guide: &'t Guide) -> Self {
        Self { pieces, chart, guide, blocks: RefCell::default() }
    }

    /// Whether a group with this outline may have matching rows. Where there are no sieves, it may.
    pub(super) fn may_match(
        &self,
        group: usize,
        outline: &Outline,
        filter: &Filter,
    ) -> Result<bool, TableError> {
        if !filter.asks_sieve() {
            return Ok(true);
        }
        let has_takings = outline.has_takings();
        match (self.chart, self.guide.group(group)) {
            (Some(chart), _) => self.ask(chart, (group, has_takings), filter),
            (None, Some(landmark)) => {
                let bytes = self.pieces.tail().part(landmark.sieve_at, landmark.sieve_bytes);
                let bytes = bytes.ok_or(TableError::Layout("a sieve is not where the guide says"))?;
                let sieve = survive(|| Ok(Sieve::read(bytes.bytes())?))?;
                Ok(filter.may_match(has_takings, |of, value| sieve.may_have(of, value)))
            }
            (None, None) => Ok(true),
        }
    }

    fn ask(
        &self,
        chart: &Chart,
        (group, has_takings): (usize, bool),
        filter: &Filter,
    ) -> Result<bool, TableError> {
        let failed = RefCell::new(None);
        let may_match = filter.may_match(has_takings, |of: Trait, value: &str| {
            let may_have = self.may_have(chart, group, sieve::hash_of(of, value));
            may_have.unwrap_or_else(|error| {
                failed.replace(Some(error));
                true
            })
        });
        failed.into_inner().map_or(Ok(may_match), Err)
    }

    fn may_have(&self, chart: &Chart, group: usize, hash: u64) -> Result<bool, TableError> {
        if let Some(blocks) = self.blocks.borrow().get(&hash) {
            return Ok(sieve::may_have(blocks.bytes(), group, hash));
        }
        let (offset, length) = chart.sieves.blocks_of(hash);
        let at = chart.sieves_at.saturating_add(offset);
        let blocks = self.pieces.read_blocks(at, length, chart.compared()?)?;
        let may_have = sieve::may_have(blocks.bytes(), group, hash);
        self.blocks.borrow_mut().insert(hash, blocks);
        Ok(may_have)
    }
}
