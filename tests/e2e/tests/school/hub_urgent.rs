//! What does not wait for the night: what the commune closes is closed within seconds, and what a school asks is answered as fast.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use harness::{Appliance, Lab, Output, RESOLVER_IPV4, Service, preau_binary, wait_until};
use hub::register::Register as _;
use hub::register::sqlite::SqliteRegister;

use crate::hub::{preau, text};
use crate::people::{self, Browser, add, status_of};
use crate::workspace::{ENT, configure, curl};

const PAGE: &str = "/enseignant/commune";

/// A hub behind the school's line.
pub(crate) struct FarHub<'lab> {
    lab: &'lab Lab,
    pub(crate) folder: tempfile::TempDir,
    options: Vec<String>,
    process: Option<Service>,
}

impl<'lab> FarHub<'lab> {
    pub(crate) fn start(lab: &'lab Lab) -> Result<Self> {
        Self::start_with(lab, &[])
    }

    pub(crate) fn start_with(lab: &'lab Lab, options: &[&str]) -> Result<Self> {
        let options = options.iter().map(|option| (*option).to_owned()).collect();
        let mut hub = Self { lab, folder: tempfile::tempdir()?, options, process: None };
        hub.run()?;
        hub.command(&["school", "add", "0750655E", "École Jules-Ferry"])?.success()?;
        Ok(hub)
    }

    pub(crate) fn run(&mut self) -> Result<()> {
        let (program, data) = (text(&preau_binary()?)?, text(self.folder.path())?);
        let listen = format!("{RESOLVER_IPV4}:8443");
        let mut words: Vec<&str> = vec![&program, "hub", "--data", &data, "--listen", &listen];
        words.extend(self.options.iter().map(String::as_str));
        let process = self.lab.internet.start("hub", &words)?;
        wait_until("the hub to listen", || Ok(process.log()?.contains("listening on")))?;
        self.process = Some(process);
        Ok(())
    }

    /// Nobody is there any more.
    pub(crate) fn stop(&mut self) {
        drop(self.process.take());
    }

    pub(crate) fn command(&self, arguments: &[&str]) -> Result<Output> {
        preau(&[&["hub"], arguments, &["--data", &text(self.folder.path())?]].concat())
    }

    fn rule(&self, verdict: &str, site: &str) -> Result<()> {
        let by = ["--author", "M. Blanc", "--reason", "faux concours"];
        self.command(&[&["rule", verdict, site], &by[..]].concat())?.success().map(drop)
    }

    /// The box enrols, and has had its first night.
    pub(crate) fn enrol(&self, appliance: &Appliance<'_>) -> Result<()> {
        let code = self.command(&["code", "0750655E"])?.success()?;
        let url = format!("https://{RESOLVER_IPV4}:8443");
        appliance.run(&["enrol", code.trim(), "--hub", &url])?.success()?;
        wait_until("its first night", || Ok(appliance.log()?.contains("the hub has what it should have")))
    }

    /// The register as it is on the disk, with what SQLite keeps beside it.
    fn register(&self) -> Result<Vec<(PathBuf, Vec<u8>)>> {
        let paths = ["register.sqlite", "register.sqlite-wal"].map(|name| self.folder.path().join(name));
        paths.into_iter().map(|path| Ok((path.clone(), fs::read(path)?))).collect()
    }
}

#[test]
fn what_the_commune_closes_is_closed_in_the_classroom_within_seconds() -> Result<()> {
    let lab = Lab::new()?;
    let appliance = lab.start_appliance()?;
    let mut hub = FarHub::start(&lab)?;
    hub.enrol(&appliance)?;
    let status = || -> Result<String> {
        let url = "http://mediatheque.example/";
        let arguments = ["curl", "--silent", "--output", "/dev/null", "--write-out", "%{http_code}", url];
        Ok(lab.pc1.run(&arguments)?.stdout)
    };
    ensure!(status()? == "200", "nothing is closed yet");
    hub.rule("refuse", "concours.example")?;
    wait_until("the box to hear of it", || {
        Ok(appliance.log()?.contains("the commune's policy came at once"))
    })?;
    let before = hub.register()?;
    // Said at the command line: another process than the one at which the box waits.
    hub.rule("refuse", "mediatheque.example")?;
    wait_until("the site to be closed", || Ok(status()? == "403"))?;

    // The hub is gone, and the box goes on; it comes back as it was long ago, and opens nothing by that.
    hub.stop();
    wait_until("the box to miss it", || {
        Ok(appliance.log()?.contains("what does not wait for the night: the hub"))
    })?;
    ensure!(status()? == "403", "it is closed still");
    for (path, bytes) in before {
        fs::write(path, bytes)?;
    }
    drop(fs::remove_file(hub.folder.path().join("register.sqlite-shm")));
    hub.run()?;
    wait_until("the night that refuses it", || {
        Ok(appliance.run(&["sync", "now"])?.stderr.contains("an old one is not taken"))
    })?;
    ensure!(status()? == "403", "an old word opens nothing");
    hub.rule("permit", "mediatheque.example")?;
    wait_until("the site to be open", || Ok(status()? == "200"))
}

#[test]
fn what_the_commune_locks_is_opened_by_its_own_exception_alone() -> Result<()> {
    let lab = Lab::new()?;
    let appliance = lab.start_appliance()?;
    let hub = FarHub::start(&lab)?;
    let permit = || {
        let by = ["--author", "Mme Bernard", "--reason", "exposé"];
        appliance.run(&[&["override", "permit", "casino.example", "--layer", "school"], &by[..]].concat())
    };
    permit()?.success()?;
    wait_until("the school's own exception", || Ok(status_of(&lab.pc1)? == "200"))?;
    hub.enrol(&appliance)?;
    let category = |what: &str, more: &[&str]| {
        let by = ["--author", "M. Blanc", "--reason", "jeux d’argent"];
        hub.command(&[&["category", what, "gambling"], &by[..], more].concat())
    };
    // It is looked at first: what the box has told in its night.
    let tried = category("lock", &["--try"])?;
    let told = "0750655E\tdevices that see it 0\trules of its own that would count no more 1\n";
    ensure!(tried.stderr == told && tried.status == Some(0), "{tried:#?}");
    ensure!(hub.command(&["category", "list"])?.success()?.is_empty(), "nothing is locked yet");
    category("lock", &[])?.success()?;
    wait_until("the category to be locked", || Ok(status_of(&lab.pc1)? == "403"))?;
    let again = permit()?;
    ensure!(again.status == Some(1) && again.stderr.contains("which the commune has locked"), "{again:#?}");

    hub.rule("permit", "casino.example")?;
    wait_until("the commune's own exception", || Ok(status_of(&lab.pc1)? == "200"))?;
    hub.command(&["rule", "remove", "casino.example"])?.success()?;
    wait_until("its end", || Ok(status_of(&lab.pc1)? == "403"))?;
    category("unlock", &[])?.success()?;
    wait_until("the school's exception to count again", || Ok(status_of(&lab.pc1)? == "200"))?;
    let twice = category("unlock", &[])?;
    ensure!(twice.status == Some(1) && twice.stderr.contains("has not locked"), "{twice:#?}");
    // What was locked, and opened again, is on record on the box, and what the commune's people did at the hub.
    let acts = appliance.run(&["journal", "search", "--json", "--acts"])?.success()?;
    let deeds = acts.lines().filter(|line| line.contains("gambling") && line.contains("\"commune\""));
    ensure!(deeds.count() == 2, "{acts}");
    let acts = hub.command(&["acts"])?.success()?;
    ensure!(acts.contains("category-locked\tgambling (jeux d’argent, M. Blanc)"), "{acts}");
    Ok(())
}

#[test]
fn a_teacher_asks_the_commune_and_whoever_asked_her_reads_the_answer() -> Result<()> {
    let lab = Lab::new()?;
    let appliance = people::open(&lab)?;
    let hub = FarHub::start(&lab)?;
    let card = add(&appliance, "Mme Martin", "teacher", &["CM2"])?;
    let (martin, pupil) = (Browser::new(&lab, &lab.pc2, "martin"), Browser::new(&lab, &lab.pc1, "pupil"));
    martin.begin("personne=1", &card, "402811")?;
    ensure!(martin.get(PAGE)?.text.contains("aucun hub de commune"), "nobody would hear");
    hub.enrol(&appliance)?;
    hub.rule("refuse", "casino.example")?;
    wait_until("the commune's rule", || {
        let list = appliance.run(&["override", "list"])?.success()?;
        Ok(list.contains("casino.example"))
    })?;
    pupil.ask()?;
    wait_until("the rule to be in force, so that the commune alone can open it", || {
        Ok(martin.get("/enseignant")?.text.contains("href=\"/enseignant/commune?site=casino.example\""))
    })?;

    // She passes it on, and it is there at once.
    let page = martin.get(&format!("{PAGE}?site=casino.example"))?;
    let form = "site=casino.example&effet=permit&motif=expos%C3%A9&urgent=1";
    ensure!(martin.fill(&page, PAGE, form)?.location == PAGE);
    let listed = "1\t0750655E\tpermit\tcasino.example\tMme Martin\texposé\turgent\topen\n";
    wait_until("the request at the hub", || Ok(hub.command(&["request", "list"])?.success()? == listed))?;
    wait_until("her page to say so", || Ok(martin.get(PAGE)?.text.contains("La commune l’a reçue")))?;

    // For one school alone it would contradict what all have been told.
    let answer = |how: &str| {
        let by = ["--author", "Mme Noire", "--reason", "oui, ce jour", "--days", "1"];
        hub.command(&[&["request", "answer", "1", how], &by[..]].concat())
    };
    let contrary = answer("school")?;
    ensure!(contrary.status == Some(1) && contrary.stderr.contains("says the contrary"), "{contrary:#?}");
    answer("all")?.success()?;
    wait_until("the answer on her page", || {
        Ok(martin.get(PAGE)?.text.contains("Fait pour toutes les écoles par Mme Noire"))
    })?;
    wait_until("the answer at the pupil's", || Ok(pupil.get("/pourquoi")?.text.contains("Mme Noire")))?;
    wait_until("the site to be open", || Ok(status_of(&lab.pc1)? == "200"))?;
    // What the hub had the box do stands in the journal, where it opened something, and on the page of those who direct.
    let acts = appliance.run(&["journal", "search", "--json", "--acts"])?.success()?;
    let deeds = acts.lines().filter(|line| line.contains("casino.example") && line.contains("\"commune\""));
    ensure!(deeds.count() >= 2, "{acts}");
    ensure!(!martin.get(PAGE)?.text.contains("Ce que le hub de la commune a fait faire"));
    let card = add(&appliance, "M. Bernard", "head", &[])?;
    let head = Browser::new(&lab, &lab.pc2, "bernard");
    head.begin("nom=M.+Bernard", &card, "trois chats gris")?;
    let orders = head.get(PAGE)?.text;
    ensure!(orders.contains("Ce que le hub de la commune a fait faire"), "{orders}");
    ensure!(orders.contains("casino.example (oui, ce jour, Mme Noire)"), "{orders}");
    Ok(())
}

#[test]
fn what_a_teacher_reports_is_closed_and_the_commune_hears_of_it_at_once() -> Result<()> {
    let lab = Lab::new()?;
    let appliance = people::open(&lab)?;
    let hub = FarHub::start(&lab)?;
    let card = add(&appliance, "Mme Martin", "teacher", &["CM2"])?;
    let martin = Browser::new(&lab, &lab.pc2, "martin");
    martin.begin("personne=1", &card, "402811")?;
    hub.enrol(&appliance)?;
    let page = martin.get("/enseignant")?;
    let form = "site=https%3A%2F%2Fwww.mediatheque.example%2Fimage&motif=une+image+choquante";
    ensure!(martin.fill(&page, "/enseignant/signaler", form)?.location == "/enseignant");
    let url = "http://mediatheque.example/";
    let status = ["curl", "--silent", "--output", "/dev/null", "--write-out", "%{http_code}", url];
    wait_until("the site to be closed", || Ok(lab.pc1.run(&status)?.stdout == "403"))?;
    let listed = "1\t0750655E\trefuse\tmediatheque.example\tMme Martin\tune image choquante\turgent\topen\n";
    wait_until("the report at the hub", || Ok(hub.command(&["request", "list"])?.success()? == listed))?;
    wait_until("her page to say so", || Ok(martin.get(PAGE)?.text.contains("La commune l’a reçue")))
}

#[test]
fn what_the_commune_wants_at_hand_is_prepared_and_told_back() -> Result<()> {
    let lab = Lab::new()?;
    let mut appliance = configure(&lab)?;
    appliance.start()?;
    appliance.wait_until_ready(&lab.pc1)?;
    let hub = FarHub::start(&lab)?;
    hub.enrol(&appliance)?;
    let film = format!("https://{ENT}/film.bin");
    let by = ["--days", "1", "--author", "M. Blanc"];
    hub.command(&[&["content", "add", &film, "Le volcan"], &by[..]].concat())?.success()?;
    hub.command(&["notice", "add", "Jeudi, une nouvelle version", "--author", "M. Blanc"])?.success()?;
    // For all rooms: nobody in the school has asked for it.
    for machine in [&lab.pc1, &lab.pc2] {
        wait_until("the film to be ready", || {
            Ok(curl(machine, &["http://preau.lan/"])?.contains("Le volcan"))
        })?;
    }
    let fetched = lab.requests()?.lines().filter(|line| line.contains("/film.bin")).count();
    ensure!(fetched == 1, "{}", lab.requests()?);
    appliance.run(&["sync", "now"])?.success()?;
    let register = SqliteRegister::open(&hub.folder.path().join("register.sqlite"))?;
    let health = register.boxes()?.pop().context("the box")?.health.context("its health")?;
    ensure!(health.contains("\"content\":[1,1]"), "{health}");
    // Taken back, it is gone from the list.
    hub.command(&["content", "remove", "1"])?.success()?;
    wait_until("the film to be gone", || Ok(!curl(&lab.pc1, &["http://preau.lan/"])?.contains("Le volcan")))
}
