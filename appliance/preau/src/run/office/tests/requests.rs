//! Requests of rooms that are as rooms are: devices of several profiles, pages, sites that are open by now.

use super::*;

fn holds(it: &School, person: &Person) -> Vec<(String, Hold)> {
    let wishes = it.office.wishes(person).unwrap();
    wishes.into_iter().map(|wish| (wish.request.site.to_string(), wish.hold)).collect()
}

#[test]
fn a_room_with_the_teachers_own_pc_is_answered() {
    let it = School::new();
    let (teacher, _) = it.person("Mme Martin", Role::Teacher, &["CM2"]);
    it.seek(DESK_PC, Target::Host(Host::parse("reseau.example").unwrap()));
    assert!(it.desk.recall_refusals(DESK_PC.into()).is_empty(), "it is for adults");
    it.ask(PC, "reseau.example").unwrap();
    assert_eq!(holds(&it, &teacher), [("reseau.example".to_owned(), Hold::By(Layer::Lesson))]);
    it.reply(&teacher, "reseau.example", &lesson(50)).unwrap();
    let made = it.store().overrides().unwrap().pop().unwrap();
    assert_eq!(made.rule.scope, Scope::Room("CM2".parse().unwrap()));
}

#[test]
fn a_page_that_a_list_has_is_answered() {
    let it = School::new();
    let (teacher, _) = it.person("Mme Martin", Role::Teacher, &["CM2"]);
    let page = || Target::Url {
        host: Host::parse("mediatheque.example").unwrap(),
        path_and_query: "/jeux/de".to_owned(),
    };
    it.seek(PC, page());
    it.office.ask(PC.into(), &"mediatheque.example".parse().unwrap()).unwrap();
    assert_eq!(holds(&it, &teacher), [("mediatheque.example".to_owned(), Hold::By(Layer::Lesson))]);
    it.reply(&teacher, "mediatheque.example", &lesson(50)).unwrap();
    let rule = it.store().overrides().unwrap().pop().unwrap().rule;
    it.desk.swap_policy(policy(&[rule]));
    let refused = || it.desk.recall_refusals(PC.into()).first().unwrap().count;
    let before = refused();
    it.seek(PC, page());
    assert_eq!(refused(), before, "it is open");
}

#[test]
fn a_tablet_without_a_room_is_judged_as_itself() {
    let it = School::new();
    let (head, _) = it.person("M. Bernard", Role::Head, &[]);
    it.ask(TABLET, "gambling.preau.test").unwrap();
    assert_eq!(holds(&it, &head), [("gambling.preau.test".to_owned(), Hold::By(Layer::Lesson))]);
    let rule = Rule {
        layer: Layer::School,
        effect: Verdict::Permit,
        topic: Topic::Site("gambling.preau.test".parse().unwrap()),
        scope: Scope::Device(Mac::new([2, 0, 0, 0, 0, 0x14])),
        author: head.name.clone(),
        motive: "exposé".parse().unwrap(),
        from: None,
        until: None,
    };
    it.desk.swap_policy(policy(&[rule]));
    assert_eq!(holds(&it, &head), [("gambling.preau.test".to_owned(), Hold::Open)]);
}

#[test]
fn what_holds_a_site_from_one_holds_it_from_the_room() {
    let it = School::new();
    let (teacher, _) = it.person("Mme Martin", Role::Teacher, &["CM2"]);
    it.ask(PC, "gambling.preau.test").unwrap();
    it.ask(OTHER_PC, "gambling.preau.test").unwrap();
    let closed = Rule {
        layer: Layer::School,
        effect: Verdict::Refuse,
        topic: Topic::Site("gambling.preau.test".parse().unwrap()),
        scope: Scope::Device(Mac::new([2, 0, 0, 0, 0, 0x12])),
        author: "M. Bernard".parse().unwrap(),
        motive: "triche".parse().unwrap(),
        from: None,
        until: None,
    };
    it.desk.swap_policy(policy(&[closed]));
    assert_eq!(holds(&it, &teacher), [("gambling.preau.test".to_owned(), Hold::By(Layer::School))]);
    assert_eq!(it.reply(&teacher, "gambling.preau.test", &lesson(50)), Err(Trouble::Stronger));
    it.reply(&teacher, "gambling.preau.test", &Reply::Decline).unwrap();
    assert_eq!(holds(&it, &teacher), [("gambling.preau.test".to_owned(), Hold::Open)], "it is answered");
}

#[test]
fn a_request_for_what_is_open_by_now_can_be_put_away() {
    let it = School::new();
    let (teacher, _) = it.person("Mme Martin", Role::Teacher, &["CM2"]);
    it.ask(PC, "reseau.example").unwrap();
    let open = Rule {
        layer: Layer::School,
        effect: Verdict::Permit,
        topic: Topic::Site("reseau.example".parse().unwrap()),
        scope: Scope::Everyone,
        author: "M. Bernard".parse().unwrap(),
        motive: "concours".parse().unwrap(),
        from: None,
        until: None,
    };
    it.desk.swap_policy(policy(&[open]));
    assert_eq!(holds(&it, &teacher), [("reseau.example".to_owned(), Hold::Open)]);
    it.reply(&teacher, "reseau.example", &Reply::Decline).unwrap();
}

#[test]
fn the_second_click_of_a_double_one_is_no_trouble() {
    let it = School::new();
    let (teacher, _) = it.person("Mme Martin", Role::Teacher, &["CM2"]);
    let (other, _) = it.person("M. Lefebvre", Role::Teacher, &["CM2"]);
    let (head, _) = it.person("M. Bernard", Role::Head, &[]);
    let day = "2026-12-18";
    for (site, person, reply, others) in [
        ("gambling.preau.test", &teacher, lesson(50), [lesson(15), Reply::Decline]),
        ("reseau.example", &head, school(day), [school("2026-12-19"), lesson(50)]),
        ("adult.preau.test", &teacher, Reply::Decline, [lesson(50), lesson(15)]),
    ] {
        it.ask(PC, site).unwrap();
        let asked = it.store().requests().unwrap();
        let id = asked.iter().find(|request| request.site.as_str() == site).unwrap().id;
        let answer = |person: &Person, reply: &Reply| it.office.answer(PC.into(), person, id, reply);
        answer(person, &reply).unwrap();
        it.pass(300);
        answer(person, &reply).unwrap();
        assert!(answer(&other, &reply).is_err(), "{site}: it is somebody else's");
        for other in others {
            assert_eq!(answer(person, &other), Err(Trouble::Answered), "{site}: {other:?}");
        }
    }
    assert_eq!(it.store().overrides().unwrap().len(), 2, "none was made twice");
}

#[test]
fn a_request_is_no_message() {
    let it = School::new();
    let (teacher, _) = it.person("Mme Martin", Role::Teacher, &["CM2"]);
    it.ask(PC, "mme-martin-est-bete.reseau.example").unwrap();
    it.ask(PC, "www.reseau.example").unwrap();
    assert_eq!(holds(&it, &teacher), [("reseau.example".to_owned(), Hold::By(Layer::Lesson))]);
    assert_eq!(it.office.asked(PC.into()).unwrap().len(), 1);
}
