//! Files in a folder: `ROOT/BOX/HASH`, states of boxes `ROOT/BOX/HASH.state`, with `.part` behind it while one is on its way.

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, FileExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use archive::{Hash, Hasher};
use model::Timestamp;

use super::{AppendError, Arrived, Blobs, Lying, Place};
use crate::register::BoxId;

/// What schools have sent is for nobody else on the machine.
const FOLDER_MODE: u32 = 0o700;
const FILE_MODE: u32 = 0o600;
/// Files of one box that are under way: it sends one after the other; others were left by cut nights.
const PARTS_MAX: usize = 16;
const PART_EXTENSION: &str = ".part";
/// How much of a file is read at a time.
const BUFFER_BYTES: usize = 64 << 10;

/// A folder of files.
#[derive(Clone, Debug)]
pub struct BlobFolder {
    root: PathBuf,
    /// What is left free of the disk, in bytes, and who measures that.
    reserve: Option<(u64, Measure)>,
}

/// How many bytes are free on the disk of a folder.
type Measure = fn(&Path) -> Option<u64>;

impl BlobFolder {
    /// The files in `root`. Touches nothing yet.
    #[must_use]
    pub fn new(root: &Path) -> Self {
        Self { root: root.to_owned(), reserve: None }
    }

    /// The same, which takes nothing more where less than `bytes` are free: the rest of the hub has to go on.
    #[must_use]
    pub fn with_reserve(self, bytes: u64, free: fn(&Path) -> Option<u64>) -> Self {
        Self { reserve: Some((bytes, free)), ..self }
    }

    fn has_room(&self) -> bool {
        let Some((bytes, free)) = self.reserve else { return true };
        // What cannot be measured is found out by writing.
        free(&self.root).is_none_or(|free| free >= bytes)
    }

    fn folder(&self, of: BoxId) -> PathBuf {
        self.root.join(of.0.to_string())
    }

    fn whole(&self, place: Place) -> PathBuf {
        self.folder(place.of).join(place.name())
    }

    fn part(&self, place: Place) -> PathBuf {
        self.folder(place.of).join(format!("{}{PART_EXTENSION}", place.name()))
    }

    /// The file that is on its way, locked: two requests for one file would mix their bytes.
    fn open_part(&self, place: Place) -> Result<File, AppendError> {
        let folder = self.folder(place.of);
        DirBuilder::new().recursive(true).mode(FOLDER_MODE).create(&folder)?;
        let path = self.part(place);
        if !path.exists() && count_parts(&folder)? >= PARTS_MAX {
            return Err(AppendError::TooMuch);
        }
        let file = OpenOptions::new().append(true).create(true).mode(FILE_MODE).open(&path)?;
        match file.try_lock() {
            Ok(()) => Ok(file),
            Err(TryLockError::WouldBlock) => Err(AppendError::Offset(file.metadata()?.len())),
            Err(TryLockError::Error(error)) => Err(error.into()),
        }
    }

    /// Gives a file its name, where it is what it should be.
    fn finish(&self, place: Place, file: &File) -> Result<(), AppendError> {
        file.sync_all()?;
        let part = self.part(place);
        if hash_of(&part)? != place.hash {
            fs::remove_file(&part)?;
            return Err(AppendError::Hash);
        }
        fs::rename(&part, self.whole(place))?;
        Ok(File::open(self.folder(place.of))?.sync_all()?)
    }
}

impl Blobs for BlobFolder {
    fn arrived(&self, place: Place) -> io::Result<Arrived> {
        if let Some(bytes) = length(&self.whole(place))? {
            return Ok(Arrived::Whole(bytes));
        }
        Ok(Arrived::Part(length(&self.part(place))?.unwrap_or(0)))
    }

    fn append(&self, place: Place, offset: u64, total: u64, bytes: &[u8]) -> Result<Arrived, AppendError> {
        if let Some(whole) = length(&self.whole(place))? {
            return Ok(Arrived::Whole(whole));
        }
        let end = offset.saturating_add(bytes.len() as u64);
        if end > total {
            return Err(AppendError::TooMuch);
        }
        if !bytes.is_empty() && !self.has_room() {
            return Err(AppendError::Engine(io::ErrorKind::StorageFull.into()));
        }
        let mut file = self.open_part(place)?;
        let found = file.metadata()?.len();
        if found != offset {
            return Err(AppendError::Offset(found));
        }
        if let Err(error) = file.write_all(bytes) {
            // A full disk may have taken some of them: they are bytes of the file, or they go.
            file.set_len(offset)?;
            return Err(error.into());
        }
        if end < total {
            return Ok(Arrived::Part(end));
        }
        self.finish(place, &file)?;
        Ok(Arrived::Whole(total))
    }

    fn read(&self, place: Place, bytes_max: u64) -> io::Result<Option<Vec<u8>>> {
        let file = match File::open(self.whole(place)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            file => file?,
        };
        let mut bytes = Vec::new();
        let read = file.take(bytes_max.saturating_add(1)).read_to_end(&mut bytes)?;
        if read as u64 > bytes_max { Err(io::ErrorKind::FileTooLarge.into()) } else { Ok(Some(bytes)) }
    }

    fn read_part(&self, place: Place, from: u64, length: u64) -> io::Result<Option<Vec<u8>>> {
        let file = match File::open(self.whole(place)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            file => file?,
        };
        let mut bytes = vec![0; usize::try_from(length).map_err(io::Error::other)?];
        file.read_exact_at(&mut bytes, from)?;
        Ok(Some(bytes))
    }

    fn lying(&self, of: BoxId) -> io::Result<Vec<Lying>> {
        let entries = match fs::read_dir(self.folder(of)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries?,
        };
        let mut lying = Vec::new();
        for entry in entries {
            let entry = entry?;
            let name = entry.file_name();
            let name = name.to_string_lossy();
            let (name, is_part) =
                name.strip_suffix(PART_EXTENSION).map_or((&*name, false), |name| (name, true));
            let Some(place) = Place::read(of, name) else { continue };
            let changed = entry.metadata()?.modified()?.duration_since(UNIX_EPOCH).unwrap_or_default();
            let changed = i64::try_from(changed.as_millis()).unwrap_or(i64::MAX);
            lying.push(Lying { place, is_part, changed: Timestamp::from_unix_ms(changed) });
        }
        Ok(lying)
    }

    fn remove_part(&self, place: Place) -> io::Result<()> {
        remove_file(&self.part(place))
    }

    fn remove(&self, place: Place) -> io::Result<()> {
        remove_file(&self.whole(place))?;
        remove_file(&self.part(place))
    }
}

/// There may be none.
fn remove_file(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        Ok(()) | Err(_) => Ok(()),
    }
}

fn count_parts(folder: &Path) -> io::Result<usize> {
    let mut count = 0;
    for entry in fs::read_dir(folder)? {
        count += usize::from(entry?.file_name().as_encoded_bytes().ends_with(PART_EXTENSION.as_bytes()));
    }
    Ok(count)
}

fn length(path: &Path) -> io::Result<Option<u64>> {
    match fs::metadata(path) {
        Ok(metadata) => Ok(Some(metadata.len())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

fn hash_of(path: &Path) -> io::Result<Hash> {
    let (mut file, mut hasher, mut buffer) = (File::open(path)?, Hasher::new(), vec![0; BUFFER_BYTES]);
    loop {
        let read = file.read(&mut buffer)?;
        if read == 0 {
            return Ok(hasher.finish());
        }
        hasher.update(buffer.get(..read).unwrap_or_default());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::blobs::suite;

    #[test]
    fn a_folder_keeps_what_blobs_keep() {
        let folder = tempfile::tempdir().unwrap();
        suite::check(|| Box::new(BlobFolder::new(&folder.path().join("blobs"))));
    }

    #[test]
    fn a_disk_that_is_nearly_full_takes_nothing_more() {
        let folder = tempfile::tempdir().unwrap();
        let place = Place::sealed(BoxId(1), Hash::of(b"abc"));
        let nearly_full = BlobFolder::new(folder.path()).with_reserve(100, |_| Some(99));
        let full = nearly_full.append(place, 0, 3, b"a");
        assert!(
            matches!(full, Err(AppendError::Engine(error)) if error.kind() == io::ErrorKind::StorageFull)
        );
        let roomy = BlobFolder::new(folder.path()).with_reserve(100, |_| Some(100));
        roomy.append(place, 0, 3, b"ab").unwrap();
        assert_eq!(nearly_full.arrived(place).unwrap(), Arrived::Part(2), "what is there stays");
    }

    #[test]
    fn a_box_that_only_begins_files_fills_no_disk() {
        let folder = tempfile::tempdir().unwrap();
        let blobs = BlobFolder::new(folder.path());
        let place = |mark: u8| Place::sealed(BoxId(1), Hash::of(&[mark]));
        for mark in 0..16 {
            assert!(blobs.append(place(mark), 0, 9, b"x").is_ok(), "{mark}");
        }
        assert!(matches!(blobs.append(place(16), 0, 9, b"x"), Err(AppendError::TooMuch)));
        assert!(blobs.append(place(3), 1, 9, b"y").is_ok(), "what was begun goes on");
    }
}
