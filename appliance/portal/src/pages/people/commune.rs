//! What the school asks of the commune, and what that says to the school.

use askama::Template;
use model::{Answered, CommuneOrder, CommuneOrderKind, CommuneRequest, Person, Timestamp, Verdict};

use super::bar::Bar;
use crate::pages::Place;
use crate::pages::frame::{Frame, name_host, render};
use crate::pages::reason::format_time;
use crate::{CommuneDesk, Language};

/// Shows what was asked and answered, what the commune says, and a form; to those who direct, what its hub had the box do.
#[derive(Clone, Copy, Debug)]
pub struct CommunePage<'a> {
    /// Where the page is shown.
    pub place: &'a Place,
    /// Who is signed in.
    pub person: &'a Person,
    /// What there is.
    pub desk: &'a CommuneDesk,
    /// The site that the form begins with.
    pub site: &'a str,
    /// The token of the forms.
    pub token: &'a str,
}

#[derive(Template)]
#[template(path = "people/commune.html")]
struct View<'a> {
    frame: Frame<'a>,
    bar: Bar<'a>,
    is_enrolled: bool,
    notices: Vec<(&'a str, String)>,
    requests: Vec<Line>,
    orders: Vec<(String, String, &'a str)>,
    site: &'a str,
    token: &'a str,
}

struct Line {
    site: String,
    facts: String,
    state: String,
    tone: &'static str,
}

impl CommunePage<'_> {
    /// The HTTP status of the page.
    pub const STATUS: u16 = 200;
    /// Where the page is, and where something is asked for.
    pub const PATH: &'static str = "/enseignant/commune";
    /// The query with the site that the form begins with.
    pub const SITE_QUERY: &'static str = "site";

    /// The whole page.
    #[must_use]
    pub fn render(&self, language: Language) -> String {
        let (place, desk) = (self.place, self.desk);
        let notices = desk.notices.iter().map(|notice| {
            let at = tell_moment(language, place, notice.made);
            (notice.text.as_str(), format!("{} · {at}", notice.author))
        });
        let orders = desk.orders.iter().map(|CommuneOrder { at, kind, about }| {
            (tell_moment(language, place, *at), language.say(name_order(*kind)), about.as_str())
        });
        render(&View {
            frame: Frame::new(place, language),
            bar: Bar::new(language, self.person, self.token, Self::PATH),
            is_enrolled: desk.is_enrolled,
            notices: notices.collect(),
            requests: desk.requests.iter().map(|it| describe(language, place, it)).collect(),
            orders: orders.collect(),
            site: self.site,
            token: self.token,
        })
    }
}

fn describe(language: Language, place: &Place, request: &CommuneRequest) -> Line {
    let CommuneRequest { wanted, asked, sent, answer, .. } = request;
    let wants = match wanted.wants {
        Verdict::Permit => language.say("commune-open"),
        Verdict::Refuse => language.say("commune-close"),
    };
    let facts =
        [wants, wanted.author.to_string(), tell_moment(language, place, *asked), wanted.motive.to_string()];
    let (state, tone) = match (answer, sent, wanted.is_urgent) {
        (Some(answer), ..) => {
            let (key, tone) = match answer.answered {
                Answered::All => ("commune-done-all", "good"),
                Answered::School => ("commune-done-school", "good"),
                Answered::No => ("commune-declined", "bad"),
            };
            let (by, motive) = (answer.author.as_str(), answer.motive.as_str());
            (language.say_with(key, &[("by", by), ("motive", motive)]), tone)
        }
        (None, Some(_), _) => (language.say("commune-told"), "warning"),
        (None, None, true) => (language.say("commune-going"), "warning"),
        (None, None, false) => (language.say("commune-waiting"), "neutral"),
    };
    Line { site: name_host(&wanted.site.clone().into()), facts: facts.join(" · "), state, tone }
}

fn name_order(kind: CommuneOrderKind) -> &'static str {
    match kind {
        CommuneOrderKind::Permit => "commune-order-permit",
        CommuneOrderKind::Refuse => "commune-order-refuse",
        CommuneOrderKind::Lock => "commune-order-lock",
        CommuneOrderKind::Unlock => "commune-order-unlock",
        CommuneOrderKind::TakeBack => "commune-order-take-back",
        CommuneOrderKind::Answer => "commune-order-answer",
        CommuneOrderKind::Prepare => "commune-order-prepare",
        CommuneOrderKind::Unprepare => "commune-order-unprepare",
        CommuneOrderKind::Notice => "commune-order-notice",
        CommuneOrderKind::Release => "commune-order-release",
        CommuneOrderKind::Withdraw => "commune-order-withdraw",
        CommuneOrderKind::Configure => "commune-order-configure",
    }
}

fn tell_moment(language: Language, place: &Place, at: Timestamp) -> String {
    let format = match language {
        Language::French => "%d/%m\u{a0}%H:%M",
        Language::English => "%m-%d\u{a0}%H:%M",
    };
    format_time(&place.timezone, at, format).unwrap_or_default()
}
