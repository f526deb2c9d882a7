//! Wagtail: pupils read a page for all and hand in their work, and the line is cut.

use anyhow::{Result, ensure};
use harness::{Lab, wait_until};
use serde_json::{Value, json};

use super::{Stage, await_script, await_told, fetch, internet, push, url};
use crate::pages::album::Album;
use crate::pages::chrome::Chrome;

const WAGTAIL: &str = "version = 1
session_cookies = [\"sessionid\"]
files = [\"/documents/*/*\"]
log_out = [\"/admin/logout/**\"]
offline_days = 7
";

/// Her work, which only she may read.
const WORK: &str = "/documents/1/volcan.txt";
/// What sends a form with a file: the application's own, and the box's in its place.
const SEND: &str = "form[enctype='multipart/form-data'] button[type='submit']";

fn sign_in(chrome: &Chrome<'_>, name: &str) -> Result<()> {
    chrome.go(&url("/admin/"))?;
    chrome.fill("#id_username", name)?;
    chrome.fill("#id_password", &format!("{name}-402"))?;
    push(chrome, "form button[type='submit']")?;
    await_script(chrome, "her own page", "return location.pathname === '/admin/'")
}

fn choose(chrome: &Chrome<'_>, title: &str, file: &str) -> Result<()> {
    chrome.go(&url("/admin/documents/add/"))?;
    chrome.fill("#id_file", file)?;
    chrome.run("document.querySelector('#id_title').value = arguments[0]", &json!([title])).map(drop)
}

fn is_hers(answer: &Value) -> bool {
    answer["text"].as_str().is_some_and(|text| text.contains("Le volcan de Lina."))
}

#[test]
fn pupils_hand_in_work_with_wagtail() -> Result<()> {
    let (lab, album) = (Lab::with_sites(internet()?)?, Album::new("wagtail")?);
    let script = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("ent/wagtail_school.py");
    let script = script.display().to_string();
    let command =
        ["env", "PYTHONDONTWRITEBYTECODE=1", "{venv}/bin/python", script.as_str(), "{home}", "8080"];
    let stage = Stage::open(&lab, "wagtail", &command, WAGTAIL)?;
    let (lina, tom) = (stage.chrome(&lab.pc1)?, stage.chrome(&lab.pc2)?);
    // Larger than what is held of a form.
    let work = lab.pc1.directory().join("volcan.txt");
    std::fs::write(&work, "Le volcan de Lina. ".repeat(100_000))?;
    let work = work.display().to_string();
    sign_in(&lina, "lina")?;
    sign_in(&tom, "tom")?;
    album.picture(&lina, "home")?;
    choose(&lina, "Mon volcan", &work)?;
    album.picture(&lina, "chosen")?;
    push(&lina, SEND)?;
    lina.await_text("Mon volcan")?;
    album.picture(&lina, "handed-in")?;
    let read = await_told(&lina, WORK, &json!({}), "authorised")?;
    ensure!(is_hers(&read), "{read}");
    let other = fetch(&tom, WORK, &json!({}))?;
    ensure!(!is_hers(&other), "{other}");
    tom.go(&url("/admin/documents/"))?;
    tom.await_text("Documents")?;
    ensure!(!tom.text()?.contains("Mon volcan"), "{}", tom.text()?);
    lina.go(&url("/volcans/"))?;
    lina.await_text("Une montagne qui respire")?;

    stage.cut()?;
    read_without_the_line(&lina, &tom, &album)?;
    stage.mend()?;
    hand_in_without_the_line(&stage, &lina, &work, &album)?;
    drop((lina, tom, stage.appliance));
    album.close()
}

/// What was read before is there, for those who read it; a page for all says how old it is.
fn read_without_the_line(lina: &Chrome<'_>, tom: &Chrome<'_>, album: &Album) -> Result<()> {
    let read = await_told(lina, WORK, &json!({}), "offline")?;
    ensure!(is_hers(&read), "{read}");
    let other = fetch(tom, WORK, &json!({}))?;
    ensure!(other["status"] == json!(503) && !is_hers(&other), "{other}");
    tom.go(&url("/volcans/"))?;
    tom.await_text("Une montagne qui respire")?;
    tom.await_text("La ligne Internet de l’école est coupée")?;
    album.picture(tom, "stale")?;
    lina.go(&url("/admin/documents/"))?;
    lina.await_text("L’ENT ne répond pas")?;
    lina.await_text("Les volcans")?;
    album.picture(lina, "line-down")
}

/// A form is filled in while the line falls: nothing is lost, and it is sent once the line is back.
fn hand_in_without_the_line(stage: &Stage<'_>, lina: &Chrome<'_>, work: &str, album: &Album) -> Result<()> {
    choose(lina, "Mon deuxième volcan", work)?;
    stage.cut()?;
    // What was on its way when the line fell breaks off.
    let is_told = || fetch(lina, "/admin/", &json!({})).is_ok_and(|got| got["status"] == json!(503));
    wait_until("the box to know", || Ok(is_told()))?;
    push(lina, SEND)?;
    lina.await_text("Rien n’a été envoyé")?;
    lina.await_text("Mon deuxième volcan")?;
    lina.await_text("volcan.txt")?;
    album.look(lina, "not-sent")?;

    stage.mend()?;
    lina.fill("input[type='file']", work)?;
    push(lina, SEND)?;
    lina.await_text("Mon deuxième volcan")?;
    album.picture(lina, "sent-after-all")?;
    // It came twice to the server, and not a third time.
    let sent =
        || -> Result<usize> { Ok(stage.lab.requests()?.matches("POST /admin/documents/add/ 302").count()) };
    wait_until("the work at the server", || Ok(sent()? >= 2))?;
    ensure!(sent()? == 2, "{}", stage.lab.requests()?);
    Ok(())
}
