//! The files of a release, in a folder of the box's user: opened first, looked at afterwards, and never by a name again.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::fd::AsRawFd as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use model::{Release, ReleaseArch, ReleaseError, ReleaseFile, ReleaseVersion};
use nix::fcntl::{OFlag, openat};
use nix::mount::{MntFlags, MsFlags, mount, umount2};
use nix::sys::stat::Mode;

use crate::regular;

/// Most names of the folder that are looked at.
const NAMES_MAX: usize = 64;
/// A sum of no file: the sums are looked at by whoever writes the files, as it writes them.
const NO_SUM: &str = "0000000000000000000000000000000000000000000000000000000000000000";

/// The open files of a release: plain ones, one of each kind, none too long when they were opened.
///
/// Whoever owns them can still write into them. That is found out later: the signed sums are compared with what was written.
#[derive(Debug)]
pub struct Source {
    files: Vec<(String, File)>,
}

/// Files of a release under their names in a folder of root's. They go from there with this value.
#[derive(Debug)]
pub(super) struct Shown {
    paths: Vec<PathBuf>,
}

/// Why there is no release to be had.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// The folder is not there, or is something else.
    #[error("there is no folder {}", path.display())]
    Folder {
        /// The folder.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file cannot be opened, or is none.
    #[error("cannot open {name}")]
    File {
        /// Its name.
        name: String,
        /// Why.
        source: io::Error,
    },
    /// What is there is no release.
    #[error("the files are not whole")]
    Release(#[source] ReleaseError),
    /// It would not start here.
    #[error("it is for {}, and this machine is {}", is.as_str(), own.as_str())]
    Arch {
        /// What it is for.
        is: ReleaseArch,
        /// What is here.
        own: ReleaseArch,
    },
    /// They cannot be shown elsewhere.
    #[error("cannot show {} to systemd-sysupdate, which needs CAP_SYS_ADMIN", path.display())]
    Show {
        /// Where.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

impl Source {
    /// Opens the files of a version: those in the folder of its name in `releases`, which are for machines of the kind `own`. Other
    /// files there are passed over.
    ///
    /// # Errors
    /// [`SourceError`].
    pub fn open(releases: &Path, version: &ReleaseVersion, own: ReleaseArch) -> Result<Self, SourceError> {
        let list = || {
            let folder = open_folder(releases, version)?;
            names(&folder, version).map(|names| (folder, names))
        };
        let (folder, names) = list()
            .map_err(|source| SourceError::Folder { path: releases.join(version.to_string()), source })?;
        let mut files = Vec::new();
        for name in names {
            let opened = open_file(&folder, &name).and_then(|file| Ok((file.metadata()?.len(), file)));
            let (bytes, file) = opened.map_err(|source| SourceError::File { name: name.clone(), source })?;
            files.push((ReleaseFile { name, bytes, sha256: NO_SUM.to_owned() }, file));
        }
        let listed = files.iter().map(|(listed, _)| listed.clone()).collect();
        let release = Release::new(version.clone(), listed).map_err(SourceError::Release)?;
        if release.arch() != own {
            return Err(SourceError::Arch { is: release.arch(), own });
        }
        Ok(Self { files: files.into_iter().map(|(listed, file)| (listed.name, file)).collect() })
    }

    /// The names, and the open files.
    #[must_use]
    pub fn files(&self) -> &[(String, File)] {
        &self.files
    }

    /// Has exactly these files under their names in a folder, whatever becomes of the names that they were opened by.
    ///
    /// # Errors
    /// [`SourceError::Show`].
    pub(super) fn show(&self, folder: &Path) -> Result<Shown, SourceError> {
        let mut shown = Shown { paths: Vec::new() };
        for (name, file) in &self.files {
            let path = folder.join(name);
            let place = || {
                // A run that was killed outside a service has left its own there.
                let _gone = umount2(&path, MntFlags::MNT_DETACH);
                drop(File::create(&path)?);
                let opened = format!("/proc/self/fd/{}", file.as_raw_fd());
                let none = None::<&str>;
                mount(Some(opened.as_str()), &path, none, MsFlags::MS_BIND, none).map_err(io::Error::from)
            };
            place().map_err(|source| SourceError::Show { path: path.clone(), source })?;
            shown.paths.push(path);
        }
        Ok(shown)
    }
}

impl Drop for Shown {
    fn drop(&mut self) {
        for path in &self.paths {
            // What stays goes with the service's own view of the file systems.
            let _gone = umount2(path, MntFlags::MNT_DETACH);
            let _gone = fs::remove_file(path);
        }
    }
}

/// The folder of a version: neither it nor the one around it is a link.
fn open_folder(releases: &Path, version: &ReleaseVersion) -> io::Result<File> {
    let flags = OFlag::O_DIRECTORY | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
    let around = OpenOptions::new().read(true).custom_flags(flags.bits()).open(releases)?;
    Ok(File::from(openat(&around, version.to_string().as_str(), flags, Mode::empty())?))
}

/// Names of the open folder that belong to the version.
fn names(folder: &File, version: &ReleaseVersion) -> io::Result<Vec<String>> {
    let entries = fs::read_dir(format!("/proc/self/fd/{}", folder.as_raw_fd()))?;
    let mut names = Vec::new();
    for entry in entries.take(NAMES_MAX) {
        names.extend(entry?.file_name().into_string().ok().filter(|name| Release::has_name(version, name)));
    }
    names.sort_unstable();
    Ok(names)
}

fn open_file(folder: &File, name: &str) -> io::Result<File> {
    let flags = OFlag::from_bits_retain(regular::FLAGS) | OFlag::O_CLOEXEC;
    let file = File::from(openat(folder, name, flags, Mode::empty())?);
    regular::check(&file)?;
    Ok(file)
}

#[cfg(test)]
pub(super) mod tests {
    use std::io::Read as _;
    use std::os::unix::fs::symlink;

    use super::*;

    const UUID: &str = "0b1f6c1e-7a55-4c0b-9a86-0d6a4bb1c0de";
    const PC: ReleaseArch = ReleaseArch::X86_64;

    pub(in super::super) fn version(text: &str) -> ReleaseVersion {
        text.parse().unwrap()
    }

    /// The folder of releases with a whole one of this version.
    pub(in super::super) fn releases(around: &Path, version: &str) -> PathBuf {
        let releases = around.join("releases");
        let folder = releases.join(version);
        fs::create_dir_all(&folder).unwrap();
        for part in ["root", "verity"] {
            fs::write(folder.join(format!("preau_{version}_{UUID}.{part}.raw.gz")), part).unwrap();
        }
        fs::write(folder.join(format!("preau_{version}.efi")), "kernel").unwrap();
        fs::write(folder.join("SHA256SUMS"), "sums").unwrap();
        fs::write(folder.join("SHA256SUMS.gpg"), "signature").unwrap();
        releases
    }

    fn said(error: &SourceError) -> String {
        let cause = std::error::Error::source(error).map(ToString::to_string).unwrap_or_default();
        format!("{error}: {cause}")
    }

    #[test]
    fn what_was_opened_is_what_is_read_whatever_the_names_lead_to_later() {
        let around = tempfile::tempdir().unwrap();
        let releases = releases(around.path(), "1.4.0");
        let folder = releases.join("1.4.0");
        // What is not of this version is not there.
        fs::write(folder.join("preau_1.5.0.efi"), "other").unwrap();
        fs::write(folder.join("preau_1.4.0.efi.part"), "half").unwrap();
        let source = Source::open(&releases, &version("1.4.0"), PC).unwrap();
        fs::remove_file(folder.join("preau_1.4.0.efi")).unwrap();
        symlink("/etc/shadow", folder.join("preau_1.4.0.efi")).unwrap();
        let names: Vec<&str> = source.files().iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names.len(), model::RELEASE_FILES);
        let (_, file) = source.files().iter().find(|(name, _)| name == "preau_1.4.0.efi").unwrap();
        let mut text = String::new();
        (&*file).read_to_string(&mut text).unwrap();
        assert_eq!(text, "kernel");
    }

    #[test]
    fn only_plain_files_of_possible_lengths_make_a_release() {
        let check = |spoil: fn(&Path), expected: &str| {
            let around = tempfile::tempdir().unwrap();
            let releases = releases(around.path(), "1.4.0");
            spoil(&releases.join("1.4.0"));
            let said = said(&Source::open(&releases, &version("1.4.0"), PC).unwrap_err());
            assert!(said.contains(expected), "{said}: {expected}");
        };
        check(|folder| fs::remove_file(folder.join("SHA256SUMS.gpg")).unwrap(), "not whole");
        check(|folder| fs::write(folder.join("SHA256SUMS"), "").unwrap(), "SHA256SUMS is empty or too long");
        check(
            |folder| {
                let file = File::create(folder.join("preau_1.4.0.efi")).unwrap();
                file.set_len(model::RELEASE_FILE_BYTES_MAX + 1).unwrap();
            },
            "preau_1.4.0.efi is empty or too long",
        );
        check(
            |folder| {
                fs::remove_file(folder.join("SHA256SUMS")).unwrap();
                symlink("/etc/shadow", folder.join("SHA256SUMS")).unwrap();
            },
            "cannot open SHA256SUMS",
        );
        check(
            |folder| {
                fs::remove_file(folder.join("SHA256SUMS")).unwrap();
                nix::unistd::mkfifo(&folder.join("SHA256SUMS"), Mode::S_IRWXU).unwrap();
            },
            "it is no file",
        );
        // Two roots of one version.
        check(
            |folder| {
                let other = "preau_1.4.0_1b1f6c1e-7a55-4c0b-9a86-0d6a4bb1c0de.root.raw.gz";
                fs::write(folder.join(other), "root").unwrap();
            },
            "not whole",
        );
    }

    /// Its signature is as good as that of any other; but the machine would not start.
    #[test]
    fn a_release_for_another_kind_of_machine_is_refused() {
        let around = tempfile::tempdir().unwrap();
        let releases = releases(around.path(), "1.4.0");
        let open = |own| Source::open(&releases, &version("1.4.0"), own);
        assert!(open(PC).is_ok());
        assert_eq!(
            said(&open(ReleaseArch::Arm64).unwrap_err()),
            "it is for x86-64, and this machine is arm64: "
        );
        for entry in fs::read_dir(releases.join("1.4.0")).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap().replacen("preau_", "preau-arm64_", 1);
            fs::rename(&path, path.with_file_name(name)).unwrap();
        }
        assert!(open(ReleaseArch::Arm64).is_ok());
        assert_eq!(said(&open(PC).unwrap_err()), "it is for arm64, and this machine is x86-64: ");
        // Of both, none is taken.
        fs::write(releases.join("1.4.0/preau_1.4.0.efi"), "kernel").unwrap();
        assert!(said(&open(PC).unwrap_err()).contains("another kind of machine"));
    }

    #[test]
    fn a_folder_that_is_a_link_is_none() {
        let around = tempfile::tempdir().unwrap();
        let real = releases(around.path(), "1.4.0");
        let open = |releases: &Path, text: &str| Source::open(releases, &version(text), PC).map(|_| ());
        symlink(real.join("1.4.0"), real.join("1.5.0")).unwrap();
        assert!(matches!(open(&real, "1.5.0"), Err(SourceError::Folder { .. })));
        symlink(&real, around.path().join("elsewhere")).unwrap();
        assert!(matches!(open(&around.path().join("elsewhere"), "1.4.0"), Err(SourceError::Folder { .. })));
        assert!(matches!(open(&real, "1.6.0"), Err(SourceError::Folder { .. })));
        assert!(open(&real, "1.4.0").is_ok());
    }
}
