//! What those who decide for the whole school show beside their secret: a code of a telephone's, or one on paper.

use std::fmt;
use std::net::IpAddr;

use model::{Person, PersonId};

use crate::Trouble;

/// The part of the box that knows telephones. Its calls block.
pub trait TelephoneRoom: Send + Sync {
    /// Whether this person has to make a telephone known before anything else.
    fn lacks_telephone(&self, person: &Person) -> bool;

    /// What she has.
    ///
    /// # Errors
    /// [`Trouble::Unavailable`].
    fn telephone(&self, person: &Person) -> Result<TelephoneState, Trouble>;

    /// The key that a page shows her: the one of these letters, else a new one.
    ///
    /// # Errors
    /// [`Trouble::Unavailable`].
    fn show_key(&self, person: &Person, letters: Option<&str>) -> Result<ShownKey, Trouble>;

    /// Makes a telephone known. Her codes on paper, and the token of a new session: all others end.
    ///
    /// # Errors
    /// [`Trouble::Code`], [`Trouble::Wrong`] and [`Trouble::Wait`] of the code of the telephone so far or of her secret, [`Trouble::NoClock`].
    fn take_telephone(
        &self,
        client: IpAddr,
        person: &Person,
        typed: &TypedTelephone<'_>,
    ) -> Result<(NewCodes, String), Trouble>;

    /// Has somebody's telephone and her codes on paper count no more.
    ///
    /// # Errors
    /// [`Trouble::Unknown`], [`Trouble::Denied`].
    fn remove_telephone(&self, client: IpAddr, by: &Person, id: PersonId) -> Result<(), Trouble>;
}

/// What somebody has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TelephoneState {
    /// How many codes on paper are left; `None` where she has no telephone.
    pub papers: Option<u32>,
    /// Whether those of her role have to have one.
    pub is_asked: bool,
}

/// A key as a page shows it. Whoever reads it computes the codes.
#[derive(Clone, PartialEq, Eq)]
pub struct ShownKey {
    /// Its letters.
    pub letters: String,
    /// What a telephone reads from a picture.
    pub address: String,
}

/// What somebody typed to make a telephone known.
#[derive(Clone, Copy)]
pub struct TypedTelephone<'t> {
    /// The letters of the key that the page showed.
    pub key: &'t str,
    /// The code that the new telephone shows.
    pub code: &'t str,
    /// A code of the telephone so far, or one on paper; empty where there is none.
    pub present: &'t str,
    /// Her secret, where there is none: a session that somebody left open makes no telephone known.
    pub secret: &'t str,
}

/// Codes on paper. They are shown once.
#[derive(Clone, PartialEq, Eq)]
pub struct NewCodes(pub Vec<String>);

impl fmt::Debug for NewCodes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("NewCodes(…)")
    }
}

impl fmt::Debug for ShownKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ShownKey(…)")
    }
}
