//! Whether the records are those that were sealed, all of them and as they were: where the sealed files are with the extract.

use std::collections::BTreeSet;
use std::io::{Read, Seek};

use journal::{Hit, Reckoning, Sequence};
use model::{ClockQuality, Selection, Timestamp, When};

use super::origin::Origin;
use super::{BundleFinding, BundleRemark, Check};
use crate::apart::join_apart;
use crate::bundle::manifest::{Manifest, VERSION_OF_PROOFS};
use crate::bundle::name;
use crate::bundle::select::{query, select};
use crate::bundle::zip::Unzipped;
use crate::crypt::decrypt;
use crate::filter::Filter;
use crate::hash::Hash;
use crate::reading::{Sealed, clock_tie};
use crate::retention::Field;
use crate::row::{MADE, Row};
use crate::seal::{Form, Seal};
use crate::table::{Table, TableError};

/// What is said of an access after it was sealed: an extract may know more of it than the sealed file. When a record was made
/// whose clock did not know is compared apart.
const LATE: [&str; 8] =
    ["end_time", "end", "peer", "bytes_up", "bytes_down", "duration_ms", "count", "last_time"];

/// A record.
#[derive(Clone, Copy)]
pub(super) struct Mark {
    pub(super) number: u64,
    /// Of what was known when it was sealed.
    hash: Hash,
    /// Of what may be said of it later.
    late: Hash,
    /// When it was made at the earliest and at the latest, where its clock did not know.
    made: [Option<i64>; MADE.len()],
    /// Of a sealed record: what follows from the files that are here.
    sealed: Certainty,
}

/// How far it follows from sealed files that a record belongs to an extract.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Certainty {
    /// It does, and it was made when these files say.
    Certain,
    /// Its clock did not know the time. It may belong to it: what ties it to the true time is not here.
    Likely,
    /// The same; by all that is known it does not belong to it.
    Unlikely,
}

impl Mark {
    /// Of a record of an extract. `None` for one from before the window, whose repeats may reach into it: of those a sealed
    /// file may know less than the extract.
    pub(super) fn of(row: &Row, manifest: &Manifest) -> Option<Self> {
        Self::new(row, manifest, Certainty::Certain)
    }

    fn new(row: &Row, manifest: &Manifest, sealed: Certainty) -> Option<Self> {
        let is_before = |from: Timestamp| row.made_at().is_some_and(|at| at < from);
        if sealed == Certainty::Certain && manifest.selection.from.is_some_and(is_before) {
            return None;
        }
        let hash = |is_late: bool| {
            let cells =
                row.cells().filter(|(name, _)| LATE.contains(name) == is_late && !MADE.contains(name));
            let text: String = cells.map(|(name, value)| format!("{name}\t{value}\n")).collect();
            Hash::of(text.as_bytes())
        };
        let (hash, late) = (hash(false), hash(true));
        Some(Self { number: row.sequence(), hash, late, made: row.made, sealed })
    }
}

impl<R: Read + Seek> Check<'_, R> {
    /// Compares the records with the sealed files that are here and can be read. A seal that may have something, or that
    /// something is from, is looked at; of all others the log says that they have nothing.
    pub(super) fn compare(
        &mut self,
        manifest: &Manifest,
        origin: &Origin,
        marks: &[Mark],
    ) -> Result<(), Unzipped> {
        let (mut unseen, mut compared, mut rows, mut unsettled, mut later) = (0, 0, 0, 0, 0);
        let (mut ties, mut findings) = (Reckoning::default(), Vec::new());
        let is_of = |seal: &&Seal| {
            origin.wanted.contains(&seal.number) || !marks_within(marks, seal.sequences).is_empty()
        };
        // From the last one on: what ties a record to the true time stands in its own seal or in a later one.
        for seal in origin.seals.iter().rev().filter(is_of) {
            let before = self.report.findings.len();
            match self.read_sealed(manifest, origin, seal, &mut ties)? {
                Some(sealed) => {
                    let difference =
                        Difference::of(seal.number, &sealed, marks_within(marks, seal.sequences));
                    (compared, rows) = (compared + 1, rows + difference.same);
                    unsettled += difference.unsettled;
                    later += difference.later;
                    self.report.findings.extend(difference.findings);
                }
                None => unseen += 1,
            }
            findings.push(self.report.findings.split_off(before));
        }
        self.report.findings.extend(findings.into_iter().rev().flatten());
        if compared > 0 {
            self.report.remarks.push(BundleRemark::Compared { seals: compared, rows });
        }
        if unsettled > 0 {
            self.report.remarks.push(BundleRemark::Unsettled(unsettled));
        }
        if later > 0 {
            self.report.remarks.push(BundleRemark::Later(later));
        }
        let nameless = count_nameless(manifest, origin);
        if nameless > 0 {
            self.report.remarks.push(BundleRemark::Nameless(nameless));
        }
        if unseen > 0 {
            self.report.remarks.push(BundleRemark::Unseen(unseen));
        } else if origin.deleted.is_some() && nameless == 0 && !self.is_end_open() && self.report.is_right() {
            self.report.remarks.push(BundleRemark::Complete);
        }
        Ok(())
    }

    /// Whether seals may be missing at the end of the log.
    fn is_end_open(&self) -> bool {
        let is_open =
            |remark: &BundleRemark| matches!(remark, BundleRemark::OpenEnd(_) | BundleRemark::HiddenEnd(_));
        self.report.remarks.iter().any(is_open)
    }

    /// What the files of a seal have of what was asked for; `None` where one of them that is not deleted is not here, or is
    /// encrypted to others.
    fn read_sealed(
        &mut self,
        manifest: &Manifest,
        origin: &Origin,
        seal: &Seal,
        ties: &mut Reckoning,
    ) -> Result<Option<Vec<Mark>>, Unzipped> {
        let Some(tables) = self.decrypt_all(manifest, origin, seal)? else { return Ok(None) };
        let is_who_apart = seal.file(Field::Who).is_some();
        let marks = join_apart(tables, is_who_apart).and_then(Table::open).and_then(|table| {
            table.each_row(|row| clock_tie(&row).into_iter().for_each(|tie| ties.extend(&[tie])))?;
            match manifest.version {
                VERSION_OF_PROOFS => marks_as_shown(&table, manifest),
                _ => marks_of(&table, manifest, &origin.frames.reckoning(seal).and(ties)),
            }
        });
        match marks {
            Ok(marks) => Ok(Some(marks)),
            Err(error) => {
                self.find(BundleFinding::Unreadable { seal: seal.number, error: error.to_string() });
                Ok(None)
            }
        }
    }

    fn decrypt_all(
        &mut self,
        manifest: &Manifest,
        origin: &Origin,
        seal: &Seal,
    ) -> Result<Option<Vec<Vec<u8>>>, Unzipped> {
        let mut tables = Vec::new();
        for (field, sealed, file) in seal.files() {
            let is_deleted = |deleted: &BTreeSet<_>| deleted.contains(&(seal.number, field));
            let file = format!("{}{file}", name::SEALED);
            let Some((bytes, _)) = self.archive.read(&file)? else {
                // Of what was taken apart, a part may be deleted by now: where the log says so.
                if origin.deleted.as_ref().is_some_and(is_deleted) {
                    continue;
                }
                if manifest.is_whole {
                    self.find(BundleFinding::LeftOut { seal: seal.number, file });
                }
                return Ok(None);
            };
            if Hash::of(&bytes) != sealed.hash {
                self.find(BundleFinding::Sealed { seal: seal.number, file });
                return Ok(None);
            }
            let Some(table) = self.decrypt(seal.number, sealed.form, bytes) else { return Ok(None) };
            tables.push(table);
        }
        Ok(Some(tables).filter(|tables| !tables.is_empty()))
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

/// Of how many days that may have something who it was is deleted, where that is what was asked for.
fn count_nameless(manifest: &Manifest, origin: &Origin) -> u64 {
    let Selection { device, room, lesson, person, .. } = &manifest.selection;
    let is_asked = device.is_some() || room.is_some() || lesson.is_some() || person.is_some();
    let is_nameless =
        |seal: &&u64| origin.deleted.as_ref().is_some_and(|deleted| deleted.contains(&(**seal, Field::Who)));
    if is_asked { origin.wanted.iter().filter(is_nameless).count() as u64 } else { 0 }
}

/// The records of a sealed table that were asked for. What nothing here ties to the true time may be of any. Every row is
/// looked at: what the file says of its own rows is the word of whoever sealed it.
fn marks_of(table: &Table, manifest: &Manifest, reckoning: &Reckoning) -> Result<Vec<Mark>, TableError> {
    let tell = |sequence, at, clock| match reckoning.is_settled(sequence, at, clock) {
        true => reckoning.when(sequence, at, clock),
        false => When::Between(None, None),
    };
    let window = (manifest.selection.from, manifest.selection.to);
    let weigh = |hit: &Hit| {
        let Some((sequence, at, clock)) = clock_of(hit) else { return Certainty::Certain };
        match reckoning.is_settled(sequence, at, clock) {
            true => Certainty::Certain,
            false if reckoning.when(sequence, at, clock).may_be_within(0, window) => Certainty::Likely,
            false => Certainty::Unlikely,
        }
    };
    let filter = Filter::from(&query(&manifest.selection));
    let mut marks = Vec::new();
    table.each_row(|row| {
        let when = row.when(&tell);
        if filter.matches(&row, when)
            && let Sealed::Hit(hit) = Sealed::of(row).made(when)
        {
            let row = select(&manifest.selection, &hit);
            marks.extend(row.and_then(|row| Mark::new(&row, manifest, weigh(&hit))));
        }
    })?;
    Ok(marks)
}

/// The same for extracts of the first version, which went by what clocks showed.
fn marks_as_shown(table: &Table, manifest: &Manifest) -> Result<Vec<Mark>, TableError> {
    let filter = Filter::from(&query(&manifest.selection));
    let mut marks = Vec::new();
    table.each_row(|row| {
        if filter.matches(&row, None)
            && let Sealed::Hit(hit) = Sealed::of(row)
        {
            let row = select(&manifest.selection, &hit);
            marks.extend(row.and_then(|row| Mark::of(&row, manifest)));
        }
    })?;
    Ok(marks)
}

fn clock_of(hit: &Hit) -> Option<(Sequence, Timestamp, ClockQuality)> {
    match hit {
        Hit::Access(found) => Some((found.sequence, found.at, found.clock)),
        Hit::Act(found) => Some((found.sequence, found.at, found.clock)),
        Hit::Person(found) => Some((found.sequence, found.at, found.clock)),
        Hit::Damage(_) | Hit::Unreadable { .. } => None,
    }
}

/// The records of a seal, with numbers above the first, up to the second.
fn marks_within(marks: &[Mark], (after, through): (u64, u64)) -> &[Mark] {
    let place = |number: u64| marks.partition_point(|mark| mark.number <= number);
    marks.get(place(after)..place(through)).unwrap_or_default()
}

/// What an extract's records of a seal and the sealed ones differ in.
#[derive(Default)]
struct Difference {
    findings: Vec<BundleFinding>,
    /// Records that are the same.
    same: u64,
    /// Records of which more is said than the sealed file knows.
    later: u64,
    /// Records of which only the box knows when they were made: in the extract, or left out.
    unsettled: u64,
}

impl Difference {
    /// Both lists are in order.
    fn of(seal: u64, sealed: &[Mark], extract: &[Mark]) -> Self {
        let mut difference = Self::default();
        let find = |list: &[Mark], number: u64| {
            list.binary_search_by_key(&number, |mark| mark.number)
                .ok()
                .and_then(|place| list.get(place).copied())
        };
        for mark in sealed.iter().filter(|mark| find(extract, mark.number).is_none()) {
            match mark.sealed {
                Certainty::Certain => {
                    let record = mark.number;
                    difference.findings.push(BundleFinding::Omitted { seal, record });
                }
                Certainty::Likely => difference.unsettled += 1,
                Certainty::Unlikely => {}
            }
        }
        for mark in extract {
            let same = find(sealed, mark.number).filter(|sealed| sealed.hash == mark.hash);
            difference.later += u64::from(same.is_some_and(|sealed| sealed.late != mark.late));
            match same {
                Some(sealed) if sealed.sealed != Certainty::Certain => {
                    difference.same += 1;
                    difference.unsettled += 1;
                }
                Some(sealed) if sealed.made == mark.made => difference.same += 1,
                Some(_) | None => {
                    let record = mark.number;
                    difference.findings.push(BundleFinding::Invented { seal, record });
                }
            }
        }
        difference
    }
}
