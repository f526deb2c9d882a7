//! The box's own client across a line that is cut at random bytes, both ways, after a month without a hub.

use std::collections::BTreeSet;
use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use bench::hub::engines::{Engine, Hubs};
use bench::hub::template::Template;
use bench::hub::{commune, nights};
use bench::random::Random;
use system::clock::now;

/// A day before the month, and the month.
const DAYS: usize = 32;
/// Accesses of a day: each is a file of some thousand bytes.
const VISITS: usize = 300;
const SCHOOLS: usize = 2;
/// Most bytes of a record of TLS: what is cut of one has not arrived.
const RECORD_BYTES: i64 = 16 << 10;
/// How long what came through has until the end is seen: on a line, it is read by then, and what is read together with its end does not count.
const REACH: Duration = Duration::from_millis(20);
/// What a box has to bring takes some ten nights at least, and some hundred mostly: 66 to 183 were seen, more on a busy machine.
const CUTS_MIN: u32 = 5;
const CUTS_MAX: u32 = 1_000;

/// A line that is cut after so many bytes, whichever way they go.
struct Line {
    address: SocketAddr,
    left: Arc<AtomicI64>,
}

impl Line {
    fn to(hub: SocketAddr) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let address = listener.local_addr()?;
        let left = Arc::new(AtomicI64::new(i64::MAX));
        let line = Arc::clone(&left);
        // It ends with the test's process.
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let Ok(server) = TcpStream::connect(hub) else { continue };
                let (client, server) = (Arc::new(client), Arc::new(server));
                for (from, to) in [(&client, &server), (&server, &client)] {
                    let (from, to, left) = (Arc::clone(from), Arc::clone(to), Arc::clone(&line));
                    thread::spawn(move || pass(&from, &to, &left));
                }
            }
        });
        Ok(Self { address, left })
    }

    /// It holds for so many bytes from now on.
    fn allow(&self, bytes: i64) {
        self.left.store(bytes, Ordering::SeqCst);
    }
}

fn pass(from: &TcpStream, to: &TcpStream, left: &AtomicI64) {
    let (mut source, mut target, mut buffer) = (from, to, [0; 1_000]);
    while let Ok(read @ 1..) = source.read(&mut buffer) {
        let wanted = i64::try_from(read).unwrap_or(0);
        let allowed = left.fetch_sub(wanted, Ordering::SeqCst).clamp(0, wanted);
        let allowed = usize::try_from(allowed).unwrap_or(0);
        if target.write_all(buffer.get(..allowed).unwrap_or_default()).is_err() {
            break;
        }
        if allowed < read {
            thread::sleep(REACH);
            break;
        }
    }
    drop((from.shutdown(Shutdown::Both), to.shutdown(Shutdown::Both)));
}

/// For how many bytes at most the line holds: a night in which nothing is new goes through every other time, a record or two of what is new as well,
/// and a month never at once.
fn measure(line: &Line, data: &Path) -> Result<usize> {
    line.allow(i64::MAX);
    let report = nights::attempt(data)?;
    ensure!((report.files, report.bytes) == (0, 0), "nothing is new: {report:?}");
    let idle = i64::MAX - line.left.load(Ordering::SeqCst);
    Ok(usize::try_from(2 * (idle + RECORD_BYTES))?)
}

/// What the files hold that have this ending, or none.
fn contents(folder: &Path, extension: Option<&str>) -> Result<BTreeSet<Vec<u8>>> {
    let mut found = BTreeSet::new();
    for entry in fs::read_dir(folder).with_context(|| folder.display().to_string())? {
        let path = entry?.path();
        if path.is_file() && path.extension().and_then(|it| it.to_str()) == extension {
            found.insert(fs::read(&path)?);
        }
    }
    Ok(found)
}

#[test]
fn a_month_without_a_hub_loses_nothing_wherever_the_line_is_cut_then() -> Result<()> {
    let place = tempfile::tempdir()?;
    let template = Template::make_of(&place.path().join("template"), DAYS, VISITS)?;
    let mut hubs = Hubs::start(Engine::Sqlite, 1, &place.path().join("commune"))?;
    let line = Line::to(*hubs.addresses.first().context("a hub")?)?;
    hubs.addresses = vec![line.address];
    let boxes = commune::enrol(&hubs, &template, SCHOOLS, &place.path().join("boxes"))?;
    for data in &boxes {
        template.give(0, data)?;
        ensure!(nights::attempt(data)?.files > 0, "the night before");
    }

    let bytes_max = measure(&line, boxes.first().context("a box")?)?;

    // Nobody is there: each night is tried, and what was sealed stays.
    line.allow(0);
    for night in 1..DAYS {
        for data in &boxes {
            template.give(night, data)?;
            ensure!(nights::attempt(data).is_err(), "there is no line");
        }
    }
    let seed = now().unix_ms().unsigned_abs();
    let mut random = Random::new(seed);
    for (number, data) in boxes.iter().enumerate() {
        let (mut cuts, at_box) = (0, contents(&data.join("sealed"), Some("age"))?);
        ensure!(at_box.len() >= DAYS, "{} files of a month", at_box.len());
        loop {
            line.allow(i64::try_from(random.below(bytes_max))?);
            match nights::attempt(data) {
                Ok(report) => {
                    ensure!(report.log_size > 0, "it is signed: {report:?}");
                    break;
                }
                Err(error) if cuts == CUTS_MAX => {
                    let told = || format!("it never ends: {bytes_max} bytes at most, seed {seed}");
                    return Err(error).with_context(told);
                }
                Err(_) => cuts += 1,
            }
        }
        ensure!(cuts >= CUTS_MIN, "it was cut {cuts} times only: seed {seed}");
        let at_hub = contents(&hubs.folder.join("files").join((number + 1).to_string()), None)?;
        ensure!(at_hub == at_box, "every byte of a month is there, and none besides: seed {seed}");
        line.allow(i64::MAX);
        let again = nights::attempt(data)?;
        ensure!((again.files, again.bytes) == (0, 0), "nothing goes twice: {again:?}, seed {seed}");
    }
    Ok(())
}
