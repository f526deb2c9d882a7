//! The commune's hub: boxes enrol by a code, and bring what they have sealed each night, whatever is cut.

use std::fs;
use std::io::{BufRead as _, BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use harness::{Appliance, Lab, Output, RESOLVER_IPV4, preau_binary, usual_configuration, wait_until};

use crate::sealing::visit;

/// How often a hub is started at its address, and the pause between: a connection of somebody else's may have the port for a moment.
const STARTS_MAX: u32 = 5;
const START_PAUSE: Duration = Duration::from_millis(200);

/// A hub on loopback. It ends with its value.
pub(crate) struct Hub {
    pub(crate) folder: tempfile::TempDir,
    process: Child,
    address: SocketAddr,
    pub(crate) witness: String,
}

impl Drop for Hub {
    fn drop(&mut self) {
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

pub(crate) fn text(path: &Path) -> Result<String> {
    Ok(path.to_str().context("a path that is text")?.to_owned())
}

pub(crate) fn preau(arguments: &[&str]) -> Result<Output> {
    #[expect(clippy::disallowed_methods, reason = "a whole-box test runs the program")]
    let output = Command::new(preau_binary()?).args(arguments).output()?;
    Ok(Output {
        command: arguments.join(" "),
        status: output.status.code(),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    })
}

/// What is done by hand with a box that may run: it has nights of its own, and of the two that come at once one does nothing. That one is done again.
pub(crate) fn by_hand(act: impl Fn() -> Result<Output>) -> Result<Output> {
    let mut said = None;
    wait_until("the box's own night to be over", || {
        let output = act()?;
        let is_busy = output.stderr.contains("another process syncs this box right now");
        said = Some(output);
        Ok(!is_busy)
    })?;
    said.context("what it says")
}

impl Hub {
    pub(crate) fn start() -> Result<Self> {
        Self::start_with(&[], "")
    }

    /// With other engines, and the secrets that they need.
    pub(crate) fn start_with(engines: &[&str], credentials: &str) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        if !credentials.is_empty() {
            fs::write(folder.path().join("credentials"), credentials)?;
        }
        let (process, address, witness) = Self::run(folder.path(), "127.0.0.1:0", engines)?;
        let hub = Self { folder, process, address, witness };
        hub.command(&["school", "add", "0750655E", "École Jules-Ferry", "--room", "CM2", "--room", "CP"])?
            .success()?;
        hub.command(&["school", "add", "0911234X", "École Prévert"])?.success()?;
        Ok(hub)
    }

    pub(crate) fn run(folder: &Path, listen: &str, more: &[&str]) -> Result<(Child, SocketAddr, String)> {
        #[expect(clippy::disallowed_methods, reason = "a whole-box test runs the program")]
        let mut process = Command::new(preau_binary()?)
            .args(["hub", "--data", &text(folder)?, "--listen", listen])
            .args(more)
            .stdout(Stdio::piped())
            .stderr(fs::File::options().create(true).append(true).open(folder.join("diagnostics"))?)
            .spawn()?;
        let mut said = BufReader::new(process.stdout.take().context("its words")?).lines();
        let mut word = |label: &str| -> Result<String> {
            let line = said.next().context("the hub ended")??;
            Ok(line.strip_prefix(label).with_context(|| line.clone())?.to_owned())
        };
        let (address, witness) = (word("listening on ")?.parse()?, word("witness ")?);
        Ok((process, address, witness))
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Ends it as a power cut would.
    pub(crate) fn kill(&mut self) -> Result<()> {
        self.process.kill()?;
        self.process.wait().map(drop).map_err(Into::into)
    }

    /// The same hub at the same address, after its end.
    pub(crate) fn started_again(self) -> Result<Self> {
        self.started_again_with(&[])
    }

    /// The same with arguments: what is not kept in its folder.
    pub(crate) fn started_again_with(mut self, more: &[&str]) -> Result<Self> {
        self.restart_with(more)?;
        Ok(self)
    }

    /// Ends it as a power cut would, and starts it again at its address.
    fn restart(&mut self) -> Result<()> {
        self.restart_with(&[])
    }

    fn restart_with(&mut self, more: &[&str]) -> Result<()> {
        self.process.kill()?;
        self.process.wait()?;
        let address = self.address.to_string();
        let mut started = Self::run(self.folder.path(), &address, more);
        for _ in 1..STARTS_MAX {
            if started.is_ok() {
                break;
            }
            thread::sleep(START_PAUSE);
            started = Self::run(self.folder.path(), &address, more);
        }
        (self.process, self.address, self.witness) = started?;
        Ok(())
    }

    /// Its register as it is on the disk, with what SQLite keeps beside it.
    fn register(&self) -> Result<Vec<(PathBuf, Vec<u8>)>> {
        let mut files = Vec::new();
        for name in ["register.sqlite", "register.sqlite-wal"] {
            let path = self.folder.path().join(name);
            files.push((path.clone(), fs::read(path)?));
        }
        Ok(files)
    }

    /// Puts the hub back to an old state, as a back-up would.
    fn put_back(&mut self, files: Vec<(PathBuf, Vec<u8>)>) -> Result<()> {
        self.process.kill()?;
        self.process.wait()?;
        drop(fs::remove_file(self.folder.path().join("register.sqlite-shm")));
        for (path, bytes) in files {
            fs::write(path, bytes)?;
        }
        self.restart()
    }

    pub(crate) fn command(&self, arguments: &[&str]) -> Result<Output> {
        preau(&[&["hub"], arguments, &["--data", &text(self.folder.path())?]].concat())
    }

    pub(crate) fn code(&self, more: &[&str]) -> Result<String> {
        Ok(self.command(&[&["code", "0750655E"], more].concat())?.success()?.trim().to_owned())
    }

    pub(crate) fn url(&self) -> String {
        format!("https://{}", self.address)
    }
}

/// A box's data folder.
pub(crate) struct School(pub(crate) tempfile::TempDir);

impl School {
    pub(crate) fn new() -> Result<Self> {
        Ok(Self(tempfile::tempdir()?))
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Result<Output> {
        preau(&[arguments, &["--data", &text(self.0.path())?]].concat())
    }

    pub(crate) fn enrol(&self, code: &str, url: &str) -> Result<Output> {
        self.run(&["enrol", code, "--hub", url])
    }

    pub(crate) fn refused(&self, arguments: &[&str], expected: &str) -> Result<()> {
        let outcome = self.run(arguments)?;
        ensure!(outcome.status == Some(1) && outcome.stderr.contains(expected), "{expected}: {outcome:#?}");
        Ok(())
    }
}

/// A code of the same number with another secret: its last letter and its check are others.
fn mistake(code: &str) -> Result<String> {
    let symbols = "23456789ABCDEFGHJKMNPQRSTUVWXYZ";
    let typed: Vec<char> = code.chars().filter(|c| *c != '-').collect();
    let place = |c: &char| symbols.find(*c).context("a symbol");
    for last in symbols.chars() {
        for check in symbols.chars() {
            let mut other = typed.clone();
            let changed: Vec<char> = vec![last, check];
            other.splice(10.., changed);
            let sum: usize =
                other.iter().zip(1..).map(|(c, at)| Ok(place(c)? * at)).sum::<Result<usize>>()?;
            if sum.is_multiple_of(31) && other != typed {
                return Ok(other.iter().collect());
            }
        }
    }
    anyhow::bail!("no other code")
}

#[test]
fn a_code_enrols_one_box_and_says_what_is_wrong_otherwise() -> Result<()> {
    let hub = Hub::start()?;
    let school = School::new()?;
    let code = hub.code(&[])?;

    // Misheard, which costs nothing: the program itself finds out.
    let first = if code.starts_with('2') { "3" } else { "2" };
    let misheard = code.replacen(|_: char| true, first, 1);
    for (typed, expected) in
        [(misheard.as_str(), "a letter is wrong"), ("K7QM-4XRT", "12 letters"), ("K0", "`0`")]
    {
        let said = school.run(&["enrol", typed, "--hub", &hub.url()])?;
        ensure!(said.status == Some(2) && said.stderr.contains(expected), "{said:#?}");
    }
    // Nobody there; not a hub at all.
    school.refused(&["enrol", &code, "--hub", "https://127.0.0.1:1"], "does not answer")?;

    let enrolled = school.enrol(&code.to_lowercase(), &hub.url())?.success()?;
    ensure!(enrolled.contains("0750655E\tÉcole Jules-Ferry") && enrolled.contains("room\tCM2"), "{enrolled}");
    ensure!(enrolled.contains(&hub.witness), "the hub's key: {enrolled}");
    school.refused(&["enrol", &code, "--hub", &hub.url()], "enrolled already")?;
    school.refused(&["enrol", &code, "--hub", &hub.url(), "--again"], "used already")?;
    let other = School::new()?;
    other.refused(&["enrol", &code, "--hub", &hub.url()], "used already")?;
    ensure!(school.run(&["sync", "now"])?.is_success());

    // Three wrong secrets, and the right one is worth nothing any more.
    let code = hub.code(&["--replacement"])?;
    let wrong = mistake(&code)?;
    other.refused(&["enrol", &wrong, "--hub", &hub.url()], "the code is wrong")?;
    other.refused(&["enrol", &wrong, "--hub", &hub.url()], "the code is wrong")?;
    other.refused(&["enrol", &wrong, "--hub", &hub.url()], "tried three times")?;
    other.refused(&["enrol", &code, "--hub", &hub.url()], "tried three times")?;
    ensure!(school.run(&["sync", "now"])?.is_success(), "the box that is there has lost nothing");
    Ok(())
}

#[test]
fn a_revoked_box_is_refused_and_a_replacement_takes_over() -> Result<()> {
    let mut hub = Hub::start()?;
    let (first, second) = (School::new()?, School::new()?);
    first.enrol(&hub.code(&[])?, &hub.url())?.success()?;
    first.run(&["sync", "now"])?.success()?;
    let twice = hub.command(&["code", "0750655E"])?;
    ensure!(twice.status == Some(1) && twice.stderr.contains("--replacement"), "{twice:#?}");

    let astray = hub.code(&["--replacement"])?;
    let number = astray.split('-').next().context("its number")?;
    let listed = hub.command(&["code", "list"])?.success()?;
    ensure!(listed.starts_with(&format!("{number}\t0750655E\tuntil ")), "{listed}");
    ensure!(listed.contains("\ttries 3\treplacement") && !listed.contains(&astray), "{listed}");
    hub.command(&["code", "cancel", number])?.success()?;
    ensure!(hub.command(&["code", "list"])?.success()?.is_empty(), "nothing is good any more");
    ensure!(hub.command(&["code", "cancel", number])?.status == Some(1), "it was cancelled already");
    second.refused(&["enrol", &astray, "--hub", &hub.url()], "used already")?;

    let code = hub.code(&["--replacement"])?;
    ensure!(first.run(&["sync", "now"])?.is_success(), "a code alone changes nothing");
    second.enrol(&code, &hub.url())?.success()?;
    first.refused(&["sync", "now"], "revoked this box")?;
    second.run(&["sync", "now"])?.success()?;
    hub.restart()?;
    first.refused(&["sync", "now"], "revoked this box")?;
    second.run(&["sync", "now"])?.success()?;

    let boxes = hub.command(&["box", "list"])?.success()?;
    let enrolled = boxes.lines().find(|line| line.contains("\tenrolled\t")).context("the second")?;
    let id = enrolled.split('\t').next().context("its number")?;
    hub.command(&["box", "revoke", id])?.success()?;
    second.refused(&["sync", "now"], "revoked this box")?;
    Ok(())
}

/// Passes bytes on, until so many went to the hub; then it cuts the line.
pub(crate) struct Line {
    address: SocketAddr,
    left: Arc<AtomicI64>,
}

impl Line {
    pub(crate) fn to(hub: SocketAddr) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let address = listener.local_addr()?;
        let left = Arc::new(AtomicI64::new(i64::MAX));
        let line = Arc::clone(&left);
        // It ends with the test's process.
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let line = Arc::clone(&line);
                thread::spawn(move || pass(&client, hub, &line));
            }
        });
        Ok(Self { address, left })
    }

    /// So many bytes go to the hub from now on.
    pub(crate) fn allow(&self, bytes: i64) {
        self.left.store(bytes, Ordering::SeqCst);
    }

    pub(crate) fn url(&self) -> String {
        format!("https://{}", self.address)
    }
}

fn pass(client: &TcpStream, hub: SocketAddr, left: &AtomicI64) -> Option<()> {
    let server = TcpStream::connect(hub).ok()?;
    let (mut answers, mut back) = (server.try_clone().ok()?, client.try_clone().ok()?);
    thread::spawn(move || {
        drop(std::io::copy(&mut answers, &mut back));
        drop(back.shutdown(Shutdown::Both));
    });
    let (mut from, mut to, mut buffer) = (client, &server, [0; 1_000]);
    loop {
        let count = from.read(&mut buffer).ok().filter(|count| *count > 0)?;
        let wanted = i64::try_from(count).ok()?;
        let allowed = usize::try_from(left.fetch_sub(wanted, Ordering::SeqCst).clamp(0, wanted)).ok()?;
        to.write_all(buffer.get(..allowed)?).ok()?;
        if allowed < count {
            drop((server.shutdown(Shutdown::Both), client.shutdown(Shutdown::Both)));
            return None;
        }
    }
}

#[test]
fn whoever_stands_between_learns_nothing_and_a_cut_enrolment_is_made_up_for() -> Result<()> {
    let (hub, false_hub) = (Hub::start()?, Hub::start()?);
    let school = School::new()?;
    let code = hub.code(&[])?;
    // Another hub has no such code.
    school.refused(&["enrol", &code, "--hub", &false_hub.url()], "the code is wrong")?;
    let line = Line::to(hub.address)?;
    let url = format!("https://{}", line.address);
    line.left.store(300, Ordering::SeqCst);
    school.refused(&["enrol", &code, "--hub", &url], "does not answer")?;
    line.left.store(i64::MAX, Ordering::SeqCst);
    school.enrol(&code, &url)?.success()?;

    // The line leads to another hub: it is not believed, and the box says so.
    let identity = school.0.path().join("hub/identity");
    let kept = fs::read_to_string(&identity)?;
    fs::write(&identity, kept.replace(&line.address.to_string(), &false_hub.address.to_string()))?;
    school.refused(&["sync", "now"], "somebody may stand between")?;
    fs::write(&identity, kept)?;
    school.run(&["sync", "now"])?.success().map(drop)
}

/// A configuration of the lab whose sealed days only readers read.
pub(crate) fn configuration() -> Result<String> {
    let key = || -> Result<String> {
        let pair = preau(&["journal", "keys"])?.success()?;
        let public = pair.split_whitespace().find(|word| word.starts_with("age1"));
        Ok(public.context("a key")?.to_owned())
    };
    let (head, safe) = (key()?, key()?);
    Ok(format!("{}\n[journal]\nreaders = ['{head}']\nrecovery = '{safe}'\n", usual_configuration()))
}

pub(crate) fn run_day(lab: &Lab, appliance: &mut Appliance<'_>, host: &str) -> Result<()> {
    appliance.start()?;
    appliance.wait_until_ready(&lab.pc1)?;
    visit(lab, appliance, host)?;
    appliance.stop()
}

/// What the hub has of the one box: files under their hashes, whole ones alone.
pub(crate) fn files_at(hub: &Hub) -> Result<Vec<Vec<u8>>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(hub.folder.path().join("files/1"))? {
        let path = entry?.path();
        if path.extension().is_none() {
            files.push(fs::read(path)?);
        }
    }
    files.sort();
    Ok(files)
}

pub(crate) fn sealed_at(appliance: &Appliance<'_>) -> Result<Vec<Vec<u8>>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(appliance.data().join("sealed"))? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "age") {
            files.push(fs::read(path)?);
        }
    }
    files.sort();
    Ok(files)
}

#[test]
fn a_night_that_is_cut_anywhere_goes_on_the_next_time() -> Result<()> {
    let mut hub = Hub::start()?;
    let lab = Lab::new()?;
    let mut appliance = lab.appliance_with(&configuration()?)?;
    appliance.add_usual_devices()?;
    run_day(&lab, &mut appliance, "mediatheque.example")?;
    let data = text(appliance.data())?;
    let box_says = |arguments: &[&str]| preau(&[arguments, &["--data", &data]].concat());
    let line = Line::to(hub.address)?;
    let url = format!("https://{}", line.address);
    box_says(&["enrol", &hub.code(&[])?, "--hub", &url])?.success()?;

    // The line is cut a little later each time; the hub is killed now and then.
    let (mut cuts, mut allowed) = (0, 500);
    loop {
        line.left.store(allowed, Ordering::SeqCst);
        let night = box_says(&["sync", "now", "--kbit", "80"])?;
        if night.is_success() {
            break;
        }
        ensure!(night.stderr.contains("does not answer"), "{night:#?}");
        (cuts, allowed) = (cuts + 1, allowed + 700);
        ensure!(cuts < 100, "it never ends: {night:#?}");
        if cuts % 4 == 0 {
            hub.restart()?;
        }
    }
    ensure!(cuts >= 5, "it was cut {cuts} times only");
    ensure!(files_at(&hub)? == sealed_at(&appliance)?, "every byte is there, and none besides");

    // Nothing goes twice; the hub's signature lies where it is verified.
    line.left.store(i64::MAX, Ordering::SeqCst);
    let again = box_says(&["sync", "now"])?.success()?;
    ensure!(again.contains("0 files went, 0 bytes"), "{again}");
    let verified = box_says(&["journal", "verify", "--witness", &hub.witness])?;
    ensure!(verified.is_success() && verified.stdout.contains("as witnessed"), "{verified:#?}");
    let checkpoint = hub.folder.path().join("checkpoint");
    fs::write(&checkpoint, hub.command(&["box", "checkpoint", "1"])?.success()?)?;
    let asked = ["journal", "verify", "--witness", &hub.witness, "--checkpoint", &text(&checkpoint)?];
    let verified = box_says(&asked)?;
    ensure!(verified.is_success() && verified.stdout.contains("as witnessed"), "{verified:#?}");

    // Days without a hub lose nothing; a box that is put back from an old copy is refused.
    let old = fs::read(appliance.data().join("sealed/log"))?;
    for host in ["encyclopedie.example", "mediatheque.example"] {
        run_day(&lab, &mut appliance, host)?;
    }
    box_says(&["sync", "now"])?.success()?;
    ensure!(files_at(&hub)? == sealed_at(&appliance)?, "three days are there");
    fs::write(appliance.data().join("sealed/log"), old)?;
    let back = box_says(&["sync", "now"])?;
    ensure!(back.status == Some(1) && back.stderr.contains("it is not what it was"), "{back:#?}");
    let status = box_says(&["sync", "status"])?.success()?;
    ensure!(status.contains("failures\t1") && status.contains("0750655E"), "{status}");
    Ok(())
}

/// What the box's journal has of the commune's rules.
fn deeds(appliance: &Appliance<'_>, site: &str) -> Result<usize> {
    let acts = appliance.run(&["journal", "search", "--json", "--acts"])?.success()?;
    Ok(acts.lines().filter(|line| line.contains(site) && line.contains("\"commune\"")).count())
}

#[test]
fn what_the_commune_closes_is_closed_and_an_old_policy_opens_nothing() -> Result<()> {
    let mut hub = Hub::start()?;
    let lab = Lab::new()?;
    let appliance = lab.start_appliance()?;
    let data = text(appliance.data())?;
    let sync = || by_hand(|| preau(&["sync", "now", "--data", &data]));
    preau(&["enrol", &hub.code(&[])?, "--hub", &hub.url(), "--data", &data])?.success()?;
    let rule = |hub: &Hub, verdict: &str, site: &str| {
        hub.command(&["rule", verdict, site, "--author", "M. Blanc", "--reason", "faux concours"])?.success()
    };
    let status = || -> Result<String> {
        let url = "http://mediatheque.example/";
        let arguments = ["curl", "--silent", "--output", "/dev/null", "--write-out", "%{http_code}", url];
        Ok(lab.pc1.run(&arguments)?.stdout)
    };
    ensure!(sync()?.is_success() && status()? == "200", "nothing is closed yet");
    rule(&hub, "refuse", "concours.example")?;
    let before = hub.register()?;
    rule(&hub, "refuse", "mediatheque.example")?;
    let said = sync()?;
    ensure!(
        said.is_success() && said.stderr.contains("policy ") && said.stderr.contains(" is here"),
        "{said:#?}"
    );
    wait_until("the site to be closed", || Ok(status()? == "403"))?;
    wait_until("its record", || Ok(deeds(&appliance, "mediatheque.example")? == 1))?;
    ensure!(!sync()?.stderr.contains("policy"), "it comes once");

    // Nobody in the school takes it back.
    let list = appliance.run(&["override", "list"])?.success()?;
    let line = list.lines().find(|line| line.contains("mediatheque.example")).context("the rule")?;
    let id = line.split_whitespace().next().context("its number")?;
    let ended = appliance.run(&["override", "end", id, "--author", "M. Petit"])?;
    ensure!(ended.status == Some(1) && ended.stderr.contains("the commune's"), "{ended:#?}");

    // The hub is put back to the state of before: what it brings was signed, and is old.
    hub.put_back(before)?;
    let back = sync()?;
    ensure!(back.status == Some(1) && back.stderr.contains("an old one is not taken"), "{back:#?}");
    ensure!(status()? == "403", "it is closed still");
    Ok(())
}

#[test]
fn a_box_that_was_enrolled_goes_to_its_hub_by_itself_across_its_line() -> Result<()> {
    let lab = Lab::new()?;
    let appliance = lab.start_appliance()?;
    let folder = tempfile::tempdir()?;
    let (program, data) = (text(&preau_binary()?)?, text(folder.path())?);
    let listen = format!("{RESOLVER_IPV4}:8443");
    let hub = lab.internet.start("hub", &[&program, "hub", "--data", &data, "--listen", &listen])?;
    wait_until("the hub to listen", || Ok(hub.log()?.contains("listening on")))?;
    let command = |arguments: &[&str]| preau(&[&["hub"], arguments, &["--data", &data]].concat());
    command(&["school", "add", "0750655E", "École Jules-Ferry"])?.success()?;
    let code = command(&["code", "0750655E"])?.success()?;
    let url = format!("https://{listen}");
    appliance.run(&["enrol", code.trim(), "--hub", &url])?.success()?;
    wait_until("the box to be heard of", || Ok(command(&["box", "list"])?.success()?.contains("seen 2")))?;
    wait_until("its own word of it", || Ok(appliance.log()?.contains("the hub has what it should have")))?;
    let status = appliance.run(&["sync", "status"])?.success()?;
    ensure!(!status.contains("never") && !status.contains("failures"), "{status}");
    Ok(())
}

#[test]
fn what_anybody_could_read_stays_on_the_box() -> Result<()> {
    let hub = Hub::start()?;
    let lab = Lab::new()?;
    let mut appliance = lab.appliance_with(&usual_configuration())?;
    appliance.add_usual_devices()?;
    run_day(&lab, &mut appliance, "mediatheque.example")?;
    let data = text(appliance.data())?;
    preau(&["enrol", &hub.code(&[])?, "--hub", &hub.url(), "--data", &data])?.success()?;
    let night = preau(&["sync", "now", "--data", &data])?.success()?;
    ensure!(night.contains("1 sealed files stay here") && night.contains("0 files went"), "{night}");
    ensure!(files_at(&hub)?.is_empty(), "no byte of it left the box");
    Ok(())
}

#[test]
fn a_box_renews_its_certificate_by_itself() -> Result<()> {
    let hub = Hub::start()?;
    let school = School::new()?;
    school.enrol(&hub.code(&[])?, &hub.url())?.success()?;
    let path = school.0.path().join("hub/identity");
    let read = || -> Result<serde_json::Value> { Ok(serde_json::from_str(&fs::read_to_string(&path)?)?) };
    let mut identity = read()?;
    let first = identity["enrolled"]["certificate"].clone();
    // As it is when two thirds of its time are over.
    let day = 86_400_000;
    let until = identity["enrolled"]["valid_ms"][1].as_i64().context("its end")?;
    identity["enrolled"]["valid_ms"] = serde_json::json!([until - 1_200 * day, until]);
    fs::write(&path, identity.to_string())?;
    let night = school.run(&["sync", "now"])?;
    ensure!(night.is_success() && night.stderr.contains("the box has another certificate"), "{night:#?}");
    let renewed = read()?;
    ensure!(
        renewed["enrolled"]["certificate"] != first && renewed["key"] == identity["key"],
        "the key stays"
    );
    let again = school.run(&["sync", "now"])?;
    ensure!(again.is_success() && !again.stderr.contains("certificate"), "once is enough: {again:#?}");
    // The one before is good to its end: a box that did not hear the answer goes on with it.
    identity["enrolled"]["valid_ms"] = renewed["enrolled"]["valid_ms"].clone();
    fs::write(&path, identity.to_string())?;
    school.run(&["sync", "now"])?.success().map(drop)
}
