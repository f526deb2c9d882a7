//! `preau release` and `preau health`.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use model::{PersonName, ReleaseVersion};

use super::DataFolder;
use crate::releases::REPORT;

/// Longest wait for a box that starts, in seconds.
const WITHIN_S_MAX: u64 = 3_600;

/// Subcommands of `preau release`.
#[derive(Debug, Subcommand)]
pub(crate) enum ReleaseCommand {
    /// Look which releases there are, remember what has failed, and write a report about it.
    Look {
        /// The report to write.
        #[arg(long, value_name = "FILE")]
        report: PathBuf,
    },
    /// Have the release that waits for the night put into place at once: the machine starts anew within minutes, and who wanted it is on record.
    Now {
        /// Its version, as `preau status` tells it: typed, it is meant.
        #[arg(id = "release", value_name = "VERSION")]
        version: ReleaseVersion,
        /// Who wants it.
        #[arg(long, value_name = "NAME")]
        author: PersonName,
        /// Also while there are lessons, which the restart interrupts.
        #[arg(long)]
        during_lessons: bool,
        /// Where the machine's system tells of its releases.
        #[arg(long, value_name = "FILE", default_value = REPORT)]
        report: PathBuf,
        #[command(flatten)]
        data: DataFolder,
    },
    /// Put the release that is ordered into the slot that does not run, and have the machine start anew.
    Install {
        /// The order: a file with a version. It is taken away.
        #[arg(long, value_name = "FILE")]
        order: PathBuf,
        /// The folder of releases, each in a folder of its version's name.
        #[arg(long, value_name = "FOLDER")]
        from: PathBuf,
        /// The folder where systemd-sysupdate looks for the files; it must be there, and be root's.
        #[arg(long, value_name = "FOLDER", default_value = "/run/preau-release/source")]
        show: PathBuf,
        /// The report to write.
        #[arg(long, value_name = "FILE")]
        report: PathBuf,
    },
}

/// Arguments of `preau health`.
#[derive(Debug, Args)]
pub(crate) struct HealthArguments {
    /// The configuration file of the box.
    #[arg(long, value_name = "FILE")]
    pub(crate) config: PathBuf,
    #[command(flatten)]
    pub(crate) data: DataFolder,
    /// Try again until all is good, for so long at most: a box that starts takes its time.
    #[arg(long, value_name = "SECONDS", default_value_t = 0, value_parser = clap::value_parser!(u64).range(..=WITHIN_S_MAX))]
    pub(crate) within: u64,
}
