//! A teacher opens a refused site for her room: at once, until the end, and never what the commune has locked.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use harness::{Appliance, Lab, Machine, usual_configuration, wait_until};
use serde_json::Value;

/// A class waits no longer, on the busiest machine.
const AT_ONCE: Duration = Duration::from_secs(5);

const MADE_BY: [&str; 4] = ["--author", "Mme Martin", "--reason", "exposé sur les jeux"];

/// What a browser gets that asks the box for the address.
fn status_of(client: &Machine, url: &str) -> Result<String> {
    let quiet =
        ["curl", "--silent", "--output", "/dev/null", "--max-time", "5", "--write-out", "%{http_code}"];
    Ok(client.run(&[&quiet[..], &[url]].concat())?.stdout)
}

/// What a browser gets that was refused a moment ago: it keeps the box's address for a minute, whatever the answer said.
fn status_by_old_answer(client: &Machine, port: u16, url: &str) -> Result<String> {
    let answer = format!("casino.example:{port}:10.77.0.1");
    let quiet = ["curl", "--silent", "--output", "/dev/null", "--max-time", "5", "--resolve", &answer];
    Ok(client.run(&[&quiet[..], &["--write-out", "%{http_code}", url]].concat())?.stdout)
}

fn overrule(appliance: &Appliance<'_>, arguments: &[&str]) -> Result<String> {
    appliance.run(&[&["override"], arguments, &MADE_BY].concat())?.success()
}

/// The acts in the journal: the deed, by whom, what, where, and by whom it was made.
fn acts(appliance: &Appliance<'_>) -> Result<Vec<[String; 5]>> {
    let printed = appliance.run(&["journal", "search", "--json", "--acts"])?.success()?;
    // Whoever looked into the journal is no matter of rules.
    let acts = printed.lines().filter(|line| line.contains(r#""kind":"act""#)).map(|line| {
        let act: Value = serde_json::from_str(line).context("a line of JSON")?;
        let keys = ["deed", "by", "site", "room", "author"];
        Ok(keys.map(|key| act[key].as_str().unwrap_or("-").to_owned()))
    });
    acts.collect()
}

fn await_acts(appliance: &Appliance<'_>, expected: &[[&str; 5]]) -> Result<()> {
    wait_until(&format!("the acts {expected:?}"), || Ok(acts(appliance)?.len() >= expected.len()))?;
    assert_eq!(acts(appliance)?, expected);
    Ok(())
}

/// Runs a command, waits for the pages, and tells how long it took from the start of the command.
fn time(command: impl FnOnce() -> Result<String>, pages: impl Fn() -> Result<bool>) -> Result<Duration> {
    #[expect(clippy::disallowed_methods, reason = "how long people wait is what is tested")]
    let start = Instant::now();
    command()?;
    wait_until("the override to be in force", pages)?;
    Ok(start.elapsed())
}

#[test]
fn a_refused_site_opens_for_its_room_at_once_and_closes_again() -> Result<()> {
    let lab = Lab::new()?;
    let appliance = lab.start_appliance()?;
    let (http, https) = ("http://casino.example/", "https://casino.example/");
    for client in [&lab.pc1, &lab.pc2, &lab.tablet] {
        assert_eq!(status_of(client, http)?, "403");
        assert_eq!(status_of(client, https)?, "000");
    }

    let permit = ["permit", "casino.example", "--room", "CM2", "--for", "30m"];
    let opened = time(|| overrule(&appliance, &permit), || Ok(status_of(&lab.pc1, http)? == "200"))?;
    assert!(opened < AT_ONCE, "{opened:?}");
    for client in [&lab.pc1, &lab.pc2] {
        for status in [
            status_of(client, https)?,
            status_by_old_answer(client, 80, http)?,
            status_by_old_answer(client, 443, https)?,
        ] {
            assert_eq!(status, "200", "{}", client.name());
        }
    }
    assert_eq!(status_of(&lab.tablet, http)?, "403", "it is in no room");
    assert_eq!(status_of(&lab.tablet, https)?, "000");
    assert_eq!(status_of(&lab.pc1, "http://adulte.example/")?, "403", "nothing else is open");

    let download = ["curl", "--silent", "--limit-rate", "1M", "--output", "/dev/null"];
    let _download =
        lab.pc2.start("download", &[&download[..], &["https://casino.example/big.bin"]].concat())?;
    let downloads = ["journal", "search", "--json", "--device", "CM2-02", "--host", "casino.example"];
    wait_until("the download under way", || {
        Ok(appliance.run(&downloads)?.success()?.contains(r#""verdict":"permit","reason":"lesson-rule","#)
            && lab.requests()?.contains("casino.example"))
    })?;
    let end = || appliance.run(&["override", "end", "1", "--author", "M. Petit"])?.success();
    let closed = time(end, || Ok(status_of(&lab.pc1, http)? == "403"))?;
    assert!(closed < AT_ONCE, "{closed:?}");
    println!("open after {opened:?}, closed after {closed:?}");
    assert_eq!(status_by_old_answer(&lab.pc1, 443, https)?, "000");
    wait_until("the download to be cut off", || {
        Ok(appliance.run(&downloads)?.success()?.contains(r#""end":"lapse""#))
    })?;
    await_acts(
        &appliance,
        &[
            ["make", "-", "casino.example", "CM2", "Mme Martin"],
            ["take-back", "M. Petit", "casino.example", "CM2", "Mme Martin"],
        ],
    )
}

#[test]
fn an_override_does_not_wait_for_the_firewall() -> Result<()> {
    let lab = Lab::new()?;
    let appliance = lab.start_appliance()?;
    // From now on, `nft` says nothing until the box gives up on it.
    let (stuck, begun) = (lab.directory().join("nft"), lab.directory().join("nft-begun"));
    std::fs::write(&stuck, format!("#!/bin/sh\n: > {}\nexec sleep 60\n", begun.display()))?;
    std::fs::set_permissions(&stuck, Permissions::from_mode(0o755))?;
    let hide = format!("mount --bind {} \"$(command -v nft)\"", stuck.display());
    lab.appliance.shell(&hide)?.success()?;
    wait_until("the box to look at its firewall", || Ok(begun.exists()))?;

    let permit = ["permit", "casino.example", "--room", "CM2", "--for", "30m"];
    let is_open = || Ok(status_of(&lab.pc1, "http://casino.example/")? == "200");
    let opened = time(|| overrule(&appliance, &permit), is_open)?;
    assert!(opened < AT_ONCE, "{opened:?}");
    assert!(!appliance.log()?.contains("the firewall is not as intended"), "the box still waits for nft");
    Ok(())
}

#[test]
fn an_override_is_in_force_after_a_power_cut() -> Result<()> {
    let lab = Lab::new()?;
    let mut appliance = lab.start_appliance()?;
    let url = "http://casino.example/";
    overrule(&appliance, &["permit", "casino.example", "--device", "CM2-01", "--for", "30m"])?;
    wait_until("the open site", || Ok(status_of(&lab.pc1, url)? == "200"))?;
    assert_eq!(status_of(&lab.pc2, url)?, "403", "it is another device");

    appliance.kill9()?;
    appliance.start()?;
    appliance.wait_until_ready(&lab.pc1)?;
    assert_eq!(status_of(&lab.pc1, url)?, "200", "in force from the first moment on");
    await_acts(&appliance, &[["make", "-", "casino.example", "-", "Mme Martin"]])
}

#[test]
fn an_override_ends_on_time_also_while_the_box_is_down() -> Result<()> {
    let lab = Lab::new()?;
    let mut appliance = lab.start_appliance()?;
    let url = "http://casino.example/";
    let device = |deed| [deed, "-", "casino.example", "-", "Mme Martin"];
    overrule(&appliance, &["permit", "casino.example", "--device", "CM2-01", "--for", "15s"])?;
    wait_until("its end", || {
        let status = status_of(&lab.pc1, url)?;
        Ok(status == "403" && acts(&appliance)?.len() == 2)
    })?;
    await_acts(&appliance, &[device("make"), device("run-out")])?;

    // No access was permitted after the end that was told.
    let printed = appliance.run(&["journal", "search", "--json", "--verdict", "permit"])?.success()?;
    let records: Vec<Value> = printed.lines().map(serde_json::from_str).collect::<Result<_, _>>()?;
    let until = records.iter().find(|record| record["deed"] == "make").and_then(|act| act["until"].as_str());
    let until = until.context("the end")?;
    let permitted = records.iter().filter(|record| record["reason"] == "lesson-rule");
    let times: Vec<_> = permitted.filter_map(|record| record["time"].as_str()).collect();
    assert!(!times.is_empty() && times.iter().all(|time| *time < until), "{until}: {times:?}");

    // An end that comes while the box is down.
    overrule(&appliance, &["permit", "casino.example", "--room", "CM2", "--for", "10s"])?;
    let room = |deed| [deed, "-", "casino.example", "CM2", "Mme Martin"];
    let is_recorded =
        || Ok(!appliance.run(&["override", "list"])?.success()?.contains("waiting for the box"));
    wait_until("its record", is_recorded)?;
    appliance.kill9()?;
    wait_until("its end", || Ok(appliance.run(&["override", "list"])?.success()?.is_empty()))?;
    appliance.start()?;
    appliance.wait_until_ready(&lab.pc1)?;
    assert_eq!(status_of(&lab.pc1, url)?, "403");
    await_acts(&appliance, &[device("make"), device("run-out"), room("make"), room("run-out")])
}

#[test]
fn what_the_commune_has_locked_nobody_opens() -> Result<()> {
    let lab = Lab::new()?;
    let appliance = lab.start_appliance()?;
    let url = "http://adulte.example/";
    for topic in ["adulte.example", "www.adulte.example", "category:adult"] {
        for scope in [&["--room", "CM2", "--for", "30m"][..], &["--layer", "school"]] {
            let arguments = [&["override", "permit", topic], scope, &MADE_BY].concat();
            let output = appliance.run(&arguments)?;
            assert!(!output.is_success() && output.stderr.contains("the commune has locked"), "{output:#?}");
        }
    }
    assert_eq!(appliance.run(&["override", "list", "--all"])?.success()?, "");

    // Somebody who has the command look at a configuration of his own: the box has the commune's.
    let own = lab.directory().join("own.toml");
    std::fs::write(&own, format!("{}\n[commune]\nlocked = []\n", usual_configuration()))?;
    let own = own.to_str().context("a path")?;
    let permit = ["permit", "adulte.example", "--room", "CM2", "--for", "30m", "--config", own];
    overrule(&appliance, &permit)?;
    await_acts(&appliance, &[["make", "-", "adulte.example", "CM2", "Mme Martin"]])?;
    // The next one is in force; so would this one be.
    overrule(&appliance, &["permit", "casino.example", "--room", "CM2", "--for", "30m"])?;
    wait_until(
        "the site that is not locked",
        || Ok(status_of(&lab.pc1, "http://casino.example/")? == "200"),
    )?;
    assert_eq!(status_of(&lab.pc1, url)?, "403");
    assert!(!lab.requests()?.contains("adulte.example"));
    Ok(())
}
