//! Rules that people make: exceptions of the commune, overrides of the school and of a lesson.

use std::fmt;
use std::str::FromStr;

use crate::{
    Category, DomainName, Layer, Mac, PersonName, ProfileName, RoomName, Subject, Timestamp, Verdict,
};

/// Longest reason, in characters: two sentences, which fit a record and a page.
const MOTIVE_CHARACTERS_MAX: usize = 200;

/// A decision on one site or one category.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// On whose authority.
    pub layer: Layer,
    /// Whether it opens or closes.
    pub effect: Verdict,
    /// What it is about.
    pub topic: Topic,
    /// For whom it counts.
    pub scope: Scope,
    /// Who made it.
    pub author: PersonName,
    /// Why, in the author's words.
    pub motive: Motive,
    /// From when on; `None`: always.
    pub from: Option<Timestamp>,
    /// Up to when, not included; `None`: until somebody takes it back.
    pub until: Option<Timestamp>,
}

/// Why somebody made a rule, in her own words: `exposé sur les jeux`. At most 200 characters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Motive(Box<str>);

impl Motive {
    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Motive {
    type Err = MotiveError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let text = text.trim();
        if text.is_empty() {
            return Err(MotiveError::Empty);
        }
        if text.chars().count() > MOTIVE_CHARACTERS_MAX {
            return Err(MotiveError::TooLong);
        }
        if text.chars().any(char::is_control) {
            return Err(MotiveError::Control);
        }
        Ok(Self(text.into()))
    }
}

impl fmt::Display for Motive {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Why a text is no reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum MotiveError {
    /// Nothing but white space.
    #[error("an exception without a reason cannot be checked next year")]
    Empty,
    /// Too long to be read at a glance.
    #[error("the reason is longer than {MOTIVE_CHARACTERS_MAX} characters")]
    TooLong,
    /// A control character, which would break a table or a terminal.
    #[error("the reason has a control character")]
    Control,
}

/// What a rule is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Topic {
    /// A name and all names under it.
    Site(DomainName),
    /// All that a category of the lists has.
    Category(Category),
}

impl Topic {
    /// The site's or the category's name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::Site(name) => name.as_str(),
            Self::Category(category) => category.as_str(),
        }
    }
}

/// For whom a rule counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scope {
    /// The whole school.
    Everyone,
    /// The devices of a profile.
    Profile(ProfileName),
    /// The devices of a room.
    Room(RoomName),
    /// One device.
    Device(Mac),
}

impl Scope {
    /// Whether the subject, who is judged by `profile`, is meant.
    #[must_use]
    pub fn includes(&self, subject: &Subject, profile: &ProfileName) -> bool {
        match self {
            Self::Everyone => true,
            Self::Profile(name) => name == profile,
            Self::Room(room) => subject.room() == Some(room),
            Self::Device(mac) => subject.mac() == Some(*mac),
        }
    }
}

/// Why a rule does not count in a case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Idle {
    /// It is for others.
    Scope,
    /// It has not begun, or the clock went back behind its beginning.
    Early,
    /// It is over.
    Over,
    /// It has a beginning or an end, and nobody knows what time it is.
    NoClock,
}

impl Rule {
    /// The category that it locks: the commune refuses it to all, until it takes that back itself. An entry of another layer opens
    /// nothing of it, however specific it is.
    #[must_use]
    pub fn locked(&self) -> Option<&Category> {
        let is_of_commune = self.layer == Layer::Commune && self.scope == Scope::Everyone;
        let is_lasting = self.from.is_none() && self.until.is_none();
        match &self.topic {
            Topic::Category(category) if is_of_commune && is_lasting && self.effect == Verdict::Refuse => {
                Some(category)
            }
            Topic::Category(_) | Topic::Site(_) => None,
        }
    }

    /// Whether it counts for the subject at this time; `now` is `None` when the clock is not set.
    ///
    /// # Errors
    /// [`Idle`] tells why it does not.
    pub fn apply(
        &self,
        subject: &Subject,
        profile: &ProfileName,
        now: Option<Timestamp>,
    ) -> Result<(), Idle> {
        if !self.scope.includes(subject, profile) {
            return Err(Idle::Scope);
        }
        if self.from.is_none() && self.until.is_none() {
            return Ok(());
        }
        let now = now.ok_or(Idle::NoClock)?;
        if self.from.is_some_and(|from| now < from) {
            return Err(Idle::Early);
        }
        if self.until.is_some_and(|until| now >= until) {
            return Err(Idle::Over);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_commune_locks_and_only_for_good() {
        let lock = Rule {
            layer: Layer::Commune,
            effect: Verdict::Refuse,
            topic: Topic::Category("gambling".parse().unwrap()),
            scope: Scope::Everyone,
            author: "M. Blanc".parse().unwrap(),
            motive: "jeux d'argent".parse().unwrap(),
            from: None,
            until: None,
        };
        assert_eq!(lock.locked().map(Category::as_str), Some("gambling"));
        let end = Some(Timestamp::from_unix_ms(5));
        for other in [
            Rule { layer: Layer::School, ..lock.clone() },
            Rule { effect: Verdict::Permit, ..lock.clone() },
            Rule { topic: Topic::Site("casino.example".parse().unwrap()), ..lock.clone() },
            Rule { scope: Scope::Room("CM2".parse().unwrap()), ..lock.clone() },
            Rule { until: end, ..lock.clone() },
        ] {
            assert_eq!(other.locked(), None, "{other:?}");
        }
    }

    #[test]
    fn reasons_are_bounded() {
        let check = |text: &str, expected: Result<&str, MotiveError>| {
            let motive = text.parse::<Motive>();
            assert_eq!(motive.as_ref().map(Motive::as_str).map_err(|error| *error), expected, "{text:?}");
        };
        check(" exposé sur les jeux ", Ok("exposé sur les jeux"));
        check(&"é".repeat(200), Ok(&"é".repeat(200)));
        check(&"é".repeat(201), Err(MotiveError::TooLong));
        check(" ", Err(MotiveError::Empty));
        check("a\u{1b}[2J", Err(MotiveError::Control));
    }
}
