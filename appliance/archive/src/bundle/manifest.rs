//! What an extract is, with the hashes of all that it has: the text that the box signs.

use std::fmt;
use std::str::FromStr;

use model::{ClockQuality, Host, Motive, PersonName, Purpose, ReadingId, Selection, Timestamp};

use crate::bundle::zip::is_name;
use crate::hash::Hash;
use crate::lines::{Lines, Optional, WrongLine, parse};
use crate::retention::Field;
use crate::words;

/// The first line: what it is; the version follows. No name of a log begins so: a manifest is never taken for a
/// checkpoint, which the same key signs.
const FIRST_LINE: &str = "PREAU EXPORT ";
/// The version that is written where no lesson is asked for.
const VERSION: u32 = 2;
/// That of an extract of a lesson: it has a line more, which says so. What others need not know of, they need not be told.
const VERSION_OF_LESSONS: u32 = 3;
/// The first one: it has a proof for each of its seals in the place of all leaves, and says nothing of what is deleted.
pub(super) const VERSION_OF_PROOFS: u32 = 1;
/// All that are read.
const VERSIONS: [u32; 3] = [VERSION_OF_PROOFS, VERSION, VERSION_OF_LESSONS];
/// The words of a line that says yes or no.
const YES_NO: [&str; 2] = ["no", "yes"];

/// Who asks for an extract, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// Who.
    pub author: PersonName,
    /// Why, from the list.
    pub purpose: Purpose,
    /// Why, in words.
    pub detail: Motive,
    /// Within which reading; `None` where there is no box to number it.
    pub reading: Option<ReadingId>,
}

/// A file of an extract.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PackedFile {
    /// Its name.
    pub name: String,
    /// How long it is.
    pub bytes: u64,
    /// The hash of its bytes.
    pub hash: Hash,
}

/// What an extract is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Manifest {
    /// In which version.
    pub version: u32,
    /// Of which log of seals.
    pub log: String,
    /// How many seals that had.
    pub seals: u64,
    /// When it was made.
    pub made: Timestamp,
    /// How far to trust that.
    pub clock: ClockQuality,
    /// Who asked for it, and why.
    pub request: Request,
    /// What was asked for.
    pub selection: Selection,
    /// How many records it has.
    pub rows: u64,
    /// How many of them were not sealed yet.
    pub unsealed: u64,
    /// How many of them were made nobody knows when: they may be of the time that was asked for.
    pub untimed: u64,
    /// Sealed files of that time that could not be read: nobody gave a key for them.
    pub locked: u64,
    /// Sealed files and segments of that time that the disk did not give back.
    pub unreadable: u64,
    /// Whether the sealed files of that time are with it, all that are not deleted.
    pub is_whole: bool,
    /// Parts of seals of that time that were deleted when theirs was over: nothing of them is in the extract.
    pub deleted: Vec<(u64, Field)>,
    /// Seals that nobody gave a key for, whose records are those of segments beside them: not sealed ones.
    pub from_segments: Vec<u64>,
    /// Its files, the manifest aside, in their order.
    pub files: Vec<PackedFile>,
}

impl Manifest {
    /// The version of an extract of what is asked for.
    pub(super) fn version_of(selection: &Selection) -> u32 {
        if selection.lesson.is_some() { VERSION_OF_LESSONS } else { VERSION }
    }
}

/// The text is no manifest.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ManifestError {
    /// The first line is another.
    #[error("it is no extract of a version that this program knows")]
    Kind,
    /// A line is missing or another.
    #[error("the line `{0}` is missing, or not as it is written")]
    Line(WrongLine),
}

impl From<WrongLine> for ManifestError {
    fn from(line: WrongLine) -> Self {
        Self::Line(line)
    }
}

impl fmt::Display for Manifest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Request { author, purpose, detail, reading } = &self.request;
        let Selection { from, to, device, room, lesson, person, host, category, verdict, with_people } =
            &self.selection;
        let time = |time: &Option<Timestamp>| Optional(time.map(Timestamp::unix_ms));
        writeln!(f, "{FIRST_LINE}{}", self.version)?;
        writeln!(f, "log {}", self.log)?;
        writeln!(f, "seals {}", self.seals)?;
        writeln!(f, "made {}", self.made.unix_ms())?;
        writeln!(f, "made-clock {}", self.clock)?;
        writeln!(f, "author {author}")?;
        writeln!(f, "purpose {purpose}")?;
        writeln!(f, "detail {}", detail.as_str())?;
        writeln!(f, "reading {}", Optional(*reading))?;
        writeln!(f, "from {}", time(from))?;
        writeln!(f, "to {}", time(to))?;
        writeln!(f, "device {}", Optional(device.as_ref()))?;
        writeln!(f, "room {}", Optional(room.as_ref()))?;
        if let Some(lesson) = lesson {
            writeln!(f, "lesson {lesson}")?;
        }
        writeln!(f, "person {}", Optional(person.as_ref()))?;
        writeln!(f, "host {}", Optional(host.as_ref()))?;
        writeln!(f, "category {}", Optional(category.as_ref()))?;
        writeln!(f, "verdict {}", Optional(*verdict))?;
        writeln!(f, "people {}", yes_no(*with_people))?;
        writeln!(f, "rows {}", self.rows)?;
        writeln!(f, "unsealed {}", self.unsealed)?;
        writeln!(f, "locked {}", self.locked)?;
        writeln!(f, "unreadable {}", self.unreadable)?;
        if self.version > VERSION_OF_PROOFS {
            writeln!(f, "untimed {}\nwhole {}", self.untimed, yes_no(self.is_whole))?;
        }
        self.deleted.iter().try_for_each(|(seal, field)| writeln!(f, "deleted {seal} {field}"))?;
        self.from_segments.iter().try_for_each(|seal| writeln!(f, "segments {seal}"))?;
        self.files.iter().try_for_each(|file| writeln!(f, "file {} {} {}", file.hash, file.bytes, file.name))
    }
}

impl FromStr for Manifest {
    type Err = ManifestError;

    fn from_str(text: &str) -> Result<Self, ManifestError> {
        let mut lines = Lines::new(text);
        let version = lines.next().and_then(|line| parse(line.strip_prefix(FIRST_LINE)?));
        let known = version.filter(|version| VERSIONS.contains(version));
        let version: u32 = known.ok_or(ManifestError::Kind)?;
        let log = lines.read("log", |log| Some(log.to_owned()))?;
        let seals = lines.value("seals")?;
        let made = Timestamp::from_unix_ms(lines.value("made")?);
        let clock = lines.read("made-clock", words::clock)?;
        let request = Request {
            author: lines.value("author")?,
            purpose: lines.value("purpose")?,
            detail: lines.read("detail", |text| text.parse().ok())?,
            reading: lines.optional("reading")?,
        };
        let selection = read_selection(&mut lines, version)?;
        let (rows, unsealed) = (lines.value("rows")?, lines.value("unsealed")?);
        let (locked, unreadable) = (lines.value("locked")?, lines.value("unreadable")?);
        let (untimed, is_whole) = match version {
            VERSION_OF_PROOFS => (0, false),
            _ => (lines.value("untimed")?, lines.read("whole", read_yes_no)?),
        };
        let mut deleted = Vec::new();
        while version > VERSION_OF_PROOFS && lines.is_next("deleted") {
            deleted.push(lines.read("deleted", read_deleted)?);
        }
        let mut from_segments = Vec::new();
        while version > VERSION_OF_PROOFS && lines.is_next("segments") {
            from_segments.push(lines.value("segments")?);
        }
        let mut files = Vec::new();
        while !lines.is_at_end() {
            files.push(lines.read("file", read_file)?);
        }
        Ok(Self {
            version,
            log,
            seals,
            made,
            clock,
            request,
            selection,
            rows,
            unsealed,
            untimed,
            locked,
            unreadable,
            is_whole,
            deleted,
            from_segments,
            files,
        })
    }
}

fn read_selection(lines: &mut Lines<'_>, version: u32) -> Result<Selection, WrongLine> {
    let (from, to): (Option<i64>, Option<i64>) = (lines.optional("from")?, lines.optional("to")?);
    Ok(Selection {
        from: from.map(Timestamp::from_unix_ms),
        to: to.map(Timestamp::from_unix_ms),
        device: lines.optional("device")?,
        room: lines.optional("room")?,
        lesson: if version == VERSION_OF_LESSONS { Some(lines.value("lesson")?) } else { None },
        person: lines.optional("person")?,
        host: lines.read("host", |text| match text {
            "-" => Some(None),
            text => Host::parse(text).ok().filter(|host| host.to_string() == text).map(Some),
        })?,
        category: lines.optional("category")?,
        verdict: lines.read("verdict", |word| match word {
            "-" => Some(None),
            word => words::verdict(word).map(Some),
        })?,
        with_people: lines.read("people", read_yes_no)?,
    })
}

fn yes_no(is_so: bool) -> &'static str {
    let [no, yes] = YES_NO;
    if is_so { yes } else { no }
}

fn read_yes_no(word: &str) -> Option<bool> {
    YES_NO.iter().position(|known| *known == word).map(|place| place == 1)
}

fn read_deleted(text: &str) -> Option<(u64, Field)> {
    let (seal, field) = text.split_once(' ')?;
    Some((parse(seal)?, parse(field)?))
}

fn read_file(text: &str) -> Option<PackedFile> {
    let (hash, rest) = text.split_once(' ')?;
    let (bytes, name) = rest.split_once(' ')?;
    let name = Some(name).filter(|name| is_name(name))?.to_owned();
    Some(PackedFile { name, bytes: parse(bytes)?, hash: hash.parse().ok()? })
}
