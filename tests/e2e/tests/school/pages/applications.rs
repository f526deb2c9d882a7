//! Real applications as ENT, in Chromium, behind the box: Kolibri, which has films and documents, and Wagtail, to which pupils hand
//! their work in. `tests/e2e/ent` says what is in them.

use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use harness::{Appliance, Lab, Machine, Service, Site, sites, usual_configuration, wait_until};
use serde_json::{Value, json};

use super::album::{Album, target};
use super::chrome::{Chrome, ENTER, Scripts};
use crate::ent_restart::{CUT, MEND};
use crate::people::AUTHORITY;

const NAME: &str = "ecole.example";
/// Where an application listens, on the Internet's loopback.
const PORT: u16 = 8080;
/// What a fetch by the page brings: status, what the cache did, type, and text where it is short.
const FETCH: &str = "
    const done = arguments[arguments.length - 1];
    fetch(PATH, OPTIONS).then(async answer => done({ status: answer.status,
        cache: answer.headers.get('cache-status'), kind: answer.headers.get('content-type'),
        text: (await answer.text()).slice(0, 2000) }), error => done({ error: String(error) }));";

/// An application, the box before it, and a browser on each PC.
struct Stage<'lab> {
    lab: &'lab Lab,
    _application: Service,
    appliance: Appliance<'lab>,
}

fn internet() -> Result<Vec<Site>> {
    let mut sites = sites(&[("casino.example", Some("gambling")), (NAME, None)])?;
    for site in sites.iter_mut().filter(|site| site.name == NAME) {
        site.application = Some(PORT);
    }
    Ok(sites)
}

impl<'lab> Stage<'lab> {
    /// Starts an application over a copy of what `./dev test` has made, in its folder, by this command of its Python's folder.
    fn open(lab: &'lab Lab, folder: &str, command: &[&str], family: &str) -> Result<Self> {
        let made = made()?;
        let home = lab.internet.directory().join(folder).display().to_string();
        lab.internet
            .run(&["cp", "--recursive", &made.join(folder).display().to_string(), &home])?
            .success()?;
        let place = |word: &&str| {
            word.replace("{home}", &home).replace("{venv}", &made.join("venv").display().to_string())
        };
        let command: Vec<String> = command.iter().map(place).collect();
        let command: Vec<&str> = command.iter().map(String::as_str).collect();
        let mut application = lab.internet.start("application", &command)?;
        let url = format!("http://127.0.0.1:{PORT}/");
        wait_until("the application", || {
            ensure!(application.is_running()?, "it ended: {}", application.log()?);
            Ok(lab.internet.run(&["curl", "--silent", "--output", "/dev/null", &url])?.is_success())
        })
        .with_context(|| application.log().unwrap_or_default())?;
        let appliance = start(lab, family)?;
        Ok(Self { lab, _application: application, appliance })
    }

    fn chrome(&self, machine: &'lab Machine) -> Result<Chrome<'lab>> {
        Chrome::start(machine, &self.lab.directory().join(AUTHORITY), Scripts::Run)
    }

    /// Bytes that came over the line of paths that end so.
    fn bytes_of(&self, ending: &str) -> Result<u64> {
        let asked = self.lab.requests()?;
        let bytes = asked.lines().filter_map(|line| {
            let words: Vec<&str> = line.split_whitespace().collect();
            let &[.., path, _status, bytes] = words.as_slice() else { return None };
            path.ends_with(ending).then(|| bytes.parse::<u64>().ok())?
        });
        Ok(bytes.sum())
    }

    fn cut(&self) -> Result<()> {
        self.lab.internet.shell(CUT)?.success().map(drop)
    }

    /// The line is back, and the box knows it.
    fn mend(&self) -> Result<()> {
        self.lab.internet.shell(MEND)?.success()?;
        let own = self.lab.directory().join(AUTHORITY).display().to_string();
        let url = format!("https://{NAME}/");
        let look = [
            "curl",
            "--silent",
            "--output",
            "/dev/null",
            "--write-out",
            "%{http_code}",
            "--cacert",
            &own,
            &url,
        ];
        wait_until("the line", || Ok(!self.lab.pc2.run(&look)?.stdout.contains("503")))
    }
}

/// What `./dev test` has made of the applications.
fn made() -> Result<PathBuf> {
    let place = target()?.join("ent");
    ensure!(place.join("venv").exists(), "there is no target/ent: run `./dev test`");
    Ok(place)
}

fn start<'lab>(lab: &'lab Lab, family: &str) -> Result<Appliance<'lab>> {
    let file = lab.directory().join("family.toml");
    std::fs::write(&file, family)?;
    let ent = format!(
        "[[ent]]\nhosts = [\"{NAME}\"]\nserved_to = [\"elementaire\"]\nca_file = \"{}\"\nfamily_file = \"{}\"\n",
        lab.authority().display(),
        file.display()
    );
    let mut appliance = lab.appliance_with(&format!("{}\n{ent}", usual_configuration()))?;
    appliance.add_usual_devices()?;
    appliance.build_lists(&lab.lists())?;
    appliance.start()?;
    appliance.wait_until_ready(&lab.pc1)?;
    let own = lab.directory().join(AUTHORITY).display().to_string();
    appliance.run(&["ca", "export", "--out", &own])?.success()?;
    Ok(appliance)
}

fn url(path: &str) -> String {
    format!("https://{NAME}{path}")
}

/// What the page that the browser shows gets of a path.
fn fetch(chrome: &Chrome<'_>, path: &str, options: &Value) -> Result<Value> {
    let script = FETCH.replace("PATH", &json!(path).to_string()).replace("OPTIONS", &options.to_string());
    chrome.run_later(&script)
}

fn await_script(chrome: &Chrome<'_>, what: &str, script: &str) -> Result<()> {
    wait_until(what, || Ok(chrome.run(script, &json!([]))? == json!(true)))
        .with_context(|| chrome.text().unwrap_or_default())
}

const KOLIBRI: &str = "version = 1
session_cookies = [\"kolibri\"]
files = [\"/content/storage/*/*/*\"]
offline_days = 7
";

/// The number under which Kolibri has something of `kolibri_school.py`.
const FILM: &str = "ab3495d551b752fb9005121762321f4e";
const SHEET: &str = "78c0407fc09c54ffb4ae52622e704a61";

fn sign_in_to_kolibri(chrome: &Chrome<'_>, name: &str) -> Result<()> {
    chrome.go(&url("/"))?;
    chrome.fill("input[autocomplete='username']", name)?;
    chrome.press(ENTER)?;
    chrome.fill("input[type='password']", &format!("{name}-402"))?;
    chrome.press(ENTER)?;
    chrome.await_text("Explorez les chaînes")?;
    // A welcome that lies over the page.
    let script =
        "const on = [...document.querySelectorAll('button')].find(it => it.innerText.trim() === 'CONTINUER');
        if (on) { on.click(); } return !on;";
    await_script(chrome, "the welcome to be gone", script)
}

/// Watches the film, jumps near to its end, and returns its path.
fn watch(chrome: &Chrome<'_>) -> Result<String> {
    chrome.go(&url(&format!("/fr-fr/learn/#/topics/c/{FILM}")))?;
    let is_ready = "const film = document.querySelector('video'); return !!film && film.readyState >= 2";
    await_script(chrome, "the film", is_ready)?;
    chrome.run(
        "const film = document.querySelector('video'); film.muted = true; film.currentTime = 50; film.play()",
        &json!([]),
    )?;
    let plays = "const film = document.querySelector('video'); return film.currentTime > 50.2 && film.readyState >= 3";
    await_script(chrome, "the film after a jump", plays)?;
    let script = "return new URL(document.querySelector('video').currentSrc).pathname";
    chrome.run(script, &json!([]))?.as_str().map(str::to_owned).context("where the film is")
}

#[test]
fn pupils_learn_with_kolibri() -> Result<()> {
    let (lab, album) = (Lab::with_sites(internet()?)?, Album::new("kolibri")?);
    let command =
        ["env", "KOLIBRI_HOME={home}", "{venv}/bin/kolibri", "start", "--foreground", "--port=8080"];
    let stage = Stage::open(&lab, "kolibri", &command, KOLIBRI)?;
    let (lina, tom) = (stage.chrome(&lab.pc1)?, stage.chrome(&lab.pc2)?);
    sign_in_to_kolibri(&lina, "lina")?;
    album.picture(&lina, "home")?;
    let film = watch(&lina)?;
    album.picture(&lina, "film")?;
    lina.go(&url(&format!("/fr-fr/learn/#/topics/c/{SHEET}")))?;
    lina.await_text("une montagne qui respire")?;
    album.picture(&lina, "sheet")?;
    let all = fetch(&lina, &film, &json!({ "method": "HEAD" }))?;
    ensure!(all["status"] == json!(200), "{all}");

    // The second pupil: the film is here; she herself is not seen.
    wait_until("the film, whole", || Ok(stage.bytes_of(".webm")? >= 3_000_000))?;
    sign_in_to_kolibri(&tom, "tom")?;
    watch(&tom)?;
    let size = std::fs::metadata(find_film()?)?.len();
    let came = stage.bytes_of(".webm")?;
    ensure!(came <= size + size / 20, "{came} bytes came of a film of {size}:\n{}", lab.requests()?);
    for (chrome, name) in [(&lina, "lina"), (&tom, "tom")] {
        let own = fetch(chrome, "/api/auth/facilityuser/", &json!({}))?;
        ensure!(
            own["text"].as_str().is_some_and(|text| text.contains(&format!("\"username\":\"{name}\""))),
            "{own}"
        );
    }

    stage.cut()?;
    wait_until("what was read, without the line", || {
        let read = fetch(&lina, &film, &json!({ "headers": { "range": "bytes=3000000-3000009" } }))?;
        Ok(read["status"] == json!(206)
            && read["cache"].as_str().is_some_and(|told| told.contains("offline")))
    })?;
    let sent = fetch(&lina, "/api/logger/trackprogress/", &json!({ "method": "POST", "body": "{}" }))?;
    ensure!(sent["status"] == json!(503) && sent["kind"] == json!("application/problem+json"), "{sent}");
    ensure!(sent["text"].as_str().is_some_and(|text| text.contains("nothing was sent")), "{sent}");
    // Nobody who was not granted it.
    let stranger =
        ["curl", "--silent", "--cacert", &lab.directory().join(AUTHORITY).display().to_string(), &url(&film)]
            .map(str::to_owned);
    let stranger: Vec<&str> = stranger.iter().map(String::as_str).collect();
    let shown = lab.pc1.run(&stranger)?.stdout;
    ensure!(shown.contains("\"status\":503"), "{} bytes without a cookie", shown.len());
    tom.go(&url("/fr-fr/learn/?x=1"))?;
    tom.await_text("L’ENT ne répond pas")?;
    album.look(&tom, "line-down")?;

    stage.mend()?;
    // The page comes by itself.
    tom.await_text("Explorez les chaînes")?;
    drop((lina, tom, stage.appliance));
    album.close()
}

/// The film in what `./dev test` has made.
fn find_film() -> Result<PathBuf> {
    let storage = made()?.join("kolibri/content/storage");
    let mut folders = vec![storage];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder)? {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|it| it == "webm") {
                return Ok(path);
            }
        }
    }
    anyhow::bail!("no film")
}

const WAGTAIL: &str = "version = 1
session_cookies = [\"sessionid\"]
files = [\"/documents/*/*\"]
log_out = [\"/admin/logout/**\"]
offline_days = 7
";

fn sign_in_to_wagtail(chrome: &Chrome<'_>, name: &str) -> Result<()> {
    chrome.go(&url("/admin/"))?;
    chrome.fill("#id_username", name)?;
    chrome.fill("#id_password", &format!("{name}-402"))?;
    chrome.touch("form button[type='submit']")?;
    await_script(chrome, "her own page", "return location.pathname === '/admin/'")
}

fn fill_in(chrome: &Chrome<'_>, title: &str, file: &str) -> Result<()> {
    chrome.go(&url("/admin/documents/add/"))?;
    chrome.fill("#id_file", file)?;
    chrome.run("document.querySelector('#id_title').value = arguments[0]", &json!([title]))?;
    chrome.touch("form[enctype='multipart/form-data'] button[type='submit']")
}

#[test]
fn pupils_hand_in_work_with_wagtail() -> Result<()> {
    let (lab, album) = (Lab::with_sites(internet()?)?, Album::new("wagtail")?);
    let script = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("ent/wagtail_school.py");
    let command = [
        "env",
        "PYTHONDONTWRITEBYTECODE=1",
        "{venv}/bin/python",
        &script.display().to_string(),
        "{home}",
        "8080",
    ];
    let stage = Stage::open(&lab, "wagtail", &command, WAGTAIL)?;
    let (lina, tom) = (stage.chrome(&lab.pc1)?, stage.chrome(&lab.pc2)?);
    // Larger than what is held of a form.
    let work = lab.pc1.directory().join("volcan.txt");
    std::fs::write(&work, "Le volcan de Lina. ".repeat(100_000))?;
    let work = work.display().to_string();
    sign_in_to_wagtail(&lina, "lina")?;
    album.picture(&lina, "home")?;
    fill_in(&lina, "Mon volcan", &work)?;
    lina.await_text("Mon volcan")?;
    album.picture(&lina, "handed-in")?;
    let path = "/documents/1/volcan.txt";
    let is_hers =
        |answer: &Value| answer["text"].as_str().is_some_and(|text| text.contains("Le volcan de Lina."));
    wait_until("her work, as it is kept", || {
        let read = fetch(&lina, path, &json!({}))?;
        ensure!(is_hers(&read), "{read}");
        Ok(read["cache"].as_str().is_some_and(|told| told.contains("authorised")))
    })?;
    sign_in_to_wagtail(&tom, "tom")?;
    let other = fetch(&tom, path, &json!({}))?;
    ensure!(!is_hers(&other), "{other}");

    // A form that is filled in while the line falls.
    stage.cut()?;
    wait_until("her work, without the line", || {
        let read = fetch(&lina, path, &json!({}))?;
        Ok(is_hers(&read) && read["cache"].as_str().is_some_and(|told| told.contains("offline")))
    })?;
    let other = fetch(&tom, path, &json!({}))?;
    ensure!(other["status"] == json!(503) && !is_hers(&other), "{other}");
    lina.go(&url("/admin/documents/"))?;
    lina.await_text("L’ENT ne répond pas")?;
    stage.mend()?;
    lina.go(&url("/admin/documents/add/"))?;
    lina.fill("#id_file", &work)?;
    stage.cut()?;
    wait_until("the box to know", || Ok(fetch(&tom, "/admin/", &json!({}))?["status"] == json!(503)))?;
    lina.run("document.querySelector('#id_title').value = 'Mon deuxième volcan'", &json!([]))?;
    lina.touch("form[enctype='multipart/form-data'] button[type='submit']")?;
    lina.await_text("Rien n’a été envoyé")?;
    lina.await_text("Mon deuxième volcan")?;
    lina.await_text("volcan.txt")?;
    album.look(&lina, "not-sent")?;

    stage.mend()?;
    lina.fill("input[type='file']", &work)?;
    lina.touch("form[enctype='multipart/form-data'] button[type='submit']")?;
    lina.await_text("Mon deuxième volcan")?;
    album.picture(&lina, "sent-after-all")?;
    let again = fetch(&lina, "/documents/2/volcan.txt", &json!({}))?;
    ensure!(is_hers(&again), "{again}");
    drop((lina, tom, stage.appliance));
    album.close()
}
