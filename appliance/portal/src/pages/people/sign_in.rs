//! Where people sign in: a tile for each teacher, a name for the others.

use askama::Template;
use model::PersonId;

use super::trouble::tell;
use crate::pages::Place;
use crate::pages::frame::{Frame, render};
use crate::{Language, Tile, Trouble};

/// Asks who it is, and then for the secret.
#[derive(Clone, Copy, Debug)]
pub struct SignInPage<'a> {
    /// Where the page is shown.
    pub place: &'a Place,
    /// Whose tiles there are.
    pub teachers: &'a [Tile],
    /// What was chosen.
    pub choice: Choice<'a>,
    /// The token of the form.
    pub token: &'a str,
    /// Whether the box knows the time: without it no code of a telephone can be judged.
    pub is_clock_set: bool,
    /// Why the last try failed.
    pub trouble: Option<Trouble>,
}

/// Who wants to sign in.
#[derive(Clone, Copy, Debug)]
pub enum Choice<'a> {
    /// Nobody said so yet.
    Nobody,
    /// The teacher of this tile.
    Tile(PersonId),
    /// Somebody who types her name; what she typed.
    Named(&'a str),
}

#[derive(Template)]
#[template(path = "people/sign_in.html")]
struct View<'a> {
    frame: Frame<'a>,
    tiles: &'a [Tile],
    chosen: Option<&'a Tile>,
    typed: Option<&'a str>,
    token: &'a str,
    password: String,
    is_clock_set: bool,
    trouble: Option<String>,
    named_path: String,
}

impl SignInPage<'_> {
    /// The HTTP status of the page.
    pub const STATUS: u16 = 200;
    /// Where the page is.
    pub const PATH: &'static str = "/connexion";
    /// The field of the query and of the form that has a teacher's number.
    pub const PERSON_FIELD: &'static str = "personne";
    /// The field of the query and of the form that has a name.
    pub const NAME_FIELD: &'static str = "nom";
    /// The field of the form that has the secret.
    pub const SECRET_FIELD: &'static str = "secret";
    /// The field of the form that has a code of a telephone's, or one on paper.
    pub const CODE_FIELD: &'static str = "code";

    /// The whole page.
    #[must_use]
    pub fn render(&self, language: Language) -> String {
        let (chosen, typed) = match self.choice {
            Choice::Nobody => (None, None),
            Choice::Tile(id) => (self.teachers.iter().find(|tile| tile.id == id), None),
            Choice::Named(typed) => (None, Some(typed)),
        };
        render(&View {
            frame: Frame::new(self.place, language),
            tiles: self.teachers,
            chosen,
            typed,
            token: self.token,
            password: language.say("signin-password"),
            is_clock_set: self.is_clock_set,
            trouble: self.trouble.map(|trouble| self.tell(language, trouble)),
            named_path: format!("{}?{}=", Self::PATH, Self::NAME_FIELD),
        })
    }

    /// Who types a name types a code, too; it is not said which of them is wrong.
    fn tell(&self, language: Language, trouble: Trouble) -> String {
        match (trouble, self.choice) {
            (Trouble::Wrong, Choice::Named(_)) => language.say("signin-wrong"),
            _ => tell(language, trouble),
        }
    }
}
