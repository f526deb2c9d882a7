//! What the commune decides of a box's configuration: sent, judged, in force with the next start, and never older than it was.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use harness::{Appliance, Lab, Output, PC1_MAC, WIFI_WITHOUT_RADIO, usual_configuration, wait_until};
use hub::register::Register as _;
use hub::register::sqlite::SqliteRegister;

use crate::hub::text;
use crate::hub_urgent::FarHub;

const UAI: &str = "0750655E";
/// A room's network of another name, and a workspace: at a site that the pupil's profile does not show otherwise, and at one that is on a list.
const GOOD: &str = "[school]\nname = \"École Jules-Ferry\"\n\n[[wifi.network]]\nroom = \"CM2\"\nssid = \"libellule\"\n\n\
                    [[ent]]\nhosts = [\"mediatheque.example\", \"casino.example\"]\n";
const WORKSPACE: &str = "http://mediatheque.example/";
const LISTED: &str = "http://casino.example/";
/// By itself it is right; but the box has an access point of its own in the room CM2.
const UNFIT: &str = "[[wifi.network]]\nroom = \"CP\"\nssid = \"coccinelle\"\n";

/// A hub, and somebody at its command line.
struct Desk<'lab> {
    hub: FarHub<'lab>,
    file: PathBuf,
}

impl Desk<'_> {
    fn send(&self, configuration: &str) -> Result<Output> {
        self.send_to(UAI, configuration)
    }

    fn send_to(&self, uai: &str, configuration: &str) -> Result<Output> {
        fs::write(&self.file, configuration)?;
        self.hub.command(&["configuration", "send", uai, "--file", &text(&self.file)?])
    }

    /// What the box has told the hub of it.
    fn heard(&self) -> Result<serde_json::Value> {
        let register = SqliteRegister::open(&self.hub.folder.path().join("register.sqlite"))?;
        let health = register.boxes()?.pop().context("the box")?.health.context("its health")?;
        let health: serde_json::Value = serde_json::from_str(&health)?;
        Ok(health.get("configuration").cloned().unwrap_or_default())
    }

    fn versions(&self) -> Result<Vec<String>> {
        let listed = self.hub.command(&["configuration", "list", UAI])?.success()?;
        Ok(listed.lines().filter_map(|line| line.split('\t').next()).map(str::to_owned).collect())
    }
}

/// How it stands in the box's file.
fn shown(configuration: &str) -> String {
    configuration.lines().map(|line| format!("#: {line}\n")).collect()
}

/// The box's own file.
fn file_of(appliance: &Appliance<'_>) -> Result<PathBuf> {
    Ok(appliance.data().parent().context("the box's folder")?.join("preau.toml"))
}

/// What a pupil's PC is shown of a site.
fn show(lab: &Lab, url: &str) -> Result<String> {
    let quiet =
        ["curl", "--silent", "--output", "/dev/null", "--max-time", "5", "--write-out", "%{http_code}"];
    Ok(lab.pc1.run(&[&quiet[..], &[url]].concat())?.stdout)
}

fn start_anew(lab: &Lab, appliance: &mut Appliance<'_>) -> Result<()> {
    appliance.stop()?;
    appliance.start()?;
    appliance.wait_until_ready(&lab.pc1)
}

/// What the hub does not keep, no box hears of.
fn check_refused_at_the_hub(desk: &Desk<'_>) -> Result<()> {
    for (configuration, place, word) in [
        ("[gate]\ntls_port = 1\n", ":1:", "cut it from the hub"),
        ("[journal]\nreaders = [\"nobody\"]\n", ":1:", "who reads the journal"),
        ("[school]\nname = \"É\"\ntimezone = \"Europe/Pari\"\n", ":3:", "no time zone"),
        ("[school]\nname = \"É\"\nuai = \"0911234X\"\n", ":3:", "another school"),
    ] {
        let refused = desk.send(configuration)?;
        ensure!(refused.status == Some(1), "{refused:#?}");
        ensure!(refused.stderr.contains(place) && refused.stderr.contains(word), "{refused:#?}");
    }
    ensure!(desk.versions()?.is_empty());
    Ok(())
}

#[test]
fn what_the_commune_decides_of_a_box_is_in_force_with_its_next_start() -> Result<()> {
    let lab = Lab::new()?;
    let profile = "\n[[profile]]\nname = \"ent-seul\"\nmode = \"ent\"\n";
    let own = format!("{}{profile}{WIFI_WITHOUT_RADIO}", usual_configuration());
    let mut appliance = lab.appliance_with(&own)?;
    appliance.build_lists(&lab.lists())?;
    appliance.add_device(PC1_MAC, "CM2-01", "CM2", "ent-seul")?;
    appliance.start()?;
    appliance.wait_until_ready(&lab.pc1)?;
    let folder = tempfile::tempdir()?;
    let desk = Desk { hub: FarHub::start(&lab)?, file: folder.path().join("school.toml") };
    desk.hub.enrol(&appliance)?;
    check_refused_at_the_hub(&desk)?;
    ensure!(show(&lab, WORKSPACE)? == "403", "it is closed to pupils");

    // Another school's is another school's.
    desk.hub.command(&["school", "add", "0911234X", "École Prévert"])?.success()?;
    desk.send_to("0911234X", "[school]\nname = \"École Prévert\"\n")?.success()?;
    let number: u64 = desk.send(GOOD)?.success()?.trim().parse()?;
    let path = file_of(&appliance)?;
    wait_until("it to be in the box's file", || Ok(fs::read_to_string(&path)?.ends_with(&shown(GOOD))))?;
    let file = fs::read_to_string(&path)?;
    ensure!(file.starts_with(&own), "the box's own half stays, letter by letter: {file}");
    ensure!(!file.contains("Prévert"), "{file}");
    let waits = serde_json::json!({ "number": number, "why": "restart" });
    wait_until("the hub to hear that it waits", || Ok(desk.heard()?["waiting"] == waits))?;
    ensure!(show(&lab, WORKSPACE)? == "403", "nothing is in force yet");
    start_anew(&lab, &mut appliance)?;
    wait_until("the workspace to be open", || Ok(show(&lab, WORKSPACE)? == "200"))?;
    // Whoever breaks into a hub calls no site the workspace that a list closes.
    ensure!(show(&lab, LISTED)? == "403", "a list closes it");
    wait_until("the hub to hear that it is in force", || {
        let heard = desk.heard()?;
        Ok(heard["in_force"] == number && heard["waiting"].is_null() && heard["refused"].is_null())
    })?;
    let pages = lab.pc1.run(&["curl", "--silent", "http://preau.lan/"])?.stdout;
    ensure!(pages.contains("École Jules-Ferry"), "{pages}");

    // One that this box does not take, though the hub does: it says why, and works as before.
    let unfit: u64 = desk.send(UNFIT)?.success()?.trim().parse()?;
    ensure!(unfit > number, "each has a higher number");
    wait_until("the hub to hear that it is refused", || {
        let refused = desk.heard()?["refused"].clone();
        let why = refused["why"].as_str().unwrap_or_default().to_owned();
        Ok(refused["number"] == unfit && why.contains("the room `CM2` has no network"))
    })?;
    ensure!(fs::read_to_string(&path)?.ends_with(&shown(GOOD)), "the file is as it was");
    wait_until("a technician to be told", || {
        Ok(appliance.run(&["status"])?.stdout.contains("warning\tconfiguration\t"))
    })?;
    start_anew(&lab, &mut appliance)?;
    wait_until("the workspace to be open still", || Ok(show(&lab, WORKSPACE)? == "200"))?;
    check_way_back(&lab, &desk, &mut appliance, [unfit, number])
}

/// An earlier version is sent once more under a number of its own; an empty one gives the box back what it had.
fn check_way_back(
    lab: &Lab,
    desk: &Desk<'_>,
    appliance: &mut Appliance<'_>,
    [unfit, number]: [u64; 2],
) -> Result<()> {
    let restore = desk.hub.command(&["configuration", "restore", UAI, &number.to_string()])?;
    let again: u64 = restore.success()?.trim().parse()?;
    ensure!(desk.versions()? == [again, unfit, number].map(|number| number.to_string()));
    ensure!(desk.hub.command(&["configuration", "show", UAI])?.success()? == GOOD);
    let path = file_of(appliance)?;
    let line = |number: u64| format!("number {number}\n");
    wait_until("it to be in the file again", || Ok(fs::read_to_string(&path)?.contains(&line(again))))?;
    let taken_back: u64 = desk.send("")?.success()?.trim().parse()?;
    wait_until("nothing of it to be left", || Ok(fs::read_to_string(&path)?.ends_with(&line(taken_back))))?;
    start_anew(lab, appliance)?;
    wait_until("the site to be closed", || Ok(show(lab, WORKSPACE)? == "403"))?;
    let acts = desk.hub.command(&["acts"])?.success()?;
    ensure!(acts.matches("configuration-sent\t0750655E").count() == 4, "{acts}");
    Ok(())
}
