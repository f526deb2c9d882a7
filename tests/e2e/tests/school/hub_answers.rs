//! Answers of the hub that do not arrive: the box that enrolled asks again with the same code, and is the same box.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::thread;

use anyhow::{Context, Result, ensure};
use hub::register::sqlite::SqliteRegister;
use hub::register::{NewCode, Register as _};
use model::Timestamp;
use replication::EnrolmentCode;
use system::clock::now;

use crate::hub::{Hub, School};

/// Passes on what boxes say, and so many bytes of what the hub answers; then it cuts the line.
struct Answers {
    address: SocketAddr,
    left: Arc<AtomicI64>,
}

impl Answers {
    fn of(hub: SocketAddr) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let (address, left) = (listener.local_addr()?, Arc::new(AtomicI64::new(i64::MAX)));
        let allowed = Arc::clone(&left);
        // It ends with the test's process.
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let allowed = Arc::clone(&allowed);
                thread::spawn(move || pass(&client, hub, &allowed));
            }
        });
        Ok(Self { address, left })
    }

    fn url(&self) -> String {
        format!("https://{}", self.address)
    }

    /// So many bytes are passed on from now on.
    fn allow(&self, bytes: i64) {
        self.left.store(bytes, Ordering::SeqCst);
    }

    /// How many were passed on since so many were allowed.
    fn passed(&self, allowed: i64) -> i64 {
        allowed - self.left.load(Ordering::SeqCst)
    }
}

fn pass(client: &TcpStream, hub: SocketAddr, left: &AtomicI64) -> Option<()> {
    let server = TcpStream::connect(hub).ok()?;
    let (mut asked, mut to) = (client.try_clone().ok()?, server.try_clone().ok()?);
    thread::spawn(move || {
        drop(std::io::copy(&mut asked, &mut to));
        drop(to.shutdown(Shutdown::Both));
    });
    let (mut from, mut back, mut buffer) = (&server, client, [0; 4_096]);
    loop {
        let count = from.read(&mut buffer).ok().filter(|count| *count > 0)?;
        let wanted = i64::try_from(count).ok()?;
        let allowed = usize::try_from(left.fetch_sub(wanted, Ordering::SeqCst).clamp(0, wanted)).ok()?;
        back.write_all(buffer.get(..allowed)?).ok()?;
        if allowed < count {
            drop((server.shutdown(Shutdown::Both), client.shutdown(Shutdown::Both)));
            return None;
        }
    }
}

#[test]
fn a_box_that_did_not_hear_that_it_enrolled_asks_again_and_nobody_else_can() -> Result<()> {
    let mut hub = Hub::start()?;
    let answers = Answers::of(hub.address())?;
    // How much a hub says in an enrolment.
    let other = hub.command(&["code", "0911234X"])?.success()?;
    School::new()?.enrol(other.trim(), &answers.url())?.success()?;
    let all = answers.passed(i64::MAX);

    let (school, thief) = (School::new()?, School::new()?);
    let code = hub.code(&[])?;
    let enrolled = || -> Result<Vec<String>> {
        let boxes = hub.command(&["box", "list"])?.success()?;
        Ok(boxes.lines().filter(|line| line.contains("0750655E")).map(str::to_owned).collect())
    };
    // The end of the answer, its middle, and before its first byte: what the box's three tries bring is cut as well.
    for missing in [1, 300, 900] {
        answers.allow(all - missing);
        school.refused(&["enrol", &code, "--hub", &answers.url()], "does not answer")?;
        ensure!(!school.0.path().join("hub/identity").exists());
    }
    let boxes = enrolled()?;
    ensure!(boxes.len() == 1, "it is at the hub: {boxes:?}");
    answers.allow(i64::MAX);
    thief.refused(&["enrol", &code, "--hub", &answers.url()], "used already")?;

    // The hub dies as well: what it was asked is in the register.
    hub.kill()?;
    school.refused(&["enrol", &code, "--hub", &answers.url()], "does not answer")?;
    let hub = hub.started_again()?;
    let said = school.enrol(&code, &answers.url())?.success()?;
    let number = boxes.first().and_then(|line| line.split('\t').next()).context("its number")?.to_owned();
    ensure!(said.contains(&format!("this box is number {number} ")), "{said}");
    school.run(&["sync", "now"])?.success()?;
    let boxes = hub.command(&["box", "list"])?.success()?;
    ensure!(boxes.matches("0750655E").count() == 1, "{boxes}");

    // It is heard of now: the code is worth nothing more, for itself either.
    school.refused(&["enrol", &code, "--hub", &answers.url(), "--again"], "used already")?;
    Ok(())
}

#[test]
fn a_code_that_is_too_old_enrols_nobody_and_says_so() -> Result<()> {
    let hub = Hub::start()?;
    let register = SqliteRegister::open(&hub.folder.path().join("register.sqlite"))?;
    let made = |seed: u8, ahead_ms: i64| -> Result<String> {
        let code = EnrolmentCode::from_chance(&[seed; 64]).context("a code")?;
        let until = Timestamp::from_unix_ms(now().unix_ms() + ahead_ms);
        let new = NewCode { code: code.clone(), uai: "0750655E".parse()?, is_replacement: false, until };
        register.add_code(&new)?;
        Ok(code.to_string())
    };
    let school = School::new()?;
    school.refused(&["enrol", &made(7, -1)?, "--hub", &hub.url()], "the code is too old")?;
    ensure!(!school.0.path().join("hub/identity").exists());
    // Another one, in its time, by the same box.
    school.enrol(&made(8, 60_000)?, &hub.url())?.success().map(drop)
}
