//! Options of `preau run`, `preau console` and `preau radio`.

use std::path::PathBuf;

use clap::Args;

use super::DataFolder;
use crate::releases::REPORT;

/// Options of `preau run`.
#[derive(Debug, Args)]
pub(crate) struct RunOptions {
    /// The configuration file; without it, the embedded default.
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) data: DataFolder,
    /// Keep the addresses that devices have for good in this file, as dnsmasq reads them.
    #[arg(long, value_name = "FILE")]
    pub(crate) dhcp_hosts: Option<PathBuf>,
    /// Have another service make the self-test of each night: the box writes this file when it is time.
    #[arg(long, value_name = "FILE")]
    pub(crate) selftest_order: Option<PathBuf>,
    /// Have another service put releases of the machine's system into place: the box writes the version into this file once one is here, in the night.
    #[arg(long, value_name = "FILE")]
    pub(crate) release_order: Option<PathBuf>,
    /// Where the machine's system tells which of its releases runs, and which failed.
    #[arg(long, value_name = "FILE", default_value = REPORT)]
    pub(crate) release_report: PathBuf,
    /// Have hostapd run in units of its own for radios of the box: this folder has the socket that starts one, and is where `preau radio` finds
    /// what the box gives it. Without this option hostapd is the box's child.
    #[arg(long, value_name = "FOLDER")]
    pub(crate) hostapd: Option<PathBuf>,
    /// Write down in this file what `preau console` shows.
    #[arg(long, value_name = "FILE")]
    pub(crate) screen: Option<PathBuf>,
    /// Enrol a fresh box by this file, where it is there: what stands on a USB stick as `preau-enrol.toml`.
    #[arg(long, value_name = "FILE")]
    pub(crate) stick: Option<PathBuf>,
    /// Remove the firewall's table on a clean stop. Without this option it stays, and the network stays closed.
    #[arg(long)]
    pub(crate) remove_firewall_on_stop: bool,
}

/// Options of `preau console`.
#[derive(Debug, Args)]
pub(crate) struct ConsoleArguments {
    /// What the running box has written (`preau run --screen`).
    #[arg(long, value_name = "FILE", default_value = "/run/preau/screen.json")]
    pub(crate) screen: PathBuf,
    /// The file to write when somebody has typed the word that wipes the data: another service does it.
    #[arg(long, value_name = "FILE", default_value = "/run/preau-console/reset-order")]
    pub(crate) reset_order: PathBuf,
}

/// Options of `preau radio`.
#[derive(Debug, Args)]
pub(crate) struct RadioArguments {
    /// Where the running box puts what hostapd is given (`preau run --hostapd`).
    #[arg(long, value_name = "FOLDER", default_value = "/run/preau-hostapd")]
    pub(crate) folder: PathBuf,
}
