//! The technician's page, and the file that she takes away.

use super::enrol::read_line;
use super::people::{Answer, Content, Signed};
use crate::pages::SelftestReport;
use crate::pages::people::{InstallPage, LinePage, SeatPage, TechnicianPage};
use crate::{Chore, JoinTrouble, LineTrouble, Trouble, TypedHub, TypedLine};

/// The name of the file for whoever helps from afar.
const SUPPORT_FILE: &str = "preau-assistance.txt";

impl Signed<'_> {
    pub(super) fn technician(&self) -> Answer {
        let (status, diagnosis) = (self.portal.source.status(), self.portal.source.diagnosis());
        let chores = self.portal.office.chores();
        let page = TechnicianPage {
            place: &self.portal.settings.place,
            person: self.person,
            status: &status,
            diagnosis: &diagnosis,
            token: &self.token,
            new_points: self.portal.office.count_heard(),
            chores: &chores,
        };
        Answer::page(TechnicianPage::STATUS, page.render(self.visit.language))
    }

    /// Has something done at once that the box does by itself at its time.
    pub(super) fn do_chore(&self) -> Result<Answer, Trouble> {
        let chore = self.visit.field(TechnicianPage::CHORE_FIELD).and_then(Chore::read);
        let chore = chore.ok_or(Trouble::Field)?;
        if chore.has_to_be_meant() && self.visit.field(TechnicianPage::MEANT_FIELD).is_none() {
            return Err(Trouble::Field);
        }
        self.portal.office.do_chore(self.visit.client, self.person, chore)?;
        Ok(Answer::see(TechnicianPage::PATH))
    }

    /// What came of the last self-test, attack by attack: what `preau selftest history` says where there is a shell.
    pub(super) fn last_selftest(&self) -> Result<Answer, Trouble> {
        let mut run = self.portal.office.last_selftest()?;
        run.helpdesk.clone_from(&self.portal.settings.place.helpdesk);
        Ok(Answer::sheet(TechnicianPage::STATUS, SelftestReport::of(&run).whole().render()))
    }

    /// What putting in the release that waits means at this moment.
    pub(super) fn ask_to_install(&self) -> Result<Answer, Trouble> {
        let release = self.portal.office.waiting_release()?;
        let place = &self.portal.settings.place;
        let page = InstallPage { place, person: self.person, release: &release, token: &self.token };
        Ok(Answer::page(InstallPage::STATUS, page.render(self.visit.language)))
    }

    pub(super) fn install_release(&self) -> Result<Answer, Trouble> {
        let version = self.read("version")?;
        let is_despite_lessons = self.visit.field(InstallPage::LESSONS_FIELD).is_some();
        self.portal.office.install_release(self.visit.client, self.person, &version, is_despite_lessons)?;
        Ok(Answer::see(TechnicianPage::PATH))
    }

    /// Where the box is enrolled.
    pub(super) fn seat(&self) -> Result<Answer, Trouble> {
        self.show_seat("", None)
    }

    pub(super) fn join_hub(&self) -> Result<Answer, Trouble> {
        let field = |name: &str| self.visit.field(name).unwrap_or_default();
        let (code, hub) = (field(SeatPage::CODE_FIELD), field(SeatPage::HUB_FIELD));
        let typed = TypedHub { code, hub, secret: field(SeatPage::SECRET_FIELD) };
        match self.portal.office.join_hub(self.visit.client, self.person, &typed) {
            Ok(()) => Ok(Answer::see(SeatPage::PATH)),
            Err(trouble) => self.show_seat(hub, Some(trouble)),
        }
    }

    fn show_seat(&self, hub: &str, trouble: Option<JoinTrouble>) -> Result<Answer, Trouble> {
        let seat = self.portal.office.hub_seat()?;
        let (place, person, token) = (&self.portal.settings.place, self.person, self.token.as_str());
        let page = SeatPage { place, person, seat: &seat, hub, trouble, token };
        Ok(Answer::page(page.status(), page.render(self.visit.language)))
    }

    /// How the box is on its line.
    pub(super) fn line(&self) -> Result<Answer, Trouble> {
        self.show_line(None, None)
    }

    pub(super) fn change_line(&self) -> Result<Answer, Trouble> {
        let typed = read_line(self.visit);
        match self.portal.office.change_line(self.visit.client, self.person, &typed) {
            Ok(()) => Ok(Answer::see(LinePage::PATH)),
            Err(trouble) => self.show_line(Some(typed), Some(trouble)),
        }
    }

    fn show_line(
        &self,
        typed: Option<TypedLine<'_>>,
        trouble: Option<LineTrouble>,
    ) -> Result<Answer, Trouble> {
        let seat = self.portal.office.line().ok_or(Trouble::Unknown)?;
        let (place, person, token) = (&self.portal.settings.place, Some(self.person), self.token.as_str());
        let page = LinePage { place, person, seat: &seat, typed, trouble, token };
        Ok(Answer::page(page.status(), page.render(self.visit.language)))
    }

    pub(super) fn support(&self) -> Result<Answer, Trouble> {
        let text = self.portal.source.support().ok_or(Trouble::Unavailable)?;
        Ok(Answer::of(Content::Text(SUPPORT_FILE, text)))
    }
}
