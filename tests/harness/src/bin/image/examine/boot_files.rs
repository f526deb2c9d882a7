//! The boot partition as a firmware and systemd-boot see it: which boot files there are, and whether each is whole.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use anyhow::{Context as _, Result, bail, ensure};
use ring::digest::{SHA256, digest};

use super::table::hex;
use super::tools;

/// Where boot files lie, one for each version.
const FOLDER: &str = "::/EFI/Linux/";
/// What the system writes anew at each start, and no start needs.
const LOOSE: &str = "::/loader/random-seed";

/// What a cut may not change: the files of the image, by their hashes; and what a boot file may be.
pub(crate) struct Expected {
    /// Hashes of the image's files, by their paths.
    files: BTreeMap<String, String>,
    /// Versions, by the hashes of their boot files.
    versions: BTreeMap<String, String>,
    /// The last of them: the update's.
    newest: String,
}

/// What was found.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Found {
    /// Boot files that the boot loader offers, and their versions.
    pub(crate) offered: BTreeMap<String, String>,
    /// Boot files without a byte, and their versions: the box removes them at its start.
    pub(crate) emptied: BTreeMap<String, String>,
    /// Files that are begun, or that nothing of the image knows.
    pub(crate) more: BTreeSet<String>,
    /// Whether two names have the same bytes of the disk.
    pub(crate) is_shared: bool,
}

impl Expected {
    /// The boot partition of the image, and the boot file of each version: the image's first, the update's last.
    ///
    /// # Errors
    /// It cannot be read.
    pub(crate) fn new(partition: &Path, versions: &[(&str, &Path)]) -> Result<Self> {
        let files = list(partition)?.into_iter().map(|path| {
            let hash = hash(&read(partition, &path)?);
            Ok((path, hash))
        });
        let newest = versions.last().context("no version")?.0.to_owned();
        let versions = versions.iter().map(|(version, file)| {
            let bytes = std::fs::read(file).with_context(|| format!("no {}", file.display()))?;
            Ok((hash(&bytes), (*version).to_owned()))
        });
        Ok(Self { files: files.collect::<Result<_>>()?, versions: versions.collect::<Result<_>>()?, newest })
    }

    /// Looks whether all of the image's files are whole, and whatever the boot loader offers is one of the versions, under a name
    /// of its own. A boot file of the update may be empty: the boot loader passes it over, and the box removes it.
    ///
    /// # Errors
    /// Something is not.
    pub(crate) fn look(&self, partition: &Path) -> Result<Found> {
        let mut found = Found {
            offered: BTreeMap::new(),
            emptied: BTreeMap::new(),
            more: BTreeSet::new(),
            is_shared: is_shared(partition)?,
        };
        let paths = list(partition)?;
        for path in self.files.keys() {
            ensure!(paths.contains(path), "{path} is gone");
        }
        for path in paths {
            if offered(&path).is_some() || self.files.contains_key(&path) {
                self.judge(&path, &read(partition, &path)?, &mut found)?;
            } else if path != LOOSE {
                // Names of what is begun end by chance.
                found.more.insert(path.split_inclusive(".efi").next().unwrap_or_default().to_owned());
            }
        }
        Ok(found)
    }

    /// Notes a file that the boot loader offers, or that the image has.
    fn judge(&self, path: &str, bytes: &[u8], found: &mut Found) -> Result<()> {
        let (offered, known) = (offered(path), self.files.get(path));
        if bytes.is_empty() {
            let emptied = offered.filter(|name| known.is_none() && is_removed(name, &self.newest));
            let name = emptied.with_context(|| {
                format!("{path} is empty: the boot loader passes it over, and its version is gone")
            })?;
            found.emptied.insert(name.to_owned(), self.newest.clone());
            return Ok(());
        }
        let hash = hash(bytes);
        ensure!(known.is_none_or(|known| *known == hash), "{path} is not what it was");
        if let Some(name) = offered {
            let Some(version) = self.versions.get(&hash) else {
                bail!("{path} is offered, and is no version's boot file")
            };
            ensure!(is_named(name, version), "{path} is offered without its tries, and has {version}");
            found.offered.insert(name.to_owned(), version.clone());
        }
        Ok(())
    }
}

/// The name of a boot file that the boot loader offers.
fn offered(path: &str) -> Option<&str> {
    path.strip_prefix(FOLDER).filter(|name| is_offered(name))
}

/// Whether systemd-boot offers a file of that name (src/boot/efi/boot.c, `config_entry_add_unified`).
fn is_offered(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    name.ends_with(".efi") && !name.starts_with('.') && !name.starts_with("auto-") && !name.contains('/')
}

/// Whether a name is one that a version's boot file has: `preau_1.2.0+2-1.efi` while its tries are counted, `preau_1.2.0.efi` before
/// and after.
fn is_named(name: &str, version: &str) -> bool {
    let rest = name.strip_prefix("preau_").or(name.strip_prefix("preau-arm64_"));
    let Some(rest) = rest.and_then(|rest| rest.strip_prefix(version)?.strip_suffix(".efi")) else {
        return false;
    };
    let Some(tries) = rest.strip_prefix('+') else { return rest.is_empty() };
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    match tries.split_once('-') {
        Some((left, done)) => is_number(left) && is_number(done),
        None => is_number(tries),
    }
}

/// Whether a box removes a file of that name where it is empty (`preau release look`): what has tries left, or none to count. Whose tries are
/// used up has failed, and stays.
fn is_removed(name: &str, version: &str) -> bool {
    let has_failed = name.split_once('+').is_some_and(|(_, tries)| tries.starts_with('0'));
    name.starts_with("preau_") && is_named(name, version) && !has_failed
}

/// The paths of all files.
fn list(partition: &Path) -> Result<BTreeSet<String>> {
    let image = partition.to_str().context("a path that is text")?;
    let said = tools::run("mdir", &["-a", "-b", "-/", "-i", image, "::/"])?;
    ensure!(said.status == Some(0), "its folders cannot be read: {}{}", said.out, said.error);
    Ok(said.out.lines().filter(|path| !path.is_empty() && !path.ends_with('/')).map(str::to_owned).collect())
}

fn read(partition: &Path, path: &str) -> Result<Vec<u8>> {
    let image = partition.to_str().context("a path that is text")?;
    tools::read("mcopy", &["-n", "-i", image, path, "-"]).with_context(|| format!("{path} cannot be read"))
}

/// Whether two files have the same bytes, by the words of fsck.fat. What else it has to say is what each mount leaves behind that a
/// cut ends: the mark of it, numbers of what is free, clusters that belong to nothing.
fn is_shared(partition: &Path) -> Result<bool> {
    let image = partition.to_str().context("a path that is text")?;
    Ok(tools::run("fsck.fat", &["-n", image])?.out.contains("share clusters"))
}

fn hash(bytes: &[u8]) -> String {
    hex(digest(&SHA256, bytes).as_ref())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_boot_loader_offers_what_ends_like_a_program_and_is_not_hidden() {
        for (name, expected) in [
            ("preau_1.2.0.efi", true),
            ("PREAU_~1.EFI", true),
            (".#sysupdatepreau_1.2.0+3-0.efi5d10", false),
            (".preau_1.2.0.efi", false),
            ("auto-osx.efi", false),
            ("preau_1.2.0.efi.part", false),
        ] {
            assert_eq!(is_offered(name), expected, "{name}");
        }
    }

    /// The box mends what is empty and of the update alone; whatever else is not whole is a fault.
    #[test]
    fn an_empty_boot_file_of_the_update_is_no_fault() {
        let path = |name: &str| format!("{FOLDER}{name}");
        let [old, new] = ["MZ old", "MZ new"].map(|text| hash(text.as_bytes()));
        let expected = Expected {
            files: [(path("preau_1.0.0.efi"), old.clone())].into(),
            versions: [(old, "1.0.0".to_owned()), (new, "1.1.0".to_owned())].into(),
            newest: "1.1.0".to_owned(),
        };
        let judge = |name: &str, text: &str| {
            let mut found = Found {
                offered: BTreeMap::new(),
                emptied: BTreeMap::new(),
                more: BTreeSet::new(),
                is_shared: false,
            };
            expected.judge(&path(name), text.as_bytes(), &mut found).map(|()| (found.offered, found.emptied))
        };
        let of = |name: &str, version: &str| BTreeMap::from([(name.to_owned(), version.to_owned())]);
        for name in ["preau_1.1.0+3-0.efi", "preau_1.1.0+2-1.efi", "preau_1.1.0.efi"] {
            assert_eq!(judge(name, "").unwrap(), (BTreeMap::new(), of(name, "1.1.0")));
            assert_eq!(judge(name, "MZ new").unwrap(), (of(name, "1.1.0"), BTreeMap::new()));
            assert!(judge(name, "MZ ne").is_err(), "{name}");
        }
        for name in ["preau_1.0.0.efi", "preau_1.0.0+3-0.efi", "preau_1.1.0+0-3.efi", "preau_1.2.0.efi"] {
            let wrong = judge(name, "").unwrap_err().to_string();
            assert!(
                wrong.ends_with("is empty: the boot loader passes it over, and its version is gone"),
                "{wrong}"
            );
        }
        assert_eq!(judge("preau_1.0.0.efi", "MZ old").unwrap().0, of("preau_1.0.0.efi", "1.0.0"));
        assert!(judge("preau_1.0.0.efi", "MZ new").is_err());
    }

    #[test]
    fn a_boot_file_has_its_version_and_its_tries_in_its_name() {
        for (name, expected) in [
            ("preau_1.2.0.efi", true),
            ("preau_1.2.0+3-0.efi", true),
            ("preau_1.2.0+3.efi", true),
            ("preau-arm64_1.2.0+0-3.efi", true),
            ("PREAU_~1.EFI", false),
            ("preau_1.2.0.1.efi", false),
            ("preau_1.2.0+.efi", false),
            ("preau_1.2.0+3-.efi", false),
        ] {
            assert_eq!(is_named(name, "1.2.0"), expected, "{name}");
        }
    }
}
