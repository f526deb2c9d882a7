//! The page of a site that may be seen and cannot be reached.

use askama::Template;
use model::Host;

use super::Place;
use super::frame::{Detail, Frame, name_host, render};
use crate::Language;

/// Says that the site is not there, and that the school's filter is not the reason.
#[derive(Clone, Copy, Debug)]
pub struct Unreachable<'a> {
    /// Where the page is shown.
    pub place: &'a Place,
    /// What was asked for.
    pub host: &'a Host,
    /// Why there is no answer.
    pub cause: Cause,
}

/// Why a permitted site cannot be reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Cause {
    /// The name does not exist, or has no address.
    NoAddress,
    /// None of its addresses answered.
    NoAnswer,
    /// No name server answered: most often the school's line is down.
    NoResolver,
    /// The name leads to the box, the school's network or another place that the gate never dials.
    Inward,
}

#[derive(Template)]
#[template(path = "unreachable.html")]
struct View<'a> {
    frame: Frame<'a>,
    title: String,
    lead: String,
    host: String,
    actions: Vec<String>,
    details: Vec<Detail>,
}

/// The messages of one cause.
struct Words {
    title: &'static str,
    lead: &'static str,
    cause: &'static str,
    actions: &'static [&'static str],
}

impl Cause {
    /// The HTTP status of the page: Gateway Timeout where something stays silent, else Bad Gateway (RFC 9110
    /// sections 15.6.3 and 15.6.5).
    #[must_use]
    pub fn status(self) -> u16 {
        match self {
            Self::NoAddress | Self::Inward => 502,
            Self::NoAnswer | Self::NoResolver => 504,
        }
    }

    fn words(self) -> Words {
        match self {
            Self::NoAddress => Words {
                title: "unreachable-title-no-address",
                lead: "unreachable-lead-no-address",
                cause: "unreachable-cause-no-address",
                actions: &["unreachable-check-name"],
            },
            Self::NoAnswer => Words {
                title: "unreachable-title-no-answer",
                lead: "unreachable-lead-no-answer",
                cause: "unreachable-cause-no-answer",
                actions: &["unreachable-retry", "unreachable-compare"],
            },
            Self::NoResolver => Words {
                title: "unreachable-title-no-resolver",
                lead: "unreachable-lead-no-resolver",
                cause: "unreachable-cause-no-resolver",
                actions: &["unreachable-retry", "unreachable-report-line"],
            },
            Self::Inward => Words {
                title: "unreachable-title-inward",
                lead: "unreachable-lead-inward",
                cause: "unreachable-cause-inward",
                actions: &["unreachable-check-name", "unreachable-report-name"],
            },
        }
    }
}

impl Unreachable<'_> {
    /// The whole page. Its HTTP status is [`Cause::status`].
    #[must_use]
    pub fn render(&self, language: Language) -> String {
        let words = self.cause.words();
        let host = name_host(self.host);
        render(&View {
            frame: Frame::new(self.place, language),
            title: language.say(words.title),
            lead: language.say(words.lead),
            actions: words.actions.iter().map(|key| language.say(key)).collect(),
            details: vec![
                Detail::new(language.say("frame-site"), host.as_str()),
                Detail::new(language.say("unreachable-cause"), language.say(words.cause)),
            ],
            host,
        })
    }
}
