//! Whether the records are what they are said to be: both forms the same, in order, and from these seals.

use std::io::{Read, Seek};

use journal::Query;
use model::{ClockQuality, Selection};

use super::compare::Mark;
use super::origin::Origin;
use super::{BundleFinding, BundleRemark, Check};
use crate::bundle::csv::CsvWriter;
use crate::bundle::manifest::{Manifest, VERSION_OF_PROOFS};
use crate::bundle::name;
use crate::bundle::select::{ROWS_MAX, query};
use crate::bundle::zip::Unzipped;
use crate::filter::Filter;
use crate::row::Text;
use crate::table::{GroupFlaw, Table, TableError};

/// Most deleted parts that are told one by one: those of a year in which everything is apart.
const DELETED_TOLD_MAX: usize = 2_000;

impl<R: Read + Seek> Check<'_, R> {
    pub(super) fn check_rows(&mut self, manifest: &Manifest, origin: &Origin) -> Result<(), Unzipped> {
        let table = self.archive.read(name::TABLE)?.unwrap_or_default().0;
        let text = self.archive.read(name::CSV)?.unwrap_or_default().0;
        let mut rows = match Rows::read(table, manifest, origin) {
            Ok(rows) => rows,
            Err(error) => {
                self.find(BundleFinding::Table(error));
                return Ok(());
            }
        };
        self.report.rows = rows.count;
        if rows.count != manifest.rows {
            self.find(BundleFinding::Rows { expected: manifest.rows, found: rows.count });
        }
        // The first is enough: a wrong sieve may deny each row.
        self.report.findings.extend(rows.flaw.take().map(BundleFinding::Flaw));
        if let Some(record) = rows.outside {
            self.find(BundleFinding::Outside(record));
        }
        if let Some(record) = rows.disorder {
            self.find(BundleFinding::Disorder(record));
        }
        if rows.unsealed != manifest.unsealed {
            self.find(BundleFinding::Unsealed { expected: manifest.unsealed, found: rows.unsealed });
        }
        if rows.untimed != manifest.untimed {
            self.find(BundleFinding::Untimed { expected: manifest.untimed, found: rows.untimed });
        }
        if let Some(line) = first_difference(&rows.text, &text) {
            self.find(BundleFinding::Text(line));
        }
        let counts = [
            (manifest.unsealed, BundleRemark::Unsealed as fn(u64) -> BundleRemark),
            (manifest.locked, BundleRemark::Locked),
            (manifest.unreadable, BundleRemark::Unreadable),
            (rows.unset, BundleRemark::Unset),
            (rows.untimed, BundleRemark::Untimed),
        ];
        let told = counts.into_iter().filter(|(count, _)| *count > 0).map(|(count, tell)| tell(count));
        self.report.remarks.extend(told);
        if manifest.request.reading.is_none() {
            self.report.remarks.push(BundleRemark::Unrecorded);
        }
        let deleted = manifest.deleted.iter().take(DELETED_TOLD_MAX);
        let deleted = deleted.map(|(seal, field)| BundleRemark::Deleted { seal: *seal, field: *field });
        self.report.remarks.extend(deleted);
        self.compare(manifest, origin, &rows.marks)
    }
}

/// The records of an extract.
#[derive(Default)]
struct Rows {
    count: u64,
    unsealed: u64,
    /// Of the first version: made while nobody had set the clock, and chosen by what it showed.
    unset: u64,
    /// Made nobody knows when.
    untimed: u64,
    /// The first record that is not of what was asked for.
    outside: Option<u64>,
    /// The first record that does not come after the one before.
    disorder: Option<u64>,
    /// What the table first says wrongly of them.
    flaw: Option<GroupFlaw>,
    /// What the text should be.
    text: Vec<u8>,
    /// In the order of their numbers.
    marks: Vec<Mark>,
}

impl Rows {
    fn read(table: Vec<u8>, manifest: &Manifest, origin: &Origin) -> Result<Self, TableError> {
        let mut rows = Self::default();
        let is_first_version = manifest.version == VERSION_OF_PROOFS;
        let text = if is_first_version { CsvWriter::of_first_version() } else { CsvWriter::of_extract() };
        let mut text = text.map_err(|_| TableError::Layout("it cannot be written as text"))?;
        let asked = asked_for(&manifest.selection);
        let mut last = 0;
        let table = Table::open(table)?;
        if table.row_count() > ROWS_MAX {
            return Err(TableError::Layout("it has more rows than any extract"));
        }
        let mut first = None;
        let find = |flaw| _ = first.get_or_insert(flaw);
        table.doubt(find, |row| {
            let record = row.sequence();
            if record <= last && rows.disorder.is_none() {
                rows.disorder = Some(record);
            }
            last = record;
            rows.count += 1;
            let when = (!is_first_version).then(|| row.when_told()).flatten();
            if !asked.matches(row, when) && rows.outside.is_none() {
                rows.outside = Some(record);
            }
            let is_unset = row.text(Text::Clock) == Some(ClockQuality::Unset.as_str());
            rows.unset += u64::from(is_first_version && is_unset);
            rows.untimed += u64::from(!is_first_version && row.is_untimed());
            let seal = origin.find(record).filter(|seal| !manifest.from_segments.contains(&seal.number));
            rows.unsealed += u64::from(seal.is_none());
            rows.marks.extend(Mark::of(row, manifest));
            // Into memory: it cannot fail.
            text.push(row).ok();
        })?;
        rows.flaw = first;
        rows.text = text.finish().map_err(|_| TableError::Layout("it cannot be written as text"))?;
        rows.marks.sort_unstable_by_key(|mark| mark.number);
        Ok(rows)
    }
}

/// What an extract's rows are to match. Names of people are in it only where they were asked for.
fn asked_for(selection: &Selection) -> Filter {
    Filter::from(&Query {
        room: selection.room.clone(),
        person: selection.person.clone().filter(|_| selection.with_people),
        category: selection.category.clone(),
        ..query(selection)
    })
}

/// The first line, counted from 1, in which two texts differ.
fn first_difference(expected: &[u8], found: &[u8]) -> Option<usize> {
    let is_line_end = |byte: &u8| *byte == b'\n';
    let mut lines = expected.split(is_line_end).zip(found.split(is_line_end));
    if expected == found {
        return None;
    }
    let place = lines.position(|(expected, found)| expected != found);
    Some(
        place.unwrap_or_else(|| expected.split(is_line_end).count().min(found.split(is_line_end).count()))
            + 1,
    )
}
