//! Sealed files, piece by piece.

use std::collections::BTreeSet;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::time::Duration;

use archive::{Chronicle, Form, Hash, Log, after, due, settled};
use model::Timestamp;
use replication::limits::{FILE_BYTES_MAX, PIECE_BYTES_MAX};
use replication::{Kept, Refusal};
use system::vault::Folder;

use super::{Step, Watch, disk};
use crate::client::{Arrived, Client};
use crate::error::SyncError;

/// How often a piece is sent again where the hub says that another length is there: a piece that was cut counts as far as it went.
const RETRIES_MAX: u32 = 3;

/// What a night may take of the line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes a second, on average.
    pub bytes_per_second: u64,
}

/// A file that is to go.
struct Outgoing {
    name: String,
    hash: Hash,
    bytes: u64,
    until_ms: i64,
}

/// Sends what the hub does not have; how many files, and how many bytes.
pub(super) fn send(
    client: &Client,
    vault: &Folder,
    log: &Log,
    (limits, now): (Limits, Timestamp),
    watch: &mut dyn Watch,
) -> Result<(u32, u64), SyncError> {
    let kept: Kept = client.get("/api/v1/files")?;
    let kept: BTreeSet<String> = kept.files.into_iter().collect();
    let (mut files, mut bytes, mut damaged) = (0, 0, None);
    for file in list(log, now).into_iter().filter(|file| !kept.contains(&file.hash.to_string())) {
        match send_one(client, vault, &file, limits, watch) {
            Ok(Some(sent)) => {
                files += 1;
                bytes += sent;
            }
            // It was deleted meanwhile, as it should be.
            Ok(None) => {}
            // One damaged file keeps no other from going. `preau journal verify` names it.
            Err(error @ (SyncError::Disk { .. } | SyncError::Refused(Refusal::WrongHash))) => {
                damaged = damaged.or(Some(error));
            }
            Err(error) => return Err(error),
        }
    }
    damaged.map_or(Ok((files, bytes)), Err)
}

/// The files of the log that are there still, whose time is not over, and that only readers of the school can read. The hub keeps each as long as
/// the school; what is held after its time is held in the school alone.
fn list(log: &Log, now: Timestamp) -> Vec<Outgoing> {
    let gone = log.expiries();
    let chronicle = Chronicle::new(log.leaves(), now);
    let retention = settled(log.leaves(), &chronicle, now);
    let mut list = Vec::new();
    for seal in log.seals() {
        let bounds = chronicle.bounds(seal.number);
        for (field, file, name) in seal.files() {
            let days = log.days_kept(seal.number, field, &retention);
            // Nobody knows yet when its records were made: no earlier than now.
            let until = due(&bounds, seal, days).unwrap_or_else(|| after(now, days));
            let is_there = !gone.contains_key(&(seal.number, field)) && until > now;
            if is_there && file.form == Form::Encrypted && file.bytes <= FILE_BYTES_MAX {
                list.push(Outgoing { name, hash: file.hash, bytes: file.bytes, until_ms: until.unix_ms() });
            }
        }
    }
    list
}

/// Sends a file from the byte on where it was cut; how many bytes went. `None`: it is not here any more.
fn send_one(
    client: &Client,
    vault: &Folder,
    file: &Outgoing,
    limits: Limits,
    watch: &mut dyn Watch,
) -> Result<Option<u64>, SyncError> {
    let source = match vault.open_sealed(&file.name) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        opened => opened.map_err(|error| disk(&file.name, error))?,
    };
    let hash = file.hash.to_string();
    let mut arrived = client.arrived(&hash)?;
    let (mut sent, mut retries) = (0, 0);
    let mut is_asked = false;
    // A file that is whole without being listed is asked for once more: the hub then notes it.
    while !arrived.is_whole || !is_asked {
        is_asked = true;
        let offset = if arrived.is_whole { file.bytes } else { arrived.bytes };
        let length = file.bytes.saturating_sub(offset).min(piece_bytes(limits));
        let mut piece = vec![0; usize::try_from(length).unwrap_or(0)];
        source.read_exact_at(&mut piece, offset).map_err(|error| disk(&file.name, error))?;
        let about = (file.name.as_str(), file.until_ms);
        arrived = match client.append(&hash, about, (offset, file.bytes), &piece) {
            Err(SyncError::Refused(Refusal::WrongOffset)) if retries < RETRIES_MAX => {
                retries += 1;
                client.arrived(&hash)?
            }
            outcome => {
                sent += length;
                check(outcome?, offset + length, client)?
            }
        };
        if length == 0 && !arrived.is_whole {
            // All of it is there, and it is not taken for whole: it would be asked for ever.
            return Err(SyncError::NoHub(client.url()));
        }
        watch.report(Step::File { name: &file.name, sent: arrived.bytes, total: file.bytes });
        if !watch.pause(pause(length, limits)) {
            return Err(SyncError::Stopped);
        }
    }
    Ok(Some(sent))
}

/// A hub that has less than what it was sent would be sent it for ever.
fn check(arrived: Arrived, expected: u64, client: &Client) -> Result<Arrived, SyncError> {
    if arrived.is_whole || arrived.bytes == expected {
        Ok(arrived)
    } else {
        Err(SyncError::NoHub(client.url()))
    }
}

/// What goes in one request: a second's worth, so that a slow line is never busy for long.
fn piece_bytes(limits: Limits) -> u64 {
    limits.bytes_per_second.clamp(1, PIECE_BYTES_MAX)
}

/// How long the line is left to others after so many bytes: they may have gone in no time.
fn pause(bytes: u64, limits: Limits) -> Duration {
    let ms = bytes.saturating_mul(1_000) / limits.bytes_per_second.max(1);
    Duration::from_millis(ms)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_is_left_to_others() {
        let limits = Limits { bytes_per_second: 100_000 };
        assert_eq!((piece_bytes(limits), pause(100_000, limits)), (100_000, Duration::from_secs(1)));
        assert_eq!(pause(1_000, limits), Duration::from_millis(10));
        assert_eq!(piece_bytes(Limits { bytes_per_second: 0 }), 1);
        let fast = Limits { bytes_per_second: u64::MAX };
        assert_eq!((piece_bytes(fast), pause(1 << 20, fast)), (1 << 20, Duration::ZERO));
    }
}
