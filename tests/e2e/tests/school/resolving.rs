//! The resolver with the line up, down, and over TLS.

use anyhow::Result;
use harness::{APPLIANCE_IPV4, Lab, Machine, RESOLVER_IPV4, usual_configuration, wait_until};

use crate::probe::ask_from;

fn dig(client: &Machine, arguments: &[&str]) -> Result<String> {
    let at = format!("@{APPLIANCE_IPV4}");
    Ok(client.run(&[&["dig", "+time=5", "+tries=1", &at], arguments].concat())?.stdout)
}

#[test]
fn a_long_answer_is_truncated_and_comes_whole_over_tcp() -> Result<()> {
    let lab = Lab::new()?;
    let _box = lab.start_appliance()?;
    let cut = dig(&lab.pc1, &["long.example", "TXT", "+ignore"])?;
    assert!(cut.contains("flags: qr tc rd ra"), "{cut}");
    let whole = dig(&lab.pc1, &["long.example", "TXT"])?;
    assert!(whole.contains("retrying in TCP mode") && whole.contains("ANSWER: 12"), "{whole}");
    Ok(())
}

/// With the line cut, a name that was asked before is still answered, and marked as stale.
#[test]
fn known_names_are_answered_while_the_line_is_down() -> Result<()> {
    let lab = Lab::new()?;
    let _box = lab.start_appliance()?;
    let known = dig(&lab.pc1, &["mediatheque.example", "+short"])?;
    assert!(known.starts_with("198.51.100."), "{known}");
    lab.appliance.shell("ip link set wan0 down")?.success()?;
    assert_eq!(dig(&lab.pc1, &["mediatheque.example", "+short"])?, known);
    let unknown = dig(&lab.pc1, &["encyclopedie.example"])?;
    assert!(unknown.contains("status: SERVFAIL"), "{unknown}");
    assert!(dig(&lab.pc1, &["casino.example", "+short"])?.contains(APPLIANCE_IPV4), "refusals need no line");
    lab.appliance.shell("ip link set wan0 up && ip route replace default via 192.0.2.1")?.success()?;
    wait_until("the line", || {
        Ok(dig(&lab.pc1, &["encyclopedie.example", "+short"])?.starts_with("198.51.100."))
    })
}

#[test]
fn upstreams_are_asked_over_tls_and_must_prove_their_name() -> Result<()> {
    let lab = Lab::new()?;
    let usual = format!("address = \"{RESOLVER_IPV4}\"");
    let over_tls = |name: &str| {
        let ca = lab.authority().display().to_string();
        usual_configuration().replace(&usual, &format!("{usual}\ntls_name = \"{name}\"\nca_file = \"{ca}\""))
    };
    for (name, expected) in [("dns.example", true), ("other.example", false)] {
        let mut appliance = lab.appliance_with(&over_tls(name))?;
        appliance.start()?;
        appliance.wait_until_ready(&lab.pc1)?;
        let is_answered = || -> Result<bool> {
            Ok(dig(&lab.pc1, &["notcasino.example", "+short"])?.starts_with("198.51.100."))
        };
        if expected {
            // The first handshake may take longer than a question waits.
            wait_until("an answer over TLS", is_answered)?;
        } else {
            assert!(!is_answered()?, "{name}");
        }
        appliance.stop()?;
    }
    Ok(())
}

/// Questions in the name of addresses that nobody has: the box's replies wait in the kernel, seconds long, for a
/// neighbour that never says where it is. The others' replies do not wait behind them.
#[test]
fn questions_from_addresses_that_nobody_has_hold_up_nobody() -> Result<()> {
    let lab = Lab::new()?;
    let _box = lab.start_appliance()?;
    // This PC has the addresses, and denies it: it neither answers for them nor asks in their name (ARP).
    lab.pc2
        .shell(
            "set -e
        for number in $(seq 100 249); do ip address add 10.77.0.$number/32 dev lo; done
        sysctl -qw net.ipv4.conf.all.arp_ignore=1 net.ipv4.conf.all.arp_announce=2",
        )?
        .success()?;
    let nobodys: Vec<String> = (100..250).map(|number| format!("10.77.0.{number}")).collect();
    let at = format!("{APPLIANCE_IPV4}:53");
    let nobodys: Vec<&str> = nobodys.iter().map(String::as_str).collect();
    for (sources, questions) in [(nobodys.get(..1), 600), (nobodys.get(..), 200)] {
        ask_from(&lab.pc2, &at, "preau.lan", questions, sources.unwrap_or_default())?;
        for _ in 0..5 {
            let honest = lab.pc1.run(&["dig", "+time=2", "+tries=1", "+short", "@10.77.0.1", "preau.lan"])?;
            assert_eq!(honest.stdout.trim(), APPLIANCE_IPV4, "{} sources", sources.unwrap_or_default().len());
        }
    }
    Ok(())
}
