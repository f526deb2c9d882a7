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

/// What is held stays at the hub for so long from the night on, by which it is said again once a month of that is over: a box that burns does not
/// take with it what somebody holds.
const HELD_MS: i64 = 365 * 86_400_000;
const HELD_AGAIN_MS: i64 = 30 * 86_400_000;

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
    /// Whether a hold is in force that may be about it.
    pub is_held: bool,
}

impl StandingFile {
    /// When it has to be gone from the hub, seen from now.
    fn until_at_hub(&self, now: Timestamp) -> i64 {
        let held = if self.is_held { now.unix_ms().saturating_add(HELD_MS) } else { i64::MIN };
        self.until_ms.max(held)
    }

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
        match send_one(client, vault, (&file, now), limits, watch) {
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

/// Tells the hub of files whose time has become shorter, or that are gone already: it keeps none for longer than the school but for a week. What is
/// held it keeps as long as the school does.
fn shorten(
    client: &Client,
    log: &Log,
    at_hub: &BTreeMap<String, i64>,
    now: Timestamp,
    watch: &mut dyn Watch,
) -> Result<(), SyncError> {
    let standing: BTreeMap<String, (i64, bool)> = list_files(log, now)
        .into_iter()
        .map(|it| (it.file.hash.to_string(), (it.until_at_hub(now), it.is_held)))
        .collect();
    for (_, file, name) in log.seals().flat_map(|seal| seal.files()) {
        let hash = file.hash.to_string();
        let Some(at_hub) = at_hub.get(&hash) else { continue };
        // What is over has no time left; a hub takes no time that is over.
        let soon = (now.unix_ms().saturating_add(SOON_MS), false);
        let (until, is_held) = standing.get(&hash).copied().unwrap_or(soon);
        if !is_news(*at_hub, until, is_held, now) {
            continue;
        }
        let about = about(name, until, is_held);
        let parcel = Parcel { path: format!("/api/v1/files/{hash}"), about };
        patiently(watch, || client.append(&parcel, (file.bytes, file.bytes), &[]))?;
    }
    Ok(())
}

/// Whether the hub has to hear of another end of a file than it knows.
fn is_news(at_hub: i64, until: i64, is_held: bool, now: Timestamp) -> bool {
    let is_shorter = at_hub > until.max(now.unix_ms().saturating_add(PATIENCE_MS));
    is_shorter || (is_held && at_hub < until.saturating_sub(HELD_AGAIN_MS))
}

/// What is said of a file beside its bytes. A hub of before there were holds does not look at them.
fn about(name: String, until_ms: i64, is_held: bool) -> Vec<(&'static str, String)> {
    let held = is_held.then(|| ("held", "true".to_owned()));
    [("name", name), ("until_ms", until_ms.to_string())].into_iter().chain(held).collect()
}

/// The files of the log that are there still, and whose time is not over: those that go to the hub, which keeps each as long as the school.
#[must_use]
pub fn standing_files(log: &Log, now: Timestamp) -> Vec<StandingFile> {
    list_files(log, now).into_iter().filter(|it| it.until_ms > now.unix_ms()).collect()
}

/// The same, and those that are there for a hold alone: what the hub has of these, it keeps.
fn list_files(log: &Log, now: Timestamp) -> Vec<StandingFile> {
    let gone = log.expiries();
    let chronicle = Chronicle::new(log.leaves(), now);
    let retention = settled(log.leaves(), &chronicle, now);
    let holds = log.holds();
    let mut list = Vec::new();
    for seal in log.seals() {
        let bounds = chronicle.bounds(seal.number);
        let is_held = holds.values().any(|(_, hold)| hold.covers(seal, &bounds));
        for (field, file, name) in seal.files() {
            let days = log.days_kept(seal.number, field, &retention);
            // Nobody knows yet when its records were made: no earlier than now.
            let until = due(&bounds, seal, days).unwrap_or_else(|| after(now, days));
            if !gone.contains_key(&(seal.number, field)) && (until > now || is_held) {
                list.push(StandingFile { name, file: *file, until_ms: until.unix_ms(), is_held });
            }
        }
    }
    list
}

/// Sends a file from the byte on where it was cut; how many bytes went. `None`: it is not here any more.
fn send_one(
    client: &Client,
    vault: &Folder,
    (standing, now): (&StandingFile, Timestamp),
    limits: Limits,
    watch: &mut dyn Watch,
) -> Result<Option<u64>, SyncError> {
    let StandingFile { name, file, is_held, .. } = standing;
    let source = match vault.open_sealed(name) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        opened => opened.map_err(|error| disk(name, error))?,
    };
    let about = about(name.clone(), standing.until_at_hub(now), *is_held);
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
    use archive::{Fact, Hash, Hold, Lift, Seal, SigningKey};
    use model::ClockQuality;

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

    const DAY_MS: i64 = 86_400_000;

    fn day(number: i64) -> Timestamp {
        Timestamp::from_unix_ms(1_795_392_000_000 + number * DAY_MS)
    }

    /// Two days that are sealed: of day 0 and of day 1.
    fn log() -> (Log, SigningKey) {
        let (mut log, key) = (Log::default(), SigningKey::of_box([7; 32]).unwrap());
        for number in 0..2_u64 {
            let from = i64::try_from(number).unwrap();
            let bytes = number.to_le_bytes();
            let file = SealedFile { form: Form::Encrypted, bytes: 8, hash: Hash::of(&bytes), rows: 1 };
            let seal = Seal {
                number: 1,
                previous: None,
                file,
                parts: Vec::new(),
                day: "2026-11-23".to_owned(),
                segments: (number + 1, number + 1),
                sequences: (number, number + 1),
                records: 1,
                times: Some((day(from), day(from))),
                clocks: [1, 0, 0],
                set_back_ms: 0,
                unreadable: 0,
                sealed: day(from + 1),
                sealed_clock: ClockQuality::Synchronised,
                tail: None,
            };
            log.append(seal, &key);
        }
        (log, key)
    }

    fn hold(from: i64, to: i64) -> Fact {
        let (author, reason) = ("La direction".parse().unwrap(), "réquisition 26/123".parse().unwrap());
        Fact::Hold(Hold { from: Some(day(from)), to: Some(day(to)), device: None, author, reason })
    }

    #[test]
    fn what_is_held_is_held_at_the_hub_too() {
        let (mut log, key) = log();
        let now = day(400);
        let list = |log: &Log| -> Vec<(bool, i64)> {
            let files = list_files(log, now).into_iter();
            files.map(|it| (it.is_held, (it.until_at_hub(now) - now.unix_ms()) / DAY_MS)).collect()
        };
        assert_eq!(list(&log), [], "their year is over");
        log.state((day(30), ClockQuality::Synchronised), hold(-1, 1), &key);
        let held = log.holds().into_keys().next().unwrap();
        assert_eq!(list(&log).first(), Some(&(true, 365)));
        assert!(standing_files(&log, now).is_empty(), "it is not sent anew for that");
        let (until, at) = (now.unix_ms() + HELD_MS, |days: i64| now.unix_ms() + days * DAY_MS);
        for (at_hub, expected) in [(at(1), true), (at(334), true), (at(336), false), (at(365), false)] {
            assert_eq!(is_news(at_hub, until, true, now), expected, "day {}", (at_hub - at(0)) / DAY_MS);
        }
        let (author, reason) = ("La direction".parse().unwrap(), "affaire classée".parse().unwrap());
        let lift = Lift { hold: held, author, reason };
        log.state((day(60), ClockQuality::Synchronised), Fact::Lift(lift), &key);
        assert_eq!(list(&log), [], "it is lifted");
        assert!(is_news(until, at(0) + SOON_MS, false, now), "and the hub hears of it");
        assert!(!is_news(at(3), at(20), false, now), "nothing but a hold makes a time longer");
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
