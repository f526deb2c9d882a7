//! What teachers have the box fetch for a lesson through the pages, and what the box must do for it.

use std::net::IpAddr;

use jiff::civil::Date;
use model::{Person, Preparation, PreparationId, PreparationTitle, RoomName};

use crate::{LibraryLine, Trouble};

/// The part of the box that prepares lessons. Its calls block.
pub trait PreparationRoom: Send + Sync {
    /// What this person has the box prepare, in the order in which she asked; those who direct see all.
    ///
    /// # Errors
    /// [`Trouble::Unavailable`].
    fn preparations(&self, person: &Person) -> Result<Vec<PreparationLine>, Trouble>;

    /// Has something be here on a day.
    ///
    /// # Errors
    /// [`Trouble::NotWorkspace`], [`Trouble::Unregistered`], [`Trouble::Day`], [`Trouble::Denied`], [`Trouble::NoClock`],
    /// [`Trouble::Full`].
    fn prepare(&self, client: IpAddr, person: &Person, wanted: &WantedThing) -> Result<(), Trouble>;

    /// Gives something up that this person, or anybody where she directs, has the box prepare.
    ///
    /// # Errors
    /// [`Trouble::Unavailable`].
    fn unprepare(&self, client: IpAddr, person: &Person, id: PreparationId) -> Result<(), Trouble>;

    /// What the commune wants to be here for pupils, and how much of it is.
    fn library(&self) -> Vec<LibraryLine> {
        vec![]
    }

    /// Tomorrow by the school's clock, where it is set.
    fn tomorrow(&self) -> Option<Date>;
}

/// What a teacher wants to be here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WantedThing {
    /// Its address, as she copied it.
    pub url: String,
    /// What pupils read for it.
    pub title: PreparationTitle,
    /// The room that it is for; `None`: all.
    pub room: Option<RoomName>,
    /// The day of the lesson.
    pub day: Date,
}

/// Something that is prepared, and how much of it is here while it comes: bytes, and bytes of the whole, 0 where that is
/// not known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PreparationLine {
    /// The preparation.
    pub preparation: Preparation,
    /// How much of it is here, while it comes.
    pub progress: Option<(u64, u64)>,
}
