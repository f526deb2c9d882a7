//! A school: how it is, its codes, its box, what the hub keeps of it.

use model::Timestamp;
use replication::{CodeNumber, School};

use super::{Answer, Content, Desk};
use crate::fleet::judge;
use crate::make_code;
use crate::office::{Signed, Trouble};
use crate::pages::school::{SHOWN_MAX, SchoolPage, archive, code};
use crate::register::history::REPORT_DAYS_MAX;
use crate::register::people::Duty;
use crate::register::{BoxId, BoxState};

const HOUR_MS: i64 = 3_600_000;
/// For how many hours a code may be good: those that the page offers.
const HOURS: [&str; 4] = ["1", "24", "72", "168"];

impl Desk<'_> {
    pub(super) fn school(self, signed: &Signed, uai: &str) -> Result<Answer, Trouble> {
        let (school, boxes) = self.find_school(uai)?;
        let pending = self.hub.register.pending_web_orders()?;
        let sight = judge(school, boxes.clone(), &pending, &self.measure()?);
        let since = self.now.unix_ms().saturating_sub(REPORT_DAYS_MAX * 24 * HOUR_MS);
        let reports = match &sight.present {
            Some(state) => self.office.history.reports(state.id, Timestamp::from_unix_ms(since))?,
            None => Vec::new(),
        };
        let mut codes = self.hub.register.open_codes(self.now)?;
        codes.retain(|code| code.uai == uai);
        let page = SchoolPage {
            place: self.place,
            bar: self.bar(signed, "/ecole"),
            member: &signed.member,
            sight: &sight,
            standings: &self.office.history.standings()?,
            boxes: &boxes,
            codes: &codes,
            reports: &reports,
        };
        Ok(Answer::page(page.render()))
    }

    pub(super) fn find_school(self, uai: &str) -> Result<(School, Vec<BoxState>), Trouble> {
        let schools = self.hub.register.schools()?;
        let school = schools.into_iter().find(|school| school.uai == uai).ok_or(Trouble::Unknown)?;
        let mut boxes = self.hub.register.boxes()?;
        boxes.retain(|state| state.uai == uai);
        Ok((school, boxes))
    }

    fn find_box(self, uai: &str, id: &str) -> Result<(School, BoxState), Trouble> {
        let id = BoxId(id.parse().map_err(|_| Trouble::Unknown)?);
        let (school, boxes) = self.find_school(uai)?;
        let state = boxes.into_iter().find(|state| state.id == id).ok_or(Trouble::Unknown)?;
        Ok((school, state))
    }

    pub(super) fn add_school(self, signed: &Signed) -> Result<Answer, Trouble> {
        self.allow(signed, Duty::Technician)?;
        let field = |name: &str| self.visit.field(name).unwrap_or_default().trim().to_owned();
        let rooms = field("salles");
        let rooms = rooms.split(',').map(str::trim).filter(|room| !room.is_empty()).map(str::to_owned);
        let school = School { uai: field("uai").to_uppercase(), name: field("nom"), rooms: rooms.collect() };
        school.check().ok_or(Trouble::Field)?;
        if self.hub.register.schools()?.iter().any(|other| other.uai == school.uai) {
            return Err(Trouble::Race);
        }
        self.office.act(signed, "school-added", &format!("{} {}", school.uai, school.name), self.now)?;
        self.hub.register.put_school(&school)?;
        Ok(Answer::see(format!("/ecole/{}", school.uai)))
    }

    pub(super) fn make_code(self, signed: &Signed, uai: &str) -> Result<Answer, Trouble> {
        self.allow(signed, Duty::Technician)?;
        let (school, _) = self.find_school(uai)?;
        let known = uai.parse().map_err(|_| Trouble::Unknown)?;
        let hours = self.visit.field("heures").filter(|hours| HOURS.contains(hours)).ok_or(Trouble::Field)?;
        let hours: i64 = hours.parse().map_err(|_| Trouble::Field)?;
        let is_replacement = self.visit.field("remplacement").is_some();
        let until = Timestamp::from_unix_ms(self.now.unix_ms().saturating_add(hours * HOUR_MS));
        let deed = if is_replacement { "code-made-replacement" } else { "code-made" };
        self.office.act(signed, deed, uai, self.now)?;
        let made = make_code(&*self.hub.register, &known, is_replacement, until)?.to_string();
        let url = self.office.settings.url.as_deref().unwrap_or("https://…:8443");
        let school = (uai, school.name.as_str());
        // Shown in the answer to the form itself: no address calls it up again.
        let html = code(self.place, self.bar(signed, "/ecole"), school, (&made, until, is_replacement), url);
        Ok(Answer::page(html))
    }

    pub(super) fn cancel_code(self, signed: &Signed, uai: &str) -> Result<Answer, Trouble> {
        self.allow(signed, Duty::Technician)?;
        let number: CodeNumber =
            self.visit.field("numero").and_then(|text| text.parse().ok()).ok_or(Trouble::Field)?;
        let mut codes = self.hub.register.open_codes(self.now)?;
        codes.retain(|code| code.uai == uai && code.number == number);
        if codes.is_empty() {
            return Err(Trouble::Unknown);
        }
        self.office.act(signed, "code-cancelled", &format!("{uai} {number}"), self.now)?;
        self.hub.register.cancel_code(&number)?;
        Ok(Answer::see(format!("/ecole/{uai}")))
    }

    pub(super) fn revoke(self, signed: &Signed, uai: &str) -> Result<Answer, Trouble> {
        self.allow(signed, Duty::Technician)?;
        let (_, state) = self.find_box(uai, self.visit.field("boitier").unwrap_or_default())?;
        self.office.act(signed, "box-revoked", &format!("{uai} {}", state.id.0), self.now)?;
        self.hub.register.revoke(state.id, self.now)?;
        Ok(Answer::see(format!("/ecole/{uai}")))
    }

    pub(super) fn archive(self, signed: &Signed, uai: &str, id: &str) -> Result<Answer, Trouble> {
        let (school, state) = self.find_box(uai, id)?;
        let count = u32::try_from(SHOWN_MAX).unwrap_or(u32::MAX);
        let signed_states = self.office.history.signed_states(state.id, count)?;
        let files = self.hub.register.files(state.id)?;
        let html = archive(
            self.place,
            self.bar(signed, "/ecole"),
            (&school.name, &state),
            &self.hub.enroller.witness_key,
            (&signed_states, &files),
        );
        Ok(Answer::page(html))
    }

    pub(super) fn checkpoint(self, uai: &str, id: &str, size: &str) -> Result<Answer, Trouble> {
        let (_, state) = self.find_box(uai, id)?;
        let size = size.parse().map_err(|_| Trouble::Unknown)?;
        let found = self.office.history.signed_state(state.id, size)?.ok_or(Trouble::Unknown)?;
        let name = format!("checkpoint-{}-{size}.txt", state.id.0);
        Ok(Answer::of(Content::File(name, "text/plain; charset=utf-8", found.note.into_bytes())))
    }
}
