//! Addresses and the machines behind them, as the box finds them.

use anyhow::Result;
use harness::{Lab, PC1_MAC, PC2_MAC, TABLET_MAC};

use crate::probe::Dialogue;

#[test]
fn a_machine_is_found_by_each_of_its_addresses() -> Result<()> {
    let lab = Lab::new()?;
    let mut table = Dialogue::start(&lab.appliance, &["neighbours", "lan0"])?;
    assert_eq!(table.say("10.77.0.11")?, "nobody", "it has not said anything yet");
    // Each machine speaks to the box, as its first question would.
    for (machine, source, target) in [
        (&lab.pc1, "10.77.0.11", "10.77.0.1"),
        (&lab.pc1, "fd77::11", "fd77::1"),
        (&lab.pc2, "10.77.0.12", "10.77.0.1"),
        (&lab.tablet, "fd77::13", "fd77::1"),
    ] {
        machine.run(&["dig", "+time=1", "+tries=1", "-b", source, &format!("@{target}"), "a.example"])?;
    }
    for (address, expected) in [
        ("10.77.0.11", PC1_MAC),
        ("fd77::11", PC1_MAC),
        ("::ffff:10.77.0.11", PC1_MAC),
        ("10.77.0.12", PC2_MAC),
        ("fd77::13", TABLET_MAC),
        ("10.77.0.99", "nobody"),
        ("192.0.2.1", "nobody"),
        ("127.0.0.1", "00:00:00:00:00:00"),
    ] {
        assert_eq!(table.say(address)?, expected, "{address}");
    }
    Ok(())
}

#[test]
fn a_machine_that_changes_its_address_stays_the_same() -> Result<()> {
    let lab = Lab::new()?;
    let mut table = Dialogue::start(&lab.appliance, &["neighbours", "lan0"])?;
    let speak = |source: &str, target: &str| {
        lab.pc1.run(&["dig", "+time=1", "+tries=1", "-b", source, &format!("@{target}"), "a.example"])
    };
    for (address, target) in [("10.77.0.111", "10.77.0.1"), ("fd77::a1b2:c3d4:e5f6:1234", "fd77::1")] {
        assert_eq!(table.say(address)?, "nobody");
        lab.pc1.run(&["ip", "address", "add", address, "dev", "eth0"])?.success()?;
        speak(address, target)?;
        assert_eq!(table.say(address)?, PC1_MAC, "{address}");
    }
    Ok(())
}

#[test]
fn an_address_goes_to_whoever_takes_it() -> Result<()> {
    let lab = Lab::new()?;
    let mut table = Dialogue::start(&lab.appliance, &["neighbours", "lan0"])?;
    let question = ["dig", "+time=1", "+tries=1", "-b", "10.77.0.50", "@10.77.0.1", "a.example"];
    for (machine, mac) in [(&lab.pc1, PC1_MAC), (&lab.tablet, TABLET_MAC), (&lab.pc1, PC1_MAC)] {
        machine.run(&["ip", "address", "add", "10.77.0.50/24", "dev", "eth0"])?.success()?;
        // Says to all that the address is here now, as every system does that takes one (RFC 5227).
        machine.run(&["ip", "neighbour", "flush", "dev", "eth0"])?.success()?;
        machine.run(&question)?;
        harness::wait_until("the box to notice", || Ok(table.say("10.77.0.50")? == mac))?;
        machine.run(&["ip", "address", "delete", "10.77.0.50/24", "dev", "eth0"])?.success()?;
    }
    Ok(())
}

/// The kernel forgets quiet neighbours, which go on without a new exchange of addresses.
#[test]
fn a_quiet_machine_is_remembered() -> Result<()> {
    let lab = Lab::new()?;
    let mut table = Dialogue::start(&lab.appliance, &["neighbours", "lan0"])?;
    lab.pc1.run(&["dig", "+time=1", "+tries=1", "@10.77.0.1", "a.example"])?;
    assert_eq!(table.say("10.77.0.11")?, PC1_MAC);
    lab.appliance.run(&["ip", "neighbour", "flush", "dev", "lan0"])?.success()?;
    let known = lab.appliance.run(&["ip", "neighbour", "show", "10.77.0.11", "dev", "lan0"])?.success()?;
    assert!(!known.contains(PC1_MAC), "{known}");
    assert_eq!(table.say("10.77.0.11")?, PC1_MAC);
    Ok(())
}
