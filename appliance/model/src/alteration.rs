//! What people change of the school besides rules, people and lessons: a record says which, and in one line what.

/// A change that the journal tells by a word of its own and a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Alteration {
    /// A key of the Wi-Fi is drawn in place of the one before, which opens nothing from then on.
    RenewWifiKey,
    /// Somebody takes a key of the Wi-Fi along, in a file by which devices join.
    TakeWifiKey,
    /// A teacher has other rooms.
    ChangeRooms,
    /// A lesson is planned for each week.
    PlanLesson,
    /// A planned lesson is given up.
    DropPlan,
    /// What a teacher closed for the school stays closed: somebody who directs has looked at it.
    KeepReport,
    /// A code is tried by which the box enrols at a hub anew.
    JoinHub,
    /// Something of the workspace shall be here on a day.
    Prepare,
    /// It need not be.
    DropPreparation,
    /// The box is on its line otherwise: by another address, or by DHCP.
    ChangeLine,
    /// Somebody takes the key along by which access points prove themselves, in the files for one from the factory.
    TakeAdoptionKey,
    /// What the box does by itself at its time is done at once.
    DoNow,
    /// Another key is drawn by which access points prove themselves.
    RenewAdoptionKey,
}

impl Alteration {
    /// Every one.
    pub const ALL: [Self; 13] = [
        Self::RenewWifiKey,
        Self::TakeWifiKey,
        Self::ChangeRooms,
        Self::PlanLesson,
        Self::DropPlan,
        Self::KeepReport,
        Self::JoinHub,
        Self::Prepare,
        Self::DropPreparation,
        Self::ChangeLine,
        Self::TakeAdoptionKey,
        Self::DoNow,
        Self::RenewAdoptionKey,
    ];

    /// The word that records and the state file use.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::RenewWifiKey => "renew-wifi-key",
            Self::TakeWifiKey => "take-wifi-key",
            Self::ChangeRooms => "change-rooms",
            Self::PlanLesson => "plan-lesson",
            Self::DropPlan => "drop-plan",
            Self::KeepReport => "keep-report",
            Self::JoinHub => "join-hub",
            Self::Prepare => "prepare",
            Self::DropPreparation => "drop-preparation",
            Self::ChangeLine => "change-line",
            Self::TakeAdoptionKey => "take-adoption-key",
            Self::DoNow => "do-now",
            Self::RenewAdoptionKey => "renew-adoption-key",
        }
    }

    /// The one of a word.
    #[must_use]
    pub fn read(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|it| it.as_str() == word)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_stands_for_one() {
        for alteration in Alteration::ALL {
            assert_eq!(Alteration::read(alteration.as_str()), Some(alteration));
        }
        assert_eq!(Alteration::read("renew"), None);
    }
}
