//! The page where keys of readers are made.

use super::clerk::{CODE, SECRET};
use super::people::{Browser, Open};
use crate::pages::samples;

const KEYS: &str = "/direction/journal/cles";

#[test]
fn a_key_is_shown_once_confirmed_and_taken_away() {
    let open = Open::new();
    let mut browser = Browser::new(open.address);
    browser.sign_in("nom=M.+Bernard");
    let page = browser.get(KEYS);
    assert!(page.text.contains("age1configured"), "{}", page.text);
    let secret = samples::new_key().secret;
    let end = secret.split_at(secret.len() - 2).1;
    let wrong = browser.fill(&page, KEYS, "pour=recovery&secret=000000");
    assert!(wrong.status == "403" && !wrong.text.contains("AGE-SECRET-KEY"), "{}", wrong.text);
    let shown = browser.fill(&page, KEYS, &format!("pour=recovery&secret={SECRET}"));
    assert!(shown.status == "200" && shown.text.contains(&format!("{end} ")), "{}", shown.text);
    assert!(!browser.get(KEYS).text.contains("AGE-SECRET-KEY"), "it is shown once");
    let keep = |end: &str| format!("cle=age1new&fin={end}");
    assert_eq!(browser.fill(&shown, "/direction/journal/cles/garder", &keep("0")).status, "422");
    let kept = browser.fill(&shown, "/direction/journal/cles/garder", &keep(CODE));
    assert_eq!(kept.location.as_deref(), Some(KEYS));
    let gone = format!("cle=age1new&secret={SECRET}");
    assert_eq!(browser.fill(&page, "/direction/journal/cles/retirer", &gone).status, "409");
    let gone = browser.fill(&page, "/direction/journal/cles/retirer", &format!("{gone}&derniere=1"));
    assert_eq!(gone.location.as_deref(), Some(KEYS));
    assert_eq!(browser.fill(&page, KEYS, &format!("pour=mayor&secret={SECRET}")).status, "422");
    assert_eq!(browser.post(KEYS, &format!("pour=head&secret={SECRET}")).status, "403", "forged");
    assert_eq!(
        open.done(),
        ["M. Bernard makes a key for recovery", "M. Bernard keeps age1new", "M. Bernard removes age1new"]
    );
    open.portal.stop().unwrap();
}

#[test]
fn a_teacher_makes_none() {
    let open = Open::new();
    let mut browser = Browser::new(open.address);
    let page = browser.sign_in("personne=1");
    assert_eq!(browser.get(KEYS).status, "403");
    for path in [KEYS, "/direction/journal/cles/garder", "/direction/journal/cles/retirer"] {
        assert_eq!(browser.fill(&page, path, &format!("pour=head&secret={SECRET}")).status, "403", "{path}");
    }
    assert!(open.done().is_empty());
    open.portal.stop().unwrap();
}
