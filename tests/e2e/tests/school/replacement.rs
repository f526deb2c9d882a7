//! A box is lost: another one takes its place with one code, and what the lost one had not sent is taken when it is found.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use harness::{Appliance, Lab, Output, PC1_MAC, WIFI_WITHOUT_RADIO, usual_configuration, wait_until};
use system::clock::monotonic;

use crate::hub::{Hub, School, by_hand, configuration, files_at, preau, text};
use crate::people::{AUTHORITY, Browser, add};
use crate::sealing::visit;

const SITE: &str = "http://mediatheque.example/";
const SECRET: &str = "402817";
/// From the code to a school that is served: what a class waits for.
const MINUTE: Duration = Duration::from_secs(60);

fn status_of(lab: &Lab) -> Result<String> {
    let quiet =
        ["curl", "--silent", "--output", "/dev/null", "--max-time", "5", "--write-out", "%{http_code}"];
    Ok(lab.pc1.run(&[&quiet[..], &[SITE]].concat())?.stdout)
}

/// A box with devices, a rule, a teacher with a secret of her own, a Wi-Fi network, and an authority that a browser trusts.
fn open(lab: &Lab) -> Result<Appliance<'_>> {
    let mut appliance = lab.appliance_with(&format!("{}{WIFI_WITHOUT_RADIO}", usual_configuration()))?;
    appliance.build_lists(&lab.lists())?;
    appliance.add_usual_devices()?;
    appliance.start()?;
    appliance.wait_until_ready(&lab.pc1)?;
    appliance.run(&["ca", "export", "--out", &text(&lab.directory().join(AUTHORITY))?])?.success()?;
    let card = add(&appliance, "Mme Martin", "teacher", &["CM2"])?;
    Browser::new(lab, &lab.pc2, "teacher").begin("personne=1", &card, SECRET)?;
    let rule = ["override", "refuse", "mediatheque.example", "--room", "CM2", "--author", "M. Bernard"];
    appliance.run(&[&rule[..], &["--layer", "school", "--reason", "concours"]].concat())?.success()?;
    wait_until("the rule", || Ok(status_of(lab)? == "403"))?;
    // It goes on for longer than the test, in whichever box.
    let lesson = ["lesson", "start", "CM2", "--teacher", "Mme Martin", "--for", "2h"];
    appliance.run(&lesson)?.success()?;
    wait_until("the room's key", || {
        Ok(appliance.run(&["wifi", "key", "list"])?.success()?.starts_with("k1\tCM2\t-\t"))
    })?;
    Ok(appliance)
}

/// The states that the hub has of the first box, as they lie there.
fn states_at(hub: &Hub) -> Result<Vec<Vec<u8>>> {
    let mut states = Vec::new();
    for entry in fs::read_dir(hub.folder.path().join("files/1"))? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "state") {
            states.push(fs::read(path)?);
        }
    }
    Ok(states)
}

fn box_says(data: &Path, arguments: &[&str]) -> Result<Output> {
    by_hand(|| preau(&[arguments, &["--data", &text(data)?]].concat()))
}

fn refused(said: &Output, expected: &str) -> Result<()> {
    ensure!(said.status == Some(1) && said.stderr.contains(expected), "{expected}: {said:#?}");
    Ok(())
}

/// The box's disk, which somebody has taken out.
fn take_disk(appliance: &Appliance<'_>) -> Result<PathBuf> {
    let disk = appliance.data().with_file_name("disk-of-the-lost-box");
    fs::rename(appliance.data(), &disk)?;
    Ok(disk)
}

#[test]
fn a_replacement_serves_the_school_as_the_lost_box_did() -> Result<()> {
    let hub = Hub::start()?;
    let lab = Lab::new()?;
    let mut appliance = open(&lab)?;
    let key = appliance.run(&["wifi", "key", "show", "--room", "CM2"])?.success()?;
    let data = appliance.data().to_owned();
    box_says(&data, &["enrol", &hub.code(&[])?, "--hub", &hub.url()])?.success()?;
    let night = box_says(&data, &["sync", "now"])?;
    ensure!(night.is_success() && night.stderr.contains("the hub has the box's state"), "{night:#?}");
    // It goes once, and once more where the box heard at that moment what the commune says to its school.
    wait_until("the state to go no more", || {
        let again = box_says(&data, &["sync", "now"])?;
        ensure!(again.is_success(), "{again:#?}");
        Ok(!again.stderr.contains("the hub has the box's state"))
    })?;
    // At the hub lies nothing that the blob store or the register alone could read.
    let kept = states_at(&hub)?;
    ensure!(
        (1..=2).contains(&kept.len()) && kept.iter().all(|bytes| bytes.starts_with(b"age-encryption.org/v1"))
    );

    appliance.kill9()?;
    let lost = take_disk(&appliance)?;
    // Somebody has begun to enter things into a spare: it takes nothing over unasked, and the code is as good as before.
    let begun = School::new()?;
    begun.run(&["device", "add", PC1_MAC, "--name", "essai", "--profile", "elementaire"])?.success()?;
    let states = hub.command(&["state", "list", "0750655E"])?.success()?;
    let are_its_own = states.lines().all(|line| line.contains("\tbox 1\t"));
    ensure!((1..=2).contains(&states.lines().count()) && are_its_own, "{states}");
    let wrong = hub.command(&["code", "0750655E", "--replacement", "--state", &"0".repeat(64)])?;
    refused(&wrong, "preau hub state list")?;
    ensure!(hub.command(&["code", "list"])?.success()?.is_empty(), "the code of it is worth nothing");
    let state = states.split('\t').next().context("its hash")?;
    let code = hub.code(&["--replace", "--state", state])?;
    begun.refused(&["enrol", &code, "--hub", &hub.url()], "--discard-state")?;
    ensure!(hub.command(&["code", "list"])?.success()?.contains("tries 3"));

    let own = lab.directory().join("spare.toml");
    fs::write(&own, "version = 1\n# of the spare\n")?;
    let begun = monotonic();
    let enrol = ["enrol", &code, "--hub", &hub.url(), "--config", &text(&own)?];
    let said = box_says(&data, &enrol)?.success()?;
    ensure!(said.contains("2 devices, 1 people") && said.contains("number 2"), "{said}");
    // It is put in place outside of the lab, whose ports this machine has not.
    ensure!(said.contains("names the port lan0, which this machine has not"), "{said}");
    ensure!(fs::read_to_string(&own)? == format!("{}{WIFI_WITHOUT_RADIO}", usual_configuration()));
    ensure!(fs::read_to_string(lab.directory().join("spare.toml.before"))?.contains("# of the spare"));
    refused(&box_says(&lost, &["sync", "now"])?, "revoked this box")?;

    appliance.build_lists(&lab.lists())?;
    appliance.start()?;
    appliance.wait_until_ready(&lab.pc1)?;
    wait_until("the same rule", || Ok(status_of(&lab)? == "403"))?;
    let took = monotonic().saturating_duration_since(begun);
    ensure!(took < MINUTE, "{took:?} from the code to the class");
    let lessons = appliance.run(&["lesson", "list"])?.success()?;
    ensure!(lessons.contains("CM2\tMme Martin"), "the lesson goes on: {lessons}");
    // The same authority is trusted: the browser has the file of before.
    let teacher = Browser::new(&lab, &lab.pc2, "teacher-again");
    let signed_in = teacher.sign_in("personne=1", SECRET)?;
    ensure!(signed_in.status == "303", "{} {}", signed_in.status, signed_in.text);
    ensure!(teacher.get("/enseignant")?.status == "200", "she is signed in");
    ensure!(appliance.run(&["wifi", "key", "show", "--room", "CM2"])?.success()? == key);
    let devices = appliance.run(&["device", "list"])?.success()?;
    ensure!(devices.contains("CM2-01") && devices.contains("CM2-02"), "{devices}");
    // The rule stands in the new box's own journal, too.
    wait_until("its record", || {
        let acts = appliance.run(&["journal", "search", "--json", "--acts"])?.success()?;
        Ok(acts.lines().any(|line| line.contains("mediatheque.example") && line.contains("\"make\"")))
    })?;
    box_says(&data, &["sync", "now"])?.success()?;
    refused(&box_says(&lost, &["sync", "now"])?, "revoked this box")
}

#[test]
fn what_a_lost_box_had_not_sent_is_taken_when_it_is_found() -> Result<()> {
    let hub = Hub::start()?;
    let lab = Lab::new()?;
    let mut appliance = lab.appliance_with(&configuration()?)?;
    appliance.add_usual_devices()?;
    let day = |appliance: &mut Appliance<'_>, host: &str| -> Result<()> {
        appliance.start()?;
        appliance.wait_until_ready(&lab.pc1)?;
        visit(&lab, appliance, host)?;
        appliance.stop()
    };
    day(&mut appliance, "mediatheque.example")?;
    let data = appliance.data().to_owned();
    box_says(&data, &["enrol", &hub.code(&[])?, "--hub", &hub.url()])?.success()?;
    box_says(&data, &["sync", "now"])?.success()?;
    day(&mut appliance, "encyclopedie.example")?;
    day(&mut appliance, "mediatheque.example")?;
    let lost = take_disk(&appliance)?;
    box_says(&data, &["enrol", &hub.code(&["--replace"])?, "--hub", &hub.url()])?.success()?;
    box_says(&data, &["sync", "now"])?.success()?;

    let sealed = lost.join("sealed");
    let mut names: Vec<PathBuf> =
        fs::read_dir(&sealed)?.map(|entry| Ok(entry?.path())).collect::<Result<_>>()?;
    names.retain(|name| name.extension().is_some_and(|extension| extension == "age"));
    names.sort_unstable();
    let [_, second, third] = names.as_slice() else { anyhow::bail!("not three files: {names:?}") };
    let adopt = || hub.command(&["adopt", &text(&lost)?]);
    // Somebody has changed the log, or has cut off what the hub has signed.
    let log = fs::read_to_string(sealed.join("log"))?;
    let changed = log.replacen("set-back-ms 0", "set-back-ms 1", 1);
    ensure!(changed != log, "{log}");
    fs::write(sealed.join("log"), changed)?;
    refused(&adopt()?, "nothing is taken")?;
    fs::write(sealed.join("log"), "")?;
    refused(&adopt()?, "nothing is taken")?;
    fs::write(sealed.join("log"), &log)?;
    // A whole log by another key is nobody's whom the hub knows.
    let stranger = School::new()?;
    fs::create_dir(stranger.0.path().join("sealed"))?;
    refused(&hub.command(&["adopt", &text(stranger.0.path())?])?, "no key")?;

    // One file is damaged: it is named, the other one comes.
    let whole = fs::read(third)?;
    fs::write(third, whole.get(..whole.len() - 1).context("bytes")?)?;
    let said = adopt()?;
    ensure!(said.status == Some(1) && said.stdout.contains("1 files"), "{said:#?}");
    ensure!(
        said.stdout.contains(third.file_name().and_then(|name| name.to_str()).context("a name")?),
        "{said:#?}"
    );
    fs::write(third, &whole)?;
    let said = adopt()?.success()?;
    ensure!(said.contains("box 1") && said.contains("1 files"), "{said}");
    ensure!(adopt()?.success()?.contains("0 files"), "it is taken once");
    let kept = files_at(&hub)?;
    ensure!(kept.contains(&whole) && kept.contains(&fs::read(second)?), "{} files", kept.len());
    let boxes = hub.command(&["box", "list"])?.success()?;
    let of = boxes.lines().find(|line| line.starts_with("1\t")).context("the lost box")?;
    ensure!(of.contains("revoked") && of.contains("files 3"), "{boxes}");
    // The hub has signed the end of its log, as the disk has it.
    let checkpoint = hub.folder.path().join("checkpoint");
    fs::write(&checkpoint, hub.command(&["box", "checkpoint", "1"])?.success()?)?;
    let asked = ["journal", "verify", "--witness", &hub.witness, "--checkpoint", &text(&checkpoint)?];
    let verified = box_says(&lost, &asked)?;
    ensure!(verified.is_success() && verified.stdout.contains("as witnessed"), "{verified:#?}");
    Ok(())
}
