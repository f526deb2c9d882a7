//! The box's state, for the one that takes its place some day: it goes when it has changed, encrypted to the hub.
//!
//! What is on its way lies in `DATA/hub/snapshot.age`, so that a night that is cut goes on with the same bytes; `DATA/hub/snapshot` tells what it is.

use archive::{Hash, Log, ReaderKey, encrypt};
use model::Timestamp;
use replication::limits::FILES_MAX;
use replication::{About, Catalogue, Catalogued, Refusal, SnapshotState};
use system::vault::Folder;

use super::files::{Limits, send_bytes, standing_files};
use super::{Intake, Step, Watch, disk};
use crate::client::{Client, Parcel};
use crate::error::SyncError;
use crate::identity::{HubFolder, Identity, SnapshotOnItsWay};

/// What is sent is called so, where progress is shown.
const NAME: &str = "the box's state";

/// Sends the state where it has changed; how many bytes went.
pub(super) fn send(
    client: &Client,
    (folder, identity): (&HubFolder, &Identity),
    (vault, log): (&Folder, &Log),
    intake: &mut dyn Intake,
    ((limits, now), watch): ((Limits, Timestamp), &mut dyn Watch),
) -> Result<u64, SyncError> {
    let known: SnapshotState = client.get("/api/v1/snapshots")?;
    let about = About {
        uai: identity.enrolled.school.uai.clone(),
        box_id: identity.enrolled.box_id,
        made_ms: now.unix_ms(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
    };
    let snapshot = intake.snapshot(about, catalogue(vault, log, now)?)?;
    let content = snapshot.content();
    let on_its_way =
        folder.snapshot().filter(|found| found.content == content && found.reader == known.reader);
    if on_its_way.as_ref().is_some_and(|found| known.last.as_ref() == Some(&found.hash)) {
        return Ok(0);
    }
    let kept = on_its_way.and_then(|found| folder.snapshot_bytes(&found));
    let bytes = match kept {
        Some(bytes) => bytes,
        None => {
            let reader: ReaderKey = known.reader.parse().map_err(|_| SyncError::NoHub(client.url()))?;
            let archive = snapshot.write().map_err(|error| disk("the box's state", error))?;
            let bytes = encrypt(&archive, &[reader]).map_err(|error| disk("the box's state", error))?;
            let hash = Hash::of(&bytes).to_string();
            folder.keep_snapshot(&SnapshotOnItsWay { content, reader: known.reader, hash }, &bytes)?;
            bytes
        }
    };
    let hash = Hash::of(&bytes);
    let parcel = Parcel { path: format!("/api/v1/snapshots/{hash}"), about: vec![] };
    let mut read = |piece: &mut [u8], offset: u64| {
        let from = usize::try_from(offset).unwrap_or(usize::MAX);
        let part = bytes.get(from..).and_then(|rest| rest.get(..piece.len()));
        piece.copy_from_slice(part.ok_or_else(|| SyncError::NoHub(client.url()))?);
        Ok(())
    };
    let sent = match send_bytes(client, &parcel, (NAME, bytes.len() as u64), &mut read, (limits, watch)) {
        // It was made for another number of this box's, or is damaged: the next night makes another one.
        Err(error @ SyncError::Refused(Refusal::Malformed)) => {
            folder.drop_snapshot_bytes()?;
            return Err(error);
        }
        sent => sent?,
    };
    folder.drop_snapshot_bytes()?;
    watch.report(Step::Snapshot);
    Ok(sent)
}

/// What the box has sealed: of the files the latest, where there are too many.
fn catalogue(vault: &Folder, log: &Log, now: Timestamp) -> Result<Catalogue, SyncError> {
    let mut files: Vec<Catalogued> = standing_files(log, now)
        .into_iter()
        .map(|it| Catalogued {
            name: it.name,
            hash: it.file.hash.to_string(),
            bytes: it.file.bytes,
            until_ms: it.until_ms,
        })
        .collect();
    files.drain(..files.len().saturating_sub(FILES_MAX));
    let checkpoint = log.entries().last().map(|entry| entry.note.write());
    let log_key = vault.read_key().map_err(|error| disk("sealed/key", error))?;
    Ok(Catalogue { log_key: log_key.map(|key| key.to_string()).unwrap_or_default(), checkpoint, files })
}
