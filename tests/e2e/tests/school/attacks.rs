//! Attacks on named services: what a pupil with a laptop, or a technician in a hurry, gets through.

use anyhow::{Result, ensure};
use harness::{Appliance, Lab, PC1_MAC, PC2_MAC, preau_binary, usual_configuration, wait_until};

use crate::probe::{ask_from, knock, open_conference, open_doors};

const SERVICES: &str = "
[[service]]
name = 'imaps'
purpose = 'Le courrier'
tcp = [9993]
hosts = ['mediatheque.example']
profiles = ['adulte']

[[service]]
name = 'visio'
purpose = 'La visioconférence'
udp = ['6000-6010']
networks = ['198.51.100.11']
profiles = ['adulte']
";

fn open_school(lab: &Lab) -> Result<Appliance<'_>> {
    let mut appliance = lab.appliance_with(&format!("{}{SERVICES}", usual_configuration()))?;
    appliance.build_lists(&lab.lists())?;
    appliance.add_device(PC1_MAC, "CM2-01", "CM2", "adulte")?;
    appliance.add_device(PC2_MAC, "CM2-02", "CM2", "elementaire")?;
    appliance.start()?;
    appliance.wait_until_ready(&lab.pc1)?;
    wait_until("open services", || Ok(appliance.log()?.contains("services are open")))?;
    Ok(appliance)
}

fn said(machine: &harness::Machine, transport: &str, target: &str) -> Result<String> {
    let said = knock(machine, transport, &[target.to_owned()])?.join("\n");
    Ok(said.rsplit(": ").next().unwrap_or_default().to_owned())
}

/// Another program's `flush ruleset` (a restart of nftables.service, of firewalld): a box that forwards must not forward
/// what nobody filters.
#[test]
fn a_flushed_firewall_forwards_nothing() -> Result<()> {
    let lab = Lab::new()?;
    let appliance = open_school(&lab)?;
    let _doors = open_doors(&lab.internet, &["9996"])?;
    assert_eq!(said(&lab.pc2, "tcp", "198.51.100.10:9996")?, "refused");
    lab.appliance.run(&["nft", "flush", "ruleset"])?.success()?;
    let mut passed = 0;
    wait_until("the firewall to be back", || {
        passed += usize::from(said(&lab.pc2, "tcp", "198.51.100.10:9996")? == "port 9996");
        Ok(appliance.log()?.contains("somebody removed the firewall"))
    })?;
    assert_eq!(passed, 0, "connections without a judgement and a record");
    Ok(())
}

/// The same while the box is stopped: nobody puts the table back.
#[test]
fn a_flushed_firewall_forwards_nothing_while_the_box_is_stopped() -> Result<()> {
    let lab = Lab::new()?;
    let mut appliance = open_school(&lab)?;
    let _doors = open_doors(&lab.internet, &["9996"])?;
    appliance.stop()?;
    lab.appliance.run(&["nft", "flush", "ruleset"])?.success()?;
    for target in ["198.51.100.10:9996", "[2001:db8:1::a]:9996"] {
        assert_ne!(said(&lab.tablet, "tcp", target)?, "port 9996", "{target}");
    }
    Ok(())
}

/// Two hardware addresses whose hashes have the same 20 bits are found in a second. The machine that has the made-up one
/// lends its address to a registered one.
#[test]
fn a_shared_hash_hides_nobody() -> Result<()> {
    let lab = Lab::new()?;
    let appliance = open_school(&lab)?;
    let _conference = open_conference(&lab.internet, &["198.51.100.11:6005"])?;
    let lend = "ip link set eth0 address 02:aa:00:07:b2:05 && ip address add 10.77.0.99/24 dev eth0 && \
                dig +tcp -b 10.77.0.99 @10.77.0.1 preau.lan";
    lab.tablet.shell(lend)?.success()?;
    lab.pc1.shell("ip address add 10.77.0.99/32 dev lo")?.success()?;
    ask_from(&lab.pc1, "198.51.100.11:6005", "a.example", 1, &["10.77.0.99"])?;
    let search = |device: &str| -> Result<String> {
        appliance
            .run(&["journal", "search", "--json", "--host", "198.51.100.11", "--device", device])?
            .success()
    };
    wait_until("a record", || {
        Ok(appliance.run(&["journal", "search"])?.success()?.contains("198.51.100.11"))
    })?;
    let own = search("CM2-01")?;
    ensure!(
        own.contains("\"permit\""),
        "the datagram passed, and is not CM2-01's: {}",
        appliance.run(&["journal", "search"])?.stdout
    );
    Ok(())
}

/// The firewall cannot be replaced any more, and still lets a device begin what the policy has taken from it.
#[test]
fn a_firewall_that_cannot_follow_shuts_services() -> Result<()> {
    let lab = Lab::new()?;
    let appliance = open_school(&lab)?;
    let _conference = open_conference(&lab.internet, &["198.51.100.11:6005"])?;
    assert_eq!(said(&lab.pc1, "udp", "198.51.100.11:6005")?, "port 6005");
    lab.appliance.shell("mount --bind /bin/false \"$(command -v nft)\"")?.success()?;
    appliance.add_device(PC1_MAC, "CM2-01", "CM2", "elementaire")?;
    wait_until("the failure to be told", || {
        Ok(appliance.log()?.contains("the firewall is not as intended"))
    })?;
    let answers: Vec<String> =
        (0..20).map(|_| said(&lab.pc1, "udp", "198.51.100.11:6005")).collect::<Result<_>>()?;
    let passed = answers.iter().filter(|answer| *answer == "port 6005").count();
    assert_eq!(passed, 0, "of 20 dialogues passed that the policy refuses: {answers:?}");
    Ok(())
}

/// A PC of the school with the hardware address of a tester knocks 25 times a second: the self-test's own refusals are told
/// no more, and it says that the box is open.
#[test]
fn a_testers_hardware_address_on_the_schools_wire_takes_no_records_of_the_self_test() -> Result<()> {
    let lab = Lab::new()?;
    let mut appliance = lab.appliance_with(&usual_configuration())?;
    appliance.build_lists(&lab.lists())?;
    appliance.start()?;
    appliance.wait_until_ready(&lab.pc1)?;
    lab.pc2.shell("ip link set eth0 address 02:70:72:65:61:01")?.success()?;
    let noise = "while :; do echo x > /dev/udp/198.51.100.12/$((RANDOM + 20000)); sleep 0.04; done";
    let _noise = lab.pc2.start("noise", &["bash", "-c", noise])?;
    wait_until("the pace to be used up", || {
        let journal = appliance.run(&["journal", "search"])?.success()?;
        Ok(journal.contains(" flood "))
    })?;
    let binary = preau_binary()?.display().to_string();
    let config = lab.appliance.directory().join("preau.toml").display().to_string();
    let data = appliance.data().display().to_string();
    let options = ["--profile", "inconnu", "--site", "mediatheque.example", "--json"];
    let test = [binary.as_str(), "selftest", "filter", "--config", &config, "--data", &data];
    let run = lab.appliance.run(&[&test[..], &options].concat())?.stdout;
    assert!(!run.contains("no-record") && !run.contains("unrecorded"), "{run}");
    Ok(())
}
