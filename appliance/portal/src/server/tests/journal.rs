//! The pages of the journal, as the head, others and a forger use them.

use super::people::{Browser, Open};

const TERMS: &str = "motif=incident&precisions=essai&du=2026-11-24T00:00&au=2026-11-25T00:00&minutes=60";

#[test]
fn the_head_opens_looks_takes_and_ends() {
    let open = Open::new();
    let mut head = Browser::new(open.address);
    head.sign_in("nom=M.+Bernard");
    let page = head.get("/direction/journal");
    assert_eq!(page.status, "200", "{}", page.text);
    assert!(page.text.contains("vidéo") && page.text.contains("jeux"), "{}", page.text);
    let older = head.get("/direction/journal?avant=5");
    assert!(
        page.text.contains("?avant=5") && page.text.contains(">CM2-04") == older.text.contains(">CM2-04")
    );
    assert!(older.text.contains("N° 5 ") && !older.text.contains("N° 7 "), "{}", older.text);
    let opened = head.fill(&page, "/direction/journal/ouvrir", &format!("{TERMS}&cle=AGE-SECRET"));
    assert_eq!(opened.location.as_deref(), Some("/direction/journal/lecture?n=7"));
    let reading = head.get("/direction/journal/lecture?n=7");
    assert_eq!(reading.status, "200", "{}", reading.text);
    let found =
        head.fill(&reading, "/direction/journal/lecture", "lecture=7&site=casino.example&verdict=refuse");
    assert!(found.status == "200" && found.text.contains("203.0.113.7"), "{}", found.text);
    assert!(!found.text.contains("AGE-SECRET-KEY-1"), "a key is never shown again");
    let more = "lecture=7&site=casino.example&cours=7&apres=4711";
    let next = head.fill(&found, "/direction/journal/lecture", more);
    assert_eq!(next.status, "200");
    let classes = head.fill(&reading, "/direction/journal/classes", "lecture=7");
    assert!(classes.status == "200" && classes.text.contains("moins de cinq appareils"), "{}", classes.text);
    let extract = head.fill(&found, "/direction/journal/extrait", "lecture=7&entier=1");
    assert_eq!((extract.status.as_str(), extract.text.as_str()), ("200", "PK"));
    let hold = "precisions=plainte+12&du=2026-11-24T00:00&appareil=CM2-04";
    let held = head.fill(&page, "/direction/journal/suspendre", hold);
    assert_eq!(held.location.as_deref(), Some("/direction/journal"));
    let lifted = head.fill(&page, "/direction/journal/lever", "numero=412&precisions=class%C3%A9");
    assert_eq!(lifted.location.as_deref(), Some("/direction/journal"));
    let closed = head.fill(&page, "/direction/journal/terminer", "lecture=7");
    assert_eq!(closed.location.as_deref(), Some("/direction/journal"));
    assert_eq!(
        open.done(),
        [
            "M. Bernard opens: incident, essai, 60 min, 10",
            "M. Bernard looks in 7 for `casino.example` after 0",
            "M. Bernard looks in 7 for `casino.example` in lesson 7 after 4711",
            "M. Bernard looks at the classes in 7",
            "M. Bernard takes 7, whole: true",
            "M. Bernard holds: plainte 12",
            "M. Bernard lifts 412: classé",
            "M. Bernard closes 7",
        ]
    );
    open.portal.stop().unwrap();
}

/// She looks on, reads with her own key, and signs; what the school decides is not hers.
#[test]
fn the_officer_reads_and_signs_and_decides_nothing() {
    let open = Open::new();
    let mut officer = Browser::new(open.address);
    let home = officer.sign_in("nom=Mme+Lefort");
    let page = officer.get("/direction/journal");
    assert!(page.status == "200" && home.text.contains("/direction/journal"), "{} {}", home.text, page.text);
    for expected in ["réquisition", "age1head", "90 jours", "Signer ces durées", "N° 7 "] {
        assert!(page.text.replace('\u{a0}', " ").contains(expected), "{expected}: {}", page.text);
    }
    for never in ["/direction/journal/suspendre", "/direction/journal/lever", "/enseignant", "\"/direction\""]
    {
        assert!(!page.text.contains(never), "{never}: {}", page.text);
    }
    let opened = officer.fill(&page, "/direction/journal/ouvrir", &TERMS.replace("incident", "oversight"));
    assert_eq!(opened.location.as_deref(), Some("/direction/journal/lecture?n=7"));
    officer.fill(&page, "/direction/journal/terminer", "lecture=7");
    officer.fill(&page, "/direction/journal/signer", "numeros=12");
    for path in [
        "/direction",
        "/enseignant",
        "/enseignant/semaine",
        "/direction/personnes",
        "/direction/wifi",
        "/direction/wifi/conseil",
        "/direction/wifi/porte",
    ] {
        let answer = officer.get(path);
        assert!(["403", "404"].contains(&answer.status.as_str()), "{path}: {}", answer.text);
    }
    for (path, form) in [
        ("/direction/journal/suspendre", "precisions=plainte"),
        ("/direction/journal/lever", "numero=412&precisions=x"),
        ("/direction/demande", "demande=7&jusqu=2026-12-24&motif=x"),
        ("/enseignant/demande", "demande=7&minutes=30"),
        ("/enseignant/cours", "salle=CM2&minutes=55&internet=normal"),
        ("/direction/personnes", "nom=M.+Faux&role=head"),
    ] {
        let answer = officer.fill(&page, path, form);
        assert!(["403", "404", "405"].contains(&answer.status.as_str()), "{path}: {}", answer.text);
    }
    let done =
        ["Mme Lefort opens: oversight, essai, 60 min, 0", "Mme Lefort closes 7", "Mme Lefort signs 12"];
    assert_eq!(open.done(), done);
    // The head reads the same, and signs nothing.
    let mut head = Browser::new(open.address);
    head.sign_in("nom=M.+Bernard");
    let page = head.get("/direction/journal");
    assert!(page.text.contains("age1head") && !page.text.contains("/direction/journal/signer"));
    assert_eq!(head.fill(&page, "/direction/journal/signer", "numeros=12").status, "403");
    open.portal.stop().unwrap();
}

#[test]
fn what_is_not_as_it_should_be_is_said_in_words() {
    let open = Open::new();
    let mut head = Browser::new(open.address);
    head.sign_in("nom=M.+Bernard");
    let page = head.get("/direction/journal");
    let mut check = |path: &str, form: &str, status: &str, expected: &str| {
        let answer = head.fill(&page, path, form);
        assert_eq!(answer.status, status, "{form}: {}", answer.text);
        assert!(answer.text.contains(expected), "{form}: {}", answer.text);
    };
    let open_path = "/direction/journal/ouvrir";
    check(open_path, "motif=incident&precisions=essai&minutes=60", "422", "Donnez une période");
    check(open_path, "motif=curiosity&precisions=essai&minutes=60", "422", "Un champ est vide");
    check(open_path, &TERMS.replace("essai", ""), "422", "Un champ est vide");
    check(open_path, &TERMS.replace("2026-11-24T00:00", "demain"), "422", "Un champ est vide");
    check("/direction/journal/suspendre", "precisions=", "422", "Un champ est vide");
    check("/direction/journal/cle", "lecture=8&cle=1234", "422", "Ce n’est pas une clé secrète");
    check("/direction/journal/lecture", "lecture=7&site=a+b", "422", "Un champ est vide");
    check("/direction/journal/lecture", "lecture=7&cours=CM2", "422", "Un champ est vide");
    check("/direction/journal/lecture", "lecture=9", "409", "Cette lecture est terminée");
    check("/direction/journal/classes", "lecture=9", "409", "Cette lecture est terminée");
    check("/direction/journal/classes", "lecture=8", "409", "Le boîtier n’a pas");
    let locked = head.get("/direction/journal/lecture?n=8");
    assert!(locked.status == "200" && locked.text.contains("Le boîtier n’a pas la clé"), "{}", locked.text);
    for (path, status) in [("n=9", "409"), ("n=99", "404"), ("n=x", "404"), ("", "404")] {
        assert_eq!(head.get(&format!("/direction/journal/lecture?{path}")).status, status, "{path}");
    }
    assert_eq!(open.done(), [""; 0], "nothing was done");
    open.portal.stop().unwrap();
}

/// A pupil, an outsider, a teacher: nobody of them opens, sees, takes or ends a reading.
#[test]
fn nobody_else_gets_near_the_journal() {
    let open = Open::new();
    let paths = ["", "/ouvrir", "/terminer", "/lecture", "/cle", "/classes", "/extrait", "/signer"];
    let mut pupil = Browser::new(open.address);
    pupil.client = "10.77.0.11";
    let mut outsider = Browser::new(open.address);
    let mut teacher = Browser::new(open.address);
    let home = teacher.sign_in("personne=1");
    assert!(!home.text.contains("/direction/journal"), "{}", home.text);
    for path in paths.map(|path| format!("/direction/journal{path}")) {
        let form = format!("{TERMS}&lecture=7");
        for nobody in [&mut pupil, &mut outsider] {
            let answer = nobody.post(&path, &form);
            let is_turned_away = answer.status == "405" || answer.location.as_deref() == Some("/connexion");
            assert!(is_turned_away, "{path}: {} {}", answer.status, answer.text);
            let seen = nobody.get(&path);
            assert!(
                !seen.text.contains("CM2-04") && !seen.text.contains("choquante"),
                "{path}: {}",
                seen.text
            );
        }
        let answer = teacher.fill(&home, &path, &form);
        assert!(["403", "405"].contains(&answer.status.as_str()), "{path}: {}", answer.text);
        let seen = teacher.get(&format!("{path}?n=7"));
        assert!(!seen.text.contains("CM2-04") && !seen.text.contains("choquante"), "{path}: {}", seen.text);
    }
    // A page elsewhere sends the form with the head's cookies.
    let mut head = Browser::new(open.address);
    head.sign_in("nom=M.+Bernard");
    let forged = head.post("/direction/journal/extrait", "jeton=00&lecture=7");
    assert_ne!(forged.status, "200", "{}", forged.text);
    assert_eq!(open.done(), [""; 0]);
    open.portal.stop().unwrap();
}
