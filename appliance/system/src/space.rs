//! The room that the journal has: how long it lasts by the school's own use, and what is kept free for it alone.
//!
//! `DATA/reserve` is a file of nothing that takes room. When the disk is full, whoever writes the journal removes it and goes
//! on: a cache, a list or somebody's copy that fills the disk does not close the web, and there are weeks to make room.
//!
//! `DATA/reserve-of-log` is the same for the log of seals, which is replaced as a whole: without room for another one nothing
//! could be deleted that is past its time, nor held for a judge.

use std::fs::{self, OpenOptions};
use std::io;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use archive::{Log, Seal};
use journal::Source;
use model::Timestamp;
use nix::errno::Errno;
use nix::fcntl::{FallocateFlags, fallocate};

use crate::segments::Directory;
use crate::vault::{Folder, LogFileError};

/// The file, in the data folder.
const RESERVE_FILE: &str = "reserve";
const LOG_RESERVE_FILE: &str = "reserve-of-log";
const FILE_MODE: u32 = 0o600;
/// How many days of use are kept free.
const RESERVE_DAYS: u64 = 28;
/// What is kept free at least: two segments.
const RESERVE_BYTES_MIN: u64 = 128 << 20;
/// And at most: two months of the largest school, unsealed.
const RESERVE_BYTES_MAX: u64 = 1 << 30;
/// What is kept free for the log of seals at least, also on a small disk: two years of it.
const LOG_BYTES_MIN: u64 = 1 << 20;
/// It is not taken of a disk that has less than this left beside it: the journal writes there, too. Before the first seal nothing is
/// written yet, and there is no other moment on a small disk.
const LOG_FREE_BYTES_MIN: u64 = 8 << 20;
/// Nothing is kept free on a disk that has not so many times as much: there it would close the web.
const FREE_TIMES_MIN: u64 = 4;
/// Over how many days the use is measured: holidays are in it, and so is a month of school.
const MEASURED_DAYS: u64 = 28;
/// A warning comes this many days ahead: holidays, an order, a visit.
pub const WARNING_DAYS: u64 = 42;
/// What waits to be sealed for so many days is not sealed for some reason, and piles up.
const PILE_DAYS: u64 = 3;
/// How long a sealed file stays.
const YEAR_DAYS: u64 = archive::DAYS_MAX as u64;
const DAY_MS: u64 = 86_400_000;

/// How the journal stands to its disk.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Outlook {
    /// What it takes a day.
    pub bytes_a_day: u64,
    /// What is free on the disk, and reserved.
    pub free_bytes: u64,
    /// What of that is reserved.
    pub reserved_bytes: u64,
    /// How many days it lasts; `None`: until the first files are deleted, and so for good.
    pub days_left: Option<u64>,
}

impl Outlook {
    /// Whether somebody has to see to it.
    #[must_use]
    pub fn is_tight(&self) -> bool {
        self.days_left.is_some_and(|days| days < WARNING_DAYS)
    }
}

/// Looks at a data folder.
///
/// # Errors
/// It cannot be read.
pub fn look(data: &Path, now: Timestamp) -> Result<Outlook, SpaceError> {
    let log = Folder::new(data).read_log()?;
    let directory = Directory::new(data);
    let mut unsealed = 0;
    for segment in directory.list()? {
        if !log.accounts_for(segment.number()) {
            unsealed += blocks(&directory.path(segment))?;
        }
    }
    let reserved_bytes = Reserve::new(data).bytes()?;
    let free_bytes = free_bytes(data)?.saturating_add(reserved_bytes);
    Ok(Outlook { reserved_bytes, ..reckon(&log, unsealed, free_bytes, now) })
}

/// Nothing can be said of the room.
#[derive(Debug, thiserror::Error)]
pub enum SpaceError {
    /// The log cannot be read.
    #[error(transparent)]
    Log(#[from] LogFileError),
    /// The disk cannot be asked.
    #[error("the journal's disk cannot be asked for its room")]
    Io(#[from] io::Error),
}

pub(crate) fn free_bytes(folder: &Path) -> io::Result<u64> {
    let state = nix::sys::statvfs::statvfs(folder)?;
    Ok(state.blocks_available().saturating_mul(state.fragment_size()))
}

fn blocks(path: &Path) -> io::Result<u64> {
    const BLOCK_BYTES: u64 = 512;
    match fs::metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(0),
        metadata => Ok(metadata?.blocks().saturating_mul(BLOCK_BYTES)),
    }
}

/// What is sealed of a month tells what a month takes; what waits to be sealed takes its own room each day that it waits.
fn reckon(log: &Log, unsealed: u64, free_bytes: u64, now: Timestamp) -> Outlook {
    let since = |seal: &Seal| now.ms_since(seal.sealed) / DAY_MS;
    let month: Vec<&Seal> = log.seals().filter(|seal| since(seal) < MEASURED_DAYS).collect();
    let sealed: u64 = month.iter().flat_map(|seal| seal.files()).map(|(_, file, _)| file.bytes).sum();
    let measured = month.iter().map(|seal| since(seal) + 1).max().unwrap_or(1);
    // A day that is not over yet is no pile.
    let waiting_days = log.last().map_or(0, since);
    let piled = if waiting_days >= PILE_DAYS { unsealed / waiting_days } else { 0 };
    let bytes_a_day = (sealed / measured).max(piled);
    let there = log.seals().next().map_or(0, since);
    let needed = bytes_a_day.saturating_mul(YEAR_DAYS.saturating_sub(there).max(1));
    let lasts = free_bytes.checked_div(bytes_a_day);
    // What cannot be sealed is not deleted for a year: it goes on growing.
    let days_left = lasts.filter(|_| needed > free_bytes || piled > 0);
    Outlook { bytes_a_day, free_bytes, reserved_bytes: 0, days_left }
}

/// The room that is kept free.
#[derive(Clone, Debug)]
pub struct Reserve {
    path: PathBuf,
}

impl Reserve {
    /// That of a data folder. Touches nothing yet.
    #[must_use]
    pub fn new(data: &Path) -> Self {
        Self { path: data.join(RESERVE_FILE) }
    }

    /// That of the log of seals alone.
    #[must_use]
    pub(crate) fn of_log(data: &Path) -> Self {
        Self { path: data.join(LOG_RESERVE_FILE) }
    }

    /// Keeps room for a log that is replaced by one as long, and some entries more, where there is enough beside it. No bytes: there
    /// is no log yet.
    pub(crate) fn keep_for(&self, log_bytes: u64) -> io::Result<()> {
        let wanted = log_bytes.saturating_mul(2).max(LOG_BYTES_MIN);
        let missing = wanted.saturating_sub(self.bytes()?);
        let folder = self.path.parent().unwrap_or(&self.path);
        let has_room = log_bytes == 0 || free_bytes(folder)? >= missing.saturating_add(LOG_FREE_BYTES_MIN);
        if missing > 0 && has_room { self.take(wanted) } else { Ok(()) }
    }

    /// How much it takes.
    ///
    /// # Errors
    /// The disk fails.
    pub fn bytes(&self) -> io::Result<u64> {
        blocks(&self.path)
    }

    /// Keeps room for a month of use, where the disk has plenty.
    ///
    /// # Errors
    /// The disk fails.
    pub fn keep(&self, outlook: &Outlook) -> io::Result<()> {
        let wanted =
            outlook.bytes_a_day.saturating_mul(RESERVE_DAYS).clamp(RESERVE_BYTES_MIN, RESERVE_BYTES_MAX);
        let missing = wanted.saturating_sub(outlook.reserved_bytes);
        if missing == 0 || outlook.free_bytes < wanted.saturating_mul(FREE_TIMES_MIN) {
            return Ok(());
        }
        self.take(wanted)
    }

    /// Takes room for so many bytes in all; where there is not so much, none more than before.
    pub(crate) fn take(&self, bytes: u64) -> io::Result<()> {
        let mut options = OpenOptions::new();
        let file = options.write(true).create(true).truncate(false).mode(FILE_MODE).open(&self.path)?;
        let length = libc::off_t::try_from(bytes).map_err(io::Error::other)?;
        let before = file.metadata()?.len();
        match fallocate(&file, FallocateFlags::empty(), 0, length) {
            // Where a file system cannot, there is no reserve.
            Ok(()) | Err(Errno::EOPNOTSUPP | Errno::ENOSYS | Errno::EINTR) => Ok(()),
            // A file system may have taken all that there was.
            Err(Errno::ENOSPC) => file.set_len(before),
            Err(error) => Err(error.into()),
        }
    }

    /// Gives the room to whoever needs it now; whether there was some.
    ///
    /// # Errors
    /// The disk fails.
    pub fn give_up(&self) -> io::Result<bool> {
        match fs::remove_file(&self.path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            outcome => outcome.map(|()| true),
        }
    }
}

#[cfg(test)]
mod tests {
    use archive::{Form, Hash, SealedFile, SigningKey};
    use journal::Tally;

    use super::*;
    use crate::full_disk::{FOLDER_VARIABLE, run_test_on};

    const START_MS: i64 = 1_795_392_000_000;

    fn at(day: i64) -> Timestamp {
        Timestamp::from_unix_ms(START_MS + day * 86_400_000)
    }

    /// A log with a file of so many bytes each day.
    fn log_of(days: i64, bytes: u64) -> Log {
        let key = SigningKey::of_box([1; 32]).unwrap();
        let mut log = Log::default();
        for day in 0..days {
            let file = SealedFile { form: Form::Plain, bytes, hash: Hash::of(b""), rows: 1 };
            let seal = Seal::new(&Tally::default(), 0, (1, 1), "2026-11-23".to_owned(), file);
            log.append(Seal { sealed: at(day), ..seal }, &key);
        }
        log
    }

    #[test]
    fn the_room_is_measured_against_the_schools_own_use() {
        let check = |days: i64, unsealed: u64, free: u64, expected: (u64, Option<u64>)| {
            // What waits does so for ten days.
            let now = if unsealed > 1_000_000 { at(days + 9) } else { at(days - 1) };
            let found = reckon(&log_of(days, 1_000_000), unsealed, free, now);
            assert_eq!((found.bytes_a_day, found.days_left), expected, "{days} days, {free} free");
        };
        // A megabyte a day: a year of them fits, or not.
        check(10, 0, 400_000_000, (1_000_000, None));
        check(10, 0, 100_000_000, (1_000_000, Some(100)));
        check(10, 0, 30_000_000, (1_000_000, Some(30)));
        check(300, 0, 100_000_000, (1_000_000, None));
        check(300, 900_000, 100_000_000, (1_000_000, None));
        // What waits to be sealed piles up.
        check(300, 30_000_000, 300_000_000, (3_000_000, Some(100)));
        // Nothing is known yet.
        check(0, 0, 1, (0, None));
        assert!(Outlook { days_left: Some(WARNING_DAYS - 1), ..Outlook::default() }.is_tight());
        assert!(!Outlook { days_left: Some(WARNING_DAYS), ..Outlook::default() }.is_tight());
        assert!(!Outlook::default().is_tight());
    }

    /// A school whose disk will be too small, looked at as the box and `preau journal status` do it.
    #[test]
    fn child_looks_at_a_small_disk() {
        #[expect(clippy::disallowed_methods, reason = "a child is told by its environment what to do")]
        let Ok(folder) = std::env::var(FOLDER_VARIABLE) else { return };
        let data = Path::new(&folder);
        let folder = Folder::new(data);
        let _lock = folder.lock().unwrap();
        folder.write_log(&log_of(10, 1_000_000)).unwrap();
        let looked = look(data, at(9)).unwrap();
        assert!(looked.is_tight() && looked.days_left < Some(WARNING_DAYS), "{looked:?}");
        folder.write_log(&log_of(10, 10_000)).unwrap();
        let looked = look(data, at(9)).unwrap();
        assert!(!looked.is_tight() && looked.days_left.is_none(), "{looked:?}");
        println!("looked weeks ahead");
    }

    #[test]
    fn a_disk_that_will_be_too_small_is_known_weeks_ahead() {
        let said = run_test_on("32m", "space::tests::child_looks_at_a_small_disk");
        assert!(said.contains("looked weeks ahead"), "{said}");
    }

    #[test]
    fn child_keeps_room_on_a_disk_that_is_nearly_full() {
        #[expect(clippy::disallowed_methods, reason = "a child is told by its environment what to do")]
        let Ok(folder) = std::env::var(FOLDER_VARIABLE) else { return };
        let data = Path::new(&folder);
        fs::write(data.join("ballast"), vec![1; 10 << 20]).unwrap();
        let reserve = Reserve::of_log(data);
        reserve.keep_for(1_000).unwrap();
        assert_eq!(reserve.bytes().unwrap(), 0, "the journal needs what is left");
        reserve.keep_for(0).unwrap();
        let kept = reserve.bytes().unwrap();
        assert!(kept >= LOG_BYTES_MIN, "{kept}: before the first seal");
        reserve.take(64 << 20).unwrap();
        assert_eq!(reserve.bytes().unwrap(), kept, "there is not so much");
        println!("took no more than there is");
    }

    #[test]
    fn a_disk_that_is_nearly_full_is_not_filled() {
        let said = run_test_on("16m", "space::tests::child_keeps_room_on_a_disk_that_is_nearly_full");
        assert!(said.contains("took no more than there is"), "{said}");
    }

    #[test]
    fn room_is_kept_on_a_disk_that_has_plenty() {
        let data = tempfile::tempdir().unwrap();
        let reserve = Reserve::new(data.path());
        let small = Outlook { free_bytes: RESERVE_BYTES_MIN * FREE_TIMES_MIN - 1, ..Outlook::default() };
        reserve.keep(&small).unwrap();
        assert_eq!((reserve.bytes().unwrap(), reserve.give_up().unwrap()), (0, false));
    }
}
