//! What the head does with the journal through the pages, and what the box must do for it.

use std::net::IpAddr;

use jiff::civil::Date;
use model::{
    Category, Deed, Host, Lesson, MadeCard, Motive, Person, PersonDeed, PersonName, Reading, ReadingId,
    ReadingTerms, Reason, RoomName, Selection, Target, Timestamp, Verdict, When,
};
use zeroize::Zeroizing;

use crate::{Custody, Trouble};

/// Who reads, and with which session: a key that one session gave is no other's, though it be of the same name.
#[derive(Clone, Copy)]
pub struct Reader<'r> {
    /// The person.
    pub person: &'r Person,
    /// The token of her session.
    pub session: &'r str,
}

/// The part of the box that opens the journal to those entitled, and notes each time that they look. Its calls block.
pub trait ReadingRoom: Send + Sync {
    /// A page of the readings that the box remembers: those before a number, on the first one those that are open, too.
    ///
    /// # Errors
    /// [`Trouble::Unavailable`].
    fn readings(&self, before: Option<ReadingId>) -> Result<ReadingList, Trouble>;

    /// The cards that were made in the last thirty days for those who may read, and those of officers who may, the last first.
    ///
    /// # Errors
    /// [`Trouble::Unavailable`].
    fn reader_cards(&self) -> Result<Vec<MadeCard>, Trouble>;

    /// A reading of this person that is open, and whether the keys that this session gave are here.
    ///
    /// # Errors
    /// [`Trouble::Unknown`], [`Trouble::Denied`] for another's, [`Trouble::Ended`].
    fn reading(&self, reader: Reader<'_>, id: ReadingId) -> Result<(Reading, bool), Trouble>;

    /// Opens a reading, which is recorded.
    ///
    /// # Errors
    /// [`Trouble::Window`], [`Trouble::Key`], [`Trouble::NoClock`] and others.
    fn open_reading(
        &self,
        client: IpAddr,
        reader: Reader<'_>,
        new: &NewReading,
    ) -> Result<ReadingId, Trouble>;

    /// Gives an open reading its key again: the box forgets it when it starts, and when the session ends.
    ///
    /// # Errors
    /// As [`ReadingRoom::reading`], and [`Trouble::Key`].
    fn unlock_reading(&self, reader: Reader<'_>, id: ReadingId, key: &str) -> Result<(), Trouble>;

    /// Ends a reading, anybody's, and wipes its keys.
    ///
    /// # Errors
    /// [`Trouble::Unknown`].
    fn close_reading(&self, client: IpAddr, person: &Person, id: ReadingId) -> Result<(), Trouble>;

    /// The lessons that an open reading may be narrowed to: those of its time, and of the time and the room that are asked for.
    ///
    /// # Errors
    /// As [`ReadingRoom::reading`].
    fn lesson_choice(
        &self,
        reader: Reader<'_>,
        id: ReadingId,
        asked: &Selection,
    ) -> Result<LessonChoice, Trouble>;

    /// A page of what an open reading shows, after the record of this number. That somebody looks is recorded first.
    ///
    /// # Errors
    /// As [`ReadingRoom::reading`]; [`Trouble::Locked`], [`Trouble::Outside`], [`Trouble::Busy`].
    fn look(
        &self,
        client: IpAddr,
        reader: Reader<'_>,
        id: ReadingId,
        selection: &Selection,
        after: u64,
    ) -> Result<Findings, Trouble>;

    /// What classes did on the whole days of an open reading, of no device in particular. That somebody looks is recorded first.
    ///
    /// # Errors
    /// As [`ReadingRoom::look`]; [`Trouble::Outside`] for a reading of one device.
    fn classes(&self, client: IpAddr, reader: Reader<'_>, id: ReadingId) -> Result<Classes, Trouble>;

    /// What an open reading shows, as one signed file to be taken away. That is recorded first.
    ///
    /// # Errors
    /// As [`ReadingRoom::look`]; [`Trouble::TooMuch`].
    fn extract(
        &self,
        client: IpAddr,
        reader: Reader<'_>,
        id: ReadingId,
        selection: &Selection,
        is_whole: bool,
    ) -> Result<Vec<u8>, Trouble>;

    /// What must not be deleted, and what had not to be: the last first.
    ///
    /// # Errors
    /// [`Trouble::Unavailable`].
    fn holds(&self) -> Result<Vec<Held>, Trouble>;

    /// Places a hold, which the log of seals keeps and the journal records. Returns its number.
    ///
    /// # Errors
    /// [`Trouble::Denied`], [`Trouble::Field`], [`Trouble::Full`], [`Trouble::Busy`].
    fn place_hold(&self, client: IpAddr, person: &Person, new: &NewHold) -> Result<u64, Trouble>;

    /// Lifts a hold.
    ///
    /// # Errors
    /// [`Trouble::Denied`], [`Trouble::Unknown`], [`Trouble::Busy`].
    fn lift_hold(&self, client: IpAddr, person: &Person, number: u64, reason: &Motive)
    -> Result<(), Trouble>;

    /// Who can read what is sealed, and how long what is kept.
    ///
    /// # Errors
    /// [`Trouble::Unavailable`].
    fn custody(&self) -> Result<Custody, Trouble>;

    /// Puts somebody's name to how long what is kept, as the entry of this number says, or 0 where there is none.
    ///
    /// # Errors
    /// [`Trouble::Denied`], [`Trouble::Unknown`] where other numbers are in force by now, [`Trouble::Busy`].
    fn sign_retention(&self, client: IpAddr, person: &Person, entry: u64) -> Result<(), Trouble>;

    /// What was refused today, by room, of no device in particular. `None` while somebody else has it counted.
    ///
    /// # Errors
    /// [`Trouble::Unavailable`].
    fn summary(&self) -> Result<Option<Summary>, Trouble>;
}

/// A page of the list of readings.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReadingList {
    /// The readings, the last first.
    pub readings: Vec<Reading>,
    /// How often the command line looked after the box itself, by days.
    pub routine: Vec<RoutineDay>,
    /// How many readings there are on all pages.
    pub total: u32,
    /// Before which number the next page begins.
    pub next: Option<ReadingId>,
    /// Whether older ones may be gone, because there were too many.
    pub is_full: bool,
    /// Since when records wait to be sealed, where that is before today: they are read without a key.
    pub unsealed_since: Option<Timestamp>,
}

/// A day on which the command line looked after the box itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RoutineDay {
    /// Its first moment.
    pub day: Timestamp,
    /// How often.
    pub count: u32,
}

/// A reading that is to be opened.
#[derive(Clone, PartialEq, Eq)]
pub struct NewReading {
    /// For what.
    pub terms: ReadingTerms,
    /// For how long.
    pub minutes: u32,
    /// The secret key of a reader, as it was typed; empty for what is not sealed yet. It is wiped.
    pub key: Zeroizing<String>,
}

/// What must not be deleted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    /// Its number in the log of seals.
    pub number: u64,
    /// Since when.
    pub since: Timestamp,
    /// From which time on; `None`: from the beginning.
    pub from: Option<Timestamp>,
    /// Before which time; `None`: until it is lifted.
    pub to: Option<Timestamp>,
    /// Of which device; `None`: of all.
    pub device: Option<String>,
    /// Who asked for it.
    pub author: PersonName,
    /// Why.
    pub reason: Motive,
    /// When it was lifted, by whom, why.
    pub lifted: Option<(Timestamp, PersonName, Motive)>,
}

/// What is to be held.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewHold {
    /// From which time on.
    pub from: Option<Timestamp>,
    /// Before which time.
    pub to: Option<Timestamp>,
    /// Of which device.
    pub device: Option<Target>,
    /// Why.
    pub reason: Motive,
}

/// Lessons among which somebody chooses.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LessonChoice {
    /// The lessons, the last first.
    pub lessons: Vec<Lesson>,
    /// Whether earlier ones are left out, because there are too many.
    pub is_cut: bool,
}

/// A page of what was found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Findings {
    /// The records, in their order.
    pub lines: Vec<FoundLine>,
    /// After which record the next page begins; `None` where there is no more.
    pub next: Option<u64>,
    /// Sealed days that the key does not open.
    pub locked: usize,
    /// Sealed days of which who it was is deleted, where somebody is looked for.
    pub nameless: usize,
    /// Places that cannot be read.
    pub unreadable: usize,
    /// Whether the search took too long, and was ended.
    pub is_cut: bool,
}

/// A record, as the page shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FoundLine {
    /// When, as far as that is known.
    pub when: When,
    /// Of which device.
    pub device: Option<String>,
    /// In which room.
    pub room: Option<RoomName>,
    /// For which host.
    pub host: Option<Host>,
    /// The verdict.
    pub verdict: Option<Verdict>,
    /// Why.
    pub reason: Option<Reason>,
    /// How often, in a row.
    pub count: u32,
    /// Who; only where the reading shows people.
    pub person: Option<String>,
    /// What somebody did.
    pub deed: Option<FoundDeed>,
}

/// What somebody did, as a record tells it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FoundDeed {
    /// With a rule.
    Rule(Deed),
    /// With anything else.
    Person(PersonDeed),
}

/// What classes did on the days of a reading.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Classes {
    /// By day and room. No number is of fewer devices than the box tells of.
    pub days: Vec<ClassDay>,
    /// Sealed days that the key does not open.
    pub locked: usize,
    /// Places that cannot be read.
    pub unreadable: usize,
    /// Accesses that were too many to be counted.
    pub uncounted: u64,
    /// Whether it took too long, and was ended: then no number is told, for two that differ in a moment would show what one
    /// device did in it.
    pub is_cut: bool,
}

/// What a class did on a day.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClassDay {
    /// The day of the school.
    pub day: Date,
    /// The room; `None` for those together that are too small to be told alone.
    pub room: Option<RoomName>,
    /// How often something was asked for.
    pub accesses: u64,
    /// What was refused, by the words of records: categories, or reasons where it was none of a list; and how often, the most
    /// frequent first.
    pub refused: Vec<(String, u64)>,
}

/// What was refused today.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// By room and category, the most frequent first. None is of fewer devices than the box tells of.
    pub refused: Vec<RefusedCount>,
    /// How many refusals are left out, because too few devices share them.
    pub hidden: u64,
}

/// How often a room was refused a category.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefusedCount {
    /// The room; `None` for devices without one.
    pub room: Option<RoomName>,
    /// The category; `None` for refusals by no list.
    pub category: Option<Category>,
    /// How often.
    pub count: u64,
}
