//! The forms of lessons: a touch becomes one call to the office, and leads back to the teacher's page.

use model::{DomainName, InternetMode, LessonId, OverrideId, Timestamp};

use super::page::Page;
use super::people::{Answer, Signed};
use crate::pages::people::{HeadPage, TeacherPage, WifiSheet};
use crate::{LessonStart, LessonTurn, Trouble};

impl Signed<'_> {
    /// Answers what is sent to a place of lessons.
    pub(super) fn lesson(&self, page: Page) -> Result<Answer, Trouble> {
        let (office, client, person) = (&self.portal.office, self.visit.client, self.person);
        match page {
            Page::TeacherRoom => office.choose_room(person, &self.read("salle")?)?,
            Page::LessonStart => office.start_lesson(client, person, &self.read_start()?)?,
            Page::LessonChange => {
                office.change_lesson(client, person, self.read("cours")?, &self.read_turn()?)?;
            }
            Page::LessonEnd => office.end_lesson(client, person, self.read("cours")?)?,
            Page::LessonSite => {
                let (id, site): (LessonId, DomainName) = (self.read("cours")?, self.read("site")?);
                office.permit_for_lesson(person, id, &site, &self.lesson_motive()?)?;
            }
            Page::TeacherReport => {
                let site = self.visit.field("site").unwrap_or_default();
                office.report_site(person, site, &self.read("motif")?)?;
            }
            Page::HeadReport => {
                let id: OverrideId = self.read("regle")?;
                office.keep_report(id)?;
                return Ok(Answer::see(HeadPage::PATH));
            }
            Page::HeadWifi => {
                let lines = office.wifi_register()?;
                let sheet =
                    WifiSheet { place: &self.portal.settings.place, lines: &lines, now: office.now() };
                return Ok(Answer::sheet(WifiSheet::STATUS, sheet.render()));
            }
            // Whatever else there is has answers of its own.
            _ => return Err(Trouble::Unknown),
        }
        Ok(Answer::see(TeacherPage::PATH))
    }

    fn read_start(&self) -> Result<LessonStart, Trouble> {
        let takes_over = self.visit.field("prendre").map(|_| self.read("prendre")).transpose()?;
        Ok(LessonStart {
            room: self.read("salle")?,
            minutes: self.read("minutes").map_err(|_| Trouble::Length)?,
            internet: self.read_internet()?,
            is_wifi_on: self.visit.field("wifi") == Some("1"),
            takes_over,
        })
    }

    /// The one thing that a button of a lesson changes.
    fn read_turn(&self) -> Result<LessonTurn, Trouble> {
        if self.visit.field("internet").is_some() {
            return Ok(LessonTurn::Internet(self.read_internet()?));
        }
        if let Some(wifi) = self.visit.field("wifi") {
            return Ok(LessonTurn::Wifi(wifi == "1"));
        }
        Ok(LessonTurn::Until(Timestamp::from_unix_ms(self.read("fin")?)))
    }

    fn read_internet(&self) -> Result<InternetMode, Trouble> {
        let sites = self.visit.field("sites").unwrap_or_default();
        let word = self.visit.field("internet").ok_or(Trouble::Field)?;
        InternetMode::read(word, sites).map_err(|_| Trouble::Sites)
    }
}
