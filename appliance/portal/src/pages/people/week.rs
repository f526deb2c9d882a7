//! A teacher's week: the lessons that begin by themselves.

use askama::Template;
use model::{LessonPlan, Person, PlanId, RoomName};

use super::bar::Bar;
use super::room::tell_internet;
use crate::Language;
use crate::pages::Place;
use crate::pages::frame::{Frame, render};

/// The days, as texts name them: Monday first.
const DAYS: [&str; 7] = [
    "week-monday",
    "week-tuesday",
    "week-wednesday",
    "week-thursday",
    "week-friday",
    "week-saturday",
    "week-sunday",
];

/// Shows a teacher's planned lessons, and a form for another one.
#[derive(Clone, Copy, Debug)]
pub struct WeekPage<'a> {
    /// Where the page is shown.
    pub place: &'a Place,
    /// Who is signed in.
    pub person: &'a Person,
    /// Her planned lessons.
    pub plans: &'a [(PlanId, LessonPlan)],
    /// The rooms that she may choose from.
    pub rooms: &'a [RoomName],
    /// How long a lesson usually is, in minutes.
    pub minutes: u32,
    /// The token of the forms.
    pub token: &'a str,
}

#[derive(Template)]
#[template(path = "people/week.html")]
struct View<'a> {
    frame: Frame<'a>,
    bar: Bar<'a>,
    plans: Vec<Line>,
    days: Vec<(usize, String)>,
    rooms: &'a [RoomName],
    minutes: u32,
    token: &'a str,
}

struct Line {
    number: u32,
    when: String,
    facts: String,
}

impl WeekPage<'_> {
    /// The HTTP status of the page.
    pub const STATUS: u16 = 200;
    /// Where the page is, and where a lesson is planned.
    pub const PATH: &'static str = "/enseignant/semaine";
    /// Where a planned lesson is given up.
    pub const REMOVE_PATH: &'static str = "/enseignant/semaine/retirer";

    /// The whole page.
    #[must_use]
    pub fn render(&self, language: Language) -> String {
        render(&View {
            frame: Frame::new(self.place, language),
            bar: Bar::new(language, self.person, self.token, Self::PATH),
            plans: self.plans.iter().map(|(id, plan)| describe(language, *id, plan)).collect(),
            days: DAYS.iter().map(|key| language.say(key)).enumerate().collect(),
            rooms: self.rooms,
            minutes: self.minutes,
            token: self.token,
        })
    }
}

fn describe(language: Language, id: PlanId, plan: &LessonPlan) -> Line {
    let clock = |minute: u32| format!("{:02}:{:02}", minute / 60 % 24, minute % 60);
    let from = u32::from(plan.from_minute);
    let day = DAYS.get(usize::from(plan.weekday)).map(|key| language.say(key)).unwrap_or_default();
    let (from, to) = (clock(from), clock(from + plan.minutes));
    let internet = tell_internet(language, &plan.internet);
    let wifi = plan.is_wifi_on.then(|| language.say("lesson-wifi"));
    let room = language.say_with("wish-room", &[("room", plan.room.as_str())]);
    let facts = [room, format!("{}\u{a0}: {internet}", language.say("lesson-internet"))];
    Line {
        number: id.number(),
        when: language.say_with("week-when", &[("day", &day), ("from", &from), ("to", &to)]),
        facts: facts.into_iter().chain(wifi).collect::<Vec<_>>().join(" · "),
    }
}
