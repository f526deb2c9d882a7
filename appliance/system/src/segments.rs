//! The journal's segments as files, and the thread that writes them.
//!
//! `DATA/journal/segment-00000000000000000042.pjs`, readable by the box alone, and `.key` beside it; `DATA/lock` keeps a second
//! box off. The format is in `docs/formats.md`.

mod veil;

use std::cell::Cell;
use std::error::Error;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, FileExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use archive::{Log, Vault};
use journal::{Active, CommitError, DamageKind, Floor, Journal, SegmentId, Source, Storage, Writer};
use model::Timestamp;
use nix::errno::Errno;
use nix::fcntl::{FallocateFlags, fallocate};

pub use self::veil::SegmentReader;
use self::veil::{MARK, PART_EXTENSION, Veil};
use crate::erasing;
use crate::lists::give_to_owner_of;
use crate::regular;
use crate::space::Reserve;
use crate::vault::Folder;

/// How long a record waits for the disk at most: with the time that a sync takes, it is durable within a second.
pub const COMMIT_INTERVAL: Duration = Duration::from_millis(500);
/// How many failed commits pass in silence after one was reported: the log must not fill a full disk.
const FAILURES_PER_REPORT: u32 = 120;
/// Who saw which site is for nobody else on the machine.
const FOLDER_MODE: u32 = 0o700;
const FILE_MODE: u32 = 0o600;
/// The highest number of a segment: a file with another is nobody's. A box goes on after the highest, and would come to an end.
const NUMBER_MAX: u64 = u64::MAX >> 1;
/// Most bytes of a segment that are read: it ends with the batch that makes it full. Of a file whose length a fault has made terabytes the
/// rest is no record.
const READ_BYTES_MAX: u64 = 128 << 20;
const EXTENSION: &str = "pjs";
/// The extension of a segment that is being erased.
const GONE_EXTENSION: &str = "gone";
/// The extension of a segment's key.
const KEY_EXTENSION: &str = "key";

/// A folder of segments.
#[derive(Debug)]
pub struct Directory {
    folder: PathBuf,
    vault: Folder,
    reserve: Reserve,
    lock_file: PathBuf,
    lock: Option<File>,
}

impl Directory {
    /// The journal's folder in a data directory. Touches nothing yet.
    #[must_use]
    pub fn new(data: &Path) -> Self {
        Self {
            folder: data.join("journal"),
            vault: Folder::new(data),
            reserve: Reserve::new(data),
            lock_file: data.join("lock"),
            lock: None,
        }
    }

    /// Locks the data directory for this process, which thereby owns everything in it, until this value goes or the
    /// process ends, however it ends. The lock is beside the journal's folder: who takes that away under a running box
    /// lets no second one in.
    ///
    /// # Errors
    /// [`io::ErrorKind::ResourceBusy`] when another process has it; else the system's error.
    pub fn lock(&mut self) -> io::Result<()> {
        if self.lock.is_some() {
            return Ok(());
        }
        let mut options = OpenOptions::new();
        let options = options.write(true).create(true).truncate(false).mode(FILE_MODE);
        let lock = options.custom_flags(regular::FLAGS).open(&self.lock_file)?;
        regular::check(&lock)?;
        if let Some(data) = self.lock_file.parent() {
            give_to_owner_of(data, &lock)?;
        }
        lock.try_lock().map_err(|error| match error {
            fs::TryLockError::WouldBlock => io::Error::new(
                io::ErrorKind::ResourceBusy,
                format!("another process holds {}", self.lock_file.display()),
            ),
            fs::TryLockError::Error(error) => error,
        })?;
        self.lock = Some(lock);
        Ok(())
    }

    /// Whether a box runs on the data directory. Changes nothing.
    #[must_use]
    pub fn is_in_use(&self) -> bool {
        // Without a file of the lock no box was ever here; whose file cannot be opened is another's, who may be the box.
        match regular::open(&self.lock_file) {
            Ok(file) => matches!(file.try_lock_shared(), Err(fs::TryLockError::WouldBlock)),
            Err(error) => error.kind() != io::ErrorKind::NotFound,
        }
    }

    /// The file of a segment.
    #[must_use]
    pub fn path(&self, segment: SegmentId) -> PathBuf {
        self.folder.join(format!("segment-{:020}.pjs", segment.number()))
    }

    /// Removes a segment for good. It loses its name first: nobody is to find half of it after a power cut.
    pub(crate) fn erase(&self, segment: SegmentId) -> io::Result<()> {
        let path = self.path(segment);
        let gone = path.with_extension(GONE_EXTENSION);
        match fs::rename(&path, &gone) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            outcome => outcome?,
        }
        self.sync()?;
        self.erase_nameless(&gone)
    }

    /// Whoever writes over the key of a veiled segment has written over all of it. Where there is none, or it cannot be written
    /// over, the segment is.
    fn erase_nameless(&self, gone: &Path) -> io::Result<()> {
        let is_veiled = match erasing::clear(&gone.with_extension(KEY_EXTENSION)) {
            Ok(()) => true,
            Err(error) if error.kind() == io::ErrorKind::NotFound => veil::is_veiled(gone).unwrap_or(false),
            Err(_) => false,
        };
        // What cannot be given back as it should be goes all the same.
        if !is_veiled || erasing::give_up(gone).is_err() {
            erasing::erase(gone)?;
        }
        self.remove_key(gone)
    }

    fn remove_key(&self, segment: &Path) -> io::Result<()> {
        match fs::remove_file(segment.with_extension(KEY_EXTENSION)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            Ok(()) => self.sync(),
            Err(error) => Err(error),
        }
    }

    /// Ends what a power cut has ended too early.
    pub(crate) fn erase_gone(&self) -> io::Result<()> {
        let entries = match fs::read_dir(&self.folder) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            entries => entries?,
        };
        let newest = self.list()?.last().copied();
        for entry in entries {
            let path = entry?.path();
            let name = path.file_name().and_then(|name| name.to_str());
            let is_gone = name.is_some_and(|name| parse(name, GONE_EXTENSION).is_some());
            // What cannot go keeps nothing else.
            if is_gone && let Err(error) = self.erase_nameless(&path) {
                tracing::warn!(%error, path = %path.display(), "a segment that is deleted cannot be erased");
            }
            self.remove_key_of_nothing(&path, newest);
        }
        Ok(())
    }

    /// Removes a key whose segment is gone, and what a power cut has left of the making of one. A segment is there before its key is,
    /// and while it is erased. From the newest on, a box may be making them.
    fn remove_key_of_nothing(&self, path: &Path, newest: Option<SegmentId>) {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let (whole, part) = (parse(name, KEY_EXTENSION), parse(name, PART_EXTENSION));
        let is_there = |path: &Path| path.try_exists().unwrap_or(true);
        let is_needed = whole
            .map(|segment| self.path(segment))
            .is_some_and(|segment| is_there(&segment) || is_there(&segment.with_extension(GONE_EXTENSION)));
        if whole.or(part).is_some_and(|segment| Some(segment) < newest)
            && !is_needed
            && let Err(error) = erasing::erase(path)
        {
            tracing::warn!(%error, path = %path.display(), "the key of a segment that is gone cannot be erased");
        }
    }

    /// Makes an empty segment and its key, both durable. Of what fails nothing stays.
    fn make_segment(&self, segment: SegmentId) -> io::Result<SegmentFile> {
        let path = self.path(segment);
        let file = OpenOptions::new().write(true).create_new(true).mode(FILE_MODE).open(&path)?;
        let key = path.with_extension(KEY_EXTENSION);
        let veil = Veil::create(&key, segment).inspect_err(|_| drop(fs::remove_file(&path)))?;
        // The mark says that there is a key: it comes when a power cut does not take that away.
        let marked = self.sync().and_then(|()| file.write_all_at(&MARK, 0));
        let key_stamp = marked.and_then(|()| stamp(&key)).map(Cell::new).inspect_err(|_| {
            drop(fs::remove_file(&path));
            drop(fs::remove_file(&key));
        })?;
        Ok(SegmentFile { file, path, reserve: self.reserve.clone(), veil, key_stamp, written_bytes: 0 })
    }

    /// Makes the folder, also when somebody took it away under a running box.
    fn make_folder(&self) -> io::Result<()> {
        if self.folder.is_dir() {
            return Ok(());
        }
        DirBuilder::new().recursive(true).mode(FOLDER_MODE).create(&self.folder)?;
        match self.folder.parent() {
            Some(parent) => File::open(parent)?.sync_all(),
            None => Ok(()),
        }
    }

    fn sync(&self) -> io::Result<()> {
        File::open(&self.folder)?.sync_all()
    }
}

/// The segment that has this file name.
fn parse_name(name: &str) -> Option<SegmentId> {
    parse(name, EXTENSION)
}

fn parse(name: &str, extension: &str) -> Option<SegmentId> {
    let digits = name.strip_prefix("segment-")?.strip_suffix(extension)?.strip_suffix('.')?;
    let is_number = digits.len() == 20 && digits.bytes().all(|byte| byte.is_ascii_digit());
    let number = digits.parse().ok().filter(|number| is_number && *number <= NUMBER_MAX);
    number.map(SegmentId::new)
}

impl Source for Directory {
    type Reader = SegmentReader;

    fn list(&self) -> io::Result<Vec<SegmentId>> {
        let entries = match fs::read_dir(&self.folder) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries?,
        };
        let mut segments = Vec::new();
        for entry in entries {
            segments.extend(entry?.file_name().to_str().and_then(parse_name));
        }
        segments.sort_unstable();
        Ok(segments)
    }

    fn open(&self, segment: SegmentId) -> io::Result<SegmentReader> {
        let path = self.path(segment);
        SegmentReader::open(&path, &path.with_extension(KEY_EXTENSION), segment, READ_BYTES_MAX)
    }
}

impl Storage for Directory {
    type Active = SegmentFile;

    fn acquire(&mut self) -> io::Result<()> {
        self.make_folder()?;
        self.lock()
    }

    fn floor(&self) -> Floor {
        // A log that cannot be read must not close the web: whoever seals tells of it.
        let bytes = self.vault.log().ok().flatten().unwrap_or_default();
        let (log, _) = Log::read(&bytes);
        Floor { segment: log.through_segment(), sequence: log.through() }
    }

    fn create(&mut self, segment: SegmentId) -> io::Result<SegmentFile> {
        self.make_folder()?;
        match self.make_segment(segment) {
            Err(error) if error.kind() == io::ErrorKind::StorageFull && self.reserve.give_up()? => {
                self.make_segment(segment)
            }
            made => made,
        }
    }

    fn end(&mut self, segment: SegmentId) -> io::Result<()> {
        let file = OpenOptions::new().write(true).open(self.path(segment))?;
        // Cutting a file at its own length frees what was reserved beyond it.
        file.set_len(file.metadata()?.len())?;
        file.sync_all()
    }

    fn remove(&mut self, segment: SegmentId) -> io::Result<()> {
        let path = self.path(segment);
        fs::remove_file(&path)?;
        self.remove_key(&path)
    }
}

/// The segment file that is being written.
#[derive(Debug)]
pub struct SegmentFile {
    file: File,
    path: PathBuf,
    reserve: Reserve,
    veil: Veil,
    key_stamp: Cell<Stamp>,
    /// Up to where something was written, or tried.
    written_bytes: u64,
}

/// By what a file is known that nobody has replaced or written: its device, inode, length and time of change, in s and ns. The time of
/// change is the system's own: that of writing, which is another, can be set by anybody.
type Stamp = (u64, u64, u64, i64, i64);

fn stamp(path: &Path) -> io::Result<Stamp> {
    let found = fs::symlink_metadata(path)?;
    Ok((found.dev(), found.ino(), found.len(), found.ctime(), found.ctime_nsec()))
}

impl SegmentFile {
    fn allocate(&self, start: libc::off_t, length: libc::off_t, bytes: u64) -> io::Result<()> {
        loop {
            return match fallocate(&self.file, FallocateFlags::FALLOC_FL_KEEP_SIZE, start, length) {
                Ok(()) => Ok(()),
                Err(Errno::EINTR) => continue,
                // Where a file system cannot reserve space, having it at the moment is the next best.
                Err(Errno::EOPNOTSUPP | Errno::ENOSYS) if self.free_bytes()? < bytes => {
                    Err(io::ErrorKind::StorageFull.into())
                }
                Err(Errno::EOPNOTSUPP | Errno::ENOSYS) => Ok(()),
                Err(error) => Err(error.into()),
            };
        }
    }

    /// Writes the key anew from memory.
    fn put_key(&self, key: &Path) -> io::Result<()> {
        self.veil.put(key)?;
        if let Some(folder) = key.parent() {
            File::open(folder)?.sync_all()?;
        }
        self.key_stamp.set(stamp(key)?);
        Ok(())
    }
}

impl Active for SegmentFile {
    fn reserve(&mut self, offset: u64, bytes: u64) -> io::Result<()> {
        let start = libc::off_t::try_from(in_file(offset)).map_err(io::Error::other)?;
        let length = libc::off_t::try_from(bytes).map_err(io::Error::other)?;
        match self.allocate(start, length, bytes) {
            // The room that is kept for this is used before the web closes.
            Err(error) if error.kind() == io::ErrorKind::StorageFull && self.reserve.give_up()? => {
                tracing::error!(
                    "the disk is full: the journal goes on in the room that is kept for it alone"
                );
                self.allocate(start, length, bytes)
            }
            outcome => outcome,
        }
    }

    fn check_in_place(&self, bytes: u64) -> io::Result<()> {
        let (found, held) = (fs::metadata(&self.path)?, self.file.metadata()?);
        if (found.dev(), found.ino()) != (held.dev(), held.ino()) {
            return Err(io::Error::new(io::ErrorKind::NotFound, "another file has its name"));
        }
        if found.len() < in_file(bytes) { Err(io::ErrorKind::UnexpectedEof.into()) } else { Ok(()) }
    }

    /// Without its key nobody would read what is durable.
    fn keep_readable(&self) -> io::Result<()> {
        let key = self.path.with_extension(KEY_EXTENSION);
        if stamp(&key).is_ok_and(|found| found == self.key_stamp.get()) {
            return Ok(());
        }
        tracing::error!(path = %key.display(), "the key of the segment that is written was removed or changed: it is written anew");
        match self.put_key(&key) {
            // Often the disk is full, and somebody has made room with the key.
            Err(error) if error.kind() == io::ErrorKind::StorageFull && self.reserve.give_up()? => {
                self.put_key(&key)
            }
            outcome => outcome,
        }
    }

    fn free_bytes(&self) -> io::Result<u64> {
        let state = nix::sys::statvfs::fstatvfs(&self.file)?;
        let free = state.blocks_available().saturating_mul(state.fragment_size());
        // What is kept for the journal is the journal's.
        Ok(free.saturating_add(self.reserve.bytes()?))
    }

    fn write_at(&mut self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        // Two texts under one part of a key's stream would tell each other: what a failed try has left is not written over.
        if offset < self.written_bytes {
            return Err(io::Error::other("a place of a segment is written once"));
        }
        self.written_bytes = offset.saturating_add(bytes.len() as u64);
        let mut bytes = bytes.to_vec();
        self.veil.cover(offset, &mut bytes)?;
        self.file.write_all_at(&bytes, in_file(offset))
    }

    fn sync(&mut self) -> io::Result<()> {
        self.file.sync_data()
    }
}

/// Where in its file a place of a segment is: after the mark.
fn in_file(offset: u64) -> u64 {
    offset.saturating_add(MARK.len() as u64)
}

/// The thread that commits. Dropping it commits for the last time.
#[derive(Debug)]
pub struct WriterThread {
    stop: Arc<AtomicBool>,
    beats: Arc<AtomicU64>,
    thread: Option<JoinHandle<Result<(), CommitError>>>,
}

/// Commits once, so that the journal accepts records as soon as this returns if it can, and then every
/// [`COMMIT_INTERVAL`] from a thread. Failures are logged and tried again.
///
/// # Errors
/// The thread cannot be started.
pub fn spawn_writer<S>(
    writer: Writer<S>,
    journal: &Journal,
    now: impl Fn() -> Timestamp + Send + 'static,
) -> io::Result<WriterThread>
where
    S: Storage + Send + 'static,
    S::Active: Send,
{
    let mut reporter = Reporter::default();
    let mut writer = writer;
    reporter.report(&writer.commit(now()));
    report_recovery(&writer);
    let (stop, beats) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    let (stopped, counted) = (Arc::clone(&stop), Arc::clone(&beats));
    let thread = thread::Builder::new().name("journal".to_owned()).spawn(move || {
        while !stopped.load(Ordering::Acquire) {
            thread::park_timeout(COMMIT_INTERVAL);
            counted.fetch_add(1, Ordering::Relaxed);
            let was_recovered = writer.recovery().is_some();
            reporter.report(&writer.commit(now()));
            if !was_recovered {
                report_recovery(&writer);
            }
        }
        writer.finish(now())
    })?;
    let handle = thread.thread().clone();
    journal.wake_writer_by(move || handle.unpark());
    let start = crate::clock::monotonic();
    journal.measure_waiting_by(move || start.elapsed());
    Ok(WriterThread { stop, beats, thread: Some(thread) })
}

impl WriterThread {
    /// Counts the commits, those that fail as well: the thread lives as long as it counts.
    #[must_use]
    pub fn beats(&self) -> Arc<AtomicU64> {
        Arc::clone(&self.beats)
    }

    /// Makes durable all that was recorded and ends the thread. Nothing is accepted afterwards.
    ///
    /// # Errors
    /// [`CommitError`]: the last records could not be written.
    pub fn stop(mut self) -> Result<(), CommitError> {
        self.join()
    }

    fn join(&mut self) -> Result<(), CommitError> {
        let Some(thread) = self.thread.take() else { return Ok(()) };
        self.stop.store(true, Ordering::Release);
        thread.thread().unpark();
        match thread.join() {
            Ok(outcome) => outcome,
            Err(panic) => std::panic::resume_unwind(panic),
        }
    }
}

impl Drop for WriterThread {
    fn drop(&mut self) {
        if let Err(error) = self.join() {
            tracing::error!(error = &error as &dyn Error, "the last records could not be written");
        }
    }
}

/// Tells when the journal shuts and opens, once.
#[derive(Default)]
struct Reporter {
    failures: u32,
}

impl Reporter {
    fn report(&mut self, outcome: &Result<(), CommitError>) {
        match outcome {
            Ok(()) if self.failures == 0 => {}
            Ok(()) => {
                tracing::warn!(failures = self.failures, "the journal can be written again: the web is open");
                self.failures = 0;
            }
            Err(error) => {
                if self.failures.is_multiple_of(FAILURES_PER_REPORT) {
                    let error: &dyn Error = error;
                    tracing::error!(error, "the journal cannot be written: the web is closed");
                }
                self.failures = self.failures.saturating_add(1);
            }
        }
    }
}

fn report_recovery<S: Storage>(writer: &Writer<S>) {
    let Some(recovery) = writer.recovery() else { return };
    if recovery.cut_accesses > 0 {
        tracing::info!(accesses = recovery.cut_accesses, "accesses of the last run are closed as cut");
    }
    for damage in &recovery.damages {
        if damage.kind == DamageKind::Tail {
            tracing::info!(%damage, "the last run was cut off in the middle of an append");
        } else {
            tracing::warn!(%damage, "a part of the journal holds no readable record");
        }
    }
    for segment in &recovery.unreadable {
        tracing::error!(%segment, "a part of the journal cannot be read from the disk");
    }
}

#[cfg(test)]
mod on_disk;

#[cfg(test)]
mod tests;
