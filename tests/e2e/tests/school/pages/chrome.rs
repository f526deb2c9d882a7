//! Chromium on a machine of the lab, led by WebDriver (W3C) and, for its screen, by Chromium's own commands.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use harness::{Machine, Service, wait_until};
use serde_json::{Value, json};

/// Where the driver listens, on the machine's loopback: each machine has one of its own.
const DRIVER: &str = "http://127.0.0.1:9515";
/// The key under which WebDriver hides the number of an element.
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";
/// How long an element is looked for, in milliseconds: a page that follows a touch is there long before, unless the machine is very busy.
const LOOK_MS: u32 = 30_000;
/// Keys, as WebDriver writes them.
pub(super) const TAB: &str = "\u{e004}";
pub(super) const ENTER: &str = "\u{e007}";
/// Most presses of the tabulator until something has the focus: no page has so many links, buttons and fields.
const TABS_MAX: usize = 60;

/// What a browser is started with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scripts {
    Run,
    Blocked,
}

/// A browser. Ends with this value.
pub(super) struct Chrome<'lab> {
    machine: &'lab Machine,
    session: String,
    _driver: Service,
}

impl<'lab> Chrome<'lab> {
    /// A browser with an empty profile, in French, that trusts the certificate in the file `authority`.
    pub(super) fn start(machine: &'lab Machine, authority: &Path, scripts: Scripts) -> Result<Self> {
        trust(machine, authority)?;
        let driver = machine.start("chromedriver", &["chromedriver", "--port=9515", "--log-level=SEVERE"])?;
        wait_until("the driver", || {
            let status = machine.run(&["curl", "--silent", &format!("{DRIVER}/status")])?;
            Ok(status.stdout.contains("\"ready\":true"))
        })?;
        let mut chrome = Self { machine, session: String::new(), _driver: driver };
        let profile = machine.directory().join("chrome").display().to_string();
        let began = chrome.send("POST", "/session", &capabilities(&profile, scripts))?;
        let session = began["sessionId"].as_str().context("a session")?;
        chrome.session = format!("/session/{session}");
        chrome.post("/timeouts", &json!({ "implicit": LOOK_MS, "pageLoad": 30_000, "script": 30_000 }))?;
        Ok(chrome)
    }

    pub(super) fn go(&self, url: &str) -> Result<()> {
        self.post("/url", &json!({ "url": url })).map(drop)
    }

    /// Where the browser is.
    pub(super) fn url(&self) -> Result<String> {
        let url = self.send("GET", &format!("{}/url", self.session), &Value::Null)?;
        url.as_str().map(str::to_owned).context("an address")
    }

    /// Waits until the browser is at a path of the box.
    pub(super) fn await_path(&self, path: &str) -> Result<()> {
        let is_there = || Ok(self.url()?.split_once("preau.lan").is_some_and(|(_, it)| it == path));
        wait_until(&format!("the page {path}"), is_there).with_context(|| self.url().unwrap_or_default())
    }

    /// Waits until the page has these words.
    pub(super) fn await_text(&self, words: &str) -> Result<()> {
        let has_words = || Ok(self.text()?.contains(words));
        wait_until(&format!("the words {words:?}"), has_words)
            .with_context(|| self.text().unwrap_or_default())
    }

    /// What stands on the page, as people see it.
    pub(super) fn text(&self) -> Result<String> {
        let text = self.run("return document.body ? document.body.innerText : ''", &json!([]))?;
        text.as_str().map(str::to_owned).context("a text")
    }

    /// Touches what a selector finds first. A page that loads anew takes its elements away: then it is looked for again.
    pub(super) fn touch(&self, selector: &str) -> Result<()> {
        self.on(selector, "/click", &json!({}))
    }

    /// Types into a field.
    pub(super) fn fill(&self, selector: &str, text: &str) -> Result<()> {
        self.on(selector, "/value", &json!({ "text": text }))
    }

    fn on(&self, selector: &str, action: &str, body: &Value) -> Result<()> {
        let mut outcome = Ok(());
        wait_until(&format!("{selector} to be there"), || {
            let tried = self
                .find(selector)
                .and_then(|element| self.post(&format!("/element/{element}{action}"), body).map(drop));
            let is_gone = tried.as_ref().is_err_and(|error| error.to_string().contains("stale element"));
            outcome = tried;
            Ok(!is_gone)
        })?;
        outcome.with_context(|| format!("{action} on {selector}, at {}", self.url().unwrap_or_default()))
    }

    fn find(&self, selector: &str) -> Result<String> {
        let found = self.post("/element", &json!({ "using": "css selector", "value": selector }))?;
        found[ELEMENT].as_str().map(str::to_owned).context("an element")
    }

    /// Runs a script on the page, whatever the page's policy says.
    pub(super) fn run(&self, script: &str, arguments: &Value) -> Result<Value> {
        self.post("/execute/sync", &json!({ "script": script, "args": arguments }))
    }

    /// The same of a script that answers later, by its last argument.
    pub(super) fn run_later(&self, script: &str) -> Result<Value> {
        self.post("/execute/async", &json!({ "script": script, "args": [] }))
    }

    /// Presses a key, wherever the focus is.
    pub(super) fn press(&self, key: &str) -> Result<()> {
        let actions = json!([{ "type": "keyDown", "value": key }, { "type": "keyUp", "value": key }]);
        let keys = json!({ "type": "key", "id": "keyboard", "actions": actions });
        self.post("/actions", &json!({ "actions": [keys] })).map(drop)
    }

    /// Goes on by the tabulator until what the selector finds has the focus, and it can be seen that it has.
    pub(super) fn tab_to(&self, selector: &str) -> Result<()> {
        for _ in 0..TABS_MAX {
            self.press(TAB)?;
            let script = "const on = document.activeElement;
                const { outlineStyle, outlineWidth } = getComputedStyle(on);
                return [on.matches(arguments[0]), outlineStyle !== 'none' && parseFloat(outlineWidth) > 0];";
            let [is_there, is_seen] =
                [0, 1].map(|at| self.run(script, &json!([selector])).map(|it| it[at].clone()));
            if is_there? == json!(true) {
                ensure!(is_seen? == json!(true), "{selector} has the focus, and nobody sees it");
                return Ok(());
            }
        }
        bail!("no tabulator leads to {selector} at {}", self.url()?)
    }

    /// Shows pages as on a screen of this width.
    pub(super) fn resize(&self, width: u32) -> Result<()> {
        let is_telephone = width < 600;
        let screen = json!({ "width": width, "height": 900, "deviceScaleFactor": 1, "mobile": is_telephone });
        self.order("Emulation.setDeviceMetricsOverride", &screen).map(drop)
    }

    /// Shows pages as whoever prefers this scheme (`light`, `dark`) sees them.
    pub(super) fn prefer(&self, scheme: &str) -> Result<()> {
        let features = json!([{ "name": "prefers-color-scheme", "value": scheme }]);
        self.order("Emulation.setEmulatedMedia", &json!({ "features": features })).map(drop)
    }

    /// A picture of the whole page, which has this `width` and `height`, in PNG.
    pub(super) fn picture(&self, size: &Value) -> Result<Vec<u8>> {
        let clip = json!({ "x": 0, "y": 0, "width": size["width"], "height": size["height"], "scale": 1 });
        let order = json!({ "format": "png", "captureBeyondViewport": true, "clip": clip });
        let taken = self.order("Page.captureScreenshot", &order)?;
        Ok(STANDARD.decode(taken["data"].as_str().context("a picture")?)?)
    }

    /// The page on paper, as its style says, in PDF.
    pub(super) fn print(&self) -> Result<Vec<u8>> {
        let printed = self.order("Page.printToPDF", &json!({ "preferCSSPageSize": true }))?;
        Ok(STANDARD.decode(printed["data"].as_str().context("a print")?)?)
    }

    /// A command of Chromium's own.
    fn order(&self, command: &str, parameters: &Value) -> Result<Value> {
        self.post("/goog/cdp/execute", &json!({ "cmd": command, "params": parameters }))
    }

    fn post(&self, path: &str, body: &Value) -> Result<Value> {
        self.send("POST", &format!("{}{path}", self.session), body)
    }

    /// The driver listens inside the machine: what it is told goes there by curl.
    fn send(&self, method: &str, path: &str, body: &Value) -> Result<Value> {
        let file = self.machine.directory().join("webdriver.json");
        fs::write(&file, body.to_string())?;
        let (url, data) = (format!("{DRIVER}{path}"), format!("@{}", file.display()));
        let told = ["curl", "--silent", "--show-error", "--max-time", "60", "--request", method, &url];
        let sent: &[&str] = if body.is_null() {
            &[]
        } else {
            &["--header", "Content-Type: application/json", "--data-binary", &data]
        };
        let answer = self.machine.run(&[&told[..], sent].concat())?.success()?;
        let answer: Value = serde_json::from_str(&answer).with_context(|| answer.clone())?;
        let value = answer["value"].clone();
        if let Some(error) = value["error"].as_str() {
            bail!("{path}: {error}: {}", value["message"].as_str().unwrap_or_default());
        }
        Ok(value)
    }
}

impl Drop for Chrome<'_> {
    fn drop(&mut self) {
        // What cannot be closed ends with the lab.
        let _closed = self.send("DELETE", &self.session, &Value::Null);
    }
}

fn capabilities(profile: &str, scripts: Scripts) -> Value {
    // A namespace is what its own sandbox wants to make.
    let arguments = [
        "--headless=new",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-dev-shm-usage",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        "--disable-features=AutofillServerCommunication,OptimizationHints,MediaRouter",
        "--lang=fr",
        &format!("--user-data-dir={profile}"),
    ];
    let javascript = match scripts {
        Scripts::Run => 1,
        Scripts::Blocked => 2,
    };
    let settings = json!({
        "intl.accept_languages": "fr",
        "profile.default_content_setting_values.javascript": javascript,
        "credentials_enable_service": false,
        "profile.password_manager_enabled": false,
        "profile.password_manager_leak_detection": false,
    });
    let options = json!({ "binary": "/usr/bin/chromium", "args": arguments, "prefs": settings });
    json!({ "capabilities": { "alwaysMatch": { "goog:chromeOptions": options } } })
}

/// Has the machine's browsers trust an authority.
fn trust(machine: &Machine, authority: &Path) -> Result<()> {
    let folder = machine.directory().join(".pki/nssdb");
    if folder.exists() {
        return Ok(());
    }
    fs::create_dir_all(&folder)?;
    let (database, file) = ("sql:.pki/nssdb", authority.display().to_string());
    machine.run(&["certutil", "-N", "-d", database, "--empty-password"])?.success()?;
    machine.run(&["certutil", "-A", "-d", database, "-n", "box", "-t", "C,,", "-i", &file])?.success()?;
    Ok(())
}
