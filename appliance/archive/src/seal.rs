//! A seal: what a leaf of the log says of one sealed file.

use std::fmt::{self, Write as _};
use std::str::FromStr;

use journal::Tally;
use model::{ClockQuality, Timestamp};

use crate::hash::Hash;
use crate::words;

/// The first line: what it is, and in which version.
const FIRST_LINE: &str = "PREAU SEAL 1";
/// What stands where there is nothing.
const NOTHING: &str = "-";
/// What leaves are hashed with before them (RFC 9162 section 2.1.1).
const LEAF_PREFIX: u8 = 0;

/// What is sealed, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seal {
    /// Its number: they count up from 1.
    pub number: u64,
    /// The hash of the leaf before; `None` for the first one.
    pub previous: Option<Hash>,
    /// The file.
    pub file: SealedFile,
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

/// The text is no seal.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    /// The first line is another.
    #[error("it is no seal of version 1")]
    Kind,
    /// A line is missing or another.
    #[error("the line `{0}` is missing or wrong")]
    Line(&'static str),
    /// There is more than a seal.
    #[error("there is something after its last line")]
    Rest,
}

impl Seal {
    /// What is said of what was harvested.
    #[must_use]
    pub fn new(tally: &Tally, after: u64, segments: (u64, u64), day: String, file: SealedFile) -> Self {
        Self {
            number: 1,
            previous: None,
            file,
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
        }
    }

    /// The name of its file.
    #[must_use]
    pub fn file_name(&self) -> String {
        file_name(self.number, self.file.form)
    }

    /// How many numbers of its range no segment had: records that the disk did not give back.
    #[must_use]
    pub fn missing(&self) -> u64 {
        let (after, through) = self.sequences;
        through.saturating_sub(after).saturating_sub(self.records)
    }

    /// The hash of its leaf.
    #[must_use]
    pub fn leaf_hash(&self) -> Hash {
        let leaf = self.to_string();
        Hash::of(&[&[LEAF_PREFIX], leaf.as_bytes()].concat())
    }
}

/// The name of the file of a seal.
#[must_use]
pub fn file_name(number: u64, form: Form) -> String {
    format!("seal-{number:020}.{}", form.extension())
}

/// The leaf: what is hashed.
impl fmt::Display for Seal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let time = |time: Option<Timestamp>| Optional(time.map(Timestamp::unix_ms));
        let [synchronised, unsynchronised, unset] = self.clocks;
        writeln!(f, "{FIRST_LINE}")?;
        writeln!(f, "seal {}", self.number)?;
        writeln!(f, "previous {}", Optional(self.previous))?;
        writeln!(f, "file {}", self.file_name())?;
        writeln!(f, "bytes {}", self.file.bytes)?;
        writeln!(f, "sha256 {}", self.file.hash)?;
        writeln!(f, "rows {}", self.file.rows)?;
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
        writeln!(f, "sealed-clock {}", self.sealed_clock)
    }
}

impl FromStr for Seal {
    type Err = SealError;

    fn from_str(text: &str) -> Result<Self, SealError> {
        let mut lines = Lines { rest: text };
        if lines.next() != Some(FIRST_LINE) {
            return Err(SealError::Kind);
        }
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
        };
        if lines.rest.is_empty() { Ok(seal) } else { Err(SealError::Rest) }
    }
}

/// A date as ISO 8601 writes it, or any word of its letters: it names a day to people, and is compared only.
fn is_day(text: &str) -> bool {
    const DAY_BYTES_MAX: usize = 32;
    let is_letter = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    !text.is_empty() && text.len() <= DAY_BYTES_MAX && text.bytes().all(is_letter)
}

pub(crate) struct Optional<T>(pub(crate) Option<T>);

impl<T: fmt::Display> fmt::Display for Optional<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Some(value) => value.fmt(f),
            None => f.write_str(NOTHING),
        }
    }
}

/// The lines of a leaf, each a word and its value. What has two spellings is refused: a leaf is written as it was read.
pub(crate) struct Lines<'t> {
    pub(crate) rest: &'t str,
}

impl<'t> Lines<'t> {
    pub(crate) fn next(&mut self) -> Option<&'t str> {
        let (line, rest) = self.rest.split_once('\n')?;
        self.rest = rest;
        Some(line)
    }

    pub(crate) fn read<T>(
        &mut self,
        name: &'static str,
        read: impl FnOnce(&'t str) -> Option<T>,
    ) -> Result<T, SealError> {
        let line = self.next().and_then(|line| line.strip_prefix(name)?.strip_prefix(' '));
        line.and_then(read).ok_or(SealError::Line(name))
    }

    pub(crate) fn value<T: FromStr + fmt::Display>(&mut self, name: &'static str) -> Result<T, SealError> {
        self.read(name, parse)
    }

    pub(crate) fn optional<T: FromStr + fmt::Display>(
        &mut self,
        name: &'static str,
    ) -> Result<Option<T>, SealError> {
        self.read(name, |text| if text == NOTHING { Some(None) } else { parse(text).map(Some) })
    }
}

pub(crate) fn parse<T: FromStr + fmt::Display>(text: &str) -> Option<T> {
    let value: T = text.parse().ok()?;
    let mut again = String::new();
    write!(again, "{value}").ok()?;
    (again == text).then_some(value)
}
