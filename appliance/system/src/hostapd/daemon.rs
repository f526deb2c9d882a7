//! hostapd as the box has it: its own child, or at the other end of a connection to the keeper of its unit.

use std::ffi::OsStr;
use std::io::{self, Read, Write as _};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::Stdio;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use firewall::Interface;

use super::process::Process;
use super::{END_WITHIN, LOOK_PAUSE};
use crate::clock::monotonic;

/// How much of what it prints is remembered, in bytes: the few lines that say why it ended.
const WORDS_BYTES_MAX: usize = 600;
/// What the keeper is told as long as the radio is wanted.
const SIGN: &[u8] = b".";
/// How often at most: the kernel has room for some hundred until a unit that is slow to begin reads them.
const SIGN_PERIOD: Duration = Duration::from_millis(500);

/// A running hostapd. It ends when this is dropped, and when the box ends, however that does.
pub(super) struct Daemon {
    life: Life,
    words: Arc<Mutex<String>>,
    listener: JoinHandle<()>,
}

enum Life {
    Child(Process),
    /// Whoever keeps it ends it once this connection is closed, or nothing comes by it any more.
    Unit {
        connection: UnixStream,
        signed: Option<Instant>,
    },
}

impl Daemon {
    /// Starts it with this configuration, as the box's child.
    ///
    /// # Errors
    /// The system's.
    pub(super) fn start(program: &OsStr, configuration: &Path) -> io::Result<Self> {
        let mut process = Process::start(program, configuration, Stdio::piped())?;
        let words = process.take_words().ok_or_else(|| io::Error::other("its words do not come here"))?;
        Self::over(Life::Child(process), words)
    }

    /// Has it started by whoever listens at this door, for this interface.
    ///
    /// # Errors
    /// The system's; there may be nobody.
    pub(super) fn ask_for(door: &Path, interface: &Interface) -> io::Result<Self> {
        let mut connection = UnixStream::connect(door).map_err(|error| {
            let message = format!("nobody keeps radios at {}: {error}", door.display());
            io::Error::new(error.kind(), message)
        })?;
        connection.set_write_timeout(Some(END_WITHIN))?;
        connection.write_all(format!("{interface}\n").as_bytes())?;
        let words = connection.try_clone()?;
        Self::over(Life::Unit { connection, signed: None }, words)
    }

    fn over(life: Life, source: impl Read + Send + 'static) -> io::Result<Self> {
        let words = Arc::new(Mutex::new(String::new()));
        let daemon_words = Arc::clone(&words);
        let listener = thread::Builder::new().name("hostapd-words".to_owned());
        let listener = listener.spawn(move || listen(source, &daemon_words))?;
        Ok(Self { life, words, listener })
    }

    /// Whether it still runs. To ask is to want it: its keeper is told.
    pub(super) fn is_running(&mut self) -> bool {
        match &mut self.life {
            Life::Child(process) => process.is_running(),
            Life::Unit { .. } if self.listener.is_finished() => false,
            Life::Unit { connection, signed } => {
                let now = monotonic();
                if signed.is_some_and(|signed| now.duration_since(signed) < SIGN_PERIOD) {
                    return true;
                }
                *signed = Some(now);
                connection.write_all(SIGN).is_ok()
            }
        }
    }

    /// The last of what it printed, once it has ended.
    pub(super) fn last_words(&self) -> String {
        // The kernel tells of the end before the last of it is read; a process that it left behind may keep on printing.
        self.await_silence(1);
        let words = self.words.lock().unwrap_or_else(PoisonError::into_inner);
        // Whoever reads them may be a terminal.
        let said = words.lines().collect::<Vec<_>>().join("; ").replace(char::is_control, " ");
        if !said.is_empty() {
            return said;
        }
        match &self.life {
            Life::Child(_) => "it says nothing".to_owned(),
            Life::Unit { .. } => {
                "it says nothing; the system's journal may: journalctl -u 'preau-hostapd@*'".to_owned()
            }
        }
    }

    /// Waits until nothing more comes from it, as long as some times what it takes to end. Whether that is so.
    fn await_silence(&self, times: u32) -> bool {
        let start = monotonic();
        while !self.listener.is_finished() && monotonic().duration_since(start) < END_WITHIN * times {
            thread::sleep(LOOK_PAUSE);
        }
        self.listener.is_finished()
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // A child ends as its owner's field does.
        let Life::Unit { connection, .. } = &self.life else { return };
        // The other end may be gone already.
        let _closed = connection.shutdown(Shutdown::Write);
        // Its keeper asks it to end, then kills it: the next one wants the same interface.
        if !self.await_silence(3) {
            tracing::error!("the keeper of a radio does not end its hostapd");
        }
    }
}

/// Reads what it prints until it ends, so that it never waits for a reader. No key is among it.
fn listen(mut source: impl Read, words: &Mutex<String>) {
    let mut bytes = [0; 512];
    while let Ok(length @ 1..) = source.read(&mut bytes) {
        let text = String::from_utf8_lossy(bytes.get(..length).unwrap_or_default());
        tracing::debug!(target: "hostapd", "{}", text.trim_end());
        let mut words = words.lock().unwrap_or_else(PoisonError::into_inner);
        words.push_str(&text);
        let start = words.len().saturating_sub(WORDS_BYTES_MAX);
        let start = words.ceil_char_boundary(start);
        words.drain(..start);
    }
}
