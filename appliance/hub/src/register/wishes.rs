//! What schools ask of the commune, and what it says to each of them: a port beside the register.

use model::{Answered, LibraryFile, Release, Timestamp, Uai};
use replication::{
    CommuneRule, SchoolRequest, SheetAnswer, SheetConfiguration, SheetContent, SheetNotice, Tide,
};

use super::history::NewAlert;
use super::{NewPolicy, RegisterError};

#[cfg(test)]
pub(crate) mod suite;

/// Places of workspaces that a commune keeps for its schools: each school has two hundred at most.
pub const CONTENTS_MAX: u32 = 2_000;
/// Urgent requests of one school in a day of which people are told at once: whoever has more telephones, and a stolen box makes no storm.
pub const URGENT_MAX: u32 = 6;

/// A request of a school.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wish {
    /// Its number.
    pub id: u64,
    /// The school.
    pub uai: String,
    /// What it asks for.
    pub request: SchoolRequest,
    /// When it arrived.
    pub came: Timestamp,
    /// What was answered.
    pub answer: Option<WishAnswer>,
}

/// What was answered to a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WishAnswer {
    /// How.
    pub answered: Answered,
    /// By whom.
    pub author: String,
    /// Why.
    pub reason: String,
    /// When.
    pub at: Timestamp,
}

/// What goes with an answer, in its transaction.
#[derive(Clone, Copy, Debug)]
pub enum AnswerRule<'r> {
    /// Nothing.
    Nothing,
    /// A rule of the school that asked. It was judged beside the commune's policy of this number (0: none).
    School {
        /// The rule.
        rule: &'r CommuneRule,
        /// The number.
        policy: u64,
    },
    /// A policy of all schools.
    All(NewPolicy<'r>),
}

/// What became of an answer. Where it is none, nothing of it is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Settled {
    /// It is there; the schools whose own rule went with it.
    Done(Vec<String>),
    /// The request has one already, or there is none.
    Answered,
    /// The commune's policy has another number by now.
    Race,
}

/// A rule of one school.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SchoolRule {
    /// The school.
    pub uai: String,
    /// The rule.
    pub rule: CommuneRule,
}

/// A place of a workspace that schools shall have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Content {
    /// Its number.
    pub id: u64,
    /// The school; `None`: all.
    pub uai: Option<String>,
    /// What it is.
    pub place: SheetContent,
    /// Who wants it.
    pub author: String,
}

/// Something that people of all schools are to read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    /// Its number.
    pub id: u64,
    /// What.
    pub notice: SheetNotice,
}

/// What the commune says to one school, at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SheetParts {
    /// The number that it has by then; 0 where nothing was ever said.
    pub serial: u64,
    /// Its own rules.
    pub rules: Vec<CommuneRule>,
    /// The answers to its requests, the last ones first.
    pub answers: Vec<SheetAnswer>,
    /// What it shall have of its workspace.
    pub content: Vec<SheetContent>,
    /// What its people are to read.
    pub notices: Vec<SheetNotice>,
    /// The releases of its box's system that it is to have: of each kind of machine one at most.
    pub releases: Vec<Release>,
    /// Files for its pupils.
    pub files: Vec<LibraryFile>,
    /// What the commune decides of its box's configuration.
    pub configuration: Option<SheetConfiguration>,
}

/// What became of a request that arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Came {
    /// It is new, or has become urgent; people are to be told of it at once, or not.
    New {
        /// Whether they are.
        is_told: bool,
    },
    /// It was there already.
    Known,
    /// The school has too many that wait.
    TooMany,
}

/// The port. Each call is one transaction; any number of hubs may work on one register.
pub trait Wishes: Send + Sync {
    /// The numbers of the commune's policy and of the sheet that was changed last, of whatever school: where neither has grown, nothing is new.
    ///
    /// # Errors
    /// [`RegisterError`]; so with all that follow.
    fn high_water(&self) -> Result<Tide, RegisterError>;
    /// The numbers of the commune's policy and of a school's sheet.
    fn tide(&self, uai: &str) -> Result<Tide, RegisterError>;
    /// The number of each school's sheet by its identifier, under an empty text that of what is said to all; a sheet has the higher of the two.
    fn sheet_serials(&self) -> Result<Vec<(String, u64)>, RegisterError>;
    /// Gives what is said to all schools a number above `above` and all that there are: boxes take it, whatever they were told before.
    fn raise_sheets(&self, above: u64, now: Timestamp) -> Result<(), RegisterError>;
    /// What is said to a school now.
    fn sheet(&self, uai: &str, now: Timestamp) -> Result<SheetParts, RegisterError>;
    /// Keeps a request, and with it these alerts where people are to be told of it at once. Site and moment tell it from another one of its school. Where too many
    /// wait, an urgent one takes the place of the oldest that is not.
    fn add_wish(
        &self,
        uai: &str,
        request: &SchoolRequest,
        alerts: &[NewAlert],
        now: Timestamp,
    ) -> Result<Came, RegisterError>;
    /// Requests, those without an answer first, of these the urgent ones; at most `count`.
    fn wishes(&self, count: u32) -> Result<Vec<Wish>, RegisterError>;
    /// A request.
    fn find_wish(&self, id: u64) -> Result<Option<Wish>, RegisterError>;
    /// Answers a request that has no answer, with what goes with it.
    fn answer_wish(
        &self,
        id: u64,
        answer: &WishAnswer,
        rule: AnswerRule<'_>,
    ) -> Result<Settled, RegisterError>;
    /// The rules of single schools that are not over, by their schools.
    fn school_rules(&self, now: Timestamp) -> Result<Vec<SchoolRule>, RegisterError>;
    /// Takes a rule of a school back; whether there was one.
    fn remove_school_rule(&self, uai: &str, site: &str, now: Timestamp) -> Result<bool, RegisterError>;
    /// What schools shall have, and is wanted still; by school and address.
    fn contents(&self, now: Timestamp) -> Result<Vec<Content>, RegisterError>;
    /// Has a school, or all, have a place; whether there is room for it. The same place again changes its name and end.
    fn add_content(
        &self,
        uai: Option<&Uai>,
        place: &SheetContent,
        author: &str,
        now: Timestamp,
    ) -> Result<bool, RegisterError>;
    /// Takes it back; whether it was there.
    fn remove_content(&self, id: u64, now: Timestamp) -> Result<bool, RegisterError>;
    /// What people of all schools are to read.
    fn notices(&self) -> Result<Vec<Notice>, RegisterError>;
    /// Says something to all schools; whether there is room for it.
    fn add_notice(&self, notice: &SheetNotice, now: Timestamp) -> Result<bool, RegisterError>;
    /// Takes it back; whether it was there.
    fn remove_notice(&self, id: u64, now: Timestamp) -> Result<bool, RegisterError>;
}
