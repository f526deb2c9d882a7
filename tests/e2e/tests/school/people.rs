//! A pupil asks for a refused site, the teacher answers on her page: within seconds, and nobody in her place.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use harness::{Appliance, Lab, Machine, wait_until};
use people::CodeKey;
use serde_json::Value;
use system::clock::now;

/// A class waits no longer, on the busiest machine.
const AT_ONCE: Duration = Duration::from_secs(5);
pub(crate) const HOME: &str = "https://preau.lan";
/// Where a device is that does not know the box's certificate.
const PLAIN_HOME: &str = "http://preau.lan";
/// The file of the box's certificate, in the lab's folder.
pub(crate) const AUTHORITY: &str = "box.pem";
const SITE: &str = "http://casino.example/";

/// A browser on a machine: curl with a jar of cookies.
pub(crate) struct Browser<'a> {
    machine: &'a Machine,
    home: &'static str,
    jar: String,
    /// The file of the certificate that it trusts.
    authority: String,
}

/// What came back.
pub(crate) struct Page {
    pub(crate) status: String,
    pub(crate) location: String,
    pub(crate) text: String,
}

impl Page {
    pub(crate) fn token(&self) -> Result<&str> {
        let (_, rest) = self.text.split_once("name=\"jeton\" value=\"").context("a page with a form")?;
        rest.split('"').next().context("a token")
    }

    /// The number of the first request on the page.
    fn request(&self) -> Result<&str> {
        let (_, rest) = self.text.split_once("name=\"demande\" value=\"").context("a request")?;
        rest.split('"').next().context("a number")
    }
}

impl<'a> Browser<'a> {
    pub(crate) fn new(lab: &Lab, machine: &'a Machine, name: &str) -> Self {
        let in_lab = |name: &str| lab.directory().join(name).display().to_string();
        Self { machine, home: HOME, jar: in_lab(&format!("{name}.jar")), authority: in_lab(AUTHORITY) }
    }

    /// One without the box's certificate.
    pub(crate) fn plain(lab: &Lab, machine: &'a Machine, name: &str) -> Self {
        Self { home: PLAIN_HOME, ..Self::new(lab, machine, name) }
    }

    pub(crate) fn send(&self, path: &str, arguments: &[&str]) -> Result<Page> {
        let url = format!("{}{path}", self.home);
        let quiet = ["curl", "--silent", "--show-error", "--max-time", "20", "--cacert", &self.authority];
        let cookies = ["--cookie", &self.jar, "--cookie-jar", &self.jar];
        let told = ["--write-out", "\n%{http_code} %{redirect_url}", &url];
        let printed = self.machine.run(&[&quiet[..], &cookies, arguments, &told].concat())?.success()?;
        let (text, last) = printed.rsplit_once('\n').context("a last line")?;
        let (status, location) = last.split_once(' ').context("a status and a place")?;
        let location = location.strip_prefix(self.home).unwrap_or(location);
        Ok(Page { status: status.to_owned(), location: location.to_owned(), text: text.to_owned() })
    }

    pub(crate) fn get(&self, path: &str) -> Result<Page> {
        self.send(path, &[])
    }

    fn post(&self, path: &str, form: &str) -> Result<Page> {
        self.send(path, &["--header", &format!("Origin: {}", self.home), "--data", form])
    }

    /// Fills in the form of a page.
    pub(crate) fn fill(&self, page: &Page, path: &str, form: &str) -> Result<Page> {
        self.post(path, &format!("jeton={}&{form}", page.token()?))
    }

    /// The same, where a file comes back, which is saved.
    pub(crate) fn save(&self, page: &Page, path: &str, form: &str, file: &Path) -> Result<()> {
        let (form, file) = (format!("jeton={}&{form}", page.token()?), file.display().to_string());
        let origin = format!("Origin: {}", self.home);
        let answer = self.send(path, &["--header", &origin, "--data", &form, "--output", &file])?;
        ensure!(answer.status == "200", "{}", answer.status);
        Ok(())
    }

    pub(crate) fn sign_in(&self, who: &str, secret: &str) -> Result<Page> {
        let page = self.get(&format!("/connexion?{who}"))?;
        self.fill(&page, "/connexion", &format!("{who}&secret={secret}"))
    }

    /// With the card, and from then on with a secret of her own.
    pub(crate) fn begin(&self, who: &str, card: &str, own: &str) -> Result<()> {
        let first = self.sign_in(who, card)?;
        ensure!(first.location == "/secret", "{} {}: {}", first.status, first.location, first.text);
        let page = self.get("/secret")?;
        let form = format!("ancien={card}&nouveau={own}&encore={own}");
        let changed = self.fill(&page, "/secret", &form)?;
        ensure!(changed.status == "303", "{}: {}", changed.status, changed.text);
        Ok(())
    }

    /// Whoever keeps the box shows a telephone before anything else. The key, and a code on paper.
    pub(crate) fn make_telephone_known(&self, secret: &str) -> Result<(CodeKey, String)> {
        let page = self.get("/telephone")?;
        let (_, rest) = page.text.split_once("name=\"cle\" value=\"").context("a key")?;
        let letters = rest.split('"').next().context("its letters")?;
        let key = CodeKey::parse(letters).context("a key of codes")?;
        let code = key.show(now()).context("a code")?;
        let shown = self.fill(&page, "/telephone", &format!("cle={letters}&code={code}&secret={secret}"))?;
        let (_, rest) = shown.text.split_once("class=\"papers\"").context("codes on paper")?;
        let (_, rest) = rest.split_once("class=\"code\">").context("one of them")?;
        Ok((key, rest.split('<').next().context("its letters")?.to_owned()))
    }

    /// The page of refusals, once the site was refused.
    fn meet_refusal(&self) -> Result<Page> {
        status_of(self.machine)?;
        let page = self.get("/pourquoi")?;
        ensure!(page.text.contains("name=\"site\" value=\"casino.example\""), "{}", page.text);
        Ok(page)
    }

    /// The browser that the site was refused to asks for it.
    pub(crate) fn ask(&self) -> Result<Page> {
        self.fill(&self.meet_refusal()?, "/pourquoi", "site=casino.example")
    }
}

pub(crate) fn status_of(machine: &Machine) -> Result<String> {
    let quiet =
        ["curl", "--silent", "--output", "/dev/null", "--max-time", "5", "--write-out", "%{http_code}"];
    Ok(machine.run(&[&quiet[..], &[SITE]].concat())?.stdout)
}

/// A box whose certificate the browsers trust.
pub(crate) fn open(lab: &Lab) -> Result<Appliance<'_>> {
    let appliance = lab.start_appliance()?;
    let file = lab.directory().join(AUTHORITY).display().to_string();
    appliance.run(&["ca", "export", "--out", &file])?.success()?;
    Ok(appliance)
}

/// Registers somebody; returns the secret of her card.
pub(crate) fn add(appliance: &Appliance<'_>, name: &str, role: &str, rooms: &[&str]) -> Result<String> {
    let rooms: Vec<&str> = rooms.iter().flat_map(|room| ["--room", room]).collect();
    let person = ["person", "add", "--name", name, "--role", role];
    let card = appliance.run(&[&person[..], &rooms].concat())?.success()?;
    let line = card.lines().nth(1).context("a second line")?;
    Ok(line.split('\t').nth(1).context("a secret")?.to_owned())
}

/// What the journal has of people: the deed and who did it; of rules: the deed, its author, the room.
fn acts(appliance: &Appliance<'_>) -> Result<Vec<String>> {
    let printed = appliance.run(&["journal", "search", "--json", "--acts"])?.success()?;
    let acts = printed.lines().map(|line| {
        let act: Value = serde_json::from_str(line).context("a line of JSON")?;
        let told = ["deed", "author", "by", "person", "site", "room"].map(|key| act[key].as_str());
        Ok(told.into_iter().flatten().collect::<Vec<_>>().join(" "))
    });
    acts.collect()
}

/// An act without the machine's user, whoever runs this: it stands beside a name that a command was given.
fn without_user(act: &str) -> String {
    let (before, after) = act.split_once(" (ligne de commande, ").unwrap_or((act, ")"));
    let (_, after) = after.split_once(')').unwrap_or_default();
    format!("{before}{after}")
}

fn await_acts(appliance: &Appliance<'_>, expected: &[&str]) -> Result<()> {
    let has_all = |acts: &[String]| expected.iter().all(|act| acts.iter().any(|it| without_user(it) == *act));
    wait_until(&format!("the acts {expected:?}"), || Ok(has_all(&acts(appliance)?)))
}

#[test]
fn a_pupil_asks_and_the_teacher_opens() -> Result<()> {
    let lab = Lab::new()?;
    let mut appliance = open(&lab)?;
    let card = add(&appliance, "Mme Martin", "teacher", &["CM2"])?;
    let (pupil, teacher) = (Browser::plain(&lab, &lab.pc1, "pupil"), Browser::new(&lab, &lab.pc2, "teacher"));
    teacher.begin("personne=1", &card, "402817")?;
    let in_clear = Browser::plain(&lab, &lab.pc2, "in-clear").get("/connexion?personne=1")?;
    assert!(in_clear.status == "403" && in_clear.text.contains("href=\"https://preau.lan/connexion\""));
    let finder = Browser::new(&lab, &lab.pc1, "finder");
    assert_eq!(finder.sign_in("personne=1", &card)?.status, "403", "the card worked once");

    assert_eq!(pupil.ask()?.location, "/pourquoi");
    let told = pupil.get("/pourquoi")?.text;
    assert!(told.contains("l’enseignante ou l’enseignant le voit"), "{told}");
    assert!(!told.contains("name=\"site\" value=\"casino.example\""), "once is enough: {told}");

    let page = teacher.get("/enseignant")?;
    assert!(page.text.contains("casino.example") && page.text.contains("1 appareil"), "{}", page.text);
    assert!(!page.text.contains("CM2-01"), "sites, not children: {}", page.text);
    #[expect(clippy::disallowed_methods, reason = "how long people wait is what is tested")]
    let start = Instant::now();
    let form = format!("demande={}&minutes=15", page.request()?);
    assert_eq!(teacher.fill(&page, "/enseignant/demandes", &form)?.location, "/enseignant");
    wait_until("the open site", || Ok(status_of(&lab.pc1)? == "200"))?;
    let opened = start.elapsed();
    println!("open after {opened:?}");
    assert!(opened < AT_ONCE, "{opened:?}");
    assert_eq!(status_of(&lab.tablet)?, "403", "it is in no room");
    let told = pupil.get("/pourquoi")?.text;
    assert!(told.contains("Ouvert par Mme Martin jusqu’au"), "{told}");

    // The box starts anew: the session goes on, the site stays open.
    appliance.kill9()?;
    appliance.start()?;
    appliance.wait_until_ready(&lab.pc1)?;
    assert_eq!(status_of(&lab.pc1)?, "200");
    let page = teacher.get("/enseignant")?;
    assert!(page.text.contains("Ouvert par vous"), "{}", page.text);
    assert_eq!(teacher.fill(&page, "/enseignant/fermer", "regle=1")?.location, "/enseignant");
    wait_until("the closed site", || Ok(status_of(&lab.pc1)? == "403"))?;
    teacher.fill(&page, "/deconnexion", "")?;
    assert_eq!(teacher.get("/enseignant")?.location, "/connexion");
    await_acts(
        &appliance,
        &[
            "add-person ligne de commande Mme Martin",
            "sign-in Mme Martin",
            "change-secret Mme Martin",
            "fail-sign-in Mme Martin",
            "make Mme Martin casino.example CM2",
            "take-back Mme Martin Mme Martin casino.example CM2",
            "sign-out Mme Martin",
        ],
    )
}

#[test]
fn the_head_opens_for_the_school_and_closes_an_access() -> Result<()> {
    let lab = Lab::new()?;
    let appliance = open(&lab)?;
    let card = add(&appliance, "M. Bernard", "head", &[])?;
    let first = add(&appliance, "Mme Martin", "teacher", &["CM2"])?;
    let (head, teacher) = (Browser::new(&lab, &lab.pc2, "head"), Browser::new(&lab, &lab.pc2, "teacher"));
    head.begin("nom=M.+Bernard", &card, "trois+chats+gris")?;
    teacher.begin("personne=2", &first, "402817")?;

    // A tablet that nobody registered is in no room: the head sees its request alone.
    assert_eq!(Browser::plain(&lab, &lab.tablet, "tablet").ask()?.location, "/pourquoi");
    assert!(teacher.get("/enseignant")?.text.contains("Aucune demande"));
    let page = head.get("/direction")?;
    let tomorrow = lab.appliance.shell("TZ=Europe/Paris date -d '+1 day' +%F")?.success()?;
    let form = format!("demande={}&jusqu={}&motif=concours", page.request()?, tomorrow.trim());
    assert_eq!(head.fill(&page, "/direction/demandes", &form)?.location, "/direction");
    for machine in [&lab.tablet, &lab.pc1] {
        wait_until("the open site", || Ok(status_of(machine)? == "200"))?;
    }
    assert!(teacher.get("/direction")?.text.contains("Cette action ne vous est"));
    assert!(teacher.get("/enseignant")?.text.contains("Sites demandés"));

    let page = head.get("/direction/personnes")?;
    assert_eq!(head.fill(&page, "/direction/personnes/fermer", "personne=2")?.status, "303");
    assert_eq!(teacher.get("/enseignant")?.location, "/connexion", "at once");
    let disable = ["person", "disable", "M. Bernard", "--author", "Mme la technicienne"];
    appliance.run(&disable)?.success()?;
    assert_eq!(head.get("/direction")?.location, "/connexion", "from the command line, too");
    await_acts(
        &appliance,
        &[
            "make M. Bernard casino.example",
            "disable-person M. Bernard Mme Martin",
            "disable-person Mme la technicienne M. Bernard",
        ],
    )
}

#[test]
fn a_pupil_forges_nothing() -> Result<()> {
    let lab = Lab::new()?;
    let appliance = open(&lab)?;
    let card = add(&appliance, "Mme Martin", "teacher", &["CM2"])?;
    let (pupil, teacher) = (Browser::new(&lab, &lab.pc1, "pupil"), Browser::new(&lab, &lab.pc2, "teacher"));
    teacher.begin("personne=1", &card, "402817")?;
    assert_eq!(status_of(&lab.pc2)?, "403");

    // What was refused to another device, or to none.
    let page = pupil.get("/connexion?personne=1")?;
    for site in ["casino.example", "adulte.example", "example.com"] {
        assert_eq!(pupil.fill(&page, "/pourquoi", &format!("site={site}"))?.status, "404", "{site}");
    }
    // Without a token, from another site.
    pupil.ask()?;
    assert_eq!(pupil.post("/pourquoi", "site=casino.example")?.status, "403");
    let form = format!("jeton={}&site=casino.example", page.token()?);
    let foreign = ["--header", "Origin: http://casino.example", "--data", &form];
    assert_eq!(pupil.send("/pourquoi", &foreign)?.status, "403");
    // The teacher's page, without a session, and with hers on another machine.
    let form = "demande=1&minutes=50";
    assert_eq!(pupil.fill(&page, "/enseignant/demandes", form)?.location, "/connexion");
    let stolen = Browser { jar: teacher.jar.clone(), ..Browser::new(&lab, &lab.pc1, "thief") };
    assert_eq!(stolen.get("/enseignant")?.location, "/connexion");
    let hers = teacher.get("/enseignant")?;
    assert_eq!(stolen.fill(&hers, "/enseignant/demandes", form)?.location, "/connexion");
    // A token of a session that is over.
    let jar = std::fs::read_to_string(&teacher.jar)?;
    teacher.fill(&hers, "/deconnexion", "")?;
    std::fs::write(&teacher.jar, jar)?;
    assert_eq!(teacher.fill(&hers, "/enseignant/demandes", form)?.location, "/connexion");
    assert_eq!(status_of(&lab.pc1)?, "403");
    let overrides = appliance.run(&["override", "list", "--all"])?.success()?;
    assert_eq!(overrides, "");
    Ok(())
}

/// A class that guesses a PIN makes its own PC wait, and not the teacher's; a flood of requests stays one request.
#[test]
fn a_class_that_guesses_or_floods_is_in_nobodys_way() -> Result<()> {
    let lab = Lab::new()?;
    let appliance = open(&lab)?;
    let card = add(&appliance, "Mme Martin", "teacher", &["CM2"])?;
    let (pupil, teacher) = (Browser::new(&lab, &lab.pc1, "pupil"), Browser::new(&lab, &lab.pc2, "teacher"));
    let guess = || Ok::<_, anyhow::Error>(pupil.sign_in("personne=1", "000001")?.status);
    assert_eq!([guess()?, guess()?, guess()?, guess()?, guess()?], ["403"; 5]);
    assert_eq!(guess()?, "429");
    let right = pupil.sign_in("personne=1", &card)?;
    assert!(right.status == "429" && right.text.contains("Attendez"), "{}: {}", right.status, right.text);
    teacher.begin("personne=1", &card, "402817")?;

    let flooder = Browser::plain(&lab, &lab.pc1, "flooder");
    let form = format!("jeton={}&site=casino.example", flooder.meet_refusal()?.token()?);
    // As fast as one curl is: the same form again and again over one connection, and forged ones.
    let flood = format!(
        "for i in $(seq 10000); do echo 'url={PLAIN_HOME}/pourquoi'; echo 'output=/dev/null'; done > flood.conf
         flood() {{ curl --silent --cookie {} --header \"Origin: $1\" --data '{form}' --config flood.conf; }}
         flood {PLAIN_HOME} & flood http://casino.example &
         for i in 1 2 3 4 5 6 7 8 9 10; do dig +tries=1 +time=3 +short @10.77.0.1 mediatheque.example; done
         wait",
        flooder.jar
    );
    let answers = lab.pc1.shell(&format!("cd {} && {flood}", lab.directory().display()))?;
    assert_eq!(answers.stdout.lines().count(), 10, "DNS answers meanwhile: {answers:#?}");
    let page = teacher.get("/enseignant")?;
    assert_eq!(page.text.matches("casino.example").count(), 1, "{}", page.text);
    assert!(page.text.contains("1 appareil"), "{}", page.text);
    Ok(())
}
