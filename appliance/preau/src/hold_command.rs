//! `preau journal hold`.

use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;

use access::Clock;
use anyhow::{Context, bail};
use archive::{Hold, Lift};
use jiff::tz::TimeZone;
use model::{Motive, Timestamp};
use system::clock::SystemClock;
use system::sealing;
use system::vault::Folder;

use crate::cli::{Author, HoldAddArguments};
use crate::{data_folder, journal_command, operator, times};

/// Adds a hold, and tells what the box can make of it.
pub(crate) fn add(arguments: HoldAddArguments, zone: &TimeZone) -> anyhow::Result<ExitCode> {
    let HoldAddArguments { from, to, device, reason, author, data, .. } = arguments;
    let from = from.as_deref().map(|text| times::parse_start(text, zone)).transpose().context("--from")?;
    let to = to.as_deref().map(|text| times::parse_end(text, zone)).transpose().context("--to")?;
    let data = data_folder::find(data.path.as_deref())?;
    if !data.is_dir() {
        bail!("there is no data folder {}", data.display());
    }
    let is_of_device = device.is_some();
    let hold = Hold { from, to, device, author: operator::attribute(Some(&author.author))?, reason };
    let number = sealing::add_hold(&data, SystemClock::new().now(), hold).context("nothing is held")?;
    writeln!(io::stdout(), "hold {number}")?;
    if is_of_device {
        writeln!(
            io::stderr(),
            "The box cannot read what is encrypted: every sealed file of that time is held, for it may have the device."
        )?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Lists what is held: number, since when, window, device, author, reason, between tabs.
pub(crate) fn list(data: &Path, zone: &TimeZone) -> anyhow::Result<ExitCode> {
    let log = Folder::new(data).read_log()?;
    let mut out = io::stdout().lock();
    let write =
        |time: Option<Timestamp>| time.map_or_else(|| "-".to_owned(), |time| times::write(time, zone));
    for (number, (statement, hold)) in log.holds() {
        let Hold { from, to, device, author, reason } = hold;
        let device = device.as_ref().map_or_else(|| "-".to_owned(), ToString::to_string);
        let (since, from, to) = (write(Some(statement.at)), write(*from), write(*to));
        writeln!(out, "{number}\t{since}\t{from}\t{to}\t{device}\t{author}\t{reason}")?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Lifts a hold.
pub(crate) fn lift(data: &Path, hold: u64, reason: Motive, author: &Author) -> anyhow::Result<ExitCode> {
    let lift = Lift { hold, author: operator::attribute(Some(&author.author))?, reason };
    sealing::lift_hold(data, SystemClock::new().now(), lift).context("nothing is lifted")?;
    writeln!(io::stdout(), "hold {hold} is lifted")?;
    Ok(ExitCode::SUCCESS)
}

/// The time zone in which times are given and told.
pub(crate) fn zone(config: Option<&Path>) -> anyhow::Result<TimeZone> {
    match config {
        Some(path) => Ok(crate::config::Config::load(path)?.school.timezone),
        None => Ok(journal_command::default_time_zone()),
    }
}
