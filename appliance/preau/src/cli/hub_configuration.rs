//! Options of `preau hub configuration`.

use std::path::PathBuf;

use clap::Subcommand;
use model::Uai;

use super::hub::HubData;

/// Subcommands of `preau hub configuration`.
#[derive(Debug, Subcommand)]
pub(crate) enum HubConfigurationCommand {
    /// Send a school's box what the commune decides of its configuration: tables as in the box's own file. Nothing is sent that the box would not take.
    Send {
        /// The school's national identifier.
        uai: Uai,
        /// The file; an empty one has the box go back to its own settings.
        #[arg(long, value_name = "FILE")]
        file: PathBuf,
        #[command(flatten)]
        data: HubData,
    },
    /// List the versions of a school, the last first: number, when it was made, author, bytes.
    List {
        /// The school's national identifier.
        uai: Uai,
        #[command(flatten)]
        data: HubData,
    },
    /// Print a version.
    Show {
        /// The school's national identifier.
        uai: Uai,
        /// Its number, as `list` tells it; without it, the last one.
        #[arg(long, value_name = "NUMBER")]
        number: Option<u64>,
        #[command(flatten)]
        data: HubData,
    },
    /// Send an earlier version once more.
    Restore {
        /// The school's national identifier.
        uai: Uai,
        /// Its number, as `list` tells it.
        number: u64,
        #[command(flatten)]
        data: HubData,
    },
}
