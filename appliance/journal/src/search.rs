//! Finding accesses.
//!
//! Segments are read twice, block by block: once for the closings and repeats that lie far behind their
//! access, once for the accesses. Time may jump in a journal, so only sequences order it.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::net::{IpAddr, SocketAddr};
use std::ops::ControlFlow;
use std::sync::Arc;
use std::{error, io};

use model::{
    AccessKind, ClockQuality, Closing, DeviceName, DomainName, Host, Mac, ProfileName, Reason, RoomName,
    Ruling, Timestamp, UnknownDevice, Verdict,
};

use crate::entry::{Access, Body, ClosingEntry, Entry, HostEntry, ReasonEntry, RepeatEntry, SubjectEntry};
use crate::fold::FOLD_WINDOW_MS;
use crate::reader::{Damage, DamageKind, Piece, ReadError, read_segment};
use crate::{SegmentId, Sequence, Source};

/// How many records after an access its closing or repeat is looked for on the way; those further off are
/// gathered beforehand. It bounds the accesses that are held back.
const JOIN_DISTANCE: u64 = 16_384;
/// Most closings and repeats that are gathered beforehand: those of long connections, some 100 bytes each.
/// Beyond, the oldest accesses are shown without theirs.
const FAR_JOINS_MAX: usize = 262_144;

/// What is looked for: accesses that match every field that is set.
#[derive(Clone, Debug, Default)]
pub struct Query {
    /// Not before this time.
    pub from: Option<Timestamp>,
    /// Before this time.
    pub to: Option<Timestamp>,
    /// By the device with this name or MAC address, in any case; also an unknown device's `inconnu-...`.
    pub device: Option<String>,
    /// For this host; for a name, also for all names under it.
    pub host: Option<Host>,
    /// With this verdict.
    pub verdict: Option<Verdict>,
    /// By this door.
    pub kind: Option<AccessKind>,
}

/// An access, with what later records say of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// The record's number.
    pub sequence: Sequence,
    /// When it was judged.
    pub at: Timestamp,
    /// How far to trust `at`.
    pub clock: ClockQuality,
    /// The device's name; for an unknown device the one that its address gives.
    pub device: String,
    /// Its hardware address, where it was known.
    pub mac: Option<Mac>,
    /// Its room at that time.
    pub room: Option<RoomName>,
    /// Its filter profile at that time.
    pub profile: ProfileName,
    /// The lesson under way.
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

/// How an access ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ended {
    /// When this was noted.
    pub at: Timestamp,
    /// Bytes, duration, peer: all nothing where the access was [`Cut`](model::End::Cut).
    pub closing: Closing,
}

/// What a search comes across, in the order of sequences.
#[derive(Debug)]
pub enum Hit {
    /// An access that matches.
    Access(Box<Found>),
    /// Bytes that hold no readable record. The incomplete end of a segment is one only where records are missing
    /// after it, or nothing follows.
    Damage(Damage),
    /// A segment that cannot be read to its end.
    Unreadable {
        /// The segment.
        segment: SegmentId,
        /// Why.
        error: Box<dyn error::Error + Send + Sync>,
    },
}

/// What a search has read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// Segments that were read to their end, damaged or not.
    pub segments_read: usize,
    /// Segments that were not.
    pub segments_unreadable: usize,
    /// Accesses that matched.
    pub found: usize,
}

/// Nothing can be searched.
#[derive(Debug, thiserror::Error)]
pub enum SearchError {
    /// The journal's place cannot be read.
    #[error("the journal cannot be listed")]
    List(#[source] io::Error),
}

/// Searches a journal, also while a box writes it. Writes nothing. Ends early when `each` breaks.
///
/// # Errors
/// [`SearchError`]; whatever else cannot be read is a [`Hit`].
pub fn search<S: Source>(
    source: &S,
    query: &Query,
    each: impl FnMut(Hit) -> ControlFlow<()>,
) -> Result<Summary, SearchError> {
    let segments = source.list().map_err(SearchError::List)?;
    let far = FarJoins::gather(source, &segments);
    let mut scan =
        Scan { query, far, held: BTreeMap::new(), seen: 0, torn: None, summary: Summary::default(), each };
    for &segment in &segments {
        if scan.read(source, segment).is_break() {
            return Ok(scan.summary);
        }
    }
    if scan.report_torn(u64::MAX).is_continue() {
        // Whether this breaks makes no difference: it is the end.
        scan.release(u64::MAX).is_break();
    }
    Ok(scan.summary)
}

/// Closings and repeats that lie further behind their access than [`JOIN_DISTANCE`].
#[derive(Default)]
struct FarJoins {
    closings: HashMap<u64, ClosingEntry>,
    repeats: HashMap<u64, RepeatEntry>,
}

impl FarJoins {
    fn gather<S: Source>(source: &S, segments: &[SegmentId]) -> Self {
        let mut joins = Self::default();
        for &segment in segments {
            let Ok(reader) = source.open(segment) else { continue };
            let outcome = read_segment(segment, reader, |piece| {
                if let Piece::Entry(entry, _) = piece {
                    joins.note(&entry);
                }
                ControlFlow::Continue(())
            });
            // What cannot be read is reported by the second reading.
            outcome.ok();
        }
        joins
    }

    fn note(&mut self, entry: &Entry<'_>) {
        if self.closings.len() + self.repeats.len() >= FAR_JOINS_MAX {
            return;
        }
        match entry {
            Entry::Closing(closing) if is_far(closing.sequence, closing.of) => {
                self.closings.entry(closing.of).or_insert(*closing);
            }
            Entry::Repeat(repeat) if is_far(repeat.sequence, repeat.of) => {
                self.repeats.insert(repeat.of, *repeat);
            }
            Entry::Access(_) | Entry::Closing(_) | Entry::Repeat(_) => {}
        }
    }
}

fn is_far(sequence: u64, of: u64) -> bool {
    sequence.saturating_sub(of) > JOIN_DISTANCE
}

struct Scan<'q, F> {
    query: &'q Query,
    far: FarJoins,
    /// Accesses whose closing or repeats may follow.
    held: BTreeMap<u64, Box<Found>>,
    /// The highest sequence that was read: what is not above it was written twice.
    seen: u64,
    /// The incomplete end of the segment before.
    torn: Option<Damage>,
    summary: Summary,
    each: F,
}

impl<F: FnMut(Hit) -> ControlFlow<()>> Scan<'_, F> {
    fn read<S: Source>(&mut self, source: &S, segment: SegmentId) -> ControlFlow<()> {
        let outcome = match source.open(segment) {
            Ok(reader) => read_segment(segment, reader, |piece| self.take(piece)),
            Err(error) => Err(ReadError::Io(error)),
        };
        match outcome {
            Ok(flow) => {
                self.summary.segments_read += 1;
                flow
            }
            Err(error) => {
                self.summary.segments_unreadable += 1;
                (self.each)(Hit::Unreadable { segment, error: Box::new(error) })
            }
        }
    }

    fn take(&mut self, piece: Piece<'_>) -> ControlFlow<()> {
        let (entry, place) = match piece {
            Piece::Header(header) => return self.report_torn(header.next_sequence),
            Piece::Block(_) => return ControlFlow::Continue(()),
            Piece::Damage(damage) if damage.kind == DamageKind::Tail => {
                self.torn = Some(damage);
                return ControlFlow::Continue(());
            }
            Piece::Damage(damage) => return (self.each)(Hit::Damage(damage)),
            Piece::Entry(entry, place) => (entry, place),
        };
        let sequence = entry.sequence();
        if sequence <= self.seen {
            return ControlFlow::Continue(());
        }
        self.seen = sequence;
        match entry {
            Entry::Access(access) => {
                if may_match(self.query, &access) {
                    match read_access(&access) {
                        Some(found) => self.held.insert(sequence, Box::new(found)),
                        None => return (self.each)(Hit::Damage(place)),
                    };
                }
            }
            Entry::Closing(closing) => {
                if let Some(found) = self.held.get_mut(&closing.of) {
                    join_closing(found, &closing);
                }
            }
            Entry::Repeat(repeat) => {
                if let Some(found) = self.held.get_mut(&repeat.of) {
                    join_repeat(found, &repeat);
                }
            }
        }
        self.release(sequence.saturating_sub(JOIN_DISTANCE))
    }

    /// Reports the end of the segment before, if records are missing between it and what follows: otherwise it is
    /// what a crash left of an append that nobody was promised.
    fn report_torn(&mut self, next_sequence: u64) -> ControlFlow<()> {
        match self.torn.take() {
            Some(damage) if next_sequence > self.seen.saturating_add(1) => (self.each)(Hit::Damage(damage)),
            Some(_) | None => ControlFlow::Continue(()),
        }
    }

    /// Gives out the accesses before this sequence.
    fn release(&mut self, before: u64) -> ControlFlow<()> {
        while let Some(first) = self.held.first_entry().filter(|first| *first.key() < before) {
            let (sequence, mut found) = first.remove_entry();
            if let Some(closing) = self.far.closings.get(&sequence) {
                join_closing(&mut found, closing);
            }
            if let Some(repeat) = self.far.repeats.get(&sequence) {
                join_repeat(&mut found, repeat);
            }
            if self.query.from.is_none_or(|from| found.at >= from || found.last_at >= from) {
                self.summary.found += 1;
                (self.each)(Hit::Access(found))?;
            }
        }
        ControlFlow::Continue(())
    }
}

/// The first closing counts: a second one can only say that nobody saw the end.
fn join_closing(found: &mut Found, entry: &ClosingEntry) {
    let closing = Closing {
        bytes_up: entry.bytes_up,
        bytes_down: entry.bytes_down,
        duration_ms: entry.duration_ms,
        peer: entry.peer,
        end: entry.end.into(),
    };
    found.ended.get_or_insert(Ended { at: Timestamp::from_unix_ms(entry.at_ms), closing });
}

fn join_repeat(found: &mut Found, entry: &RepeatEntry) {
    found.count = found.count.max(entry.count);
    found.last_at = found.last_at.max(Timestamp::from_unix_ms(entry.last_ms));
}

/// Whether an access matches, as far as its own record tells: its repeats may still reach into the time that is
/// asked for.
fn may_match(query: &Query, access: &Access<'_>) -> bool {
    let Body { kind, verdict, subject, host, .. } = &access.body;
    let (kind, verdict) = (AccessKind::from(*kind), Verdict::from(*verdict));
    let at = Timestamp::from_unix_ms(access.at_ms);
    let reach_ms = if kind == AccessKind::Dns { FOLD_WINDOW_MS } else { 0 };
    query.from.is_none_or(|from| at >= from || from.ms_since(at) <= reach_ms)
        && query.to.is_none_or(|to| at < to)
        && query.kind.is_none_or(|wanted| wanted == kind)
        && query.verdict.is_none_or(|wanted| wanted == verdict)
        && query.host.as_ref().is_none_or(|wanted| is_host(wanted, host))
        && query.device.as_ref().is_none_or(|wanted| is_device(wanted, subject))
}

fn is_host(wanted: &Host, host: &HostEntry<'_>) -> bool {
    match (wanted, host) {
        (Host::Name(zone), HostEntry::Name(name)) => {
            let child = name.strip_suffix(zone.as_str());
            child.is_some_and(|child| child.is_empty() || child.ends_with('.'))
        }
        (Host::Address(wanted), HostEntry::Address(address)) => wanted == address,
        (Host::Name(_) | Host::Address(_), _) => false,
    }
}

fn is_device(wanted: &str, subject: &SubjectEntry<'_>) -> bool {
    let (name, mac) = identify(subject);
    let same = |other: &str| {
        other.chars().flat_map(char::to_lowercase).eq(wanted.chars().flat_map(char::to_lowercase))
    };
    same(&name) || mac.is_some_and(|mac| wanted.parse() == Ok(mac))
}

/// The name under which a subject is shown, and its hardware address.
fn identify(subject: &SubjectEntry<'_>) -> (Cow<'static, str>, Option<Mac>) {
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
fn read_access(access: &Access<'_>) -> Option<Found> {
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
    })
}
