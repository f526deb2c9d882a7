//! The page that tells a device what was just refused to it.

use std::net::IpAddr;

use askama::Template;
use model::{Host, Layer, Subject};

use super::Place;
use super::frame::{Detail, Frame, describe_subject, name_host, render};
use super::reason::{describe_reason, entitle, explain, name_minute};
use crate::{Language, Refused};

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
    details: Vec<Detail>,
    /// The command that opens the site, where a command does.
    command: Option<String>,
}

impl Why<'_> {
    /// The HTTP status of the page.
    pub const STATUS: u16 = 200;
    /// Where the page is: a word that is easily said across a classroom.
    pub const PATH: &'static str = "/pourquoi";

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
            visitor: self.describe_visitor(language),
            search: format!("preau journal search --verdict refuse --device {}", self.name_visitor()),
        })
    }

    fn describe(&self, language: Language, refused: &Refused) -> Item {
        let Refused { host, reason, .. } = refused;
        let zone = &self.place.timezone;
        let lifter = match reason.lifter() {
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
            details: describe_reason(language, zone, reason),
            command: self.opening_command(refused),
        }
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
