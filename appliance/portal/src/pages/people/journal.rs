//! The page of the journal, for head and data protection officer: who looks into it and why, and what was refused today, of nobody in particular.

use askama::Template;
use jiff::ToSpan as _;
use model::{
    DEVICE_WINDOW_DAYS_MAX, MadeCard, Person, Purpose, READING_MINUTES_USUAL, Reading, ReadingEnd, ReadingId,
    Role, Timestamp, WINDOW_DAYS_MAX,
};

use super::bar::Bar;
use super::custody::CustodyView;
use super::trouble::tell;
use crate::pages::Place;
use crate::pages::frame::{Frame, render};
use crate::pages::journal::{name_purpose, name_second};
use crate::pages::reason::format_time;
use crate::{Custody, Held, Language, ReadingList, RefusedCount, RoutineDay, Summary, Trouble};

/// How long a reading may be asked to last, in minutes. The longest is a working day.
const DURATIONS: [u32; 4] = [30, 60, 240, 480];
/// Holds that are shown: each is the case of some judge or complaint. The log has all.
const HOLDS_SHOWN_MAX: usize = 100;
/// Rows of today's counts that are shown: the most frequent.
const COUNTS_SHOWN_MAX: usize = 20;

/// Shows the readings of the journal, and opens one.
#[derive(Clone, Copy, Debug)]
pub struct JournalPage<'a> {
    /// Where the page is shown.
    pub place: &'a Place,
    /// Who is signed in.
    pub person: &'a Person,
    /// The readings, the last first: a page of them.
    pub list: &'a ReadingList,
    /// The cards that were made lately for those who may read, and those of each officer.
    pub cards: &'a [MadeCard],
    /// What must not be deleted, and what had not to be: the last first.
    /// `None` where the register of seals cannot be read.
    pub holds: Option<&'a [Held]>,
    /// Who can read what is sealed, and how long what is kept; `None` where the register cannot be read.
    pub custody: Option<&'a Custody>,
    /// What was refused today.
    pub summary: Option<&'a Summary>,
    /// The time, where the clock is set.
    pub now: Option<Timestamp>,
    /// The token of the forms.
    pub token: &'a str,
    /// Why a reading was not opened.
    pub trouble: Option<Trouble>,
}

#[derive(Template)]
#[template(path = "people/journal.html")]
struct View<'a> {
    frame: Frame<'a>,
    bar: Bar<'a>,
    trouble: Option<String>,
    cards: Vec<String>,
    open: Vec<ReadingRow>,
    past: Vec<ReadingRow>,
    routine: Vec<String>,
    total: Option<String>,
    next: Option<ReadingId>,
    is_full: bool,
    holds: Vec<HoldRow>,
    may_hold: bool,
    custody: Option<CustodyView>,
    /// That the register of seals cannot be read.
    lost: Option<String>,
    purposes: Vec<(&'static str, String)>,
    durations: Vec<(u32, String)>,
    usual: u32,
    /// The day that is under way.
    window: Option<[String; 2]>,
    bounds: String,
    unsealed: Option<String>,
    counts: Vec<CountRow>,
    hidden: Option<String>,
    token: &'a str,
}

/// A reading, as lines of a list.
pub(super) struct ReadingRow {
    pub(super) id: u32,
    pub(super) title: String,
    pub(super) detail: String,
    pub(super) facts: String,
    pub(super) is_hers: bool,
}

/// A hold, as lines of a list.
struct HoldRow {
    number: u64,
    title: String,
    reason: String,
    facts: String,
    /// Whether it is in force, and hers to lift.
    is_liftable: bool,
}

struct CountRow {
    room: String,
    category: String,
    count: String,
}

impl JournalPage<'_> {
    /// Where the page is.
    pub const PATH: &'static str = "/direction/journal";
    /// The query that names where an older page of the list begins.
    pub const BEFORE_QUERY: &'static str = "avant";
    /// Where a reading is opened.
    pub const OPEN_PATH: &'static str = "/direction/journal/ouvrir";
    /// Where one is ended.
    pub const CLOSE_PATH: &'static str = "/direction/journal/terminer";
    /// Where a hold is placed.
    pub const HOLD_PATH: &'static str = "/direction/journal/suspendre";
    /// Where one is lifted.
    pub const LIFT_PATH: &'static str = "/direction/journal/lever";
    /// Where somebody puts her name to how long what is kept.
    pub const SIGN_PATH: &'static str = "/direction/journal/signer";
    /// The HTTP status of the page.
    pub const STATUS: u16 = 200;

    /// The whole page.
    #[must_use]
    pub fn render(&self, language: Language) -> String {
        let place = self.place;
        let is_open = |reading: &&Reading| self.now.is_some_and(|now| reading.is_open(now));
        let (open, past): (Vec<_>, Vec<_>) = self.list.readings.iter().partition(is_open);
        let describe = |reading: &Reading| describe_reading(language, place, self.person, reading);
        let purposes = Purpose::ALL.into_iter().filter(|purpose| self.person.role.may_ask_for(*purpose));
        let is_lost = self.holds.is_none() || self.custody.is_none();
        let days = [WINDOW_DAYS_MAX, DEVICE_WINDOW_DAYS_MAX].map(|days| days.to_string());
        let hidden = self.summary.map(|summary| summary.hidden).filter(|hidden| *hidden > 0);
        render(&View {
            frame: Frame::new(place, language),
            bar: Bar::new(language, self.person, self.token, Self::PATH),
            trouble: self.trouble.map(|trouble| tell(language, trouble)),
            cards: self.cards.iter().map(|card| describe_card(language, place, card)).collect(),
            open: open.into_iter().map(describe).collect(),
            past: past.into_iter().map(describe).collect(),
            routine: self.list.routine.iter().map(|day| describe_routine(language, place, *day)).collect(),
            total: (self.list.total > 0).then(|| {
                let total = language.group_digits(self.list.total.into());
                language.say_with("journal-total", &[("count", &total)])
            }),
            next: self.list.next,
            is_full: self.list.is_full,
            holds: self
                .holds
                .unwrap_or_default()
                .iter()
                .take(HOLDS_SHOWN_MAX)
                .map(|hold| self.describe_hold(language, hold))
                .collect(),
            may_hold: self.person.role.holds_journal(),
            custody: self.custody.map(|custody| CustodyView::new(language, place, self.person, custody)),
            lost: is_lost.then(|| language.say("journal-register-lost")),
            purposes: purposes.map(|purpose| (purpose.as_str(), name_purpose(language, purpose))).collect(),
            durations: DURATIONS.map(|minutes| (minutes, name_duration(language, minutes))).into(),
            usual: READING_MINUTES_USUAL,
            window: self.today(),
            bounds: language.say_with("journal-bounds", &[("all", &days[0]), ("one", &days[1])]),
            unsealed: self.list.unsealed_since.map(|at| {
                language.say_with("journal-unsealed", &[("at", &name_moment(language, place, at))])
            }),
            counts: self.counts(language),
            hidden: hidden.map(|hidden| {
                language.say_with("journal-today-hidden", &[("count", &language.group_digits(hidden))])
            }),
            token: self.token,
        })
    }

    /// The first minute of today, and that of tomorrow.
    fn today(&self) -> Option<[String; 2]> {
        let now = jiff::Timestamp::from_millisecond(self.now?.unix_ms()).ok()?;
        let today = now.to_zoned(self.place.timezone.clone()).date();
        let tomorrow = today.checked_add(1.day()).ok()?;
        Some([today, tomorrow].map(|day| format!("{day}T00:00")))
    }

    fn describe_hold(&self, language: Language, hold: &Held) -> HoldRow {
        let moment = |at: Timestamp| name_moment(language, self.place, at);
        let told =
            |key: &str, at: Option<Timestamp>| at.map(|at| language.say_with(key, &[("at", &moment(at))]));
        let placed = language
            .say_with("hold-placed", &[("author", hold.author.as_str()), ("at", &moment(hold.since))]);
        let device =
            hold.device.as_ref().map(|device| language.say_with("wish-device", &[("device", device)]));
        let lifted = hold.lifted.as_ref().map(|(at, author, reason)| {
            let (at, author) = (moment(*at), author.as_str());
            language.say_with("hold-lifted", &[("author", author), ("at", &at), ("reason", reason.as_str())])
        });
        let everything = (hold.from.is_none() && hold.to.is_none()).then(|| language.say("hold-everything"));
        let window = [everything, told("hold-from", hold.from), told("hold-to", hold.to)];
        let facts = window.into_iter().chain([device, Some(placed), lifted]);
        HoldRow {
            number: hold.number,
            title: language.say_with("hold-number", &[("number", &hold.number.to_string())]),
            reason: hold.reason.as_str().to_owned(),
            facts: facts.flatten().collect::<Vec<_>>().join(" · "),
            is_liftable: hold.lifted.is_none() && self.person.role.holds_journal(),
        }
    }

    fn counts(&self, language: Language) -> Vec<CountRow> {
        let refused = self.summary.map(|summary| summary.refused.as_slice()).unwrap_or_default();
        let row = |RefusedCount { room, category, count }: &RefusedCount| CountRow {
            room: room.as_ref().map_or_else(|| language.say("wish-no-room"), ToString::to_string),
            category: match category {
                Some(category) => language.name_category(category),
                None => language.say("journal-no-category"),
            },
            count: language.group_digits(*count),
        };
        refused.iter().take(COUNTS_SHOWN_MAX).map(row).collect()
    }
}

/// How often the command line looked after the box itself, on a day.
fn describe_routine(language: Language, place: &Place, RoutineDay { day, count }: RoutineDay) -> String {
    let format = match language {
        Language::French => "%d/%m/%Y",
        Language::English => "%Y-%m-%d",
    };
    let day = format_time(&place.timezone, day, format).unwrap_or_default();
    let count = language.group_digits(count.into());
    language.say_with("journal-routine", &[("count", &count), ("day", &day)])
}

/// Who made whom a card with which the journal is read.
fn describe_card(language: Language, place: &Place, card: &MadeCard) -> String {
    let at = name_moment(language, place, card.at);
    let facts = [("name", card.name.as_str()), ("by", card.by.as_str()), ("at", &at)];
    let key = match card.role {
        Role::Officer => "journal-card-officer",
        Role::Head | Role::Teacher | Role::Technician => "journal-card",
    };
    language.say_with(key, &facts)
}

fn name_duration(language: Language, minutes: u32) -> String {
    match minutes {
        60.. => language.say_with("journal-hours", &[("count", &(minutes / 60).to_string())]),
        _ => language.say_with("journal-minutes-count", &[("count", &minutes.to_string())]),
    }
}

/// Who reads what, why, until when, and how often she has looked.
pub(super) fn describe_reading(
    language: Language,
    place: &Place,
    person: &Person,
    reading: &Reading,
) -> ReadingRow {
    let terms = &reading.terms;
    let moment = |at: Timestamp| name_moment(language, place, at);
    let window = match (terms.from, terms.to) {
        (Some(from), Some(to)) => {
            let variables = [("from", moment(from)), ("to", moment(to))];
            let variables = variables.each_ref().map(|(name, text)| (*name, text.as_str()));
            Some(language.say_with("journal-fact-window", &variables))
        }
        (_, _) => None,
    };
    let device =
        terms.target.as_ref().map(|target| language.say_with("wish-device", &[("device", target.as_str())]));
    let looks = language.say_with(
        "journal-fact-looks",
        &[
            ("searches", &language.group_digits(reading.searches.into())),
            ("exports", &language.group_digits(reading.exports.into())),
        ],
    );
    let whole = (reading.whole_exports > 0).then(|| {
        let count = language.group_digits(reading.whole_exports.into());
        language.say_with("journal-fact-whole", &[("count", &count)])
    });
    let end = match reading.closed {
        None => language.say_with("journal-fact-until", &[("at", &moment(reading.until))]),
        Some((at, ReadingEnd::Hand)) => language.say_with("journal-fact-closed", &[("at", &moment(at))]),
        Some((at, ReadingEnd::Time)) => language.say_with("journal-fact-lapsed", &[("at", &moment(at))]),
    };
    let opened = language.say_with(
        "journal-fact-opened",
        &[("author", reading.author.as_str()), ("at", &moment(reading.opened))],
    );
    let people = terms.with_people.then(|| language.say("journal-fact-people"));
    let card =
        reading.card_by.as_ref().map(|by| language.say_with("journal-fact-card", &[("by", by.as_str())]));
    let facts = [Some(opened), card, window, device, people, Some(looks), whole, Some(end)];
    let number = reading.id.to_string();
    let purpose = name_purpose(language, terms.purpose);
    ReadingRow {
        id: reading.id.number(),
        title: language.say_with("journal-reading", &[("number", &number), ("purpose", &purpose)]),
        detail: terms.detail.as_str().to_owned(),
        facts: facts.into_iter().flatten().collect::<Vec<_>>().join(" · "),
        is_hers: reading.author == person.name,
    }
}

pub(super) fn name_moment(language: Language, place: &Place, at: Timestamp) -> String {
    let format = match language {
        Language::French => "%d/%m/%Y\u{a0}%H:%M",
        Language::English => "%Y-%m-%d\u{a0}%H:%M",
    };
    format_time(&place.timezone, at, format).unwrap_or_else(|| name_second(language, &place.timezone, at))
}
