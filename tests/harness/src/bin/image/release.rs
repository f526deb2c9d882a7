//! A release of the box's system, and how the machine gets it: as a disk that it can read, from which the test lays the files where a
//! box has them from its hub.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use harness::Lab;

use crate::booted::Booted;

/// A folder with the files of one version, as image/build makes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Release {
    folder: PathBuf,
    /// Its version.
    pub(crate) version: String,
}

impl Release {
    /// Looks which version is in a folder.
    ///
    /// # Errors
    /// None is, more than one, or its sums are not signed.
    pub(crate) fn open(folder: &Path) -> Result<Self> {
        let folder =
            fs::canonicalize(folder).with_context(|| format!("no release in {}", folder.display()))?;
        let mut versions = Vec::new();
        for entry in fs::read_dir(&folder)? {
            let name = entry?.file_name();
            let name = name.to_str().and_then(|name| {
                name.strip_prefix("preau_").or(name.strip_prefix("preau-arm64_"))?.strip_suffix(".efi")
            });
            versions.extend(name.map(str::to_owned));
        }
        let [version] = versions.as_slice() else {
            bail!("{} versions in {}, not one", versions.len(), folder.display())
        };
        ensure!(folder.join("SHA256SUMS.gpg").is_file(), "{} is not signed", folder.display());
        Ok(Self { version: version.clone(), folder })
    }

    /// Its file of that end, and what its name says between the version and it.
    ///
    /// # Errors
    /// There is none.
    pub(crate) fn file(&self, end: &str) -> Result<(PathBuf, String)> {
        for entry in fs::read_dir(&self.folder)? {
            let path = entry?.path();
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            let Some((_, said)) = name.strip_suffix(end).and_then(|name| name.split_once(&self.version))
            else {
                continue;
            };
            return Ok((path.clone(), said.trim_start_matches('_').to_owned()));
        }
        bail!("no file *{end} in {}", self.folder.display())
    }

    /// Puts its files into one that the machine reads as a disk.
    ///
    /// # Errors
    /// The disk of this machine is full.
    pub(crate) fn write_disk(&self, lab: &Lab, path: &Path) -> Result<()> {
        let (path, folder) = (path.to_str().context("text")?, self.folder.to_str().context("text")?);
        let tar = ["tar", "--create", "--file", path, "--directory", folder, "."];
        lab.appliance.run(&tar)?.success().map(drop)
    }

    /// Lays the files where the box has them from its hub, from the disk of this name. It may be done again.
    ///
    /// # Errors
    /// The machine cannot do it.
    pub(crate) fn lay(&self, machine: &mut Booted<'_>, disk: &str) -> Result<()> {
        let Self { version, .. } = self;
        machine.inside(&format!(
            "set -e
            all=/var/lib/preau/releases
            rm -rf $all
            mkdir -p $all/{version}
            tar --extract --no-same-owner --file /dev/disk/by-id/virtio-{disk} --directory $all/{version}
            chown -R preau:preau $all
            chmod 700 $all $all/{version}
            sync -f $all"
        ))?;
        Ok(())
    }

    /// Orders it, as the box's user does at night.
    ///
    /// # Errors
    /// The machine cannot do it.
    pub(crate) fn order(&self, machine: &mut Booted<'_>) -> Result<()> {
        let order = "/run/preau/release-order";
        let write = format!("echo {} > {order}.new && mv {order}.new {order}", self.version);
        machine.inside(&format!("runuser -u preau -- sh -c '{write}'"))?;
        Ok(())
    }

    /// Whether the machine runs it, and has blessed it: its boot file has no tries left to count.
    ///
    /// # Errors
    /// QEMU has ended.
    pub(crate) fn is_blessed(&self, machine: &mut Booted<'_>) -> Result<bool> {
        let Some(said) = machine.peek(&format!("{RUNNING}; {BOOT_FILES}"))? else { return Ok(false) };
        let mut lines = said.lines();
        let is_running = lines.next() == Some(self.version.as_str());
        Ok(is_running && lines.any(|line| line == format!("preau_{}.efi", self.version)))
    }
}

/// What says the version that runs.
pub(crate) const RUNNING: &str = ". /usr/lib/os-release; echo $IMAGE_VERSION";

/// What lists the boot files, one for each version: `preau_1.2.0.efi`, `preau_1.2.0+LEFT-DONE.efi` while its tries are counted.
pub(crate) const BOOT_FILES: &str = "ls /efi/EFI/Linux 2>/dev/null || ls /boot/EFI/Linux";

/// The version that runs.
///
/// # Errors
/// The machine does not say.
pub(crate) fn running(machine: &mut Booted<'_>) -> Result<String> {
    let version = machine.inside(RUNNING)?.trim().to_owned();
    ensure!(!version.is_empty(), "the machine does not know its version");
    Ok(version)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_has_one_signed_version() {
        let folder = tempfile::tempdir().unwrap();
        let put = |name: &str| fs::write(folder.path().join(name), "").unwrap();
        put("preau_1.2.0_3d0c.root.raw.gz");
        put("SHA256SUMS");
        assert!(Release::open(folder.path()).is_err(), "no version");
        put("preau_1.2.0.efi");
        assert!(Release::open(folder.path()).is_err(), "not signed");
        put("SHA256SUMS.gpg");
        assert_eq!(Release::open(folder.path()).unwrap().version, "1.2.0");
        let arm = folder.path().join("preau-arm64_1.2.0.efi");
        fs::rename(folder.path().join("preau_1.2.0.efi"), &arm).unwrap();
        assert_eq!(Release::open(folder.path()).unwrap().version, "1.2.0");
        put("preau_1.3.0.efi");
        assert!(Release::open(folder.path()).is_err(), "two versions");
    }
}
