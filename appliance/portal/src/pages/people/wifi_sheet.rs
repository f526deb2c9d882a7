//! The register of Wi-Fi, on paper: when which room had it, by whom (loi 2015-136, article 7).

use askama::Template;
use model::Timestamp;

use crate::pages::Place;
use crate::pages::frame::render;
use crate::pages::reason::{format_time, name_minute};
use crate::pages::twice::say;
use crate::{Language, WifiLine};

/// Most lines on the sheets: a school year of a large school.
const LINES_MAX: usize = 5_000;

/// The register, the last use first.
#[derive(Clone, Copy, Debug)]
pub struct WifiSheet<'a> {
    /// The school.
    pub place: &'a Place,
    /// The times during which rooms had their Wi-Fi.
    pub lines: &'a [WifiLine],
    /// The time, where the clock is set.
    pub now: Option<Timestamp>,
}

#[derive(Template)]
#[template(path = "people/wifi_sheet.html")]
struct View<'a> {
    place: &'a Place,
    made: String,
    lines: Vec<Line>,
    is_cut: bool,
}

struct Line {
    day: String,
    on: String,
    off: String,
    room: String,
    by: String,
    off_by: String,
    lesson: u32,
}

impl WifiSheet<'_> {
    /// The HTTP status of the page.
    pub const STATUS: u16 = 200;
    /// Where it is.
    pub const PATH: &'static str = "/direction/wifi";
    /// A sheet has its own style, and sends nothing anywhere.
    pub const SECURITY_POLICY: &'static str = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

    /// The whole page.
    #[must_use]
    pub fn render(&self) -> String {
        let made = self.now.and_then(|now| format_time(&self.place.timezone, now, "%d/%m/%Y\u{a0}%H:%M"));
        render(&View {
            place: self.place,
            made: made.unwrap_or_default(),
            lines: self.lines.iter().take(LINES_MAX).map(|line| self.describe(line)).collect(),
            is_cut: self.lines.len() > LINES_MAX,
        })
    }

    fn describe(&self, line: &WifiLine) -> Line {
        let minute = |at| name_minute(&self.place.timezone, at).unwrap_or_default();
        let (off, off_by) = match &line.off {
            Some((at, by)) => (minute(*at), by.to_string()),
            None => (Language::French.say("register-still-on"), String::new()),
        };
        Line {
            day: format_time(&self.place.timezone, line.on, "%d/%m/%Y").unwrap_or_default(),
            on: minute(line.on),
            off,
            room: line.room.to_string(),
            by: line.on_by.to_string(),
            // Whoever switched it on, or the end of her lesson, is no news.
            off_by: if off_by == line.on_by.as_str() { String::new() } else { off_by },
            lesson: line.lesson.number(),
        }
    }
}

#[cfg(test)]
mod tests {
    use model::LessonId;

    use super::*;
    use crate::pages::samples;

    #[test]
    fn the_register_tells_who_had_which_room_on_and_until_when() {
        let line = WifiLine {
            lesson: LessonId::new(7),
            room: "Bibliothèque".parse().unwrap(),
            on: samples::at(0),
            on_by: "Mme <Martin>".parse().unwrap(),
            off: Some((samples::at(55), "M. Bernard".parse().unwrap())),
        };
        let still = WifiLine { off: None, ..line.clone() };
        let lines = [still, line];
        let sheet = WifiSheet { place: &samples::place(), lines: &lines, now: Some(samples::at(60)) };
        let html = sheet.render();
        for expected in
            ["Bibliothèque", "24/11/2026", "10:50", "11:45", "M. Bernard", "Mme &#60;Martin&#62;", "allumé"]
        {
            assert!(html.contains(expected), "{expected}: {html}");
        }
        let none = WifiSheet { lines: &[], now: None, ..sheet };
        assert!(none.render().contains("Aucun allumage"), "{}", none.render());
    }
}
