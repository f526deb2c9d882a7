//! Keys of readers that are made on the page.

use model::ReaderRole;
use portal::{KeyRoom as _, NewKey, RemovedKey};

use super::*;

fn end(key: &NewKey) -> &str {
    key.secret.get(key.secret.len() - 6..).unwrap()
}

fn make(it: &School, person: &Person, role: ReaderRole, secret: &str) -> Result<NewKey, Trouble> {
    it.office.draw_key(PC.into(), person, role, secret)
}

/// A key that somebody has made, printed and confirmed.
fn keep(it: &School, person: &Person, role: ReaderRole, secret: &str) -> NewKey {
    let key = make(it, person, role, secret).unwrap();
    it.office.keep_key(PC.into(), person, &key.public, end(&key)).unwrap();
    key
}

fn remove(it: &School, person: &Person, key: &NewKey, secret: &str, is_meant: bool) -> Result<(), Trouble> {
    let key = RemovedKey { public: &key.public, secret, is_last_meant: is_meant };
    it.office.remove_key(PC.into(), person, &key)
}

#[test]
fn a_key_has_force_once_whoever_was_shown_it_has_typed_its_end() {
    let it = School::new();
    let (head, secret) = it.person("Mme Durand", Role::Head, &[]);
    let (other, _) = it.person("M. Bernard", Role::Head, &[]);
    assert!(matches!(make(&it, &head, ReaderRole::Head, "faux"), Err(Trouble::Wrong | Trouble::Wait(_))));
    let key = make(&it, &head, ReaderRole::Head, &secret).unwrap();
    assert!(it.store().reader_keys().unwrap().is_empty(), "nobody has printed it yet");
    assert_eq!(it.office.keys(&head).unwrap().waiting, [(ReaderRole::Head, key.public.clone())]);
    assert!(it.office.keys(&other).unwrap().waiting.is_empty());
    let confirm = |person: &Person, typed: &str| it.office.keep_key(PC.into(), person, &key.public, typed);
    assert_eq!(confirm(&other, end(&key)), Err(Trouble::Unknown), "she was not shown it");
    assert_eq!(confirm(&head, ""), Err(Trouble::KeyEnd));
    let typed = format!(" {} ", end(&key).to_ascii_lowercase());
    confirm(&head, &typed).unwrap();
    let kept = it.store().reader_keys().unwrap();
    assert_eq!((kept.len(), kept[0].public.as_str(), &kept[0].by), (1, key.public.as_str(), &head.name));
    let identity = archive::Identity::read_all(&key.secret).unwrap();
    assert_eq!(identity[0].reader().to_string(), key.public, "the paper opens what is sealed to it");
    assert!(it.office.keys(&head).unwrap().waiting.is_empty(), "it waits no more");
    assert_eq!(confirm(&head, &typed), Ok(()), "the second click of a double one");
    assert_eq!(confirm(&other, &typed), Err(Trouble::Unknown));
    let acts = it.store().waiting_person_acts(99).unwrap();
    let added = acts.iter().filter(|waiting| waiting.act.deed.as_str() == "add-reader");
    assert_eq!((added.count(), it.store().reader_keys().unwrap().len()), (1, 1));
}

#[test]
fn nothing_of_the_secret_is_in_the_folder() {
    let it = School::new();
    let (head, secret) = it.person("Mme Durand", Role::Head, &[]);
    let key = keep(&it, &head, ReaderRole::Recovery, &secret);
    for entry in std::fs::read_dir(it.folder.path()).unwrap() {
        let bytes = std::fs::read(entry.unwrap().path()).unwrap_or_default();
        let has = |part: &str| bytes.windows(part.len()).any(|window| window == part.as_bytes());
        assert!(!has(&key.secret) && !has(end(&key)));
    }
}

#[test]
fn whoever_guesses_makes_another_one() {
    let it = School::new();
    let (head, secret) = it.person("Mme Durand", Role::Head, &[]);
    let key = make(&it, &head, ReaderRole::Head, &secret).unwrap();
    for _ in 0..5 {
        let guessed = it.office.keep_key(PC.into(), &head, &key.public, "000000");
        assert_eq!(guessed, Err(Trouble::KeyEnd));
    }
    assert_eq!(it.office.keep_key(PC.into(), &head, &key.public, end(&key)), Err(Trouble::Unknown));
    let before = make(&it, &head, ReaderRole::Head, &secret).unwrap();
    make(&it, &head, ReaderRole::Head, &secret).unwrap();
    let lost = it.office.keep_key(PC.into(), &head, &before.public, end(&before));
    assert_eq!(lost, Err(Trouble::Unknown), "the later one took its place");
    assert!(it.store().reader_keys().unwrap().is_empty());
}

#[test]
fn each_keeps_the_keys_of_her_role() {
    let it = School::new();
    let (head, heads) = it.person("Mme Durand", Role::Head, &[]);
    let (officer, officers) = it.person("Mme Lefort", Role::Officer, &[]);
    for (name, role) in [("M. Petit", Role::Technician), ("Mme Martin", Role::Teacher)] {
        let (person, secret) = it.person(name, role, &[]);
        for role in ReaderRole::ALL {
            assert!(matches!(make(&it, &person, role, &secret), Err(Trouble::Denied)), "{name}");
        }
    }
    assert!(matches!(make(&it, &officer, ReaderRole::Head, &officers), Err(Trouble::Denied)));
    let of_head = keep(&it, &head, ReaderRole::Head, &heads);
    let of_officer = keep(&it, &officer, ReaderRole::Officer, &officers);
    assert_eq!(remove(&it, &officer, &of_head, &officers, true), Err(Trouble::Denied));
    assert_eq!(remove(&it, &head, &of_officer, "faux", true), Err(Trouble::Wrong));
    assert_eq!(remove(&it, &officer, &of_officer, &officers, false), Err(Trouble::LastOfRole));
    remove(&it, &officer, &of_officer, &officers, true).unwrap();
    assert_eq!(remove(&it, &officer, &of_officer, &officers, true), Err(Trouble::Unknown));
    // Days are sealed to somebody, or to nobody who could read them.
    assert_eq!(remove(&it, &head, &of_head, &heads, true), Err(Trouble::LastKey));
    let configured = vec!["age1configured".to_owned()];
    let office = open(it.folder.path(), &it.desk, &it.hand).with_readers(configured.clone());
    assert_eq!(office.keys(&head).unwrap().configured, configured);
    let key = RemovedKey { public: &of_head.public, secret: &heads, is_last_meant: true };
    office.remove_key(PC.into(), &head, &key).unwrap();
    assert!(it.store().reader_keys().unwrap().is_empty());
}
