//! Plays an independent suite of tests for HTTP caches, `http-cache-tests`, with the box and its peers, by TLS.
//!
//! `conformance-bench FOLDER [CACHE...]`; the suite is in `conformance` beside FOLDER, where `./dev bench conformance` puts it. Nothing of
//! it is timed: a busy machine does not matter. It fails where the box does in what the RFCs require.

use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, Result, ensure};
use bench::ent::conformance::{Kind, Outcome, Verdict, play};
use bench::ent::contender::name_the_door;
use bench::ent::peers::Peer;
use bench::figures::print_table;
use bench::sandbox;

/// Tests of what is required that ask for something else than the RFCs do: the test, and why.
const SETTLED: [(&str, &str); 4] = [
    ("stale-close-must-revalidate", CLOSED),
    ("stale-close-proxy-revalidate", CLOSED),
    ("stale-close-no-cache", CLOSED),
    ("stale-close-s-maxage=2", CLOSED),
];
const CLOSED: &str = "the cache's own answer (RFC 9111 section 5.2.2.2: 504) has no field of the server's, and is taken for a stale one";

fn main() -> Result<ExitCode> {
    sandbox::run(|arguments| {
        let (folder, names) =
            arguments.split_first().context("usage: conformance-bench FOLDER [CACHE...]")?;
        let is_chosen = |peer: &Peer| names.is_empty() || names.iter().any(|name| name == peer.name());
        judge(Path::new(folder), Peer::JUDGED.into_iter().filter(is_chosen))
    })
}

fn judge(folder: &Path, peers: impl Iterator<Item = Peer>) -> Result<()> {
    let suite = folder.canonicalize()?.with_file_name("conformance");
    name_the_door(folder)?;
    let (mut rows, mut faults) = (Vec::new(), Vec::new());
    let mut own = 0;
    for peer in peers {
        let verdicts = play(peer, &suite).with_context(|| peer.name())?;
        let required = tally(&verdicts, Kind::Required);
        let optional = tally(&verdicts, Kind::Optional);
        let behaviour = tally(&verdicts, Kind::Behaviour);
        if peer == Peer::Preau {
            let is_settled = |it: &&Verdict| SETTLED.iter().any(|(name, _)| *name == it.name);
            let is_failed = |it: &&Verdict| it.kind == Kind::Required && it.outcome == Outcome::Fail;
            own = verdicts.iter().filter(is_failed).filter(|it| !is_settled(it)).count();
        }
        rows.push(vec![
            peer.name().to_owned(),
            required.to_string(),
            required.failed.to_string(),
            optional.to_string(),
            behaviour.to_string(),
        ]);
        let is_fault = |it: &&Verdict| it.kind != Kind::Behaviour && it.outcome != Outcome::Pass;
        let shown =
            verdicts.iter().filter(is_fault).filter(|it| peer == Peer::Preau || it.kind == Kind::Required);
        faults.extend(shown.map(|it| {
            vec![
                peer.name().to_owned(),
                format!("{:?}", it.kind),
                it.name.clone(),
                format!("{:?}", it.outcome),
                it.why.clone(),
            ]
        }));
    }
    let columns = ["", "required", "of these failed", "optional", "behaviours"];
    print_table("http-cache-tests: passed of all", &columns, &rows)?;
    print_table("What did not hold", &["", "kind", "test", "outcome", "why"], &faults)?;
    let settled: Vec<_> =
        SETTLED.iter().map(|(name, why)| vec![(*name).to_owned(), (*why).to_owned()]).collect();
    print_table("What these ask for is not what the RFCs say", &["test", "why"], &settled)?;
    ensure!(own == 0, "the box fails in {own} tests of what is required");
    Ok(())
}

/// How many of a kind.
struct Tally {
    passed: usize,
    failed: usize,
    all: usize,
}

impl std::fmt::Display for Tally {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} of {}", self.passed, self.all)
    }
}

fn tally(verdicts: &[Verdict], kind: Kind) -> Tally {
    let count = |outcome: Option<Outcome>| {
        let is_it = |it: &&Verdict| it.kind == kind && outcome.is_none_or(|outcome| it.outcome == outcome);
        verdicts.iter().filter(is_it).count()
    };
    Tally { passed: count(Some(Outcome::Pass)), failed: count(Some(Outcome::Fail)), all: count(None) }
}
