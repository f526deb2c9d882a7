//! The head's page: all requests and their answers, the rules that stand.

use askama::Template;
use jiff::ToSpan as _;
use jiff::civil::Date;
use model::{Layer, Override, Person, Timestamp};

use super::bar::Bar;
use super::wishes::{OpenWish, PastWish, StandingRule, describe_open, describe_past, describe_rule};
use crate::pages::Place;
use crate::pages::frame::{Frame, render};
use crate::{Language, Wish};

/// Requests that are shown at once: those of most devices come first.
const OPEN_SHOWN_MAX: usize = 50;
/// Answers that are shown: some weeks of a school.
const PAST_SHOWN_MAX: usize = 100;

/// Shows the open requests of the school, those that were answered, and the rules that stand.
#[derive(Clone, Copy, Debug)]
pub struct HeadPage<'a> {
    /// Where the page is shown.
    pub place: &'a Place,
    /// Who is signed in.
    pub person: &'a Person,
    /// What teachers closed, and nobody who directs has looked at yet.
    pub reports: &'a [Override],
    /// All requests.
    pub wishes: &'a [Wish],
    /// All rules of the school that stand.
    pub standing: &'a [Override],
    /// The time, where the clock is set.
    pub now: Option<Timestamp>,
    /// Whether days are sealed to nobody, where she makes keys.
    pub lacks_keys: bool,
    /// The token of the forms.
    pub token: &'a str,
}

#[derive(Template)]
#[template(path = "people/head.html")]
struct View<'a> {
    frame: Frame<'a>,
    bar: Bar<'a>,
    reports: Vec<StandingRule>,
    open: Vec<OpenWish>,
    more: Option<String>,
    past: Vec<PastWish>,
    rules: Vec<StandingRule>,
    /// Today, and a week later.
    days: Option<[Date; 2]>,
    lacks_keys: bool,
    token: &'a str,
}

impl HeadPage<'_> {
    /// The HTTP status of the page.
    pub const STATUS: u16 = 200;
    /// Where the page is.
    pub const PATH: &'static str = "/direction";
    /// Where a request is answered.
    pub const ANSWER_PATH: &'static str = "/direction/demandes";
    /// Where a rule is made, though nobody has asked.
    pub const RULE_PATH: &'static str = "/direction/regles";
    /// Where a rule is ended.
    pub const END_PATH: &'static str = "/direction/fermer";
    /// Where what a teacher closed is kept closed.
    pub const REPORT_PATH: &'static str = "/direction/signalements";

    /// The whole page.
    #[must_use]
    pub fn render(&self, language: Language) -> String {
        let place = self.place;
        let (past, open): (Vec<_>, Vec<_>) =
            self.wishes.iter().partition(|wish| wish.request.answer.is_some());
        let hidden = open.len().saturating_sub(OPEN_SHOWN_MAX);
        let count = language.group_digits(u64::try_from(hidden).unwrap_or(u64::MAX));
        render(&View {
            frame: Frame::new(place, language),
            bar: Bar::new(language, self.person, self.token, Self::PATH),
            reports: self
                .reports
                .iter()
                .map(|it| describe_rule(language, self.place, it, self.now))
                .collect(),
            open: open
                .into_iter()
                .take(OPEN_SHOWN_MAX)
                .map(|wish| describe_open(language, place, wish, Layer::School))
                .collect(),
            more: (hidden > 0).then(|| language.say_with("teacher-more", &[("count", &count)])),
            past: past
                .into_iter()
                .take(PAST_SHOWN_MAX)
                .map(|wish| describe_past(language, place, wish, self.now))
                .collect(),
            rules: self.standing.iter().map(|it| describe_rule(language, place, it, self.now)).collect(),
            days: self.days(),
            lacks_keys: self.lacks_keys,
            token: self.token,
        })
    }

    fn days(&self) -> Option<[Date; 2]> {
        let now = jiff::Timestamp::from_millisecond(self.now?.unix_ms()).ok()?;
        let today = now.to_zoned(self.place.timezone.clone()).date();
        Some([today, today.checked_add(7.days()).ok()?])
    }
}
