//! The records of an extract.

use std::collections::{BTreeMap, BTreeSet};
use std::io;

use journal::{DamageKind, Found, Hit, Query};
use model::{PersonAct, Scope, Selection, Topic};

use crate::bundle::csv::CsvWriter;
use crate::log::Log;
use crate::retention::Field;
use crate::row::Row;
use crate::seal::Seal;
use crate::search::{FoundAnywhere, Searched, seals_that_may_have};
use crate::table::{TableError, TableWriter};
use crate::words::Details;

/// Most records of an extract. They are written in memory, a hundred bytes each: more are for those who take the sealed
/// files themselves.
pub const ROWS_MAX: u64 = 500_000;

/// An extract cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum ExtractError {
    /// There are too many records.
    #[error("more than {0} records: take a shorter time, or a device")]
    TooMany(u64),
    /// They cannot be written as a table.
    #[error(transparent)]
    Table(#[from] TableError),
    /// They cannot be written as text.
    #[error("the records cannot be written as text")]
    Text(#[from] io::Error),
}

/// What a search is asked for a selection; what it finds is for [`is_selected`] to choose from.
#[must_use]
pub fn query(selection: &Selection) -> Query {
    Query {
        from: selection.from,
        to: selection.to,
        device: selection.device.as_ref().map(|device| device.as_str().to_owned()),
        host: selection.host.clone(),
        lesson: selection.lesson.map(|lesson| lesson.to_string()),
        verdict: selection.verdict,
        // Whether acts are of a room, a person or a category is finer than what a search asks.
        ..Query::default()
    }
}

/// Whether what a search came across is a place that cannot be read. An end that is being written is none.
#[must_use]
pub fn is_unreadable(found: &FoundAnywhere) -> bool {
    match found {
        FoundAnywhere::Unreadable { .. } => true,
        // Sealed as they were, and no record that this program understands.
        FoundAnywhere::Other(row) => !row.is_torn_end(),
        FoundAnywhere::Hit(hit) => match &**hit {
            Hit::Unreadable { .. } => true,
            Hit::Damage(damage) => damage.kind != DamageKind::Tail,
            Hit::Access(_) | Hit::Act(_) | Hit::Person(_) => false,
        },
    }
}

/// Whether a record that a search found is selected.
#[must_use]
pub fn is_selected(selection: &Selection, hit: &Hit) -> bool {
    match hit {
        Hit::Access(found) => is_access_selected(selection, found),
        Hit::Act(found) if selection.with_people => {
            let rule = &found.act.rule;
            selection.room.as_ref().is_none_or(|room| rule.scope == Scope::Room(room.clone()))
                && selection.person.as_ref().is_none_or(|person| found.act.is_of(person))
                && selection
                    .category
                    .as_ref()
                    .is_none_or(|category| rule.topic == Topic::Category(category.clone()))
        }
        Hit::Person(found) if selection.with_people => {
            let PersonAct { author, deed, .. } = &found.act;
            selection.room.as_ref().is_none_or(|room| deed.room() == Some(room))
                && selection.person.as_ref().is_none_or(|person| author == person)
                && selection.category.is_none()
        }
        Hit::Act(_) | Hit::Person(_) | Hit::Damage(_) | Hit::Unreadable { .. } => false,
    }
}

fn is_access_selected(selection: &Selection, found: &Found) -> bool {
    let category = Details::of(&found.reason).category;
    selection.room.as_ref().is_none_or(|room| found.room.as_ref() == Some(room))
        && selection.person.as_ref().is_none_or(|person| found.person.as_deref() == Some(person.as_str()))
        && selection.category.as_ref().is_none_or(|wanted| category == Some(wanted.as_str()))
}

/// An extract that is being made, in both its forms.
pub struct Extract {
    selection: Selection,
    /// The ranges of all seals.
    ranges: Vec<(u64, (u64, u64))>,
    seals: BTreeSet<u64>,
    deleted: Vec<(u64, Field)>,
    table: TableWriter,
    text: CsvWriter,
    rows: u64,
    rows_max: u64,
    /// How many of each seal; those of none under 0.
    rows_of: BTreeMap<u64, u64>,
    from_segments: Vec<u64>,
    untimed: u64,
}

/// An extract, made.
#[derive(Debug)]
pub struct Extracted {
    pub(crate) table: Vec<u8>,
    pub(crate) text: Vec<u8>,
    /// How many records it has.
    pub rows: u64,
    /// How many of them were not sealed yet.
    pub unsealed: u64,
    /// How many of them were made nobody knows when: they may be of the time that was asked for.
    pub untimed: u64,
    /// The seals that may have something, and those that something is from.
    pub seals: BTreeSet<u64>,
    /// Parts of seals that might have something, and that are deleted.
    pub(crate) deleted: Vec<(u64, Field)>,
    /// Seals whose records are those of segments beside them.
    pub(crate) from_segments: Vec<u64>,
}

impl Extract {
    /// An empty one, of a journal with this log of seals; with at most so many records, [`ROWS_MAX`] in any case.
    ///
    /// # Errors
    /// [`ExtractError`].
    pub fn new(selection: &Selection, log: &Log, rows_max: u64) -> Result<Self, ExtractError> {
        let query = query(selection);
        let expiries = log.expiries();
        let (deleted, left) = partition(seals_that_may_have(log, &query), &expiries);
        Ok(Self {
            selection: selection.clone(),
            ranges: log.seals().map(|seal| (seal.number, seal.sequences)).collect(),
            seals: left,
            deleted,
            table: TableWriter::of_extract()?,
            text: CsvWriter::of_extract()?,
            rows: 0,
            rows_max: rows_max.min(ROWS_MAX),
            rows_of: BTreeMap::new(),
            from_segments: Vec::new(),
            untimed: 0,
        })
    }

    /// Takes what a search found, where it is selected.
    ///
    /// # Errors
    /// [`ExtractError`].
    pub fn push(&mut self, hit: &Hit) -> Result<(), ExtractError> {
        let Some(row) = select(&self.selection, hit) else { return Ok(()) };
        if self.rows >= self.rows_max {
            return Err(ExtractError::TooMany(self.rows_max));
        }
        self.rows += 1;
        self.untimed += u64::from(row.is_untimed());
        let record = row.sequence();
        let place = self.ranges.partition_point(|(_, (_, through))| *through < record);
        // Between two seals stands what was deleted before it was sealed.
        let of = self.ranges.get(place).filter(|(_, (after, _))| *after < record).map(|(seal, _)| *seal);
        self.seals.extend(of);
        *self.rows_of.entry(of.unwrap_or(0)).or_default() += 1;
        self.text.push(&row)?;
        Ok(self.table.push(row)?)
    }

    /// Takes note of the seals for which segments stood: their rows are nobody's but the box's.
    pub fn note_segments(&mut self, searched: &Searched) {
        self.from_segments.clone_from(&searched.from_segments);
    }

    /// The whole extract.
    ///
    /// # Errors
    /// [`ExtractError`].
    pub fn finish(self) -> Result<Extracted, ExtractError> {
        let Self { rows, rows_of, mut from_segments, untimed, seals, deleted, .. } = self;
        from_segments.retain(|seal| rows_of.contains_key(seal));
        let unsealed = from_segments.iter().chain(&[0]).filter_map(|seal| rows_of.get(seal)).sum();
        let (table, text) = (self.table.finish()?, self.text.finish()?);
        Ok(Extracted { table, text, rows, unsealed, untimed, seals, deleted, from_segments })
    }
}

/// Of some seals the parts that are deleted, and the numbers of those of which something is left.
pub(super) fn partition<'s, T>(
    seals: impl Iterator<Item = &'s Seal>,
    expiries: &BTreeMap<(u64, Field), T>,
) -> (Vec<(u64, Field)>, BTreeSet<u64>) {
    let (mut deleted, mut left) = (Vec::new(), BTreeSet::new());
    for seal in seals {
        let parts = seal.files().map(|(field, _, _)| (seal.number, field));
        deleted.extend(parts.filter(|part| expiries.contains_key(part)));
        if !seal.is_deleted(expiries) {
            left.insert(seal.number);
        }
    }
    (deleted, left)
}

/// The row of a record that is selected.
pub(super) fn select(selection: &Selection, hit: &Hit) -> Option<Row> {
    is_selected(selection, hit).then(|| Row::of_hit(hit, selection.with_people)).flatten()
}
