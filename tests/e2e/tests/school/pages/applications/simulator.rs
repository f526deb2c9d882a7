//! Workspaces with the manners of their families, behind the box with the profile that it has of each: `tests/e2e/simulator` says what
//! is publicly known of them. Two pupils of a class on two PCs, and one who may not see what the class sees.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use harness::{Appliance, Lab, Machine, Service, usual_configuration, wait_until};
use serde_json::{Value, json};

use super::{NAME, PORT, internet, url};
use crate::ent_restart::{CUT, MEND};
use crate::pages::chrome::{Chrome, Scripts};
use crate::people::AUTHORITY;
use crate::workspace::curl;

/// What each document of the class is as long as.
const LESSON_BYTES: usize = "class-1\n".len() + 34 * 6_000;
const LESSON: &str = "/workspace/document/class-1";

/// A workspace, and the box before it.
struct Stage<'lab> {
    lab: &'lab Lab,
    appliance: Appliance<'lab>,
    own: String,
    _workspace: Service,
}

impl<'lab> Stage<'lab> {
    fn open(lab: &'lab Lab, family: &str) -> Result<Self> {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("simulator/workspace.py");
        let script = script.display().to_string();
        let port = PORT.to_string();
        let command = ["env", "PYTHONDONTWRITEBYTECODE=1", "python3", &script, family, &port];
        let mut workspace = lab.internet.start("workspace", &command)?;
        let ent = format!(
            "[[ent]]\nhosts = [\"{NAME}\"]\nserved_to = [\"elementaire\"]\nca_file = \"{}\"\nfamily = \"{family}\"\n",
            lab.authority().display()
        );
        let mut appliance = lab.appliance_with(&format!("{}\n{ent}", usual_configuration()))?;
        appliance.add_usual_devices()?;
        appliance.build_lists(&lab.lists())?;
        appliance.start()?;
        appliance.wait_until_ready(&lab.pc1)?;
        let own = lab.directory().join(AUTHORITY).display().to_string();
        appliance.run(&["ca", "export", "--out", &own])?.success()?;
        let here = format!("http://127.0.0.1:{PORT}/auth/login");
        wait_until("the workspace", || {
            ensure!(workspace.is_running()?, "it ended: {}", workspace.log()?);
            Ok(lab.internet.run(&["curl", "--silent", "--output", "/dev/null", &here])?.is_success())
        })?;
        Ok(Self { lab, appliance, own, _workspace: workspace })
    }

    /// Asks in the name of an account: head and body.
    fn ask(&self, pc: &Machine, account: &str, more: &[&str], path: &str) -> Result<(String, String)> {
        let (jar, url) = (format!("{account}.jar"), url(path));
        let usual = ["--cacert", &self.own, "--cookie", &jar, "--cookie-jar", &jar, "--include"];
        let answer = curl(pc, &[&usual[..], more, &[&url]].concat())?;
        let (head, body) = answer.split_once("\r\n\r\n").with_context(|| format!("no head: {answer}"))?;
        Ok((head.to_lowercase(), body.to_owned()))
    }

    fn get(&self, pc: &Machine, account: &str, path: &str) -> Result<(String, String)> {
        self.ask(pc, account, &[], path)
    }

    fn sign_in(&self, pc: &Machine, account: &str) -> Result<()> {
        let (head, _) = self.ask(pc, account, &["--data", &format!("email={account}")], "/auth/login")?;
        ensure!(head.contains(" 302") && head.contains("authenticated=true"), "{head}");
        Ok(())
    }

    /// Bytes of a path that came over the line.
    fn bytes_of(&self, path: &str) -> Result<usize> {
        let asked = self.lab.requests()?;
        let bytes = asked.lines().filter_map(|line| {
            let words: Vec<&str> = line.split_whitespace().collect();
            let &[.., it, _status, bytes] = words.as_slice() else { return None };
            (it == path).then(|| bytes.parse::<usize>().ok())?
        });
        Ok(bytes.sum())
    }

    fn cut(&self) -> Result<()> {
        self.lab.internet.shell(CUT)?.success()?;
        // The first ones wait until that is known.
        wait_until("the line to be down", || {
            Ok(self.get(&self.lab.pc2, "nobody", "/ailleurs")?.0.contains(" 503"))
        })
    }

    fn mend(&self) -> Result<()> {
        self.lab.internet.shell(MEND)?.success()?;
        wait_until("the line", || Ok(!self.get(&self.lab.pc2, "nobody", "/ailleurs")?.0.contains(" 503")))
    }
}

#[test]
fn entcore_keeps_its_manners_behind_the_box() -> Result<()> {
    let lab = Lab::with_sites(internet()?)?;
    let stage = Stage::open(&lab, "entcore")?;
    for (pc, account) in [(&lab.pc1, "lina"), (&lab.pc2, "malo"), (&lab.pc2, "nora")] {
        stage.sign_in(pc, account)?;
    }
    // One body for those who may see it, and a small question for each.
    let (_, first) = stage.get(&lab.pc1, "lina", LESSON)?;
    ensure!(first.len() == LESSON_BYTES, "{} bytes", first.len());
    wait_until("the second one's to be authorised", || {
        let (head, body) = stage.get(&lab.pc2, "malo", LESSON)?;
        ensure!(body == first, "another body: {head}");
        Ok(head.contains("fwd-status=304") && head.contains("detail=\"authorised\""))
    })?;
    let came = stage.bytes_of(LESSON)?;
    ensure!(came < 2 * LESSON_BYTES, "{came} bytes came");
    let (head, body) = stage.get(&lab.pc2, "nora", LESSON)?;
    ensure!(head.contains(" 401") && body == "no", "{head}");
    // What this server does not know, the box does: the end of a file, and several parts of it.
    let (head, end) = stage.ask(&lab.pc2, "malo", &["--range", "-5"], LESSON)?;
    ensure!(head.contains(" 206") && first.ends_with(&end) && end.len() == 5, "{head}");
    // An attachment is sent whole each time, with the same tag: it is another address, and its own file.
    for (pc, account) in [(&lab.pc1, "lina"), (&lab.pc2, "malo")] {
        let (head, body) = stage.get(pc, account, &format!("{LESSON}?attachment=1"))?;
        ensure!(head.contains("attachment;") && body == first, "{account}: {head}");
    }
    show_that_accounts_stay_apart(&stage)?;
    show_the_surface_once(&stage)?;
    show_what_is_left_without_the_line(&stage, &first)
}

/// Pages and lists have neither `Cache-Control` nor `Vary`; deception by a path that looks like a file's.
fn show_that_accounts_stay_apart(stage: &Stage<'_>) -> Result<()> {
    const PATHS: [&str; 4] =
        ["/userbook/api/person", "/userbook/api/person/x.css", "/userbook/api/person%2fx.css", "/timeline"];
    for path in PATHS {
        for (pc, account) in [(&stage.lab.pc1, "lina"), (&stage.lab.pc2, "malo"), (&stage.lab.pc2, "nora")] {
            let (head, body) = stage.get(pc, account, path)?;
            let others = ["lina", "malo", "nora"].into_iter().filter(|name| *name != account);
            ensure!(body.contains(account), "{path} {account}: {head}\n{body}");
            for other in others {
                ensure!(!body.contains(other) && !head.contains(other), "{path} {account}: {head}\n{body}");
            }
        }
    }
    // Each has a document of their own, which no other one gets.
    for (pc, account, status) in [(&stage.lab.pc1, "lina", " 200"), (&stage.lab.pc2, "malo", " 401")] {
        let (head, _) = stage.get(pc, account, "/workspace/document/lina-7")?;
        ensure!(head.lines().next().is_some_and(|line| line.contains(status)), "{account}: {head}");
    }
    // A thumbnail that is missing has another tag each time.
    for (pc, account) in [(&stage.lab.pc1, "lina"), (&stage.lab.pc2, "malo")] {
        let (head, body) = stage.get(pc, account, "/workspace/document/thumbnail")?;
        ensure!(head.contains(" 200") && body.len() == 40, "{head}");
    }
    Ok(())
}

/// What the surface is made of has a date alone, and comes with each one's cookies.
fn show_the_surface_once(stage: &Stage<'_>) -> Result<()> {
    let path = "/assets/app.js";
    let (_, script) = stage.get(&stage.lab.pc1, "lina", path)?;
    wait_until("it to be kept", || {
        let (head, body) = stage.get(&stage.lab.pc2, "malo", path)?;
        ensure!(body == script, "{head}");
        Ok(head.contains("fwd-status=304"))
    })?;
    let came = stage.bytes_of(path)?;
    ensure!(came < 2 * script.len(), "{came} bytes came");
    Ok(())
}

fn show_what_is_left_without_the_line(stage: &Stage<'_>, lesson: &str) -> Result<()> {
    stage.cut()?;
    // Who was granted it reads it, and nobody else; the surface is for all.
    let (head, body) = stage.get(&stage.lab.pc1, "lina", LESSON)?;
    ensure!(head.contains("detail=\"offline\"") && body == lesson, "{head}");
    let (head, body) = stage.get(&stage.lab.pc2, "nora", LESSON)?;
    ensure!(head.contains(" 503") && !body.contains("photosynthese"), "{head}");
    let (head, _) = stage.get(&stage.lab.pc2, "nora", "/assets/app.js")?;
    ensure!(head.contains("detail=\"stale\""), "{head}");
    stage.mend()?;
    // Who signs out leaves nothing to read.
    stage.get(&stage.lab.pc1, "lina", LESSON)?;
    let saved = stage.lab.pc1.directory().join("lina.jar");
    let jar = fs::read_to_string(&saved)?;
    stage.get(&stage.lab.pc1, "lina", "/auth/logout")?;
    fs::write(&saved, jar)?;
    stage.cut()?;
    let (head, body) = stage.get(&stage.lab.pc1, "lina", LESSON)?;
    ensure!(head.contains(" 503") && !body.contains("photosynthese"), "{head}");
    Ok(())
}

#[test]
fn beneylu_keeps_its_manners_behind_the_box() -> Result<()> {
    let lab = Lab::with_sites(internet()?)?;
    let stage = Stage::open(&lab, "beneylu")?;
    for (pc, account) in [(&lab.pc1, "lina"), (&lab.pc2, "malo"), (&lab.pc2, "nora")] {
        stage.sign_in(pc, account)?;
    }
    // A new right each time, and the film once.
    let open = |pc: &Machine, account: &str| -> Result<(String, String)> {
        let (_, link) = stage.get(pc, account, "/api/link")?;
        let (head, _) = stage.get(pc, account, &link)?;
        let to = head.lines().find_map(|line| line.strip_prefix("location: ")).context("where it leads")?;
        stage.get(pc, account, to.trim().trim_start_matches(&format!("https://{NAME}")))
    };
    let (_, film) = open(&lab.pc1, "lina")?;
    ensure!(film.len() == 34 * 6_000, "{} bytes", film.len());
    wait_until("the second one's right to be looked at", || {
        let (head, body) = open(&lab.pc2, "malo")?;
        ensure!(body == film, "{head}");
        Ok(head.contains("detail=\"authorised\""))
    })?;
    let came = stage.bytes_of("/store/film.mp4")?;
    ensure!(came < 2 * film.len(), "{came} bytes came");
    let (head, body) =
        stage.get(&lab.pc2, "nora", "/store/film.mp4?timestamp=1&signature=0123456789abcdef")?;
    ensure!(head.contains(" 403") && body == "no", "{head}");
    // What answers a token is between program and server.
    for (pc, account, token) in [(&lab.pc1, "lina", "aaa"), (&lab.pc2, "malo", "bbb")] {
        let field = format!("Authorization: Bearer {token}");
        let (head, body) = stage.ask(pc, account, &["--header", &field], "/api/me")?;
        ensure!(body == format!("{{\"token\": \"{token}\"}}"), "{head}\n{body}");
    }
    Ok(())
}

#[test]
fn iconito_keeps_its_manners_behind_the_box() -> Result<()> {
    let lab = Lab::with_sites(internet()?)?;
    let stage = Stage::open(&lab, "iconito")?;
    for (pc, account) in [(&lab.pc1, "lina"), (&lab.pc2, "malo")] {
        stage.sign_in(pc, account)?;
    }
    for _ in 0..2 {
        for (pc, account) in [(&lab.pc1, "lina"), (&lab.pc2, "malo")] {
            let (head, body) = stage.get(pc, account, "/static/album/1.jpg")?;
            ensure!(body == format!("<p>Bonjour {account} /static/album/1.jpg"), "{head}\n{body}");
            ensure!(head.contains("cache-control: protected") && !head.contains("preau;hit"), "{head}");
        }
    }
    // Who comes without a session is given one, and nobody else is.
    let (head, body) = stage.get(&lab.pc2, "guest", "/accueil")?;
    ensure!(head.contains("set-cookie: phpsessid=guest-") && body.contains("None"), "{head}");
    let (head, _) = stage.get(&lab.pc1, "lina", "/accueil")?;
    ensure!(!head.contains("set-cookie"), "{head}");
    // Nothing of it is kept: without the line there is the page that says so, and no other pupil's.
    stage.cut()?;
    let (head, body) = stage.get(&lab.pc1, "lina", "/static/album/1.jpg")?;
    ensure!(head.contains(" 503") && !body.contains("Bonjour"), "{head}");
    Ok(())
}

/// What a page opens: a WebSocket, on which it says something once it is open, and hears it in capitals.
const SPEAK: &str = "
    const done = arguments[arguments.length - 1];
    const socket = new WebSocket('wss://' + location.host + '/ws');
    socket.onopen = () => socket.send('bonjour');
    socket.onmessage = said => { socket.close(); done({ said: said.data }); };
    socket.onerror = () => done({ error: true });";
/// Events, when each came: the server has them 200 ms apart.
const LISTEN: &str = "
    const done = arguments[arguments.length - 1];
    const heard = [], source = new EventSource('/events');
    source.onmessage = event => {
        heard.push([event.data, performance.now()]);
        if (heard.length === 3) { source.close(); done(heard); }
    };";
/// An upload of 8 MB, of which each byte counts, and what the server has of it.
const UPLOAD: &str = "
    const done = arguments[arguments.length - 1];
    const bytes = new Uint8Array(8 << 20).map((_, place) => (place * 31 + (place >> 9)) & 255);
    crypto.subtle.digest('SHA-256', bytes).then(async sum => {
        const own = [...new Uint8Array(sum)].map(byte => byte.toString(16).padStart(2, '0')).join('');
        const answer = await fetch('/workspace/document', { method: 'POST', body: bytes });
        done({ own, told: await answer.json(), by: performance.getEntriesByType('navigation')[0].nextHopProtocol });
    }, error => done({ error: String(error) }));";

#[test]
fn a_page_has_its_websocket_its_events_and_its_uploads_through_the_box() -> Result<()> {
    let lab = Lab::with_sites(internet()?)?;
    let stage = Stage::open(&lab, "entcore")?;
    let chrome = Chrome::start(&lab.pc1, &lab.directory().join(AUTHORITY), Scripts::Run)?;
    chrome.go(&url("/assets/page"))?;
    let sign_in = "const done = arguments[arguments.length - 1];
        fetch('/auth/login', { method: 'POST', body: new URLSearchParams({ email: 'lina' }), redirect: 'manual' })
            .then(() => done(true), error => done(String(error)));";
    ensure!(chrome.run_later(sign_in)? == json!(true));
    chrome.go(&url("/timeline"))?;
    chrome.await_text("Bonjour lina")?;
    let spoken = chrome.run_later(SPEAK)?;
    ensure!(spoken == json!({ "said": "BONJOUR" }), "{spoken}");
    let heard = chrome.run_later(LISTEN)?;
    let moment = |place: usize| heard[place][1].as_f64().unwrap_or_default();
    ensure!((0..3).all(|place| heard[place][0] == json!((place + 1).to_string())), "{heard}");
    ensure!(moment(2) - moment(0) > 200.0, "they came at once, and not as they were sent: {heard}");
    let sent: Value = chrome.run_later(UPLOAD)?;
    ensure!(sent["by"] == json!("h2"), "the page came by {}", sent["by"]);
    ensure!(sent["told"]["sha256"] == sent["own"] && sent["told"]["by"] == json!("lina"), "{sent}");
    // Each of them is an access.
    wait_until("the accesses", || {
        let found = stage.appliance.run(&["journal", "search", "--json", "--host", NAME])?.success()?;
        Ok(found.lines().filter(|line| line.contains("\"kind\":\"http\"")).count() >= 6)
    })
}
