//! What somebody wants in its place without waiting for the night: `DATA/releases/now`.

use std::io;

use model::{ReleaseVersion, Timestamp};

use super::{ReleaseShelf, make};
use crate::private::PrivateFolder;

/// The file: version, milliseconds since 1970 UTC, and perhaps the word for lessons.
pub(super) const FILE: &str = "now";
const DESPITE_LESSONS: &str = "during-lessons";
/// For how long it counts. What has been in the way for so long, a lesson or files that come, may be over at a moment that nobody expects.
const COUNTS_MS: u64 = 30 * 60_000;

/// A release that somebody wants at once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Haste {
    /// Its version.
    pub version: ReleaseVersion,
    /// When somebody said so.
    pub at: Timestamp,
    /// Whether lessons that the restart interrupts do not matter.
    pub is_despite_lessons: bool,
}

impl Haste {
    /// Whether it counts yet, for this version. A clock that was set back makes it void.
    #[must_use]
    pub fn counts(&self, version: &ReleaseVersion, now: Timestamp) -> bool {
        self.version == *version && self.at <= now && now.ms_since(self.at) < COUNTS_MS
    }

    /// What records tell of it.
    #[must_use]
    pub fn words(&self) -> String {
        let lessons = if self.is_despite_lessons { format!(" {DESPITE_LESSONS}") } else { String::new() };
        format!("{}{lessons}", self.version)
    }
}

impl ReleaseShelf {
    /// Notes it.
    ///
    /// # Errors
    /// The system's.
    pub fn hurry(&self, haste: &Haste) -> io::Result<()> {
        make(&self.0)?;
        let Haste { version, at, is_despite_lessons } = haste;
        let lessons = if *is_despite_lessons { DESPITE_LESSONS } else { "" };
        PrivateFolder::new(&self.0).replace(FILE, &format!("{version} {} {lessons}\n", at.unix_ms()))
    }

    /// What is wanted at once; what cannot be read is nothing.
    #[must_use]
    pub fn haste(&self) -> Option<Haste> {
        let text = PrivateFolder::new(&self.0).read(FILE).ok().flatten()?;
        let mut words = text.split_ascii_whitespace();
        let (version, at) = (words.next()?.parse().ok()?, words.next()?.parse().ok()?);
        let is_despite_lessons = words.next() == Some(DESPITE_LESSONS);
        Some(Haste { version, at: Timestamp::from_unix_ms(at), is_despite_lessons })
    }

    /// Forgets it. There may be none.
    ///
    /// # Errors
    /// The system's.
    pub fn forget_haste(&self) -> io::Result<()> {
        let folder = PrivateFolder::new(&self.0);
        if folder.path(FILE).exists() { folder.remove(FILE) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_noted_counts_for_a_while_and_is_forgotten() {
        let data = tempfile::tempdir().unwrap();
        let shelf = ReleaseShelf::new(data.path());
        let at = |minutes: i64| Timestamp::from_unix_ms(1_795_900_000_000 + minutes * 60_000);
        let (version, other): (ReleaseVersion, ReleaseVersion) =
            ("1.5.0".parse().unwrap(), "1.6.0".parse().unwrap());
        shelf.forget_haste().unwrap();
        assert_eq!(shelf.haste(), None);
        for (is_despite_lessons, words) in [(false, "1.5.0"), (true, "1.5.0 during-lessons")] {
            let haste = Haste { version: version.clone(), at: at(0), is_despite_lessons };
            shelf.hurry(&haste).unwrap();
            assert_eq!((shelf.haste().as_ref(), haste.words().as_str()), (Some(&haste), words));
            assert!(haste.counts(&version, at(0)) && haste.counts(&version, at(29)));
            assert!(!haste.counts(&version, at(30)) && !haste.counts(&version, at(-1)));
            assert!(!haste.counts(&other, at(0)), "another one has come meanwhile");
        }
        // It outlives what is cleared away of other versions.
        shelf.keep_only(None).unwrap();
        assert!(shelf.haste().is_some());
        shelf.forget_haste().unwrap();
        assert_eq!(shelf.haste(), None);
        for damaged in ["", "1.5.0", "x 5", "1.5.0 soon"] {
            std::fs::write(data.path().join("releases/now"), damaged).unwrap();
            assert_eq!(shelf.haste(), None, "{damaged}");
        }
    }
}
