//! Names that the commune owns: the key is made on the box, an authority certifies its request, and every device believes the box.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use anyhow::{Result, ensure};
use harness::{Lab, usual_configuration, wait_until};

use crate::hub::{Hub, School, text};
use crate::hub_urgent::FarHub;

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
