//! Measures the box's gate beside squid (peek and splice) and beside the kernel's own forwarding: new connections
//! a second, bytes a second, and what they cost in processor time.
//!
//! `gate-bench FOLDER [ROUNDS]` takes the list of FOLDER, or makes it there. Everything runs in networks of its
//! own. Processor time is that of the gate's process, all threads; the kernel's forwarding has none to show.

use std::path::Path;
use std::process::ExitCode;
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use bench::figures::{Rounds, print_table};
use bench::gate::peers::Peer;
use bench::gate::server::{self, SHORT_AT_ONCE};
use bench::gate::street::{BOX, Street};
use bench::gate::visitor::{Reading, Traffic, Way, open_many, read_much};
use bench::gate::{ENDLESS, SHORT};
use bench::listed::Listed;
use bench::machine;
use bench::process::Program;
use bench::sandbox;
use tempfile::TempDir;

/// Rounds unless told otherwise.
const ROUNDS: usize = 5;
/// How long each contender works in a round.
const ROUND: Duration = Duration::from_secs(3);
/// For the journal, which commits every second, and for squid's log.
const SETTLE: Duration = Duration::from_millis(1_500);
/// Connections of the measurement of many downloads.
const DOWNLOADS: usize = 8;
/// The PC dials the server; what stands between takes or forwards the connection.
const STRAIGHT: Way = Way::Straight;
/// The PC knows the proxy.
const PROXY: Way = Way::Proxy(BOX);

fn main() -> Result<ExitCode> {
    sandbox::run(|arguments| {
        let (folder, rounds) = match arguments {
            [folder] => (folder, ROUNDS),
            [folder, rounds] => (folder, rounds.parse().context("the number of rounds")?),
            _ => anyhow::bail!("usage: gate-bench FOLDER [ROUNDS]"),
        };
        machine::print()?;
        measure(Path::new(folder), rounds)?;
        Ok(machine::print()?)
    })
}

/// A contender on its street.
struct Contender {
    peer: Peer,
    street: Street,
    program: Option<Program>,
    // Last: the files go when nothing uses them any more.
    _folder: TempDir,
}

fn measure(folder: &Path, rounds: usize) -> Result<()> {
    let listed = Listed::find(folder)?;
    let start = |peer| Contender::start(peer, &listed);
    let contenders = Peer::ALL.into_iter().map(start).collect::<Result<Vec<_>>>()?;
    drop(listed);
    let proxies = contenders.get(..2).context("the box and squid")?;
    for (how, contenders, way) in
        [("redirected", contenders.as_slice(), STRAIGHT), ("CONNECT", proxies, PROXY)]
    {
        let visit = || open_many(way, SHORT, SHORT_AT_ONCE, ROUND);
        let seen = compare(contenders, rounds, visit)?;
        show_connections(&format!("New connections, {how}"), &seen)?;
    }
    for (how, contenders, way, count, reading) in [
        ("One download, redirected", contenders.as_slice(), STRAIGHT, 1, Reading::Copy),
        ("One download, redirected, to a PC that does not copy", &contenders, STRAIGHT, 1, Reading::Drop),
        ("One download, CONNECT", proxies, PROXY, 1, Reading::Copy),
        ("Eight downloads at once, redirected", &contenders, STRAIGHT, DOWNLOADS, Reading::Copy),
    ] {
        let seen = compare(contenders, rounds, || read_much(way, ENDLESS, count, reading, ROUND))?;
        show_bytes(how, &seen)?;
    }
    Ok(())
}

impl Contender {
    fn start(peer: Peer, listed: &Listed) -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("preau-gate-").tempdir()?;
        let street = Street::new()?;
        street.internet.run(server::start)?;
        let program = peer.start(&street, listed, folder.path())?;
        Ok(Self { peer, street, program, _folder: folder })
    }

    fn processor_s(&self) -> Result<f64> {
        self.program.as_ref().map_or(Ok(0.0), Program::processor_s)
    }
}

/// What one contender did, round by round.
struct Seen {
    peer: Peer,
    traffic: Vec<Traffic>,
    processor_s: Vec<f64>,
}

/// Has every contender work in turn, `rounds` times.
fn compare(contenders: &[Contender], rounds: usize, work: impl Fn() -> Traffic + Sync) -> Result<Vec<Seen>> {
    let new = |contender: &Contender| Seen { peer: contender.peer, traffic: vec![], processor_s: vec![] };
    let mut seen: Vec<Seen> = contenders.iter().map(new).collect();
    for _ in 0..rounds {
        for (contender, seen) in contenders.iter().zip(&mut seen) {
            let before = contender.processor_s()?;
            let traffic = contender.street.client.run(|| Ok(work()))?;
            thread::sleep(SETTLE);
            ensure!(traffic.connections > 0, "nothing passes {}", contender.peer.name());
            seen.processor_s.push(contender.processor_s()? - before);
            seen.traffic.push(traffic);
        }
    }
    Ok(seen)
}

impl Seen {
    fn each(&self, figure: impl Fn(&Traffic, f64) -> f64) -> Vec<f64> {
        self.traffic
            .iter()
            .zip(&self.processor_s)
            .map(|(traffic, &processor_s)| figure(traffic, processor_s))
            .collect()
    }

    fn connections_a_second(&self) -> Vec<f64> {
        self.each(|traffic, _| float(traffic.connections) / traffic.seconds)
    }

    fn processor_us_a_connection(&self) -> Vec<f64> {
        self.each(|traffic, processor_s| processor_s * 1e6 / float(traffic.connections))
    }

    fn gigabits_a_second(&self) -> Vec<f64> {
        self.each(|traffic, _| float(traffic.bytes) * 8.0 / 1e9 / traffic.seconds)
    }

    fn processor_s_a_gigabyte(&self) -> Vec<f64> {
        self.each(|traffic, processor_s| processor_s / (float(traffic.bytes) / 1e9))
    }

    fn failures(&self) -> u64 {
        self.traffic.iter().map(|traffic| traffic.failures).sum()
    }
}

fn show_connections(title: &str, seen: &[Seen]) -> Result<()> {
    let columns = ["", "connections a second", "preau's are", "µs of processor each", "preau's is", "failed"];
    show(title, &columns, seen, Seen::connections_a_second, Seen::processor_us_a_connection)
}

fn show_bytes(title: &str, seen: &[Seen]) -> Result<()> {
    let columns = ["", "Gbit/s", "preau's are", "s of processor a GB", "preau's is", "failed"];
    show(title, &columns, seen, Seen::gigabits_a_second, Seen::processor_s_a_gigabyte)
}

fn show(
    title: &str,
    columns: &[&str],
    seen: &[Seen],
    speed: impl Fn(&Seen) -> Vec<f64>,
    cost: impl Fn(&Seen) -> Vec<f64>,
) -> Result<()> {
    let Some(own) = seen.first() else { return Ok(()) };
    let rounds = |figures: Vec<f64>| figures.into_iter().collect::<Rounds>().to_string();
    let row = |peer: &Seen| {
        let is_process = peer.peer != Peer::Kernel;
        let cost_of = |text: String| if is_process { text } else { "-".to_owned() };
        vec![
            peer.peer.name().to_owned(),
            rounds(speed(peer)),
            Rounds::ratios(&speed(own), &speed(peer)).to_string(),
            cost_of(rounds(cost(peer))),
            cost_of(Rounds::ratios(&cost(own), &cost(peer)).to_string()),
            peer.failures().to_string(),
        ]
    };
    Ok(print_table(title, columns, &seen.iter().map(row).collect::<Vec<_>>())?)
}

#[expect(clippy::cast_precision_loss, reason = "shown with three digits")]
fn float(count: u64) -> f64 {
    count as f64
}
