//! What the unit of a radio runs: hostapd, for as long as the box asks for it.
//!
//! The box opens a connection to a socket of systemd's, which starts a unit for it (`Accept=yes` of systemd.socket(5)). It says which
//! interface, then gives signs of life. hostapd prints into the same connection. It ends when the connection is closed, which the
//! kernel does for a box that is killed, when the signs stay away, which is a box that hangs, and with this process.
//!
//! hostapd is the same user: one that somebody has taken over may stop this process, so that it hears of no end. systemd, which then has no sign
//! of life (`WatchdogSec=`), ends both.

use std::ffi::OsStr;
use std::io::{self, BufRead as _, BufReader, ErrorKind, Read as _, Write as _};
use std::net::Shutdown;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::Stdio;
use std::thread;
use std::time::Duration;

use firewall::Interface;
use nix::sys::prctl::set_dumpable;

use super::process::Process;
use super::{CONFIGURATION_FILE, PROGRAM};
use crate::clock::monotonic;
use crate::supervisor;

/// How long the box may give no sign: it looks at a radio each second, and each half a minute while that makes trouble.
const SIGN_WITHIN: Duration = Duration::from_secs(60);
/// How often hostapd is looked at between signs.
const LOOK_PERIOD: Duration = Duration::from_millis(100);
/// How often systemd is told that this process is not stopped: several times within its unit's `WatchdogSec=`.
const WATCH_PERIOD: Duration = Duration::from_secs(5);
/// Longest line that names an interface, in bytes, with its end.
const LINE_BYTES_MAX: u64 = 16;

/// Keeps one radio for the box at the other end of this connection, until that goes or hostapd does. Its files are where
/// the box with the same folder puts them.
///
/// # Errors
/// The connection names no interface, or is no socket; hostapd cannot be started.
pub fn keep(connection: OwnedFd, folder: &Path) -> io::Result<()> {
    // Whoever has taken hostapd over writes nothing into this process's memory.
    set_dumpable(false)?;
    // By a thread of its own: a systemd that takes no words keeps nobody from hearing of the box's end.
    thread::Builder::new().name("signs".to_owned()).spawn(give_signs)?;
    keep_program(PROGRAM.as_ref(), UnixStream::from(connection), folder, SIGN_WITHIN)
}

pub(super) fn keep_program(
    program: &OsStr,
    mut connection: UnixStream,
    folder: &Path,
    sign_within: Duration,
) -> io::Result<()> {
    connection.set_read_timeout(Some(sign_within))?;
    let interface = read_interface(&mut connection)?;
    connection.set_read_timeout(Some(LOOK_PERIOD.min(sign_within)))?;
    let configuration = folder.join(interface.as_str()).join(CONFIGURATION_FILE);
    let words = Stdio::from(OwnedFd::from(connection.try_clone()?));
    let mut process = match Process::start(program, &configuration, words) {
        Ok(process) => process,
        Err(error) => {
            // Who asked is told as well as whoever reads the system's journal.
            let _told = writeln!(connection, "{error}");
            return Err(error);
        }
    };
    tracing::info!(%interface, "hostapd serves a radio, silent until the box has it send");
    let (mut signs, mut heard) = ([0; 64], monotonic());
    while process.is_running() {
        match connection.read(&mut signs) {
            Ok(0) => break,
            Ok(_) => heard = monotonic(),
            Err(error)
                if [ErrorKind::WouldBlock, ErrorKind::TimedOut, ErrorKind::Interrupted]
                    .contains(&error.kind()) => {}
            Err(error) => {
                tracing::warn!(%interface, %error, "the box cannot be heard: its radio ends");
                break;
            }
        }
        if monotonic().duration_since(heard) > sign_within {
            tracing::warn!(%interface, "the box gives no sign of life: its radio ends");
            break;
        }
    }
    drop(process);
    // systemd holds this end, too, until it has seen the unit's: the box does not wait for that.
    let _gone = connection.shutdown(Shutdown::Both);
    Ok(())
}

fn give_signs() {
    loop {
        supervisor::tell_alive();
        thread::sleep(WATCH_PERIOD);
    }
}

/// The first line. What comes with it are signs, which need not be kept.
fn read_interface(connection: &mut UnixStream) -> io::Result<Interface> {
    let mut line = String::new();
    BufReader::new(connection.take(LINE_BYTES_MAX)).read_line(&mut line)?;
    let name = line.trim_end_matches('\n');
    name.parse().map_err(|error| io::Error::new(ErrorKind::InvalidData, format!("{name:?}: {error}")))
}
