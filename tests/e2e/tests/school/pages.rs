//! The pages as people have them: in Chromium, on the screens of a telephone, a PC and a projector, by day and by night, with
//! the keyboard alone, and without a script. Pictures of all of them are kept in `target/screenshots`, to be looked at.

mod album;
mod applications;
mod chrome;
mod directing;
mod hub;
mod hub_account;
mod sheets;
mod tablets;

use std::path::PathBuf;

use anyhow::{Context as _, Result, ensure};
use harness::{
    Appliance, Lab, Machine, RESOLVER_IPV4, WIFI_WITHOUT_RADIO, preau_binary, usual_configuration, wait_until,
};
use people::CodeKey;
use serde_json::json;
use system::clock::now;

use super::hub_urgent::FarHub;
use super::people::{AUTHORITY, HOME, add};
use album::Album;
use chrome::{Chrome, ENTER, Scripts};

const ENT: &str = "encyclopedie.example";
const TEACHER_PIN: &str = "402817";
const HEAD_SECRET: &str = "trois chats gris";
/// The page of the gallery on which a box takes over another one's place.
const REPLACEMENT: &str = "enrol-inheriting";
/// Shows what stands behind "more".
const UNFOLD: &str = "document.querySelectorAll('details').forEach(it => { it.open = true; })";

/// A school: a box, its certificate, and a teacher of the room in which both PCs stand.
struct School<'lab> {
    lab: &'lab Lab,
    appliance: Appliance<'lab>,
    card: String,
}

impl<'lab> School<'lab> {
    fn open(lab: &'lab Lab) -> Result<Self> {
        Self::open_with(lab, "")
    }

    /// The same with more in its configuration.
    fn open_with(lab: &'lab Lab, more: &str) -> Result<Self> {
        let ca = lab.authority().display().to_string();
        let ent =
            format!("[[ent]]\nhosts = [\"{ENT}\"]\nserved_to = [\"elementaire\"]\nca_file = \"{ca}\"\n");
        let mut appliance = lab.appliance_with(&format!("{}\n{ent}{more}", usual_configuration()))?;
        appliance.add_usual_devices()?;
        appliance.build_lists(&lab.lists())?;
        appliance.start()?;
        appliance.wait_until_ready(&lab.pc1)?;
        let file = lab.directory().join(AUTHORITY).display().to_string();
        appliance.run(&["ca", "export", "--out", &file])?.success()?;
        let card = add(&appliance, "Mme Martin", "teacher", &["CM2"])?;
        Ok(Self { lab, appliance, card })
    }

    fn chrome(&self, machine: &'lab Machine, scripts: Scripts) -> Result<Chrome<'lab>> {
        Chrome::start(machine, &self.authority(), scripts)
    }

    fn authority(&self) -> PathBuf {
        self.lab.directory().join(AUTHORITY)
    }
}

fn page(path: &str) -> String {
    format!("{HOME}{path}")
}

/// What a machine gets that asks for a page.
fn visit(machine: &Machine, url: &str) -> Result<String> {
    let quiet =
        ["curl", "--silent", "--output", "/dev/null", "--max-time", "5", "--write-out", "%{http_code}"];
    Ok(machine.run(&[&quiet[..], &[url]].concat())?.stdout)
}

/// A first secret becomes one of her own.
fn choose_secret(chrome: &Chrome<'_>, card: &str, own: &str) -> Result<()> {
    chrome.await_path("/secret")?;
    chrome.fill("#old", card)?;
    chrome.fill("#new", own)?;
    chrome.fill("#again", own)?;
    chrome.touch("form[action='/secret'] button")
}

fn sign_in_by_tile(chrome: &Chrome<'_>, pin: &str) -> Result<()> {
    chrome.go(&page("/connexion"))?;
    chrome.touch("a[href='/connexion?personne=1']")?;
    chrome.fill("#secret", pin)?;
    chrome.touch("form[action='/connexion'] button")
}

fn sign_in_by_name(chrome: &Chrome<'_>, name: &str, secret: &str) -> Result<()> {
    chrome.go(&page("/connexion"))?;
    chrome.touch("a.button.plain")?;
    chrome.fill("#name", name)?;
    chrome.fill("#secret", secret)?;
    chrome.touch("form[action='/connexion'] button")
}

#[test]
fn pupils_see_why_and_ask() -> Result<()> {
    let (lab, album) = (Lab::new()?, Album::new("pupil")?);
    let school = School::open(&lab)?;
    let chrome = school.chrome(&lab.pc1, Scripts::Run)?;
    chrome.go("http://casino.example/")?;
    chrome.await_text("casino.example")?;
    album.look(&chrome, "refusal")?;
    chrome.go("http://preau.lan/pourquoi")?;
    chrome.run(UNFOLD, &serde_json::json!([]))?;
    album.look(&chrome, "why")?;
    chrome.touch("button[name='site']")?;
    chrome.await_text("l’enseignante ou l’enseignant le voit")?;
    album.look(&chrome, "why-asked")?;

    let lesson = ["lesson", "start", "CM2", "--teacher", "Mme Martin", "--internet", "closed"];
    school.appliance.run(&lesson)?.success()?;
    wait_until("the closed lesson", || Ok(visit(&lab.pc1, "http://mediatheque.example/")? == "403"))?;
    chrome.go("http://mediatheque.example/")?;
    chrome.await_text("mediatheque.example")?;
    album.look(&chrome, "refusal-lesson")?;
    for (path, name) in [
        ("/", "home"),
        ("/certificat", "certificate"),
        ("/charte", "charter"),
        ("/mentions", "legal"),
        ("/connexion", "sign-in-by-http"),
        ("/nulle-part", "not-found"),
    ] {
        chrome.go(&format!("http://preau.lan{path}"))?;
        chrome.run(UNFOLD, &serde_json::json!([]))?;
        album.look(&chrome, name)?;
    }
    album.close()
}

#[test]
fn a_technician_has_a_fresh_box_before_her() -> Result<()> {
    let (lab, album) = (Lab::new()?, Album::new("fresh")?);
    let far_hub = FarHub::start(&lab)?;
    let mut appliance = lab.appliance_with(&usual_configuration())?;
    appliance.start()?;
    appliance.wait_until_ready(&lab.pc1)?;
    let authority = lab.directory().join(AUTHORITY);
    appliance.run(&["ca", "export", "--out", &authority.display().to_string()])?.success()?;
    let form = "http://preau.lan/inscription";
    wait_until("the form", || Ok(visit(&lab.pc1, form)? == "200"))?;
    let chrome = Chrome::start(&lab.pc1, &authority, Scripts::Run)?;
    chrome.go("http://preau.lan/")?;
    album.look(&chrome, "home-fresh")?;
    album.keep(&chrome, "home-fresh")?;
    chrome.go(form)?;
    album.look(&chrome, "enrol")?;
    album.keep(&chrome, "enrol")?;
    chrome.fill("#code", "K7QM-4XRT")?;
    chrome.fill("#hub", "hub.commune.example")?;
    chrome.touch("form[action='/inscription'] button")?;
    chrome.await_text("mal tapé")?;
    album.look(&chrome, "enrol-mistyped")?;
    album.keep(&chrome, "enrol-mistyped")?;
    look_at_the_line(&chrome, &album)?;

    let code = far_hub.command(&["code", "0750655E"])?.success()?;
    // The form takes one code at a time, some seconds after the last.
    wait_until("the code to be taken", || {
        chrome.go(form)?;
        chrome.fill("#code", code.trim())?;
        chrome.fill("#hub", &format!("{RESOLVER_IPV4}:8443"))?;
        chrome.fill("#head", "Mme Durand")?;
        chrome.fill("#secret", HEAD_SECRET)?;
        chrome.touch("form[action='/inscription'] button")?;
        Ok(!chrome.text()?.contains("Un essai est en cours"))
    })?;
    wait_until("the box at the hub", || Ok(appliance.run(&["sync", "status"])?.is_success()))?;
    wait_until("the green page", || {
        chrome.go(form)?;
        Ok(chrome.text()?.contains("Ce boîtier est inscrit"))
    })?;
    album.look(&chrome, "enrolled")?;
    album.keep(&chrome, "enrolled")?;
    album.close()
}

/// The page on which a line without DHCP is typed, and what it says of a mistake.
fn look_at_the_line(chrome: &Chrome<'_>, album: &Album) -> Result<()> {
    chrome.go("http://preau.lan/inscription/ligne")?;
    album.look(chrome, "line-fresh")?;
    album.keep(chrome, "line-fresh")?;
    chrome.touch("input[value='fixe']")?;
    chrome.fill("#address", "192.0.2.10/24")?;
    chrome.fill("#gateway", "192.0.3.1")?;
    chrome.fill("#dns", "192.0.2.53")?;
    chrome.touch("form[action='/inscription/ligne'] button")?;
    chrome.await_text("La passerelle ne convient pas")?;
    album.look(chrome, "line-mistyped")?;
    album.keep(chrome, "line-mistyped")
}

#[test]
fn teachers_lead_a_lesson() -> Result<()> {
    let (lab, album) = (Lab::new()?, Album::new("teacher")?);
    let school = School::open(&lab)?;
    let chrome = school.chrome(&lab.pc2, Scripts::Run)?;
    chrome.go(&page("/connexion"))?;
    album.look(&chrome, "tiles")?;
    sign_in_by_tile(&chrome, "000000")?;
    chrome.await_text("Mme Martin")?;
    album.look(&chrome, "wrong-pin")?;
    sign_in_by_tile(&chrome, &school.card)?;
    chrome.await_path("/secret")?;
    album.look(&chrome, "secret")?;
    choose_secret(&chrome, &school.card, TEACHER_PIN)?;
    chrome.await_path("/enseignant")?;
    chrome.run(UNFOLD, &serde_json::json!([]))?;
    album.look(&chrome, "room-free")?;

    chrome.touch("form[action='/enseignant/cours'] button.big")?;
    chrome.await_text("Fermer Internet")?;
    // The lesson is in force with the keeper's next look; from then on the page hears of what is refused by itself.
    wait_until("a refusal on the teacher's page", || {
        ensure!(visit(&lab.pc1, "http://casino.example/")? == "403", "it is on the lists");
        Ok(chrome.text()?.contains("casino.example"))
    })?;
    chrome.touch("#internet-close")?;
    chrome.await_text("Rouvrir Internet")?;
    wait_until("a closed Internet", || Ok(visit(&lab.pc1, "http://mediatheque.example/")? == "403"))?;
    chrome.run(UNFOLD, &serde_json::json!([]))?;
    album.look(&chrome, "room-closed")?;

    chrome.go(&page("/enseignant/semaine"))?;
    chrome.fill("#from", "0930AM")?;
    chrome.touch(
        "form[action='/enseignant/semaine'] .fields button, form[action='/enseignant/semaine'] button",
    )?;
    chrome.await_text("lundi")?;
    album.look(&chrome, "week")?;

    chrome.go(&page("/enseignant"))?;
    chrome.touch("#signaler summary")?;
    chrome.fill("#site", "https://notcasino.example/jeu")?;
    chrome.fill("#motif", "un jeu d’argent")?;
    chrome.touch("form[action='/enseignant/signaler'] button")?;
    chrome.await_text("notcasino.example")?;
    album.look(&chrome, "reported")?;
    chrome.touch("form[action='/enseignant/cours/fin'] button")?;
    wait_until("an open Internet", || Ok(visit(&lab.pc1, "http://mediatheque.example/")? == "200"))?;
    // While a lesson closes the Internet, nothing is fetched for its devices.
    prepare(&lab, &chrome, &album)?;
    chrome.touch("form[action='/deconnexion'] button")?;
    chrome.await_path("/connexion")?;
    album.close()
}

/// Prepares a film and what is not there, and sees what became of it.
fn prepare(lab: &Lab, chrome: &Chrome<'_>, album: &Album) -> Result<()> {
    const PLACE: &str = "/enseignant/preparation";
    let day = lab.pc1.shell("TZ=Europe/Paris date +%F")?.success()?.trim().to_owned();
    chrome.go(&page(PLACE))?;
    album.look(chrome, "prepare-nothing")?;
    for (path, title) in [("/film.bin", "Le volcan en film"), ("/nulle-part", "Une page qui n’est plus là")]
    {
        chrome.fill("#adresse", &format!("https://{ENT}{path}"))?;
        chrome.fill("#titre", title)?;
        // Today: nothing waits for the night.
        chrome.run("const day = document.querySelector('#jour'); day.value = arguments[0]", &json!([day]))?;
        chrome.touch("form.fields button")?;
        chrome.await_text(title)?;
    }
    let look = |words: &str| {
        wait_until(words, || {
            chrome.go(&page(PLACE))?;
            Ok(chrome.text()?.contains(words))
        })
    };
    look("1 prêt sur 2")?;
    look("ne trouve rien à cette adresse")?;
    album.look(chrome, "prepare-here")
}

#[test]
fn heads_and_technicians_look_after_the_school() -> Result<()> {
    let (lab, album) = (Lab::new()?, Album::new("head")?);
    let school = School::open_with(&lab, WIFI_WITHOUT_RADIO)?;
    let head_card = add(&school.appliance, "M. Bernard", "head", &[])?;
    let technician_card = add(&school.appliance, "Mme Petit", "technician", &[])?;
    let pupil = school.chrome(&lab.pc1, Scripts::Run)?;
    pupil.go("http://casino.example/")?;
    pupil.go("http://preau.lan/pourquoi")?;
    pupil.touch("button[name='site']")?;

    let chrome = school.chrome(&lab.pc2, Scripts::Run)?;
    sign_in_by_name(&chrome, "M. Bernard", &head_card)?;
    choose_secret(&chrome, &head_card, HEAD_SECRET)?;
    chrome.await_path("/direction")?;
    chrome.await_text("casino.example")?;
    album.look(&chrome, "requests")?;
    chrome.fill("input[name='motif']", "concours")?;
    chrome.touch("form[action='/direction/demandes'] button")?;
    chrome.await_text("concours")?;
    album.look(&chrome, "rules")?;

    chrome.go(&page("/direction/personnes"))?;
    album.look(&chrome, "people")?;
    chrome.run(UNFOLD, &json!([]))?;
    album.look(&chrome, "people-rooms")?;
    chrome.fill("#name", "M. Dubois")?;
    chrome.touch("form[action='/direction/personnes'] button")?;
    chrome.await_text("M. Dubois")?;
    album.look(&chrome, "card")?;
    chrome.go(&page("/direction/wifi"))?;
    album.look(&chrome, "wifi-register")?;

    chrome.go(&page("/direction/journal"))?;
    album.look(&chrome, "journal")?;
    chrome.fill("#detail", "panne de la salle CM2")?;
    chrome.touch("form[action='/direction/journal/ouvrir'] .actions button")?;
    chrome.await_text("panne de la salle CM2")?;
    album.look(&chrome, "reading")?;
    chrome.go(&page("/secret"))?;
    album.look(&chrome, "secret")?;
    chrome.touch("form[action='/deconnexion'] button")?;

    chrome.await_path("/connexion")?;
    sign_in_by_name(&chrome, "Mme Petit", &technician_card)?;
    choose_secret(&chrome, &technician_card, HEAD_SECRET)?;
    let paper = make_telephone_known(&chrome, &album)?;
    chrome.go(&page("/technique"))?;
    chrome.await_text("Fichier d’assistance")?;
    album.look(&chrome, "technician")?;
    chrome.go(&page("/technique/wifi"))?;
    chrome.await_text("tilleul")?;
    album.look(&chrome, "wifi-keys")?;
    chrome.go(&page("/technique/hub"))?;
    chrome.await_text("Inscrire avec un code")?;
    album.look(&chrome, "technician-hub")?;
    album.keep(&chrome, "technician")?;
    chrome.touch("form[action='/deconnexion'] button")?;
    chrome.await_path("/connexion")?;
    sign_in_by_name(&chrome, "Mme Petit", HEAD_SECRET)?;
    chrome.await_text("le mot de passe ou le code")?;
    album.look(&chrome, "sign-in-code")?;
    chrome.fill("#secret", HEAD_SECRET)?;
    chrome.fill("#code", &paper)?;
    chrome.touch("form[action='/connexion'] button")?;
    chrome.await_path("/direction")?;
    album.close()
}

/// A telephone is made known before anything else; a code on paper.
fn make_telephone_known(chrome: &Chrome<'_>, album: &Album) -> Result<String> {
    chrome.await_path("/telephone")?;
    album.look(chrome, "telephone")?;
    let key = chrome.run("return document.querySelector('input[name=cle]').value", &json!([]))?;
    let key = key.as_str().and_then(CodeKey::parse).context("a key")?;
    chrome.fill("#code", &key.show(now()).context("a code")?)?;
    chrome.fill("#secret", HEAD_SECRET)?;
    chrome.touch("form[action='/telephone'] button")?;
    chrome.await_text("Vos codes de secours")?;
    album.look(chrome, "telephone-papers")?;
    let paper = chrome.run("return document.querySelector('.papers .code').textContent", &json!([]))?;
    paper.as_str().map(str::to_owned).context("a code on paper")
}

/// Every page in every state that the gallery has: of access points that do not answer, of a line that is down.
#[test]
fn each_page_of_the_gallery_is_for_everybody() -> Result<()> {
    let (lab, album) = (Lab::new()?, Album::new("gallery")?);
    let school = School::open(&lab)?;
    let folder = lab.pc1.directory().join("gallery");
    let gallery = preau_binary()?.with_file_name("examples").join("gallery");
    let (gallery, shown) = (gallery.display().to_string(), folder.display().to_string());
    lab.pc1.run(&[&gallery, &shown])?.success()?;
    let chrome = school.chrome(&lab.pc1, Scripts::Run)?;
    let mut files = std::fs::read_dir(&folder)?.collect::<Result<Vec<_>, _>>()?;
    files.sort_by_key(std::fs::DirEntry::file_name);
    for file in files {
        let name = file.file_name().to_string_lossy().into_owned();
        if let Some(name) = name.strip_suffix(".fr.html") {
            chrome.go(&format!("file://{}", file.path().display()))?;
            if name == REPLACEMENT {
                album.keep(&chrome, "replacement")?;
            }
            chrome.run(UNFOLD, &serde_json::json!([]))?;
            album.glance(&chrome, name)?;
        }
    }
    album.close()
}

/// No mouse: a lesson from its beginning to its end.
#[test]
fn a_keyboard_leads_a_lesson() -> Result<()> {
    let lab = Lab::new()?;
    let school = School::open(&lab)?;
    let chrome = school.chrome(&lab.pc2, Scripts::Run)?;
    chrome.go(&page("/connexion"))?;
    let press = |selector: &str| -> Result<()> {
        chrome.tab_to(selector)?;
        chrome.press(ENTER)
    };
    press("a[href='/connexion?personne=1']")?;
    chrome.fill("#secret", &school.card)?;
    chrome.press(ENTER)?;
    chrome.await_path("/secret")?;
    // The first field has the focus already.
    chrome.fill("#old", &school.card)?;
    for field in ["#new", "#again"] {
        chrome.tab_to(field)?;
        chrome.fill(field, TEACHER_PIN)?;
    }
    chrome.press(ENTER)?;
    chrome.await_path("/enseignant")?;
    press("form[action='/enseignant/cours'] button.big")?;
    chrome.await_text("Fermer Internet")?;
    press("#internet-close")?;
    chrome.await_text("Rouvrir Internet")?;
    wait_until("a closed Internet", || Ok(visit(&lab.pc1, "http://mediatheque.example/")? == "403"))?;
    let is_led = || -> Result<bool> {
        let script = "return document.querySelector(\"form[action='/enseignant/cours/fin']\") !== null";
        Ok(chrome.run(script, &json!([]))? == json!(true))
    };
    wait_until("an open Internet", || {
        // What changes on the page may take the focus away from the button at the very moment: it is pressed until the lesson is over.
        if is_led()?
            && let Err(error) = press("form[action='/enseignant/cours/fin'] button")
        {
            ensure!(!is_led()?, "{error:#}");
        }
        Ok(visit(&lab.pc1, "http://mediatheque.example/")? == "200")
    })
}

/// A browser that runs no script: nothing but the freshness is missing.
#[test]
fn a_lesson_needs_no_script() -> Result<()> {
    let lab = Lab::new()?;
    let school = School::open(&lab)?;
    let chrome = school.chrome(&lab.pc2, Scripts::Blocked)?;
    sign_in_by_tile(&chrome, &school.card)?;
    choose_secret(&chrome, &school.card, TEACHER_PIN)?;
    chrome.await_path("/enseignant")?;
    ensure!(
        chrome.text()?.contains("Actualiser toutes"),
        "the page offers to load itself anew: {}",
        chrome.text()?
    );
    chrome.touch("form[action='/enseignant/cours'] button.big")?;
    chrome.touch("#internet-close")?;
    chrome.await_text("Rouvrir Internet")?;
    wait_until("a closed Internet", || Ok(visit(&lab.pc1, "http://mediatheque.example/")? == "403"))?;
    chrome.touch("form[action='/enseignant/cours/fin'] button")?;
    wait_until("an open Internet", || Ok(visit(&lab.pc1, "http://mediatheque.example/")? == "200"))
}
