//! The keys of the rooms' Wi-Fi: files by which devices join, and a new key in place of one that was lost or told.

use askama::Template;
use model::Person;

use super::bar::Bar;
use crate::pages::Place;
use crate::pages::frame::{Frame, render};
use crate::pages::reason::format_time;
use crate::{JoinFile, Language, RoomKeys};

/// Shows whose keys there are, with the files and the way to a new key.
#[derive(Clone, Copy, Debug)]
pub struct NetworksPage<'a> {
    /// Where the page is shown.
    pub place: &'a Place,
    /// Who looks at it.
    pub person: &'a Person,
    /// The networks.
    pub networks: &'a [RoomKeys],
    /// What goes with her forms.
    pub token: &'a str,
}

#[derive(Template)]
#[template(path = "people/networks.html")]
struct View<'a> {
    frame: Frame<'a>,
    bar: Bar<'a>,
    rooms: Vec<Room>,
    files: Vec<(&'static str, String)>,
    token: &'a str,
}

struct Room {
    number: usize,
    name: String,
    facts: String,
    is_in_lesson: bool,
    keys: Vec<Key>,
}

struct Key {
    number: usize,
    /// The device, as a form sends it; empty for all of the room.
    device: String,
    label: String,
    made: String,
}

impl NetworksPage<'_> {
    /// The HTTP status of the page.
    pub const STATUS: u16 = 200;
    /// Where the page is.
    pub const PATH: &'static str = "/technique/wifi";
    /// Where a file is taken away.
    pub const FILE_PATH: &'static str = "/technique/wifi/fichier";
    /// Where a key is renewed.
    pub const KEY_PATH: &'static str = "/technique/wifi/cle";

    /// The whole page.
    #[must_use]
    pub fn render(&self, language: Language) -> String {
        let rooms = self.networks.iter().enumerate();
        let rooms = rooms.map(|(number, network)| self.describe(language, number, network));
        let files = JoinFile::ALL.into_iter().map(|file| (file.as_str(), language.say(name_file(file))));
        render(&View {
            frame: Frame::new(self.place, language),
            bar: Bar::new(language, self.person, self.token, super::TechnicianPage::PATH),
            rooms: rooms.collect(),
            files: files.collect(),
            token: self.token,
        })
    }

    fn describe(&self, language: Language, number: usize, network: &RoomKeys) -> Room {
        let keys = network.keys.iter().enumerate().map(|(number, (device, made))| {
            let day = format_time(&self.place.timezone, *made, "%d/%m/%Y").unwrap_or_default();
            Key {
                number,
                device: device.as_ref().map(ToString::to_string).unwrap_or_default(),
                label: match device {
                    Some(device) => device.to_string(),
                    None => language.say("networks-of-room"),
                },
                made: language.say_with("networks-made", &[("day", &day)]),
            }
        });
        Room {
            number,
            name: network.room.to_string(),
            facts: language.say_with("networks-ssid", &[("ssid", &network.ssid)]),
            is_in_lesson: network.is_in_lesson,
            keys: keys.collect(),
        }
    }
}

fn name_file(file: JoinFile) -> &'static str {
    match file {
        JoinFile::Apple => "networks-file-ipad",
        JoinFile::Windows => "networks-file-windows",
        JoinFile::Chromebook => "networks-file-chromebook",
        JoinFile::Picture => "networks-file-qr",
    }
}
