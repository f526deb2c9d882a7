//! Legal holds: what must not be deleted until somebody lifts it. They are statements in the log, so that nobody makes or
//! lifts one unseen.

use std::path::Path;
use std::thread;
use std::time::Duration;

use access::Instant;
use archive::{Fact, Hold, Lift};

use super::SealingError;
use super::ledger::Ledger;
use crate::clock::monotonic;

/// Most holds that are in force at once: each is the case of some judge or complaint.
const HOLDS_MAX: usize = 64;

/// How long a hold on the command line waits for a box that seals: what is asked for by a judge is not to be tried again and again. A
/// night's sealing is over by then, but for a box that has much to make up for. A page does not wait: the threads that answer are few.
pub const PATIENCE: Duration = Duration::from_mins(5);
const PAUSE: Duration = Duration::from_millis(200);

/// Why a hold is not added or lifted.
#[derive(Debug, thiserror::Error)]
pub enum HoldError {
    /// The log cannot be added to.
    #[error(transparent)]
    Sealing(#[from] SealingError),
    /// The log cannot be written.
    #[error("the log of seals cannot be written")]
    Io(#[from] std::io::Error),
    /// Its window is none.
    #[error("the hold ends before it begins")]
    Window,
    /// Too many.
    #[error("{HOLDS_MAX} holds are in force: lift one first")]
    TooMany,
    /// There is none of that number.
    #[error("there is no hold {0} in force")]
    None(u64),
}

/// Adds a hold, in force with the next run that deletes. Returns its number. Waits so long for somebody else who seals.
///
/// # Errors
/// [`HoldError`]; [`SealingError::Busy`] where its patience is over.
pub fn add_hold(data: &Path, now: Instant, hold: Hold, patience: Duration) -> Result<u64, HoldError> {
    if let (Some(from), Some(to)) = (hold.from, hold.to)
        && to <= from
    {
        return Err(HoldError::Window);
    }
    let mut ledger = open_patiently(data, patience)?;
    if ledger.log.holds().len() >= HOLDS_MAX {
        return Err(HoldError::TooMany);
    }
    let number = ledger.log.next_number();
    ledger.state(now, Fact::Hold(hold));
    ledger.write()?;
    Ok(number)
}

/// Lifts a hold: what is past its time goes with the next run. Waits so long for somebody else who seals.
///
/// # Errors
/// As [`add_hold`].
pub fn lift_hold(data: &Path, now: Instant, lift: Lift, patience: Duration) -> Result<(), HoldError> {
    let mut ledger = open_patiently(data, patience)?;
    if !ledger.log.holds().contains_key(&lift.hold) {
        return Err(HoldError::None(lift.hold));
    }
    ledger.state(now, Fact::Lift(lift));
    ledger.write()?;
    Ok(())
}

/// The log, once whoever seals is through; [`SealingError::Busy`] where it takes longer than that.
pub(super) fn open_patiently(data: &Path, patience: Duration) -> Result<Ledger, SealingError> {
    let since = monotonic();
    loop {
        match Ledger::open(data) {
            Err(SealingError::Busy) if monotonic().saturating_duration_since(since) < patience => {
                thread::sleep(PAUSE);
            }
            ledger => return ledger,
        }
    }
}
