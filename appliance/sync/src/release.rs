//! The release of the box's system that the commune wants to be here: fetched piece by piece, at the night's pace, from the byte on where it was cut.
//!
//! What comes is compared with the sums that the hub has signed in the school's sheet. Whether it is a release to be believed, whoever installs it finds
//! out by its own signature.

use std::io;
use std::path::Path;

use model::{Release, ReleaseFile, Timestamp};
use replication::Refusal;
use replication::limits::PIECE_BYTES_MAX;
use system::release_shelf::{ReleaseShelf, ReleaseTrouble, is_full};

use crate::client::Client;
use crate::error::SyncError;
use crate::library::give_way_to;
use crate::night::{Intake, Limits, Step, Watch, disk, patiently, pause};

/// Fetches what is not here of the release that is wanted; how many bytes came. What is in its way is noted, and no reason for a night to have failed:
/// the next one looks again.
pub(crate) fn fetch(
    client: &Client,
    data: &Path,
    intake: &mut dyn Intake,
    (limits, now): (Limits, Timestamp),
    watch: &mut dyn Watch,
) -> Result<u64, SyncError> {
    let Some(release) = intake.release()? else { return Ok(0) };
    let shelf = ReleaseShelf::new(data);
    let folder = |error: io::Error| disk("releases", error);
    let note = |trouble| shelf.note_trouble(release.version(), trouble).map_err(folder);
    match shelf.prepare(&release) {
        // Not even the list of what is wanted has room.
        Err(error) if is_full(&error) => {
            shelf.give_way(release.version()).map_err(folder)?;
            return Ok(0);
        }
        prepared => prepared.map_err(folder)?,
    }
    let missing = shelf.missing(&release).map_err(folder)?;
    let has_room = give_way_to(data, now, missing);
    // What is here and waits gives way, too: until it runs, the disk may have filled up.
    if !has_room.map_err(|error| disk("the disk's room", error))? {
        shelf.give_way(release.version()).map_err(folder)?;
        return Ok(0);
    }
    let mut bytes = 0;
    for file in release.files() {
        match fetch_file(client, &shelf, (&release, file), limits, watch) {
            Ok(fetched) => bytes += fetched,
            Err(Ended::Trouble(ReleaseTrouble::NoRoom)) => {
                shelf.give_way(release.version()).map_err(folder)?;
                return Ok(bytes);
            }
            Err(Ended::Trouble(trouble)) => {
                note(Some(trouble))?;
                return Ok(bytes);
            }
            // It was withdrawn: the sheet says so in a moment.
            Err(Ended::Error(SyncError::Refused(Refusal::NoRelease))) => return Ok(bytes),
            Err(Ended::Error(error)) => return Err(error),
        }
    }
    note(None)?;
    if missing > 0 {
        watch.report(Step::Release(&release.version().to_string()));
    }
    Ok(bytes)
}

/// Why nothing more comes.
enum Ended {
    /// It is noted.
    Trouble(ReleaseTrouble),
    /// The night tells it.
    Error(SyncError),
}

impl From<SyncError> for Ended {
    fn from(error: SyncError) -> Self {
        Self::Error(error)
    }
}

fn fetch_file(
    client: &Client,
    shelf: &ReleaseShelf,
    (release, file): (&Release, &ReleaseFile),
    limits: Limits,
    watch: &mut dyn Watch,
) -> Result<u64, Ended> {
    if shelf.has(release, file) {
        return Ok(0);
    }
    let failed = |error: io::Error| {
        if is_full(&error) {
            Ended::Trouble(ReleaseTrouble::NoRoom)
        } else {
            Ended::Error(disk(&file.name, error))
        }
    };
    let path = format!("/api/v1/releases/{}/{}", release.key(), file.name);
    let (mut arrived, mut bytes) = (shelf.arrived(release, file).map_err(failed)?, 0);
    while arrived < file.bytes {
        let length = (file.bytes - arrived).min(limits.bytes_per_second.clamp(1, PIECE_BYTES_MAX));
        let piece = patiently(watch, || client.piece(&path, (arrived, file.bytes), length))?;
        shelf.append(release, file, arrived, &piece).map_err(failed)?;
        let length = piece.len() as u64;
        (arrived, bytes) = (arrived + length, bytes + length);
        watch.report(Step::File { name: &file.name, sent: arrived, total: file.bytes });
        if !watch.pause(pause(length, limits)) {
            return Err(Ended::Error(SyncError::Stopped));
        }
    }
    match shelf.finish(release, file).map_err(failed)? {
        true => Ok(bytes),
        false => Err(Ended::Trouble(ReleaseTrouble::Damaged)),
    }
}
