//! The technician's page, and the file that she takes away.

use super::people::{Answer, Content, Signed};
use crate::Trouble;
use crate::pages::people::TechnicianPage;

/// The name of the file for whoever helps from afar.
const SUPPORT_FILE: &str = "preau-assistance.txt";

impl Signed<'_> {
    pub(super) fn technician(&self) -> Answer {
        let (status, diagnosis) = (self.portal.source.status(), self.portal.source.diagnosis());
        let page = TechnicianPage {
            place: &self.portal.settings.place,
            person: self.person,
            status: &status,
            diagnosis: &diagnosis,
            token: &self.token,
            new_points: self.portal.office.count_heard(),
        };
        Answer::page(TechnicianPage::STATUS, page.render(self.visit.language))
    }

    pub(super) fn support(&self) -> Result<Answer, Trouble> {
        let text = self.portal.source.support().ok_or(Trouble::Unavailable)?;
        Ok(Answer::of(Content::Text(SUPPORT_FILE, text)))
    }
}
