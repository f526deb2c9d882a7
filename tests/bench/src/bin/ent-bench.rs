//! Measures the box's ENT cache beside nginx, Varnish with hitch, and squid, all by TLS, before the same server and with the
//! same visitors: what is kept, by wrk, beside Traffic Server as well; a class that opens a film; a line that falls; and ranges and
//! herds, byte by byte. Of the box alone, how soon it answers after its start with 200 GB in its cache.
//!
//! `ent-bench FOLDER [ROUNDS [SECONDS]]` measures, `ent-bench FOLDER hits|openings|fall [CACHE...]` only what is kept, shortly, the class
//! that opens a film, or the line (five minutes at most, these two), `ent-bench FOLDER start` only the start, and `ent-bench FOLDER suite [CACHE...]` only plays the cases and fails where the box does. Processor time and memory are those of all processes of a cache, and of nobody else.

use std::num::TryFromIntError;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use bench::ent::contender::{Contender, name_the_door};
use bench::ent::fall::{self, Fall};
use bench::ent::herd::{self, Opening};
use bench::ent::load::{self, Hits};
use bench::ent::peers::Peer;
use bench::ent::{start, suite};
use bench::figures::{Rounds, print_table, short};
use bench::{machine, sandbox};

/// Rounds unless told otherwise.
const ROUNDS: usize = 5;
/// How long each cache is asked in a round, for each size.
const ROUND_SECONDS: u64 = 10;
/// The same where somebody only wants to see what a change has brought.
const HITS_SECONDS: u64 = 4;
/// Starts of the box.
const STARTS: usize = 5;
/// Falls of the line before the box, and before each of the others: with those each takes up to a minute.
const FALLS: usize = 3;
const PEER_FALLS: usize = 1;
/// Films that a class opens with each cache, as long as that does not take too long: a cache that fetches one for each pupil takes
/// forty seconds for it.
const OPENINGS: usize = 3;
const OPENINGS_WITHIN: Duration = Duration::from_secs(15);
/// A document, and a picture or a piece of a film.
const SIZES: [(&str, usize); 2] = [("10 kB", 10_000), ("1 MB", 1_000_000)];

fn main() -> Result<ExitCode> {
    sandbox::run(|arguments| {
        let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
        match words.as_slice() {
            [_, "suite", names @ ..] => play(&chosen(&Peer::ALL, names)?),
            [folder, "hits", names @ ..] => measure_hits(Path::new(folder), &chosen(&Peer::KEEPING, names)?),
            [_, "openings", names @ ..] => measure_openings(&chosen(&Peer::ALL, names)?),
            [_, "fall", names @ ..] => compare_falls(&chosen(&Peer::ALL, names)?),
            [_, "start"] => show_starts(),
            [folder] => measure(Path::new(folder), ROUNDS, ROUND_SECONDS),
            [folder, rounds] => measure(Path::new(folder), rounds.parse()?, ROUND_SECONDS),
            [folder, rounds, seconds] => measure(Path::new(folder), rounds.parse()?, seconds.parse()?),
            _ => anyhow::bail!(
                "usage: ent-bench FOLDER [ROUNDS [SECONDS]] | ent-bench FOLDER hits|openings|fall|suite [CACHE...] | ent-bench FOLDER start"
            ),
        }
    })
}

/// Those of these names, or all.
fn chosen(peers: &[Peer], names: &[&str]) -> Result<Vec<Peer>> {
    if names.is_empty() {
        return Ok(peers.to_vec());
    }
    let find = |name: &&str| {
        let found = peers.iter().copied().find(|peer| peer.name() == *name);
        found.with_context(|| {
            let known: Vec<&str> = peers.iter().map(|peer| peer.name()).collect();
            format!("{name} is not measured in this: {}", known.join("; "))
        })
    };
    names.iter().map(find).collect()
}

fn measure(folder: &Path, rounds: usize, seconds: u64) -> Result<()> {
    machine::print()?;
    name_the_door(folder)?;
    let mut contenders = Peer::KEEPING.into_iter().map(Contender::start).collect::<Result<Vec<_>>>()?;
    for (size, bytes) in SIZES {
        compare_hits(&contenders, (size, bytes), rounds, Duration::from_secs(seconds))?;
    }
    show_memory(&contenders)?;
    contenders.retain(|contender| Peer::ALL.contains(&contender.peer));
    compare_openings(&contenders)?;
    drop(contenders);
    show_starts()?;
    compare_falls(&Peer::ALL)?;
    play(&Peer::ALL)?;
    Ok(machine::print()?)
}

fn measure_hits(folder: &Path, peers: &[Peer]) -> Result<()> {
    name_the_door(folder)?;
    let contenders = peers.iter().copied().map(Contender::start).collect::<Result<Vec<_>>>()?;
    for (size, bytes) in SIZES {
        compare_hits(&contenders, (size, bytes), ROUNDS, Duration::from_secs(HITS_SECONDS))?;
    }
    show_memory(&contenders)
}

fn measure_openings(peers: &[Peer]) -> Result<()> {
    let contenders = peers.iter().copied().map(Contender::start).collect::<Result<Vec<_>>>()?;
    compare_openings(&contenders)
}

fn compare_hits(
    contenders: &[Contender],
    (size, bytes): (&str, usize),
    rounds: usize,
    duration: Duration,
) -> Result<()> {
    let mut seen: Vec<Vec<Hits>> = contenders.iter().map(|_| vec![]).collect();
    for _ in 0..rounds {
        for (contender, seen) in contenders.iter().zip(&mut seen) {
            seen.push(load::ask(contender, bytes, duration)?);
        }
    }
    let megabytes = f64::from(u32::try_from(bytes)?) / 1e6;
    let each = |hits: &[Hits], figure: &dyn Fn(&Hits) -> f64| hits.iter().map(figure).collect::<Vec<f64>>();
    let cost = |hits: &Hits| hits.requests / hits.processor_s.max(0.01);
    let own = seen.first().map(|own| each(own, &cost)).unwrap_or_default();
    let row = |(contender, hits): (&Contender, &Vec<Hits>)| {
        let rounds =
            |figure: &dyn Fn(&Hits) -> f64| each(hits, figure).into_iter().collect::<Rounds>().to_string();
        vec![
            contender.peer.name().to_owned(),
            rounds(&|hits| hits.requests_a_second),
            rounds(&|hits| hits.requests_a_second * megabytes),
            rounds(&cost),
            rounds(&|hits| cost(hits) * megabytes),
            Rounds::ratios(&own, &each(hits, &cost)).to_string(),
            rounds(&|hits| hits.p99_ms),
            short(hits.iter().map(|hits| hits.failures).sum()),
            short(hits.iter().map(|hits| hits.asked).sum()),
        ]
    };
    let columns = [
        "",
        "requests a second",
        "MB a second",
        "requests a second of processor",
        "MB a second of processor",
        "preau's are",
        "p99 ms",
        "failed",
        "asked of the server",
    ];
    let rows: Vec<_> = contenders.iter().zip(&seen).map(row).collect();
    Ok(print_table(&format!("{size}, kept"), &columns, &rows)?)
}

fn show_memory(contenders: &[Contender]) -> Result<()> {
    let mut rows = Vec::new();
    for contender in contenders {
        let memory = contender.memory()?;
        let megabytes =
            |bytes: u64| Ok::<_, TryFromIntError>(short(f64::from(u32::try_from(bytes / 1_000)?) / 1e3));
        let own = megabytes(memory.all.saturating_sub(memory.files))?;
        rows.push(vec![contender.peer.name().to_owned(), megabytes(memory.all)?, own]);
    }
    let columns = ["", "MB", "of these beside the page cache"];
    Ok(print_table("Memory after that (PSS of all processes)", &columns, &rows)?)
}

fn compare_openings(contenders: &[Contender]) -> Result<()> {
    let mut rows = Vec::new();
    for contender in contenders {
        let (begun, mut seen) = (now(), Vec::<Opening>::new());
        while seen.len() < OPENINGS && (seen.is_empty() || begun.elapsed() < OPENINGS_WITHIN) {
            seen.push(herd::open(contender, seen.len())?);
        }
        let each = |figure: &dyn Fn(&Opening) -> f64| seen.iter().map(figure).collect::<Rounds>().to_string();
        rows.push(vec![
            contender.peer.name().to_owned(),
            each(&|opening| opening.transfers),
            seen.iter().map(|opening| opening.requests).max().unwrap_or_default().to_string(),
            each(&|opening| opening.first_ms),
            each(&|opening| opening.last_ms),
            each(&|opening| opening.all_s),
            each(&|opening| opening.jump_ms),
            seen.iter().map(|opening| opening.failures).sum::<usize>().to_string(),
        ]);
    }
    let columns = [
        "",
        "transfers",
        "requests to the server",
        "first byte of the first, ms",
        "of the last, ms",
        "all have all, s",
        "first byte after a jump to the end, ms",
        "failed",
    ];
    let title = format!(
        "{} open {} MB that nobody has opened, at 100 Mbit/s",
        herd::HERD,
        herd::FILM_BYTES / 1_000_000
    );
    Ok(print_table(&title, &columns, &rows)?)
}

fn compare_falls(peers: &[Peer]) -> Result<()> {
    let mut rows = Vec::new();
    for peer in peers {
        let contender = Contender::start(*peer)?;
        let falls = if *peer == Peer::Preau { FALLS } else { PEER_FALLS };
        let seen = (0..falls).map(|round| fall::fall(&contender, round)).collect::<Result<Vec<Fall>>>()?;
        let each = |figure: &dyn Fn(&Fall) -> f64| seen.iter().map(figure).collect::<Rounds>().to_string();
        rows.push(vec![
            peer.name().to_owned(),
            each(&|fall| fall.first_ms),
            each(&|fall| fall.class_ms),
            each(&|fall| fall.last_ms),
            each(&|fall| fall.back_s),
        ]);
    }
    let columns = [
        "",
        "first one who asks, ms",
        "a class after that, ms",
        "the last of it, ms",
        "asked again after, s",
    ];
    let title = format!(
        "Packets vanish: pages that are kept and stale, until the first byte (never: not within {} s)",
        fall::PATIENCE.as_secs()
    );
    Ok(print_table(&title, &columns, &rows)?)
}

#[expect(clippy::disallowed_methods, reason = "a benchmark measures real time")]
fn now() -> std::time::Instant {
    std::time::Instant::now()
}

/// How soon the box answers after its start.
fn show_starts() -> Result<()> {
    let (empty, full, stock) = start::compare(STARTS)?;
    let row = |name: String, times: Vec<f64>| vec![name, times.into_iter().collect::<Rounds>().to_string()];
    let name = format!("{} things, {} GB", stock.objects, stock.bytes / 1_000_000_000);
    let rows = [row("one page".to_owned(), empty), row(name, full)];
    Ok(print_table("From the box's start to the first answer from its cache", &["in it", "ms"], &rows)?)
}

/// Plays all cases with these caches. What the box does not hold is an error; what its peers do not is a figure.
fn play(peers: &[Peer]) -> Result<()> {
    let cases = suite::cases();
    let mut rows: Vec<Vec<String>> =
        cases.iter().map(|case| vec![case.name.to_owned(), case.what.to_owned()]).collect();
    let mut faults = Vec::new();
    for peer in peers {
        let contender = Contender::start(*peer)?;
        for (case, row) in cases.iter().zip(&mut rows) {
            let outcome = case.play(&contender);
            row.push(outcome.as_ref().map_or_else(|_| "**no**".to_owned(), |()| "yes".to_owned()));
            faults.extend(outcome.err().map(|error| (*peer, case.name, format!("{error:#}"))));
        }
    }
    let names: Vec<&str> = peers.iter().map(|peer| peer.name()).collect();
    print_table("Ranges and herds", &[&["case", "what must hold"], names.as_slice()].concat(), &rows)?;
    let row = |(peer, case, fault): &(Peer, &str, String)| {
        vec![peer.name().to_owned(), (*case).to_owned(), fault.replace('\n', " ")]
    };
    print_table("What did not hold", &["", "case", "why"], &faults.iter().map(row).collect::<Vec<_>>())?;
    let own = faults.iter().filter(|(peer, ..)| *peer == Peer::Preau).count();
    ensure!(own == 0, "the box fails in {own} cases");
    Ok(())
}
