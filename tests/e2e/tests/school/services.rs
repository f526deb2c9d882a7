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
    let mail = || -> Result<Vec<Value>> {
        let found = records(&appliance, &["--device", "CM2-01", "--host", "mediatheque.example"])?;
        Ok(found.into_iter().filter(|record| record["kind"] == "tcp").collect())
    };
    let is_over = |flow: &&Value| flow["end"] == "finish";
    wait_until("the end of both flows", || Ok(mail()?.iter().filter(is_over).count() >= 2))?;
    let mail = mail()?;
    assert_eq!(mail.len(), 2, "{mail:#?}");
    for flow in &mail {
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

/// Whoever flushes the rulesets (a restart of nftables.service, or of firewalld) opens no way past the box: neither for the
/// moment until it puts its table back, nor when it is stopped and another program has the kernel forward.
#[test]
fn without_the_firewalls_table_nothing_is_forwarded() -> Result<()> {
    const TARGETS: [&str; 2] = ["198.51.100.10:9996", "[2001:db8:1::a]:9996"];
    let lab = Lab::new()?;
    let mut appliance = open_school(&lab)?;
    let _doors = open_doors(&lab.internet, PORTS)?;
    let targets = TARGETS.map(str::to_owned);
    let passed = |client: &Machine| -> Result<bool> {
        Ok(knock(client, "tcp", &targets)?.iter().any(|said| said.ends_with("port 9996")))
    };
    lab.appliance.run(&["nft", "flush", "ruleset"])?.success()?;
    wait_until("the firewall to be back", || {
        ensure!(!passed(&lab.pc2)?, "without its table the box forwards");
        Ok(appliance.log()?.contains("somebody removed the firewall"))
    })?;
    wait_until("the passage", || {
        let mail = knock(&lab.pc1, "tcp", &["198.51.100.10:9993".to_owned()])?;
        Ok(mail == ["tcp 198.51.100.10:9993: port 9993"])
    })?;
    appliance.stop()?;
    lab.appliance.run(&["nft", "flush", "ruleset"])?.success()?;
    let forwards = "cd /proc/sys/net; cat ipv4/ip_forward ipv6/conf/all/forwarding; \
                    echo 1 > ipv4/ip_forward; echo 1 > ipv6/conf/all/forwarding";
    assert_eq!(lab.appliance.shell(forwards)?.success()?, "0\n0\n");
    ensure!(!passed(&lab.tablet)?, "a box that is stopped forwards");
    let preau = preau_binary()?.display().to_string();
    lab.appliance.run(&[&preau, "firewall", "remove"])?.success()?;
    let rules = lab.appliance.shell("ip rule; ip -6 rule")?.success()?;
    assert!(!rules.contains("prohibit"), "{rules}");
    Ok(())
}

/// What another device sends with the address and the port of a flow is its own attempt, and no part of the flow. Errors about a
/// flow, which have room for a letter, stay in the school.
#[test]
fn a_flow_has_the_packets_of_its_own_device_and_no_errors_about_them() -> Result<()> {
    let lab = Lab::new()?;
    let appliance = open_school(&lab)?;
    let _conference = open_conference(&lab.internet, &["198.51.100.11:6005"])?;
    let count = "
        add table inet seen
        add chain inet seen came { type filter hook input priority 0; }
        add rule inet seen came udp dport 6005 counter
        add rule inet seen came icmp type destination-unreachable counter";
    lab.internet.shell(&format!("echo '{count}' | nft -f -"))?.success()?;
    let seen = || -> Result<Vec<String>> {
        let listing = lab.internet.run(&["nft", "list", "table", "inet", "seen"])?.success()?;
        let counts = listing.lines().filter_map(|line| line.split("packets ").nth(1)?.split(' ').next());
        Ok(counts.map(str::to_owned).collect())
    };
    let ask = "dig +time=1 +tries=1 -b 10.77.0.11#40000 @198.51.100.11 -p 6005 a.example";
    lab.pc1.shell(ask)?;
    await_record(&appliance, "CM2-01 udp 198.51.100.11 6005 service -")?;
    assert_eq!(seen()?, ["1", "0"]);
    lab.tablet.shell(&format!("ip address add 10.77.0.11/32 dev lo; {ask}"))?;
    await_record(&appliance, "inconnu-02:00:00:00:00:13 udp 198.51.100.11 6005 not-for-profile -")?;
    assert_eq!(seen()?, ["1", "0"]);
    // Nobody waits for this answer: the PC's own kernel says so.
    ask_from(&lab.pc1, "198.51.100.11:6005", "a.example", 1, &["10.77.0.11"])?;
    wait_until("an error that stays here", || {
        let table = lab.appliance.run(&["nft", "list", "chain", "inet", "preau", "past"])?.success()?;
        Ok(table.lines().any(|line| line.contains("ct state related") && line.contains("packets 1 ")))
    })?;
    assert_eq!(seen()?, ["2", "0"]);
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

/// Two hardware addresses whose hashes have the same 20 bits are found in a second. A machine that has the made-up one lends
/// its address to a registered one: the flow is the registered one's all the same.
#[test]
fn a_made_up_hardware_address_hides_nobodys_flow() -> Result<()> {
    let lab = Lab::new()?;
    let appliance = open_school(&lab)?;
    let _conference = open_conference(&lab.internet, &["198.51.100.11:6005"])?;
    let lend = "ip link set eth0 address 02:aa:00:07:b2:05 && ip address add 10.77.0.99/24 dev eth0 && \
                dig +tcp -b 10.77.0.99 @10.77.0.1 preau.lan";
    lab.tablet.shell(lend)?.success()?;
    lab.pc1.shell("ip address add 10.77.0.99/32 dev lo")?.success()?;
    ask_from(&lab.pc1, "198.51.100.11:6005", "a.example", 1, &["10.77.0.99"])?;
    await_record(&appliance, "CM2-01 udp 198.51.100.11 6005 service -")
}

/// As many flows as the pace allows: a device has its share of them, and another begins its own.
#[test]
fn a_device_with_many_flows_leaves_room_for_others() -> Result<()> {
    let lab = Lab::new()?;
    let appliance = open_school(&lab)?;
    appliance.add_device(PC2_MAC, "CM2-02", "CM2", "adulte")?;
    let _conference = open_conference(&lab.internet, &["198.51.100.11:6005"])?;
    let passes = || {
        let said = knock(&lab.pc2, "udp", &["198.51.100.11:6005".to_owned()])?;
        Ok(said == ["udp 198.51.100.11:6005: port 6005"])
    };
    // The firewall counts anew with each of its tables.
    wait_until("the passage of both", passes)?;
    let begin = "say() { echo bonjour > /dev/udp/198.51.100.11/6005; }
                 for flow in {1..200}; do say; done; for flow in {1..80}; do say; sleep 0.06; done";
    lab.pc1.run(&["bash", "-c", begin])?.success()?;
    let count = |reason: &str| -> Result<u64> {
        let found = records(&appliance, &["--device", "CM2-01", "--host", "198.51.100.11"])?;
        let found = found.iter().filter(|record| record["reason"] == reason);
        Ok(found.filter_map(|record| record["count"].as_u64()).sum())
    };
    wait_until("flows that are refused", || Ok(count("unready")? >= 10))
        .with_context(|| format!("{:?} passed, {:?} did not", count("service"), count("unready")))?;
    let passed = count("service")?;
    ensure!((200..=256).contains(&passed), "{passed} flows of one device");
    ensure!(passes()?, "another device has no room");
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

/// What the policy has closed stays in a firewall that cannot be replaced: nothing passes by it until it can.
#[test]
fn a_firewall_that_cannot_follow_the_policy_shuts_services() -> Result<()> {
    let lab = Lab::new()?;
    let appliance = open_school(&lab)?;
    let _conference = open_conference(&lab.internet, &["198.51.100.11:6005"])?;
    check(&lab.pc1, "udp", "198.51.100.11:6005", "port 6005")?;
    let fail = "mount --bind /bin/false \"$(readlink -f \"$(command -v nft)\")\"";
    lab.appliance.shell(fail)?.success()?;
    appliance.add_device(PC1_MAC, "CM2-01", "CM2", "elementaire")?;
    wait_until("shut services", || {
        Ok(appliance.log()?.contains("services are shut: the firewall does not follow the policy"))
    })?;
    let passes = || -> Result<bool> {
        let said = knock(&lab.pc1, "udp", &["198.51.100.11:6005".to_owned()])?;
        Ok(said == ["udp 198.51.100.11:6005: port 6005"])
    };
    // It is told a moment before it is so.
    wait_until("nothing to pass", || Ok(!passes()?))?;
    for _ in 0..5 {
        assert!(!passes()?);
    }
    lab.appliance.shell("umount \"$(readlink -f \"$(command -v nft)\")\"")?.success()?;
    await_record(&appliance, "CM2-01 udp 198.51.100.11 6005 not-for-profile -")?;
    appliance.add_device(PC1_MAC, "CM2-01", "CM2", "adulte")?;
    wait_until("open services", passes)
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
    // It is told a moment before it is so.
    wait_until("the end of what flows", || Ok(talk.say("encore")? == "silence"))?;
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
    // It is told every ten seconds, and the end of the flood may have missed the first time.
    let told = || -> Result<u64> { Ok(of_pc2()?.iter().filter_map(|record| record["count"].as_u64()).sum()) };
    wait_until("nearly all packets on record", || Ok(told()? >= 900))
        .with_context(|| format!("{:?} of 1,000 packets are on record", told()))?;
    let found = of_pc2()?;
    assert!(found.len() < 500, "{} records", found.len());
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
        let page = ["curl", "--silent", "--max-time", "6", "https://mediatheque.example/"];
        assert!(lab.pc1.run(&page)?.success()?.contains("Ici mediatheque.example"));
    }
    Ok(())
}
