//! Waiting for what will be.

use std::thread;
use std::time::Duration;

use anyhow::{Result, bail};

/// Pause between two looks.
const PAUSE: Duration = Duration::from_millis(10);

/// Looks until a test gives up: fifteen seconds and more. Nothing of a box takes so long on the slowest machine.
const LOOKS_MAX: usize = 1_500;

/// Waits until `condition` holds.
///
/// # Errors
/// It did not come to hold in a reasonable time, or `condition` fails. `what` says in words what was awaited.
pub fn wait_until(what: &str, mut condition: impl FnMut() -> Result<bool>) -> Result<()> {
    for _ in 0..LOOKS_MAX {
        if condition()? {
            return Ok(());
        }
        thread::sleep(PAUSE);
    }
    bail!("waited in vain for {what}")
}
