//! The people who sign in, and what they do besides making rules.

use std::fmt;
use std::str::FromStr;

use crate::number::number;
use crate::{
    Alteration, DomainName, LessonEnding, LessonId, LessonSettings, Mac, PersonName, Purpose, ReadingEnd,
    ReadingId, ReadingTerms, RoomName, Sought, Timestamp,
};

number! {
    /// The number of a person. It is never used again.
    PersonId
}

/// What a person is in the school.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Role {
    /// Opens sites for her rooms, for the time of a lesson.
    Teacher,
    /// Decides for the whole school.
    Head,
    /// Keeps the box: decides what the head decides, on the school's behalf.
    Technician,
    /// The data protection officer: watches over what is recorded, and over those who read it. Decides nothing.
    Officer,
}

impl Role {
    /// Every role.
    pub const ALL: [Self; 4] = [Self::Teacher, Self::Head, Self::Technician, Self::Officer];

    /// The word that records and command lines use.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Teacher => "teacher",
            Self::Head => "head",
            Self::Technician => "technician",
            Self::Officer => "officer",
        }
    }

    /// Whether the role has to do with classes: their lessons, their sites, their Wi-Fi.
    #[must_use]
    pub fn teaches(self) -> bool {
        match self {
            Self::Teacher | Self::Head | Self::Technician => true,
            Self::Officer => false,
        }
    }

    /// Whether the role decides for the whole school: its rules, its people.
    #[must_use]
    pub fn directs(self) -> bool {
        match self {
            Self::Teacher | Self::Officer => false,
            Self::Head | Self::Technician => true,
        }
    }

    /// Whether the role may open what the journal keeps of others: the head answers for it, the officer looks after her.
    /// Whoever keeps the box has no business there.
    #[must_use]
    pub fn reads_journal(self) -> bool {
        match self {
            Self::Head | Self::Officer => true,
            Self::Teacher | Self::Technician => false,
        }
    }

    /// Whether the role opens readings for this reason on the pages: nobody oversees in the officer's place, and looking after the
    /// box is for its command line.
    #[must_use]
    pub fn may_ask_for(self, purpose: Purpose) -> bool {
        let is_hers = match purpose {
            Purpose::Incident | Purpose::Complaint | Purpose::Judicial | Purpose::Access => true,
            Purpose::Oversight => self == Self::Officer,
            Purpose::Maintenance => false,
        };
        is_hers && self.reads_journal()
    }

    /// Whether the role says what must not be deleted for a while: whoever answers a judge. The officer looks on.
    #[must_use]
    pub fn holds_journal(self) -> bool {
        match self {
            Self::Head => true,
            Self::Teacher | Self::Technician | Self::Officer => false,
        }
    }

    /// Whether the role puts its name to how long what is kept.
    #[must_use]
    pub fn signs_retention(self) -> bool {
        match self {
            Self::Officer => true,
            Self::Teacher | Self::Head | Self::Technician => false,
        }
    }

    /// Whether the role may show a code of a telephone beside its secret. A teacher signs in in front of her class, on its PCs, many times a
    /// day: what she may do ends with the lesson.
    #[must_use]
    pub fn shows_codes(self) -> bool {
        match self {
            Self::Teacher => false,
            Self::Head | Self::Technician | Self::Officer => true,
        }
    }

    /// Whether the role registers and disables people of the other one, and makes them new cards. Whoever may not read the
    /// journal makes nobody who may, nor a card to sign in as one. The head makes everybody, since a box without a command line has
    /// nobody else for it: an officer too, of whom the page of the journal tells who has made her card.
    #[must_use]
    pub fn may_change(self, other: Self) -> bool {
        match self {
            Self::Teacher | Self::Officer => false,
            Self::Head => true,
            Self::Technician => !other.reads_journal(),
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Role {
    type Err = RoleError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|role| role.as_str() == text).ok_or(RoleError)
    }
}

/// The text is not a role's word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a role: teacher, head, technician or officer")]
pub struct RoleError;

/// Somebody who may sign in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Person {
    /// The number.
    pub id: PersonId,
    /// What colleagues call her; no two people bear the same name, in any case of its letters.
    pub name: PersonName,
    /// What she is in the school.
    pub role: Role,
    /// Where she teaches; none: anywhere, as a substitute does.
    pub rooms: Vec<RoomName>,
    /// When somebody registered her.
    pub made: Timestamp,
    /// Since when she may no longer sign in.
    pub disabled: Option<Timestamp>,
    /// Whether her secret is still the one of the printed card, to be replaced at the first sign-in.
    pub has_first_secret: bool,
    /// Whether she shows a code of her telephone, or one on paper, beside her secret.
    pub has_telephone: bool,
}

impl Person {
    /// Whether she may decide for this room; a device without a room is the head's matter.
    #[must_use]
    pub fn teaches_in(&self, room: Option<&RoomName>) -> bool {
        if !self.role.teaches() {
            return false;
        }
        self.role.directs() || room.is_some_and(|room| self.rooms.is_empty() || self.rooms.contains(room))
    }
}

/// A card that somebody was made, to sign in with: whoever has it signs in as her.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MadeCard {
    /// For whom.
    pub name: PersonName,
    /// What she is in the school.
    pub role: Role,
    /// By whom.
    pub by: PersonName,
    /// When.
    pub at: Timestamp,
}

/// Sign-ins with wrong secrets, one after the other.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Failures {
    /// How many.
    pub count: u32,
    /// The last one; `None` where there is none.
    pub last: Option<Timestamp>,
}

/// What somebody did, rules aside: a record of the journal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PersonAct {
    /// Who did it. For a failed sign-in: whose name was given.
    pub author: PersonName,
    /// On which device; `None` on the box's own command line.
    pub device: Option<Mac>,
    /// What.
    pub deed: PersonDeed,
}

/// What can be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PersonDeed {
    /// A sign-in.
    SignIn,
    /// A sign-in with a wrong secret.
    FailSignIn,
    /// A sign-out.
    SignOut,
    /// A secret of her own in place of the one before.
    ChangeSecret,
    /// A sign-in whose second part was a code on paper.
    SignInByPaper,
    /// A telephone that shows codes is made known, or takes the place of another one; new codes on paper go with it.
    AddTelephone,
    /// Somebody's telephone and her codes on paper count no more.
    RemoveTelephone {
        /// Whose.
        name: PersonName,
    },
    /// An access point that was plugged in is the box's from now on.
    AdoptPoint {
        /// Which, for which room.
        words: Sought,
    },
    /// An access point is the box's no more.
    ReleasePoint {
        /// Which.
        words: Sought,
    },
    /// A device is the school's from now on, or its hardware address stands for something else.
    RegisterDevice {
        /// Which, and what it was before.
        words: Sought,
    },
    /// A device is the school's no more.
    ForgetDevice {
        /// What it was.
        words: Sought,
    },
    /// Days are sealed to one more key, which was made on the pages.
    AddReader {
        /// Whose, and the public key.
        words: Sought,
    },
    /// Days are sealed to it no more.
    RemoveReader {
        /// Whose, and the public key.
        words: Sought,
    },
    /// A release of the machine's system that waits for the night is put into place at once.
    InstallRelease {
        /// Its version, and what was said of lessons.
        words: Sought,
    },
    /// Something else of the school is changed.
    Alter {
        /// What.
        what: Alteration,
        /// Which, and how.
        words: Sought,
    },
    /// Somebody new.
    AddPerson {
        /// Who.
        name: PersonName,
        /// What she is.
        role: Role,
    },
    /// A new first secret for somebody, which takes the old one's place.
    ResetPerson {
        /// For whom.
        name: PersonName,
    },
    /// Somebody may no longer sign in.
    DisablePerson {
        /// Who.
        name: PersonName,
    },
    /// A site that was asked for stays closed.
    Decline {
        /// The site.
        site: DomainName,
        /// For the devices of this room; `None`: for those without one.
        room: Option<RoomName>,
    },
    /// A reading of the journal is opened.
    OpenReading {
        /// Its number.
        reading: ReadingId,
        /// For what.
        terms: Box<ReadingTerms>,
        /// When it ends by itself.
        until: Timestamp,
    },
    /// Something of the journal must not be deleted for a while: a statement of the log of seals, and a record.
    PlaceHold {
        /// Which, of what, why.
        words: Sought,
    },
    /// It may be.
    LiftHold {
        /// Which, why.
        words: Sought,
    },
    /// The name under how long what is kept: a statement of the log of seals, and a record.
    SignRetention {
        /// Which numbers.
        words: Sought,
    },
    /// Somebody looks for something within a reading.
    SearchJournal {
        /// The reading.
        reading: ReadingId,
        /// What for.
        sought: Sought,
    },
    /// Somebody takes an extract with her.
    ExportJournal {
        /// The reading.
        reading: ReadingId,
        /// What of.
        sought: Sought,
    },
    /// A reading is over.
    CloseReading {
        /// Its number.
        reading: ReadingId,
        /// How.
        end: ReadingEnd,
    },
    /// A lesson begins.
    StartLesson {
        /// Its number.
        lesson: LessonId,
        /// In this room.
        room: RoomName,
        /// As it begins.
        settings: Box<LessonSettings>,
    },
    /// A lesson goes on with other settings.
    ChangeLesson {
        /// Its number.
        lesson: LessonId,
        /// In this room.
        room: RoomName,
        /// As it goes on.
        settings: Box<LessonSettings>,
    },
    /// A lesson is over, and with it all that it changed.
    EndLesson {
        /// Its number.
        lesson: LessonId,
        /// In this room.
        room: RoomName,
        /// How.
        ending: LessonEnding,
    },
}

impl PersonDeed {
    /// The word that records use.
    #[must_use]
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::SignIn => "sign-in",
            Self::FailSignIn => "fail-sign-in",
            Self::SignOut => "sign-out",
            Self::ChangeSecret => "change-secret",
            Self::SignInByPaper => "sign-in-by-paper",
            Self::AddTelephone => "add-telephone",
            Self::RemoveTelephone { .. } => "remove-telephone",
            Self::AdoptPoint { .. } => "adopt-point",
            Self::ReleasePoint { .. } => "release-point",
            Self::RegisterDevice { .. } => "register-device",
            Self::ForgetDevice { .. } => "forget-device",
            Self::AddReader { .. } => "add-reader",
            Self::RemoveReader { .. } => "remove-reader",
            Self::InstallRelease { .. } => "install-release",
            Self::Alter { what, .. } => what.as_str(),
            Self::AddPerson { .. } => "add-person",
            Self::ResetPerson { .. } => "reset-person",
            Self::DisablePerson { .. } => "disable-person",
            Self::Decline { .. } => "decline",
            Self::OpenReading { .. } => "open-reading",
            Self::SearchJournal { .. } => "search-journal",
            Self::PlaceHold { .. } => "place-hold",
            Self::LiftHold { .. } => "lift-hold",
            Self::SignRetention { .. } => "sign-retention",
            Self::ExportJournal { .. } => "export-journal",
            Self::CloseReading { .. } => "close-reading",
            Self::StartLesson { .. } => "start-lesson",
            Self::ChangeLesson { .. } => "change-lesson",
            Self::EndLesson { .. } => "end-lesson",
        }
    }

    /// The deed of a word, where no more is told of it than one line, or nothing; `None` for the words of all others.
    #[must_use]
    pub fn read(word: &str, words: Option<Sought>) -> Option<Self> {
        let deed = match word {
            "sign-in" => Self::SignIn,
            "fail-sign-in" => Self::FailSignIn,
            "sign-out" => Self::SignOut,
            "change-secret" => Self::ChangeSecret,
            "sign-in-by-paper" => Self::SignInByPaper,
            "add-telephone" => Self::AddTelephone,
            "adopt-point" => Self::AdoptPoint { words: words? },
            "release-point" => Self::ReleasePoint { words: words? },
            "register-device" => Self::RegisterDevice { words: words? },
            "forget-device" => Self::ForgetDevice { words: words? },
            "add-reader" => Self::AddReader { words: words? },
            "remove-reader" => Self::RemoveReader { words: words? },
            "install-release" => Self::InstallRelease { words: words? },
            "place-hold" => Self::PlaceHold { words: words? },
            "lift-hold" => Self::LiftHold { words: words? },
            "sign-retention" => Self::SignRetention { words: words? },
            other => Self::Alter { what: Alteration::read(other)?, words: words? },
        };
        Some(deed)
    }

    /// The lesson that it is about, and how that goes on; without the latter, it ends.
    #[must_use]
    pub fn lesson(&self) -> Option<(LessonId, Option<&LessonSettings>)> {
        match self {
            Self::StartLesson { lesson, settings, .. } | Self::ChangeLesson { lesson, settings, .. } => {
                Some((*lesson, Some(settings)))
            }
            Self::EndLesson { lesson, .. } => Some((*lesson, None)),
            Self::SignIn
            | Self::FailSignIn
            | Self::SignOut
            | Self::ChangeSecret
            | Self::SignInByPaper
            | Self::AddTelephone
            | Self::RemoveTelephone { .. }
            | Self::AdoptPoint { .. }
            | Self::ReleasePoint { .. }
            | Self::RegisterDevice { .. }
            | Self::ForgetDevice { .. }
            | Self::AddReader { .. }
            | Self::RemoveReader { .. }
            | Self::InstallRelease { .. }
            | Self::Alter { .. }
            | Self::AddPerson { .. }
            | Self::ResetPerson { .. }
            | Self::DisablePerson { .. }
            | Self::Decline { .. }
            | Self::OpenReading { .. }
            | Self::SearchJournal { .. }
            | Self::ExportJournal { .. }
            | Self::CloseReading { .. }
            | Self::PlaceHold { .. }
            | Self::LiftHold { .. }
            | Self::SignRetention { .. } => None,
        }
    }

    /// The room that it is about.
    #[must_use]
    pub fn room(&self) -> Option<&RoomName> {
        match self {
            Self::Decline { room, .. } => room.as_ref(),
            Self::StartLesson { room, .. }
            | Self::ChangeLesson { room, .. }
            | Self::EndLesson { room, .. } => Some(room),
            Self::SignIn
            | Self::FailSignIn
            | Self::SignOut
            | Self::ChangeSecret
            | Self::SignInByPaper
            | Self::AddTelephone
            | Self::RemoveTelephone { .. }
            | Self::AdoptPoint { .. }
            | Self::ReleasePoint { .. }
            | Self::RegisterDevice { .. }
            | Self::ForgetDevice { .. }
            | Self::AddReader { .. }
            | Self::RemoveReader { .. }
            | Self::InstallRelease { .. }
            | Self::Alter { .. }
            | Self::AddPerson { .. }
            | Self::ResetPerson { .. }
            | Self::DisablePerson { .. }
            | Self::OpenReading { .. }
            | Self::SearchJournal { .. }
            | Self::ExportJournal { .. }
            | Self::CloseReading { .. }
            | Self::PlaceHold { .. }
            | Self::LiftHold { .. }
            | Self::SignRetention { .. } => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_teacher_decides_for_her_rooms() {
        let person = |role: Role, rooms: &[&str]| Person {
            id: PersonId::new(1),
            name: "Mme Martin".parse().unwrap(),
            role,
            rooms: rooms.iter().map(|room| room.parse().unwrap()).collect(),
            made: Timestamp::from_unix_ms(0),
            disabled: None,
            has_first_secret: false,
            has_telephone: false,
        };
        let check = |role: Role, rooms: &[&str], room: Option<&str>, expected: bool| {
            let room: Option<RoomName> = room.map(|room| room.parse().unwrap());
            assert_eq!(person(role, rooms).teaches_in(room.as_ref()), expected, "{role} {rooms:?} {room:?}");
        };
        check(Role::Teacher, &["CM1", "CM2"], Some("CM2"), true);
        check(Role::Teacher, &["CM1"], Some("CM2"), false);
        check(Role::Teacher, &[], Some("CM2"), true);
        check(Role::Teacher, &[], None, false);
        check(Role::Head, &["CM1"], Some("CM2"), true);
        check(Role::Technician, &[], None, true);
        check(Role::Officer, &["CM2"], Some("CM2"), false);
    }

    #[test]
    fn a_deed_of_one_line_is_read_by_its_word() {
        let line = || Sought::new("CM2-04");
        let plain = [
            PersonDeed::SignIn,
            PersonDeed::FailSignIn,
            PersonDeed::SignOut,
            PersonDeed::ChangeSecret,
            PersonDeed::SignInByPaper,
            PersonDeed::AddTelephone,
        ];
        for deed in plain {
            assert_eq!(PersonDeed::read(deed.as_str(), None), Some(deed));
        }
        let told = [
            PersonDeed::AdoptPoint { words: line() },
            PersonDeed::ReleasePoint { words: line() },
            PersonDeed::RegisterDevice { words: line() },
            PersonDeed::ForgetDevice { words: line() },
            PersonDeed::AddReader { words: line() },
            PersonDeed::RemoveReader { words: line() },
            PersonDeed::InstallRelease { words: line() },
            PersonDeed::PlaceHold { words: line() },
            PersonDeed::LiftHold { words: line() },
            PersonDeed::SignRetention { words: line() },
            PersonDeed::Alter { what: Alteration::DoNow, words: line() },
        ];
        for deed in told {
            assert_eq!(PersonDeed::read(deed.as_str(), None), None, "{deed:?}");
            assert_eq!(PersonDeed::read(deed.as_str(), Some(line())), Some(deed));
        }
        for word in ["add-person", "decline", "open-reading", "start-lesson", "fly"] {
            assert_eq!(PersonDeed::read(word, Some(line())), None, "{word}");
        }
    }

    #[test]
    fn nobody_oversees_in_the_officers_place() {
        use Purpose::{Access, Complaint, Incident, Judicial, Oversight};
        let check = |by: Role, expected: &[Purpose]| {
            let asked: Vec<Purpose> = Purpose::ALL.into_iter().filter(|it| by.may_ask_for(*it)).collect();
            assert_eq!(asked, expected, "{by}");
        };
        check(Role::Teacher, &[]);
        check(Role::Head, &[Incident, Complaint, Judicial, Access]);
        check(Role::Technician, &[]);
        check(Role::Officer, &[Incident, Complaint, Judicial, Oversight, Access]);
    }

    #[test]
    fn nobody_makes_whoever_reads_but_the_head() {
        let check = |by: Role, expected: &[Role]| {
            let changed: Vec<Role> = Role::ALL.into_iter().filter(|other| by.may_change(*other)).collect();
            assert_eq!(changed, expected, "{by}");
        };
        check(Role::Teacher, &[]);
        check(Role::Head, &Role::ALL);
        check(Role::Technician, &[Role::Teacher, Role::Technician]);
        check(Role::Officer, &[]);
    }
}
