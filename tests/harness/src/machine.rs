//! The machines of a lab.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Arc;

use anyhow::{Context, Result, ensure};

use crate::namespaces::{Keeper, Namespaces};
use crate::patience::wait_until;

/// How long a command of a test may run. Longer than the largest download; a program that hangs must fail the
/// test, not stop it.
const COMMAND_SECONDS_MAX: &str = "180";

/// Where system administration programs are, which an ordinary user's path leaves out.
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// What a shell does to become a machine. Interfaces made from now on work at once, without a wait for duplicate
/// addresses, and take no address from router advertisements. The machine's own files under `/etc` hide the
/// host's. At last it says by which process its namespaces are found.
const BECOME: &str = r#"
set -e
for interfaces in all default; do
    echo 0 > "/proc/sys/net/ipv6/conf/$interfaces/accept_dad"
    echo 0 > "/proc/sys/net/ipv6/conf/$interfaces/accept_ra"
done
ip link set lo up
for file in resolv.conf hosts nsswitch.conf; do
    test ! -e "/etc/$file" || mount --bind "$1/$file" "/etc/$file"
done
echo "$$"
exec cat > /dev/null
"#;

/// One machine.
#[derive(Debug)]
pub struct Machine {
    name: &'static str,
    directory: PathBuf,
    /// The process inside the lab that keeps the machine's namespaces.
    process: String,
    namespaces: Arc<Namespaces>,
    authority: PathBuf,
    logs: Logs,
    _keeper: Keeper,
}

/// What becomes of the logs of services at their end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Logs {
    /// They are printed: the test runner shows them when the test failed.
    Printed,
    /// They go with the lab.
    Dropped,
}

impl Machine {
    /// Makes a machine whose files are in `directory`, and that trusts the certificate in `authority`. Its only
    /// interface is the loopback.
    pub(crate) fn new(
        namespaces: &Arc<Namespaces>,
        name: &'static str,
        directory: PathBuf,
        authority: &Path,
        logs: Logs,
    ) -> Result<Self> {
        std::fs::create_dir_all(&directory)?;
        std::fs::write(directory.join("resolv.conf"), "")?;
        std::fs::write(directory.join("hosts"), format!("127.0.0.1 localhost {name}\n::1 localhost\n"))?;
        std::fs::write(directory.join("nsswitch.conf"), "hosts: files dns\n")?;
        let mut command = namespaces.enter();
        command.args(["unshare", "--net", "--mount", "sh", "-c", BECOME, name]).arg(&directory);
        let (keeper, process) = Keeper::start(command)?;
        Ok(Self {
            name,
            directory,
            process,
            namespaces: Arc::clone(namespaces),
            authority: authority.to_owned(),
            logs,
            _keeper: keeper,
        })
    }

    /// The machine's name.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// A directory of its own: its programs start in it, and its `resolv.conf` and `hosts` are there.
    #[must_use]
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// How processes inside the lab find the machine's namespaces.
    pub(crate) fn process(&self) -> &str {
        &self.process
    }

    /// Has the machine ask these resolvers.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn set_resolvers(&self, addresses: &[&str]) -> Result<()> {
        let lines: String = addresses.iter().map(|address| format!("nameserver {address}\n")).collect();
        // One try, so that a test of a resolver that keeps silent does not last.
        let text = format!("{lines}options timeout:2 attempts:1\n");
        Ok(std::fs::write(self.directory.join("resolv.conf"), text)?)
    }

    /// Has the machine believe that `host` has `address`, as a pupil would who edits `/etc/hosts`.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn forge_host(&self, host: &str, address: &str) -> Result<()> {
        let path = self.directory.join("hosts");
        let text = format!("{}{address} {host}\n", std::fs::read_to_string(&path)?);
        Ok(std::fs::write(path, text)?)
    }

    /// A command on this machine, to be run as the caller likes.
    #[must_use]
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = self.namespaces.enter();
        command.args(["nsenter", "--target", &self.process, "--net", "--mount", "--"]);
        command.args(["env", "--ignore-environment", "--chdir"]).arg(&self.directory);
        command.args([&format!("PATH={PATH}"), "LC_ALL=C.UTF-8", "TERM=xterm"]);
        command.arg(format!("HOME={}", self.directory.display()));
        for variable in ["CURL_CA_BUNDLE", "SSL_CERT_FILE"] {
            command.arg(format!("{variable}={}", self.authority.display()));
        }
        command.args(arguments);
        command
    }

    /// Runs a command to its end.
    ///
    /// # Errors
    /// It cannot be started. That it fails is no error here.
    pub fn run(&self, arguments: &[&str]) -> Result<Output> {
        let bounded = [&["timeout", "--kill-after=5", COMMAND_SECONDS_MAX], arguments].concat();
        let mut command = self.command(&bounded);
        let output = command.stdin(Stdio::null()).output()?;
        Ok(Output {
            command: format!("{}$ {}", self.name, arguments.join(" ")),
            status: output.status.code(),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        })
    }

    /// Runs a shell script to its end.
    ///
    /// # Errors
    /// It cannot be started. That it fails is no error here.
    pub fn shell(&self, script: &str) -> Result<Output> {
        self.run(&["sh", "-c", script])
    }

    /// Starts a program that goes on until it is stopped or the lab ends.
    ///
    /// # Errors
    /// It cannot be started.
    pub fn start(&self, name: &str, arguments: &[&str]) -> Result<Service> {
        let log = self.directory.join(format!("{name}.log"));
        let process = self.directory.join(format!("{name}.pid"));
        if process.exists() {
            std::fs::remove_file(&process)?;
        }
        let note = format!("echo $$ > '{}'; exec \"$@\"", process.display());
        let mut command = self.command(&[&["sh", "-c", &note, name], arguments].concat());
        let output = File::options().append(true).create(true).open(&log)?;
        command.stdin(Stdio::null()).stdout(output.try_clone()?).stderr(output);
        let child = command.spawn().with_context(|| format!("cannot start {name}"))?;
        let read = || std::fs::read_to_string(&process).unwrap_or_default().trim_end().to_owned();
        wait_until(&format!("{name} to start"), || Ok(!read().is_empty()))?;
        let namespaces = Arc::clone(&self.namespaces);
        Ok(Service { name: name.to_owned(), process: read(), log, logs: self.logs, child, namespaces })
    }
}

/// What a command did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Output {
    /// What was run, and where.
    pub command: String,
    /// Its exit status; `None` when a signal ended it.
    pub status: Option<i32>,
    /// What it wrote.
    pub stdout: String,
    /// What it wrote about errors.
    pub stderr: String,
}

impl Output {
    /// Whether it ended with status 0.
    #[must_use]
    pub fn is_success(&self) -> bool {
        self.status == Some(0)
    }

    /// What it wrote, when it ended with status 0.
    ///
    /// # Errors
    /// Another status, with everything that it wrote.
    pub fn success(self) -> Result<String> {
        ensure!(self.is_success(), "{self:#?}");
        Ok(self.stdout)
    }
}

/// A program that goes on in a machine, until this value goes.
#[derive(Debug)]
pub struct Service {
    name: String,
    /// Its process as the lab numbers it.
    process: String,
    log: PathBuf,
    logs: Logs,
    child: Child,
    namespaces: Arc<Namespaces>,
}

impl Service {
    /// What it wrote so far.
    ///
    /// # Errors
    /// The log cannot be read.
    pub fn log(&self) -> Result<String> {
        Ok(String::from_utf8_lossy(&std::fs::read(&self.log)?).into_owned())
    }

    /// Its process, as the lab numbers it.
    #[must_use]
    pub fn process(&self) -> &str {
        &self.process
    }

    /// Whether it is still running.
    ///
    /// # Errors
    /// The kernel's error.
    pub fn is_running(&mut self) -> Result<bool> {
        Ok(self.child.try_wait()?.is_none())
    }

    /// Sends a signal, as in `HUP`.
    ///
    /// # Errors
    /// It has ended already.
    pub fn signal(&self, signal: &str) -> Result<()> {
        let mut command = self.namespaces.enter();
        let output = command.args(["kill", "-s", signal, &self.process]).output()?;
        ensure!(output.status.success(), "{} gets no {signal}: {output:?}", self.name);
        Ok(())
    }

    /// Waits for its end.
    ///
    /// # Errors
    /// It does not end.
    pub fn wait(&mut self) -> Result<ExitStatus> {
        let mut status = None;
        wait_until(&format!("{} to end", self.name), || {
            status = self.child.try_wait()?;
            Ok(status.is_some())
        })?;
        status.context("no status")
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let log = self.log().unwrap_or_default();
        if self.logs == Logs::Printed && !log.is_empty() {
            #[expect(clippy::print_stderr, reason = "a failed test has to show what the program said")]
            {
                eprintln!("──── log of {}\n{log}────", self.name);
            }
        }
        if self.signal("KILL").is_ok() {
            // Nothing is left to do about a process that cannot be waited for.
            let _ended = self.child.wait();
        }
    }
}
