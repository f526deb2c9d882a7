//! The machine of the hub is lost, and another one goes on with the back-up, as docs/hub.md says it is made: nothing of a log is missing, no box enrols
//! anew, and a replacement still takes over.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Result, ensure};
use harness::{Appliance, Lab, ObjectStore, Output, Postgres};

use crate::hub::{Hub, School, configuration, files_at, preau, run_day, sealed_at, text};

/// What is copied once; the last two where there are any.
const KEYS: [&str; 6] = ["authority", "members", "witness", "snapshot-key", "engines", "credentials"];

/// What stands behind a hub. It ends with its value.
struct Engines {
    database: Option<Postgres>,
    store: Option<ObjectStore>,
}

impl Engines {
    fn start() -> Result<Self> {
        Ok(Self { database: Some(Postgres::start()?), store: Some(ObjectStore::start()?) })
    }

    /// How a hub is told of it.
    fn words(&self) -> Vec<String> {
        let mut words = Vec::new();
        if let Some(database) = &self.database {
            words.extend(["--register".to_owned(), database.address()]);
        }
        if let Some(store) = &self.store {
            let place = format!("s3://{}/hub", store.bucket());
            let region = store.region().to_owned();
            let told = ["--blobs", &place, "--s3-endpoint", &store.endpoint(), "--s3-region", &region];
            words.extend(told.map(str::to_owned));
        }
        words
    }

    fn credentials(&self) -> String {
        self.store.as_ref().map_or_else(String::new, |store| {
            let (key, secret) = store.credentials();
            format!("s3 {key} {secret}\n")
        })
    }
}

/// A back-up: keys, then the register, then the files.
struct BackUp {
    place: tempfile::TempDir,
    /// Of PostgreSQL.
    dump: Option<Vec<u8>>,
    store: Option<ObjectStore>,
}

impl BackUp {
    /// While the hub runs.
    fn make(hub: &Hub, engines: &Engines) -> Result<Self> {
        let (place, data) = (tempfile::tempdir()?, hub.folder.path());
        for name in KEYS.iter().filter(|name| data.join(name).exists()) {
            fs::copy(data.join(name), place.path().join(name))?;
        }
        let dump = engines.database.as_ref().map(Postgres::dump).transpose()?;
        if dump.is_none() {
            let copy = format!(".backup {}", place.path().join("register.sqlite").display());
            run("sqlite3", &[&text(&data.join("register.sqlite"))?, &copy])?;
        }
        let store = engines.store.as_ref().map(ObjectStore::start_copy).transpose()?;
        if store.is_none() {
            run("cp", &["--archive", &text(&data.join("files"))?, &text(place.path())?])?;
        }
        Ok(Self { place, dump, store })
    }

    /// Puts it onto a machine on which there is nothing; what stands behind that.
    fn put_back(self, data: &Path) -> Result<Engines> {
        for entry in fs::read_dir(data)? {
            let path = entry?.path();
            if path.is_dir() {
                fs::remove_dir_all(path)?;
            } else {
                fs::remove_file(path)?;
            }
        }
        run("cp", &["--archive", "--no-target-directory", &text(self.place.path())?, &text(data)?])?;
        let database = self.dump.map(|dump| {
            let database = Postgres::start()?;
            database.restore(&dump).map(|()| database)
        });
        Ok(Engines { database: database.transpose()?, store: self.store })
    }
}

fn run(program: &str, arguments: &[&str]) -> Result<()> {
    #[expect(clippy::disallowed_methods, reason = "a whole-box test runs programs that everybody has")]
    let said = Command::new(program).args(arguments).output()?;
    ensure!(said.status.success(), "{program}: {}", String::from_utf8_lossy(&said.stderr));
    Ok(())
}

fn refuse(hub: &Hub, site: &str) -> Result<()> {
    let by = ["--author", "M. Blanc", "--reason", "faux concours"];
    hub.command(&[&["rule", "refuse", site], &by[..]].concat())?.success().map(drop)
}

fn box_says(appliance: &Appliance<'_>, arguments: &[&str]) -> Result<Output> {
    preau(&[arguments, &["--data", &text(appliance.data())?]].concat())
}

/// What the hub has of files, in its folder or in its store.
fn kept(hub: &Hub, engines: &Engines) -> Result<Vec<Vec<u8>>> {
    match &engines.store {
        Some(store) => store.contents(),
        None => files_at(hub),
    }
}

fn lose_and_restore(engines: Engines) -> Result<()> {
    let lab = Lab::new()?;
    let mut appliance = lab.appliance_with(&configuration()?)?;
    appliance.add_usual_devices()?;
    run_day(&lab, &mut appliance, "mediatheque.example")?;
    let words = engines.words();
    let mut hub =
        Hub::start_with(&words.iter().map(String::as_str).collect::<Vec<_>>(), &engines.credentials())?;
    box_says(&appliance, &["enrol", &hub.code(&[])?, "--hub", &hub.url()])?.success()?;
    refuse(&hub, "concours.example")?;
    box_says(&appliance, &["sync", "now"])?.success()?;
    let open_code = hub.command(&["code", "0911234X"])?.success()?;
    let copy = BackUp::make(&hub, &engines)?;

    // A day more, and another word of the commune's: no copy has them.
    run_day(&lab, &mut appliance, "encyclopedie.example")?;
    refuse(&hub, "jeux.example")?;
    box_says(&appliance, &["sync", "now"])?.success()?;
    let witness = hub.witness.clone();
    hub.kill()?;
    drop(engines);

    let engines = copy.put_back(hub.folder.path())?;
    let words = engines.words();
    let hub = hub.started_again_with(&words.iter().map(String::as_str).collect::<Vec<_>>())?;
    ensure!(hub.witness == witness, "it is the same hub to whoever verifies");
    let boxes = hub.command(&["box", "list"])?.success()?;
    ensure!(boxes.starts_with("1\t0750655E\tenrolled"), "{boxes}");
    // The box has heard of a later word than the hub knows: it takes no old one, and does all else.
    let night = box_says(&appliance, &["sync", "now"])?;
    ensure!(night.status == Some(1) && night.stderr.contains("an old one is not taken"), "{night:#?}");
    let (found, sealed) = (kept(&hub, &engines)?, sealed_at(&appliance)?);
    ensure!(sealed.len() >= 2 && sealed.iter().all(|file| found.contains(file)), "no file is missing");
    refuse(&hub, "jeux.example")?;
    box_says(&appliance, &["sync", "now"])?.success()?;
    let verified = box_says(&appliance, &["journal", "verify", "--witness", &witness])?;
    ensure!(verified.is_success() && verified.stdout.contains("as witnessed"), "{verified:#?}");

    // Codes of the copy are good: whoever puts it back cancels them. States are read by the key of the copy.
    let number = open_code.split('-').next().unwrap_or_default();
    ensure!(hub.command(&["code", "list"])?.success()?.starts_with(number), "the code of then");
    hub.command(&["code", "cancel", number])?.success()?;
    let spare = School::new()?;
    let said = spare.enrol(&hub.code(&["--replacement"])?, &hub.url())?.success()?;
    ensure!(said.contains("2 devices, 0 people"), "{said}");
    Ok(())
}

#[test]
fn a_hub_on_sqlite_and_a_folder_is_put_back_from_its_copy() -> Result<()> {
    lose_and_restore(Engines { database: None, store: None })
}

#[test]
fn a_hub_on_postgresql_and_an_object_store_is_put_back_from_its_copy() -> Result<()> {
    lose_and_restore(Engines::start()?)
}
