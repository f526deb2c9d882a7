//! Files for pupils: the hub keeps them, a box fetches them in its night, at the byte, and pupils open them from the box, whether the line is up or down.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use harness::{Lab, wait_until};
use hub::register::Register as _;
use hub::register::sqlite::SqliteRegister;

use crate::hub::{Hub, School, text};
use crate::hub_urgent::FarHub;
use crate::outage::CUT;
use crate::workspace::{ENT, curl, open};

const BY: [&str; 4] = ["--days", "14", "--author", "M. Blanc"];
const FILM_BYTES: usize = 3 << 20;

/// A film of three megabytes.
fn film(folder: &Path) -> Result<PathBuf> {
    let path = folder.join("volcan.mp4");
    let bytes: Vec<u8> = (0..FILM_BYTES).map(|place| u8::try_from(place % 251)).collect::<Result<_, _>>()?;
    fs::write(&path, bytes)?;
    Ok(path)
}

/// What lies of files for pupils in a folder, with their lengths.
fn lying(folder: &Path) -> Result<Vec<(PathBuf, u64)>> {
    let mut found = Vec::new();
    if !folder.exists() {
        return Ok(found);
    }
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if name.len() >= 64 {
            found.push((path.clone(), path.metadata()?.len()));
        }
    }
    Ok(found)
}

#[test]
fn a_box_fetches_a_file_at_the_byte_and_keeps_it_while_it_is_wanted() -> Result<()> {
    let (hub, folder, school) = (Hub::start()?, tempfile::tempdir()?, School::new()?);
    let film = film(folder.path())?;
    let path = text(&film)?;
    let add = |more: &[&str]| {
        let what = ["file", "add", &path, "Le volcan"];
        hub.command(&[&what[..], &BY, more].concat())
    };
    let unknown = add(&["--school", "0750656F"])?;
    ensure!(!unknown.is_success(), "there is no such school: {unknown:#?}");
    add(&["--school", "0911234X"])?.success()?;
    school.enrol(&hub.code(&[])?, &hub.url())?.success()?;
    school.run(&["sync", "now"])?.success()?;
    let shelf = school.0.path().join("library");
    ensure!(lying(&shelf)?.is_empty(), "it is another school's");

    let said = add(&["--school", "0750655E"])?.success()?;
    ensure!(said.contains("volcan.mp4 is here, 3145728 bytes, video/mp4, "), "{said}");
    let night = school.run(&["sync", "now"])?;
    ensure!(night.is_success() && night.stderr.contains("Le volcan is here for pupils"), "{night:#?}");
    let (here, bytes) = lying(&shelf)?.pop().context("the film")?;
    ensure!(bytes == FILM_BYTES as u64 && fs::read(&here)? == fs::read(&film)?, "byte by byte");
    let listed = hub.command(&["file", "list"])?.success()?;
    let own = listed.lines().find(|line| line.contains("\t0750655E\tvolcan.mp4\t")).context("its line")?;
    ensure!(own.ends_with("\t1/1"), "{listed}");
    ensure!(!school.run(&["sync", "now"])?.stderr.contains("volcan.mp4"), "once is enough");

    check_cut(&school, &here)?;
    check_damage(&hub, &school, &here)?;

    // Taken back, it goes from the hub once nobody is to have it, and from the box in its night.
    for id in ["1", "2"] {
        hub.command(&["file", "remove", id])?.success()?;
    }
    ensure!(fs::read_dir(hub.folder.path().join("files/0"))?.count() == 0, "nobody is to have it");
    school.run(&["sync", "now"])?.success()?;
    ensure!(lying(&shelf)?.is_empty(), "nobody wants it any more");
    let acts = hub.command(&["acts"])?.success()?;
    for deed in ["file-added\t0750655E volcan.mp4", "file-removed\t0750655E volcan.mp4"] {
        ensure!(acts.contains(deed), "{deed}: {acts}");
    }
    Ok(())
}

/// A file whose line was cut half-way goes on at the byte.
fn check_cut(school: &School, path: &Path) -> Result<()> {
    let part = path.with_extension("part");
    fs::rename(path, &part)?;
    File::options().write(true).open(&part)?.set_len(1_500_000)?;
    let night = school.run(&["sync", "now"])?;
    let first = night.stderr.lines().find(|line| line.starts_with("volcan.mp4")).context("its progress")?;
    ensure!(first.contains(": 2500000 of 3145728 bytes"), "{night:#?}");
    ensure!(path.exists() && !part.exists(), "{night:#?}");
    Ok(())
}

/// What the hub hands out and is not what it has signed for is not kept, told, and fetched again once it is right.
fn check_damage(hub: &Hub, school: &School, path: &Path) -> Result<()> {
    let (blob, _) = lying(&hub.folder.path().join("files/0"))?.pop().context("the hub's own")?;
    let right = fs::read(&blob)?;
    let mut wrong = right.clone();
    *wrong.last_mut().context("a byte")? ^= 1;
    fs::write(&blob, wrong)?;
    fs::remove_file(path)?;
    school.run(&["sync", "now"])?.success()?;
    ensure!(!path.exists(), "it is not what the hub has signed for");
    let register = SqliteRegister::open(&hub.folder.path().join("register.sqlite"))?;
    let health =
        || -> Result<String> { register.boxes()?.pop().context("the box")?.health.context("its health") };
    let told = "\"library\":{\"wanted\":1,\"here\":[],\"trouble\":\"damaged\"}";
    ensure!(health()?.contains(told), "{}", health()?);
    fs::write(&blob, &right)?;
    school.run(&["sync", "now"])?.success()?;
    ensure!(path.exists() && !health()?.contains("damaged"), "{}", health()?);
    // What the box's own disk has made of it counts as little: it is read again, and comes again.
    let mut forgotten = right.clone();
    *forgotten.first_mut().context("a byte")? ^= 1;
    fs::write(path, forgotten)?;
    school.run(&["sync", "now"])?.success()?;
    ensure!(fs::read(path)? == right, "as the commune has sent it");
    Ok(())
}

/// The address of a file on the box's home page.
fn find(home: &str, name: &str) -> Result<String> {
    let links = home.split("href=\"/ressources/").skip(1);
    let mut paths = links.filter_map(|rest| rest.split('"').next());
    let path = paths.find(|path| path.ends_with(name)).with_context(|| format!("no {name}: {home}"))?;
    Ok(format!("http://preau.lan/ressources/{path}"))
}

#[test]
fn pupils_open_a_file_of_the_commune_with_the_line_down() -> Result<()> {
    let lab = Lab::new()?;
    let (appliance, own) = open(&lab)?;
    let hub = FarHub::start(&lab)?;
    hub.enrol(&appliance)?;
    let folder = tempfile::tempdir()?;
    let (film, page) = (film(folder.path())?, folder.path().join("page.html"));
    fs::write(&page, "<script>alert(1)</script>")?;
    for (path, title) in [(&film, "Le volcan"), (&page, "La page")] {
        hub.command(&[&["file", "add", &text(path)?, title], &BY[..]].concat())?.success()?;
    }
    wait_until("the night that brings them", || {
        drop(appliance.run(&["sync", "now"])?);
        let listed = hub.command(&["file", "list"])?.success()?;
        Ok(listed.lines().count() == 2 && listed.lines().all(|line| line.ends_with("\t1/1")))
    })?;

    // The class has been at work: the box knows who trusts it.
    curl(&lab.pc1, &["--cacert", &own, &format!("https://{ENT}/lecon/1.html")])?;
    lab.internet.shell(CUT)?.success()?;
    let home = || curl(&lab.pc1, &["http://preau.lan/"]);
    // The box looks at what has come now and then: both may not be seen at once.
    wait_until("both on the home page", || {
        let home = home()?;
        Ok(home.contains("Le volcan") && home.contains("La page"))
    })?;
    let (url, active) = (find(&home()?, "/volcan.mp4")?, find(&home()?, "/page.html")?);
    let got = lab.pc1.directory().join("volcan.mp4");
    curl(&lab.pc1, &["--output", &text(&got)?, &url])?;
    ensure!(fs::read(&got)? == fs::read(&film)?, "the pupil sees what the commune has sent");
    let part = curl(&lab.pc1, &["--include", "--range", "2-4", "--output", "-", &url])?.to_lowercase();
    ensure!(part.starts_with("http/1.1 206 ") && part.contains("bytes 2-4/3145728"), "{part}");
    ensure!(part.contains("content-type: video/mp4"), "{part}");
    let page = curl(&lab.pc1, &["--include", &active])?.to_lowercase();
    ensure!(page.contains("content-disposition: attachment;") && page.contains("sandbox"), "{page}");
    ensure!(!page.contains("content-type: text/html"), "{page}");

    // Whoever is no device of the school reads nothing of it.
    let status = ["--output", "/dev/null", "--write-out", "%{http_code}", &url];
    ensure!(curl(&lab.tablet, &status)? == "404");
    ensure!(!curl(&lab.tablet, &["http://preau.lan/"])?.contains("Le volcan"));

    // It stands on the page in place of the workspace, too.
    wait_until("the page in place of the workspace", || {
        let address = format!("https://{ENT}/inconnue");
        let usual = ["--cacert", &own, "--header", "Accept: text/html", "--max-time", "60", &address];
        let page = curl(&lab.pc1, &usual)?;
        let is_told = page.contains("L’ENT ne répond pas");
        Ok(is_told && page.contains("http://preau.lan/ressources/") && page.contains("Le volcan"))
    })
}
