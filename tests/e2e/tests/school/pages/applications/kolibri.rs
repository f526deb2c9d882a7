//! Kolibri: two pupils learn with a film and a document, and the line is cut.

use std::path::PathBuf;

use anyhow::{Context, Result, bail, ensure};
use harness::{Lab, wait_until};
use serde_json::json;

use super::{Stage, await_script, fetch, internet, made, url};
use crate::pages::album::Album;
use crate::pages::chrome::{Chrome, ENTER};
use crate::people::AUTHORITY;

const KOLIBRI: &str = "version = 1
session_cookies = [\"kolibri\"]
files = [\"/content/storage/*/*/*\"]
offline_days = 7
";

/// The number under which Kolibri has something of `kolibri_school.py`.
const FILM: &str = "ab3495d551b752fb9005121762321f4e";
const SHEET: &str = "78c0407fc09c54ffb4ae52622e704a61";

fn sign_in(chrome: &Chrome<'_>, name: &str) -> Result<()> {
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
    sign_in(&lina, "lina")?;
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
    sign_in(&tom, "tom")?;
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
    wait_until("the box to know", || {
        // What was on its way when the line fell breaks off.
        Ok(fetch(&tom, "/api/auth/facilityuser/?x=1", &json!({}))
            .is_ok_and(|got| got["status"] == json!(503)))
    })?;
    // The film is for all, Kolibri says so itself, and is here for all, byte by byte.
    let own = lab.directory().join(AUTHORITY).display().to_string();
    let read =
        ["curl", "--silent", "--dump-header", "head", "--output", "film", "--cacert", &own, &url(&film)];
    lab.pc1.run(&read)?.success()?;
    lab.pc1.shell(&format!("grep 'preau;hit' head && cmp film {}", find_film()?.display()))?.success()?;
    let sent = fetch(&lina, "/api/logger/trackprogress/", &json!({ "method": "POST", "body": "{}" }))?;
    ensure!(sent["status"] == json!(503) && sent["kind"] == json!("application/problem+json"), "{sent}");
    ensure!(sent["text"].as_str().is_some_and(|text| text.contains("nothing was sent")), "{sent}");
    tom.go(&url("/fr-fr/learn/?x=1"))?;
    tom.await_text("L’ENT ne répond pas")?;
    album.picture(&tom, "line-down")?;

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
    bail!("no film")
}
