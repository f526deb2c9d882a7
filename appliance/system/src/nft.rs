//! Table `inet preau`: put in place in one transaction, read back, repaired.
//!
//! The table stays when the process ends, however it ends: a box that crashed is closed. Only [`Nft::remove`]
//! opens it, on somebody's order.
//!
//! Runs the program nft(8), which speaks the kernel's language of the machine that it is installed on.

mod standing;

use std::ffi::OsString;
use std::io::{self, Write};
use std::process::{Command, Output, Stdio};

use firewall::{FirewallPolicy, Ruleset, TABLE, compile};

use crate::{neighbours, refusals};
use standing::Standing;

/// What nft says about a table that is not there; its messages are in English under `LC_ALL=C`.
const ABSENT: &str = "No such file or directory";

/// Keeps the firewall as intended. Reads the whole intent each time, and applies it when what stands differs:
/// at start, when the intent changed, and when somebody else changed or removed the table.
#[derive(Debug)]
pub struct FirewallKeeper {
    nft: Nft,
    /// What stood after the last replacement, and was as intended.
    kept: Option<Standing>,
}

impl FirewallKeeper {
    /// Keeps the firewall through this nft.
    #[must_use]
    pub fn new(nft: Nft) -> Self {
        Self { nft, kept: None }
    }

    /// Makes the table stand as intended. Does nothing when it does already. Connections survive a replacement.
    ///
    /// A table that another process put there is replaced without a look at its details: this process does not
    /// know whether somebody changed it since.
    ///
    /// # Errors
    /// [`NftError`]. The table that stood before still stands then, unless the error is
    /// [`NftError::Different`].
    pub fn ensure(&mut self, policy: &FirewallPolicy) -> Result<Outcome, NftError> {
        // Each time: the interface may have come back with the kernel's own limits.
        if let Err(error) = neighbours::limit_queues(&policy.intent().lan) {
            tracing::warn!(%error, "addresses that nobody has may use up the kernel's memory for replies");
        }
        let ruleset = compile(policy);
        let found = self.nft.read()?;
        let cause = match (&found, &self.kept) {
            (Some(found), Some(kept)) if found != kept => Cause::Altered,
            (Some(_), Some(kept)) if kept.carries(&ruleset) => return Ok(Outcome::Kept),
            (Some(_), Some(_)) => Cause::Intent,
            (None, Some(_)) => Cause::Removed,
            (_, None) => Cause::Start,
        };
        self.nft.replace(&ruleset)?;
        if let Err(error) = refusals::send_at_once() {
            tracing::warn!(%error, "the kernel limits refusals: browsers may wait where they need not");
        }
        let standing = self.nft.read()?.filter(|standing| standing.carries(&ruleset));
        self.kept = Some(standing.ok_or(NftError::Different)?);
        Ok(Outcome::Replaced(cause))
    }

    /// Removes the table: the kernel filters nothing any more. Does nothing when there is none.
    ///
    /// # Errors
    /// [`NftError`]; the table still stands then.
    pub fn remove(&mut self) -> Result<(), NftError> {
        self.nft.remove()?;
        self.kept = None;
        Ok(())
    }
}

/// What [`FirewallKeeper::ensure`] found to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Nothing: the table stands as intended.
    Kept,
    /// The table was replaced.
    Replaced(Cause),
}

/// Why a table was replaced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// This process had not put one in place yet.
    Start,
    /// The intent changed.
    Intent,
    /// Somebody else changed the table: a person has to know.
    Altered,
    /// Somebody else removed the table: a person has to know.
    Removed,
}

/// The program nft.
#[derive(Clone, Debug)]
pub struct Nft {
    program: OsString,
}

impl Nft {
    /// This program: a path, or a name to look for in `PATH`.
    #[must_use]
    pub fn new(program: impl Into<OsString>) -> Self {
        Self { program: program.into() }
    }

    /// Removes the table, if it is there.
    ///
    /// # Errors
    /// [`NftError::Run`] or [`NftError::Refused`].
    pub fn remove(&self) -> Result<(), NftError> {
        self.load(&format!("add table {TABLE}\ndelete table {TABLE}\n"))
    }

    fn replace(&self, ruleset: &Ruleset) -> Result<(), NftError> {
        self.load(&ruleset.transaction())
    }

    /// Reads what stands; `None` without a table.
    fn read(&self) -> Result<Option<Standing>, NftError> {
        let output = self
            .run(&["--json", "list", "table"].into_iter().chain(TABLE.split(' ')).collect::<Vec<_>>(), "")?;
        match accepted(output) {
            Ok(listing) => Standing::parse(&listing).map(Some).map_err(NftError::Unreadable),
            Err(NftError::Refused(message)) if message.contains(ABSENT) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Has nft carry out `transaction`, all of it or nothing.
    fn load(&self, transaction: &str) -> Result<(), NftError> {
        let output = self.run(&["--file", "-"], transaction)?;
        accepted(output).map(drop)
    }

    fn run(&self, arguments: &[&str], input: &str) -> Result<Output, NftError> {
        #[expect(clippy::disallowed_methods, reason = "this is the room that runs programs")]
        let mut command = Command::new(&self.program);
        command.args(arguments).env("LC_ALL", "C");
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let failed = |source| NftError::Run { program: self.program.clone(), source };
        let mut child = command.spawn().map_err(failed)?;
        // A program that ends before it has read everything says why on its own: its answer is worth more than
        // this error. The end of input is what it waits for, so the pipe closes here.
        let written = child.stdin.take().map_or(Ok(()), |mut stdin| stdin.write_all(input.as_bytes()));
        let output = child.wait_with_output().map_err(failed)?;
        match written {
            Err(source) if output.status.success() => Err(failed(source)),
            _ => Ok(output),
        }
    }
}

impl Default for Nft {
    fn default() -> Self {
        Self::new("nft")
    }
}

fn accepted(output: Output) -> Result<Vec<u8>, NftError> {
    if output.status.success() {
        Ok(output.stdout)
    } else {
        Err(NftError::Refused(String::from_utf8_lossy(&output.stderr).trim_end().to_owned()))
    }
}

/// Why the firewall could not be put in place, or read.
#[derive(Debug, thiserror::Error)]
pub enum NftError {
    /// The program does not run.
    #[error("cannot run {}: is nftables installed?", program.display())]
    Run {
        /// The program.
        program: OsString,
        /// Why.
        source: io::Error,
    },
    /// The program, or the kernel behind it, refuses.
    #[error("nft refuses: {0}")]
    Refused(String),
    /// The program lists the table in a form that is not known.
    #[error("cannot read nft's listing of table {TABLE}")]
    Unreadable(#[source] serde_json::Error),
    /// What stands after a replacement is not what was put there: somebody else changes the table too.
    #[error("table {TABLE} is not as it was put in place a moment ago: another program changes it")]
    Different,
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How programs that are not nft fail.
    #[test]
    fn failures_say_what_failed() {
        for (program, expected) in [
            ("/nowhere/nft", "cannot run /nowhere/nft: is nftables installed?"),
            ("false", "nft refuses: "),
            ("true", "cannot read nft's listing of table inet preau"),
        ] {
            assert_eq!(Nft::new(program).read().unwrap_err().to_string(), expected);
        }
    }
}
