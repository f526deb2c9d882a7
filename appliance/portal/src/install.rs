//! A release of the machine's system that is put into place by day: whoever looks after the box may not want to wait for the night.

use std::net::IpAddr;

use model::{Person, ReleaseVersion};

use crate::Trouble;

/// The part of the box that sees to releases. Its calls block.
pub trait InstallRoom: Send + Sync {
    /// What waits for the night, and may be put into place at any moment.
    ///
    /// # Errors
    /// [`Trouble::Unknown`] where nothing does.
    fn waiting_release(&self) -> Result<WaitingRelease, Trouble>;

    /// Has the release of this version put into place at once. Who wanted that is on record.
    ///
    /// # Errors
    /// [`Trouble::Unknown`] where another one waits by now, or none; [`Trouble::LessonsRun`] where it would interrupt some, and nobody has
    /// said that they do not matter; [`Trouble::NoClock`].
    fn install_release(
        &self,
        client: IpAddr,
        person: &Person,
        version: &ReleaseVersion,
        is_despite_lessons: bool,
    ) -> Result<(), Trouble>;
}

/// A release that waits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WaitingRelease {
    /// Its version.
    pub version: ReleaseVersion,
    /// How many lessons are under way, which a restart would interrupt.
    pub lessons: usize,
}
