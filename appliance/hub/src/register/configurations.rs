//! What the commune decides of the configuration of each school's box, by versions: a port beside the register.

use model::{Timestamp, Uai};

use super::RegisterError;

#[cfg(test)]
pub(crate) mod suite;

/// Versions that are kept of one school: whoever looks for the way back looks for one of the last.
pub const VERSIONS_MAX: u32 = 50;

/// A version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Version {
    /// Its number: that of the sheet by which it was said.
    pub number: u64,
    /// The tables, as in a box's own file; an empty text takes back what was said before.
    pub text: String,
    /// Who has written it.
    pub author: String,
    /// When.
    pub made: Timestamp,
}

/// The port. Each call is one transaction; any number of hubs may work on one register.
pub trait Configurations: Send + Sync {
    /// The versions of a school, the last first.
    ///
    /// # Errors
    /// [`RegisterError`]; so with all that follow.
    fn configurations(&self, uai: &str) -> Result<Vec<Version>, RegisterError>;
    /// The schools of whose boxes the commune has ever decided something.
    fn configured(&self) -> Result<Vec<String>, RegisterError>;
    /// Has a school's box be configured so, where the version of this number is still the last (0: there is none); the new number. `None` where somebody
    /// else was quicker. The oldest beyond [`VERSIONS_MAX`] go.
    fn configure(
        &self,
        uai: &Uai,
        before: u64,
        text_and_author: (&str, &str),
        now: Timestamp,
    ) -> Result<Option<u64>, RegisterError>;
}
