//! What is remembered of releases, in a folder that is root's alone: it outlives the boot files.

use std::io::{self, ErrorKind};

use model::ReleaseVersion;
use serde::{Deserialize, Serialize};

use super::report::{FailedRelease, RefusedOrder};
use crate::private::PrivateFolder;

/// The file.
const FILE: &str = "memory.json";
/// Most failed versions that are kept. The oldest go first: they are older than what runs by then, and never put in for that.
const FAILED_MAX: usize = 32;

/// All of it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Memory {
    pub(super) failed: Vec<FailedRelease>,
    #[serde(default)]
    pub(super) refused: Option<RefusedOrder>,
}

impl Memory {
    /// What is remembered; nothing where nothing was.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidData`] where the file is damaged; else the system's.
    pub(super) fn read(folder: &PrivateFolder) -> io::Result<Self> {
        match folder.read(FILE)? {
            Some(text) => {
                serde_json::from_str(&text).map_err(|error| io::Error::new(ErrorKind::InvalidData, error))
            }
            None => Ok(Self::default()),
        }
    }

    /// Keeps it, in one step: a power cut leaves this or what was before.
    ///
    /// # Errors
    /// The system's.
    pub(super) fn write(&self, folder: &PrivateFolder) -> io::Result<()> {
        folder.replace(FILE, &serde_json::to_string(self)?)
    }

    pub(super) fn has_failed(&self, version: &ReleaseVersion) -> bool {
        self.failed.iter().any(|failed| failed.version == *version)
    }

    /// Adds one that is not known yet.
    pub(super) fn note_failed(&mut self, failed: FailedRelease) {
        self.failed.push(failed);
        let surplus = self.failed.len().saturating_sub(FAILED_MAX);
        if surplus > 0 {
            let mut versions: Vec<_> = self.failed.iter().map(|failed| failed.version.clone()).collect();
            versions.sort_unstable();
            versions.truncate(surplus);
            self.failed.retain(|failed| !versions.contains(&failed.version));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failed(version: &str) -> FailedRelease {
        FailedRelease { version: version.parse().unwrap(), at_ms: 5, tries: 3, why: "DNS".to_owned() }
    }

    #[test]
    fn it_is_kept_whole_and_a_damaged_one_is_told() {
        let around = tempfile::tempdir().unwrap();
        let folder = PrivateFolder::new(&around.path().join("preau-release"));
        assert_eq!(Memory::read(&folder).unwrap(), Memory::default());
        folder.make().unwrap();
        let memory = Memory { failed: vec![failed("1.2.0")], refused: None };
        memory.write(&folder).unwrap();
        assert_eq!(Memory::read(&folder).unwrap(), memory);
        folder.replace(FILE, "{\"failed\":[").unwrap();
        assert_eq!(Memory::read(&folder).unwrap_err().kind(), ErrorKind::InvalidData);
    }

    #[test]
    fn the_newest_of_many_are_kept() {
        let mut memory = Memory::default();
        for number in (0..FAILED_MAX + 3).rev() {
            memory.note_failed(failed(&format!("1.{number}")));
        }
        assert_eq!(memory.failed.len(), FAILED_MAX);
        let has = |version: &str| memory.has_failed(&version.parse().unwrap());
        assert!(has("1.3") && !has("1.2") && has(&format!("1.{}", FAILED_MAX + 2)));
    }
}
