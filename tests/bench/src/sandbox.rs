//! Namespaces of its own for a benchmark: its ports, interfaces and rules meet nothing of the machine's, and
//! its programs end with it, however it ends.
#![expect(unsafe_code, reason = "setns and unshare: nix has them under a feature that nothing else needs")]

use std::fs::File;
use std::io::Read;
use std::os::fd::AsRawFd;
use std::process::{ExitCode, Stdio};
use std::thread;

use anyhow::{Context, Result};
use nix::errno::Errno;
use nix::libc;

use crate::process::command;

/// The first argument of a program that runs inside its namespaces.
const INSIDE: &str = "inside";

/// Runs `measure` with the program's arguments inside new namespaces; the loopback is up.
///
/// # Errors
/// Those of `measure`; or namespaces are not allowed.
pub fn run(measure: impl FnOnce(&[String]) -> Result<()>) -> Result<ExitCode> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.split_first() {
        Some((first, rest)) if first == INSIDE => {
            end_with_input();
            set_up_loopback()?;
            measure(rest)?;
            Ok(ExitCode::SUCCESS)
        }
        _ => run_inside(&arguments),
    }
}

/// Starts this program again, as the first process of a process-id namespace: with it, all others end.
fn run_inside(arguments: &[String]) -> Result<ExitCode> {
    let mut inside = command("unshare");
    if !nix::unistd::geteuid().is_root() {
        inside.args(["--user", "--map-root-user"]);
    }
    inside.args(["--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc", "--"]);
    inside.arg(std::env::current_exe()?).arg(INSIDE).args(arguments).stdin(Stdio::piped());
    let mut child = inside.spawn().context("cannot run unshare")?;
    // The pipe is held meanwhile: wait() would close it first, which tells the inside that nobody waits.
    let input = child.stdin.take();
    let status = child.wait()?;
    drop(input);
    Ok(if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Ends this process once whoever started it is gone: a Ctrl-C reaches only the outer one.
fn end_with_input() {
    thread::spawn(|| {
        let mut nothing = [0];
        while matches!(std::io::stdin().read(&mut nothing), Ok(1..)) {}
        std::process::exit(1);
    });
}

/// Brings up the loopback of the calling thread's network.
///
/// # Errors
/// `ip` is missing.
pub fn set_up_loopback() -> Result<()> {
    let mut ip = command("ip");
    ip.args(["link", "set", "lo", "up"]);
    crate::process::run(ip)
}

/// A machine: a network namespace, for threads and the programs that they start.
#[derive(Debug)]
pub struct Machine(File);

impl Machine {
    /// A machine with nothing but its loopback.
    ///
    /// # Errors
    /// The kernel does not allow it.
    pub fn new() -> Result<Self> {
        thread::scope(|scope| {
            let made = scope.spawn(|| {
                // SAFETY: gives the calling thread another network, and touches no memory.
                Errno::result(unsafe { libc::unshare(libc::CLONE_NEWNET) })?;
                set_up_loopback()?;
                Ok(Self(File::open("/proc/thread-self/ns/net")?))
            });
            made.join().map_err(|_| anyhow::anyhow!("a thread panicked"))?
        })
    }

    /// Runs `work` on this machine; the threads and programs that it starts are there too.
    ///
    /// # Errors
    /// Those of `work`.
    pub fn run<T: Send>(&self, work: impl FnOnce() -> Result<T> + Send) -> Result<T> {
        thread::scope(|scope| {
            let run = scope.spawn(|| {
                // SAFETY: gives the calling thread another network, and touches no memory; the file is open.
                Errno::result(unsafe { libc::setns(self.0.as_raw_fd(), libc::CLONE_NEWNET) })?;
                work()
            });
            run.join().map_err(|_| anyhow::anyhow!("a thread panicked"))?
        })
    }

    /// How `ip` finds it, as long as this process runs.
    #[must_use]
    pub fn path(&self) -> String {
        format!("/proc/{}/fd/{}", std::process::id(), self.0.as_raw_fd())
    }
}
