//! Names that pass and yet lead, by one way or another, around the filter: what DNS answers to them.

use anyhow::Result;
use harness::{APPLIANCE_IPV4, Appliance, Lab, Machine, RESOLVER_IPV4, usual_configuration, wait_until};

use crate::probe::ask_from;

fn dig(client: &Machine, arguments: &[&str]) -> Result<String> {
    let at = format!("@{APPLIANCE_IPV4}");
    Ok(client.run(&[&["dig", "+time=5", "+tries=1", &at], arguments].concat())?.stdout)
}

/// Waits until the journal has a record of this device, host and reason that refuses by DNS.
fn await_refusal(appliance: &Appliance<'_>, host: &str, reason: &str) -> Result<()> {
    wait_until(&format!("{host} refused as {reason}"), || {
        let filter = ["--device", "CM2-01", "--host", host, "--verdict", "refuse"];
        let printed = appliance.run(&[&["journal", "search", "--json"], &filter[..]].concat())?.success()?;
        Ok(printed.lines().any(|line| line.contains(&format!("\"reason\":\"{reason}\""))))
    })
}

/// With the keys, a browser would hide from the gate which site it wants.
#[test]
fn keys_for_an_encrypted_hello_are_taken_out() -> Result<()> {
    let lab = Lab::new()?;
    let _box = lab.start_appliance()?;
    let untouched = lab.appliance.run(&["dig", &format!("@{RESOLVER_IPV4}"), "ech.example", "HTTPS"])?.stdout;
    assert!(
        untouched.contains("ech=") && untouched.contains("10.77.0.12"),
        "the Internet has them: {untouched}"
    );
    let kept = "1 . mandatory=alpn alpn=\"h2\" ipv4hint=198.51.100.11 key65400=\"keep\"";
    // Fresh, kept, behind an alias, for a client that checks DNSSEC, and in the form that has no name of its own.
    for (question, expected) in [
        (&["ech.example", "HTTPS"][..], kept),
        (&["ech.example", "HTTPS"], kept),
        (&["echalias.example", "HTTPS"], kept),
        (&["ech.example", "HTTPS", "+dnssec"], kept),
        (&["ech.example", "TYPE65", "+tcp"], kept),
        (&["ech.example", "SVCB"], "1 ech.example."),
    ] {
        let answer = dig(&lab.pc1, question)?;
        let answers: Vec<&str> =
            answer.lines().filter(|line| line.contains("\tHTTPS\t") || line.contains("\tSVCB\t")).collect();
        assert!(matches!(answers.as_slice(), [one] if one.ends_with(expected)), "{question:?}: {answer}");
        assert!(!answer.contains("ech="), "{answer}");
    }
    Ok(())
}

/// A site that is on a list, under a name that is on none.
#[test]
fn an_alias_of_a_listed_site_is_refused() -> Result<()> {
    let lab = Lab::new()?;
    let appliance = lab.start_appliance()?;
    for _ in 0..2 {
        let answer = dig(&lab.pc1, &["alias.example"])?;
        assert!(answer.contains(APPLIANCE_IPV4) && !answer.contains("198.51.100."), "{answer}");
        assert!(answer.contains("EDE: 15 (Blocked)") && answer.contains("casino.example"), "{answer}");
    }
    assert_eq!(dig(&lab.pc1, &["alias.example", "HTTPS", "+short"])?, "");
    await_refusal(&appliance, "alias.example", "listed")?;
    // Whoever knows where the site is gets no further by the gate.
    let to_site = ["curl", "--silent", "--max-time", "20", "--connect-to", "::198.51.100.12:"];
    let page =
        lab.pc1.run(&[&to_site[..], &["--write-out", "%{http_code}", "http://alias.example/"]].concat())?;
    assert!(page.stdout.ends_with("403") && page.stdout.contains("gambling"), "{page:#?}");
    let hello = lab.pc1.run(&[&to_site[..], &["--show-error", "https://alias.example/"]].concat())?;
    assert!(hello.stderr.contains("access denied"), "{hello:#?}");
    Ok(())
}

/// DNS rebinding: a name of the Internet for a machine of the school.
#[test]
fn no_name_of_the_internet_leads_inside() -> Result<()> {
    let lab = Lab::new()?;
    let appliance = lab.start_appliance()?;
    for _ in 0..2 {
        let answer = dig(&lab.pc1, &["rebond.example"])?;
        assert!(answer.contains("status: NOERROR") && answer.contains("ANSWER: 0"), "{answer}");
        assert!(answer.contains("EDE: 15 (Blocked)") && answer.contains("interne"), "{answer}");
    }
    await_refusal(&appliance, "rebond.example", "inward")
}

/// Data that leaves hidden in names: after some hundred, no more do.
#[test]
fn a_tunnel_of_names_is_closed() -> Result<()> {
    let lab = Lab::new()?;
    let appliance = lab.start_appliance()?;
    let ask = |client: &Machine, numbers: std::ops::Range<u32>| -> Result<String> {
        let names: Vec<String> = numbers.map(|number| format!("secret{number}.tunnel.example")).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        dig(client, &[&["+noall", "+answer"], names.as_slice()].concat())
    };
    assert_eq!(ask(&lab.pc1, 0..300)?.lines().count(), 300);
    assert_eq!(ask(&lab.pc1, 300..320)?, "");
    assert!(dig(&lab.pc1, &["secret400.tunnel.example"])?.contains("EDE: 15 (Blocked)"));
    await_refusal(&appliance, "secret300.tunnel.example", "tunnel")?;
    assert_eq!(ask(&lab.pc1, 0..20)?.lines().count(), 20, "names that are kept betray nothing");
    assert!(dig(&lab.pc1, &["mediatheque.example", "+short"])?.starts_with("198.51.100."));
    assert_eq!(ask(&lab.pc2, 300..320)?.lines().count(), 20, "another device is another matter");
    Ok(())
}

/// Programs ask for these names to find out whether they may go around the filter, or where to.
#[test]
fn questions_for_a_way_around_get_a_negative_answer() -> Result<()> {
    let lab = Lab::new()?;
    let _box = lab.start_appliance()?;
    for (name, kind, expected) in [
        ("use-application-dns.net", "A", "NXDOMAIN"),
        ("use-application-dns.net", "AAAA", "NXDOMAIN"),
        ("mask.icloud.com", "A", "NXDOMAIN"),
        ("mask-h2.icloud.com", "HTTPS", "NXDOMAIN"),
        ("resolver.arpa", "SOA", "NOERROR"),
        ("_dns.resolver.arpa", "SVCB", "NOERROR"),
        ("abcdef.onion", "A", "NXDOMAIN"),
        ("imprimante.local", "A", "NXDOMAIN"),
        ("nas.home.arpa", "A", "NXDOMAIN"),
        ("x.invalid", "A", "NXDOMAIN"),
        ("9.0.168.192.in-addr.arpa", "PTR", "NXDOMAIN"),
    ] {
        let answer = dig(&lab.pc1, &[name, kind])?;
        let status = format!("status: {expected}");
        assert!(answer.contains(&status) && answer.contains("ANSWER: 0"), "{name} {kind}: {answer}");
    }
    Ok(())
}

/// A device that asks without end is left without answers; the others do not notice.
#[test]
fn a_flood_of_questions_is_its_own_devices_loss() -> Result<()> {
    let lab = Lab::new()?;
    let limit = "[dns]\nquestions_per_second = 10\n\n[[dns.upstream]]";
    let mut appliance = lab.appliance_with(&usual_configuration().replace("[[dns.upstream]]", limit))?;
    appliance.add_usual_devices()?;
    appliance.start()?;
    appliance.wait_until_ready(&lab.pc1)?;
    let is_answered = |client: &Machine| -> Result<bool> {
        let question = ["dig", "+time=3", "+tries=1", "+short", &format!("@{APPLIANCE_IPV4}"), "preau.lan"];
        Ok(client.run(&question)?.stdout.trim() == APPLIANCE_IPV4)
    };
    assert!(is_answered(&lab.pc2)?);
    let flood = || ask_from(&lab.pc2, "10.77.0.1:53", "preau.lan", 300, &["10.77.0.12"]);
    wait_until("the limit", || {
        flood()?;
        assert!(is_answered(&lab.pc1)?, "the other device is answered as ever");
        Ok(!is_answered(&lab.pc2)?)
    })?;
    let log = appliance.log()?;
    let warnings: Vec<&str> = log.lines().filter(|line| line.contains("more DNS questions")).collect();
    assert!(matches!(warnings.as_slice(), [one] if one.contains("CM2-02")), "{log}");
    wait_until("answers for the device again", || is_answered(&lab.pc2))
}

/// A search engine that has a safe variant is led there, by DNS and at the gate; its other records stay away.
#[test]
fn a_search_engine_is_reached_by_its_safe_variant() -> Result<()> {
    let lab = Lab::new()?;
    let appliance = lab.start_appliance()?;
    for _ in 0..2 {
        let answer = dig(&lab.pc1, &["www.google.fr"])?;
        assert!(answer.contains("CNAME\tforcesafesearch.google.com."), "{answer}");
        assert!(answer.contains("198.51.100.10") && !answer.contains("198.51.100.13"), "{answer}");
        assert!(answer.contains("EDE: 4 (Forged Answer)"), "{answer}");
    }
    assert_eq!(dig(&lab.pc1, &["www.google.fr", "HTTPS", "+short"])?, "");
    // A PC that knows the engine's own address: the box goes to the variant. Its certificate is another site's here.
    let to_engine =
        ["curl", "--silent", "--insecure", "--connect-to", "::198.51.100.13:", "https://www.google.fr/"];
    lab.pc1.run(&to_engine)?;
    wait_until("the connection in the journal", || {
        let printed =
            appliance.run(&["journal", "search", "--json", "--host", "www.google.fr"])?.success()?;
        Ok(printed.lines().any(|line| line.contains("\"tls\"") && line.contains("198.51.100.10:443")))
    })
}
