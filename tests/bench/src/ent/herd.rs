//! A class that opens a film which nobody has opened yet, behind a line that carries so much and no more.

use std::thread;
use std::time::Duration;

use anyhow::Result;

use super::client::{Answer, Client};
use super::contender::Contender;
use super::origin::Then;
use super::stage::Object;

/// The film. A cache that fetches it for each of the class takes forty seconds for that: longer ones show nothing more.
pub const FILM_BYTES: usize = 10_000_000;
/// Who opens it.
pub const HERD: usize = 50;
/// The line, in bytes a second: 100 Mbit/s, so that the worst of the caches is not waited for until tomorrow.
pub const LINE: f64 = 12.5e6;
/// For one who jumps to the end: some caches never serve that.
const JUMP_PATIENCE: Duration = Duration::from_secs(5);

/// What came of it.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Opening {
    /// Bytes of the film that came from the server, for each byte of it.
    pub transfers: f64,
    /// Requests to the server.
    pub requests: usize,
    /// Until the first one has a byte, in milliseconds; infinite where nobody gets the film.
    pub first_ms: f64,
    /// Until the last one has.
    pub last_ms: f64,
    /// Until all have all of it, in seconds.
    pub all_s: f64,
    /// Until one who jumps to the end, while the film comes, has a byte, in milliseconds; infinite where it never comes.
    pub jump_ms: f64,
    /// Clients that did not get the film.
    pub failures: usize,
}

/// Has the class open film number `round`.
///
/// # Errors
/// The cache does not answer.
pub fn open(contender: &Contender, round: usize) -> Result<Opening> {
    let object = Object::new(FILM_BYTES, 1);
    let path = format!("/film/{round}");
    let served = object.clone();
    contender.origin.script(&path, move |question, wire| served.answer(question, wire).map(|()| Then::GoOn));
    contender.origin.narrow(LINE);
    let (mut opening, asked) = contender.visit(|client| {
        let begun = now();
        let answers = thread::scope(|scope| {
            let ask = || client.get(&path, &[]);
            let asking: Vec<_> = (0..HERD).map(|_| scope.spawn(ask)).collect();
            asking.into_iter().filter_map(|asked| asked.join().ok()?.ok()).collect::<Vec<Answer>>()
        });
        let all_s = begun.elapsed().as_secs_f64();
        let good = answers.iter().filter(|answer| answer.is_whole && answer.body == object.bytes);
        let waits: Vec<f64> = good.map(|answer| milliseconds(answer.first_byte_after)).collect();
        let opening = Opening {
            first_ms: waits.iter().copied().fold(f64::INFINITY, f64::min),
            last_ms: waits.iter().copied().reduce(f64::max).unwrap_or(f64::INFINITY),
            all_s,
            failures: HERD - waits.len(),
            ..Opening::default()
        };
        Ok((opening, contender.origin.tally(&path)))
    })?;
    #[expect(clippy::cast_precision_loss, reason = "shown with three digits")]
    {
        opening.transfers = asked.bytes as f64 / FILM_BYTES as f64;
    }
    opening.requests = asked.requests;
    opening.jump_ms = jump(contender, &format!("{path}/jump"), &object)?;
    Ok(opening)
}

/// Until one who jumps to the end of another film has a byte; infinite where another part comes, or all of it.
fn jump(contender: &Contender, path: &str, object: &Object) -> Result<f64> {
    let served = object.clone();
    contender.origin.script(path, move |question, wire| served.answer(question, wire).map(|()| Then::GoOn));
    contender.visit(|client| {
        // What never comes is a figure as well.
        Ok(jump_as(&client.patient(JUMP_PATIENCE), path).unwrap_or(f64::INFINITY))
    })
}

fn jump_as(client: &Client, path: &str) -> Result<f64> {
    let mut first = client.begin("GET", path, &[])?;
    first.read_some(1)?;
    let answer = client.get(path, &[("Range", "bytes=-1000")])?;
    let is_there = answer.body.len() == 1_000;
    Ok(if is_there { milliseconds(answer.first_byte_after) } else { f64::INFINITY })
}

fn milliseconds(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}

#[expect(clippy::disallowed_methods, reason = "a benchmark measures real time")]
fn now() -> std::time::Instant {
    std::time::Instant::now()
}
