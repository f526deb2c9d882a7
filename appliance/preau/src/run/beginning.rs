//! The beginning of a run: what is read and claimed, and what there is once per process, before the network is touched.

use std::io::IsTerminal;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Context;
use system::limits::{guard_memory, raise_open_files};
use system::segments;
use system::supervisor::Supervisor;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

use super::complaints::Complaints;
use crate::cli::RunOptions;
use crate::config::Config;
use crate::data_folder;
use crate::decided::{self, Start};

/// What is told on standard error, unless `RUST_LOG` says otherwise.
const DIAGNOSTICS: &str = "info,hickory_resolver=warn,hickory_net=warn,hickory_proto=warn,actix_server=warn";

/// What a run begins with.
pub(super) struct Begun {
    /// The data folder, which is this box's alone.
    pub(super) data: PathBuf,
    pub(super) config: Config,
    /// The folder of segments in it.
    pub(super) segments: segments::Directory,
    /// Who supervises the process.
    pub(super) supervisor: Arc<Supervisor>,
    /// How many files it may have open.
    pub(super) descriptors: u64,
    /// What it complains of.
    pub(super) complaints: Complaints,
}

/// Begins a run: the data folder is claimed, and its diagnostics go to standard error from here on.
pub(super) fn begin(options: &RunOptions) -> anyhow::Result<Begun> {
    // What was to be put in place is in place, the configuration among it, before anything is read.
    let data = data_folder::find(options.data.path.as_deref())?;
    let Start { config, told } = decided::start(options.config.as_deref(), &data)?;
    data_folder::make(&data)?;
    let segments = data_folder::claim(&data)?;
    let complaints = start_diagnostics();
    told.iter().for_each(|line| tracing::error!("{line}"));
    guard_memory().context("cannot keep this process's memory to itself")?;
    let supervisor = Arc::new(Supervisor::find());
    // Every TLS connection of the box uses ring. It can only be installed already.
    let _installed = rustls::crypto::ring::default_provider().install_default();
    let descriptors = raise_open_files().context("cannot raise the limit of open files")?;
    if let Some(file) = &options.config {
        data_folder::keep_configuration(&data, file);
    }
    Ok(Begun { data, config, segments, supervisor, descriptors, complaints })
}

/// Sends diagnostics to standard error, and counts what complains.
pub(crate) fn start_diagnostics() -> Complaints {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(DIAGNOSTICS));
    let is_terminal = std::io::stderr().is_terminal();
    let complaints = Complaints::default();
    let shown = tracing_subscriber::fmt::layer().with_ansi(is_terminal).with_writer(std::io::stderr);
    tracing_subscriber::registry().with(filter).with(shown).with(complaints.clone()).init();
    complaints
}
