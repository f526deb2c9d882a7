//! Names that the commune owns, and what boxes have had certified for them: a port beside the register.

use model::{DomainName, Timestamp, Uai};

use super::{BoxId, RegisterError};

#[cfg(test)]
pub(crate) mod suite;

/// Between two tries to have a school's names certified: public authorities count failures, five an hour and a name.
pub const AGAIN_MS: i64 = 2 * 3_600_000;
/// Most tries for a school on one day, whatever is asked: public authorities count certificates, too, five a week for the same names.
pub const TRIES_A_DAY_MAX: u32 = 3;

/// A box asks each night until it has its certificate: after so long without a word of it, what it asks for is something new.
pub const FORGOTTEN_MS: i64 = 7 * 86_400_000;
/// Most letters of what is kept of why a try has failed.
pub const DETAIL_LENGTH_MAX: usize = 500;

/// Why a try to have a school's names certified has failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WebFailure {
    /// The key of the hub's account at the authority cannot be read.
    Key,
    /// The program that certifies has failed.
    Program,
    /// A proof does not come into DNS.
    Proof,
    /// The authority was asked too often.
    Often,
    /// The authority does not answer, or does not do it.
    Authority,
    /// What was made is not what the box takes.
    Chain,
}

impl WebFailure {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::Key, Self::Program, Self::Proof, Self::Often, Self::Authority, Self::Chain];

    /// The word of the register and of the texts.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Key => "key",
            Self::Program => "program",
            Self::Proof => "proof",
            Self::Often => "often",
            Self::Authority => "authority",
            Self::Chain => "chain",
        }
    }

    /// The failure of this word.
    #[must_use]
    pub fn find(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|failure| failure.as_str() == word)
    }
}

/// What a box has asked to have certified, and what was made of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WebOrder {
    /// The school.
    pub uai: String,
    /// The public key of its box.
    pub public_key: Vec<u8>,
    /// The request, in DER.
    pub request: Vec<u8>,
    /// Whether the box that asked is revoked: nobody has its request certified.
    pub is_revoked: bool,
    /// When it was made.
    pub asked: Timestamp,
    /// Since when the school asks for a certificate, whatever requests have come since.
    pub since: Timestamp,
    /// When it was tried last to have it certified, and from when on it is tried again.
    pub tried: Option<(Timestamp, Timestamp)>,
    /// Why that has failed: its kind, and what was said.
    pub failure: Option<(WebFailure, String)>,
    /// The chain that was made, in PEM, and until when it is good.
    pub made: Option<(String, Timestamp)>,
}

/// The port. Each call is one transaction; any number of hubs may work on one register.
pub trait Web: Send + Sync {
    /// The names, each with its school.
    ///
    /// # Errors
    /// [`RegisterError`]; so with all that follow.
    fn web_names(&self) -> Result<Vec<(String, DomainName)>, RegisterError>;
    /// Gives a name to a school's box; whether it is free, and the school has room for it.
    fn add_web_name(&self, uai: &Uai, name: &DomainName) -> Result<bool, RegisterError>;
    /// Takes a name back; whether somebody had it.
    fn remove_web_name(&self, name: &DomainName) -> Result<bool, RegisterError>;
    /// The requests, by their schools.
    fn web_orders(&self) -> Result<Vec<WebOrder>, RegisterError>;
    /// The requests of which nothing is made yet, of schools that have a name, and a box that is not revoked.
    fn pending_web_orders(&self) -> Result<Vec<WebOrder>, RegisterError>;
    /// Keeps a box's request in the place of the school's one before; what was made of that goes.
    fn put_web_request(
        &self,
        uai: &str,
        by: BoxId,
        public_key: &[u8],
        request: &[u8],
        now: Timestamp,
    ) -> Result<(), RegisterError>;
    /// Takes the try to have the request for this key certified; whether it is to be tried now, by whoever asks. It is not where another hub tries,
    /// where that was not long ago or too often on this day, or where the box that asked is revoked.
    fn claim_web_request(&self, uai: &str, public_key: &[u8], now: Timestamp) -> Result<bool, RegisterError>;
    /// Notes why the request for this key is not certified; whether nothing is made of it yet. Of what was said, [`DETAIL_LENGTH_MAX`] letters are kept.
    fn note_web_failure(
        &self,
        uai: &str,
        public_key: &[u8],
        failure: WebFailure,
        detail: &str,
    ) -> Result<bool, RegisterError>;
    /// Keeps what was made of the request for this key; whether that is the school's still.
    fn keep_web_chain(
        &self,
        uai: &str,
        public_key: &[u8],
        chain: &str,
        until: Timestamp,
    ) -> Result<bool, RegisterError>;
}
