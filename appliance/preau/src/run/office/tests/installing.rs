//! A release of the machine's system that a technician puts into place by day.

use portal::InstallRoom as _;
use system::release_shelf::ReleaseShelf;

use super::*;
use crate::releases::tests::{bring, release, report, want};

#[test]
fn a_technician_does_not_wait_for_the_night() {
    let it = School::new();
    let path = it.folder.path().join("release.json");
    let office = open(it.folder.path(), &it.desk, &it.hand).with_release_report(&path);
    let (technician, _) = it.person("M. Petit", Role::Technician, &[]);
    let version = "1.5.0".parse().unwrap();
    let install =
        |is_despite_lessons| office.install_release(PC.into(), &technician, &version, is_despite_lessons);
    assert_eq!(office.waiting_release(), Err(Trouble::Unknown), "the system is no release");
    report(&path, "1.4.0", true, None, &[]);
    want(it.folder.path(), 1, Some(release("1.5.0")));
    assert_eq!(office.waiting_release(), Err(Trouble::Unknown), "it is not here");
    assert_eq!(install(true), Err(Trouble::Unknown));
    bring(it.folder.path(), &release("1.5.0"));
    assert_eq!(office.waiting_release().unwrap().lessons, 0);
    let until = Timestamp::from_unix_ms(it.hand.now().at.unix_ms() + HOUR_MS);
    let settings = model::LessonSettings { until, internet: model::InternetMode::Normal, is_wifi_on: false };
    let (teacher, room) = ("Mme Martin".parse().unwrap(), "CM2".parse().unwrap());
    let lesson = model::NewLesson::new(teacher, room, it.hand.now().at, settings).unwrap();
    it.store().start_lesson(lesson, None, None).unwrap();
    assert_eq!(office.waiting_release().unwrap().lessons, 1);
    assert_eq!(install(false), Err(Trouble::LessonsRun));
    let of_releases = || {
        let acts = it.store().waiting_person_acts(99).unwrap();
        acts.into_iter().filter(|waiting| waiting.act.deed.as_str() == "install-release").count()
    };
    assert_eq!((of_releases(), ReleaseShelf::new(it.folder.path()).haste()), (0, None));
    install(true).unwrap();
    assert_eq!(of_releases(), 1);
    let haste = ReleaseShelf::new(it.folder.path()).haste().unwrap();
    assert_eq!((haste.version, haste.is_despite_lessons), (version.clone(), true));
    it.pass(-2 * HOUR_MS);
    assert_eq!(install(true), Err(Trouble::NoClock));
}
