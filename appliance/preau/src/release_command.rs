//! `preau release`: which releases of the machine's system there are, and putting one in.

use std::io::{self, Write as _};
use std::path::Path;
use std::process::ExitCode;

use access::Clock as _;
use anyhow::Context as _;
use jiff::tz::TimeZone;
use model::{PersonName, ReleaseVersion};
use store::Store;
use system::clock::{SystemClock, now};
use system::release::{Places, ReleaseReport};
use system::release_shelf::Haste;

use crate::cli::ReleaseCommand;
use crate::releases::{HurryError, Releases};
use crate::run::start_diagnostics;
use crate::{data_folder, operator, times};

/// Carries out one of its subcommands.
pub(crate) fn carry_out(command: &ReleaseCommand) -> anyhow::Result<ExitCode> {
    match command {
        ReleaseCommand::Look { report } => look(report),
        ReleaseCommand::Now { version, author, during_lessons, report, data } => {
            let data = data_folder::find(data.path.as_deref())?;
            hurry(&data, report, (version, *during_lessons), author)
        }
        ReleaseCommand::Install { order, from, show, report } => install(report, order, from, show),
    }
}

fn look(report: &Path) -> anyhow::Result<ExitCode> {
    start_diagnostics();
    let found = system::release::look(&Places::of_image(report), now(), system::release::last_words)?;
    tell(&found)?;
    Ok(ExitCode::SUCCESS)
}

/// The box itself sees to it, and records who wanted it: this only says so.
fn hurry(
    data: &Path,
    report: &Path,
    (version, is_despite_lessons): (&ReleaseVersion, bool),
    author: &PersonName,
) -> anyhow::Result<ExitCode> {
    let author = operator::attribute(Some(author))?;
    let now = SystemClock::new().now();
    let haste = Haste { version: version.clone(), at: now.at, is_despite_lessons };
    let releases = Releases::look(data, report).ok_or(HurryError::NoImage)?;
    let mut store = Store::open(&data.join(data_folder::STATE_FILE))?;
    releases.hurry(&mut store, data, (&author, None), (&haste, now.quality))?;
    writeln!(io::stdout(), "version {version} is put in within minutes: the machine starts anew then")?;
    Ok(ExitCode::SUCCESS)
}

fn install(report: &Path, order: &Path, from: &Path, show: &Path) -> anyhow::Result<ExitCode> {
    start_diagnostics();
    let places = Places::of_image(report);
    let version = system::release::install(&places, order, from, now(), |source, version| {
        system::release::write(source, version, show)
    });
    let version = version.context("no release is installed")?;
    writeln!(io::stdout(), "version {version} is installed: the machine starts anew")?;
    system::release::restart()
        .context("the machine does not start anew: the release waits for its next start")?;
    Ok(ExitCode::SUCCESS)
}

/// A line for each thing: what runs, what waits, what failed.
fn tell(report: &ReleaseReport) -> io::Result<()> {
    let mut out = io::stdout().lock();
    let state = if report.is_blessed { "good" } else { "not blessed yet" };
    writeln!(out, "running\t{}\t{state}", report.running)?;
    if let Some(version) = &report.installed {
        writeln!(out, "waiting\t{version}")?;
    }
    for failed in &report.failed {
        let at = failed.at().map(|at| times::write(at, &TimeZone::UTC));
        let at = at.as_deref().unwrap_or("at an unknown time");
        writeln!(out, "failed\t{}\t{at}\t{} times: {}", failed.version, failed.tries, failed.why)?;
    }
    Ok(())
}
