//! The end of a contract: all that a hub has, in files that any program reads, and no secret among them.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use harness::Lab;
use hub::register::sqlite::SqliteRegister;
use hub::register::wishes::Wishes as _;
use model::Timestamp;
use replication::SchoolRequest;
use serde_json::Value;

use crate::hub::{Hub, configuration, preau, run_day, sealed_at, text};

fn lines(folder: &Path, name: &str) -> Result<Vec<Value>> {
    let text = fs::read_to_string(folder.join(name)).with_context(|| name.to_owned())?;
    text.lines().map(|line| Ok(serde_json::from_str(line)?)).collect()
}

/// What all files of a folder hold, one behind the other.
fn everything(folder: &Path) -> Result<String> {
    let mut all = String::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            all.push_str(&everything(&path)?);
        } else {
            all.push_str(&String::from_utf8_lossy(&fs::read(path)?));
        }
    }
    Ok(all)
}

/// The school asks for something, which is done for it alone; and schools are told something.
fn say(hub: &Hub) -> Result<()> {
    let register = SqliteRegister::open(&hub.folder.path().join("register.sqlite"))?;
    let request = SchoolRequest {
        site: "musee.example".to_owned(),
        wants: "permit".to_owned(),
        author: "Mme Martin".to_owned(),
        reason: "sortie du 12".to_owned(),
        is_urgent: false,
        asked_ms: 1,
    };
    register.add_wish("0750655E", &request, &[], Timestamp::from_unix_ms(1_795_392_000_000))?;
    let by = ["--author", "M. Blanc"];
    let answer = ["request", "answer", "1", "school", "--reason", "sortie du 12"];
    hub.command(&[&answer[..], &by].concat())?.success()?;
    let content = ["content", "add", "https://ent.example/film.mp4", "Le volcan", "--days", "14"];
    hub.command(&[&content[..], &by].concat())?.success()?;
    hub.command(&[&["notice", "add", "Jeudi, une nouvelle version"][..], &by].concat())?.success()?;
    Ok(())
}

#[test]
fn all_that_a_hub_has_is_written_out_and_no_secret() -> Result<()> {
    let lab = Lab::new()?;
    let mut appliance = lab.appliance_with(&configuration()?)?;
    appliance.add_usual_devices()?;
    run_day(&lab, &mut appliance, "mediatheque.example")?;
    let hub = Hub::start()?;
    let data = text(appliance.data())?;
    preau(&["enrol", &hub.code(&[])?, "--hub", &hub.url(), "--data", &data])?.success()?;
    preau(&["sync", "now", "--data", &data])?.success()?;
    say(&hub)?;
    let rule = ["rule", "refuse", "concours.example", "--author", "M. Blanc", "--reason", "faux concours"];
    hub.command(&rule)?.success()?;
    let card =
        hub.command(&["person", "add", "--name", "Mme Petit", "--role", "policy", "--author", "M. Blanc"])?;
    let card = card.success()?;
    let secret = card.lines().find_map(|line| line.strip_prefix("secret\t")).context("her secret")?;
    let open_code = hub.command(&["code", "0911234X"])?.success()?;

    let acts = hub.command(&["acts"])?.success()?;
    let deeds: Vec<&str> = acts.lines().filter_map(|line| line.split('\t').nth(4)).collect();
    ensure!(deeds.starts_with(&["code-made", "person-added", "rule-added"]), "{acts}");
    let first = acts.lines().next().and_then(|line| line.split('\t').next()).context("its number")?;
    let before = hub.command(&["acts", "--before", first, "--count", "1"])?.success()?;
    ensure!(before.lines().count() == 1 && before.contains("person-added"), "{before}");

    let place = tempfile::tempdir()?;
    let out = place.path().join("export");
    let said = hub.command(&["export", &text(&out)?])?.success()?;
    ensure!(said.contains("sha256sum --check"), "{said}");
    let twice = hub.command(&["export", &text(&out)?])?;
    ensure!(twice.status == Some(1) && twice.stderr.contains("is not empty"), "{twice:#?}");
    #[expect(clippy::disallowed_methods, reason = "a whole-box test runs a program that everybody has")]
    let checked =
        Command::new("sha256sum").args(["--check", "--quiet", "SHA256SUMS"]).current_dir(&out).output()?;
    ensure!(checked.status.success(), "{checked:?}");

    let sealed = sealed_at(&appliance)?;
    let files = lines(&out, "files.jsonl")?;
    ensure!(!sealed.is_empty() && files.len() == sealed.len(), "{files:?}");
    for file in &files {
        let bytes = fs::read(out.join(file["path"].as_str().context("a path")?))?;
        ensure!(sealed.contains(&bytes), "{file}");
    }
    ensure!(lines(&out, "schools.jsonl")?.len() == 2 && lines(&out, "people.jsonl")?.len() == 1);
    let boxes = lines(&out, "boxes.jsonl")?;
    ensure!(boxes.len() == 1 && boxes[0]["uai"] == "0750655E", "{boxes:?}");
    let acts = lines(&out, "acts.jsonl")?;
    let exported: Vec<_> = acts.iter().filter(|act| act["deed"] == "exported").collect();
    ensure!(acts.len() >= 6 && exported.len() == 1 && exported[0]["about"] == text(&out)?, "{acts:?}");
    ensure!(lines(&out, "reports/1.jsonl")?.len() == 1);
    ensure!(
        fs::read_dir(out.join("states/1"))?.count() == 1
            && fs::read_dir(out.join("checkpoints/1"))?.count() == 1
    );
    ensure!(fs::read_to_string(out.join("policy.note"))?.contains("concours.example"));

    for (name, expected) in [
        ("requests.jsonl", "\"answer\":\"school\""),
        ("school-rules.jsonl", "\"site\":\"musee.example\""),
        ("content.jsonl", "\"title\":\"Le volcan\""),
        ("notices.jsonl", "\"text\":\"Jeudi, une nouvelle version\""),
    ] {
        let found = lines(&out, name)?;
        ensure!(found.len() == 1 && found[0].to_string().contains(expected), "{name}: {found:?}");
    }
    let sheets = lines(&out, "sheets.jsonl")?;
    ensure!(sheets.iter().any(|sheet| sheet["uai"] == "0750655E") && sheets.len() == 2, "{sheets:?}");

    let all = everything(&out)?;
    for hidden in [secret, open_code.trim(), "PRIVATE KEY", "AGE-SECRET-KEY", "argon2"] {
        ensure!(!all.contains(hidden), "{hidden} is in the export");
    }
    Ok(())
}
