//! Browsers that bring ways around a filter of their own: DNS over HTTPS, Encrypted Client Hello, QUIC.

use std::fs;

use anyhow::Result;
use harness::{Appliance, Lab, Machine, Service, wait_until};

/// Resolvers that a pupil may write into a browser's settings: one that is on the list of such, one that nobody
/// knows, one by its address.
const LISTED: &str = "https://dns.google/dns-query";
const UNKNOWN: &str = "https://resolveur.example/dns-query";
const ADDRESS: &str = "https://8.8.8.8/dns-query";

const PERMITTED_PAGE: &str = "<title>mediatheque.example</title>";

/// A box whose lists know the resolvers that everybody knows.
fn start_appliance(lab: &Lab) -> Result<Appliance<'_>> {
    let doh = lab.lists().join("doh");
    fs::create_dir_all(&doh)?;
    fs::write(doh.join("domains"), "dns.google\n")?;
    fs::write(doh.join("usage"), "black\n")?;
    lab.start_appliance()
}

/// Has the browsers of `client` trust the lab's certificates, as the machine's other programs do.
fn trust(client: &Machine, lab: &Lab, database: &str) -> Result<()> {
    fs::create_dir_all(client.directory().join(database))?;
    let database = format!("sql:{database}");
    client.run(&["certutil", "-N", "-d", &database, "--empty-password"])?.success()?;
    let authority = lab.authority().display().to_string();
    client
        .run(&["certutil", "-A", "-d", &database, "-n", "lab", "-t", "C,,", "-i", &authority])?
        .success()?;
    Ok(())
}

/// Shows a page in Chromium with a new profile: what became of the page.
fn chromium(client: &Machine, settings: &str, options: &[&str], url: &str) -> Result<String> {
    let profile = tempfile::tempdir_in(client.directory())?;
    fs::write(profile.path().join("Local State"), settings)?;
    let folder = format!("--user-data-dir={}", profile.path().display());
    // A namespace is what its own sandbox wants to make; a page that never comes is given up.
    let usual =
        ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run"];
    let command = [&["timeout", "60", "chromium"], &usual[..], &[&folder, "--timeout=30000"], options];
    Ok(client.run(&[&command.concat()[..], &["--dump-dom", url]].concat())?.stdout)
}

/// The settings of a Chromium that asks `resolver`; `mode` is `secure` (nobody else) or `automatic`.
fn secure_dns(resolver: &str, mode: &str) -> String {
    format!(r#"{{"dns_over_https":{{"mode":"{mode}","templates":"{resolver}"}}}}"#)
}

/// Waits until the journal has a record of the first PC with all of these words in it.
fn await_record(appliance: &Appliance<'_>, words: &[&str]) -> Result<()> {
    wait_until(&format!("a record of {words:?}"), || {
        let printed = appliance.run(&["journal", "search", "--json", "--device", "CM2-01"])?.success()?;
        Ok(printed.lines().any(|line| words.iter().all(|word| line.contains(word))))
    })
}

const CASINO_BY_TLS: [&str; 4] =
    [r#""kind":"tls""#, r#""host":"casino.example""#, r#""verdict":"refuse""#, r#""category":"gambling""#];

fn assert_untouched(lab: &Lab) -> Result<()> {
    let requests = lab.requests()?;
    assert!(!requests.contains(" casino.example "), "a request got out: {requests}");
    Ok(())
}

#[test]
fn chromium_with_a_resolver_of_its_own_gets_no_further() -> Result<()> {
    let lab = Lab::new()?;
    let appliance = start_appliance(&lab)?;
    trust(&lab.pc1, &lab, ".pki/nssdb")?;
    for (resolver, mode, passes) in [
        // Where the browser may fall back, the lesson goes on.
        (LISTED, "automatic", true),
        (ADDRESS, "automatic", true),
        (UNKNOWN, "automatic", true),
        (UNKNOWN, "secure", true),
        // Where it may not, it has cut itself off.
        (LISTED, "secure", false),
        (ADDRESS, "secure", false),
    ] {
        let settings = secure_dns(resolver, mode);
        let page = chromium(&lab.pc1, &settings, &[], "https://mediatheque.example/")?;
        assert_eq!(page.contains(PERMITTED_PAGE), passes, "{resolver} {mode}: {page}");
        for url in ["https://casino.example/", "http://casino.example/"] {
            let page = chromium(&lab.pc1, &settings, &[], url)?;
            assert!(!page.contains("Ici casino.example"), "{resolver} {mode}: {page}");
        }
    }
    assert_untouched(&lab)?;
    await_record(&appliance, &[r#""host":"dns.google""#, r#""verdict":"refuse""#, r#""category":"doh""#])?;
    await_record(&appliance, &[r#""kind":"tls""#, r#""reason":"unnamed""#])?;
    await_record(&appliance, &CASINO_BY_TLS)
}

/// A resolver that nobody knows gives the browser the keys to hide a listed site behind another. The box leads it
/// to that other one, which cannot open the hello, and the browser asks in the open.
#[test]
fn chromium_with_an_encrypted_hello_gets_no_further() -> Result<()> {
    let lab = Lab::new()?;
    let appliance = start_appliance(&lab)?;
    trust(&lab.pc1, &lab, ".pki/nssdb")?;
    let page = chromium(&lab.pc1, &secure_dns(UNKNOWN, "secure"), &[], "https://casino.example/")?;
    assert!(!page.contains("Ici casino.example"), "{page}");
    let outer = [r#""kind":"tls""#, r#""host":"encyclopedie.example""#];
    await_record(&appliance, &outer)?;
    await_record(&appliance, &CASINO_BY_TLS)?;
    assert_untouched(&lab)
}

#[test]
fn chromium_by_quic_gets_no_further() -> Result<()> {
    let lab = Lab::new()?;
    let appliance = start_appliance(&lab)?;
    trust(&lab.pc1, &lab, ".pki/nssdb")?;
    lab.pc1.shell("nft 'table inet sent { chain quic { type filter hook output priority 0; udp dport 443 counter; }; }'")?.success()?;
    // It knows the site's address, and that the site speaks QUIC.
    let options = [
        "--enable-quic",
        "--origin-to-force-quic-on=casino.example:443",
        "--host-resolver-rules=MAP casino.example 198.51.100.12",
    ];
    let page = chromium(&lab.pc1, "{}", &options, "https://casino.example/")?;
    assert!(!page.contains("Ici casino.example"), "{page}");
    let rules = |machine: &Machine| machine.run(&["nft", "list", "ruleset"])?.success();
    let sent = rules(&lab.pc1)?;
    assert!(!sent.contains("counter packets 0 "), "the browser tried: {sent}");
    let arrived = rules(&lab.internet)?;
    assert!(arrived.contains("udp dport 443 counter packets 0 "), "{arrived}");
    // Left alone, it does without at once.
    let page = chromium(&lab.pc1, "{}", &["--enable-quic"], "https://mediatheque.example/")?;
    assert!(page.contains(PERMITTED_PAGE), "{page}");
    assert_untouched(&lab)?;
    await_record(&appliance, &[r#""kind":"udp""#, r#""reason":"quic""#, r#""host":"198.51.100.12""#])
}

/// Opens a page in Firefox with a new profile, until the returned value goes.
fn firefox(lab: &Lab, name: &str, mode: u8, resolver: &str, url: &str) -> Result<Service> {
    let client = &lab.pc1;
    trust(client, lab, name)?;
    let profile = client.directory().join(name);
    let settings = format!(
        "user_pref(\"network.trr.mode\", {mode});\nuser_pref(\"network.trr.uri\", \"{resolver}\");\n"
    );
    fs::write(profile.join("user.js"), settings)?;
    let (profile, picture) = (profile.display().to_string(), profile.join("page.png").display().to_string());
    let arguments =
        ["firefox-esr", "--headless", "--no-remote", "--profile", &profile, "--screenshot", &picture, url];
    client.start(name, &arguments)
}

/// `network.trr.mode`: 2 asks the machine's resolver when the other fails, 3 nobody else.
#[test]
fn firefox_with_a_resolver_of_its_own_gets_no_further() -> Result<()> {
    let lab = Lab::new()?;
    let appliance = start_appliance(&lab)?;
    for (site, mode, resolver) in [("mediatheque.example", 2, LISTED), ("notcasino.example", 3, UNKNOWN)] {
        let _browser = firefox(&lab, site, mode, resolver, &format!("https://{site}/"))?;
        wait_until("the permitted page", || Ok(lab.requests()?.contains(&format!("https {site} "))))?;
    }
    let _browsers = [
        firefox(&lab, "listed", 2, LISTED, "https://casino.example/")?,
        firefox(&lab, "only", 3, UNKNOWN, "https://casino.example/")?,
    ];
    await_record(&appliance, &CASINO_BY_TLS)?;
    // The name by which the second hid the site, before it asked in the open.
    await_record(&appliance, &[r#""kind":"tls""#, r#""host":"encyclopedie.example""#])?;
    await_record(&appliance, &[r#""host":"dns.google""#, r#""verdict":"refuse""#, r#""category":"doh""#])?;
    assert_untouched(&lab)
}
