//! Files that the commune has boxes keep for pupils: they come once, and lie among the hub's own, by the hash of their bytes.
//!
//! Whoever brings a file does not know its hash before all of it is here: it lies in the hub's folder until then, in a file without a name, which is gone
//! with whoever holds it.

pub mod fetch;

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, FileExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use archive::{Hash, Hasher};
use model::{FileName, LIBRARY_FILE_BYTES_MAX, LibraryFile, MediaType, PreparationTitle, Timestamp, Uai};
use ring::rand::{SecureRandom as _, SystemRandom};

use crate::blobs::{Arrived, Blobs, Place};
use crate::register::{Register, RegisterError};
use crate::releases::{KeepError, keep_bytes};

const FOLDER: &str = "incoming";
const FOLDER_MODE: u32 = 0o700;
const FILE_MODE: u32 = 0o600;
/// Letters of a name that nobody else takes.
const NAME_BYTES: usize = 16;
/// Room that is left on the hub's disk whatever comes.
const LEFT_BYTES: u64 = 1 << 30;

/// Why a file is not among the hub's.
#[derive(Debug, thiserror::Error)]
pub enum LibraryError {
    /// It has no bytes.
    #[error("the file is empty")]
    Empty,
    /// It has more than a file may.
    #[error("the file is longer than {} MB", LIBRARY_FILE_BYTES_MAX >> 20)]
    TooLong,
    /// The hub's disk has no room to take it in.
    #[error("the hub's disk has no room for it")]
    NoRoom,
    /// Some school is to have as much as a box takes.
    #[error("a school has as many files as boxes take, or as many bytes: take one back first")]
    TooMany,
    /// Somebody has taken the last of it back at this moment.
    #[error("the file was taken back while it came: send it again")]
    Gone,
    /// What has come cannot be written, or read again.
    #[error("what has come of the file cannot be written")]
    Spool(#[from] io::Error),
    /// It cannot be put among the hub's files.
    #[error(transparent)]
    Keep(#[from] KeepError),
    /// The database fails.
    #[error(transparent)]
    Register(#[from] RegisterError),
}

/// Where files lie that are on their way to the hub: each process has its own.
#[derive(Clone, Debug)]
pub struct Incoming {
    folder: PathBuf,
    free: fn(&Path) -> Option<u64>,
}

impl Incoming {
    /// In a data folder, whose disk `free` measures.
    #[must_use]
    pub fn new(data: &Path, free: fn(&Path) -> Option<u64>) -> Self {
        Self { folder: data.join(FOLDER), free }
    }

    /// Begins a file.
    ///
    /// # Errors
    /// [`LibraryError::Spool`].
    pub fn begin(&self) -> Result<Spool, LibraryError> {
        DirBuilder::new().recursive(true).mode(FOLDER_MODE).create(&self.folder)?;
        let mut name = [0; NAME_BYTES];
        SystemRandom::new().fill(&mut name).map_err(|_| io::Error::other("there is no randomness"))?;
        let path = self.folder.join(Hash::of(&name).to_string());
        let file = OpenOptions::new().read(true).write(true).create_new(true).mode(FILE_MODE).open(&path)?;
        // It has no name: whatever becomes of the hub, nothing is left of it.
        fs::remove_file(&path)?;
        Ok(Spool { file, hasher: Hasher::new(), bytes: 0, folder: self.folder.clone(), free: self.free })
    }
}

/// A file on its way.
pub struct Spool {
    file: File,
    hasher: Hasher,
    bytes: u64,
    folder: PathBuf,
    free: fn(&Path) -> Option<u64>,
}

impl Spool {
    /// Takes what follows.
    ///
    /// # Errors
    /// [`LibraryError`]; it is worth nothing any more.
    pub fn take(&mut self, bytes: &[u8]) -> Result<(), LibraryError> {
        self.bytes = self.bytes.saturating_add(bytes.len() as u64);
        if self.bytes > LIBRARY_FILE_BYTES_MAX {
            return Err(LibraryError::TooLong);
        }
        // What cannot be measured is found out by writing.
        if (self.free)(&self.folder).is_some_and(|free| free < LEFT_BYTES) {
            return Err(LibraryError::NoRoom);
        }
        self.hasher.update(bytes);
        Ok(self.file.write_all(bytes)?)
    }

    /// All of it is here: it is put among the hub's files, and described.
    ///
    /// # Errors
    /// [`LibraryError`].
    pub fn finish(
        self,
        blobs: &dyn Blobs,
        name: FileName,
        title: PreparationTitle,
        until: Timestamp,
    ) -> Result<LibraryFile, LibraryError> {
        let Self { file, hasher, bytes, .. } = self;
        if bytes == 0 {
            return Err(LibraryError::Empty);
        }
        let sum = hasher.finish();
        let mut read = |piece: &mut [u8], offset: u64| file.read_exact_at(piece, offset);
        keep_bytes(blobs, Place::library(sum), bytes, &mut read)?;
        let (sha256, media) = (sum.to_string(), MediaType::of(&name));
        Ok(LibraryFile { sha256, bytes, name, title, media, until })
    }
}

/// Has schools, or all (`None`), have a file that is among the hub's.
///
/// # Errors
/// [`LibraryError`]; where nobody is to have it, it goes. After [`LibraryError::Gone`], the same again has it there.
pub fn hand_out(
    (register, blobs): (&dyn Register, &dyn Blobs),
    schools: &[Option<Uai>],
    file: &LibraryFile,
    (author, now): (&str, Timestamp),
) -> Result<(), LibraryError> {
    if !register.add_to_library(schools, file, author, now)? {
        forget(register, blobs, file, now)?;
        return Err(LibraryError::TooMany);
    }
    let place = file.sha256.parse().map(Place::library).map_err(|_| LibraryError::Gone)?;
    match blobs.arrived(place)? {
        Arrived::Whole(_) => Ok(()),
        Arrived::Part(_) => Err(LibraryError::Gone),
    }
}

/// Takes a file back from whoever has it by this number; it goes where nobody is to have it any more. The file, where there was one.
///
/// # Errors
/// [`LibraryError`].
pub fn take_back(
    (register, blobs): (&dyn Register, &dyn Blobs),
    id: u64,
    now: Timestamp,
) -> Result<Option<LibraryFile>, LibraryError> {
    let found = register.library(now)?.into_iter().find(|held| held.id == id);
    let Some(found) = found else { return Ok(None) };
    if !register.remove_from_library(id, now)? {
        return Ok(None);
    }
    forget(register, blobs, &found.file, now)?;
    Ok(Some(found.file))
}

/// Removes a file that nobody is to have. One that stays for a failure goes with the hub's next rounds.
fn forget(
    register: &dyn Register,
    blobs: &dyn Blobs,
    file: &LibraryFile,
    now: Timestamp,
) -> Result<(), RegisterError> {
    let Ok(sum) = file.sha256.parse::<Hash>() else { return Ok(()) };
    if register.has_library_file(sum, now)? {
        return Ok(());
    }
    if let Err(error) = blobs.remove(Place::library(sum)) {
        tracing::warn!(%error, "a file that nobody is to have cannot be removed yet");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{self, EARLY, LATE};

    fn spool(folder: &Path, bytes: &[u8]) -> Spool {
        let mut spool = Incoming::new(folder, |_| None).begin().unwrap();
        bytes.chunks(7).for_each(|chunk| spool.take(chunk).unwrap());
        spool
    }

    #[test]
    fn a_file_comes_once_and_is_called_by_its_hash() {
        let folder = tempfile::tempdir().unwrap();
        let (hub, _) = fixture::open(folder.path());
        let bytes: Vec<u8> = (0..400_000_u32).flat_map(u32::to_le_bytes).collect();
        let put = || {
            let spool = spool(folder.path(), &bytes);
            let (name, title) = ("volcan.mp4".parse().unwrap(), "Le volcan".parse().unwrap());
            spool.finish(&*hub.blobs, name, title, LATE).unwrap()
        };
        let file = put();
        assert_eq!(put(), file, "the same again");
        assert_eq!((file.bytes, file.media.as_str()), (1_600_000, "video/mp4"));
        assert_eq!(file.sha256, Hash::of(&bytes).to_string());
        let place = Place::library(Hash::of(&bytes));
        assert!(hub.blobs.read_part(place, 0, file.bytes).unwrap().unwrap() == bytes);
        assert_eq!(fs::read_dir(folder.path().join(FOLDER)).unwrap().count(), 0, "nothing is left behind");

        let of = (&*hub.register, &*hub.blobs);
        hand_out(of, &[None], &file, ("M. Blanc", EARLY)).unwrap();
        hand_out(of, &[Some(fixture::UAI.parse().unwrap())], &file, ("M. Blanc", EARLY)).unwrap();
        let ids: Vec<u64> = hub.register.library(EARLY).unwrap().iter().map(|held| held.id).collect();
        assert_eq!(take_back(of, ids[0], EARLY).unwrap().as_ref(), Some(&file));
        assert_eq!(take_back(of, ids[0], EARLY).unwrap(), None);
        assert_eq!(hub.blobs.arrived(place).unwrap(), Arrived::Whole(file.bytes), "one has it still");
        assert_eq!(take_back(of, ids[1], EARLY).unwrap().as_ref(), Some(&file));
        assert_eq!(hub.blobs.arrived(place).unwrap(), Arrived::Part(0));
        let outcome = hand_out(of, &[None], &file, ("M. Blanc", EARLY));
        assert!(matches!(outcome, Err(LibraryError::Gone)), "there are no bytes: {outcome:?}");
        hand_out(of, &[None], &put(), ("M. Blanc", EARLY)).unwrap();
        assert_eq!(hub.register.library(EARLY).unwrap().len(), 1, "the same again");
    }

    #[test]
    fn what_nobody_can_have_does_not_stay() {
        let folder = tempfile::tempdir().unwrap();
        let (hub, _) = fixture::open(folder.path());
        let of = (&*hub.register, &*hub.blobs);
        for number in 0..model::LIBRARY_FILES_MAX {
            let file = crate::register::library::suite::file(&format!("file {number}"), LATE);
            hub.register.add_to_library(&[None], &file, "M. Blanc", EARLY).unwrap();
        }
        let (name, title) = ("a.pdf".parse().unwrap(), "A".parse().unwrap());
        let file = spool(folder.path(), b"one more").finish(&*hub.blobs, name, title, LATE).unwrap();
        let outcome = hand_out(of, &[None], &file, ("M. Blanc", EARLY));
        assert!(matches!(outcome, Err(LibraryError::TooMany)), "{outcome:?}");
        let place = Place::library(Hash::of(b"one more"));
        assert_eq!(hub.blobs.arrived(place).unwrap(), Arrived::Part(0));
    }

    #[test]
    fn an_empty_file_and_a_full_disk_are_told() {
        let folder = tempfile::tempdir().unwrap();
        let (hub, _) = fixture::open(folder.path());
        let (name, title) = ("a.pdf".parse().unwrap(), "A".parse().unwrap());
        let empty = spool(folder.path(), b"").finish(&*hub.blobs, name, title, LATE);
        assert!(matches!(empty, Err(LibraryError::Empty)), "{empty:?}");
        let mut full = Incoming::new(folder.path(), |_| Some(LEFT_BYTES - 1)).begin().unwrap();
        assert!(matches!(full.take(b"a"), Err(LibraryError::NoRoom)));
        let mut long = spool(folder.path(), b"");
        long.bytes = LIBRARY_FILE_BYTES_MAX;
        assert!(matches!(long.take(b"a"), Err(LibraryError::TooLong)));
    }
}
