//! The picture by which a class set of tablets joins the room's Wi-Fi: for the projector, with how many are there, and which try an old key.

use askama::Template;
use model::{Person, Timestamp};

use super::bar::Bar;
use super::room::{RoomView, describe_room};
use crate::pages::Place;
use crate::pages::frame::{Frame, render};
use crate::{JoinCode, JoinState, Language, RoomNow};

/// Shows it, while a lesson has the Wi-Fi.
#[derive(Clone, Copy)]
pub struct JoinPage<'a> {
    /// Where the page is shown.
    pub place: &'a Place,
    /// Who is signed in.
    pub person: &'a Person,
    /// The picture.
    pub code: &'a JoinCode,
    /// The room, with its devices.
    pub room: &'a RoomNow,
    /// The time, where the clock is set.
    pub now: Option<Timestamp>,
    /// The token of the forms.
    pub token: &'a str,
}

#[derive(Template)]
#[template(path = "people/join.html")]
struct View<'a> {
    frame: Frame<'a>,
    bar: Bar<'a>,
    room: Option<&'a str>,
    ssid: Option<&'a str>,
    picture: &'a str,
    none: String,
    now: RoomView,
}

impl JoinPage<'_> {
    /// The HTTP status of the page.
    pub const STATUS: u16 = 200;
    /// Where the page is.
    pub const PATH: &'static str = "/enseignant/tablettes";

    /// The whole page.
    #[must_use]
    pub fn render(&self, language: Language) -> String {
        let (ssid, picture, none) = match &self.code.state {
            JoinState::Off => (None, "", language.say("join-off")),
            JoinState::OwnKeys => (None, "", language.say("join-own")),
            JoinState::Shown { ssid, picture } => (Some(ssid.as_str()), picture.as_str(), String::new()),
        };
        render(&View {
            frame: Frame::live(self.place, language),
            bar: Bar::new(language, self.person, self.token, ""),
            room: self.code.room.as_ref().map(model::RoomName::as_str),
            ssid,
            picture,
            none,
            now: describe_room(language, self.place, self.room, self.now),
        })
    }
}
