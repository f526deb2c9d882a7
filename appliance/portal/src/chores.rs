//! What the box does by itself at its time, and somebody has it do at once: on a box of the image there is no shell for it.

use std::net::IpAddr;

use model::Person;

use crate::{SelftestRun, Trouble};

/// The part of the box that sees to it. Its calls block: for files.
pub trait ChoreRoom: Send + Sync {
    /// What may be asked for on this box at this moment, and how far each is.
    fn chores(&self) -> Vec<ChoreLine>;

    /// Has one done at once. Who wanted it is on record. One that is asked for already, or under way, is as she wants it.
    ///
    /// # Errors
    /// [`Trouble::Unknown`] where there is nothing of the kind to do; [`Trouble::NoClock`] for what cannot be done without the time.
    fn do_chore(&self, client: IpAddr, person: &Person, chore: Chore) -> Result<(), Trouble>;

    /// The last self-test of the filter that is over, without whom to call.
    ///
    /// # Errors
    /// [`Trouble::Unknown`] where none was made.
    fn last_selftest(&self) -> Result<SelftestRun, Trouble>;
}

/// One thing that may be asked for. In the order of the page.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Chore {
    /// What a night brings and takes: an exchange with the commune's hub.
    Sync,
    /// The box attacks itself.
    Selftest,
    /// The lists are fetched from their mirror.
    Lists,
    /// The list that is held back, because it has lost too much, is put in force.
    HeldList,
}

impl Chore {
    /// Every one.
    pub const ALL: [Self; 4] = [Self::Sync, Self::Selftest, Self::Lists, Self::HeldList];

    /// The word that forms and records have for it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Sync => "sync",
            Self::Selftest => "selftest",
            Self::Lists => "lists",
            Self::HeldList => "held-list",
        }
    }

    /// The one of a word.
    #[must_use]
    pub fn read(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|it| it.as_str() == word)
    }

    /// Whether somebody has to say that it is meant: it changes what pupils may see.
    #[must_use]
    pub fn has_to_be_meant(self) -> bool {
        match self {
            Self::HeldList => true,
            Self::Sync | Self::Selftest | Self::Lists => false,
        }
    }
}

/// How far one is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChoreState {
    /// Nobody has asked for it.
    Free,
    /// It is about to begin.
    Asked,
    /// It is under way.
    Running,
    /// It was tried last, and nothing came of it.
    Failed,
}

/// One that may be asked for, and how far it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChoreLine {
    /// Which.
    pub chore: Chore,
    /// How far.
    pub state: ChoreState,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_stands_for_one() {
        for chore in Chore::ALL {
            assert_eq!(Chore::read(chore.as_str()), Some(chore));
        }
        assert_eq!(Chore::read("Sync"), None);
    }
}
