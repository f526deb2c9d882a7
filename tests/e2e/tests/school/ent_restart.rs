//! The box starts in the morning, and there is no line: what it kept of the ENT is served all the same.

use anyhow::{Context, Result, bail, ensure};
use harness::{Lab, Machine, wait_until};

use crate::workspace::{ENT, curl, open};

/// Swallows all packets of the line, as a line does that is cut behind the modem.
pub(crate) const CUT: &str =
    "nft 'table inet cut { chain in { type filter hook input priority -10; policy drop; }; }'";
/// The line is back.
pub(crate) const MEND: &str = "nft delete table inet cut";
/// Who is served within it has waited neither for a resolver (1.8 s) nor for the line (4 s), however busy the machine is. In seconds.
const AT_ONCE_S: f64 = 1.7;

/// A page as a browser asks for it: its head and text, and how long it took, the name and the handshake included.
fn read(client: &Machine, own: &str, path: &str) -> Result<(String, f64)> {
    let url = format!("https://{ENT}{path}");
    let accept = ["--header", "Accept: text/html", "--header", "Sec-Fetch-Dest: document"];
    let shown = [
        &[
            "curl",
            "--silent",
            "--include",
            "--max-time",
            "60",
            "--cacert",
            own,
            "--write-out",
            "\n%{time_total}",
        ],
        &accept[..],
        &[&url],
    ]
    .concat();
    let text = client.run(&shown)?.stdout;
    let (page, took) = text.rsplit_once('\n').context("how long it took")?;
    Ok((page.to_owned(), took.trim().parse()?))
}

/// The same, served at once: a machine that is busy may be slow one time, and what waits for something waits each time.
fn read_at_once(client: &Machine, own: &str, path: &str) -> Result<String> {
    let mut slow = Vec::new();
    for _ in 0..5 {
        let (page, took) = read(client, own, path)?;
        if took < AT_ONCE_S {
            return Ok(page);
        }
        slow.push(took);
    }
    bail!("{path} took {slow:?} s")
}

#[test]
fn a_box_that_starts_without_a_line_serves_what_it_kept() -> Result<()> {
    let lab = Lab::new()?;
    let (mut appliance, own) = open(&lab)?;
    let film = format!("https://{ENT}/film.bin");
    wait_until("a page that is kept", || Ok(read(&lab.pc1, &own, "/lecon/1.html")?.0.contains("preau;hit")))?;
    curl(&lab.pc1, &["--cacert", &own, "--output", "film", &film])?;

    // A power cut, and the line does not come back with the power.
    appliance.kill9()?;
    lab.internet.shell(CUT)?.success()?;
    appliance.start()?;
    appliance.wait_until_ready(&lab.pc1)?;
    // Nobody has asked for anything yet.
    wait_until("the box to find that there is no line", || {
        Ok(appliance.log()?.contains("the line to the ENT is down"))
    })?;
    // What there is is found out beside everything else, within some seconds.
    wait_until("what is kept to be told", || {
        Ok(read(&lab.pc1, &own, "/lecon/jamais-vue.html")?.0.contains("/lecon/1.html"))
    })?;
    for client in [&lab.pc1, &lab.pc2] {
        let page = read_at_once(client, &own, "/lecon/1.html")?;
        ensure!(page.contains("detail=\"stale\"") && page.contains("La photosynthèse."), "{page}");
        ensure!(page.contains("role=\"status\""), "it says that it is of earlier: {page}");
        let other = read_at_once(client, &own, "/lecon/jamais-vue.html")?;
        ensure!(other.contains("503") && other.contains("/lecon/1.html"), "what there is is told: {other}");
    }
    curl(&lab.pc1, &["--cacert", &own, "--dump-header", "head", "--output", "again", &film])?;
    ensure!(lab.pc1.shell("cat head")?.success()?.contains("preau;hit"));
    lab.pc1.shell("cmp film again")?.success()?;
    // The policy judges as ever, and nothing is made up for other names.
    let address = |name: &str| -> Result<String> {
        let question = ["dig", "+short", "+time=6", "+tries=1", "@10.77.0.1", name];
        Ok(lab.pc1.run(&question)?.stdout.trim().to_owned())
    };
    ensure!(address("casino.example")? == "10.77.0.1");
    ensure!(address("mediatheque.example")?.is_empty(), "{}", address("mediatheque.example")?);
    ensure!(address(ENT)? == "198.51.100.11", "{}", address(ENT)?);

    lab.internet.shell(MEND)?.success()?;
    wait_until("the line to be back", || {
        let (page, _) = read(&lab.pc1, &own, "/lecon/1.html")?;
        Ok(page.contains("fwd-status=304") && !page.contains("role=\"status\""))
    })
}
