//! A PostgreSQL of a test's own: Debian's, in a temporary folder, reached by a socket in it.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result, ensure};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::patience::wait_until;

/// Where Debian keeps the programs, a folder for each version.
const PROGRAMS: &str = "/usr/lib/postgresql";
/// PostgreSQL refuses to be root: then it is nobody.
const NOBODY: u32 = 65_534;

/// A server. It ends with its value, and leaves nothing.
#[derive(Debug)]
pub struct Postgres {
    folder: tempfile::TempDir,
    process: Child,
}

impl Postgres {
    /// Makes a database, and starts the server.
    ///
    /// # Errors
    /// It is not installed, or does not start.
    pub fn start() -> Result<Self> {
        let folder = tempfile::tempdir()?;
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755))?;
        let data = folder.path().join("data");
        fs::create_dir(&data)?;
        if is_root() {
            chown(folder.path(), Some(NOBODY), Some(NOBODY))?;
            chown(&data, Some(NOBODY), Some(NOBODY))?;
        }
        let place = data.to_str().context("a path that is text")?;
        let made =
            command("initdb", &["--pgdata", place, "--username", "preau", "--auth", "trust", "--no-sync"])?
                .output()?;
        ensure!(made.status.success(), "initdb: {}", String::from_utf8_lossy(&made.stderr));
        let sockets = folder.path().to_str().context("a path that is text")?.to_owned();
        let arguments = ["-D", place, "-k", &sockets, "-c", "listen_addresses=", "-c", "fsync=off"];
        let log = fs::File::create(folder.path().join("log"))?;
        let process = command("postgres", &arguments)?.stdout(Stdio::null()).stderr(log).spawn()?;
        let mut server = Self { folder, process };
        let is_ready = ["--host", &sockets, "--username", "preau", "--dbname", "postgres"];
        wait_until("PostgreSQL to answer", || {
            ensure!(server.process.try_wait()?.is_none(), "PostgreSQL ended: {}", server.log());
            Ok(command("pg_isready", &is_ready)?.output()?.status.success())
        })?;
        Ok(server)
    }

    /// Its address, as a hub is given it.
    #[must_use]
    pub fn address(&self) -> String {
        format!("postgres://preau@/postgres?host={}", self.folder.path().display())
    }

    fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        // At once, with all that it has started.
        if let Ok(process) = i32::try_from(self.process.id()) {
            let _ended = kill(Pid::from_raw(process), Signal::SIGQUIT);
        }
        drop(self.process.wait());
    }
}

fn is_root() -> bool {
    nix::unistd::geteuid().is_root()
}

/// One of its programs, as an ordinary user.
fn command(program: &str, arguments: &[&str]) -> Result<Command> {
    let path = find(program)?;
    #[expect(clippy::disallowed_methods, reason = "the lab runs programs")]
    let mut command = if is_root() {
        let user = NOBODY.to_string();
        let mut command = Command::new("setpriv");
        command.args(["--reuid", &user, "--regid", &user, "--clear-groups", "--pdeathsig", "KILL", "--"]);
        command.arg(path);
        command
    } else {
        Command::new(path)
    };
    command.args(arguments).current_dir("/");
    Ok(command)
}

fn find(program: &str) -> Result<PathBuf> {
    let mut versions: Vec<PathBuf> =
        fs::read_dir(PROGRAMS).into_iter().flatten().filter_map(|entry| Some(entry.ok()?.path())).collect();
    versions.sort_unstable();
    let found = versions.into_iter().rev().map(|version| version.join("bin").join(program));
    let mut found = found.filter(|path| Path::is_file(path));
    found
        .next()
        .with_context(|| format!("{program} is not installed: ./dev test installs Debian's postgresql"))
}
