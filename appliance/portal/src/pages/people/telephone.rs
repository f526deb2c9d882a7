//! Where those who decide for the whole school make the telephone known whose codes they show, and what they keep on paper.

use askama::Template;
use model::Person;

use super::bar::Bar;
use super::trouble::tell;
use crate::pages::Place;
use crate::pages::frame::{Frame, render};
use crate::pages::key_picture::KeyPicture;
use crate::{Language, NewCodes, ShownKey, TelephoneState, Trouble};

/// Shows a key, and asks for the code that a telephone makes of it.
#[derive(Clone, Copy)]
pub struct TelephonePage<'a> {
    /// Where the page is shown.
    pub place: &'a Place,
    /// Who is signed in.
    pub person: &'a Person,
    /// What she has.
    pub state: TelephoneState,
    /// The key.
    pub key: &'a ShownKey,
    /// Whether the box knows the time: without it no code can be judged.
    pub is_clock_set: bool,
    /// The token of the form.
    pub token: &'a str,
    /// Why the last try failed.
    pub trouble: Option<Trouble>,
}

#[derive(Template)]
#[template(path = "people/telephone.html")]
struct View<'a> {
    frame: Frame<'a>,
    bar: Bar<'a>,
    lead: String,
    papers: Option<String>,
    key: KeyPicture,
    /// What is asked for of the telephone so far; empty where there is none.
    present: String,
    /// The secret that is asked for where there is none; empty where there is one.
    secret: String,
    is_clock_set: bool,
    token: &'a str,
    trouble: Option<String>,
}

impl TelephonePage<'_> {
    /// The HTTP status of the page.
    pub const STATUS: u16 = 200;
    /// Where the page is.
    pub const PATH: &'static str = "/telephone";
    /// The fields of the form: the key that the page showed, the new telephone's code, one of the telephone so far, her secret.
    pub const FIELDS: [&'static str; 4] = ["cle", "code", "present", "secret"];

    /// The whole page.
    #[must_use]
    pub fn render(&self, language: Language) -> String {
        let has_one = self.state.papers.is_some();
        let lead = match (self.state.papers, self.state.is_asked) {
            (Some(_), _) => "telephone-known",
            (None, true) => "telephone-asked",
            (None, false) => "telephone-none",
        };
        let papers = self.state.papers.map(|count| {
            language.say_with("telephone-papers", &[("count", &language.group_digits(count.into()))])
        });
        render(&View {
            frame: Frame::new(self.place, language),
            bar: Bar::new(language, self.person, self.token, Self::PATH),
            lead: language.say(lead),
            papers,
            key: KeyPicture::new(&self.key.letters, &self.key.address),
            present: if has_one { language.say("telephone-present") } else { String::new() },
            secret: if has_one { String::new() } else { language.say("telephone-secret") },
            is_clock_set: self.is_clock_set,
            token: self.token,
            trouble: self.trouble.map(|trouble| tell(language, trouble)),
        })
    }
}

/// Shows codes on paper, once.
#[derive(Clone, Copy)]
pub struct PapersPage<'a> {
    /// Where the page is shown.
    pub place: &'a Place,
    /// Who is signed in.
    pub person: &'a Person,
    /// The codes.
    pub codes: &'a NewCodes,
    /// The token of the forms.
    pub token: &'a str,
}

#[derive(Template)]
#[template(path = "people/papers.html")]
struct PapersView<'a> {
    frame: Frame<'a>,
    bar: Bar<'a>,
    codes: &'a [String],
    next: &'static str,
}

impl PapersPage<'_> {
    /// The HTTP status of the page.
    pub const STATUS: u16 = 200;

    /// The whole page.
    #[must_use]
    pub fn render(&self, language: Language) -> String {
        render(&PapersView {
            frame: Frame::new(self.place, language),
            bar: Bar::new(language, self.person, self.token, TelephonePage::PATH),
            codes: &self.codes.0,
            next: TelephonePage::PATH,
        })
    }
}
