//! The technician's page: how the box is in green, amber and red, and what to do.

use askama::Template;
use model::Person;

use super::bar::Bar;
use crate::diagnosis::{Diagnosis, SystemRelease};
use crate::pages::Place;
use crate::pages::checks::{Check, Level, check_machine};
use crate::pages::frame::{Frame, render};
use crate::{Chore, ChoreLine, ChoreState, Language, Status};

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
    /// What she may have done at once.
    pub chores: &'a [ChoreLine],
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
    chores: Vec<Offered>,
    points_path: &'static str,
    install: Option<String>,
    install_path: &'static str,
    version: &'a str,
}

/// What may be done at once.
struct Offered {
    word: &'static str,
    name: String,
    /// What has to be ticked first.
    meant: Option<String>,
    /// How far it is, where there is something to say.
    state: Option<String>,
    /// Whether there is nothing to press: it is under way.
    is_busy: bool,
}

impl Offered {
    fn of(language: Language, ChoreLine { chore, state }: ChoreLine) -> Self {
        let name = match chore {
            Chore::Sync => "diagnosis-now-sync",
            Chore::Selftest => "diagnosis-now-selftest",
            Chore::Lists => "diagnosis-now-lists",
            Chore::HeldList => "diagnosis-now-held-list",
        };
        let state_key = match (state, chore) {
            (ChoreState::Free, _) => None,
            (ChoreState::Asked, _) => Some("diagnosis-now-asked"),
            (ChoreState::Running, _) => Some("diagnosis-now-running"),
            (ChoreState::Failed, Chore::Sync) => Some("diagnosis-now-sync-failed"),
            (ChoreState::Failed, Chore::HeldList) => Some("diagnosis-now-held-list-failed"),
            (ChoreState::Failed, Chore::Selftest | Chore::Lists) => Some("diagnosis-now-failed"),
        };
        Self {
            word: chore.as_str(),
            name: language.say(name),
            meant: chore.has_to_be_meant().then(|| language.say("diagnosis-now-meant")),
            state: state_key.map(|key| language.say(key)),
            is_busy: matches!(state, ChoreState::Asked | ChoreState::Running),
        }
    }
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
    /// Where something is asked for that is done at once.
    pub const CHORE_PATH: &'static str = "/technique/maintenant";
    /// What came of the last self-test of the filter.
    pub const SELFTEST_PATH: &'static str = "/technique/autotest";
    /// The field that says what.
    pub const CHORE_FIELD: &'static str = "tache";
    /// The field that says that it is meant.
    pub const MEANT_FIELD: &'static str = "voulu";

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
            chores: self.chores.iter().map(|line| Offered::of(language, *line)).collect(),
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
