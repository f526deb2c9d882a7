//! The box attacks itself: what it finds closed, and that it finds what is open.

use std::collections::BTreeMap;

use anyhow::{Context, Result, bail, ensure};
use harness::{APPLIANCE_IPV4, APPLIANCE_IPV6, Appliance, Lab, Output, RESOLVER_IPV4, preau_binary};
use harness::{Site, sites, usual_configuration, wait_until};
use serde_json::Value;

/// The safe variants of search engines: the Internet has to have them.
const VARIANTS: [&str; 10] = [
    "forcesafesearch.google.com",
    "strict.bing.com",
    "safe.duckduckgo.com",
    "safeapi.qwant.com",
    "forcesafe.search.brave.com",
    "strict-safe-search.ecosia.org",
    "safesearch.pixabay.com",
    "safe.startpage.com",
    "restrict.youtube.com",
    "restrictmoderate.youtube.com",
];
/// Servers of DNS over HTTPS.
const DOH: [&str; 8] = [
    "dns.google",
    "cloudflare-dns.com",
    "mozilla.cloudflare-dns.com",
    "one.one.one.one",
    "dns.quad9.net",
    "doh.opendns.com",
    "dns.nextdns.io",
    "dns.adguard.com",
];
/// Names that programs ask for to find out whether they may go around the filter: the Internet has them.
const CANARIES: [&str; 4] =
    ["use-application-dns.net", "mask.icloud.com", "mask-h2.icloud.com", "cloudflare-ech.com"];
const LISTED: [(&str, &str); 5] = [
    ("casino.example", "gambling"),
    ("adulte.example", "adult"),
    ("tunnel-vpn.example", "vpn"),
    ("detour.example", "redirector"),
    ("a-distance.example", "remote-control"),
];

/// An Internet with everything that the attacks ask for; its servers of DNS over HTTPS are listed as `doh_list`.
pub(crate) fn internet(doh_list: &str) -> Result<Vec<Site>> {
    let mut names = vec![("mediatheque.example", None)];
    names.extend(LISTED.map(|(name, list)| (name, Some(list))));
    names.extend(DOH.map(|name| (name, Some(doh_list))));
    names.extend(VARIANTS.map(|name| (name, None)));
    names.extend(["www.google.fr", "www.bing.com", "www.youtube.com"].map(|name| (name, None)));
    names.extend(CANARIES.map(|name| (name, None)));
    sites(&names)
}

pub(crate) fn configuration() -> String {
    usual_configuration() + "\n[selftest]\nsite = \"mediatheque.example\"\n"
}

pub(crate) fn start<'lab>(lab: &'lab Lab, configuration: &str) -> Result<Appliance<'lab>> {
    let mut appliance = lab.appliance_with(configuration)?;
    appliance.build_lists(&lab.lists())?;
    appliance.add_usual_devices()?;
    appliance.start()?;
    appliance.wait_until_ready(&lab.pc1)?;
    Ok(appliance)
}

/// Waits until the box has attacked itself, and found itself closed.
pub(crate) fn await_closed(appliance: &Appliance<'_>) -> Result<()> {
    let history = || -> Result<String> { appliance.run(&["selftest", "history"])?.success() };
    for _ in 0..3 {
        // A minute and more: one patience may not be enough for it.
        if wait_until("a run", || Ok(history()?.contains("\tclosed\tschool\t"))).is_ok() {
            return Ok(());
        }
    }
    bail!("{}\n{}", history()?, appliance.log()?)
}

/// Runs it on the box.
fn attack(lab: &Lab, appliance: &Appliance<'_>, options: &[&str]) -> Result<Output> {
    let config = lab.appliance.directory().join("preau.toml").display().to_string();
    appliance.run(&[&["selftest", "filter", "--config", &config], options].concat())
}

/// Runs it on a PC of the school.
fn attack_from_pc(lab: &Lab, options: &[&str]) -> Result<Output> {
    let binary = preau_binary()?.display().to_string();
    let usual = ["--box", APPLIANCE_IPV4, "--box-ipv6", APPLIANCE_IPV6, "--site", "mediatheque.example"];
    let listed = ["--listed", "casino.example", "--json"];
    lab.pc1.run(&[&[binary.as_str(), "selftest", "filter"], &usual[..], &listed, options].concat())
}

/// What became of each attack: `pass`, `fail silent`, `not-tested line`, ....
fn outcomes(output: &Output) -> Result<BTreeMap<String, String>> {
    let run: Value = serde_json::from_str(&output.stdout).with_context(|| format!("{output:#?}"))?;
    let results = run["results"].as_array().context("no results")?;
    let outcome = |result: &Value| {
        let text = |key: &str| result[key].as_str().unwrap_or_default().to_owned();
        let name = [text("id"), text("with"), text("profile")].join(" ");
        let outcome = [text("outcome"), text("why"), text("detail")].join(" ");
        (name.trim_end().to_owned(), outcome.trim_end().to_owned())
    };
    Ok(results.iter().map(outcome).collect())
}

fn failed(outcomes: &BTreeMap<String, String>) -> Vec<&str> {
    let failed = outcomes.iter().filter(|(_, outcome)| outcome.starts_with("fail"));
    let mut names: Vec<&str> = failed.map(|(name, _)| name.split(' ').next().unwrap_or_default()).collect();
    names.dedup();
    names
}

/// A PC with the hardware address of the box's testers knocks as fast as is told of one device: the box still finds the records
/// of its own knocks.
#[test]
fn a_testers_hardware_address_on_the_schools_wire_takes_no_records_of_the_self_test() -> Result<()> {
    let lab = Lab::new()?;
    let appliance = start(&lab, &configuration())?;
    lab.pc2.shell("ip link set eth0 address 02:70:72:65:61:01")?.success()?;
    let noise = "while :; do echo x > /dev/udp/198.51.100.12/$((RANDOM + 20000)); sleep 0.04; done";
    let _noise = lab.pc2.start("noise", &["bash", "-c", noise])?;
    wait_until("the pace to be used up", || {
        Ok(appliance.run(&["journal", "search"])?.success()?.contains(" flood "))
    })?;
    let output = attack(&lab, &appliance, &["--profile", "inconnu", "--json"])?;
    let outcomes = outcomes(&output)?;
    let unrecorded: Vec<_> = outcomes.iter().filter(|(_, outcome)| outcome.contains("unrecorded")).collect();
    assert!(!outcomes.is_empty() && unrecorded.is_empty(), "{unrecorded:#?}");
    Ok(())
}

/// Where the box does not answer at all, the run is over once that is known: it tells what to look at, and takes no refusal for
/// one of the box.
#[test]
fn a_dead_wire_is_told_and_nothing_else_is_tried() -> Result<()> {
    let lab = Lab::new()?;
    let appliance = start(&lab, &configuration())?;
    lab.appliance.shell("echo 1 > /proc/sys/net/ipv4/conf/all/arp_ignore")?.success()?;
    let output = attack(&lab, &appliance, &["--profile", "inconnu", "--json"])?;
    assert!(!output.is_success() && output.stderr.contains("does not answer at 10.77.0.1"), "{output:#?}");
    let history = appliance.run(&["selftest", "history"])?.success()?;
    assert!(history.contains("cut") && history.contains("\t0 passed"), "{history}");
    Ok(())
}

#[test]
fn a_box_finds_itself_closed_from_the_schools_side() -> Result<()> {
    let lab = Lab::with_sites(internet("doh")?)?;
    let appliance = start(&lab, &configuration())?;
    let report = lab.appliance.directory().join("report.html");
    let output = attack(&lab, &appliance, &["--json", "--report", &report.display().to_string()])?;
    let outcomes = outcomes(&output)?;
    let others: Vec<_> = outcomes.iter().filter(|(_, outcome)| *outcome != "pass").collect();
    assert!(output.is_success() && others.is_empty(), "{others:#?}\n{}", output.stderr);
    for category in LISTED.map(|(_, category)| category).iter().chain(&["doh"]) {
        for profile in ["elementaire", "inconnu"] {
            let name = format!("category {category} {profile}");
            assert!(outcomes.contains_key(&name) || *category == "gambling", "{name}: {outcomes:#?}");
        }
    }

    // Nothing of it stays but the result and the records, which are nobody's of the school.
    let interfaces = lab.appliance.run(&["ip", "-brief", "link"])?.success()?;
    assert!(!interfaces.contains("preau-selftest"), "{interfaces}");
    let journal = appliance.run(&["journal", "search", "--json"])?.success()?;
    let is_pupils = |line: &&str| line.contains("CM2-01") && !line.contains("preau.lan");
    assert_eq!(journal.lines().filter(is_pupils).count(), 0);
    assert!(journal.contains("\"autotest-elementaire\"") && journal.contains("\"autotest-inconnu\""));
    let why = lab.pc1.run(&["curl", "--silent", "http://preau.lan/pourquoi"])?.stdout;
    assert!(!why.contains("casino.example"), "{why}");
    let history = appliance.run(&["selftest", "history"])?.success()?;
    assert!(history.contains("\tclosed\tschool\t") && history.contains("\t0 failed\t"), "{history}");
    let page = std::fs::read_to_string(report)?;
    assert!(page.contains("Aucun contournement connu") && page.contains("No known way around"), "{page}");
    wait_until("the home page to tell", || {
        let page = lab.pc1.run(&["curl", "--silent", "http://preau.lan/"])?.stdout;
        Ok(page.contains("aucun contournement connu n’est ouvert"))
    })
}

#[test]
fn a_technician_finds_a_box_closed_from_a_pc() -> Result<()> {
    let lab = Lab::with_sites(internet("doh")?)?;
    let appliance = start(&lab, &configuration())?;
    let output = attack_from_pc(&lab, &[])?;
    let outcomes = outcomes(&output)?;
    let others: Vec<_> = outcomes.iter().filter(|(_, outcome)| *outcome != "pass").collect();
    // That machine has no list to take names from.
    assert!(matches!(others.as_slice(), [(name, _)] if *name == "category"), "{others:#?}");
    assert!(output.is_success(), "{output:#?}");
    wait_until("the record that it is that PC that asked", || {
        let found = ["journal", "search", "--device", "CM2-01", "--host", "casino.example"];
        Ok(appliance.run(&found)?.stdout.contains("casino.example"))
    })
}

/// A box whose firewall is removed again and again: it puts it back each time, and is open in between.
fn start_without_firewall(lab: &Lab) -> Result<(Appliance<'_>, harness::Service)> {
    let appliance = start(lab, &configuration())?;
    let remove = "while true; do nft delete table inet preau 2>/dev/null; sleep 0.1; done";
    let remover = lab.appliance.start("remover", &["sh", "-c", remove])?;
    Ok((appliance, remover))
}

fn assert_found(output: &Output) -> Result<()> {
    let outcomes = outcomes(output)?;
    assert_eq!(output.status, Some(1), "{outcomes:#?}");
    let failed = failed(&outcomes);
    // The box is at work against it: an attack may come in the moments when the firewall is back.
    let ids = ["dns-foreign", "dns-ipv6", "dot", "doq", "quic", "ports", "tls-listed", "doors"];
    let found = ids.iter().filter(|id| failed.contains(id)).count();
    assert!(found * 2 > ids.len(), "{found} of {}: {outcomes:#?}", ids.len());
    Ok(())
}

#[test]
fn a_firewall_that_is_gone_is_found_out_from_a_pc() -> Result<()> {
    let lab = Lab::with_sites(internet("doh")?)?;
    let _running = start_without_firewall(&lab)?;
    assert_found(&attack_from_pc(&lab, &[])?)
}

/// What the box sends itself comes through its firewall as well: the attacks find out that it is gone.
#[test]
fn a_firewall_that_is_gone_is_found_out_by_the_box() -> Result<()> {
    let lab = Lab::with_sites(internet("doh")?)?;
    let (appliance, _remover) = start_without_firewall(&lab)?;
    assert_found(&attack(&lab, &appliance, &["--json", "--profile", "inconnu"])?)
}

/// A router and a resolver without a filter in the box's place: everything works, and nothing passes the test.
#[test]
fn a_network_without_a_filter_is_found_out() -> Result<()> {
    let lab = Lab::with_sites(internet("doh")?)?;
    let route = format!(
        "set -e
        echo 1 > /proc/sys/net/ipv4/ip_forward
        echo 1 > /proc/sys/net/ipv6/conf/all/forwarding
        nft 'table ip router {{
            chain take {{
                type nat hook prerouting priority dstnat
                ip daddr {APPLIANCE_IPV4} udp dport 53 dnat to {RESOLVER_IPV4}
                ip daddr {APPLIANCE_IPV4} tcp dport 53 dnat to {RESOLVER_IPV4}
            }}
        }}'"
    );
    lab.appliance.shell(&route)?.success()?;
    let answer = lab.pc1.run(&["curl", "--silent", "--max-time", "20", "https://casino.example/"])?;
    ensure!(answer.stdout.contains("casino.example"), "the network works: {answer:#?}");
    let output = attack_from_pc(&lab, &[])?;
    let outcomes = outcomes(&output)?;
    assert_eq!(output.status, Some(1), "{outcomes:#?}");
    let passed: Vec<_> =
        outcomes.iter().filter(|(_, outcome)| *outcome == "pass").map(|(name, _)| name).collect();
    // The router has no doors at all.
    assert_eq!(passed, ["control-name mediatheque.example", "doors"], "{outcomes:#?}");
    assert!(outcomes["dns-listed casino.example"].starts_with("fail open"), "{outcomes:#?}");
    assert!(outcomes["dns-foreign casino.example"].starts_with("fail open"), "{outcomes:#?}");
    Ok(())
}

/// Servers of DNS over HTTPS that no list knows as such, and search engines that are left as they are.
#[test]
fn a_list_without_doh_and_unsafe_search_are_found_out() -> Result<()> {
    let lab = Lab::with_sites(internet("press")?)?;
    let profile = "\n[[profile]]\nname = \"elementaire\"\nrefused = [\"gambling\"]\nsafe_search = false\n\
                   youtube = \"moderate\"\n";
    let appliance = start(&lab, &(configuration() + profile))?;
    let output = attack(&lab, &appliance, &["--json", "--profile", "elementaire"])?;
    let outcomes = outcomes(&output)?;
    assert_eq!(output.status, Some(1), "{outcomes:#?}");
    assert_eq!(failed(&outcomes), ["doh-known", "doh-known-web", "search"], "{outcomes:#?}");
    assert!(outcomes["search Google elementaire"].starts_with("fail unsafe"), "{outcomes:#?}");
    assert_eq!(outcomes["youtube YouTube, moderate elementaire"], "pass");
    let history = appliance.run(&["selftest", "history"])?.success()?;
    assert!(history.contains("\topen\tschool\t") && history.contains("doh-known"), "{history}");
    wait_until("the log to tell", || {
        Ok(appliance.log()?.contains("ERROR") && appliance.log()?.contains("ways around"))
    })
}

/// A run that is killed is a result, too, and loses none of those before.
#[test]
fn a_run_that_is_killed_is_remembered() -> Result<()> {
    let lab = Lab::with_sites(internet("doh")?)?;
    let appliance = start(&lab, &configuration())?;
    attack(&lab, &appliance, &["--json"])?;
    let binary = preau_binary()?.display().to_string();
    let data = appliance.data().display().to_string();
    let config = lab.appliance.directory().join("preau.toml").display().to_string();
    let command = [binary.as_str(), "selftest", "filter", "--config", &config, "--data", &data];
    let mut run = lab.appliance.start("attack", &command)?;
    let has_wire = || -> Result<bool> {
        Ok(lab.appliance.run(&["ip", "-brief", "link"])?.stdout.contains("preau-selftest"))
    };
    wait_until("the attack to begin", has_wire)?;
    let second = attack(&lab, &appliance, &["--json"])?;
    assert!(!second.is_success() && second.stderr.contains("running at the moment"), "{second:#?}");
    run.signal("KILL")?;
    run.wait()?;
    wait_until("its wire to go", || Ok(!has_wire()?))?;
    let history = appliance.run(&["selftest", "history"])?.success()?;
    let states: Vec<&str> = history.lines().filter_map(|line| line.split('\t').nth(1)).collect();
    assert_eq!(states, ["cut", "closed"], "{history}");
    // The next one finds nothing in its way.
    let output = attack(&lab, &appliance, &["--json"])?;
    assert!(output.is_success(), "{output:#?}");
    Ok(())
}

/// The box does it by itself, at the time that was chosen.
#[test]
fn a_box_attacks_itself_each_night() -> Result<()> {
    let lab = Lab::with_sites(internet("doh")?)?;
    // The minute begins three quarters of a minute ahead at least: the box runs by then, on the busiest machine.
    let now = lab.appliance.shell("TZ=UTC date -d '+105 seconds' +%H:%M")?.success()?;
    let night = format!("at = \"{}\"\n", now.trim());
    let configuration = configuration().replace("[school]\n", "[school]\ntimezone = \"Etc/UTC\"\n") + &night;
    let appliance = start(&lab, &configuration)?;
    let history = appliance.run(&["selftest", "history"])?.success()?;
    assert!(history.contains("no self-test"), "not yet: {history}");
    await_closed(&appliance)?;
    wait_until("the log to tell", || Ok(appliance.log()?.contains("found no way around")))
}
