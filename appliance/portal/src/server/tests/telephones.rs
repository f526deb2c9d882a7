//! The page of a telephone, and the sign-in with a code.

use super::clerk::{CODE, SECRET};
use super::people::{Browser, Open};

/// Where a head is led who has to have a telephone, until she has one.
#[test]
fn who_has_to_have_a_telephone_gets_nowhere_before() {
    let open = Open::new();
    open.clerk.asked_for_telephones.lock().unwrap().push(2);
    let mut browser = Browser::new(open.address);
    let page = browser.get("/connexion?nom=M.+Bernard");
    let home = browser.fill(&page, "/connexion", &format!("nom=M.+Bernard&secret={SECRET}"));
    assert_eq!(home.location.as_deref(), Some("/direction"));
    for path in ["/direction", "/enseignant", "/technique"] {
        assert_eq!(browser.get(path).location.as_deref(), Some("/telephone"), "{path}");
    }
    let page = browser.get("/telephone");
    assert!(page.text.contains("GEZD GNBV") && page.text.contains("<svg"), "{}", page.text);
    assert!(!page.text.contains("name=\"present\"") && page.text.contains("name=\"secret\""));
    let wrong = browser.fill(&page, "/telephone", "cle=GEZDGNBV&code=000000");
    assert_eq!(wrong.status, "422");
    assert!(wrong.text.contains("role=\"alert\"") && wrong.text.contains("GEZD GNBV"), "the same key");
    let found = browser.fill(&wrong, "/telephone", &format!("cle=GEZDGNBV&code={CODE}&secret=x"));
    assert_eq!(found.status, "403", "whoever found her session");
    let form = format!("cle=GEZDGNBV&code={CODE}&secret={SECRET}");
    let papers = browser.fill(&found, "/telephone", &form);
    assert_eq!(papers.status, "200");
    assert!(papers.text.contains("abcd-efgh-jkmn-pqrs"), "{}", papers.text);
    assert_eq!(browser.get("/direction").status, "200");
    let known = browser.get("/telephone");
    assert!(known.text.contains("name=\"present\"") && !known.text.contains("abcd-efgh"), "{}", known.text);
    assert!(!known.text.contains("name=\"secret\""), "{}", known.text);
    let out = browser.fill(&papers, "/deconnexion", "");
    assert_eq!(out.status, "303", "the page's forms are the new session's");
    let page = browser.get("/connexion?nom=M.+Bernard");
    let without = browser.fill(&page, "/connexion", &format!("nom=M.+Bernard&secret={SECRET}"));
    assert_eq!(without.status, "403");
    let form = format!("nom=M.+Bernard&secret={SECRET}&code={CODE}");
    assert_eq!(browser.fill(&without, "/connexion", &form).status, "303");
    open.portal.stop().unwrap();
}

#[test]
fn telephones_are_for_those_who_decide_and_removed_by_them() {
    let open = Open::new();
    let mut browser = Browser::new(open.address);
    browser.sign_in("personne=1");
    assert_eq!(browser.get("/telephone").status, "403", "a teacher's");
    let mut browser = Browser::new(open.address);
    let page = browser.sign_in("nom=M.+Bernard");
    let removed = browser.fill(&page, "/direction/personnes/telephone", "personne=1");
    assert_eq!(removed.location.as_deref(), Some("/direction/personnes"));
    assert_eq!(open.done(), ["M. Bernard removes the telephone of 1"]);
    let forged = browser.post("/direction/personnes/telephone", "personne=1");
    assert_eq!((forged.status.as_str(), open.done().len()), ("403", 0));
    open.portal.stop().unwrap();
}
