//! A class works on while somebody attacks: many connections, slow ones, and ones that lead back to the box.

use anyhow::Result;
use harness::{Lab, Machine};

use crate::probe::hold;

/// Fetches one page so many times at once: how many came whole.
fn fetch_at_once(client: &Machine, scheme: &str, count: usize) -> Result<usize> {
    let url = format!("{scheme}://mediatheque.example/?[1-{count}]");
    let curl = ["curl", "--silent", "--http1.1", "--parallel", "--parallel-immediate", "--parallel-max"];
    let rest = [
        &count.to_string(),
        "--max-time",
        "60",
        "--output",
        "/dev/null",
        "--write-out",
        "%{http_code}\n",
        &url,
    ];
    let output = client.run(&[&curl[..], &rest[..]].concat())?;
    Ok(output.stdout.lines().filter(|status| *status == "200").count())
}

#[test]
fn five_hundred_connections_at_once() -> Result<()> {
    let lab = Lab::new()?;
    let _box = lab.start_appliance()?;
    for scheme in ["https", "http"] {
        assert_eq!(fetch_at_once(&lab.pc1, scheme, 500)?, 500, "{scheme}");
    }
    Ok(())
}

/// 2,000 connections that begin a hello or a request and never end it: the class goes on, and so does the very
/// PC that they come from.
#[test]
fn a_slow_loris_stops_nobody() -> Result<()> {
    let lab = Lab::new()?;
    let _box = lab.start_appliance()?;
    let _tls = hold(&lab.tablet, "198.51.100.10:443", 2_000, "\u{16}\u{3}\u{1}\u{2}")?;
    let _http = hold(&lab.tablet, "198.51.100.10:80", 2_000, "GET / HTTP/1.1\r\nHost: medi")?;
    let _proxy = hold(&lab.tablet, "10.77.0.1:3128", 2_000, "CONNECT mediatheque")?;
    for client in [&lab.pc1, &lab.tablet] {
        for scheme in ["https", "http"] {
            assert_eq!(fetch_at_once(client, scheme, 30)?, 30, "{scheme} from {}", client.name());
        }
    }
    Ok(())
}

/// Names and addresses that lead back to the box, or into the school.
#[test]
fn the_gate_never_dials_itself() -> Result<()> {
    let lab = Lab::new()?;
    let mut appliance = lab.start_appliance()?;
    // rebond.example has the box's own address.
    let curl =
        ["curl", "--silent", "--max-time", "10", "--output", "/dev/null", "--write-out", "%{http_code}"];
    for url in ["http://rebond.example/", "https://rebond.example/"] {
        for route in [&["--connect-to", "::198.51.100.10:"], &["--proxy", "http://10.77.0.1:3128"]] {
            let output = lab.pc1.run(&[&curl[..], &route[..], &[url]].concat())?;
            assert!(!output.stdout.contains("200"), "{url}: {output:#?}");
        }
    }
    // The gate's own port, straight: the firewall refuses it.
    let output = lab.pc1.run(&[
        "curl",
        "--silent",
        "--max-time",
        "10",
        "--connect-to",
        "::10.77.0.1:8443",
        "https://mediatheque.example/",
    ])?;
    assert!(!output.is_success(), "{output:#?}");
    assert!(appliance.is_running()?);
    assert_eq!(fetch_at_once(&lab.pc1, "https", 5)?, 5);
    Ok(())
}
