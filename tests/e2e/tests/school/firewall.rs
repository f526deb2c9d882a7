//! The ruleset, met by real packets. The box's doors are stood in for by a program that says which it is.

use anyhow::Result;
use harness::{Lab, Machine, Service, preau_binary, wait_until};

use crate::probe::{Dialogue, ask_from, burst, knock, open_doors};

/// The doors of the box, and two ports that are none: SSH, and one that no rule knows.
const BOX_PORTS: &[&str] = &["53", "8080", "8443", "3128", "22", "9999", "443", "853"];

/// What the Internet offers besides its servers: services that would answer if a packet got through.
const INTERNET_PORTS: &[&str] = &["22", "9999", "3128", "5353"];

/// A school whose firewall stands, with doors on both sides of it.
struct Fenced {
    lab: Lab,
    keeper: Dialogue,
    _doors: [Service; 2],
}

impl Fenced {
    fn new(order: &str) -> Result<Self> {
        let lab = Lab::new()?;
        let doors = [open_doors(&lab.appliance, BOX_PORTS)?, open_doors(&lab.internet, INTERNET_PORTS)?];
        let mut keeper = Dialogue::start(&lab.appliance, &["firewall"])?;
        assert_eq!(keeper.say(order)?, "Replaced(Start)");
        Ok(Self { lab, keeper, _doors: doors })
    }
}

/// Knocks from `machine` and compares what each target says.
fn check(machine: &Machine, transport: &str, expected: &[(&str, &str)]) -> Result<()> {
    let targets: Vec<String> = expected.iter().map(|(target, _)| (*target).to_owned()).collect();
    let lines = expected.iter().map(|(target, said)| format!("{transport} {target}: {said}"));
    assert_eq!(knock(machine, transport, &targets)?, lines.collect::<Vec<_>>(), "from {}", machine.name());
    Ok(())
}

#[test]
fn every_address_leads_to_the_doors_of_the_box() -> Result<()> {
    let school = Fenced::new("ensure")?;
    for client in [&school.lab.pc1, &school.lab.tablet] {
        check(
            client,
            "tcp",
            &[
                ("198.51.100.10:80", "port 8080"),
                ("198.51.100.10:443", "port 8443"),
                ("203.0.113.200:443", "port 8443"),
                ("10.77.0.1:80", "port 8080"),
                ("10.77.0.1:443", "port 8443"),
                ("192.0.2.2:80", "port 8080"),
                ("10.77.0.1:3128", "port 3128"),
                ("10.77.0.1:53", "port 53"),
                ("8.8.8.8:53", "port 53"),
                ("[2001:db8:1::a]:80", "port 8080"),
                ("[2001:db8:1::a]:443", "port 8443"),
                ("[fd77::1]:443", "port 8443"),
                ("[fd77::1]:3128", "port 3128"),
                ("10.77.0.1:853", "port 853"),
                ("[fd77::1]:853", "port 853"),
                ("[2001:4860:4860::8888]:53", "port 53"),
            ],
        )?;
        check(
            client,
            "udp",
            &[
                ("10.77.0.1:53", "port 53"),
                ("8.8.8.8:53", "port 53"),
                ("203.0.113.200:53", "port 53"),
                ("[fd77::1]:53", "port 53"),
                ("[2001:4860:4860::8888]:53", "port 53"),
            ],
        )?;
    }
    Ok(())
}

/// Whatever is no door says no at once; with forwarding on as with forwarding off.
#[test]
fn the_rest_is_refused_at_once() -> Result<()> {
    let school = Fenced::new("ensure")?;
    for forwarding in ["0", "1"] {
        let switch = "for f in ipv4/ip_forward ipv6/conf/all/forwarding; do echo $1 > /proc/sys/net/$f; done";
        school.lab.appliance.run(&["sh", "-c", switch, "sh", forwarding])?.success()?;
        check(
            &school.lab.pc1,
            "tcp",
            &[
                ("198.51.100.10:22", "refused"),
                ("198.51.100.10:3128", "refused"),
                ("8.8.8.8:853", "refused"),
                ("10.77.0.1:22", "refused"),
                ("10.77.0.1:8080", "refused"),
                ("10.77.0.1:8443", "refused"),
                ("192.0.2.2:22", "refused"),
                ("192.0.2.2:3128", "refused"),
                ("192.0.2.1:22", "refused"),
                ("[2001:db8:1::a]:22", "refused"),
                ("[2001:4860:4860::8888]:853", "refused"),
                ("[fd77::1]:8443", "refused"),
                ("[2001:db8:ff::2]:3128", "refused"),
                ("[2001:db8:ff::1]:9999", "refused"),
            ],
        )?;
        check(
            &school.lab.pc1,
            "udp",
            &[
                ("198.51.100.10:443", "refused"),
                ("8.8.8.8:853", "refused"),
                ("10.77.0.1:443", "refused"),
                ("10.77.0.1:9999", "prohibited"),
            ],
        )?;
        check(
            &school.lab.pc2,
            "udp",
            &[
                ("[2001:db8:1::a]:443", "refused"),
                ("[2001:4860:4860::8888]:853", "refused"),
                ("[fd77::1]:443", "refused"),
                ("[2001:db8:ff::1]:9999", "prohibited"),
            ],
        )?;
    }
    Ok(())
}

/// Routers and servers on the way would do what such a header says (RFC 5095).
#[test]
fn a_packet_that_chooses_its_own_way_gets_nowhere() -> Result<()> {
    let school = Fenced::new("ensure")?;
    let pc1 = &school.lab.pc1;
    check(pc1, "udp", &[("[2001:db8:1::a]:53", "port 53")])?;
    let way = "encap seg6 mode inline segs fd77::1 dev eth0";
    pc1.shell(&format!("ip -6 route add 2001:db8:1::a/128 {way}"))?.success()?;
    check(pc1, "udp", &[("[2001:db8:1::a]:53", "silence")])?;
    let table = school.lab.appliance.run(&["nft", "list", "chain", "inet", "preau", "spoof"])?.success()?;
    let rule = table.lines().find(|line| line.contains("exthdr rt")).unwrap_or_default();
    assert!(!rule.is_empty() && !rule.contains("packets 0 "), "{table}");
    Ok(())
}

#[test]
fn a_page_of_many_quic_servers_falls_back_at_once() -> Result<()> {
    let school = Fenced::new("ensure")?;
    assert_eq!(burst(&school.lab.pc1, "198.51.100.10:443", 40)?, "40 of 40 refused\n");
    assert_eq!(burst(&school.lab.pc1, "[2001:db8:1::a]:443", 40)?, "40 of 40 refused\n");
    Ok(())
}

#[test]
fn a_false_source_address_gets_nowhere() -> Result<()> {
    let school = Fenced::new("ensure")?;
    let pc1 = &school.lab.pc1;
    // The whole machine moves to addresses that are not the school's, and keeps the way to the box.
    let script = "
        ip address add 10.99.0.5/32 dev eth0
        ip address add fd99::5/128 dev eth0 nodad
        ip route replace default via 10.77.0.1 src 10.99.0.5
        ip -6 route replace default via fd77::1 src fd99::5
    ";
    pc1.shell(script)?.success()?;
    check(pc1, "tcp", &[("198.51.100.10:443", "silence"), ("[2001:db8:1::a]:443", "silence")])?;
    check(pc1, "udp", &[("8.8.8.8:53", "silence"), ("[2001:4860:4860::8888]:53", "silence")])?;
    check(&school.lab.pc2, "udp", &[("8.8.8.8:53", "port 53")])
}

/// Addresses of the school that no client can have: the box's own, and those that stand for all machines or none.
#[test]
fn an_address_that_no_client_can_have_gets_nowhere() -> Result<()> {
    let school = Fenced::new("ensure")?;
    let sources = ["10.77.0.0", "10.77.0.255", "10.77.0.1", "fd77::", "fd77::1"];
    // It denies to others that it has them (ARP): they go on to find the box.
    let script = "set -e
        sysctl -qw net.ipv4.conf.all.arp_ignore=1 net.ipv4.conf.all.arp_announce=2
        ip route delete table local broadcast 10.77.0.255 dev eth0
        for address; do ip address add $address dev lo; done";
    school.lab.pc2.run(&[&["sh", "-c", script, "sh"], &sources[..]].concat())?.success()?;
    let dropped = || -> Result<u64> {
        let chain =
            school.lab.appliance.run(&["nft", "list", "chain", "inet", "preau", "spoof"])?.success()?;
        let counts =
            chain.lines().filter_map(|line| line.split("counter packets ").nth(1)?.split(' ').next());
        Ok(counts.filter_map(|count| count.parse::<u64>().ok()).sum())
    };
    for source in sources {
        let before = dropped()?;
        let target = if source.contains(':') { "[2001:4860:4860::8888]:53" } else { "8.8.8.8:53" };
        ask_from(&school.lab.pc2, target, "a.example", 1, &[source])?;
        wait_until(&format!("the end of what {source} says"), || Ok(dropped()? > before))?;
    }
    check(&school.lab.pc1, "udp", &[("8.8.8.8:53", "port 53"), ("[2001:4860:4860::8888]:53", "port 53")])
}

#[test]
fn from_the_line_nothing_answers() -> Result<()> {
    let school = Fenced::new("ensure")?;
    let addresses = ["192.0.2.2", "[2001:db8:ff::2]", "10.77.0.1", "[fd77::1]", "10.77.0.11", "[fd77::11]"];
    let ports = ["22", "53", "80", "443", "853", "3128", "8000", "8080", "8443", "9999"];
    let targets = addresses.iter().flat_map(|address| ports.map(|port| format!("{address}:{port}")));
    let targets: Vec<String> = targets.collect();
    school.lab.appliance.shell("echo 1 > /proc/sys/net/ipv4/ip_forward")?.success()?;
    for transport in ["tcp", "udp"] {
        for said in knock(&school.lab.internet, transport, &targets)? {
            assert!(said.ends_with(": silence"), "{said}");
        }
    }
    Ok(())
}

#[test]
fn without_an_address_of_its_own_the_school_has_no_ipv6() -> Result<()> {
    let school = Fenced::new("ensure without ipv6")?;
    let pc1 = &school.lab.pc1;
    check(pc1, "tcp", &[("198.51.100.10:443", "port 8443"), ("10.77.0.1:3128", "port 3128")])?;
    let link_local = school.lab.appliance.shell("ip -6 -o address show dev lan0 scope link")?.success()?;
    let link_local = link_local.split_ascii_whitespace().nth(3).and_then(|net| net.split('/').next());
    let index = pc1.shell("ip -o link show eth0 | cut -d: -f1")?.success()?;
    let target = |port| format!("[{}%{}]:{port}", link_local.unwrap_or_default(), index.trim());
    let targets = ["443", "53", "3128", "8443"].map(target);
    for said in knock(pc1, "tcp", &targets)? {
        assert!(said.ends_with(": prohibited"), "{said}");
    }
    // Other addresses are none of this school's: the box would not know where to send a refusal.
    check(pc1, "tcp", &[("[2001:db8:1::a]:443", "silence"), ("[fd77::1]:53", "silence")])
}

/// A box that is gone is closed: redirected connections find nobody.
#[test]
fn the_table_outlives_its_keeper() -> Result<()> {
    let Fenced { lab, keeper, _doors: doors } = Fenced::new("ensure")?;
    drop(keeper);
    drop(doors);
    check(
        &lab.pc1,
        "tcp",
        &[
            ("198.51.100.10:443", "refused"),
            ("198.51.100.10:22", "refused"),
            ("[2001:db8:1::a]:80", "refused"),
        ],
    )?;
    check(&lab.pc1, "udp", &[("8.8.8.8:53", "refused")])
}

#[test]
fn the_keeper_repairs_what_others_change() -> Result<()> {
    let Fenced { lab, mut keeper, .. } = Fenced::new("ensure")?;
    assert_eq!(keeper.say("ensure")?, "Kept");
    // Traffic changes counters, and is no change.
    check(&lab.pc1, "tcp", &[("198.51.100.10:22", "refused")])?;
    assert_eq!(keeper.say("ensure")?, "Kept");
    for (meddling, outcome) in [
        ("nft insert rule inet preau lan accept", "Replaced(Altered)"),
        ("nft flush chain inet preau refuse", "Replaced(Altered)"),
        ("nft 'add chain inet preau forward { policy accept; }'", "Replaced(Altered)"),
        ("nft add chain inet preau door", "Replaced(Altered)"),
        ("nft delete table inet preau", "Replaced(Removed)"),
        ("nft flush ruleset", "Replaced(Removed)"),
    ] {
        lab.appliance.shell(meddling)?.success()?;
        assert_eq!(keeper.say("ensure")?, outcome, "{meddling}");
        assert_eq!(keeper.say("ensure")?, "Kept", "{meddling}");
    }
    assert_eq!(keeper.say("ensure without ipv6")?, "Replaced(Intent)");
    Ok(())
}

/// The box itself, from its start to its stop.
#[test]
fn the_box_opens_the_network_only_when_told_to() -> Result<()> {
    let lab = Lab::new()?;
    let stands = || -> Result<bool> {
        Ok(lab.appliance.run(&["nft", "list", "table", "inet", "preau"])?.is_success())
    };
    let limits = || -> Result<String> {
        lab.appliance.shell("cd /proc/sys/net; cat ipv4/icmp_ratemask ipv6/icmp/ratemask")?.success()
    };
    let usual_limits = limits()?;
    let mut appliance = lab.start_appliance()?;
    assert!(stands()? && limits()? != usual_limits);
    appliance.stop()?;
    assert!(stands()?, "a clean stop leaves the network closed");
    appliance.start_with(&["--remove-firewall-on-stop"])?;
    appliance.wait_until_ready(&lab.pc1)?;
    appliance.stop()?;
    assert!(!stands()?);
    assert_eq!(limits()?, usual_limits);
    // The same by hand, after a box that was killed.
    appliance.start()?;
    appliance.wait_until_ready(&lab.pc1)?;
    appliance.kill9()?;
    assert!(stands()? && limits()? != usual_limits);
    let binary = preau_binary()?.display().to_string();
    for _ in 0..2 {
        lab.appliance.run(&[&binary, "firewall", "remove"])?.success()?;
        assert!(!stands()?);
        assert_eq!(limits()?, usual_limits);
    }
    Ok(())
}

#[test]
fn the_box_repairs_its_firewall() -> Result<()> {
    let lab = Lab::new()?;
    let _appliance = lab.start_appliance()?;
    let ruleset = || lab.appliance.run(&["nft", "--stateless", "list", "ruleset"])?.success();
    let intended = ruleset()?;
    lab.appliance.shell("nft flush ruleset")?.success()?;
    wait_until("the firewall to stand again", || Ok(ruleset()? == intended))?;
    lab.appliance.shell("nft insert rule inet preau input accept")?.success()?;
    wait_until("the firewall to be as intended", || Ok(ruleset()? == intended))
}
