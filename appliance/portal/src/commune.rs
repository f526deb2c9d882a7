//! What people of the school ask of the commune, and what that says to them.

use model::{CommuneNotice, CommuneOrder, CommuneRequest, Motive, Person, Verdict};

use crate::Trouble;

/// The part of the box that writes to the commune. Its calls block.
pub trait CommuneRoom: Send + Sync {
    /// What was asked and answered, and what the commune says; what its hub had the box do, for those who direct.
    ///
    /// # Errors
    /// [`Trouble::Unavailable`].
    fn commune(&self, person: &Person) -> Result<CommuneDesk, Trouble>;

    /// Asks the commune to open or to close a site.
    ///
    /// # Errors
    /// [`Trouble::Sites`], [`Trouble::TooMany`]; [`Trouble::Unknown`] where the box has no hub.
    fn ask_commune(&self, person: &Person, wish: &CommuneWish) -> Result<(), Trouble>;
}

/// What the page of the commune shows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CommuneDesk {
    /// Whether the box is enrolled at a hub: without one, nobody would hear.
    pub is_enrolled: bool,
    /// What was asked, and answered.
    pub requests: Vec<CommuneRequest>,
    /// What people are to read.
    pub notices: Vec<CommuneNotice>,
    /// What the hub had the box do, the last first.
    pub orders: Vec<CommuneOrder>,
}

/// What somebody wants of the commune.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommuneWish {
    /// The site, as she typed or copied it.
    pub site: String,
    /// Whether it is to be opened or closed.
    pub wants: Verdict,
    /// Why.
    pub motive: Motive,
    /// Whether it does not wait for the night.
    pub is_urgent: bool,
}
