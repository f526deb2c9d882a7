//! The hub's pages, as the commune's people have them: a card becomes a secret and a telephone, schools are seen, a code is made, a
//! rule is looked at and made.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use harness::{Lab, Machine, Service, preau_binary, wait_until};
use hub::register::history::{History as _, Report};
use hub::register::sqlite::SqliteRegister;
use hub::register::wishes::Wishes as _;
use hub::register::{Fingerprint, NewBox, NewCode, Register as _};
use model::Timestamp;
use people::CodeKey;
use replication::{CategorySight, EnrolmentCode, Health, School, SchoolRequest};
use serde_json::json;
use system::clock::now;

use super::UNFOLD;
use super::album::Album;
use super::chrome::{Chrome, Scripts};

pub(super) const HOME: &str = "https://127.0.0.1:8443";
const SECRET: &str = "trois chats gris";
const DAY_MS: i64 = 86_400_000;

/// A commune with schools of all colours, and a history.
fn fill(folder: &Path) -> Result<()> {
    let register = SqliteRegister::open(&folder.join("register.sqlite"))?;
    let schools = [
        ("0750655E", "École élémentaire Jules-Ferry", Some(0)),
        ("0911234X", "École Jacques-Prévert", Some(5)),
        ("0751234J", "École maternelle Louise-Michel", Some(1)),
        ("0692345Z", "École de la Croix-Blanche", None),
    ];
    for (place, (uai, name, absent)) in schools.into_iter().enumerate() {
        let rooms = vec!["CM2".to_owned(), "CP".to_owned()];
        let school = School { uai: uai.to_owned(), name: name.to_owned(), rooms };
        register.put_school(&school)?;
        if let Some(days) = absent {
            bring(&register, uai, u8::try_from(place)?, days)?;
        }
    }
    for (uai, site, is_urgent) in [("0911234X", "musee.example", true), ("0751234J", "jeux.example", false)] {
        let request = SchoolRequest {
            site: site.to_owned(),
            wants: if is_urgent { "permit" } else { "refuse" }.to_owned(),
            author: "Mme Martin".to_owned(),
            reason: "sortie de jeudi".to_owned(),
            is_urgent,
            asked_ms: now().unix_ms(),
        };
        register.add_wish(uai, &request, &[], now())?;
    }
    Ok(())
}

/// Enrols a box that came each night for half a year, but for a week, and for the last days.
fn bring(register: &SqliteRegister, uai: &str, mark: u8, absent: i64) -> Result<()> {
    let now = now();
    let at = |day: i64| Timestamp::from_unix_ms(now.unix_ms() - day * DAY_MS - 3_600_000);
    let code = EnrolmentCode::from_chance(&[mark + 10; 64]).context("a code")?;
    let (number, uai) = (code.number(), uai.parse()?);
    register.add_code(&NewCode { code, uai, is_replacement: false, until: at(-1) })?;
    let new = NewBox {
        log_key: "preau/ecole+0a1b2c3d+AbCdEf".to_owned(),
        version: "0.1.0".to_owned(),
        public_key: vec![mark],
        certificate: Fingerprint::of(&[mark]),
        certificate_until: at(-300),
    };
    let of = register.enrol(&number, &new, now)?;
    for day in (absent..180).rev().filter(|day| !(60..67).contains(day)) {
        let seen = at(day);
        let ms = |days: i64| Some(seen.unix_ms() - days * DAY_MS);
        let health = Health {
            version: "0.1.0".to_owned(),
            now_ms: seen.unix_ms(),
            clock: "synchronised".to_owned(),
            up_s: Some(950_000),
            disk_free_bytes: Some(u64::try_from(28 + day / 3 - 9 * i64::from(mark))? << 30),
            disk_bytes: Some(120 << 30),
            memory_free_bytes: Some(2 << 30),
            memory_bytes: Some(4 << 30),
            temperature_c: Some(i32::try_from(48 + (day * 7) % 11)?),
            list_ms: ms(day % 5),
            log_size: Some(0),
            sealed_ms: ms(1),
            plain_files: Some(0),
            certificate_until_ms: ms(-300),
            policy_serial: Some(0),
            categories: vec![CategorySight {
                category: "games".to_owned(),
                devices: 12,
                rules: u32::from(mark == 0),
                workspace: Some(u32::from(mark == 0)),
                aliases: Vec::new(),
            }],
            ..Health::default()
        };
        let health = serde_json::to_string(&health)?;
        register.keep_report(of, &Report { at: seen, health: health.clone() })?;
        register.note_health(of, "0.1.0", &health, seen)?;
    }
    Ok(())
}

/// A hub on a machine's loopback.
struct Hub<'lab> {
    machine: &'lab Machine,
    folder: PathBuf,
    _process: Service,
}

impl<'lab> Hub<'lab> {
    fn start(machine: &'lab Machine) -> Result<Self> {
        let folder = machine.directory().join("hub");
        fs::create_dir_all(&folder)?;
        fill(&folder)?;
        let configuration = machine.directory().join("hub.toml");
        fs::write(
            &configuration,
            format!("version = 1\ncommune = 'Ville de Saint-Exemple'\nurl = '{HOME}'\n"),
        )?;
        let [program, data, file] =
            [preau_binary()?, folder.clone(), configuration].map(|path| path.display().to_string());
        // The test has entered boxes before there was a hub.
        let options = ["hub", "--data", &data, "--listen", "127.0.0.1:8443", "--config", &file, "--new-keys"];
        let process = machine.start("hub", &[&[program.as_str()][..], &options].concat())?;
        let hub = Self { machine, folder, _process: process };
        wait_until("the hub", || Ok(hub.certificate()?.is_some()))?;
        Ok(hub)
    }

    /// Its certificate, in a file.
    fn certificate(&self) -> Result<Option<PathBuf>> {
        let file = self.machine.directory().join("hub.crt");
        let (url, path) = (format!("{HOME}/certificat.crt"), file.display().to_string());
        let fetch = ["curl", "--silent", "--fail", "--insecure", "--output", &path, &url];
        Ok(self.machine.run(&fetch)?.is_success().then_some(file))
    }

    fn command(&self, arguments: &[&str]) -> Result<String> {
        let (program, data) = (preau_binary()?.display().to_string(), self.folder.display().to_string());
        self.machine.run(&[&[program.as_str(), "hub"], arguments, &["--data", &data]].concat())?.success()
    }

    fn card(&self, name: &str, roles: &[&str]) -> Result<String> {
        let roles: Vec<&str> = roles.iter().flat_map(|role| ["--role", *role]).collect();
        let author = ["--author", "M. Blanc"];
        let said = self.command(&[&["person", "add", "--name", name], &roles[..], &author].concat())?;
        let (_, secret) = said.split_once("secret\t").context("a card")?;
        Ok(secret.trim().to_owned())
    }
}

fn sign_in(chrome: &Chrome<'_>, name: &str, secret: &str, code: &str) -> Result<()> {
    chrome.go(&format!("{HOME}/connexion"))?;
    chrome.fill("#name", name)?;
    chrome.fill("#secret", secret)?;
    chrome.fill("#code", code)?;
    chrome.touch("form[action='/connexion'] button")
}

/// A card becomes a secret of her own, a telephone, and codes on paper; the first of these.
pub(super) fn settle(chrome: &Chrome<'_>, album: Option<&Album>, name: &str, card: &str) -> Result<String> {
    let look = |page: &str| album.map_or(Ok(()), |album| album.look(chrome, page));
    sign_in(chrome, name, card, "")?;
    chrome.await_text("Votre mot de passe")?;
    look("secret")?;
    chrome.fill("#old", card)?;
    chrome.fill("#new", SECRET)?;
    chrome.fill("#again", SECRET)?;
    chrome.touch("form[action='/secret'] button")?;
    chrome.await_text("Votre téléphone")?;
    // Nothing else can be reached before.
    chrome.go(&format!("{HOME}/regles"))?;
    chrome.await_text("Votre téléphone")?;
    look("telephone")?;
    let key = chrome.run("return document.querySelector(\"input[name='cle']\").value", &json!([]))?;
    let key = key.as_str().and_then(CodeKey::parse).context("a key")?;
    chrome.fill("#code", "000 000")?;
    chrome.touch("form[action='/telephone'] button")?;
    chrome.await_text("Ce code n’est pas celui de maintenant")?;
    chrome.fill("#code", &key.show(now()).context("a code")?)?;
    chrome.touch("form[action='/telephone'] button")?;
    chrome.await_text("Vos codes de secours")?;
    look("papers")?;
    let paper = chrome.run("return document.querySelector('.papers .code').textContent", &json!([]))?;
    chrome.touch("a.button")?;
    chrome.await_text("Les écoles de la commune")?;
    Ok(paper.as_str().context("a code on paper")?.to_owned())
}

/// A rule is looked at first, and made then.
fn make_rule(chrome: &Chrome<'_>, album: &Album, hub: &Hub<'_>) -> Result<()> {
    chrome.go(&format!("{HOME}/regles"))?;
    chrome.fill("#site", "concours.example")?;
    chrome.fill("#motif", "faux concours")?;
    chrome.fill("#jours", "30")?;
    chrome.touch("form.sheet button")?;
    chrome.await_text("Appliquer cette règle")?;
    album.look(chrome, "rule-asked")?;
    ensure!(!hub.command(&["rule", "list"])?.contains("concours.example"), "it was only looked at");
    chrome.touch("input[name='oui'] ~ .actions button")?;
    chrome.await_text("Retirer")?;
    album.look(chrome, "rules")?;
    ensure!(hub.command(&["rule", "list"])?.contains("refuse\tconcours.example\tMme Petit\tfaux concours"));
    Ok(())
}

/// A category is looked at first, and locked then.
fn lock_category(chrome: &Chrome<'_>, album: &Album, hub: &Hub<'_>) -> Result<()> {
    chrome.go(&format!("{HOME}/categories"))?;
    chrome.fill("#categorie", "games")?;
    chrome.fill("#motif", "heures de classe")?;
    chrome.touch("form.sheet button")?;
    chrome.await_text("Verrouiller cette catégorie")?;
    chrome.await_text("règles de l’école qui ne compteront plus")?;
    album.look(chrome, "lock-asked")?;
    ensure!(hub.command(&["category", "list"])?.is_empty(), "it was only looked at");
    chrome.touch("input[name='oui'] ~ .actions button")?;
    chrome.await_text("Déverrouiller")?;
    album.look(chrome, "locks")?;
    ensure!(hub.command(&["category", "list"])?.contains("games\tMme Petit\theures de classe"));
    chrome.touch("form[action='/categories/retirer'] button")?;
    chrome.await_text("La commune n’a verrouillé aucune catégorie")
}

/// What schools ask is answered, what they shall have is listed, and the lists are looked at.
fn answer_schools(chrome: &Chrome<'_>, album: &Album, hub: &Hub<'_>) -> Result<()> {
    chrome.go(&format!("{HOME}/demandes"))?;
    chrome.await_text("sortie de jeudi")?;
    album.look(chrome, "requests")?;
    chrome.fill("#motif-1", "bonne visite")?;
    chrome.fill("#jours-1", "7")?;
    chrome.touch("form[aria-describedby='wish-1'] button[value='school']")?;
    chrome.await_text("Demandes traitées")?;
    album.look(chrome, "requests-answered")?;
    ensure!(
        hub.command(&["request", "list"])?
            .contains("musee.example\tMme Martin\tsortie de jeudi\turgent\tschool")
    );
    hub.command(&[
        "content",
        "add",
        "https://ent.example/film",
        "Le volcan",
        "--days",
        "9",
        "--author",
        "M. Blanc",
    ])?;
    chrome.go(&format!("{HOME}/contenus"))?;
    chrome.fill("#texte", "Jeudi, une nouvelle version")?;
    chrome.touch("form[action='/annonces'] button")?;
    chrome.await_text("Le volcan")?;
    album.look(chrome, "contents")?;
    chrome.go(&format!("{HOME}/listes"))?;
    chrome.await_text("Les listes de filtrage")?;
    album.look(chrome, "lists")?;
    chrome.go(&format!("{HOME}/versions"))?;
    chrome.await_text("Les versions du système des boîtiers")?;
    album.look(chrome, "releases")
}

/// A film is sent for pupils, told with the schools that lack it, and taken back.
fn send_film(chrome: &Chrome<'_>, album: &Album, hub: &Hub<'_>) -> Result<()> {
    let film = hub.machine.directory().join("volcan.mp4");
    fs::write(&film, vec![7; 3 << 20])?;
    chrome.go(&format!("{HOME}/contenus"))?;
    chrome.touch("a[href='/fichiers']")?;
    chrome.await_text("Aucun fichier")?;
    chrome.fill("#titre", "Le film du volcan")?;
    let ahead = "const day = new Date(Date.now() + 5 * 864e5);
        document.querySelector('#jour').value = day.toISOString().slice(0, 10);";
    chrome.run(ahead, &json!([]))?;
    chrome.fill("#fichier", &film.display().to_string())?;
    chrome.touch("form[action='/fichiers'] button")?;
    chrome.await_text("Le film du volcan")?;
    chrome.run(UNFOLD, &json!([]))?;
    album.look(chrome, "files")?;
    let listed = hub.command(&["file", "list"])?;
    ensure!(listed.contains("\t*\tvolcan.mp4\tLe film du volcan\t3145728\t"), "{listed}");
    chrome.touch("form[action='/fichiers/retirer'] button")?;
    chrome.await_text("Aucun fichier")?;
    ensure!(hub.command(&["file", "list"])?.is_empty(), "it was taken back");
    Ok(())
}

/// What the commune decides of a box's configuration is judged before it is sent.
fn send_settings(chrome: &Chrome<'_>, album: &Album, hub: &Hub<'_>) -> Result<()> {
    chrome.go(&format!("{HOME}/ecole/0911234X"))?;
    chrome.touch("a[href='/ecole/0911234X/reglages']")?;
    chrome.await_text("Rien n’a encore été envoyé à cette école")?;
    chrome.fill("#texte", "gate.tls_port = 1")?;
    chrome.touch("form.sheet button")?;
    chrome.await_text("Rien n’a été envoyé")?;
    chrome.await_text("Ligne 1, colonne 1")?;
    album.look(chrome, "settings-refused")?;
    ensure!(hub.command(&["configuration", "list", "0911234X"])?.is_empty(), "nothing was kept");
    chrome.go(&format!("{HOME}/ecole/0911234X/reglages"))?;
    chrome.fill("#texte", "lesson.minutes = 45")?;
    chrome.touch("form.sheet button")?;
    chrome.await_text("la dernière")?;
    album.look(chrome, "settings")?;
    let sent = hub.command(&["configuration", "show", "0911234X"])?;
    ensure!(sent == "lesson.minutes = 45\n", "{sent}");
    ensure!(hub.command(&["acts"])?.contains("configuration-sent\t0911234X"));
    Ok(())
}

/// What there is of a school: how it is, a code for it, what is kept of its log.
fn look_at_school(chrome: &Chrome<'_>, album: &Album, hub: &Hub<'_>) -> Result<()> {
    chrome.go(&format!("{HOME}/ecole/0911234X"))?;
    chrome.await_text("Appelez l’école")?;
    chrome.run(UNFOLD, &json!([]))?;
    album.look(chrome, "school")?;
    chrome.touch("#replacement")?;
    chrome.touch("form[action='/ecole/0911234X/code'] button")?;
    chrome.await_text("Ce code ne s’affiche qu’une fois")?;
    album.look(chrome, "code")?;
    album.keep(chrome, "hub-code")?;
    chrome.touch("a.button.plain")?;
    chrome.await_text("Annuler")?;
    chrome.go(&format!("{HOME}/ecole/0911234X/archive/2"))?;
    chrome.await_text("Vérifier sans le hub")?;
    album.look(chrome, "archive")?;
    send_settings(chrome, album, hub)
}

#[test]
fn the_commune_looks_after_its_schools() -> Result<()> {
    let (lab, album) = (Lab::new()?, Album::new("hub")?);
    let hub = Hub::start(&lab.pc1)?;
    let card = hub.card("Mme Petit", &["technician", "policy"])?;
    let reader_card = hub.card("M. Lecteur", &["reader"])?;
    let authority = hub.certificate()?.context("a certificate")?;
    let chrome = Chrome::start(&lab.pc1, &authority, Scripts::Run)?;
    chrome.go(HOME)?;
    chrome.await_text("Connexion")?;
    album.look(&chrome, "sign-in")?;
    sign_in(&chrome, "Mme Petit", "quelque chose", "")?;
    chrome.await_text("Nom, mot de passe ou code faux")?;
    let paper = settle(&chrome, Some(&album), "Mme Petit", &card)?;

    chrome.await_text("Nuits sans nouvelles du boîtier")?;
    album.look(&chrome, "fleet")?;
    look_at_school(&chrome, &album, &hub)?;
    make_rule(&chrome, &album, &hub)?;
    lock_category(&chrome, &album, &hub)?;
    answer_schools(&chrome, &album, &hub)?;
    send_film(&chrome, &album, &hub)?;
    chrome.go(&format!("{HOME}/ecole/0911234X"))?;
    chrome.touch("details summary")?;
    chrome.touch("button.danger")?;
    chrome.await_text("Son boîtier est révoqué")?;
    ensure!(hub.command(&["box", "list"])?.contains("0911234X\trevoked"));
    album.look(&chrome, "school-revoked")?;
    chrome.go(&format!("{HOME}/alertes"))?;
    album.look(&chrome, "alerts")?;
    chrome.go(&format!("{HOME}/actes"))?;
    let acts = chrome.text()?;
    for deed in [
        "boîtier révoqué",
        "règle ajoutée",
        "catégorie verrouillée",
        "catégorie déverrouillée",
        "code de remplacement fait",
        "téléphone enregistré",
        "M. Blanc",
    ] {
        ensure!(acts.contains(deed), "{deed}: {acts}");
    }
    album.look(&chrome, "acts")?;
    chrome.touch("form[action='/deconnexion'] button")?;
    chrome.await_text("Connexion")?;

    // The secret alone opens nothing; a code on paper does, once.
    sign_in(&chrome, "Mme Petit", SECRET, "")?;
    chrome.await_text("Nom, mot de passe ou code faux")?;
    sign_in(&chrome, "Mme Petit", SECRET, &paper)?;
    chrome.await_text("Les écoles de la commune")?;
    chrome.touch("form[action='/deconnexion'] button")?;
    chrome.await_text("Connexion")?;
    sign_in(&chrome, "Mme Petit", SECRET, &paper)?;
    chrome.await_text("Nom, mot de passe ou code faux")?;

    settle(&chrome, None, "M. Lecteur", &reader_card)?;
    chrome.go(&format!("{HOME}/ecole/0750655E"))?;
    chrome.await_text("École élémentaire Jules-Ferry")?;
    let forms = chrome.run("return [...document.forms].map(it => it.getAttribute('action'))", &json!([]))?;
    let forms: BTreeSet<&str> = forms.as_array().into_iter().flatten().filter_map(|it| it.as_str()).collect();
    ensure!(forms == BTreeSet::from(["/deconnexion"]), "whoever only looks has nothing to send: {forms:?}");
    album.close()
}
