//! Names that the commune owns: the key is made on the box, an authority certifies its request, and every device believes the box.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use anyhow::{Result, ensure};
use harness::{Lab, NameServer, Pebble, usual_configuration, wait_until};

use crate::hub::{Hub, School, text};
use crate::hub_urgent::FarHub;
use crate::workspace::{ENT, configure, curl};

const NAME: &str = "ferry.ecoles.example";

/// An authority of the test's own certifies a request, for some days.
const CERTIFY: &str = r#"
set -e
[ -e web-ca.pem ] || openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30 \
    -subj "/CN=Autorité publique" -keyout web-ca.key -out web-ca.pem 2>/dev/null
openssl req -in request.pem -verify -noout 2>&1
openssl x509 -req -in request.pem -CA web-ca.pem -CAkey web-ca.key -days 90 -copy_extensions copy -out leaf.pem 2>/dev/null
cat leaf.pem web-ca.pem > chain.pem
"#;

fn certify(lab: &Lab, request: &str) -> Result<()> {
    fs::write(lab.internet.directory().join("request.pem"), request)?;
    lab.internet.shell(CERTIFY)?.success().map(drop)
}

/// Every file of a folder.
fn read_all(folder: &Path) -> Result<Vec<String>> {
    let mut texts = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_file() {
            texts.push(String::from_utf8_lossy(&fs::read(path)?).into_owned());
        }
    }
    Ok(texts)
}

#[test]
fn a_box_shows_what_every_device_trusts_for_the_communes_names() -> Result<()> {
    let lab = Lab::new()?;
    let own = format!("{}\n[portal]\nname = '{NAME}'\n", usual_configuration());
    let mut appliance = lab.appliance_with(&own)?;
    appliance.add_usual_devices()?;
    appliance.start()?;
    wait_until("the box to answer", || {
        let url = format!("http://{NAME}/");
        Ok(lab
            .pc1
            .run(&["curl", "--silent", "--fail", "--max-time", "2", "--output", "/dev/null", &url])?
            .is_success())
    })?;
    let hub = FarHub::start(&lab)?;
    hub.enrol(&appliance)?;
    let sync = || appliance.run(&["sync", "now"]);
    sync()?.success()?;
    ensure!(
        hub.command(&["certificate", "list"])?.success()?.is_empty(),
        "nobody asks for a name of nobody's"
    );

    hub.command(&["name", "add", "0750655E", NAME])?.success()?;
    sync()?.success()?;
    let request = hub.command(&["certificate", "request", "0750655E"])?.success()?;
    certify(&lab, &request)?;
    let chain = text(&lab.internet.directory().join("chain.pem"))?;
    let put = || hub.command(&["certificate", "put", "0750655E", &chain]);
    // What is for another key is not taken; what is for this one is.
    let authority = text(&lab.internet.directory().join("web-ca.pem"))?;
    let wrong = hub.command(&["certificate", "put", "0750655E", &authority])?;
    ensure!(wrong.status == Some(1), "{wrong:#?}");
    put()?.success()?;

    let read = || {
        let (url, ca) = (format!("https://{NAME}/"), authority.as_str());
        lab.pc1.run(&["curl", "--silent", "--show-error", "--max-time", "10", "--cacert", ca, &url])
    };
    ensure!(read()?.status == Some(60), "the box vouches for itself still");
    let night = sync()?;
    ensure!(
        night.is_success() && night.stderr.contains("a certificate for the commune's names is here"),
        "{night:#?}"
    );
    wait_until("the box to show it", || Ok(read()?.is_success()))?;
    ensure!(!sync()?.stderr.contains("certificate"), "it comes once");
    // The key never was at the hub.
    let key = fs::read_to_string(appliance.data().join("hub/web.pem"))?;
    let secret = key.lines().nth(1).unwrap_or_default();
    ensure!(!secret.is_empty() && !read_all(hub.folder.path())?.iter().any(|text| text.contains(secret)));
    ensure!(!appliance.data().join("hub/web-key.pem").exists());
    // A request is for the names of then: with another name there is another one, for another key, which this chain does not fit.
    hub.command(&["name", "add", "0750655E", "ent.ecoles.example"])?.success()?;
    let late = put()?;
    ensure!(late.status == Some(1) && late.stderr.contains("asks anew in its next night"), "{late:#?}");
    sync()?.success()?;
    let other = put()?;
    ensure!(other.status == Some(1) && other.stderr.contains("another key"), "{other:#?}");
    // The names are taken back: the box vouches for itself again.
    for name in [NAME, "ent.ecoles.example"] {
        hub.command(&["name", "remove", name])?.success()?;
    }
    sync()?.success()?;
    wait_until("the box to show its own", || Ok(read()?.status == Some(60)))?;
    ensure!(
        !appliance.data().join("hub/web.pem").exists() && !appliance.data().join("hub/web-key.pem").exists()
    );
    Ok(())
}

/// Where the ENT's own domain is the commune's, a PC that does not have the box's certificate is served it by the box as well.
#[test]
fn the_ent_is_served_under_what_every_device_trusts_where_its_domain_is_the_communes() -> Result<()> {
    let lab = Lab::new()?;
    let mut appliance = configure(&lab)?;
    appliance.start()?;
    appliance.wait_until_ready(&lab.pc1)?;
    let hub = FarHub::start(&lab)?;
    hub.enrol(&appliance)?;
    hub.command(&["name", "add", "0750655E", ENT])?.success()?;
    let sync = || appliance.run(&["sync", "now"])?.success();
    sync()?;
    let request = hub.command(&["certificate", "request", "0750655E"])?.success()?;
    certify(&lab, &request)?;
    let chain = text(&lab.internet.directory().join("chain.pem"))?;
    hub.command(&["certificate", "put", "0750655E", &chain])?.success()?;
    sync()?;
    let authority = text(&lab.internet.directory().join("web-ca.pem"))?;
    // A look that refuses nothing: a PC that refuses the box is carried through for a while.
    let look =
        format!("openssl s_client -connect {ENT}:443 -servername {ENT} -CAfile {authority} </dev/null 2>&1");
    wait_until("the box to show it", || {
        Ok(lab.pc2.shell(&look)?.stdout.contains("Verify return code: 0 (ok)"))
    })?;
    let url = format!("https://{ENT}/lecon/1.html");
    let page = curl(&lab.pc2, &["--include", "--cacert", &authority, &url])?;
    ensure!(page.contains("cache-status: preau;") && page.contains("La photosynthèse."), "{page}");
    // Nothing else: another site has its own certificate, which that authority has not signed.
    let other = ["curl", "--silent", "--cacert", &authority, "https://mediatheque.example/"];
    let other = lab.pc2.run(&other)?;
    ensure!(other.status == Some(60), "{other:#?}");
    Ok(())
}

#[test]
fn a_program_certifies_what_boxes_ask_for_by_itself() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let program = folder.path().join("certify");
    // As an ACME client would: the request comes in, the chain goes out.
    let script = CERTIFY
        .replace("cat leaf.pem web-ca.pem > chain.pem", "cat leaf.pem web-ca.pem")
        .replace("-noout 2>&1", "-noout 2>/dev/null");
    fs::write(
        &program,
        format!(
            "#!/bin/sh\ncd {}\n[ \"$1\" = {NAME} ] || exit 9\ncat > request.pem\n{script}",
            folder.path().display()
        ),
    )?;
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755))?;
    let config = folder.path().join("hub.toml");
    fs::write(&config, format!("version = 1\n[certificates]\nprogram = '{}'\n", program.display()))?;
    let hub = Hub::start_with(&["--config", &text(&config)?], "")?;
    let school = School::new()?;
    school.enrol(&hub.code(&[])?, &hub.url())?.success()?;
    hub.command(&["name", "add", "0750655E", NAME])?.success()?;
    school.run(&["sync", "now"])?.success()?;
    wait_until("the program to certify it", || {
        Ok(hub.command(&["certificate", "list"])?.success()?.contains("good until"))
    })?;
    let night = school.run(&["sync", "now"])?;
    ensure!(
        night.is_success() && night.stderr.contains("a certificate for the commune's names is here"),
        "{night:#?}"
    );
    Ok(())
}

const ZONE: &str = "ecoles.example";

/// A hub that has the names of its school certified by this authority, by these proofs; its school's box has asked.
fn ask_by_acme(pebble: &Pebble, folder: &Path, proofs: &str) -> Result<(Hub, School, String)> {
    let config = folder.join("hub.toml");
    let acme = format!(
        "acme = {{ directory = '{}', authority_file = '{}', contact = ['mailto:si@commune.example'], terms_agreed = true }}",
        pebble.directory(),
        text(&pebble.authority())?
    );
    fs::write(&config, format!("version = 1\n[certificates]\n{acme}\n{proofs}\n"))?;
    let config = text(&config)?;
    let hub = Hub::start_with(&["--config", &config], "")?;
    let school = School::new()?;
    school.enrol(&hub.code(&[])?, &hub.url())?.success()?;
    hub.command(&["name", "add", "0750655E", NAME])?.success()?;
    school.run(&["sync", "now"])?.success()?;
    Ok((hub, school, config))
}

fn wait_until_certified(hub: &Hub) -> Result<()> {
    wait_until("the authority to certify it", || {
        Ok(hub.command(&["certificate", "list"])?.success()?.contains("good until"))
    })
}

#[test]
fn an_authority_certifies_what_the_communes_name_server_proves() -> Result<()> {
    let names = NameServer::start(ZONE)?;
    let (pebble, folder) = (Pebble::start(names.address())?, tempfile::tempdir()?);
    let (key, secret) = names.key();
    let file = folder.path().join("zone-key");
    fs::write(&file, secret)?;
    let (server, file) = (names.address(), text(&file)?);
    let proofs = format!(
        "dns = {{ server = '{}', port = {}, zone = '{ZONE}', key_name = '{key}', secret_file = '{file}' }}",
        server.ip(),
        server.port()
    );
    let (hub, school, config) = ask_by_acme(&pebble, folder.path(), &proofs)?;
    wait_until_certified(&hub)?;
    let night = school.run(&["sync", "now"])?;
    ensure!(
        night.is_success() && night.stderr.contains("a certificate for the commune's names is here"),
        "{night:#?}"
    );
    ensure!(names.look_up(&format!("_acme-challenge.{NAME}"))?.is_empty(), "the proof is gone");
    let account = hub.folder.path().join("acme-key");
    ensure!(account.metadata()?.permissions().mode() & 0o777 == 0o600);

    // A name that nobody could prove is given to no school.
    let outside = hub.command(&["name", "add", "0911234X", "hugo.mairie.example"])?;
    ensure!(outside.status == Some(1) && outside.stderr.contains("not in the zone"), "{outside:#?}");
    ensure!(!hub.command(&["name", "list"])?.success()?.contains("mairie"));

    // A key that is damaged keeps no hub from serving; it is told of those who wait.
    let key = fs::read_to_string(&account)?;
    fs::write(&account, "damaged")?;
    let hub = hub.started_again_with(&["--config", &config])?;
    let other = School::new()?;
    let code = hub.command(&["code", "0911234X"])?.success()?;
    other.enrol(code.trim(), &hub.url())?.success()?;
    hub.command(&["name", "add", "0911234X", "hugo.ecoles.example"])?.success()?;
    other.run(&["sync", "now"])?.success()?;
    let hub = hub.started_again_with(&["--config", &config])?;
    wait_until("the hub to say why nothing is certified", || {
        let list = hub.command(&["certificate", "list"])?.success()?;
        Ok(list.contains("key: the key of the account") && list.matches("good until").count() == 1)
    })?;
    ensure!(fs::read_to_string(&account)? == "damaged", "it stays for whoever puts the right one back");

    // Put back, and after a power cut, it is the same hub to the authority: another school's name is certified as well.
    fs::write(&account, &key)?;
    let hub = hub.started_again_with(&["--config", &config])?;
    wait_until("both names to be certified", || {
        Ok(hub.command(&["certificate", "list"])?.success()?.matches("good until").count() == 2)
    })?;
    ensure!(fs::read_to_string(&account)? == key);
    Ok(())
}

#[test]
fn an_authority_certifies_what_a_hook_proves() -> Result<()> {
    let names = NameServer::start(ZONE)?;
    let (pebble, folder) = (Pebble::start(names.address())?, tempfile::tempdir()?);
    let (hook, told) = (folder.path().join("hook"), folder.path().join("told"));
    let (key, secret) = names.key();
    // As a commune's would be: with the tool of the field.
    let script = format!(
        r#"#!/bin/sh
set -e
echo "$1 $2" >> {told}
case $1 in
    present) change="update add $2 60 TXT $3" ;;
    cleanup) change="update delete $2 TXT $3" ;;
esac
printf 'server {address} {port}\nzone {ZONE}\n%s\nsend\n' "$change" | nsupdate -y hmac-sha256:{key}:{secret}
"#,
        told = told.display(),
        address = names.address().ip(),
        port = names.address().port()
    );
    fs::write(&hook, script)?;
    fs::set_permissions(&hook, fs::Permissions::from_mode(0o755))?;
    let (hub, _school, _) = ask_by_acme(&pebble, folder.path(), &format!("hook = '{}'", hook.display()))?;
    wait_until_certified(&hub)?;
    let proof = format!("_acme-challenge.{NAME}");
    let said = fs::read_to_string(&told)?;
    ensure!(said == format!("present {proof}\ncleanup {proof}\n"), "{said}");
    ensure!(names.look_up(&proof)?.is_empty(), "the proof is gone");
    Ok(())
}
