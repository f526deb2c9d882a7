//! `preau journal seal`.

use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;

use access::Clock;
use anyhow::{Context, bail};
use system::clock::SystemClock;
use system::priority::yield_to_all;
use system::sealing::{self, BUSY_STATUS, SealingError};

use crate::config::Config;

/// Seals what is finished. In the background, only failures are told.
pub(crate) fn seal(data: &Path, config: &Config, is_background: bool) -> anyhow::Result<ExitCode> {
    if !data.is_dir() {
        bail!("there is no data folder {}", data.display());
    }
    if is_background && let Err(error) = yield_to_all() {
        let _told = writeln!(io::stderr(), "preau: the journal is sealed with a usual priority: {error}");
    }
    let done = match sealing::seal(data, &config.school.timezone, SystemClock::new().now()) {
        Err(SealingError::Busy) => return Ok(ExitCode::from(BUSY_STATUS)),
        done => done.context("the journal is not sealed")?,
    };
    if is_background {
        return Ok(ExitCode::SUCCESS);
    }
    let mut out = io::stdout().lock();
    for seal in &done.sealed {
        writeln!(
            out,
            "seal {}\t{}\t{} records\t{} bytes\t{}",
            seal.number,
            seal.day,
            seal.records,
            seal.file.bytes,
            seal.file_name()
        )?;
    }
    if done.sealed.is_empty() {
        writeln!(out, "nothing is finished that is not sealed")?;
    }
    Ok(ExitCode::SUCCESS)
}
