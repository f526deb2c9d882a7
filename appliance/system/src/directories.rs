//! Where a user's data lives.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

/// The directory's name inside the state directory.
const NAME: &str = "preau";

/// The directory for Préau's data of one user: `$XDG_STATE_HOME/preau`, or `~/.local/state/preau` (XDG Base
/// Directory Specification 0.8). The arguments are the values of `XDG_STATE_HOME` and `HOME`; `None` when
/// neither is an absolute path, because the specification has relative ones ignored.
#[must_use]
pub fn state_directory(xdg_state_home: Option<&OsStr>, home: Option<&OsStr>) -> Option<PathBuf> {
    let absolute = |path: &OsStr| Some(PathBuf::from(path)).filter(|path| path.is_absolute());
    let state = xdg_state_home.and_then(absolute);
    let state = state.or_else(|| home.and_then(absolute).map(|home| home.join(Path::new(".local/state"))));
    state.map(|state| state.join(NAME))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn xdg_first_then_home_and_only_absolute_paths() {
        for (xdg, home, expected) in [
            (Some("/srv/state"), Some("/home/a"), Some("/srv/state/preau")),
            (None, Some("/home/a"), Some("/home/a/.local/state/preau")),
            (Some(""), Some("/home/a"), Some("/home/a/.local/state/preau")),
            (Some("state"), Some("/home/a"), Some("/home/a/.local/state/preau")),
            (None, Some("home"), None),
            (None, None, None),
        ] {
            let found = state_directory(xdg.map(OsStr::new), home.map(OsStr::new));
            assert_eq!(found.as_deref(), expected.map(Path::new), "{xdg:?} {home:?}");
        }
    }
}
