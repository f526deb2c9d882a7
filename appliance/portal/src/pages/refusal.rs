//! The page of a refused site.

use askama::Template;
use model::{Host, Layer, Narrowing, Reason, Subject};

use super::Place;
use super::frame::{Detail, Frame, describe_subject, name_host, render};
use super::reason::{describe_reason, entitle, explain};
use crate::Language;

/// Says which site is refused, why, to whom, and where to ask.
#[derive(Clone, Copy, Debug)]
pub struct Refusal<'a> {
    /// Where the page is shown.
    pub place: &'a Place,
    /// Who asked.
    pub subject: &'a Subject,
    /// For which host; `None` where the request named none.
    pub host: Option<&'a Host>,
    /// Why it is refused.
    pub reason: &'a Reason,
}

#[derive(Template)]
#[template(path = "refusal.html")]
struct View<'a> {
    frame: Frame<'a>,
    title: String,
    lead: String,
    host: Option<String>,
    /// Whether there is somebody to ask.
    can_ask: bool,
    teacher: String,
    search: String,
    details: Vec<Detail>,
}

impl Refusal<'_> {
    /// The HTTP status of the page: Forbidden (RFC 9110 section 15.5.4).
    pub const STATUS: u16 = 403;

    /// The whole page.
    #[must_use]
    pub fn render(&self, language: Language) -> String {
        let teacher = match self.reason.lifter() {
            None if *self.reason == Reason::Narrowed(Narrowing::Closed) => "refusal-teacher-closed",
            Some(Layer::Lesson) => "refusal-teacher",
            Some(Layer::School) => "refusal-teacher-school",
            Some(Layer::Commune) => "refusal-teacher-commune",
            None => "refusal-teacher-fault",
        };
        render(&View {
            frame: Frame::new(self.place, language),
            title: entitle(language, self.reason),
            lead: explain(language, &self.place.timezone, self.reason),
            host: self.host.map(name_host),
            can_ask: self.host.is_some_and(|host| host.name().is_some()) && self.reason.lifter().is_some(),
            teacher: language.say(teacher),
            search: self.search_command(),
            details: self.details(language),
        })
    }

    /// The command that finds this refusal in the journal. A host has no character that a shell would read.
    fn search_command(&self) -> String {
        match self.host {
            Some(host) => format!("preau journal search --reason maintenance --verdict refuse --host {host}"),
            None => "preau journal search --reason maintenance --verdict refuse".to_owned(),
        }
    }

    fn details(&self, language: Language) -> Vec<Detail> {
        let mut details = Vec::new();
        if let Some(host) = self.host {
            details.push(Detail::new(language.say("frame-site"), name_host(host)));
        }
        details.extend(describe_reason(language, &self.place.timezone, self.reason));
        details.extend(describe_subject(language, self.subject));
        details
    }
}
