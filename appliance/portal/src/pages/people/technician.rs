//! The technician's page: how the box is in green, amber and red, and what to do.

use askama::Template;
use model::Person;

use super::bar::Bar;
use crate::diagnosis::{Diagnosis, SystemRelease};
use crate::pages::Place;
use crate::pages::checks::{Check, Level, check_machine};
use crate::pages::frame::{Frame, render};
use crate::{Language, Status};

/// Says what works, what does not, what to do, and gives the file for whoever helps from afar.
#[derive(Clone, Copy, Debug)]
pub struct TechnicianPage<'a> {
    /// Where the page is shown.
    pub place: &'a Place,
    /// Who looks at it.
    pub person: &'a Person,
    /// How the box is.
    pub status: &'a Status,
    /// How its machine is.
    pub diagnosis: &'a Diagnosis,
    /// What goes with her forms.
    pub token: &'a str,
    /// How many access points were plugged in that nobody has adopted.
    pub new_points: usize,
}

#[derive(Template)]
#[template(path = "people/technician.html")]
struct View<'a> {
    frame: Frame<'a>,
    bar: Bar<'a>,
    tone: &'static str,
    headline: String,
    checks: Vec<Shown>,
    token: &'a str,
    new_points: Option<String>,
    points_path: &'static str,
    install: Option<String>,
    install_path: &'static str,
    version: &'a str,
}

/// A check, and what to do.
struct Shown {
    check: Check,
    remedy: Option<String>,
}

impl TechnicianPage<'_> {
    /// The HTTP status of the page.
    pub const STATUS: u16 = 200;
    /// Where the page is.
    pub const PATH: &'static str = "/technique";
    /// Where the file for support is taken away.
    pub const SUPPORT_PATH: &'static str = "/technique/assistance";

    /// The whole page.
    #[must_use]
    pub fn render(&self, language: Language) -> String {
        let mut checks = check_machine(language, self.status, self.diagnosis);
        // What somebody has to see to comes first; of equals, as ever.
        checks.sort_by_key(|check| std::cmp::Reverse(check.level.max(Level::Neutral)));
        let count = checks.iter().filter(|check| check.level.needs_attention()).count();
        let (tone, headline) = match checks.first().map(|check| check.level) {
            Some(Level::Bad) => ("bad", "diagnosis-bad"),
            Some(Level::Warning) => ("warning", "diagnosis-warning"),
            Some(Level::Good | Level::Neutral) | None => ("good", "diagnosis-good"),
        };
        let checks = checks.into_iter().map(|check| Shown { remedy: check.remedy(language), check });
        render(&View {
            frame: Frame::new(self.place, language),
            bar: Bar::new(language, self.person, self.token, Self::PATH),
            tone,
            headline: language.say_with(headline, &[("count", &count.to_string())]),
            checks: checks.collect(),
            token: self.token,
            new_points: (self.new_points > 0)
                .then(|| language.say_with("points-plugged", &[("count", &self.new_points.to_string())])),
            points_path: super::PointsPage::PATH,
            install: self
                .diagnosis
                .release
                .as_ref()
                .and_then(SystemRelease::installable)
                .map(|version| language.say_with("diagnosis-install", &[("version", version)])),
            install_path: super::InstallPage::PATH,
            version: &self.status.version,
        })
    }
}
