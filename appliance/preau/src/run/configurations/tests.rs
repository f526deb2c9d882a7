//! What becomes of a configuration that the commune decides, on a box that is started anew by hand.

use std::fs;

use model::{CommuneSheet, InternetMode, LessonSettings, NewLesson};
use store::CommuneDocument;

use super::*;
use crate::decided::start;

const OWN: &str = "version = 1\n[school]\nname = \"Boîtier\"\n";
/// An access point in a room without a network.
const POINT: &str = "[[access_point]]\nname = \"a\"\nroom = \"CM2\"\nkind = \"hostapd\"\n\
                     channel = 36\ninterface = \"wlan0\"\n";
const NOW: Timestamp = Timestamp::from_unix_ms(1_795_402_800_000);
const SET: (Timestamp, ClockQuality) = (NOW, ClockQuality::Synchronised);

/// A box, its file, and whoever sees to it.
struct Place {
    data: tempfile::TempDir,
    keeper: ConfigurationKeeper,
}

impl Place {
    fn new() -> Self {
        let data = tempfile::tempdir().unwrap();
        let file = data.path().join("preau.toml");
        fs::write(&file, OWN).unwrap();
        let keeper = ConfigurationKeeper::new(data.path(), Some(&file), &data.path().join("report"));
        Self { data, keeper }
    }

    fn file(&self) -> PathBuf {
        self.data.path().join("preau.toml")
    }

    /// Has the commune decide something.
    fn decide(&self, number: u64, text: &str) {
        self.decide_by(number, number, text);
    }

    /// The same by a sheet of this number.
    fn decide_by(&self, serial: u64, number: u64, text: &str) {
        let mut store = Store::open(&self.data.path().join(data_folder::STATE_FILE)).unwrap();
        let document = CommuneDocument { serial, signer: "hub".to_owned() };
        let configuration = Some(CommuneConfiguration { number, text: text.to_owned() });
        let sheet = CommuneSheet { configuration, ..CommuneSheet::default() };
        store.take_commune_sheet(&document, &sheet, &"hub".parse().unwrap(), SET).unwrap();
    }

    fn look(&mut self, now: (Timestamp, ClockQuality)) -> Note {
        self.keeper.see_to(&"0750655E".parse().unwrap(), now).unwrap();
        Note::read(self.data.path())
    }

    /// Starts the box: the name of the school that it works by.
    fn start(&mut self) -> String {
        self.keeper.looks = 0;
        start(Some(&self.file()), self.data.path()).unwrap().config.school.name
    }
}

fn named(name: &str) -> String {
    format!("[school]\nname = \"{name}\"\n")
}

#[test]
fn what_is_good_is_in_the_file_at_once_and_in_force_with_the_next_start() {
    let mut place = Place::new();
    assert_eq!(place.look(SET), Note::default(), "the commune decides nothing");
    place.decide(5, &named("École"));
    let note = place.look(SET);
    assert_eq!((note.waiting, note.in_force), (Some((5, Wait::Restart)), None));
    assert!(fs::read_to_string(place.file()).unwrap().starts_with(OWN), "its own stays, letter by letter");
    assert_eq!(place.look(SET), note, "nobody has started it anew");
    assert_eq!(place.start(), "École");
    let note = place.look(SET);
    assert_eq!((note.waiting, note.in_force, note.trial.is_some()), (None, Some(5), true));
    place.keeper.looks = LOOKS_ON_TRIAL;
    assert_eq!(place.look(SET).trial, None, "it has run for a minute");
    // What is taken back is as it was.
    place.decide(6, "");
    place.look(SET);
    assert_eq!((place.start().as_str(), place.look(SET).in_force), ("Boîtier", Some(6)));
}

#[test]
fn what_is_wrong_is_refused_once_and_changes_nothing() {
    let mut place = Place::new();
    place.decide(5, &named("École"));
    place.look(SET);
    place.start();
    let file = fs::read_to_string(place.file()).unwrap();
    for (number, text, word) in [
        (6, "[gate]\ntls_port = 1\n", "cut it from the hub"),
        (7, "[school]\nname = 5\n", "2:"),
        (8, "[school]\nname = \"É\"\nuai = \"0911234X\"\n", "another school"),
        (9, POINT, "no network"),
    ] {
        place.decide(number, text);
        let note = place.look(SET);
        let (refused, why) = note.refused.clone().unwrap();
        assert!(refused == number && why.contains(word), "{why}");
        assert_eq!((note.in_force, place.look(SET)), (Some(5), note));
        assert_eq!(fs::read_to_string(place.file()).unwrap(), file);
    }
    place.decide(10, &named("Après"));
    assert_eq!(place.look(SET).waiting, Some((10, Wait::Restart)));
    assert_eq!(place.start(), "Après");
    place.keeper.looks = LOOKS_ON_TRIAL;
    assert_eq!(place.look(SET).refused, None);
}

#[test]
fn a_lesson_is_not_interrupted() {
    let mut place = Place::new();
    let until = Timestamp::from_unix_ms(NOW.unix_ms() + 1_800_000);
    let settings = LessonSettings { until, internet: InternetMode::Normal, is_wifi_on: false };
    let lesson = NewLesson::new("Mme Martin".parse().unwrap(), "CM2".parse().unwrap(), NOW, settings);
    let mut store = Store::open(&place.data.path().join(data_folder::STATE_FILE)).unwrap();
    store.start_lesson(lesson.unwrap(), None, None).unwrap();
    place.decide(5, &named("École"));
    assert_eq!(place.look(SET).waiting, Some((5, Wait::Lesson)));
    assert_eq!(place.look((until, ClockQuality::Unset)).waiting, Some((5, Wait::Lesson)), "nobody knows");
    assert_eq!(fs::read_to_string(place.file()).unwrap(), OWN);
    assert_eq!(place.look((until, ClockQuality::Synchronised)).waiting, Some((5, Wait::Restart)));
}

#[test]
fn where_there_is_no_file_to_write_it_is_told() {
    let mut place = Place::new();
    place.decide(5, &named("École"));
    place.keeper.file = None;
    assert_eq!(place.look(SET).waiting, Some((5, Wait::File)));
    assert_eq!(fs::read_to_string(place.file()).unwrap(), OWN);
}

#[test]
fn one_by_which_the_box_does_not_last_is_never_tried_again() {
    let mut place = Place::new();
    place.decide(5, &named("École"));
    place.look(SET);
    let names: Vec<String> = (0..4).map(|_| place.start()).collect();
    assert_eq!(names, ["École", "École", "École", "Boîtier"]);
    let note = place.look(SET);
    assert_eq!((note.refused.as_ref().unwrap().0, note.waiting, note.in_force), (5, None, None));
    assert_eq!(fs::read_to_string(place.file()).unwrap(), OWN);
    place.decide(6, &named("École"));
    place.look(SET);
    assert_eq!(place.start(), "École", "another number is another try");
}

/// A hub that is broken into says something else by the number that the box works by: it is on trial like any other.
#[test]
fn another_text_by_a_known_number_is_on_trial() {
    let mut place = Place::new();
    place.decide(5, &named("École"));
    place.look(SET);
    place.start();
    place.keeper.looks = LOOKS_ON_TRIAL;
    assert_eq!(place.look(SET).trial, None, "it has run for a minute");
    place.decide_by(6, 5, &named("Autre"));
    for _ in 0..2 {
        let note = place.look(SET);
        assert_eq!((note.trial.unwrap().starts, note.waiting), (0, Some((5, Wait::Restart))));
    }
    let names: Vec<String> = (0..4).map(|_| place.start()).collect();
    assert_eq!(names, ["Autre", "Autre", "Autre", "École"]);
}
