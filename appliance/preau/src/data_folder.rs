//! Where the box keeps its state.

use std::fs::DirBuilder;
use std::io::{self, ErrorKind, Write as _};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use anyhow::{Context, bail};
use sync::HubFolder;
use system::clock::monotonic;
use system::directories::state_directory;
use system::private::PrivateFolder;
use system::segments::Directory;
use system::selftest::Results;
use system::succession::{Succession, Unplaced};
use system::updates::Places;

use crate::config::read_file_up_to;

/// How long a box that starts waits for a command that seals or deletes by hand: most take a moment.
const PATIENCE: Duration = Duration::from_secs(5);
const PAUSE: Duration = Duration::from_millis(100);
/// The registered devices.
pub(crate) const STATE_FILE: &str = "state.sqlite";
/// The box's certificate authority, its key included.
pub(crate) const AUTHORITY_FILE: &str = "authority";
/// The configuration that the box runs with, or ran with last: what goes to the hub for a box that takes this one's place.
pub(crate) const CONFIGURATION_FILE: &str = "configuration.toml";
/// What is kept of the ENT.
pub(crate) const DEPOT_FOLDER: &str = "ent";
/// The compiled list, unless the configuration names another place.
pub(crate) const LIST_FILE: &str = "lists.idx";
/// The box's own copy of the last good list.
pub(crate) const KEPT_LIST_FILE: &str = "lists.kept.idx";
/// A list that lost too much to be put in force unasked.
const HELD_LIST_FILE: &str = "lists.held.idx";
/// The archives that lists are compiled from, what is on its way, and what became of the last update.
const ARCHIVES_FOLDER: &str = "lists";
/// What became of the last self-tests.
const SELFTEST_FOLDER: &str = "selftest";
/// What the school's Wi-Fi needs while the box runs.
pub(crate) const WIFI_FOLDER: &str = "wifi";
/// Most bytes of the copy of the configuration.
const CONFIGURATION_BYTES_MAX: u64 = 1 << 20;
/// Who saw which site is for nobody else on the machine.
const FOLDER_MODE: u32 = 0o700;

/// The folder given on the command line, or `preau` in the user's state folder. Where another box's state was being put into it when the power
/// was cut, that is done first: nobody works with half of it.
pub(crate) fn find(given: Option<&Path>) -> anyhow::Result<PathBuf> {
    let folder = choose(given)?;
    let succession = Succession::new(&folder);
    if succession.is_pending() {
        let hub = HubFolder::new(&folder);
        let lock = hub.lock()?;
        let unplaced = succession.finish(&lock).context("another box's state cannot be put in place")?;
        if let Some(unplaced) = unplaced {
            // Whoever cannot hear it is no reason to stop.
            let _told = writeln!(io::stderr(), "{}", tell_unplaced(&unplaced));
        }
        hub.forget_heir()?;
    }
    Ok(folder)
}

/// What people have to do with a configuration that is not where it should be.
pub(crate) fn tell_unplaced(Unplaced { place, kept, error }: &Unplaced) -> String {
    format!(
        "the configuration of the box before cannot be put at {} ({error}): it is in {}; put it where this box reads its own",
        place.display(),
        kept.display()
    )
}

fn choose(given: Option<&Path>) -> anyhow::Result<PathBuf> {
    if let Some(given) = given {
        return Ok(given.to_owned());
    }
    #[expect(clippy::disallowed_methods, reason = "the one place where the environment is read")]
    let [state, home] = ["XDG_STATE_HOME", "HOME"].map(std::env::var_os);
    state_directory(state.as_deref(), home.as_deref())
        .context("there is no HOME to keep state in: give --data DIR")
}

/// Where the lists of the data folder lie; `index` is the place of the compiled one, where it is another.
pub(crate) fn list_places(folder: &Path, index: Option<&Path>) -> Places {
    Places {
        folder: folder.join(ARCHIVES_FOLDER),
        list: index.map_or_else(|| folder.join(LIST_FILE), Path::to_owned),
        kept: folder.join(KEPT_LIST_FILE),
        held: folder.join(HELD_LIST_FILE),
    }
}

/// The results of self-tests in the data folder.
pub(crate) fn selftest_results(folder: &Path) -> Results {
    Results::new(folder.join(SELFTEST_FOLDER))
}

/// Makes the folder, if it is not there.
pub(crate) fn make(folder: &Path) -> anyhow::Result<()> {
    DirBuilder::new()
        .recursive(true)
        .mode(FOLDER_MODE)
        .create(folder)
        .with_context(|| format!("cannot make the data folder {}", folder.display()))
}

/// Keeps a copy of the configuration that the box runs with. One that cannot be kept is told, and stops nothing.
pub(crate) fn keep_configuration(folder: &Path, file: &Path) {
    let files = PrivateFolder::new(folder);
    let keep = || -> io::Result<()> {
        let bytes = read_file_up_to(file, 1)?;
        if files.read_bytes(CONFIGURATION_FILE, CONFIGURATION_BYTES_MAX)?.as_ref() == Some(&bytes) {
            return Ok(());
        }
        files.replace_bytes(CONFIGURATION_FILE, &bytes)
    };
    if let Err(error) = keep() {
        tracing::warn!(%error, "the copy of the configuration for a box that takes this one's place cannot be kept");
    }
}

/// The journal's place, locked. Two boxes on one folder would write one journal: the second one does not start. A command that
/// seals, deletes or holds by hand while no box runs is through in a moment.
pub(crate) fn claim(folder: &Path) -> anyhow::Result<Directory> {
    let mut journal = Directory::new(folder);
    let since = monotonic();
    let outcome = loop {
        match journal.lock() {
            Err(error)
                if error.kind() == ErrorKind::ResourceBusy
                    && monotonic().saturating_duration_since(since) < PATIENCE =>
            {
                thread::sleep(PAUSE);
            }
            outcome => break outcome,
        }
    };
    match outcome {
        Ok(()) => Ok(journal),
        Err(error) if error.kind() == ErrorKind::ResourceBusy => {
            bail!(
                "another preau runs on the data folder {}, or seals or deletes in it by hand: stop it, or give --data DIR",
                folder.display()
            )
        }
        Err(error) => {
            Err(error).with_context(|| format!("cannot write in the data folder {}", folder.display()))
        }
    }
}
