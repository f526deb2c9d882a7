//! A PostgreSQL of a test's own: Debian's, in a temporary folder, reached by a socket in it.

use std::fs;
use std::io::Write as _;
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result, ensure};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::authority::Authority;
use crate::patience::wait_until;

/// Where Debian keeps the programs, a folder for each version.
const PROGRAMS: &str = "/usr/lib/postgresql";
/// Its usual port, which names its socket.
const PORT: u16 = 5_432;
/// PostgreSQL refuses to be root: then it is nobody.
const NOBODY: u32 = 65_534;

/// Ports that are tried: somebody else may take one in the moment between.
const PORTS_MAX: u32 = 3;

/// A server. It ends with its value, and leaves nothing.
#[derive(Debug)]
pub struct Postgres {
    folder: tempfile::TempDir,
    process: Option<Child>,
    port: u16,
}

impl Postgres {
    /// Makes a database, and starts the server.
    ///
    /// # Errors
    /// It is not installed, or does not start.
    pub fn start() -> Result<Self> {
        let mut server = Self::make("")?;
        server.run(&["listen_addresses=", "fsync=off"])?;
        Ok(server)
    }

    /// The same, which waits for its disk as one in service does: for benchmarks.
    ///
    /// # Errors
    /// As [`Self::start`].
    pub fn start_durable() -> Result<Self> {
        let mut server = Self::make("")?;
        server.run(&["listen_addresses="])?;
        Ok(server)
    }

    /// The same, which is reached over the network, by TLS alone and with a password; and who vouches for it, in PEM.
    ///
    /// # Errors
    /// As [`Self::start`].
    pub fn start_encrypted(password: &str) -> Result<(Self, String)> {
        let mut server = Self::make(password)?;
        fs::write(server.data().join("pg_hba.conf"), "hostssl all all 127.0.0.1/32 scram-sha-256\n")?;
        let authority = Authority::new(server.folder.path())?;
        let (chain, key) = authority.issue(&["localhost"], &[])?;
        fs::set_permissions(&key, fs::Permissions::from_mode(0o600))?;
        give(&key)?;
        let chain = format!("ssl_cert_file={}", chain.display());
        let key = format!("ssl_key_file={}", key.display());
        let mut outcome = Ok(());
        for _ in 0..PORTS_MAX {
            server.port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port();
            let port = format!("port={}", server.port);
            outcome = server.run(&["listen_addresses=127.0.0.1", &port, "ssl=on", &chain, &key, "fsync=off"]);
            if outcome.is_ok() {
                break;
            }
        }
        outcome?;
        let authority = fs::read_to_string(authority.certificate())?;
        Ok((server, authority))
    }

    /// A database without a server.
    fn make(password: &str) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755))?;
        give(folder.path())?;
        let server = Self { folder, process: None, port: PORT };
        fs::create_dir(server.data())?;
        give(&server.data())?;
        let (data, secret) = (server.data(), server.folder.path().join("password"));
        let place = data.to_str().context("a path that is text")?;
        let mut words = vec!["--pgdata", place, "--username", "preau", "--auth", "trust", "--no-sync"];
        if !password.is_empty() {
            fs::write(&secret, password)?;
            words.extend(["--pwfile", secret.to_str().context("a path that is text")?]);
        }
        let made = command("initdb", &words)?.output()?;
        ensure!(made.status.success(), "initdb: {}", String::from_utf8_lossy(&made.stderr));
        Ok(server)
    }

    fn run(&mut self, settings: &[&str]) -> Result<()> {
        let (data, port) = (self.data(), self.port.to_string());
        let sockets = self.folder.path().to_str().context("a path that is text")?.to_owned();
        let mut words = vec!["-D", data.to_str().context("a path that is text")?, "-k", &sockets];
        words.extend(settings.iter().flat_map(|setting| ["-c", setting]));
        let log = fs::File::create(self.folder.path().join("log"))?;
        let process = command("postgres", &words)?.stdout(Stdio::null()).stderr(log).spawn()?;
        let process = self.process.insert(process);
        let log = self.folder.path().join("log");
        let is_ready = ["--host", &sockets, "--port", &port, "--username", "preau", "--dbname", "postgres"];
        wait_until("PostgreSQL to answer", || {
            let said = || fs::read_to_string(&log).unwrap_or_default();
            ensure!(process.try_wait()?.is_none(), "PostgreSQL ended: {}", said());
            Ok(command("pg_isready", &is_ready)?.output()?.status.success())
        })
    }

    /// A copy of its database, by the program that PostgreSQL has for it, while it runs.
    ///
    /// # Errors
    /// The program fails.
    pub fn dump(&self) -> Result<Vec<u8>> {
        let words = [&self.reach()?[..], &["--format=custom", "postgres"]].concat();
        let said = command("pg_dump", &words)?.output()?;
        ensure!(said.status.success(), "pg_dump: {}", String::from_utf8_lossy(&said.stderr));
        Ok(said.stdout)
    }

    /// Puts such a copy into its database, which is empty.
    ///
    /// # Errors
    /// The program fails.
    pub fn restore(&self, copy: &[u8]) -> Result<()> {
        let words = [&self.reach()?[..], &["--exit-on-error", "--dbname", "postgres"]].concat();
        let mut restore = command("pg_restore", &words)?;
        let mut process = restore.stdin(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
        process.stdin.take().context("its input")?.write_all(copy)?;
        let said = process.wait_with_output()?;
        ensure!(said.status.success(), "pg_restore: {}", String::from_utf8_lossy(&said.stderr));
        Ok(())
    }

    /// The words by which a program reaches it.
    fn reach(&self) -> Result<[&str; 4]> {
        let sockets = self.folder.path().to_str().context("a path that is text")?;
        Ok(["--host", sockets, "--username", "preau"])
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// Its address, as a hub is given it.
    #[must_use]
    pub fn address(&self) -> String {
        format!("postgres://preau@/postgres?host={}", self.folder.path().display())
    }

    /// Its address in the network, where it is reached so.
    #[must_use]
    pub fn network_address(&self) -> String {
        format!("postgres://preau@localhost:{}/postgres", self.port)
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        let Some(process) = &mut self.process else { return };
        // At once, with all that it has started.
        if let Ok(process) = i32::try_from(process.id()) {
            let _ended = kill(Pid::from_raw(process), Signal::SIGQUIT);
        }
        drop(process.wait());
    }
}

/// Gives a path to the user that the server is.
fn give(path: &Path) -> Result<()> {
    if is_root() {
        chown(path, Some(NOBODY), Some(NOBODY))?;
    }
    Ok(())
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
