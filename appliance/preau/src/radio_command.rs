//! `preau radio`: hostapd for one radio, in a unit of its own.

use std::io;
use std::os::fd::AsFd as _;
use std::process::ExitCode;

use anyhow::Context as _;

use crate::cli::RadioArguments;
use crate::run::start_diagnostics;

/// Keeps it until the box wants it no more.
pub(crate) fn keep(arguments: &RadioArguments) -> anyhow::Result<ExitCode> {
    start_diagnostics();
    let connection = io::stdin().as_fd().try_clone_to_owned()?;
    system::hostapd::keep(connection, &arguments.folder)
        .context("no radio is kept: a running box asks for one by a socket (preau-hostapd.socket)")?;
    Ok(ExitCode::SUCCESS)
}
