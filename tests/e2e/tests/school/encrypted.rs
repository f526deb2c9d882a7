//! The box's own pages by HTTPS, and its names by HTTPS and TLS, for devices that trust it.

use anyhow::{Context, Result};
use harness::{Appliance, Lab, Machine, usual_configuration, wait_until};
use serde_json::{Value, json};

use crate::probe::hold;

const CONTACT: &str = "contacts = [\"tel:+33123456789\", \"mailto:informatique@commune.example\"]\n";

/// A box whose refusals name somebody, and its certificate beside those that the lab's Internet is trusted by: where both
/// are, and where the box's is alone.
fn open(lab: &Lab) -> Result<(Appliance<'_>, String, String)> {
    let configuration = usual_configuration().replace("helpdesk", &format!("{CONTACT}helpdesk"));
    let mut appliance = lab.appliance_with(&configuration)?;
    appliance.add_usual_devices()?;
    appliance.build_lists(&lab.lists())?;
    appliance.start()?;
    appliance.wait_until_ready(&lab.pc1)?;
    let own = lab.pc1.directory().join("box.pem").display().to_string();
    appliance.run(&["ca", "export", "--out", &own])?.success()?;
    let both = lab.pc1.directory().join("both.pem").display().to_string();
    lab.pc1.shell(&format!("cat {own} {} > {both}", lab.authority().display()))?.success()?;
    Ok((appliance, own, both))
}

fn curl(client: &Machine, arguments: &[&str]) -> Result<String> {
    client.run(&[&["curl", "--silent", "--show-error", "--max-time", "20"], arguments].concat())?.success()
}

/// Whether the journal has this access of a device.
fn is_recorded(appliance: &Appliance<'_>, device: &str, host: &str, verdict: &str) -> Result<bool> {
    let search = ["journal", "search", "--json", "--device", device, "--host", host, "--verdict", verdict];
    Ok(appliance.run(&search)?.success()?.contains("\"dns\""))
}

#[test]
fn pages_of_the_box_open_by_https_for_whoever_trusts_it() -> Result<()> {
    let lab = Lab::new()?;
    let (appliance, own, _) = open(&lab)?;
    for url in ["https://preau.lan/", "https://10.77.0.1/", "https://[fd77::1]/"] {
        for version in ["--http1.1", "--http2"] {
            let page = curl(&lab.pc1, &[version, "--cacert", &own, url])?;
            assert!(page.contains("CM2-01") && page.contains("Le web est ouvert"), "{url}: {page}");
        }
    }
    let told = curl(
        &lab.pc1,
        &["--cacert", &own, "--head", "--write-out", "%{http_version}", "https://preau.lan/"],
    )?;
    assert!(told.ends_with('2'), "HTTP/2 where both can: {told}");
    // Through the explicit proxy too; and nobody is somebody else because he says so.
    let by_proxy = ["--cacert", &own, "--proxy", "http://10.77.0.1:3128", "https://preau.lan/"];
    assert!(curl(&lab.pc1, &by_proxy)?.contains("CM2-01"));
    let forged = ["--cacert", &own, "--header", "X-Forwarded-For: 10.77.0.11", "https://preau.lan/"];
    let page = curl(&lab.pc2, &forged)?;
    assert!(page.contains("CM2-02") && !page.contains("CM2-01"), "{page}");

    let stranger = lab.tablet.run(&["curl", "--silent", "--max-time", "20", "https://preau.lan/"])?;
    assert_eq!(stranger.status, Some(60), "no trust without the certificate: {stranger:#?}");
    assert!(curl(&lab.tablet, &["http://preau.lan/"])?.contains("boîtier"), "pages stay readable");
    // The certificate is to be had there, and is the box's.
    lab.tablet
        .shell(
            "curl --silent http://preau.lan/certificat/preau.crt | openssl x509 -inform der -out tablet.pem",
        )?
        .success()?;
    let page = curl(&lab.tablet, &["http://preau.lan/certificat"])?;
    let shown = lab.tablet.shell("openssl x509 -in tablet.pem -noout -fingerprint -sha256")?.success()?;
    let fingerprint = shown.trim().rsplit('=').next().context("a fingerprint")?;
    assert!(
        page.replace(": ", ":").contains(fingerprint) && page.contains("Ce qu’il ne permet pas"),
        "{page}"
    );
    assert!(curl(&lab.tablet, &["--cacert", "tablet.pem", "https://preau.lan/"])?.contains("boîtier"));

    // What is asked of the box itself leaves no record; a name that leads to it still does.
    let refused = lab.pc1.run(&["curl", "--silent", "--insecure", "https://casino.example/"])?;
    assert!(!refused.is_success());
    wait_until("the refusal", || {
        Ok(appliance
            .run(&["journal", "search", "--json", "--host", "casino.example"])?
            .stdout
            .contains("\"tls\""))
    })?;
    assert_eq!(appliance.run(&["journal", "search", "--json", "--host", "preau.lan"])?.stdout, "");
    Ok(())
}

#[test]
fn a_managed_pc_asks_for_names_by_https() -> Result<()> {
    let lab = Lab::new()?;
    let (appliance, _, both) = open(&lab)?;
    let by_https = ["--cacert", &both, "--doh-url", "https://preau.lan/dns-query"];
    let page = curl(&lab.pc1, &[&by_https[..], &["https://mediatheque.example/"]].concat())?;
    assert!(page.contains("mediatheque"), "{page}");
    // The first question for the box's own name is by UDP; that of the site is by HTTPS alone.
    wait_until("the record", || is_recorded(&appliance, "CM2-01", "mediatheque.example", "permit"))?;
    let refused =
        lab.pc1.run(&[&["curl", "--silent"], &by_https[..], &["https://casino.example/"]].concat())?;
    assert!(!refused.is_success(), "{refused:#?}");
    wait_until("the refusal", || is_recorded(&appliance, "CM2-01", "casino.example", "refuse"))?;

    // One that neither dig nor curl would send: the body of a page, a method that is none.
    let status = |arguments: &[&str]| {
        let quiet = ["--cacert", &both, "--output", "/dev/null", "--write-out", "%{http_code}"];
        curl(&lab.pc1, &[&quiet[..], arguments, &["https://preau.lan/dns-query"]].concat())
    };
    assert_eq!(status(&[])?, "400");
    assert_eq!(status(&["--data", "x"])?, "415");
    assert_eq!(status(&["--request", "DELETE"])?, "405");
    assert_eq!(status(&["--header", "Content-Type: application/dns-message", "--data", "x"])?, "400");
    Ok(())
}

/// As many as the portal ever takes by one way, from one PC: pages and names go on for the others, and the log says so.
#[test]
fn one_pc_closes_the_pages_and_names_of_the_box_to_nobody() -> Result<()> {
    let lab = Lab::new()?;
    let (appliance, own, both) = open(&lab)?;
    let request = "GET / HTTP/1.1\r\nHost: preau.lan\r\n\r\n";
    let _plain = hold(&lab.pc1, "10.77.0.1:80", 1_100, request)?;
    for client in [&lab.pc2, &lab.pc1, &lab.tablet] {
        assert!(curl(client, &["http://preau.lan/"])?.contains("boîtier"), "{}", client.name());
    }
    assert!(curl(&lab.pc2, &["--cacert", &own, "https://preau.lan/"])?.contains("CM2-02"));
    let by_https = ["--cacert", &both, "--doh-url", "https://preau.lan/dns-query"];
    let page = curl(&lab.pc2, &[&by_https[..], &["https://mediatheque.example/"]].concat())?;
    assert!(page.contains("mediatheque"), "{page}");
    wait_until("the warning", || Ok(appliance.log()?.contains("too many connections to the box's own pages")))
}

/// What the box says to programs that show it, by each way to ask.
fn object(client: &Machine, way: &str) -> Result<Value> {
    let answer = client.shell(&format!("kdig {way} +ednsopt=26 casino.example A"))?.success()?;
    assert!(answer.contains("status: NXDOMAIN"), "{way}: {answer}");
    let line = answer.lines().find(|line| line.contains("EDE: 15")).with_context(|| answer.clone())?;
    let (start, end) = (line.find('{').context("an object")?, line.rfind('}').context("an object")?);
    Ok(serde_json::from_str(line.get(start..=end).unwrap_or_default())?)
}

#[test]
fn encrypted_questions_are_their_devices_and_get_a_reason() -> Result<()> {
    let lab = Lab::new()?;
    let (appliance, own, _) = open(&lab)?;
    let trusted = format!("+tls-ca={own} +tls-hostname=preau.lan");
    let expected = json!({
        "c": ["tel:+33123456789", "mailto:informatique@commune.example"],
        "j": "catégorie gambling, ligne casino.example. Détails : http://preau.lan/pourquoi",
        "s": 5,
        "o": "École élémentaire du Laboratoire",
        "l": "fr",
    });
    for way in [
        format!("@10.77.0.1 +tls {trusted}"),
        format!("@10.77.0.1 +https {trusted}"),
        format!("@10.77.0.1 +https-get {trusted}"),
        format!("@fd77::1 +tls {trusted}"),
        "@10.77.0.1".to_owned(),
        "@10.77.0.1 +tcp".to_owned(),
    ] {
        assert_eq!(object(&lab.pc1, &way)?, expected, "{way}");
    }
    // Others get a line, and the address where the page is.
    for way in [format!("+tls {trusted}"), format!("+https {trusted}"), String::new()] {
        let answer = lab.pc2.shell(&format!("dig @10.77.0.1 {way} www.casino.example"))?.success()?;
        assert!(answer.contains("EDE: 15 (Blocked): (Préau : catégorie gambling"), "{way}: {answer}");
        assert!(answer.contains("A\t10.77.0.1"), "{way}: {answer}");
        let answer =
            lab.pc2.shell(&format!("dig @10.77.0.1 {way} +short encyclopedie.example"))?.success()?;
        assert!(answer.starts_with("198.51.100."), "{way}: {answer}");
    }
    wait_until("the first PC's records", || is_recorded(&appliance, "CM2-01", "casino.example", "refuse"))?;
    wait_until("the other's", || {
        Ok(is_recorded(&appliance, "CM2-02", "www.casino.example", "refuse")?
            && is_recorded(&appliance, "CM2-02", "encyclopedie.example", "permit")?)
    })?;
    assert!(!is_recorded(&appliance, "CM2-02", "encyclopedie.example", "refuse")?);

    // Another's resolver is as far away as ever.
    let elsewhere = lab.pc1.shell("kdig @8.8.8.8 +tls +timeout=5 +retry=0 casino.example")?;
    assert!(!elsewhere.stdout.contains("status:"), "{elsewhere:#?}");
    // And the box is none for whoever expects another name.
    let wrong = format!("kdig @10.77.0.1 +tls +tls-ca={own} +tls-hostname=dns.example +retry=0 preau.lan");
    assert!(!lab.pc1.shell(&wrong)?.stdout.contains("status:"));
    Ok(())
}

/// Shows a page in a Chromium whose managers have it trust the box and ask the box alone, by HTTPS.
const MANAGED: &str = r#"
set -e
url="$1" trusted="$2"
if [ ! -d home ]; then
  mkdir -p home/.pki/nssdb && certutil -N -d sql:home/.pki/nssdb --empty-password
  csplit -s -z -f authority- "$trusted" '/BEGIN CERTIFICATE/' '{*}'
  for file in authority-*; do certutil -A -d sql:home/.pki/nssdb -n "$file" -t C,, -i "$file"; done
fi
profile="$(mktemp -d -p .)"
printf '{"dns_over_https":{"mode":"secure","templates":"https://preau.lan/dns-query"}}' > "$profile/Local State"
HOME="$PWD/home" timeout 60 chromium --headless=new --no-sandbox --disable-gpu --disable-dev-shm-usage --no-first-run \
  --user-data-dir="$PWD/$profile" --timeout=30000 --dump-dom "$url" 2>/dev/null || true
"#;

#[test]
fn a_managed_browser_works_by_the_dns_of_the_box_alone() -> Result<()> {
    let lab = Lab::new()?;
    let (appliance, _, both) = open(&lab)?;
    let show = |url: &str| lab.pc1.run(&["sh", "-c", MANAGED, "sh", url, &both])?.success();
    let page = show("https://mediatheque.example/")?;
    assert!(page.contains("<title>mediatheque.example</title>"), "{page}");
    let page = show("https://preau.lan/")?;
    assert!(page.contains("CM2-01"), "{page}");
    let page = show("https://casino.example/")?;
    assert!(!page.contains("<title>casino.example</title>"), "{page}");
    wait_until("the records", || {
        Ok(is_recorded(&appliance, "CM2-01", "mediatheque.example", "permit")?
            && is_recorded(&appliance, "CM2-01", "casino.example", "refuse")?)
    })
}
