//! Waiting for what will be.

use std::thread;
use std::time::Duration;

use anyhow::{Result, bail};

/// Pause between two looks.
const PAUSE: Duration = Duration::from_millis(10);

/// Looks until a test gives up: forty seconds and more. What a box does only now and then it does within fifteen, and the slowest machine, which
/// runs other tests beside this one, takes no longer for it than the rest.
const LOOKS_MAX: usize = 4_000;

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
