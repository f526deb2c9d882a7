//! `preau hub alert`: whether those who are to hear of a school would.

use std::io::{self, Write as _};
use std::process::ExitCode;

use anyhow::bail;
use hub::write_test;
use system::clock::now;

use crate::cli::{HubAlertArguments, HubAlertCommand};
use crate::config::HubConfig;

pub(crate) fn carry_out(command: &HubAlertCommand) -> anyhow::Result<ExitCode> {
    match command {
        HubAlertCommand::Test(arguments) => test(arguments),
    }
}

fn test(arguments: &HubAlertArguments) -> anyhow::Result<ExitCode> {
    let config = HubConfig::load(Some(&arguments.config))?;
    let channels = config.ways.channels();
    if channels.is_empty() {
        bail!("the configuration has neither [alerts.mail] nor [alerts.webhook]")
    }
    let (mut out, mut code) = (io::stdout().lock(), ExitCode::SUCCESS);
    for channel in channels {
        let alert = write_test(channel, &config.commune, &config.timezone, now());
        match config.ways.send(&alert, now()) {
            Ok(()) => writeln!(out, "{}\tsent", channel.as_str())?,
            Err(error) => {
                writeln!(out, "{}\tfailed\t{:#}", channel.as_str(), anyhow::Error::from(error))?;
                code = ExitCode::FAILURE;
            }
        }
    }
    Ok(code)
}
