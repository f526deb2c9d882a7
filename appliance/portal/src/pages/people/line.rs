//! How the box is on its line: the page of a fresh box, for whoever is in the school's network, and that of those who keep it.

use askama::Template;
use model::Person;

use super::bar::Bar;
use super::trouble::tell;
use super::{TechnicianPage, TroublePage};
use crate::pages::frame::{Frame, render};
use crate::pages::{EnrolPage, Place};
use crate::{Language, LineSeat, LineShown, LineTrouble, TypedLine};

/// Says how it is, and asks how it is to be.
#[derive(Clone, Copy, Debug)]
pub struct LinePage<'a> {
    /// Where the page is shown.
    pub place: &'a Place,
    /// Who looks at it; `None`: somebody in front of a fresh box.
    pub person: Option<&'a Person>,
    /// How it is.
    pub seat: &'a LineSeat,
    /// What was typed last, where it is not so.
    pub typed: Option<TypedLine<'a>>,
    /// Why it is not.
    pub trouble: Option<LineTrouble>,
    /// The token of the form.
    pub token: &'a str,
}

#[derive(Template)]
#[template(path = "people/line.html")]
struct View<'a> {
    frame: Frame<'a>,
    bar: Option<Bar<'a>>,
    path: &'static str,
    back: &'static str,
    now: String,
    origin: String,
    waits: bool,
    trouble: Option<String>,
    is_fixed: bool,
    address: &'a str,
    gateway: &'a str,
    resolvers: &'a str,
    token: &'a str,
}

impl LinePage<'_> {
    /// Where the page of a fresh box is, and where its form goes.
    pub const FRESH_PATH: &'static str = "/inscription/ligne";
    /// Where that of people who keep the box is, and where its form goes.
    pub const PATH: &'static str = "/technique/ligne";
    /// The field of the form that says whether the line has DHCP.
    pub const KIND_FIELD: &'static str = "ligne";
    /// What it has where the line has none.
    pub const FIXED: &'static str = "fixe";
    /// The fields of address, gateway and DNS servers.
    pub const FIELDS: [&'static str; 3] = ["adresse", "passerelle", "dns"];

    /// The HTTP status of the page: OK, Bad Request (RFC 9110 section 15.5.1), or that of the trouble.
    #[must_use]
    pub fn status(&self) -> u16 {
        match self.trouble {
            None => 200,
            Some(LineTrouble::Typed(_)) => 400,
            Some(LineTrouble::Person(trouble)) => {
                TroublePage { place: self.place, trouble, back: Self::PATH }.status()
            }
        }
    }

    /// The whole page.
    #[must_use]
    pub fn render(&self, language: Language) -> String {
        let seat = self.seat;
        let (is_fixed, [address, gateway, resolvers]) = match (self.typed, &seat.shown) {
            (Some(TypedLine::Fixed { address, gateway, resolvers }), _) => {
                (true, [address, gateway, resolvers])
            }
            (Some(TypedLine::Dhcp), _) | (None, LineShown::Dhcp) => (false, [""; 3]),
            (None, LineShown::Fixed { address, gateway, resolvers }) => {
                (true, [address.as_str(), gateway.as_str(), resolvers.as_str()])
            }
        };
        let origin = if seat.is_typed { "line-origin-typed" } else { "line-origin-file" };
        let bar = self.person.map(|person| Bar::new(language, person, self.token, TechnicianPage::PATH));
        let (path, back) = match self.person {
            Some(_) => (Self::PATH, TechnicianPage::PATH),
            None => (Self::FRESH_PATH, EnrolPage::PATH),
        };
        render(&View {
            frame: Frame::new(self.place, language),
            bar,
            path,
            back,
            now: tell_line(language, &seat.shown),
            origin: language.say(origin),
            waits: !seat.is_in_force,
            trouble: self.trouble.map(|trouble| match trouble {
                LineTrouble::Typed(fault) => language.say(fault.key()),
                LineTrouble::Person(trouble) => tell(language, trouble),
            }),
            is_fixed,
            address,
            gateway,
            resolvers,
            token: self.token,
        })
    }
}

/// How the box is on its line, in one sentence.
pub(in crate::pages) fn tell_line(language: Language, shown: &LineShown) -> String {
    match shown {
        LineShown::Dhcp => language.say("line-dhcp"),
        LineShown::Fixed { address, gateway, resolvers } => {
            let values =
                [("address", address.as_str()), ("gateway", gateway.as_str()), ("dns", resolvers.as_str())];
            language.say_with("line-fixed", &values)
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::LineFault;
    use crate::pages::samples;

    /// The page in every state that changes its words.
    pub(in crate::pages) fn all(language: Language) -> Vec<(String, String)> {
        let (place, person) = (samples::place(), samples::head());
        let mut pages = Vec::new();
        for (name, seat) in [("fixed", samples::line_seat()), ("dhcp", dhcp())] {
            for person in [None, Some(&person)] {
                let page =
                    LinePage { place: &place, person, seat: &seat, typed: None, trouble: None, token: "0" };
                pages.push((format!("port-{name}-{}", person.is_some()), page.render(language)));
            }
        }
        for fault in LineFault::ALL {
            let (seat, trouble) = (dhcp(), Some(fault.into()));
            let page =
                LinePage { place: &place, person: None, seat: &seat, typed: None, trouble, token: "0" };
            pages.push((format!("port-{fault:?}"), page.render(language)));
        }
        pages
    }

    fn dhcp() -> LineSeat {
        LineSeat { shown: LineShown::Dhcp, is_typed: false, is_in_force: true }
    }

    #[test]
    fn what_counts_and_what_was_typed_are_told_apart() {
        let place = samples::place();
        let seat = samples::line_seat();
        let page =
            LinePage { place: &place, person: None, seat: &seat, typed: None, trouble: None, token: "00ff" };
        let html = page.render(Language::French);
        assert!(html.contains("value=\"192.0.2.10/24\""), "{html}");
        assert!(html.contains("action=\"/inscription/ligne\""), "{html}");
        assert!(html.contains("pas encore"), "it is not in force: {html}");
        let typed = TypedLine::Fixed { address: "<1>", gateway: "2", resolvers: "3" };
        let trouble = Some(LineFault::School.into());
        let page = LinePage { typed: Some(typed), trouble, ..page };
        let html = page.render(Language::French);
        assert!(html.contains("192.0.2.10/24"), "what counts: {html}");
        assert!(html.contains("value=\"&#60;1&#62;\"") && html.contains("role=\"alert\""), "{html}");
        assert_eq!(page.status(), 400);
        let person = samples::head();
        let page = LinePage { person: Some(&person), ..page };
        assert!(page.render(Language::French).contains("action=\"/technique/ligne\""));
    }
}
