//! The process.

use std::ffi::OsStr;
use std::io::{self, Read};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use nix::sys::prctl::set_pdeathsig;
use nix::sys::signal::{Signal, kill};
use nix::unistd::{Pid, getppid};

use crate::clock::monotonic;

/// How much of what it prints is remembered, in bytes: the few lines that say why it ended.
const WORDS_BYTES_MAX: usize = 600;
/// How long it takes to throw its devices out and to end once it is asked to, and its last words to come.
const END_WITHIN: Duration = Duration::from_secs(1);
const LOOK_PAUSE: Duration = Duration::from_millis(10);

/// A running hostapd. It ends when this is dropped, when the thread that started it ends, and when the box does.
pub(super) struct Daemon {
    child: Child,
    words: Arc<Mutex<String>>,
    listener: Option<JoinHandle<()>>,
}

impl Daemon {
    /// Starts it with this configuration.
    ///
    /// # Errors
    /// The system's.
    pub(super) fn start(program: &OsStr, configuration: &Path) -> io::Result<Self> {
        let parent = Pid::this();
        #[expect(clippy::disallowed_methods, reason = "this is the room that runs programs")]
        let mut command = Command::new(program);
        command.arg(configuration).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
        // A group of its own: a terminal's ^C ends the box, which then ends it.
        command.process_group(0);
        let end_with_parent = move || {
            set_pdeathsig(Signal::SIGKILL)?;
            // The box may have died before the kernel was told.
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
        let mut child = command.spawn().map_err(|error| {
            io::Error::new(error.kind(), format!("cannot run {}: {error}", program.display()))
        })?;
        let words = Arc::new(Mutex::new(String::new()));
        let daemon_words = Arc::clone(&words);
        let listener = child.stdout.take().map(|stdout| {
            thread::Builder::new()
                .name("hostapd-words".to_owned())
                .spawn(move || listen(stdout, &daemon_words))
        });
        Ok(Self { child, words, listener: listener.transpose()? })
    }

    /// Whether it still runs.
    pub(super) fn is_running(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// The last of what it printed, once it has ended.
    pub(super) fn last_words(&self) -> String {
        // The kernel tells of the end before the last of it is read; a process that it left behind may keep on printing.
        let start = monotonic();
        while self.listener.as_ref().is_some_and(|listener| !listener.is_finished())
            && monotonic().duration_since(start) < END_WITHIN
        {
            thread::sleep(LOOK_PAUSE);
        }
        let words = self.words.lock().unwrap_or_else(PoisonError::into_inner);
        words.lines().collect::<Vec<_>>().join("; ")
    }

    fn end(&mut self) -> io::Result<()> {
        let asked = i32::try_from(self.child.id()).map(|id| kill(Pid::from_raw(id), Signal::SIGTERM));
        let start = monotonic();
        while asked.is_ok() && self.is_running() && monotonic().duration_since(start) < END_WITHIN {
            thread::sleep(LOOK_PAUSE);
        }
        if self.is_running() {
            self.child.kill()?;
        }
        self.child.wait().map(drop)
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        if let Err(error) = self.end() {
            tracing::error!(%error, "hostapd cannot be ended");
        }
    }
}

/// Reads what it prints until it ends, so that it never waits for a reader. No key is among it.
fn listen(mut stdout: ChildStdout, words: &Mutex<String>) {
    let mut bytes = [0; 512];
    while let Ok(length @ 1..) = stdout.read(&mut bytes) {
        let text = String::from_utf8_lossy(bytes.get(..length).unwrap_or_default());
        tracing::debug!(target: "hostapd", "{}", text.trim_end());
        let mut words = words.lock().unwrap_or_else(PoisonError::into_inner);
        words.push_str(&text);
        let start = words.len().saturating_sub(WORDS_BYTES_MAX);
        let start = words.ceil_char_boundary(start);
        words.drain(..start);
    }
}
