//! Before a release of the machine's system is put into place by day: what that means for the school at this moment.

use askama::Template;
use model::Person;

use super::bar::Bar;
use crate::pages::Place;
use crate::pages::frame::{Frame, render};
use crate::{Language, WaitingRelease};

/// Asks whether it is meant.
#[derive(Clone, Copy, Debug)]
pub struct InstallPage<'a> {
    /// Where the page is shown.
    pub place: &'a Place,
    /// Who looks at it.
    pub person: &'a Person,
    /// What waits.
    pub release: &'a WaitingRelease,
    /// What goes with her form.
    pub token: &'a str,
}

#[derive(Template)]
#[template(path = "people/install.html")]
struct View<'a> {
    frame: Frame<'a>,
    bar: Bar<'a>,
    version: String,
    lead: String,
    lessons: Option<String>,
    token: &'a str,
}

impl InstallPage<'_> {
    /// The HTTP status of the page.
    pub const STATUS: u16 = 200;
    /// Where the page is, and where its form goes.
    pub const PATH: &'static str = "/technique/version";
    /// The field that says that lessons do not matter.
    pub const LESSONS_FIELD: &'static str = "cours";

    /// The whole page.
    #[must_use]
    pub fn render(&self, language: Language) -> String {
        let (version, lessons) = (self.release.version.to_string(), self.release.lessons);
        let count = lessons.to_string();
        render(&View {
            frame: Frame::new(self.place, language),
            bar: Bar::new(language, self.person, self.token, super::TechnicianPage::PATH),
            lead: language.say_with("diagnosis-install-lead", &[("version", &version)]),
            lessons: (lessons > 0)
                .then(|| language.say_with("diagnosis-install-lessons", &[("count", &count)])),
            version,
            token: self.token,
        })
    }
}
