//! A folder that only its owner reads, with small files of text: the box's identity at the hub, a hub's keys.

use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use crate::lists::{give_to_owner_of, replace_with_mode};
use crate::regular;
use crate::vault::{read_bounded, read_text_of};

const FOLDER_MODE: u32 = 0o700;
const FILE_MODE: u32 = 0o600;
const LOCK_FILE: &str = "lock";

/// A folder of private files.
#[derive(Clone, Debug)]
pub struct PrivateFolder(PathBuf);

/// Held by whoever works in the folder. It goes with the process, however that ends.
#[derive(Debug)]
pub struct PrivateLock {
    _file: File,
}

impl PrivateFolder {
    /// The folder at `path`. Touches nothing yet.
    #[must_use]
    pub fn new(path: &Path) -> Self {
        Self(path.to_owned())
    }

    /// Where a file of this name is.
    #[must_use]
    pub fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// Makes the folder, where there is none. Whoever works as root leaves it to the owner of the folder around it.
    ///
    /// # Errors
    /// The system's.
    pub fn make(&self) -> io::Result<()> {
        if !self.0.is_dir() {
            DirBuilder::new().recursive(true).mode(FOLDER_MODE).create(&self.0)?;
            if let Some(parent) = self.0.parent().filter(|parent| parent.is_dir()) {
                give_to_owner_of(parent, &File::open(&self.0)?)?;
                File::open(parent)?.sync_all()?;
            }
        }
        Ok(())
    }

    /// Locks the folder, which is made where there is none.
    ///
    /// # Errors
    /// [`io::ErrorKind::ResourceBusy`] when somebody else works in it; else the system's error.
    pub fn lock(&self) -> io::Result<PrivateLock> {
        self.make()?;
        let mut options = OpenOptions::new();
        let options = options.write(true).create(true).truncate(false).mode(FILE_MODE);
        let file = options.custom_flags(regular::FLAGS).open(self.path(LOCK_FILE))?;
        regular::check(&file)?;
        give_to_owner_of(&self.0, &file)?;
        match file.try_lock() {
            Ok(()) => Ok(PrivateLock { _file: file }),
            Err(TryLockError::WouldBlock) => Err(io::ErrorKind::ResourceBusy.into()),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }

    /// The text of a file; `None` where there is none.
    ///
    /// # Errors
    /// It cannot be read, or is longer than 64 KiB.
    pub fn read(&self, name: &str) -> io::Result<Option<String>> {
        match regular::open(&self.path(name)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            file => read_text_of(file?).map(Some),
        }
    }

    /// The bytes of a file, so many at most; `None` where there is none.
    ///
    /// # Errors
    /// It cannot be read, or is longer.
    pub fn read_bytes(&self, name: &str, bytes_max: u64) -> io::Result<Option<Vec<u8>>> {
        match regular::open(&self.path(name)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            file => read_bounded(file?, bytes_max).map(Some),
        }
    }

    /// The same as [`Self::replace`] with bytes.
    ///
    /// # Errors
    /// They cannot be written.
    pub fn replace_bytes(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        replace_with_mode(&self.path(name), bytes, FILE_MODE)
    }

    /// Removes a file. There may be none.
    ///
    /// # Errors
    /// It cannot be removed.
    pub fn remove(&self, name: &str) -> io::Result<()> {
        match std::fs::remove_file(self.path(name)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            Ok(()) | Err(_) => File::open(&self.0)?.sync_all(),
        }
    }

    /// Puts a text in the place of the one before, in one step: a power cut leaves one of the two.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn replace(&self, name: &str, text: &str) -> io::Result<()> {
        replace_with_mode(&self.path(name), text.as_bytes(), FILE_MODE)
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn files_are_private_and_replaced_whole() {
        let around = tempfile::tempdir().unwrap();
        let folder = PrivateFolder::new(&around.path().join("hub"));
        assert_eq!(folder.read("key").unwrap(), None);
        let lock = folder.lock().unwrap();
        assert_eq!(folder.lock().unwrap_err().kind(), io::ErrorKind::ResourceBusy);
        drop(lock);
        assert!(folder.lock().is_ok());
        folder.replace("key", "one").unwrap();
        folder.replace("key", "two").unwrap();
        assert_eq!(folder.read("key").unwrap().as_deref(), Some("two"));
        let mode = |path: &Path| path.metadata().unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&folder.path("key")), mode(&folder.0)), (0o600, 0o700));
    }
}
