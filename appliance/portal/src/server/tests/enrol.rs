//! The page of a fresh box, as a technician's browser and as others use it.

use std::sync::Mutex;

use super::people::Browser;
use super::*;
use crate::{Enrolment, EnrolmentStep, LineFault, LineSeat, Setback, TypedLine, WayOut};

/// A fresh box, until it was asked to be something else.
#[derive(Default)]
struct Fresh {
    asked: Mutex<Vec<String>>,
    is_taken: bool,
}

impl StatusSource for Fresh {
    fn status(&self) -> Status {
        samples::status()
    }

    fn identify(&self, _: IpAddr) -> Subject {
        samples::unknown()
    }

    fn recall_refusals(&self, _: IpAddr) -> Vec<Refused> {
        vec![]
    }

    fn diagnosis(&self) -> crate::Diagnosis {
        samples::diagnosis()
    }

    fn support(&self) -> Option<String> {
        None
    }

    fn enrolment(&self) -> Option<Enrolment> {
        let step = match self.asked.lock().unwrap().is_empty() {
            true => EnrolmentStep::Waiting,
            false => EnrolmentStep::Asking,
        };
        (!self.is_taken).then_some(Enrolment { way: WayOut::Open, step })
    }

    fn enrol(&self, code: &str, hub: &str, (name, secret): (&str, &str)) -> Result<(), Setback> {
        if code.is_empty() {
            return Err(Setback::Code);
        }
        if secret == "court" {
            return Err(Setback::HeadSecret);
        }
        self.asked.lock().unwrap().push(format!("{code} at {hub} for {name}, {secret}"));
        Ok(())
    }

    fn fresh_line(&self) -> Option<LineSeat> {
        (!self.is_taken).then(samples::line_seat)
    }

    fn change_fresh_line(&self, typed: &TypedLine<'_>) -> Result<(), LineFault> {
        let told = match typed {
            TypedLine::Dhcp => "DHCP".to_owned(),
            TypedLine::Fixed { gateway: "", .. } => return Err(LineFault::Gateway),
            TypedLine::Fixed { address, gateway, resolvers } => format!("{address} {gateway} {resolvers}"),
        };
        self.asked.lock().unwrap().push(told);
        Ok(())
    }
}

fn open(fresh: Fresh) -> (PortalHandle, SocketAddr, Arc<Fresh>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let own_hosts = vec![samples::host("preau.lan")];
    let settings = Settings { place: samples::place(), own_hosts, notices: Notices::default() };
    let fresh = Arc::new(fresh);
    let status = Arc::clone(&fresh) as Arc<dyn StatusSource>;
    let sources = Sources { status, office: Arc::<clerk::Clerk>::default() };
    (spawn(settings, listener, sources, None).unwrap(), address, fresh)
}

#[test]
fn a_fresh_box_is_enrolled_on_its_page_by_its_own_form_alone() {
    let (portal, address, fresh) = open(Fresh::default());
    let mut browser = Browser::new(address);
    // From a PC of the school, in clear: nobody has its certificate yet.
    browser.client = "10.77.0.99";
    let home = browser.get("/");
    assert!(home.text.contains("href=\"/inscription\""), "{}", home.text);
    let page = browser.get("/Inscription/");
    assert_eq!(page.status, "200");
    let form = "code=K7QM-4XRT-9WPE&serveur=hub.commune.example";
    assert_eq!(browser.post("/inscription", form).status, "403", "forged");
    assert!(fresh.asked.lock().unwrap().is_empty());
    let wrong = browser.fill(&page, "/inscription", "code=&serveur=hub.commune.example");
    assert_eq!(wrong.status, "400");
    assert!(wrong.text.contains("mal tapé") && wrong.text.contains("value=\"hub.commune.example\""));
    let form = format!("{form}&direction=Mme+Durand");
    let short = browser.fill(&page, "/inscription", &format!("{form}&secret=court"));
    assert_eq!(short.status, "400");
    assert!(short.text.contains("Ce mot de passe ne convient pas"), "{}", short.text);
    assert!(short.text.contains("value=\"Mme Durand\""), "{}", short.text);
    assert!(!short.text.contains("court\""), "the password is on no page: {}", short.text);
    let begun = browser.fill(&page, "/inscription", &format!("{form}&secret=trois+chats+gris"));
    assert_eq!((begun.status.as_str(), begun.location.as_deref()), ("303", Some("/inscription")));
    let asked = "K7QM-4XRT-9WPE at hub.commune.example for Mme Durand, trois chats gris";
    assert_eq!(*fresh.asked.lock().unwrap(), [asked]);
    let underway = browser.get("/inscription");
    assert!(underway.text.contains("demande à la commune") && !underway.text.contains("name=\"code\""));
    portal.stop().unwrap();
}

#[test]
fn a_box_that_is_somebodys_has_no_such_page() {
    let (portal, address, fresh) = open(Fresh { is_taken: true, ..Fresh::default() });
    let mut browser = Browser::new(address);
    assert!(!browser.get("/").text.contains("/inscription"));
    assert_eq!(browser.get("/inscription").location.as_deref(), Some("/"));
    let form = "code=K7QM-4XRT-9WPE&serveur=hub.commune.example";
    assert_eq!(browser.post("/inscription", form).location.as_deref(), Some("/"));
    assert!(fresh.asked.lock().unwrap().is_empty());
    portal.stop().unwrap();
}

#[test]
fn the_line_of_a_fresh_box_is_changed_by_its_own_form_alone() {
    let (portal, address, fresh) = open(Fresh::default());
    let mut browser = Browser::new(address);
    browser.client = "10.77.0.99";
    assert!(browser.get("/inscription").text.contains("href=\"/inscription/ligne\""));
    let path = "/inscription/ligne";
    let page = browser.get(path);
    assert!(page.status == "200" && page.text.contains("value=\"192.0.2.10/24\""), "{}", page.text);
    let form = "ligne=fixe&adresse=198.51.100.7%2F29&passerelle=198.51.100.1&dns=192.0.2.53";
    assert_eq!(browser.post(path, form).status, "403", "forged");
    let wrong = browser.fill(&page, path, "ligne=fixe&adresse=198.51.100.7%2F29&passerelle=&dns=192.0.2.53");
    assert!(wrong.status == "400" && wrong.text.contains("value=\"198.51.100.7/29\""), "{}", wrong.text);
    assert!(wrong.text.contains("La passerelle ne convient pas"), "{}", wrong.text);
    assert!(fresh.asked.lock().unwrap().is_empty());
    assert_eq!(browser.fill(&page, path, form).location.as_deref(), Some(path));
    browser.fill(&page, path, "ligne=dhcp&adresse=198.51.100.7%2F29");
    assert_eq!(*fresh.asked.lock().unwrap(), ["198.51.100.7/29 198.51.100.1 192.0.2.53", "DHCP"]);
    portal.stop().unwrap();
    let (portal, address, fresh) = open(Fresh { is_taken: true, ..Fresh::default() });
    let mut browser = Browser::new(address);
    assert_eq!(browser.get(path).location.as_deref(), Some("/"));
    assert_eq!(browser.post(path, form).location.as_deref(), Some("/"));
    assert!(fresh.asked.lock().unwrap().is_empty());
    portal.stop().unwrap();
}
