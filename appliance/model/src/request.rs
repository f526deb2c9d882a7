//! Requests for sites: a pupil asks, a teacher or the head answers.

use crate::number::number;
use crate::{Category, DomainName, Layer, OverrideId, PersonName, Reason, RoomName, Timestamp};

number! {
    /// The number of a request. It is never used again.
    RequestId
}

/// A site that the devices of a room were refused and would like to have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SiteRequest {
    /// Its number.
    pub id: RequestId,
    /// The site.
    pub site: DomainName,
    /// The room; `None` for devices that have none, or that nobody registered.
    pub room: Option<RoomName>,
    /// What stood against it when it was asked for first.
    pub obstacle: Obstacle,
    /// When it was asked for first.
    pub asked: Timestamp,
    /// How many devices asked.
    pub askers: u32,
    /// What was answered.
    pub answer: Option<Answer>,
}

/// What stands against a site: the part of a [`Reason`] that is kept with a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Obstacle {
    /// The reason's word: [`Reason::as_str`].
    pub reason: Box<str>,
    /// The category that refused it, where one did.
    pub category: Option<Category>,
    /// Who may lift it.
    pub lifter: Layer,
}

impl Obstacle {
    /// The obstacle that a refusal is; `None` where nobody can lift it, so that nobody needs to be asked.
    #[must_use]
    pub fn of(reason: &Reason) -> Option<Self> {
        let category = reason.category().cloned();
        Some(Self { reason: reason.as_str().into(), category, lifter: reason.lifter()? })
    }
}

/// What became of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// Who answered.
    pub by: PersonName,
    /// When.
    pub at: Timestamp,
    /// The override that opens the site; `None` where it stays closed.
    pub granted: Option<OverrideId>,
}
