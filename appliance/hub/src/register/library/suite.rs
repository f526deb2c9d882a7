//! What each engine has to do with files for pupils.

use archive::Hash;
use model::{LIBRARY_FILE_BYTES_MAX, LIBRARY_FILES_MAX, LibraryFile, MediaType, Timestamp, Uai};
use replication::School;

use crate::register::Register;

const NOW: Timestamp = Timestamp::from_unix_ms(1_795_392_000_000);
const LATER: Timestamp = Timestamp::from_unix_ms(1_795_392_000_000 + 86_400_000);
const UAI: &str = "0692345Z";
const OTHER: &str = "0751234J";

/// A file that has its mark as its text.
pub(crate) fn file(mark: &str, until: Timestamp) -> LibraryFile {
    let name = format!("{mark}.pdf").parse().unwrap();
    LibraryFile {
        sha256: Hash::of(mark.as_bytes()).to_string(),
        bytes: mark.len() as u64,
        media: MediaType::of(&name),
        name,
        title: format!("Titre {mark}").parse().unwrap(),
        until,
    }
}

fn school(uai: &str) -> Option<Uai> {
    Some(uai.parse().unwrap())
}

/// Checks an engine; the two are hubs on one register.
pub(crate) fn check(one: &dyn Register, other: &dyn Register) {
    for uai in [UAI, OTHER] {
        one.put_school(&School { uai: uai.to_owned(), name: "École".to_owned(), rooms: vec![] }).unwrap();
    }
    check_files(one, other);
    check_limits(one);
}

fn check_files(one: &dyn Register, other: &dyn Register) {
    assert_eq!(one.library(NOW).unwrap(), []);
    let (film, map) = (file("film", LATER), file("carte", LATER));
    let before = one.tide(UAI).unwrap().sheet;
    assert!(one.add_to_library(&[school(UAI)], &film, "M. Blanc", NOW).unwrap());
    assert!(other.tide(UAI).unwrap().sheet > before, "the box hears of it");
    assert!(other.add_to_library(&[None], &map, "M. Blanc", NOW).unwrap());
    let names = |uai: &str, now| -> Vec<String> {
        let sheet = other.sheet(uai, now).unwrap();
        let mut names: Vec<_> = sheet.files.iter().map(|file| file.name.to_string()).collect();
        names.sort_unstable();
        names
    };
    assert_eq!(names(UAI, NOW), ["carte.pdf", "film.pdf"]);
    assert_eq!(names(OTHER, NOW), ["carte.pdf"]);
    assert!(names(UAI, LATER).is_empty(), "it is over");

    let sum = |mark: &str| Hash::of(mark.as_bytes());
    assert_eq!(other.library_file(UAI, sum("film"), NOW).unwrap(), Some(4));
    assert_eq!(other.library_file(OTHER, sum("film"), NOW).unwrap(), None, "another school's");
    assert_eq!(other.library_file(OTHER, sum("carte"), NOW).unwrap(), Some(5));
    assert_eq!(other.library_file(UAI, sum("film"), LATER).unwrap(), None);
    assert_eq!(other.library_file(UAI, sum("none"), NOW).unwrap(), None);
    assert!(one.has_library_file(sum("film"), NOW).unwrap());
    assert!(!one.has_library_file(sum("film"), LATER).unwrap());

    // The same again, for all: what a school has of its own stays, and it has it once.
    let longer = LibraryFile { until: Timestamp::from_unix_ms(LATER.unix_ms() + 5), ..film.clone() };
    assert!(one.add_to_library(&[None], &longer, "Mme Petit", NOW).unwrap());
    let sheet = other.sheet(UAI, NOW).unwrap();
    let found: Vec<_> = sheet.files.iter().filter(|it| it.sha256 == film.sha256).collect();
    assert_eq!(found, [&longer]);
    let held = other.library(NOW).unwrap();
    assert_eq!(held.len(), 3);
    assert_eq!(held.iter().filter(|it| it.uai.is_none()).count(), 2);
    assert_eq!((held[2].uai.as_deref(), &held[2].file, held[2].added), (Some(UAI), &film, NOW));
    for it in &held {
        assert!(one.remove_from_library(it.id, NOW).unwrap());
        assert!(!other.remove_from_library(it.id, NOW).unwrap());
    }
    assert!(!other.has_library_file(sum("film"), NOW).unwrap() && names(UAI, NOW).is_empty());
}

fn check_limits(one: &dyn Register) {
    for number in 0..LIBRARY_FILES_MAX - 1 {
        assert!(one.add_to_library(&[None], &file(&number.to_string(), LATER), "M. Blanc", NOW).unwrap());
    }
    assert!(one.add_to_library(&[school(UAI)], &file("last", LATER), "M. Blanc", NOW).unwrap());
    let serial = one.tide(OTHER).unwrap().sheet;
    let both = [school(OTHER), school(UAI)];
    assert!(!one.add_to_library(&both, &file("more", LATER), "M. Blanc", NOW).unwrap());
    assert!(!one.add_to_library(&[None], &file("more", LATER), "M. Blanc", NOW).unwrap(), "one has no room");
    assert_eq!(one.tide(OTHER).unwrap().sheet, serial, "nothing has changed");
    assert!(one.add_to_library(&[school(OTHER)], &file("more", LATER), "M. Blanc", NOW).unwrap());
    // What is over makes room, and too many bytes are none.
    let long = LibraryFile { bytes: LIBRARY_FILE_BYTES_MAX + 1, ..file("long", LATER) };
    assert!(!one.add_to_library(&[None], &long, "M. Blanc", LATER).unwrap());
    let after = Timestamp::from_unix_ms(LATER.unix_ms() + 1);
    assert!(one.add_to_library(&[None], &file("more", after), "M. Blanc", LATER).unwrap());
    assert_eq!(one.library(NOW).unwrap().len(), 1, "what was over is gone");
}
