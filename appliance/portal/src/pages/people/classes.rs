//! The page of an overview: what each class asked for on each day of a reading, and what was refused to it. Never what one child
//! did.

use askama::Template;
use model::{Category, Fault, Layer, Narrowing, Person, ReadingId, Reason};

use super::bar::Bar;
use super::journal::JournalPage;
use crate::pages::Place;
use crate::pages::frame::{Frame, render};
use crate::pages::reason::name_fault;
use crate::{ClassDay, Classes, Language};

/// Rows that are shown: thirty rooms on each day of the longest window. The command line tells more.
const ROWS_SHOWN_MAX: usize = 1_000;
/// What the words end with that records have for rules, behind the layer's.
const RULE: &str = "-rule";

/// Shows what classes did on the days of an open reading.
#[derive(Clone, Copy, Debug)]
pub struct ClassesPage<'a> {
    /// Where the page is shown.
    pub place: &'a Place,
    /// Who is signed in: whose reading it is.
    pub person: &'a Person,
    /// The reading.
    pub id: ReadingId,
    /// What classes did.
    pub classes: &'a Classes,
    /// The token of the forms.
    pub token: &'a str,
}

#[derive(Template)]
#[template(path = "people/classes.html")]
struct View<'a> {
    frame: Frame<'a>,
    bar: Bar<'a>,
    number: u32,
    remarks: Vec<String>,
    rows: Vec<Row>,
}

struct Row {
    day: String,
    room: String,
    accesses: String,
    refused: String,
}

impl ClassesPage<'_> {
    /// Where it is asked for.
    pub const PATH: &'static str = "/direction/journal/classes";
    /// The HTTP status of the page.
    pub const STATUS: u16 = 200;

    /// The whole page.
    #[must_use]
    pub fn render(&self, language: Language) -> String {
        let Classes { days, locked, unreadable, uncounted, is_cut } = self.classes;
        let counted = |key: &str, count: u64| {
            (count > 0).then(|| language.say_with(key, &[("count", &language.group_digits(count))]))
        };
        let left_out = days.len().saturating_sub(ROWS_SHOWN_MAX);
        let remarks = [
            counted("journal-found-locked", *locked as u64),
            counted("journal-found-unreadable", *unreadable as u64),
            counted("journal-classes-uncounted", *uncounted),
            counted("journal-classes-more", left_out as u64),
            is_cut.then(|| language.say("journal-found-cut")),
        ];
        render(&View {
            frame: Frame::new(self.place, language),
            bar: Bar::new(language, self.person, self.token, JournalPage::PATH),
            number: self.id.number(),
            remarks: remarks.into_iter().flatten().collect(),
            rows: days.iter().take(ROWS_SHOWN_MAX).map(|day| describe(language, day)).collect(),
        })
    }
}

fn describe(language: Language, day: &ClassDay) -> Row {
    let format = match language {
        Language::French => "%d/%m/%Y",
        Language::English => "%Y-%m-%d",
    };
    let name = |(word, count): &(String, u64)| {
        format!("{} × {}", name_refused(language, word), language.group_digits(*count))
    };
    Row {
        day: day.day.strftime(format).to_string(),
        room: day.room.as_ref().map_or_else(|| language.say("journal-classes-others"), ToString::to_string),
        accesses: language.group_digits(day.accesses),
        refused: day.refused.iter().map(name).collect::<Vec<_>>().join(", "),
    }
}

/// What was refused, by the word of records: a category, or why where no list was the reason.
fn name_refused(language: Language, word: &str) -> String {
    let reasons = [
        (Reason::NotWhiteListed, "journal-reason-chosen"),
        (Reason::ClosedHours, "journal-reason-hours"),
        (Reason::Narrowed(Narrowing::List), "journal-reason-list"),
        (Reason::Narrowed(Narrowing::Workspace), "journal-reason-ent"),
        (Reason::Narrowed(Narrowing::Closed), "journal-reason-closed"),
    ];
    let layers = [
        (Layer::Commune, "journal-reason-commune"),
        (Layer::School, "journal-reason-school"),
        (Layer::Lesson, "journal-reason-lesson"),
    ];
    let fault = Fault::ALL.into_iter().find(|fault| fault.as_str() == word).map(name_fault);
    let reason = reasons.iter().find(|(reason, _)| reason.as_str() == word).map(|(_, key)| *key);
    let layer = word.strip_suffix(RULE).and_then(|word| layers.iter().find(|it| it.0.as_str() == word));
    match fault.or(reason).or(layer.map(|(_, key)| *key)) {
        Some(key) => language.say(key),
        None => word
            .parse::<Category>()
            .map_or_else(|_| word.to_owned(), |category| language.name_category(&category)),
    }
}
