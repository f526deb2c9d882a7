//! Options of `preau journal expire` and `preau journal hold`.

use std::path::PathBuf;

use archive::Device;
use clap::{Args, Subcommand};
use model::{Motive, PersonName};

use super::{Author, DataFolder};

/// Options of `preau journal expire`.
#[derive(Debug, Args)]
pub(crate) struct ExpireArguments {
    #[command(flatten)]
    pub(crate) data: DataFolder,
    /// The time, where the box does not know it by itself: RFC 3339, or in the time zone of the school. Whoever gives it vouches
    /// for it, with her name.
    #[arg(long, value_name = "TIME", requires = "vouched")]
    pub(crate) now: Option<String>,
    /// Who vouches for the time. The log keeps the name.
    #[arg(long = "author", value_name = "NAME", requires = "now")]
    pub(crate) vouched: Option<PersonName>,
    /// The time is meant, though it is more than 70 days after the last entry of the log.
    #[arg(long, requires = "now")]
    pub(crate) far: bool,
    /// The configuration file that says how long what is kept; without it, as it was decided last.
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
}

/// Subcommands of `preau journal hold`.
#[derive(Debug, Subcommand)]
pub(crate) enum HoldCommand {
    /// Keep what is sealed of a time, a device or both from being deleted, until that is lifted.
    Add(HoldAddArguments),
    /// List the holds that are in force.
    List {
        /// Also those that were lifted, with when, by whom and why.
        #[arg(long)]
        all: bool,
        /// The configuration file that names the school's time zone; without it, Europe/Paris.
        #[arg(long, value_name = "FILE")]
        config: Option<PathBuf>,
        #[command(flatten)]
        data: DataFolder,
    },
    /// Lift a hold: what is past its time goes with the next night, or with `preau journal expire`.
    Lift {
        /// Its number, as `add` and `list` tell it.
        number: u64,
        /// Why it is lifted.
        #[arg(long, value_name = "TEXT")]
        reason: Motive,
        #[command(flatten)]
        author: Author,
        #[command(flatten)]
        data: DataFolder,
    },
}

/// Options of `preau journal hold add`.
#[derive(Debug, Args)]
pub(crate) struct HoldAddArguments {
    /// From this time on; without it, from the beginning.
    #[arg(long, value_name = "TIME")]
    pub(crate) from: Option<String>,
    /// Before this time; a date means its whole day. Without it, until the hold is lifted.
    #[arg(long, value_name = "TIME")]
    pub(crate) to: Option<String>,
    /// The device that it is about, by name or hardware address. The box cannot read what is encrypted: every file of the time is
    /// held that may have it.
    #[arg(long, value_name = "DEVICE")]
    pub(crate) device: Option<Device>,
    /// Why: the file number of a court, a complaint.
    #[arg(long, value_name = "TEXT")]
    pub(crate) reason: Motive,
    #[command(flatten)]
    pub(crate) author: Author,
    /// The configuration file that names the school's time zone; without it, Europe/Paris.
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) data: DataFolder,
}
