//! Options of `preau hub lists`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::hub::HubData;

/// Subcommands of `preau hub lists`.
#[derive(Debug, Subcommand)]
pub(crate) enum HubListsCommand {
    /// Fetch the lists from the mirror that hub.toml names, and publish them where they lost nothing much. A running hub does it each night.
    Update {
        /// Make room for others, and say nothing: what became of it stands in the hub's folder, and people are told.
        #[arg(long, hide = true)]
        background: bool,
        #[command(flatten)]
        place: HubListsPlace,
    },
    /// Publish a list that is held back: somebody has looked at it, and it is right.
    Accept {
        #[command(flatten)]
        place: HubListsPlace,
    },
    /// Tell what is published, and what became of the last update.
    Status {
        #[command(flatten)]
        place: HubListsPlace,
    },
}

/// Where the lists and their mirror are told.
#[derive(Debug, Args)]
pub(crate) struct HubListsPlace {
    /// The configuration file of the hub.
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) data: HubData,
}
