//! Measures what a new list costs the school while it comes into force, beside Debian's unbound and dnsmasq.
//!
//! `swap-bench FOLDER [ROUNDS]` takes the list of FOLDER, or makes it there, and starts the name servers one after
//! the other. A classroom asks each 5,000 questions a second; meanwhile the list gets one more name. The box's is
//! compiled by a child process, as its own updates are; unbound and dnsmasq are told to read theirs anew.

use std::fs;
use std::io;
use std::net::{Ipv4Addr, UdpSocket};
use std::path::Path;
use std::process::ExitCode;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use bench::dns::authority;
use bench::dns::load::{Plan, School};
use bench::dns::peers::{AUTHORITY_PORT, Peer, is_answered_with};
use bench::dns::steady::{Classroom, Waits};
use bench::figures::{Rounds, print_table, short};
use bench::listed::Listed;
use bench::machine;
use bench::process::{Program, command};
use bench::sandbox;

/// Rounds unless told otherwise.
const ROUNDS: usize = 3;
/// How long the classroom asks before the list changes, and after: what a quiet server does is in every round.
const MARGIN: Duration = Duration::from_secs(3);
/// How long a quiet server is asked, for comparison.
const QUIET: Duration = Duration::from_secs(10);
/// How long a list may take to come into force.
const PATIENCE: Duration = Duration::from_secs(300);
/// How often the new name is asked for.
const LOOK: Duration = Duration::from_millis(50);
/// Permitted names of the classroom's questions.
const POPULAR_NAMES: usize = 5_000;
/// Different refused names among the questions.
const REFUSED_NAMES: usize = 20_000;
/// Of the questions, this part is for a refused name.
const REFUSED_PERCENT: usize = 4;
/// Questions before they repeat.
const QUESTIONS: usize = 200_000;
/// Where every permitted name is.
const ADDRESS: [u8; 4] = [198, 51, 100, 10];
/// The category of the added names, which every configuration refuses.
const CATEGORY: &str = "gambling";

fn main() -> Result<ExitCode> {
    sandbox::run(|arguments| {
        let (folder, rounds) = match arguments {
            [folder] => (folder, ROUNDS),
            [folder, rounds] => (folder, rounds.parse().context("the number of rounds")?),
            _ => anyhow::bail!("usage: swap-bench FOLDER [ROUNDS]"),
        };
        machine::print()?;
        measure(Path::new(folder), rounds)?;
        Ok(machine::print()?)
    })
}

/// What is asked.
struct Names {
    permitted: Vec<String>,
    refused: Vec<String>,
}

fn measure(folder: &Path, rounds: usize) -> Result<()> {
    let mut listed = Listed::find(folder)?;
    let names = Names { permitted: listed.permitted(POPULAR_NAMES)?, refused: listed.refused(REFUSED_NAMES) };
    authority::serve(UdpSocket::bind((Ipv4Addr::LOCALHOST, AUTHORITY_PORT))?, |_| ADDRESS)?;
    let source = fs::canonicalize(folder)?;
    let folder = source.join("swap");
    // Lists of an earlier run have its names.
    if folder.exists() {
        fs::remove_dir_all(&folder)?;
    }
    fs::create_dir_all(&folder)?;
    copy_list(&source, &folder)?;
    let index = folder.join("lists.idx");
    fs::copy(&listed.index, &index)?;
    listed.index = index;
    let (mut waits, mut memory) = (Vec::new(), Vec::new());
    for peer in Peer::ALL {
        let mut course =
            Course { peer, program: peer.start(&listed, &folder)?, folder: &folder, index: &listed.index };
        let mut column = Column::default();
        for round in 0..rounds {
            column.add(&course.run(&names, round)?);
        }
        waits.push(column.waits(peer));
        memory.push(column.memory(peer));
    }
    let columns =
        ["", "in force after s", "lost", "p99 ms", "p99.9 ms", "longest ms", "p99.9 ms of a quiet server"];
    print_table("Answers while a new list comes into force, at 5,000 questions a second", &columns, &waits)?;
    let columns = ["", "resident before, MB", "at its peak", "whoever compiles, at its peak"];
    Ok(print_table("Memory while a new list comes into force", &columns, &memory)?)
}

/// Copies the list's text, to be added to. Aliases are links and stay links.
fn copy_list(source: &Path, folder: &Path) -> Result<()> {
    let mut copy = command("cp");
    copy.arg("--archive").arg(source.join(blocklist::ROOT_FOLDER)).arg(folder);
    bench::process::run(copy)
}

/// A name server and its list.
struct Course<'a> {
    peer: Peer,
    program: Program,
    folder: &'a Path,
    index: &'a Path,
}

/// What one new list cost.
struct Outcome {
    quiet: Waits,
    busy: Waits,
    in_force_s: f64,
    before_mb: f64,
    peak_mb: f64,
    compiler_mb: f64,
}

impl Course<'_> {
    fn run(&mut self, names: &Names, round: usize) -> Result<Outcome> {
        let server = self.peer.address();
        School::new(server)?.warm(&mut Plan::each_kind(&names.permitted));
        let plan = || Plan::mix(&names.permitted, &names.refused, REFUSED_PERCENT, QUESTIONS);
        let classroom = Classroom::start(server, plan())?;
        thread::sleep(QUIET);
        let quiet = classroom.stop()?;

        let added = format!("{}{round}.example", self.peer.name());
        ensure!(is_answered_with(server, &added, ADDRESS), "{added} is refused before it is listed");
        self.program.forget_peak()?;
        let before = self.program.memory()?;
        let classroom = Classroom::start(server, plan())?;
        thread::sleep(MARGIN);
        let start = now();
        let compiler = self.change(&added)?;
        let mut compiler_peak = 0;
        while is_answered_with(server, &added, ADDRESS) || !is_answered_with(server, "still.example", ADDRESS)
        {
            ensure!(start.elapsed() < PATIENCE, "{added} is not refused");
            compiler_peak = compiler
                .iter()
                .filter_map(|compiler| compiler.memory().ok())
                .map(|memory| memory.peak)
                .fold(compiler_peak, u64::max);
            thread::sleep(LOOK);
        }
        let in_force_s = start.elapsed().as_secs_f64();
        thread::sleep(MARGIN);
        let busy = classroom.stop()?;
        let peak = self.program.memory()?.peak;
        Ok(Outcome {
            quiet,
            busy,
            in_force_s,
            before_mb: megabytes(before.resident),
            peak_mb: megabytes(peak),
            compiler_mb: megabytes(compiler_peak),
        })
    }

    /// Adds a name to the server's list, and has it come into force. Returns whoever compiles it.
    fn change(&self, name: &str) -> Result<Option<Program>> {
        if self.peer != Peer::Preau {
            self.peer.add_name(self.folder, name)?;
            return self.program.hang_up().map(|()| None);
        }
        let domains = self.folder.join(blocklist::ROOT_FOLDER).join(CATEGORY).join("domains");
        add_line(&domains, name)?;
        let mut compile = command("nice");
        compile.args(["-n", "19"]).arg(harness::preau_binary()?).args(["blocklist", "build"]);
        compile.arg(self.folder).arg("--out").arg(self.index);
        Program::start("compiler", compile, self.folder).map(Some)
    }
}

fn add_line(path: &Path, line: &str) -> io::Result<()> {
    let mut text = fs::read_to_string(path)?;
    if !text.ends_with('\n') {
        text.push('\n');
    }
    fs::write(path, format!("{text}{line}\n"))
}

/// What one server did in each round.
#[derive(Default)]
struct Column {
    in_force_s: Rounds,
    lost: usize,
    asked: usize,
    p99: Rounds,
    p999: Rounds,
    longest: Rounds,
    quiet: Rounds,
    before_mb: Rounds,
    peak_mb: Rounds,
    compiler_mb: Rounds,
}

impl Column {
    fn add(&mut self, outcome: &Outcome) {
        self.in_force_s.add(outcome.in_force_s);
        self.lost += outcome.busy.lost();
        self.asked += outcome.busy.asked;
        self.p99.add(outcome.busy.percentile_ms(0.99));
        self.p999.add(outcome.busy.percentile_ms(0.999));
        self.longest.add(outcome.busy.percentile_ms(1.0));
        self.quiet.add(outcome.quiet.percentile_ms(0.999));
        self.before_mb.add(outcome.before_mb);
        self.peak_mb.add(outcome.peak_mb);
        self.compiler_mb.add(outcome.compiler_mb);
    }

    fn waits(&self, peer: Peer) -> Vec<String> {
        vec![
            peer.name().to_owned(),
            self.in_force_s.to_string(),
            format!("{} of {}", self.lost, self.asked),
            self.p99.to_string(),
            self.p999.to_string(),
            self.longest.to_string(),
            self.quiet.to_string(),
        ]
    }

    fn memory(&self, peer: Peer) -> Vec<String> {
        let compiler = match peer {
            Peer::Preau => short(self.compiler_mb.median()),
            Peer::Unbound | Peer::Dnsmasq => "-".to_owned(),
        };
        let [before, peak] = [&self.before_mb, &self.peak_mb].map(|rounds| short(rounds.median()));
        vec![peer.name().to_owned(), before, peak, compiler]
    }
}

#[expect(clippy::cast_precision_loss, reason = "shown with three digits")]
fn megabytes(bytes: u64) -> f64 {
    bytes as f64 / 1e6
}

#[expect(clippy::disallowed_methods, reason = "a benchmark measures real time")]
fn now() -> Instant {
    Instant::now()
}
