//! Measures the box's DNS beside Debian's unbound and dnsmasq: answers a second, processor time an answer, memory.
//!
//! `dns-bench FOLDER [ROUNDS]` takes the list of FOLDER, or makes it there, starts the three name servers in a
//! network of their own, fills their caches, and asks each in turn. Processor time is that of the server's
//! process, all threads: what the asking costs is not in it, what the journal costs is.

use std::fs;
use std::net::{Ipv4Addr, UdpSocket};
use std::path::Path;
use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use bench::dns::authority;
use bench::dns::load::{Plan, School, Tally};
use bench::dns::peers::{AUTHORITY_PORT, Peer};
use bench::figures::{Rounds, print_table, short};
use bench::listed::Listed;
use bench::machine;
use bench::process::{Memory, Program};
use bench::sandbox;

/// Rounds unless told otherwise.
const ROUNDS: usize = 5;
/// How long a server is asked in a round.
const ROUND: Duration = Duration::from_secs(4);
/// What the box's journal needs after the last question: it commits every second.
const SETTLE: Duration = Duration::from_millis(1_500);
/// Different permitted names that every server has answered before its memory is read.
const DISTINCT_NAMES: usize = 100_000;
/// Different refused names among the questions.
const REFUSED_NAMES: usize = 20_000;
/// Permitted names of the classroom's questions.
const POPULAR_NAMES: usize = 5_000;
/// Of a classroom's questions, this part is for a refused name.
const REFUSED_PERCENT: usize = 4;
/// Questions before they repeat.
const QUESTIONS: usize = 400_000;
/// Questions that a server may lose while its cache is filled: clients ask again.
const LOST_MAX: u32 = 1_000;
/// Pause between two questions of the quiet load.
const QUIET_PAUSE: Duration = Duration::from_micros(400);

fn main() -> Result<ExitCode> {
    sandbox::run(|arguments| {
        let (folder, rounds) = match arguments {
            [folder] => (folder, ROUNDS),
            [folder, rounds] => (folder, rounds.parse().context("the number of rounds")?),
            _ => anyhow::bail!("usage: dns-bench FOLDER [ROUNDS]"),
        };
        machine::print()?;
        measure(Path::new(folder), rounds)?;
        Ok(machine::print()?)
    })
}

/// A name server that runs, and what it was seen to do.
struct Contender {
    peer: Peer,
    program: Program,
    school: School,
    at_start: Memory,
}

fn measure(folder: &Path, rounds: usize) -> Result<()> {
    let listed = Listed::find(folder)?;
    let permitted = listed.permitted(DISTINCT_NAMES)?;
    ensure!(permitted.len() == DISTINCT_NAMES, "too few names are in no list");
    let refused = listed.refused(REFUSED_NAMES);
    let forwarded =
        authority::serve(UdpSocket::bind((Ipv4Addr::LOCALHOST, AUTHORITY_PORT))?, |_| [198, 51, 100, 10])?;
    let folder = fs::canonicalize(folder)?.join("dns");
    fs::create_dir_all(&folder)?;
    let start = |peer: Peer| {
        let program = peer.start(&listed, &folder)?;
        let at_start = program.memory()?;
        Ok(Contender { peer, program, school: School::new(peer.address())?, at_start })
    };
    let mut contenders = Peer::ALL.into_iter().map(start).collect::<Result<Vec<_>>>()?;
    let names = listed.names.len();
    drop(listed);
    let popular = permitted.get(..POPULAR_NAMES).unwrap_or_default();
    warm(&mut contenders, &permitted, popular, &refused, &forwarded)?;
    show_memory(&contenders, names)?;
    let mut classroom = Plan::mix(popular, &refused, REFUSED_PERCENT, QUESTIONS);
    compare("A classroom at full load", &mut contenders, rounds, |school| {
        school.press(&mut classroom, ROUND)
    })?;
    let mut wide = Plan::each(permitted.get(..DISTINCT_NAMES / 2).unwrap_or_default());
    compare(
        "50,000 names in turn at full load: most answers are records of their own",
        &mut contenders,
        rounds,
        |school| school.press(&mut wide, ROUND),
    )?;
    compare("A classroom, one question at a time", &mut contenders, rounds, |school| {
        school.ask_slowly(&mut classroom, ROUND, QUIET_PAUSE)
    })
}

/// Has every server answer every name, the popular ones last so that they are in every cache.
fn warm(
    contenders: &mut [Contender],
    permitted: &[String],
    popular: &[String],
    refused: &[String],
    forwarded: &AtomicU64,
) -> Result<()> {
    for Contender { peer, school, .. } in contenders {
        let peer = peer.name();
        for mut plan in [Plan::each(permitted), Plan::each_kind(popular)] {
            let Tally { failures, lost, .. } = school.warm(&mut plan);
            ensure!(failures + lost <= LOST_MAX, "{peer} failed {failures} times and lost {lost} questions");
        }
        thread::sleep(SETTLE);
        let before = forwarded.load(Ordering::Relaxed);
        school.warm(&mut Plan::each(refused));
        let passed = forwarded.load(Ordering::Relaxed) - before;
        ensure!(passed == 0, "{peer} let {passed} refused names pass");
    }
    thread::sleep(SETTLE);
    Ok(())
}

fn show_memory(contenders: &[Contender], names: usize) -> Result<()> {
    let mut rows = Vec::new();
    for Contender { peer, program, at_start, .. } in contenders {
        let now = program.memory()?;
        let megabytes = [at_start.resident, now.resident, now.anonymous, now.file].map(megabytes);
        rows.push([vec![peer.name().to_owned()], megabytes.map(short).to_vec()].concat());
    }
    let title = format!(
        "Memory in MB with {names} refused names, after {DISTINCT_NAMES} permitted and {REFUSED_NAMES} refused ones"
    );
    let columns = ["", "resident at start", "resident", "its own (RssAnon)", "files (RssFile)"];
    Ok(print_table(&title, &columns, &rows)?)
}

/// Asks every server in turn, `rounds` times, and shows what came of it.
fn compare(
    title: &str,
    contenders: &mut [Contender],
    rounds: usize,
    mut ask: impl FnMut(&mut School) -> Tally,
) -> Result<()> {
    let mut columns: Vec<Column> = contenders.iter().map(|_| Column::default()).collect();
    for _ in 0..rounds {
        for (contender, column) in contenders.iter_mut().zip(&mut columns) {
            let before = contender.program.processor_s()?;
            let tally = ask(&mut contender.school);
            thread::sleep(SETTLE);
            column.add(tally, contender.program.processor_s()? - before);
        }
    }
    let own = columns.first().map(|column| column.processor_us.clone()).unwrap_or_default();
    let rows = contenders.iter().zip(&columns).map(|(contender, column)| column.row(contender.peer, &own));
    let header = ["", "answers a second", "µs of processor an answer", "preau's is", "failed or lost"];
    Ok(print_table(title, &header, &rows.collect::<Vec<_>>())?)
}

/// What one server did in each round.
#[derive(Default)]
struct Column {
    answers_a_second: Vec<f64>,
    processor_us: Vec<f64>,
    answers: u32,
    missing: u32,
}

impl Column {
    fn add(&mut self, tally: Tally, processor_s: f64) {
        let answers = f64::from(tally.answers.max(1));
        self.answers_a_second.push(answers / tally.seconds);
        self.processor_us.push(processor_s * 1e6 / answers);
        self.answers += tally.answers;
        self.missing += tally.failures + tally.lost;
    }

    fn row(&self, peer: Peer, own_us: &[f64]) -> Vec<String> {
        let rounds = |figures: &[f64]| figures.iter().copied().collect::<Rounds>().to_string();
        vec![
            peer.name().to_owned(),
            rounds(&self.answers_a_second),
            rounds(&self.processor_us),
            Rounds::ratios(own_us, &self.processor_us).to_string(),
            format!("{} of {}", self.missing, self.answers),
        ]
    }
}

#[expect(clippy::cast_precision_loss, reason = "shown with three digits")]
fn megabytes(bytes: u64) -> f64 {
    bytes as f64 / 1e6
}
