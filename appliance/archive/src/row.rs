//! One row of a sealed table: a record as words and numbers.

use journal::{ClockTie, DamageKind, Ended, Harvested, Hit, Late, News, Sequence};
use model::{
    ClockQuality, Deed, InternetMode, LessonId, LessonSettings, PersonDeed, ReadingId, ReadingTerms,
    RoomName, Scope, Timestamp, Topic, When,
};

use crate::words::{self, Details};

/// Tells when a record was made, of which the clock showed this and is to be trusted so far.
pub(crate) type Tell<'t> = dyn Fn(Sequence, Timestamp, ClockQuality) -> When + 't;

/// Names an enumeration of columns, in the order of the table.
macro_rules! columns {
    ($(#[$doc:meta])* $name:ident, $all:ident: $($variant:ident = $column:literal),+ $(,)?) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum $name { $($variant),+ }

        pub(crate) const $all: &[($name, &str)] = &[$(($name::$variant, $column)),+];
    };
}

columns! {
    /// Columns of numbers.
    Number, NUMBERS:
    Sequence = "sequence",
    Time = "time",
    LastTime = "last_time",
    Until = "until",
    EndTime = "end_time",
    From = "from",
    Of = "of",
    BytesUp = "bytes_up",
    BytesDown = "bytes_down",
    DurationMs = "duration_ms",
    Count = "count",
    Override = "override",
    Segment = "segment",
    Offset = "offset",
}

columns! {
    /// Columns of text.
    Text, TEXTS:
    Record = "record",
    Clock = "clock",
    Device = "device",
    Mac = "mac",
    Room = "room",
    Profile = "profile",
    Lesson = "lesson",
    Person = "person",
    Kind = "kind",
    Host = "host",
    Site = "site",
    Destination = "destination",
    Verdict = "verdict",
    Reason = "reason",
    Category = "category",
    Entry = "entry",
    Author = "author",
    End = "end",
    Peer = "peer",
    Deed = "deed",
    By = "by",
    Layer = "layer",
    Scope = "scope",
    ScopeName = "scope_name",
    Motive = "motive",
    Machine = "machine",
    Name = "name",
    Role = "role",
}

/// The columns that an extract has beside those of a sealed table.
pub(crate) const MADE: [&str; 2] = ["earliest", "latest"];

/// The words of the column `record`.
pub(crate) mod record {
    pub(crate) const ACCESS: &str = "access";
    pub(crate) const CLOSING: &str = "closing";
    pub(crate) const REPEAT: &str = "repeat";
    pub(crate) const ACT: &str = "act";
    pub(crate) const PERSON: &str = "person";
    pub(crate) const CLOCK: &str = "clock";
    pub(crate) const UNKNOWN: &str = "unknown";
    pub(crate) const DAMAGE: &str = "damage";
}

/// The words of the column `scope`; an act for the whole school has none.
pub(crate) mod scope {
    pub(crate) const PROFILE: &str = "profile";
    pub(crate) const ROOM: &str = "room";
    pub(crate) const DEVICE: &str = "device";
}

/// The word of the column `entry` of a reading that shows names of people.
pub(crate) const WITH_PEOPLE: &str = "people";
/// The word of the column `entry` of a lesson whose room has its Wi-Fi.
pub(crate) const WITH_WIFI: &str = "wifi";

/// A record as words and numbers. What a column means is told in `docs/formats.md`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Row {
    numbers: [Option<i64>; NUMBERS.len()],
    texts: [Option<Box<str>>; TEXTS.len()],
    pub(crate) raw: Option<Vec<u8>>,
    /// Of an extract: when it was made at the earliest and at the latest, where its clock did not know.
    pub(crate) made: [Option<i64>; MADE.len()],
}

impl Row {
    /// What was harvested, as rows: one, or for many damaged bytes several.
    pub(crate) fn of(harvested: &Harvested) -> Vec<Self> {
        match harvested {
            Harvested::Access(found) => vec![Self::of_access(found)],
            Harvested::Act(found) => vec![Self::of_act(found)],
            Harvested::Person(found) => vec![Self::of_person(found)],
            Harvested::Late(late) => vec![Self::of_late(late)],
            Harvested::Clock(tie) => vec![Self::of_tie(tie)],
            Harvested::Unknown { sequence, payload } => {
                let mut row = Self::new(record::UNKNOWN);
                row.set_number(Number::Sequence, *sequence);
                row.raw = Some(payload.clone());
                vec![row]
            }
            Harvested::Damaged { damage, bytes } => {
                // A page of the table holds a value whole.
                const PIECE_BYTES: usize = 64 << 10;
                let offsets = (damage.offset..).step_by(PIECE_BYTES);
                let pieces = bytes.chunks(PIECE_BYTES).zip(offsets).map(|(bytes, offset)| {
                    let mut row = Self::new(record::DAMAGE);
                    row.set_number(Number::Segment, damage.segment.number());
                    row.set_number(Number::Offset, offset);
                    row.put_text(Text::Reason, Some(damage.kind.as_str()));
                    row.raw = Some(bytes.to_vec());
                    row
                });
                pieces.collect()
            }
        }
    }

    /// What a search found, as a row; `None` where it is no record. Names of people, and what they did, only with
    /// `with_people`.
    pub(crate) fn of_hit(hit: &Hit, with_people: bool) -> Option<Self> {
        let (mut row, when) = match hit {
            Hit::Access(found) => {
                let mut row = Self::of_access(found);
                if !with_people {
                    row.put_text(Text::Person, None);
                    row.put_text(Text::Author, None);
                }
                row.unmark_deleted();
                (row, found.when)
            }
            Hit::Act(found) if with_people => (Self::of_act(found), found.when),
            Hit::Person(found) if with_people => (Self::of_person(found), found.when),
            Hit::Act(_) | Hit::Person(_) | Hit::Damage(_) | Hit::Unreadable { .. } => return None,
        };
        row.set_made(when);
        Some(row)
    }

    /// Whether it is what a power cut left of an append that was never durable: nobody was promised what it should have been.
    #[must_use]
    pub(crate) fn is_torn_end(&self) -> bool {
        self.text(Text::Record) == Some(record::DAMAGE)
            && self.text(Text::Reason) == Some(DamageKind::Tail.as_str())
    }

    pub(crate) fn number(&self, column: Number) -> Option<i64> {
        self.numbers.get(column as usize).copied().flatten()
    }

    /// The number of the record.
    pub(crate) fn sequence(&self) -> u64 {
        self.number(Number::Sequence).unwrap_or(0).cast_unsigned()
    }

    pub(crate) fn text(&self, column: Text) -> Option<&str> {
        self.texts.get(column as usize)?.as_deref()
    }

    pub(crate) fn time(&self, column: Number) -> Option<Timestamp> {
        self.number(column).map(Timestamp::from_unix_ms)
    }

    /// The columns that have a value, by their names, in the order of the table.
    pub fn cells(&self) -> impl Iterator<Item = (&'static str, String)> {
        let numbers =
            NUMBERS.iter().filter_map(|(column, name)| Some((*name, self.number(*column)?.to_string())));
        let texts = TEXTS.iter().filter_map(|(column, name)| Some((*name, self.text(*column)?.to_owned())));
        let made = MADE.iter().zip(self.made).filter_map(|(name, at)| Some((*name, at?.to_string())));
        numbers.chain(texts).chain(made)
    }

    /// When it was made, by something that knows more than its clock; `None` for what has no time of its own.
    pub(crate) fn when(&self, tell: &Tell<'_>) -> Option<When> {
        let sequence = Sequence::new(self.number(Number::Sequence)?.cast_unsigned());
        Some(tell(sequence, self.time(Number::Time)?, words::clock(self.text(Text::Clock)?)?))
    }

    /// When it was made, by an extract; `None` for what has no time.
    pub(crate) fn when_told(&self) -> Option<When> {
        let [earliest, latest] = self.made.map(|at| at.map(Timestamp::from_unix_ms));
        let at = self.time(Number::Time)?;
        Some(match (self.is_untimed(), earliest) {
            (true, _) => When::Between(earliest, latest),
            (false, Some(at)) => When::Reckoned(at),
            (false, None) => When::Shown(at),
        })
    }

    fn set_made(&mut self, when: When) {
        let bounds = match when {
            When::Shown(_) => (None, None),
            When::Reckoned(_) | When::Between(..) => when.bounds(),
        };
        self.made = [bounds.0, bounds.1].map(|at| at.map(Timestamp::unix_ms));
    }

    /// Whether nobody knows when it was made: of an extract's rows.
    pub(crate) fn is_untimed(&self) -> bool {
        let [earliest, latest] = self.made;
        let is_unset = self.text(Text::Clock) == Some(ClockQuality::Unset.as_str());
        earliest != latest || (is_unset && earliest.is_none())
    }

    /// When it was made, by an extract; `None` where nobody knows.
    pub(crate) fn made_at(&self) -> Option<Timestamp> {
        let [earliest, _] = self.made;
        let at = earliest.map(Timestamp::from_unix_ms).or_else(|| self.time(Number::Time));
        at.filter(|_| !self.is_untimed())
    }

    pub(crate) fn put_number(&mut self, column: Number, value: Option<i64>) {
        if let Some(place) = self.numbers.get_mut(column as usize) {
            *place = value;
        }
    }

    pub(crate) fn put_text(&mut self, column: Text, value: Option<&str>) {
        if let Some(place) = self.texts.get_mut(column as usize) {
            *place = value.map(Box::from);
        }
    }

    /// Takes over the cells of another row of the same record that it has none for.
    pub(crate) fn fill(&mut self, other: &Self) {
        for (place, value) in self.numbers.iter_mut().zip(&other.numbers) {
            *place = place.or(*value);
        }
        for (place, value) in self.texts.iter_mut().zip(&other.texts) {
            if place.is_none() {
                place.clone_from(value);
            }
        }
        if self.raw.is_none() {
            self.raw.clone_from(&other.raw);
        }
    }

    fn new(record: &str) -> Self {
        let mut row = Self::default();
        row.set(Text::Record, record);
        row
    }

    fn set(&mut self, column: Text, value: &str) {
        self.put_text(column, Some(value));
    }

    /// A number of 64 bits without a sign keeps its bits: none of the box's is ever so large.
    fn set_number(&mut self, column: Number, value: u64) {
        self.put_number(column, Some(value.cast_signed()));
    }

    fn set_time(&mut self, column: Number, value: Timestamp) {
        self.put_number(column, Some(value.unix_ms()));
    }

    fn of_access(found: &journal::Found) -> Self {
        let mut row = Self::new(record::ACCESS);
        row.set_number(Number::Sequence, found.sequence.number());
        row.set_time(Number::Time, found.at);
        row.set(Text::Clock, found.clock.as_str());
        row.set(Text::Device, &found.device);
        row.put_text(Text::Mac, found.mac.map(|mac| mac.to_string()).as_deref());
        row.put_text(Text::Room, found.room.as_ref().map(RoomName::as_str));
        row.set(Text::Profile, found.profile.as_str());
        row.put_text(Text::Lesson, found.lesson.as_deref());
        row.put_text(Text::Person, found.person.as_deref());
        row.set(Text::Kind, found.kind.as_str());
        if let Some(host) = &found.host {
            row.set(Text::Host, &host.to_string());
            row.put_text(Text::Site, host.name().map(|name| site(name.as_str())));
        }
        row.put_text(Text::Destination, found.destination.map(|place| place.to_string()).as_deref());
        row.set(Text::Verdict, found.verdict.as_str());
        row.set(Text::Reason, found.reason.as_str());
        let details = Details::of(&found.reason);
        row.put_text(Text::Category, details.category);
        row.put_text(Text::Entry, details.entry);
        row.put_text(Text::Author, details.author);
        row.put_number(Number::Until, details.until.map(Timestamp::unix_ms));
        if let Some(ended) = &found.ended {
            row.set_end(ended);
        }
        row.set_number(Number::Count, found.count.into());
        row.set_time(Number::LastTime, found.last_at);
        row
    }

    fn set_end(&mut self, ended: &Ended) {
        let closing = &ended.closing;
        self.set_time(Number::EndTime, ended.at);
        self.set(Text::End, closing.end.as_str());
        self.put_text(Text::Peer, closing.peer.map(|peer| peer.to_string()).as_deref());
        if ended.is_measured {
            self.set_number(Number::BytesUp, closing.bytes_up);
            self.set_number(Number::BytesDown, closing.bytes_down);
            self.set_number(Number::DurationMs, closing.duration_ms);
        }
    }

    fn of_late(late: &Late) -> Self {
        let mut row = match &late.news {
            News::End(ended) => {
                let mut row = Self::new(record::CLOSING);
                row.set_end(ended);
                row
            }
            News::Repeat { count, last_at } => {
                let mut row = Self::new(record::REPEAT);
                row.set_number(Number::Count, (*count).into());
                row.set_time(Number::LastTime, *last_at);
                row
            }
        };
        row.set_number(Number::Sequence, late.sequence.number());
        row.set_number(Number::Of, late.of.number());
        row
    }

    fn of_tie(tie: &ClockTie) -> Self {
        let mut row = Self::new(record::CLOCK);
        row.set_number(Number::Sequence, tie.sequence.number());
        row.set_number(Number::Of, tie.since.number());
        row.set_time(Number::Time, tie.at);
        row.set(Text::Clock, tie.clock.as_str());
        row.set_time(Number::From, tie.before);
        row
    }

    fn of_act(found: &journal::FoundAct) -> Self {
        let rule = &found.act.rule;
        let mut row = Self::new(record::ACT);
        row.set_number(Number::Sequence, found.sequence.number());
        row.set_time(Number::Time, found.at);
        row.set(Text::Clock, found.clock.as_str());
        row.set(Text::Deed, found.act.deed.as_str());
        row.put_text(Text::By, found.act.deed.by().map(|by| by.as_str()));
        row.set_number(Number::Override, found.act.id.number().into());
        row.set(Text::Layer, rule.layer.as_str());
        row.set(Text::Verdict, rule.effect.as_str());
        match &rule.topic {
            Topic::Site(name) => {
                row.set(Text::Host, name.as_str());
                row.set(Text::Site, site(name.as_str()));
            }
            Topic::Category(category) => row.set(Text::Category, category.as_str()),
        }
        match &rule.scope {
            Scope::Everyone => {}
            Scope::Profile(profile) => row.set_scope(scope::PROFILE, profile.as_str()),
            Scope::Room(room) => row.set_scope(scope::ROOM, room.as_str()),
            Scope::Device(mac) => row.set_scope(scope::DEVICE, &mac.to_string()),
        }
        row.set(Text::Author, rule.author.as_str());
        row.set(Text::Motive, rule.motive.as_str());
        row.put_number(Number::From, rule.from.map(Timestamp::unix_ms));
        row.put_number(Number::Until, rule.until.map(Timestamp::unix_ms));
        debug_assert_eq!(matches!(found.act.deed, Deed::TakeBack { .. }), row.text(Text::By).is_some());
        row
    }

    fn set_scope(&mut self, word: &str, name: &str) {
        self.set(Text::Scope, word);
        self.set(Text::ScopeName, name);
    }

    fn of_person(found: &journal::FoundPersonAct) -> Self {
        let act = &found.act;
        let mut row = Self::new(record::PERSON);
        row.set_number(Number::Sequence, found.sequence.number());
        row.set_time(Number::Time, found.at);
        row.set(Text::Clock, found.clock.as_str());
        row.set(Text::Deed, act.deed.as_str());
        row.set(Text::Author, act.author.as_str());
        row.put_text(Text::Machine, act.device.map(|mac| mac.to_string()).as_deref());
        match &act.deed {
            PersonDeed::SignIn
            | PersonDeed::FailSignIn
            | PersonDeed::SignOut
            | PersonDeed::ChangeSecret
            | PersonDeed::SignInByPaper
            | PersonDeed::AddTelephone => {}
            PersonDeed::AddPerson { name, role } => {
                row.set(Text::Name, name.as_str());
                row.set(Text::Role, role.as_str());
            }
            PersonDeed::ResetPerson { name }
            | PersonDeed::DisablePerson { name }
            | PersonDeed::RemoveTelephone { name } => {
                row.set(Text::Name, name.as_str());
            }
            PersonDeed::Decline { site: name, room } => {
                row.set(Text::Host, name.as_str());
                row.set(Text::Site, site(name.as_str()));
                row.put_text(Text::Room, room.as_ref().map(RoomName::as_str));
            }
            PersonDeed::OpenReading { reading, terms, until } => row.set_reading(*reading, terms, *until),
            PersonDeed::SearchJournal { reading, sought } | PersonDeed::ExportJournal { reading, sought } => {
                row.set(Text::Name, &reading.to_string());
                row.set(Text::Motive, sought.as_str());
            }
            PersonDeed::PlaceHold { words }
            | PersonDeed::LiftHold { words }
            | PersonDeed::SignRetention { words }
            | PersonDeed::AdoptPoint { words }
            | PersonDeed::ReleasePoint { words }
            | PersonDeed::RegisterDevice { words }
            | PersonDeed::ForgetDevice { words }
            | PersonDeed::AddReader { words }
            | PersonDeed::RemoveReader { words }
            | PersonDeed::InstallRelease { words }
            | PersonDeed::Alter { words, .. } => {
                row.set(Text::Motive, words.as_str());
            }
            PersonDeed::CloseReading { reading, end } => {
                row.set(Text::Name, &reading.to_string());
                row.set(Text::Reason, end.as_str());
            }
            PersonDeed::StartLesson { lesson, room, settings }
            | PersonDeed::ChangeLesson { lesson, room, settings } => {
                row.set_lesson(*lesson, room, settings);
            }
            PersonDeed::EndLesson { lesson, room, ending } => {
                row.set(Text::Lesson, &lesson.to_string());
                row.set(Text::Room, room.as_str());
                row.set(Text::Reason, ending.as_str());
            }
        }
        row
    }

    fn set_lesson(&mut self, lesson: LessonId, room: &RoomName, settings: &LessonSettings) {
        self.set(Text::Lesson, &lesson.to_string());
        self.set(Text::Room, room.as_str());
        self.set(Text::Reason, settings.internet.as_str());
        if let InternetMode::List(sites) = &settings.internet {
            self.set(Text::Motive, &sites.to_string());
        }
        self.put_text(Text::Entry, settings.is_wifi_on.then_some(WITH_WIFI));
        self.set_time(Number::Until, settings.until);
    }

    fn set_reading(&mut self, reading: ReadingId, terms: &ReadingTerms, until: Timestamp) {
        self.set(Text::Name, &reading.to_string());
        self.set(Text::Reason, terms.purpose.as_str());
        self.set(Text::Motive, terms.detail.as_str());
        self.put_number(Number::From, terms.from.map(Timestamp::unix_ms));
        self.put_number(Number::Until, terms.to.map(Timestamp::unix_ms));
        if let Some(target) = &terms.target {
            self.set_scope(scope::DEVICE, target.as_str());
        }
        self.put_text(Text::Entry, terms.with_people.then_some(WITH_PEOPLE));
        self.set_time(Number::EndTime, until);
    }
}

/// The last two labels of a name: what a search for the names under a name can ask a filter for.
pub(crate) fn site(name: &str) -> &str {
    let mut dots = name.rmatch_indices('.').map(|(place, _)| place);
    dots.nth(1).and_then(|place| name.get(place + 1..)).unwrap_or(name)
}
