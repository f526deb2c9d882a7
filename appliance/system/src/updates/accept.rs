//! A person's word that a list which was held back is right.

use std::path::PathBuf;

use blocklist::count_lines;
use model::Timestamp;

use super::{LockError, Places, State};
use crate::lists::{OpenListError, adopt_index, open_index};

/// Puts the list that is held back in force.
///
/// # Errors
/// [`AcceptError`]; the list in force stays.
pub fn accept(places: &Places, now: Timestamp) -> Result<(), AcceptError> {
    let _lock = places.lock()?;
    if !places.held.exists() {
        return Err(AcceptError::Nothing);
    }
    open_index(&places.held).map_err(AcceptError::Unusable)?;
    let accepted = adopt_index(&places.held, &places.list).map_err(AcceptError::Unusable)?;
    // Only a copy is in force: should the power fail here, the list is held still, and accepted once more.
    let state = State::read(places).unwrap_or_default().after_acceptance(now, &count_lines(&accepted));
    state.write(places)?;
    std::fs::remove_file(&places.held)
        .map_err(|source| AcceptError::Remove { path: places.held.clone(), source })
}

/// Why no list was accepted.
#[derive(Debug, thiserror::Error)]
pub enum AcceptError {
    /// Not now.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// There is none to accept.
    #[error("no list is held back")]
    Nothing,
    /// It is damaged, or cannot be written where the box looks for its list.
    #[error(transparent)]
    Unusable(OpenListError),
    /// The held one cannot be removed.
    #[error("cannot remove {}", path.display())]
    Remove {
        /// The held list.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
}
