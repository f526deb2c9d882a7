//! The hub that a box is enrolled at, and how it goes to another one: on a box of the image there is no shell for that.

use std::net::IpAddr;

use model::Person;

use crate::{Setback, Trouble};

/// The part of the box that enrols it anew. Its calls block.
pub trait HubRoom: Send + Sync {
    /// Where the box is enrolled, and what became of the last code.
    ///
    /// # Errors
    /// [`Trouble::Unavailable`].
    fn hub_seat(&self) -> Result<HubSeat, Trouble>;

    /// Has a code tried by which the box enrols anew, with all that it has. Whoever wants that shows her secret once more, and is on record.
    ///
    /// # Errors
    /// [`JoinTrouble`]; nothing was changed.
    fn join_hub(&self, client: IpAddr, person: &Person, typed: &TypedHub<'_>) -> Result<(), JoinTrouble>;
}

/// What somebody typed.
#[derive(Clone, Copy)]
pub struct TypedHub<'t> {
    /// The code that the hub made.
    pub code: &'t str,
    /// The address of the hub.
    pub hub: &'t str,
    /// Her own secret.
    pub secret: &'t str,
}

/// Why a code is not tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JoinTrouble {
    /// What was typed is no code or no address, or another one is being tried.
    Typed(Setback),
    /// Whoever typed it.
    Person(Trouble),
}

impl From<Trouble> for JoinTrouble {
    fn from(trouble: Trouble) -> Self {
        Self::Person(trouble)
    }
}

/// Where a box is enrolled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HubSeat {
    /// The address of its hub, and the school that it is there; `None` where it was never enrolled.
    pub hub: Option<(String, String)>,
    /// How many tries to exchange with it have failed since the last that did not, and why the last one did.
    pub failures: (u32, Option<HubFault>),
    /// What became of the last code that was typed since the box was started.
    pub step: JoinStep,
}

/// Why the box and its hub do not exchange anything. Each has words, with what to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HubFault {
    /// Nobody answers.
    Silent,
    /// The box's clock is wrong.
    Clock,
    /// What answers is not the hub.
    Stranger,
    /// The hub does not take the box.
    Refused,
    /// The hub answers, and cannot do it.
    Broken,
    /// The box's disk.
    Disk,
    /// The hub brings what is older than what is here.
    Old,
    /// What the hub has signed is not what it had to be.
    Unsigned,
}

impl HubFault {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Silent,
        Self::Clock,
        Self::Stranger,
        Self::Refused,
        Self::Broken,
        Self::Disk,
        Self::Old,
        Self::Unsigned,
    ];

    /// The text that says what it is, and what to do.
    pub(crate) fn key(self) -> &'static str {
        match self {
            Self::Silent => "enrol-move-night-silent",
            Self::Clock => "enrol-move-night-clock",
            Self::Stranger => "enrol-move-night-stranger",
            Self::Refused => "enrol-move-night-refused",
            Self::Broken => "enrol-move-night-broken",
            Self::Disk => "enrol-move-night-disk",
            Self::Old => "enrol-move-night-old",
            Self::Unsigned => "enrol-move-night-unsigned",
        }
    }
}

/// What becomes of a code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JoinStep {
    /// None was typed.
    Nothing,
    /// It is tried.
    Asking,
    /// Nothing came of it.
    Failed(Setback),
    /// The box is enrolled by it.
    Joined,
}
