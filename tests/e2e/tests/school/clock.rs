//! A box whose clock has lost the time: it starts in 1970, serves, marks what it records, and learns the time later.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use harness::{Appliance, Lab, usual_configuration, wait_until};
use serde_json::Value;

use crate::sealing::visit;

/// How far what is reckoned may be from what was, in milliseconds: what the test itself takes, and some more.
const APART_MS_MAX: u64 = 300_000;

/// The wall clock of a box, which the test sets (`src/false_clock.rs`).
struct FalseClock {
    path: PathBuf,
    file: File,
}

impl FalseClock {
    /// A clock that was never set: it shows five minutes after the beginning of 1970.
    fn never_set(folder: &Path) -> Result<Self> {
        let path = folder.join("false-clock");
        let file = OpenOptions::new().write(true).create_new(true).open(&path)?;
        let clock = Self { path, file };
        clock.set(system::clock::now().unix_ms() / 1_000 - 300, false)?;
        Ok(clock)
    }

    /// It is mapped by the box: it never gets shorter.
    fn set(&self, behind_s: i64, is_disciplined: bool) -> Result<()> {
        let numbers = [behind_s, i64::from(is_disciplined)].map(i64::to_ne_bytes).concat();
        Ok(self.file.write_all_at(&numbers, 0)?)
    }

    /// A time server answers.
    fn learn_the_time(&self) -> Result<()> {
        self.set(0, true)
    }

    /// The words before a command that lives by it.
    fn launcher(&self) -> Result<[String; 3]> {
        let program = std::env::current_exe()?;
        let built = program.ancestors().skip(1).take(2).map(|directory| directory.join("libfalse_clock.so"));
        let library =
            built.into_iter().find(|path| path.is_file()).context("libfalse_clock.so is not built")?;
        Ok([
            "env".to_owned(),
            format!("LD_PRELOAD={}", library.display()),
            format!("PREAU_FALSE_CLOCK={}", self.path.display()),
        ])
    }
}

fn find(appliance: &Appliance<'_>, host: &str) -> Result<Value> {
    let printed = appliance.run(&["journal", "search", "--json", "--host", host])?.success()?;
    let records: Result<Vec<Value>, _> = printed.lines().map(serde_json::from_str).collect();
    records?.into_iter().find(|record| record["kind"] == "http").context("no record of the visit")
}

fn unix_ms(time: &Value) -> Result<i64> {
    let time: jiff::Timestamp = time.as_str().context("a time")?.parse()?;
    Ok(time.as_millisecond())
}

#[test]
fn a_box_that_starts_in_1970_serves_and_learns_the_time() -> Result<()> {
    let lab = Lab::new()?;
    let clock = FalseClock::never_set(lab.directory())?;
    let mut appliance = lab.appliance_with(&usual_configuration())?;
    appliance.build_lists(&lab.lists())?;
    appliance.add_usual_devices()?;
    let launcher = clock.launcher()?;
    appliance.start_by(&launcher.each_ref().map(String::as_str), &[])?;
    appliance.wait_until_ready(&lab.pc1)?;

    let visited_ms = system::clock::now().unix_ms();
    visit(&lab, &appliance, "mediatheque.example")?;
    let lost = find(&appliance, "mediatheque.example")?;
    assert_eq!((&lost["clock"], &lost["reckoned"]), (&Value::from("unset"), &Value::Null), "{lost}");
    ensure!(unix_ms(&lost["time"])? < 3_600_000, "it is not of 1970: {lost}");

    clock.learn_the_time()?;
    wait_until("the time on record", || Ok(!find(&appliance, "mediatheque.example")?["reckoned"].is_null()))?;
    let reckoned = find(&appliance, "mediatheque.example")?;
    let apart_ms = unix_ms(&reckoned["reckoned"])?.abs_diff(visited_ms);
    ensure!(apart_ms <= APART_MS_MAX, "{apart_ms} ms from what was: {reckoned}");
    assert_eq!(
        (&reckoned["clock"], &reckoned["time"]),
        (&lost["clock"], &lost["time"]),
        "nothing is rewritten"
    );
    visit(&lab, &appliance, "encyclopedie.example")?;
    let known = find(&appliance, "encyclopedie.example")?;
    assert_eq!(
        (&known["clock"], &known["reckoned"]),
        (&Value::from("synchronised"), &Value::Null),
        "{known}"
    );
    ensure!(lost["sequence"].as_u64() < known["sequence"].as_u64(), "the order is that of the records");

    appliance.stop()?;
    ensure!(appliance.data().join("sealed/log").is_file(), "{}", appliance.log()?);
    let verified = appliance.run(&["journal", "verify"])?;
    assert_eq!(verified.status, Some(0), "{verified:#?}");
    assert!(verified.stdout.contains("0 wait to be sealed"), "{verified:#?}");
    assert!(verified.stdout.contains("verified: nothing was changed"), "{verified:#?}");
    // What is sealed is found as it was, by its true time.
    std::fs::remove_dir_all(appliance.data().join("journal"))?;
    assert_eq!(find(&appliance, "mediatheque.example")?, reckoned);
    assert_eq!(find(&appliance, "encyclopedie.example")?, known);
    Ok(())
}
