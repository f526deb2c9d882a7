//! The teacher's page: her room and its lesson, what her rooms ask for, and what is open by her.

use askama::Template;
use model::{Layer, Override, Person, Timestamp};

use super::bar::Bar;
use super::room::{RoomView, Stage, describe_room, granting};
use super::wishes::{OpenWish, PastWish, StandingRule, describe_open, describe_past, describe_rule};
use crate::pages::Place;
use crate::pages::frame::{Frame, render};
use crate::{Language, RoomNow, Wish};

/// Most requests that are shown at once: those of most devices come first, and what nobody else wants comes last.
const OPEN_SHOWN_MAX: usize = 20;
/// Answers that are shown: those of the lesson.
const PAST_SHOWN_MAX: usize = 5;

/// Shows a teacher's room and its lesson, with one touch for what a lesson needs; the open requests of her rooms; and what she
/// may close again.
#[derive(Clone, Copy, Debug)]
pub struct TeacherPage<'a> {
    /// Where the page is shown.
    pub place: &'a Place,
    /// Who is signed in.
    pub person: &'a Person,
    /// The room where she teaches now.
    pub room: &'a RoomNow,
    /// The requests that she may see.
    pub wishes: &'a [Wish],
    /// What stands that she may end.
    pub standing: &'a [Override],
    /// The time, where the clock is set.
    pub now: Option<Timestamp>,
    /// The token of the forms.
    pub token: &'a str,
    /// Whether the page loads anew by itself.
    pub is_following: bool,
}

#[derive(Template)]
#[template(path = "people/teacher.html")]
struct View<'a> {
    frame: Frame<'a>,
    bar: Bar<'a>,
    now: RoomView,
    rooms: String,
    open: Vec<OpenWish>,
    more: Option<String>,
    past: Vec<PastWish>,
    rules: Vec<StandingRule>,
    token: &'a str,
    is_following: bool,
    period_s: u32,
}

impl TeacherPage<'_> {
    /// The HTTP status of the page.
    pub const STATUS: u16 = 200;
    /// Where the page is.
    pub const PATH: &'static str = "/enseignant";
    /// Where a request is answered.
    pub const ANSWER_PATH: &'static str = "/enseignant/demandes";
    /// Where a rule is ended.
    pub const END_PATH: &'static str = "/enseignant/fermer";
    /// Where another room is chosen.
    pub const ROOM_PATH: &'static str = "/enseignant/salle";
    /// Where a lesson begins.
    pub const START_PATH: &'static str = "/enseignant/cours";
    /// Where a lesson is changed.
    pub const CHANGE_PATH: &'static str = "/enseignant/cours/changer";
    /// Where a lesson is ended.
    pub const FINISH_PATH: &'static str = "/enseignant/cours/fin";
    /// Where a site is opened for a lesson.
    pub const SITE_PATH: &'static str = "/enseignant/cours/site";
    /// Where a site is closed for the school.
    pub const REPORT_PATH: &'static str = "/enseignant/signaler";
    /// Where the page hears that something has changed.
    pub const LIVE_PATH: &'static str = "/enseignant/direct";
    /// The script that listens there.
    pub const SCRIPT_PATH: &'static str = "/direct.js";
    /// The script itself.
    pub const SCRIPT: &'static str = include_str!("../live.js");
    /// The query of the page that the script asks for: nobody touched anything.
    pub const LIVE_QUERY: &'static str = "direct";
    /// The query of the page that loads anew by itself, and the field of the forms on it.
    pub const FOLLOW_QUERY: &'static str = "suivre";
    /// The page that loads anew by itself.
    pub const FOLLOW_PATH: &'static str = "/enseignant?suivre";
    /// How often it does: a teacher sees a request before the pupil raises a hand again.
    pub const FOLLOW_PERIOD_S: u32 = 10;

    /// The whole page.
    #[must_use]
    pub fn render(&self, language: Language) -> String {
        let place = self.place;
        let (past, open): (Vec<_>, Vec<_>) =
            self.wishes.iter().partition(|wish| wish.request.answer.is_some());
        let hidden = open.len().saturating_sub(OPEN_SHOWN_MAX);
        let count = language.group_digits(u64::try_from(hidden).unwrap_or(u64::MAX));
        let rooms = self.person.rooms.iter().map(model::RoomName::as_str).collect::<Vec<_>>().join(", ");
        render(&View {
            frame: Frame::live(place, language),
            bar: Bar::new(language, self.person, self.token, Self::PATH),
            now: describe_room(language, place, self.room, self.now),
            rooms: if rooms.is_empty() { language.say("teacher-all-rooms") } else { rooms },
            open: open
                .into_iter()
                .take(OPEN_SHOWN_MAX)
                .map(|wish| OpenWish {
                    lesson: self.lesson_of(wish),
                    ..describe_open(language, place, wish, Layer::Lesson)
                })
                .collect(),
            more: (hidden > 0).then(|| language.say_with("teacher-more", &[("count", &count)])),
            past: past
                .into_iter()
                .take(PAST_SHOWN_MAX)
                .map(|wish| describe_past(language, place, wish, self.now))
                .collect(),
            rules: self.standing.iter().map(|it| describe_rule(language, place, it, self.now)).collect(),
            token: self.token,
            is_following: self.is_following,
            period_s: Self::FOLLOW_PERIOD_S,
        })
    }

    /// The lesson in the room of a request, for which it can be granted.
    fn lesson_of(&self, wish: &Wish) -> Option<u32> {
        let (lesson, room) = granting(self.room)?;
        (wish.request.room.as_ref() == Some(room)).then_some(lesson.number())
    }
}
