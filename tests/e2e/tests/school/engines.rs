//! Two hubs on one PostgreSQL and one object store, behind a balancer: one of them is killed in the middle of a night, and nothing is lost.

use std::fs;
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::process::Child;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use anyhow::{Result, ensure};
use harness::{Lab, ObjectStore, Postgres};

use crate::hub::{Hub, Line, School, configuration, preau, run_day, sealed_at, text};

/// Passes each connection to the next hub in turn; one that does not answer is passed over.
struct Balancer(SocketAddr);

impl Balancer {
    fn before(hubs: [SocketAddr; 2]) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let address = listener.local_addr()?;
        let turn = AtomicUsize::new(0);
        // It ends with the test's process.
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let first = turn.fetch_add(1, Ordering::SeqCst);
                let order = [first % 2, (first + 1) % 2];
                let server = order.iter().find_map(|place| TcpStream::connect(hubs.get(*place)?).ok());
                if let Some(server) = server {
                    join(client, server);
                }
            }
        });
        Ok(Self(address))
    }

    fn url(&self) -> String {
        format!("https://{}", self.0)
    }
}

fn join(client: TcpStream, server: TcpStream) {
    let (client, server) = (Arc::new(client), Arc::new(server));
    for (from, to) in [(&client, &server), (&server, &client)] {
        let (from, to) = (Arc::clone(from), Arc::clone(to));
        thread::spawn(move || {
            drop(std::io::copy(&mut &*from, &mut &*to));
            drop((from.shutdown(Shutdown::Both), to.shutdown(Shutdown::Both)));
        });
    }
}

/// A second process with the keys of the first, on the same engines.
struct Second {
    process: Child,
    folder: tempfile::TempDir,
}

impl Drop for Second {
    fn drop(&mut self) {
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

#[test]
fn one_of_two_hubs_is_killed_in_the_middle_of_a_night_and_nothing_is_lost() -> Result<()> {
    let (database, store) = (Postgres::start()?, ObjectStore::start()?);
    let (key, secret) = store.credentials();
    let address = database.address();
    let place = format!("s3://{}/hub", store.bucket());
    let endpoint = store.endpoint();
    let engines = [
        "--register",
        &address,
        "--blobs",
        &place,
        "--s3-endpoint",
        &endpoint,
        "--s3-region",
        store.region(),
    ];
    let mut hub = Hub::start_with(&engines, &format!("s3 {key} {secret}\n"))?;
    ensure!(!hub.folder.path().join("register.sqlite").exists(), "nothing lies here but keys");

    let folder = tempfile::tempdir()?;
    for name in ["authority", "members", "witness", "snapshot-key", "engines", "credentials"] {
        fs::copy(hub.folder.path().join(name), folder.path().join(name))?;
    }
    let (process, other, witness) = Hub::run(folder.path(), "127.0.0.1:0", &[])?;
    let second = Second { process, folder };
    ensure!(witness == hub.witness, "they sign by one key");
    let balancer = Balancer::before([hub.address(), other])?;

    let lab = Lab::new()?;
    let mut appliance = lab.appliance_with(&configuration()?)?;
    appliance.add_usual_devices()?;
    run_day(&lab, &mut appliance, "mediatheque.example")?;
    run_day(&lab, &mut appliance, "encyclopedie.example")?;
    let data = text(appliance.data())?;
    let box_says = |arguments: &[&str]| preau(&[arguments, &["--data", &data]].concat());
    let line = Line::to(balancer.0)?;
    box_says(&["enrol", &hub.code(&[])?, "--hub", &line.url()])?.success()?;

    // The line is cut a little later each time, and after the third time the first hub is there no more.
    let (mut cuts, mut allowed) = (0, 500);
    loop {
        line.allow(allowed);
        let night = box_says(&["sync", "now", "--kbit", "80"])?;
        if night.is_success() {
            break;
        }
        ensure!(night.stderr.contains("does not answer"), "{night:#?}");
        (cuts, allowed) = (cuts + 1, allowed + 900);
        ensure!(cuts < 100, "it never ends: {night:#?}");
        if cuts == 3 {
            hub.kill()?;
        }
    }
    ensure!(cuts >= 5, "it was cut {cuts} times only");
    let (kept, sealed) = (store.contents()?, sealed_at(&appliance)?);
    ensure!(sealed.iter().all(|file| kept.contains(file)), "every byte is there");
    ensure!(kept.len() == sealed.len() + 1, "and its state; no piece is left");

    // What is done at one hub's folder is known at the other; the state comes from the store.
    let command = |arguments: &[&str]| {
        preau(&[&["hub"], arguments, &["--data", &text(second.folder.path())?]].concat())
    };
    let boxes = command(&["box", "list"])?.success()?;
    ensure!(boxes.starts_with("1\t0750655E\tenrolled"), "{boxes}");
    let spare = School::new()?;
    let code = command(&["code", "0750655E", "--replacement"])?.success()?;
    let said = spare.enrol(code.trim(), &balancer.url())?.success()?;
    ensure!(said.contains("2 devices, 0 people"), "{said}");
    line.allow(i64::MAX);
    let said = box_says(&["sync", "now"])?;
    ensure!(said.stderr.contains("revoked this box"), "{said:#?}");
    Ok(())
}
