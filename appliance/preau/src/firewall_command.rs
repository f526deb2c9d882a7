//! `preau firewall`.

use std::io::Write;
use std::process::ExitCode;

use anyhow::Context;
use system::nft::Nft;

use crate::config::Config;

/// Prints the ruleset of a configuration. What services let through depends on devices and names: a running box has that.
pub(crate) fn show(config: &Config) -> anyhow::Result<ExitCode> {
    let network = config.network.as_ref();
    let network =
        network.context("the configuration has no [lan] and [wan]: the box would load no firewall")?;
    let policy = network.firewall.clone();
    let policy = if config.filter.services.is_empty() { policy } else { policy.with_passages(vec![]) };
    write!(std::io::stdout(), "{}", firewall::compile(&policy))?;
    Ok(ExitCode::SUCCESS)
}

/// Takes the box's table out of the kernel.
pub(crate) fn remove() -> anyhow::Result<ExitCode> {
    Nft::default().remove()?;
    writeln!(
        std::io::stdout(),
        "the table of the box is gone: nothing is filtered on this machine any more"
    )?;
    Ok(ExitCode::SUCCESS)
}
