//! The page of the closed web.

use askama::Template;
use model::Host;

use super::Place;
use super::frame::{Detail, Frame, name_host, render};
use crate::Language;

/// Says that nothing passes while the journal cannot be written, whom to tell, and that it reopens by itself.
#[derive(Clone, Copy, Debug)]
pub struct Closed<'a> {
    /// Where the page is shown.
    pub place: &'a Place,
    /// What was asked for; `None` where the request named no host.
    pub host: Option<&'a Host>,
}

#[derive(Template)]
#[template(path = "closed.html")]
struct View<'a> {
    frame: Frame<'a>,
    details: Vec<Detail>,
}

impl Closed<'_> {
    /// The HTTP status of the page: Service Unavailable (RFC 9110 section 15.6.4).
    pub const STATUS: u16 = 503;
    /// When to try again, in seconds, for `Retry-After`: the journal is tried again far more often than that.
    pub const RETRY_AFTER_S: u32 = 30;

    /// The whole page.
    #[must_use]
    pub fn render(&self, language: Language) -> String {
        let mut details = Vec::new();
        if let Some(host) = self.host {
            details.push(Detail::new(language.say("frame-site"), name_host(host)));
        }
        details.push(Detail::new(language.say("closed-cause"), language.say("closed-cause-journal")));
        render(&View { frame: Frame::new(self.place, language), details })
    }
}
