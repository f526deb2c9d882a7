//! Where the box keeps its state.

use std::path::{Path, PathBuf};

use anyhow::Context;

/// The registered devices.
pub const STATE_FILE: &str = "state.sqlite";
/// The compiled list, unless the configuration names another place.
pub const LIST_FILE: &str = "lists.idx";

/// The folder given on the command line, or `preau` in the user's state folder (XDG base directories).
pub fn find(given: Option<&Path>) -> anyhow::Result<PathBuf> {
    if let Some(given) = given {
        return Ok(given.to_owned());
    }
    let state = variable("XDG_STATE_HOME").filter(|path| path.is_absolute());
    let state = state.or_else(|| variable("HOME").map(|home| home.join(".local/state")));
    let state = state.context("there is no HOME to keep state in: give --data DIR")?;
    Ok(state.join("preau"))
}

#[expect(clippy::disallowed_methods, reason = "the one place where the environment is read")]
fn variable(name: &str) -> Option<PathBuf> {
    std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from)
}
