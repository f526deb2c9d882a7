//! What heads and technicians do of themselves, by the keyboard alone and without a script: a rule for the school, other rooms for a
//! teacher, a file and a new key of the Wi-Fi.

use anyhow::Result;
use harness::{Lab, WIFI_WITHOUT_RADIO, wait_until};

use super::chrome::{Chrome, ENTER, Scripts};
use super::{HEAD_SECRET, School, page, visit};
use crate::people::add;

const SITE: &str = "http://mediatheque.example/";

fn press(chrome: &Chrome<'_>, selector: &str) -> Result<()> {
    chrome.tab_to(selector)?;
    chrome.press(ENTER)
}

fn type_into(chrome: &Chrome<'_>, field: &str, text: &str) -> Result<()> {
    chrome.tab_to(field)?;
    chrome.fill(field, text)
}

/// With a first secret, which becomes one of her own.
fn sign_in(chrome: &Chrome<'_>, name: &str, card: &str) -> Result<()> {
    chrome.go(&page("/connexion"))?;
    press(chrome, "a.button.plain")?;
    // The first field has the focus already.
    chrome.fill("#name", name)?;
    type_into(chrome, "#secret", card)?;
    chrome.press(ENTER)?;
    chrome.await_path("/secret")?;
    chrome.fill("#old", card)?;
    type_into(chrome, "#new", HEAD_SECRET)?;
    type_into(chrome, "#again", HEAD_SECRET)?;
    chrome.press(ENTER)
}

#[test]
fn a_keyboard_directs_the_school() -> Result<()> {
    let lab = Lab::new()?;
    let school = School::open_with(&lab, WIFI_WITHOUT_RADIO)?;
    let told = |arguments: &[&str]| school.appliance.run(arguments)?.success();
    wait_until("the room's key", || Ok(told(&["wifi", "key", "list"])?.starts_with("k1\tCM2\t")))?;
    let card = add(&school.appliance, "M. Bernard", "head", &[])?;
    let chrome = school.chrome(&lab.pc2, Scripts::Blocked)?;
    sign_in(&chrome, "M. Bernard", &card)?;
    chrome.await_path("/direction")?;

    type_into(&chrome, "#make-site", SITE)?;
    type_into(&chrome, "#make-motive", "une image choquante")?;
    // The first of two buttons is the one that closes.
    chrome.press(ENTER)?;
    chrome.await_text("mediatheque.example")?;
    wait_until("a closed site", || Ok(visit(&lab.pc1, SITE)? == "403"))?;
    press(&chrome, "form[action='/direction/fermer'] button")?;
    wait_until("an open site", || Ok(visit(&lab.pc1, SITE)? == "200"))?;

    assert!(told(&["person", "list"])?.contains("CM2"), "where the teacher is");
    chrome.go(&page("/direction/personnes"))?;
    press(&chrome, "summary")?;
    chrome.tab_to("input[name='salle']")?;
    chrome.press(" ")?;
    press(&chrome, "form[action='/direction/personnes/salles'] button")?;
    wait_until("a teacher of all rooms", || Ok(!told(&["person", "list"])?.contains("CM2")))?;

    chrome.go(&page("/technique"))?;
    press(&chrome, "a[href='/technique/wifi']")?;
    chrome.await_path("/technique/wifi")?;
    chrome.await_text("tilleul")?;
    press(&chrome, "button[value='windows']")?;
    let acts = || told(&["journal", "search", "--json", "--acts"]);
    wait_until("the record of the file", || Ok(acts()?.contains("room CM2: windows")))?;
    press(&chrome, "form[action='/technique/wifi/cle'] button")?;
    wait_until("a new key", || Ok(told(&["wifi", "key", "list"])?.starts_with("k2\tCM2\t")))?;
    wait_until("who renewed it", || {
        Ok(acts()?.lines().any(|act| act.contains("renew-wifi-key") && act.contains("M. Bernard")))
    })
}
