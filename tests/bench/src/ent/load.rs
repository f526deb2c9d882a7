//! What is kept, asked for again and again: wrk asks, the same for each cache.

use std::time::Duration;

use anyhow::{Context, Result, ensure};

use super::NAME;
use super::contender::Contender;
use super::origin::Then;
use super::stage::Object;
use crate::process::{command, output};

/// Connections that ask at once: a classroom, and a few.
const CONNECTIONS: usize = 32;
/// Requests until a cache is sure to have something: the first one brings it, some keep it with the second one.
const WARMING: usize = 4;

/// What some seconds brought.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Hits {
    /// Answers.
    pub requests: f64,
    /// Answers a second.
    pub requests_a_second: f64,
    /// The latency that one answer of a hundred exceeds, in milliseconds.
    pub p99_ms: f64,
    /// Time of processors that the cache's programs took, in seconds.
    pub processor_s: f64,
    /// Requests to the server all the same: some caches lose what they have on a busy disk.
    pub asked: f64,
    /// Answers that were none: connections that failed, and other status codes.
    pub failures: f64,
}

/// Has a cache keep an object of this size, and asks for it for so long.
///
/// # Errors
/// wrk is missing, or the cache does not answer, or does not keep it.
pub fn ask(contender: &Contender, bytes: usize, duration: Duration) -> Result<Hits> {
    let path = format!("/hits/{bytes}");
    warm(contender, &path, bytes)?;
    let asked = contender.origin.tally(&path).requests;
    let before = contender.processor_s()?;
    let mut wrk = command("wrk");
    wrk.args(["--latency", "--threads", "1", "--timeout", "10s", "--connections", &CONNECTIONS.to_string()]);
    wrk.args(["--duration", &format!("{}s", duration.as_secs()), &format!("https://{NAME}{path}")]);
    let said = contender.at_the_pc(|| output(wrk))?;
    let processor_s = contender.processor_s()? - before;
    let asked = contender.origin.tally(&path).requests - asked;
    let hits = read(&said).with_context(|| format!("wrk says:\n{said}"))?;
    let asked = f64::from(u32::try_from(asked)?);
    ensure!(asked * 100.0 < hits.requests.max(1.0), "{} does not keep it: {asked}", contender.peer.name());
    Ok(Hits { processor_s, asked, ..hits })
}

fn warm(contender: &Contender, path: &str, bytes: usize) -> Result<()> {
    let object = Object::new(bytes, 1);
    if contender.origin.tally(path).requests == 0 {
        let served = object.clone();
        contender
            .origin
            .script(path, move |question, wire| served.answer(question, wire).map(|()| Then::GoOn));
    }
    for _ in 0..WARMING {
        let answer = contender.visit(|client| client.get(path, &[]))?;
        ensure!(answer.body == object.bytes, "{} serves other bytes", contender.peer.name());
    }
    Ok(())
}

/// What wrk prints.
fn read(said: &str) -> Result<Hits> {
    let word = |start: &str, number: usize| {
        let line = said.lines().find_map(|line| line.trim().strip_prefix(start));
        line.and_then(|rest| rest.split([' ', ',']).filter(|word| !word.is_empty()).nth(number))
    };
    let count = |line: Option<&str>| line.and_then(|text| text.parse::<f64>().ok());
    let requests = said.lines().find_map(|line| line.trim().split_once(" requests in "));
    let sockets = (0..4).filter_map(|number| count(word("Socket errors:", 2 * number + 1))).sum::<f64>();
    Ok(Hits {
        requests: count(requests.map(|(count, _)| count)).context("no count of requests")?,
        requests_a_second: count(word("Requests/sec:", 0)).context("no requests a second")?,
        p99_ms: word("99%", 0).and_then(milliseconds).context("no 99th percentile")?,
        processor_s: 0.0,
        asked: 0.0,
        failures: sockets + count(word("Non-2xx or 3xx responses:", 0)).unwrap_or_default(),
    })
}

fn milliseconds(text: &str) -> Option<f64> {
    let units = [("us", 1e-3), ("ms", 1.0), ("s", 1e3), ("m", 6e4)];
    units.iter().find_map(|(unit, ms)| Some(text.strip_suffix(unit)?.parse::<f64>().ok()? * ms))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_wrk_prints_is_read() {
        let said = "Running 3s test @ https://ent.example/hits/10000
  1 threads and 32 connections
  Thread Stats   Avg      Stdev     Max   +/- Stdev
    Latency     1.28ms    1.20ms  23.68ms   88.79%
    Req/Sec    28.13k     3.06k   33.11k    70.00%
  Latency Distribution
     50%  840.00us
     75%    1.63ms
     90%    2.72ms
     99%    5.70ms
  84123 requests in 3.01s, 824.72MB read
  Socket errors: connect 1, read 2, write 3, timeout 4
  Non-2xx or 3xx responses: 5
Requests/sec:  27948.17
Transfer/sec:    274.00MB
";
        let hits = read(said).unwrap();
        let expected = Hits {
            requests: 84_123.0,
            requests_a_second: 27_948.17,
            p99_ms: 5.7,
            processor_s: 0.0,
            asked: 0.0,
            failures: 15.0,
        };
        assert_eq!(hits, expected);
        assert_eq!(milliseconds("840.00us"), Some(0.84));
        assert!(read("nothing").is_err());
    }
}
