//! What passes passes byte for byte; what a list refuses is refused by every way out.

use anyhow::Result;
use harness::{APPLIANCE_IPV4, APPLIANCE_IPV6, FOREIGN_RESOLVER_IPV4, Lab, Machine, Output};

/// curl's exit status when the server ends the TLS handshake with an alert (`CURLE_SSL_CONNECT_ERROR`).
const TLS_REFUSED: Option<i32> = Some(35);
/// curl's exit status when a proxy refuses `CONNECT` (`CURLE_RECV_ERROR`, or 56 with the status shown).
const CONNECT_REFUSED: Option<i32> = Some(56);

const EXPLICIT_PROXY: &str = "http://10.77.0.1:3128";

/// Fetches a page: its status and its text.
fn fetch(client: &Machine, arguments: &[&str]) -> Result<Output> {
    let quiet = ["curl", "--silent", "--show-error", "--max-time", "60", "--write-out", "\n%{http_code}\n"];
    client.run(&[&quiet[..], arguments].concat())
}

fn assert_page(client: &Machine, arguments: &[&str], title: &str) -> Result<()> {
    let output = fetch(client, arguments)?;
    assert!(output.is_success() && output.stdout.ends_with("\n200\n"), "{output:#?}");
    assert!(output.stdout.contains(&format!("<title>{title}</title>")), "{output:#?}");
    Ok(())
}

fn assert_refusal_page(client: &Machine, category: &str, arguments: &[&str]) -> Result<()> {
    let output = fetch(client, arguments)?;
    assert!(output.stdout.ends_with("\n403\n"), "{output:#?}");
    assert!(output.stdout.contains(category), "the page names the category: {output:#?}");
    Ok(())
}

fn dig(client: &Machine, arguments: &[&str]) -> Result<String> {
    client.run(&[&["dig", "+time=3", "+tries=1"], arguments].concat())?.success()
}

#[test]
fn permitted_sites_pass() -> Result<()> {
    let lab = Lab::new()?;
    let _box = lab.start_appliance()?;
    for version in ["--ipv4", "--ipv6"] {
        for scheme in ["http", "https"] {
            for site in ["mediatheque.example", "notcasino.example"] {
                assert_page(&lab.pc1, &[version, &format!("{scheme}://{site}/")], site)?;
            }
        }
    }
    for url in ["http://encyclopedie.example/", "https://encyclopedie.example/"] {
        assert_page(&lab.tablet, &["--proxy", EXPLICIT_PROXY, url], "encyclopedie.example")?;
    }
    let own_page = fetch(&lab.tablet, &["http://preau.lan/"])?;
    assert!(own_page.stdout.contains("École élémentaire du Laboratoire"), "{own_page:#?}");
    assert!(own_page.stdout.contains("02:00:00:00:00:13"), "the page knows who looks at it: {own_page:#?}");
    Ok(())
}

#[test]
fn a_large_file_passes_byte_for_byte() -> Result<()> {
    let lab = Lab::new()?;
    let _box = lab.start_appliance()?;
    let sum = |machine: &Machine, script: &str| -> Result<String> { machine.shell(script)?.success() };
    let expected = sum(&lab.internet, &format!("sha256sum < {}", lab.big_file().display()))?;
    for url in ["https://mediatheque.example/big.bin", "http://mediatheque.example/big.bin"] {
        let script = format!("curl --silent --show-error --fail {url} | sha256sum");
        assert_eq!(sum(&lab.pc1, &script)?, expected, "{url}");
    }
    Ok(())
}

#[test]
fn a_listed_site_is_refused_over_dns() -> Result<()> {
    let lab = Lab::new()?;
    let _box = lab.start_appliance()?;
    let resolvers = [APPLIANCE_IPV4, APPLIANCE_IPV6, FOREIGN_RESOLVER_IPV4, "2001:4860:4860::8888"];
    for resolver in resolvers.map(|address| format!("@{address}")) {
        for (name, category) in [
            ("casino.example", "gambling"),
            ("a.b.CASINO.example.", "gambling"),
            ("adulte.example", "adult"),
            ("www.adulte.example", "adult"),
        ] {
            for transport in ["+notcp", "+tcp"] {
                let answer = dig(&lab.pc1, &[&resolver, transport, name, "A"])?;
                assert!(answer.contains("10.77.0.1") && !answer.contains("198.51.100."), "{answer}");
                assert!(answer.contains("EDE: 15 (Blocked)") && answer.contains(category), "{answer}");
            }
        }
        assert_eq!(dig(&lab.pc1, &[&resolver, "casino.example", "AAAA", "+short"])?, "fd77::1\n");
        assert_eq!(dig(&lab.pc1, &[&resolver, "casino.example", "HTTPS", "+short"])?, "");
        let near_miss = dig(&lab.pc1, &[&resolver, "notcasino.example", "A", "+short"])?;
        assert!(near_miss.starts_with("198.51.100."), "{near_miss}");
    }
    Ok(())
}

#[test]
fn a_listed_site_is_refused_over_the_web() -> Result<()> {
    let lab = Lab::new()?;
    let _box = lab.start_appliance()?;
    assert_refused_over_the_web(&lab, "casino.example", "jeux d’argent")?;
    assert_refused_over_the_web(&lab, "adulte.example", "contenus pour adultes")?;
    let requests = lab.requests()?;
    for site in ["casino.example", "adulte.example"] {
        assert!(!requests.contains(site), "a request got through: {requests}");
    }
    Ok(())
}

fn assert_refused_over_the_web(lab: &Lab, site: &str, category: &str) -> Result<()> {
    let addresses = lab.sites().iter().find(|known| known.name == site);
    let (ipv4, ipv6) =
        addresses.map(|site| (site.ipv4.to_string(), site.ipv6.to_string())).unwrap_or_default();
    for url in [format!("http://{site}/"), format!("http://www.{site}/x?y")] {
        for way in [&["--ipv4"][..], &["--ipv6"], &["--proxy", EXPLICIT_PROXY]] {
            assert_refusal_page(&lab.pc1, category, &[way, &[&url]].concat())?;
        }
    }
    // A pupil who knows the addresses, with a forged hosts entry: the name on the wire decides.
    for (name, address) in [(site, &ipv4), (&format!("www.{site}"), &format!("[{ipv6}]"))] {
        let connect_to = format!("::{address}:");
        assert_refusal_page(&lab.pc1, category, &["--connect-to", &connect_to, &format!("http://{name}/")])?;
    }
    lab.pc2.forge_host(site, &ipv4)?;
    lab.pc2.forge_host(&format!("www.{site}"), &ipv6)?;
    for url in [format!("https://{site}/"), format!("https://www.{site}/")] {
        for client in [&lab.pc1, &lab.pc2] {
            let output = fetch(client, &[&url])?;
            assert_eq!(output.status, TLS_REFUSED, "{output:#?}");
            assert!(output.stderr.contains("access denied"), "{output:#?}");
        }
        let output = fetch(&lab.pc1, &["--proxy", EXPLICIT_PROXY, &url])?;
        assert_eq!(output.status, CONNECT_REFUSED, "{output:#?}");
    }
    Ok(())
}

/// The first request of a connection permits nothing for the second.
#[test]
fn every_request_of_a_connection_is_decided() -> Result<()> {
    let lab = Lab::new()?;
    let _box = lab.start_appliance()?;
    let urls = ["http://mediatheque.example/", "http://casino.example/", "http://mediatheque.example/"];
    let output = fetch(&lab.pc1, &[&["--verbose", "--proxy", EXPLICIT_PROXY], &urls[..]].concat())?;
    let statuses: Vec<_> = output.stdout.lines().filter(|line| ["200", "403"].contains(line)).collect();
    assert_eq!(statuses, ["200", "403", "200"], "{output:#?}");
    assert!(output.stderr.contains("Re-using existing connection"), "{output:#?}");

    let script = r#"exec 3<>/dev/tcp/198.51.100.10/80
        printf 'GET / HTTP/1.1\r\nHost: mediatheque.example\r\n\r\n' >&3
        printf 'GET / HTTP/1.1\r\nHost: casino.example\r\nConnection: close\r\n\r\n' >&3
        exec cat <&3"#;
    let output = lab.pc1.run(&["bash", "-c", script])?.success()?;
    assert!(output.contains("HTTP/1.1 200") && output.contains("HTTP/1.1 403"), "{output}");
    Ok(())
}

/// Where the client's packets are bound for counts for nothing: the box goes where the name leads.
#[test]
fn the_name_decides_where_a_connection_goes() -> Result<()> {
    let lab = Lab::new()?;
    let _box = lab.start_appliance()?;
    // 198.51.100.12 is casino.example's; nobody is at 203.0.113.7.
    for address in ["198.51.100.12", "203.0.113.7"] {
        for scheme in ["http", "https"] {
            let url = format!("{scheme}://mediatheque.example/");
            assert_page(&lab.pc1, &["--connect-to", &format!("::{address}:"), &url], "mediatheque.example")?;
        }
    }
    Ok(())
}

/// Ways in that show no name that could be judged.
#[test]
fn what_shows_no_name_is_refused() -> Result<()> {
    let lab = Lab::new()?;
    let _box = lab.start_appliance()?;
    let handshake = |arguments: &str| -> Result<Output> {
        lab.pc1.shell(&format!("openssl s_client {arguments} -connect 198.51.100.10:443 </dev/null 2>&1"))
    };
    let check = |arguments: &str, alert: &str| -> Result<()> {
        let output = handshake(arguments)?;
        assert!(output.stdout.contains(alert), "{arguments}: {output:#?}");
        Ok(())
    };
    check("-noservername", "alert number 109")?;
    check("-servername 198.51.100.10", "alert number 47")?;
    check("-servername casino.example", "alert number 49")?;
    check("-servername mediatheque.example", "Verify return code: 0")?;
    let output =
        lab.pc1.run(&["bash", "-c", "exec 3<>/dev/tcp/198.51.100.10/443; echo SSH-2.0-x >&3; cat <&3"])?;
    assert!(!output.is_success() && output.stderr.contains("reset by peer"), "{output:#?}");
    let output = fetch(&lab.pc1, &["http://198.51.100.10/"])?;
    assert!(output.stdout.ends_with("\n403\n"), "{output:#?}");
    Ok(())
}
