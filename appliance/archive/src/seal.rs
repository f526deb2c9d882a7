//! A seal: what a leaf of the log says of one sealed file.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use journal::Tally;
use model::{ClockQuality, Timestamp};

use crate::hash::Hash;
use crate::lines::{Lines, Optional, WrongLine, parse};
use crate::retention::Field;
use crate::words;

/// The first line: what it is, and in which version.
const FIRST_LINE: &str = "PREAU SEAL 1";
/// That of a seal with more than one file.
const FIRST_LINE_OF_PARTS: &str = "PREAU SEAL 2";

/// What is sealed, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seal {
    /// Its number: they count up from 1.
    pub number: u64,
    /// The hash of the leaf before; `None` for the first one.
    pub previous: Option<Hash>,
    /// The file.
    pub file: SealedFile,
    /// Files beside it, each with a kind of field that is kept for another time; in the order of kinds.
    pub parts: Vec<(Field, SealedFile)>,
    /// The day of the school when its segments were begun.
    pub day: String,
    /// The first and the last segment.
    pub segments: (u64, u64),
    /// It has the records with numbers above `.0`, up to `.1`.
    pub sequences: (u64, u64),
    /// How many there are.
    pub records: u64,
    /// The earliest and the latest time in them.
    pub times: Option<(Timestamp, Timestamp)>,
    /// Records by the quality of their clock: synchronised, unsynchronised, unset.
    pub clocks: [u64; 3],
    /// How far the clock was set back among them, in milliseconds.
    pub set_back_ms: u64,
    /// Segments that the disk did not give back to their end.
    pub unreadable: u64,
    /// When it was sealed.
    pub sealed: Timestamp,
    /// How far to trust that.
    pub sealed_clock: ClockQuality,
    /// The end of the file, which a search reads first; `None` in seals of before there was one.
    pub tail: Option<Tail>,
}

/// The end of a sealed file: what says which groups of rows may have what is searched for, and where they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tail {
    /// Where it begins in the table.
    pub at: u64,
    /// How many bytes of the file hold it: of an encrypted one some more, as it is decrypted in pieces.
    pub bytes: u64,
    /// The hash of these bytes.
    pub hash: Hash,
}

impl Tail {
    /// What it says that cannot be of a file.
    fn flaw(&self, file: &SealedFile) -> Option<&'static str> {
        if self.bytes > file.bytes {
            return Some("its tail is longer than its file");
        }
        let is_end = match file.form {
            Form::Plain => self.at.checked_add(self.bytes) == Some(file.bytes),
            // Where its table ends, only a key tells.
            Form::Encrypted => true,
        };
        (!is_end).then_some("its tail is not the end of its file")
    }
}

/// A sealed file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SealedFile {
    /// What is done to the table.
    pub form: Form,
    /// How long it is.
    pub bytes: u64,
    /// The hash of all its bytes.
    pub hash: Hash,
    /// How many rows its table has.
    pub rows: u64,
}

/// What is done to a table before it becomes a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// Nothing: whoever has the file can read it.
    Plain,
    /// It is encrypted to those who may read it.
    Encrypted,
}

impl Form {
    const ALL: [Self; 2] = [Self::Plain, Self::Encrypted];

    /// What the names of such files end with.
    #[must_use]
    pub fn extension(self) -> &'static str {
        match self {
            Self::Plain => "parquet",
            Self::Encrypted => "parquet.age",
        }
    }
}

impl From<WrongLine> for SealError {
    fn from(line: WrongLine) -> Self {
        Self::Line(line)
    }
}

/// The text is no seal.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    /// The first line is another.
    #[error("it is no seal and no statement of a version that this program knows")]
    Kind,
    /// A line is missing or another.
    #[error("the line `{0}` is missing or wrong")]
    Line(&'static str),
    /// There is more than a seal.
    #[error("there is something after its last line")]
    Rest,
}

impl Seal {
    /// What it says that cannot be, whatever was sealed: whoever has the key can write that.
    pub(crate) fn flaw(&self) -> Option<&'static str> {
        let (after, through) = self.sequences;
        let clocks = self.clocks.iter().fold(0, |sum: u64, of| sum.saturating_add(*of));
        if self.records > through.saturating_sub(after) {
            Some("it has more records than numbers")
        } else if clocks > self.records {
            Some("its clocks are those of more records than it has")
        } else if self.times.is_some_and(|(earliest, latest)| earliest > latest) {
            Some("its latest time is before its earliest")
        } else if self.segments.0 > self.segments.1 {
            Some("its last segment is before its first")
        } else {
            self.tail.and_then(|tail| tail.flaw(&self.file))
        }
    }

    /// What is said of what was harvested.
    #[must_use]
    pub fn new(tally: &Tally, after: u64, segments: (u64, u64), day: String, file: SealedFile) -> Self {
        Self {
            number: 1,
            previous: None,
            file,
            parts: Vec::new(),
            day,
            segments,
            sequences: (after, tally.last_sequence),
            records: tally.records,
            times: tally.times,
            clocks: tally.clocks,
            set_back_ms: tally.set_back_ms,
            unreadable: tally.unreadable.len() as u64,
            sealed: Timestamp::from_unix_ms(0),
            sealed_clock: ClockQuality::Unset,
            tail: None,
        }
    }

    /// The name of its file.
    #[must_use]
    pub fn file_name(&self) -> String {
        file_name(self.number, self.file.form)
    }

    /// Its files with what is in each, and their names.
    pub fn files(&self) -> impl Iterator<Item = (Field, &SealedFile, String)> {
        let parts = self.parts.iter().map(|(field, file)| (*field, file));
        let all = [(Field::Access, &self.file)].into_iter().chain(parts);
        all.map(|(field, file)| (field, file, part_name(self.number, field, file.form)))
    }

    /// The file of a kind of field.
    #[must_use]
    pub fn file(&self, field: Field) -> Option<&SealedFile> {
        self.files().find(|(of, _, _)| *of == field).map(|(_, file, _)| file)
    }

    /// Whether all its files are among the deleted ones.
    #[must_use]
    pub fn is_deleted<T>(&self, deleted: &BTreeMap<(u64, Field), T>) -> bool {
        self.files().all(|(field, _, _)| deleted.contains_key(&(self.number, field)))
    }

    /// Whether the clock was right for all its records.
    #[must_use]
    pub fn is_certain(&self) -> bool {
        let [_, alone, unset] = self.clocks;
        alone == 0 && unset == 0
    }

    /// How many numbers of its range no segment had: records that the disk did not give back.
    #[must_use]
    pub fn missing(&self) -> u64 {
        let (after, through) = self.sequences;
        through.saturating_sub(after).saturating_sub(self.records)
    }
}

/// The name of the file of a seal.
#[must_use]
pub fn file_name(number: u64, form: Form) -> String {
    part_name(number, Field::Access, form)
}

/// The name of the file of a kind of field.
#[must_use]
pub fn part_name(number: u64, field: Field, form: Form) -> String {
    match field {
        Field::Access => format!("seal-{number:020}.{}", form.extension()),
        Field::Who | Field::Destination | Field::Traffic | Field::Acts => {
            format!("seal-{number:020}.{field}.{}", form.extension())
        }
    }
}

/// The leaf: what is hashed.
impl fmt::Display for Seal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let time = |time: Option<Timestamp>| Optional(time.map(Timestamp::unix_ms));
        let [synchronised, unsynchronised, unset] = self.clocks;
        writeln!(f, "{}", if self.parts.is_empty() { FIRST_LINE } else { FIRST_LINE_OF_PARTS })?;
        writeln!(f, "seal {}", self.number)?;
        writeln!(f, "previous {}", Optional(self.previous))?;
        writeln!(f, "file {}", self.file_name())?;
        writeln!(f, "bytes {}", self.file.bytes)?;
        writeln!(f, "sha256 {}", self.file.hash)?;
        writeln!(f, "rows {}", self.file.rows)?;
        for (field, file, name) in self.files().skip(1) {
            writeln!(f, "part {field} {name} {} {} {}", file.bytes, file.hash, file.rows)?;
        }
        writeln!(f, "day {}", self.day)?;
        writeln!(f, "segments {} {}", self.segments.0, self.segments.1)?;
        writeln!(f, "after {}", self.sequences.0)?;
        writeln!(f, "through {}", self.sequences.1)?;
        writeln!(f, "records {}", self.records)?;
        writeln!(f, "earliest {}", time(self.times.map(|(earliest, _)| earliest)))?;
        writeln!(f, "latest {}", time(self.times.map(|(_, latest)| latest)))?;
        writeln!(f, "synchronised {synchronised}")?;
        writeln!(f, "unsynchronised {unsynchronised}")?;
        writeln!(f, "unset {unset}")?;
        writeln!(f, "set-back-ms {}", self.set_back_ms)?;
        writeln!(f, "unreadable {}", self.unreadable)?;
        writeln!(f, "sealed {}", self.sealed.unix_ms())?;
        writeln!(f, "sealed-clock {}", self.sealed_clock)?;
        match self.tail {
            Some(Tail { at, bytes, hash }) => writeln!(f, "tail {at} {bytes} {hash}"),
            None => Ok(()),
        }
    }
}

impl FromStr for Seal {
    type Err = SealError;

    fn from_str(text: &str) -> Result<Self, SealError> {
        let mut lines = Lines::new(text);
        let has_parts = match lines.next() {
            Some(FIRST_LINE) => false,
            Some(FIRST_LINE_OF_PARTS) => true,
            _ => return Err(SealError::Kind),
        };
        let number = lines.value("seal")?;
        let previous = lines.optional("previous")?;
        let form =
            lines.read("file", |name| Form::ALL.into_iter().find(|form| file_name(number, *form) == name))?;
        let file = SealedFile {
            form,
            bytes: lines.value("bytes")?,
            hash: lines.value("sha256")?,
            rows: lines.value("rows")?,
        };
        let parts = if has_parts { read_parts(&mut lines, number)? } else { Vec::new() };
        let day = lines.read("day", |day| is_day(day).then(|| day.to_owned()))?;
        let segments = lines.read("segments", |pair| {
            let (first, last) = pair.split_once(' ')?;
            Some((parse(first)?, parse(last)?))
        })?;
        let sequences = (lines.value("after")?, lines.value("through")?);
        let records = lines.value("records")?;
        let times = (lines.optional("earliest")?, lines.optional("latest")?);
        let times = match times {
            (Some(earliest), Some(latest)) => {
                Some((Timestamp::from_unix_ms(earliest), Timestamp::from_unix_ms(latest)))
            }
            (None, None) => None,
            (_, _) => return Err(SealError::Line("latest")),
        };
        let clocks = [lines.value("synchronised")?, lines.value("unsynchronised")?, lines.value("unset")?];
        let seal = Self {
            number,
            previous,
            file,
            parts,
            day,
            segments,
            sequences,
            records,
            times,
            clocks,
            set_back_ms: lines.value("set-back-ms")?,
            unreadable: lines.value("unreadable")?,
            sealed: Timestamp::from_unix_ms(lines.value("sealed")?),
            sealed_clock: lines.read("sealed-clock", words::clock)?,
            tail: if lines.is_at_end() { None } else { Some(lines.read("tail", read_tail)?) },
        };
        if lines.is_at_end() { Ok(seal) } else { Err(SealError::Rest) }
    }
}

/// One line for each kind of field that is apart, in their order.
fn read_parts(lines: &mut Lines<'_>, number: u64) -> Result<Vec<(Field, SealedFile)>, WrongLine> {
    let mut parts = Vec::new();
    for field in Field::ALL.into_iter().skip(1) {
        let word = format!("part {field}");
        if lines.is_next(&word) {
            parts.push((field, lines.read("part", |line| read_part(line, number, field))?));
        }
    }
    if parts.is_empty() { Err("part") } else { Ok(parts) }
}

fn read_part(line: &str, number: u64, field: Field) -> Option<SealedFile> {
    let mut words = line.split(' ').skip(1);
    let name = words.next()?;
    let form = Form::ALL.into_iter().find(|form| part_name(number, field, *form) == name)?;
    let file = SealedFile {
        form,
        bytes: parse(words.next()?)?,
        hash: parse(words.next()?)?,
        rows: parse(words.next()?)?,
    };
    words.next().is_none().then_some(file)
}

fn read_tail(line: &str) -> Option<Tail> {
    let (at, rest) = line.split_once(' ')?;
    let (bytes, hash) = rest.split_once(' ')?;
    Some(Tail { at: parse(at)?, bytes: parse(bytes)?, hash: parse(hash)? })
}

/// A date as ISO 8601 writes it, or any word of its letters: it names a day to people, and is compared only.
fn is_day(text: &str) -> bool {
    const DAY_BYTES_MAX: usize = 32;
    let is_letter = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    !text.is_empty() && text.len() <= DAY_BYTES_MAX && text.bytes().all(is_letter)
}
