//! The program as people call it: what it prints, and how it ends.

use anyhow::{Context, Result};
use harness::{Lab, Machine, Output, preau_binary, wait_until};

/// Runs the program on a machine that has nothing but loopback to serve.
fn preau(machine: &Machine, arguments: &str) -> Result<Output> {
    let binary = preau_binary()?.display().to_string();
    machine.shell(&format!("{binary} {arguments}"))
}

#[test]
fn a_bad_file_is_told_whole_and_starts_nothing() -> Result<()> {
    let lab = Lab::new()?;
    let file = lab.pc1.directory().join("bad.toml");
    std::fs::write(
        &file,
        "version = 1\ncolour = 1\n[school]\nname = 'x'\nuai = '0750655F'\n[dns]\nport = 'no'\n",
    )?;
    let file = file.display().to_string();
    for command in [format!("check --config {file}"), format!("run --config {file} --data data")] {
        let output = preau(&lab.pc1, &command)?;
        assert_eq!(output.status, Some(1), "{output:#?}");
        for place in
            [":2:1: unknown key `colour`", ":5:8: `0750655F`: the check letter", ":7:9: expected u16"]
        {
            assert!(output.stderr.contains(&format!("{file}{place}")), "{place}: {output:#?}");
        }
    }
    assert!(!lab.pc1.directory().join("data").exists(), "nothing starts on a bad file");
    let output = preau(&lab.pc1, "check --config /dev/zero")?;
    assert!(output.status == Some(1) && output.stderr.contains("larger than 1 MiB"), "{output:#?}");
    Ok(())
}

#[test]
fn without_a_file_it_serves_loopback_and_says_so_in_five_lines() -> Result<()> {
    let lab = Lab::new()?;
    let binary = preau_binary()?.display().to_string();
    let mut running = lab.pc1.start("preau", &[&binary, "run", "--data", "data"])?;
    wait_until("five lines", || Ok(running.log()?.contains("\nThe log: ")))?;
    let said: Vec<_> =
        running.log()?.lines().filter(|line| !line.starts_with("20")).map(str::to_owned).collect();
    assert_eq!(said.len(), 5, "{said:#?}");
    let port_53 = lab.pc1.shell("ss -Hltnu | awk '{print $5}' | sort -u")?.success()?;
    for port in [5300, 8853, 8443, 8080, 3128, 8000, 8444] {
        let door = format!("127.0.0.1:{port}");
        assert!(port_53.contains(&door), "{door}: {port_53}");
    }
    assert!(!port_53.contains("0.0.0.0") && !port_53.contains("*:"), "loopback only: {port_53}");

    // What it says to try works as it says.
    let trial = |word: &str| -> Result<String> {
        let line = said.iter().find_map(|line| line.strip_prefix(word)).context("a line of trials")?;
        Ok(line.trim().to_owned())
    };
    let refused = trial("Refused:")?;
    let (dig, curl) = refused.split_once("   or   ").context("two trials")?;
    assert!(lab.pc1.shell(dig)?.success()?.contains("EDE: 15 (Blocked)"));
    assert!(lab.pc1.shell(&format!("{curl} --silent --include"))?.success()?.contains("403 Forbidden"));
    let passes = trial("Passes:")?;
    let (curl, _) = passes.split_once("   or   ").context("two trials")?;
    assert!(lab.pc1.shell(&format!("{curl} --silent --include"))?.success()?.contains("200 OK"));
    let search = trial("The log:")?;
    // That somebody looks is in the log, too.
    let is_access = |line: &&str| !line.contains("ligne de commande");
    wait_until("the log", || Ok(lab.pc1.shell(&search)?.success()?.lines().filter(is_access).count() == 3))?;

    let second = preau(&lab.pc1, "run --data data")?;
    assert!(second.status == Some(1) && second.stderr.contains("another preau runs"), "{second:#?}");
    running.signal("TERM")?;
    assert!(running.wait()?.success());
    Ok(())
}

/// The service's manager, ^C, and the closed window of a demonstration.
#[test]
fn every_usual_signal_stops_it_well() -> Result<()> {
    let lab = Lab::new()?;
    let binary = preau_binary()?.display().to_string();
    for signal in ["TERM", "INT", "HUP"] {
        let mut running = lab.pc1.start(signal, &[&binary, "run", "--data", "data"])?;
        wait_until("five lines", || Ok(running.log()?.contains("\nThe log: ")))?;
        running.signal(signal)?;
        assert!(running.wait()?.success(), "{signal}: {}", running.log()?);
    }
    Ok(())
}

#[test]
fn a_lookup_prints_a_line_for_each_argument() -> Result<()> {
    let lab = Lab::new()?;
    let lists = lab.lists().display().to_string();
    preau(&lab.pc1, &format!("blocklist build {lists} --out lists.idx"))?.success()?;
    let names = "www.Casino.example. notcasino.example https://adulte.example/x 192.0.2.1";
    let output = preau(&lab.pc1, &format!("blocklist lookup --index lists.idx {names}"))?.success()?;
    let expected = "www.Casino.example.\tgambling\tcasino.example\nnotcasino.example\t-\t-\n\
                    https://adulte.example/x\tadult\tadulte.example\n192.0.2.1\t-\t-\n";
    assert_eq!(output, expected);
    lab.pc1.shell("truncate -s -1 lists.idx")?.success()?;
    let output = preau(&lab.pc1, "blocklist lookup --index lists.idx casino.example")?;
    assert!(output.status == Some(1) && output.stdout.is_empty(), "{output:#?}");
    Ok(())
}
