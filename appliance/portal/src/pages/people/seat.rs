//! Where a box that is in use is enrolled, and the form by which it enrols anew.

use askama::Template;
use model::Person;

use super::TroublePage;
use super::bar::Bar;
use super::trouble::tell;
use crate::pages::Place;
use crate::pages::frame::{Frame, render};
use crate::{HubSeat, JoinStep, JoinTrouble, Language, Setback};

/// Says at which hub the box is, what enrolling anew means, and asks for a code.
#[derive(Clone, Copy, Debug)]
pub struct SeatPage<'a> {
    /// Where the page is shown.
    pub place: &'a Place,
    /// Who looks at it.
    pub person: &'a Person,
    /// Where the box is enrolled.
    pub seat: &'a HubSeat,
    /// The address of a hub, as it was typed.
    pub hub: &'a str,
    /// Why what was typed is not tried.
    pub trouble: Option<JoinTrouble>,
    /// What goes with her form.
    pub token: &'a str,
}

#[derive(Template)]
#[template(path = "people/seat.html")]
struct View<'a> {
    frame: Frame<'a>,
    bar: Bar<'a>,
    now: String,
    nights: Vec<String>,
    trouble: Option<String>,
    is_asking: bool,
    has_joined: bool,
    hub: &'a str,
    token: &'a str,
}

impl SeatPage<'_> {
    /// Where the page is, and where its form goes.
    pub const PATH: &'static str = "/technique/hub";
    /// The field of the form that has the code.
    pub const CODE_FIELD: &'static str = "code";
    /// The field of the form that has the hub's address.
    pub const HUB_FIELD: &'static str = "serveur";
    /// The field of the form that has her own secret.
    pub const SECRET_FIELD: &'static str = "secret";

    /// The HTTP status of the page: OK, Bad Request (RFC 9110 section 15.5.1), or that of the trouble.
    #[must_use]
    pub fn status(&self) -> u16 {
        match self.trouble {
            None => 200,
            Some(JoinTrouble::Typed(_)) => 400,
            Some(JoinTrouble::Person(trouble)) => {
                TroublePage { place: self.place, trouble, back: Self::PATH }.status()
            }
        }
    }

    /// The whole page.
    #[must_use]
    pub fn render(&self, language: Language) -> String {
        let now = match &self.seat.hub {
            Some((hub, school)) => language.say_with("enrol-move-now", &[("hub", hub), ("school", school)]),
            None => language.say("enrol-move-never"),
        };
        let (count, fault) = self.seat.failures;
        let failed = (count > 0).then(|| {
            language.say_with("enrol-move-night", &[("count", &language.group_digits(u64::from(count)))])
        });
        let why = fault.filter(|_| count > 0).map(|fault| language.say(fault.key()));
        // What was typed last counts more than what became of the code before.
        let trouble = match (self.trouble, self.seat.step) {
            (Some(JoinTrouble::Typed(setback)), _) | (None, JoinStep::Failed(setback)) => {
                Some(language.say(key(setback)))
            }
            (Some(JoinTrouble::Person(trouble)), _) => Some(tell(language, trouble)),
            (None, JoinStep::Nothing | JoinStep::Asking | JoinStep::Joined) => None,
        };
        render(&View {
            frame: Frame::new(self.place, language),
            bar: Bar::new(language, self.person, self.token, super::TechnicianPage::PATH),
            now,
            nights: failed.into_iter().chain(why).collect(),
            trouble,
            is_asking: self.seat.step == JoinStep::Asking,
            has_joined: self.seat.step == JoinStep::Joined,
            hub: self.hub,
            token: self.token,
        })
    }
}

/// The words for a setback. A box that is in use takes no other one's place, and there is another way for it than for a fresh one.
fn key(setback: Setback) -> &'static str {
    if setback == Setback::HasState { "enrol-move-has-state" } else { setback.key() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pages::samples;
    use crate::{HubFault, Trouble};

    fn page(step: JoinStep, trouble: Option<JoinTrouble>) -> String {
        let (place, person) = (samples::place(), samples::head());
        let seat = HubSeat { step, ..samples::hub_seat() };
        let page =
            SeatPage { place: &place, person: &person, seat: &seat, hub: "<hub>", trouble, token: "00ff" };
        page.render(Language::French)
    }

    #[test]
    fn a_code_is_asked_for_unless_one_is_tried() {
        for (step, takes_code) in [
            (JoinStep::Nothing, true),
            (JoinStep::Asking, false),
            (JoinStep::Failed(Setback::Used), true),
            (JoinStep::Joined, true),
        ] {
            let html = page(step, None);
            assert_eq!(html.contains("name=\"code\""), takes_code, "{step:?}");
            assert_eq!(html.contains("name=\"secret\""), takes_code, "{step:?}");
            assert!(html.contains("hub.commune.example") && !html.contains("<hub>"), "{step:?}");
            assert_eq!(html.contains("a déjà servi"), step == JoinStep::Failed(Setback::Used), "{step:?}");
            assert_eq!(html.contains("role=\"status\""), matches!(step, JoinStep::Asking | JoinStep::Joined));
        }
    }

    #[test]
    fn what_was_typed_last_is_told() {
        let step = JoinStep::Failed(Setback::Used);
        let typed = page(step, Some(JoinTrouble::Typed(Setback::Code)));
        assert!(typed.contains("mal tapé") && !typed.contains("a déjà servi"), "{typed}");
        let used = page(JoinStep::Failed(Setback::HasState), None);
        assert!(used.contains("sans remplacement") && !used.contains("ne s’inscrit plus"), "{used}");
        let wrong = page(step, Some(JoinTrouble::Person(Trouble::Wrong)));
        assert!(!wrong.contains("a déjà servi") && wrong.contains("role=\"alert\""), "{wrong}");
    }

    #[test]
    fn why_the_last_nights_failed_is_said_with_what_to_do() {
        let (place, person) = (samples::place(), samples::head());
        let mut said: Vec<String> = HubFault::ALL.iter().map(|it| Language::French.say(it.key())).collect();
        for (fault, words) in HubFault::ALL.into_iter().zip(said.clone()) {
            let seat = HubSeat { failures: (3, Some(fault)), ..samples::hub_seat() };
            let (seat, hub, token) = (&seat, "", "0");
            let page = SeatPage { place: &place, person: &person, seat, hub, trouble: None, token };
            let html = page.render(Language::French);
            let first = words.split(['’', '&']).next().unwrap_or_default();
            assert!(html.contains(first) && html.contains("Essais ratés"), "{fault:?}: {html}");
        }
        said.sort_unstable();
        said.dedup();
        assert_eq!(said.len(), HubFault::ALL.len(), "each has words of its own");
        assert!(said.iter().all(|text| !text.starts_with("enrol-")), "{said:?}");
        assert!(!page(JoinStep::Nothing, None).contains("Essais ratés"));
    }

    #[test]
    fn a_box_that_was_never_enrolled_says_so() {
        let (place, person) = (samples::place(), samples::head());
        let seat = HubSeat { hub: None, ..samples::hub_seat() };
        let page =
            SeatPage { place: &place, person: &person, seat: &seat, hub: "", trouble: None, token: "0" };
        assert_eq!(page.status(), 200);
        assert!(page.render(Language::French).contains("n’est inscrit à aucun hub"));
        let typed = SeatPage { trouble: Some(JoinTrouble::Typed(Setback::Wait)), ..page };
        assert_eq!(typed.status(), 400);
        let person = SeatPage { trouble: Some(JoinTrouble::Person(Trouble::Wrong)), ..page };
        assert_eq!(person.status(), 403);
    }
}
