//! What a school asks of the commune about a site, and what it is told.

use crate::number::number;
use crate::{DomainName, Motive, NewOverride, NewPreparation, PersonName, Release, Timestamp, Verdict};

number! {
    /// The number of a request to the commune. It is never used again.
    CommuneRequestId
}

/// A request that somebody of the school makes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewCommuneRequest {
    /// The site.
    pub site: DomainName,
    /// Whether it is to be opened or closed.
    pub wants: Verdict,
    /// Who asks.
    pub author: PersonName,
    /// Why.
    pub motive: Motive,
    /// Whether it does not wait for the night.
    pub is_urgent: bool,
}

/// A request that is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommuneRequest {
    /// Its number.
    pub id: CommuneRequestId,
    /// What is asked for.
    pub wanted: NewCommuneRequest,
    /// When. Site and moment tell one request from another at the commune.
    pub asked: Timestamp,
    /// When the commune was told.
    pub sent: Option<Timestamp>,
    /// What it answered.
    pub answer: Option<CommuneAnswer>,
}

/// What the commune answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommuneAnswer {
    /// How.
    pub answered: Answered,
    /// Who.
    pub author: PersonName,
    /// Why.
    pub motive: Motive,
    /// When.
    pub at: Timestamp,
}

/// How a request was answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answered {
    /// By a rule of all schools.
    All,
    /// By a rule of this school.
    School,
    /// It stays as it is.
    No,
}

impl Answered {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::All, Self::School, Self::No];

    /// The word of the sheet and of the registers.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::All => "all",
            Self::School => "school",
            Self::No => "no",
        }
    }

    /// The answer of a word.
    #[must_use]
    pub fn find(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|answer| answer.as_str() == word)
    }
}

/// Something that the commune has the people of a school read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommuneNotice {
    /// Since when.
    pub made: Timestamp,
    /// Who says so.
    pub author: PersonName,
    /// What.
    pub text: String,
}

/// What the commune says to a school, as the box keeps it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CommuneSheet {
    /// Rules of this school alone.
    pub rules: Vec<NewOverride>,
    /// Answers, by the site and the moment of what was asked.
    pub answers: Vec<((DomainName, Timestamp), CommuneAnswer)>,
    /// What it shall have of its workspace.
    pub content: Vec<NewPreparation>,
    /// What its people are to read.
    pub notices: Vec<CommuneNotice>,
    /// The release of the box's system that it shall have.
    pub release: Option<Release>,
    /// What the commune decides of the configuration of its box.
    pub configuration: Option<CommuneConfiguration>,
}

/// What the commune decides of a box's configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommuneConfiguration {
    /// Its number.
    pub number: u64,
    /// The tables, as in the box's own file; an empty text takes back what was said before.
    pub text: String,
}

/// Something that the commune's hub had the box do, as it stands on the box.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommuneOrder {
    /// When the box took it.
    pub at: Timestamp,
    /// What kind of thing.
    pub kind: CommuneOrderKind,
    /// What.
    pub about: String,
}

/// What a hub can have a box do: nothing else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CommuneOrderKind {
    /// Open a site.
    Permit,
    /// Close a site.
    Refuse,
    /// Lock a category.
    Lock,
    /// Lock it no more.
    Unlock,
    /// Take a rule of its own back.
    TakeBack,
    /// Tell what was answered to a request.
    Answer,
    /// Fetch something of the workspace.
    Prepare,
    /// Fetch it no more.
    Unprepare,
    /// Show a notice.
    Notice,
    /// Take a release of its system.
    Release,
    /// Take that release no more.
    Withdraw,
    /// Take a part of its configuration.
    Configure,
}

impl CommuneOrderKind {
    /// All of them.
    pub const ALL: [Self; 12] = [
        Self::Permit,
        Self::Refuse,
        Self::Lock,
        Self::Unlock,
        Self::TakeBack,
        Self::Answer,
        Self::Prepare,
        Self::Unprepare,
        Self::Notice,
        Self::Release,
        Self::Withdraw,
        Self::Configure,
    ];

    /// The word of the state file and of the texts.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Permit => "permit",
            Self::Refuse => "refuse",
            Self::Lock => "lock",
            Self::Unlock => "unlock",
            Self::TakeBack => "take-back",
            Self::Answer => "answer",
            Self::Prepare => "prepare",
            Self::Unprepare => "unprepare",
            Self::Notice => "notice",
            Self::Release => "release",
            Self::Withdraw => "withdraw",
            Self::Configure => "configure",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_found_again() {
        for answered in Answered::ALL {
            assert_eq!(Answered::find(answered.as_str()), Some(answered));
        }
        assert_eq!(Answered::find("perhaps"), None);
        let words: Vec<_> = CommuneOrderKind::ALL.into_iter().map(CommuneOrderKind::as_str).collect();
        let expected =
            "permit refuse lock unlock take-back answer prepare unprepare notice release withdraw configure";
        assert_eq!(words.join(" "), expected);
    }
}
