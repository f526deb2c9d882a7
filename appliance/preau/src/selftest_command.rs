//! `preau selftest`: the box attacks itself, and what became of it.

mod others;
mod records;
mod table;
mod targets;

use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, ensure};
use firewall::Interface;
use portal::pages::SelftestReport;
use selftest::{Attack, Place, Run, Seen, State, list};
use system::clock::now;
use system::priority::yield_to_all;
use system::selftest::{Sources, Testbed, carry_out, is_dead};

use crate::cli::SelftestArguments;
use crate::config::Config;
use crate::data_folder;
use crate::policy_command::School;

use records::Records;
pub(crate) use table::{report, word};
use targets::Plan;
pub(crate) use targets::doors;

/// Attacks the box, keeps what became of it where it ran on the box, and prints it. Exit status 1 when something failed,
/// or nothing was tried.
pub(crate) fn filter(arguments: &SelftestArguments) -> anyhow::Result<ExitCode> {
    if arguments.background
        && let Err(error) = yield_to_all()
    {
        let _told = writeln!(io::stderr(), "preau: the self-test has a usual priority: {error}");
    }
    let config = Config::load_or_default(arguments.config.as_deref())?;
    let run = match arguments.address {
        Some(_) => attack_from_here(&config, arguments)?,
        None => attack_here(config.clone(), arguments)?,
    };
    if !arguments.background {
        show(&run, arguments)?;
    }
    if let Some(file) = &arguments.report {
        let school = &config.school;
        let page = SelftestReport::of(&report(&run, &school.timezone, school.helpdesk.as_deref())).render();
        std::fs::write(file, page).with_context(|| format!("cannot write {}", file.display()))?;
    }
    Ok(if run.is_good() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Lists what became of the last runs.
pub(crate) fn history(data: &Path, config: &Config) -> anyhow::Result<ExitCode> {
    let runs = data_folder::selftest_results(data).list();
    let mut out = io::stdout().lock();
    if runs.is_empty() {
        writeln!(out, "no self-test was made yet")?;
    }
    for run in runs {
        table::show_line(&mut out, &run, &config.school.timezone)?;
    }
    Ok(ExitCode::SUCCESS)
}

/// From a technician's PC: whatever that machine may see, and no journal.
fn attack_from_here(config: &Config, arguments: &SelftestArguments) -> anyhow::Result<Run> {
    let plan = Plan::for_machine(config, arguments, now()).context("no address of a box")?;
    let attacks = list(&plan.targets);
    let seen = carry_out(&attacks, Sources::Machine);
    ensure!(!is_dead(&seen), "nobody answers at {}: nothing was tested", plan.targets.place.ipv4);
    Ok(finish(plan.run, &plan.targets.place, &attacks, &seen, None))
}

/// On the box: from the school's side, or on loopback where it has no other.
fn attack_here(config: Config, arguments: &SelftestArguments) -> anyhow::Result<Run> {
    let school = School::open(config, arguments.data.path.as_deref())?;
    let results = data_folder::selftest_results(&school.data);
    let lock = results.lock()?;
    let started = now();
    let plan = Plan::for_box(&school, arguments, started)?;
    // One that is cut off is a result, too. A full disk is no reason not to look: it is told at the end.
    let kept = results.keep(&lock, &plan.run);
    results.clear(&lock, started);
    let attacks = list(&plan.targets);
    let seen = match plan.wires {
        Some(wires) => Testbed::with(wires, || carry_out(&attacks, Sources::School)),
        None => Ok(carry_out(&attacks, Sources::Loopback)),
    };
    let (seen, trouble) = match seen {
        Ok(seen) => (seen, None),
        Err(error) => (vec![], Some(error)),
    };
    let is_dead = is_dead(&seen);
    let others = if is_dead || trouble.is_some() { vec![] } else { others::look(&school.config) };
    let records = Records::await_all(&school.data, &plan, &attacks, started);
    let mut run = finish(plan.run, &plan.targets.place, &attacks, &seen, Some(&records));
    run.results.extend(others);
    let outcome = kept.and_then(|()| results.keep(&lock, &run));
    if let Some(error) = trouble {
        return Err(error).context("the box was not attacked");
    }
    outcome.context("the result cannot be kept")?;
    ensure!(
        !is_dead,
        "the box does not answer at {} on the interface {}, so that nothing was tested: does it run, and answer for its \
         addresses on every interface (net.ipv4.conf.all.arp_ignore = 0)?",
        plan.targets.place.ipv4,
        Interface::TESTERS
    );
    Ok(run)
}

/// Judges everything.
fn finish(run: Run, place: &Place, attacks: &[Attack], seen: &[Vec<Seen>], records: Option<&Records>) -> Run {
    let own = place.own_addresses();
    let results = attacks.iter().enumerate().map(|(number, attack)| {
        let seen = seen.get(number).map(Vec::as_slice).unwrap_or_default();
        let outcome = attack.judge(seen, &own);
        let outcome = match records {
            Some(records) => attack.judge_records(outcome, |record| records.has(attack, record)),
            None => outcome,
        };
        selftest::Result::of(attack, outcome)
    });
    let results: Vec<_> = results.collect();
    let is_cut = results.iter().any(selftest::Result::is_cut);
    let state = if is_cut { State::Cut } else { State::Finished };
    Run { ended_ms: Some(now().unix_ms()), state, results, ..run }
}

fn show(run: &Run, arguments: &SelftestArguments) -> anyhow::Result<()> {
    let mut out = io::stdout().lock();
    if arguments.json {
        out.write_all(&run.to_bytes()?)?;
        writeln!(out)?;
        return Ok(());
    }
    table::show(&mut out, run, arguments.language)?;
    Ok(())
}
