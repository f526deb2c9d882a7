//! What the commune decides of the configuration of a school's box: written, looked at by the box's own parser, sent.

use replication::{Health, School, read_json};

use super::{Answer, Desk};
use crate::configurations::{Fault, refuse_opening, tidy, without_school};
use crate::office::{Signed, Trouble};
use crate::pages::settings::{Draft, Origin, SettingsPage};
use crate::register::BoxState;
use crate::register::configurations::Version;
use crate::register::people::Duty;

impl Desk<'_> {
    /// The last version, or the one that the address names, or that of another school.
    pub(super) fn settings(self, signed: &Signed, uai: &str) -> Result<Answer, Trouble> {
        let register = &*self.hub.register;
        let versions = register.configurations(uai)?;
        let last = versions.first();
        let before = last.map_or(0, |version| version.number);
        let mut text = last.map(|version| version.text.clone()).unwrap_or_default();
        let (mut is_earlier, mut other) = (false, None);
        if let Some(number) = self.visit.query("version") {
            let number: u64 = number.parse().map_err(|_| Trouble::Unknown)?;
            let found = versions.iter().find(|version| version.number == number).ok_or(Trouble::Unknown)?;
            (text, is_earlier) = (found.text.clone(), number != before);
        } else if let Some(from) = self.visit.query("de") {
            let (school, _) = self.find_school(&from)?;
            let found = register.configurations(&from)?.into_iter().next().ok_or(Trouble::Unknown)?;
            (text, other) = (without_school(&found.text), Some(school.name));
        }
        let origin = match &other {
            Some(name) => Origin::Other(name),
            None if is_earlier => Origin::Earlier,
            None => Origin::Own,
        };
        self.show_settings(signed, uai, &versions, Draft { text: &text, before, faults: &[], origin })
    }

    /// Sends what was written, where a box would take it.
    pub(super) fn send_settings(self, signed: &Signed, uai: &str) -> Result<Answer, Trouble> {
        self.allow(signed, Duty::Technician)?;
        let (register, field) = (&*self.hub.register, |name: &str| self.visit.field(name));
        let before: u64 = field("avant").and_then(|text| text.parse().ok()).ok_or(Trouble::Field)?;
        let text = tidy(field("texte").ok_or(Trouble::Field)?);
        let known = uai.parse().map_err(|_| Trouble::Unknown)?;
        let (_school, _boxes) = self.find_school(uai)?;
        let check = self.office.settings.check_configuration;
        let opened = match check(&text, &known) {
            Ok(opened) => opened,
            Err(faults) => return self.refuse_settings(signed, uai, (&text, before), &faults),
        };
        if !signed.member.may(Duty::Policy) {
            let last = register.configurations(uai)?.into_iter().next();
            let open_before = last.and_then(|last| check(&last.text, &known).ok()).unwrap_or_default();
            let faults = refuse_opening(&text, &opened, &open_before);
            if !faults.is_empty() {
                return self.refuse_settings(signed, uai, (&text, before), &faults);
            }
        }
        self.office.act(signed, "configuration-sent", uai, self.now)?;
        let author = signed.member.name.as_str();
        let sent = register.configure(&known, before, (&text, author), self.now)?;
        sent.map(|_| Answer::see(format!("/ecole/{uai}/reglages"))).ok_or(Trouble::Race)
    }

    fn refuse_settings(
        self,
        signed: &Signed,
        uai: &str,
        (text, before): (&str, u64),
        faults: &[Fault],
    ) -> Result<Answer, Trouble> {
        let versions = self.hub.register.configurations(uai)?;
        self.show_settings(signed, uai, &versions, Draft { text, before, faults, origin: Origin::Own })
    }

    fn show_settings(
        self,
        signed: &Signed,
        uai: &str,
        versions: &[Version],
        draft: Draft<'_>,
    ) -> Result<Answer, Trouble> {
        let (school, boxes) = self.find_school(uai)?;
        let health = boxes.iter().rfind(|state| state.revoked.is_none()).and_then(read_health);
        let mut others: Vec<School> = Vec::new();
        if signed.member.may(Duty::Technician) {
            let configured = self.hub.register.configured()?;
            others = self.hub.register.schools()?;
            others.retain(|other| other.uai != uai && configured.contains(&other.uai));
        }
        let page = SettingsPage {
            place: self.place,
            bar: self.bar(signed, "/ecole"),
            school: &school,
            versions,
            health: health.as_ref().and_then(|health| health.configuration.as_ref()),
            others: &others,
            draft,
            may_act: signed.member.may(Duty::Technician),
        };
        Ok(Answer::page(page.render()))
    }
}

fn read_health(state: &BoxState) -> Option<Health> {
    read_json(state.health.as_ref()?.as_bytes())
}
