//! The page of an open reading: what is looked for, and what was found.

use askama::Template;
use model::{Lesson, Person, Reading, Selection, Timestamp, Verdict, When};

use super::bar::Bar;
use super::deeds::name_deed;
use super::journal::{JournalPage, ReadingRow, describe_reading, name_moment};
use super::trouble::tell;
use crate::pages::Place;
use crate::pages::frame::{Frame, name_host, render};
use crate::pages::journal::name_second;
use crate::pages::reason::{describe_reason, format_time};
use crate::{Findings, FoundLine, Language, LessonChoice, Trouble};

/// Shows an open reading, with a page of results where something was looked for.
#[derive(Clone, Copy, Debug)]
pub struct ReadingPage<'a> {
    /// Where the page is shown.
    pub place: &'a Place,
    /// Who is signed in: whose reading it is.
    pub person: &'a Person,
    /// The reading.
    pub reading: &'a Reading,
    /// Whether its keys are here.
    pub is_unlocked: bool,
    /// What is looked for.
    pub selection: &'a Selection,
    /// The lessons that may be looked for.
    pub choice: &'a LessonChoice,
    /// What was found; `None` before the first search.
    pub found: Option<&'a Findings>,
    /// The token of the forms.
    pub token: &'a str,
    /// Why nothing was found.
    pub trouble: Option<Trouble>,
}

#[derive(Template)]
#[template(path = "people/reading.html")]
struct View<'a> {
    frame: Frame<'a>,
    bar: Bar<'a>,
    title: String,
    row: ReadingRow,
    trouble: Option<String>,
    is_unlocked: bool,
    fields: Vec<Field>,
    verdicts: Vec<(&'static str, String)>,
    verdict: &'static str,
    /// By their numbers; none where there was no lesson.
    lessons: Vec<(String, String)>,
    lesson: String,
    /// That not all are offered.
    lessons_cut: Option<String>,
    with_people: bool,
    shows_people: bool,
    /// What one device did is no class's.
    has_classes: bool,
    found: Option<Found>,
    token: &'a str,
}

/// A field of the search.
struct Field {
    name: &'static str,
    label: String,
    kind: &'static str,
    characters_max: usize,
    value: String,
    /// The reading has it fixed.
    is_fixed: bool,
}

struct Found {
    title: String,
    remarks: Vec<String>,
    rows: Vec<Line>,
    next: Option<u64>,
}

struct Line {
    at: String,
    device: String,
    room: String,
    site: String,
    verdict: String,
    reason: String,
    person: String,
}

impl ReadingPage<'_> {
    /// Where the page is.
    pub const PATH: &'static str = "/direction/journal/lecture";
    /// Where the key is given again.
    pub const UNLOCK_PATH: &'static str = "/direction/journal/cle";
    /// Where an extract is taken.
    pub const EXTRACT_PATH: &'static str = "/direction/journal/extrait";
    /// The query that names the reading.
    pub const NUMBER_QUERY: &'static str = "n";
    /// The HTTP status of the page.
    pub const STATUS: u16 = 200;

    /// The whole page.
    #[must_use]
    pub fn render(&self, language: Language) -> String {
        let Self { place, person, reading, selection, .. } = *self;
        let number = reading.id.to_string();
        render(&View {
            frame: Frame::new(place, language),
            bar: Bar::new(language, person, self.token, JournalPage::PATH),
            title: language.say_with("journal-reading-title", &[("number", &number)]),
            row: describe_reading(language, place, person, reading),
            trouble: self.trouble.map(|trouble| tell(language, trouble)),
            is_unlocked: self.is_unlocked,
            fields: self.fields(language),
            verdicts: [
                ("", "journal-any"),
                (Verdict::Permit.as_str(), "cover-permit"),
                (Verdict::Refuse.as_str(), "cover-refuse"),
            ]
            .map(|(word, key)| (word, language.say(key)))
            .into(),
            verdict: selection.verdict.map_or("", Verdict::as_str),
            lessons: self.lessons(language),
            lesson: selection.lesson.map(|lesson| lesson.to_string()).unwrap_or_default(),
            lessons_cut: self.choice.is_cut.then(|| {
                let count = language.group_digits(self.choice.lessons.len() as u64);
                language.say_with("journal-lessons-cut", &[("count", &count)])
            }),
            with_people: reading.terms.with_people,
            // To look for somebody is to show her.
            shows_people: (selection.with_people || selection.person.is_some()) && reading.terms.with_people,
            has_classes: reading.terms.target.is_none(),
            found: self.found.map(|found| self.describe(language, found)),
            token: self.token,
        })
    }

    fn fields(&self, language: Language) -> Vec<Field> {
        let Selection { from, to, device, room, person, host, category, .. } = self.selection;
        let terms = &self.reading.terms;
        let time = |at: Option<Timestamp>| {
            at.and_then(|at| format_time(&self.place.timezone, at, "%Y-%m-%dT%H:%M")).unwrap_or_default()
        };
        let field = |name, key: &str, kind, characters_max, value: String| Field {
            name,
            label: language.say(key),
            kind,
            characters_max,
            value,
            is_fixed: false,
        };
        let text = |value: Option<String>| value.unwrap_or_default();
        let target = terms.target.as_ref().or(device.as_ref()).map(ToString::to_string);
        let device = Field {
            is_fixed: terms.target.is_some(),
            ..field("appareil", "journal-device", "text", 64, text(target))
        };
        let fields = [
            Some(device),
            Some(field("salle", "frame-room", "text", 64, text(room.as_ref().map(ToString::to_string)))),
            Some(field("site", "journal-site", "text", 253, text(host.as_ref().map(ToString::to_string)))),
            Some(field(
                "categorie",
                "journal-category",
                "text",
                64,
                text(category.as_ref().map(ToString::to_string)),
            )),
            terms.with_people.then(|| {
                field("personne", "cover-person", "text", 64, text(person.as_ref().map(ToString::to_string)))
            }),
            Some(field("du", "journal-from", "datetime-local", 16, time(from.or(terms.from)))),
            Some(field("au", "journal-to", "datetime-local", 16, time(to.or(terms.to)))),
        ];
        fields.into_iter().flatten().collect()
    }

    /// The lessons among which she chooses: the one that she has chosen in any case, though it be of another room.
    fn lessons(&self, language: Language) -> Vec<(String, String)> {
        let LessonChoice { lessons, .. } = self.choice;
        let describe = |lesson: &Lesson| (lesson.id.to_string(), self.name_lesson(language, lesson));
        let chosen = self.selection.lesson.filter(|chosen| lessons.iter().all(|lesson| lesson.id != *chosen));
        let chosen = chosen.map(|lesson| {
            let number = lesson.to_string();
            let name = language.say_with("journal-lesson-number", &[("number", &number)]);
            (number, name)
        });
        chosen.into_iter().chain(lessons.iter().map(describe)).collect()
    }

    /// Where a lesson was, and when; whose it was only where the reading shows people.
    fn name_lesson(&self, language: Language, lesson: &Lesson) -> String {
        let end = format_time(&self.place.timezone, lesson.end(), "%H:%M").unwrap_or_default();
        let time = format!("{}–{end}", name_moment(language, self.place, lesson.from));
        let teacher = self.reading.terms.with_people.then(|| lesson.teacher.to_string());
        let parts = [Some(lesson.room.to_string()), Some(time), teacher];
        parts.into_iter().flatten().collect::<Vec<_>>().join(" · ")
    }

    fn describe(&self, language: Language, found: &Findings) -> Found {
        let count = language.group_digits(found.lines.len() as u64);
        let title = match (found.lines.is_empty(), found.next) {
            (true, _) => language.say("journal-found-none"),
            (false, None) => language.say_with("journal-found", &[("count", &count)]),
            (false, Some(_)) => language.say_with("journal-found-more", &[("count", &count)]),
        };
        let counted = |key: &str, count: usize| {
            let text = language.group_digits(count as u64);
            (count > 0).then(|| language.say_with(key, &[("count", &text)]))
        };
        let remarks = [
            counted("journal-found-locked", found.locked),
            counted("journal-found-nameless", found.nameless),
            counted("journal-found-unreadable", found.unreadable),
            found.is_cut.then(|| language.say("journal-found-cut")),
        ];
        Found {
            title,
            remarks: remarks.into_iter().flatten().collect(),
            rows: found.lines.iter().map(|line| self.describe_line(language, line)).collect(),
            next: found.next,
        }
    }

    /// A time; where the clock did not know it, how far it is known.
    fn tell_when(&self, language: Language, when: When) -> String {
        let name = |at: Timestamp| name_second(language, &self.place.timezone, at);
        match when {
            When::Shown(at) => name(at),
            When::Reckoned(at) => language.say_with("journal-when-reckoned", &[("time", &name(at))]),
            When::Between(Some(from), Some(to)) => {
                language.say_with("journal-when-between", &[("from", &name(from)), ("to", &name(to))])
            }
            When::Between(Some(from), None) => {
                language.say_with("journal-when-after", &[("time", &name(from))])
            }
            When::Between(None, Some(to)) => language.say_with("journal-when-before", &[("time", &name(to))]),
            When::Between(None, None) => language.say("journal-when-unknown"),
        }
    }

    fn describe_line(&self, language: Language, line: &FoundLine) -> Line {
        let zone = &self.place.timezone;
        let verdict = match (&line.deed, line.verdict) {
            (Some(deed), _) => language.say_with("journal-deed", &[("deed", &language.say(name_deed(deed)))]),
            (None, Some(Verdict::Permit)) => language.say("journal-permitted"),
            (None, Some(Verdict::Refuse)) => language.say("journal-refused"),
            (None, None) => String::new(),
        };
        let refused = line.reason.as_ref().filter(|_| line.verdict == Some(Verdict::Refuse));
        let reason = refused.and_then(|reason| describe_reason(language, zone, reason).into_iter().next());
        let times = match line.count {
            0 | 1 => String::new(),
            count => format!(" × {}", language.group_digits(count.into())),
        };
        Line {
            at: self.tell_when(language, line.when),
            device: line.device.clone().unwrap_or_default(),
            room: line.room.as_ref().map(ToString::to_string).unwrap_or_default(),
            site: line.host.as_ref().map(name_host).unwrap_or_default() + &times,
            verdict,
            reason: reason.map(|reason| reason.value).unwrap_or_default(),
            person: line.person.clone().unwrap_or_default(),
        }
    }
}
