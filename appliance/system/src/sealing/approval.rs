//! Approvals: whoever watches over how long what is kept puts her name to it, in the log, where nobody changes it unseen.

use std::path::Path;
use std::time::Duration;

use access::Instant;
use archive::{Approval, Fact, Retention};
use model::{PersonName, Timestamp};

use super::SealingError;
use super::holds::open_patiently;

/// Why a name is not put under the numbers.
#[derive(Debug, thiserror::Error)]
pub enum ApprovalError {
    /// The log cannot be added to.
    #[error(transparent)]
    Sealing(#[from] SealingError),
    /// The log cannot be written.
    #[error("the log of seals cannot be written")]
    Io(#[from] std::io::Error),
    /// Other numbers are in force than those that she has seen.
    #[error("other numbers of days are in force by now")]
    Other,
}

/// The numbers that somebody has signed.
#[derive(Debug)]
pub struct Signed {
    /// The numbers.
    pub retention: Retention,
    /// When she had signed them already; `None` where she has now.
    pub before: Option<Timestamp>,
}

/// Puts a name under the numbers of this entry, which have to be those in force; `None` where nobody has stated any. Whoever has
/// signed them already signs nothing more. Waits so long for somebody else who seals. Returns what is signed, for her record.
///
/// # Errors
/// [`ApprovalError`]; [`SealingError::Busy`] where its patience is over.
pub fn approve(
    data: &Path,
    now: Instant,
    policy: Option<u64>,
    author: &PersonName,
    patience: Duration,
) -> Result<Signed, ApprovalError> {
    let mut ledger = open_patiently(data, patience)?;
    if ledger.log.policy_entry().map(|entry| entry.number) != policy {
        return Err(ApprovalError::Other);
    }
    let retention = ledger.log.retention();
    let own = ledger.log.approvals().find(|(_, approval)| approval.author == *author);
    let before = own.map(|(entry, _)| entry.at);
    if before.is_none() {
        ledger.state(now, Fact::Approval(Approval { policy, author: author.clone() }));
        ledger.write()?;
    }
    Ok(Signed { retention, before })
}
