//! The telephones that show codes.

use model::PersonId;

use super::people::{Answer, Signed};
use super::visit::{Jar, token_of};
use crate::pages::people::{PapersPage, StaffPage, TelephonePage, TroublePage};
use crate::{Trouble, TypedTelephone};

impl Signed<'_> {
    /// The key is drawn with the page, and comes back with its form.
    pub(super) fn telephone(&self) -> Result<Answer, Trouble> {
        let (office, place) = (&self.portal.office, &self.portal.settings.place);
        let [key, code, present, secret] =
            TelephonePage::FIELDS.map(|name| self.visit.field(name).unwrap_or_default());
        let mut trouble = None;
        if self.visit.is_post {
            let typed = TypedTelephone { key, code, present, secret };
            match office.take_telephone(self.visit.client, self.person, &typed) {
                // What is shown once is in no address that could be called up again: it is the answer to the form itself. Its own
                // forms belong to the session that begins with it.
                Ok((codes, token)) => {
                    let own = token_of(&token);
                    let page = PapersPage { place, person: self.person, codes: &codes, token: &own };
                    let html = page.render(self.visit.language);
                    return Ok(Answer::page(PapersPage::STATUS, html).with(Jar::Session, Some(token)));
                }
                Err(error) => trouble = Some(error),
            }
        }
        let shown = office.show_key(self.person, self.visit.is_post.then_some(key))?;
        let page = TelephonePage {
            place,
            person: self.person,
            state: office.telephone(self.person)?,
            key: &shown,
            is_clock_set: office.now().is_some(),
            token: &self.token,
            trouble,
        };
        let status = trouble.map_or(TelephonePage::STATUS, |trouble| {
            TroublePage { place, trouble, back: TelephonePage::PATH }.status()
        });
        Ok(Answer::page(status, page.render(self.visit.language)))
    }

    pub(super) fn remove_telephone(&self) -> Result<Answer, Trouble> {
        let id: PersonId = self.read("personne")?;
        self.portal.office.remove_telephone(self.visit.client, self.person, id)?;
        Ok(Answer::see(StaffPage::PATH))
    }
}
