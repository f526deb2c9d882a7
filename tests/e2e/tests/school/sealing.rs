//! The log of finished days is evidence: sealed, searchable, and whoever touches it is found out.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use harness::{Appliance, Lab, Output, preau_binary, usual_configuration, wait_until};
use serde_json::Value;

pub(crate) fn search(appliance: &Appliance<'_>, filter: &[&str]) -> Result<Vec<Value>> {
    let printed = appliance.run(&[&["journal", "search", "--json"], filter].concat())?.success()?;
    printed.lines().map(|line| serde_json::from_str(line).context("a line of JSON")).collect()
}

fn verify(appliance: &Appliance<'_>, more: &[&str]) -> Result<Output> {
    appliance.run(&[&["journal", "verify"], more].concat())
}

pub(crate) fn visit(lab: &Lab, appliance: &Appliance<'_>, host: &str) -> Result<()> {
    let url = format!("http://{host}/");
    lab.pc1.run(&["curl", "--silent", "--output", "/dev/null", "--max-time", "20", &url])?;
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
        if entry.file_type()?.is_dir() {
            copy(&entry.path(), &target)?;
        } else {
            std::fs::copy(entry.path(), target)?;
        }
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
    assert_eq!(after.get(..before.len()), Some(before.as_slice()), "what was sealed is found as it was");
    appliance.stop()?;
    let second = appliance.data().join("sealed/seal-00000000000000000002.parquet");
    ensure!(second.is_file(), "{}", appliance.log()?);
    assert!(verify(&appliance, &[])?.success()?.starts_with("key: preau/journal/"));

    // Without the segments, which go when their day is over, all that is sealed is there.
    let after = search(&appliance, &[])?;
    std::fs::remove_dir_all(appliance.data().join("journal"))?;
    assert_eq!(search(&appliance, &[])?, after);
    assert!(verify(&appliance, &[])?.success()?.contains("2 seals"));
    let mut bytes = std::fs::read(&second)?;
    let middle = bytes.len() / 2;
    if let Some(byte) = bytes.get_mut(middle) {
        *byte ^= 1;
    }
    std::fs::write(&second, bytes)?;
    let found = verify(&appliance, &[])?;
    assert_eq!(found.status, Some(1), "{found:#?}");
    let expected = "WRONG: seal 2: seal-00000000000000000002.parquet was changed";
    assert!(found.stdout.contains(expected), "{found:#?}");
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
    let key =
        first.stderr.lines().find_map(|line| line.strip_prefix("witness: ")).context("a key")?.to_owned();
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
    assert!(verified.is_success() && verified.stdout.contains("1 to 2 are as witnessed"), "{verified:#?}");

    // The disk of yesterday in the box of today.
    std::fs::remove_dir_all(appliance.data())?;
    copy(old.path(), appliance.data())?;
    assert_eq!(verify(&appliance, &[])?.status, Some(0), "by itself it is right");
    let back = verify(&appliance, &asked)?;
    assert!(back.status == Some(1) && back.stdout.contains("put back to an old state"), "{back:#?}");
    appliance.start()?;
    appliance.wait_until_ready(&lab.pc1)?;
    visit(&lab, &appliance, "mediatheque.example")?;
    appliance.stop()?;
    let forked = verify(&appliance, &asked)?;
    assert!(forked.status == Some(1) && forked.stdout.contains("went on from an old state"), "{forked:#?}");
    let refused = witness(&appliance)?;
    assert!(
        refused.status == Some(1) && refused.stderr.contains("two boxes go on from one state"),
        "{refused:#?}"
    );

    // A log that is written anew under a new key is right by itself, too.
    std::fs::remove_dir_all(appliance.data())?;
    appliance.start()?;
    appliance.wait_until_ready(&lab.pc1)?;
    visit(&lab, &appliance, "mediatheque.example")?;
    appliance.stop()?;
    let stranger = witness(&appliance)?;
    assert!(stranger.status == Some(1) && stranger.stderr.contains("never seen"), "{stranger:#?}");
    let replaced = appliance.run(&["journal", "witness", "--state", folder, "--new-box"])?;
    assert!(replaced.is_success(), "{replaced:#?}");
    assert!(witness(&appliance)?.is_success(), "it knows the box now");
    Ok(())
}

/// The Python that has DuckDB, where `./dev` puts it: in the folder `tools` beside that of the program.
pub(crate) fn python() -> Result<String> {
    let binary = preau_binary()?;
    let mut places = binary.ancestors().skip(1).map(|folder| folder.join("tools/bin/python3"));
    let python =
        places.find(|place| place.is_file()).context("there is no target/tools: run `./dev test`")?;
    Ok(python.display().to_string())
}

/// What DuckDB is asked, and how it answers: a JSON list for each access.
const QUERY: &str = "import duckdb, json, sys
rows = duckdb.sql(f\"\"\"select sequence, device, kind, host, verdict, reason from '{sys.argv[1]}'
    where record = 'access' order by sequence\"\"\")
for row in rows.fetchall(): print(json.dumps(row))";

/// A sealed day is the reader's, with tools that know nothing of the box: `age` decrypts it, DuckDB reads it.
#[test]
fn a_reader_needs_no_box() -> Result<()> {
    let lab = Lab::new()?;
    let folder = tempfile::tempdir()?;
    let path = |name: &str| folder.path().join(name).display().to_string();
    let binary = preau_binary()?.display().to_string();
    let make_key = |owner: &str| -> Result<String> {
        let text = lab.pc1.run(&[&binary, "journal", "keys"])?.success()?;
        std::fs::write(path(owner), &text)?;
        let reader = text.lines().find_map(|line| line.strip_prefix("# public key: "));
        reader.map(str::to_owned).context("a public key")
    };
    let (head, safe) = (make_key("head")?, make_key("safe")?);
    let journal = format!("[journal]\nreaders = ['{head}']\nrecovery = '{safe}'\n");
    let mut appliance = lab.appliance_with(&format!("{}\n{journal}", usual_configuration()))?;
    appliance.add_usual_devices()?;
    appliance.start()?;
    appliance.wait_until_ready(&lab.pc1)?;
    visit(&lab, &appliance, "mediatheque.example")?;
    appliance.stop()?;
    let expected = search(&appliance, &[])?;
    assert!(!expected.is_empty(), "today stays readable");
    std::fs::remove_dir_all(appliance.data().join("journal"))?;
    let locked = appliance.run(&["journal", "search", "--json"])?;
    assert!(
        locked.stdout.is_empty() && locked.stderr.contains("1 sealed files are encrypted"),
        "{locked:#?}"
    );
    assert!(verify(&appliance, &[])?.is_success(), "nobody needs a key to verify");
    for owner in ["head", "safe"] {
        assert_eq!(search(&appliance, &["--identity", &path(owner)])?, expected, "{owner}");
    }

    // The first entry says to whom it is sealed.
    let sealed = appliance.data().join("sealed/seal-00000000000000000002.parquet.age");
    let (sealed, table) = (sealed.display().to_string(), path("day.parquet"));
    let decrypt = ["age", "--decrypt", "--identity", &path("head"), "--output", &table, &sealed];
    lab.pc1.run(&decrypt)?.success()?;
    let printed = lab.pc1.run(&[&python()?, "-c", QUERY, &table])?.success()?;
    let rows: Result<Vec<Value>, _> = printed.lines().map(serde_json::from_str).collect();
    let columns = ["sequence", "device", "kind", "host", "verdict", "reason"];
    // That the search of the box was noted is a record, too.
    let accesses = expected.iter().filter(|record| record["kind"] != "person");
    let as_rows: Vec<Value> =
        accesses.map(|record| columns.map(|column| record[column].clone()).to_vec().into()).collect();
    assert_eq!(rows?, as_rows);
    Ok(())
}
