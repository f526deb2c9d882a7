//! What schools ask and are told: a form becomes one answer, one place, one notice.

use jiff::ToSpan as _;
use jiff::civil::Date;
use model::{Answered, Timestamp};
use replication::{SheetContent, SheetNotice};

use super::{Answer, Desk};
use crate::office::{Signed, Trouble};
use crate::pages::content::content;
use crate::pages::wishes::{SHOWN_MAX, wishes};
use crate::policy::find_contrary;
use crate::register::people::Duty;
use crate::wishes::{AnswerError, Decision, answer};

const DAY_MS: i64 = 86_400_000;
/// For how many days a site may be opened: ten years.
const DAYS_MAX: i64 = 3_650;
/// How far ahead something is prepared, in days: a school year.
const AHEAD_DAYS_MAX: i64 = 366;

impl From<AnswerError> for Trouble {
    fn from(error: AnswerError) -> Self {
        match error {
            AnswerError::Unknown(_) => Self::Unknown,
            AnswerError::Answered => Self::Race,
            AnswerError::Contrary => Self::Contrary,
            AnswerError::Policy(error) => error.into(),
            AnswerError::Register(error) => error.into(),
        }
    }
}

impl Desk<'_> {
    pub(super) fn wishes(self, signed: &Signed) -> Result<Answer, Trouble> {
        let register = &self.hub.register;
        let (schools, list) = (register.schools()?, register.wishes(SHOWN_MAX)?);
        let rules = register.school_rules(self.now)?;
        let may_act = signed.member.may(Duty::Policy);
        let bar = self.bar(signed, "/demandes");
        Ok(Answer::page(wishes(self.place, bar, &schools, &list, &rules, may_act)))
    }

    pub(super) fn answer_wish(self, signed: &Signed) -> Result<Answer, Trouble> {
        self.allow(signed, Duty::Policy)?;
        let id: u64 = self.typed("demande").parse().map_err(|_| Trouble::Field)?;
        let answered = Answered::find(self.typed("reponse")).ok_or(Trouble::Field)?;
        let reason: model::Motive = self.typed("motif").parse().map_err(|_| Trouble::Field)?;
        let until_ms = match self.typed("jours") {
            "" => None,
            days => {
                let days = days.parse().ok().filter(|days| (1..=DAYS_MAX).contains(days));
                Some(self.now.unix_ms().saturating_add(days.ok_or(Trouble::Field)? * DAY_MS))
            }
        };
        let wish = self.hub.register.find_wish(id)?.ok_or(Trouble::Unknown)?;
        let about = format!("{} {} {} ({reason})", answered.as_str(), wish.uai, wish.request.site);
        self.office.act(signed, "request-answered", &about, self.now)?;
        if answered == Answered::All {
            let wanted = (wish.request.wants.as_str(), wish.request.site.as_str());
            self.note_contrary(signed, &find_contrary(&*self.hub.register, wanted, self.now)?)?;
        }
        let decision = Decision {
            answered,
            author: signed.member.name.as_str().to_owned(),
            reason: reason.as_str().to_owned(),
            until_ms,
        };
        answer(&*self.hub.register, &self.hub.witness, id, decision, self.now)?;
        Ok(Answer::see("/demandes"))
    }

    pub(super) fn remove_school_rule(self, signed: &Signed) -> Result<Answer, Trouble> {
        self.allow(signed, Duty::Policy)?;
        let (uai, site) = (self.typed("uai"), self.typed("site"));
        let rules = self.hub.register.school_rules(self.now)?;
        let rule = rules.iter().find(|it| it.uai == uai && it.rule.site == site).ok_or(Trouble::Unknown)?;
        self.office.act(signed, "rule-removed", &format!("{} {site} {uai}", rule.rule.verdict), self.now)?;
        self.hub.register.remove_school_rule(uai, site, self.now)?;
        Ok(Answer::see("/demandes"))
    }

    pub(super) fn contents(self, signed: &Signed) -> Result<Answer, Trouble> {
        let (contents, notices) = (self.hub.register.contents(self.now)?, self.hub.register.notices()?);
        let (sights, may_act) = (self.sights()?, signed.member.may(Duty::Policy));
        let bar = self.bar(signed, "/contenus");
        Ok(Answer::page(content(self.place, bar, (&contents, &notices), &sights, may_act)))
    }

    pub(super) fn add_content(self, signed: &Signed) -> Result<Answer, Trouble> {
        self.allow(signed, Duty::Policy)?;
        let uai = match self.typed("uai") {
            "" => None,
            uai => Some(uai.parse::<model::Uai>().map_err(|_| Trouble::Field)?),
        };
        if let Some(uai) = &uai {
            self.find_school(uai.as_str())?;
        }
        let (url, title) = (self.typed("adresse").to_owned(), self.typed("titre").to_owned());
        let place = SheetContent { url, title, until_ms: self.end_of(self.typed("jour"))?.unix_ms() };
        // As boxes read it: one spelling of an address, whatever was copied.
        let (read, _, _) = place.read().ok_or(Trouble::Field)?;
        let place = SheetContent { url: read.to_string(), ..place };
        let school = uai.as_ref().map_or("*", model::Uai::as_str);
        self.office.act(signed, "content-added", &format!("{school} {}", place.url), self.now)?;
        let author = signed.member.name.as_str();
        let is_kept = self.hub.register.add_content(uai.as_ref(), &place, author, self.now)?;
        if is_kept { Ok(Answer::see("/contenus")) } else { Err(Trouble::TooMany) }
    }

    /// The end of a day by the commune's clock, which is ahead.
    pub(super) fn end_of(self, day: &str) -> Result<Timestamp, Trouble> {
        let day: Date = day.parse().map_err(|_| Trouble::Field)?;
        let next = day.checked_add(1.day()).map_err(|_| Trouble::Field)?;
        let end = next.to_zoned(self.place.timezone.clone()).map_err(|_| Trouble::Field)?;
        let end = Timestamp::from_unix_ms(end.timestamp().as_millisecond());
        let ahead = end.unix_ms().saturating_sub(self.now.unix_ms());
        if (1..=AHEAD_DAYS_MAX * DAY_MS).contains(&ahead) { Ok(end) } else { Err(Trouble::Field) }
    }

    pub(super) fn remove_content(self, signed: &Signed) -> Result<Answer, Trouble> {
        self.allow(signed, Duty::Policy)?;
        let id: u64 = self.typed("contenu").parse().map_err(|_| Trouble::Field)?;
        let contents = self.hub.register.contents(self.now)?;
        let found = contents.iter().find(|content| content.id == id).ok_or(Trouble::Unknown)?;
        self.office.act(signed, "content-removed", &found.place.url, self.now)?;
        self.hub.register.remove_content(id, self.now)?;
        Ok(Answer::see("/contenus"))
    }

    pub(super) fn add_notice(self, signed: &Signed) -> Result<Answer, Trouble> {
        self.allow(signed, Duty::Policy)?;
        let notice = SheetNotice {
            made_ms: self.now.unix_ms(),
            author: signed.member.name.as_str().to_owned(),
            text: self.typed("texte").to_owned(),
        };
        if !notice.is_right() {
            return Err(Trouble::Field);
        }
        self.office.act(signed, "notice-added", &notice.text, self.now)?;
        let is_kept = self.hub.register.add_notice(&notice, self.now)?;
        if is_kept { Ok(Answer::see("/contenus")) } else { Err(Trouble::TooMany) }
    }

    pub(super) fn remove_notice(self, signed: &Signed) -> Result<Answer, Trouble> {
        self.allow(signed, Duty::Policy)?;
        let id: u64 = self.typed("annonce").parse().map_err(|_| Trouble::Field)?;
        let notices = self.hub.register.notices()?;
        let found = notices.iter().find(|notice| notice.id == id).ok_or(Trouble::Unknown)?;
        self.office.act(signed, "notice-removed", &found.notice.text, self.now)?;
        self.hub.register.remove_notice(id, self.now)?;
        Ok(Answer::see("/contenus"))
    }
}

impl<'a> Desk<'a> {
    pub(super) fn typed(self, name: &str) -> &'a str {
        self.visit.field(name).unwrap_or_default().trim()
    }
}
