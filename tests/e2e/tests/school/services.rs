//! Named services pass, each flow on record; all else past the doors is refused, on record too.

use anyhow::{Context, Result, ensure};
use harness::{Appliance, Lab, Machine, PC1_MAC, PC2_MAC, preau_binary, usual_configuration, wait_until};
use serde_json::Value;

use crate::probe::{
    Dialogue, ask_from, flood_from_nobody, knock, open_conference, open_doors, open_echo, storm,
};

/// Mail for adults at two hosts, one of which the commune has locked; a conference for them in a network; the open name of a
/// host that nobody has.
const SERVICES: &str = "
[[service]]
name = 'imaps'
purpose = 'Le courrier'
tcp = [9993, '9994-9995']
hosts = ['mediatheque.example', 'adulte.example', 'personne.example']
profiles = ['adulte']

[[service]]
name = 'visio'
purpose = 'La visioconférence'
udp = ['6000-6010']
networks = ['198.51.100.11', '2001:db8:1::b']
profiles = ['adulte']
";

const PORTS: &[&str] = &["9993", "9996", "22"];

/// A school with services: a PC of an adult, and one of pupils.
fn open_school(lab: &Lab) -> Result<Appliance<'_>> {
    let mut appliance = lab.appliance_with(&format!("{}{SERVICES}", usual_configuration()))?;
    appliance.build_lists(&lab.lists())?;
    appliance.add_device(PC1_MAC, "CM2-01", "CM2", "adulte")?;
    appliance.add_device(PC2_MAC, "CM2-02", "CM2", "elementaire")?;
    start(lab, &mut appliance)?;
    Ok(appliance)
}

/// Starts the box, and waits until it has told where the mail is and lets it through.
fn start(lab: &Lab, appliance: &mut Appliance<'_>) -> Result<()> {
    appliance.start()?;
    appliance.wait_until_ready(&lab.pc1)?;
    wait_until("the address of the mail", || {
        Ok(addresses(&lab.pc1, "mediatheque.example")? == ["198.51.100.10"])
    })?;
    wait_until("open services", || Ok(appliance.log()?.contains("services are open")))
}

fn addresses(client: &Machine, name: &str) -> Result<Vec<String>> {
    let printed = client.run(&["dig", "+time=2", "+tries=1", "+short", "@10.77.0.1", name])?.stdout;
    Ok(printed.lines().map(str::to_owned).collect())
}

fn records(appliance: &Appliance<'_>, filter: &[&str]) -> Result<Vec<Value>> {
    let printed = appliance.run(&[&["journal", "search", "--json"], filter].concat())?.success()?;
    printed.lines().map(|line| serde_json::from_str(line).context("a line of JSON")).collect()
}

/// The records past the doors: `device kind host port reason end`.
fn past_the_doors(appliance: &Appliance<'_>) -> Result<Vec<String>> {
    let text = |value: &Value| value.as_str().unwrap_or("-").to_owned();
    let records = records(appliance, &[])?.into_iter();
    let past = records.filter(|record| ["tcp", "udp", "ip"].contains(&text(&record["kind"]).as_str()));
    let line = |record: Value| {
        let port = text(&record["destination"]).rsplit(':').next().unwrap_or_default().to_owned();
        let [device, kind, host, reason, end] =
            ["device", "kind", "host", "reason", "end"].map(|key| text(&record[key]));
        format!("{device} {kind} {host} {port} {reason} {end}")
    };
    Ok(past.map(line).collect())
}

fn await_record(appliance: &Appliance<'_>, expected: &str) -> Result<()> {
    wait_until(expected, || Ok(past_the_doors(appliance)?.iter().any(|line| line == expected)))
        .with_context(|| format!("{:#?}\n{}", past_the_doors(appliance), appliance.log().unwrap_or_default()))
}

fn check(machine: &Machine, transport: &str, target: &str, expected: &str) -> Result<()> {
    let said = knock(machine, transport, &[target.to_owned()])?;
    assert_eq!(said, [format!("{transport} {target}: {expected}")], "from {}", machine.name());
    Ok(())
}

#[test]
fn a_service_passes_for_its_profile_and_each_flow_is_on_record() -> Result<()> {
    let lab = Lab::new()?;
    let appliance = open_school(&lab)?;
    let _doors = open_doors(&lab.internet, PORTS)?;
    let _conference = open_conference(&lab.internet, &["198.51.100.11:6005", "[2001:db8:1::b]:6005"])?;
    let (pc1, pc2) = (&lab.pc1, &lab.pc2);

    check(pc1, "tcp", "198.51.100.10:9993", "port 9993")?;
    check(pc1, "tcp", "[2001:db8:1::a]:9993", "port 9993")?;
    check(pc1, "udp", "198.51.100.11:6005", "port 6005")?;
    check(pc1, "udp", "[2001:db8:1::b]:6005", "port 6005")?;
    // Another port, another address, a locked host, another profile, an unknown device.
    check(pc1, "tcp", "198.51.100.10:9996", "refused")?;
    check(pc1, "tcp", "198.51.100.11:9993", "refused")?;
    check(pc1, "udp", "198.51.100.11:6011", "prohibited")?;
    check(pc1, "tcp", "198.51.100.13:9993", "refused")?;
    check(pc2, "tcp", "198.51.100.10:9993", "refused")?;
    check(pc2, "udp", "198.51.100.11:6005", "prohibited")?;
    check(&lab.tablet, "tcp", "198.51.100.10:9993", "refused")?;

    for expected in [
        "CM2-01 tcp mediatheque.example 9993 service finish",
        "CM2-01 tcp 198.51.100.10 9996 no-service -",
        "CM2-01 tcp 198.51.100.11 9993 elsewhere -",
        "CM2-01 udp 198.51.100.11 6011 no-service -",
        "CM2-01 tcp 198.51.100.13 9993 elsewhere -",
        "CM2-02 tcp mediatheque.example 9993 not-for-profile -",
        "CM2-02 udp 198.51.100.11 6005 not-for-profile -",
        "inconnu-02:00:00:00:00:13 tcp mediatheque.example 9993 not-for-profile -",
    ] {
        await_record(&appliance, expected)?;
    }
    let mail = records(&appliance, &["--device", "CM2-01", "--host", "mediatheque.example"])?;
    let mail: Vec<&Value> = mail.iter().filter(|record| record["kind"] == "tcp").collect();
    assert_eq!(mail.len(), 2, "{mail:#?}");
    for flow in mail {
        assert_eq!((&flow["entry"], &flow["verdict"]), (&Value::from("imaps"), &Value::from("permit")));
        assert_eq!(flow["peer"], flow["destination"]);
        let number = |key: &str| flow[key].as_u64().unwrap_or_default();
        assert!(
            number("bytes_up") > 100 && number("bytes_down") > 100 && number("duration_ms") < 5_000,
            "{flow:#?}"
        );
    }
    // What the commune has locked is told to nobody, service or not.
    assert_eq!(addresses(pc1, "adulte.example")?, ["10.77.0.1"]);
    wait_until("a word on the locked host", || {
        Ok(appliance.log()?.contains("a host of a service stays closed"))
    })?;
    // Pages of the mail's host are the gate's business, at the same address.
    let page =
        pc1.run(&["curl", "--silent", "--max-time", "10", "https://mediatheque.example/"])?.success()?;
    assert!(page.contains("Ici mediatheque.example"), "{page}");
    Ok(())
}

/// Nothing of the school's addresses is seen outside, and without the table nothing is forwarded.
#[test]
fn flows_leave_with_the_address_of_the_box_and_only_through_the_firewall() -> Result<()> {
    let lab = Lab::new()?;
    let mut appliance = open_school(&lab)?;
    let _echo = open_echo(&lab.internet, &["9993"])?;
    let mut talk = Dialogue::start(&lab.pc1, &["talk", "198.51.100.10:9993"])?;
    assert_eq!(talk.say("bonjour")?, "bonjour");
    let peers = lab.internet.run(&["ss", "-Htn", "state", "established", "sport = :9993"])?.success()?;
    assert!(peers.contains("192.0.2.2:") && !peers.contains("10.77."), "{peers}");

    let forwards =
        || lab.appliance.shell("cat /proc/sys/net/ipv4/ip_forward /proc/sys/net/ipv6/conf/all/forwarding");
    assert_eq!(forwards()?.success()?, "1\n1\n");
    appliance.stop()?;
    assert!(["reset", "silence"].contains(&talk.say("encore")?.as_str()));
    await_record(&appliance, "CM2-01 tcp mediatheque.example 9993 service cut")?;
    let preau = preau_binary()?.display().to_string();
    lab.appliance.run(&[&preau, "firewall", "remove"])?.success()?;
    assert_eq!(forwards()?.success()?, "0\n0\n");
    Ok(())
}

#[test]
fn ways_around_leave_a_record_each() -> Result<()> {
    let lab = Lab::new()?;
    let appliance = open_school(&lab)?;
    let _doors = open_doors(&lab.internet, PORTS)?;
    let pc2 = &lab.pc2;
    check(pc2, "udp", "198.51.100.10:443", "refused")?;
    check(pc2, "udp", "198.51.100.10:443", "refused")?;
    check(pc2, "tcp", "8.8.8.8:853", "refused")?;
    check(pc2, "udp", "8.8.8.8:853", "refused")?;
    check(pc2, "tcp", "[2001:4860:4860::8888]:853", "refused")?;
    check(pc2, "tcp", "198.51.100.10:22", "refused")?;
    check(pc2, "tcp", "10.77.0.1:22", "refused")?;
    check(&lab.tablet, "udp", "[2001:db8:1::a]:443", "refused")?;
    for expected in [
        "CM2-02 udp 198.51.100.10 443 quic -",
        "CM2-02 tcp 8.8.8.8 853 dns-over-tls -",
        "CM2-02 udp 8.8.8.8 853 dns-over-quic -",
        "CM2-02 tcp 2001:4860:4860::8888 853 dns-over-tls -",
        "CM2-02 tcp 198.51.100.10 22 no-service -",
        "CM2-02 tcp 10.77.0.1 22 no-service -",
        "inconnu-02:00:00:00:00:13 udp 2001:db8:1::a 443 quic -",
    ] {
        await_record(&appliance, expected)?;
    }
    let quic = records(&appliance, &["--device", "CM2-02", "--host", "198.51.100.10"])?;
    assert!(quic.iter().any(|record| record["reason"] == "quic" && record["count"] == 2), "{quic:#?}");
    // The page that tells why is for people: a browser's own attempts are no news beside a site.
    addresses(pc2, "casino.example")?;
    let page = pc2.run(&["curl", "--silent", "http://preau.lan/pourquoi"])?.success()?;
    assert!(page.contains("casino.example") && !page.contains("QUIC") && !page.contains("853"), "{page}");
    Ok(())
}

/// Somebody who writes another's address on packets is on record himself.
#[test]
fn a_false_address_blames_nobody() -> Result<()> {
    let lab = Lab::new()?;
    let appliance = open_school(&lab)?;
    lab.pc2.shell("ip address add 10.77.0.11/32 dev lo")?.success()?;
    ask_from(&lab.pc2, "198.51.100.10:443", "a.example", 1, &["10.77.0.11"])?;
    await_record(&appliance, "CM2-02 udp 198.51.100.10 443 quic -")?;
    assert!(!past_the_doors(&appliance)?.iter().any(|line| line.starts_with("CM2-01")));
    Ok(())
}

#[test]
fn a_flow_ends_when_its_device_has_another_profile() -> Result<()> {
    let lab = Lab::new()?;
    let appliance = open_school(&lab)?;
    let _echo = open_echo(&lab.internet, &["9993"])?;
    let mut talk = Dialogue::start(&lab.pc1, &["talk", "198.51.100.10:9993"])?;
    assert_eq!(talk.say("bonjour")?, "bonjour");
    appliance.add_device(PC1_MAC, "CM2-01", "CM2", "elementaire")?;
    await_record(&appliance, "CM2-01 tcp mediatheque.example 9993 service lapse")?;
    assert!(["reset", "silence"].contains(&talk.say("encore")?.as_str()));
    wait_until("the end of the passage", || {
        Ok(knock(&lab.pc1, "tcp", &["198.51.100.10:9993".to_owned()])? == ["tcp 198.51.100.10:9993: refused"])
    })?;
    await_record(&appliance, "CM2-01 tcp mediatheque.example 9993 not-for-profile -")?;
    // And back.
    appliance.add_device(PC1_MAC, "CM2-01", "CM2", "adulte")?;
    wait_until("the passage", || {
        let mut talk = Dialogue::start(&lab.pc1, &["talk", "198.51.100.10:9993"])?;
        Ok(talk.say("bonjour")? == "bonjour")
    })
}

#[test]
fn a_killed_box_lets_nothing_through_and_records_what_flowed() -> Result<()> {
    let lab = Lab::new()?;
    let mut appliance = open_school(&lab)?;
    let _echo = open_echo(&lab.internet, &["9993", "9994"])?;
    let mut before = Dialogue::start(&lab.pc1, &["talk", "198.51.100.10:9993"])?;
    assert_eq!(before.say("bonjour")?, "bonjour");
    await_record(&appliance, "CM2-01 tcp mediatheque.example 9993 service -")?;
    appliance.kill9()?;
    // In the seconds that are left to it.
    let mut after = Dialogue::start(&lab.pc1, &["talk", "198.51.100.10:9994"])?;
    assert_eq!(after.say("bonjour")?, "bonjour");
    wait_until("the end of services", || Ok(before.say("encore")? == "silence"))?;
    check(&lab.pc1, "tcp", "198.51.100.10:9993", "refused")?;

    start(&lab, &mut appliance)?;
    for expected in [
        "CM2-01 tcp mediatheque.example 9993 service cut",
        "CM2-01 tcp mediatheque.example 9993 service -",
        "CM2-01 tcp mediatheque.example 9994 service -",
    ] {
        await_record(&appliance, expected)?;
    }
    // Both go on where they were.
    wait_until("the flow from before", || Ok(before.say("encore")? == "encore"))?;
    wait_until("the flow from after", || Ok(after.say("encore")? == "encore"))
}

#[test]
fn a_full_disk_shuts_services_until_there_is_room_again() -> Result<()> {
    let lab = Lab::new()?;
    let mut appliance = lab.appliance_with(&format!("{}{SERVICES}", usual_configuration()))?;
    let data = appliance.data().display().to_string();
    lab.appliance.shell(&format!("mkdir -p {data} && mount -t tmpfs -o size=32m tmpfs {data}"))?.success()?;
    appliance.add_device(PC1_MAC, "CM2-01", "CM2", "adulte")?;
    start(&lab, &mut appliance)?;
    let _echo = open_echo(&lab.internet, &["9993"])?;
    let mut talk = Dialogue::start(&lab.pc1, &["talk", "198.51.100.10:9993"])?;
    assert_eq!(talk.say("bonjour")?, "bonjour");

    // dd fails, as it should: the disk is full then.
    lab.appliance.shell(&format!("dd if=/dev/zero of={data}/filler bs=64k 2>/dev/null"))?;
    wait_until("shut services", || Ok(appliance.log()?.contains("services are shut")))?;
    assert_eq!(talk.say("encore")?, "silence");
    check(&lab.pc1, "tcp", "198.51.100.10:9993", "refused")?;
    lab.appliance.shell(&format!("rm {data}/filler"))?.success()?;
    wait_until("open services", || {
        let mut talk = Dialogue::start(&lab.pc1, &["talk", "198.51.100.10:9993"])?;
        Ok(talk.say("bonjour")? == "bonjour")
    })
}

#[test]
fn a_flood_of_refused_packets_fills_no_journal_and_stops_nobody() -> Result<()> {
    let lab = Lab::new()?;
    let appliance = open_school(&lab)?;
    let scan = "for round in 1 2 3 4 5 6 7 8 9 10; do for port in $(seq 1 100); do \
                echo \"198.51.100.10:$((20000 + round * 100 + port))\"; done; done";
    let targets: Vec<String> = lab.pc2.shell(scan)?.success()?.lines().map(str::to_owned).collect();
    for targets in targets.chunks(250) {
        knock(&lab.pc2, "udp", targets)?;
        assert_eq!(addresses(&lab.pc1, "encyclopedie.example")?, ["198.51.100.11"]);
    }
    let of_pc2 = || records(&appliance, &["--device", "CM2-02"]);
    wait_until("a count of the rest", || {
        let flood = of_pc2()?.into_iter().find(|record| record["reason"] == "flood");
        Ok(flood.is_some_and(|record| record["count"].as_u64() > Some(100)))
    })?;
    let found = of_pc2()?;
    assert!(found.len() < 500, "{} records", found.len());
    let told: u64 = found.iter().filter_map(|record| record["count"].as_u64()).sum();
    ensure!(told >= 900, "{told} of 1,000 packets are on record");
    Ok(())
}

/// A pupil floods under thousands of made-up hardware addresses, while his own PC looks for a way out: that stays on record.
#[test]
fn a_flood_from_made_up_devices_hides_nobodys_refusals() -> Result<()> {
    let lab = Lab::new()?;
    let appliance = open_school(&lab)?;
    let _flood = flood_from_nobody(&lab.pc2, "198.51.100.10:30001")?;
    let of_nobody = || -> Result<usize> {
        Ok(past_the_doors(&appliance)?.iter().filter(|line| line.starts_with("inconnu-06:")).count())
    };
    wait_until("records of the flood", || Ok(of_nobody()? > 100))?;
    let ports = ["500", "1194", "1701", "1723", "4500", "51820"];
    knock(&lab.pc2, "udp", &ports.map(|port| format!("198.51.100.10:{port}")))?;
    wait_until("records of all that was tried", || {
        let lines = past_the_doors(&appliance)?;
        let has = |port: &str| {
            let expected = format!("CM2-02 udp 198.51.100.10 {port} no-service");
            lines.iter().any(|line| line.starts_with(&expected))
        };
        Ok(ports.into_iter().all(has))
    })
}

#[test]
fn a_pc_that_opens_connections_as_fast_as_it_can_delays_nobody() -> Result<()> {
    let lab = Lab::new()?;
    let appliance = open_school(&lab)?;
    let _storm = storm(&lab.pc2, "198.51.100.10:443", 6_000)?;
    wait_until("dropped connections", || Ok(appliance.log()?.contains("connections were dropped")))?;
    let log = appliance.log()?;
    let word = log.lines().find(|line| line.contains("connections were dropped")).unwrap_or_default();
    assert!(word.contains("from CM2-02"), "{word}");
    for _ in 0..5 {
        let page = ["curl", "--silent", "--max-time", "3", "https://mediatheque.example/"];
        assert!(lab.pc1.run(&page)?.success()?.contains("Ici mediatheque.example"));
    }
    Ok(())
}
