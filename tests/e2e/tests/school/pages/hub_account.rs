//! The hub's pages that whoever comes by the commune's own account sees, on all screens: the way there, what is asked on the way back, and where it leads.

use anyhow::{Context, Result, ensure};
use harness::{Lab, wait_until};
use serde_json::json;

use super::album::Album;
use super::chrome::{Chrome, Scripts};
use super::hub::{HOME, settle};
use crate::hub_oidc::Commune;

/// Says to the provider who she is, whatever its page looks like.
const BE: &str = "
    const form = document.createElement('form');
    form.method = 'post';
    const field = document.createElement('input');
    field.name = 'sub';
    field.value = arguments[0];
    form.append(field);
    document.body.append(form);
    form.submit();";

fn come_back_as(chrome: &Chrome<'_>, sub: &str) -> Result<()> {
    chrome.go(&format!("{HOME}/connexion"))?;
    chrome.await_text("Avec mon compte de la commune")?;
    chrome.touch("a[href='/connexion/compte']")?;
    wait_until("the provider's page", || Ok(chrome.url()?.contains("/oauth2/authorize")))?;
    chrome.run(BE, &json!([sub]))?;
    chrome.await_text("Connexion établie")
}

#[test]
fn whoever_comes_by_the_communes_account_finds_her_way() -> Result<()> {
    let (lab, album) = (Lab::new()?, Album::new("hub-account")?);
    let commune = Commune::start(&lab.pc1)?;
    let mut cards = Vec::new();
    for (name, account) in [("Mme Petit", "petit@commune.example"), ("M. Blanc", "blanc@commune.example")] {
        let said = commune.person(&["add", "--name", name, "--role", "policy"])?.success()?;
        let (_, secret) = said.split_once("secret\t").context("a card")?;
        cards.push(secret.trim().to_owned());
        commune.person(&["account", name, account])?.success()?;
    }
    let authority = lab.pc1.directory().join("hub.crt");
    let fetch = ["curl", "--silent", "--fail", "--insecure", "--output"];
    let (path, url) = (authority.display().to_string(), format!("{HOME}/certificat.crt"));
    lab.pc1.run(&[&fetch[..], &[path.as_str(), &url]].concat())?.success()?;
    let chrome = Chrome::start(&lab.pc1, &authority, Scripts::Run)?;
    chrome.go(&format!("{HOME}/connexion"))?;
    chrome.await_text("Avec mon compte de la commune")?;
    album.look(&chrome, "sign-in")?;

    // Two factors were shown: nothing more is asked.
    come_back_as(&chrome, "petit")?;
    album.look(&chrome, "arrived")?;
    chrome.touch("a.button")?;
    chrome.await_text("Les écoles de la commune")?;
    chrome.go(&format!("{HOME}/ecole/0000000X"))?;
    chrome.await_text("Il n’y a rien à cette adresse")?;
    album.look(&chrome, "trouble")?;
    chrome.touch("form[action='/deconnexion'] button")?;
    chrome.await_text("Connexion")?;

    // One was: her telephone here is the other one.
    settle(&chrome, None, "M. Blanc", cards.get(1).context("his card")?)?;
    chrome.touch("form[action='/deconnexion'] button")?;
    chrome.await_text("Connexion")?;
    come_back_as(&chrome, "blanc")?;
    chrome.touch("a.button")?;
    chrome.await_text("mais pas par un second moyen")?;
    album.look(&chrome, "code-asked")?;
    chrome.fill("#code", "000 000")?;
    chrome.touch("form[action='/code'] button")?;
    let is_told = "return document.querySelector(\"[role='alert']\") !== null";
    wait_until("the page to say that it is wrong", || Ok(chrome.run(is_told, &json!([]))? == json!(true)))?;
    album.look(&chrome, "code-wrong")?;
    ensure!(!chrome.text()?.contains("Les écoles de la commune"), "he is not in");
    album.close()
}
