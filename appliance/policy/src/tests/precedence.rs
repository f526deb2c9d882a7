//! Who overrules whom.

use std::collections::BTreeSet;

use model::{Layer, Subject, Verdict};
use proptest::prelude::*;

use super::school::{LESSON, at, device, host, name, profile, rule, say, say_at, snapshot, unknown};
use crate::{Decided, Decision, Mode, Profile, Question, Rule, Rulebook, Scope, decide, explain};

pub(super) const LAYERS: [Layer; 3] = [Layer::Commune, Layer::School, Layer::Lesson];

fn school(locked: &[&str], rules: &[(Layer, &str)]) -> Rulebook {
    Rulebook {
        profiles: vec![profile("elementaire", &["adult", "gambling", "games"])],
        locked: locked.iter().map(|category| category.parse().unwrap()).collect(),
        rules: rules.iter().map(|(layer, text)| rule(*layer, text)).collect(),
        ..Rulebook::default()
    }
}

#[test]
fn the_stronger_layer_wins_and_within_it_the_more_specific_entry() {
    use Layer::{Commune, Lesson, School};
    for (locked, rules, asked, expected) in [
        // One layer over the profile.
        (
            &[][..],
            &[(Lesson, "permit casino.example")][..],
            "www.casino.example",
            "permit lesson casino.example",
        ),
        (&[], &[(Lesson, "refuse other.example")], "other.example", "refuse lesson other.example"),
        (&[], &[(School, "permit category gambling")], "casino.example", "permit school gambling"),
        (&[], &[(School, "permit category gambling")], "adult.example", "refuse adult adult.example"),
        // The school over the lesson, the commune over the school.
        (
            &[],
            &[(Lesson, "permit casino.example"), (School, "refuse casino.example")],
            "casino.example",
            "refuse school casino.example",
        ),
        (
            &[],
            &[(School, "refuse casino.example"), (Commune, "permit casino.example")],
            "casino.example",
            "permit commune casino.example",
        ),
        // Even where the weaker layer is more specific.
        (
            &[],
            &[(Lesson, "permit www.casino.example"), (School, "refuse casino.example")],
            "www.casino.example",
            "refuse school casino.example",
        ),
        // Locked: only the commune's own exception opens it.
        (
            &["gambling"],
            &[(Lesson, "permit casino.example"), (School, "permit casino.example")],
            "casino.example",
            "refuse locked gambling casino.example",
        ),
        (
            &["gambling"],
            &[(Commune, "permit casino.example")],
            "casino.example",
            "permit commune casino.example",
        ),
        (&["adult"], &[], "kids.adult.example", "refuse locked adult adult.example"),
        // Within a layer the more specific wins, and at the same depth what permits.
        (
            &[],
            &[(School, "refuse games.example"), (School, "permit kids.games.example")],
            "www.kids.games.example",
            "permit school kids.games.example",
        ),
        (
            &[],
            &[(School, "permit games.example"), (School, "refuse kids.games.example")],
            "www.kids.games.example",
            "refuse school kids.games.example",
        ),
        (
            &[],
            &[(School, "refuse games.example"), (School, "permit games.example")],
            "games.example",
            "permit school games.example",
        ),
        (
            &[],
            &[(School, "permit adult.example"), (School, "refuse category gambling")],
            "bets.adult.example",
            "refuse school gambling",
        ),
    ] {
        let snapshot = snapshot(&school(locked, rules));
        assert_eq!(say(&snapshot, device("elementaire"), host(asked)), expected, "{locked:?} {rules:?}");
    }
}

/// What the commune's hub locks is a rule of the whole school, and counts as what the configuration locks.
#[test]
fn a_lock_of_the_communes_beats_a_schools_exception_and_no_exception_of_the_communes() {
    use Layer::{Commune, Lesson, School};
    let lock = (Commune, "refuse category gambling");
    for (rules, asked, expected) in [
        (&[][..], "www.casino.example", "refuse locked gambling casino.example"),
        (&[(School, "permit casino.example")], "casino.example", "refuse locked gambling casino.example"),
        (&[(School, "permit category gambling")], "casino.example", "refuse locked gambling casino.example"),
        (
            &[(Lesson, "permit www.casino.example")],
            "www.casino.example",
            "refuse locked gambling casino.example",
        ),
        (&[(Commune, "permit casino.example")], "casino.example", "permit commune casino.example"),
        // The exception is shorter than the entry of the list, and holds all the same.
        (&[(Commune, "permit adult.example")], "bets.adult.example", "permit commune adult.example"),
        (
            &[(Commune, "permit casino.example")],
            "bets.adult.example",
            "refuse locked gambling bets.adult.example",
        ),
        (&[], "games.example", "refuse games games.example"),
    ] {
        let brought = school(&[], &[rules, &[lock]].concat());
        let configured = school(&["gambling"], rules);
        for book in [brought, configured] {
            let said = say(&snapshot(&book), device("elementaire"), host(asked));
            assert_eq!(said, expected, "{rules:?} {asked} {:?}", book.locked);
        }
    }
    // A category that no list has is told of, as any other.
    let absent = snapshot(&school(&[], &[(Commune, "refuse category gamblng")]));
    let missing: Vec<&str> = absent.missing_categories().iter().map(model::Category::as_str).collect();
    assert_eq!(missing, ["gamblng"]);
}

#[test]
fn a_rule_counts_for_those_whom_it_names() {
    let scopes = [
        (Scope::Everyone, true, true),
        (Scope::Profile(name("elementaire")), true, false),
        (Scope::Profile(name("inconnu")), false, true),
        (Scope::Room("CM2".parse().unwrap()), true, false),
        (Scope::Room("CM1".parse().unwrap()), false, false),
        (Scope::Device("02:00:00:00:00:11".parse().unwrap()), true, false),
        (Scope::Device("02:00:00:00:00:12".parse().unwrap()), false, false),
    ];
    for (scope, for_device, for_unknown) in scopes {
        let rule = Rule { scope: scope.clone(), ..rule(Layer::Lesson, "refuse other.example") };
        let snapshot = snapshot(&Rulebook { rules: vec![rule], ..school(&[], &[]) });
        for (subject, counts) in [(device("elementaire"), for_device), (unknown(), for_unknown)] {
            let expected = if counts { "refuse lesson other.example" } else { "permit" };
            assert_eq!(say(&snapshot, subject, host("other.example")), expected, "{scope:?}");
        }
    }
}

#[test]
fn a_rule_begins_and_ends_on_time() {
    let from = Some(at("2026-11-24T08:00:00Z"));
    let until = Some(at("2026-11-24T09:00:00Z"));
    let timed = Rule { from, until, ..rule(Layer::Lesson, "permit casino.example") };
    let snapshot = snapshot(&Rulebook { rules: vec![timed], ..school(&[], &[]) });
    for (now, expected) in [
        // A clock that was set back does not give a rule a second life.
        (Some("2026-11-24T07:59:59.999Z"), "refuse gambling casino.example"),
        (Some("2026-11-24T08:00:00Z"), "permit lesson casino.example"),
        (Some("2026-11-24T08:59:59.999Z"), "permit lesson casino.example"),
        (Some("2026-11-24T09:00:00Z"), "refuse gambling casino.example"),
        // Nor does a box that does not know the time.
        (None, "refuse gambling casino.example"),
    ] {
        let said = say_at(&snapshot, device("elementaire"), host("casino.example"), now.map(at));
        assert_eq!(said, expected, "{now:?}");
    }
}

#[test]
fn who_may_lift_a_refusal() {
    use Layer::{Commune, Lesson, School};
    for (locked, rules, asked, expected) in [
        (&[][..], &[][..], "casino.example", Some(Lesson)),
        (&["gambling"], &[], "casino.example", Some(Commune)),
        (&[], &[(Commune, "refuse other.example")], "other.example", Some(Commune)),
        (&[], &[(School, "refuse other.example")], "other.example", Some(School)),
        (&[], &[(Lesson, "refuse other.example")], "other.example", Some(Lesson)),
        (&[], &[], "192.0.2.1", None),
        (&[], &[], "mask.icloud.com", None),
    ] {
        let snapshot = snapshot(&school(locked, rules));
        let Decision::Refusal(refusal) = decide(&snapshot, question(asked), None) else {
            panic!("{asked} is permitted")
        };
        assert_eq!(refusal.reason().lifter(), expected, "{asked}");
    }
}

#[test]
fn an_explanation_tells_what_did_not_count_as_well() {
    let over =
        Rule { until: Some(at("2026-11-24T08:00:00Z")), ..rule(Layer::Lesson, "permit casino.example") };
    let mut rulebook = school(&[], &[(Layer::School, "permit category gambling")]);
    rulebook.rules[0].scope = Scope::Room("CM1".parse().unwrap());
    rulebook.rules.push(over);
    let (steps, decision) = explain(&snapshot(&rulebook), question("www.casino.example"), Some(at(LESSON)));
    assert!(matches!(decision, Decision::Refusal(_)));
    let steps: Vec<_> = steps.iter().map(|step| format!("{step:?}")).collect();
    let expected = [
        "Line { entry: \"casino.example\", categories: [Category(\"gambling\")] }",
        "entry: \"gambling\", author: PersonName(\"Mme Martin\"), until: None }, why: Scope }",
        "why: Over }",
        "Profile { name: ProfileName(\"elementaire\"), mode: Open",
    ];
    assert_eq!(steps.len(), expected.len(), "{steps:#?}");
    for (step, expected) in steps.iter().zip(expected) {
        assert!(step.contains(expected), "{step}: {expected}");
    }
}

#[test]
fn what_is_stronger_than_a_refusal_of_the_school_holds_a_site_open() {
    use Layer::{Commune, Lesson, School};
    for (layer, text, asked, expected) in [
        (School, "permit casino.example", "casino.example", true),
        // What is under it would stay open.
        (School, "permit www.casino.example", "casino.example", true),
        (School, "permit casino.example", "www.casino.example", false),
        (School, "permit category gambling", "casino.example", true),
        (School, "permit category gambling", "www.casino.example", false),
        (School, "refuse casino.example", "casino.example", false),
        (Commune, "permit casino.example", "www.casino.example", true),
        (Commune, "permit category gambling", "www.casino.example", true),
        (Commune, "refuse casino.example", "casino.example", false),
        (Lesson, "permit casino.example", "casino.example", false),
        (School, "permit other.example", "casino.example", false),
    ] {
        let mut rulebook = school(&[], &[(layer, text)]);
        let holds = |book: &Rulebook| snapshot(book).is_held_open(&asked.parse().unwrap(), Some(at(LESSON)));
        assert_eq!(holds(&rulebook), expected, "{layer:?} {text} {asked}");
        rulebook.rules[0].until = Some(at(LESSON));
        assert!(!holds(&rulebook), "it is over: {layer:?} {text} {asked}");
    }
}

fn question(asked: &str) -> Question {
    Question {
        subject: device("elementaire"),
        kind: model::AccessKind::Tls,
        target: host(asked),
        destination: None,
    }
}

pub(super) fn sites() -> impl Strategy<Value = String> {
    prop_oneof![
        "(www\\.|kids\\.|bets\\.)?(adult|casino|games|other|both)\\.example",
        Just("encyclopedia.example".to_owned()),
        Just("chat.encyclopedia.example".to_owned()),
    ]
}

pub(super) fn rules(layers: &'static [Layer]) -> impl Strategy<Value = Vec<Rule>> {
    let category = prop_oneof![Just("adult"), Just("gambling"), Just("games"), Just("child")];
    let topic = prop_oneof![sites(), category.prop_map(|category| format!("category {category}"))];
    let one = (prop::sample::select(layers), any::<bool>(), topic).prop_map(|(layer, opens, topic)| {
        rule(layer, &format!("{} {topic}", if opens { Verdict::Permit } else { Verdict::Refuse }))
    });
    prop::collection::vec(one, 0..8)
}

pub(super) fn profiles() -> impl Strategy<Value = Profile> {
    let categories = || {
        let category = prop_oneof![Just("adult"), Just("gambling"), Just("games"), Just("child")];
        prop::collection::btree_set(category.prop_map(|text| text.parse().unwrap()), 0..4)
    };
    let mode =
        prop_oneof![Just(Mode::Open), Just(Mode::WhiteList), Just(Mode::Workspace), Just(Mode::Closed)];
    (mode, categories(), categories()).prop_map(|(mode, refused, permitted)| Profile {
        mode,
        permitted,
        ..Profile::open("elementaire".parse().unwrap(), refused)
    })
}

fn verdict(rulebook: &Rulebook, subject: Subject, asked: &str) -> Verdict {
    let question = Question { subject, ..question(asked) };
    match decide(&snapshot(rulebook), question, None) {
        Decision::Permit(_) => Verdict::Permit,
        Decision::Refusal(_) => Verdict::Refuse,
    }
}

proptest! {
    #[test]
    fn a_locked_category_is_never_permitted_by_school_lesson_or_profile(
        profile in profiles(),
        rules in rules(&LAYERS[1..]),
        asked in "(www\\.|kids\\.|bets\\.)?(adult|casino)\\.example",
    ) {
        let locked: BTreeSet<_> = ["adult", "gambling"].map(|text| text.parse().unwrap()).into();
        let brought = ["adult", "gambling"].map(|text| rule(Layer::Commune, &format!("refuse category {text}")));
        let rulebook = Rulebook { profiles: vec![profile], locked, rules, ..Rulebook::default() };
        prop_assert_eq!(verdict(&rulebook, device("elementaire"), &asked), Verdict::Refuse);
        let rules = rulebook.rules.iter().cloned().chain(brought).collect();
        let by_hub = Rulebook { locked: BTreeSet::new(), rules, ..rulebook };
        prop_assert_eq!(verdict(&by_hub, device("elementaire"), &asked), Verdict::Refuse);
    }

    #[test]
    fn without_any_entry_the_verdict_is_the_profiles(profile in profiles(), rules in rules(&LAYERS)) {
        let expected = if profile.mode == Mode::Open { Verdict::Permit } else { Verdict::Refuse };
        let rulebook = Rulebook { profiles: vec![profile], rules, ..Rulebook::default() };
        prop_assert_eq!(verdict(&rulebook, device("elementaire"), "unheard.example"), expected);
    }

    #[test]
    fn the_order_of_the_rules_does_not_matter(
        profile in profiles(), rules in rules(&LAYERS).prop_shuffle(), asked in sites(),
    ) {
        let rulebook = Rulebook { profiles: vec![profile], rules, ..Rulebook::default() };
        let mut turned = rulebook.clone();
        turned.rules.reverse();
        let [one, other] = [&rulebook, &turned].map(|book| verdict(book, device("elementaire"), &asked));
        prop_assert_eq!(one, other);
    }

    #[test]
    fn the_school_closes_whatever_nothing_stronger_holds_open(
        profile in profiles(), mut rules in rules(&LAYERS), asked in sites(),
    ) {
        let book = |rules: &[Rule]| Rulebook {
            profiles: vec![profile.clone()],
            rules: rules.to_vec(),
            ..Rulebook::default()
        };
        let is_held = snapshot(&book(&rules)).is_held_open(&asked.parse().unwrap(), None);
        rules.push(rule(Layer::School, &format!("refuse {asked}")));
        let after = verdict(&book(&rules), device("elementaire"), &asked);
        prop_assert!(is_held || after == Verdict::Refuse);
    }

    #[test]
    fn an_explanation_ends_in_the_decision(
        profile in profiles(), rules in rules(&LAYERS), asked in sites(),
    ) {
        let snapshot = snapshot(&Rulebook { profiles: vec![profile], rules, ..Rulebook::default() });
        let (_, explained) = explain(&snapshot, question(&asked), None);
        let reason = |decision: &Decision| match decision {
            Decision::Permit(permit) => (Verdict::Permit, permit.reason().clone()),
            Decision::Refusal(refusal) => (Verdict::Refuse, refusal.reason().clone()),
        };
        prop_assert_eq!(reason(&explained), reason(&decide(&snapshot, question(&asked), None)));
    }
}
