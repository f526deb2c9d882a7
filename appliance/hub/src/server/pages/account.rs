//! Sign-in, a secret of her own, her telephone, sign-out.

use portal::shared::{Jar, token_of};

use super::{Answer, Content, Desk};
use crate::office::{Signed, Trouble, Typed};
use crate::pages::Bar;
use crate::pages::account::{arrived, ask_code, papers, phone, secret, sign_in, status_of};

impl Desk<'_> {
    pub(super) fn sign_in(self) -> Result<Answer, Trouble> {
        let (cookie, is_new) = self.visitor()?;
        let field = |name: &str| self.visit.field(name).unwrap_or_default();
        let mut trouble = None;
        if self.visit.is_post {
            if !self.visit.is_own_form(Jar::Visitor) {
                return Err(Trouble::Field);
            }
            let typed = Typed { name: field("nom"), secret: field("secret"), code: field("code") };
            match self.office.sign_in(self.visit.client, &typed, self.now) {
                // A new session under a new token, whatever the browser showed before.
                Ok(token) => return Ok(Answer::see("/").with(Jar::Session, Some(token))),
                Err(error) => trouble = Some(error),
            }
        } else if self.find_signed()?.is_some() {
            return Ok(Answer::see("/"));
        }
        let has_provider = self.office.has_provider();
        let html = sign_in(self.place, &token_of(&cookie), field("nom"), has_provider, trouble);
        let answer = Answer::of(Content::Page(trouble.map_or(200, status_of), html));
        Ok(if is_new { answer.with(Jar::Visitor, Some(cookie)) } else { answer })
    }

    /// Off to the commune's provider.
    pub(super) fn depart(self) -> Result<Answer, Trouble> {
        let (cookie, is_new) = self.visitor()?;
        let answer = Answer::see(self.office.depart(&cookie, self.now)?);
        Ok(if is_new { answer.with(Jar::Visitor, Some(cookie)) } else { answer })
    }

    /// Back from it: in the browser that left, or not at all.
    pub(super) fn arrive(self) -> Result<Answer, Trouble> {
        let cookie = self.visit.cookie(Jar::Visitor).ok_or(Trouble::Field)?;
        let state = self.visit.query("state").ok_or(Trouble::Field)?;
        let Some(code) = self.visit.query("code") else {
            let why = self.visit.query("error").ok_or(Trouble::Field)?;
            return Err(self.office.turn_back(cookie, (&state, &why), self.now));
        };
        let token = self.office.arrive(self.visit.client, cookie, (&state, &code), self.now)?;
        Ok(Answer::page(arrived(self.place)).with(Jar::Session, Some(token)))
    }

    /// The telephone's code of somebody for whom the provider vouches, and for no second factor.
    pub(super) fn code(self, signed: &Signed) -> Result<Answer, Trouble> {
        let mut trouble = None;
        if self.visit.is_post {
            match self.office.show_code(signed, self.visit.field("code").unwrap_or_default(), self.now) {
                Ok(token) => return Ok(Answer::see("/").with(Jar::Session, Some(token))),
                Err(error) => trouble = Some(error),
            }
        }
        let html = ask_code(self.place, self.bar(signed, "/code"), trouble);
        Ok(Answer::of(Content::Page(trouble.map_or(200, status_of), html)))
    }

    pub(super) fn sign_out(self, signed: &Signed) -> Result<Answer, Trouble> {
        self.office.sign_out(signed, self.now)?;
        Ok(Answer::see("/connexion").with(Jar::Session, None))
    }

    pub(super) fn secret(self, signed: &Signed) -> Result<Answer, Trouble> {
        let field = |name: &str| self.visit.field(name).unwrap_or_default();
        let mut trouble = None;
        if self.visit.is_post {
            let new = [field("nouveau"), field("encore")];
            match self.office.change_secret(signed, field("ancien"), new, self.now) {
                Ok(token) => return Ok(Answer::see("/").with(Jar::Session, Some(token))),
                Err(error) => trouble = Some(error),
            }
        }
        let bar = self.bar(signed, "/secret");
        let html = secret(self.place, bar, signed.member.has_first_secret, trouble);
        Ok(Answer::of(Content::Page(trouble.map_or(200, status_of), html)))
    }

    /// The key is drawn with the page and comes back with its form: until a code of it was typed, nobody keeps it.
    pub(super) fn phone(self, signed: &Signed) -> Result<Answer, Trouble> {
        if signed.member.has_key {
            return Ok(Answer::see("/"));
        }
        let field = |name: &str| self.visit.field(name).unwrap_or_default();
        let (mut trouble, mut key) = (None, people::CodeKey::parse(field("cle")));
        if self.visit.is_post {
            match self.office.take_key(signed, field("cle"), field("code"), self.now) {
                // What is shown once is in no address that could be called up again: it is the answer to the form itself. Its own forms
                // belong to the session that begins with it.
                Ok((codes, token)) => {
                    let bar = Bar::new(self.place, &signed.member, &token_of(&token), "/telephone");
                    let html = papers(self.place, bar, &codes);
                    return Ok(Answer::page(html).with(Jar::Session, Some(token)));
                }
                Err(error) => trouble = Some(error),
            }
        }
        if key.is_none() {
            key = people::CodeKey::draw(&ring::rand::SystemRandom::new()).ok();
        }
        let bar = self.bar(signed, "/telephone");
        let html = phone(self.place, bar, &key.ok_or(Trouble::Unavailable)?, trouble);
        Ok(Answer::of(Content::Page(trouble.map_or(200, status_of), html)))
    }
}
