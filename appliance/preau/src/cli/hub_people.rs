//! Options of `preau hub person` and `preau hub alert`.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use hub::register::people::Duty;
use model::PersonName;

use super::Author;
use super::hub::HubData;

/// Subcommands of `preau hub person`.
#[derive(Debug, Subcommand)]
pub(crate) enum HubPersonCommand {
    /// Register somebody who may sign in at the hub's pages, and print the card of her first sign-in.
    Add {
        /// What colleagues call her, as in "Mme Petit".
        #[arg(long)]
        name: PersonName,
        /// What she may do besides looking, once for each: `technician` (schools, codes, boxes), `policy` (the commune's rules);
        /// or `reader`.
        #[arg(long = "role", required = true)]
        duties: Vec<Duty>,
        #[command(flatten)]
        author: Author,
        #[command(flatten)]
        data: HubData,
    },
    /// List everybody: number, name, roles, state, account at the commune's provider, between tabs.
    List {
        #[command(flatten)]
        data: HubData,
    },
    /// Register what the commune's provider (`[oidc]` of the hub's configuration) calls somebody: whom it vouches for signs in as her.
    Account {
        /// Her name.
        name: PersonName,
        /// What the claim of the configuration says of her: her address, her name there.
        #[arg(required_unless_present = "none")]
        account: Option<String>,
        /// She has none any more: her sessions end.
        #[arg(long, conflicts_with = "account")]
        none: bool,
        #[command(flatten)]
        author: Author,
        #[command(flatten)]
        data: HubData,
    },
    /// Print a new card for somebody: her secret, her telephone and her recovery codes no longer count, and her sessions end.
    Reset {
        /// Her name.
        name: PersonName,
        #[command(flatten)]
        author: Author,
        #[command(flatten)]
        data: HubData,
    },
    /// Let somebody sign in no more, and end her sessions at once.
    Disable {
        /// Her name.
        name: PersonName,
        #[command(flatten)]
        author: Author,
        #[command(flatten)]
        data: HubData,
    },
}

/// Subcommands of `preau hub alert`.
#[derive(Debug, Subcommand)]
pub(crate) enum HubAlertCommand {
    /// Send a test by every way of the configuration, and tell what became of it; exit status 1 if one failed.
    Test(HubAlertArguments),
}

/// Options of `preau hub alert test`.
#[derive(Debug, Args)]
pub(crate) struct HubAlertArguments {
    /// The configuration file of the hub.
    #[arg(long, value_name = "FILE")]
    pub(crate) config: PathBuf,
}
