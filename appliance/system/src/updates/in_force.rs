//! What is in force, held fast for whoever passes it on.

use std::fs::File;
use std::path::{Path, PathBuf};

use super::{LockError, Places, State, WHOLE_ARCHIVE};
use crate::mirror::Shelf;

/// The archive of all lists that the list in force was compiled from. Nobody updates or accepts while the value lives.
#[derive(Debug)]
pub struct InForce {
    sum: String,
    archive: Option<PathBuf>,
    _lock: File,
}

impl InForce {
    /// Its checksum, which tells it from every other one.
    #[must_use]
    pub fn sum(&self) -> &str {
        &self.sum
    }

    /// The file; `None` where another archive has come into its place since.
    #[must_use]
    pub fn archive(&self) -> Option<&Path> {
        self.archive.as_deref()
    }
}

/// Holds what is in force; `None` where there is none, or where it was not fetched as one archive.
///
/// # Errors
/// [`LockError`].
pub fn hold_in_force(places: &Places) -> Result<Option<InForce>, LockError> {
    let lock = places.lock()?;
    let in_force = State::read(places).unwrap_or_default().in_force;
    let Some((_, sum)) = in_force.into_iter().find(|(name, _)| name == WHOLE_ARCHIVE) else {
        return Ok(None);
    };
    let shelf = Shelf::new(&places.folder, WHOLE_ARCHIVE);
    let archive = shelf.sum().filter(|found| *found == sum).map(|_| shelf.file());
    Ok(Some(InForce { sum, archive, _lock: lock }))
}
