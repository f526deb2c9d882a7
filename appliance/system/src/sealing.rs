//! Sealing: finished segments become a file that cannot be changed unseen, and go.
//!
//! ```text
//! segments of a day -> table -> .part, durable, read again -> log replaced -> .part gets its name -> segments go, once
//!                                                                                                    their day is over
//! ```
//! Segments of today stay when they are sealed: with them the box can be searched without anybody's key.
//!
//! Invariant: a segment goes when all its records are in a sealed file that is durable, and it was read again; or when an entry of the log
//! says so. One that cannot be read, for whatever reason, waits: somebody may have a copy of its key, and a disk may give back tomorrow
//! what it does not today.

mod approval;
mod child;
#[cfg(test)]
mod every_write;
mod expiry;
#[cfg(test)]
mod expiry_on_disk;
mod holds;
#[cfg(test)]
mod keyless;
mod ledger;
#[cfg(test)]
mod on_disk;
mod patience;
#[cfg(test)]
mod year;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use access::Instant;
use archive::{
    Belief, Bounds, CryptError, Field, Form, Hash, Part, Policy, ReaderKey, Seal, SealedFile, SigningKey,
    Table, TableError, Tail, encrypt, part_name, write_apart,
};
use jiff::tz::TimeZone;
use journal::{HarvestError, Harvested, SegmentId, SegmentInfo, Source, Tally, harvest, inspect};
use model::{ClockQuality, Timestamp};

use crate::seal_key::{self, SealKeyError};
use crate::segments::Directory;
use crate::vault::{Folder, LogFileError};
pub use approval::{ApprovalError, Signed, approve};
pub use child::{BUSY_STATUS, Sealer};
pub use expiry::{Expired, Vouched, expire};
pub use holds::{HoldError, PATIENCE, add_hold, lift_hold};
use ledger::Ledger;
use patience::waited_ms;

/// The file of the box's key, in the data folder.
const KEY_FILE: &str = "seal-key";
/// Most bytes of segments for one file, unless one alone is larger: what is sealed is held in memory, as rows of one group
/// and as what is said later of accesses.
const SEGMENTS_BYTES_MAX: u64 = 64 << 20;
/// Room that must be left on the disk beside a sealed file: the journal comes first.
const FREE_BYTES_MIN: u64 = 16 << 20;
/// How long the disk gets to give back a segment that it does not, by a clock that is believed or by what the box has run: then what can be
/// read of it is sealed, and what came after it.
const UNREADABLE_MS: u64 = 7 * 86_400_000;
/// The day of what no calendar has.
const NO_DAY: &str = "unknown";

/// Why nothing, or not everything, is sealed. What was sealed before stays.
#[derive(Debug, thiserror::Error)]
pub enum SealingError {
    /// Somebody else seals.
    #[error("another process seals")]
    Busy,
    /// The key cannot be used.
    #[error(transparent)]
    Key(#[from] SealKeyError),
    /// The log cannot be gone on with.
    #[error(transparent)]
    Log(#[from] LogFileError),
    /// The log is another key's.
    #[error("the log of seals is not signed by the box's key: put back the one that it was signed with")]
    OtherKey,
    /// A later checkpoint than the log's last is here.
    #[error(
        "the log of seals is shorter than its checkpoint: somebody cut it, and nothing is sealed until it is back"
    )]
    ShortLog,
    /// Nobody says to whom files are to be encrypted.
    #[error(
        "sealed files were encrypted up to now, and no configuration says to whom: give --config; where they are to be plain from now \
         on, it says readers = ['nobody']"
    )]
    Readers,
    /// A table cannot be encrypted.
    #[error(transparent)]
    Crypt(#[from] CryptError),
    /// There is no room.
    #[error("the disk has no room for sealed files")]
    Full,
    /// The disk does not give a segment back.
    #[error("{0} cannot be read to its end")]
    Segment(SegmentId),
    /// Segments do not become a table.
    #[error("the segments cannot be made a table")]
    Table(#[from] TableError),
    /// A table that was just made is not what it should be.
    #[error("a table has {found} rows in place of {expected}")]
    Rows {
        /// How many it should have.
        expected: u64,
        /// How many it has.
        found: u64,
    },
    /// Segments cannot be read.
    #[error("the segments cannot be read")]
    Harvest(#[from] HarvestError),
    /// Something cannot be read or written.
    #[error("the sealed files cannot be read or written")]
    Io(#[from] io::Error),
}

/// What was done.
#[derive(Debug, Default)]
pub struct Done {
    /// New seals.
    pub sealed: Vec<Seal>,
    /// Segments that went.
    pub removed: Vec<SegmentId>,
}

/// The file of a box's key.
#[must_use]
pub fn key_path(data: &Path) -> PathBuf {
    data.join(KEY_FILE)
}

/// The box's key, made where there is none and nothing is signed yet.
///
/// # Errors
/// [`SealingError`].
pub fn open_key(data: &Path) -> Result<SigningKey, SealingError> {
    let folder = Folder::new(data);
    let path = key_path(data);
    if let Some(key) = seal_key::find(&path)? {
        return Ok(key);
    }
    if !folder.read_log()?.entries().is_empty() || folder.read_key()?.is_some() {
        return Err(SealKeyError::Missing(path).into());
    }
    Ok(seal_key::open(&path, SigningKey::of_box)?)
}

/// The day of the school in which a point in time is, as ISO 8601 writes it.
#[must_use]
pub fn day(at: Timestamp, time_zone: &TimeZone) -> String {
    let at = jiff::Timestamp::from_millisecond(at.unix_ms());
    at.map_or_else(|_| NO_DAY.to_owned(), |at| time_zone.to_datetime(at).date().to_string())
}

/// The same as a number, for whoever asks often.
#[must_use]
pub fn day_number(at: Timestamp, time_zone: &TimeZone) -> i64 {
    const DAY_MS: i64 = 86_400_000;
    let offset = jiff::Timestamp::from_millisecond(at.unix_ms()).map(|at| time_zone.to_offset(at).seconds());
    let offset_ms = offset.map_or(0, |seconds| i64::from(seconds) * 1_000);
    at.unix_ms().saturating_add(offset_ms).div_euclid(DAY_MS)
}

/// How a school seals.
#[derive(Clone, Debug)]
pub struct Manner {
    /// Where its days begin.
    pub time_zone: TimeZone,
    /// To whom files are encrypted; with nobody, they are not. `None`: no configuration says so, and what was encrypted up
    /// to now is not to be plain by mistake.
    pub readers: Option<Vec<ReaderKey>>,
    /// How long what is kept. `None`: no configuration says so, and it stays as it was.
    pub policy: Option<Policy>,
}

impl Manner {
    /// Makes a sealed file of a table, which was read again.
    fn make_file(&self, part: Part) -> Result<Made, SealingError> {
        let Part { field, table, rows } = part;
        let opened = Table::open(table.clone())?;
        let found = opened.row_count();
        if found != rows {
            return Err(SealingError::Rows { expected: rows, found });
        }
        let (form, bytes) = match self.readers.as_deref() {
            None | Some([]) => (Form::Plain, table),
            Some(readers) => (Form::Encrypted, encrypt(&table, readers)?),
        };
        let file = SealedFile { form, bytes: bytes.len() as u64, hash: Hash::of(&bytes), rows };
        let tail = opened.tail(form, &bytes);
        Ok(Made { field, bytes, file, tail })
    }
}

/// Seals what is finished in a data folder, whether a box runs on it or not.
///
/// # Errors
/// [`SealingError`].
pub fn seal(data: &Path, manner: &Manner, now: Instant) -> Result<Done, SealingError> {
    let mut ledger = Ledger::open(data)?;
    if manner.readers.is_none() && ledger.is_encrypted() {
        return Err(SealingError::Readers);
    }
    ledger.state_policy(now, manner.policy.as_ref())?;
    ledger.state_readers(now, manner.readers.as_deref())?;
    Run { data, ledger, manner, now, last_finished: None }.carry_out()
}

/// A file that is about to be sealed.
struct Made {
    field: Field,
    bytes: Vec<u8>,
    file: SealedFile,
    tail: Option<Tail>,
}

/// A finished segment.
struct Finished {
    id: SegmentId,
    info: Option<SegmentInfo>,
    /// When it was begun, or before when, where that cannot be read.
    begun: Option<Timestamp>,
    bytes: u64,
    day: String,
}

struct Run<'r> {
    data: &'r Path,
    ledger: Ledger,
    manner: &'r Manner,
    now: Instant,
    /// The last segment that nobody writes any more.
    last_finished: Option<SegmentId>,
}

impl Run<'_> {
    fn carry_out(mut self) -> Result<Done, SealingError> {
        let mut done = Done::default();
        let finished = list_finished(&self.ledger, &self.manner.time_zone)?;
        self.last_finished = finished.last().map(|one| one.id);
        let sealed_through = self.ledger.log.through_segment();
        let waiting: Vec<_> = finished.iter().filter(|one| one.id.number() > sealed_through).collect();
        let outcome =
            groups(&waiting).into_iter().try_for_each(|group| self.seal_group(group, &mut done.sealed));
        // What is sealed does not stay because something else cannot be.
        let removed = self.remove_sealed(&finished, &mut done);
        outcome.and(removed).map(|()| done)
    }

    /// Seals segments together, or each by itself where the disk does not give all of them back: a seal has either all of its segments, or
    /// not all of one.
    fn seal_group(&mut self, group: &[&Finished], sealed: &mut Vec<Seal>) -> Result<(), SealingError> {
        let Ledger { directory, log, .. } = &self.ledger;
        let segments: Vec<SegmentId> = group.iter().map(|one| one.id).collect();
        let (parts, tally) = write_apart(directory, &segments, log.through(), &log.retention())?;
        // What stands before one that is waited for does not wait, and each waits for itself.
        if !tally.unreadable.is_empty() && group.len() > 1 {
            return group.chunks(1).try_for_each(|one| self.seal_group(one, sealed));
        }
        self.check_patience(&tally.unreadable, group)?;
        if tally.records > 0 || parts.iter().any(|part| part.rows > 0) {
            sealed.extend(self.seal_parts(group, parts, &tally)?);
        }
        Ok(())
    }

    fn seal_parts(
        &mut self,
        group: &[&Finished],
        parts: Vec<Part>,
        tally: &Tally,
    ) -> Result<Option<Seal>, SealingError> {
        let Ledger { folder, key, log, .. } = &mut self.ledger;
        let (Some(first), Some(last)) = (group.first(), group.last()) else { return Ok(None) };
        let after = log.through();
        let made: Result<Vec<Made>, _> = parts.into_iter().map(|part| self.manner.make_file(part)).collect();
        let mut made = made?.into_iter();
        let Some(first_made) = made.next() else { return Ok(None) };
        let apart: Vec<Made> = made.filter(|made| made.file.rows > 0).collect();
        let range = (first.id.number(), last.id.number());
        let seal = Seal::new(tally, after, range, first.day.clone(), first_made.file);
        let parts: Vec<_> = apart.iter().map(|made| (made.field, made.file)).collect();
        // What is put together of parts is read as a whole.
        let tail = first_made.tail.filter(|_| parts.is_empty());
        let seal = Seal { sealed: self.now.at, sealed_clock: self.now.quality, parts, tail, ..seal };
        let all = || [&first_made].into_iter().chain(&apart);
        let bytes_all: u64 = all().map(|made| made.file.bytes).sum();
        if folder.free_bytes()? < FREE_BYTES_MIN.saturating_add(bytes_all) {
            return Err(SealingError::Full);
        }
        for Made { field, bytes, file, .. } in all() {
            folder.write_part(&part_name(log.next_number(), *field, file.form), bytes)?;
        }
        let before = log.clone();
        log.append(seal, key);
        if let Err(error) = self.ledger.write() {
            // What is not in the log on the disk is not sealed: its segments stay.
            self.ledger.log = before;
            return Err(error.into());
        }
        Ok(self.ledger.log.last().cloned())
    }

    /// A disk may give back later what it does not give back now, and a key may be put back. Time of a clock that is believed counts, after
    /// what is sealed for certain; and what the box has run since: many a box never finds a time server.
    fn check_patience(&self, unreadable: &[SegmentId], group: &[&Finished]) -> Result<(), SealingError> {
        if unreadable.is_empty() {
            return Ok(());
        }
        let (now, leaves) = (self.now, self.ledger.log.leaves());
        let is_believed = Belief::after(leaves.clone()).check((now.at, now.quality)).is_ok();
        let not_before = Bounds::after_all(leaves, now.at).not_before();
        let is_young = |one: &&&Finished| {
            let begun = one.begun.max(not_before).unwrap_or(now.at);
            let is_spent = is_believed && now.at.ms_since(begun) >= UNREADABLE_MS;
            let last = self.last_finished.unwrap_or(one.id);
            unreadable.contains(&one.id) && !is_spent && waited_ms(self.data, one.id, last) < UNREADABLE_MS
        };
        group.iter().find(is_young).map_or(Ok(()), |one| Err(SealingError::Segment(one.id)))
    }

    /// Erases segments of days that are over, oldest first, whose records are all sealed. The newest with a header stays: it tells the
    /// next start which accesses were open.
    fn remove_sealed(&self, finished: &[Finished], done: &mut Done) -> Result<(), SealingError> {
        let Ledger { directory, log, .. } = &self.ledger;
        let newest = newest_with_header(directory)?;
        let today = day(self.now.at, &self.manner.time_zone);
        // A box that does not know the time does not know which day is over.
        if self.now.quality == ClockQuality::Unset {
            return Ok(());
        }
        let sealed_through = log.through_segment();
        for one in finished {
            let is_passed = one.id.number() <= sealed_through;
            if !is_passed || one.day == today || Some(one.id) >= newest {
                continue;
            }
            if self.may_go(one) {
                directory.erase(one.id)?;
                done.removed.push(one.id);
            } else if !log.accounts_for(one.id.number()) {
                let segment = one.id;
                tracing::error!(%segment, "a segment could not be read when what came after it was sealed: it is kept until its time is over");
            }
        }
        Ok(())
    }

    /// Whether nothing of a segment is left that is in no sealed file: it is read again for that. One that cannot be read goes when the seal
    /// that has all of it is deleted; where there is no such seal, [`expire`] alone has it go, by an entry of its own.
    fn may_go(&self, one: &Finished) -> bool {
        let Ledger { directory, log, .. } = &self.ledger;
        let seal = log.seal_of(one.id.number());
        let mut is_damaged = false;
        let tally = harvest(directory, &[one.id], 0, |piece| {
            is_damaged |= matches!(piece, Harvested::Damaged { .. });
        });
        match (tally.ok().filter(|tally| tally.unreadable.is_empty()), seal) {
            // What came after it was sealed stays.
            (Some(tally), Some(_)) => tally.last_sequence <= log.through(),
            // Begun and never written to; or with records that were written twice.
            (Some(tally), None) => {
                let first = one.info.map_or(0, |info| info.next_sequence);
                !is_damaged && !log.may_lack(first, tally.last_sequence)
            }
            (None, Some(seal)) => seal.is_deleted(&log.expiries()),
            (None, None) => false,
        }
    }
}

/// The segments that nobody writes any more: with a box, those before the last one that has a header.
fn list_finished(ledger: &Ledger, time_zone: &TimeZone) -> Result<Vec<Finished>, SealingError> {
    let directory = &ledger.directory;
    let mut finished = Vec::new();
    for id in directory.list()? {
        // What cannot be read must not keep the others.
        let info = inspect(directory, id).ok().flatten();
        let begun = info.map(|info| info.created);
        let day = begun.map_or_else(|| NO_DAY.to_owned(), |begun| day(begun, time_zone));
        let bytes = fs::metadata(directory.path(id)).map_or(0, |metadata| metadata.len());
        finished.push(Finished { id, info, begun, bytes, day });
    }
    let mut next = None;
    for one in finished.iter_mut().rev() {
        next = one.begun.or(next);
        one.begun = next;
    }
    if ledger.is_running {
        let active = finished.iter().rposition(|one| one.info.is_some());
        finished.truncate(active.unwrap_or(0));
    }
    Ok(finished)
}

fn newest_with_header(directory: &Directory) -> io::Result<Option<SegmentId>> {
    for id in directory.list()?.into_iter().rev() {
        if inspect(directory, id).is_ok_and(|info| info.is_some()) {
            return Ok(Some(id));
        }
    }
    Ok(None)
}

/// Segments that are sealed together: of one day, and not too much at once.
fn groups<'f>(waiting: &'f [&'f Finished]) -> Vec<&'f [&'f Finished]> {
    let mut groups = Vec::new();
    let (mut start, mut bytes) = (0, 0_u64);
    for (place, one) in waiting.iter().enumerate() {
        let is_other = waiting.get(start).is_some_and(|first| first.day != one.day);
        if place > start && (is_other || bytes.saturating_add(one.bytes) > SEGMENTS_BYTES_MAX) {
            groups.extend(waiting.get(start..place));
            (start, bytes) = (place, 0);
        }
        bytes = bytes.saturating_add(one.bytes);
    }
    groups.extend(waiting.get(start..).filter(|rest| !rest.is_empty()));
    groups
}
