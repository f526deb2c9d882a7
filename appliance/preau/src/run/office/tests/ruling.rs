//! Rules for the school that nobody asked for, and rooms of people.

use portal::SchoolRule;

use super::*;

fn rule(site: &str, effect: Verdict, until: Option<&str>) -> SchoolRule {
    let until = until.map(|day| day.parse().unwrap());
    SchoolRule { site: site.to_owned(), effect, until, motive: "concours".parse().unwrap() }
}

#[test]
fn the_head_opens_and_closes_for_the_school_what_nobody_stronger_has_decided() {
    let it = School::new();
    let (head, _) = it.person("M. Bernard", Role::Head, &[]);
    let (teacher, _) = it.person("Mme Martin", Role::Teacher, &["CM2"]);
    let commune = Rule {
        layer: Layer::Commune,
        effect: Verdict::Refuse,
        topic: Topic::Site("jeux.example".parse().unwrap()),
        scope: Scope::Everyone,
        author: "Commune".parse().unwrap(),
        motive: "sécurité".parse().unwrap(),
        from: None,
        until: None,
    };
    let permitted = Rule {
        effect: Verdict::Permit,
        topic: Topic::Site("mairie.example".parse().unwrap()),
        ..commune.clone()
    };
    it.desk.swap_policy(freeze(|rulebook| {
        rulebook.workspace = vec!["classe.ent.example".parse().unwrap()];
        rulebook.rules = vec![commune, permitted];
    }));
    let make = |person: &Person, rule: SchoolRule| it.office.make_rule(person, &rule);
    let (permit, refuse) = (Verdict::Permit, Verdict::Refuse);
    assert_eq!(make(&teacher, rule("a.example", refuse, None)), Err(Trouble::Denied));
    for (site, effect) in [("jeux.example", permit), ("ent.example", refuse), ("mairie.example", refuse)] {
        assert_eq!(make(&head, rule(site, effect, None)), Err(Trouble::Stronger), "{site}");
    }
    assert_eq!(make(&head, rule("a b", refuse, None)), Err(Trouble::Sites));
    assert_eq!(make(&head, rule("a.example", permit, Some("1999-01-01"))), Err(Trouble::Field));
    assert_eq!(it.office.standing(&head).unwrap(), []);
    assert_eq!(make(&head, rule("https://www.gambling.preau.test/x", permit, Some("2099-01-01"))), Ok(()));
    assert_eq!(make(&head, rule("autre.example", refuse, None)), Ok(()));
    let standing = it.office.standing(&head).unwrap();
    let told: Vec<_> = standing
        .iter()
        .map(|it| (it.rule.topic.as_str(), it.rule.effect, it.rule.layer, it.rule.until.is_some()))
        .collect();
    let gambling = ("gambling.preau.test", permit, Layer::School, true);
    assert_eq!(told, [("autre.example", refuse, Layer::School, false), gambling]);
    assert!(standing.iter().all(|it| it.rule.author == head.name && it.rule.scope == Scope::Everyone));
    // In a new school nothing is registered yet.
    it.desk.swap_directory(Directory::default());
    assert_eq!(make(&head, rule("jeux.example", permit, None)), Err(Trouble::Stronger));
}

#[test]
fn a_teacher_has_rooms_that_there_are() {
    let it = School::new();
    let (head, _) = it.person("M. Bernard", Role::Head, &[]);
    let (teacher, _) = it.person("Mme Martin", Role::Teacher, &["Ancienne"]);
    let give = |by: &Person, rooms: &[&str]| {
        let rooms: Vec<RoomName> = rooms.iter().map(|room| room.parse().unwrap()).collect();
        it.office.change_rooms(PC.into(), by, teacher.id, &rooms)
    };
    assert_eq!(give(&head, &["Salle inconnue"]), Err(Trouble::Field));
    assert_eq!(give(&teacher, &["CM2"]), Err(Trouble::Denied), "nobody does it for herself");
    assert_eq!(give(&head, &["Ancienne", "CM2"]), Ok(()), "where no device stands any more, too");
    assert_eq!(give(&head, &["CM2"]), Ok(()));
    let people = it.office.people().unwrap();
    let rooms = people.into_iter().find(|it| it.id == teacher.id).unwrap().rooms;
    assert_eq!(rooms.iter().map(RoomName::as_str).collect::<Vec<_>>(), ["CM2"]);
}
