//! A teacher prepares a lesson: what she names of the ENT is here before the class asks, and when the line is down.

use anyhow::{Result, ensure};
use harness::{Appliance, Lab, wait_until};

use super::people::{AUTHORITY, Browser, add};
use crate::workspace::{ENT, configure, curl, export};

const PAGE: &str = "/enseignant/preparation";

fn start(lab: &Lab, appliance: &mut Appliance<'_>) -> Result<()> {
    appliance.start()?;
    appliance.wait_until_ready(&lab.pc1)?;
    let file = lab.directory().join(AUTHORITY).display().to_string();
    appliance.run(&["ca", "export", "--out", &file])?.success().map(drop)
}

/// Today by the school's clock.
fn today(lab: &Lab) -> Result<String> {
    Ok(lab.pc1.shell("TZ=Europe/Paris date +%F")?.success()?.trim().to_owned())
}

fn fetched(lab: &Lab, path: &str) -> Result<usize> {
    Ok(lab.requests()?.lines().filter(|line| line.contains(path)).count())
}

#[test]
fn what_a_teacher_prepares_is_here_before_the_class_asks() -> Result<()> {
    let lab = Lab::new()?;
    let mut appliance = configure(&lab)?;
    start(&lab, &mut appliance)?;
    let own = export(&lab, &appliance)?;
    let card = add(&appliance, "Mme Martin", "teacher", &["CM2"])?;
    let martin = Browser::new(&lab, &lab.pc2, "martin");
    martin.begin("personne=1", &card, "402811")?;

    // Once: at midnight it is another one.
    let day = today(&lab)?;
    let form = |path: &str, title: &str| {
        format!("adresse=https%3A%2F%2F{ENT}{path}&titre={title}&jour={day}&salle=CM2")
    };
    let page = martin.get(PAGE)?;
    for (path, title) in [("/film.bin", "Le+volcan"), ("/lecon/1.html", "La+plante"), ("/nulle-part", "Rien")]
    {
        let seen = martin.fill(&page, PAGE, &form(path, title))?;
        ensure!(seen.location == PAGE, "{} {}", seen.status, seen.text);
    }
    let elsewhere = martin.fill(&page, PAGE, &form("/x", "Rien").replace(ENT, "mediatheque.example"))?;
    ensure!(elsewhere.status == "422", "{} {}", elsewhere.status, elsewhere.text);
    wait_until("two that are ready", || Ok(martin.get(PAGE)?.text.contains("2 prêts sur 3")))?;
    wait_until("one that is not there", || {
        Ok(martin.get(PAGE)?.text.contains("ne trouve rien à cette adresse"))
    })?;

    // The class opens it: it is here, byte by byte, and was asked for once.
    let film = format!("https://{ENT}/film.bin");
    let read = |head: &str| -> Result<String> {
        curl(&lab.pc1, &["--cacert", &own, "--dump-header", head, "--output", "film", &film])?;
        lab.pc1.shell(&format!("cmp film {}", lab.film().display()))?.success()?;
        lab.pc1.shell(&format!("cat {head}"))?.success()
    };
    ensure!(read("head")?.contains("preau;hit"), "it was prepared");
    ensure!(fetched(&lab, "/film.bin")? == 1, "{}", lab.requests()?);
    // The pupils of the room see it on the box's page, others do not.
    wait_until("the film on their page", || {
        let home = curl(&lab.pc1, &["http://preau.lan/"])?;
        Ok(home.contains(&format!("<a href=\"{film}\"><bdi>Le volcan</bdi></a>")))
    })?;
    ensure!(!curl(&lab.tablet, &["http://preau.lan/"])?.contains("Le volcan"));

    // After a power cut and without a line.
    appliance.kill9()?;
    start(&lab, &mut appliance)?;
    wait_until("the list again", || Ok(curl(&lab.pc1, &["http://preau.lan/"])?.contains("Le volcan")))?;
    // The name is known again before nobody can be asked for it.
    ensure!(read("head")?.contains("preau;hit"), "it outlives a power cut");
    lab.internet
        .shell("nft 'table inet cut { chain in { type filter hook input priority -10; policy drop; }; }'")?
        .success()?;
    ensure!(read("head")?.contains("preau;hit"), "it stays");
    wait_until("the page in place of others", || {
        let url = format!("https://{ENT}/inconnue");
        let page = curl(&lab.pc1, &["--cacert", &own, "--header", "Accept: text/html", &url])?;
        Ok(page.contains("<a href=\"/film.bin\"><bdi>Le volcan</bdi></a>"))
    })
}

#[test]
fn a_preparation_is_fetched_by_the_rules_of_the_device_and_recorded() -> Result<()> {
    let lab = Lab::new()?;
    let mut appliance = configure(&lab)?;
    start(&lab, &mut appliance)?;
    let card = add(&appliance, "Mme Martin", "teacher", &["CM2"])?;
    let martin = Browser::new(&lab, &lab.pc2, "martin");
    martin.begin("personne=1", &card, "402811")?;
    let page = martin.get(PAGE)?;
    let form = format!("adresse=https%3A%2F%2F{ENT}%2Fslow.bin&titre=Lent&jour={}&salle=", today(&lab)?);
    // While a lesson closes the Internet nothing is fetched for its devices, and the page says why.
    let lesson = ["lesson", "start", "CM2", "--teacher", "Mme Martin", "--internet", "closed"];
    appliance.run(&lesson)?.success()?;
    wait_until("a closed Internet", || {
        let shown = lab.pc1.run(&["curl", "--silent", "http://mediatheque.example/"])?.stdout;
        Ok(shown.contains("mediatheque.example") && !shown.contains("Ici mediatheque.example."))
    })?;
    ensure!(martin.fill(&page, PAGE, &form)?.status == "303");
    wait_until("that a lesson closes it", || {
        Ok(martin.get(PAGE)?.text.contains("Un cours ferme Internet en ce moment"))
    })?;
    ensure!(fetched(&lab, "/slow.bin")? == 0, "{}", lab.requests()?);
    appliance.run(&["lesson", "end", "1", "--author", "Mme Martin"])?.success()?;
    wait_until("how far it is", || Ok(martin.get(PAGE)?.text.contains("Mo sur 9")))?;
    // A power cut while it comes: it is gone on with, and is here in the end.
    wait_until("a part of it", || {
        let text = martin.get(PAGE)?.text;
        Ok(["5", "6", "7", "8"].iter().any(|done| text.contains(&format!("{done} Mo sur 9"))))
    })?;
    appliance.kill9()?;
    start(&lab, &mut appliance)?;
    let martin = Browser::new(&lab, &lab.pc2, "martin");
    wait_until("it is ready", || Ok(martin.get(PAGE)?.text.contains("1 prêt sur 1")))?;
    let asked = lab.requests()?;
    let bytes = asked
        .lines()
        .filter(|line| line.contains("/slow.bin"))
        .filter_map(|line| line.split_whitespace().last().and_then(|bytes| bytes.parse::<u64>().ok()));
    // What was on its way when the power went is sent twice, and no more: anew would be all of it and five megabytes.
    let (came, film) = (bytes.sum::<u64>(), lab.film().metadata()?.len());
    ensure!(came < film + 5_000_000, "{came} of {film} bytes");
    let of_device = ["journal", "search", "--json", "--device", "CM2-02", "--host", ENT];
    let records = appliance.run(&of_device)?.success()?;
    ensure!(records.contains("\"kind\":\"http\"") && !records.contains("slow"), "{records}");
    Ok(())
}
