//! The charter: what children promise, and what they are promised.

use askama::Template;

use super::frame::{Frame, render};
use super::{Legal, Place};
use crate::Language;
use crate::notices::{Notices, Part};

/// What the box says where the school has no charter of its own, by the words of children.
const RULES: [&str; 8] = [
    "charter-rule-1",
    "charter-rule-2",
    "charter-rule-3",
    "charter-rule-4",
    "charter-rule-5",
    "charter-rule-6",
    "charter-rule-7",
    "charter-rule-8",
];

/// Shows the school's charter, or the one that the box brings.
#[derive(Clone, Copy, Debug)]
pub struct Charter<'a> {
    /// Where the page is shown.
    pub place: &'a Place,
    /// What the school says.
    pub notices: &'a Notices,
}

#[derive(Template)]
#[template(path = "charter.html")]
struct View<'a> {
    frame: Frame<'a>,
    parts: &'a [Part],
    legal_path: &'static str,
}

impl Charter<'_> {
    /// The HTTP status of the page.
    pub const STATUS: u16 = 200;
    /// Where the page is.
    pub const PATH: &'static str = "/charte";

    /// The whole page.
    #[must_use]
    pub fn render(&self, language: Language) -> String {
        let brought = [
            Part::Paragraph(language.say("charter-lead")),
            Part::List(RULES.iter().map(|key| language.say(key)).collect()),
            Part::Heading(language.say("charter-adults")),
            Part::Paragraph(language.say("charter-adults-lead")),
        ];
        let parts = self.notices.charter.as_ref().map_or(&brought[..], |own| &own.parts);
        render(&View { frame: Frame::new(self.place, language), parts, legal_path: Legal::PATH })
    }
}
