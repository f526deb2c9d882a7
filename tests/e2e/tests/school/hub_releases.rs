//! Releases of the boxes' system: the hub keeps and offers them, and a box fetches the one that its school is to have, at the byte, in its nights.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::hub::{Hub, School, text};

const ROOT: &str = "preau_1.5.0_0b1f6c1e-7a55-4c0b-9a86-0d6a4bb1c0de.root.raw.gz";
const ROOT_BYTES: usize = 3 << 20;
const UAI: &str = "0750655E";

/// A folder with a release, as `./dev image` leaves it. What it has for a signature nobody but the box's system looks at.
fn make(folder: &Path) -> Result<()> {
    let root: Vec<u8> = (0..ROOT_BYTES).map(|place| u8::try_from(place % 251)).collect::<Result<_, _>>()?;
    put(folder, [ROOT, &ROOT.replace(".root.", ".verity."), "preau_1.5.0.efi"], &root)
}

/// Root, verity and boot file of a release, and what its build leaves beside them.
fn put(folder: &Path, names: [&str; 3], root: &[u8]) -> Result<()> {
    let [first, verity, boot] = names.map(|name| folder.join(name));
    fs::write(first, root)?;
    fs::write(verity, "verity")?;
    fs::write(boot, "boot file")?;
    #[expect(clippy::disallowed_methods, reason = "a whole-box test runs a program that everybody has")]
    let sums = Command::new("sha256sum").args(names).current_dir(folder).output()?;
    ensure!(sums.status.success(), "{}", String::from_utf8_lossy(&sums.stderr));
    fs::write(folder.join("SHA256SUMS"), sums.stdout)?;
    fs::write(folder.join("SHA256SUMS.gpg"), "signature")?;
    Ok(())
}

/// A box whose system is a release.
struct Machine {
    school: School,
    report: PathBuf,
}

impl Machine {
    fn new(hub: &Hub) -> Result<Self> {
        let school = School::new()?;
        school.enrol(&hub.code(&[])?, &hub.url())?.success()?;
        let report = school.0.path().join("report.json");
        Ok(Self { school, report })
    }

    fn tell(&self, report: &str) -> Result<()> {
        Ok(fs::write(&self.report, report)?)
    }

    /// A night; what it says of its progress.
    fn sync(&self) -> Result<String> {
        let outcome = self.school.run(&["sync", "now", "--release-report", &text(&self.report)?])?;
        ensure!(outcome.is_success(), "{outcome:#?}");
        Ok(outcome.stderr)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.school.0.path().join("releases").join(name)
    }

    fn root(&self) -> PathBuf {
        self.path("1.5.0").join(ROOT)
    }
}

/// Somebody at the box does not wait for the night: it is noted for the box that runs.
fn check_haste(machine: &Machine) -> Result<()> {
    let report = text(&machine.report)?;
    let now = |version: &str| {
        let who = ["--author", "Mme Petit", "--report", &report];
        machine.school.run(&[&["release", "now", version], &who[..]].concat())
    };
    let other = now("1.6.0")?;
    ensure!(other.status == Some(1) && other.stderr.contains("1.6.0 is not here"), "{other:#?}");
    ensure!(!machine.path("now").exists(), "nothing is noted");
    now("1.5.0")?.success()?;
    ensure!(fs::read_to_string(machine.path("now"))?.starts_with("1.5.0 "), "it is noted");
    Ok(())
}

#[test]
fn a_box_fetches_the_release_that_its_school_is_to_have() -> Result<()> {
    let (hub, folder) = (Hub::start()?, tempfile::tempdir()?);
    make(folder.path())?;
    let path = text(folder.path())?;
    let none = hub.command(&["release", "offer", "1.5.0"])?;
    ensure!(none.status == Some(1) && none.stderr.contains("has no release 1.5.0"), "{none:#?}");
    hub.command(&["release", "add", &path])?.success()?;
    hub.command(&["release", "add", &path])?.success()?;
    let machine = Machine::new(&hub)?;
    machine.tell(r#"{"running":"1.4.0","is_blessed":true,"installed":null,"failed":[]}"#)?;

    // Another school's, and a system that is no release, or has left this one before.
    hub.command(&["release", "offer", "1.5.0", "--school", "0911234X"])?.success()?;
    machine.sync()?;
    ensure!(!machine.path("1.5.0").exists(), "it is another school's");
    hub.command(&["release", "offer", "1.5.0", "--school", UAI])?.success()?;
    let listed = hub.command(&["release", "list"])?.success()?;
    ensure!(listed.starts_with("1.5.0\t") && listed.ends_with("\t0750655E, 0911234X\n"), "{listed}");
    let failed = r#"[{"version":"1.5.0","at_ms":5,"tries":3,"why":"preau-health: DNS"}]"#;
    machine
        .tell(&format!(r#"{{"running":"1.4.0","is_blessed":true,"installed":null,"failed":{failed}}}"#))?;
    machine.sync()?;
    ensure!(!machine.path("1.5.0").exists(), "it failed here");
    machine.school.run(&["sync", "now"])?.success()?;
    ensure!(!machine.path("1.5.0").exists(), "this machine's system is no release");

    machine.tell(r#"{"running":"1.4.0","is_blessed":true,"installed":null,"failed":[]}"#)?;
    let said = machine.sync()?;
    ensure!(said.contains("the release 1.5.0 of the system is here"), "{said}");
    ensure!(fs::read(machine.root())? == fs::read(folder.path().join(ROOT))?, "byte by byte");
    ensure!(!machine.sync()?.contains(ROOT), "once is enough");
    check_haste(&machine)?;
    check_cut(&machine)?;
    check_damage(&hub, &machine)?;
    check_other_machine(&hub, &machine)?;

    hub.command(&["release", "withdraw", "1.5.0"])?.success()?;
    ensure!(hub.command(&["release", "list"])?.success()?.is_empty());
    let left = fs::read_dir(hub.folder.path().join("files/0"))?.count();
    ensure!(left == 0, "{left} files of a release that is gone");
    machine.sync()?;
    let acts = hub.command(&["acts"])?.success()?;
    for deed in ["release-added\t1.5.0", "release-offered\t1.5.0 0750655E", "release-withdrawn\t1.5.0"] {
        ensure!(acts.contains(deed), "{deed}: {acts}");
    }
    Ok(())
}

/// A newer release for another kind of machine is never fetched, and no reason to give up what there is for this one.
fn check_other_machine(hub: &Hub, machine: &Machine) -> Result<()> {
    let (folder, uuid) = (tempfile::tempdir()?, "1b1f6c1e-7a55-4c0b-9a86-0d6a4bb1c0de");
    let [root, verity] = ["root", "verity"].map(|part| format!("preau-arm64_1.6.0_{uuid}.{part}.raw.gz"));
    put(folder.path(), [&root, &verity, "preau-arm64_1.6.0.efi"], b"another machine's root")?;
    hub.command(&["release", "add", &text(folder.path())?])?.success()?;
    hub.command(&["release", "offer", "1.6.0"])?.success()?;
    let listed = hub.command(&["release", "list"])?.success()?;
    ensure!(listed.starts_with("1.6.0-arm64\t") && listed.contains("\n1.5.0\t"), "{listed}");
    machine.sync()?;
    ensure!(!machine.path("1.6.0").exists(), "it is for another kind of machine");
    ensure!(machine.root().exists(), "what is for this one stays");
    hub.command(&["release", "withdraw", "1.6.0"])?.success()?;
    Ok(())
}

/// A file whose line was cut goes on at the byte.
fn check_cut(machine: &Machine) -> Result<()> {
    let part = machine.path("1.5.0").join(format!("{ROOT}.part"));
    fs::rename(machine.root(), &part)?;
    File::options().write(true).open(&part)?.set_len(1_500_000)?;
    let said = machine.sync()?;
    let first = said.lines().find(|line| line.starts_with(ROOT)).context("its progress")?;
    ensure!(first.contains(": 2500000 of 3145728 bytes"), "{said}");
    ensure!(machine.root().exists() && !part.exists());
    Ok(())
}

/// What the hub hands out and is not what it has signed for is not kept, and fetched again once it is right.
fn check_damage(hub: &Hub, machine: &Machine) -> Result<()> {
    let files = hub.folder.path().join("files/0");
    let entries = fs::read_dir(&files)?.collect::<Result<Vec<_>, _>>()?;
    let large = |path: &PathBuf| path.metadata().is_ok_and(|file| file.len() == ROOT_BYTES as u64);
    let blob = entries.into_iter().map(|entry| entry.path()).find(large).context("the root")?;
    let right = fs::read(&blob)?;
    let mut wrong = right.clone();
    *wrong.last_mut().context("a byte")? ^= 1;
    fs::write(&blob, wrong)?;
    fs::remove_file(machine.root())?;
    machine.sync()?;
    ensure!(!machine.root().exists(), "it is not what the hub has signed for");
    let trouble = fs::read_to_string(machine.path("trouble"))?;
    ensure!(trouble == "1.5.0 damaged\n", "{trouble}");
    fs::write(&blob, right)?;
    machine.sync()?;
    ensure!(machine.root().exists() && !machine.path("trouble").exists());
    Ok(())
}
