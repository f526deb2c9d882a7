//! A witness: somebody else who remembers how long a box's log was, and signs only what it grew into.
//!
//! What c2sp.org/tlog-witness calls add-checkpoint: the size that the witness knows, a proof that the log only grew
//! since, the new checkpoint.

use model::Timestamp;

use crate::checkpoint::Checkpoint;
use crate::hash::Hash;
use crate::key::{SigningKey, VerifierKey};
use crate::note::Note;
use crate::tree::is_growth;

/// What a witness does not sign.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WitnessError {
    /// The box has not signed it.
    #[error("the checkpoint is not signed by {0}")]
    Signature(String),
    /// It is none.
    #[error("there is no checkpoint")]
    Checkpoint,
    /// It is of another log.
    #[error("the checkpoint is of the log {0}")]
    Origin(String),
    /// The log was longer once.
    #[error("the log has {now} seals now; it had {before}: it was put back to an old state")]
    Shrunk {
        /// How long it was.
        before: u64,
        /// How long it is.
        now: u64,
    },
    /// It is not what it was.
    #[error("the log is not what it was at seal {0}: seals were changed, or two boxes go on from one state")]
    Fork(u64),
}

/// What a witness has signed of a box's log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Witnessed {
    note: Note,
    checkpoint: Checkpoint,
}

impl Witnessed {
    /// Reads a note that this witness has signed.
    ///
    /// # Errors
    /// [`WitnessError`] where it has not.
    pub fn read(text: &str, witness: &VerifierKey) -> Result<Self, WitnessError> {
        let note = Note::read(text).map_err(|_| WitnessError::Checkpoint)?;
        let checkpoint = Checkpoint::read(note.text()).map_err(|_| WitnessError::Checkpoint)?;
        if note.is_signed_by(witness) {
            Ok(Self { note, checkpoint })
        } else {
            Err(WitnessError::Signature(witness.name().to_owned()))
        }
    }

    /// The note, with the box's signature and the witness's.
    #[must_use]
    pub fn note(&self) -> &Note {
        &self.note
    }

    /// When this witness signed it.
    #[must_use]
    pub fn signed_at(&self, witness: &VerifierKey) -> Option<Timestamp> {
        let mut own = self.note.signatures().iter();
        let second = own.find_map(|signature| witness.cosigned_at(self.note.text(), signature))?;
        Some(Timestamp::from_unix_ms(i64::try_from(second).ok()?.checked_mul(1_000)?))
    }

    /// The state of the log.
    #[must_use]
    pub fn checkpoint(&self) -> &Checkpoint {
        &self.checkpoint
    }
}

/// Signs a checkpoint of a box, where the log only grew from what was signed `before`, as `proof` shows.
///
/// # Errors
/// [`WitnessError`]: nothing is signed, and somebody has to look at the box.
pub fn cosign(
    before: Option<&Witnessed>,
    note: &Note,
    proof: &[Hash],
    signed_by: &VerifierKey,
    witness: &SigningKey,
    now: Timestamp,
) -> Result<Witnessed, WitnessError> {
    if !note.is_signed_by(signed_by) {
        return Err(WitnessError::Signature(signed_by.name().to_owned()));
    }
    let checkpoint = Checkpoint::read(note.text()).map_err(|_| WitnessError::Checkpoint)?;
    if checkpoint.origin != signed_by.name() {
        return Err(WitnessError::Origin(checkpoint.origin));
    }
    if let Some(Witnessed { checkpoint: before, .. }) = before {
        if before.origin != checkpoint.origin {
            return Err(WitnessError::Origin(checkpoint.origin));
        }
        if checkpoint.size < before.size {
            return Err(WitnessError::Shrunk { before: before.size, now: checkpoint.size });
        }
        if !is_growth((checkpoint.size, checkpoint.root), (before.size, before.root), proof) {
            return Err(WitnessError::Fork(before.size));
        }
    }
    // Signatures of others are theirs to pass on.
    let own = note.signatures().iter().find(|signature| signed_by.accepts(note.text(), signature));
    let note = own.cloned().into_iter().fold(Note::new(note.text().to_owned()), Note::with);
    let signature = witness.sign(note.text(), now);
    Ok(Witnessed { note: note.with(signature), checkpoint })
}
