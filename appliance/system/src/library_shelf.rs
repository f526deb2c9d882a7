//! The files that the commune wants to be here for pupils: `DATA/library`.
//!
//! | name | |
//! |---|---|
//! | `SUM` | a file, by its SHA-256; one that is on its way has `.part` behind its name |
//! | `manifest` | what is wanted, by which of the hub's sheets |
//! | `trouble` | why something is not here |
//!
//! A file has its own name once all of it is here with its sum, and on the disk. Nothing but its sum finds it: what it is called is told beside its bytes,
//! and never where they lie.
//!
//! Invariant: what is here never takes room that the journal needs, and goes once its day is over.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use model::{LibraryFile, MediaType, Timestamp, is_library, is_sum};
use serde::{Deserialize, Serialize};

use crate::lists::give_to_owner_of;
use crate::private::PrivateFolder;
use crate::regular;
use crate::release_shelf::{hash, is_full, length, make};
use crate::space::SpaceError;

const FOLDER: &str = "library";
const MANIFEST_FILE: &str = "manifest";
const TROUBLE_FILE: &str = "trouble";
const PART_EXTENSION: &str = ".part";
const FILE_MODE: u32 = 0o600;
/// Most bytes of the manifest: fifty files with long names.
const MANIFEST_BYTES_MAX: u64 = 128 << 10;

/// The folder.
#[derive(Clone, Debug)]
pub struct LibraryShelf(PathBuf);

/// What is wanted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Manifest {
    /// The number of the sheet that says so.
    pub serial: u64,
    /// The key of the hub that has signed it.
    pub signer: String,
    /// The files.
    pub files: Vec<LibraryFile>,
}

/// Why something that is wanted is not here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LibraryTrouble {
    /// The disk has no room for it beside the journal.
    NoRoom,
    /// It came whole, and with another sum.
    Damaged,
}

impl LibraryTrouble {
    const ALL: [Self; 2] = [Self::NoRoom, Self::Damaged];

    /// The word of the file, and of what the hub is told.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NoRoom => "no-room",
            Self::Damaged => "damaged",
        }
    }
}

/// The manifest as it is written.
#[derive(Serialize, Deserialize)]
struct Written {
    serial: u64,
    signer: String,
    files: Vec<WrittenFile>,
}

#[derive(Serialize, Deserialize)]
struct WrittenFile {
    sha256: String,
    bytes: u64,
    name: String,
    title: String,
    media: String,
    until_ms: i64,
}

impl LibraryShelf {
    /// In a data folder. Touches nothing yet.
    #[must_use]
    pub fn new(data: &Path) -> Self {
        Self(data.join(FOLDER))
    }

    /// What is wanted; `None` where nobody has said so yet, or it cannot be read: it is asked for again.
    #[must_use]
    pub fn manifest(&self) -> Option<Manifest> {
        let bytes =
            PrivateFolder::new(&self.0).read_bytes(MANIFEST_FILE, MANIFEST_BYTES_MAX).ok().flatten()?;
        let Written { serial, signer, files } = serde_json::from_slice(&bytes).ok()?;
        let files: Vec<LibraryFile> = files.iter().map(WrittenFile::read).collect::<Option<_>>()?;
        is_library(&files).then_some(Manifest { serial, signer, files })
    }

    /// Puts what is wanted in the place of what was.
    ///
    /// # Errors
    /// The system's.
    pub fn keep_manifest(&self, manifest: &Manifest) -> io::Result<()> {
        let Manifest { serial, signer, files } = manifest;
        let files = files.iter().map(WrittenFile::write).collect();
        let written = Written { serial: *serial, signer: signer.clone(), files };
        make(&self.0)?;
        PrivateFolder::new(&self.0).replace(MANIFEST_FILE, &serde_json::to_string(&written)?)
    }

    /// What is wanted and not over at this moment.
    #[must_use]
    pub fn wanted(&self, now: Timestamp) -> Vec<LibraryFile> {
        let files = self.manifest().map(|manifest| manifest.files).unwrap_or_default();
        files.into_iter().filter(|file| file.until > now).collect()
    }

    /// How many bytes of a file are here; all of them once it is whole.
    ///
    /// # Errors
    /// The system's.
    pub fn arrived(&self, file: &LibraryFile) -> io::Result<u64> {
        if self.has(file) {
            return Ok(file.bytes);
        }
        Ok(length(&self.part(file))?.unwrap_or(0).min(file.bytes))
    }

    /// Whether a file is here, whole.
    #[must_use]
    pub fn has(&self, file: &LibraryFile) -> bool {
        is_sum(&file.sha256) && length(&self.whole(file)).is_ok_and(|length| length == Some(file.bytes))
    }

    /// A file that is here, to be read.
    ///
    /// # Errors
    /// The system's; [`io::ErrorKind::NotFound`] where it is not here whole.
    pub fn open(&self, file: &LibraryFile) -> io::Result<File> {
        if !self.has(file) {
            return Err(io::ErrorKind::NotFound.into());
        }
        regular::open(&self.whole(file))
    }

    /// Puts the next bytes behind the first `offset` ones of a file.
    ///
    /// # Errors
    /// The system's; then what was there is there.
    pub fn append(&self, file: &LibraryFile, offset: u64, bytes: &[u8]) -> io::Result<()> {
        make(&self.0)?;
        let mut options = OpenOptions::new();
        let options = options.append(true).create(true).mode(FILE_MODE).custom_flags(regular::FLAGS);
        let mut source = options.open(self.part(file))?;
        regular::check(&source)?;
        give_to_owner_of(&self.0, &source)?;
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
    pub fn finish(&self, file: &LibraryFile) -> io::Result<bool> {
        let path = self.part(file);
        let mut source = regular::open(&path)?;
        source.sync_all()?;
        if hash(&mut source)? != file.sha256 {
            fs::remove_file(&path)?;
            return Ok(false);
        }
        fs::rename(&path, self.whole(file))?;
        File::open(&self.0)?.sync_all()?;
        Ok(true)
    }

    /// Removes what is here of all other files; how many went.
    ///
    /// # Errors
    /// The system's.
    pub fn keep_only(&self, wanted: &[LibraryFile]) -> io::Result<usize> {
        let entries = match fs::read_dir(&self.0) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(0),
            entries => entries?,
        };
        let mut gone = 0;
        for entry in entries {
            let entry = entry?;
            let name = entry.file_name();
            let name = name.to_str().unwrap_or_default();
            let sum = name.strip_suffix(PART_EXTENSION).unwrap_or(name);
            // What else lies here, temporary files of notes, is not this one's.
            if !is_sum(sum) || wanted.iter().any(|file| file.sha256 == sum) {
                continue;
            }
            fs::remove_file(entry.path())?;
            gone += 1;
        }
        Ok(gone)
    }

    /// How many bytes of what is wanted are here.
    ///
    /// # Errors
    /// The system's.
    pub fn bytes(&self) -> io::Result<u64> {
        let files = self.manifest().map(|manifest| manifest.files).unwrap_or_default();
        files.iter().try_fold(0_u64, |sum, file| Ok(sum.saturating_add(self.arrived(file)?)))
    }

    /// Reads a file that is here by its sum once more; where the disk has another one by now, or cannot read it, it goes. Whether it is right.
    ///
    /// # Errors
    /// The system's: it cannot be removed.
    pub fn check(&self, file: &LibraryFile) -> io::Result<bool> {
        let sum = self.open(file).and_then(|mut source| hash(&mut source));
        let is_right = sum.is_ok_and(|sum| sum == file.sha256);
        if !is_right {
            fs::remove_file(self.whole(file))?;
        }
        Ok(is_right)
    }

    /// Where the disk has no room for the journal any more, files go until it has: what is on its way first, which nobody can open yet, then the largest; how
    /// many went.
    ///
    /// # Errors
    /// The disk fails.
    pub fn give_way(
        &self,
        has_room: &mut dyn FnMut() -> Result<bool, SpaceError>,
    ) -> Result<usize, SpaceError> {
        if has_room()? {
            return Ok(0);
        }
        let files = self.manifest().map(|manifest| manifest.files).unwrap_or_default();
        let mut here: Vec<LibraryFile> = files.into_iter().filter(|file| self.has(file)).collect();
        here.sort_by_key(|file| file.bytes);
        let mut gone = self.keep_only(&here)?;
        while !here.is_empty() && !has_room()? {
            here.pop();
            gone += self.keep_only(&here)?;
        }
        Ok(gone)
    }

    /// Notes why something is not here; `None`: nothing is in its way. A disk that is full has no room for a note, and needs none.
    ///
    /// # Errors
    /// The system's.
    pub fn note_trouble(&self, trouble: Option<LibraryTrouble>) -> io::Result<()> {
        let folder = PrivateFolder::new(&self.0);
        match trouble {
            Some(trouble) if self.trouble() != Some(trouble) => {
                make(&self.0)?;
                match folder.replace(TROUBLE_FILE, trouble.as_str()) {
                    Err(error) if is_full(&error) => Ok(()),
                    noted => noted,
                }
            }
            None if folder.path(TROUBLE_FILE).exists() => folder.remove(TROUBLE_FILE),
            Some(_) | None => Ok(()),
        }
    }

    /// Why something is not here, as far as that was noted.
    #[must_use]
    pub fn trouble(&self) -> Option<LibraryTrouble> {
        let text = PrivateFolder::new(&self.0).read(TROUBLE_FILE).ok().flatten()?;
        LibraryTrouble::ALL.into_iter().find(|trouble| trouble.as_str() == text.trim_end())
    }

    fn whole(&self, file: &LibraryFile) -> PathBuf {
        self.0.join(&file.sha256)
    }

    fn part(&self, file: &LibraryFile) -> PathBuf {
        self.0.join(format!("{}{PART_EXTENSION}", file.sha256))
    }
}

impl WrittenFile {
    fn write(file: &LibraryFile) -> Self {
        Self {
            sha256: file.sha256.clone(),
            bytes: file.bytes,
            name: file.name.as_str().to_owned(),
            title: file.title.as_str().to_owned(),
            media: file.media.as_str().to_owned(),
            until_ms: file.until.unix_ms(),
        }
    }

    fn read(&self) -> Option<LibraryFile> {
        Some(LibraryFile {
            sha256: self.sha256.clone(),
            bytes: self.bytes,
            name: self.name.parse().ok()?,
            title: self.title.parse().ok()?,
            media: MediaType::find(&self.media),
            until: Timestamp::from_unix_ms(self.until_ms),
        })
    }
}

#[cfg(test)]
mod tests {
    use archive::Hash;

    use super::*;

    fn file(text: &str, until_ms: i64) -> LibraryFile {
        let name = "volcan.mp4".parse().unwrap();
        LibraryFile {
            sha256: Hash::of(text.as_bytes()).to_string(),
            bytes: text.len() as u64,
            media: MediaType::of(&name),
            name,
            title: "Le volcan".parse().unwrap(),
            until: Timestamp::from_unix_ms(until_ms),
        }
    }

    #[test]
    fn a_file_is_here_once_it_has_its_sum() {
        let data = tempfile::tempdir().unwrap();
        let (shelf, text) = (LibraryShelf::new(data.path()), "a volcano");
        let film = file(text, 9);
        assert!(!shelf.has(&film) && shelf.open(&film).is_err());
        // Cut after each byte, it goes on there; what was written behind it counts for nothing.
        for offset in 0..text.len() {
            shelf.append(&film, offset as u64, &text.as_bytes()[offset..=offset]).unwrap();
            assert_eq!(shelf.arrived(&film).unwrap(), offset as u64 + 1);
            assert!(!shelf.has(&film) && shelf.open(&film).is_err(), "it has no name yet");
        }
        shelf.append(&film, 3, &text.as_bytes()[3..]).unwrap();
        assert!(shelf.finish(&film).unwrap() && shelf.has(&film));
        assert_eq!(io::read_to_string(shelf.open(&film).unwrap()).unwrap(), text);
        let other = file("another", 9);
        shelf.append(&other, 0, b"somethi").unwrap();
        assert!(!shelf.finish(&other).unwrap(), "another sum");
        assert_eq!(shelf.arrived(&other).unwrap(), 0, "it begins anew");
    }

    #[test]
    fn what_is_over_is_wanted_no_more_and_goes() {
        let data = tempfile::tempdir().unwrap();
        let shelf = LibraryShelf::new(data.path());
        let at = Timestamp::from_unix_ms;
        assert_eq!((shelf.manifest(), shelf.wanted(at(0)), shelf.keep_only(&[]).unwrap()), (None, vec![], 0));
        let (one, other) = (file("one", 5), file("other", 9));
        let files = vec![one.clone(), other.clone()];
        let manifest = Manifest { serial: 3, signer: "hub".to_owned(), files };
        shelf.keep_manifest(&manifest).unwrap();
        assert_eq!(shelf.manifest(), Some(manifest));
        for (file, text) in [(&one, "one"), (&other, "other")] {
            shelf.append(file, 0, text.as_bytes()).unwrap();
            assert!(shelf.finish(file).unwrap());
        }
        shelf.append(&file("cut", 5), 0, b"c").unwrap();
        assert_eq!(shelf.wanted(at(5)), std::slice::from_ref(&other));
        assert_eq!(shelf.keep_only(&shelf.wanted(at(5))).unwrap(), 2);
        assert!(shelf.has(&other) && !shelf.has(&one) && shelf.manifest().is_some());
    }

    #[test]
    fn the_journal_has_the_room_first() {
        let data = tempfile::tempdir().unwrap();
        let shelf = LibraryShelf::new(data.path());
        let [short, long, cut] = ["short", "a longer one", "on its way"].map(|text| file(text, 9));
        let files = vec![short.clone(), long.clone(), cut.clone()];
        shelf.keep_manifest(&Manifest { serial: 1, signer: "hub".to_owned(), files }).unwrap();
        for (file, text) in [(&short, "short"), (&long, "a longer one")] {
            shelf.append(file, 0, text.as_bytes()).unwrap();
            assert!(shelf.finish(file).unwrap());
        }
        shelf.append(&cut, 0, b"on").unwrap();
        let give_way = |looks_without: usize| {
            let mut looks = 0;
            let gone = shelf.give_way(&mut || {
                looks += 1;
                Ok(looks > looks_without)
            });
            (gone.unwrap(), [&short, &long, &cut].map(|file| shelf.arrived(file).unwrap() > 0))
        };
        assert_eq!(shelf.bytes().unwrap(), 5 + 12 + 2);
        assert_eq!(give_way(0), (0, [true, true, true]));
        assert_eq!(give_way(1), (1, [true, true, false]), "nobody can open it yet");
        assert_eq!(give_way(2), (1, [true, false, false]), "the largest");
        assert_eq!(give_way(99), (1, [false, false, false]));
        assert_eq!(give_way(99), (0, [false, false, false]), "there is nothing left to give");
        assert!(shelf.manifest().is_some());
    }

    #[test]
    fn what_the_disk_has_changed_goes() {
        let data = tempfile::tempdir().unwrap();
        let (shelf, film) = (LibraryShelf::new(data.path()), file("a volcano", 9));
        shelf.append(&film, 0, b"a volcano").unwrap();
        assert!(shelf.finish(&film).unwrap() && shelf.check(&film).unwrap() && shelf.has(&film));
        fs::write(shelf.whole(&film), "a volcanO").unwrap();
        assert!(shelf.has(&film), "its length does not tell");
        assert!(!shelf.check(&film).unwrap() && !shelf.has(&film));
    }

    #[test]
    fn a_manifest_that_is_none_is_asked_for_again() {
        let data = tempfile::tempdir().unwrap();
        let shelf = LibraryShelf::new(data.path());
        let files = vec![file("one", 5)];
        shelf.keep_manifest(&Manifest { serial: 3, signer: "hub".to_owned(), files }).unwrap();
        let path = data.path().join("library/manifest");
        let text = fs::read_to_string(&path).unwrap();
        let sum = Hash::of(b"one").to_string();
        let changes =
            [(sum.as_str(), "../x"), ("volcan.mp4", "a/b"), ("\"bytes\":3", "\"bytes\":0"), ("{", "")];
        for (part, by) in changes {
            let wrong = text.replace(part, by);
            assert_ne!(wrong, text);
            fs::write(&path, &wrong).unwrap();
            assert_eq!(shelf.manifest(), None, "{wrong}");
        }
    }

    #[test]
    fn links_are_not_followed() {
        let data = tempfile::tempdir().unwrap();
        let (shelf, film) = (LibraryShelf::new(data.path()), file("kept", 9));
        let other = data.path().join("other");
        fs::write(&other, "kept").unwrap();
        shelf.note_trouble(Some(LibraryTrouble::NoRoom)).unwrap();
        let folder = data.path().join("library");
        std::os::unix::fs::symlink(&other, folder.join(format!("{}.part", film.sha256))).unwrap();
        assert!(shelf.append(&film, 0, b"x").is_err());
        std::os::unix::fs::symlink(&other, folder.join(&film.sha256)).unwrap();
        assert!(!shelf.has(&film) && shelf.open(&film).is_err());
        assert_eq!(fs::read_to_string(other).unwrap(), "kept");
    }

    #[test]
    fn trouble_is_noted_until_it_is_over() {
        let data = tempfile::tempdir().unwrap();
        let shelf = LibraryShelf::new(data.path());
        shelf.note_trouble(None).unwrap();
        for trouble in LibraryTrouble::ALL {
            shelf.note_trouble(Some(trouble)).unwrap();
            assert_eq!(shelf.trouble(), Some(trouble));
        }
        shelf.note_trouble(None).unwrap();
        assert_eq!(shelf.trouble(), None);
    }
}
