//! The card for a first sign-in, to be printed and given by hand.

use askama::Template;
use model::{Person, Role};

use super::bar::Bar;
use super::{SignInPage, StaffPage};
use crate::pages::Place;
use crate::pages::frame::{Frame, render};
use crate::{Card, Language};

/// Shows a first secret, once.
#[derive(Clone, Copy)]
pub struct CardPage<'a> {
    /// Where the page is shown.
    pub place: &'a Place,
    /// Who is signed in.
    pub person: &'a Person,
    /// The card.
    pub card: &'a Card,
    /// The token of the forms.
    pub token: &'a str,
}

#[derive(Template)]
#[template(path = "people/card.html")]
struct View<'a> {
    frame: Frame<'a>,
    bar: Bar<'a>,
    name: &'a str,
    secret: String,
    address: String,
    steps: [String; 3],
    back: &'static str,
}

impl CardPage<'_> {
    /// The HTTP status of the page.
    pub const STATUS: u16 = 200;

    /// The whole page.
    #[must_use]
    pub fn render(&self, language: Language) -> String {
        let home = self.place.portal_url.as_deref().unwrap_or("http://preau.lan/");
        let who = match self.card.person.role {
            Role::Teacher => "card-tile",
            Role::Head | Role::Technician | Role::Officer => "card-name",
        };
        render(&View {
            frame: Frame::new(self.place, language),
            bar: Bar::new(language, self.person, self.token, ""),
            name: self.card.person.name.as_str(),
            secret: group(&self.card.secret),
            address: format!("{}{}", home.trim_end_matches('/'), SignInPage::PATH),
            steps: ["card-open", who, "card-choose"].map(|key| language.say(key)),
            back: StaffPage::PATH,
        })
    }
}

/// A PIN in groups that people read aloud: `4028 1793`. A password has its groups.
fn group(secret: &str) -> String {
    if !secret.bytes().all(|byte| byte.is_ascii_digit()) {
        return secret.to_owned();
    }
    let digits: Vec<char> = secret.chars().collect();
    digits.chunks(4).map(|group| group.iter().collect::<String>()).collect::<Vec<_>>().join(" ")
}
