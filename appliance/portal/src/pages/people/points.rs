//! The access points that were plugged in: a touch adopts one.

use askama::Template;
use model::{Person, RoomName};

use super::bar::Bar;
use crate::pages::Place;
use crate::pages::frame::{Frame, render};
use crate::pages::reason::format_time;
use crate::{HeardPoint, Language, Points};

/// Shows what was heard of access points, and what was adopted.
#[derive(Clone, Copy, Debug)]
pub struct PointsPage<'a> {
    /// Where the page is shown.
    pub place: &'a Place,
    /// Who looks at it.
    pub person: &'a Person,
    /// The access points.
    pub points: &'a Points,
    /// What goes with her forms.
    pub token: &'a str,
}

#[derive(Template)]
#[template(path = "people/points.html")]
struct View<'a> {
    frame: Frame<'a>,
    bar: Bar<'a>,
    has_key: bool,
    has_files: bool,
    heard: Vec<Heard>,
    adopted: Vec<Adopted>,
    rooms: &'a [RoomName],
    token: &'a str,
}

struct Heard {
    number: usize,
    mac: String,
    address: String,
    certificate: String,
    former: Option<String>,
}

struct Adopted {
    name: String,
    room: String,
    facts: String,
    has_former_key: bool,
}

impl PointsPage<'_> {
    /// The HTTP status of the page.
    pub const STATUS: u16 = 200;
    /// Where the page is, and where one is adopted.
    pub const PATH: &'static str = "/technique/bornes";
    /// Where one is released.
    pub const RELEASE_PATH: &'static str = "/technique/bornes/oublier";
    /// Where the files for one from the factory are taken away.
    pub const FILES_PATH: &'static str = "/technique/bornes/fichiers";
    /// Where another key is drawn.
    pub const KEY_PATH: &'static str = "/technique/bornes/cle";
    /// The field that says that it is meant.
    pub const MEANT_FIELD: &'static str = "voulu";
    /// Where access points say what they are. Nobody signs in for it.
    pub const SAY_PATH: &'static str = "/borne";
    /// The fields of what they say: hardware address, certificate, radios, proof.
    pub const SAY_FIELDS: [&'static str; 4] = ["mac", "certificate", "radios", "proof"];

    /// The whole page.
    #[must_use]
    pub fn render(&self, language: Language) -> String {
        let heard = self.points.heard.iter().enumerate();
        let heard = heard.map(|(number, point)| describe(language, number, point)).collect();
        let adopted = self.points.adopted.iter().map(|point| {
            let day = format_time(&self.place.timezone, point.at, "%d/%m/%Y").unwrap_or_default();
            let facts = [("by", point.by.as_str()), ("day", day.as_str())];
            let facts = language.say_with("points-facts", &facts);
            Adopted {
                name: point.name.to_string(),
                room: point.room.to_string(),
                facts: format!("{} · {facts}", point.mac),
                has_former_key: point.has_former_key,
            }
        });
        render(&View {
            frame: Frame::new(self.place, language),
            bar: Bar::new(language, self.person, self.token, super::TechnicianPage::PATH),
            has_key: self.points.has_key,
            has_files: self.points.has_files,
            heard,
            adopted: adopted.collect(),
            rooms: &self.points.rooms,
            token: self.token,
        })
    }
}

fn describe(language: Language, number: usize, point: &HeardPoint) -> Heard {
    let pairs: Vec<String> = point.certificate.iter().map(|byte| format!("{byte:02x}")).collect();
    Heard {
        number,
        mac: point.mac.to_string(),
        address: point.address.to_string(),
        certificate: pairs.chunks(2).map(|group| group.concat()).collect::<Vec<_>>().join(" "),
        former: point
            .former
            .as_ref()
            .map(|name| language.say_with("points-former", &[("name", name.as_str())])),
    }
}
