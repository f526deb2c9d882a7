//! Keys that sign: the box's own, and a witness's. One file each, which only its owner reads.

use std::io;
use std::path::{Path, PathBuf};

use archive::{KeyError, SigningKey};
use ring::rand::{SecureRandom as _, SystemRandom};

use crate::lists::replace_with_mode;
use crate::vault::read_text;

/// Whoever reads the key can seal as the box.
const MODE: u32 = 0o600;

/// There is no key to work with.
#[derive(Debug, thiserror::Error)]
pub enum SealKeyError {
    /// The file is damaged.
    #[error("the key {} is damaged: put a copy of it back", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: KeyError,
    },
    /// The file is gone, and what it signed is here. Another key would look like a forgery.
    #[error("the key {} is gone: put a copy of it back", .0.display())]
    Missing(PathBuf),
    /// The file cannot be read or written.
    #[error("the key {} cannot be read or written", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// No key can be made.
    #[error("cannot make a key")]
    Unmade,
}

/// The key at `path`, where there is one.
///
/// # Errors
/// [`SealKeyError`].
pub fn find(path: &Path) -> Result<Option<SigningKey>, SealKeyError> {
    let text = read_text(path).map_err(|source| SealKeyError::File { path: path.to_owned(), source })?;
    let key = text.map(|text| SigningKey::read(&text)).transpose();
    key.map_err(|source| SealKeyError::Damaged { path: path.to_owned(), source })
}

/// The key at `path`, made where there is none. What is given back is on the disk.
///
/// # Errors
/// [`SealKeyError`].
pub fn open(
    path: &Path,
    make: impl FnOnce([u8; 32]) -> Result<SigningKey, KeyError>,
) -> Result<SigningKey, SealKeyError> {
    if let Some(key) = find(path)? {
        return Ok(key);
    }
    let mut seed = [0; 32];
    SystemRandom::new().fill(&mut seed).map_err(|_| SealKeyError::Unmade)?;
    let key = make(seed).map_err(|_| SealKeyError::Unmade)?;
    replace_with_mode(path, key.write().as_bytes(), MODE)
        .map_err(|source| SealKeyError::File { path: path.to_owned(), source })?;
    Ok(key)
}

/// A note that a witness keeps; `None` where there is none.
///
/// # Errors
/// It cannot be read.
pub fn read_note(path: &Path) -> io::Result<Option<String>> {
    read_text(path)
}

/// Puts a note in the place of the one before, in one step: what was signed must not be forgotten.
///
/// # Errors
/// It cannot be written.
pub fn write_note(path: &Path, note: &str) -> io::Result<()> {
    replace_with_mode(path, note.as_bytes(), MODE)
}
