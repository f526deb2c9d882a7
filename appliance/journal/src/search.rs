//! Finding accesses and acts.
//!
//! Segments are read twice, block by block: once for the closings and repeats that lie far behind their
//! access, once for the accesses. Time may jump in a journal, so only sequences order it.

use std::collections::{BTreeMap, HashMap};
use std::ops::ControlFlow;
use std::{error, io};

use model::{AccessKind, Category, Host, PersonName, RoomName, Timestamp, Verdict, When};

use crate::clock::{ClockTie, Reckoning};
use crate::codes::ClockCode;
use crate::entry::{
    Access, ActEntry, Body, ClosingEntry, DeedEntry, Entry, HostEntry, ReasonEntry, RepeatEntry, ScopeEntry,
    SubjectEntry, TopicEntry,
};
use crate::fold::{FOLD_WINDOW_MS, may_fold};
use crate::found::{Found, FoundAct, identify, join_closing, join_repeat, read_access, read_act};
use crate::person::{FoundPersonAct, PersonDeedEntry, PersonEntry, read_person_act};
use crate::reader::{Damage, DamageKind, Piece, ReadError, read_segment};
use crate::{SegmentId, Sequence, Source};

/// How many records after an access its closing or repeat is looked for on the way; those further off are
/// gathered beforehand. It bounds the accesses that are held back.
const JOIN_DISTANCE: u64 = 16_384;
/// Most closings and repeats that are gathered beforehand: those of long connections, some 100 bytes each.
/// Beyond, the oldest accesses are shown without theirs.
const FAR_JOINS_MAX: usize = 262_144;
/// Most ties of the clock that are gathered: one a start of the box, and one each time that its clock is set.
const TIES_MAX: usize = 65_536;

/// What is looked for: records that match every field that is set.
#[derive(Clone, Debug, Default)]
pub struct Query {
    /// Not before this time.
    pub from: Option<Timestamp>,
    /// Before this time.
    pub to: Option<Timestamp>,
    /// By the device with this name or MAC address, in any case; also an unknown device's `inconnu-...`. An act is a
    /// person's, and matches no device.
    pub device: Option<String>,
    /// By a device in this room at that time. An act matches by the room that its rule is for, or that a request came from.
    pub room: Option<RoomName>,
    /// During this lesson, by its number; also its beginning, its changes and its end.
    pub lesson: Option<String>,
    /// By this person. An act matches by its author: for an override, who made it, or took it back.
    pub person: Option<PersonName>,
    /// For this host; for a name, also for all names under it. An act matches by the site that it is about.
    pub host: Option<Host>,
    /// Listed in this category, whatever the verdict. An act matches by the category that it is about.
    pub category: Option<Category>,
    /// With this verdict. An act matches by what its rule says.
    pub verdict: Option<Verdict>,
    /// Of this kind.
    pub kind: Option<Kind>,
}

/// The kind of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// An access by this door.
    Access(AccessKind),
    /// An act of a person: on the rules, or on what stands around them.
    Act,
}

/// What a search comes across, in the order of sequences.
#[derive(Debug)]
pub enum Hit {
    /// An access that matches.
    Access(Box<Found>),
    /// An act that matches.
    Act(Box<FoundAct>),
    /// What somebody did besides making rules, that matches.
    Person(Box<FoundPersonAct>),
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
    /// Accesses and acts that matched.
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
    search_reckoned(source, query, Reckoning::default(), each)
}

/// The same, where something is known already of the times of records that were made without the time. What the segments
/// say of them is added.
///
/// # Errors
/// As [`search`].
pub fn search_reckoned<S: Source>(
    source: &S,
    query: &Query,
    mut reckoning: Reckoning,
    each: impl FnMut(Hit) -> ControlFlow<()>,
) -> Result<Summary, SearchError> {
    let segments = source.list().map_err(SearchError::List)?;
    let far = FarJoins::gather(source, &segments);
    reckoning.extend(&far.ties);
    let (held, summary) = (BTreeMap::new(), Summary::default());
    let mut scan = Scan { query, far, reckoning, held, seen: 0, torn: None, summary, each };
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

/// Closings and repeats that lie further behind their access than [`JOIN_DISTANCE`], and what ties the clock to the true
/// time, wherever it stands.
#[derive(Default)]
struct FarJoins {
    ties: Vec<ClockTie>,
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
        if let Entry::Clock(tie) = entry
            && self.ties.len() < TIES_MAX
        {
            self.ties.push(tie.into());
        }
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
            Entry::Access(_)
            | Entry::Closing(_)
            | Entry::Repeat(_)
            | Entry::Act(_)
            | Entry::Person(_)
            | Entry::Clock(_) => {}
        }
    }
}

fn is_far(sequence: u64, of: u64) -> bool {
    sequence.saturating_sub(of) > JOIN_DISTANCE
}

struct Scan<'q, F> {
    query: &'q Query,
    far: FarJoins,
    reckoning: Reckoning,
    /// Accesses whose closing or repeats may follow, and the acts among them.
    held: BTreeMap<u64, Held>,
    /// The highest sequence that was read: what is not above it was written twice.
    seen: u64,
    /// The incomplete end of the segment before, and up to which number the header after it says that records were promised.
    torn: Option<(Damage, u64)>,
    summary: Summary,
    each: F,
}

enum Held {
    Access(Box<Found>),
    Act(Box<FoundAct>),
    Person(Box<FoundPersonAct>),
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
            Piece::Header(header) => {
                self.torn = self.torn.take().map(|(damage, _)| (damage, header.promised_below));
                return ControlFlow::Continue(());
            }
            Piece::Damage(damage) if damage.kind == DamageKind::Tail => {
                self.torn = Some((damage, u64::MAX));
                return ControlFlow::Continue(());
            }
            Piece::Block(_) => return ControlFlow::Continue(()),
            Piece::Damage(damage) | Piece::Unknown { place: damage, .. } => {
                return (self.each)(Hit::Damage(damage));
            }
            Piece::Entry(entry, place) => (entry, place),
        };
        let sequence = entry.sequence();
        self.report_torn(sequence)?;
        if sequence <= self.seen {
            return ControlFlow::Continue(());
        }
        self.seen = sequence;
        match entry {
            Entry::Access(access) => {
                let when = self.when(sequence, access.at_ms, access.clock);
                if may_match(self.query, &access, when) {
                    match read_access(&access) {
                        Some(found) => {
                            self.held.insert(sequence, Held::Access(Box::new(Found { when, ..found })))
                        }
                        None => return (self.each)(Hit::Damage(place)),
                    };
                }
            }
            Entry::Closing(closing) => {
                if let Some(Held::Access(found)) = self.held.get_mut(&closing.of) {
                    join_closing(found, &closing);
                }
            }
            Entry::Repeat(repeat) => {
                if let Some(Held::Access(found)) = self.held.get_mut(&repeat.of) {
                    join_repeat(found, &repeat);
                }
            }
            Entry::Act(act) => {
                let when = self.when(sequence, act.at_ms, act.clock);
                if is_match(self.query, &act, when) {
                    match read_act(&act) {
                        Some(found) => {
                            self.held.insert(sequence, Held::Act(Box::new(FoundAct { when, ..found })))
                        }
                        None => return (self.each)(Hit::Damage(place)),
                    };
                }
            }
            // It was read before, for the times of others.
            Entry::Clock(_) => {}
            Entry::Person(act) => {
                let when = self.when(sequence, act.at_ms, act.clock);
                if is_person_match(self.query, &act, when) {
                    match read_person_act(&act) {
                        Some(found) => self
                            .held
                            .insert(sequence, Held::Person(Box::new(FoundPersonAct { when, ..found }))),
                        None => return (self.each)(Hit::Damage(place)),
                    };
                }
            }
        }
        self.release(sequence.saturating_sub(JOIN_DISTANCE))
    }

    fn when(&self, sequence: u64, at_ms: i64, clock: ClockCode) -> When {
        self.reckoning.when(Sequence::new(sequence), Timestamp::from_unix_ms(at_ms), clock.into())
    }

    /// Reports the end of the segment before, if records are missing between it and the record that follows: otherwise it is
    /// what a crash left of an append that nobody was promised, or what the disk refused, which is written again after it.
    fn report_torn(&mut self, sequence: u64) -> ControlFlow<()> {
        match self.torn.take() {
            Some((damage, promised)) if promised.min(sequence) > self.seen.saturating_add(1) => {
                (self.each)(Hit::Damage(damage))
            }
            Some(_) | None => ControlFlow::Continue(()),
        }
    }

    /// Gives out what is held before this sequence.
    fn release(&mut self, before: u64) -> ControlFlow<()> {
        while let Some(first) = self.held.first_entry().filter(|first| *first.key() < before) {
            let (sequence, held) = first.remove_entry();
            let hit = match held {
                Held::Act(found) => Hit::Act(found),
                Held::Person(found) => Hit::Person(found),
                Held::Access(mut found) => {
                    if let Some(closing) = self.far.closings.get(&sequence) {
                        join_closing(&mut found, closing);
                    }
                    if let Some(repeat) = self.far.repeats.get(&sequence) {
                        join_repeat(&mut found, repeat);
                    }
                    if !found.may_be_within((self.query.from, self.query.to)) {
                        continue;
                    }
                    Hit::Access(found)
                }
            };
            self.summary.found += 1;
            (self.each)(hit)?;
        }
        ControlFlow::Continue(())
    }
}

/// Whether an access matches, as far as its own record tells: its repeats may still reach into the time that is
/// asked for.
fn may_match(query: &Query, access: &Access<'_>, when: When) -> bool {
    let Body { kind, verdict, subject, host, lesson, person, reason, .. } = &access.body;
    let (kind, verdict) = (AccessKind::from(*kind), Verdict::from(*verdict));
    let reach_ms = if may_fold(kind, verdict) { FOLD_WINDOW_MS } else { 0 };
    when.may_be_within(reach_ms, (query.from, query.to))
        && query.kind.is_none_or(|wanted| wanted == Kind::Access(kind))
        && query.verdict.is_none_or(|wanted| wanted == verdict)
        && query.host.as_ref().is_none_or(|wanted| is_host(wanted, host))
        && query.device.as_ref().is_none_or(|wanted| is_device(wanted, subject))
        && query.room.as_ref().is_none_or(|wanted| room_of(subject) == Some(wanted.as_str()))
        && query.lesson.as_ref().is_none_or(|wanted| *lesson == Some(wanted.as_str()))
        && query.person.as_ref().is_none_or(|wanted| *person == Some(wanted.as_str()))
        && query.category.as_ref().is_none_or(|wanted| category_of(reason) == Some(wanted.as_str()))
}

/// Whether an act matches.
fn is_match(query: &Query, act: &ActEntry<'_>, when: When) -> bool {
    let is_about = |wanted: &Host| match act.topic {
        TopicEntry::Site(site) => is_host(wanted, &HostEntry::Name(site)),
        TopicEntry::Category(_) => false,
    };
    let is_by = |wanted: &PersonName| {
        act.author == wanted.as_str()
            || matches!(act.deed, DeedEntry::TakeBack { by } if by == wanted.as_str())
    };
    when.may_be_within(0, (query.from, query.to))
        && query.kind.is_none_or(|wanted| wanted == Kind::Act)
        && query.verdict.is_none_or(|wanted| wanted == Verdict::from(act.effect))
        && query.host.as_ref().is_none_or(is_about)
        && query.room.as_ref().is_none_or(|wanted| act.scope == ScopeEntry::Room(wanted.as_str()))
        && query.person.as_ref().is_none_or(is_by)
        && query.category.as_ref().is_none_or(|wanted| act.topic == TopicEntry::Category(wanted.as_str()))
        && query.device.is_none()
        && query.lesson.is_none()
}

/// Whether what somebody did matches: only an answer is about a host, and has a verdict; answers and lessons are of a room.
fn is_person_match(query: &Query, act: &PersonEntry<'_>, when: When) -> bool {
    let (mut declined, mut lesson) = (None, None);
    let room = match &act.deed {
        PersonDeedEntry::Decline { site, room } => {
            declined = Some(HostEntry::Name(site));
            *room
        }
        PersonDeedEntry::StartLesson { lesson: number, room, .. }
        | PersonDeedEntry::ChangeLesson { lesson: number, room, .. }
        | PersonDeedEntry::EndLesson { lesson: number, room, .. } => {
            lesson = Some(number.to_string());
            Some(*room)
        }
        PersonDeedEntry::SignIn
        | PersonDeedEntry::FailSignIn
        | PersonDeedEntry::SignOut
        | PersonDeedEntry::ChangeSecret
        | PersonDeedEntry::SignInByPaper
        | PersonDeedEntry::AddTelephone
        | PersonDeedEntry::RemoveTelephone { .. }
        | PersonDeedEntry::AdoptPoint { .. }
        | PersonDeedEntry::ReleasePoint { .. }
        | PersonDeedEntry::RegisterDevice { .. }
        | PersonDeedEntry::ForgetDevice { .. }
        | PersonDeedEntry::AddReader { .. }
        | PersonDeedEntry::RemoveReader { .. }
        | PersonDeedEntry::InstallRelease { .. }
        | PersonDeedEntry::Alter { .. }
        | PersonDeedEntry::AddPerson { .. }
        | PersonDeedEntry::ResetPerson { .. }
        | PersonDeedEntry::DisablePerson { .. }
        | PersonDeedEntry::OpenReading { .. }
        | PersonDeedEntry::SearchJournal { .. }
        | PersonDeedEntry::ExportJournal { .. }
        | PersonDeedEntry::CloseReading { .. }
        | PersonDeedEntry::PlaceHold { .. }
        | PersonDeedEntry::LiftHold { .. }
        | PersonDeedEntry::SignRetention { .. } => None,
    };
    let is_about = |wanted: &Host| declined.as_ref().is_some_and(|site| is_host(wanted, site));
    when.may_be_within(0, (query.from, query.to))
        && query.kind.is_none_or(|wanted| wanted == Kind::Act)
        && query.verdict.is_none_or(|wanted| wanted == Verdict::Refuse && declined.is_some())
        && query.host.as_ref().is_none_or(is_about)
        && query.room.as_ref().is_none_or(|wanted| room == Some(wanted.as_str()))
        && query.person.as_ref().is_none_or(|wanted| act.author == wanted.as_str())
        && query.lesson.as_ref().is_none_or(|wanted| lesson.as_ref() == Some(wanted))
        && query.device.is_none()
        && query.category.is_none()
}

fn room_of<'a>(subject: &SubjectEntry<'a>) -> Option<&'a str> {
    match subject {
        SubjectEntry::Device { room, .. } => *room,
        SubjectEntry::UnknownMac(_) | SubjectEntry::UnknownAddress(_) => None,
    }
}

/// The category of the list that a verdict goes by.
fn category_of<'a>(reason: &ReasonEntry<'a>) -> Option<&'a str> {
    match reason {
        ReasonEntry::Listed { category, .. }
        | ReasonEntry::WhiteListed { category, .. }
        | ReasonEntry::Locked { category, .. } => Some(category),
        ReasonEntry::NotListed
        | ReasonEntry::Fault(_)
        | ReasonEntry::Workspace { .. }
        | ReasonEntry::NotWhiteListed
        | ReasonEntry::ClosedHours
        | ReasonEntry::Ruled { .. }
        | ReasonEntry::Service { .. }
        | ReasonEntry::Narrowed(_) => None,
    }
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
