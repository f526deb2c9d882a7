//! The box starts, with much in its cache: from its start to the first answer from there.
//!
//! What is in the cache is made here, as `docs/formats.md` has it: records, and bodies that are as long as they say and have nothing in
//! them but holes.

use std::fs::{self, File};
use std::path::Path;
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use cache::{Exchange, Kept, Key, Sealing, judge, write_record};
use http::{HeaderMap, Method, StatusCode};
use model::Timestamp;

use super::NAME;
use super::contender::Contender;
use super::origin::Then;
use super::peers::Peer;
use super::stage::Object;

/// Films, and the bytes of one.
const FILMS: (u32, u64) = (190, 1_000_000_000);
/// Documents.
const DOCUMENTS: (u32, u64) = (100_000, 100_000);
/// A page that the box has fetched itself.
const PAGE: &str = "/page";
const PAGE_BYTES: usize = 10_000;
/// Looks for the first answer, at most.
const LOOKS_MAX: u32 = 20_000;
const LOOK: Duration = Duration::from_millis(2);

/// What is made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stock {
    /// Things that are kept.
    pub objects: u32,
    /// Their bytes.
    pub bytes: u64,
}

/// The times from start to first answer, in milliseconds: with one page in the cache, and with 200 GB beside it.
///
/// # Errors
/// The box does not start, or does not keep the page.
pub fn compare(rounds: usize) -> Result<(Vec<f64>, Vec<f64>, Stock)> {
    let mut contender = Contender::start(Peer::Preau)?;
    let page = Object::new(PAGE_BYTES, 1);
    contender.origin.script(PAGE, move |question, wire| page.answer(question, wire).map(|()| Then::GoOn));
    for _ in 0..2 {
        contender.visit(|client| client.get(PAGE, &[]))?;
    }
    let empty = (0..rounds).map(|_| start(&mut contender, |_| Ok(()))).collect::<Result<_>>()?;
    let mut stock = Stock::default();
    // The first start after it was made counts as any other: nothing is left of the one before.
    let fill = |data: &Path| make(&data.join("ent")).map(|made| stock = made);
    let mut full = vec![start(&mut contender, fill)?];
    for _ in 1..rounds {
        full.push(start(&mut contender, |_| Ok(()))?);
    }
    Ok((empty, full, stock))
}

/// Until the page is served from the cache.
fn start(contender: &mut Contender, meanwhile: impl FnOnce(&Path) -> Result<()>) -> Result<f64> {
    contender.restart(meanwhile)?;
    let started = now();
    for _ in 0..LOOKS_MAX {
        let answer = contender.visit(|client| client.get(PAGE, &[]));
        if let Ok(answer) = answer
            && answer.status == 200
        {
            let told = answer.field("cache-status").unwrap_or_default();
            ensure!(told.contains("hit"), "the page is not kept: {told}");
            return Ok(started.elapsed().as_secs_f64() * 1e3);
        }
        thread::sleep(LOOK);
    }
    anyhow::bail!("no answer")
}

/// Makes the stock in the cache's folder.
fn make(folder: &Path) -> Result<Stock> {
    let mut stock = Stock::default();
    for (kind, (count, bytes)) in [("film", FILMS), ("document", DOCUMENTS)] {
        for number in 0..count {
            keep(folder, &format!("/{kind}/{number}"), bytes)?;
        }
        stock.objects += count;
        stock.bytes += u64::from(count) * bytes;
    }
    Ok(stock)
}

fn keep(folder: &Path, path: &str, length: u64) -> Result<()> {
    let key = Key::new(NAME, path).context("a key")?;
    let mut response = HeaderMap::new();
    for (name, value) in [("cache-control", "public, max-age=86400"), ("etag", "\"v1\"")] {
        response.insert(name, value.parse()?);
    }
    response.insert("content-length", length.into());
    let at = Timestamp::from_unix_ms(jiff::Timestamp::from_second(1_790_000_000)?.as_millisecond());
    let exchange = Exchange {
        method: &Method::GET,
        request: &HeaderMap::new(),
        status: StatusCode::OK,
        response: &response,
        requested: at,
        received: at,
    };
    let stored = judge(&exchange, &[])?;
    let hash = blake3::hash(key.as_str().as_bytes());
    let name: String = hash.as_bytes().iter().take(16).map(|byte| format!("{byte:02x}")).collect();
    let place = folder.join(name.get(..2).context("a name")?);
    fs::write(place.join(format!("{name}.record")), write_record(&key, &[Kept { stored, body: 1, length }]))?;
    let body = File::create(place.join(format!("{name}-{:016x}.body", 1)))?;
    Ok(body.set_len(Sealing::Checked.file_bytes(length))?)
}

#[expect(clippy::disallowed_methods, reason = "a benchmark measures real time")]
fn now() -> std::time::Instant {
    std::time::Instant::now()
}
