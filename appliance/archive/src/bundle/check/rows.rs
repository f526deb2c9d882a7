//! Whether the records are what they are said to be: both forms the same, from these seals, and as they were sealed.

use std::io::{Read, Seek};
use std::ops::ControlFlow;

use model::ClockQuality;

use super::{BundleFinding, BundleRemark, Check};
use crate::apart::join_apart;
use crate::bundle::csv::CsvWriter;
use crate::bundle::manifest::Manifest;
use crate::bundle::name;
use crate::bundle::select::{query, select};
use crate::bundle::zip::Unzipped;
use crate::crypt::decrypt;
use crate::filter::Filter;
use crate::hash::Hash;
use crate::reading::Sealed;
use crate::retention::Field;
use crate::row::{Number, Row, Text};
use crate::seal::{Form, Seal};
use crate::table::{Table, TableError};

/// What is said of an access after it was sealed: an extract may know more of it than the sealed file.
const LATE: [&str; 8] =
    ["end_time", "end", "peer", "bytes_up", "bytes_down", "duration_ms", "count", "last_time"];

/// Most gaps between seals that are told one by one: more than a year has days.
const GAPS_TOLD_MAX: usize = 400;

/// A record: its number, and a hash of what was known when it was sealed.
type Mark = (u64, Hash);

impl<R: Read + Seek> Check<'_, R> {
    pub(super) fn check_rows(&mut self, manifest: &Manifest, seals: &[Seal]) -> Result<(), Unzipped> {
        let table = self.archive.read(name::TABLE)?.unwrap_or_default().0;
        let text = self.archive.read(name::CSV)?.unwrap_or_default().0;
        let rows = match Rows::read(table, manifest, seals) {
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
        if let Some(record) = rows.disorder {
            self.find(BundleFinding::Disorder(record));
        }
        if rows.unsealed != manifest.unsealed {
            self.find(BundleFinding::Unsealed { expected: manifest.unsealed, found: rows.unsealed });
        }
        if let Some(line) = first_difference(&rows.text, &text) {
            self.find(BundleFinding::Text(line));
        }
        let counts = [
            (manifest.unsealed, BundleRemark::Unsealed as fn(u64) -> BundleRemark),
            (manifest.locked, BundleRemark::Locked),
            (manifest.unreadable, BundleRemark::Unreadable),
            (rows.untimed, BundleRemark::Untimed),
        ];
        self.report
            .remarks
            .extend(counts.into_iter().filter(|(count, _)| *count > 0).map(|(count, tell)| tell(count)));
        self.compare(manifest, seals, &rows.marks)
    }

    /// Compares the records with the sealed files that are here and can be read.
    fn compare(&mut self, manifest: &Manifest, seals: &[Seal], marks: &[Mark]) -> Result<(), Unzipped> {
        let (mut unseen, mut compared, mut rows) = (0, 0, 0);
        for seal in seals {
            let (after, through) = seal.sequences;
            let own: Vec<Mark> =
                marks.iter().copied().filter(|(record, _)| after < *record && *record <= through).collect();
            match self.read_sealed(manifest, seal)? {
                Some(sealed) => {
                    compared += 1;
                    rows += sealed.len() as u64;
                    self.report.findings.extend(differences(seal.number, &sealed, &own));
                }
                None => unseen += 1,
            }
        }
        let gaps = seals.iter().zip(seals.iter().skip(1)).filter_map(|(seal, next)| {
            let (through, after) = (seal.sequences.1, next.sequences.0);
            (through < after).then(|| BundleRemark::Gap(through.saturating_add(1), after))
        });
        self.report.remarks.extend(gaps.take(GAPS_TOLD_MAX));
        if compared > 0 {
            self.report.remarks.push(BundleRemark::Compared { seals: compared, rows });
        }
        if unseen > 0 {
            self.report.remarks.push(BundleRemark::Unseen(unseen));
        }
        Ok(())
    }

    /// What a sealed file has of what was asked for; `None` where it is not here, or encrypted to others.
    fn read_sealed(&mut self, manifest: &Manifest, seal: &Seal) -> Result<Option<Vec<Mark>>, Unzipped> {
        let mut tables = Vec::new();
        for (_, sealed, file) in seal.files() {
            let file = format!("{}{file}", name::SEALED);
            let Some((bytes, _)) = self.archive.read(&file)? else {
                // Of what was taken apart, a part may be deleted by now.
                continue;
            };
            if Hash::of(&bytes) != sealed.hash {
                self.find(BundleFinding::Sealed { seal: seal.number, file });
                return Ok(None);
            }
            let Some(table) = self.decrypt(seal.number, sealed.form, bytes) else { return Ok(None) };
            tables.push(table);
        }
        if tables.is_empty() {
            return Ok(None);
        }
        let is_who_apart = seal.file(Field::Who).is_some();
        let table = join_apart(tables, is_who_apart).and_then(Table::open);
        match table.and_then(|table| marks_of(&table, manifest)) {
            Ok(marks) => Ok(Some(marks)),
            Err(error) => {
                self.find(BundleFinding::Unreadable { seal: seal.number, error: error.to_string() });
                Ok(None)
            }
        }
    }

    fn decrypt(&mut self, seal: u64, form: Form, bytes: Vec<u8>) -> Option<Vec<u8>> {
        match (form, self.trust.identities.as_slice()) {
            (Form::Plain, _) => Some(bytes),
            (Form::Encrypted, []) => None,
            (Form::Encrypted, identities) => match decrypt(&bytes, identities) {
                Ok(table) => table,
                Err(error) => {
                    self.find(BundleFinding::Unreadable { seal, error: error.to_string() });
                    None
                }
            },
        }
    }
}

/// The records of an extract.
struct Rows {
    count: u64,
    unsealed: u64,
    /// Made while nobody had set the clock.
    untimed: u64,
    /// The first record that does not come after the one before.
    disorder: Option<u64>,
    /// What the text should be.
    text: Vec<u8>,
    marks: Vec<Mark>,
}

impl Rows {
    fn read(table: Vec<u8>, manifest: &Manifest, seals: &[Seal]) -> Result<Self, TableError> {
        let mut rows =
            Self { count: 0, unsealed: 0, untimed: 0, disorder: None, text: Vec::new(), marks: Vec::new() };
        let mut text = CsvWriter::new().map_err(|_| TableError::Layout("it cannot be written as text"))?;
        let mut last = 0;
        Table::open(table)?.each_row(|row| {
            let record = row.sequence();
            if record <= last && rows.disorder.is_none() {
                rows.disorder = Some(record);
            }
            last = record;
            rows.count += 1;
            rows.untimed += u64::from(row.text(Text::Clock) == Some(ClockQuality::Unset.as_str()));
            let is_of = |seal: &Seal| seal.sequences.0 < record && record <= seal.sequences.1;
            rows.unsealed += u64::from(!seals.iter().any(is_of));
            rows.marks.extend(mark(&row, manifest));
            // Into memory: it cannot fail.
            text.push(&row).ok();
        })?;
        rows.text = text.finish().map_err(|_| TableError::Layout("it cannot be written as text"))?;
        Ok(rows)
    }
}

fn marks_of(table: &Table, manifest: &Manifest) -> Result<Vec<Mark>, TableError> {
    let mut marks = Vec::new();
    let filter = Filter::from(&query(&manifest.selection));
    let flow = table.search(&filter, |sealed| {
        if let Sealed::Hit(hit) = sealed {
            let row = select(&manifest.selection, &hit);
            marks.extend(row.and_then(|row| mark(&row, manifest)));
        }
        ControlFlow::Continue(())
    })?;
    debug_assert!(flow.is_continue());
    Ok(marks)
}

/// What of a record was known when it was sealed. `None` for one from before the window, whose repeats may reach into it: of
/// those a sealed file may know less than the extract.
fn mark(row: &Row, manifest: &Manifest) -> Option<Mark> {
    let is_before = |from: model::Timestamp| row.time(Number::Time).is_some_and(|time| time < from);
    if manifest.selection.from.is_some_and(is_before) {
        return None;
    }
    let cells = row.cells().filter(|(name, _)| !LATE.contains(name));
    let text: String = cells.map(|(name, value)| format!("{name}\t{value}\n")).collect();
    Some((row.sequence(), Hash::of(text.as_bytes())))
}

/// What two lists of records differ in; both are in order.
fn differences(seal: u64, sealed: &[Mark], extract: &[Mark]) -> Vec<BundleFinding> {
    let is_in = |mark: &Mark, list: &[Mark]| list.binary_search_by_key(&mark.0, |other| other.0).ok();
    let omitted = sealed.iter().filter(|mark| is_in(mark, extract).is_none());
    let omitted = omitted.map(|(record, _)| BundleFinding::Omitted { seal, record: *record });
    let is_invented = |mark: &&Mark| is_in(mark, sealed).and_then(|place| sealed.get(place)) != Some(*mark);
    let invented = extract.iter().filter(is_invented);
    omitted.chain(invented.map(|(record, _)| BundleFinding::Invented { seal, record: *record })).collect()
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
