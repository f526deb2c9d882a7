//! The release that the commune wants to be here, as it comes: `DATA/releases`.
//!
//! | name | |
//! |---|---|
//! | `VERSION/` | its files; one that is on its way has `.part` behind its name |
//! | `VERSION/.wanted` | names, lengths and sums: another release of the same version begins anew |
//! | `trouble` | why it is not here |
//! | `since` | since when the version runs that runs |
//! | `now` | which version somebody wants in its place without waiting for the night, since when |
//!
//! A file has its own name once all of it is here with its sum, and on the disk. Whoever installs it believes none of that, but its signature.
//!
//! Invariant: of one version alone there is something here, and never so much that the journal lacks room.

mod haste;

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use archive::Hasher;
use model::{Release, ReleaseFile, ReleaseVersion, Timestamp};

use crate::lists::give_to_owner_of;
use crate::private::PrivateFolder;
use crate::regular;
use crate::space::{Outlook, WARNING_DAYS, free_bytes};
pub use haste::Haste;

const FOLDER: &str = "releases";
const WANTED_FILE: &str = ".wanted";
const TROUBLE_FILE: &str = "trouble";
const SINCE_FILE: &str = "since";
const PART_EXTENSION: &str = ".part";
const FOLDER_MODE: u32 = 0o700;
const FILE_MODE: u32 = 0o600;
/// Most bytes of the list of what is wanted: five names with their sums.
const WANTED_BYTES_MAX: u64 = 4 << 10;
/// What stays free beside a release, at least.
const LEFT_BYTES_MIN: u64 = 512 << 20;
/// What a note takes of a disk: a block.
const NOTE_BYTES: u64 = 4 << 10;
/// How much of a file is read at a time.
const BUFFER_BYTES: usize = 64 << 10;

/// The folder.
#[derive(Clone, Debug)]
pub struct ReleaseShelf(PathBuf);

/// Why a release that is wanted is not here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReleaseTrouble {
    /// The disk has no room for it beside the journal.
    NoRoom,
    /// A file came whole, and with another sum.
    Damaged,
}

impl ReleaseTrouble {
    const ALL: [Self; 2] = [Self::NoRoom, Self::Damaged];

    /// The word of the file, and of what the hub is told.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NoRoom => "no-room",
            Self::Damaged => "damaged",
        }
    }

    fn find(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|trouble| trouble.as_str() == word)
    }
}

impl ReleaseShelf {
    /// In a data folder. Touches nothing yet.
    #[must_use]
    pub fn new(data: &Path) -> Self {
        Self(data.join(FOLDER))
    }

    /// Removes what is here of every other version; of every one, where none is wanted.
    ///
    /// # Errors
    /// The system's.
    pub fn keep_only(&self, wanted: Option<&ReleaseVersion>) -> io::Result<()> {
        let entries = match fs::read_dir(&self.0) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            entries => entries?,
        };
        let own = wanted.map(ToString::to_string);
        for entry in entries {
            let entry = entry?;
            let name = entry.file_name();
            let is_kept = [TROUBLE_FILE, SINCE_FILE, haste::FILE].iter().any(|kept| name == *kept)
                || own.as_ref().is_some_and(|own| name == own.as_str());
            if is_kept {
                continue;
            }
            if entry.file_type()?.is_dir() {
                fs::remove_dir_all(entry.path())?;
            } else {
                fs::remove_file(entry.path())?;
            }
        }
        Ok(())
    }

    /// Makes the folder of a release, and removes what is here of others, and of another one of its version.
    ///
    /// # Errors
    /// The system's.
    pub fn prepare(&self, release: &Release) -> io::Result<()> {
        make(&self.0)?;
        self.keep_only(Some(release.version()))?;
        if self.is_of(release) {
            return Ok(());
        }
        let folder = self.folder(release);
        match fs::remove_dir_all(&folder) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            Ok(()) | Err(_) => {}
        }
        make(&folder)?;
        PrivateFolder::new(&folder).replace(WANTED_FILE, &list(release))
    }

    /// How many bytes of a file are here; all of them once it is whole.
    ///
    /// # Errors
    /// The system's.
    pub fn arrived(&self, release: &Release, file: &ReleaseFile) -> io::Result<u64> {
        let folder = self.folder(release);
        match length(&folder.join(&file.name))? {
            Some(bytes) if bytes == file.bytes => Ok(bytes),
            Some(_) | None => Ok(length(&part(&folder, file))?.unwrap_or(0).min(file.bytes)),
        }
    }

    /// How many bytes of a release are not here.
    ///
    /// # Errors
    /// The system's.
    pub fn missing(&self, release: &Release) -> io::Result<u64> {
        release.files().iter().try_fold(0_u64, |sum, file| {
            Ok(sum.saturating_add(file.bytes.saturating_sub(self.arrived(release, file)?)))
        })
    }

    /// Whether a file is here, whole.
    #[must_use]
    pub fn has(&self, release: &Release, file: &ReleaseFile) -> bool {
        self.is_of(release)
            && length(&self.folder(release).join(&file.name)).is_ok_and(|length| length == Some(file.bytes))
    }

    /// Since when all of a release is here; `None` where something is missing.
    #[must_use]
    pub fn whole_since(&self, release: &Release) -> Option<Timestamp> {
        if !release.files().iter().all(|file| self.has(release, file)) {
            return None;
        }
        let folder = self.folder(release);
        let changed = release.files().iter().map(|file| {
            let changed = fs::metadata(folder.join(&file.name)).ok()?.modified().ok()?;
            i64::try_from(changed.duration_since(UNIX_EPOCH).ok()?.as_millis()).ok()
        });
        changed.collect::<Option<Vec<_>>>()?.into_iter().max().map(Timestamp::from_unix_ms)
    }

    /// Puts the next bytes behind the first `offset` ones of a file.
    ///
    /// # Errors
    /// The system's; then what was there is there.
    pub fn append(&self, release: &Release, file: &ReleaseFile, offset: u64, bytes: &[u8]) -> io::Result<()> {
        let folder = self.folder(release);
        let mut options = OpenOptions::new();
        let options = options.append(true).create(true).mode(FILE_MODE).custom_flags(regular::FLAGS);
        let mut source = options.open(part(&folder, file))?;
        regular::check(&source)?;
        give_to_owner_of(&folder, &source)?;
        // What a full disk has taken of a piece, or a power cut has left longer, is no part of the file.
        source.set_len(offset)?;
        if let Err(error) = source.write_all(bytes) {
            source.set_len(offset)?;
            return Err(error);
        }
        Ok(())
    }

    /// Gives a file its name, where it has its sum; where it has another one, it goes. Whether it has.
    ///
    /// # Errors
    /// The system's.
    pub fn finish(&self, release: &Release, file: &ReleaseFile) -> io::Result<bool> {
        let folder = self.folder(release);
        let path = part(&folder, file);
        let mut source = regular::open(&path)?;
        source.sync_all()?;
        if hash(&mut source)? != file.sha256 {
            fs::remove_file(&path)?;
            return Ok(false);
        }
        fs::rename(&path, folder.join(&file.name))?;
        File::open(&folder)?.sync_all()?;
        Ok(true)
    }

    /// Removes what is here, which is room for the journal, and notes that a release of this version has none. In this order: a disk that is full
    /// has no room for a note. Where it has none afterwards either, [`ReleaseShelf::is_disk_full`] says so.
    ///
    /// # Errors
    /// The system's.
    pub fn give_way(&self, version: &ReleaseVersion) -> io::Result<()> {
        self.keep_only(None)?;
        match self.note_trouble(version, Some(ReleaseTrouble::NoRoom)) {
            Err(error) if is_full(&error) => Ok(()),
            noted => noted,
        }
    }

    /// Whether the disk has not even room for a note.
    #[must_use]
    pub fn is_disk_full(&self) -> bool {
        let data = self.0.parent().unwrap_or(&self.0);
        free_bytes(data).is_ok_and(|free| free < NOTE_BYTES)
    }

    /// Notes why a release is not here; `None`: nothing is in its way.
    ///
    /// # Errors
    /// The system's.
    pub fn note_trouble(&self, version: &ReleaseVersion, trouble: Option<ReleaseTrouble>) -> io::Result<()> {
        let folder = PrivateFolder::new(&self.0);
        match trouble {
            Some(trouble) if self.trouble(version) != Some(trouble) => {
                make(&self.0)?;
                folder.replace(TROUBLE_FILE, &format!("{version} {}\n", trouble.as_str()))
            }
            None if folder.path(TROUBLE_FILE).exists() => folder.remove(TROUBLE_FILE),
            Some(_) | None => Ok(()),
        }
    }

    /// Why a release of this version is not here, as far as that was noted.
    #[must_use]
    pub fn trouble(&self, version: &ReleaseVersion) -> Option<ReleaseTrouble> {
        let text = PrivateFolder::new(&self.0).read(TROUBLE_FILE).ok().flatten()?;
        let (of, word) = text.trim_end().split_once(' ')?;
        ReleaseTrouble::find(word).filter(|_| of.parse::<ReleaseVersion>().is_ok_and(|of| of == *version))
    }

    /// Notes that a version runs, where another one did before.
    ///
    /// # Errors
    /// The system's.
    pub fn note_running(&self, version: &ReleaseVersion, now: Timestamp) -> io::Result<()> {
        if self.running_since(version).is_some() {
            return Ok(());
        }
        make(&self.0)?;
        PrivateFolder::new(&self.0).replace(SINCE_FILE, &format!("{version} {}\n", now.unix_ms()))
    }

    /// Since when this version runs, as far as that was noted.
    #[must_use]
    pub fn running_since(&self, version: &ReleaseVersion) -> Option<Timestamp> {
        let text = PrivateFolder::new(&self.0).read(SINCE_FILE).ok().flatten()?;
        let (of, ms) = text.trim_end().split_once(' ')?;
        let is_same = of.parse::<ReleaseVersion>().is_ok_and(|of| of == *version);
        ms.parse::<i64>().ok().filter(|_| is_same).map(Timestamp::from_unix_ms)
    }

    fn folder(&self, release: &Release) -> PathBuf {
        self.0.join(release.version().to_string())
    }

    /// Whether what is here of the version is of exactly this release.
    fn is_of(&self, release: &Release) -> bool {
        let found = PrivateFolder::new(&self.folder(release)).read_bytes(WANTED_FILE, WANTED_BYTES_MAX);
        found.ok().flatten().is_some_and(|found| found == list(release).as_bytes())
    }
}

/// Whether something failed because the disk is full.
#[must_use]
pub fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}

/// Whether so many bytes more leave the journal what it needs: its reserve, and for as long as it takes somebody to see to the disk.
#[must_use]
pub fn fits(outlook: &Outlook, missing: u64) -> bool {
    let free = outlook.free_bytes.saturating_sub(outlook.reserved_bytes);
    let journal = outlook.bytes_a_day.saturating_mul(WARNING_DAYS);
    free >= missing.saturating_add(journal.max(LEFT_BYTES_MIN))
}

pub(crate) fn make(folder: &Path) -> io::Result<()> {
    if !folder.is_dir() {
        DirBuilder::new().recursive(true).mode(FOLDER_MODE).create(folder)?;
        if let Some(parent) = folder.parent() {
            give_to_owner_of(parent, &File::open(folder)?)?;
            File::open(parent)?.sync_all()?;
        }
    }
    Ok(())
}

fn part(folder: &Path, file: &ReleaseFile) -> PathBuf {
    folder.join(format!("{}{PART_EXTENSION}", file.name))
}

/// What tells a release from another one of its version.
fn list(release: &Release) -> String {
    release.files().iter().map(|file| format!("{} {} {}\n", file.sha256, file.bytes, file.name)).collect()
}

/// The length of a file, and of nothing else.
pub(crate) fn length(path: &Path) -> io::Result<Option<u64>> {
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        known => Ok(Some(known?).filter(fs::Metadata::is_file).map(|known| known.len())),
    }
}

pub(crate) fn hash(source: &mut File) -> io::Result<String> {
    let (mut hasher, mut buffer) = (Hasher::new(), vec![0; BUFFER_BYTES]);
    loop {
        let read = source.read(&mut buffer)?;
        if read == 0 {
            return Ok(hasher.finish().to_string());
        }
        hasher.update(buffer.get(..read).unwrap_or_default());
    }
}

#[cfg(test)]
mod tests {
    use archive::Hash;

    use super::*;
    use crate::full_disk::{FOLDER_VARIABLE, run_test_on};

    const GIGABYTE: u64 = 1 << 30;

    /// Each file has its own name as its text, and `mark` behind it.
    fn release(version: &str, mark: &str) -> Release {
        let uuid = "0b1f6c1e-7a55-4c0b-9a86-0d6a4bb1c0de";
        let names = ["root", "verity"].map(|part| format!("preau_{version}_{uuid}.{part}.raw.gz"));
        let others = [format!("preau_{version}.efi"), "SHA256SUMS".to_owned(), "SHA256SUMS.gpg".to_owned()];
        let file = |name: String| {
            let text = format!("{name}{mark}");
            ReleaseFile { name, bytes: text.len() as u64, sha256: Hash::of(text.as_bytes()).to_string() }
        };
        Release::new(version.parse().unwrap(), names.into_iter().chain(others).map(file).collect()).unwrap()
    }

    fn fetch(shelf: &ReleaseShelf, release: &Release, mark: &str) {
        for file in release.files() {
            shelf.append(release, file, 0, format!("{}{mark}", file.name).as_bytes()).unwrap();
            assert!(shelf.finish(release, file).unwrap());
        }
    }

    #[test]
    fn a_release_is_here_once_each_file_has_its_sum() {
        let data = tempfile::tempdir().unwrap();
        let (shelf, release) = (ReleaseShelf::new(data.path()), release("1.4.0", ""));
        assert_eq!(shelf.whole_since(&release), None);
        shelf.prepare(&release).unwrap();
        assert_eq!(shelf.missing(&release).unwrap(), release.bytes());
        let file = &release.files()[0];
        // Cut after each byte, it goes on there; what was written behind it counts for nothing.
        let text = file.name.as_bytes();
        for offset in 0..text.len() {
            shelf.append(&release, file, offset as u64, &text[offset..=offset]).unwrap();
            assert_eq!(shelf.arrived(&release, file).unwrap(), offset as u64 + 1);
        }
        shelf.append(&release, file, 3, &text[3..]).unwrap();
        assert!(!shelf.has(&release, file), "it has no name yet");
        assert!(shelf.finish(&release, file).unwrap() && shelf.has(&release, file));
        let next = &release.files()[1];
        shelf.append(&release, next, 0, b"something else").unwrap();
        assert!(!shelf.finish(&release, next).unwrap(), "another sum");
        assert_eq!(shelf.arrived(&release, next).unwrap(), 0, "it begins anew");
        fetch(&shelf, &release, "");
        assert!(shelf.whole_since(&release).is_some() && shelf.missing(&release).unwrap() == 0);
        shelf.prepare(&release).unwrap();
        assert!(shelf.whole_since(&release).is_some(), "what is here stays");
    }

    #[test]
    fn of_one_version_alone_there_is_something() {
        let data = tempfile::tempdir().unwrap();
        let shelf = ReleaseShelf::new(data.path());
        shelf.keep_only(None).unwrap();
        let (old, new) = (release("1.4.0", ""), release("1.5.0", ""));
        shelf.prepare(&old).unwrap();
        fetch(&shelf, &old, "");
        let again = release("1.4.0", " built anew");
        assert_eq!(shelf.whole_since(&again), None, "another one of its version");
        shelf.prepare(&again).unwrap();
        assert_eq!(shelf.missing(&again).unwrap(), again.bytes());
        fs::write(data.path().join("releases/stray"), "x").unwrap();
        shelf.note_running(old.version(), Timestamp::from_unix_ms(5)).unwrap();
        shelf.prepare(&new).unwrap();
        let names = |folder: &str| {
            let entries = fs::read_dir(data.path().join(folder)).unwrap();
            let mut names: Vec<String> =
                entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
            names.sort();
            names
        };
        assert_eq!(names("releases"), ["1.5.0", "since"]);
        shelf.keep_only(None).unwrap();
        assert_eq!(names("releases"), ["since"]);
    }

    #[test]
    fn child_makes_room_on_a_full_disk() {
        #[expect(clippy::disallowed_methods, reason = "a child is told by its environment what to do")]
        let Ok(folder) = std::env::var(FOLDER_VARIABLE) else { return };
        let data = Path::new(&folder);
        let (shelf, release) = (ReleaseShelf::new(data), release("1.4.0", ""));
        let version = release.version();
        shelf.prepare(&release).unwrap();
        shelf.append(&release, &release.files()[0], 0, &vec![1; 256 << 10]).unwrap();
        assert!(fs::write(data.join("ballast"), vec![1; 2 << 20]).is_err(), "the disk has a megabyte");
        let full = shelf.note_trouble(version, Some(ReleaseTrouble::NoRoom)).unwrap_err();
        assert_eq!(full.kind(), io::ErrorKind::StorageFull);
        shelf.give_way(version).unwrap();
        assert_eq!(shelf.trouble(version), Some(ReleaseTrouble::NoRoom));
        fs::write(data.join("journal"), vec![1; 128 << 10]).unwrap();
        println!("gave way to the journal");
    }

    #[test]
    fn a_release_gives_way_on_a_full_disk() {
        let said = run_test_on("1m", "release_shelf::tests::child_makes_room_on_a_full_disk");
        assert!(said.contains("gave way to the journal"), "{said}");
    }

    #[test]
    fn child_begins_on_a_disk_without_a_byte() {
        #[expect(clippy::disallowed_methods, reason = "a child is told by its environment what to do")]
        let Ok(folder) = std::env::var(FOLDER_VARIABLE) else { return };
        let data = Path::new(&folder);
        let (shelf, release) = (ReleaseShelf::new(data), release("1.4.0", ""));
        assert!(!shelf.is_disk_full());
        assert!(fs::write(data.join("ballast"), vec![1; 2 << 20]).is_err(), "the disk has a megabyte");
        assert!(is_full(&shelf.prepare(&release).unwrap_err()));
        shelf.give_way(release.version()).unwrap();
        assert_eq!((shelf.trouble(release.version()), shelf.is_disk_full()), (None, true));
        println!("says that there is no room");
    }

    #[test]
    fn a_disk_that_is_wholly_full_is_no_failure_of_the_night() {
        let said = run_test_on("1m", "release_shelf::tests::child_begins_on_a_disk_without_a_byte");
        assert!(said.contains("says that there is no room"), "{said}");
    }

    #[test]
    fn links_are_not_followed() {
        let data = tempfile::tempdir().unwrap();
        let (shelf, release) = (ReleaseShelf::new(data.path()), release("1.4.0", ""));
        shelf.prepare(&release).unwrap();
        let (file, other) = (&release.files()[0], data.path().join("other"));
        fs::write(&other, "kept").unwrap();
        let folder = data.path().join("releases/1.4.0");
        std::os::unix::fs::symlink(&other, folder.join(format!("{}.part", file.name))).unwrap();
        assert!(shelf.append(&release, file, 0, b"x").is_err());
        std::os::unix::fs::symlink(&other, folder.join(&file.name)).unwrap();
        assert!(!shelf.has(&release, file));
        assert_eq!(fs::read_to_string(other).unwrap(), "kept");
    }

    #[test]
    fn what_was_noted_is_of_its_version() {
        let data = tempfile::tempdir().unwrap();
        let shelf = ReleaseShelf::new(data.path());
        let (one, other): (ReleaseVersion, ReleaseVersion) =
            ("1.4.0".parse().unwrap(), "1.5.0".parse().unwrap());
        let at = Timestamp::from_unix_ms;
        assert_eq!((shelf.trouble(&one), shelf.running_since(&one)), (None, None));
        shelf.note_trouble(&one, None).unwrap();
        for trouble in ReleaseTrouble::ALL {
            shelf.note_trouble(&one, Some(trouble)).unwrap();
            assert_eq!((shelf.trouble(&one), shelf.trouble(&other)), (Some(trouble), None));
        }
        shelf.note_trouble(&one, None).unwrap();
        assert_eq!(shelf.trouble(&one), None);
        shelf.note_running(&one, at(5)).unwrap();
        shelf.note_running(&one, at(9)).unwrap();
        assert_eq!((shelf.running_since(&one), shelf.running_since(&other)), (Some(at(5)), None));
        shelf.note_running(&other, at(9)).unwrap();
        assert_eq!((shelf.running_since(&one), shelf.running_since(&other)), (None, Some(at(9))));
    }

    #[test]
    fn the_journal_keeps_its_room() {
        let check = |free: u64, a_day: u64, missing: u64, expected: bool| {
            let reserved = GIGABYTE;
            let outlook = Outlook {
                free_bytes: free + reserved,
                reserved_bytes: reserved,
                bytes_a_day: a_day,
                days_left: None,
            };
            assert_eq!(fits(&outlook, missing), expected, "{free} {a_day} {missing}");
        };
        check(GIGABYTE, 0, GIGABYTE / 2, true);
        check(GIGABYTE, 0, GIGABYTE / 2 + 1, false);
        check(0, 0, 0, false);
        check(100 * GIGABYTE, GIGABYTE, 58 * GIGABYTE, true);
        check(100 * GIGABYTE, GIGABYTE, 58 * GIGABYTE + 1, false);
        check(u64::MAX / 2, u64::MAX, 1, false);
    }
}
