//! A hub begins with a file and a folder, and goes to a database and an object store with all that it has, and back.

use anyhow::{Result, ensure};
use harness::{Lab, ObjectStore, Postgres};

use crate::hub::{Hub, School, configuration, files_at, preau, run_day, sealed_at, text};

#[test]
fn a_hub_grows_out_of_its_folder_and_no_box_notices() -> Result<()> {
    let lab = Lab::new()?;
    let mut appliance = lab.appliance_with(&configuration()?)?;
    appliance.add_usual_devices()?;
    run_day(&lab, &mut appliance, "mediatheque.example")?;
    let data = text(appliance.data())?;
    let box_says = |arguments: &[&str]| preau(&[arguments, &["--data", &data]].concat());
    let (database, store) = (Postgres::start()?, ObjectStore::start()?);
    let (key, secret) = store.credentials();
    let mut hub = Hub::start_with(&[], &format!("s3 {key} {secret}\n"))?;
    box_says(&["enrol", &hub.code(&[])?, "--hub", &hub.url()])?.success()?;
    box_says(&["sync", "now"])?.success()?;
    let by = ["--author", "M. Blanc", "--reason", "faux concours"];
    hub.command(&[&["rule", "refuse", "concours.example"], &by[..]].concat())?.success()?;

    let (place, address, endpoint) =
        (format!("s3://{}/hub", store.bucket()), database.address(), store.endpoint());
    let there = ["--register", &address, "--blobs", &place, "--s3-endpoint", &endpoint];
    let words = [&["move"], &there[..], &["--s3-region", store.region()]].concat();
    let runs = hub.command(&words)?;
    ensure!(runs.status == Some(1) && runs.stderr.contains("stop it"), "while it runs: {runs:#?}");
    hub.kill()?;
    let said = hub.command(&words)?.success()?;
    ensure!(said.contains("rows of the register went"), "{said}");
    let twice = hub.command(&words)?;
    ensure!(twice.status == Some(1) && twice.stderr.contains("there already"), "{twice:#?}");
    for name in ["register.sqlite", "register.sqlite-wal", "register.sqlite-shm"] {
        drop(std::fs::remove_file(hub.folder.path().join(name)));
    }
    std::fs::remove_dir_all(hub.folder.path().join("files"))?;

    // It is the same hub, and goes on where it was.
    let mut hub = hub.started_again()?;
    let night = box_says(&["sync", "now"])?;
    ensure!(night.is_success() && night.stdout.contains("0 files went"), "nothing goes twice: {night:#?}");
    run_day(&lab, &mut appliance, "encyclopedie.example")?;
    box_says(&["sync", "now"])?.success()?;
    let (found, sealed) = (store.contents()?, sealed_at(&appliance)?);
    ensure!(sealed.len() >= 2 && sealed.iter().all(|file| found.contains(file)), "no file is missing");
    ensure!(hub.command(&["acts"])?.success()?.contains("engines-moved"), "it is on record");

    // And back, with what came meanwhile.
    hub.kill()?;
    hub.command(&["move", "--register", "sqlite", "--blobs", "folder"])?.success()?;
    drop((database, store));
    let hub = hub.started_again()?;
    box_says(&["sync", "now"])?.success()?;
    ensure!(files_at(&hub)? == sealed, "all of it is in the folder");
    let spare = School::new()?;
    let said = spare.enrol(&hub.code(&["--replacement"])?, &hub.url())?.success()?;
    ensure!(said.contains("2 devices, 0 people") && said.contains("number 2"), "{said}");
    Ok(())
}
