//! hostapd's control interface: datagrams on a unix socket. A command has one reply; between replies come lines that nobody
//! asked for, each beginning with `<`.

use std::collections::VecDeque;
use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::time::Duration;

use wifi::{Event, read_event};

use crate::clock::monotonic;

/// How long a reply may take: hostapd answers within two milliseconds, unless it computes keys or is stuck.
const ANSWER_WITHIN: Duration = Duration::from_secs(2);
/// Who may answer.
const OWN_MODE: u32 = 0o660;
/// Longest datagram, in bytes: hostapd's own limit of a reply is half of it.
const DATAGRAM_BYTES_MAX: usize = 8_192;
/// Unsolicited lines that are kept until somebody asks for them: a class that joins brings some hundred. What is lost then is
/// found by the next walk over the stations.
const EVENTS_MAX: usize = 256;

/// A client of hostapd's. After an error it is of no use: a reply that comes late would be taken for the next one's.
#[derive(Debug)]
pub(super) struct Control {
    socket: UnixDatagram,
    own: PathBuf,
    events: VecDeque<Event>,
}

impl Control {
    /// Speaks to the hostapd that listens at `socket`; replies come to `own`.
    ///
    /// # Errors
    /// The system's; there may be nobody.
    pub(super) fn open(socket: &Path, own: PathBuf) -> io::Result<Self> {
        // One that was left when the box was killed.
        match fs::remove_file(&own) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            Ok(()) | Err(_) => {}
        }
        let client = UnixDatagram::bind(&own)?;
        // hostapd may be another user of the box's group; whoever else there is has no way into the folder.
        fs::set_permissions(&own, Permissions::from_mode(OWN_MODE))?;
        let control = Self { socket: client, own, events: VecDeque::new() };
        control.socket.connect(socket)?;
        control.socket.set_write_timeout(Some(ANSWER_WITHIN))?;
        Ok(control)
    }

    /// The reply to a command.
    ///
    /// # Errors
    /// The system's; [`io::ErrorKind::TimedOut`] when there is none.
    pub(super) fn ask(&mut self, command: &str) -> io::Result<String> {
        self.socket.send(command.as_bytes())?;
        let start = monotonic();
        let mut bytes = [0; DATAGRAM_BYTES_MAX];
        loop {
            let left = ANSWER_WITHIN.checked_sub(monotonic().duration_since(start));
            let left = left.filter(|left| !left.is_zero()).ok_or(io::ErrorKind::TimedOut)?;
            self.socket.set_read_timeout(Some(left))?;
            let length = match self.socket.recv(&mut bytes) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    return Err(io::ErrorKind::TimedOut.into());
                }
                outcome => outcome?,
            };
            let text = String::from_utf8_lossy(bytes.get(..length).unwrap_or_default());
            if text.starts_with('<') {
                self.note(&text);
            } else {
                return Ok(text.into_owned());
            }
        }
    }

    /// Has a command carried out.
    ///
    /// # Errors
    /// As [`Control::ask`]; a reply that is not `OK`.
    pub(super) fn order(&mut self, command: &str) -> io::Result<()> {
        let reply = self.ask(command)?;
        if reply.trim_end() == "OK" {
            Ok(())
        } else {
            Err(io::Error::other(format!("hostapd says {:?} to {command}", reply.trim_end())))
        }
    }

    /// What hostapd has told unasked. Never waits.
    pub(super) fn take_events(&mut self) -> Vec<Event> {
        let mut bytes = [0; DATAGRAM_BYTES_MAX];
        if self.socket.set_nonblocking(true).is_ok() {
            for _ in 0..EVENTS_MAX {
                let Ok(length) = self.socket.recv(&mut bytes) else { break };
                let text = String::from_utf8_lossy(bytes.get(..length).unwrap_or_default()).into_owned();
                self.note(&text);
            }
            // A socket that stays so has every command fail, and hostapd is started anew.
            let _blocks = self.socket.set_nonblocking(false);
        }
        self.events.drain(..).collect()
    }

    fn note(&mut self, line: &str) {
        if self.events.len() == EVENTS_MAX {
            self.events.pop_front();
        }
        self.events.extend(read_event(line));
    }
}

impl Drop for Control {
    fn drop(&mut self) {
        // Somebody may have removed it already.
        let _absent = fs::remove_file(&self.own);
    }
}

/// The value of a field in a reply of `name=value` lines.
pub(super) fn field<'a>(reply: &'a str, name: &str) -> Option<&'a str> {
    reply.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('='))
}

/// A network's name as hostapd shows it in replies: what is no printable ASCII is escaped.
pub(super) fn show(name: &[u8]) -> String {
    name.iter()
        .map(|&byte| match byte {
            b'"' => "\\\"".to_owned(),
            b'\\' => "\\\\".to_owned(),
            b' '..=b'~' => char::from(byte).to_string(),
            _ => format!("\\x{byte:02x}"),
        })
        .collect()
}
