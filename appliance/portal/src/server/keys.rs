//! The page where keys of readers are made, and the one that shows a new one.

use super::people::{Answer, Signed};
use crate::pages::people::{KeyPaper, KeysPage, TroublePage};
use crate::{RemovedKey, Trouble};

impl Signed<'_> {
    pub(super) fn keys(&self) -> Result<Answer, Trouble> {
        self.show_keys(None)
    }

    /// A key is in no address that could be called up again: it is the answer to the form itself.
    pub(super) fn draw_key(&self) -> Result<Answer, Trouble> {
        let role = self.read("pour")?;
        let secret = self.visit.field("secret").unwrap_or_default();
        match self.portal.office.draw_key(self.visit.client, self.person, role, secret) {
            Ok(key) => {
                let place = &self.portal.settings.place;
                let page = KeyPaper { place, person: self.person, key: &key, token: &self.token };
                Ok(Answer::page(KeyPaper::STATUS, page.render(self.visit.language)))
            }
            Err(trouble) => self.show_keys(Some(trouble)),
        }
    }

    pub(super) fn keep_key(&self) -> Result<Answer, Trouble> {
        let [public, end] = ["cle", "fin"].map(|name| self.visit.field(name).unwrap_or_default());
        let kept = self.portal.office.keep_key(self.visit.client, self.person, public, end);
        self.show_changed(kept)
    }

    pub(super) fn remove_key(&self) -> Result<Answer, Trouble> {
        let [public, secret] = ["cle", "secret"].map(|name| self.visit.field(name).unwrap_or_default());
        let is_last_meant = self.visit.field("derniere").is_some();
        let key = RemovedKey { public, secret, is_last_meant };
        self.show_changed(self.portal.office.remove_key(self.visit.client, self.person, &key))
    }

    fn show_changed(&self, outcome: Result<(), Trouble>) -> Result<Answer, Trouble> {
        match outcome {
            Ok(()) => Ok(Answer::see(KeysPage::PATH)),
            Err(trouble) => self.show_keys(Some(trouble)),
        }
    }

    fn show_keys(&self, trouble: Option<Trouble>) -> Result<Answer, Trouble> {
        let list = self.portal.office.keys(self.person)?;
        let place = &self.portal.settings.place;
        let page = KeysPage { place, person: self.person, list: &list, token: &self.token, trouble };
        let status = trouble.map_or(KeysPage::STATUS, |trouble| {
            TroublePage { place, trouble, back: KeysPage::PATH }.status()
        });
        Ok(Answer::page(status, page.render(self.visit.language)))
    }
}
