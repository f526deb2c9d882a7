//! Options of `preau hub request`, `preau hub content` and `preau hub notice`.

use clap::Subcommand;
use model::{Motive, PersonName, Uai};

use super::hub::HubData;

/// Subcommands of `preau hub request`.
#[derive(Debug, Subcommand)]
pub(crate) enum HubRequestCommand {
    /// List the requests: number, school, what is wanted, site, who, why, urgent or not, answer; between tabs.
    List {
        #[command(flatten)]
        data: HubData,
    },
    /// Answer one. The school hears it within seconds, or in its next night.
    Answer {
        /// Its number, as `list` tells it.
        id: u64,
        /// `school`: do it for this school; `all`: for all; `no`: leave it as it is.
        #[arg(value_parser = parse_answer)]
        answer: model::Answered,
        /// Who answers.
        #[arg(long, value_name = "NAME")]
        author: PersonName,
        /// Why; the school reads it.
        #[arg(long, value_name = "TEXT")]
        reason: Motive,
        /// For how many days; without it, until somebody takes it back.
        #[arg(long, value_name = "DAYS", value_parser = clap::value_parser!(u32).range(1..=3_650))]
        days: Option<u32>,
        #[command(flatten)]
        data: HubData,
    },
}

/// Subcommands of `preau hub content`.
#[derive(Debug, Subcommand)]
pub(crate) enum HubContentCommand {
    /// Have boxes fetch a place of their workspace at night, and keep it for so many days.
    Add {
        /// Its address.
        url: String,
        /// What pupils read for it.
        title: String,
        /// For how many days.
        #[arg(long, value_name = "DAYS", value_parser = clap::value_parser!(u32).range(1..=366))]
        days: u32,
        /// The school that is to have it; without it, all.
        #[arg(long, value_name = "UAI")]
        school: Option<Uai>,
        /// Who wants it.
        #[arg(long, value_name = "NAME")]
        author: PersonName,
        #[command(flatten)]
        data: HubData,
    },
    /// List what schools shall have: number, school or `*`, address, name, until when, who.
    List {
        #[command(flatten)]
        data: HubData,
    },
    /// Take one back.
    Remove {
        /// Its number, as `list` tells it.
        id: u64,
        #[command(flatten)]
        data: HubData,
    },
}

/// Subcommands of `preau hub notice`.
#[derive(Debug, Subcommand)]
pub(crate) enum HubNoticeCommand {
    /// Have people of all schools read something.
    Add {
        /// What.
        text: String,
        /// Who says so.
        #[arg(long, value_name = "NAME")]
        author: PersonName,
        #[command(flatten)]
        data: HubData,
    },
    /// List the notices: number, since when, who, what.
    List {
        #[command(flatten)]
        data: HubData,
    },
    /// Take one back.
    Remove {
        /// Its number, as `list` tells it.
        id: u64,
        #[command(flatten)]
        data: HubData,
    },
}

fn parse_answer(text: &str) -> Result<model::Answered, String> {
    model::Answered::find(text).ok_or_else(|| "school, all or no".to_owned())
}
