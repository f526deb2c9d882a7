//! Records as they are encoded: postcard, with text borrowed from the bytes that were read.

use std::net::{IpAddr, SocketAddr};

use model::{AccessKind, Act, ClockQuality, Deed, Host, Reason, Scope, Subject, Timestamp, Topic, Verdict};
use policy::Decided;
use serde::{Deserialize, Serialize};

use crate::clock::ClockEntry;
use crate::codes::{ClockCode, EndCode, FaultCode, KindCode, LayerCode, NarrowingCode, VerdictCode};
use crate::person::PersonEntry;

/// Largest encoded body: four names of 64 characters of 4 bytes, a host, a list line and their lengths stay below.
pub(crate) const BODY_BYTES_MAX: usize = 1_536;
/// Largest encoded head: a variant, two numbers and a clock quality.
pub(crate) const HEAD_BYTES_MAX: usize = 24;
/// Largest encoded closing or repeat: a variant, up to six numbers and a socket address.
pub(crate) const NOTE_BYTES_MAX: usize = 96;
/// Largest encoded act: its reason of 200 characters of 4 bytes, three names, a site and some numbers stay below.
pub(crate) const ACT_BYTES_MAX: usize = 2_048;
/// The number of [`Entry::Access`].
const ACCESS_VARIANT: u32 = 0;
/// The number of [`Entry::Closing`].
const CLOSING_VARIANT: u32 = 1;
/// Longest list line that is kept, in bytes: no host name is longer.
const LINE_BYTES_MAX: usize = model::NAME_BYTES_MAX;

/// One record. A variant's number is its place here: new ones go to the end.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Entry<'a> {
    /// An access, judged.
    #[serde(borrow)]
    Access(Access<'a>),
    /// The end of a permitted access.
    Closing(ClosingEntry),
    /// More accesses that an earlier record stands for.
    Repeat(RepeatEntry),
    /// The beginning or the end of an override.
    #[serde(borrow)]
    Act(ActEntry<'a>),
    /// What somebody did besides making rules.
    #[serde(borrow)]
    Person(PersonEntry<'a>),
    /// The clock was set.
    Clock(ClockEntry),
}

#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Access<'a> {
    pub(crate) sequence: u64,
    pub(crate) at_ms: i64,
    pub(crate) clock: ClockCode,
    /// Last, so that a record is its head and then its body, byte for byte.
    #[serde(borrow)]
    pub(crate) body: Body<'a>,
}

/// All that makes two accesses the same but for their time.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Body<'a> {
    pub(crate) kind: KindCode,
    pub(crate) verdict: VerdictCode,
    #[serde(borrow)]
    pub(crate) subject: SubjectEntry<'a>,
    pub(crate) lesson: Option<&'a str>,
    pub(crate) person: Option<&'a str>,
    pub(crate) host: HostEntry<'a>,
    pub(crate) destination: Option<SocketAddr>,
    pub(crate) reason: ReasonEntry<'a>,
}

#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum SubjectEntry<'a> {
    Device {
        name: &'a str,
        mac: [u8; 6],
        room: Option<&'a str>,
        profile: &'a str,
    },
    /// An unknown device is known by its hardware address alone: its IP addresses would tell more than needed.
    UnknownMac([u8; 6]),
    UnknownAddress(IpAddr),
}

#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum HostEntry<'a> {
    Unnamed,
    Name(&'a str),
    Address(IpAddr),
}

#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum ReasonEntry<'a> {
    NotListed,
    Listed { category: &'a str, line: &'a str },
    Fault(FaultCode),
    WhiteListed { category: &'a str, line: &'a str },
    Workspace { line: &'a str },
    NotWhiteListed,
    ClosedHours,
    Locked { category: &'a str, line: &'a str },
    Ruled { layer: LayerCode, entry: &'a str, author: &'a str, until_ms: Option<i64> },
    Service { name: &'a str },
    Narrowed(NarrowingCode),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ClosingEntry {
    pub(crate) sequence: u64,
    /// The access that ended.
    pub(crate) of: u64,
    pub(crate) at_ms: i64,
    pub(crate) end: EndCode,
    pub(crate) bytes_up: u64,
    pub(crate) bytes_down: u64,
    pub(crate) duration_ms: u64,
    pub(crate) peer: Option<SocketAddr>,
}

/// How often an access has happened up to now. Of several repeats of one access, the last one counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct RepeatEntry {
    pub(crate) sequence: u64,
    /// The access that happened again.
    pub(crate) of: u64,
    /// All accesses that the record stands for, itself included. Of fixed length, like the time, so that a
    /// repeat can be counted up in place.
    #[serde(with = "postcard::fixint::le")]
    pub(crate) count: u32,
    /// When it happened last.
    #[serde(with = "postcard::fixint::le")]
    pub(crate) last_ms: i64,
}

/// What somebody, or the time, did to a rule of the school or of a lesson. The rule is told whole each time: the
/// record of its beginning may have expired by its end.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ActEntry<'a> {
    pub(crate) sequence: u64,
    pub(crate) at_ms: i64,
    pub(crate) clock: ClockCode,
    #[serde(borrow)]
    pub(crate) deed: DeedEntry<'a>,
    pub(crate) id: u32,
    pub(crate) layer: LayerCode,
    pub(crate) effect: VerdictCode,
    #[serde(borrow)]
    pub(crate) topic: TopicEntry<'a>,
    #[serde(borrow)]
    pub(crate) scope: ScopeEntry<'a>,
    pub(crate) author: &'a str,
    pub(crate) motive: &'a str,
    pub(crate) from_ms: Option<i64>,
    pub(crate) until_ms: Option<i64>,
}

#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum DeedEntry<'a> {
    Make,
    TakeBack { by: &'a str },
    RunOut,
}

#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum TopicEntry<'a> {
    Site(&'a str),
    Category(&'a str),
}

#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum ScopeEntry<'a> {
    Everyone,
    Profile(&'a str),
    Room(&'a str),
    Device([u8; 6]),
}

impl<'a> ActEntry<'a> {
    /// An act as a record.
    pub(crate) fn new(sequence: u64, at: Timestamp, clock: ClockQuality, act: &'a Act) -> Self {
        let Act { deed, id, rule } = act;
        Self {
            sequence,
            at_ms: at.unix_ms(),
            clock: clock.into(),
            deed: match deed {
                Deed::Make => DeedEntry::Make,
                Deed::TakeBack { by } => DeedEntry::TakeBack { by: by.as_str() },
                Deed::RunOut => DeedEntry::RunOut,
            },
            id: id.number(),
            layer: rule.layer.into(),
            effect: rule.effect.into(),
            topic: match &rule.topic {
                Topic::Site(site) => TopicEntry::Site(site.as_str()),
                Topic::Category(category) => TopicEntry::Category(category.as_str()),
            },
            scope: match &rule.scope {
                Scope::Everyone => ScopeEntry::Everyone,
                Scope::Profile(profile) => ScopeEntry::Profile(profile.as_str()),
                Scope::Room(room) => ScopeEntry::Room(room.as_str()),
                Scope::Device(mac) => ScopeEntry::Device(mac.octets()),
            },
            author: rule.author.as_str(),
            motive: rule.motive.as_str(),
            from_ms: rule.from.map(Timestamp::unix_ms),
            until_ms: rule.until.map(Timestamp::unix_ms),
        }
    }
}

/// What a record says of open accesses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Turn {
    /// This one has begun, and will need a closing.
    Opening(u64),
    /// This one is over.
    Closing(u64),
}

impl Turn {
    /// What an encoded record says of them. Its beginning tells: the rest, which is most of it, is not read.
    pub(crate) fn of(payload: &[u8]) -> Option<Self> {
        match postcard::take_from_bytes(payload).ok()? {
            (ACCESS_VARIANT, rest) => {
                let ((sequence, ..), body) = postcard::take_from_bytes::<(u64, i64, ClockCode)>(rest).ok()?;
                let ((kind, verdict), _) = postcard::take_from_bytes(body).ok()?;
                Self::of_access(sequence, kind, verdict)
            }
            (CLOSING_VARIANT, rest) => {
                let ((_, of), _) = postcard::take_from_bytes::<(u64, u64)>(rest).ok()?;
                Some(Self::Closing(of))
            }
            (_, _) => None,
        }
    }

    fn of_access(sequence: u64, kind: KindCode, verdict: VerdictCode) -> Option<Self> {
        let is_long = AccessKind::from(kind) != AccessKind::Dns;
        (is_long && Verdict::from(verdict) == Verdict::Permit).then_some(Self::Opening(sequence))
    }
}

impl Entry<'_> {
    /// What it says of open accesses.
    pub(crate) fn turn(&self) -> Option<Turn> {
        match self {
            Self::Access(access) => Turn::of_access(access.sequence, access.body.kind, access.body.verdict),
            Self::Closing(closing) => Some(Turn::Closing(closing.of)),
            Self::Repeat(_) | Self::Act(_) | Self::Person(_) | Self::Clock(_) => None,
        }
    }

    /// The record's number.
    pub(crate) fn sequence(&self) -> u64 {
        match self {
            Self::Access(access) => access.sequence,
            Self::Closing(closing) => closing.sequence,
            Self::Repeat(repeat) => repeat.sequence,
            Self::Act(act) => act.sequence,
            Self::Person(person) => person.sequence,
            Self::Clock(tie) => tie.sequence,
        }
    }
}

/// Encodes what follows the head of an access.
pub(crate) fn encode_body<'b, D: Decided>(
    decision: &D,
    buffer: &'b mut [u8; BODY_BYTES_MAX],
) -> postcard::Result<&'b [u8]> {
    // By its number alone: what there is to tell of the lesson stands in the record of its beginning.
    let lesson = decision.lesson().map(|lesson| lesson.to_string());
    let body = Body {
        kind: decision.kind().into(),
        verdict: decision.verdict().into(),
        subject: subject_entry(decision.subject()),
        lesson: lesson.as_deref(),
        person: None,
        host: host_entry(decision.host()),
        destination: decision.destination(),
        reason: reason_entry(decision.reason()),
    };
    postcard::to_slice(&body, buffer).map(|body| &*body)
}

/// Encodes the head of an access: what [`Entry::Access`] holds before its body.
pub(crate) fn encode_head(
    sequence: u64,
    at: Timestamp,
    clock: ClockQuality,
    buffer: &mut [u8; HEAD_BYTES_MAX],
) -> postcard::Result<&[u8]> {
    let head = (ACCESS_VARIANT, sequence, at.unix_ms(), ClockCode::from(clock));
    postcard::to_slice(&head, buffer).map(|head| &*head)
}

fn subject_entry(subject: &Subject) -> SubjectEntry<'_> {
    match subject {
        Subject::Device(device) => SubjectEntry::Device {
            name: device.name.as_str(),
            mac: device.mac.octets(),
            room: device.room.as_ref().map(|room| room.as_str()),
            profile: device.profile.as_str(),
        },
        Subject::Unknown(unknown) => match unknown.mac {
            Some(mac) => SubjectEntry::UnknownMac(mac.octets()),
            None => SubjectEntry::UnknownAddress(unknown.address),
        },
    }
}

fn host_entry(host: Option<&Host>) -> HostEntry<'_> {
    match host {
        None => HostEntry::Unnamed,
        Some(Host::Name(name)) => HostEntry::Name(name.as_str()),
        Some(Host::Address(address)) => HostEntry::Address(*address),
    }
}

fn reason_entry(reason: &Reason) -> ReasonEntry<'_> {
    match reason {
        Reason::NotListed => ReasonEntry::NotListed,
        Reason::Listed { category, entry } => {
            ReasonEntry::Listed { category: category.as_str(), line: shorten(entry) }
        }
        Reason::Fault(fault) => ReasonEntry::Fault((*fault).into()),
        Reason::WhiteListed { category, entry } => {
            ReasonEntry::WhiteListed { category: category.as_str(), line: shorten(entry) }
        }
        Reason::Workspace { entry } => ReasonEntry::Workspace { line: shorten(entry) },
        Reason::NotWhiteListed => ReasonEntry::NotWhiteListed,
        Reason::ClosedHours => ReasonEntry::ClosedHours,
        Reason::Locked { category, entry } => {
            ReasonEntry::Locked { category: category.as_str(), line: shorten(entry) }
        }
        Reason::Ruled(ruling) => ReasonEntry::Ruled {
            layer: ruling.layer.into(),
            entry: shorten(&ruling.entry),
            author: ruling.author.as_str(),
            until_ms: ruling.until.map(Timestamp::unix_ms),
        },
        Reason::Service(name) => ReasonEntry::Service { name: name.as_str() },
        Reason::Narrowed(narrowing) => ReasonEntry::Narrowed((*narrowing).into()),
    }
}

fn shorten(line: &str) -> &str {
    line.get(..line.floor_char_boundary(LINE_BYTES_MAX)).unwrap_or(line)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use model::{Layer, Ruling};

    use super::*;
    use crate::fixture::{Asked, at, largest_act};

    /// What its beginning says is what all of it says.
    #[test]
    fn the_beginning_of_a_record_tells_what_begins_and_ends() {
        let check = |asked: &Asked, expected: Option<Turn>| {
            let (mut body, mut head) = ([0; BODY_BYTES_MAX], [0; HEAD_BYTES_MAX]);
            let body = encode_body(asked, &mut body).unwrap();
            let head = encode_head(70_000, at(5), ClockQuality::Unset, &mut head).unwrap();
            let joined = [head, body].concat();
            assert_eq!(Turn::of(&joined), expected, "{asked:?}");
            assert_eq!(postcard::from_bytes::<Entry>(&joined).unwrap().turn(), expected, "{asked:?}");
        };
        let tls = Asked::tls("CM2-04", "www.example.com");
        check(&tls, Some(Turn::Opening(70_000)));
        check(&Asked { kind: AccessKind::Http, ..tls.clone() }, Some(Turn::Opening(70_000)));
        check(&tls.refused("adult", "example.com"), None);
        check(&Asked::dns("CM2-04", "www.example.com"), None);
        let closing = ClosingEntry {
            sequence: 300,
            of: 200,
            at_ms: -1,
            end: EndCode::Finish,
            bytes_up: 1,
            bytes_down: 2,
            duration_ms: 3,
            peer: None,
        };
        let repeat = RepeatEntry { sequence: 1, of: 2, count: 3, last_ms: 4 };
        let act = largest_act();
        let act = ActEntry::new(5, at(5), ClockQuality::Unset, &act);
        for (entry, expected) in [
            (Entry::Closing(closing), Some(Turn::Closing(200))),
            (Entry::Repeat(repeat), None),
            (Entry::Act(act), None),
        ] {
            assert_eq!(Turn::of(&postcard::to_stdvec(&entry).unwrap()), expected);
            assert_eq!(entry.turn(), expected);
        }
        assert_eq!(Turn::of(&[]), None);
        assert_eq!(Turn::of(&[0, 1]), None);
    }

    #[test]
    fn a_head_and_a_body_are_an_access() {
        let asked = Asked::tls("CM2-04", "www.example.com");
        let mut body = [0; BODY_BYTES_MAX];
        let mut head = [0; HEAD_BYTES_MAX];
        let body = encode_body(&asked, &mut body).unwrap();
        let head = encode_head(70_000, at(5), ClockQuality::Unset, &mut head).unwrap();
        let joined = [head, body].concat();
        let entry: Entry = postcard::from_bytes(&joined).unwrap();
        assert_eq!(postcard::to_stdvec(&entry).unwrap(), joined);
        let Entry::Access(access) = entry else { panic!("{entry:?}") };
        assert_eq!(
            (access.sequence, access.at_ms, access.clock),
            (70_000, at(5).unix_ms(), ClockCode::Unset)
        );
        assert_eq!(access.body.host, HostEntry::Name("www.example.com"));
    }

    #[test]
    fn the_largest_records_fit() {
        let mut asked = Asked::largest();
        let mut head = [0; HEAD_BYTES_MAX];
        let latest = Timestamp::from_unix_ms(i64::MAX);
        assert!(encode_head(u64::MAX, latest, ClockQuality::Unset, &mut head).is_ok());
        assert!(encode_body(&asked, &mut [0; BODY_BYTES_MAX]).is_ok());
        let Reason::Listed { entry, .. } = &mut asked.reason else { panic!() };
        *entry = "é".repeat(5_000).into();
        assert!(encode_body(&asked, &mut [0; BODY_BYTES_MAX]).is_ok());
        asked.reason = Reason::Ruled(Arc::new(Ruling {
            layer: Layer::Lesson,
            entry: "é".repeat(5_000).into(),
            author: "\u{1f3eb}".repeat(64).parse().unwrap(),
            until: Some(latest),
        }));
        assert!(encode_body(&asked, &mut [0; BODY_BYTES_MAX]).is_ok());
        let closing = ClosingEntry {
            sequence: u64::MAX,
            of: u64::MAX,
            at_ms: i64::MIN,
            end: EndCode::Cut,
            bytes_up: u64::MAX,
            bytes_down: u64::MAX,
            duration_ms: u64::MAX,
            peer: Some("[2001:db8::1]:65535".parse().unwrap()),
        };
        assert!(postcard::to_slice(&Entry::Closing(closing), &mut [0; NOTE_BYTES_MAX]).is_ok());
        let repeat = RepeatEntry { sequence: u64::MAX, of: u64::MAX, count: u32::MAX, last_ms: i64::MIN };
        assert!(postcard::to_slice(&Entry::Repeat(repeat), &mut [0; NOTE_BYTES_MAX]).is_ok());
        let act = largest_act();
        let act = Entry::Act(ActEntry::new(u64::MAX, latest, ClockQuality::Unset, &act));
        assert!(postcard::to_slice(&act, &mut [0; ACT_BYTES_MAX]).is_ok());
    }
}
