//! How a box becomes one of the commune's: by `preau enrol`, or while it runs.

use std::path::Path;

use replication::EnrolmentCode;
use store::Store;
use sync::{Applicant, HubFolder, HubUrl, Identity};
use system::sealing;

use crate::data_folder;

/// What a box is by its code. It stands on the disk.
#[derive(Debug)]
pub(crate) enum Admission {
    /// One of the commune's.
    Member(Identity),
    /// One that takes another one's place, once it has that one's state.
    Heir(Identity),
}

/// Whether somebody has entered something into this box that has to stay.
pub(crate) fn has_state(data: &Path) -> anyhow::Result<bool> {
    let path = data.join(data_folder::STATE_FILE);
    Ok(path.exists() && !Store::open(&path)?.is_blank()?)
}

/// Enrols by a code at a hub, and keeps what the box is from then on. Whoever calls it holds the folder's lock.
///
/// # Errors
/// `sync::SyncError`, or the disk's; the box is then what it was.
pub(crate) fn enrol(
    data: &Path,
    folder: &HubFolder,
    (hub, code): (&HubUrl, &EnrolmentCode),
    (has_state, is_again): (bool, bool),
) -> anyhow::Result<Admission> {
    let log_key = sealing::open_key(data)?.verifier().to_string();
    let version = env!("CARGO_PKG_VERSION").to_owned();
    // A box that was enrolled before goes on with what it has, whatever the code is for: its certificate was over.
    let applicant = Applicant { log_key, version, has_state: has_state && !is_again };
    let identity = sync::enrol(hub, code, &applicant, folder.open_applicant(&code.number())?)?;
    if identity.enrolled.replaces && !has_state {
        folder.keep_heir(&identity)?;
        folder.forget_applicant()?;
        return Ok(Admission::Heir(identity));
    }
    folder.keep(&identity)?;
    folder.forget_heir()?;
    folder.forget_applicant()?;
    Ok(Admission::Member(identity))
}
