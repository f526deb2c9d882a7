//! The programs of the machine's system that know about releases: systemd-sysupdate, journalctl, systemctl.

use std::io;
use std::path::Path;
use std::process::{Command, Stdio};

use model::ReleaseVersion;

use super::source::{Source, SourceError};

/// Writes a release into the other slot: it is no program for people, and in no PATH.
const SYSUPDATE: &str = "/usr/lib/systemd/systemd-sysupdate";
/// The unit whose words tell why a start failed.
const HEALTH_UNIT: &str = "preau-health.service";
/// How a line of `preau health` begins that tells of a fault.
const FAULT: &str = "bad\t";
/// Most of these lines that are kept.
const FAULTS_MAX: usize = 4;
/// Most characters that are kept of what a program said.
const CHARACTERS_MAX: usize = 300;
/// Most of what a program said that is looked at: its end tells.
const LINES_MAX: usize = 4;

/// Why a program did not do what it was asked for.
#[derive(Debug, thiserror::Error)]
pub enum ProgramError {
    /// It does not run.
    #[error("cannot run {program}")]
    Run {
        /// Which.
        program: &'static str,
        /// Why.
        source: io::Error,
    },
    /// It failed.
    #[error("{program} failed: {said}")]
    Failed {
        /// Which.
        program: &'static str,
        /// Its last words.
        said: String,
    },
    /// It cannot be given the files.
    #[error("the files cannot be handed on")]
    Source(#[from] SourceError),
}

/// Has systemd-sysupdate write these files into the slot that does not run: it believes the signature of their sums alone, and compares
/// these with what it has written. `folder` is root's, and named by the transfer files.
///
/// # Errors
/// [`ProgramError`]; then nothing of it is started.
pub fn write(source: &Source, version: &ReleaseVersion, folder: &Path) -> Result<(), ProgramError> {
    let _shown = source.show(folder)?;
    run(SYSUPDATE, &["update", &version.to_string()]).map(drop)
}

/// Has the machine start anew.
///
/// # Errors
/// [`ProgramError`].
pub fn restart() -> Result<(), ProgramError> {
    run("systemctl", &["reboot"]).map(drop)
}

/// Why the start before this one failed, as its health check told the system's journal: one line.
///
/// All of the journal's folder is read: a machine whose firmware has no identity has another at each start, and a folder for each.
#[must_use]
pub fn last_words() -> String {
    let arguments = [
        "--directory=/var/log/journal",
        "--boot=-1",
        "--unit",
        HEALTH_UNIT,
        "--output=cat",
        "--no-pager",
        "--quiet",
        "--lines=200",
    ];
    match run("journalctl", &arguments) {
        Ok(journal) => faults(&journal),
        Err(error) => tidy(&format!("its journal cannot be read: {error}")),
    }
}

/// The faults among the words of a health check.
fn faults(journal: &str) -> String {
    let mut faults: Vec<String> = Vec::new();
    for fault in journal.lines().filter_map(|line| line.strip_prefix(FAULT)) {
        let fault = fault.replace('\t', ": ");
        if !faults.contains(&fault) && faults.len() < FAULTS_MAX {
            faults.push(fault);
        }
    }
    match faults.is_empty() {
        true => "it did not come as far as its health check, or ended there without a word".to_owned(),
        false => tidy(&format!("preau-health: {}", faults.join("; "))),
    }
}

/// One line of bounded length, without characters that only terminals understand.
pub(super) fn tidy(text: &str) -> String {
    text.trim().chars().map(|c| if c.is_control() { ' ' } else { c }).take(CHARACTERS_MAX).collect()
}

/// Runs a program to its end; what it said.
fn run(program: &'static str, arguments: &[&str]) -> Result<String, ProgramError> {
    #[expect(clippy::disallowed_methods, reason = "this is the room that runs programs")]
    let mut command = Command::new(program);
    command.args(arguments).env("LC_ALL", "C").env("SYSTEMD_COLORS", "0").stdin(Stdio::null());
    let output = command.output().map_err(|source| ProgramError::Run { program, source })?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    let last: Vec<&str> = said.lines().rev().take(LINES_MAX).collect();
    let said = tidy(&last.into_iter().rev().collect::<Vec<_>>().join("; "));
    Err(ProgramError::Failed { program, said })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_start_says_what_was_wrong() {
        let check = |journal: &str, expected: &str| assert_eq!(faults(journal), expected, "{journal:?}");
        let unknown = "it did not come as far as its health check, or ended there without a word";
        check("", unknown);
        check("good\tDHCP\t10.77.0.101\nStarting preau-health.service...\n", unknown);
        check(
            "good\tDHCP\t10.77.0.101\nbad\tDNS\tsilent\nbad\tDNS\tsilent\nbad\tportal\trejected\u{1b}[2J\nFailed.\n",
            "preau-health: DNS: silent; portal: rejected [2J",
        );
        let long = faults(&format!("bad\tDNS\t{}\n", "é".repeat(10_000)));
        assert_eq!(long.chars().count(), CHARACTERS_MAX);
    }

    #[test]
    fn a_program_that_fails_says_why_and_one_that_is_not_there_as_well() {
        assert_eq!(run("sh", &["-c", "echo fine; echo noise >&2"]).unwrap(), "fine\n");
        let said = run("sh", &["-c", "for n in 1 2 3 4 5 6; do echo $n >&2; done; exit 1"]).unwrap_err();
        assert_eq!(said.to_string(), "sh failed: 3; 4; 5; 6");
        assert!(matches!(run("/nonexistent/program", &[]), Err(ProgramError::Run { .. })));
    }
}
