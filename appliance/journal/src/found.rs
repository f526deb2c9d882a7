//! Records as a search finds them.

use std::borrow::Cow;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use model::{
    AccessKind, Act, ClockQuality, Closing, Deed, DeviceName, DomainName, End, Host, Mac, OverrideId,
    ProfileName, Reason, RoomName, Rule, Ruling, Scope, Timestamp, Topic, UnknownDevice, Verdict, When,
};

use crate::Sequence;
use crate::entry::{
    Access, ActEntry, ClosingEntry, DeedEntry, HostEntry, ReasonEntry, RepeatEntry, ScopeEntry, SubjectEntry,
    TopicEntry,
};

/// An access, with what later records say of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// The record's number.
    pub sequence: Sequence,
    /// When it was judged.
    pub at: Timestamp,
    /// How far to trust `at`.
    pub clock: ClockQuality,
    /// When that was, as far as it is known.
    pub when: When,
    /// The device's name; for an unknown device the one that its address gives.
    pub device: String,
    /// Its hardware address, where it was known.
    pub mac: Option<Mac>,
    /// Its room at that time.
    pub room: Option<RoomName>,
    /// Its filter profile at that time.
    pub profile: ProfileName,
    /// The lesson under way: its number.
    pub lesson: Option<String>,
    /// The person who used it.
    pub person: Option<String>,
    /// By which door.
    pub kind: AccessKind,
    /// For which host; `None` where the request named none.
    pub host: Option<Host>,
    /// Where the client's packets were bound for.
    pub destination: Option<SocketAddr>,
    /// The verdict.
    pub verdict: Verdict,
    /// Why.
    pub reason: Reason,
    /// How it ended; `None` for a DNS question, a refusal, and an access that goes on.
    pub ended: Option<Ended>,
    /// How many equal DNS questions the record stands for, itself included.
    pub count: u32,
    /// When the last of them was asked.
    pub last_at: Timestamp,
}

impl Found {
    /// Whether it, or one of its repeats, may have been made within a window.
    #[must_use]
    pub fn may_be_within(&self, window: (Option<Timestamp>, Option<Timestamp>)) -> bool {
        self.when.may_be_within(self.last_at.ms_since(self.at), window)
    }
}

/// How an access ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ended {
    /// When this was noted.
    pub at: Timestamp,
    /// Bytes, duration, peer: all nothing where the access was [`Cut`](model::End::Cut).
    pub closing: Closing,
    /// Whether bytes and duration are known: not of an access that was cut, nor where they are deleted by now.
    pub is_measured: bool,
}

impl Ended {
    /// What was noted of an end.
    #[must_use]
    pub fn new(at: Timestamp, closing: Closing) -> Self {
        Self { at, closing, is_measured: closing.end != End::Cut }
    }

    /// What is known of bytes and duration.
    #[must_use]
    pub fn measured(&self) -> Option<Closing> {
        self.is_measured.then_some(self.closing)
    }
}

/// An act on the rules.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FoundAct {
    /// The record's number.
    pub sequence: Sequence,
    /// When it was recorded, which for what opens something is when it came into force.
    pub at: Timestamp,
    /// How far to trust `at`.
    pub clock: ClockQuality,
    /// When that was, as far as it is known.
    pub when: When,
    /// What was done, to which rule.
    pub act: Act,
}

/// The first closing counts: a second one can only say that nobody saw the end.
pub(crate) fn join_closing(found: &mut Found, entry: &ClosingEntry) {
    let closing = Closing {
        bytes_up: entry.bytes_up,
        bytes_down: entry.bytes_down,
        duration_ms: entry.duration_ms,
        peer: entry.peer,
        end: entry.end.into(),
    };
    found.ended.get_or_insert(Ended::new(Timestamp::from_unix_ms(entry.at_ms), closing));
}

pub(crate) fn join_repeat(found: &mut Found, entry: &RepeatEntry) {
    found.count = found.count.max(entry.count);
    found.last_at = found.last_at.max(Timestamp::from_unix_ms(entry.last_ms));
}

/// The name under which a subject is shown, and its hardware address.
pub(crate) fn identify(subject: &SubjectEntry<'_>) -> (Cow<'static, str>, Option<Mac>) {
    let unspecified = IpAddr::from([0; 4]);
    match subject {
        SubjectEntry::Device { name, mac, .. } => (name.to_string().into(), Some(Mac::new(*mac))),
        SubjectEntry::UnknownMac(octets) => {
            let mac = Some(Mac::new(*octets));
            (UnknownDevice { mac, address: unspecified }.to_string().into(), mac)
        }
        SubjectEntry::UnknownAddress(address) => {
            (UnknownDevice { mac: None, address: *address }.to_string().into(), None)
        }
    }
}

/// `None` when a name in it could not have been written by this program.
pub(crate) fn read_access(access: &Access<'_>) -> Option<Found> {
    let body = &access.body;
    let at = Timestamp::from_unix_ms(access.at_ms);
    let (device, mac) = identify(&body.subject);
    let (room, profile) = match &body.subject {
        SubjectEntry::Device { name, room, profile, .. } => {
            name.parse::<DeviceName>().ok()?;
            (room.map(str::parse).transpose().ok()?, profile.parse().ok()?)
        }
        SubjectEntry::UnknownMac(_) | SubjectEntry::UnknownAddress(_) => (None, ProfileName::unknown()),
    };
    Some(Found {
        sequence: Sequence::new(access.sequence),
        at,
        clock: access.clock.into(),
        when: When::Shown(at),
        device: device.into_owned(),
        mac,
        room,
        profile,
        lesson: body.lesson.map(str::to_owned),
        person: body.person.map(str::to_owned),
        kind: body.kind.into(),
        host: read_host(&body.host)?,
        destination: body.destination,
        verdict: body.verdict.into(),
        reason: read_reason(&body.reason)?,
        ended: None,
        count: 1,
        last_at: at,
    })
}

#[expect(clippy::option_option, reason = "a record without a host, or no record")]
fn read_host(host: &HostEntry<'_>) -> Option<Option<Host>> {
    match host {
        HostEntry::Unnamed => Some(None),
        HostEntry::Name(name) => DomainName::parse(name).ok().map(|name| Some(name.into())),
        HostEntry::Address(address) => Some(Some(Host::from(*address))),
    }
}

fn read_reason(reason: &ReasonEntry<'_>) -> Option<Reason> {
    Some(match reason {
        ReasonEntry::NotListed => Reason::NotListed,
        ReasonEntry::Listed { category, line } => {
            Reason::Listed { category: category.parse().ok()?, entry: (*line).into() }
        }
        ReasonEntry::Fault(fault) => Reason::Fault((*fault).into()),
        ReasonEntry::WhiteListed { category, line } => {
            Reason::WhiteListed { category: category.parse().ok()?, entry: (*line).into() }
        }
        ReasonEntry::Workspace { line } => Reason::Workspace { entry: (*line).into() },
        ReasonEntry::NotWhiteListed => Reason::NotWhiteListed,
        ReasonEntry::ClosedHours => Reason::ClosedHours,
        ReasonEntry::Locked { category, line } => {
            Reason::Locked { category: category.parse().ok()?, entry: (*line).into() }
        }
        ReasonEntry::Ruled { layer, entry, author, until_ms } => Reason::Ruled(Arc::new(Ruling {
            layer: (*layer).into(),
            entry: (*entry).into(),
            author: author.parse().ok()?,
            until: until_ms.map(Timestamp::from_unix_ms),
        })),
        ReasonEntry::Service { name } => Reason::Service(name.parse().ok()?),
        ReasonEntry::Narrowed(narrowing) => Reason::Narrowed((*narrowing).into()),
    })
}

/// `None` when a text in it could not have been written by this program.
pub(crate) fn read_act(entry: &ActEntry<'_>) -> Option<FoundAct> {
    let deed = match &entry.deed {
        DeedEntry::Make => Deed::Make,
        DeedEntry::TakeBack { by } => Deed::TakeBack { by: by.parse().ok()? },
        DeedEntry::RunOut => Deed::RunOut,
    };
    let rule = Rule {
        layer: entry.layer.into(),
        effect: entry.effect.into(),
        topic: match &entry.topic {
            TopicEntry::Site(site) => Topic::Site(site.parse().ok()?),
            TopicEntry::Category(category) => Topic::Category(category.parse().ok()?),
        },
        scope: match &entry.scope {
            ScopeEntry::Everyone => Scope::Everyone,
            ScopeEntry::Profile(profile) => Scope::Profile(profile.parse().ok()?),
            ScopeEntry::Room(room) => Scope::Room(room.parse().ok()?),
            ScopeEntry::Device(mac) => Scope::Device(Mac::new(*mac)),
        },
        author: entry.author.parse().ok()?,
        motive: entry.motive.parse().ok()?,
        from: entry.from_ms.map(Timestamp::from_unix_ms),
        until: entry.until_ms.map(Timestamp::from_unix_ms),
    };
    let at = Timestamp::from_unix_ms(entry.at_ms);
    Some(FoundAct {
        sequence: Sequence::new(entry.sequence),
        at,
        clock: entry.clock.into(),
        when: When::Shown(at),
        act: Act { deed, id: OverrideId::new(entry.id), rule },
    })
}
