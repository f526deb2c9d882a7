//! Where a refused site can show no page, the box's own page tells the device what was refused to it, and why.

use anyhow::Result;
use harness::{Lab, Machine, wait_until};

use crate::probe::ask_from;

const PAGE: &str = "http://preau.lan/pourquoi";
const NOTHING: &str = "Le filtre n’a rien refusé à cet appareil";

fn fetch(client: &Machine, arguments: &[&str]) -> Result<String> {
    client.run(&[&["curl", "--silent", "--show-error", "--max-time", "20"], arguments].concat())?.success()
}

/// The hour and the minute by the school's clock.
fn time(client: &Machine) -> Result<String> {
    Ok(client.shell("TZ=Europe/Paris date +%H:%M")?.success()?.trim().to_owned())
}

#[test]
fn a_refusal_over_https_is_told_to_its_device_alone() -> Result<()> {
    let lab = Lab::new()?;
    let _box = lab.start_appliance()?;
    fetch(&lab.pc1, &["--output", "/dev/null", "https://mediatheque.example/"])?;
    assert!(fetch(&lab.pc1, &[PAGE])?.contains(NOTHING), "what is permitted is no refusal");

    let before = time(&lab.pc1)?;
    let refused = lab.pc1.run(&["curl", "--silent", "--show-error", "https://casino.example/"])?;
    assert!(!refused.is_success() && refused.stdout.is_empty(), "no page is shown: {refused:#?}");
    let after = time(&lab.pc1)?;
    // A browser asks for this on its own.
    lab.pc1.run(&["dig", "@10.77.0.1", "use-application-dns.net"])?.success()?;
    // By any address that the device has.
    for url in [PAGE, "http://10.77.0.1/pourquoi", "http://[fd77::1]/pourquoi"] {
        let page = fetch(&lab.pc1, &[url])?;
        for expected in ["casino.example", "jeux d’argent (gambling)", "Votre enseignante ou", "CM2-01"] {
            assert!(page.contains(expected), "{url}: {expected}: {page}");
        }
        assert!(
            page.contains(&format!(" à\u{a0}{before}")) || page.contains(&format!(" à\u{a0}{after}")),
            "{page}"
        );
        assert!(!page.contains("use-application-dns") && !page.contains("mediatheque"), "{page}");
    }
    let page = fetch(&lab.pc1, &["--header", "Accept-Language: en", PAGE])?;
    assert!(page.contains("casino.example") && page.contains("Your teacher"), "{page}");
    for other in [&lab.pc2, &lab.tablet] {
        let page = fetch(other, &[PAGE])?;
        assert!(page.contains(NOTHING) && !page.contains("casino"), "{page}");
    }
    Ok(())
}

/// A pupil asks with the address of another's PC: nothing of it shows on that PC.
#[test]
fn what_others_ask_in_its_name_is_not_told_to_a_device() -> Result<()> {
    let lab = Lab::new()?;
    let appliance = lab.start_appliance()?;
    // The box knows who has the address.
    assert!(fetch(&lab.pc1, &["--ipv4", PAGE])?.contains(NOTHING));
    // The other PC has it too, and denies it to everybody who asks (ARP).
    lab.pc2
        .shell(
            "set -e
            sysctl -qw net.ipv4.conf.all.arp_ignore=1 net.ipv4.conf.all.arp_announce=2
            ip address add 10.77.0.11/32 dev lo",
        )?
        .success()?;
    ask_from(&lab.pc2, "10.77.0.1:53", "casino.example", 1, &["10.77.0.11"])?;
    wait_until("the forged question in the journal", || {
        let forged = ["journal", "search", "--json", "--device", "inconnu-10.77.0.11"];
        Ok(appliance.run(&forged)?.success()?.contains("casino.example"))
    })?;
    assert!(fetch(&lab.pc1, &["--ipv4", PAGE])?.contains(NOTHING));
    Ok(())
}

/// The page of a site that can show one leads on, and a teacher's decision is told as hers.
#[test]
fn a_lessons_refusal_is_told_with_its_author_and_its_end() -> Result<()> {
    let lab = Lab::new()?;
    let appliance = lab.start_appliance()?;
    let site = "http://mediatheque.example/";
    let refuse = ["override", "refuse", "mediatheque.example", "--room", "CM2", "--for", "30m"];
    appliance.run(&[&refuse[..], &["--author", "Mme Martin", "--reason", "dictée"]].concat())?.success()?;
    wait_until("the refusal", || Ok(fetch(&lab.pc1, &[site])?.contains("Site bloqué")))?;
    let page = fetch(&lab.pc1, &[site])?;
    assert!(page.contains("<a href=\"http://preau.lan/pourquoi\">"), "{page}");
    let page = fetch(&lab.pc1, &[PAGE])?;
    for expected in ["mediatheque.example", "Décision de Mme Martin.", "Fin prévue", "preau override permit"]
    {
        assert!(page.contains(expected), "{expected}: {page}");
    }
    Ok(())
}
