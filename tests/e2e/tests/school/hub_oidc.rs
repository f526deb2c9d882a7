//! Sign-in at the hub by a provider that the commune has: who is registered comes in, by two factors; nobody else does.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use harness::{Lab, Machine, Output, Service, preau_binary, wait_until};

use crate::sealing::python;

const HOME: &str = "https://127.0.0.1:8443";
const PROVIDER: &str = "http://127.0.0.1:9400";
/// Whom the provider knows: with two factors, with one, an address that it has not verified, and somebody whom the hub does not know.
const PEOPLE: [&str; 4] = [
    r#"{"sub":"petit","email":"Petit@commune.example","email_verified":true,"amr":["pwd","mfa"]}"#,
    r#"{"sub":"blanc","email":"blanc@commune.example"}"#,
    r#"{"sub":"thief","email":"petit@commune.example","email_verified":false,"amr":["mfa"]}"#,
    r#"{"sub":"stranger","email":"stranger@commune.example","amr":["mfa"]}"#,
];

/// A hub and a provider, on one machine's loopback.
pub(crate) struct Commune<'lab> {
    machine: &'lab Machine,
    provider: Option<Service>,
    _hub: Service,
}

/// What a page says, and where it leads.
struct Page {
    status: String,
    location: String,
    text: String,
}

impl<'lab> Commune<'lab> {
    pub(crate) fn start(machine: &'lab Machine) -> Result<Self> {
        let provider = start_provider(machine)?;
        let folder = machine.directory();
        let (secret, configuration) = (folder.join("oidc-secret"), folder.join("hub.toml"));
        fs::write(&secret, "hidden\n")?;
        fs::write(
            &configuration,
            format!(
                "version = 1\nurl = '{HOME}'\n[oidc]\nissuer = '{PROVIDER}'\nclient_id = 'preau-hub'\nclient_secret_file = '{}'\n",
                secret.display()
            ),
        )?;
        let [program, data, file] =
            [preau_binary()?, folder.join("hub"), configuration].map(|path| path.display().to_string());
        let words =
            [program.as_str(), "hub", "--data", &data, "--listen", "127.0.0.1:8443", "--config", &file];
        let hub = machine.start("hub", &words)?;
        wait_until("the hub to listen", || Ok(hub.log()?.contains("listening on")))?;
        Ok(Self { machine, provider: Some(provider), _hub: hub })
    }

    fn command(&self, arguments: &[&str]) -> Result<Output> {
        let program = preau_binary()?.display().to_string();
        let data = self.machine.directory().join("hub").display().to_string();
        self.machine.run(&[&[program.as_str(), "hub"], arguments, &["--data", &data]].concat())
    }

    pub(crate) fn person(&self, what: &[&str]) -> Result<Output> {
        self.command(&[&["person"], what, &["--author", "M. Noir"]].concat())
    }

    /// What a browser gets, which has a jar of its own for cookies.
    fn get(&self, browser: &str, url: &str, more: &[&str]) -> Result<Page> {
        let jar = self.machine.directory().join(browser).display().to_string();
        let quiet =
            ["curl", "--silent", "--insecure", "--max-time", "20", "--cookie", &jar, "--cookie-jar", &jar];
        let told = ["--write-out", "\n%{http_code} %{redirect_url}"];
        let said = self.machine.run(&[&quiet[..], &told, more, &[url]].concat())?.success()?;
        let (text, last) = said.rsplit_once('\n').context("its status")?;
        let (status, location) = last.split_once(' ').context("its status")?;
        Ok(Page { status: status.to_owned(), location: location.to_owned(), text: text.to_owned() })
    }

    /// Goes to the provider, and is somebody there; the address that it leads back to.
    fn leave(&self, browser: &str, sub: &str) -> Result<String> {
        let off = self.get(browser, &format!("{HOME}/connexion/compte"), &[])?;
        ensure!(
            off.location.starts_with(&format!("{PROVIDER}/oauth2/authorize?")),
            "{} {}",
            off.status,
            off.text
        );
        for word in ["code_challenge_method=S256", "nonce=", "state=", "scope=openid+email"] {
            ensure!(off.location.contains(word), "{word}: {}", off.location);
        }
        let back = self.get(browser, &off.location, &["--data", &format!("sub={sub}")])?;
        ensure!(back.location.starts_with(&format!("{HOME}/connexion/retour?")), "{}", back.text);
        Ok(back.location)
    }

    fn sign_in(&self, browser: &str, sub: &str) -> Result<Page> {
        let back = self.leave(browser, sub)?;
        self.get(browser, &back, &[])
    }
}

fn start_provider(machine: &Machine) -> Result<Service> {
    let python = python()?;
    let program = Path::new(&python).with_file_name("oidc-provider-mock");
    ensure!(program.is_file(), "there is no oidc-provider-mock in target/tools: run `./dev test`");
    let program = program.display().to_string();
    let people: Vec<&str> = PEOPLE.iter().flat_map(|person| ["--user-claims", *person]).collect();
    let words = [&[python.as_str(), program.as_str(), "--port", "9400"][..], &people].concat();
    let provider = machine.start("provider", &words)?;
    wait_until("the provider", || {
        let url = format!("{PROVIDER}/.well-known/openid-configuration");
        Ok(machine.run(&["curl", "--silent", "--fail", "--max-time", "5", &url])?.is_success())
    })?;
    Ok(provider)
}

#[test]
fn whom_the_communes_provider_vouches_for_is_who_was_registered_and_nobody_else() -> Result<()> {
    let lab = Lab::new()?;
    let commune = Commune::start(&lab.pc1)?;
    for name in ["Mme Petit", "M. Blanc"] {
        commune.person(&["add", "--name", name, "--role", "policy"])?.success()?;
    }
    commune.person(&["account", "Mme Petit", "petit@commune.example"])?.success()?;
    commune.person(&["account", "M. Blanc", "blanc@commune.example"])?.success()?;
    let taken = commune.person(&["account", "M. Blanc", "PETIT@commune.example"])?;
    ensure!(taken.status == Some(1) && taken.stderr.contains("somebody else here"), "{taken:#?}");

    // Two factors: in, with neither card nor telephone of the hub's.
    let page = commune.sign_in("petit", "petit")?;
    ensure!(page.status == "200" && page.text.contains("Continuer"), "{} {}", page.status, page.text);
    let rules = commune.get("petit", &format!("{HOME}/regles"), &[])?;
    ensure!(rules.status == "200" && rules.text.contains("Ajouter une règle"), "{}", rules.text);

    // One factor: nothing before her card is shown, and a telephone of hers is known.
    commune.sign_in("blanc", "blanc")?;
    let rules = commune.get("blanc", &format!("{HOME}/regles"), &[])?;
    ensure!(rules.location == format!("{HOME}/secret"), "{} {}", rules.status, rules.location);
    let phone = commune.get("blanc", &format!("{HOME}/telephone"), &[])?;
    ensure!(phone.location == format!("{HOME}/secret"), "{} {}", phone.status, phone.location);

    // Neither whom nobody has registered, nor an address that is anybody's.
    for (sub, status, words) in
        [("stranger", "403", "personne n’a rattaché"), ("thief", "503", "ne peut pas se fier")]
    {
        let page = commune.sign_in(sub, sub)?;
        ensure!(page.status == status && page.text.contains(words), "{sub}: {} {}", page.status, page.text);
        let rules = commune.get(sub, &format!("{HOME}/regles"), &[])?;
        ensure!(rules.location == format!("{HOME}/connexion"), "{sub}: {}", rules.status);
    }
    let people = commune.command(&["person", "list"])?.success()?;
    ensure!(people.lines().count() == 2, "nobody is made by signing in: {people}");

    // What comes back to another browser, or a second time, counts for nobody.
    let back = commune.leave("one", "petit")?;
    ensure!(commune.get("other", &back, &[])?.status == "422", "another browser");
    ensure!(commune.get("one", &back, &[])?.status == "200");
    ensure!(commune.get("one", &back, &[])?.status == "503", "the code is spent");

    // Whoever changes her mind there is told so, in the browser that left.
    let off = commune.get("one", &format!("{HOME}/connexion/compte"), &[])?;
    let state = off.location.split("state=").nth(1).and_then(|rest| rest.split('&').next());
    let denied = format!("{HOME}/connexion/retour?error=access_denied&state={}", state.context("its state")?);
    let page = commune.get("one", &denied, &[])?;
    ensure!(
        page.status == "503" && page.text.contains("ne vous laisse pas passer"),
        "{} {}",
        page.status,
        page.text
    );
    ensure!(commune.get("other", &denied, &[])?.status == "422", "another browser");

    let acts = commune.command(&["acts"])?.success()?;
    ensure!(acts.contains("sign-in-by-provider") && acts.contains("person-account\tMme Petit"), "{acts}");
    // Taken back, it is over at once.
    commune.person(&["account", "Mme Petit", "--none"])?.success()?;
    let rules = commune.get("petit", &format!("{HOME}/regles"), &[])?;
    ensure!(rules.location == format!("{HOME}/connexion"), "{}", rules.status);
    Ok(())
}

#[test]
fn a_provider_that_is_away_keeps_nobody_from_her_own_password() -> Result<()> {
    let lab = Lab::new()?;
    let mut commune = Commune::start(&lab.pc1)?;
    drop(commune.provider.take());
    let page = commune.get("petit", &format!("{HOME}/connexion/compte"), &[])?;
    ensure!(
        page.status == "503" && page.text.contains("votre mot de passe d’ici"),
        "{} {}",
        page.status,
        page.text
    );
    let page = commune.get("petit", &format!("{HOME}/connexion"), &[])?;
    ensure!(page.status == "200" && page.text.contains("/connexion/compte"), "{}", page.text);
    ensure!(page.text.contains("name=\"secret\""), "her own is asked for as ever: {}", page.text);
    Ok(())
}
