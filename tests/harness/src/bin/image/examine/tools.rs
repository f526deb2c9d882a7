//! Programs that look at what a cut has left.

use std::path::Path;
use std::process::{Command, Output, Stdio};

use anyhow::{Context as _, Result, bail, ensure};

use crate::write_log::Span;

/// What is asked, and Debian's packages that bring it.
const PROGRAMS: [(&str, &str); 7] = [
    ("mdir", "mtools"),
    ("mcopy", "mtools"),
    ("fsck.fat", "dosfstools"),
    ("e2fsck", "e2fsprogs"),
    ("debugfs", "e2fsprogs"),
    ("sqlite3", "sqlite3"),
    ("strace", "strace"),
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

/// Runs a program to its end, and tells which bytes of its one file it wrote.
///
/// # Errors
/// It cannot be started, or writes in a way that is not followed here.
pub(crate) fn run_watched(name: &str, arguments: &[&str], trace: &Path) -> Result<(Said, Vec<Span>)> {
    let watch = ["-o", text(trace)?, "-s", "0", "-e", WRITING, "--", name];
    let said = run("strace", &[&watch, arguments].concat())?;
    let trace = std::fs::read_to_string(trace)?;
    Ok((said, written(&trace).with_context(|| format!("what {name} writes"))?))
}

/// The calls by which a file is written, or where in it is said.
const WRITING: &str =
    "trace=lseek,pwrite64,pwritev,pwritev2,write,writev,fallocate,ftruncate,sendfile,copy_file_range";

/// Which bytes were written, by the words of strace. What goes to the first three files is said, not written.
fn written(trace: &str) -> Result<Vec<Span>> {
    let (mut spans, mut at) = (Vec::new(), None);
    for line in trace.lines() {
        let Some((call, result)) = line
            .rsplit_once(") ")
            .and_then(|(call, rest)| Some((call.split_once('(')?, rest.trim_start().strip_prefix("= ")?)))
        else {
            // How it ended.
            continue;
        };
        let (name, arguments) = call;
        let arguments: Vec<&str> = arguments.split(", ").collect();
        if matches!(arguments.first(), Some(&("0" | "1" | "2"))) || result.starts_with('-') {
            continue;
        }
        let number = |text: Option<&&str>| -> Result<u64> {
            let text = text.with_context(|| format!("an argument too few: {line}"))?;
            text.parse().with_context(|| format!("no number: {line}"))
        };
        match name {
            "lseek" => at = Some(result.parse()?),
            "pwrite64" => {
                spans.push(Span { start: number(arguments.get(3))?, bytes: number(arguments.get(2))? });
            }
            "write" => {
                let start = at.with_context(|| format!("a write to an unknown place: {line}"))?;
                let bytes: u64 = result.parse()?;
                spans.push(Span { start, bytes });
                at = Some(start + bytes);
            }
            _ => bail!("{line}"),
        }
    }
    Ok(spans)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_told_by_its_calls() {
        let trace = "write(1, \"\"..., 31)                     = 31\n\
                     lseek(3, 0, SEEK_SET)                   = 0\n\
                     pwrite64(3, \"\"..., 4096, 1073741824)    = 4096\n\
                     lseek(3, 1072, SEEK_SET)                = 1072\n\
                     write(3, \"\"..., 2)                      = 2\n\
                     write(3, \"\"..., 4)                      = 4\n\
                     +++ exited with 1 +++\n";
        let span = |start, bytes| Span { start, bytes };
        assert_eq!(written(trace).unwrap(), [span(1 << 30, 4_096), span(1_072, 2), span(1_074, 4)]);
        assert!(written("fallocate(3, 0, 0, 4096) = 0\n").is_err());
        assert!(written("write(3, \"\"..., 4) = 4\n").is_err(), "nobody said where");
    }
}
