use model::{Layer, Mac, Machine, Obstacle, Rule, Scope, Topic};

use super::*;
use crate::NewRequest;
use crate::people::tests::{at, open};

const SYNCHRONISED: ClockQuality = ClockQuality::Synchronised;

fn asked(site: &str, author: &str, is_urgent: bool) -> NewCommuneRequest {
    NewCommuneRequest {
        site: site.parse().unwrap(),
        wants: Verdict::Permit,
        author: author.parse().unwrap(),
        motive: "sortie".parse().unwrap(),
        is_urgent,
    }
}

fn rule(effect: Verdict, site: &str) -> model::NewOverride {
    let rule = Rule {
        layer: Layer::Commune,
        effect,
        topic: Topic::Site(site.parse().unwrap()),
        scope: Scope::Everyone,
        author: "M. Blanc".parse().unwrap(),
        motive: "sortie".parse().unwrap(),
        from: None,
        until: None,
    };
    model::NewOverride::of_commune(rule, at(0)).unwrap()
}

fn answer(answered: Answered) -> CommuneAnswer {
    CommuneAnswer { answered, author: "M. Blanc".parse().unwrap(), motive: "oui".parse().unwrap(), at: at(5) }
}

fn place(path: &str) -> NewPreparation {
    NewPreparation {
        place: format!("https://ent.example{path}").parse().unwrap(),
        title: "Le volcan".parse().unwrap(),
        room: None,
        by: "Commune".parse().unwrap(),
        device: Mac::new([0; 6]),
        made: at(0),
        until: at(1_000),
    }
}

fn take(store: &mut Store, signer: &str, serial: u64, sheet: &CommuneSheet) -> Result<(), CommuneError> {
    let document = CommuneDocument { serial, signer: signer.to_owned() };
    store.take_commune_sheet(&document, sheet, &"hub".parse().unwrap(), (at(9), SYNCHRONISED))
}

fn orders(store: &Store) -> Vec<&'static str> {
    store.commune_orders(99).unwrap().into_iter().map(|order| order.kind.as_str()).rev().collect()
}

/// A pupil's device asks for a site that only the commune can open.
fn ask_as_pupil(store: &mut Store, site: &str) -> model::RequestId {
    let new = NewRequest {
        site: site.parse().unwrap(),
        room: Some("CM2".parse().unwrap()),
        obstacle: Obstacle { reason: "locked".into(), category: None, lifter: Layer::Commune },
        asker: Machine::Mac(Mac::new([2, 0, 0, 0, 0, 1])),
        is_registered: true,
    };
    store.ask(&new, at(0), SYNCHRONISED).unwrap().id
}

#[test]
fn what_is_urgent_is_sent_once_and_all_of_it_each_night_until_it_is_answered() {
    let (_folder, mut store) = open();
    let quiet = store.ask_commune(&asked("a.example", "Mme Martin", false), at(0)).unwrap();
    let urgent = store.ask_commune(&asked("b.example", "Mme Martin", true), at(1)).unwrap();
    let waiting = |store: &Store, alone| -> Vec<_> {
        store.waiting_commune_requests(alone, 9).unwrap().into_iter().map(|it| it.id).collect()
    };
    let sent = |store: &Store| -> Vec<_> {
        store.commune_requests().unwrap().into_iter().map(|it| it.sent).collect()
    };
    assert_eq!((waiting(&store, true), waiting(&store, false)), (vec![urgent], vec![urgent, quiet]));
    let told = [("a.example".parse().unwrap(), at(0), false), ("b.example".parse().unwrap(), at(1), true)];
    store.note_commune_told(&told, at(2)).unwrap();
    store.note_commune_told(&told, at(3)).unwrap();
    assert_eq!(sent(&store), [Some(at(2)); 2], "the first time counts");
    assert_eq!((waiting(&store, true), waiting(&store, false)), (vec![], vec![urgent, quiet]));
    // Asked again it is the same; urgent, the commune hears of it at once.
    assert_eq!(store.ask_commune(&asked("a.example", "M. Petit", false), at(3)).unwrap(), quiet);
    assert_eq!(waiting(&store, true), []);
    assert_eq!(store.ask_commune(&asked("a.example", "M. Petit", true), at(4)).unwrap(), quiet);
    store.note_commune_told(&told, at(5)).unwrap();
    assert_eq!(waiting(&store, true), [quiet], "it was told before it had become urgent");

    let answers = vec![(("a.example".parse().unwrap(), at(0)), answer(Answered::No))];
    take(&mut store, "hub", 3, &CommuneSheet { answers, ..CommuneSheet::default() }).unwrap();
    let requests = store.commune_requests().unwrap();
    assert_eq!(requests.iter().map(|it| it.id).collect::<Vec<_>>(), [urgent, quiet]);
    assert_eq!(requests[1].answer, Some(answer(Answered::No)));
    // Once it is answered, somebody may ask anew: that is another request, whatever the clock shows.
    let again = store.ask_commune(&asked("a.example", "M. Petit", false), at(0)).unwrap();
    let moments: Vec<_> = store
        .commune_requests()
        .unwrap()
        .into_iter()
        .filter(|it| it.wanted.site.as_str() == "a.example")
        .map(|it| it.asked)
        .collect();
    assert!(again != quiet && moments == [at(1), at(0)], "{moments:?}");
}

#[test]
fn requests_and_orders_are_forgotten_in_their_time() {
    const DAY_MS: i64 = 86_400_000;
    let (_folder, mut store) = open();
    store.ask_commune(&asked("a.example", "Mme Martin", false), at(0)).unwrap();
    store
        .write(|transaction| {
            keep_order(transaction, at(0), CommuneOrderKind::Notice, "Jeudi")?;
            keep_order(transaction, Timestamp::from_unix_ms(5), CommuneOrderKind::Notice, "of 1970")?;
            Ok::<_, StoreError>(())
        })
        .unwrap();
    let left =
        |store: &Store| (store.commune_requests().unwrap().len(), store.commune_orders(9).unwrap().len());
    store.forget_old(at(120 * DAY_MS)).unwrap();
    assert_eq!(left(&store), (1, 2));
    store.forget_old(at(365 * DAY_MS)).unwrap();
    assert_eq!(left(&store), (0, 2));
    store.forget_old(at(365 * DAY_MS + 1)).unwrap();
    assert_eq!(left(&store), (0, 1), "nobody knows how old the other is");
}

#[test]
fn one_person_does_not_take_the_room_of_all() {
    let (_folder, mut store) = open();
    let mut ask = |number: u32, author: &str| {
        store.ask_commune(&asked(&format!("{number}.example"), author, false), at(0)).is_ok()
    };
    let taken = (0..99).filter(|number| ask(*number, "Mme Martin")).count();
    assert_eq!(u32::try_from(taken).unwrap(), COMMUNE_REQUESTS_OF_ONE_MAX);
    let others = (100..199).filter(|number| ask(*number, &format!("M. {number}"))).count();
    assert_eq!(u32::try_from(others).unwrap(), COMMUNE_REQUESTS_MAX - COMMUNE_REQUESTS_OF_ONE_MAX);
}

#[test]
fn whoever_asked_in_the_school_is_told_what_the_commune_answered() {
    let (_folder, mut store) = open();
    let [granted, declined, nobody] =
        ["www.a.example", "b.example", "c.example"].map(|site| ask_as_pupil(&mut store, site));
    for site in ["a.example", "b.example", "c.example"] {
        store.ask_commune(&asked(site, "Mme Martin", false), at(1)).unwrap();
    }
    let said = |site: &str, answered| ((site.parse().unwrap(), at(1)), answer(answered));
    let sheet = CommuneSheet {
        rules: vec![rule(Verdict::Permit, "a.example")],
        // The rule of all schools that would open the third has not come, or is over.
        answers: vec![
            said("a.example", Answered::School),
            said("b.example", Answered::No),
            said("c.example", Answered::All),
        ],
        ..CommuneSheet::default()
    };
    take(&mut store, "hub", 1, &sheet).unwrap();
    let answer_of = |id| store.find_request(id).unwrap().unwrap().answer;
    let opened = store.overrides().unwrap()[0].id;
    assert_eq!(
        answer_of(granted).map(|it| (it.by.to_string(), it.granted)),
        Some(("M. Blanc".to_owned(), Some(opened)))
    );
    assert_eq!(answer_of(declined).map(|it| it.granted), Some(None));
    assert_eq!(answer_of(nobody), None);
    assert_eq!(orders(&store), ["permit", "answer", "answer", "answer"]);
}

#[test]
fn a_sheet_replaces_the_one_before_and_touches_no_rule_of_all_schools() {
    let (_folder, mut store) = open();
    let policy = CommuneDocument { serial: 7, signer: "hub".to_owned() };
    let hub = "hub".parse().unwrap();
    let all = [rule(Verdict::Refuse, "all.example")];
    store.replace_commune_rules(&policy, &all, &hub, (at(0), SYNCHRONISED)).unwrap();
    let standing = |store: &Store| -> Vec<String> {
        let open = store.open_overrides().unwrap();
        open.iter().filter(|it| it.ended.is_none()).map(|it| it.rule.topic.as_str().to_owned()).collect()
    };
    let notice = CommuneNotice { made: at(0), author: "M. Blanc".parse().unwrap(), text: "Jeudi".to_owned() };
    let sheet = |paths: &[&str], rules: &[&str]| CommuneSheet {
        rules: rules.iter().map(|site| rule(Verdict::Permit, site)).collect(),
        content: paths.iter().map(|path| place(path)).collect(),
        notices: vec![notice.clone()],
        ..CommuneSheet::default()
    };
    take(&mut store, "hub", 3, &sheet(&["/a", "/b"], &["own.example"])).unwrap();
    assert_eq!(standing(&store), ["all.example", "own.example"]);
    assert_eq!(store.commune_notices().unwrap(), std::slice::from_ref(&notice));
    assert_eq!(store.commune_content().unwrap(), Some((0, 2)));
    let first = store.preparations().unwrap()[0].clone();
    store.note_preparation(first.id, PreparationStage::Here, None, at(1)).unwrap();
    let by = (&"M. Petit".parse().unwrap(), None);
    assert!(!store.remove_preparation(first.id, None, by).unwrap(), "nobody in the school takes it back");
    let newer = CommuneDocument { serial: 8, signer: "hub".to_owned() };
    store.replace_commune_rules(&newer, &[], &hub, (at(0), SYNCHRONISED)).unwrap();
    assert_eq!(standing(&store), ["own.example"]);

    take(&mut store, "hub", 5, &sheet(&["/a", "/c"], &[])).unwrap();
    assert_eq!(standing(&store), [""; 0]);
    assert_eq!(store.preparations().unwrap()[0].id, first.id, "what stays is the same");
    assert_eq!(store.commune_content().unwrap(), Some((1, 2)));
    let expected = [
        "refuse",
        "permit",
        "prepare",
        "prepare",
        "notice",
        "take-back",
        "take-back",
        "unprepare",
        "prepare",
    ];
    assert_eq!(orders(&store), expected);
    for serial in [4, 5] {
        let old = take(&mut store, "hub", serial, &sheet(&[], &["own.example"]));
        assert!(matches!(old, Err(CommuneError::Old { found: 5, .. })), "{old:?}");
    }
    // Another hub counts anew, and what this one has said is over.
    take(&mut store, "another", 0, &CommuneSheet::default()).unwrap();
    assert_eq!((store.commune_content().unwrap(), store.commune_notices().unwrap()), (None, vec![]));
}

#[test]
fn what_the_hub_had_the_box_do_is_bounded() {
    let (_folder, mut store) = open();
    store
        .write(|transaction| {
            for number in 0..=ORDERS_MAX {
                keep_order(transaction, at(0), CommuneOrderKind::Notice, &number.to_string())?;
            }
            Ok::<_, StoreError>(())
        })
        .unwrap();
    let kept = store.commune_orders(ORDERS_MAX + 9).unwrap();
    assert_eq!((kept.len(), kept[0].about.as_str()), (usize::try_from(ORDERS_MAX).unwrap(), "5000"));
}

#[test]
fn a_rule_that_is_over_is_no_answer() {
    let (_folder, mut store) = open();
    let policy = CommuneDocument { serial: 7, signer: "hub".to_owned() };
    let (hub, all) = ("hub".parse().unwrap(), [rule(Verdict::Permit, "a.example")]);
    store.replace_commune_rules(&policy, &all, &hub, (at(0), SYNCHRONISED)).unwrap();
    store.connection.execute("UPDATE override SET until_ms = 1", ()).unwrap();
    let waiting = ask_as_pupil(&mut store, "www.a.example");
    store.ask_commune(&asked("a.example", "Mme Martin", false), at(1)).unwrap();
    let answers = vec![(("a.example".parse().unwrap(), at(1)), answer(Answered::All))];
    take(&mut store, "hub", 1, &CommuneSheet { answers, ..CommuneSheet::default() }).unwrap();
    assert_eq!(store.find_request(waiting).unwrap().unwrap().answer, None);
}
