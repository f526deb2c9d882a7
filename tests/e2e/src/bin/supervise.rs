//! Stands in for systemd before a box of the lab: it hears the box's words (sd_notify(3)), keeps its sockets, and starts it
//! anew with them (sd_listen_fds(3)).
//!
//! `supervise SOCKET PROGRAM ARGUMENTS...` takes orders line by line, and answers each with a line: `start` when the box is
//! ready, `TERM` and `KILL` when it has ended, `signs` when it has given two signs of life.
#![expect(clippy::print_stdout, reason = "its output is what the tests read")]

use std::io::{self, BufRead as _, IoSliceMut};
use std::os::fd::{AsRawFd as _, RawFd};
use std::os::unix::net::UnixDatagram;
use std::process::{Child, Command};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use nix::sys::signal::{Signal, kill};
use nix::sys::socket::{ControlMessageOwned, MsgFlags, UnixAddr, recvmsg};
use nix::unistd::Pid;

/// How long the box may take for a word.
const WORD_WITHIN: Duration = Duration::from_secs(60);
/// How often it has to give a sign of life, in microseconds.
const WATCHDOG_USEC: &str = "2000000";
/// Most bytes of a word.
const WORD_BYTES_MAX: usize = 4_096;
/// Gives the kept sockets the numbers from 3 on, and says for whom they are.
const ADOPT: &str = "export LISTEN_PID=$$ WATCHDOG_PID=$$; exec \"$@\"";

/// Sockets by name, in the order of their numbers.
type Kept = Arc<Mutex<Vec<(RawFd, String)>>>;

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [path, command @ ..] = arguments.as_slice() else {
        bail!("usage: supervise SOCKET PROGRAM ARGUMENTS...")
    };
    let socket = UnixDatagram::bind(path)?;
    let kept = Kept::default();
    let (say, words) = channel();
    let keeping = Arc::clone(&kept);
    thread::spawn(move || while hear(&socket, &keeping, &say).is_ok() {});
    let mut running: Option<Child> = None;
    for order in io::stdin().lock().lines() {
        match order?.as_str() {
            "start" => {
                running = Some(start(path, command, &kept)?);
                wait_for(&words, "READY=1")?;
                println!("ready, {} sockets", kept.lock().unwrap_or_else(PoisonError::into_inner).len());
            }
            "signs" => {
                wait_for(&words, "WATCHDOG=1")?;
                wait_for(&words, "WATCHDOG=1")?;
                println!("it lives");
            }
            signal => {
                let mut child = running.take().context("it does not run")?;
                kill(Pid::from_raw(i32::try_from(child.id())?), format!("SIG{signal}").parse::<Signal>()?)?;
                println!("{}", child.wait()?);
            }
        }
    }
    running.as_mut().map_or(Ok(()), Child::kill).map_err(Into::into)
}

/// Hears one word.
fn hear(socket: &UnixDatagram, kept: &Kept, say: &Sender<String>) -> Result<()> {
    let mut bytes = [0; WORD_BYTES_MAX];
    let mut space = nix::cmsg_space!([RawFd; 4]);
    let (length, descriptors) = {
        let mut parts = [IoSliceMut::new(&mut bytes)];
        let message =
            recvmsg::<UnixAddr>(socket.as_raw_fd(), &mut parts, Some(&mut space), MsgFlags::empty())?;
        let rights = message.cmsgs()?.filter_map(|part| {
            if let ControlMessageOwned::ScmRights(descriptors) = part { Some(descriptors) } else { None }
        });
        (message.bytes, rights.flatten().collect::<Vec<_>>())
    };
    let text = String::from_utf8_lossy(bytes.get(..length).unwrap_or_default()).into_owned();
    let name = text.lines().find_map(|line| line.strip_prefix("FDNAME=")).unwrap_or("stored").to_owned();
    {
        let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
        if text.lines().any(|line| line == "FDSTOREREMOVE=1") {
            kept.retain(|(_, other)| *other != name);
        }
        kept.extend(descriptors.into_iter().map(|descriptor| (descriptor, name.clone())));
        kept.sort_unstable();
    }
    for line in text.lines() {
        say.send(line.to_owned())?;
    }
    Ok(())
}

fn start(path: &str, command: &[String], kept: &Kept) -> Result<Child> {
    let kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
    // The lowest first: no number is overwritten before it was copied.
    let adopt =
        kept.iter().zip(3..).map(|((descriptor, _), number)| format!("exec {number}<&{descriptor}; "));
    let script = format!("{}{ADOPT}", adopt.collect::<String>());
    let names: Vec<&str> = kept.iter().map(|(_, name)| name.as_str()).collect();
    #[expect(clippy::disallowed_methods, reason = "it starts the box")]
    let mut bash = Command::new("bash");
    bash.args(["-c", &script, "supervise"]).args(command);
    bash.env("NOTIFY_SOCKET", path).env("WATCHDOG_USEC", WATCHDOG_USEC);
    if !names.is_empty() {
        bash.env("LISTEN_FDS", names.len().to_string()).env("LISTEN_FDNAMES", names.join(":"));
    }
    // What the box prints is no answer to an order.
    Ok(bash.stdout(io::stderr()).spawn()?)
}

fn wait_for(words: &Receiver<String>, word: &str) -> Result<()> {
    while words.recv_timeout(WORD_WITHIN).with_context(|| format!("no {word}"))? != word {}
    Ok(())
}
