//! What the machine's system tells of its releases, for the box that runs on it.

use std::fs::Permissions;
use std::io::{self, ErrorKind, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use model::{ReleaseVersion, Timestamp};
use serde::{Deserialize, Serialize};
use tempfile::Builder;

use crate::clock::is_set;
use crate::regular;
use crate::vault::read_bounded;

/// Everybody may read it.
const MODE: u32 = 0o644;
/// Largest report that is read.
const BYTES_MAX: u64 = 64 << 10;

/// Which releases there are. `preau release look` writes it at each start, and `preau release install` after each order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReleaseReport {
    /// The version that runs.
    #[serde(with = "version")]
    pub running: ReleaseVersion,
    /// Whether it has passed its health check, once: the boot loader no longer counts.
    pub is_blessed: bool,
    /// The newer version that waits for the next start.
    #[serde(with = "version_if_any")]
    pub installed: Option<ReleaseVersion>,
    /// What failed here, in the order in which that was noticed. None of it is ever put in again.
    pub failed: Vec<FailedRelease>,
    /// The last order, where it was not carried out.
    #[serde(default)]
    pub refused: Option<RefusedOrder>,
}

/// A version that did not pass its health check at any of its starts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FailedRelease {
    /// Which.
    #[serde(with = "version")]
    pub version: ReleaseVersion,
    /// When that was noticed: at the start of the version before, by the machine's clock, in milliseconds since 1970 UTC; 0 where the clock was
    /// not set.
    pub at_ms: i64,
    /// How often it was started.
    pub tries: u32,
    /// What was wrong, in English: one line.
    pub why: String,
}

/// An order that was not carried out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RefusedOrder {
    /// For which version; `None` where the order names none.
    #[serde(with = "version_if_any")]
    pub version: Option<ReleaseVersion>,
    /// When, in milliseconds since 1970 UTC; 0 where the clock was not set.
    pub at_ms: i64,
    /// Why, in English: one line.
    pub why: String,
}

/// How a time is noted: a clock that was never set tells none.
pub(super) fn note_time(now: Timestamp) -> i64 {
    if is_set(now) { now.unix_ms() } else { 0 }
}

impl FailedRelease {
    /// When that was noticed; `None` where nobody knows.
    #[must_use]
    pub fn at(&self) -> Option<Timestamp> {
        Some(Timestamp::from_unix_ms(self.at_ms)).filter(|at| is_set(*at))
    }
}

impl ReleaseReport {
    /// The report at `path`; `None` where there is none, as on a machine that is no image.
    ///
    /// # Errors
    /// It cannot be read, or is no report.
    pub fn read(path: &Path) -> io::Result<Option<Self>> {
        let file = match regular::open(path) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            file => file?,
        };
        Ok(Some(serde_json::from_slice(&read_bounded(file, BYTES_MAX)?)?))
    }

    /// Writes it, in one step. The folder may be another user's: what lies at `path` is replaced, and neither read nor followed.
    ///
    /// # Errors
    /// The system's.
    pub(super) fn write(&self, path: &Path) -> io::Result<()> {
        let text = serde_json::to_string(self)?;
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let mode = Permissions::from_mode(MODE);
        let mut file = Builder::new().prefix(".preau-").permissions(mode.clone()).tempfile_in(folder)?;
        file.write_all(text.as_bytes())?;
        // The mask of the process may have taken some of it away.
        file.as_file().set_permissions(mode)?;
        file.persist(path)?;
        Ok(())
    }
}

/// A version as text.
mod version {
    use model::ReleaseVersion;
    use serde::de::Error as _;
    use serde::{Deserialize as _, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(
        version: &ReleaseVersion,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.collect_str(version)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<ReleaseVersion, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

/// The same where there may be none.
mod version_if_any {
    use model::ReleaseVersion;
    use serde::de::Error as _;
    use serde::{Deserialize as _, Deserializer, Serializer};

    #[expect(clippy::ref_option, reason = "serde hands the field over so")]
    pub(super) fn serialize<S: Serializer>(
        version: &Option<ReleaseVersion>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        match version {
            Some(version) => serializer.collect_str(version),
            None => serializer.serialize_none(),
        }
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<ReleaseVersion>, D::Error> {
        let text = Option::<String>::deserialize(deserializer)?;
        text.map(|text| text.parse().map_err(D::Error::custom)).transpose()
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    fn report() -> ReleaseReport {
        let failed = FailedRelease {
            version: "1.2.0".parse().unwrap(),
            at_ms: 1_795_900_000_000,
            tries: 3,
            why: "preau-health: DNS: silent".to_owned(),
        };
        ReleaseReport {
            running: "1.1.0".parse().unwrap(),
            is_blessed: true,
            installed: None,
            failed: vec![failed],
            refused: None,
        }
    }

    #[test]
    fn it_is_written_as_others_read_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("release.json");
        assert_eq!(ReleaseReport::read(&path).unwrap(), None);
        let report = report();
        report.write(&path).unwrap();
        assert_eq!(
            std::fs::read_to_string(&path).unwrap(),
            "{\"running\":\"1.1.0\",\"is_blessed\":true,\"installed\":null,\"failed\":[{\"version\":\"1.2.0\",\
             \"at_ms\":1795900000000,\"tries\":3,\"why\":\"preau-health: DNS: silent\"}],\"refused\":null}"
        );
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, MODE);
        assert_eq!(ReleaseReport::read(&path).unwrap(), Some(report.clone()));
        let waiting = ReleaseReport { installed: "1.3.0".parse().ok(), ..report };
        waiting.write(&path).unwrap();
        assert_eq!(ReleaseReport::read(&path).unwrap(), Some(waiting));
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "nothing is left beside it");
    }

    /// The first notes of a clock that was not set had a date of 1970.
    #[test]
    fn a_clock_that_was_never_set_tells_no_time() {
        let now = Timestamp::from_unix_ms(1_795_900_000_000);
        let at = |at_ms| FailedRelease { at_ms, ..report().failed.remove(0) }.at();
        for unset in [0, 300_000, -1] {
            assert_eq!((note_time(Timestamp::from_unix_ms(unset)), at(unset)), (0, None), "{unset}");
        }
        assert_eq!((note_time(now), at(now.unix_ms())), (now.unix_ms(), Some(now)));
    }

    #[test]
    fn what_the_user_of_the_box_put_there_is_neither_followed_nor_waited_for() {
        let folder = tempfile::tempdir().unwrap();
        let (path, other) = (folder.path().join("release.json"), folder.path().join("shadow"));
        std::fs::write(&other, "secret").unwrap();
        symlink(&other, &path).unwrap();
        assert!(ReleaseReport::read(&path).is_err());
        report().write(&path).unwrap();
        assert_eq!(std::fs::read_to_string(&other).unwrap(), "secret");
        assert!(ReleaseReport::read(&path).unwrap().is_some());
        std::fs::remove_file(&path).unwrap();
        nix::unistd::mkfifo(&path, nix::sys::stat::Mode::S_IRWXU).unwrap();
        report().write(&path).unwrap();
        assert!(ReleaseReport::read(&path).unwrap().is_some());
        std::fs::write(&path, "{\"running\":\"01\"}").unwrap();
        assert!(ReleaseReport::read(&path).is_err());
    }
}
