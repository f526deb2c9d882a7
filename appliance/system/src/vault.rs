//! The sealed part of a journal on the disk: `DATA/sealed`, readable by the box alone.
//!
//! | file | |
//! |---|---|
//! | `log` | all seals, each with its signed checkpoint |
//! | `checkpoint` | the last of them, for others to fetch |
//! | `witnessed` | what a witness has signed, where somebody put a copy of it |
//! | `key` | what its signature is verified with |
//! | `seal-N.parquet`, `seal-N.parquet.age` | the records |
//! | `.seal-N....part` | one that is being sealed |
//! | `lock` | held by whoever seals |
//!
//! Invariant: a power cut, at any moment, leaves a log that is whole, and for each of its seals a whole file: the log is
//! replaced in one step, between the file and its name.

mod tables;

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use archive::{
    Entry, FileBytes, Hash, Hasher, Identity, LOG_BYTES_MAX, Log, LogError, SealedFile, Vault, VerifierKey,
};

pub use self::tables::Tables;
use crate::erasing;
use crate::lists::{TEMPORARY_PREFIX, give_to_owner_of, replace_with_mode};
use crate::regular;

/// Who saw which site is for nobody else on the machine.
const FOLDER_MODE: u32 = 0o700;
const FILE_MODE: u32 = 0o600;
const LOG_FILE: &str = "log";
const CHECKPOINT_FILE: &str = "checkpoint";
const KEY_FILE: &str = "key";
const LOCK_FILE: &str = "lock";
const WITNESSED_FILE: &str = "witnessed";
const PART_EXTENSION: &str = ".part";
/// Most bytes of a sealed file, or of a segment, that is read: a segment and a half, had nothing been compressed.
const FILE_BYTES_MAX: u64 = 256 << 20;
/// Most bytes of the small files.
const TEXT_BYTES_MAX: u64 = 64 << 10;

/// A folder of sealed files.
#[derive(Clone, Debug)]
pub struct Folder {
    folder: PathBuf,
}

/// Held by whoever seals. It goes with the process, however that ends.
#[derive(Debug)]
pub struct Lock {
    _file: File,
}

/// A log that cannot be gone on with.
#[derive(Debug, thiserror::Error)]
pub enum LogFileError {
    /// It is damaged.
    #[error("the log of seals {} is damaged, and nothing is sealed until a whole one is back: {source}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// Where.
        source: LogError,
    },
    /// It cannot be read.
    #[error("the log of seals {} cannot be read", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

impl Folder {
    /// The folder of a data directory. Touches nothing yet.
    #[must_use]
    pub fn new(data: &Path) -> Self {
        Self { folder: data.join("sealed") }
    }

    /// Makes the folder where there is none, and locks it.
    ///
    /// # Errors
    /// [`io::ErrorKind::ResourceBusy`] when somebody else seals; else the system's error.
    pub fn lock(&self) -> io::Result<Lock> {
        if !self.folder.is_dir() {
            DirBuilder::new().recursive(true).mode(FOLDER_MODE).create(&self.folder)?;
            if let Some(parent) = self.folder.parent() {
                give_to_owner_of(parent, &File::open(&self.folder)?)?;
                File::open(parent)?.sync_all()?;
            }
        }
        let mut options = OpenOptions::new();
        let options = options.write(true).create(true).truncate(false).mode(FILE_MODE);
        let file = options.custom_flags(regular::FLAGS).open(self.folder.join(LOCK_FILE))?;
        regular::check(&file)?;
        give_to_owner_of(&self.folder, &file)?;
        match file.try_lock() {
            Ok(()) => Ok(Lock { _file: file }),
            Err(TryLockError::WouldBlock) => Err(io::ErrorKind::ResourceBusy.into()),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }

    /// The log, whole.
    ///
    /// # Errors
    /// [`LogFileError`].
    pub fn read_log(&self) -> Result<Log, LogFileError> {
        let path = self.folder.join(LOG_FILE);
        let bytes = self.log().map_err(|source| LogFileError::Unreadable { path: path.clone(), source })?;
        match Log::read(&bytes.unwrap_or_default()) {
            (log, None) => Ok(log),
            (_, Some(source)) => Err(LogFileError::Damaged { path, source }),
        }
    }

    /// The log as far as it can be read: what is wrong with the rest is for `verify` to say.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn log_so_far(&self) -> io::Result<Log> {
        Ok(Log::read(&self.log()?.unwrap_or_default()).0)
    }

    /// The key that the box left for those who verify; `None` where it never sealed.
    ///
    /// # Errors
    /// It cannot be read, or is none.
    pub fn read_key(&self) -> io::Result<Option<VerifierKey>> {
        let Some(text) = self.read_text(KEY_FILE)? else { return Ok(None) };
        text.trim_end().parse().map(Some).map_err(io::Error::other)
    }

    /// What a witness has signed, where somebody put a copy of it.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn read_witnessed(&self) -> io::Result<Option<String>> {
        self.read_text(WITNESSED_FILE)
    }

    /// Keeps a copy of what a witness has signed, in the place of the one before.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn write_witnessed(&self, note: &str) -> io::Result<()> {
        replace_with_mode(&self.folder.join(WITNESSED_FILE), note.as_bytes(), FILE_MODE)
    }

    /// Opens a sealed file, for whoever carries its bytes away.
    ///
    /// # Errors
    /// It cannot be read, or is gone.
    pub fn open_sealed(&self, name: &str) -> io::Result<File> {
        self.open_file(name)
    }

    /// Leaves the key for those who verify.
    pub(crate) fn write_key(&self, key: &VerifierKey) -> io::Result<()> {
        let text = format!("{key}\n");
        if self.read_text(KEY_FILE)?.as_ref() == Some(&text) {
            return Ok(());
        }
        replace_with_mode(&self.folder.join(KEY_FILE), text.as_bytes(), FILE_MODE)
    }

    /// The bytes of a sealed file, which are those that were sealed.
    ///
    /// # Errors
    /// They are not, or cannot be read.
    fn read_file(&self, name: &str, sealed: &SealedFile) -> io::Result<Vec<u8>> {
        let bytes = read_bounded(self.open_file(name)?, FILE_BYTES_MAX)?;
        if Hash::of(&bytes) == sealed.hash {
            Ok(bytes)
        } else {
            let message = format!("{name} is not what was sealed");
            Err(io::Error::new(io::ErrorKind::InvalidData, message))
        }
    }

    /// A sealed file; one whose seal was written last may still be without its name.
    fn open_file(&self, name: &str) -> io::Result<File> {
        match regular::open(&self.folder.join(name)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => regular::open(&self.part(name)),
            file => file,
        }
    }

    /// The tables of sealed days that these keys open, by what a log says to be deleted.
    #[must_use]
    pub fn tables<'f>(&'f self, log: &Log, identities: &'f [Identity]) -> Tables<'f> {
        Tables::new(self, log, identities)
    }

    /// How much room there is on the disk, in bytes.
    pub(crate) fn free_bytes(&self) -> io::Result<u64> {
        let state = nix::sys::statvfs::statvfs(&self.folder)?;
        Ok(state.blocks_available().saturating_mul(state.fragment_size()))
    }

    /// Writes a file that is about to be sealed, makes it durable, and reads it again.
    pub(crate) fn write_part(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        let path = self.part(name);
        let mut options = OpenOptions::new();
        let options = options.write(true).create(true).truncate(true).mode(FILE_MODE);
        let mut file = options.custom_flags(regular::FLAGS).open(&path)?;
        give_to_owner_of(&self.folder, &file)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        drop(file);
        File::open(&self.folder)?.sync_all()?;
        if measure(&path)? == Some((bytes.len() as u64, Hash::of(bytes))) {
            Ok(())
        } else {
            Err(io::Error::new(io::ErrorKind::InvalidData, format!("{} does not come back", path.display())))
        }
    }

    /// Puts a log in the place of the one before, in one step.
    pub(crate) fn write_log(&self, log: &Log) -> io::Result<()> {
        replace_with_mode(&self.folder.join(LOG_FILE), log.to_string().as_bytes(), FILE_MODE)
    }

    /// Gives the file of the last seal its name, and shows its checkpoint; removes what was never sealed. All of it may
    /// be done already.
    pub(crate) fn finish_last(&self, log: &Log) -> io::Result<()> {
        for (_, file, name) in log.last().iter().flat_map(|seal| seal.files()) {
            let part = self.part(&name);
            let found = match measure(&part) {
                // It was never sealed: it goes with what else was left.
                Err(error) if error.kind() == io::ErrorKind::FileTooLarge => None,
                found => found?,
            };
            if found == Some((file.bytes, file.hash)) {
                fs::rename(&part, self.folder.join(&name))?;
                File::open(&self.folder)?.sync_all()?;
            }
        }
        let last = log.entries().last().map(|Entry { note, .. }| note.write());
        if let Some(note) = last
            && self.checkpoint()?.as_ref() != Some(&note)
        {
            replace_with_mode(&self.folder.join(CHECKPOINT_FILE), note.as_bytes(), FILE_MODE)?;
        }
        // What a killed process left. Nobody else writes here: the folder is locked. What cannot go keeps nothing else.
        let is_left = |name: &&String| {
            name.starts_with(TEMPORARY_PREFIX) || (name.starts_with('.') && name.ends_with(PART_EXTENSION))
        };
        for name in self.names()?.iter().filter(is_left) {
            if let Err(error) = self.erase(name) {
                tracing::warn!(%error, file = name, "what a process left among the sealed files cannot be removed");
            }
        }
        Ok(())
    }

    /// Removes a sealed file for good; whether there was one.
    pub(crate) fn erase(&self, name: &str) -> io::Result<bool> {
        erasing::erase(&self.folder.join(name))
    }

    fn part(&self, name: &str) -> PathBuf {
        self.folder.join(format!(".{name}{PART_EXTENSION}"))
    }

    fn names(&self) -> io::Result<Vec<String>> {
        let entries = match fs::read_dir(&self.folder) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries?,
        };
        let mut names = Vec::new();
        for entry in entries {
            names.push(entry?.file_name().to_string_lossy().into_owned());
        }
        names.sort_unstable();
        Ok(names)
    }

    fn read_text(&self, name: &str) -> io::Result<Option<String>> {
        match regular::open(&self.folder.join(name)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            file => read_text_of(file?).map(Some),
        }
    }
}

/// A sealed file that is read where something is asked for.
struct SealedOnDisk(File);

impl FileBytes for SealedOnDisk {
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        self.0.read_exact_at(buffer, offset)
    }
}

impl Vault for Folder {
    fn log(&self) -> io::Result<Option<Vec<u8>>> {
        match regular::open(&self.folder.join(LOG_FILE)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            file => read_bounded(file?, LOG_BYTES_MAX as u64).map(Some),
        }
    }

    fn checkpoint(&self) -> io::Result<Option<String>> {
        self.read_text(CHECKPOINT_FILE)
    }

    fn files(&self) -> io::Result<Vec<String>> {
        let known = [LOG_FILE, CHECKPOINT_FILE, KEY_FILE, LOCK_FILE, WITNESSED_FILE];
        let mut names = self.names()?;
        // Hidden files are on their way to a name, and are nobody's.
        names.retain(|name| !name.starts_with('.') && !known.contains(&name.as_str()));
        Ok(names)
    }

    fn measure(&self, name: &str) -> io::Result<Option<(u64, Hash)>> {
        measure(&self.folder.join(name))
    }

    fn measure_unnamed(&self, name: &str) -> io::Result<Option<(u64, Hash)>> {
        measure(&self.part(name))
    }
}

/// A small file of text; `None` where there is none. What is no text is a text that is none of ours.
pub(crate) fn read_text(path: &Path) -> io::Result<Option<String>> {
    match File::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        file => read_text_of(file?).map(Some),
    }
}

/// The text of a small file.
pub(crate) fn read_text_of(file: File) -> io::Result<String> {
    let bytes = read_bounded(file, TEXT_BYTES_MAX)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

pub(crate) fn read_bounded(file: File, bytes_max: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let read = file.take(bytes_max + 1).read_to_end(&mut bytes)?;
    if read as u64 > bytes_max { Err(io::ErrorKind::FileTooLarge.into()) } else { Ok(bytes) }
}

/// How long a file is, and its hash; `None` where there is none. What is longer than anything that was sealed is refused: to read
/// terabytes of nothing would keep the night's run for hours.
pub(crate) fn measure(path: &Path) -> io::Result<Option<(u64, Hash)>> {
    let mut file = match regular::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        file => file?,
    };
    if file.metadata()?.len() > FILE_BYTES_MAX {
        return Err(io::ErrorKind::FileTooLarge.into());
    }
    let (mut hasher, mut length) = (Hasher::new(), 0);
    let mut buffer = vec![0; 64 << 10];
    loop {
        let read = file.read(&mut buffer)?;
        if read == 0 {
            return Ok(Some((length, hasher.finish())));
        }
        hasher.update(buffer.get(..read).unwrap_or_default());
        length += read as u64;
    }
}
