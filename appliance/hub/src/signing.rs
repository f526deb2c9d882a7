//! How the hub signs what a box's log has grown into. `archive` has the rules.

use archive::{Hash, Note, SigningKey, VerifierKey, WitnessError, Witnessed, cosign};
use model::Timestamp;
use replication::{Growth, Refusal, Signed};

use crate::enrolling::tell;
use crate::register::{BoxState, Register};

/// Signs, where the log only grew from what was signed before.
///
/// # Errors
/// [`Refusal`]; a log that is not what it was is an error of the hub's own log, too: somebody has to look at the box.
pub(crate) fn sign(
    register: &dyn Register,
    witness: &SigningKey,
    of: &BoxState,
    growth: &Growth,
    now: Timestamp,
) -> Result<Signed, Refusal> {
    let signer: VerifierKey = of.log_key.parse().map_err(|_| Refusal::Broken)?;
    let note = Note::read(&growth.note).map_err(|_| Refusal::Malformed)?;
    let proof: Option<Vec<Hash>> = growth.proof.iter().map(|hash| hash.parse().ok()).collect();
    let proof = proof.filter(|_| growth.is_bounded()).ok_or(Refusal::Malformed)?;
    let before = register.signed(of.id).map_err(tell)?;
    let before = before.map(|note| Witnessed::read(&note, witness.verifier())).transpose();
    let before = before.map_err(|error| {
        tracing::error!(%error, school = of.uai, "what the hub has signed of a box is damaged");
        Refusal::Broken
    })?;
    let signed = cosign(before.as_ref(), &note, &proof, &signer, witness, now);
    let signed = signed.map_err(|error| refuse(&error, of))?;
    let size = |witnessed: &Witnessed| witnessed.checkpoint().size;
    let text = signed.note().write();
    let is_kept = register
        .keep_signed(of.id, before.as_ref().map_or(0, size), size(&signed), &text, now)
        .map_err(tell)?;
    // Another request of the same box was first: it asks again.
    if is_kept { Ok(Signed { note: text }) } else { Err(Refusal::Broken) }
}

fn refuse(error: &WitnessError, of: &BoxState) -> Refusal {
    match error {
        WitnessError::Checkpoint => Refusal::Malformed,
        WitnessError::Signature(_)
        | WitnessError::Origin(_)
        | WitnessError::Shrunk { .. }
        | WitnessError::Fork(_) => {
            tracing::error!(%error, school = of.uai, id = of.id.0, "a box's log is not signed: look at the box");
            Refusal::Fork
        }
    }
}
