//! The line is down: packets vanish, and the online workspace (ENT) that the box serves is there all the same.

use anyhow::{Context, Result, ensure};
use harness::{Lab, wait_until};

use crate::workspace::{ENT, curl, open};

/// Has everything that reaches the Internet vanish, or arrive again.
pub(super) const CUT: &str =
    "nft 'table inet cut { chain in { type filter hook input priority -10; policy drop; }; }'";
pub(super) const MEND: &str = "nft delete table inet cut";
/// For everyone, once the line is known to be down.
const AT_ONCE_S: f64 = 0.05;
/// How often that is measured: other tests may have the machine one time, and who waits for a line waits each time.
const ROUNDS_MAX: usize = 4;

/// Seconds from the request to the first byte of the answer, as curl measures them.
fn measure(lab: &Lab, own: &str, url: &str) -> Result<f64> {
    let format = "%{time_pretransfer} %{time_starttransfer}";
    let told = curl(&lab.pc1, &["--cacert", own, "--output", "/dev/null", "--write-out", format, url])?;
    let (before, after) = told.split_once(' ').context("no times")?;
    Ok(after.trim().parse::<f64>()? - before.parse::<f64>()?)
}

/// The middle of ten requests, in the first round in which nobody waits, or else in the last.
fn measure_middle(lab: &Lab, own: &str, url: &str) -> Result<f64> {
    let mut middle = f64::INFINITY;
    for _ in 0..ROUNDS_MAX {
        let mut times = (0..10).map(|_| measure(lab, own, url)).collect::<Result<Vec<_>>>()?;
        times.sort_by(f64::total_cmp);
        middle = *times.get(times.len() / 2).context("no times")?;
        if middle < AT_ONCE_S {
            break;
        }
    }
    Ok(middle)
}

#[test]
fn the_ent_is_there_when_packets_vanish_and_comes_back_in_seconds() -> Result<()> {
    let lab = Lab::new()?;
    let (_appliance, own) = open(&lab)?;
    let url = |path: &str| format!("https://{ENT}{path}");
    let browse = |path: &str, more: &[&str]| {
        let url = url(path);
        let usual = ["--include", "--cacert", &own, "--header", "Accept: text/html", &url];
        curl(&lab.pc1, &[&usual[..], more].concat())
    };
    let page = browse("/lecon/1.html", &[])?;
    ensure!(page.contains("stored") && page.contains("La photosynthèse."), "{page}");

    lab.internet.shell(CUT)?.success()?;
    // The first one who asks finds out.
    wait_until("a page that says that it is stale", || {
        let page = browse("/lecon/1.html", &[])?;
        ensure!(page.contains("La photosynthèse."), "{page}");
        Ok(page.contains("detail=\"stale\"") && page.contains("<body><div role=\"status\" lang=\"fr\">"))
    })?;
    wait_until("the page in place of others", || {
        let page = browse("/inconnue", &["--max-time", "60"])?;
        let is_told = page.contains("L’ENT ne répond pas") && page.contains("http-equiv=\"refresh\"");
        Ok(is_told && page.contains("<a href=\"/lecon/1.html\"><bdi>Leçon 1</bdi></a>"))
    })?;
    // From then on nobody waits. The machine may be busy at one moment, but not at half of them.
    for path in ["/lecon/1.html", "/inconnue"] {
        let middle = measure_middle(&lab, &own, &url(path))?;
        ensure!(middle < AT_ONCE_S, "{path}: {middle} s");
    }
    let own_form = ["--header", "Sec-Fetch-Site: same-origin", "--data", "titre=No%C3%ABl&texte=Bonjour"];
    let page = browse("/forum", &own_form)?;
    ensure!(page.starts_with("HTTP/2 503") && page.contains("Rien n’a été envoyé"), "{page}");
    ensure!(page.contains("<input type=\"hidden\" name=\"titre\" value=\"Noël\">"), "{page}");

    lab.internet.shell(MEND)?.success()?;
    wait_until("the line to be noticed", || {
        let page = browse("/lecon/1.html", &[])?;
        Ok(page.contains("La photosynthèse.") && !page.contains("detail=\"stale\""))
    })?;
    ensure!(!lab.requests()?.contains("POST"), "what could not be sent was not sent later either");
    Ok(())
}
