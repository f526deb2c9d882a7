//! Verification with a reader's key: whether sealed files have what their seals say, and whether what they say of their own
//! rows is so. Whoever has the box's key can seal a file that hides rows from every search; whoever has a reader's key finds
//! that here.

use std::collections::BTreeSet;
use std::io;

use model::{ClockQuality, Timestamp};

use crate::finding::Finding;
use crate::log::Log;
use crate::retention::Field;
use crate::row::{Number, Row, Text, record};
use crate::seal::{Seal, SealedFile};
use crate::table::{GroupFlaw, Table, TableError};
use crate::words;

/// Most flaws that are told of one file: a wrong sieve denies each of its rows.
const FLAWS_MAX: usize = 16;
/// How far times may be apart although the clock was not set back: threads that record at once do not queue in the order of
/// their times.
const DISORDER_MS: u64 = 1_000;

/// What is wrong with the content of a sealed file.
#[derive(Debug, thiserror::Error)]
pub enum Flaw {
    /// It cannot be read.
    #[error("it cannot be read: {0}")]
    Unreadable(String),
    /// It says of its own rows what is not so.
    #[error(transparent)]
    Group(#[from] GroupFlaw),
    /// It has other rows than its seal says.
    #[error("it has {found} rows, its seal says {sealed}")]
    Rows {
        /// How many the seal says.
        sealed: u64,
        /// How many there are.
        found: u64,
    },
    /// A record stands where it does not belong.
    #[error("record {0} is not of this seal, or does not come after the one before")]
    Record(u64),
    /// What the seal says of all its records does not follow from them.
    #[error("{0}")]
    Seal(&'static str),
    /// There is more of the same.
    #[error("and more of this file")]
    More,
}

/// What was looked at with a reader's key.
#[derive(Debug, Default)]
pub struct Scrutiny {
    /// Sealed files whose rows were read.
    pub files: u64,
    /// Their rows.
    pub rows: u64,
    /// Sealed files that are encrypted to others: their rows were not looked at.
    pub locked: u64,
    /// What is wrong.
    pub findings: Vec<Finding>,
}

/// Reads each sealed file that is not deleted, one after the other and a group of rows at a time, and compares it with its seal.
/// `open` opens the file of a kind of field, `None` where it is encrypted to others; `each` is told before each seal how many
/// were looked at.
///
/// That a file is missing is for [`verify`](crate::verify()) to say. That it is not what was sealed is told here, too: a search
/// goes by more than the hash of all its bytes, and whatever keeps a file from being opened hides its rows.
pub fn scrutinise(
    log: &Log,
    mut open: impl FnMut(&Seal, Field) -> Result<Option<Table>, TableError>,
    mut each: impl FnMut(u64),
) -> Scrutiny {
    let deleted: BTreeSet<(u64, Field)> = log.expiries().into_keys().collect();
    let mut scrutiny = Scrutiny::default();
    for (done, seal) in (0..).zip(log.seals()) {
        each(done);
        let mut all = Some(Counted::default());
        for (field, file, name) in seal.files() {
            if deleted.contains(&(seal.number, field)) {
                all = None;
                continue;
            }
            match open(seal, field) {
                Ok(Some(table)) => {
                    let counted = scrutiny.look_at(seal, (file, &name), &table);
                    all = all.zip(counted).map(|(all, counted)| all.and(&counted));
                }
                Ok(None) => {
                    scrutiny.locked += 1;
                    all = None;
                }
                Err(error) => {
                    all = None;
                    if !is_told(&error) {
                        scrutiny.find(seal, &name, vec![Flaw::Unreadable(error.to_string())]);
                    }
                }
            }
        }
        // Of a part of the files it does not follow how many records there were.
        let flaw = all.and_then(|all| all.flaw(seal)).map(Flaw::Seal);
        scrutiny.find(seal, &seal.file_name(), flaw.into_iter().collect());
    }
    scrutiny
}

/// Whether the verification of the files tells it in any case. A file that cannot be opened for another reason may be, byte by
/// byte, the one that was sealed.
fn is_told(error: &TableError) -> bool {
    match error {
        TableError::Io(error) => error.kind() == io::ErrorKind::NotFound,
        TableError::Changed
        | TableError::Parquet(_)
        | TableError::Harvest(_)
        | TableError::Layout(_)
        | TableError::Crypt(_) => false,
    }
}

impl Scrutiny {
    /// Reads a file. `None` where it cannot be read to its end.
    fn look_at(&mut self, seal: &Seal, (file, name): (&SealedFile, &str), table: &Table) -> Option<Counted> {
        let (mut flaws, mut disorder) = (Vec::new(), None);
        let mut counted = Counted::default();
        let (after, through) = seal.sequences;
        let mut last = after;
        let note = |flaws: &mut Vec<Flaw>, flaw: Flaw| match flaws.len() {
            FLAWS_MAX => flaws.push(Flaw::More),
            count if count < FLAWS_MAX => flaws.push(flaw),
            _ => {}
        };
        let read = table.doubt(
            |flaw| note(&mut flaws, flaw.into()),
            |row| {
                counted.take(row);
                let Some(number) = row.number(Number::Sequence).map(i64::cast_unsigned) else { return };
                if (number <= last || number > through) && disorder.is_none() {
                    disorder = Some(number);
                }
                last = last.max(number);
            },
        );
        self.files += 1;
        self.rows += counted.rows;
        disorder.into_iter().for_each(|record| note(&mut flaws, Flaw::Record(record)));
        let is_read = read.is_ok();
        match read {
            Ok(()) if counted.rows != file.rows => {
                note(&mut flaws, Flaw::Rows { sealed: file.rows, found: counted.rows });
            }
            Ok(()) => {}
            Err(error) => note(&mut flaws, Flaw::Unreadable(error.to_string())),
        }
        self.find(seal, name, flaws);
        is_read.then_some(counted)
    }

    fn find(&mut self, seal: &Seal, file: &str, flaws: Vec<Flaw>) {
        let findings =
            flaws.into_iter().map(|flaw| Finding::Content { seal: seal.number, file: file.to_owned(), flaw });
        self.findings.extend(findings);
    }
}

/// What the rows of a seal's files tell of its records.
#[derive(Default)]
struct Counted {
    rows: u64,
    /// Records that there are at least, and at most: an access has its end and its repeats in its row.
    records: (u64, u64),
    times: Option<(Timestamp, Timestamp)>,
    clocks: [u64; 3],
}

impl Counted {
    fn take(&mut self, row: &Row) {
        self.rows += 1;
        let kind = match row.text(Text::Record) {
            // A part of a record, and what is none.
            None | Some(record::DAMAGE) => return,
            Some(kind) => kind,
        };
        let repeats = row.number(Number::Count).map_or(0, i64::cast_unsigned);
        let (least, more) = match kind {
            record::ACCESS => (1 + u64::from(row.text(Text::End).is_some()), repeats.saturating_sub(1)),
            record::REPEAT => (1, repeats),
            _ => (1, 0),
        };
        let (at_least, at_most) = self.records;
        self.records = (at_least.saturating_add(least), at_most.saturating_add(least).saturating_add(more));
        for column in times_of(kind) {
            row.time(*column).into_iter().for_each(|at| self.note(at, at));
        }
        let [synchronised, alone, unset] = &mut self.clocks;
        match row.text(Text::Clock).and_then(words::clock) {
            Some(ClockQuality::Synchronised) => *synchronised += 1,
            Some(ClockQuality::Unsynchronised) => *alone += 1,
            Some(ClockQuality::Unset) => *unset += 1,
            None => {}
        }
    }

    fn note(&mut self, earliest: Timestamp, latest: Timestamp) {
        let (first, last) = self.times.unwrap_or((earliest, latest));
        self.times = Some((first.min(earliest), last.max(latest)));
    }

    /// Both together.
    fn and(mut self, other: &Self) -> Self {
        self.rows = self.rows.saturating_add(other.rows);
        self.records =
            (self.records.0.saturating_add(other.records.0), self.records.1.saturating_add(other.records.1));
        self.clocks.iter_mut().zip(other.clocks).for_each(|(sum, of)| *sum = sum.saturating_add(of));
        other.times.into_iter().for_each(|(earliest, latest)| self.note(earliest, latest));
        self
    }

    /// What a seal says of its records that is not so.
    fn flaw(&self, seal: &Seal) -> Option<&'static str> {
        let (at_least, at_most) = self.records;
        let slack = seal.set_back_ms.saturating_add(DISORDER_MS);
        let is_timed = match (self.times, seal.times) {
            (None, None) => true,
            (Some((first, last)), Some((earliest, latest))) => {
                let is_within = earliest <= first && last <= latest;
                is_within && first.ms_since(earliest) <= slack && latest.ms_since(last) <= slack
            }
            (_, _) => false,
        };
        if !(at_least..=at_most).contains(&seal.records) {
            Some("its seal says another number of records than its rows")
        } else if self.clocks != seal.clocks {
            Some("its seal says other clocks than its rows")
        } else if !is_timed {
            Some("its seal says other times than its rows")
        } else {
            None
        }
    }
}

/// The columns with times at which something was recorded.
fn times_of(kind: &str) -> &'static [Number] {
    match kind {
        record::ACCESS => &[Number::Time, Number::EndTime, Number::LastTime],
        record::CLOSING => &[Number::EndTime],
        record::REPEAT => &[Number::LastTime],
        record::ACT | record::PERSON | record::CLOCK => &[Number::Time],
        _ => &[],
    }
}
