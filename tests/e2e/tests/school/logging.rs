//! Each access stands in the journal once, under the device that made it.

use anyhow::{Context, Result};
use harness::{APPLIANCE_IPV4, APPLIANCE_IPV6, Appliance, Lab, Machine, wait_until};
use serde_json::Value;

use crate::probe::ask_from;

/// The records that fit, as the program prints them.
fn search(appliance: &Appliance<'_>, filter: &[&str]) -> Result<Vec<Value>> {
    let printed = appliance.run(&[&["journal", "search", "--json"], filter].concat())?.success()?;
    printed.lines().map(|line| serde_json::from_str(line).context("a line of JSON")).collect()
}

/// Waits until so many records fit: a record is on the disk within a second, a closing a little later.
fn await_records(appliance: &Appliance<'_>, filter: &[&str], count: usize) -> Result<Vec<Value>> {
    wait_until(&format!("{count} records of {filter:?}"), || {
        let records = search(appliance, filter)?;
        let is_open = |record: &Value| {
            record["verdict"] == "permit" && record["kind"] != "dns" && record["end"].is_null()
        };
        Ok(records.len() >= count && !records.iter().any(is_open))
    })?;
    let records = search(appliance, filter)?;
    assert_eq!(records.len(), count, "{records:#?}");
    Ok(records)
}

fn curl(client: &Machine, arguments: &[&str]) -> Result<()> {
    client
        .run(&[&["curl", "--silent", "--output", "/dev/null", "--max-time", "20"], arguments].concat())
        .map(drop)
}

#[test]
fn each_access_once_under_its_device() -> Result<()> {
    let lab = Lab::new()?;
    let appliance = lab.start_appliance()?;
    // Addresses are given, so that each line is one access by one door.
    let straight = |client: &Machine, url: &str| curl(client, &["--connect-to", "::198.51.100.10:", url]);
    straight(&lab.pc1, "https://mediatheque.example/")?;
    straight(&lab.pc1, "http://mediatheque.example/")?;
    straight(&lab.pc2, "https://casino.example/")?;
    straight(&lab.tablet, "http://casino.example/")?;
    lab.pc2.run(&["dig", &format!("@{APPLIANCE_IPV4}"), "encyclopedie.example"])?.success()?;
    curl(&lab.tablet, &["--proxy", "http://10.77.0.1:3128", "https://mediatheque.example/"])?;

    let one = |filter: &[&str], expected: [&str; 5]| -> Result<Value> {
        let records = await_records(&appliance, filter, 1)?;
        let record = records.first().context("a record")?;
        let keys = ["device", "kind", "host", "verdict", "reason"];
        assert_eq!(keys.map(|key| record[key].as_str().unwrap_or_default()), expected, "{filter:?}");
        Ok(record.clone())
    };
    let tablet = "inconnu-02:00:00:00:00:13";
    await_records(&appliance, &["--device", "CM2-01"], 2)?;
    await_records(&appliance, &["--device", "CM2-02"], 2)?;
    await_records(&appliance, &["--device", tablet], 2)?;
    one(
        &["--device", "CM2-02", "--verdict", "refuse"],
        ["CM2-02", "tls", "casino.example", "refuse", "listed"],
    )?;
    one(
        &["--device", "02:00:00:00:00:12", "--host", "encyclopedie.example"],
        ["CM2-02", "dns", "encyclopedie.example", "permit", "not-listed"],
    )?;
    one(
        &["--device", tablet, "--host", "casino.example"],
        [tablet, "http", "casino.example", "refuse", "listed"],
    )?;
    let tunnel = one(
        &["--device", tablet, "--verdict", "permit"],
        [tablet, "connect", "mediatheque.example", "permit", "not-listed"],
    )?;
    assert!(tunnel["bytes_down"].as_u64() > Some(1_000), "the handshake alone is more: {tunnel}");
    assert_eq!(tunnel["end"], "finish", "{tunnel}");
    assert_eq!(tunnel["room"], Value::Null, "{tunnel}");
    let printed = appliance.run(&["journal", "search", "--json"])?.success()?;
    assert!(!printed.contains("index.html") && !printed.contains("/x"), "hosts only: {printed}");
    Ok(())
}

/// A device is known by its hardware, whatever address it uses.
#[test]
fn a_device_that_changes_its_address_stays_the_same() -> Result<()> {
    let lab = Lab::new()?;
    let appliance = lab.start_appliance()?;
    lab.pc1
        .shell("ip address add 10.77.0.201/24 dev eth0 && ip address add fd77::cafe:1/64 dev eth0 nodad")?
        .success()?;
    for address in ["10.77.0.11", "10.77.0.201", "fd77::11", "fd77::cafe:1"] {
        let version = if address.contains(':') { "--ipv6" } else { "--ipv4" };
        curl(&lab.pc1, &[version, "--interface", address, "http://mediatheque.example/"])?;
    }
    wait_until("the requests in the journal", || {
        let records = search(&appliance, &["--host", "mediatheque.example"])?;
        assert!(records.iter().all(|record| record["device"] == "CM2-01"), "{records:#?}");
        Ok(records.iter().filter(|record| record["kind"] == "http").count() == 4)
    })
}

/// A pupil whose PC asks with the addresses of others: the box writes down what was asked, but under no device's
/// name, and tells the technician who it was.
#[test]
fn questions_with_the_address_of_another_device_are_not_its_records() -> Result<()> {
    let lab = Lab::new()?;
    let appliance = lab.start_appliance()?;
    // The victims are there, and the box knows their addresses.
    for victim in [&lab.pc1, &lab.tablet] {
        for server in [APPLIANCE_IPV4, APPLIANCE_IPV6] {
            victim.run(&["dig", "+short", &format!("@{server}"), "mediatheque.example"])?.success()?;
        }
    }
    // The hostile PC has their addresses, and denies it to everybody who asks (ARP).
    lab.pc2
        .shell(
            "set -e
            sysctl -qw net.ipv4.conf.all.arp_ignore=1 net.ipv4.conf.all.arp_announce=2
            for number in 11 13; do
                ip address add 10.77.0.$number/32 dev lo
                ip address add fd77::$number/128 dev lo nodad
            done",
        )?
        .success()?;
    ask_from(&lab.pc2, "10.77.0.1:53", "casino.example", 1, &["10.77.0.11", "10.77.0.13"])?;
    ask_from(&lab.pc2, "8.8.8.8:53", "www.casino.example", 1, &["10.77.0.11"])?;
    ask_from(&lab.pc2, "[fd77::1]:53", "adulte.example", 1, &["fd77::11", "fd77::13"])?;

    let devices = |host: &str, count: usize| -> Result<Vec<String>> {
        let records = await_records(&appliance, &["--host", host], count)?;
        let mut devices: Vec<_> =
            records.iter().map(|record| record["device"].as_str().unwrap_or_default().to_owned()).collect();
        devices.sort();
        Ok(devices)
    };
    assert_eq!(
        devices("casino.example", 3)?,
        ["inconnu-10.77.0.11", "inconnu-10.77.0.11", "inconnu-10.77.0.13"]
    );
    assert_eq!(devices("adulte.example", 2)?, ["inconnu-fd77::11", "inconnu-fd77::13"]);
    // What the victims asked themselves is theirs; what one device asks twice within a minute is one record.
    assert_eq!(devices("mediatheque.example", 2)?, ["CM2-01", "inconnu-02:00:00:00:00:13"]);
    wait_until("the warning", || {
        Ok(appliance.log()?.contains("under nobody's name; the last with fd77::13, from CM2-02"))
    })
}

/// A device that is registered while the box runs is known by its name within seconds.
#[test]
fn a_device_registered_now_is_known_now() -> Result<()> {
    let lab = Lab::new()?;
    let appliance = lab.start_appliance()?;
    appliance.add_device(harness::TABLET_MAC, "Tablette 1", "Bibliothèque", "elementaire")?;
    wait_until("the tablet's name", || {
        curl(&lab.tablet, &["http://mediatheque.example/"])?;
        Ok(!search(&appliance, &["--device", "tablette 1"])?.is_empty())
    })
}
