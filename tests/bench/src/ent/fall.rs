//! The line falls: packets to the ENT's server vanish without a word, and a class opens what the cache has kept.

use std::thread;
use std::time::Duration;

use anyhow::{Result, ensure};

use super::client::Client;
use super::contender::Contender;
use super::origin::Then;
use super::stage::Object;

/// A page.
const PAGE_BYTES: usize = 10_000;
/// Who opens one each, at once.
pub const CLASS: usize = 25;
/// How long a page is fresh, in seconds.
const FRESH_S: u32 = 1;
/// Until all are stale for sure.
const STALE_AFTER: Duration = Duration::from_secs(3);
/// Requests until a cache is sure to have something.
const WARMING: usize = 2;
/// For an answer, and for the return of the line to be noticed: some caches take two minutes, which no class waits.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// What came of it, in milliseconds from the request to the first byte of a page that was kept; infinite where it never comes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Fall {
    /// The first one who asks, before anybody knows.
    pub first_ms: f64,
    /// Of the class that asks next, each for a page of its own, the middle.
    pub class_ms: f64,
    /// The last of the class.
    pub last_ms: f64,
    /// Until something is asked of the server again, once the line is mended, in seconds.
    pub back_s: f64,
}

/// Has a cache keep pages, cuts the line and mends it.
///
/// # Errors
/// The cache does not keep them, or the line cannot be cut.
pub fn fall(contender: &Contender, round: usize) -> Result<Fall> {
    let page = Object::new(PAGE_BYTES, 1).fresh_for(FRESH_S);
    let path = |number: usize| format!("/fall/{round}/{number}");
    for number in 0..=CLASS {
        let served = page.clone();
        contender
            .origin
            .script(&path(number), move |question, wire| served.answer(question, wire).map(|()| Then::GoOn));
        for _ in 0..WARMING {
            let answer = contender.visit(|client| client.get(&path(number), &[]))?;
            ensure!(answer.body == page.bytes, "{} serves other bytes", contender.peer.name());
        }
    }
    thread::sleep(STALE_AFTER);
    contender.cut()?;
    let (first_ms, mut class) = contender.visit(|client| {
        let client = client.patient(PATIENCE);
        let first_ms = open(&client, &path(0), &page);
        let class = thread::scope(|scope| {
            let each = |number| {
                let (client, path, page) = (&client, path(number), &page);
                scope.spawn(move || open(client, &path, page))
            };
            let opening: Vec<_> = (1..=CLASS).map(each).collect();
            opening.into_iter().map(|it| it.join().unwrap_or(f64::INFINITY)).collect::<Vec<f64>>()
        });
        Ok((first_ms, class))
    })?;
    class.sort_by(f64::total_cmp);
    let at = |place: usize| class.get(place).copied().unwrap_or(f64::INFINITY);
    contender.mend()?;
    let back_s = await_server(contender, &path(0))?;
    Ok(Fall { first_ms, class_ms: at(CLASS / 2), last_ms: at(CLASS - 1), back_s })
}

/// Until the first byte of the page.
fn open(client: &Client, path: &str, page: &Object) -> f64 {
    match client.get(path, &[]) {
        Ok(answer) if answer.body == page.bytes => answer.first_byte_after.as_secs_f64() * 1e3,
        Ok(_) | Err(_) => f64::INFINITY,
    }
}

/// Opens the page, which is stale at each look but for the first after the return, until the server hears of it.
fn await_server(contender: &Contender, path: &str) -> Result<f64> {
    const LOOK: Duration = Duration::from_millis(50);
    let (mended, known) = (now(), contender.origin.tally(path).requests);
    while mended.elapsed() < PATIENCE {
        // One that fails says no more than that it is not back.
        let _answer = contender.visit(|client| client.patient(PATIENCE).get(path, &[]));
        if contender.origin.tally(path).requests > known {
            return Ok(mended.elapsed().as_secs_f64());
        }
        thread::sleep(LOOK);
    }
    Ok(f64::INFINITY)
}

#[expect(clippy::disallowed_methods, reason = "a benchmark measures real time")]
fn now() -> std::time::Instant {
    std::time::Instant::now()
}
