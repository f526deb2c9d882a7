//! A fresh box becomes one of the commune's: on its page, by a USB stick, and with the state of the box before.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};
use harness::{Appliance, Lab, RESOLVER_IPV4, preau_binary, usual_configuration, wait_until};

use crate::hub::text;
use crate::hub_urgent::FarHub;
use crate::people::{AUTHORITY, Browser, Page};

const PAGE: &str = "/inscription";
const SITE: &str = "http://mediatheque.example/";
/// Whom the school of the lost box calls.
const HELPDESK: &str = "05 67 89 01 23";
/// Whom a box calls that nobody has told anything.
const USUAL_HELPDESK: &str = "01 23 45 67 89";

/// A box that nobody has told anything.
fn start<'lab>(lab: &'lab Lab, options: &[&str]) -> Result<Appliance<'lab>> {
    let mut appliance = lab.appliance_with(&usual_configuration())?;
    appliance.start_with(options)?;
    appliance.wait_until_ready(&lab.pc1)?;
    Ok(appliance)
}

fn code(hub: &FarHub<'_>, more: &[&str]) -> Result<String> {
    Ok(hub.command(&[&["code", "0750655E"], more].concat())?.success()?.trim().to_owned())
}

/// Fills in the form; not before the last try is some seconds old.
fn type_code(browser: &Browser<'_>, code: &str, hub: &str) -> Result<Page> {
    let mut answer = None;
    wait_until("the form to be taken", || {
        let page = browser.get(PAGE)?;
        if page.token().is_err() {
            return Ok(false);
        }
        let filled = browser.fill(&page, PAGE, &format!("code={code}&serveur={hub}"))?;
        let is_heard = !filled.text.contains("Un essai est en cours");
        answer = Some(filled);
        Ok(is_heard)
    })?;
    answer.context("an answer")
}

fn await_words(browser: &Browser<'_>, words: &str) -> Result<()> {
    wait_until(words, || Ok(browser.get(PAGE)?.text.contains(words)))
}

fn status_of(lab: &Lab) -> Result<String> {
    let quiet =
        ["curl", "--silent", "--output", "/dev/null", "--max-time", "5", "--write-out", "%{http_code}"];
    Ok(lab.pc1.run(&[&quiet[..], &[SITE]].concat())?.stdout)
}

#[test]
fn a_technician_types_the_code_on_the_page_of_the_box_and_is_told_what_is_wrong() -> Result<()> {
    let lab = Lab::new()?;
    let hub = FarHub::start(&lab)?;
    let appliance = start(&lab, &[])?;
    let browser = Browser::plain(&lab, &lab.pc1, "technician");
    wait_until("the box to see that it is fresh", || Ok(browser.get("/")?.text.contains(PAGE)))?;

    let place = format!("{RESOLVER_IPV4}:8443");
    let wrong = type_code(&browser, "K7QM-4XRT", &place)?;
    ensure!(wrong.status == "400" && wrong.text.contains("mal tapé"), "{} {}", wrong.status, wrong.text);
    let code = code(&hub, &[])?;
    let wrong = type_code(&browser, &code, "ftp://hub")?;
    ensure!(wrong.status == "400" && wrong.text.contains("pas l’adresse d’un hub"), "{}", wrong.text);
    let begun = type_code(&browser, &code, &format!("{RESOLVER_IPV4}:1"))?;
    ensure!(begun.status == "303", "{} {}", begun.status, begun.text);
    await_words(&browser, "ne répond pas")?;
    ensure!(!appliance.run(&["sync", "status"])?.is_success(), "nothing has changed");

    type_code(&browser, &code.to_lowercase(), &place)?;
    await_words(&browser, "Ce boîtier est inscrit")?;
    ensure!(appliance.run(&["sync", "status"])?.success()?.contains("École Jules-Ferry"));
    // Nobody was named: whoever looks is told, and makes herself nothing.
    await_words(&browser, "personne ne peut s’y connecter")?;
    ensure!(browser.get("/")?.text.contains("personne ne peut s’y connecter"));
    wait_until("its first night", || Ok(appliance.log()?.contains("the hub has what it should have")))?;
    ensure!(browser.get(PAGE)?.token().is_err(), "nobody enrols it again");
    let log = appliance.log()?;
    ensure!(!log.contains(&code), "the code is in no log");
    Ok(())
}

/// There is no shell on a box of the image: whoever signs in there first is made by the form.
#[test]
fn the_head_of_a_first_box_is_made_by_its_form_and_signs_in() -> Result<()> {
    let lab = Lab::new()?;
    let hub = FarHub::start(&lab)?;
    let appliance = start(&lab, &[])?;
    let browser = Browser::plain(&lab, &lab.pc1, "technician");
    let code = code(&hub, &[])?;
    let fields = |secret: &str| format!("{RESOLVER_IPV4}:8443&direction=Mme+Durand&secret={secret}");
    let short = type_code(&browser, &code, &fields("trois+chats"))?;
    ensure!(
        short.status == "400" && short.text.contains("Ce mot de passe ne convient pas"),
        "{} {}",
        short.status,
        short.text
    );
    ensure!(!appliance.run(&["sync", "status"])?.is_success(), "the code was not tried");
    type_code(&browser, &code, &fields("trois+chats+gris"))?;
    await_words(&browser, "Vous pouvez partir")?;

    let file = text(&lab.directory().join(AUTHORITY))?;
    appliance.run(&["ca", "export", "--out", &file])?.success()?;
    let head = Browser::new(&lab, &lab.pc1, "head");
    head.begin("nom=Mme+Durand", "trois+chats+gris", "quatre+chiens+noirs")?;
    ensure!(head.get("/direction")?.status == "200", "she decides for the school");
    wait_until("the act that made her", || {
        let acts = appliance.run(&["journal", "search", "--json", "--acts"])?.success()?;
        Ok(acts.lines().any(|act| act.contains("add-person") && act.contains("Mme Durand")))
    })?;
    ensure!(appliance.run(&["person", "list"])?.success()?.lines().count() == 1, "she is the only one");
    ensure!(!appliance.log()?.contains("chats"), "the password is in no log");
    Ok(())
}

/// Nothing works without the line: it is typed before any code. That networkd then gives the port this address is the image's to show.
#[test]
fn the_line_of_a_fresh_box_is_typed_and_no_mistake_reaches_the_school() -> Result<()> {
    const LINE: &str = "/inscription/ligne";
    let lab = Lab::new()?;
    let appliance = start(&lab, &[])?;
    let browser = Browser::plain(&lab, &lab.pc1, "technician");
    wait_until("the box to see that it is fresh", || Ok(browser.get(LINE)?.status == "200"))?;
    let folder = lab.appliance.directory().join("networkd");
    fs::create_dir_all(&folder)?;
    let (binary, out) = (text(&preau_binary()?)?, text(&folder)?);
    let line = text(&appliance.data().join("line.toml"))?;
    // As the units of systemd do it.
    let render = || -> Result<(String, Option<String>)> {
        let config = ["network", "write", "--config", "preau.toml"];
        let places = ["--line", line.as_str(), "--out", out.as_str()];
        lab.appliance.run(&[&[binary.as_str()][..], &config, &places].concat())?.success()?;
        let school = fs::read_to_string(folder.join("lan.network"))?;
        Ok((school, fs::read_to_string(folder.join("wan.network")).ok()))
    };
    let (school, none) = render()?;
    ensure!(school.contains("Address=10.77.0.1/24") && none.is_none(), "by DHCP: {school} {none:?}");

    let page = browser.get(LINE)?;
    let form = |address: &str, gateway: &str| {
        format!("ligne=fixe&adresse={address}&passerelle={gateway}&dns=192.0.2.53,+192.0.2.54")
    };
    for (address, gateway, words) in [
        ("10.77.0.9/24", "10.77.0.254", "dans le réseau de l’école"),
        ("192.0.2.10", "192.0.2.1", "un préfixe"),
        ("192.0.2.10/24", "192.0.3.1", "La passerelle ne convient pas"),
    ] {
        let wrong = browser.fill(&page, LINE, &form(address, gateway))?;
        ensure!(wrong.status == "400" && wrong.text.contains(words), "{} {}", wrong.status, wrong.text);
        ensure!(render()? == (school.clone(), None), "nothing has changed");
    }
    let kept = browser.fill(&page, LINE, &form("198.51.100.10/24", "198.51.100.1"))?;
    ensure!(kept.status == "303", "{} {}", kept.status, kept.text);
    let (still, port) = render()?;
    let port = port.context("a file of the line's port")?;
    ensure!(still == school, "the school's port is as it was: {still}");
    ensure!(
        port.contains("Address=198.51.100.10/24\nGateway=198.51.100.1\nDNS=192.0.2.53\nDNS=192.0.2.54\n")
            && !port.contains("DHCP=yes"),
        "{port}"
    );
    ensure!(browser.get(LINE)?.text.contains("198.51.100.10/24"));
    // Whatever stands in that file, the school has its port.
    fs::write(appliance.data().join("line.toml"), "[wan]\naddress = \"10.77.0.1/24\\nName=lan0\"\n")?;
    ensure!(render()? == (school.clone(), None), "what is no line is none");
    browser.fill(&browser.get(LINE)?, LINE, "ligne=dhcp")?;
    ensure!(render()? == (school, None));
    // Somebody's box is changed by those who keep it.
    appliance.add_usual_devices()?;
    wait_until("the page to be gone", || Ok(browser.get(LINE)?.status == "303"))?;
    Ok(())
}

#[test]
fn a_box_that_somebody_has_used_has_no_such_page() -> Result<()> {
    let lab = Lab::new()?;
    let mut appliance = lab.appliance_with(&usual_configuration())?;
    appliance.add_usual_devices()?;
    let screen = lab.directory().join("screen.json");
    appliance.start_with(&["--screen", &text(&screen)?])?;
    appliance.wait_until_ready(&lab.pc1)?;
    // Before its first look the box is fresh to nobody.
    wait_until("the box to look whose it is", || Ok(screen.exists()))?;
    let page = Browser::plain(&lab, &lab.pc1, "pupil").get(PAGE)?;
    ensure!(
        (page.status.as_str(), page.location.as_str()) == ("303", "/"),
        "{} {}",
        page.status,
        page.location
    );
    Ok(())
}

/// The first box of the school, with a rule; the hub has its state, and it is gone.
fn lose_a_box(lab: &Lab, hub: &FarHub<'_>) -> Result<()> {
    let mut appliance = lab.appliance_with(&usual_configuration().replace(USUAL_HELPDESK, HELPDESK))?;
    appliance.add_usual_devices()?;
    appliance.start()?;
    appliance.wait_until_ready(&lab.pc1)?;
    hub.enrol(&appliance)?;
    let rule = ["override", "refuse", "mediatheque.example", "--room", "CM2", "--author", "M. Bernard"];
    appliance.run(&[&rule[..], &["--layer", "school", "--reason", "concours"]].concat())?.success()?;
    wait_until("the rule", || Ok(status_of(lab)? == "403"))?;
    let night = appliance.run(&["sync", "now"])?;
    ensure!(night.is_success(), "{night:#?}");
    appliance.kill9()?;
    let disk = appliance.data().with_file_name("disk-of-the-lost-box");
    Ok(fs::rename(appliance.data(), disk)?)
}

/// The box ends by itself, and is started again as systemd would.
fn await_new_beginning(lab: &Lab, appliance: &mut Appliance<'_>) -> Result<()> {
    wait_until("the box to end", || Ok(!appliance.is_running()?))?;
    ensure!(appliance.log()?.contains("the box begins anew with this state"), "{}", appliance.log()?);
    appliance.start()?;
    appliance.wait_until_ready(&lab.pc1)?;
    wait_until("the school's rule", || Ok(status_of(lab)? == "403"))?;
    let devices = appliance.run(&["device", "list"])?.success()?;
    ensure!(devices.contains("CM2-01") && devices.contains("CM2-02"), "{devices}");
    let status = appliance.run(&["sync", "status"])?.success()?;
    ensure!(status.contains("box\t2"), "{status}");
    // It reads the school's configuration from then on; its own is kept.
    let own = appliance.data().with_file_name("preau.toml");
    let (now, before) = (fs::read_to_string(&own)?, fs::read_to_string(own.with_extension("toml.before"))?);
    ensure!(now.contains(HELPDESK) && before.contains(USUAL_HELPDESK), "{now}\n{before}");
    Ok(())
}

#[test]
fn a_replacement_is_whole_some_moments_after_its_code_was_typed_on_its_page() -> Result<()> {
    let lab = Lab::new()?;
    let hub = FarHub::start(&lab)?;
    lose_a_box(&lab, &hub)?;
    let mut appliance = start(&lab, &[])?;
    let browser = Browser::plain(&lab, &lab.pc1, "technician");
    let begun = type_code(&browser, &code(&hub, &["--replace"])?, &format!("{RESOLVER_IPV4}:8443"))?;
    ensure!(begun.status == "303", "{} {}", begun.status, begun.text);
    await_new_beginning(&lab, &mut appliance)?;
    let page = browser.get(PAGE)?;
    ensure!(
        (page.status.as_str(), page.location.as_str()) == ("303", "/"),
        "{} {}",
        page.status,
        page.location
    );
    Ok(())
}

/// Between the answer of the hub and the state: what is on the disk then is what a power cut leaves.
#[test]
fn a_replacement_whose_power_is_cut_goes_on_by_itself() -> Result<()> {
    let lab = Lab::new()?;
    let hub = FarHub::start(&lab)?;
    lose_a_box(&lab, &hub)?;
    let mut appliance = start(&lab, &[])?;
    appliance.kill9()?;
    let (code, url) = (code(&hub, &["--replace"])?, format!("https://{RESOLVER_IPV4}:8443"));
    let nowhere = text(&lab.directory().join("no-such-folder/preau.toml"))?;
    let cut = appliance.run(&["enrol", &code, "--hub", &url, "--config", &nowhere])?;
    ensure!(!cut.is_success() && appliance.data().join("hub/heir").exists(), "{cut:#?}");
    ensure!(!appliance.data().join("hub/identity").exists(), "it is nothing at the hub yet");
    appliance.start()?;
    await_new_beginning(&lab, &mut appliance)?;
    ensure!(!appliance.data().join("hub/heir").exists());
    Ok(())
}

#[test]
fn a_stick_enrols_a_box_and_its_screen_tells_how_far_it_is() -> Result<()> {
    let lab = Lab::new()?;
    let hub = FarHub::start(&lab)?;
    let [stick, screen] = ["enrol.toml", "screen.json"].map(|name| lab.directory().join(name));
    let (stick_path, screen_path) = (text(&stick)?, text(&screen)?);
    let options = ["--stick", stick_path.as_str(), "--screen", screen_path.as_str()];
    fs::write(&stick, "hub = 1\n")?;
    let mut appliance = start(&lab, &options)?;
    let await_shown = |words: &str| {
        wait_until(words, || Ok(fs::read_to_string(&screen).is_ok_and(|shown| shown.contains(words))))
    };
    await_shown("clé USB n’est pas bon")?;
    ensure!(!appliance.run(&["sync", "status"])?.is_success(), "nonsense changes nothing");

    let code = code(&hub, &[])?;
    fs::write(&stick, format!("hub = \"https://{RESOLVER_IPV4}:8443\"\ncode = \"{code}\"\n"))?;
    await_shown("Ce boîtier est inscrit")?;
    ensure!(appliance.run(&["sync", "status"])?.success()?.contains("École Jules-Ferry"));
    // It stays plugged in: the box is somebody's, and names of devices are on no screen.
    appliance.add_usual_devices()?;
    appliance.kill9()?;
    appliance.start_with(&options)?;
    appliance.wait_until_ready(&lab.pc1)?;
    fs::remove_file(&screen)?;
    await_shown("le web est ouvert")?;
    let shown = fs::read_to_string(&screen)?;
    ensure!(shown.contains(RESOLVER_IPV4) && shown.contains("École Jules-Ferry"), "whose box it is: {shown}");
    ensure!(
        !shown.contains("Ce boîtier est inscrit") && !shown.contains("CM2-01") && !shown.contains(&code),
        "{shown}"
    );
    let boxes = hub.command(&["box", "list"])?.success()?;
    ensure!(boxes.lines().count() == 1, "{boxes}");
    Ok(())
}

/// By the script that the image runs as root, with a `mount` that mounts nothing and tells how it was called.
#[test]
fn of_a_stick_one_plain_file_is_copied_and_its_kind_is_not_guessed() -> Result<()> {
    const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../image/tree/usr/lib/preau/stick");
    const MOUNT: &str = r#"echo "$*" >>"$STICK.log"; [ "$2" = exfat ] && cp -a "$STICK/." "$6""#;
    let lab = Lab::new()?;
    let folder = lab.directory().join("plugged");
    let file = folder.join("stick/preau-enrol.toml");
    fs::create_dir_all(folder.join("stick"))?;
    for (name, body) in [("mount", MOUNT), ("umount", ""), ("rmdir", "rm -r \"$1\"")] {
        let program = folder.join(name);
        fs::write(&program, format!("#!/bin/sh\n{body}\n"))?;
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755))?;
    }
    let place = text(&folder)?;
    let plug_in = format!(
        "/bin/mount -t tmpfs none /run && mkdir /run/preau-stick && export PATH={place}:$PATH STICK={place}/stick TMPDIR={place} &&
         {SCRIPT} /dev/sdx1 && cat /run/preau-stick/enrol.toml"
    );
    let plug_in = || lab.internet.run(&["unshare", "--mount", "sh", "-c", &plug_in]);

    fs::write(&file, "#".repeat(9_000))?;
    let copied = plug_in()?.success()?;
    ensure!(copied.len() == 4_097, "one byte more than the box takes: {}", copied.len());
    let called = fs::read_to_string(folder.join("stick.log"))?;
    ensure!(called.starts_with("-t vfat ") && called.contains("\n-t exfat "), "{called}");
    ensure!(called.lines().all(|line| line.contains(" -o ro,nosuid,nodev,noexec /dev/sdx1 ")), "{called}");
    fs::remove_file(&file)?;
    symlink("/etc/passwd", &file)?;
    let copied = plug_in()?;
    ensure!(!copied.is_success() && copied.stdout.is_empty(), "a link is no plain file: {copied:#?}");
    Ok(())
}

/// By a terminal of its own, as the machine's screen is one.
#[test]
fn the_screen_has_one_key_and_a_word() -> Result<()> {
    const SCREEN: &str = r#"{"beat": 1, "version": "1", "school": "École", "pages": "http://preau.lan", "addresses": [],
        "lines": [{"tone": "bad", "text": "Pas de ligne"}]}"#;
    let folder = tempfile::tempdir()?;
    let [screen, order, shown] = ["screen.json", "order", "shown"].map(|name| folder.path().join(name));
    fs::write(&screen, SCREEN)?;
    let (program, screen, order_path) = (text(&preau_binary()?)?, text(&screen)?, text(&order)?);
    let console = format!("{program} console --screen {screen} --reset-order {order_path}");
    #[expect(clippy::disallowed_methods, reason = "a whole-box test runs the program")]
    let mut process = Command::new("script")
        .args(["--quiet", "--flush", "--command", &console, &text(&shown)?])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()?;
    let await_shown = |words: &str| {
        wait_until(words, || {
            let shown = fs::read(&shown).unwrap_or_default();
            Ok(String::from_utf8_lossy(&shown).contains(words))
        })
    };
    await_shown("Pas de ligne")?;
    let mut keys = process.stdin.take().context("its keyboard")?;
    // What ends other programs, and half of the word.
    keys.write_all(b"\x03\x1crEFFACE\r")?;
    await_shown("Rien n'a été effacé")?;
    ensure!(!order.exists(), "nothing is ordered");
    keys.write_all(b"rEFFACER\r")?;
    wait_until("the order", || Ok(order.exists()))?;
    await_shown("Ne le débranchez pas")?;
    process.kill()?;
    process.wait().map(drop).map_err(Into::into)
}
