//! Whom the hub knows of the commune's people: who may sign in, what they show, and what they did. A port beside the register.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use model::{Failures, PersonName, Timestamp};
use people::{CodeKey, CodeStep, PaperHash, StoredSecret, TokenHash, Watch};

use super::RegisterError;

#[cfg(test)]
pub(crate) mod suite;

/// Most people of a commune's service, those who are gone among them.
pub const MEMBERS_MAX: u32 = 500;
/// Sessions of one person at a time: the oldest gives way.
pub const SESSIONS_MAX: u32 = 8;
/// Failures that are kept in mind. With more, somebody has many addresses, and the oldest are forgotten.
pub const FAILURES_MAX: u32 = 10_000;
/// Addresses at which somebody signed in that are kept in mind: those of her desk, her telephone, her home.
pub const KNOWN_MAX: u32 = 5;

/// What somebody may do besides looking, which all may.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Duty {
    /// Schools, codes, boxes.
    Technician,
    /// What the commune opens and closes for its schools.
    Policy,
    /// Nothing.
    Reader,
}

impl Duty {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Technician, Self::Policy, Self::Reader];

    /// The word of the command line and of the register.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Technician => "technician",
            Self::Policy => "policy",
            Self::Reader => "reader",
        }
    }
}

impl fmt::Display for Duty {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Duty {
    type Err = DutyError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|duty| duty.as_str() == text).ok_or(DutyError)
    }
}

/// The text is no duty's word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a role of the hub: technician, policy or reader")]
pub struct DutyError;

/// Somebody, by the number that the hub gave her.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MemberId(pub u64);

/// Somebody of the commune's service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// Her number.
    pub id: MemberId,
    /// What she is called; nobody else is, in any case of its letters.
    pub name: PersonName,
    /// What she may do.
    pub duties: BTreeSet<Duty>,
    /// Whether her secret is still the one that was drawn for her.
    pub has_first_secret: bool,
    /// Whether a telephone of hers is known.
    pub has_key: bool,
    /// Since when she may sign in no more.
    pub disabled: Option<Timestamp>,
    /// What the commune's provider calls her, where somebody has registered that; an address in small letters.
    pub account: Option<String>,
}

impl Member {
    /// Whether she may do what belongs to a duty.
    #[must_use]
    pub fn may(&self, duty: Duty) -> bool {
        self.duties.contains(&duty)
    }
}

/// What somebody shows.
#[derive(Clone, Debug)]
pub struct Credentials {
    /// Whose it is.
    pub member: Member,
    /// What is kept of her secret.
    pub secret: StoredSecret,
    /// Her telephone's key.
    pub key: Option<CodeKey>,
    /// The last of its codes that counted.
    pub step: CodeStep,
}

/// What somebody has shown to begin a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Proof {
    /// Her secret, and the code of a telephone where one of hers is known.
    Own,
    /// The commune's provider vouches for her, and for a second factor; or she has shown her telephone's code beside it.
    Provider,
    /// The commune's provider vouches for her, and for no second factor.
    ProviderAlone,
}

impl Proof {
    /// All of them, each at its number in the register.
    pub const ALL: [Self; 3] = [Self::Own, Self::Provider, Self::ProviderAlone];

    /// The number in the register.
    #[must_use]
    pub fn number(self) -> u32 {
        match self {
            Self::Own => 0,
            Self::Provider => 1,
            Self::ProviderAlone => 2,
        }
    }
}

/// A session.
#[derive(Clone, Debug)]
pub struct SessionState {
    /// Whose it is.
    pub member: Member,
    /// From which network it began.
    pub network: String,
    /// By what it began.
    pub proof: Proof,
    /// When it began.
    pub began: Timestamp,
    /// When it was used last.
    pub used: Timestamp,
}

/// What somebody did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Act {
    /// When.
    pub at: Timestamp,
    /// Who, as she was called then.
    pub author: String,
    /// From which network; empty on the command line.
    pub network: String,
    /// What: a word.
    pub deed: String,
    /// To what: a school, a site, a person.
    pub about: String,
}

/// Failures are counted under a name of this kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Count {
    /// Of whom.
    pub of: String,
    /// By which rule.
    pub watch: Watch,
}

/// The people. Each call is one transaction; any number of hubs may work on one register.
pub trait Staff: Send + Sync {
    /// Adds somebody with a first secret.
    ///
    /// # Errors
    /// [`RegisterError`]; so with all that follow. [`RegisterError::Taken`] where the name is somebody's, or there are too many.
    fn add_member(
        &self,
        name: &PersonName,
        duties: &BTreeSet<Duty>,
        secret: &StoredSecret,
    ) -> Result<MemberId, RegisterError>;
    /// Everybody, by name.
    fn members(&self) -> Result<Vec<Member>, RegisterError>;
    /// Somebody by her name, in any case of its letters, with what she shows.
    fn find_member(&self, name: &PersonName) -> Result<Option<Credentials>, RegisterError>;
    /// Somebody who may sign in, by what the commune's provider calls her.
    fn find_account(&self, account: &str) -> Result<Option<Member>, RegisterError>;
    /// Registers what the commune's provider calls somebody, or that she has no account there. Her sessions end. [`RegisterError::Taken`] where it is somebody else's.
    fn set_account(&self, of: MemberId, account: Option<&str>) -> Result<(), RegisterError>;
    /// Gives somebody a new first secret, takes her telephone and her codes on paper away, and ends her sessions.
    fn reset_member(&self, of: MemberId, secret: &StoredSecret) -> Result<(), RegisterError>;
    /// Lets somebody sign in no more, and ends her sessions.
    fn disable_member(&self, of: MemberId, now: Timestamp) -> Result<(), RegisterError>;
    /// Keeps a secret of her own. Her sessions end.
    fn keep_secret(&self, of: MemberId, secret: &StoredSecret) -> Result<(), RegisterError>;
    /// Keeps her telephone's key, whose code of this step was shown, and her codes on paper in the place of all before; whether
    /// it does: a telephone that is known is not replaced. Her sessions end: one began by her secret alone.
    fn keep_key(
        &self,
        of: MemberId,
        key: &CodeKey,
        step: CodeStep,
        papers: &[PaperHash],
    ) -> Result<bool, RegisterError>;
    /// Notes that a code of this step counted; false where this one, or a later one, did already.
    fn spend_step(&self, of: MemberId, step: CodeStep) -> Result<bool, RegisterError>;
    /// Takes a code on paper; false where there is none.
    fn spend_paper(&self, of: MemberId, paper: PaperHash) -> Result<bool, RegisterError>;
    /// Begins a session, and keeps its network in mind where two factors were shown: whoever guesses the second one from many is counted by her
    /// name. Beyond [`SESSIONS_MAX`], the one that was used longest ago ends.
    fn open_session(
        &self,
        of: MemberId,
        token: TokenHash,
        proof: Proof,
        network: &str,
        now: Timestamp,
    ) -> Result<(), RegisterError>;
    /// Finds a session.
    fn find_session(&self, token: TokenHash) -> Result<Option<SessionState>, RegisterError>;
    /// Notes that a session is used.
    fn touch_session(&self, token: TokenHash, now: Timestamp) -> Result<(), RegisterError>;
    /// Ends a session; there may be none.
    fn end_session(&self, token: TokenHash) -> Result<(), RegisterError>;
    /// Whether somebody of this name signed in from this network lately.
    fn is_known(&self, name: &PersonName, network: &str) -> Result<bool, RegisterError>;
    /// How often something failed.
    fn failures(&self, of: &str) -> Result<Failures, RegisterError>;
    /// Counts a failure in all of these.
    fn add_failure(&self, counts: &[Count], now: Timestamp) -> Result<(), RegisterError>;
    /// Forgets these failures.
    fn forget_failures(&self, of: &[&str]) -> Result<(), RegisterError>;
    /// Writes down what somebody does. Nothing of it is ever changed or removed.
    fn note_act(&self, act: &Act) -> Result<(), RegisterError>;
    /// What was done last, at most `count`, each with its number; the latest first. With a number, what was done before that.
    fn acts(&self, before: Option<u64>, count: u32) -> Result<Vec<(u64, Act)>, RegisterError>;
}
