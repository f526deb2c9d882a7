//! The online workspace (ENT), served by the box to devices that trust it, and passed through to the others.

use anyhow::Result;
use harness::{Appliance, Lab, Machine, usual_configuration, wait_until};

pub(super) const ENT: &str = "encyclopedie.example";

/// A box that serves the ENT to the classroom PCs, and its certificate.
pub(super) fn open(lab: &Lab) -> Result<(Appliance<'_>, String)> {
    let mut appliance = configure(lab)?;
    appliance.start()?;
    appliance.wait_until_ready(&lab.pc1)?;
    let own = export(lab, &appliance)?;
    Ok((appliance, own))
}

/// The same, which does not run yet.
pub(super) fn configure(lab: &Lab) -> Result<Appliance<'_>> {
    let ent = format!(
        "[[ent]]\nhosts = [\"{ENT}\"]\nserved_to = [\"elementaire\"]\nca_file = \"{}\"\n",
        lab.authority().display()
    );
    let appliance = lab.appliance_with(&format!("{}\n{ent}", usual_configuration()))?;
    appliance.add_usual_devices()?;
    appliance.build_lists(&lab.lists())?;
    Ok(appliance)
}

/// The box's certificate, on the first PC.
pub(super) fn export(lab: &Lab, appliance: &Appliance<'_>) -> Result<String> {
    let own = lab.pc1.directory().join("box.pem").display().to_string();
    appliance.run(&["ca", "export", "--out", &own])?.success()?;
    Ok(own)
}

pub(super) fn curl(client: &Machine, arguments: &[&str]) -> Result<String> {
    client.run(&[&["curl", "--silent", "--show-error", "--max-time", "60"], arguments].concat())?.success()
}

fn count_records(appliance: &Appliance<'_>, device: &str, words: &[&str]) -> Result<usize> {
    let printed = appliance.run(&["journal", "search", "--json", "--device", device])?.success()?;
    Ok(printed.lines().filter(|line| words.iter().all(|word| line.contains(word))).count())
}

#[test]
fn a_pc_that_trusts_the_box_gets_the_ent_from_it() -> Result<()> {
    let lab = Lab::new()?;
    let (appliance, own) = open(&lab)?;
    for version in ["--http1.1", "--http2"] {
        for name in [ENT, "www.encyclopedie.example"] {
            let page = curl(&lab.pc1, &[version, "--cacert", &own, &format!("https://{name}/?secret=1")])?;
            assert!(page.contains("Ici encyclopedie.example."), "{page}");
        }
    }
    let host = format!(r#""host":"{ENT}""#);
    wait_until("a record of each request", || {
        let words = [r#""kind":"http""#, &host, r#""verdict":"permit""#, r#""end":"finish""#];
        Ok(count_records(&appliance, "CM2-01", &words)? == 2)
    })?;
    assert_eq!(count_records(&appliance, "CM2-01", &["secret"])?, 0, "the host, never the path");
    let asked = lab.requests()?;
    assert_eq!(asked.matches(&format!("https {ENT} ")).count(), 2, "{asked}");

    // A large file and a part of it, as they are.
    let url = format!("https://{ENT}/big.bin");
    curl(&lab.pc1, &["--cacert", &own, "--range", "900000000-960000000", "--output", "part", &url])?;
    let wanted = format!("tail -c +900000001 {} | head -c 60000001 | cmp - part", lab.big_file().display());
    lab.pc1.shell(&wanted)?.success()?;
    Ok(())
}

#[test]
fn the_box_decrypts_nothing_else() -> Result<()> {
    let lab = Lab::new()?;
    let (_appliance, own) = open(&lab)?;
    // Only the site's own certificate is shown: who trusts the box alone refuses it.
    let other = lab.pc1.run(&["curl", "--silent", "--cacert", &own, "https://mediatheque.example/"])?;
    assert_eq!(other.status, Some(60), "{other:#?}");
    assert!(curl(&lab.pc1, &["https://mediatheque.example/"])?.contains("Ici mediatheque.example."));
    Ok(())
}

#[test]
fn who_does_not_trust_the_box_gets_the_ent_as_it_is() -> Result<()> {
    let lab = Lab::new()?;
    let (appliance, _) = open(&lab)?;
    let url = format!("https://{ENT}/");
    // Nobody registered the tablet.
    assert!(curl(&lab.tablet, &[&url])?.contains("Ici encyclopedie.example."));
    // The second PC has not been given the certificate: it refuses once, and is then left alone.
    let refused = lab.pc2.run(&["curl", "--silent", &url])?;
    assert_eq!(refused.status, Some(60), "{refused:#?}");
    wait_until("the box to step aside", || {
        Ok(lab.pc2.run(&["curl", "--silent", &url])?.stdout.contains("Ici encyclopedie.example."))
    })?;
    wait_until("a record of the connection", || {
        Ok(count_records(&appliance, "CM2-02", &[r#""kind":"tls""#, ENT, r#""verdict":"permit""#])? > 0)
    })
}

#[test]
fn chromium_shows_the_ent_with_the_certificate_of_the_box() -> Result<()> {
    let lab = Lab::new()?;
    let (appliance, own) = open(&lab)?;
    let trust = "set -e
        mkdir -p .pki/nssdb
        certutil -N -d sql:.pki/nssdb --empty-password
        certutil -A -d sql:.pki/nssdb -n box -t C,, -i";
    lab.pc1.shell(&format!("{trust} {own}"))?.success()?;
    let url = format!("https://{ENT}/");
    let browse = "HOME=\"$PWD\" timeout 60 chromium --headless=new --no-sandbox --disable-gpu \
                  --disable-dev-shm-usage --no-first-run --user-data-dir=profile --timeout=30000 --dump-dom";
    let page = lab.pc1.shell(&format!("{browse} {url} 2>/dev/null"))?.success()?;
    assert!(page.contains("Ici encyclopedie.example."), "{page}");
    wait_until("a record of the page", || {
        Ok(count_records(&appliance, "CM2-01", &[r#""kind":"http""#, ENT])? > 0)
    })
}
