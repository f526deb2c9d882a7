//! Programs that look at what a cut has left.

use std::path::Path;
use std::process::{Command, Output, Stdio};

use anyhow::{Context as _, Result, ensure};

/// What is asked, and Debian's packages that bring it.
const PROGRAMS: [(&str, &str); 6] = [
    ("mdir", "mtools"),
    ("mcopy", "mtools"),
    ("fsck.fat", "dosfstools"),
    ("e2fsck", "e2fsprogs"),
    ("debugfs", "e2fsprogs"),
    ("sqlite3", "sqlite3"),
];

/// What a program said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Said {
    /// Its status, unless a signal ended it.
    pub(crate) status: Option<i32>,
    pub(crate) out: String,
    pub(crate) error: String,
}

/// Looks whether all programs are there, before each state fails for want of one.
///
/// # Errors
/// One is not.
pub(crate) fn check() -> Result<()> {
    for (name, package) in PROGRAMS {
        start(name, &["--version"]).with_context(|| format!("no {name}: Debian's package {package}"))?;
    }
    Ok(())
}

/// Runs a program to its end.
///
/// # Errors
/// It cannot be started.
pub(crate) fn run(name: &str, arguments: &[&str]) -> Result<Said> {
    let Output { status, stdout, stderr } = start(name, arguments)?;
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    Ok(Said { status: status.code(), out: text(stdout), error: text(stderr) })
}

/// The bytes that a program writes.
///
/// # Errors
/// It cannot be started, or fails.
pub(crate) fn read(name: &str, arguments: &[&str]) -> Result<Vec<u8>> {
    let Output { status, stdout, stderr } = start(name, arguments)?;
    ensure!(status.success(), "{name}: {}", String::from_utf8_lossy(&stderr));
    Ok(stdout)
}

/// A path, as an argument.
///
/// # Errors
/// It is no text.
pub(crate) fn text(path: &Path) -> Result<&str> {
    path.to_str().context("a path that is text")
}

fn start(name: &str, arguments: &[&str]) -> Result<Output> {
    #[expect(clippy::disallowed_methods, reason = "file systems are looked at by the programs for them")]
    let mut command = Command::new(name);
    // What a cut leaves is what these programs would rather not look at; and none may wait for an answer.
    command.args(arguments).env("MTOOLS_SKIP_CHECK", "1").env("LC_ALL", "C").stdin(Stdio::null());
    command.output().with_context(|| format!("{name} cannot be started"))
}
