//! A hub's processes and what stands behind them.

#![expect(clippy::disallowed_methods, reason = "a benchmark runs programs")]

use std::fs;
use std::net::SocketAddr;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use harness::{ObjectStore, Postgres, preau_binary};
use hub::register::Records;
use hub::register::postgres::PostgresRegister;
use hub::register::sqlite::SqliteRegister;
use rustls::RootCertStore;

use crate::process::Program;

/// What several processes of one hub have in common.
const SHARED: [&str; 4] = ["authority", "members", "witness", "snapshot-key"];
/// Longest wait for a hub to listen.
const START_SECONDS_MAX: u32 = 60;

/// Where a hub keeps what it knows, and what boxes send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Engine {
    /// A file and a folder: one process.
    Sqlite,
    /// PostgreSQL and a folder.
    Postgres,
    /// PostgreSQL and an object store.
    Store,
}

impl Engine {
    /// What tables call it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Sqlite => "SQLite, folder",
            Self::Postgres => "PostgreSQL, folder",
            Self::Store => "PostgreSQL, S3",
        }
    }
}

/// A hub that runs, in one process or more.
pub struct Hubs {
    /// The folder of the first.
    pub folder: PathBuf,
    /// Its processes.
    pub programs: Vec<Program>,
    /// Where they listen.
    pub addresses: Vec<SocketAddr>,
    /// By which they sign.
    pub witness: String,
    database: Option<Postgres>,
    _store: Option<ObjectStore>,
}

impl Hubs {
    /// Starts it in an empty folder.
    ///
    /// # Errors
    /// Something of it does not start.
    pub fn start(engine: Engine, count: usize, place: &Path) -> Result<Self> {
        ensure!(count == 1 || engine != Engine::Sqlite, "a register in a file is for one process");
        let database = (engine != Engine::Sqlite).then(Postgres::start_durable).transpose()?;
        let store = (engine == Engine::Store).then(ObjectStore::start).transpose()?;
        let mut arguments: Vec<String> = Vec::new();
        if let Some(database) = &database {
            arguments.extend(["--register".to_owned(), database.address()]);
        }
        let first = place.join("hub-0");
        fs::create_dir_all(&first)?;
        if let Some(store) = &store {
            let (key, secret) = store.credentials();
            fs::write(first.join("credentials"), format!("s3 {key} {secret}\n"))?;
            let bucket = format!("s3://{}/hub", store.bucket());
            let words =
                ["--blobs", &bucket, "--s3-endpoint", &store.endpoint(), "--s3-region", store.region()];
            arguments.extend(words.map(str::to_owned));
        }
        let mut hubs = Self {
            folder: first.clone(),
            programs: Vec::new(),
            addresses: Vec::new(),
            witness: String::new(),
            database,
            _store: store,
        };
        hubs.run(&first, &arguments)?;
        for number in 1..count {
            let folder = place.join(format!("hub-{number}"));
            fs::create_dir_all(&folder)?;
            for name in SHARED.iter().chain(&["engines", "credentials"]) {
                if first.join(name).exists() {
                    fs::copy(first.join(name), folder.join(name))?;
                }
            }
            fs::create_dir_all(first.join("files"))?;
            symlink(first.join("files"), folder.join("files"))?;
            hubs.run(&folder, &[])?;
        }
        Ok(hubs)
    }

    fn run(&mut self, folder: &Path, arguments: &[String]) -> Result<()> {
        let mut command = Command::new(preau_binary()?);
        command.args(["hub", "--listen", "127.0.0.1:0", "--data"]).arg(folder).args(arguments);
        let name = format!("hub-{}", self.programs.len());
        let mut program = Program::start(&name, command, folder)?;
        let log = folder.join(format!("{name}.log"));
        let said = |word: &str| {
            let text = fs::read_to_string(&log).unwrap_or_default();
            text.lines().find_map(|line| line.strip_prefix(word).map(str::to_owned))
        };
        program.wait_until(START_SECONDS_MAX, || said("witness ").is_some())?;
        self.addresses.push(said("listening on ").context("its address")?.parse()?);
        self.witness = said("witness ").context("its key")?;
        self.programs.push(program);
        Ok(())
    }

    /// What it knows, beside it.
    ///
    /// # Errors
    /// It cannot be opened.
    pub fn register(&self) -> Result<Arc<dyn Records>> {
        Ok(match &self.database {
            None => Arc::new(SqliteRegister::open(&self.folder.join("register.sqlite"))?),
            Some(database) => {
                Arc::new(PostgresRegister::open(&database.address(), None, RootCertStore::empty())?)
            }
        })
    }

    /// Time of processors that all its processes have used, in seconds.
    ///
    /// # Errors
    /// One has ended.
    pub fn processor_s(&self) -> Result<f64> {
        self.programs.iter().map(Program::processor_s).sum()
    }

    /// The most memory that one of its processes had, in bytes.
    ///
    /// # Errors
    /// One has ended.
    pub fn memory_peak(&self) -> Result<u64> {
        let peaks = self.programs.iter().map(|program| Ok(program.memory()?.peak));
        Ok(peaks.collect::<Result<Vec<_>>>()?.into_iter().max().unwrap_or_default())
    }
}
