//! The page on which a fresh box is enrolled.

use askama::Template;

use super::Place;
use super::frame::{Frame, render};
use crate::{Enrolment, EnrolmentStep, Language, Setback, WayOut};

/// Says how far it is, and asks for the code and the hub's address.
#[derive(Clone, Copy, Debug)]
pub struct EnrolPage<'a> {
    /// Where the page is shown.
    pub place: &'a Place,
    /// How far it is.
    pub enrolment: &'a Enrolment,
    /// Why what was typed is not tried.
    pub trouble: Option<Setback>,
    /// The hub's address, as it was typed.
    pub hub: &'a str,
    /// The head's name, as it was typed. Her password is typed again.
    pub head: &'a str,
    /// The token of the form.
    pub token: &'a str,
}

#[derive(Template)]
#[template(path = "enrol.html")]
struct View<'a> {
    frame: Frame<'a>,
    headline: String,
    lines: Vec<String>,
    troubles: Vec<String>,
    takes_code: bool,
    is_underway: bool,
    /// Never while somebody types: what is in the form would be gone.
    reloads: bool,
    hub: &'a str,
    head: &'a str,
    token: &'a str,
}

impl EnrolPage<'_> {
    /// Where the page is.
    pub const PATH: &'static str = "/inscription";
    /// The field of the form that has the code.
    pub const CODE_FIELD: &'static str = "code";
    /// The field of the form that has the hub's address.
    pub const HUB_FIELD: &'static str = "serveur";
    /// The field of the form that has the head's name.
    pub const HEAD_FIELD: &'static str = "direction";
    /// The field of the form that has her first password.
    pub const SECRET_FIELD: &'static str = "secret";

    /// The HTTP status of the page: OK, or Bad Request (RFC 9110 section 15.5.1).
    #[must_use]
    pub fn status(&self) -> u16 {
        if self.trouble.is_some() { 400 } else { 200 }
    }

    /// The whole page.
    #[must_use]
    pub fn render(&self, language: Language) -> String {
        let Told { headline, lines, troubles } = tell(language, self.enrolment);
        // What was typed last counts more than what became of the code before.
        let troubles = match self.trouble {
            Some(trouble) => vec![language.say(trouble.key())],
            None => troubles,
        };
        let (takes_code, is_underway) = (self.enrolment.takes_code(), self.enrolment.is_underway());
        render(&View {
            frame: Frame::new(self.place, language),
            headline,
            lines,
            troubles,
            takes_code,
            is_underway,
            reloads: is_underway && !takes_code,
            hub: self.hub,
            head: self.head,
            token: self.token,
        })
    }
}

/// How far an enrolment is, in words.
pub(super) struct Told {
    pub(super) headline: String,
    pub(super) lines: Vec<String>,
    /// What is in the way, and what to do.
    pub(super) troubles: Vec<String>,
}

/// The words for pages and for the screen.
pub(super) fn tell(language: Language, enrolment: &Enrolment) -> Told {
    let (headline, lines, setback) = match &enrolment.step {
        EnrolmentStep::Waiting => ("enrol-waiting", vec![language.say("enrol-waiting-lead")], None),
        EnrolmentStep::Failed(setback) => ("enrol-waiting", vec![], Some(*setback)),
        EnrolmentStep::Asking => ("enrol-asking", vec![language.say("enrol-asking-lead")], None),
        EnrolmentStep::Inheriting(setback) => {
            ("enrol-inheriting", vec![language.say("enrol-inheriting-lead")], *setback)
        }
        EnrolmentStep::Restarting => ("enrol-restarting", vec![language.say("enrol-restarting-lead")], None),
        EnrolmentStep::Done(school) => {
            ("enrol-done", vec![language.say_with("enrol-done-lead", &[("school", school)])], None)
        }
        EnrolmentStep::Unpeopled(school) => {
            ("enrol-done", vec![language.say_with("enrol-unpeopled", &[("school", school)])], None)
        }
    };
    let is_done = matches!(
        enrolment.step,
        EnrolmentStep::Done(_) | EnrolmentStep::Unpeopled(_) | EnrolmentStep::Restarting
    );
    let way = match enrolment.way {
        WayOut::Portless => Some("enrol-way-portless"),
        WayOut::Unplugged => Some("enrol-way-unplugged"),
        WayOut::Crossed => Some("enrol-way-crossed"),
        WayOut::Unaddressed => Some("enrol-way-unaddressed"),
        WayOut::Open => None,
    };
    let way = way.filter(|_| !is_done);
    let setback = setback.map(Setback::key);
    let troubles = way.into_iter().chain(setback).map(|key| language.say(key)).collect();
    Told { headline: language.say(headline), lines, troubles }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pages::samples;

    fn page(step: EnrolmentStep, way: WayOut, trouble: Option<Setback>) -> String {
        let (place, enrolment) = (samples::place(), Enrolment { way, step });
        let (hub, head) = ("<hub>", "<nom>");
        let page = EnrolPage { place: &place, enrolment: &enrolment, trouble, hub, head, token: "00ff" };
        page.render(Language::French)
    }

    #[test]
    fn a_code_is_asked_for_where_one_can_be_given() {
        for (step, takes_code, reloads, is_underway) in [
            (EnrolmentStep::Waiting, true, false, false),
            (EnrolmentStep::Failed(Setback::Wrong), true, false, false),
            (EnrolmentStep::Asking, false, true, true),
            (EnrolmentStep::Inheriting(None), false, true, true),
            // Somebody may be typing.
            (EnrolmentStep::Inheriting(Some(Setback::Silent)), true, false, true),
            (EnrolmentStep::Restarting, false, true, true),
            (EnrolmentStep::Done("École".to_owned()), false, false, false),
            (EnrolmentStep::Unpeopled("École".to_owned()), false, false, false),
        ] {
            let html = page(step.clone(), WayOut::Open, None);
            assert_eq!(html.contains("name=\"code\""), takes_code, "{step:?}");
            assert_eq!(html.contains("http-equiv=\"refresh\""), reloads, "{step:?}");
            assert_eq!(html.contains("href=\"/inscription\""), is_underway, "{step:?}");
            assert_eq!(html.contains("name=\"secret\""), takes_code, "{step:?}");
            assert!(!html.contains("<hub>") && !html.contains("<nom>"), "{step:?}");
        }
    }

    #[test]
    fn what_is_in_the_way_is_said_with_what_to_do() {
        let wrong = page(EnrolmentStep::Failed(Setback::Used), WayOut::Unplugged, None);
        assert!(wrong.contains("Pas de ligne") && wrong.contains("a déjà servi"), "{wrong}");
        for (way, words) in [
            (WayOut::Portless, "pas de port Internet"),
            (WayOut::Crossed, "réseau même de l’école"),
            (WayOut::Unaddressed, "personne ne donne d’adresse"),
        ] {
            let told = page(EnrolmentStep::Waiting, way, None);
            assert!(told.contains(words), "{way:?}: {told}");
        }
        let typed = page(EnrolmentStep::Failed(Setback::Used), WayOut::Open, Some(Setback::Code));
        assert!(typed.contains("mal tapé") && !typed.contains("a déjà servi"), "{typed}");
        let done = page(EnrolmentStep::Done("École".to_owned()), WayOut::Unplugged, None);
        let nobody = "personne ne peut s’y connecter";
        assert!(!done.contains("Pas de ligne") && !done.contains(nobody), "{done}");
        let unpeopled = page(EnrolmentStep::Unpeopled("École".to_owned()), WayOut::Open, None);
        assert!(unpeopled.contains(nobody) && unpeopled.contains("EFFACER"), "{unpeopled}");
        // Each setback has words of its own.
        let mut said: Vec<String> = Setback::ALL.iter().map(|it| Language::French.say(it.key())).collect();
        said.sort_unstable();
        said.dedup();
        assert_eq!(said.len(), Setback::ALL.len());
        assert!(said.iter().all(|text| !text.starts_with("enrol-")), "{said:?}");
    }
}
