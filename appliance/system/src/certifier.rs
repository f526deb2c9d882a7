//! A program that has a request certified: an ACME client of the commune's choice, or whatever leads to its authority.
//!
//! It gets the request (RFC 2986) in PEM on its standard input, and says the chain in PEM on its standard output; or it does no more than to put a proof
//! into DNS, which its words name. It has no shell, the environment of the hub, and an end.

use std::io::{self, Read, Write as _};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::channel;
use std::thread;
use std::time::Duration;

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;

/// How long it may take: an authority looks at a name in DNS for some minutes.
const WITHIN: Duration = Duration::from_secs(900);
/// How often it is looked whether it has ended once it has said all, and between two looks: ten seconds.
const END_LOOKS: u32 = 200;
const END_PAUSE: Duration = Duration::from_millis(50);
/// Most bytes that are read of what it says.
const BYTES_MAX: u64 = 256 << 10;

/// Why there is no chain.
#[derive(Debug, thiserror::Error)]
pub enum CertifierError {
    /// It cannot be started, or spoken to.
    #[error("the program {program} cannot be run")]
    Run {
        /// Which.
        program: String,
        /// Why.
        source: io::Error,
    },
    /// It says that it failed; its own words are in the hub's log.
    #[error("the program ended with the status {0}")]
    Failed(i32),
    /// It took too long, and was ended.
    #[error("the program took more than {} minutes", WITHIN.as_secs() / 60)]
    Slow,
    /// What it says is no text.
    #[error("what the program says is no text")]
    NoText,
}

/// Runs the program over a request; what it says. `names` are its arguments, as some clients want them. Blocks.
///
/// # Errors
/// [`CertifierError`].
pub fn certify(program: &Path, names: &[String], request_pem: &str) -> Result<String, CertifierError> {
    certify_within(WITHIN, program, names, request_pem)
}

/// Runs a program with these words, whatever it says. Blocks.
///
/// # Errors
/// [`CertifierError`].
pub fn call(program: &Path, words: &[&str]) -> Result<(), CertifierError> {
    let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
    match certify_within(WITHIN, program, &words, "") {
        Ok(_) | Err(CertifierError::NoText) => Ok(()),
        Err(error) => Err(error),
    }
}

fn certify_within(
    within: Duration,
    program: &Path,
    names: &[String],
    request_pem: &str,
) -> Result<String, CertifierError> {
    let failed = |source| CertifierError::Run { program: program.display().to_string(), source };
    #[expect(clippy::disallowed_methods, reason = "this room runs programs")]
    let mut command = Command::new(program);
    command.args(names).stdin(Stdio::piped()).stdout(Stdio::piped()).process_group(0);
    let mut child = command.spawn().map_err(failed)?;
    let said = talk(&mut child, request_pem, within).map_err(failed);
    if !matches!(said, Ok(Some(_))) {
        end(&child);
    }
    let status = await_end(&mut child).map_err(failed)?;
    let said = said?.ok_or(CertifierError::Slow)?;
    match status.code() {
        Some(0) => String::from_utf8(said).map_err(|_| CertifierError::NoText),
        code => Err(CertifierError::Failed(code.unwrap_or(-1))),
    }
}

/// What it says until it ends; `None` where it takes too long.
fn talk(child: &mut Child, request: &str, within: Duration) -> io::Result<Option<Vec<u8>>> {
    let (input, output) = (child.stdin.take(), child.stdout.take());
    let (Some(mut input), Some(output)) = (input, output) else {
        return Err(io::ErrorKind::BrokenPipe.into());
    };
    let (told, said) = channel();
    thread::Builder::new().name("certifier".to_owned()).spawn(move || {
        let mut bytes = Vec::new();
        // Nobody waits for it any more where it was ended.
        drop(told.send(output.take(BYTES_MAX).read_to_end(&mut bytes).map(|_| bytes)));
    })?;
    // A program that reads nothing says what it has to say all the same; a request fits into a pipe.
    let _unread = input.write_all(request.as_bytes());
    drop(input);
    said.recv_timeout(within).ok().transpose()
}

/// Waits for it to end: one that has said all has no reason to stay.
fn await_end(child: &mut Child) -> io::Result<ExitStatus> {
    for _ in 0..END_LOOKS {
        if let Some(status) = child.try_wait()? {
            return Ok(status);
        }
        thread::sleep(END_PAUSE);
    }
    end(child);
    child.wait()
}

/// Ends the program, and what it has started.
fn end(child: &Child) {
    if let Ok(id) = i32::try_from(child.id()) {
        // One that is gone by now is what was wanted.
        let _gone = killpg(Pid::from_raw(id), Signal::SIGKILL);
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    fn run(script: &str, within: Duration) -> Result<String, CertifierError> {
        let folder = tempfile::tempdir().unwrap();
        let program = folder.path().join("program");
        fs::write(&program, format!("#!/bin/sh\n{script}\n")).unwrap();
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
        certify_within(within, &program, &["a.example".to_owned()], "request\n")
    }

    #[test]
    fn a_program_says_what_it_made_of_a_request() {
        let patience = Duration::from_secs(60);
        assert_eq!(run("echo \"$1\"; cat", patience).unwrap(), "a.example\nrequest\n");
        assert!(matches!(run("cat >/dev/null; exit 3", patience), Err(CertifierError::Failed(3))));
        assert!(matches!(run("printf '\\377'", patience), Err(CertifierError::NoText)));
        let missing = call(Path::new("/nonexistent/program"), &["present"]);
        assert!(matches!(missing, Err(CertifierError::Run { .. })), "{missing:?}");
        // One that never ends is ended, with what it has started.
        assert!(matches!(
            run("sleep 1000 & sleep 1000", Duration::from_millis(100)),
            Err(CertifierError::Slow)
        ));
        let endless = run("yes", patience).map(|said| said.len());
        assert!(endless.is_err() || endless.is_ok_and(|bytes| bytes as u64 <= BYTES_MAX));
    }
}
