//! A box is lost, and a fresh one takes its place: two cables, the power, and a code on the page that it shows. All of it is timed.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use harness::{Lab, Machine, WIFI_WITHOUT_RADIO, wait_until};

use crate::booted::{Booted, Parts, START_WITHIN, copy_disk, workshop};
use crate::classroom::{Page, answers, check_filter, give_line, lease, open, resolve, rewire, send};
use crate::hub::{Hub, SCHOOL};
use crate::radio;

/// What the lost box had, beside a network of the Wi-Fi: what the image begins with.
const CONFIGURATION: &str = include_str!("../../../../../image/preau.toml");
/// A site that the school has closed for this room.
const CLOSED: &str = "http://mediatheque.example/";
/// A site that is open, but for a lesson.
const OPEN: &str = "http://encyclopedie.example/";
/// The box's pages.
const HOME: &str = "http://preau.lan";
const ENROL_PATH: &str = "/inscription";
/// How long a classroom waits for what the box has decided.
pub(crate) const SOON: Duration = Duration::from_secs(300);
/// A command of the box's, as its user.
pub(crate) const PREAU: &str = "runuser -u preau -- preau";
pub(crate) const DATA: &str = "--data /var/lib/preau";

/// From power-on to a classroom as it was: enrolled by the page, filtered, on record, with its Wi-Fi and its lessons.
pub(crate) fn run(image: &Path) -> Result<()> {
    let workshop = workshop(image)?;
    let lab = Lab::quiet()?;
    let hub = Hub::start(&lab.internet)?;
    let key = lose_a_box(&lab, &hub)?;
    rewire(&lab)?;
    let _line = give_line(&lab.internet)?;
    let disk = workshop.path().join("disk.raw");
    copy_disk(&lab, image, &disk)?;
    let code = hub.code(&["--replacement"])?;

    let parts = Parts { image, disk: &disk, log: None, beside: &[], is_attended: false };
    let mut machine = Booted::start(&lab, &parts)?;
    let tell =
        |what: &str, machine: &Booted<'_>| println!("{what:<20}{:.1} s after power-on", machine.seconds());
    machine.wait("the first answer", START_WITHIN, |_| answers(&lab.pc2))?;
    tell("first answer", &machine);
    // Nobody's box filters all the same.
    check_filter(&lab.pc2)?;
    lease(&lab.pc1)?;
    machine.wait("the page of a fresh box", START_WITHIN, |_| {
        Ok(open(&lab.pc1, &format!("{HOME}/"))?.text.contains(ENROL_PATH))
    })?;
    tell("page", &machine);
    machine.wait("the line", START_WITHIN, |_| {
        Ok(resolve(&lab.pc1, "mediatheque.example")? == "198.51.100.10\n")
    })?;
    tell("line", &machine);
    type_in(&lab.pc1, &code, &hub.url())?;
    machine.wait("the box at the hub", START_WITHIN, |_| {
        let boxes = hub.command(&["box", "list"])?;
        let is_there = boxes.lines().any(|line| line.starts_with(&format!("2\t{SCHOOL}\tenrolled\t")));
        if let Some(trouble) = trouble(&lab.pc1)?.filter(|_| !is_there) {
            bail!("the page says: {trouble}");
        }
        Ok(is_there)
    })?;
    tell("enrolled", &machine);
    machine
        .wait("what the school has closed", START_WITHIN, |_| Ok(open(&lab.pc1, CLOSED)?.status == "403"))?;
    ensure!(open(&lab.pc1, OPEN)?.text.contains("Ici encyclopedie.example"), "an open site");
    tell("filtered", &machine);
    wait_for_record(&mut machine)?;
    tell("on record", &machine);
    let shown = machine.inside(&format!("{PREAU} wifi key show --room CM2 {DATA}"))?;
    ensure!(shown.trim() == key, "the room has another key");
    give_a_lesson(&mut machine, &lab.pc1)?;
    tell("Wi-Fi and lessons", &machine);
    radio::serve_a_lesson(&mut machine)?;
    tell("radio of its own", &machine);
    machine.settle()
}

/// A box of the school, with devices, a rule and a Wi-Fi key, enrolled, whose state is at the hub. It is gone afterwards; its key of
/// the Wi-Fi is returned.
fn lose_a_box(lab: &Lab, hub: &Hub<'_>) -> Result<String> {
    let mut lost = lab.appliance_with(&format!("{CONFIGURATION}{WIFI_WITHOUT_RADIO}"))?;
    lost.add_usual_devices()?;
    lost.start()?;
    lost.wait_until_ready(&lab.pc1)?;
    let site = CLOSED.trim_start_matches("http://").trim_end_matches('/');
    let rule = ["override", "refuse", site, "--room", "CM2", "--author", "M. Bernard"];
    lost.run(&[&rule[..], &["--layer", "school", "--reason", "concours"]].concat())?.success()?;
    wait_until("the rule of the lost box", || Ok(open(&lab.pc1, CLOSED)?.status == "403"))?;
    let key = || lost.run(&["wifi", "key", "show", "--room", "CM2"]);
    wait_until("the key of the lost box", || Ok(key()?.is_success()))?;
    let key = key()?.success()?.trim().to_owned();
    lost.run(&["enrol", &hub.code(&[])?, "--hub", &hub.url()])?.success()?;
    lost.run(&["sync", "now"])?.success()?;
    ensure!(!hub.command(&["state", "list", SCHOOL])?.is_empty(), "the hub has no state of the lost box");
    lost.kill9()?;
    Ok(key)
}

/// Fills in the form of a fresh box.
fn type_in(client: &Machine, code: &str, hub: &str) -> Result<()> {
    let url = format!("{HOME}{ENROL_PATH}");
    let page = open(client, &url)?;
    let token = find_token(&page).with_context(|| format!("no form: {} {}", page.status, page.text))?;
    let fields = [format!("jeton={token}"), format!("code={code}"), format!("serveur={hub}")];
    let mut options = vec!["--header", "Origin: http://preau.lan"];
    options.extend(fields.iter().flat_map(|field| ["--data-urlencode", field.as_str()]));
    let answer = send(client, &url, &options)?;
    ensure!(answer.status == "303", "the code is not taken: {} {}", answer.status, answer.text);
    Ok(())
}

/// What proves that a form is the box's own.
fn find_token(page: &Page) -> Option<&str> {
    let (_, rest) = page.text.split_once("name=\"jeton\" value=\"")?;
    rest.split('"').next()
}

/// What the page says is wrong; a box that starts anew says nothing.
pub(crate) fn trouble(client: &Machine) -> Result<Option<String>> {
    let page = open(client, &format!("{HOME}{ENROL_PATH}"))?;
    let said = page.text.split_once("role=\"alert\">").and_then(|(_, rest)| rest.split('<').next());
    Ok(said.map(str::to_owned))
}

/// What was refused in the classroom is in the journal.
fn wait_for_record(machine: &mut Booted<'_>) -> Result<()> {
    let search = format!(
        "{PREAU} journal search --json --reason maintenance --host mediatheque.example --device CM2-01 {DATA}"
    );
    machine.wait("the record", SOON, |machine| {
        Ok(machine.peek(&search)?.is_some_and(|found| found.contains("mediatheque.example")))
    })
}

/// A lesson closes the Internet for its room, and opens it again.
fn give_a_lesson(machine: &mut Booted<'_>, client: &Machine) -> Result<()> {
    let config = "--config /etc/preau/preau.toml";
    let lesson = "lesson start CM2 --teacher 'Mme Martin' --for 30m --internet closed";
    machine.inside(&format!("{PREAU} {lesson} {config} {DATA}"))?;
    machine.wait("the lesson", SOON, |_| Ok(open(client, OPEN)?.status == "403"))?;
    machine.inside(&format!(
        "number=$({PREAU} lesson list {config} {DATA} | cut -f1) && {PREAU} lesson end \"$number\" --author 'Mme Martin' {DATA}"
    ))?;
    machine.wait("the end of the lesson", SOON, |_| Ok(open(client, OPEN)?.status == "200"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_token_of_a_form_is_found() {
        let page = |text: &str| Page { status: "200".to_owned(), text: text.to_owned() };
        let form = page("<form><input type=\"hidden\" name=\"jeton\" value=\"4f2a\">\n<input name=\"code\">");
        assert_eq!(find_token(&form), Some("4f2a"));
        assert_eq!(find_token(&page("<form><input name=\"code\">")), None);
    }
}
