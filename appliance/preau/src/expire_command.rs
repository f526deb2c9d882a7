//! `preau journal expire`, and what the nightly process does of it.

use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;

use access::{Clock, Instant};
use anyhow::{Context, bail};
use model::{ClockQuality, Timestamp};
use system::clock::{SystemClock, keep_pace};
use system::sealing::{self, BUSY_STATUS, Expired, Manner, SealingError, Vouched};
use system::space::{self, Reserve};

use crate::cli::ExpireArguments;
use crate::config::Config;
use crate::{data_folder, operator, times};

/// How far what a person says may be from a clock that a time server disciplines.
const DISAGREEMENT_MS_MAX: u64 = 86_400_000;

/// Deletes what is past its time, and tells what and what not.
pub(crate) fn expire(arguments: &ExpireArguments) -> anyhow::Result<ExitCode> {
    let config = Config::load_or_default(arguments.config.as_deref())?;
    let data = data_folder::find(arguments.data.path.as_deref())?;
    if !data.is_dir() {
        bail!("there is no data folder {}", data.display());
    }
    let vouched = arguments.vouched.as_ref().map(|name| operator::attribute(Some(name))).transpose()?;
    let vouched = vouched.map(|name| Vouched { name, is_far_meant: arguments.far });
    let mut now = SystemClock::new().now();
    if let Some(text) = &arguments.now {
        let at = times::parse_start(text, &config.school.timezone).context("--now")?;
        check_vouched(at, now)?;
        now.at = at;
    }
    if vouched.is_none() {
        now = keep_pace(&data, now);
    }
    let manner = config.sealing(arguments.config.as_deref());
    match sealing::expire(&data, &manner, now, vouched.as_ref()) {
        Err(SealingError::Busy) => Ok(ExitCode::from(BUSY_STATUS)),
        expired => tell(&expired.context("nothing is deleted")?, io::stdout().lock()),
    }
}

/// A slip of the pen must not delete years.
fn check_vouched(at: Timestamp, now: Instant) -> anyhow::Result<()> {
    let is_far = at.unix_ms().abs_diff(now.at.unix_ms()) > DISAGREEMENT_MS_MAX;
    if now.quality == ClockQuality::Synchronised && is_far {
        bail!(
            "--now: a time server disciplines this machine's clock, and it shows another day: leave --now out"
        )
    }
    Ok(())
}

fn tell(expired: &Expired, mut out: impl Write) -> anyhow::Result<ExitCode> {
    let Expired { files, segments, waiting, doubt, held, stuck } = expired;
    for file in files {
        writeln!(out, "deleted\t{file}")?;
    }
    for segment in segments {
        writeln!(out, "deleted unsealed\tsegment {segment}")?;
    }
    if *held > 0 {
        writeln!(out, "{held} files are past their time and held: preau journal hold list")?;
    }
    for (file, error) in stuck {
        writeln!(out, "cannot be erased\t{file}\t{error}")?;
    }
    match doubt {
        Some(doubt) => {
            writeln!(out, "nothing is deleted: {doubt}. By this clock {waiting} files are past their time")?;
            Ok(ExitCode::FAILURE)
        }
        None if !stuck.is_empty() => Ok(ExitCode::FAILURE),
        None if files.is_empty() && segments.is_empty() => {
            writeln!(out, "nothing is past its time")?;
            Ok(ExitCode::SUCCESS)
        }
        None => Ok(ExitCode::SUCCESS),
    }
}

/// What the process of each night deletes after it has sealed. That a clock is in doubt is told only where something
/// waits for it.
pub(crate) fn expire_nightly(data: &Path, manner: &Manner, now: Instant) -> anyhow::Result<()> {
    let expired = sealing::expire(data, manner, now, None).context("nothing is deleted of the journal")?;
    let outlook = space::look(data, now.at).context("the journal's room is not known")?;
    Reserve::new(data).keep(&outlook).context("no room can be kept for the journal")?;
    if let Some(doubt) = expired.doubt.filter(|_| expired.waiting > 0) {
        writeln!(
            io::stderr(),
            "preau: {} sealed files seem past their time and are not deleted: {doubt}",
            expired.waiting
        )?;
    }
    // The run has gone on past them, and the next one tries again.
    match expired.stuck.first() {
        Some((file, error)) => {
            bail!("{} files past their time cannot be erased, {file} for one: {error}", expired.stuck.len())
        }
        None => Ok(()),
    }
}
