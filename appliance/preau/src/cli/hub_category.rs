//! Options of `preau hub category`.

use clap::Subcommand;
use model::{Category, Motive, PersonName};

use super::hub::HubData;

/// Subcommands of `preau hub category`.
#[derive(Debug, Subcommand)]
pub(crate) enum HubCategoryCommand {
    /// Close all that a category of the lists has, to every school: nobody there opens any of it. A rule of the commune (`preau hub rule permit`) is
    /// the exception. What the schools show of it until now is told.
    Lock {
        /// The category, by its name in the lists.
        category: Category,
        /// Who decides.
        #[arg(long, value_name = "NAME")]
        author: PersonName,
        /// Why.
        #[arg(long, value_name = "TEXT")]
        reason: Motive,
        /// Tell what it would reach, and lock nothing.
        #[arg(long = "try")]
        is_tried: bool,
        #[command(flatten)]
        data: HubData,
    },
    /// Take a lock back. What a box's own configuration locks stays locked there.
    Unlock {
        /// The category, as `list` tells it.
        category: Category,
        /// Who decides.
        #[arg(long, value_name = "NAME")]
        author: PersonName,
        /// Why.
        #[arg(long, value_name = "TEXT")]
        reason: Motive,
        #[command(flatten)]
        data: HubData,
    },
    /// List the locked categories: number of the policy, category, author, reason, since when.
    List {
        #[command(flatten)]
        data: HubData,
    },
}
