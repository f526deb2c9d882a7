//! The forms of lessons, and the stream by which the teacher's page follows.

use super::people::{Browser, Open};
use super::*;

#[test]
fn a_lesson_is_begun_changed_and_ended_by_forms() {
    let open = Open::new();
    let mut browser = Browser::new(open.address);
    browser.sign_in("personne=1");
    let token = browser.get("/enseignant").token().to_owned();
    let mut send = |path: &str, fields: &str| {
        let page = browser.post(path, &format!("jeton={token}&{fields}"));
        (page.status, page.location.unwrap_or_default())
    };
    let seen = ("303".to_owned(), "/enseignant".to_owned());
    for (path, fields) in [
        ("/enseignant/salle", "salle=CM1"),
        ("/enseignant/cours", "salle=CM2&minutes=55&internet=normal&wifi=1"),
        (
            "/enseignant/cours",
            "salle=CM2&minutes=45&internet=list&sites=https%3A%2F%2Fvikidia.org%2F%0D%0Aign.fr&prendre=6",
        ),
        ("/enseignant/cours/changer", "cours=7&internet=closed&sites=ign.fr"),
        ("/enseignant/cours/changer", "cours=7&internet=list&sites=ign.fr"),
        ("/enseignant/cours/changer", "cours=7&wifi=0"),
        ("/enseignant/cours/changer", "cours=7&fin=1795517700000"),
        ("/enseignant/cours/site", "cours=7&site=jeux.example"),
        ("/enseignant/demandes", "demande=7&cours=7"),
        ("/enseignant/signaler", "site=https%3A%2F%2Fimage.example%2Fa&motif=une+image"),
        ("/enseignant/cours/fin", "cours=7"),
    ] {
        assert_eq!(send(path, fields), seen, "{path} {fields}");
    }
    for (path, fields, status) in [
        ("/enseignant/cours", "salle=CM2&minutes=x&internet=normal", "422"),
        ("/enseignant/cours", "salle=CM2&minutes=55&internet=list&sites=fr", "422"),
        ("/enseignant/cours", "salle=CM2&minutes=55", "422"),
        ("/enseignant/cours/changer", "cours=7", "422"),
        ("/enseignant/cours/site", "cours=7&site=a+b", "422"),
        ("/enseignant/signaler", "site=a.fr", "422"),
        ("/direction/signalements", "regle=4", "403"),
    ] {
        assert_eq!(send(path, fields).0, status, "{path} {fields}");
    }
    assert_eq!(
        open.done(),
        [
            "Mme Martin chooses CM1",
            "Mme Martin starts in CM2: 55 min, normal, wifi true",
            "Mme Martin starts in CM2 from 6: 45 min, list, wifi false",
            "Mme Martin turns 7: closed 0",
            "Mme Martin turns 7: list 1",
            "Mme Martin turns 7: wifi false",
            "Mme Martin turns 7: until 1795517700000",
            "Mme Martin opens jeux.example for 7, demandé en classe",
            "Mme Martin answers 7: lesson 7, demandé en classe",
            "Mme Martin reports https://image.example/a, une image",
            "Mme Martin finishes 7",
        ]
    );
    open.portal.stop().unwrap();
}

#[test]
fn a_week_is_planned_by_forms() {
    let open = Open::new();
    let mut browser = Browser::new(open.address);
    browser.sign_in("personne=1");
    let page = browser.get("/enseignant/semaine");
    assert!(page.text.contains("lundi, de 09:00 à 09:55"), "{}", page.text);
    let fields = "jour=4&debut=13%3A30&minutes=45&salle=CM2&internet=ent&sites=&wifi=1";
    let planned = browser.fill(&page, "/enseignant/semaine", fields);
    assert_eq!(planned.location.as_deref(), Some("/enseignant/semaine"));
    assert_eq!(browser.fill(&page, "/enseignant/semaine/retirer", "plan=4").status, "303");
    for wrong in ["jour=x", "debut=25%3A00", "minutes="] {
        let answer = browser.fill(&page, "/enseignant/semaine", &format!("{wrong}&{fields}"));
        assert_eq!(answer.status, "422", "{wrong}");
    }
    assert_eq!(open.done(), ["Mme Martin plans CM2 4 810 45 ent true", "Mme Martin gives 4 up"]);
    open.portal.stop().unwrap();
}

#[test]
fn a_lesson_is_prepared_by_forms() {
    let open = Open::new();
    let mut browser = Browser::new(open.address);
    browser.sign_in("personne=1");
    let page = browser.get("/enseignant/preparation");
    assert!(page.text.contains("1 prêt sur 11") && page.text.contains("13 Mo sur 40"), "{}", page.text);
    let fields = "adresse=https%3A%2F%2Fent.example%2Ffilm&titre=Le+volcan&jour=2026-11-30&salle=";
    let asked = browser.fill(&page, "/enseignant/preparation", fields);
    assert_eq!(asked.location.as_deref(), Some("/enseignant/preparation"));
    assert_eq!(browser.fill(&page, "/enseignant/preparation", &format!("{fields}CM2")).status, "303");
    assert_eq!(browser.fill(&page, "/enseignant/preparation/retirer", "preparation=2").status, "303");
    for wrong in ["titre=", "jour=demain", "adresse=https%3A%2F%2Fother.example%2F"] {
        let answer = browser.fill(&page, "/enseignant/preparation", &format!("{wrong}&{fields}"));
        assert_eq!(answer.status, "422", "{wrong}");
    }
    assert_eq!(
        open.done(),
        [
            "Mme Martin prepares https://ent.example/film as Le volcan in all rooms for 2026-11-30",
            "Mme Martin prepares https://ent.example/film as Le volcan in CM2 for 2026-11-30",
            "Mme Martin gives preparation 2 up",
        ]
    );
    open.portal.stop().unwrap();
}

#[test]
fn the_commune_is_asked_by_a_form() {
    let open = Open::new();
    let mut browser = Browser::new(open.address);
    browser.sign_in("personne=1");
    let page = browser.get("/enseignant/commune?site=musee.example");
    assert!(page.text.contains("value=\"musee.example\""), "{}", page.text);
    for said in ["Part à l’instant", "La commune l’a reçue", "Refusé par", "Jeudi &#60;6 h&#62;"] {
        assert!(page.text.contains(said), "{said}: {}", page.text);
    }
    let fields = "site=musee.example&effet=permit&motif=sortie";
    let asked = browser.fill(&page, "/enseignant/commune", fields);
    assert_eq!(asked.location.as_deref(), Some("/enseignant/commune"));
    assert_eq!(browser.fill(&page, "/enseignant/commune", &format!("{fields}&urgent=1")).status, "303");
    for wrong in ["effet=perhaps", "motif="] {
        assert_eq!(
            browser.fill(&page, "/enseignant/commune", &format!("{wrong}&{fields}")).status,
            "422",
            "{wrong}"
        );
    }
    assert_eq!(
        open.done(),
        [
            "Mme Martin asks the commune: permit musee.example (sortie) false",
            "Mme Martin asks the commune: permit musee.example (sortie) true",
        ]
    );
    open.portal.stop().unwrap();
}

#[test]
fn the_head_keeps_reports_and_prints_the_register() {
    let open = Open::new();
    let mut browser = Browser::new(open.address);
    browser.sign_in("nom=M.+Bernard");
    let page = browser.get("/direction");
    assert!(page.text.contains("Signalé par les enseignants"), "{}", page.text);
    let form = format!("jeton={}&regle=4", page.token());
    assert_eq!(browser.post("/direction/signalements", &form).location.as_deref(), Some("/direction"));
    assert_eq!(open.done(), ["4 is kept"]);
    assert!(browser.get("/direction/wifi").text.contains("Registre du Wi-Fi"));
    let council = browser.get("/direction/wifi/conseil").text;
    for expected in ["information préalable du conseil d’école", "CM2"] {
        assert!(council.contains(expected), "{expected}: {council}");
    }
    assert!(browser.get("/direction/wifi/porte").text.contains("Pictogramme"));
    for path in ["/direction/wifi", "/direction/wifi/conseil", "/direction/wifi/porte"] {
        assert_eq!(browser.post(path, &form).status, "405", "{path}");
    }
    open.portal.stop().unwrap();
}

/// Whoever made a session up is told at once that it is over: no stream is there for it.
#[test]
fn a_made_up_cookie_holds_no_place() {
    let open = Open::new();
    let head = "GET /enseignant/direct HTTP/1.1\r\nHost: preau.lan\r\nX-Forwarded-For: 127.0.0.1";
    let told = exchange(open.address, &format!("{head}\r\nCookie: preau-session={:064x}", 7));
    assert!(told.contains("content-type: text/event-stream"), "{told}");
    assert!(told.ends_with("event: end\ndata:\n\n") && !told.contains("retry"), "{told}");
    open.portal.stop().unwrap();
}

/// The page runs one script, the box's own, and hears of what changed; nobody else does.
#[test]
fn the_teachers_page_hears_of_changes() {
    let open = Open::new();
    let mut browser = Browser::new(open.address);
    assert_eq!(browser.get("/enseignant/direct").status, "403");
    browser.sign_in("personne=1");
    let page = browser.get("/enseignant");
    assert!(page.text.contains("script-src &#39;self&#39;; connect-src &#39;self&#39;"), "{}", page.text);
    assert!(page.text.contains("data-live=\"/enseignant/direct\""));
    let script = exchange(open.address, "GET /direct.js HTTP/1.1\r\nHost: preau.lan");
    assert!(script.contains("content-type: text/javascript") && script.contains("EventSource"), "{script}");

    let mut stream = TcpStream::connect(open.address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let cookies = browser.shown_cookies();
    let head = "GET /enseignant/direct HTTP/1.1\r\nHost: preau.lan\r\nX-Forwarded-For: 127.0.0.1";
    stream.write_all(format!("{head}\r\nCookie: {cookies}\r\n\r\n").as_bytes()).unwrap();
    let mut heard = String::new();
    let mut hear = |expected: &str| {
        while !heard.contains(expected) {
            let mut buffer = [0; 1_024];
            let read = stream.read(&mut buffer).unwrap();
            assert_ne!(read, 0, "{expected}: {heard}");
            heard.push_str(std::str::from_utf8(&buffer[..read]).unwrap());
        }
    };
    hear("text/event-stream");
    hear("retry: 3000");
    // Something happens again and again: when the stream looked first is not known.
    let (stop, stopped) = mpsc::channel::<()>();
    let clerk = Arc::clone(&open.clerk);
    let happening = std::thread::spawn(move || {
        while stopped.recv_timeout(Duration::from_millis(200)) == Err(mpsc::RecvTimeoutError::Timeout) {
            clerk.done.lock().unwrap().push("something".to_owned());
        }
    });
    hear("event: change");
    drop(stop);
    happening.join().unwrap();
    open.clerk.sessions.lock().unwrap().clear();
    hear("event: end");
    open.portal.stop().unwrap();
}
