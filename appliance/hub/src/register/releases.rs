//! Releases of the boxes' system, and which school is to have which: a port beside the register.

use archive::Hash;
use model::{Release, ReleaseVersion, Timestamp, Uai};

use super::RegisterError;

#[cfg(test)]
pub(crate) mod suite;

/// Releases that a hub keeps: the one that boxes have, the one that is tried, and some of before.
pub const RELEASES_MAX: u32 = 6;

/// A release that the hub has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeldRelease {
    /// It.
    pub release: Release,
    /// When it was added.
    pub added: Timestamp,
}

/// That a school is to have a release.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offer {
    /// The school; `None`: all.
    pub uai: Option<String>,
    /// Which.
    pub version: ReleaseVersion,
    /// Since when.
    pub at: Timestamp,
}

/// The port. Each call is one transaction; any number of hubs may work on one register.
pub trait Releases: Send + Sync {
    /// Keeps a release whose files are all there; whether there was room for it. The same one again changes nothing; another one of its version is
    /// refused.
    ///
    /// # Errors
    /// [`RegisterError`]; so with all that follow.
    fn add_release(&self, release: &Release, now: Timestamp) -> Result<bool, RegisterError>;
    /// The releases, the newest version first.
    fn releases(&self) -> Result<Vec<HeldRelease>, RegisterError>;
    /// The hash and the length of a file of a release.
    fn release_file(&self, version: &str, name: &str) -> Result<Option<(Hash, u64)>, RegisterError>;
    /// Has a school, or all, have a release in the place of the one before; whether the hub has it. A school has the higher one of its own and of that of all.
    fn offer_release(
        &self,
        version: &ReleaseVersion,
        uai: Option<&Uai>,
        now: Timestamp,
    ) -> Result<bool, RegisterError>;
    /// What is offered, to all first.
    fn offers(&self) -> Result<Vec<Offer>, RegisterError>;
    /// Offers a release to nobody any more, and forgets it; the hashes of its files that belong to no other, or `None` where there was no such release.
    fn withdraw_release(
        &self,
        version: &ReleaseVersion,
        now: Timestamp,
    ) -> Result<Option<Vec<Hash>>, RegisterError>;
    /// Whether a file belongs to a release.
    fn has_release_file(&self, hash: Hash) -> Result<bool, RegisterError>;
}

/// What a school is to have of what is offered to it and to all.
#[must_use]
pub fn offered_to<'o>(offers: &'o [Offer], uai: &str) -> Option<&'o Offer> {
    let is_for = |offer: &&Offer| offer.uai.as_deref().is_none_or(|of| of == uai);
    offers.iter().filter(is_for).max_by(|one, other| one.version.cmp(&other.version))
}
