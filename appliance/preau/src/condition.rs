//! How the running box is, as it writes it for other processes: `preau status`, `preau support`.

use std::io::{self, ErrorKind};
use std::path::Path;

use model::Timestamp;
use portal::pages::Finding;
use serde::{Deserialize, Serialize};
use system::derived::write_private;

use crate::config::read_file_up_to;

/// The file, in the data folder.
const FILE: &str = "condition.json";
/// Largest file that is read, in MiB: it has a line for each access point, thrice.
const MIB_MAX: u64 = 1;

/// All of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Condition {
    /// When it was written, in milliseconds since 1970 UTC.
    pub(crate) at_ms: i64,
    /// The version of the program that runs.
    pub(crate) version: String,
    pub(crate) french: Vec<Found>,
    pub(crate) english: Vec<Found>,
    /// In English, without what people have named.
    pub(crate) nameless: Vec<Found>,
    /// What was counted since the start.
    pub(crate) counters: Vec<(String, u64)>,
    /// What the program has complained of since the start.
    pub(crate) complaints: Vec<Complaint>,
}

/// One thing that was looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Found {
    pub(crate) topic: String,
    pub(crate) level: String,
    pub(crate) name: String,
    pub(crate) lines: Vec<String>,
    pub(crate) remedy: Option<String>,
}

impl From<Finding> for Found {
    fn from(Finding { topic, level, name, lines, remedy }: Finding) -> Self {
        Self { topic: topic.to_owned(), level: level.to_owned(), name, lines, remedy }
    }
}

/// A place in the program that has warned, and how often. Never what it said: that may have names in it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Complaint {
    pub(crate) level: String,
    pub(crate) place: String,
    pub(crate) count: u64,
    /// The last time, in milliseconds since 1970 UTC.
    pub(crate) last_ms: i64,
}

impl Condition {
    /// Writes it into the data folder.
    pub(crate) fn write(&self, data: &Path) -> io::Result<()> {
        let text = serde_json::to_string(self).map_err(io::Error::other)?;
        write_private(&data.join(FILE), &text).map(drop)
    }

    /// What was written there last; `None` where no box has run.
    pub(crate) fn read(data: &Path) -> anyhow::Result<Option<Self>> {
        match read_file_up_to(&data.join(FILE), MIB_MAX) {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            bytes => Ok(Some(serde_json::from_slice(&bytes?)?)),
        }
    }

    pub(crate) fn at(&self) -> Timestamp {
        Timestamp::from_unix_ms(self.at_ms)
    }
}
