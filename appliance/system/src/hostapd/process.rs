//! The program itself, as a child.

use std::ffi::OsStr;
use std::io;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::thread;

use nix::sys::prctl::set_pdeathsig;
use nix::sys::signal::{Signal, kill};
use nix::unistd::{Pid, getppid};

use super::{END_WITHIN, LOOK_PAUSE};
use crate::clock::monotonic;

/// A running hostapd. It ends when this is dropped, when the thread that started it ends, and when its process does.
pub(super) struct Process {
    child: Child,
}

impl Process {
    /// Starts it with this configuration; what it prints goes to `words`.
    ///
    /// # Errors
    /// The system's.
    pub(super) fn start(program: &OsStr, configuration: &Path, words: Stdio) -> io::Result<Self> {
        let parent = Pid::this();
        #[expect(clippy::disallowed_methods, reason = "this is the room that runs programs")]
        let mut command = Command::new(program);
        command.arg(configuration).stdin(Stdio::null()).stdout(words).stderr(Stdio::null());
        // A group of its own: a terminal's ^C ends the box, which then ends it.
        command.process_group(0);
        let end_with_parent = move || {
            set_pdeathsig(Signal::SIGKILL)?;
            // Whoever starts it may have died before the kernel was told.
            if getppid() == parent { Ok(()) } else { Err(io::Error::other("the box has ended")) }
        };
        #[expect(
            unsafe_code,
            reason = "the standard library has no safe way to bind a child's life to its parent's"
        )]
        // SAFETY: what runs between fork and exec are two system calls, which allocate nothing and take no lock.
        unsafe {
            command.pre_exec(end_with_parent);
        }
        let child = command.spawn().map_err(|error| {
            io::Error::new(error.kind(), format!("cannot run {}: {error}", program.display()))
        })?;
        Ok(Self { child })
    }

    /// What it prints, where that was to come here.
    pub(super) fn take_words(&mut self) -> Option<ChildStdout> {
        self.child.stdout.take()
    }

    /// Whether it still runs.
    pub(super) fn is_running(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// Asks it to end; one that does not is killed.
    fn end(&mut self) -> io::Result<()> {
        // The number of one that has ended may be another's by now.
        if self.is_running() {
            let asked = i32::try_from(self.child.id()).map(|id| kill(Pid::from_raw(id), Signal::SIGTERM));
            let start = monotonic();
            while asked.is_ok() && self.is_running() && monotonic().duration_since(start) < END_WITHIN {
                thread::sleep(LOOK_PAUSE);
            }
        }
        if self.is_running() {
            self.child.kill()?;
        }
        self.child.wait().map(drop)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if let Err(error) = self.end() {
            tracing::error!(%error, "hostapd cannot be ended");
        }
    }
}
