//! What a permitted name leads to.

use std::net::IpAddr;

use model::{AccessKind, Layer};

use super::school::{LESSON, at, device, page, permit, profile, rule, say_reason, snapshot};
use crate::{
    Decided, Decision, Finding, Mode, Profile, Question, Rulebook, Snapshot, decide, screen, still_permits,
};

fn school(rules: &[(Layer, &str)]) -> Snapshot {
    let white = Profile {
        mode: Mode::WhiteList,
        permitted: ["child".parse().unwrap()].into(),
        ..profile("maternelle", &["gambling"])
    };
    snapshot(&Rulebook {
        profiles: vec![profile("elementaire", &["gambling", "adult"]), white],
        locked: ["adult".parse().unwrap()].into(),
        rules: rules.iter().map(|(layer, text)| rule(*layer, text)).collect(),
        ..Rulebook::default()
    })
}

fn say(snapshot: &Snapshot, profile: &str, asked: &str, finding: Finding<'_>) -> String {
    let permit = permit(snapshot, device(profile), asked);
    match screen(snapshot, &permit, finding, Some(at(LESSON))) {
        None => "holds".to_owned(),
        Some(refusal) => {
            assert_eq!(refusal.host().unwrap().to_string(), asked);
            format!("refuse{}", say_reason(refusal.reason()))
        }
    }
}

#[test]
fn an_alias_is_judged_as_far_as_the_permit_does_not_cover_it() {
    use Layer::{Commune, Lesson, School};
    for (rules, profile, asked, alias, expected) in [
        (&[][..], "elementaire", "cloak.example", "tracker.casino.example", "refuse gambling casino.example"),
        (&[], "elementaire", "cloak.example", "cdn.example", "holds"),
        (&[], "elementaire", "cloak.example", "adult.example", "refuse locked adult adult.example"),
        (&[], "elementaire", "cloak.example", "mask.icloud.com", "refuse evasion"),
        // A white list opens a site and what it stands on, but not what the commune has locked.
        (&[], "maternelle", "encyclopedia.example", "cdn.example", "holds"),
        (&[], "maternelle", "encyclopedia.example", "casino.example", "holds"),
        (&[], "maternelle", "encyclopedia.example", "adult.example", "refuse locked adult adult.example"),
        // So does a teacher, up to what the school has closed; the commune opens all.
        (&[(Lesson, "permit cloak.example")], "elementaire", "cloak.example", "casino.example", "holds"),
        (
            &[(Lesson, "permit cloak.example"), (School, "refuse casino.example")],
            "elementaire",
            "cloak.example",
            "casino.example",
            "refuse school casino.example",
        ),
        (&[(Commune, "permit cloak.example")], "elementaire", "cloak.example", "adult.example", "holds"),
    ] {
        let snapshot = school(rules);
        let name = alias.parse().unwrap();
        let said = say(&snapshot, profile, asked, Finding::Alias(&name));
        assert_eq!(said, expected, "{rules:?} {profile} {asked} {alias}");
    }
}

/// Nor does it lead to what a list closes.
#[test]
fn a_workspace_that_the_hub_has_named_stands_on_nothing_that_a_list_closes() {
    let of = |barred: Option<&[&str]>| {
        let barred = barred.map(|all| all.iter().map(|category| category.parse().unwrap()).collect());
        let workspace = vec!["ent.example".parse().unwrap()];
        let profiles = vec![profile("elementaire", &["gambling"])];
        snapshot(&Rulebook { profiles, workspace, barred, ..Rulebook::default() })
    };
    let alias = "casino.example".parse().unwrap();
    let ask = |snapshot: &Snapshot| say(snapshot, "elementaire", "www.ent.example", Finding::Alias(&alias));
    assert_eq!(ask(&of(None)), "holds");
    assert_eq!(ask(&of(Some(&["gambling"]))), "refuse gambling casino.example");
    let cdn = "cdn.example".parse().unwrap();
    let sent = of(Some(&["gambling"]));
    assert_eq!(say(&sent, "elementaire", "www.ent.example", Finding::Alias(&cdn)), "holds");
}

#[test]
fn addresses_are_judged_by_their_lines() {
    let snapshot = school(&[]);
    let check = |address: &str, expected: &str| {
        let address: IpAddr = address.parse().unwrap();
        assert_eq!(say(&snapshot, "elementaire", "cloak.example", Finding::Address(address)), expected);
    };
    check("192.0.2.1", "holds");
    check("2001:db8::1", "holds");
    check("192.0.2.66", "refuse locked adult 192.0.2.66");
    check("::ffff:192.0.2.66", "refuse locked adult 192.0.2.66");
    assert_eq!(say(&snapshot, "elementaire", "cloak.example", Finding::Inward), "refuse inward");
}

#[test]
fn a_permit_can_lapse() {
    let before = school(&[(Layer::Lesson, "permit casino.example")]);
    let permit = permit(&before, device("elementaire"), "www.casino.example");
    let (claim, now) = (permit.claim(), Some(at(LESSON)));
    assert!(still_permits(&before, claim, &device("elementaire"), now));
    assert!(!still_permits(&school(&[]), claim, &device("elementaire"), now));
    // The device was given to another class.
    assert!(!still_permits(&school(&[]), claim, &device("maternelle"), now));
}

#[test]
fn a_page_is_judged_again_as_the_page_that_it_was() {
    let permitted = ["child".parse().unwrap()].into();
    let white = Profile { mode: Mode::WhiteList, permitted, ..profile("maternelle", &["adult"]) };
    let profiles = vec![white, profile("elementaire", &["adult"])];
    let snapshot = snapshot(&Rulebook { profiles, ..Rulebook::default() });
    let target = page("portal.example", "/gallery/kids/1");
    let question =
        Question { subject: device("maternelle"), kind: AccessKind::Http, target, destination: None };
    let Decision::Permit(permit) = decide(&snapshot, question, None) else { panic!("the page is refused") };
    assert!(still_permits(&snapshot, permit.claim(), &device("maternelle"), None));
    assert!(!still_permits(&snapshot, permit.claim(), &device("elementaire"), None));
    // What was read is told to nobody, not even in a log for developers.
    assert!(!format!("{permit:?}").contains("gallery"));
}
