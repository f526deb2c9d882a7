//! What a page looks like on every screen: pictures for people, and what `axe-core` finds in the way of those who hear, magnify or
//! type instead of seeing and touching.

use std::cell::RefCell;
use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use super::chrome::Chrome;

/// A telephone, a PC of a classroom, a projector, by day and by night. What a page is wide and what its colours are have nothing to do with each
/// other: axe looks at each width and each scheme once, which takes half as long as all of them with one another.
const SCREENS: [(u32, &str); 3] = [(390, "light"), (1_024, "dark"), (1_920, "light")];
/// What a picture on paper shows of a page, at most: letters of a size to be read, and the beginning of a long page.
const PAPER: (u32, u32) = (760, 1_200);
/// Two screens that have little in common; a picture is taken of the second.
const GLANCES: [(u32, &str); 2] = [(390, "dark"), (1_920, "light")];

/// All rules that axe has for people: those of the WCAG at the levels that the law asks for (RGAA), and its own good practice.
/// Nothing comes back from a page that has no axe yet.
const ASK_AXE: &str = "
    const done = arguments[arguments.length - 1];
    if (typeof axe === 'undefined') { done(null); return; }
    const root = document.documentElement;
    const size = { width: root.scrollWidth, height: root.scrollHeight, wider: root.scrollWidth - root.clientWidth };
    axe.run(document, { resultTypes: ['violations'] }).then(
        found => done({ size, faults: found.violations.map(it => it.id + ' (' + it.help + '): '
            + it.nodes.map(node => node.target + ' ' + node.html.slice(0, 160) + ' ' + node.failureSummary).join(' | ')) }),
        error => done({ size, faults: ['axe: ' + error] }));";

/// How often axe is asked about a page: one that loads itself anew does so every few seconds, and axe takes less.
const TRIES_MAX: u32 = 3;
/// What the driver says of a question whose page has gone.
const LOST: [&str; 3] = ["document unloaded", "aborted by navigation", "execution context"];

/// What is so on purpose: the page, axe's rule, why.
const ACCEPTED: [(&str, &str, &str); 3] = [
    ("outage-Nothing-", "meta-refresh ", LEADS_BACK),
    ("line-down-", "meta-refresh ", LEADS_BACK),
    ("enrol-inheriting-", "meta-refresh ", FOLLOWS),
];
const LEADS_BACK: &str = "it stands in for a page that cannot be reached, and leads there once it can: there is nothing on it to be interrupted in";
const FOLLOWS: &str = "it tells how far a box is that takes over another one's place: there is nothing to type, and the box starts anew meanwhile";

/// Pictures of pages, and what is wrong with them.
pub(super) struct Album {
    folder: PathBuf,
    axe: String,
    faults: RefCell<Vec<String>>,
}

impl Album {
    /// An album of this name, in the folder of all albums.
    pub(super) fn new(name: &str) -> Result<Self> {
        let target = target()?;
        let folder = target.join("screenshots").join(name);
        if folder.exists() {
            fs::remove_dir_all(&folder)?;
        }
        fs::create_dir_all(&folder)?;
        let axe = target.join("axe/node_modules/axe-core/axe.min.js");
        let axe = fs::read_to_string(&axe).context("there is no target/axe: run `./dev test`")?;
        println!("pictures of the pages: {}", folder.display());
        Ok(Self { folder, axe, faults: RefCell::default() })
    }

    /// Looks at the page that the browser shows, on all screens, by day and by night.
    pub(super) fn look(&self, chrome: &Chrome<'_>, name: &str) -> Result<()> {
        SCREENS.into_iter().try_for_each(|screen| self.show(chrome, name, screen))?;
        chrome.prefer("light")?;
        chrome.resize(1_024)
    }

    /// Keeps a picture for the manuals, which ask for it by this name (`<!-- image: NAME | CAPTION -->`). `./dev guide` prints them.
    pub(super) fn keep(&self, chrome: &Chrome<'_>, name: &str) -> Result<()> {
        let (width, height_max) = PAPER;
        chrome.resize(width)?;
        chrome.prefer("light")?;
        let height = chrome.run("return document.documentElement.scrollHeight", &json!([]))?;
        let height = height.as_u64().context("a height")?.min(height_max.into());
        let folder = target()?.join("screenshots/guide");
        fs::create_dir_all(&folder)?;
        let picture = chrome.picture(&json!({ "width": width, "height": height }))?;
        fs::write(folder.join(format!("{name}.png")), picture)?;
        chrome.resize(1_024)
    }

    /// Where the album has a file of this name.
    pub(super) fn place(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// Keeps a picture of a page that is somebody else's: nothing is judged.
    pub(super) fn picture(&self, chrome: &Chrome<'_>, name: &str) -> Result<()> {
        let size = json!({ "width": 1_024, "height": 900 });
        Ok(fs::write(self.folder.join(format!("{name}.png")), chrome.picture(&size)?)?)
    }

    /// Looks at it on two screens that have little in common.
    pub(super) fn glance(&self, chrome: &Chrome<'_>, name: &str) -> Result<()> {
        GLANCES.into_iter().try_for_each(|screen| self.show(chrome, name, screen))
    }

    fn show(&self, chrome: &Chrome<'_>, name: &str, (width, scheme): (u32, &str)) -> Result<()> {
        chrome.resize(width)?;
        chrome.prefer(scheme)?;
        let place = format!("{name}-{width}-{scheme}");
        let size = self.judge(chrome, &place)?;
        if SCREENS.contains(&(width, scheme)) {
            fs::write(self.folder.join(format!("{place}.png")), chrome.picture(&size)?)?;
        }
        Ok(())
    }

    /// Notes what is wrong with the page; returns its size.
    fn judge(&self, chrome: &Chrome<'_>, place: &str) -> Result<Value> {
        let found = self.ask(chrome)?;
        let told = found["faults"].as_array().context("what axe found")?.iter().filter_map(Value::as_str);
        let is_accepted = |fault: &str| {
            ACCEPTED.iter().any(|(page, rule, _)| place.starts_with(page) && fault.starts_with(rule))
        };
        let told = told.filter(|fault| !is_accepted(fault));
        let mut faults = self.faults.borrow_mut();
        faults.extend(told.map(|fault| format!("{place}: {fault}")));
        let size = found["size"].clone();
        if size["wider"] != json!(0) {
            faults.push(format!("{place}: {} pixels wider than the screen", size["wider"]));
        }
        Ok(size)
    }

    /// What axe finds on the page. One that loads itself anew takes axe away, or the whole question: then it is asked again.
    fn ask(&self, chrome: &Chrome<'_>) -> Result<Value> {
        let ask = || -> Result<Value> {
            let found = chrome.run_later(ASK_AXE)?;
            if !found.is_null() {
                return Ok(found);
            }
            chrome.run(&self.axe, &json!([]))?;
            chrome.run_later(ASK_AXE)
        };
        let is_lost = |found: &Result<Value>| match found {
            Ok(found) => found.is_null(),
            Err(error) => LOST.iter().any(|words| error.to_string().contains(*words)),
        };
        let mut found = ask();
        for _ in 1..TRIES_MAX {
            if !is_lost(&found) {
                break;
            }
            found = ask();
        }
        found
    }

    /// Nothing was wrong with any of the pages.
    pub(super) fn close(self) -> Result<()> {
        let faults = self.faults.into_inner();
        ensure!(faults.is_empty(), "{} faults:\n{}", faults.len(), faults.join("\n"));
        Ok(())
    }
}

/// The folder of all that is built.
pub(super) fn target() -> Result<PathBuf> {
    let program = std::env::current_exe()?;
    let target = program.ancestors().find(|folder| folder.ends_with("debug") || folder.ends_with("release"));
    Ok(target.and_then(|profile| profile.parent()).context("a target folder")?.to_owned())
}
