//! A lab leaves nothing behind, however its holder ends.

use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::Result;
use harness::{Lab, wait_until};

#[test]
fn nothing_is_left_of_a_lab_that_goes() -> Result<()> {
    let lab = Lab::new()?;
    let directory = lab.directory().to_owned();
    assert!(is_in_use(&directory)?);
    drop(lab);
    assert!(!is_in_use(&directory)?);
    assert!(!directory.exists());
    Ok(())
}

#[test]
fn nothing_is_left_of_a_lab_that_is_killed() -> Result<()> {
    let place = tempfile::tempdir()?;
    let is_empty = || -> Result<bool> { Ok(std::fs::read_dir(place.path())?.next().is_none()) };
    #[expect(clippy::disallowed_methods, reason = "the lab must be another process to be killed")]
    let mut lab = Command::new(env!("CARGO_BIN_EXE_lab"))
        .args(["--no-box", "pc1", "sh", "-c", "touch started; sleep 600"])
        .env("TMPDIR", place.path())
        .stdin(Stdio::null())
        .spawn()?;
    wait_until("the lab to start", || {
        let mut labs = std::fs::read_dir(place.path())?.flatten();
        Ok(labs.any(|lab| lab.path().join("pc1/started").exists()))
    })?;
    lab.kill()?;
    lab.wait()?;
    wait_until("the lab to go", || Ok(is_empty()? && !is_in_use(place.path())?))
}

/// Whether a process of the host names `directory`.
fn is_in_use(directory: &Path) -> Result<bool> {
    let directory = directory.as_os_str().as_encoded_bytes();
    for entry in std::fs::read_dir("/proc")? {
        let command = std::fs::read(entry?.path().join("cmdline")).unwrap_or_default();
        if command.windows(directory.len()).any(|window| window == directory) {
            return Ok(true);
        }
    }
    Ok(false)
}
