//! The pages with forms: a request becomes one call to the office, and a page or a redirection.

use model::{DomainName, OverrideId, Person, PersonId, RequestId, Role, RoomName, Verdict};

use super::page::Page;
use super::visit::{Jar, Visit, draw_visitor, token_of};
use super::{Portal, why};
use crate::pages::people::{
    CardPage, Choice, GuardedPage, HeadPage, JournalPage, SecretPage, SignInPage, StaffPage, TeacherPage,
    TelephonePage, TroublePage,
};
use crate::pages::{Asking, Notice, Why};
use crate::{Claimed, JoinFile, Newcomer, Reply, SchoolRule, Trouble};

/// What a request is answered by.
pub(super) struct Answer {
    pub(super) content: Content,
    /// Cookies to keep, or to forget.
    pub(super) cookies: Vec<(Jar, Option<String>)>,
}

pub(super) enum Content {
    /// A page with its status.
    Page(u16, String),
    /// The same of a page that hears of changes.
    Live(u16, String),
    /// The same of a sheet of paper.
    Sheet(u16, String),
    /// The web is closed: the page says when to look again.
    Closed(String),
    /// Another page, to be read next.
    See(&'static str),
    /// The same, with a query.
    SeeAt(String),
    /// A file to be taken away, by its name.
    File(String, Vec<u8>),
    /// The same of a file by which devices join.
    Join(JoinFile, String, Vec<u8>),
    /// The same of packed files.
    Packed(&'static str, Vec<u8>),
    /// The same of a text.
    Text(&'static str, String),
}

impl Answer {
    pub(super) fn page(status: u16, html: String) -> Self {
        Self { content: Content::Page(status, html), cookies: Vec::new() }
    }

    pub(super) fn sheet(status: u16, html: String) -> Self {
        Self::of(Content::Sheet(status, html))
    }

    pub(super) fn of(content: Content) -> Self {
        Self { content, cookies: Vec::new() }
    }

    pub(super) fn see(path: &'static str) -> Self {
        Self { content: Content::See(path), cookies: Vec::new() }
    }

    pub(super) fn with(mut self, jar: Jar, value: Option<String>) -> Self {
        self.cookies.push((jar, value));
        self
    }
}

/// Answers a request that the page takes. Blocks.
pub(super) fn answer(portal: &Portal, visit: &Visit, page: Page) -> Answer {
    let outcome = match page {
        Page::Why => answer_why(portal, visit),
        Page::Enrol => super::enrol::answer(portal, visit),
        Page::EnrolLine => super::enrol::answer_line(portal, visit),
        Page::SignIn => answer_sign_in(portal, visit),
        Page::SignOut => sign_out(portal, visit),
        Page::PointsSay => super::points::hear(portal, visit),
        Page::Secret
        | Page::Telephone
        | Page::Teacher
        | Page::TeacherAnswer
        | Page::TeacherEnd
        | Page::Lesson(_)
        | Page::Head
        | Page::HeadAnswer
        | Page::HeadRule
        | Page::HeadEnd
        | Page::Staff
        | Page::StaffReset
        | Page::StaffTelephone
        | Page::StaffRooms
        | Page::StaffDisable
        | Page::Journal
        | Page::JournalOpen
        | Page::JournalClose
        | Page::JournalHold
        | Page::JournalLift
        | Page::JournalSign
        | Page::Keys
        | Page::KeysKeep
        | Page::KeysRemove
        | Page::Reading
        | Page::ReadingUnlock
        | Page::ReadingClasses
        | Page::ReadingExtract
        | Page::Technician
        | Page::Points
        | Page::PointsRelease
        | Page::Devices
        | Page::DevicesRemove
        | Page::Networks
        | Page::NetworkFile
        | Page::NetworkKey
        | Page::Install
        | Page::Seat
        | Page::Line
        | Page::PointsFiles
        | Page::PointsKey
        | Page::Chore
        | Page::LastSelftest
        | Page::Support => answer_signed(portal, visit, page),
    };
    outcome.unwrap_or_else(|trouble| tell(portal, visit, trouble, page.home()))
}

/// Says why something was not done.
fn tell(portal: &Portal, visit: &Visit, trouble: Trouble, back: &str) -> Answer {
    let page = TroublePage { place: &portal.settings.place, trouble, back };
    Answer::page(page.status(), page.render(visit.language))
}

/// A form that was not filled in on the box's own page, or too long ago.
pub(super) fn refuse_form(portal: &Portal, visit: &Visit) -> Answer {
    let notice = Notice::Forged;
    Answer::page(notice.status(), notice.render(&portal.settings.place, visit.language))
}

/// The visitor's cookie, and whether it is new.
pub(super) fn visitor(visit: &Visit) -> Result<(String, bool), Trouble> {
    match visit.cookie(Jar::Visitor) {
        Some(cookie) => Ok((cookie.to_owned(), false)),
        None => Ok((draw_visitor().ok_or(Trouble::Unavailable)?, true)),
    }
}

fn answer_why(portal: &Portal, visit: &Visit) -> Result<Answer, Trouble> {
    if visit.is_post {
        if !visit.is_own_form(Jar::Visitor) {
            return Ok(refuse_form(portal, visit));
        }
        let site = visit.field(Why::SITE_FIELD).and_then(|site| DomainName::parse(site).ok());
        portal.office.ask(visit.client, &site.ok_or(Trouble::Field)?)?;
        return Ok(Answer::see(Why::PATH));
    }
    // What was refused is told also where nobody can be asked.
    let asked = portal.office.asked(visit.client);
    let (cookie, is_new) = visitor(visit)?;
    let token = token_of(&cookie);
    let asking = asked.as_ref().ok().map(|asked| Asking { token: &token, asked, now: portal.office.now() });
    let answer = match why(portal, visit.client, visit.language, asking) {
        Ok(html) => Answer::page(Why::STATUS, html),
        Err(html) => Answer { content: Content::Closed(html), cookies: Vec::new() },
    };
    Ok(if is_new { answer.with(Jar::Visitor, Some(cookie)) } else { answer })
}

fn answer_sign_in(portal: &Portal, visit: &Visit) -> Result<Answer, Trouble> {
    let place = &portal.settings.place;
    if !visit.may_sign_in() {
        let page = GuardedPage { place, authority: portal.authority() };
        return Ok(Answer::page(page.status(), page.render(visit.language)));
    }
    let teachers = portal.office.teachers()?;
    let (cookie, is_new) = visitor(visit)?;
    let (typed_id, typed_name) = if visit.is_post {
        let field = |name: &str| visit.field(name).map(str::to_owned);
        (field(SignInPage::PERSON_FIELD), field(SignInPage::NAME_FIELD))
    } else {
        (visit.query(SignInPage::PERSON_FIELD), visit.query(SignInPage::NAME_FIELD))
    };
    let id = typed_id.as_deref().and_then(|id| id.parse::<PersonId>().ok());
    let mut trouble = None;
    if visit.is_post {
        if !visit.is_own_form(Jar::Visitor) {
            return Ok(refuse_form(portal, visit));
        }
        match sign_in(portal, visit, id, typed_name.as_deref()) {
            Ok(answer) => return Ok(answer),
            Err(error) => trouble = Some(error),
        }
    } else if let Some(person) = find_signed(portal, visit, false)? {
        return Ok(Answer::see(home_of(&person)));
    }
    let choice = match (id, &typed_name) {
        (Some(id), _) => Choice::Tile(id),
        (None, Some(name)) => Choice::Named(name),
        (None, None) => Choice::Nobody,
    };
    let (token, is_clock_set) = (&token_of(&cookie), portal.office.now().is_some());
    let page = SignInPage { place, teachers: &teachers, choice, token, is_clock_set, trouble };
    let status = trouble.map_or(SignInPage::STATUS, |trouble| {
        TroublePage { place, trouble, back: SignInPage::PATH }.status()
    });
    let answer = Answer::page(status, page.render(visit.language));
    Ok(if is_new { answer.with(Jar::Visitor, Some(cookie)) } else { answer })
}

/// A new session under a new token, whatever the browser showed before.
fn sign_in(
    portal: &Portal,
    visit: &Visit,
    id: Option<PersonId>,
    name: Option<&str>,
) -> Result<Answer, Trouble> {
    let claimed = match (id, name.map(str::parse)) {
        (Some(id), _) => Claimed::Tile(id),
        (None, Some(Ok(name))) => Claimed::Named(name),
        (None, Some(Err(_)) | None) => return Err(Trouble::Field),
    };
    let field = |name: &str| visit.field(name).unwrap_or_default();
    let (secret, code) = (field(SignInPage::SECRET_FIELD), field(SignInPage::CODE_FIELD));
    let token = portal.office.sign_in(visit.client, &claimed, secret, code)?;
    let person = portal.office.enter(visit.client, &token, true)?.ok_or(Trouble::Unavailable)?;
    Ok(Answer::see(home_of(&person)).with(Jar::Session, Some(token)))
}

fn home_of(person: &Person) -> &'static str {
    match person.role {
        _ if person.has_first_secret => SecretPage::PATH,
        Role::Teacher => TeacherPage::PATH,
        Role::Head | Role::Technician => HeadPage::PATH,
        Role::Officer => JournalPage::PATH,
    }
}

fn sign_out(portal: &Portal, visit: &Visit) -> Result<Answer, Trouble> {
    let Some(token) = visit.cookie(Jar::Session) else { return Ok(Answer::see(SignInPage::PATH)) };
    if !visit.is_own_form(Jar::Session) {
        return Ok(refuse_form(portal, visit));
    }
    let answer = match portal.office.sign_out(visit.client, token) {
        Ok(()) => Answer::see(SignInPage::PATH),
        Err(trouble) => tell(portal, visit, trouble, Page::SignOut.home()),
    };
    // The browser forgets the session in any case: whoever touches the PC next is somebody else.
    Ok(answer.with(Jar::Session, None))
}

fn find_signed(portal: &Portal, visit: &Visit, is_use: bool) -> Result<Option<Person>, Trouble> {
    match visit.cookie(Jar::Session) {
        Some(token) => portal.office.enter(visit.client, token, is_use),
        None => Ok(None),
    }
}

/// The pages of those who are signed in, with a secret of their own.
fn answer_signed(portal: &Portal, visit: &Visit, page: Page) -> Result<Answer, Trouble> {
    if !visit.may_sign_in() {
        return Ok(Answer::see(SignInPage::PATH));
    }
    let is_following = visit.query(TeacherPage::FOLLOW_QUERY).is_some();
    // A page that loads anew by itself is no sign of somebody in front of it.
    let is_loading = is_following || visit.query(TeacherPage::LIVE_QUERY).is_some();
    let Some(person) = find_signed(portal, visit, visit.is_post || !is_loading)? else {
        return Ok(Answer::see(SignInPage::PATH));
    };
    if visit.is_post && !visit.is_own_form(Jar::Session) {
        return Ok(refuse_form(portal, visit));
    }
    if person.has_first_secret && page != Page::Secret {
        return Ok(Answer::see(SecretPage::PATH));
    }
    if portal.office.lacks_telephone(&person) && !matches!(page, Page::Secret | Page::Telephone) {
        return Ok(Answer::see(TelephonePage::PATH));
    }
    if !page.is_for(person.role) {
        return Err(Trouble::Denied);
    }
    let signed = Signed {
        portal,
        visit,
        person: &person,
        token: token_of(visit.cookie(Jar::Session).unwrap_or_default()),
    };
    answer_as(&signed, page, is_following)
}

/// The page that she wants, who may see it.
fn answer_as(signed: &Signed<'_>, page: Page, is_following: bool) -> Result<Answer, Trouble> {
    let visit = signed.visit;
    match page {
        Page::Secret => signed.secret(),
        Page::Telephone => signed.telephone(),
        Page::Teacher => signed.teacher(is_following),
        Page::Head => signed.head(),
        Page::TeacherAnswer => signed.answer(page, &signed.read_lesson()?),
        Page::HeadAnswer => signed.answer(page, &signed.read_school()?),
        Page::HeadRule => signed.make_rule(),
        Page::TeacherEnd | Page::HeadEnd => signed.end(page),
        Page::Lesson(page) => signed.lesson(page),
        Page::Staff if visit.is_post => signed.add_person(),
        Page::Staff => signed.staff(),
        Page::StaffReset | Page::StaffTelephone | Page::StaffRooms | Page::StaffDisable => {
            signed.change_person(page)
        }
        Page::Journal
        | Page::JournalOpen
        | Page::JournalClose
        | Page::JournalHold
        | Page::JournalLift
        | Page::JournalSign
        | Page::Reading
        | Page::ReadingUnlock
        | Page::ReadingClasses
        | Page::ReadingExtract => signed.journal(page),
        Page::Keys if visit.is_post => signed.draw_key(),
        Page::Keys => signed.keys(),
        Page::KeysKeep => signed.keep_key(),
        Page::KeysRemove => signed.remove_key(),
        Page::Technician => Ok(signed.technician()),
        Page::Support => signed.support(),
        Page::Chore => signed.do_chore(),
        Page::LastSelftest => signed.last_selftest(),
        Page::Points if visit.is_post => signed.adopt_point(),
        Page::Points => signed.points(),
        Page::PointsRelease => signed.release_point(),
        Page::Devices if visit.is_post => signed.add_device(),
        Page::Devices => signed.devices(),
        Page::DevicesRemove => signed.remove_device(),
        Page::Networks | Page::NetworkFile | Page::NetworkKey => signed.wifi(page),
        Page::Install if visit.is_post => signed.install_release(),
        Page::Install => signed.ask_to_install(),
        Page::Seat if visit.is_post => signed.join_hub(),
        Page::Seat => signed.seat(),
        Page::Line if visit.is_post => signed.change_line(),
        Page::Line => signed.line(),
        Page::PointsFiles => signed.point_files(),
        Page::PointsKey => signed.renew_adoption_key(),
        Page::Why | Page::Enrol | Page::EnrolLine | Page::SignIn | Page::SignOut | Page::PointsSay => {
            Err(Trouble::Unknown)
        }
    }
}

/// A request of somebody who is signed in.
pub(super) struct Signed<'a> {
    pub(super) portal: &'a Portal,
    pub(super) visit: &'a Visit,
    pub(super) person: &'a Person,
    pub(super) token: String,
}

impl Signed<'_> {
    fn secret(&self) -> Result<Answer, Trouble> {
        let (visit, person) = (self.visit, self.person);
        let mut trouble = None;
        if visit.is_post {
            match self.change_secret() {
                Ok(token) => {
                    let changed = Person { has_first_secret: false, ..person.clone() };
                    return Ok(Answer::see(home_of(&changed)).with(Jar::Session, Some(token)));
                }
                Err(error) => trouble = Some(error),
            }
        }
        let place = &self.portal.settings.place;
        let page = SecretPage { place, person, token: &self.token, trouble };
        let status = trouble.map_or(SecretPage::STATUS, |trouble| {
            TroublePage { place, trouble, back: SecretPage::PATH }.status()
        });
        Ok(Answer::page(status, page.render(visit.language)))
    }

    fn change_secret(&self) -> Result<String, Trouble> {
        let [old, new, again] = SecretPage::FIELDS.map(|name| self.visit.field(name).unwrap_or_default());
        if new != again {
            return Err(Trouble::SecretSame);
        }
        self.portal.office.change_secret(self.visit.client, self.person, old, new)
    }

    fn teacher(&self, is_following: bool) -> Result<Answer, Trouble> {
        let office = &self.portal.office;
        let (wishes, standing) = (office.wishes(self.person)?, office.standing(self.person)?);
        let room = office.room_now(self.person)?;
        let page = TeacherPage {
            place: &self.portal.settings.place,
            person: self.person,
            room: &room,
            wishes: &wishes,
            standing: &standing,
            now: office.now(),
            token: &self.token,
            is_following,
        };
        Ok(Answer::of(Content::Live(TeacherPage::STATUS, page.render(self.visit.language))))
    }

    fn head(&self) -> Result<Answer, Trouble> {
        let office = &self.portal.office;
        let (wishes, standing) = (office.wishes(self.person)?, office.standing(self.person)?);
        let reports = office.reports()?;
        let sealing = self.portal.source.diagnosis().sealing;
        let lacks_keys = self.person.role.reads_journal() && sealing.is_some_and(|it| !it.has_readers);
        let page = HeadPage {
            place: &self.portal.settings.place,
            person: self.person,
            reports: &reports,
            wishes: &wishes,
            standing: &standing,
            now: office.now(),
            lacks_keys,
            token: &self.token,
        };
        Ok(Answer::page(HeadPage::STATUS, page.render(self.visit.language)))
    }

    fn read_lesson(&self) -> Result<Reply, Trouble> {
        if self.visit.field("refus").is_some() {
            return Ok(Reply::Decline);
        }
        let motive = self.lesson_motive()?;
        if self.visit.field("cours").is_some() {
            return Ok(Reply::ThisLesson { lesson: self.read("cours")?, motive });
        }
        let minutes = self.visit.field("minutes").and_then(|minutes| minutes.parse().ok());
        Ok(Reply::Lesson { minutes: minutes.ok_or(Trouble::Field)?, motive })
    }

    /// Why a teacher opens what her class asks for.
    pub(super) fn lesson_motive(&self) -> Result<model::Motive, Trouble> {
        self.visit.language.say("teacher-motive").parse().map_err(|_| Trouble::Field)
    }

    fn read_school(&self) -> Result<Reply, Trouble> {
        if self.visit.field("refus").is_some() {
            return Ok(Reply::Decline);
        }
        let until = self.visit.field("jusqu").and_then(|day| day.parse().ok()).ok_or(Trouble::Field)?;
        let motive =
            self.visit.field("motif").and_then(|motive| motive.parse().ok()).ok_or(Trouble::Field)?;
        Ok(Reply::School { until, motive })
    }

    /// A rule that she makes without a request.
    fn make_rule(&self) -> Result<Answer, Trouble> {
        let effects = [Verdict::Permit, Verdict::Refuse];
        let effect = effects.into_iter().find(|it| Some(it.as_str()) == self.visit.field("effet"));
        let until = self.visit.field("jusqu").filter(|day| !day.is_empty());
        let rule = SchoolRule {
            site: self.visit.field("site").unwrap_or_default().to_owned(),
            effect: effect.ok_or(Trouble::Field)?,
            until: until.map(|_| self.read("jusqu")).transpose()?,
            motive: self.read("motif")?,
        };
        self.portal.office.make_rule(self.person, &rule)?;
        Ok(Answer::see(HeadPage::PATH))
    }

    fn answer(&self, page: Page, reply: &Reply) -> Result<Answer, Trouble> {
        let id: RequestId = self.read("demande")?;
        self.portal.office.answer(self.visit.client, self.person, id, reply)?;
        Ok(self.see_home(page))
    }

    fn end(&self, page: Page) -> Result<Answer, Trouble> {
        let id: OverrideId = self.read("regle")?;
        self.portal.office.end(self.person, id)?;
        Ok(self.see_home(page))
    }

    /// Back to the page that the form was on, which may go on loading anew.
    fn see_home(&self, page: Page) -> Answer {
        match self.visit.field(TeacherPage::FOLLOW_QUERY) {
            Some(_) if page.home() == TeacherPage::PATH => Answer::see(TeacherPage::FOLLOW_PATH),
            Some(_) | None => Answer::see(page.home()),
        }
    }

    fn staff(&self) -> Result<Answer, Trouble> {
        let office = &self.portal.office;
        let (people, rooms) = (office.people()?, office.rooms()?);
        let page = StaffPage {
            place: &self.portal.settings.place,
            person: self.person,
            people: &people,
            rooms: &rooms,
            token: &self.token,
        };
        Ok(Answer::page(StaffPage::STATUS, page.render(self.visit.language)))
    }

    fn add_person(&self) -> Result<Answer, Trouble> {
        let rooms = self.visit.fields("salle").map(str::parse).collect::<Result<_, _>>();
        let new = Newcomer {
            name: self.read("nom")?,
            role: self.read("role")?,
            rooms: rooms.map_err(|_| Trouble::Field)?,
        };
        self.show(&self.portal.office.add_person(self.visit.client, self.person, &new)?)
    }

    /// What is changed of somebody who is registered.
    fn change_person(&self, page: Page) -> Result<Answer, Trouble> {
        if page == Page::StaffReset {
            return self.reset_person();
        }
        if page == Page::StaffTelephone {
            return self.remove_telephone();
        }
        if page == Page::StaffDisable {
            return self.disable_person();
        }
        let rooms = self.visit.fields("salle").map(str::parse).collect::<Result<Vec<RoomName>, _>>();
        let (id, rooms) = (self.read("personne")?, rooms.map_err(|_| Trouble::Field)?);
        self.portal.office.change_rooms(self.visit.client, self.person, id, &rooms)?;
        Ok(Answer::see(StaffPage::PATH))
    }

    fn reset_person(&self) -> Result<Answer, Trouble> {
        let id = self.read("personne")?;
        self.show(&self.portal.office.reset_person(self.visit.client, self.person, id)?)
    }

    /// A card is in no address that could be called up again: it is the answer to the form itself.
    fn show(&self, card: &crate::Card) -> Result<Answer, Trouble> {
        let place = &self.portal.settings.place;
        let page = CardPage { place, person: self.person, card, token: &self.token };
        Ok(Answer::page(CardPage::STATUS, page.render(self.visit.language)))
    }

    fn disable_person(&self) -> Result<Answer, Trouble> {
        let id = self.read("personne")?;
        self.portal.office.disable_person(self.visit.client, self.person, id)?;
        Ok(Answer::see(StaffPage::PATH))
    }

    pub(super) fn read<T: std::str::FromStr>(&self, name: &str) -> Result<T, Trouble> {
        self.visit.field(name).and_then(|text| text.parse().ok()).ok_or(Trouble::Field)
    }
}
