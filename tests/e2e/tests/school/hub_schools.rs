//! Two schools and a hub: each has its own, nobody reads what is another one's, what is everybody's reaches both, and what one may take of its line it does
//! not exceed.

use std::collections::BTreeSet;
use std::fs;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use harness::{Appliance, Lab, Output, wait_until};
use hub::register::sqlite::SqliteRegister;
use hub::register::wishes::Wishes as _;
use model::Timestamp;
use replication::SchoolRequest;
use system::clock::monotonic;

use crate::hub::{Hub, School, by_hand, configuration, preau, sealed_at, text};
use crate::hub_api::{ask, credentials};
use crate::sealing::visit;

/// The schools, with the site that each was at.
const SCHOOLS: [(&str, &str); 2] =
    [("0750655E", "mediatheque.example"), ("0911234X", "encyclopedie.example")];
/// What a night may take of the line.
const KBIT: u32 = 160;

/// A school whose box has sealed a day, and runs.
fn open<'lab>(lab: &'lab Lab, site: &str) -> Result<Appliance<'lab>> {
    let mut appliance = lab.appliance_with(&configuration()?)?;
    appliance.build_lists(&lab.lists())?;
    appliance.add_usual_devices()?;
    appliance.start()?;
    appliance.wait_until_ready(&lab.pc1)?;
    visit(lab, &appliance, site)?;
    appliance.stop()?;
    appliance.start()?;
    appliance.wait_until_ready(&lab.pc1)?;
    Ok(appliance)
}

fn box_says(appliance: &Appliance<'_>, arguments: &[&str]) -> Result<Output> {
    by_hand(|| preau(&[arguments, &["--data", &text(appliance.data())?]].concat()))
}

fn status(lab: &Lab, site: &str) -> Result<String> {
    let url = format!("http://{site}/");
    let arguments = ["curl", "--silent", "--output", "/dev/null", "--write-out", "%{http_code}", &url];
    Ok(lab.pc1.run(&arguments)?.stdout)
}

/// A night at this pace takes its time.
fn sync_slowly(appliance: &Appliance<'_>) -> Result<()> {
    let begun = monotonic();
    let night = box_says(appliance, &["sync", "now", "--kbit", &KBIT.to_string()])?.success()?;
    let took = monotonic().saturating_duration_since(begun);
    let bytes = night.split(" files went, ").nth(1).and_then(|rest| rest.split(' ').next());
    let bytes: u32 = bytes.context("how much went")?.parse()?;
    let least = Duration::from_millis(u64::from(bytes) * 8 / u64::from(KBIT));
    ensure!(bytes > 0 && took >= least, "{bytes} bytes in {took:?}, {least:?} at least");
    Ok(())
}

/// What the hub has of a box: files under their hashes.
fn files_of(hub: &Hub, number: usize) -> Result<BTreeSet<Vec<u8>>> {
    let mut files = BTreeSet::new();
    for entry in fs::read_dir(hub.folder.path().join("files").join(number.to_string()))? {
        let path = entry?.path();
        if path.extension().is_none() {
            files.insert(fs::read(path)?);
        }
    }
    Ok(files)
}

/// One school asks for a site to be closed, and it is: there alone.
fn close_for_one(hub: &Hub, uai: &str, site: &str) -> Result<()> {
    let register = SqliteRegister::open(&hub.folder.path().join("register.sqlite"))?;
    let request = SchoolRequest {
        site: site.to_owned(),
        wants: "refuse".to_owned(),
        author: "Mme Martin".to_owned(),
        reason: "disputes".to_owned(),
        is_urgent: false,
        asked_ms: 1,
    };
    register.add_wish(uai, &request, &[], Timestamp::from_unix_ms(1_795_392_000_000))?;
    let answer = ["request", "answer", "1", "school", "--author", "M. Blanc", "--reason", "d’accord"];
    hub.command(&answer)?.success().map(drop)
}

/// By the certificate of one box, nothing is to be had of the other one.
fn look_over_the_fence(hub: &Hub, own: &Appliance<'_>) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let spy = School(tempfile::tempdir()?);
    fs::create_dir(spy.0.path().join("hub"))?;
    fs::copy(own.data().join("hub/identity"), spy.0.path().join("hub/identity"))?;
    credentials(&spy, folder.path())?;
    let hashes = |number: &str| -> Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in fs::read_dir(hub.folder.path().join("files").join(number))? {
            names.push(entry?.file_name().to_string_lossy().into_owned());
        }
        Ok(names.into_iter().filter(|name| !name.contains('.')).collect())
    };
    let (status, listed) = ask(hub, folder.path(), &["/api/v1/files"])?;
    ensure!(status == 200 && hashes("1")?.iter().all(|hash| listed.contains(hash)), "its own: {listed}");
    let theirs = hashes("2")?;
    ensure!(!theirs.is_empty() && theirs.iter().all(|hash| !listed.contains(hash)), "{listed}");
    for hash in &theirs {
        let (_, told) = ask(hub, folder.path(), &["--head", &format!("/api/v1/files/{hash}")])?;
        ensure!(told.to_lowercase().contains("upload-offset: 0"), "as of a file that is not there: {told}");
        let (status, told) = ask(hub, folder.path(), &[&format!("/api/v1/files/{hash}")])?;
        ensure!(status == 405 || status == 404, "nobody fetches a sealed file: {told}");
    }
    let (status, sheet) = ask(hub, folder.path(), &["/api/v1/sheet"])?;
    ensure!(status == 200 && sheet.contains("0750655E") && !sheet.contains("0911234X"), "{sheet}");
    let (status, told) = ask(hub, folder.path(), &["/api/v1/inheritance"])?;
    ensure!(status != 200, "it takes nobody's place: {told}");
    Ok(())
}

#[test]
fn two_schools_have_their_own_and_what_is_everybodys() -> Result<()> {
    let hub = Hub::start()?;
    let labs = [Lab::new()?, Lab::new()?];
    let mut boxes = Vec::new();
    for (lab, (uai, site)) in labs.iter().zip(SCHOOLS) {
        let appliance = open(lab, site)?;
        let code = hub.command(&["code", uai])?.success()?;
        box_says(&appliance, &["enrol", code.trim(), "--hub", &hub.url()])?.success()?;
        sync_slowly(&appliance)?;
        boxes.push(appliance);
    }
    let [first, second] = boxes.as_slice() else { anyhow::bail!("two boxes") };
    for (number, appliance) in [(1, first), (2, second)] {
        let sealed: BTreeSet<Vec<u8>> = sealed_at(appliance)?.into_iter().collect();
        ensure!(!sealed.is_empty() && files_of(&hub, number)? == sealed, "box {number}");
    }
    ensure!(files_of(&hub, 1)?.is_disjoint(&files_of(&hub, 2)?));

    // What the commune closes is closed in both, what one asked for in that one.
    let rule = ["rule", "refuse", "notcasino.example", "--author", "M. Blanc", "--reason", "faux concours"];
    hub.command(&rule)?.success()?;
    close_for_one(&hub, "0750655E", "encyclopedie.example")?;
    for appliance in &boxes {
        box_says(appliance, &["sync", "now"])?.success()?;
    }
    for lab in &labs {
        wait_until("the commune's rule", || Ok(status(lab, "notcasino.example")? == "403"))?;
    }
    let [lab, other] = &labs;
    wait_until("the school's own rule", || Ok(status(lab, "encyclopedie.example")? == "403"))?;
    ensure!(status(other, "encyclopedie.example")? == "200", "it is no other school's");
    look_over_the_fence(&hub, first)?;

    // One is stolen: it is cut off, and the other one notices nothing.
    hub.command(&["box", "revoke", "1"])?.success()?;
    let refused = box_says(first, &["sync", "now"])?;
    ensure!(refused.stderr.contains("revoked this box"), "{refused:#?}");
    box_says(second, &["sync", "now"])?.success().map(drop)
}
