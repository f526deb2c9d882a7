//! The page that tells a device what was just refused to it.

use std::net::IpAddr;

use askama::Template;
use model::{Host, Layer, Narrowing, Obstacle, Reason, Subject, Timestamp};

use super::Place;
use super::frame::{Detail, Frame, describe_subject, name_host, render};
use super::people::tell_answer;
use super::reason::{describe_reason, entitle, explain, name_minute};
use crate::{Asked, Language, Refused};

/// Requests that are shown besides those of the refusals.
const ASKED_SHOWN_MAX: usize = 10;

/// Says what was refused to the visitor's device in the last quarter of an hour, why, who may open it and how to
/// ask: where a refused HTTPS site leaves the browser without a page, this is the page.
#[derive(Clone, Copy, Debug)]
pub struct Why<'a> {
    /// Where the page is shown.
    pub place: &'a Place,
    /// Who looks at the page.
    pub visitor: &'a Subject,
    /// From which address.
    pub client: IpAddr,
    /// What was refused to the visitor, the last first.
    pub refusals: &'a [Refused],
    /// Whether the box's clock shows a time that can be right.
    pub is_clock_set: bool,
    /// What it takes to ask for a site; `None` where nobody can be asked.
    pub asking: Option<Asking<'a>>,
}

/// What it takes to ask for a site.
#[derive(Clone, Copy, Debug)]
pub struct Asking<'a> {
    /// The token of the forms.
    pub token: &'a str,
    /// What the device asked for in the last day, the last first.
    pub asked: &'a [Asked],
    /// The time, where the clock is set.
    pub now: Option<Timestamp>,
}

#[derive(Template)]
#[template(path = "why.html")]
struct View<'a> {
    frame: Frame<'a>,
    tone: &'static str,
    headline: String,
    lead: String,
    /// Whether the filter has nothing to do with a site that does not open.
    is_clear: bool,
    refusals: Vec<Item>,
    token: &'a str,
    /// What was asked for, and is not among the refusals.
    asked: Vec<Detail>,
    visitor: Vec<Detail>,
    search: String,
}

/// One refusal on the page.
struct Item {
    host: String,
    when: String,
    title: String,
    reason: String,
    lifter: String,
    /// What became of the request for it.
    answer: Option<String>,
    /// The site that may be asked for.
    site: Option<String>,
    details: Vec<Detail>,
    /// The command that opens the site, where a command does.
    command: Option<String>,
}

impl Why<'_> {
    /// The HTTP status of the page.
    pub const STATUS: u16 = 200;
    /// Where the page is: a word that is easily said across a classroom.
    pub const PATH: &'static str = "/pourquoi";
    /// The field of the form that has the site that is asked for.
    pub const SITE_FIELD: &'static str = "site";

    /// The whole page.
    #[must_use]
    pub fn render(&self, language: Language) -> String {
        let is_clear = self.refusals.iter().all(|refused| refused.is_noise);
        let (tone, headline, lead) = match (is_clear, self.refusals.is_empty()) {
            (false, _) => ("refusal", "why-headline", "why-lead"),
            (true, true) => ("good", "why-headline-none", "why-lead-none"),
            (true, false) => ("good", "why-headline-noise", "why-lead-noise"),
        };
        render(&View {
            frame: Frame::new(self.place, language),
            tone,
            headline: language.say(headline),
            lead: language.say(lead),
            is_clear,
            refusals: self.refusals.iter().map(|refused| self.describe(language, refused)).collect(),
            token: self.asking.map_or("", |asking| asking.token),
            asked: self.list_asked(language),
            visitor: self.describe_visitor(language),
            search: format!(
                "preau journal search --reason maintenance --verdict refuse --device {}",
                self.name_visitor()
            ),
        })
    }

    fn describe(&self, language: Language, refused: &Refused) -> Item {
        let Refused { host, reason, .. } = refused;
        let zone = &self.place.timezone;
        let lifter = match reason.lifter() {
            None if *reason == Reason::Narrowed(Narrowing::Closed) => "why-lifter-closed",
            Some(Layer::Lesson) => "why-lifter-lesson",
            Some(Layer::School) => "why-lifter-school",
            Some(Layer::Commune) => "why-lifter-commune",
            None => "why-lifter-nobody",
        };
        Item {
            host: host.as_ref().map_or_else(|| language.say("why-unnamed"), name_host),
            when: self.tell_when(language, refused),
            title: entitle(language, reason),
            reason: explain(language, zone, reason),
            lifter: language.say(lifter),
            answer: self.find_asked(host.as_ref()).map(|asked| self.tell_asked(language, asked)),
            site: self.find_site(refused),
            details: describe_reason(language, zone, reason),
            command: self.opening_command(refused),
        }
    }

    /// The site that this refusal lets the device ask for: what somebody may lift, and is not asked for yet.
    fn find_site(&self, refused: &Refused) -> Option<String> {
        self.asking?;
        let name = refused.host.as_ref().and_then(Host::name)?;
        let is_wanted = !refused.is_noise && Obstacle::of(&refused.reason).is_some();
        let is_open = self.find_asked(refused.host.as_ref()).is_some_and(|asked| {
            asked.request.answer.is_none() || asked.granted.is_none() && self.is_recent(asked)
        });
        (is_wanted && !is_open).then(|| name.to_string())
    }

    /// Whether an answer is of this day: a site that was declined is not asked for again at once.
    fn is_recent(&self, asked: &Asked) -> bool {
        const DECLINED_MS: u64 = 8 * 3_600_000;
        let now = self.asking.and_then(|asking| asking.now);
        let answer = asked.request.answer.as_ref();
        now.zip(answer).is_none_or(|(now, answer)| now.ms_since(answer.at) < DECLINED_MS)
    }

    /// The request for the site that the host belongs to.
    fn find_asked(&self, host: Option<&Host>) -> Option<&Asked> {
        let name = host.and_then(Host::name)?;
        self.asking?.asked.iter().find(|asked| name.is_under(&asked.request.site))
    }

    /// When it was asked, and who sees it; or the answer.
    fn tell_asked(&self, language: Language, asked: &Asked) -> String {
        let request = &asked.request;
        let now = self.asking.and_then(|asking| asking.now);
        if let Some(answer) = tell_answer(language, self.place, request, asked.granted.as_ref(), now) {
            return answer;
        }
        let at = name_minute(&self.place.timezone, request.asked).filter(|_| self.is_clock_set);
        let is_teachers = request.room.is_some() && request.obstacle.lifter == Layer::Lesson;
        let key = if is_teachers { "why-asked-teacher" } else { "why-asked-head" };
        language.say_with(key, &[("at", at.as_deref().unwrap_or("…"))])
    }

    /// What was asked for, and is not refused any more.
    fn list_asked(&self, language: Language) -> Vec<Detail> {
        let is_refused = |asked: &Asked| {
            let mut hosts = self.refusals.iter().filter_map(|it| it.host.as_ref().and_then(Host::name));
            hosts.any(|host| host.is_under(&asked.request.site))
        };
        let asked = self.asking.map_or(&[][..], |asking| asking.asked);
        let asked = asked.iter().filter(|asked| !is_refused(asked)).take(ASKED_SHOWN_MAX);
        asked
            .map(|it| Detail::new(name_host(&it.request.site.clone().into()), self.tell_asked(language, it)))
            .collect()
    }

    fn tell_when(&self, language: Language, refused: &Refused) -> String {
        let count = language.group_digits(refused.count.into());
        let minute = |at| name_minute(&self.place.timezone, at).filter(|_| self.is_clock_set);
        match (refused.count, minute(refused.first), minute(refused.last)) {
            (1, _, Some(last)) => language.say_with("why-once", &[("last", &last)]),
            (_, Some(first), Some(last)) if first == last => {
                language.say_with("why-minute", &[("count", &count), ("last", &last)])
            }
            (_, Some(first), Some(last)) => {
                language.say_with("why-often", &[("count", &count), ("first", &first), ("last", &last)])
            }
            _ => language.say_with("why-untimed", &[("count", &count)]),
        }
    }

    /// The command that opens the site for this device, where the school may. A lesson's override names a device
    /// that the box knows.
    fn opening_command(&self, refused: &Refused) -> Option<String> {
        let name = refused.host.as_ref().and_then(Host::name)?;
        let layer = match (refused.reason.lifter()?, self.visitor) {
            (Layer::Lesson, Subject::Device(device)) => format!("--device {} --for 1h", device.mac),
            (Layer::School, _) => "--layer school --for 1h".to_owned(),
            (Layer::Lesson, Subject::Unknown(_)) | (Layer::Commune, _) => return None,
        };
        Some(format!("preau override permit {name} {layer} --author \"…\" --reason \"…\""))
    }

    /// The visitor as the journal finds it. No name that people choose: a shell would read it.
    fn name_visitor(&self) -> String {
        self.visitor.mac().map_or_else(|| self.visitor.to_string(), |mac| mac.to_string())
    }

    fn describe_visitor(&self, language: Language) -> Vec<Detail> {
        let mut details = describe_subject(language, self.visitor);
        details.push(Detail::new(language.say("home-address"), self.client.to_string()));
        details
    }
}
