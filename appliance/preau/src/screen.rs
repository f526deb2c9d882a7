//! What the running box has its own screen show: a file for `preau console`, which runs as somebody who may read nothing else of the box.
//!
//! Invariant: no name of a person, a device or a site is in it.

use std::io;
use std::path::Path;

use portal::pages::ConsoleLine;
use serde::{Deserialize, Serialize};
use system::derived::write_derived;

use crate::config::read_file_up_to;

/// Largest file that is read, in MiB.
const MIB_MAX: u64 = 1;

/// All of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Screen {
    /// Another number each time that the box has written it: without that, it does not run any more. Clocks may be set meanwhile.
    pub(crate) beat: u64,
    pub(crate) version: String,
    /// The school's name, as the configuration has it.
    pub(crate) school: String,
    /// Where the box's pages are.
    pub(crate) pages: String,
    /// The box's addresses.
    pub(crate) addresses: Vec<String>,
    /// What there is to say, the most important first.
    pub(crate) lines: Vec<ScreenLine>,
}

/// A paragraph.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ScreenLine {
    /// `good`, `neutral`, `warning`, `bad`.
    pub(crate) tone: String,
    pub(crate) text: String,
}

impl From<ConsoleLine> for ScreenLine {
    fn from(ConsoleLine { tone, text }: ConsoleLine) -> Self {
        Self { tone: tone.to_owned(), text }
    }
}

impl Screen {
    /// Writes it in one step, for all to read.
    pub(crate) fn write(&self, path: &Path) -> io::Result<()> {
        let text = serde_json::to_string(self).map_err(io::Error::other)?;
        write_derived(path, &text).map(drop)
    }

    /// What was written last; `None` where nothing was, or something else.
    pub(crate) fn read(path: &Path) -> Option<Self> {
        serde_json::from_slice(&read_file_up_to(path, MIB_MAX).ok()?).ok()
    }
}
