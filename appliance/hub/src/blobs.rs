//! The files that boxes send. A port: a folder fills it, and an object store can.

pub mod folder;
#[cfg(test)]
mod suite;

use std::io;

use archive::Hash;

use crate::register::BoxId;

/// Where a file is: each box has its own, also where two sent the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// Whose it is.
    pub of: BoxId,
    /// The hash of all its bytes.
    pub hash: Hash,
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
    /// Removes a file, or what has arrived of it. There may be none.
    ///
    /// # Errors
    /// It cannot be removed.
    fn remove(&self, place: Place) -> io::Result<()>;
}
