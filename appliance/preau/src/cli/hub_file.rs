//! Options of `preau hub file`.

use std::path::PathBuf;

use clap::Subcommand;
use model::{FileName, PersonName, PreparationTitle, Uai};

use super::hub::HubData;

/// Subcommands of `preau hub file`.
#[derive(Debug, Subcommand)]
pub(crate) enum HubFileCommand {
    /// Have boxes fetch a file in the night, and show it to pupils for so many days, whether the line is up or down.
    Add {
        /// The file.
        file: PathBuf,
        /// What pupils read for it.
        title: PreparationTitle,
        /// What it is called where it is saved; without it, as it is called here.
        #[arg(long, value_name = "NAME")]
        name: Option<FileName>,
        #[command(flatten)]
        to: HandedOut,
    },
    /// The same with a file that the hub fetches once from an address: no cookie goes along.
    Fetch {
        /// The address, with http or https.
        address: String,
        /// What pupils read for it.
        title: PreparationTitle,
        /// What it is called where it is saved; without it, by the end of the address.
        #[arg(long, value_name = "NAME")]
        name: Option<FileName>,
        /// The address may lead into the commune's own network, and not into the Internet alone.
        #[arg(long)]
        inside: bool,
        #[command(flatten)]
        to: HandedOut,
    },
    /// List the files: number, school or `*`, name, title, bytes, until when, who, how many of the boxes have it; between tabs.
    List {
        #[command(flatten)]
        data: HubData,
    },
    /// Take one back: boxes remove it in their next night.
    Remove {
        /// Its number, as `list` tells it.
        id: u64,
        #[command(flatten)]
        data: HubData,
    },
}

/// To whom, for how long, by whom.
#[derive(Debug, clap::Args)]
pub(crate) struct HandedOut {
    /// For how many days.
    #[arg(long, value_name = "DAYS", value_parser = clap::value_parser!(u32).range(1..=366))]
    pub(crate) days: u32,
    /// A school that is to have it, once for each; without it, all.
    #[arg(long = "school", value_name = "UAI")]
    pub(crate) schools: Vec<Uai>,
    /// Who wants it.
    #[arg(long, value_name = "NAME")]
    pub(crate) author: PersonName,
    #[command(flatten)]
    pub(crate) data: HubData,
}
