//! The hub's description of its API, and whether the hub is what it describes: schemathesis asks all that it permits, and what it does not.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::Value;

use crate::hub::{Hub, School, text};
use crate::sealing::python;

const TOKEN: &str = "a-token-of-the-test";
/// Questions of each operation that are made up, beside those that each limit of the description brings: half a minute in all.
const EXAMPLES: &str = "15";
/// The same questions each time.
const SEED: &str = "7";
/// What a description cannot say: that bytes are a key, or a text a checkpoint of this box. Such values are refused as they should be.
const CHECKS_LEFT_OUT: &str = "positive_data_acceptance";
/// What waits for fifty seconds where there is nothing new: it is asked by hand.
const PATH_LEFT_OUT: &str = "/api/v1/urgent";

/// With 413: what is too long by the description is so for the hub.
const CONFIGURATION: &str = "[checks.negative_data_rejection]
expected-statuses = [400, 401, 403, 404, 405, 406, 409, 413, 415, 422, 428, 429]
";

/// A certificate in PEM.
fn pem(encoded: &Value) -> Result<String> {
    let der = URL_SAFE_NO_PAD.decode(encoded.as_str().context("a certificate")?)?;
    let text = STANDARD.encode(der);
    let lines: Vec<&str> = text.as_bytes().chunks(64).map(std::str::from_utf8).collect::<Result<_, _>>()?;
    Ok(format!("-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n", lines.join("\n")))
}

/// Writes what a client shows and believes; its arguments.
pub(crate) fn credentials(school: &School, folder: &Path) -> Result<Vec<String>> {
    let identity: Value = serde_json::from_str(&fs::read_to_string(school.0.path().join("hub/identity"))?)?;
    let mut arguments = Vec::new();
    for (argument, name, contents) in [
        ("--request-cert", "box.crt", pem(&identity["enrolled"]["certificate"])?),
        ("--request-cert-key", "box.key", identity["key"].as_str().context("a key")?.to_owned()),
        ("--tls-verify", "hub.crt", pem(&identity["authority"])?),
    ] {
        let path = folder.join(name);
        fs::write(&path, contents)?;
        arguments.extend([argument.to_owned(), text(&path)?]);
    }
    Ok(arguments)
}

/// Asks by the box's certificate; the status, and the answer with its head.
pub(crate) fn ask(hub: &Hub, folder: &Path, arguments: &[&str]) -> Result<(u16, String)> {
    let [certificate, key, authority] =
        ["box.crt", "box.key", "hub.crt"].map(|name| folder.join(name).display().to_string());
    #[expect(clippy::disallowed_methods, reason = "a whole-box test runs a program that everybody has")]
    let mut command = Command::new("curl");
    command.args(["--silent", "--show-error", "--include", "--max-time", "20", "--http1.1"]);
    command.args(["--cert", &certificate, "--key", &key, "--cacert", &authority]);
    let (last, before) = arguments.split_last().context("a path")?;
    let said = command.args(before).arg(format!("{}{last}", hub.url())).output()?;
    ensure!(said.status.success(), "{}", String::from_utf8_lossy(&said.stderr));
    let text = String::from_utf8_lossy(&said.stdout).into_owned();
    let status = text.split(' ').nth(1).and_then(|status| status.parse().ok());
    Ok((status.with_context(|| text.clone())?, text))
}

/// What is new is told at once; and the path has no other method, and no other name.
fn ask_what_is_urgent(hub: &Hub, folder: &Path) -> Result<()> {
    hub.command(&["notice", "add", "Jeudi, une nouvelle version", "--author", "M. Blanc"])?.success()?;
    let asked = format!("{PATH_LEFT_OUT}?policy=0&sheet=0");
    let (status, text) = ask(hub, folder, &[&asked])?;
    let tide: Value = serde_json::from_str(text.lines().last().context("an answer")?)?;
    ensure!(status == 200 && tide["policy"] == 0 && tide["sheet"].as_u64() > Some(0), "{text}");
    let (status, text) = ask(hub, folder, &[&format!("{PATH_LEFT_OUT}?policy=0&sheet=many")])?;
    ensure!(status == 400 && text.contains("malformed"), "{text}");
    let (status, text) = ask(hub, folder, &["--request", "POST", PATH_LEFT_OUT])?;
    ensure!(status == 405 && text.to_lowercase().contains("allow: get"), "{text}");
    let (status, text) = ask(hub, folder, &[&format!("{PATH_LEFT_OUT}/more")])?;
    ensure!(status == 404, "{text}");
    Ok(())
}

/// A range that ends before it begins is what the description permits to be written, and what it says is refused: whatever the file.
fn ask_for_no_range(hub: &Hub, folder: &Path) -> Result<()> {
    for range in ["9-3", "1-0"] {
        let asked = ["--range", range, "/api/v1/releases/1.4.0/SHA256SUMS"];
        let (status, text) = ask(hub, folder, &asked)?;
        ensure!(status == 400 && text.contains("malformed"), "{range}: {text}");
    }
    let (status, text) = ask(hub, folder, &["--range", "3-9", "/api/v1/releases/1.4.0/SHA256SUMS"])?;
    ensure!(status == 404 && text.contains("no-release"), "{text}");
    Ok(())
}

#[test]
fn the_hub_is_what_it_describes() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let (token, configuration) = (folder.path().join("token"), folder.path().join("hub.toml"));
    fs::write(&token, TOKEN)?;
    fs::write(&configuration, format!("version = 1\n[metrics]\ntoken_file = {token:?}\n"))?;
    let hub = Hub::start_with(&["--config", &text(&configuration)?], "")?;
    let school = School::new()?;
    school.enrol(&hub.code(&[])?, &hub.url())?.success()?;
    let program = Path::new(&python()?).with_file_name("schemathesis");
    ensure!(program.is_file(), "there is no schemathesis in target/tools: run `./dev test`");
    #[expect(clippy::disallowed_methods, reason = "a whole-box test runs a client of the hub")]
    let mut command = Command::new(program);
    let settings = folder.path().join("schemathesis.toml");
    fs::write(&settings, CONFIGURATION)?;
    command.args(["--config-file", &text(&settings)?]);
    command.args(["run", &format!("{}/api/v1/openapi.json", hub.url()), "--url", &hub.url()]);
    command.args(credentials(&school, folder.path())?);
    command.args(["--header", &format!("Authorization: Bearer {TOKEN}")]);
    command.args(["--exclude-path", PATH_LEFT_OUT]);
    command.args(["--checks", "all", "--exclude-checks", CHECKS_LEFT_OUT]);
    command.args(["--phases", "examples,coverage,fuzzing", "--max-examples", EXAMPLES, "--seed", SEED]);
    // One at a time: with two, Python 3.11 now and then breaks off (its parser counts the depth of two threads together).
    command.args(["--workers", "1", "--no-color", "--continue-on-failure", "--warnings", "off"]);
    let said = command.current_dir(folder.path()).env("HOME", folder.path()).output()?;
    let said_text = String::from_utf8_lossy(&said.stdout);
    ensure!(said.status.success(), "{said_text}{}", String::from_utf8_lossy(&said.stderr));
    let count = |label: &str| {
        let line = said_text.lines().find_map(|line| line.trim().strip_prefix(label));
        line.and_then(|line| line.trim().split('/').next()?.parse::<u32>().ok())
    };
    ensure!(count("Tested:") >= Some(18) && count("Tested:") == count("Selected:"), "{said_text}");
    ask_what_is_urgent(&hub, folder.path())?;
    ask_for_no_range(&hub, folder.path())?;
    // Whatever it was asked, it is the same hub.
    school.run(&["sync", "now"])?.success()?;
    Ok(())
}
