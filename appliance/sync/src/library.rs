//! Files for pupils that the commune wants to be here: fetched piece by piece, at the night's pace, from the byte on where it was cut.
//!
//! What is wanted stands in the school's sheet, which the hub has signed. A box that has taken a sheet without its files, because it was older then or the
//! power went, asks for that sheet once more: what it is to have is by the hub's word alone.

use std::io;
use std::path::Path;

use model::{LibraryFile, Timestamp};
use replication::limits::PIECE_BYTES_MAX;
use replication::{LibraryHealth, Refusal, SignedSheet, short_sum};
use system::library_shelf::{LibraryShelf, LibraryTrouble};
use system::release_shelf::{fits, is_full};
use system::space::{self, Outlook, SpaceError};

use crate::client::Client;
use crate::error::SyncError;
use crate::identity::Identity;
use crate::letters::read_sheet;
use crate::night::{Intake, Limits, Standing, Step, Watch, disk, go_on, patiently, pause};

const DAY_MS: i64 = 86_400_000;

/// How a box is with its files; nothing where it is to have none.
pub(crate) fn describe(data: &Path, now: Timestamp) -> Option<LibraryHealth> {
    let shelf = LibraryShelf::new(data);
    let wanted = shelf.wanted(now);
    let here: Vec<String> =
        wanted.iter().filter(|file| shelf.has(file)).map(|file| short_sum(&file.sha256).to_owned()).collect();
    let is_whole = here.len() == wanted.len();
    let trouble = shelf.trouble().filter(|_| !is_whole).map(|trouble| trouble.as_str().to_owned());
    let health = LibraryHealth { wanted: u32::try_from(wanted.len()).unwrap_or(u32::MAX), here, trouble };
    (health.wanted > 0).then_some(health)
}

/// Fetches what is not here, the shortest first, and removes what the commune has taken back; how many bytes came. What has no room is noted, and no reason
/// for a night to have failed; what cannot be fetched keeps no other from coming.
pub(crate) fn fetch(
    (client, identity): (&Client, &Identity),
    data: &Path,
    intake: &mut dyn Intake,
    (limits, now): (Limits, Timestamp),
    watch: &mut dyn Watch,
) -> Result<u64, SyncError> {
    let mut failed = None;
    go_on(catch_up(client, identity, data, intake), &mut failed)?;
    let shelf = LibraryShelf::new(data);
    let folder = |error: io::Error| disk("files for pupils", error);
    // As long as it is not known what is wanted, nothing goes.
    let Some(manifest) = shelf.manifest() else { return failed.map_or(Ok(0), Err) };
    // Nor does what is over: that takes a clock that somebody confirms, and whoever looks by day has one.
    shelf.keep_only(&manifest.files).map_err(folder)?;
    let mut wanted = shelf.wanted(now);
    check_one(&shelf, &wanted, now).map_err(folder)?;
    // The shortest first: of several, pupils have some in the morning.
    wanted.sort_by_key(|file| file.bytes);
    let (mut bytes, mut trouble) = (0_u64, None);
    for file in wanted.iter().filter(|file| !shelf.has(file)) {
        match fetch_file(client, (&shelf, data), file, (limits, now), watch) {
            Ok(came) => {
                bytes = bytes.saturating_add(came);
                watch.report(Step::Library(file.title.as_str()));
            }
            Err(Ended::Trouble(found)) => trouble = Some(found),
            // It was taken back: the sheet says so in a moment.
            Err(Ended::Error(SyncError::Refused(Refusal::NoFile))) => {}
            Err(Ended::Error(error)) => {
                go_on::<()>(Err(error), &mut failed)?;
            }
        }
    }
    shelf.give_way(&mut || has_room(data, now, 0)).map_err(|error| disk("the disk's room", error))?;
    shelf.note_trouble(trouble).map_err(folder)?;
    failed.map_or(Ok(bytes), Err)
}

/// Reads one of those that are here by its sum once more, each night another one: disks forget. What is another one by now goes, and comes again.
fn check_one(shelf: &LibraryShelf, wanted: &[LibraryFile], now: Timestamp) -> io::Result<()> {
    let here: Vec<&LibraryFile> = wanted.iter().filter(|file| shelf.has(file)).collect();
    let day = usize::try_from(now.unix_ms().div_euclid(DAY_MS)).unwrap_or(0);
    let turn = day.checked_rem(here.len()).and_then(|turn| here.get(turn));
    turn.map_or(Ok(()), |file| shelf.check(file).map(drop))
}

/// Asks for the sheet once more that was taken without its files.
fn catch_up(
    client: &Client,
    identity: &Identity,
    data: &Path,
    intake: &mut dyn Intake,
) -> Result<(), SyncError> {
    let Some(letters) = intake.letters() else { return Ok(()) };
    let Some(Standing { serial, signer }) = letters.sheet()? else { return Ok(()) };
    let known = LibraryShelf::new(data).manifest();
    if known.is_some_and(|known| known.serial == serial && known.signer == signer) {
        return Ok(());
    }
    let (own, uai) = (identity.enrolled.witness_key.as_str(), &identity.enrolled.school.uai);
    let offered = client.find::<SignedSheet>("/api/v1/sheet")?.and_then(|offered| offered.note);
    let Some(note) = offered else { return Ok(()) };
    let sheet = read_sheet(&note, own, uai).ok_or(SyncError::Sheet)?;
    // A newer one is taken as a whole, in its turn.
    if signer == own && sheet.serial == serial { letters.take_files(&sheet, own) } else { Ok(()) }
}

/// Has files go for what needs their room more, as a release does that mends what lets somebody in; whether there is room for so many bytes then.
pub(crate) fn give_way_to(data: &Path, now: Timestamp, missing: u64) -> Result<bool, SpaceError> {
    let (shelf, outlook) = (LibraryShelf::new(data), space::look(data, now)?);
    let without = Outlook { free_bytes: outlook.free_bytes.saturating_add(shelf.bytes()?), ..outlook };
    // Where all of them are not enough, they would go each night for nothing, and come again.
    if !fits(&without, missing) {
        return Ok(false);
    }
    shelf.give_way(&mut || has_room(data, now, missing))?;
    has_room(data, now, missing)
}

/// Whether so many bytes more leave the journal its room.
fn has_room(data: &Path, now: Timestamp, missing: u64) -> Result<bool, SpaceError> {
    Ok(fits(&space::look(data, now)?, missing))
}

/// Why a file does not come.
enum Ended {
    /// It is noted.
    Trouble(LibraryTrouble),
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
    (shelf, data): (&LibraryShelf, &Path),
    file: &LibraryFile,
    (limits, now): (Limits, Timestamp),
    watch: &mut dyn Watch,
) -> Result<u64, Ended> {
    let failed = |error: io::Error| {
        if is_full(&error) {
            Ended::Trouble(LibraryTrouble::NoRoom)
        } else {
            Ended::Error(disk(file.name.as_str(), error))
        }
    };
    let (mut arrived, mut bytes) = (shelf.arrived(file).map_err(failed)?, 0_u64);
    let room = has_room(data, now, file.bytes.saturating_sub(arrived));
    if !room.map_err(|error| disk("the disk's room", error))? {
        return Err(Ended::Trouble(LibraryTrouble::NoRoom));
    }
    let path = format!("/api/v1/library/{}", file.sha256);
    while arrived < file.bytes {
        let length = (file.bytes - arrived).min(limits.bytes_per_second.clamp(1, PIECE_BYTES_MAX));
        let piece = patiently(watch, || client.piece(&path, (arrived, file.bytes), length))?;
        shelf.append(file, arrived, &piece).map_err(failed)?;
        let length = piece.len() as u64;
        (arrived, bytes) = (arrived.saturating_add(length), bytes.saturating_add(length));
        watch.report(Step::File { name: file.name.as_str(), sent: arrived, total: file.bytes });
        if !watch.pause(pause(length, limits)) {
            return Err(Ended::Error(SyncError::Stopped));
        }
    }
    match shelf.finish(file).map_err(failed)? {
        true => Ok(bytes),
        false => Err(Ended::Trouble(LibraryTrouble::Damaged)),
    }
}

#[cfg(test)]
mod tests {
    use archive::Hash;
    use model::MediaType;
    use system::library_shelf::Manifest;

    use super::*;

    fn file(text: &str) -> LibraryFile {
        let name = "carte.pdf".parse().unwrap();
        LibraryFile {
            sha256: Hash::of(text.as_bytes()).to_string(),
            bytes: text.len() as u64,
            media: MediaType::of(&name),
            name,
            title: "La carte".parse().unwrap(),
            until: Timestamp::from_unix_ms(9),
        }
    }

    #[test]
    fn nothing_goes_for_what_has_no_room_anyway() {
        let data = tempfile::tempdir().unwrap();
        let (shelf, now) = (LibraryShelf::new(data.path()), Timestamp::from_unix_ms(5));
        let files = vec![file("map")];
        shelf.keep_manifest(&Manifest { serial: 1, signer: "hub".to_owned(), files }).unwrap();
        shelf.append(&file("map"), 0, b"map").unwrap();
        assert!(shelf.finish(&file("map")).unwrap());
        assert!(!give_way_to(data.path(), now, u64::MAX / 2).unwrap());
        assert!(shelf.has(&file("map")));
    }

    #[test]
    fn each_night_another_file_is_read_again() {
        let data = tempfile::tempdir().unwrap();
        let shelf = LibraryShelf::new(data.path());
        let files = [("map", "mXp"), ("film", "fXlm")].map(|(text, changed)| {
            shelf.append(&file(text), 0, text.as_bytes()).unwrap();
            assert!(shelf.finish(&file(text)).unwrap());
            std::fs::write(data.path().join("library").join(&file(text).sha256), changed).unwrap();
            file(text)
        });
        let check = |day: i64| check_one(&shelf, &files, Timestamp::from_unix_ms(day * DAY_MS)).unwrap();
        check_one(&shelf, &[], Timestamp::from_unix_ms(-1)).unwrap();
        check(3);
        assert_eq!([&files[0], &files[1]].map(|file| shelf.has(file)), [true, false]);
        check(4);
        assert_eq!([&files[0], &files[1]].map(|file| shelf.has(file)), [false, false]);
    }

    #[test]
    fn what_is_here_is_told_and_why_other_things_are_not() {
        let data = tempfile::tempdir().unwrap();
        let (shelf, at) = (LibraryShelf::new(data.path()), Timestamp::from_unix_ms);
        assert_eq!(describe(data.path(), at(0)), None);
        let files = vec![file("map"), file("film")];
        shelf.keep_manifest(&Manifest { serial: 1, signer: "hub".to_owned(), files }).unwrap();
        shelf.append(&file("map"), 0, b"map").unwrap();
        assert!(shelf.finish(&file("map")).unwrap());
        shelf.note_trouble(Some(LibraryTrouble::NoRoom)).unwrap();
        let told = describe(data.path(), at(0)).unwrap();
        assert!(told.is_right() && told.has(&file("map").sha256) && !told.has(&file("film").sha256));
        assert_eq!((told.wanted, told.trouble.as_deref()), (2, Some("no-room")));
        shelf.append(&file("film"), 0, b"film").unwrap();
        assert!(shelf.finish(&file("film")).unwrap());
        assert_eq!(describe(data.path(), at(0)).unwrap().trouble, None, "all of it is here");
        assert_eq!(describe(data.path(), at(9)), None, "it is over");
    }
}
