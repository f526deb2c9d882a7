//! Whether a PC that is plugged in has what it needs: what decides on a new version of the whole system.

use anyhow::{Context, Result};
use harness::{Appliance, Lab, Output, PC2_MAC, Service, preau_binary, usual_configuration, wait_until};
use serde_json::Value;

const DHCP: &str = "
[dhcp]
pool = '10.77.0.100-10.77.0.109'
";

/// The school's port becomes a port of a bridge of its name, as on a box of the image.
const BRIDGE: &str = "
    set -e
    ip link set lan0 down
    ip link set lan0 name port0
    ip address flush dev port0
    ip link add lan0 type bridge forward_delay 0
    ip link set port0 master lan0 up
    ip address add 10.77.0.1/24 dev lan0
    ip address add fd77::1/64 dev lan0 nodad
    ip link set lan0 up
";

/// A policy that refuses nothing to devices that nobody has registered.
const OPEN: &str = "
[commune]
locked = []

[[profile]]
name = 'inconnu'
safe_search = false
";

/// A box with a bridge, and dnsmasq as it has configured it.
fn start(lab: &Lab) -> Result<(Appliance<'_>, Service)> {
    start_with(lab, "")
}

/// The same with more in its configuration.
fn start_with<'l>(lab: &'l Lab, more: &str) -> Result<(Appliance<'l>, Service)> {
    lab.appliance.shell(BRIDGE)?.success()?;
    let mut appliance = lab.appliance_with(&format!("{}{DHCP}{more}", usual_configuration()))?;
    appliance.build_lists(&lab.lists())?;
    let folder = lab.appliance.directory().display().to_string();
    let [hosts, leases] = ["dhcp-hosts", "leases"].map(|name| format!("{folder}/{name}"));
    appliance.start_with(&["--dhcp-hosts", &hosts])?;
    appliance.wait_until_ready(&lab.pc1)?;
    let binary = preau_binary()?.display().to_string();
    let write = [&binary, "network", "write", "--config", "preau.toml", "--out", &folder];
    let places = ["--dhcp-hosts", &hosts, "--dhcp-leases", &leases];
    lab.appliance.run(&[&write[..], &places].concat())?.success()?;
    Ok((appliance, give_addresses(lab, "dnsmasq")?))
}

/// Starts dnsmasq, under a name that its log has alone.
fn give_addresses(lab: &Lab, name: &str) -> Result<Service> {
    let configuration = format!("--conf-file={}/dnsmasq.conf", lab.appliance.directory().display());
    let options =
        ["dnsmasq", "--keep-in-foreground", "--log-facility=-", "--user=root", "--pid-file", &configuration];
    let dnsmasq = lab.appliance.start(name, &options)?;
    wait_until("dnsmasq", || Ok(dnsmasq.log()?.contains("DHCP, IP range")))?;
    Ok(dnsmasq)
}

fn look(appliance: &Appliance<'_>) -> Result<Output> {
    appliance.run(&["health", "--config", "preau.toml"])
}

/// What nothing is to be left of.
fn has_port(lab: &Lab) -> Result<bool> {
    Ok(lab.appliance.run(&["ip", "-brief", "link"])?.stdout.contains("preau-health"))
}

#[test]
fn a_box_that_serves_is_healthy_without_a_line() -> Result<()> {
    let lab = Lab::new()?;
    let (appliance, _dnsmasq) = start(&lab)?;
    lab.appliance.shell("ip link set wan0 down")?.success()?;
    let output = look(&appliance)?;
    let lines: Vec<&str> = output.stdout.lines().collect();
    assert!(output.is_success() && lines.len() == 4, "{output:#?}");
    assert!(
        lines[0].starts_with("good\tDHCP\t10.77.0.10") && lines[0].ends_with(" is offered"),
        "{output:#?}"
    );
    assert_eq!((lines[1], lines[3]), ("good\tDNS\tpreau.lan", "good\tportal\tpreau.lan"));
    assert!(lines[2].starts_with("good\tfilter\t"), "{output:#?}");
    assert!(!has_port(&lab)?, "nothing of the PC stays");
    Ok(())
}

/// Where no list refuses anything to such a PC, the filter is seen to refuse all the same, by what every box refuses to everybody.
#[test]
fn a_policy_that_refuses_nothing_still_has_a_filter_that_answers() -> Result<()> {
    let lab = Lab::new()?;
    let (mut appliance, _dnsmasq) = start_with(&lab, OPEN)?;
    lab.appliance.shell("ip link set wan0 down")?.success()?;
    let output = look(&appliance)?;
    let filter = output.stdout.lines().nth(2).unwrap_or_default();
    assert!(output.is_success() && filter == "good\tfilter\tcloudflare-ech.com", "{output:#?}");
    appliance.kill9()?;
    let output = look(&appliance)?;
    let filter = output.stdout.lines().nth(2).unwrap_or_default();
    assert!(!output.is_success() && filter.starts_with("bad\tfilter\t"), "{output:#?}");
    Ok(())
}

#[test]
fn what_does_not_answer_is_told_and_is_no_health() -> Result<()> {
    let lab = Lab::new()?;
    let (mut appliance, mut dnsmasq) = start(&lab)?;
    dnsmasq.signal("TERM")?;
    dnsmasq.wait()?;
    let output = look(&appliance)?;
    assert_eq!(output.status, Some(1), "{output:#?}");
    assert!(output.stdout.starts_with("bad\tDHCP\tno offer\nskipped\tDNS\t"), "{output:#?}");
    // The box alone is gone: its firewall stays, and nobody answers.
    let _dnsmasq = give_addresses(&lab, "dnsmasq-again")?;
    appliance.kill9()?;
    let output = look(&appliance)?;
    assert_eq!(output.status, Some(1), "{output:#?}");
    for (number, thing) in ["good\tDHCP\t", "bad\tDNS\t", "bad\tfilter\t", "bad\tportal\t"].iter().enumerate()
    {
        let line = output.stdout.lines().nth(number).unwrap_or_default();
        assert!(line.starts_with(thing), "{thing:?}: {output:#?}");
    }
    assert!(!has_port(&lab)?, "nothing of the PC stays");
    Ok(())
}

/// A pupil who takes every address keeps no version from being good.
#[test]
fn somebody_who_takes_all_addresses_is_no_fault_of_the_box() -> Result<()> {
    let lab = Lab::new()?;
    let (appliance, mut dnsmasq) = start(&lab)?;
    dnsmasq.signal("TERM")?;
    dnsmasq.wait()?;
    let taken = (100..110).map(|end| format!("4102444800 02:00:00:00:01:{end:02x} 10.77.0.{end} * *\n"));
    std::fs::write(lab.appliance.directory().join("leases"), taken.collect::<String>())?;
    let _dnsmasq = give_addresses(&lab, "dnsmasq-again")?;
    let output = look(&appliance)?;
    let is_told = output.stdout.starts_with("good\tDHCP\t10.77.0.254 was taken by hand");
    assert!(output.is_success() && is_told, "{output:#?}");
    Ok(())
}

/// A box whose school's port is no bridge has no place for a PC: the rest is tried from the self-test's wire.
#[test]
fn without_a_bridge_the_rest_is_tried() -> Result<()> {
    let lab = Lab::new()?;
    let appliance = lab.start_appliance()?;
    let output = look(&appliance)?;
    let lines: Vec<&str> = output.stdout.lines().collect();
    assert!(output.is_success() && lines.len() == 4, "{output:#?}");
    assert_eq!(lines[0], "skipped\tDHCP\tnot tried: the box gives no addresses");
    assert!(lines[1..].iter().all(|line| line.starts_with("good\t")), "{output:#?}");
    Ok(())
}

/// Somebody plugs in a router in the second PC's place: it gives addresses of a network of its own, by DHCP and by advertisements.
fn plug_in_a_router(lab: &Lab) -> Result<Service> {
    let address = "
        set -e
        ip -4 address flush dev eth0
        ip address add 192.168.99.1/24 dev eth0
        ip address add fd99::1/64 dev eth0 nodad
    ";
    lab.pc2.shell(address)?.success()?;
    let leases = format!("--dhcp-leasefile={}/leases", lab.pc2.directory().display());
    let router = lab.pc2.start(
        "router",
        &[
            "dnsmasq",
            "--keep-in-foreground",
            "--log-facility=-",
            "--user=root",
            "--pid-file",
            "--conf-file=/dev/null",
            "--port=0",
            "--interface=eth0",
            "--dhcp-range=192.168.99.50,192.168.99.60,1h",
            "--dhcp-range=fd99::,ra-only",
            "--enable-ra",
            &leases,
        ],
    )?;
    wait_until("the router", || Ok(router.log()?.contains("DHCP, IP range")))?;
    Ok(router)
}

/// What the self-test says of others that give addresses: by DHCP, and by advertisements.
fn ask_for_others(appliance: &Appliance<'_>) -> Result<[String; 2]> {
    let attack = ["selftest", "filter", "--config", "preau.toml", "--profile", "inconnu", "--json"];
    let output = appliance.run(&attack)?;
    let run: Value = serde_json::from_str(&output.stdout).with_context(|| format!("{output:#?}"))?;
    let results = run["results"].as_array().context("no results")?;
    let tell = |id: &str| {
        let result = results.iter().find(|result| result["id"] == id).unwrap_or(&Value::Null);
        let text = |key: &str| result[key].as_str().unwrap_or_default().to_owned();
        [text("outcome"), text("why"), text("detail")].join(" ").trim_end().to_owned()
    };
    Ok([tell("other-dhcp"), tell("other-router")])
}

/// Whoever takes an address of another router goes round the filter: the box says which one it is, and is no worse for it.
#[test]
fn another_router_in_the_school_is_told() -> Result<()> {
    let lab = Lab::new()?;
    let (appliance, _dnsmasq) = start(&lab)?;
    assert_eq!(ask_for_others(&appliance)?, ["pass", "pass"]);
    let _router = plug_in_a_router(&lab)?;
    let [server, router] = ask_for_others(&appliance)?;
    assert_eq!(server, format!("fail stranger 192.168.99.1 [{PC2_MAC}]"));
    let is_told = router.starts_with("fail stranger fe80::") && router.ends_with(&format!(" [{PC2_MAC}]"));
    assert!(is_told, "{router}");
    let history = appliance.run(&["selftest", "history"])?.success()?;
    assert!(history.contains(&format!("other-dhcp : stranger: 192.168.99.1 [{PC2_MAC}]")), "{history}");
    // What the technician's page tells.
    wait_until("the technician to be told", || {
        Ok(appliance.run(&["status"])?.stdout.contains("bad\tstranger\t"))
    })?;
    let output = look(&appliance)?;
    let is_told = output.stdout.contains(&format!("warning\tother DHCP\t192.168.99.1 [{PC2_MAC}] gives"));
    assert!(output.is_success() && is_told, "{output:#?}");
    let interfaces = lab.appliance.run(&["ip", "-brief", "link"])?.success()?;
    assert!(!interfaces.contains("preau-plugged"), "nothing of the PC stays: {interfaces}");
    Ok(())
}
