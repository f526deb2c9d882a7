//! The school's devices and rooms: who is who, and in which room.

use askama::Template;
use model::{Device, Person, ProfileName, RoomName, Timestamp};

use super::bar::Bar;
use crate::pages::Place;
use crate::pages::frame::{Frame, render};
use crate::pages::reason::name_minute;
use crate::{DeviceList, Language};

/// Lists the devices by room, registers and forgets them.
#[derive(Clone, Copy, Debug)]
pub struct DevicesPage<'a> {
    /// Where the page is shown.
    pub place: &'a Place,
    /// Who looks at it.
    pub person: &'a Person,
    /// The devices.
    pub list: &'a DeviceList,
    /// What goes with her forms.
    pub token: &'a str,
}

#[derive(Template)]
#[template(path = "people/devices.html")]
struct View<'a> {
    frame: Frame<'a>,
    bar: Bar<'a>,
    rooms: Vec<Room>,
    known_rooms: &'a [RoomName],
    profiles: &'a [ProfileName],
    asker: String,
    token: &'a str,
}

struct Room {
    name: String,
    devices: Vec<Row>,
}

struct Row {
    /// The hardware address as a part of an identifier.
    key: String,
    mac: String,
    name: String,
    facts: String,
}

impl DevicesPage<'_> {
    /// The HTTP status of the page.
    pub const STATUS: u16 = 200;
    /// Where the page is, and where a device is registered.
    pub const PATH: &'static str = "/technique/appareils";
    /// Where one is forgotten.
    pub const REMOVE_PATH: &'static str = "/technique/appareils/oublier";

    /// The whole page.
    #[must_use]
    pub fn render(&self, language: Language) -> String {
        let mut rooms: Vec<Room> = Vec::new();
        for (device, last) in &self.list.devices {
            let name = match &device.room {
                Some(room) => room.to_string(),
                None => language.say("devices-nowhere"),
            };
            let row = self.describe(language, device, *last);
            match rooms.last_mut().filter(|room| room.name == name) {
                Some(room) => room.devices.push(row),
                None => rooms.push(Room { name, devices: vec![row] }),
            }
        }
        render(&View {
            frame: Frame::new(self.place, language),
            bar: Bar::new(language, self.person, self.token, super::TechnicianPage::PATH),
            rooms,
            known_rooms: &self.list.rooms,
            profiles: &self.list.profiles,
            asker: self.list.asker.map(|mac| mac.to_string()).unwrap_or_default(),
            token: self.token,
        })
    }

    fn describe(&self, language: Language, device: &Device, last: Option<Timestamp>) -> Row {
        let seen = match last.and_then(|last| name_minute(&self.place.timezone, last)) {
            Some(at) => language.say_with("lesson-seen-at", &[("at", &at)]),
            None => language.say("lesson-seen-never"),
        };
        let mac = device.mac.to_string();
        Row {
            key: mac.replace(':', ""),
            name: device.name.to_string(),
            facts: format!("{} · {mac} · {seen}", device.profile),
            mac,
        }
    }
}
