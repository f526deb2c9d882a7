//! Options of `preau hub release`.

use std::path::PathBuf;

use clap::Subcommand;
use model::{ReleaseVersion, Uai};

use super::hub::HubData;

/// Subcommands of `preau hub release`.
#[derive(Debug, Subcommand)]
pub(crate) enum HubReleaseCommand {
    /// Keep a release of the boxes' system: a folder with its files, their sums and the signature of these. No school has it until it is offered.
    Add {
        /// The folder, as `./dev image` makes it (target/image/release).
        folder: PathBuf,
        #[command(flatten)]
        data: HubData,
    },
    /// List the releases: version, when it was added, bytes, to whom it is offered.
    List {
        #[command(flatten)]
        data: HubData,
    },
    /// Have boxes fetch a release in the night and start it: those of some schools first, then all.
    Offer {
        /// Its version.
        #[arg(id = "release", value_name = "VERSION")]
        version: ReleaseVersion,
        /// A school, once for each; without it, all schools.
        #[arg(long = "school", value_name = "UAI")]
        schools: Vec<Uai>,
        #[command(flatten)]
        data: HubData,
    },
    /// Offer a release to nobody any more, and forget it. Boxes that have started it keep it.
    Withdraw {
        /// Its version.
        #[arg(id = "release", value_name = "VERSION")]
        version: ReleaseVersion,
        #[command(flatten)]
        data: HubData,
    },
}
