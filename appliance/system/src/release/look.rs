//! Looking at the releases of this machine.

use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use model::{ReleaseVersion, Timestamp};

use super::boot_folder::BootFolder;
use super::entry::{Entry, Tries};
use super::memory::Memory;
use super::report::{FailedRelease, ReleaseReport, note_time};
use crate::private::PrivateFolder;
use crate::regular;
use crate::vault::read_text_of;

/// The key of os-release(5) that has the image's version.
const VERSION_KEY: &str = "IMAGE_VERSION=";

/// Where the machine has what releases are about.
#[derive(Clone, Debug)]
pub struct Places {
    /// What the running system calls itself (os-release(5)).
    pub os_release: PathBuf,
    /// Where boot files are: the first of these that is there.
    pub boot_folders: Vec<PathBuf>,
    /// What is remembered: a folder of root's.
    pub memory: PathBuf,
    /// The report.
    pub report: PathBuf,
}

/// Why it is not known which releases there are.
#[derive(Debug, thiserror::Error)]
pub enum LookError {
    /// The system does not say what it is.
    #[error("cannot read {}", path.display())]
    OsRelease {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It is no image of a box.
    #[error("{} names no version of an image (IMAGE_VERSION): this machine was not made from one", .0.display())]
    NoImage(PathBuf),
    /// The boot partition is not there, or is damaged.
    #[error("the boot files cannot be listed")]
    BootFiles(#[source] io::Error),
    /// The memory cannot be used.
    #[error("what is remembered of releases cannot be read or kept")]
    Memory(#[source] io::Error),
    /// Another command is at it.
    #[error("a release is being installed at the moment")]
    Busy,
    /// The report cannot be written.
    #[error("cannot write the report {}", path.display())]
    Report {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

impl LookError {
    pub(super) fn of_lock(error: io::Error) -> Self {
        if error.kind() == ErrorKind::ResourceBusy { Self::Busy } else { Self::Memory(error) }
    }
}

impl Places {
    /// Those of an image, with this report.
    #[must_use]
    pub fn of_image(report: &Path) -> Self {
        Self {
            os_release: "/usr/lib/os-release".into(),
            // systemd mounts the boot partition at the second where such a folder is there (systemd-gpt-auto-generator(8)).
            boot_folders: vec!["/efi/EFI/Linux".into(), "/boot/EFI/Linux".into()],
            memory: "/var/lib/preau-release".into(),
            report: report.to_owned(),
        }
    }

    pub(super) fn memory_folder(&self) -> PrivateFolder {
        PrivateFolder::new(&self.memory)
    }

    fn boot_files(&self, running: &ReleaseVersion) -> io::Result<BootFolder> {
        let mut missing = io::Error::from(ErrorKind::NotFound);
        for folder in &self.boot_folders {
            match BootFolder::read(folder, running) {
                Err(error) if error.kind() == ErrorKind::NotFound => missing = error,
                boot => return boot,
            }
        }
        Err(missing)
    }

    /// The version that runs.
    pub(super) fn running(&self) -> Result<ReleaseVersion, LookError> {
        let text = regular::open(&self.os_release).and_then(read_text_of);
        let text = text.map_err(|source| LookError::OsRelease { path: self.os_release.clone(), source })?;
        // As in a shell, the last one counts.
        let value = text.lines().rev().find_map(|line| line.strip_prefix(VERSION_KEY));
        let version = value.and_then(|value| value.trim().trim_matches('"').parse().ok());
        version.ok_or_else(|| LookError::NoImage(self.os_release.clone()))
    }
}

/// Looks which releases there are, removes boot files that are no programs, remembers what has failed, and writes the report.
/// `last_words` tells why the start before failed; it is asked where a failure is new.
///
/// # Errors
/// [`LookError`].
pub fn look(
    places: &Places,
    now: Timestamp,
    last_words: impl Fn() -> String,
) -> Result<ReleaseReport, LookError> {
    let folder = places.memory_folder();
    let _lock = folder.lock().map_err(LookError::of_lock)?;
    let (mut memory, mut is_new) = match Memory::read(&folder) {
        // Whoever waits for a person to mend it never hears of a failure again. What has failed last is in the boot files.
        Err(error) if error.kind() == ErrorKind::InvalidData => {
            tracing::warn!(%error, "what was remembered of releases is damaged, and begins anew");
            (Memory::default(), true)
        }
        memory => (memory.map_err(LookError::Memory)?, false),
    };
    let standing = Standing::of(places)?;
    for (version, tries) in standing.failed() {
        if !memory.has_failed(&version) {
            let failed =
                FailedRelease { version, at_ms: note_time(now), tries: tries.done, why: last_words() };
            memory.note_failed(failed);
            is_new = true;
        }
    }
    let kept = if is_new { memory.write(&folder) } else { Ok(()) };
    // A disk that is full keeps nothing. The box is told all the same; the boot file says it at the next start, too.
    let report = standing.report(places, &memory)?;
    kept.map_err(LookError::Memory)?;
    Ok(report)
}

/// Which releases are on the disk.
#[derive(Debug)]
pub(super) struct Standing {
    pub(super) running: ReleaseVersion,
    boot: BootFolder,
}

impl Standing {
    /// Boot files that are no programs count for nothing, and are removed.
    pub(super) fn of(places: &Places) -> Result<Self, LookError> {
        let running = places.running()?;
        let boot = places.boot_files(&running).map_err(LookError::BootFiles)?;
        Ok(Self::new(running, boot))
    }

    pub(super) fn new(running: ReleaseVersion, boot: BootFolder) -> Self {
        Self { running, boot }
    }

    /// Why a boot file of this version that is no program is still there.
    pub(super) fn into_stuck(self, version: &ReleaseVersion) -> Option<io::Error> {
        self.boot.into_stuck(version)
    }

    /// Whether the running version has passed its health check.
    pub(super) fn is_blessed(&self) -> bool {
        self.boot.entries.iter().any(|entry| entry.version == self.running && entry.tries.is_none())
    }

    /// The newest version that the next start takes.
    pub(super) fn installed(&self) -> Option<&ReleaseVersion> {
        let is_waiting = |entry: &&Entry| entry.version > self.running && !entry.has_failed();
        self.boot.entries.iter().rev().find(is_waiting).map(|entry| &entry.version)
    }

    /// Whether the boot loader has given up on this version.
    pub(super) fn has_failed(&self, version: &ReleaseVersion) -> bool {
        self.boot.entries.iter().any(|entry| entry.version == *version && entry.has_failed())
    }

    /// Versions whose tries are used up. The one that runs is at its last.
    fn failed(&self) -> impl Iterator<Item = (ReleaseVersion, Tries)> {
        let entries = self.boot.entries.iter();
        let others = entries.filter(|entry| entry.version != self.running && entry.has_failed());
        others.filter_map(|entry| Some((entry.version.clone(), entry.tries?)))
    }

    /// Writes what is so, and gives it back.
    pub(super) fn report(&self, places: &Places, memory: &Memory) -> Result<ReleaseReport, LookError> {
        let report = ReleaseReport {
            running: self.running.clone(),
            is_blessed: self.is_blessed(),
            installed: self.installed().cloned(),
            failed: memory.failed.clone(),
            refused: memory.refused.clone(),
        };
        let written = report.write(&places.report);
        written.map_err(|source| LookError::Report { path: places.report.clone(), source })?;
        Ok(report)
    }
}

#[cfg(test)]
pub(super) mod tests {
    use std::fs;

    use tempfile::TempDir;

    use super::*;

    const NOW: Timestamp = Timestamp::from_unix_ms(1_795_900_000_000);

    /// A machine that runs a version, with these boot files.
    pub(in super::super) fn machine(running: &str, names: &[&str]) -> (TempDir, Places) {
        let around = tempfile::tempdir().unwrap();
        let path = |name: &str| around.path().join(name);
        let places = Places {
            os_release: path("os-release"),
            boot_folders: vec![path("efi/EFI/Linux"), path("boot/EFI/Linux")],
            memory: path("preau-release"),
            report: path("release.json"),
        };
        fs::create_dir_all(&places.boot_folders[1]).unwrap();
        start(&places, running, names);
        (around, places)
    }

    /// The same machine after another start.
    pub(in super::super) fn start(places: &Places, running: &str, names: &[&str]) {
        let text = format!("NAME=\"Debian\"\nVERSION_ID=\"13\"\nIMAGE_ID=preau\nIMAGE_VERSION={running}\n");
        fs::write(&places.os_release, text).unwrap();
        let folder = &places.boot_folders[1];
        for entry in fs::read_dir(folder).unwrap() {
            fs::remove_file(entry.unwrap().path()).unwrap();
        }
        for name in names {
            fs::write(folder.join(name), "MZ").unwrap();
        }
    }

    fn why() -> String {
        "preau-health: DNS: silent".to_owned()
    }

    fn never() -> String {
        panic!("nothing new has failed")
    }

    #[test]
    fn an_update_that_passes_is_blessed() {
        let (_around, places) = machine("1.0.0", &["preau_1.0.0.efi"]);
        let tell = |report: ReleaseReport| {
            (report.is_blessed, report.installed.map(|version| version.to_string()), report.failed.len())
        };
        assert_eq!(tell(look(&places, NOW, never).unwrap()), (true, None, 0));
        start(&places, "1.0.0", &["preau_1.0.0.efi", "preau_1.1.0+3-0.efi"]);
        assert_eq!(tell(look(&places, NOW, never).unwrap()), (true, Some("1.1.0".to_owned()), 0));
        // The last try is no failure yet.
        for counted in ["preau_1.1.0+2-1.efi", "preau_1.1.0+0-3.efi"] {
            start(&places, "1.1.0", &["preau_1.0.0.efi", counted]);
            assert_eq!(tell(look(&places, NOW, never).unwrap()), (false, None, 0), "{counted}");
        }
        start(&places, "1.1.0", &["preau_1.0.0.efi", "preau_1.1.0.efi"]);
        assert_eq!(tell(look(&places, NOW, never).unwrap()), (true, None, 0));
        assert_eq!(ReleaseReport::read(&places.report).unwrap().unwrap().running.to_string(), "1.1.0");
    }

    /// Under either name that a rename may have left empty: it did not fail, and the next order puts it in again.
    #[test]
    fn an_empty_boot_file_is_none_and_goes() {
        for name in ["preau_1.1.0+3-0.efi", "preau_1.1.0.efi"] {
            let (_around, places) = machine("1.0.0", &["preau_1.0.0.efi", name]);
            let path = places.boot_folders[1].join(name);
            fs::write(&path, "").unwrap();
            let report = look(&places, NOW, never).unwrap();
            assert_eq!((report.is_blessed, report.installed), (true, None), "{name}");
            assert_eq!((report.failed, report.refused), (vec![], None), "{name}");
            assert!(!path.exists() && places.boot_folders[1].join("preau_1.0.0.efi").is_file(), "{name}");
        }
    }

    #[test]
    fn what_failed_is_remembered_with_its_reason_after_its_file_is_gone() {
        let (_around, places) = machine("1.1.0", &["preau_1.1.0.efi", "preau_1.2.0+0-3.efi"]);
        let failed =
            FailedRelease { version: "1.2.0".parse().unwrap(), at_ms: NOW.unix_ms(), tries: 3, why: why() };
        let report = look(&places, NOW, why).unwrap();
        assert_eq!((report.is_blessed, report.installed), (true, None));
        assert_eq!(report.failed, std::slice::from_ref(&failed));
        // The next start knows it, and asks nobody why; so does one after the boot file went.
        let later = Timestamp::from_unix_ms(5);
        assert_eq!(look(&places, later, never).unwrap().failed, std::slice::from_ref(&failed));
        start(&places, "1.1.0", &["preau_1.1.0.efi"]);
        assert_eq!(look(&places, NOW, never).unwrap().failed, [failed]);
    }

    #[test]
    fn a_damaged_memory_begins_anew_with_what_the_boot_files_say() {
        let (_around, places) = machine("1.1.0", &["preau_1.1.0.efi", "preau_1.2.0+0-3.efi"]);
        look(&places, NOW, why).unwrap();
        fs::write(places.memory.join("memory.json"), "{").unwrap();
        assert_eq!(look(&places, NOW, why).unwrap().failed.len(), 1);
        assert_eq!(look(&places, NOW, never).unwrap().failed.len(), 1);
    }

    #[test]
    fn the_box_is_told_what_cannot_be_remembered() {
        let (_around, places) = machine("1.1.0", &["preau_1.1.0.efi", "preau_1.2.0+0-3.efi"]);
        // Nothing can be put in the place of a folder that has something in it.
        fs::create_dir_all(places.memory.join("memory.json/full")).unwrap();
        assert!(matches!(look(&places, NOW, why), Err(LookError::Memory(_))));
        let report = ReleaseReport::read(&places.report).unwrap().unwrap();
        assert_eq!((report.failed.len(), report.is_blessed), (1, true));
    }

    #[test]
    fn a_machine_that_says_too_little_is_an_error() {
        let (_around, places) = machine("1.1.0", &[]);
        assert!(!look(&places, NOW, never).unwrap().is_blessed);
        fs::write(&places.os_release, "NAME=Debian\n").unwrap();
        assert!(matches!(look(&places, NOW, never), Err(LookError::NoImage(_))));
        fs::write(&places.os_release, "IMAGE_VERSION=\"1.1.0\"\nIMAGE_VERSION=1.1.1\n").unwrap();
        assert_eq!(places.running().unwrap().to_string(), "1.1.1");
        fs::remove_dir(&places.boot_folders[1]).unwrap();
        assert!(matches!(look(&places, NOW, never), Err(LookError::BootFiles(_))));
        fs::remove_file(&places.os_release).unwrap();
        assert!(matches!(look(&places, NOW, never), Err(LookError::OsRelease { .. })));
    }

    #[test]
    fn nobody_looks_while_something_is_installed() {
        let (_around, places) = machine("1.1.0", &["preau_1.1.0.efi"]);
        let lock = places.memory_folder().lock().unwrap();
        assert!(matches!(look(&places, NOW, never), Err(LookError::Busy)));
        drop(lock);
        assert!(look(&places, NOW, never).is_ok());
    }
}
