//! The list in force: replaced while the box runs, and kept when its file is spoilt.

use anyhow::Result;
use harness::{APPLIANCE_IPV4, Appliance, Lab, Machine, wait_until};

fn is_refused(client: &Machine, name: &str) -> Result<bool> {
    let question = ["dig", "+time=3", "+tries=1", &format!("@{APPLIANCE_IPV4}"), name];
    Ok(client.run(&question)?.stdout.contains("EDE: 15 (Blocked)"))
}

/// How often the box has told that the list's file is none that can be put in force.
fn refusals(appliance: &Appliance<'_>) -> Result<usize> {
    let log = appliance.log()?;
    Ok(log.matches("the compiled list is refused").count() + log.matches("the compiled list is gone").count())
}

#[test]
fn a_new_list_is_in_force_within_seconds_without_a_restart() -> Result<()> {
    let lab = Lab::new()?;
    let appliance = lab.start_appliance()?;
    assert!(!is_refused(&lab.pc1, "notcasino.example")?);
    std::fs::write(lab.lists().join("gambling/domains"), "notcasino.example\n")?;
    appliance.build_lists(&lab.lists())?;
    wait_until("the new list", || is_refused(&lab.pc1, "notcasino.example"))?;
    assert!(!is_refused(&lab.pc1, "casino.example")?, "the old list is gone");
    Ok(())
}

#[test]
fn a_spoilt_list_changes_nothing_now_or_at_the_next_start() -> Result<()> {
    let lab = Lab::new()?;
    let mut appliance = lab.start_appliance()?;
    let file = appliance.data().join("lists.idx");
    for spoil in ["truncate -s -1", "truncate -s 0", "cp /bin/sh", "rm"] {
        let before = refusals(&appliance)?;
        // Written over in place, as a careless copy does.
        lab.appliance.shell(&format!("{spoil} {}", file.display()))?.success()?;
        wait_until("the box to look at it", || Ok(refusals(&appliance)? > before))?;
        assert!(is_refused(&lab.pc1, "casino.example")?, "after {spoil}");
        appliance.stop()?;
        appliance.start()?;
        appliance.wait_until_ready(&lab.pc1)?;
        assert!(is_refused(&lab.pc1, "casino.example")?, "after {spoil} and a restart");
    }
    Ok(())
}

#[test]
fn lists_of_another_format_leave_the_built_in_one_until_a_new_one_is_built() -> Result<()> {
    let lab = Lab::new()?;
    let mut appliance = lab.start_appliance()?;
    appliance.stop()?;
    for file in ["lists.idx", "lists.kept.idx"] {
        let file = appliance.data().join(file);
        let mut index = std::fs::read(&file)?;
        // The version that the header tells, after eight bytes.
        index.splice(8..12, 1_u32.to_le_bytes());
        std::fs::write(&file, index)?;
    }
    appliance.start()?;
    appliance.wait_until_ready(&lab.pc1)?;
    assert!(is_refused(&lab.pc1, "gambling.preau.test")?);
    assert!(!is_refused(&lab.pc1, "casino.example")?);
    let log = appliance.log()?;
    for said in ["format version 1", "build it again", "the built-in list serves"] {
        assert!(log.contains(said), "{said}: {log}");
    }
    appliance.build_lists(&lab.lists())?;
    wait_until("the list that is built again", || is_refused(&lab.pc1, "casino.example"))
}
