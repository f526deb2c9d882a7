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
            trouble: self.trouble.map(|trouble| tell(language, trouble)),
            named_path: format!("{}?{}=", Self::PATH, Self::NAME_FIELD),
        })
    }
}
