//! The box's certificate authority on the disk: one file, which only its owner reads.

use std::fs::{self, File};
use std::io::{self, Read as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use pki::{Authority, BYTES_MAX, Damage, Names, PkiError};

use crate::lists::replace_with_mode;

/// Whoever reads the key can pretend to be the box.
const MODE: u32 = 0o600;

/// What was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Opened {
    /// The authority, as it was.
    Found,
    /// There was none: this one is new, and no device knows it yet.
    Made,
    /// The authority, with a new certificate: the box's names or addresses are others now.
    Renamed,
}

/// There is no authority to work with.
#[derive(Debug, thiserror::Error)]
pub enum AuthorityError {
    /// The file is damaged. Nothing is put in its place: devices trust what it was.
    #[error(
        "the certificate authority {} is damaged: put a copy of it back; or remove it, and the box makes a new one at its \
         next start, which every device has to be given",
        path.display()
    )]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: Damage,
    },
    /// The file cannot be read.
    #[error("cannot read the certificate authority {}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The file cannot be written.
    #[error("cannot write the certificate authority {}", path.display())]
    Unwritable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A key or a certificate cannot be made.
    #[error("cannot make a certificate authority")]
    Unmade(#[source] PkiError),
}

/// The authority at `path` for these names, made where there is none. What is given back is on the disk: a power cut
/// takes no authority away that a device may have been given.
///
/// # Errors
/// [`AuthorityError`]; what was at `path` is still there then.
pub fn open(path: &Path, names: Names) -> Result<(Authority, Opened), AuthorityError> {
    let (authority, opened) = match find(path)? {
        Some(authority) if *authority.names() == names => return Ok((authority, Opened::Found)),
        Some(authority) => (authority.rename(names), Opened::Renamed),
        None => (Authority::generate(names), Opened::Made),
    };
    let authority = authority.map_err(AuthorityError::Unmade)?;
    replace_with_mode(path, authority.write().as_bytes(), MODE)
        .map_err(|source| AuthorityError::Unwritable { path: path.to_owned(), source })?;
    Ok((authority, opened))
}

/// The authority at `path`, where there is one.
///
/// # Errors
/// [`AuthorityError`] when it cannot be read.
pub fn find(path: &Path) -> Result<Option<Authority>, AuthorityError> {
    let unreadable = |source| AuthorityError::Unreadable { path: path.to_owned(), source };
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(unreadable(error)),
    };
    warn_of_readers(path, &file);
    let mut bytes = Vec::new();
    file.take(BYTES_MAX).read_to_end(&mut bytes).map_err(unreadable)?;
    let text = String::from_utf8(bytes).unwrap_or_default();
    let authority = Authority::read(&text);
    authority.map(Some).map_err(|source| AuthorityError::Damaged { path: path.to_owned(), source })
}

/// A copy that was put back may be open to others.
fn warn_of_readers(path: &Path, file: &File) {
    let mode = file.metadata().map(|metadata| metadata.permissions().mode());
    if mode.is_ok_and(|mode| mode & 0o077 != 0)
        && let Err(error) = fs::set_permissions(path, fs::Permissions::from_mode(MODE))
    {
        tracing::warn!(%error, path = %path.display(), "others on this machine can read the box's key");
    }
}

#[cfg(test)]
mod tests;
