//! The pictogram for the door: it tells whoever comes in that there is Wi-Fi (loi 2015-136), on one sheet of paper.

use askama::Template;

use crate::pages::Place;
use crate::pages::frame::render;
use crate::pages::twice::say;

/// A picture that is seen from afar, and what it means.
#[derive(Clone, Copy, Debug)]
pub struct DoorSheet<'a> {
    /// The school.
    pub place: &'a Place,
}

#[derive(Template)]
#[template(path = "people/door_sheet.html")]
struct View<'a> {
    place: &'a Place,
}

impl DoorSheet<'_> {
    /// The HTTP status of the page.
    pub const STATUS: u16 = 200;
    /// Where it is.
    pub const PATH: &'static str = "/direction/wifi/porte";

    /// The whole page.
    #[must_use]
    pub fn render(&self) -> String {
        render(&View { place: self.place })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pages::samples;

    #[test]
    fn the_door_says_that_there_is_wifi_and_when() {
        let html = DoorSheet { place: &samples::place() }.render();
        let plain = html.replace('\u{a0}', " ");
        for expected in [
            "<svg",
            "role=\"img\" aria-label=\"Pictogramme",
            "éteint quand il ne sert pas à un cours",
            "n° 2015-136 du 9 février 2015",
        ] {
            assert!(plain.contains(expected), "{expected}: {plain}");
        }
    }
}
