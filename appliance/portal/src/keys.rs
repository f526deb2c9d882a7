//! Keys that open what is sealed, made on the pages: shown once, kept on paper, and never by the box.

use std::net::IpAddr;

use model::{Person, PersonName, ReaderRole, Timestamp};
use zeroize::Zeroizing;

use crate::Trouble;

/// The part of the box that makes keys of readers. Its calls block.
pub trait KeyRoom: Send + Sync {
    /// The keys to which days are sealed, and those that were shown to this person and are not confirmed yet.
    ///
    /// # Errors
    /// [`Trouble::Unavailable`].
    fn keys(&self, person: &Person) -> Result<KeyList, Trouble>;

    /// Makes a key, for whoever shows her secret once more. It has no force before she has confirmed that she keeps it.
    ///
    /// # Errors
    /// [`Trouble::Denied`], [`Trouble::Wrong`], [`Trouble::Wait`].
    fn draw_key(
        &self,
        client: IpAddr,
        person: &Person,
        role: ReaderRole,
        secret: &str,
    ) -> Result<NewKey, Trouble>;

    /// Has days be sealed to a key that was shown to this person, who types the end of the secret one.
    ///
    /// # Errors
    /// [`Trouble::KeyEnd`] where it is another one, [`Trouble::Unknown`] where too much time has passed.
    fn keep_key(&self, client: IpAddr, person: &Person, public: &str, end: &str) -> Result<(), Trouble>;

    /// Has days be sealed to a key no more, for whoever shows her secret once more.
    ///
    /// # Errors
    /// [`Trouble::LastKey`]; [`Trouble::LastOfRole`] unless that is meant.
    fn remove_key(&self, client: IpAddr, person: &Person, key: &RemovedKey<'_>) -> Result<(), Trouble>;
}

/// The keys to which days are sealed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KeyList {
    /// Those that the configuration has.
    pub configured: Vec<String>,
    /// Those that were made on the pages.
    pub made: Vec<KeyLine>,
    /// Those that were shown, and are not confirmed: whose, and the public key.
    pub waiting: Vec<(ReaderRole, String)>,
}

/// A key that was made on the pages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyLine {
    /// The public key.
    pub public: String,
    /// Whose it is.
    pub role: ReaderRole,
    /// Who made it.
    pub by: PersonName,
    /// When.
    pub at: Timestamp,
}

/// A key that was made just now. It is shown once.
#[derive(Clone)]
pub struct NewKey {
    /// Whose it is.
    pub role: ReaderRole,
    /// The public key.
    pub public: String,
    /// The secret key.
    pub secret: Zeroizing<String>,
    /// When it was made.
    pub made: Timestamp,
}

/// A key that is to be taken away.
#[derive(Clone, Copy)]
pub struct RemovedKey<'k> {
    /// The public key.
    pub public: &'k str,
    /// The secret of whoever takes it away.
    pub secret: &'k str,
    /// Whether she knows that it may be the last one of those for whom it was made.
    pub is_last_meant: bool,
}
