//! Checkpoints (c2sp.org/tlog-checkpoint): the state of a log in three lines.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::hash::Hash;

/// How long a log was, and what was in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// Which log.
    pub origin: String,
    /// How many leaves it had.
    pub size: u64,
    /// The root of their tree.
    pub root: Hash,
}

/// The text of a note is no checkpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a checkpoint")]
pub struct CheckpointError;

impl Checkpoint {
    /// Reads the text of a note. Lines that others add below are passed over.
    ///
    /// # Errors
    /// [`CheckpointError`].
    pub fn read(text: &str) -> Result<Self, CheckpointError> {
        let mut lines = text.strip_suffix('\n').ok_or(CheckpointError)?.split('\n');
        let mut line = || lines.next().ok_or(CheckpointError);
        let (origin, size_text, root) = (line()?, line()?, line()?);
        let size: u64 = size_text.parse().map_err(|_| CheckpointError)?;
        let root = STANDARD.decode(root).map_err(|_| CheckpointError)?;
        let root = Hash::try_from(root.as_slice()).map_err(|_| CheckpointError)?;
        if origin.is_empty() || size.to_string() != size_text || lines.any(str::is_empty) {
            return Err(CheckpointError);
        }
        Ok(Self { origin: origin.to_owned(), size, root })
    }

    /// The text of a note.
    #[must_use]
    pub fn write(&self) -> String {
        format!("{}\n{}\n{}\n", self.origin, self.size, STANDARD.encode(self.root.as_bytes()))
    }
}
