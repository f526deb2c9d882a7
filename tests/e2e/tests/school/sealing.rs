//! The log of finished days is evidence: sealed, searchable, and whoever touches it is found out.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use harness::{Appliance, Lab, Output, wait_until};
use serde_json::Value;

fn search(appliance: &Appliance<'_>, filter: &[&str]) -> Result<Vec<Value>> {
    let printed = appliance.run(&[&["journal", "search", "--json"], filter].concat())?.success()?;
    printed.lines().map(|line| serde_json::from_str(line).context("a line of JSON")).collect()
}

fn verify(appliance: &Appliance<'_>, more: &[&str]) -> Result<Output> {
    appliance.run(&[&["journal", "verify"], more].concat())
}

fn visit(lab: &Lab, appliance: &Appliance<'_>, host: &str) -> Result<()> {
    lab.pc1.run(&["curl", "--silent", "--output", "/dev/null", "--max-time", "20", &format!("http://{host}/")])?;
    wait_until("the visit in the journal", || {
        let records = search(appliance, &["--host", host])?;
        Ok(records.iter().any(|record| record["kind"] == "http" && !record["end"].is_null()))
    })
}

/// Everything in a folder, put into another one: a copy for somebody who verifies.
fn copy(from: &Path, to: &Path) -> Result<()> {
    std::fs::create_dir_all(to)?;
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() { copy(&entry.path(), &target)? } else { std::fs::copy(entry.path(), target).map(drop)? }
    }
    Ok(())
}

#[test]
fn what_a_run_wrote_is_sealed_at_its_end() -> Result<()> {
    let lab = Lab::new()?;
    let mut appliance = lab.start_appliance()?;
    visit(&lab, &appliance, "mediatheque.example")?;
    let before = search(&appliance, &[])?;
    appliance.stop()?;
    let sealed = appliance.data().join("sealed/seal-00000000000000000001.parquet");
    ensure!(sealed.is_file(), "{}", appliance.log()?);
    let verified = verify(&appliance, &[])?;
    assert_eq!(verified.status, Some(0), "{verified:#?}");
    assert!(verified.stdout.contains("verified: nothing was changed"), "{verified:#?}");

    // The next run goes on, and its numbers too; a search finds both.
    appliance.start()?;
    appliance.wait_until_ready(&lab.pc1)?;
    visit(&lab, &appliance, "encyclopedie.example")?;
    let after = search(&appliance, &[])?;
    assert_eq!(after[..before.len()], before[..], "what was sealed is found as it was");
    appliance.stop()?;
    let second = appliance.data().join("sealed/seal-00000000000000000002.parquet");
    ensure!(second.is_file(), "{}", appliance.log()?);
    assert!(verify(&appliance, &[])?.success()?.starts_with("key: preau/journal/"));

    // Without the segments, which go when their day is over, all that is sealed is there.
    std::fs::remove_dir_all(appliance.data().join("journal"))?;
    assert_eq!(search(&appliance, &["--host", "mediatheque.example"])?.len(), before.len());
    assert!(verify(&appliance, &[])?.success()?.contains("2 seals"));
    let mut bytes = std::fs::read(&second)?;
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&second, bytes)?;
    let found = verify(&appliance, &[])?;
    assert_eq!(found.status, Some(1), "{found:#?}");
    assert!(
        found.stdout.contains("WRONG: seal 2: seal-00000000000000000002.parquet was changed"),
        "{found:#?}"
    );
    Ok(())
}

/// A clone of the box's disk, or a box that was put back to an old state, is right by itself: only a witness knows.
#[test]
fn a_witness_knows_a_box_that_went_back() -> Result<()> {
    let lab = Lab::new()?;
    let mut appliance = lab.start_appliance()?;
    let state = tempfile::tempdir()?;
    let folder = state.path().to_str().context("a path")?;
    let witness = |appliance: &Appliance<'_>| appliance.run(&["journal", "witness", "--state", folder]);
    visit(&lab, &appliance, "mediatheque.example")?;
    appliance.stop()?;
    let first = witness(&appliance)?;
    let key = first.stderr.lines().find_map(|line| line.strip_prefix("witness: ")).context("a key")?.to_owned();
    let old = tempfile::tempdir()?;
    copy(appliance.data(), old.path())?;

    appliance.start()?;
    appliance.wait_until_ready(&lab.pc1)?;
    visit(&lab, &appliance, "encyclopedie.example")?;
    appliance.stop()?;
    let second = witness(&appliance)?.success()?;
    let note = state.path().join("signed");
    std::fs::write(&note, &second)?;
    let note = note.to_str().context("a path")?;
    let asked = ["--witness", key.as_str(), "--checkpoint", note];
    let verified = verify(&appliance, &asked)?;
    assert!(verified.status == Some(0) && verified.stdout.contains("1 to 2 are as witnessed"), "{verified:#?}");

    // The disk of yesterday in the box of today.
    std::fs::remove_dir_all(appliance.data())?;
    copy(old.path(), appliance.data())?;
    assert_eq!(verify(&appliance, &[])?.status, Some(0), "by itself it is right");
    let rolled_back = verify(&appliance, &asked)?;
    assert!(
        rolled_back.status == Some(1) && rolled_back.stdout.contains("put back to an old state"),
        "{rolled_back:#?}"
    );
    appliance.start()?;
    appliance.wait_until_ready(&lab.pc1)?;
    visit(&lab, &appliance, "casino.example").ok();
    appliance.stop()?;
    let forked = verify(&appliance, &asked)?;
    assert!(forked.status == Some(1) && forked.stdout.contains("went on from an old state"), "{forked:#?}");
    let refused = witness(&appliance)?;
    assert!(refused.status == Some(1) && refused.stderr.contains("two boxes go on from one state"), "{refused:#?}");
    Ok(())
}
