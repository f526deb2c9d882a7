use model::ClockQuality::Synchronised;
use model::{Deed, Layer, Role, Rule, Scope, Topic, Verdict};

use super::*;
use crate::people::tests::{add, at, open};

const MINUTE_MS: i64 = 60_000;
const DAY_MS: i64 = 86_400_000;

fn name(text: &str) -> PersonName {
    text.parse().unwrap()
}

fn new(teacher: &str, room: &str, minute: i64, minutes: i64) -> NewLesson {
    let settings = LessonSettings {
        until: at((minute + minutes) * MINUTE_MS),
        internet: InternetMode::Normal,
        is_wifi_on: true,
    };
    NewLesson::new(name(teacher), room.parse().unwrap(), at(minute * MINUTE_MS), settings).unwrap()
}

fn start(store: &mut Store, teacher: &str, room: &str, minute: i64) -> Result<Lesson, LessonError> {
    store.start_lesson(new(teacher, room, minute, 55), None, None)
}

fn deeds(store: &Store) -> Vec<String> {
    let acts = store.waiting_person_acts(100).unwrap();
    acts.iter().map(|it| format!("{} {}", it.act.author, it.act.deed.as_str())).collect()
}

/// `Mme Martin 0-55`: who had the Wi-Fi of the room on, from which minute to which.
fn register(store: &Store) -> Vec<String> {
    let minute = |time: Timestamp| (time.unix_ms() - at(0).unix_ms()) / MINUTE_MS;
    let off =
        |it: &WifiUse| it.off.as_ref().map_or("".to_owned(), |(time, by)| format!("{} {by}", minute(*time)));
    let uses = store.wifi_uses(10).unwrap();
    uses.iter().map(|it| format!("{} {}-{}", it.on_by, minute(it.on), off(it))).collect()
}

fn permit(store: &mut Store, lesson: &Lesson, minute: i64) -> Result<Override, LessonError> {
    let rule = Rule {
        layer: Layer::Lesson,
        effect: Verdict::Permit,
        topic: Topic::Site("casino.example".parse().unwrap()),
        scope: Scope::Room(lesson.room.clone()),
        author: lesson.teacher.clone(),
        motive: "exposé".parse().unwrap(),
        from: None,
        until: Some(lesson.until),
    };
    let new = NewOverride::new(rule, at(minute * MINUTE_MS)).unwrap();
    store.permit_in_lesson(lesson.id, new, Synchronised)
}

#[test]
fn a_lesson_comes_back_as_it_went_in_also_after_a_restart() {
    let (folder, mut store) = open();
    let before = store.generation().unwrap();
    let lesson = start(&mut store, "Mme Martin", "CM2", 0).unwrap();
    assert_ne!(store.generation().unwrap(), before);
    let internet = InternetMode::read("list", "vikidia.org ign.fr").unwrap();
    let change = LessonChange { internet: Some(internet), ..LessonChange::default() };
    let changed = store.change_lesson(lesson.id, change.clone(), at(1), (&lesson.teacher, None)).unwrap();
    assert_eq!(changed.internet.sites().len(), 2);
    // The second click of a double one is no change.
    store.change_lesson(lesson.id, change, at(2), (&lesson.teacher, None)).unwrap();
    drop(store);
    let store = Store::open(&folder.path().join("state.sqlite")).unwrap();
    assert_eq!(store.open_lessons().unwrap(), std::slice::from_ref(&changed));
    assert_eq!(store.find_lesson(lesson.id).unwrap(), Some(changed.clone()));
    let room = "CM2".parse().unwrap();
    assert_eq!(store.last_lesson(&name("Mme Martin"), &room).unwrap(), Some(changed));
    assert_eq!(store.last_lesson(&name("M. Petit"), &room).unwrap(), None);
    assert_eq!(deeds(&store), ["Mme Martin start-lesson", "Mme Martin change-lesson"]);
}

#[test]
fn a_room_has_one_lesson_and_a_colleague_takes_it_over_knowingly() {
    let (_folder, mut store) = open();
    let first = start(&mut store, "Mme Martin", "CM2", 0).unwrap();
    assert_eq!(start(&mut store, "Mme Martin", "CM2", 1).unwrap(), first, "a double click");
    start(&mut store, "M. Petit", "CM1", 1).unwrap();
    let Err(LessonError::Occupied(other)) = start(&mut store, "M. Petit", "CM2", 2) else { panic!() };
    assert_eq!(*other, first);
    // Somebody else was faster than the one who is asked about.
    let stale = store.start_lesson(new("M. Petit", "CM2", 2, 55), Some(LessonId::new(9)), None);
    assert!(matches!(stale, Err(LessonError::Occupied(_))));
    let taken = store.start_lesson(new("M. Petit", "CM2", 2, 55), Some(first.id), None).unwrap();
    let ended = store.find_lesson(first.id).unwrap().unwrap().ended.unwrap();
    let expected = LessonEnd { at: at(2 * MINUTE_MS), how: LessonEnding::TakeOver, by: name("M. Petit") };
    assert_eq!(ended, expected);
    assert_eq!(store.open_lessons().unwrap().last(), Some(&taken));
    assert_eq!(deeds(&store)[2..], ["M. Petit end-lesson", "M. Petit start-lesson"]);
    assert_eq!(register(&store)[0], "M. Petit 2-");
    assert_eq!(register(&store)[2], "Mme Martin 0-2 M. Petit");
}

#[test]
fn what_a_lesson_changed_ends_with_it() {
    let (_folder, mut store) = open();
    let lesson = start(&mut store, "Mme Martin", "CM2", 0).unwrap();
    let made = permit(&mut store, &lesson, 1).unwrap();
    assert_eq!(store.overrides_of(lesson.id).unwrap(), [made.id]);
    let by = name("Mme Martin");
    let longer = LessonChange { until: Some(at(90 * MINUTE_MS)), ..LessonChange::default() };
    store.change_lesson(lesson.id, longer, at(2), (&by, None)).unwrap();
    assert_eq!(store.overrides().unwrap()[0].rule.until, Some(at(90 * MINUTE_MS)), "it is extended with it");
    let off = LessonChange { is_wifi_on: Some(false), ..LessonChange::default() };
    store.change_lesson(lesson.id, off, at(3 * MINUTE_MS), (&by, None)).unwrap();
    let on = LessonChange { is_wifi_on: Some(true), ..LessonChange::default() };
    store.change_lesson(lesson.id, on, at(4 * MINUTE_MS), (&by, None)).unwrap();
    store.end_lesson(lesson.id, at(5 * MINUTE_MS), (&by, None)).unwrap();
    let ended = store.overrides().unwrap()[0].ended.clone().unwrap();
    assert_eq!((ended.at, ended.by), (at(5 * MINUTE_MS), by.clone()));
    assert_eq!(register(&store), ["Mme Martin 4-5 Mme Martin", "Mme Martin 0-3 Mme Martin"]);
    assert!(matches!(permit(&mut store, &lesson, 6), Err(LessonError::Over(_))));
    assert!(matches!(store.end_lesson(lesson.id, at(9), (&by, None)), Err(LessonError::Over(_))));
    let gone = store.end_lesson(LessonId::new(9), at(9), (&by, None));
    assert!(matches!(gone, Err(LessonError::Unknown(_))));
}

#[test]
fn a_lesson_ends_at_its_minute_whenever_the_box_looks() {
    let (_folder, mut store) = open();
    let lesson = start(&mut store, "Mme Martin", "CM2", 0).unwrap();
    permit(&mut store, &lesson, 1).unwrap();
    let generation = store.generation().unwrap();
    assert_eq!(store.lapse_lessons(at(55 * MINUTE_MS - 1)).unwrap(), 0);
    assert_eq!(store.generation().unwrap(), generation);
    // The box was off meanwhile.
    assert_eq!(store.lapse_lessons(at(300 * MINUTE_MS)).unwrap(), 1);
    assert_ne!(store.generation().unwrap(), generation);
    assert_eq!(store.open_lessons().unwrap(), []);
    let ended = store.find_lesson(lesson.id).unwrap().unwrap().ended.unwrap();
    assert_eq!((ended.at, ended.how), (lesson.until, LessonEnding::Time));
    assert_eq!(store.overrides().unwrap()[0].ended, None, "its own time is up");
    assert_eq!(register(&store), ["Mme Martin 0-55 Mme Martin"]);
    assert_eq!(store.lapse_lessons(at(301 * MINUTE_MS)).unwrap(), 0);
    // What is overdue keeps no room occupied, also before anybody looked.
    let next = start(&mut store, "M. Petit", "CM2", 302).unwrap();
    start(&mut store, "Mme Martin", "CM2", 400).unwrap();
    assert_eq!(store.find_lesson(next.id).unwrap().unwrap().ended.unwrap().how, LessonEnding::Time);
}

#[test]
fn a_clock_that_was_set_back_leaves_no_room_occupied() {
    let (_folder, mut store) = open();
    let first = start(&mut store, "Mme Martin", "CM2", 600).unwrap();
    let second = start(&mut store, "M. Petit", "CM2", 0).unwrap();
    assert_eq!(store.open_lessons().unwrap(), [second]);
    assert!(store.find_lesson(first.id).unwrap().unwrap().ended.is_some());
}

#[test]
fn lessons_have_limits() {
    let (_folder, mut store) = open();
    let lesson = start(&mut store, "Mme Martin", "CM2", 0).unwrap();
    let change =
        |minutes: i64| LessonChange { until: Some(at(minutes * MINUTE_MS)), ..LessonChange::default() };
    let mut extend =
        |minutes: i64| store.change_lesson(lesson.id, change(minutes), at(1), (&name("Mme Martin"), None));
    assert!(matches!(extend(481), Err(LessonError::Unfit(UnfitLesson::TooLong))));
    assert!(matches!(extend(0), Err(LessonError::Unfit(UnfitLesson::Over))));
    assert_eq!(extend(480).unwrap().until, at(480 * MINUTE_MS));
    for room in 1..LESSONS_MAX {
        start(&mut store, "Mme Martin", &format!("salle {room}"), 0).unwrap();
    }
    assert!(matches!(start(&mut store, "Mme Martin", "de trop", 0), Err(LessonError::TooMany)));
}

fn numbers(store: &Store) -> Vec<u32> {
    store.lessons(9).unwrap().iter().map(|it| it.id.number()).collect()
}

#[test]
fn old_lessons_are_forgotten_with_all_that_is_old_and_by_no_beginning() {
    let (_folder, mut store) = open();
    start(&mut store, "Mme Martin", "CM2", 0).unwrap();
    store.lapse_lessons(at(DAY_MS)).unwrap();
    // A time server said so: the school has its lessons still once the clock is right again.
    let year = 365 * DAY_MS / MINUTE_MS;
    start(&mut store, "Mme Martin", "CM2", 9 * year).unwrap();
    store.lapse_lessons(at(10 * 365 * DAY_MS)).unwrap();
    start(&mut store, "Mme Martin", "CM2", 60).unwrap();
    // By a clock that was not set.
    store.end_lesson(LessonId::new(3), Timestamp::from_unix_ms(0), (&name("Mme Martin"), None)).unwrap();
    start(&mut store, "Mme Martin", "CM2", 120).unwrap();
    assert_eq!(numbers(&store), [4, 3, 2, 1]);
    store.forget_old(at((year + 55) * MINUTE_MS)).unwrap();
    assert_eq!(numbers(&store), [4, 3, 2, 1]);
    store.forget_old(at((year + 55) * MINUTE_MS + 1)).unwrap();
    assert_eq!(numbers(&store), [4, 3, 2]);
    store.forget_old(at((year + 115) * MINUTE_MS + 1)).unwrap();
    assert_eq!(numbers(&store), [4, 2], "what is not ended stays");
    assert_eq!(register(&store).len(), 2);
}

#[test]
fn of_too_many_lessons_the_oldest_are_forgotten() {
    let (_folder, mut store) = open();
    for minute in 0..2 {
        start(&mut store, "Mme Martin", "CM2", 60 * minute).unwrap();
    }
    store
        .connection
        .execute("UPDATE sqlite_sequence SET seq = ?1 WHERE name = 'lesson'", [KEPT_MAX])
        .unwrap();
    start(&mut store, "Mme Martin", "CM2", 120).unwrap();
    assert_eq!(numbers(&store), [KEPT_MAX + 1, 2, 1]);
    start(&mut store, "Mme Martin", "CM2", 180).unwrap();
    assert_eq!(numbers(&store), [KEPT_MAX + 2, KEPT_MAX + 1, 2]);
}

#[test]
fn the_room_of_now_is_remembered_of_each() {
    let (_folder, mut store) = open();
    let ids = ["Mme Martin", "M. Petit"].map(|name| add(&mut store, name, Role::Teacher, &[]).id);
    let generation = store.generation().unwrap();
    store.remember_room(ids[0], &"CM2".parse().unwrap()).unwrap();
    store.remember_room(ids[0], &"CM1".parse().unwrap()).unwrap();
    let rooms = ids.map(|id| store.remembered_room(id).unwrap().map(|room| room.to_string()));
    assert_eq!(rooms, [Some("CM1".to_owned()), None]);
    assert_eq!(store.generation().unwrap(), generation);
}

/// What the journal has of an override is no business of its lesson's.
#[test]
fn an_override_whose_end_is_recorded_stays_as_it_was() {
    let (_folder, mut store) = open();
    let lesson = start(&mut store, "Mme Martin", "CM2", 0).unwrap();
    let made = permit(&mut store, &lesson, 1).unwrap();
    store.end_override(made.id, &name("M. Petit"), at(2 * MINUTE_MS)).unwrap();
    store.mark_recorded(made.id, &Deed::TakeBack { by: name("M. Petit") }).unwrap();
    let before = store.overrides().unwrap();
    store.end_lesson(lesson.id, at(3 * MINUTE_MS), (&name("Mme Martin"), None)).unwrap();
    assert_eq!(store.overrides().unwrap(), before);
}

#[test]
fn lessons_are_found_by_their_time_and_their_room() {
    let (_folder, mut store) = open();
    let minute = |minute: i64| at(minute * MINUTE_MS);
    let first = start(&mut store, "Mme Martin", "CM2", 0).unwrap();
    store.end_lesson(first.id, minute(20), (&first.teacher, None)).unwrap();
    let second = start(&mut store, "M. Petit", "CM2", 30).unwrap();
    let other = start(&mut store, "Mme Roux", "CE1", 30).unwrap();
    let within = |from: i64, to: i64, room: Option<&str>, limit: u32| {
        let room = room.map(|room| room.parse().unwrap());
        let window = (Some(minute(from)), Some(minute(to)));
        let lessons = store.lessons_within(window, room.as_ref(), limit).unwrap();
        lessons.into_iter().map(|lesson| lesson.id).collect::<Vec<_>>()
    };
    assert_eq!(within(0, 90, None, 9), [other.id, second.id, first.id]);
    assert_eq!(within(0, 90, Some("CM2"), 9), [second.id, first.id]);
    assert_eq!(within(0, 90, None, 1), [other.id]);
    assert_eq!(within(0, 30, None, 9), [first.id], "not what begins as it ends");
    assert_eq!(within(85, 90, None, 9), [], "all are over");
    assert_eq!(store.lessons_within((None, None), None, 9).unwrap().len(), 3);
    let find = |room: &str, at: i64| {
        store.find_lesson_at(&room.parse().unwrap(), minute(at)).unwrap().map(|lesson| lesson.id)
    };
    assert_eq!((find("CM2", 0), find("CM2", 19), find("CM2", 20)), (Some(first.id), Some(first.id), None));
    assert_eq!((find("CM2", 30), find("CE1", 84), find("CE1", 85)), (Some(second.id), Some(other.id), None));
    assert_eq!(find("CP", 30), None);
}
