//! The end of a run, its beginning reversed: the doors close, the journal last, and the firewall stays.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use access::Clock;
use anyhow::Context;
use system::nft::FirewallKeeper;
use system::sealing::{self, Manner, SealingError};
use system::segments::WriterThread;
use tokio::runtime::Runtime;

use super::doors::Doors;
use super::keeper::Keeper;
use crate::cli::RunOptions;
use crate::config::Config;
use crate::reader_keys;

/// What there is to do at the end, known from the beginning on.
pub(super) struct Ending {
    data: PathBuf,
    /// The configuration's file.
    config: Option<PathBuf>,
    manner: Manner,
    clock: Arc<dyn Clock>,
    is_opened: bool,
}

impl Ending {
    pub(super) fn new(config: &Config, options: &RunOptions, data: &Path, clock: &Arc<dyn Clock>) -> Self {
        Self {
            data: data.to_owned(),
            config: options.config.clone(),
            manner: config.sealing(options.config.as_deref()),
            clock: Arc::clone(clock),
            is_opened: options.remove_firewall_on_stop,
        }
    }

    /// Stops all that runs, and seals what this run has written. The network stays closed after the box, unless it is told otherwise.
    pub(super) fn carry_out(
        self,
        keeper: Keeper,
        doors: Doors,
        runtime: &Runtime,
        writer: WriterThread,
    ) -> anyhow::Result<()> {
        let mut firewall = close(keeper, doors, runtime, writer)?;
        let now = self.clock.now();
        match reader_keys::with_pages(self.manner, self.config.as_deref(), &self.data) {
            Ok(manner) => seal_the_rest(&self.data, &manner, now),
            Err(error) => tracing::warn!("the journal is not sealed yet: {error:#}"),
        }
        if self.is_opened {
            firewall.remove()?;
        }
        Ok(())
    }
}

/// Stops all that runs, the journal last. The firewall stays as it stands, and nothing is forwarded any more.
fn close(
    keeper: Keeper,
    doors: Doors,
    runtime: &Runtime,
    writer: WriterThread,
) -> anyhow::Result<FirewallKeeper> {
    let mut firewall = keeper.stop()?;
    if let Err(error) = firewall.stop_forwarding() {
        tracing::error!(%error, "the kernel's switches of forwarding cannot be set: the firewall alone closes the network");
    }
    runtime.block_on(doors.close());
    writer.stop().context("the last records of the journal could not be written")?;
    Ok(firewall)
}

/// Seals what this run has written. What cannot be sealed now waits for the next start.
fn seal_the_rest(data: &Path, manner: &Manner, now: access::Instant) {
    match sealing::seal(data, manner, now) {
        Ok(_) | Err(SealingError::Busy) => {}
        Err(error) => tracing::warn!("the journal is not sealed yet: {:#}", anyhow::Error::from(error)),
    }
}
