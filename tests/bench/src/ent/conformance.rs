//! An independent suite of tests for HTTP caches, `http-cache-tests`: what the RFCs require, what they leave to a cache, and how it
//! behaves where they say nothing. Its own server stands behind the cache, its own client before it.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

use super::contender::Contender;
use super::origin::Origin;
use super::peers::Peer;
use super::vouching::Vouching;
use super::{NAME, PLAIN_PORT, TLS_PORT};
use crate::process::{Program, command, output};

/// A file that its server has, so that it is seen to be there.
const READY: &str = "/package.json";
/// Tests that a run has at least: fewer were not played.
const TESTS_MIN: usize = 300;

/// What a test asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// What the RFCs require.
    Required,
    /// What a good cache does.
    Optional,
    /// What may be so or otherwise.
    Behaviour,
}

/// What came of a test.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It holds.
    Pass,
    /// It does not.
    Fail,
    /// It could not be told: what it builds on does not hold.
    Unplayed,
}

/// A test, and what came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// Its name.
    pub name: String,
    /// What it asks for.
    pub kind: Kind,
    /// What came of it.
    pub outcome: Outcome,
    /// Why it does not hold.
    pub why: String,
}

/// Plays the suite, which `./dev` has put into the folder `suite`, with a cache.
///
/// # Errors
/// The suite is not there, or not played to its end; or the cache does not answer.
pub fn play(peer: Peer, suite: &Path) -> Result<Vec<Verdict>> {
    let server = suite.join("node_modules/http-cache-tests");
    ensure!(server.exists(), "there is no {}: run `./dev bench conformance`", server.display());
    let serve = |vouching: &Vouching, folder: &Path| serve(peer, &server, vouching, folder).map(Some);
    let contender = Contender::start_before(peer, (Origin::default(), READY), serve)?;
    let mut client = command("node");
    client.arg("--no-warnings").arg(suite.join("play.mjs")).arg(format!("https://{NAME}"));
    client.env("NODE_EXTRA_CA_CERTS", contender.authority());
    let said = contender.at_the_pc(|| output(client))?;
    let verdicts = said.lines().map(read).collect::<Option<Vec<_>>>().context("what the suite prints")?;
    ensure!(verdicts.len() >= TESTS_MIN, "{} tests were played:\n{said}", verdicts.len());
    Ok(verdicts)
}

/// Starts the suite's server, as the cache asks it.
fn serve(peer: Peer, place: &Path, vouching: &Vouching, folder: &Path) -> Result<Program> {
    let (protocol, port) = if peer.asks_plainly() { ("http", PLAIN_PORT) } else { ("https", TLS_PORT) };
    let mut server = command("node");
    // As `npm run` tells it.
    let files: [(&str, PathBuf); 3] = [
        ("pidfile", folder.join("server.pid")),
        ("keyfile", vouching.key.clone()),
        ("certfile", vouching.chain.clone()),
    ];
    server.arg("--no-warnings").arg("server/server.mjs").current_dir(place);
    server.env("npm_config_protocol", protocol).env("npm_config_port", port.to_string());
    for (name, file) in files {
        server.env(format!("npm_config_{name}"), file);
    }
    Program::start("suite", server, folder)
}

/// A line of `play.mjs`.
fn read(line: &str) -> Option<Verdict> {
    let mut words = line.splitn(4, '\t');
    let name = words.next()?.to_owned();
    let kind = match words.next()? {
        "required" => Kind::Required,
        "optimal" => Kind::Optional,
        "check" => Kind::Behaviour,
        _ => return None,
    };
    let outcome = match words.next()? {
        "pass" => Outcome::Pass,
        "fail" => Outcome::Fail,
        "unplayed" => Outcome::Unplayed,
        _ => return None,
    };
    Some(Verdict { name, kind, outcome, why: words.next()?.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_suite_prints_is_read() {
        let expected = Verdict {
            name: "freshness-max-age-stale".to_owned(),
            kind: Kind::Required,
            outcome: Outcome::Fail,
            why: "Assertion: Response 2 comes from cache".to_owned(),
        };
        let line = "freshness-max-age-stale\trequired\tfail\tAssertion: Response 2 comes from cache";
        assert_eq!(read(line), Some(expected));
        assert_eq!(read("a\toptimal\tpass\t").map(|verdict| verdict.kind), Some(Kind::Optional));
        assert_eq!(read("a\tcheck\tperhaps\t"), None);
        assert_eq!(read("(node:1) a warning"), None);
    }
}
