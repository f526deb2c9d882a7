//! What a lesson shows of the web: never more than without it.

use model::{AccessKind, InternetMode, Layer, Lesson, LessonId, Transport, Verdict};
use proptest::prelude::*;

use super::precedence::{LAYERS, profiles, rules, sites};
use super::school::{
    LESSON, at, device, host, name, profile, rule, say, say_at, say_reason, snapshot, unknown,
};
use crate::{
    Decided, Decision, Question, Rulebook, Scope, Service, Snapshot, Step, Target, decide, explain,
    still_permits,
};

/// A lesson in the room CM2, from 09:00 to 10:00 in Paris.
fn lesson(mode: &str, sites: &str) -> Lesson {
    Lesson {
        id: LessonId::new(7),
        teacher: "Mme Martin".parse().unwrap(),
        room: "CM2".parse().unwrap(),
        from: at("2026-11-24T08:00:00Z"),
        until: at("2026-11-24T09:00:00Z"),
        internet: InternetMode::read(mode, sites).unwrap(),
        is_wifi_on: false,
        ended: None,
    }
}

fn school(lessons: Vec<Lesson>, rules: &[(Layer, &str)]) -> Snapshot {
    snapshot(&Rulebook {
        profiles: vec![profile("elementaire", &["gambling", "games"]), profile("adulte", &[])],
        locked: ["adult".parse().unwrap()].into(),
        rules: rules.iter().map(|(layer, text)| rule(*layer, text)).collect(),
        workspace: vec!["ent.example".parse().unwrap()],
        lessons,
        spared: ["adulte".parse().unwrap()].into(),
        ..Rulebook::default()
    })
}

#[test]
fn each_mode_shows_less() {
    use Layer::{Commune, Lesson, School};
    for (rules, asked, list, ent, closed) in [
        (&[][..], "other.example", "refuse lesson-list", "refuse lesson-ent", "refuse lesson-closed"),
        (&[], "www.encyclopedia.example", "permit", "refuse lesson-ent", "refuse lesson-closed"),
        (&[], "www.ent.example", "permit ent ent.example", "permit ent ent.example", "refuse lesson-closed"),
        // A list opens nothing that the profile refuses, nor what the commune has locked.
        (
            &[],
            "casino.example",
            "refuse gambling casino.example",
            "refuse gambling casino.example",
            "refuse gambling casino.example",
        ),
        (
            &[],
            "adult.example",
            "refuse locked adult adult.example",
            "refuse locked adult adult.example",
            "refuse locked adult adult.example",
        ),
        // What a teacher opened for the room is open beside the list, and closed when all is.
        (
            &[(Lesson, "permit games.example")],
            "games.example",
            "permit lesson games.example",
            "permit lesson games.example",
            "refuse lesson-closed",
        ),
        // Who opened a site to the school has not said that a class looks at it now.
        (
            &[(School, "permit games.example")],
            "games.example",
            "refuse lesson-list",
            "refuse lesson-ent",
            "refuse lesson-closed",
        ),
        (
            &[(Commune, "permit games.example")],
            "games.example",
            "refuse lesson-list",
            "refuse lesson-ent",
            "refuse lesson-closed",
        ),
        (
            &[(School, "refuse encyclopedia.example")],
            "encyclopedia.example",
            "refuse school encyclopedia.example",
            "refuse school encyclopedia.example",
            "refuse school encyclopedia.example",
        ),
    ] {
        let sites = "encyclopedia.example casino.example adult.example";
        for (mode, expected) in [("list", list), ("ent", ent), ("closed", closed)] {
            let snapshot = school(vec![lesson(mode, sites)], rules);
            let said = say(&snapshot, device("elementaire"), host(asked));
            assert_eq!(said, expected, "{mode} {rules:?} {asked}");
        }
        let (with, without) = (school(vec![lesson("normal", "")], rules), school(vec![], rules));
        let [with, without] = [with, without].map(|it| say(&it, device("elementaire"), host(asked)));
        assert_eq!(with, without, "{asked}");
    }
}

/// Whoever opened the site to the school as well: the reason is theirs, and the class sees it.
#[test]
fn what_a_teacher_opened_is_shown_also_where_something_stronger_opens_it() {
    for (layer, word) in [(Layer::School, "school"), (Layer::Commune, "commune")] {
        let both = [(layer, "permit games.example"), (Layer::Lesson, "permit games.example")];
        let closed = [(layer, "permit games.example"), (Layer::Lesson, "refuse games.example")];
        let shown = format!("permit {word} games.example");
        let shown = shown.as_str();
        for (rules, mode, expected) in [
            (&both, "normal", shown),
            (&both, "list", shown),
            (&both, "ent", shown),
            (&both, "closed", "refuse lesson-closed"),
            (&closed, "list", "refuse lesson-list"),
        ] {
            let snapshot = school(vec![lesson(mode, "encyclopedia.example")], rules);
            let said = say(&snapshot, device("elementaire"), host("www.games.example"));
            assert_eq!(said, expected, "{mode} {rules:?}");
        }
    }
}

#[test]
fn what_is_above_the_workspace_touches_it() {
    let snapshot = school(vec![], &[]);
    for (asked, expected) in
        [("ent.example", true), ("www.ent.example", true), ("example", true), ("notent.example", false)]
    {
        assert_eq!(snapshot.touches_workspace(&asked.parse().unwrap()), expected, "{asked}");
    }
}

#[test]
fn a_lesson_is_for_its_room_and_its_time_and_spares_its_teacher() {
    let snapshot = school(vec![lesson("closed", "")], &[]);
    for (subject, now, expected) in [
        (device("elementaire"), Some(LESSON), "refuse lesson-closed"),
        (device("adulte"), Some(LESSON), "permit"),
        (unknown(), Some(LESSON), "permit"),
        (device("elementaire"), Some("2026-11-24T08:00:00Z"), "refuse lesson-closed"),
        (device("elementaire"), Some("2026-11-24T08:59:59.999Z"), "refuse lesson-closed"),
        (device("elementaire"), Some("2026-11-24T09:00:00Z"), "permit"),
        (device("elementaire"), Some("2026-11-24T07:59:59Z"), "permit"),
        // Nobody knows when it ends.
        (device("elementaire"), None, "permit"),
    ] {
        let said = say_at(&snapshot, subject.clone(), host("other.example"), now.map(at));
        assert_eq!(said, expected, "{subject} {now:?}");
    }
    let elsewhere = Lesson { room: "CM1".parse().unwrap(), ..lesson("closed", "") };
    assert_eq!(say(&school(vec![elsewhere], &[]), device("elementaire"), host("other.example")), "permit");
}

fn question(profile: &str, target: Target) -> Question {
    Question { subject: device(profile), kind: AccessKind::Tls, target, destination: None }
}

#[test]
fn every_decision_of_the_room_names_the_lesson() {
    let snapshot = school(vec![lesson("ent", "")], &[]);
    let lesson_of = |question: Question, now: Option<&str>| match decide(&snapshot, question, now.map(at)) {
        Decision::Permit(permit) => permit.lesson(),
        Decision::Refusal(refusal) => refusal.lesson(),
    };
    let seven = Some(LessonId::new(7));
    for (profile, asked) in
        [("elementaire", "other.example"), ("elementaire", "ent.example"), ("adulte", "a.fr")]
    {
        assert_eq!(lesson_of(question(profile, host(asked)), Some(LESSON)), seven, "{profile} {asked}");
    }
    let fault = || Target::Fault { fault: model::Fault::Quic, host: None };
    assert_eq!(lesson_of(question("elementaire", fault()), Some(LESSON)), seven);
    assert_eq!(lesson_of(question("elementaire", fault()), Some("2026-11-24T09:00:00Z")), None);
    assert_eq!(lesson_of(Question { subject: unknown(), ..question("x", fault()) }, Some(LESSON)), None);
}

#[test]
fn what_is_open_is_judged_again_when_a_lesson_begins_and_ends() {
    let (before, during) = (school(vec![], &[]), school(vec![lesson("closed", "")], &[]));
    let asked = question("elementaire", host("other.example"));
    let Decision::Permit(permit) = decide(&before, asked, Some(at(LESSON))) else { panic!() };
    let holds = |snapshot: &Snapshot, now: &str| {
        still_permits(snapshot, permit.claim(), &device("elementaire"), Some(at(now)))
    };
    assert!(holds(&before, LESSON) && !holds(&during, LESSON) && holds(&during, "2026-11-24T09:00:00Z"));
}

#[test]
fn services_are_closed_where_all_is() {
    let service = Service {
        name: "visio".parse().unwrap(),
        purpose: "la visio".to_owned(),
        tcp: vec!["993".parse().unwrap()],
        udp: vec![],
        hosts: vec!["visio.example".parse().unwrap()],
        networks: vec![],
        profiles: ["elementaire".parse().unwrap()].into(),
    };
    let flow = || Target::Service {
        service: "visio".parse().unwrap(),
        host: model::Host::parse("visio.example").unwrap(),
        transport: Transport::Tcp,
        port: 993,
    };
    for (mode, expected) in [
        ("normal", "permit service visio"),
        ("ent", "permit service visio"),
        ("closed", "refuse lesson-closed"),
    ] {
        let snapshot = snapshot(&Rulebook {
            profiles: vec![profile("elementaire", &[])],
            services: vec![service.clone()],
            lessons: vec![lesson(mode, "")],
            ..Rulebook::default()
        });
        for (kind, target) in [(AccessKind::Tcp, flow()), (AccessKind::Dns, host("visio.example"))] {
            let asked = Question { kind, ..question("elementaire", target) };
            let said = match decide(&snapshot, asked, Some(at(LESSON))) {
                Decision::Permit(permit) => format!("permit{}", say_reason(permit.reason())),
                Decision::Refusal(refusal) => format!("refuse{}", say_reason(refusal.reason())),
            };
            assert_eq!(said, expected, "{mode} {kind:?}");
        }
    }
}

/// What a page of the list stands on: the lesson has no word there, the commune has.
#[test]
fn a_list_judges_the_site_that_was_asked_for() {
    let snapshot = school(vec![lesson("list", "encyclopedia.example")], &[]);
    let asked = question("elementaire", host("encyclopedia.example"));
    let Decision::Permit(permit) = decide(&snapshot, asked, Some(at(LESSON))) else { panic!() };
    for (alias, holds) in [("cdn.example", true), ("adult.example", false)] {
        let alias = alias.parse().unwrap();
        let refusal = crate::screen(&snapshot, &permit, crate::Finding::Alias(&alias), Some(at(LESSON)));
        assert_eq!(refusal.is_none(), holds, "{alias}");
        assert!(refusal.is_none_or(|refusal| refusal.lesson() == Some(LessonId::new(7))));
    }
}

fn modes() -> impl Strategy<Value = Lesson> {
    let list = prop::collection::vec(sites(), 1..4).prop_map(|sites| lesson("list", &sites.join(" ")));
    prop_oneof![Just(lesson("normal", "")), Just(lesson("ent", "")), Just(lesson("closed", "")), list]
}

fn verdict(rulebook: &Rulebook, asked: &str) -> (Verdict, String) {
    match decide(&snapshot(rulebook), question("elementaire", host(asked)), Some(at(LESSON))) {
        Decision::Permit(permit) => (Verdict::Permit, say_reason(permit.reason())),
        Decision::Refusal(refusal) => (Verdict::Refuse, say_reason(refusal.reason())),
    }
}

proptest! {
    /// Whatever the rules: a lesson opens nothing, refuses for no other reason what is refused without it, and changes
    /// nothing of what it shows.
    #[test]
    fn a_lesson_only_narrows(
        profile in profiles(), rules in rules(&LAYERS), lesson in modes(), asked in sites(),
        locks in any::<bool>(), spares in any::<bool>(),
    ) {
        let without = Rulebook {
            profiles: vec![profile],
            rules,
            locked: locks.then(|| "adult".parse().unwrap()).into_iter().collect(),
            workspace: vec!["both.example".parse().unwrap()],
            ..Rulebook::default()
        };
        let spared = spares.then(|| name("elementaire")).into_iter().collect();
        let with = Rulebook { lessons: vec![lesson.clone()], spared, ..without.clone() };
        let (before, after) = (verdict(&without, &asked), verdict(&with, &asked));
        match (before.0, after.0) {
            (Verdict::Refuse, _) | (Verdict::Permit, Verdict::Permit) => prop_assert_eq!(&before, &after),
            (Verdict::Permit, Verdict::Refuse) => {
                prop_assert!(!spares);
                prop_assert_eq!(&after.1, &format!(" lesson-{}", lesson.internet.as_str()));
            }
        }
        if lesson.internet == InternetMode::Closed && !spares {
            prop_assert_eq!(after.0, Verdict::Refuse);
        }
    }

    /// What a teacher opened for the room is shown in every mode but the one that closes all, whoever else opened it.
    #[test]
    fn what_was_opened_for_the_room_is_shown(
        lesson in modes(), asked in sites(), stronger in rules(&LAYERS[..2]),
    ) {
        let rule = rule(Layer::Lesson, &format!("permit {asked}"));
        let rule = crate::Rule { scope: Scope::Room("CM2".parse().unwrap()), ..rule };
        let book = Rulebook {
            profiles: vec![profile("elementaire", &["adult", "gambling", "games"])],
            rules: stronger.into_iter().filter(|it| it.effect == Verdict::Permit).chain([rule]).collect(),
            lessons: vec![lesson.clone()],
            ..Rulebook::default()
        };
        let expected =
            if lesson.internet == InternetMode::Closed { Verdict::Refuse } else { Verdict::Permit };
        prop_assert_eq!(verdict(&book, &asked).0, expected);
    }

    #[test]
    fn an_explanation_tells_of_the_lesson(lesson in modes(), asked in sites()) {
        let snapshot = school(vec![lesson], &[]);
        let (steps, explained) = explain(&snapshot, question("elementaire", host(&asked)), Some(at(LESSON)));
        let tells = steps.iter().any(|step| matches!(step, Step::Narrowed { .. }));
        let narrowed = match &explained {
            Decision::Permit(permit) => permit.reason().as_str().starts_with("lesson-"),
            Decision::Refusal(refusal) => matches!(refusal.reason(), model::Reason::Narrowed(_)),
        };
        prop_assert_eq!(tells, narrowed);
    }
}
