//! Files that schools have from the hub for their pupils: a port beside the register.

use archive::Hash;
use model::{LibraryFile, Timestamp, Uai};

use super::RegisterError;

#[cfg(test)]
pub(crate) mod suite;

/// Files that a commune keeps for its schools, each counted once for each school that has it of its own.
pub const LIBRARIES_MAX: usize = 2_000;

/// A file that a school, or all, shall have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    /// Its number.
    pub id: u64,
    /// The school; `None`: all.
    pub uai: Option<String>,
    /// What it is.
    pub file: LibraryFile,
    /// Who wants it.
    pub author: String,
    /// Since when.
    pub added: Timestamp,
}

/// The port. Each call is one transaction; any number of hubs may work on one register.
pub trait Library: Send + Sync {
    /// What schools shall have, and is wanted still; what is for all first, then by school and title.
    ///
    /// # Errors
    /// [`RegisterError`]; so with all that follow.
    fn library(&self, now: Timestamp) -> Result<Vec<Held>, RegisterError>;
    /// Has schools, or all (`None`), have a file that is among the hub's; whether there is room for it with each of them: where one has none, nothing has
    /// changed. The same file again changes its name, title and end.
    fn add_to_library(
        &self,
        schools: &[Option<Uai>],
        file: &LibraryFile,
        author: &str,
        now: Timestamp,
    ) -> Result<bool, RegisterError>;
    /// Takes it back; whether it was there.
    fn remove_from_library(&self, id: u64, now: Timestamp) -> Result<bool, RegisterError>;
    /// How long a file is that a school shall have; `None` where it shall have none of this sum.
    fn library_file(&self, uai: &str, sum: Hash, now: Timestamp) -> Result<Option<u64>, RegisterError>;
    /// Whether somebody shall have a file still.
    fn has_library_file(&self, sum: Hash, now: Timestamp) -> Result<bool, RegisterError>;
}
