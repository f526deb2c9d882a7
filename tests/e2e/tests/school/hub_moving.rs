//! A box in use goes to another hub, and enrols anew at its own, by the page of whoever keeps it: there is no shell on the project's image.

use anyhow::{Context, Result, ensure};
use harness::{Appliance, Lab, Output, RESOLVER_IPV4, Service, preau_binary, wait_until};

use crate::hub::{preau, text};
use crate::hub_urgent::FarHub;
use crate::people::{Browser, Page, open};
use crate::technician::{SECRET, sign_in};

const PAGE: &str = "/technique/hub";
/// The ports of the hub that the box is at, and of the other one.
const OWN: &str = "8443";
const OTHER: &str = "8444";

/// Another hub behind the school's line.
struct OtherHub {
    folder: tempfile::TempDir,
    _process: Service,
}

impl OtherHub {
    fn start(lab: &Lab) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let (program, data) = (text(&preau_binary()?)?, text(folder.path())?);
        let listen = format!("{RESOLVER_IPV4}:{OTHER}");
        let words = [program.as_str(), "hub", "--data", &data, "--listen", &listen];
        let process = lab.internet.start("other-hub", &words)?;
        wait_until("the other hub to listen", || Ok(process.log()?.contains("listening on")))?;
        let hub = Self { folder, _process: process };
        hub.command(&["school", "add", "0750655E", "École Jules-Ferry (académie)"])?.success()?;
        Ok(hub)
    }

    fn command(&self, arguments: &[&str]) -> Result<Output> {
        preau(&[&["hub"], arguments, &["--data", &text(self.folder.path())?]].concat())
    }
}

/// The words by which a hub closes a site.
fn close(site: &str) -> [&str; 7] {
    ["rule", "refuse", site, "--author", "M. Blanc", "--reason", "faux concours"]
}

fn status(lab: &Lab, site: &str) -> Result<String> {
    let url = format!("http://{site}/");
    let arguments = ["curl", "--silent", "--output", "/dev/null", "--write-out", "%{http_code}", &url];
    Ok(lab.pc1.run(&arguments)?.stdout)
}

/// Types a code; what became of it.
fn join(technician: &Browser<'_>, code: &str, port: &str, secret: &str) -> Result<Page> {
    let page = technician.get(PAGE)?;
    let form = format!("code={code}&serveur={RESOLVER_IPV4}:{port}&secret={secret}");
    let answer = technician.fill(&page, PAGE, &form)?;
    if answer.status != "303" {
        return Ok(answer);
    }
    let mut told = None;
    wait_until("the hub to answer", || {
        let page = technician.get(PAGE)?;
        let is_over = !page.text.contains("Le boîtier demande au hub");
        told = Some(page);
        Ok(is_over)
    })?;
    told.context("what became of it")
}

/// An exchange with the hub, by hand; the box has one of its own within seconds, and one of the two waits.
fn exchange(appliance: &Appliance<'_>) -> Result<()> {
    wait_until("a night at the hub", || Ok(appliance.run(&["sync", "now"])?.is_success()))
}

#[test]
fn a_box_in_use_goes_to_another_hub_by_its_page_and_keeps_what_it_has() -> Result<()> {
    let lab = Lab::new()?;
    let appliance = open(&lab)?;
    let old = FarHub::start(&lab)?;
    old.enrol(&appliance)?;
    old.command(&close("mediatheque.example"))?.success()?;
    wait_until("the old hub's rule", || Ok(status(&lab, "mediatheque.example")? == "403"))?;
    let other = OtherHub::start(&lab)?;
    other.command(&close("encyclopedie.example"))?.success()?;

    let technician = sign_in(&lab, &appliance)?;
    ensure!(technician.get("/technique")?.text.contains(PAGE), "the way is shown");
    let seen = technician.get(PAGE)?;
    ensure!(seen.text.contains(&format!("{RESOLVER_IPV4}:{OWN}")), "{}", seen.text);
    // What is wrong costs nothing, and changes nothing.
    let code = other.command(&["code", "0750655E"])?.success()?.trim().to_owned();
    for (typed, port, secret, expected) in [
        ("K7QM-4XRT", OTHER, SECRET, "mal tapé"),
        (code.as_str(), OTHER, "faux", "role=\"alert\""),
        (code.as_str(), "1", SECRET, "ne répond pas"),
        (code.as_str(), OWN, SECRET, "ne connaît pas ce code"),
    ] {
        let told = join(&technician, typed, port, secret)?;
        ensure!(told.text.contains(expected), "{expected}: {} {}", told.status, told.text);
        ensure!(!told.text.contains("C’est fait"), "{expected}");
    }
    ensure!(appliance.run(&["sync", "status"])?.success()?.contains(OWN), "it is where it was");

    let devices = appliance.run(&["device", "list"])?.success()?;
    let done = join(&technician, &code, OTHER, SECRET)?;
    ensure!(done.text.contains("C’est fait") && done.text.contains("(académie)"), "{}", done.text);
    exchange(&appliance)?;
    wait_until("the old hub's rule to be over", || Ok(status(&lab, "mediatheque.example")? == "200"))?;
    wait_until("the other hub's rule", || Ok(status(&lab, "encyclopedie.example")? == "403"))?;
    ensure!(appliance.run(&["device", "list"])?.success()? == devices, "the school has what it had");
    ensure!(technician.get(PAGE)?.status == "200", "she is signed in still");
    let boxes = other.command(&["box", "list"])?.success()?;
    ensure!(boxes.starts_with("1\t0750655E\tenrolled"), "{boxes}");
    ensure!(other.command(&["state", "list", "0750655E"])?.success()?.contains("box 1"), "its state went");
    wait_until("the record of it", || {
        let acts = appliance.run(&["journal", "search", "--json", "--acts"])?.success()?;
        let is_told =
            |act: &str| act.contains("join-hub") && act.contains("Mme Petit") && act.contains(OTHER);
        Ok(acts.lines().any(is_told))
    })
}

#[test]
fn a_box_in_use_enrols_once_more_at_its_hub_and_nothing_is_put_back() -> Result<()> {
    let lab = Lab::new()?;
    let appliance = open(&lab)?;
    let hub = FarHub::start(&lab)?;
    hub.enrol(&appliance)?;
    // Entered since the night: the state that the hub has does not know it.
    let device = ["device", "add", "02:00:00:00:00:77", "--name", "neuf", "--profile", "elementaire"];
    appliance.run(&device)?.success()?;
    hub.command(&["box", "revoke", "1"])?.success()?;
    let refused = appliance.run(&["sync", "now"])?;
    ensure!(refused.stderr.contains("revoked this box"), "it was revoked by mistake: {refused:#?}");
    let technician = sign_in(&lab, &appliance)?;
    let seen = technician.get(PAGE)?.text;
    ensure!(seen.contains("ne reconnaît plus ce boîtier"), "what is wrong, and what to do: {seen}");
    let code = hub.command(&["code", "0750655E", "--replacement"])?.success()?.trim().to_owned();
    let done = join(&technician, &code, OWN, SECRET)?;
    ensure!(done.text.contains("C’est fait"), "{}", done.text);
    exchange(&appliance)?;
    ensure!(appliance.run(&["device", "list"])?.success()?.contains("neuf"), "nothing was put back");
    let boxes = hub.command(&["box", "list"])?.success()?;
    ensure!(boxes.contains("1\t0750655E\trevoked") && boxes.contains("2\t0750655E\tenrolled"), "{boxes}");
    let log = appliance.log()?;
    ensure!(!log.contains(&code) && !log.contains("chats"), "neither code nor password is in a log");
    Ok(())
}
