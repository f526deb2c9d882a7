//! What the school council is told before a Wi-Fi is installed, on one sheet of paper (loi 2015-136, article 7, II and III).

use askama::Template;
use model::{RoomName, Timestamp};

use crate::pages::Place;
use crate::pages::frame::render;
use crate::pages::reason::format_time;
use crate::pages::twice::{Twice, say};

/// Most rooms that are named: more do not fit onto the sheet, and no school has so many.
const ROOMS_MAX: usize = 30;

/// The notice, with what the school has to add by hand.
#[derive(Clone, Copy, Debug)]
pub struct CouncilSheet<'a> {
    /// The school.
    pub place: &'a Place,
    /// The rooms that have a network, or are to have one.
    pub rooms: &'a [RoomName],
    /// The time, where the clock is set.
    pub now: Option<Timestamp>,
}

#[derive(Template)]
#[template(path = "people/council_sheet.html")]
struct View<'a> {
    place: &'a Place,
    made: String,
    rooms: Vec<&'a str>,
    is_cut: bool,
    law: [Twice; 2],
    how: [Twice; 4],
    blanks: [Twice; 4],
}

impl CouncilSheet<'_> {
    /// The HTTP status of the page.
    pub const STATUS: u16 = 200;
    /// Where it is.
    pub const PATH: &'static str = "/direction/wifi/conseil";

    /// The whole page.
    #[must_use]
    pub fn render(&self) -> String {
        let made = self.now.and_then(|now| format_time(&self.place.timezone, now, "%d/%m/%Y"));
        render(&View {
            place: self.place,
            made: made.unwrap_or_default(),
            rooms: self.rooms.iter().take(ROOMS_MAX).map(RoomName::as_str).collect(),
            is_cut: self.rooms.len() > ROOMS_MAX,
            law: ["council-law-council", "council-law-off"].map(say),
            how: ["council-how-off", "council-how-end", "council-how-register", "council-how-safe"].map(say),
            blanks: ["council-works", "council-date", "council-remarks", "council-signature"].map(say),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pages::samples;

    /// The words of the law, whatever sets them: article 7, III and II, as the Journal officiel of 10 February 2015 has them.
    const LAW: [&str; 2] = [
        "Dans les écoles primaires, toute nouvelle installation d'un réseau radioélectrique fait l'objet d'une information \
         préalable du conseil d'école.",
        "Dans les classes des écoles primaires, les accès sans fil des équipements mentionnés à l'article 184 de la loi \
         n° 2010-788 du 12 juillet 2010 portant engagement national pour l'environnement installés après la publication de \
         la présente loi sont désactivés lorsqu'ils ne sont pas utilisés pour les activités numériques pédagogiques.",
    ];

    fn sheet(rooms: &[RoomName], now: Option<Timestamp>) -> String {
        CouncilSheet { place: &samples::place(), rooms, now }.render()
    }

    #[test]
    fn the_council_reads_the_law_the_rooms_and_how_it_works() {
        let rooms = ["CM2".parse().unwrap(), "Salle <des> maîtres".parse().unwrap()];
        let html = sheet(&rooms, Some(samples::at(0)));
        let plain = html.replace('\u{a0}', " ").replace('’', "'");
        for expected in LAW {
            assert!(plain.contains(expected), "{expected}: {plain}");
        }
        for expected in ["CM2", "Salle &#60;des&#62; maîtres", "24/11/2026", "aide à la respecter"] {
            assert!(plain.contains(expected), "{expected}: {plain}");
        }
        // The law asks for silence, and says nothing of who switches.
        assert!(plain.contains("La loi n'exige pas cette extinction automatique"), "{plain}");
    }

    #[test]
    fn a_school_without_networks_writes_its_rooms_by_hand() {
        let html = sheet(&[], None);
        assert!(html.contains("À compléter\u{a0}:"), "{html}");
        let many: Vec<RoomName> = (1..=40).map(|number| format!("Salle {number}").parse().unwrap()).collect();
        let html = sheet(&many, None);
        assert!(html.contains("Salle 30") && !html.contains("Salle 31") && html.contains('…'), "{html}");
    }
}
