//! Measures the blocklist index at the size of the whole published list.
//!
//! `blocklist-bench FOLDER [NAMES]` writes a list of that many names (4,600,000 unless told) into FOLDER,
//! compiles it in a process of its own, looks names up in another, and prints a table. The list stays in
//! FOLDER/blacklists, for measuring other programs with the same names.

use std::env;
use std::fs;
use std::io::{self, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};
use bench::lists::{FULL_NAMES, make_queries, write_list};
use bench::random::Random;
use model::DomainName;
use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeValLike;

/// Names that are asked in the time measurement.
const QUERIES: usize = 2_000_000;
/// How often they are asked; the machine is shared, so that the fastest round tells most.
const ROUNDS: usize = 5;
/// Names that a classroom has asked when the memory is measured.
const DISTINCT_QUERIES: usize = 100_000;
/// Of the names that are asked, this part is in no list.
const MISSING_PERCENT: usize = 84;

fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["build", folder, names] => build(Path::new(folder), names.parse().context("the number of names")?),
        ["lookup", folder, queries] => look_up(Path::new(folder), Path::new(queries)),
        [folder] => measure(Path::new(folder), FULL_NAMES),
        [folder, names] => measure(Path::new(folder), names.parse().context("the number of names")?),
        _ => bail!("usage: blocklist-bench FOLDER [NAMES]"),
    }
}

fn measure(folder: &Path, names: usize) -> anyhow::Result<()> {
    let listed = write_list(folder, names)?;
    let queries = make_queries(&listed, QUERIES, MISSING_PERCENT, 7);
    fs::write(folder.join("queries"), queries.join("\n"))?;
    drop((listed, queries));
    run_self(&["build".as_ref(), folder.as_os_str(), names.to_string().as_ref()])?;
    run_self(&["lookup".as_ref(), folder.as_os_str(), folder.join("queries").as_os_str()])
}

fn build(folder: &Path, names: usize) -> anyhow::Result<()> {
    let start = now();
    let index = folder.join("index");
    let mut ignore = |_: blocklist::Event<'_>| {};
    let summary = system::lists::build_index(folder, &index, &mut ignore)?;
    let seconds = start.elapsed().as_secs_f64();
    ensure!(summary.domains == names, "{} names are compiled, not {names}", summary.domains);
    print(&[
        ("names", summary.domains.to_string()),
        ("addresses", summary.addresses.to_string()),
        ("URLs", summary.urls.to_string()),
        ("build, s", format!("{seconds:.1}")),
        ("build, s of the processor", format!("{:.1}", processor_time()?.as_secs_f64())),
        ("build, peak resident MB", format!("{:.0}", megabytes(peak_resident_bytes()?))),
        ("file, MB", format!("{:.1}", megabytes(fs::metadata(&index)?.len()))),
    ])
}

fn look_up(folder: &Path, queries: &Path) -> anyhow::Result<()> {
    let start = now();
    let index = system::lists::open_index(&folder.join("index"))?;
    let open = start.elapsed().as_millis();
    let before = resident_bytes()?;
    let mut names = Vec::with_capacity(QUERIES);
    for query in fs::read_to_string(queries)?.lines() {
        names.push(DomainName::parse(query)?);
    }
    let own = resident_bytes()? - before;
    let classroom = names.iter().take(DISTINCT_QUERIES);
    let found = classroom.filter(|name| !index.match_name(name).is_empty()).count();
    let resident = resident_bytes()? - own;
    let (mut rounds, mut reads) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let (start, start_processor) = (now(), processor_time()?);
        let found = names.iter().filter(|name| !index.match_name(name).is_empty()).count();
        let (elapsed, processor) = (start.elapsed(), processor_time()? - start_processor);
        let count = u32::try_from(names.len())?.max(1);
        let listed_percent = found * 100 / names.len().max(1);
        rounds.push((elapsed / count, processor / count, listed_percent));
        reads.push(time_random_reads());
    }
    let fastest = rounds.iter().min().context("no round")?;
    print(&[
        ("open and verify, ms", open.to_string()),
        ("resident MB before lookups", format!("{:.1}", megabytes(before))),
        ("resident MB after 100,000 names", format!("{:.1} ({found} listed)", megabytes(resident))),
        ("listed, %", fastest.2.to_string()),
        ("lookup, ns, fastest round", fastest.0.as_nanos().to_string()),
        ("lookup, ns of the processor", fastest.1.as_nanos().to_string()),
        ("one random read in 50 MB, ns", reads.iter().min().context("no round")?.to_string()),
        ("lookup, ns, all rounds", rounds.iter().map(|round| format!("{} ", round.0.as_nanos())).collect()),
    ])
}

fn print(rows: &[(&str, String)]) -> anyhow::Result<()> {
    let mut out = io::stdout().lock();
    for (what, figure) in rows {
        writeln!(out, "{what:<34}{figure}")?;
    }
    Ok(())
}

#[expect(clippy::cast_precision_loss, reason = "shown with one decimal")]
fn megabytes(bytes: u64) -> f64 {
    bytes as f64 / 1e6
}

/// Nanoseconds of one read in 50 MB whose place depends on the read before it: how busy the machine's memory is.
/// Lookups are made of such reads.
fn time_random_reads() -> u128 {
    const READS: u32 = 500_000;
    let memory = vec![1_u64; 50_000_000 / 8];
    let start = now();
    let mut random = Random::new(1);
    let mut read = 0;
    for _ in 0..READS {
        let place = random.below(memory.len() - 1) + usize::from(read == 0);
        read = std::hint::black_box(memory.get(place).copied().unwrap_or_default());
    }
    start.elapsed().as_nanos() / u128::from(READS)
}

/// The resident set (proc_pid_statm(5), second field).
fn resident_bytes() -> anyhow::Result<u64> {
    let statm = fs::read_to_string("/proc/self/statm")?;
    let pages: u64 = statm.split(' ').nth(1).context("statm")?.parse()?;
    Ok(pages * 4_096)
}

/// The most memory that this program ever had resident (proc_pid_status(5)): unlike getrusage(2), without that
/// of the process that started it.
fn peak_resident_bytes() -> anyhow::Result<u64> {
    let status = fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).context("VmHWM")?;
    Ok(line.trim().trim_end_matches(" kB").parse::<u64>()? * 1_024)
}

fn processor_time() -> anyhow::Result<Duration> {
    let usage = getrusage(UsageWho::RUSAGE_SELF)?;
    let microseconds = (usage.user_time() + usage.system_time()).num_microseconds();
    Ok(Duration::from_micros(microseconds.try_into()?))
}

#[expect(clippy::disallowed_methods, reason = "a benchmark measures real time")]
fn now() -> Instant {
    Instant::now()
}

#[expect(clippy::disallowed_methods, reason = "memory is measured in a process of its own")]
fn run_self(arguments: &[&std::ffi::OsStr]) -> anyhow::Result<()> {
    let status = Command::new(env::current_exe()?).args(arguments).stdin(Stdio::null()).status()?;
    if status.success() { Ok(()) } else { bail!("{status}") }
}
