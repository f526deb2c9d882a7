//! The forms of lessons: a touch becomes one call to the office, and leads back to the page it came from.

use jiff::civil::Time;
use model::{DomainName, InternetMode, LessonId, LessonPlan, OverrideId, Timestamp, Verdict};

use super::people::{Answer, Content, Signed};
use crate::pages::people::{
    CommunePage, CouncilSheet, DoorSheet, HeadPage, JoinPage, PreparePage, TeacherPage, WeekPage, WifiSheet,
};
use crate::{CommuneWish, LessonStart, LessonTurn, Trouble, WantedThing};

/// The places of lessons.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LessonPage {
    Room,
    Start,
    Change,
    Finish,
    Site,
    Report,
    KeepReport,
    Register,
    Council,
    Door,
    Join,
    Week,
    RemovePlan,
    Prepare,
    Unprepare,
    Commune,
}

impl LessonPage {
    /// The place of a path in small letters.
    pub(super) fn find(path: &str) -> Option<Self> {
        Some(match path {
            TeacherPage::ROOM_PATH => Self::Room,
            TeacherPage::START_PATH => Self::Start,
            TeacherPage::CHANGE_PATH => Self::Change,
            TeacherPage::FINISH_PATH => Self::Finish,
            TeacherPage::SITE_PATH => Self::Site,
            TeacherPage::REPORT_PATH => Self::Report,
            HeadPage::REPORT_PATH => Self::KeepReport,
            WifiSheet::PATH => Self::Register,
            CouncilSheet::PATH => Self::Council,
            DoorSheet::PATH => Self::Door,
            JoinPage::PATH => Self::Join,
            WeekPage::PATH => Self::Week,
            WeekPage::REMOVE_PATH => Self::RemovePlan,
            PreparePage::PATH => Self::Prepare,
            PreparePage::REMOVE_PATH => Self::Unprepare,
            CommunePage::PATH => Self::Commune,
            _ => return None,
        })
    }

    /// Whether it can be read, whether forms are sent there.
    pub(super) fn takes(self, is_post: bool) -> bool {
        [Self::Week, Self::Prepare, Self::Commune].contains(&self)
            || is_post != [Self::Register, Self::Council, Self::Door, Self::Join].contains(&self)
    }

    /// Whether it is for those who decide for the whole school.
    pub(super) fn directs(self) -> bool {
        self.home() == HeadPage::PATH
    }

    /// The page that a person reads before and after what she does here.
    pub(super) fn home(self) -> &'static str {
        match self {
            Self::Room
            | Self::Start
            | Self::Change
            | Self::Finish
            | Self::Site
            | Self::Report
            | Self::Join => TeacherPage::PATH,
            Self::KeepReport | Self::Register | Self::Council | Self::Door => HeadPage::PATH,
            Self::Week | Self::RemovePlan => WeekPage::PATH,
            Self::Prepare | Self::Unprepare => PreparePage::PATH,
            Self::Commune => CommunePage::PATH,
        }
    }
}

impl Signed<'_> {
    /// Answers what is sent to a place of lessons.
    pub(super) fn lesson(&self, page: LessonPage) -> Result<Answer, Trouble> {
        let (office, client, person) = (&self.portal.office, self.visit.client, self.person);
        match page {
            LessonPage::Room => office.choose_room(person, &self.read("salle")?)?,
            LessonPage::Start => office.start_lesson(client, person, &self.read_start()?)?,
            LessonPage::Change => {
                office.change_lesson(client, person, self.read("cours")?, &self.read_turn()?)?;
            }
            LessonPage::Finish => office.end_lesson(client, person, self.read("cours")?)?,
            LessonPage::Site => {
                let (id, site): (LessonId, DomainName) = (self.read("cours")?, self.read("site")?);
                office.permit_for_lesson(person, id, &site, &self.lesson_motive()?)?;
            }
            LessonPage::Report => {
                let site = self.visit.field("site").unwrap_or_default();
                office.report_site(person, site, &self.read("motif")?)?;
            }
            LessonPage::KeepReport => {
                office.keep_report(client, person, self.read::<OverrideId>("regle")?)?;
            }
            LessonPage::Join => return self.join(),
            LessonPage::Register => return self.print_register(),
            LessonPage::Council => return Ok(self.print_council()),
            LessonPage::Door => {
                let place = &self.portal.settings.place;
                return Ok(Answer::sheet(DoorSheet::STATUS, DoorSheet { place }.render()));
            }
            LessonPage::Week if self.visit.is_post => office.add_plan(client, person, &self.read_plan()?)?,
            LessonPage::Week => return self.show_week(),
            LessonPage::RemovePlan => office.remove_plan(client, person, self.read("plan")?)?,
            LessonPage::Prepare if self.visit.is_post => {
                office.prepare(client, person, &self.read_wanted()?)?;
            }
            LessonPage::Prepare => return self.show_prepared(),
            LessonPage::Unprepare => office.unprepare(client, person, self.read("preparation")?)?,
            LessonPage::Commune if self.visit.is_post => {
                office.ask_commune(person, &self.read_commune_wish()?)?;
            }
            LessonPage::Commune => return self.show_commune(),
        }
        Ok(Answer::see(page.home()))
    }

    fn print_register(&self) -> Result<Answer, Trouble> {
        let (office, place) = (&self.portal.office, &self.portal.settings.place);
        let lines = office.wifi_register()?;
        let sheet = WifiSheet { place, lines: &lines, now: office.now() };
        Ok(Answer::sheet(WifiSheet::STATUS, sheet.render()))
    }

    fn print_council(&self) -> Answer {
        let (office, place) = (&self.portal.office, &self.portal.settings.place);
        let rooms = office.wifi_rooms();
        let sheet = CouncilSheet { place, rooms: &rooms, now: office.now() };
        Answer::sheet(CouncilSheet::STATUS, sheet.render())
    }

    fn show_week(&self) -> Result<Answer, Trouble> {
        let office = &self.portal.office;
        let (plans, room) = (office.plans(self.person)?, office.room_now(self.person)?);
        let page = WeekPage {
            place: &self.portal.settings.place,
            person: self.person,
            plans: &plans,
            rooms: &room.rooms,
            minutes: room.minutes,
            token: &self.token,
        };
        Ok(Answer::page(WeekPage::STATUS, page.render(self.visit.language)))
    }

    fn show_prepared(&self) -> Result<Answer, Trouble> {
        let office = &self.portal.office;
        let (lines, room) = (office.preparations(self.person)?, office.room_now(self.person)?);
        let library = office.library();
        let page = PreparePage {
            place: &self.portal.settings.place,
            person: self.person,
            lines: &lines,
            library: &library,
            rooms: &room.rooms,
            tomorrow: office.tomorrow(),
            token: &self.token,
        };
        Ok(Answer::page(PreparePage::STATUS, page.render(self.visit.language)))
    }

    fn show_commune(&self) -> Result<Answer, Trouble> {
        let site = self.visit.query(CommunePage::SITE_QUERY).unwrap_or_default();
        let page = CommunePage {
            place: &self.portal.settings.place,
            person: self.person,
            desk: &self.portal.office.commune(self.person)?,
            site: &site,
            token: &self.token,
        };
        Ok(Answer::page(CommunePage::STATUS, page.render(self.visit.language)))
    }

    fn read_commune_wish(&self) -> Result<CommuneWish, Trouble> {
        let verdicts = [Verdict::Permit, Verdict::Refuse];
        let wants = verdicts.into_iter().find(|it| Some(it.as_str()) == self.visit.field("effet"));
        Ok(CommuneWish {
            site: self.visit.field("site").unwrap_or_default().to_owned(),
            wants: wants.ok_or(Trouble::Field)?,
            motive: self.read("motif")?,
            is_urgent: self.visit.field("urgent") == Some("1"),
        })
    }

    fn read_wanted(&self) -> Result<WantedThing, Trouble> {
        let room = self.visit.field("salle").filter(|room| !room.is_empty());
        Ok(WantedThing {
            url: self.visit.field("adresse").unwrap_or_default().to_owned(),
            title: self.read("titre")?,
            room: room.map(|_| self.read("salle")).transpose()?,
            day: self.read("jour").map_err(|_| Trouble::Day)?,
        })
    }

    fn read_plan(&self) -> Result<LessonPlan, Trouble> {
        // As browsers send a time: `09:00`, with seconds where somebody types them.
        let from: Time = self.read("debut")?;
        let minute = u16::from(from.hour().unsigned_abs()) * 60 + u16::from(from.minute().unsigned_abs());
        Ok(LessonPlan {
            teacher: self.person.name.clone(),
            room: self.read("salle")?,
            weekday: self.read("jour")?,
            from_minute: minute,
            minutes: self.read("minutes").map_err(|_| Trouble::Length)?,
            internet: self.read_internet()?,
            is_wifi_on: self.visit.field("wifi") == Some("1"),
        })
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

    fn join(&self) -> Result<Answer, Trouble> {
        let office = &self.portal.office;
        let (code, room) = (office.join_code(self.person)?, office.room_now(self.person)?);
        let page = JoinPage {
            place: &self.portal.settings.place,
            person: self.person,
            code: &code,
            room: &room,
            now: office.now(),
            token: &self.token,
        };
        Ok(Answer::of(Content::Live(JoinPage::STATUS, page.render(self.visit.language))))
    }
}
