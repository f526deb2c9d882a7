//! Putting a release into the slot that does not run, by order.

use std::fs;
use std::io;
use std::path::Path;

use model::{ReleaseArch, ReleaseVersion, ReleaseVersionError, Timestamp};

use super::look::{LookError, Places, Standing};
use super::memory::Memory;
use super::programs::{ProgramError, tidy};
use super::report::{RefusedOrder, note_time};
use super::source::{Source, SourceError};
use crate::regular;
use crate::vault::read_bounded;

/// Most bytes of an order: a version and a newline.
const ORDER_BYTES_MAX: u64 = 128;

/// Why an order was not carried out. What ran runs on.
#[derive(Debug, thiserror::Error)]
pub enum InstallError {
    /// There is no order, or it cannot be read.
    #[error("the order cannot be read")]
    Order(#[source] io::Error),
    /// It names no version.
    #[error("the order is for no version")]
    Version(#[from] ReleaseVersionError),
    /// It is not known which releases there are.
    #[error(transparent)]
    Look(#[from] LookError),
    /// The version runs.
    #[error("version {0} runs already")]
    Running(ReleaseVersion),
    /// Going back is the boot loader's business.
    #[error("version {wanted} is older than {running}, which runs")]
    Older {
        /// What was ordered.
        wanted: ReleaseVersion,
        /// What runs.
        running: ReleaseVersion,
    },
    /// It failed on this machine.
    #[error("version {0} has failed here before")]
    FailedBefore(ReleaseVersion),
    /// What runs may fail yet: the way back is not to be written over.
    #[error("version {0} runs, and has not passed its health check yet")]
    Unblessed(ReleaseVersion),
    /// A newer one waits already.
    #[error("the newer version {0} waits for the next start")]
    Overtaken(ReleaseVersion),
    /// By its name it is there: systemd-sysupdate would write nothing.
    #[error("the boot file of version {version} is no program, and cannot be removed")]
    Stuck {
        /// Which.
        version: ReleaseVersion,
        /// Why it stays.
        source: io::Error,
    },
    /// The files are not there, or not whole.
    #[error("the release cannot be read")]
    Source(#[from] SourceError),
    /// It was not written.
    #[error("the release was not written")]
    Write(#[source] ProgramError),
}

/// Carries out the order at `order`: has `write` put a release out of the folder `releases` into the other slot. The version that the
/// next start takes. The order is gone afterwards, whatever becomes of it, and what became of it is remembered and reported.
///
/// # Errors
/// [`InstallError`].
pub fn install(
    places: &Places,
    order: &Path,
    releases: &Path,
    now: Timestamp,
    write: impl FnOnce(&Source, &ReleaseVersion) -> Result<(), ProgramError>,
) -> Result<ReleaseVersion, InstallError> {
    let folder = places.memory_folder();
    let _lock = folder.lock().map_err(LookError::of_lock)?;
    let version = take_order(order);
    let mut memory = Memory::read(&folder).map_err(LookError::Memory)?;
    let wanted = version.as_ref().ok().cloned();
    let outcome = version.and_then(|version| {
        carry_out(Standing::of(places)?, &memory, releases, &version, write)?;
        Ok(version)
    });
    memory.refused = outcome.as_ref().err().map(|error| refusal(wanted, now, error));
    // What is in its slot waits for a restart, whether or not a full disk remembers who was refused before.
    if let Err(error) = memory.write(&folder) {
        tracing::warn!(%error, "what became of the order is not remembered");
    }
    Standing::of(places)?.report(places, &memory)?;
    outcome
}

/// Reads an order, and takes it away: it is carried out once.
fn take_order(path: &Path) -> Result<ReleaseVersion, InstallError> {
    let read = regular::open(path).and_then(|file| read_bounded(file, ORDER_BYTES_MAX));
    // What cannot be taken away is taken away by the service.
    let _gone = fs::remove_file(path);
    let bytes = read.map_err(InstallError::Order)?;
    let text = String::from_utf8_lossy(&bytes);
    Ok(text.strip_suffix('\n').unwrap_or(&text).parse()?)
}

fn carry_out(
    standing: Standing,
    memory: &Memory,
    releases: &Path,
    version: &ReleaseVersion,
    write: impl FnOnce(&Source, &ReleaseVersion) -> Result<(), ProgramError>,
) -> Result<(), InstallError> {
    let running = &standing.running;
    if version == running {
        return Err(InstallError::Running(version.clone()));
    }
    if version < running {
        return Err(InstallError::Older { wanted: version.clone(), running: running.clone() });
    }
    if memory.has_failed(version) || standing.has_failed(version) {
        return Err(InstallError::FailedBefore(version.clone()));
    }
    if !standing.is_blessed() {
        return Err(InstallError::Unblessed(running.clone()));
    }
    match standing.installed() {
        // Written before a power cut kept the machine from its restart.
        Some(installed) if installed == version => return Ok(()),
        Some(installed) if installed > version => return Err(InstallError::Overtaken(installed.clone())),
        Some(_) | None => {}
    }
    if let Some(source) = standing.into_stuck(version) {
        return Err(InstallError::Stuck { version: version.clone(), source });
    }
    write(&Source::open(releases, version, ReleaseArch::OWN)?, version).map_err(InstallError::Write)
}

fn refusal(version: Option<ReleaseVersion>, now: Timestamp, error: &InstallError) -> RefusedOrder {
    let mut said = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        said = format!("{said}: {error}");
        cause = error.source();
    }
    RefusedOrder { version, at_ms: note_time(now), why: tidy(&said) }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::os::unix::fs::symlink;
    use std::path::PathBuf;

    use tempfile::TempDir;

    use super::super::boot_folder::BootFolder;
    use super::super::look::tests::{machine, start};
    use super::super::report::{FailedRelease, ReleaseReport};
    use super::super::source::tests::{releases, version};
    use super::*;

    const NOW: Timestamp = Timestamp::from_unix_ms(1_795_900_000_000);

    /// A blessed machine with 1.1.0, a whole 1.2.0 to be had, and an order for something.
    struct Scene {
        around: TempDir,
        places: Places,
        order: PathBuf,
        releases: PathBuf,
    }

    impl Scene {
        fn new(ordered: &str) -> Self {
            let (around, places) = machine("1.1.0", &["preau_1.0.0.efi", "preau_1.1.0.efi"]);
            let (order, releases) = (around.path().join("release-order"), releases(around.path(), "1.2.0"));
            fs::write(&order, ordered).unwrap();
            Self { around, places, order, releases }
        }

        fn install(
            &self,
            write: impl FnOnce(&Source, &ReleaseVersion) -> Result<(), ProgramError>,
        ) -> Result<ReleaseVersion, InstallError> {
            let outcome = install(&self.places, &self.order, &self.releases, NOW, write);
            assert!(!self.order.is_file(), "an order is carried out once");
            outcome
        }

        /// An order that is refused before anything is written; why, as the report has it.
        fn refuse(&self) -> String {
            let error = self.install(|_, _| panic!("nothing is to be written")).unwrap_err();
            let refused = ReleaseReport::read(&self.places.report).unwrap().unwrap().refused.unwrap();
            assert!(
                refused.why.starts_with(&error.to_string()) && refused.at_ms == NOW.unix_ms(),
                "{refused:?}"
            );
            refused.why
        }
    }

    #[test]
    fn a_whole_newer_release_is_written_and_waits() {
        let scene = Scene::new("1.2.0\n");
        let installed = scene.install(|source, version| {
            assert_eq!((source.files().len(), version.to_string().as_str()), (model::RELEASE_FILES, "1.2.0"));
            start(&scene.places, "1.1.0", &["preau_1.1.0.efi", "preau_1.2.0+3-0.efi"]);
            Ok(())
        });
        assert_eq!(installed.unwrap(), version("1.2.0"));
        let report = ReleaseReport::read(&scene.places.report).unwrap().unwrap();
        assert_eq!((report.installed, report.refused), (Some(version("1.2.0")), None));
        // The same order again, after a cut before the restart: nothing is written twice.
        fs::write(&scene.order, "1.2.0").unwrap();
        let again = scene.install(|_, _| panic!("it is there already"));
        assert_eq!(again.unwrap(), version("1.2.0"));
    }

    /// systemd-sysupdate goes by names: it takes an empty boot file for an installed one.
    #[test]
    fn an_empty_boot_file_goes_before_its_release_is_written_again() {
        for name in ["preau_1.2.0+3-0.efi", "preau_1.2.0.efi"] {
            let scene = Scene::new("1.2.0\n");
            let path = scene.places.boot_folders[1].join(name);
            fs::write(&path, "").unwrap();
            let installed = scene.install(|_, _| {
                assert!(!path.exists(), "{name}");
                start(&scene.places, "1.1.0", &["preau_1.1.0.efi", "preau_1.2.0+3-0.efi"]);
                Ok(())
            });
            assert_eq!(installed.unwrap(), version("1.2.0"));
            let report = ReleaseReport::read(&scene.places.report).unwrap().unwrap();
            assert_eq!((report.installed, report.refused), (Some(version("1.2.0")), None), "{name}");
        }
    }

    #[test]
    fn an_empty_boot_file_that_stays_is_told() {
        let scene = Scene::new("1.2.0\n");
        let folder = &scene.places.boot_folders[1];
        fs::write(folder.join("preau_1.2.0+3-0.efi"), "").unwrap();
        let (running, wanted) = (version("1.1.0"), version("1.2.0"));
        let attempt = |wanted: &ReleaseVersion| {
            let read_only = |_: &Path| Err(io::Error::from(io::ErrorKind::ReadOnlyFilesystem));
            let boot = BootFolder::read_by(folder, &running, read_only).unwrap();
            let standing = Standing::new(running.clone(), boot);
            carry_out(standing, &Memory::default(), &scene.releases, wanted, |_, _| Ok(()))
        };
        let error = attempt(&wanted).unwrap_err();
        let said = refusal(Some(wanted), NOW, &error).why;
        assert!(
            said.starts_with("the boot file of version 1.2.0 is no program, and cannot be removed: read"),
            "{said}"
        );
        let other = attempt(&version("1.3.0")).unwrap_err();
        assert!(matches!(other, InstallError::Source(_)), "it keeps no other version: {other}");
    }

    #[test]
    fn only_what_is_newer_and_has_not_failed_is_taken_and_only_by_a_blessed_system() {
        let said = |ordered: &str, change: fn(&Places)| {
            let scene = Scene::new(ordered);
            change(&scene.places);
            scene.refuse()
        };
        let nothing = |_: &Places| {};
        assert_eq!(said("1.1.0", nothing), "version 1.1.0 runs already");
        assert_eq!(said("1.0.9", nothing), "version 1.0.9 is older than 1.1.0, which runs");
        let failed = "version 1.2.0 has failed here before";
        assert_eq!(
            said("1.2.0", |places| start(places, "1.1.0", &["preau_1.1.0.efi", "preau_1.2.0+0-3.efi"])),
            failed
        );
        let remember = |places: &Places| {
            let failed =
                FailedRelease { version: version("1.2.0"), at_ms: 5, tries: 3, why: "DNS".to_owned() };
            places.memory_folder().make().unwrap();
            Memory { failed: vec![failed], refused: None }.write(&places.memory_folder()).unwrap();
        };
        assert_eq!(said("1.2.0", remember), failed);
        let unblessed =
            said("1.2.0", |places| start(places, "1.1.0", &["preau_1.0.0.efi", "preau_1.1.0+2-1.efi"]));
        assert_eq!(unblessed, "version 1.1.0 runs, and has not passed its health check yet");
        let overtaken =
            said("1.2.0", |places| start(places, "1.1.0", &["preau_1.1.0.efi", "preau_1.3.0+3.efi"]));
        assert_eq!(overtaken, "the newer version 1.3.0 waits for the next start");
        assert!(said("1.3.0", nothing).starts_with("the release cannot be read: there is no folder"));
    }

    #[test]
    fn an_order_is_a_small_plain_file_with_a_version() {
        for text in ["", "../1.2.0", "1.2.0\n\n", "1.2.0; reboot", "1.2.0\0", "latest"] {
            let said = Scene::new(text).refuse();
            assert!(said.starts_with("the order is for no version"), "{text:?}: {said}");
        }
        assert!(Scene::new(&"1".repeat(1_000)).refuse().starts_with("the order cannot be read"));
        for spoil in [
            |order: &Path| symlink("/etc/hostname", order).unwrap(),
            |order: &Path| nix::unistd::mkfifo(order, nix::sys::stat::Mode::S_IRWXU).unwrap(),
            |_: &Path| {},
        ] {
            let scene = Scene::new("1.2.0");
            fs::remove_file(&scene.order).unwrap();
            spoil(&scene.order);
            assert!(scene.refuse().starts_with("the order cannot be read"));
            assert!(scene.order.symlink_metadata().is_err(), "it is gone");
        }
    }

    #[test]
    fn what_is_not_written_is_told_and_may_be_tried_again() {
        let scene = Scene::new("1.2.0\n");
        let failed =
            || ProgramError::Failed { program: "systemd-sysupdate", said: "bad signature".to_owned() };
        assert!(matches!(scene.install(|_, _| Err(failed())), Err(InstallError::Write(_))));
        let report = ReleaseReport::read(&scene.places.report).unwrap().unwrap();
        let refused = report.refused.unwrap();
        assert_eq!(refused.version, Some(version("1.2.0")));
        assert_eq!(refused.why, "the release was not written: systemd-sysupdate failed: bad signature");
        assert_eq!((report.failed, report.installed), (vec![], None));
        let written = Cell::new(false);
        fs::write(&scene.order, "1.2.0").unwrap();
        scene
            .install(|_, _| {
                written.set(true);
                Ok(())
            })
            .unwrap();
        assert!(written.get() && scene.around.path().is_dir());
        assert_eq!(ReleaseReport::read(&scene.places.report).unwrap().unwrap().refused, None);
    }
}
