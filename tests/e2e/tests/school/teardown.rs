//! A lab leaves nothing behind, however its holder ends.

use anyhow::Result;
use harness::Lab;

#[test]
fn nothing_is_left_of_a_lab() -> Result<()> {
    let lab = Lab::new()?;
    let directory = lab.directory().to_owned();
    assert!(is_running(&directory)?);
    drop(lab);
    assert!(!is_running(&directory)?);
    assert!(!directory.exists());
    Ok(())
}

/// Whether a process of the host names the lab's directory.
fn is_running(directory: &std::path::Path) -> Result<bool> {
    let directory = directory.as_os_str().as_encoded_bytes();
    for entry in std::fs::read_dir("/proc")? {
        let command = std::fs::read(entry?.path().join("cmdline")).unwrap_or_default();
        if command.windows(directory.len()).any(|window| window == directory) {
            return Ok(true);
        }
    }
    Ok(false)
}
