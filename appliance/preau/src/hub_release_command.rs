//! `preau hub release`: releases of the boxes' system, checked when they come, and which school is to have which.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context as _, bail, ensure};
use archive::{Hash, Hasher};
use hub::blobs::Place;
use hub::register::Records;
use hub::register::releases::{HeldRelease, Offer, RELEASES_MAX};
use hub::releases::keep_file;
use jiff::tz::TimeZone;
use model::{RELEASE_FILE_BYTES_MAX, Release, ReleaseFile, ReleaseVersion, Uai};
use system::clock::now;

use crate::cli::HubReleaseCommand;
use crate::config::read_file_up_to;
use crate::hub_command::note_act;
use crate::hub_engines::{open_blobs, open_register};
use crate::times;

const SUMS_FILE: &str = "SHA256SUMS";
/// Largest file of sums that is read, in MiB.
const SUMS_MIB_MAX: u64 = 1;
/// How much of a file is read at a time.
const BUFFER_BYTES: usize = 64 << 10;

pub(crate) fn carry_out(command: HubReleaseCommand) -> anyhow::Result<ExitCode> {
    match command {
        HubReleaseCommand::Add { folder, data } => add(&folder, &data.path)?,
        HubReleaseCommand::List { data } => list(&*open_register(&data.path)?)?,
        HubReleaseCommand::Offer { version, schools, data } => {
            offer(&*open_register(&data.path)?, &version, &schools)?;
        }
        HubReleaseCommand::Withdraw { version, data } => withdraw(&version, &data.path)?,
    }
    Ok(ExitCode::SUCCESS)
}

fn add(folder: &Path, data: &Path) -> anyhow::Result<()> {
    let release = read(folder).with_context(|| folder.display().to_string())?;
    let (register, blobs, key) = (open_register(data)?, open_blobs(data)?, release.key());
    note_act(&*register, "release-added", &key.to_string())?;
    for file in release.files() {
        let path = folder.join(&file.name);
        let source = File::open(&path).with_context(|| path.display().to_string())?;
        let mut read = |piece: &mut [u8], offset: u64| source.read_exact_at(piece, offset);
        keep_file(&*blobs, file, &mut read).with_context(|| file.name.clone())?;
    }
    ensure!(
        register.add_release(&release, now())?,
        "the hub has another release {key}, or {RELEASES_MAX} releases for such machines: withdraw one (preau hub release withdraw)"
    );
    let (mut out, version) = (io::stdout().lock(), release.version());
    writeln!(out, "{key} is here, {} bytes", release.bytes())?;
    if register.offers()?.iter().any(|offer| offer.version == *version) {
        writeln!(out, "who is to have {version} is to have it for such a machine as well")?;
    } else {
        writeln!(out, "no school has it yet: preau hub release offer {version} --school UAI")?;
    }
    Ok(())
}

/// The release that a folder has: the files of one version and nothing else, each with the sum that `SHA256SUMS` gives it.
fn read(folder: &Path) -> anyhow::Result<Release> {
    let mut names = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        ensure!(entry.file_type()?.is_file(), "{name} is no file");
        names.push(name);
    }
    let mut versions = names.iter().filter_map(|name| Release::version_of(name));
    let version = versions
        .next()
        .context("there is no preau_VERSION.efi, nor preau-arm64_VERSION.efi: it is no release")?;
    if let Some(other) = versions.next() {
        bail!("{version} and {other} are two releases: give a folder with one");
    }
    if let Some(stranger) = names.iter().find(|name| !Release::has_name(&version, name)) {
        bail!("{stranger} is no file of the release {version}");
    }
    let files = names.into_iter().map(|name| measure(folder, name)).collect::<anyhow::Result<Vec<_>>>()?;
    let sums = read_file_up_to(&folder.join(SUMS_FILE), SUMS_MIB_MAX).context(SUMS_FILE)?;
    check_sums(&read_sums(&String::from_utf8_lossy(&sums)), &files)?;
    Ok(Release::new(version, files)?)
}

/// Whether each file but the sums and their signature has its sum there.
fn check_sums(sums: &BTreeMap<String, String>, files: &[ReleaseFile]) -> anyhow::Result<()> {
    for ReleaseFile { name, sha256, .. } in files.iter().filter(|file| !file.name.starts_with(SUMS_FILE)) {
        let said = sums.get(name).with_context(|| format!("{SUMS_FILE} has no sum of {name}"))?;
        ensure!(said == sha256, "{name} is not what {SUMS_FILE} says: it is damaged, or of another build");
    }
    Ok(())
}

/// The sums of a file as sha256sum writes it, by the names: two spaces, or a space and a star, stand before each.
fn read_sums(text: &str) -> BTreeMap<String, String> {
    let line = |line: &str| {
        let (sum, name) = line.split_once(' ')?;
        Some((name.strip_prefix([' ', '*'])?.to_owned(), sum.to_owned()))
    };
    text.lines().filter_map(line).collect()
}

fn measure(folder: &Path, name: String) -> anyhow::Result<ReleaseFile> {
    let path = folder.join(&name);
    let mut source =
        File::open(&path).with_context(|| path.display().to_string())?.take(RELEASE_FILE_BYTES_MAX + 1);
    let (mut hasher, mut buffer, mut bytes) = (Hasher::new(), vec![0; BUFFER_BYTES], 0);
    loop {
        let read = source.read(&mut buffer).with_context(|| path.display().to_string())?;
        if read == 0 {
            return Ok(ReleaseFile { name, bytes, sha256: hasher.finish().to_string() });
        }
        bytes += read as u64;
        hasher.update(buffer.get(..read).unwrap_or_default());
    }
}

fn list(register: &dyn Records) -> anyhow::Result<()> {
    let (mut out, zone) = (io::stdout().lock(), TimeZone::system());
    let offers = register.offers()?;
    for HeldRelease { release, added } in register.releases()? {
        let to = offers.iter().filter(|offer| offer.version == *release.version());
        let to: Vec<&str> = to.map(|Offer { uai, .. }| uai.as_deref().unwrap_or("all")).collect();
        let (key, added) = (release.key(), times::write(added, &zone));
        writeln!(out, "{key}\t{added}\t{}\t{}", release.bytes(), to.join(", "))?;
    }
    Ok(())
}

fn offer(register: &dyn Records, version: &ReleaseVersion, schools: &[Uai]) -> anyhow::Result<()> {
    let known = register.schools()?;
    for uai in schools {
        ensure!(known.iter().any(|school| school.uai == uai.as_str()), "the commune has no school {uai}");
    }
    let is_held = register.releases()?.iter().any(|held| held.release.version() == version);
    ensure!(is_held, "the hub has no release {version}: preau hub release add FOLDER");
    let to: Vec<Option<&Uai>> =
        if schools.is_empty() { vec![None] } else { schools.iter().map(Some).collect() };
    for uai in to {
        let whom = uai.map_or("*", Uai::as_str);
        note_act(register, "release-offered", &format!("{version} {whom}"))?;
        ensure!(
            register.offer_release(version, uai, now())?,
            "the release {version} was withdrawn meanwhile"
        );
    }
    Ok(())
}

/// The register first: a file that stays for a cut goes with the hub's next round.
fn withdraw(version: &ReleaseVersion, data: &Path) -> anyhow::Result<()> {
    let (register, blobs) = (open_register(data)?, open_blobs(data)?);
    note_act(&*register, "release-withdrawn", &version.to_string())?;
    let gone = register.withdraw_release(version, now())?;
    let gone: Vec<Hash> = gone.with_context(|| format!("the hub has no release {version}"))?;
    for hash in gone {
        blobs.remove(Place::release(hash))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const UUID: &str = "0b1f6c1e-7a55-4c0b-9a86-0d6a4bb1c0de";

    /// A folder with a release of that version.
    fn make(folder: &Path, version: &str) {
        make_named(folder, version, "preau");
    }

    fn make_named(folder: &Path, version: &str, stem: &str) {
        let named = ["root", "verity"].map(|part| format!("{stem}_{version}_{UUID}.{part}.raw.gz"));
        let names = named.into_iter().chain([format!("{stem}_{version}.efi")]);
        let mut sums = String::new();
        for name in names {
            fs::write(folder.join(&name), &name).unwrap();
            sums.push_str(&format!("{}  {name}\n", Hash::of(name.as_bytes())));
        }
        fs::write(folder.join(SUMS_FILE), sums).unwrap();
        fs::write(folder.join("SHA256SUMS.gpg"), "signature").unwrap();
    }

    #[test]
    fn a_folder_with_one_release_is_read_and_nothing_else_is() {
        let check = |change: fn(&Path), expected: &str| {
            let folder = tempfile::tempdir().unwrap();
            make(folder.path(), "1.4.0");
            change(folder.path());
            let said = match read(folder.path()) {
                Ok(release) => format!("{}, {} files", release.version(), release.files().len()),
                Err(error) => format!("{error:#}"),
            };
            assert!(said.contains(expected), "{said}");
        };
        check(|_| {}, "1.4.0, 5 files");
        check(|folder| make(folder, "1.5.0"), "two releases");
        check(|folder| make_named(folder, "1.4.0", "preau-arm64"), "two releases");
        check(
            |folder| fs::write(folder.join("notes.txt"), "x").unwrap(),
            "notes.txt is no file of the release",
        );
        check(|folder| fs::create_dir(folder.join("sub")).unwrap(), "sub is no file");
        check(
            |folder| fs::write(folder.join("preau_1.4.0.efi"), "x").unwrap(),
            "is not what SHA256SUMS says",
        );
        check(
            |folder| fs::remove_file(folder.join("preau_1.4.0.efi")).unwrap(),
            "there is no preau_VERSION.efi, nor",
        );
        check(|folder| fs::write(folder.join("SHA256SUMS.gpg"), "").unwrap(), "is empty or too long");
        check(|folder| fs::remove_file(folder.join("SHA256SUMS.gpg")).unwrap(), "a release has five files");
        check(|folder| fs::write(folder.join("SHA256SUMS"), "x").unwrap(), "has no sum of preau_1.4.0");
        check(
            |folder| {
                let name = folder.join("preau_1.4.0.efi");
                fs::remove_file(&name).unwrap();
                std::os::unix::fs::symlink("/dev/zero", name).unwrap();
            },
            "preau_1.4.0.efi is no file",
        );
    }

    #[test]
    fn sums_are_read_as_sha256sum_writes_them() {
        let sums = read_sums("0f  a.efi\n1e *b.gz\nshort\n2d c\n");
        let expected = [("a.efi", "0f"), ("b.gz", "1e")].map(|(name, sum)| (name.to_owned(), sum.to_owned()));
        assert_eq!(sums, BTreeMap::from(expected));
    }
}
