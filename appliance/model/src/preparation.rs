//! What of the online workspace (ENT) shall be here on a day, before anybody asks.

use std::fmt;
use std::str::FromStr;

use crate::number::number;
use crate::text::{TextError, check_shown, name_type};
use crate::{DomainName, Mac, PersonName, RoomName, Timestamp};

/// Longest path and query: what is longer is a program's.
const PATH_BYTES_MAX: usize = 512;

number! {
    /// The number of a preparation. It is never used again.
    PreparationId
}

name_type! {
    /// What pupils read for something that is prepared: `Le volcan`. At most 64 characters.
    PreparationTitle, check_shown, TextError
}

/// A place of a workspace, as people copy it from the browser.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WorkspacePlace {
    /// The workspace's name that it is under.
    pub host: DomainName,
    /// Path and query, without a fragment.
    pub path: String,
}

impl FromStr for WorkspacePlace {
    type Err = NotAPlace;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let text = text.trim();
        // Nothing is asked of a workspace in clear, whatever the browser showed.
        let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://")).unwrap_or(text);
        let rest = rest.split('#').next().unwrap_or_default();
        let (host, path) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
        let path = if path.starts_with('/') { path.to_owned() } else { format!("/{path}") };
        let is_plain = path.bytes().all(|byte| byte.is_ascii_graphic() && !b"\"<>\\^`{|}".contains(&byte));
        if !is_plain || path.len() > PATH_BYTES_MAX {
            return Err(NotAPlace);
        }
        Ok(Self { host: DomainName::parse(host).map_err(|_| NotAPlace)?, path })
    }
}

impl fmt::Display for WorkspacePlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "https://{}{}", self.host, self.path)
    }
}

/// What is no place of a workspace.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no address of a page or document, as https://ent.example/document/1")]
pub struct NotAPlace;

/// Something that is to be prepared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewPreparation {
    /// What.
    pub place: WorkspacePlace,
    /// What pupils read for it.
    pub title: PreparationTitle,
    /// The room that it is for; `None`: all.
    pub room: Option<RoomName>,
    /// Who wants it.
    pub by: PersonName,
    /// The registered device that it was asked from: it is fetched by the rules of this device.
    pub device: Mac,
    /// When it was asked for.
    pub made: Timestamp,
    /// Until when it stays.
    pub until: Timestamp,
}

/// Something that is prepared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Preparation {
    /// Its number.
    pub id: PreparationId,
    /// What was asked for.
    pub wanted: NewPreparation,
    /// Where it is, where the workspace leads elsewhere for it.
    pub kept: Option<WorkspacePlace>,
    /// How far it is.
    pub stage: PreparationStage,
    /// When it was last tried.
    pub tried: Option<Timestamp>,
}

impl Preparation {
    /// Where it is, as far as is known.
    #[must_use]
    pub fn place(&self) -> &WorkspacePlace {
        self.kept.as_ref().unwrap_or(&self.wanted.place)
    }
}

/// How far a preparation is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PreparationStage {
    /// It is not here yet.
    Waiting,
    /// It is here, whole.
    Here,
    /// A lesson closes the Internet to the device: it comes after that.
    Closed,
    /// The filter does not permit it to the device.
    Refused,
    /// The workspace shows it to those alone who are signed in.
    Personal,
    /// The workspace does not let it be kept for all.
    NotShared,
    /// The workspace has nothing there.
    Missing,
    /// There is no room for it.
    Full,
    /// It is no place of a workspace that the box keeps, or its device is no longer registered.
    Elsewhere,
}

impl PreparationStage {
    const ALL: [Self; 9] = [
        Self::Waiting,
        Self::Here,
        Self::Closed,
        Self::Refused,
        Self::Personal,
        Self::NotShared,
        Self::Missing,
        Self::Full,
        Self::Elsewhere,
    ];

    /// One word for it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Here => "here",
            Self::Closed => "closed",
            Self::Refused => "refused",
            Self::Personal => "personal",
            Self::NotShared => "not-shared",
            Self::Missing => "missing",
            Self::Full => "full",
            Self::Elsewhere => "elsewhere",
        }
    }

    /// That with this word.
    #[must_use]
    pub fn find(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|stage| stage.as_str() == word)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_what_people_copy() {
        let check = |text: &str, expected: Option<&str>| {
            let place = text.parse::<WorkspacePlace>().ok().map(|place| place.to_string());
            assert_eq!(place.as_deref(), expected, "{text}");
        };
        check("https://ENT.example/doc/1?page=2#haut", Some("https://ent.example/doc/1?page=2"));
        check(" http://ent.example ", Some("https://ent.example/"));
        check("ent.example?q=1", Some("https://ent.example/?q=1"));
        check("https://ent.example/d%C3%A9j%C3%A0", Some("https://ent.example/d%C3%A9j%C3%A0"));
        for wrong in ["", "https://", "/doc/1", "https://ent.example/déjà", "https://ent.example/a b"] {
            check(wrong, None);
        }
        check("https://ent.example/\r\nHost:x", None);
        check("https://marie@ent.example/", None);
        check("https://ent.example:8443/", None);
        check(&format!("https://ent.example/{}", "a".repeat(PATH_BYTES_MAX)), None);
    }

    #[test]
    fn each_stage_has_a_word() {
        for stage in PreparationStage::ALL {
            assert_eq!(PreparationStage::find(stage.as_str()), Some(stage));
        }
        assert_eq!(PreparationStage::find("cooking"), None);
    }
}
