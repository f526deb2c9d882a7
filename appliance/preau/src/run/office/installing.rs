//! A release of the machine's system that somebody puts into place by day.

use std::net::IpAddr;
use std::path::Path;

use model::{Person, ReleaseVersion};
use portal::{Trouble, WaitingRelease};
use store::PersonError;
use system::release_shelf::Haste;

use super::{Failure, Office};
use crate::releases::{HurryError, Releases, count_lessons};

impl Office {
    pub(super) fn find_waiting_release(&self) -> Result<WaitingRelease, Trouble> {
        let releases = Releases::look(&self.data, &self.release_report).ok_or(Trouble::Unknown)?;
        let version = releases.installable().ok_or(Trouble::Unknown)?.clone();
        let now = self.clock.now().at;
        let lessons = self.work(|store| count_lessons(store, now))?;
        Ok(WaitingRelease { version, lessons })
    }

    pub(super) fn hurry_release(
        &self,
        client: IpAddr,
        person: &Person,
        version: &ReleaseVersion,
        is_despite_lessons: bool,
    ) -> Result<(), Trouble> {
        let releases = Releases::look(&self.data, &self.release_report).ok_or(Trouble::Unknown)?;
        let now = self.clock.now();
        let haste = Haste { version: version.clone(), at: now.at, is_despite_lessons };
        let author = self.author(client, person);
        self.write(|store| releases.hurry(store, &self.data, author, (&haste, now.quality)))
    }

    /// The same office on a machine whose system tells of its releases elsewhere.
    pub(crate) fn with_release_report(self, report: &Path) -> Self {
        Self { release_report: report.to_owned(), ..self }
    }
}

impl From<HurryError> for Failure {
    fn from(error: HurryError) -> Self {
        Self::Trouble(match error {
            HurryError::NoImage | HurryError::NotWaiting(_) | HurryError::Unblessed => Trouble::Unknown,
            HurryError::NoClock => Trouble::NoClock,
            HurryError::Lessons(_) => Trouble::LessonsRun,
            HurryError::Unrecorded(PersonError::Store(error)) => return Self::Store(error),
            HurryError::Unrecorded(_) => Trouble::Unavailable,
            HurryError::Note(error) => {
                tracing::error!(%error, "a release that somebody wants at once cannot be noted");
                Trouble::Unavailable
            }
        })
    }
}
