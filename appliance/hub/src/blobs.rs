//! The files that boxes send. A port: a folder fills it, and an object store can.

pub mod folder;
pub mod s3;
#[cfg(test)]
mod suite;
mod transfer;

use std::io;

use archive::Hash;
use model::Timestamp;

use crate::register::BoxId;

pub use transfer::transfer;

/// What a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A sealed file of a log.
    Sealed,
    /// The state of a box.
    State,
    /// A file of a release of the boxes' system: the hub's own.
    Release,
    /// A file for pupils: the hub's own.
    Library,
}

/// Whose what is the hub's own is: no box has this number.
pub const OWN: BoxId = BoxId(0);

/// Where a file is: each box has its own, also where two sent the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// Whose it is.
    pub of: BoxId,
    /// What it is.
    pub kind: Kind,
    /// The hash of all its bytes.
    pub hash: Hash,
}

impl Place {
    /// Of a sealed file.
    #[must_use]
    pub fn sealed(of: BoxId, hash: Hash) -> Self {
        Self { of, kind: Kind::Sealed, hash }
    }

    /// Of a box's state.
    #[must_use]
    pub fn state(of: BoxId, hash: Hash) -> Self {
        Self { of, kind: Kind::State, hash }
    }

    /// Of a file of a release.
    #[must_use]
    pub fn release(hash: Hash) -> Self {
        Self { of: OWN, kind: Kind::Release, hash }
    }

    /// Of a file for pupils.
    #[must_use]
    pub fn library(hash: Hash) -> Self {
        Self { of: OWN, kind: Kind::Library, hash }
    }

    /// The file that is called so.
    pub(crate) fn read(of: BoxId, name: &str) -> Option<Self> {
        let (hash, kind) = match name.split_once('.') {
            None => (name, Kind::Sealed),
            Some((hash, "state")) => (hash, Kind::State),
            Some((hash, "release")) => (hash, Kind::Release),
            Some((hash, "library")) => (hash, Kind::Library),
            Some(_) => return None,
        };
        Some(Self { of, kind, hash: hash.parse().ok()? })
    }

    /// What a file is called among those of its box.
    pub(crate) fn name(self) -> String {
        match self.kind {
            Kind::Sealed => self.hash.to_string(),
            Kind::State => format!("{}.state", self.hash),
            Kind::Release => format!("{}.release", self.hash),
            Kind::Library => format!("{}.library", self.hash),
        }
    }
}

/// A file, or a part of one, as it lies there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lying {
    /// Which.
    pub place: Place,
    /// Whether it is on its way still.
    pub is_part: bool,
    /// When something arrived of it last.
    pub changed: Timestamp,
}

/// How much of a file is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arrived {
    /// So many of its first bytes.
    Part(u64),
    /// All of it, and it is what it should be.
    Whole(u64),
}

/// What did not become a part of a file.
#[derive(Debug, thiserror::Error)]
pub enum AppendError {
    /// So much is there; what was sent does not follow on it.
    #[error("{0} bytes are there")]
    Offset(u64),
    /// All has arrived, and it is something else: it begins anew.
    #[error("the file is not what it should be")]
    Hash,
    /// More than the whole, or too many files under way.
    #[error("it is too much")]
    TooMuch,
    /// The disk fails.
    #[error("the file cannot be written")]
    Engine(#[from] io::Error),
}

/// The files. Any number of hubs may work on them.
pub trait Blobs: Send + Sync {
    /// How much of a file is there.
    ///
    /// # Errors
    /// It cannot be read.
    fn arrived(&self, place: Place) -> io::Result<Arrived>;
    /// Puts the next bytes behind the first `offset` ones of a file of `total` bytes. What it acknowledges survives a power cut
    /// once the file is whole; of a part, some may have to be sent again.
    ///
    /// # Errors
    /// [`AppendError`].
    fn append(&self, place: Place, offset: u64, total: u64, bytes: &[u8]) -> Result<Arrived, AppendError>;
    /// The bytes of a file that is whole, so many at most; `None` where there is none.
    ///
    /// # Errors
    /// It cannot be read, or is longer.
    fn read(&self, place: Place, bytes_max: u64) -> io::Result<Option<Vec<u8>>>;
    /// So many bytes of a file that is whole, from one on; `None` where there is none.
    ///
    /// # Errors
    /// It cannot be read, or is shorter.
    fn read_part(&self, place: Place, from: u64, length: u64) -> io::Result<Option<Vec<u8>>>;
    /// What lies there of a box, whole and in parts, whether anybody knows of it or not.
    ///
    /// # Errors
    /// It cannot be listed.
    fn lying(&self, of: BoxId) -> io::Result<Vec<Lying>>;
    /// Removes what has arrived of a file that is not whole. There may be none.
    ///
    /// # Errors
    /// It cannot be removed.
    fn remove_part(&self, place: Place) -> io::Result<()>;
    /// Removes a file, or what has arrived of it. There may be none.
    ///
    /// # Errors
    /// It cannot be removed.
    fn remove(&self, place: Place) -> io::Result<()>;
}
