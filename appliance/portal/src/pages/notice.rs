//! The page of a request to the portal that leads nowhere.

use askama::Template;

use super::Place;
use super::frame::{Frame, render};
use crate::Language;

/// Why the portal has nothing to show.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Notice {
    /// No page has this path.
    NotFound,
    /// The request names a host that is not the box: a rebound name, or a mistake.
    Misdirected,
    /// The page can only be read.
    Method,
    /// A form was not filled in on the box's own page, or in another session.
    Forged,
}

#[derive(Template)]
#[template(path = "notice.html")]
struct View<'a> {
    frame: Frame<'a>,
    title: String,
    lead: String,
}

impl Notice {
    /// The HTTP status of the page: Not Found, Misdirected Request, Method Not Allowed or Forbidden (RFC 9110
    /// sections 15.5.5, 15.5.20, 15.5.6 and 15.5.4).
    #[must_use]
    pub fn status(self) -> u16 {
        match self {
            Self::NotFound => 404,
            Self::Misdirected => 421,
            Self::Method => 405,
            Self::Forged => 403,
        }
    }

    /// The whole page.
    #[must_use]
    pub fn render(self, place: &Place, language: Language) -> String {
        let (title, lead) = match self {
            Self::NotFound => ("notice-title-not-found", "notice-lead-not-found"),
            Self::Misdirected => ("notice-title-misdirected", "notice-lead-misdirected"),
            Self::Method => ("notice-title-method", "notice-lead-method"),
            Self::Forged => ("notice-title-forged", "notice-lead-forged"),
        };
        let (title, lead) = (language.say(title), language.say(lead));
        render(&View { frame: Frame::new(place, language), title, lead })
    }
}
