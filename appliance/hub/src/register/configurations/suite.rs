//! What each engine has to do with configurations.

use model::{Timestamp, Uai};
use replication::{School, SheetContent};

use super::VERSIONS_MAX;
use crate::register::{Register, RegisterError};

const NOW: Timestamp = Timestamp::from_unix_ms(1_795_392_000_000);
const UAI: &str = "0351234B";
const OTHER: &str = "0131234W";

/// Checks an engine; the two are hubs on one register.
pub(crate) fn check(one: &dyn Register, other: &dyn Register) {
    let [uai, second] = [UAI, OTHER].map(|uai| uai.parse::<Uai>().unwrap());
    let none = one.configure(&uai, 0, ("", "M. Blanc"), NOW);
    assert!(matches!(none, Err(RegisterError::NoSchool(_))), "{none:?}");
    for uai in [UAI, OTHER] {
        one.put_school(&School { uai: uai.to_owned(), name: "École".to_owned(), rooms: vec![] }).unwrap();
    }
    let said = |uai: &str| other.sheet(uai, NOW).unwrap().configuration.map(|it| (it.number, it.text));
    let serial = |uai: &str| other.sheet(uai, NOW).unwrap().serial;
    assert_eq!((one.configurations(UAI).unwrap(), said(UAI)), (vec![], None));
    let before = serial(OTHER);
    let first = one.configure(&uai, 0, ("a = 1\n", "M. Blanc"), NOW).unwrap().unwrap();
    assert_eq!(said(UAI), Some((first, "a = 1\n".to_owned())));
    assert!(serial(UAI) >= first && first > 0);
    assert_eq!((said(OTHER), serial(OTHER)), (None, before), "no other school hears of it");
    assert_eq!(other.configured().unwrap(), [UAI]);
    assert_eq!(
        other.configure(&uai, 0, ("a = 2\n", "Mme Noire"), NOW).unwrap(),
        None,
        "somebody was quicker"
    );
    let later = other.configure(&uai, first, ("", "Mme Noire"), NOW).unwrap().unwrap();
    assert!(later > first, "each has a higher number, within one second as well");
    assert_eq!(said(UAI), Some((later, String::new())));
    let told: Vec<_> =
        one.configurations(UAI).unwrap().into_iter().map(|it| (it.number, it.author)).collect();
    assert_eq!(told, [(later, "Mme Noire".to_owned()), (first, "M. Blanc".to_owned())]);

    let mut last = 0;
    for number in 0..=VERSIONS_MAX {
        let text = format!("a = {number}\n");
        last = one.configure(&second, last, (&text, "M. Blanc"), NOW).unwrap().unwrap();
    }
    let kept = other.configurations(OTHER).unwrap();
    assert_eq!((kept.len(), kept[0].number), (VERSIONS_MAX as usize, last));
    assert_eq!(kept.last().unwrap().text, "a = 1\n", "the oldest went");
    check_length(one, &uai, later);
}

/// What a box would not take is refused before it is said: the box would hear nothing any more.
fn check_length(register: &dyn Register, uai: &Uai, last: u64) {
    let place = |number: usize| SheetContent {
        url: format!("https://ent.example/{number}/{}", "a".repeat(1_400)),
        title: "Une page".to_owned(),
        until_ms: NOW.unix_ms() + 86_400_000,
    };
    let add = |uai: Option<&Uai>, number| register.add_content(uai, &place(number), "M. Blanc", NOW);
    let is_of = |error: &RegisterError| matches!(error, RegisterError::TooLong(of) if of == UAI);
    let mut count = 0;
    let refused = loop {
        match add(Some(uai), count) {
            Ok(is_added) => assert!(is_added, "{count}"),
            Err(error) => break error,
        }
        count += 1;
    };
    assert!(is_of(&refused) && count > 100, "{count}: {refused:?}");
    let all = add(None, count).unwrap_err();
    assert!(is_of(&all), "what is said to all is said to this one: {all:?}");
    // Other parts of the suite leave theirs on a server that all of them share.
    let own = || -> Vec<u64> {
        let contents = register.contents(NOW).unwrap().into_iter();
        contents.filter(|content| content.uai.as_deref() == Some(UAI)).map(|content| content.id).collect()
    };
    assert_eq!(own().len(), count, "nothing of it is there");
    let long = format!("# {}\n", "a".repeat(30_000));
    let refused = register.configure(uai, last, (&long, "M. Blanc"), NOW).unwrap_err();
    assert!(is_of(&refused), "{refused:?}");
    assert_eq!(register.configurations(UAI).unwrap()[0].number, last);
    // With one place less there is room again, and what takes something back is always taken.
    assert!(register.remove_content(own()[0], NOW).unwrap());
    assert!(add(Some(uai), 0).unwrap());
    register.configure(uai, last, ("", "M. Blanc"), NOW).unwrap().unwrap();
    // What others are to say of this school has its room.
    for id in own() {
        assert!(register.remove_content(id, NOW).unwrap());
    }
}
