//! The pages with forms, as a browser and as a forger use them.

use super::clerk::SECRET;
use super::*;

/// A browser: it keeps the cookies that it is given.
pub(super) struct Browser {
    address: SocketAddr,
    /// Where it runs, as the gate says: secrets are typed in clear on the box itself only.
    pub(super) client: &'static str,
    cookies: Vec<(String, String)>,
}

/// What came back.
pub(super) struct Page {
    pub(super) status: String,
    pub(super) location: Option<String>,
    pub(super) text: String,
}

impl Page {
    /// The token of the page's forms.
    pub(super) fn token(&self) -> &str {
        let (_, rest) = self.text.split_once("name=\"jeton\" value=\"").expect("a form");
        rest.split('"').next().unwrap()
    }
}

impl Browser {
    pub(super) fn new(address: SocketAddr) -> Self {
        Self { address, client: "127.0.0.1", cookies: Vec::new() }
    }

    /// What it shows of them.
    pub(super) fn shown_cookies(&self) -> String {
        let cookies = self.cookies.iter().map(|(name, value)| format!("{name}={value}"));
        cookies.collect::<Vec<_>>().join("; ")
    }

    fn send(&mut self, method: &str, path: &str, fields: &[&str], form: &str) -> Page {
        let cookies = self.shown_cookies();
        let client = self.client;
        let mut head = format!("{method} {path} HTTP/1.1\r\nHost: preau.lan\r\nX-Forwarded-For: {client}");
        if !cookies.is_empty() {
            head += &format!("\r\nCookie: {cookies}");
        }
        for field in fields {
            head += &format!("\r\n{field}");
        }
        if method == "POST" {
            head += &format!("\r\nContent-Length: {}", form.len());
        }
        let answer = exchange_with(self.address, &head, form);
        let (head, text) = answer.split_once("\r\n\r\n").unwrap();
        let mut location = None;
        for line in head.lines() {
            let (name, value) = line.split_once(": ").unwrap_or_default();
            match name.to_ascii_lowercase().as_str() {
                "location" => location = Some(value.to_owned()),
                "set-cookie" => self.keep(value),
                _ => {}
            }
        }
        let status = head.split(' ').nth(1).unwrap().to_owned();
        Page { status, location, text: text.to_owned() }
    }

    fn keep(&mut self, field: &str) {
        assert!(field.contains("; HttpOnly; SameSite="), "{field}");
        let (name, rest) = field.split_once('=').unwrap();
        let value = rest.split(';').next().unwrap();
        self.cookies.retain(|(known, _)| known != name);
        if !field.contains("Max-Age=0") {
            self.cookies.push((name.to_owned(), value.to_owned()));
        }
    }

    pub(super) fn get(&mut self, path: &str) -> Page {
        self.send("GET", path, &[], "")
    }

    pub(super) fn post(&mut self, path: &str, form: &str) -> Page {
        self.send("POST", path, &["Origin: http://preau.lan"], form)
    }

    /// Fills in the form of a page.
    pub(super) fn fill(&mut self, page: &Page, path: &str, form: &str) -> Page {
        let form = format!("jeton={}&{form}", page.token());
        self.post(path, &form)
    }

    pub(super) fn sign_in(&mut self, who: &str) -> Page {
        let page = self.get(&format!("/connexion?{who}"));
        let home = self.fill(&page, "/connexion", &format!("{who}&secret={SECRET}"));
        assert_eq!(home.status, "303", "{}", home.text);
        let path = home.location.unwrap();
        self.get(&path)
    }
}

pub(super) struct Open {
    pub(super) portal: PortalHandle,
    pub(super) clerk: Arc<clerk::Clerk>,
    pub(super) address: SocketAddr,
}

impl Open {
    pub(super) fn new() -> Self {
        let clerk = Arc::new(clerk::Clerk::default());
        let (portal, address) = start_office(Sample { is_open: true }, Arc::clone(&clerk));
        Self { portal, clerk, address }
    }

    pub(super) fn done(&self) -> Vec<String> {
        std::mem::take(&mut self.clerk.done.lock().unwrap())
    }
}

#[test]
fn a_pupil_asks_on_the_page_of_refusals() {
    let open = Open::new();
    let mut browser = Browser { client: "10.77.0.11", ..Browser::new(open.address) };
    let page = browser.get("/pourquoi");
    assert!(page.text.contains("Demander ce site"), "{}", page.text);
    let asked = browser.fill(&page, "/pourquoi", "site=www.poker.example");
    assert_eq!((asked.status.as_str(), asked.location.as_deref()), ("303", Some("/pourquoi")));
    assert_eq!(open.done(), ["10.77.0.11 asks for www.poker.example"]);
    let wrong = browser.fill(&page, "/pourquoi", "site=%20");
    assert_eq!(wrong.status, "422");
    assert_eq!(open.done(), [""; 0]);
    open.portal.stop().unwrap();
}

#[test]
fn a_teacher_signs_in_answers_and_signs_out() {
    let open = Open::new();
    let mut browser = Browser::new(open.address);
    let tiles = browser.get("/connexion");
    assert!(tiles.text.contains("/connexion?personne=1"), "{}", tiles.text);
    let form = browser.get("/connexion?personne=1");
    let wrong = browser.fill(&form, "/connexion", "personne=1&secret=000001");
    assert_eq!(wrong.status, "403");
    assert!(wrong.text.contains("Le nom ou le secret") && wrong.text.contains("name=\"secret\""));

    let page = browser.sign_in("personne=1");
    assert!(page.text.contains("Sites demandés"), "{}", page.text);
    let head = browser.get("/direction");
    assert_eq!(head.status, "403", "she is a teacher");
    for (form, expected) in [
        ("demande=7&minutes=50", "Mme Martin answers 7: 50 minutes, demandé en classe"),
        ("demande=7&refus=1", "Mme Martin answers 7: no"),
    ] {
        let answered = browser.fill(&page, "/enseignant/demandes", form);
        assert_eq!(answered.location.as_deref(), Some("/enseignant"));
        assert_eq!(open.done(), [expected]);
    }
    let ended = browser.fill(&page, "/enseignant/fermer", "regle=3&suivre=1");
    assert_eq!(ended.location.as_deref(), Some("/enseignant?suivre"));
    assert_eq!(open.done(), ["Mme Martin ends 3"]);

    let before = browser.cookies.clone();
    let out = browser.fill(&page, "/deconnexion", "");
    assert_eq!(out.location.as_deref(), Some("/connexion"));
    // Whoever kept the cookie keeps nothing.
    browser.cookies = before;
    assert_eq!(browser.get("/enseignant").location.as_deref(), Some("/connexion"));
    let again = browser.fill(&page, "/enseignant/demandes", "demande=7&minutes=50");
    assert_eq!(again.location.as_deref(), Some("/connexion"));
    assert_eq!(open.done(), [""; 0]);
    open.portal.stop().unwrap();
}

#[test]
fn a_browser_forgets_its_session_also_where_the_box_cannot() {
    let open = Open::new();
    let mut browser = Browser::new(open.address);
    let page = browser.sign_in("personne=1");
    open.clerk.is_stuck.store(true, std::sync::atomic::Ordering::Relaxed);
    let out = browser.fill(&page, "/deconnexion", "");
    assert_eq!(out.status, "503", "{}", out.text);
    assert!(browser.cookies.iter().all(|(name, _)| name != "preau-session"), "{:?}", browser.cookies);
    assert_eq!(browser.get("/enseignant").location.as_deref(), Some("/connexion"));
    open.portal.stop().unwrap();
}

#[test]
fn the_head_decides_for_the_school_and_keeps_people() {
    let open = Open::new();
    let mut browser = Browser::new(open.address);
    let page = browser.sign_in("nom=M.+Bernard");
    assert!(page.text.contains("/direction/personnes"), "{}", page.text);
    for (path, form, location, expected) in [
        (
            "/direction/demandes",
            "demande=7&jusqu=2026-12-18&motif=concours",
            Some("/direction"),
            "M. Bernard answers 7: until 2026-12-18, concours",
        ),
        ("/direction/demandes", "demande=7&refus=1&jusqu=", Some("/direction"), "M. Bernard answers 7: no"),
        ("/direction/fermer", "regle=3", Some("/direction"), "M. Bernard ends 3"),
        ("/direction/personnes/fermer", "personne=1", Some("/direction/personnes"), "M. Bernard disables 1"),
        (
            "/direction/regles",
            "site=casino.example&effet=refuse&jusqu=&motif=choquant",
            Some("/direction"),
            "M. Bernard rules refuse casino.example for good, choquant",
        ),
        (
            "/direction/regles",
            "site=https%3A%2F%2Fa.fr%2F&effet=permit&jusqu=2026-12-18&motif=concours",
            Some("/direction"),
            "M. Bernard rules permit https://a.fr/ until 2026-12-18, concours",
        ),
        (
            "/direction/personnes/salles",
            "personne=1&salle=CM2&salle=CP",
            Some("/direction/personnes"),
            "M. Bernard gives 1 the rooms CM2 CP",
        ),
        ("/direction/personnes/carte", "personne=1", None, "M. Bernard resets 1"),
        (
            "/direction/personnes",
            "nom=Mme+Durand&role=teacher&salle=CM2",
            None,
            "M. Bernard adds Mme Durand, teacher",
        ),
        ("/direction/personnes", "nom=Mme+Lefort&role=officer", None, "M. Bernard adds Mme Lefort, officer"),
    ] {
        let answered = browser.fill(&page, path, form);
        assert_eq!(answered.location.as_deref(), location, "{path} {form}");
        assert_eq!(open.done(), [expected]);
        assert_eq!(answered.text.contains("4028 1793"), location.is_none(), "a card is shown once");
    }
    for (path, form) in [
        ("/direction/demandes", "demande=7&jusqu=soon&motif=a"),
        ("/direction/demandes", "demande=7&jusqu=2026-12-18&motif="),
        ("/direction/demandes", "demande=x&refus=1"),
        ("/direction/regles", "site=a.fr&jusqu=&motif=a"),
        ("/direction/regles", "site=a.fr&effet=permit&jusqu=soon&motif=a"),
        ("/direction/regles", "site=a.fr&effet=permit&jusqu=&motif="),
        ("/direction/personnes/salles", "personne=x&salle=CM2"),
        ("/direction/personnes", "nom=&role=teacher"),
        ("/direction/personnes", "nom=a&role=pupil"),
    ] {
        assert_eq!(browser.fill(&page, path, form).status, "422", "{path} {form}");
    }
    assert_eq!(open.done(), [""; 0]);
    open.portal.stop().unwrap();
}

#[test]
fn no_secret_crosses_the_network_in_clear() {
    let open = Open::new();
    let mut browser = Browser { client: "10.77.0.11", ..Browser::new(open.address) };
    let token = browser.get("/pourquoi").token().to_owned();
    for path in ["/connexion", "/connexion?personne=1", "/connexion?nom="] {
        let page = browser.get(path);
        // This portal has no certificate.
        assert_eq!(page.status, "503", "{path}");
        assert!(!page.text.contains("<form"), "{path}: {}", page.text);
        assert!(page.text.contains("n’a pas de certificat"), "{path}: {}", page.text);
    }
    // Nor with a form from elsewhere, nor a session that began on the box.
    let form = format!("jeton={token}&personne=1&secret={SECRET}");
    assert_eq!(browser.post("/connexion", &form).status, "503");
    assert!(browser.cookies.iter().all(|(name, _)| name != "preau-session"), "{:?}", browser.cookies);
    let mut teacher = Browser::new(open.address);
    teacher.sign_in("personne=1");
    teacher.client = "10.77.0.11";
    assert_eq!(teacher.get("/enseignant").location.as_deref(), Some("/connexion"));
    open.portal.stop().unwrap();
}

#[test]
fn a_session_begins_under_a_new_token() {
    let open = Open::new();
    let mut browser = Browser::new(open.address);
    // Somebody planted a cookie on this PC.
    browser.cookies.push(("preau-session".to_owned(), "ab".repeat(32)));
    browser.sign_in("personne=1");
    let (_, token) = browser.cookies.iter().find(|(name, _)| name == "preau-session").unwrap();
    assert_ne!(*token, "ab".repeat(32));
    open.portal.stop().unwrap();
}

#[test]
fn forged_forms_do_nothing() {
    let open = Open::new();
    let mut browser = Browser::new(open.address);
    let page = browser.sign_in("personne=1");
    let form = format!("jeton={}&demande=7&minutes=50", page.token());
    let path = "/enseignant/demandes";
    let own = "Origin: http://preau.lan";
    for (what, fields, form) in [
        ("no token", &[own][..], "demande=7&minutes=50"),
        ("another token", &[own], "jeton=00&demande=7&minutes=50"),
        ("no origin", &[], &form),
        ("another site", &["Origin: http://casino.example"], &form),
        ("a hidden origin", &["Origin: null"], &form),
        ("two origins", &[own, "Origin: http://casino.example"], &form),
    ] {
        let answer = browser.send("POST", path, fields, form);
        assert_eq!(answer.status, "403", "{what}");
        assert!(answer.text.contains("plus valable"), "{what}: {}", answer.text);
    }
    // Without a session, and with a pupil's token.
    let mut pupil = Browser { client: "10.77.0.11", ..Browser::new(open.address) };
    let why = pupil.get("/pourquoi");
    assert_eq!(pupil.fill(&why, path, "demande=7&minutes=50").location.as_deref(), Some("/connexion"));
    // A form that is too long, one with another method, a page that takes none.
    let long = format!("{form}&a={}", "a".repeat(FORM_BYTES_MAX));
    assert_eq!(browser.post(path, &long).status, "403");
    assert_eq!(browser.send("PUT", path, &[own], "").status, "405");
    assert_eq!(browser.post("/enseignant", &form).status, "405");
    assert_eq!(browser.get(path).status, "404");
    assert_eq!(open.done(), [""; 0]);
    open.portal.stop().unwrap();
}

#[test]
fn pages_are_in_no_frame_and_in_no_cache() {
    let open = Open::new();
    for path in ["/connexion", "/pourquoi", "/enseignant"] {
        let answer = exchange(open.address, &format!("GET {path} HTTP/1.1\r\nHost: preau.lan"));
        for field in [
            "x-frame-options: DENY",
            "frame-ancestors 'none'",
            "cache-control: no-store",
            "referrer-policy: same-origin",
            "form-action 'self'",
            "x-content-type-options: nosniff",
        ] {
            assert!(answer.contains(field), "{path}: {field}\n{answer}");
        }
    }
    open.portal.stop().unwrap();
}

#[test]
fn a_technician_looks_after_the_box_and_takes_a_file_away() {
    let Open { portal, address, .. } = Open::new();
    let mut browser = Browser::new(address);
    assert_eq!(browser.get("/technique").location.as_deref(), Some("/connexion"));
    let page = browser.sign_in("nom=M.+Bernard");
    let shown = browser.get("/technique");
    assert!(shown.status == "200" && shown.text.contains("borne-cm2"), "{}", shown.text);
    let file = browser.fill(&page, "/technique/assistance", "");
    assert_eq!((file.status.as_str(), file.text.as_str()), ("200", "What is said of the box.\n"));
    assert_eq!(browser.get("/technique/assistance").status, "404");
    let mut teacher = Browser::new(address);
    let page = teacher.sign_in("personne=1");
    assert_eq!(teacher.get("/technique").status, "403");
    assert_eq!(teacher.fill(&page, "/technique/assistance", "").status, "403");
    portal.stop().unwrap();
}
