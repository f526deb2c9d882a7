//! The page of a refused site.

use askama::Template;
use model::{Fault, Host, Layer, Reason, Subject};

use super::Place;
use super::frame::{Detail, Frame, describe_subject, name_host, render};
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
        let (title, teacher) = match self.reason {
            Reason::Fault(_) => ("refusal-title-fault", "refusal-teacher-fault"),
            Reason::Locked { .. } => ("refusal-title-listed", "refusal-teacher-locked"),
            Reason::NotListed
            | Reason::Listed { .. }
            | Reason::WhiteListed { .. }
            | Reason::Workspace { .. }
            | Reason::NotWhiteListed
            | Reason::ClosedHours
            | Reason::Ruled(_) => ("refusal-title-listed", "refusal-teacher"),
        };
        render(&View {
            frame: Frame::new(self.place, language),
            title: language.say(title),
            lead: explain(language, self.reason),
            host: self.host.map(name_host),
            teacher: language.say(teacher),
            search: self.search_command(),
            details: self.details(language),
        })
    }

    /// The command that finds this refusal in the journal. A host has no character that a shell would read.
    fn search_command(&self) -> String {
        match self.host {
            Some(host) => format!("preau journal search --verdict refuse --host {host}"),
            None => "preau journal search --verdict refuse".to_owned(),
        }
    }

    fn details(&self, language: Language) -> Vec<Detail> {
        let mut details = Vec::new();
        if let Some(host) = self.host {
            details.push(Detail::new(language.say("frame-site"), name_host(host)));
        }
        match self.reason {
            Reason::Listed { category, entry }
            | Reason::Locked { category, entry }
            | Reason::WhiteListed { category, entry } => {
                details.push(Detail::new(language.say("refusal-category"), language.name_category(category)));
                details.push(Detail::new(language.say("refusal-entry"), entry.as_ref()));
            }
            Reason::Ruled(ruling) => {
                details.push(Detail::new(language.say("refusal-rule"), ruling.entry.as_ref()));
                details.push(Detail::new(language.say("refusal-author"), ruling.author.as_str()));
            }
            Reason::Fault(fault) => {
                let cause = format!("{} ({})", language.say(name_fault(*fault)), fault.as_str());
                details.push(Detail::new(language.say("refusal-cause"), cause));
            }
            Reason::NotListed | Reason::Workspace { .. } | Reason::NotWhiteListed | Reason::ClosedHours => {}
        }
        details.extend(describe_subject(language, self.subject));
        details
    }
}

fn explain(language: Language, reason: &Reason) -> String {
    match reason {
        Reason::Listed { category, .. } => {
            language.say_with("refusal-listed", &[("category", &language.name_category(category))])
        }
        Reason::Locked { category, .. } => {
            language.say_with("refusal-locked", &[("category", &language.name_category(category))])
        }
        Reason::NotWhiteListed => language.say("refusal-not-white-listed"),
        Reason::ClosedHours => language.say("refusal-closed-hours"),
        Reason::Ruled(ruling) => language.say(match ruling.layer {
            Layer::Commune => "refusal-ruled-commune",
            Layer::School => "refusal-ruled-school",
            Layer::Lesson => "refusal-ruled-lesson",
        }),
        Reason::NotListed | Reason::WhiteListed { .. } | Reason::Workspace { .. } => {
            language.say("refusal-other")
        }
        Reason::Fault(fault) => language.say(match fault {
            Fault::Unnamed => "refusal-unnamed",
            Fault::AddressLiteral => "refusal-address-literal",
            Fault::NotTls => "refusal-not-tls",
            Fault::Malformed => "refusal-malformed",
            Fault::Port => "refusal-port",
            Fault::Evasion => "refusal-evasion",
            Fault::Tunnel => "refusal-tunnel",
            Fault::Inward => "refusal-inward",
        }),
    }
}

fn name_fault(fault: Fault) -> &'static str {
    match fault {
        Fault::Unnamed => "refusal-cause-unnamed",
        Fault::AddressLiteral => "refusal-cause-address-literal",
        Fault::NotTls => "refusal-cause-not-tls",
        Fault::Malformed => "refusal-cause-malformed",
        Fault::Port => "refusal-cause-port",
        Fault::Evasion => "refusal-cause-evasion",
        Fault::Tunnel => "refusal-cause-tunnel",
        Fault::Inward => "refusal-cause-inward",
    }
}
