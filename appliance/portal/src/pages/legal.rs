//! Whose the log is, what for, for how long, and what rights people have (RGPD, article 13).

use askama::Template;

use super::frame::{Detail, Frame, render};
use super::{Charter, Place};
use crate::Language;
use crate::notices::Notices;

/// Tells everybody whose accesses are on record what has to be told.
#[derive(Clone, Copy, Debug)]
pub struct Legal<'a> {
    /// Where the page is shown.
    pub place: &'a Place,
    /// What the school says.
    pub notices: &'a Notices,
}

#[derive(Template)]
#[template(path = "legal.html")]
struct View<'a> {
    frame: Frame<'a>,
    facts: Vec<Detail>,
    charter_path: &'static str,
}

impl Legal<'_> {
    /// The HTTP status of the page.
    pub const STATUS: u16 = 200;
    /// Where the page is.
    pub const PATH: &'static str = "/mentions";

    /// The whole page.
    #[must_use]
    pub fn render(&self, language: Language) -> String {
        let notices = self.notices;
        let days = language.group_digits(u64::from(notices.days));
        let or_ask = |given: &Option<String>, key: &str| given.clone().unwrap_or_else(|| language.say(key));
        let fact = |key: &str, value: String| Detail::new(language.say(key), value);
        let facts = vec![
            fact("legal-controller", or_ask(&notices.controller, "legal-controller-ask")),
            fact("legal-officer", or_ask(&notices.officer, "legal-officer-ask")),
            fact("legal-purpose", language.say("legal-purpose-text")),
            fact("legal-basis", language.say("legal-basis-text")),
            fact("legal-data", language.say("legal-data-text")),
            fact("legal-readers", language.say("legal-readers-text")),
            fact("legal-days", language.say_with("legal-days-text", &[("days", &days)])),
            fact("legal-rights", language.say("legal-rights-text")),
            fact("legal-complaint", language.say("legal-complaint-text")),
        ];
        render(&View { frame: Frame::new(self.place, language), facts, charter_path: Charter::PATH })
    }
}
