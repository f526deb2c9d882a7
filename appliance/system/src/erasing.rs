//! Files that go for good.
//!
//! A file is written over, its blocks are given back to the disk, and then its name goes. On a magnetic disk nothing of it
//! is left. A flash disk writes elsewhere what is written over, and keeps the old cells until it needs them: it is told
//! which blocks are free where the file system passes that on (`discard`, or `fstrim` each week). What may be left
//! until then of a sealed file is encrypted, its key in the same blocks, and wrapped for its readers only; of a segment it is
//! encrypted, too, and its key is in blocks of its own, which are written over.

use std::error::Error;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;

use nix::errno::Errno;
use nix::fcntl::{FallocateFlags, fallocate};
use nix::unistd::{Whence, lseek};

use crate::regular;

/// How much is written over at once.
const PIECE_BYTES: usize = 64 << 10;
/// Most bytes of a file that are written over: no file of ours is longer. A segment has 128 MB at most, a sealed file 256 MB, an extract
/// what its form can say, 4 GB. Of a file whose length a fault, or somebody, has made terabytes the rest is given back unwritten.
const WRITTEN_BYTES_MAX: u64 = 4 << 30;

/// Removes a file, and what the disk has of it; whether there was one. Cut off by a power cut, it is done again. Where the
/// disk does not take a block any more, or not any, the rest and the name go all the same.
pub(crate) fn erase(path: &Path) -> io::Result<bool> {
    match clear(path) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        Err(error) => {
            let error: &dyn Error = &error;
            tracing::warn!(error, path = %path.display(), "a file goes that could not be written over everywhere");
        }
    }
    fs::remove_file(path)?;
    if let Some(folder) = path.parent() {
        File::open(folder)?.sync_all()?;
    }
    Ok(true)
}

/// Removes a file of which nothing can be read any more, and gives its blocks back.
pub(crate) fn give_up(path: &Path) -> io::Result<()> {
    let file = OpenOptions::new().write(true).custom_flags(regular::FLAGS).open(path)?;
    regular::check(&file)?;
    give_back(&file, file.metadata()?.len())?;
    fs::remove_file(path)?;
    match path.parent() {
        Some(folder) => File::open(folder)?.sync_all(),
        None => Ok(()),
    }
}

/// Writes over a file, whose name stays. Of a link nothing but its name is ours: what it leads to is somebody else's.
pub(crate) fn clear(path: &Path) -> io::Result<()> {
    let file = OpenOptions::new().write(true).custom_flags(regular::FLAGS).open(path)?;
    regular::check(&file)?;
    let length = file.metadata()?.len();
    let written_over = overwrite(&file, length.min(WRITTEN_BYTES_MAX)).and(file.sync_all());
    give_back(&file, length)?;
    file.sync_all()?;
    written_over
}

/// Within the length that it has, and where the disk has something of it: that takes no room on a full disk. Goes on after a block that is
/// refused.
fn overwrite(file: &File, length: u64) -> io::Result<()> {
    let zeros = [0; PIECE_BYTES];
    let mut outcome = Ok(());
    let mut offset = 0;
    while let Some(place) = next_data(file, offset).filter(|place| *place < length) {
        offset = place;
        let left = length.saturating_sub(offset);
        let piece = usize::try_from(left).unwrap_or(PIECE_BYTES).min(PIECE_BYTES);
        outcome = outcome.and(file.write_all_at(zeros.get(..piece).unwrap_or(&zeros), offset));
        offset = offset.saturating_add(piece as u64);
    }
    outcome
}

/// From where on the disk has something of a file, at this place or behind it; `None` where it has nothing more (lseek(2)). A file system
/// that does not tell has something everywhere.
fn next_data(file: &File, offset: u64) -> Option<u64> {
    let from = libc::off_t::try_from(offset).ok()?;
    match lseek(file, from, Whence::SeekData) {
        Ok(place) => u64::try_from(place).ok(),
        Err(Errno::ENXIO) => None,
        Err(_) => Some(offset),
    }
}

fn give_back(file: &File, length: u64) -> io::Result<()> {
    let length = libc::off_t::try_from(length).map_err(io::Error::other)?;
    if length == 0 {
        return Ok(());
    }
    let flags = FallocateFlags::FALLOC_FL_PUNCH_HOLE | FallocateFlags::FALLOC_FL_KEEP_SIZE;
    loop {
        return match fallocate(file, flags, 0, length) {
            // Not every file system can; the blocks go with the file then.
            Ok(()) | Err(Errno::EOPNOTSUPP | Errno::ENOSYS) => Ok(()),
            Err(Errno::EINTR) => continue,
            Err(error) => Err(error.into()),
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;
    use std::os::unix::fs::MetadataExt;

    #[test]
    fn nothing_is_left_of_a_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("sealed");
        fs::write(&path, vec![7; 200_000]).unwrap();
        // Whoever still has it open sees what the disk has of it.
        let mut open = File::open(&path).unwrap();
        assert!(erase(&path).unwrap());
        assert!(!path.exists());
        let mut rest = Vec::new();
        open.read_to_end(&mut rest).unwrap();
        assert!(rest.len() == 200_000 && rest.iter().all(|byte| *byte == 0));
        assert_eq!(open.metadata().unwrap().nlink(), 0);
        assert!(!erase(&path).unwrap(), "it is gone");
        fs::write(&path, "").unwrap();
        assert!(erase(&path).unwrap());
        // What a link leads to stays as it is.
        let other = folder.path().join("of somebody else");
        fs::write(&other, "text").unwrap();
        std::os::unix::fs::symlink(&other, &path).unwrap();
        assert!(erase(&path).unwrap() && fs::symlink_metadata(&path).is_err());
        assert_eq!(fs::read_to_string(&other).unwrap(), "text");
    }

    #[test]
    fn a_file_of_nothing_takes_no_room_when_it_goes() {
        const LENGTH: u64 = 1 << 40;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("sealed");
        let file = File::options().read(true).write(true).create_new(true).open(&path).unwrap();
        file.set_len(LENGTH).unwrap();
        let places = [0, 1 << 30, WRITTEN_BYTES_MAX + (1 << 20), LENGTH - 5];
        places.iter().for_each(|place| file.write_all_at(b"plain", *place).unwrap());
        file.sync_all().unwrap();
        let read = |place: u64| {
            let mut bytes = [1_u8; 5];
            file.read_exact_at(&mut bytes, place).unwrap();
            bytes
        };
        overwrite(&file, LENGTH.min(WRITTEN_BYTES_MAX)).unwrap();
        assert_eq!(places.map(read), [[0; 5], [0; 5], *b"plain", *b"plain"]);
        file.sync_all().unwrap();
        let bytes = file.metadata().unwrap().blocks() * 512;
        assert!(bytes < 1 << 20, "{bytes} bytes for four words");
        assert!(erase(&path).unwrap() && !path.exists());
        assert_eq!(places.map(read), [[0; 5]; 4], "what is not written over is given back");
    }
}
