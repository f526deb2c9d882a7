//! Where somebody chooses a secret of her own: at the first sign-in before anything else.

use askama::Template;
use model::{Person, Role};

use super::bar::Bar;
use super::trouble::tell;
use crate::pages::Place;
use crate::pages::frame::{Frame, render};
use crate::{Language, Trouble};

/// Asks for the secret so far, and twice for the new one.
#[derive(Clone, Copy, Debug)]
pub struct SecretPage<'a> {
    /// Where the page is shown.
    pub place: &'a Place,
    /// Who is signed in.
    pub person: &'a Person,
    /// The token of the form.
    pub token: &'a str,
    /// Why the last try failed.
    pub trouble: Option<Trouble>,
}

#[derive(Template)]
#[template(path = "people/secret.html")]
struct View<'a> {
    frame: Frame<'a>,
    bar: Bar<'a>,
    headline: String,
    lead: String,
    old: String,
    rule: String,
    /// Whether a browser may keep the secret: a teacher types hers on PCs of the class.
    may_keep: bool,
    token: &'a str,
    trouble: Option<String>,
}

impl SecretPage<'_> {
    /// The HTTP status of the page.
    pub const STATUS: u16 = 200;
    /// Where the page is.
    pub const PATH: &'static str = "/secret";
    /// The fields of the form: the secret so far, the new one, and the new one again.
    pub const FIELDS: [&'static str; 3] = ["ancien", "nouveau", "encore"];

    /// The whole page.
    #[must_use]
    pub fn render(&self, language: Language) -> String {
        let [headline, lead, old] = if self.person.has_first_secret {
            ["secret-headline-first", "secret-lead-first", "secret-old-first"]
        } else {
            ["secret-headline", "secret-lead", "secret-old"]
        };
        let rule = match self.person.role {
            Role::Teacher => "secret-rule-teacher",
            Role::Head | Role::Technician | Role::Officer => "secret-rule-directing",
        };
        render(&View {
            frame: Frame::new(self.place, language),
            bar: Bar::new(language, self.person, self.token, Self::PATH),
            headline: language.say(headline),
            lead: language.say(lead),
            old: language.say(old),
            rule: language.say(rule),
            may_keep: self.person.role.directs(),
            token: self.token,
            trouble: self.trouble.map(|trouble| tell(language, trouble)),
        })
    }
}
