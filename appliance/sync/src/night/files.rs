//! Sealed files, piece by piece.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::os::unix::fs::FileExt as _;
use std::time::Duration;

use archive::{Chronicle, Form, Log, SealedFile, after, due, settled};
use model::Timestamp;
use replication::limits::{FILE_BYTES_MAX, PIECE_BYTES_MAX};
use replication::{Kept, Refusal};
use system::vault::Folder;

use super::{Step, Watch, disk};
use crate::client::{Arrived, Client, Parcel};
use crate::error::SyncError;

/// How often a piece is sent again where the hub says that another length is there: a piece that was cut counts as far as it went.
const RETRIES_MAX: u32 = 3;

/// How often a hub is asked once more that has too much to do, or has not seen yet that a connection of before is gone.
const WAITS_MAX: u32 = 3;
/// How long it is left alone until then: as it says itself.
const WAIT: Duration = Duration::from_secs(60);

/// What has no time left goes as soon as the hub lets it: so much later, by its clock, that it is not over on the way.
const SOON_MS: i64 = 3_600_000;
/// What the hub keeps a file for at least once its time was shortened, and a day: what it keeps no longer than that is not told again.
const PATIENCE_MS: i64 = 8 * 86_400_000;

/// What a night may take of the line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes a second, on average.
    pub bytes_per_second: u64,
}

/// A sealed file that is there, and whose time is not over.
#[derive(Clone, Debug)]
pub struct StandingFile {
    /// What the box calls it.
    pub name: String,
    /// What was sealed.
    pub file: SealedFile,
    /// When it has to be gone, in milliseconds since 1970.
    pub until_ms: i64,
}

impl StandingFile {
    /// Whether it may go: only readers of the school can read it, and the hub takes so much.
    #[must_use]
    pub fn is_fit(&self) -> bool {
        self.file.form == Form::Encrypted && self.file.bytes <= FILE_BYTES_MAX
    }
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
    let later: BTreeMap<String, i64> = kept.files.iter().cloned().zip(kept.until_ms).collect();
    let kept: BTreeSet<String> = kept.files.into_iter().collect();
    shorten(client, log, &later, now, watch)?;
    let (mut files, mut bytes, mut damaged) = (0, 0, None);
    let is_missing = |it: &StandingFile| it.is_fit() && !kept.contains(&it.file.hash.to_string());
    for file in standing_files(log, now).into_iter().filter(is_missing) {
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

/// Tells the hub of files whose time has become shorter, or that are gone already: it keeps none for longer than the school but for a week.
fn shorten(
    client: &Client,
    log: &Log,
    at_hub: &BTreeMap<String, i64>,
    now: Timestamp,
    watch: &mut dyn Watch,
) -> Result<(), SyncError> {
    let standing: BTreeMap<String, i64> =
        standing_files(log, now).into_iter().map(|it| (it.file.hash.to_string(), it.until_ms)).collect();
    for (_, file, name) in log.seals().flat_map(|seal| seal.files()) {
        let hash = file.hash.to_string();
        let Some(at_hub) = at_hub.get(&hash) else { continue };
        // What is over has no time left; a hub takes no time that is over.
        let until = standing.get(&hash).copied().unwrap_or(now.unix_ms().saturating_add(SOON_MS));
        if *at_hub <= until.max(now.unix_ms().saturating_add(PATIENCE_MS)) {
            continue;
        }
        let about = vec![("name", name), ("until_ms", until.to_string())];
        let parcel = Parcel { path: format!("/api/v1/files/{hash}"), about };
        patiently(watch, || client.append(&parcel, (file.bytes, file.bytes), &[]))?;
    }
    Ok(())
}

/// The files of the log that are there still, and whose time is not over. The hub keeps each as long as the school; what is held after its time is
/// held in the school alone.
#[must_use]
pub fn standing_files(log: &Log, now: Timestamp) -> Vec<StandingFile> {
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
            if !gone.contains_key(&(seal.number, field)) && until > now {
                list.push(StandingFile { name, file: *file, until_ms: until.unix_ms() });
            }
        }
    }
    list
}

/// Sends a file from the byte on where it was cut; how many bytes went. `None`: it is not here any more.
fn send_one(
    client: &Client,
    vault: &Folder,
    StandingFile { name, file, until_ms }: &StandingFile,
    limits: Limits,
    watch: &mut dyn Watch,
) -> Result<Option<u64>, SyncError> {
    let source = match vault.open_sealed(name) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        opened => opened.map_err(|error| disk(name, error))?,
    };
    let about = vec![("name", name.clone()), ("until_ms", until_ms.to_string())];
    let parcel = Parcel { path: format!("/api/v1/files/{}", file.hash), about };
    let mut read = |piece: &mut [u8], offset: u64| {
        source.read_exact_at(piece, offset).map_err(|error| disk(name, error))
    };
    send_bytes(client, &parcel, (name, file.bytes), &mut read, (limits, watch)).map(Some)
}

/// Reads a piece from a byte on.
pub(super) type ReadAt<'r> = dyn FnMut(&mut [u8], u64) -> Result<(), SyncError> + 'r;

/// Sends bytes from the one on where they were cut; how many went.
pub(super) fn send_bytes(
    client: &Client,
    parcel: &Parcel,
    (name, total): (&str, u64),
    read: &mut ReadAt<'_>,
    (limits, watch): (Limits, &mut dyn Watch),
) -> Result<u64, SyncError> {
    let mut arrived = patiently(watch, || client.arrived(parcel))?;
    let (mut sent, mut retries) = (0, 0);
    let mut is_asked = false;
    // A file that is whole without being listed is asked for once more: the hub then notes it.
    while !arrived.is_whole || !is_asked {
        is_asked = true;
        let offset = if arrived.is_whole { total } else { arrived.bytes };
        let length = total.saturating_sub(offset).min(piece_bytes(limits));
        let mut piece = vec![0; usize::try_from(length).unwrap_or(0)];
        read(&mut piece, offset)?;
        arrived = match patiently(watch, || client.append(parcel, (offset, total), &piece)) {
            Err(SyncError::Refused(Refusal::WrongOffset)) if retries < RETRIES_MAX => {
                retries += 1;
                patiently(watch, || client.arrived(parcel))?
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
        watch.report(Step::File { name, sent: arrived.bytes, total });
        if !watch.pause(pause(length, limits)) {
            return Err(SyncError::Stopped);
        }
    }
    Ok(sent)
}

/// Asks again a little later where the hub says that it is too much right now.
pub(crate) fn patiently<T>(
    watch: &mut dyn Watch,
    mut ask: impl FnMut() -> Result<T, SyncError>,
) -> Result<T, SyncError> {
    let mut waits = 0;
    loop {
        match ask() {
            Err(SyncError::Refused(Refusal::TooOften)) if waits < WAITS_MAX => waits += 1,
            outcome => return outcome,
        }
        if !watch.pause(WAIT) {
            return Err(SyncError::Stopped);
        }
    }
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
pub(crate) fn pause(bytes: u64, limits: Limits) -> Duration {
    let ms = bytes.saturating_mul(1_000) / limits.bytes_per_second.max(1);
    Duration::from_millis(ms)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Waits for nothing, and says so often that a night goes on.
    struct Patient(u32);

    impl Watch for Patient {
        fn report(&mut self, _: Step<'_>) {}

        fn pause(&mut self, _: Duration) -> bool {
            let goes_on = self.0 > 0;
            self.0 = self.0.saturating_sub(1);
            goes_on
        }
    }

    #[test]
    fn a_hub_that_has_too_much_to_do_is_asked_again_later() {
        let ask = |refusals: u32, pauses: u32| {
            let mut asked = 0;
            let outcome = patiently(&mut Patient(pauses), || {
                asked += 1;
                if asked <= refusals { Err(SyncError::Refused(Refusal::TooOften)) } else { Ok(()) }
            });
            (outcome, asked)
        };
        assert!(matches!(ask(0, 0), (Ok(()), 1)));
        assert!(matches!(ask(WAITS_MAX, WAITS_MAX), (Ok(()), 4)));
        assert!(matches!(ask(9, 9), (Err(SyncError::Refused(Refusal::TooOften)), 4)));
        assert!(matches!(ask(9, 1), (Err(SyncError::Stopped), 2)));
    }

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
