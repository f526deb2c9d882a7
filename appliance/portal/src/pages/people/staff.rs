//! The people of the school: who may sign in, new cards, and the way out.

use askama::Template;
use model::{Person, PersonId, Role, RoomName};

use super::bar::Bar;
use crate::Language;
use crate::pages::Place;
use crate::pages::frame::{Frame, render};

/// Lists the people who may sign in, registers new ones, makes new cards.
#[derive(Clone, Copy, Debug)]
pub struct StaffPage<'a> {
    /// Where the page is shown.
    pub place: &'a Place,
    /// Who is signed in.
    pub person: &'a Person,
    /// Everybody.
    pub people: &'a [Person],
    /// The rooms that devices stand in.
    pub rooms: &'a [RoomName],
    /// The token of the forms.
    pub token: &'a str,
}

#[derive(Template)]
#[template(path = "people/staff.html")]
struct View<'a> {
    frame: Frame<'a>,
    bar: Bar<'a>,
    people: Vec<Row>,
    roles: Vec<(&'static str, String)>,
    rooms: &'a [RoomName],
    makes_officers: bool,
    token: &'a str,
}

struct Row {
    id: PersonId,
    name: String,
    facts: String,
    state: Option<String>,
    is_disabled: bool,
    has_telephone: bool,
    /// The rooms that she may have, and whether she has them; none: her role is for all of them.
    rooms: Vec<RoomChoice>,
    /// Nobody locks herself out; only technicians change technicians, and none whoever may read the journal.
    is_hers: bool,
}

/// A room that somebody may have.
struct RoomChoice {
    name: String,
    is_hers: bool,
}

impl StaffPage<'_> {
    /// The HTTP status of the page.
    pub const STATUS: u16 = 200;
    /// Where the page is, and where somebody is registered.
    pub const PATH: &'static str = "/direction/personnes";
    /// Where a new card is made.
    pub const RESET_PATH: &'static str = "/direction/personnes/carte";
    /// Where somebody's telephone is removed.
    pub const TELEPHONE_PATH: &'static str = "/direction/personnes/telephone";
    /// Where somebody is given other rooms.
    pub const ROOMS_PATH: &'static str = "/direction/personnes/salles";
    /// Where somebody is disabled.
    pub const DISABLE_PATH: &'static str = "/direction/personnes/fermer";

    /// The whole page.
    #[must_use]
    pub fn render(&self, language: Language) -> String {
        let row = |it: &Person| {
            let rooms: Vec<_> = it.rooms.iter().map(RoomName::as_str).collect();
            let role = language.say(name_role(it.role));
            let state = match (it.disabled, it.has_first_secret) {
                (Some(_), _) => Some("staff-disabled"),
                (None, true) => Some("staff-first"),
                (None, false) => None,
            };
            Row {
                id: it.id,
                name: it.name.to_string(),
                facts: std::iter::once(role.as_str()).chain(rooms).collect::<Vec<_>>().join(" · "),
                state: state.map(|key| language.say(key)),
                is_disabled: it.disabled.is_some(),
                has_telephone: it.has_telephone,
                rooms: self.list_rooms(it),
                is_hers: it.id != self.person.id && self.may_change(it.role),
            }
        };
        render(&View {
            frame: Frame::new(self.place, language),
            bar: Bar::new(language, self.person, self.token, Self::PATH),
            people: self.people.iter().map(row).collect(),
            roles: Role::ALL
                .into_iter()
                .filter(|role| self.may_change(*role))
                .map(|role| (role.as_str(), language.say(name_role(role))))
                .collect(),
            rooms: self.rooms,
            makes_officers: self.may_change(Role::Officer),
            token: self.token,
        })
    }
}

impl StaffPage<'_> {
    /// Where no device stands any more, she may still have it.
    fn list_rooms(&self, person: &Person) -> Vec<RoomChoice> {
        if person.role.directs() || !person.role.teaches() {
            return Vec::new();
        }
        let gone = person.rooms.iter().filter(|room| !self.rooms.contains(room));
        let rooms = self.rooms.iter().chain(gone);
        let choose =
            |room: &RoomName| RoomChoice { name: room.to_string(), is_hers: person.rooms.contains(room) };
        rooms.map(choose).collect()
    }

    fn may_change(&self, role: Role) -> bool {
        self.person.role.may_change(role)
    }
}

/// The text that names a role.
pub(super) fn name_role(role: Role) -> &'static str {
    match role {
        Role::Teacher => "staff-teacher",
        Role::Head => "staff-head",
        Role::Technician => "staff-technician",
        Role::Officer => "staff-officer",
    }
}
