//! What people do besides making rules: sign-ins, changes of people, answers. Encoded and read.

use model::{ClockQuality, Mac, PersonAct, PersonDeed, Role, Timestamp};
use serde::{Deserialize, Serialize};

use crate::Sequence;
use crate::codes::ClockCode;

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
    AddPerson { name: &'a str, role: RoleCode },
    ResetPerson { name: &'a str },
    DisablePerson { name: &'a str },
    Decline { site: &'a str, room: Option<&'a str> },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum RoleCode {
    Teacher,
    Head,
    Technician,
}

impl<'a> PersonEntry<'a> {
    /// What somebody did as a record.
    pub(crate) fn new(sequence: u64, at: Timestamp, clock: ClockQuality, act: &'a PersonAct) -> Self {
        let deed = match &act.deed {
            PersonDeed::SignIn => PersonDeedEntry::SignIn,
            PersonDeed::FailSignIn => PersonDeedEntry::FailSignIn,
            PersonDeed::SignOut => PersonDeedEntry::SignOut,
            PersonDeed::ChangeSecret => PersonDeedEntry::ChangeSecret,
            PersonDeed::AddPerson { name, role } => {
                PersonDeedEntry::AddPerson { name: name.as_str(), role: encode_role(*role) }
            }
            PersonDeed::ResetPerson { name } => PersonDeedEntry::ResetPerson { name: name.as_str() },
            PersonDeed::DisablePerson { name } => PersonDeedEntry::DisablePerson { name: name.as_str() },
            PersonDeed::Decline { site, room } => PersonDeedEntry::Decline {
                site: site.as_str(),
                room: room.as_ref().map(model::RoomName::as_str),
            },
        };
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
    /// Who did what, and where.
    pub act: PersonAct,
}

/// `None` when a text in it could not have been written by this program.
pub(crate) fn read_person_act(entry: &PersonEntry<'_>) -> Option<FoundPersonAct> {
    let deed = match &entry.deed {
        PersonDeedEntry::SignIn => PersonDeed::SignIn,
        PersonDeedEntry::FailSignIn => PersonDeed::FailSignIn,
        PersonDeedEntry::SignOut => PersonDeed::SignOut,
        PersonDeedEntry::ChangeSecret => PersonDeed::ChangeSecret,
        PersonDeedEntry::AddPerson { name, role } => {
            let role = match role {
                RoleCode::Teacher => Role::Teacher,
                RoleCode::Head => Role::Head,
                RoleCode::Technician => Role::Technician,
            };
            PersonDeed::AddPerson { name: name.parse().ok()?, role }
        }
        PersonDeedEntry::ResetPerson { name } => PersonDeed::ResetPerson { name: name.parse().ok()? },
        PersonDeedEntry::DisablePerson { name } => PersonDeed::DisablePerson { name: name.parse().ok()? },
        PersonDeedEntry::Decline { site, room } => {
            PersonDeed::Decline { site: site.parse().ok()?, room: room.map(str::parse).transpose().ok()? }
        }
    };
    Some(FoundPersonAct {
        sequence: Sequence::new(entry.sequence),
        at: Timestamp::from_unix_ms(entry.at_ms),
        clock: entry.clock.into(),
        act: PersonAct { author: entry.author.parse().ok()?, device: entry.device.map(Mac::new), deed },
    })
}
