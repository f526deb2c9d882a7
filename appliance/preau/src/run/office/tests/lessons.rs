//! Lessons through the office: whose they are, what a page tells of them.

use model::{InternetMode, LessonId, LessonPlan};
use portal::{LessonRoom as _, LessonStart, LessonTurn, RoomNow};

use super::*;

impl School {
    /// What the keeper does when the state has moved.
    fn follow(&self) {
        let store = self.store();
        let (lessons, overrides) = (store.open_lessons().unwrap(), store.open_overrides().unwrap());
        let rules: Vec<Rule> =
            overrides.into_iter().filter(|it| it.ended.is_none()).map(|it| it.rule).collect();
        self.desk.swap_policy(freeze(|rulebook| {
            rulebook.lessons = lessons;
            rulebook.rules.extend(rules);
        }));
    }

    fn start(&self, person: &Person, takes_over: Option<u32>) -> Result<(), Trouble> {
        let start = LessonStart {
            room: "CM2".parse().unwrap(),
            minutes: 55,
            internet: InternetMode::Normal,
            is_wifi_on: true,
            takes_over: takes_over.map(LessonId::new),
        };
        let outcome = self.office.start_lesson(DESK_PC.into(), person, &start);
        self.follow();
        outcome
    }

    fn room(&self, person: &Person) -> RoomNow {
        self.office.room_now(person).unwrap()
    }

    fn turn(&self, person: &Person, id: u32, turn: &LessonTurn) -> Result<(), Trouble> {
        let outcome = self.office.change_lesson(DESK_PC.into(), person, LessonId::new(id), turn);
        self.follow();
        outcome
    }
}

fn missed(room: &RoomNow) -> Vec<(String, usize, Hold)> {
    room.missed.iter().map(|it| (it.site.to_string(), it.devices, it.hold)).collect()
}

#[test]
fn a_lesson_is_its_teachers_and_the_heads() {
    let it = School::new();
    let (martin, _) = it.person("Mme Martin", Role::Teacher, &["CM2"]);
    let (petit, _) = it.person("M. Petit", Role::Teacher, &[]);
    let (elsewhere, _) = it.person("Mme Durand", Role::Teacher, &["CM1"]);
    let (head, _) = it.person("M. Bernard", Role::Head, &[]);
    assert_eq!(it.room(&elsewhere).room, None, "no device stands in CM1");
    assert_eq!(it.start(&elsewhere, None), Err(Trouble::Denied));
    assert_eq!(it.start(&martin, None), Ok(()));
    assert_eq!(it.start(&martin, None), Ok(()), "a double click");
    assert_eq!(it.start(&petit, None), Err(Trouble::Occupied));
    let close = LessonTurn::Internet(InternetMode::Closed);
    assert_eq!(it.turn(&petit, 1, &close), Err(Trouble::Denied));
    assert_eq!(it.turn(&martin, 9, &close), Err(Trouble::Unknown));
    assert_eq!(it.turn(&head, 1, &close), Ok(()));
    assert!(it.room(&martin).is_hers && it.room(&head).is_hers && !it.room(&petit).is_hers);
    assert_eq!(it.start(&petit, Some(1)), Ok(()));
    assert_eq!(it.turn(&martin, 1, &close), Err(Trouble::LessonOver));
    let taken = it.room(&martin).taken.unwrap();
    assert_eq!(taken.by, petit.name);
    it.pass(55 * MINUTE_MS);
    assert_eq!(it.room(&martin).taken, None, "her own lesson would be over");
    assert_eq!(it.room(&petit).lesson, None);
    let end = |person: &Person, id: u32| it.office.end_lesson(DESK_PC.into(), person, LessonId::new(id));
    assert_eq!([end(&martin, 2), end(&petit, 2), end(&petit, 2)], [Err(Trouble::Denied), Ok(()), Ok(())]);
    it.hand.0.store(-1, Ordering::Relaxed);
    assert_eq!(it.start(&martin, None), Err(Trouble::NoClock));
}

#[test]
fn what_a_class_misses_is_told_without_names_and_opened_until_the_end() {
    let it = School::new();
    let (martin, _) = it.person("Mme Martin", Role::Teacher, &["CM2"]);
    it.start(&martin, None).unwrap();
    for (client, site) in [
        (PC, "reseau.example"),
        (OTHER_PC, "www.reseau.example"),
        (PC, "adult.preau.test"),
        // Of no room.
        (TELEPHONE, "gambling.preau.test"),
    ] {
        it.refuse(client, site);
    }
    let room = it.room(&martin);
    let expected = [
        ("adult.preau.test".to_owned(), 1, Hold::By(Layer::Commune)),
        ("reseau.example".to_owned(), 2, Hold::By(Layer::Lesson)),
    ];
    assert_eq!(missed(&room), expected);
    let seen: Vec<_> = room.devices.iter().map(|it| (it.name.as_str(), it.last.is_some())).collect();
    assert_eq!(seen, [("CM2-01", true), ("CM2-02", true), ("Bureau-CM2", false)], "those seen last first");

    let motive = "demandé en classe".parse().unwrap();
    let permit = |site: &str| {
        let outcome = it.office.permit_for_lesson(&martin, LessonId::new(1), &site.parse().unwrap(), &motive);
        it.follow();
        outcome
    };
    assert_eq!(permit("adult.preau.test"), Err(Trouble::Stronger));
    assert_eq!(permit("gambling.preau.test"), Err(Trouble::Unknown), "nothing is typed");
    assert_eq!([permit("reseau.example"), permit("reseau.example")], [Ok(()), Ok(())]);
    assert_eq!(it.store().overrides().unwrap().len(), 1, "a double click");
    assert_eq!(missed(&it.room(&martin))[1].2, Hold::Open);
    it.turn(&martin, 1, &LessonTurn::Internet(InternetMode::Closed)).unwrap();
    assert_eq!(missed(&it.room(&martin))[1].2, Hold::Lesson);
    it.office.end_lesson(PC.into(), &martin, LessonId::new(1)).unwrap();
    assert!(it.store().overrides().unwrap()[0].ended.is_some());
    assert_eq!(permit("reseau.example"), Err(Trouble::LessonOver));
}

#[test]
fn a_request_is_granted_for_the_lesson_of_its_room() {
    let it = School::new();
    let (martin, _) = it.person("Mme Martin", Role::Teacher, &["CM2"]);
    it.start(&martin, None).unwrap();
    it.ask(PC, "reseau.example").unwrap();
    let request = it.office.wishes(&martin).unwrap().remove(0).request.id;
    let motive = || "demandé en classe".parse().unwrap();
    let grant = |lesson: u32| {
        let reply = Reply::ThisLesson { lesson: LessonId::new(lesson), motive: motive() };
        it.office.answer(DESK_PC.into(), &martin, request, &reply)
    };
    assert_eq!(grant(9), Err(Trouble::Unknown));
    assert_eq!([grant(1), grant(1)], [Ok(()), Ok(())], "a double click");
    let made = it.store().overrides().unwrap().remove(0);
    assert_eq!(made.rule.until, it.room(&martin).lesson.map(|lesson| lesson.until));
    assert_eq!(it.store().overrides_of(LessonId::new(1)).unwrap(), [made.id]);
}

#[test]
fn a_report_is_a_site_and_its_author_takes_it_back_until_somebody_looked() {
    let it = School::new();
    let (martin, _) = it.person("Mme Martin", Role::Teacher, &["CM2"]);
    let report = |site: &str| it.office.report_site(&martin, site, &"une image".parse().unwrap());
    assert_eq!([report(""), report("a b"), report("gouv.fr")], [Err(Trouble::Sites); 3]);
    assert_eq!([report("https://www.un.example/x"), report("deux.example")], [Ok(()), Ok(())]);
    let sites: Vec<_> =
        it.office.reports().unwrap().iter().map(|it| it.rule.topic.as_str().to_owned()).collect();
    assert_eq!(sites, ["deux.example", "un.example"]);
    let (bernard, _) = it.person("M. Bernard", Role::Head, &[]);
    it.office.keep_report(PC.into(), &bernard, OverrideId::new(1)).unwrap();
    let end = |id: u32| it.office.end(&martin, OverrideId::new(id));
    assert_eq!([end(1), end(2)], [Err(Trouble::Denied), Ok(())]);
}

/// Where the box has a hub, the commune is asked to close it for all: it hears of it before the night.
#[test]
fn a_report_goes_to_the_commune_and_closes_whether_that_hears_of_it_or_not() {
    let it = School::new();
    let (martin, _) = it.person("Mme Martin", Role::Teacher, &["CM2"]);
    let report = |site: &str| it.office.report_site(&martin, site, &"une image".parse().unwrap());
    report("https://www.un.example/x").unwrap();
    assert_eq!(it.store().commune_requests().unwrap(), [], "there is nobody to tell");
    let hub = it.folder.path().join("hub");
    std::fs::create_dir(&hub).unwrap();
    std::fs::write(hub.join("identity"), "").unwrap();
    report("https://www.deux.example/x").unwrap();
    let told: Vec<_> =
        it.store().waiting_commune_requests(true, 99).unwrap().into_iter().map(|it| it.wanted).collect();
    let expected = model::NewCommuneRequest {
        site: "deux.example".parse().unwrap(),
        wants: Verdict::Refuse,
        author: martin.name.clone(),
        motive: "une image".parse().unwrap(),
        is_urgent: true,
    };
    assert_eq!(told, [expected]);
    for number in 0..store::COMMUNE_REQUESTS_OF_ONE_MAX {
        report(&format!("site{number}.example")).unwrap();
    }
    assert_eq!(it.office.reports().unwrap().len(), 2 + 15, "all are closed");
    assert_eq!(it.store().commune_requests().unwrap().len(), 15, "as many as wait for an answer");
}

/// The page says that the site is closed for the school: it is not kept where it would not be.
#[test]
fn a_report_closes_neither_the_ent_nor_what_something_stronger_opens() {
    let it = School::new();
    let (martin, _) = it.person("Mme Martin", Role::Teacher, &["CM2"]);
    let report = |site: &str| it.office.report_site(&martin, site, &"une image".parse().unwrap());
    let permit = |layer: Layer, site: &str| Rule {
        layer,
        effect: Verdict::Permit,
        topic: Topic::Site(site.parse().unwrap()),
        scope: Scope::Everyone,
        author: "M. Bernard".parse().unwrap(),
        motive: "concours".parse().unwrap(),
        from: None,
        until: None,
    };
    it.desk.swap_policy(freeze(|rulebook| {
        rulebook.workspace = vec!["classe.ent.example".parse().unwrap()];
        rulebook.rules = vec![
            permit(Layer::School, "ecole.example"),
            permit(Layer::School, "cartes.ville.example"),
            permit(Layer::Commune, "mairie.example"),
        ];
    }));
    for site in [
        "ent.example",
        "a.classe.ent.example",
        "ecole.example",
        "ville.example",
        "mairie.example",
        "jeux.mairie.example",
    ] {
        assert_eq!(report(site), Err(Trouble::Stronger), "{site}");
    }
    assert_eq!(it.office.reports().unwrap(), []);
    for site in ["autre.ent.example", "blog.ecole.example", "photos.ville.example"] {
        assert_eq!(report(site), Ok(()), "{site}");
    }
}

#[test]
fn a_week_is_each_teachers_own_and_has_limits() {
    let it = School::new();
    let (martin, _) = it.person("Mme Martin", Role::Teacher, &["CM2"]);
    let (petit, _) = it.person("M. Petit", Role::Teacher, &[]);
    let plan = LessonPlan {
        teacher: martin.name.clone(),
        room: "CM2".parse().unwrap(),
        weekday: 0,
        from_minute: 540,
        minutes: 55,
        internet: InternetMode::Normal,
        is_wifi_on: true,
    };
    let add = |plan: &LessonPlan| it.office.add_plan(PC.into(), &martin, plan);
    assert_eq!(add(&plan), Ok(()));
    assert_eq!(add(&LessonPlan { minutes: 481, ..plan.clone() }), Err(Trouble::Length));
    assert_eq!(add(&LessonPlan { room: "CM1".parse().unwrap(), ..plan.clone() }), Err(Trouble::Unknown));
    let id = it.office.plans(&martin).unwrap()[0].0;
    it.office.remove_plan(PC.into(), &petit, id).unwrap();
    assert_eq!((it.office.plans(&martin).unwrap().len(), it.office.plans(&petit).unwrap().len()), (1, 0));
    for _ in 1..50 {
        add(&plan).unwrap();
    }
    assert_eq!(add(&plan), Err(Trouble::Full));
}

#[test]
fn the_pulse_beats_when_a_page_would_show_something_else() {
    let it = School::new();
    let (martin, _) = it.person("Mme Martin", Role::Teacher, &["CM2"]);
    let pulse = || it.office.pulse(&martin).unwrap();
    let mut seen = vec![pulse()];
    assert_eq!(pulse(), seen[0]);
    it.start(&martin, None).unwrap();
    seen.push(pulse());
    it.refuse(PC, "reseau.example");
    seen.push(pulse());
    it.pass(MINUTE_MS);
    seen.push(pulse());
    assert!(seen.windows(2).all(|pair| pair[0] != pair[1]), "{seen:?}");
}
