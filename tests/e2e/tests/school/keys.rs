//! Who reads what is sealed is a matter of the head's page: she prints a key, and no box opens what is sealed to it.

use std::fs;

use anyhow::{Context, Result, ensure};
use harness::{Appliance, Lab, wait_until};

use crate::people::{AUTHORITY, Browser, Page, add};
use crate::sealing::{search, visit};

const SECRET: &str = "trois chats gris";
const KEYS: &str = "/direction/journal/cles";

/// A key as the page showed it, once.
struct Printed {
    public: String,
    secret: String,
}

fn between<'t>(text: &'t str, start: &str, end: &str) -> Option<&'t str> {
    text.split_once(start)?.1.split(end).next()
}

fn print(page: &Page) -> Result<Printed> {
    let letters = between(&page.text, "<strong class=\"code\">", "</strong>").context("a secret key")?;
    let public = between(&page.text, "<code>", "</code>").context("a public key")?;
    ensure!(!page.text.contains("name=\"fin\""), "its end would be read from the screen");
    Ok(Printed { public: public.to_owned(), secret: letters.split_whitespace().collect() })
}

fn make(head: &Browser<'_>, role: &str) -> Result<Printed> {
    let page = head.get(KEYS)?;
    let shown = head.fill(&page, KEYS, &format!("pour={role}&secret={SECRET}"))?;
    ensure!(shown.status == "200", "{} {}", shown.status, shown.text);
    let printed = print(&shown)?;
    let end = printed.secret.get(printed.secret.len().saturating_sub(6)..).context("its end")?;
    let confirm = |end: &str| {
        let form = format!("cle={}&fin={end}", printed.public);
        head.fill(&page, "/direction/journal/cles/garder", &form)
    };
    ensure!(confirm("000000")?.status == "422", "not the end of the key");
    ensure!(confirm(end)?.location == KEYS, "it is kept");
    ensure!(!head.get(KEYS)?.text.contains(&printed.secret), "it was shown once");
    Ok(printed)
}

/// Whether the secret stands in a file of the box.
fn is_kept(appliance: &Appliance<'_>, secret: &str) -> Result<bool> {
    let mut is_kept = false;
    for entry in fs::read_dir(appliance.data())? {
        let path = entry?.path();
        if path.is_file() {
            let bytes = fs::read(&path)?;
            is_kept |= bytes.windows(secret.len()).any(|part| part == secret.as_bytes());
        }
    }
    Ok(is_kept || appliance.log()?.contains(secret))
}

#[test]
fn what_is_sealed_to_a_key_of_the_page_is_read_with_its_paper_alone() -> Result<()> {
    let lab = Lab::new()?;
    let folder = tempfile::tempdir()?;
    let path = |name: &str| folder.path().join(name).display().to_string();
    let mut appliance = lab.start_appliance()?;
    let file = lab.directory().join(AUTHORITY).display().to_string();
    appliance.run(&["ca", "export", "--out", &file])?.success()?;
    let card = add(&appliance, "Mme Durand", "head", &[])?;
    let head = Browser::new(&lab, &lab.pc2, "head");
    head.begin("nom=Mme+Durand", &card, SECRET)?;
    wait_until("her page to say that there is none", || Ok(head.get("/direction")?.text.contains(KEYS)))?;
    let page = head.get(KEYS)?;
    let refused = head.fill(&page, KEYS, "pour=head&secret=faux")?;
    ensure!(refused.status == "403" && !refused.text.contains("AGE-SECRET-KEY"), "{}", refused.text);
    let keys = [("head", make(&head, "head")?), ("recovery", make(&head, "recovery")?)];
    for (role, key) in &keys {
        ensure!(!is_kept(&appliance, &key.secret)?, "{role}: the box keeps it");
        fs::write(folder.path().join(role), format!("{}\n", key.secret))?;
        wait_until("the act in the journal", || {
            let words = format!("{role}: {}", key.public);
            let acts = search(&appliance, &["--acts"])?;
            Ok(acts.iter().any(|act| act["deed"] == "add-reader" && act["reader"] == words.as_str()))
        })?;
    }

    visit(&lab, &appliance, "mediatheque.example")?;
    appliance.stop()?;
    let expected = search(&appliance, &[])?;
    ensure!(!expected.is_empty(), "today stays readable");
    fs::remove_dir_all(appliance.data().join("journal"))?;
    let locked = appliance.run(&["journal", "search", "--json"])?;
    let is_locked = locked.stdout.is_empty() && locked.stderr.contains("1 sealed files are encrypted");
    ensure!(is_locked, "the box itself reads nothing: {locked:#?}");
    for (role, _) in &keys {
        ensure!(search(&appliance, &["--identity", &path(role)])? == expected, "{role}");
    }
    let (out, identity) = (path("extrait.zip"), path("head"));
    let export = ["journal", "export", "--out", &out, "--author", "DPO", "--reason", "oversight"];
    let of = ["--detail", "audit", "--device", "CM2-01", "--identity", &identity];
    appliance.run(&[&export[..], &of].concat())?.success()?;

    // The last of its kind goes only where that is meant, and the last of all not at all.
    appliance.start()?;
    appliance.wait_until_ready(&lab.pc1)?;
    let page = head.get(KEYS)?;
    let remove = |key: &Printed, more: &str| {
        let form = format!("cle={}&secret={SECRET}{more}", key.public);
        head.fill(&page, "/direction/journal/cles/retirer", &form)
    };
    let [(_, of_head), (_, safe)] = &keys;
    ensure!(remove(safe, "")?.status == "409", "it is the last one of its kind");
    ensure!(remove(safe, "&derniere=1")?.location == KEYS, "it is meant");
    ensure!(remove(of_head, "&derniere=1")?.status == "409", "days would be sealed to nobody");
    Ok(())
}
