//! Releases of the boxes' system, and which school is to have which: a port beside the register.

use archive::Hash;
use model::{Release, ReleaseArch, ReleaseVersion, Timestamp, Uai};

use super::RegisterError;

#[cfg(test)]
pub(crate) mod suite;

/// Releases that a hub keeps for a kind of machine: the one that boxes have, the one that is tried, and some of before.
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
    /// Keeps a release whose files are all there; whether there was room for it. The same one again changes nothing; another one of its version, for
    /// the same kind of machine, is refused.
    ///
    /// # Errors
    /// [`RegisterError`]; so with all that follow.
    fn add_release(&self, release: &Release, now: Timestamp) -> Result<bool, RegisterError>;
    /// The releases, the newest version first.
    fn releases(&self) -> Result<Vec<HeldRelease>, RegisterError>;
    /// The hash and the length of a file of a release, by its key.
    fn release_file(&self, key: &str, name: &str) -> Result<Option<(Hash, u64)>, RegisterError>;
    /// Has a school, or all, have a version in the place of the one before; whether the hub has it. A school has the higher one of its own and of that of all.
    fn offer_release(
        &self,
        version: &ReleaseVersion,
        uai: Option<&Uai>,
        now: Timestamp,
    ) -> Result<bool, RegisterError>;
    /// What is offered, to all first.
    fn offers(&self) -> Result<Vec<Offer>, RegisterError>;
    /// Offers a version to nobody any more, and forgets its releases; the hashes of its files that belong to no other, or `None` where there was no such release.
    fn withdraw_release(
        &self,
        version: &ReleaseVersion,
        now: Timestamp,
    ) -> Result<Option<Vec<Hash>>, RegisterError>;
    /// Whether a file belongs to a release.
    fn has_release_file(&self, hash: Hash) -> Result<bool, RegisterError>;
}

/// What a school whose box is of this kind is to have of what is offered to it and to all.
#[must_use]
pub fn offered_to<'o>(
    (offers, held): (&'o [Offer], &[HeldRelease]),
    uai: &str,
    arch: ReleaseArch,
) -> Option<&'o Offer> {
    let is_held = |version: &ReleaseVersion| {
        held.iter().any(|it| it.release.version() == version && it.release.arch() == arch)
    };
    let is_for = |offer: &&Offer| offer.uai.as_deref().is_none_or(|of| of == uai) && is_held(&offer.version);
    offers.iter().filter(is_for).max_by(|one, other| one.version.cmp(&other.version))
}
