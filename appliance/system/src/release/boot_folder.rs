//! The folder of boot files: which of them are programs, and which are there by their names alone.
//!
//! `vfat` gives a file that is renamed a new entry without its size and its place, and fills them in before the old one goes. A disk that
//! loses what fills them in leaves a file of no bytes, and the old name with it or not. The boot loader passes it over. Whoever goes by names
//! is misled: systemd-sysupdate does not write again what it takes for installed, and systemd-bless-boot takes a version for blessed, and
//! lets its tries run out.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Read as _};
use std::path::Path;

use model::ReleaseVersion;

use super::entry::Entry;
use crate::regular;

/// Most names of the folder that are looked at: an update leaves two boot files.
const NAMES_MAX: usize = 64;
/// How a program of UEFI begins (PE/COFF): the boot loader starts nothing else.
const BEGINNING: [u8; 2] = *b"MZ";

/// What the folder has.
#[derive(Debug)]
pub(super) struct BootFolder {
    /// The boot files that count, the oldest version first.
    pub(super) entries: Vec<Entry>,
    /// The versions of files that are no programs and cannot be removed, and why.
    stuck: Vec<(ReleaseVersion, io::Error)>,
}

impl BootFolder {
    /// Reads the folder, and removes the boot files that are no programs. What cannot be removed is told, and counts for nothing.
    ///
    /// # Errors
    /// The folder cannot be read.
    pub(super) fn read(folder: &Path, running: &ReleaseVersion) -> io::Result<Self> {
        Self::read_by(folder, running, remove)
    }

    /// The same, with `remove` for removing.
    pub(super) fn read_by(
        folder: &Path,
        running: &ReleaseVersion,
        remove: impl Fn(&Path) -> io::Result<()>,
    ) -> io::Result<Self> {
        let (mut entries, mut hollow) = (Vec::new(), Vec::new());
        for file in fs::read_dir(folder)?.take(NAMES_MAX) {
            let file = file?;
            let Some(entry) = file.file_name().to_str().and_then(Entry::parse) else { continue };
            if !file.file_type()?.is_file() {
                continue;
            }
            let path = file.path();
            match is_program(&path) {
                Ok(true) => entries.push(entry),
                Ok(false) => hollow.push((entry, path)),
                // Nobody knows what it is: its name counts.
                Err(error) => {
                    tracing::warn!(%error, "the boot file {} cannot be read", path.display());
                    entries.push(entry);
                }
            }
        }
        let has_running = entries.iter().any(|entry| entry.version == *running);
        let (mut stuck, mut is_changed) = (Vec::new(), false);
        for (entry, path) in hollow {
            let path = path.as_path();
            // What failed has failed, and is not put in again: the name may be all that tells. And what runs did not come out of this: somebody
            // has to look at it.
            if entry.has_failed() || (entry.version == *running && !has_running) {
                tracing::warn!("the boot file {} is no program: no start takes it", path.display());
                entries.push(entry);
                continue;
            }
            match remove(path) {
                Ok(()) => {
                    tracing::warn!(
                        "the boot file {} was no program, as a power cut may leave it: it is removed",
                        path.display()
                    );
                    is_changed = true;
                }
                Err(error) => {
                    tracing::warn!(%error, "the boot file {} is no program, and cannot be removed", path.display());
                    stuck.push((entry.version, error));
                }
            }
        }
        if is_changed && let Err(error) = File::open(folder).and_then(|folder| folder.sync_all()) {
            // Then the next start may find them again.
            tracing::warn!(%error, "what was removed from {} may not be gone for good", folder.display());
        }
        entries.sort_by(|one, other| one.version.cmp(&other.version));
        Ok(Self { entries, stuck })
    }

    /// Why a file of this version that is no program is still there.
    pub(super) fn into_stuck(self, version: &ReleaseVersion) -> Option<io::Error> {
        self.stuck.into_iter().find(|(of, _)| of == version).map(|(_, error)| error)
    }
}

fn remove(path: &Path) -> io::Result<()> {
    fs::remove_file(path)
}

/// Whether a file begins like a program.
fn is_program(path: &Path) -> io::Result<bool> {
    let mut beginning = [0; BEGINNING.len()];
    match regular::open(path)?.read_exact(&mut beginning) {
        Err(error) if error.kind() == ErrorKind::UnexpectedEof => Ok(false),
        read => read.map(|()| beginning == BEGINNING),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use tempfile::TempDir;

    use super::*;

    /// A folder with these files.
    fn folder(files: &[(&str, &str)]) -> TempDir {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files {
            fs::write(folder.path().join(name), text).unwrap();
        }
        folder
    }

    /// What counts, and what is there afterwards.
    fn read(folder: &TempDir, running: &str) -> (Vec<String>, Vec<String>) {
        let boot = BootFolder::read(folder.path(), &running.parse().unwrap()).unwrap();
        let versions = boot.entries.iter().map(|entry| entry.version.to_string()).collect();
        let names = fs::read_dir(folder.path()).unwrap();
        let mut names: Vec<String> =
            names.map(|file| file.unwrap().file_name().into_string().unwrap()).collect();
        names.sort_unstable();
        (versions, names)
    }

    #[test]
    fn a_folder_has_its_boot_files_in_their_order() {
        let folder = folder(&[
            ("preau_1.10.0+3.efi", "MZ"),
            ("preau_1.9.0.efi", "MZ\0"),
            (".#preau_1.11.0.efi1234", "MZ"),
            ("loader.conf", "MZ"),
        ]);
        assert_eq!(read(&folder, "1.9.0").0, ["1.9.0", "1.10.0"]);
        let absent = BootFolder::read(&folder.path().join("absent"), &"1.9.0".parse().unwrap());
        assert_eq!(absent.unwrap_err().kind(), ErrorKind::NotFound);
    }

    #[test]
    fn what_is_no_program_goes_and_nothing_else_does() {
        let folder = folder(&[
            ("preau_1.0.0.efi", "MZ"),
            ("preau_1.1.0+3-0.efi", ""),
            ("preau_1.2.0.efi", "M"),
            ("preau_1.3.0+2-1.efi", "#!/bin/sh"),
            (".#sysupdatepreau_1.4.0+3-0.efi5d10", ""),
            ("preau_1.4.0.efi.part", ""),
            ("other_1.5.0.efi", ""),
            ("target", ""),
        ]);
        symlink(folder.path().join("target"), folder.path().join("preau_1.6.0.efi")).unwrap();
        fs::create_dir(folder.path().join("preau_1.7.0.efi")).unwrap();
        let (versions, names) = read(&folder, "1.0.0");
        assert_eq!(versions, ["1.0.0"]);
        let left = [
            ".#sysupdatepreau_1.4.0+3-0.efi5d10",
            "other_1.5.0.efi",
            "preau_1.0.0.efi",
            "preau_1.4.0.efi.part",
            "preau_1.6.0.efi",
            "preau_1.7.0.efi",
            "target",
        ];
        assert_eq!(names, left);
    }

    /// It stays where nothing else is of the version that runs. Beside the file that the machine started from, it would keep
    /// systemd-bless-boot from blessing: the name is there already.
    #[test]
    fn of_what_runs_one_file_stays() {
        let alone = folder(&[("preau_1.0.0.efi", "MZ"), ("preau_1.1.0.efi", "")]);
        let (versions, names) = read(&alone, "1.1.0");
        assert_eq!((versions.len(), names.len()), (2, 2), "{names:?}");
        let beside =
            folder(&[("preau_1.0.0.efi", "MZ"), ("preau_1.1.0+2-1.efi", "MZ"), ("preau_1.1.0.efi", "")]);
        let (versions, names) = read(&beside, "1.1.0");
        assert_eq!(versions, ["1.0.0", "1.1.0"]);
        assert_eq!(names, ["preau_1.0.0.efi", "preau_1.1.0+2-1.efi"]);
    }

    #[test]
    fn what_has_failed_stays_so() {
        let folder = folder(&[("preau_1.0.0.efi", "MZ"), ("preau_1.1.0+0-3.efi", "")]);
        let boot = BootFolder::read(folder.path(), &"1.0.0".parse().unwrap()).unwrap();
        assert!(boot.entries.last().is_some_and(Entry::has_failed), "{boot:?}");
        assert!(folder.path().join("preau_1.1.0+0-3.efi").is_file());
    }

    #[test]
    fn what_cannot_be_removed_counts_for_nothing_and_is_told() {
        let folder = folder(&[("preau_1.0.0.efi", "MZ"), ("preau_1.1.0+3-0.efi", "")]);
        let refuse = || {
            let refuse = |_: &Path| Err(io::Error::from(ErrorKind::ReadOnlyFilesystem));
            BootFolder::read_by(folder.path(), &"1.0.0".parse().unwrap(), refuse).unwrap()
        };
        assert_eq!(refuse().entries.len(), 1);
        let error = refuse().into_stuck(&"1.1.0".parse().unwrap());
        assert_eq!(error.unwrap().kind(), ErrorKind::ReadOnlyFilesystem);
        assert!(refuse().into_stuck(&"1.0.0".parse().unwrap()).is_none());
    }
}
