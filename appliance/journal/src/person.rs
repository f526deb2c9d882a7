//! What people do besides making rules: sign-ins, changes of people, answers. Encoded and read.

use model::{
    ClockQuality, InternetMode, LessonId, LessonSettings, Mac, PersonAct, PersonDeed, ReadingId,
    ReadingTerms, Role, Sought, Timestamp, When,
};
use serde::{Deserialize, Serialize};

use crate::Sequence;
use crate::codes::{AlterationCode, ClockCode, LessonEndingCode, PurposeCode, ReadingEndCode};

#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct PersonEntry<'a> {
    pub(crate) sequence: u64,
    pub(crate) at_ms: i64,
    pub(crate) clock: ClockCode,
    pub(crate) author: &'a str,
    pub(crate) device: Option<[u8; 6]>,
    #[serde(borrow)]
    pub(crate) deed: PersonDeedEntry<'a>,
}

#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum PersonDeedEntry<'a> {
    SignIn,
    FailSignIn,
    SignOut,
    ChangeSecret,
    AddPerson {
        name: &'a str,
        role: RoleCode,
    },
    ResetPerson {
        name: &'a str,
    },
    DisablePerson {
        name: &'a str,
    },
    Decline {
        site: &'a str,
        room: Option<&'a str>,
    },
    OpenReading {
        reading: u32,
        purpose: PurposeCode,
        detail: &'a str,
        from_ms: Option<i64>,
        to_ms: Option<i64>,
        target: Option<&'a str>,
        with_people: bool,
        until_ms: i64,
    },
    SearchJournal {
        reading: u32,
        sought: &'a str,
    },
    ExportJournal {
        reading: u32,
        sought: &'a str,
    },
    CloseReading {
        reading: u32,
        end: ReadingEndCode,
    },
    StartLesson {
        lesson: u32,
        room: &'a str,
        #[serde(borrow)]
        settings: SettingsEntry<'a>,
    },
    ChangeLesson {
        lesson: u32,
        room: &'a str,
        #[serde(borrow)]
        settings: SettingsEntry<'a>,
    },
    EndLesson {
        lesson: u32,
        room: &'a str,
        ending: LessonEndingCode,
    },
    PlaceHold {
        words: &'a str,
    },
    LiftHold {
        words: &'a str,
    },
    SignRetention {
        words: &'a str,
    },
    SignInByPaper,
    AddTelephone,
    RemoveTelephone {
        name: &'a str,
    },
    AdoptPoint {
        words: &'a str,
    },
    ReleasePoint {
        words: &'a str,
    },
    RegisterDevice {
        words: &'a str,
    },
    ForgetDevice {
        words: &'a str,
    },
    AddReader {
        words: &'a str,
    },
    RemoveReader {
        words: &'a str,
    },
    InstallRelease {
        words: &'a str,
    },
    Alter {
        what: AlterationCode,
        words: &'a str,
    },
}

/// How a lesson goes on.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct SettingsEntry<'a> {
    pub(crate) until_ms: i64,
    #[serde(borrow)]
    pub(crate) internet: InternetEntry<'a>,
    pub(crate) is_wifi_on: bool,
}

/// A mode. Of a list the sites, since it may have up to 20 of them.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum InternetEntry<'a> {
    Normal,
    List(#[serde(borrow)] Vec<&'a str>),
    WorkspaceOnly,
    Closed,
}

impl<'a> SettingsEntry<'a> {
    fn new(settings: &'a LessonSettings) -> Self {
        let internet = match &settings.internet {
            InternetMode::Normal => InternetEntry::Normal,
            InternetMode::List(sites) => {
                InternetEntry::List(sites.names().iter().map(model::DomainName::as_str).collect())
            }
            InternetMode::WorkspaceOnly => InternetEntry::WorkspaceOnly,
            InternetMode::Closed => InternetEntry::Closed,
        };
        Self { until_ms: settings.until.unix_ms(), internet, is_wifi_on: settings.is_wifi_on }
    }

    fn read(&self) -> Option<Box<LessonSettings>> {
        let internet = match &self.internet {
            InternetEntry::Normal => InternetMode::Normal,
            InternetEntry::List(sites) => InternetMode::List(sites.join(" ").parse().ok()?),
            InternetEntry::WorkspaceOnly => InternetMode::WorkspaceOnly,
            InternetEntry::Closed => InternetMode::Closed,
        };
        let until = Timestamp::from_unix_ms(self.until_ms);
        Some(Box::new(LessonSettings { until, internet, is_wifi_on: self.is_wifi_on }))
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum RoleCode {
    Teacher,
    Head,
    Technician,
    Officer,
}

impl<'a> PersonDeedEntry<'a> {
    fn new(deed: &'a PersonDeed) -> Self {
        match deed {
            PersonDeed::SignIn => Self::SignIn,
            PersonDeed::FailSignIn => Self::FailSignIn,
            PersonDeed::SignOut => Self::SignOut,
            PersonDeed::ChangeSecret => Self::ChangeSecret,
            PersonDeed::SignInByPaper => Self::SignInByPaper,
            PersonDeed::AddTelephone => Self::AddTelephone,
            PersonDeed::RemoveTelephone { name } => Self::RemoveTelephone { name: name.as_str() },
            PersonDeed::AdoptPoint { words } => Self::AdoptPoint { words: words.as_str() },
            PersonDeed::ReleasePoint { words } => Self::ReleasePoint { words: words.as_str() },
            PersonDeed::RegisterDevice { words } => Self::RegisterDevice { words: words.as_str() },
            PersonDeed::ForgetDevice { words } => Self::ForgetDevice { words: words.as_str() },
            PersonDeed::AddReader { words } => Self::AddReader { words: words.as_str() },
            PersonDeed::RemoveReader { words } => Self::RemoveReader { words: words.as_str() },
            PersonDeed::InstallRelease { words } => Self::InstallRelease { words: words.as_str() },
            PersonDeed::Alter { what, words } => Self::Alter { what: (*what).into(), words: words.as_str() },
            PersonDeed::AddPerson { name, role } => {
                Self::AddPerson { name: name.as_str(), role: encode_role(*role) }
            }
            PersonDeed::ResetPerson { name } => Self::ResetPerson { name: name.as_str() },
            PersonDeed::DisablePerson { name } => Self::DisablePerson { name: name.as_str() },
            PersonDeed::Decline { site, room } => {
                Self::Decline { site: site.as_str(), room: room.as_ref().map(model::RoomName::as_str) }
            }
            PersonDeed::OpenReading { reading, terms, until } => Self::OpenReading {
                reading: reading.number(),
                purpose: terms.purpose.into(),
                detail: terms.detail.as_str(),
                from_ms: terms.from.map(Timestamp::unix_ms),
                to_ms: terms.to.map(Timestamp::unix_ms),
                target: terms.target.as_ref().map(model::Target::as_str),
                with_people: terms.with_people,
                until_ms: until.unix_ms(),
            },
            PersonDeed::PlaceHold { words } => Self::PlaceHold { words: words.as_str() },
            PersonDeed::LiftHold { words } => Self::LiftHold { words: words.as_str() },
            PersonDeed::SignRetention { words } => Self::SignRetention { words: words.as_str() },
            PersonDeed::SearchJournal { reading, sought } => {
                Self::SearchJournal { reading: reading.number(), sought: sought.as_str() }
            }
            PersonDeed::ExportJournal { reading, sought } => {
                Self::ExportJournal { reading: reading.number(), sought: sought.as_str() }
            }
            PersonDeed::CloseReading { reading, end } => {
                Self::CloseReading { reading: reading.number(), end: (*end).into() }
            }
            PersonDeed::StartLesson { lesson, room, settings } => Self::StartLesson {
                lesson: lesson.number(),
                room: room.as_str(),
                settings: SettingsEntry::new(settings),
            },
            PersonDeed::ChangeLesson { lesson, room, settings } => Self::ChangeLesson {
                lesson: lesson.number(),
                room: room.as_str(),
                settings: SettingsEntry::new(settings),
            },
            PersonDeed::EndLesson { lesson, room, ending } => {
                Self::EndLesson { lesson: lesson.number(), room: room.as_str(), ending: (*ending).into() }
            }
        }
    }

    fn read(&self) -> Option<PersonDeed> {
        Some(match *self {
            Self::StartLesson { lesson, room, ref settings } => PersonDeed::StartLesson {
                lesson: LessonId::new(lesson),
                room: room.parse().ok()?,
                settings: settings.read()?,
            },
            Self::ChangeLesson { lesson, room, ref settings } => PersonDeed::ChangeLesson {
                lesson: LessonId::new(lesson),
                room: room.parse().ok()?,
                settings: settings.read()?,
            },
            Self::EndLesson { lesson, room, ending } => PersonDeed::EndLesson {
                lesson: LessonId::new(lesson),
                room: room.parse().ok()?,
                ending: ending.into(),
            },
            Self::SignIn => PersonDeed::SignIn,
            Self::FailSignIn => PersonDeed::FailSignIn,
            Self::SignOut => PersonDeed::SignOut,
            Self::ChangeSecret => PersonDeed::ChangeSecret,
            Self::SignInByPaper => PersonDeed::SignInByPaper,
            Self::AddTelephone => PersonDeed::AddTelephone,
            Self::RemoveTelephone { name } => PersonDeed::RemoveTelephone { name: name.parse().ok()? },
            Self::AdoptPoint { words } => PersonDeed::AdoptPoint { words: Sought::new(words) },
            Self::ReleasePoint { words } => PersonDeed::ReleasePoint { words: Sought::new(words) },
            Self::RegisterDevice { words } => PersonDeed::RegisterDevice { words: Sought::new(words) },
            Self::ForgetDevice { words } => PersonDeed::ForgetDevice { words: Sought::new(words) },
            Self::AddReader { words } => PersonDeed::AddReader { words: Sought::new(words) },
            Self::RemoveReader { words } => PersonDeed::RemoveReader { words: Sought::new(words) },
            Self::InstallRelease { words } => PersonDeed::InstallRelease { words: Sought::new(words) },
            Self::Alter { what, words } => PersonDeed::Alter { what: what.into(), words: Sought::new(words) },
            Self::AddPerson { name, role } => {
                PersonDeed::AddPerson { name: name.parse().ok()?, role: read_role(role) }
            }
            Self::ResetPerson { name } => PersonDeed::ResetPerson { name: name.parse().ok()? },
            Self::DisablePerson { name } => PersonDeed::DisablePerson { name: name.parse().ok()? },
            Self::Decline { site, room } => {
                PersonDeed::Decline { site: site.parse().ok()?, room: room.map(str::parse).transpose().ok()? }
            }
            Self::OpenReading { reading, purpose, detail, from_ms, to_ms, target, with_people, until_ms } => {
                let terms = ReadingTerms {
                    purpose: purpose.into(),
                    detail: detail.parse().ok()?,
                    from: from_ms.map(Timestamp::from_unix_ms),
                    to: to_ms.map(Timestamp::from_unix_ms),
                    target: target.map(str::parse).transpose().ok()?,
                    with_people,
                };
                PersonDeed::OpenReading {
                    reading: ReadingId::new(reading),
                    terms: Box::new(terms),
                    until: Timestamp::from_unix_ms(until_ms),
                }
            }
            Self::PlaceHold { words } => PersonDeed::PlaceHold { words: Sought::new(words) },
            Self::LiftHold { words } => PersonDeed::LiftHold { words: Sought::new(words) },
            Self::SignRetention { words } => PersonDeed::SignRetention { words: Sought::new(words) },
            Self::SearchJournal { reading, sought } => {
                PersonDeed::SearchJournal { reading: ReadingId::new(reading), sought: Sought::new(sought) }
            }
            Self::ExportJournal { reading, sought } => {
                PersonDeed::ExportJournal { reading: ReadingId::new(reading), sought: Sought::new(sought) }
            }
            Self::CloseReading { reading, end } => {
                PersonDeed::CloseReading { reading: ReadingId::new(reading), end: end.into() }
            }
        })
    }
}

impl<'a> PersonEntry<'a> {
    /// What somebody did as a record.
    pub(crate) fn new(sequence: u64, at: Timestamp, clock: ClockQuality, act: &'a PersonAct) -> Self {
        let deed = PersonDeedEntry::new(&act.deed);
        Self {
            sequence,
            at_ms: at.unix_ms(),
            clock: clock.into(),
            author: act.author.as_str(),
            device: act.device.map(Mac::octets),
            deed,
        }
    }
}

fn encode_role(role: Role) -> RoleCode {
    match role {
        Role::Teacher => RoleCode::Teacher,
        Role::Head => RoleCode::Head,
        Role::Technician => RoleCode::Technician,
        Role::Officer => RoleCode::Officer,
    }
}

fn read_role(role: RoleCode) -> Role {
    match role {
        RoleCode::Teacher => Role::Teacher,
        RoleCode::Head => Role::Head,
        RoleCode::Technician => Role::Technician,
        RoleCode::Officer => Role::Officer,
    }
}

/// What somebody did, as a search finds it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FoundPersonAct {
    /// The record's number.
    pub sequence: Sequence,
    /// When it was recorded, a moment after it was done.
    pub at: Timestamp,
    /// How far to trust `at`.
    pub clock: ClockQuality,
    /// When that was, as far as it is known.
    pub when: When,
    /// Who did what, and where.
    pub act: PersonAct,
}

/// `None` when a text in it could not have been written by this program.
pub(crate) fn read_person_act(entry: &PersonEntry<'_>) -> Option<FoundPersonAct> {
    let at = Timestamp::from_unix_ms(entry.at_ms);
    Some(FoundPersonAct {
        sequence: Sequence::new(entry.sequence),
        at,
        clock: entry.clock.into(),
        when: When::Shown(at),
        act: PersonAct {
            author: entry.author.parse().ok()?,
            device: entry.device.map(Mac::new),
            deed: entry.deed.read()?,
        },
    })
}
