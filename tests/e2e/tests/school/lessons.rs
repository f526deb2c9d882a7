//! A teacher has a room for a lesson: one touch closes the Internet, at its minute all is as before, and the log says so.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use harness::{Appliance, Lab, Machine, usual_configuration, wait_until};
use serde_json::Value;

use super::people::{AUTHORITY, Browser, Page, add};

/// From the touch on the page to the end of a download that runs, by the box's own clock.
const CLOSED_WITHIN_MS: i64 = 1_000;
/// A class waits no longer, on the busiest machine.
const AT_ONCE: Duration = Duration::from_secs(5);
/// How often the touch is tried: of two tries, a busy machine may take its share. All others have to be in time.
const TRIES: usize = 6;
const LATE_MAX: usize = 2;

const ENT: &str = "encyclopedie.example";
const OTHER: &str = "http://mediatheque.example/";

/// A box with an ENT, whose certificate the browsers trust.
fn open(lab: &Lab) -> Result<Appliance<'_>> {
    let ent = format!("[[ent]]\nhosts = [\"{ENT}\"]\n");
    let mut appliance = lab.appliance_with(&format!("{}\n{ent}", usual_configuration()))?;
    appliance.add_usual_devices()?;
    appliance.build_lists(&lab.lists())?;
    appliance.start()?;
    appliance.wait_until_ready(&lab.pc1)?;
    let file = lab.directory().join(AUTHORITY).display().to_string();
    appliance.run(&["ca", "export", "--out", &file])?.success()?;
    Ok(appliance)
}

fn status_of(client: &Machine, url: &str) -> Result<String> {
    let quiet =
        ["curl", "--silent", "--output", "/dev/null", "--max-time", "5", "--write-out", "%{http_code}"];
    Ok(client.run(&[&quiet[..], &[url]].concat())?.stdout)
}

fn await_status(client: &Machine, url: &str, expected: &str) -> Result<()> {
    wait_until(&format!("{url} to be {expected}"), || Ok(status_of(client, url)? == expected))
}

/// What a search finds.
fn search(appliance: &Appliance<'_>, arguments: &[&str]) -> Result<Vec<Value>> {
    let printed = appliance.run(&[&["journal", "search", "--json"], arguments].concat())?.success()?;
    printed.lines().map(|line| serde_json::from_str(line).context("a line of JSON")).collect()
}

/// What happened to lessons: the deed, the author, how it went on or ended.
fn lesson_acts(appliance: &Appliance<'_>) -> Result<Vec<String>> {
    let acts = search(appliance, &["--acts"])?;
    // After a crash one may stand there twice, one after the other.
    let told = acts.iter().filter(|act| !act["lesson"].is_null()).map(|act| {
        let lesson = &act["lesson"];
        let words = [&act["deed"], &act["author"], &act["room"], &lesson["internet"], &lesson["end"]];
        words.iter().filter_map(|word| word.as_str()).collect::<Vec<_>>().join(" ")
    });
    let mut told: Vec<String> = told.collect();
    told.dedup();
    Ok(told)
}

fn await_lesson_acts(appliance: &Appliance<'_>, expected: &[&str]) -> Result<()> {
    wait_until(&format!("the acts {expected:?}"), || Ok(lesson_acts(appliance)?.len() >= expected.len()))?;
    assert_eq!(lesson_acts(appliance)?, expected);
    Ok(())
}

fn milliseconds(time: &Value) -> Result<i64> {
    let time: jiff::Timestamp = time.as_str().context("a time")?.parse()?;
    Ok(time.as_millisecond())
}

/// A teacher who is signed in on the second PC.
fn teacher<'a>(lab: &'a Lab, appliance: &Appliance<'_>, name: &str, number: u32) -> Result<Browser<'a>> {
    let card = add(appliance, name, "teacher", &["CM2"])?;
    let browser = Browser::new(lab, &lab.pc2, name);
    browser.begin(&format!("personne={number}"), &card, &format!("40281{number}"))?;
    Ok(browser)
}

fn touch(browser: &Browser<'_>, path: &str, form: &str) -> Result<Page> {
    let page = browser.get("/enseignant")?;
    let seen = browser.fill(&page, path, form)?;
    ensure!(seen.location == "/enseignant", "{path} {form}: {} {}", seen.status, seen.text);
    browser.get("/enseignant")
}

#[test]
fn a_touch_closes_the_internet_on_what_runs() -> Result<()> {
    let lab = Lab::new()?;
    let appliance = open(&lab)?;
    let martin = teacher(&lab, &appliance, "Mme Martin", 1)?;
    let quiet = ["curl", "--silent", "--limit-rate", "1M", "--output", "/dev/null"];
    let mut times = Vec::new();
    for number in 1..=TRIES {
        let mut download =
            lab.pc1.start("download", &[&quiet[..], &["https://mediatheque.example/big.bin"]].concat())?;
        let of_site = ["--device", "CM2-01", "--host", "mediatheque.example", "--verdict", "permit"];
        let is_running = |access: &Value| access["kind"] == "tls" && access["end"].is_null();
        wait_until("the download under way", || Ok(search(&appliance, &of_site)?.iter().any(is_running)))?;

        let page = martin.get("/enseignant")?;
        let form = "salle=CM2&minutes=55&internet=closed";
        #[expect(clippy::disallowed_methods, reason = "how long people wait is what is tested")]
        let start = Instant::now();
        martin.fill(&page, "/enseignant/cours", form)?;
        download.wait()?;
        let seen = start.elapsed();
        assert!(seen < AT_ONCE, "{seen:?}");

        let accesses = || search(&appliance, &of_site);
        wait_until("the end of the download", || Ok(!accesses()?.iter().any(is_running)))?;
        let access = accesses()?.into_iter().rfind(|it| it["kind"] == "tls").context("the download")?;
        assert_eq!(access["end"], "lapse", "{access}");
        wait_until("the record of the touch", || Ok(lesson_acts(&appliance)?.len() == 2 * number - 1))?;
        let acts = search(&appliance, &["--acts", "--lesson", &number.to_string()])?;
        // The touch: the lesson's end, 55 minutes before.
        let touched = milliseconds(&acts.first().context("the beginning")?["lesson"]["until"])? - 55 * 60_000;
        let ended = milliseconds(&access["time"])? + access["duration_ms"].as_i64().context("a duration")?;
        println!("closed {} ms after the touch, seen by the client after {seen:?}", ended - touched);
        times.push(ended - touched);

        assert_eq!(status_of(&lab.pc1, OTHER)?, "403");
        assert_eq!(status_of(&lab.tablet, OTHER)?, "200", "it is in no room");
        touch(&martin, "/enseignant/cours/fin", &format!("cours={number}"))?;
        await_status(&lab.pc1, OTHER, "200")?;
    }
    times.sort_unstable();
    let worst_that_counts = times.iter().rev().nth(LATE_MAX).context("the other tries")?;
    assert!(*worst_that_counts <= CLOSED_WITHIN_MS, "closed {times:?} ms after the touch");
    Ok(())
}

#[test]
fn each_mode_shows_what_it_says_and_the_log_names_the_lesson() -> Result<()> {
    let lab = Lab::new()?;
    let appliance = open(&lab)?;
    let (ent, listed) = (format!("http://{ENT}/"), "http://casino.example/");
    assert_eq!(status_of(&lab.pc1, OTHER)?, "200");
    let lesson = |arguments: &[&str]| appliance.run(&[&["lesson"], arguments].concat())?.success();
    let told = lesson(&["start", "cm2", "--teacher", "Mme Martin", "--internet", "ent"])?;
    assert!(told.starts_with("1: room CM2 of Mme Martin, Internet ent, until "), "{told}");
    await_status(&lab.pc1, OTHER, "403")?;
    let page = lab.pc1.run(&["curl", "--silent", OTHER])?.success()?;
    assert!(page.contains("seul l’espace numérique de travail (ENT) est ouvert"), "{page}");
    for client in [&lab.pc1, &lab.pc2] {
        assert_eq!(status_of(client, &ent)?, "200", "{}", client.name());
        assert_eq!(status_of(client, "https://mediatheque.example/")?, "000");
    }
    let by = ["--author", "Mme Martin"];
    let list = ["change", "1", "--internet", "list", "--site", "https://www.mediatheque.example/page"];
    lesson(&[&list[..], &by].concat())?;
    await_status(&lab.pc1, OTHER, "200")?;
    assert_eq!(status_of(&lab.pc1, "http://notcasino.example/")?, "403");
    assert_eq!(status_of(&lab.pc1, listed)?, "403");
    let found = |host: &str| search(&appliance, &["--lesson", "1", "--host", host, "--verdict", "refuse"]);
    wait_until("the records", || {
        Ok(!found("notcasino.example")?.is_empty() && !found("casino.example")?.is_empty())
    })?;
    assert!(found("notcasino.example")?.iter().all(|it| it["reason"] == "lesson-list"));
    assert!(found("casino.example")?.iter().all(|it| it["reason"] == "listed"), "its own reason stays");

    lesson(&[&["end", "1"], &by[..]].concat())?;
    await_status(&lab.pc1, "http://notcasino.example/", "200")?;
    await_lesson_acts(
        &appliance,
        &[
            "start-lesson Mme Martin CM2 ent",
            "change-lesson Mme Martin CM2 list",
            "end-lesson Mme Martin CM2 hand",
        ],
    )?;
    let of_device = || search(&appliance, &["--device", "CM2-01"]);
    wait_until("the last records", || Ok(of_device()?.last().is_some_and(|it| it["lesson"].is_null())))?;
    let all = of_device()?;
    let lessons: Vec<_> = all.iter().map(|it| it["lesson"].as_str()).collect();
    assert_eq!(lessons.first(), Some(&None), "before the lesson");
    assert_eq!(lessons.last(), Some(&None), "after it");
    assert!(lessons.contains(&Some("1")), "{lessons:?}");
    Ok(())
}

#[test]
fn a_lesson_ends_by_itself_also_while_the_box_is_down() -> Result<()> {
    let lab = Lab::new()?;
    let mut appliance = open(&lab)?;
    let start = |appliance: &Appliance<'_>, time: &str| {
        let closed =
            ["lesson", "start", "CM2", "--teacher", "Mme Martin", "--internet", "closed", "--for", time];
        appliance.run(&closed)?.success()
    };
    start(&appliance, "25s")?;
    await_status(&lab.pc1, OTHER, "403")?;
    appliance.kill9()?;
    appliance.start()?;
    appliance.wait_until_ready(&lab.pc1)?;
    assert_eq!(status_of(&lab.pc1, OTHER)?, "403", "it runs from the first moment on");
    await_status(&lab.pc1, OTHER, "200")?;
    await_lesson_acts(&appliance, &["start-lesson Mme Martin CM2 closed", "end-lesson Mme Martin CM2 time"])?;

    // An end that comes while the box is down.
    start(&appliance, "8s")?;
    await_status(&lab.pc1, OTHER, "403")?;
    appliance.kill9()?;
    wait_until("its end", || Ok(appliance.run(&["lesson", "list"])?.success()?.is_empty()))?;
    appliance.start()?;
    appliance.wait_until_ready(&lab.pc1)?;
    assert_eq!(status_of(&lab.pc1, OTHER)?, "200");
    wait_until("the record of its end", || Ok(lesson_acts(&appliance)?.len() == 4))?;
    let all = appliance.run(&["lesson", "list", "--all"])?.success()?;
    assert_eq!(all.lines().filter(|line| line.ends_with("\tover")).count(), 2, "{all}");
    Ok(())
}

/// What a class looks for in vain is seen, opened for the lesson, and closed again with it. A colleague takes the room over.
#[test]
fn a_teacher_opens_for_her_lesson_and_a_colleague_takes_the_room() -> Result<()> {
    let lab = Lab::new()?;
    let appliance = open(&lab)?;
    let martin = teacher(&lab, &appliance, "Mme Martin", 1)?;
    let petit = teacher(&lab, &appliance, "M. Petit", 2)?;
    let site = "http://casino.example/";
    let page = martin.get("/enseignant")?;
    assert!(page.text.contains("Commencer le cours (55") && !page.text.contains("Wi-Fi"), "{}", page.text);
    touch(&martin, "/enseignant/cours", "salle=CM2&minutes=55&internet=normal")?;
    assert_eq!(status_of(&lab.pc1, site)?, "403");
    wait_until("the missed site", || {
        // The lesson counts with the next look of the box.
        status_of(&lab.pc1, site)?;
        Ok(martin.get("/enseignant")?.text.contains("value=\"casino.example\""))
    })?;
    let page = martin.get("/enseignant")?.text;
    assert!(page.contains("CM2-01") && page.contains("1 appareil"), "{page}");
    touch(&martin, "/enseignant/cours/site", "cours=1&site=casino.example")?;
    await_status(&lab.pc1, site, "200")?;
    // What the commune has locked is no touch away.
    assert_eq!(status_of(&lab.pc1, "http://adulte.example/")?, "403");
    let page = martin.get("/enseignant")?;
    assert!(!page.text.contains("value=\"adulte.example\"") && page.text.contains("adulte.example"));
    let forged = martin.fill(&page, "/enseignant/cours/site", "cours=1&site=adulte.example")?;
    assert_eq!(forged.status, "403", "{}", forged.text);

    let page = petit.get("/enseignant")?;
    assert!(page.text.contains("Mme Martin a cette salle jusqu’à"), "{}", page.text);
    let unasked = petit.fill(&page, "/enseignant/cours", "salle=CM2&minutes=55&internet=normal")?;
    assert_eq!(unasked.status, "409");
    let foreign = petit.fill(&page, "/enseignant/cours/changer", "cours=1&internet=closed")?;
    assert_eq!(foreign.status, "403", "it is not his");
    touch(&petit, "/enseignant/cours", "salle=CM2&minutes=55&internet=normal&prendre=1")?;
    let told = martin.get("/enseignant")?.text;
    assert!(told.contains("M. Petit a pris cette salle à"), "{told}");
    await_status(&lab.pc1, site, "403")?;
    await_lesson_acts(
        &appliance,
        &[
            "start-lesson Mme Martin CM2 normal",
            "end-lesson M. Petit CM2 take-over",
            "start-lesson M. Petit CM2 normal",
        ],
    )
}

#[test]
fn a_report_closes_a_site_for_the_school_and_the_head_sees_it() -> Result<()> {
    let lab = Lab::new()?;
    let appliance = open(&lab)?;
    let martin = teacher(&lab, &appliance, "Mme Martin", 1)?;
    let card = add(&appliance, "M. Bernard", "head", &[])?;
    let head = Browser::new(&lab, &lab.pc2, "head");
    head.begin("nom=M.+Bernard", &card, "trois+chats+gris")?;
    let form = "site=http%3A%2F%2Fwww.mediatheque.example%2Fimage&motif=une+image+choquante";
    touch(&martin, "/enseignant/signaler", form)?;
    for client in [&lab.pc1, &lab.tablet] {
        await_status(client, OTHER, "403")?;
    }
    let ent =
        martin.fill(&martin.get("/enseignant")?, "/enseignant/signaler", &format!("site={ENT}&motif=x"))?;
    assert_eq!(ent.status, "403", "the workspace is not closed by a slip");
    let page = head.get("/direction")?;
    assert!(page.text.contains("Signalé par les enseignants"), "{}", page.text);
    assert!(page.text.contains("Mme Martin : une image choquante"), "{}", page.text);
    assert_eq!(head.fill(&page, "/direction/signalements", "regle=1")?.location, "/direction");
    let kept = head.get("/direction")?.text;
    assert!(!kept.contains("Signalé par les enseignants") && kept.contains("mediatheque.example"), "{kept}");
    assert_eq!(status_of(&lab.pc1, OTHER)?, "403");
    assert_eq!(head.fill(&page, "/direction/fermer", "regle=1")?.location, "/direction");
    await_status(&lab.pc1, OTHER, "200")
}
