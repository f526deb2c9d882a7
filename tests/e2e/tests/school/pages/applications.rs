//! Real applications as ENT, in Chromium, behind the box: Kolibri, which has films and documents, and Wagtail, to which pupils hand
//! their work in. `tests/e2e/ent` says what is in them.

mod kolibri;
mod simulator;
mod wagtail;

use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use harness::{Appliance, Lab, Machine, Service, Site, sites, usual_configuration, wait_until};
use serde_json::{Value, json};

use super::album::target;
use super::chrome::{Chrome, Scripts};
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
        // It takes longer to start than the box.
        let appliance = start(lab, family)?;
        let url = format!("http://127.0.0.1:{PORT}/");
        wait_until("the application", || {
            ensure!(application.is_running()?, "it ended: {}", application.log()?);
            Ok(lab.internet.run(&["curl", "--silent", "--output", "/dev/null", &url])?.is_success())
        })
        .with_context(|| application.log().unwrap_or_default())?;
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
        // A place that nobody has asked for: what is kept is there without the line, too.
        let url = format!("https://{NAME}/retour-{}", self.lab.requests()?.len());
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

/// Fetches it past the browser's own cache until the box's tells this of it.
fn await_told(chrome: &Chrome<'_>, path: &str, options: &Value, told: &str) -> Result<Value> {
    let mut options = options.clone();
    options["cache"] = json!("no-store");
    let mut last = Value::Null;
    let waited = wait_until(&format!("{path} with {told:?}"), || {
        last = fetch(chrome, path, &options)?;
        Ok(last["cache"].as_str().is_some_and(|it| it.contains(told)))
    });
    waited.with_context(|| last.to_string())?;
    Ok(last)
}

/// Touches a button, whatever the application has lie over it at this moment.
fn push(chrome: &Chrome<'_>, selector: &str) -> Result<()> {
    let script = "const on = document.querySelector(arguments[0]); if (on) { on.click(); } return !!on";
    wait_until(&format!("{selector} to be there"), || {
        Ok(chrome.run(script, &json!([selector]))? == json!(true))
    })
}
