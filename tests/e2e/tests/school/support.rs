//! Whoever looks after the box learns how it is, on the command line as on the page, and has a text for others that names nobody.

use anyhow::{Context, Result, ensure};
use harness::{Appliance, Lab, PC1_MAC, PC2_MAC, TABLET_MAC, usual_configuration, wait_until};

use super::people::{AUTHORITY, Browser, add};

/// What people have named, in all places that take a name; a pupil's addresses; what was visited.
const NEVER: [&str; 13] = [
    "anari",
    "tilleul",
    "01 23 45",
    PC1_MAC,
    PC2_MAC,
    TABLET_MAC,
    "10.77.0.11",
    "10.77.0.12",
    "fd77::",
    "mediatheque",
    "casino",
    "198.51.100",
    "402817",
];

fn open(lab: &Lab) -> Result<(Appliance<'_>, String)> {
    let network = "[[wifi.network]]\nroom = \"Salle Canari\"\nssid = \"tilleul\"\n";
    let text = usual_configuration().replace("École élémentaire du Laboratoire", "École Canari");
    let mut appliance = lab.appliance_with(&format!("{text}\n{network}"))?;
    appliance.build_lists(&lab.lists())?;
    appliance.add_device(PC1_MAC, "canari-01", "Salle Canari", "elementaire")?;
    appliance.add_device(PC2_MAC, "canari-02", "Salle Canari", "elementaire")?;
    appliance.start()?;
    appliance.wait_until_ready(&lab.pc1)?;
    let file = lab.directory().join(AUTHORITY).display().to_string();
    appliance.run(&["ca", "export", "--out", &file])?.success()?;
    let card = add(&appliance, "Mme Canari", "technician", &[])?;
    Ok((appliance, card))
}

fn check_text(text: &str) -> Result<()> {
    for never in NEVER {
        ensure!(!text.to_lowercase().contains(&never.to_lowercase()), "{never}: {text}");
    }
    for expected in
        ["devices\t2", "people\t1", "lessons\t1", "\tjournal\t", "school.name = (a text)", "dns answered"]
    {
        ensure!(text.contains(expected), "{expected}: {text}");
    }
    Ok(())
}

#[test]
fn the_text_for_support_names_nobody() -> Result<()> {
    let lab = Lab::new()?;
    let (appliance, card) = open(&lab)?;
    for (client, url) in [(&lab.pc1, "http://casino.example/"), (&lab.tablet, "http://mediatheque.example/")]
    {
        client.run(&["curl", "--silent", "--max-time", "5", url])?;
    }
    let lesson = ["lesson", "start", "Salle Canari", "--teacher", "Mme Canari", "--internet", "list"];
    appliance.run(&[&lesson[..], &["--site", "canari.example"]].concat())?.success()?;
    let technician = Browser::new(&lab, &lab.pc2, "technician");
    technician.begin("nom=Mme+Canari", &card, "trois+canaris+gris")?;
    technician.make_telephone_known("trois+canaris+gris")?;
    let configuration = lab.appliance.directory().join("preau.toml").display().to_string();
    let file = lab.directory().join("support.txt");
    let shown = file.display().to_string();
    let support = ["support", "--config", &configuration, "--out", &shown];
    wait_until("the state of the running box", || {
        appliance.run(&support)?.success()?;
        Ok(std::fs::read_to_string(&file)?.contains("\tjournal\t"))
    })?;
    check_text(&std::fs::read_to_string(&file)?)?;
    let page = technician.get("/technique")?;
    ensure!(page.text.contains("Aucune borne n’est configurée"), "{}", page.text);
    check_text(&technician.fill(&page, "/technique/assistance", "")?.text)
}

#[test]
fn a_cable_that_was_pulled_is_told_with_what_to_do() -> Result<()> {
    let lab = Lab::new()?;
    let appliance = lab.start_appliance()?;
    let status = |options: &[&str]| appliance.run(&[&["status"], options].concat());
    // The exit status goes by the heat and the memory of the host as well.
    wait_until("the state of the running box", || Ok(status(&[])?.stdout.contains("good\tline\t")))?;
    let told = status(&[])?.stdout;
    ensure!(told.contains("good\tline\tLe câble vers la box Internet est branché."), "{told}");
    ensure!(told.contains("neutral\thub\tAucun serveur de la commune"), "{told}");
    lab.internet.run(&["ip", "link", "set", "net0", "down"])?.success()?;
    wait_until("the cable", || Ok(status(&["--english"])?.stdout.contains("bad\tline\t")))?;
    let told = status(&["--english"])?;
    let (_, rest) = told.stdout.split_once("bad\tline\t").context("the line")?;
    ensure!(rest.contains("→ Plug the Internet router’s cable in again"), "{rest}");
    ensure!(!told.is_success(), "{told:?}");
    Ok(())
}

/// Both cables in one switch, or a router that gives the box's own addresses: something is at the cable's end, and it is no line.
#[test]
fn a_line_in_the_schools_own_network_is_told() -> Result<()> {
    let lab = Lab::new()?;
    let appliance = lab.start_appliance()?;
    let tells = |words: &str| -> Result<bool> { Ok(appliance.run(&["status"])?.stdout.contains(words)) };
    wait_until("the state of the running box", || tells("good\tline\t"))?;
    let seat = |what: &str| lab.appliance.run(&["ip", "address", what, "10.77.0.50/32", "dev", "wan0"]);
    seat("add")?.success()?;
    let told = "bad\tline\tLe port Internet a une adresse du réseau même de l’école";
    wait_until("the address", || tells(told))?;
    seat("del")?.success()?;
    wait_until("the line", || tells("good\tline\t"))
}
